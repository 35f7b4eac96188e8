"""`whisperdiar bench`: grids that go on where they stopped, and tables of them."""

from __future__ import annotations

import csv
import importlib
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

pytest.importorskip("meeteval", reason="words are scored by MeetEval")
pytest.importorskip("jiwer", reason="words are scored by jiwer")

from tests.examples import by_night
from tests.sounds import save_conversations
from whisperdiar.benchmarking import (
    CellResult,
    Event,
    format_csv,
    format_json,
    format_markdown,
    list_remarks,
    make_cells,
    run_grid,
)
from whisperdiar.cli import run
from whisperdiar.datasets import Recording, write_manifest
from whisperdiar.errors import BackendError, FormatError, InvalidOption, OutputError, WhisperdiarError
from whisperdiar.media import load
from whisperdiar.options import ScoreOptions
from whisperdiar.transcript import Transcript

SAMPLES = Path(__file__).parents[2] / "samples"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
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
def brief(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Six seconds, for what becomes of processes."""
    (found,) = save_conversations(tmp_path_factory.mktemp("brief"), {"brief": "AB"}, each=2.0)
    return found


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
def test_the_benchmark_of_the_whole_way_counts_the_same_on_the_same_words(
    computed: tuple[Path, tuple[CellResult, ...]], recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of docs/accuracy.md and the comparisons below it are made by two programs."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    end_to_end, page = (importlib.import_module(name) for name in ("end_to_end", "benchmarks.accuracy_page"))
    folder, cells = computed
    write_manifest([recording], tmp_path / "m.jsonl")
    (own,) = end_to_end.recordings(tmp_path / "m.jsonl", ["*"])
    kept = [json.loads(path.read_text("utf-8")) for path in sorted(folder.iterdir())]
    (transcript,) = (Transcript.from_dict(row["transcript"]) for row in kept if row["settings"]["diarizer"] == "bic")
    figures = end_to_end.measured(own, load(recording.audio), transcript, end_to_end.Clock())
    options = ScoreOptions(normaliser="whisper")
    (cell, _) = run_grid([recording], CELLS, folder, options=options)
    (data, _) = json.loads(format_json([cell, cells[1]]))["cells"]
    table = dict(zip(page.COLUMNS, page.make_cells(data["recordings"]), strict=True))
    other = dict(zip(end_to_end.COLUMNS, end_to_end.cells(figures), strict=True))
    del table["× real"], other["× real"]
    assert table == other
    assert float(table["DER"]) > 0
    # … and as the Markdown of bench shows it.
    head, _, row = (line.strip("| ").split(" | ") for line in format_markdown([cell]).splitlines()[:3])
    assert table.items() <= dict(zip(head, row, strict=True)).items()


@pytest.mark.model
def test_tables(computed: tuple[Path, tuple[CellResult, ...]]) -> None:
    _, found = computed
    assert found[0].pooled is not None
    rate = found[0].pooled.pooled["DER"].value
    rows = [line.strip("| ").split(" | ") for line in format_markdown(found).splitlines()]
    bic, nobody = (dict(zip(rows[0], row, strict=True)) for row in rows[2:4])
    assert bic["DER"] == f"{100 * rate:.1f}"
    assert nobody["DER"] == "–"
    assert int(bic["words"]) > 0
    assert bic["found"] in ("0 of 1", "1 of 1")
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
    brief: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    write_manifest([replace(brief, id="broken", audio=broken), brief], tmp_path / "m.jsonl")
    given = ["bench", str(tmp_path / "m.jsonl"), "--diarizer", "bic", "--model", MODEL, "--vad", "energy"]
    given += ["--threads", "2", "--device", "cpu", "--offline", "--results", str(tmp_path / "r")]
    assert run([*given, "-o", str(tmp_path / "t.json")]) == 1
    told = capsys.readouterr().err
    assert "[1/2] bic, whisper-nano: broken: " in told
    assert "[2/2] bic, whisper-nano: brief" in told
    data = json.loads((tmp_path / "t.json").read_text("utf-8"))["cells"][0]
    assert list(data["errors"]) == ["broken"]
    assert [item["id"] for item in data["recordings"]] == ["brief"]


@pytest.mark.model
def test_where_nothing_could_be_computed_the_first_cause_is_told(recording: Recording, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    with pytest.raises(BackendError, match=r"nothing could be computed: .*broken\.wav"):
        run_grid([replace(recording, audio=broken)], CELLS[:1], tmp_path / "r")


def test_settings_of_one_diarizer_stand_behind_it() -> None:
    cells = make_cells(["bic", "onnx:exact=true:plda=C:\\p.npz", "onnx"], ["small"], diarizer_options={"stitch": "1"})
    assert [(item.diarizer, item.settings["diarizer_options"]) for item in cells] == [
        ("bic", {"stitch": "1"}),
        ("onnx", {"stitch": "1", "exact": "true", "plda": "C:\\p.npz"}),
        ("onnx", {"stitch": "1"}),
    ]
    assert len(set(cells)) == 3
    assert cells[1].title == "onnx exact=true plda=p.npz"


@pytest.mark.model
def test_recordings_without_a_reference_are_left_out_and_told(
    computed: tuple[Path, tuple[CellResult, ...]], recording: Recording
) -> None:
    folder, _ = computed
    told: list[str] = []
    other = replace(recording, id="other", turns=None, words=None)
    (cell,) = run_grid([other, recording], CELLS[:1], folder, notify=told.append)
    assert [own.recording.id for own in cell.results] == ["dialogue_fr"]
    assert "other: the manifest names no reference" in told[0]


@pytest.mark.model
def test_a_recording_that_ends_its_process_stops_no_other(brief: Recording, tmp_path: Path) -> None:
    events: list[Event] = []
    killed: list[int] = []

    def kill_once(stage: str, fraction: float) -> None:
        if not killed:
            (worker,) = [item for item in psutil.Process().children() if "worker" in " ".join(item.cmdline())]
            killed.append(worker.pid)
            worker.kill()

    recordings = [replace(brief, id="first"), replace(brief, id="second")]
    cells = CELLS[1:]
    (cell,) = run_grid(recordings, cells, tmp_path / "r", progress=events.append, listen=kill_once)
    assert [own.recording.id for own in cell.results] == ["second"]
    if sys.platform != "win32":
        assert "ended by signal 9" in cell.errors["first"]
    assert [(event.number, event.recording, bool(event.error)) for event in events] == [
        (1, "first", True),
        (2, "second", False),
    ]


@pytest.mark.model
def test_a_cell_that_cannot_run_is_told_once_and_others_go_on(
    computed: tuple[Path, tuple[CellResult, ...]], recording: Recording, brief: Recording
) -> None:
    folder, _ = computed
    broken = make_cells(["nemotron:model=/nowhere"], [MODEL], **SETTINGS)
    events: list[Event] = []
    recordings = [recording, replace(brief, id="again")]
    found = run_grid(recordings, (*broken, *CELLS[1:]), folder, progress=events.append)
    assert [event.recording for event in events] == ["", "again"]
    assert (events[0].number, len(found[0].errors), len(found[1].results)) == (3, 2, 2)
    remarks = list_remarks(found)
    assert sum("dialogue_fr, again: " in line for line in remarks) == 1
    assert any("not every cell has every recording" in line for line in remarks)


def arguments(recordings: list[Recording], folder: Path) -> list[str]:
    write_manifest(recordings, folder / "m.jsonl")
    given = ["bench", str(folder / "m.jsonl"), "--diarizer", "none", "--model", MODEL, "--vad", "energy"]
    return [*given, "--threads", "2", "--device", "cpu", "--offline", "--results", str(folder / "r")]


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [by_night(signal.SIGINT), signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process_and_goes_on(
    brief: Recording, tmp_path: Path, number: signal.Signals
) -> None:
    """One after another of several recordings; the signal comes when the first result is there."""
    given = arguments([replace(brief, id=f"r{count}") for count in range(3)], tmp_path)
    command = [sys.executable, "-m", "whisperdiar", *given]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr is not None
        first = next(line for line in process.stderr if line.startswith("[1/3]"))
        workers = psutil.Process(process.pid).children()
        process.send_signal(number)
        rest = process.stderr.read()
        process.wait()
    assert "r0" in first
    gone, _ = psutil.wait_procs(workers, timeout=20)
    assert len(gone) == len(workers) == 1
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert "the same command goes on there" in rest
        assert len(rest.splitlines()) <= 3
    if number == signal.SIGINT:
        done = {path: path.read_bytes() for path in (tmp_path / "r").glob("*.json")}
        again = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        assert "[1/3]" not in again.stderr
        assert "[3/3]" in again.stderr
        assert all(path.read_bytes() == data for path, data in done.items())
        assert not [path for path in (tmp_path / "r").iterdir() if path.suffix != ".json"]


@pytest.mark.model
@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_ends_the_run_in_one_line(brief: Recording, tmp_path: Path) -> None:
    import resource

    given = arguments([brief, replace(brief, id="again")], tmp_path)
    found = subprocess.run(
        [sys.executable, "-m", "whisperdiar", *given, "--quiet"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)),
    )
    assert found.returncode == 1
    (line,) = found.stderr.splitlines()
    assert "limit" in line
    assert not list((tmp_path / "r").iterdir())


def test_a_folder_that_cannot_be_made_is_told_before_the_work(recording: Recording, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="give another folder for the results"):
        run_grid([recording], CELLS, tmp_path / "file" / "r")


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
    assert run(["bench", str(tmp_path)]) == 1
    assert "whisperdiar data folder" in capsys.readouterr().err
    cells = make_cells(["onnx", "bic"], [MODEL], diarizer_options={"exact": "true"}, **SETTINGS)
    with pytest.raises(InvalidOption, match=r"bic has no setting 'exact'.*onnx:exact=true,bic"):
        run_grid([recording], cells, tmp_path / "r")
    assert run(["bench", str(tmp_path / "no.jsonl"), "-o", "table.txt"]) == 2
    assert ".md, .json, .csv" in capsys.readouterr().err
