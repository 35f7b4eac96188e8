"""Recordings with one person on each channel, through the published Whisper."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tests import real_models
from tests.examples import by_night
from tests.sounds import SHARED
from whisperdiar import Audio, Pipeline, load
from whisperdiar.diarization.channels import Backend as Channels
from whisperdiar.vad.silero import Backend as Silero

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs the recordings of ../shared"),
]


def said(name: str, language: str | None = "en") -> list[tuple[str | None, str]]:
    return transcribed(load(SHARED / name, channels="all"), language)


def transcribed(audio: Audio, language: str | None) -> list[tuple[str | None, str]]:
    pipeline = Pipeline(detector=Silero(), transcriber=real_models.whisper(), diarizer=Channels(), language=language)
    transcript = pipeline.run(audio)
    assert transcript.language == "en"
    return [(segment.speaker, re.sub(r"[^a-z' ]", "", segment.text.lower())) for segment in transcript.segments]


@pytest.mark.parametrize("language", [by_night("en"), None])
def test_whoever_talks_at_the_same_time_is_heard(language: str | None) -> None:
    assert said("corpus/audio/stereo_fw.wav", language) == [
        (
            "SPEAKER_00",
            "he began a confused complaint against the wizard who had vanished behind the curtain on the left",
        ),
        ("SPEAKER_01", "the horizon seems extremely distant"),
    ]


def test_overlaps_in_a_call_spoil_no_word() -> None:
    ask = "ask not what your country can do for you ask what you can do for your country"
    found = said("cases/channels_mixed/call2.flac")
    by_speaker = {label: " ".join(text for who, text in found if who == label) for label, _ in found}
    assert by_speaker == {
        "SPEAKER_00": f"and so my fellow americans {ask} ask what you can do for your country",
        "SPEAKER_01": "mr quilter is the apostle of the middle classes and we are glad to welcome his gospel",
    }


@pytest.mark.parametrize("leak", [by_night(0.06), by_night(0.18), 0.32])
def test_what_a_microphone_hears_of_the_other_side_is_not_written_twice(leak: float) -> None:
    """Crosstalk 24, 15 and 10 dB down."""
    audio = load(SHARED / "cases/channels_mixed/call2.flac", channels="all")
    heard = np.array([[1, leak], [leak, 1]], np.float32) @ audio.samples
    found = transcribed(replace(audio, samples=heard.astype(np.float32)), "en")
    ask = "ask not what your country can do for you ask what you can do for your country"
    assert {label: " ".join(text for who, text in found if who == label) for label, _ in found} == {
        "SPEAKER_00": f"and so my fellow americans {ask} ask what you can do for your country",
        "SPEAKER_01": "mr quilter is the apostle of the middle classes and we are glad to welcome his gospel",
    }


def test_a_time_code_beside_a_voice_says_nothing() -> None:
    found = said("cases/one_channel_ltc/ltc30.flac")
    assert {label for label, _ in found} == {"SPEAKER_01"}
    assert " ".join(text for _, text in found) == (
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
    )
