"""The page of live captions in a real browser, whose microphone plays a sample."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")

from tests.browser.test_server_page import requests_of, wait
from tests.serving.conftest import REQUEST, Running, running
from tests.sounds import SAMPLES
from whisperdiar import load
from whisperdiar.assembly import Choice

pytestmark = pytest.mark.model

MICROPHONE = """
const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), samples = new Float32Array(bytes.buffer);
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext({ sampleRate: 16000 });
  const buffer = context.createBuffer(1, samples.length, 16000);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource(), out = context.createMediaStreamDestination();
  source.buffer = buffer;
  source.connect(out);
  window.playSample = () => source.start();
  return out.stream;
};
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    request = replace(REQUEST, vad=Choice(name="silero"), diarizer=Choice(name="none"), language="en")
    with running(tmp_path_factory.mktemp("served"), request=request, tokens=("word",), ready=False) as made:
        yield made


def test_captions_come_and_become_a_transcript(chromium: Any, served: Running) -> None:
    find = lambda selector: chromium.find_element("css selector", selector)  # noqa: E731
    sound = load(SAMPLES / "standup.mp4", channels="mono", end=8.0).mono
    chromium.get(served.url)
    chromium.execute_script("sessionStorage.clear(); localStorage.clear()")
    chromium.get_log("performance"), chromium.get_log("browser")
    chromium.get(served.url + "/live")
    wait(chromium, "document.documentElement.dataset.ready")
    chromium.execute_script(MICROPHONE, base64.b64encode(np.asarray(sound, "<f4").tobytes()).decode())
    find("#listen").click()
    wait(chromium, "!document.querySelector('#entry').hidden", 60)  # no token yet
    find("#token").send_keys("word")
    find("#entry button").click()
    wait(chromium, "document.documentElement.dataset.state === 'on' || !document.querySelector('#failure').hidden", 200)
    assert chromium.execute_script("return document.querySelector('#failure').textContent") == ""
    chromium.execute_script("window.playSample()")
    # The first words differ with the moment at which they come: the small recogniser hears little behind them then.
    wait(chromium, "document.querySelector('#said').textContent.includes('search page')", 300)
    find("#stop").click()
    wait(chromium, "document.documentElement.dataset.state === 'done'", 200)
    wait(chromium, "document.querySelectorAll('#end a').length === 4")
    assert "search page" in chromium.execute_script("return document.querySelector('#said').textContent")
    assert chromium.execute_script("return document.querySelector('#end a').download") == "live.srt"
    assert chromium.execute_script("return document.querySelector('#failure').hidden")
    chromium.execute_script(
        "const ui = document.querySelector('#ui'); ui.value = 'ru'; ui.dispatchEvent(new Event('change'))"
    )
    wait(chromium, "document.querySelector('#listen').textContent === 'Слушать'")
    host = served.url.partition("//")[2]
    assert all(host in url for url in requests_of(chromium))
    denied = [entry["message"] for entry in chromium.get_log("browser") if "401" not in entry["message"]]
    assert [message for message in denied if "WebSocket" not in message] == []
