"""What the tests of the formats share: texts that try to break a format, and values with times in milliseconds."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import strategies as st

from whisperdiar.errors import BackendMissing
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain
from whisperdiar.types import Cue, Dropped, Span, TimedText, Turn, Word

SUBTITLES = tuple(name for name in FORMATS if by_name(name).read_cues is not None)
"""Names of the subtitle formats: a new one is in all tests of their kind by being there."""

DOCUMENTS = tuple(name for name in FORMATS if by_name(name).has_templates)
"""Names of the formats for paper, whose files are packages: tests/unit/test_documents.py opens them."""


def can_write(name: str) -> bool:
    """Whether the packages that a format needs are installed."""
    check = by_name(name).check
    try:
        if check is not None:
            check()
    except BackendMissing:
        return False
    return True


def need_packages(name: str) -> None:
    """Skips the test where a format's packages are not installed."""
    if not can_write(name):
        pytest.skip(f"the packages of {name} are not installed (extra documents)")


NASTY = (
    "-->", "--", ">", "\n", "\r\n", "\n\n", "\r", "\t", "  ", "<i>", "</v>", "<v Eve>", "&amp;", "&", "<", "1",
    "1\n00:00:01,000 --> 00:00:02,000\n", "00:00:01.000 --> 00:00:02.000", "10:20:30", "1.2.3", "7", "\x00", "\x1b[31m",
    "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\u00a0", "\u3000", "NOTE ", "WEBVTT", "STYLE", "{\\an8}", ";;",
    "[", "[br]", "0:00:01.000,0:00:02.000",
    "<NA>", '"', "\\", "\ud800", "\ufeff", "‏שלום", "مرحبا", "日本語", "👩‍👩‍👧", "e\u0301", "x" * 300,
)  # fmt: skip

nasty_text = st.lists(st.one_of(st.text(max_size=6), st.sampled_from(NASTY)), max_size=6).map("".join)
seconds = st.integers(0, 400_000_000).map(lambda ms: ms / 1000)
rough_seconds = st.floats(0, 400_000, allow_nan=False)
labels = st.sampled_from([f"SPEAKER_{i:02d}" for i in range(5)])
probability = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


def spans(times: st.SearchStrategy[float] = seconds) -> st.SearchStrategy[Span]:
    return st.tuples(times, times).map(lambda pair: Span(min(pair), max(pair)))


cues = st.lists(
    st.builds(
        Cue, spans(rough_seconds), st.lists(nasty_text, max_size=4).map(tuple), st.one_of(st.none(), labels, nasty_text)
    ),
    max_size=6,
)


@st.composite
def timed_cues(draw: st.DrawFn) -> Cue:
    """A cue with every field: one speaker or one for each line, times of words that need not be in order."""
    span = draw(spans())
    lines, timed = [], []
    for _ in range(draw(st.integers(1, 3))):
        pieces = draw(st.lists(st.builds(TimedText, spans(), nasty_text), min_size=1, max_size=3))
        timed.append(tuple(pieces))
        lines.append("".join(piece.text for piece in pieces).strip())
    who = st.one_of(st.none(), labels, nasty_text)
    speakers = draw(st.one_of(st.just(()), st.lists(who, min_size=len(lines), max_size=len(lines)).map(tuple)))
    return Cue(span, tuple(lines), None if speakers else draw(who), speakers, draw(st.sampled_from([tuple(timed), ()])))


turns = st.builds(Turn, spans(), labels, st.integers(1, 8), st.one_of(st.none(), probability))
words = st.builds(
    Word,
    spans(),
    nasty_text,
    probability,
    st.one_of(st.none(), labels),
    st.one_of(st.none(), probability),
    st.one_of(st.none(), labels),
)
segments = st.builds(
    Segment, st.lists(words, min_size=1, max_size=5).map(tuple), st.one_of(st.none(), labels, nasty_text)
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), nasty_text),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nasty_text, inner, max_size=4),
    max_leaves=12,
)
transcripts = st.builds(
    Transcript,
    recording_id=nasty_text,
    duration=seconds,
    language=st.one_of(st.none(), st.sampled_from(["en", "ru", "ja"])),
    speakers=st.lists(st.builds(Speaker, labels, nasty_text), max_size=4).map(tuple),
    segments=st.lists(segments, max_size=4).map(tuple),
    turns=st.lists(turns, max_size=4).map(tuple),
    dropped=st.lists(st.builds(Dropped, spans(), nasty_text, nasty_text), max_size=2).map(tuple),
    uncertain=st.lists(
        st.builds(
            Uncertain,
            st.integers(0, 99),
            spans(),
            st.one_of(st.none(), labels),
            st.one_of(st.none(), labels),
            probability,
        ),
        max_size=2,
    ).map(tuple),
    provenance=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
)


def visible(text: str) -> str:
    """What must survive any format: the characters that are seen, in order, with an arrow as one of them.

    Dashes before it belong to it: where spaces do not count, nobody knows which of `- -->` are its own.
    """
    seen = "".join(
        "\ufffd" if unicodedata.category(c) == "Cs" else c
        for c in text
        if not c.isspace() and unicodedata.category(c) != "Cc"
    )
    return re.sub("-*(?:-{2,}>|→)", "→", seen)


def example(text: str = " Hello.", speaker: str | None = "SPEAKER_00", **changes: object) -> Transcript:
    """A transcript of one word, from 1 to 2 seconds, which is said happily."""
    word = Word(Span(1.0, 2.0), text, 0.9, speaker, None if speaker is None else 0.8)
    known = () if speaker is None else (Speaker(speaker, speaker),)
    turns = () if speaker is None else (Turn(Span(0.5, 2.5), speaker),)
    values: dict[str, object] = {"speakers": known, "segments": (Segment((word,), speaker),), "turns": turns}
    values["emotions"] = (Turn(Span(0.5, 2.5), "happy"),)
    return Transcript("talk", 3.0, "en", **{**values, **changes})  # type: ignore[arg-type]
