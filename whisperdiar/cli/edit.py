"""Commands `edit` and `apply`: a transcript as a text, and the corrected text back into every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from whisperdiar import editing
from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.outputs import STDOUT, Target, check_outputs, check_used, plan, select_unfinished
from whisperdiar.cli.transcribe import write_targets
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.exchange import read as read_transcript
from whisperdiar.formats import by_name
from whisperdiar.options import EditOptions
from whisperdiar.text.messages import _

_SUFFIXES = (".txt", ".md", "")
"""Names that a text to be corrected may have; with any other, another program would take it for something else."""


def edit(
    *,
    source: Path,
    output: Path,
    mark_uncertain: bool,
    language: str | None,
    recording: str | None,
    encoding: str | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Write the transcript IN (JSON of whisperdiar, or subtitles) as a plain text that a person corrects."""
    console = Console(quiet=quiet)
    if output.suffix.lower() not in _SUFFIXES:
        raise InvalidOption(
            _("-o {output}: edit writes a plain text to be corrected; call it .txt or .md").format(output=output)
        )
    check_outputs([Target(by_name("txt"), output)], read=[source], overwrite=overwrite)
    transcript = read_transcript(
        source,
        encoding=encoding,
        language=language,
        recording=recording,
        notify=console.warn,
        inform=console.note,
    )
    options = EditOptions(mark_uncertain=mark_uncertain)
    try:
        if output == STDOUT:
            write_stdout(editing.write(transcript, options=options))
            return
        editing.write_file(transcript, output, options=options, overwrite=overwrite)
    except FormatError as error:
        raise FormatError(f"{source}: {error}") from error
    said = {"--language": language, "--recording": recording, "--encoding": encoding}
    again = "".join(f" {option} {value}" for option, value in said.items() if value is not None)
    console.info(
        _(
            "wrote {output}; when it is corrected: "
            "whisperdiar apply {output} --transcript {source}{again} -o OUT.json -o OUT.srt"
        ).format(output=output, source=source, again=again)
    )


def apply(
    context: click.Context,
    /,
    text: Path,
    source: Path | None,
    *,
    language: str | None,
    recording: str | None,
    encoding: str | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Make transcript and subtitles from TEXT, which `whisperdiar edit` wrote and a person corrected."""
    console = Console(quiet=quiet)
    if source is None:
        example = text.with_suffix(".json") if text.suffix != ".json" else "talk.json"
        raise InvalidOption(
            _(
                "--transcript: name the transcript that the text was written from, such as --transcript {example}"
            ).format(example=example)
        )
    planned = plan([text], outputs, formats, overwrite=overwrite, also_read=[source])
    check_used(context, planned[0])
    (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.note)
    if not targets:
        return
    write = shared.write_options(options)
    transcript = read_transcript(
        source,
        encoding=encoding,
        language=language,
        recording=recording,
        notify=console.warn,
        inform=console.note,
    )
    done = editing.apply_file(text, transcript, notify=console.warn)
    for note in done.notes:
        console.warn(f"{text}: {note}")
    console.info(f"{text}: {done.changes}")
    context.exit(write_targets(done.transcript, targets, write, console, keep="nothing").code)
