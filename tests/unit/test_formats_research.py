"""Formats for researchers: what other programs' readers find in them, what they give back, and what others write."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from praatio.utilities.textgrid_io import parseTextgridStr
from pympi import Eaf

from tests.examples import examples, few_by_day
from tests.formats_strategies import example, nasty_text, transcripts, visible
from tests.sounds import SHARED
from whisperdiar.errors import FormatError
from whisperdiar.formats import WriteOptions, by_name
from whisperdiar.formats._reading.utterances import ParsedWord, divide_by_length, fill_times, join_words, match_text
from whisperdiar.formats._text import NOBODY, one_line
from whisperdiar.formats._writing.runs import distinct_names, prepare_segments
from whisperdiar.formats._writing.tiers import make_lanes
from whisperdiar.system.files import read_text
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

OPTIONS = WriteOptions()
READABLE = (
    "textgrid", "eaf", "seglst", "whisperx-json", "verbose-json", "diarized-json", "stm", "ctm", "csv", "tsv",
    "csv-words", "tsv-words",
)  # fmt: skip
WITH_WORDS = ("textgrid", "eaf", "whisperx-json", "verbose-json")
BY_LETTERS = ("stm", "ctm", "whisperx-json", "csv-words", "tsv-words")
"""Lines of fields, and a form whose words say who speaks: a segment of two people is read back as two."""
ALL = (*READABLE, "audacity", "md")

word_texts = st.one_of(
    st.sampled_from(
        [" Good", " morning,", " don't", "—", " 5", "始め", "。", ' "so"', " a  b", " …", " שלום", " =1+1"]
    ),
    nasty_text.filter(lambda text: one_line(text) != ""),
)


@st.composite
def talks(draw: st.DrawFn) -> Transcript:
    """Speakers who talk at the same time, each one in order of time, with pauses; words of a millisecond and more."""
    names = draw(st.lists(nasty_text, min_size=2, max_size=2))
    labels = ("SPEAKER_00", "SPEAKER_01", None)
    segments = []
    for label in labels:
        time_ms = draw(st.integers(0, 3000))
        for texts in draw(st.lists(st.lists(word_texts, min_size=1, max_size=4), max_size=3)):
            words = []
            for text in texts:
                end_ms = time_ms + draw(st.integers(1, 900))
                words.append(Word(Span(time_ms / 1000, end_ms / 1000), text, 0.5, label))
                time_ms = end_ms + draw(st.integers(0, 500))
            segments.append(Segment(tuple(words), label))
            time_ms += draw(st.integers(1, 2000))
    segments.sort(key=lambda item: item.span.start)
    speakers = tuple(Speaker(label, name) for label, name in zip(labels, names, strict=False) if label)
    return Transcript("board meeting", 60.0, "en", speakers, tuple(segments))


def dumps(name: str, transcript: Transcript, options: WriteOptions = OPTIONS) -> str:
    text = by_name(name).dumps(transcript, options=options)
    assert isinstance(text, str)
    text.encode("utf-8")
    return text


def read(name: str, text: str) -> Transcript:
    reader = by_name(name).read
    assert reader is not None
    return reader(text)


def xml(text: str) -> str:
    return re.sub("[\ufffe\uffff]", "\ufffd", text)


def said(transcript: Transcript, *, words: bool = True) -> list[tuple[object, ...]]:
    """Speaker's name, milliseconds, text and words of each segment, sorted."""
    names = distinct_names(transcript)
    return sorted(
        (
            names[item.speaker],
            item.start_ms,
            item.end_ms,
            xml(item.text),
            tuple((word.start_ms, word.end_ms, xml(word.text)) for word in item.words) if words else (),
        )
        for item in prepare_segments(transcript)
    )


@pytest.mark.parametrize("name", WITH_WORDS)
@given(talk=talks())
@settings(max_examples=examples(60))
def test_what_is_said_is_read_back_word_by_word(name: str, talk: Transcript) -> None:
    assert said(read(name, dumps(name, talk))) == said(talk)


@pytest.mark.parametrize("name", ["seglst", "diarized-json", "csv", "tsv"])
@given(talk=talks())
@settings(max_examples=examples(60))
def test_what_is_said_is_read_back_segment_by_segment(name: str, talk: Transcript) -> None:
    found = read(name, dumps(name, talk))
    assert said(found, words=False) == said(talk, words=False)
    for segment in found.segments:
        assert all(left.end <= right.start + 1e-9 for left, right in pairwise(segment.words))


def texts(transcript: Transcript) -> Counter[str]:
    return Counter(visible(xml(item.text)) for item in prepare_segments(transcript))


@pytest.mark.parametrize("name", [name for name in READABLE if name not in BY_LETTERS])
@given(transcript=transcripts)
@settings(max_examples=examples(60))
def test_no_text_is_lost_whatever_overlaps_or_has_no_length(name: str, transcript: Transcript) -> None:
    assert texts(read(name, dumps(name, transcript))) == texts(transcript)


@pytest.mark.parametrize("name", BY_LETTERS)
@given(transcript=transcripts)
@settings(max_examples=examples(60))
def test_no_text_is_lost_where_segments_are_cut_anew(name: str, transcript: Transcript) -> None:
    found = read(name, dumps(name, transcript))

    def letters(one: Transcript) -> Counter[str]:
        return Counter("".join("".join(item.text.split()) for item in prepare_segments(one)))

    assert letters(found) == letters(transcript)


@given(transcripts)
@settings(max_examples=examples(60))
def test_tiers_hold_what_praat_and_elan_ask_for(transcript: Transcript) -> None:
    found = make_lanes(transcript)
    names = [name for lane in found for name in (lane.tier, lane.word_tier)]
    assert len(set(names)) == len(names)
    for lane in found:
        for marks in (lane.utterances, lane.words):
            assert all(0 <= mark.start_ms < mark.end_ms for mark in marks)
            assert all(left.end_ms <= right.start_ms for left, right in pairwise(marks))
        inside = [m for m in lane.words for u in lane.utterances if u.start_ms <= m.start_ms and m.end_ms <= u.end_ms]
        assert inside == lane.words


@given(transcripts)
@settings(max_examples=examples(60))
def test_a_textgrid_is_read_by_praatio(transcript: Transcript) -> None:
    grid = parseTextgridStr(dumps("textgrid", transcript), includeEmptyIntervals=True)
    found: Counter[str] = Counter()
    for tier in grid["tiers"]:
        entries = [(float(start), float(end), label) for start, end, label in tier["entries"]]
        assert tier["class"] == "IntervalTier"
        assert entries[0][0] == 0
        assert entries[-1][1] == float(tier["xmax"]) == grid["xmax"]
        assert all(start < end for start, end, _ in entries)
        assert all(left[1] == right[0] for left, right in pairwise(entries))
        found.update(visible(label) for _, _, label in entries if label)
    wanted = Counter(visible(item.text) for item in prepare_segments(transcript))
    wanted.update(visible(word.text) for item in prepare_segments(transcript) for word in item.words)
    assert found == wanted


@given(transcript=transcripts)
@settings(max_examples=examples(40))
def test_an_eaf_is_read_by_pympi(tmp_path_factory: pytest.TempPathFactory, transcript: Transcript) -> None:
    path = tmp_path_factory.mktemp("eaf") / "talk.eaf"
    path.write_text(dumps("eaf", transcript, WriteOptions(media="/home/a b/talk.mp4")), encoding="utf-8")
    document = Eaf(str(path))
    assert [item["MEDIA_URL"] for item in document.media_descriptors] == ["file:///home/a%20b/talk.mp4"]
    found: Counter[str] = Counter()
    slots = [item[:2] for tier in document.tiers.values() for item in tier[0].values()]
    assert len({slot for pair in slots for slot in pair}) == 2 * len(slots) == len(document.timeslots)
    assert list(document.timeslots.values()) == sorted(document.timeslots.values())
    for tier in document.get_tier_names():
        marks = document.get_annotation_data_for_tier(tier)
        assert all(mark[0] < mark[1] for mark in marks)
        parent = document.get_parameters_for_tier(tier).get("PARENT_REF")
        assert (parent is None) is not tier.startswith("words@")
        if parent is not None:
            outer = document.get_annotation_data_for_tier(parent)
            assert all(any(o[0] <= m[0] and m[1] <= o[1] for o in outer) for m in marks)
        found.update(visible(mark[2]) for mark in marks)
    if prepare_segments(transcript):
        wanted = Counter(visible(xml(item.text)) for item in prepare_segments(transcript))
        wanted.update(visible(xml(word.text)) for item in prepare_segments(transcript) for word in item.words)
        assert found == wanted
    else:
        assert sum(found.values()) == len(transcript.turns)


@given(talks())
@settings(max_examples=examples(40))
def test_meeteval_reads_seglst_stm_and_ctm(talk: Transcript) -> None:
    pytest.importorskip("simplejson", reason="simplejson, which meeteval reads JSON with, is not installed")
    io_module = pytest.importorskip("meeteval.io", reason="meeteval is not installed (it needs a compiler)")
    items, names = prepare_segments(talk), distinct_names(talk)
    found = io_module.SegLST.parse(dumps("seglst", talk), parse_float=float)
    assert [(one["speaker"], one["words"]) for one in found] == [(names[item.speaker], item.text) for item in items]
    assert [(one["start_time"], one["end_time"]) for one in found] == [
        (item.start_ms / 1000, item.end_ms / 1000) for item in items
    ]
    stm = io_module.STM.parse(dumps("stm", talk), parse_float=float)
    assert [line.transcript.removeprefix("<> ") for line in stm] == [item.text for item in items]
    assert {line.filename for line in stm} <= {"board_meeting"}
    ctm = io_module.CTM.parse(dumps("ctm", talk), parse_float=float)
    spoken_words = Counter(part for item in items for word in item.words for part in word.text.split())
    assert Counter(line.word for line in ctm) == spoken_words


TIME = {"type": "number", "minimum": 0}
TEXT = {"type": "string"}


def schema(**properties: object) -> dict[str, object]:
    return {"type": "object", "required": list(properties), "properties": properties}


VERBOSE = schema(
    task={"const": "transcribe"},
    language=TEXT,
    duration=TIME,
    text=TEXT,
    words={"type": "array", "items": schema(word=TEXT, start=TIME, end=TIME)},
    segments={
        "type": "array",
        "items": schema(
            id={"type": "integer"}, seek={"type": "integer"}, start=TIME, end=TIME, text=TEXT,
            tokens={"type": "array", "items": {"type": "integer"}}, temperature={"type": "number"},
            avg_logprob={"type": "number", "maximum": 0}, compression_ratio={"type": "number"},
            no_speech_prob={"type": "number"},
        ),
    },
)  # fmt: skip
DIARIZED = schema(
    task={"const": "transcribe"},
    duration=TIME,
    text=TEXT,
    segments={
        "type": "array",
        "items": schema(
            type={"const": "transcript.text.segment"}, id=TEXT, start=TIME, end=TIME, text=TEXT, speaker=TEXT
        ),
    },
)
ALIGNED = schema(word=TEXT, start=TIME, end=TIME, score={"type": "number", "minimum": 0, "maximum": 1})
WHISPERX = schema(
    segments={
        "type": "array",
        "items": schema(start=TIME, end=TIME, text=TEXT, words={"type": "array", "items": ALIGNED}),
    },
    word_segments={"type": "array", "items": ALIGNED},
    language={"type": ["string", "null"]},
)


@given(transcripts)
@settings(max_examples=examples(40))
def test_json_of_other_programs_has_their_form(transcript: Transcript) -> None:
    for name, form in (("verbose-json", VERBOSE), ("diarized-json", DIARIZED), ("whisperx-json", WHISPERX)):
        jsonschema.validate(json.loads(dumps(name, transcript)), form)


def test_the_client_of_openai_takes_its_json() -> None:
    audio = pytest.importorskip("openai.types.audio", reason="openai is not installed")
    verbose = audio.TranscriptionVerbose.model_validate_json(dumps("verbose-json", example()))
    assert (verbose.language, verbose.duration, verbose.text) == ("english", 3.0, "Hello.")
    assert [(word.word, word.start, word.end) for word in verbose.words] == [("Hello.", 1.0, 2.0)]
    diarized = audio.TranscriptionDiarized.model_validate_json(dumps("diarized-json", example()))
    assert [(item.speaker, item.text) for item in diarized.segments] == [("SPEAKER_00", "Hello.")]


@pytest.mark.parametrize(("name", "tab"), [("csv", ","), ("tsv", "\t"), ("csv-words", ","), ("tsv-words", "\t")])
@given(transcript=transcripts)
@settings(max_examples=examples(40))
def test_tables_are_read_by_the_csv_module(name: str, tab: str, transcript: Transcript) -> None:
    text = dumps(name, transcript)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=tab, strict=True))
    items = prepare_segments(transcript)
    units = [word for item in items for word in item.words] if "words" in name else items
    assert [row["text"].removeprefix("'") for row in rows] == [unit.text.removeprefix("'") for unit in units]
    assert [(float(row["start"]), float(row["end"])) for row in rows] == [
        (unit.start_ms / 1000, unit.end_ms / 1000) for unit in units
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert all(list(row)[:6] == ["recording", "segment", "start", "end", "speaker", "text"] for row in rows)


def test_a_formula_is_a_text_in_a_spreadsheet() -> None:
    talk = example(text=' =cmd|"/c calc"!A1', speakers=(Speaker("SPEAKER_00", "@SUM(1)"),))
    (row,) = csv.DictReader(io.StringIO(dumps("csv", talk)))
    assert (row["speaker"], row["text"]) == ("'@SUM(1)", '\'=cmd|"/c calc"!A1')


def test_words_in_a_table_say_what_is_known_of_them() -> None:
    word = Word(Span(1.0, 2.0), " Hello.", 0.9, "SPEAKER_00", 0.55, "SPEAKER_01", overlap=True)
    talk = example(segments=(Segment((word,), "SPEAKER_00"),), speakers=(Speaker("SPEAKER_01", "Ben"),))
    (row,) = csv.DictReader(io.StringIO(dumps("csv-words", talk)))
    assert list(row.values()) == [
        "talk", "1", "1.000", "2.000", "SPEAKER_00", "Hello.", "0.900", "0.550", "Ben", "1",
    ]  # fmt: skip


@given(transcripts)
@settings(max_examples=examples(40))
def test_labels_of_audacity_are_one_line_each(transcript: Transcript) -> None:
    lines = dumps("audacity", transcript).split("\n")[:-1]
    fields = [line.split("\t") for line in lines]
    assert all(len(row) == 3 and 0 <= float(row[0]) <= float(row[1]) for row in fields)
    items, names = prepare_segments(transcript), distinct_names(transcript)
    if items:
        wanted = Counter(f"{names[i.speaker]}: {i.text}" if i.speaker is not None else i.text for i in items)
        assert Counter(row[2] for row in fields) == wanted
        silent = dumps("audacity", transcript, WriteOptions(speaker_style="none"))
        assert Counter(line.split("\t")[2] for line in silent.split("\n")[:-1]) == Counter(i.text for i in items)
    else:
        assert len(fields) == len(transcript.turns)


@given(talks())
@settings(max_examples=examples(60))
def test_markdown_shows_the_text_and_nothing_that_it_could_mean(talk: Transcript) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(dumps("md", talk))
    shown = ""
    for token in tokens:
        assert token.type in ("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline"), token
        for child in token.children or ():
            assert child.type in ("text", "text_special", "strong_open", "strong_close"), child
            shown += child.content
    body = shown.removeprefix("board meeting")
    names = {item.id: one_line(item.name) for item in talk.speakers}
    for segment in talk.segments:
        assert one_line("".join(word.text for word in segment.words)) in body
        assert names.get(segment.speaker or "", "") in body


def test_markdown_has_a_heading_and_names() -> None:
    talk = example(speakers=(Speaker("SPEAKER_00", "Anna"),))
    assert dumps("md", talk) == "# talk\n\n**Anna** \\[00:00:01\\] Hello.\n"
    assert "Anna" not in dumps("md", talk, WriteOptions(speaker_style="none"))


def test_turns_alone_become_annotations_to_be_filled_in() -> None:
    turns = example(segments=())
    found = read("eaf", dumps("eaf", turns))
    assert (found.turns, found.segments) == (turns.turns, ())
    assert dumps("audacity", turns) == "0.500\t2.500\tSPEAKER_00\n"


def test_somebody_called_unknown_is_not_nobody() -> None:
    word = Word(Span(3.0, 4.0), " Who?")
    talk = example(speakers=(Speaker("SPEAKER_00", NOBODY),), segments=(*example().segments, Segment((word,), None)))
    for name in ("textgrid", "eaf", "seglst", "whisperx-json", "diarized-json", "stm"):
        assert [item.speaker for item in read(name, dumps(name, talk)).segments] == ["unknown_2", None], name


def overlapping() -> Transcript:
    """One label for two voices at once, and a word without length before another one."""
    first = Segment((Word(Span(1.0, 4.0), " Long", 1.0, "A"), Word(Span(4.0, 4.0), " 5", 1.0, "A")), "A")
    second = Segment((Word(Span(2.0, 3.0), " Short", 1.0, "A"),), "A")
    return Transcript("talk", 5.0, "en", segments=(first, second))


def test_what_overlaps_on_one_tier_gets_a_second_pair() -> None:
    tiers = {lane.tier: [(m.start_ms, m.end_ms, m.text) for m in lane.words] for lane in make_lanes(overlapping())}
    assert tiers == {"A": [(1000, 3999, "Long"), (3999, 4000, "5")], "A@2": [(2000, 3000, "Short")]}
    for name in ("textgrid", "eaf"):
        found = read(name, dumps(name, overlapping()))
        assert [(item.speaker, item.text) for item in found.segments] == [("A", "Long 5"), ("A", "Short")]


def test_times_are_shared_by_length() -> None:
    assert divide_by_length(["ab", " cd", "efgh"], 1.0, 5.0) == [Span(1.0, 2.0), Span(2.0, 3.0), Span(3.0, 5.0)]
    words = [ParsedWord("1"), ParsedWord("b", 2.0, 3.0), ParsedWord("2"), ParsedWord("3")]
    assert fill_times(words, Span(1.0, 5.0)) == [Span(1.0, 2.0), Span(2.0, 3.0), Span(3.0, 4.0), Span(4.0, 5.0)]
    assert fill_times([ParsedWord("x")], Span(2.0, 2.0)) == [Span(2.0, 2.0)]


def test_a_text_is_cut_at_its_words() -> None:
    assert match_text("“Well, yes!” he said.", ["Well", "yes", "he", "said"]) == ["“Well,", " yes!”", " he", " said."]
    assert match_text("twenty-one", ["twenty", "one"]) == ["twenty-", "one"]
    assert match_text("Well then", ["Well"]) is None
    assert match_text("Well then", ["then"]) is None
    assert join_words(["Yes", "始め", "ます", "5"]) == [" Yes", " 始め", "ます", " 5"]


def test_whisperx_without_words_speakers_or_some_of_the_times() -> None:
    plain = (
        '{"segments": [{"text": " In 1999 we met.", "start": 1.0, "end": 3.0, "avg_logprob": -0.2}], "language": "en"}'
    )
    found = read("whisperx-json", plain)
    assert [word.text for word in found.words] == [" In", " 1999", " we", " met."]
    assert (found.language, found.turns, found.words[0].span.start, found.words[-1].span.end) == ("en", (), 1.0, 3.0)
    aligned = {
        "segments": [
            {
                "start": 1.0, "end": 3.0, "text": " In 1999 we met.", "speaker": "SPEAKER_01",
                "words": [
                    {"word": "In", "start": 1.0, "end": 1.2, "score": 0.8, "speaker": "SPEAKER_01"},
                    {"word": "1999"},
                    {"word": "we", "start": 2.2, "end": 2.4, "score": 0.7, "speaker": "SPEAKER_00"},
                    {"word": "met.", "start": 2.4, "end": 3.0, "score": 1.002},
                ],
            }
        ],
        "word_segments": [],
    }  # fmt: skip
    found = read("whisperx-json", json.dumps(aligned))
    assert [(word.text, word.span.start, word.span.end, word.speaker) for word in found.words] == [
        (" In", 1.0, 1.2, "SPEAKER_01"),
        (" 1999", 1.2, 2.2, "SPEAKER_01"),
        (" we", 2.2, 2.4, "SPEAKER_00"),
        (" met.", 2.4, 3.0, "SPEAKER_00"),
    ]
    assert [word.probability for word in found.words] == [0.8, 1.0, 0.7, 1.0]
    assert found.turns == (Turn(Span(1.0, 2.2), "SPEAKER_01"), Turn(Span(2.2, 3.0), "SPEAKER_00"))


def test_verbose_json_of_openai_has_words_without_punctuation() -> None:
    answer = {
        "task": "transcribe", "language": "german", "duration": 4.0, "text": "Ja, gut. Also?",
        "segments": [
            {"id": 0, "start": 0.0, "end": 2.0, "text": " Ja, gut."},
            {"id": 1, "start": 2.0, "end": 4.0, "text": " Also?"},
        ],
        "words": [
            {"word": "Ja", "start": 0.0, "end": 0.5}, {"word": "gut", "start": 0.5, "end": 1.0},
            {"word": "Also", "start": 2.1, "end": 2.5},
        ],
    }  # fmt: skip
    found = read("verbose-json", json.dumps(answer))
    assert [[word.text for word in item.words] for item in found.segments] == [[" Ja,", " gut."], [" Also?"]]
    assert [word.span for word in found.words] == [Span(0.0, 0.5), Span(0.5, 1.0), Span(2.1, 2.5)]
    assert (found.language, found.duration) == ("de", 4.0)
    del answer["segments"]
    assert [item.text for item in read("verbose-json", json.dumps(answer)).segments] == ["Ja gut", "Also"]
    del answer["words"]
    with pytest.raises(FormatError, match="segments or words"):
        read("verbose-json", json.dumps(answer))


SHORT_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0 4.5 <exists> 3 ! three tiers
"IntervalTier" "Anna" 0 4.5 2
0 2 "She said ""no""
twice" 2 4.5 ""
"TextTier" "bell" 0 4.5 1 1.5 "ding"
"IntervalTier" "Ben - words" 0 4.5 2
2 2.5 "yes" 2.5 3e0 "indeed"
"""


def test_a_short_textgrid_with_comments_points_and_the_words_of_an_aligner() -> None:
    found = read("textgrid", SHORT_GRID)
    assert [(item.speaker, item.text, item.span) for item in found.segments] == [
        ("Anna", 'She said "no"\ntwice', Span(0.0, 2.0)),
        ("Ben", "yes indeed", Span(2.0, 3.0)),
    ]
    assert found.duration == 4.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cut off"),
        ('File type = "ooTextFile"\nObject class = "Pitch"', "no TextGrid"),
        (SHORT_GRID.replace("2 2.5", '2 "a"'), "line 10: a string where a number is expected"),
        (SHORT_GRID[:-2], "not closed: '\"indeed"),
        (SHORT_GRID.replace('"yes"', '"yes'), "cut off"),
        (SHORT_GRID.replace("4.5 3", "4.5 -1").replace("<exists> 3", "<exists> -1"), "number of tiers"),
    ],
)
def test_a_broken_textgrid_says_where(text: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read("textgrid", text)


SYMBOLIC = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="x" DATE="2020-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="3000"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="ref@A" PARTICIPANT="Anna"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>Ab, cd &amp; x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="wordT" PARENT_REF="ref@A" TIER_ID="word@A"><ANNOTATION>
<REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1"><ANNOTATION_VALUE>Ab</ANNOTATION_VALUE></REF_ANNOTATION>
</ANNOTATION><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="a3">
<ANNOTATION_VALUE>cd &amp; x</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="gloss" PARENT_REF="ref@A" TIER_ID="gloss@A"><ANNOTATION>
<REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1"><ANNOTATION_VALUE>not said</ANNOTATION_VALUE></REF_ANNOTATION>
</ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>
"""


def test_elans_symbolic_words_and_slots_without_times() -> None:
    found = read("eaf", SYMBOLIC)
    assert [(word.text, word.span) for word in found.words] == [
        (" Ab,", Span(1.0, 1.25)),
        (" cd & x", Span(1.25, 2.0)),
    ]
    assert [turn.span for turn in found.turns] == [Span(1.0, 2.0), Span(2.0, 3.0)]
    assert {turn.speaker for turn in found.turns} == {"Anna"}


def test_a_tier_may_stand_before_its_parent() -> None:
    first, words = SYMBOLIC.index("<TIER"), SYMBOLIC.index('<TIER LINGUISTIC_TYPE_REF="wordT"')
    last = SYMBOLIC.index('<TIER LINGUISTIC_TYPE_REF="gloss"')
    moved = SYMBOLIC[:first] + SYMBOLIC[words:last] + SYMBOLIC[first:words] + SYMBOLIC[last:]
    assert read("eaf", moved) == read("eaf", SYMBOLIC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<a>", "no XML"),
        ("<a/>", "no EAF"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities"),
        (SYMBOLIC.replace('"1000"', '"soon"'), "'soon' is no number"),
        (SYMBOLIC.replace('TIME_SLOT_REF1="ts1"', 'TIME_SLOT_REF1="ts9"'), "no time slot 'ts9'"),
    ],
)
def test_a_broken_eaf_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read("eaf", text)


def test_stm_with_comments_labels_and_what_is_not_scored() -> None:
    text = (
        ';; CATEGORY "0" "" ""\n'
        "talk 1 A 0.0 1.5 <o,f0,male> so what\n"
        "talk A B 1.0 2.0\n"
        "talk 1 B 2.0 3.0 <o> IGNORE_TIME_SEGMENT_IN_SCORING\n"
    )
    found = read("stm", text)
    assert [(item.speaker, item.text) for item in found.segments] == [("A", "so what")]
    assert [turn.span for turn in found.turns] == [Span(0.0, 1.5), Span(1.0, 2.0)]
    assert found.recording_id == "talk"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("stm", "talk 1 A 0.0", "line 1: 4 fields"),
        ("stm", "talk 1 A 2.0 soon x", "a start and an end"),
        ("stm", "a 1 A 0 1 x\nb 1 A 0 1 x", "2 recordings"),
        ("ctm", "talk 1 0.0 x y", "a start and a duration"),
        ("ctm", "talk 1 0.0", "line 1: 3 fields"),
        ("seglst", "{}", "a JSON list"),
        ("seglst", "[1]", r"\[0\]: expected an object, found '1'"),
        ("seglst", '[{"words": "a"}]', "session_id"),
        ("seglst", '[{"session_id": "a", "words": "a", "start_time": 0}]', r"\[0\].end_time: this time is missing"),
        ("seglst", '[{"session_id": "a", "words": "a", "start_time": 2e9, "end_time": 1}]', "no times of a recording"),
        ("seglst", '[{"session_id": "a", "words": {}, "start_time": 0, "end_time": 1}]', "expected a text"),
        ("whisperx-json", "[]", "with segments"),
        ("whisperx-json", '{"segments": [{"start": 0, "end": "soon", "text": "a"}]}', "expected a number"),
        ("whisperx-json", '{"segments": [{"start": 0, "end": 1e99, "text": "a"}]}', "no times"),
        ("diarized-json", '{"text": "a"}', "with segments"),
    ],
)
def test_what_cannot_be_read_says_where(name: str, text: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read(name, text)


def test_words_of_one_time_keep_their_order() -> None:
    assert [word.text for word in read("ctm", "a 1 1.0 0 b\na 1 1.0 0 a\na 1 0.5 0.5 c\n").words] == [" c", " b", " a"]


@pytest.mark.parametrize("name", ["stm", "ctm"])
def test_no_recording_id_looks_like_a_mark_or_a_comment(name: str) -> None:
    for recording, field in (("\ufeff", "recording"), (";;x", "_;;x"), ("a b", "a_b"), ("", "recording")):
        found = read(name, dumps(name, replace(example(), recording_id=recording)))
        assert (found.recording_id, found.segments[0].text) == (field, "Hello.")


def test_words_of_a_ctm_are_joined_at_pauses() -> None:
    found = read("ctm", "talk 1 0.10 0.2 so 0.9\ntalk 1 0.30 0.2 what\ntalk 1 5.0 0.5 next 0.5\n")
    assert [(item.text, item.speaker) for item in found.segments] == [("so what", None), ("next", None)]
    assert found.words[1].span == Span(0.3, 0.5)


@pytest.mark.parametrize("name", few_by_day(ALL, every=3))
def test_an_hour_of_talk_is_written_and_read(name: str) -> None:
    """Times that grow with the square of the length would not end here."""
    segments = tuple(
        Segment(tuple(Word(Span(t, t + 0.1), f" word{t}", 0.9, label) for t in range(i, i + 10)), label)
        for i, label in ((i, f"SPEAKER_0{i // 10 % 4}") for i in range(0, 10_000, 10))
    )
    talk = Transcript("day", 10_001.0, "en", segments=segments)
    text = dumps(name, talk)
    assert text.count("word9999") >= 1
    if by_name(name).read is not None:
        assert len(read(name, text).words) == 10_000


@given(transcript=transcripts)
@settings(max_examples=examples(40))
def test_praat_itself_reads_a_textgrid(tmp_path_factory: pytest.TempPathFactory, transcript: Transcript) -> None:
    parselmouth = pytest.importorskip("parselmouth", reason="Praat as a library (praat-parselmouth) is not installed")
    path = tmp_path_factory.mktemp("praat") / "talk.TextGrid"
    path.write_text(dumps("textgrid", transcript), encoding="utf-8")
    call = parselmouth.praat.call

    def seen(label: str) -> str:
        return visible(label.replace("\ufeff", ""))  # which Praat drops wherever it stands

    grid = parselmouth.read(str(path))
    found: Counter[str] = Counter()
    for tier in range(1, int(call(grid, "Get number of tiers")) + 1):
        for index in range(1, int(call(grid, "Get number of intervals", tier)) + 1):
            found[seen(call(grid, "Get label of interval", tier, index))] += 1
    wanted = Counter(seen(item.text) for item in prepare_segments(transcript))
    wanted.update(seen(word.text) for item in prepare_segments(transcript) for word in item.words)
    assert found - Counter({"": found[""]}) == wanted - Counter({"": wanted[""]})
    for form in ("text", "short text"):
        call(grid, f"Save as {form} file", str(path))
        again = Counter(seen(item.text) for item in prepare_segments(read("textgrid", read_text(path))))
        assert set(again) | {""} == {seen(item.text) for item in prepare_segments(transcript)} | {""}


REFERENCES = SHARED / "corpus" / "refs"


def test_references_of_real_recordings_are_read() -> None:
    files = sorted(REFERENCES.glob("*.stm"))
    if not files:
        pytest.skip("the recordings of ../shared/corpus are not here")
    for path in files:
        text = path.read_text("utf-8")
        found = read("stm", text)
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(";;")]
        assert len(found.turns) == len(lines), path
        assert said(read("stm", dumps("stm", found)), words=False) == said(found, words=False), path


def test_an_eaf_of_years_is_read_back() -> None:
    late = Transcript("late", 9.9e8 + 1, "en", (), (Segment((Word(Span(9.9e8, 9.9e8 + 1), " Hi.", 1.0),)),))
    form = by_name("eaf")
    (segment,) = form.read(str(form.dumps(late, options=WriteOptions()))).segments  # type: ignore[misc]
    assert segment.span == Span(9.9e8, 9.9e8 + 1)
