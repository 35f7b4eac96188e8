"""Command `bench`: a grid of diarizers and models over a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whisperdiar.benchmarking import Event, format_csv, format_json, format_markdown, list_remarks, make_cells, run_grid
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.errors import FAILED, OK
from whisperdiar.cli.outputs import check_outputs
from whisperdiar.datasets import read_manifest
from whisperdiar.errors import InvalidOption
from whisperdiar.options import ScoreOptions
from whisperdiar.system.files import write_text
from whisperdiar.text.messages import _

_WRITERS = {".md": format_markdown, ".json": format_json, ".csv": format_csv}


def bench(
    *,
    manifest: Path,
    diarizers: str,
    models: str,
    vad: str,
    diarizer_settings: tuple[tuple[str, str], ...],
    tell_language: bool,
    results: Path | None,
    outputs: tuple[Path, ...],
    overwrite: bool,
    device: str,
    threads: int,
    normaliser: str,
    offline: bool,
    quiet: bool,
    progress: str,
) -> int:
    """Write the table of the grid; without -o as Markdown on standard output. 1 where something cannot be computed."""
    console = Console(quiet=quiet, progress=progress)
    for path in outputs:
        if path.suffix.lower() not in _WRITERS:
            raise InvalidOption(_("-o {path}: a table is {writers}").format(path=path, writers=", ".join(_WRITERS)))
    check_outputs([], also_written=list(outputs), read=[manifest], overwrite=overwrite)
    recordings = read_manifest(manifest)
    settings: Mapping[str, Any] = {
        "vad": vad,
        "diarizer_options": dict(diarizer_settings) or None,
        "device": device,
        "threads": threads,
        "offline": offline,
        "tell_language": tell_language,
    }
    cells = make_cells(_split(diarizers), _split(models), **settings)
    folder = results if results is not None else manifest.with_suffix(".bench")

    options = ScoreOptions(normaliser=normaliser)  # type: ignore[arg-type]

    def show(event: Event) -> None:
        about = f"[{event.number}/{event.total}] {event.cell.name}"
        if event.recording:
            about += f": {event.recording}"
        if event.error:
            console.warn(f"{about}: {event.error}")
        else:
            left = (
                _(" (about {left:.0f} s left)").format(left=event.left)
                if event.left and event.number < event.total
                else ""
            )
            console.info(about + left)

    try:
        found = run_grid(
            recordings, cells, folder, options=options, progress=show, listen=console.progress, notify=console.warn
        )
    except KeyboardInterrupt:
        console.note(_("what is computed is kept in {folder}; the same command goes on there").format(folder=folder))
        raise
    finally:
        console.close()
    for path in outputs:
        write_text(path, _WRITERS[path.suffix.lower()](found), replace=overwrite)
    if not outputs:
        write_stdout(format_markdown(found))
        return FAILED if any(item.errors for item in found) else OK
    for line in list_remarks(found):
        console.note(line)
    return FAILED if any(item.errors for item in found) else OK


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]
