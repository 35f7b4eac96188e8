"""Any file that FFmpeg reads, at the times that a player shows, or one line that says why not."""

from __future__ import annotations

import gc
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.media_files import (
    Signal,
    Track,
    best_lag,
    corrupt,
    cut,
    signal,
    write_media,
    write_sparse_wav,
    write_wav,
)
from tests.sounds import SAMPLES
from whisperdiar.errors import InvalidOption, MediaError, OutputError, TruncatedMedia, WhisperdiarError
from whisperdiar.media import AudioTrack, files, load, probe, recording_id
from whisperdiar.media.damaged_packets import ByteRate, parse_flac_stamp
from whisperdiar.media.store import SampleStore
from whisperdiar.media.timeline import FrameClock, Timeline

SECONDS = 3.0
MS = 0.001


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


def build(folder: Path, name: str, codec: str = "pcm_s16le", *, rate: int = 48_000, channels: int = 1, **more) -> Path:
    """A file with SECONDS of the signal; a track's settings and `container`, `video`, `options` in `more`."""
    outer = {key: more.pop(key) for key in ("container", "video", "options") if key in more}
    samples = more.pop("samples", signal(SECONDS, rate=rate, channels=channels))
    return write_media(folder / name, Track(samples=samples, rate=rate, codec=codec, **more), **outer)


FRAME = 25 * MS  # an AAC frame: the delay of an encoder that the container keeps to itself


def assert_here(
    samples: NDArray[np.float32], reference: Signal, *, within: float = 2 * MS, least: float = 0.98
) -> None:
    lag, correlation = best_lag(samples, reference)
    assert abs(lag) <= within, f"off by {1000 * lag:.1f} ms"
    assert correlation >= least


def one_line(error: BaseException, path: object) -> str:
    text = str(error)
    assert "\n" not in text
    assert text.count(str(path)) <= 1
    assert ";" in text, "the next step is missing"
    return text


# ---------------------------------------------------------------- formats

FORMATS = {
    "wav": ("a.wav", "pcm_s16le", {}),
    "wav-8-bit": ("a8.wav", "pcm_u8", {"rate": 8000}),
    "wav-24-bit": ("a24.wav", "pcm_s24le", {"rate": 44_100}),
    "wav-float-96k": ("af.wav", "pcm_f32le", {"rate": 96_000}),
    "wav-double": ("ad.wav", "pcm_f64le", {}),
    "wav-mulaw": ("mu.wav", "pcm_mulaw", {"rate": 8000}),
    "w64": ("a.w64", "pcm_s16le", {}),
    "aiff": ("a.aiff", "pcm_s16be", {}),
    "au": ("a.au", "pcm_s16be", {}),
    "caf": ("a.caf", "pcm_s16le", {}),
    "mp3": ("a.mp3", "libmp3lame", {"rate": 44_100}),
    "mp3-8k": ("tel.mp3", "libmp3lame", {"rate": 8000}),
    "flac": ("a.flac", "flac", {"sample_format": "s16"}),
    "ogg-opus": ("a.ogg", "libopus", {}),
    "ogg-flac": ("b.ogg", "flac", {"sample_format": "s16", "rate": 22_050}),
    "webm": ("a.webm", "libopus", {}),
    "m4a": ("a.m4a", "aac", {}),
    "m4a-alac": ("alac.m4a", "alac", {}),
    "mp4-video": ("v.mp4", "aac", {"video": SECONDS}),
    "mov-video": ("v.mov", "aac", {"video": SECONDS}),
    "mkv-video": ("v.mkv", "libopus", {"video": SECONDS}),
    "nut": ("a.nut", "pcm_s16le", {}),
    "wavpack": ("a.wv", "wavpack", {}),
    "stereo-mp3": ("st.mp3", "libmp3lame", {"channels": 2}),
    "5.1-wav": ("six.wav", "pcm_s16le", {"channels": 6}),
    "5.1-mka": ("six.mka", "flac", {"channels": 6, "sample_format": "s16"}),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_signal_is_where_it_was_put(folder: Path, kind: str) -> None:
    name, codec, more = FORMATS[kind]
    audio = load(build(folder, name, codec, **more))
    assert audio.sample_rate == 16_000
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape[0] == 1
    assert audio.start == 0
    assert audio.duration == pytest.approx(SECONDS, abs=0.03)
    assert_here(audio.samples[0], signal(SECONDS, channels=more.get("channels", 1)).mean(axis=0))


@pytest.mark.parametrize(
    ("name", "codec", "more"),
    [
        ("raw.aac", "aac", {"container": "adts"}),
        ("raw.ac3", "ac3", {}),
        ("t.ts", "aac", {"video": SECONDS}),
        ("aac.mkv", "aac", {"video": SECONDS}),  # FFmpeg 8.1 writes it, 8.0 does not
    ],
)
def test_formats_that_do_not_tell_the_encoder_delay(folder: Path, name: str, codec: str, more: dict) -> None:
    audio = load(build(folder, name, codec, **more))
    assert_here(audio.samples[0], signal(SECONDS)[0], within=FRAME)


def test_16_bits_come_out_as_they_are(folder: Path) -> None:
    path = write_wav(folder / "exact.wav", signal(1.0))
    expected = np.round(signal(1.0)[0] * 32767) / 32768
    np.testing.assert_array_equal(load(path).samples[0], expected.astype(np.float32))


@pytest.mark.parametrize("n_channels", [2, 3, 7, 8, 12, 24])
def test_every_channel_counts_the_same(folder: Path, n_channels: int) -> None:
    source = signal(0.5, channels=n_channels)
    path = write_wav(folder / f"c{n_channels}.wav", source)
    every = load(path, channels="all")
    assert every.samples.shape == (n_channels, 8000)
    np.testing.assert_allclose(every.samples, source, atol=1e-4)
    np.testing.assert_allclose(load(path).samples[0], source.mean(axis=0), atol=1e-4)


def test_8_channels_of_a_compressed_file(folder: Path) -> None:
    path = build(folder, "eight.m4a", "aac", samples=signal(SECONDS, rate=48_000, channels=8))
    every = load(path, channels="all")
    for channel, expected in enumerate(signal(SECONDS, channels=8)[:3]):
        assert_here(every.samples[channel], expected, least=0.9)
    assert every.n_channels == 8


def test_formats_that_only_their_suffix_tells(folder: Path) -> None:
    path = folder / "asterisk.sln"  # bare 16-bit samples at 8 kHz
    path.write_bytes(np.round(signal(1.0, rate=8000)[0] * 32767).astype("<i2").tobytes())
    assert_here(load(path).samples[0], signal(1.0)[0])


def test_samples_stay_finite_and_within_bounds(folder: Path) -> None:
    wild = 3 * signal(0.5)
    wild[0, 1000:1010] = np.nan
    wild[0, 2000:2010] = np.inf
    samples = load(build(folder, "wild.wav", "pcm_f32le", rate=16_000, samples=wild)).samples
    assert np.isfinite(samples).all()
    assert samples.max() == 1.0
    assert samples.min() == -1.0


@pytest.mark.parametrize("target", [8000, 44_100])
def test_other_sampling_rates(folder: Path, target: int) -> None:
    audio = load(build(folder, "rate.wav", rate=48_000), sample_rate=target)
    assert audio.sample_rate == target
    lag, correlation = best_lag(audio.samples[0], signal(SECONDS, rate=target)[0], rate=target)
    assert abs(lag) < MS
    assert correlation > 0.99


# ---------------------------------------------------------------- times


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


# ---------------------------------------------------------------- a part of it


@pytest.fixture(scope="module")
def mp3(folder: Path) -> Path:
    return build(folder, "part.mp3", "libmp3lame", rate=44_100)


@pytest.fixture(scope="module")
def whole(mp3: Path) -> NDArray[np.float32]:
    return np.array(load(mp3).samples)


@settings(max_examples=12, deadline=None)
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


# ---------------------------------------------------------------- tracks


@pytest.fixture(scope="module")
def two_tracks(folder: Path) -> Path:
    english = Track(samples=signal(SECONDS, rate=48_000), rate=48_000, codec="libopus", language="eng", main=False)
    commentary = np.flip(signal(SECONDS, rate=44_100, channels=2), axis=1)
    other = Track(
        samples=commentary, rate=44_100, codec="flac", sample_format="s16", language="deu", title="Kommentar", main=True
    )
    return write_media(folder / "tracks.mkv", english, other, video=SECONDS)


def test_the_tracks_are_listed(two_tracks: Path) -> None:
    info = probe(two_tracks)
    assert info.tracks == (
        AudioTrack(1, "opus", 48_000, 1, language="eng", title=None, default=False),
        AudioTrack(2, "flac", 44_100, 2, language="deu", title="Kommentar", default=True),
    )
    assert info.has_video
    assert info.container == "matroska,webm"
    assert info.duration == pytest.approx(SECONDS, abs=0.05)


def test_a_track_can_be_chosen(two_tracks: Path) -> None:
    assert_here(load(two_tracks, track=1).samples[0], signal(SECONDS)[0])
    backwards = np.flip(signal(SECONDS, channels=2), axis=1).mean(axis=0)
    assert_here(load(two_tracks, track=2).samples[0], backwards)
    assert_here(load(two_tracks).samples[0], backwards)  # the one that is marked as default
    assert load(two_tracks, track=2, channels="all").n_channels == 2


def test_a_track_that_is_not_there(two_tracks: Path) -> None:
    with pytest.raises(MediaError) as caught:
        load(two_tracks, track=3)
    text = one_line_without_step(caught.value)
    assert 'no audio track 3; it has 1: eng opus 1 channel, 2: deu "Kommentar" flac 2 channels' in text


def one_line_without_step(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_probe_of_plain_sound(mp3: Path) -> None:
    info = probe(mp3)
    assert not info.has_video
    assert info.duration == pytest.approx(SECONDS, abs=0.05)
    assert [(item.sample_rate, item.channels, item.default) for item in info.tracks] == [(44_100, 1, True)]


def test_tags_are_fit_for_a_terminal(folder: Path) -> None:
    track = Track(samples=signal(0.2), title="two\nlines \x1b[31mred", language="und")
    found = probe(write_media(folder / "tags.mkv", track)).tracks[0]
    assert (found.title, found.language) == ("two lines \ufffd[31mred", None)


def test_tags_in_another_encoding_do_no_harm(folder: Path) -> None:
    data = write_wav(folder / "tagged.wav", signal(0.5)).read_bytes()
    tag = b"LIST\x10\x00\x00\x00INFOIART\x04\x00\x00\x00\xe9\xff\xe4\x00"
    path = folder / "latin1.wav"
    path.write_bytes(b"RIFF" + (len(data) - 8 + len(tag)).to_bytes(4, "little") + data[8:36] + tag + data[36:])
    assert load(path).duration == 0.5


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b/meeting.mp4", "meeting"),
        ("Weekly  call\t3.wav", "Weekly_call_3"),
        ("a.b.wav", "a.b"),
        ("Совещание 1.m4a", "Совещание_1"),
        ("bad\udcffname.wav", "bad?name"),
    ],
)
def test_recording_ids_have_no_white_space(path: str, name: str) -> None:
    assert recording_id(path) == name


def test_audio_is_named_after_its_file(folder: Path) -> None:
    assert load(write_wav(folder / "my call.wav", signal(0.2))).recording_id == "my_call"


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize(
    ("name", "codec", "n_bytes", "more"),
    [
        ("x.mkv", "libopus", 60, {}),  # after more, FFmpeg looks for the next cluster, seconds later
        ("x.m4a", "aac", 1500, {}),
        ("x.webm", "libopus", 60, {}),
        ("x.ogg", "libopus", 1500, {}),
        ("x.mka", "flac", 60, {"sample_format": "s16"}),
        ("x.flac", "flac", 9000, {"sample_format": "s16"}),
        ("x.mp3", "libmp3lame", 1500, {}),
        ("x.ac3", "ac3", 1500, {}),
    ],
)
def test_damage_in_the_middle_costs_neither_the_rest_nor_its_time(
    folder: Path, capfd: pytest.CaptureFixture[str], name: str, codec: str, n_bytes: int, more: dict
) -> None:
    path = build(folder, name, codec, samples=signal(6.0, rate=48_000), **more)
    audio = load(corrupt(path, at=0.4, n_bytes=n_bytes))
    assert audio.duration == pytest.approx(6.0, abs=0.05)
    reference = signal(6.0)[0]
    assert_here(audio.samples[0, :25_600], reference[:25_600], within=8 * MS, least=0.95)
    assert_here(audio.samples[0, 64_000:], reference[64_000:], within=12 * MS, least=0.93)
    assert capfd.readouterr() == ("", "")  # no chatter of the libraries


def test_a_lost_packet_is_as_long_as_its_bytes() -> None:
    rate = ByteRate()
    rate.lose(1000, 0.02)
    assert rate.learn(8000, 1.0) == 0.02  # nothing is known yet
    assert rate.learn(160, 0.02) == 0.0

    def lost(n_bytes: int, following: int) -> float:
        rate.lose(n_bytes, 0.02)
        return rate.learn(following, following / 8000)

    assert lost(2000, 160) == pytest.approx(0.25)
    assert lost(200, 160) == 0.02  # one frame that is a little longer than the others
    assert lost(1000, 1000) == 0.02  # the bit rate has changed
    assert lost(10**9, 160) == 3600.0
    rate.lose(10**9, 0.02, start=b"ID3\x04")  # the cover art between two recordings that were joined
    assert rate.learn(160, 0.02) == 0.0
    rate.skip(8000)
    rate.skip(10**6, start=b"APETAGEX")
    assert rate.learn(160, 0.02) == pytest.approx(1.0, rel=0.01)


def test_times_in_flac_frames() -> None:
    info = bytes([0, 16, 16, 0])  # blocks of 16 to 4096 samples
    number = [0xE1, 0x80, 0x81]  # 0x1001, coded like a character
    fixed = bytes([0xFF, 0xF8, 0xC9, 0x18, *number, *range(8)])
    assert parse_flac_stamp(fixed, info, 16_000) == 0x1001 * 4096 / 16_000
    variable = bytes([0xFF, 0xF9, *fixed[2:]])
    assert parse_flac_stamp(variable, info, 16_000) == 0x1001 / 16_000
    assert parse_flac_stamp(bytes([0xFF, 0xF8, 0xC9, 0x18, 7, *range(8)]), info, 16_000) == 7 * 4096 / 16_000
    for other in (b"", fixed[:8], b"ID3" + fixed, bytes([0xFF, 0xF8, 0xC9, 0x18, 0xE1, 0x00, *range(8)])):
        assert parse_flac_stamp(other, info, 16_000) is None


TRUNCATED = {
    "wav": ("t.wav", "pcm_s16le", {}),
    "wav-float": ("tf.wav", "pcm_f32le", {}),
    "w64": ("t.w64", "pcm_s16le", {}),
    "aiff": ("t.aiff", "pcm_s16be", {}),
    "au": ("t.au", "pcm_s16be", {}),
    "flac": ("t.flac", "flac", {"sample_format": "s16"}),
    "wavpack": ("t.wv", "wavpack", {}),
    "mp3-with-xing": ("t.mp3", "libmp3lame", {}),
    "m4a-index-first": ("t.m4a", "aac", {"options": {"movflags": "faststart"}}),
    "mkv": ("t.mkv", "libopus", {"video": SECONDS}),
    "webm": ("t.webm", "libopus", {}),
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_a_broken_download_is_noticed_and_its_beginning_kept(folder: Path, kind: str) -> None:
    name, codec, more = TRUNCATED[kind]
    path = build(folder, name, codec, **more)
    assert load(path).duration == pytest.approx(SECONDS, abs=0.05)
    short = cut(path, 0.6)
    with pytest.raises(TruncatedMedia) as caught:
        load(short)
    text = one_line(caught.value, short)
    found = re.search(r"only (\d\.\d) of (\d\.\d) seconds", text)
    assert found, text
    assert float(found[2]) == pytest.approx(SECONDS, abs=0.15)
    audio = caught.value.audio
    assert audio.duration == pytest.approx(float(found[1]), abs=0.06)
    assert 0.8 < audio.duration < 2.6
    assert_here(audio.samples[0], signal(SECONDS)[0, : audio.samples.shape[1]], within=10 * MS, least=0.95)


@pytest.mark.parametrize(
    ("name", "codec", "more"),
    [
        ("u.mp3", "libmp3lame", {"options": {"write_xing": "0"}}),
        ("u.ogg", "libopus", {}),
        ("u.aac", "aac", {"container": "adts"}),
        ("u.ts", "aac", {}),
        ("u.mkv", "pcm_s16le", {"options": {"live": "1"}}),
    ],
)
def test_files_that_promise_no_length_are_taken_as_they_are(folder: Path, name: str, codec: str, more: dict) -> None:
    path = build(folder, name, codec, **more)
    assert 0.9 < load(cut(path, 0.6)).duration < 2.6


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0])
def test_sizes_that_a_pipe_leaves_open_promise_nothing(folder: Path, size: int) -> None:
    data = bytearray(write_wav(folder / "pipe.wav", signal(1.0)).read_bytes())
    data[4:8] = data[40:44] = size.to_bytes(4, "little")
    path = folder / f"pipe{size}.wav"
    path.write_bytes(data)
    assert load(path).duration == pytest.approx(1.0, abs=MS)


def test_a_variable_bit_rate_without_a_header_is_no_broken_download(folder: Path) -> None:
    loud_then_silent = signal(6.0, rate=44_100)
    loud_then_silent[:, 44_100:] = 0  # FFmpeg estimates the length from the bit rate of the beginning
    more = {"rate": 44_100, "samples": loud_then_silent, "container": "adts"}
    path = build(folder, "vbr.aac", "aac", **more)
    assert abs(probe(path).duration - 6.0) > 1.0, "the estimate is right: this tests nothing"
    assert load(path).duration == pytest.approx(6.0, abs=0.06)


def test_an_mp3_file_that_gets_louder_is_no_broken_download(folder: Path) -> None:
    more = {"rate": 44_100, "options": {"write_xing": "0"}}
    low = build(folder, "low.mp3", "libmp3lame", bit_rate=32_000, **more)
    high = build(folder, "high.mp3", "libmp3lame", bit_rate=320_000, **more)
    path = folder / "lowhigh.mp3"
    path.write_bytes(low.read_bytes() + high.read_bytes())
    assert probe(path).duration > 10.0, "the estimate is right: this tests nothing"
    assert load(path).duration == pytest.approx(2 * SECONDS, abs=0.15)


def test_an_mp4_file_without_its_index(folder: Path) -> None:
    path = cut(build(folder, "noindex.mp4", "aac", video=SECONDS), 0.7)
    with pytest.raises(MediaError, match="is incomplete: its index") as caught:
        load(path)
    assert not isinstance(caught.value, TruncatedMedia)
    one_line(caught.value, path)


class FailingDisk(io.FileIO):
    """A file whose second half cannot be read."""

    def read(self, size: int = -1) -> bytes:
        if self.tell() > os.fstat(self.fileno()).st_size // 2:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_half_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wav(folder / "disk.wav", signal(30.0))
    monkeypatch.setattr(files, "_open_file", lambda name: FailingDisk(name))
    with pytest.raises(TruncatedMedia, match=r"after 1\d\.\d seconds \(Input/output error\)") as caught:
        load(path)
    np.testing.assert_allclose(caught.value.audio.samples[0, :1000], signal(30.0)[0, :1000], atol=1e-4)


# ---------------------------------------------------------------- files that cannot be read


def text_as_wav(folder: Path) -> Path:
    path = folder / "notes.wav"
    path.write_text("Minutes of the meeting:\n1. Nothing was recorded. Ünïcödé too.\n" * 50, encoding="utf-8")
    return path


def noise(name: str, size: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(np.random.default_rng(size).bytes(size))
        return path

    return make


def content(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


def silent_video(folder: Path) -> Path:
    return write_media(folder / "silent.mp4", video=1.0)


def no_samples(folder: Path) -> Path:
    return write_wav(folder / "header.wav", np.zeros((1, 0)))


def a_directory(folder: Path) -> Path:
    path = folder / "recordings.wav"
    path.mkdir(exist_ok=True)
    return path


def a_pipe(folder: Path) -> Path:
    path = folder / "pipe"
    if not path.exists():
        os.mkfifo(path)
    return path


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "missing.wav", "no such file"),
    "below-a-file": (lambda folder: text_as_wav(folder) / "x.wav", "no such file"),
    "directory": (a_directory, "is a directory"),
    "pipe": (a_pipe, "is a device or a pipe"),
    "device": (lambda _: Path("/dev/zero"), "is a device or a pipe"),
    "empty": (content("empty.mp3", b""), "is empty"),
    "text": (text_as_wav, "is a text file"),
    "plain-text": (content("notes.txt", b"No pictures are to be made of this.\n" * 20), "is a text file"),
    "noise": (noise("noise", 100_000), "no audio or video file"),
    "noise-mp3": (noise("noise.mp3", 20_000), "damaged"),
    "noise-aac": (noise("noise.aac", 50_000), "damaged"),
    "zeros": (content("zeros.wav", bytes(5000)), "no audio or video file"),
    "one-byte": (content("one.wav", b"R"), "is a text file"),
    "silent-video": (silent_video, "has no sound, only video"),
    "subtitles": (content("a.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"), "has no sound, only subtitle"),
    "no-samples": (no_samples, "holds no sound"),
    "long-name": (lambda folder: folder / ("x" * 300), "cannot be opened"),
    "zero-in-name": (lambda folder: Path(f"{folder}/a\0b"), "cannot be opened"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_each_unreadable_file_gives_one_clear_line(folder: Path, capfd: pytest.CaptureFixture[str], kind: str) -> None:
    make, cause = UNREADABLE[kind]
    path = make(folder)
    with pytest.raises(MediaError) as caught:
        load(path)
    assert cause in one_line(caught.value, path)
    assert capfd.readouterr() == ("", "")


def test_names_cannot_break_the_line(folder: Path) -> None:
    with pytest.raises(MediaError, match=r"two\\nlines") as caught:
        load(folder / "two\nlines.wav")
    one_line(caught.value, folder / "two\nlines.wav")


def test_probe_has_the_same_errors(folder: Path) -> None:
    with pytest.raises(MediaError, match="is a text file"):
        probe(text_as_wav(folder))
    assert probe(silent_video(folder)).tracks == ()


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything; become nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        path = write_wav(Path(name) / "secret.wav", signal(0.2))
        load(path)  # imports what root alone may be able to import
        path.chmod(0)
        with without_privileges(), pytest.raises(MediaError, match="no permission to read it") as caught:
            load(path)
        one_line(caught.value, path)


# ---------------------------------------------------------------- nothing but the file


@pytest.mark.parametrize(
    "name",
    ["http://127.0.0.1:{port}/a.wav", "concat:{good}|{good}", "file:{good}", "rtsp://x/y", "data:audio/wav;base64,AA"],
)
def test_urls_and_protocols_are_refused(folder: Path, name: str) -> None:
    good = write_wav(folder / "good.wav", signal(0.5))
    with listener() as (port, contacts):
        for path in (name.format(port=port, good=good), Path(name.format(port=port, good=good))):
            with pytest.raises(MediaError, match="only local files are read") as caught:
                load(path)
            one_line(caught.value, path)
    assert not contacts


def test_standard_input_is_refused() -> None:
    with pytest.raises(MediaError, match="standard input") as caught:
        load("-")
    one_line(caught.value, "-:")


def test_a_local_name_may_look_like_a_url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(folder / "call: 12:30.wav", signal(0.5))
    monkeypatch.chdir(folder)
    assert load("call: 12:30.wav").duration == 0.5


@contextmanager
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port that takes note of who connects."""
    contacts: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                contacts.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1], contacts
        finally:
            stop.set()
            thread.join()


PLAYLISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{good}\n#EXT-X-ENDLIST\n",
    "hls.wav": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{good}\n#EXT-X-ENDLIST\n",
    "net.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {good}\n",
    "list.txt": "ffconcat version 1.0\nfile {good}\n",
    "plain.m3u": "{good}\n",
    "list.pls": "[playlist]\nFile1={good}\n",
    "call.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
    "dash.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{good}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_does_not_lead_to_other_files(folder: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    build(folder, "good.ts", "aac")
    path = folder / name
    with listener() as (port, contacts):
        path.write_text(PLAYLISTS[name].format(good="good.ts", port=port))
        with pytest.raises(MediaError, match="is a playlist") as caught:
            load(path)
    one_line(caught.value, path)
    assert not contacts
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------- many samples


def test_long_recordings_go_to_a_temporary_file_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = 20 * 60.0
    path = write_sparse_wav(tmp_path / "long.wav", signal(1.0), lead=lead)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    audio = load(path)
    assert isinstance(audio.samples, np.memmap)
    assert audio.duration == lead + 1.0
    assert not audio.samples[0, :16_000].any()
    np.testing.assert_allclose(audio.samples[0, -16_000:], signal(1.0)[0], atol=1e-4)
    assert list(temporary.iterdir()) == []  # it has no name
    mapped = _mapped(temporary)
    assert mapped or sys.platform != "linux"
    del audio
    gc.collect()
    assert not _mapped(temporary)


def _mapped(folder: Path) -> list[str]:
    """Files below a folder that this process maps, on systems that tell."""
    maps = Path("/proc/self/maps")
    return [line for line in maps.read_text().splitlines() if str(folder) in line] if maps.exists() else []


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 400), max_size=12), n_channels=st.integers(1, 3))
def test_the_store_gives_back_what_it_took(sizes: list[int], n_channels: int) -> None:
    rng = np.random.default_rng(len(sizes))
    blocks = [rng.normal(size=(n_channels, size)).astype(np.float32) for size in sizes]
    whole = np.concatenate([np.zeros((n_channels, 0), dtype=np.float32), *blocks], axis=1)
    for limit in (0, 1000, 10**6):
        store = SampleStore(n_channels, limit_bytes=limit)
        for block in blocks:
            store.append(block)
        found = store.finish()
        store.close()
        np.testing.assert_array_equal(found, whole)
        assert found.dtype == np.float32
        assert isinstance(found, np.memmap) == (whole.nbytes > limit)
        if found.size:
            found[0, 0] = 0.5  # PyTorch warns about arrays that it may not write


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are POSIX")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = SampleStore(1, limit_bytes=1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, hard))
    try:
        with pytest.raises(OutputError, match="TMPDIR") as caught:
            _fill(store)
        store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path) in one_line(caught.value, tmp_path)
    assert isinstance(caught.value, WhisperdiarError)


def _fill(store: SampleStore) -> None:
    for _ in range(10):
        store.append(np.zeros((1, 2**18), dtype=np.float32))
    store.finish()


def test_a_temporary_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="TMPDIR") as caught:
        SampleStore(1, limit_bytes=0).append(np.zeros((1, 10), dtype=np.float32))
    one_line(caught.value, tmp_path / "gone")


@given(
    moves=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 80)), max_size=8),
    first=st.integers(0, 100),
    length=st.one_of(st.none(), st.integers(1, 300)),
)
def test_the_time_line_keeps_the_window(moves: list[tuple[int, int]], first: int, length: int | None) -> None:
    last = None if length is None else first + length
    timeline = Timeline(1, first=first, last=last)
    expected = np.zeros(0, dtype=np.float32)
    for index, (at, size) in enumerate(moves, start=1):
        block = np.full(size, index, dtype=np.float32)
        timeline.move_to(at)
        timeline.add(block[np.newaxis])
        skipped = max(0, len(expected) - at)
        expected = np.concatenate([expected, np.zeros(max(0, at - len(expected)), dtype=np.float32), block[skipped:]])
    np.testing.assert_array_equal(timeline.store.finish()[0], expected[first:last])
    assert timeline.complete == (last is not None and len(expected) >= last)


# ---------------------------------------------------------------- the rest


def test_progress_rises_to_one(mp3: Path) -> None:
    seen: list[tuple[str, float]] = []
    load(mp3, progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert {stage for stage, _ in seen} == {"decode"}
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 20


def test_an_error_in_progress_is_passed_on_and_nothing_stays_open(mp3: Path) -> None:
    def interrupt(stage: str, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(mp3, progress=interrupt)
    gc.collect()
    assert str(mp3) not in _open_files()


def _open_files() -> list[str]:
    """Names of the files that this process has open, on systems that tell."""
    found = []
    for link in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # the one that lists the folder
            found.append(os.readlink(link))
    return found


def test_importing_loads_no_ffmpeg() -> None:
    code = "import sys, whisperdiar.media; print([m for m in ('av', 'torch', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_video_that_is_cut_off_before_its_sound_is_called_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    path.write_bytes((SAMPLES / "standup.mp4").read_bytes()[:60_000])
    with pytest.raises(MediaError, match=r"is cut off: it should last 98\.7 seconds"):
        load(path)
