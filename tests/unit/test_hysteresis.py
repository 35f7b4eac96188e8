"""Probabilities become turns by NeMo's own rules."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from whisperdiar.diarization._shared.activity_turns import find_spans
from whisperdiar.options import POSTPROCESSING, PostProcessing
from whisperdiar.types import Span

_OFF_THE_GRID = 0.0033  # no duration of whole units is equal to a limit, where rounding would decide


def frames(*runs: tuple[float, int]) -> NDArray[np.float32]:
    return np.concatenate([np.full(n, value, np.float32) for value, n in runs])


def found(probabilities: NDArray[np.float32], **rules: float) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in find_spans(probabilities, PostProcessing(**rules))]


def test_speech_starts_above_the_onset_and_goes_on_down_to_the_offset() -> None:
    rising = frames((0.1, 5), (0.5, 5), (0.7, 5), (0.5, 5), (0.3, 5), (0.5, 5))
    assert found(rising, onset=0.6, offset=0.4) == [(0.8, 1.6)]
    assert found(rising, onset=0.4, offset=0.4) == [(0.4, 1.6), (2.0, 2.39)], "speech at the end ends a unit early"
    assert found(frames((0.1, 9)), onset=0.5) == []
    assert found(np.zeros(0, np.float32)) == []


def test_padding_stays_inside_the_recording_and_joins_what_then_touches() -> None:
    two = frames((0.9, 5), (0.0, 5), (0.9, 5), (0.0, 5))
    assert found(two, pad_onset=0.1, pad_offset=0.2) == [(0.0, 0.6), (0.7, 1.4)]
    assert found(two, pad_onset=0.2, pad_offset=0.2) == [(0.0, 1.4)], "exactly as much padding as pause"


def test_short_turns_are_dropped_before_short_pauses_are_filled() -> None:
    three = frames((0.9, 10), (0.0, 3), (0.9, 1), (0.0, 3), (0.9, 10), (0.0, 3))
    assert found(three, min_duration_off=0.25) == [(0.0, 2.16)]
    assert found(three, min_duration_off=0.24) == [(0.0, 0.8), (1.04, 1.12), (1.36, 2.16)], "as long as the limit stays"
    assert found(three, min_duration_on=0.08) == [(0.0, 0.8), (1.04, 1.12), (1.36, 2.16)]
    assert found(three, min_duration_on=0.09, min_duration_off=0.25) == [(0.0, 0.8), (1.36, 2.16)]


def test_times_stay_exact_after_ten_hours() -> None:
    late = np.zeros(450_000, np.float32)
    late[-30:-20] = 0.9
    assert found(late) == [(36_000 - 30 * 0.08, 36_000 - 20 * 0.08)]


_QUIET = np.zeros(8, np.float32)
"""Before each matrix: where padding reaches beyond the beginning more than once, NeMo may lose speech, since it sorts
turns that all start at 0 in any order."""


def _matrix(seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.2, 2.0, 2)
    return np.concatenate([_QUIET, rng.beta(a, b, rng.integers(1, 100)).astype(np.float32)])


matrices = st.integers(0, 2**32 - 1).map(_matrix)
levels = st.integers(0, 100).map(lambda n: n / 100)
durations = st.integers(0, 60).map(lambda n: n / 100 + _OFF_THE_GRID)


def by_nemo(probabilities: NDArray[np.float32], rules: PostProcessing) -> NDArray[np.float64]:
    """NeMo's answer (n, 2), less the turns without length, which only it keeps."""
    torch = pytest.importorskip("torch")
    vad_utils = _vad_utils()
    parameters = {name: getattr(rules, name) for name in PostProcessing.__slots__}
    answer = vad_utils.ts_vad_post_processing(torch.from_numpy(probabilities), parameters)
    pairs = np.asarray(answer.tolist(), np.float64).reshape(-1, 2)
    return pairs[pairs[:, 1] > pairs[:, 0] + 1e-4]


def _vad_utils() -> Any:
    pytest.importorskip("nemo", reason="NVIDIA NeMo is not installed")
    from whisperdiar.diarization.sortformer.model import silence_loading

    with silence_loading():
        from nemo.collections.asr.parts.utils import vad_utils
    return vad_utils


def same(ours: tuple[Span, ...], theirs: NDArray[np.float64]) -> bool:
    mine = np.array([(span.start, span.end) for span in ours]).reshape(-1, 2)
    return mine.shape == theirs.shape and np.allclose(mine, theirs, atol=1e-4)


@pytest.mark.model
@given(matrices, levels, levels, durations, durations, durations, durations)
@settings(max_examples=examples(60))
def test_the_rules_are_nemos_own(
    probabilities: NDArray[np.float32],
    onset: float,
    offset: float,
    pad_onset: float,
    pad_offset: float,
    min_on: float,
    min_off: float,
) -> None:
    rules = PostProcessing(
        onset=onset,
        offset=offset,
        pad_onset=pad_onset,
        pad_offset=pad_offset + 0.0011,  # nor is their sum
        min_duration_on=min_on + 0.0023,
        min_duration_off=min_off,
    )
    assert same(find_spans(probabilities, rules), by_nemo(probabilities, rules))


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(POSTPROCESSING))
def test_published_values_give_nemos_turns(name: str) -> None:
    rules = POSTPROCESSING[name]
    compared = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.beta(0.4, 0.4, 30), rng.integers(1, 12, 30)).astype(np.float32)
        held = np.concatenate([_QUIET, values])
        ours = find_spans(held, rules)
        less, more = (
            find_spans(held, replace(rules, pad_offset=max(0.0, rules.pad_offset + shift))) for shift in (-1e-5, 1e-5)
        )
        # Where a pause is exactly as long as the padding, the last digit of NeMo's floats decides.
        if len(less) == len(ours) == len(more):
            compared += 1
            assert same(ours, by_nemo(held, rules)), seed
    assert compared > 10


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.05, 0.3]), st.sampled_from([0.0, 0.05, 0.5]))
def test_bridging_first_saves_speech_in_pieces(seed: int, shortest: float, pause: float) -> None:
    column = np.random.default_rng(seed).random(300).astype(np.float32)
    rules = PostProcessing(min_duration_on=shortest, min_duration_off=pause)
    found = find_spans(column, rules, frame_duration=0.01, units_per_frame=1, bridge_first=True)
    assert all(span.duration >= shortest - 1e-6 for span in found)
    assert all(b.start - a.end >= pause - 1e-6 for a, b in itertools.pairwise(found))
    # Each frame above the threshold is in a turn, or in a stretch that is too short with its pauses bridged.
    kept = np.zeros(300, bool)
    for span in found:
        kept[round(span.start * 100) : round(span.end * 100)] = True
    bridged = find_spans(column, PostProcessing(min_duration_off=pause), frame_duration=0.01, units_per_frame=1)
    lost = [span for span in bridged if not kept[round(span.start * 100)]]
    assert all(span.duration < shortest for span in lost)


def test_speech_until_the_end_ends_there() -> None:
    column = np.full(100, 0.9, np.float32)
    (found,) = find_spans(column, PostProcessing(), frame_duration=0.01, units_per_frame=1, bridge_first=True)
    assert (found.start, found.end) == (0.0, 1.0)
