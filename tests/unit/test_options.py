"""What every class of settings refuses, whoever wrote it: no settings class may be forgotten."""

from __future__ import annotations

import importlib
import math
import pkgutil
import typing
from dataclasses import fields, is_dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import whisperdiar.options
from whisperdiar import InvalidOption, SpeakerCount
from whisperdiar.options import LlmOptions, Streaming
from whisperdiar.pipeline_settings import make_speaker_count

MAY_BE_NEGATIVE = {"log_prob_threshold", "silence_db"}
"""Logarithms: of a probability, and of a level."""
NEEDED = {
    whisperdiar.options.Protocol: {"collar": 0.0, "skip_overlap": False},
    LlmOptions: {"url": "http://localhost:1"},
    Streaming: {"chunk_len": 6, "chunk_right_context": 7, "fifo_len": 188, "spkcache_update_period": 144},
}
MODULES = [
    importlib.import_module(f"whisperdiar.options.{item.name}")
    for item in pkgutil.iter_modules(whisperdiar.options.__path__)
]
CLASSES = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.__name__
    },
    key=lambda item: item.__name__,
)
NUMBERS = [
    (kind, item.name)
    for kind in CLASSES
    for item in fields(kind)
    if {int, float} & {typing.get_type_hints(kind)[item.name], *typing.get_args(typing.get_type_hints(kind)[item.name])}
]


def test_all_settings_are_looked_at():
    public = {value for value in vars(whisperdiar.options).values() if isinstance(value, type) and is_dataclass(value)}
    assert public <= set(CLASSES)
    assert len(NUMBERS) > 100


@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=lambda item: getattr(item, "__name__", item))
@given(negative=st.floats(max_value=-1e-9, allow_nan=False, allow_infinity=False) | st.integers(max_value=-1))
def test_no_setting_is_infinite_no_number_or_negative(kind, name, negative):
    settings = kind(**NEEDED.get(kind, {}))
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(InvalidOption):
            replace(settings, **{name: value})
    if name not in MAY_BE_NEGATIVE:
        with pytest.raises(InvalidOption):
            replace(settings, **{name: negative})


@pytest.mark.parametrize("value", [-3, 0, 2.5, math.nan, math.inf, True, "", "x", "3.0", "-0", [2]])
def test_number_of_speakers_that_cannot_be_meant_is_refused(value):
    with pytest.raises(InvalidOption, match="speakers"):
        make_speaker_count(value)


def test_number_of_speakers_is_itself():
    assert make_speaker_count(3) == make_speaker_count("3") == SpeakerCount(3, 3)
    assert make_speaker_count("-3") == SpeakerCount(None, 3)


@pytest.mark.parametrize("bounds", [(math.nan, None), (None, math.inf), (1.5, 2), (True, None), (0, 2)])
def test_bounds_of_a_range_are_whole_numbers(bounds):
    with pytest.raises(InvalidOption):
        SpeakerCount(*bounds)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1", "1 speaker was asked for"),
        ("3", "3 speakers were asked for"),
        ("2-5", "2 to 5 speakers were asked for"),
        ("2-", "at least 2 speakers were asked for"),
        ("-1", "at most 1 speaker was asked for"),
    ],
)
def test_a_request_for_speakers_in_words(text: str, told: str) -> None:
    assert SpeakerCount.parse(text).describe() == told
