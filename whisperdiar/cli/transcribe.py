"""Command `transcribe`: recordings in, transcripts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click

from whisperdiar.assembly import Choice, Request, build, check_request
from whisperdiar.cli import parameters as shared
from whisperdiar.cli import signals
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.cli.corrections import keep_corrections, keep_option, read_corrected_transcript
from whisperdiar.cli.errors import EMPTY, FAILED, OK, report
from whisperdiar.cli.muxing import MuxRequest, mux_options, mux_request, write_muxed
from whisperdiar.cli.outputs import STDOUT, Target, check_used, clips_left, plan, select_unfinished
from whisperdiar.cli.page import Recording, check_inlinable
from whisperdiar.cli.reporting import RunReport, report_option
from whisperdiar.cli.rescue import keep_interrupted, keep_output, keep_transcript
from whisperdiar.cli.video import AUTO, add_video, check_shots, shots_option
from whisperdiar.errors import (
    DiarizationFailed,
    Interrupted,
    InvalidOption,
    MediaError,
    OutputError,
    TruncatedMedia,
    WhisperdiarError,
)
from whisperdiar.formats import remove_folders
from whisperdiar.media import check_recording, load, recording_id
from whisperdiar.options import AlignmentOptions, Runtime, WriteOptions
from whisperdiar.outcome import explain_empty, is_empty, summarise_left_out
from whisperdiar.pipeline import Pipeline, wants_channels
from whisperdiar.reports.speaker_clips import has_clips, make_folder, write_clips
from whisperdiar.system.files import write_bytes, write_text
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, SpeakerCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for every input."""

    pipeline: Pipeline
    console: Console
    write: WriteOptions
    track: int | None
    channel: int | None
    start: float
    end: float | None
    clips: Path | None = None
    embed_media: bool = False
    embedding: MuxRequest | None = None
    shots: str | None = None
    corrected: Transcript | None = None
    report: RunReport | None = None


@click.command("transcribe", short_help="Who said what, when (the default command).")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=shared.PATH)
@shared.writing_options
@shared.page_option
@click.option("--clips", type=shared.PATH, metavar="DIR", help="Write each speaker's speech as sound.")
@mux_options
@shots_option
@keep_option
@report_option
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.uncertain_option
@shared.media_options
@shared.runtime_options
@shared.quiet_option
@click.pass_context
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
    **options: Any,
) -> None:
    """Write who said what, when, in each INPUT (any audio or video file).

    Without -o, subtitles (SRT) go to standard output. With -o FILE the suffix tells the format; with -o FOLDER/
    each input gets its own files there. What exists is replaced with --overwrite only: a FILE is refused otherwise,
    files in a FOLDER are left alone, so that a run goes on where it was stopped. One failed input does not stop the
    others; the exit code is then 1. It is 3 where a result has no words, or hardly any for the speech that there is.
    """
    console = Console(quiet=quiet)
    context.call_on_close(console.close)
    write = shared.write_options(options)
    wanted = mux_request(embed, embed_format, burn, overwrite=overwrite)
    others = shared.other_files(options)
    others["also_written"] += [embed, burn, report_file]
    others["also_read"] += [keep_edits]
    targets = plan(inputs, outputs, formats, overwrite=overwrite, **others)
    if wanted is not None and not (outputs or formats):
        targets = [[] for _ in inputs]  # standard output is where subtitles go unasked
    every = [target for found in targets for target in found]
    check_used(context, every, muxed=wanted is not None)
    shared.check_times(options["start"], options["end"])
    if shared.activity_file(options) is not None and len(inputs) > 1:
        raise InvalidOption("--save-activity: there is one FILE for several recordings; give them one by one")
    if embed_media:
        check_inlinable(inputs, every)
    if wanted is not None and len(inputs) > 1:
        option = "--burn" if embed is None else "--embed"
        raise InvalidOption(f"{option}: there is one FILE for several recordings; give them one by one")
    check_shots(shots, inputs[0])
    if shots not in (None, AUTO) and len(inputs) > 1:
        raise InvalidOption("--shots: there is one FILE for several recordings; give them one by one")
    corrected = read_corrected_transcript(keep_edits, recordings=len(inputs))
    cut = _without_clips(inputs, clips, overwrite=overwrite, console=console)
    left = select_unfinished(targets, overwrite=overwrite, notify=console.warn)
    todo = [
        (path, found) for path, found in zip(inputs, left, strict=True) if found or path in cut or wanted is not None
    ]
    if not todo:
        return
    if clips is not None:
        make_folder(clips)
    check_request(request_from(options))
    readable = [(path, found) for path, found in todo if _is_readable(path, options["track"], console)]
    codes = [FAILED] * (len(todo) - len(readable))
    if not readable:
        context.exit(FAILED)
    job = replace(
        job_from(options, console, write=write),
        clips=clips,
        embed_media=embed_media,
        embedding=wanted,
        shots=shots,
        corrected=corrected,
        report=None if report_file is None else RunReport(report_file, replace=overwrite),
    )
    try:
        for path, found in readable:
            own = job if path in cut else replace(job, clips=None)
            codes.append(run_one(path, found, own, many=len(inputs) > 1))
    finally:
        if job.report is not None:
            codes.append(job.report.write_or_keep(console))
    context.exit(max(codes) if set(codes) <= {OK, EMPTY} else FAILED)


def _is_readable(path: Path, track: int | None, console: Console) -> bool:
    """Whether there is sound to read, found out before any model is loaded; otherwise one line says why."""
    try:
        check_recording(path, track=track)
    except MediaError as error:
        report(error, console, about=str(path))
        return False
    return True


def job_from(options: dict[str, Any], console: Console, *, write: WriteOptions) -> Job:
    """A job with the pipeline that the options ask for, and nothing beside it."""
    pipeline = build(request_from(options), notify=console.warn, inform=console.note, progress=console.progress)
    for remark in getattr(pipeline.transcriber, "remarks", ()):
        console.note(remark)
    return Job(
        pipeline=pipeline,
        console=console,
        write=write,
        track=options["track"],
        channel=options["channel"],
        start=options["start"],
        end=options["end"],
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
    )
    return Request(
        vad=Choice(
            name=_detector_name(options),
            settings=shared.settings(options["vad_settings"], model=options["vad_model"]),
        ),
        asr=Choice(name=options.get("asr", "auto"), settings=asr),
        diarizer=shared.diarizer_choice(options),
        speakers=speakers,
        language=options.get("language"),
        runtime=runtime,
        speech_file=options["speech"],
        turns_file=options["turns"],
        media={key: options[key] for key in ("track", "channel", "start", "end")},
        save_activity=shared.activity_file(options),
        alignment=AlignmentOptions(**{key: options[key] for key in ("uncertain_below",) if key in options}),
    )


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
            f"--clips: the clips of {twice[0]} and {twice[1]} would have the same names; run them separately, "
            "into different folders"
        )
    done = [path for path in inputs if not overwrite and has_clips(clips, recording_id(path))]
    if done:
        console.warn(clips_left(clips, [recording_id(path) for path in done]))
    return [path for path in inputs if path not in done]


def run_one(path: Path, targets: Sequence[Target], job: Job, *, many: bool) -> int:
    """Work on one input; every error becomes one line, and what could be computed is written all the same."""
    console = job.console
    signals.check()
    console.start_file()
    if many:
        console.info(f"{path}")
    try:
        return _run_one(path, targets, job)
    except BrokenPipeError:  # nobody reads any more
        raise
    except Exception as error:  # one failed file must not stop the rest
        report(error, console, about=str(path))
        return FAILED


def _run_one(path: Path, targets: Sequence[Target], job: Job) -> int:
    code = OK
    try:
        audio = load(
            path,
            channels="all" if wants_channels(job.pipeline.diarizer) else "mono",
            track=job.track,
            channel=job.channel,
            language=job.pipeline.language,
            start=job.start,
            end=job.end,
            progress=job.console.progress,
        )
    except TruncatedMedia as error:
        code = report(error, job.console, about=str(path))
        audio = error.audio
    lost: DiarizationFailed | None = None
    files = [target.path for target in targets if target.path != STDOUT]
    try:
        transcript = job.pipeline.run(audio, progress=job.console.progress)
    except DiarizationFailed as error:
        lost, transcript = error, error.transcript
    except Interrupted as error:
        keep_interrupted(error.transcript, next(iter(files), None), job.console)
        raise
    written: list[Target] = []
    try:
        return _write_all(path, audio, transcript, targets, job, lost=lost, written=written) or code
    except KeyboardInterrupt:
        if not any(target.format.name == "json" for target in written):
            keep_interrupted(transcript, next(iter(files), None), job.console)
        raise


def _write_all(
    path: Path,
    audio: Audio,
    transcript: Transcript,
    targets: Sequence[Target],
    job: Job,
    *,
    lost: DiarizationFailed | None,
    written: list[Target],
) -> int:
    """Everything that is made of a transcript; `written` grows by what was."""
    code = OK
    transcript = keep_corrections(transcript, job.corrected, start=job.start, console=job.console)
    try:
        transcript = add_video(transcript, path, job.shots, job.write, job.console)
    except WhisperdiarError as error:  # hours of work are not thrown away for the sake of the pictures
        code = report(error, job.console, about=str(path))
    for note in transcript.provenance.get("notes", ()):
        job.console.note(f"{path}: {note}")
    for warning in transcript.provenance["warnings"]:
        if lost is None or warning != str(lost):
            job.console.warn(f"{path}: {warning}")
    wanted = list(targets)
    if lost is not None:
        code = report(lost, job.console, about=str(path))
        wanted = [item for item in targets if item.format.needs != "turns"]
        if not wanted and job.embedding is None:
            keep_transcript(transcript, job.console)
    recording = Recording(path, embed=job.embed_media)
    gone: BrokenPipeError | None = None
    try:
        done = write_targets(transcript, wanted, job.write, job.console, recording=recording, written=written)
        code = done.code or code
    except BrokenPipeError as error:  # nobody reads standard output any more; the rest is still to be made
        gone = error
    others: list[Path] = []
    if job.embedding is not None:
        failed = write_muxed(transcript, path, job.embedding, job.write, job.console)
        if failed and not written:
            keep_transcript(transcript, job.console)
        if not failed:
            others += job.embedding.outputs
        code = failed or code
    if job.clips is not None and lost is None:
        try:
            with job.console.timed("clips"):
                write_clips(audio, transcript, job.clips)
            others.append(job.clips)
        except OutputError as error:
            code = report(error, job.console, about=str(path))
    if job.report is not None:
        job.report.add(transcript)
    if gone is not None:
        raise gone
    paths = [*(target.path for target in written if target.path != STDOUT), *others]
    job.console.info(summary(audio, transcript, job.console, paths))
    if is_empty(transcript):
        job.console.error(f"{path}: {explain_empty(transcript)}")
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
    recording: Recording | None = None,
    written: list[Target] | None = None,
) -> Written:
    """Write every target; one that fails stops none of the others.

    Args:
        keep: what is kept in another folder where it could not be written: the content of every output, and where
            there is none at all the transcript (``all``); only what was made of it (``made``); or ``nothing``, where it
            can be made again at once.
        recording: what a page plays.
        written: grows by what was written, for a caller who is interrupted.

    Raises:
        BrokenPipeError: nobody reads standard output; the files are written all the same.
    """
    done: list[Target] = [] if written is None else written
    failed: list[tuple[Target, str | bytes | None]] = []
    gone: BrokenPipeError | None = None
    transcript = replace(transcript, provenance=remove_folders(transcript.provenance))  # files are sent to others
    for target in targets:
        signals.check()
        made: str | bytes | None = None
        try:
            own = options if recording is None else recording.options_for(target, options)
            made = target.format.dumps(transcript, options=own)
            _put(target, made)
            done.append(target)
        except BrokenPipeError as error:
            gone = error
        except Exception as error:  # the other outputs are still to be written
            report(error, console, about=str(target.path))
            failed.append((target, made))
    _rescue(transcript, failed, console, keep="transcript" if keep == "all" and len(failed) == len(targets) else keep)
    if gone is not None:
        raise gone
    return Written(FAILED if failed else OK, tuple(done))


def _put(target: Target, made: str | bytes) -> None:
    if isinstance(made, str):  # names of files need not be Unicode, and what is said of them must be
        made = made.encode("utf-8", "replace").decode("utf-8")
    if target.path == STDOUT:
        write_stdout(made)
    elif isinstance(made, bytes):
        write_bytes(target.path, made, sync=True, replace=target.replace)
    else:
        write_text(target.path, made, sync=True, replace=target.replace)


def _rescue(
    transcript: Transcript, failed: Sequence[tuple[Target, str | bytes | None]], console: Console, *, keep: str
) -> None:
    """Hours of work are not thrown away because a disk is full: keep them where there may be room."""
    if not failed or keep == "nothing":
        return
    if keep == "transcript":
        keep_transcript(transcript, console)
        return
    for target, made in failed:
        if made is not None:
            name = transcript.recording_id if target.path == STDOUT else target.path.stem
            keep_output(made, name, target.format.suffix, console)
    if keep == "all" and any(made is None for _, made in failed):
        keep_transcript(transcript, console)


def summary(audio: Audio, transcript: Transcript, console: Console, paths: Sequence[Path]) -> str:
    """Recording length, speakers, words, time per stage and real-time factor, as one paragraph.

    Args:
        paths: what was written.
    """
    total = console.elapsed()  # less than the sum of the stages where some ran side by side
    factor = total / audio.duration if audio.duration else 0.0
    stages = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in console.seconds.items())
    language = f", language {transcript.language}" if transcript.language else ""
    missing = summarise_left_out(transcript)
    written = ", ".join(map(str, paths))
    speakers = len(transcript.speakers)
    return (
        f"{transcript.recording_id}: {format_hms(audio.duration)} of sound, {speakers} speaker{'s' * (speakers != 1)}, "
        f"{len(transcript.words)} word{'s' * (len(transcript.words) != 1)}{language}\n"
        f"  {total:.1f} s ({stages}), real-time factor {factor:.2f}"
        + (f"\n  {missing}" if missing else "")
        + (f"\n  wrote {written}" if written else "")
    )


def format_hms(seconds: float) -> str:
    """Seconds as H:MM:SS."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
