"""Language of messages: `--ui-language`, WHISPERDIAR_UI_LANGUAGE, `ui_language` of whisperdiar.toml, then the locale.

It is chosen before any command is looked at, so that the help and the errors of the command line itself are in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from whisperdiar.errors import InvalidOption
from whisperdiar.text import messages
from whisperdiar.text.messages import _

OPTION = "--ui-language"
VARIABLE = "WHISPERDIAR_UI_LANGUAGE"
_LOCALE = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""As gettext reads them: the first that is set wins."""
_PROBE = "«Ёё—…"
"""What a terminal must be able to show for Russian: an encoding without these gets English."""


def choose(arguments: Sequence[str]) -> list[str]:
    """Sets the language of messages; returns the arguments without the option that chose it.

    Raises:
        InvalidOption: a language that there is not, or the option without its value.
    """
    rest, named, origin = _split(arguments)
    if named is None:
        named, origin = os.environ.get(VARIABLE) or None, VARIABLE
    if named is None:
        named, origin = _find_configured()
    if named is None:
        _set(_find_in_locale())
        return rest
    language = named.strip().lower().replace("-", "_").partition("_")[0]
    if language not in messages.LANGUAGES:
        _set(_find_in_locale())
        raise InvalidOption(
            _("{origin} {language}: choose one of {languages}").format(
                origin=origin, language=named, languages=", ".join(messages.LANGUAGES)
            )
        )
    _set(language)
    return rest


def _split(arguments: Sequence[str]) -> tuple[list[str], str | None, str]:
    """What is left of the arguments, the language that they name, and by what."""
    rest: list[str] = []
    named: str | None = None
    waiting = list(arguments)
    while waiting:
        item = waiting.pop(0)
        if item == "--":
            rest += [item, *waiting]
            break
        if item.startswith(OPTION + "="):
            named = item.partition("=")[2]
        elif item == OPTION:
            if not waiting:
                _set(_find_in_locale())
                raise InvalidOption(_("{option}: name a language, en or ru").format(option=OPTION))
            named = waiting.pop(0)
        else:
            rest.append(item)
    return rest, named, OPTION


def _find_configured() -> tuple[str | None, str]:
    """The language that a configuration file names, and which file; what is no TOML its command refuses."""
    from whisperdiar.cli import configuration_files

    found: str | None = None
    origin = ""
    for path in configuration_files.find_paths():
        try:
            with open(path, "rb") as stream:
                if b"language" not in stream.read():  # most files: no reader of TOML is imported for a help
                    continue
            values = configuration_files.read(path)
        except (OSError, InvalidOption):
            continue
        value = values.get("ui_language", values.get("ui-language"))
        if value is not None:
            found, origin = str(value), f"{path}: ui_language"
    return found, origin


def _find_in_locale() -> str:
    """The first of the languages that the environment asks for and that there is; English otherwise."""
    asked = next((value for name in _LOCALE if (value := os.environ.get(name))), "")
    for item in asked.split(":"):
        language = item.lower().replace("-", "_").partition(".")[0].partition("_")[0]
        if language in messages.LANGUAGES:
            return language
        if language in ("c", "posix"):
            return "en"
    return "en"


def _set(language: str) -> None:
    """Ours and those that click brings: those are looked up by the environment, in a catalogue of this name."""
    if language != "en" and not all(map(_can_show, (sys.stdout, sys.stderr))):
        language = "en"
    messages.use(language)
    import gettext  # click has it already

    gettext.bindtextdomain(messages.DOMAIN, messages.FOLDER)
    gettext.textdomain(messages.DOMAIN)
    os.environ["LANGUAGE"] = language


def _can_show(stream: object) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        _PROBE.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
