"""Whatever is written, a transcript without words ends with 3, and one with words with 0."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

VIDEO = Path(__file__).parents[2] / "samples" / "standup.mp4"
SPOKEN = "1\n00:00:01,000 --> 00:00:03,000\nGood morning.\n"
OUTPUTS = (
    ("-o", "out.srt"),
    ("-o", "out.json"),
    ("--media", str(VIDEO), "--embed", "out.mkv"),
    ("--media", str(VIDEO), "--embed", "out.mp4"),
    pytest.param(
        ("--media", str(VIDEO), "--burn", "out.mp4"),
        marks=pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg program is installed"),
    ),
    ("--media", str(VIDEO), "--embed", "out.mkv", "-o", "out.srt"),
)


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_a_transcript_without_words_ends_with_3(outputs: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.srt").write_text("", "utf-8")
    done = cli("convert", "in.srt", "--language", "en", *outputs)
    assert done.code == 3, done.err
    assert "no words in it" in done.err


@pytest.mark.parametrize("outputs", [item for item in OUTPUTS if isinstance(item, tuple)])
def test_a_transcript_with_words_ends_with_0(outputs: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in.srt").write_text(SPOKEN, "utf-8")
    done = cli("convert", "in.srt", "--language", "en", *outputs)
    assert done.code == 0, done.err
