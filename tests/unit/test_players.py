"""Subtitles as players show them: a browser's track, and pictures that libass draws."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from whisperdiar.formats import ass, srt, vtt
from whisperdiar.options import WriteOptions
from whisperdiar.types import Cue, Span, TimedText

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NAMES = {"A": "Anna", "B": "R&D <Ben> --"}
COLOUR = WriteOptions(speaker_style="colour")

PAGE = """<!doctype html><meta charset="utf-8"><video><track default src="talk.vtt"></video><pre>none</pre><script>
const track = document.querySelector("track"), shown = document.querySelector("pre");
track.track.mode = "showing";
track.onerror = () => shown.textContent = "error";
track.onload = () => shown.textContent = JSON.stringify([...track.track.cues].map(cue => {
  const tree = cue.getCueAsHTML();
  return {start: cue.startTime, end: cue.endTime, line: cue.line, text: tree.textContent,
          voices: [...tree.querySelectorAll("[title]")].map(voice => voice.title)};
}));
</script>"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server on this machine: browsers load tracks from no file."""
    (tmp_path / "page.html").write_text(PAGE, "utf-8")
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/page.html"
        server.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_reads_every_cue(tmp_path: Path, address: str) -> None:
    cues = [
        Cue(Span(0.5, 3.0), ("a < b & c --> d", "<i>{\\an8}&amp;"), "A"),
        Cue(Span(2.0, 4.0), ("‏שלום 日本語 👩‍👩‍👧",), "B"),
        Cue(Span(5.0, 6.0), ("Hi", "Ho"), None, ("A", "B")),
        Cue(
            Span(7.0, 8.0), ("one two",), "A", (), ((TimedText(Span(7, 7.4), "one"), TimedText(Span(7.5, 8), " two")),)
        ),
    ]
    text = vtt.dumps_cues(cues, NAMES, word_times=True, options=COLOUR)
    (tmp_path / "talk.vtt").write_text(text, "utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=8000", "--dump-dom", address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    found = re.search("<pre>(.*)</pre>", done.stdout.decode("utf-8"), re.DOTALL)
    assert found
    ben = NAMES["B"]
    assert json.loads(html.unescape(found[1])) == [
        {"start": 0.5, "end": 3, "line": "auto", "text": "a < b & c --> d\n<i>{\\an8}&amp;", "voices": ["Anna"]},
        {"start": 2, "end": 4, "line": -3, "text": "‏שלום 日本語 👩‍👩‍👧", "voices": [ben]},
        {"start": 5, "end": 6, "line": "auto", "text": "Hi\nHo", "voices": ["Anna", ben]},
        {"start": 7, "end": 8, "line": "auto", "text": "one two", "voices": ["Anna"]},
    ]


def drawn(path: Path) -> NDArray[np.uint8]:
    """The picture (rows, columns, RGB) that libass draws on black after one second; skips where it cannot."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("the ffmpeg program is not installed")
    filters = f"trim=start=1,subtitles=filename='{path}',format=rgb24"
    source = "color=black:size=640x360:rate=5:duration=3"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        source,
        "-vf",
        filters,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    if b"No such filter" in done.stderr:
        pytest.skip("this ffmpeg was built without libass")
    assert done.returncode == 0, done.stderr
    return np.frombuffer(done.stdout, np.uint8).reshape(360, 640, 3)


def rows_of(picture: NDArray[np.uint8], colour: tuple[bool, bool, bool]) -> NDArray[np.intp]:
    """The rows with pixels that are bright in these channels and dark in the others."""
    matches = np.ones(picture.shape[:2], bool)
    for channel, bright in enumerate(colour):
        matches &= (picture[..., channel] > 200) if bright else (picture[..., channel] < 60)
    return np.flatnonzero(matches.any(axis=1))


CUES = [Cue(Span(0, 3), ("Hello there",), "A"), Cue(Span(0, 3), ("Over you",), "B")]


@pytest.mark.parametrize("module", [ass, srt])
def test_libass_draws_the_colours_of_two_people_above_one_another(module, tmp_path: Path) -> None:
    path = tmp_path / f"talk{module.suffix}"
    path.write_text(module.dumps_cues(CUES, NAMES, options=COLOUR), "utf-8")
    picture = drawn(path)
    white, yellow = rows_of(picture, (True, True, True)), rows_of(picture, (True, True, False))
    if not len(white):
        pytest.skip("libass finds no font on this machine")
    assert len(yellow)
    assert white.min() > yellow.max() or yellow.min() > white.max()
    if module is ass:
        assert white.min() > yellow.max() > 180, "the second one stands above the first one, both in the lower half"


@pytest.mark.parametrize(
    "text", ["{\\an8}up {b}", "{\\p1}m 0 0 l 9 9", "back\\Nslash \\h", "<i>x</i> <font color=red>"]
)
def test_libass_draws_texts_that_look_like_codes(text: str, tmp_path: Path) -> None:
    """As many letters as there are, at the bottom: nothing has been taken for a code."""
    widths = []
    for shown in (text, re.sub(r"[^ ]", "x", text)):
        for module in (ass, srt):
            path = tmp_path / f"talk{module.suffix}"
            path.write_text(module.dumps_cues([Cue(Span(0, 3), (shown,))], {}, options=COLOUR), "utf-8")
            picture = drawn(path)
            lit = picture.max(axis=2) > 128
            if not lit.any():
                pytest.skip("libass finds no font on this machine")
            assert np.flatnonzero(lit.any(axis=1)).min() > 250, "one line, at the bottom"
            assert picture[lit].min() > 60 or module is srt, "white letters"
            columns = np.flatnonzero(lit.any(axis=0))
            widths.append(int(columns.max() - columns.min()))
    assert min(widths[:2]) > 0.6 * max(widths)
