"""Recordings with more silence than they had, and what is said in them, for `asr.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from asr_ways import Word

from whisperdiar.types import Audio, Span, total_duration


@dataclass(frozen=True, slots=True)
class Stretched:
    """A recording with silence put into it: seconds `put` at each of the `places` of the one that was given."""

    audio: Audio
    places: tuple[float, ...]
    put: tuple[float, ...]

    def moved(self, seconds: float) -> float:
        """A time in the given recording as one in the stretched."""
        return seconds + sum(put for place, put in zip(self.places, self.put, strict=True) if place <= seconds)


def with_pauses(audio: Audio, speech: Sequence[Span], share: float) -> Stretched:
    """The recording with silence in the middle of its pauses, in proportion to them, so that `share` of it is pause.

    Raises:
        ValueError: there is more pause already, or no pause between two stretches of speech.
    """
    pause = audio.duration - total_duration(speech)
    lacking = (share * audio.duration - pause) / (1.0 - share)
    if lacking < 0 or len(speech) < 2:
        raise ValueError(f"--pauses {share:.0%}: {pause / audio.duration:.0%} of the recording is pause already")
    gaps = [Span(before.end, after.start) for before, after in pairwise(speech)]
    places = [(gap.start + gap.end) / 2 for gap in gaps]
    silences = [
        np.zeros(round(lacking * gap.duration / total_duration(gaps) * audio.sample_rate), dtype=np.float32)
        for gap in gaps
    ]
    parts = np.split(audio.mono, [round(place * audio.sample_rate) for place in places])
    joined = [parts[0], *(piece for pair in zip(silences, parts[1:], strict=True) for piece in pair)]
    sound = replace(audio, samples=np.concatenate(joined)[None])
    return Stretched(sound, tuple(places), tuple(len(silence) / audio.sample_rate for silence in silences))


def reference_words(path: Path, stretched: Stretched) -> tuple[list[Word], list[tuple[float, float]]]:
    """Words of a table ``start end speaker word``, and where two speakers talk at once."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]
    said = [
        (speaker, Word(word, stretched.moved(float(start)), stretched.moved(float(end))))
        for start, end, speaker, word in rows
    ]
    said.sort(key=lambda item: item[1].start)
    overlapped = [
        (max(one.start, two.start), min(one.end, two.end))
        for i, (first, one) in enumerate(said)
        for second, two in said[i + 1 : i + 60]
        if first != second and min(one.end, two.end) > max(one.start, two.start)
    ]
    return [word for _, word in said], overlapped
