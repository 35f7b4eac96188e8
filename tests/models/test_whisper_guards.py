"""Each guard with the failure that it prevents, through the real faster-whisper.

The models are parrots: they write a text whatever they hear, as real ones do in noise and music.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests import tiny_whisper
from tests.unit.test_syllables import spoken
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span

pytestmark = pytest.mark.model
RATE = 16_000
LOOP = "how " * 36
OTHER = (
    "the quick brown fox jumps over a lazy dog while she sells sea shells by that shore and we go on with more"
    " words so that it is long enough for this test"
)


@pytest.fixture(scope="module")
def noise():
    return Audio(np.random.default_rng(0).normal(0, 0.05, RATE * 20).astype(np.float32)[None], RATE)


@pytest.fixture(scope="module")
def babble():
    """Five syllables a second, where noise has none: to the guards this is somebody who speaks."""
    return spoken(np.arange(1.05, 20, 0.2), seconds=20)


@pytest.fixture(scope="module")
def parrot(tmp_path_factory):
    def make(says, **options):
        return tiny_whisper.build_parrot(tmp_path_factory.mktemp("parrot") / "model", says, **options)

    return make


@pytest.fixture(scope="module")
def looping(parrot):
    return parrot(LOOP.strip(), or_says=OTHER)


SPOKEN = (Span(1, 6),)


def hear(model, noise, speech=SPOKEN, **settings):
    # A parrot's words have no place in the sound, so there is always speech without a word.
    settings = {"fill_gaps": False, **settings}
    backend = Backend(WhisperSettings(model=str(model), **settings), runtime=Runtime(device="cpu", offline=True))
    return backend.transcribe(noise, speech=speech, language="en")


def written(result) -> str:
    return "".join(word.text for word in result.words).strip()


def left_out(result):
    """What was recognised and left out; speech without any words is listed beside it."""
    return [item for item in result.dropped if item.text]


def test_only_speech_is_decoded(parrot, babble):
    model = parrot("Thanks for watching!")
    assert written(hear(model, babble)) == "Thanks for watching!"
    result = hear(model, babble, speech=())
    assert (result.words, result.dropped) == ((), ())


def test_text_that_repeats_itself_is_decoded_again(looping, noise):
    plain = hear(looping, noise, temperature_fallback=False, cut_loops=False)
    assert set(written(plain).split()) == {"how"}
    result = hear(looping, noise, cut_loops=False)
    assert result.notes == ("1 of 1 segments looped and was decoded again",)
    assert len(set(written(result).split())) > 10
    assert hear(looping, noise, cut_loops=False) == result  # sampled, and yet the same every time
    unlimited = hear(looping, noise, cut_loops=False, compression_ratio_threshold=None)
    assert unlimited == plain


def test_improbable_text_is_decoded_again(looping, noise):
    sure = hear(looping, noise, cut_loops=False, compression_ratio_threshold=None, log_prob_threshold=-0.1)
    assert sure.notes == ("1 of 1 segments had an improbable text and was decoded again",)
    assert not hear(looping, noise, cut_loops=False, compression_ratio_threshold=None).notes


def test_loops_that_remain_are_cut_and_listed(looping, noise):
    result = hear(looping, noise, temperature_fallback=False)
    assert written(result) == "how"
    [item] = left_out(result)
    assert item.reason == "repeated 36 times in a row; it stays once"
    assert item.text == ("how " * 35).strip()
    assert not left_out(hear(looping, noise, temperature_fallback=False, cut_loops=False))


def test_what_is_said_again_in_speech_without_words_stays_once(parrot, noise, babble):
    model = parrot("We meet again.")
    once = hear(model, noise)
    assert written(once) == "We meet again."
    assert hear(model, noise, fill_gaps=True) == once
    # What Whisper likes to invent is not believed there.
    thanks = hear(parrot("Thanks for watching!"), babble, fill_gaps=True)
    assert written(thanks) == "Thanks for watching!"
    assert {item.reason for item in left_out(thanks)} == {"a closing phrase where nobody speaks"}


def test_speech_that_keeps_without_words_is_listed_and_told_once(parrot, noise):
    result = hear(parrot("We meet again."), noise, fill_gaps=True)
    silent = [item for item in result.dropped if not item.text]
    assert silent
    assert {item.reason for item in silent} == {"no words were recognised in this speech"}
    total = sum(item.span.duration for item in silent)
    assert total >= 1.5
    for item in silent:
        assert not any(word.start < item.span.end and item.span.start < word.end for word in result.words)
    [warning] = result.warnings
    assert warning.startswith(f"{total:.1f} of 5.0 s of speech have no words")


def test_closing_phrases_over_noise_that_was_taken_for_speech(parrot, noise):
    result = hear(parrot("Thanks for watching!"), noise)
    assert result.words == ()
    assert [item.reason for item in left_out(result)] == ["a closing phrase where nobody speaks"]
    [warning] = result.warnings
    assert warning.startswith("nothing usable was recognised in 5 s of speech: ")
    assert "a closing phrase where nobody speaks" in warning


def test_marks_without_a_word_are_told(parrot, noise):
    marks = hear(parrot("!!!!!!!!!!!!"), noise)
    assert marks.words == ()
    assert {item.reason for item in left_out(marks)} == {"marks without a word"}
    assert "marks without a word" in marks.warnings[-1]


def test_closing_phrases_where_the_model_hears_nobody(parrot, noise):
    model = parrot("Thanks for watching!", deaf=True)
    result = hear(model, noise)
    assert result.words == ()
    assert [(item.text, item.reason) for item in left_out(result)] == [
        ("Thanks for watching!", "a closing phrase where nobody speaks")
    ]
    assert written(hear(model, noise, drop_closing_phrases=False)) == "Thanks for watching!"
    # Other text is believed, as long as the model is sure of it.
    assert written(hear(parrot("We meet again.", deaf=True), noise)) == "We meet again."


def test_unsure_text_where_the_model_hears_nobody(parrot, noise):
    model = parrot("We meet again now.", or_says="I see them there.", deaf=True)
    result = hear(model, noise, log_prob_threshold=-0.1)
    assert result.words == ()
    assert "hears no speech here (probability 1.00)" in result.dropped[0].reason
    assert written(hear(model, noise, log_prob_threshold=-0.1, no_speech_threshold=None))


def test_sentences_where_nobody_speaks(parrot, noise):
    """Snatches of speech half a second apart: what a parrot says between them, nobody has said."""
    model = parrot(" ".join(f"{word}." for word in OTHER.split()[:20]))
    snatches = [Span(1 + 0.6 * i, 1.05 + 0.6 * i) for i in range(12)]
    trusting = hear(model, noise, speech=snatches, drop_unspoken=False)
    result = hear(model, noise, speech=snatches)
    assert left_out(result)
    assert {item.reason for item in left_out(result)} == {"nobody speaks there"}
    assert not left_out(trusting)
    texts = [word.text.strip() for word in trusting.words]
    assert sorted([*written(result).split(), *(item.text for item in left_out(result))]) == sorted(texts)
    for item in left_out(result):
        assert all(item.span.start >= span.end + 0.1 or item.span.end <= span.start - 0.1 for span in snatches)


def test_text_before_is_shown_to_the_model_only_when_asked(tmp_path, noise):
    model = tiny_whisper.build(tmp_path / "model")
    speech = (Span(1, 6), Span(10, 15))
    plain = {"temperature_fallback": False, "cut_loops": False, "max_chunk": 6.0}
    apart = hear(model, noise, speech=speech, **plain)
    alone = hear(model, noise, speech=speech[1:], **plain)
    in_view = hear(model, noise, speech=speech, condition_on_previous_text=True, **plain)
    second = [word.text for word in apart.words if word.start >= 10]
    assert second == [word.text for word in alone.words]
    probabilities = [word.probability for word in in_view.words if word.start >= 10]
    assert probabilities != [word.probability for word in alone.words]


def test_the_second_pass_reports_its_progress(parrot, noise):
    steps = []
    backend = Backend(WhisperSettings(model=str(parrot("We meet again."))), runtime=Runtime(device="cpu", offline=True))
    backend.transcribe(noise, speech=[Span(1, 19)], language="en", progress=lambda *step: steps.append(step))
    fractions = [fraction for stage, fraction in steps if stage == "asr"]
    assert fractions == sorted(fractions)
    assert any(0.0 < fraction < 0.9 for fraction in fractions)
    assert any(0.9 <= fraction < 1.0 for fraction in fractions)
    assert fractions[-1] == 1.0


def test_broken_characters_are_decoded_again_and_never_kept_as_sure(parrot, babble):
    model = parrot("we drink caf\ufffd here", or_says=OTHER[:60])
    result = hear(model, babble)
    assert "1 of 1 segments had broken characters and was decoded again" in result.notes
    broken = [word for word in result.words if "\ufffd" in word.text]
    assert not broken or all(word.probability <= 0.1 for word in broken)
    kept = hear(model, babble, temperature_fallback=False)
    [word] = [word for word in kept.words if "\ufffd" in word.text]
    assert word.text.strip() == "caf\ufffd"
    assert word.probability <= 0.1
    assert any("1 word with characters that the model left broken" in warning for warning in kept.warnings)
