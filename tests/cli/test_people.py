"""`speakers`, `link` and `--identify` as they are typed; with CAM++ as trained where it is beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from tests.cli.conftest import Cli
from tests.real_models import recording, speaker_networks
from whisperdiar import Transcript, Turn, load
from whisperdiar.people import Profiles, Voice, VoiceModel, make_sample
from whisperdiar.people.embedding import find_clean_speech
from whisperdiar.transcript import Speaker

UNIT = np.eye(4, dtype=np.float32)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A folder in which Anna and Ben are known, by vectors that no network made."""
    profiles = Profiles(tmp_path / "people")
    for name, vector in (("Anna", UNIT[0]), ("Ben", UNIT[1])):
        profiles.add(name, [make_sample(Voice(vector, 12.0), "monday", None)], VoiceModel("campplus", "x", UNIT[3]))
    return profiles.folder


def test_people_are_listed_renamed_removed_and_forgotten(cli: Cli, people: Path) -> None:
    own = ("--people", people)
    listed = cli("speakers", "list", *own)
    assert (listed.code, listed.out.splitlines()[0]) == (0, "Anna: 1 recording, 12 s of speech, campplus (x)")
    assert "embedding" not in cli("speakers", "list", "--json", *own).out
    assert cli("speakers", "rename", "Anna", "Ann", *own).code == 0
    assert cli("speakers", "remove", "Ben", *own).code == 0
    assert [row["name"] for row in json.loads(cli("speakers", "list", "--json", *own).out)] == ["Ann"]
    gone = cli("speakers", "remove", "Ben", *own)
    assert (gone.code, gone.complaints) == (2, ["whisperdiar: error: Ben: there is no such profile; known are: Ann"])
    assert cli("speakers", "forget", *own).code == 0
    assert not people.exists()
    assert cli("speakers", "list", *own).out == "nobody is known yet\n"


def test_profiles_go_to_another_machine(cli: Cli, people: Path, tmp_path: Path) -> None:
    assert cli("speakers", "export", "Anna", "-o", "anna.json", "--people", people).code == 0
    again = cli("speakers", "export", "Anna", "-o", "anna.json", "--people", people)
    assert (again.code, len(again.complaints)) == (2, 1)
    assert cli("speakers", "import", "anna.json", "--people", tmp_path / "other").code == 0
    assert [item.name for item in Profiles(tmp_path / "other").read_all()] == ["Anna"]
    refused = cli("speakers", "import", "anna.json", "--people", tmp_path / "other")
    assert refused.complaints == [
        "whisperdiar: error: Anna: there is a profile of this name already; add --overwrite to replace it"
    ]


def test_a_damaged_profile_is_one_line_and_the_others_are_listed(cli: Cli, people: Path) -> None:
    next(people.glob("anna-*.json")).write_text("{", "utf-8")
    done = cli("speakers", "list", "--people", people)
    assert (done.code, len(done.complaints)) == (1, 1)
    assert done.out.startswith("Ben")


def test_identify_with_nobody_known_is_told_before_the_work(cli: Cli, short: Path, tmp_path: Path) -> None:
    done = cli("diarize", short, "--diarizer", "bic", "--identify", "--people", tmp_path / "none", "-o", "x.json")
    assert done.code == 2
    assert [line for line in done.complaints if "nobody is known yet" in line] == done.complaints
    assert not (tmp_path / "x.json").exists()
    assert not (tmp_path / "none").exists()


def test_nothing_is_read_or_kept_unless_asked_for(
    cli: Cli, short: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHISPERDIAR_PEOPLE", str(people))
    before = {path: path.read_bytes() for path in people.iterdir()}
    assert cli("diarize", short, "--diarizer", "bic", "--vad", "energy", "-o", "x.json").code == 0
    assert "identification" not in json.loads(Path("x.json").read_text("utf-8"))["provenance"]
    assert {path: path.read_bytes() for path in people.iterdir()} == before


# With CAM++


@pytest.fixture(scope="module")
def network() -> str:
    return speaker_networks()["embedding_model"]


def take_first(turns: Sequence[Turn]) -> list[Turn]:
    """About 8 seconds of each speaker: enough to know a voice, and quick."""
    seconds: dict[str, float] = {}
    found = []
    for turn in turns:
        if seconds.get(turn.speaker, 0.0) < 8.0:
            found.append(turn)
            seconds[turn.speaker] = seconds.get(turn.speaker, 0.0) + turn.span.duration
    return found


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Two conversations of the corpus with their reference turns as transcripts, and two of their people alone."""
    folder = tmp_path_factory.mktemp("talks")
    found: dict[str, Path] = {}
    for name in ("sim2", "sim3"):
        source = recording(name)
        audio = source.audio
        labels = {label: f"SPEAKER_{n:02d}" for n, label in enumerate(dict.fromkeys(t.speaker for t in source.turns))}
        turns = tuple(Turn(turn.span, labels[turn.speaker]) for turn in take_first(source.turns))
        speakers = tuple(Speaker(label, label) for label in labels.values())
        transcript = Transcript(name, audio.duration, speakers=speakers, turns=turns)
        found[name] = folder / f"{name}.json"
        transcript.save(found[name])
        wavfile.write(folder / f"{name}.wav", audio.sample_rate, audio.mono)
    alone = find_clean_speech(recording("sim1").turns)
    sound = load(recording("sim1").path, channels="mono")
    for person, turns in alone.items():
        pieces = [sound.mono_part(round(t.span.start * 16_000), round(t.span.end * 16_000)) for t in take_first(turns)]
        found[person] = folder / f"{person}.wav"
        wavfile.write(found[person], 16_000, np.concatenate(pieces))
    return found


def people_of(name: str) -> dict[str, str]:
    """Label in the transcripts above → the person of the reference."""
    persons = dict.fromkeys(turn.speaker for turn in recording(name).turns)
    return {f"SPEAKER_{number:02d}": person for number, person in enumerate(persons)}


def test_people_are_known_again_in_other_recordings_and_strangers_are_not(
    cli: Cli, network: str, talks: Mapping[str, Path], tmp_path: Path
) -> None:
    own = ("--people", tmp_path / "people", "--threads", "1")
    for name in ("LJ", "p226"):
        done = cli("speakers", "add", name, talks[name], "--voice-model", network, "--vad", "energy", *own)
        assert done.code == 0, done.err
        assert "biometric" in done.err
    done = cli("rename", talks["sim3"], "--identify", *own[:2], "-o", "named.json")
    assert done.code == 0, done.err
    named = {item.id: item.name for item in Transcript.load("named.json").speakers}
    for label, person in people_of("sim3").items():
        assert named[label] == (person if person in ("LJ", "p226") else label)
    (tmp_path / "sim2.rttm").write_text(recording("sim2").references["rttm"].read_text("utf-8"), "utf-8")
    sound = recording("sim2").path
    done = cli("diarize", sound, "--turns", "sim2.rttm", "--identify", *own, "--end", "45", "-o", "d.json")
    assert done.code == 0, done.err
    marks = json.loads(Path("d.json").read_text("utf-8"))["provenance"]["identification"]["speakers"]
    assert sorted(mark.get("name", "") for mark in marks.values() if mark["decision"] == "name") == ["LJ", "p226"]
    assert marks["p225"] == {"decision": "unknown"}


def test_a_confirmed_speaker_is_learnt_and_taken_out_again(
    cli: Cli, network: str, talks: Mapping[str, Path], tmp_path: Path
) -> None:
    own = ("--people", tmp_path / "people")
    mine = tmp_path / "mine.json"
    mine.write_bytes(talks["sim2"].read_bytes())
    label = next(label for label, person in people_of("sim2").items() if person == "p225")
    missing = cli("speakers", "confirm", mine, label, "Paula", "--voice-model", network, *own)
    assert "name it with --media FILE" in missing.err
    done = cli(
        "speakers", "confirm", mine, label, "Paula", "--media", talks["sim2"].parent, "--voice-model", network, *own
    )
    assert done.code == 0, done.err
    assert Transcript.load(mine).name(label) == "Paula"
    done = cli("rename", talks["sim3"], "--identify", "-o", "other.json", *own)
    named = {item.id: item.name for item in Transcript.load("other.json").speakers}
    assert [person for label, person in people_of("sim3").items() if named[label] == "Paula"] == ["p225"]
    assert cli("speakers", "unconfirm", mine, label, *own).code == 0
    assert Transcript.load(mine).name(label) == label
    assert not Profiles(tmp_path / "people").read_all()


def test_the_same_people_are_linked_over_recordings(
    cli: Cli, network: str, talks: Mapping[str, Path], tmp_path: Path
) -> None:
    done = cli("link", talks["sim2"], talks["sim3"], "-o", "people.json", "--voice-model", network,
               "--people", tmp_path / "none", "--threads", "1")  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(Path("people.json").read_text("utf-8"))
    persons = {name: people_of(name) for name in ("sim2", "sim3")}
    for person in found["people"]:
        assert len({persons[item["recording"]][item["speaker"]] for item in person["appearances"]}) == 1
    both = {person for person in persons["sim2"].values() if person in persons["sim3"].values()}
    linked = [person for person in found["people"] if len(person["appearances"]) == 2]
    assert len(linked) == len(both) == 3
    assert "embedding" not in json.dumps(found)


def test_another_network_is_refused_in_one_line(
    cli: Cli, network: str, people: Path, talks: Mapping[str, Path]
) -> None:
    done = cli("speakers", "add", "Eve", talks["LJ"], "--voice-model", network, "--vad", "energy", "--people", people)
    assert (done.code, len(done.complaints)) == (2, 1)
    assert "cannot tell their voices" in done.err


def test_thresholds_are_set_by_recordings_of_ones_own(
    cli: Cli, network: str, talks: Mapping[str, Path], tmp_path: Path
) -> None:
    for name in ("sim2", "sim3"):
        sound, transcript = load(recording(name).path, channels="mono"), Transcript.load(talks[name])
        for label, person in people_of(name).items():
            (tmp_path / "own" / person).mkdir(parents=True, exist_ok=True)
            turns = [turn for turn in transcript.turns if turn.speaker == label]
            pieces = [sound.mono_part(round(t.span.start * 16_000), round(t.span.end * 16_000)) for t in turns]
            wavfile.write(tmp_path / "own" / person / f"{name}.wav", 16_000, np.concatenate(pieces))
    own = ("--voice-model", network, "--people", tmp_path / "people", "--threads", "1", "--vad", "energy")
    few = cli("speakers", "calibrate", tmp_path, *own)
    assert (few.code, len(few.complaints)) == (2, 1)
    assert "at least 3 people" in few.err
    (tmp_path / "own" / "Nobody").mkdir()
    (tmp_path / "own" / "Damaged").mkdir()
    (tmp_path / "own" / "Damaged" / "notes.txt").write_text("no sound", "utf-8")
    (tmp_path / "own" / "Quiet").mkdir()
    wavfile.write(tmp_path / "own" / "Quiet" / "still.wav", 16_000, np.zeros(32_000, np.float32))
    done = cli("speakers", "calibrate", tmp_path / "own", *own)
    assert done.code == 0, done.err
    assert "5 people, 8 recordings" in done.err
    told = [line for line in done.err.splitlines() if "left out" in line or "nobody is learnt" in line]
    assert [name for name in ("Damaged", "Nobody", "Quiet") if any(name in line for line in told)] == [
        "Damaged",
        "Nobody",
        "Quiet",
    ]
    assert len(told) == 3
    kept = json.loads((tmp_path / "people" / "calibration.json").read_text("utf-8"))["calibration"]
    assert 0.0 < kept["name_distance"] < 0.6
    assert kept["names"]
