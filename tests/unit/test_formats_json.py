"""JSON: the whole transcript, exactly; its schema; words to be aligned; and the form of the pyannote services."""

from __future__ import annotations

import copy
import json as reader
import math
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import example, json_values, nasty_text, rough_seconds, transcripts
from whisperdiar.errors import FormatError
from whisperdiar.formats import WriteOptions, pyannote_json
from whisperdiar.formats import json as format_json
from whisperdiar.text import json
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import BackendRecord, Span, Turn, Word

OPTIONS = WriteOptions()
EMPTY = {
    "schema_version": 1, "recording_id": "talk", "duration": 1.0, "language": None, "speakers": [], "segments": [],
    "turns": [], "dropped": [], "uncertain": [], "provenance": {},
}  # fmt: skip


def closed(schema: Any) -> Any:
    """The schema with no keys but those that it lists, so that it must list all that is written."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    return {**made, "additionalProperties": False} if "properties" in made else made


def validator(schema: dict[str, Any]) -> Any:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@given(transcripts)
def test_a_transcript_comes_back_exactly(transcript):
    text = format_json.dumps(transcript, options=OPTIONS)
    text.encode("utf-8")
    assert format_json.loads(text) == transcript
    assert reader.loads(text) == transcript.to_dict()


@given(rough_seconds, rough_seconds)
def test_times_are_rounded_once(first, second):
    words = (Word(Span(min(first, second), max(first, second)), " a", 1 / 3),)
    talk = Transcript("talk", second, segments=(Segment(words),), turns=(Turn(words[0].span, "A"),))
    text = format_json.dumps(talk, options=OPTIONS)
    back = format_json.loads(text)
    assert back.words[0].span == back.turns[0].span == Span(round(words[0].start, 3), round(words[0].end, 3))
    assert back.words[0].probability == 0.333
    assert format_json.dumps(back, options=OPTIONS) == text


@settings(max_examples=examples(30))  # the validator is slow
@given(transcripts)
def test_what_is_written_fits_the_schema(transcript):
    schema = format_json.schema()
    known = {"asr", "vad", "diarizer", "versions", "options", "warnings"}
    provenance = {key: value for key, value in transcript.provenance.items() if key not in known}
    data = reader.loads(format_json.dumps(transcript, options=OPTIONS))
    validator(schema).validate({**data, "provenance": provenance})
    validator(closed(schema)).validate({**data, "provenance": {}})


def test_the_provenance_of_a_run_fits_the_schema():
    record = BackendRecord("pocketsphinx", "en-us", "whisper", "no model", "whisperdiar models download", {"beam": 5})
    provenance = {
        "asr": record.to_dict(), "vad": BackendRecord("silero").to_dict(), "diarizer": None,
        "versions": {"whisperdiar": "1"}, "options": {"asr": {"beam": 5}}, "warnings": ["A warning."],
    }  # fmt: skip
    text = format_json.dumps(example(provenance=provenance), options=OPTIONS)
    validator(closed(format_json.schema())).validate(reader.loads(text))
    assert format_json.loads(text).provenance == provenance


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema_version"], 2),
        (["schema_version"], "1"),
        (["recording_id"], None),
        (["duration"], -1),
        (["language"], 3),
        (["speakers", 0, "id"], None),
        (["speakers", 0, "name"], 1),
        (["segments", 0, "speaker"], 1),
        (["segments", 0, "text"], None),
        (["segments", 0, "words"], []),
        (["segments", 0, "words", 0, "text"], None),
        (["segments", 0, "words", 0, "start"], "1.0"),
        (["segments", 0, "words", 0, "end"], None),
        (["segments", 0, "words", 0, "probability"], 1.5),
        (["segments", 0, "words", 0, "speaker_confidence"], -0.1),
        (["segments", 0, "words", 0, "second_speaker"], None),
        (["turns", 0, "speaker"], None),
        (["turns", 0, "channel"], 0),
        (["turns", 0, "confidence"], 2),
        (["dropped", 0, "reason"], None),
        (["uncertain", 0, "word_index"], 0.5),
        (["uncertain", 0, "confidence"], None),
        (["provenance", "asr"], {"model": "small"}),
        (["provenance", "warnings"], "no list"),
    ],
)
def test_the_schema_refuses_what_is_wrong(path, value):
    data = reader.loads(format_json.dumps(example(), options=OPTIONS))
    data["dropped"] = [{"start": 0.0, "end": 1.0, "text": "la", "reason": "music"}]
    data["uncertain"] = [
        {"word_index": 0, "start": 0, "end": 1, "speaker": None, "second_speaker": None, "confidence": 0.5}
    ]
    check = validator(format_json.schema())
    check.validate(data)
    broken = copy.deepcopy(data)
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        check.validate(broken)


@pytest.mark.parametrize("key", list(EMPTY))
def test_the_schema_wants_every_key(key):
    check = validator(format_json.schema())
    check.validate(EMPTY)
    with pytest.raises(jsonschema.ValidationError):
        check.validate({name: value for name, value in EMPTY.items() if name != key})


def test_unknown_keys_are_allowed_and_ignored():
    data = {**EMPTY, "summary": "…", "turns": [{"start": 0, "end": 1, "speaker": "A", "mood": "calm"}]}
    validator(format_json.schema()).validate(data)
    assert format_json.loads(reader.dumps(data)).turns == (Turn(Span(0, 1), "A"),)


def test_every_word_has_a_line_and_letters_stay_letters():
    words = tuple(Word(Span(i, i + 1), f" слово{i}", 0.5, "SPEAKER_00", 0.9) for i in range(3))
    text = format_json.dumps(example(segments=(Segment(words, "SPEAKER_00"),)), options=OPTIONS)
    lines = text.splitlines()
    assert [sum(f'" слово{i}"' in line for line in lines) for i in range(3)] == [1, 1, 1]
    assert '        {"text": " слово0", "start": 0, "end": 1, "probability": 0.5, ' in text.replace("0.0", "0").replace(
        "1.0", "1"
    )
    assert max(map(len, lines)) < 150


def test_the_text_is_not_much_larger_than_it_must_be():
    words = tuple(Word(Span(i, i + 1), " word", 0.5, "SPEAKER_00", 0.9) for i in range(500))
    talk = example(segments=(Segment(words, "SPEAKER_00"),))
    assert len(format_json.dumps(talk, options=OPTIONS)) < 1.15 * len(reader.dumps(talk.to_dict()))


@given(json_values)
def test_any_json_value_is_laid_out_without_loss(value):
    text = json.write(value)
    assert reader.loads(text) == value
    assert json.read(text) == value


@given(nasty_text)
def test_half_a_character_survives_the_file(text):
    assert reader.loads(json.write([text]).encode("utf-8").decode("utf-8")) == [text]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_has_not_are_refused_in_writing(value):
    with pytest.raises(FormatError, match=r"provenance\.options\.beam\[1\]"):
        format_json.dumps(example(provenance={"options": {"beam": [1, value]}}), options=OPTIONS)


def test_values_that_json_has_not_are_named():
    with pytest.raises(FormatError, match=r"^provenance\.options\.path cannot be written as JSON"):
        format_json.dumps(example(provenance={"options": {"path": PurePosixPath("x")}}), options=OPTIONS)
    with pytest.raises(FormatError, match=r"^provenance\.options cannot be written as JSON: key 3 is no string"):
        format_json.dumps(example(provenance={"options": {3: 1}}), options=OPTIONS)
    circle: dict[str, Any] = {"a": [1]}
    circle["a"].append(circle)
    with pytest.raises(FormatError):
        format_json.dumps(example(provenance=circle), options=OPTIONS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1"),
        ('{"a": 1,\n  oops}', "line 2, column 3"),
        ('{"duration": NaN}', "NaN is not finite"),
        ('{"duration": 1e999}', "1e999 is not finite"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "must be a JSON object, not a list"),
        ("{}", "no schema_version"),
        ('{"schema_version": 99}', "schema_version 99.*update"),
        (reader.dumps({**EMPTY, "duration": "long"}), "^duration: expected a number"),
        (reader.dumps({**EMPTY, "duration": 10**400}), "too large"),
        (
            reader.dumps({**EMPTY, "segments": [{"speaker": None, "words": [{"start": 0, "end": 1, "text": 5}]}]}),
            r"^segments\[0\]\.words\[0\]\.text: expected str",
        ),
        (
            reader.dumps({**EMPTY, "turns": [{"start": 2, "end": 1, "speaker": "A"}]}),
            r"^turns\[0\]\.start: .*the end lies before the start",
        ),
    ],
)
def test_errors_say_where(text, message):
    with pytest.raises(FormatError, match=message) as caught:
        format_json.loads(text)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(sys, "set_int_max_str_digits"), reason="this Python reads numbers of any length")
def test_a_number_of_endless_digits_is_an_error_of_the_format():
    with pytest.raises(FormatError, match="number that cannot be read"):
        format_json.loads('{"duration": ' + "1" * 10_000 + "}")


def test_a_byte_order_mark_is_passed_over():
    assert format_json.loads("\ufeff" + reader.dumps(EMPTY)).recording_id == "talk"


def test_words_come_from_a_list_or_from_a_transcript():
    items = [{"start": 0.5, "end": 1.0, "text": " Hi", "probability": 0.9}, {"start": 1, "end": 1, "text": " 5"}]
    expected = (Word(Span(0.5, 1.0), " Hi", 0.9), Word(Span(1.0, 1.0), " 5"))
    assert format_json.load_words(reader.dumps(items)) == expected
    assert format_json.load_words(format_json.dumps(example(), options=OPTIONS)) == example().words
    assert format_json.load_words("[]") == ()


def words_and_warnings(items):
    found = format_json.load_recognised(reader.dumps(items))
    told = [(word.start, word.end, word.text) for word in found.words]
    return told, found.provenance.get("warnings", [])


def test_words_of_recognisers_without_spaces_are_whole_words():
    items = [{"start": 0, "end": 0.4, "word": "Hello"}, {"start": 0.4, "end": 1, "word": "there."}]
    assert words_and_warnings(items) == ([(0, 0.4, " Hello"), (0.4, 1, " there.")], [])
    parts = [{"start": 0, "end": 0.4, "text": " un"}, {"start": 0.4, "end": 1, "text": "real"}]
    assert words_and_warnings(parts) == ([(0, 0.4, " un"), (0.4, 1, "real")], [])
    japanese = [{"start": 0, "end": 0.4, "text": "始め"}, {"start": 0.4, "end": 1, "text": "ます"}]
    assert words_and_warnings(japanese) == ([(0, 0.4, "始め"), (0.4, 1, "ます")], [])


def test_words_inside_segments_are_words():
    nested = [{"start": 0, "end": 0.3, "word": " Shall"}, {"start": 0.3, "end": 0.8, "word": " we?"}]
    items = [{"start": 0, "end": 2, "text": " Shall we?", "words": nested}]
    assert words_and_warnings(items) == ([(0, 0.3, " Shall"), (0.3, 0.8, " we?")], [])


def test_a_word_that_ends_before_it_begins_gets_what_its_neighbours_leave():
    items = [
        {"start": 0, "end": 0.4, "text": " Hello"},
        {"start": 0.6, "end": 0.5, "text": " there."},
        {"start": 1.0, "end": 1.0, "text": " Yes"},
        {"start": 1.2, "end": 1.6, "text": " sir."},
    ]
    told, warnings = words_and_warnings(items)
    assert told == [(0, 0.4, " Hello"), (0.4, 1.0, " there."), (1.0, 1.0, " Yes"), (1.2, 1.6, " sir.")]
    assert warnings == ["words[1] (0.6 to 0.5): this time cannot be, so it was mended from the neighbours"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"words"', "list of words, or a whisperdiar transcript"),
        ('{"words": []}', "no schema_version"),
        ('[{"start": 0, "end": 1}]', r"^words\[0\]\.text"),
        ('[{"start": 0, "end": 1, "text": "a"}, 5]', r"^words\[1\]"),
        ('[{"start": 0, "text": "a"}]', r"^words\[0\]\.end: this time is missing"),
        ('[{"start": 0, "end": true, "text": "a"}]', r"^words\[0\]\.end: expected a number, found 'True'"),
        ('[{"start": 0, "end": "NaN", "text": "a"}]', r"^words\[0\]\.end: expected a number, found 'NaN'"),
        ('[{"start": ' + "9" * 400 + ', "end": 1, "text": "a"}]', r"^words\[0\]\.start: expected a number"),
        ('[{"start": 2e9, "end": 2e9, "text": "a"}]', "no times of a recording"),
        ('[{"start": 0, "end": 1, "text": "Hello there."}]', r"^words\[0\]: 'Hello there.' holds several words"),
        ('[{"start": 0, "end": 1, "text": "a b", "words": []}]', r"^words\[0\]\.words: the text of this segment"),
    ],
)
def test_words_that_are_none(text, message):
    with pytest.raises(FormatError, match=message):
        format_json.load_words(text)


def test_the_pyannote_form_is_exactly_that_of_the_services():
    talk = example(turns=(Turn(Span(0.0, 2.3454), "SPEAKER_01"), Turn(Span(2.3456, 61.0), "SPEAKER_00", 2, 0.5)))
    assert reader.loads(pyannote_json.dumps(talk.rename({"SPEAKER_00": "Anna"}), options=OPTIONS)) == {
        "diarization": [
            {"speaker": "SPEAKER_01", "start": "0.000", "end": "2.345"},
            {"speaker": "SPEAKER_00", "start": "2.346", "end": "61.000"},
        ]
    }
    assert reader.loads(pyannote_json.dumps(example(turns=()), options=OPTIONS)) == {"diarization": []}
    early = example(turns=(Turn(Span(-0.2, 0.1), "A"),))
    assert reader.loads(pyannote_json.dumps(early, options=OPTIONS))["diarization"][0]["start"] == "0.000"


@given(st.lists(st.builds(Turn, st.builds(Span, st.just(0.0), rough_seconds), nasty_text), max_size=5))
def test_the_pyannote_form_takes_any_label(turns):
    found = reader.loads(pyannote_json.dumps(example(turns=tuple(turns)), options=OPTIONS))
    assert [(item["speaker"], item["end"]) for item in found["diarization"]] == [
        (turn.speaker, f"{round(turn.end, 3):.3f}") for turn in turns
    ]


def test_the_documentation_lists_every_field():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    table = page.partition("| field | type | meaning |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"`(\w+)(?:\[\])?`", "\n".join(line.split("|")[1] for line in table.splitlines()[1:])))
    schema = format_json.schema()
    objects = [schema, *schema["$defs"].values()]
    assert documented == {key for item in objects for key in item.get("properties", {})}
