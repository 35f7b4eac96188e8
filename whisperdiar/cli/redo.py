"""Command `redo`: a transcript again, with something changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.api import OpenPipeline
from whisperdiar.assembly import Request, check_request
from whisperdiar.cache import locate
from whisperdiar.cache.files import CacheFolder
from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console
from whisperdiar.cli.corrections import read_corrected_transcript
from whisperdiar.cli.identification import open_identifier
from whisperdiar.cli.option import is_typed
from whisperdiar.cli.outputs import check_used, plan, select_unfinished
from whisperdiar.cli.transcribe import Job, Work, request_from, run
from whisperdiar.editing import has_corrections
from whisperdiar.errors import InvalidOption
from whisperdiar.recordings import KeptRecording
from whisperdiar.repetition import change_choice, find_source, part_of, request_of
from whisperdiar.sound_marks import sound_marks_of
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


def redo(
    context: click.Context,
    /,
    source: Path,
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    media: Path | None,
    keep_edits: Path | None,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Make the transcript of IN.json again, with the options that are given now in place of those of then."""
    console = Console(quiet=quiet, progress=progress)
    context.call_on_close(console.close)
    write = shared.write_options(options)
    before = Transcript.load(source)
    kept = shared.cache_options(options)
    memory = None
    if kept is not None:
        memory = CacheFolder(locate(kept), limit_bytes=kept.limit_mb * 10**6, notify=console.warn)
    wanted = _change(context, request_of(before, memory), request_from({**options, **_NO_MEDIA}))
    found = find_source(before, given=media, folders=(source.parent, Path()), memory=memory)
    others = shared.other_files(options)
    others["also_read"] += [source, keep_edits]
    path = Path(found.name) if isinstance(found, KeptRecording) else found
    (targets,) = plan([path], outputs, formats, overwrite=overwrite, **others)
    check_used(context, targets)
    told = next((target.format.name for target in targets if target.format.needs == "emotions"), None)
    if told is not None and wanted.emotions is None:
        raise InvalidOption(_("format {name}: add --emotions, which tells them").format(name=told))
    (left,) = select_unfinished([targets], overwrite=overwrite, notify=console.note)
    if not left:
        return
    check_request(wanted)
    if before.provenance.get("vocabulary") and wanted.vocabulary is None:
        console.warn(_("{source}: its vocabulary is not used; to use it, give --vocabulary").format(source=source))
    if keep_edits is None and has_corrections(before):
        console.warn(
            _("{source}: its names and corrections are left out; to keep them, give the file to --keep-edits").format(
                source=source
            )
        )
    job = Job(
        pipeline=OpenPipeline(wanted, notify=console.warn, inform=console.note),
        console=console,
        write=write,
        part=part_of(wanted),
        corrected=read_corrected_transcript(keep_edits, recordings=1),
        sounds=sound_marks_of(before),
        identifier=open_identifier(options, console),
    )
    context.exit(run([Work(path, left, source=found)], job, many=False))


_NO_MEDIA = {"track": None, "channel": None, "start": 0.0, "end": None}


def _change(context: click.Context, before: Request, now: Request) -> Request:
    """What was asked for then, but for what is asked for now."""
    return replace(
        before,
        asr=change_choice(before.asr, now.asr),
        vad=change_choice(before.vad, now.vad),
        diarizer=change_choice(before.diarizer, now.diarizer),
        speakers=now.speakers if is_typed(context, "speakers") else before.speakers,
        language=now.language or before.language,
        skip_music=now.skip_music if is_typed(context, "skip_music") else before.skip_music,
        runtime=now.runtime,
        vocabulary=now.vocabulary,
        speech_file=now.speech_file,
        turns_file=now.turns_file,
        alignment=now.alignment,
        separation=now.separation or before.separation,
        emotions=now.emotions or before.emotions,
        save_activity=now.save_activity,
        cache=now.cache,
    )
