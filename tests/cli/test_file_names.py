"""Names of files: what a suffix says is what is in the file, and any name can be worked with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import BIC, Cli, needs_posix
from tests.examples import examples
from tests.formats_strategies import can_write, need_packages
from tests.sounds import NANO
from whisperdiar.formats import FORMATS, by_name, known_suffixes
from whisperdiar.formats import json as json_format

FROM_WORDS = [name for name in FORMATS if by_name(name).needs != "emotions"]
FALSE_NAMES = (".docx", ".pdf", ".png", ".svg", ".wav", ".mp4", ".npz")


@pytest.mark.parametrize("suffix", FALSE_NAMES)
def test_no_command_writes_one_format_under_the_name_of_another(
    cli: Cli, short: Path, source: Path, tmp_path: Path, suffix: str
) -> None:
    made = tmp_path / f"out{suffix}"
    for arguments in (
        ("convert", source, "-f", "srt", "-o"),
        *([("convert", source, "-o")] if suffix not in known_suffixes() else []),
        ("minutes", source, "-f", "html", "-o"),
        ("vad", short, "--vad", "energy", "-f", "json", "-o"),
        ("vad", short, "--vad", "energy", "-o"),
        ("diarize", short, *BIC, "-f", "rttm", "-o"),
        ("rename", source, "SPEAKER_00=Anna", "-f", "json", "-o"),
    ):
        done = cli(*arguments, made)
        assert done.code == 2, (arguments, done.err)
        assert not made.exists()


@given(
    name=st.sampled_from(
        [name for name in FORMATS if by_name(name).needs not in ("turns", "emotions") and can_write(name)]
    ),
    other=st.sampled_from(FORMATS),
)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_name_says_is_what_is_in_the_file(cli: Cli, source: Path, tmp_path: Path, name: str, other: str) -> None:
    """With -f a file gets that format or none: never one that its suffix promises to be another."""
    suffix = f".{by_name(other).suffix.rsplit('.', 1)[-1]}"
    made = tmp_path / f"x{suffix}"
    done = cli("convert", source, "-f", name, "-o", made)
    fits = by_name(name).suffix.endswith(suffix) or suffix in (*by_name(name).aliases, ".txt")
    assert done.code == (0 if fits else 2), (name, suffix, done.err)
    assert made.exists() == fits
    made.unlink(missing_ok=True)


@needs_posix
@pytest.mark.parametrize("form", FROM_WORDS)
def test_names_that_are_no_utf_8_or_very_long_work_in_every_format(
    cli: Cli, source: Path, tmp_path: Path, form: str
) -> None:
    """Or they are refused before the work."""
    need_packages(form)
    strange = os.fsdecode(b"caf\xe9 \xff")
    copy = tmp_path / f"{strange}.json"
    shutil.copy(source, copy)
    done = cli("convert", copy, "made/", "-f", form)
    assert done.code == 0, done.err
    (made,) = (tmp_path / "made").iterdir()
    assert made.name == f"{strange}{by_name(form).suffix}"
    longest = tmp_path / f"{'я' * 124}x.json"
    shutil.copy(source, longest)
    done = cli("convert", longest, "long/", "-f", form)
    room = len(os.fsencode(f"{longest.stem}{by_name(form).suffix}")) <= 255
    assert done.code == (0 if room else 1)
    if not room:
        assert "the name is too long" in done.complaints[0]


@pytest.mark.model
@needs_posix
def test_a_recording_whose_name_is_no_utf_8_is_worked_on_in_every_way(cli: Cli, short: Path, tmp_path: Path) -> None:
    strange = os.fsdecode(b"caf\xe9 \xff")
    shutil.copy(short, tmp_path / f"{strange}.wav")
    (tmp_path / f"{strange}.rttm").write_text("SPEAKER x 1 0.5 9.0 <NA> <NA> A <NA> <NA>\n", "utf-8")
    turns = ("--turns", f"{strange}.rttm", "--vad", "energy")
    names = [name for name in FROM_WORDS if can_write(name)]
    formats = ",".join(names)
    others = ("--clips", "clips", "--report", f"{strange}.tsv", "--embed", f"{strange}.mkv")
    done = cli(f"{strange}.wav", *NANO, *turns, "-o", "made/", "-f", formats, *others)
    assert done.code == 0, done.err
    assert len(list((tmp_path / "made").iterdir())) == len(names)
    assert json_format.loads((tmp_path / "made" / f"{strange}.json").read_text("utf-8")).words
    assert "caf%E9%20%FF.wav" in (tmp_path / "made" / f"{strange}.eaf").read_text("utf-8")
    outputs = [f"{strange}.{suffix}" for suffix in ("md", "html", "docx")]
    done = cli("minutes", f"{strange}.wav", *NANO, *turns, *(word for name in outputs for word in ("-o", name)))
    assert done.code == 0, done.err
    assert "caf%E9%20%FF.wav" in (tmp_path / outputs[0]).read_text("utf-8")


def test_a_name_too_long_is_told_by_every_command_that_reads(cli: Cli, source: Path) -> None:
    name = "x" * 300
    for arguments in (
        ("score", source, f"{name}.rttm"),
        ("score", source, source, "--uem", f"{name}.uem"),
        ("minutes", f"{name}.json", "-o", "out.md"),
        ("convert", f"{name}.srt", "out.vtt"),
        ("edit", f"{name}.json"),
        ("plot", f"{name}.json", "-o", "out.png"),
        ("check", f"{name}.srt"),
        ("data", "folder", name, "-o", "out.jsonl"),
        ("bench", f"{name}.jsonl", "--diarizer", "bic"),
        ("tune", f"{name}.jsonl", "--diarizer", "bic", "-o", "mine"),
        ("finetune", f"{name}.jsonl", "-o", "out"),
    ):
        done = cli(*arguments)
        assert done.code in (1, 2), arguments
        (line,) = done.complaints
        assert name in line, line
        assert "unexpected" not in line, (arguments, line)
