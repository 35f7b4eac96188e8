"""The scripts in `scripts/` as values: who says what, when, and in which voice.

    from samples.script import load_script, script_names
    for name in script_names():
        for sentence in load_script(name).sentences: ...    # Sentence(speaker, voice, text)

`scripts/cast.json` gives each person a voice; a person who appears in several recordings sounds the same in all.
`scripts/NAME.json` holds one recording:

    file       the name of the recording, whose suffix chooses the codec
    speakers   name, channel (from 1) and level in dB in every channel of the recording
    turns      speaker and sentences (`say`), with `gap` (seconds after the end of the turn that has the floor;
               negative: an interruption) or `during` (a backchannel: where in that turn it falls, 0 to 1; it does not
               take the floor); without either the pause is drawn at random
    points     what minutes of the recording should hold: decisions, actions with owner and due date, questions,
               problems, each with the sentence that it rests on
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samples.synthesis import Voice

SCRIPTS = Path(__file__).with_name("scripts")
_CAST = "cast"
_NOISE_DB = -60.0


class ScriptError(ValueError):
    """A script contradicts itself. One line: the value, the cause, the next step."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A person in one recording: `levels_db` has one entry per channel, `channel` counts from 1."""

    name: str
    voice: Voice
    channel: int
    levels_db: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScriptTurn:
    """One person's sentences in a row; at most one of `gap` (seconds) and `during` (fraction) is set."""

    speaker: str
    sentences: tuple[str, ...]
    gap: float | None
    during: float | None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as one voice says it."""

    speaker: str
    voice: Voice
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """Something for the minutes: `kind` is decision, action, question or problem."""

    kind: str
    sentence: str
    owner: str | None
    due: str | None


@dataclass(frozen=True, slots=True)
class Script:
    """One recording before it is performed; `band_hz` limits the speech, `noise_db` is the noise floor (dBFS, RMS)."""

    name: str
    file: str
    title: str
    language: str
    speakers: tuple[Speaker, ...]
    turns: tuple[ScriptTurn, ...]
    points: tuple[Point, ...]
    noise_db: float
    band_hz: tuple[float, float] | None

    @property
    def n_channels(self) -> int:
        """Channels of the recording."""
        return len(self.speakers[0].levels_db)

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Every sentence in the order of the script."""
        voices = {speaker.name: speaker.voice for speaker in self.speakers}
        return tuple(
            Sentence(turn.speaker, voices[turn.speaker], text) for turn in self.turns for text in turn.sentences
        )


def script_names() -> tuple[str, ...]:
    """The recordings there are scripts for, in alphabetical order."""
    return tuple(sorted(path.stem for path in SCRIPTS.glob("*.json") if path.stem != _CAST))


def load_script(name: str) -> Script:
    """Read `scripts/NAME.json`. Raises ScriptError where there is none or where it contradicts itself."""
    if name not in script_names():
        raise ScriptError(f"no script {name!r}: use one of {', '.join(script_names())}")
    data, cast = _read(name), _read(_CAST)
    script = Script(
        name=name,
        file=data["file"],
        title=data["title"],
        language=data["language"],
        speakers=tuple(
            Speaker(
                name=entry["name"],
                voice=Voice(**cast[entry["name"]]),
                channel=entry.get("channel", 1),
                levels_db=tuple(map(float, entry["levels_db"])),
            )
            for entry in data["speakers"]
        ),
        turns=tuple(
            ScriptTurn(entry["speaker"], tuple(entry["say"]), entry.get("gap"), entry.get("during"))
            for entry in data["turns"]
        ),
        points=tuple(
            Point(entry["kind"], entry["sentence"], entry.get("owner"), entry.get("due")) for entry in data["points"]
        ),
        noise_db=float(data.get("noise_db", _NOISE_DB)),
        band_hz=tuple(data["band_hz"]) if "band_hz" in data else None,
    )
    _check(script)
    return script


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((SCRIPTS / f"{name}.json").read_text(encoding="utf-8"))
    return data


def _check(script: Script) -> None:
    names = {speaker.name for speaker in script.speakers}
    unknown = [turn.speaker for turn in script.turns if turn.speaker not in names]
    if unknown:
        raise ScriptError(f"{script.name}: {unknown[0]!r} speaks but is not among the speakers: add them there")
    if len({len(speaker.levels_db) for speaker in script.speakers}) != 1:
        raise ScriptError(f"{script.name}: speakers have levels for different numbers of channels: give all the same")
    if script.turns[0].gap is not None or script.turns[0].during is not None:
        raise ScriptError(f"{script.name}: the first turn has a gap but nothing before it: leave it out")
    said = {text for turn in script.turns for text in turn.sentences}
    unsaid = [point.sentence for point in script.points if point.sentence not in said]
    if unsaid:
        raise ScriptError(f"{script.name}: a point rests on {unsaid[0]!r}, which nobody says: quote a sentence")
