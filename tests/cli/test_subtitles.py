"""Subtitle files in, subtitle files and videos out."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.cli.conftest import Cli
from tests.sounds import NANO, SAMPLES
from whisperdiar.formats import json, read_cues

SRT = "1\n00:00:01,000 --> 00:00:02,500\nАнна: Привет!\n\n2\n00:00:02,500 --> 00:00:04,000\nБорис: Как дела?\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old talk.srt"
    path.write_text(SRT, "utf-8")
    return path


def test_a_subtitle_file_becomes_every_other_format(cli: Cli, old: Path, tmp_path: Path) -> None:
    outputs = [f"new.{suffix}" for suffix in ("vtt", "ass", "ttml", "lrc", "sbv", "json", "rttm", "txt")]
    assert cli("convert", old, *outputs).code == 0
    assert "<v Анна>Анна: Привет!" in (tmp_path / "new.vtt").read_text("utf-8")  # viewers see the same as before
    assert "<v Анна>Привет!" in cli("convert", old, "-f", "vtt", "--speaker-style", "voice").out
    assert "<v Анна>Привет!" in cli("convert", old, "-f", "vtt", "--recut").out
    assert "SPEAKER old_talk 1 1.000 1.500" in (tmp_path / "new.rttm").read_text("utf-8")
    assert "Анна: Привет!" in (tmp_path / "new.txt").read_text("utf-8")
    for name in outputs[:4]:
        assert cli("convert", name, "back.json", "--overwrite").code == 0
        made = json.loads((tmp_path / "back.json").read_text("utf-8"))
        assert [(item.text, made.name(item.speaker)) for item in made.segments] == [
            ("Привет!", "Анна"), ("Как дела?", "Борис"),
        ]  # fmt: skip


def test_an_encoding_can_be_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "old.srt").write_bytes(SRT.encode("mac_cyrillic"))
    for command in (("convert", "old.srt", "new.json"), ("rename", "old.srt", "Анна=Анна", "-o", "new.json")):
        done = cli(*command, "--encoding", "mac_cyrillic", "--overwrite")
        assert done.code == 0
        assert "warning" not in done.err
        assert json.loads((tmp_path / "new.json").read_text("utf-8")).words[0].text.strip() == "Привет!"
    assert "warning" not in cli("check", "old.srt", "--encoding", "mac_cyrillic").err
    assert "warning" in cli("check", "old.srt").err
    refused = cli("convert", "old.srt", "new.vtt", "--encoding", "nonsense")
    assert refused.code == 2
    assert "no encoding 'nonsense'" in refused.complaints[0]
    assert not (tmp_path / "new.vtt").exists()


def test_an_old_encoding_is_read_and_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "old.srt").write_bytes(SRT.encode("cp1251"))
    done = cli("convert", "old.srt", "-f", "vtt")
    assert "Как дела?" in done.out
    assert "old.srt: no UTF-8, so read as Windows-1251 (Cyrillic)" in done.err


def test_names_of_a_subtitle_file_change_in_another_file(cli: Cli, old: Path) -> None:
    assert "Anna: Привет!" in cli("rename", old, "Анна=Anna", "-f", "srt").out
    before = old.read_bytes()
    refused = cli("rename", old, "Анна=Anna")
    assert refused.code == 2
    assert "add -o OUT" in refused.err
    assert old.read_bytes() == before


def test_a_broken_subtitle_file_is_told_with_its_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.srt").write_text("1\n00:00:01,000 --> 00:0x:02,500\nHi\n", "utf-8")
    done = cli("convert", "bad.srt", "x.vtt")
    assert done.code == 1
    assert "bad.srt: line 2: " in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("style", ["none", "label", "dash", "colour", "voice"])
def test_the_style_reaches_the_writer(cli: Cli, old: Path, style: str) -> None:
    shown = cli("convert", old, "-f", "vtt", "--speaker-style", style).out
    assert ("<v" in shown) == (style in ("colour", "voice"))
    assert ("STYLE" in shown) == (style == "colour")
    assert ("Анна: " in shown) == (style == "label")


def test_convert_puts_subtitles_into_a_copy_of_the_video(cli: Cli, old: Path, tmp_path: Path) -> None:
    done = cli("convert", old, "--media", SAMPLES / "standup.mp4", "--embed", "copy.mp4")
    assert (done.code, done.out) == (0, ""), done.err
    with av.open(str(tmp_path / "copy.mp4")) as copy:
        assert [stream.type for stream in copy.streams] == ["video", "audio", "subtitle"]
    done = cli("convert", old, "new.vtt", "--media", "copy.mp4", "--embed", "copy.mkv", "--embed-format", "ass")
    assert done.code == 1
    assert "matroska cannot hold the subtitle of the source (mov_text)" in done.err
    assert read_cues("vtt", (tmp_path / "new.vtt").read_text("utf-8")), "the other outputs are there all the same"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--embed", "x.mp4"], "name the recording with --media FILE"),
        (["--media", "v.mp4", "--embed", "x.avi"], "choose one of these suffixes"),
        (["--media", "v.mp4", "--embed", "x.mp4", "--embed-format", "ass"], "use .mkv"),
        (["--embed-format", "ass"], "add that"),
        (["--media", "v.mp4", "--embed", "v.mp4"], "the input itself"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(cli: Cli, old: Path, arguments: list[str], told: str) -> None:
    done = cli("convert", old, *arguments)
    assert done.code == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.model
def test_transcribe_embeds(cli: Cli, tmp_path: Path) -> None:
    source = SAMPLES / "standup.mp4"
    fast = (*NANO, "--vad", "energy", "--diarizer", "bic", "--end", "12", "--quiet")
    done = cli(source, *fast, "--embed", "copy.mkv")
    assert (done.code, done.out) == (0, ""), done.err
    with av.open(str(tmp_path / "copy.mkv")) as copy:
        texts = [bytes(packet).decode("utf-8") for packet in copy.demux(subtitles=0) if packet.size]
    assert texts
    assert texts[0].startswith("SPEAKER_00: ")
    refused = cli(source, source, "-o", "out/", "--embed", "copy.mkv")
    assert refused.code == 2
