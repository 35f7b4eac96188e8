"""Times of a recording are those that a player shows; a part of it is that part of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.media_files import (
    MS,
    SECONDS,
    assert_here,
    build,
    cut,
    signal,
)
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.media import load
from whisperdiar.media.timeline import FrameClock


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("d.mp4", "aac"), ("d.mkv", "pcm_s16le"), ("d.mov", "pcm_s16le"), ("d.ts", "mp2"), ("d2.mkv", "aac")],
)
def test_sound_that_begins_after_the_picture_is_preceded_by_silence(folder: Path, name: str, codec: str) -> None:
    audio = load(build(folder, name, codec, video=SECONDS, delay=0.7))
    assert audio.duration == pytest.approx(0.7 + SECONDS, abs=0.03)
    assert not audio.samples[0, : round(0.65 * 16_000)].any()
    expected = np.concatenate([np.zeros(11_200), signal(SECONDS)[0]])
    assert_here(audio.samples[0], expected, within=10 * MS, least=0.95)


def test_time_starts_with_the_file_even_where_its_clock_does_not(folder: Path) -> None:
    audio = load(build(folder, "late.mkv", delay=100.0))
    assert audio.duration == pytest.approx(SECONDS, abs=0.01)
    assert_here(audio.samples[0], signal(SECONDS)[0])


@pytest.mark.parametrize("name", ["gap.mkv", "gap.nut"])
def test_gaps_become_silence_and_jitter_does_not(folder: Path, name: str) -> None:
    samples = signal(SECONDS)
    path = build(folder, name, rate=16_000, samples=samples, gaps=[(1.024, 0.8), (2.048, 0.03)])
    expected = np.concatenate([samples[0, :16_384], np.zeros(12_800), samples[0, 16_384:]])
    audio = load(path)
    assert audio.samples.shape[1] == len(expected)
    np.testing.assert_allclose(audio.samples[0], expected, atol=1e-4)


def test_the_clock_of_a_transport_stream_may_jump(folder: Path) -> None:
    more = {"samples": signal(SECONDS, rate=48_000), "gaps": [(1.008, 30.0)]}
    assert load(build(folder, "jump.mkv", **more)).duration == pytest.approx(SECONDS + 30, abs=0.05)
    assert load(build(folder, "jump.ts", "mp2", **more)).duration == pytest.approx(SECONDS, abs=0.05)


def test_times_are_right_after_overlapping_timestamps(folder: Path) -> None:
    samples = signal(SECONDS)
    path = build(folder, "over.mkv", rate=16_000, samples=samples, gaps=[(1.024, -0.06)])
    audio = load(path)
    assert audio.duration == pytest.approx(SECONDS - 0.06, abs=2 * MS)
    assert_here(audio.samples[0, 20_000:], samples[0, 20_960:])


class TestClock:
    def clock(self, longest: float | None = 100.0, **more: float) -> FrameClock:
        clock = FrameClock(longest=longest, **more)
        assert clock.place(0.0, 0.0) == 0.0
        return clock

    def test_jitter_and_missing_timestamps_run_on(self) -> None:
        clock = self.clock()
        assert clock.place(1.049, 1.0) == 1.0
        assert clock.place(None, 2.0) == 2.0
        assert clock.place(2.951, 3.0) == 3.0

    def test_a_gap(self) -> None:
        assert self.clock().place(5.0, 1.0) == 5.0

    def test_a_small_gap_counts_after_a_lost_packet(self) -> None:
        assert self.clock().place(1.02, 1.0, after_loss=True) == pytest.approx(1.02)

    def test_never_beyond_the_end_of_the_recording(self) -> None:
        clock = self.clock(longest=10.0)
        assert clock.place(1e6, 1.0) == 1.0
        assert clock.place(1e6 + 1, 2.0) == 2.0  # the same shift goes on
        assert clock.place(1e6 + 4, 3.0) == pytest.approx(5.0)

    def test_a_bound_where_the_length_is_unknown(self) -> None:
        assert self.clock(longest=None).place(500.0, 1.0) == 500.0
        assert self.clock(longest=None).place(1e5, 1.0) == 1.0

    def test_one_timestamp_ahead_of_its_neighbours_is_no_gap(self) -> None:
        assert self.clock().place(50.0, 1.0, following=1.1) == 1.0

    def test_clocks_that_may_jump(self) -> None:
        assert self.clock(longest_jump=10.0).place(50.0, 1.0) == 1.0
        assert FrameClock(longest=100.0, longest_jump=10.0).place(50.0, 0.0) == 50.0  # sound that begins late

    def test_a_clock_that_starts_again(self) -> None:
        clock = self.clock()
        assert clock.place(7.0, 7.0) == 7.0
        assert clock.place(0.0, 8.0) == 8.0
        assert clock.place(1.0, 9.0) == 9.0
        assert clock.place(4.0, 10.0) == 12.0

    def test_timestamps_that_stand_still_lose_no_sound(self) -> None:
        clock = self.clock()
        assert [clock.place(0.0, float(i)) for i in range(1, 60)] == [float(i) for i in range(1, 60)]

    def test_timestamps_that_are_too_slow_cost_little_sound(self) -> None:
        clock, expected, lost = self.clock(), 0.0, 0.0
        for i in range(1, 2000):
            expected += 0.02
            at = clock.place(0.01 * i, expected)
            lost, expected = lost + expected - at, at
        assert lost < 2.0

    @given(st.lists(st.one_of(st.none(), st.floats(-1e7, 1e7)), max_size=60))
    def test_whatever_the_timestamps_say(self, stamps: list[float | None]) -> None:
        clock, expected, dropped = FrameClock(longest=60.0), 0.0, 0.0
        for stamp in stamps:
            at = clock.place(stamp, expected)
            assert at == expected or at <= 61.0 + 1e-6
            dropped += max(0.0, expected - at)
            expected = at + 0.02
        assert dropped <= 1.0 + 0.02 * 62


@pytest.mark.parametrize(
    ("name", "codec", "rates", "more"),
    [
        ("r.ogg", "flac", (44_100, 16_000), {"sample_format": "s16"}),
        ("r2.ogg", "libopus", (48_000, 24_000), {}),
        ("r.aac", "aac", (44_100, 22_050), {"container": "adts"}),
        ("r.mp3", "libmp3lame", (44_100, 48_000), {}),
        ("r.ts", "mp2", (48_000, 32_000), {}),
    ],
)
def test_the_sampling_rate_may_change_in_mid_stream(
    folder: Path, name: str, codec: str, rates: tuple[int, int], more: dict
) -> None:
    halves = []
    for index, rate in enumerate(rates):
        samples = signal(2 * SECONDS, rate=rate)
        half = samples[:, : round(SECONDS * rate)] if index == 0 else samples[:, round(SECONDS * rate) :]
        halves.append(build(folder, f"{index}{name}", codec, rate=rate, samples=half, **more).read_bytes())
    path = folder / name
    path.write_bytes(b"".join(halves))
    audio = load(path)
    whole, middle = signal(2 * SECONDS)[0], round(SECONDS * 16_000)
    delays = 0.1 if codec in ("aac", "libmp3lame", "mp2") else 2 * MS  # two encoders with their delays
    assert audio.duration == pytest.approx(2 * SECONDS, abs=delays + 0.02)
    assert_here(audio.samples[0, :middle], whole[:middle], within=min(delays, 25 * MS), least=0.95)
    assert_here(audio.samples[0, middle:], whole[middle:], within=delays, least=0.93)


def test_the_number_of_channels_may_change_in_mid_stream(folder: Path) -> None:
    one = build(folder, "one.aac", "aac", container="adts")
    two = build(folder, "two.aac", "aac", container="adts", channels=2)
    path = folder / "onetwo.aac"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    audio = load(path)
    assert audio.duration == pytest.approx(2 * SECONDS, abs=0.12)
    assert_here(audio.samples[0, 48_000:], signal(SECONDS, channels=2).mean(axis=0), within=0.12, least=0.9)
    path.write_bytes(two.read_bytes() + one.read_bytes())
    every = load(path, channels="all")
    assert every.n_channels == 2
    np.testing.assert_array_equal(every.samples[0, 56_000:], every.samples[1, 56_000:])
    assert every.samples[0, 56_000:].any()


@pytest.fixture(scope="module")
def mp3(folder: Path) -> Path:
    return build(folder, "part.mp3", "libmp3lame", rate=44_100)


@pytest.fixture(scope="module")
def whole(mp3: Path) -> NDArray[np.float32]:
    return np.array(load(mp3).samples)


@settings(max_examples=examples(12), deadline=None)
@given(bounds=st.tuples(st.floats(0, 2.9), st.floats(0.01, 3.5)))
def test_a_part_equals_that_part_of_the_whole(
    mp3: Path, whole: NDArray[np.float32], bounds: tuple[float, float]
) -> None:
    start, end = bounds[0], bounds[0] + bounds[1]
    audio = load(mp3, start=start, end=end)
    assert audio.start == start
    np.testing.assert_array_equal(audio.samples, whole[:, round(start * 16_000) : round(end * 16_000)])


def test_a_part_after_a_gap_and_before_one(folder: Path) -> None:
    path = build(folder, "part.mkv", rate=16_000, samples=signal(SECONDS), gaps=[(1.024, 0.8)])
    every = load(path).samples
    for start, end in [(0.5, 1.2), (1.1, 1.5), (1.5, 3.0), (3.0, None)]:
        expected = every[:, round(start * 16_000) : None if end is None else round(end * 16_000)]
        np.testing.assert_array_equal(load(path, start=start, end=end).samples, expected)


def test_the_end_may_lie_after_the_recording(mp3: Path, whole: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(load(mp3, end=1e6).samples, whole)


def test_a_broken_rest_does_not_matter_when_the_part_is_there(folder: Path) -> None:
    path = cut(build(folder, "rest.wav"), 0.5)
    assert load(path, end=1.0).duration == 1.0


def test_start_after_the_end_of_the_recording(mp3: Path) -> None:
    with pytest.raises(MediaError, match=r"start 60: the recording lasts only 3\.00 seconds") as caught:
        load(mp3, start=60)
    assert str(mp3) in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"start": -1.0},
        {"start": float("nan")},
        {"start": 2.0, "end": 2.0},
        {"start": 2.0, "end": 1.0},
        {"end": float("inf")},
        {"track": 0},
        {"channels": "left"},
        {"sample_rate": 0},
    ],
)
def test_settings_that_cannot_be_meant(options: dict) -> None:
    with pytest.raises(InvalidOption) as caught:
        load("there is no such file.wav", **options)
    assert "\n" not in str(caught.value)
