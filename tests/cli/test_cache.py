"""The cache on the command line: a second run repeats only what changed, and a killed one goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import BIC, Cli
from tests.sounds import SAMPLES
from whisperdiar.transcript import Transcript

WORDS = ("--model", SAMPLES / "whisper-nano", "--threads", "1")
ALL = "speech detection, speech recognition, diarization"


@pytest.fixture
def talk(short: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(short, tmp_path / "talk.wav"))


@pytest.fixture(autouse=True)
def _with_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WHISPERDIAR_NO_CACHE")
    monkeypatch.setenv("WHISPERDIAR_CACHE", str(tmp_path / "cache"))


def _taken(err: str) -> str:
    """What the note says that came from the cache."""
    lines = [line.partition("from the cache: ")[2] for line in err.splitlines() if "from the cache: " in line]
    return lines[0].partition(" (--no-cache")[0] if lines else ""


@pytest.mark.model
def test_a_second_run_repeats_what_changed_and_redo_needs_no_recording(cli: Cli, talk: Path, tmp_path: Path) -> None:
    first = cli(talk, *WORDS, *BIC, "-o", "a.json")
    assert (first.code, _taken(first.err)) == (0, "")
    second = cli(talk, *WORDS, *BIC, "-o", "b.json")
    assert (second.code, _taken(second.err)) == (0, ALL)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    third = cli(talk, *WORDS, *BIC, "--speakers", "2", "-o", "c.json")
    assert _taken(third.err) == "speech detection, speech recognition"
    plain = cli(talk, *WORDS, *BIC, "--speakers", "2", "-o", "d.json", "--no-cache")
    assert (plain.code, _taken(plain.err)) == (0, "")
    assert (tmp_path / "c.json").read_bytes() == (tmp_path / "d.json").read_bytes()

    talk.rename(tmp_path / "elsewhere.wav")
    redone = cli("redo", "a.json", "--speakers", "2", "-o", "e.json", "-o", "e.srt")
    assert (redone.code, _taken(redone.err)) == (0, ALL)
    assert (tmp_path / "e.json").read_bytes() == (tmp_path / "d.json").read_bytes()
    assert (tmp_path / "e.srt").read_text("utf-8").startswith("1\n")
    lost = cli("redo", "a.json", "--speakers", "3", "-o", "f.json")
    assert lost.code == 1
    assert "it is not at hand" in lost.complaints[0]
    other = cli("redo", "a.json", "--media", SAMPLES / "standup.mp4", "-o", "g.json")
    assert other.code == 2
    assert "this is not the recording of the transcript" in other.complaints[0]
    found = cli("redo", "a.json", "--speakers", "3", "--media", "elsewhere.wav", "-o", "g.json")
    assert (found.code, _taken(found.err)) == (0, "speech detection, speech recognition")


@pytest.mark.model
def test_words_that_were_recognised_serve_every_given_text(cli: Cli, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Anna: Good morning everyone. Boris, would you like to go first?", "utf-8")
    (tmp_path / "b.txt").write_text(
        "Eve: Good morning everybody. Boris, purple elephants, would you like to go first?", "utf-8"
    )
    assert cli(talk, *WORDS, *BIC, "-o", "plain.json").code == 0
    for name in ("a", "b"):
        done = cli("align", "--text", f"{name}.txt", talk, *WORDS, "--vad", "energy", "-o", f"{name}.json")
        assert done.code == 0, done.err
        assert _taken(done.err).startswith("speech detection, speech recognition")
    again = cli("align", "--text", "b.txt", talk, *WORDS, "--vad", "energy", "-o", "b.json", "--overwrite")
    assert _taken(again.err) == "speech detection, speech recognition, placing of the text, diarization"
    anew = cli("align", "--text", "b.txt", talk, *WORDS, "--vad", "energy", "-o", "c.json", "--no-cache")
    assert (anew.code, _taken(anew.err)) == (0, "")
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    assert json.loads((tmp_path / "b.json").read_bytes())["provenance"]["asr"]["details"]["text"]["name"] == "b.txt"


@pytest.mark.model
def test_damage_and_a_folder_that_cannot_be_made_cost_time_alone(cli: Cli, talk: Path, tmp_path: Path) -> None:
    first = cli(talk, *WORDS, *BIC, "-o", "a.json")
    for path in (tmp_path / "cache" / "stages").glob("*/*"):
        path.write_bytes(path.read_bytes()[:-3])
    second = cli(talk, *WORDS, *BIC, "-o", "b.json")
    assert (first.code, second.code) == (0, 0)
    assert second.err.count("a damaged entry of the cache is not used") == 1
    (tmp_path / "taken").write_text("a file")
    third = cli(talk, *WORDS, *BIC, "-o", "c.json", "--cache-dir", "taken/cache")
    assert third.code == 0
    assert third.err.count("the cache is not written: ") == 1
    assert (
        (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    )


def test_the_cache_is_shown_and_cleared(cli: Cli, talk: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache" / "stages"
    assert cli("diarize", talk, *BIC, "-o", "a.rttm").code == 0
    assert cli("cache", "path").out == f"{place}\n"
    assert cli("cache", "show").out.startswith(f"{place}: ")
    assert _taken(cli("diarize", talk, *BIC, "-o", "b.rttm").err) == "speech detection, diarization"
    assert "removed " in cli("cache", "clear").out
    assert not place.exists()
    assert cli("cache", "show").out == f"{place}: 0 files, 0.0 MB\n"
    assert _taken(cli("diarize", talk, *BIC, "-o", "c.rttm").err) == ""
    assert (tmp_path / "a.rttm").read_bytes() == (tmp_path / "c.rttm").read_bytes()


@pytest.mark.model
def test_redo_says_that_it_leaves_out_what_people_corrected(cli: Cli, talk: Path, tmp_path: Path) -> None:
    assert cli(talk, *WORDS, *BIC, "-o", "a.json").code == 0
    assert "--keep-edits" not in cli("redo", "a.json", "-o", "b.json").err
    assert cli("rename", "a.json", "SPEAKER_00=Anna", "-o", "named.json").code == 0
    told = cli("redo", "named.json", "-o", "c.json")
    assert told.code == 0
    assert "named.json: its names and corrections are left out" in told.err
    kept = cli("redo", "named.json", "--keep-edits", "named.json", "-o", "d.json")
    assert (kept.code, "are left out" in kept.err) == (0, False)
    assert Transcript.load(tmp_path / "d.json").speakers[0].name == "Anna"


def test_a_transcript_of_another_program_cannot_be_redone(cli: Cli, tmp_path: Path) -> None:
    nobody = Transcript("talk", 1.0)
    nobody.save(tmp_path / "a.json")
    done = cli("redo", "a.json", "-o", "b.srt")
    assert done.code == 2
    assert "transcribe the recording again" in done.complaints[0]


@pytest.mark.model
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes of POSIX")
def test_a_killed_run_goes_on_to_the_same_bytes(talk: Path) -> None:
    """A few of the kills of `benchmarks/resumed_runs.py`, in a process that has not computed yet."""
    script = SAMPLES.parent / "benchmarks" / "resumed_runs.py"
    options = ["--kills", "2", "--seed", "1", "--recording", str(talk), "--", *map(str, WORDS), *BIC]
    environment = {**os.environ, "PYTHONPATH": str(SAMPLES.parent)}
    done = subprocess.run([sys.executable, str(script), *options], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert (found["kills"], found["different"]) == (2, 0)
