"""Pictures of a finished transcript; no model runs."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.outputs import STDOUT, check_outputs
from whisperdiar.errors import InvalidOption
from whisperdiar.exchange import read as read_transcript
from whisperdiar.options import PlotOptions
from whisperdiar.reports.plots import picture_png, picture_svg
from whisperdiar.system.files import write_bytes, write_text
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

_SUFFIXES = (".svg", ".png")


def plot(
    context: click.Context,
    /,
    source: Path,
    *,
    output: Path | None,
    overwrite: bool,
    kind: str,
    width: int,
    scale: float,
    language: str | None,
    recording: str | None,
) -> None:
    """Draw the transcript IN (JSON of whisperdiar, RTTM, subtitles); without -o as SVG on standard output."""
    options = PlotOptions(kind=kind, width=width, scale=scale, language=language)
    to_stdout = output is None or output == STDOUT
    if context.get_parameter_source("scale") is ParameterSource.COMMANDLINE and not str(output).lower().endswith(
        ".png"
    ):
        raise InvalidOption(
            _("--scale {scale:g}: it is for PNG; write one (-o out.png), or give an SVG another --width").format(
                scale=scale
            )
        )
    if output is not None and not to_stdout:
        check_suffix(output, "-o")
        check_outputs([], also_written=[output], read=[source], overwrite=overwrite)
    transcript = read_transcript(source, recording=recording, notify=Console().warn)
    if output is None or to_stdout:
        write_stdout(picture_svg(transcript, options=options))
    else:
        write_picture(transcript, output, options, replace=overwrite)


def check_suffix(path: Path, option: str) -> None:
    """Only pictures are drawn.

    Raises:
        InvalidOption: the suffix is that of something else.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise InvalidOption(
            _("{option} {output}: a plot is {suffixes}").format(
                option=option, output=path, suffixes=" or ".join(_SUFFIXES)
            )
        )


def write_picture(transcript: Transcript, path: Path, options: PlotOptions, *, replace: bool) -> None:
    """Draw a transcript as SVG or PNG, by the suffix of `path`."""
    svg = picture_svg(transcript, options=options)
    if path.suffix.lower() == ".png":
        write_bytes(path, picture_png(svg, options=options), replace=replace)
    else:
        write_text(path, svg, replace=replace)
