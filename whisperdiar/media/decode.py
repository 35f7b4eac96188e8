"""Decodes the sound of a media file packet by packet, resampled, at the times that a player shows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, MediaError, TruncatedMedia
from whisperdiar.media.files import LocalFile, opened, recording_id, shown
from whisperdiar.media.frames import FrameReader, TimedFrame
from whisperdiar.media.mixing import Mix, Mixer
from whisperdiar.media.promise import promised_duration
from whisperdiar.media.timeline import Clock, Timeline
from whisperdiar.media.tracks import ChosenTrack, TrackChooser
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import Audio, Samples

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

Channels = Literal["mono", "all"]

_MOST_PASSES = 3  # the gain first, then the mix, which is measured at the right gain

_TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT: formats whose clock may jump
_LONGEST_TS_JUMP = 10.0  # from here on the ffmpeg program takes it for such a jump (-dts_delta_threshold)


def load(
    path: str | os.PathLike[str],
    *,
    sample_rate: int = SAMPLE_RATE_HZ,
    channels: Channels = "mono",
    track: int | None = None,
    channel: int | None = None,
    language: str | None = None,
    start: float = 0.0,
    end: float | None = None,
    progress: Progress = no_progress,
) -> Audio:
    """The sound of any audio or video file that FFmpeg reads.

    Time 0 is where a player begins: sound that sets in after the picture is preceded by silence, and gaps in
    the timestamps (above 50 ms) are filled with silence. Packets that cannot be decoded are left out and
    leave silence. More than 64 MiB of samples become a memory map of a temporary file (folder: TMPDIR), in which
    the channels of one moment lie side by side: a single channel is then a view with strides.

    What cannot be right is mended, said in the result's warnings or notes, and costs that the file is decoded twice:
    channels that cancel each other, a steady sound that covers the voice on another channel, samples in floating
    point that lie far above full scale (`whisperdiar.media.mixing`).

    Args:
        path: a local file.
        sample_rate: of the result, in Hz.
        channels: ``mono`` for the mean of all channels, but for what is mended; ``all`` for each.
        track: which audio stream, counted from 1; None takes the one that FFmpeg takes for the main one, or the first
            other one where that is silent or cannot be decoded.
        channel: one channel of the track, counted from 1, in place of the mean.
        language: that is spoken, as a code such as ``en``: another track that is tagged so is named in a warning.
        start: seconds of the recording to leave out; the rest equals that of the whole, sample by sample.
        end: seconds at which to stop; None, or a time after the end of the recording, means its end.
        progress: called with ``decode`` and the fraction that is read.

    Returns:
        Samples float32 (1 or n_channels, n_samples), clipped to [-1, 1]; `Audio.start` is `start`.

    Raises:
        InvalidOption: `start`, `end`, `track`, `channel`, `channels` or `sample_rate` cannot be meant for any file.
        MediaError: the file cannot be read, or has no such track, channel or time.
        TruncatedMedia: the file ends before its header says; carries what there is.
        OutputError: the temporary file cannot be written.
    """
    _check_options(sample_rate, channels, track, channel, start, end)
    first = round(start * sample_rate)
    last = None if end is None else round(end * sample_rate)
    tracks = TrackChooser(path, track, language=language, start=start, end=end)
    mono = channels == "mono"
    mix = Mix()
    for _ in range(_MOST_PASSES):
        failure: TruncatedMedia | None = None
        mixer = Mixer(sample_rate, name=shown(path), mix=mix, mono=mono, channel=channel)
        try:
            audio = _decode(path, tracks, mixer, first=first, last=last, progress=progress)
        except TruncatedMedia as error:
            audio, failure = error.audio, error
        found = mixer.findings()
        if found.mix.gain == mix.gain and (found.mix.weights == mix.weights or not mono):
            break
        mix = found.mix
    chosen = tracks.chosen or ChosenTrack(0)
    audio = replace(
        audio,
        start=start,
        warnings=(*chosen.warnings, *audio.warnings, *found.warnings),
        notes=(*chosen.notes, *audio.notes, *found.notes),
        weights=() if mono else found.mix.weights,
    )
    if failure is not None:
        failure.audio = audio
        raise failure
    progress("decode", 1.0)
    return audio


def _decode(
    path: str | os.PathLike[str],
    tracks: TrackChooser,
    mixer: Mixer,
    *,
    first: int,
    last: int | None,
    progress: Progress,
) -> Audio:
    """The samples [first, last) of the chosen track, as the mixer gives them back."""
    sample_rate = mixer.sample_rate
    with opened(path) as (container, source):
        stream = tracks.stream(container)
        reader = FrameReader(container, stream, file_size=source.size)
        timeline = _Decoder(container, mixer).run(reader, first, last, progress)
        if timeline is None:
            promised = promised_duration(Path(path), container, stream, 0.0)
            raise MediaError(f"{shown(path)}: {_nothing_decoded(reader, source, promised)}")
        with closing(timeline.store) as store:
            samples = store.finish()
        lasts = timeline.position / sample_rate
        if not samples.shape[1]:
            start = first / sample_rate
            raise MediaError(f"{shown(path)}: start {start:g}: the recording lasts only {lasts:.2f} seconds")
        audio = Audio(samples, sample_rate, recording_id(path), first / sample_rate)
        if not timeline.complete:
            _check_complete(path, source, audio, lasts, promised_duration(Path(path), container, stream, lasts))
    return audio


def _check_options(
    sample_rate: int, channels: str, track: int | None, channel: int | None, start: float, end: float | None
) -> None:
    if sample_rate <= 0:
        raise InvalidOption(f"sample rate {sample_rate}: it must be a positive number of Hz, such as 16000")
    if channels not in ("mono", "all"):
        raise InvalidOption(f"channels {channels!r}: choose mono or all")
    if track is not None and track < 1:
        raise InvalidOption(f"track {track}: audio tracks are counted from 1")
    if channel is not None and channel < 1:
        raise InvalidOption(f"channel {channel}: channels are counted from 1")
    if channel is not None and channels == "all":
        raise InvalidOption(f"channel {channel} and channels 'all': give one of them")
    if not (math.isfinite(start) and start >= 0):
        raise InvalidOption(f"start {start:g}: give seconds from the start of the recording, 0 or more")
    if end is not None and not (math.isfinite(end) and round(end * sample_rate) > round(start * sample_rate)):
        raise InvalidOption(f"end {end:g}: it must lie after the start ({start:g} seconds)")


def _check_complete(
    path: str | os.PathLike[str], source: LocalFile, audio: Audio, lasts: float, promised: float | None
) -> None:
    if source.error is not None:
        raise TruncatedMedia(
            f"{shown(path)}: reading stopped after {lasts:.1f} seconds ({source.error.strerror}); "
            "check the disk or the connection to it",
            audio,
        ) from source.error
    if promised is not None:
        raise TruncatedMedia(
            f"{shown(path)}: is cut off: only {lasts:.1f} of {promised:.1f} seconds could be read; "
            "copy or download it again",
            audio,
        )


def _nothing_decoded(reader: FrameReader, source: LocalFile, promised: float | None) -> str:
    if source.error is not None:
        return f"cannot be read ({source.error.strerror}); check the disk or the connection to it"
    if reader.n_failed:
        return "none of its sound could be decoded (damaged or encrypted); check that it plays"
    if promised is not None:
        return f"is cut off: it should last {promised:.1f} seconds and ends before any sound; copy or download it again"
    return "holds no sound at all (0 samples); check the recording"


class _Stretch:
    """Frames of one format, one layout and one sampling rate that follow each other without a gap."""

    def __init__(self, frame: AudioFrame, *, start: float, sample_rate: int) -> None:
        from av import AudioFifo, AudioResampler

        self.key = _key(frame)
        self._start = start
        self._rate = frame.sample_rate
        self._n_samples = 0
        self._waiting = AudioFifo()  # a frame lasts some 20 ms; one second at a time takes half as long
        # The layout stays: FFmpeg's own mix to one channel leaves out some channels and weights others. Packed
        # samples, because PyAV 18 reads beyond the planes of a planar frame with 8 channels or more.
        self._resampler = AudioResampler(format="flt", layout=frame.layout, rate=sample_rate)

    @property
    def end(self) -> float:
        return self._start + self._n_samples / self._rate

    def feed(self, frame: AudioFrame) -> Iterator[Samples]:
        """Take a frame; what is ready comes out: float32 (n_channels, n_samples), not limited to any range."""
        self._n_samples += frame.samples
        frame.pts = None  # nothing below must look for gaps: they are dealt with here
        self._waiting.write(frame)
        if self._waiting.samples >= self._rate:
            yield from self._resampled(self._waiting.read())

    def flush(self) -> Iterator[Samples]:
        """The rest."""
        if self._waiting.samples:
            yield from self._resampled(self._waiting.read())
        yield from self._resampled(None)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Samples]:
        if frame is not None:
            frame.pts = None
        for converted in self._resampler.resample(frame):
            if converted is None:  # a flush of a resampler that has nothing to do
                continue
            packed: Samples = converted.to_ndarray().astype(np.float32, copy=False)
            yield packed.reshape(-1, converted.layout.nb_channels).T


def _key(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class _Decoder:
    """Takes frames through the resampler and the mixer to their places on the time line."""

    def __init__(self, container: InputContainer, mixer: Mixer) -> None:
        self._sample_rate = mixer.sample_rate
        self._mixer = mixer
        self._clock = Clock(
            longest=None if container.duration is None else container.duration / 1e6,
            longest_jump=_LONGEST_TS_JUMP if container.format.flags & _TS_DISCONT else math.inf,
        )

    def run(self, reader: FrameReader, first: int, last: int | None, progress: Progress) -> Timeline | None:
        """The samples [first, last) of the resampled recording; None where there is no sound at all."""
        timeline: Timeline | None = None
        stretch: _Stretch | None = None
        with ExitStack() as on_failure:
            for item, following in reader.frames(progress):
                if timeline is None:
                    n_channels = self._mixer.n_kept(item.frame.layout.nb_channels)
                    timeline = Timeline(n_channels, first=first, last=last)
                    on_failure.callback(timeline.store.close)
                stretch = self._place(item, following, stretch, timeline)
                timeline.add_all(map(self._mixer.take, stretch.feed(item.frame)))
                if timeline.complete:
                    break
            else:
                if timeline is not None and stretch is not None:
                    timeline.add_all(map(self._mixer.take, stretch.flush()))
            on_failure.pop_all()
        return timeline

    def _place(
        self, item: TimedFrame, following: TimedFrame | None, stretch: _Stretch | None, timeline: Timeline
    ) -> _Stretch:
        """The stretch that the frame belongs to: the same one, or after a gap or a change a new one."""
        expected = 0.0 if stretch is None else stretch.end
        if item.stamp is not None:
            ahead = None if following is None else following.stamp
            at = self._clock.place(item.stamp, expected, following=ahead, after_loss=item.lost > 0)
        else:
            at = expected if stretch is None else expected + item.lost
        if stretch is not None:
            if at == expected and stretch.key == _key(item.frame):
                return stretch
            timeline.add_all(map(self._mixer.take, stretch.flush()))
        timeline.move_to(round(at * self._sample_rate))
        return _Stretch(item.frame, start=at, sample_rate=self._sample_rate)
