"""A track per person on the command line: `--tracks`, `--names`, `--track all`, and what pages play then."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import ABSENT, Cli
from tests.media_files import Track, write_media, write_wav
from tests.sounds import NANO, RATE_HZ, SAMPLES
from whisperdiar import Transcript, load, transcribe_tracks

BLEED = 0.05
LATE_S = 1.2
SECONDS = 28.0
FAST = (*NANO, "--vad", "energy")


@pytest.fixture(scope="module")
def call() -> np.ndarray:
    """The sample call: a person on each channel, and each microphone hears a little of the other."""
    own = load(SAMPLES / "call.flac", channels="all", end=SECONDS).samples
    return np.asarray([[1, BLEED], [BLEED, 1]], np.float32) @ own


@pytest.fixture(scope="module")
def folder(call: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for each of the two, of which one begins later."""
    made = tmp_path_factory.mktemp("session")
    write_wav(made / "boris.wav", call[:1].astype(np.float64))
    write_wav(made / "emma.wav", call[1:, round(LATE_S * RATE_HZ) :].astype(np.float64))
    (made / "notes.txt").write_text("no track")
    return made


def words(transcript: Transcript) -> dict[str | None, list[str]]:
    """What each person says, by name."""
    said: dict[str | None, list[str]] = {}
    for segment in transcript.segments:
        said.setdefault(transcript.name(segment.speaker), []).extend(segment.text.lower().split())
    return said


def test_files_of_people_are_one_recording(cli: Cli, folder: Path, call: np.ndarray, tmp_path: Path) -> None:
    done = cli(folder / "boris.wav", folder / "emma.wav", "--tracks", *FAST, "-o", "t.json", "-o", "t.html")
    assert done.code == 0, done.err
    again = cli("redo", "t.json", "-o", "again.json")
    assert (again.code, "made of several tracks" in again.complaints[0]) == (2, True)
    found = Transcript.load(tmp_path / "t.json")
    assert found.recording_id == "boris+emma"
    first, second = found.provenance["tracks"]
    assert (first["name"], second["name"]) == ("boris", "emma")
    assert second["start"] == pytest.approx(LATE_S, abs=0.01)
    assert f"after boris: emma +{LATE_S:.2f} s" in done.err
    # The same sound as channels of one file: nobody's words are lost, and none are written twice.
    both = write_wav(tmp_path / "call.wav", call.astype(np.float64))
    assert cli(both, "--diarizer", "channels", *FAST, "-o", "c.json").code == 0
    channels = words(Transcript.load(tmp_path / "c.json"))
    for label, name in (("SPEAKER_00", "boris"), ("SPEAKER_01", "emma")):
        alike = SequenceMatcher(None, channels[label], words(found)[name], autojunk=False)
        assert alike.ratio() > 0.9
    # The page plays both together, at the times of the transcript.
    assert "t.mix.m4a" in (tmp_path / "t.html").read_text("utf-8")
    mixed = load(tmp_path / "t.mix.m4a").mono
    length = min(len(mixed), call.shape[1])
    assert np.corrcoef(mixed[:length], call[:, :length].sum(axis=0))[0, 1] > 0.9
    again = cli(folder / "boris.wav", folder / "emma.wav", "--tracks", *ABSENT, "-o", "u.json", "-o", "t2/")
    assert again.code == 1  # the model alone is missing


def test_a_folder_and_names(folder: Path) -> None:
    found = transcribe_tracks(
        folder, names=["Boris", "Emma Brown"], model=NANO[1], vad="energy", start=5.0, end=16.0, offline=True
    )
    assert found.recording_id == folder.name
    assert [speaker.name for speaker in found.speakers] == ["Boris", "Emma Brown"]
    assert found.start == 5.0
    assert all(5.0 <= word.start <= word.end <= 16.1 for word in found.words)
    assert "printer" in words(found)["Emma Brown"]


def test_the_tracks_of_a_video_are_people(cli: Cli, call: np.ndarray, tmp_path: Path) -> None:
    short = call[:, : 12 * RATE_HZ].astype(np.float64)
    video = write_media(
        tmp_path / "obs.mkv", Track(samples=short[:1], title="Boris"), Track(samples=short[1:], title="Emma"), video=1.0
    )
    done = cli(video, "--track", "all", *FAST, "-o", "o.json", "-o", "o.html")
    assert done.code == 0, done.err
    found = Transcript.load(tmp_path / "o.json")
    assert [speaker.name for speaker in found.speakers] == ["Boris", "Emma"]
    assert "obs.mkv" in (tmp_path / "o.html").read_text("utf-8")  # the video itself is played
    assert not list(tmp_path.glob("*.mix.*"))
    assert words(transcribe_tracks(tmp_path, model=NANO[1], vad="energy", offline=True)) == words(found)
    named = cli(video, "--track", "ALL", "--names", "B", *FAST, "-o", "x.json")
    assert named.code == 2
    assert "give one for each track" in named.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("boris.wav", "--tracks"), "one track"),
        (("boris.wav", "emma.wav", "--tracks", "--diarizer", "bic"), "leave --diarizer bic out"),
        (("boris.wav", "emma.wav", "--tracks", "--speakers", "3"), "on each track, and 2 of them"),
        (("boris.wav", "emma.wav", "--tracks", "--turns", "a.rttm"), "leave --turns out"),
        (("boris.wav", "emma.wav", "--tracks", "--channel", "1"), "leave --channel out"),
        (("boris.wav", "emma.wav", "--tracks", "--track", "all"), "give one"),
        (("boris.wav", "emma.wav", "--tracks", "--names", "Anna"), "boris.wav, emma.wav"),
        (("boris.wav", "emma.wav", "--tracks", "--embed", "a.mp4"), "no video"),
        (("boris.wav", "--names", "Boris"), "add --tracks"),
        (("boris.wav", "--track", "all"), "several audio tracks"),
        (("boris.wav", "--track", "none"), "none"),
        (("boris.wav", "--tracks", "boris.wav"), "twice"),
    ],
)
def test_what_cannot_be_meant_is_said_before_the_work(
    cli: Cli, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    named = [folder / item if item.endswith(".wav") else item for item in arguments]
    done = cli(*named, *ABSENT, "-o", "x.json")
    assert done.code == 2
    assert said in done.err


def test_a_track_that_cannot_be_read_is_said_before_the_work(cli: Cli, folder: Path) -> None:
    for name in ("gone.wav", "notes.txt"):
        done = cli(folder / "boris.wav", folder / name, "--tracks", *ABSENT, "-o", "x.json")
        assert done.code == 1
        (line,) = done.complaints
        assert name in line


def test_a_silent_and_an_empty_track_are_told(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "anna.wav").touch()
    write_wav(tmp_path / "eva.wav", np.zeros((1, RATE_HZ)))
    done = cli(
        *(folder / "boris.wav", "anna.wav", "eva.wav", "--tracks", "--names", "Boris,Anna,Eva"),
        *(*FAST, "--end", "6", "-o", "x.json"),
    )
    assert done.code == 0
    assert [speaker["name"] for speaker in json.loads((tmp_path / "x.json").read_text("utf-8"))["speakers"]] == [
        "Boris"
    ]
    warned = [line for line in done.err.splitlines() if "warning" in line]
    assert any("Anna: " in line and "empty" in line for line in warned)
    assert any("no sound on the tracks of Anna, Eva" in line for line in warned)
