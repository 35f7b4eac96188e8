"""A name that is written in a subtitle file is read back as that name, and a text as that text, whatever they are."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import SUBTITLES
from whisperdiar.formats import by_name, read_cues
from whisperdiar.formats._writing.cues import prepare_cues
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Cue, Span, Word

NAMES = (
    "iPhone", "anna", "Smith, Anna", "Anna (she/her)", "A.B. Smith", "Dr. Anna von der Leyen-Schmidt", "spk_0", "Anna",
    "SPEAKER_00", "[music]", "(Ben)", "Q: A", "12", "?", "- dash", ">> x", "{a}", "<i>", "-->", "a -->", "Ёлка и К°",
    "x" * 90, "日本", "R&D", "C:\\", "a<", "Note", "00:01", "[00:01.00]", "1", "[br]", "0:00:01.000,0:00:02",
)  # fmt: skip
TEXTS = (
    "Hello", "Remember: go home", "he said: go", "- No", "- No - yes", ">> What", "[door slams]", "[Anna] Hi",
    "(Ben): x", "Anna: Hi", "anna: hi", "Note: this", "1", "42 is it", "{x}", "{\\an8}", "a --> b", "---> c",
    "SPEAKER_01: me", "…", "00:00:01,000 --> 00:00:02,000", "00:00:01.000 → 00:00:02.000", "[00:01.00]",
    "0:00:01.000,0:00:02.000", "0:00:01.000,0:00:02.000 to", "[br]", "a[br]b", "[Music]",
    "C:\\: x", "｛wide｝",
)  # fmt: skip


@st.composite
def talks(draw: st.DrawFn) -> list[Cue]:
    """Cues of one line or two, one after the other or at once, each line of somebody or of nobody."""
    cast = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    who = st.sampled_from([None, *cast])
    found, start = [], 0
    for _ in range(draw(st.integers(1, 7))):
        start += draw(st.sampled_from([0, 500, 1000, 3000, 6000, 7000]))
        lines = tuple(draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=2)))
        speakers = tuple(draw(who) for _ in lines)
        alone = len(set(speakers)) == 1
        span = Span(start / 1000, start / 1000 + draw(st.sampled_from([0.5, 1.0, 2.0])))
        found.append(Cue(span, lines, speakers[0] if alone else None, () if alone else speakers))
        start += 1000
    return found


def lines_of(cues: tuple[Cue, ...] | list[Cue]) -> list[tuple[str | None, str]]:
    return [
        (who, line)
        for cue in cues
        for who, line in zip(cue.line_speakers or (cue.speaker,) * len(cue.lines), cue.lines, strict=True)
    ]


@pytest.mark.parametrize("name", SUBTITLES)
@settings(max_examples=examples(100), deadline=None)
@given(items=talks(), style=st.sampled_from(["auto", "label", "sdh"]))
def test_names_and_texts_are_read_back(name: str, items: list[Cue], style: str) -> None:
    if name == "ass" and style == "auto":  # an event has one name, and colours name nobody
        items = [item for item in items if not item.line_speakers]
    module: Any = importlib.import_module(f"whisperdiar.formats.{name}")
    text = module.dumps_cues(items, {}, options=WriteOptions(speaker_style=style))
    wanted = lines_of([Cue(Span(0.0, 1.0), cue.lines, cue.speaker, cue.line_speakers) for cue in prepare_cues(items)])
    found = lines_of(read_cues(name, text))
    if name == "lrc":  # one line for all lines of a speaker, in the order of time
        wanted, found = sorted(_letters(wanted)), sorted(_letters(found))
    elif name == "srt":  # a number before what looks like times is joined with it
        wanted, found = _letters(wanted), _letters(found)
    assert found == wanted


def _letters(lines: list[tuple[str | None, str]]) -> list[tuple[str, str]]:
    return [(str(who), letter) for who, line in lines for letter in line if not letter.isspace()]


@pytest.mark.parametrize("name", SUBTITLES)
@pytest.mark.parametrize("person", NAMES)
def test_a_transcript_keeps_a_name_of_any_form(name: str, person: str) -> None:
    words = [Word(Span(i, i + 0.5), f" {text}", 1.0, who) for i, (who, text) in enumerate([("A", "Hi"), ("B", "Ho")])]
    transcript = Transcript(
        "talk",
        3.0,
        "en",
        speakers=(Speaker("A", "Anna Smith"), Speaker("B", person)),
        segments=tuple(Segment((word,), word.speaker) for word in words),
    )
    form = by_name(name)
    assert form.read is not None
    text = form.dumps(transcript, options=WriteOptions())
    assert isinstance(text, str)
    assert [(word.speaker, word.text.strip()) for word in form.read(text).words] == [
        ("Anna Smith", "Hi"), (person, "Ho"),
    ]  # fmt: skip


def test_marks_stand_only_where_they_are_needed() -> None:
    items = [
        Cue(Span(0.0, 1.0), ("Hello.",), "Anna"),
        Cue(Span(1.0, 2.0), ("Remember: go home.",), "Anna"),
        Cue(Span(2.0, 3.0), ("Yes.",), "iPhone"),
        Cue(Span(3.0, 4.0), ("Well.",), "Ben"),
    ]
    module: Any = importlib.import_module("whisperdiar.formats.srt")
    lines = module.dumps_cues(items, {}, options=WriteOptions()).split("\n")
    assert lines[2::4] == ["Anna: Hello.", "\u2060Remember: go home.", "iPhone\u2060: Yes.", "Ben: Well."]
