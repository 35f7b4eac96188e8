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
from whisperdiar import Segment, Span, Speaker, Transcript, Word
from whisperdiar.formats import json as json_format
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

    assert clashes("--profile", "netflix") > 0
    assert clashes("--profile", "netflix", "--no-overlap") == 0


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
