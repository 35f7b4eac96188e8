"""Command `batch`, and folders that are given to `transcribe`: many recordings, by several workers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from whisperdiar.batch import BatchEvent, BatchResult, Manifest, Row, run_batch
from whisperdiar.batch.places import take_local
from whisperdiar.batch.results import SharedWarning
from whisperdiar.batch.runner import STALL_S, locate_manifest
from whisperdiar.batch.summary import format_csv, format_table
from whisperdiar.batch.tasks import Naming, WorkSettings
from whisperdiar.cli import parameters as shared
from whisperdiar.cli import signals
from whisperdiar.cli.console import Console, open_console
from whisperdiar.cli.errors import EMPTY, FAILED, OK
from whisperdiar.cli.outputs import STDOUT, Target, check_used
from whisperdiar.cli.transcribe import request_from
from whisperdiar.errors import InvalidOption
from whisperdiar.formats import writable_by_name
from whisperdiar.options.command_line import ALL_TRACKS
from whisperdiar.recordings import Part
from whisperdiar.system.files import check_writable, write_text
from whisperdiar.text.clock import format_hours
from whisperdiar.text.counts import count_recordings, count_speakers, count_words
from whisperdiar.text.messages import _, ngettext

_DEFAULT_FORMAT = "srt"
_MOST_WARNINGS = 8
_ONE_BY_ONE = {
    "clips": "--clips",
    "embed_media": "--embed-media",
    "embed": "--embed",
    "burn": "--burn",
    "shots": "--shots",
    "keep_edits": "--keep-edits",
    "report_file": "--report",
    "show_text": "--show-text",
    "names": "--names",
}
"""Options of `transcribe` that are for recordings, not for folders."""


def batch(
    context: click.Context,
    /,
    inputs: tuple[str, ...],
    *,
    output: str | None,
    formats: tuple[str, ...],
    overwrite: bool,
    recursive: bool,
    watch: bool,
    jobs: int | None,
    max_memory: int | None,
    summary: Path | None,
    ray: str | None,
    manifest: Path | None,
    stall_minutes: float,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Write who said what, when, in every recording of folders."""
    console = open_console(context, quiet=quiet, progress=progress)
    if not output:
        raise InvalidOption(_("-o: say where the transcripts go, such as -o transcripts/"))
    if summary is not None:
        check_writable(summary)
    wanted = _Wanted(context, inputs, output, formats, overwrite, options)
    try:
        code = wanted.run(
            console,
            recursive=recursive,
            watch=watch,
            jobs=jobs,
            max_memory=max_memory,
            ray=ray,
            manifest=manifest,
            stall_s=stall_minutes * 60.0,
        )
    finally:
        kept = locate_manifest(output, manifest)
        if summary is not None and kept.is_file():
            with Manifest(kept) as opened:
                write_text(summary, format_csv(opened.rows()), sync=True)
    context.exit(code)


def transcribe_folders(
    context: click.Context,
    /,
    inputs: Sequence[Path],
    *,
    outputs: Sequence[str],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Folders, and recordings among them, that were given to `transcribe`.

    Raises:
        InvalidOption: there is no one folder for the outputs, or an option is for single recordings.
    """
    console = open_console(context, quiet=quiet, progress=progress)
    folder = next(path for path in inputs if path.is_dir())
    for name, option in _ONE_BY_ONE.items():
        if options.pop(name, None) not in (None, False):
            raise InvalidOption(
                _("{option}: it is for recordings, and {folder} is a folder; leave it out").format(
                    option=option, folder=folder
                )
            )
    if options["track"] == ALL_TRACKS:
        raise InvalidOption(
            _("{option}: it is for recordings, and {folder} is a folder; leave it out").format(
                option=f"--track {ALL_TRACKS}", folder=folder
            )
        )
    if len(outputs) != 1 or outputs[0] == str(STDOUT) or (Path(outputs[0]).exists() and not Path(outputs[0]).is_dir()):
        raise InvalidOption(
            _("{folder}: this is a folder; say where its transcripts go, with one -o FOLDER/").format(folder=folder)
        )
    wanted = _Wanted(context, [str(path) for path in inputs], outputs[0], formats, overwrite, options)
    context.exit(wanted.run(console, jobs=1))


@dataclass(slots=True)
class _Wanted:
    """What is asked for."""

    context: click.Context
    inputs: Sequence[str]
    output: str
    formats: Sequence[str]
    overwrite: bool
    options: dict[str, Any]

    def run(
        self,
        console: Console,
        *,
        recursive: bool = False,
        watch: bool = False,
        jobs: int | None = None,
        max_memory: int | None = None,
        ray: str | None = None,
        manifest: Path | None = None,
        stall_s: float = STALL_S,
    ) -> int:
        """Do it; returns the exit code."""
        names = [name.strip() for item in self.formats for name in item.split(",")] or [_DEFAULT_FORMAT]
        chosen = [writable_by_name(name) for name in names]
        check_used(self.context, [Target(item, Path(self.output) / "x", True) for item in chosen])
        if any(item.needs == "emotions" for item in chosen) and not self.options.get("emotions"):
            told = next(item.name for item in chosen if item.needs == "emotions")
            raise InvalidOption(_("format {name}: add --emotions, which tells them").format(name=told))
        shared.check_times(self.options["start"], self.options["end"])
        for name in ("speech", "turns"):
            if self.options[name] is not None:
                raise InvalidOption(_("{option}: it is for one recording; leave it out").format(option=f"--{name}"))
        if shared.activity_file(self.options) is not None:
            raise InvalidOption(_("{option}: it is for one recording; leave it out").format(option="--save-activity"))
        report = _Report(console, one_worker=jobs == 1)
        try:
            result = run_batch(
                self.inputs,
                take_local(self.output),
                settings=self._settings(),
                formats=list(dict.fromkeys(names)),
                recursive=recursive,
                overwrite=self.overwrite,
                jobs=jobs,
                max_memory=max_memory,
                stall_s=stall_s,
                manifest=manifest,
                watch=watch,
                ray=ray,
                on_event=report.hear,
                notify=console.warn,
                inform=console.note,
            )
        except KeyboardInterrupt:
            report.tell_interrupted()
            raise
        return report.tell_end(result)

    def _settings(self) -> WorkSettings:
        options = self.options
        part = {key: options[key] for key in ("track", "channel", "start", "end")}
        naming = None
        if options.get("identify"):
            people = options.get("people")
            naming = Naming(people=None if people is None else str(people), voice_model=options.get("voice_model"))
        return WorkSettings(
            request=request_from(options),
            part=Part(**part),
            write=shared.write_options(options),
            naming=naming,
        )


@dataclass(slots=True)
class _Report:
    """What is told of a run while it goes on, and at its end."""

    console: Console
    one_worker: bool
    _states: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _total: int = 0

    def hear(self, event: BatchEvent) -> None:
        signals.check()
        self._number, self._total = event.number, max(event.total, self._total)
        row, left = event.row, None if event.left is None else round(event.left)
        if event.kind == "progress":
            if self.one_worker:
                self.console.progress(event.stage, event.fraction)
            return
        if event.kind == "begin":
            if self.one_worker:
                self.console.start_file()
            self.console.event("begin", recording=row.path, number=event.number + 1, of=event.total, seconds_left=left)
            return
        if event.kind == "again":
            again = _("{path}: it is tried once more ({reason})")
            self.console.note(again.format(path=_shorten(row.path), reason=_say_why(row)))
            return
        if self.one_worker:
            self.console.start_file()
        self._states[row.state] += 1
        self.console.event(
            "end",
            recording=row.path,
            state=row.state,
            reason=row.reason,
            number=event.number,
            of=event.total,
            seconds_left=left,
        )
        if self.console.progress_kind == "json":
            return
        prefix = f"[{event.number}/{event.total}] "
        if row.state == "failed":
            self.console.error(prefix + _describe_failure(row))
            return
        rest = _(", about {time} left").format(time=format_hours(left)) if left and event.number < event.total else ""
        self.console.info(prefix + _describe(row) + rest)

    def tell_interrupted(self) -> None:
        done = self._states["done"]
        self.console.warn(
            _("{recordings} done before the end; the same command goes on from there").format(
                recordings=count_recordings(done)
            )
        )

    def tell_end(self, result: BatchResult) -> int:
        """The summary; returns the exit code."""
        for tell, told in ((self.console.note, result.notes), (self.console.warn, result.warnings)):
            for item in told[:_MOST_WARNINGS]:
                tell(_describe_shared(item))
        more = len(result.warnings) - _MOST_WARNINGS
        if more > 0:
            self.console.warn(
                ngettext(
                    "{number} more kind of warning; {manifest} has all of them",
                    "{number} more kinds of warnings; {manifest} has all of them",
                    more,
                ).format(number=more, manifest=_shorten(str(result.manifest)))
            )
        if result.rows:
            self.console.info(format_table(result))
        self.console.event(
            "summary",
            done=result.n_done,
            failed=result.n_failed,
            empty=result.n_empty,
            done_before=result.n_there,
            left=result.n_left,
            sound_seconds=round(result.seconds, 1),
            seconds=round(result.elapsed, 1),
        )
        if result.n_failed:
            return FAILED
        return EMPTY if result.n_empty else OK


def _describe_shared(item: SharedWarning) -> str:
    """What is told of one recording or of several."""
    path = _shorten(item.path)
    if item.number == 1:
        return f"{path}: {item.text}"
    return _("{recordings}, such as {path}: {warning}").format(
        recordings=count_recordings(item.number), path=path, warning=item.text
    )


def _shorten(path: str) -> str:
    """A path as seen from the current folder, where it lies in it."""
    here = os.path.join(os.getcwd(), "")
    return path[len(here) :] if path.startswith(here) and len(path) > len(here) else path


def _say_why(row: Row) -> str:
    """The reason, which may begin with the path itself."""
    return (row.reason or "").removeprefix(f"{row.path}: ")


def _describe(row: Row) -> str:
    if row.reason is not None:
        return f"{_shorten(row.path)}: {_say_why(row)}"
    return _("{recording}: {duration} of sound, {speakers}, {words} in {elapsed:.1f} s").format(
        recording=_shorten(row.path),
        duration=format_hours(round(row.seconds or 0.0)),
        speakers=count_speakers(row.speakers or 0),
        words=count_words(row.words or 0),
        elapsed=row.elapsed or 0.0,
    )


def _describe_failure(row: Row) -> str:
    return f"{_shorten(row.path)}: {_say_why(row)}"
