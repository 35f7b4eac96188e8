"""Tracks of a file, their tags, and the names of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.media_files import (
    SECONDS,
    Track,
    assert_here,
    build,
    signal,
    write_media,
    write_wav,
)
from whisperdiar.errors import MediaError
from whisperdiar.media import AudioTrack, load, probe, recording_id


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def mp3(folder: Path) -> Path:
    return build(folder, "part.mp3", "libmp3lame", rate=44_100)


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
