"""The grid: diarizers × models over recordings. What is computed is kept, so that a run goes on where it stopped.

A result is found again by what it depends on: the sound, the settings, and the versions of this program and of the
packages that compute. References play no part: every run scores anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import itertools
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import Any

from whisperdiar.assembly import Request, check_request
from whisperdiar.benchmarking.worker import PREFIX
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.datasets import Recording, read_uem
from whisperdiar.errors import BackendError, FormatError, InvalidOption, OutputError
from whisperdiar.options import Runtime, ScoreOptions
from whisperdiar.scoring import (
    Document,
    RecordingScore,
    Score,
    document_of,
    pool_scores,
    read_reference,
    score_document,
)
from whisperdiar.selection import Choice
from whisperdiar.system.files import check_folder, sweep
from whisperdiar.system.log import warn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span
from whisperdiar.version import __version__

_PACKAGES = (
    *("faster-whisper", "ctranslate2", "onnxruntime", "numpy", "scipy", "av", "torch", "pyannote.audio"),
    *("speechbrain", "nemo-toolkit", "transformers", "pocketsphinx", "kaldi-native-fbank"),
)
_SCORERS = ("meeteval", "jiwer", "whisper-normalizer")
_BLOCK = 1 << 20
_BEFORE_SETTING = re.compile(r":(?=[A-Za-z_-]+=)")
"""Where a setting of a diarizer begins; a colon within a value, as of a path on Windows, stays."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A combination: a diarizer, a model and what else `open_pipeline` is given, the same for all recordings.

    Attributes:
        variant: settings of this diarizer alone, ``KEY=VALUE``, one a line; they are in `settings`, too.
    """

    diarizer: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    variant: str = ""

    @property
    def title(self) -> str:
        """The diarizer with its variant; of a path the file alone: where it lies is nobody's business."""
        shown = [f"{key}={_shorten_path(value)}" for key, _, value in (own.partition("=") for own in self._own)]
        return " ".join([self.diarizer, *shown])

    @property
    def name(self) -> str:
        return f"{self.title}, {Path(self.model).name}"

    @property
    def _own(self) -> list[str]:
        return self.variant.split("\n") if self.variant else []


@dataclass(frozen=True, slots=True)
class Event:
    """How far a run is.

    Attributes:
        number, total: results that are there, and all of them.
        left: seconds that the rest will take, about; None where nobody knows.
        recording: whose result it is; empty where the whole cell failed.
        error: why a result could not be computed; empty where it was.
    """

    number: int
    total: int
    cell: Cell
    recording: str
    left: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What one cell made of one recording: seconds of work and of sound, bytes, and its scores."""

    recording: Recording
    seconds: float
    duration: float
    peak_bytes: int
    score: RecordingScore

    @property
    def has_right_count(self) -> bool | None:
        """Whether as many speakers were found as there are; None where the reference does not say."""
        parts = self.score.components.get("speaker count")
        return None if parts is None else not parts["error"]


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came of a cell.

    Attributes:
        pooled: of all recordings; None where none could be computed.
        kinds: the same of each kind of recording.
        errors: recording → why there is no result.
    """

    cell: Cell
    results: tuple[Result, ...]
    pooled: Score | None
    kinds: Mapping[str, Score]
    errors: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def speed(self) -> float:
        """Seconds of recording per second of work, models loaded before; 0 where nothing was computed."""
        spent = sum(item.seconds for item in self.results)
        return sum(item.duration for item in self.results) / spent if spent else 0.0

    @property
    def peak_bytes(self) -> int:
        return max((item.peak_bytes for item in self.results), default=0)


def make_cells(diarizers: Sequence[str], models: Sequence[str], **settings: Any) -> tuple[Cell, ...]:
    """Every diarizer with every model.

    Args:
        diarizers: names, each with settings of its own behind it if need be: ``onnx:exact=true:clustering_method=vbx``.
        settings: of `open_pipeline`, for all cells; ``diarizer_options`` go to every diarizer.

    Raises:
        InvalidOption: no diarizer or no model, or one of them twice.
    """
    for what, names in (("diarizer", diarizers), ("model", models)):
        if not names or not all(names):
            raise InvalidOption(_("--{what}: give one or several, with commas between them").format(what=what))
        if len(set(names)) < len(names):
            raise InvalidOption(
                _("--{what} {names}: one of them is there twice; leave it out").format(what=what, names=",".join(names))
            )
    cells = []
    for text, model in itertools.product(diarizers, models):
        diarizer, *own = re.split(_BEFORE_SETTING, text)
        options = {**(settings.get("diarizer_options") or {}), **dict(item.split("=", 1) for item in own)}
        cells.append(Cell(diarizer, model, {**settings, "diarizer_options": options or None}, "\n".join(own)))
    return tuple(cells)


def run_grid(
    recordings: Sequence[Recording],
    cells: Sequence[Cell],
    folder: Path,
    *,
    options: ScoreOptions | None = None,
    progress: Callable[[Event], None] = lambda _event: None,
    listen: Progress = no_progress,
    notify: Callable[[str], None] = warn,
) -> tuple[CellResult, ...]:
    """The results of every cell; those that `folder` holds already are not computed again.

    Each cell that lacks something gets a process, whose peak memory is measured. Recordings without a reference are
    left out, which `notify` is told.

    Args:
        progress: hears of each result.
        listen: hears of the stages within a recording.

    Raises:
        InvalidOption: a cell names a backend, a setting or a model that does not exist; said before the work.
        FormatError: a sound or a reference cannot be read, or there is no reference at all; said before the work.
        OutputError: results cannot be written.
        BackendError: no cell could compute anything.
    """
    for cell in cells:
        try:
            _check(cell)
        except InvalidOption as error:
            if not cell.settings.get("diarizer_options") or len({own.diarizer for own in cells}) == 1:
                raise
            raise InvalidOption(
                _(
                    "{error}; what is for one diarizer goes behind its name: --diarizer onnx:exact=true,{diarizer}"
                ).format(error=error, diarizer=cell.diarizer)
            ) from error
    recordings = _choose_scored(recordings, notify)
    references = {item.id: (read_reference(item), read_uem(item)) for item in recordings}
    digests = {item.id: _digest_file(item.audio) for item in recordings}
    versions = find_versions()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            _("{folder}: it cannot be made ({cause}); give another folder for the results").format(
                folder=folder, cause=error.strerror
            )
        ) from error
    check_folder(folder)
    sweep(folder)
    places = {
        (cell, item.id): folder / f"{_key(_settings_of(cell, item), digests[item.id], item, versions)}.json"
        for cell in cells
        for item in recordings
    }
    counter = _Counter(len(places), sum(_is_whole(path) for path in places.values()), progress)
    errors: dict[tuple[Cell, str], str] = {}
    for cell in cells:
        todo = [item for item in recordings if not _is_whole(places[cell, item.id])]
        # A pipeline has one language: recordings of several are worked on in as many processes.
        for settings, group in _group(cell, todo):
            errors |= _compute(cell, settings, group, places, versions, counter, listen)
    found = tuple(_collect(cell, recordings, places, references, errors, versions, options, notify) for cell in cells)
    if not any(item.results for item in found):
        raise BackendError(
            _("nothing could be computed: {cause}").format(
                cause=next(iter(errors.values()), _("there is no recording"))
            )
        )
    return found


def _choose_scored(recordings: Sequence[Recording], notify: Callable[[str], None]) -> list[Recording]:
    """Those that can be scored; where none can, all of them, so that reading the first says why."""
    scored = [item for item in recordings if item.turns is not None or item.words is not None]
    if not scored:
        return list(recordings)
    for item in recordings:
        if item not in scored:
            notify(_("{id}: the manifest names no reference of it; it is left out").format(id=item.id))
    return scored


def _check(cell: Cell) -> None:
    """Names and settings alone; nothing is loaded."""
    settings = {key: str(value) for key, value in (cell.settings.get("diarizer_options") or {}).items()}
    check_request(
        Request(
            vad=Choice(name=cell.settings.get("vad", "auto")),
            asr=Choice(name="whisper", settings={"model": cell.model}),
            diarizer=Choice(name=cell.diarizer, settings=settings),
            runtime=Runtime(device=cell.settings.get("device") or "auto"),
        )
    )


def find_versions() -> dict[str, str]:
    """Versions of this program, of Python, and of the packages that compute."""
    own = {"whisperdiar": __version__, "python": platform.python_version(), "machine": platform.machine()}
    return {**own, **_find_installed(_PACKAGES)}


def find_scorers() -> dict[str, str]:
    """Versions of the packages that score; results do not depend on them."""
    return _find_installed(_SCORERS)


def _find_installed(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


class _Counter:
    """Counts results, and reckons how long the rest will take from those that this run computed."""

    def __init__(self, total: int, done: int, progress: Callable[[Event], None]) -> None:
        self.total, self.done, self.progress = total, done, progress
        self.begun, self.computed = time.monotonic(), 0

    def count(self, cell: Cell, recording: str, error: str = "") -> None:
        self.done += 1
        self.computed += 1
        left = (time.monotonic() - self.begun) / self.computed * (self.total - self.done)
        self.progress(Event(self.done, self.total, cell, recording, left, error))

    def fail(self, cell: Cell, number: int, error: str) -> None:
        """Count so many results that one cause keeps from being there."""
        self.done += number
        self.progress(Event(self.done, self.total, cell, "", None, error))


def _settings_of(cell: Cell, item: Recording) -> dict[str, Any]:
    """What `open_pipeline` is given; nobody is told the language unless the grid says so."""
    settings = {key: value for key, value in cell.settings.items() if key != "tell_language"}
    language = item.language if cell.settings.get("tell_language") else None
    return {**settings, "diarizer": cell.diarizer, "model": cell.model, "language": language}


def _group(cell: Cell, items: Iterable[Recording]) -> list[tuple[dict[str, Any], list[Recording]]]:
    groups: dict[str, tuple[dict[str, Any], list[Recording]]] = {}
    for item in items:
        settings = _settings_of(cell, item)
        groups.setdefault(json.dumps(settings, sort_keys=True), (settings, []))[1].append(item)
    return list(groups.values())


def _compute(
    cell: Cell,
    settings: Mapping[str, Any],
    items: Sequence[Recording],
    places: Mapping[tuple[Cell, str], Path],
    versions: Mapping[str, str],
    counter: _Counter,
    listen: Progress,
) -> dict[tuple[Cell, str], str]:
    """Have processes compute what is missing; returns why what failed did.

    A recording that ends its process is told as failed, and another process goes on behind it.
    """
    errors: dict[tuple[Cell, str], str] = {}
    left = list(items)
    while left:
        listed = [
            {"id": item.id, "audio": str(item.audio), "channel": item.channel, "result": str(places[cell, item.id])}
            for item in left
        ]
        job = {"settings": dict(settings), "versions": dict(versions), "recordings": listed}
        told: set[str] = set()
        begun, broken = "", ""
        with contextlib.closing(_run_worker(job)) as events:
            for event in events:
                if "stage" in event:
                    listen(event["stage"], event["fraction"])
                elif "ended" in event:
                    broken = broken or _explain_end(event["ended"])
                elif "unwritable" in event:
                    raise OutputError(event["unwritable"])
                elif "id" not in event:
                    broken = event["error"]
                elif "begun" in event:
                    begun = event["id"]
                else:
                    told.add(event["id"])
                    error = event.get("error", "")
                    if error:
                        errors[cell, event["id"]] = error
                    counter.count(cell, event["id"], error)
        left = [item for item in left if item.id not in told]
        if left and begun and begun not in told:
            errors[cell, begun] = broken
            counter.count(cell, begun, broken)
            left = [item for item in left if item.id != begun]
        elif left:
            errors |= {(cell, item.id): broken for item in left}
            counter.fail(cell, len(left), broken)
            left = []
    return errors


def _run_worker(job: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
    """What a process says about its job, and last ``ended`` with its exit code. It ends with whoever listens."""
    command = [sys.executable, "-m", "whisperdiar.benchmarking.worker"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        source, sink = process.stdout, process.stdin
        if source is None or sink is None:  # both are pipes
            raise BackendError(_("the process of a cell has no pipes; report this"))
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already, and its code says why
                sink.write(f"{json.dumps(job)}\n")
                sink.flush()
            for line in source:
                if line.startswith(PREFIX):
                    yield json.loads(line[len(PREFIX) :])
            process.wait()
        except BaseException:  # Ctrl-C: what is computed is kept, and the process must not go on
            process.terminate()
            raise
    yield {"ended": process.returncode}


def _explain_end(code: int) -> str:
    if code < 0:
        return _(
            "its process was ended by signal {code}; is there enough memory? Take a smaller model or fewer threads"
        ).format(code=-code)
    return _("its process ended with code {code} and said nothing; run it alone with `whisperdiar transcribe`").format(
        code=code
    )


def _collect(
    cell: Cell,
    recordings: Sequence[Recording],
    places: Mapping[tuple[Cell, str], Path],
    references: Mapping[str, tuple[Document, Sequence[Span] | None]],
    errors: Mapping[tuple[Cell, str], str],
    versions: Mapping[str, str],
    options: ScoreOptions | None,
    notify: Callable[[str], None],
) -> CellResult:
    found = []
    for item in recordings:
        kept = _read_result(places[cell, item.id])
        if kept is None:
            continue
        reference, uem = references[item.id]
        transcript = Transcript.from_dict(kept["transcript"])
        own = document_of(transcript, source=cell.name)
        whole = (Span(0.0, transcript.duration),) if uem is None else uem
        score = score_document(reference, own, options=options, uem=whole, language=reference.language, notify=notify)
        found.append(Result(item, kept["seconds"], kept["duration"], kept["peak_bytes"], score))
    kinds = dict.fromkeys(item.recording.kind for item in found if item.recording.kind)
    return CellResult(
        cell,
        tuple(found),
        _pool(cell, found, options) if found else None,
        {kind: _pool(cell, [item for item in found if item.recording.kind == kind], options) for kind in kinds if kind},
        {recording: error for (own_cell, recording), error in errors.items() if own_cell == cell},
        {**versions, **find_scorers()},
    )


def _pool(cell: Cell, results: Sequence[Result], options: ScoreOptions | None) -> Score:
    options = options or ScoreOptions()
    scores = [item.score for item in results]
    return pool_scores(cell.name, scores, resamples=options.resamples, seed=options.seed)


def _key(settings: Mapping[str, Any], digest: str, item: Recording, versions: Mapping[str, str]) -> str:
    # Whether the network may be touched changes no result.
    own = {name: value for name, value in settings.items() if name != "offline"}
    what = {
        "settings": {**own, "model": _describe_model(str(settings["model"]))},
        "sound": digest,
        "channel": item.channel,
        "id": item.id,
        "versions": dict(versions),
        "code": _digest_code(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]


def _describe_model(model: str) -> Any:
    """A folder by its files: another one of the same name is another model."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    return sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir())


@lru_cache
def _digest_code() -> str:
    """Of this program's own code: between two releases it changes under one version."""
    found = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] not in ("benchmarking", "cli", "datasets", "scoring"):
            found.update(path.read_bytes())
    return found.hexdigest()


def _shorten_path(value: str) -> str:
    return PureWindowsPath(value).name if "/" in value or "\\" in value else value  # it knows either separator


def _digest_file(path: Path) -> str:
    """Of a file's bytes.

    Raises:
        FormatError: it is not there.
    """
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
    except OSError as error:
        raise FormatError(
            _("{path}: the sound cannot be read; run `whisperdiar data manifest` to find all such").format(path=path)
        ) from error
    return found.hexdigest()


def _is_whole(path: Path) -> bool:
    return _read_result(path) is not None


def _read_result(path: Path) -> dict[str, Any] | None:
    """A kept result; None where there is none, or one that nobody can read: it is computed anew."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    needed = ("seconds", "duration", "peak_bytes", "transcript")
    return found if isinstance(found, dict) and all(key in found for key in needed) else None
