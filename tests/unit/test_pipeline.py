"""The stages run one after another on objects that fulfil the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from whisperdiar import (
    Audio,
    Diarization,
    DiarizationFailed,
    Pipeline,
    Span,
    SpeakerCount,
    Transcription,
    Turn,
    Word,
    transcribe,
)
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, UnsupportedRequest
from whisperdiar.pipeline import Fallback
from whisperdiar.types import BackendRecord, Dropped
from whisperdiar.vad.energy import Backend as Energy
from whisperdiar.vad.none import Backend as Everything

AUDIO = Audio(np.zeros((1, 160_000), np.float32), 16_000, "talk")


@dataclass
class Scripted:
    """A transcriber that gives the words it was made with, to reach cases that no sound reaches."""

    words: tuple[Word, ...] = (Word(Span(1, 2), " Hello"), Word(Span(6, 7), " there."))
    speech: list[tuple[Span, ...]] = field(default_factory=list)

    def prepare(self, *, progress: Progress = no_progress) -> None: ...

    def record(self) -> BackendRecord:
        return BackendRecord("scripted", model="m")

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        self.speech.append(tuple(speech))
        dropped = (Dropped(Span(8, 9), "Thanks for watching", "no speech there"),)
        return Transcription(language or "en", 0.9, self.words, dropped, ("a note",))


@dataclass
class Fixed:
    """A diarizer that gives the turns it was made with, or the error."""

    turns: tuple[Turn, ...] = (Turn(Span(0, 5), "A"), Turn(Span(5, 10), "B"))
    error: Exception | None = None

    def prepare(self, *, progress: Progress = no_progress) -> None: ...

    def record(self) -> BackendRecord:
        return BackendRecord("fixed")

    def diarize(self, audio: Audio, **_: Any) -> Diarization:
        if self.error is not None:
            raise self.error
        return Diarization(audio.recording_id, self.turns)


def pipeline(**changes: Any) -> Pipeline:
    return Pipeline(**{"detector": Everything(), "transcriber": Scripted(), "diarizer": Fixed(), **changes})


def test_words_get_the_speakers_of_the_turns() -> None:
    transcript = pipeline().run(AUDIO)
    assert [(s.speaker, s.text) for s in transcript.segments] == [("A", "Hello"), ("B", "there.")]
    assert [s.id for s in transcript.speakers] == ["A", "B"]
    assert transcript.turns == Fixed().turns
    assert (transcript.recording_id, transcript.duration, transcript.language) == ("talk", 10.0, "en")
    assert transcript.dropped[0].text == "Thanks for watching"


def test_only_speech_reaches_the_recogniser() -> None:
    scripted = Scripted(words=())
    pipeline(detector=Energy(), transcriber=scripted).run(AUDIO)
    assert scripted.speech == [()]


def test_a_failed_diarization_leaves_the_words() -> None:
    with pytest.raises(DiarizationFailed, match="no speakers here") as caught:
        pipeline(diarizer=Fixed(error=ValueError("no speakers\nhere"))).run(AUDIO)
    transcript = caught.value.transcript
    assert [w.text for w in transcript.words] == [" Hello", " there."]
    assert transcript.speakers == transcript.turns == ()
    assert transcript.words[0].speaker is None
    assert transcript.provenance["warnings"][-1] == str(caught.value)


def test_without_a_recogniser_the_diarizers_own_error_comes_through() -> None:
    with pytest.raises(UnsupportedRequest, match="too many"):
        pipeline(transcriber=None, diarizer=Fixed(error=UnsupportedRequest("too many"))).run(AUDIO)


def test_without_a_diarizer_there_are_words_alone() -> None:
    transcript = pipeline(diarizer=None).run(AUDIO)
    assert [s.speaker for s in transcript.segments] == [None, None]
    assert transcript.provenance["diarizer"] is None


def test_times_are_those_of_the_recording_not_of_the_part_that_was_read() -> None:
    part = Audio(AUDIO.samples, AUDIO.sample_rate, "talk", start=100.0)
    transcript = pipeline().run(part)
    assert transcript.words[0].span == Span(101, 102)
    assert transcript.turns[0].span == Span(100, 105)
    assert transcript.dropped[0].span == Span(108, 109)
    assert transcript.duration == 110.0


def test_a_wrong_number_of_speakers_is_said() -> None:
    warnings = pipeline(speakers=SpeakerCount(3, 3)).run(AUDIO).provenance["warnings"]
    assert "3 speakers were asked for, fixed found 2" in warnings
    assert "a note" in warnings
    assert len(pipeline(speakers=SpeakerCount(2, 2)).run(AUDIO).provenance["warnings"]) == 1


def test_the_provenance_says_what_did_the_work_and_what_it_stands_in_for() -> None:
    provenance = pipeline(fallbacks={"asr": Fallback("whisper", "no model", "get one")}).run(AUDIO).provenance
    assert provenance["asr"]["backend"] == "scripted"
    assert provenance["asr"]["fallback_from"] == "whisper"
    assert provenance["asr"]["remedy"] == "get one"
    assert provenance["vad"] == {
        "backend": "none",
        "model": None,
        "fallback_from": None,
        "reason": None,
        "remedy": None,
    }
    assert provenance["versions"]["whisperdiar"]


def test_every_stage_reports_its_begin_and_end() -> None:
    heard: list[tuple[str, float]] = []
    pipeline().run(AUDIO, progress=lambda stage, fraction: heard.append((stage, fraction)))
    for stage in ("vad", "asr", "diarization"):
        own = [fraction for name, fraction in heard if name == stage]
        assert own[0] == 0.0
        assert own[-1] == 1.0


@pytest.mark.parametrize("count", [2.5, "many", True])
def test_a_number_of_speakers_that_is_none_is_refused_before_the_work(count: Any) -> None:
    with pytest.raises(InvalidOption, match="speakers"):
        transcribe("gone.wav", asr="pocketsphinx", vad="none", diarizer="none", speakers=count)
