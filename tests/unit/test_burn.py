"""Subtitles drawn into the pictures: by a real ffmpeg program; without one, the command is told."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import av
import numpy as np
import pytest

from tests.videos import write_video
from whisperdiar import Segment, Span, Transcript, Word
from whisperdiar.errors import BackendMissing, InvalidOption
from whisperdiar.media.burn import burn_arguments, find_ffmpeg
from whisperdiar.reports.video_track import burn_subtitles

WORDS = tuple(
    Word(Span(0.1 + 0.2 * i, 0.28 + 0.2 * i), text, 1.0, "A") for i, text in enumerate((" MMMM", " MMMM", " MM."))
)
TALK = Transcript("talk", 2.0, "en", segments=(Segment(WORDS, "A"),))


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.skipif(find_ffmpeg() is None, reason="there is no ffmpeg program with libass (extra `burn`)")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_subtitles_are_drawn_and_sound_is_copied(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "it's [a], b; c:d\\e" if os.name == "posix" else tmp_path
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv(
        "TMPDIR", str(folder)
    )  # the script is written there, with all that a filter would take for its own
    monkeypatch.setattr("tempfile.tempdir", None)
    video = write_video(folder / "film.mp4", frames=48, cuts=())
    told: list[tuple[str, float]] = []
    burn_subtitles(TALK, video, folder / f"out{suffix}", progress=lambda *item: told.append(item))
    before, after = pictures(video), pictures(folder / f"out{suffix}")
    assert len(before) == len(after)
    changed = [
        float(np.abs(one.astype(int) - other.astype(int)).mean()) for one, other in zip(before, after, strict=True)
    ]
    assert min(changed[5:18]) > 4 * max(changed[36:])  # shown for less than a second and a half
    assert sound(folder / f"out{suffix}") == sound(video)
    assert told[-1] == ("burn", 1.0)


def test_without_the_program_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisperdiar.media.burn.find_ffmpeg", lambda: None)
    video, output = write_video(tmp_path / "film.mp4", frames=12, cuts=()), tmp_path / "out.mp4"
    with pytest.raises(BackendMissing, match=r"whisperdiar\[burn\]") as raised:
        burn_subtitles(TALK, video, output)
    script = tmp_path / "out.ass"
    assert "MMMM" in script.read_text("utf-8")
    assert shlex.split(raised.value.remedy or "") == burn_arguments("ffmpeg", str(video), str(script), str(output))
    assert not output.exists()


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "film.mp4", frames=12, cuts=())
    with pytest.raises(InvalidOption, match=r"\.mkv"):
        burn_subtitles(TALK, video, tmp_path / "out.avi")
    with pytest.raises(InvalidOption, match="the video itself"):
        burn_subtitles(TALK, video, video)
