"""Subtitles that are read to be written in another format keep their cues, lines and times."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import SUBTITLES, visible
from whisperdiar.formats import WriteOptions, by_name, read_cues, ttml
from whisperdiar.formats._reading.cues import mend_spans
from whisperdiar.options import SubtitleOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Span

KEPT = tuple(name for name in SUBTITLES if name != "lrc")
"""Formats that hold line breaks and ends; times are hundredths of a second in one of them."""


def read(name: str, text: str) -> Transcript:
    reader = by_name(name).read
    assert reader is not None
    return reader(text)


def convert(text: str, old: str, new: str, options: WriteOptions | None = None) -> str:
    written = by_name(new).dumps(read(old, text), options=options or WriteOptions())
    assert isinstance(written, str)
    return written


def on_screen(name: str, text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    """Hundredths of a second and the lines as viewers see them."""
    cues = read_cues(name, text, labels=False)
    return [(round(cue.span.start * 100), round(cue.span.end * 100), cue.lines) for cue in cues]


def srt(*cues: tuple[str, str, str]) -> str:
    rows = (f"{number}\n00:00:{start} --> 00:00:{end}\n{text}\n" for number, (start, end, text) in enumerate(cues, 1))
    return "\n".join(rows)


KEEP = srt(
    ("01,000", "02,500", "Where were you\nlast night?"),
    ("03,200", "04,500", "At home."),
    ("05,500", "06,500", "I bet"),
    ("07,000", "08,000", "you were"),
)
NAMED = srt(
    ("01,000", "02,500", "ANNA: Where were you\nlast night?"),
    ("02,600", "04,500", "At home."),
    ("05,500", "06,500", "ANNA: I bet"),
    ("07,000", "08,000", "- You were.\n- BEN: I was."),
    ("20,000", "21,000", ">> Really?"),
)


@pytest.mark.parametrize("text", [KEEP, NAMED], ids=["plain", "named"])
@pytest.mark.parametrize("new", KEPT)
def test_only_the_format_changes(new: str, text: str) -> None:
    there = convert(text, "srt", new)
    assert on_screen(new, there) == on_screen("srt", text)
    assert on_screen("srt", convert(there, new, "srt")) == on_screen("srt", text)


def test_names_in_the_text_become_voices_as_well() -> None:
    found = read_cues("vtt", convert(NAMED, "srt", "vtt"))
    assert [cue.speaker for cue in found[:3]] == ["ANNA", "ANNA", "ANNA"]
    assert found[0].lines == ("Where were you", "last night?")
    assert found[3].line_speakers == (None, "BEN")


def test_voices_become_names_where_a_format_has_none() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Anna>Hello\nthere.\n\n00:03.000 --> 00:04.000\n<v Ben>Hi.\n"
    assert on_screen("srt", convert(text, "vtt", "srt")) == [
        (100, 200, ("Anna: Hello", "there.")),
        (300, 400, ("Ben: Hi.",)),
    ]


@pytest.mark.parametrize(
    "options",
    [
        WriteOptions(recut=True),
        WriteOptions(subtitles=SubtitleOptions(profile="netflix")),
        WriteOptions(subtitles=SubtitleOptions(max_chars=37)),
        WriteOptions(subtitles=SubtitleOptions(overlap=False)),
    ],
)
def test_who_asks_for_another_cut_gets_it(options: WriteOptions) -> None:
    assert not options.keeps_cues
    found = on_screen("vtt", convert(KEEP, "srt", "vtt", options))
    assert len(found) == 3
    assert "".join(line for _, _, lines in found for line in lines).replace(" ", "") == (
        "Wherewereyoulastnight?Athome.Ibetyouwere"
    )


@pytest.mark.parametrize("style", ["none", "dash", "label", "voice"])
def test_another_speaker_style_keeps_cues_and_times(style: str) -> None:
    found = on_screen("vtt", convert(NAMED, "srt", "vtt", WriteOptions(speaker_style=style)))
    assert [times[:2] for times in found] == [times[:2] for times in on_screen("srt", NAMED)]
    first = found[0][2][0]
    assert first == ("ANNA: Where were you" if style == "label" else "Where were you")


def test_a_new_name_stands_where_the_old_one_stood() -> None:
    named = read("srt", NAMED).rename({"ANNA": "Anna Maria", "BEN": "Benno"})
    written = by_name("srt").dumps(named, options=WriteOptions())
    assert isinstance(written, str)
    lines = [line for _, _, lines in on_screen("srt", written) for line in lines]
    assert lines[0] == "Anna Maria: Where were you"
    assert lines[4:6] == ["- You were.", "- Benno: I was."]


def test_words_are_cut_from_the_cues_that_are_kept() -> None:
    found = read("srt", KEEP)
    assert [cue.lines for cue in found.cues] == [cue.lines for cue in read_cues("srt", KEEP)]
    assert "cues" not in found.to_dict()


@given(
    lengths=st.lists(st.integers(500, 5000), min_size=6, max_size=8),
    wrong=st.integers(2, 3),
    late=st.booleans(),
    off_ms=st.integers(1, 100_000),
)
@settings(max_examples=examples(100), deadline=None)
def test_one_wrong_time_between_two_cues_moves_nothing_else(
    lengths: list[int], wrong: int, late: bool, off_ms: int
) -> None:
    """Cues that follow each other, as whisper.cpp writes them; a time where two meet is far too late or too early."""
    times = [200_000]
    for length in lengths:
        times.append(times[-1] + length)
    value = times[wrong + 2] + off_ms if late else times[wrong - 2] - off_ms
    seen = [*times[:wrong], value, *times[wrong + 1 :]]
    # Readers take an end before the start for the start.
    read_as = [Span(first / 1000, max(first, last) / 1000) for first, last in pairwise(seen)]
    spans, told = mend_spans([Cue(span, ("word word",)) for span in read_as])
    assert told
    for index, span in enumerate(spans):
        if index != wrong:
            assert span.start == times[index] / 1000
        if index not in (wrong - 1, wrong):
            assert span == read_as[index]
    assert times[wrong - 1] / 1000 <= spans[wrong].start <= spans[wrong].end == times[wrong + 1] / 1000


def test_cues_out_of_order_stay_as_they_are() -> None:
    cues = [Cue(Span(5, 6), ("b",)), Cue(Span(1, 2), ("a",)), Cue(Span(3, 3), ("",))]
    assert mend_spans(cues) == ([cue.span for cue in cues], "")


ITALIC = srt(
    ("01,000", "02,500", "<i>At home.</i>\nNow <I>I</I> go <b>home</b>"),
    ("03,000", "04,000", "<i>Two\nlines</i> - end <"),
    ("05,000", "06,000", "ANNA: a <i>b</i> c"),
)


def italics(name: str, text: str) -> list[list[str]]:
    """What is set in italics in each cue, line by line."""
    return [
        [line[first:last] for line, ranges in zip(cue.lines, cue.italics, strict=True) for first, last in ranges]
        for cue in read_cues(name, text, labels=False)
    ]


@pytest.mark.parametrize("new", ["srt", "vtt", "ass", "ttml"])
def test_italics_are_kept(new: str) -> None:
    expected = [["At home.", "I"], ["Two", "lines"], ["b"]]
    assert italics("srt", ITALIC) == expected
    there = convert(ITALIC, "srt", new)
    assert italics(new, there) == expected
    assert on_screen(new, there) == on_screen("srt", ITALIC)
    assert italics("srt", convert(there, new, "srt")) == expected


def test_italics_in_ttml_are_spans() -> None:
    assert '<span tts:fontStyle="italic">At home.</span>' in convert(ITALIC, "srt", "ttml")
    assert on_screen("ttml", convert(ITALIC, "srt", "ttml")) == on_screen("srt", ITALIC)


def test_italics_of_a_whole_paragraph_and_over_a_line_end_are_read() -> None:
    whole = '<p begin="0s" end="2s" tts:fontStyle="italic">One<br/>two</p>'
    part = '<p begin="2s" end="4s">a <span tts:fontStyle="italic">b<br/>c</span> d</p>'
    styling = 'xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling"'
    assert italics("ttml", f"<tt {styling}><body><div>{whole}{part}</div></body></tt>") == [["One", "two"], ["b", "c"]]


def test_italics_move_with_a_new_name() -> None:
    named = read("srt", ITALIC.replace("ANNA: a <i>b</i>", "<i>ANNA:</i> a <i>b</i>")).rename({"ANNA": "Anna Maria"})
    written = by_name("srt").dumps(named, options=WriteOptions())
    assert isinstance(written, str)
    assert "<i>Anna Maria:</i> a <i>b</i> c" in written


@given(st.lists(st.sampled_from(["<i>", "</i>", "<b>", "a", " ", "\n", "é", "{", "<", "&amp;", "i"]), max_size=20))
def test_italics_change_no_text(parts: list[str]) -> None:
    text = f"1\n00:00:01,000 --> 00:00:02,000\n{''.join(parts)}\nend\n"
    plain = text.replace("<i>", "").replace("</i>", "")
    seen, bare = read_cues("srt", text, labels=False), read_cues("srt", plain, labels=False)
    assert "".join(seen[0].lines).replace(" ", "") == "".join(bare[0].lines).replace(" ", "")
    written = convert(text, "srt", "srt")
    assert read_cues("srt", written, labels=False)[0].lines == seen[0].lines


lines = st.lists(
    st.text(st.sampled_from("aZé日 <>&{}\\:-.,!?\"'0123#"), min_size=1, max_size=12).filter(
        lambda text: any(letter.isalnum() for letter in text)
    ),
    min_size=1,
    max_size=2,
).map(tuple)


@st.composite
def finished(draw: st.DrawFn) -> list[Cue]:
    """Cues one after the other, in hundredths of a second, which every format holds."""
    time, found = 0, []
    for text in draw(st.lists(lines, min_size=1, max_size=5)):
        start = time + draw(st.integers(0, 300))
        time = start + draw(st.integers(1, 500))
        found.append(Cue(Span(start / 100, time / 100), text))
    return found


@pytest.mark.parametrize("old", ["srt", "vtt"])
@pytest.mark.parametrize("new", KEPT)
@given(cues=finished())
@settings(max_examples=examples(40), deadline=None)
def test_what_viewers_see_is_kept_in_every_format(old: str, new: str, cues: list[Cue]) -> None:
    module = __import__(f"whisperdiar.formats.{old}", fromlist=["dumps_cues"])
    text = module.dumps_cues(cues, {}, options=WriteOptions(speaker_style="none"))
    before = on_screen(old, text)
    after = on_screen(new, convert(text, old, new))
    assert [item[:2] for item in after] == [item[:2] for item in before]

    def seen(shown: list[tuple[int, int, tuple[str, ...]]]) -> list[list[str]]:
        return [[visible(line).translate(WIDE) for line in item[2]] for item in shown]

    assert seen(after) == seen(before)


WIDE = str.maketrans({"｛": "{", "｝": "}", "\u2060": ""})


@st.composite
def timed_texts(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Cues (milliseconds, text) by their start: with and without pauses, one within the other, of any length."""
    found, start = [], 0
    for number in range(draw(st.integers(1, 6))):
        start += draw(st.sampled_from([0, 1, 4, 6, 40, 83, 300, 999, 1000, 2000, 9000]))
        end = start + draw(st.sampled_from([10, 14, 300, 900, 3000, 7000, 15_000]))
        found.append((start, end, f"word{number} and more"))
        start = end if draw(st.booleans()) else start + draw(st.integers(0, 3000))
    return found


@given(timed_texts())
@settings(deadline=None)
def test_ends_come_back_from_lyrics(cues: list[tuple[int, int, str]]) -> None:
    def clock(time_ms: int) -> str:
        return f"{time_ms // 60_000 % 60:02d}:{time_ms // 1000 % 60:02d},{time_ms % 1000:03d}"

    text = "\n".join(f"{i}\n00:{clock(a)} --> 00:{clock(b)}\n{said}\n" for i, (a, b, said) in enumerate(cues, 1))
    before = sorted(read_cues("srt", text), key=lambda cue: cue.span.start)
    lyrics = convert(text, "srt", "lrc")
    after = read_cues("srt", convert(lyrics, "lrc", "srt"))
    assert sorted(cue.lines for cue in after) == sorted(cue.lines for cue in before)
    ends = {cue.lines: cue.span for cue in after}
    for cue in before:
        span = ends[cue.lines]
        assert abs(span.start - cue.span.start) <= 0.0051
        assert abs(span.end - cue.span.end) <= 0.0051 + (cue.span.duration < 0.011) * 0.01
    assert convert(convert(lyrics, "lrc", "srt"), "srt", "lrc") == lyrics


def test_an_end_in_a_tag_is_that_of_the_line_above_it() -> None:
    cues = read_cues("lrc", "[offset:500]\n[00:01.00]Hello\n[end:00:01.80]\n[00:03.00]you\n[end:soon]\n[00:05.00]\n")
    assert [(cue.span.start, round(cue.span.end, 3)) for cue in cues] == [(0.5, 1.3), (2.5, 4.5)]


ITTS = 'xmlns:itts="http://www.w3.org/ns/ttml/profile/imsc1#styling"'


FORCED = 'itts:forcedDisplay="true"'
NOT_FORCED = 'itts:forcedDisplay="false"'
ONE, TWO = 'begin="0s" end="2s"', 'begin="3s" end="4s"'


@pytest.mark.parametrize(
    ("body", "forced"),
    [
        (f"<div><p {ONE} {FORCED}>EXIT</p></div>", [True]),
        (f"<div><p {ONE} {NOT_FORCED}>Exit.</p></div>", [False]),
        (f"<div><p {ONE}>Exit.</p></div>", [False]),
        (f"<div {FORCED}><p {ONE}>A</p></div><div><p {TWO}>B</p></div>", [True, False]),
        (f"<div {FORCED}><p {ONE} {NOT_FORCED}>A</p></div>", [False]),
        (f'<div><p {ONE} style="sign">A</p></div>', [True]),
        (f'<div><p {ONE} region="top">A</p><p {TWO} region="low">B</p></div>', [True, False]),
        (f"<div><p {ONE}><span {FORCED}>A</span><br/>B</p></div>", [True]),
        (f"<div><p {ONE} {FORCED}><span {NOT_FORCED}>A</span></p></div>", [False]),
        (f"<div><p {ONE}>B<metadata {FORCED}>A</metadata></p></div>", [False]),
    ],
)
def test_forced_narratives_of_imsc(body: str, forced: list[bool]) -> None:
    head = (
        '<head><styling><style xml:id="sign" itts:forcedDisplay="true"/></styling>'
        '<layout><region xml:id="top" itts:forcedDisplay="true"/><region xml:id="low"/></layout></head>'
    )
    text = f'<tt xmlns="http://www.w3.org/ns/ttml" {ITTS} xml:lang="en">{head}<body>{body}</body></tt>'
    assert [cue.forced for cue in ttml.read_cues(text)] == forced
    transcript = ttml.read(text)
    written = ttml.dumps(transcript, options=WriteOptions())
    assert [cue.forced for cue in ttml.read_cues(written)] == forced
    assert ("forcedDisplay" in written) == any(forced)
    for name in ("srt", "vtt", "ass", "sbv", "lrc"):
        remarks = by_name(name).remarks
        assert remarks is not None
        assert bool(remarks(transcript, options=WriteOptions())) == any(forced)
    assert not ttml.remarks(transcript, options=WriteOptions())
    assert bool(ttml.remarks(transcript, options=WriteOptions(recut=True))) == any(forced)
