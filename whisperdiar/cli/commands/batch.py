"""The command that works on folders: `batch`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.commands.values import Size
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option

_batch = partial(option, group="Batch")


_batch_options = shared.combine(
    _batch("--recursive", is_flag=True, help="Search subfolders as well; outputs keep them."),
    _batch("--watch", is_flag=True, help="Go on with recordings that are still to come, until Ctrl-C."),
    _batch(
        "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers; otherwise one for each device or 4 cores."
    ),
    _batch("--max-memory", type=Size(), metavar="SIZE", help="Memory that a worker may take, such as 4G."),
    _batch("--summary", type=shared.PATH, metavar="FILE.csv", help="Also write what became of each recording."),
    _batch(
        "--ray",
        metavar="ADDRESS|local",
        rare=True,
        help="Work on the Ray cluster at this address, or on one that is begun here.",
    ),
    _batch(
        "--manifest",
        type=shared.PATH,
        metavar="FILE",
        rare=True,
        help="Where it is noted what is done; by default in the folder of -o.",
    ),
    _batch(
        "--stall-minutes",
        type=click.FloatRange(min=0, min_open=True),
        default=30.0,
        show_default=True,
        rare=True,
        help="End a worker that tells no progress for so long.",
    ),
)


@command("batch")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@shared.preset_option
@shared.output("-o", "--output", metavar="DIR|URL", help="Folder where the transcripts go.")
@shared.format_option
@shared.overwrite_option
@shared.style_option
@shared.template_option
@shared.subtitle_options
@_batch_options
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.identify_options
@shared.separation_option
@shared.emotions_option
@shared.uncertain_option
@shared.media_options
@shared.runtime_options
@shared.cache_options
@shared.quiet_option
@shared.progress_option
def batch(context: click.Context, /, **values: Any) -> None:
    """Write who said what, when, in every recording of folders, by several workers.

    IN is a folder, a file, or a URL of either that fsspec reads (s3://…, gs://…). What is done is noted in the
    manifest, DIR/whisperdiar-batch.sqlite3, so that the same command goes on where it was stopped, and does what
    failed once more. Outputs that come from elsewhere are left alone without --overwrite. A recording that fails is
    tried once more and stops none of the others; the exit code is then 1. It is 3 where a result has no words.
    """
    from whisperdiar.cli.batch import batch as work

    work(context, **values)
