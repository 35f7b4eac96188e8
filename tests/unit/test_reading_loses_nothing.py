"""All text of a file arrives, or reading fails with the place: mutated files of every list, table and tier.

Every word of a file is a marker of its own. What must arrive are the markers that the mutated file still holds where
the format has its text; keys that nobody knows may hold further texts, which are left out. ``READING_EXAMPLES=1000``
tries so many files of each format.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.errors import FormatError
from whisperdiar.formats import FORMATS, WriteOptions, by_name
from whisperdiar.formats.json import load_recognised
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

EXAMPLES = int(os.environ.get("READING_EXAMPLES") or examples(60))
MARKER = re.compile(r"mark[0-9]+end")
JUNK: tuple[Any, ...] = (None, True, 5, -3.5, "", "NaN", "inf", "1e400", "soon", [], {}, [5], {"a": 1}, "1.5", 1e300)
UNKNOWN_KEYS = ("txt", "label", "utterance")
PLACE = re.compile(
    r"line \d|\[\d+\]|^[a-z_]+:|segments|words|tier|slot|annotation|times|XML|TextGrid|object|recordings|schema_version"
)
"""What says where: every error names a line, an object or the part of the file."""


@st.composite
def talks(draw: st.DrawFn) -> Transcript:
    """One to four segments of one to three words each, in order, of two people and of nobody known."""
    time_ms, number, segments = 0, 0, []
    for _ in range(draw(st.integers(1, 4))):
        label = draw(st.sampled_from(["Anna", "Ben", None]))
        words = []
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            start_ms = time_ms + draw(st.integers(0, 700))
            time_ms = start_ms + draw(st.integers(1, 900))
            words.append(Word(Span(start_ms / 1000, time_ms / 1000), f" mark{number}end", 0.5, label))
        segments.append(Segment(tuple(words), label))
        time_ms += draw(st.integers(0, 3000))
    turns = tuple(Turn(item.span, item.speaker) for item in segments if item.speaker)
    speakers = tuple(Speaker(name, name) for name in dict.fromkeys(turn.speaker for turn in turns))
    return Transcript("talk", 60.0, "en", speakers, tuple(segments), turns)


def written(name: str, talk: Transcript) -> str:
    text = by_name(name).dumps(talk, options=WriteOptions())
    assert isinstance(text, str)
    return text


def read_or_refuse(name: str, text: str) -> Transcript | None:
    """What a reader gives; None where it refuses the file, which it does on one line with the place and the cause."""
    reader = load_recognised if name == "words" else by_name(name).read
    assert reader is not None
    said = ""
    try:
        return reader(text)
    except FormatError as error:
        said = str(error)
    assert "\n" not in said
    assert PLACE.search(said), f"no place: {said}"
    return None


def arrived(name: str, text: str) -> set[str] | None:
    """The markers that a reader gives; None where it refuses the file."""
    found = read_or_refuse(name, text)
    if found is None:
        return None
    for segment in found.segments:
        assert all(word.start <= word.end for word in segment.words)
    told = (item.text for item in found.dropped)  # what a text does not say of its words, in a note as well
    return set(MARKER.findall(" ".join([*(segment.text for segment in found.segments), *told])))


# Values of JSON


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a value but itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutate(draw: st.DrawFn, value: Any) -> Any:
    """The value with one part missing, of another kind, renamed, repeated, or with a key that nobody knows."""
    value = copy.deepcopy(value)
    found = list(places(value))
    if not found:
        return value
    path = found[draw(st.integers(0, len(found) - 1))]
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    kind = draw(st.sampled_from(["delete", "junk", "text", "rename", "repeat", "more", "swap", "negative"]))
    if kind == "delete":
        del parent[key]
    elif kind == "junk":
        # A text that somebody has put in the place of another one is the text; here it is taken away only.
        choices = (None, "", [], {}) if key in ("text", "words", "word") else JUNK
        parent[key] = draw(st.sampled_from(choices))
    elif kind == "text":
        parent[key] = parent[key] if isinstance(parent[key], (dict, list)) else str(parent[key])
    elif kind == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from(UNKNOWN_KEYS))] = parent.pop(key)
    elif kind == "repeat" and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == "more" and isinstance(parent, dict):
        parent["translation"] = "extra text"
    elif kind == "swap" and isinstance(parent, dict) and {"start", "end"} <= parent.keys():
        parent["start"], parent["end"] = parent["end"], parent["start"]
    elif kind == "negative" and isinstance(parent[key], (int, float)):
        parent[key] = -parent[key]
    return value


def texts(value: Any) -> Iterator[str]:
    """All texts of a value; of an object with a text and words the text, which counts. Beside them a key that nobody
    knows may hold another text; without them it may hold the only one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        spoken = MARKER.search(str(value.get("text", "")))
        known = any(MARKER.search(str(value.get(key, ""))) for key in ("text", "words", "word"))
        for key, item in value.items():
            if known and key in UNKNOWN_KEYS:
                continue  # such as a translation
            if not (key == "words" and spoken and isinstance(value.get("text"), str)):
                yield from texts(item)


def required(name: str, value: Any) -> set[str]:
    """Markers that must arrive. What repeats the segments (all of the text, all words) counts where there are none."""
    if isinstance(value, dict) and value.get("segments"):
        value = value["segments"]
    return set(MARKER.findall(" ".join(texts(value))))


def nested(talk: Transcript, key: str, *, spaces: bool = True) -> list[dict[str, Any]]:
    """Segments with words inside, as recognisers give them."""
    return [
        {
            "start": segment.span.start,
            "end": segment.span.end,
            "text": segment.text,
            "words": [
                {"start": word.start, "end": word.end, key: word.text if spaces else word.text.strip()}
                for word in segment.words
            ],
            **({} if segment.speaker is None else {"speaker": segment.speaker}),
        }
        for segment in talk.segments
    ]


def json_forms(name: str, talk: Transcript, variant: int) -> Any:
    """A value of the format as we write it, and as others do."""
    if name == "words":
        every = [word for segment in nested(talk, "text" if variant else "word") for word in segment["words"]]
        return every if variant < 2 else nested(talk, "word")
    if variant == 0 or name == "seglst":
        return json.loads(written(name, talk))
    if variant == 1:
        return {"segments": nested(talk, "text", spaces=False), "language": "en"}
    return {"segments": [{**item, "words": None} for item in nested(talk, "word")], "text": ""}


@pytest.mark.parametrize("name", ["verbose-json", "whisperx-json", "diarized-json", "seglst", "words"])
@given(talk=talks(), variant=st.integers(0, 2), data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_json_is_read_whole_or_refused(name: str, talk: Transcript, variant: int, data: st.DataObject) -> None:
    value = json_forms(name, talk, variant)
    assert arrived(name, json.dumps(value)) == set(MARKER.findall(" ".join(word.text for word in talk.words)))
    for _ in range(data.draw(st.integers(1, 3))):
        value = mutate(data.draw, value)
    found = arrived(name, json.dumps(value))
    assert found is None or found >= required(name, value)


@given(talk=talks(), data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_our_own_json_is_read_whole_or_refused(talk: Transcript, data: st.DataObject) -> None:
    value = mutate(data.draw, talk.to_dict())
    found = arrived("json", json.dumps(value))
    # The text of a segment repeats its words, which are what is read.
    for segment in value["segments"] if isinstance(value.get("segments"), list) else ():
        if isinstance(segment, dict):
            segment.pop("text", None)
    assert found is None or found >= required("json", value)


# Lines, tables and tiers

NUMBERS = ("", "NaN", "inf", "-1", "1e999", "soon", "0", "99", "1,5", "<NA>")


def mutate_line(draw: st.DrawFn, line: str, separator: str | None, *, header: bool = False) -> str:
    """A line with one field that holds no text missing, repeated, of another kind, or exchanged with its neighbour.

    Names in a header are not exchanged: what they then say would be true.
    """
    fields = line.split(separator)
    own = [place for place, field in enumerate(fields) if not MARKER.search(field)]
    if not own:
        return line
    place = own[draw(st.integers(0, len(own) - 1))]
    kinds = ["delete", "junk", "repeat", *(() if header else ("swap", "negative"))]
    kind = draw(st.sampled_from(kinds))
    if kind == "delete":
        del fields[place]
    elif kind == "junk":
        fields[place] = draw(st.sampled_from(NUMBERS))
    elif kind == "repeat":
        fields.insert(place, fields[place])
    elif kind == "swap" and place + 1 in own:
        fields[place], fields[place + 1] = fields[place + 1], fields[place]
    elif kind == "negative":
        fields[place] = f"-{fields[place]}"
    return (separator or " ").join(fields)


SEPARATORS = {"stm": None, "ctm": None, "csv": ",", "tsv": "\t", "csv-words": ",", "tsv-words": "\t"}


@pytest.mark.parametrize("name", SEPARATORS)
@given(talk=talks(), data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_lines_of_fields_are_read_whole_or_refused(name: str, talk: Transcript, data: st.DataObject) -> None:
    lines = written(name, talk).splitlines()
    # Two cells that are missing, one of the header, make another table that nobody can tell from a good one.
    for _ in range(data.draw(st.integers(1, 2 if SEPARATORS[name] is None else 1))):
        place = data.draw(st.integers(0, len(lines) - 1))
        header = not place and SEPARATORS[name] is not None
        lines[place] = mutate_line(data.draw, lines[place], SEPARATORS[name], header=header)
    text = "".join(f"{line}\n" for line in lines)
    found = arrived(name, text)
    assert found is None or found >= set(MARKER.findall(text))


@given(talk=talks(), data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_turns_of_an_rttm_are_read_whole_or_refused(talk: Transcript, data: st.DataObject) -> None:
    names = {item.id: f"mark{number}end" for number, item in enumerate(talk.speakers)}
    lines = written("rttm", talk.rename(names)).splitlines()
    for index, line in enumerate(lines):
        if data.draw(st.booleans()):
            lines[index] = mutate_line(data.draw, line, None)
    text = "".join(f"{line}\n" for line in lines)
    found = read_or_refuse("rttm", text)
    if found is not None:
        assert {turn.speaker for turn in found.turns} >= set(MARKER.findall(text))


@pytest.mark.parametrize("name", ["textgrid", "eaf"])
@given(talk=talks(), data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_tiers_are_read_whole_or_refused(name: str, talk: Transcript, data: st.DataObject) -> None:
    text = written(name, talk)
    pattern = data.draw(st.sampled_from(TIER_PATTERNS[name]))
    for _ in range(data.draw(st.integers(1, 3))):
        text = mutate_tiers(data.draw, pattern, text)
    found = arrived(name, text)
    assert found is None or found >= set(MARKER.findall(text))


TIER_PATTERNS = {
    "textgrid": [r"(?<== )-?[0-9.]+(?=\n)", r'(?<=name = )"[^"]*"', r'(?<=text = )"mark[^"]*"'],
    "eaf": [r'(?<=TIME_VALUE=)"[^"]*"', r'(?<=TIER_ID=)"[^"]*"', r'(?<= )[A-Z_0-9]+="[^"]*"', r"mark[^<]*(?=<)"],
}
"""Times and counts, names of tiers, attributes, labels. Of one file only parts of one kind are mutated: who takes an
utterance's label away and moves its words into another one has corrected the text of that one."""


def mutate_tiers(draw: st.DrawFn, pattern: str, text: str) -> str:
    """A number of another value, a tier of another name (maybe another tier's), a label or an attribute missing."""
    places = [found.span() for found in re.finditer(pattern, text)]
    if not places:
        return text
    first, last = places[draw(st.integers(0, len(places) - 1))]
    old = text[first:last]
    if MARKER.search(old):
        new = '""' if old.startswith('"') else ""
    elif old.startswith('"'):
        new = draw(st.sampled_from(['"Anna"', '"words@Anna"', '"Anna@2"', '"words"', '"Anna - words"', '"5"', '""']))
    elif "=" in old:
        new = ""
    else:
        new = draw(st.sampled_from(["-1", "0", "99", "1.5", "soon", ""]))
    return text[:first] + new + text[last:]


def test_a_textgrid_with_any_head_line_replaced_is_read_whole_or_refused():
    words = tuple(Word(Span(i, i + 0.5), f" mark{i}end", 0.5, "Anna") for i in range(3))
    talk = Transcript("talk", 60.0, "en", (Speaker("Anna", "Anna"),), (Segment(words, "Anna"),))
    lines = written("textgrid", talk).split("\n")
    refused = 0
    for place in range(8):
        for other in ("", "x", "! size", "0", "size = 0", '"x"', "<absent>", *lines[:12]):
            found = arrived("textgrid", "\n".join([*lines[:place], other, *lines[place + 1 :]]))
            refused += found is None
            assert found is None or found == {"mark0end", "mark1end", "mark2end"}, (lines[place], other)
    assert refused


@pytest.mark.parametrize("name", ["json", "seglst", "diarized-json", "whisperx-json", "verbose-json", "words"])
def test_a_key_that_stands_twice_loses_no_value(name):
    if name == "words":
        text = '[{"text": " mark1end", "start": 0, "end": 1}]'
    else:
        talk = Transcript("talk", 9.0, "en", (), (Segment((Word(Span(0, 1), " mark1end", 0.5, None),), None),))
        text = written(name, talk)
    pair = re.search(r'"[a-z]+": " ?mark1end"', text)
    assert pair
    twice = text[: pair.start()] + pair[0].replace("mark1", "mark2") + ", " + text[pair.start() :]
    with pytest.raises(FormatError, match=r"an object holds the key '[a-z]+' twice: .*mark2end.*mark1end"):
        (load_recognised if name == "words" else by_name(name).read)(twice)
    same = text[: pair.start()] + pair[0] + ", " + text[pair.start() :]
    assert read_or_refuse(name, same) == read_or_refuse(name, text) is not None


@pytest.mark.parametrize("text", ["", "\n", " \r\n\r\n", "\ufeff"])
@pytest.mark.parametrize("name", [name for name in FORMATS if by_name(name).read is not None])
def test_a_file_without_text_has_no_words_or_is_refused(name, text):
    found = read_or_refuse(name, text)
    assert found is None or (found.segments, found.turns, found.cues) == ((), (), ())


def put_text(name: str, text: str, old: str, new: str) -> str:
    """The file with another text of an utterance, which stands together there alone; the words beside it stay."""
    assert old in text
    return text.replace(old, new)


def two_utterances() -> Transcript:
    first = tuple(Word(Span(i, i + 0.5), f" mark{i}end", 0.5, "A") for i in range(4))
    second = tuple(Word(Span(i, i + 0.5), f" mark{i}end", 0.5, "A") for i in range(10, 12))
    return Transcript("talk", 19.0, "en", (), (Segment(first, "A"), Segment(second, "A")))


TIERS = ("textgrid", "eaf")
WITH_WORDS = (*TIERS, "whisperx-json", "verbose-json")


@pytest.mark.parametrize("name", WITH_WORDS)
@given(
    kept=st.lists(st.sampled_from([f"mark{i}end" for i in range(4)] + ["Mark2end,", "new5end", "new6end"]), min_size=1)
)
def test_words_that_are_not_those_of_the_text_are_kept_and_told(name, kept):
    text = written(name, two_utterances())
    changed = put_text(name, text, "mark0end mark1end mark2end mark3end", " ".join(kept))
    plain = [word.casefold().strip(",") for word in kept]
    missing = [word for word in (f"mark{i}end" for i in range(4)) if word not in plain]
    found = by_name(name).read(changed)
    said = [word.text.strip() for word in found.segments[0].words]
    assert said == kept, "the text counts"
    told = [item.text for item in found.dropped]
    assert told == missing
    if told:
        (note,) = found.provenance["notes"]
        assert note.endswith("the text does not say this, and the text is taken; JSON keeps it")
        assert all(repr(word) in note for word in told[:3])
    else:
        assert "notes" not in found.provenance
    assert [word.span for word in found.segments[1].words] == [word.span for word in two_utterances().segments[1].words]


@pytest.mark.parametrize("name", WITH_WORDS)
def test_a_word_more_in_the_text_moves_no_other_word(name):
    text = written(name, two_utterances())
    changed = put_text(
        name, text, "mark0end mark1end mark2end mark3end", "mark0end mark1end oh, yes, mark2end mark3end"
    )
    words = by_name(name).read(changed).segments[0].words
    assert [word.text.strip() for word in words] == ["mark0end", "mark1end", "oh,", "yes,", "mark2end", "mark3end"]
    assert [word.start for word in words if "mark" in word.text] == [0.0, 1.0, 2.0, 3.0]
    assert all(1.5 <= word.start <= word.end <= 2.0 for word in words[2:4])


@pytest.mark.parametrize("name", TIERS)
def test_a_word_that_lies_in_the_next_utterance_and_an_unknown_one_are_not_lost(name):
    text = written(name, two_utterances())
    moved = put_text(name, text, "mark0end mark1end mark2end mark3end", "mark0end mark1end mark2end")
    moved = put_text(name, moved, "mark10end mark11end", "mark3end mark10end mark11end")
    found = by_name(name).read(moved)
    assert [word.text.strip() for word in found.words] == [f"mark{i}end" for i in (0, 1, 2, 3, 10, 11)]
    unknown = text.replace('"mark2end"', '"<unk>"').replace(">mark2end<", ">&lt;unk&gt;<")
    assert "unk" in unknown
    assert [word.text for word in by_name(name).read(unknown).words] == [word.text for word in two_utterances().words]


def test_an_utterance_of_many_words_in_another_order_loses_none():
    words = [{"word": f"w{i % 7}", "start": i, "end": i + 1} for i in range(30_000)]
    said = " ".join(["other", *(word["word"] for word in words[::-1]), "more"])
    segment = {"start": 0.0, "end": 30_000.0, "text": said, "words": words}
    found = by_name("whisperx-json").read(json.dumps({"segments": [segment]}))
    assert "".join(word.text for word in found.words).split() == said.split()
    assert not found.dropped
    assert "notes" not in found.provenance
