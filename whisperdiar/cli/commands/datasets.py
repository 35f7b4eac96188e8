"""Commands on data sets with references: `data`, `bench`."""

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


@command("bench")
@click.argument("manifest", type=shared.PATH)
@shared.speaker("--diarizer", "diarizers", default="auto", show_default=True, metavar="NAME,…", help="One or several.")
@shared.speaker(
    "--diarizer-option", "diarizer_settings", multiple=True, type=shared.Setting(), help="A setting of the diarizer."
)
@shared.word("--model", "models", default="small", show_default=True, metavar="NAME|DIR,…", help="Whisper models.")
@shared.word("--tell-language", is_flag=True, help="Give the recogniser the language that the manifest names.")
@shared.detector("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`.")
@shared.output("--results", type=shared.PATH, metavar="DIR", help="Where results are kept (MANIFEST.bench).")
@shared.output("-o", "--output", "outputs", multiple=True, type=shared.PATH, metavar="FILE", help=".md, .json or .csv.")
@shared.output("--overwrite", is_flag=True, help="Replace the tables if they exist.")
@shared.runtime_options
@shared.quiet_option
def bench(context: click.Context, /, **values: Any) -> int:  # noqa: ARG001
    """Compare diarizers and models on the recordings of MANIFEST, which `whisperdiar data` makes.

    Every diarizer is run with every model; DER, WER, cpWER, tcpWER and WDER, the speed and the peak memory stand
    in a table. What is computed is kept, so that a run goes on where it was stopped.
    """
    from whisperdiar.cli.bench import bench as work

    return work(**values)
