"""Syllable nuclei: how many syllables, and so how many words, the sound itself holds (pure).

Source: de Jong & Wempe, "Praat script to detect syllable nuclei and measure speech rate automatically", Behavior
Research Methods 41, 2009: a nucleus is a peak of the intensity with a dip on either side. Noise has none, however loud.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.asr._shared.packing import Piece
from whisperdiar.types import Audio, Samples, Span

FRAME_S = 0.01
_BAND_HZ = (250.0, 3000.0)
"""Where vowels are loud and neither hum nor sibilants are."""
HISS_HZ = (3000.0, 7500.0)
"""Where sibilants are loud."""
_SMOOTH_FRAMES = 13
"""Shorter than a syllable, longer than a period of the voice."""
_DIP_DB = 3.0
_RANGE_DB = 50.0
"""What lies further below the loudest peak is no syllable beside it; a second voice may well be 40 dB quieter."""
_SLACK_S = 0.06
"""A word's times are not exact."""
_DEEP = 0.5
"""A dip is deep that has at least this share of the deepest one's dB."""
_REGULAR = 0.12
"""Beats whose distances differ by less than this share of their mean are those of one phrase said again and again."""
_FEWEST_BEATS = 4
_PATTERN_POINTS = 20


@dataclass(frozen=True, slots=True)
class Syllables:
    """Nuclei of syllables in a stretch of a recording, and the intensity that they were found in.

    Attributes:
        nuclei: seconds in the recording, sorted.
        dips: by how many dB each stands out of the sound around it.
        times: seconds in the recording of every frame, float64 (n_frames,), sorted.
        levels: intensity of every frame in dB, float64 (n_frames,).
    """

    nuclei: tuple[float, ...]
    dips: tuple[float, ...]
    times: NDArray[np.float64]
    levels: NDArray[np.float64]

    def count(self, span: Span) -> int:
        """How many nuclei lie in `span`, or so near that they may."""
        return sum(span.start - _SLACK_S <= time <= span.end + _SLACK_S for time in self.nuclei)

    def own(self, spans: Sequence[Span], *, least: int) -> list[int]:
        """Places of the sorted `spans` that hold at least `least` nuclei which none before them has taken."""
        found, taken = [], 0
        for place, span in enumerate(spans):
            inside = [
                index
                for index, time in enumerate(self.nuclei)
                if index >= taken and span.start - _SLACK_S <= time <= span.end + _SLACK_S
            ]
            if len(inside) >= least:
                found.append(place)
                # What lies in the next span as well is left to it where this one has enough.
                inside = [index for index in inside if self.nuclei[index] <= span.end] or inside[:least]
                taken = inside[-1] + 1
        return found

    def beats(self, span: Span) -> list[float]:
        """Middles of the bursts of syllables from the start of `span` on, as long as they follow at one pace.

        A burst is what lies between two deep dips: a word, or a phrase. Empty where the pace is uneven, for people
        rarely speak like a clock. The bursts may go on a little after the end of `span`.
        """
        bursts = self._bursts(span)
        inside = [time for time in bursts if time <= span.end]
        steps = [after - before for before, after in pairwise(inside)]
        if len(inside) < _FEWEST_BEATS or max(steps) - min(steps) > 2 * _REGULAR * float(np.mean(steps)):
            return []
        step = float(np.mean(steps))
        for time in bursts[len(inside) :]:
            if abs(time - inside[-1] - step) > _REGULAR * step:
                break
            inside.append(time)
        return inside

    def _bursts(self, span: Span) -> list[float]:
        nuclei = [
            (time, dip) for time, dip in zip(self.nuclei, self.dips, strict=True) if time >= span.start - _SLACK_S
        ]
        deep = _DEEP * max((dip for time, dip in nuclei if time <= span.end), default=0.0)
        bursts: list[list[float]] = []
        for time, _ in nuclei:
            if bursts and self._dip_between(bursts[-1][-1], time) < deep:
                bursts[-1].append(time)
            else:
                bursts.append([time])
        return [(burst[0] + burst[-1]) / 2 for burst in bursts]

    def _dip_between(self, before: float, after: float) -> float:
        """dB from the lower of two nuclei down to the lowest level between them."""
        first, last = np.searchsorted(self.times, [before, after])
        part = self.levels[first : last + 1]
        return float(min(part[0], part[-1]) - part.min())

    def likeness(self, spans: Sequence[Span]) -> float:
        """Mean correlation between the course of the intensity in one span and in the next, -1 to 1."""
        patterns = []
        for span in spans:
            first, last = np.searchsorted(self.times, [span.start, span.end])
            if last - first >= 3:
                part = self.levels[first:last]
                points = np.interp(np.linspace(0, len(part) - 1, _PATTERN_POINTS), np.arange(len(part)), part)
                patterns.append(points - points.mean())
        products = [
            float(one @ two / (np.linalg.norm(one) * np.linalg.norm(two) + 1e-9)) for one, two in pairwise(patterns)
        ]
        return float(np.mean(products)) if products else 0.0


def find_syllables(piece: Piece, audio: Audio) -> Syllables:
    """The syllables of a piece of `audio`, on the recording's axis."""
    times, levels = find_levels(piece, audio)
    if not len(levels):
        return Syllables((), (), times, levels)
    from scipy.signal import find_peaks

    peaks, found = find_peaks(np.maximum(levels, levels.max() - _RANGE_DB), prominence=_DIP_DB)
    return Syllables(
        tuple(float(times[peak]) for peak in peaks), tuple(float(dip) for dip in found["prominences"]), times, levels
    )


def find_levels(
    piece: Piece, audio: Audio, *, band_hz: tuple[float, float] = _BAND_HZ
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle of every frame of a piece in the recording, seconds, and its intensity in dB; each (n_frames,)."""
    levels = intensity(piece.read_sound(audio), audio.sample_rate, band_hz=band_hz)
    return np.array([piece.time((frame + 0.5) * FRAME_S) for frame in range(len(levels))]), levels


def intensity(samples: Samples, sample_rate: int, *, band_hz: tuple[float, float] = _BAND_HZ) -> NDArray[np.float64]:
    """Level in dB of every 10 ms of a band, of that in which vowels are loud, smoothed: float64 (n_frames,)."""
    from scipy.signal import butter, sosfilt

    hop = round(sample_rate * FRAME_S)
    n_frames = samples.size // hop
    if n_frames < _SMOOTH_FRAMES:
        return np.zeros(0)
    # Forwards only: the delay of a few milliseconds does not matter, and half the work is saved.
    band = sosfilt(butter(4, band_hz, btype="band", fs=sample_rate, output="sos"), samples)
    power = np.square(band[: n_frames * hop]).reshape(n_frames, hop).mean(axis=1)
    window = np.hanning(_SMOOTH_FRAMES + 2)[1:-1]
    smooth = np.convolve(power, window / window.sum(), mode="same")
    levels: NDArray[np.float64] = 10.0 * np.log10(np.maximum(smooth, 1e-10))
    return levels
