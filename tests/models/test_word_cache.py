"""Words that a benchmark keeps: what comes back is what was recognised, and nothing else is taken for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.word_cache import Cache, CachedTranscriber
from tests import tiny_whisper
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span

pytestmark = pytest.mark.model

SPEECH = (Span(0.0, 2.0), Span(2.5, 4.0))


class Counting(Backend):
    """The real recogniser, which counts how often it is asked."""

    asked = 0

    def transcribe(self, *arguments: Any, **options: Any) -> Any:
        self.asked += 1
        return super().transcribe(*arguments, **options)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.build(tmp_path_factory.mktemp("tiny") / "model")


def recogniser(model: Path, **settings: Any) -> Counting:
    own = WhisperSettings(model=str(model), log_prob_threshold=None, temperature_fallback=False, **settings)
    return Counting(own, runtime=Runtime(device="cpu", threads=1))


def sound(seed: int = 0, *, n_samples: int = 64_000) -> Audio:
    noise = np.random.default_rng(seed).standard_normal((1, n_samples))
    return Audio((0.1 * noise).astype(np.float32), 16_000, "noise")


def test_kept_words_are_the_recognised_ones_to_the_last_digit(model: Path, tmp_path: Path) -> None:
    own, other = recogniser(model), recogniser(model)
    found = CachedTranscriber(own, Cache(tmp_path)).transcribe(sound(), speech=SPEECH, language="en")
    again = CachedTranscriber(other, Cache(tmp_path))
    assert again.transcribe(sound(), speech=SPEECH, language="en") == found
    assert (own.asked, other.asked) == (1, 0)
    assert found.words or found.dropped


def test_the_seconds_of_the_recognition_come_back_with_it(model: Path, tmp_path: Path) -> None:
    CachedTranscriber(recogniser(model), Cache(tmp_path)).transcribe(sound(), speech=SPEECH, language="en")
    (path,) = tmp_path.iterdir()
    kept = json.loads(path.read_text("utf-8"))
    kept["result"] |= {"spent": 1e6, "processor": 2e6}
    path.write_text(json.dumps(kept), "utf-8")
    again = CachedTranscriber(recogniser(model), Cache(tmp_path))
    again.transcribe(sound(), speech=SPEECH, language="en")
    assert again.saved == pytest.approx((1e6, 2e6), rel=1e-3)


def test_another_sound_speech_language_or_setting_is_recognised_anew(model: Path, tmp_path: Path) -> None:
    own = recogniser(model)
    kept = CachedTranscriber(own, Cache(tmp_path))
    kept.transcribe(sound(), speech=SPEECH, language="en")
    for audio, speech, language in (
        (sound(1), SPEECH, "en"),
        (sound(), SPEECH[:1], "en"),
        (sound(), SPEECH, "de"),
        (sound(), SPEECH, None),
    ):
        before = own.asked
        kept.transcribe(audio, speech=speech, language=language)
        assert own.asked == before + 1
    other = recogniser(model, beam_size=1)
    CachedTranscriber(other, Cache(tmp_path)).transcribe(sound(), speech=SPEECH, language="en")
    assert other.asked == 1


def test_without_a_folder_nothing_is_kept(model: Path) -> None:
    own = recogniser(model)
    kept = CachedTranscriber(own, Cache(None))
    for _ in range(2):
        kept.transcribe(sound(), speech=SPEECH, language="en")
    assert own.asked == 2


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get_or_compute({"a": 1}, lambda: [1, "é"])[0].value == [1, "é"]
    (path,) = tmp_path.iterdir()
    for broken in ("", '{"result": {}}', "[]"):
        path.write_text(broken)
        kept, was_there = cache.get_or_compute({"a": 1}, lambda: [2])
        assert (kept.value, was_there) == ([2], False)
    assert cache.get_or_compute({"a": 1}, lambda: [3])[0].value == [2]
