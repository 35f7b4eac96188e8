"""What the guards of recognition keep and leave out of real voices, with the published Whisper `base`.

The recordings are those of ../shared: rebuilt from reports of people whose words were lost.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests import real_models
from tests.real_models import CPU
from tests.sounds import SHARED
from whisperdiar.asr._shared.hallucinations import normalise_text
from whisperdiar.asr._shared.refinement import NO_WORDS
from whisperdiar.asr.whisper import Backend
from whisperdiar.media import load
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Audio, Span, Transcription
from whisperdiar.vad.silero import Backend as Silero

pytestmark = pytest.mark.model
CASES, CORPUS = SHARED / "cases", SHARED / "corpus" / "audio"
RATE = 16_000


@pytest.fixture(scope="module")
def base() -> Backend:
    return real_models.whisper()


def recording(path: Path) -> Audio:
    if not path.is_file():
        pytest.skip(f"needs {path.name} of ../shared")
    return load(path)


def hear(base: Backend, audio: Audio, language: str | None = None) -> Transcription:
    return base.transcribe(audio, speech=Silero(runtime=CPU).detect(audio), language=language)


def written(result: Transcription) -> str:
    return normalise_text("".join(word.text for word in result.words))


def test_a_phrase_that_is_said_five_times_is_written_five_times(base: Backend) -> None:
    result = hear(base, recording(CASES / "loops_cut_real_speech" / "yes.flac"), "en")
    assert written(result) == f"we all said together {'yes we can ' * 5}and then we went home"
    assert result.dropped == ()


def test_digits_are_as_many_as_are_said(base: Backend) -> None:
    """The model writes eleven zeros."""
    result = hear(base, recording(CASES / "loops_cut_real_speech" / "cnt.flac"), "en")
    assert written(result).split()[-10:] == [*"00000000", "4", "2"]
    [item] = result.dropped
    assert item.reason == "repeated 11 times in a row; it stays 8 times, as the sound has it"


@pytest.mark.nightly
def test_a_chant_of_one_real_voice_is_whole(base: Backend) -> None:
    """Five times the same sentence; the model stops after three, and again after the fourth."""
    result = hear(base, recording(CASES / "loops_cut_real_speech" / "chant.flac"), "en")
    assert written(result).count("ask what you can do for your country") == 5
    assert result.words[-1].end > 21.5
    assert result.dropped == ()


@pytest.mark.nightly
def test_a_chant_whose_text_repeats_itself_keeps_it(base: Backend, tmp_path: Path) -> None:
    """Its first text is right, and in doubt; what is sampled instead covers a third of the speech."""
    audio = recording(CASES / "loops_cut_real_speech" / "chant.flac")
    with av.open(str(tmp_path / "chant.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=RATE)
        stream.bit_rate, stream.layout = 128_000, "mono"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio.mono[None]), format="fltp", layout="mono")
        frame.rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    result = hear(base, load(tmp_path / "chant.m4a"), "en")
    assert written(result).count("ask what you can do for your country") == 5
    assert result.words[-1].end > 21.5
    assert result.dropped == ()


def test_a_chant_with_pauses_keeps_its_verses(base: Backend) -> None:
    """The model writes one or two verses and stops; the rest is decoded stretch by stretch."""
    n_repeats = 5
    audio = recording(CORPUS / "one_jfk.flac")
    verse = audio.crop(Span(8.0, 10.6)).mono
    pause = np.zeros(round(0.9 * RATE), np.float32)
    sound = Audio(np.concatenate([part for _ in range(n_repeats) for part in (verse, pause)])[None], RATE)
    result = hear(base, sound, "en")
    assert written(result).count("what you can do for your country") == n_repeats


@pytest.mark.parametrize("seconds", [4, 12])
def test_noise_that_was_taken_for_speech_has_no_words(base: Backend, seconds: int) -> None:
    noise = (0.05 * np.random.default_rng(0).standard_normal(seconds * RATE)).astype(np.float32)
    result = base.transcribe(Audio(noise[None], RATE), speech=[Span(0, seconds)], language="en")
    assert len(result.words) <= 2
    assert any("usable was recognised" in warning for warning in result.warnings)


@pytest.mark.nightly
def test_a_few_seconds_of_another_language_do_not_decide(base: Backend) -> None:
    result = hear(base, recording(CASES / "language_short_recording" / "de_en.flac"))
    assert result.language == "en"
    assert any("parts sound like de: use --multilingual" in warning for warning in result.warnings)
    assert "mr quilter is the apostle of the middle classes" in written(result)


@pytest.mark.nightly
def test_a_recording_of_five_languages_is_warned_about() -> None:
    once = real_models.whisper_with(fill_gaps=False, temperature_fallback=False)  # what it writes is not looked at
    result = hear(once, recording(CASES / "language_short_recording" / "mix4.flac"))
    [warning] = [warning for warning in result.warnings if "parts sound like" in warning]
    assert all(code in warning for code in ("de", "en", "es", "fr", "ja"))


@pytest.mark.parametrize(
    ("name", "language"), [("one_pv_de", "de"), ("one_pv_fr", "fr"), ("one_pv_ja", "ja"), ("ami_ES2003a", "en")]
)
def test_one_language_is_told_without_a_warning(name: str, language: str) -> None:
    result = real_models.words_in(name)
    assert result.language == language
    assert not any("language" in warning for warning in result.warnings)


def test_a_skipped_sentence_stands_where_it_is_said(base: Backend) -> None:
    """A quiet second voice, which the model skips; it begins the loud voice's next sentence six seconds too early."""
    audio = recording(CASES / "gap_fill_order" / "far36.flac")
    # As the CRDNN finds it: without a pause between the two voices.
    result = base.transcribe(audio, speech=[Span(0.0, 17.03), Span(17.9, 20.86)], language="en")
    if not any(last_mark(word.text) in SENTENCE_END for word in result.words if word.text.strip() != "Mr."):
        pytest.skip("on this processor the model writes no punctuation, by which it is known where a sentence begins")
    text = written(result)
    assert text.endswith(
        "for your country mr quilter is the apostle of the middle classes and we are glad to welcome his gospel"
        " ask what you can do for your country"
    )
    assert all(before.end <= after.start for before, after in pairwise(result.words))
    ask = [word for word in result.words if word.text.strip() == "Ask"][-1]
    assert 17.7 < ask.start < 18.4


@pytest.mark.nightly
def test_speech_that_has_no_words_is_listed(base: Backend) -> None:
    """Told a language that nobody speaks for most of the time, the model writes hardly anything."""
    audio = recording(CASES / "language_short_recording" / "mix4.flac")
    speech = Silero(runtime=CPU).detect(audio)
    result = base.transcribe(audio, speech=speech, language="ja")
    spoken_of = [*(word.span for word in result.words), *(item.span for item in result.dropped)]
    for span in speech:
        if span.duration > 2.0:
            assert any(item.start < span.end and span.start < item.end for item in spoken_of), span
    silent = [item for item in result.dropped if item.reason == NO_WORDS]
    assert bool(silent) == any("no words" in warning for warning in result.warnings)
