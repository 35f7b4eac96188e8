"""Tracks → one recording with a channel per person: read, brought to one clock, without the voices of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import MediaError
from whisperdiar.media import check_recording
from whisperdiar.media.levels import Levels, measure_levels
from whisperdiar.media.store import ChannelStore
from whisperdiar.text.messages import _, join
from whisperdiar.tracks.clocks import Clock, match_clocks
from whisperdiar.tracks.crosstalk import find_crosstalk, find_leaks
from whisperdiar.tracks.sources import Tracks, TrackSource
from whisperdiar.types import Audio, Samples, Span, total_duration

_BLOCK_SAMPLES = 1 << 18
_TAPS = 24
_PHASES = 2048
_LENGTHS_APART_S = 5.0
_LISTED = 5
"""Names in a message."""
_FADE_S = 0.01
_READ, _MATCHED = 0.6, 0.85
"""Parts of the progress at which the tracks are read, and on one clock."""

Read = Callable[[TrackSource, Progress], Audio]


def read_tracks(tracks: Tracks, *, read: Read, progress: Progress = no_progress) -> Audio:
    """The tracks as channels of one recording, each without the stretches in which it carries others alone.

    Its time 0 is where the earliest track begins; its clock is that of the first. Where a track has no sound, its
    channel is silent, and a warning tells.

    Args:
        read: gives the sound of one track, of one channel.
        progress: called with ``decode`` and the fraction that is done.

    Returns:
        Samples (n_tracks, n_samples); `Audio.speakers` are the names of the people, and `Audio.provenance` has how
        each clock was found.

    Raises:
        MediaError: a file is missing or is no recording, or none has sound.
        OutputError: the temporary file for a long recording cannot be written.
    """
    each, warnings, notes = _read_each(tracks, read, progress)
    levels = [measure_levels(audio) for audio in each]
    names = tracks.names
    silent = [name for name, own in zip(names, levels, strict=True) if own.is_silent]
    if silent:
        warnings.append(_("no sound on the tracks of {names}; check the microphones").format(names=_list(silent)))
    if tracks.one_clock:
        clocks: list[Clock | None] = [Clock() for _each in each]
    else:
        clocks = match_clocks(each, levels)
    progress("decode", _MATCHED)
    notes += _describe_clocks(tracks, each, levels, clocks)
    earliest = min((clock.start for clock in clocks if clock is not None), default=0.0)
    placed = [replace(clock or Clock(), start=(clock or Clock()).start - earliest) for clock in clocks]
    samples = _join(each, placed)
    rate = each[0].sample_rate
    aligned = [Audio(samples[number : number + 1], rate) for number in range(len(samples))]
    removed = _remove_crosstalk(aligned)
    progress("decode", 1.0)
    if any(removed):
        notes.append(
            _("{seconds:.0f} s in which tracks carry others' voices alone were left out").format(
                seconds=sum(map(total_duration, removed))
            )
        )
    return Audio(
        samples,
        rate,
        tracks.recording_id,
        warnings=tuple(warnings),
        notes=tuple(notes),
        frame_rate=each[0].frame_rate if len(tracks.paths) == 1 else None,
        speakers=names,
        provenance={"tracks": _record(tracks, clocks, placed, removed)},
    )


def check_tracks(tracks: Tracks, *, track: int | None = None) -> None:
    """Find out whether there is sound to read before anything else is loaded; a file of 0 bytes counts as silent.

    Args:
        track: which audio stream of files with several, counted from 1; None for the main one.

    Raises:
        MediaError: a file is missing or is no recording.
    """
    for source in tracks.sources:
        if not _is_empty(source):
            check_recording(source.path, track=source.track or track)


def _read_each(tracks: Tracks, read: Read, progress: Progress) -> tuple[list[Audio], list[str], list[str]]:
    """The sound of each track, a moment of silence where it has none, and what is to be told of them."""
    check_tracks(tracks)
    each: list[Audio] = []
    warnings: list[str] = []
    notes: list[str] = []
    failures: list[MediaError] = []
    for number, source in enumerate(tracks.sources):
        done = number / len(tracks.sources)

        def report(stage: str, fraction: float, done: float = done) -> None:
            progress(stage, _READ * (done + fraction / len(tracks.sources)))

        try:
            audio = read(source, report)
        except MediaError as error:
            failures.append(error)
            warnings.append(join(": ", (source.name, error)))
            audio = Audio(np.zeros((1, 1), np.float32), 16_000)
        each.append(audio)
        warnings += [join(": ", (source.name, text)) for text in audio.warnings]
        # Which of a file's tracks is read is what was asked for.
        notes += [] if source.track is not None else [join(": ", (source.name, text)) for text in audio.notes]
    if len(failures) == len(each):
        raise failures[0]
    return each, warnings, notes


def _is_empty(source: TrackSource) -> bool:
    try:
        return source.path.stat().st_size == 0
    except OSError:
        return False


def _describe_clocks(
    tracks: Tracks, each: Sequence[Audio], levels: Sequence[Levels], clocks: Sequence[Clock | None]
) -> list[str]:
    """What is told of starts, drifts and lengths."""
    told = []
    every = zip(tracks.names, clocks, levels, strict=True)
    sounding = [(name, clock) for name, clock, own in every if not own.is_silent]
    moved = [(name, clock) for name, clock in sounding if clock is not None and clock.by is not None]
    if moved:
        others = ", ".join(_format_clock(name, clock) for name, clock in moved)
        told.append(
            _("the tracks hear each other, and so were matched; after {first}: {others}").format(
                first=sounding[0][0], others=others
            )
        )
    lost = [name for name, clock in sounding if clock is None]
    if lost:
        told.append(
            _("the track of {names} and the others do not hear each other; it keeps its start").format(
                names=_list(lost)
            )
        )
    lengths = [audio.duration for audio, own in zip(each, levels, strict=True) if not own.is_silent]
    if lengths and max(lengths) - min(lengths) > _LENGTHS_APART_S:
        told.append(
            _("the tracks last {shortest:.0f} to {longest:.0f} s; behind its end a track is silent").format(
                shortest=min(lengths), longest=max(lengths)
            )
        )
    return told


def _format_clock(name: str, clock: Clock) -> str:
    """``boris +1.06 s (-10 ppm)``."""
    drift = f" ({1e6 * clock.drift:+.0f} ppm)" if round(1e6 * clock.drift) else ""
    return f"{name} {clock.start:+.2f} s{drift}"


def _list(names: Sequence[str]) -> str:
    return ", ".join([*names[:_LISTED], *(["…"] if len(names) > _LISTED else [])])


def _join(each: Sequence[Audio], clocks: Sequence[Clock]) -> Samples:
    """float32 (n_tracks, n_samples): every track at its place on the time line of all."""
    rate = each[0].sample_rate
    ends = [clock.start + (1.0 + clock.drift) * audio.duration for audio, clock in zip(each, clocks, strict=True)]
    n_samples = max(1, round(max(ends) * rate))
    with closing(ChannelStore(len(each), n_samples)) as store:
        for number, (audio, clock) in enumerate(zip(each, clocks, strict=True)):
            for first in range(0, n_samples, _BLOCK_SAMPLES):
                store.write(number, first, resample(audio, clock, first, min(n_samples, first + _BLOCK_SAMPLES)))
        return store.finish()


def resample(audio: Audio, clock: Clock, first: int, last: int) -> Samples:
    """The samples [first, last) of the time line on which a track has a clock: float32 (n_samples,), 0 outside of it.

    By windowed sinc interpolation where the clock drifts; a start alone is rounded to samples.
    """
    rate, row = audio.sample_rate, audio.samples[0]
    if clock.drift == 0.0:
        moved = round(clock.start * rate)
        return _cut(row, first - moved, last - moved)
    places = (np.arange(first, last) - clock.start * rate) / (1.0 + clock.drift)
    whole = np.floor(places).astype(np.int64)
    low = int(whole[0]) - _TAPS // 2 + 1
    source = _cut(row, low, int(whole[-1]) + _TAPS // 2 + 1)
    if not source.any():
        return np.zeros(last - first, np.float32)
    phases = np.minimum(((places - whole) * _PHASES).round().astype(np.int64), _PHASES)
    windows = np.lib.stride_tricks.sliding_window_view(source, _TAPS)[whole - whole[0]]
    return np.asarray(np.einsum("ij,ij->i", windows, _sinc_table()[phases]), np.float32)


def _sinc_table() -> NDArray[np.float32]:
    """float32 (2049, 24): the weights of 24 samples for each place between the two in the middle."""
    at = np.arange(_TAPS) - _TAPS // 2 + 1 - np.arange(_PHASES + 1)[:, None] / _PHASES
    window = np.cos(np.pi * at / (_TAPS + 2)) ** 2
    table = np.sinc(at) * window
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)


def _cut(row: Samples, first: int, last: int) -> Samples:
    """The samples [first, last) of a channel; 0 where it has none."""
    part = row[min(max(0, first), len(row)) : max(0, min(last, len(row)))]
    before = min(max(0, -first), last - first)
    return np.pad(part, (before, last - first - before - len(part)))


def _remove_crosstalk(tracks: Sequence[Audio]) -> list[list[Span]]:
    """Turns stretches in which a track carries others alone into its noise, in place; which they are, by track."""
    levels = [measure_levels(audio) for audio in tracks]
    leaks = find_leaks(tracks, levels)
    found = [find_crosstalk(number, tracks, levels, leaks) for number in range(len(tracks))]
    rng = np.random.default_rng(0)
    for audio, own, spans in zip(tracks, levels, found, strict=True):
        level = 0.0 if own.noise <= -95.0 else 10 ** (own.noise / 20)
        for span in spans:
            first, last = round(span.start * audio.sample_rate), round(span.end * audio.sample_rate)
            for low in range(first, last, _BLOCK_SAMPLES):
                block = audio.samples[0, low : min(last, low + _BLOCK_SAMPLES)]
                if block.any():  # what is silent needs no room on the disk
                    noise = level * rng.standard_normal(len(block), dtype=np.float32)
                    block[:] = noise + _fade(low - first, len(block), last - first, audio.sample_rate) * (block - noise)
    return found


def _fade(at: int, n_samples: int, whole: int, rate: int) -> NDArray[np.float32]:
    """The part of the sound that stays at the ends of a stretch, so that nothing clicks."""
    place = np.arange(at, at + n_samples)
    nearest = np.minimum(place, whole - 1 - place)
    return np.asarray(np.clip(1.0 - nearest / (_FADE_S * rate), 0.0, 1.0), np.float32)


def _record(
    tracks: Tracks, clocks: Sequence[Clock | None], placed: Sequence[Clock], removed: Sequence[Sequence[Span]]
) -> list[dict[str, Any]]:
    """What the provenance holds of each track."""
    return [
        {
            "name": source.name,
            "file": source.path.name,
            **({} if source.track is None else {"track": source.track}),
            "start": round(own.start, 4),
            "drift_ppm": round(1e6 * own.drift, 2),
            "matched": clock is not None,
            "crosstalk": round(total_duration(spans), 2),
        }
        for source, clock, own, spans in zip(tracks.sources, clocks, placed, removed, strict=True)
    ]
