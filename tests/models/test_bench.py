"""`whisperdiar bench`: grids that go on where they stopped, and tables of them."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("meeteval", reason="words are scored by MeetEval")
pytest.importorskip("jiwer", reason="words are scored by jiwer")

from whisperdiar.benchmarking import CellResult, Event, format_csv, format_json, format_markdown, make_cells, run_grid
from whisperdiar.cli import run
from whisperdiar.datasets import Recording, write_manifest
from whisperdiar.errors import BackendError, FormatError, InvalidOption, WhisperdiarError
from whisperdiar.media import load

SAMPLES = Path(__file__).parents[2] / "samples"
SETTINGS = {"vad": "energy", "threads": 2, "device": "cpu", "offline": True}
MODEL = str(SAMPLES / "whisper-nano")
CELLS = make_cells(["bic", "none"], [MODEL], **SETTINGS)


@pytest.fixture(scope="module")
def recording() -> Recording:
    reference = SAMPLES / "reference"
    return Recording(
        id="dialogue_fr",
        audio=SAMPLES / "dialogue_fr.wav",
        turns=reference / "dialogue_fr.rttm",
        words=reference / "dialogue_fr.stm",
        language="fr",
        kind="talk",
    )


@pytest.fixture(scope="module")
def computed(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[CellResult, ...]]:
    folder = tmp_path_factory.mktemp("results")
    events: list[Event] = []
    found = run_grid([recording], CELLS, folder, progress=events.append)
    assert [(event.number, event.total, event.error) for event in events] == [(1, 2, ""), (2, 2, "")]
    return folder, found


@pytest.mark.model
def test_figures_are_those_of_score_on_the_transcript(
    computed: tuple[Path, tuple[CellResult, ...]], recording: Recording
) -> None:
    _, (bic, nobody) = computed
    assert bic.pooled is not None
    assert nobody.pooled is not None
    assert set(bic.pooled.pooled) >= {"DER", "WER", "cpWER", "tcpWER", "WDER"}
    assert "DER" not in nobody.pooled.pooled
    # Words do not depend on the diarizer, apart from their order: both cells recognised the same sound.
    assert bic.pooled.pooled["WER"].components["length"] == nobody.pooled.pooled["WER"].components["length"]
    assert bic.results[0].duration == pytest.approx(load(recording.audio).duration, abs=0.01)
    assert bic.results[0].peak_bytes > 50e6
    assert bic.speed > 0
    assert {"whisperdiar", "faster-whisper", "meeteval", "jiwer"} <= set(bic.versions)


@pytest.mark.model
def test_tables(computed: tuple[Path, tuple[CellResult, ...]]) -> None:
    _, found = computed
    assert found[0].pooled is not None
    rate = found[0].pooled.pooled["DER"].value
    rows = [line.strip("| ").split(" | ") for line in format_markdown(found).splitlines()]
    assert rows[0][:5] == ["diarizer", "model", "recordings", "s", "DER"]
    assert rows[2][4] == f"{100 * rate:.1f}"
    assert rows[3][4] == "–"
    table = list(csv.DictReader(format_csv(found).splitlines()))
    assert [row["kind"] for row in table] == ["", "talk", "", "talk"]
    assert float(table[0]["DER"]) == pytest.approx(rate, abs=1e-6)
    data = json.loads(format_json(found))["cells"][0]
    components = data["recordings"][0]["components"]["DER"]
    wrong = sum(components[part] for part in ("missed detection", "false alarm", "confusion"))
    assert wrong / components["total"] == pytest.approx(rate)


@pytest.mark.model
def test_a_run_goes_on_where_it_stopped_and_references_may_change(
    computed: tuple[Path, tuple[CellResult, ...]], recording: Recording, tmp_path: Path
) -> None:
    before, found = computed
    folder = tmp_path / "results"
    shutil.copytree(before, folder)
    events: list[Event] = []
    assert run_grid([recording], CELLS, folder, progress=events.append) == found
    assert events == []
    # A result that was cut off is computed anew, and no other.
    damaged = sorted(folder.iterdir())[0]
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    damaged.write_bytes(kept[damaged][:100])
    run_grid([recording], CELLS, folder, progress=events.append)
    assert len(events) == 1
    assert all(path.read_bytes() == data for path, data in kept.items() if path != damaged)
    # Another reference is scored without computing anything.
    other = tmp_path / "other.rttm"
    other.write_text("SPEAKER dialogue_fr 1 0 5 <NA> <NA> X <NA> <NA>\n", "utf-8")
    (cell,) = run_grid([replace(recording, turns=other)], CELLS[:1], folder, progress=events.append)
    assert len(events) == 1
    assert cell.pooled is not None
    assert found[0].pooled is not None
    assert cell.pooled.pooled["DER"].value != found[0].pooled.pooled["DER"].value


@pytest.mark.model
def test_one_recording_that_fails_stops_no_other(
    computed: tuple[Path, tuple[CellResult, ...]], recording: Recording, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    write_manifest([replace(recording, id="broken", audio=broken), recording], tmp_path / "m.jsonl")
    given = ["bench", str(tmp_path / "m.jsonl"), "--diarizer", "bic", "--model", MODEL, "--vad", "energy"]
    given += ["--threads", "2", "--device", "cpu", "--offline", "--results", str(tmp_path / "r")]
    assert run([*given, "-o", str(tmp_path / "t.json")]) == 1
    told = capsys.readouterr().err
    assert "[1/2] bic, whisper-nano: broken: " in told
    assert "[2/2] bic, whisper-nano: dialogue_fr" in told
    data = json.loads((tmp_path / "t.json").read_text("utf-8"))["cells"][0]
    assert list(data["errors"]) == ["broken"]
    assert [item["id"] for item in data["recordings"]] == ["dialogue_fr"]


@pytest.mark.model
def test_where_nothing_could_be_computed_the_first_cause_is_told(recording: Recording, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    with pytest.raises(BackendError, match=r"nothing could be computed: .*broken\.wav"):
        run_grid([replace(recording, audio=broken)], CELLS[:1], tmp_path / "r")


def test_what_cannot_be_meant_is_told_before_the_work(
    recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidOption, match="there twice"):
        make_cells(["bic", "bic"], ["small"])
    with pytest.raises(InvalidOption, match="give one or several"):
        make_cells(["bic", ""], ["small"])
    with pytest.raises(FormatError, match="names no reference"):
        run_grid([replace(recording, turns=None, words=None)], CELLS, tmp_path / "r")
    with pytest.raises(FormatError, match="sound cannot be read"):
        run_grid([replace(recording, audio=tmp_path / "no.wav")], CELLS, tmp_path / "r")
    for cells in (make_cells(["nobody"], [MODEL], **SETTINGS), make_cells(["bic"], [str(tmp_path)], **SETTINGS),
                  make_cells(["bic"], [MODEL], diarizer_options={"no": 1}, **SETTINGS)):  # fmt: skip
        with pytest.raises(WhisperdiarError):
            run_grid([recording], cells, tmp_path / "r")
    assert not (tmp_path / "r").exists()
    assert run(["bench", str(tmp_path / "no.jsonl")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["bench", str(tmp_path / "no.jsonl"), "-o", "table.txt"]) == 2
    assert ".md, .json, .csv" in capsys.readouterr().err
