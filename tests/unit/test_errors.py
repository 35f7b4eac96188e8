"""Text of an exception: one line, whoever raised it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.errors import FormatError, MediaError, describe_error
from whisperdiar.text.messages import Message


def test_an_error_of_ours_is_told_as_it_is() -> None:
    assert describe_error(MediaError("a.wav: cut off")) == "a.wav: cut off"
    assert describe_error(MediaError("x" * 1000)) == "x" * 1000
    assert describe_error(FormatError()) == "FormatError"
    assert describe_error(MediaError("two  spaces.wav: cut off")) == "two  spaces.wav: cut off"
    assert describe_error(MediaError("a.wav:\n  cut off")) == "a.wav: cut off"


def test_a_message_that_knows_its_english_stays_one() -> None:
    message = Message("а.wav: обрыв", "a.wav: cut off")
    assert describe_error(MediaError(message)) is message


def test_an_error_of_a_library_has_its_type_and_is_shortened() -> None:
    assert describe_error(ValueError("a\n  b\tc")) == "ValueError: a b c"
    assert describe_error(KeyError()) == "KeyError"
    long = describe_error(ValueError("x" * 1000))
    assert len(long) == 240
    assert long.endswith("…")


def test_the_advice_of_a_library_is_left_out_where_only_the_first_line_is_asked_for() -> None:
    error = RuntimeError("\n  no such file \nfor more, see https://example.org")
    assert describe_error(error, first_line=True) == "RuntimeError: no such file"


@settings(max_examples=examples(100))
@given(st.sampled_from([ValueError, KeyError, OSError, MediaError, FormatError]), st.text(), st.booleans())
def test_any_error_is_one_line(kind: type[Exception], text: str, first_line: bool) -> None:
    told = describe_error(kind(text), first_line=first_line)
    assert told.strip()
    assert len(told.splitlines()) == 1
    assert not {"\n", "\r", "\t", "\x85"} & set(told)
