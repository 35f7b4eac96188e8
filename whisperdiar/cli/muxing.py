"""Option `--embed`: subtitles are muxed into a copy of the video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whisperdiar.cli.console import Console
from whisperdiar.cli.errors import FAILED, OK, report
from whisperdiar.errors import InvalidOption
from whisperdiar.options import WriteOptions
from whisperdiar.reports.video_track import choose_track_format, mux_subtitles
from whisperdiar.transcript import Transcript


@dataclass(frozen=True, slots=True)
class MuxRequest:
    """What `--embed` and `--embed-format` ask for."""

    output: Path
    format_name: str | None
    replace: bool = False


def mux_request(output: str | None, format_name: str | None, *, overwrite: bool) -> MuxRequest | None:
    """The options, checked before any work; None where none is given.

    Raises:
        InvalidOption: they cannot be meant.
    """
    if output is None:
        if format_name is not None:
            raise InvalidOption(f"--embed-format {format_name}: it is for --embed FILE.mkv; add that")
        return None
    choose_track_format(output, format_name)
    return MuxRequest(Path(output), format_name, overwrite)


def write_muxed(
    transcript: Transcript, media: Path, wanted: MuxRequest, options: WriteOptions, console: Console
) -> int:
    """Write the copy; every error becomes one line. Returns the exit code."""
    try:
        notes = mux_subtitles(
            transcript,
            media,
            wanted.output,
            format_name=wanted.format_name,
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
