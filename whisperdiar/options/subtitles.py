"""Subtitle rules: a publisher's limits of length, speed and time."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice, check_numbers
from whisperdiar.options.command_line import AUDIENCE, AUDIENCES, PROFILE, SPEAKER_STYLES
from whisperdiar.text.messages import _

DASHES = ("-", "- ", "–", "– ", "—", "— ")
"""What may stand before each line of a subtitle of two people."""

_NTSC = 1000 / 1001
_SLOWEST, _FASTEST = 1, 1000  # frames a second
_ABOVE_ZERO = ("max_chars", "max_lines", "max_cps", "max_wpm", "max_duration", "fps", "max_words")
_ZERO_OR_MORE = ("min_duration", "min_gap", "close_gap", "min_gap_frames", "gap")
_WHOLE = ("max_chars", "max_lines", "max_words", "min_gap_frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleRules:
    """The limits that cues are cut by, and that a checker holds a file against. None: no such limit.

    Attributes:
        profile: name of the profile that they come from.
        max_chars: characters of a line: grapheme clusters, wide and full-width ones two; joining spaces count. With
            `full_width`, wide ones count one and all others half: see `max_columns`.
        max_lines: lines of a cue.
        max_cps: reading speed in characters per second, spaces and punctuation counted.
        max_wpm: reading speed in words per minute.
        min_duration: seconds that a cue stays at least.
        max_duration: seconds that a cue stays at most.
        min_gap_frames: frames between two cues that do not overlap in time; counts where there is `fps`.
        min_gap: the same in seconds, where the rule is not in frames.
        close_gap: gaps shorter than this many seconds are closed to the minimum gap.
        fps: frame rate; times are put on frames.
        max_words: words of a cue.
        overlap: whether two people who talk at once get cues that overlap in time.
        word_times: whether the cue shows which word is spoken (karaoke), where the format can.
        speaker_style: how viewers see who speaks, unless somebody asks for another way; ``auto``: as the format does.
        dash: what stands before each line of a subtitle of two people: a dash, with a space behind it or without.
        dash_first: whether it stands before the first of them, too; otherwise before the second alone.
        full_width: whether `max_chars` and `max_cps` count in full-width characters, as East Asian publishers do.
    """

    profile: str = PROFILE
    max_chars: int = 42
    max_lines: int = 2
    max_cps: float | None = 20.0
    max_wpm: float | None = None
    min_duration: float = 0.833
    max_duration: float = 7.0
    min_gap_frames: int | None = None
    min_gap: float = 0.0
    close_gap: float = 0.5
    fps: float | None = None
    max_words: int | None = None
    overlap: bool = True
    word_times: bool = False
    speaker_style: str = "auto"
    dash: str = "- "
    dash_first: bool = True
    full_width: bool = False

    def __post_init__(self) -> None:
        _check_limits(self)
        for name in _WHOLE:
            if not isinstance(getattr(self, name) or 0, int):
                raise InvalidOption(
                    _("{name} {value}: give a whole number").format(
                        name=name.replace("_", "-"), value=getattr(self, name)
                    )
                )
        if self.fps is not None and not _SLOWEST <= self.fps <= _FASTEST:
            raise InvalidOption(
                _("fps {fps:g}: it must lie between {slowest} and {fastest}").format(
                    fps=self.fps, slowest=_SLOWEST, fastest=_FASTEST
                )
            )
        check_choice("speaker-style", self.speaker_style, SPEAKER_STYLES)
        if self.dash not in DASHES:
            raise InvalidOption(
                _("dash {dash!r}: choose one of {dashes}").format(dash=self.dash, dashes=", ".join(map(repr, DASHES)))
            )
        if self.min_duration > self.max_duration:
            raise InvalidOption(
                _("min-duration {min_duration} is longer than max-duration {max_duration}: turn them round").format(
                    min_duration=self.min_duration, max_duration=self.max_duration
                )
            )
        check_numbers(self)

    @property
    def dashes(self) -> tuple[str, str]:
        """What stands before the first of two people in a subtitle, and before the second."""
        return (self.dash if self.dash_first else "", self.dash)

    @property
    def max_columns(self) -> int:
        """`max_chars` in columns, of which a wide character takes two and any other one."""
        return self.max_chars * 2 if self.full_width else self.max_chars

    @property
    def gap(self) -> float:
        """Seconds between two cues that do not overlap in time."""
        if self.fps is not None and self.min_gap_frames is not None:
            return self.min_gap_frames * self.frame
        return self.min_gap

    @property
    def frame(self) -> float:
        """Seconds of a frame, 0 where there are none; 23.976, 29.97 and 59.94 mean 24, 30 and 60 × 1000/1001."""
        if self.fps is None:
            return 0.0
        exact = round(self.fps / _NTSC) * _NTSC
        return 1 / (exact if abs(exact - self.fps) < 0.005 and self.fps != round(self.fps) else self.fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleOptions:
    """Which rules hold, before the language is known: a profile, and what replaces its limits (None: nothing).

    Attributes:
        profile: name of a profile that is shipped, or a JSON file with one.
        audience: ``adult`` or ``children``, who read more slowly; of a profile that tells them apart.
        gap: least seconds between two cues, in place of the profile's seconds or frames.
        max_chars, max_lines, max_cps, min_duration, max_duration, fps, overlap: as in `SubtitleRules`.

    Raises:
        InvalidOption: a number that is infinite, none, or below 0, or an audience that is none.
    """

    profile: str = PROFILE
    audience: str = AUDIENCE
    max_chars: int | None = None
    max_lines: int | None = None
    max_cps: float | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    gap: float | None = None
    fps: float | None = None
    overlap: bool | None = None

    def __post_init__(self) -> None:
        check_choice("audience", self.audience, AUDIENCES)
        _check_limits(self)
        check_numbers(self)


def _check_limits(settings: SubtitleRules | SubtitleOptions) -> None:
    """Raises InvalidOption, with the name as it is typed, where a limit is out of range; None is no limit."""
    for item in fields(settings):
        value = getattr(settings, item.name)
        name = item.name.replace("_", "-")
        if item.name in _ABOVE_ZERO and value is not None and not 0 < value < math.inf:
            raise InvalidOption(_("{name} {value}: give a number above zero").format(name=name, value=value))
        if item.name in _ZERO_OR_MORE and value is not None and not 0 <= value < math.inf:
            raise InvalidOption(_("{name} {value}: give zero or more").format(name=name, value=value))


RULES = tuple(item.name for item in fields(SubtitleRules) if item.name != "profile")


def change_limits(rules: SubtitleRules, changes: dict[str, Any]) -> SubtitleRules:
    """The rules with some replaced. `gap` is seconds, which frames then no longer overrule; None changes nothing.

    A limit that a person gives wins over one of the profile that contradicts it: `min_duration` and
    `max_duration` give way to each other.
    """
    values = {name: value for name, value in changes.items() if value is not None}
    if "gap" in values:
        values |= {"min_gap": values.pop("gap"), "min_gap_frames": None}
    if "max_duration" in values and "min_duration" not in values:
        values["min_duration"] = min(rules.min_duration, values["max_duration"])
    if "min_duration" in values and "max_duration" not in values:
        values["max_duration"] = max(rules.max_duration, values["min_duration"])
    return replace(rules, **values)
