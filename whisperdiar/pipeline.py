"""Pipeline: runs the stages on one recording: speech → words and turns → words with speakers → segments.

The pipeline takes objects that fulfil the contracts, never names; `whisperdiar.assembly` turns names into objects.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from whisperdiar.activity_files import check_target, save_or_warn
from whisperdiar.alignment import align
from whisperdiar.cache import StageCache
from whisperdiar.cache.identity import identify_samples
from whisperdiar.cache.stages import Session
from whisperdiar.contracts import (
    Diarizer,
    Progress,
    SpeechDetector,
    Transcriber,
    device_of,
    info_of,
    no_progress,
    record_of,
    scale_progress,
    threads_of,
)
from whisperdiar.errors import DiarizationFailed, Interrupted, describe_error
from whisperdiar.joining import Origin, join, shift_times
from whisperdiar.media.mixing import weight_channels
from whisperdiar.options import AlignmentOptions, SegmentationOptions, Vocabulary
from whisperdiar.per_channel import (
    detect_audible,
    find_own_speech,
    lay_out,
    name_channels,
    put_back,
    remove_crosstalk,
)
from whisperdiar.provenance import Fallback, describe_run, describe_vocabulary
from whisperdiar.segmentation import interleave, segments
from whisperdiar.stage_results import (
    STAGE_WORDS,
    find_emotions,
    find_music,
    find_overlap,
    find_segments,
    find_speech,
    find_turns,
    find_words,
    wants_words,
)
from whisperdiar.system.background import BackgroundTask, serialise
from whisperdiar.system.callbacks import find_callers_error, guard_callbacks
from whisperdiar.system.machine import usable_cores
from whisperdiar.text.messages import _, mark
from whisperdiar.text.messages import join as join_texts
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import (
    ANY_SPEAKERS,
    Audio,
    Diarization,
    Span,
    SpeakerCount,
    Transcription,
    Turn,
    Word,
    merge_spans,
    remove_spans,
    total_duration,
)
from whisperdiar.video import Video, with_video

if TYPE_CHECKING:  # the networks' modules take half a second, and most runs need none of them
    from whisperdiar.emotions import EmotionDiarizer
    from whisperdiar.separation import OverlapSeparator

Result = TypeVar("Result")

_LEVEL_BLOCK_S = 60
"""The level of a recording is measured in parts: it may be hours long and lie on the disk."""


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
        cache: keeps the results of stages, and has those of earlier runs; None for none. What the words and turns are
            does not depend on it.
        recording: what tells the recording from others, for the provenance; JSON values only.
        separator: recognises both voices by themselves where two talk at once; None for the mixture alone.
        emotions: tells which emotion is heard when; None for none.
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
    cache: StageCache | None = None
    recording: Mapping[str, Any] = field(default_factory=dict)
    separator: OverlapSeparator | None = None
    emotions: EmotionDiarizer | None = None
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
        session = Session(self.cache)
        transcript = self._run_stages(audio, session, progress)
        if self.cache is not None:
            told = [(_(STAGE_WORDS[stage]), share) for stage, share in session.taken if stage in STAGE_WORDS]
            self.cache.tell(audio.recording_id, told)
            self.cache.folder.trim()
        return transcript

    def _run_stages(self, audio: Audio, session: Session, progress: Progress) -> Transcript:
        audio = audio.finite()
        if self.cache is not None and not audio.identity:
            audio = replace(audio, identity=identify_samples(audio))
        if not wants_channels(self.diarizer):
            audio = weight_channels(audio)
        music = self._find_music(audio, session, progress)
        audio = replace(audio, notes=(*audio.notes, *_describe_music(music)))
        said: tuple[Segment, ...] | None = None
        if audio.n_channels > 1 and wants_channels(self.diarizer):
            speech, transcription, (diarization, failure), said = self._by_channel(audio, session, progress, music)
        elif self.side_by_side():
            speech = remove_spans(self._speech(audio, session, progress), music)
            transcription, beside = self._both(audio, speech, session, serialise(progress))
            with self._keeping(audio, speech, transcription, session):
                diarization, failure = beside()
        else:
            speech = remove_spans(self._speech(audio, session, progress), music)
            transcription = self._words(audio, speech, session, progress)
            with self._keeping(audio, speech, transcription, session):
                diarization, failure = self._turns_or_failure(audio, speech, session, progress, transcription.words)
        if not speech:
            # What is otherwise as it should be, such as which track was read, may be the reason now.
            warnings = (*audio.notes, *transcription.warnings, _describe_no_speech(audio))
            audio, transcription = replace(audio, notes=()), replace(transcription, warnings=warnings)
        separation: dict[str, Any] = {}
        if self.separator is not None and failure is None and diarization.turns and transcription.words:
            if said is None:
                with self._keeping(audio, speech, transcription, session, diarization):
                    transcription, said, separation = self._separate(
                        self.separator, audio, transcription, diarization, session, progress
                    )
            else:
                note = _("each channel was recognised by itself, so that no overlap had to be separated")
                transcription = replace(transcription, notes=(*transcription.notes, note))
        transcription, emotions, felt = self._find_emotions(audio, speech, transcription, session, progress)
        more = {**separation, **felt}
        transcript = self._join(audio, speech, transcription, diarization, failure, said, session, more)
        transcript = replace(transcript, emotions=emotions)
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
        self, audio: Audio, speech: Sequence[Span], session: Session, progress: Progress
    ) -> tuple[Transcription, Callable[[], tuple[Diarization, BaseException | None]]]:
        """The words, and what waits for the turns."""
        beside = BackgroundTask(
            lambda report: self._turns_or_failure(audio, speech, session, report), progress=progress
        )

        def ended(work: Callable[[], Result]) -> Result:
            try:
                return work()
            except BaseException:  # also Ctrl-C
                beside.cancel()
                raise

        words = ended(lambda: self._words(audio, speech, session, progress))
        return words, lambda: ended(beside.result)

    @contextmanager
    def _keeping(
        self,
        audio: Audio,
        speech: Sequence[Span],
        transcription: Transcription,
        session: Session,
        diarization: Diarization | None = None,
    ) -> Iterator[None]:
        """Raises Interrupted, with the words that are there, and the turns if they are, where the work inside is
        interrupted."""
        try:
            yield
        except BaseException as raised:
            error = find_callers_error(raised)
            if not isinstance(error, KeyboardInterrupt) or not transcription.words:
                raise
            if diarization is not None:
                transcript = self._join(audio, speech, transcription, diarization, None, None, session)
                raise Interrupted(_("interrupted before overlap was separated"), transcript) from error
            none = Diarization(audio.recording_id)
            transcript = self._join(audio, speech, transcription, none, error, None, session)
            raise Interrupted(_describe_failure(error), transcript) from error

    def _find_music(self, audio: Audio, session: Session, progress: Progress) -> tuple[Span, ...]:
        """The music alone that is left out; none where it is kept."""
        if not self.skip_music:
            return ()
        return find_music(session, audio, threads=self.threads or usable_cores(), progress=progress)

    def _by_channel(
        self, audio: Audio, session: Session, progress: Progress, music: Sequence[Span]
    ) -> tuple[tuple[Span, ...], Transcription, tuple[Diarization, BaseException | None], tuple[Segment, ...] | None]:
        """Speech, words and turns where the diarizer has a person on each channel, and who said what.

        Each channel's speech is found and recognised by itself, so that nobody is lost who talks at the same time as
        somebody else. The last is None where there are no turns: then the mix of all channels was recognised.
        """
        n = audio.n_channels
        scaled = [scale_progress(progress, c / n, (c + 1) / n) for c in range(n)]
        detected = [
            remove_spans(
                detect_audible(audio, c + 1, partial(self._speech, session=session, progress=scaled[c])), music
            )
            for c in range(n)
        ]
        speech = merge_spans(span for spans in detected for span in spans)
        found = self._turns_or_failure(audio, speech, session, progress)
        turns = found[0].turns
        if self.transcriber is None or not turns:
            return speech, self._words(audio, speech, session, progress), found, None
        layout = lay_out(audio, find_own_speech(audio, detected, turns))
        heard = self._words(layout.audio, layout.speech, session, progress)
        words, dropped = put_back(heard, layout, turns, n_channels=n)
        words, twice = remove_crosstalk(words, audio)
        transcription = replace(
            heard,
            words=tuple(sorted((word for spoken in words for word in spoken), key=lambda word: word.span)),
            dropped=tuple(sorted((*dropped, *twice), key=lambda item: item.span)),
            replacements=tuple(replace(item, span=layout.place(item.span)[1]) for item in heard.replacements),
        )
        return speech, transcription, found, interleave(words, options=self.segmentation)

    def _separate(
        self,
        separator: OverlapSeparator,
        audio: Audio,
        transcription: Transcription,
        diarization: Diarization,
        session: Session,
        progress: Progress,
    ) -> tuple[Transcription, tuple[Segment, ...] | None, dict[str, Any]]:
        """The words with those of both voices where two talk at once, who said them (None where nothing changed), and
        what the provenance says; where separation fails, the words as they were, with a warning."""
        transcriber = self.transcriber
        if transcriber is None:
            return transcription, None, {}

        words = align(transcription.words, diarization.turns, exclusive=diarization.exclusive_turns)
        try:
            found = find_overlap(
                session,
                separator,
                transcriber,
                audio,
                words,
                diarization,
                language=transcription.language,
                vocabulary=self.vocabulary,
                progress=progress,
            )
        except Exception as error:
            failed = _("overlap was not separated, and its words are those of the mixture: {cause}").format(
                cause=describe_error(error)
            )
            return replace(transcription, warnings=(*transcription.warnings, failed)), None, {}
        record = {"separation": {**separator.record(), "stretches": list(found.stretches)}}
        notes, info = list(found.notes), info_of(self.diarizer)
        if not found.stretches and info is not None and not info.overlap:
            name = record_of(self.diarizer).backend
            notes = [_("{name} hears no overlap, so none was separated; use --diarizer onnx").format(name=name)]
        transcription = replace(
            transcription,
            words=found.words,
            notes=(*transcription.notes, *notes),
            replacements=tuple(sorted((*transcription.replacements, *found.replacements), key=lambda item: item.span)),
        )
        if not found.changed:
            return transcription, None, record
        streams: dict[str | None, list[Word]] = {}
        for word in found.words:
            streams.setdefault(word.speaker, []).append(word)
        return transcription, interleave(list(streams.values()), options=self.segmentation), record

    def _find_emotions(
        self,
        audio: Audio,
        speech: Sequence[Span],
        transcription: Transcription,
        session: Session,
        progress: Progress,
    ) -> tuple[Transcription, tuple[Turn, ...], dict[str, Any]]:
        """Which emotion is heard when, in the recording's own times, and what the provenance says; where that fails,
        none, with a warning beside the words."""
        emotions = self.emotions
        if emotions is None or not speech:
            return transcription, (), {}
        try:
            found = find_emotions(session, emotions, audio, speech=speech, progress=progress)
        except Exception as error:
            failed = _("no emotions were told: {cause}").format(cause=describe_error(error))
            return replace(transcription, warnings=(*transcription.warnings, failed)), (), {}
        moved = tuple(replace(turn, span=turn.span.shift(audio.start)) for turn in found)
        return transcription, moved, {"emotions": record_of(emotions).to_dict()}

    def _turns_or_failure(
        self, audio: Audio, speech: Sequence[Span], session: Session, progress: Progress, words: Sequence[Word] = ()
    ) -> tuple[Diarization, BaseException | None]:
        """The turns, or none and what went wrong: the words must survive it, whatever it is."""
        try:
            with self._diarizing:
                return self._turns(audio, speech, words, session, progress), None
        except (Exception, SystemExit) as error:
            if self.transcriber is None:
                raise
            return Diarization(audio.recording_id), error

    def speech(self, audio: Audio, *, progress: Progress = no_progress) -> tuple[Span, ...]:
        """The first stage alone: where somebody speaks."""
        return self._speech(audio, Session(self.cache), progress)

    def words(self, audio: Audio, *, speech: Sequence[Span], progress: Progress = no_progress) -> Transcription:
        """The recognition stage alone, with its refinement; no words without a transcriber."""
        return self._words(audio, speech, Session(self.cache), progress)

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
        return self._turns(audio, speech, words, Session(self.cache), progress)

    def _speech(self, audio: Audio, session: Session, progress: Progress) -> tuple[Span, ...]:
        return find_speech(session, self.detector, audio, progress)

    def _words(self, audio: Audio, speech: Sequence[Span], session: Session, progress: Progress) -> Transcription:
        if self.transcriber is None:
            return Transcription(None, None, ())
        return find_words(
            session,
            self.transcriber,
            audio,
            speech=speech,
            language=self.language,
            vocabulary=self.vocabulary,
            progress=progress,
        )

    def _turns(
        self, audio: Audio, speech: Sequence[Span], words: Sequence[Word], session: Session, progress: Progress
    ) -> Diarization:
        diarizer = self.diarizer
        if diarizer is None:
            return Diarization(audio.recording_id)
        result = find_turns(
            session, diarizer, audio, speech=speech, words=words, speakers=self.speakers, progress=progress
        )
        if result.recording_id != audio.recording_id:
            result = replace(result, recording_id=audio.recording_id)
        found = len(result.speakers)
        if result.turns and not self.speakers.allows(found) and not result.warnings:
            name = record_of(diarizer).backend
            result = replace(
                result,
                warnings=(
                    _("{request}, {name} found {found}").format(
                        request=self.speakers.describe(), name=name, found=found
                    ),
                ),
            )
        return save_or_warn(self.save_activity, result, audio)

    def provenance(self, warnings: Sequence[str] = (), notes: Sequence[str] = ()) -> dict[str, Any]:
        """What did the work: backends, models, versions, options, warnings, notes; JSON values only."""
        return self._provenance(warnings, notes, Session(None))

    def _provenance(self, warnings: Sequence[str], notes: Sequence[str], session: Session) -> dict[str, Any]:
        return describe_run(
            {"asr": self.transcriber, "vad": self.detector, "diarization": self.diarizer, "emotions": self.emotions},
            fallbacks=self.fallbacks,
            kept=session.about,
            options=self.provenance_options,
            recording=self.recording,
            warnings=warnings,
            notes=notes,
        )

    def _join(
        self,
        audio: Audio,
        speech: Sequence[Span],
        transcription: Transcription,
        diarization: Diarization,
        failure: BaseException | None,
        said: tuple[Segment, ...] | None,
        session: Session,
        more: Mapping[str, Any] | None = None,
    ) -> Transcript:
        """The transcript; `said` where it is known who said what, otherwise words and turns are aligned; `more` is for
        the provenance.

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
        vocabulary = {}
        if self.vocabulary is not None and self.transcriber is not None:
            vocabulary = describe_vocabulary(self.vocabulary, transcription.replacements, offset=audio.start)
        origin = Origin(
            recording_id=audio.recording_id,
            duration=audio.duration,
            language=transcription.language,
            dropped=transcription.dropped,
            provenance={
                **self._provenance(warnings, notes, session),
                **audio.provenance,
                "speech": round(total_duration(merge_spans(speech)), 3),
                **vocabulary,
                **(more or {}),
            },
        )
        if said is None:
            said = find_segments(session, transcription.words, diarization, options=self.segmentation)
        transcript = join(
            transcription.words,
            diarization,
            origin=origin,
            alignment=self.alignment,
            segmentation=self.segmentation,
            spoken=said,
        )
        if audio.speakers:
            transcript = name_channels(transcript, audio.speakers)
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
