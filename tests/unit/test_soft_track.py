"""Subtitles in a copy of a video: what FFmpeg, and its program where it is there, find in it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import by_night
from tests.media_files import Track, signal, write_media
from tests.sounds import SAMPLES
from whisperdiar import Segment, Span, Speaker, Transcript, Word
from whisperdiar.errors import InvalidOption, MediaError, OutputError
from whisperdiar.media.mux import SubtitleTrack, add_track
from whisperdiar.options import SubtitleRules, WriteOptions
from whisperdiar.reports.video_track import _merge_overlapping, mux_subtitles
from whisperdiar.text.languages import to_iso_639_2

VIDEO = SAMPLES / "standup.mp4"


def said(start: float, end: float, text: str, speaker: str) -> Segment:
    return Segment((Word(Span(start, end), f" {text}", 1.0, speaker, 1.0),), speaker)


TALK = Transcript(
    "standup",
    98.0,
    "ru",
    (Speaker("SPEAKER_00", "Анна"), Speaker("SPEAKER_01", "Bob <b>")),
    (
        said(1.0, 3.0, "Привет!", "SPEAKER_00"),
        said(2.0, 4.0, "<i>{\\an8}&amp;", "SPEAKER_01"),
        said(60.0, 62.0, "Пока.", "SPEAKER_00"),
    ),
)
OPTIONS = WriteOptions(subtitles=SubtitleRules(min_duration=0.0, close_gap=0.0))


def copied(path: Path, kind: str) -> str:
    """A fingerprint of what the packets of the only stream of a kind hold."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        (stream,) = [item for item in container.streams if item.type == kind]
        for packet in container.demux(stream):
            digest.update(bytes(packet))
    return digest.hexdigest()


def shown(path: Path) -> list[tuple[float, float, str]]:
    """Start, end and text of every sample that is not empty, as FFmpeg's demuxer gives it."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.subtitles[-1]):
            data = bytes(packet)
            text = data[2:] if container.streams.subtitles[-1].codec_context.name == "mov_text" else data
            if packet.size and text:
                start = float(packet.pts * packet.time_base)
                end = start + float(packet.duration * packet.time_base)
                found.append((round(start, 3), round(end, 3), text.decode("utf-8")))
    return found


def test_mp4_takes_timed_text_and_shows_what_overlaps_together(tmp_path: Path) -> None:
    target = tmp_path / "copy.mp4"
    assert mux_subtitles(TALK, VIDEO, target, options=OPTIONS) == ()
    assert shown(target) == [
        (1.0, 2.0, "Анна: Привет!"),
        (2.0, 3.0, "Bob <b>: <i>{\\an8}&amp;\nАнна: Привет!"),
        (3.0, 4.0, "Bob <b>: <i>{\\an8}&amp;"),
        (60.0, 62.0, "Анна: Пока."),
    ]
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "subtitle"]
        track = container.streams.subtitles[0]
        assert track.codec_context.name == "mov_text"
        assert track.metadata["language"] == "rus"
        assert "whisperdiar" in track.metadata.values()
        assert track.disposition & av.stream.Disposition.default
    assert [copied(target, kind) for kind in ("video", "audio")] == [copied(VIDEO, kind) for kind in ("video", "audio")]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("form", "codec"), [(None, "srt"), ("srt", "srt"), ("vtt", "webvtt"), ("ass", "ssa")])
def test_matroska_takes_three_forms(tmp_path: Path, form: str | None, codec: str) -> None:
    target = tmp_path / "copy.mkv"
    mux_subtitles(TALK, VIDEO, target, format_name=form, options=OPTIONS)
    with av.open(str(target)) as container:
        track = container.streams.subtitles[0]
        assert track.codec_context.name == codec
        assert (track.metadata["language"], track.metadata["title"]) == ("rus", "whisperdiar")
        (sound,) = container.streams.audio
        offset = float(next(container.demux(sound)).pts * sound.time_base)
    found = shown(target)
    # Matroska has no times below zero: the 21 ms of sound before an AAC track begins move all of it.
    assert [(round(start - 1.0, 1), round(end - 1.0, 1)) for start, end, _ in found] == [
        (0.0, 2.0), (1.0, 3.0), (59.0, 61.0),
    ]  # fmt: skip
    assert offset == pytest.approx(0.0, abs=0.03)
    assert all(word in text for word, (_, _, text) in zip(("Привет!", "an8", "Пока."), found, strict=True))
    assert copied(target, "video") == copied(VIDEO, "video")


def test_a_second_language_joins_the_first(tmp_path: Path) -> None:
    mux_subtitles(TALK, VIDEO, tmp_path / "one.mkv", options=OPTIONS)
    mux_subtitles(TALK, tmp_path / "one.mkv", tmp_path / "two.mkv", format_name="ass", options=OPTIONS)
    with av.open(str(tmp_path / "two.mkv")) as container:
        assert len(container.streams.subtitles) == 2
        defaults = [bool(item.disposition & av.stream.Disposition.default) for item in container.streams.subtitles]
    assert defaults == [True, False]


def test_a_recording_that_begins_late_begins_at_zero(tmp_path: Path) -> None:
    """Transport streams begin at any time; players count from their first picture or sound, and so do subtitles."""
    source = tmp_path / "late.ts"
    sound = Track(samples=signal(6.0, rate=48_000), rate=48_000, codec="aac", sample_format="fltp", delay=5.0)
    write_media(source, sound, container="mpegts")
    with av.open(str(source)) as container:
        assert container.start_time > 4_000_000
    mux_subtitles(TALK, source, tmp_path / "copy.mp4", options=OPTIONS)
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert container.start_time == pytest.approx(0, abs=50_000)
    assert shown(tmp_path / "copy.mp4")[0][0] == 1.0


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"\.mp4, \.m4v, \.mov, \.mkv"):
        mux_subtitles(TALK, VIDEO, tmp_path / "copy.avi")
    with pytest.raises(InvalidOption, match=r"timed text only; leave srt out, or use \.mkv"):
        mux_subtitles(TALK, VIDEO, tmp_path / "copy.mp4", format_name="srt")
    with pytest.raises(InvalidOption, match="Matroska takes srt, vtt, ass"):
        mux_subtitles(TALK, VIDEO, tmp_path / "copy.mkv", format_name="ttml")
    with pytest.raises(MediaError, match="no such file"):
        mux_subtitles(TALK, tmp_path / "missing.mp4", tmp_path / "copy.mp4")
    (tmp_path / "talk.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHi\n", "utf-8")
    with pytest.raises(MediaError, match="neither pictures nor sound"):
        mux_subtitles(TALK, tmp_path / "talk.srt", tmp_path / "copy.mkv")
    (tmp_path / "talk.srt").unlink()
    with pytest.raises(OutputError, match="no words"):
        mux_subtitles(Transcript("x", 1.0), VIDEO, tmp_path / "copy.mp4")
    with pytest.raises(OutputError, match="does not exist"):
        mux_subtitles(TALK, VIDEO, tmp_path / "folder" / "copy.mp4")
    own = tmp_path / "own.mp4"
    shutil.copy(VIDEO, own)
    with pytest.raises(InvalidOption, match="the video itself"):
        mux_subtitles(TALK, own, own)
    with pytest.raises(InvalidOption, match="does not take"):
        add_track(VIDEO, tmp_path / "copy.mkv", SubtitleTrack(format_name="mov_text", samples=((0, 1, "x"),)))
    with pytest.raises(OutputError, match=r"70000 bytes does not fit into MP4; use \.mkv"):
        add_track(VIDEO, tmp_path / "copy.mp4", SubtitleTrack(format_name="mov_text", samples=((0, 1, "x" * 70_000),)))
    assert [path.name for path in tmp_path.iterdir()] == ["own.mp4"]


def test_what_mp4_cannot_hold_is_refused_with_a_way_out(tmp_path: Path) -> None:
    mux_subtitles(TALK, VIDEO, tmp_path / "one.mkv", format_name="ass", options=OPTIONS)
    before = tmp_path / "two.mp4"
    before.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"cannot hold the subtitle of the source \((ass|ssa)\); use \.mkv"):
        mux_subtitles(TALK, tmp_path / "one.mkv", before, options=OPTIONS)
    assert before.read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file size there")
@pytest.mark.parametrize("suffix", ["mp4", by_night("mkv")])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, suffix: str) -> None:
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "from tests.unit.test_soft_track import TALK, VIDEO, mux_subtitles\n"
        "from whisperdiar.errors import OutputError\n"
        "try: mux_subtitles(TALK, VIDEO, sys.argv[1])\nexcept OutputError as error: print(error)\n"
    )
    target = tmp_path / f"copy.{suffix}"
    done = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=True)
    assert "larger than a limit allows" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_ffmpeg_program_reads_the_track(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("the ffmpeg program is not installed")
    for name in ("copy.mp4", "copy.mkv"):
        mux_subtitles(TALK, VIDEO, tmp_path / name, options=OPTIONS)
        command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / name), "-map", "0:s:0", "-f", "srt", "-"]
        done = subprocess.run(command, capture_output=True, check=True)
        assert not done.stderr
        text = done.stdout.decode("utf-8")
        assert "Анна: Привет!" in text
        assert "00:01:00,0" in text


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.sampled_from("abc")), max_size=8))
def test_samples_follow_one_another_and_keep_every_line(items: list[tuple[int, int, str]]) -> None:
    cues = sorted((start, start + length, (f"{text}{i}",)) for i, (start, length, text) in enumerate(items))
    made = _merge_overlapping(cues)
    assert all(left[1] <= right[0] for left, right in pairwise(made))
    for time in range(72):
        wanted = {lines[0] for start, end, lines in cues if start <= time < end}
        assert {line for start, end, text in made if start <= time < end for line in text.split("\n")} == wanted


def test_languages_have_three_letters() -> None:
    assert [to_iso_639_2(code) for code in ("en", "ru-RU", "jw", "yue", "haw", None, "xx", "")] == [
        "eng", "rus", "jav", "yue", "haw", "und", "und", "und",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_that_is_cut_off_is_not_copied_in_silence(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    assert mux_subtitles(TALK, VIDEO, whole, options=OPTIONS) == ()
    part = tmp_path / f"part{suffix}"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    (note,) = mux_subtitles(TALK, part, tmp_path / f"copy{suffix}", options=OPTIONS)
    assert note.startswith("the video is cut off after 0.6 of 0.9 MB")


def test_a_transcript_whose_words_are_empty_makes_no_track(tmp_path: Path) -> None:
    silent = Transcript("standup", 98.0, "ru", (), (said(1.0, 3.0, " ", "SPEAKER_00"),))
    with pytest.raises(OutputError, match="no words"):
        mux_subtitles(silent, VIDEO, tmp_path / "out.mkv", options=OPTIONS)
    assert not list(tmp_path.iterdir())
