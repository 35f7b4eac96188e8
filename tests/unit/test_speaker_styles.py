"""How viewers see who speaks."""

from __future__ import annotations

import re

import pytest
import srt as srt_reader

from tests.formats_strategies import example
from tests.golden.golden_transcript import TRANSCRIPT
from whisperdiar.formats import ass, by_name, lrc, sbv, srt, ttml, vtt
from whisperdiar.formats._writing.speakers import PALETTE, full_label
from whisperdiar.options import SubtitleOptions, WriteOptions
from whisperdiar.transcript import Segment, Speaker
from whisperdiar.types import Cue, Span, TimedText, Word

NAMES = {"A": "Anna", "B": "Ben"}


def style(name: str) -> WriteOptions:
    return WriteOptions(speaker_style=name)


def cue(
    start: float, end: float, *lines: str, speaker: str | None = None, speakers: tuple[str | None, ...] = ()
) -> Cue:
    return Cue(Span(start, end), lines, speaker, speakers)


def rows(cues: list[Cue], name: str = "label") -> list[str]:
    blocks = srt.dumps_cues(cues, NAMES, options=style(name)).strip().split("\n\n")
    return ["\n".join(block.split("\n")[2:]) for block in blocks]


def test_a_name_stands_where_another_person_begins() -> None:
    cues = [cue(i, i + 1, "x", speaker=who) for i, who in enumerate(["A", "A", "B", "B", "A"])]
    assert rows(cues) == ["Anna: x", "x", "Ben: x", "x", "Anna: x"]


def test_a_name_stands_again_after_a_long_gap() -> None:
    assert rows([cue(0, 1, "x", speaker="A"), cue(6.0, 7, "x", speaker="A"), cue(12.1, 13, "x", speaker="A")]) == [
        "Anna: x", "x", "Anna: x",
    ]  # fmt: skip


def test_whoever_shares_the_screen_is_named() -> None:
    cues = [
        cue(0, 1, "x", speaker="A"),
        cue(1, 3, "y", speaker="A"),
        cue(2, 4, "z", speaker="B"),
        cue(4, 5, "x", speaker="B"),
    ]
    assert rows(cues) == ["Anna: x", "Anna: y", "Ben: z", "Ben: x"]


def test_nobody_known_is_not_taken_for_the_one_before() -> None:
    assert rows([cue(0, 1, "x"), cue(1, 2, "x", speaker="A"), cue(2, 3, "x"), cue(3, 4, "x")]) == [
        "x", "Anna\u2060: x", ">> x", "x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("dash", "- Hi\n- Ho"),
        ("label", "Anna: Hi\nBen: Ho"),
        ("none", "Hi\nHo"),
        ("colour", '<font color="#ffffff">Hi</font>\n<font color="#ffff00">Ho</font>'),
        ("voice", "Anna: Hi\nBen: Ho"),
        ("sdh", "- [Anna] \u2060Hi\n- [Ben] \u2060Ho"),
    ],
)
def test_a_dialogue_in_each_style(name: str, shown: str) -> None:
    assert rows([cue(0, 1, "Hi", "Ho", speakers=("A", "B"))], name) == [shown]


def test_names_in_brackets_stand_at_each_change() -> None:
    items = [cue(0, 1, "x", speaker="A"), cue(1, 2, "x", speaker="A"), cue(2, 3, "[laughs]", speaker="B")]
    shown = rows([*items, cue(3, 4, "a", "b", speakers=("B", "A")), cue(4, 5, "c")], "sdh")
    assert [row.replace("\u2060", "") for row in shown] == [
        "[Anna] x", "x", "[Ben] [laughs]", "- [Ben] a\n- [Anna] b", "c",
    ]  # fmt: skip


def test_a_name_that_brackets_cannot_hold_stands_before_a_colon() -> None:
    assert full_label("Anna", "sdh") == "[Anna] "
    assert [full_label(name, "sdh") for name in ("A [b]", "A: b", "?")] == ["A [b]: ", "A: b: ", "?: "]


def test_voices_and_colours_in_webvtt() -> None:
    items = [cue(0, 1, "Hi", "Ho", speakers=("A", "B")), cue(2, 3, "x", speaker="B"), cue(4, 5, "y")]
    text = vtt.dumps_cues(items, NAMES, options=style("colour"))
    assert "STYLE\n::cue(.white) { color: #FFFFFF }\n::cue(.yellow) { color: #FFFF00 }\n\n" in text
    assert "\n<v.white Anna>Hi</v>\n<v.yellow Ben>Ho</v>\n" in text
    assert "\n<v.yellow Ben>x\n" in text
    text = vtt.dumps_cues(items, NAMES, options=style("voice"))
    assert "STYLE" not in text
    assert "\n<v Anna>- Hi</v>\n<v Ben>- Ho</v>\n" in text
    assert "\nBen: x\n" in vtt.dumps_cues(items, NAMES, options=style("label"))


def test_styles_of_ass_have_the_colour_of_their_speaker() -> None:
    items = [cue(0, 1, "Hi", "Ho", speakers=("A", "B")), cue(2, 3, "x", speaker="B")]
    text = ass.dumps_cues(items, NAMES, options=style("auto"))
    assert "Style: Speaker2,Arial,64,&H0000FFFF," in text, "yellow, with blue first as ASS wants it"
    assert ",Speaker1,,0,0,0,,Hi\\N{\\rSpeaker2}Ho\n" in text
    assert ",Speaker2,Ben,0,0,0,,x\n" in text
    assert "Ben" not in ass.dumps_cues(items, NAMES, options=style("none"))


def test_agents_of_ttml() -> None:
    items = [cue(0, 1, "Hi", "Ho", speakers=("A", "B")), cue(2, 3, "x", speaker="B")]
    text = ttml.dumps_cues(items, NAMES, options=style("voice"))
    assert '<span style="text" ttm:agent="speaker1">- Hi</span><br/>' in text
    assert "colour" not in text
    assert 'style="text colour2"' in ttml.dumps_cues(items, NAMES, options=style("auto"))
    assert "agent" not in ttml.dumps_cues(items, NAMES, options=style("none"))


def test_two_cues_at_once_get_places_of_their_own() -> None:
    items = [cue(0, 4, "a", "b", speaker="A"), cue(1, 3, "c", speaker="B"), cue(2, 3, "d", speaker="A")]
    text = vtt.dumps_cues(items, NAMES, options=style("auto"))
    assert [line.partition("000 line")[2] for line in text.splitlines() if "-->" in line] == ["", ":-3", ":-4"]
    text = ass.dumps_cues(items, NAMES, options=style("auto"))
    assert [line.split(",")[7] for line in text.splitlines() if line.startswith("Dialogue")] == ["0", "208", "282"]
    text = ttml.dumps_cues(items, NAMES, options=style("auto"))
    assert [f'region="region{i}"' in line for i, line in enumerate(filter(lambda x: "<p " in x, text.splitlines()), 1)]


def test_colours_stand_out_from_black_and_begin_again() -> None:
    def luminance(rgb: str) -> float:
        parts = [int(rgb[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert all((luminance(rgb) + 0.05) / 0.05 > 10 for rgb in PALETTE)
    items = [cue(i, i + 1, "x", speaker=f"S{i}") for i in range(9)]
    text = srt.dumps_cues(items, {}, options=style("colour"))
    assert text.count('"#ffffff"') == 2


def test_colours_follow_the_order_of_the_speakers_not_of_the_cues() -> None:
    text = vtt.dumps_cues([cue(0, 1, "x", speaker="B")], NAMES, options=style("colour"))
    assert "<v.yellow Ben>" in text


TIMED = Cue(
    Span(1.0, 3.0),
    ("Hello there", "friend"),
    "A",
    (),
    (
        (TimedText(Span(1.0, 1.5), " Hello"), TimedText(Span(1.5, 2.0), " there")),
        (TimedText(Span(2.2, 3.0), " friend"),),
    ),
)


def test_words_are_shown_when_they_are_spoken() -> None:
    text = vtt.dumps_cues([TIMED], NAMES, word_times=True, options=style("none"))
    assert "Hello <00:00:01.500><c>there</c>\n<00:00:02.200><c>friend</c>\n" in text
    assert "::cue(:future)" in text
    text = ass.dumps_cues([TIMED], NAMES, word_times=True, options=style("label"))
    assert ",,Anna: {\\k50}Hello{\\k50} there\\N{\\k20}{\\k80}friend\n" in text
    text = lrc.dumps_cues([TIMED], NAMES, word_times=True, options=style("label"))
    assert "[00:01.00]Anna: <00:01.00>Hello<00:01.50> there <00:02.20>friend<00:03.00>\n" in text
    for module in (vtt, ass, lrc):
        plain = module.dumps_cues([TIMED], NAMES, options=style("none"))
        assert "\\k" not in plain
        assert "<" not in plain


@pytest.mark.parametrize(
    ("name", "sign"),
    [("vtt", r"<\d\d:\d\d:\d\d\.\d\d\d><c>"), ("ass", r"\\k\d"), ("lrc", r"<\d\d:\d\d\.\d\d>")],
)
def test_karaoke_comes_from_the_profile(name: str, sign: str) -> None:
    def found(profile: str) -> int:
        options = WriteOptions(subtitles=SubtitleOptions(profile=profile))
        return len(re.findall(sign, str(by_name(name).dumps(TRANSCRIPT, options=options))))

    assert found("karaoke") > 5
    assert found("default") == 0


def test_a_line_without_a_name_keeps_no_room_for_one():
    """The name stands on the first cue alone; the second one's words fit on one line and take one."""
    texts = ["Sure.", "Yesterday", "I", "finished", "the", "new", "search", "page,"]
    starts = [1.0, *(4.5 + i * 0.4 for i in range(7))]  # a pause ends the first cue
    words = tuple(Word(Span(at, at + 0.35), f" {text}", 1.0, "S") for at, text in zip(starts, texts, strict=True))
    talk = example(segments=(Segment(words[:1], "S"), Segment(words[1:], "S")), speakers=(Speaker("S", "Constantine"),))
    options = WriteOptions(speaker_style="label", subtitles=SubtitleOptions(profile="netflix"))
    cues = [item.content for item in srt_reader.parse(srt.dumps(talk, options=options))]
    assert cues == ["Constantine: Sure.", "Yesterday I finished the new search page,"]


@pytest.mark.parametrize(("profile", "shown"), [("ted", True), ("netflix", False), ("social", False)])
def test_names_are_left_out_unasked_where_the_profile_has_none(profile: str, shown: bool):
    options = WriteOptions(subtitles=SubtitleOptions(profile=profile))
    for form in (srt, lrc, sbv):
        assert ("Anna" in form.dumps(TRANSCRIPT, options=options)) == shown
        asked = WriteOptions(speaker_style="label", subtitles=SubtitleOptions(profile=profile))
        assert "Anna" in form.dumps(TRANSCRIPT, options=asked)
