"""Online diarization of the diarizer `onnx`, with networks that hear tones: each speaker is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.sounds import RATE_HZ
from tests.streams import STREAM, by_speaker, cut, hear_stream
from whisperdiar.diarization._shared.windows import WindowGrid
from whisperdiar.diarization.onnx import online
from whisperdiar.diarization.onnx.online import OnlineDiarization
from whisperdiar.types import ANY_SPEAKERS, Samples, Span, SpeakerCount, Turn

TONES_HZ = (250.0, 600.0, 1300.0, 2600.0)
FRAME = 320
N_LOCAL = 4


def play(turns: list[tuple[int, float]], gap: float = 0.2) -> tuple[Samples, list[tuple[int, float, float]]]:
    """Who (number of the tone) talks for how long, one after another: the sound, and the truth."""
    parts, truth, at = [], [], 0.0
    for who, seconds in turns:
        n = round(seconds * RATE_HZ)
        parts += [np.sin(2 * np.pi * TONES_HZ[who] * np.arange(n) / RATE_HZ), np.zeros(round(gap * RATE_HZ))]
        truth.append((who, at, at + seconds))
        at += seconds + gap
    sound: Samples = (0.1 * np.concatenate(parts)).astype(np.float32)
    return sound, truth


class Segmentation:
    """Hears which tones sound; its local speakers have other numbers in each window."""

    window = 10.0

    def __init__(self) -> None:
        self.n_windows = 0

    def grid(self, audio: Any) -> WindowGrid:
        length = round(self.window * RATE_HZ)
        return WindowGrid(
            n_samples=audio.samples.shape[1],
            length=length,
            step=RATE_HZ,
            sample_rate=RATE_HZ,
            n_frames=length // FRAME,
            frame_step=FRAME / RATE_HZ,
            frame_duration=FRAME / RATE_HZ,
        )

    def scores(self, audio: Any, grid: WindowGrid, *, report: Any) -> tuple[Any, NDArray[np.bool_]]:
        del report
        self.n_windows += 1
        frames = audio.samples[0][: grid.n_frames * FRAME].reshape(grid.n_frames, FRAME)
        angles = 2 * np.pi * np.outer(np.arange(FRAME) / RATE_HZ, TONES_HZ)
        power = (frames @ np.sin(angles)) ** 2 + (frames @ np.cos(angles)) ** 2
        talks = power > 0.2 * (0.1 * FRAME / 2) ** 2
        heard = [tone for tone in np.argsort(-talks.sum(axis=0), kind="stable") if talks[:, tone].any()][:N_LOCAL]
        found = np.zeros((1, grid.n_frames, N_LOCAL), bool)
        for tone, place in zip(heard, np.random.default_rng(self.n_windows).permutation(N_LOCAL), strict=False):
            found[0, :, place] = talks[:, tone]
        return found, found


class Online(OnlineDiarization):
    """A voice is how loud each tone is; what is a hair's breadth off each time."""

    def _embed(self, span: Span, mask: NDArray[np.bool_], grid: WindowGrid, origin: float) -> NDArray[np.float32]:
        part = self._cut(round(span.start * RATE_HZ), round(span.end * RATE_HZ))
        angles = 2 * np.pi * np.outer(np.arange(len(part)) / RATE_HZ, TONES_HZ)
        loud = np.abs(part @ np.exp(1j * angles)) / max(1, len(part))
        found = np.concatenate([loud, 0.02 * np.abs(np.sin(100.0 * span.end + np.arange(4)))])
        return np.asarray(found / max(float(np.linalg.norm(found)), 1e-9), np.float32)


class Diarizer:
    def __init__(self) -> None:
        self.segmentation = Segmentation()

    def stream(self, *, speakers: SpeakerCount = ANY_SPEAKERS, **times: float) -> OnlineDiarization:
        return Online(
            self.segmentation,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            threshold=0.4,
            most=speakers.maximum,
            **times,
        )


def check(found: tuple[Turn, ...], truth: list[tuple[int, float, float]], *, off: float = 0.15) -> None:
    """Each tone has one label, those in order of appearance, and its turns lie where it sounds."""
    order = list(dict.fromkeys(who for who, _start, _end in truth))
    for who, start, end in truth:
        inside = [turn for turn in found if turn.start < end - off and turn.end > start + off]
        assert {turn.speaker for turn in inside} == {f"SPEAKER_{order.index(who):02d}"}, (who, start, end, found)
        assert inside[0].start == pytest.approx(start, abs=off) or inside[0].start < start
        assert inside[-1].end == pytest.approx(end, abs=off) or inside[-1].end > end


def test_everybody_keeps_a_label_however_often_somebody_else_talks() -> None:
    sound, truth = play([(0, 4.0), (1, 3.0), (0, 2.0), (2, 5.0), (1, 2.5), (3, 4.0), (0, 3.0), (2, 2.0), (3, 2.0)])
    check(hear_stream(Diarizer(), sound), truth)


@given(
    turns=st.lists(st.tuples(st.integers(0, 2), st.floats(2.5, 4.0)), min_size=1, max_size=4),
    longest=st.floats(0.05, 6.0),
)
@settings(max_examples=examples(15))
def test_labels_do_not_depend_on_how_the_stream_is_cut(turns: list[tuple[int, float]], longest: float) -> None:
    merged = [item for number, item in enumerate(turns) if not number or item[0] != turns[number - 1][0]]
    sound, truth = play([(who, round(seconds, 2)) for who, seconds in merged])
    check(hear_stream(Diarizer(), sound, longest=longest), truth)


def test_no_more_speakers_than_are_asked_for() -> None:
    sound, _truth = play([(0, 4.0), (1, 4.0), (2, 4.0), (0, 3.0)])
    found = hear_stream(Diarizer(), sound, speakers=SpeakerCount(None, 2))
    assert {turn.speaker for turn in found} == {"SPEAKER_00", "SPEAKER_01"}
    assert sum(turn.span.duration for turn in found) == pytest.approx(15.0, abs=0.8)


def test_a_new_voice_waits_for_enough_of_it_and_no_longer_than_patience() -> None:
    """What somebody says first is settled once he is known: the words wait for the speaker, for a bounded time."""
    sound, _truth = play([(0, 6.0), (1, 5.0)])
    stream = Diarizer().stream(**STREAM)
    waited, known = 0.0, None
    for at in range(0, len(sound), RATE_HZ // 4):
        stream.feed(sound[at : at + RATE_HZ // 4], speech_until=1e9)
        now = (at + RATE_HZ // 4) / RATE_HZ
        if 7.5 < now < 11.0:
            waited = max(waited, now - stream.settled)
        if known is None and stream.settled > 6.3:
            known = now
    assert STREAM["delay"] + 0.5 < waited <= STREAM["patience"] + 1.0
    assert known is not None
    assert 6.2 + STREAM["new_speaker"] <= known < 6.2 + STREAM["new_speaker"] + 1.0


def test_one_sentence_of_a_stranger_has_a_speaker_once_patience_ends() -> None:
    sound, _truth = play([(0, 6.0), (1, 1.4), (0, 6.0)])
    found = hear_stream(Diarizer(), sound)
    assert [turn.speaker for turn in found if turn.start < 7.0 < turn.end] == ["SPEAKER_01"]
    sound, _truth = play([(0, 6.0), (1, 0.5), (0, 6.0)])
    found = hear_stream(Diarizer(), sound)
    assert {turn.speaker for turn in found} == {"SPEAKER_00"}, "half a second tells nothing of a voice"


def test_silence_is_not_heard() -> None:
    diarizer = Diarizer()
    stream = diarizer.stream(**STREAM)
    sound, _truth = play([(0, 3.0)])
    stream.feed(sound, speech_until=3.0)
    before = diarizer.segmentation.n_windows
    for _each in range(100):
        stream.feed(np.zeros(RATE_HZ, np.float32), speech_until=3.0)
    assert diarizer.segmentation.n_windows <= before + 4
    assert stream.settled >= 100.0
    sound, _truth = play([(0, 3.0), (1, 3.0)])
    stream.feed(sound, speech_until=110.0)
    stream.settle()
    found = stream.turns(0.0)
    assert [turn.speaker for turn in found] == ["SPEAKER_00", "SPEAKER_00", "SPEAKER_01"]
    assert found[1].start == pytest.approx(103.2, abs=0.1)


def test_memory_is_bounded_and_who_was_heard_long_ago_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches that are remembered are the longest of each speaker and the last ones."""
    monkeypatch.setattr(online, "_RECENT", 6)
    monkeypatch.setattr(online, "_KEPT_PER_SPEAKER", 2)
    sound, truth = play([(3, 4.0), *[(0, 2.5), (1, 2.5)] * 12, (3, 4.0)])
    stream = Diarizer().stream(**STREAM)
    for at in range(0, len(sound), 2 * RATE_HZ):
        stream.feed(sound[at : at + 2 * RATE_HZ], speech_until=1e9)
        assert len(stream._closed) <= 6 + 2 * 3
        assert len(stream._sound) <= 31 * RATE_HZ
    stream.settle()
    check(stream.turns(0.0), truth)


def test_nothing_comes_of_nothing() -> None:
    stream = Diarizer().stream(**STREAM)
    stream.settle()
    assert stream.turns(0.0) == ()
    stream = Diarizer().stream(**STREAM)
    stream.feed(np.zeros(5 * RATE_HZ, np.float32), speech_until=9.0)
    stream.settle()
    assert (stream.turns(0.0), stream.settled) == ((), 5.0)


def test_two_who_talk_at_once_are_both_heard() -> None:
    sound, _truth = play([(0, 4.0), (1, 4.0), (0, 4.0)])
    other, _truth = play([(1, 1.5)])
    sound[round(9.5 * RATE_HZ) : round(11.0 * RATE_HZ)] += other[: round(1.5 * RATE_HZ)]
    found = hear_stream(Diarizer(), sound)
    both = [turn.speaker for turn in found if turn.start < 10.3 < turn.end]
    assert sorted(both) == ["SPEAKER_00", "SPEAKER_01"]
    assert len(by_speaker(found)) == 2
    assert cut(found, 20.0)
