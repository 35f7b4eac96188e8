"""Command `minutes`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option
from whisperdiar.options import command_line as defaults

_model = partial(option, group="Language model")


def _is_template(name: str) -> bool:
    from whisperdiar.minutes.template import list_shipped

    return name in list_shipped() or name.endswith(".json")


@command("minutes")
@click.argument("source", type=shared.PATH, metavar="IN")
@option(
    "--from",
    "source_format",
    metavar="NAME",
    configurable=False,
    help="IN is a transcript in this format; overrides its suffix.",
)
@shared.recording_option
@shared.encoding_option
@shared.declare_output(
    metavar="FILE", accepts=shared.accept_files(".md", ".markdown", ".html", ".htm", ".docx", ".json")
)
@shared.output(
    "-f",
    "--format",
    "name",
    type=shared.choice(defaults.MINUTES_FORMATS),
    help="Format, where the suffix of the output does not tell it (md).",
)
@shared.overwrite_option
@shared.preset_option
@shared.output(
    "--length",
    type=click.IntRange(min=1),
    metavar="WORDS",
    help=f"Words of evidence that the summary may rest on ({defaults.MINUTES_SHARE:.0%} of the meeting's).",
)
@option(
    "--date",
    "day",
    metavar="YYYY-MM-DD",
    configurable=False,
    help="Day of the meeting, from which dates such as Friday count.",
)
@shared.output(
    "--style",
    type=shared.choice(defaults.MINUTES_STYLES),
    default=defaults.MINUTES_STYLE,
    show_default=True,
    help="Half a page (brief), all there is (full), or a formal record by topics (protocol).",
)
@shared.output("--media", metavar="FILE|URL", help="The recording that links play (IN, where that is a recording).")
@shared.output(
    "--template",
    "template_name",
    metavar="NAME|FILE",
    accepts=_is_template,
    help="Headings and formats: de, en, es, fr, ru, uk or a JSON file.",
)
@shared.output(
    "--transcript",
    "kept",
    type=shared.PATH,
    metavar="FILE",
    configurable=False,
    help="Keep the transcript of a recording, too.",
)
@_model("--llm", metavar="URL", help="Let a language model write (an interface like OpenAI's); sends the text there.")
@_model("--llm-model", metavar="NAME", help="Its name on that server (the first that it lists).")
@_model(
    "--llm-timeout",
    type=float,
    default=defaults.LLM_TIMEOUT_S,
    show_default=True,
    rare=True,
    help="Seconds for one answer.",
)
@_model(
    "--llm-window",
    type=click.IntRange(min=50),
    default=defaults.LLM_WINDOW_WORDS,
    show_default=True,
    rare=True,
    help="Words at once.",
)
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.media_options
@shared.runtime_options
@shared.cache_options
@shared.quiet_option
@shared.progress_option
def minutes(context: click.Context, /, **values: Any) -> None:
    """Minutes of IN, a transcript (JSON of whisperdiar, subtitles …) or a recording, which is transcribed first.

    Participants with their talk time; topics with a summary; decisions, action items and open questions, each with
    the words that it rests on. Written as Markdown, HTML, DOCX, ODT, PDF or JSON by the suffix of -o; without -o as
    Markdown, on a terminal beside IN, elsewhere on standard output. Nothing is sent anywhere unless --llm names a
    server; a key for it is read from WHISPERDIAR_LLM_KEY (for api.openai.com also from OPENAI_API_KEY).
    """
    from whisperdiar.cli.minutes import minutes as work

    work(context, **values)
