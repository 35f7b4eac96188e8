"""Commands on references and data sets that have them: `score`, `data`, `bench`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option
from whisperdiar.options import command_line as defaults

_CORPORA = ("folder", "voxconverse", "ami", "dihard", "callhome", "icsi", "notsofar", "lhotse", "manifest")
_MICROPHONES = ("headset-mix", "distant", "lapel-mix")
_REFERENCES = ("only_words", "words_and_vocal_sounds", "segments", "forced_aligned")


_normaliser_option = shared.word(
    "--normaliser",
    type=shared.choice(defaults.NORMALISERS),
    default=defaults.NORMALISERS[0],
    show_default=True,
    help="How texts are made alike before they are compared; auto: by the language.",
)


@command("score")
@click.argument("reference", type=shared.PATH, metavar="REF")
@click.argument("hypotheses", nargs=-1, required=True, type=shared.PATH, metavar="HYP...")
@shared.speaker("--collar", type=float, metavar="SECONDS", help="Leave out so much on each side of a boundary (0).")
@shared.speaker("--skip-overlap", is_flag=True, help="Leave out what several speakers say at once.")
@shared.speaker(
    "--protocol", type=shared.choice(defaults.SCORE_PROTOCOLS), help="Collar and overlap as usual for a benchmark."
)
@shared.speaker("--uem", type=shared.PATH, metavar="FILE|DIR", help="What of each recording is scored (NIST's UEM).")
@_normaliser_option
@shared.word("--language", metavar="NAME|CODE", help="Language of the texts, where the files do not say it.")
@shared.output(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=shared.PATH,
    metavar="FILE",
    accepts=shared.accept_files(".html", ".json", ".csv"),
    help=".html, .json or .csv.",
)
@shared.output(
    "--media",
    multiple=True,
    type=shared.PATH,
    configurable=False,
    metavar="FILE|DIR",
    help="The sound that the report (-o report.html) plays; without it what a manifest names.",
)
@shared.output("--json", "as_json", is_flag=True, configurable=False, help="Print JSON with the counts behind rates.")
@shared.output("--overwrite", is_flag=True, help="Replace outputs that exist already.")
@shared.progress_option
@shared.quiet_option
def score(context: click.Context, /, **values: Any) -> int:  # noqa: ARG001
    """Hold transcripts or diarizations HYP against a reference REF: error rates per recording and over all.

    REF and HYP are files, folders or patterns: RTTM, STM, CTM, SegLST, JSON, TextGrid, EAF or subtitles; REF may be a
    manifest. Turns give DER, JER, purity and coverage; words give WER, cpWER, tcpWER and WDER (extra `score`). Several
    HYP are compared with each other, too, with a significance test.
    """
    from whisperdiar.cli.score import score as work

    return work(**values)


@command("data")
@click.argument("corpus", type=click.Choice(_CORPORA))
@click.argument("folder", required=False, type=shared.PATH, metavar="[FOLDER]")
@shared.output(
    "-o",
    "--output",
    type=shared.PATH,
    metavar="FILE",
    accepts=shared.accept_files(".jsonl"),
    help="The manifest (.jsonl).",
)
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
@shared.speaker(
    "--diarizer",
    "diarizers",
    default="auto",
    show_default=True,
    metavar="NAME,…",
    help="One or several; settings of one alone behind it: onnx,onnx:exact=true.",
)
@shared.speaker(
    "--diarizer-option", "diarizer_settings", multiple=True, type=shared.Setting(), help="A setting of every diarizer."
)
@shared.word("--model", "models", default="small", show_default=True, metavar="NAME|DIR,…", help="Whisper models.")
@shared.word("--tell-language", is_flag=True, help="Give the recogniser the language that the manifest names.")
@_normaliser_option
@shared.detector("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`.")
@shared.output("--results", type=shared.PATH, metavar="DIR", help="Where results are kept (MANIFEST.bench).")
@shared.output(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=shared.PATH,
    metavar="FILE",
    accepts=shared.accept_files(".md", ".json", ".csv"),
    help=".md, .json or .csv.",
)
@shared.output("--overwrite", is_flag=True, help="Replace the tables if they exist.")
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def bench(context: click.Context, /, **values: Any) -> int:  # noqa: ARG001
    """Compare diarizers and models on the recordings of MANIFEST, which `whisperdiar data` makes.

    Every diarizer is run with every model; DER, WER, cpWER, tcpWER and WDER, the speed and the peak memory stand
    in a table. What is computed is kept, so that a run goes on where it was stopped.
    """
    from whisperdiar.cli.bench import bench as work

    return work(**values)
