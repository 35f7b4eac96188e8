"""The conversation in natural voices: its references fit it, and published models understand it."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import whisperdiar
from tests import real_models
from tests.sounds import SAMPLES
from training.whisper_nano.scoring import score
from whisperdiar.media import load
from whisperdiar.types import Span, Word

FOLDER = SAMPLES / "natural"
END_S = 41.8
"""In a pause; by then everybody has spoken twice."""


def reference_turns() -> list[tuple[str, float, float]]:
    """Speaker, start and end of every turn."""
    rows = [line.split() for line in (FOLDER / "walk.rttm").read_text("utf-8").splitlines()]
    return [(row[7], float(row[3]), float(row[3]) + float(row[4])) for row in rows]


def reference_texts() -> list[tuple[str, str]]:
    """Speaker and text of every turn."""
    rows = [line.split(" ", 6) for line in (FOLDER / "walk.stm").read_text("utf-8").splitlines()]
    return [(row[2], row[6]) for row in rows]


def test_the_references_are_those_of_the_script() -> None:
    script = json.loads((FOLDER / "script.json").read_text("utf-8"))
    assert [list(turn) for turn in reference_texts()] == script["turns"]
    assert [speaker for speaker, *_ in reference_turns()] == [speaker for speaker, _ in script["turns"]]


def test_there_is_speech_in_the_turns_and_silence_between_them() -> None:
    path = FOLDER / "walk.ogg"
    assert path.stat().st_size <= 500_000
    audio = load(path)
    turns = reference_turns()
    assert 60 <= audio.duration <= 90
    assert turns[-1][2] < audio.duration

    def level_db(start: float, end: float) -> float:
        piece = audio.samples[0, round(start * audio.sample_rate) : round(end * audio.sample_rate)]
        return float(10 * np.log10(np.mean(piece.astype(np.float64) ** 2)))

    assert all(level_db(start, end) > -30 for _, start, end in turns)
    gaps = [(last, first) for (_, _, last), (_, first, _) in pairwise(turns)]
    assert all(level_db(start + 0.05, end - 0.05) < -50 for start, end in gaps)


@pytest.mark.model
@pytest.mark.nightly
def test_published_models_understand_it() -> None:
    """On the turns before the first pause after 40 s; of all 222 words `base` made 2 errors (40 for forty, 10 for
    ten), and every word went to its speaker."""
    model = real_models.whisper_folder("base")
    networks = real_models.speaker_networks()
    found = whisperdiar.transcribe(
        FOLDER / "walk.ogg",
        model=str(model),
        diarizer="onnx",
        diarizer_options=networks,
        offline=True,
        threads=1,
        end=END_S,
    )
    texts = [text for (_, text), turn in zip(reference_texts(), reference_turns(), strict=True) if turn[2] < END_S]
    said = [Word(Span(0.0, 0.0), word) for text in texts for word in text.split()]
    assert score(said, list(found.words)).word_error_rate <= 0.03
    assert len(found.speakers) == 3
    who = [(str(word.speaker), speaker_at((word.start + word.end) / 2)) for word in found.words]
    pairs = Counter(who)
    # Each label goes to the person who says most of its words; no person has two labels.
    person = {label: max({name for _, name in who}, key=lambda name: pairs[label, name]) for label, _ in who}
    assert sorted(person.values()) == ["Emma", "George", "Michael"]
    assert sum(person[label] == name for label, name in who) >= 0.95 * len(who)


def speaker_at(moment: float) -> str:
    """Who speaks then, or nearest to it."""
    return min(reference_turns(), key=lambda turn: max(turn[1] - moment, moment - turn[2], 0.0))[0]
