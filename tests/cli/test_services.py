"""Files of other recognisers, given to commands that read a transcript."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli

FOLDER = Path(__file__).parent.parent / "data" / "external"
TEXT = (FOLDER / "deepgram.json").read_text(encoding="utf-8")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "talk.json"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_convert_tells_the_form_by_its_keys_or_takes_the_one_that_is_named(cli: Cli, theirs: Path) -> None:
    done = cli("convert", theirs, "-f", "srt")
    assert (done.code, done.err) == (0, "")
    assert "SPEAKER_01: Morning! Ready?" in done.out
    assert cli("convert", theirs, "--from", "deepgram", "-f", "srt").out == done.out
    wrong = cli("convert", theirs, "--from", "revai", "-f", "srt")
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.complaints == [
        "whisperdiar: error: " + str(theirs) + ": expected a JSON object with monologues, as Rev AI writes it"
    ]


def test_words_of_another_recogniser_get_speakers(cli: Cli, theirs: Path, tmp_path: Path) -> None:
    turns = tmp_path / "turns.rttm"
    lines = ("SPEAKER talk 1 0 1.9 <NA> <NA> X <NA> <NA>", "SPEAKER talk 1 1.9 3 <NA> <NA> Y <NA> <NA>")
    turns.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = cli("align", theirs, turns, "-f", "txt")
    assert done.code == 0
    assert "X: Good morning, Anna." in done.out


def test_their_file_is_never_written(cli: Cli, theirs: Path) -> None:
    done = cli("rename", theirs, "SPEAKER_00=Boris")
    assert done.code == 2
    assert "rewriting it would lose what deepgram holds" in done.err
    assert theirs.read_text(encoding="utf-8") == TEXT
    done = cli("convert", theirs, "-f", "deepgram")
    assert done.code == 2
    assert "format 'deepgram' is read only: choose one of" in done.err


def test_the_same_words_in_two_forms_score_no_error(cli: Cli, theirs: Path) -> None:
    pytest.importorskip("meeteval")
    done = cli("score", theirs, FOLDER / "google.json")
    assert done.code == 0
    assert [line.split()[1:4] for line in done.out.splitlines() if line.startswith("talk ")] == [["0.00"] * 3] * 2
