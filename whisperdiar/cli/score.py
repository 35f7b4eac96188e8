"""Command `score`: hypotheses held against a reference, and against each other."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.errors import OK
from whisperdiar.cli.outputs import check_outputs
from whisperdiar.errors import InvalidOption
from whisperdiar.options import ScoreOptions
from whisperdiar.scoring import compare_scores, format_csv, format_json, format_text
from whisperdiar.scoring import score as score_hypothesis
from whisperdiar.system.files import write_text
from whisperdiar.text.languages import language_code
from whisperdiar.text.messages import _

_SUFFIXES = (".json", ".csv")


def score(
    *,
    reference: Path,
    hypotheses: tuple[Path, ...],
    collar: float | None,
    skip_overlap: bool,
    protocol: str | None,
    uem: Path | None,
    normaliser: str,
    language: str | None,
    as_json: bool,
    outputs: tuple[Path, ...],
    overwrite: bool,
    quiet: bool,
) -> int:
    """Print how good each hypothesis is, and how they differ; also write it where -o says."""
    console = Console(quiet=quiet)
    for path in outputs:
        if path.suffix.lower() not in _SUFFIXES:
            raise InvalidOption(_("-o {path}: a score is {suffixes}").format(path=path, suffixes=", ".join(_SUFFIXES)))
    check_outputs([], also_written=list(outputs), read=[reference, *hypotheses, uem], overwrite=overwrite)
    options = ScoreOptions(normaliser=normaliser)  # type: ignore[arg-type]
    if protocol is not None:
        options = options.of_protocol(protocol)
    if collar is not None:
        options = replace(options, collar=collar)
    if skip_overlap:
        options = replace(options, skip_overlap=True)
    code = language_code(language)
    told: set[str] = set()

    def tell_once(message: str) -> None:
        if message not in told:
            told.add(message)
            console.warn(message)

    found = [
        score_hypothesis(
            reference,
            path,
            options=options,
            uem=uem,
            language=code,
            name=name,
            notify=tell_once,
        )
        for path, name in zip(hypotheses, _name_hypotheses(hypotheses), strict=True)
    ]
    differences = [
        difference
        for first, second in itertools.combinations(found, 2)
        for difference in compare_scores(first, second, resamples=options.resamples, seed=options.seed)
    ]
    for path in outputs:
        text = format_csv(found) if path.suffix.lower() == ".csv" else format_json(found, differences, options)
        write_text(path, text, replace=overwrite)
    write_stdout(format_json(found, differences, options) if as_json else format_text(found, differences, options))
    return OK


def _name_hypotheses(paths: tuple[Path, ...]) -> list[str]:
    """The names of files and folders; whole paths where two have the same.

    Raises:
        InvalidOption: one is given twice.
    """
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise InvalidOption(_("{path} is given twice; give each hypothesis once").format(path=twice))
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
