"""Tuning of diarizers on made conversations, and backends that share what their networks said."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import by_night
from tests.real_models import recording, speaker_networks
from tests.sounds import conversation, save_conversations
from whisperdiar import Span, load
from whisperdiar.datasets import Recording, write_manifest
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.errors import FormatError, InvalidOption, OutputError
from whisperdiar.formats import rttm
from whisperdiar.options import (
    BicSettings,
    EmbeddingSettings,
    OnnxSettings,
    PyannoteSettings,
    Runtime,
    TuningSettings,
)
from whisperdiar.scoring import score
from whisperdiar.selection import Choice
from whisperdiar.training.recordings import compare_errors
from whisperdiar.training.tuning import DiarizationErrors, TuningResult, make_folds, tune
from whisperdiar.types import ANY_SPEAKERS, Diarization
from whisperdiar.vad.energy import Backend as Energy

CPU = Runtime(device="cpu", threads=1, offline=True)
SETTINGS = TuningSettings(trials=6, folds=3)
seconds = st.floats(0.0, 100.0)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, ...]:
    folder = tmp_path_factory.mktemp("recordings")
    made = save_conversations(folder, {"one": "ABAB", "two": "BAB", "three": "AABB"}, each=3.0)
    write_manifest(made, folder / "recordings.jsonl")
    return made


def search(recordings: tuple[Recording, ...], journal: Path | None = None, **changes: Any) -> TuningResult:
    pytest.importorskip("optuna", reason="optuna is not installed")
    choice = Choice(name="bic", settings={"neighbour_lambda": "0.2"})
    settings = replace(SETTINGS, **changes)
    return tune(
        recordings, diarizer=choice, detector=Choice(name="energy"), settings=settings, runtime=CPU, journal=journal
    )


def test_what_is_found_is_never_worse_than_the_defaults_where_it_was_chosen(recordings: tuple[Recording, ...]) -> None:
    found = search(recordings)
    assert len(found.chosen) == 3
    assert found.seen.rate <= found.default.rate
    assert found.tuned.total == pytest.approx(found.default.total)
    for values in (found.values, *found.chosen):
        assert set(values) in ({*BicSettings.tunable}, set())
        for name, value in values.items():
            assert BicSettings.tunable[name].low <= value <= BicSettings.tunable[name].high


def test_the_errors_of_the_defaults_are_those_of_scoring(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    found = search(recordings, trials=1)
    folder = tmp_path / "found"
    folder.mkdir()
    for item in recordings:
        audio = load(item.audio, channels="mono")
        speech = Energy().detect(audio)
        diarized = Bic(BicSettings(neighbour_lambda=0.2)).diarize(audio, speech=speech, speakers=ANY_SPEAKERS)
        (folder / f"{item.id}.rttm").write_text(rttm.dumps_diarization(replace(diarized, recording_id=item.id)))
    uem = {item.id: (Span(0.0, load(item.audio).duration),) for item in recordings}
    scored = score(str(recordings[0].audio.parent / "*.rttm"), folder, uem=uem).pooled["DER"]
    assert found.default.rate == pytest.approx(scored.value, abs=1e-3)
    assert found.default.parts == pytest.approx(dict(scored.components), abs=0.02)


def journal_of(path: Path) -> dict[tuple[tuple[str, float], ...], set[str]]:
    """Which recordings were measured with which settings."""
    found: dict[tuple[tuple[str, float], ...], set[str]] = {}
    for line in path.read_text("utf-8").splitlines()[1:]:
        entry = json.loads(line)
        found.setdefault(tuple(sorted(entry["values"].items())), set()).add(entry["recording"])
    return found


@pytest.mark.model
def test_embedding_is_tuned_on_recordings_of_people(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    network = speaker_networks()["embedding_model"]
    clips = [recording(name) for name in ("ami_EN2001a", "ami_ES2003a")]
    items = [Recording(id=clip.name, audio=clip.path, turns=clip.references["rttm"]) for clip in clips]
    choice = Choice(name="embedding", settings={"embedding": "campplus", "embedding_model": network})
    journal = tmp_path / "trials.jsonl"
    settings = TuningSettings(trials=4, folds=2)
    found = tune(items, diarizer=choice, settings=settings, runtime=CPU, journal=journal)
    assert found.seen.rate < found.default.rate
    assert set(found.values) == set(EmbeddingSettings.tunable)
    measured = journal_of(journal)
    assert measured[()] == measured[tuple(sorted(found.values.items()))] == {item.id for item in items}


@pytest.mark.model
def test_pyannote_is_tuned_with_the_published_segmentation(
    recordings: tuple[Recording, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
    from pyannote.audio.models.segmentation import PyanNet

    from tests.pyannote_pipelines import REAL_SEGMENTATION
    from tests.tiny_pyannote import save_pipeline

    if not REAL_SEGMENTATION.is_file():
        pytest.skip("the published segmentation of ../shared/models is not here")
    heard: list[int] = []
    original = PyanNet.forward

    def counted(self: Any, waveforms: Any) -> Any:
        heard.append(len(waveforms))
        return original(self, waveforms)

    monkeypatch.setattr(PyanNet, "forward", counted)
    names = {"pipeline": str(save_pipeline(tmp_path)), "segmentation_model": str(REAL_SEGMENTATION)}
    journal = tmp_path / "trials.jsonl"
    totals = []
    for trials in (1, 3):
        journal.unlink(missing_ok=True)
        heard.clear()
        found = tune(
            recordings[:2],
            diarizer=Choice(name="pyannote", settings=names),
            detector=Choice(name="energy"),
            settings=TuningSettings(trials=trials, folds=2),
            runtime=CPU,
            journal=journal,
        )
        totals.append(sum(heard))
        assert found.seen.rate <= found.default.rate
    assert totals[0] == totals[1] > 0
    measured = [dict(values) for values in journal_of(journal)]
    assert {} in measured
    assert len(measured) >= 4
    assert all(set(values) in (set(), set(PyannoteSettings.tunable)) for values in measured)


def test_a_search_that_was_stopped_goes_on_without_measuring_again(
    recordings: tuple[Recording, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "trials.jsonl"
    calls = []
    original = Bic.diarize

    def stop_at(limit: int | None) -> None:
        def counted(self: Bic, audio: Any, **options: Any) -> Diarization:
            if limit is not None and len(calls) >= limit:
                raise KeyboardInterrupt
            calls.append(audio.recording_id)
            return original(self, audio, **options)

        monkeypatch.setattr(Bic, "diarize", counted)

    stop_at(10)
    with pytest.raises(KeyboardInterrupt):
        search(recordings, journal)
    stop_at(None)
    resumed = search(recordings, journal)
    resumed_calls = len(calls)
    calls.clear()
    assert search(recordings) == resumed
    assert resumed_calls == len(calls)
    with pytest.raises(InvalidOption, match="other recordings or settings"):
        search(recordings[:2], journal)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, by_night(signal.SIGKILL)])
def test_a_search_that_a_signal_ends_goes_on(
    recordings: tuple[Recording, ...], tmp_path: Path, number: signal.Signals
) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    manifest, preset = recordings[0].audio.parent / "recordings.jsonl", tmp_path / "mine.toml"
    journal = tmp_path / "mine.trials.jsonl"
    given = ["tune", str(manifest), "--diarizer", "bic", "--vad", "energy", "-o", str(preset), "--folds", "2"]
    command = [sys.executable, "-m", "whisperdiar", *given, "--trials", "6", "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        while process.poll() is None and not journal.exists():
            time.sleep(0.02)
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), told
    assert "Traceback" not in told
    assert not preset.exists()
    kept = journal.read_text("utf-8").splitlines()
    assert all(json.loads(line) for line in kept)
    again = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert "3 recordings: too few to tell" in again.stdout
    assert "3 recordings are too few to tell whether these settings are better" in again.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


def test_two_recordings_are_too_few_to_call_settings_better() -> None:
    worse, better = DiarizationErrors(100.0, miss=50.0), DiarizationErrors(100.0, miss=1.0)

    def result(count: int) -> TuningResult:
        sides = ({str(number): own.parts for number in range(count)} for own in (worse, better))
        nothing = DiarizationErrors()
        return TuningResult({}, nothing, nothing, nothing, compare_errors(*sides, seed=0), ())

    assert not result(2).is_better
    assert result(2).difference.interval[1] < 0, "though both recordings are far better"
    assert result(6).is_better


def test_a_journal_that_is_none_is_told(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    for text in ("no JSON\n", "[1]\n", ""):
        (tmp_path / "trials.jsonl").write_text(text)
        with pytest.raises(FormatError, match=r"trials\.jsonl: it cannot be read as a journal"):
            search(recordings, tmp_path / "trials.jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_ends_a_search_in_one_line(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(OutputError, match=r"trials\.jsonl: .*limit"):
            search(recordings, tmp_path / "trials.jsonl")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len((tmp_path / "trials.jsonl").read_text("utf-8").splitlines()) > 1
    assert search(recordings, tmp_path / "trials.jsonl") == search(recordings)


def test_the_preset_sets_what_was_found(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed")
    manifest = recordings[0].audio.parent / "recordings.jsonl"
    preset = tmp_path / "mine.toml"
    run = [sys.executable, "-m", "whisperdiar"]
    fixed = ("--diarizer", "bic", "--diarizer-option", "rounds=1", "--vad", "energy")
    tuned = subprocess.run(
        [*run, "tune", str(manifest), *fixed, "-o", str(preset), "--trials", "2", "--folds", "2"],
        capture_output=True,
        text=True,
    )
    assert tuned.returncode == 0, tuned.stderr
    assert "tuned, on recordings not seen" in tuned.stdout
    shown = subprocess.run([*run, "config", "transcribe", "--preset", str(preset)], capture_output=True, text=True)
    assert 'diarizer = "bic"' in shown.stdout, shown.stderr
    assert "rounds=1" in shown.stdout
    again = subprocess.run([*run, "tune", str(manifest), *fixed, "-o", str(preset)], capture_output=True, text=True)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    unknown = subprocess.run([*run, "config", "transcribe", "--preset", "nobody"], capture_output=True, text=True)
    assert unknown.returncode == 2
    assert "choose one of" in unknown.stderr


@pytest.mark.model
def test_onnx_hears_a_sound_once_and_finds_the_same() -> None:
    from whisperdiar.diarization.onnx import Backend

    settings = OnnxSettings(**speaker_networks())  # type: ignore[arg-type]
    audio, _ = conversation("ABAB", each=3.0)
    speech = (Span(0.0, audio.duration),)
    shared = Backend(settings, runtime=CPU)
    shared.remember()
    for threshold in (0.2, 0.9):
        changed = replace(settings, clustering_threshold=threshold)
        found = shared.reconfigure(changed).diarize(audio, speech=speech, speakers=ANY_SPEAKERS)
        fresh = Backend(changed, runtime=CPU).diarize(audio, speech=speech, speakers=ANY_SPEAKERS)
        assert found.turns == fresh.turns


@pytest.mark.model
def test_pyannote_hears_a_sound_once_and_finds_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
    from tests.pyannote_pipelines import backend, diarize
    from tests.tiny_pyannote import save_pipeline

    folder = save_pipeline(tmp_path)
    audio, _ = conversation("ABAB", each=3.0)
    shared = backend(folder)
    shared.remember()
    for threshold in (0.4, 0.9):
        changed = replace(shared.settings, clustering_threshold=threshold)
        found = diarize(shared.reconfigure(changed), audio)
        assert found.turns == diarize(backend(folder, clustering_threshold=threshold), audio).turns


@given(st.integers(2, 60), st.integers(2, 10), st.integers(0, 3))
def test_every_recording_is_in_one_fold(count: int, folds: int, seed: int) -> None:
    ids = [str(number) for number in range(count)]
    made = make_folds(ids, folds, seed=seed)
    assert sorted(item for fold in made for item in fold) == sorted(ids)
    assert all(made)
    assert max(map(len, made)) - min(map(len, made)) <= 1


@given(st.lists(st.tuples(st.floats(1.0, 100.0), seconds, seconds), min_size=1, max_size=8))
def test_the_interval_turns_round_with_the_two_and_is_nothing_for_equals(
    rows: list[tuple[float, float, float]],
) -> None:
    pairs = [(DiarizationErrors(total, own), DiarizationErrors(total, other)) for total, own, other in rows]
    sides = [{str(number): own[side].parts for number, own in enumerate(pairs)} for side in (0, 1)]
    low, high = compare_errors(*sides, seed=1).interval
    other_low, other_high = compare_errors(*reversed(sides), seed=1).interval
    assert low <= high
    assert low == pytest.approx(-other_high, abs=1e-9)
    assert high == pytest.approx(-other_low, abs=1e-9)
    same = compare_errors(sides[0], sides[0], seed=1)
    assert (same.interval, same.p) == ((0.0, 0.0), 1.0)
    # However large the difference is: of fewer than six recordings nobody can tell.
    assert compare_errors(*sides, seed=1).is_significant <= (len(rows) >= 6)
