"""The library in one call, or with models that stay loaded: recordings in, transcripts out."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from whisperdiar.assembly import Request, build, check_request
from whisperdiar.cache.identity import HashedFile, find_named_paths, hash_file, hash_stream
from whisperdiar.cache.recordings import read_recording, remember_place
from whisperdiar.contracts import Progress, no_progress, release
from whisperdiar.errors import Cancelled, DiarizationFailed, Interrupted, InvalidOption, TruncatedMedia
from whisperdiar.given_text.reading import GivenText, read_text
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import check_recording
from whisperdiar.media import recording_id as name_recording
from whisperdiar.options import (
    AlignmentOptions,
    CacheOptions,
    EmotionSettings,
    Runtime,
    SegmentationOptions,
    SeparationSettings,
    Vocabulary,
    WriteOptions,
    read_vocabulary,
)
from whisperdiar.outputs import Target, check_outputs, name_outputs, select_unfinished, without_turns, write_outputs
from whisperdiar.pipeline import Pipeline, wants_channels
from whisperdiar.pipeline_settings import (
    PipelineSettings,
    format_settings,
    make_cache_options,
    make_emotions,
    make_separation,
    make_speaker_count,
)
from whisperdiar.recordings import WHOLE, KeptRecording, Part, RecordingResult, Source, find_unreadable, read_source
from whisperdiar.selection import Choice, Notify
from whisperdiar.system.log import inform, warn
from whisperdiar.system.machine import return_free_memory
from whisperdiar.text.messages import _, mark
from whisperdiar.tracks import Tracks
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, SpeakerCount

if TYPE_CHECKING:
    from typing_extensions import Unpack

_CANCELLED = mark("the transcription was cancelled")


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
        self._n_cancels = 0

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("_request", "_segmentation", "_notify", "_inform")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)
        self._start()

    @property
    def request(self) -> Request:
        """What it is made of, in names and text."""
        return self._request

    @property
    def segmentation(self) -> SegmentationOptions | None:
        """Where segments are cut; None for the defaults."""
        return self._segmentation

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
            raise InvalidOption(_("this pipeline is closed; open another one with open_pipeline"))
        if self._pipeline is None:
            made = build(self._request, notify=self._notify, inform=self._inform, progress=progress)
            for remark in getattr(made.transcriber, "remarks", ()):
                self._inform(remark)
            self._pipeline = made if self._segmentation is None else replace(made, segmentation=self._segmentation)
        return self._pipeline

    def close(self) -> None:
        """Frees the models; waits for a call that is under way. May be called again."""
        with self._working:
            pipeline, self._pipeline, self._closed = self._pipeline, None, True
        stages = () if pipeline is None else (pipeline.detector, pipeline.transcriber, pipeline.diarizer)
        more = () if pipeline is None else (pipeline.separator, pipeline.emotions)
        for stage in (*stages, *more):
            release(stage)
        return_free_memory()

    def cancel(self) -> None:
        """Ends the call that is under way, from another thread: it raises Cancelled at its next report of progress.

        The work on many recordings ends as well, also between two of them.
        """
        self._n_cancels += 1
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
                n_samples) with their `sample_rate`, an `Audio`, or `Tracks` (with the diarizer ``channels``).
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
        with self._begin():
            report = self._cancellable(progress)
            hashed = self._hash(source, report)
            audio = self._read(
                source, part, sample_rate, hashed=hashed, truncated=None if strict else _ignore, progress=report
            )
            if recording_id is not None:
                audio = replace(audio, recording_id="_".join(recording_id.split()) or "recording")
            return self._run(audio, part, source=source, hashed=hashed, progress=report)

    def transcribe_all(
        self,
        sources: Iterable[Source],
        *,
        part: Part = WHOLE,
        sample_rate: int | None = None,
        on_begin: Callable[[Source], None] | None = None,
        on_error: Callable[[Source, Exception], None] | None = None,
        progress: Progress = no_progress,
    ) -> Iterator[RecordingResult]:
        """Who said what, when, in many recordings: one result for each, in their order; one that fails stops none.

        Files that cannot be read are found before a model is loaded. Each recording is worked on when its result is
        asked for.

        Args:
            sources: recordings, as for a call.
            part: which track, channel and time of each file.
            sample_rate: of samples, in Hz.
            on_begin: called with a recording whose work begins.
            on_error: called with a recording and what went wrong with it, at once; the result lists it again.
            progress: called with a stage and its done fraction; what it raises ends the work on all.

        Raises:
            InvalidOption: a setting that cannot be meant.
            BackendError: a backend cannot run at all.
            Cancelled: `cancel` was called.
        """
        refuse_single("recordings", sources)
        every = list(sources)
        cancels = self._n_cancels
        unreadable = {at: found for at, item in enumerate(every) if (found := find_unreadable(item, part)) is not None}
        for at, found in unreadable.items():
            if on_error is not None:
                on_error(every[at], found)
        if len(unreadable) < len(every):
            with self._begin(cancels):
                self.load(progress=self._cancellable(progress))
        for at, source in enumerate(every):
            if at in unreadable:
                yield RecordingResult(source=source, errors=(unreadable[at],))
                continue
            if on_begin is not None:
                on_begin(source)
            yield self._attempt(source, part, sample_rate, cancels=cancels, on_error=on_error, progress=progress)

    def transcribe_files(
        self,
        paths: Iterable[str | os.PathLike[str]],
        folder: str | os.PathLike[str],
        *,
        formats: Sequence[str] = ("json",),
        options: WriteOptions | None = None,
        overwrite: bool = False,
        part: Part = WHOLE,
        on_begin: Callable[[Source], None] | None = None,
        on_error: Callable[[Source, Exception], None] | None = None,
        progress: Progress = no_progress,
    ) -> Iterator[RecordingResult]:
        """Transcripts of many files, written into a folder: ``talk.wav`` → ``folder/talk.json``; one result for each.

        Files that are there already are left alone, so that a run that was stopped goes on: a recording all of whose
        files are there has no result. One that fails stops none of the others.

        Args:
            paths: recordings.
            folder: made where it is missing.
            formats: names of formats, such as ``("json", "srt")``.
            options: how subtitles are cut and speakers shown; None for the defaults.
            overwrite: whether files that are there are replaced.
            part, on_begin, on_error, progress: as of `transcribe_all`.

        Raises:
            InvalidOption: a setting that cannot be meant, or two recordings would have files of one name.
            OutputError: the folder cannot be made or written to; said before the work.
            BackendError: a backend cannot run at all.
            Cancelled: `cancel` was called.
        """
        refuse_single("recordings", paths)
        refuse_single("formats", formats)
        names = [Path(item) for item in paths]
        planned = name_outputs(names, folder, formats, overwrite=overwrite)
        check_outputs([item for found in planned for item in found], read=names, overwrite=overwrite)
        left = select_unfinished(planned, overwrite=overwrite, notify=self._notify)
        todo = [(path, targets) for path, targets in zip(names, left, strict=True) if targets]
        results = self.transcribe_all(
            [path for path, _ in todo], part=part, on_begin=on_begin, on_error=on_error, progress=progress
        )
        for result, (path, targets) in zip(results, todo, strict=True):
            yield _write_result(result, path, targets, options, on_error)

    def _attempt(
        self,
        source: Source,
        part: Part,
        sample_rate: int | None,
        *,
        cancels: int,
        on_error: Callable[[Source, Exception], None] | None,
        progress: Progress,
    ) -> RecordingResult:
        """What becomes of one recording of many; what the caller's own functions raise comes out as it is."""
        begun = time.monotonic()
        errors: list[Exception] = []
        callers: list[BaseException] = []

        def lose(error: Exception) -> None:
            errors.append(error)
            if on_error is not None:
                with _remember(callers):
                    on_error(source, error)

        def report(stage: str, fraction: float) -> None:
            with _remember(callers):
                progress(stage, fraction)

        audio: Audio | None = None
        transcript: Transcript | None = None
        with self._begin(cancels):
            heard = self._cancellable(report)
            try:
                hashed = self._hash(source, heard)
                audio = self._read(source, part, sample_rate, hashed=hashed, truncated=lose, progress=heard)
                transcript = self._run(audio, part, source=source, hashed=hashed, progress=heard)
            except DiarizationFailed as error:
                transcript = error.transcript
                lose(error)
            except Cancelled:
                raise
            except Exception as error:  # one recording that fails must not stop the rest
                if any(error is item for item in callers):
                    raise
                lose(error)
        return RecordingResult(
            source=source,
            transcript=transcript,
            errors=tuple(errors),
            audio=audio,
            elapsed=time.monotonic() - begun,
        )

    @contextmanager
    def _begin(self, cancels: int | None = None) -> Iterator[None]:
        """One piece of work at a time; raises Cancelled where `cancel` was called more often than `cancels`."""
        with self._working:
            self._cancelled.clear()
            if cancels not in (None, self._n_cancels):
                raise Cancelled(_(_CANCELLED))
            yield

    def _cancellable(self, progress: Progress) -> Progress:
        def report(stage: str, fraction: float) -> None:
            if self._cancelled.is_set():
                raise Cancelled(_(_CANCELLED))
            progress(stage, fraction)

        return report

    def _hash(self, source: Source, progress: Progress) -> HashedFile | None:
        """What tells a file from all others; None for what is no file, or cannot be read."""
        if isinstance(source, KeptRecording):
            return HashedFile(source.content)
        if isinstance(source, io.BufferedIOBase) and source.seekable():
            return HashedFile(hash_stream(source))
        if not isinstance(source, (str, os.PathLike)):
            return None
        cache = self.load(progress=progress).cache
        try:
            return hash_file(source, None if cache is None else cache.folder)
        except OSError:  # said where it is opened
            return None

    def _read(
        self,
        source: Source,
        part: Part,
        sample_rate: int | None,
        *,
        hashed: HashedFile | None,
        truncated: Callable[[TruncatedMedia], None] | None,
        progress: Progress,
    ) -> Audio:
        pipeline = self.load(progress=progress)
        if isinstance(source, Tracks) and not wants_channels(pipeline.diarizer):
            raise InvalidOption(_("tracks: the track tells who speaks; use diarizer='channels'"))
        channels: Literal["all", "mono"] = "all" if wants_channels(pipeline.diarizer) else "mono"

        def read() -> tuple[Audio, bool]:
            losses: list[TruncatedMedia] = []

            def lose(error: TruncatedMedia) -> None:
                losses.append(error)
                if truncated is not None:
                    truncated(error)

            audio = read_source(
                source,
                part=part,
                sample_rate=sample_rate,
                channels=channels,
                language=self._request.language,
                truncated=None if truncated is None else lose,
                progress=progress,
            )
            return audio, not losses

        is_named = isinstance(source, (str, os.PathLike, KeptRecording))
        if hashed is None or pipeline.cache is None or not is_named:
            return read()[0]
        if not isinstance(source, KeptRecording):
            named = find_named_paths((pipeline.detector, pipeline.transcriber, pipeline.diarizer))
            remember_place(str(source), hashed.content, pipeline.cache.folder, named=named)
        return read_recording(
            str(source),
            hashed,
            pipeline.cache.folder,
            read,
            recording_id=name_recording(str(source)),
            language=self._request.language,
            **asdict(part),
            channels=channels,
        )

    def _run(
        self, audio: Audio, part: Part, *, source: Source, hashed: HashedFile | None, progress: Progress
    ) -> Transcript:
        pipeline = self.load()
        own = {"track": part.track, "channel": part.channel, "start": part.start, "end": part.end}
        options = {**pipeline.provenance_options, **own}
        name = str(getattr(source, "name", audio.recording_id)) if isinstance(source, io.IOBase) else str(source)
        is_known = hashed is not None and (hashed.state is None or audio.identity or hashed.is_unchanged())
        named = {"file": Path(name).name, "blake2b": hashed.content} if hashed is not None and is_known else {}
        return replace(pipeline, provenance_options=options, recording=named).run(audio, progress=progress)


def _ignore(error: TruncatedMedia) -> None:
    """What is there becomes the transcript, whose warnings say so."""


@contextmanager
def _remember(raised: list[BaseException]) -> Iterator[None]:
    """Keeps what the caller's own function raises, by which it is told from a failure of the work."""
    try:
        yield
    except BaseException as error:
        raised.append(error)
        raise


def refuse_single(what: str, given: object) -> None:
    """Raises InvalidOption where one name stands in place of several: its letters would count as names."""
    if isinstance(given, (str, bytes, os.PathLike)):
        raise InvalidOption(
            _("{what}: {given!r} is one; give a list, such as [{given!r}]").format(what=what, given=given)
        )


def _write_result(
    result: RecordingResult,
    path: Path,
    targets: Sequence[Target],
    options: WriteOptions | None,
    on_error: Callable[[Source, Exception], None] | None,
) -> RecordingResult:
    """The result with the files that were written of it."""
    if result.transcript is None:
        return result
    lost = any(isinstance(item, DiarizationFailed) for item in result.errors)
    wanted = without_turns(targets) if lost else targets
    try:
        done = list(write_outputs(result.transcript, wanted, options=options, media=LinkedMedia(path)))
    except KeyboardInterrupt as error:
        raise Interrupted(
            _("{path}: interrupted while its files were written").format(path=path), result.transcript
        ) from error
    for item in done:
        for remark in item.remarks:
            warn(f"{item.target.path}: {remark}")
    failures = [item.error for item in done if item.error is not None]
    for failure in failures:
        if on_error is not None:
            on_error(path, failure)
    written = tuple(item.target.path for item in done if item.error is None)
    return replace(result, errors=(*result.errors, *failures), written=written)


def open_pipeline(
    *,
    model: str | None = None,
    language: str | None = None,
    vocabulary: Vocabulary | str | os.PathLike[str] | None = None,
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
    skip_music: bool = False,
    cache: CacheOptions | str | os.PathLike[str] | bool | None = None,
    separate_overlap: SeparationSettings | str | bool = False,
    emotions: EmotionSettings | str | bool = False,
    text: GivenText | str | os.PathLike[str] | None = None,
    load_now: bool = True,
    progress: Progress = no_progress,
    notify: Notify = warn,
    inform: Notify = inform,
) -> OpenPipeline:
    """A pipeline that loads its models once and is called for many recordings.

    Args:
        model: Whisper model: a name, a repository or a folder; None for the default of this machine.
        language: ISO 639-1 code; None to detect it.
        vocabulary: a file of terms to expect, one a line, with forms to write otherwise (``wrong | wrong => right``);
            or a `Vocabulary` of `whisperdiar.options`.
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
        skip_music: whether long stretches of music alone are kept from the recogniser.
        cache: where results of stages are kept, so that a second run repeats only what changed, and one that was killed
            goes on: a folder, True for the usual one, or `CacheOptions`; None for nowhere. Transcripts lie in it.
        separate_overlap: whether both voices are recognised by themselves where two people talk at once; a name,
            repository or folder of a SepFormer, or `SeparationSettings`, for another than the default.
        emotions: whether it is told which emotion is heard when; a repository or folder, or `EmotionSettings`, for
            another model than the default.
        text: a file of what is spoken (text, DOCX, subtitles, a transcript), or what `read_text` of
            `whisperdiar.given_text.reading` made of one: its words become the transcript, with times, and with its
            speakers where it names them. What is not spoken, and what is spoken beyond it, is in `Transcript.dropped`.
        load_now: whether models are loaded here; otherwise names and settings alone are checked, and the first call
            loads them.
        progress: called with a stage and its done fraction, such as ``download``.
        notify: called with a sentence when a fallback runs from which the result suffers; logs a warning by default.
        inform: called with a sentence when one runs from which it does not.

    Raises:
        InvalidOption: a setting that cannot be meant.
        FormatError: the vocabulary or the text cannot be read.
        BackendError: a backend cannot run.
    """
    runtime = Runtime(
        device=Runtime().device if device is None else device,
        threads=Runtime().threads if threads is None else threads,
        offline=offline,
    )
    request = Request(
        vad=Choice(name=vad, settings=format_settings(vad_options)),
        asr=Choice(
            name=asr, settings=format_settings({**(asr_options or {}), **({} if model is None else {"model": model})})
        ),
        diarizer=Choice(name=diarizer, settings=format_settings(diarizer_options)),
        speakers=make_speaker_count(speakers),
        language=language,
        vocabulary=vocabulary
        if vocabulary is None or isinstance(vocabulary, Vocabulary)
        else read_vocabulary(vocabulary),
        runtime=runtime,
        speech_file=None if speech_file is None else os.fspath(speech_file),
        turns_file=None if turns_file is None else os.fspath(turns_file),
        alignment=alignment or AlignmentOptions(),
        save_activity=None if save_activity is None else os.fspath(save_activity),
        skip_music=skip_music,
        cache=make_cache_options(cache),
        separation=make_separation(separate_overlap),
        emotions=make_emotions(emotions),
        text=text if text is None or isinstance(text, GivenText) else read_text(text, notify=notify, inform=inform),
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
