"""Speech regions: written and read in four forms."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import rough_seconds, seconds, spans
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import speech
from whisperdiar.types import Span, merge_spans

SURVEY = """\
segment_001  0.00  2.57 NON_SPEECH
segment_002  2.57  8.20 SPEECH
segment_003  8.20  9.10 NON_SPEECH
segment_004  9.10  10.93 SPEECH
segment_005  10.93  12.00 NON_SPEECH
"""
REGIONS = (Span(2.57, 8.2), Span(9.1, 10.93))


def test_the_four_forms():
    assert speech.dumps(REGIONS, name="txt", duration=12.0) == SURVEY
    assert speech.dumps(REGIONS, name="uem", duration=12.0, recording_id="a talk") == (
        "a_talk 1 2.570 8.200\na_talk 1 9.100 10.930\n"
    )
    assert json.loads(speech.dumps(REGIONS, name="json", duration=12.00049)) == {
        "duration": 12.0,
        "speech": [{"start": 2.57, "end": 8.2}, {"start": 9.1, "end": 10.93}],
    }
    assert speech.dumps(REGIONS, name="rttm", duration=12.0, recording_id="a talk") == (
        "SPEAKER a_talk 1 2.570 5.630 <NA> <NA> speech <NA> <NA>\n"
        "SPEAKER a_talk 1 9.100 1.830 <NA> <NA> speech <NA> <NA>\n"
    )


@given(st.lists(spans(st.integers(0, 900).map(lambda cs: cs / 100)), max_size=6), st.sampled_from(speech.FORMATS))
def test_regions_come_back_exactly(regions, name):
    merged = merge_spans(span for span in regions if span.duration > 0)
    text = speech.dumps(regions, name=name, duration=9.0)
    assert speech.loads(text, suffix=f".{name}") == merged
    assert speech.loads(text, suffix=f".{name}", duration=9.0, recording_id="recording") == merged
    assert speech.loads(text) == merged


@given(st.lists(spans(seconds), max_size=4), st.sampled_from(["rttm", "json"]))
def test_milliseconds_come_back_exactly(regions, name):
    merged = merge_spans(span for span in regions if span.duration > 0)
    assert speech.loads(speech.dumps(regions, name=name, duration=400_000.0), suffix=f".{name}") == merged


@given(st.lists(spans(st.floats(-1, 30)), max_size=6), st.floats(0, 20))
def test_the_text_form_covers_the_recording_without_holes(regions, duration):
    lines = [line.split() for line in speech.dumps(regions, name="txt", duration=duration).splitlines()]
    edges = [0.0, *(float(line[2]) for line in lines)]
    assert [float(line[1]) for line in lines] == edges[:-1]
    assert edges == sorted(set(edges))
    assert edges[-1] == round(duration, 2)
    assert [line[0] for line in lines] == [f"segment_{i:03d}" for i in range(1, len(lines) + 1)]
    kinds = [line[3] for line in lines]
    assert set(kinds) <= {"SPEECH", "NON_SPEECH"}
    assert all(left != right for left, right in pairwise(kinds))


@given(st.lists(spans(rough_seconds), max_size=6), st.sampled_from(speech.FORMATS))
def test_writing_again_what_was_read_changes_nothing(regions, name):
    text = speech.dumps(regions, name=name, duration=400_000.0)
    assert speech.dumps(speech.loads(text, suffix=f".{name}"), name=name, duration=400_000.0) == text


def test_a_recording_that_is_all_or_no_speech():
    assert speech.dumps((), name="txt", duration=1.5) == "segment_001  0.00  1.50 NON_SPEECH\n"
    assert speech.dumps((Span(0, 9),), name="txt", duration=1.5) == "segment_001  0.00  1.50 SPEECH\n"
    for name in speech.FORMATS:
        assert speech.loads(speech.dumps((), name=name, duration=1.5)) == ()
        assert speech.loads(speech.dumps((Span(-1, 9),), name=name, duration=1.5)) == (Span(0.0, 1.5),)


def test_the_suffix_of_an_output_chooses_its_form():
    assert [speech.by_suffix(path) for path in ("a.RTTM", "a/b.txt", "a.json", "a.uem")] == [
        "rttm",
        "txt",
        "json",
        "uem",
    ]
    for path in ("a.seg", "a.srt", "a"):
        with pytest.raises(InvalidOption, match=r"\.rttm, \.txt, \.json"):
            speech.by_suffix(path)
    with pytest.raises(InvalidOption, match="'seg': choose one of rttm, txt, json, uem"):
        speech.dumps(REGIONS, name="seg", duration=12.0)


UEM = ";; channels are joined\ntalk 1 2.570 8.200\r\ntalk 2 9.10 10.93\n"
RTTM = (
    "SPEAKER talk 1 2.57 3.00 <NA> <NA> Anna <NA> <NA>\n"
    "SPEAKER talk 1 5.00 3.20 <NA> <NA> Ben <NA> <NA>\n"
    "SPEAKER\ttalk 1 9.1 1.83 <NA> <NA> Anna\n"
)
JSON = '{"speech": [{"start": 9.1, "end": 10.93}, {"start": 2.57, "end": 8.2}]}'


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        (SURVEY, ".txt"),
        (SURVEY, ""),
        (SURVEY.replace("\n", "\r\n"), ".lab"),
        (UEM, ".uem"),
        (UEM, ".txt"),
        (";; by hand\n" + RTTM, ".rttm"),
        (";; by hand\n" + RTTM, ""),
        (JSON, ".JSON"),
        ("\ufeff\n " + JSON, ".txt"),
        ('[{"start": 2.57, "end": 8.2}, {"start": 9.1, "end": 10.93}]', ""),
    ],
)
def test_every_form_is_known_by_its_suffix_or_its_looks(text, suffix):
    assert speech.loads(text, suffix=suffix) == REGIONS


def test_other_records_of_rttm_are_no_speech():
    text = RTTM + "NON-SPEECH talk 1 0.00 2.00 <NA> noise <NA> <NA> <NA>\n"
    text += "SPEAKER talk 1 0.00 2.57 <NA> <NA> NON_SPEECH <NA> <NA>\n"
    assert speech.loads(text) == REGIONS


@pytest.mark.parametrize(("text", "suffix"), [(RTTM, ".rttm"), (UEM, ".uem")])
def test_the_recording_is_chosen_by_its_id(text, suffix):
    both = text + text.replace("talk", "other").replace("2.57", "1.57")
    assert speech.loads(both, suffix=suffix, recording_id="talk") == REGIONS
    assert speech.loads(text, suffix=suffix, recording_id="another id") == REGIONS
    with pytest.raises(FormatError, match=r"no recording 'lecture'.*talk, other"):
        speech.loads(both, suffix=suffix, recording_id="lecture")
    with pytest.raises(FormatError, match="2 recordings"):
        speech.loads(both, suffix=suffix)


@pytest.mark.parametrize("suffix", [".rttm", ".uem", ".txt", ""])
def test_an_empty_file_holds_no_speech(suffix):
    assert speech.loads("", suffix=suffix, recording_id="talk", duration=3.0) == ()


def test_regions_are_clipped_to_the_recording():
    assert speech.loads(SURVEY, duration=10.5) == (Span(2.57, 8.2), Span(9.1, 10.5))
    for text in (UEM, RTTM, JSON):  # unsorted and overlapping ones too
        assert speech.loads(text, duration=12.0) == REGIONS
    with pytest.raises(FormatError, match=r"9\.100 to 10\.930 s in a recording of 9\.500 s: .*another recording"):
        speech.loads(SURVEY, duration=9.5)
    late = '{"duration": 10, "speech": [{"start": 2.57, "end": 8.2}, {"start": 10.5, "end": 10.6}]}'
    assert speech.loads(late) == (Span(2.57, 8.2),)


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        (SURVEY + "segment_006  12.00  11.00 SPEECH", ".txt", "^line 6: .*'segment_006  12.00  11.00 SPEECH'"),
        (SURVEY + "segment_006  -1.00  11.00 SPEECH", ".txt", "^line 6: .*not negative"),
        (SURVEY + "segment_006  12.00  13.00 MUSIC", ".txt", "^line 6: .*SPEECH or NON_SPEECH"),
        (SURVEY + "segment_006  12.00", "", "^line 6: "),
        ("talk 1 2.0 1.0", ".uem", "^line 1: .*the end not before the start"),
        ("talk 1 -2.0 1.0", "", "^line 1: "),
        ("talk 1 nan 1.0", ".uem", "^line 1: "),
        ("talk 1 1.0", ".uem", "^line 1: .*4 fields"),
        (RTTM + RTTM.replace("2.57", "-2.57"), ".rttm", "^line 4: onset '-2.57'"),
        ("hello", "", "^line 1: neither RTTM, UEM, JSON nor lines such as"),
        ("hello", ".rttm", "^line 1: no SPEAKER line"),
        ("{", ".json", "^line 1, column 2"),
        ("5", ".json", '"speech", a list'),
        ('{"turns": []}', ".json", '"speech", a list'),
        ('{"speech": [5]}', ".json", r"^speech\[0\]: .*found 5"),
        ('{"speech": [{"start": 0}]}', ".json", r"^speech\[0\]\.end: .*found None"),
        ('{"speech": [{"start": true, "end": 1}]}', ".json", r"^speech\[0\]\.start: .*found True"),
        ('{"speech": [{"start": -1, "end": 1}]}', ".json", r"^speech\[0\]\.start: .*not negative, found -1"),
        ('{"speech": [{"start": 2, "end": 1}]}', ".json", r"^speech\[0\]: the end 1.0 lies before the start 2.0"),
        ('{"speech": [{"start": 0, "end": ' + "9" * 400 + "}]}", ".json", r"^speech\[0\]\.end"),
        ('{"duration": 5, "speech": [{"start": 2, "end": 7}]}', ".json", r"^speech\[0\]: it ends at 7.0 s, .* 5.0 s"),
        ('{"duration": "5", "speech": []}', ".json", "^duration: .*found '5'"),
    ],
)
def test_errors_say_where_and_what(text, suffix, message):
    with pytest.raises(FormatError, match=message) as caught:
        speech.loads(text, suffix=suffix)
    assert "\n" not in str(caught.value)
