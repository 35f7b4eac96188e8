"""The benchmark of recognition: recordings with more pauses, and the goals that it judges."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whisperdiar import Audio, Span

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPEECH = (Span(1, 4), Span(5, 8), Span(11, 14))  # pauses of 1, 1, 3 and 2 s in 16 s


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("faster_whisper")
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("asr")


@pytest.fixture
def audio() -> Audio:
    samples = np.arange(1, 16 * 16_000 + 1, dtype=np.float32) / 1e6  # no sample is 0: silence can be told
    return Audio(samples[None], 16_000, "talk")


def test_silence_is_put_into_the_pauses_in_proportion_and_no_sound_is_lost(bench: Any, audio: Audio) -> None:
    found = bench.with_pauses(audio, SPEECH, 0.6)
    assert found.audio.duration == pytest.approx(9 / 0.4, abs=1e-3)  # 9 s of speech are 40 %
    assert found.places == (4.5, 9.5)
    assert found.put == pytest.approx((6.5 / 4, 6.5 * 3 / 4), abs=1e-3)
    mono = found.audio.mono
    assert np.array_equal(mono[mono != 0], audio.mono)


def test_times_move_with_the_sound(bench: Any, audio: Audio) -> None:
    found = bench.with_pauses(audio, SPEECH, 0.6)
    for time in (0.5, 4.4, 4.6, 7.0, 12.25, 15.9):
        place = round(found.moved(time) * 16_000)
        assert found.audio.mono[place] == audio.mono[round(time * 16_000)]


def test_a_recording_with_more_pause_than_asked_for_is_refused(bench: Any, audio: Audio) -> None:
    with pytest.raises(ValueError, match="44% of the recording is pause"):
        bench.with_pauses(audio, SPEECH, 0.3)


def test_references_tell_words_and_overlapped_speech(bench: Any, audio: Audio, tmp_path: Path) -> None:
    table = tmp_path / "talk.words.tsv"
    table.write_text("start\tend\tspeaker\tword\n1\t2\tA\tOne\n2\t4\tA\ttwo\n3\t3.5\tB\tYes\n5\t6\tB\tso\n", "utf-8")
    words, overlapped = bench.reference_words(table, bench.Stretched(audio, (4.5,), (10.0,)))
    assert [word.text for word in words] == ["One", "two", "Yes", "so"]
    assert words[-1].start == 15.0
    assert overlapped == [(3.0, 3.5)]
    heard = [*words[:2], words[3]]
    assert bench.word_error_rate(heard, words, overlapped) == 0.0
    assert bench.word_error_rate(heard[:1], words, overlapped) == 0.5


def runs(bench: Any, **decoding: float) -> dict[str, list[Any]]:
    """Two runs of every way: 1 s for speech and 10 s for decoding where nothing else is said."""
    seconds = {way: decoding.get(way, 10.0) for way in bench.WAYS}
    return {way: [bench.Run(1.0, spent, spent, ())] * 2 for way, spent in seconds.items()}


@pytest.mark.parametrize(("ours", "said"), [(10.9, "1.09 "), (11.1, "1.11 ")])
def test_decoding_is_judged_against_batches_of_the_same_pieces(bench: Any, ours: float, said: str) -> None:
    line = bench.compared(runs(bench, whisperdiar=ours), 0.1, dict.fromkeys(bench.WAYS))[0]
    assert said in line
    assert line.endswith("met" if ours < 11 else "MISSED")


@pytest.mark.parametrize(("sequential", "verdict"), [(14.0, "met"), (13.0, "MISSED")])
def test_the_total_is_judged_where_there_are_pauses(bench: Any, sequential: float, verdict: str) -> None:
    found = runs(bench, sequential=sequential)
    rates = dict.fromkeys(bench.WAYS)
    assert bench.compared(found, 0.3, rates)[2].endswith(verdict)
    assert "goal" not in bench.compared(found, 0.1, rates)[2]


def test_a_way_that_loses_words_proves_nothing(bench: Any) -> None:
    rates = dict.fromkeys(bench.WAYS, 0.02) | {"sequential": 0.6}
    assert "loses words" in bench.compared(runs(bench, sequential=5.0), 0.3, rates)[2]


MODEL = Path(__file__).parents[2] / "samples" / "whisper-nano"


@pytest.mark.skipif(not (MODEL / "model.bin").exists(), reason="the sample model is not here")
def test_every_way_hears_words_and_tells_its_time(bench: Any) -> None:
    import argparse

    from whisperdiar import load

    chosen = argparse.Namespace(
        model=MODEL,
        language="en",
        compute_type="auto",
        batch_size=0,
        beam_size=1,
        device="cpu",
        threads=1,
        without_timestamps=True,
    )
    contest = bench.Contest(chosen, bench.WAYS)
    audio = load(BENCHMARKS.parent / "samples" / "standup.mp4", end=10.0)
    for way in bench.WAYS:
        run = contest.run(way, audio)
        assert run.words, way
        assert run.decoding > 0
        assert (run.speech > 0) == (way != "sequential")
