"""Detectors find speech at whatever level it was recorded, and no speech in noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.sounds import RATE_HZ, SAMPLES, SHARED, noise, silence
from whisperdiar import Audio, Span, load
from whisperdiar.types import total_duration
from whisperdiar.vad._level import speech_gain
from whisperdiar.vad.energy import Backend as Energy
from whisperdiar.vad.silero import Backend as Silero

LEVELS_DB = (-60.0, -40.0, -20.0, 20.0)


@pytest.fixture(scope="module")
def talk() -> Audio:
    return load(SAMPLES / "dialogue_fr.wav", end=20.0)


def at(audio: Audio, level_db: float) -> Audio:
    return replace(audio, samples=(audio.samples * 10 ** (level_db / 20)).astype(np.float32))


def edges(spans: tuple[Span, ...]) -> list[float]:
    return [time for span in spans for time in (span.start, span.end)]


@pytest.mark.parametrize("detector", [Silero(), Energy()], ids=["silero", "energy"])
def test_the_level_makes_no_difference(detector: Any, talk: Audio) -> None:
    expected = detector.detect(talk)
    assert total_duration(expected) > 8.0
    for level_db in LEVELS_DB:
        assert edges(detector.detect(at(talk, level_db))) == pytest.approx(edges(expected), abs=0.05)


@pytest.mark.parametrize("detector", [Silero(), Energy()], ids=["silero", "energy"])
@pytest.mark.parametrize("level", [1e-5, 1e-4, 1e-3, 0.1])
def test_noise_is_no_speech_at_any_level(detector: Any, level: float) -> None:
    assert total_duration(detector.detect(noise(20.0, level=level))) < 0.5


@pytest.mark.parametrize("detector", [Silero(), Energy()], ids=["silero", "energy"])
def test_the_rounding_of_16_bits_is_no_speech(detector: Any) -> None:
    steps = np.random.default_rng(0).integers(-1, 2, (1, 20 * RATE_HZ)) / 32768
    steps[:, 5 * RATE_HZ : 9 * RATE_HZ] = 0
    assert detector.detect(Audio(steps.astype(np.float32), RATE_HZ)) == ()
    assert detector.detect(silence(5.0)) == ()


def test_neither_rare_speech_nor_a_door_mislead_the_level(talk: Audio) -> None:
    """The level of 20 s of speech is what it is within 10 minutes of a faint noise, and beside a slammed door."""
    alone = speech_gain(talk, target_db=-20.0)
    samples = 1e-4 * np.random.default_rng(0).standard_normal((1, 600 * RATE_HZ)).astype(np.float32)
    n = talk.samples.shape[1]
    samples[:, 1000 : 1000 + n] += talk.samples
    assert speech_gain(Audio(samples, RATE_HZ), target_db=-20.0) == pytest.approx(alone, rel=0.2)
    quiet = at(talk, -50.0).samples.copy()
    quiet[:, 5 * RATE_HZ : 5 * RATE_HZ + RATE_HZ // 5] = 0.9 * np.sign(np.sin(np.arange(RATE_HZ // 5)))
    found = speech_gain(Audio(quiet, RATE_HZ), target_db=-20.0)
    assert 20 * np.log10(found / alone) == pytest.approx(50.0, abs=3.0)
    assert speech_gain(silence(3.0), target_db=-20.0) == 1.0


@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="needs the recordings of ../shared")
@pytest.mark.parametrize("name", ["peak-50.flac", "peak-60.flac"])
@pytest.mark.parametrize("detector", [Silero(), Energy()], ids=["silero", "energy"])
def test_a_quiet_recording_is_heard_from_its_first_sentence_to_its_last(detector: Any, name: str) -> None:
    found = detector.detect(load(SHARED / "cases" / "quiet_silero" / name))
    assert found[0].start < 0.5
    assert found[-1].end > 10.4
