"""Commands `finetune` and `tune`: what is learnt from recordings of the user's own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli.console import open_console
from whisperdiar.cli.presets import own_path
from whisperdiar.contracts import listen
from whisperdiar.datasets import read_manifest
from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.options import FinetuningSettings, Runtime, TuningSettings
from whisperdiar.scoring import FEWEST_TO_TELL, Difference
from whisperdiar.selection import Choice
from whisperdiar.system.files import check_writable, write_text
from whisperdiar.text.counts import count_recordings
from whisperdiar.text.messages import _, ngettext
from whisperdiar.training.finetuning import BASE, FinetuningResult, LocalErrors
from whisperdiar.training.finetuning import finetune as train
from whisperdiar.training.tuning import tune as search

_SETTINGS = ("learning_rate", "epochs", "batch_size", "window", "held_back", "seed")


def finetune(
    context: click.Context,
    /,
    manifest: Path,
    *,
    output: str,
    base: str | None,
    device: str,
    threads: int,
    offline: bool,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Fine-tune and print the errors before and after as a table."""
    console = open_console(context, quiet=quiet, progress=progress)
    settings = FinetuningSettings(**{key: options[key] for key in _SETTINGS if options[key] is not None})
    recordings = read_manifest(manifest)
    with listen(console):
        result = train(
            recordings,
            output,
            base=base or BASE,
            settings=settings,
            runtime=Runtime(device=device, threads=threads, offline=offline),
            progress=console.progress,
        )
    console.close()
    click.echo("\n".join(_table(result)))
    compared = result.compare("held_back")
    if compared is not None:
        click.echo(_("held back, after less before: {difference}").format(difference=_describe(compared)))
    console.info(
        _("wrote {folder}; use it with --diarizer pyannote (or onnx) --segmentation-model {folder}").format(
            folder=result.folder
        )
    )


def _table(result: FinetuningResult) -> list[str]:
    """Errors of the network's local output in per cent, and the losses of the epochs."""
    lines = [f"{_('local output, %'):<24}{'DER':>8}{_('FA'):>8}{_('miss'):>8}{_('conf.'):>8}{_('windows'):>9}"]
    titles: Mapping[str, str] = {"training": _("trained on"), "held_back": _("held back")}
    for key, title in titles.items():
        for when, measured in ((_("before"), result.before[key]), (_("after"), result.after[key])):
            lines.append(f"{f'{title}, {when}':<24}{_shares(measured)}{measured.windows:>9}")
    lines += [f"{_('loss, epoch'):<24}{_('trained on'):>12}{_('held back'):>12}"]
    for number, (own, other) in enumerate(result.losses, 1):
        lines.append(f"{number:<24}{own:>12.4f}{'' if other is None else f'{other:.4f}':>12}")
    return lines


def _describe(own: Difference) -> str:
    """A difference in points; of too few recordings no interval, which would be one of them alone."""
    points = f"{100 * own.difference:+.2f}"
    if not own.can_tell:
        return ngettext(
            "{points} points; {count} recording: too few to tell, give {fewest} or more",
            "{points} points; {count} recordings: too few to tell, give {fewest} or more",
            own.n_recordings,
        ).format(points=points, count=own.n_recordings, fewest=FEWEST_TO_TELL)
    low, high = (f"{100 * value:+.2f}" for value in own.interval)
    return _("{points} points, 95 %: {low} to {high}; p = {p}, {recordings}").format(
        points=points, low=low, high=high, p=f"{own.p:.3f}", recordings=count_recordings(own.n_recordings)
    )


def _shares(measured: LocalErrors) -> str:
    values = (measured.rate, measured.false_alarm, measured.miss, measured.confusion)
    return "".join(f"{'–' if value is None else f'{100 * value:.2f}':>8}" for value in values)


def tune(
    context: click.Context,
    /,
    manifest: Path,
    *,
    output: str,
    overwrite: bool,
    diarizer: str,
    diarizer_settings: tuple[tuple[str, str], ...],
    vad: str,
    speakers: Any,
    trials: int | None,
    folds: int | None,
    seed: int | None,
    device: str,
    threads: int,
    offline: bool,
    quiet: bool,
    progress: str,
) -> None:
    """Tune, print the honest figures, and write the preset."""
    console = open_console(context, quiet=quiet, progress=progress)
    target = Path(own_path(output))
    if os.path.exists(target) and not overwrite:
        raise InvalidOption(
            _("{target}: it exists already; give --overwrite, or another name with -o").format(target=target)
        )
    given = {"trials": trials, "folds": folds, "seed": seed}
    settings = TuningSettings(**{key: value for key, value in given.items() if value is not None})
    recordings = read_manifest(manifest)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            _("{parent}: it cannot be made ({strerror}); give a .toml file with -o").format(
                parent=target.parent, strerror=error.strerror
            )
        ) from error
    check_writable(target)
    journal = target.with_suffix(".trials.jsonl")
    fixed = dict(diarizer_settings)
    with listen(console):
        result = search(
            recordings,
            diarizer=Choice(name=diarizer, settings=fixed),
            detector=Choice(name=vad),
            settings=settings,
            speakers=speakers,
            runtime=Runtime(device=device, threads=threads, offline=offline),
            journal=journal,
            progress=console.progress,
        )
    console.close()
    kept = {**fixed, **{key: f"{value:g}" for key, value in result.values.items()}}
    lines = [f"diarizer = {json.dumps(diarizer)}", "", "[diarizer-option]"]
    write_text(target, "\n".join([*lines, *(f"{key} = {json.dumps(value)}" for key, value in kept.items())]) + "\n")
    journal.unlink(missing_ok=True)
    click.echo(f"{_('error rate, %'):<34}{'DER':>8}{_('FA'):>8}{_('miss'):>8}{_('conf.'):>8}")
    for title, errors in (
        (_("tuned, on recordings not seen"), result.tuned),
        (_("default, on the same"), result.default),
        (_("tuned, on those it was chosen on"), result.seen),
    ):
        parts = (errors.false_alarm, errors.miss, errors.confusion)
        shares = "".join(f"{100 * part / errors.total if errors.total else 0.0:>8.2f}" for part in parts)
        click.echo(f"{title:<34}{100 * errors.rate:>8.2f}{shares}")
    click.echo(_("difference: {difference}").format(difference=_describe(result.difference)))
    found = ", ".join(f"{key}={value:g}" for key, value in result.values.items())
    click.echo(_("settings: {found}").format(found=found or _("the default ones")))
    if not result.difference.can_tell:
        console.note(
            ngettext(
                "{count} recording is too little to tell whether these settings are better; give {fewest} or more",
                "{count} recordings are too few to tell whether these settings are better; give {fewest} or more",
                result.difference.n_recordings,
            ).format(count=result.difference.n_recordings, fewest=FEWEST_TO_TELL)
        )
    elif not result.is_better:
        console.note(_("the default is as good: the difference may be one of chance"))
    named = output if not output.endswith(".toml") else target
    console.info(_("wrote {target}; use it with --preset {named}").format(target=target, named=named))
