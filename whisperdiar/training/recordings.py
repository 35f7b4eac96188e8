"""Training recordings: the sound and the reference turns of a manifest, checked before the work begins."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.datasets import Recording, read_turns, read_uem
from whisperdiar.errors import FormatError
from whisperdiar.media import load
from whisperdiar.scoring import Difference, RecordingScore, Score, compare_scores
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Diarization, Span, Turn

MEASURE = "DER"
_RESAMPLES = 2000
SLACK_S = 1.0
"""By which a reference may outlast its recording: decoders disagree about the padding at the end."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferencedAudio:
    """A recording, mono at 16 kHz, with who speaks when in it.

    Attributes:
        id: of the recording.
        audio: its sound.
        turns: of the reference, cut at the end of the sound.
        scored: parts of it for which the reference holds, in order.
    """

    id: str
    audio: Audio
    turns: tuple[Turn, ...]
    scored: tuple[Span, ...]


def load_recordings(recordings: Sequence[Recording], *, progress: Progress = no_progress) -> list[ReferencedAudio]:
    """The sound and the references of at least two recordings.

    Raises:
        FormatError: there is one recording only, one has no reference, or a reference lies outside its sound.
        MediaError: a recording cannot be read.
    """
    if len(recordings) < 2:
        raise FormatError(
            _("the manifest lists one recording: give two or more, because some are held back to measure the result")
        )
    found = [_check(item) for item in recordings]  # all of them before minutes of decoding
    return [_load(item, reference, progress) for item, reference in zip(recordings, found, strict=True)]


def compare_errors(
    before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]], *, seed: int
) -> Difference:
    """Whether two diarization error rates differ by chance, from their components by recording: after less before.

    Recordings are what is drawn and swapped (`compare_scores`), since what is said within one is not independent.
    """
    sides = [
        Score(name, tuple(RecordingScore(own, {MEASURE: parts}) for own, parts in side.items()), {}, {})
        for name, side in (("before", before), ("after", after))
    ]
    return compare_scores(*sides, resamples=_RESAMPLES, seed=seed)[0]


def _check(recording: Recording) -> Diarization:
    """Reference turns of a recording whose files are there."""
    reference = read_turns(recording)
    if reference is None:
        raise FormatError(
            _("{id}: it has no reference turns; name an RTTM as 'turns' in the manifest").format(id=recording.id)
        )
    if not reference.turns:
        raise FormatError(
            _("{id}: nobody speaks in its reference {turns}; correct it, or leave the recording out").format(
                id=recording.id, turns=recording.turns
            )
        )
    read_uem(recording)
    if not os.path.isfile(recording.audio):
        raise FormatError(
            _("{audio}: the sound is missing; run `whisperdiar data manifest` to find all such files").format(
                audio=recording.audio
            )
        )
    return reference


def _load(recording: Recording, reference: Diarization, progress: Progress) -> ReferencedAudio:
    audio = load(recording.audio, channels="mono", channel=recording.channel, progress=progress)
    end = max(turn.end for turn in reference.turns)
    if end > audio.duration + SLACK_S:
        raise FormatError(
            _(
                "{id}: its reference reaches to {end:.1f} s and its sound has {duration:.1f} s; check that "
                "they belong together"
            ).format(id=recording.id, end=end, duration=audio.duration)
        )
    clipped = ((turn, turn.span.clip(0.0, audio.duration)) for turn in reference.turns)
    turns = tuple(Turn(span, turn.speaker) for turn, span in clipped if span is not None and span.duration > 0)
    given = read_uem(recording)
    whole = (Span(0.0, audio.duration),)
    inside = (span.clip(0.0, audio.duration) for span in (whole if given is None else given))
    scored = tuple(span for span in inside if span is not None and span.duration > 0)
    if not scored or not turns:
        raise FormatError(
            _("{id}: its reference has nothing inside the sound; check turns and uem").format(id=recording.id)
        )
    return ReferencedAudio(recording.id, audio, turns, scored)
