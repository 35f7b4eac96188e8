"""Checks of a manifest: missing files, unreadable sound, references beyond it, turns of one speaker that overlap."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from whisperdiar.datasets.manifest import Recording, read_turns, read_uem
from whisperdiar.errors import FormatError, MediaError
from whisperdiar.media import check_recording, load, probe
from whisperdiar.system.files import stage
from whisperdiar.text.messages import _, ngettext
from whisperdiar.types import Turn

_TOLERANCE_S = 0.1
"""References are rounded, and decoders add or lose a frame."""
_BLOCK = 1 << 20


class Finding(NamedTuple):
    """What is wrong with a recording, in a line for a person."""

    recording: str
    message: str


@dataclass(frozen=True, slots=True)
class SetStatistics:
    """Sums over the recordings of a manifest; seconds.

    Attributes:
        n_speakers: speakers of all recordings; one label in two of them counts twice.
        speech: in which at least one speaks, by the reference.
        overlap: in which more than one speaks.
    """

    n_recordings: int = 0
    duration: float = 0.0
    n_speakers: int = 0
    n_turns: int = 0
    speech: float = 0.0
    overlap: float = 0.0

    @property
    def overlap_share(self) -> float:
        """Seconds with more than one speaker per second of speech; 0 where nobody speaks."""
        return self.overlap / self.speech if self.speech else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            "recordings": self.n_recordings,
            "hours": round(self.duration / 3600, 3),
            "speakers": self.n_speakers,
            "turns": self.n_turns,
            "speech_hours": round(self.speech / 3600, 3),
            "overlap_share": round(self.overlap_share, 4),
        }


class Checked(NamedTuple):
    """A manifest that was looked through: recordings with their durations, what is wrong, and sums."""

    recordings: tuple[Recording, ...]
    findings: tuple[Finding, ...]
    statistics: SetStatistics


def check_recordings(recordings: Iterable[Recording]) -> Checked:
    """Look at the files of each recording; those that can be read get their duration. Raises nothing."""
    kept: list[Recording] = []
    findings: list[Finding] = []
    total = SetStatistics()
    for item in recordings:
        found = [*_check_audio(item), *_check_words(item)]
        own = replace(item, duration=_measure(item)) if not found or os.path.isfile(item.audio) else item
        turns: Sequence[Turn] = ()
        try:
            diarization = read_turns(own)
            turns = () if diarization is None else diarization.turns
            if diarization is not None and not turns:
                found.append(
                    _("{turns}: nobody speaks in this reference; check that it is the right file").format(
                        turns=own.turns
                    )
                )
            for span in read_uem(own) or ():
                if own.duration is not None and span.end > own.duration + _TOLERANCE_S:
                    found.append(
                        _("the UEM ends at {end:.2f} s, the sound at {duration:.2f} s; correct the UEM").format(
                            end=span.end, duration=own.duration
                        )
                    )
        except FormatError as error:
            found.append(str(error))
        found += _check_turns(own, turns)
        kept.append(own)
        findings += [Finding(own.id, message) for message in found]
        total = _add(total, own, turns)
    return Checked(tuple(kept), tuple(findings), total)


def convert_audio(recording: Recording, folder: Path) -> Recording:
    """The recording with its sound as 16 kHz mono WAV in `folder`, whatever it was: a video, SPHERE, four channels.

    Raises:
        MediaError: the sound cannot be read.
        OutputError: the file cannot be written.
    """
    sound = load(recording.audio, channels="mono", channel=recording.channel)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{recording.id}.wav"
    with stage(target) as temporary, open(temporary, "wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sound.sample_rate)
        for first in range(0, sound.samples.shape[1], _BLOCK):
            part = np.clip(sound.mono_part(first, first + _BLOCK), -1.0, 1.0)
            out.writeframesraw((part * 32767).round().astype("<i2").tobytes())
    return replace(recording, audio=target, channel=None, duration=sound.duration)


def _check_audio(item: Recording) -> list[str]:
    if not os.path.isfile(item.audio):
        return [_("{audio}: the sound is missing; put it there, or correct the path").format(audio=item.audio)]
    try:
        check_recording(item.audio)
        tracks = [track for track in probe(item.audio).tracks if track.default]
    except MediaError as error:
        return [str(error)]
    if item.channel is not None and tracks and 0 < tracks[0].channels < item.channel:
        return [
            _("{audio}: there is no channel {channel}; it has {channels}").format(
                audio=item.audio, channel=item.channel, channels=tracks[0].channels
            )
        ]
    return []


def _check_words(item: Recording) -> list[str]:
    if item.words is None or os.path.isfile(item.words):
        return []
    return [
        _("{words}: this reference of the words is missing; put it there, or correct the path").format(words=item.words)
    ]


def _measure(item: Recording) -> float | None:
    try:
        return probe(item.audio).duration or item.duration
    except MediaError:
        return item.duration


def _check_turns(item: Recording, turns: Sequence[Turn]) -> list[str]:
    found = []
    beyond = [turn for turn in turns if item.duration is not None and turn.end > item.duration + _TOLERANCE_S]
    if beyond:
        last = max(beyond, key=lambda turn: turn.end)
        found.append(
            ngettext(
                "{n_beyond} turn ends after the sound, at {end:.2f} s of {duration:.2f} s; check the reference",
                "{n_beyond} turns end after the sound, the last at {end:.2f} s of {duration:.2f} s; "
                "check the reference",
                len(beyond),
            ).format(n_beyond=len(beyond), end=last.end, duration=item.duration)
        )
    before: dict[str, Turn] = {}
    overlapping = []
    for turn in sorted(turns, key=lambda own: own.span):
        earlier = before.get(turn.speaker)
        if earlier is not None and turn.start < earlier.end - 1e-6:
            overlapping.append(turn)
        if earlier is None or turn.end > earlier.end:
            before[turn.speaker] = turn
    if overlapping:
        first = overlapping[0]
        found.append(
            ngettext(
                "{n_overlapping} turn overlaps one of its speaker, at {start:.2f} s ({speaker}); join them",
                "{n_overlapping} turns overlap one of their speaker, first at {start:.2f} s ({speaker}); join them",
                len(overlapping),
            ).format(n_overlapping=len(overlapping), start=first.start, speaker=first.speaker)
        )
    return found


def _add(total: SetStatistics, item: Recording, turns: Sequence[Turn]) -> SetStatistics:
    """Times at which the number of those who speak changes, in order: a sum over all pieces between them."""
    edges = sorted([(turn.start, 1, turn.speaker) for turn in turns] + [(turn.end, -1, turn.speaker) for turn in turns],
                   key=lambda edge: edge[0])  # fmt: skip
    speaking: dict[str, int] = {}
    speech = overlap = last = 0.0
    for time, change, who in edges:
        several = sum(1 for count in speaking.values() if count)
        speech += (time - last) * (several > 0)
        overlap += (time - last) * (several > 1)
        speaking[who] = speaking.get(who, 0) + change
        last = time
    return SetStatistics(
        n_recordings=total.n_recordings + 1,
        duration=total.duration + (item.duration or 0.0),
        n_speakers=total.n_speakers + len({turn.speaker for turn in turns}),
        n_turns=total.n_turns + len(turns),
        speech=total.speech + speech,
        overlap=total.overlap + overlap,
    )
