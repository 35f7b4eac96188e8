"""Speaker activities: the frames of a span, labels, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sounds import conversation, silence
from whisperdiar import Diarization, OutputError, Pipeline, Span, SpeakerActivity, Turn
from whisperdiar.activity_files import save_or_warn
from whisperdiar.diarization._shared.activity import compact, labels_of_columns
from whisperdiar.diarization._shared.speech_frames import SpeechFrames, speakers_by_appearance
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.diarization.none import Backend as NoDiarizer
from whisperdiar.vad.none import Backend as NoVad


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
    renamed = found.relabel()
    assert renamed.activity is not None
    assert renamed.activity.speakers == ("SPEAKER_01", "SPEAKER_00", "")
    assert renamed == Diarization("r", renamed.turns), "an activity takes no part in comparisons"
    assert "activity" not in repr(renamed)


def test_a_file_that_cannot_be_written_costs_a_warning_and_no_turns(tmp_path: Path) -> None:
    result = Diarization("r", (Turn(Span(0.0, 1.0), "A"),), activity=activity())
    found = save_or_warn(str(tmp_path / "none" / "a.npz"), result, silence(1.0))
    assert found == Diarization("r", result.turns, found.warnings)
    assert found.warnings[0].startswith("the activity was not saved: ")
    nobody = save_or_warn(str(tmp_path / "a.npz"), Diarization("r"), silence(1.0))
    assert nobody.warnings == (f"{tmp_path / 'a.npz'} was not written: nobody speaks",)
    without = save_or_warn(str(tmp_path / "a.npz"), Diarization("r", result.turns), silence(1.0))
    assert without.warnings == (f"{tmp_path / 'a.npz'} was not written: the diarizer gave no activity",)


def pipeline(diarizer: Any, save: Path | None) -> Pipeline:
    return Pipeline(detector=NoVad(), diarizer=diarizer, save_activity=None if save is None else str(save))


def test_the_pipeline_saves_the_activity_of_any_diarizer(tmp_path: Path) -> None:
    audio, _ = conversation()
    later = replace(audio, recording_id="meeting", start=5.0)
    path = tmp_path / "meeting.npz"
    found = pipeline(Bic(), path).turns(later, speech=[Span(0.0, audio.duration)])
    assert found.activity is not None
    assert not found.warnings
    with np.load(path, allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["probabilities"], found.activity.values)
        assert saved["labels"].tolist() == list(found.activity.speakers)
        assert (saved["frame_duration"], saved["start"]) == (0.01, 5.0)
        assert (saved["kind"], saved["recording_id"]) == ("likelihood", "meeting")
    assert list(tmp_path.iterdir()) == [path]
    path.unlink()
    assert pipeline(Bic(), path).run(later).turns
    assert path.is_file()


def test_a_file_that_cannot_be_written_loses_nothing(tmp_path: Path) -> None:
    audio, _ = conversation()
    whole = pipeline(Bic(), None).run(audio)
    with pytest.raises(OutputError, match="its folder does not exist; make it first"):
        pipeline(Bic(), tmp_path / "none" / "a.npz").run(audio)
    with pytest.raises(OutputError, match="the name is too long"):
        pipeline(Bic(), tmp_path / ("x" * 300 + ".npz")).run(audio)
    left = pipeline(Bic(), Path("/dev/full")).run(audio)
    assert left.turns == whole.turns
    (warning,) = left.provenance["warnings"]
    assert warning.startswith("the activity was not saved: ")
    nobody = pipeline(NoDiarizer(), tmp_path / "a.npz").run(audio)
    assert "was not written: nobody speaks" in nobody.provenance["warnings"][0]


@given(st.integers(1, 40), st.integers(1, 5), st.floats(-1e6, 1e6))
def test_few_values_are_kept_as_they_are(n_frames: int, n_columns: int, value: float) -> None:
    kept = compact(np.full((n_frames, n_columns), value))
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept, np.clip(value, -60_000, 60_000), rtol=1e-6, atol=1e-30)


def test_hours_have_sixteen_bits() -> None:
    ten_hours = compact(np.full((2_133_333, 10), 0.25, np.float32), divisors=np.full(2_133_333, 0.5, np.float32))
    assert ten_hours.dtype == np.float16
    assert ten_hours.nbytes < 43e6
    assert (ten_hours[::100_000] == 0.5).all()


def test_columns_are_labelled_by_the_first_turn() -> None:
    frames = SpeechFrames.of([Span(0.0, 1.0), Span(2.0, 3.0)], silence(3.0), hop=0.1, n_frames=30)
    labels = np.array([4] * 5 + [1] * 5 + [4] * 5 + [0] * 5)
    names = speakers_by_appearance(labels, 6)
    assert names == ("SPEAKER_02", "SPEAKER_01", "", "", "SPEAKER_00", "")
    assert [turn.speaker for turn in frames.turns(labels)] == [names[number] for number in (4, 1, 4, 0)]
    turns = (Turn(Span(0.0, 1.0), "B"),)
    assert labels_of_columns(("A", "B"), turns) == ("", "B")
