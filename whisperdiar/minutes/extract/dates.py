"""Due dates: the phrase of a language's patterns, and the day that dateparser makes of it. Pure.

Without the day of the meeting, or without dateparser (extra ``minutes``), the phrase is all that is kept.
"""

from __future__ import annotations

import datetime
import importlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from whisperdiar.minutes.content import Due
from whisperdiar.minutes.language import Language, language

_FURTHEST_DAYS = 800


def find_due(text: str, spoken: Language, meeting: datetime.date | None) -> Due | None:
    """The first phrase that says until when, and the day it means; None where there is none."""
    pattern = _pattern(spoken.code)
    found = None if pattern is None else pattern.search(" ".join(text.split()))
    if found is None:
        return None
    when = found.group("when").lower()
    if found.group(0) == found.group("when") and re.search(spoken.data["due"]["needs_before"], when):
        return None  # "the next meeting is on Monday" is no time until when something is to be done
    try:
        day = None if meeting is None else _resolve_day(when, spoken.data["due"], spoken.code, meeting)
    except OverflowError:  # after the last day that there is
        day = None
    return Due(found.group(0).strip(), day)


def has_parser() -> bool:
    """Whether the library that reads dates is installed."""
    return _parser() is not None


@lru_cache(maxsize=1)
def _parser() -> Any:
    try:
        return importlib.import_module("dateparser")
    except ImportError:
        return None


@lru_cache(maxsize=16)
def _pattern(code: str) -> re.Pattern[str] | None:
    """``before`` words (by, until) and a ``when``; the former may be missing."""
    rules = language(code).data.get("due")
    if not rules:
        return None
    named = {
        "DAY": rules["days"],
        "MONTH": rules["months"],
        "ORDINAL": sorted(map(re.escape, rules["ordinals"]), key=len, reverse=True),
    }
    when = "|".join(rules["when"])
    for name, choices in named.items():
        when = when.replace(name, f"(?:{'|'.join(choices)})")
    return re.compile(rf"\b(?:{'|'.join(rules['before'])})?\b(?P<when>{when})\b", re.IGNORECASE)


def _resolve_day(phrase: str, rules: Mapping[str, Any], code: str, meeting: datetime.date) -> datetime.date | None:
    """The day that a phrase means, seen from the meeting; None where it means no single day, or none that is known."""
    for weekday, names in enumerate(rules["weekdays"]):
        if re.search(rf"\b(?:{names})\b", phrase):
            return _weekday(weekday, meeting, following=bool(re.search(rules["following"], phrase)))
    for pattern, ahead in rules["relative"].items():
        if re.search(pattern, phrase):
            return _find_end_of(ahead, meeting)
    parser = _parser()
    if parser is None or re.search(rules["vague"], phrase):
        return None
    for word, number in sorted(rules["ordinals"].items(), key=lambda item: -len(item[0])):
        phrase = re.sub(rf"\b{re.escape(word)}\b", str(number), phrase)
    base = datetime.datetime.combine(meeting, datetime.time(12))
    settings = {"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", "DATE_ORDER": rules["order"]}
    found = parser.parse(phrase, languages=[code], settings=settings)
    if found is None or not 0 <= (found.date() - meeting).days <= _FURTHEST_DAYS:
        return None
    day: datetime.date = found.date()
    return day


def _weekday(weekday: int, meeting: datetime.date, *, following: bool) -> datetime.date:
    """The first such day after the meeting; that of the next calendar week where the phrase says next."""
    ahead = 7 - meeting.weekday() + weekday if following else (weekday - meeting.weekday() - 1) % 7 + 1
    return meeting + datetime.timedelta(days=ahead)


def _find_end_of(ahead: int | str, meeting: datetime.date) -> datetime.date:
    """So many days on; or the Friday of this or the next week (never before the meeting), or the month's last day."""
    if isinstance(ahead, int):
        return meeting + datetime.timedelta(days=ahead)
    if ahead == "week":
        return meeting + datetime.timedelta(days=max(0, 4 - meeting.weekday()))
    if ahead == "next week":
        return meeting + datetime.timedelta(days=11 - meeting.weekday())
    following = (meeting.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
    return following - datetime.timedelta(days=1)
