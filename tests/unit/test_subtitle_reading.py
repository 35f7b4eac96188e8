"""What is forgiven in subtitle files of others, what is an error, and how speakers are found in the text."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import NASTY, SUBTITLES
from tests.sounds import SHARED
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import by_name, decode, read_cues, transcript_of
from whisperdiar.types import Cue, Span, TimedText


def spans(cues: tuple[Cue, ...]) -> list[tuple[float, float]]:
    return [(cue.span.start, cue.span.end) for cue in cues]


def test_srt_of_many_makers() -> None:
    text = (
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>One</i> {\\an8}<font color='red'>two</font>\r\n\r\n"
        "00:00:03.5 --> 00:00:04 X1:40\r\nno number\r\n\r\nstill\r\n"
        "7\r\n 0:00:02,000  -->  0:00:03,000 \r\na < b and <laughs> & 5\r\n\r\n9\r\n00:00:09,000 --> 00:00:08,000\r\n"
    )
    cues = read_cues("old.SRT", text)
    assert spans(cues) == [(1.0, 2.5), (3.005, 4.0), (2.0, 3.0), (9.0, 9.0)]
    assert [cue.lines for cue in cues] == [
        ("One two",), ("no number", "still"), ("a < b and <laughs> & 5",), (),
    ]  # fmt: skip


def test_vtt_of_many_makers() -> None:
    text = (
        "WEBVTT - a title\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\nSTYLE\n::cue { color: red }\n\n"
        "NOTE\nnot shown\n\nintro\n01:01.000 --> 01:02.000 line:0 align:start\n"
        "<v.loud Esme &amp; Co>Hi <b>there</b> &lt;3&nbsp;!</v>\n<v Bob>Ho\n\n"
        "00:01:03,000 --> 00:01:04,000\n<c.yellow>A</c> <00:01:03.500><c>b</c>\n"
    )
    first, second = read_cues("vtt", text)
    assert (first.lines, first.line_speakers) == (("Hi there <3\u00a0!", "Ho"), ("Esme & Co", "Bob"))
    assert first.span == Span(61.0, 62.0)
    assert second.lines == ("A b",)
    assert second.timed == ((TimedText(Span(63.0, 63.5), "A "), TimedText(Span(63.5, 64.0), "b")),)


def test_a_voice_that_changes_inside_a_line_begins_a_new_line() -> None:
    (cue,) = read_cues("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>Hi</v> <v B>Ho\n")
    assert (cue.lines, cue.line_speakers) == (("Hi", "Ho"), ("A", "B"))


def test_ass_and_ssa() -> None:
    text = (
        "[Script Info]\nTitle: x\n[V4 Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n[Events]\n"
        "Format: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: Marked=0,0:00:00.00,0:00:01.00,Default,,0,0,0,,hidden\n"
        "Dialogue: Marked=0,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,{\\i1}Hi,{\\i0} you\\Nthere\\hnow\n"
        "Dialogue: Marked=0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}\n"
        "Dialogue: Marked=0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\\k20}ka{\\kf30}ra\\{o\\}\n"
    )
    cues = read_cues("song.ssa", text)
    assert [(cue.lines, cue.speaker) for cue in cues] == [
        (("Hi, you", "there\u00a0now"), "Anna"), (("kara{o}",), None),
    ]  # fmt: skip
    assert [(round(p.span.start, 2), p.text) for p in cues[1].timed[0]] == [(5.0, "ka"), (5.2, "ra{o}")]


def test_ttml_of_many_makers() -> None:
    text = """<?xml version="1.0" encoding="utf-16"?>
    <tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
        xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25" ttp:tickRate="1000" xml:lang="ru-RU">
      <head><metadata><ttm:agent xml:id="a1"><ttm:name>Анна</ttm:name></ttm:agent></metadata></head>
      <body><div begin="10s">
        <p begin="00:00:01:05" end="2s" ttm:agent="a1">Привет,<br/>
           <span>мир</span> <!-- no --> !</p>
        <p begin="3000t" dur="500ms"><span begin="0s" end="0.2s">one</span> <span begin="0.2s">two</span></p>
      </div></body></tt>"""
    cues = read_cues("x.xml", text)
    assert [cue.lines for cue in cues] == [("Привет,", "мир !"), ("one",), ("two",)]
    assert spans(cues) == [(11.2, 12.0), (13.0, 13.2), (13.2, 13.5)]
    assert cues[0].speaker == "Анна"
    assert by_name("ttml").read is not None
    assert by_name("ttml").read(text).language == "ru"  # type: ignore[misc]


def test_sbv_of_many_makers() -> None:
    text = (
        "\ufeff0:00:01.000,0:00:02.500\r\nANNA: Hi.\r\nHow are you?\r\n\r\n\r\n"
        "0:00:03.25,0:00:04.5\r\nBEN: Fine[br]today\r\n"
        "\r\nand tomorrow\r\n0:00:09.000,0:00:08.000\r\n>> [Music]"
    )
    cues = read_cues("x.sbv", text)
    assert spans(cues) == [(1.0, 2.5), (3.25, 4.5), (9.0, 9.0)]
    assert [(cue.speaker, cue.lines) for cue in cues] == [
        ("ANNA", ("Hi.", "How are you?")),
        ("BEN", ("Fine", "today", "and tomorrow")),
        (None, ("[Music]",)),
    ]
    assert [cue.lines for cue in read_cues("sbv", "-0:01,01:02 Hi\n\n01:02;1:00:03 Ho\n01:04,01:05 is late\n")] == [
        ("Hi",), ("Ho", "01:04,01:05 is late"),
    ]  # fmt: skip


def test_lrc_of_many_makers() -> None:
    text = "[ti:Song]\n[offset:+500]\n[00:02.50][00:10.5]Refrain\n[00:01]<00:01.00>word <00:01.75>times\n[00:12.50]\n"
    cues = read_cues("lrc", text)
    assert [(cue.lines[0], cue.span.start, cue.span.end) for cue in cues] == [
        ("word times", 0.5, 2.0), ("Refrain", 2.0, 10.0), ("Refrain", 10.0, 12.0),
    ]  # fmt: skip
    assert [piece.text for piece in cues[0].timed[0]] == ["word ", "times"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.srt", "1\n00:00:0x,000 --> 00:00:02,000\nHi\n", "line 2: .*00:00:0x,000"),
        ("a.srt", "Dear diary\n", "line 1: no cue has begun.*Dear diary"),
        ("a.vtt", "WEBVTT\n\n00:00:01.000 --> soon 5\nHi\n", "line 3: .*soon"),
        ("a.ass", "Hello\n", "line 1: no SSA or ASS.*Hello"),
        ("a.ass", "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00\n", "line 2: .*3 of 10 fields"),
        ("a.ass", "[Events]\nDialogue: 0,now,0:00:02.00,D,,0,0,0,,Hi\n", "line 2: .*no times"),
        ("a.ttml", "<tt xmlns='http://www.w3.org/ns/ttml'><body>", "line 1: no XML"),
        ("a.ttml", "<html/>", "no TTML"),
        ("a.ttml", "<!DOCTYPE tt [<!ENTITY x 'y'>]><tt/>", "document type"),
        ("a.xml", "<tt><body><p begin='soon'>Hi</p></body></tt>", "begin='soon'.*Hi"),
        ("a.lrc", "[00:01.00]Hi\nHo\n", "line 2: no time.*Ho"),
        ("a.sbv", "Dear diary\n", "line 1: no cue has begun.*0:00:01.000,0:00:02.500 above.*Dear diary"),
        ("a.sbv", "0:00:01.000,0:00:02.000\nHi\n\n0:00:03.000,0:0x:04.000\nHo\n", "line 4: these are no times.*0x"),
        ("a.sbv", "0:00:01.000 --> 0:00:02.000\nHi\n", "line 1: .*-->"),
        ("a.sbv", "999999999:00:00.000,999999999:00:01.000\nHi\n", "line 1: .*too large"),
        ("a.srt", "1\n999999999:00:00,000 --> 999999999:00:01,000\nHi\n", "line 2: .*too large"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line_and_text(name: str, text: str, told: str) -> None:
    with pytest.raises(FormatError, match=told) as caught:
        read_cues(name, text)
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


def test_formats_without_cues_are_refused() -> None:
    with pytest.raises(InvalidOption, match=r"holds no subtitles; give one of ass, lrc, sbv, srt, ttml, vtt"):
        read_cues("talk.json", "{}")


@pytest.mark.parametrize(
    ("name", "text"),
    [("srt", ""), ("srt", "\n\n"), ("vtt", "WEBVTT\n"), ("lrc", ""), ("ass", ""), ("sbv", ""), ("sbv", "\n \n")],
)
def test_empty_files_hold_no_cues(name: str, text: str) -> None:
    assert read_cues(name, text) == ()


PARTS = (*NASTY, "[00:01.00]", "\n1\n", "00:00:01,000 --> 00:00:02,000\n", "Dialogue: 0,0:00:01.00,", "<tt>", "Anna: ")


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_readers_raise_nothing_but_their_error(text: str) -> None:
    for name in SUBTITLES:
        with contextlib.suppress(FormatError):
            transcript_of(read_cues(name, text))


LONG = "9" * 5000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("srt", f"1\n{LONG}:00:01,000 --> {LONG}:00:02,000\nHi\n"),
        ("vtt", f"WEBVTT\n\n00:01.000 --> 00:02.000\n<{LONG}:00>Hi\n"),
        ("ass", f"[Events]\nDialogue: 0,{LONG}:00:01.00,0:00:02.00,D,,0,0,0,,Hi\n"),
        ("ass", "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,{\\k" + LONG + "}" + "{" * 200_000 + "Hi\n"),
        ("lrc", f"[{LONG}:01.00]Hi\n"),
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\n\n2\n" + "-" * 300_000 + "\n\n3\n" + "1:1" * 100_000 + "a\n"),
        ("srt", "1\n" + "1:" * 300_000 + "\n"),
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\na" + " " * 300_000 + "b\n"),
        ("sbv", f"{LONG}:00:01.000,{LONG}:00:02.000\nHi\n"),
        ("sbv", "0:00:01.000,0:00:02.000\n\n" + "1:1," * 100_000 + "a\n\n1:2" + " " * 200_000 + "x\n"),
        ("ttml", f"<tt><body><p begin='{LONG}:00:01' end='1s'>Hi</p></body></tt>"),
        ("ttml", f"<tt><body><p begin='{LONG}s' end='1s'>Hi</p></body></tt>"),
        ("ttml", "<tt><body>" + "<div>" * 20_000 + "</div>" * 20_000 + "</body></tt>"),
        ("ttml", "<tt><body><p end='1s'>" + "<span>" * 20_000 + "</span>" * 20_000 + "</p></body></tt>"),
    ],
)
def test_files_made_to_hurt_are_read_or_refused(name: str, text: str) -> None:
    with contextlib.suppress(FormatError):
        read_cues(name, text)


RUSSIAN = "1\n00:00:01,000 --> 00:00:02,000\nПривет, как дела?\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251"])
def test_encodings(encoding: str) -> None:
    text, note = decode(RUSSIAN.encode(encoding))
    assert read_cues("srt", text)[0].lines == ("Привет, как дела?",)
    assert ("Windows-1251" in note) == (encoding == "cp1251")


def test_western_files_without_utf_8() -> None:
    text, note = decode("Où êtes-vous, señor? — “Là!”".encode("cp1252"))
    assert text == "Où êtes-vous, señor? — “Là!”"
    assert "Windows-1252" in note


OLD = {
    "cp1250": (
        "Příliš žluťoučký kůň",
        "Zażółć gęślą jaźń",
        "Árvíztűrő tükörfúrógép",
        "Dobrý den, jak se máte? Děkuji.",
    ),
    "cp1251": ("Привет, как дела?", "ПРИВЕТ, КАК ДЕЛА?", "Здравствуйте. Это мой друг, он пришёл."),
    "cp1252": ("Die Straße ist schön.", "El niño comió. ¿Qué?", "Não são irmãs, está lá", "Perché è così", "café"),
    "cp1253": ("Καλημέρα, τι κάνεις σήμερα;",),
    "cp1254": ("Şu çılgın Türk ağaçları", "Günaydın, nasılsınız? İyiyim, teşekkür ederim"),
    "cp1255": ("שלום, מה שלומך היום?",),
    "cp1256": ("مرحبا بالعالم، كيف حالك؟",),
    "koi8_r": ("Привет, как дела?", "Здравствуйте. Это мой друг."),
    "cp932": ("こんにちは、世界。", "私は学生です"),
    "euc_jp": ("こんにちは、世界。",),
    "cp949": ("안녕하세요, 오늘 날씨가 좋네요.",),
    "gbk": ("你好，世界。今天天气很好。", "我不知道你在说什么"),
    "big5": ("你好，世界。今天天氣很好。", "我不知道你在說什麼"),
}


@pytest.mark.parametrize(("encoding", "line"), [(name, line) for name, lines in OLD.items() for line in lines])
def test_old_encodings_are_told_by_their_letters(encoding: str, line: str) -> None:
    data = srt(line).encode(encoding)
    text, note = decode(data)
    assert read_cues("srt", text, labels=False)[0].lines == (line,)
    assert "--encoding" in note
    assert decode(data, encoding) == (srt(line), "")


def test_an_encoding_that_is_said_counts_and_what_it_does_not_hold_is_told() -> None:
    assert decode("é".encode("cp1252"), "cp1251").text == "й"
    text, note = decode(b"a\x81b", "cp1252")
    assert (text, note) == ("a\ufffdb", "1 characters mean nothing in cp1252 and are read as \ufffd")
    assert decode("\ufeffй".encode("utf-16"), "cp1252").text.endswith("й")
    for name in ("nonsense", "base64", "\0"):
        with pytest.raises(InvalidOption, match="no encoding"):
            decode(b"a", name)


@given(st.binary(max_size=60))
def test_any_bytes_become_a_text(data: bytes) -> None:
    decode(data).text.encode("utf-8", "surrogatepass")


def srt(*texts: str, step: float = 2.0) -> str:
    """Cues of two seconds, `step` seconds apart."""
    blocks = []
    for index, text in enumerate(texts):
        start, end = (f"00:00:{index * step + extra:06.3f}".replace(".", ",") for extra in (0.0, 2.0))
        blocks.append(f"{index + 1}\n{start} --> {end}\n{text}\n")
    return "\n".join(blocks)


def named(text: str) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(cue.speaker, cue.lines) for cue in read_cues("srt", text)]


def test_labels_are_speakers_until_the_next_one() -> None:
    found = named(srt("Anna: Hi", "How are you?", "Ben Smith: Fine", ">> Who is it", "And now"))
    assert found == [
        ("Anna", ("Hi",)), ("Anna", ("How are you?",)), ("Ben Smith", ("Fine",)), (None, ("Who is it",)),
        (None, ("And now",)),
    ]  # fmt: skip


def test_a_label_does_not_hold_over_a_long_gap() -> None:
    assert named(srt("Anna: Hi", "later", step=9.0))[1] == (None, ("later",))


def test_what_only_looks_like_a_label_stays_text() -> None:
    for text in ("Remember: go home", "and he said: go", "At 10: 30 we go", "https://x.org", "Warning! Fire: run"):
        assert named(srt("No label here", text))[1] == (None, (text,)), text
    assert named(srt("Hello there", "MARY: Hi", "Hi", "Bob: No", "Bob: Yes"))[1:] == [
        ("MARY", ("Hi",)), ("MARY", ("Hi",)), ("Bob", ("No",)), ("Bob", ("Yes",)),
    ]  # fmt: skip


def test_dashes_are_two_people() -> None:
    text = srt("- Hi Anna, so nice\nto see you\n- Hello", "- Only a dash", "–ANNA: Yes\n–BEN: No")
    first, second, third = read_cues("srt", text)
    assert (first.lines, first.line_speakers) == (("Hi Anna, so nice", "to see you", "Hello"), (None, None, None))
    assert (second.lines, second.line_speakers) == (("- Only a dash",), ())
    assert (third.lines, third.line_speakers) == (("Yes", "No"), ("ANNA", "BEN"))
    assert read_cues("srt", text, labels=False)[2].lines == ("–ANNA: Yes", "–BEN: No")


def test_cues_become_a_transcript() -> None:
    cues = (
        Cue(Span(0.0, 3.0), ("one two", "three"), "Anna"),
        Cue(Span(2.0, 4.0), ("日本語、 x",), "SPEAKER_00"),
        Cue(Span(5.0, 6.0), ("Hi", "Ho"), None, ("Anna", None)),
    )
    made = transcript_of(cues, recording_id="talk", language="en")
    assert [word.text for word in made.words] == [" one", " two", " three", "日", "本", "語、", " x", " Hi", " Ho"]
    assert [segment.text for segment in made.segments] == ["one two three", "日本語、 x", "Hi", "Ho"]
    assert [(item.id, item.name) for item in made.speakers] == [("Anna", "Anna"), ("SPEAKER_00", "SPEAKER_00")]
    assert [turn.speaker for turn in made.turns] == ["Anna", "SPEAKER_00", "Anna"]
    assert (made.duration, made.words[0].start, made.words[2].end) == (6.0, 0.0, 3.0)
    assert made.words[0].end == pytest.approx(3.0 * 3 / 11)


def test_times_of_words_count_where_the_file_has_them() -> None:
    (cue,) = read_cues("vtt", "WEBVTT\n\n00:01.000 --> 00:05.000\nHello <00:02.000>my <00:04.000>friend\n")
    assert [(w.text, w.start, w.end) for w in transcript_of([cue]).words] == [
        (" Hello", 1.0, 2.0), (" my", 2.0, 4.0), (" friend", 4.0, 5.0),
    ]  # fmt: skip


def test_webvtt_that_is_called_srt_keeps_its_voices_and_times() -> None:
    text = "WEBVTT\n\nNOTE a\n\n00:01.000 --> 00:05.000\n<v Anna>Hello <00:03.000>you\n\nNOTE b\n"
    for mark in ("", "\ufeff"):
        assert read_cues("srt", mark + text) == read_cues("vtt", text)


@pytest.mark.parametrize("text", ["[re:lyrics]\n[00:01.00]Hi\n", "[Title]\nsomething else\n", "[x]\nkey=value\n"])
def test_a_section_of_something_else_is_no_script(text: str) -> None:
    with pytest.raises(FormatError, match="no SSA or ASS"):
        read_cues("ass", text)


def test_sections_of_editors_are_passed_over() -> None:
    text = "[Script Info]\nTitle: x\n[Aegisub Project Garbage]\nActive Line: 3\n[My Own]\nkey=value\n[Events]\n"
    (cue,) = read_cues("ass", text + "Dialogue: 0,0:00:01.00,0:00:02.00,D,Anna,0,0,0,,Hi\n")
    assert (cue.lines, cue.speaker) == (("Hi",), "Anna")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", "\r\r\r\n"])
@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_every_end_of_line_is_one_end(name: str, end: str) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,000\nSecond.\n"
    found = read_cues(name, ("WEBVTT\n\n" * (name == "vtt") + text).replace("\n", end))
    assert [cue.lines for cue in found] == [("Hello there.",), ("Second.",)]


def test_a_blank_line_after_every_line_of_srt() -> None:
    text = "\ufeff1\n00:00:01,000 --> 00:00:02,000\n2\n\n2\n00:00:03,000 --> 00:00:04,000\nSecond.\n"
    found = read_cues("srt", text.replace("\n", "\n\n"))
    assert [cue.lines for cue in found] == [("2",), ("Second.",)]


def test_a_number_that_is_not_the_next_one_is_text_where_a_blank_line_follows_it() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nHow many?\n\n42\n\n00:00:03,000 --> 00:00:04,000\nWell.\n"
    assert read_cues("srt", text)[0].lines == ("How many?", "42")


def test_a_line_with_a_space_ends_no_cue_of_webvtt() -> None:
    found = read_cues("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n \nHello\n\t\nyou\n\n00:03.000 --> 00:04.000\nworld\n")
    assert [cue.lines for cue in found] == [("Hello", "you"), ("world",)]


ARROWS = ("->", "–>", "—>", "→", "-- >", "--&gt;", r"--\>", "==>", "-", "–", "--->")


@pytest.mark.parametrize("arrow", ARROWS)
@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_arrows_of_other_programs(name: str, arrow: str) -> None:
    text = f"1\n00:00:01,000 {arrow} 00:00:02,000\nfirst\n\n2\n-00:00:01,500 {arrow} 00: 00: 03, 000\nsecond\n"
    found = read_cues(name, "WEBVTT\n\n" * (name == "vtt") + text)
    assert [(cue.span, cue.lines) for cue in found] == [
        (Span(1.0, 2.0), ("first",)), (Span(0.0, 3.0), ("second",)),
    ]  # fmt: skip


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "times", ["00:00:01;000 -> 00:00:02;000", "00:00:01,000 00:00:02,000", "1,0 --> 2,0", "0:0:1x → 2"]
)
@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_times_that_cannot_be_read_are_an_error_wherever_the_cue_stands(name: str, times: str, place: int) -> None:
    cues = ["1\n00:00:03,000 --> 00:00:04,000\nkept\n"]
    cues.insert(place, f"2\n{times}\nlost\n")
    head = "WEBVTT\n\n" * (name == "vtt")
    with pytest.raises(FormatError, match=rf"line {(2, 6)[place] + len(head) // 4}: these are no times"):
        read_cues(name, head + "\n".join(cues))


def test_text_of_srt_that_looks_like_times() -> None:
    text = srt("From 09:00:00,000 until 17:00:00,000", "00:01:00,000 --> 00:01:05,000 is the range", "5 --> 6")
    assert [cue.lines[0] for cue in read_cues("srt", text)] == [
        "From 09:00:00,000 until 17:00:00,000", "00:01:00,000 --> 00:01:05,000 is the range", "5 --> 6",
    ]  # fmt: skip


def test_what_follows_the_times_is_text_but_for_positions() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000 X1:10 Y2:20 line:0 Hello you\nthere\n"
    for name in ("srt", "vtt"):
        assert read_cues(name, text)[0].lines == ("Hello you", "there")


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("srt", "Lost\n1\n00:00:01,000 --> 00:00:02,000\nHi\n", 1),
        ("srt", "42\n", 1),
        ("vtt", "WEBVTT\n\nLost\n\n00:01.000 --> 00:02.000\nHi\n", 3),
        ("vtt", "WEBVTT\nLost\nalso\n00:01.000 --> 00:02.000\nHi\n", 2),
        ("vtt", "WEBVTTLost\n\n00:01.000 --> 00:02.000\nHi\n", 1),
    ],
)
def test_text_before_the_first_cue_is_an_error(name: str, text: str, number: int) -> None:
    with pytest.raises(FormatError, match=f"line {number}: no cue has begun"):
        read_cues(name, text)


def test_webvtt_text_behind_an_empty_line_is_the_cue_before_and_a_header_may_come_again() -> None:
    text = (
        "WEBVTT Kind: captions\nLanguage: en\nStyle:\n::cue(c) { color: red }\n##\n\n00:01.000 --> 00:02.000\nHi\n\n"
        "you\n\nNOTE no\nNOTE no\n\nWEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0\n\nid\n00:03.000 --> 00:04.000\nHo\n"
        "STYLE\n\nSTYLE\n::cue { color: red }\n\nNOTE 1\n2\n00:05.000 --> 00:06.000\nEnd\n"
    )
    assert [cue.lines for cue in read_cues("vtt", text)] == [("Hi", "you"), ("Ho", "STYLE"), ("End",)]


def test_only_tags_are_taken_for_tags() -> None:
    text = "a <b and c> <i>d</i> <laughs> x<y <font color=red>e</font> & {f} {\\an8}g"
    assert read_cues("srt", srt(text))[0].lines == ("a <b and c> d <laughs> x<y e & {f} g",)
    vtt = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\na <b and c> <i.x>d</i> <laughs> 1 < 2 > 0 <ruby>e<rt>no</rt></ruby> <rt>f\n"
    )
    assert read_cues("vtt", vtt)[0].lines == ("a <b and c> d <laughs> 1 < 2 > 0 e f",)


def ttml(parameters: str, body: str) -> str:
    space = "xmlns='http://www.w3.org/ns/ttml' xmlns:ttp='http://www.w3.org/ns/ttml#parameter'"
    return f"<tt {space} {parameters}>\n<body>{body}</body></tt>"


@pytest.mark.parametrize(
    ("parameters", "start"),
    [
        ("ttp:frameRate='30' ttp:frameRateMultiplier='1000 1001' ttp:timeBase='smpte' ttp:dropMode='nonDrop'", 3603.6),
        ("ttp:frameRate='24' ttp:frameRateMultiplier='1000 1001' ttp:timeBase='smpte'", 3603.6),
        (
            "ttp:frameRate='30' ttp:frameRateMultiplier='1000 1001' ttp:timeBase='smpte' ttp:dropMode='dropNTSC'",
            3599.9964,
        ),
        ("ttp:frameRate='30' ttp:frameRateMultiplier='1000 1001'", 3600.0),
        ("ttp:frameRate='25' ttp:timeBase='smpte'", 3600.0),
    ],
)
def test_seconds_of_the_smpte_time_base_are_counted_frames(parameters: str, start: float) -> None:
    (cue,) = read_cues("ttml", ttml(parameters, "<div><p begin='01:00:00:00' dur='2s'>one</p></div>"))
    assert cue.span.start == pytest.approx(start, abs=1e-6)


def test_ttconv_says_the_same_of_the_smpte_time_base() -> None:
    reader = pytest.importorskip("ttconv.imsc.reader")
    if importlib.metadata.version("ttconv").startswith("1.1."):
        pytest.skip("this ttconv reckons frames otherwise")
    for parameters in ("ttp:dropMode='nonDrop'", "ttp:dropMode='dropNTSC'"):
        rate = "ttp:frameRate='30' ttp:frameRateMultiplier='1000 1001' ttp:timeBase='smpte'"
        text = ttml(f"{rate} {parameters} xml:lang='en'", "<div><p begin='00:11:12:13' end='01:59:58:29'>one</p></div>")
        (paragraph,) = (
            item
            for item in reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(text))).get_body().dfs_iterator()
            if type(item).__name__ == "P"
        )
        (cue,) = read_cues("ttml", text)
        assert float(paragraph.get_begin()) == pytest.approx(cue.span.start, abs=1e-4)
        assert float(paragraph.get_end()) == pytest.approx(cue.span.end, abs=1e-4)


def test_ttml_one_after_the_other() -> None:
    text = ttml("", "<div timeContainer='seq'><p dur='2s'>one</p><p begin='1s' dur='3s'>two</p></div>")
    assert spans(read_cues("x.itt", text)) == [(0.0, 2.0), (3.0, 6.0)]


def test_text_of_ttml_wherever_it_stands() -> None:
    text = ttml("", "<div><p begin='1s' end='2s'>a <b>b</b><i>c<br/>d</i> <metadata>no</metadata></p></div>")
    assert read_cues("ttml", text)[0].lines == ("a bc", "d")
    text = ttml("", "<p end='2s'>x <span begin='0s' end='1s'>y</span> z</p>")
    assert read_cues("ttml", text)[0].lines == ("x y z",)
    with pytest.raises(FormatError, match="line 3: <div>: this text stands outside of a paragraph: 'lost'"):
        read_cues("ttml", ttml("", "\n<div>lost<p end='2s'>x</p></div>"))


def test_lines_of_scripts_that_mean_nothing_are_refused_and_events_are_read_everywhere() -> None:
    event = "Dialogue: 0,0:00:01.00,0:00:02.00,D,Anna,0,0,0,,Hi\n"
    assert read_cues("ass", "[Script Info]\nTitle: x\n[V4+ Styles]\n" + event)[0].lines == ("Hi",)
    for head in ("[Events]\nDialog: 0,lost\n", "[Events]\nlost\n", "[Script Info]\nlost\n"):
        with pytest.raises(FormatError, match="line 2: this line means nothing in"):
            read_cues("ass", head + event)


def test_ends_of_lines_in_lrc() -> None:
    text = "[00:01.00]Hello <00:02.00>you<00:03.00>\n[00:10.00]Next[00:11.50]\n[00:20.00]<00:20.00>Last\n[00:25.00]\n"
    assert spans(read_cues("lrc", text)) == [(1.0, 3.0), (10.0, 11.5), (20.0, 25.0)]
    shifted = read_cues("lrc", "[offset:500]\n[00:01.00]<00:01.00>Hello <00:02.00>you<00:03.00>\n")[0]
    assert [piece.span for piece in shifted.timed[0]] == [Span(0.5, 1.5), Span(1.5, 2.5)]
    with pytest.raises(FormatError, match="line 1: no time"):
        read_cues("lrc", "[ti:Title] lost [x]\n")


def test_speakers_in_brackets() -> None:
    assert named(srt("[SPEAKER_00]: Hi", "[SPEAKER_01]: [laughs] Ho", "and so on")) == [
        ("SPEAKER_00", ("Hi",)), ("SPEAKER_01", ("[laughs] Ho",)), ("SPEAKER_01", ("and so on",)),
    ]  # fmt: skip
    assert named(srt("(speaker 0) Hi", "(BEN): Ho")) == [("speaker 0", ("Hi",)), ("BEN", ("Ho",))]
    assert named(srt("[Anna] Hi", "so", "[door slams]", "[laughs] Ho", "- [Ben] No\n- [Anna] Yes")) == [
        ("Anna", ("Hi",)), (None, ("so",)), (None, ("[door slams]",)), (None, ("[laughs] Ho",)), (None, ("No", "Yes")),
    ]  # fmt: skip
    assert named(srt("Hello", "[Music]", "[Sighs] Hi", "[Sighs] Ho"))[2:] == [
        (None, ("[Sighs] Hi",)), (None, ("[Sighs] Ho",)),
    ]  # fmt: skip


def test_where_nearly_all_cues_name_somebody_every_name_counts() -> None:
    assert named(srt("Conference Room 3B: Hi", "iPhone: Ho", "well", "Anna (she/her): Hi", "spk_2: Ho")) == [
        ("Conference Room 3B", ("Hi",)), ("iPhone", ("Ho",)), ("iPhone", ("well",)), ("Anna (she/her)", ("Hi",)),
        ("spk_2", ("Ho",)),
    ]  # fmt: skip


def test_a_line_of_somebody_unknown_is_not_given_to_the_speaker_before() -> None:
    assert named(srt("Anna: Hi", "so", "iPhone 12: Ho", "well", "Anna: Yes", "and he said: go")) == [
        ("Anna", ("Hi",)), ("Anna", ("so",)), (None, ("iPhone 12: Ho",)), (None, ("well",)), ("Anna", ("Yes",)),
        ("Anna", ("and he said: go",)),
    ]  # fmt: skip


def rolling(*rows: tuple[float, float, str]) -> str:
    return (
        "WEBVTT\n\n" + "\n\n".join(f"00:{start:06.3f} --> 00:{end:06.3f}\n{text}" for start, end, text in rows) + "\n"
    )


def words_of(name: str, text: str) -> list[tuple[str, float]]:
    read = by_name(name).read
    assert read is not None
    return [(word.text.strip(), round(word.start, 3)) for word in read(text).words]


def test_rolling_captions_are_read_once_with_their_times() -> None:
    rows = (
        (0.16, 3.43, " \none<00:00:00.960><c> two</c>"), (3.43, 3.44, "one two\n "),
        (3.44, 5.75, "one two\nthree<00:00:04.500><c> four</c>"), (5.75, 5.76, "three four\n "),
        (5.76, 8.0, "three four\nfive<00:00:06.500><c> six</c>"),
    )  # fmt: skip
    text = rolling(*rows)
    assert words_of("vtt", text) == [
        ("one", 0.16), ("two", 0.96), ("three", 3.44), ("four", 4.5), ("five", 5.76), ("six", 6.5),
    ]  # fmt: skip
    assert len(read_cues("vtt", text)) == 5
    plain = re.sub("<[^>]*>", "", text.removeprefix("WEBVTT\n\n"))
    assert [word for word, _ in words_of("srt", plain)] == ["one", "two", "three", "four", "five", "six"]


def test_what_is_said_again_is_kept() -> None:
    song = rolling(*((float(i), i + 1.0, "La la") for i in range(6)))
    assert len(words_of("vtt", song)) == 12
    talk = rolling(
        (0.0, 1.0, "No"), (1.0, 2.0, "No\nYes"), (2.0, 3.0, "Well"), (3.0, 4.0, "Well\nGo"), (9.0, 9.5, "Go")
    )
    assert len(words_of("vtt", talk)) == 7


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("cp1250", "Příliš žluťoučký kůň, zażółć gęślą jaźń."),
        ("cp1254", "Şu çılgın Türk ağaçları"),
        ("cp1256", "مرحبا بالعالم، كيف حالك؟"),
        ("gbk", "你好，世界。今天天气很好。"),
        ("shift_jis", "こんにちは、世界。"),
    ],
)
@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="needs the cases")
def test_old_encodings_of_the_cases_are_told(encoding: str, line: str) -> None:
    text, note = decode((SHARED / "cases" / "other_old_encodings" / f"enc_{encoding}.srt").read_bytes())
    assert [item for cue in read_cues("srt", text) for item in cue.lines] == [line]
    assert "--encoding" in note
