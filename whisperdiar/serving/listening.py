"""Listening: tasks become transcripts, by models that stay loaded. Runs inside a worker process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from whisperdiar.api import OpenPipeline
from whisperdiar.assembly import Request
from whisperdiar.cache.identity import hash_file
from whisperdiar.cache.recordings import read_recording
from whisperdiar.contracts import Progress
from whisperdiar.errors import BackendError, InvalidOption, MediaError, ModelUnavailable, TruncatedMedia
from whisperdiar.media import load
from whisperdiar.media.arrays import audio_from_array
from whisperdiar.options import SAMPLE_RATE_HZ, Term, Vocabulary
from whisperdiar.people import Profile, Profiles, VoiceEncoder, make_sample, name_speakers, open_voice_encoder
from whisperdiar.people.identification import need_narrowband
from whisperdiar.pipeline import Pipeline, wants_channels
from whisperdiar.recordings import Part
from whisperdiar.selection import Choice
from whisperdiar.serving.tasks import KnownSpeaker, Outcome, Task, WorkerSettings
from whisperdiar.system.log import warn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import ANY_SPEAKERS, Audio, Span, SpeakerCount, Turn

REFERENCE_S = (2.0, 10.0)
"""How long the voice of a known person may be, as OpenAI's reference says."""
REFERENCE_DISTANCE = 0.3
"""Cosine distance up to which a speaker is a known one. A voice of 2 s is farther from itself than a profile is, and
still nearer than another person is (benchmarks/known_speakers.py); the nearest alone would name every stranger."""
_ROUNDING_S = 0.25
"""Encoders of sound add a frame or two."""
_RIFF = b"RIFF"


class Listener:
    """The models of a worker, and what is made with them.

    Attributes:
        settings: as the server was started.
    """

    def __init__(self, settings: WorkerSettings, *, notify: Callable[[str], None] = warn) -> None:
        """Stores.

        Args:
            notify: told of a cache that cannot be written, a backend that stands in for another, and the like.
        """
        self.settings = settings
        self._notify = notify
        self._pipelines: dict[str | None, OpenPipeline] = {}
        self._encoder: VoiceEncoder | None = None

    def load(self, *, progress: Progress) -> None:
        """Loads what the server was started with; raises as `OpenPipeline.load`."""
        self._pipeline(None, progress)

    def work(self, task: Task, *, progress: Progress) -> Outcome:
        """What a task asks for.

        Raises:
            InvalidOption: a parameter that cannot be meant.
            MediaError: the recording cannot be read, or is too long.
            BackendError: the models cannot do it.
            DiarizationFailed: the speakers are lost.
            BaseException: whatever `progress` raises.
        """
        pipeline = self._pipeline(task.model, progress)
        audio = self._read(task, pipeline, progress)
        if task.detect_only:
            return _detect_language(pipeline, audio, progress)
        transcript = _configure(pipeline, task).run(audio, progress=progress)
        if task.known:
            transcript = self._name(transcript, audio, task.known, progress)
        return Outcome(transcript=transcript, seconds=audio.duration, language=transcript.language)

    def _pipeline(self, model: str | None, progress: Progress) -> Pipeline:
        """The stages with one model; all models share the detector and the diarizer of the first."""
        if model is not None and model not in self.settings.models:
            raise InvalidOption(_("model {model!r}: this server does not have it").format(model=model))
        first = self._open(None, self.settings.request).load(progress=progress)
        if model is None:
            return first
        own = self.settings.request
        asr = replace(own.asr, settings={**own.asr.settings, "model": model})
        other = self._open(model, replace(own, asr=asr, diarizer=Choice(name="none"))).load(progress=progress)
        return replace(other, detector=first.detector, diarizer=first.diarizer)

    def _open(self, model: str | None, request: Request) -> OpenPipeline:
        if model not in self._pipelines:
            self._pipelines[model] = OpenPipeline(request, notify=self._notify)
        return self._pipelines[model]

    def _read(self, task: Task, pipeline: Pipeline, progress: Progress) -> Audio:
        """The sound, at most a second longer than a recording may be: its header may say anything.

        With a cache it has the identity that the command line gives it, and is decoded where a stage listens to it.
        """
        limit_s = self.settings.max_hours * 3600.0
        name = "_".join(task.name.split()) or "recording"
        channels: Literal["all", "mono"] = "all" if task.diarize and wants_channels(pipeline.diarizer) else "mono"
        end = None if task.seconds is None else task.start + task.seconds
        last = min(limit_s + 1.0, limit_s + 1.0 if end is None else end)

        def check(audio: Audio) -> Audio:
            if audio.duration > limit_s:
                raise MediaError(
                    _(
                        "the recording is longer than {hours:g} hours: cut it, or start the server with --max-hours"
                    ).format(hours=self.settings.max_hours)
                )
            return audio

        def read() -> tuple[Audio, bool]:
            try:
                return check(load(task.path, channels=channels, start=task.start, end=last, progress=progress)), True
            except TruncatedMedia as error:
                return check(replace(error.audio, warnings=(*error.audio.warnings, str(error)))), False

        if task.raw and not _is_wave(task.path):
            audio = check(_read_samples(task.path, task.start, last))
        elif pipeline.cache is None:
            audio = read()[0]
        else:
            audio = check(
                read_recording(
                    task.path,
                    hash_file(task.path),
                    pipeline.cache.folder,
                    read,
                    recording_id=name,
                    language=None,
                    **asdict(Part(start=task.start, end=end)),
                    channels=channels,
                )
            )
        return replace(audio, recording_id=name)

    def _name(
        self, transcript: Transcript, audio: Audio, known: Sequence[KnownSpeaker], progress: Progress
    ) -> Transcript:
        """The transcript with the names of those who are known; others keep their labels."""
        encoder = self._open_encoder(progress)
        people = [_make_profile(item, encoder) for item in known]
        voices = encoder.embed_speakers(audio, transcript.turns, both=need_narrowband(people))
        calibration = Profiles(Path(known[0].path).parent / "nobody").read_calibration(encoder.model)
        if not calibration.names:
            raise BackendError(
                _("known speakers: {model} was not measured; start the server with --voice-model campplus").format(
                    model=encoder.model
                )
            )
        calibration = replace(
            calibration, name_distance=REFERENCE_DISTANCE, ask_distance=REFERENCE_DISTANCE, name_probability=0.0
        )
        return name_speakers(transcript, voices, people, calibration, model=str(encoder.model))

    def _open_encoder(self, progress: Progress) -> VoiceEncoder:
        if self._encoder is None:
            runtime = self.settings.request.runtime
            try:
                self._encoder = open_voice_encoder(self.settings.voice_model, runtime=runtime, progress=progress)
            except ModelUnavailable as error:
                raise BackendError(
                    _("known speakers need a network for voices: start the server with --voice-model ({error})").format(
                        error=error
                    )
                ) from error
        return self._encoder


def _configure(pipeline: Pipeline, task: Task) -> Pipeline:
    """The pipeline for one task: the same models, with the task's settings."""
    transcriber: Any = pipeline.transcriber if task.words else None
    if transcriber is not None:
        wanted = {
            "task": "translate" if task.translate else None,
            "prompt": task.prompt,
            "languages": ",".join(task.languages) or None,
        }
        known = {item.name for item in fields(transcriber.settings)}
        refused = [name for name, value in wanted.items() if value is not None and name not in known]
        if "task" in refused:
            raise InvalidOption(_("translations: the recogniser of this server does not translate"))
        changes = {name: value for name, value in wanted.items() if value is not None and name in known}
        if changes:
            transcriber = transcriber.reconfigure(replace(transcriber.settings, **changes))
    terms = tuple(Term(" ".join(text.split())) for text in task.terms if text.strip())
    return replace(
        pipeline,
        transcriber=transcriber,
        diarizer=pipeline.diarizer if task.diarize else None,
        speakers=ANY_SPEAKERS if task.speakers is None else SpeakerCount.parse(task.speakers),
        language=task.language or (None if task.languages else pipeline.language),
        vocabulary=Vocabulary(terms) if terms else pipeline.vocabulary,
    )


def _detect_language(pipeline: Pipeline, audio: Audio, progress: Progress) -> Outcome:
    """The language of a recording as the recogniser detects it; None where nobody speaks."""
    speech = pipeline.speech(audio, progress=progress)
    found = replace(pipeline, language=None).words(audio, speech=speech, progress=progress)
    return Outcome(
        transcript=Transcript(audio.recording_id, audio.duration),
        seconds=audio.duration,
        language=found.language if speech else None,
        language_probability=found.language_probability if speech else None,
    )


def _make_profile(known: KnownSpeaker, encoder: VoiceEncoder) -> Profile:
    """A profile of the voice that a request brings along; it is kept nowhere.

    Raises:
        InvalidOption: the voice is too short or too long.
        MediaError: it cannot be read.
    """
    shortest, longest = REFERENCE_S
    try:
        audio = load(known.path, channels="mono", end=longest + 1.0)
    except MediaError as error:
        raise MediaError(
            _("the voice of {name} cannot be read: {error}").format(name=known.name, error=error)
        ) from error
    if not shortest - _ROUNDING_S <= audio.duration <= longest + _ROUNDING_S:
        raise InvalidOption(
            _("the voice of {name} lasts {seconds:.1f} s: give {shortest:g} to {longest:g} s of speech").format(
                name=known.name, seconds=audio.duration, shortest=shortest, longest=longest
            )
        )
    voice = encoder.embed(audio, [Turn(Span(0.0, audio.duration), "SPEAKER_00")])
    if voice is None:
        raise InvalidOption(_("the voice of {name}: there is no sound in it").format(name=known.name))
    sample = make_sample(voice, "reference", None)
    return Profile(name=known.name, consent=sample.date, model=encoder.model, samples=(sample,))


def _is_wave(path: str) -> bool:
    """Clients that say ``encode=false`` mean samples alone, and some send a WAV file all the same."""
    with open(path, "rb") as file:
        return file.read(4) == _RIFF


def _read_samples(path: str, start: float, end: float) -> Audio:
    first, last = (round(time * SAMPLE_RATE_HZ) * 2 for time in (start, end))
    with open(path, "rb") as file:
        file.seek(first)
        data = file.read(last - first)
    samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
    if not len(samples):
        raise MediaError(_("the recording is empty: send one with sound"))
    return audio_from_array(samples, SAMPLE_RATE_HZ)
