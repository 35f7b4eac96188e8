"""The stage behind every recogniser: forced alignment, hallucination filters, gap filling, for words of any origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sounds import RATE_HZ, noise
from tests.unit.test_syllables import spoken
from whisperdiar import Audio, Pipeline, Span, Transcription, Word
from whisperdiar.asr._shared.refinement import NO_WORDS, recognise
from whisperdiar.contracts import REFINEMENT_STEPS, refinement_steps
from whisperdiar.options import PocketSphinxSettings, RefinementSettings, WhisperSettings
from whisperdiar.vad.none import Backend as Everything

SPEECH = (Span(0.5, 9.5),)


def say(*texts: str, start: float = 1.0, each: float = 0.3) -> tuple[Word, ...]:
    return tuple(
        Word(Span(round(start + each * n, 3), round(start + each * (n + 1), 3)), f" {text}", 0.9)
        for n, text in enumerate(texts)
    )


@dataclass
class Recogniser:
    """A recogniser of another package: it has a settings object or none, and says what it says."""

    words: tuple[Word, ...]
    no_speech: tuple[tuple[Span, float], ...] = ()
    settings: Any = None
    asked: list[tuple[Span, ...]] = field(default_factory=list)

    def transcribe(
        self, audio: Audio, *, speech: Sequence[Span], language: str | None = None, progress: Any = None
    ) -> Transcription:
        self.asked.append(tuple(speech))
        heard = [word for word in self.words if any(span.start <= word.start < span.end for span in speech)]
        return Transcription("en", None, tuple(heard), no_speech=self.no_speech)


class Independent(Recogniser):
    """One that does all of it by itself."""

    does_itself = REFINEMENT_STEPS


def texts(found: Transcription) -> list[str]:
    return [word.text.strip() for word in found.words]


def test_a_loop_of_any_recogniser_is_cut() -> None:
    words = say(*["how"] * 20, each=0.2)
    found = recognise(Recogniser(words), noise(10.0), speech=SPEECH)
    assert texts(found) == ["how"]
    assert "repeated 20 times" in found.dropped[0].reason
    for own in (Independent(words), Recogniser(words, settings=RefinementSettings(cut_loops=False))):
        assert texts(recognise(own, noise(10.0), speech=SPEECH)) == ["how"] * 20


def test_what_the_sound_holds_stays() -> None:
    babble = spoken(np.arange(1.05, 9.5, 0.2), seconds=10)
    words = say(*["how", "do", "you", "do"])
    assert texts(recognise(Recogniser(words), babble, speech=SPEECH)) == ["how", "do", "you", "do"]
    thanks = say("Thank", "you.")
    assert texts(recognise(Recogniser(thanks), babble, speech=SPEECH)) == ["Thank", "you."]
    doubted = Recogniser(thanks, no_speech=((Span(0.0, 3.0), 0.9),))
    assert texts(recognise(doubted, babble, speech=SPEECH)) == [], "by the recogniser's own account nobody speaks"
    elsewhere = Recogniser(thanks, no_speech=((Span(100.0, 130.0), 0.9),))
    assert texts(recognise(elsewhere, babble, speech=SPEECH)) == ["Thank", "you."]


def test_words_where_nobody_speaks_are_left_out() -> None:
    @dataclass
    class Deaf(Recogniser):
        def transcribe(self, audio: Audio, **given: Any) -> Transcription:
            return Transcription("en", None, self.words)

    words = (*say("Good", "morning."), *say("Somebody", "else.", start=8.0))
    found = recognise(Deaf(words), spoken(np.arange(1.05, 9.5, 0.2), seconds=10), speech=(Span(0.5, 2.5),))
    assert texts(found) == ["Good", "morning."]
    assert ("Somebody else.", "nobody speaks there") in [(item.text, item.reason) for item in found.dropped]


def test_speech_without_words_is_told_and_only_on_request_decoded_again() -> None:
    words = say("Good", "morning.", each=0.6)
    plain = Recogniser(words)
    found = recognise(plain, noise(10.0), speech=SPEECH)
    (gap,) = found.dropped
    assert (gap.text, gap.reason) == ("", NO_WORDS)
    assert gap.span.start == pytest.approx(2.3)
    assert any("of 9.0 s of speech have no words" in warning for warning in found.warnings)
    assert len(plain.asked) == 1

    @dataclass
    class Forgetful(Recogniser):
        """It leaves out what follows a sentence, and hears it by itself."""

        def transcribe(self, audio: Audio, *, speech: Sequence[Span], **given: Any) -> Transcription:
            found = Recogniser.transcribe(self, audio, speech=speech)
            first = [word for word in found.words if word.start < speech[0].start + 3.0]
            return replace(found, words=tuple(first))

    words = (*say("Good", "morning.", each=0.6), *say("How", "are", "you?", start=4.0))
    babble = spoken(np.arange(1.05, 9.5, 0.2), seconds=10)
    told = recognise(Forgetful(words), babble, speech=SPEECH)
    assert texts(told) == ["Good", "morning."]
    filling = Forgetful(words, settings=RefinementSettings())
    heard: list[float] = []
    filled = recognise(filling, babble, speech=SPEECH, progress=lambda stage, fraction: heard.append(fraction))
    assert len(filling.asked) > 1
    assert heard == sorted(heard)
    assert texts(filled) == ["Good", "morning.", "How", "are", "you?"]
    assert filled.notes == ("places where words had been left out, found by decoding again: 1",)


def test_one_that_does_it_itself_is_left_alone() -> None:
    words = say(*["how"] * 20, each=0.2)
    own = Independent(words)
    assert recognise(own, noise(10.0), speech=SPEECH) == own.transcribe(noise(10.0), speech=SPEECH)
    assert refinement_steps(own) == frozenset()
    assert refinement_steps(Recogniser(())) == REFINEMENT_STEPS
    from whisperdiar.asr.pocketsphinx import Backend as PocketSphinx
    from whisperdiar.asr.whisper import Backend as Whisper

    assert refinement_steps(Whisper()) == frozenset()
    assert refinement_steps(PocketSphinx()) == REFINEMENT_STEPS


def test_the_pipeline_has_the_stage() -> None:
    made = Pipeline(detector=Everything(), transcriber=Recogniser(say(*["how"] * 20, each=0.2)))
    found = made.run(noise(10.0))
    assert [word.text for word in found.words] == [" how"]
    assert {item.reason for item in found.dropped} >= {NO_WORDS}


def test_settings_of_recognisers_are_those_of_the_stage() -> None:
    for kind in (WhisperSettings, PocketSphinxSettings):
        values = asdict(kind())
        assert {name: values[name] for name in asdict(RefinementSettings())} == asdict(RefinementSettings())
        with pytest.raises(ValueError, match="choose one of dtw, wav2vec2"):
            kind(word_times="clock")
        with pytest.raises(ValueError, match="give both"):
            kind(word_times_model="a/b")
    with pytest.raises(ValueError, match="choose one of"):
        PocketSphinxSettings(word_times="none")


sentences = st.lists(
    st.tuples(
        st.sampled_from(["yes", "no", "how", "thank", "you.", "bye.", "Thanks", "for", "watching.", "the", "end"]),
        st.floats(0.0, 1.5),
        st.floats(0.05, 0.8),
    ),
    max_size=60,
)
spans = st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.1, 20.0)), min_size=1, max_size=6)


@settings(max_examples=examples(60), deadline=None)
@given(sentences, spans)
def test_no_word_is_lost_in_silence(said: list[tuple[str, float, float]], speech: list[tuple[float, float]]) -> None:
    words, now = [], 0.0
    for text, pause, length in said:
        words.append(Word(Span(now + pause, now + pause + length), f" {text}", 0.5))
        now += pause + length

    @dataclass
    class Deaf(Recogniser):
        def transcribe(self, audio: Audio, **given: Any) -> Transcription:
            return Transcription("en", None, self.words)

    audio = Audio(np.zeros((1, 60 * RATE_HZ), np.float32), RATE_HZ)
    found = recognise(Deaf(tuple(words)), audio, speech=[Span(start, start + length) for start, length in speech])
    kept = Counter(word.text.strip() for word in found.words)
    left_out = Counter(token for item in found.dropped for token in item.text.split())
    assert kept + left_out == Counter(word.text.strip() for word in words)
    assert {word.span for word in found.words} <= {word.span for word in words}
    assert [word.start for word in found.words] == sorted(word.start for word in found.words)
