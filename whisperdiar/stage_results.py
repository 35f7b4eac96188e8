"""Results of the pipeline's stages: from the cache, by all that they depend on, or worked out now.

Each function reports the beginning and the end of its stage. What a run takes, and from where, its `Session` notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from whisperdiar.alignment import align
from whisperdiar.asr._shared.refinement import recognise
from whisperdiar.cache.identity import describe_backend, find_version
from whisperdiar.cache.stages import BackendStage, PureStage, Session
from whisperdiar.cache.values import DIARIZATION, SEGMENTS, SPANS, TRANSCRIPTION, TURNS, Form, dump_word
from whisperdiar.contracts import (
    BaseBackend,
    Diarizer,
    Progress,
    SpeechDetector,
    TextAwareDiarizer,
    TextWriter,
    Transcriber,
    scale_progress,
)
from whisperdiar.given_text.transcriber import TEXT_BEGINS
from whisperdiar.options import NoSettings, SegmentationOptions, Vocabulary
from whisperdiar.preparation import finish
from whisperdiar.provenance import describe_work
from whisperdiar.segmentation import segments
from whisperdiar.system.callbacks import guard_callbacks
from whisperdiar.system.machine import raise_out_of_memory
from whisperdiar.text.messages import _, mark
from whisperdiar.transcript import Segment
from whisperdiar.types import Audio, Diarization, Span, SpeakerCount, Transcription, Turn, Word

if TYPE_CHECKING:  # the networks' modules take half a second, and most runs need none of them
    from whisperdiar.emotions import EmotionDiarizer
    from whisperdiar.separation import OverlapSeparator, SeparatedOverlap

Result = TypeVar("Result")

STAGE_WORDS: Mapping[str, str] = {
    "vad": mark("speech detection"),
    "asr": mark("speech recognition"),
    "text": mark("placing of the text"),
    "diarization": mark("diarization"),
    "segment": mark("telling sounds apart"),
    "separation": mark("separation of voices"),
    "emotions": mark("emotion diarization"),
}


class _Music(BaseBackend[NoSettings]):
    """The network of `whisperdiar.sound_classes`, which is shipped and has nothing to set."""

    name = "music"
    settings_type = NoSettings


_MUSIC = _Music()


def find_speech(session: Session, detector: SpeechDetector, audio: Audio, progress: Progress) -> tuple[Span, ...]:
    """Where somebody speaks."""
    return _take(
        "vad", session, SPANS, detector, audio, {}, progress, lambda heard: detector.detect(audio, progress=heard)
    )


def find_music(session: Session, audio: Audio, *, threads: int, progress: Progress) -> tuple[Span, ...]:
    """Long stretches of music alone."""
    # Here, as most runs do without it.
    from whisperdiar import sound_classes

    def work(heard: Progress) -> tuple[Span, ...]:
        return sound_classes.find_music(audio, threads=threads, progress=heard)

    return _take("segment", session, SPANS, _MUSIC, audio, {}, progress, work)


def find_words(
    session: Session,
    transcriber: Transcriber,
    audio: Audio,
    *,
    speech: Sequence[Span],
    language: str | None,
    vocabulary: Vocabulary | None,
    progress: Progress,
) -> Transcription:
    """What is said in `speech`, with the refinement behind every recogniser.

    Of a recogniser that writes a given text, what is heard is kept, which is the same for every text, and what its
    networks say of each piece of the text.
    """
    writer = transcriber if isinstance(transcriber, TextWriter) else None
    listener = transcriber if writer is None else writer.recogniser
    if writer is not None:
        writer.check_audio(audio)

    def work(heard: Progress) -> Transcription:
        return recognise(listener, audio, speech=speech, language=language, vocabulary=vocabulary, progress=heard)

    depends = {
        "speech": _list_times(speech),
        "language": language,
        "vocabulary": None if vocabulary is None else asdict(vocabulary),
    }
    first = progress if writer is None else scale_progress(progress, 0.0, TEXT_BEGINS)
    found = _take("asr", session, TRANSCRIPTION, listener, audio, depends, first, work)
    if writer is None:
        return found

    def place(heard: Progress) -> Transcription:
        return session.take(
            BackendStage(
                name="text",
                form=TRANSCRIPTION,
                backend=listener,
                audio=audio,
                depends={},
                work=lambda: writer.write_text(found, audio, speech=speech, progress=heard),
                memory=None if session.cache is None else session.cache.folder,
                keeps_result=False,
            )
        )

    return run_stage("asr", scale_progress(progress, TEXT_BEGINS, 1.0), place)


def find_turns(
    session: Session,
    diarizer: Diarizer,
    audio: Audio,
    *,
    speech: Sequence[Span],
    words: Sequence[Word],
    speakers: SpeakerCount,
    progress: Progress,
) -> Diarization:
    """Who speaks when; the diarizer is given the `words` where it wants them."""
    heard_words = words if isinstance(diarizer, TextAwareDiarizer) and wants_words(diarizer) else ()

    def work(heard: Progress) -> Diarization:
        if isinstance(diarizer, TextAwareDiarizer) and wants_words(diarizer):
            return diarizer.diarize(audio, speech=speech, speakers=speakers, words=words, progress=heard)
        return diarizer.diarize(audio, speech=speech, speakers=speakers, progress=heard)

    depends = {
        "speech": _list_times(speech),
        "speakers": [speakers.minimum, speakers.maximum],
        "words": _list_words(heard_words),
    }
    return _take("diarization", session, DIARIZATION, diarizer, audio, depends, progress, work)


def find_segments(
    session: Session, words: Sequence[Word], diarization: Diarization, *, options: SegmentationOptions
) -> tuple[Segment, ...]:
    """Segments of words with their speakers: words and turns are aligned."""
    turns, exclusive = diarization.turns, diarization.exclusive_turns

    def work() -> tuple[Segment, ...]:
        return tuple(segments(align(words, turns, exclusive=exclusive), options=options))

    depends = [
        _list_words(words),
        *(
            [[turn.start, turn.end, turn.speaker, turn.channel, turn.confidence] for turn in some]
            for some in (turns, exclusive)
        ),
        asdict(options),
        find_version("whisperdiar"),
    ]
    return session.take(PureStage(name="join", form=SEGMENTS, depends=depends, work=work))


def find_overlap(
    session: Session,
    separator: OverlapSeparator,
    transcriber: Transcriber,
    audio: Audio,
    words: Sequence[Word],
    diarization: Diarization,
    *,
    language: str | None,
    vocabulary: Vocabulary | None,
    progress: Progress,
) -> SeparatedOverlap:
    """The words (with their speakers), with those of both voices where two talk at once.

    Args:
        transcriber: that the words come from; hears the separated voices, too.
        language: ISO 639-1 code of the words.
    """
    from whisperdiar.separation import OVERLAP  # here, as most runs separate nothing

    memory = None if session.cache is None else session.cache.folder

    def recognise_voice(sound: Audio, speech: Sequence[Span]) -> Transcription:
        return recognise(transcriber, sound, speech=speech, language=language, vocabulary=vocabulary)

    def take(heard: Progress) -> SeparatedOverlap:
        def work() -> SeparatedOverlap:
            finish("asr", transcriber, memory, heard)
            return separator.separate(audio, words, diarization, recognise=recognise_voice, progress=heard)

        depends = {
            "voices": separator.describe_voices(),
            "recogniser": describe_backend("asr", transcriber, memory),
            "words": [dump_word(word) for word in words],
            "turns": DIARIZATION.dump(replace(diarization, recording_id="", activity=None))[0],
            "language": language,
            "vocabulary": None if vocabulary is None else asdict(vocabulary),
        }
        if depends["recogniser"] is None:
            return work()
        stage = BackendStage(
            name="separation",
            form=OVERLAP,
            backend=separator.network,
            audio=audio,
            depends=depends,
            work=work,
            memory=memory,
            parts_depend=True,
        )
        return session.take(stage)

    return run_stage("separation", progress, take)


def find_emotions(
    session: Session, emotions: EmotionDiarizer, audio: Audio, *, speech: Sequence[Span], progress: Progress
) -> tuple[Turn, ...]:
    """Which emotion is heard when: turns whose speakers are emotions."""
    depends = {"speech": _list_times(speech)}
    return _take(
        "emotions",
        session,
        TURNS,
        emotions,
        audio,
        depends,
        progress,
        lambda heard: emotions.diarize(audio, speech=speech, progress=heard),
    )


def wants_words(backend: Any) -> bool:
    """Whether a diarizer is helped by the recognised words."""
    return bool(getattr(backend, "wants_words", False))


def run_stage(stage: str, progress: Progress, work: Callable[[Progress], Result]) -> Result:
    """The result of a stage of `STAGE_WORDS`, whose beginning and end are reported."""
    with guard_callbacks(progress) as heard:
        heard(stage, 0.0)
        with raise_out_of_memory(_(STAGE_WORDS[stage])):
            result = work(heard)
        heard(stage, 1.0)
        return result


def _take(
    stage: str,
    session: Session,
    form: Form[Result],
    backend: object,
    audio: Audio,
    depends: Mapping[str, Any],
    progress: Progress,
    work: Callable[[Progress], Result],
) -> Result:
    """A stage's result, from the cache of the session or by `work`; its beginning and end are reported."""

    memory = None if session.cache is None else session.cache.folder

    def work_prepared(heard: Progress) -> Result:
        finish(stage, backend, memory, heard)
        return work(heard)

    def take(heard: Progress) -> Result:
        return session.take(
            BackendStage(
                name=stage,
                form=form,
                backend=backend,
                audio=audio,
                depends=depends,
                work=lambda: work_prepared(heard),
                tell=lambda: describe_work(stage, backend),
                memory=memory,
            )
        )

    return run_stage(stage, progress, take)


def _list_times(spans: Sequence[Span]) -> list[list[float]]:
    """Starts and ends, as JSON values."""
    return [[span.start, span.end] for span in spans]


def _list_words(words: Sequence[Word]) -> list[list[Any]]:
    """Times, texts and probabilities, as JSON values."""
    return [[word.span.start, word.span.end, word.text, word.probability] for word in words]
