"""Measures of words, normalisation and statistics."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar import join, score
from whisperdiar.errors import InvalidOption
from whisperdiar.scoring import (
    NOBODY,
    RecordingScore,
    Utterance,
    compare_scores,
    emotion_errors,
    make_normaliser,
    pool_scores,
    wrong_speakers,
)
from whisperdiar.types import Span, Turn, Word

_SPOKEN = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("123")), min_size=1, max_size=7)


@given(_SPOKEN)
@settings(max_examples=examples(80), deadline=None)
def test_wder_of_words_that_are_all_right_is_that_of_the_best_mapping(pairs: list[tuple[str, str]]) -> None:
    """Every one-to-one mapping of labels onto speakers is tried."""
    pytest.importorskip("jiwer", reason="jiwer is not installed")
    said = [Utterance(speaker, float(i), i + 1.0, f"w{i}") for i, (speaker, _) in enumerate(pairs)]
    heard = [Utterance(label, float(i), i + 1.0, f"w{i}") for i, (_, label) in enumerate(pairs)]
    best = max(
        sum(mapping.get(label) == speaker for speaker, label in pairs)
        for labels in itertools.permutations("123", 2)
        for mapping in [dict(zip(labels, "AB", strict=True))]
    )
    found = wrong_speakers(said, heard)
    assert (found.count, found.length) == (len(pairs) - best, len(pairs))


def test_wder_counts_substitutions_and_neither_words_left_out_nor_put_in() -> None:
    pytest.importorskip("jiwer", reason="jiwer is not installed")
    said = [Utterance("A", 0, 1, "one two three"), Utterance("B", 1, 2, "four five six")]
    heard = [Utterance("x", 0, 1, "one too"), Utterance("y", 1, 2, "four five"), Utterance(NOBODY, 2, 3, "six and")]
    found = wrong_speakers(said, heard)
    assert (found.count, found.length) == (1, 5)  # nobody's word is wrong; "three" is left out, "and" is put in


@pytest.mark.parametrize(
    ("name", "language", "text", "expected"),
    [
        ("none", None, "  It's  Ten. ", "It's Ten."),
        ("multilingual", "de", "Straße, Über-Fluss!", "strasse über fluss"),
        ("multilingual", "fr", "L’été…", "lété"),
        ("multilingual", "ja", "今日は。", "今 日 は"),
        ("russian", "ru", "Ещё сто двадцать пять тысяч, ёлка", "еще 125000 елка"),
        ("russian", "ru", "в две тысячи двадцать шестом году", "в 2020 шестом году"),
        ("russian", "ru", "пять шесть", "5 6"),
    ],
)
def test_texts_are_made_alike(name: str, language: str | None, text: str, expected: str) -> None:
    assert make_normaliser(name, language)(text) == expected


def test_an_unknown_normaliser_is_refused() -> None:
    with pytest.raises(InvalidOption, match="choose whisper-english"):
        make_normaliser("whisper", None)


@given(st.text(max_size=40), st.sampled_from(["none", "multilingual", "russian"]))
@settings(max_examples=examples(100), deadline=None)
def test_normalising_twice_changes_nothing(text: str, name: str) -> None:
    normalise = make_normaliser(name, None)
    assert normalise(normalise(text)) == normalise(text)


def _recording(name: str, wrong: int, length: int) -> RecordingScore:
    return RecordingScore(name, {"WDER": {"wrong": float(wrong), "length": float(length)}})


_COUNTS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=2, max_size=6)


@given(_COUNTS)
@settings(max_examples=examples(60), deadline=None)
def test_pooled_rates_come_from_sums_and_lie_in_their_interval(counts: list[tuple[int, int]]) -> None:
    rate = pool_scores("x", [_recording(str(i), *own) for i, own in enumerate(counts)]).pooled["WDER"]
    assert rate.value == pytest.approx(sum(own[0] for own in counts) / sum(own[1] for own in counts))
    assert rate.interval is not None
    lowest, highest = (edge(wrong / length for wrong, length in counts) for edge in (min, max))
    assert lowest - 1e-9 <= rate.interval[0] <= rate.interval[1] <= highest + 1e-9


@given(_COUNTS, st.randoms(use_true_random=False))
@settings(max_examples=examples(40), deadline=None)
def test_p_is_the_same_either_way_round_and_1_of_the_same(counts: list[tuple[int, int]], random) -> None:
    one = pool_scores("one", [_recording(str(i), *own) for i, own in enumerate(counts)])
    two = pool_scores("two", [_recording(str(i), random.randint(0, 20), own[1]) for i, own in enumerate(counts)])
    (found,), (back,), (same,) = compare_scores(one, two), compare_scores(two, one), compare_scores(one, one)
    assert found.p == back.p
    assert found.difference == pytest.approx(-back.difference)
    assert same.p == 1.0
    assert 0.0 < found.p <= 1.0


def test_emotions_are_counted_by_the_second() -> None:
    reference = [Turn(Span(2.0, 6.0), "happy")]
    hypothesis = [Turn(Span(3.0, 5.0), "happy"), Turn(Span(5.0, 8.0), "angry")]
    found = emotion_errors(reference, hypothesis, 10.0)
    assert found == {"total": 10.0, "missed": 1.0, "false alarm": 2.0, "confusion": 1.0, "overlap": 0.0}


def test_a_table_of_words_for_which_there_is_no_memory_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """MeetEval holds a number for each pair of words of two speakers: of ten hours of one voice 25 GB."""
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    words = tuple(Word(Span(0.5 * k, 0.5 * k + 0.4), f" word{k % 50}", 1.0, f"S{k // 40 % 2}") for k in range(400))
    turns = [Turn(Span(20.0 * k, 20.0 * k + 20.0), f"S{k % 2}") for k in range(10)]
    transcript = join(words, turns)
    monkeypatch.setattr("whisperdiar.scoring._LARGE_TABLE", 100_000)
    monkeypatch.setattr("whisperdiar.scoring.available_memory", lambda kind: 400_000)
    (found,) = score(transcript, transcript).recordings
    assert found.components["tcpWER"]["length"] == 400, "200 words on either side take 161,604 bytes"
    monkeypatch.setattr("whisperdiar.scoring.available_memory", lambda kind: 300_000)
    (found,) = score(transcript, transcript).recordings
    assert found.left_out["tcpWER"] == "it would take 0.0 GB of memory, of which 0.0 GB are free"
    assert found.components["cpWER"]["length"] == 400
