"""Templates: headings, formats of dates and numbers, and the order of sections, as data."""

from __future__ import annotations

import datetime
import importlib.resources
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.system.files import read_text
from whisperdiar.text.clock import format_minutes, split_seconds
from whisperdiar.text.messages import _

SECTIONS = ("participants", "decisions", "actions", "questions", "summary", "notes")
BASE = "en"

_PLACES = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """Attributes:
    language: ISO 639-1 code of its words.
    sections: which sections are shown, in this order.
    strings: key → text; ``{value}`` and the like stand for what is put in.
    months: twelve names, in the form that stands beside a day.
    """

    language: str
    sections: tuple[str, ...]
    strings: Mapping[str, str]
    months: tuple[str, ...]

    def text(self, key: str, **values: str) -> str:
        """The text of a key, with values put in; they are never read as a format themselves."""
        return _PLACES.sub(lambda found: values.get(found[1], found[0]), self.strings[key])

    def number(self, value: int) -> str:
        """A whole number with the language's separator between thousands."""
        return f"{value:,}".replace(",", self.strings["thousands"])

    def share(self, value: float) -> str:
        """A share as a percentage."""
        return self.text("percent", value=str(round(100 * value)))

    def day(self, value: datetime.date) -> str:
        """A date in words."""
        return self.text("date", day=str(value.day), month=self.months[value.month - 1], year=str(value.year))

    def length(self, seconds: float) -> str:
        """A stretch of time: hours and minutes, minutes and seconds, or seconds."""
        hours, minutes, rest = split_seconds(max(0, round(seconds)))
        if hours:
            return self.text("hours", hours=str(hours), minutes=str(minutes))
        if minutes:
            return self.text("minutes", minutes=str(minutes), seconds=str(rest))
        return self.text("seconds", seconds=str(rest))

    def clock(self, seconds: float) -> str:
        """Where in the recording: M:SS or H:MM:SS, cut off, so that nobody who jumps there misses the first word."""
        return format_minutes(max(0, int(seconds + 1e-6)))


def template(choice: str | None, language: str | None) -> Template:
    """The template of that name or file; without one that of a language, and English where there is none.

    Raises:
        InvalidOption: there is no template of that name, and no such file.
        FormatError: the file is no template; the message says why.
    """
    names = list_shipped()
    if choice is None:
        return _make_template(_read_shipped(language if language in names else BASE), _("the shipped template"))
    if choice in names:
        return _make_template(_read_shipped(choice), _("the shipped template"))
    if not Path(choice).suffix:
        raise InvalidOption(
            _("--template {choice}: choose one of {names}, or give a JSON file").format(
                choice=choice, names=", ".join(names)
            )
        )
    try:
        data = json.loads(read_text(choice))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(_("{choice}: this is no JSON ({error})").format(choice=choice, error=error)) from error
    return _make_template(data, choice)


def list_shipped() -> tuple[str, ...]:
    """Names of the templates that come along."""
    folder = importlib.resources.files("whisperdiar.minutes").joinpath("templates")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".json")))


def _read_shipped(name: str | None) -> Any:
    path = importlib.resources.files("whisperdiar.minutes").joinpath("templates").joinpath(f"{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))


def _make_template(data: Any, source: str) -> Template:
    """What a file leaves out is taken from the English template; what that has not is a mistake."""
    base = _read_shipped(BASE)
    if not isinstance(data, dict):
        raise FormatError(_("{source}: a template is a JSON object").format(source=source))
    unknown = sorted(set(data) - set(base))
    if unknown:
        raise FormatError(
            _("{source}: unknown key {unknown!r}; known are {known}").format(
                source=source, unknown=unknown[0], known=", ".join(base)
            )
        )
    merged = {**base, **data}
    for key, value in base.items():
        if isinstance(value, str) != isinstance(merged[key], str):
            raise FormatError(
                (
                    _("{source}: {key}: expected a text")
                    if isinstance(value, str)
                    else _("{source}: {key}: expected a list")
                ).format(source=source, key=key)
            )
    months, sections = merged["months"], merged["sections"]
    if not isinstance(months, list) or len(months) != 12 or not all(isinstance(item, str) for item in months):
        raise FormatError(_("{source}: months: expected a list of twelve names").format(source=source))
    if not isinstance(sections, list) or not all(item in SECTIONS for item in sections):
        raise FormatError(
            _("{source}: sections: expected a list of {sections}").format(source=source, sections=", ".join(SECTIONS))
        )
    strings = {key: value for key, value in merged.items() if isinstance(value, str)}
    return Template(merged["language"], tuple(dict.fromkeys(sections)), strings, tuple(months))
