"""Windows → tensors: what the decoder reads, what it should say, and where in the sound it should look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.whisper_nano.vocabulary import Vocabulary
from training.whisper_nano.windows import Composer, Window

IGNORED = -100
POSITION_S = 0.02
_TIMESTAMP_SHARE = 0.2
_CONTEXT_SHARE = 0.1
_EMPTY_SHARE = 0.03
_BOUNDARY_S = 0.06
_FIRST_TIMESTAMP_S = 1.0  # the latest first time that decoders allow


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the curriculum; every process makes `windows` per step, of `n_frames` frames of 10 ms.

    `scripts` is the share of script passages; `long` that of windows which fill the frames; `moved` that of batches
    whose frames stand somewhere inside the encoder's 30 s instead of at their start.
    """

    n_frames: int
    windows: int
    scripts: float
    long: float
    moved: float


STAGES = {
    "short": Stage(n_frames=500, windows=16, scripts=0.35, long=0.8, moved=1.0),
    "medium": Stage(n_frames=1000, windows=8, scripts=0.35, long=0.8, moved=0.5),
    "full": Stage(n_frames=3000, windows=4, scripts=0.75, long=0.6, moved=0.0),
}
_LONGEST_S = 28.5  # the program hands over 28 s at most


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step.

    mel (batch, frames, 80); tokens, targets (batch, n); look (batch, n, 2): positions [first, last) in which the target
    is spoken, both 0 for none; labels (batch, positions): the text token spoken, or the number of text tokens for none.
    """

    mel: Tensor
    tokens: Tensor
    targets: Tensor
    look: Tensor
    labels: Tensor
    first_position: int

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        moved = (getattr(self, name).to(device) for name in ("mel", "tokens", "targets", "look", "labels"))
        return Batch(*moved, self.first_position)


@dataclass(frozen=True, slots=True)
class _Sequence:
    tokens: list[int]
    targets: list[int]
    look: list[tuple[float, float]]


def draw(composer: Composer, vocabulary: Vocabulary, stage: Stage, rng: np.random.Generator) -> Batch:
    """A batch of new windows; the generator alone decides what is in it."""
    windows = [_window(composer, stage, rng) for _ in range(stage.windows)]
    free = 1500 - stage.n_frames // 2
    first = int(rng.integers(free + 1)) if rng.random() < stage.moved else 0
    return collate(windows, vocabulary, rng, first_position=first)


def collate(
    windows: Sequence[Window], vocabulary: Vocabulary, rng: np.random.Generator, *, first_position: int = 0
) -> Batch:
    """Tensors for windows of equal length."""
    pieces = [_pieces(window, vocabulary) for window in windows]
    written = [_sequence(window, spoken, vocabulary, rng) for window, spoken in zip(windows, pieces, strict=True)]
    shape = (len(windows), max(len(item.tokens) for item in written))
    tokens = np.full(shape, vocabulary.ids["<|endoftext|>"], dtype=np.int64)
    targets = np.full(shape, IGNORED, dtype=np.int64)
    look = np.zeros((*shape, 2), dtype=np.int64)
    n_positions = len(windows[0].mel) // 2
    labels = np.full((len(windows), n_positions), vocabulary.n_text, dtype=np.int64)
    for row, (item, spoken) in enumerate(zip(written, pieces, strict=True)):
        tokens[row, : len(item.tokens)] = item.tokens
        targets[row, : len(item.targets)] = item.targets
        for column, (start, end) in enumerate(item.look):
            if end > start:
                look[row, column] = _positions(start, end, n_positions)
        for word in spoken:
            for token, start, end in word:
                first, last = _positions(start, end, n_positions)
                labels[row, first:last] = token
    mel = torch.from_numpy(np.stack([window.mel for window in windows]))
    arrays = (torch.from_numpy(array) for array in (tokens, targets, look, labels))
    return Batch(mel, *arrays, first_position)


def _window(composer: Composer, stage: Stage, rng: np.random.Generator) -> Window:
    longest = min(_LONGEST_S, stage.n_frames * 0.01)
    if rng.random() < _EMPTY_SHARE:
        return composer.empty_window(rng, seconds=rng.uniform(0.3, longest), n_frames=stage.n_frames)
    make = composer.script_window if rng.random() < stage.scripts else composer.mixed_window
    while True:
        seconds = rng.uniform(0.8 * longest, longest) if rng.random() < stage.long else rng.uniform(2.0, 0.6 * longest)
        window = make(rng, seconds=seconds, n_frames=stage.n_frames)
        if window.words:
            return window


def _pieces(window: Window, vocabulary: Vocabulary) -> list[list[tuple[int, float, float]]]:
    """Per word its tokens, each with the part of the word's time that its bytes take."""
    spoken = []
    for word, ids in zip(window.words, vocabulary.word_ids(word.text for word in window.words), strict=True):
        edges = np.cumsum([0, *(len(vocabulary.tokens[token].lstrip("Ġ")) for token in ids)], dtype=float)
        times = word.start + (word.end - word.start) * edges / max(1.0, edges[-1])
        spoken.append(list(zip(ids, times[:-1].tolist(), times[1:].tolist(), strict=True)))
    return spoken


def _sequence(
    window: Window, spoken: list[list[tuple[int, float, float]]], vocabulary: Vocabulary, rng: np.random.Generator
) -> _Sequence:
    ids = vocabulary.ids
    timed = rng.random() < _TIMESTAMP_SHARE
    line: list[tuple[int, float, float]] = []
    for index, word in enumerate(spoken):
        if timed and index in window.sentences:
            if index:
                line.append(_time(window.words[index - 1].end, vocabulary))
            start = window.words[index].start
            line.append(_time(start if index else min(start, _FIRST_TIMESTAMP_S), vocabulary))
        line += word
    if timed and spoken:
        line.append(_time(window.words[-1].end, vocabulary))
    end = window.words[-1].end if window.words else 0.0
    line.append((ids["<|endoftext|>"], end, end + _BOUNDARY_S) if window.words else (ids["<|endoftext|>"], 0.0, 0.0))
    language = ids[f"<|{window.language}|>"]
    head = [ids["<|startoftranscript|>"], language, ids["<|transcribe|>"]]
    head += [] if timed else [ids["<|notimestamps|>"]]
    targets = [language if window.words else ids["<|nospeech|>"], *head[2:], *(token for token, _, _ in line)]
    tokens = [*head, *(token for token, _, _ in line[:-1])]
    look = [(0.0, 0.0)] * (len(head) - 1) + [(start, stop) for _, start, stop in line]
    context = _context(window, vocabulary, rng)
    silent = [IGNORED] * len(context)
    return _Sequence([*context, *tokens], [*silent, *targets], [*[(0.0, 0.0)] * len(context), *look])


def _context(window: Window, vocabulary: Vocabulary, rng: np.random.Generator) -> list[int]:
    """Now and then some text before the transcript, as an earlier window leaves it."""
    if not window.words or rng.random() >= _CONTEXT_SHARE:
        return []
    count = int(rng.integers(1, 12))
    first = int(rng.integers(len(window.words)))
    words = [word.text for word in window.words[first : first + count]]
    return [vocabulary.ids["<|startofprev|>"], *(token for ids in vocabulary.word_ids(words) for token in ids)]


def _time(seconds: float, vocabulary: Vocabulary) -> tuple[int, float, float]:
    return vocabulary.timestamp(seconds), max(0.0, seconds - _BOUNDARY_S / 2), seconds + _BOUNDARY_S / 2


def _positions(start: float, end: float, n_positions: int) -> tuple[int, int]:
    first = min(n_positions - 1, max(0, round(start / POSITION_S)))
    return first, min(n_positions, max(first + 1, round(end / POSITION_S)))
