"""RTTM: what is written, what is read back, what is forgiven by name only."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.formats_strategies import example, labels, nasty_text, rough_seconds, spans, turns
from whisperdiar.errors import FormatError
from whisperdiar.formats import WriteOptions, rttm
from whisperdiar.formats._text import make_token, one_line
from whisperdiar.options import RttmTolerance
from whisperdiar.transcript import Speaker
from whisperdiar.types import Diarization, Span, Turn

GOOD = "SPEAKER talk 1 0.500 1.250 <NA> <NA> Anna <NA> <NA>"


def one_turn(**changes: object) -> Diarization:
    return Diarization("talk", (dataclasses.replace(Turn(Span(0.5, 1.75), "Anna"), **changes),))  # type: ignore[arg-type]


def test_a_line_has_the_ten_fields_of_the_standard():
    assert rttm.dumps_diarization(one_turn()) == GOOD + "\n"
    found = rttm.dumps_diarization(one_turn(channel=2, confidence=0.5))
    assert found == "SPEAKER talk 2 0.500 1.250 <NA> <NA> Anna 0.500 <NA>\n"


@given(st.lists(turns, max_size=8))
def test_turns_come_back_exactly(items):
    diarization = Diarization("talk", tuple(turn for turn in items if turn.span.duration > 0))
    text = rttm.dumps_diarization(diarization)
    assert rttm.loads(text, recording_id="talk") == diarization
    assert rttm.loads(text, recording_id="talk", tolerance=rttm.TOLERANT) == diarization
    assert rttm.dumps_diarization(rttm.loads(text, recording_id="talk")) == text


@given(st.lists(st.builds(Turn, spans(rough_seconds), labels), max_size=8))
def test_onset_and_duration_add_up_to_the_rounded_end(items):
    lines = rttm.dumps_diarization(Diarization("talk", tuple(items))).splitlines()
    written = sorted((Decimal(line.split()[3]), Decimal(line.split()[3]) + Decimal(line.split()[4])) for line in lines)
    expected = [(Decimal(str(round(t.start, 3))), Decimal(str(round(t.end, 3)))) for t in items]
    assert written == sorted((start, end) for start, end in expected if end > start)
    assert all(line.split()[i].rpartition(".")[2].isdigit() for line in lines for i in (3, 4))
    assert all(len(line.split()[i].rpartition(".")[2]) == 3 for line in lines for i in (3, 4))


@given(nasty_text, st.dictionaries(labels, nasty_text, min_size=1))
def test_any_name_makes_one_field_and_different_speakers_stay_apart(recording, names):
    assume(make_token(recording) not in ("", "<NA>") and all(make_token(n) not in ("", "<NA>") for n in names.values()))
    items = tuple(Turn(Span(i, i + 1), label) for i, label in enumerate(names))
    text = rttm.dumps_diarization(Diarization(recording, items), names)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert [len(line.split()) for line in lines] == [10] * len(names)
    text.encode("utf-8")
    found = rttm.loads_all(text)
    assert list(found) == ["_".join(one_line(recording).split())]
    (back,) = found.values()
    assert len(back.speakers) == len(names)
    for label, shown in zip(names, back.speakers, strict=True):
        assert shown.startswith("_".join(one_line(names[label]).split()))


def test_speakers_go_by_the_names_that_people_read():
    talk = example(speakers=(Speaker("SPEAKER_00", "Anna  Maria\tde la\u00a0Cruz"),))
    talk = dataclasses.replace(talk, recording_id="board meeting")
    found = rttm.dumps(talk, options=WriteOptions())
    assert found == "SPEAKER board_meeting 1 0.500 2.000 <NA> <NA> Anna_Maria_de_la_Cruz <NA> <NA>\n"


def test_one_name_for_two_speakers_gets_a_number_that_nobody_else_has():
    items = tuple(Turn(Span(i, i + 1), label) for i, label in enumerate("abcd"))
    names = {"a": "Anna", "b": "Anna", "c": "Anna_2", "d": " Anna "}
    text = rttm.dumps_diarization(Diarization("talk", items), names)
    assert [line.split()[7] for line in text.splitlines()] == ["Anna", "Anna_3", "Anna_2", "Anna_4"]


@pytest.mark.parametrize("name", ["", " \n", "<NA>", "\x00"])
def test_names_that_would_be_no_field_are_refused(name):
    with pytest.raises(FormatError, match=r"speaker 'SPEAKER_00'.*rename") as caught:
        rttm.dumps(example(speakers=(Speaker("SPEAKER_00", name),)), options=WriteOptions())
    assert "\n" not in str(caught.value)
    with pytest.raises(FormatError, match="recording id"):
        rttm.dumps_diarization(dataclasses.replace(one_turn(), recording_id=name))


def test_turns_without_length_are_left_out_and_negative_times_begin_at_zero():
    items = (Turn(Span(1.0, 1.0004), "a"), Turn(Span(-0.5, 0.25), "b"), Turn(Span(-1.0, -0.5), "c"))
    text = rttm.dumps_diarization(Diarization("talk", items))
    assert text == "SPEAKER talk 1 0.000 0.250 <NA> <NA> b <NA> <NA>\n"


def test_what_is_written_is_sorted():
    items = (Turn(Span(2, 3), "a"), Turn(Span(0, 4), "b"), Turn(Span(0, 1), "c"))
    lines = rttm.dumps_diarization(Diarization("talk", items)).splitlines()
    assert [line.split()[7] for line in lines] == ["c", "b", "a"]


TOLERANCES = {
    "comments": f";; made by hand\n{GOOD}\n",
    "tabs": GOOD.replace(" ", "\t") + "\n",
    "other_types": f"SPKR-INFO talk 1 <NA> <NA> <NA> unknown Anna <NA> <NA>\n{GOOD}\n",
    "short_lines": "SPEAKER talk 1 0.500 1.250 <NA> <NA> Anna\n",
    "spaces": GOOD.replace("talk", "my talk").replace("Anna", "Anna Maria") + "\n",
    "odd_fields": GOOD.replace("talk 1", "talk 0").replace("Anna <NA>", "Anna -3.5") + "\n",
}


@pytest.mark.parametrize("name", TOLERANCES)
def test_each_tolerance_has_its_name(name):
    text = TOLERANCES[name]
    others = {item.name: True for item in dataclasses.fields(RttmTolerance) if item.name != name}
    with pytest.raises(FormatError, match=r"^line 1: "):
        rttm.loads(text, tolerance=RttmTolerance(**others))
    expected = (
        one_turn() if name != "spaces" else Diarization("my_talk", one_turn().turns).rename({"Anna": "Anna Maria"})
    )
    for tolerance in (RttmTolerance(**{name: True}), rttm.TOLERANT):
        assert rttm.loads(text, tolerance=tolerance) == expected


def test_the_only_other_recording_is_taken_by_name_only():
    with pytest.raises(FormatError, match="no recording 'lecture' in this file; it holds: talk"):
        rttm.loads(GOOD, recording_id="lecture")
    found = rttm.loads(GOOD, recording_id="lecture", tolerance=RttmTolerance(other_id=True))
    assert found == Diarization("lecture", one_turn().turns)


def test_several_recordings_are_told_apart():
    text = "\n".join(GOOD.replace("talk", name) for name in ("a", "b", "a")).replace("a 1 0.500", "a 1 2.500", 1)
    found = rttm.loads_all(text)
    assert {name: [turn.start for turn in item.turns] for name, item in found.items()} == {"a": [0.5, 2.5], "b": [0.5]}
    assert rttm.loads(text, recording_id="b").recording_id == "b"
    with pytest.raises(FormatError, match=r"2 recordings in one file \(a, b\)"):
        rttm.loads(text)
    with pytest.raises(FormatError, match="no recording 'c' in this file; it holds: a, b"):
        rttm.loads(text, recording_id="c", tolerance=rttm.TOLERANT)


def test_many_recordings_are_listed_in_short():
    text = "\n".join(GOOD.replace("talk", f"talk{i}") for i in range(99))
    with pytest.raises(FormatError, match=r"99 recordings in one file \(talk0, talk1, talk2, talk3, talk4, …\)"):
        rttm.loads(text)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_no_lines_are_no_turns(text):
    assert rttm.loads(text) == Diarization("recording")
    assert rttm.loads(text, recording_id="talk") == Diarization("talk")


def test_line_ends_marks_and_spaces_of_other_systems():
    assert rttm.loads("\ufeff" + f"\r\n  {GOOD.replace(' 1 ', '   1 ')} \r\n") == one_turn()
    assert rttm.loads(f"{GOOD}\r{GOOD}").turns == one_turn().turns * 2


@pytest.mark.parametrize(("field", "what"), [("talk", "recording id"), ("Anna", "speaker's name")])
def test_the_strict_reader_says_which_field_has_a_space(field, what):
    with pytest.raises(FormatError, match=f"11 fields, where RTTM has 10: a space in the {what} '{field} X'"):
        rttm.loads(GOOD.replace(field, f"{field} X"))


def test_a_name_with_a_no_break_space_is_one_field():
    assert rttm.loads(GOOD.replace("Anna", "Anna\u00a0M")).speakers == ("Anna\u00a0M",)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("hello world", "no SPEAKER line"),
        ("SPEAKER talk 1 0.5", "4 fields, where RTTM has 10"),
        ("SPEAKER a 1 2 3 <NA> <NA> 1 2 3 <NA> <NA> Anna <NA> <NA>", "15 fields, where RTTM has 10; nobody can tell"),
        (GOOD.replace("0.500", "-0.5"), "onset '-0.5'"),
        (GOOD.replace("0.500", "nan"), "onset 'nan'"),
        (GOOD.replace("0.500", "1_0"), "onset '1_0'"),
        (GOOD.replace("0.500", "1e999"), "onset '1e999'"),
        (GOOD.replace("1.250", "-1"), "duration '-1'"),
        (GOOD.replace("1.250", "inf"), "duration 'inf'"),
        (GOOD.replace("1.250", "<NA>"), "duration '<NA>'"),
        (GOOD.replace("Anna", "<NA>"), "no speaker name"),
        (GOOD.replace("Anna <NA>", "Anna Maria"), "confidence 'Maria'"),
        ("SPKR-INFOX talk 1 0 1 <NA> <NA> Anna <NA> <NA>", "no SPEAKER line"),
    ],
)
def test_a_line_that_says_nothing_is_an_error_for_every_reader(line, cause):
    for tolerance in (rttm.STRICT, rttm.TOLERANT):
        with pytest.raises(FormatError, match=f"^line 3: .*{cause}") as caught:
            rttm.loads(f"{GOOD}\n\n{line}\n", tolerance=tolerance)
        assert repr(line) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_long_bad_line_is_shown_in_part():
    with pytest.raises(FormatError) as caught:
        rttm.loads("x" * 10_000)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("channel", ["A", "0", "-1", "²", "1.0"])
def test_the_strict_reader_wants_a_channel_number(channel):
    with pytest.raises(FormatError, match="channel"):
        rttm.loads(GOOD.replace("talk 1", f"talk {channel}"))


@pytest.mark.parametrize("confidence", ["1.5", "-0.1", "nan"])
def test_the_strict_reader_wants_a_confidence_from_0_to_1(confidence):
    text = GOOD.replace("Anna <NA>", f"Anna {confidence}")
    with pytest.raises(FormatError, match="confidence"):
        rttm.loads(text)
    assert rttm.loads(text, tolerance=rttm.TOLERANT).turns[0].confidence is None


def test_read_makes_a_transcript_without_words():
    found = rttm.read(f";; by hand\n{GOOD}\n{GOOD.replace('Anna', 'Ben').replace('0.500', '0.1')}\n")
    assert found.speakers == (Speaker("Ben", "Ben"), Speaker("Anna", "Anna"))
    assert found.duration == 1.75
    assert found.segments == ()
    assert rttm.loads(rttm.dumps(found, options=WriteOptions())).turns == found.turns


def test_pyannote_reads_what_is_written(tmp_path):
    util = pytest.importorskip("pyannote.database.util")
    items = tuple(Turn(Span(i / 3, i / 3 + 0.7), f"SPEAKER_{i % 3:02d}") for i in range(20))
    path = tmp_path / "talk.rttm"
    path.write_text(rttm.dumps_diarization(Diarization("a talk", items)), encoding="utf-8")
    (found,) = util.load_rttm(path).values()
    assert found.uri == "a_talk"
    back = sorted((segment.start, segment.end, label) for segment, _, label in found.itertracks(yield_label=True))
    assert [label for _, _, label in back] == [turn.speaker for turn in items]
    assert [start for start, _, _ in back] == pytest.approx([turn.start for turn in items], abs=6e-4)
    assert [end for _, end, _ in back] == pytest.approx([turn.end for turn in items], abs=6e-4)
