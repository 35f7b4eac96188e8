"""Transcriber: models that are loaded once, for recordings that come in columns or as tasks."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisperdiar.api import OpenPipeline, open_pipeline
from whisperdiar.assembly import check_request
from whisperdiar.batch.ahead import works_ahead
from whisperdiar.batch.places import is_url, open_source
from whisperdiar.batch.tasks import MemoryParts, Outcome, StageClock, Task, WorkSettings
from whisperdiar.cache.identity import FileState, hash_content, identify_sound
from whisperdiar.cache.stages import Lookup
from whisperdiar.contracts import DivisibleTranscriber, Division, Progress, keep_parts, no_progress
from whisperdiar.errors import (
    DiarizationFailed,
    InvalidOption,
    MediaError,
    WhisperdiarError,
    describe_error,
)
from whisperdiar.formats import json as json_format
from whisperdiar.formats import writable_by_name
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import load, probe, recording_id
from whisperdiar.media.mixing import weight_channels
from whisperdiar.options import WriteOptions
from whisperdiar.outcome import explain_empty, is_empty
from whisperdiar.outputs import make_output, without_provenance_folders
from whisperdiar.pipeline import wants_channels
from whisperdiar.recordings import Part, RecordingResult, Source, read_source
from whisperdiar.stage_results import find_speech, find_words
from whisperdiar.system.machine import return_free_memory
from whisperdiar.text.messages import Message, _, join
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, Span
from whisperdiar.video import Video, with_video

if TYPE_CHECKING:
    from whisperdiar.people import Identifier

_NO_WAIT = (MediaError, InvalidOption)
"""Errors that a second try does not mend: of the recording and of the settings."""


def make_settings(settings: Mapping[str, Any] | WorkSettings | None) -> WorkSettings:
    """Settings by the names of `whisperdiar.open_pipeline`, checked; ``device`` may name several, for several workers.

    Raises:
        InvalidOption: a setting that cannot be meant.
    """
    if isinstance(settings, WorkSettings):
        made = settings
    else:
        given = dict(settings or {})
        device = given.pop("device", None)
        opened = open_pipeline(load_now=False, **given)
        runtime = opened.request.runtime if device is None else replace(opened.request.runtime, device=str(device))
        made = WorkSettings(request=replace(opened.request, runtime=runtime), segmentation=opened.segmentation)
    runtime = made.request.runtime
    for name in runtime.device.split(","):
        check_request(replace(made.request, runtime=replace(runtime, device=name.strip())))
    return made


class Transcriber:
    """Recordings in columns become transcripts in columns; models are loaded at the first call, and stay.

        transcriber = Transcriber({"model": "small", "diarizer": "onnx"})
        done = transcriber({"path": ["a.wav", "b.mp3"]})  # {"path": …, "json": …, "error": …}

    It is what the ``map`` of data frameworks takes: Ray Data's ``map_batches``, with its class and
    ``fn_constructor_kwargs``; datasets' ``map(batched=True)``; Spark's ``mapInPandas``, for each data frame; a class of
    Daft. A pickled one loads its models anew.
    """

    def __init__(self, settings: Mapping[str, Any] | WorkSettings | None = None, *, column: str = "path") -> None:
        """Checks the settings; loads nothing.

        Args:
            settings: those of `whisperdiar.open_pipeline`, by name.
            column: where the recordings are: paths, URLs, bytes of files, or dictionaries as `datasets` has them, with
                ``array`` and ``sampling_rate``, ``bytes`` or ``path``.

        Raises:
            InvalidOption: a setting that cannot be meant.
        """
        self.settings = make_settings(settings)
        self._column = column
        self._start()

    def _start(self) -> None:
        self._opened: OpenPipeline | None = None
        self._identifier: Identifier | None = None
        self._heard: dict[int, FileState] = {}
        self._warned: list[str] = []
        self._informed: list[str] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "_column": self._column}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._start()

    def load(self, *, progress: Progress = no_progress) -> OpenPipeline:
        """Loads the models where they are not.

        Raises:
            InvalidOption: nobody's voice is known, whose names are asked for.
            BackendError: a backend cannot run.
        """
        if self._opened is None:
            opened = OpenPipeline(
                self.settings.request,
                segmentation=self.settings.segmentation,
                notify=self._warned.append,
                inform=self._informed.append,
            )
            opened.load(progress=progress)
            naming = self.settings.naming
            if naming is not None:
                from whisperdiar.people import Identifier, Profiles

                self._identifier = Identifier(
                    Profiles() if naming.people is None else Profiles(Path(naming.people)),
                    voice_model=naming.voice_model,
                    runtime=self.settings.request.runtime,
                    notify=self._warned.append,
                    progress=progress,
                )
            self._opened = opened
        return self._opened

    def close(self) -> None:
        """Frees the models; the next call loads them anew."""
        opened, self._opened, self._identifier = self._opened, None, None
        if opened is not None:
            opened.close()

    def __call__(self, batch: Any) -> Any:
        """The batch with two more columns: ``json``, the transcript, and ``error``, what went wrong; None for neither.

        A recording that fails has an error and stops none of the others; one of which a part is lost has both.

        Args:
            batch: column → values: lists, NumPy arrays, or a pandas data frame, which gives one.

        Raises:
            InvalidOption: there is no such column.
            BackendError: the models cannot be loaded.
        """
        names = list(batch)
        if self._column not in names:
            raise InvalidOption(
                _("column {column!r}: the batch has {names}; name one of them").format(
                    column=self._column, names=join(", ", names) or "-"
                )
            )
        found = [self._make_row(value) for value in batch[self._column]]
        columns = {"json": [made for made, _error in found], "error": [error for _made, error in found]}
        if hasattr(batch, "assign"):  # a data frame
            import pandas

            texts = {name: pandas.Series(values, index=batch.index, dtype=object) for name, values in columns.items()}
            return batch.assign(**texts)
        return {**{name: batch[name] for name in names}, **columns}

    def _make_row(self, value: Any) -> tuple[str | None, str | None]:
        self.load()
        result, _stages = self._listen(value, no_progress)
        errors = [describe_error(error) for error in result.errors]
        made = None
        if result.transcript is not None:
            try:
                plain = without_provenance_folders(result.transcript)
                made = json_format.dumps(plain, options=WriteOptions())
            except Exception as error:  # one recording that fails must not stop the rest
                errors.append(describe_error(error))
        return made, " ".join(errors) or None

    def _listen(self, value: Any, progress: Progress) -> tuple[RecordingResult, StageClock]:
        """What becomes of one recording, however it is given."""
        clock = StageClock(progress)
        begun = time.monotonic()
        try:
            with _as_source(value) as (source, sample_rate):
                (result,) = self.load().transcribe_all(
                    [source], part=self.settings.part, sample_rate=sample_rate, progress=clock
                )
                if self._identifier is not None and result.transcript is not None and result.audio is not None:
                    result = _name_voices(self._identifier, result, result.transcript, result.audio)
        except Exception as error:
            result = RecordingResult(source=str(value), errors=(error,), elapsed=time.monotonic() - begun)
        return replace(result, elapsed=time.monotonic() - begun), clock

    def work(self, task: Task, *, progress: Progress = no_progress) -> Outcome:
        """What a task asks for; one that fails is an outcome with an error.

        Raises:
            BackendError: the models cannot be loaded.
            BaseException: what `progress` raises that is no Exception.
        """
        self.load(progress=progress)
        outcome = self._work(task, progress)
        name = f"{recording_id(task.source)}: "
        warnings, notes = tuple(self._warned), tuple(text.removeprefix(name) for text in self._informed)
        self._warned.clear()
        self._informed.clear()
        return_free_memory()
        return replace(outcome, warnings=(*warnings, *outcome.warnings), notes=(*notes, *outcome.notes))

    def _work(self, task: Task, progress: Progress) -> Outcome:
        clock = StageClock(progress)
        begun = time.monotonic()
        heard: Path | None = None
        try:
            with open_source(task.source) as path, _using(self._take_parts(task)):
                heard = path
                if task.must_be_whole and self.settings.part.end is not None:
                    _read_to_its_end(path, self.settings.part)
                (result,) = self.load().transcribe_all(
                    [path],
                    part=self.settings.part,
                    on_error=_refuse_incomplete if task.must_be_whole else None,
                    progress=clock,
                )
                if self._identifier is not None and result.transcript is not None and result.audio is not None:
                    result = _name_voices(self._identifier, result, result.transcript, result.audio)
                outcome = self._describe(task, path, result, clock, time.monotonic() - begun)
        except _Incomplete as error:
            outcome = Outcome(is_incomplete=True, errors=(describe_error(error.cause),))
        except Exception as error:
            outcome = Outcome(
                errors=(describe_error(error),),
                may_pass=not isinstance(error, _NO_WAIT),
                elapsed=time.monotonic() - begun,
                stages=clock.seconds,
            )
        if heard is None:
            return outcome
        errors = (_name_recording(text, str(heard), task.played or task.source) for text in outcome.errors)
        return replace(outcome, errors=tuple(errors))

    @property
    def works_ahead(self) -> bool:
        """Whether `recognise` may run on another thread from the moment on at which `work` diarizes."""
        return self._opened is not None and works_ahead(self._opened.load())

    def recognise(self, task: Task, *, progress: Progress = no_progress) -> dict[str, bytes]:
        """What detector and recogniser compute for a task, as parts of the work on it.

        Nothing where the cache has it, or the recording would have to be fetched twice.

        Raises:
            OSError: the recording is not there.
            WhisperdiarError: the recording cannot be read, or a backend cannot run.
        """
        pipeline = self.load().load()
        transcriber, kept = pipeline.transcriber, MemoryParts()
        if transcriber is None or is_url(task.source):
            return {}
        self._heard[task.number] = FileState.of(task.source)
        audio = self._read(task)
        if pipeline.cache is not None:
            content = hash_content(task.source, pipeline.cache.folder)
            audio = replace(audio, identity=identify_sound(content, **asdict(self.settings.part), channels="mono"))
        session = Lookup(pipeline.cache)
        with keep_parts(kept):
            speech = find_speech(session, pipeline.detector, audio, progress)
            find_words(
                session,
                transcriber,
                audio,
                speech=speech,
                language=pipeline.language,
                vocabulary=pipeline.vocabulary,
                progress=progress,
            )
        return kept.found

    def _take_parts(self, task: Task) -> Mapping[str, bytes]:
        """What was computed of a recording already; nothing where it has changed since `recognise` heard it."""
        heard = self._heard.pop(task.number, None)
        return task.parts if heard is None or heard == FileState.of(task.source) else {}

    def divide(self, task: Task, *, longer_than_s: float, seconds: float) -> tuple[Division | None, dict[str, bytes]]:
        """How the recognition of a long recording can be shared out, and what was computed to tell.

        Args:
            longer_than_s: length from which on it is worth it.
            seconds: of speech in each stretch, about.

        Returns:
            None for a recording that is shorter, or that is recognised in one go by these settings.
        """
        pipeline = self.load().load()
        transcriber = pipeline.transcriber
        request = self.settings.request
        if not isinstance(transcriber, DivisibleTranscriber) or wants_channels(pipeline.diarizer) or request.skip_music:
            return None, {}
        audio = self._read(task)
        if audio.duration < longer_than_s:
            return None, {}
        kept = MemoryParts()
        with keep_parts(kept):
            speech = replace(pipeline, cache=None).speech(audio)
            division = transcriber.divide(audio, speech=speech, language=pipeline.language, seconds=seconds)
        return (division if len(division.stretches) > 1 else None), kept.found

    def recognise_stretch(self, task: Task, stretch: Sequence[Span], language: str | None) -> dict[str, bytes]:
        """What the recogniser computes for one stretch of a recording, as parts of the work on the whole."""
        pipeline = self.load().load()
        kept = MemoryParts()
        with keep_parts(kept):
            replace(pipeline, cache=None, language=language).words(self._read(task), speech=stretch)
        return kept.found

    def _read(self, task: Task) -> Audio:
        """The sound as the stages hear it."""
        with open_source(task.source) as path:
            audio = read_source(
                path, part=self.settings.part, language=self.settings.request.language, truncated=lambda _error: None
            )
        return weight_channels(audio.finite())

    def _describe(self, task: Task, path: Path, result: RecordingResult, clock: StageClock, elapsed: float) -> Outcome:
        """The outcome, with the content of the files that are made of the transcript."""
        errors = list(result.errors)
        transcript = _add_frame_rate(result.transcript, path, self.settings.write)
        if transcript is None:
            return Outcome(
                errors=tuple(map(describe_error, errors)),
                may_pass=not any(isinstance(error, _NO_WAIT) for error in errors),
                elapsed=elapsed,
                stages=clock.seconds,
            )
        lost = any(isinstance(error, DiarizationFailed) for error in errors)
        provenance = transcript.provenance  # its messages know both languages; what goes into files is English
        transcript = without_provenance_folders(transcript)
        made: list[tuple[str, bytes]] = []
        played = task.played or task.source  # what was fetched for the work is gone after it
        media = None if is_url(played) else LinkedMedia(Path(played))
        remarks: list[str] = []
        for name, target in task.outputs:
            chosen = writable_by_name(name)
            if lost and chosen.needs == "turns":
                continue
            place = None if is_url(target) else Path(target)
            try:
                content, told = make_output(transcript, chosen, place, options=self.settings.write, media=media)
            except Exception as error:  # the other outputs are still to be made
                errors.append(error)
            else:
                made.append((name, content.encode("utf-8") if isinstance(content, str) else content))
                remarks += told
        said = {str(error) for error in errors}
        empty = is_empty(transcript)
        return Outcome(
            made=tuple(made),
            errors=tuple(map(describe_error, errors)),
            may_pass=lost,
            is_empty=empty,
            warnings=(
                *(text for text in provenance.get("warnings", ()) if text not in said),
                *remarks,
                *((explain_empty(transcript),) if empty else ()),
            ),
            notes=tuple(provenance.get("notes", ())),
            content=provenance.get("recording", {}).get("blake2b"),
            seconds=round(transcript.length if result.audio is None else result.audio.duration, 3),
            n_words=len(transcript.words),
            n_speakers=len(transcript.speakers),
            language=transcript.language,
            stages=clock.seconds,
            versions=dict(provenance.get("versions", {})),
            elapsed=round(elapsed, 3),
        )


def _name_recording(text: str, path: str, known_as: str) -> str:
    """A message about a recording by the name that its user gave, not by that of the copy that was worked on."""
    named = str.replace(text, path, known_as)
    return Message(named, text.english.replace(path, known_as)) if isinstance(text, Message) else named


def _add_frame_rate(transcript: Transcript | None, path: Path, options: WriteOptions) -> Transcript | None:
    """The transcript with the frame rate of its video, where subtitles are put on its frames."""
    if transcript is None or options.rules(None).min_gap_frames is None:
        return transcript
    try:
        return with_video(transcript, Video(probe(path).frame_rate))
    except MediaError:  # its sound could be read all the same
        return transcript


@contextlib.contextmanager
def _using(parts: Mapping[str, bytes]) -> Iterator[None]:
    """Inside the block stages take what others have computed."""
    if not parts:
        yield
        return
    with keep_parts(MemoryParts(parts)):
        yield


class _Incomplete(Exception):
    """A recording that may still be growing."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _refuse_incomplete(_source: Source, error: Exception) -> None:
    if isinstance(error, MediaError):
        raise _Incomplete(error)


def _read_to_its_end(path: Path, part: Part) -> None:
    """Raises _Incomplete where a recording of which a part is asked for cannot be read to its end."""
    try:
        load(path, track=part.track)
    except MediaError as error:
        raise _Incomplete(error) from error


def _name_voices(
    identifier: Identifier, result: RecordingResult, transcript: Transcript, audio: Audio
) -> RecordingResult:
    """The words are not thrown away for the sake of the names."""
    if any(isinstance(error, DiarizationFailed) for error in result.errors):
        return result
    try:
        return replace(result, transcript=identifier.identify(transcript, audio))
    except WhisperdiarError as error:
        return replace(result, errors=(*result.errors, error))


@contextlib.contextmanager
def _as_source(value: Any) -> Iterator[tuple[Source, int | None]]:
    """What the library reads, and the rate of samples, of a value in a column.

    Raises:
        MediaError: it is no recording, or cannot be fetched.
    """
    rate: int | None = None
    if isinstance(value, Mapping):
        if value.get("array") is not None:
            import numpy as np

            value, rate = np.asarray(value["array"]), int(value["sampling_rate"])
        elif value.get("bytes") is not None:
            value = _named_bytes(value["bytes"], value.get("path"))
        else:
            value = value.get("path")
    elif isinstance(value, (bytes, bytearray, memoryview)):
        value = _named_bytes(bytes(value), None)
    if value is None:
        raise MediaError(_("there is no recording in this row"))
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        with open_source(str(value)) as path:
            yield path, rate
        return
    yield value, rate


def _named_bytes(data: bytes, path: str | None) -> io.BytesIO:
    stream = io.BytesIO(data)
    if path:
        stream.name = Path(path).name
    return stream
