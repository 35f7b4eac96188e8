"""Packets that are lost, downloads that end early, disks that fail: the rest is kept, and its time."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.media_files import (
    MS,
    SECONDS,
    assert_here,
    build,
    corrupt,
    cut,
    one_line,
    signal,
    write_wav,
)
from whisperdiar.errors import MediaError, TruncatedMedia
from whisperdiar.media import files, load, probe
from whisperdiar.media.damaged_packets import ByteRate, parse_flac_stamp


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


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
