"""Windows with speakers matched across them, and turns of as many speakers as asked for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whisperdiar import Diarization, Span, SpeakerCount
from whisperdiar.diarization._shared.activity_turns import Frames, refuse_too_many, to_turns
from whisperdiar.diarization.sortformer.windows import WindowJoiner, match, plan, window_seconds
from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options.speaker_activity import PostProcessing
from whisperdiar.types import ANY_SPEAKERS

Matrix = NDArray[np.float32]
NEVER = np.full(4, -1)


def speaking(*columns: tuple[int, int] | None, n_frames: int = 100) -> Matrix:
    """Each column speaks from one frame to another, or not at all."""
    matrix = np.full((n_frames, len(columns)), 0.05, np.float32)
    for i, span in enumerate(columns):
        if span is not None:
            matrix[slice(*span), i] = 0.9
    return matrix


@given(st.integers(1, 5000), st.integers(2, 800), st.integers(1, 800), st.integers(1, 20))
def test_windows_cover_the_recording(n_samples: int, window: int, overlap: int, unit: int) -> None:
    windows = plan(n_samples, window=window, overlap=overlap, unit=unit)
    longest = max(2, window // unit) * unit
    assert windows[0][0] == 0
    assert windows[-1][1] == n_samples
    for first, last in windows:
        assert first % unit == 0
        assert first < last <= first + longest
    for (first, last), (following, _) in itertools.pairwise(windows):
        assert first < following < last
        assert last - following >= min(overlap // unit, longest // unit // 2) * unit
    assert len(windows) == 1 or n_samples > longest


@given(st.integers(0, 2**32 - 1), st.integers(60, 300), st.integers(40, 100))
def test_numbers_that_change_from_window_to_window_are_put_right(seed: int, n_frames: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.51, 1.0, (n_frames, 4)).astype(np.float32)
    joined = WindowJoiner(n_frames, 4)
    for i, (first, last) in enumerate(plan(n_frames, window=window, overlap=35, unit=1)):
        order = rng.permutation(4) if i else np.arange(4)
        joined.add(first, truth[first:last][:, order])
    np.testing.assert_allclose(joined.probabilities, truth, atol=1e-6)
    assert joined.guessed == 0


def test_a_new_voice_takes_a_number_that_nobody_had() -> None:
    joined = WindowJoiner(200, 4)
    joined.add(0, speaking((0, 50), (60, 100), None, None))
    # The second window counts the other way round: the last of the first, then somebody new.
    joined.add(50, speaking((10, 50), (70, 100), None, None, n_frames=150))
    assert joined.guessed == 1, "it could be the first speaker again, who is silent in the overlap"
    heard = joined.probabilities > 0.5
    assert [tuple(np.flatnonzero(column)[[0, -1]]) for column in heard.T if column.any()] == [
        (0, 49),
        (60, 99),
        (120, 149),
    ]
    assert not heard[:, 3].any()


def test_when_all_numbers_had_somebody_the_last_who_spoke_is_taken() -> None:
    overlap = speaking((0, 20), None, None, None)
    found = match(overlap, overlap, speaking(None, (0, 20), None, None), np.array([99, 30, 60, 50]))
    assert found.order[2] == 1
    assert found.guessed == 1
    assert sorted(found.order) == [0, 1, 2, 3]


def test_nobody_is_guessed_where_only_strangers_are_left() -> None:
    overlap = speaking((0, 20), None, None, None)
    found = match(overlap, overlap[:, [1, 0, 2, 3]], speaking((5, 30), None, None, None), np.array([99, -1, -1, -1]))
    assert found.order[:2] == (1, 0)
    assert found.guessed == 0


def test_silence_and_empty_overlaps_keep_the_order() -> None:
    quiet = speaking(None, None, None, None)
    assert match(quiet, quiet, quiet, NEVER).order == (0, 1, 2, 3)
    assert match(quiet, quiet, quiet[:0], NEVER).order == (0, 1, 2, 3)


def test_windows_fade_into_each_other() -> None:
    joined = WindowJoiner(30, 1)
    joined.add(0, np.full((20, 1), 1.0, np.float32))
    joined.add(10, np.full((20, 1), 0.6, np.float32))
    column = joined.probabilities[:, 0]
    assert (np.diff(column[9:21]) < 0).all()
    assert column[9] == pytest.approx(1.0)
    assert column[20] == pytest.approx(0.6)


def test_the_window_grows_with_the_memory() -> None:
    assert window_seconds(None) == 90.0
    assert window_seconds(0) == window_seconds(10**9) == 30.0
    assert 200.0 < window_seconds(6 * 10**9) < window_seconds(12 * 10**9) < 720.0
    assert window_seconds(48 * 10**9) == 720.0


FRAMES = Frames(name="sortformer", duration=0.08, units=8)


def turns(
    matrix: Matrix, speakers: SpeakerCount = ANY_SPEAKERS, frames: Frames = FRAMES
) -> tuple[Diarization, tuple[str, ...]]:
    found = to_turns(
        "meeting", matrix, PostProcessing(), speakers, frames=frames, duration=frames.duration * len(matrix) - 0.02
    )
    assert found.activity is not None
    assert found.activity.step == frames.duration
    return found, found.activity.speakers


def test_labels_follow_first_appearance_and_overlap_stays() -> None:
    found, labels = turns(speaking((50, 80), (10, 60), None, (0, 5)))
    assert [(t.speaker, round(t.start, 2), round(t.end, 2)) for t in found.turns] == [
        ("SPEAKER_00", 0.0, 0.4),
        ("SPEAKER_01", 0.8, 4.8),
        ("SPEAKER_02", 4.0, 6.4),
    ]
    assert labels == ("SPEAKER_02", "SPEAKER_01", "", "SPEAKER_00")
    assert found.overlaps() == (Span(4.0, 4.8),)
    assert [turn.confidence for turn in found.turns] == [0.9, 0.9, 0.9]
    assert found.warnings == ()


def test_a_turn_ends_with_the_recording() -> None:
    found, _ = turns(speaking((90, 100), None))
    assert found.turns[-1].end <= 0.08 * 100 - 0.02


def test_turns_of_a_speaker_too_many_go_to_the_likeliest() -> None:
    matrix = speaking((0, 30), (40, 70), (75, 85), (88, 92))
    matrix[75:85, 1] = 0.4
    matrix[88:92, 0] = 0.4
    found, labels = turns(matrix, SpeakerCount(2, 2))
    assert [(t.speaker, round(t.start / 0.08), round(t.end / 0.08)) for t in found.turns] == [
        ("SPEAKER_00", 0, 30),
        ("SPEAKER_01", 40, 70),
        ("SPEAKER_01", 75, 85),
        ("SPEAKER_00", 88, 92),
    ]
    assert labels == ("SPEAKER_00", "SPEAKER_01", "", "")
    assert found.turns[2].confidence == 0.9
    assert found.warnings == ("2 speakers were asked for, sortformer heard 4; those who speak least went to others",)


def test_the_activity_is_what_the_turns_were_cut_from() -> None:
    matrix = speaking((0, 30), (40, 70), (75, 85), None)
    before = matrix.copy()
    whole, _ = turns(matrix)
    assert whole.activity is not None
    assert whole.activity.values is matrix, "hours are not copied"
    merged, labels = turns(matrix, SpeakerCount(2, 2))
    np.testing.assert_array_equal(matrix, before)
    assert merged.activity is not None
    for turn in merged.turns:
        assert merged.activity.within(turn.span)[:, labels.index(turn.speaker)].min() == pytest.approx(0.9)


def test_a_told_number_lowers_the_threshold_of_the_likeliest() -> None:
    matrix = speaking((0, 30), (40, 70), None, None)
    matrix[72:84, 2] = 0.3
    matrix[90:92, 3] = 0.45
    reaching = Frames(name="nemotron", duration=0.08, reaches=True)
    found, labels = turns(matrix, SpeakerCount(3, 3), reaching)
    assert [(t.speaker, round(t.start / 0.08), round(t.end / 0.08)) for t in found.turns][-1] == ("SPEAKER_02", 72, 84)
    assert labels == ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02", "")
    assert found.warnings == ("3 speakers were asked for, nemotron heard 2 clearly and 1 more faintly; check these",)
    assert len(turns(matrix, frames=reaching)[0].speakers) == 2, "without a number nobody is added"
    assert len(turns(matrix, SpeakerCount(None, 3), reaching)[0].speakers) == 2
    quiet = speaking((0, 30), None, None, None)
    assert turns(quiet, SpeakerCount(2, 2), reaching)[0].warnings == ("2 speakers were asked for, nemotron found 1",), (
        "noise is nobody"
    )


def test_values_of_sixteen_bits() -> None:
    matrix = speaking((0, 30), (40, 70), (75, 85), None)
    for count in (ANY_SPEAKERS, SpeakerCount(2, 2)):
        exact, coarse = turns(matrix, count)[0], turns(matrix.astype(np.float16), count)[0]
        assert [(t.span, t.speaker) for t in coarse.turns] == [(t.span, t.speaker) for t in exact.turns]
        assert coarse.activity is not None
        assert coarse.activity.values.dtype == np.float16


def test_too_few_speakers_are_told() -> None:
    found, _ = turns(speaking((0, 30), (40, 70), None, None), SpeakerCount(3, 3))
    assert found.warnings == ("3 speakers were asked for, sortformer found 2",)
    assert turns(speaking((0, 30), (40, 70), None, None), SpeakerCount(2, 4))[0].warnings == ()
    assert turns(speaking(None, None))[0] == Diarization("meeting")


def test_a_full_model_is_told() -> None:
    full = speaking((0, 30), (30, 60), (60, 80), (80, 100))
    (note,) = turns(full)[0].warnings
    assert note.startswith("sortformer heard 4 speakers and can tell no more apart")
    assert turns(full, SpeakerCount(3, 6))[0].warnings == (note,)
    assert turns(full, SpeakerCount(4, 4))[0].warnings == (), "they are as many as there are said to be"
    assert turns(speaking((0, 30), (30, 60), (60, 98), (98, 100)))[0].warnings == (), "the fourth hardly speaks"


@pytest.mark.parametrize("text", ["5", "5-7", "9-"])
def test_more_speakers_than_there_are_columns_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedRequest, match=f"{text} speakers: sortformer tells at most 4 apart"):
        refuse_too_many(SpeakerCount.parse(text), 4, name="sortformer")
    for allowed in ("4", "2-7", "-9"):
        refuse_too_many(SpeakerCount.parse(allowed), 4, name="sortformer")
