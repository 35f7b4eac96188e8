"""`whisperdiar data`: manifests of data sets."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import pytest

from whisperdiar.cli import run
from whisperdiar.datasets import read_manifest

SAMPLES = Path(__file__).parents[2] / "samples"


def test_a_folder_becomes_a_manifest_with_statistics_and_sound_of_one_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(SAMPLES / "call.flac", folder)
    for suffix in (".rttm", ".stm"):
        shutil.copy(SAMPLES / "reference" / f"call{suffix}", folder)
    manifest = folder / "manifest.jsonl"
    given = ["data", "folder", str(folder), "-o", str(manifest), "--wav", str(folder / "wav"), "--json"]
    assert run([*given, "--lhotse", str(folder / "lhotse")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["findings"] == []
    assert told["statistics"]["recordings"] == 1
    assert told["statistics"]["speakers"] == 2
    (item,) = read_manifest(manifest)
    assert (item.audio, item.turns, item.words) == (folder / "wav/call.wav", folder / "call.rttm", folder / "call.stm")
    with wave.open(str(item.audio)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 16000, 2)
        assert file.getnframes() / 16000 == pytest.approx(item.duration, abs=0.01)
    assert len((folder / "lhotse/supervisions.jsonl").read_text().splitlines()) > 5
    assert run(given) == 2  # nobody allowed it to be replaced
    assert "--overwrite" in capsys.readouterr().err
    (folder / "call.rttm").unlink()
    assert run(["data", "manifest", str(manifest)]) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_without_a_folder_it_says_where_a_corpus_is_to_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "ami"]) == 0
    told = capsys.readouterr().out
    assert "CC BY 4.0" in told
    assert "https://groups.inf.ed.ac.uk/ami/download/" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["data", "ami", "."], "-o MANIFEST.jsonl"),
        (["data", "manifest"], "give the file"),
        (["data", "folder", "nowhere"], "there is no such folder"),
        (["data", "manifest", "nowhere.jsonl"], "there is no such file"),
        (["data", "nothing", "."], "nothing"),
    ],
)
def test_bad_input_gets_one_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) in (1, 2)
    found = capsys.readouterr().err
    assert told in found
    assert found.count("\n") == 1
