"""Syllable nuclei: as many as there are syllables in a sound, whatever its level, and none in noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.asr._shared.packing import Piece
from whisperdiar.asr._shared.syllables import Syllables, find_syllables
from whisperdiar.types import Audio, Span

RATE = 16_000


def spoken(times, *, length: float = 0.14, level: float = 0.1, seconds: float = 10.0) -> Audio:
    """A buzz with formants for every syllable, over a faint noise."""
    rng = np.random.default_rng(0)
    samples = 1e-4 * rng.standard_normal(round(seconds * RATE))
    pulses = np.diff(np.floor(np.arange(round(length * RATE)) * 130 / RATE), prepend=0.0)
    vowel = np.convolve(pulses, np.exp(-np.arange(200) / 40) * np.sin(np.arange(200) * 0.25), mode="same")
    vowel *= np.hanning(len(vowel)) / np.abs(vowel).max()
    for time in times:
        first = round((time - length / 2) * RATE)
        samples[first : first + len(vowel)] += level * vowel
    return Audio(samples.astype(np.float32)[None], RATE)


def syllables(audio: Audio, *clips: Span) -> Syllables:
    return find_syllables(Piece(clips or (Span(0, audio.duration),)), audio)


@given(st.lists(st.floats(0.2, 0.9), min_size=1, max_size=9), st.sampled_from([0.5, 0.05, 0.005]))
def test_every_syllable_has_its_nucleus(steps, level):
    times = np.cumsum(steps)
    found = syllables(spoken(times, level=level))
    assert len(found.nuclei) == len(times)
    assert np.abs(np.array(found.nuclei) - times).max() < 0.05
    assert found.count(Span(0, times[-1] + 0.1)) == len(times)
    assert all(dip >= 3 for dip in found.dips)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.05])
def test_noise_and_silence_have_hardly_any(level):
    rng = np.random.default_rng(3)
    found = syllables(Audio((level * rng.standard_normal(20 * RATE)).astype(np.float32)[None], RATE))
    assert len(found.nuclei) <= 1  # in 20 seconds, where people speak 80
    assert found.beats(Span(1, 19)) == []
    assert found.own([Span(i, i + 1) for i in range(20)], least=2) == []


def test_times_are_those_of_the_recording():
    audio = spoken([1.0, 1.4, 6.0, 6.4])
    found = syllables(audio, Span(0.5, 2.0), Span(5.5, 7.0))
    assert np.abs(np.array(found.nuclei) - [1.0, 1.4, 6.0, 6.4]).max() < 0.05
    assert syllables(audio, Span(1.0, 1.001)).nuclei == ()


def test_a_syllable_belongs_to_one_span():
    found = syllables(spoken([1.0, 2.0, 3.0]))
    assert found.own([Span(0.8, 1.2), Span(1.2, 1.5), Span(1.8, 2.2)], least=1) == [0, 2]
    crammed = [Span(1.0 + 0.05 * i, 1.05 + 0.05 * i) for i in range(12)]
    assert len(found.own(crammed, least=1)) == 1
    assert found.own([Span(0.9, 2.1), Span(2.1, 3.1)], least=2) == [0]


def test_bursts_at_one_pace_are_beats():
    pairs = [time + shift for time in np.arange(1.0, 6.0, 0.7) for shift in (0.0, 0.12)]
    even = syllables(spoken(pairs))
    # The last of eight bursts lies behind the end of the words, as attention has it.
    assert len(even.beats(Span(0.9, 5.5))) == 8
    uneven = syllables(spoken([1.0, 1.5, 2.4, 2.7, 3.6, 4.4]))
    assert uneven.beats(Span(0.9, 4.6)) == []


def test_repeats_sound_alike_and_other_speech_does_not():
    rng = np.random.default_rng(5)
    phrase = np.array([0.1, 0.3, 0.75])
    chant = syllables(spoken(np.concatenate([phrase + start for start in range(1, 8)])))
    spans = [Span(start, start + 1) for start in range(1, 8)]
    assert chant.likeness(spans) > 0.8
    other = syllables(spoken(np.cumsum(rng.uniform(0.2, 0.7, 16))))
    assert abs(other.likeness(spans)) < 0.25
