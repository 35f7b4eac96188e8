"""Speech by telephone: it is told, imitated, and compared with its like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sounds import ROOT
from whisperdiar import Span, Transcript, Turn, load
from whisperdiar.people import Profiles, Voice, VoiceEncoder, VoiceModel, calibrate, link, make_sample, name_speakers
from whisperdiar.people.bandwidth import is_narrowband, to_narrowband
from whisperdiar.people.linking import Appearance
from whisperdiar.people.matching import CALIBRATIONS, find_matched_distances
from whisperdiar.transcript import Speaker

CAMPPLUS = CALIBRATIONS["campplus"]
SCALE = CAMPPLUS.narrowband_scale
BASIS = np.eye(8, dtype=np.float32)
MODEL = VoiceModel("campplus", "some.onnx", BASIS[7])


@pytest.fixture(scope="module")
def speech() -> Any:
    return load(ROOT / "samples" / "natural" / "walk.ogg", channels="mono", end=12.0).mono


def test_speech_by_telephone_is_told_from_that_by_microphone(speech: Any) -> None:
    called = to_narrowband(speech)
    assert called.shape == speech.shape
    assert called.dtype == np.float32
    assert not is_narrowband(speech)
    assert is_narrowband(called)
    assert is_narrowband(0.01 * called)


def test_noise_that_was_added_to_a_call_does_not_widen_it_and_pauses_do_not_narrow_a_recording(speech: Any) -> None:
    called = to_narrowband(speech)
    noise = np.random.default_rng(1).normal(size=len(called)).astype(np.float32)
    assert is_narrowband(called + 0.1 * float(np.std(called)) * noise)
    pauses = np.zeros(3 * len(speech), np.float32)
    assert not is_narrowband(np.concatenate([pauses, speech, pauses]))


def test_silence_and_what_is_too_short_tell_nothing(speech: Any) -> None:
    assert not is_narrowband(np.zeros(32_000, np.float32))
    assert not is_narrowband(to_narrowband(speech)[:8_000])
    for length in (0, 1, 511, 513):
        assert len(to_narrowband(speech[:length])) == length
        assert not is_narrowband(speech[:length])


class Bands:
    """In place of a network: how much of the sound lies below 4 kHz, and above."""

    name, source, sample_rate = "bands", "", 16_000

    def embed(self, windows: Any) -> Any:
        power = np.square(np.abs(np.fft.rfft(windows, axis=1)))
        half = power.shape[1] // 2
        shares = np.stack([power[:, :half].sum(axis=1), power[:, half:].sum(axis=1)], axis=1)
        return np.sqrt(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self) -> None: ...


def test_a_voice_is_heard_as_by_telephone_too_and_one_that_came_so_is_heard_once(speech: Any) -> None:
    encoder = VoiceEncoder(Bands())
    wide, called = encoder.embed_sound(speech), encoder.embed_sound(to_narrowband(speech))
    assert wide is not None
    assert called is not None
    assert not wide.is_narrowband
    assert wide.narrowband is not None
    assert wide.vector[1] > 2 * wide.narrowband[1]
    assert called.is_narrowband
    assert called.narrowband is called.vector
    once = encoder.embed_sound(speech, both=False)
    assert once is not None
    assert once.narrowband is None
    assert np.array_equal(once.vector, wide.vector)


def voice(place: int, *, telephone: bool = False, narrowband: bool = True, seconds: float = 20.0) -> Voice:
    """Of person 0, 1, …: another direction by telephone than by microphone."""
    heard = BASIS[place + 3]
    return Voice(heard if telephone else BASIS[place], seconds, heard if narrowband else None, telephone)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), max_size=5),
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), max_size=5),
)
def test_like_is_compared_with_like(one: list[Any], other: list[Any]) -> None:
    first, second = (
        [voice(place, telephone=called, narrowband=known or called) for place, called, known in side]
        for side in (one, other)
    )
    found = find_matched_distances(first, second, scale=SCALE)
    assert found.shape == (len(first), len(second))
    assert np.allclose(found, find_matched_distances(second, first, scale=SCALE).T)
    for row, (place, called, known) in enumerate(one):
        for column, (place_2, called_2, known_2) in enumerate(other):
            both = (known or called) and (known_2 or called_2)
            if (called or called_2) and both:
                assert found[row, column] == pytest.approx(0.0 if place == place_2 else SCALE)
            else:
                assert found[row, column] == pytest.approx(float(place != place_2 or called != called_2))


def transcript() -> Transcript:
    turns = (Turn(Span(0.0, 9.0), "SPEAKER_00"),)
    return Transcript("call", 10.0, speakers=(Speaker("SPEAKER_00", "SPEAKER_00"),), turns=turns)


def test_who_is_known_by_microphone_is_named_by_telephone_and_the_other_way_round(tmp_path: Path) -> None:
    for telephone in (False, True):
        profiles = Profiles(tmp_path / str(telephone))
        for place, name in enumerate(("Anna", "Ben")):
            profiles.add(name, [make_sample(voice(place, telephone=telephone), "r", None)], MODEL)
        people = profiles.read_all()
        assert [item.is_narrowband for item in people] == [telephone, telephone]
        heard = {"SPEAKER_00": voice(1, telephone=not telephone)}
        named = name_speakers(transcript(), heard, people, CAMPPLUS, model="")
        assert named.name("SPEAKER_00") == "Ben"


def test_of_both_kinds_of_samples_those_of_its_kind_are_compared(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    samples = [make_sample(voice(0), "room", None), make_sample(voice(0, telephone=True), "call", None)]
    made = profiles.add("Anna", samples, MODEL)
    assert np.allclose(made.vector, BASIS[0])
    assert made.narrowband is not None
    assert np.allclose(made.narrowband, BASIS[3])
    (back,) = profiles.read_all()
    assert [(item.is_narrowband, item.narrowband is not None) for item in back.samples] == [(False, True), (True, True)]
    assert np.allclose(find_matched_distances([voice(0), voice(0, telephone=True)], [back], scale=SCALE), 0.0)


def test_a_profile_that_knows_no_telephone_is_read_and_that_is_told_where_it_matters(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    profiles.add("Anna", [make_sample(voice(0, narrowband=False), "r", None)], MODEL)
    (path,) = tmp_path.glob("anna-*.json")
    data = json.loads(path.read_text("utf-8"))
    for sample in data["samples"]:
        del sample["narrowband"], sample["narrowband_embedding"]
    path.write_text(json.dumps(data), "utf-8")
    (old,) = profiles.read_all()
    assert (old.narrowband, old.is_narrowband) == (None, False)
    by_microphone = name_speakers(transcript(), {"SPEAKER_00": voice(0)}, [old], CAMPPLUS, model="")
    assert by_microphone.name("SPEAKER_00") == "Anna"
    assert not any("telephone" in note for note in by_microphone.provenance["notes"])
    called = name_speakers(transcript(), {"SPEAKER_00": voice(0, telephone=True)}, [old], CAMPPLUS, model="")
    assert called.name("SPEAKER_00") == "SPEAKER_00"
    assert [note for note in called.provenance["notes"] if "telephone" in note] == [
        "Anna: this profile cannot be compared by telephone; add the recordings again"
    ]


def test_recordings_by_telephone_and_by_microphone_are_linked() -> None:
    appearances = [
        Appearance("room", "A", None, voice(0)),
        Appearance("room", "B", None, voice(1)),
        Appearance("call", "X", None, voice(1, telephone=True)),
    ]
    people = link(appearances, CAMPPLUS).people
    assert [{item.speaker for item in person.appearances} for person in people] == [{"A"}, {"B", "X"}]


def test_thresholds_hold_for_the_telephone_as_far_as_it_brings_people_nearer() -> None:
    rng = np.random.default_rng(3)

    def near(vector: Any) -> Any:
        made = vector + 0.02 * rng.normal(size=8)
        return (made / np.linalg.norm(made)).astype(np.float32)

    def heard(place: int, *, telephone: bool = False) -> Voice:
        narrow = near(BASIS[place] + BASIS[6])  # all share a direction: at half the distance
        return Voice(narrow if telephone else near(BASIS[place]), 20.0, narrow, telephone)

    people = {name: [heard(i), heard(i)] for i, name in enumerate(("Anna", "Ben", "Cleo"))}
    found = calibrate(people, CAMPPLUS)
    assert found.calibration.narrowband_scale == pytest.approx(2.0, rel=0.05)
    mixed = calibrate({**people, "Ben": [heard(1), heard(1, telephone=True)]}, CAMPPLUS)
    assert not mixed.overlap
    only = {name: [heard(i, telephone=True)] * 2 for i, name in enumerate(people)}
    assert calibrate(only, CAMPPLUS).calibration.narrowband_scale == SCALE
