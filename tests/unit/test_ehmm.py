"""The ehmm diarizer: voices made for the test, and a corpus of real speech where it is at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.scoring import PARTS, score
from tests.sounds import SAMPLES, SHARED, conversation, silence
from whisperdiar import Audio, Diarization, Span, SpeakerCount, load
from whisperdiar.diarization.ehmm import Backend, _Search
from whisperdiar.errors import InvalidOption
from whisperdiar.formats import rttm
from whisperdiar.options import EhmmSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS, merge_spans

CORPUS = SHARED / "corpus"


def diarize(
    audio: Audio, speech: Any, count: SpeakerCount = ANY_SPEAKERS, *, threads: int = 0, **changes: Any
) -> Diarization:
    backend = Backend(EhmmSettings(**changes), runtime=Runtime(threads=threads))
    return backend.diarize(audio, speech=speech, speakers=count)


@pytest.mark.parametrize("order", ["A", "AB", "ABAB", "ABCABC"])
def test_voices_are_told_apart(order: str) -> None:
    audio, turns = conversation(order, each=6.0)
    found = diarize(audio, tuple(turn.span for turn in turns))
    assert [turn.speaker for turn in found.turns] == [f"SPEAKER_{'ABC'.index(voice):02d}" for voice in order]
    assert found.activity is not None
    assert set(found.activity.speakers) == set(found.speakers)


def test_one_state_takes_the_speech_of_one_voice() -> None:
    rng = np.random.default_rng(1)
    frames = np.concatenate([rng.standard_normal((900, 4)) * scale + at for scale, at in ((1, 0), (0.5, 3), (1, 0))])
    search = _Search(frames.astype(np.float32), np.array([0, 900, 1800, 2700]), EhmmSettings(), hop=0.01)
    assert not search.labels().any()
    search.add_speakers(6.0)
    assert search.n_speakers == 2
    labels = search.labels()
    assert labels[0] != labels[1000]
    assert labels[0] == labels[2000]
    assert all(len(set(labels[first : first + 900])) == 1 for first in (0, 900, 1800))


@pytest.mark.parametrize("count", [2, 4])
def test_a_number_that_was_asked_for_is_reached(count: int) -> None:
    audio, turns = conversation("ABCABC", each=4.0)
    found = diarize(audio, tuple(turn.span for turn in turns), SpeakerCount(count, count))
    assert len(found.speakers) == count
    assert not found.warnings


def test_too_little_speech_is_told() -> None:
    audio, turns = conversation("A", each=1.0)
    found = diarize(audio, tuple(turn.span for turn in turns), SpeakerCount(5, 5))
    assert "there is only enough speech to tell" in found.warnings[0]


def test_no_speech_is_no_speaker() -> None:
    quiet = silence(3.0)
    assert diarize(quiet, ()).turns == ()
    assert len(diarize(quiet, (Span(0.0, 3.0),)).speakers) == 1


def test_threads_change_nothing() -> None:
    audio = load(SAMPLES / "natural" / "walk.ogg")
    speech = (Span(0.0, audio.duration),)
    assert diarize(audio, speech, threads=1) == diarize(audio, speech, threads=2)


@pytest.mark.parametrize(
    "wrong",
    [{"stretch": 0.0}, {"block": -1.0}, {"gaussians": 0}, {"rounds": 0}, {"coefficients": 1}, {"quiet_share": 1.0}],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidOption):
        EhmmSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real speech is not here")
def test_conversations_of_real_speech() -> None:
    parts = dict.fromkeys(PARTS, 0.0)
    for name, sound in (("sim1", "sim1"), ("sim2", "sim2"), ("sim3", "sim3")):
        reference = rttm.loads((CORPUS / "refs" / f"{name}.rttm").read_text("utf-8"), tolerance=rttm.TOLERANT)
        (path,) = [
            item
            for item in CORPUS.rglob(f"{sound}.*")
            if item.parent.name != "refs" and item.suffix in (".wav", ".flac", ".ogg")
        ]
        audio = load(path)
        found = diarize(audio, merge_spans(turn.span for turn in reference.turns))
        assert len(found.speakers) == len(reference.speakers)
        for part, seconds in score(reference.turns, found.turns, Span(0.0, audio.duration)).items():
            parts[part] += seconds
    assert sum(parts[part] for part in PARTS[1:]) < 0.035 * parts["total"]
