"""Pictures: well-formed for any transcript, true to its figures, and drawn as PNG where resvg is installed."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import formats_strategies as make
from whisperdiar import Speaker, Transcript, Turn
from whisperdiar.errors import BackendMissing, InvalidOption
from whisperdiar.options import PLOT_KINDS, PLOT_LANGUAGES, PlotOptions
from whisperdiar.reports.plots import (
    format_rounded_clock,
    picture_png,
    picture_svg,
    scale_spans,
    shorten_name,
    timeline_svg,
)
from whisperdiar.text.graphemes import columns as columns_of
from whisperdiar.types import Span, merge_spans

SVG = "{http://www.w3.org/2000/svg}"


def meeting(*turns: tuple[str, float, float], **changes: object) -> Transcript:
    made = Transcript("talk", 60.0, "en", turns=tuple(Turn(Span(start, end), who) for who, start, end in turns))
    return replace(made, **changes)  # type: ignore[arg-type]


TALK = meeting(("A", 0, 30), ("B", 28, 45), ("A", 45, 60), speakers=(Speaker("A", "Anna"), Speaker("B", "Ben")))


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@given(make.transcripts, st.sampled_from(PLOT_KINDS), st.sampled_from(PLOT_LANGUAGES))
def test_any_transcript_makes_a_picture_that_stays_in_its_frame(transcript, kind, language):
    root = ElementTree.fromstring(picture_svg(transcript, options=PlotOptions(kind=kind, language=language)))
    height = float(root.get("height", 0))
    for group in root.iter(f"{SVG}g"):
        top = re.match(r"translate\(0 ([0-9.]+)\)", group.get("transform", ""))
        for box in group.iter(f"{SVG}rect") if top else ():
            assert -0.1 <= float(box.get("x", 0)) <= float(box.get("x", 0)) + float(box.get("width", 0)) <= 1201
            assert float(top[1]) + float(box.get("y", 0)) + float(box.get("height", 0)) <= height
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg", "g", "rect", "text", "title", "path", "defs", "pattern",
    }  # fmt: skip


@given(make.nasty_text)
def test_names_are_text(name):
    svg = timeline_svg(replace(TALK, speakers=(Speaker("A", name), Speaker("B", "Ben"))))
    titles = [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}title")]
    assert any("".join(title.split()) == cleaned(name) for title in titles)


def cleaned(name: str) -> str:
    allowed = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
    return "".join((allowed.sub("\ufffd", name) or "").split()) or ("A" if not name else "")


def test_lanes_lie_where_people_talk():
    root = ElementTree.fromstring(timeline_svg(TALK, options=PlotOptions(width=1214)))
    boxes = [(float(b.get("x", 0)), float(b.get("width", 0)), b.get("fill")) for b in root.iter(f"{SVG}rect")]
    scale = 1000 / 60
    for start, end, fill in ((0, 30, "#1f5fbf"), (28, 45, "#a84a00"), (45, 60, "#1f5fbf"), (28, 30, "url(#hatch)")):
        assert any(
            x == pytest.approx(190 + start * scale, abs=0.1) and width == pytest.approx((end - start) * scale, abs=0.1)
            for x, width, colour in boxes
            if colour == fill
        ), (start, end)


@given(st.lists(make.spans(st.floats(0, 36_000)), max_size=30), st.floats(0.01, 100))
def test_what_is_drawn_covers_what_is_there_and_no_pixel_more(spans, scale):
    merged = merge_spans(spans)
    drawn = scale_spans(merged, scale)
    left = scale_spans([Span(0, 0)], 1.0)[0][0]
    for span in merged:
        assert any(
            x - 0.01 <= left + span.start * scale and left + span.end * scale <= x + width + 0.01 for x, width in drawn
        )
    for (x, width), (after, _) in pairwise(drawn):
        assert after >= x + width - 1.0
    assert sum(width for _, width in drawn) <= sum(span.duration * scale + 1.5 for span in merged) + 1e-6


def test_a_day_of_short_turns_is_a_small_picture():
    turns = [("AB"[i % 2], 2.0 * i, 2.0 * i + 1) for i in range(43_000)]
    assert len(timeline_svg(meeting(*turns, duration=86_400.0))) < 500_000


def test_talk_and_answers_show_the_figures():
    shown = texts(picture_svg(TALK, options=PlotOptions(kind="talk")))
    assert any(text.startswith("0:45") and "73%" in text and "turns: 2" in text for text in shown)
    assert any(text.startswith("0:17") and "interruptions: 1" in text for text in shown)
    matrix = texts(picture_svg(TALK, options=PlotOptions(kind="answers")))
    assert matrix.count("–") == 2
    assert matrix.count("1") == 2


def test_many_people_are_numbered_above_the_columns():
    crowd = meeting(*((f"SPEAKER_{i:02d}", i, i + 1) for i in range(24)))
    shown = texts(picture_svg(crowd, options=PlotOptions(kind="answers")))
    assert {str(i) for i in range(1, 25)} <= set(shown)
    assert any(text.endswith("· 24") for text in shown)


def test_words_are_in_the_language_of_the_transcript_unless_another_is_named():
    russian = replace(TALK, language="ru")
    assert "Кто когда говорит" in texts(timeline_svg(russian))
    assert "Who speaks when" in texts(timeline_svg(russian, options=PlotOptions(language="en")))
    assert "Who speaks when" in texts(timeline_svg(replace(TALK, language="ja")))


@given(make.nasty_text, st.integers(2, 30))
def test_a_shortened_name_fits(name, columns):
    assert columns_of(shorten_name(name, columns)) <= columns


def test_clock_counts_in_whole_seconds():
    assert [format_rounded_clock(value) for value in (0, 59.4, 59.5, 3599.6, 36_000)] == [
        "0:00",
        "0:59",
        "1:00",
        "1:00:00",
        "10:00:00",
    ]


@pytest.mark.parametrize(("field", "value"), [("kind", "pie"), ("language", "xx"), ("width", 10), ("scale", 0.0)])
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(InvalidOption, match=field):
        PlotOptions(**{field: value})


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_png_has_the_size_that_is_asked_for(scale):
    pytest.importorskip("resvg_py", reason="resvg is not installed (extra plot)")
    options = PlotOptions(width=600, scale=scale)
    svg = timeline_svg(TALK, options=options)
    try:
        png = picture_png(svg, options=options)
    except Exception as error:
        if "no font" in str(error):
            pytest.skip("no font is installed on this machine")
        raise
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 600 * scale


def test_without_resvg_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(BackendMissing, match=r"whisperdiar\[plot\]"):
        picture_png(timeline_svg(TALK))


def test_a_crowd_is_drawn_in_time_and_inside_the_picture():
    """The table of answers grows with the square of the speakers: those with the fewest turns are left out of it."""
    crowd = meeting(*((f"S{i % 700}", i, i + 1) for i in range(900)), duration=900.0)
    svg = picture_svg(crowd, options=PlotOptions(kind="answers"))
    root = ElementTree.fromstring(svg)
    assert all(float(box.get("width", 0)) > 0 for box in root.iter(f"{SVG}rect"))
    assert len(svg) < 1_000_000
    people = {text.split(" · ")[0] for text in texts(svg) if " · " in text}
    assert people <= {f"S{i}" for i in range(200)}  # those who speak twice
    assert f"Left out: {700 - len(people)} who had the floor least often." in " ".join(texts(svg))


def test_a_few_are_all_in_the_table_of_answers():
    assert "Left out" not in picture_svg(TALK, options=PlotOptions(kind="answers"))
