"""Recognition of real sound with the small Whisper in samples/whisper-nano, through faster-whisper itself."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from tests.examples import by_night
from training.whisper_nano.evaluate import SAMPLES, WER_BARS, overlaps, reference
from training.whisper_nano.scoring import score
from whisperdiar.asr.whisper import Backend
from whisperdiar.media import load
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span, Word
from whisperdiar.vad.silero import Backend as Silero

pytestmark = pytest.mark.model
NANO = SAMPLES / "whisper-nano"
CPU = Runtime(device="cpu", offline=True)
RATE = 16_000
OTHER_PROCESSORS = 0.02
BY_DAY_AND_NIGHT = [by_night(name) if name in ("meeting.ogg", "call.flac") else name for name in WER_BARS]
"""English is heard in one recording by day."""
"""They round otherwise, and the model may then differ by a word or two; the goals are measured by the evaluation."""


class Heard:
    """A recording with its speech and what whisper-nano makes of it; each is decoded once for all tests."""

    def __init__(self, name: str) -> None:
        self.audio = load(SAMPLES / name)
        self.speech = Silero(runtime=CPU).detect(self.audio)
        self.result = whisper().transcribe(self.audio, speech=self.speech)
        self.said = reference(name)


def whisper(**settings) -> Backend:
    return Backend(WhisperSettings(model=str(NANO), **settings), runtime=CPU)


def written(words) -> list[str]:
    return [word.text.strip() for word in words]


@pytest.fixture(scope="module")
def heard():
    cache: dict[str, Heard] = {}

    def get(name: str) -> Heard:
        if name not in cache:
            cache[name] = Heard(name)
        return cache[name]

    return get


@pytest.mark.parametrize("name", BY_DAY_AND_NIGHT)
def test_recordings_are_recognised_in_their_language(name, heard):
    found = heard(name)
    language = Path(name).stem.partition("_")[2] or "en"
    assert found.result.language == language
    assert found.result.language_probability > 0.5
    result = score(found.said, list(found.result.words), overlapped=overlaps(found.said))
    assert result.word_error_rate <= WER_BARS[name] + OTHER_PROCESSORS
    assert result.start_error <= 0.06


@pytest.mark.parametrize("name", BY_DAY_AND_NIGHT)
def test_word_times_can_be_trusted(name, heard):
    found = heard(name)
    words = found.result.words
    assert all(word.start < word.end for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert all(word.text.startswith(" ") and len(word.text.split()) == 1 for word in words)
    for word in words:
        parts = [part for span in found.speech if (part := span.clip(word.start, word.end))]
        spoken = sum(part.duration for part in parts)
        assert len(parts) <= 1, word  # never over a pause
        assert word.span.duration - spoken <= 0.11 or spoken < 0.1, word
    outside = [word for word in words if not any(s.start < word.end and word.start < s.end for s in found.speech)]
    assert len(outside) <= 0.02 * len(words)


def test_the_same_recording_gives_the_same_words(heard):
    found = heard("standup.mp4")
    assert whisper().transcribe(found.audio, speech=found.speech) == found.result


def test_batches_decode_what_single_pieces_decode(heard):
    found = heard("standup.mp4")
    alone = whisper(batch_size=1).transcribe(found.audio, speech=found.speech)
    assert written(alone.words) == written(found.result.words)


@pytest.mark.parametrize("level_db", [-300, -60, -40, -20])
def test_silence_and_noise_give_no_words(level_db):
    noise = np.random.default_rng(5).standard_normal(12 * RATE) * 10 ** (level_db / 20)
    audio = Audio(np.clip(noise, -1, 1).astype(np.float32)[None], RATE)
    result = whisper().transcribe(audio, speech=Silero(runtime=CPU).detect(audio))
    assert (result.words, result.dropped) == ((), ())


def test_a_talk_without_a_pause_loses_no_word(heard):
    """All that is spoken in the stand-up without a breath, as one span of speech: it is cut in the quietest places."""
    found = heard("standup.mp4")
    parts, said, time = [], [], 0.0
    crowded = overlaps(found.said)
    for span in found.speech:
        if any(start < span.end and span.start < end for start, end in crowded):
            continue  # two at once, and only one of them is written down
        parts.append(found.audio.crop(span).mono)
        for word in found.said:
            if span.start <= (word.start + word.end) / 2 < span.end:
                said.append(Word(Span(word.start - span.start + time, word.end - span.start + time), f" {word.text}"))
        time += parts[-1].size / RATE
    audio = Audio(np.concatenate(parts)[None], RATE)
    assert audio.duration > 40
    result = whisper().transcribe(audio, speech=[Span(0, audio.duration)], language="en")
    assert score(said, list(result.words)).word_error_rate <= 0.1
    assert abs(len(result.words) - len(said)) <= 0.05 * len(said)


def stopping_early(backend: Backend) -> Backend:
    """Of every text that is decoded in the first batches only the first half is left, as where Whisper stops early."""
    backend.prepare()
    pipeline, real = backend._loaded.pipeline, backend._loaded.pipeline.transcribe

    def transcribe(sound, **options):
        segments, info = real(sound, **options)
        halved = []
        for segment in segments:
            if len(segment.words) > 20:
                segment.words = segment.words[: len(segment.words) // 2]
                segment.text = "".join(word.word for word in segment.words)
            halved.append(segment)
        return halved, info

    pipeline.transcribe = transcribe
    return backend


def test_what_whisper_leaves_out_is_found(heard):
    found = heard("standup.mp4")
    crowded = overlaps(found.said)
    left = stopping_early(whisper(fill_gaps=False)).transcribe(found.audio, speech=found.speech)
    assert score(found.said, list(left.words), overlapped=crowded).word_error_rate > 0.4
    filled = stopping_early(whisper()).transcribe(found.audio, speech=found.speech)
    assert score(found.said, list(filled.words), overlapped=crowded).word_error_rate <= 0.25
    assert all(before.end <= after.start for before, after in pairwise(filled.words))
    [note] = filled.notes
    assert note.startswith("places where Whisper had left words out")


def test_words_spread_over_a_long_talk_lie_in_their_own_piece(heard):
    """One span of speech that is longer than a piece."""
    found = heard("meeting.ogg")
    audio = Audio(found.audio.mono[None, : 80 * RATE], RATE)
    result = whisper(word_times="none").transcribe(audio, speech=[Span(0, 80)], language="en")
    lengths = [word.span.duration for word in result.words]
    assert sum(length < 0.03 for length in lengths) < 0.02 * len(lengths)
    assert all(before.end <= after.start for before, after in pairwise(result.words))


def test_words_without_times_of_their_own_are_spread_over_the_speech(heard):
    found = heard("dialogue_fr.wav")
    spread = whisper(word_times="none").transcribe(found.audio, speech=found.speech)
    assert written(spread.words) == written(found.result.words)
    assert all(before.end <= after.start for before, after in pairwise(spread.words))
    for word in spread.words:
        assert any(span.start - 0.01 <= word.start and word.end <= span.end + 0.01 for span in found.speech), word
    errors = [abs(a.start - b.start) for a, b in zip(spread.words, found.result.words, strict=True)]
    assert 0.02 < float(np.median(errors)) < 1.5


@pytest.fixture(scope="module")
def switching(heard):
    """German, then Russian, then French, a second apart."""
    names = ("dialogue_de.m4a", "dialogue_ru.mp3", "dialogue_fr.wav")
    pause = np.zeros(RATE, dtype=np.float32)
    sounds = [sound for name in names for sound in (heard(name).audio.mono, pause)]
    audio = Audio(np.concatenate(sounds)[None], RATE)
    return audio, Silero(runtime=CPU).detect(audio), [heard(name) for name in names]


def listened(backend: Backend) -> list[str]:
    """The languages in which the backend decodes from now on; it decodes all the same."""
    backend.prepare()
    pipeline, spoken = backend._loaded.pipeline, []
    real = pipeline.transcribe

    def transcribe(sound, **options):
        spoken.append(options["language"])
        return real(sound, **options)

    pipeline.transcribe = transcribe
    return spoken


def test_a_recording_that_changes_its_language(switching):
    audio, speech, parts = switching
    backend = whisper(multilingual=True)
    spoken = listened(backend)
    result = backend.transcribe(audio, speech=speech)
    assert set(spoken) == {"de", "ru", "fr"}
    offset, said = 0.0, []
    for part in parts:
        said += [Word(Span(w.start + offset, w.end + offset), f" {w.text}") for w in part.said]
        offset += part.audio.duration + 1
    assert score(said, list(result.words)).word_error_rate <= 0.15
    assert all(before.end <= after.start for before, after in pairwise(result.words))
    [note] = [note for note in result.warnings if note.startswith("languages heard: ")]
    assert all(code in note for code in ("de", "ru", "fr"))
    assert result.language == "ru"  # the longest


def test_without_being_told_one_language_is_taken_and_the_others_are_named(switching):
    audio, speech, _ = switching
    backend = whisper()
    spoken = listened(backend)
    result = backend.transcribe(audio, speech=speech)
    assert len(set(spoken)) == 1
    assert any("--multilingual" in note for note in result.warnings)


def test_a_language_that_is_given_is_not_questioned(heard):
    found = heard("dialogue_ru.mp3")
    result = whisper().transcribe(found.audio, speech=found.speech, language="ru-RU")
    assert (result.language, result.language_probability) == ("ru", None)
    assert written(result.words) == written(found.result.words)


def test_a_translation_is_english(heard):
    """whisper-nano never learned to translate; what counts is that it is asked to."""
    found = heard("dialogue_ru.mp3")
    result = whisper(task="translate").transcribe(found.audio, speech=found.speech)
    assert result.language == "en"
    assert written(result.words) != written(found.result.words)


@pytest.mark.gpu
@pytest.mark.skipif(ctranslate2.get_cuda_device_count() == 0, reason="no NVIDIA GPU here")
def test_a_gpu_hears_what_a_cpu_hears(heard):
    found = heard("standup.mp4")
    backend = Backend(WhisperSettings(model=str(NANO)), runtime=Runtime(device="cuda", offline=True))
    result = backend.transcribe(found.audio, speech=found.speech)
    assert backend.record().details["device"] == "cuda:0"
    assert score(found.said, list(result.words), overlapped=overlaps(found.said)).word_error_rate <= 0.03
