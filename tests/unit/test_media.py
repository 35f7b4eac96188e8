"""Any file that FFmpeg reads, at the times that a player shows: formats, progress, and what is left open."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import whisperdiar
from tests.media_files import (
    FRAME,
    MS,
    SECONDS,
    assert_here,
    best_lag,
    build,
    signal,
    write_wav,
)
from tests.sounds import NANO, RATE_HZ, SAMPLES
from whisperdiar.cache.identity import hash_content
from whisperdiar.errors import MediaError
from whisperdiar.media import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def mp3(folder: Path) -> Path:
    return build(folder, "part.mp3", "libmp3lame", rate=44_100)


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


def test_a_file_that_grows_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "talk.wav", np.full((1, 3 * RATE_HZ), 0.1, np.float32))
    assert not load(path).warnings

    def grow(_stage: str, fraction: float) -> None:
        if 0 < fraction < 1:
            with path.open("ab") as file:
                file.write(bytes(2000))

    (warning,) = load(path, progress=grow).warnings
    assert warning.startswith("it was written to while it was read")


@pytest.mark.model
def test_a_transcript_of_a_file_that_grew_has_no_hash_of_it(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "talk.wav", np.zeros((1, 3 * RATE_HZ), np.float32))

    def grow(stage: str, fraction: float) -> None:
        if stage == "decode" and 0 < fraction < 1:
            with path.open("ab") as file:
                file.write(bytes(2000))

    with whisperdiar.open_pipeline(model=NANO[1], diarizer="none", vad="energy", offline=True) as pipeline:
        grown, still = pipeline(path, progress=grow), pipeline(path)
    assert "recording" not in grown.provenance
    assert still.provenance["recording"]["blake2b"] == hash_content(path)
