"""The option that puts subtitles into a copy of the video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from whisperdiar.cli.console import Console
from whisperdiar.cli.errors import FAILED, OK, report
from whisperdiar.cli.parameters import combined
from whisperdiar.errors import InvalidOption
from whisperdiar.options import EMBEDDED_FORMATS, WriteOptions
from whisperdiar.reports.video_track import check_form, embed
from whisperdiar.transcript import Transcript

embed_options = combined(
    click.option(
        "--embed",
        metavar="FILE.mp4|.mkv",
        help="Write a copy of the video with the subtitles as a track; nothing is encoded again.",
    ),
    click.option(
        "--embed-format",
        type=click.Choice(EMBEDDED_FORMATS),
        help="Form of the track in .mkv (srt); .mp4 has one of its own.",
    ),
)


@dataclass(frozen=True, slots=True)
class Embedding:
    """What `embed_options` ask for."""

    output: Path
    form: str | None
    replace: bool = False


def embedding(output: str | None, form: str | None, *, overwrite: bool) -> Embedding | None:
    """The options, checked before any work; None where none is given.

    Raises:
        InvalidOption: they cannot be meant.
    """
    if output is None:
        if form is not None:
            raise InvalidOption(f"--embed-format {form}: it is for --embed FILE.mkv; add that")
        return None
    check_form(output, form)
    return Embedding(Path(output), form, overwrite)


def write_embedded(
    transcript: Transcript, media: Path, wanted: Embedding, options: WriteOptions, console: Console
) -> int:
    """Write the copy; every error becomes one line. Returns the exit code."""
    try:
        notes = embed(
            transcript,
            media,
            wanted.output,
            form=wanted.form,
            options=options,
            replace=wanted.replace,
            progress=console.progress,
        )
    except Exception as error:  # the transcript's own outputs are there, or still to be written
        report(error, console, about=str(wanted.output))
        return FAILED
    for note in notes:
        console.warn(f"{wanted.output}: {note}")
    return OK
