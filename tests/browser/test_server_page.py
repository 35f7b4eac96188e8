"""The page of the server in real browsers: recordings go in, are watched, read, corrected, downloaded, removed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")

from tests.browser.conftest import start_chromium
from tests.serving.conftest import Running, cut_sample, running
from whisperdiar import Transcript


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("served"), tokens=("word",)) as made:
        yield made


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Another person's Chromium, whose microphone hears the stand-up sample."""
    folder = tmp_path_factory.mktemp("second")
    heard = cut_sample("standup.mp4", folder / "heard.wav", 5.0)
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    browser = start_chromium(folder / "profile", *fake, f"--use-file-for-fake-audio-capture={heard}")
    yield browser
    browser.quit()


def enter(browser: Any, served: Running) -> None:
    """Opens the list of recordings with the token of the server."""
    browser.get(served.url)
    wait(browser, "document.documentElement.dataset.ready")
    if browser.find_element("css selector", "#entry").is_displayed():
        browser.find_element("css selector", "#token").send_keys("word")
        browser.find_element("css selector", "#entry button").click()
    wait(browser, "!document.querySelector('#ask').hidden")


def result(served: Running, job_id: str, **query: str) -> Any:
    return served.get(f"/jobs/{job_id}/result", params=query, headers={"authorization": "Bearer word"})


def newest(served: Running) -> str:
    jobs = served.get("/jobs", headers={"authorization": "Bearer word"}).json()["data"]
    return str(jobs[0]["id"])


def open_page(browser: Any, served: Running, kind: str = "url") -> None:
    """The newest recording as the page of its transcript, or as its minutes."""
    made = served.post(f"/jobs/{newest(served)}/page", headers={"authorization": "Bearer word"}).json()
    wide = {"width": 1200, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", wide)
    browser.get(served.url + made[kind])
    wait(browser, "document.documentElement.dataset.ready" if kind == "url" else "document.readyState === 'complete'")


def wait(browser: Any, condition: str, seconds: float = 60.0) -> Any:
    """The value of a JavaScript expression, as soon as it is true."""
    until = time.monotonic() + seconds
    while not (found := browser.execute_script(f"return {condition}")):
        assert time.monotonic() < until, condition
        time.sleep(0.05)
    return found


def requests_of(browser: Any) -> list[str]:
    """URLs that the page asked for."""
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    sent = (item["params"]["request"]["url"] for item in events if item["method"] == "Network.requestWillBeSent")
    return [url for url in sent if not url.startswith(("data:", "blob:", "about:", "chrome"))]


def test_a_recording_goes_in_and_is_read(chromium: Any, served: Running, tmp_path: Path) -> None:
    find = lambda selector: chromium.find_element("css selector", selector)  # noqa: E731
    evil = cut_sample("standup.mp4", tmp_path / "<img src=x onerror=document.title=1>.wav", 5.0)
    chromium.get_log("performance")
    chromium.get(served.url)
    wait(chromium, "document.documentElement.dataset.ready")
    find("#token").send_keys("wrong")
    find("#entry button").click()
    assert wait(chromium, "document.querySelector('#failure').textContent") == "This is not a token of this server."
    find("#token").clear()
    find("#token").send_keys("word")
    find("#entry button").click()
    wait(chromium, "!document.querySelector('#ask').hidden")
    find("#spoken").send_keys("en")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    find("#file").send_keys(str(tmp_path / "broken.wav"))
    assert "broken" not in wait(chromium, "document.querySelector('[data-state=failed] .error')?.textContent")
    find("#file").send_keys(str(evil))
    wait(chromium, "document.querySelector('[data-state=running] progress')")
    wait(chromium, "document.querySelector('[data-state=done] .read')")
    assert "onerror" in find("[data-state=done] .name").text
    assert not chromium.execute_script("return document.querySelectorAll('main img').length")
    find("#ui option[value=ru]").click()
    assert find("[data-state=done] .read").text == "Читать и исправлять"
    told = find("[data-state=failed] .error")
    assert told.text == "не удалось: Запись не читается: файл пуст, повреждён, или в нём нет звука."
    assert told.get_attribute("title").isascii(), "what exactly is said in English"
    find("#ui option[value=en]").click()
    find("[data-state=failed] .remove").click()
    wait(chromium, "document.querySelectorAll('#jobs > li').length === 1")

    find("[data-state=done] .read").click()
    wait(chromium, "location.pathname.startsWith('/page/read/') && document.documentElement.dataset.ready")
    assert "good morning" in find("#transcript").text.lower()
    wait(chromium, "document.querySelector('#media').duration > 4")
    assert all(url.startswith(served.url) for url in requests_of(chromium)), "a request left the machine"
    refused = [entry for entry in chromium.get_log("browser") if "Content Security" in entry["message"]]
    assert not refused
    link = chromium.current_url
    assert served.get(link.removeprefix(served.url)).status_code == 200
    assert served.get(link.removeprefix(served.url).replace("key=", "key=0")).status_code == 403
    media = link.removeprefix(served.url).replace("/read/", "/media/")
    part = served.get(media, headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert served.get("/jobs").status_code == 401


@pytest.fixture(scope="module")
def dialogue(served: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, 10 s."""
    return cut_sample("standup.mp4", tmp_path_factory.mktemp("dialogue") / "стендап.wav", 10.0)


@pytest.fixture
def done(chromium: Any, served: Running, dialogue: Path) -> str:
    """A recording that was sent by the page and is done: its job."""
    enter(chromium, served)
    chromium.find_element("css selector", "#file").send_keys(str(dialogue))
    wait(chromium, "document.querySelector('#jobs > li').dataset.state === 'done'")
    return newest(served)


def test_what_is_corrected_in_the_page_is_in_every_result(
    chromium: Any, second: Any, served: Running, done: str
) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    for browser in (chromium, second):
        open_page(browser, served)

    def name(browser: Any, text: str) -> None:
        field = browser.find_element("css selector", "#speakers input")
        field.click()
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text, Keys.ENTER)

    name(chromium, "Анна <b>")
    word = chromium.find_element("css selector", '[data-word="1"]')
    ActionChains(chromium, duration=0).double_click(word).perform()
    ActionChains(chromium, duration=0).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(
        "evening"
    ).perform()
    ActionChains(chromium, duration=0).send_keys(Keys.ENTER).perform()
    assert wait(chromium, "!document.querySelector('#state').hidden && document.querySelector('#state').textContent")
    chromium.find_element("css selector", "#keep").click()
    wait(chromium, "document.querySelector('#state').hidden")
    corrected = Transcript.from_dict(result(served, done).json())
    assert "Анна <b>" in {item.name for item in corrected.speakers}
    assert "evening" in corrected.segments[0].text
    subtitles = result(served, done, format="srt").text
    assert "Анна" in subtitles
    assert "evening" in subtitles

    name(second, "Clara")
    second.find_element("css selector", "#transcript").click()
    ActionChains(second, duration=0).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
    wait(second, "document.querySelector('#state').textContent.includes('somebody else')")
    assert "Clara" not in result(served, done).text
    second.refresh()
    wait(second, "document.documentElement.dataset.ready")
    assert second.find_element("css selector", "#speakers input").get_attribute("value") == "Анна <b>"
    name(second, "Clara")
    second.find_element("css selector", "#keep").click()
    wait(second, "document.querySelector('#state').hidden")
    assert "Clara" in result(served, done).text

    chromium.find_element("css selector", "#undo").click()
    chromium.find_element("css selector", "#undo").click()
    chromium.find_element("css selector", "#keep").click()
    assert wait(chromium, "document.querySelector('#state').textContent.includes('somebody')")


def test_a_copy_of_the_page_knows_nothing_of_the_server(chromium: Any, served: Running, done: str) -> None:
    open_page(chromium, served)
    script = """
        const done = arguments[0], make = URL.createObjectURL;
        HTMLAnchorElement.prototype.click = function () {};
        URL.createObjectURL = (blob) => { blob.text().then(done); return make.call(URL, blob); };
        document.querySelector('[data-save="html"]').click();
    """
    copy = chromium.execute_async_script(script)
    assert "connect-src" not in copy.partition("<style>")[0]
    assert "data-server" not in copy.partition("<body>")[0]


def test_minutes_are_read_and_play_their_evidence(chromium: Any, served: Running, done: str) -> None:
    enter(chromium, served)
    chromium.find_element("css selector", "[data-state=done] .minutes").click()
    wait(chromium, "location.pathname.startsWith('/page/minutes/') && document.querySelector('h1')")
    wait(chromium, "document.querySelector('video')")
    refused = [entry for entry in chromium.get_log("browser") if "Content Security" in entry["message"]]
    assert not refused
    written = served.get(
        f"/jobs/{done}/minutes", params={"day": "2026-03-05"}, headers={"authorization": "Bearer word"}
    )
    assert written.status_code == 200
    assert ".minutes.md" in written.headers["content-disposition"]
    wrong = served.get(f"/jobs/{done}/minutes", params={"day": "soon"}, headers={"authorization": "Bearer word"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "day")


def test_every_format_is_downloaded(chromium: Any, served: Running, done: str, tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import Select

    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    enter(chromium, served)
    row = chromium.find_element("css selector", "#jobs > li")
    choice = Select(row.find_element("css selector", "select"))
    for option in list(choice.options):
        before = set(tmp_path.iterdir())
        choice.select_by_value(option.get_attribute("value"))
        row.find_element("css selector", ".get").click()
        until = time.monotonic() + 60
        while not [
            path for path in set(tmp_path.iterdir()) - before if not path.name.endswith((".crdownload", ".tmp"))
        ]:
            failure = chromium.find_element("css selector", "#failure")
            assert not failure.is_displayed(), (option.text, failure.text)
            assert time.monotonic() < until, option.text
            time.sleep(0.02)
    names = {path.name.partition(".")[2] for path in tmp_path.iterdir()}
    assert {"srt", "vtt", "json", "html", "rttm", "minutes.md", "minutes.html"} <= names
    assert all(path.name.startswith("стендап") for path in tmp_path.iterdir())


def test_the_microphone_is_recorded_and_two_browsers_work_at_once(
    chromium: Any, second: Any, served: Running, dialogue: Path
) -> None:
    for browser in (chromium, second):
        enter(browser, served)
    second.find_element("css selector", "#record").click()
    wait(second, "document.querySelector('#recorded').textContent.match(/0:0[3-9]/)")
    chromium.find_element("css selector", "#file").send_keys(str(dialogue))
    second.find_element("css selector", "#record").click()
    for browser in (chromium, second):
        wait(browser, "document.querySelector('#jobs > li').dataset.state === 'done'")
    recorded = second.find_element("css selector", "#jobs > li")
    assert recorded.find_element("css selector", ".name").text.startswith("Recording of 20")
    recorded.find_element("css selector", ".read").click()
    wait(second, "location.pathname.startsWith('/page/read/') && document.documentElement.dataset.ready")
    assert "morning" in second.find_element("css selector", "#transcript").text.lower()
    for browser in (chromium, second):
        browser.get(served.url)
        wait(browser, "document.documentElement.dataset.ready && document.querySelectorAll('#jobs > li').length > 1")
    lists = [
        [item.text for item in browser.find_elements("css selector", "#jobs .name")] for browser in (chromium, second)
    ]
    assert lists[0] == lists[1]
    second.find_element("css selector", "#jobs .remove").click()
    chromium.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    wait(chromium, f"document.querySelectorAll('#jobs > li').length === {len(lists[0]) - 1}")
