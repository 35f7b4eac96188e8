"""The library in one call, or with models that stay loaded: recordings in, transcripts out."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from whisperdiar.assembly import Choice, Notify, Request, build, check_request
from whisperdiar.contracts import Progress, no_progress, release
from whisperdiar.errors import Cancelled, InvalidOption, TruncatedMedia
from whisperdiar.media import check_recording, load
from whisperdiar.media.arrays import audio_from_array
from whisperdiar.options import AlignmentOptions, Runtime, SegmentationOptions
from whisperdiar.pipeline import Pipeline, wants_channels
from whisperdiar.system.log import inform, warn
from whisperdiar.system.machine import return_free_memory
from whisperdiar.transcript import Transcript
from whisperdiar.types import ANY_SPEAKERS, Audio, SpeakerCount

if TYPE_CHECKING:
    from typing_extensions import Unpack

Source = str | os.PathLike[str] | BinaryIO | npt.NDArray[Any] | Audio
"""A recording: a file, a binary file object, samples (see `whisperdiar.media.arrays`), or decoded sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a recording is read.

    Attributes:
        track: which audio track of a file that has several, counted from 1; None for the main one.
        channel: one channel of the track, counted from 1, in place of the mean of all.
        start, end: seconds of the recording; an end of None is that of the recording.
    """

    track: int | None = None
    channel: int | None = None
    start: float = 0.0
    end: float | None = None


WHOLE = Part()


class OpenPipeline:
    """A pipeline with its models loaded, for any number of recordings.

        with whisperdiar.open_pipeline(model="small") as pipeline:
            for path in paths:
                transcript = pipeline(path)

    It may be called from several threads, and then works on one recording after another. A pickled or copied one loads
    its models anew at its first call.
    """

    def __init__(
        self,
        request: Request,
        *,
        segmentation: SegmentationOptions | None = None,
        notify: Notify = warn,
        inform: Notify = inform,
    ) -> None:
        self._request = request
        self._segmentation = segmentation
        self._notify, self._inform = notify, inform
        self._start()

    def _start(self) -> None:
        self._pipeline: Pipeline | None = None
        self._closed = False
        self._working = threading.Lock()
        self._cancelled = threading.Event()

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("_request", "_segmentation", "_notify", "_inform")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)
        self._start()

    def __enter__(self) -> OpenPipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def load(self, *, progress: Progress = no_progress) -> Pipeline:
        """The stages with their models loaded; loads them where they are not.

        Raises:
            InvalidOption: a setting that cannot be meant, or the pipeline is closed.
            BackendError: a backend cannot run.
        """
        if self._closed:
            raise InvalidOption("this pipeline is closed; open another one with open_pipeline")
        if self._pipeline is None:
            made = build(self._request, notify=self._notify, inform=self._inform, progress=progress)
            self._pipeline = made if self._segmentation is None else replace(made, segmentation=self._segmentation)
        return self._pipeline

    def close(self) -> None:
        """Frees the models; waits for a call that is under way. May be called again."""
        with self._working:
            pipeline, self._pipeline, self._closed = self._pipeline, None, True
        for stage in () if pipeline is None else (pipeline.detector, pipeline.transcriber, pipeline.diarizer):
            release(stage)
        return_free_memory()

    def cancel(self) -> None:
        """Ends the call that is under way, from another thread: it raises Cancelled at its next report of progress."""
        self._cancelled.set()

    def __call__(
        self,
        source: Source,
        *,
        part: Part = WHOLE,
        sample_rate: int | None = None,
        recording_id: str | None = None,
        strict: bool = False,
        progress: Progress = no_progress,
    ) -> Transcript:
        """Who said what, when, in one recording.

        Args:
            source: any file that FFmpeg reads, a binary file object of one, samples (n_samples,) or (n_channels,
                n_samples) with their `sample_rate`, or an `Audio`.
            part: which track, channel and time of a file.
            sample_rate: of samples, in Hz.
            recording_id: name of the recording; None for that of the file.
            strict: whether a recording that ends before its header says raises TruncatedMedia; otherwise what there is
                becomes the transcript, with a warning in its provenance.
            progress: called with a stage and its done fraction; what it raises ends the work.

        Raises:
            InvalidOption: a setting that cannot be meant.
            MediaError: the file cannot be read.
            BackendError: a backend cannot run.
            DiarizationFailed: the speakers are lost; the error carries the transcript without them.
            Cancelled: `cancel` was called.
        """
        with self._working:
            self._cancelled.clear()

            def report(stage: str, fraction: float) -> None:
                if self._cancelled.is_set():
                    raise Cancelled("the transcription was cancelled")
                progress(stage, fraction)

            pipeline = self.load(progress=report)
            channels: Literal["all", "mono"] = "all" if wants_channels(pipeline.diarizer) else "mono"
            audio = self._read(source, part, sample_rate, strict=strict, channels=channels, progress=report)
            if recording_id is not None:
                audio = replace(audio, recording_id="_".join(recording_id.split()) or "recording")
            own = {"track": part.track, "channel": part.channel, "start": part.start, "end": part.end}
            options = {**pipeline.provenance_options, **own}
            return replace(pipeline, provenance_options=options).run(audio, progress=report)

    def _read(
        self,
        source: Source,
        part: Part,
        sample_rate: int | None,
        *,
        strict: bool,
        channels: Literal["all", "mono"],
        progress: Progress,
    ) -> Audio:
        if isinstance(source, (np.ndarray, Audio)):
            if part != WHOLE:
                raise InvalidOption(f"{part}: it is for files; cut the samples before")
            if isinstance(source, Audio):
                return source
            if sample_rate is None:
                raise InvalidOption("samples need their sample_rate, in Hz")
            return audio_from_array(source, sample_rate)
        with _as_file(source) as path:
            try:
                return load(
                    path,
                    channels=channels,
                    track=part.track,
                    channel=part.channel,
                    language=self._request.language,
                    start=part.start,
                    end=part.end,
                    progress=progress,
                )
            except TruncatedMedia as error:
                if strict:
                    raise
                return replace(error.audio, warnings=(*error.audio.warnings, str(error)))


@contextmanager
def _as_file(source: str | os.PathLike[str] | BinaryIO) -> Iterator[Path]:
    """A path as it is; a file object as a temporary file, since containers are read in jumps."""
    if isinstance(source, (str, os.PathLike)):
        yield Path(source)
        return
    named = getattr(source, "name", None)
    with tempfile.TemporaryDirectory(prefix="whisperdiar-") as folder:
        path = Path(folder) / (Path(named).name if isinstance(named, str) else "recording")
        with path.open("wb") as file:
            shutil.copyfileobj(source, file)
        yield path


class PipelineSettings(TypedDict, total=False):
    """Settings of `open_pipeline`, which says what they are."""

    model: str | None
    language: str | None
    speakers: SpeakerCount | int | str | None
    asr: str
    vad: str
    diarizer: str
    asr_options: Mapping[str, Any] | None
    vad_options: Mapping[str, Any] | None
    diarizer_options: Mapping[str, Any] | None
    speech_file: str | os.PathLike[str] | None
    turns_file: str | os.PathLike[str] | None
    device: str | None
    threads: int | None
    offline: bool
    alignment: AlignmentOptions | None
    segmentation: SegmentationOptions | None
    save_activity: str | os.PathLike[str] | None
    notify: Notify
    inform: Notify


def open_pipeline(
    *,
    model: str | None = None,
    language: str | None = None,
    speakers: SpeakerCount | int | str | None = None,
    asr: str = "auto",
    vad: str = "auto",
    diarizer: str = "auto",
    asr_options: Mapping[str, Any] | None = None,
    vad_options: Mapping[str, Any] | None = None,
    diarizer_options: Mapping[str, Any] | None = None,
    speech_file: str | os.PathLike[str] | None = None,
    turns_file: str | os.PathLike[str] | None = None,
    device: str | None = None,
    threads: int | None = None,
    offline: bool = False,
    alignment: AlignmentOptions | None = None,
    segmentation: SegmentationOptions | None = None,
    save_activity: str | os.PathLike[str] | None = None,
    load_now: bool = True,
    progress: Progress = no_progress,
    notify: Notify = warn,
    inform: Notify = inform,
) -> OpenPipeline:
    """A pipeline that loads its models once and is called for many recordings.

    Args:
        model: Whisper model: a name, a repository or a folder; None for the default of this machine.
        language: ISO 639-1 code; None to detect it.
        speakers: a number, a range such as ``"2-5"`` or a SpeakerCount; None for any number.
        asr, vad, diarizer: backend names, or ``auto`` for the best that this machine can run.
        asr_options, vad_options, diarizer_options: settings of the backends, by name (`whisperdiar backends
            --settings` lists them), such as ``{"task": "translate"}``.
        speech_file: regions of speech from a file, in place of a detector.
        turns_file: speaker turns from an RTTM file, in place of a diarizer.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; 0 leaves the choice to the libraries.
        offline: never touch the network.
        alignment: which words are listed as uncertain.
        segmentation: where segments are cut.
        save_activity: ``.npz`` file for how active each speaker is, frame by frame; see `SpeakerActivity`.
        load_now: whether models are loaded here; otherwise names and settings alone are checked, and the first call
            loads them.
        progress: called with a stage and its done fraction, such as ``download``.
        notify: called with a sentence when a fallback runs from which the result suffers; logs a warning by default.
        inform: called with a sentence when one runs from which it does not.

    Raises:
        InvalidOption: a setting that cannot be meant.
        BackendError: a backend cannot run.
    """
    runtime = Runtime(
        device=Runtime().device if device is None else device,
        threads=Runtime().threads if threads is None else threads,
        offline=offline,
    )
    request = Request(
        vad=Choice(name=vad, settings=_as_text(vad_options)),
        asr=Choice(name=asr, settings=_as_text({**(asr_options or {}), **({} if model is None else {"model": model})})),
        diarizer=Choice(name=diarizer, settings=_as_text(diarizer_options)),
        speakers=_speaker_count(speakers),
        language=language,
        runtime=runtime,
        speech_file=None if speech_file is None else os.fspath(speech_file),
        turns_file=None if turns_file is None else os.fspath(turns_file),
        alignment=alignment or AlignmentOptions(),
        save_activity=None if save_activity is None else os.fspath(save_activity),
    )
    check_request(request)
    opened = OpenPipeline(request, segmentation=segmentation, notify=notify, inform=inform)
    if load_now:
        opened.load(progress=progress)
    return opened


def transcribe(
    source: Source,
    *,
    track: int | None = None,
    channel: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    sample_rate: int | None = None,
    strict: bool = False,
    progress: Progress = no_progress,
    **settings: Unpack[PipelineSettings],
) -> Transcript:
    """Who said what, when, in one recording; `open_pipeline` is for many.

    Args:
        source: any file that FFmpeg reads, a binary file object of one, samples with their `sample_rate`, or an
            `Audio`.
        track, channel, start, end: which part of a file is read; see `Part`.
        sample_rate: of samples, in Hz.
        strict: whether a recording that ends before its header says raises TruncatedMedia; otherwise the transcript
            of what there is says so in its warnings.
        progress: called with a stage and its done fraction.
        settings: as of `open_pipeline`.

    Raises:
        InvalidOption: a setting that cannot be meant.
        MediaError: the file cannot be read.
        BackendError: a backend cannot run.
        DiarizationFailed: the speakers are lost; the error carries the transcript without them.
    """
    with open_pipeline(load_now=False, **settings) as pipeline:
        if isinstance(source, (str, os.PathLike)):
            check_recording(source, track=track)  # before a model is fetched
        return pipeline(
            source,
            part=Part(track=track, channel=channel, start=start, end=end),
            sample_rate=sample_rate,
            strict=strict,
            progress=progress,
        )


def _as_text(options: Mapping[str, Any] | None) -> dict[str, str]:
    """Settings as users type them: `registry.settings_from_text` checks names and types of both in one place."""
    return {key: "none" if value is None else str(value) for key, value in (options or {}).items()}


def _speaker_count(value: SpeakerCount | int | str | None) -> SpeakerCount:
    """A number is a number: as text, -3 would be a range without a beginning."""
    if value is None:
        return ANY_SPEAKERS
    if isinstance(value, SpeakerCount):
        return value
    return SpeakerCount.parse(value) if isinstance(value, str) else SpeakerCount(value, value)
