"""Sound classes of a recording: speech, music, speech over music, noise, silence, and where a presenter speaks.

    media → features (`features`) → log odds of voice and music (`network`) → stretches (`grammar`) → `presenter`

Every instant has one class. The labels are those of audioseg: ``s``, ``m``, ``ms``, and ``p`` for the presenter; ``n``
is noise. Singing with instruments counts as speech over music.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.options import SoundClassOptions
from whisperdiar.sound_classes import features, grammar, network
from whisperdiar.sound_classes.presenter import Voice, enrol_speech, find_voice
from whisperdiar.text.messages import _, mark
from whisperdiar.types import Audio, Span, merge_spans, remove_spans

__all__ = [
    "LABELS",
    "MUSIC",
    "NOISE",
    "PRESENTER",
    "SILENCE",
    "SPEECH",
    "SPEECH_OVER_MUSIC",
    "SoundSegment",
    "Voice",
    "classify",
    "describe_label",
    "enrol",
    "find_music",
    "format_segments",
]

SILENCE, NOISE, SPEECH, MUSIC, SPEECH_OVER_MUSIC, PRESENTER = "silence", "n", "s", "m", "ms", "p"
LABELS = (SILENCE, NOISE, SPEECH, MUSIC, SPEECH_OVER_MUSIC)
"""In the order of the columns of scores."""

_DESCRIPTIONS = {
    SILENCE: mark("silence"),
    NOISE: mark("noise"),
    SPEECH: mark("speech"),
    MUSIC: mark("music"),
    SPEECH_OVER_MUSIC: mark("speech over music"),
    PRESENTER: mark("presenter"),
}

_FRAME_S = 0.01
_BREATH_S = 0.25
"""Seconds of a pause at which another person may begin."""
_QUIETEST = math.log(1e-8)  # -80 dBFS: below it everything is silence
_SOFTNESS = 0.5  # nepers of power, about 2 dB, over which sound fades into silence
_SMOOTHED_FRAMES = 5
_TRUST = 0.4
"""Weight of one frame's log-likelihood: neighbours hear the same sound, and add less than their sum."""
_MOST_ODDS = 5.0
_PRIOR = (0.0, 0.0, -0.4, 0.5, -0.9)
"""Log prior of each of `LABELS`, but for a constant; chosen on the scenes that the training was watched on."""
_ROUNDING = 1024
"""Scores are whole multiples of 1/1024: so the last bit of a sum decides nothing."""


@dataclass(frozen=True, slots=True)
class SoundSegment:
    """A stretch of one sound class.

    Attributes:
        span: seconds from the first sample of the audio.
        label: one of `LABELS`, or `PRESENTER`.
    """

    span: Span
    label: str


def describe_label(label: str) -> str:
    """What a label stands for, in the language of the user."""
    return _(_DESCRIPTIONS.get(label, label))


def format_segments(segments: Iterable[SoundSegment]) -> str:
    """A line for each segment: start, end (seconds) and class in English: ``0.00  12.48  speech over music``."""
    return "".join(
        f"{item.span.start:9.2f} {item.span.end:9.2f}  {_DESCRIPTIONS.get(item.label, item.label)}\n"
        for item in segments
    )


def classify(
    audio: Audio,
    *,
    options: SoundClassOptions | None = None,
    presenter: Voice | None = None,
    threads: int = 1,
    progress: Progress = no_progress,
) -> tuple[SoundSegment, ...]:
    """The sound classes of a recording, without a hole, changes to the hundredth of a second.

    Hours fit: the recording may be a memory map. The result does not depend on `threads`.

    Args:
        presenter: a voice from `enrol`, whose speech without music gets the label `PRESENTER`.
    """
    settings = options or SoundClassOptions()
    if not audio.samples.shape[1]:
        return ()
    scores = _score_frames(audio, settings, threads, progress)
    n_steps = -(-len(scores) // grammar.STEP_FRAMES)
    starts = np.arange(n_steps) * grammar.STEP_FRAMES
    steps = np.add.reduceat(scores, starts, axis=0)
    shortest = [
        max(1, round(seconds / (_FRAME_S * grammar.STEP_FRAMES)))
        for seconds in (
            settings.min_silence,
            settings.min_noise,
            settings.min_speech,
            settings.min_music,
            settings.min_speech,
        )
    ]
    classes = grammar.decide(steps, shortest=shortest, penalty=settings.change_penalty)
    runs = grammar.snap(grammar.list_runs(classes), scores)
    found = tuple(
        SoundSegment(Span(low * _FRAME_S, min(audio.duration, high * _FRAME_S)), LABELS[kind])
        for low, high, kind in runs
        if high > low and low * _FRAME_S < audio.duration
    )
    if presenter is not None:
        found = _name_presenter(audio, found, presenter, _find_pauses(audio, settings))
    progress("segment", 1.0)
    return found


def enrol(audio: Audio) -> Voice:
    """The voice of a presenter from a sample in which nobody else speaks.

    Raises:
        InvalidOption: it holds too little speech.
    """
    spoken = [item.span for item in classify(audio) if item.label in (SPEECH, SPEECH_OVER_MUSIC)]
    return enrol_speech(audio, remove_spans(spoken, _find_pauses(audio, SoundClassOptions())))


def _name_presenter(
    audio: Audio, segments: Sequence[SoundSegment], voice: Voice, pauses: Sequence[Span]
) -> tuple[SoundSegment, ...]:
    """The same segments, of which speech is divided into the presenter's and that of others.

    Args:
        pauses: quiet stretches, at which people take turns: they tell no voice, and belong to the presenter where he
            speaks on both sides.
    """
    found: list[SoundSegment] = []
    for segment in segments:
        if segment.label != SPEECH:
            found.append(segment)
            continue
        own = find_voice(audio, remove_spans([segment.span], pauses), voice)
        starts, ends = {item.start for item in own}, {item.end for item in own}
        own = merge_spans([*own, *(item for item in pauses if item.start in ends and item.end in starts)])
        pieces = [SoundSegment(part, PRESENTER) for part in own]
        pieces += [SoundSegment(part, SPEECH) for part in remove_spans([segment.span], own)]
        found += sorted(pieces, key=lambda piece: piece.span)
    return tuple(found)


def _find_pauses(audio: Audio, settings: SoundClassOptions) -> list[Span]:
    """Quiet stretches from `_BREATH_S` on."""
    energy = features.energies(audio)
    border = _find_border(_find_level(energy), settings)
    changes = np.flatnonzero(np.diff(np.pad(energy < border, 1).astype(np.int8)))
    runs = zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)
    return [Span(low * _FRAME_S, high * _FRAME_S) for low, high in runs if (high - low) * _FRAME_S >= _BREATH_S]


def _find_level(energy: NDArray[np.float32]) -> float:
    """The logarithm of the power of a recording's loud parts."""
    return max(features.measure_level(energy), _QUIETEST)


def _find_border(level: float, settings: SoundClassOptions) -> float:
    """The logarithm of the power below which it is silent."""
    return max(_QUIETEST, level - settings.silence_db * math.log(10) / 10)


def find_music(
    audio: Audio,
    *,
    options: SoundClassOptions | None = None,
    threads: int = 1,
    progress: Progress = no_progress,
) -> tuple[Span, ...]:
    """Stretches of music alone from `SoundClassOptions.skipped_music` on: what a recogniser need not hear."""
    settings = options or SoundClassOptions()
    found = classify(audio, options=settings, threads=threads, progress=progress)
    return tuple(item.span for item in found if item.label == MUSIC and item.span.duration >= settings.skipped_music)


def _score_frames(audio: Audio, settings: SoundClassOptions, threads: int, progress: Progress) -> NDArray[np.float32]:
    """Log-likelihood of each of `LABELS` in each 10 ms: float32 (n, 5)."""
    energy = features.energies(audio, threads=threads)
    level = _find_level(energy)
    found = network.measure_log_odds(audio, level=level, threads=threads, progress=progress)
    odds = _stretch(np.clip(found, -_MOST_ODDS, _MOST_ODDS), len(energy))
    odds = np.round(odds * np.float32(_ROUNDING)) / np.float32(_ROUNDING)
    border = _find_border(level, settings)
    quiet = _smooth(np.clip((border - energy) / _SOFTNESS, -_MOST_ODDS, _MOST_ODDS))
    quiet = _drop_pauses(quiet, round(settings.min_silence / _FRAME_S) - _SMOOTHED_FRAMES + 1)
    silence, sound = -np.logaddexp(0, -quiet), -np.logaddexp(0, quiet)
    yes, no = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    scores = np.stack(
        [
            silence,
            sound + no[:, 0] + no[:, 1],
            sound + yes[:, 0] + no[:, 1],
            sound + no[:, 0] + yes[:, 1],
            sound + yes[:, 0] + yes[:, 1],
        ],
        axis=1,
    ) + np.array(_PRIOR, dtype=np.float32)
    return np.asarray(np.round(scores * (_TRUST / 2 * _ROUNDING)) / _ROUNDING, dtype=np.float32)


def _stretch(odds: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Odds of the network's frames for `n` frames of 10 ms, between the middles of the former on a straight line."""
    middles = (np.arange(len(odds)) + 0.5) * features.STEP_S
    wanted = (np.arange(n) + 0.5) * _FRAME_S
    columns = [np.interp(wanted, middles, column) for column in odds.T]
    return np.asarray(np.stack(columns, axis=1), dtype=np.float32)


def _drop_pauses(quiet: NDArray[np.float32], shortest: int) -> NDArray[np.float32]:
    """The log odds of silence, which are the least wherever they are above zero for fewer than `shortest` frames.

    The grammar alone would take a short pause with a little of the speech around it, and leave that outside later.
    """
    kept = np.array(quiet)
    changes = np.flatnonzero(np.diff(np.pad(quiet > 0, 1).astype(np.int8)))
    for low, high in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if high - low < shortest and low > 0 and high < len(quiet):
            kept[low:high] = -_MOST_ODDS
    return kept


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    half = _SMOOTHED_FRAMES // 2
    padded = np.pad(values, half, mode="edge")
    return np.asarray(
        sum(padded[at : at + len(values)] for at in range(_SMOOTHED_FRAMES)) / np.float32(_SMOOTHED_FRAMES)
    )
