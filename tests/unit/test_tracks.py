"""Which audio track of a file is read, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.media_files import Signal, Track, signal, write_media
from tests.sounds import SHARED
from whisperdiar import load
from whisperdiar.errors import MediaError

SECONDS = 40.0
RATE = 16_000


def quiet(samples: Signal) -> Signal:
    return np.zeros_like(samples)


def backwards() -> Signal:
    return np.flip(signal(SECONDS), axis=1)


def build(path: Path, *tracks: tuple[Signal, str | None, bool], title: str | None = None) -> Path:
    """A Matroska file of these tracks: samples, language, whether it is marked as the default."""
    return write_media(
        path,
        *[
            Track(samples=samples, rate=RATE, codec="pcm_s16le", language=language, main=main, title=title)
            for samples, language, main in tracks
        ],
    )


def test_one_track_is_not_talked_about(tmp_path: Path) -> None:
    audio = load(build(tmp_path / "one.mkv", (signal(5.0), "eng", True)))
    assert audio.notes == audio.warnings == ()


def test_the_other_tracks_are_named(tmp_path: Path) -> None:
    path = build(tmp_path / "two.mkv", (signal(SECONDS), "deu", True), (backwards(), "eng", False), title="Mic")
    audio = load(path)
    assert audio.warnings == ()
    assert audio.notes == ('track 1 of 2 is read; also: 2: eng "Mic" pcm_s16le 1 channel (--track 2)',)
    assert load(path, track=2).notes == ()  # who chooses knows


@pytest.mark.parametrize(("language", "warned"), [("fr", True), ("fr-CA", True), ("de", False), ("it", False)])
def test_a_track_in_the_language_that_is_asked_for_is_a_warning(tmp_path: Path, language: str, warned: bool) -> None:
    path = build(tmp_path / "two.mkv", (signal(SECONDS), "ger", True), (backwards(), "fre", False))
    audio = load(path, language=language)
    assert bool(audio.warnings) == warned
    if warned:
        assert (
            "another is tagged fre: to read that, give --track 2; also: 2: fre pcm_s16le 1 channel (--track 2)"
            in audio.warnings[0]
        )


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_a_silent_track_is_not_taken_where_another_has_sound(tmp_path: Path, level: float) -> None:
    nothing = level * np.random.default_rng(0).uniform(-1, 1, (1, round(SECONDS * RATE)))
    path = build(tmp_path / "obs.mkv", (nothing, None, True), (quiet(nothing), None, False), (backwards(), None, False))
    audio = load(path)
    np.testing.assert_allclose(audio.samples, backwards(), atol=1e-4)
    assert "track 1 is silent, so that track 3 of 3 is read in its place" in audio.warnings[0]
    assert not load(path, track=1).warnings


def test_sound_anywhere_makes_a_track_no_silent_one(tmp_path: Path) -> None:
    late = signal(SECONDS).copy()
    late[:, : round(0.8 * SECONDS * RATE)] = 0
    path = build(tmp_path / "late.mkv", (late, None, True), (backwards(), None, False))
    audio = load(path)
    assert audio.warnings == ()
    np.testing.assert_allclose(audio.samples, late, atol=1e-4)


def test_the_part_that_is_read_decides(tmp_path: Path) -> None:
    late = signal(SECONDS).copy()
    late[:, : round(0.8 * SECONDS * RATE)] = 0
    path = build(tmp_path / "late.mkv", (late, None, True), (backwards(), None, False))
    assert "track 1 is silent" in load(path, end=0.5 * SECONDS).warnings[0]


def test_where_all_tracks_are_silent_the_main_one_is_read(tmp_path: Path) -> None:
    nothing = quiet(signal(5.0))
    audio = load(build(tmp_path / "silent.mkv", (nothing, None, False), (nothing, None, True)))
    assert audio.warnings == ()
    assert audio.notes[0].startswith("track 2 of 2 is read")


def unknown_codec(path: Path, *, main: int) -> Path:
    """Two tracks of PCM in QuickTime, of which number `main` (from 0) is renamed to a codec that nobody knows."""
    tracks = [(signal(5.0), "sowt", "pcm_s16le"), (np.flip(signal(5.0), axis=1), "twos", "pcm_s16be")]
    write_media(
        path,
        *[
            Track(samples=samples, rate=RATE, codec=codec, main=i == main)
            for i, (samples, _, codec) in enumerate(tracks)
        ],
    )
    data = path.read_bytes()
    name = tracks[main][1].encode()
    assert data.count(name) == 1
    path.write_bytes(data.replace(name, b"apac"))
    return path


@pytest.mark.parametrize("main", [0, 1])
def test_the_best_track_that_can_be_decoded_is_read(tmp_path: Path, main: int) -> None:
    path = unknown_codec(tmp_path / "spatial.mov", main=main)
    audio = load(path)
    expected = np.flip(signal(5.0), axis=1) if main == 0 else signal(5.0)
    np.testing.assert_allclose(audio.samples, expected, atol=1e-4)
    with pytest.raises(MediaError, match=rf"track {main + 1} cannot be decoded .*\(track={2 - main}\)"):
        load(path, track=main + 1)


@pytest.mark.skipif(not (SHARED / "cases").is_dir(), reason="needs the recordings of ../shared")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tracks_unannounced/obs_silent1.mp4", "track 1 is silent, so that track 2 of 2 is read in its place"),
        ("track_undecodable_best/apac2.mov", "track 2 cannot be decoded, so that track 1 of 2 is read in its place"),
    ],
)
def test_files_of_others(name: str, said: str) -> None:
    audio = load(SHARED / "cases" / name)
    assert np.abs(audio.samples).max() > 0.1
    assert said in audio.warnings[0]
    assert "unknown codec" not in audio.warnings[0]
