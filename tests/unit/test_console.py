"""Progress from several threads: one line, each stage's own time, and the time of all together."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.cli import console as module
from whisperdiar.cli.console import Console, printable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _no_width_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that workers of pytest are started from may hand them the width of a terminal, where there is none."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def elsewhere(work: Callable[[], Any]) -> None:
    """Does it on another thread, which ends."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def at(console: Console, clock: Clock, now: float, stage: str, fraction: float) -> None:
    clock.now = now
    if stage == "diarization":
        elsewhere(lambda: console.progress(stage, fraction))
    else:
        console.progress(stage, fraction)


def side_by_side(console: Console, clock: Clock) -> None:
    """Speech from 0 to 2 s, words from 2 to 10 s, turns from 3 to 7 s."""
    for now, stage, fraction in [
        (0, "vad", 0.0),
        (2, "vad", 1.0),
        (2, "asr", 0.0),
        (3, "diarization", 0.0),
        (4, "asr", 0.5),
        (5, "diarization", 0.25),
        (7, "diarization", 1.0),
        (10, "asr", 1.0),
    ]:
        at(console, clock, now, stage, fraction)


def test_stages_side_by_side_keep_their_own_times_and_count_once_together(clock: Clock) -> None:
    console = Console(quiet=True)
    side_by_side(console, clock)
    assert console.seconds == {"vad": 2, "asr": 8, "diarization": 4}
    assert console.elapsed() == 10


def test_the_times_come_in_the_order_of_the_work_whichever_stage_ends_first(clock: Clock) -> None:
    console = Console(quiet=True)
    side_by_side(console, clock)
    at(console, clock, 11, "odd", 0.0)
    at(console, clock, 12, "decode", 0.0)
    at(console, clock, 13, "decode", 1.0)
    assert list(console.seconds) == ["decode", "vad", "asr", "diarization", "odd"]


def test_a_stage_that_never_tells_its_end_ends_with_the_next_of_its_thread(clock: Clock) -> None:
    console = Console(quiet=True)
    for now, stage in [(0, "decode"), (4, "vad"), (9, "asr")]:
        at(console, clock, now, stage, 0.0)
    assert console.seconds == {"decode": 4, "vad": 5}
    clock.now = 12
    assert console.elapsed() == 12
    console.close()
    assert console.seconds["asr"] == 3
    console.start_file()
    assert (console.seconds, console.elapsed()) == ({}, 0)


def test_pauses_between_stages_do_not_count(clock: Clock) -> None:
    console = Console(quiet=True)
    for now, fraction in [(0, 0.0), (1, 1.0), (50, 0.0), (52, 1.0)]:
        at(console, clock, now, "download", fraction)
    assert console.seconds == {"download": 3}
    assert console.elapsed() == 3


def test_work_that_reports_nothing_is_timed_also_when_it_fails(clock: Clock) -> None:
    console = Console(quiet=True)
    with pytest.raises(OSError, match="disk full"), console.timed("clips"):
        clock.now += 3
        raise OSError("disk full")
    assert console.seconds == {"clips": 3}


def test_on_a_terminal_one_line_shows_both_stages_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    console = Console()
    console.progress("asr", 0.5)
    elsewhere(lambda: console.progress("diarization", 0.25))
    line = terminal.getvalue().split("\r")[-1]
    assert "recognising words" in line
    assert " 50%" in line
    assert "telling speakers apart 25%" in line
    console.progress("asr", 1.0)  # the other one gets the bar now
    line = terminal.getvalue().split("\r")[-1]
    assert line.startswith("telling speakers apart")
    assert "recognising" not in line
    elsewhere(lambda: console.progress("diarization", 1.0))
    shown = terminal.getvalue()
    assert "\n" not in shown
    assert not shown.split("\r")[-1].strip() or shown.endswith("\r")


def test_elsewhere_than_on_a_terminal_progress_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.progress("asr", 0.5)
    elsewhere(lambda: console.progress("diarization", 1.0))
    console.close()
    assert capsys.readouterr() == ("", "")


def test_a_message_never_lands_in_a_line_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    console = Console()
    console.progress("asr", 0.5)
    console.warn("careful")
    before = terminal.getvalue().partition("whisperdiar: warning: careful\n")[0]
    assert not before.split("\r")[-1]
    console.progress("asr", 0.6)
    assert "60%" in terminal.getvalue()
    console.close()


def test_threads_that_report_all_at_once_lose_nothing(clock: Clock) -> None:
    console = Console(quiet=True)

    def report(stage: str) -> None:
        for step in range(200):
            console.progress(stage, step / 199)

    threads = [threading.Thread(target=report, args=(f"stage {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(console.seconds) == [f"stage {number}" for number in range(4)]
    assert console.elapsed() == 0


@given(st.text())
def test_no_command_to_a_terminal_is_printed(text: str) -> None:
    shown = printable(text)
    assert all(character in "\t\n" or unicodedata.category(character) != "Cc" for character in shown)
    assert not {unicodedata.bidirectional(character) for character in shown} & {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    assert printable(shown) == shown


def test_a_file_name_with_escapes_is_shown_as_it_is_spelled(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b]0;title\x07\x1b[2J\u202egpj.wav\x9b31m\rb"
    console = Console()
    for say in (console.info, console.note, console.warn, console.error):
        say(name)
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("whisperdiar: ").split(": ")[-1] for line in lines] == [
        r"a\x1b]0;title\x07\x1b[2J\u202egpj.wav\x9b31m\rb"
    ] * 4


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.parametrize("terminal", [True, False])
def test_results_are_cleaned_for_a_terminal_alone(*, terminal: bool) -> None:
    ours, theirs = os.openpty() if terminal else os.pipe()
    code = "from whisperdiar.cli.console import write_stdout; write_stdout('a\\x1b[2Jb')"
    subprocess.run([sys.executable, "-c", code], stdout=theirs, check=True)
    os.close(theirs)
    assert os.read(ours, 100) == (rb"a\x1b[2Jb" if terminal else b"a\x1b[2Jb")
    os.close(ours)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_no_text_is_kept_from_a_terminal(*, terminal: bool) -> None:
    ours, theirs = os.openpty() if terminal else os.pipe()
    code = "from whisperdiar.cli.console import write_stdout; write_stdout(b'PK\\x03')"
    done = subprocess.run([sys.executable, "-c", code], stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    if terminal:
        assert b"name a file with -o" in done.stderr
    else:
        assert os.read(ours, 100) == b"PK\x03"
    os.close(ours)


def test_the_clock_of_the_bar_moves_on_while_a_stage_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "_TICK_S", 0.01)
    console = Console()
    console.progress("asr", 0.5)
    drawn = terminal.getvalue().count("recognising")
    for _ in range(1000):
        if terminal.getvalue().count("recognising") > drawn + 2:
            break
        threading.Event().wait(0.01)
    else:
        raise AssertionError("nothing was drawn again")
    console.close()


def test_without_a_terminal_long_stages_have_a_line_at_each_tenth(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    for now in range(101):
        at(console, clock, now, "asr", now / 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "recognising words 10%, about 1:30 left"
    assert lines[-1] == "recognising words 100% in 1:40"
    assert len(lines) == 10


def test_what_is_fetched_is_named_with_its_size_and_speed(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    at(console, clock, 0, "download", 0.0)
    clock.now = 20
    console.fetched("Systran/faster-whisper-small", 240_000_000, 480_000_000)
    console.progress("download", 0.5)
    assert capsys.readouterr().err == (
        "downloading 50%, Systran/faster-whisper-small 240/480 MB, 12.0 MB/s, about 0:20 left\n"
    )


def test_progress_as_json_is_one_object_for_each_event(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(progress="json")
    console.start_file(2, 3, "b.wav", left=61.4)
    at(console, clock, 0, "asr", 0.0)
    at(console, clock, 4, "asr", 0.5)
    at(console, clock, 4, "asr", 0.5001)
    console.heard(1.0, "Guten Tag, größer")
    console.warn("careful")
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    place = {"recording": "b.wav", "number": 2, "of": 3}
    assert events == [
        {"event": "begin", "seconds_left": 61, **place},
        {"event": "progress", "stage": "asr", "fraction": 0.0, "seconds": 0.0, **place},
        {"event": "progress", "stage": "asr", "fraction": 0.5, "seconds": 4.0, **place},
        {"event": "text", "start": 1.0, "text": "Guten Tag, größer", **place},
        {"event": "warning", "message": "careful", **place},
    ]


def test_a_batch_is_counted_with_an_estimate(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.start_file(1, 8, "a.wav")
    console.start_file(3, 8, "c.wav", left=754)
    clock.now = 0
    at(console, clock, 20, "asr", 0.0)
    at(console, clock, 40, "asr", 0.5)
    assert capsys.readouterr().err.splitlines() == [
        "[1/8] a.wav",
        "[3/8] c.wav (about 12:34 left for all)",
        "[3/8] recognising words 50%, about 0:20 left",
    ]


@pytest.mark.parametrize("kind", ["none", "auto", "bar", "lines"])
def test_who_wants_no_progress_gets_none(kind: str, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=kind != "none", progress=kind)
    for now in range(101):
        at(console, clock, now, "asr", now / 100)
    console.heard(0.0, "text")
    assert capsys.readouterr().err == ""
