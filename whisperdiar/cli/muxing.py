"""Options `--embed` and `--burn`: subtitles go into a copy of the video, as a track or drawn into its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whisperdiar.cli.console import Console
from whisperdiar.cli.errors import EMPTY, FAILED, OK, report
from whisperdiar.errors import InvalidOption
from whisperdiar.media.burn import check_burn
from whisperdiar.options import WriteOptions
from whisperdiar.reports.video_track import burn_subtitles, choose_track_format, mux_subtitles
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


@dataclass(frozen=True, slots=True)
class MuxRequest:
    """What `--embed` and `--embed-format` ask for."""

    output: Path | None
    format_name: str | None
    replace: bool = False
    burnt: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The copies that are asked for."""
        return tuple(path for path in (self.output, self.burnt) if path is not None)


def mux_request(
    output: str | None, format_name: str | None, burnt: str | None = None, *, overwrite: bool
) -> MuxRequest | None:
    """The options, checked before any work; None where none is given.

    Raises:
        InvalidOption: they cannot be meant.
    """
    if output is None:
        if format_name is not None:
            raise InvalidOption(
                _("--embed-format {format_name}: it is for --embed FILE.mkv; add that").format(format_name=format_name)
            )
        if burnt is None:
            return None
    else:
        choose_track_format(output, format_name)
    if burnt is not None:
        check_burn(None, burnt)
    embedded = None if output is None else Path(output)
    return MuxRequest(embedded, format_name, overwrite, None if burnt is None else Path(burnt))


def write_muxed(
    transcript: Transcript, media: Path, wanted: MuxRequest, options: WriteOptions, console: Console
) -> int:
    """Write the copies; every error becomes one line. Returns the exit code: `EMPTY` where there is nothing to show."""
    code = OK if wanted.output is None else _write_track(transcript, media, wanted, wanted.output, options, console)
    if wanted.burnt is None:
        return code
    try:
        burn_subtitles(
            transcript, media, wanted.burnt, options=options, replace=wanted.replace, progress=console.progress
        )
    except Exception as error:  # the transcript's own outputs are there, or still to be written
        report(error, console, about=str(wanted.burnt))
        return _failure(transcript)
    return code


def _failure(transcript: Transcript) -> int:
    """What a copy that is not written ends with: as every output, with `EMPTY` where no word is in the transcript."""
    return FAILED if any(segment.text for segment in transcript.segments) else EMPTY


def _write_track(
    transcript: Transcript, media: Path, wanted: MuxRequest, output: Path, options: WriteOptions, console: Console
) -> int:
    try:
        notes = mux_subtitles(
            transcript,
            media,
            output,
            format_name=wanted.format_name,
            options=options,
            replace=wanted.replace,
            progress=console.progress,
        )
    except Exception as error:  # the transcript's own outputs are there, or still to be written
        report(error, console, about=str(output))
        return _failure(transcript)
    for note in notes:
        console.warn(f"{output}: {note}")
    return OK
