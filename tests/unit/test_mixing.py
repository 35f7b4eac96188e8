"""What becomes of channels and levels when one channel is made of a recording."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.media_files import Signal, Track, write_media, write_wav
from tests.sounds import RATE_HZ, SHARED, VOICES, voice
from whisperdiar import Audio, Span, load
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.media.mixing import Findings, Mix, Mixer

SECONDS = 6.0
N = round(SECONDS * RATE_HZ)


@lru_cache
def talk(name: str = "A", seed: int = 0) -> NDArray[np.float64]:
    """(n_samples,): somebody who talks and pauses."""
    pitch, formants = VOICES[name]
    spoken = voice(SECONDS, pitch_hz=pitch, formants_hz=formants, seed=seed).astype(np.float64)
    pauses = np.ones(N)
    for first in range(0, N, 2 * RATE_HZ):
        pauses[first + RATE_HZ : first + round(1.4 * RATE_HZ)] = 0.01
    swell = 10 ** (np.random.default_rng(seed).uniform(-12, 0, round(5 * SECONDS)) / 20)
    return spoken * pauses * np.repeat(swell, RATE_HZ // 5)


def hiss(n_channels: int, level: float = 1e-3, seed: int = 0) -> Signal:
    return level * np.random.default_rng(seed).standard_normal((n_channels, N))


def mixed(samples: Signal, mix: Mix | None = None) -> tuple[NDArray[np.float32], Findings]:
    """The mono mix and the findings of one pass, in blocks of odd lengths."""
    mixer = Mixer(RATE_HZ, name="a.wav", mix=mix or Mix(), mono=True)
    bounds = np.cumsum(np.resize([1, 15_999, 16_000, 703, 24_001], 40))
    blocks = np.split(samples.astype(np.float32), bounds[bounds < samples.shape[1]], axis=1)
    return np.concatenate([mixer.take(block) for block in blocks], axis=1)[0], mixer.findings()


def likeness(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    return float(abs(np.corrcoef(one, other)[0, 1]))


def save(path: Path, samples: Signal, codec: str = "pcm_f32le") -> Path:
    kind = "flt" if codec == "pcm_f32le" else None
    return write_media(path, Track(samples=samples, rate=RATE_HZ, codec=codec, sample_format=kind))


# ---------------------------------------------------------------- channels that cancel


@settings(max_examples=examples(40), deadline=None)
@given(
    gains=st.tuples(*[st.floats(0.1, 1.0)] * 4),
    noise=st.floats(1e-5, 0.002),
)
def test_channels_that_do_not_cancel_are_the_plain_mean(gains: tuple[float, ...], noise: float) -> None:
    """Two people anywhere between left and right."""
    one, other = talk("A"), talk("B", 1)
    samples = np.stack([gains[0] * one + gains[1] * other, gains[2] * one + gains[3] * other]) + hiss(2, noise)
    mono, found = mixed(samples)
    assert found.mix == Mix()
    assert not found.warnings
    np.testing.assert_array_equal(mono, samples.astype(np.float32).mean(axis=0, dtype=np.float32))


@settings(max_examples=examples(25), deadline=None)
@given(gain=st.floats(0.8, 1.25), level=st.floats(1e-3, 1.0), noise=st.floats(0.0, 1e-3))
def test_opposite_channels_do_not_cancel(gain: float, level: float, noise: float) -> None:
    samples = level * (np.stack([talk(), -gain * talk()]) + hiss(2, noise))
    before, found = mixed(samples)
    mono, again = mixed(samples, found.mix)
    assert again.mix == found.mix
    mono = mono / found.mix.gain
    assert "opposite in phase" in found.warnings[0]
    assert "\n" not in found.warnings[0]
    assert likeness(mono, talk()) > 0.98
    assert np.mean(mono**2) > 0.6 * np.mean(samples[0] ** 2)
    assert np.mean(before**2) < 0.05 * np.mean(mono**2)


def test_who_is_opposite_for_a_part_of_the_time_is_heard_and_so_are_the_others() -> None:
    """One of two microphones is wired the wrong way round on the right channel."""
    one, other = talk("A"), talk("B", 1)
    one = np.where(np.arange(N) < N / 2, one, 0.0)
    other = np.where(np.arange(N) < N / 2, 0.0, other)
    samples = np.stack([one + other, one - other]) + hiss(2, 1e-4)
    mono, found = mixed(samples, mixed(samples)[1].mix)
    assert "in part" in found.warnings[0]
    for half in (slice(0, N // 2), slice(N // 2, N)):  # in whichever phase
        assert likeness(mono[half], (one + other)[half]) > 0.99


@pytest.mark.parametrize("n_channels", [6, 8])
def test_opposite_front_channels_of_a_film(n_channels: int) -> None:
    samples = hiss(n_channels, 1e-4)
    samples[0] += talk()
    samples[1] -= 0.95 * talk()
    samples[2] += 0.05 * talk("B", 1)
    mono, found = mixed(samples, mixed(samples)[1].mix)
    assert found.mix.weights == (1.0, -1.0, *[1.0] * (n_channels - 2))
    assert likeness(mono, talk()) > 0.98
    assert likeness(mono - mono @ talk() / (talk() @ talk()) * talk(), talk("B", 1)) > 0.9  # the third is in it too


def test_a_film_with_one_out_of_phase_effect_stays_the_mean() -> None:
    effect = np.where(np.arange(N) < 0.05 * N, talk("B", 1), 0.0)
    samples = np.stack([talk() + effect, talk() - effect]) + hiss(2, 1e-4)
    assert mixed(samples)[1].mix == Mix()


# ---------------------------------------------------------------- channels of another kind


def time_code(level: float = 0.3) -> NDArray[np.float64]:
    bits = np.random.default_rng(3).integers(0, 2, N // 8)
    flips = np.ones(N)
    flips[::8] = -1
    flips[4::8] = np.where(np.resize(bits, len(flips[4::8])), -1, 1)
    return level * np.cumprod(flips)


@pytest.mark.parametrize("kind", ["time code", "time code that stops", "tone", "noise"])
def test_a_steady_sound_beside_a_voice_is_left_out(kind: str) -> None:
    steady = {
        "time code": time_code(),
        "time code that stops": time_code() * (np.arange(N) > 0.4 * N),
        "tone": 0.2 * np.sin(2 * np.pi * 1000 * np.arange(N) / RATE_HZ),
        "noise": 0.1 * np.random.default_rng(4).standard_normal(N),
    }[kind]
    samples = np.stack([steady, talk()])
    mono, found = mixed(samples, mixed(samples)[1].mix)
    assert found.mix.weights == (0.0, 1.0)
    np.testing.assert_allclose(mono, talk(), atol=1e-6)
    assert "--channel 1" in found.warnings[0]


@pytest.mark.parametrize("level", [0.001, 0.005])
def test_a_faint_steady_sound_does_no_harm(level: float) -> None:
    samples = np.stack([level * np.random.default_rng(4).standard_normal(N), talk()])
    assert mixed(samples)[1].mix == Mix()


def test_two_steady_sounds_are_no_voice() -> None:
    samples = np.stack([time_code(), 0.1 * np.random.default_rng(4).standard_normal(N)])
    assert mixed(samples)[1].mix == Mix()


def test_two_microphones_are_hinted_at() -> None:
    """Two people, each on a channel of their own, for 20 s."""
    one = np.concatenate([talk("A", i) * (i % 2) for i in range(4)])
    other = np.concatenate([talk("B", i) * (1 - i % 2) for i in range(4)])
    _, found = mixed(np.stack([one, other]))
    assert found.mix == Mix()
    assert not found.warnings
    assert "--diarizer channels" in found.notes[0]


# ---------------------------------------------------------------- one channel


def test_one_channel_can_be_chosen(tmp_path: Path) -> None:
    samples = np.stack([talk("A"), talk("B", 1), hiss(1, 0.05)[0]])
    path = write_wav(tmp_path / "three.wav", samples)
    every = load(path, channels="all")
    for number in (1, 2, 3):
        audio = load(path, channel=number)
        np.testing.assert_array_equal(audio.samples[0], every.samples[number - 1])
        np.testing.assert_array_equal(every.channel(number).samples, audio.samples)
        assert audio.warnings == ()
    with pytest.raises(MediaError, match=r"three\.wav: has no channel 4; its track has 3 channels"):
        load(path, channel=4)
    for options in ({"channel": 0}, {"channel": 1, "channels": "all"}):
        with pytest.raises(InvalidOption):
            load(path, **options)


def test_a_part_of_what_is_mended_equals_that_part_of_the_whole(tmp_path: Path) -> None:
    path = save(tmp_path / "opposite.wav", 40 * np.stack([talk(), -0.9 * talk()]))
    whole = load(path)
    assert likeness(whole.samples[0], talk()) > 0.99
    part = load(path, start=1.5, end=SECONDS)
    np.testing.assert_array_equal(part.samples, whole.samples[:, round(1.5 * RATE_HZ) :])


def test_the_mean_of_all_channels_knows_what_cancels(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "opposite.wav", np.stack([talk(), -0.9 * talk()]))
    every = load(path, channels="all")
    assert every.weights == (1.0, -1.0)
    np.testing.assert_allclose(every.samples[1], -0.9 * talk(), atol=1e-4)  # each channel as it is
    np.testing.assert_allclose(every.mono, load(path).samples[0], atol=1e-6)
    np.testing.assert_allclose(every.mono_part(100, 900), every.mono[100:900], atol=1e-6)
    part = every.crop(Span(1.0, 2.0))
    np.testing.assert_allclose(part.mono, every.mono[RATE_HZ : 2 * RATE_HZ], atol=1e-6)


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0)])
def test_weights_fit_the_channels(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Audio(np.zeros((2, 8), np.float32), RATE_HZ, weights=weights)


# ---------------------------------------------------------------- floating point


@pytest.mark.parametrize(("factor", "divided"), [(30_000 / 0.4, 2**17), (4.0, 2), (100.0, 2**5), (1e8, 2**26)])
def test_samples_far_above_full_scale_are_scaled(tmp_path: Path, factor: float, divided: float) -> None:
    peak = np.abs(talk()).max()
    wanted = talk()[None] * factor
    found = load(save(tmp_path / "loud.wav", wanted))
    scale = 2.0 ** np.ceil(np.log2(peak * factor))
    if peak * factor < 2:
        scale = 1.0
    np.testing.assert_array_equal(found.samples[0], np.clip(wanted[0].astype(np.float32) / np.float32(scale), -1, 1))
    if scale > 1:
        assert re.search(rf"divided by {scale:.0f}", found.notes[0])


def test_a_few_overshoots_are_cut_off_as_ever(tmp_path: Path) -> None:
    sound = talk()[None].copy()
    sound[0, 1000:1100] = 1.2
    sound[0, 2000:2003] = 900.0  # a defect, which must not silence the rest
    sound[0, 3000:3002] = [np.nan, np.inf]
    found = load(save(tmp_path / "over.wav", sound))
    assert (found.samples[0, 1000:1100] == 1.0).all()
    assert (found.samples[0, 2000:2003] == 1.0).all()
    assert (found.samples[0, 3000:3002] == 0.0).all()
    np.testing.assert_array_equal(found.samples[0, 5000:], talk()[5000:].astype(np.float32))
    assert found.notes == ()
    assert found.warnings == ("2 samples are not numbers (NaN or infinite) and were taken for silence",)


@settings(max_examples=examples(25), deadline=None)
@given(level_db=st.floats(-65, -45))
def test_a_very_quiet_recording_is_raised_and_told(level_db: float) -> None:
    sound = talk()[None] * 10 ** (level_db / 20)
    found = mixed(sound)[1]
    assert np.log2(found.mix.gain) == pytest.approx(-level_db / 6.02 - 1.5, abs=1.6)
    raised, again = mixed(sound, found.mix)
    assert again.mix == found.mix
    np.testing.assert_array_equal(raised, sound[0].astype(np.float32) * np.float32(found.mix.gain))
    assert again.notes == found.notes
    assert re.fullmatch(
        rf"the sound is very quiet \(-\d+ dB of full scale where it is loud\): it is raised by "
        rf"{20 * np.log10(found.mix.gain):.0f} dB",
        found.notes[0],
    )


def test_sound_at_a_usual_level_is_left_as_it_is() -> None:
    click = talk()[None] * 1e-3
    click[0, 5000:5010] = 0.9
    assert mixed(click)[1].mix == Mix()
    assert mixed(talk()[None])[1].notes == ()
    assert mixed(np.zeros((1, N)))[1].notes == ()


# ---------------------------------------------------------------- recordings of others

CASES = SHARED / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the recordings of ../shared")
class TestCases:
    @pytest.mark.parametrize(
        ("name", "weights", "said"),
        [
            ("phase_inverted/phase.flac", (1.0, -1.0), "phase of channel 2 is turned round"),
            ("one_channel_ltc/ltc30.flac", (0.0, 1.0), "channel 1 is unlike channel 2"),
        ],
    )
    def test_channels(self, name: str, weights: tuple[float, ...], said: str) -> None:
        audio = load(CASES / name, channels="all")
        assert audio.weights == weights
        assert audio.warnings == audio.notes == ()  # nothing is mixed yet
        mono = load(CASES / name)
        assert said in mono.warnings[0]
        np.testing.assert_allclose(mono.samples[0], audio.mono, atol=1e-6)

    def test_integers_as_floating_point(self) -> None:
        audio = load(CASES / "float_full_scale/int16range.wav")
        assert np.abs(audio.samples).max() == pytest.approx(30_000 / 32_768, rel=1e-3)
        assert "divided by 32768" in audio.notes[0]
