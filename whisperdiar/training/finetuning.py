"""Fine-tuning: a pyannote segmentation network is trained further on recordings of the user's own.

The task is pyannote.audio's own, ``SpeakerDiarization`` with the powerset loss, run by Lightning. Sources: Plaquet and
Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization", Interspeech 2023; the recipe (Adam,
cosine schedule, batches of 32, seed 42) is that of https://github.com/huggingface/diarizers.

Measured is what that recipe measures: the local output of the network, window by window, each with its best mapping of
speakers. No clustering takes part, so these are not the error rates of a whole pipeline.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.datasets import Recording
from whisperdiar.errors import BackendError, FormatError, InvalidOption, OutputError, describe_error
from whisperdiar.frameworks.pyannote import (
    EXTRA,
    REVISIONS,
    WEIGHTS,
    find_weights,
    import_pyannote,
    load_segmentation,
    silence_pyannote,
)
from whisperdiar.frameworks.torch import (
    choose_device,
    import_module,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.models.sources import Source
from whisperdiar.options import FinetuningSettings, Runtime
from whisperdiar.scoring import Difference
from whisperdiar.system.files import check_folder, read_text, stage, sweep, write_bytes, write_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.training.onnx_export import ONNX_FILE, export_segmentation
from whisperdiar.training.recordings import ReferencedAudio, compare_errors, load_recordings
from whisperdiar.types import Span

REPORT = "finetuning.json"
BASE = "pyannote/segmentation-3.0"
_RUN = "run.json"
_CHECKPOINT = "last.ckpt"
_PARTS = {"false_alarm": "false alarm", "miss": "missed detection", "confusion": "confusion"}
"""Our names → those that scoring gives them."""
_END_GUARD_S = 0.01
"""pyannote.audio refuses a window that ends with the last sample."""


@dataclass(frozen=True, slots=True)
class LocalErrors:
    """Diarization errors of the network's local output, in shares of the speech; the rate is their sum.

    Attributes:
        false_alarm, miss, confusion: shares.
        windows: how many were measured; 0 where no part is as long as a window, and the shares are None.
        recordings: seconds of each part of the rate, and of speech, by recording.
    """

    false_alarm: float | None
    miss: float | None
    confusion: float | None
    windows: int
    recordings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        if self.false_alarm is None or self.miss is None or self.confusion is None:
            return None
        return self.false_alarm + self.miss + self.confusion

    def to_dict(self) -> dict[str, Any]:
        return {"der": self.rate, **asdict(self)}


@dataclass(frozen=True, slots=True)
class FinetuningResult:
    """What fine-tuning made.

    Attributes:
        folder: to be given as ``--segmentation-model`` to the diarizers `pyannote` and `onnx`.
        before, after: errors on the recordings trained on (``training``) and on the others (``held_back``).
        losses: of each epoch, on the recordings trained on and on those held back (None where that cannot be told).
        training, held_back: ids of the recordings.
        export_difference: the largest difference between the probabilities in ONNX Runtime and PyTorch.
    """

    folder: Path
    before: Mapping[str, LocalErrors]
    after: Mapping[str, LocalErrors]
    losses: tuple[tuple[float, float | None], ...]
    training: tuple[str, ...]
    held_back: tuple[str, ...]
    export_difference: float

    def compare(self, which: str) -> Difference | None:
        """After less before, on ``training`` or ``held_back``, with interval and p over recordings; None of nothing."""
        sides = [errors[which].recordings for errors in (self.before, self.after)]
        return compare_errors(*sides, seed=0) if all(sides) else None


def split_recordings(ids: Sequence[str], *, held_back: float, seed: int) -> tuple[list[str], list[str]]:
    """Ids to train on and ids that are held back, at least one of either, chosen at random; at least two are given."""
    shuffled = list(ids)
    random.Random(seed).shuffle(shuffled)
    count = min(len(ids) - 1, max(1, round(held_back * len(ids))))
    chosen = set(shuffled[:count])
    return [item for item in ids if item not in chosen], [item for item in ids if item in chosen]


def finetune(
    recordings: Sequence[Recording],
    output: str | os.PathLike[str],
    *,
    base: str = BASE,
    settings: FinetuningSettings | None = None,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> FinetuningResult:
    """Fine-tune a segmentation network on recordings with reference turns.

    A run that was stopped goes on from its last epoch where it is started again with the same arguments.

    Args:
        output: folder that gets ``pytorch_model.bin``, ``model.onnx`` and ``finetuning.json``.
        base: repository of the hub, folder or file with a powerset segmentation of pyannote.audio.
        progress: hears of stages ``download``, ``decode`` and ``finetune``.

    Raises:
        FormatError, MediaError: a recording or its reference cannot be used.
        InvalidOption: the base network is of another kind, or the folder holds another run.
        ModelUnavailable: the base network is not here and cannot be fetched.
        BackendError: pyannote.audio is missing, or memory is too small.
        OutputError: the folder cannot be written.
    """
    settings, runtime, folder = settings or FinetuningSettings(), runtime or Runtime(), Path(output)
    require("pyannote.audio", package="pyannote.audio", extra=EXTRA)
    weights = find_weights(Source.of(base, runtime, revisions=REVISIONS, progress=progress), fine_tuned=True)
    run = _describe_run(recordings, weights, settings)
    _claim(folder, run)
    loaded = load_recordings(recordings, progress=progress)
    device = choose_device(runtime, extra=EXTRA)
    remedy = _("give a smaller --batch-size (now {batch_size}) or --window").format(batch_size=settings.batch_size)
    with (
        silence_pyannote(),
        limit_cpu_threads(runtime.threads),
        translate_memory_errors("fine-tuning", remedy=remedy),
        tempfile.TemporaryDirectory() as scratch,
        _seed(settings.seed),
    ):
        model = load_segmentation(weights)
        specifications = model.specifications
        if specifications.powerset_max_classes is None:
            raise InvalidOption(
                _("base {base}: it is a multi-label segmentation; give a powerset one such as {example}").format(
                    base=base, example=BASE
                )
            )
        window = settings.window or specifications.duration
        training, held_back = split_recordings(
            [item.id for item in loaded], held_back=settings.held_back, seed=settings.seed
        )
        if not any(_fits(span, window) for item in loaded if item.id in training for span in item.scored):
            raise FormatError(
                _(
                    "no recording is as long as a window of {window:g} s; give a shorter one with --window, or "
                    "longer recordings"
                ).format(window=window)
            )
        task = _make_task(loaded, training, specifications, window, settings, Path(scratch) / "task.npz")
        model.task = task
        task.prepare_data()
        model.setup()
        model.to(device)
        measured = {"training": training, "held_back": held_back}
        before = {key: _measure(model, task, loaded, ids, settings.batch_size) for key, ids in measured.items()}
        losses = _train(model, task, settings, device, folder, progress)
        model.to(device).eval()
        after = {key: _measure(model, task, loaded, ids, settings.batch_size) for key, ids in measured.items()}
        model.to("cpu")
        _save_checkpoint(model, folder / WEIGHTS)
        difference = export_segmentation(load_segmentation(folder / WEIGHTS), window, folder / ONNX_FILE)
    result = FinetuningResult(folder, before, after, losses, tuple(training), tuple(held_back), difference)
    write_text(folder / REPORT, json.write(_report(result, base, settings)))
    _forget_checkpoints(folder)
    return result


def _describe_run(recordings: Sequence[Recording], weights: Path, settings: FinetuningSettings) -> dict[str, Any]:
    """What a run is made of: one that was stopped must go on with the same."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    listed = [[item.id, str(item.audio.resolve()), str(item.turns), str(item.uem)] for item in recordings]
    return {"base_sha256": digest, "settings": asdict(settings), "recordings": listed}


def _claim(folder: Path, run: Mapping[str, Any]) -> None:
    """Makes the folder the place of this run; raises InvalidOption where it holds another one."""
    marker = folder / "checkpoints" / _RUN
    if (folder / REPORT).exists():
        raise InvalidOption(
            _("{folder}: it holds a finished run; give another folder with -o, or delete this one").format(
                folder=folder
            )
        )
    # Before the first epoch is over nothing would be lost: files of the manifest may be corrected.
    if marker.exists() and (folder / "checkpoints" / _CHECKPOINT).exists():
        if json.read(read_text(marker)) != json.read(json.write(run)):
            raise InvalidOption(
                _(
                    "{folder}: it holds a run with other recordings or settings; give another folder with -o, or "
                    "delete it"
                ).format(folder=folder)
            )
        return
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            _("{folder}: it cannot be made ({cause}); give another folder with -o").format(
                folder=folder, cause=error.strerror
            )
        ) from error
    check_folder(folder)
    sweep(folder)
    write_text(marker, json.write(run))


def _forget_checkpoints(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # with what a killed run left there


def _fits(span: Span, window: float) -> bool:
    return span.duration - _END_GUARD_S >= window


def _make_task(
    loaded: Sequence[ReferencedAudio],
    training: Sequence[str],
    specifications: Any,
    window: float,
    settings: FinetuningSettings,
    cache: Path,
) -> Any:
    """pyannote.audio's task over these recordings; windows are cut out of sound that whisperdiar has decoded."""
    import torch

    core = import_module("pyannote.core", package="pyannote.core", extra=EXTRA)
    database = import_module("pyannote.database.protocol", package="pyannote.database", extra=EXTRA)
    library = import_pyannote("pyannote.audio.tasks")
    scoped = {item.id: [span for span in item.scored if _fits(Span(span.start, span.end), window)] for item in loaded}
    used = [item for item in loaded if scoped[item.id]]

    def files(chosen: bool) -> Iterator[dict[str, Any]]:
        for item in used:
            if (item.id in training) is chosen:
                annotation = core.Annotation(uri=item.id)
                for number, turn in enumerate(item.turns):
                    annotation[core.Segment(turn.start, turn.end), number] = turn.speaker
                regions = [core.Segment(span.start, span.end - _END_GUARD_S) for span in scoped[item.id]]
                yield {
                    "uri": item.id,
                    "database": "manifest",
                    "scope": "file",
                    "audio": item.id,
                    "annotation": annotation,
                    "annotated": core.Timeline(regions, uri=item.id),
                }

    class ManifestProtocol(database.SpeakerDiarizationProtocol):  # type: ignore[misc, name-defined]
        name = "manifest"

        def train_iter(self) -> Iterator[dict[str, Any]]:
            return files(True)

        def development_iter(self) -> Iterator[dict[str, Any]]:
            return files(False)

    waveforms = {item.id: torch.from_numpy(item.audio.mono)[None] for item in used}
    rates = {item.id: item.audio.sample_rate for item in used}

    class DecodedDiarization(library.SpeakerDiarization):  # type: ignore[misc, name-defined]
        def get_file(self, file_id: int) -> dict[str, Any]:
            name = str(self.prepared_data["audio-path"][file_id])
            return {"waveform": waveforms[name], "sample_rate": rates[name], "uri": name}

    return DecodedDiarization(
        ManifestProtocol(),
        cache=str(cache),
        duration=window,
        max_speakers_per_chunk=len(specifications.classes),
        max_speakers_per_frame=specifications.powerset_max_classes,
        batch_size=settings.batch_size,
        num_workers=0,
    )


def _measure(
    model: Any, task: Any, loaded: Sequence[ReferencedAudio], ids: Sequence[str], batch_size: int
) -> LocalErrors:
    """Errors over windows side by side in the scored parts, by pyannote.audio's own measures."""
    import torch

    measures = import_pyannote("pyannote.audio.torchmetrics")
    found = {
        "false alarm": measures.FalseAlarmRate(0.5),
        "missed detection": measures.MissedDetectionRate(0.5),
        "confusion": measures.SpeakerConfusionRate(0.5),
    }
    numbers = {str(name): number for number, name in enumerate(task.prepared_data["audio-path"])}
    model.eval()
    windows, recordings = 0, {}
    for item in loaded:
        if item.id not in ids or item.id not in numbers:
            continue
        starts = [
            span.start + i * task.duration
            for span in item.scored
            for i in range(int((span.duration - _END_GUARD_S) // task.duration))
        ]
        windows += len(starts)
        spoken = 0.0
        with torch.inference_mode():
            for first in range(0, len(starts), batch_size):
                batch = starts[first : first + batch_size]
                chunks = [task.prepare_chunk(numbers[item.id], start, task.duration) for start in batch]
                target = task.collate_y(chunks).transpose(1, 2)
                scores = model(task.collate_X(chunks).to(model.device))
                said = model.powerset.to(model.device).to_multilabel(scores).cpu().transpose(1, 2)
                spoken += float(target.sum()) / target.shape[-1] * task.duration
                for measure in found.values():
                    measure.update(said, target)
        if spoken:
            parts = {name: float(measure.compute()) * spoken for name, measure in found.items()}
            recordings[item.id] = {"total": spoken, **parts}
        for measure in found.values():
            measure.reset()
    total = sum(parts["total"] for parts in recordings.values())
    if not total:
        return LocalErrors(None, None, None, windows)
    shares = {own: sum(parts[name] for parts in recordings.values()) / total for own, name in _PARTS.items()}
    return LocalErrors(**shares, windows=windows, recordings=recordings)


def _train(
    model: Any, task: Any, settings: FinetuningSettings, device: str, folder: Path, progress: Progress
) -> tuple[tuple[float, float | None], ...]:
    """Losses of all epochs, on the training recordings and those held back; the model is changed."""
    import torch

    lightning = import_module("lightning.pytorch", package="lightning", extra=EXTRA)
    callbacks = import_module("lightning.pytorch.callbacks", package="lightning", extra=EXTRA)
    per_epoch = max(1, task.train__len__() // settings.batch_size)

    class Watcher(callbacks.Callback):  # type: ignore[misc, name-defined]
        """Losses of each epoch, which go into the checkpoints, and the progress."""

        def __init__(self) -> None:
            self.losses: list[tuple[float, float | None]] = []

        def state_dict(self) -> dict[str, Any]:
            return {"losses": self.losses}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.losses = [tuple(item) for item in state["losses"]]

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            progress("finetune", min(0.999, trainer.global_step / (per_epoch * settings.epochs)))

        def on_validation_batch_end(self, *_: Any) -> None:
            progress("finetune", 0.0)

        def on_train_epoch_end(self, trainer: Any, _model: Any) -> None:
            held_back = trainer.callback_metrics.get("loss/val")
            loss = trainer.callback_metrics.get("loss/train")
            if loss is not None:
                self.losses.append((float(loss), None if held_back is None else float(held_back)))
            _save_trainer(trainer, folder / "checkpoints" / _CHECKPOINT)

    def configure_optimizers() -> dict[str, Any]:
        optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=per_epoch * settings.epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    model.configure_optimizers = configure_optimizers
    watcher = Watcher()
    kind, _, number = device.partition(":")
    trainer = lightning.Trainer(
        accelerator="gpu" if kind == "cuda" else "cpu",
        devices=[int(number)] if kind == "cuda" else 1,
        max_epochs=settings.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        log_every_n_steps=1,
        callbacks=[watcher],
    )
    last = folder / "checkpoints" / _CHECKPOINT
    progress("finetune", 0.0)
    with _keep_interrupts():
        trainer.fit(model, ckpt_path=str(last) if last.exists() else None, **_trusting(trainer))
    progress("finetune", 1.0)
    return tuple(watcher.losses)


def _trusting(trainer: Any) -> dict[str, Any]:
    """Newer versions of Lightning ask whether a checkpoint may hold more than weights; this one is our own."""
    import inspect

    return {"weights_only": False} if "weights_only" in inspect.signature(trainer.fit).parameters else {}


def _save_trainer(trainer: Any, path: Path) -> None:
    with stage(path) as temporary:
        try:
            trainer.save_checkpoint(temporary)
        except RuntimeError as error:  # PyTorch's writer hides what the system said
            raise OutputError(
                _("{path}: it cannot be written ({cause}); make room, and start the same command again").format(
                    path=path, cause=describe_error(error)
                )
            ) from error


def _save_checkpoint(model: Any, path: Path) -> None:
    """What pyannote.audio loads: weights, sizes and specifications, without the state of the optimiser."""
    import torch

    checkpoint: dict[str, Any] = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": import_module("lightning", package="lightning", extra=EXTRA).__version__,
        "epoch": 0,
        "global_step": 0,
    }
    model.on_save_checkpoint(checkpoint)
    # Through memory: of a disk that is full PyTorch's own writer says nothing that a person understands.
    made = io.BytesIO()
    torch.save(checkpoint, made)
    write_bytes(path, made.getvalue())


@contextmanager
def _keep_interrupts() -> Iterator[None]:
    """Lightning ends the program where Ctrl-C is pressed, and then hears no further one; here it stays an interrupt.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed inside the block.
        BackendError: training failed.
    """
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if here else None
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt from error
    except (RuntimeError, ValueError) as error:
        if "memory" in str(error):
            raise
        raise BackendError(
            _("fine-tuning failed: {cause}; start it again in another folder").format(cause=describe_error(error))
        ) from error
    finally:
        if here and before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _seed(seed: int) -> Iterator[None]:
    """Inside the block random numbers follow from the seed; pyannote.audio reads it from Lightning's variable."""
    import torch

    variable = "PL_GLOBAL_SEED"
    before = os.environ.get(variable)
    os.environ[variable] = str(seed)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before


def _report(result: FinetuningResult, base: str, settings: FinetuningSettings) -> dict[str, Any]:
    return {
        "base": base,
        "settings": asdict(settings),
        "training": list(result.training),
        "held_back": list(result.held_back),
        "measure": "diarization error rate of the network's local output, by windows; no clustering",
        "before": {key: item.to_dict() for key, item in result.before.items()},
        "after": {key: item.to_dict() for key, item in result.after.items()},
        "losses": [{"training": own, "held_back": other} for own, other in result.losses],
        "export_difference": result.export_difference,
    }
