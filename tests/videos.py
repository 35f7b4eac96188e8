"""Builders of small videos for the tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FILM = Fraction(24000, 1001)
CUTS = (48, 100, 180)
"""Frames at which another shot begins."""


def write_video(path: Path, *, rate: Fraction = FILM, frames: int = 240, cuts: tuple[int, ...] = CUTS) -> Path:
    """Shots of one mosaic of colours each, and a steady tone."""
    chance = np.random.default_rng(0)
    looks = [
        chance.integers(0, 255, (12, 12, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(len(cuts) + 1)
    ]
    tone = (8000 * np.sin(0.1 * np.arange(int(16_000 * frames / rate)))).astype(np.int16)[None]
    with av.open(str(path), "w") as out:
        pictures, sound = out.add_stream("mpeg4", rate=rate), out.add_stream("aac", rate=16_000)
        pictures.width = pictures.height = 96
        pictures.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(looks[sum(number >= cut for cut in cuts)], format="rgb24")
            picture.pts = number
            out.mux(pictures.encode(picture))
        out.mux(pictures.encode())
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path
