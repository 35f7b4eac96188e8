"""SRT and WebVTT: what other readers find in them."""

from __future__ import annotations

import html
import re

import av
import pytest
import srt as srt_reader
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import cues, example, nasty_text, visible
from whisperdiar.formats import srt, vtt
from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.cues import prepare_cues
from whisperdiar.formats._writing.speakers import clean_names, line_prefixes
from whisperdiar.options import SubtitleRules, WriteOptions
from whisperdiar.transcript import Segment, Speaker
from whisperdiar.types import Cue, Span, Word

LABEL, NONE = WriteOptions(), WriteOptions(speaker_style="none")
JOINER = "\u2060"
names = st.dictionaries(st.sampled_from([f"SPEAKER_{i:02d}" for i in range(5)]), nasty_text)
styles = st.sampled_from([LABEL, NONE])


def cue(start: float, end: float, *lines: str, speaker: str | None = None) -> Cue:
    return Cue(Span(start, end), lines, speaker)


def to_ms(time: object) -> int:
    return round(time.total_seconds() * 1000)  # type: ignore[attr-defined]


def vtt_ms(text: str) -> int:
    hours, minutes, rest = text.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(rest)) * 1000)


def spoken(cue_lines: tuple[str, ...]) -> str:
    return "".join(visible(line) for line in cue_lines)


@given(cues, names, styles)
def test_srt_is_read_back_by_the_srt_package(items, known, options):
    text = srt.dumps_cues(items, known, options=options)
    found = list(srt_reader.parse(text))  # strict: anything that it cannot place is an error
    expected = prepare_cues(items)
    assert [item.index for item in found] == list(range(1, len(expected) + 1))
    assert [(to_ms(item.start), to_ms(item.end)) for item in found] == [(c.start_ms, c.end_ms) for c in expected]
    style = "none" if options is NONE else "label"
    for item, wanted, before in zip(
        found, expected, line_prefixes(expected, clean_names(expected, known), style), strict=True
    ):
        shown = spoken(tuple(lead + line for lead, line in zip(before, wanted.lines, strict=True)))
        shown = shown.translate(str.maketrans("{}", "｛｝", JOINER))
        assert spoken(tuple(item.content.split("\n"))).replace(JOINER, "") == shown
    assert text.count("-->") == len(expected)
    text.encode("utf-8")


@given(cues, names, styles)
def test_srt_is_read_back_by_a_second_reader(items, known, options):
    text = srt.dumps_cues(items, known, options=options)
    expected = prepare_cues(items)
    found = webvtt.srt.parse(re.split("\r\n|\r|\n", text)) if text else []
    assert [(vtt_ms(c.start), vtt_ms(c.end)) for c in found] == [(c.start_ms, c.end_ms) for c in expected]


@given(cues, names, styles)
def test_vtt_is_read_back_by_a_strict_reader(items, known, options):
    text = vtt.dumps_cues(items, known, options=options)
    document = webvtt.WebVTT.from_string(text, strict=True)
    expected = prepare_cues(items)
    assert [(vtt_ms(c.start), vtt_ms(c.end)) for c in document] == [(c.start_ms, c.end_ms) for c in expected]
    for item, wanted in zip(document, expected, strict=True):
        name = one_line(known.get(wanted.speaker, wanted.speaker)) if wanted.speaker is not None else ""
        shows = bool(name) and options is LABEL
        assert html.unescape(item.voice or "") == (name if shows else "")
        # A mark that is not seen stands before a text that looks like a name or a dash.
        assert html.unescape(item.text).replace("\u2060", "") == "\n".join(wanted.lines).replace("\u2060", "")
        assert len(re.findall("<", item.raw_text)) == int(shows)
    assert text.count("-->") == len(expected)
    text.encode("utf-8")


@given(cues)
def test_ready_cues_keep_what_is_seen_and_have_length(items):
    found = prepare_cues(items)
    assert all(0 <= c.start_ms < c.end_ms for c in found)
    assert [c.start_ms for c in found] == sorted(c.start_ms for c in found)
    assert all(line and line == one_line(line) for c in found for line in c.lines)
    assert sorted(spoken(c.lines) for c in found) == sorted(
        spoken(c.lines) for c in items if any(one_line(line) for line in c.lines)
    )


def test_times_are_rounded_once_and_never_a_thousand_milliseconds():
    text = srt.dumps_cues([cue(0.9996, 1.9995001, "a"), cue(59.9999, 3599.9996, "b")], {}, options=LABEL)
    assert "00:00:01,000 --> 00:00:02,000" in text
    assert "00:01:00,000 --> 01:00:00,000" in text
    text = vtt.dumps_cues([cue(0.1286, 0.2994, "a")], {}, options=LABEL)
    assert "00:00:00.129 --> 00:00:00.299" in text


def test_negative_times_begin_at_zero_and_zero_length_gets_a_millisecond():
    text = srt.dumps_cues([cue(-0.5, -0.2, "a"), cue(1.0, 1.0, "b")], {}, options=LABEL)
    assert "00:00:00,000 --> 00:00:00,001" in text
    assert "00:00:01,000 --> 00:00:01,001" in text


def test_hours_have_two_digits_or_more():
    items = [cue(1.0, 2.0, "a"), cue(360_000.0, 360_001.5, "b")]
    assert "100:00:00,000 --> 100:00:01,500" in srt.dumps_cues(items, {}, options=LABEL)
    text = vtt.dumps_cues(items, {}, options=LABEL)
    assert "\n00:00:01.000 --> 00:00:02.000\n" in text
    assert "\n100:00:00.000 --> 100:00:01.500\n" in text


def test_srt_cues_begin_with_the_name_where_it_is_known():
    items = [cue(0, 1, "Hello", "there.", speaker="SPEAKER_00"), cue(1, 2, "Hi.", speaker="X"), cue(2, 3, "Who?")]
    found = [item.content for item in srt_reader.parse(srt.dumps_cues(items, {"SPEAKER_00": "Anna"}, options=LABEL))]
    assert found == ["Anna: Hello\nthere.", "X: Hi.", ">> Who?"]
    found = [item.content for item in srt_reader.parse(srt.dumps_cues(items, {"SPEAKER_00": "Anna"}, options=NONE))]
    assert found == ["Hello\nthere.", "Hi.", "Who?"]


def test_an_arrow_in_a_text_or_a_name_begins_no_cue():
    items = [cue(0, 1, "a --> b", speaker="A"), cue(1, 2, "00:00:01,000 ---> 00:00:02,000")]
    assert [c.content for c in srt_reader.parse(srt.dumps_cues(items, {"A": "R --> D"}, options=LABEL))] == [
        "R →\u2060 D: a →\u2060 b",
        ">> 00:00:01,000 -→\u2060 00:00:02,000",
    ]


def test_vtt_cues_carry_the_name_as_a_voice():
    items = [cue(0, 1, "Hello", "there.", speaker="SPEAKER_00"), cue(2, 3, "Who?")]
    named = vtt.dumps_cues(items, {"SPEAKER_00": "R&D > <all>"}, options=LABEL)
    assert "\n<v R&amp;D &gt; &lt;all&gt;>Hello\nthere.\n" in named
    assert "\nWho?\n" in named
    assert "<v" not in vtt.dumps_cues(items, {}, options=NONE)


def test_a_number_and_a_time_in_the_text_do_not_begin_a_cue():
    """The reader of the srt package takes such a pair of lines for the next cue."""
    items = [cue(0, 1, "version", "7", "1.2.3 is out")]
    assert [c.content for c in srt_reader.parse(srt.dumps_cues(items, {}, options=NONE))] == ["version\n7 1.2.3 is out"]


def test_scripts_joiners_and_long_names_stay_whole():
    words = "‏שלום עולם‏ 日本語、テスト 👩‍👩‍👧 e\u0301 café\u00a0?"
    long_name = "Ms " + "長" * 500
    for module in (srt, vtt):
        text = module.dumps_cues([cue(0, 1, words, speaker="A")], {"A": long_name}, options=LABEL)
        assert words in text
        assert long_name in text


def test_vtt_begins_with_its_header_also_when_empty():
    assert vtt.dumps_cues([], {}, options=LABEL) == "WEBVTT\n"
    assert vtt.dumps_cues([cue(0, 1, "a")], {}, options=LABEL).startswith("WEBVTT\n\n")
    assert srt.dumps_cues([], {}, options=LABEL) == ""


@pytest.mark.parametrize("module", [srt, vtt])
def test_a_transcript_becomes_cues_of_its_segments(module):
    words = [Word(Span(i, i + 0.5), f" word{i}", 1.0, "A") for i in range(30)]
    talk = example(segments=(Segment(tuple(words), "A"),), speakers=(Speaker("A", "Anna"),))
    options = WriteOptions(subtitles=SubtitleRules(max_chars=20, max_lines=1))
    text = module.dumps(talk, options=options)
    shown = re.findall(r"word\d+", text)
    assert shown == [f"word{i}" for i in range(30)]
    lines = [line for line in text.splitlines() if "word" in line]
    limit = 20 + (len("<v Anna>") if module is vtt else 0)
    assert max(map(len, lines)) <= limit, "the name counts where it is on the screen"
    assert ["Anna" in line for line in lines] == [module is vtt or index == 0 for index in range(len(lines))]
    assert len(module.dumps(talk, options=WriteOptions()).splitlines()) < len(text.splitlines())


@pytest.mark.parametrize(("module", "suffix"), [(srt, ".srt"), (vtt, ".vtt")])
def test_ffmpeg_reads_the_cues(module, suffix, tmp_path):
    items = [cue(0.5, 1.25, "One & <two>", speaker="A"), cue(2.0, 3.5, "日本", "語", speaker="B")]
    path = tmp_path / f"talk{suffix}"
    path.write_text(module.dumps_cues(items, {"A": "Anna"}, options=LABEL), encoding="utf-8")
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(subtitles=0) if p.size]
        times = [(float(p.pts * p.time_base), float(p.duration * p.time_base)) for p in packets]
        payloads = [bytes(p).decode() for p in packets]
    assert times == [(0.5, 0.75), (2.0, 1.5)]
    assert "日本\n語" in payloads[1]


def test_pysubs2_reads_the_cues():
    pysubs2 = pytest.importorskip("pysubs2")
    items = [cue(0.5, 1.25, "One", speaker="A"), cue(2.0, 3.5, "Two", "lines")]
    for module, form in ((srt, "srt"), (vtt, "vtt")):
        document = pysubs2.SSAFile.from_string(module.dumps_cues(items, {}, options=LABEL), format_=form)
        assert [(event.start, event.end) for event in document] == [(500, 1250), (2000, 3500)]
