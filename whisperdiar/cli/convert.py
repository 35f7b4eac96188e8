"""From a finished transcript to other formats and other names; no model runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console
from whisperdiar.cli.outputs import Target, plan, unfinished
from whisperdiar.cli.transcribe import write_targets
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.files import read_text
from whisperdiar.formats import FORMATS, by_name, by_suffix
from whisperdiar.transcript import Transcript


@click.command("convert", short_help="Make other formats from a transcript; no model runs.")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("destinations", nargs=-1, metavar="[OUT]...")
@shared.output_option
@shared.format_option
@shared.overwrite_option
@shared.style_option
@shared.subtitle_options
@shared.quiet_option
@click.pass_context
def convert(
    context: click.Context,
    /,
    source: Path,
    destinations: tuple[str, ...],
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Write the transcript IN (JSON of whisperdiar, or RTTM) as OUT; without OUT as subtitles on standard output."""
    console = Console(quiet=quiet)
    write = shared.write_options(options)
    (planned,) = plan([source], [*destinations, *outputs], formats)
    targets = unfinished(planned, overwrite=overwrite, notify=console.warn)
    if not targets:
        return
    transcript = read_transcript(source)
    _refuse_empty(source, transcript, targets)
    context.exit(write_targets(transcript, targets, write, console, keep=False))


@click.command("rename", short_help="Give speakers names; no model runs.")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("names", nargs=-1, required=True, metavar="LABEL=NAME...")
@shared.output_option
@shared.format_option
@shared.overwrite_option
@shared.style_option
@shared.subtitle_options
@shared.quiet_option
@click.pass_context
def rename(
    context: click.Context,
    /,
    source: Path,
    names: tuple[str, ...],
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Give the speakers of IN (JSON of whisperdiar, or RTTM) names, such as SPEAKER_00=Anna.

    Without -o, IN itself is rewritten. Labels in the file stay as they are, only names change, so a name can be
    changed again.
    """
    console = Console(quiet=quiet)
    write = shared.write_options(options)
    transcript = read_transcript(source).rename(_pairs(names))
    if outputs or formats:
        (planned,) = plan([source], outputs, formats)
        targets = unfinished(planned, overwrite=overwrite, notify=console.warn)
        if not targets:
            return
    else:
        targets = [Target(by_suffix(source), source)]
    _refuse_empty(source, transcript, targets)
    context.exit(write_targets(transcript, targets, write, console, keep=False))


def _pairs(names: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in names:
        label, equals, name = item.partition("=")
        if not equals or not label.strip() or not name.strip():
            raise InvalidOption(f"{item!r}: write it as LABEL=NAME, for example SPEAKER_00=Anna")
        if label.strip() in pairs:
            raise InvalidOption(f"{item!r}: {label.strip()} is given a name twice")
        pairs[label.strip()] = name.strip()
    return pairs


def read_transcript(path: Path) -> Transcript:
    """A transcript from a file in any format that reads back.

    Raises:
        InvalidOption: the format does not read back.
        FormatError: the file breaks the format's rules.
    """
    form = by_suffix(path)
    if form.read is None:
        readable = ", ".join(name for name in FORMATS if by_name(name).read is not None)
        raise InvalidOption(f"{path}: {form.name} does not hold a whole transcript; give one of: {readable}")
    text = read_text(path)
    try:
        return form.read(text)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _refuse_empty(source: Path, transcript: Transcript, targets: list[Target]) -> None:
    """An RTTM holds no words: subtitles made from it would be an empty file."""
    for target in targets:
        if target.format.needs == "words" and not transcript.segments and transcript.turns:
            raise InvalidOption(f"{source}: it holds turns and no words, so it cannot become {target.format.name}")
