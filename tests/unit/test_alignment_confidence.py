"""How sure a speaker is: what the regression is fitted on, and what it makes of evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.alignment.confidence import alone, fit, holes
from whisperdiar import Span, Turn, Word, align
from whisperdiar.alignment._confidence import N_EVIDENCE, confidence
from whisperdiar.alignment._network import load_shipped

TURNS = [(i * 4.0, i * 4.0 + 3.5, "ABAC"[i % 4]) for i in range(300)]


@pytest.mark.parametrize("seed", range(5))
def test_holes_take_about_a_tenth_of_the_recording(seed: int) -> None:
    left = holes(TURNS, np.random.default_rng(seed))
    assert 0.6 * len(TURNS) < len(left) < 0.97 * len(TURNS)
    assert set(left) <= set(TURNS)


def test_the_one_who_talks_most_is_left_alone() -> None:
    assert {who for _, _, who in alone(TURNS)} == {"A"}


def test_the_fit_finds_the_weights_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=(40_000, N_EVIDENCE)).astype(np.float32)
    true = rng.normal(size=N_EVIDENCE)
    right = rng.random(len(known)) < 1 / (1 + np.exp(-known @ true))
    np.testing.assert_allclose(fit(known, right), true, atol=0.1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=N_EVIDENCE, max_size=N_EVIDENCE))
def test_nothing_is_certain(values: list[float]) -> None:
    (sure,) = confidence(load_shipped().confidence, np.array([values], dtype=np.float32))
    assert 0.0 < sure < 1.0


WORDS = st.lists(
    st.builds(
        lambda start, length, text: Word(Span(start, start + length), f" {text}"),
        st.floats(0, 900),
        st.floats(0, 3),
        st.sampled_from(["yes", "no.", "well,", "mhm", "2"]),
    ),
    min_size=1,
    max_size=12,
).map(lambda words: sorted(words, key=lambda word: word.span))


@st.composite
def turn_lists(draw: st.DrawFn) -> list[Turn]:
    """Of one to four people; often one person alone, and often far from most words."""
    people = draw(st.integers(1, 4))
    last = draw(st.sampled_from([5.0, 60.0, 900.0]))
    return draw(
        st.lists(
            st.builds(
                lambda start, length, who: Turn(Span(start, start + length), f"SPEAKER_{who:02d}"),
                st.floats(0, last),
                st.floats(0, 40),
                st.integers(0, people - 1),
            ),
            min_size=1,
            max_size=8,
        )
    )


@given(words=WORDS, turns=turn_lists())
def test_turns_alone_make_nobody_certain(words: list[Word], turns: list[Turn]) -> None:
    for word in align(words, turns):
        away = min(max(turn.start - word.end, word.start - turn.end, 0.0) for turn in turns)
        assert (word.speaker is None) == (word.speaker_confidence is None)
        assert word.speaker is None or 0.0 < round(word.speaker_confidence, 3) < 1.0
        assert away < 31.0 or word.speaker is None, "a word far from every turn has no speaker"
        assert away > 0.0 or word.speaker is not None
