"""Command `finetune`: a segmentation network trained on recordings of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli.console import Console
from whisperdiar.contracts import listen
from whisperdiar.datasets import read_manifest
from whisperdiar.options import FinetuningSettings, Runtime
from whisperdiar.training.finetuning import BASE, FinetuningResult, LocalErrors
from whisperdiar.training.finetuning import finetune as train

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
    console = Console(quiet=quiet, progress=progress)
    context.call_on_close(console.close)
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
    console.info(
        f"wrote {result.folder}; use it with --diarizer pyannote (or onnx) --segmentation-model {result.folder}"
    )


def _table(result: FinetuningResult) -> list[str]:
    """Errors of the network's local output in per cent, and the losses of the epochs."""
    lines = [f"{'local output, %':<24}{'DER':>8}{'FA':>8}{'miss':>8}{'conf.':>8}{'windows':>9}"]
    titles: Mapping[str, str] = {"training": "trained on", "held_back": "held back"}
    for key, title in titles.items():
        for when, measured in (("before", result.before[key]), ("after", result.after[key])):
            lines.append(f"{f'{title}, {when}':<24}{_shares(measured)}{measured.windows:>9}")
    lines += [f"{'loss, epoch':<24}{'trained on':>12}{'held back':>12}"]
    for number, (own, other) in enumerate(result.losses, 1):
        lines.append(f"{number:<24}{own:>12.4f}{'' if other is None else f'{other:.4f}':>12}")
    return lines


def _shares(measured: LocalErrors) -> str:
    values = (measured.rate, measured.false_alarm, measured.miss, measured.confusion)
    return "".join(f"{'–' if value is None else f'{100 * value:.2f}':>8}" for value in values)
