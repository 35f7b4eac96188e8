"""The text format, and the pieces of text that all formats share."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from tests.formats_strategies import example, nasty_text, transcripts, visible
from whisperdiar.formats import WriteOptions, txt
from whisperdiar.formats._text import format_seconds, make_token, one_line, parse_seconds, to_milliseconds
from whisperdiar.text.clock import format_clock
from whisperdiar.transcript import Segment, Speaker
from whisperdiar.types import Span, Word


def segment(start: float, text: str, speaker: str | None = "A", length: float = 1.0) -> Segment:
    return Segment((Word(Span(start, start + length), text, 1.0, speaker),), speaker)


def lines(*segments: Segment, options: WriteOptions | None = None) -> list[str]:
    talk = example(segments=segments, speakers=(Speaker("A", "Anna"), Speaker("B", "B")))
    return txt.dumps(talk, options=options or WriteOptions()).splitlines()


def test_a_line_has_the_time_the_name_and_the_text():
    assert lines(segment(62.9, " Hello."), segment(36_000.0, " Who?", None)) == [
        "[00:01:02] Anna: Hello.",
        "[10:00:00] Who?",
    ]
    none = WriteOptions(speaker_style="none")
    assert lines(segment(62.9, " Hello."), segment(63.0, " Hi.", "B"), options=none) == [
        "[00:01:02] Hello.",
        "[00:01:03] Hi.",
    ]


def test_segments_of_one_speaker_make_a_paragraph():
    assert lines(segment(0, " One."), segment(2, " Two."), segment(4, " No.", "B"), segment(6, " Three.")) == [
        "[00:00:00] Anna: One. Two.",
        "[00:00:04] B: No.",
        "[00:00:06] Anna: Three.",
    ]
    assert lines(segment(0, "一。"), segment(2, "二。")) == ["[00:00:00] Anna: 一。二。"]


def test_a_paragraph_ends_where_it_would_become_too_long():
    talk = [segment(start, f" s{start}.", length=10) for start in range(0, 200, 10)]
    assert [line[:10] for line in lines(*talk)] == ["[00:00:00]", "[00:01:00]", "[00:02:00]", "[00:03:00]"]
    short = WriteOptions(max_paragraph=10)
    assert len(lines(*talk, options=short)) == 20


def test_nothing_said_is_nothing_written():
    assert lines() == []
    assert lines(segment(0, " \n ")) == []


@given(transcripts)
def test_every_line_is_one_paragraph_and_no_letter_is_lost(transcript):
    text = txt.dumps(transcript, options=WriteOptions(speaker_style="none"))
    text.encode("utf-8")
    body = [line for line in text.split("\n") if line]
    assert all(re.match(r"\[\d\d+:[0-5]\d:[0-5]\d\] \S", line) for line in body)
    said = "".join(line.partition("] ")[2] for line in body)
    joined = "".join(one_line("".join(w.text for w in group.words)) for group in transcript.segments)
    # A joiner keeps what looks like a name before a colon, such as "0: 0", from being read as one.
    assert visible(said).replace("\u2060", "") == visible(joined).replace("\u2060", "")


@given(nasty_text)
def test_one_line_is_one_line_for_every_reader(text):
    line = one_line(text)
    assert len(line.splitlines()) == (1 if line else 0)
    assert line == line.strip()
    assert visible(line) == visible(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f]", line)
    assert one_line(line) == line
    line.encode("utf-8")
    assert make_token(text) == "_".join(line.split())


def test_a_text_that_begins_like_a_name_loses_no_letter():
    talk = example(segments=(Segment((Word(Span(0, 1), "0:\r0", 0.5),)),))
    text = txt.dumps(talk, options=WriteOptions(speaker_style="none"))
    assert text.endswith("] \u20600: 0\n")


def test_one_line_keeps_what_joins_and_turns_letters():
    for text in ("👩‍👩‍👧", "‏שלום", "a\u00a0b", "日本\u3000語", "a  b"):
        assert one_line(text) == text.strip()
    assert one_line("a \r\n \n b") == "a b"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, 0), (0.0005001, 1), (0.9996, 1000), (1.0004999, 1000), (359_999.9994, 359_999_999)]
)
def test_milliseconds_are_rounded_not_cut(seconds, expected):
    assert to_milliseconds(seconds) == expected
    assert to_milliseconds(seconds) == round(round(seconds, 3) * 1000)


def test_clock_and_decimal():
    assert format_clock(3_723_004, ",") == "01:02:03,004"
    assert format_seconds(62_050) == "62.050"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5", 1.5), ("0", 0.0), (".5", 0.5), ("1e3", 1000.0), ("5.", 5.0), ("-0", 0.0), ("+2", 2.0)]
    + [(bad, None) for bad in ("-1", "nan", "inf", "1_0", "١", "", "1e10", "1e999", "0x1", "1,5", "<NA>")],
)
def test_seconds_in_a_field(text, expected):
    found = parse_seconds(text)
    assert found == expected
    assert str(found) == str(expected)
