"""The benchmark of speech detectors as gates of recognition: invented words, and settings chosen by halves."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from tests import tiny_whisper
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Span, Turn

pytestmark = pytest.mark.model

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in ("jiwer", "meeteval", "whisper_normalizer"):
        pytest.importorskip(module, reason=f"{module} is not installed: it scores the benchmark")
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("gate")


def outcome(bench: Any, wrong: int = 0, *, invented: int = 0) -> Any:
    """Of a recording of 10 words, or with none wrong and some invented of a sound without words."""
    return bench.Outcome(None if invented else bench.Errors(substitutions=wrong, length=10), invented)


def test_a_gate_is_a_detector_with_settings(bench: Any) -> None:
    gate = bench.Gate.parse("crdnn:model=/here/model,threshold=0.9")
    assert (gate.name, gate.settings) == ("crdnn", {"model": "/here/model", "threshold": "0.9"})
    assert str(gate) == "`crdnn`, threshold 0.9", "where the model lies is nobody's business"
    assert str(bench.Gate.parse("silero")) == "`silero`"


def test_each_half_is_reported_with_the_settings_that_the_other_one_chose(bench: Any) -> None:
    high, low = bench.Gate("own", {"threshold": "0.9"}), bench.Gate("own", {"threshold": "0.1"})
    # On a and b the high threshold is better, on c and d the low one; over noise the low one invents a word.
    measured = [
        (high, {**{n: outcome(bench, 1) for n in "ab"}, **{n: outcome(bench, 4) for n in "cd"}}),
        (low, {**{n: outcome(bench, 3) for n in "ab"}, **{n: outcome(bench, 2) for n in "cd"}}),
    ]
    measured[1][1]["/hum"] = outcome(bench, invented=1)
    total, picked = bench.chosen_by_halves(measured, (frozenset("ab"), frozenset("cd")))
    assert picked == (high, low)
    assert (total.errors.count, total.errors.length) == (4 + 4 + 3 + 3, 40)
    assert total.invented == 0, "sounds without speech are counted once, with the settings of the first half"
    measured[1][1]["/hum"] = outcome(bench, invented=5)
    assert bench.chosen_by_halves(measured, (frozenset("cd"), frozenset("ab")))[1] == (high, high)


def test_halves_share_every_kind_and_no_recording(bench: Any) -> None:
    found = [bench.Recording(f"{kind}{i}", Path(), kind, "en") for kind in "xyz" for i in range(4)]
    one, other = bench.halves(found)
    assert one | other == {own.name for own in found}
    assert not one & other
    assert all(sum(name.startswith(kind) for name in one) == 2 for kind in "xyz")


def test_words_over_noise_are_invented_and_a_detector_that_hears_none_prevents_them(bench: Any, tmp_path: Path) -> None:
    model = tiny_whisper.build_parrot(tmp_path / "model", "hello there")
    unguarded = {"temperature_fallback": False, "drop_unspoken": False, "fill_gaps": False, "log_prob_threshold": None}
    transcriber = Backend(WhisperSettings(model=str(model), **unguarded), runtime=Runtime(device="cpu", threads=1))
    wavfile.write(tmp_path / "talk.wav", 16_000, np.zeros(4 * 16_000, np.int16))
    from benchmarks.scoring import Utterance

    said = (Utterance("A", 1.0, 2.0, "hello there"),)
    talk = bench.Recording("talk", tmp_path / "talk.wav", "talk", "en", said, True, (Turn(Span(1.0, 3.0), "A"),))
    all_of_it = bench.measure(bench.Gate("none", {}), [talk], transcriber, 1)
    nothing = bench.measure(bench.Gate("silero", {}), [talk], transcriber, 1)
    assert all(own.invented >= 2 for name, own in all_of_it.items() if name.startswith("/"))
    assert not any(own.invented for own in nothing.values())
    assert all_of_it["talk"].errors.deletions == 0
    assert all_of_it["talk"].seconds == {"speech": 2.0, "missed": 0.0, "false": 2.0}
    assert (nothing["talk"].errors.deletions, nothing["talk"].errors.length) == (2, 2)
    assert nothing["talk"].seconds == {"speech": 2.0, "missed": 2.0, "false": 0.0}
    lines = bench.markdown([talk], [(bench.Gate("none", {}), all_of_it), (bench.Gate("silero", {}), nothing)])
    rows = [line.split("|") for line in lines.splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1
    assert [cell.strip() for cell in rows[-1][1:-1]] == ["`silero`", "100.0", "100.0", "0", "100.0", "0.0"]
