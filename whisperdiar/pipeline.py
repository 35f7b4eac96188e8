"""Pipeline: runs the stages on one recording: speech → words and turns → words with speakers → segments.

The pipeline takes objects that fulfil the contracts, never names; `whisperdiar.assembly` turns names into objects.
"""

from __future__ import annotations

import importlib.metadata
import math
import platform
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from whisperdiar.activity_files import check_target, save_or_warn
from whisperdiar.asr._shared.refinement import alignment_record, recognise
from whisperdiar.contracts import (
    Diarizer,
    Progress,
    SpeechDetector,
    TextAwareDiarizer,
    Transcriber,
    device_of,
    info_of,
    no_progress,
    record_of,
    threads_of,
)
from whisperdiar.errors import DiarizationFailed, Interrupted, describe_error
from whisperdiar.joining import Origin, join
from whisperdiar.media.mixing import weight_channels
from whisperdiar.options import AlignmentOptions, SegmentationOptions, Vocabulary
from whisperdiar.per_channel import find_own_speech, lay_out, put_back, remove_crosstalk
from whisperdiar.segmentation import interleave, segments
from whisperdiar.system.background import BackgroundTask, serialise
from whisperdiar.system.callbacks import find_callers_error, guard_callbacks
from whisperdiar.system.machine import raise_out_of_memory, usable_cores
from whisperdiar.text.messages import _, mark
from whisperdiar.text.messages import join as join_texts
from whisperdiar.transcript import Segment, Transcript, Uncertain
from whisperdiar.types import (
    ANY_SPEAKERS,
    Audio,
    Diarization,
    Dropped,
    Replacement,
    Span,
    SpeakerCount,
    Transcription,
    Turn,
    Word,
    merge_spans,
    remove_spans,
    total_duration,
)
from whisperdiar.version import __version__
from whisperdiar.video import Video, with_video

Result = TypeVar("Result")

STAGE_WORDS: Mapping[str, str] = {
    "vad": mark("speech detection"),
    "asr": mark("speech recognition"),
    "diarization": mark("diarization"),
    "segment": mark("telling sounds apart"),
}

_LEVEL_BLOCK_S = 60
"""The level of a recording is measured in parts: it may be hours long and lie on the disk."""

_VERSIONED = {
    "faster_whisper": "faster-whisper",
    "ctranslate2": "ctranslate2",
    "onnxruntime": "onnxruntime",
    "pocketsphinx": "pocketsphinx",
    "torch": "torch",
    "speechbrain": "speechbrain",
    "pyannote.audio": "pyannote.audio",
    "nemo": "nemo_toolkit",
}


@dataclass(frozen=True, slots=True)
class Fallback:
    """A backend that was preferred and could not run, why, and the one command that mends it."""

    preferred: str
    reason: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The stages and their settings.

    It can be copied and pickled: of its backends settings alone go along, and models are loaded again at first use.

    Attributes:
        detector: finds speech.
        transcriber: turns speech into words; None for turns alone.
        diarizer: tells who speaks when; None for a transcript without speakers.
        speakers: how many there are.
        language: ISO 639-1 code, or None to detect it.
        vocabulary: terms to expect, and forms to write otherwise; None for none.
        fallbacks: for the stages ``vad``, ``asr``, ``diarization``, what the backend stands in for, where it does.
        provenance_options: the user's settings, for the provenance; JSON values only.
        parallel: whether words and turns are found side by side; None decides by `side_by_side`.
        threads: CPU threads that they may use together then; 0 stands for all cores.
        save_activity: ``.npz`` file for the activity of the speakers in every frame; None for none. Where it cannot be
            written, a warning says so.
        skip_music: whether long stretches of music alone, as `whisperdiar.sound_classes` finds them, are no speech.
    """

    detector: SpeechDetector
    transcriber: Transcriber | None = None
    diarizer: Diarizer | None = None
    speakers: SpeakerCount = ANY_SPEAKERS
    language: str | None = None
    vocabulary: Vocabulary | None = None
    alignment: AlignmentOptions = field(default_factory=AlignmentOptions)
    segmentation: SegmentationOptions = field(default_factory=SegmentationOptions)
    fallbacks: Mapping[str, Fallback] = field(default_factory=dict)
    provenance_options: Mapping[str, Any] = field(default_factory=dict)
    parallel: bool | None = None
    threads: int = 0
    save_activity: str | None = None
    skip_music: bool = False
    # Held while the diarizer works: one that was left behind by a failure ends before it begins anew.
    _diarizing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock: a copy has one of its own."""
        return {name: value for name, value in vars(self).items() if name != "_diarizing"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state, _diarizing=threading.Lock())

    def run(self, audio: Audio, *, progress: Progress = no_progress) -> Transcript:
        """Who said what, when, in the recording's own times.

        Where words and turns are found side by side, `progress` hears both stages in turn, from two threads and never
        from both at once. A recogniser that fails does not wait for the diarizer.

        Raises:
            DiarizationFailed: the words are there, the speakers are not; the error carries the transcript.
            Interrupted: a KeyboardInterrupt came when the words were there; it carries the transcript.
            OutputError: there is no such folder for the activity; said before the work.
            WhisperdiarError: any other failure of a stage.
            BaseException: whatever `progress` raises, as it is.
        """
        check_target(self.save_activity)
        with guard_callbacks(progress) as heard:
            return self._run(audio, heard)

    def _run(self, audio: Audio, progress: Progress) -> Transcript:
        audio = audio.finite()
        if not wants_channels(self.diarizer):
            audio = weight_channels(audio)
        music = self._find_music(audio, progress)
        audio = replace(audio, notes=(*audio.notes, *_describe_music(music)))
        said: tuple[Segment, ...] | None = None
        if audio.n_channels > 1 and wants_channels(self.diarizer):
            speech, transcription, (diarization, failure), said = self._by_channel(audio, progress, music)
        elif self.side_by_side():
            speech = remove_spans(self.speech(audio, progress=progress), music)
            transcription, beside = self._both(audio, speech, serialise(progress))
            with self._keeping(audio, speech, transcription):
                diarization, failure = beside()
        else:
            speech = remove_spans(self.speech(audio, progress=progress), music)
            transcription = self.words(audio, speech=speech, progress=progress)
            with self._keeping(audio, speech, transcription):
                diarization, failure = self._turns_or_failure(audio, speech, progress, transcription.words)
        if not speech:
            # What is otherwise as it should be, such as which track was read, may be the reason now.
            warnings = (*audio.notes, *transcription.warnings, _describe_no_speech(audio))
            audio, transcription = replace(audio, notes=()), replace(transcription, warnings=warnings)
        transcript = self._join(audio, speech, transcription, diarization, failure, said)
        if failure is not None:
            raise DiarizationFailed(_describe_failure(failure), transcript) from failure
        return transcript

    def side_by_side(self) -> bool:
        """Whether words and turns are found at the same time.

        Unless `parallel` says so: on different devices yes; on one GPU no, as its memory would have to hold both; on
        the CPU where the threads of both backends together fit into `threads`, so that they never compete. A backend
        without a number of threads counts as using all of them. A diarizer that wants the words waits for them, unless
        `parallel` says otherwise: then it gets none.
        """
        if self.transcriber is None or self.diarizer is None:
            return False
        if self.parallel is not None:
            return self.parallel
        if wants_words(self.diarizer):
            return False
        first, second = device_of(self.transcriber), device_of(self.diarizer)
        if None not in (first, second) and first != second:
            return True
        if {first, second} - {None, "cpu"}:
            return False
        budget = self.threads or usable_cores()
        return sum(threads_of(stage) or budget for stage in (self.transcriber, self.diarizer)) <= budget

    def _both(
        self, audio: Audio, speech: Sequence[Span], progress: Progress
    ) -> tuple[Transcription, Callable[[], tuple[Diarization, BaseException | None]]]:
        """The words, and what waits for the turns."""
        beside = BackgroundTask(lambda report: self._turns_or_failure(audio, speech, report), progress=progress)

        def ended(work: Callable[[], Result]) -> Result:
            try:
                return work()
            except BaseException:  # also Ctrl-C
                beside.cancel()
                raise

        words = ended(lambda: self.words(audio, speech=speech, progress=progress))
        return words, lambda: ended(beside.result)

    @contextmanager
    def _keeping(self, audio: Audio, speech: Sequence[Span], transcription: Transcription) -> Iterator[None]:
        """Raises Interrupted, with the words that are there, where the work inside is interrupted."""
        try:
            yield
        except BaseException as raised:
            error = find_callers_error(raised)
            if not isinstance(error, KeyboardInterrupt) or not transcription.words:
                raise
            none = Diarization(audio.recording_id)
            transcript = self._join(audio, speech, transcription, none, error, None)
            raise Interrupted(_describe_failure(error), transcript) from error

    def _find_music(self, audio: Audio, progress: Progress) -> tuple[Span, ...]:
        """The music alone that is left out; none where it is kept."""
        if not self.skip_music:
            return ()
        # Here, as most runs do without it.
        from whisperdiar.sound_classes import find_music

        threads = self.threads or usable_cores()
        return _run_stage("segment", progress, lambda heard: find_music(audio, threads=threads, progress=heard))

    def _by_channel(
        self, audio: Audio, progress: Progress, music: Sequence[Span]
    ) -> tuple[tuple[Span, ...], Transcription, tuple[Diarization, BaseException | None], tuple[Segment, ...] | None]:
        """Speech, words and turns where the diarizer has a person on each channel, and who said what.

        Each channel's speech is found and recognised by itself, so that nobody is lost who talks at the same time as
        somebody else. The last is None where there are no turns: then the mix of all channels was recognised.
        """
        n = audio.n_channels
        detected = [
            remove_spans(
                self.speech(audio.channel(c + 1), progress=_scale_progress(progress, c / n, (c + 1) / n)), music
            )
            for c in range(n)
        ]
        speech = merge_spans(span for spans in detected for span in spans)
        found = self._turns_or_failure(audio, speech, progress)
        turns = found[0].turns
        if self.transcriber is None or not turns:
            return speech, self.words(audio, speech=speech, progress=progress), found, None
        layout = lay_out(audio, find_own_speech(audio, detected, turns))
        heard = self.words(layout.audio, speech=layout.speech, progress=progress)
        words, dropped = put_back(heard, layout, turns, n_channels=n)
        words, twice = remove_crosstalk(words, audio)
        transcription = replace(
            heard,
            words=tuple(sorted((word for spoken in words for word in spoken), key=lambda word: word.span)),
            dropped=tuple(sorted((*dropped, *twice), key=lambda item: item.span)),
            replacements=tuple(replace(item, span=layout.place(item.span)[1]) for item in heard.replacements),
        )
        return speech, transcription, found, interleave(words, options=self.segmentation)

    def _turns_or_failure(
        self, audio: Audio, speech: Sequence[Span], progress: Progress, words: Sequence[Word] = ()
    ) -> tuple[Diarization, BaseException | None]:
        """The turns, or none and what went wrong: the words must survive it, whatever it is."""
        try:
            with self._diarizing:
                return self.turns(audio, speech=speech, words=words, progress=progress), None
        except (Exception, SystemExit) as error:
            if self.transcriber is None:
                raise
            return Diarization(audio.recording_id), error

    def speech(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """The first stage alone: where somebody speaks."""
        return _run_stage("vad", progress, lambda heard: self.detector.detect(audio, progress=heard))

    def words(self, audio: Audio, *, speech: Sequence[Span], progress: Progress = no_progress) -> Transcription:
        """The recognition stage alone, with its refinement; no words without a transcriber."""
        transcriber = self.transcriber
        if transcriber is None:
            return Transcription(None, None, ())
        return _run_stage(
            "asr",
            progress,
            lambda heard: recognise(
                transcriber,
                audio,
                speech=speech,
                language=self.language,
                vocabulary=self.vocabulary,
                progress=heard,
            ),
        )

    def turns(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        words: Sequence[Word] = (),
        progress: Progress = no_progress,
    ) -> Diarization:
        """The diarization stage alone, with a warning where the number of speakers is not the one asked for.

        The activity of the speakers is saved here, for every diarizer. `words` are for a diarizer that wants them.
        """
        diarizer = self.diarizer
        if diarizer is None:
            return Diarization(audio.recording_id)

        def work(heard: Progress) -> Diarization:
            if isinstance(diarizer, TextAwareDiarizer) and wants_words(diarizer):
                return diarizer.diarize(audio, speech=speech, speakers=self.speakers, words=words, progress=heard)
            return diarizer.diarize(audio, speech=speech, speakers=self.speakers, progress=heard)

        result = _run_stage("diarization", progress, work)
        found = len(result.speakers)
        if result.turns and not self.speakers.allows(found) and not result.warnings:
            name = record_of(diarizer).backend
            result = replace(
                result,
                warnings=(
                    _("{speakers} speakers were asked for, {name} found {found}").format(
                        speakers=self.speakers, name=name, found=found
                    ),
                ),
            )
        return save_or_warn(self.save_activity, result, audio)

    def provenance(self, warnings: Sequence[str] = (), notes: Sequence[str] = ()) -> dict[str, Any]:
        """What did the work: backends, models, versions, options, warnings, notes; JSON values only."""
        return {
            "asr": self._record("asr", self.transcriber),
            "vad": self._record("vad", self.detector),
            "diarizer": self._record("diarization", self.diarizer),
            "versions": list_versions(),
            "options": dict(self.provenance_options),
            "warnings": list(warnings),
            "notes": list(notes),
        }

    def _record(self, stage: str, backend: object | None) -> dict[str, Any] | None:
        if backend is None:
            return None
        record, fallback = record_of(backend), self.fallbacks.get(stage)
        if stage == "asr" and (aligned := alignment_record(backend)):
            record = replace(record, details={**record.details, "word_times": aligned})
        if fallback is not None:
            record = replace(record, fallback_from=fallback.preferred, reason=fallback.reason, remedy=fallback.remedy)
        return record.to_dict()

    def _describe_vocabulary(self, replacements: Sequence[Replacement], offset: float) -> dict[str, Any]:
        """The vocabulary in the provenance, with every replacement in the recording's own times."""
        if self.vocabulary is None or self.transcriber is None:
            return {}
        listed = [
            {
                "start": round(item.span.start + offset, 3),
                "end": round(item.span.end + offset, 3),
                "before": item.before,
                "after": item.after,
            }
            for item in sorted(replacements, key=lambda item: item.span)
        ]
        named = {} if self.vocabulary.name is None else {"name": self.vocabulary.name}
        return {"vocabulary": {**named, "terms": len(self.vocabulary.terms), "replacements": listed}}

    def _join(
        self,
        audio: Audio,
        speech: Sequence[Span],
        transcription: Transcription,
        diarization: Diarization,
        failure: BaseException | None,
        said: tuple[Segment, ...] | None,
    ) -> Transcript:
        """The transcript; `said` where it is known who said what, otherwise words and turns are aligned.

        Words that have a speaker, as those of a given text may, keep it, and their segments are the turns.
        """
        warnings = [*audio.warnings, *transcription.warnings, *diarization.warnings]
        notes = [*audio.notes, *transcription.notes, *diarization.notes]
        if failure is not None:
            warnings.append(_describe_failure(failure))
        if said is None and any(word.speaker is not None for word in transcription.words):
            said = segments(transcription.words, options=self.segmentation)
            turns = tuple(Turn(item.span, item.speaker) for item in said if item.speaker is not None)
            diarization = replace(diarization, turns=tuple(sorted(turns, key=lambda turn: turn.span)))
        origin = Origin(
            recording_id=audio.recording_id,
            duration=audio.duration,
            language=transcription.language,
            dropped=transcription.dropped,
            provenance={
                **self.provenance(warnings, notes),
                "speech": round(total_duration(merge_spans(speech)), 3),
                **self._describe_vocabulary(transcription.replacements, audio.start),
            },
        )
        transcript = join(
            transcription.words,
            diarization,
            origin=origin,
            alignment=self.alignment,
            segmentation=self.segmentation,
            spoken=said,
        )
        return with_video(shift_times(transcript, audio.start), Video(audio.frame_rate))


DIARIZATION_FAILED = mark("diarization failed, so the words are complete and have no speakers")
"""Begins the warning in the provenance of a transcript whose speakers are lost."""


def _describe_failure(failure: BaseException) -> str:
    if isinstance(failure, KeyboardInterrupt):
        return join_texts(": ", (_(DIARIZATION_FAILED), _("it was interrupted")))
    cause = (
        _("it asked to exit with {failure}").format(failure=failure)
        if isinstance(failure, SystemExit)
        else describe_error(failure)
    )
    return join_texts(": ", (_(DIARIZATION_FAILED), cause))


def _describe_music(music: Sequence[Span]) -> tuple[str, ...]:
    """The one note about music that was left out; none without any."""
    if not music:
        return ()
    seconds = total_duration(music)
    return (_("{seconds:.1f} s of music alone were left out; to hear them, use --keep-music").format(seconds=seconds),)


def _describe_no_speech(audio: Audio) -> str:
    """Says that there is no speech, and how loud the recording is: a quiet one may hold some all the same."""
    block = _LEVEL_BLOCK_S * audio.sample_rate
    n_samples = audio.samples.shape[1]
    peak = max((float(np.abs(audio.samples[:, at : at + block]).max()) for at in range(0, n_samples, block)), default=0)
    if peak <= 0.0:
        return _("no speech was found in this recording: it is digital silence; check the microphone or the track")
    return _(
        "no speech was found in this recording, whose peak is {peak:.0f} dBFS; if there is some, use --vad none"
    ).format(peak=20 * math.log10(peak))


def wants_channels(backend: Any) -> bool:
    """Whether a diarizer needs the recording's channels apart."""
    info = info_of(backend)
    return info is not None and info.per_channel


def wants_words(backend: Any) -> bool:
    """Whether a diarizer is helped by the recognised words."""
    return bool(getattr(backend, "wants_words", False))


def _scale_progress(progress: Progress, first: float, last: float) -> Progress:
    """A `Progress` for the part of a stage between two fractions of it."""
    return lambda stage, fraction: progress(stage, first + (last - first) * fraction)


def _run_stage(stage: str, progress: Progress, work: Callable[[Progress], Result]) -> Result:
    """The result of a stage, whose beginning and end are reported."""
    with guard_callbacks(progress) as heard:
        heard(stage, 0.0)
        with raise_out_of_memory(_(STAGE_WORDS[stage])):
            result = work(heard)
        heard(stage, 1.0)
        return result


def list_versions() -> dict[str, str]:
    """What is loaded of the packages that do the work, with Python and whisperdiar itself."""
    found = {"whisperdiar": __version__, "python": platform.python_version()}
    for module, package in _VERSIONED.items():
        if module in sys.modules:
            try:
                found[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
    return found


def shift_times(transcript: Transcript, offset: float) -> Transcript:
    """The same transcript with every time moved by `offset` seconds, from an audio's clock to the recording's."""
    if not offset:
        return transcript

    def word(item: Word) -> Word:
        return replace(item, span=item.span.shift(offset))

    def segment(item: Segment) -> Segment:
        return replace(item, words=tuple(map(word, item.words)))

    def moved(items: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(replace(item, span=item.span.shift(offset)) for item in items)

    turns: tuple[Turn, ...] = moved(transcript.turns)
    dropped: tuple[Dropped, ...] = moved(transcript.dropped)
    uncertain: tuple[Uncertain, ...] = moved(transcript.uncertain)
    return replace(
        transcript,
        duration=transcript.duration + offset,
        start=transcript.start + offset,
        segments=tuple(map(segment, transcript.segments)),
        turns=turns,
        dropped=dropped,
        uncertain=uncertain,
    )
