"""Speaker activities: the frames of a span, labels, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sounds import silence
from whisperdiar import Diarization, Span, SpeakerActivity, Turn
from whisperdiar.diarization._activity_files import save_or_warn


def activity(n_frames: int = 100, *, step: float = 0.01, start: float = 0.0) -> SpeakerActivity:
    values = np.arange(2 * n_frames, dtype=np.float32).reshape(n_frames, 2)
    return SpeakerActivity(values, ("A", ""), step, start)


@given(st.integers(0, 99), st.integers(1, 99), st.sampled_from([0.01, 0.08, 0.0167]), st.floats(-100.0, 36_000.0))
def test_a_span_on_the_bounds_of_frames_touches_these_alone(first: int, length: int, step: float, start: float) -> None:
    found = activity(200, step=step, start=start)
    span = Span(start + first * step, start + (first + length) * step)
    np.testing.assert_array_equal(found.within(span), found.values[first : first + length])


@given(st.floats(0.0, 0.999), st.floats(0.0, 0.5))
def test_every_instant_has_a_frame(start: float, length: float) -> None:
    rows = activity(200).within(Span(start, start + length))
    assert len(rows) >= 1
    assert len(rows) <= length / 0.01 + 2


def test_outside_there_is_nothing() -> None:
    assert activity().within(Span(1.0, 2.0)).shape == (0, 2)
    assert activity(start=5.0).within(Span(0.0, 5.0)).shape == (0, 2)


def test_sixteen_bits_and_memory_maps_are_read_by_stretches(tmp_path: Path) -> None:
    path = tmp_path / "values.npy"
    np.save(path, np.ones((1000, 3), np.float16))
    found = SpeakerActivity(np.load(path, mmap_mode="r"), ("A", "B", "C"), 0.01)
    assert found.within(Span(1.0, 2.0)).dtype == np.float32
    assert isinstance(found.values, np.memmap)


@pytest.mark.parametrize(
    ("values", "speakers", "step"),
    [
        (np.zeros((5, 2), np.float32), ("A",), 0.1),
        (np.zeros(5, np.float32), ("A",), 0.1),
        (np.zeros((5, 1)), ("A",), 0.1),
        (np.zeros((5, 1), np.float32), ("A",), 0.0),
    ],
)
def test_what_does_not_go_together_is_refused(values: np.ndarray, speakers: tuple[str, ...], step: float) -> None:
    with pytest.raises(ValueError, match="activity"):
        SpeakerActivity(values, speakers, step)


def test_labels_follow_those_of_the_turns() -> None:
    turns = (Turn(Span(0.0, 0.5), "B"), Turn(Span(0.5, 1.0), "A"))
    found = Diarization("r", turns, activity=SpeakerActivity(np.zeros((9, 3), np.float32), ("A", "B", ""), 0.1))
    renamed = found.relabelled()
    assert renamed.activity is not None
    assert renamed.activity.speakers == ("SPEAKER_01", "SPEAKER_00", "")
    assert renamed == Diarization("r", renamed.turns), "an activity takes no part in comparisons"
    assert "activity" not in repr(renamed)


def test_a_file_that_cannot_be_written_costs_a_warning_and_no_turns(tmp_path: Path) -> None:
    result = Diarization("r", (Turn(Span(0.0, 1.0), "A"),), activity=activity())
    found = save_or_warn(str(tmp_path / "none" / "a.npz"), result, silence(1.0))
    assert found == Diarization("r", result.turns, found.warnings)
    assert found.warnings[0].startswith("the probabilities were not saved: ")
    nobody = save_or_warn(str(tmp_path / "a.npz"), Diarization("r"), silence(1.0))
    assert nobody.warnings == (f"{tmp_path / 'a.npz'} was not written: nobody speaks",)
