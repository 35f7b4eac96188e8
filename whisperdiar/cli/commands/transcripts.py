"""Commands on finished transcripts, in which no model runs: `align`, `convert`, `edit`, `check` and others."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option
from whisperdiar.options import command_line as defaults


@command("align")
@click.argument("sources", nargs=-1, required=True, type=shared.PATH, metavar="WORDS.json TURNS.rttm | RECORDING")
@option(
    "--text",
    type=shared.PATH,
    metavar="FILE",
    configurable=False,
    help='What is spoken in RECORDING: .txt, .docx, subtitles, JSON; "Anna: text" names who speaks.',
)
@option(
    "--text-tolerance",
    type=click.FloatRange(min=0.0, min_open=True),
    metavar="SECONDS",
    configurable=False,
    help="The times in the text are right to so many seconds; otherwise they do not count.",
)
@option("--recording", metavar="NAME", help="Which recording of TURNS.rttm; by default that of WORDS.json.")
@shared.encoding_option
@shared.preset_option
@shared.uncertain_option
@shared.writing_options
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.media_options
@shared.runtime_options
@shared.cache_options
@shared.quiet_option
@shared.progress_option
def align(context: click.Context, /, **values: Any) -> None:
    """Give words their speakers, or a given text its times.

    With WORDS.json and TURNS.rttm every word gets its speaker; without -o as JSON on standard output. WORDS.json is a
    list of {"start", "end", "text", "probability"}, or a transcript of any recogniser.

    With --text FILE and a RECORDING the words of FILE get the times at which they are spoken there, and their speakers
    from FILE or the diarizer; without -o as `transcribe` writes them. What is not spoken, and what is spoken beyond the
    text, is left out, counted, and listed in the JSON.
    """
    from whisperdiar.cli.stages import align as work

    work(context, **values)


@command("convert")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("destinations", nargs=-1, metavar="[OUT]...")
@option("--from", "source_format", metavar="NAME", configurable=False, help="Format of IN; overrides its suffix.")
@shared.language_option
@shared.recording_option
@shared.encoding_option
@shared.preset_option
@shared.writing_options
@shared.recut_option
@shared.output(
    "--media",
    type=shared.PATH,
    metavar="FILE",
    help="The recording: pages play it, ELAN links to it, --clips cuts it, --embed copies it, and subtitles are put "
    "on its frames.",
)
@shared.page_option
@shared.mux_options
@shared.shots_option
@shared.output(
    "--clips", type=shared.PATH, metavar="DIR", rare=True, help="Write each speaker's speech as sound; needs --media."
)
@shared.quiet_option
def convert(context: click.Context, /, **values: Any) -> None:
    """Write the transcript IN as OUT; without OUT as subtitles on standard output.

    IN is JSON of whisperdiar, RTTM, or any other format that reads back, subtitles included (`whisperdiar formats`).
    --from names a format that the suffix does not tell: --from whisperx-json.
    """
    from whisperdiar.cli.convert import convert as work

    work(context, **values)


@command("rename")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("names", nargs=-1, metavar="[LABEL=NAME]...")
@shared.identify_options
@shared.output("--media", type=shared.PATH, metavar="FILE", help="The recording, for --identify; beside IN by default.")
@shared.language_option
@shared.recording_option
@shared.encoding_option
@shared.preset_option
@shared.writing_options
@shared.recut_option
@shared.quiet_option
def rename(context: click.Context, /, **values: Any) -> None:
    """Give the speakers of IN (JSON of whisperdiar, RTTM …) names, such as SPEAKER_00=Anna.

    Without -o, IN itself is rewritten, if it is JSON or RTTM. Labels in the file stay as they are, only names change,
    so a name can be changed again. --identify names those whose voices are known, by the recording.
    """
    from whisperdiar.cli.convert import rename as work

    work(context, **values)


@command("edit")
@click.argument("source", type=shared.PATH, metavar="IN")
@shared.output(
    "-o",
    "--output",
    type=shared.PATH,
    default="-",
    metavar="FILE",
    accepts=shared.accept_files(".txt", ".md"),
    help="Where to write (.txt or .md).",
)
@shared.output("--mark-uncertain", is_flag=True, help="Put (?) behind doubtful words.")
@shared.language_option
@shared.recording_option
@shared.encoding_option
@shared.output("--overwrite", is_flag=True, help="Replace FILE if it exists, and whatever was corrected in it.")
@shared.quiet_option
def edit(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Write the transcript IN (JSON of whisperdiar, or subtitles) as a plain text that a person corrects.

    The text says at its top what may be changed. `whisperdiar apply` makes every format from it.
    """
    from whisperdiar.cli.edit import edit as work

    work(**values)


@command("apply")
@click.argument("text", type=shared.PATH, metavar="TEXT")
@option(
    "--transcript",
    "source",
    type=shared.PATH,
    required=True,
    metavar="IN",
    configurable=False,
    help="The transcript that the text was written from.",
)
@shared.language_option
@shared.recording_option
@shared.encoding_option
@shared.preset_option
@shared.writing_options
@shared.recut_option
@shared.quiet_option
def apply(context: click.Context, /, **values: Any) -> None:
    """Make transcript and subtitles from TEXT, which `whisperdiar edit` wrote and a person corrected.

    TEXT may also be the JSON that a page (-o out.html) downloads after corrections in it.

    Words that stay keep their times; words in place of others share their time. Without -o, subtitles go to
    standard output. A corrected transcript (-o new.json) can be edited again.
    """
    from whisperdiar.cli.edit import apply as work

    work(context, **values)


@command("check")
@click.argument("source", type=shared.PATH, metavar="FILE")
@shared.preset_option
@shared.subtitle_options
@shared.encoding_option
@option("--language", metavar="NAME|CODE", help="Language of the subtitles, such as ru: limits may depend on it.")
@option(
    "--transcript",
    "spoken",
    type=shared.PATH,
    metavar="IN.json",
    configurable=False,
    help="What is spoken when: violations that no cut can avoid do not count then.",
)
@shared.shots_option
@option(
    "--media",
    type=shared.PATH,
    metavar="FILE",
    configurable=False,
    help="The video: its frame rate holds, and --shots auto.",
)
@option("--json", "as_json", is_flag=True, configurable=False, help="Everything as JSON.")
def check(context: click.Context, /, **values: Any) -> None:
    """List every violation in FILE (SRT, WebVTT, ASS, SSA, TTML, LRC or SBV) of the rules of --profile.

    Exit code 0: none; 1: there are some; 2: FILE cannot be read, or an option cannot be meant.
    """
    from whisperdiar.cli.check import check as work

    work(context, **values)


@command("plot")
@click.argument("source", type=shared.PATH, metavar="IN")
@shared.output(
    "-o",
    "--output",
    type=shared.PATH,
    metavar="FILE",
    accepts=shared.accept_files(".svg", ".png"),
    help="Where to write: .svg or .png.",
)
@shared.overwrite_option
@option(
    "--kind",
    type=shared.choice(defaults.PLOT_KINDS),
    default=defaults.PLOT_KINDS[0],
    show_default=True,
    help=(
        "Who speaks when (timeline), how much (talk), who answers whom (answers), all three, or sound classes (sounds)."
    ),
)
@option("--width", type=int, default=defaults.PLOT_WIDTH, show_default=True, help="Width of the SVG in pixels.")
@option("--scale", type=float, default=defaults.PLOT_SCALE, show_default=True, help="Pixels of PNG for each.")
@option(
    "--language",
    type=shared.choice(defaults.PLOT_LANGUAGES),
    help="Language of the picture's own words; the transcript's if left out.",
)
@shared.recording_option
def plot(context: click.Context, /, **values: Any) -> None:
    """Draw the transcript IN (JSON of whisperdiar, RTTM, subtitles); without -o as SVG on standard output."""
    from whisperdiar.cli.plot import plot as work

    work(context, **values)
