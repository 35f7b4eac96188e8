"""Cepstra and energies: against a plain computation, and their invariants."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st

from tests.sounds import noise
from whisperdiar import Audio
from whisperdiar.diarization._shared.features import (
    CepstrumSettings,
    FrameGrid,
    log_energy,
    mel_filters,
    mfcc,
    run_on_threads,
)

RATES = st.sampled_from([2_000, 8_000, 11_025, 16_000, 22_050, 44_100])


def sound(samples: np.ndarray, rate: int = 16_000) -> Audio:
    return Audio(np.atleast_2d(samples).astype(np.float32), rate, "sound")


def test_a_frame_is_the_cosine_transform_of_the_log_energies_of_its_mel_bands() -> None:
    audio = noise(1.0, level=0.1)
    samples = audio.samples[0].astype(np.float64)
    number, length = 37, 410
    start = round((number + 0.5) * 160 - length / 2)
    emphasised = samples[start : start + length] - 0.97 * samples[start - 1 : start + length - 1]
    power = np.abs(np.fft.rfft(emphasised * np.hamming(length), 512)) ** 2
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (133.3, 6855.5))
    edges = 700 * (10 ** (np.linspace(low, high, 42) / 2595) - 1)
    bands = [
        np.log(sum(p * max(0.0, np.interp(k * 31.25, edges[b : b + 3], (0, 1, 0))) for k, p in enumerate(power)))
        for b in range(40)
    ]
    expected = scipy.fft.dct(np.array(bands), norm="ortho")[:13]
    np.testing.assert_allclose(mfcc(audio)[number], expected, rtol=1e-4, atol=1e-3)


def test_a_louder_sound_differs_in_the_first_coefficient_alone() -> None:
    audio = noise(1.0, level=0.01)
    difference = mfcc(sound(10 * audio.samples)) - mfcc(audio)
    np.testing.assert_allclose(difference[:, 0], np.log(100) * np.sqrt(40), rtol=1e-3)
    np.testing.assert_allclose(difference[:, 1:], 0.0, atol=1e-3)


def test_log_energy_of_a_tone() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(log_energy(sound(tone))[2:-2], np.log(0.125), atol=0.01)


def test_silence_is_as_faint_as_rounding() -> None:
    assert log_energy(sound(np.zeros(1600)))[5] == pytest.approx(np.log(1 / 12 / 32768**2), abs=1e-4)
    assert np.ptp(mfcc(sound(np.zeros(1600))), axis=0).max() < 1e-3


def test_channels_are_averaged() -> None:
    one, two = noise(0.5, seed=1).samples[0], noise(0.5, seed=2).samples[0]
    both = Audio(np.stack([one, two]), 16_000)
    np.testing.assert_allclose(mfcc(both), mfcc(sound((one + two) / 2)), atol=1e-3)
    np.testing.assert_allclose(log_energy(both), log_energy(sound((one + two) / 2)), atol=1e-4)


def test_blocks_and_threads_leave_no_trace() -> None:
    """100 s take three blocks; the middle of a block computed alone is the same."""
    audio = noise(100.0)
    whole = mfcc(audio)
    assert np.array_equal(whole, mfcc(audio, threads=3))
    assert np.array_equal(log_energy(audio), log_energy(audio, threads=2))
    for border in (4096, 8192):
        first = (border - 20) * 160
        part = mfcc(sound(audio.samples[0, first : first + 40 * 160]))
        np.testing.assert_allclose(part[3:-3], whole[border - 17 : border + 17], atol=1e-3)


def test_a_failure_on_a_thread_is_not_lost() -> None:
    def fail(number: int) -> None:
        raise ValueError(str(number))

    for threads in (1, 2):
        with pytest.raises(ValueError, match="1"):
            run_on_threads(fail, [1], threads=threads)


@given(RATES, st.integers(0, 5_000), st.sampled_from(["zeros", "constant", "noise", "full scale"]))
def test_every_sound_has_finite_frames_to_its_end(rate: int, n_samples: int, kind: str) -> None:
    rng = np.random.default_rng(n_samples)
    samples = {
        "zeros": np.zeros(n_samples),
        "constant": np.full(n_samples, 0.3),
        "noise": rng.standard_normal(n_samples),
        "full scale": rng.choice([-1.0, 1.0], n_samples),
    }[kind]
    audio = sound(samples, rate)
    cepstra, energy = mfcc(audio), log_energy(audio)
    assert np.isfinite(cepstra).all()
    assert np.isfinite(energy).all()
    n_frames = FrameGrid().count(audio)
    assert len(cepstra) == len(energy) == n_frames
    assert audio.duration - 1e-9 <= 0.01 * n_frames < audio.duration + 0.01


@given(RATES, st.integers(2, 60), st.floats(1.0, 500.0), st.floats(600.0, 30_000.0))
def test_every_filter_hears_something_below_nyquist(rate: int, filters: int, low: float, high: float) -> None:
    settings = CepstrumSettings(filters=filters, low_hz=low, high_hz=high)
    n_fft = 1 << int(np.ceil(np.log2(rate / 31.25)))
    weights = mel_filters(rate, n_fft, settings)
    assert weights.shape == (n_fft // 2 + 1, filters)
    assert (weights.max(axis=0) > 0).all()
    assert weights.min() >= 0


def test_a_tone_is_heard_by_the_filter_around_it() -> None:
    weights = mel_filters(16_000, 512)
    heard = weights[round(1000 / 31.25)]
    centre = np.flatnonzero(heard == heard.max())[0]
    mel = np.linspace(*(2595 * np.log10(1 + np.array([133.3, 6855.5]) / 700)), 42)
    assert 700 * (10 ** (mel[centre] / 2595) - 1) <= 1000 <= 700 * (10 ** (mel[centre + 2] / 2595) - 1)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_frames_lie_at_the_same_times_at_every_rate(rate: int) -> None:
    """A burst from 0.5 s to 0.7 s."""
    times = np.arange(rate) / rate
    burst = np.where((times >= 0.5) & (times < 0.7), np.sin(2 * np.pi * 440 * times), 0.0)
    loud = np.flatnonzero(log_energy(sound(burst, rate)) > np.log(0.25))
    assert (loud[0], loud[-1]) == (50, 69)
