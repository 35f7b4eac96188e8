"""Presets: what `--preset` sets for a kind of recording, ours and the user's own; an option that is given wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from whisperdiar.text.messages import _, mark


class Preset(NamedTuple):
    """For whom it is, and its values as in a configuration file."""

    summary: str
    values: Mapping[str, Any]


PRESETS: Mapping[str, Preset] = {
    "interview": Preset(
        mark("one or two people ask, one answers: two or three speakers, named at each change"),
        {"speakers": "2-3", "speaker-style": "label"},
    ),
    "meeting": Preset(
        mark("people around a table: two to ten speakers, named at each change"),
        {"speakers": "2-10", "speaker-style": "label"},
    ),
    "film": Preset(
        mark("subtitles for an audience: Netflix's limits, dashes for two people, never two subtitles at once"),
        {"profile": "netflix", "speaker-style": "dash", "overlap": False},
    ),
    "sdh": Preset(
        mark("subtitles for the deaf and hard of hearing: as film, with names and sounds in brackets"),
        {"profile": "netflix", "speaker-style": "sdh", "overlap": False, "mark-sounds": True, "sdh": True},
    ),
    "call": Preset(
        mark("two people on the telephone, who are named at each change"),
        {"speakers": "2", "speaker-style": "label"},
    ),
}


def own_folder() -> str:
    """Where presets of the user's own lie, as NAME.toml: a folder beside the user's configuration file."""
    import os

    from whisperdiar.cli.configuration_files import user_path

    return os.path.join(os.path.dirname(user_path()), "presets")


def own_path(name: str) -> str:
    """The file of a preset of the user's own: a name in `own_folder`, or what ends in .toml as it is.

    Raises:
        InvalidOption: a name that is taken, or that cannot be one.
    """
    import os
    import re

    from whisperdiar.errors import InvalidOption

    if name.endswith(".toml"):
        return name
    if name in PRESETS or not re.fullmatch(r"[\w-]+", name):
        raise InvalidOption(
            _("preset {name!r}: give a name of letters, digits and - that is none of {presets}").format(
                name=name, presets=", ".join(PRESETS)
            )
        )
    return os.path.join(own_folder(), f"{name}.toml")


def list_own() -> tuple[str, ...]:
    """Names of the user's own presets, sorted."""
    import os

    try:
        found = os.listdir(own_folder())
    except OSError:
        return ()
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def find(name: str) -> Preset:
    """A preset by its name, or by its file.

    Raises:
        InvalidOption: there is none, or its file cannot be read.
    """
    import os

    from whisperdiar.cli.configuration_files import read_values
    from whisperdiar.errors import InvalidOption

    if name in PRESETS:
        return PRESETS[name]
    if not name.endswith(".toml") and not os.path.isfile(os.path.join(own_folder(), f"{name}.toml")):
        known = ", ".join((*PRESETS, *list_own()))
        raise InvalidOption(
            _("preset {name!r}: choose one of {known}, or give a .toml file").format(name=name, known=known)
        )
    return Preset(_("of your own"), read_values(own_path(name)))
