"""Types of the values that arguments and options take: files, times, numbers of speakers, settings, presets."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.presets import PRESETS
from whisperdiar.options import command_line as defaults
from whisperdiar.text.messages import _, mark


class FilePath(click.Path):
    """A file; whether it can be read is found when its turn comes, so that it does not stop the others."""

    def __init__(self) -> None:
        super().__init__(readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from pathlib import Path  # costs a tenth of the time that a help takes

        found: Any = super().convert(value, param, ctx)
        return Path(found)


PATH = FilePath()


class ClockTime(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Seconds, or [HH:]MM:SS with decimals."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        import re

        if isinstance(value, (int, float)):
            return float(value)
        match = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)", str(value).strip())
        if match is None:
            self.fail(
                _("{value!r} is not a time; write seconds (90.5) or [HH:]MM:SS (1:30.5)").format(value=value),
                param,
                ctx,
            )
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)


class Speakers(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A number of speakers, or a range; empty for any number."""

    name = "n|min-max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from whisperdiar.errors import InvalidOption
        from whisperdiar.types import ANY_SPEAKERS, SpeakerCount

        if isinstance(value, SpeakerCount):
            return value
        if value == ANY_NUMBER:
            return ANY_SPEAKERS
        try:
            return SpeakerCount.parse(str(value))
        except InvalidOption as error:
            self.fail(str(error), param, ctx)


class TrackNumber(click.IntRange):
    """A number from 1, or ``all``."""

    name = "n|all"

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        every = defaults.ALL_TRACKS
        return every if str(value).lower() == every else super().convert(value, param, ctx)


ANY_NUMBER = mark("any number")
"""How the help calls it where nobody says how many speakers there are."""


class Setting(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """KEY=VALUE."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key.strip():
            self.fail(_("{value!r}: write it as KEY=VALUE, for example threshold=0.6").format(value=value), param, ctx)
        return key.strip(), text


class PresetName(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """One of our presets in upper or lower case, or one of the user's own: a name, or a file that ends in .toml."""

    name = "|".join((*PRESETS, "NAME"))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from whisperdiar.cli.presets import find
        from whisperdiar.errors import InvalidOption

        text = str(value)
        named = text.lower() if text.lower() in PRESETS else text
        try:
            find(named)
        except InvalidOption as error:
            self.fail(str(error), param, ctx)
        return named

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        from click.shell_completion import CompletionItem

        from whisperdiar.cli.presets import list_own

        return [CompletionItem(name) for name in (*PRESETS, *list_own()) if name.startswith(incomplete.lower())]


class FrameRate(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Frames per second, as a number or as a fraction."""

    name = "frames"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        above, _slash, below = str(value).partition("/")
        try:
            return float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            self.fail(
                _("{value!r} is not a frame rate; write 25, 23.976 or 24000/1001").format(value=value), param, ctx
            )


class Size(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Bytes, with K, M, G or T for thousands of them."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        import re

        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", str(value).strip(), re.IGNORECASE)
        found = 0 if match is None else round(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))
        if not found:
            self.fail(_("{value!r} is no size; write it as 500M or 4G").format(value=value), param, ctx)
        return found
