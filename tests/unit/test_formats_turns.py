"""Forms of turns alone that older toolkits write: LIUM's .seg, ALIZÉ's .lbl, audioseg's lines, NIST's UEM."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import example, nasty_text
from whisperdiar.errors import FormatError
from whisperdiar.formats import SeveralRecordings, WriteOptions, by_name
from whisperdiar.formats._text import make_distinct, make_token
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Span, Turn

SEG = """\
;; cluster S0 [ score:FS = -33.1 ] [ score:MT = -33.9 ]
talk 1 0 257 F S U S0
talk 1 910 183 F S U S0
;; cluster S12 [ score:FS = -32.0 ]
talk 1 257 563 M T U S12
"""
LBL = "0 2.56 S0\n2.57 8.19 S12\n9.1 10.92 S0\n"
AUDIOSEG = "0.0000000 2.5700000 m\n2.5700000 8.2000000 ms\n9.1000000 10.9300000 s\n"
TURNS = (Turn(Span(0.0, 2.57), "S0"), Turn(Span(2.57, 8.2), "S12"), Turn(Span(9.1, 10.93), "S0"))
FRAMED = ("seg", "lbl")


def write(name: str, transcript: Transcript) -> str:
    text = by_name(name).dumps(transcript, options=WriteOptions())
    assert isinstance(text, str)
    return text


def read(name: str, text: str) -> Transcript:
    reader = by_name(name).read
    assert reader is not None
    return reader(text)


@pytest.mark.parametrize(("name", "text"), [("seg", SEG), ("lbl", LBL)])
def test_turns_of_a_toolkit_are_read(name: str, text: str) -> None:
    found = read(name, text)
    assert found.turns == TURNS
    assert found.duration == 10.93
    assert [item.id for item in found.speakers] == ["S0", "S12"]
    assert found.recording_id == ("talk" if name == "seg" else "recording")


def test_a_seg_is_written_by_cluster_with_a_start_and_a_length_in_frames() -> None:
    assert write("seg", Transcript("my talk", 12.0, turns=TURNS)) == (
        ";; cluster S0\nmy_talk 1 0 257 U U U S0\nmy_talk 1 910 183 U U U S0\n"
        ";; cluster S12\nmy_talk 1 257 563 U U U S12\n"
    )


def test_the_end_of_an_lbl_is_its_last_frame() -> None:
    assert write("lbl", Transcript("talk", 12.0, turns=TURNS)) == "0.00 2.56 S0\n2.57 8.19 S12\n9.10 10.92 S0\n"


def test_audioseg_gives_back_its_lines() -> None:
    found = read("audioseg", AUDIOSEG)
    assert [turn.speaker for turn in found.turns] == ["m", "ms", "s"]
    assert write("audioseg", found) == AUDIOSEG


def test_a_uem_of_speakers_is_the_whole_recording_and_one_of_parts_is_its_parts() -> None:
    assert write("uem", Transcript("my talk", 12.0, turns=TURNS)) == "my_talk 1 0.000 12.000\n"
    parts = ";; scored\ntalk 1 0.5 3\ntalk 2 2.000 4.25\ntalk 1 9 9.5\n"
    found = read("uem", parts)
    assert found.turns == (Turn(Span(0.5, 4.25), "scored"), Turn(Span(9.0, 9.5), "scored"))
    assert write("uem", found) == "talk 1 0.500 4.250\ntalk 1 9.000 9.500\n"


@pytest.mark.parametrize(("name", "line"), [("seg", "{} 1 0 10 U U U Anna\n"), ("uem", "{} 1 0 10\n")])
def test_one_of_several_recordings_is_asked_for(name: str, line: str) -> None:
    text = line.format("first") + line.format("second")
    with pytest.raises(SeveralRecordings, match="first, second"):
        read(name, text)
    one = by_name(name).read_recording
    assert one is not None
    assert one(text, recording_id="second").recording_id == "second"
    with pytest.raises(FormatError, match="no recording 'third'"):
        one(text, recording_id="third")


@pytest.mark.parametrize(
    ("name", "line", "cause"),
    [
        ("seg", "talk 1 0 257 F S U", "7 fields"),
        ("seg", "talk 1 0.5 257 F S U S0", "whole numbers"),
        ("seg", "talk 1 0 -7 F S U S0", "whole numbers"),
        ("seg", "talk 1 0 257 X S U S0", "gender"),
        ("seg", "talk 1 0 257 F X U S0", "bandwidth"),
        ("lbl", "0 2.5", "2 fields"),
        ("lbl", "0 2.5 Anna Maria", "4 fields"),
        ("lbl", "2.5 0 S0", "the end not before the start"),
        ("audioseg", "0 x s", "seconds"),
        ("audioseg", "0 1", "2 fields"),
        ("uem", "talk 1 3 2", "the end not before the start"),
        ("uem", "talk 1 3", "4 fields"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(name: str, line: str, cause: str) -> None:
    with pytest.raises(FormatError, match=f"^line 2: .*{cause}") as caught:
        read(name, f"\n{line}\n")
    assert line in str(caught.value)


@pytest.mark.parametrize("name", ["seg", "lbl", "audioseg"])
@given(
    spans=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300), st.sampled_from("ABC")), min_size=1, max_size=8),
    names=st.lists(nasty_text, min_size=3, max_size=3),
)
def test_frames_and_any_names_come_back(name: str, spans: list[tuple[int, int, str]], names: list[str]) -> None:
    turns = tuple(Turn(Span(first / 100, (first + count) / 100), label) for first, count, label in spans)
    people = tuple(map(Speaker, "ABC", names))
    found = read(name, write(name, Transcript("talk", 8.0, speakers=people, turns=turns)))
    assert sorted((turn.start, turn.end) for turn in found.turns) == sorted((turn.start, turn.end) for turn in turns)
    assert len(found.speakers) == len({turn.speaker for turn in turns})
    assert write(name, found) == write(name, read(name, write(name, found)))


def test_a_name_is_one_field() -> None:
    known = make_distinct({"A": make_token("Anna  Maria"), "B": make_token("Anna Maria")})
    talk = example(
        speakers=(Speaker("A", "Anna  Maria"), Speaker("B", "Anna Maria")),
        turns=(Turn(Span(0, 1), "A"), Turn(Span(1, 2), "B")),
    )
    for name in ("seg", "lbl", "audioseg"):
        assert [turn.speaker for turn in read(name, write(name, talk)).turns] == list(known.values())
