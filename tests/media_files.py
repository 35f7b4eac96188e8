"""Builders of media files for the tests: every file holds a known signal, so that positions can be checked."""

from __future__ import annotations

import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

Signal = NDArray[np.float64]

_FORMATS = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}


def signal(seconds: float, *, rate: int = 16_000, channels: int = 1) -> Signal:
    """(channels, n_samples) in [-0.5, 0.5]: chirps between 250 and 2500 Hz that differ by channel.

    The loudness swells in an irregular rhythm, so that only the right position correlates.
    """
    time = np.arange(round(seconds * rate)) / rate
    rows = []
    for channel in range(channels):
        low, high = 250 + 60 * channel, 2500 - 150 * channel
        period = 1.7 + 0.3 * channel
        phase = 2 * np.pi * (low * time + (high - low) / (2 * period) * (time % period) ** 2)
        swell = 0.55 + 0.45 * np.sin(2 * np.pi * (1.3 + 0.1 * channel) * time + 0.9 * np.sin(2 * np.pi * 0.37 * time))
        rows.append(0.5 * swell * np.sin(phase))
    return np.array(rows)


@dataclass(frozen=True, kw_only=True)
class Track:
    """One audio stream of a file that `write_media` builds.

    Attributes:
        samples: (channels, n_samples).
        delay: timestamp of the first sample, seconds.
        main: whether the file marks it as the default track; None leaves that to the container.
        gaps: (time in the samples, seconds that the timestamps jump there).
        sample_format: of the frames handed to the encoder; None takes the encoder's first.
    """

    samples: Signal
    rate: int = 16_000
    codec: str = "pcm_s16le"
    layout: str | None = None
    sample_format: str | None = None
    language: str | None = None
    title: str | None = None
    main: bool | None = None
    bit_rate: int | None = None
    delay: float = 0.0
    gaps: Sequence[tuple[float, float]] = ()


_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1", 8: "7.1"}


def _quantised(samples: Signal, kind: str) -> NDArray[np.generic]:
    dtype = np.dtype(_FORMATS[kind])
    if dtype.kind == "f":
        values = samples.astype(dtype)
    elif kind == "u8":
        values = np.round(samples * 127 + 128).astype(dtype)
    else:
        values = np.round(samples * (2.0 ** (8 * dtype.itemsize - 1) - 1)).astype(dtype)
    return np.ascontiguousarray(values.T.reshape(1, -1))


def _frames(track: Track, kind: str, layout: str, block: int = 1024) -> list[av.AudioFrame]:
    frames = []
    for first in range(0, track.samples.shape[1], block):
        piece = track.samples[:, first : first + block]
        frame = av.AudioFrame.from_ndarray(_quantised(piece, kind), format=kind, layout=layout)
        frame.sample_rate = track.rate
        frame.time_base = Fraction(1, track.rate)
        jumps = sum(jump for at, jump in track.gaps if first >= at * track.rate)
        frame.pts = first + round((track.delay + jumps) * track.rate)
        frames.append(frame)
    return frames


def write_media(
    path: Path,
    *tracks: Track,
    container: str | None = None,
    video: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """A file with these audio streams, after `video` seconds' worth of moving picture where that is not 0."""
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        if video:
            picture = output.add_stream("mpeg4", rate=10)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        streams = []
        for track in tracks:
            layout = track.layout or _LAYOUTS[track.samples.shape[0]]
            stream = output.add_stream(track.codec, rate=track.rate, layout=layout)
            if track.bit_rate:
                stream.bit_rate = track.bit_rate
            if track.sample_format:
                stream.format = track.sample_format
            if track.language:
                stream.metadata["language"] = track.language
            if track.main is not None:
                stream.disposition = Disposition.default.value if track.main else 0
            if track.title:
                stream.metadata["title"] = track.title
            streams.append((track, stream, layout))
        packets = []
        if video:
            for index in range(round(video * 10)):
                image = np.full((48, 64, 3), (index * 7) % 255, dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                packets += picture.encode(frame)
            packets += picture.encode(None)
        for track, stream, layout in streams:
            kind = stream.format.name.removesuffix("p")  # packed: PyAV 18 cannot fill 8 planes; it converts
            for audio_frame in _frames(track, kind, layout):
                packets += stream.encode(audio_frame)
            packets += stream.encode(None)
        packets = [packet for packet in packets if packet.dts is not None]
        for packet in sorted(packets, key=lambda item: item.dts * item.time_base):
            output.mux(packet)
    return path


def write_wav(path: Path, samples: Signal, rate: int = 16_000) -> Path:
    """16-bit PCM through the standard library; any number of channels, without a channel mask."""
    with wave.open(str(path), "wb") as output:
        output.setnchannels(samples.shape[0])
        output.setsampwidth(2)
        output.setframerate(rate)
        output.writeframes(np.round(samples.T * 32767).astype("<i2").tobytes())
    return path


def write_sparse_wav(path: Path, samples: Signal, *, lead: float, rate: int = 16_000) -> Path:
    """One channel of 16-bit PCM after `lead` seconds of silence, which take no room on the disk."""
    data = np.round(samples[0] * 32767).astype("<i2").tobytes()
    n_lead = 2 * round(lead * rate)
    n_bytes = n_lead + len(data)
    fields = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    header = b"RIFF" + struct.pack("<I", 36 + n_bytes) + b"WAVEfmt " + fields + b"data" + struct.pack("<I", n_bytes)
    with path.open("wb") as output:
        output.write(header)
        output.seek(len(header) + n_lead)
        output.write(data)
    return path


def best_lag(
    samples: NDArray[np.floating], reference: NDArray[np.floating], *, rate: int = 16_000
) -> tuple[float, float]:
    """Seconds by which `samples` lag behind `reference`, and how well the two then correlate (1 is best)."""
    size = 1 << (len(samples) + len(reference)).bit_length()
    product = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(reference, size))
    lag = int(np.argmax(np.fft.irfft(product)))
    lag = lag - size if lag > size // 2 else lag
    one, other = (samples[lag:], reference) if lag >= 0 else (samples, reference[-lag:])
    n = min(len(one), len(other))
    return lag / rate, float(np.corrcoef(one[:n], other[:n])[0, 1])


def cut(path: Path, fraction: float, *, to: Path | None = None) -> Path:
    """The first part of a file's bytes, as a broken download leaves it."""
    data = path.read_bytes()
    target = to or path.with_name(f"cut_{path.name}")
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


def corrupt(path: Path, *, at: float, n_bytes: int, seed: int = 1) -> Path:
    """The same file with `n_bytes` bytes overwritten by noise at this fraction of its length."""
    data = bytearray(path.read_bytes())
    first = int(len(data) * at)
    data[first : first + n_bytes] = np.random.default_rng(seed).bytes(n_bytes)
    target = path.with_name(f"corrupt_{path.name}")
    target.write_bytes(bytes(data))
    return target


SECONDS = 3.0
MS = 0.001


def build(
    folder: Path, name: str, codec: str = "pcm_s16le", *, rate: int = 48_000, channels: int = 1, **more: Any
) -> Path:
    """A file with SECONDS of the signal; a track's settings and `container`, `video`, `options` in `more`."""
    outer = {key: more.pop(key) for key in ("container", "video", "options") if key in more}
    samples = more.pop("samples", signal(SECONDS, rate=rate, channels=channels))
    return write_media(folder / name, Track(samples=samples, rate=rate, codec=codec, **more), **outer)


FRAME = 25 * MS  # an AAC frame: the delay of an encoder that the container keeps to itself


def assert_here(
    samples: NDArray[np.float32], reference: Signal, *, within: float = 2 * MS, least: float = 0.98
) -> None:
    lag, correlation = best_lag(samples, reference)
    assert abs(lag) <= within, f"off by {1000 * lag:.1f} ms"
    assert correlation >= least


def one_line(error: BaseException, path: object) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.count(str(path)) <= 1
    assert ";" in text, "the next step is missing"
    return text
