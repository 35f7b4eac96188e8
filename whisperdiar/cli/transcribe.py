"""Command `transcribe`: recordings in, transcripts out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from whisperdiar.api import OpenPipeline
from whisperdiar.assembly import Request, check_request
from whisperdiar.cli import parameters as shared
from whisperdiar.cli import signals
from whisperdiar.cli.console import Console, is_terminal, open_console, write_stdout
from whisperdiar.cli.corrections import keep_corrections, read_corrected_transcript
from whisperdiar.cli.errors import EMPTY, FAILED, OK, report
from whisperdiar.cli.identification import open_identifier
from whisperdiar.cli.muxing import MuxRequest, mux_request, write_muxed
from whisperdiar.cli.option import is_typed
from whisperdiar.cli.outputs import STDOUT, Target, check_outputs, check_used, clips_left, plan, select_unfinished
from whisperdiar.cli.page import check_inlinable
from whisperdiar.cli.reporting import RunReport
from whisperdiar.cli.rescue import keep_interrupted, keep_output, keep_transcript
from whisperdiar.cli.tracks import choose_mix, gather_inputs, has_tracks
from whisperdiar.cli.video import AUTO, add_video, check_pictures, check_shots
from whisperdiar.contracts import listen
from whisperdiar.errors import DiarizationFailed, Interrupted, InvalidOption, OutputError, WhisperdiarError
from whisperdiar.formats import remove_folders
from whisperdiar.given_text.reading import read_text
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import recording_id
from whisperdiar.options import (
    AlignmentOptions,
    EmotionSettings,
    Runtime,
    SeparationSettings,
    WriteOptions,
    read_vocabulary,
)
from whisperdiar.outcome import explain_empty, is_empty, summarise
from whisperdiar.outputs import OutputResult, without_turns, write_outputs
from whisperdiar.recordings import Part, Source
from whisperdiar.reports.speaker_clips import has_clips, make_folder, write_clips
from whisperdiar.selection import Choice
from whisperdiar.text.languages import find_code
from whisperdiar.text.messages import _
from whisperdiar.tracks import Tracks, write_mix
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, SpeakerCount

if TYPE_CHECKING:
    from whisperdiar.people import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for every input."""

    pipeline: OpenPipeline
    console: Console
    write: WriteOptions
    part: Part
    clips: Path | None = None
    inline_media: bool = False
    mux: MuxRequest | None = None
    shots: str | None = None
    corrected: Transcript | None = None
    identifier: Identifier | None = None
    report: RunReport | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One recording, its outputs, whether its speakers are cut into clips, and where the mix of its tracks goes.

    Attributes:
        source: what is read where that is no file at `path`, by which the recording is called.
    """

    path: Path
    targets: Sequence[Target]
    clips: bool = True
    source: Source | None = None
    mix: Path | None = None

    @property
    def recording(self) -> Source:
        return self.path if self.source is None else self.source


def transcribe(
    context: click.Context,
    /,
    inputs: tuple[Path, ...],
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    clips: Path | None,
    embed_media: bool,
    embed: str | None,
    embed_format: str | None,
    burn: str | None,
    shots: str | None,
    keep_edits: Path | None,
    report_file: Path | None,
    quiet: bool,
    progress: str,
    show_text: bool | None,
    **options: Any,
) -> None:
    """Write who said what, when, in each INPUT (any audio or video file)."""
    console = open_console(context, quiet=quiet, progress=progress)
    write = shared.write_options(options)
    wanted = mux_request(embed, embed_format, burn, overwrite=overwrite)
    gathered = gather_inputs(inputs, options)
    sources = [item.source for item in gathered]
    files = [path for source in sources for path in (source.paths if isinstance(source, Tracks) else [source])]
    if any(item.path not in files for item in gathered) and (wanted is not None or shots == AUTO):
        raise InvalidOption(_("--tracks: there is no video of them; leave --embed, --burn and --shots auto out"))
    inputs = tuple(item.path for item in gathered)
    if wanted is not None and len(inputs) > 1:
        option = "--burn" if embed is None else "--embed"
        raise InvalidOption(
            _("{option}: there is one FILE for several recordings; give them one by one").format(option=option)
        )
    others = shared.other_files(options)
    others["also_written"] += [embed, burn, report_file]
    others["also_read"] += [keep_edits, *files]
    targets = plan(inputs, outputs, formats, overwrite=overwrite, beside=True, **others)
    if wanted is not None and not (outputs or is_typed(context, "formats")):
        targets = [[] for _each in inputs]  # standard output is where subtitles go unasked
    every = [target for found in targets for target in found]
    check_used(context, every, muxed=wanted is not None)
    told = next((target.format.name for target in every if target.format.needs == "emotions"), None)
    if told is not None and not options.get("emotions"):
        raise InvalidOption(_("format {name}: add --emotions, which tells them").format(name=told))
    shared.check_times(options["start"], options["end"])
    if shared.activity_file(options) is not None and len(inputs) > 1:
        raise InvalidOption(_("--save-activity: there is one FILE for several recordings; give them one by one"))
    if embed_media:
        check_inlinable(inputs, every)
    check_shots(shots, inputs[0])
    if shots not in (None, AUTO) and len(inputs) > 1:
        raise InvalidOption(_("--shots: there is one FILE for several recordings; give them one by one"))
    if len(inputs) == 1:  # of several, those without pictures are told when their turn comes
        check_pictures(inputs[0], burn=burn, shots=shots)
    on_screen = any(target.path == STDOUT for target in every) and is_terminal()
    watched = len(inputs) == 1 and console.progress_kind == "bar" and not on_screen
    console.shows_text = watched if show_text is None else show_text
    corrected = read_corrected_transcript(keep_edits, recordings=len(inputs))
    cut = _without_clips(inputs, clips, overwrite=overwrite, console=console)
    left = select_unfinished(targets, overwrite=overwrite, notify=console.note)
    todo = [
        Work(item.path, found, item.path in cut, item.source, choose_mix(item.source, found))
        for item, found in zip(gathered, left, strict=True)
        if found or item.path in cut or wanted is not None
    ]
    mixes = [item.mix for item in todo if item.mix is not None]
    check_outputs([], also_written=mixes, read=files, overwrite=overwrite or all(item.in_folder for item in every))
    if not todo:
        return
    if clips is not None:
        make_folder(clips)
    check_request(request_from(options))
    identifier = open_identifier(options, console)
    job = replace(
        job_from(options, console, write=write),
        clips=clips,
        inline_media=embed_media,
        mux=wanted,
        shots=shots,
        corrected=corrected,
        identifier=identifier,
        report=None if report_file is None else RunReport(report_file, replace=overwrite),
    )
    context.exit(run(todo, job, many=len(inputs) > 1))


def align_text(
    context: click.Context,
    /,
    recording: Path,
    text: Path,
    *,
    tolerance: float | None,
    encoding: str | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Write a given text with the times at which it is spoken in a recording, and with its speakers."""
    console = Console(quiet=quiet, progress=progress)
    context.call_on_close(console.close)
    write = shared.write_options(options)
    others = shared.other_files(options)
    others["also_read"] += [text]
    planned = plan([recording], outputs, formats, overwrite=overwrite, beside=True, **others)
    check_used(context, planned[0])
    shared.check_times(options["start"], options["end"])
    (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.note)
    if not targets:
        return
    given = read_text(text, encoding=encoding, tolerance=tolerance, notify=console.warn, inform=console.note)
    options["text"] = given
    check_request(request_from(options))
    job = job_from(options, console, write=write)
    context.exit(run([Work(recording, targets, clips=False)], job, many=False))


def job_from(options: dict[str, Any], console: Console, *, write: WriteOptions) -> Job:
    """A job with the pipeline that the options ask for, whose models are not loaded yet, and nothing beside it."""
    return Job(
        pipeline=OpenPipeline(request_from(options), notify=console.warn, inform=console.note),
        console=console,
        write=write,
        part=Part(**{**{key: options[key] for key in ("channel", "start", "end")}, "track": _find_track(options)}),
    )


def request_from(options: dict[str, Any]) -> Request:
    """The options of the command line as a request; what a command does not have stays at its default."""
    runtime = Runtime(device=options["device"], threads=options["threads"], offline=options["offline"])
    speakers: SpeakerCount = options["speakers"]
    asr = shared.settings(
        options.get("asr_settings", ()),
        model=options.get("model"),
        task=options.get("task"),
        multilingual=options.get("multilingual") or None,
        word_times=options.get("word_times"),
        compute_type=options.get("compute_type"),
        batch_size=options.get("batch_size"),
        prompt=options.get("prompt"),
        hotwords=options.get("hotwords"),
        languages=options.get("languages"),
    )
    vocabulary = options.get("vocabulary")
    diarizer = shared.diarizer_choice(options)
    return Request(
        vad=Choice(
            name=_detector_name(options),
            settings=shared.settings(options["vad_settings"], model=options["vad_model"]),
        ),
        asr=Choice(name=options.get("asr", "auto"), settings=asr),
        diarizer=replace(diarizer, name="channels") if has_tracks(options) else diarizer,
        speakers=speakers,
        language=_find_language(options.get("language")),
        vocabulary=None if vocabulary is None else read_vocabulary(vocabulary),
        runtime=runtime,
        speech_file=options["speech"],
        turns_file=options["turns"],
        media={**{key: options[key] for key in ("channel", "start", "end")}, "track": _find_track(options)},
        save_activity=shared.activity_file(options),
        skip_music=options.get("skip_music", False),
        cache=shared.cache_options(options),
        separation=_separation_from(options),
        emotions=EmotionSettings(model=options["emotions"]) if options.get("emotions") else None,
        text=options.get("text"),
        alignment=AlignmentOptions(**{key: options[key] for key in ("uncertain_below",) if key in options}),
    )


def _find_track(options: dict[str, Any]) -> int | None:
    """Which audio track of a file is read; None for the main one, or where all of them are people's."""
    track: int | str | None = options["track"]
    return track if isinstance(track, int) else None


def _separation_from(options: dict[str, Any]) -> SeparationSettings | None:
    model = options.get("separate_overlap")
    return SeparationSettings(model=model, voice_model=options.get("voice_model")) if model else None


def _find_language(typed: str | None) -> str | None:
    """The code of a language that was named; a code stays as it is, as a recogniser may know more of them."""
    return None if typed is None else find_code(typed.strip())


def _detector_name(options: dict[str, Any]) -> str:
    """A model of one's own can only be for the one detector that takes one."""
    name: str = options["vad"]
    return "crdnn" if name == "auto" and options["vad_model"] and options["speech"] is None else name


def _without_clips(inputs: Sequence[Path], clips: Path | None, *, overwrite: bool, console: Console) -> list[Path]:
    """The inputs whose speakers are to be cut; clips that exist already are left alone.

    Raises:
        InvalidOption: two of them would have clips of the same name.
    """
    if clips is None:
        return []
    names = Counter(recording_id(path).casefold() for path in inputs)
    twice = [path for path in inputs if names[recording_id(path).casefold()] > 1]
    if twice:
        raise InvalidOption(
            _(
                "--clips: the clips of {first} and {second} would have the same names; "
                "run them separately, into different folders"
            ).format(first=twice[0], second=twice[1])
        )
    done = [path for path in inputs if not overwrite and has_clips(clips, recording_id(path))]
    if done:
        console.note(clips_left(clips, [recording_id(path) for path in done]))
    return [path for path in inputs if path not in done]


def run(work: Sequence[Work], job: Job, *, many: bool) -> int:
    """Work on every input; an error becomes one line, and what could be computed is written all the same.

    Args:
        many: whether lines say which input they are about.

    Returns:
        The exit code of all.
    """
    console = job.console
    codes: list[int] = []
    begun: list[Work] = []
    waiting = iter(work)
    pace = Pace([item.path for item in work])

    def begin(source: object) -> None:
        signals.check()
        begun.append(next(item for item in waiting if item.recording == source))
        number = work.index(begun[-1])
        console.start_file(number + 1, len(work) if many else 1, str(begun[-1].path), left=pace.left(number))

    def fail(source: object, error: Exception) -> None:
        report(error, console, about=str(next((item.path for item in work if item.recording == source), source)))
        codes.append(FAILED)

    try:
        results = job.pipeline.transcribe_all(
            [item.recording for item in work], part=job.part, on_begin=begin, on_error=fail, progress=console.progress
        )
        with listen(console):
            for result in results:
                if result.transcript is not None and result.audio is not None:
                    codes.append(_write_or_fail(result.audio, result.transcript, result.errors, begun[-1], job))
    except Interrupted as error:
        _keep(error.transcript, begun[-1], console)
        raise
    finally:
        if job.report is not None and begun:
            codes.append(job.report.write_or_keep(console))
    return max(codes) if set(codes) <= {OK, EMPTY} else FAILED


class Pace:
    """How long the recordings that are left will take, by their size and the time that the others took."""

    def __init__(self, recordings: Sequence[Path]) -> None:
        self._sizes = [_size(path) for path in recordings]
        self._begun = time.monotonic()

    def left(self, number: int) -> float | None:
        """Seconds for recording `number` (counted from 0) and all behind it; None before one is done."""
        done = sum(self._sizes[:number])
        return (time.monotonic() - self._begun) * sum(self._sizes[number:]) / done if done else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write_or_fail(audio: Audio, transcript: Transcript, errors: Sequence[Exception], work: Work, job: Job) -> int:
    """Write everything that is made of a transcript; every error becomes one line. Returns the exit code."""
    written: list[Target] = []
    try:
        return _write_all(audio, transcript, errors, work, job, written=written)
    except KeyboardInterrupt:
        if not any(target.format.name == "json" for target in written):
            _keep(transcript, work, job.console)
        raise
    except BrokenPipeError:  # nobody reads any more
        raise
    except Exception as error:  # one failed file must not stop the rest
        report(error, job.console, about=str(work.path))
        return FAILED


def _keep(transcript: Transcript, work: Work, console: Console) -> None:
    """Keep the words of a run that is told to end, beside its first output."""
    files = (target.path for target in work.targets if target.path != STDOUT)
    keep_interrupted(transcript, next(files, None), console)


def _write_all(
    audio: Audio,
    transcript: Transcript,
    errors: Sequence[Exception],
    work: Work,
    job: Job,
    *,
    written: list[Target],
) -> int:
    """Everything that is made of a transcript; `written` grows by what was. The errors have been told already."""
    code, path, console = OK, work.path, job.console
    lost = any(isinstance(error, DiarizationFailed) for error in errors)
    if job.identifier is not None and not lost:
        try:
            transcript = job.identifier.identify(transcript, audio)
        except WhisperdiarError as error:  # the words are not thrown away for the sake of the names
            code = report(error, console, about=str(path))
    transcript = keep_corrections(transcript, job.corrected, start=job.part.start, console=console)
    try:
        video = None if isinstance(work.source, Tracks) and len(work.source.paths) > 1 else path
        transcript = add_video(transcript, video, job.shots, job.write, console)
    except WhisperdiarError as error:  # hours of work are not thrown away for the sake of the pictures
        code = report(error, console, about=str(path))
    for note in transcript.provenance.get("notes", ()):
        console.note(f"{path}: {note}")
    told = {str(error) for error in errors}
    for warning in transcript.provenance["warnings"]:
        if warning not in told:
            console.warn(f"{path}: {warning}")
    wanted = without_turns(work.targets) if lost else work.targets
    if lost and not wanted and job.mux is None:
        keep_transcript(transcript, console)
    played = path
    if work.mix is not None:
        try:
            played = write_mix(audio, work.mix)
        except OutputError as error:
            code = report(error, console, about=str(path))
    elif isinstance(work.source, Tracks):
        played = work.source.paths[0]
    media = LinkedMedia(played, inline=job.inline_media)
    gone: BrokenPipeError | None = None
    try:
        code = write_targets(transcript, wanted, job.write, console, media=media, written=written).code or code
    except BrokenPipeError as error:  # nobody reads standard output any more; the rest is still to be made
        gone = error
    others: list[Path] = [played] if played == work.mix else []
    if job.mux is not None:
        failed = write_muxed(transcript, path, job.mux, job.write, console)
        if failed and not written:
            keep_transcript(transcript, console)
        if not failed:
            others += job.mux.outputs
        code = code or failed
    if job.clips is not None and work.clips and not lost:
        try:
            with console.timed("clips"):
                write_clips(audio, transcript, job.clips)
            others.append(job.clips)
        except OutputError as error:
            code = report(error, console, about=str(path))
    if job.report is not None:
        job.report.add(transcript)
    if gone is not None:
        raise gone
    paths = [*(target.path for target in written if target.path != STDOUT), *others]
    console.info(
        summarise(
            transcript, elapsed=console.elapsed(), stages=console.seconds, length=audio.duration, written=paths
        )  # stages side by side take less by the clock than their sum
    )
    if is_empty(transcript):
        console.error(f"{path}: {explain_empty(transcript)}")
        code = code or EMPTY
    return code


@dataclass(frozen=True, slots=True)
class Written:
    """The exit code, and the targets that were written."""

    code: int
    targets: tuple[Target, ...]


def write_targets(
    transcript: Transcript,
    targets: Sequence[Target],
    options: WriteOptions,
    console: Console,
    *,
    keep: Literal["all", "made", "nothing"] = "all",
    media: LinkedMedia | None = None,
    written: list[Target] | None = None,
) -> Written:
    """Write every target; one that fails stops none of the others.

    Args:
        keep: what is kept in another folder where it could not be written: the content of every output, and where
            there is none at all the transcript (``all``); only what was made of it (``made``); or ``nothing``, where it
            can be made again at once.
        media: what a page plays.
        written: grows by what was written, for a caller who is interrupted.

    Raises:
        BrokenPipeError: nobody reads standard output; the files are written all the same.
    """
    done: list[Target] = [] if written is None else written
    failed: list[OutputResult] = []
    gone: BrokenPipeError | None = None
    results = write_outputs(transcript, targets, options=options, media=media, write_stream=write_stdout)
    for _target in targets:
        signals.check()
        result = next(results)
        for remark in result.remarks:
            console.warn(f"{result.target.path}: {remark}")
        if isinstance(result.error, BrokenPipeError):
            gone = result.error
        elif result.error is not None:
            report(result.error, console, about=str(result.target.path))
            failed.append(result)
        else:
            done.append(result.target)
    transcript = replace(transcript, provenance=remove_folders(transcript.provenance))
    _rescue(transcript, failed, console, keep="transcript" if keep == "all" and len(failed) == len(targets) else keep)
    if gone is not None:
        raise gone
    return Written(FAILED if failed else OK, tuple(done))


def _rescue(transcript: Transcript, failed: Sequence[OutputResult], console: Console, *, keep: str) -> None:
    """Hours of work are not thrown away because a disk is full: keep them where there may be room."""
    if not failed or keep == "nothing":
        return
    if keep == "transcript":
        keep_transcript(transcript, console)
        return
    for item in failed:
        if item.content is not None:
            name = transcript.recording_id if item.target.path == STDOUT else item.target.path.stem
            keep_output(item.content, name, item.target.format.suffix, console)
    if keep == "all" and any(item.content is None for item in failed):
        keep_transcript(transcript, console)
