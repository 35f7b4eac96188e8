"""The picture of a recording: one tile per speaker, lit while they speak, with their name and a level bar."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from samples.performance import Performance
from samples.synthesis import SAMPLE_RATE_HZ

WIDTH, HEIGHT = 320, 180
FRAMES_PER_SECOND = 10

Image = NDArray[np.uint8]

_MARGIN = 8
_BAR_HEIGHT = 6
_PROGRESS_HEIGHT = 3
_GLYPH_SCALE = 2
_BACKGROUND = (24, 26, 32)
_COLOURS = ((214, 93, 78), (78, 145, 214), (104, 178, 92), (205, 165, 66))
_IDLE = 0.38
"""Brightness of a tile whose speaker is silent."""
_FULL_SCALE_RMS = 0.12

# Five columns of seven pixels per letter, one row per string.
_GLYPHS = {
    "A": (".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "B": ("####.", "#...#", "#...#", "####.", "#...#", "#...#", "####."),
    "C": (".####", "#....", "#....", "#....", "#....", "#....", ".####"),
    "I": (".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    "N": ("#...#", "##..#", "#.#.#", "#.#.#", "#.#.#", "#..##", "#...#"),
    "O": (".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
    "S": (".####", "#....", "#....", ".###.", "....#", "....#", "####."),
}


def frames(performance: Performance) -> Iterator[Image]:
    """RGB images (HEIGHT, WIDTH, 3), FRAMES_PER_SECOND of them per second, to the end of the recording.

    Raises ValueError for a name with a letter that is not drawn here.
    """
    names = [speaker.name for speaker in performance.script.speakers]
    tiles = _tiles(len(names))
    labels = [_label(name) for name in names]
    n_frames = int(np.ceil(performance.duration * FRAMES_PER_SECOND))
    speaking = _speaking(performance, names, n_frames)
    levels = _levels(performance, n_frames)
    for index in range(n_frames):
        image = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
        image[:] = _BACKGROUND
        for speaker, (left, right) in enumerate(tiles):
            lit = bool(speaking[speaker, index])
            _draw_tile(image, left, right, labels[speaker], _COLOURS[speaker], level=levels[index] if lit else None)
        image[-_PROGRESS_HEIGHT:, : round(WIDTH * (index + 1) / n_frames)] = (150, 150, 150)
        yield image


def _tiles(count: int) -> list[tuple[int, int]]:
    width = (WIDTH - _MARGIN * (count + 1)) // count
    return [(_MARGIN + index * (width + _MARGIN), (index + 1) * (width + _MARGIN)) for index in range(count)]


def _label(name: str) -> NDArray[np.bool_]:
    missing = sorted(set(name.upper()) - set(_GLYPHS))
    if missing:
        raise ValueError(f"no picture of the letter {missing[0]!r} in {name!r}: draw it in _GLYPHS")
    gap = np.zeros((7, 1), dtype=bool)
    columns = [gap]
    for letter in name.upper():
        columns += [np.array([[pixel == "#" for pixel in row] for row in _GLYPHS[letter]]), gap]
    return np.hstack(columns).repeat(_GLYPH_SCALE, axis=0).repeat(_GLYPH_SCALE, axis=1)


def _draw_tile(
    image: Image,
    left: int,
    right: int,
    label: NDArray[np.bool_],
    colour: tuple[int, int, int],
    *,
    level: float | None,
) -> None:
    """Draw one tile in place; `level` (0 to 1) is None while the speaker is silent."""
    top, bottom = _MARGIN, HEIGHT - _MARGIN - _PROGRESS_HEIGHT
    image[top:bottom, left:right] = np.array(colour) * (_IDLE if level is None else 1.0)
    height, width = label.shape
    row, column = (top + bottom - height) // 2, (left + right - width) // 2
    image[row : row + height, column : column + width][label] = (245, 245, 245)
    if level is not None:
        inner = right - left - 2 * _MARGIN
        bar = bottom - _MARGIN - _BAR_HEIGHT
        image[bar : bar + _BAR_HEIGHT, left + _MARGIN : left + _MARGIN + round(inner * level)] = (245, 245, 245)


def _speaking(performance: Performance, names: list[str], n_frames: int) -> NDArray[np.bool_]:
    """Whether each speaker's turns touch the middle of each frame, shape (n_speakers, n_frames)."""
    middles = (np.arange(n_frames) + 0.5) / FRAMES_PER_SECOND
    speaking = np.zeros((len(names), n_frames), dtype=bool)
    for turn in performance.turns():
        speaking[names.index(turn.speaker)] |= (turn.start <= middles) & (middles < turn.end)
    return speaking


def _levels(performance: Performance, n_frames: int) -> NDArray[np.float64]:
    """Level of the sound during each frame, from 0 to 1."""
    per_frame = SAMPLE_RATE_HZ // FRAMES_PER_SECOND
    mono = np.zeros(n_frames * per_frame)
    mono[: performance.samples.shape[1]] = performance.samples.mean(axis=0)
    rms = np.sqrt(np.mean(np.square(mono.reshape(n_frames, per_frame)), axis=1))
    return np.asarray(np.clip(rms / _FULL_SCALE_RMS, 0.0, 1.0))
