"""A vocabulary through the command line, with whisper-nano: what is replaced is told and listed; all else stays."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import ABSENT, Cli
from tests.sounds import NANO
from whisperdiar.formats import json as json_format

FAST = (*NANO, "--diarizer", "none", "--vad", "energy", "--language", "en")


@pytest.mark.model
def test_forms_are_replaced_told_and_listed(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "terms.txt").write_text(
        "boris => Boriss\npayment service | wage service => PayService\nsure => surely\n", "utf-8"
    )
    (tmp_path / "whisperdiar.toml").write_text('vocabulary = "terms.txt"\n', "utf-8")
    plain = cli(short, *FAST, "-o", "plain.json")
    monkeypatch.setenv("WHISPERDIAR_CONFIG", str(tmp_path / "whisperdiar.toml"))
    found = cli(short, *FAST, "-o", "out.json")
    assert (plain.code, found.code) == (0, 0), found.err
    before, after = (json.loads((tmp_path / name).read_text("utf-8")) for name in ("plain.json", "out.json"))
    jsonschema.validate(after, json_format.schema())
    said, written = (" ".join(item["text"] for item in made["segments"]) for made in (before, after))
    assert "vocabulary" not in before["provenance"]
    expected = said.replace("Boris,", "Boriss,").replace("payment service.", "PayService.").replace("Sure.", "Surely.")
    assert written == expected != said
    listed = after["provenance"]["vocabulary"]
    assert (listed["name"], listed["terms"]) == ("terms.txt", 3)
    assert [(item["before"], item["after"]) for item in listed["replacements"]] == [
        ("Boris,", "Boriss,"),
        ("Sure.", "Surely."),
        ("payment service.", "PayService."),
    ]
    assert "3 places were replaced by the vocabulary; the JSON lists them" in found.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "terms.txt: the vocabulary holds no terms: write one a line"),
        (b"\x89PNG\r\n\x1a\n\x80", "terms.txt: this is no UTF-8 text"),
        (b"name\n" * 100_000, "terms.txt: it has 100000 lines"),
        (b"Anna\nwrong =>\n", "terms.txt: line 2: nothing stands behind =>; write wrong => right"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_before_the_work(
    content: bytes, said: str, cli: Cli, short: Path, tmp_path: Path
) -> None:
    (tmp_path / "terms.txt").write_bytes(content)
    done = cli(short, *ABSENT, "--vocabulary", "terms.txt", "-o", "out.json")
    assert done.code != 0
    assert [said in line for line in done.complaints] == [True], done.err
    assert len(done.err.strip().splitlines()) == 1, done.err
    missing = cli(short, *ABSENT, "--vocabulary", "missing.txt", "-o", "out.json")
    assert len(missing.complaints) == 1
    assert "missing.txt" in missing.complaints[0]


def test_the_vocabulary_is_not_written_over(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text("Anna\n", "utf-8")
    done = cli(short, *ABSENT, "--vocabulary", "terms.txt", "-o", "terms.txt", "--overwrite")
    assert done.code != 0
    assert (tmp_path / "terms.txt").read_text("utf-8") == "Anna\n"


def test_languages_that_cannot_be_meant_are_refused_in_one_line(cli: Cli, short: Path) -> None:
    unknown = cli(short, *ABSENT, "--languages", "ru,klingon", "-o", "out.json")
    assert len(unknown.complaints) == 1
    assert "'klingon': Whisper knows no such code" in unknown.complaints[0]
    both = cli(short, *ABSENT, "--languages", "ru,en", "--language", "ru", "-o", "out.json")
    assert both.complaints == ["whisperdiar: error: language 'ru' and languages 'ru,en': give one of them"]
