"""`align --text`: a text that exists already, on a recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ABSENT, BIC, Cli
from tests.sounds import NANO

NEVER = "purple elephants never dance on the frozen moon"


LINES = (
    ("Anna", "Good morning everyone. Boris, would you like to go first?"),
    ("Boris", "Sure. Yesterday I finished the new search page, and I found two errors in the payment service."),
)
"""What is said in the first 11 seconds of the stand-up sample."""


@pytest.mark.model
def test_a_script_gets_its_times_and_keeps_its_names(cli: Cli, short: Path, tmp_path: Path) -> None:
    script = "\n".join(f"{name}: {text}" for name, text in [LINES[0], ("Anna", NEVER), LINES[1]])
    (tmp_path / "script.txt").write_text(script, "utf-8")
    done = cli("align", "--text", "script.txt", short, *NANO, "--vad", "energy", "-o", "out.json", "-o", "out.srt")
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    said = [(segment["speaker"], segment["text"]) for segment in found["segments"]]
    assert " ".join(text for _name, text in said) == " ".join(text for _name, text in LINES)
    assert {name for name, _text in said} == {name for name, _text in LINES}
    assert [item["text"] for item in found["dropped"] if "nobody speaks it" in item["reason"]] == [NEVER]
    assert "words of the text not spoken: 8 of" in done.err
    assert found["turns"], "the speakers of the text are the turns"
    assert LINES[0][1].split()[0] in (tmp_path / "out.srt").read_text("utf-8")


@pytest.mark.model
def test_a_text_without_names_gets_speakers_from_the_diarizer(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "script.md").write_text("\n".join(text for _name, text in LINES), "utf-8")
    done = cli("align", "--text", "script.md", short, *NANO, *BIC, "--speakers", "2", "-f", "json")
    assert done.code == 0, done.err
    assert {item["id"] for item in json.loads(done.out)["speakers"]} == {"SPEAKER_00", "SPEAKER_01"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("words.json",), "WORDS.json and TURNS.rttm, or --text FILE and one RECORDING"),
        (("words.json", "turns.rttm", "--model", "small"), "--model: it is for align --text"),
        (("--text", "script.txt", "a.wav", "b.wav"), "one RECORDING"),
        (("--text", "script.txt", "a.wav", "--recording", "b"), "--recording is for TURNS.rttm"),
        (("--text", "script.txt", "a.wav", "--diarizer", "bic", *ABSENT), "names the speakers"),
        (("--text", "script.txt", "a.wav", "--task", "translate", *ABSENT), "leave --task translate out"),
        (("--text", "none.txt", "a.wav", *ABSENT), "none.txt"),
        (("--text", "script.txt", "a.wav", "-o", "script.txt", "--overwrite"), "script.txt"),
    ],
)
def test_what_cannot_be_meant_is_refused(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (tmp_path / "script.txt").write_text("Anna: Good morning.\nBen: Hello.\n", "utf-8")
    done = cli("align", *arguments)
    assert done.code in (1, 2)
    assert told in done.err
    assert len(done.complaints) == 1
