"""Turns of a stream of probabilities: those of the whole, however it comes, and what is settled stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.streams import by_speaker, cut
from whisperdiar.diarization._shared.activity_stream import ActivityStream
from whisperdiar.diarization._shared.activity_turns import Frames, to_turns
from whisperdiar.options.speaker_activity import PostProcessing
from whisperdiar.types import ANY_SPEAKERS, Samples, SpeakerCount, Turn

RATE_HZ = 1000
FRAME_S = 0.08
FRAME = 80
RULES = [
    PostProcessing(),
    PostProcessing(min_duration_off=0.5, min_duration_on=0.3),
    PostProcessing(onset=0.6, offset=0.5, pad_onset=0.23, pad_offset=0.08, min_duration_on=0.5, min_duration_off=0.3),
    PostProcessing(onset=0.56, offset=1.0, pad_onset=0.06, min_duration_on=0.01, min_duration_off=0.15),
]


class Listener:
    """A network whose answers are known; it is `late` frames behind."""

    def __init__(self, values: NDArray[np.float32], late: int) -> None:
        self.n_speakers = values.shape[1]
        self._values, self._late = values, late
        self._n_samples = self._given = 0

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        self._n_samples += len(samples)
        return self._give(max(self._given, self._n_samples // FRAME - self._late))

    def finish(self) -> NDArray[np.float32]:
        return self._give(len(self._values))

    def _give(self, until: int) -> NDArray[np.float32]:
        found = self._values[self._given : until]
        self._given = until
        return found


@st.composite
def activities(draw: st.DrawFn) -> NDArray[np.float32]:
    """Somebody talks, pauses, hesitates: runs of probabilities of one to four speakers."""
    levels = st.sampled_from([0.0, 0.1, 0.45, 0.52, 0.58, 0.7, 1.0])
    columns = []
    for _each in range(draw(st.integers(1, 4))):
        runs = draw(st.lists(st.tuples(levels, st.integers(1, 30)), min_size=1, max_size=12))
        columns.append(np.concatenate([np.full(length, level, np.float32) for level, length in runs]))
    n_frames = max(map(len, columns))
    return np.stack([np.pad(column, (0, n_frames - len(column))) for column in columns], axis=1)


def listen(
    values: NDArray[np.float32], rules: PostProcessing, sizes: list[int], *, late: int, most: int | None, first: bool
) -> tuple[Turn, ...]:
    """All turns of a stream; at each step what was settled before is still there."""
    frames = Frames(name="known", duration=FRAME_S, units=8, bridge_first=first)
    stream = ActivityStream(Listener(values, late), rules, frames=frames, most=most, rate=RATE_HZ)
    at = step = 0
    before: tuple[tuple[Turn, ...], float] = ((), 0.0)
    while at < len(values) * FRAME:
        size = min(sizes[step % len(sizes)], len(values) * FRAME - at)
        stream.feed(np.zeros(size, np.float32), speech_until=0.0)
        at, step = at + size, step + 1
        before = check_settled(stream, before)
    stream.settle()
    check_settled(stream, before)
    assert stream.settled == pytest.approx(len(values) * FRAME_S)
    return stream.turns(0.0)


def check_settled(stream: ActivityStream, before: tuple[tuple[Turn, ...], float]) -> tuple[tuple[Turn, ...], float]:
    turns, settled = before
    now = stream.turns(0.0)
    assert stream.settled >= settled
    assert cut(now, settled) == cut(turns, settled)
    return now, stream.settled


@given(
    values=activities(),
    rules=st.sampled_from(RULES),
    sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=5),
    late=st.integers(0, 20),
    first=st.booleans(),
)
@settings(max_examples=examples(60))
def test_a_stream_has_the_turns_of_the_whole(
    values: NDArray[np.float32], rules: PostProcessing, sizes: list[int], late: int, first: bool
) -> None:
    frames = Frames(name="known", duration=FRAME_S, units=8, bridge_first=first)
    whole = to_turns("r", values, rules, ANY_SPEAKERS, frames=frames, duration=len(values) * FRAME_S)
    found = listen(values, rules, sizes, late=late, most=None, first=first)
    assert by_speaker(found) == by_speaker(whole.turns)
    # Who of two that begin at once ends first, and is named first in the whole, nobody knows yet.
    begins = {turn.speaker: turn.start for turn in reversed(found)}
    assert [begins[name] for name in sorted(begins)] == sorted(begins.values())


@given(values=activities(), sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=5), most=st.integers(1, 3))
@example(  # two begin at once, and nothing is settled yet
    values=np.array([[0.52, 0.52]] * 4 + [[0.0, 0.52]] * 3, np.float32), sizes=[1], most=1
)
@settings(max_examples=examples(30))
def test_no_more_speakers_than_are_asked_for(values: NDArray[np.float32], sizes: list[int], most: int) -> None:
    frames = Frames(name="known", duration=FRAME_S, units=8)
    whole = to_turns("r", values, RULES[1], ANY_SPEAKERS, frames=frames, duration=len(values) * FRAME_S)
    found = listen(values, RULES[1], sizes, late=3, most=most, first=False)
    assert len({turn.speaker for turn in found}) <= most
    # Nothing of what somebody says is lost with his label.
    assert any(found) == any(whole.turns)
    few = to_turns("r", values, RULES[1], SpeakerCount(None, 1), frames=frames, duration=len(values) * FRAME_S)
    one = listen(values, RULES[1], sizes, late=3, most=1, first=False)
    assert cut(one, 1e9) == cut(few.turns, 1e9)


def test_an_hour_is_not_held() -> None:
    """What lies before a pause is let go, however long the stream."""
    values = np.tile(np.repeat([1.0, 0.0], [25, 50]), 600)[:, None].astype(np.float32)
    frames = Frames(name="known", duration=FRAME_S, units=8)
    stream = ActivityStream(Listener(values, 0), RULES[1], frames=frames, most=None, rate=RATE_HZ)
    for _each in range(len(values) // 25):
        stream.feed(np.zeros(25 * FRAME, np.float32), speech_until=0.0)
        assert len(stream._values) < 500
    stream.settle()
    assert len(stream.turns(0.0)) == 600
