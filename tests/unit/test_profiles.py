"""Profiles: what is shipped, what a user brings, what is replaced."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.sounds import ROOT
from whisperdiar import InvalidOption, Segment, Span, Transcript, Word
from whisperdiar.formats import by_name, read_cues
from whisperdiar.formats._text import JOINER
from whisperdiar.options import AUDIENCES, SubtitleOptions, SubtitleRules, WriteOptions, profile_names, subtitle_rules
from whisperdiar.subtitles.checking import check
from whisperdiar.text.graphemes import characters, columns, graphemes


def test_the_names_that_are_promised_are_there() -> None:
    assert profile_names() == ("default", "netflix", "bbc", "ebu", "youtube", "ted", "social", "karaoke")
    assert subtitle_rules(language=None) == SubtitleRules()


@pytest.mark.parametrize("name", profile_names())
@pytest.mark.parametrize("language", [None, "en", "ru", "zh", "ja", "ko", "th", "ar", "xx"])
def test_every_profile_makes_rules_for_every_language(name: str, language: str | None) -> None:
    assert subtitle_rules(name, language=language).profile == name


@pytest.mark.parametrize(
    ("language", "limits"),
    [
        (None, (42, 42, 20)),
        ("en", (42, 42, 20)),
        ("ru", (39, 39, 20)),
        ("ru-RU", (39, 39, 20)),
        ("zh", (16, 32, 11)),
        ("ko", (16, 32, 14)),
        ("ja", (13, 26, 7)),
        ("ar", (42, 42, 23)),
        ("th", (35, 35, 20)),
    ],
)
def test_limits_of_netflix_depend_on_the_language(language: str | None, limits: tuple[int, int, int]) -> None:
    rules = subtitle_rules("netflix", language=language)
    assert (rules.max_chars, rules.max_columns, rules.max_cps) == limits


def test_what_a_person_asks_for_wins() -> None:
    rules = subtitle_rules("netflix", language="ru", max_chars=30, gap=0.5, fps=25, min_duration=None)
    assert (rules.max_chars, rules.max_cps, rules.gap, rules.min_duration) == (30, 20, 0.5, 0.833)
    assert subtitle_rules("netflix", language=None, max_duration=0.5).min_duration == 0.5
    assert subtitle_rules("netflix", language=None, min_duration=9).max_duration == 9
    with pytest.raises(InvalidOption, match="turn them round"):
        subtitle_rules("netflix", language=None, min_duration=9, max_duration=8)


def test_frames() -> None:
    assert subtitle_rules("netflix", language=None).gap == 0.083
    assert subtitle_rules("netflix", language=None, fps=25).gap == pytest.approx(0.08)
    assert SubtitleRules(fps=23.976).frame == 1001 / 24000
    assert SubtitleRules(fps=29.97).frame == 1001 / 30000
    assert SubtitleRules(fps=24).frame == 1 / 24
    assert SubtitleRules().frame == 0.0


def test_rules_are_resolved_when_something_is_written() -> None:
    options = WriteOptions(subtitles=SubtitleOptions(profile="netflix", max_lines=1))
    assert [(options.rules(code).max_chars, options.rules(code).max_lines) for code in ("en", "ru")] == [
        (42, 1),
        (39, 1),
    ]
    own = SubtitleRules(max_chars=7)
    assert WriteOptions(subtitles=own).rules("ru") is own


@pytest.mark.parametrize("subtitles", [{"profile": "nobody"}, {"max_chars": 0}, {"profile": "x.json"}])
def test_what_makes_no_sense_is_said_before_work_is_done(subtitles: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        WriteOptions(subtitles=SubtitleOptions(**subtitles))


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "house.json"
    path.write_text(json.dumps({"based_on": "netflix", "max_cps": 15, "languages": {"de": {"max_chars": 40}}}))
    german, russian = (subtitle_rules(str(path), language=code) for code in ("de", "ru"))
    assert (german.profile, german.max_cps, german.max_chars) == ("house", 15, 40)
    assert (russian.max_cps, russian.max_chars, russian.min_gap_frames) == (15, 39, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "an object"),
        ("{", "not JSON"),
        ('{"max_charz": 3}', "max_charz"),
        ('{"max_chars": "3"}', "number"),
        ('{"max_chars": null}', "max_chars"),
        ('{"max_chars": 4.5}', "whole"),
        ('{"max_cps": NaN}', "above zero"),
        ('{"overlap": 1}', "true or false"),
        ('{"based_on": "nobody"}', "based_on"),
        ('{"languages": 3}', "languages"),
        ('{"languages": {"ru": 3}}', "ru"),
    ],
)
def test_a_bad_profile_is_refused_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "house.json"
    path.write_text(text)
    with pytest.raises(InvalidOption, match=told):
        subtitle_rules(str(path), language="ru")


def test_characters_are_counted_as_a_reader_sees_them() -> None:
    assert graphemes("e\u0301👨‍👩‍👧") == ["e\u0301", "👨‍👩‍👧"]
    assert [columns(text) for text in ("ab", "你好", "e\u0301", "👨‍👩‍👧", "🇩🇪", "❤️", "각", "\u200fשלום")] == [
        2, 4, 1, 2, 2, 2, 2, 4,
    ]  # fmt: skip
    assert characters("ab 你好") == 5
    assert characters("ab 你好", full_width=True) == 3.5
    assert characters("\u200fשלום") == 4


def test_the_table_in_the_documentation_says_what_the_profiles_say() -> None:
    page = (ROOT / "docs" / "subtitles.md").read_text("utf-8")
    (table,) = re.findall(r"^\| profile \| characters \|.*?\n\n", page, re.MULTILINE | re.DOTALL)
    rows = {name: cells.split("|") for name, cells in re.findall(r"^\| `(\w+)` \|(.+)\|$", table, re.MULTILINE)}
    assert tuple(rows) == profile_names()
    for name in profile_names():
        rules = subtitle_rules(name, language=None)
        speed = f"{rules.max_cps:g} characters/s" if rules.max_cps else ""
        speed = f"{rules.max_wpm:g} words/min" if rules.max_wpm else speed
        gap = f"{rules.min_gap_frames} frames" if rules.min_gap_frames else ""
        seconds = f"{rules.min_duration:g}–{rules.max_duration:g}"
        told = [str(rules.max_chars), str(rules.max_lines), speed, seconds, gap]
        assert [cell.strip() for cell in rows[name][:5]] == told


@pytest.mark.parametrize("fps", [0.001, 0.99, 1001.0])
def test_frames_that_no_video_has_are_refused(fps):
    with pytest.raises(InvalidOption, match="between 1 and 1000"):
        subtitle_rules("default", language=None, fps=fps)


@pytest.mark.parametrize(
    ("language", "speeds"),
    [(None, (20, 17)), ("en", (20, 17)), ("ru", (20, 17)), ("ar", (23, 20)), ("hi", (25, 20)), ("ja", (7, 7)),
     ("ko", (14, 11)), ("zh-TW", (11, 9))],
)  # fmt: skip
def test_children_read_more_slowly(language: str | None, speeds: tuple[float, float]) -> None:
    found = [subtitle_rules("netflix", language=language, audience=audience) for audience in AUDIENCES]
    assert tuple(rules.max_cps for rules in found) == speeds
    assert replace(found[0], max_cps=None) == replace(found[1], max_cps=None)
    assert subtitle_rules("netflix", language=language, audience="children", max_cps=12).max_cps == 12


def test_an_audience_that_a_profile_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="does not tell children"):
        subtitle_rules("bbc", language=None, audience="children")
    with pytest.raises(InvalidOption, match="choose one of adult, children"):
        SubtitleOptions(audience="cats")
    own = tmp_path / "own.json"
    own.write_text('{"based_on": "bbc", "children": {"max_wpm": 120, "languages": {"de": {"max_wpm": 110}}}}', "utf-8")
    assert [subtitle_rules(str(own), language=code, audience="children").max_wpm for code in ("en", "de")] == [120, 110]
    assert subtitle_rules(str(own), language="de").max_wpm == 180
    own.write_text('{"children": {"max_wpms": 120}}', "utf-8")
    with pytest.raises(InvalidOption, match="no rule is called 'max_wpms'"):
        subtitle_rules(str(own), language=None)


def test_a_profile_may_say_how_speakers_are_shown(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"speaker_style": "dash"}', "utf-8")
    assert subtitle_rules(str(own), language=None).speaker_style == "dash"
    for wrong, told in (('"dots"', "choose one of auto"), ("3", "give a word")):
        own.write_text(f'{{"speaker_style": {wrong}}}', "utf-8")
        with pytest.raises(InvalidOption, match=told):
            subtitle_rules(str(own), language=None)


def test_frames_come_from_the_video_where_a_profile_counts_in_them() -> None:
    film = Fraction(24000, 1001)
    asked = {name: WriteOptions(subtitles=SubtitleOptions(profile=name)) for name in ("default", "netflix", "ebu")}
    assert {name: item.rules("en", frame_rate=film).frame for name, item in asked.items()} == {
        "default": 0.0,
        "netflix": 1001 / 24000,
        "ebu": 1 / 25,
    }
    given = WriteOptions(subtitles=SubtitleOptions(profile="netflix", fps=25))
    assert given.rules("en", frame_rate=film).fps == 25


@pytest.mark.parametrize(
    ("language", "first", "dash"),
    [
        *(("en", "-", "-"), ("ru", "-", "-"), ("de", "-", "-"), ("fr", "- ", "- "), ("ko", "- ", "- ")),
        *(("nl", "", "-"), ("fi", "", "-"), ("he", "", "-"), ("sr", "", "-"), ("bg", "", "- ")),
    ],
)
@pytest.mark.parametrize("said", ["Yes.", "Yes"])
@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "ttml", "sbv"])
def test_dashes_are_those_of_the_language(language: str, first: str, dash: str, said: str, name: str) -> None:
    parts = ((0.0, f" {said}", "A"), (0.4, " No.", "B"))
    segments = tuple(Segment((Word(Span(at, at + 0.3), text, 1.0, who),), who) for at, text, who in parts)
    transcript = Transcript("r", 10.0, language, segments=segments)
    text = str(by_name(name).dumps(transcript, options=WriteOptions(subtitles=SubtitleOptions(profile="netflix"))))
    (cue,) = read_cues(name, text, labels=False)
    assert [line.replace(JOINER, "") for line in cue.lines] == [f"{first}{said}", f"{dash}No."]
    (read,) = read_cues(name, text)
    assert read.lines == (said, "No.")
    assert len(read.line_speakers) == 2
    report = check([read], rules(language), shown=[cue.lines])
    assert "two-speakers" not in report.by_rule


def rules(language: str) -> SubtitleRules:
    return subtitle_rules("netflix", language=language)


def test_a_dash_is_a_dash() -> None:
    with pytest.raises(InvalidOption, match="dash '>>'"):
        SubtitleRules(dash=">>")
