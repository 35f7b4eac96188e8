"""Streams of sound for diarizers that hear them: cut at random, and checked at each step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.sounds import RATE_HZ
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount, Turn

STREAM = {"delay": 1.0, "patience": 3.0, "new_speaker": 2.0}


def hear_stream(
    diarizer: Any, sound: NDArray[np.float32], *, longest: float = 0.7, speakers: SpeakerCount = ANY_SPEAKERS
) -> tuple[Turn, ...]:
    """The turns of a sound that comes in pieces of up to `longest` seconds; what is settled stays at each step."""
    stream = diarizer.stream(speakers=speakers, **STREAM)
    rng = np.random.default_rng(0)
    at, settled, before = 0, 0.0, ""
    while at < len(sound):
        size = int(rng.integers(1, round(longest * RATE_HZ)))
        stream.feed(sound[at : at + size], speech_until=(at + size) / RATE_HZ)
        at += size
        assert str(cut(stream.turns(0.0), settled)) == before or settled == 0.0
        assert stream.settled >= settled
        settled = stream.settled
        before = str(cut(stream.turns(0.0), settled))
    stream.settle()
    assert str(cut(stream.turns(0.0), settled)) == before or settled == 0.0
    assert abs(stream.settled - len(sound) / RATE_HZ) < 1e-6
    found: tuple[Turn, ...] = stream.turns(0.0)
    return found


def cut(turns: tuple[Turn, ...], until: float) -> list[tuple[str, float, float]]:
    """Who talks when, up to a time."""
    parts = ((turn.speaker, turn.span.clip(0.0, until)) for turn in turns)
    return sorted((who, round(span.start, 5), round(span.end, 5)) for who, span in parts if span is not None)


def by_speaker(turns: tuple[Turn, ...]) -> list[list[tuple[float, float]]]:
    """What each speaker says; who of two that begin at once is named first, a stream cannot know."""
    found: dict[str, list[tuple[float, float]]] = {}
    for who, start, end in cut(turns, float("inf")):
        found.setdefault(who, []).append((start, end))
    return sorted(found.values())
