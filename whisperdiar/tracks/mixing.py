"""Mix of tracks: all people in one sound file, which pages and players play beside the transcript of their tracks."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from whisperdiar.errors import OutputError
from whisperdiar.system.files import stage
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

SUFFIX = ".mix.m4a"
_BLOCK_S = 8
_PEAK = 0.95
_BIT_RATE = 64_000


def write_mix(audio: Audio, path: str | os.PathLike[str]) -> Path:
    """Write the sum of all channels as AAC, no louder than full scale.

    Args:
        audio: with a channel per person; it begins where the transcript's time 0 is, so silence goes before a part.

    Raises:
        OutputError: the file cannot be written.
    """
    import av

    target = Path(path)
    rate, size = audio.sample_rate, _BLOCK_S * audio.sample_rate
    starts = range(0, audio.samples.shape[1], size)
    loudest = max((float(np.abs(_sum(audio, first, size)).max()) for first in starts), default=0.0)
    gain = np.float32(min(1.0, _PEAK / max(loudest, 1e-9)))
    before = round(audio.start * rate)
    try:
        with stage(target) as temporary, av.open(temporary, "w", format="mp4") as container:
            stream = cast("AudioStream", container.add_stream("aac", rate=rate))
            stream.bit_rate, stream.layout = _BIT_RATE, "mono"
            blocks = (np.zeros(min(size, before - first), np.float32) for first in range(0, before, size))
            at = 0
            for block in chain(blocks, (gain * _sum(audio, first, size) for first in starts)):
                frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
                # With times the container says by how much the encoder is late, and players leave that out.
                frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
                at += len(block)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OutputError(
            _("{path}: the mix of the tracks cannot be written ({cause}); choose another place").format(
                path=target, cause=error.strerror
            )
        ) from error
    return target


def _sum(audio: Audio, first: int, size: int) -> Samples:
    return np.asarray(audio.samples[:, first : first + size].sum(axis=0, dtype=np.float32))
