"""Word lists that are shipped, one file a language: every one is read, and holds what its readers understand."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from whisperdiar import suggested_names
from whisperdiar.minutes.language import language
from whisperdiar.text.language_data import list_languages, read_language_data
from whisperdiar.text.languages import find_code

NAMES, MINUTES = "data/names", "minutes/languages"
FILES = [(folder, code) for folder in (NAMES, MINUTES) for code in list_languages(folder)]


@pytest.mark.parametrize(("folder", "code"), FILES)
def test_every_file_is_named_by_a_language_and_holds_lower_case(folder: str, code: str) -> None:
    data = read_language_data(folder, code)
    assert data is not None
    assert find_code(code) == code
    for name in ("stopwords", "thanks", "greetings", "lead", "titles", "never"):
        assert data.get(name, "") == str(data.get(name, "")).lower() or not isinstance(data[name], str)


@pytest.mark.parametrize("code", list_languages(NAMES))
def test_the_rules_of_names_are_read_from_their_file(code: str) -> None:
    data = read_language_data(NAMES, code)
    rules = suggested_names._load_language(code)
    assert data is not None
    assert rules is not None
    assert set(data) <= {field.name for field in fields(rules)}
    assert rules.never == frozenset(data["never"].split())
    assert rules.thanks
    assert rules.greetings
    assert all(rules.introductions.search(phrase) for phrase in data["introductions"])
    # A word of the lists is found in text as `suggest_names` sees it: without the signs around it.
    assert not [word for word in rules.never | rules.lead if not re.fullmatch(r"\w[\w'-]*\w|\w", word)]


@pytest.mark.parametrize("code", list_languages(MINUTES))
def test_the_cues_of_minutes_are_read_from_their_file(code: str) -> None:
    data = read_language_data(MINUTES, code)
    rules = language(code)
    assert data is not None
    assert rules.code == code
    assert set(rules.cues) == set(data["cues"])


def test_a_region_belongs_to_its_language_and_no_path_is_a_code() -> None:
    assert read_language_data(NAMES, "EN-gb") == read_language_data(NAMES, "en")
    assert language("pt-BR").code == ""
    for code in (None, "", "xx", "../names/en", "en.json", "english"):
        assert read_language_data(NAMES, code) is None
