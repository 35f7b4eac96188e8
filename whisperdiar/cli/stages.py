"""Commands `vad`, `diarize` and `align`: single stages."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.alignment import align as align_words
from whisperdiar.alignment import uncertain_words
from whisperdiar.assembly import build, check_request
from whisperdiar.cache import StageCache
from whisperdiar.cache.identity import hash_file
from whisperdiar.cache.recordings import read_recording
from whisperdiar.cli import parameters as shared
from whisperdiar.cli import signals
from whisperdiar.cli.console import Console, open_console
from whisperdiar.cli.errors import EMPTY, FAILED, OK, report
from whisperdiar.cli.identification import open_identifier
from whisperdiar.cli.option import is_typed
from whisperdiar.cli.outputs import STDOUT, Target, check_used, plan, select_unfinished
from whisperdiar.cli.transcribe import Pace, align_text, request_from, write_targets
from whisperdiar.contracts import listen
from whisperdiar.errors import FormatError, InvalidOption, MediaError, TruncatedMedia
from whisperdiar.exchange import read as read_transcript
from whisperdiar.exchange import set_language
from whisperdiar.formats import detect, json, rttm, speech
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import check_recording, load, recording_id
from whisperdiar.options import AlignmentOptions, WriteOptions
from whisperdiar.outcome import explain_empty, is_empty
from whisperdiar.pipeline import DIARIZATION_FAILED, Pipeline, wants_channels
from whisperdiar.provenance import list_versions
from whisperdiar.segmentation import segments
from whisperdiar.selection import select
from whisperdiar.sound_classes import find_music
from whisperdiar.system.files import read_text
from whisperdiar.system.machine import usable_cores
from whisperdiar.text.counts import count_speakers, count_stretches, count_turns, count_words
from whisperdiar.text.messages import _, to_english
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import ANY_SPEAKERS, Audio, BackendRecord, Diarization, Span, Turn, remove_spans


def vad(
    context: click.Context,
    /,
    recordings: tuple[Path, ...],
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Write where somebody speaks in each FILE; without -o as text on standard output."""
    console = open_console(context, quiet=quiet, progress=progress)
    shared.check_times(options["start"], options["end"])
    left = _plan_outputs(
        recordings,
        outputs,
        formats,
        console,
        default="txt",
        overwrite=overwrite,
        also_read=[options["speech"]],
        adapt=_speech_target,
    )
    options.update(speakers=ANY_SPEAKERS, diarizer="none", diarizer_settings=(), turns=None)
    request = request_from(options)
    check_request(request, words=False)

    @functools.cache
    def detector() -> Any:
        return select(
            "vad",
            request.detector_choice(),
            runtime=request.runtime,
            notify=console.warn,
            inform=console.note,
            progress=console.progress,
        ).backend

    def work(recording: Path, targets: Sequence[Target]) -> int:
        detect = detector().detect
        audio, code = _read(recording, options, console, channels="mono")
        _tell_findings(recording, audio.notes, audio.warnings, console)
        spans = detect(audio, progress=console.progress)
        if options["skip_music"]:
            music = find_music(audio, threads=request.runtime.threads or usable_cores(), progress=console.progress)
            spans = remove_spans(spans, music)
        spans = tuple(span.shift(audio.start) for span in spans)
        found = _speech_transcript(spans, audio)
        code = write_targets(found, targets, WriteOptions(), console, keep="nothing").code or code
        console.info(_sum_up_speech(spans, audio, targets))
        if not spans:
            text = _("{recording}: no speech was found; try another detector (--vad), or --vad none")
            console.error(text.format(recording=recording))
            code = code or EMPTY
        return code

    context.exit(_run_each(recordings, left, work, console, track=options["track"]))


def _sum_up_speech(spans: Sequence[Span], audio: Audio, targets: Sequence[Target]) -> str:
    spoken = sum(span.duration for span in spans)
    length = _("{spoken:.1f} s of speech in {duration:.1f} s").format(spoken=spoken, duration=audio.duration)
    return _("{recording_id}: {length}, {stretches}{written}").format(
        recording_id=audio.recording_id,
        length=length,
        stretches=count_stretches(len(spans)),
        written=_list_written(targets),
    )


def _speech_target(target: Target) -> Target:
    """The same file, which holds speech regions.

    Raises:
        InvalidOption: they are not written in this format.
    """
    name = target.format.name
    if name not in speech.FORMATS:
        known = ", ".join(f".{item}" for item in speech.FORMATS)
        where = f"-f {name}" if target.path == STDOUT else f"'{target.path}'"
        raise InvalidOption(_("{where}: speech regions are written as {known}").format(where=where, known=known))

    def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001
        spans = [turn.span for turn in transcript.turns]
        length, identifier = transcript.duration, transcript.recording_id
        return speech.dumps(spans, name=name, duration=length, recording_id=identifier)

    return replace(target, format=replace(target.format, dumps=dumps))


def _speech_transcript(spans: Sequence[Span], audio: Audio) -> Transcript:
    """Speech regions as turns of one speaker, to the end of the sound that was read."""
    turns = tuple(Turn(span, speech.LABEL) for span in spans)
    return Transcript(audio.recording_id, audio.start + audio.duration, turns=turns)


def diarize(
    context: click.Context,
    /,
    recordings: tuple[Path, ...],
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Write who speaks when in each FILE; without -o as RTTM."""
    console = open_console(context, quiet=quiet, progress=progress)
    shared.check_times(options["start"], options["end"])
    if shared.activity_file(options) is not None and len(recordings) > 1:
        raise InvalidOption(_("--save-activity: there is one FILE for several recordings; give them one by one"))
    left = _plan_outputs(
        recordings,
        outputs,
        formats,
        console,
        default="rttm",
        overwrite=overwrite,
        beside=True,
        adapt=_turns_target,
        **shared.other_files(options),
    )
    if not any(left):
        return
    request = request_from(options)
    check_request(request, words=False)
    identifier = open_identifier(options, console)

    @functools.cache
    def pipeline() -> Pipeline:
        return build(request, words=False, notify=console.warn, inform=console.note, progress=console.progress)

    def work(recording: Path, targets: Sequence[Target]) -> int:
        channels = "all" if wants_channels(pipeline().diarizer) else "mono"
        audio, code = _read_kept(recording, options, console, cache=pipeline().cache, channels=channels)
        transcript = pipeline().run(audio, progress=console.progress)
        if identifier is not None:
            transcript = identifier.identify(transcript, audio)
        _tell_findings(recording, transcript.provenance["notes"], transcript.provenance["warnings"], console)
        code = write_targets(transcript, targets, WriteOptions(), console, media=LinkedMedia(recording)).code or code
        console.info(
            f"{audio.recording_id}: {count_speakers(len(transcript.speakers))}, "
            f"{count_turns(len(transcript.turns))}{_list_written(targets)}"
        )
        if is_empty(transcript):
            console.error(f"{recording}: {explain_empty(transcript)}")
            code = code or EMPTY
        return code

    context.exit(_run_each(recordings, left, work, console, track=options["track"]))


def _plan_outputs(
    recordings: Sequence[Path],
    outputs: Sequence[str],
    formats: Sequence[str],
    console: Console,
    *,
    default: str,
    overwrite: bool,
    adapt: Callable[[Target], Target],
    beside: bool = False,
    also_read: Sequence[str | Path | None] = (),
    also_written: Sequence[str | Path | None] = (),
) -> list[list[Target]]:
    """For every recording what is still to be written, as `plan` has it; all of it is checked first.

    Args:
        adapt: makes a target one of the command's, or raises InvalidOption where its format holds something else.
    """
    planned = plan(
        recordings,
        outputs,
        formats,
        default=default,
        overwrite=overwrite,
        beside=beside,
        also_read=also_read,
        also_written=also_written,
    )
    adapted = [[adapt(target) for target in targets] for targets in planned]
    return select_unfinished(adapted, overwrite=overwrite, notify=console.note)


def _tell_findings(recording: Path, notes: Iterable[str], warnings: Iterable[str], console: Console) -> None:
    for note in notes:
        console.note(f"{recording}: {note}")
    for warning in warnings:
        console.warn(f"{recording}: {warning}")


def _run_each(
    recordings: Sequence[Path],
    planned: Sequence[Sequence[Target]],
    work: Callable[[Path, Sequence[Target]], int],
    console: Console,
    *,
    track: int | None,
) -> int:
    """Work on every recording that has outputs left; one that fails does not stop the others. Returns the exit code."""
    codes: list[int] = []
    todo = [(path, targets) for path, targets in zip(recordings, planned, strict=True) if targets]
    pace = Pace([path for path, __ in todo])
    readable: list[bool] = []
    for path, __ in todo:  # told before any model is loaded
        try:
            check_recording(path, track=track)
            readable.append(True)
        except MediaError as error:
            codes.append(report(error, console, about=str(path)))
            readable.append(False)
    for number, (path, targets) in enumerate(todo):
        if not readable[number]:
            continue
        signals.check()
        console.start_file(number + 1, len(todo), str(path), left=pace.left(number))
        try:
            with listen(console):
                codes.append(work(path, targets))
        except BrokenPipeError:  # nobody reads any more
            raise
        except Exception as error:
            codes.append(report(error, console, about=str(path)))
            if len(todo) == 1 or isinstance(error, InvalidOption):
                break
    return max(codes, default=OK) if set(codes) <= {OK, EMPTY} or len(todo) == 1 else FAILED


def _list_written(targets: Sequence[Target]) -> str:
    files = [str(target.path) for target in targets if target.path != STDOUT]
    return _("; wrote {files}").format(files=", ".join(files)) if files else ""


def _turns_target(target: Target) -> Target:
    """The same file, which holds turns.

    Raises:
        InvalidOption: the format is one of words.
    """
    if target.format.needs == "emotions":
        raise InvalidOption(
            _("format {name}: diarize tells no emotions; use `whisperdiar transcribe --emotions`").format(
                name=target.format.name
            )
        )
    if target.format.needs == "words":
        raise InvalidOption(
            _("format {name}: diarize writes no words; use `whisperdiar transcribe`").format(name=target.format.name)
        )
    return target


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


def _read_kept(
    recording: Path, options: dict[str, Any], console: Console, *, cache: StageCache | None, channels: str
) -> tuple[Audio, int]:
    """The same, by what a cache knows of the recording."""
    if cache is None:
        return _read(recording, options, console, channels=channels)
    codes = [OK]

    def read() -> tuple[Audio, bool]:
        audio, code = _read(recording, options, console, channels=channels)
        codes.append(code)
        return audio, code == OK

    part = {key: options[key] for key in ("track", "channel", "start", "end")}
    try:
        hashed = hash_file(recording, cache.folder)
    except OSError:  # said where it is opened
        return _read(recording, options, console, channels=channels)
    name = recording_id(recording)
    audio = read_recording(
        recording, hashed, cache.folder, read, recording_id=name, language=None, **part, channels=channels
    )
    return audio, codes[-1]


def align(
    context: click.Context,
    /,
    sources: tuple[Path, ...],
    *,
    text: Path | None,
    text_tolerance: float | None,
    **values: Any,
) -> None:
    """Give words their speakers, or a given text its times."""
    if text is None:
        _refuse_options_of_text(context)
        if len(sources) != 2:
            raise InvalidOption(_("align takes WORDS.json and TURNS.rttm, or --text FILE and one RECORDING"))
        _align_turns(context, *sources, **values)
    elif len(sources) != 1:
        raise InvalidOption(_("--text: it is spoken in one RECORDING; give that alone"))
    elif values["recording"] is not None:
        raise InvalidOption(_("--recording is for TURNS.rttm; leave it out beside --text"))
    else:
        del values["recording"]
        align_text(context, sources[0], text, tolerance=text_tolerance, **values)


_BESIDE_TURNS = frozenset(
    {"sources", "language", "recording", "uncertain_below", "outputs", "formats", "overwrite", "quiet"}
)
"""Parameters of `align` without a text, beside those of subtitles."""


def _refuse_options_of_text(context: click.Context) -> None:
    """Raises InvalidOption where an option is typed that would do nothing without --text."""
    for parameter in context.command.params:
        name = parameter.name or ""
        group = getattr(parameter, "group", "")
        if (
            is_typed(context, name)
            and name not in _BESIDE_TURNS
            and group in ("Speakers", "Words", "Speech", "Recording")
        ):
            raise InvalidOption(
                _("{option}: it is for align --text; leave it out, or give the text that is spoken").format(
                    option=max(parameter.opts, key=len)
                )
            )


def _align_turns(
    context: click.Context,
    words: Path,
    turns: Path,
    /,
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
    (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.note)
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
        _("{recording_id}: {words}, {speakers}, {doubtful} of doubtful speaker").format(
            recording_id=source.recording_id,
            words=count_words(len(joined)),
            speakers=count_speakers(len(transcript.speakers)),
            doubtful=count_words(len(transcript.uncertain)),
        )
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
        "warnings": [item for item in kept if not to_english(str(item)).startswith(DIARIZATION_FAILED)],
    }


def _words_file(path: Path, *, notify: Callable[[str], None]) -> Transcript:
    """A transcript, or a list of words as a transcript without speakers, named after the file."""
    text = read_text(path)  # its errors name the file
    if detect(text) is not None:
        return read_transcript(path, notify=notify)
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
        hint = (
            ""
            if asked or "no recording" not in to_english(str(error))
            else _("; say which one is meant with --recording NAME")
        )
        raise FormatError(f"{path}: {error}{hint}") from error
