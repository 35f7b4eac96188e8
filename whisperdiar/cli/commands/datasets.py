"""Commands on data sets with references: `data`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command, option

_CORPORA = ("folder", "voxconverse", "ami", "dihard", "callhome", "icsi", "notsofar", "lhotse", "manifest")
_MICROPHONES = ("headset-mix", "distant", "lapel-mix")
_REFERENCES = ("only_words", "words_and_vocal_sounds", "segments", "forced_aligned")


@command("data")
@click.argument("corpus", type=click.Choice(_CORPORA))
@click.argument("folder", required=False, type=shared.PATH)
@shared.output("-o", "--output", type=shared.PATH, metavar="FILE", help="The manifest (.jsonl).")
@shared.output("--lhotse", type=shared.PATH, metavar="DIR", help="Write lhotse's recordings and supervisions, too.")
@shared.output("--wav", type=shared.PATH, metavar="DIR", help="Write the sound of each recording as 16 kHz mono WAV.")
@shared.output("--json", "as_json", is_flag=True, configurable=False, help="Print statistics and findings as JSON.")
@shared.output("--overwrite", is_flag=True, help="Replace the manifest if it exists.")
@option(
    "--microphone", type=click.Choice(_MICROPHONES), default="headset-mix", show_default=True, help="Whose sound (AMI)."
)
@option(
    "--reference", type=click.Choice(_REFERENCES), default="only_words", show_default=True, help="Whose turns (AMI)."
)
@shared.quiet_option
def data(context: click.Context, /, **values: Any) -> int:  # noqa: ARG001
    """Make a manifest of a local copy of CORPUS in FOLDER, check it, and print its statistics.

    Without FOLDER it says where the corpus is to be had, and under which licence: nothing is downloaded. `lhotse` takes
    lhotse's recordings.jsonl in place of a folder, `manifest` checks a manifest. The exit code is 1 where a file is
    missing or a reference cannot be right.
    """
    from whisperdiar.cli.data import data as work

    return work(**values)
