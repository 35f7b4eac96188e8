"""Commands that learn from recordings with references: `finetune`, `tune`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option


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


@command("tune")
@click.argument("manifest", type=shared.PATH, metavar="MANIFEST")
@shared.output("-o", "--output", required=True, configurable=False, metavar="NAME|FILE.toml", help="The preset.")
@shared.overwrite_option
@option("--diarizer", required=True, configurable=False, help="Whose settings: onnx, pyannote, embedding, bic or ehmm.")
@option("--diarizer-option", "diarizer_settings", multiple=True, type=shared.Setting(), help="A setting that stays.")
@option("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`.")
@option("--speakers", type=shared.Speakers(), default=shared.ANY_NUMBER, help="N or MIN-MAX, where it is known.")
@option("--trials", type=click.IntRange(min=1), help="Settings that each search tries (30).")
@option("--folds", type=click.IntRange(min=2), help="Of the cross-validation (5).")
@option("--seed", type=int, help="Of the searches and the folds (42).")
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def tune(context: click.Context, /, **values: Any) -> None:
    """Find the settings of a diarizer for the recordings of MANIFEST, and save them as a preset.

    MANIFEST lists recordings and their reference turns, as `whisperdiar data` writes it. The preset is used with
    --preset NAME. The error rate is measured on recordings that the search did not see, beside that of the defaults. A
    run that was stopped goes on where it is started again with the same options.
    """
    from whisperdiar.cli.training import tune as work

    work(context, **values)
