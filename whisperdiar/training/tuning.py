"""Tuning: settings of a diarizer are chosen for recordings with references, by nested cross-validation.

For each outer fold of recordings a search (Optuna's tree-structured Parzen estimator; Bergstra et al., "Algorithms for
hyper-parameter optimization", NIPS 2011) sees the other folds only, and what it chose is measured on the fold: the sum
over the folds is the honest figure. What is kept comes of one more search over all recordings. Networks hear each sound
once, and every measurement is kept in a file, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.datasets import Recording
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.frameworks.torch import import_module, require
from whisperdiar.options import Runtime, TuningSettings
from whisperdiar.scoring import MEASURES, Difference, score_turns
from whisperdiar.selection import Choice, select
from whisperdiar.system.files import read_text, write_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.training.recordings import MEASURE, ReferencedAudio, compare_errors, load_recordings
from whisperdiar.types import ANY_SPEAKERS, Diarization, Span, SpeakerCount

Values = Mapping[str, float]
EXTRA = "tune"
_PARTS = {"total": "total", "false_alarm": "false alarm", "miss": "missed detection", "confusion": "confusion"}


@dataclass(frozen=True, slots=True)
class DiarizationErrors:
    """Seconds that make up the diarization error rate: no collar, overlap scored."""

    total: float = 0.0
    false_alarm: float = 0.0
    miss: float = 0.0
    confusion: float = 0.0

    @property
    def rate(self) -> float:
        """Errors over seconds of speech; where there is none, 1 if something is wrong, else 0."""
        return MEASURES[MEASURE].rate(self.parts)

    @property
    def parts(self) -> dict[str, float]:
        """The same by the names that scoring gives them."""
        return {name: getattr(self, own) for own, name in _PARTS.items()}

    def __add__(self, other: DiarizationErrors) -> DiarizationErrors:
        pairs = {item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)}
        return DiarizationErrors(**pairs)


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What tuning found.

    Attributes:
        values: the settings found on all recordings; empty where the defaults were best.
        tuned, default: errors on recordings that the search did not see, summed over the folds, and those of the
            defaults on the same.
        seen: errors of `values` on the recordings that they were chosen on, which flatter.
        difference: of these two rates, tuned less default, with its interval and p over recordings.
        chosen: the settings that were found for each fold.
    """

    values: Values
    tuned: DiarizationErrors
    default: DiarizationErrors
    seen: DiarizationErrors
    difference: Difference
    chosen: tuple[Values, ...]

    @property
    def is_better(self) -> bool:
        """Whether the settings are better, and not by chance; otherwise the default is as good, or nobody can tell."""
        return self.difference.is_significant and self.difference.difference < 0


def tune(
    recordings: Sequence[Recording],
    *,
    diarizer: Choice,
    detector: Choice | None = None,
    settings: TuningSettings | None = None,
    speakers: SpeakerCount = ANY_SPEAKERS,
    runtime: Runtime | None = None,
    journal: Path | None = None,
    progress: Progress = no_progress,
) -> TuningResult:
    """Search the settings that a diarizer declares as tunable, on recordings with reference turns.

    Args:
        diarizer: by name, with settings that stay as they are.
        journal: file of JSON lines that keeps every measurement; None to keep none.
        progress: hears of stages ``decode``, ``vad`` and ``tune``.

    Raises:
        FormatError, MediaError: a recording or its reference cannot be used.
        InvalidOption: the diarizer has nothing to tune, or the journal is of other work.
        BackendError: a backend or Optuna cannot run.
    """
    settings, runtime = settings or TuningSettings(), runtime or Runtime()
    require("optuna", package="optuna", extra=EXTRA)
    if diarizer.name == "auto":
        raise InvalidOption(_("tuning needs one diarizer: name it with --diarizer"))
    backend = select("diarization", diarizer, runtime=runtime, progress=progress).backend
    ranges = {
        name: found
        for name, found in getattr(backend.settings, "tunable", {}).items()
        if name not in {key.replace("-", "_") for key in diarizer.settings}
    }
    if not ranges:
        known = "onnx, pyannote, embedding, bic, ehmm"
        raise InvalidOption(
            _("{diarizer} declares no setting to tune; choose {known}").format(diarizer=diarizer.name, known=known)
        )
    loaded = load_recordings(recordings, progress=progress)
    detect = select("vad", detector or Choice(), runtime=runtime, progress=progress).backend.detect
    speech = {item.id: detect(item.audio, progress=progress) for item in loaded}
    backend.remember()
    measured = _Measurements(backend, loaded, speech, speakers, journal, _describe(recordings, diarizer, speakers))
    folds = make_folds([item.id for item in loaded], settings.folds, seed=settings.seed)
    total = (len(folds) + 1) * settings.trials
    done = 0

    def search(ids: Sequence[str]) -> Values:
        nonlocal done

        def report() -> None:
            nonlocal done
            done += 1
            progress("tune", min(0.999, done / total))

        return _search(ranges, lambda values: measured.sum(values, ids).rate, settings, report)

    progress("tune", 0.0)
    chosen: list[Values] = []
    pairs: dict[str, tuple[DiarizationErrors, DiarizationErrors]] = {}
    for fold in folds:
        values = search([item.id for item in loaded if item.id not in fold])
        chosen.append(values)
        pairs |= {name: (measured.of({}, name), measured.of(values, name)) for name in fold}
    values = search([item.id for item in loaded])
    progress("tune", 1.0)
    return TuningResult(
        values=values,
        tuned=sum((own for _other, own in pairs.values()), DiarizationErrors()),
        default=sum((other for other, _own in pairs.values()), DiarizationErrors()),
        seen=measured.sum(values, [item.id for item in loaded]),
        difference=compare_errors(
            *({name: own[side].parts for name, own in pairs.items()} for side in (0, 1)), seed=settings.seed
        ),
        chosen=tuple(chosen),
    )


def make_folds(ids: Sequence[str], count: int, *, seed: int) -> list[list[str]]:
    """The ids shared out at random among at most `count` folds, whose sizes differ by one at most."""
    shuffled = list(ids)
    random.Random(seed).shuffle(shuffled)
    count = min(count, len(ids))
    return [shuffled[number::count] for number in range(count)]


def _search(
    ranges: Mapping[str, Any], rate: Callable[[Values], float], settings: TuningSettings, report: Callable[[], None]
) -> Values:
    """The best settings; none where no trial beats the defaults."""
    optuna = import_module("optuna", package="optuna", extra=EXTRA)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed))

    def objective(trial: Any) -> float:
        values = {
            name: round(float(trial.suggest_float(name, item.low, item.high, step=item.step)), 6)
            for name, item in ranges.items()
        }
        found = rate(values)
        trial.set_user_attr("values", values)
        report()
        return found

    study.optimize(objective, n_trials=settings.trials)
    if study.best_value >= rate({}):
        return {}
    best: Values = study.best_trial.user_attrs["values"]
    return best


class _Measurements:
    """Errors of settings on recordings, each measured once and kept in a journal."""

    def __init__(
        self,
        backend: Any,
        loaded: Sequence[ReferencedAudio],
        speech: Mapping[str, Sequence[Span]],
        speakers: SpeakerCount,
        journal: Path | None,
        work: str,
    ) -> None:
        self._backend, self._speech, self._speakers = backend, speech, speakers
        self._loaded = {item.id: item for item in loaded}
        self._journal, self._work = journal, work
        self._known: dict[tuple[str, str], DiarizationErrors] = {}
        self._lines = [json.write_line({"work": work})]
        if journal is not None and journal.exists():
            self._read(journal)

    def of(self, values: Values, name: str) -> DiarizationErrors:
        key = (json.write_line(dict(sorted(values.items()))), name)
        if key not in self._known:
            item = self._loaded[name]
            found = self._backend.reconfigure(replace(self._backend.settings, **values)).diarize(
                item.audio, speech=self._speech[name], speakers=self._speakers
            )
            self._known[key] = measure_errors(item, found)
            self._lines.append(
                json.write_line({"values": dict(values), "recording": name, "errors": asdict(self._known[key])})
            )
            if self._journal is not None:
                write_text(self._journal, "".join(self._lines))
        return self._known[key]

    def sum(self, values: Values, names: Sequence[str]) -> DiarizationErrors:
        return sum((self.of(values, name) for name in names), DiarizationErrors())

    def _read(self, journal: Path) -> None:
        broken = _(
            "{journal}: it cannot be read as a journal of trials; delete it, or give another name with -o"
        ).format(journal=journal)
        try:
            lines = [json.read(line) for line in read_text(journal).splitlines() if line.strip()]
        except FormatError as error:
            raise FormatError(broken) from error
        if not lines or not isinstance(lines[0], dict):
            raise FormatError(broken)
        if lines[0].get("work") != self._work:
            raise InvalidOption(
                _(
                    "{journal}: it was made with other recordings or settings; delete it, or give another name with -o"
                ).format(journal=journal)
            )
        try:
            for line in lines[1:]:
                key = (json.write_line(dict(sorted(line["values"].items()))), line["recording"])
                self._known[key] = DiarizationErrors(**line["errors"])
                self._lines.append(json.write_line(line))
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(broken) from error


def measure_errors(item: ReferencedAudio, found: Diarization) -> DiarizationErrors:
    """Over the scored parts, as `whisperdiar score` counts them: no collar, overlap scored."""
    parts = score_turns(item.turns, found.turns, uem=item.scored)[MEASURE]
    return DiarizationErrors(**{own: parts[name] for own, name in _PARTS.items()})


def _describe(recordings: Sequence[Recording], diarizer: Choice, speakers: SpeakerCount) -> str:
    listed = [[item.id, str(item.audio.resolve()), str(item.turns), str(item.uem)] for item in recordings]
    text = json.write_line([listed, diarizer.name, dict(diarizer.settings), str(speakers)])
    return hashlib.sha256(text.encode()).hexdigest()
