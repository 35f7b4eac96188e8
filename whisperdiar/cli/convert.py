"""From a finished transcript to other formats and other names; no model runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console
from whisperdiar.cli.embedding import embed_options, embedding, without_unasked, write_embedded
from whisperdiar.cli.outputs import Target, plan, unfinished
from whisperdiar.cli.transcribe import write_targets
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.files import read_bytes, read_text
from whisperdiar.formats import FORMATS, by_name, by_suffix, decode
from whisperdiar.media import recording_id
from whisperdiar.transcript import Transcript


@click.command("convert", short_help="Make other formats from a transcript; no model runs.")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("destinations", nargs=-1, metavar="[OUT]...")
@shared.output_option
@shared.format_option
@shared.overwrite_option
@shared.style_option
@shared.subtitle_options
@click.option("--media", type=shared.PATH, metavar="VIDEO", help="The recording, for --embed.")
@embed_options
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
    media: Path | None,
    embed: str | None,
    embed_format: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Write the transcript IN as OUT; without OUT as subtitles on standard output.

    IN is JSON of whisperdiar, RTTM, or a subtitle file (SRT, WebVTT, ASS, SSA, TTML, LRC), whose words share the time
    of their cue.
    """
    console = Console(quiet=quiet)
    context.call_on_close(console.close)
    write = shared.write_options(options)
    wanted = embedding(embed, embed_format)
    if (media is None) != (wanted is None):
        raise InvalidOption("--embed FILE needs --media VIDEO, which is copied, and the other way round: give both")
    (planned,) = plan([source], [*destinations, *outputs], formats, also_read=[media], also_written=[embed])
    targets = unfinished(without_unasked(planned, wanted), overwrite=overwrite, notify=console.warn)
    if not targets and wanted is None:
        return
    transcript = read_transcript(source, notify=console.warn)
    _refuse_empty(source, transcript, targets)
    code = write_targets(transcript, targets, write, console, keep=False)
    if wanted is not None and media is not None:
        code = write_embedded(transcript, media, wanted, write, console) or code
    context.exit(code)


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
    """Give the speakers of IN (JSON of whisperdiar, RTTM, or subtitles) names, such as SPEAKER_00=Anna.

    Without -o, IN itself is rewritten (a subtitle file is not: its cues would be cut anew). Labels in the file stay
    as they are, only names change, so a name can be changed again.
    """
    console = Console(quiet=quiet)
    write = shared.write_options(options)
    transcript = read_transcript(source, notify=console.warn).rename(_pairs(names))
    if outputs or formats:
        (planned,) = plan([source], outputs, formats)
        targets = unfinished(planned, overwrite=overwrite, notify=console.warn)
        if not targets:
            return
    else:
        targets = [Target(by_suffix(source), source)]
        if targets[0].format.read_cues is not None:
            raise InvalidOption(f"{source}: its cues would be cut anew; give the renamed subtitles a name with -o")
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


def read_transcript(path: Path, *, notify: Callable[[str], None]) -> Transcript:
    """A transcript from a file in any format that reads back.

    Args:
        notify: is told where the encoding of a subtitle file had to be guessed.

    Raises:
        InvalidOption: the format does not read back.
        FormatError: the file breaks the format's rules.
    """
    form = by_suffix(path)
    if form.read is None:
        readable = ", ".join(name for name in FORMATS if by_name(name).read is not None)
        raise InvalidOption(f"{path}: {form.name} does not hold a whole transcript; give one of: {readable}")
    try:
        if form.read_cues is None:
            return form.read(read_text(path))
        text, note = decode(read_bytes(path))
        if note:
            notify(f"{path}: {note}")
        return replace(form.read(text), recording_id=recording_id(path))
    except FormatError as error:
        raise FormatError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error


def _refuse_empty(source: Path, transcript: Transcript, targets: list[Target]) -> None:
    """An RTTM holds no words: subtitles made from it would be an empty file."""
    for target in targets:
        if target.format.needs == "words" and not transcript.segments and transcript.turns:
            raise InvalidOption(f"{source}: it holds turns and no words, so it cannot become {target.format.name}")
