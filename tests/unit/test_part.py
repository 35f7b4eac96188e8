"""A transcript of a part of a recording (`--start`, `--end`) knows which: length, shares, pictures and files follow."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar import FormatError, Pipeline, Segment, Span, Speaker, Transcript, Turn, Word, picture_svg
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.formats import by_name
from whisperdiar.media import load
from whisperdiar.minutes.compose import minutes
from whisperdiar.options import WriteOptions
from whisperdiar.pipeline import shifted
from whisperdiar.statistics import talk_statistics
from whisperdiar.vad.energy import Backend as Energy

SAMPLES = Path(__file__).parents[2] / "samples"
WORDS = (Word(Span(1.0, 2.0), " one", speaker="A"), Word(Span(2.0, 4.0), " two", speaker="A"))
WHOLE = Transcript("r", 30.0, "en", (Speaker("A", "Anna"),), (Segment(WORDS, "A"),), (Turn(Span(1.0, 4.0), "A"),))


def test_the_pipeline_says_which_part_it_read() -> None:
    audio = load(SAMPLES / "call.flac", start=20.0, end=50.0)
    found = Pipeline(detector=Energy(), diarizer=Bic()).run(audio)
    assert (found.start, found.duration, found.length) == (20.0, 50.0, 30.0)
    assert all(20.0 <= turn.start <= turn.end <= 50.0 for turn in found.turns)
    assert talk_statistics(found).duration == 30.0


@given(offset=st.integers(0, 36_000))
def test_a_part_has_the_figures_of_what_was_read(offset: int) -> None:
    part = shifted(WHOLE, float(offset))
    assert (part.start, part.length) == (offset, 30.0)
    assert minutes(part).duration == talk_statistics(part).duration == 30.0
    assert Transcript.from_dict(json.loads(json.dumps(part.to_dict()))) == part
    assert ("start" in part.to_dict()) == bool(offset)


def boxes(transcript: Transcript) -> list[str]:
    return re.findall(r"<rect [^>]*>", picture_svg(transcript))


def test_the_picture_begins_where_the_part_does() -> None:
    part = shifted(WHOLE, 600.0)
    assert boxes(part) == boxes(WHOLE)
    assert ">10:00<" in picture_svg(part)
    assert ">0:00<" not in picture_svg(part)


@pytest.mark.parametrize("name", ["verbose-json", "diarized-json"])
def test_what_was_paid_for_is_the_part(name: str) -> None:
    made = json.loads(by_name(name).dumps(shifted(WHOLE, 600.0), options=WriteOptions()))
    assert made["usage"]["seconds"] == 30.0
    assert made["duration"] == 630.0


@pytest.mark.parametrize("where", ["start", "end"])
def test_a_time_before_the_recording_is_refused(where: str) -> None:
    data = WHOLE.to_dict()
    data["segments"][0]["words"][0]["start"] = -2.0
    data["segments"][0]["words"][0]["end"] = -1.0 if where == "end" else 2.0
    with pytest.raises(FormatError, match=r"segments\[0\]\.words\[0\]\.start: -2 lies before the start"):
        Transcript.from_dict(data)
    data["segments"][0]["words"][0]["start"] = -0.0004
    data["segments"][0]["words"][0]["end"] = 2.0
    assert Transcript.from_dict(data).words[0].start == 0.0
