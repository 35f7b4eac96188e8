"""Segments and cues."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperdiar import Segment, SegmentationOptions, Span, Transcript, Word, cues, segments
from whisperdiar.graphemes import columns
from whisperdiar.options import SubtitleRules


def words_of(text: str, *, start: float = 0.0, each: float = 0.3, speaker: str | None = "A") -> list[Word]:
    parts = text.split(" ")
    return [
        Word(Span(start + i * each, start + (i + 1) * each), f" {part}", 1.0, speaker) for i, part in enumerate(parts)
    ]


def transcript_of(*groups: list[Word]) -> Transcript:
    return Transcript("r", 100.0, segments=tuple(Segment(tuple(g), g[0].speaker) for g in groups))


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


def test_a_day_without_a_pause_is_cut_in_time_that_grows_with_its_length() -> None:
    def seconds(n_words: int) -> float:
        words = words_of(" ".join(["word"] * n_words), each=0.3)
        begun = time.perf_counter()
        segments(words)
        return time.perf_counter() - begun

    seconds(1_000)
    few, many = seconds(4_000), seconds(64_000)
    assert many < 100 * few  # 16 times in theory; with the square it would be 256 times


@given(word_streams)
@settings(max_examples=60)
def test_no_text_is_lost_and_no_cue_crosses_a_speaker(stream: list[tuple[str, float, float, str | None, bool]]) -> None:
    words = build(stream)
    for speaker in ("A", "B", None):
        own = [w for w in words if w.speaker == speaker]
        made = cues(Transcript("r", 1e3, segments=segments(own)))
        shown = "".join(line for cue in made for line in cue.lines)
        assert shown.replace(" ", "") == "".join(w.text for w in own).replace(" ", "")
        assert all(cue.speaker == speaker for cue in made)


@given(word_streams)
@settings(max_examples=60)
def test_lines_never_run_over_the_limit(stream: list[tuple[str, float, float, str | None, bool]]) -> None:
    rules = SubtitleRules(max_chars=20)
    made = cues(Transcript("r", 1e3, segments=segments(build(stream))), rules=rules)
    for cue in made:
        # A single token that is wider than all lines together may need more of them; none of it may be lost.
        assert all(columns(line) <= rules.max_chars for line in cue.lines)
        assert len(cue.lines) <= rules.max_lines or len("".join(cue.lines).split()) == 1


def test_joining_spaces_count() -> None:
    """Two words of 21 columns and the space between them are 43."""
    (cue,) = cues(transcript_of(words_of("a" * 21 + " " + "b" * 21)))
    assert len(cue.lines) == 2
    (cue,) = cues(transcript_of(words_of("a" * 21 + " " + "b" * 20)))
    assert len(cue.lines) == 1


def test_room_is_kept_for_the_name() -> None:
    transcript = transcript_of(words_of("a" * 20 + " " + "b" * 20))
    assert len(cues(transcript)[0].lines) == 1
    assert len(cues(transcript, reserved={"A": 12})[0].lines) == 2


def test_cues_break_at_sentence_ends() -> None:
    text = "We have looked at all of the numbers for this year. They are better than we had expected them to be."
    made = cues(transcript_of(words_of(text)))
    assert [" ".join(cue.lines) for cue in made] == [
        "We have looked at all of the numbers for this year.",
        "They are better than we had expected them to be.",
    ]


def test_a_short_cue_lingers_until_it_can_be_read_but_not_into_the_next() -> None:
    alone = cues(transcript_of(words_of("Yes.", each=0.2)))
    assert alone[0].span.duration == pytest.approx(SubtitleRules().min_duration)
    first, second = cues(transcript_of(words_of("Yes.", each=0.2), words_of("No.", start=0.5, speaker="B")))
    assert first.span.end == pytest.approx(second.span.start)


def test_wide_characters_take_two_columns_and_marks_none() -> None:
    assert columns("你好") == 4
    assert columns("e\u0301") == 1
    assert columns("ab") == 2


def test_chinese_has_no_spaces_and_is_cut_all_the_same() -> None:
    words = [Word(Span(i * 0.2, i * 0.2 + 0.2), "字", 1.0, "A") for i in range(60)]
    made = cues(transcript_of(words))
    assert "".join(line for cue in made for line in cue.lines) == "字" * 60
    assert max(columns(line) for cue in made for line in cue.lines) <= 42
