"""Known people: decisions by distances, profiles in files, and the same people over many recordings."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whisperdiar import FormatError, InvalidOption, OutputError, Span, Transcript, Turn
from whisperdiar.people import (
    Appearance,
    Calibration,
    Profiles,
    Voice,
    VoiceModel,
    calibrate,
    confirm,
    decide,
    link,
    make_sample,
    name_speakers,
    unconfirm,
)
from whisperdiar.people.embedding import find_clean_speech
from whisperdiar.people.identification import KEY
from whisperdiar.people.matching import CALIBRATIONS, LEAST_SECONDS, UNMEASURED, find_margins
from whisperdiar.people.profiles import MOST_SAMPLES
from whisperdiar.transcript import Speaker

CAMPPLUS = CALIBRATIONS["campplus"]
needs_permissions = pytest.mark.skipif(
    os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


def vector(*parts: float) -> Any:
    """Of length 1, in four dimensions unless there are more parts."""
    made = np.array([*parts, *(0.0,) * (4 - len(parts))], dtype=np.float32)
    return made / np.linalg.norm(made)


def model(*, encoder: str = "campplus", turn: int = 0) -> VoiceModel:
    return VoiceModel(encoder, "some.onnx", np.roll(vector(1, 0, 0, 0), turn))


def voice(*parts: float, seconds: float = 20.0) -> Voice:
    return Voice(vector(*parts), seconds)


ANNA, BEN, CLEO = voice(1, 0, 0, 0), voice(0, 1, 0, 0), voice(0, 0, 1, 0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[str], list[str], Any, list[float]]:
    """Speakers, people, distances from 0 to 2, seconds."""
    n_speakers, n_people = draw(st.integers(1, 6)), draw(st.integers(0, 6))
    # Few values, so that two are often equal.
    values = st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0]), st.floats(0.0, 2.0))
    distances = draw(arrays(np.float64, (n_speakers, n_people), elements=values))
    seconds = draw(st.lists(st.floats(0.0, 200.0), min_size=n_speakers, max_size=n_speakers))
    return [f"SPEAKER_{i:02d}" for i in range(n_speakers)], [f"P{i}" for i in range(n_people)], distances, seconds


@given(cases())
def test_a_name_is_given_once_to_the_nearest_below_the_distance_ahead_by_the_margin(case: Any) -> None:
    speakers, names, distances, seconds = case
    decisions = decide(speakers, names, distances, seconds, CAMPPLUS)
    assert [item.speaker for item in decisions] == speakers
    given_names = [item.name for item in decisions if item.kind == "name"]
    assert len(set(given_names)) == len(given_names)
    for row, item in enumerate(decisions):
        if item.kind == "unknown":
            assert item.name is None
            continue
        column = names.index(str(item.name))
        distance = distances[row, column]
        assert distance == distances[row].min()
        assert distance <= CAMPPLUS.ask_distance
        if item.kind == "name":
            assert seconds[row] >= LEAST_SECONDS
            assert distance <= CAMPPLUS.name_distance
            others = [*np.delete(distances[row], column), *np.delete(distances[:, column], row)]
            assert all(other - distance >= CAMPPLUS.margin - 1e-9 for other in others)


@given(cases(), st.randoms(use_true_random=False))
def test_decisions_do_not_depend_on_the_order_of_speakers_and_people(case: Any, random: Any) -> None:
    speakers, names, distances, seconds = case
    rows, columns = random.sample(range(len(speakers)), len(speakers)), random.sample(range(len(names)), len(names))
    before = {item.speaker: item for item in decide(speakers, names, distances, seconds, CAMPPLUS)}
    after = decide(
        [speakers[i] for i in rows],
        [names[i] for i in columns],
        distances[np.ix_(rows, columns)] if names else distances[rows],
        [seconds[i] for i in rows],
        CAMPPLUS,
    )
    for item in after:
        # Of two people who are exactly as near either may be asked for; neither is named.
        assert (item.kind, item.probability) == (before[item.speaker].kind, before[item.speaker].probability)
        if item.kind == "name":
            assert item.name == before[item.speaker].name


@given(cases())
def test_strangers_and_networks_that_nobody_measured_are_never_named(case: Any) -> None:
    speakers, names, distances, seconds = case
    far = np.maximum(distances, CAMPPLUS.ask_distance + 0.01)
    assert all(item.kind == "unknown" for item in decide(speakers, names, far, seconds, CAMPPLUS))
    assert all(item.kind != "name" for item in decide(speakers, names, distances, seconds, UNMEASURED))


def test_a_voice_between_two_people_and_a_person_between_two_speakers_are_asked() -> None:
    between = decide(["A"], ["Anna", "Ben"], np.array([[0.05, 0.06]]), [30.0], CAMPPLUS)
    split = decide(["A", "B"], ["Anna"], np.array([[0.05], [0.06]]), [30.0, 30.0], CAMPPLUS)
    alone = decide(["A"], ["Anna"], np.array([[0.05]]), [30.0], CAMPPLUS)
    short = decide(["A"], ["Anna"], np.array([[0.05]]), [LEAST_SECONDS - 0.1], CAMPPLUS)
    assert [item.kind for item in (*between, *split, *alone, *short)] == ["ask", "ask", "ask", "name", "ask"]


def test_probability_falls_with_the_distance_and_rises_with_the_margin() -> None:
    near = CAMPPLUS.find_probability(0.1, 20.0, 0.2)
    assert near > CAMPPLUS.find_probability(0.3, 20.0, 0.2) > CAMPPLUS.find_probability(0.6, 20.0, 0.2)
    assert near > CAMPPLUS.find_probability(0.1, 20.0, 0.0) == CAMPPLUS.find_probability(0.1, 20.0, float("inf"))


def test_margins_are_to_the_next_on_both_sides() -> None:
    margins = find_margins(np.array([[0.1, 0.5], [0.3, 0.9]]))
    assert margins[0, 0] == pytest.approx(0.2)
    assert margins[0, 1] == pytest.approx(-0.4)
    assert np.isinf(find_margins(np.array([[0.1]]))).all()


times = st.integers(0, 40).map(lambda number: number / 2)


@given(st.lists(st.tuples(times, times, st.sampled_from("ABC")), max_size=12))
def test_clean_speech_is_what_one_speaker_says_alone(turns: Any) -> None:
    made = [Turn(Span(min(a, b), max(a, b)), speaker) for a, b, speaker in turns]
    found = find_clean_speech(made)
    assert set(found) == {turn.speaker for turn in made}
    for speaker in "ABC":
        clean = {half for turn in found.get(speaker, ()) for half in _halves(turn)}
        own = {half for turn in made if turn.speaker == speaker for half in _halves(turn)}
        others = {half for turn in made if turn.speaker != speaker for half in _halves(turn)}
        assert clean == own - others


def _halves(turn: Turn) -> range:
    return range(round(turn.span.start * 2), round(turn.span.end * 2))


# Profiles


def test_a_profile_comes_back_as_it_was_written_and_its_owner_alone_reads_it(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "people")
    made = profiles.add(" Anna  Ångström ", [make_sample(ANNA, "monday", "SPEAKER_01")], model())
    (back,) = profiles.read_all()
    assert (back.name, back.consent, back.samples[0].recording) == ("Anna Ångström", made.consent, "monday")
    assert back.model.is_same(model())
    assert np.allclose(back.vector, ANNA.vector)
    (path,) = (tmp_path / "people").glob("*.json")
    assert json.loads(path.read_text("utf-8"))["name"] == "Anna Ångström"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        profiles.add("Anna Ångström", [make_sample(BEN, "tuesday", None)], model())
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_profile_keeps_the_ten_longest_samples_and_one_of_each_recording(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    for number in range(MOST_SAMPLES + 3):
        profiles.add("Anna", [make_sample(voice(1, number, seconds=5.0 + number), f"r{number}", None)], model(turn=0))
    samples = profiles.read("anna").samples
    assert [item.recording for item in samples] == [f"r{number}" for number in range(3, MOST_SAMPLES + 3)]
    profiles.add("Anna", [make_sample(voice(1, 1, seconds=50.0), "r5", None)], model())
    assert [item.seconds for item in profiles.read("Anna").samples if item.recording == "r5"] == [50.0]


def test_another_network_is_refused(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    profiles.add("Anna", [make_sample(ANNA, "r", None)], model())
    with pytest.raises(InvalidOption, match="made with campplus"):
        profiles.add("Ben", [make_sample(BEN, "r", None)], model(turn=1))
    longer = VoiceModel("ecapa", "x", vector(1, 0, 0, 0, 0))
    with pytest.raises(InvalidOption, match="made with campplus"):
        profiles.add("Ben", [make_sample(voice(0, 1, 0, 0, 0), "r", None)], longer)
    with pytest.raises(InvalidOption, match="another network than campplus"):
        profiles.add("Ben", [make_sample(voice(0, 1, 0, 0, 0), "r", None)], model())
    assert [item.name for item in profiles.read_all()] == ["Anna"]


def test_rename_remove_and_forget(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "people")
    for name, own in (("Anna", ANNA), ("Ben", BEN)):
        profiles.add(name, [make_sample(own, "r1", None), make_sample(own, "r2", None)], model())
    with pytest.raises(InvalidOption, match="already"):
        profiles.rename("Anna", "ben")
    profiles.rename("anna", "ANNA")
    assert [item.name for item in profiles.read_all()] == ["ANNA", "Ben"]
    left = profiles.remove_sample("ANNA", 1)
    assert left is not None
    assert [item.recording for item in left.samples] == ["r2"]
    with pytest.raises(InvalidOption, match="no sample 2"):
        profiles.remove_sample("ANNA", 2)
    assert profiles.remove_sample("ANNA", 1) is None
    with pytest.raises(InvalidOption, match="known are: Ben"):
        profiles.remove("ANNA")
    profiles.write_calibration(CAMPPLUS, model())
    assert profiles.forget() == 1
    assert not (tmp_path / "people").exists()
    assert profiles.forget() == 0


def test_exported_profiles_are_taken_in_whole_or_not_at_all(tmp_path: Path) -> None:
    here, there = Profiles(tmp_path / "here"), Profiles(tmp_path / "there")
    here.add("Anna", [make_sample(ANNA, "r", None)], VoiceModel("campplus", "/home/anna/x.onnx", model().probe))
    here.add("Ben", [make_sample(BEN, "r", None)], model())
    data = json.loads(json.dumps(here.to_dict()))
    assert "/home/anna" not in json.dumps(data)
    there.add("Ben", [make_sample(CLEO, "old", None)], model())
    with pytest.raises(InvalidOption, match="Ben: there is a profile of this name already"):
        there.take_in(data, "file")
    assert [item.name for item in there.read_all()] == ["Ben"]
    assert there.take_in(data, "file", overwrite=True) == ("Anna", "Ben")
    assert np.allclose(there.read("Ben").vector, BEN.vector)
    with pytest.raises(FormatError, match="no profiles in it"):
        there.take_in({"people": []}, "file")
    with pytest.raises(FormatError, match="file: the profile is damaged"):
        there.take_in({"people": [{"name": "Eve"}]}, "file")


@given(st.data())
def test_a_damaged_profile_is_one_line_and_the_others_stay(tmp_path_factory: Any, data: Any) -> None:
    profiles = Profiles(tmp_path_factory.mktemp("people"))
    profiles.add("Anna", [make_sample(ANNA, "r", "S")], model())
    profiles.add("Ben", [make_sample(BEN, "r", "S")], model())
    path = next(profiles.folder.glob("anna-*.json"))
    whole = path.read_bytes()
    kind = data.draw(st.sampled_from(["cut", "byte", "key", "value"]))
    if kind == "cut":
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 2))])
    elif kind == "byte":
        at = data.draw(st.integers(0, len(whole) - 1))
        path.write_bytes(whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :])
    else:
        tree = json.loads(whole)
        places: list[Any] = [tree, tree["model"], *tree["samples"]]
        place = data.draw(st.sampled_from(places))
        key = data.draw(st.sampled_from(sorted(place)))
        if kind == "key":
            del place[key]
        else:
            place[key] = data.draw(st.sampled_from([None, [], {}, "x", -1, True, 1e400, "A" * 5000]))
        path.write_text(json.dumps(tree), "utf-8")
    told: list[str] = []
    found = profiles.read_all(notify=told.append)  # raises nothing, whatever the file holds
    assert "Ben" in [item.name for item in found]
    assert len(found) + len(told) == 2
    assert all("\n" not in line and path.name in line for line in told)
    for item in found:
        assert np.isfinite(item.vector).all()
    profiles.remove("Anna")
    assert [item.name for item in profiles.read_all()] == ["Ben"]


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = Profiles(tmp_path)
    profiles.add("Anna", [make_sample(ANNA, "monday", None)], model())
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    for name in ("Anna", "Ben"):
        with pytest.raises(OutputError, match="no space is left"):
            profiles.add(name, [make_sample(BEN, "tuesday", None)], model())
    assert {path.name for path in tmp_path.iterdir()} == {*before, ".lock"}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.json")} == before


@needs_permissions
def test_a_folder_that_may_not_be_written_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="no permission"):
        Profiles(tmp_path / "people").add("Anna", [make_sample(ANNA, "r", None)], model())


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "people").write_text("", "utf-8")
    with pytest.raises(OutputError, match="people"):
        Profiles(tmp_path / "people").add("Anna", [make_sample(ANNA, "r", None)], model())


def test_two_processes_at_once_lose_no_sample(tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
from pathlib import Path
from whisperdiar.people import Profiles, Voice, VoiceModel, make_sample
unit = np.eye(4, dtype=np.float32)
for number in range(5):
    sample = make_sample(Voice(unit[1], 10.0), f"{sys.argv[2]}{number}", None)
    Profiles(Path(sys.argv[1])).add("Anna", [sample], VoiceModel("campplus", "x", unit[0]))
"""
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in ("a", "b")]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    names = sorted(item.recording for item in Profiles(tmp_path).read("Anna").samples)
    assert names == [*(f"a{number}" for number in range(5)), *(f"b{number}" for number in range(5))]


# Transcripts


def transcript(*, names: dict[str, str] | None = None) -> Transcript:
    labels = [f"SPEAKER_{number:02d}" for number in range(3)]
    speakers = tuple(Speaker(label, (names or {}).get(label, label)) for label in labels)
    turns = tuple(Turn(Span(10.0 * number, 10.0 * number + 9.0), label) for number, label in enumerate(labels))
    return Transcript("meeting", 30.0, speakers=speakers, turns=turns, provenance={"notes": ["before"]})


def test_names_are_given_and_marked_and_what_may_be_is_asked_in_a_note(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    profiles.add("Anna", [make_sample(ANNA, "r", None)], model())
    profiles.add("Ben", [make_sample(BEN, "r", None)], model())
    voices = {"SPEAKER_00": ANNA, "SPEAKER_01": voice(0, 0.8, 0, 0.6), "SPEAKER_02": CLEO}
    found = name_speakers(transcript(), voices, profiles.read_all(), CAMPPLUS, model="m")
    assert [item.name for item in found.speakers] == ["Anna", "SPEAKER_01", "SPEAKER_02"]
    marks = found.provenance[KEY]["speakers"]
    assert {label: (mark["decision"], mark.get("name")) for label, mark in marks.items()} == {
        "SPEAKER_00": ("name", "Anna"),
        "SPEAKER_01": ("ask", "Ben"),
        "SPEAKER_02": ("unknown", None),
    }
    notes = found.provenance["notes"]
    assert notes[0] == "before"
    assert any("SPEAKER_01 may be Ben" in note for note in notes)
    assert Transcript.from_dict(found.to_dict()).provenance[KEY] == found.provenance[KEY]
    assert "embedding" not in json.dumps(found.to_dict())


def test_names_that_somebody_gave_stay_and_are_given_to_nobody_else(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    profiles.add("Anna", [make_sample(ANNA, "r", None)], model())
    given_before = transcript(names={"SPEAKER_02": "Anna"})
    found = name_speakers(
        given_before, {"SPEAKER_00": ANNA, "SPEAKER_02": CLEO}, profiles.read_all(), CAMPPLUS, model=""
    )
    assert [item.name for item in found.speakers] == ["SPEAKER_00", "SPEAKER_01", "Anna"]


class StandIn:
    """The voices of a recording, as if a network had heard them."""

    def __init__(self, voices: dict[str, Voice]) -> None:
        self.voices, self.model = voices, model()

    def embed_speakers(self, _audio: Any, _turns: Any, **_both: bool) -> dict[str, Voice]:
        return self.voices


def test_confirming_teaches_the_profile_and_unconfirming_takes_the_sample_out_again(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path)
    encoder: Any = StandIn({"SPEAKER_00": ANNA, "SPEAKER_01": voice(0, 1, 0, 0, seconds=2.0)})
    nothing: Any = None
    named = confirm(transcript(), nothing, "SPEAKER_00", "Anna", profiles, encoder=encoder)
    assert named.name("SPEAKER_00") == "Anna"
    assert named.provenance[KEY]["speakers"]["SPEAKER_00"]["decision"] == "confirmed"
    assert [(i.recording, i.speaker) for i in profiles.read("Anna").samples] == [("meeting", "SPEAKER_00")]
    with pytest.raises(InvalidOption, match="less than 5 s"):
        confirm(named, nothing, "SPEAKER_01", "Ben", profiles, encoder=encoder)
    with pytest.raises(InvalidOption, match="no such speaker"):
        confirm(named, nothing, "SPEAKER_09", "Ben", profiles, encoder=encoder)
    profiles.add("Anna", [make_sample(BEN, "other", None)], model())
    back = unconfirm(named, "Anna", profiles)
    assert back.name("SPEAKER_00") == "SPEAKER_00"
    assert [item.recording for item in profiles.read("Anna").samples] == ["other"]


# Linking


def appear(recording: str, speaker: str, own: Voice | None, name: str | None = None) -> Appearance:
    return Appearance(recording, speaker, name, own)


def groups(appearances: list[Appearance], calibration: Calibration = CAMPPLUS) -> set[frozenset[tuple[str, str]]]:
    people = link(appearances, calibration).people
    return {frozenset((item.recording, item.speaker) for item in person.appearances) for person in people}


def test_one_person_has_one_name_over_recordings_and_a_name_counts_for_all() -> None:
    appearances = [
        appear("a", "S0", ANNA),
        appear("a", "S1", BEN),
        appear("b", "S0", voice(0, 1, 0.05, 0)),
        appear("b", "S1", voice(1, 0.05, 0, 0), "Anna"),
        appear("c", "S0", voice(1, 0, 0.05, 0)),
        appear("c", "S1", None),
    ]
    links = link(appearances, CAMPPLUS)
    assert [item.name for item in links.people] == ["Anna", "PERSON_01", "PERSON_02"]
    assert links.find_names("c") == {"S0": "Anna", "S1": "PERSON_02"}
    assert not links.doubts


def test_who_is_too_short_or_between_two_stays_apart_and_is_asked() -> None:
    short = link([appear("a", "S", ANNA), appear("b", "S", voice(1, 0, 0, 0, seconds=3.0))], CAMPPLUS)
    assert len(short.people) == 2
    assert [(item.first, item.second) for item in short.doubts] == [("PERSON_00", "PERSON_01")]
    between = link([appear("a", "S0", voice(1, 0.1)), appear("a", "S1", voice(1, -0.1)), appear("b", "S", voice(1, 0))],
                   CAMPPLUS)  # fmt: skip
    assert len(between.people) == 3
    assert len(between.doubts) == 2


@st.composite
def meetings(draw: st.DrawFn) -> list[Appearance]:
    found = []
    for recording in range(draw(st.integers(1, 4))):
        for speaker in range(draw(st.integers(1, 3))):
            parts = draw(st.lists(st.sampled_from([0.0, 0.1, 1.0, -1.0]), min_size=3, max_size=3))
            own = voice(*parts, seconds=draw(st.sampled_from([2.0, 20.0]))) if any(parts) else None
            name = draw(st.sampled_from([None, None, "Anna", "Ben"]))
            found.append(appear(f"r{recording}", f"S{speaker}", own, name))
    return found


@given(meetings())
def test_linking_loses_nobody_and_nobody_is_two_speakers_of_a_recording(appearances: list[Appearance]) -> None:
    links = link(appearances, CAMPPLUS)
    found = [(item.recording, item.speaker) for person in links.people for item in person.appearances]
    assert sorted(found) == sorted((item.recording, item.speaker) for item in appearances)
    for person in links.people:
        recordings = [item.recording for item in person.appearances]
        assert len(set(recordings)) == len(recordings)
        assert len({item.name for item in person.appearances if item.name}) <= 1
    json.dumps(links.to_dict(), allow_nan=False)
    assert groups(appearances) == groups(appearances[::-1]) or any(item.name for item in appearances)


# Calibration


def test_thresholds_lie_between_people_who_are_far_apart_and_tell_where_they_overlap() -> None:
    people = {
        name: [voice(*np.roll([1.0, 0.02 * number, 0.3, 0.0], turn)) for number in range(4)]
        for turn, name in enumerate(("Anna", "Ben", "Cleo", "Dan"))
    }
    found = calibrate(people, CAMPPLUS)
    assert found.farthest_same < found.calibration.name_distance < found.nearest_others
    assert not found.overlap
    near, far = (found.calibration.find_probability(d, 20, 0.0) for d in (found.farthest_same, found.nearest_others))
    assert near > 0.9 > 0.5 > far
    mixed = calibrate({**people, "Ann": [ANNA, people["Anna"][0], CLEO]}, CAMPPLUS)
    assert mixed.overlap
    assert mixed.calibration.name_distance <= mixed.nearest_others


def test_too_few_people_are_refused_and_thresholds_are_kept_for_their_network_alone(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="at least 3 people"):
        calibrate({"Anna": [ANNA, ANNA], "Ben": [BEN]}, CAMPPLUS)
    with pytest.raises(InvalidOption, match="at least 3 people"):
        calibrate({}, CAMPPLUS)
    profiles = Profiles(tmp_path)
    own = Calibration(**{**{n: getattr(CAMPPLUS, n) for n in CAMPPLUS.__dataclass_fields__}, "name_distance": 0.1})
    profiles.write_calibration(own, model())
    assert profiles.read_calibration(model()).name_distance == 0.1
    assert profiles.read_calibration(model(turn=1)) == CAMPPLUS
    assert profiles.read_calibration(model(encoder="other", turn=1)) == UNMEASURED
    (tmp_path / "calibration.json").write_text("{}", "utf-8")
    with pytest.raises(FormatError, match="no thresholds"):
        profiles.read_calibration(model())
