"""Characters of known words on the output of a CTC model."""

from __future__ import annotations

import itertools
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from whisperdiar.forced_alignment.ctc import WILDCARD, AlignedToken, Alphabet, align_tokens, align_words

BLANK, SEPARATOR = 0, 1
LETTERS = {letter: index for index, letter in enumerate(string.ascii_lowercase + "'", start=2)}
ENGLISH = Alphabet(LETTERS, BLANK, SEPARATOR)
N_COLUMNS = len(LETTERS) + 2


def normalised(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(np.float32)


def heard(script: str, *, noise: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """Output of a sure model: one frame per character; ``_`` is the blank, ``|`` the separator."""
    columns = {"_": BLANK, "|": SEPARATOR, **LETTERS}
    scores = np.zeros((len(script), N_COLUMNS))
    scores[np.arange(len(script)), [columns[item] for item in script]] = 9.0
    return normalised(scores + np.random.default_rng(seed).normal(0.0, noise, scores.shape))


def place(script: str, words: str) -> list[str | None]:
    """What is heard under each word."""
    found = align_words(heard(script), words.split(), ENGLISH)
    return [span and script[slice(*span)] for span in found]


def best_by_trial(
    log_probs: NDArray[np.float32], tokens: list[int], separator: int | None, breaks: set[int]
) -> float | None:
    """The best score over every way to write the tokens, by the definition of CTC."""
    best = None
    allowed = {0, len(tokens), *breaks}
    for labels in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        merged = [label for label, _ in itertools.groupby(labels) if label != BLANK]
        written = [label for label in merged if label != separator]
        places = [
            sum(item != separator for item in merged[:index])
            for index, label in enumerate(merged)
            if label == separator
        ]
        if written == tokens and all(place in allowed for place in places):
            score = float(sum(log_probs[t, label] for t, label in enumerate(labels)))
            best = score if best is None else max(best, score)
    return best


def found_score(
    found: tuple[AlignedToken, ...],
    log_probs: NDArray[np.float32],
    tokens: list[int],
    separator: int | None,
    breaks: set[int],
) -> float:
    """The score of a path, from the frames that it gives to tokens."""
    total, covered = 0.0, 0
    for index, (item, token) in enumerate(zip(found, tokens, strict=True)):
        assert item.end > item.first >= covered
        total += gap_score(log_probs, covered, item.first, separator if index in {0, *breaks} else None)
        total += float(log_probs[item.first : item.end, token].sum())
        assert item.score == pytest.approx(float(log_probs[item.first : item.end, token].mean()), abs=1e-4)
        if index and tokens[index - 1] == token:
            assert item.first > covered, "equal tokens have something between them"
        covered = item.end
    return total + gap_score(log_probs, covered, len(log_probs), separator)


def gap_score(log_probs: NDArray[np.float32], first: int, end: int, separator: int | None) -> float:
    silent = log_probs[first:end, BLANK]
    if separator is not None:
        silent = np.maximum(silent, log_probs[first:end, separator])
    return float(silent.sum())


@settings(max_examples=examples(80))
@given(
    n_frames=st.integers(1, 5),
    tokens=st.lists(st.sampled_from([2, 3, WILDCARD]), min_size=1, max_size=4),
    breaks=st.sets(st.integers(1, 3)),
    with_separator=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_other_path_is_better(
    n_frames: int, tokens: list[int], breaks: set[int], with_separator: bool, seed: int
) -> None:
    log_probs = normalised(np.random.default_rng(seed).normal(0.0, 2.0, (n_frames, 4)))
    separator = SEPARATOR if with_separator else None
    silent, sounds = ([0, 1], [2, 3]) if with_separator else ([0], [1, 2, 3])
    # A wildcard is one more character, nearly as probable as the best of the others.
    wildcard = np.maximum(log_probs[:, sounds].max(axis=1) - 0.1, log_probs[:, silent].max(axis=1) - 0.5)
    columns = np.column_stack([log_probs, wildcard])
    letters = [4 if token == WILDCARD else token for token in tokens]
    found = align_tokens(log_probs, tokens, blank=BLANK, separator=separator, breaks=breaks)
    best = best_by_trial(columns, letters, separator, breaks)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert found_score(found, columns, letters, separator, breaks) == pytest.approx(best, abs=1e-3)


def test_what_does_not_fit_is_not_placed() -> None:
    log_probs = heard("abc")
    tokens = [LETTERS[item] for item in "abcd"]
    assert align_tokens(log_probs, tokens, blank=BLANK) is None
    assert align_tokens(log_probs, [LETTERS["a"]] * 2, blank=BLANK) is not None
    assert align_tokens(log_probs[:2], [LETTERS["a"]] * 2, blank=BLANK) is None  # no room for a blank between
    assert align_tokens(log_probs[:0], tokens, blank=BLANK) is None
    assert align_tokens(log_probs, [], blank=BLANK) == ()
    assert align_tokens(np.full_like(log_probs, np.nan), tokens[:2], blank=BLANK) is None
    assert align_words(log_probs, ["far", "too", "long"], ENGLISH) == [None] * 3


def test_words_lie_where_they_are_heard() -> None:
    script = "__hh_e_ll_l_oo__|____w_o_rr_l_dd___"
    assert place(script, "Hello, WORLD!") == ["hh_e_ll_l_oo", "w_o_rr_l_dd"]


def test_the_separator_belongs_to_no_word() -> None:
    script = "||__a_b|||||c_d||"
    assert place(script, "ab cd") == ["a_b", "c_d"]
    assert place(script, "ab-cd") == ["a_b|||||c_d"]


@pytest.mark.parametrize("seed", range(5))
def test_words_are_found_under_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefgh"), rng.integers(2, 6))) for _ in range(12)]
    script, truth = "_" * 10, []
    for word in words:
        first = len(script)
        script += "_".join(letter * rng.integers(1, 4) for letter in word)
        truth.append((first, len(script)))
        script += "|" + "_" * rng.integers(0, 30)
    found = align_words(heard(script, noise=2.0, seed=seed), words, ENGLISH)
    starts = [abs(item[0] - first) for item, (first, _) in zip(found, truth, strict=True) if item]
    assert len(starts) == len(words)
    assert max(starts) <= 2
    assert float(np.median(starts)) == 0.0


def test_a_number_spans_what_is_said_for_it() -> None:
    script = "c_o_s_t_s|__f_i_v_e|d_oll_a_rs|f_or_t_y____|t_o_d_a_y__"
    assert place(script, "costs $5.40 today") == ["c_o_s_t_s", "f_i_v_e|d_oll_a_rs|f_or_t_y", "t_o_d_a_y"]
    assert place(script, "costs $5.40, today.") == place(script, "costs $5.40 today")


def test_a_number_at_the_end_leaves_the_silence_around_it() -> None:
    assert place("_a_t|______t_e_n________", "at 10") == ["a_t", "t_e_n"]
    assert place("____t_e_n_____", "10") == ["t_e_n"]


def test_unknown_letters_inside_a_word() -> None:
    assert place("__f_i_f_th__|_m_a_n", "5th man") == ["f_i_f_th", "m_a_n"]


def test_words_that_cannot_be_told_apart_get_no_times() -> None:
    found = place("_a_t|__t_e_n|_f_i_v_e__|_a_m_", "at 10 05 am")
    assert found == ["a_t", None, None, "a_m"]
    # What is not spoken does not stand between them.
    assert place("_a_t|__t_e_n|_f_i_v_e__|_a_m_", "at 10 – 05 am") == ["a_t", None, None, None, "a_m"]


def test_what_is_not_spoken_gets_no_time() -> None:
    assert place("_a_|_b_", "a … – ♪ b") == ["a", None, None, None, "b"]
    assert align_words(heard("_a_"), ["...", "–"], ENGLISH) == [None, None]
    assert align_words(heard("_a_"), [], ENGLISH) == []


@given(st.lists(st.text(max_size=8), max_size=6), st.integers(0, 40))
def test_any_text_on_any_output(words: list[str], n_frames: int) -> None:
    log_probs = normalised(np.random.default_rng(n_frames).normal(0.0, 1.0, (n_frames, N_COLUMNS)))
    found = align_words(log_probs, words, ENGLISH)
    assert len(found) == len(words)
    spans = [item for item in found if item]
    assert all(first < end for first, end in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    assert not spans or (spans[0][0] >= 0 and spans[-1][1] <= n_frames)


def spelled(word: str, alphabet: Alphabet = ENGLISH) -> str:
    letters = {column: letter for letter, column in alphabet.symbols.items()} | {WILDCARD: "?"}
    return " ".join("".join(letters[token] for token in part) for part in alphabet.spell(word))


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        (" Hello,", "hello"),
        ("don’t", "don't"),
        ("l'heure,", "l'heure"),
        ("twenty-five", "twenty five"),
        ("U.S.", "u s"),
        ("café", "cafe"),
        ("naïve", "naive"),
        ("ﬁne", "fine"),
        ("ＡＢ", "ab"),
        ("Straße", "strasse"),
        ("łódź", "?odz"),
        ("$5.40", "?"),
        ("50%", "?"),
        ("A4", "a?"),
        ("Привет", "?"),
        ("…", ""),
        ("a=b", "a?b"),
    ],
)
def test_spelling(word: str, parts: str) -> None:
    assert spelled(word) == parts


def test_spelling_follows_the_alphabet() -> None:
    capitals = Alphabet({letter: column for column, letter in enumerate("ABCDEFGSTR")}, 10)
    assert spelled("Straße", capitals) == "STRASSE"
    accents = Alphabet({letter: column for column, letter in enumerate("aé5")}, 4)
    assert spelled("É", accents) == "é"
    assert spelled("e\u0301a", accents) == "éa"
    assert spelled("٥5", accents) == "?5"
    hindi = Alphabet({letter: column for column, letter in enumerate("हिन्दी")}, 9)
    assert spelled("हिन्दी", hindi) == "हिन्दी"
    assert spelled("don't", Alphabet({letter: column for column, letter in enumerate("dont")}, 9)) == "don t"


def test_characters_of_a_language_without_spaces() -> None:
    chinese = Alphabet({"你": 1, "好": 2, "吗": 3}, 0)
    log_probs = normalised(np.eye(4)[[0, 1, 1, 0, 2, 0, 0, 3, 0]] * 9.0)
    assert align_words(log_probs, ["你", "好", "吗", "？"], chinese) == [(1, 3), (4, 5), (7, 8), None]
    assert align_words(log_probs, ["你好", "吗？"], chinese) == [(1, 5), (7, 8)]
