"""The page of the server in a real browser: a recording goes in, is watched, read, renamed, downloaded, removed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")

from tests.serving.conftest import Running, cut_sample, running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("served"), tokens=("word",)) as made:
        yield made


def wait(browser: Any, condition: str, seconds: float = 40.0) -> Any:
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
