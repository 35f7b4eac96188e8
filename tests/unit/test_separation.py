"""Separation of overlap: what is separated, whose stream is whose, and which words are kept; without a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar import Diarization, Span, Turn, Word
from whisperdiar.cli.option import Option, fill_bare
from whisperdiar.errors import InvalidOption
from whisperdiar.options import SEPARATION_MODELS, SeparationSettings
from whisperdiar.separation import find_repository
from whisperdiar.separation.readings import choose_words, drop_repeated
from whisperdiar.separation.sepformer import fit_levels, resample
from whisperdiar.separation.stretches import find_solo, find_stretches
from whisperdiar.separation.voices import assign_streams, measure_levels

RATE_HZ = 16_000
TALK = (Turn(Span(0, 6), "A"), Turn(Span(4, 9), "B"), Turn(Span(10, 12), "C"), Turn(Span(11.9, 14), "A"))


def stretches(*turns: Turn, duration: float = 60.0, **changes: Any) -> Any:
    return find_stretches(Diarization("talk", tuple(turns)), duration=duration, settings=SeparationSettings(**changes))


def test_overlap_of_two_is_a_stretch_with_context_up_to_where_somebody_else_talks() -> None:
    (found,), n_crowded = stretches(*TALK)
    assert (found.speakers, found.overlap, n_crowded) == (("A", "B"), (Span(4, 6),), 0)
    assert found.span == Span(2, 8)
    (first, second), _ = stretches(*TALK[:2], Turn(Span(6.5, 8), "C"), context=10.0)
    assert (first.overlap, first.span) == ((Span(4, 6),), Span(0, 6.5))
    assert (second.overlap, second.span) == ((Span(6.5, 8),), Span(6, 18))
    assert [item.overlap for item in stretches(*TALK, min_overlap=0.05)[0]] == [(Span(4, 6),), (Span(11.9, 12),)]


def test_three_at_once_are_counted_and_stay_as_they_are() -> None:
    found, n_crowded = stretches(Turn(Span(0, 6), "A"), Turn(Span(4, 9), "B"), Turn(Span(5, 5.5), "C"))
    assert n_crowded == 1
    assert [item.overlap for item in found] == [(Span(4, 5),), (Span(5.5, 6),)]


def test_long_overlap_is_separated_in_parts() -> None:
    found, _ = stretches(Turn(Span(0, 50), "A"), Turn(Span(1, 49), "B"), max_stretch=16.0)
    assert [item.overlap for item in found] == [(Span(1, 17),), (Span(17, 33),), (Span(33, 49),)]


people = st.sampled_from("ABCD")
times = st.integers(0, 300).map(lambda tenths: tenths / 10)
turn_lists = st.lists(
    st.builds(lambda speaker, start, length: Turn(Span(start, start + length / 10), speaker), people, times,
              st.integers(1, 120)),
    max_size=12,
)  # fmt: skip


@settings(max_examples=examples(150))
@given(turn_lists, st.floats(0.0, 5.0), st.floats(0.0, 2.0))
def test_exactly_two_talk_in_every_overlap_and_nobody_else_in_its_context(
    turns: list[Turn], context: float, gap: float
) -> None:
    found, _ = stretches(*turns, duration=30.0, context=context, max_gap=gap, min_overlap=0.0, max_stretch=5.0)
    for item in found:
        assert 0.0 <= item.span.start <= item.overlap[0].start < item.overlap[-1].end <= item.span.end <= 30.0
        assert item.overlap[-1].end - item.overlap[0].start <= 5.0 + 1e-6
        for turn in turns:
            both = turn.span.clip(item.span.start, item.span.end)
            assert both is None or turn.speaker in item.speakers or both.duration < 1e-6
    grid = np.arange(0.05, 30.0, 0.1)
    by_turns = [len({t.speaker for t in turns if t.start <= at < t.end}) == 2 for at in grid]
    covered = [any(s.start <= at < s.end for item in found for s in item.overlap) for at in grid]
    assert covered == by_turns


def word(start: float, text: str, probability: float = 0.9, speaker: str | None = None) -> Word:
    return Word(Span(start, start + 0.3), f" {text}", probability, speaker)


def texts(words: Any) -> list[str]:
    return [f"{item.speaker}:{item.text.strip()}" for item in words]


def test_the_better_reading_of_each_speaker_is_kept() -> None:
    mixture = [word(1.0, "red", 0.9, "A"), word(1.5, "rather", 0.3, "A"), word(2.0, "bell", 0.4, "A")]
    streams = {
        "A": [word(1.0, "Red"), word(1.5, "leather"), word(2.0, "belt")],
        "B": [word(1.2, "no"), word(1.6, "way")],
    }
    found = choose_words(mixture, streams, confidence=0.8, min_probability=0.35)
    assert texts(found.words) == ["A:Red", "B:no", "A:leather", "B:way", "A:belt"]
    assert found.separated == {"A", "B"}
    assert [item.text for item in found.replaced] == [" rather", " bell"]
    assert {(item.speaker_confidence, item.overlap) for item in found.words} == {(0.8, True)}
    assert [item.second_speaker for item in found.words] == ["B", "A", "B", "A", "B"]


def test_where_separation_makes_it_worse_the_words_of_the_mixture_stay() -> None:
    mixture = [word(1.0, "red", 0.9, "A"), word(1.5, "leather", 0.9, "A")]
    poor = {"A": [word(1.0, "bread", 0.5), word(1.5, "weather", 0.4)], "B": [word(1.2, "no", 0.2)]}
    found = choose_words(mixture, poor, min_probability=0.35)
    assert found.words == tuple(mixture)
    assert not found.separated


def test_a_stream_of_doubtful_or_hurried_words_is_not_believed() -> None:
    said = ["you", "know", "what", "we", "will", "enter"]
    calm = {"A": [word(1.0 + 0.3 * number, text, 0.8) for number, text in enumerate(said)]}
    assert choose_words([], calm).separated == {"A"}
    hurried = {"A": [Word(Span(1 + 0.1 * n, 1.1 + 0.1 * n), f" {text}", 0.8) for n, text in enumerate(said)]}
    assert not choose_words([], hurried).separated
    doubtful = {"A": [replace(item, probability=0.45) for item in calm["A"]]}
    assert not choose_words([], doubtful).separated


def test_a_word_of_the_mixture_goes_to_the_speaker_in_whose_stream_it_is() -> None:
    mixture = [word(1.0, "red", 0.9, "A"), word(1.5, "no", 0.99, "A"), word(1.9, "way", 0.99, "A")]
    streams = {"A": [word(1.0, "red", 0.95)], "B": [word(1.5, "no", 0.8), word(1.9, "way", 0.8)]}
    assert texts(choose_words(mixture, streams).words) == ["A:red", "B:no", "B:way"]


def test_a_voice_that_leaks_into_the_other_stream_is_kept_once() -> None:
    said = [word(at, text, 0.9) for at, text in ((1.0, "one"), (1.4, "two"), (1.8, "three"))]
    leaked = [word(item.start + 0.05, item.text.strip(), 0.6) for item in said]
    assert drop_repeated({"A": said, "B": [*leaked, word(2.5, "no")]}) == {"A": said, "B": [word(2.5, "no")]}
    assert drop_repeated({"A": said, "B": leaked[:1]}) == {"A": said, "B": []}
    # Two people may well say "I have" at once.
    both = [word(1.0, "one", 0.5), word(1.4, "two", 0.5), word(1.8, "four", 0.5)]
    assert drop_repeated({"A": said, "B": both}) == {"A": said, "B": both}


def test_a_run_that_the_mixture_has_of_the_louder_speaker_is_a_leak() -> None:
    mixture = [word(at, text, 0.9, "A") for at, text in ((1.0, "about"), (1.4, "that"), (1.8, "now"))]
    leaked = {
        "A": [word(1.0, "a", 0.6)],
        "B": [*(word(w.start, w.text.strip(), 0.8) for w in mixture), word(2.2, "yes", 0.8)],
    }
    of_the_louder = choose_words(mixture, leaked, find_louder=lambda _: "A").words
    assert texts(of_the_louder) == ["A:about", "A:that", "A:now", "B:yes"]
    of_the_own = choose_words(mixture, leaked, find_louder=lambda _: "B").words
    assert texts(of_the_own) == ["A:a", "B:about", "B:that", "B:now", "B:yes"]


def test_what_stands_at_the_edge_is_not_said_twice() -> None:
    around = [word(0.8, "red", 0.9, "A")]
    streams = {"A": [word(0.9, "Red,"), word(1.1, "leather")], "B": [word(0.9, "no")]}
    assert texts(choose_words([], streams, around=around).words) == ["B:no", "A:leather"]


probabilities = st.integers(0, 100).map(lambda percent: percent / 100)
word_lists = st.lists(
    st.builds(word, st.integers(0, 40).map(lambda tenths: tenths / 10), st.sampled_from(["one", "two", "three"]),
              probabilities),
    max_size=6,
).map(lambda words: sorted(words, key=lambda item: item.span))  # fmt: skip


@settings(max_examples=examples(150))
@given(st.lists(st.tuples(st.sampled_from("ABC"), word_lists), max_size=3), word_lists, word_lists, probabilities)
def test_every_word_that_is_kept_was_heard_and_the_reading_is_worth_no_less(
    mixed: list[tuple[str, list[Word]]], first: list[Word], second: list[Word], bound: float
) -> None:
    mixture = [word(w.start, w.text.strip(), w.probability, speaker) for speaker, words in mixed for w in words]
    mixture.sort(key=lambda item: item.span)
    found = choose_words(mixture, {"A": first, "B": second}, min_probability=bound)
    heard = {(w.span, w.text) for w in (*mixture, *first, *second)}
    assert all((w.span, w.text) in heard for w in found.words)
    assert list(found.words) == sorted(found.words, key=lambda item: item.span)
    others = [(w.span, w.text) for w in mixture if w.speaker == "C"]
    kept = [(w.span, w.text) for w in found.words]
    assert all(item in kept or any(s.text == item[1] for s in (*first, *second)) for item in others)

    def value(words: Any) -> float:
        return float(sum(w.probability - bound for w in words))

    assert value(found.words) >= value(mixture) - 1e-9


def test_streams_go_to_who_is_heard_in_them_alone_and_to_whom_they_sound_like() -> None:
    streams = np.zeros((2, 4 * RATE_HZ), np.float32)
    streams[1, : 2 * RATE_HZ], streams[0, : 2 * RATE_HZ] = 0.1, 0.01
    levels = measure_levels(streams, RATE_HZ, [[Span(0, 2)], [Span(3.9, 4)]])
    assert np.isnan(levels[:, 1]).all()  # too short
    by_level = assign_streams(("A", "B"), None, levels)
    assert (by_level.streams, by_level.is_clear) == ({"A": 1, "B": 0}, True)
    nowhere = np.full((2, 2), np.nan)
    assert not assign_streams(("A", "B"), None, nowhere).is_clear
    by_voice = assign_streams(("A", "B"), np.array([[0.7, 0.3], [0.4, 0.6]]), nowhere)
    assert (by_voice.streams, by_voice.is_clear) == ({"A": 0, "B": 1}, True)
    assert not assign_streams(("A", "B"), np.array([[0.5, 0.5], [0.5, 0.5]]), nowhere).is_clear
    assert find_solo(TALK, "B", Span(3, 11)) == (Span(6, 9),)


def test_streams_get_the_levels_that_they_have_in_the_mixture() -> None:
    sources = np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32) * np.array([[0.1], [0.02]], "f4")
    gains = fit_levels(sources * np.array([[-3.0], [50.0]], "f4"), sources.sum(axis=0))
    assert gains == pytest.approx([-1 / 3, 1 / 50], rel=1e-4)
    assert fit_levels(np.zeros((2, 80), np.float32), sources[0, :80]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("length", [1, 799, 16_001])
def test_a_stream_comes_back_at_the_rate_and_length_of_the_recording(length: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(length) / RATE_HZ).astype(np.float32)
    heard = resample(tone, RATE_HZ, 8000)
    assert len(heard) == -(-length // 2)
    back = resample(heard, 8000, RATE_HZ, length)
    assert back.dtype == np.float32
    assert len(back) == length
    inner = slice(200, -200)
    assert back[inner] == pytest.approx(tone[inner], abs=0.01)


def test_a_model_is_a_name_a_repository_or_a_folder(tmp_path: Any) -> None:
    assert [find_repository(name) for name in SEPARATION_MODELS] == [
        f"speechbrain/{name}" for name in SEPARATION_MODELS
    ]
    assert find_repository(str(tmp_path)) == str(tmp_path)
    assert find_repository("me/mine@v2") == "me/mine@v2"
    with pytest.raises(InvalidOption, match="separate_overlap sepformer-wham16k: no such model; give one of sepf"):
        find_repository("sepformer-wham16k")
    with pytest.raises(InvalidOption, match="max_stretch"):
        SeparationSettings(max_stretch=60.0)


def test_an_option_may_stand_without_its_value() -> None:
    option = Option(["--separate"], bare="usual", is_value=lambda text: not text.endswith(".wav"))
    assert fill_bare(["--separate", "a.wav"], [option]) == ["--separate=usual", "a.wav"]
    assert fill_bare(["--separate", "mine", "a.wav"], [option]) == ["--separate", "mine", "a.wav"]
    assert fill_bare(["a.wav", "--separate"], [option]) == ["a.wav", "--separate=usual"]
    assert fill_bare(["--separate", "-q"], [option]) == ["--separate=usual", "-q"]
    assert fill_bare(["--", "--separate"], [option]) == ["--", "--separate"]
