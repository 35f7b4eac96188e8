"""`whisperdiar live`: a recording is played, lines come when they are final, outputs at the end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Cli, needs_posix
from tests.sounds import NANO
from whisperdiar import load
from whisperdiar.formats import by_name

LIVE = (*NANO, "--language", "en", "--diarizer", "none", "--threads", "1", "--offline", "--speed", "20")


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder


@pytest.mark.model
@needs_posix
def test_a_recording_is_shown_captioned_and_transcribed(cli: Cli, short: Path, state: Path, tmp_path: Path) -> None:
    done = cli("live", short, *LIVE, "--captions", "c.vtt", "-o", "out.srt", "-o", "out.json", "--keep-sound", "s.wav")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("0:") for line in lines)
    assert "\x1b" not in done.out
    said = " ".join(line.split(" ", 1)[1] for line in lines)
    captions = by_name("vtt").read((tmp_path / "c.vtt").read_text("utf-8"))
    assert " ".join(item.text.strip() for item in captions.segments) == said
    assert (tmp_path / "out.srt").read_text("utf-8").count("-->") > 1
    assert (tmp_path / "s.wav").stat().st_size == 44 + 2 * 12 * 16_000
    assert not list(state.rglob("*.wav"))
    assert done.complaints == []
    again = cli("live", short, *LIVE, "--captions", "c.vtt")
    assert again.code == 2
    assert "--overwrite" in again.err


@pytest.mark.model
@needs_posix
def test_ctrl_c_ends_the_listening_and_what_was_said_is_written(
    cli: Cli, short: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whisperdiar.cli.live import Screen

    show = Screen.show

    def show_and_interrupt(self: Any, lines: Any, open_text: str) -> None:
        every = list(lines)
        show(self, every, open_text)
        if every:
            monkeypatch.setattr(Screen, "show", show)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Screen, "show", show_and_interrupt)
    slow = (*LIVE[:-1], "2")
    done = cli("live", short, *slow, "-o", "out.srt", "--no-final-pass")
    assert done.code == 0, done.err
    assert (tmp_path / "out.srt").read_text("utf-8").count("-->") > 0
    assert not list(state.rglob("*.wav"))


@pytest.mark.model
@needs_posix
def test_ctrl_c_loses_nothing_of_a_microphone_that_is_ahead(
    cli: Cli, short: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow machine much has come that was not heard yet when somebody presses Ctrl-C."""
    from whisperdiar.live import LiveTranscriber

    sound = load(short, channels="mono").mono
    feed = LiveTranscriber.feed
    pressed: list[int] = []

    class InputStream:
        def __init__(self, *, blocksize: int, callback: Any, **_values: Any) -> None:
            self._size, self._callback, self._at = blocksize, callback, 0

        def start(self) -> None:
            self.come(3)

        def come(self, n_blocks: int) -> None:
            for _each in range(n_blocks):
                block = sound[self._at : self._at + self._size, None]
                self._at += self._size
                if len(block):
                    self._callback(block, len(block), None, SimpleNamespace(input_overflow=False))

        def close(self) -> None:
            """Nothing more comes."""

    def press(self: Any, samples: Any) -> Any:
        if not pressed:
            pressed.append(len(samples))
            streams[0].come(len(sound))  # while this is heard, all the rest comes
            signal.raise_signal(signal.SIGINT)
        return feed(self, samples)

    streams: list[InputStream] = []

    def make(**values: Any) -> InputStream:
        streams.append(InputStream(**values))
        return streams[0]

    device = SimpleNamespace(
        InputStream=make, query_devices=lambda *_device: {"name": "of the test"}, PortAudioError=ValueError
    )
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    monkeypatch.setattr(LiveTranscriber, "feed", press)
    done = cli("live", *LIVE[: LIVE.index("--speed")], "--keep-sound", "s.wav")
    assert done.code == 0, done.err
    assert pressed
    assert pressed[0] < len(sound) / 10
    assert (tmp_path / "s.wav").stat().st_size == 44 + 2 * len(sound)
    assert "still to be heard" in done.err


@pytest.mark.model
@needs_posix
def test_where_the_work_fails_the_sound_is_kept_and_it_is_said_where(
    cli: Cli, short: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whisperdiar.errors import BackendError
    from whisperdiar.live import LiveTranscriber

    feed = LiveTranscriber.feed

    def fail(self: Any, samples: Any) -> Any:
        events = feed(self, samples)
        if self.duration > 6.0:
            raise BackendError("out of order")
        return events

    monkeypatch.setattr(LiveTranscriber, "feed", fail)
    done = cli("live", short, *LIVE)
    assert done.code == 1
    assert [line for line in done.complaints if "out of order" in line]
    (kept,) = state.rglob("*.wav")
    assert str(kept) in done.err
    assert kept.stat().st_size > 44 + 2 * 5 * 16_000
    assert ".interrupted.json" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("there.wav", "--microphone", "1"), "give one of them"),
        (("--speed", "2"), "--speed"),
        (("there.wav", "--captions", "c.srt"), "WebVTT"),
        (("there.wav", "-o", "-"), "standard output"),
        (("there.wav", "--speech", "s.rttm"), "--speech"),
        (("there.wav", "--turns", "t.rttm"), "--turns"),
        (("there.wav", "--speed", "0"), "--speed"),
        (("there.wav", "--window", "60"), "--window"),
        (("there.wav", "--follow", "Anna", "--people", "nowhere"), "nobody is known"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    cli: Cli, short: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "there.wav").write_bytes(short.read_bytes())
    done = cli("live", *arguments)
    assert done.code == 2
    assert len(done.complaints) == 1
    assert said in done.complaints[0]


@pytest.mark.parametrize("data", [None, b"", b"no sound at all" * 100])
def test_a_recording_that_is_none_is_told(cli: Cli, tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "bad.wav").write_bytes(data)
    done = cli("live", "bad.wav")
    assert done.code == 1
    assert len(done.complaints) == 1
    assert "bad.wav" in done.complaints[0]


def test_without_a_microphone_one_line_says_what_to_do(cli: Cli) -> None:
    try:
        import sounddevice

        if any(item["max_input_channels"] > 0 for item in sounddevice.query_devices()):
            pytest.skip("this machine has a microphone")
    except (ImportError, OSError):
        pass
    done = cli("live", *LIVE[:-2])
    assert done.code == 1
    (told,) = done.complaints
    assert any(word in told for word in ("libportaudio2", "whisperdiar[live]", "there is no microphone"))


def test_a_terminal_gets_what_is_open_dim_and_rewritten(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from whisperdiar.cli import live

    monkeypatch.setattr(live, "is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(live.shutil, "get_terminal_size", lambda: os.terminal_size((20, 24)))
    screen = live.Screen()
    screen.show([], "what may still change \x1b[2J")
    screen.show(["0:00 final"], "more")
    screen.clear()
    written = capsys.readouterr().out
    assert written.startswith("\x1b[2mwhat may still\x1b[0m\n\x1b[2mchange \\x1b[2J\x1b[0m\n")
    assert "\x1b[2A\x1b[J0:00 final\n\x1b[2mmore\x1b[0m\n\x1b[1A\x1b[J" in written
