"""Command `segment`: speech, music, noise and silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import open_console
from whisperdiar.cli.outputs import Target, check_outputs
from whisperdiar.cli.plot import check_suffix, write_picture
from whisperdiar.cli.stages import _list_written, _plan_outputs, _read, _run_each, _tell_findings
from whisperdiar.cli.transcribe import write_targets
from whisperdiar.errors import InvalidOption
from whisperdiar.media import load
from whisperdiar.options import PlotOptions, WriteOptions
from whisperdiar.sound_classes import (
    LABELS,
    PRESENTER,
    SoundSegment,
    Voice,
    classify,
    describe_label,
    enrol,
    format_segments,
)
from whisperdiar.system.machine import usable_cores
from whisperdiar.text.messages import _
from whisperdiar.text.messages import join as join_texts
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import Audio, Turn, Word


def segment(
    context: click.Context,
    /,
    recordings: tuple[Path, ...],
    *,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    presenter: Path | None,
    plot: Path | None,
    threads: int,
    quiet: bool,
    progress: str,
    **options: Any,
) -> None:
    """Write the sound classes of each FILE; without -o as text on standard output."""
    console = open_console(context, quiet=quiet, progress=progress)
    shared.check_times(options["start"], options["end"])
    left = _plan_outputs(
        recordings,
        outputs,
        formats,
        console,
        default="txt",
        overwrite=overwrite,
        also_read=[presenter],
        adapt=_make_target,
    )
    if plot is not None:
        _check_plot(plot, recordings, overwrite=overwrite)
    if not any(left):
        return
    voice = None if presenter is None else _enrol(presenter)
    cores = threads or usable_cores()

    def work(recording: Path, targets: Sequence[Target]) -> int:
        audio, code = _read(recording, options, console, channels="mono")
        _tell_findings(recording, audio.notes, audio.warnings, console)
        found = classify(audio, presenter=voice, threads=cores, progress=console.progress)
        transcript = _make_transcript(found, audio)
        code = write_targets(transcript, targets, WriteOptions(), console, keep="nothing").code or code
        if plot is not None:
            write_picture(transcript, plot, PlotOptions(kind="sounds"), replace=overwrite)
        console.info(f"{audio.recording_id}: {_sum_up(found)}{_list_written(targets)}")
        return code

    context.exit(_run_each(recordings, left, work, console, track=options["track"]))


def _check_plot(path: Path, recordings: Sequence[Path], *, overwrite: bool) -> None:
    """Find before the work what would be found after it.

    Raises:
        InvalidOption: several recordings, no suffix of a picture, or the file is there already.
    """
    if len(recordings) > 1:
        raise InvalidOption(
            _("--plot {path}: it draws one recording; for several, write .json and run whisperdiar plot").format(
                path=path
            )
        )
    check_suffix(path, "--plot")
    check_outputs([], also_written=[path], read=recordings, overwrite=overwrite)


def _make_target(target: Target) -> Target:
    """The same file; the text form is that of sound classes, a TextGrid has one tier, with the labels as text.

    Raises:
        InvalidOption: the format holds words alone.
    """
    form = target.format
    if form.name == "txt":

        def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001
            return format_segments(SoundSegment(turn.span, turn.speaker) for turn in transcript.turns)

        return replace(target, format=replace(form, dumps=dumps, needs="turns"))
    if form.name == "textgrid":
        write = form.dumps

        def dumps_intervals(transcript: Transcript, *, options: WriteOptions) -> str:
            labelled = (Segment((Word(turn.span, turn.speaker),), "sounds") for turn in transcript.turns)
            return str(write(replace(transcript, segments=tuple(labelled), turns=()), options=options))

        return replace(target, format=replace(form, dumps=dumps_intervals, needs="turns"))
    if form.needs in ("words", "emotions") and form.name != "audacity":
        raise InvalidOption(
            _("format {name}: segment writes no words; choose rttm, audioseg, audacity, textgrid, json or txt").format(
                name=form.name
            )
        )
    return target


def _enrol(path: Path) -> Voice:
    """The voice of the presenter.

    Raises:
        MediaError: the sample cannot be read.
        InvalidOption: it holds too little speech.
    """
    try:
        return enrol(load(path))
    except InvalidOption as error:
        raise InvalidOption(f"--presenter {path}: {error}") from error


def _make_transcript(found: Sequence[SoundSegment], audio: Audio) -> Transcript:
    """The segments as turns whose speakers are the labels."""
    turns = tuple(Turn(item.span.shift(audio.start), item.label) for item in found)
    return Transcript(audio.recording_id, audio.start + audio.duration, turns=turns)


def _sum_up(found: Sequence[SoundSegment]) -> str:
    """Seconds of each class that there is."""
    parts = []
    for label in (*LABELS, PRESENTER):
        seconds = sum(item.span.duration for item in found if item.label == label)
        if seconds:
            parts.append(_("{label} {seconds:.1f} s").format(label=describe_label(label), seconds=seconds))
    return join_texts(", ", parts) or _("no sound")
