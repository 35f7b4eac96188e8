"""LIUM and ALIZÉ of the user's own, with stand-ins that check what they are told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import toolkits
from whisperdiar import Audio, Diarization, Span, SpeakerCount
from whisperdiar.diarization import alize, lium
from whisperdiar.errors import BackendError, BackendMissing, InvalidOption
from whisperdiar.frameworks.installation import readiness
from whisperdiar.options import AlizeSettings, LiumSettings
from whisperdiar.types import ANY_SPEAKERS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stand-ins are scripts with a #! line")

SPEECH = (Span(0.5, 3.25), Span(4.0, 6.0))


def sound() -> Audio:
    """Six seconds, by turns soft and loud."""
    tone = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    levels = (0.02, 0.5, 0.02, 0.02, 0.5, 0.02)
    samples = np.concatenate([level * tone for level in levels]).astype(np.float32)
    return Audio(samples[None], 16_000, "a talk; rm -rf")


def shown(found: Diarization) -> list[tuple[float, float, str]]:
    return [(turn.start, turn.end, turn.speaker) for turn in found.turns]


EXPECTED = [
    (0.5, 1.0, "SPEAKER_00"), (1.0, 2.0, "SPEAKER_01"), (2.0, 3.0, "SPEAKER_00"), (3.0, 3.25, "SPEAKER_00"),
    (4.0, 5.0, "SPEAKER_01"), (5.0, 6.0, "SPEAKER_00"),
]  # fmt: skip


def test_lium_gets_the_sound_and_its_turns_are_cut_to_speech(tmp_path: Path) -> None:
    backend = lium.Backend(LiumSettings(**toolkits.lium(tmp_path)))
    found = backend.diarize(sound(), speech=SPEECH)
    assert shown(found) == EXPECTED
    assert found.recording_id == "a talk; rm -rf"
    assert backend.record().model == "LIUM_SpkDiarization-8.4.1.jar"


def test_lium_without_the_last_clustering(tmp_path: Path) -> None:
    settings = LiumSettings(**toolkits.lium(tmp_path), clustering="bic")
    assert len(lium.Backend(settings).diarize(sound(), speech=SPEECH).speakers) == 6


@pytest.mark.parametrize("again", [True, False])
def test_alize_gets_features_speech_and_settings(tmp_path: Path, again: bool) -> None:
    backend = alize.Backend(AlizeSettings(**toolkits.alize(tmp_path), resegmentation=again))
    backend.prepare()
    assert shown(backend.diarize(sound(), speech=SPEECH)) == EXPECTED


def test_alize_takes_settings_of_the_users_own(tmp_path: Path) -> None:
    own = toolkits.install(tmp_path / "cfg", **{"Segmentation.cfg": "vectSize 13\nloadFeatureFileFormat SPRO4\n"})
    settings = AlizeSettings(**toolkits.alize(tmp_path / "bin"), config=str(own), resegmentation=False)
    with pytest.raises(BackendError, match=r"Segmentation failed \(exit status 3\): Exception: other features"):
        alize.Backend(settings).diarize(sound(), speech=SPEECH)
    with pytest.raises(BackendMissing, match=r"ReSegmentation\.cfg: there is no such file"):
        alize.Backend(AlizeSettings(**toolkits.alize(tmp_path / "bin"), config=str(own))).prepare()


@pytest.mark.parametrize("count", [SpeakerCount(2, 2), SpeakerCount(3, 3)])
def test_another_number_than_was_asked_for_is_told(tmp_path: Path, count: SpeakerCount) -> None:
    found = lium.Backend(LiumSettings(**toolkits.lium(tmp_path))).diarize(sound(), speech=SPEECH, speakers=count)
    assert bool(found.warnings) == (not count.allows(2))
    assert all("LIUM finds 2" in text for text in found.warnings)


def diarize(backend: Any) -> Diarization:
    found: Diarization = backend.diarize(sound(), speech=SPEECH, speakers=ANY_SPEAKERS)
    return found


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    for settings, told in (
        (LiumSettings(java=str(empty / "java")), "LIUM needs Java: install a JRE"),
        (LiumSettings(**{**toolkits.lium(tmp_path / "lium"), "jar": "none.jar"}), "none.jar: there is no such file"),
        (LiumSettings(java=str(tmp_path / "lium" / "java")), "give LIUM_SpkDiarization-….jar with diarizer_options="),
    ):
        for call in (lium.Backend(settings).prepare, lambda settings=settings: diarize(lium.Backend(settings))):
            with pytest.raises(BackendMissing, match=told):
                call()
    with pytest.raises(BackendMissing, match=r"no program Segmentation in PATH; .*diarizer_options="):
        alize.Backend().prepare()
    folder = Path(toolkits.alize(tmp_path / "alize")["bin"])
    (folder / "sfbcep").unlink()
    with pytest.raises(BackendMissing, match="no program sfbcep in PATH; ALIZÉ needs SPro"):
        alize.Backend(AlizeSettings(bin=str(folder))).prepare()


def test_the_jar_is_found_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = toolkits.lium(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = lium.Backend(LiumSettings(java=settings["java"]))
    found.prepare()
    assert found.record().model == "LIUM_SpkDiarization-8.4.1.jar"


HEAD = f"#!{sys.executable}\nimport sys, time\n"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (
            "print('Exception in thread \"main\"')\nprint(' out of  memory')\nsys.exit(1)",
            r"status 1\): out of memory$",
        ),
        ("sys.exit(1)", r"status 1\): it said nothing$"),
        ("print('cannot open')", "LIUM wrote nothing: cannot open$"),
        ("open('recording.seg', 'w').write('rubbish')", "the result of LIUM cannot be read: line 1: 1 field, where"),
        ("open('recording.seg', 'wb').write(bytes([0xff, 0x00, 0x81]))", "the result of LIUM cannot be read"),
        ("time.sleep(30)", "java was stopped after 1 s; give more with diarizer_options={.time_limit."),
    ],
)
def test_a_program_that_fails_is_told_in_one_line(tmp_path: Path, program: str, told: str) -> None:
    settings = LiumSettings(**toolkits.lium(tmp_path, java=HEAD + program), time_limit=1.0)
    with pytest.raises(BackendError, match=told) as caught:
        diarize(lium.Backend(settings))
    assert "\n" not in str(caught.value)


def test_a_result_outside_speech_is_no_success(tmp_path: Path) -> None:
    java = HEAD + "open('recording.seg', 'w').write('recording 1 900 100 F S U S0')"
    found = diarize(lium.Backend(LiumSettings(**toolkits.lium(tmp_path, java=java))))
    assert found.turns == ()
    assert found.warnings == ("LIUM found nobody in the detected speech",)


def test_readiness_looks_for_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for backend, told in ((lium.Backend, "LIUM needs Java"), (alize.Backend, 'diarizer_options={"bin": DIR}')):
        found = readiness("diarization", backend)
        assert (found.state, told in found.text) == ("not installed", True)
    toolkits.lium(tmp_path)
    toolkits.alize(tmp_path)
    assert [readiness("diarization", item).state for item in (lium.Backend, alize.Backend)] == ["ready", "ready"]


@pytest.mark.parametrize(
    "wrong", [{"clustering": "ilp"}, {"memory_mb": 0}, {"time_limit": -1.0}, {"time_limit": float("nan")}]
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        LiumSettings(**wrong)
