"""The report of a score in a real Chromium: what it shows, where a click goes, and that nothing in it is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Page, visit
from tests.sounds import SAMPLES
from whisperdiar import Turn
from whisperdiar.cli import run
from whisperdiar.options import ScoreOptions
from whisperdiar.scoring import Document, ScoredPair, Utterance, format_html, pool_scores, score_document
from whisperdiar.types import Span

MARKUP = "<script>document.title='run'</script></script><img/src=x/onerror=alert(1)><!--&amp;]]>{{data}}"
REFERENCE = "talk 1 anna 0 4 hello there my friend\ntalk 1 ben 12 16 good morning to you all\n"
FIRST = "talk 1 s1 0 4 hello there my fiend\ntalk 1 s2 12 16 good morning you all now\n"
SECOND = "talk 1 x 0 16 hello there my friend good morning to you all\n"

Report = Callable[..., Page]


@pytest.fixture
def report(chromium: Any, tmp_path: Path) -> Iterator[Report]:
    """`report({"ref.stm": text, …}, *arguments)` scores with the command line and opens the report."""

    def opened(files: dict[str, str], *arguments: str, size: tuple[int, int] = (1280, 900)) -> Page:
        pytest.importorskip("meeteval", reason="MeetEval is not installed")
        for name, text in files.items():
            (tmp_path / name).write_text(text, "utf-8")
        sides = [str(tmp_path / name) for name in files]
        page = tmp_path / "report.html"
        assert run(["score", *sides, "-o", str(page), *arguments]) == 0
        return visit(chromium, page, size=size)

    yield opened
    chromium.get("about:blank")


@pytest.fixture
def page(report: Report) -> Page:
    return report({"ref.stm": REFERENCE, "one.stm": FIRST, "two.stm": SECOND}, "--normaliser", "none")


def texts(page: Page, selector: str) -> list[str]:
    return list(page.js("return [...document.querySelectorAll(arguments[0])].map((own) => own.textContent)", selector))


def read_table(page: Page, selector: str) -> list[list[str]]:
    rows = "[...document.querySelectorAll(`${arguments[0]} tbody tr`)]"
    return list(page.js(f"return {rows}.map((row) => [...row.cells].map((own) => own.textContent))", selector))


def click(page: Page, selector: str) -> None:
    """A real click on what a person would scroll to first: bars above and below cover the edges of the window."""
    page.js("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", selector)
    page.find(selector).click()


def test_rates_of_both_stand_beside_each_other(page: Page) -> None:
    rows = {row[0].split()[0]: row[1:] for row in read_table(page, "#rates")}
    assert rows["DER"] == ["0.00", "150.00"]  # 8 s of false alarm in the pause, 4 s of confusion, for 8 s of speech
    assert rows["WER"] == ["33.33", "0.00"]
    assert rows["WDER"][1] == "44.44"
    assert texts(page, ".card h3") == ["one.stm", "two.stm"]
    assert "one.stm → two.stm" in texts(page, "#differences .group")
    assert "fewer than 6 recordings" in page.find("#comparison").text
    assert page.requests() == [page.path.as_uri()]
    assert page.complaints() == []


def test_words_show_what_is_wrong_and_whose(page: Page) -> None:
    assert texts(page, "#rows .speaker") == ["anna", "ben"]
    assert texts(page, "#rows .pair") == ["friend fiend"]
    assert texts(page, "#rows span > del:only-child") == ["to"]
    assert texts(page, "#rows span > ins:only-child") == ["now"]
    click(page, "#choice button:nth-child(2)")
    assert texts(page, "#rows .pair, #rows del, #rows ins") == []
    # x stands for ben, who says more; the name is said once for several words.
    assert texts(page, "#rows .given") == ["→ benhello", "there", "my", "friend"]


def test_a_moment_goes_to_its_place(page: Page) -> None:
    click(page, "#choice button:nth-child(2)")
    places = texts(page, "#worst .place span")
    assert set(places) == {"0:00 – 0:10", "0:10 – 0:20"}
    click(page, f"#worst li:nth-child({places.index('0:10 – 0:20') + 1}) button")
    assert page.find("#now").text == "0:10"
    assert page.js("return document.querySelector('#scrub').getAttribute('aria-valuetext')") == "0:10"
    click(page, "#next")
    assert page.js("return document.querySelector('#rows .now .speaker').textContent") in ("anna", "ben")
    assert page.find("#now").text != "0:10"


def test_the_timeline_paints_errors_in_their_colours(page: Page) -> None:
    """Pixels of the lane of missed speech and of false alarm, at a time with and one without."""
    lanes = texts(page, "#lanes > div")
    assert lanes[:3] == ["Reference", "anna", "ben"]
    assert [lanes.count(kind) for kind in ("missed", "false alarm", "confusion")] == [2, 2, 2]
    page.js("document.documentElement.dataset.theme = 'light'")
    page.js("dispatchEvent(new Event('resize'))")
    paint = """
        const lanes = [...document.querySelectorAll('#lanes > div')];
        const lane = lanes.filter((own) => own.textContent === arguments[0])[1];
        const line = document.getElementById('canvas').getBoundingClientRect(), box = lane.getBoundingClientRect();
        const y = box.top + box.height / 2 - line.top, x = (arguments[1] / 16) * line.width;
        return [...document.getElementById('canvas').getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3);
    """
    assert page.js(paint, "false alarm", 8) == [0xA6, 0x5A, 0x00]
    assert page.js(paint, "false alarm", 2) == [0xF1, 0xEE, 0xE8]
    assert page.js(paint, "missed", 8) == [0xF1, 0xEE, 0xE8]


def test_zoom_and_drag_move_the_view(page: Page) -> None:
    from selenium.webdriver import ActionChains

    def look() -> list[int]:
        return list(
            page.js("return [...document.getElementById('canvas').getContext('2d').getImageData(0, 0, 600, 60).data]")
        )

    before = look()
    click(page, "#zoom-in")
    zoomed = look()
    assert zoomed != before
    page.js("document.querySelector('#scrub').scrollIntoView({ block: 'center' })")
    ActionChains(page.browser, duration=0).drag_and_drop_by_offset(page.find("#scrub"), -200, 0).perform()
    assert look() != zoomed
    assert page.find("#now").text == "0:00"  # dragging does not seek
    click(page, "#zoom-all")
    assert look() == before


def test_the_sound_plays_from_a_click_on_a_word(report: Report) -> None:
    recording = SAMPLES / "standup.mp4"
    page = report({"ref.stm": REFERENCE, "hyp.stm": FIRST}, "--media", str(recording))
    page.wait("document.getElementById('media').readyState >= 1")
    click(page, "#rows .passage-of:nth-child(2) span[data-at]")
    page.wait("!document.getElementById('media').paused")
    assert 12 <= page.js("return document.getElementById('media').currentTime") < 14
    page.press(" ")
    page.wait("document.getElementById('media').paused")
    assert page.complaints() == []


def test_a_table_sorts_and_names_lead_to_recordings(report: Report) -> None:
    reference = REFERENCE + REFERENCE.replace("talk", "walk")
    hypothesis = FIRST + REFERENCE.replace("talk", "walk")
    page = report({"ref.stm": reference, "hyp.stm": hypothesis}, "--normaliser", "none")
    names = "#table tbody tr:not(.total) th"
    assert texts(page, names) == ["talk", "walk"]
    click(page, f"#table thead th:nth-child({texts(page, '#table thead th').index('WER') + 1}) button")
    assert texts(page, names) == ["talk", "walk"]
    click(page, "#table th[aria-sort] button")
    assert texts(page, names) == ["walk", "talk"]
    click(page, "#table tbody tr button")
    assert page.find("#playing").text == "walk"
    assert texts(page, "#rows del, #rows ins") == []


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_nothing_of_a_hostile_name_is_run(chromium: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    words = f"one {MARKUP} two"
    turns = (Turn(Span(0.0, 4.0), MARKUP), Turn(Span(4.0, 9.0), "ben"))
    sides = [
        Document(MARKUP, turns[:number], (Utterance(who, 0.0, 4.0, words + extra),), None, MARKUP)
        for number, who, extra in ((2, MARKUP, ""), (1, f"x{MARKUP}", " three"))
    ]
    options = ScoreOptions(normaliser="none")
    found = score_document(*sides, options=options)
    score = pool_scores(MARKUP, [found], missing=[MARKUP])
    text = format_html([score], [], options, [[ScoredPair(sides[0], sides[1], None)]], title=MARKUP)
    path = tmp_path / "report.html"
    path.write_text(text, "utf-8")
    page = visit(chromium, path, size=size)
    assert page.js("return document.title") == f"Score: {MARKUP}"
    assert page.find("#title").text == MARKUP
    assert MARKUP in texts(page, "#rows .speaker")
    assert page.js("return document.querySelectorAll('img, main script, iframe').length") == 0
    wide = """
        return [...document.body.querySelectorAll('*')].filter((own) => own.getBoundingClientRect().right > innerWidth)
            .filter((own) => !own.closest('h1, .scroll, .unseen, .places, [hidden]')).map((own) => own.outerHTML);
    """
    assert page.js(wide) == []
    assert page.js("return document.documentElement.scrollWidth") <= size[0]
    assert page.requests() == [path.as_uri()]
    assert page.complaints() == []
    data = json.loads(page.js("return document.getElementById('data').textContent"))
    assert data["recordings"][0]["name"] == MARKUP


def test_the_report_speaks_russian(report: Report) -> None:
    try:
        page = report({"ref.stm": REFERENCE, "hyp.stm": FIRST}, "--ui-language", "ru")
    finally:
        from whisperdiar.text import messages

        messages.use("en")
    assert page.js("return document.documentElement.lang") == "ru"
    assert texts(page, "#places a") == ["Итоги", "Худшие места", "Записи", "Шкала времени"]
    assert texts(page, "[data-t]:empty") == []
    assert "9.21" not in page.find("#cards").text
    assert "33,33" in page.find("#cards").text


def test_what_is_significant_is_marked(report: Report) -> None:
    names = [f"r{number}" for number in range(7)]
    lines = [REFERENCE, FIRST, REFERENCE]
    files = {
        name: "".join(text.replace("talk", recording) for recording in names)
        for name, text in zip(("ref.stm", "one.stm", "two.stm"), lines, strict=True)
    }
    page = report(files, "--normaliser", "none")
    rows = {row[0]: row[1:] for row in read_table(page, "#differences") if len(row) > 1}
    assert rows["WER"][:3] == ["33.33", "0.00", "-33.33"]
    assert rows["WER"][4:] == [f"{2 / 2**7:.4f}", "7"]
    assert rows["DER"][4] == "1.0000"
    best = texts(page, "#differences tr:has(td.best) th")
    assert "WER" in best
    assert "DER" not in best
    assert page.js("return document.getElementById('too-few').textContent") == ""


def test_turns_alone_make_a_report(report: Report) -> None:
    line = "SPEAKER a 1 {} 4 <NA> <NA> {} <NA> <NA>\n"
    page = report({"ref.rttm": line.format(0, "x") + line.format(4, "y"), "hyp.rttm": line.format(1, "s")})
    assert page.js("return document.getElementById('empty').hidden") is False
    assert len(texts(page, "#worst li")) == 1
    assert page.complaints() == []
