"""Messages: shown in the language of the user, English in whatever files hold."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whisperdiar.errors import FormatError
from whisperdiar.formats import fallback_notes, remove_folders
from whisperdiar.parameter_names import name_parameters
from whisperdiar.registry import STAGES, available, load
from whisperdiar.text import messages
from whisperdiar.text.messages import Message, _, join, make_english, ngettext, to_english
from whisperdiar.transcript import Transcript

_KNOWN = "{path}: this is a folder; give the name of a file"


@pytest.fixture(autouse=True, scope="module")
def _russian():
    messages.use("ru")
    yield
    messages.use("en")


@given(st.text())
def test_values_are_never_formats(value):
    text = _(_KNOWN).format(path=value)
    assert text == f"{value}: это папка; укажите имя файла"
    assert to_english(text) == f"{value}: this is a folder; give the name of a file"


@given(st.text())
@example("-")
@example("--asr")  # named as a parameter of Python
def test_english_survives_an_error_a_join_and_another_message(value):
    inner = FormatError(_(_KNOWN).format(path=value))
    outer = _("whisperdiar: error: {message}").format(message=inner)
    russian = name_parameters(f"{value}: это папка; укажите имя файла")
    english = name_parameters(f"{value}: this is a folder; give the name of a file")
    assert str(outer) == f"whisperdiar: ошибка: {russian}"
    assert to_english(outer) == f"whisperdiar: error: {english}"
    both = join("; ", (str(inner), "x"))
    assert to_english(both) == f"{english}; x"


def test_pickle_keeps_both_languages():
    text = _(_KNOWN).format(path="a")
    again = pickle.loads(pickle.dumps(text))
    assert isinstance(again, Message)
    assert (again, again.english) == (text, text.english)


def test_forms_of_a_number_are_english_as_well():
    one, many = "{hidden} more option: {path} --help-all", "{hidden} more options: {path} --help-all"
    text = ngettext(one, many, 3).format(hidden=3, path="x")
    assert text == "ещё 3 параметра: x --help-all"
    assert to_english(text) == "3 more options: x --help-all"


def test_files_hold_english():
    told = _(_KNOWN).format(path="a")
    made = Transcript("r", 1.0, provenance={"warnings": [told], "asr": {"reason": told}})
    english = "a: this is a folder; give the name of a file"
    assert made.to_dict()["provenance"] == {"warnings": [english], "asr": {"reason": english}}
    assert json.loads(json.dumps(make_english({"x": [told, 1, None]}))) == {"x": [english, 1, None]}
    assert remove_folders({"x": (told,)}) == {"x": [english]}
    assert fallback_notes(made.provenance) == (english,)


def test_english_is_plain_text():
    messages.use("en")
    try:
        assert type(_(_KNOWN)) is str
        assert type(join(", ", ["a", "b"])) is str
    finally:
        messages.use("ru")


def test_words_beside_the_names_of_licences_are_translated():
    licences = {load(stage, name).info.licence for stage in STAGES for name in available(stage)}
    worded = {text for text in licences if re.search(r"\b(?:not|models?|and|the|segmentation|embedding)\b", text)}
    assert len(worded) > 4
    assert {text for text in worded if str.__str__(_(text)) == text} == set()
