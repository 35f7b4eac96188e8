"""One speaker per channel: crosstalk, noise, copies, and what cannot be asked for."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sounds import RATE_HZ, SAMPLES, SHARED, VOICES, conversation, noise, silence, voice
from whisperdiar import Audio, Diarization, Span, SpeakerCount, UnsupportedRequest, load
from whisperdiar.diarization import none
from whisperdiar.diarization.channels import Backend, _two_groups
from whisperdiar.errors import InvalidOption
from whisperdiar.formats import rttm
from whisperdiar.options import ChannelsSettings
from whisperdiar.types import ANY_SPEAKERS, merge_spans, total_duration

BASE = [(1, 1.0, 4.0), (2, 5.0, 8.0), (1, 7.0, 10.0), (2, 11.0, 12.0)]
"""Channel, start and end: from 7 to 8 s both talk."""
LENGTH = 13.0


@lru_cache
def clean() -> np.ndarray:
    """float32 (2, n_samples): what each of two speakers says, without noise."""
    sound = np.zeros((2, round(LENGTH * RATE_HZ)), np.float32)
    for seed, (channel, start, end) in enumerate(BASE):
        pitch, formants = VOICES["AB"[channel - 1]]
        spoken = voice(end - start, pitch_hz=pitch, formants_hz=formants, seed=seed)
        sound[channel - 1, round(start * RATE_HZ) : round(start * RATE_HZ) + len(spoken)] += spoken
    return sound


def recorded(*rows: tuple[float, float], hiss: float = 3e-4) -> Audio:
    """Microphones: how much of each speaker every one of them hears, over noise of its own."""
    rng = np.random.default_rng(0)
    mixed = np.array(rows, np.float32) @ clean()
    return Audio((mixed + hiss * rng.standard_normal(mixed.shape)).astype(np.float32), RATE_HZ, "call")


def diarize(audio: Audio, count: SpeakerCount = ANY_SPEAKERS, speech: Any = None, **changes: float) -> Diarization:
    regions = [Span(0.0, audio.duration)] if speech is None else speech
    return Backend(ChannelsSettings(**changes)).diarize(audio, speech=regions, speakers=count)


def check(found: Diarization, expected: list[tuple[int, float, float]] = BASE, tolerance: float = 0.2) -> None:
    assert [turn.channel for turn in found.turns] == [channel for channel, _, _ in expected]
    for turn, (channel, start, end) in zip(found.turns, expected, strict=True):
        assert turn.speaker == f"SPEAKER_{channel - 1:02d}"
        assert turn.start == pytest.approx(start, abs=tolerance)
        assert turn.end == pytest.approx(end, abs=tolerance)


@pytest.mark.parametrize(
    ("rows", "hiss"),
    [
        (((1, 0), (0, 1)), 3e-4),
        (((1, 0), (0, 1)), 5e-3),
        (((1, 0.18), (0.18, 1)), 3e-4),  # crosstalk 15 dB down
        (((1, 0.32), (0.32, 1)), 3e-4),  # 10 dB
        (((1, 0), (0, 0.1)), 3e-4),  # one microphone 20 dB fainter
        (((1, 0.18), (0.018, 0.1)), 3e-4),  # both
    ],
    ids=["apart", "noisy", "crosstalk", "much crosstalk", "unlike gains", "crosstalk and unlike gains"],
)
def test_each_channel_has_its_speaker(rows: Any, hiss: float) -> None:
    check(diarize(recorded(*rows, hiss=hiss)))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_microphone_that_hears_only_others_has_no_speaker(share: float) -> None:
    found = diarize(recorded((1, 0), (0, 1), (share, share)))
    check(found)
    assert found.speakers == ("SPEAKER_00", "SPEAKER_01")


@pytest.mark.parametrize("listener", [0, 1])
def test_a_third_voice_does_not_tell_how_loud_two_are(listener: int) -> None:
    """Somebody on channel 3 talks at length, which one of the other two microphones hears 30 dB down."""
    sound = recorded((1, 0), (0, 1)).samples
    third = np.zeros((3, 30 * RATE_HZ), np.float32)
    third[:2, : sound.shape[1]] = sound
    pitch, formants = VOICES["C"]
    spoken = voice(16.0, pitch_hz=pitch, formants_hz=formants, seed=9)
    first = round(13.5 * RATE_HZ)
    third[2, first : first + len(spoken)] += spoken
    third[listener, first : first + len(spoken)] += 0.03 * spoken
    third += 3e-4 * np.random.default_rng(1).standard_normal(third.shape).astype(np.float32)
    found = diarize(Audio(third, RATE_HZ, "call"))
    assert {turn.channel for turn in found.turns if turn.start > 13.2} == {3}
    two = tuple(turn for turn in found.turns if turn.channel < 3)
    check(Diarization("call", two))


def _listener() -> Audio:
    """Channel 2 hears the only speaker through the room, a little later and 12 dB down."""
    spoken = clean()[0]
    room = np.random.default_rng(1).standard_normal(400) * np.exp(-np.arange(400) / 80)
    heard = np.convolve(spoken, room)[: len(spoken)]
    heard *= 0.25 * np.sqrt(np.mean(spoken**2) / np.mean(heard**2))
    hiss = 3e-4 * np.random.default_rng(0).standard_normal((2, len(spoken)))
    return Audio((np.stack([spoken, heard]) + hiss).astype(np.float32), RATE_HZ)


def test_a_silent_listener_makes_no_turn() -> None:
    check(diarize(_listener()), [turn for turn in BASE if turn[0] == 1])


def test_one_odd_moment_begins_no_turn() -> None:
    """Crosstalk 9 dB down that is 5 dB louder for a moment within a sentence."""
    spoken = clean()[0]
    heard = 0.35 * np.roll(spoken, 40)
    heard[round(2.0 * RATE_HZ) : round(2.05 * RATE_HZ)] *= 1.8
    hiss = 3e-4 * np.random.default_rng(0).standard_normal((2, len(spoken)))
    audio = Audio((np.stack([spoken, heard]) + hiss).astype(np.float32), RATE_HZ)
    check(diarize(audio), [turn for turn in BASE if turn[0] == 1])


def test_levels_form_two_groups_or_one() -> None:
    rng = np.random.default_rng(0)
    middle, apart = _two_groups(np.concatenate([rng.normal(-6, 2, 500), rng.normal(14, 2, 90)]))
    assert middle == pytest.approx(4, abs=0.5)
    assert apart == pytest.approx(20, abs=1)
    for one_group in (
        rng.normal(5, 8, 2000),
        rng.normal(10, 1, 500),
        rng.uniform(-15, 15, 900),
        np.empty(0),
        np.zeros(3),
    ):
        assert _two_groups(one_group) == (0.0, np.inf)
    rare = np.concatenate([rng.normal(-6, 2, 500), rng.normal(14, 2, 20)])  # 0.4 s
    assert _two_groups(rare) == (0.0, np.inf)


@pytest.mark.parametrize("level", [0.0, 0.02])
def test_a_channel_of_silence_or_noise_has_no_speaker(level: float) -> None:
    spoken = recorded((1, 0)).samples
    found = diarize(Audio(np.concatenate([spoken, noise(LENGTH, level=level).samples]), RATE_HZ))
    check(found, [turn for turn in BASE if turn[0] == 1])


def test_labels_follow_the_channels_not_who_speaks_first() -> None:
    found = diarize(recorded((0, 1), (1, 0)))
    assert found.turns[0].speaker == "SPEAKER_01"
    assert found.turns[0].channel == 2


def test_turns_stay_inside_the_speech() -> None:
    speech = [Span(2.0, 3.0), Span(7.2, 7.6)]
    found = diarize(recorded((1, 0), (0, 1)), speech=speech)
    assert [(turn.channel, turn.start, turn.end) for turn in found.turns] == [
        (1, 2.0, 3.0),
        (1, 7.2, 7.6),
        (2, 7.2, 7.6),
    ]
    assert diarize(recorded((1, 0), (0, 1)), speech=()).turns == ()


@pytest.mark.parametrize("gain", [1.0, 0.5, -1.0])
def test_copies_of_a_channel_are_one_speaker(gain: float) -> None:
    one = recorded((1, 1)).samples
    found = diarize(Audio(np.concatenate([one, np.float32(gain) * one]), RATE_HZ))
    assert found.speakers == ("SPEAKER_00",)
    assert found.warnings
    assert found.warnings[0].startswith("2 channels carry 1 different sound")
    with pytest.raises(UnsupportedRequest, match="1 channel with a sound of its own"):
        diarize(Audio(np.concatenate([one, one]), RATE_HZ), SpeakerCount(2, 2))


def test_a_stereo_picture_of_a_meeting_is_no_speaker_per_channel() -> None:
    found = diarize(load(SAMPLES / "standup.mp4", channels="all", end=20.0))
    assert len(found.speakers) == 1
    assert found.warnings


def test_one_channel_cannot_be_told_apart() -> None:
    audio, _ = conversation("AB")
    with pytest.raises(UnsupportedRequest, match="use diarizer='bic'"):
        diarize(audio)


@pytest.mark.parametrize("count", [SpeakerCount(3, 3), SpeakerCount(3, None), SpeakerCount(1, 1)])
def test_a_number_that_the_channels_do_not_have(count: SpeakerCount) -> None:
    with pytest.raises(UnsupportedRequest, match=f"^{count.describe()}, and "):
        diarize(recorded((1, 0), (0, 1)), count)


def test_a_number_that_the_channels_have() -> None:
    assert diarize(recorded((1, 0), (0, 1)), SpeakerCount(2, 2)).warnings == ()
    lonely = Audio(np.concatenate([recorded((1, 0)).samples, noise(LENGTH).samples]), RATE_HZ)
    found = diarize(lonely, SpeakerCount(2, 2))
    assert found.warnings == ("2 speakers were asked for, but somebody speaks on 1 channel only",)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 2.0])
def test_silence(seconds: float) -> None:
    assert diarize(silence(seconds, n_channels=3)).turns == ()


def test_settings_have_effects() -> None:
    audio = recorded((1, 0.18), (0.18, 1), hiss=2e-3)
    base = diarize(audio).turns
    assert diarize(audio, above_noise=80.0).turns == ()
    assert total_duration([turn.span for turn in diarize(audio, padding=0.0).turns]) < total_duration(
        [turn.span for turn in base]
    )
    assert [turn.channel for turn in diarize(audio, min_turn=2.0).turns] == [1, 2, 1]
    assert len(diarize(audio, min_pause=5.0).turns) < len(base)
    assert diarize(audio, hysteresis=0.0).turns != base
    assert diarize(_listener()).speakers == ("SPEAKER_00",)
    assert diarize(_listener(), crosstalk=20.0).speakers == ("SPEAKER_00", "SPEAKER_01")


@pytest.mark.parametrize("name", ["above_noise", "crosstalk", "hysteresis", "min_turn", "min_pause", "padding"])
def test_settings_that_cannot_be_meant(name: str) -> None:
    with pytest.raises(InvalidOption, match=f"{name} -1"):
        ChannelsSettings(**{name: -1.0})


@settings(max_examples=examples(20))
@given(
    st.lists(st.tuples(st.floats(0, 12), st.floats(0, 4)).map(lambda p: Span(p[0], p[0] + p[1])), max_size=5),
    st.integers(2, 4),
    st.integers(0, 100),
)
def test_what_holds_for_any_channels(speech: list[Span], n_channels: int, seed: int) -> None:
    mixing = np.random.default_rng(seed).uniform(0, 1, (n_channels, 2))
    audio = recorded(*map(tuple, mixing))
    found = diarize(audio, speech=speech)
    regions = merge_spans(speech)
    for turn in found.turns:
        assert turn.end > turn.start
        assert turn.speaker == f"SPEAKER_{turn.channel - 1:02d}"
        assert 1 <= turn.channel <= n_channels
        assert any(region.start <= turn.start <= turn.end <= region.end for region in regions)
    for label in found.speakers:
        own = [turn for turn in found.turns if turn.speaker == label]
        assert all(a.end <= b.start for a, b in pairwise(own))


def scored(reference: Any, found: Diarization) -> float:
    core = pytest.importorskip("pyannote.core")
    metrics = pytest.importorskip("pyannote.metrics.diarization")
    both = []
    for turns in (reference.turns, found.turns):
        annotation = core.Annotation()
        for track, turn in enumerate(turns):  # a track each: two speakers may have the same times
            annotation[core.Segment(turn.start, turn.end), track] = turn.speaker
        both.append(annotation)
    return 100 * float(metrics.DiarizationErrorRate()(*both))


def test_the_sample_call() -> None:
    reference = rttm.loads((SAMPLES / "reference" / "call.rttm").read_text("utf-8"))
    found = diarize(load(SAMPLES / "call.flac", channels="all"), speech=[turn.span for turn in reference.turns])
    assert scored(reference, found) <= 2.5


def test_real_speakers_that_talk_at_once() -> None:
    path = SHARED / "corpus" / "audio" / "stereo_fw.wav"
    if not path.exists():
        pytest.skip("the corpus is not at hand")
    reference = rttm.loads((SHARED / "corpus" / "refs" / "stereo_fw.rttm").read_text("utf-8"))
    found = diarize(load(path, channels="all"))
    assert {turn.channel for turn in found.turns} == {1, 2}
    assert scored(reference, found) <= 15.0


def test_none_names_nobody() -> None:
    audio, turns = conversation("AB")
    speech = [turn.span for turn in turns]
    assert none.Backend().diarize(audio, speech=speech) == Diarization("conversation")
    assert none.Backend().diarize(audio, speech=speech, speakers=SpeakerCount(2, 2)).warnings
