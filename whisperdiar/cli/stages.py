"""Commands `vad`, `diarize` and `align`: single stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.alignment import align as align_words
from whisperdiar.alignment import uncertain_words
from whisperdiar.assembly import build, check_request, select
from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.errors import EMPTY, FAILED, report
from whisperdiar.cli.outputs import STDOUT, Target, check_name, check_outputs, check_used, plan, select_unfinished
from whisperdiar.cli.transcribe import request_from, write_targets
from whisperdiar.errors import FormatError, InvalidOption, TruncatedMedia
from whisperdiar.exchange import set_language
from whisperdiar.formats import json, rttm, speech
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import check_recording, load, recording_id
from whisperdiar.options import AlignmentOptions, WriteOptions
from whisperdiar.outcome import explain_empty, is_empty
from whisperdiar.pipeline import DIARIZATION_FAILED, list_versions, wants_channels
from whisperdiar.segmentation import segments
from whisperdiar.system.files import read_text, write_text
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendRecord, Diarization


def vad(
    context: click.Context,
    /,
    recording: Path,
    *,
    output: Path | None,
    form: str | None,
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Write where somebody speaks in FILE; without -o as text on standard output."""
    console = Console(quiet=quiet)
    context.call_on_close(console.close)
    shared.check_times(options["start"], options["end"])
    output = None if output == STDOUT else output
    check_outputs([], also_written=[output], read=[recording, options["speech"]], overwrite=overwrite)
    if output is not None and form is not None:
        check_name(output, form, suffixes=[f".{form}"])
    form = form or (speech.by_suffix(output) if output is not None else "txt")
    options.update(speakers=ANY_SPEAKERS, diarizer="none", diarizer_settings=(), turns=None)
    request = request_from(options)
    check_request(request, words=False)
    check_recording(recording, track=options["track"])
    detector = select(
        "vad",
        request.detector_choice(),
        runtime=request.runtime,
        notify=console.warn,
        inform=console.note,
        progress=console.progress,
    ).backend
    audio, code = _read(recording, options, console, channels="mono")
    for note in audio.notes:
        console.note(f"{recording}: {note}")
    for warning in audio.warnings:
        console.warn(f"{recording}: {warning}")
    spans = tuple(span.shift(audio.start) for span in detector.detect(audio, progress=console.progress))
    text = speech.dumps(spans, name=form, duration=audio.start + audio.duration, recording_id=audio.recording_id)
    if output is None:
        write_stdout(text)
    else:
        write_text(output, text, replace=overwrite)
    spoken = sum(span.duration for span in spans)
    console.info(f"{audio.recording_id}: {spoken:.1f} s of speech in {audio.duration:.1f} s, {len(spans)} stretches")
    if not spans:
        console.error(f"{recording}: no speech was found; try another detector (--vad), or --vad none")
        code = code or EMPTY
    context.exit(code)


def diarize(
    context: click.Context,
    /,
    recording: Path,
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Write who speaks when in FILE; without -o as RTTM on standard output."""
    console = Console(quiet=quiet)
    context.call_on_close(console.close)
    shared.check_times(options["start"], options["end"])
    planned = plan([recording], outputs, formats, default="rttm", overwrite=overwrite, **shared.other_files(options))
    (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.warn)
    if not targets:
        return
    _refuse_words(targets)
    request = request_from(options)
    check_request(request, words=False)
    check_recording(recording, track=options["track"])
    pipeline = build(request, words=False, notify=console.warn, inform=console.note, progress=console.progress)
    channels = "all" if wants_channels(pipeline.diarizer) else "mono"
    audio, code = _read(recording, options, console, channels=channels)
    transcript = pipeline.run(audio, progress=console.progress)
    for note in transcript.provenance["notes"]:
        console.note(f"{recording}: {note}")
    for warning in transcript.provenance["warnings"]:
        console.warn(f"{recording}: {warning}")
    done = write_targets(transcript, targets, WriteOptions(), console, media=LinkedMedia(recording))
    code = done.code or code
    console.info(
        f"{audio.recording_id}: {_pluralise(len(transcript.speakers), 'speaker')}, "
        f"{_pluralise(len(transcript.turns), 'turn')}"
    )
    if is_empty(transcript):
        console.error(f"{recording}: {explain_empty(transcript)}")
        code = code or EMPTY
    context.exit(code)


def _pluralise(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _refuse_words(targets: list[Target]) -> None:
    for target in targets:
        if target.format.needs == "words":
            raise InvalidOption(f"format {target.format.name}: diarize writes no words; use `whisperdiar transcribe`")


def _read(recording: Path, options: dict[str, Any], console: Console, *, channels: Any) -> tuple[Audio, int]:
    """The sound, and the exit code so far: a recording that ends early is worked on as far as it goes."""
    try:
        return load(
            recording,
            channels=channels,
            track=options["track"],
            channel=options["channel"],
            start=options["start"],
            end=options["end"],
            progress=console.progress,
        ), 0
    except TruncatedMedia as error:
        return error.audio, report(error, console, about=str(recording)) or FAILED


def align(
    context: click.Context,
    /,
    words: Path,
    turns: Path,
    *,
    language: str | None,
    recording: str | None,
    uncertain_below: float,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Give every word of WORDS.json its speaker from TURNS.rttm; without -o as JSON on standard output."""
    console = Console(quiet=quiet)
    write = shared.write_options(options)
    planned = plan([words], outputs, formats, default="json", overwrite=overwrite, also_read=[turns])
    check_used(context, planned[0])
    (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.warn)
    if not targets:
        return
    found = _words_file(words, notify=console.warn)
    source = set_language(found, language, about=str(words), inform=console.note)
    diarization = _turns_file(turns, recording or source.recording_id, asked=recording is not None)
    joined = align_words(source.words, diarization.turns)
    transcript = replace(
        source,
        duration=max([source.duration, *(w.end for w in joined), *(t.end for t in diarization.turns)]),
        speakers=tuple(Speaker(label, label) for label in diarization.speakers),
        segments=segments(joined),
        cues=(),
        turns=diarization.turns,
        uncertain=uncertain_words(joined, options=AlignmentOptions(uncertain_below=uncertain_below)),
        provenance=_join_provenance(source.provenance, turns),
    )
    code = write_targets(transcript, targets, write, console, keep="nothing").code
    console.info(
        f"{source.recording_id}: {len(joined)} words, {len(transcript.speakers)} speakers, "
        f"{len(transcript.uncertain)} words of doubtful speaker"
    )
    context.exit(code)


def _join_provenance(words: Mapping[str, Any], turns: Path) -> dict[str, Any]:
    """What made the words, as they say it, and the file of turns in place of the diarizer that they had."""
    warnings = words.get("warnings")
    kept = warnings if isinstance(warnings, list) else []
    return {
        "asr": None,
        "vad": None,
        "versions": list_versions(),
        "options": {},
        **words,
        "diarizer": BackendRecord("rttm", model=turns.name).to_dict(),
        "warnings": [item for item in kept if not str(item).startswith(DIARIZATION_FAILED)],
    }


def _words_file(path: Path, *, notify: Callable[[str], None]) -> Transcript:
    """A transcript, or a list of words as a transcript without speakers, named after the file."""
    text = read_text(path)  # its errors name the file
    try:
        found = json.load_recognised(text)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    if found.recording_id != rttm.NO_ID:
        return found
    for warning in found.provenance.get("warnings", ()):
        notify(f"{path}: {warning}")
    return replace(found, recording_id=recording_id(path).removesuffix(".words"))


def _turns_file(path: Path, recording: str, *, asked: bool) -> Diarization:
    text = read_text(path)
    try:
        return rttm.loads(text, recording_id=recording, tolerance=replace(rttm.TOLERANT, other_id=not asked))
    except FormatError as error:
        hint = "" if asked or "no recording" not in str(error) else "; say which one is meant with --recording NAME"
        raise FormatError(f"{path}: {error}{hint}") from error
