"""Fine-tuning of a tiny network of pyannote's own class on a made conversation, by pyannote.audio and Lightning."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import by_night
from tests.sounds import conversation, save_conversations
from whisperdiar.datasets import Recording, read_manifest, write_manifest
from whisperdiar.errors import FormatError, InvalidOption, OutputError
from whisperdiar.options import FinetuningSettings, OnnxSettings, Runtime
from whisperdiar.training.finetuning import FinetuningResult, finetune, split_recordings

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
pytestmark = pytest.mark.model

CPU = Runtime(device="cpu", threads=1, offline=True)
SETTINGS = FinetuningSettings(learning_rate=1e-2, epochs=3, batch_size=4, held_back=0.3)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, ...]:
    orders = {"one": "ABAB", "two": "BABA", "three": "AABB"}
    return save_conversations(tmp_path_factory.mktemp("recordings"), orders, each=2.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_pyannote import save_checkpoint, segmentation_model

    return save_checkpoint(segmentation_model(), tmp_path_factory.mktemp("base") / "pytorch_model.bin")


@pytest.fixture(scope="module")
def tuned(recordings: tuple[Recording, ...], base: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuningResult:
    folder = tmp_path_factory.mktemp("tuned")
    return finetune(recordings, folder, base=str(base.parent), settings=SETTINGS, runtime=CPU)


def test_the_loss_falls_and_recordings_are_held_back(tuned: FinetuningResult) -> None:
    losses = [own for own, _ in tuned.losses]
    assert len(losses) == SETTINGS.epochs
    assert losses[-1] < losses[0]
    assert len(tuned.held_back) == 1
    assert set(tuned.training) | set(tuned.held_back) == {"one", "two", "three"}
    report = json.loads((tuned.folder / "finetuning.json").read_text("utf-8"))
    after = report["after"]["training"]
    assert after["der"] == pytest.approx(after["false_alarm"] + after["miss"] + after["confusion"])
    assert tuned.after["training"].rate < tuned.before["training"].rate
    assert not (tuned.folder / "checkpoints").exists()


def test_both_diarizers_load_the_result_and_hear_the_same(tuned: FinetuningResult) -> None:
    import torch

    from whisperdiar.diarization.onnx.segmentation import Segmentation, find
    from whisperdiar.frameworks.pyannote import find_weights, load_segmentation, silence_pyannote
    from whisperdiar.models.sources import Source

    path = find(str(tuned.folder), CPU, lambda stage, fraction: None)
    segmentation = Segmentation(path, OnnxSettings(), CPU, name="tuned")
    assert segmentation.powerset
    assert segmentation.window == 2.0
    with silence_pyannote():
        model = load_segmentation(find_weights(Source.of(str(tuned.folder), CPU), fine_tuned=True))
    audio, _ = conversation("AB", each=2.0)
    windows = np.stack([audio.mono[:32_000], audio.mono[16_000:48_000]])[:, None]
    with torch.inference_mode():
        expected = model(torch.from_numpy(windows)).numpy()
    assert np.abs(segmentation._session(windows) - expected).max() < 1e-3
    assert tuned.export_difference < 1e-3


def test_an_interrupted_run_ends_as_if_it_had_not_been(
    recordings: tuple[Recording, ...], base: Path, tuned: FinetuningResult, tmp_path: Path
) -> None:
    def stop_in_the_third_epoch(stage: str, fraction: float) -> None:
        if stage == "finetune" and fraction > 0.7:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        finetune(recordings, folder, base=str(base), settings=SETTINGS, runtime=CPU, progress=stop_in_the_third_epoch)
    assert (folder / "checkpoints" / "last.ckpt").exists()
    with pytest.raises(InvalidOption, match="other recordings or settings"):
        finetune(recordings, folder, base=str(base), settings=replace(SETTINGS, seed=1), runtime=CPU)
    resumed = finetune(recordings, folder, base=str(base), settings=SETTINGS, runtime=CPU)
    assert np.allclose([own for own, _ in resumed.losses], [own for own, _ in tuned.losses], atol=1e-4)
    with pytest.raises(InvalidOption, match="finished run"):
        finetune(recordings, folder, base=str(base), settings=SETTINGS, runtime=CPU)


@pytest.fixture
def manifest(recordings: tuple[Recording, ...], tmp_path: Path) -> Path:
    write_manifest(recordings, tmp_path / "recordings.jsonl")
    return tmp_path / "recordings.jsonl"


def command(manifest: Path, base: Path, folder: Path, epochs: int) -> list[str]:
    run = [sys.executable, "-m", "whisperdiar", "finetune", str(manifest), "--base", str(base), "-o", str(folder)]
    options = ["--learning-rate", "0.01", "--batch-size", "4", "--held-back", "0.3", "--epochs", str(epochs)]
    return [*run, *options, "--device", "cpu", "--threads", "1", "--offline", "--progress", "json"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [by_night(signal.SIGINT), by_night(signal.SIGKILL)])
def test_a_run_that_a_signal_ends_goes_on(manifest: Path, base: Path, tmp_path: Path, number: signal.Signals) -> None:
    """What is left is one whole checkpoint; the same command takes it up and leaves nothing of the run behind."""
    epochs, folder = 8, tmp_path / "run"
    last = folder / "checkpoints" / "last.ckpt"
    with subprocess.Popen(command(manifest, base, folder, epochs), stderr=subprocess.PIPE, encoding="utf-8") as process:
        while process.poll() is None and not last.exists():
            time.sleep(0.02)
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), told
    assert last.exists()
    assert "Traceback" not in told
    (folder / "checkpoints" / f".whisperdiar-{process.pid}-0123456789abcdef.tmp").touch()  # as kill -9 may leave one
    settings = replace(SETTINGS, epochs=epochs)
    found = finetune(read_manifest(manifest), folder, base=str(base), settings=settings, runtime=CPU)
    assert len(found.losses) == epochs
    assert sorted(path.name for path in folder.iterdir()) == ["finetuning.json", "model.onnx", "pytorch_model.bin"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("when", ["checkpoint", "network"])
def test_a_full_disk_is_told_in_one_line_and_nothing_is_lost(
    recordings: tuple[Recording, ...], base: Path, tuned: FinetuningResult, tmp_path: Path, when: str
) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(stage: str, fraction: float) -> None:
        if stage == "finetune" and fraction >= {"checkpoint": 0.0, "network": 1.0}[when]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))

    try:
        with pytest.raises(OutputError) as error:
            finetune(recordings, tmp_path / "run", base=str(base), settings=SETTINGS, runtime=CPU, progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path / "run") in str(error.value)
    assert "\n" not in str(error.value)
    again = finetune(recordings, tmp_path / "run", base=str(base), settings=SETTINGS, runtime=CPU)
    assert np.allclose([own for own, _ in again.losses], [own for own, _ in tuned.losses], atol=1e-4)


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    recordings: tuple[Recording, ...], base: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OutputError, match="give another folder"):
            finetune(recordings, folder, base=str(base), settings=SETTINGS, runtime=CPU)


def test_a_manifest_may_be_corrected_before_the_first_epoch_is_over(
    recordings: tuple[Recording, ...], base: Path, tmp_path: Path
) -> None:
    wrong = [replace(recordings[0], audio=tmp_path / "no.wav"), *recordings[1:]]
    with pytest.raises(FormatError, match=r"no\.wav: the sound is missing"):
        finetune(wrong, tmp_path / "run", base=str(base), settings=SETTINGS, runtime=CPU)
    found = finetune(recordings, tmp_path / "run", base=str(base), settings=SETTINGS, runtime=CPU)
    assert len(found.losses) == SETTINGS.epochs


def test_of_one_recording_held_back_nobody_can_tell_whether_the_network_is_better(tuned: FinetuningResult) -> None:
    compared = tuned.compare("held_back")
    assert compared is not None
    before, after = tuned.before["held_back"], tuned.after["held_back"]
    assert before.rate is not None
    assert after.rate is not None
    assert compared.difference == pytest.approx(after.rate - before.rate, abs=1e-6)
    assert compared.n_recordings == 1
    assert not compared.can_tell
    assert not compared.is_significant
    # The pooled shares are those of the recordings, by their speech.
    own = tuned.after["training"]
    assert set(own.recordings) == set(tuned.training)
    total = sum(parts["total"] for parts in own.recordings.values())
    assert own.miss == pytest.approx(sum(item["missed detection"] for item in own.recordings.values()) / total)


def _without_speech(items: list[Recording]) -> list[Recording]:
    assert items[0].turns is not None
    empty = items[0].turns.with_suffix(".empty.rttm")
    empty.write_text("")
    return [replace(items[0], turns=empty), *items[1:]]


def _without_reference(items: list[Recording]) -> list[Recording]:
    return [replace(items[0], turns=None), *items[1:]]


def _beyond_the_sound(items: list[Recording]) -> list[Recording]:
    assert items[0].turns is not None
    longer = items[0].turns.with_suffix(".long.rttm")
    longer.write_text("SPEAKER one 1 1.0 500.0 <NA> <NA> A <NA> <NA>\n", encoding="utf-8")
    return [replace(items[0], turns=longer), *items[1:]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda items: items[:1], "two or more"),
        (_without_reference, "no reference turns"),
        (_without_speech, "nobody speaks in its reference"),
        (_beyond_the_sound, "reaches to 501.0 s"),
    ],
)
def test_recordings_that_cannot_be_trained_on_are_told(
    change: Callable[[list[Recording]], list[Recording]],
    message: str,
    recordings: tuple[Recording, ...],
    base: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(FormatError, match=message) as error:
        finetune(change(list(recordings)), tmp_path, base=str(base), settings=SETTINGS, runtime=CPU)
    assert "\n" not in str(error.value)


def test_other_networks_and_windows_that_fit_nowhere_are_told(
    recordings: tuple[Recording, ...], base: Path, tmp_path: Path
) -> None:
    from tests.tiny_pyannote import save_checkpoint, segmentation_model

    other = save_checkpoint(segmentation_model(powerset=False), tmp_path / "other" / "pytorch_model.bin")
    with pytest.raises(InvalidOption, match="powerset"):
        finetune(recordings, tmp_path / "a", base=str(other), settings=SETTINGS, runtime=CPU)
    with pytest.raises(FormatError, match="as long as a window"):
        long = replace(SETTINGS, window=60.0)
        finetune(recordings, tmp_path / "b", base=str(base), settings=long, runtime=CPU)


@given(st.integers(2, 200), st.floats(0.01, 0.99), st.integers(0, 5))
def test_some_recordings_are_trained_on_and_some_held_back(count: int, share: float, seed: int) -> None:
    ids = [str(number) for number in range(count)]
    training, held_back = split_recordings(ids, held_back=share, seed=seed)
    assert training
    assert held_back
    assert sorted(training + held_back) == sorted(ids)
    assert abs(len(held_back) - share * count) <= 1
