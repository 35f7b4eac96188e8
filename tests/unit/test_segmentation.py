"""Segments; what becomes of them on a screen is tested in test_subtitles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.counting import calls
from whisperdiar import SegmentationOptions, Span, Word, segments


def words_of(text: str, *, start: float = 0.0, each: float = 0.3, speaker: str | None = "A") -> list[Word]:
    parts = text.split(" ")
    return [
        Word(Span(start + i * each, start + (i + 1) * each), f" {part}", 1.0, speaker) for i, part in enumerate(parts)
    ]


word_streams = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12),
        st.floats(0.0, 1.5),
        st.floats(0.0, 0.8),
        st.sampled_from(["A", "B", None]),
        st.booleans(),
    ),
    max_size=60,
)


def build(stream: list[tuple[str, float, float, str | None, bool]]) -> list[Word]:
    time, made = 0.0, []
    for text, gap, length, speaker, space in stream:
        time += gap
        made.append(Word(Span(time, time + length), (" " if space else "") + text, 1.0, speaker))
        time += length
    return made


@given(word_streams)
def test_segments_hold_exactly_the_words_in_order(stream: list[tuple[str, float, float, str | None, bool]]) -> None:
    words = build(stream)
    made = segments(words)
    assert [w for segment in made for w in segment.words] == words
    assert all(w.speaker == segment.speaker for segment in made for w in segment.words)


def test_a_segment_ends_where_the_speaker_changes() -> None:
    made = segments([*words_of("one two", speaker="A"), *words_of("three", start=0.7, speaker="B")])
    assert [(s.speaker, s.text) for s in made] == [("A", "one two"), ("B", "three")]


def test_a_long_pause_ends_a_segment() -> None:
    made = segments([*words_of("one two"), *words_of("three", start=5.0)])
    assert [s.text for s in made] == ["one two", "three"]


def test_a_long_segment_is_split_at_a_sentence_end() -> None:
    text = "word " * 60 + "end. " + "more " * 60 + "end."
    made = segments(words_of(text.strip(), each=0.35))
    assert all(s.span.duration <= SegmentationOptions().max_segment for s in made)
    assert made[0].text.endswith("end.")


def test_a_day_without_a_pause_is_cut_with_work_that_grows_with_its_length() -> None:
    def work(n_words: int) -> int:
        words = words_of(" ".join(["word"] * n_words), each=0.3)
        return calls(lambda: segments(words))

    assert work(64_000) < 20 * work(4_000)  # 16 times in theory; with the square it would be 256 times


def test_segments_know_that_they_are_simultaneous() -> None:
    def said(start: float, end: float, speaker: str, *, overlap: bool = False) -> Word:
        return Word(Span(start, end), " word", 0.9, speaker, 0.9, overlap=overlap)

    words = [said(0, 1, "A"), said(1, 3, "A"), said(2.5, 2.8, "B"), said(4, 5, "C"), said(5, 6, "A", overlap=True)]
    found = segments(words)
    assert [(part.speaker, part.simultaneous) for part in found] == [
        ("A", True), ("B", True), ("C", False), ("A", True),
    ]  # fmt: skip
