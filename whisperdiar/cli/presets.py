"""Presets: what `--preset` sets for a kind of recording; an option that is given wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Preset(NamedTuple):
    """For whom it is, and its values as in a configuration file."""

    summary: str
    values: Mapping[str, str | bool]


PRESETS: Mapping[str, Preset] = {
    "interview": Preset(
        "one or two people ask, one answers: two or three speakers, named at each change",
        {"speakers": "2-3", "speaker-style": "label"},
    ),
    "meeting": Preset(
        "people around a table: two to ten speakers, named at each change",
        {"speakers": "2-10", "speaker-style": "label"},
    ),
    "film": Preset(
        "subtitles for an audience: Netflix's limits, dashes for two people, never two subtitles at once",
        {"profile": "netflix", "speaker-style": "dash", "overlap": False},
    ),
    "call": Preset(
        "two people on the telephone, who are named at each change",
        {"speakers": "2", "speaker-style": "label"},
    ),
}
