"""Crosstalk: stretches in which a track only carries the voices of others are told by energy and correlation.

A voice that leaks into another's track is there as loud as it always is beside its own track, and later by its way: few
milliseconds through a room, tenths of a second through a connection (an echo). Where a track is not louder than what
leaks into it then should be, nobody speaks there; and where the sound really is that voice, which the correlation with
the speaker's own track tells, the stretch becomes the track's noise. Whoever talks at the same time is louder: that
stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whisperdiar.media.levels import FRAME_S, Levels, find_runs
from whisperdiar.tracks.clocks import choose_number_of_windows, find_delay, find_way
from whisperdiar.types import Audio, Span

_LOUD_BELOW_DB = 18.0
_GAIN_QUANTILE = 0.4
_LEAST_APART_DB = 6.0
"""By which two people are told apart, both ways together: two microphones that hear both alike are one recording."""
_LEAST_FRAMES = 50
_ABOVE_NOISE_DB = 3.0
_MARGIN_DB = 7.0
"""By which one frame of a leaked voice may lie above what it is on the whole: rooms colour it."""
_DECAY_DB = 3.0
"""By which it falls from one frame to the next at most: a room of 0.4 s."""
_OWN_MARGIN_S = 0.12
"""Of what is louder, on both sides: a word's first and last sounds are faint."""
_SHORTEST_S = 0.24
_PIECE_S = 4.0
_JITTER_S = 0.02
_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Leak:
    """A voice that is heard in another's track.

    Attributes:
        speaker, listener: numbers of the tracks, from 0.
        way: how much later it is heard there, seconds.
        gain_db: how much louder it is there than in the own track; below 0.
    """

    speaker: int
    listener: int
    way: float
    gain_db: float


def find_leaks(tracks: Sequence[Audio], levels: Sequence[Levels]) -> list[Leak]:
    """Which voices are heard in which other tracks; all tracks have one clock."""
    n_windows = choose_number_of_windows(len(tracks))
    leaks = []
    for speaker, own in enumerate(tracks):
        for listener, other in enumerate(tracks):
            if speaker == listener or any(levels[n].is_silent or levels[n].is_steady for n in (speaker, listener)):
                continue
            way = find_way(own, other, levels[speaker], levels[listener], n_windows=n_windows)
            gain = None if way is None else _measure_gain(levels[speaker], levels[listener], way)
            if way is not None and gain is not None:
                leaks.append(Leak(speaker, listener, way, gain))
    gains = {(leak.speaker, leak.listener): leak.gain_db for leak in leaks}
    return [
        leak for leak in leaks if leak.gain_db + gains.get((leak.listener, leak.speaker), -np.inf) <= -_LEAST_APART_DB
    ]


def _measure_gain(own: Levels, other: Levels, way: float) -> float | None:
    """How loud a voice is in another's track beside its own, on the whole; None where it is not heard.

    Where both talk at once the other one is louder, which is the smaller part of the time.
    """
    said = _delay(own.frames, way, len(other.frames))
    heard = said > max(own.loud - _LOUD_BELOW_DB, own.noise + _ABOVE_NOISE_DB)
    audible = heard & (other.frames > other.noise + _ABOVE_NOISE_DB)
    if audible.sum() < _LEAST_FRAMES:
        return None
    return float(np.quantile((other.frames - said)[audible], _GAIN_QUANTILE))


def _delay(frames: NDArray[np.float32], way: float, n_frames: int) -> NDArray[np.float32]:
    """Levels later by `way` seconds, for so many frames."""
    late = round(way / FRAME_S)
    return np.pad(frames, (late, max(0, n_frames - len(frames))), constant_values=-120.0)[:n_frames]


def find_crosstalk(
    listener: int, tracks: Sequence[Audio], levels: Sequence[Levels], leaks: Sequence[Leak]
) -> list[Span]:
    """Where a track carries the voices of others alone; seconds, in order."""
    own = levels[listener]
    heard = [leak for leak in leaks if leak.listener == listener]
    if not heard or not len(own.frames):
        return []
    each = np.stack([_predict(levels[leak.speaker].frames, leak, len(own.frames)) for leak in heard])
    leaked = 10 * np.log10((10 ** (each / 10)).sum(axis=0) + 1e-12)
    limit = 10 * np.log10(10 ** (leaked / 10) + 10 ** (own.noise / 10)) + _MARGIN_DB
    spoken = own.frames > limit
    from scipy.ndimage import maximum_filter1d  # slow to import, and every run comes by here

    reach = round(_OWN_MARGIN_S / FRAME_S)
    spoken = maximum_filter1d(spoken, 2 * reach + 1, mode="constant")
    audible = (leaked > own.noise - _MARGIN_DB) & ~spoken
    spans = []
    for first, last in find_runs(audible):
        if (last - first) * FRAME_S < _SHORTEST_S:
            continue
        loudest = heard[int(np.argmax(each[:, first:last].max(axis=1)))]
        span = Span(first * FRAME_S, last * FRAME_S)
        if own.frames[first:last].max() <= own.noise + _ABOVE_NOISE_DB or _is_heard(
            tracks[loudest.speaker], tracks[listener], loudest, span
        ):
            spans.append(span)
    return spans


def _predict(frames: NDArray[np.float32], leak: Leak, n_frames: int) -> NDArray[np.float64]:
    """How loud a leaked voice should be in each frame, with the tail of the room behind it."""
    from scipy.ndimage import maximum_filter1d

    late = _delay(frames, leak.way, n_frames).astype(np.float64) + leak.gain_db
    late = maximum_filter1d(late, 3)
    # Falling by so much at most: the running maximum of what is raised by the time.
    slope = _DECAY_DB * np.arange(n_frames)
    return np.asarray(np.maximum.accumulate(late + slope) - slope)


def _is_heard(speaker: Audio, listener: Audio, leak: Leak, span: Span) -> bool:
    """Whether a stretch of a track correlates with a person's own track, at the way that the voice takes."""
    start = span.start
    while start < span.end:
        end = min(span.end, start + _PIECE_S)
        first = round(start * _RATE_HZ)
        heard = listener.samples[0, first : round(end * _RATE_HZ)]
        begins = first - round((leak.way + _JITTER_S) * _RATE_HZ)
        size = len(heard) + round(2 * _JITTER_S * _RATE_HZ)
        said = np.zeros(size, np.float32)
        low, high = max(0, begins), min(begins + size, speaker.samples.shape[1])
        if high > low:
            said[low - begins : high - begins] = speaker.samples[0, low:high]
        if find_delay(np.asarray(heard), said, _RATE_HZ, peak=_LEAST_PEAK) is not None:
            return True
        start = end
    return False


_LEAST_PEAK = 5.0
"""Standard deviations; of 640 values of noise one reaches 3."""
