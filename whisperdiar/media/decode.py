"""Decodes the sound of a media file packet by packet, resampled, at the times that a player shows."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, MediaError, TruncatedMedia
from whisperdiar.media.damage import Silences
from whisperdiar.media.declared_size import TOLERANCE as STATED_TOLERANCE
from whisperdiar.media.declared_size import find_shortfall
from whisperdiar.media.files import has_decoder, open_bytes, open_media, picture_rate, recording_id
from whisperdiar.media.frames import RATES_HZ, FrameReader, TimedFrame
from whisperdiar.media.mixing import Mix, Mixer
from whisperdiar.media.parts import End, Parts
from whisperdiar.media.source import FilePart, LocalFile
from whisperdiar.media.timeline import FrameClock, Timeline
from whisperdiar.media.tracks import ChosenTrack, TrackChooser, main_stream
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.system.files import format_path
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

Channels = Literal["mono", "all"]

_MOST_PASSES = 3  # the gain first, then the mix, which is measured at the right gain

_TS_DISCONT = 0x0200  # AVFMT_TS_DISCONT: formats whose clock may jump
_MOST_DENSE = 4  # a byte of a hole may stand for this many times the sound of the bytes that were read
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
    leave silence; `Audio.warnings` says where. Recordings that were joined byte by byte are read one after
    another, and sound beyond the length that a header states is read too. More than 64 MiB of samples become a
    memory map of a temporary file (folder: TMPDIR), in which the channels of one moment lie side by side: a single
    channel is then a view with strides.

    What cannot be right is mended, said in the result's warnings or notes, and costs that the file is decoded twice:
    channels that cancel each other, a steady sound that covers the voice on another channel, samples in floating
    point that lie far above full scale, very quiet sound (`whisperdiar.media.mixing`). A file that is written to
    meanwhile has a warning.

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
    mix, state = Mix(), _find_state(path)
    for _each in range(_MOST_PASSES):
        failure: TruncatedMedia | None = None
        mixer = Mixer(sample_rate, name=format_path(path), mix=mix, mono=mono, channel=channel)
        try:
            audio = _decode(path, tracks, mixer, first=first, last=last, progress=progress)
        except TruncatedMedia as error:
            audio, failure = error.audio, error
        found = mixer.findings()
        if found.mix.gain == mix.gain and (found.mix.weights == mix.weights or not mono):
            break
        mix = found.mix
    chosen = tracks.chosen or ChosenTrack(0)
    changed = (
        ()
        if _find_state(path) == state
        else (_("it was written to while it was read; run it again when it is complete"),)
    )
    audio = replace(
        audio,
        start=start,
        warnings=(*chosen.warnings, *audio.warnings, *found.warnings, *changed),
        notes=(*chosen.notes, *audio.notes, *found.notes),
        weights=() if mono else found.mix.weights,
        frame_rate=_find_frame_rate(path),
    )
    if failure is not None:
        failure.audio = audio
        raise failure
    progress("decode", 1.0)
    return audio


def _find_state(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Size and time of a regular file; None for any other, and for one that is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # the second for a name that no system takes
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _find_frame_rate(path: str | os.PathLike[str]) -> Fraction | None:
    with open_media(path) as (container, _):
        return picture_rate(container)


def check_recording(path: str | os.PathLike[str], *, track: int | None = None) -> None:
    """Find out whether there is sound to read before anything else is loaded; nothing is decoded.

    Args:
        track: which audio stream, counted from 1; None for any.

    Raises:
        MediaError: the file cannot be read, or has no such track; the same line as `load` gives.
    """
    with open_bytes(path) as file, open_media(path, Parts(file).first) as (container, _):
        streams = container.streams.audio
        if track is not None or not any(map(has_decoder, streams)):
            _check_rate(path, TrackChooser(path, track).stream(container))


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
    sample_rate, start = mixer.sample_rate, first / mixer.sample_rate
    decoder = _Decoder(mixer, first, last)
    with closing(decoder):
        loss = _read(path, decoder, tracks, progress)
        if decoder.timeline is None:
            raise MediaError(f"{format_path(path)}: {loss.nothing_decoded()}")
        samples = decoder.timeline.store.finish()
        lasts = decoder.timeline.position / sample_rate
    if not samples.shape[1]:
        raise MediaError(
            _("{path}: start {start:g}: the recording lasts only {lasts:.2f} seconds").format(
                path=format_path(path), start=start, lasts=lasts
            )
        )
    bounds = start, start + samples.shape[1] / sample_rate
    warnings = *decoder.silences.warnings(*bounds), *loss.warnings
    notes = *decoder.silences.notes(*bounds), *loss.notes
    audio = Audio(samples, sample_rate, recording_id(path), start, warnings=warnings, notes=notes)
    if not decoder.complete:
        _check_complete(path, loss, audio, lasts)
    return audio


def _read(path: str | os.PathLike[str], decoder: _Decoder, tracks: TrackChooser, progress: Progress) -> _Loss:
    from av import FFmpegError

    with open_bytes(path) as file:
        reading = _Reading(path, file, decoder, tracks, progress)
        try:
            reading.run()
            decoder.finish()
        except FFmpegError as error:  # 256 channels, for one
            raise MediaError(
                _(
                    "{path}: FFmpeg cannot convert its sound ({cause}), as of a damaged header; convert it to "
                    "WAV with the program that made it"
                ).format(path=format_path(path), cause=error.strerror)
            ) from error
    return reading.loss


def _check_options(
    sample_rate: int, channels: str, track: int | None, channel: int | None, start: float, end: float | None
) -> None:
    if sample_rate <= 0:
        raise InvalidOption(
            _("sample rate {sample_rate}: it must be a positive number of Hz, such as 16000").format(
                sample_rate=sample_rate
            )
        )
    if channels not in ("mono", "all"):
        raise InvalidOption(_("channels {channels!r}: choose mono or all").format(channels=channels))
    if track is not None and track < 1:
        raise InvalidOption(_("track {track}: audio tracks are counted from 1").format(track=track))
    if channel is not None and channel < 1:
        raise InvalidOption(_("channel {channel}: channels are counted from 1").format(channel=channel))
    if channel is not None and channels == "all":
        raise InvalidOption(_("channel {channel} and channels 'all': give one of them").format(channel=channel))
    if not (math.isfinite(start) and start >= 0):
        raise InvalidOption(
            _("start {start:g}: give seconds from the start of the recording, 0 or more").format(start=start)
        )
    if end is not None and not (math.isfinite(end) and round(end * sample_rate) > round(start * sample_rate)):
        raise InvalidOption(
            _("end {end:g}: it must lie after the start ({start:g} seconds)").format(end=end, start=start)
        )


def _check_complete(path: str | os.PathLike[str], loss: _Loss, audio: Audio, lasts: float) -> None:
    if loss.error is not None:
        raise TruncatedMedia(
            _(
                "{path}: reading stopped after {lasts:.1f} seconds ({cause}); check the disk or the connection to it"
            ).format(path=format_path(path), lasts=lasts, cause=loss.error.strerror),
            audio,
        ) from loss.error
    if loss.seconds:
        state = _("cut off") if loss.is_cut else _("damaged")
        raise TruncatedMedia(
            _(
                "{path}: is {state}: only {lasts:.1f} of {stated:.1f} seconds could be read; copy or download it again"
            ).format(path=format_path(path), state=state, lasts=lasts, stated=lasts + loss.seconds),
            audio,
        )


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
            yield from self._resample(self._waiting.read())

    def flush(self) -> Iterator[Samples]:
        """The rest."""
        if self._waiting.samples:
            yield from self._resample(self._waiting.read())
        yield from self._resample(None)

    def _resample(self, frame: AudioFrame | None) -> Iterator[Samples]:
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
    """Takes frames through the resampler and the mixer to their places on the time line.

    Attributes:
        timeline: the samples [first, last) of the resampled recording; None where there is no sound at all.
        silences: what was put in where the file has no sound.
    """

    def __init__(self, mixer: Mixer, first: int, last: int | None) -> None:
        self.timeline: Timeline | None = None
        self.silences = Silences()
        self._sample_rate = mixer.sample_rate
        self._mixer = mixer
        self._first = first
        self._last = last
        self._clock = FrameClock(longest=None)
        self._base = 0.0
        self._stretch: _Stretch | None = None

    def close(self) -> None:
        """Drop the samples."""
        if self.timeline is not None:
            self.timeline.store.close()

    @property
    def end(self) -> float:
        """Where the sound ends so far, in seconds."""
        return 0.0 if self._stretch is None else self._stretch.end

    @property
    def complete(self) -> bool:
        """Whether the end that was asked for is reached."""
        return self.timeline is not None and self.timeline.complete

    def begin(self, container: InputContainer) -> None:
        """From here on a recording of its own, whose time 0 is the end of the one before."""
        self._base = self.end
        self._clock = FrameClock(
            longest=None if container.duration is None else self._base + container.duration / 1e6,
            longest_jump=_LONGEST_TS_JUMP if container.format.flags & _TS_DISCONT else math.inf,
            jumps=self.silences.jumps,
        )

    def resume(self, container: InputContainer, *, n_read: int, n_skipped: int) -> None:
        """After damage timestamps may be later by what the bytes that are passed over can have held."""
        skipped = _MOST_DENSE * n_skipped * self.end / max(n_read, 1)
        self._clock.extend(self.end + skipped + (container.duration or 0) / 1e6)

    def read(self, reader: FrameReader, progress: Progress) -> None:
        """All frames of a part, up to the end that was asked for."""
        for item, following in reader.frames(progress):
            if self.timeline is None:
                n_channels = self._mixer.n_kept(item.frame.layout.nb_channels)
                self.timeline = Timeline(n_channels, first=self._first, last=self._last)
            self._stretch = self._place(reader, item, following, self.timeline)
            self.timeline.add_all(map(self._mixer.take, self._stretch.feed(item.frame)))
            if self.timeline.complete:
                return
        if self._stretch is not None and reader.rest:
            self.silences.damaged.append((self.end, self.end + reader.rest))

    def finish(self) -> None:
        """Take what the resampler still holds."""
        if self.timeline is not None and self._stretch is not None and not self.timeline.complete:
            self.timeline.add_all(map(self._mixer.take, self._stretch.flush()))

    def _place(
        self, reader: FrameReader, item: TimedFrame, following: TimedFrame | None, timeline: Timeline
    ) -> _Stretch:
        """The stretch that the frame belongs to: the same one, or after a gap or a change a new one."""
        stretch, expected = self._stretch, self.end
        if item.stamp is not None:
            ahead = None if following is None or following.stamp is None else self._base + following.stamp
            at = self._clock.place(
                self._base + item.stamp,
                expected,
                following=ahead,
                after_loss=item.damaged,
                is_hole=lambda gap: reader.accounts_for(item, gap, expected - self._base),
            )
        else:
            at = expected if stretch is None else expected + item.lost
        if stretch is not None:
            if at > expected:
                is_damaged = item.damaged or reader.is_damaged(item, at - expected)
                (self.silences.damaged if is_damaged else self.silences.gaps).append((expected, at))
            if at == expected and stretch.key == _key(item.frame):
                return stretch
            timeline.add_all(map(self._mixer.take, stretch.flush()))
        timeline.move_to(round(at * self._sample_rate))
        return _Stretch(item.frame, start=at, sample_rate=self._sample_rate)


class _Loss:
    """What a file lacks, and what is said about its parts.

    Attributes:
        error: what the disk said, or None.
        seconds: of sound that the file states and does not hold.
        is_cut: whether bytes are missing at its end; otherwise it is damaged.
        n_failed: packets that could not be decoded.
        warnings, notes: sentences for the user.
    """

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.seconds = 0.0
        self.is_cut = False
        self.n_failed = 0
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def nothing_decoded(self) -> str:
        """Why there is no sound at all."""
        if self.error is not None:
            return _("cannot be read ({cause}); check the disk or the connection to it").format(
                cause=self.error.strerror
            )
        if self.n_failed:
            return _("none of its sound could be decoded (damaged or encrypted); check that it plays")
        if self.seconds:
            state = _("cut off") if self.is_cut else _("damaged")
            lasts = _("it should last {seconds:.1f} seconds and ends before any sound").format(seconds=self.seconds)
            return _("is {state}: {lasts}; copy or download it again").format(state=state, lasts=lasts)
        return _("holds no sound at all (0 samples); check the recording")


class _Reading:
    """Reads the parts of one file one after another.

    Attributes:
        loss: what is missing so far.
    """

    def __init__(
        self, path: str | os.PathLike[str], file: LocalFile, decoder: _Decoder, tracks: TrackChooser, progress: Progress
    ) -> None:
        self.loss = _Loss()
        self._path = path
        self._parts = Parts(file)
        self._n_bytes = file.size
        self._decoder = decoder
        self._tracks = tracks
        self._index = -1  # of the stream that is read
        self._progress = progress
        self._missing = 0.0  # seconds of the recording that is read
        self._base = 0.0  # where it begins on the time line
        self._origin = 0.0  # its first timestamp
        self._position = 0  # end of its last packet, in bytes

    def run(self) -> None:
        """Decode up to the end that was asked for.

        Raises:
            MediaError: the file cannot be opened, or has no such track.
        """
        parts, decoder, loss = self._parts, self._decoder, self.loss
        part = parts.first
        following: FilePart | None = part
        end: End | None = None
        while following is not None:
            part = following
            try:
                end = self._read(part)
            except MediaError:
                if part is parts.first:
                    raise
                end = None
            if decoder.complete:
                return
            following = parts.following(part, end)
        if self._missing > STATED_TOLERANCE:
            loss.seconds += self._missing
        may_be_cut = decoder.timeline is not None and not loss.seconds
        loss.warnings += parts.warnings(end, part, self._position, may_be_cut=may_be_cut)
        loss.notes += parts.notes()

    def _stream(self, container: InputContainer, part: FilePart) -> AudioStream:
        """The stream to read: after damage the same one, in a new recording the one that was asked for."""
        same = [stream for stream in container.streams.audio if stream.index == self._index]
        if part.resumes and same:
            return same[0]
        chosen = main_stream(self._path, container) if part.continues else self._tracks.stream(container)
        self._index = chosen.index
        return chosen

    def _read(self, part: FilePart) -> End:
        decoder, loss, before = self._decoder, self.loss, self._decoder.end
        with open_media(self._path, part) as (container, source), open_bytes(self._path, part) as beside:
            stream = self._stream(container, part)
            _check_rate(self._path, stream)
            reader = FrameReader(
                container,
                stream,
                source=source,
                beside=beside,
                origin=self._origin if part.continues else None,
                begins=part.begins,
                after_damage=part.resumes > 0,
            )
            if not part.continues:
                loss.seconds += self._missing
                self._missing, self._base, self._origin = 0.0, before, reader.origin
                decoder.begin(container)
            elif part.resumes:
                decoder.resume(container, n_read=self._position, n_skipped=part.resumes - self._position)
            decoder.read(reader, _scale_progress(part, source.size, self._n_bytes, self._progress))
            loss.n_failed += reader.n_failed
            loss.error = loss.error or source.error
            self._position = max(self._position, part.offset(reader.end))
            name = container.format.name
            if part.continues:
                self._missing = max(0.0, self._missing - (decoder.end - before))
                if decoder.end > before and not part.resumes:
                    loss.warnings.append(
                        _("the sound goes on in another stream at {before:.1f} s, which is read").format(before=before)
                    )
            elif not decoder.complete:
                lasts = decoder.end - self._base
                short = find_shortfall(beside, container, stream, lasts, indexed=reader.indexed_end)
                if short is not None:
                    self._missing, loss.is_cut = short.missing, short.is_cut
        return End(name, reader.end, reader.ends_broken)


def _check_rate(path: str | os.PathLike[str], stream: AudioStream) -> None:
    rate = stream.codec_context.sample_rate
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise MediaError(
            _(
                "{path}: its header states a sampling rate of {rate} Hz, and recordings have {lowest} to "
                "{highest}; mend the header, or make the file again"
            ).format(path=format_path(path), rate=rate, lowest=RATES_HZ[0], highest=RATES_HZ[1])
        )


def _scale_progress(part: FilePart, n_bytes: int, whole: int, progress: Progress) -> Progress:
    """Progress of one part as that of the whole file."""
    if n_bytes == whole:
        return progress

    def report(stage: str, fraction: float) -> None:
        progress(stage, part.offset(round(fraction * n_bytes)) / whole)

    return report
