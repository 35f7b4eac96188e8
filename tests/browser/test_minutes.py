"""The minutes as a page in a real Chromium: one player for all evidence, in any window, light and dark."""

from __future__ import annotations

import datetime
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Page
from tests.examples import by_night
from tests.meetings import meeting
from whisperdiar.minutes import Minutes, compose_minutes, write_minutes
from whisperdiar.options import MinutesOptions

DAY = datetime.date(2026, 11, 25)

Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def made() -> Minutes:
    return compose_minutes(meeting(), options=MinutesOptions(day=DAY))


@pytest.fixture
def show(chromium: Any, tmp_path: Path, made: Minutes) -> Iterator[Opened]:
    def opened(
        *,
        style: str = "full",
        media: str | None = "talk.wav",
        size: tuple[int, int] = (1280, 800),
        dark: bool = False,
    ) -> Page:
        path = tmp_path / "minutes.html"
        with wave.open(str(tmp_path / "talk.wav"), "wb") as sound:  # as long as the meeting
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(16_000 * 80))
        write_minutes(made, path, style=style, media=media and str(tmp_path / media))
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        chromium.get("about:blank")
        chromium.get_log("browser"), chromium.get_log("performance")
        chromium.get(path.as_uri())
        return Page(chromium, path)

    yield opened
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    chromium.get("about:blank")


MEDIA = "const media = document.querySelector('#player audio, #player video');"


def click(page: Page, number: int) -> tuple[float, float]:
    """Clicks a link that plays, as a hand does: a script may not start a sound. From where to where it is to play."""
    page.js("document.querySelectorAll('details').forEach((item) => { item.open = true })")
    link = page.browser.find_elements("css selector", "a.play")[number]
    page.js("arguments[0].scrollIntoView({block: 'center'})", link)
    link.click()
    start, end = page.js("return arguments[0].hash.slice(3)", link).split(",")
    return float(start), float(end)


def test_all_evidence_plays_in_one_player_which_stays_in_sight(show: Opened) -> None:
    page = show()
    assert page.js("return document.getElementById('player').hidden")
    assert not [address for address in page.requests() if "talk.wav" in address]  # nothing is loaded before a click
    for number in (0, 2):
        start, end = click(page, number)
        page.wait(f"(() => {{ {MEDIA} return media.currentTime > {start} }})()")
        assert page.js(f"{MEDIA} return media.currentTime") < end
        assert page.js("return document.querySelectorAll('a[aria-current]').length") == 1
    page.js("window.scrollTo(0, document.body.scrollHeight)")
    box = page.js("const box = document.getElementById('player').getBoundingClientRect(); return [box.top, box.bottom]")
    assert 0 < box[0] < box[1] <= 800
    assert len(page.browser.window_handles) == 1
    page.find("#player button").click()
    assert page.js(f"{MEDIA} return media.paused")
    assert page.js("return document.getElementById('player').hidden")
    assert page.complaints() == []


def test_it_stops_where_the_evidence_ends_and_goes_on_when_told_to(show: Opened) -> None:
    page = show()
    start, end = click(page, 0)
    page.wait(f"(() => {{ {MEDIA} return media.currentTime > {start} }})()")
    page.js(f"{MEDIA} media.currentTime = {end} - 0.2")
    page.wait(f"(() => {{ {MEDIA} return media.paused && media.currentTime >= {end} }})()")
    page.js(f"{MEDIA} media.play()")
    page.wait(f"(() => {{ {MEDIA} return !media.paused && media.currentTime > {end} + 0.3 }})()")


def test_without_a_recording_there_is_neither_player_nor_script(show: Opened) -> None:
    page = show(media=None)
    assert page.js("return document.querySelectorAll('#player, script, a.play').length") == 0
    assert page.complaints() == []


def test_what_cannot_be_played_opens_as_links_do(show: Opened) -> None:
    page = show(media="absent.mp4")
    click(page, 0)
    page.wait("document.getElementById('player').hidden")
    handles = page.browser.window_handles
    assert len(handles) == 2
    page.browser.switch_to.window(handles[1])
    page.browser.close()
    page.browser.switch_to.window(handles[0])


@pytest.mark.parametrize("style", ["brief", "full", "protocol"])
@pytest.mark.parametrize("width", [360, by_night(390), by_night(1280)])
def test_nothing_is_wider_than_the_window(show: Opened, style: str, width: int) -> None:
    page = show(style=style, size=(width, 800))
    click(page, 0)
    assert page.js("return document.documentElement.scrollWidth") <= width
    header = page.js("return getComputedStyle(document.querySelector('.tasks thead')).display")
    assert header == ("none" if width < 576 else "table-header-group")


def test_the_page_and_its_chart_are_dark_where_the_window_is(show: Opened) -> None:
    colours = {}
    for dark in (False, True):
        page = show(dark=dark)
        colours[dark] = page.js(
            "return [getComputedStyle(document.body).backgroundColor, "
            "getComputedStyle(document.querySelector('figure svg')).filter]"
        )
    assert colours[False] == ["rgb(255, 255, 255)", "none"]
    assert colours[True][0] == "rgb(22, 24, 27)"
    assert "invert" in colours[True][1]
