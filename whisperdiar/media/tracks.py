"""Track selection: which audio track of a file is read, and what a user is told of the others."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from whisperdiar.errors import MediaError
from whisperdiar.media.files import (
    AudioTrack,
    audio_tracks,
    explain_playlist,
    has_decoder,
    is_playlist,
    open_media,
)
from whisperdiar.media.frames import discard_others
from whisperdiar.system.files import format_path
from whisperdiar.text.languages import is_same_language
from whisperdiar.text.messages import _, join

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_PROBES = 8
_PROBE_S = 2.0
_PROBE_UNTIMED_S = 30.0  # where nobody knows how long the file is, from its beginning on
_SILENT = 10 ** (-70 / 20)  # peak; the faintest recordings that have words lie some 10 dB above

Sound = Literal["heard", "silent", "undecodable"]


@dataclass(frozen=True, slots=True)
class ChosenTrack:
    """The track that is read.

    Attributes:
        index: among the audio streams of the file, from 0.
        warnings: sentences for the user: why it is not the main one, or that another may be meant.
        notes: sentences for the user: which others there are.
    """

    index: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def main_stream(path: str | os.PathLike[str], container: InputContainer) -> AudioStream:
    """The audio stream that FFmpeg takes for the main one, among those that can be decoded.

    Raises:
        MediaError: there is none.
    """
    streams = [stream for stream in container.streams.audio if has_decoder(stream)]
    if not streams:
        raise MediaError(_("{path}: its sound ends early; check that all of it plays").format(path=format_path(path)))
    best = container.streams.best("audio")
    return next((stream for stream in streams if stream is best), streams[0])


class TrackChooser:
    """Chooses the audio track of a file when it is opened first, and keeps to it.

    Args:
        path: of the file.
        number: of the track, counted from 1; None for the main one. That is what FFmpeg takes for it; another one
            stands in where it cannot be decoded, or where it is silent at eight places and the other is not.
        language: that is spoken, as a code such as ``en``, or None.
        start, end: the part that is read, in seconds.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        number: int | None,
        *,
        language: str | None = None,
        start: float = 0.0,
        end: float | None = None,
    ) -> None:
        self.chosen: ChosenTrack | None = None
        self._path = path
        self._number = number
        self._language = language
        self._start = start
        self._end = end

    def stream(self, container: InputContainer) -> AudioStream:
        """The stream of the chosen track in an open container.

        Raises:
            MediaError: there is no sound, no such track, or no decoder for it.
        """
        if self.chosen is None:
            self.chosen = _choose(
                self._path, container, self._number, language=self._language, start=self._start, end=self._end
            )
        streams = container.streams.audio
        if self.chosen.index >= len(streams) or not has_decoder(streams[self.chosen.index]):
            raise MediaError(
                _("{path}: its sound ends early; check that all of it plays").format(path=format_path(self._path))
            )
        return streams[self.chosen.index]


def _choose(
    path: str | os.PathLike[str],
    container: InputContainer,
    number: int | None,
    *,
    language: str | None,
    start: float,
    end: float | None,
) -> ChosenTrack:
    tracks = audio_tracks(container)
    if not tracks:
        if is_playlist(Path(path)):
            raise MediaError(f"{format_path(path)}: {explain_playlist()}")
        kinds = sorted({stream.type or "unknown" for stream in container.streams})
        found = _("only {kinds}").format(kinds=", ".join(kinds)) if kinds else _("nothing that can be played")
        raise MediaError(
            _("{path}: has no sound, {found}; give a file with an audio track").format(
                path=format_path(path), found=found
            )
        )
    decodable = [has_decoder(stream) for stream in container.streams.audio]
    if number is not None:
        if number > len(tracks):
            raise MediaError(
                _("{path}: has no audio track {number}; it has {tracks}").format(
                    path=format_path(path), number=number, tracks=_format_tracks(tracks)
                )
            )
        if not decodable[number - 1]:
            raise MediaError(_explain_undecodable(path, tracks, decodable, number))
        return ChosenTrack(number - 1)
    main = next((i for i, track in enumerate(tracks) if track.default), 0)
    if not any(decodable):
        raise MediaError(_explain_undecodable(path, tracks, decodable))
    if len(tracks) == 1:
        return ChosenTrack(0)
    order = [main, *(i for i in range(len(tracks)) if i != main)]
    chosen, reason = _find_first_audible(path, [i for i in order if decodable[i]], start=start, end=end)
    if not decodable[main]:
        reason = _("cannot be decoded")
    others = [track for i, track in enumerate(tracks) if i != chosen and decodable[i]]
    return ChosenTrack(chosen, *_describe_choice(tracks, others, main, chosen, reason, language))


def _find_first_audible(
    path: str | os.PathLike[str], order: Sequence[int], *, start: float, end: float | None
) -> tuple[int, str]:
    """The first track in which there is sound (the first of all where there is none), and what the first one lacks."""
    first = order[0]
    found = _has_sound(path, first, start=start, end=end) if len(order) > 1 else "heard"
    if found == "heard":
        return first, ""
    other = next((i for i in order[1:] if _has_sound(path, i, start=start, end=end) == "heard"), None)
    return (first, "") if other is None else (other, _("is silent") if found == "silent" else _("cannot be decoded"))


def _has_sound(path: str | os.PathLike[str], index: int, *, start: float, end: float | None) -> Sound:
    """Whether a track holds any sound, judged by a few seconds of it.

    In a container of its own: after a seek FFmpeg may give other timestamps than without.
    """
    try:
        with open_media(path) as (container, _):
            stream = container.streams.audio[index]
            discard_others(container, stream)
            places = _choose_places(container, start, end)
            decoded = sum(_listen(container, stream, at, seconds) for at, seconds in places)
    except (MediaError, _SoundFound):  # a file that FFmpeg reads by other means only says nothing
        return "heard"
    return "silent" if decoded else "undecodable"


class _SoundFound(Exception):
    """There is sound: nothing more need be listened to."""


def _listen(container: InputContainer, stream: AudioStream, at: float, seconds: float) -> int:
    """How many samples could be decoded of so many seconds at a place; all of them are silent.

    Raises:
        _Heard: one is not.
    """
    from av import FFmpegError

    n_samples = 0
    try:
        if at:
            container.seek(round(at * 1e6) + (container.start_time or 0))
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            if any(_peak(frame) > _SILENT for frame in frames):
                raise _SoundFound
            n_samples += sum(frame.samples for frame in frames)
            if n_samples >= seconds * (stream.rate or math.inf):
                break
    except FFmpegError:  # a place that cannot be reached says nothing
        pass
    return n_samples


def _choose_places(container: InputContainer, start: float, end: float | None) -> list[tuple[float, float]]:
    """Where to listen, and how long (seconds)."""
    last = math.inf if container.duration is None else container.duration / 1e6
    last = min(last, math.inf if end is None else end)
    if not math.isfinite(last):
        return [(start, _PROBE_UNTIMED_S)]
    step = max(0.0, last - start) / _PROBES
    if step <= _PROBE_S:
        return [(start, max(_PROBE_S, last - start))]
    return [(start + i * step, _PROBE_S) for i in range(_PROBES)]


def _peak(frame: Any) -> float:
    """The largest sample of a frame, 1 for full scale; a constant offset is no sound."""
    from av import AudioResampler

    largest = 0.0
    # Packed samples: PyAV 18 reads beyond the planes of a planar frame with 8 channels or more.
    for packed in AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate).resample(frame):
        samples = np.nan_to_num(packed.to_ndarray()).astype(np.float32, copy=False)
        largest = max(largest, float(np.abs(samples - np.median(samples)).max(initial=0.0)))
    return largest


def _describe_choice(
    tracks: Sequence[AudioTrack],
    others: Sequence[AudioTrack],
    main: int,
    chosen: int,
    reason: str,
    language: str | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Warnings and notes about the choice: one sentence; `others` are those that could be read in its place."""
    hint = f"--track {others[0].number}" if len(others) == 1 else "--track N"
    also = _("; also: {tracks} ({hint})").format(tracks=_format_tracks(others), hint=hint) if others else ""
    this = _("track {chosen} of {n_tracks}").format(chosen=chosen + 1, n_tracks=len(tracks))
    if chosen != main:
        return (
            _("track {main} {reason}, so that {track} is read in its place{also}").format(
                main=main + 1, reason=reason, track=this, also=also
            ),
        ), ()
    tagged = next((track for track in others if is_same_language(track.language, language)), None)
    if tagged is not None and not is_same_language(tracks[chosen].language, language):
        own = (
            _("tagged {language}").format(language=tracks[chosen].language)
            if tracks[chosen].language
            else _("without a language")
        )
        other = _("but another is tagged {language}: to read that, give --track {number}").format(
            language=tagged.language, number=tagged.number
        )
        return (_("{track} ({own}) is read, {other}{also}").format(track=this, own=own, other=other, also=also),), ()
    return (), (_("{track} is read{also}").format(track=this, also=also),)


def _format_tracks(tracks: Sequence[AudioTrack]) -> str:
    return join(", ", tracks)


def _explain_undecodable(
    path: str | os.PathLike[str], tracks: Sequence[AudioTrack], decodable: Sequence[bool], number: int | None = None
) -> str:
    what = _("its sound") if number is None else _("track {number}").format(number=number)
    name = format_path(path)
    others = [track for track, good in zip(tracks, decodable, strict=True) if good]
    if others:
        return _(
            "{path}: {what} cannot be decoded (unknown, encrypted or damaged); give another track: {tracks} "
            "(--track {number})"
        ).format(path=name, what=what, tracks=_format_tracks(others), number=others[0].number)
    return _(
        "{path}: {what} cannot be decoded (unknown, encrypted or damaged); convert it to WAV with the program that "
        "made it"
    ).format(path=name, what=what)
