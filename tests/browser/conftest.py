"""A real Chromium, where one is installed: pages are opened, clicked and looked at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from whisperdiar import Transcript
from whisperdiar.cli import run
from whisperdiar.formats import WriteOptions
from whisperdiar.formats import json as transcript_json

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--mute-audio", "--lang=en-US", "--accept-lang=en-US",
)  # fmt: skip


def start_chromium(profile: Path, *flags: str) -> Any:
    """A Chromium that its own chromedriver drives; the test is skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra test)")
    from selenium.common.exceptions import WebDriverException

    binary = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium with a chromedriver is installed (Debian: chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "accept")  # leaving with names that were not saved asks
    try:
        return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    except WebDriverException as error:
        pytest.skip(f"this Chromium does not start: {str(error).splitlines()[0]}")


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Chromium for all tests."""
    browser = start_chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@dataclass
class Page:
    """A page that is open, and what tests ask of it."""

    browser: Any
    path: Path

    def js(self, code: str, *arguments: object) -> Any:
        return self.browser.execute_script(code, *arguments)

    def wait(self, condition: str, *arguments: object, seconds: float = 60.0) -> Any:
        """The value of a JavaScript expression, as soon as it is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(self.browser, seconds, poll_frequency=0.03)
        return waiting.until(lambda _: self.js(f"return {condition}", *arguments), f"{condition} {arguments}")

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def word(self, index: int) -> Any:
        return self.find(f'[data-word="{index}"]')

    def press(self, *keys: str) -> None:
        """Keys as a person presses them, whatever has the focus."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.browser, duration=0)
        for key in keys:
            if key.startswith("shift+"):
                chain.key_down(Keys.SHIFT).send_keys(key.removeprefix("shift+")).key_up(Keys.SHIFT)
            else:
                chain.send_keys(key)
        chain.perform()

    @property
    def now(self) -> int:
        """The word that is marked as heard, -1 for none."""
        return int(self.js("return Number(document.querySelector('.row .w.now')?.dataset.word ?? -1)"))

    def download(self, kind: str) -> str:
        """What a download holds: taken from the page itself, letter for letter."""
        script = """
            const [kind, done] = arguments, make = URL.createObjectURL;
            HTMLAnchorElement.prototype.click = function () {};
            URL.createObjectURL = (blob) => { blob.text().then(done); return make.call(URL, blob); };
            document.querySelector(`[data-save="${kind}"]`).click();
            URL.createObjectURL = make;
            delete HTMLAnchorElement.prototype.click;
        """
        return str(self.browser.execute_async_script(script, kind))

    def download_bytes(self, kind: str) -> bytes:
        """The same of a file that is no text."""
        script = """
            const [kind, done] = arguments, make = URL.createObjectURL;
            HTMLAnchorElement.prototype.click = function () {};
            URL.createObjectURL = (blob) => {
              blob.arrayBuffer().then((bytes) => done([...new Uint8Array(bytes)]));
              return make.call(URL, blob);
            };
            document.querySelector(`[data-save="${kind}"]`).click();
            URL.createObjectURL = make;
            delete HTMLAnchorElement.prototype.click;
        """
        return bytes(self.browser.execute_async_script(script, kind))

    def requests(self) -> list[str]:
        """Addresses that anything in the browser has asked for since the last look."""
        found = []
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                found.append(message["params"].get("request", message["params"])["url"])
        return found

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


Open = Callable[..., Page]


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Open]:
    """`show(transcript, "--media", path)` writes a page with the command line and opens it, by default 1200 × 800."""

    def opened(
        transcript: Transcript, *arguments: object, fragment: str = "", size: tuple[int, int] = (1200, 800)
    ) -> Page:
        source, page = tmp_path / "talk.json", tmp_path / "talk.html"
        source.write_text(transcript_json.dumps(transcript, options=WriteOptions()), encoding="utf-8")
        assert run(["convert", str(source), str(page), *map(str, arguments)]) == 0
        return visit(chromium, page, fragment=fragment, size=size)

    yield opened
    chromium.get("about:blank")


def visit(browser: Any, path: Path, *, fragment: str = "", size: tuple[int, int] = (1200, 800)) -> Page:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")
    store = {"origin": "file://", "storageTypes": "local_storage"}  # pages from a disk share one
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", store)
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(path.as_uri() + fragment)
    page = Page(browser, path)
    page.wait("document.documentElement.dataset.ready")
    if page.js("try { return localStorage.length } catch { return 0 }"):  # pages from a disk share one store
        page.js("localStorage.clear()")
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get(path.as_uri() + fragment)
        page.wait("document.documentElement.dataset.ready")
    return page
