"""What is written is read back: words, times and speakers, in every format that can hold them, under any name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import SUBTITLES, nasty_text
from whisperdiar.errors import FormatError
from whisperdiar.formats import FORMATS, WriteOptions, by_name
from whisperdiar.formats._text import NOBODY, make_distinct, make_token, one_line, to_milliseconds
from whisperdiar.formats._writing.runs import distinct_names
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

NAMES = (
    "Anna Maria", "d'Arc, Jeanne", "Dr. Who", "[Anna]", "(Ben)", "{Ben}", 'Eve "the" Best', "a;b", "a,b", "=1+1",
    "'=1", "-Ben", "a\tb", "007", "2nd speaker", "<NA>", "<v Eve>", "</v>", "<i>Eve</i>", "&amp;", "12:30",
    "00:00:01,000", "00:01.000 --> 00:02.000", "Anna: Ben", "Анна", "アンナ", "مريم", "שרה", "Zoë", "ANNA", "anna",
    "SPEAKER_00", "SPEAKER_01", "words", "words@Anna", "Anna@2", "Anna - words", "phones", "NOTE", "WEBVTT", "STYLE",
    ">>", ">> Eve", "- Eve", "#", ";;", "\\N", "\\h", "%", "unknown", "UNKNOWN", "_", "Anna_2", "x" * 60, "A.",
    "etc...", "yes?",
)  # fmt: skip
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=8), nasty_text)
WORDS = ("so", "we", "agree,", "then.", "Good", "morning!", "don't", "5", "it's", "été", "да", "Why?")

HOLDS_WORDS = ("json", "textgrid", "eaf", "whisperx-json", "verbose-json", "csv-words", "tsv-words")
HOLDS_SEGMENTS = ("seglst", "diarized-json", "csv", "tsv", "stm")
NO_SPEAKERS = ("ctm",)
NO_WORDS = ("rttm", "seg", "lbl", "audioseg", "uem", "emotions-rttm")
WHOLE_SECONDS = ("txt",)
"""Its starts are whole seconds and its ends are estimated: see `test_a_text_gives_back_what_it_shows`."""
HUNDREDTHS = ("ass", "lrc")
"""Formats whose times have two decimals."""


@st.composite
def talks(draw: st.DrawFn, speakers: st.SearchStrategy[str] = names, *, step_ms: int = 1) -> Transcript:
    """Two people in turns, one after the other, each with a pause behind it that ends a segment."""
    shown = draw(st.lists(speakers, min_size=2, max_size=2))
    labels = ("SPEAKER_00", "SPEAKER_01")
    time_ms, segments = 0, []
    for label in draw(st.lists(st.sampled_from(labels), min_size=1, max_size=5)):
        words = []
        for text in draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)):
            start_ms = time_ms
            time_ms = start_ms + step_ms * draw(st.integers(300 // step_ms, 900 // step_ms))
            words.append(Word(Span(start_ms / 1000, time_ms / 1000), f" {text}", 0.5, label, 1.0))
        segments.append(Segment(tuple(words), label))
        time_ms += 1500
    turns = tuple(Turn(item.span, item.speaker or "") for item in segments)
    people = tuple(Speaker(label, name) for label, name in zip(labels, shown, strict=True))
    return Transcript("talk", time_ms / 1000, "en", people, tuple(segments), turns)


def back(name: str, talk: Transcript, options: WriteOptions | None = None) -> Transcript:
    form = by_name(name)
    written = form.dumps(talk, options=options or WriteOptions())
    assert isinstance(written, str)
    assert form.read is not None
    return form.read(written)


def expected_names(name: str, talk: Transcript) -> dict[str | None, str]:
    """Label → the name that the format gives back: on one line, of its own; one field where spaces part fields."""
    known = distinct_names(talk)
    if name in ("stm", "rttm"):
        known = make_distinct({label: make_token(shown) for label, shown in known.items()})
    return {label: xml(shown) if name == "eaf" else shown for label, shown in known.items()}


def xml(text: str) -> str:
    return text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def said(transcript: Transcript, known: dict[str | None, str]) -> Iterator[tuple[str, int, int, str]]:
    """Name, milliseconds and text of each word."""
    for segment in transcript.segments:
        for word in segment.words:
            name = NOBODY if word.speaker is None else known[word.speaker]
            yield name, to_milliseconds(word.start), to_milliseconds(word.end), word.text.strip()


@pytest.mark.parametrize("name", HOLDS_WORDS)
@given(talk=talks())
@settings(max_examples=examples(80), deadline=None)
def test_words_times_and_speakers_are_read_back(name: str, talk: Transcript) -> None:
    found = back(name, talk)
    if name == "json":
        assert (found.segments, found.speakers, found.turns) == (talk.segments, talk.speakers, talk.turns)
        return
    assert list(said(found, distinct_names(found))) == list(said(talk, expected_names(name, talk)))


@pytest.mark.parametrize("name", HOLDS_SEGMENTS)
@given(talk=talks())
@settings(max_examples=examples(80), deadline=None)
def test_segments_with_times_and_speakers_are_read_back(name: str, talk: Transcript) -> None:
    found = back(name, talk)

    def segments(one: Transcript, known: dict[str | None, str]) -> list[tuple[str, int, int, str]]:
        return [
            (known[item.speaker], to_milliseconds(item.span.start), to_milliseconds(item.span.end), item.text)
            for item in one.segments
        ]

    assert segments(found, distinct_names(found)) == segments(talk, expected_names(name, talk))


@given(talk=talks())
@settings(max_examples=examples(80), deadline=None)
def test_a_ctm_gives_back_words_and_times(talk: Transcript) -> None:
    def words(one: Transcript) -> list[tuple[int, int, str]]:
        return [(to_milliseconds(word.start), to_milliseconds(word.end), word.text.strip()) for word in one.words]

    assert words(back("ctm", talk)) == words(talk)


@given(talk=talks(names.filter(lambda text: make_token(text) not in ("", "<NA>"))))
@settings(max_examples=examples(80), deadline=None)
def test_an_rttm_gives_back_turns_and_speakers(talk: Transcript) -> None:
    shown = {item.id: make_token(item.name) for item in talk.speakers}
    known = make_distinct({label: shown[label] for label in dict.fromkeys(turn.speaker for turn in talk.turns)})

    def turns(one: Transcript, names: dict[str, str]) -> list[tuple[str, int, int]]:
        return [(names[t.speaker], to_milliseconds(t.start), to_milliseconds(t.end)) for t in one.turns]

    found = back("rttm", talk)
    assert turns(found, {turn.speaker: turn.speaker for turn in found.turns}) == turns(talk, known)


def two_people(talk: Transcript) -> bool:
    """Whether the names show that there are two people: viewers know no others."""
    shown = {one_line(item.name).casefold() for item in talk.speakers}
    return len(shown) == 2 and "" not in shown


def by_speaker(transcript: Transcript) -> list[tuple[str, str]]:
    """Name and text of what each one says until somebody else speaks."""
    known = distinct_names(transcript)
    runs: list[list[str]] = []
    for segment in transcript.segments:
        if not runs or runs[-1][0] != known[segment.speaker]:
            runs.append([known[segment.speaker], ""])
        runs[-1][1] += segment.text.replace(" ", "")
    return [(name, text) for name, text in runs]


@pytest.mark.parametrize("name", SUBTITLES)
@given(talk=talks(step_ms=10).filter(two_people))
@settings(max_examples=examples(80), deadline=None)
def test_subtitles_give_back_text_and_speakers(name: str, talk: Transcript) -> None:
    shown = {"ttml": xml}.get(name, str)  # XML has not every character
    assert by_speaker(back(name, talk)) == [(shown(who), text) for who, text in by_speaker(talk)]


ORDINARY = st.sampled_from(["Anna", "Ben", "Anna Maria", "Dr. Eve", "SPEAKER_00", "Анна", "ANNA", "O'Brien"])


@pytest.mark.parametrize("name", SUBTITLES)
@given(talk=talks(ORDINARY, step_ms=10).filter(two_people))
@settings(max_examples=examples(60), deadline=None)
def test_subtitles_give_back_text_and_ordinary_names(name: str, talk: Transcript) -> None:
    assert by_speaker(back(name, talk)) == by_speaker(talk)


@pytest.mark.parametrize("name", SUBTITLES)
@given(talk=talks(ORDINARY, step_ms=10).filter(two_people))
@settings(max_examples=examples(40), deadline=None)
def test_subtitles_that_were_read_are_written_as_they_were(name: str, talk: Transcript) -> None:
    form = by_name(name)
    spoken = {segment.speaker for segment in talk.segments}
    people = tuple(item for item in talk.speakers if item.id in spoken)
    talk = replace(talk, speakers=people if talk.segments[0].speaker == people[0].id else people[::-1])
    once = form.dumps(talk, options=WriteOptions())
    assert isinstance(once, str)
    assert form.read is not None
    assert form.dumps(form.read(once), options=WriteOptions()) == once


@pytest.mark.parametrize("name", ["srt", "vtt", "ttml", "sbv"])
@given(talk=talks(ORDINARY))
@settings(max_examples=examples(40), deadline=None)
def test_words_timed_by_a_subtitle_stay_within_its_cue(name: str, talk: Transcript) -> None:
    found = back(name, talk)
    spans = [cue.span for cue in found.cues]
    assert all(any(s.start - 1e-6 <= w.start and w.end <= s.end + 1e-6 for s in spans) for w in found.words)


def test_every_format_that_reads_back_is_here() -> None:
    there = {name for name in FORMATS if by_name(name).read is not None}
    assert there == {*HOLDS_WORDS, *HOLDS_SEGMENTS, *NO_SPEAKERS, *NO_WORDS, *WHOLE_SECONDS, *SUBTITLES}


def test_names_that_two_people_share_stay_two_people() -> None:
    assert one_line(" Anna\n") == "Anna"
    segments = tuple(Segment((Word(Span(i, i + 1), " so", 1.0, label, 1.0),), label) for i, label in enumerate("ab"))
    talk = Transcript("talk", 2.0, None, (Speaker("a", "Anna"), Speaker("b", " Anna ")), segments)
    for name in (*HOLDS_WORDS[1:], *HOLDS_SEGMENTS):
        assert [segment.speaker for segment in back(name, talk).segments] == ["Anna", "Anna_2"]


def called_unknown() -> Transcript:
    """A person with the name that other formats have for nobody."""
    words = (Word(Span(0.0, 0.3), " so", 0.5, "SPEAKER_00", 1.0),)
    return Transcript("talk", 1.8, "en", (Speaker("SPEAKER_00", NOBODY),), (Segment(words, "SPEAKER_00"),))


@pytest.mark.parametrize("name", ["textgrid", "eaf"])
def test_people_who_are_called_like_tiers_are_read_back(name: str) -> None:
    called = ("words", "words@Anna", "Anna@2", "Anna - words", "words@Eve - words", "phones", "Ben")
    for pair in permutations(called, 2):
        for labels in ("a", "b", "ab"):
            segments = tuple(
                Segment((Word(Span(2.0 * i, 2.0 * i + 1), " so", 0.5, label, 1.0),), label)
                for i, label in enumerate(labels)
            )
            talk = Transcript("talk", 4.0, "en", tuple(map(Speaker, "ab", pair)), segments)
            found = back(name, talk)
            assert list(said(found, distinct_names(found))) == list(said(talk, expected_names(name, talk))), pair


@example(talk=called_unknown(), said=[])
@given(talk=talks(), said=st.lists(st.sampled_from([" Note: x", " [Ben]: y", " - so", " \u2060z", " 5"]), max_size=4))
@settings(max_examples=examples(80), deadline=None)
def test_a_text_gives_back_what_it_shows(talk: Transcript, said: list[str]) -> None:
    """Speakers, words and whole seconds; of nobody known as well, whatever the words look like."""
    words = [Word(Span(200.0 + k, 200.5 + k), text, 0.5, None) for k, text in enumerate(said)]
    talk = replace(talk, segments=(*talk.segments, *(Segment((word,), None) for word in words)))
    options = WriteOptions(max_paragraph=0.01)  # every segment is a paragraph
    found = back("txt", talk, options)
    names = {item.id: one_line(item.name).replace("\u2060", "") or None for item in talk.speakers}
    wanted = [
        (names.get(segment.speaker or ""), int(segment.span.start + 1e-9), one_line(segment.text))
        for segment in talk.segments
    ]
    assert [(item.speaker, item.span.start, one_line(item.text)) for item in found.segments] == wanted


@pytest.mark.parametrize("text", ["Anna: Hello.\n", "# talk\n\n> Correct the text below.\n\n**Anna** [00:00:01]\nHi\n"])
def test_a_text_without_times_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(FormatError, match=r"line 1: no time such as \[00:01:02\].*`whisperdiar edit`.*apply"):
        by_name("txt").read(text)


def test_texts_of_other_makers_are_read() -> None:
    found = by_name("txt").read("\ufeff[1:02] Dr. Smith: Hello\r\n  there.\r\n\r\n[00:01:03.5] so this is it: fine\r\n")
    assert [(item.speaker, item.span.start, item.text.strip()) for item in found.segments] == [
        ("Dr. Smith", 62.0, "Hello there."),
        (None, 63.5, "so this is it: fine"),
    ]
    assert found.segments[0].span.end <= 63.5
    assert found.provenance["notes"] == [
        "a text gives no ends of paragraphs; these and the times of words are estimated"
    ]
