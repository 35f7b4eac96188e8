"""Clocks of tracks: how far apart recorders start and how their clocks drift, told by what they hear of each other.

A person's microphone hears the others, 20 to 40 dB fainter than they hear themselves. Where such a leaked voice lies in
one track and where it lies in the speaker's own tells how the clocks of the two differ at that moment: the generalized
cross-correlation with phase transform (Knapp & Carter 1976) of what is faint in the one with what is loud in the other.
A line through these differences is start and drift; of two thirds of them it need not be right (RANSAC, Fischler &
Bolles 1981).

    own      ▇▇▇▇▇      ▇▇▇▇          loud: this person
    other      ▁▁▁▁▁      ▁▁▁▁        faint: the same, later by the difference of the clocks and the way of the sound
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from whisperdiar.media.levels import FRAME_S, Levels
from whisperdiar.types import Audio

_SHIFTS_S = (12.0, 90.0)
"""How far apart tracks are looked for: most that people start by hand, and then the others."""
_COARSE_WINDOW_S, _FINE_WINDOW_S = 8.0, 4.0
_COARSE_WINDOWS, _FINE_WINDOWS = 24, 48
_FEW_WINDOWS, _FEW_TRACKS = 10, 6
"""From more tracks on fewer windows are compared of each pair …"""
_FAR_PAIRS = 3
"""… and a track that began far from the others is looked for with so many of them only."""
_COARSE_HZ, _FINE_HZ = 4_000, 16_000
_BAND_HZ = (120.0, 1_900.0)
"""Below there is hum, above little of a voice reaches another's microphone."""
_FINE_REACH_S = 0.03
_LEAST_WINDOW_SHARE = 0.1
"""Of a window, in which something faint is heard that may be a voice."""
_LEAST_SAID_S = 0.5
_OWN_BELOW_LOUD_DB, _FAINT_BELOW_LOUD_DB = 18.0, 12.0
_ABOVE_NOISE_DB = 5.0
_PEAK = 6.5
"""Standard deviations by which a peak stands out: of 700,000 values of noise one reaches 5."""
_MOST_DRIFT = 1e-3
_COARSE_TOLERANCE_S, _FINE_TOLERANCE_S = 0.02, 0.002
_LEAST_POINTS = 4
_LEAST_SHARE = 0.3
_LONGEST_WAY_S = 0.8
"""A voice comes back through a connection so much later at most."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through differences of clocks: what to add to a time, in seconds, is start + drift · time.

    Attributes:
        error: standard error of `drift`.
        n_points: how many differences lie on it.
    """

    start: float
    drift: float
    error: float
    n_points: int

    def at(self, time: float) -> float:
        return self.start + self.drift * time


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a track lies on the time line of a recording: its time t is start + (1 + drift) · t there.

    Attributes:
        start: of its first sample, in seconds.
        drift: a part of one, such as 50e-6 for a clock that counts 50 millionths too little.
        by: number (from 0) of the track by which it was found; None where it was taken as it is.
    """

    start: float = 0.0
    drift: float = 0.0
    by: int | None = None

    def after(self, other: Clock, by: int) -> Clock:
        """This clock, which was told against another track's, on the time line that the other one lies on."""
        return Clock(other.start + (1.0 + other.drift) * self.start, (1.0 + other.drift) * (1.0 + self.drift) - 1.0, by)


def match_clocks(tracks: Sequence[Audio], levels: Sequence[Levels]) -> list[Clock | None]:
    """The clock of each track against the first one that is not silent; None where no voice is heard in both.

    Each track is held against those that are matched already, until one of them is heard in it or it in one of them.
    """
    sounding = [number for number, own in enumerate(levels) if not own.is_silent]
    clocks: list[Clock | None] = [None] * len(tracks)
    if not sounding:
        return clocks
    clocks[sounding[0]] = Clock()
    voiced = [number for number in sounding if not levels[number].is_steady]
    n_windows = choose_number_of_windows(len(sounding))
    for reach in _SHIFTS_S:
        waiting = (
            [sounding[0]] if reach == _SHIFTS_S[0] else [n for n in sounding if clocks[n] is not None][:_FAR_PAIRS]
        )
        while waiting:
            other = waiting.pop(0)
            for number in voiced if other in voiced else ():
                base = clocks[other]
                if clocks[number] is not None or base is None:
                    continue
                found = _compare(tracks[other], tracks[number], levels[other], levels[number], reach, n_windows)
                if found is not None:
                    clocks[number] = found.after(base, other)
                    waiting.append(number)
    return clocks


def choose_number_of_windows(n_tracks: int) -> int:
    """How many windows of each pair are compared: every track is held against every other."""
    return _COARSE_WINDOWS if n_tracks <= _FEW_TRACKS else _FEW_WINDOWS


def find_way(
    own: Audio, other: Audio, own_levels: Levels, other_levels: Levels, *, n_windows: int = _COARSE_WINDOWS
) -> float | None:
    """How much later a person is heard in another's track than in the own one, seconds; None where not at all.

    Both tracks have one clock. A voice that comes through a connection is late by tenths of a second.
    """
    points = _measure(
        own, other, own_levels, other_levels, Line(0.0, 0.0, 0.0, 0), _LONGEST_WAY_S, _COARSE_HZ, n_windows
    )
    line = fit_line(points, tolerance=_COARSE_TOLERANCE_S, most_drift=0.0)
    if line is None or not -_COARSE_TOLERANCE_S <= -line.start <= _LONGEST_WAY_S:
        return None
    return max(0.0, -line.start)


def _compare(
    own: Audio, other: Audio, own_levels: Levels, other_levels: Levels, reach: float, n_windows: int
) -> Clock | None:
    """The clock of `other` against that of `own`, told by both voices where both are heard.

    Each voice is late in the other's track by its way; where that is the same both ways, the middle is free of it.
    """
    forth = _find_line(own, other, own_levels, other_levels, reach, n_windows)
    back = _find_line(other, own, other_levels, own_levels, reach, n_windows)
    if back is not None:  # the same line, as times of `other`
        drift = -back.drift / (1.0 + back.drift)
        back = Line(-back.start / (1.0 + back.drift), drift, back.error, back.n_points)
    if forth is not None and back is not None:
        way = back.at(other.duration / 2) - forth.at(other.duration / 2)
        if not -2 * _COARSE_TOLERANCE_S <= way <= 2 * _LONGEST_WAY_S:  # one of them is wrong
            forth, back = (forth, None) if forth.n_points >= back.n_points else (None, back)
    if forth is None or back is None:
        line = forth or back
        return None if line is None else Clock(line.start, _sure_drift(line))
    weights = 1.0 / max(forth.error, 1e-9) ** 2, 1.0 / max(back.error, 1e-9) ** 2
    drift = (weights[0] * forth.drift + weights[1] * back.drift) / sum(weights)
    middle = other.duration / 2
    line = Line(
        (forth.at(middle) + back.at(middle)) / 2 - drift * middle,
        drift,
        1.0 / math.sqrt(sum(weights)),
        forth.n_points + back.n_points,
    )
    sure = _sure_drift(line)
    return Clock(line.at(middle) - sure * middle, sure)


def _sure_drift(line: Line) -> float:
    return line.drift if abs(line.drift) > 2 * line.error else 0.0


def _find_line(
    own: Audio, other: Audio, own_levels: Levels, other_levels: Levels, reach: float, n_windows: int
) -> Line | None:
    """What to add to times of `other`, where `own` is heard faintly, to have those of `own`; None where it is not."""
    points = _measure(own, other, own_levels, other_levels, Line(0.0, 0.0, 0.0, 0), reach, _COARSE_HZ, n_windows)
    coarse = fit_line(points, tolerance=_COARSE_TOLERANCE_S)
    if coarse is None:
        return None
    points = _measure(own, other, own_levels, other_levels, coarse, _FINE_REACH_S, _FINE_HZ, _FINE_WINDOWS)
    return fit_line(points, tolerance=_FINE_TOLERANCE_S) or coarse


def fit_line(
    points: Sequence[tuple[float, float]], *, tolerance: float, most_drift: float = _MOST_DRIFT
) -> Line | None:
    """The line on which most points lie, within a tolerance; None where they are too few to be no chance.

    Args:
        points: (time, difference), in seconds.
        tolerance: how far from the line a point may lie, in seconds.
        most_drift: how steep it may be.
    """
    if len(points) < _LEAST_POINTS:
        return None
    times, values = np.array(points, float).T
    best: NDArray[np.bool_] | None = None
    slopes = [(0.0, value) for value in values.tolist()]
    for one, another in combinations(range(len(times)), 2):
        apart = times[another] - times[one]
        if most_drift and abs(apart) > 1.0 and abs(values[another] - values[one]) <= most_drift * abs(apart):
            slope = (values[another] - values[one]) / apart
            slopes.append((slope, values[one] - slope * times[one]))
    for slope, start in slopes:
        near = np.abs(values - start - slope * times) <= tolerance
        if best is None or near.sum() > best.sum():
            best = near
    if best is None or best.sum() < max(_LEAST_POINTS, math.ceil(_LEAST_SHARE * len(times))):
        return None
    for _each in range(3):
        slope, start, error = _least_squares(times[best], values[best], flat=not most_drift)
        best = np.abs(values - start - slope * times) <= tolerance
        if best.sum() < _LEAST_POINTS:
            return None
    return Line(float(start), float(slope), float(error), int(best.sum()))


def _least_squares(
    times: NDArray[np.float64], values: NDArray[np.float64], *, flat: bool
) -> tuple[float, float, float]:
    """Slope, start and the standard error of the slope."""
    middle = times.mean()
    spread = float(((times - middle) ** 2).sum())
    if flat or not spread:
        return 0.0, float(np.median(values)), 0.0
    slope = float(((times - middle) * values).sum() / spread)
    start = float(values.mean()) - slope * middle
    rest = values - start - slope * times
    return slope, float(start), math.sqrt(float((rest**2).sum()) / max(1, len(times) - 2) / spread)


def _measure(
    own: Audio,
    other: Audio,
    own_levels: Levels,
    other_levels: Levels,
    line: Line,
    reach: float,
    rate_hz: int,
    n_windows: int,
) -> list[tuple[float, float]]:
    """Where `own` is heard in `other`, window by window: (time of `other`, what to add to have that of `own`)."""
    window = _COARSE_WINDOW_S if rate_hz == _COARSE_HZ else _FINE_WINDOW_S
    faint = other_levels.frames < other_levels.loud - _FAINT_BELOW_LOUD_DB
    loud = own_levels.frames > max(own_levels.loud - _OWN_BELOW_LOUD_DB, own_levels.noise + _ABOVE_NOISE_DB)
    points = []
    for at in _choose_windows(other_levels, faint, window, n_windows):
        first = at + line.at(at + window / 2) - reach
        frames = slice(max(0, int(first / FRAME_S)), max(0, int((first + window + 2 * reach) / FRAME_S)))
        if loud[frames].sum() * FRAME_S < _LEAST_SAID_S:
            continue
        heard = _flatten(other, other_levels, faint, at, at + window, rate_hz)
        said = _flatten(own, own_levels, loud, first, first + window + 2 * reach, rate_hz)
        peak = find_delay(heard, said, rate_hz)
        if peak is not None:
            points.append((at + window / 2, first + peak - at))
    return points


def _choose_windows(levels: Levels, faint: NDArray[np.bool_], window: float, n_windows: int) -> list[float]:
    """Where to listen for others: of each equal part of the track the window with the most that may be their voices."""
    heard = faint & (levels.frames > levels.noise + _ABOVE_NOISE_DB)
    size = round(window / FRAME_S)
    if len(heard) <= size:
        return [0.0] if heard.sum() >= _LEAST_WINDOW_SHARE * size else []
    sums = np.concatenate([[0], np.cumsum(heard)])
    counts = sums[size:] - sums[:-size]
    chosen = []
    step = max(size // 2, math.ceil(len(counts) / n_windows))
    for first in range(0, len(counts), step):
        best = first + int(np.argmax(counts[first : first + step]))
        if counts[best] >= _LEAST_WINDOW_SHARE * size:
            chosen.append(best * FRAME_S)
    return chosen


def _flatten(
    audio: Audio, levels: Levels, kept: NDArray[np.bool_], start: float, end: float, rate_hz: int
) -> NDArray[np.float32]:
    """A stretch with equally loud frames, without those that are not `kept`; float32 at another rate."""
    from scipy.signal import resample_poly

    first, last = round(start * audio.sample_rate), round(end * audio.sample_rate)
    samples = np.zeros(last - first, np.float32)
    low, high = max(0, first), min(last, audio.samples.shape[1])
    if high > low:
        samples[low - first : high - first] = audio.samples[0, low:high]
        size = round(FRAME_S * audio.sample_rate)
        frame = np.arange(low, high) // size
        gains = kept * 10 ** (-np.maximum(levels.frames, levels.noise + _ABOVE_NOISE_DB) / 20)
        samples[low - first : high - first] *= gains.astype(np.float32)[frame]
    step = audio.sample_rate // rate_hz
    return samples if step == 1 else np.asarray(resample_poly(samples, 1, step), np.float32)


def find_delay(
    heard: NDArray[np.float32], said: NDArray[np.float32], rate_hz: int, *, peak: float = _PEAK
) -> float | None:
    """Where in `said` the shorter `heard` begins, in seconds; None where no place stands out (GCC-PHAT).

    Args:
        peak: standard deviations by which a place must stand out.
    """
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    if not heard.any() or not said.any():
        return None
    size = next_fast_len(len(said) + len(heard), real=True)
    cross = rfft(said, size) * np.conj(rfft(heard, size))
    at = rfftfreq(size, 1 / rate_hz)
    inside = (at > _BAND_HZ[0]) & (at < _BAND_HZ[1])
    cross = np.where(inside, cross / np.maximum(np.abs(cross), 1e-20), 0)
    lags = irfft(cross, size)[: len(said) - len(heard) + 1]
    best = int(np.argmax(lags))
    # The whole is white noise of the band where nothing is common.
    spread = math.sqrt(2 * inside.sum()) / size
    if lags[best] < peak * spread:
        return None
    shift = 0.0
    if 0 < best < len(lags) - 1:
        before, top, after = (float(lags[best + i]) for i in (-1, 0, 1))
        curve = before - 2 * top + after
        shift = 0.5 * (before - after) / curve if curve < 0 else 0.0
    return (best + shift) / rate_hz
