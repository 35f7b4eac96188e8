"""Sliding windows: where they lie and what they say together, as pyannote.audio has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar import Audio, Span, Turn
from whisperdiar.diarization._shared.windows import (
    NOBODY,
    WindowGrid,
    activations,
    count_speakers,
    count_windows,
    find_active_spans,
    mean_activations,
    read_mono,
    select_speaking,
    speaker_activity,
)

RATE = 16_000


def grid(seconds: float, *, window: float = 5.0, step: float = 0.5) -> WindowGrid:
    return WindowGrid(
        n_samples=round(seconds * RATE),
        length=round(window * RATE),
        step=round(step * RATE),
        sample_rate=RATE,
        n_frames=293 if window == 5.0 else 115,
        frame_step=270 / RATE,
        frame_duration=991 / RATE,
    )


def theirs(data: Any, at: WindowGrid) -> tuple[Any, Any]:
    """Scores and frames in the form that pyannote.audio wants."""
    core = pytest.importorskip("pyannote.core", reason="pyannote.audio is not installed")
    windows = core.SlidingWindow(start=0.0, duration=at.length / RATE, step=at.step / RATE)
    frames = core.SlidingWindow(start=0.0, duration=at.frame_duration, step=at.frame_step)
    return core.SlidingWindowFeature(data, windows), frames


@pytest.mark.parametrize(("seconds", "expected"), [(1.0, 1), (5.0, 1), (5.2, 2), (5.5, 2), (6.01, 4), (60.0, 111)])
def test_windows_cover_the_recording(seconds: float, expected: int) -> None:
    assert grid(seconds).n_windows == expected


def test_frames_of_the_recording_hold_those_of_every_window() -> None:
    for seconds in (1.0, 5.0, 7.3, 61.7):
        at = grid(seconds)
        last = at.first_frame(at.n_windows - 1) + at.n_frames
        assert last - 2 <= at.total_frames <= last + 8


@settings(max_examples=examples(25), deadline=None)
@given(st.floats(0.1, 40.0), st.sampled_from([0.25, 0.5, 5.0]), st.integers(0, 99))
def test_means_over_windows_are_probabilities(seconds: float, step: float, seed: int) -> None:
    at = grid(seconds, step=step)
    rng = np.random.default_rng(seed)
    active = rng.random((at.n_windows, at.n_frames, 3)) < 0.5
    clusters = rng.integers(0, 4, (at.n_windows, 3))
    heard = np.zeros(at.total_frames)
    for window in range(at.n_windows):
        heard[at.first_frame(window) :][: at.n_frames] += 1
    np.testing.assert_array_equal(count_windows(at), heard)
    means = mean_activations(activations(active, clusters, at), at)
    assert 0.0 <= means.min() <= means.max() <= 1.0
    always = mean_activations(activations(np.ones_like(active), np.zeros_like(clusters), at), at)
    assert (always[heard[: len(always)] > 0] == 1.0).all()
    # Frames stand for times up to the end of the recording.
    assert abs(at.frame_duration / 2 + len(means) * at.frame_step - seconds) <= max(at.frame_step, at.frame_duration)


def test_an_activity_has_a_column_for_whoever_has_a_turn() -> None:
    at = grid(5.0)
    turns = [Turn(Span(0.0, 1.0), "SPEAKER_02"), Turn(Span(1.0, 2.0), "SPEAKER_00")]
    found = speaker_activity(np.ones((200, 2), np.float32), turns, at)
    assert found.speakers == ("SPEAKER_00", "", "SPEAKER_02")
    assert found.values[0].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("seconds", [3.0, 9.2, 31.4])
def test_counts_and_activations_are_those_of_pyannote(seconds: float) -> None:
    pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
    from pyannote.audio.pipelines import SpeakerDiarization

    at = grid(seconds)
    random = np.random.default_rng(0)
    active = random.random((at.n_windows, at.n_frames, 3)) > 0.6
    wrapped, frames = theirs(active.astype(np.float32), at)
    expected = SpeakerDiarization.speaker_count(wrapped, frames, warm_up=(0.0, 0.0))
    count = count_speakers(active, at)
    np.testing.assert_array_equal(count, expected.data[:, 0])

    scores = random.random(active.shape).astype(np.float32)
    clusters = random.integers(0, 4, size=(at.n_windows, 3))
    clusters[random.random(clusters.shape) < 0.2] = NOBODY
    wrapped, _ = theirs(scores, at)
    expected_who = SpeakerDiarization.reconstruct(SpeakerDiarization, wrapped, clusters.copy(), expected).data
    summed = activations(scores, clusters, at)
    found = select_speaking(summed, count)
    # Of equals, pyannote.audio takes the one that NumPy happens to sort first.
    ranked = -np.sort(-np.pad(summed, ((0, 0), (1, 1)), constant_values=(np.inf, -np.inf)), axis=1)
    places = np.arange(len(count)), np.minimum(count, summed.shape[1])
    clear = ranked[places] > ranked[places[0], places[1] + 1]
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found[clear], expected_who.astype(bool)[clear])


def test_more_at_once_than_there_are_clusters() -> None:
    who = select_speaking(np.array([[1.0], [1.0], [0.0]], np.float32), np.array([2, 1, 0]))
    assert who.tolist() == [[True, True], [True, False], [False, False]]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=200), st.sampled_from([0.0, 0.05, 0.3]))
def test_stretches_are_those_of_pyannote(active: list[bool], fill: float) -> None:
    core = pytest.importorskip("pyannote.core", reason="pyannote.audio is not installed")
    from pyannote.audio.utils.signal import Binarize

    at = grid(10.0)
    frames = core.SlidingWindow(start=0.0, duration=at.frame_duration, step=at.frame_step)
    scores = core.SlidingWindowFeature(np.array(active, dtype=np.float32)[:, None], frames)
    expected = Binarize(onset=0.5, offset=0.5, min_duration_off=fill)(scores)
    found = find_active_spans(np.array(active), at, fill=fill)
    np.testing.assert_allclose(
        np.array(found).reshape(-1, 2), np.array([(s.start, s.end) for s in expected.itersegments()]).reshape(-1, 2)
    )


def test_a_stretch_of_sound_is_filled_with_silence_beyond_the_recording() -> None:
    audio = Audio(np.stack([np.arange(1, 11), np.arange(3, 13)]).astype(np.float32), RATE)
    assert read_mono(audio, 8, 13).tolist() == [10.0, 11.0, 0.0, 0.0, 0.0]
    assert read_mono(audio, -2, 2).tolist() == [0.0, 0.0, 2.0, 3.0]
    assert read_mono(audio, 20, 23).tolist() == [0.0, 0.0, 0.0]
    assert read_mono(audio, -9, -5).tolist() == [0.0, 0.0, 0.0, 0.0]
