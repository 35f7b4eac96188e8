"""Commands that learn from recordings with references: `finetune`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command, option


@command("finetune")
@click.argument("manifest", type=shared.PATH, metavar="MANIFEST")
@shared.output("-o", "--output", required=True, configurable=False, metavar="DIR", help="Folder for the network.")
@option("--base", metavar="NAME|DIR|FILE", help="Segmentation to begin with (pyannote/segmentation-3.0).")
@option("--learning-rate", type=float, help="At the start; it falls by half a cosine (5e-5).")
@option("--epochs", type=click.IntRange(min=1), help="Times through the recordings (10).")
@option("--batch-size", type=click.IntRange(min=1), help="Windows in a step (32).")
@option("--window", type=float, metavar="SECONDS", help="Length of a training window; that of the base if left out.")
@option("--held-back", type=float, metavar="SHARE", help="Share of the recordings that is only measured (0.2).")
@option("--seed", type=int, help="Of the choice of recordings and windows (42).")
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def finetune(context: click.Context, /, **values: Any) -> None:
    """Train a segmentation network of pyannote.audio further on the recordings of MANIFEST.

    MANIFEST lists recordings and their reference turns, as `whisperdiar data` writes it. The result is used with
    --segmentation-model DIR, by --diarizer pyannote and --diarizer onnx. A run that was stopped goes on where it is
    started again with the same options.
    """
    from whisperdiar.cli.training import finetune as work

    work(context, **values)
