"""--profile and the limits that replace it, on every command that writes subtitles."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import srt

from tests.cli.conftest import Cli
from tests.sounds import NANO, SAMPLES
from tests.videos import write_video
from whisperdiar import Segment, Span, Speaker, Transcript, Word
from whisperdiar.formats import json as json_format
from whisperdiar.formats import read_cues
from whisperdiar.options import WriteOptions

TEXT = "This is a rather long sentence that has to be broken somewhere, and here it goes on for a little while."


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A talks for 10 seconds; B says yes in the middle of it."""
    words = [Word(Span(0.5 * i, 0.5 * i + 0.45), " " + text, 1.0, "A") for i, text in enumerate(TEXT.split())]
    reply = Segment((Word(Span(5.0, 5.3), " Yes.", 1.0, "B"),), "B")
    parts = (Segment(tuple(words[:11]), "A"), reply, Segment(tuple(words[11:]), "A"))
    made = Transcript("talk", 12.0, "en", (Speaker("A", "Anna"), Speaker("B", "Ben")), parts)
    path = tmp_path / "talk.json"
    path.write_text(json_format.dumps(made, options=WriteOptions()), "utf-8")
    return path


def subtitles(text: str) -> list[srt.Subtitle]:
    return list(srt.parse(text))


def spoken(items: list[srt.Subtitle]) -> str:
    return " ".join(" ".join(item.content.split()) for item in items)


def test_the_profile_cuts_and_options_replace_its_limits(cli: Cli, source: Path, tmp_path: Path) -> None:
    plain = ("convert", source, "-f", "srt", "--speaker-style", "none")
    assert len(subtitles(cli(*plain, "--profile", "social").out)) > 2 * len(subtitles(cli(*plain).out))
    narrow = subtitles(cli(*plain, "--max-chars", 20, "--max-lines", 1).out)
    assert {len(item.content.splitlines()) for item in narrow} == {1}
    assert max(len(item.content) for item in narrow) <= 20
    assert sorted(re.findall(r"\w+", spoken(narrow))) == sorted(re.findall(r"\w+", TEXT + " Yes"))
    slow = subtitles(cli(*plain, "--max-cps", 5, "--max-duration", 9).out)
    assert max((item.end - item.start).total_seconds() for item in slow) > 7.0
    brief = subtitles(cli(*plain, "--max-duration", 2.5).out)
    assert max((item.end - item.start).total_seconds() for item in brief) <= 2.5
    patient = subtitles(cli(*plain, "--min-duration", 3, "--profile", "social").out)
    assert (patient[-1].end - patient[-1].start).total_seconds() >= 3.0


def test_frames_and_gaps(cli: Cli, source: Path) -> None:
    made = subtitles(cli("convert", source, "-f", "srt", "--fps", "25", "--gap", "0.2", "--no-overlap").out)
    for item in made:
        for bound in (item.start, item.end):
            assert round(bound.total_seconds() * 1000) % 40 == 0
    assert len(made) > 1
    assert all((after.start - item.end).total_seconds() >= 0.2 for item, after in pairwise(made))


def test_two_at_once_unless_that_is_not_wanted(cli: Cli, source: Path) -> None:
    def clashes(*options: str) -> int:
        made = subtitles(cli("convert", source, "-f", "srt", *options).out)
        return sum(item.end > after.start for item, after in pairwise(made))

    assert clashes("--profile", "ted") > 0
    assert clashes("--profile", "ted", "--no-overlap") == 0
    assert clashes("--profile", "netflix") == 0
    assert clashes("--profile", "netflix", "--overlap") > 0


def test_rename_and_align_have_the_same_options(cli: Cli, source: Path, tmp_path: Path) -> None:
    assert cli("rename", source, "A=Eve", "-o", "named.srt", "--profile", "social").code == 0
    assert len(subtitles((tmp_path / "named.srt").read_text("utf-8"))) > 8
    (tmp_path / "turns.rttm").write_text("SPEAKER talk 1 0.0 12.0 <NA> <NA> A <NA> <NA>\n", "utf-8")
    assert cli("align", source, "turns.rttm", "-o", "joined.srt", "--max-lines", 1, "--max-chars", 15).code == 0
    assert max(len(item.content) for item in subtitles((tmp_path / "joined.srt").read_text("utf-8"))) <= 15


def test_transcribe_has_them_too(cli: Cli, tmp_path: Path) -> None:
    command = ("transcribe", SAMPLES / "standup.mp4", *NANO, "--diarizer", "bic", "--vad", "silero", "--end", 12, "-q")
    assert cli(*command, "-o", "a.srt", "--speaker-style", "none", "--profile", "social").code == 0
    made = subtitles((tmp_path / "a.srt").read_text("utf-8"))
    assert made
    assert max(len(item.content.split()) for item in made) <= 3


def test_a_profile_of_ones_own(cli: Cli, source: Path, tmp_path: Path) -> None:
    (tmp_path / "house.json").write_text(json.dumps({"based_on": "netflix", "max_chars": 16, "max_lines": 1}), "utf-8")
    made = subtitles(cli("convert", source, "-f", "srt", "--speaker-style", "none", "--profile", "house.json").out)
    assert max(len(item.content) for item in made) <= 16


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--profile", "nobody"), "choose one of default, netflix"),
        (("--profile", "missing.json"), "cannot be read"),
        (("--fps", "fast"), "not a frame rate"),
        (("--fps", "0"), "above zero"),
        (("--max-cps", "nan"), "above zero"),
        (("--gap", "-1"), "zero or more"),
        (("--min-duration", "3", "--max-duration", "2"), "turn them round"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    cli: Cli, source: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = cli("convert", source, "new.srt", *options)
    assert done.code == 2
    assert told in done.err
    assert len(done.complaints) == 1
    assert not (tmp_path / "new.srt").exists()


def test_netflix_alone_makes_what_a_publisher_takes(cli: Cli, tmp_path: Path) -> None:
    """Frames of the video, dashes and no labels, no overlap; and the same again from the JSON without the video."""
    video = write_video(tmp_path / "film.mp4")
    turns = [("A", 0, 9, 1.7), ("B", 0, 1, 4.3), ("A", 9, 17, 4.7), ("B", 17, 21, 7.6)]
    found = []
    for speaker, first, last, start in turns:
        words = [
            Word(Span(start + 0.3 * i, start + 0.3 * i + 0.28), " " + text, 1.0, f"SPEAKER_0{speaker}")
            for i, text in enumerate(TEXT.split()[first:last])
        ]
        found.append(Segment(tuple(words), f"SPEAKER_0{speaker}"))
    labels = ("SPEAKER_0A", "SPEAKER_0B")
    made = Transcript("talk", 10.0, "en", tuple(Speaker(label, label) for label in labels), tuple(found))
    (tmp_path / "talk.json").write_text(json_format.dumps(made, options=WriteOptions()), "utf-8")
    (tmp_path / "cuts.txt").write_text("2.002\n", "utf-8")
    outputs = ("-o", "film.srt", "-o", "film.vtt", "-o", "film.ass", "-o", "film.json")
    framed = ("--profile", "netflix", "--media", video)
    assert cli("convert", "talk.json", *outputs, *framed, "--shots", "cuts.txt").code == 0
    frame = 1001 / 24000
    shown = subtitles((tmp_path / "film.srt").read_text("utf-8"))
    for item in shown:
        for bound in (item.start.total_seconds(), item.end.total_seconds()):
            assert abs(bound - round(bound / frame) * frame) <= 0.0006
    assert all(before.end < after.start for before, after in pairwise(shown))
    assert any(item.content.startswith("-") and "\n-" in item.content and "- " not in item.content for item in shown)
    for name in ("film.srt", "film.vtt", "film.ass"):
        seen = read_cues(name, (tmp_path / name).read_text("utf-8"), labels=False)
        shown_lines = [line for cue in seen for line in cue.lines]
        assert shown_lines
        assert not any("SPEAKER" in line for line in shown_lines)
    assert cli("check", "film.srt", *framed, "--language", "en", "--shots", "cuts.txt").code == 0
    assert cli("convert", "film.json", "again.srt", "--profile", "netflix").code == 0
    assert (tmp_path / "again.srt").read_bytes() == (tmp_path / "film.srt").read_bytes()
    assert cli("convert", "talk.json", "plain.srt", *framed).code == 0
    assert "shot-change" in cli("check", "plain.srt", *framed, "--shots", "cuts.txt").out


def test_what_shot_changes_need_is_said_first(cli: Cli, source: Path, tmp_path: Path) -> None:
    assert "name it with --media" in cli("convert", source, "o.srt", "--shots", "auto").err
    (tmp_path / "bad.txt").write_text("later\n", "utf-8")
    refused = cli("convert", source, "o.srt", "--shots", "bad.txt")
    assert (refused.code, (tmp_path / "o.srt").exists()) == (1, False)
    assert "bad.txt: line 1: 'later' is no time" in refused.err
    (tmp_path / "cuts.txt").write_text("1.0\n", "utf-8")
    unused = cli("convert", source, "o.txt", "--shots", "cuts.txt")
    assert (unused.code, (tmp_path / "o.txt").exists()) == (2, False)
    assert "--shots: it is for subtitles" in unused.err
    assert cli("convert", source, "o.json", "--shots", "cuts.txt").code == 0  # which keeps them


@pytest.mark.parametrize("asked", [("--burn", "o.mp4"), ("--shots", "auto", "-o", "o.srt")])
@pytest.mark.parametrize("command", ["convert", "transcribe"])
def test_what_needs_pictures_is_refused_without_them(
    cli: Cli, source: Path, short: Path, tmp_path: Path, command: str, asked: tuple[str, ...]
) -> None:
    if "auto" in asked:
        pytest.importorskip("scenedetect", reason="the extra video is not installed")
    given = (source, "--media", short) if command == "convert" else (short, *NANO, "--diarizer", "bic")
    done = cli(command, *given, *asked)
    (line,) = done.err.splitlines()
    assert (done.code, f"{short} has no moving pictures" in line) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.json"]


@pytest.mark.parametrize("option", ["--burn", "--embed"])
def test_one_video_for_several_recordings_is_refused_as_such(cli: Cli, option: str) -> None:
    (line,) = cli("a.mp4", "b.mp4", option, "o.mp4").complaints
    assert f"{option}: there is one FILE for several recordings" in line
