"""Damaged, cut and joined media: later sound keeps its time, and what is missing is told."""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples, few_by_day
from tests.media_files import Signal, Track, write_media, write_wav
from tests.sounds import SAMPLES, SHARED
from whisperdiar import Audio
from whisperdiar.errors import MediaError, TruncatedMedia
from whisperdiar.media import load
from whisperdiar.media.chunks import find_sample_chunk, find_second_recording, unstated_seconds
from whisperdiar.media.damage import Silences, merge_ranges
from whisperdiar.media.source import LocalFile
from whisperdiar.media.structure import is_intact

SECONDS = 24.0
CASES = SHARED / "cases"


def melody(start: float, end: float, *, rate: int = 16_000) -> Signal:
    """(1, n_samples): tones that change five times a second and never in the same order, at any sampling rate."""
    steps = np.random.default_rng(7).uniform(300, 3000, 1000)
    times = np.arange(round(start * rate), round(end * rate)) / rate
    step = np.floor(times / 0.2).astype(int)
    return 0.4 * np.sin(2 * np.pi * steps[step] * (times - 0.2 * step))[np.newaxis]


def shift(samples: NDArray[np.float32], first: float, last: float, *, at: float) -> float:
    """Seconds by which this part of the melody lies later than `at`; the test fails where it is nowhere near."""
    part = melody(first, last)[0]
    low = max(0, round((at - 1.5) * 16_000))
    around = samples[low : round((at + last - first + 1.5) * 16_000)].astype(np.float64)
    assert len(around) >= len(part), "the sound ends too early"
    size = 1 << (len(around) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(part, size)), size)
    product = product[: len(around) - len(part) + 1]
    energy = np.concatenate([[0.0], np.cumsum(around**2)])
    similar = product / np.sqrt(np.maximum(energy[len(part) :] - energy[: len(product)], 1e-3)) / np.linalg.norm(part)
    best = int(np.argmax(similar))
    assert similar[best] > 0.85, f"the sound is not there (correlation {similar[best]:.2f})"
    return (low + best) / 16_000 - at


VIDEO = {"video": SECONDS}
CONTAINERS: dict[str, tuple[str, str, dict]] = {
    "wav": ("a.wav", "pcm_s16le", {}),
    "aiff": ("a.aiff", "pcm_s16be", {}),
    "w64": ("a.w64", "pcm_s16le", {}),
    "au": ("a.au", "pcm_s16be", {}),
    "caf": ("a.caf", "pcm_s16le", {}),
    "caf-alac": ("b.caf", "alac", {}),
    "mp3": ("a.mp3", "libmp3lame", {"rate": 44_100}),
    "flac": ("a.flac", "flac", {"sample_format": "s16"}),
    "ogg-opus": ("a.ogg", "libopus", {}),
    "ogg-flac": ("b.ogg", "flac", {"sample_format": "s16"}),
    "webm": ("a.webm", "libopus", {}),
    "mka": ("a.mka", "flac", {"sample_format": "s16"}),
    "mkv": ("v.mkv", "libopus", VIDEO),
    "m4a": ("a.m4a", "aac", {}),
    "mp4": ("v.mp4", "aac", {"options": {"movflags": "faststart"}, **VIDEO}),
    "mp4-fragments": ("f.mp4", "aac", {"options": {"movflags": "empty_moov", "frag_duration": "1000000"}}),
    "mov": ("a.mov", "pcm_s16le", {}),
    "avi": ("a.avi", "libmp3lame", {"rate": 44_100, **VIDEO}),
    "avi-pcm": ("b.avi", "pcm_s16le", {}),
    "ts": ("v.ts", "aac", VIDEO),
    "ts-mp2": ("a.ts", "mp2", {}),
    "mpeg": ("v.mpg", "mp2", VIDEO),
    "aac": ("a.aac", "aac", {"container": "adts"}),
    "latm": ("a.latm", "aac", {"container": "latm"}),
    "ac3": ("a.ac3", "ac3", {}),
    "mp2": ("a.mp2", "mp2", {}),
    "flv": ("a.flv", "libmp3lame", {"rate": 44_100}),
    "wma": ("a.wma", "wmav2", {"rate": 44_100, "bit_rate": 128_000}),
    "wavpack": ("a.wv", "wavpack", {}),
    "tta": ("a.tta", "tta", {}),
    "nut": ("a.nut", "pcm_s16le", {}),
}
SAMPLES_ALONE = ("wav", "aiff", "w64", "au", "caf", "mov")  # any bytes are sound; nothing tells damage
NO_END = ("mpeg", "nut", "ac3", "mp2")  # neither a length nor a mark of the end; whole frames may be all there is
FRAMES_ALONE = ("aac", "latm", "ac3", "mp2", "mp3")  # the length of damage is known from the bit rate only


def delay(kind: str) -> float:
    """Seconds by which a frame of the encoder may shift the sound, since the container does not tell."""
    return 0.06 if kind == "wma" else 0.03


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


def build(folder: Path, kind: str, *, start: float = 0.0, **changed: object) -> Path:
    """A file with the melody from `start` on; built once."""
    name, codec, more = CONTAINERS[kind]
    more = {**more, **changed}
    path = folder / f"{start:g}{'x' if changed else ''}{name}"
    if not path.exists():
        outer = {key: more.pop(key) for key in ("container", "video", "options") if key in more}
        rate = more.pop("rate", 48_000)
        samples = melody(start, start + SECONDS, rate=rate)
        write_media(path, Track(samples=samples, rate=rate, codec=codec, **more), **outer)
    return path


def changed(path: Path, name: str, data: bytes) -> Path:
    target = path.with_name(f"{name}_{path.name}")
    target.write_bytes(data)
    return target


def read(path: Path) -> tuple[Audio | None, str]:
    """The sound, and everything that is said about it."""
    try:
        audio = load(path)
    except TruncatedMedia as error:
        return error.audio, f"TruncatedMedia: {error}"
    except MediaError as error:
        return None, f"MediaError: {error}"
    return audio, " | ".join(audio.warnings)


@pytest.mark.parametrize("kind", few_by_day(CONTAINERS, every=3))
def test_a_whole_file_is_read_without_a_word(folder: Path, kind: str) -> None:
    audio = load(build(folder, kind))
    assert audio.duration == pytest.approx(SECONDS, abs=0.06)
    assert (audio.warnings, audio.notes) == ((), ())
    assert abs(shift(audio.samples[0], 20, 23, at=20)) < delay(kind)


@pytest.mark.parametrize("kind", few_by_day((kind for kind in CONTAINERS if kind not in NO_END), every=2))
def test_half_a_file_is_never_taken_for_a_whole_one(folder: Path, kind: str) -> None:
    path = build(folder, kind)
    audio, said = read(changed(path, "half", path.read_bytes()[: round(path.stat().st_size * 0.503)]))
    assert re.search(r"is cut off: only [\d.]+ of [\d.]+|may be cut off|index \(\w+\) is missing", said), said
    if audio is not None:
        assert audio.duration == pytest.approx(SECONDS / 2, abs=1.2)
        assert abs(shift(audio.samples[0], 7, 10, at=7)) < delay(kind)


def zeros(n_bytes: int) -> bytes:
    return bytes(n_bytes)


def noise(n_bytes: int) -> bytes:
    return np.random.default_rng(3).bytes(n_bytes)


@pytest.mark.parametrize("content", [zeros, noise])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_hole_moves_nothing_and_is_told(folder: Path, kind: str, content: Callable[[int], bytes]) -> None:
    path = build(folder, kind)
    data = bytearray(path.read_bytes())
    first, last = len(data) // 3, 2 * len(data) // 3
    data[first:last] = content(last - first)
    audio, said = read(changed(path, content.__name__, bytes(data)))
    assert audio is not None
    within = 0.15 if kind in FRAMES_ALONE else delay(kind)
    assert abs(shift(audio.samples[0], 20.5, 23.5, at=20.5)) < within
    assert abs(shift(audio.samples[0], 3, 6, at=3)) < delay(kind)
    if kind in SAMPLES_ALONE or (kind == "tta" and content is zeros):
        return
    told = re.search(r"(\d+\.\d) s at (\d+\.\d)-(\d+\.\d) s could not be decoded \(damaged\); they are silent", said)
    assert told, said
    seconds, start, end = (float(value) for value in told.groups())
    assert 7.5 < seconds < 13.0
    assert start == pytest.approx(8.0, abs=1.2)  # WavPack has blocks of a second
    assert 15.5 < end < 20.3
    # Of random bytes a decoder may take a few for sound.
    hole = audio.samples[0, round((start + 0.2) * 16_000) : round((end - 0.2) * 16_000)]
    assert np.count_nonzero(hole) <= (0 if content is zeros else 0.05 * 16_000)


def test_what_cannot_be_found_again_is_missing(folder: Path) -> None:
    path = folder / "short.webm"
    write_media(path, Track(samples=melody(0, 8, rate=48_000), rate=48_000, codec="libopus"))
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)  # no cluster begins after it
    path.write_bytes(data)
    with pytest.raises(
        TruncatedMedia, match=r"is damaged: only 2\.\d of 8\.0 seconds could be read; copy or"
    ) as caught:
        load(path)
    assert abs(shift(caught.value.audio.samples[0], 0.5, 2, at=0.5)) < 0.03


@pytest.mark.parametrize("kind", few_by_day((kind for kind in CONTAINERS if kind != "nut"), every=3))
def test_files_that_were_joined_are_read_to_the_end(folder: Path, kind: str) -> None:
    first, second = build(folder, kind), build(folder, kind, start=SECONDS)
    audio = load(changed(first, "joined", first.read_bytes() + second.read_bytes()))
    assert audio.duration == pytest.approx(2 * SECONDS, abs=0.12)
    assert abs(shift(audio.samples[0], 20, 23, at=20)) < delay(kind)
    assert abs(shift(audio.samples[0], 44, 47, at=44)) < 0.12  # two encoders with their delays
    assert audio.warnings == ()


def test_joined_files_are_counted_and_a_cut_one_is_missed(folder: Path) -> None:
    data = build(folder, "m4a").read_bytes()
    path = changed(folder / "three.m4a", "joined", 3 * data)
    assert load(path).notes == ("the file holds 3 recordings one after another; all of them are read",)
    part = load(path, start=30.0, end=33.0)
    np.testing.assert_array_equal(part.samples, load(path).samples[:, 30 * 16_000 : 33 * 16_000])
    wav = build(folder, "wav").read_bytes()
    with pytest.raises(TruncatedMedia, match=r"is cut off: only 3(5\.9|6\.0) of 4(7\.9|8\.0) seconds"):
        load(changed(folder / "cut.wav", "joined", wav + wav[: len(wav) // 2]))


@pytest.mark.parametrize("with_picture", [False, True])
def test_a_stream_that_turns_up_in_mid_file_is_followed(folder: Path, with_picture: bool) -> None:
    kind = "ts" if with_picture else "ts-mp2"
    other = {"options": {"mpegts_start_pid": "512", "mpegts_pmt_start_pid": "4099"}}
    first, second = build(folder, kind), build(folder, kind, start=SECONDS, **other)
    audio = load(changed(first, "streams", first.read_bytes() + second.read_bytes()))
    assert audio.duration == pytest.approx(2 * SECONDS, abs=0.1)
    assert abs(shift(audio.samples[0], 44, 47, at=44)) < 0.1
    assert audio.warnings == ("the sound goes on in another stream at 24.0 s, which is read",)


# ---------------------------------------------------------------- Ogg


def lag(samples: NDArray[np.float32], reference: NDArray[np.float32], *, at: float) -> float:
    """Seconds by which a passage lies later than at `at`."""
    low = max(0, round((at - 2) * 16_000))
    around = samples[low : low + len(reference) + 4 * 16_000]
    product = np.correlate(around[::8], reference[::8], mode="valid")
    return (low + 8 * int(np.argmax(product))) / 16_000 - at


@pytest.mark.parametrize("how", ["zeros", "noise", "deleted"])
def test_a_hole_in_ogg_stays_as_long_as_it_was(folder: Path, how: str) -> None:
    data = (SAMPLES / "meeting.ogg").read_bytes()
    third = len(data) // 3
    middle = {"zeros": bytes(third), "noise": noise(third), "deleted": b""}[how]
    whole = load(SAMPLES / "meeting.ogg")
    path = folder / f"{how}.ogg"
    path.write_bytes(data[:third] + middle + data[2 * third :])
    audio = load(path)
    assert audio.duration == pytest.approx(whole.duration, abs=0.03)
    assert audio.warnings == ("81.0 s at 80.0-161.0 s could not be decoded (damaged); they are silent",)
    for at in (163.0, 200.0, 230.0):  # of what comes right after the hole too
        passage = whole.samples[0, round(at * 16_000) : round((at + 5) * 16_000)]
        assert abs(lag(audio.samples[0], passage, at=at)) < 0.02


def test_a_radio_recording_of_two_programmes_gets_no_silence(folder: Path) -> None:
    first = bytearray(build(folder, "ogg-opus").read_bytes())
    second = bytearray(build(folder, "ogg-opus", start=SECONDS).read_bytes())
    at = 0
    while (at := second.find(b"OggS\0", at)) >= 0:  # the clock of the station runs on for an hour
        granule = int.from_bytes(second[at + 6 : at + 14], "little")
        if granule:
            second[at + 6 : at + 14] = (granule + 3600 * 48_000).to_bytes(8, "little")
        second[at + 14 : at + 18] = b"abcd"
        n_lacing = second[at + 26]
        end = at + 27 + n_lacing + sum(second[at + 27 : at + 27 + n_lacing])
        second[at + 22 : at + 26] = bytes(4)
        second[at + 22 : at + 26] = ogg_checksum(bytes(second[at:end])).to_bytes(4, "little")
        at = end
    path = folder / "radio.ogg"
    path.write_bytes(first + second)
    audio = load(path)
    assert audio.duration == pytest.approx(2 * SECONDS, abs=0.1)
    assert abs(shift(audio.samples[0], 44, 47, at=44)) < 0.1


def ogg_checksum(page: bytes) -> int:
    """CRC of a page (RFC 3533, section 6)."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x8000_0000 else value << 1) & 0xFFFF_FFFF
    return value


# ---------------------------------------------------------------- headers


@pytest.mark.parametrize(
    ("kind", "field", "order"),
    [("wav", 74, "little"), ("w64", 96, "little"), ("aiff", 42, "big"), ("caf", None, "big")],
)
def test_sound_beyond_the_header_is_read_and_told(folder: Path, kind: str, field: int | None, order: str) -> None:
    path = build(folder, kind)
    data = bytearray(path.read_bytes())
    if field is None:  # what stands before it differs with FFmpeg's version
        field = data.index(b"data") + 4
    n_bytes = 8 if kind in ("w64", "caf") else 4
    stated = int.from_bytes(data[field : field + n_bytes], order)  # type: ignore[arg-type]
    short = stated - 10 * 96_000
    data[field : field + n_bytes] = short.to_bytes(n_bytes, order)  # type: ignore[arg-type]
    audio = load(changed(path, "stale", bytes(data)))
    assert audio.duration == pytest.approx(SECONDS, abs=0.01)
    assert abs(shift(audio.samples[0], 20, 23, at=20)) < 0.01
    assert audio.warnings == ("the file holds 10.0 s more than its header says; all of it is read",)


def test_chunks_after_the_samples_are_no_sound(folder: Path) -> None:
    data = build(folder, "wav").read_bytes()
    for extra in (
        b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf62.0.100\0\0",
        b"id3 \x06\0\0\0ID3\x04\0\0",
        b"ID3\x04" + bytes(300),
    ):
        audio = load(changed(folder / "tail.wav", "chunks", data + extra))
        assert audio.duration == pytest.approx(SECONDS, abs=0.001)
        assert audio.warnings == ()


@settings(max_examples=examples(60), deadline=None)
@given(seconds=st.floats(0.0, 3.0), stated=st.integers(2, 3 * 32_000 - 2), seed=st.integers(0, 9))
def test_whatever_the_header_states_all_samples_are_found(folder: Path, seconds: float, stated: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(-3000, 3000, round(seconds * 16_000)).astype("<i2").tobytes()
    stated -= stated % 2
    fields = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    path = folder / "property.wav"
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + stated) + b"WAVEfmt " + fields + b"data" + struct.pack("<I", stated) + samples
    )
    with path.open("rb") as raw:
        file = LocalFile(raw)
        chunk = find_sample_chunk(file)
        assert chunk is not None
        assert (chunk.start, chunk.size, chunk.byte_rate) == (44, stated, 32_000.0)
        assert find_second_recording(file, chunk) is None
        beyond = max(0, len(samples) - stated) / 32_000
        assert unstated_seconds(file, chunk) == (beyond if beyond >= 0.05 else 0.0)


@pytest.mark.parametrize("size", [2**62, 2**63 - 1, 2**64 - 2])
@pytest.mark.parametrize(
    ("kind", "field", "order"), [("w64", 56, "little"), ("caf", 56, "big"), ("caf-alac", 56, "big")]
)
def test_sizes_beyond_any_file_lead_nowhere(
    folder: Path, capfd: pytest.CaptureFixture[str], kind: str, field: int, order: str, size: int
) -> None:
    data = bytearray(build(folder, kind).read_bytes())
    data[field : field + 8] = size.to_bytes(8, order)  # type: ignore[arg-type]
    read(changed(build(folder, kind), "size", bytes(data)))
    assert capfd.readouterr() == ("", "")  # nor do the libraries chatter


@pytest.mark.parametrize("rate", [1, 16, 999, 768_001, 0x7FFF_FFFF])
def test_a_sampling_rate_that_no_recording_has_is_refused(folder: Path, rate: int) -> None:
    fields = struct.pack("<IHHIIHH", 16, 1, 1, rate, (2 * rate) & 0xFFFF_FFFF, 2, 16)
    path = folder / "rate.wav"
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 20_036) + b"WAVEfmt " + fields + b"data" + struct.pack("<I", 20_000) + bytes(20_000)
    )
    with pytest.raises(MediaError, match=rf"sampling rate of {rate} Hz, and recordings have 1000 to 768000; mend"):
        load(path)


def test_more_channels_than_can_be_converted_are_refused(folder: Path) -> None:
    path = write_wav(folder / "channels.wav", np.zeros((256, 2000)))
    with pytest.raises(MediaError, match=r"FFmpeg cannot convert its sound \(.*\), as of a damaged header; convert it"):
        load(path)


def test_the_slowest_and_the_fastest_recordings_are_read(folder: Path) -> None:
    for rate in (1000, 768_000):
        path = write_wav(folder / f"{rate}.wav", melody(0, 0.5, rate=rate), rate)
        assert load(path).duration == pytest.approx(0.5, abs=0.001)


# ---------------------------------------------------------------- what is said


def test_ranges_are_merged_and_only_the_longest_named() -> None:
    silences = Silences()
    silences.damaged += [(6.9, 7.4), (7.5, 11.5)]  # a frame in between happened to be readable
    assert silences.warnings(0, 60) == ["4.6 s at 6.9-11.5 s could not be decoded (damaged); they are silent"]
    silences.damaged += [(20 + i, 20.3 + i) for i in range(5)] + [(40.0, 42.0)]
    assert silences.warnings(0, 60) == [
        "8.1 s at 6.9-11.5, 20.0-20.3, 40.0-42.0 s and 4 more places could not be decoded (damaged); they are silent"
    ]
    assert silences.warnings(12, 19) == []
    assert silences.notes(0, 60) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), max_size=20), st.floats(0, 50), st.floats(50, 100))
def test_merged_ranges_are_apart_and_cover_the_same(
    ranges: list[tuple[float, float]], first: float, last: float
) -> None:
    given_ranges = [(start, start + length) for start, length in ranges]
    found = merge_ranges(given_ranges, first, last)
    assert all(first <= start < end <= last for start, end in found)
    assert all(later[0] - earlier[1] >= 0.25 for earlier, later in itertools.pairwise(found))
    for start, end in given_ranges:
        start, end = max(start, first), min(end, last)
        assert end <= start or any(low <= start and end <= high for low, high in found)


def test_a_pause_of_the_recorder_is_no_damage(folder: Path) -> None:
    samples = melody(0, 6, rate=16_000)
    path = write_media(folder / "pause.mkv", Track(samples=samples, gaps=[(3.072, 5.0)]), video=6.0)
    audio = load(path)
    assert audio.warnings == ()
    assert audio.notes == ("the file has no sound for 5.0 s at 3.1-8.1 s, by its timestamps; they are silent",)
    assert load(path, end=2.0).notes == ()


def test_a_clock_that_jumps_is_told(folder: Path) -> None:
    samples = melody(0, 6, rate=48_000)
    path = write_media(folder / "jump.ts", Track(samples=samples, rate=48_000, codec="mp2", gaps=[(3.072, 60.0)]))
    audio = load(path)
    assert audio.duration == pytest.approx(6.0, abs=0.05)
    assert audio.warnings == ("the clock of the file jumps by 60.0 s at 3.1 s; no silence was put in there",)


@pytest.mark.parametrize("kind", ["ogg-opus", "webm", "mkv", "flv", "ts", "ts-mp2"])
def test_the_structure_of_a_whole_file_is_intact(folder: Path, kind: str) -> None:
    names = {"ogg-opus": "ogg", "flv": "flv", "ts": "mpegts", "ts-mp2": "mpegts"}
    name = names.get(kind, "matroska,webm")
    start = 9 if name == "flv" else 0
    path = build(folder, kind)
    with path.open("rb") as raw:
        file = LocalFile(raw)
        assert is_intact(file, name, start, file.size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)  # a page of Ogg has some 9000
    with changed(path, "broken", bytes(data)).open("rb") as raw:
        file = LocalFile(raw)
        assert not is_intact(file, name, start, file.size)


# ---------------------------------------------------------------- the cases that users reported


def case(name: str) -> Path:
    path = CASES / name
    if not path.exists():
        pytest.skip("the reported cases lie in ../shared, which is not here")
    return path


def test_damage_in_bare_aac_keeps_the_time_of_what_follows(folder: Path) -> None:
    intact = load(case("adts_damage_time/intact.aac"))
    passage = intact.samples[0, -5 * 16_000 :]
    at = intact.duration - 5
    audio = load(case("adts_damage_time/zeros_20pct.aac"))
    assert abs(lag(audio.samples[0], passage, at=at)) < 0.25  # 4.6 s of a varying bit rate
    assert re.fullmatch(
        r"4\.\d s at 6\.8-11\.\d s could not be decoded \(damaged\); they are silent", audio.warnings[0]
    )
    data = case("adts_damage_time/intact.aac").read_bytes()
    for share, within in ((0.02, 0.08), (0.2, 0.3)):
        broken = bytearray(data)
        first, n_bytes = round(0.4 * len(data)), round(share * len(data))
        broken[first : first + n_bytes] = noise(n_bytes)
        path = folder / "reported.aac"
        path.write_bytes(broken)
        assert abs(lag(load(path).samples[0], passage, at=at)) < within


def test_sound_that_cannot_be_decoded_is_told() -> None:
    audio = load(case("damage_unreported/bad_ch.mp4"))
    assert audio.duration == pytest.approx(22.9, abs=0.05)
    assert audio.warnings == ("4.9 s at 7.0-11.9 s could not be decoded (damaged); they are silent",)


def test_a_wav_file_whose_header_is_short() -> None:
    audio = load(case("wav_header_short/short_header.wav"))
    assert audio.duration == pytest.approx(11.0, abs=0.01)
    assert audio.warnings == ("the file holds 7.3 s more than its header says; all of it is read",)


# ---------------------------------------------------------------- whatever happens to a file


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    found = {}
    for kind, (name, codec, more) in CONTAINERS.items():
        more = dict(more)
        outer = {key: more.pop(key) for key in ("container", "options") if key in more}
        rate = more.pop("rate", 48_000)
        video = 2.0 if more.pop("video", 0) else 0.0
        track = Track(samples=melody(0, 2, rate=rate), rate=rate, codec=codec, **more)
        found[kind] = write_media(folder / f"{kind}.{name.split('.')[1]}", track, video=video, **outer).read_bytes()
    return found


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["cut", "zeros", "noise", "delete", "repeat", "number", "join"]),
        st.floats(0, 1),
        st.floats(0, 0.4),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("kind", CONTAINERS)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_any_file_gives_sound_or_one_clear_line(
    tmp_path: Path, small_files: dict[str, bytes], kind: str, changes: list[tuple[str, float, float, int]]
) -> None:
    data = bytearray(small_files[kind])
    for how, at, share, number in changes:
        first = round(at * len(data))
        last = min(len(data), first + round(share * len(data)))
        if how == "cut":
            del data[first:]
        elif how == "zeros":
            data[first:last] = bytes(last - first)
        elif how == "noise":
            data[first:last] = np.random.default_rng(number).bytes(last - first)
        elif how == "delete":
            del data[first:last]
        elif how == "repeat":
            data[first:first] = data[first:last]
        elif how == "number":
            first = first % 400 if number % 2 else first  # headers, mostly
            data[first : first + 8] = (number * 0x1_0000_0001).to_bytes(8, "little")
        else:
            data += small_files[kind]
    path = tmp_path / f"fuzz.{CONTAINERS[kind][0].split('.')[1]}"
    path.write_bytes(bytes(data))
    audio, said = read(path)
    assert "\n" not in said
    assert audio is None or np.isfinite(audio.samples).all()
