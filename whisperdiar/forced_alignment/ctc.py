"""CTC forced alignment: where the characters of known words lie in a CTC model's output (pure).

Source: Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with recurrent
neural networks", ICML 2006; the best path for a given text is found by the Viterbi algorithm.

    tokens     h     i        The path starts in one of the first two states, stays, or goes on by one state (or by
    states  ·  h  ·  i  ·     two, past a gap, where the tokens beside it differ), and ends in one of the last two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

WILDCARD = -1
"""Token for one or more characters that the model's alphabet lacks: digits, currency, letters of other scripts."""

# Nats per frame. Letters that the text has go before the wildcard, and it prefers sound to silence; yet it spans the
# blanks between the letters of "five dollars" rather than leave some of them over.
_SOUND_COST = 0.1
_SILENCE_COST = 0.5

_APOSTROPHES = "'’ʼ‘"
_SPOKEN_SYMBOLS = frozenset("%‰&@#§°№")
"""Read aloud, though Unicode counts them as punctuation or as pictures."""


@dataclass(frozen=True, slots=True)
class AlignedToken:
    """Frames of one token: from `first` up to, not including, `end`; `score` is their mean log-probability."""

    first: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What the columns of a CTC model's output mean.

    Attributes:
        symbols: column of every character; neither the blank nor the separator nor special tokens.
        blank: column of CTC's blank.
        separator: column of the token between words; None where the model has none.
    """

    symbols: Mapping[str, int]
    blank: int
    separator: int | None = None

    def spell(self, word: str) -> list[list[int]]:
        """Tokens of a word in parts, between which a speaker may pause: ``twenty-five`` has two.

        Case, width and accents are dropped where the alphabet does not have them. What is not spoken, such as
        commas, is left out; a run of other unknown characters becomes one `WILDCARD`.
        """
        parts: list[list[int]] = [[]]
        for letter in unicodedata.normalize("NFC", word):
            tokens = self._tokens(letter)
            if tokens is None:
                parts.append([])
            elif tokens != [WILDCARD] or _last(parts) != WILDCARD:
                parts[-1].extend(tokens)
        return [part for part in parts if part]

    def _tokens(self, letter: str) -> list[int] | None:
        """None for what is not spoken; no token at all for a mark that the alphabet lacks."""
        kind = unicodedata.category(letter)
        if letter in _APOSTROPHES:
            return next(([self.symbols[item]] for item in _APOSTROPHES if item in self.symbols), None)
        if kind[0] in "LMN":
            for spelling in _spellings(letter):
                if all(item in self.symbols for item in spelling):
                    return [self.symbols[item] for item in spelling]
            return [] if kind[0] == "M" else [WILDCARD]
        return [WILDCARD] if kind in ("Sc", "Sm") or letter in _SPOKEN_SYMBOLS else None


def align_words(
    log_probs: NDArray[np.float32], words: Sequence[str], alphabet: Alphabet
) -> list[tuple[int, int] | None]:
    """First and end frame of each word.

    None for a word of which nothing is spoken, for one in a row of words that the alphabet cannot spell (where one
    ends and the next begins nobody can tell), and for all words where the text does not fit into the frames.

    Args:
        log_probs: (n_frames, n_columns), natural logarithms.
        words: with or without spaces and punctuation.
        alphabet: what the columns mean.
    """
    tokens: list[int] = []
    breaks: set[int] = set()
    ranges: list[tuple[int, int]] = []
    for word in words:
        begin = len(tokens)
        for part in alphabet.spell(word):
            breaks.add(len(tokens))
            tokens.extend(part)
        ranges.append((begin, len(tokens)))
    found = align_tokens(log_probs, tokens, blank=alphabet.blank, separator=alphabet.separator, breaks=breaks)
    if found is None:
        return [None] * len(words)
    times: list[tuple[int, int] | None] = [
        (found[begin].first, found[end - 1].end) if begin < end else None for begin, end in ranges
    ]
    spoken = [index for index, (begin, end) in enumerate(ranges) if begin < end]
    unknown = {index for index in spoken if set(tokens[slice(*ranges[index])]) == {WILDCARD}}
    for left, right in pairwise(spoken):
        if left in unknown and right in unknown:
            times[left] = times[right] = None
    return times


def align_tokens(
    log_probs: NDArray[np.float32],
    tokens: Sequence[int],
    *,
    blank: int,
    separator: int | None = None,
    breaks: Container[int] = (),
) -> tuple[AlignedToken, ...] | None:
    """The frames of each token on the most probable path; None where no path leads through all tokens.

    Args:
        log_probs: (n_frames, n_columns), natural logarithms.
        tokens: columns, or `WILDCARD`, which fits whatever the model hears, silence less well.
        blank: column of CTC's blank.
        separator: column that may stand in for the blank before the first token, after the last, and at `breaks`.
        breaks: indices of tokens before which the separator may stand.
    """
    if not tokens:
        return ()
    columns = _columns(log_probs, blank, separator)
    wide = log_probs.shape[1]  # the column that `_columns` appends for gaps with a separator
    layout = [wide]
    for index, token in enumerate(tokens):
        gap = wide if index + 1 == len(tokens) or index + 1 in breaks else blank
        layout += [wide + 1 if token == WILDCARD else token, gap]
    states = _best_states(columns, np.array(layout))
    if states is None:
        return None
    edges = np.searchsorted(states, np.arange(len(layout) + 1))
    heard = columns[np.arange(len(states)), np.array(layout)[states]]
    return tuple(
        AlignedToken(int(first), int(end), float(heard[first:end].mean()))
        for first, end in zip(edges[1:-1:2], edges[2::2], strict=True)
    )


def _columns(log_probs: NDArray[np.float32], blank: int, separator: int | None) -> NDArray[np.float64]:
    """The model's columns, then that of a gap which may hold a separator, then that of the wildcard."""
    silent = [blank] if separator is None else [blank, separator]
    sounds = np.delete(log_probs, silent, axis=1)
    pause = log_probs[:, silent].max(axis=1)
    loudest = sounds.max(axis=1) if sounds.shape[1] else np.full(len(log_probs), -np.inf)
    wildcard = np.maximum(loudest - _SOUND_COST, pause - _SILENCE_COST)
    return np.column_stack([log_probs, pause, wildcard]).astype(np.float64)


def _best_states(columns: NDArray[np.float64], layout: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The state at each frame, int64 (n_frames,), on the best path through all tokens; every second state is a gap."""
    n_frames, n_states = len(columns), len(layout)
    if not n_frames:
        return None
    past_gap = np.zeros(n_states)
    past_gap[::2] = -np.inf
    past_gap[1] = -np.inf
    # Two equal tokens need a blank between them, or they would be one.
    past_gap[3::2][layout[3::2] == layout[1:-2:2]] = -np.inf
    steps = np.zeros((n_frames, n_states), dtype=np.int8)
    scores = np.full(n_states, -np.inf)
    scores[:2] = columns[0, layout[:2]]
    for t in range(1, n_frames):
        by_one, by_two = scores[:-1], scores[:-2] + past_gap[2:]
        best = scores.copy()
        steps[t, 1:] = by_one > best[1:]
        np.maximum(best[1:], by_one, out=best[1:])
        steps[t, 2:][by_two > best[2:]] = 2
        np.maximum(best[2:], by_two, out=best[2:])
        scores = best + columns[t, layout]
    state = n_states - 1 if scores[-1] > scores[-2] else n_states - 2
    if not np.isfinite(scores[state]):
        return None
    states = np.empty(n_frames, dtype=np.int64)
    for t in range(n_frames - 1, -1, -1):
        states[t] = state
        state -= int(steps[t, state])
    return states


def _spellings(letter: str) -> list[str]:
    """Ways to write a letter, the most faithful first."""
    apart = unicodedata.normalize("NFKD", letter)
    plain = "".join(item for item in apart if not unicodedata.combining(item))
    return [
        form for item in (letter, apart, plain) if item for form in (item, item.lower(), item.upper(), item.casefold())
    ]


def _last(parts: list[list[int]]) -> Any:
    return next((part[-1] for part in reversed(parts) if part), None)
