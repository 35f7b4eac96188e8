"""Samples → a media file, through PyAV (no ffmpeg program is needed)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from samples.performance import Performance
from samples.synthesis import SAMPLE_RATE_HZ
from samples.video import FRAMES_PER_SECOND, HEIGHT, WIDTH, frames

_BLOCK_SAMPLES = 4096


@dataclass(frozen=True, slots=True)
class _Format:
    codec: str
    sample_rate_hz: int
    sample_format: str
    bit_rate: int | None = None
    """Bits per second of the whole stream; None where nothing is lost."""


_FORMATS = {
    ".mp4": _Format("aac", 48_000, "fltp", 64_000),
    ".m4a": _Format("aac", 44_100, "fltp", 48_000),
    ".mp3": _Format("libmp3lame", 44_100, "fltp", 48_000),
    ".ogg": _Format("libopus", 48_000, "flt", 24_000),
    ".flac": _Format("flac", 16_000, "s16"),
    ".wav": _Format("pcm_s16le", 16_000, "s16"),
}
_LAYOUTS = {1: "mono", 2: "stereo"}


def write_recording(performance: Performance, path: Path) -> None:
    """Encode the recording as the suffix of `path` says; .mp4 gets a picture of who is speaking.

    The codecs' own delay (AAC, MP3, Opus) is declared in the file, so that decoded audio starts where the samples do.
    """
    form = _FORMATS[path.suffix]
    partial = path.with_name(f".partial-{path.name}")  # the suffix tells the library which container to write
    layout = _LAYOUTS[performance.script.n_channels]
    options = {"fflags": "+bitexact"}  # no version string and no date: the same recording gives the same bytes
    if path.suffix in (".mp4", ".m4a"):
        options["movflags"] = "+faststart"
    try:
        with av.open(str(partial), "w", options=options) as container:
            container.metadata["title"] = performance.script.title
            picture = _add_picture(container) if path.suffix == ".mp4" else None
            sound = container.add_stream(form.codec, rate=form.sample_rate_hz, layout=layout)
            sound.codec_context.format = form.sample_format
            if form.bit_rate:
                sound.bit_rate = form.bit_rate
            if picture:
                for image in _images(performance):
                    container.mux(picture.encode(image))
                container.mux(picture.encode(None))
            for block in _blocks(performance, form, layout):
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _add_picture(container: av.container.OutputContainer) -> av.VideoStream:
    # One thread: x264 divides its work by the number of cores, and the bytes would depend on the machine.
    options = {"preset": "slow", "crf": "28", "tune": "animation", "threads": "1", "x264-params": "keyint=100"}
    picture = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
    picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    return picture


def _images(performance: Performance) -> Iterator[av.VideoFrame]:
    for index, image in enumerate(frames(performance)):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_SECOND)
        yield frame


def _blocks(performance: Performance, form: _Format, layout: str) -> Iterator[av.AudioFrame]:
    samples: NDArray[np.floating] = performance.samples
    ratio = Fraction(form.sample_rate_hz, SAMPLE_RATE_HZ)
    if ratio != 1:
        samples = resample_poly(samples.astype(np.float64), ratio.numerator, ratio.denominator, axis=1)
    lossless = form.sample_format == "s16"
    samples = np.round(samples * 32767).astype(np.int16) if lossless else samples.astype(np.float32)
    for first in range(0, samples.shape[1], _BLOCK_SAMPLES):
        block = samples[:, first : first + _BLOCK_SAMPLES]
        if not form.sample_format.endswith("p"):  # not planar: channels alternate in one row
            block = block.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=form.sample_format, layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = form.sample_rate_hz, first, Fraction(1, form.sample_rate_hz)
        yield frame
