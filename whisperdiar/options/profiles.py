"""Profiles of subtitles: the data file that is shipped, and files of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice
from whisperdiar.options.command_line import AUDIENCE, AUDIENCES, PROFILE, profile_names, read_shipped_profiles
from whisperdiar.options.subtitles import RULES, SubtitleRules, change_limits
from whisperdiar.text.messages import _

_TEXTS = {"summary", "source", "based_on"}
_WORDS = {"speaker_style", "dash"}
_FLAGS = {"overlap", "word_times", "full_width", "dash_first"}


def profile_summary(name: str) -> tuple[str, str]:
    """One line about a shipped profile, and where its figures are published."""
    return read_shipped_profiles()[name]["summary"], read_shipped_profiles()[name]["source"]


def subtitle_rules(
    profile: str = PROFILE, *, language: str | None, audience: str = AUDIENCE, **overrides: Any
) -> SubtitleRules:
    """The rules of a profile for a language.

    Args:
        profile: a shipped one by name, or the path of a JSON file with one (`docs/subtitles.md` shows its form).
        language: ISO 639-1 code, with or without a region (`pt-BR`); None where unknown.
        audience: ``adult`` or ``children``; a profile says under ``children`` what differs for them.
        overrides: fields of `SubtitleRules` that replace those of the profile, and `gap` in seconds; None replaces
            nothing.

    Raises:
        InvalidOption: there is no such profile, or a value that makes no sense.
    """
    unknown = sorted(set(overrides) - {*RULES, "gap"})
    if unknown:
        raise InvalidOption(
            _("rule {unknown!r}: there is none of this name; known are {rules}").format(
                unknown=unknown[0], rules=", ".join(RULES)
            )
        )
    name, data = _read_profile(profile)
    check_choice("audience", audience, AUDIENCES)
    if audience == "children" and "children" not in data:
        raise InvalidOption(
            _("profile {name}: it does not tell children from adults; choose netflix, or the audience adult").format(
                name=name
            )
        )
    return change_limits(_resolve(name, data, language, audience), overrides)


def _read_profile(profile: str) -> tuple[str, dict[str, Any]]:
    if profile in read_shipped_profiles():
        return profile, read_shipped_profiles()[profile]
    if not profile.lower().endswith(".json"):
        raise InvalidOption(
            _("profile {profile!r}: choose one of {choices}, or give a .json file").format(
                profile=profile, choices=", ".join(profile_names())
            )
        )
    return Path(profile).stem, _read_file(profile)


def _read_file(path: str) -> dict[str, Any]:
    try:
        data = json.loads(Path(path).read_text("utf-8-sig"))
    except OSError as error:
        raise InvalidOption(
            _("profile {path}: cannot be read ({strerror})").format(path=path, strerror=error.strerror or error)
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidOption(_("profile {path}: not JSON ({error})").format(path=path, error=error)) from error
    _check(path, data, {*RULES, *_TEXTS, "languages", "children"})
    base = data.get("based_on", PROFILE)
    if not isinstance(base, str) or base not in read_shipped_profiles():
        raise InvalidOption(
            _("profile {path}: based_on {base!r}: choose one of {choices}").format(
                path=path, base=base, choices=", ".join(profile_names())
            )
        )
    children = data.get("children", {})
    _check(f"{path}: children", children, {*RULES, "languages"})
    shipped = read_shipped_profiles()[base]
    languages = _read_languages(path, data.get("languages", {}))
    merged = {**shipped, **data, "languages": {**shipped.get("languages", {}), **languages}}
    if children:
        own = _read_languages(f"{path}: children", children.get("languages", {}))
        merged["children"] = {**shipped.get("children", {}), **children, "languages": own}
    return merged


def _read_languages(where: str, languages: Any) -> dict[str, Any]:
    if not isinstance(languages, dict):
        raise InvalidOption(_("profile {where}: languages: give an object of language codes").format(where=where))
    for code, values in languages.items():
        _check(f"{where}: {code}", values, set(RULES))
    return languages


def _check(where: str, values: Any, known: set[str]) -> None:
    if not isinstance(values, dict):
        raise InvalidOption(_("profile {where}: give an object of rules").format(where=where))
    for name, value in values.items():
        if name not in known:
            raise InvalidOption(
                _("profile {where}: no rule is called {name!r}; known are {rules}").format(
                    where=where, name=name, rules=", ".join(RULES)
                )
            )
        if name in ("languages", "children"):
            continue
        if name in _FLAGS and not isinstance(value, bool):
            raise InvalidOption(
                _("profile {where}: {name} {value!r}: give true or false").format(where=where, name=name, value=value)
            )
        if name in _WORDS and not isinstance(value, str):
            raise InvalidOption(
                _("profile {where}: {name} {value!r}: give a word").format(where=where, name=name, value=value)
            )
        if name in set(RULES) - _FLAGS - _WORDS and (isinstance(value, (bool, str, list, dict))):
            raise InvalidOption(
                _("profile {where}: {name} {value!r}: give a number").format(where=where, name=name, value=value)
            )
        if name in ("max_chars", "max_lines", "min_duration", "max_duration", "min_gap", "close_gap") and value is None:
            raise InvalidOption(
                _("profile {where}: {name}: there is no way without this limit, give a number").format(
                    where=where, name=name
                )
            )


def _resolve(name: str, data: dict[str, Any], language: str | None, audience: str) -> SubtitleRules:
    code = (language or "").lower().replace("_", "-")
    rules: dict[str, Any] = {}
    for part in (data, data["children"]) if audience == "children" else (data,):
        own = part.get("languages", {})
        rules |= {key: value for key, value in part.items() if key in RULES}
        rules |= own.get(code) or own.get(code.partition("-")[0]) or {}
    return SubtitleRules(profile=name, **rules)
