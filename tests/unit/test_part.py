"""A transcript of a part of a recording (`--start`, `--end`) knows which: length, shares, pictures and files follow."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar import FormatError, Pipeline, Segment, Span, Speaker, Transcript, Turn, Word, picture_svg
from whisperdiar.cli import run
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.formats import by_name
from whisperdiar.joining import shift_times
from whisperdiar.media import load
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.options import WriteOptions
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
    part = shift_times(WHOLE, float(offset))
    assert (part.start, part.length) == (offset, 30.0)
    assert minutes(part).duration == talk_statistics(part).duration == 30.0
    assert Transcript.from_dict(json.loads(json.dumps(part.to_dict()))) == part
    assert ("start" in part.to_dict()) == bool(offset)


def boxes(transcript: Transcript) -> list[str]:
    return re.findall(r"<rect [^>]*>", picture_svg(transcript))


def test_the_picture_begins_where_the_part_does() -> None:
    part = shift_times(WHOLE, 600.0)
    assert boxes(part) == boxes(WHOLE)
    assert ">10:00<" in picture_svg(part)
    assert ">0:00<" not in picture_svg(part)


@pytest.mark.parametrize("name", ["verbose-json", "diarized-json"])
def test_what_was_paid_for_is_the_part(name: str) -> None:
    made = json.loads(by_name(name).dumps(shift_times(WHOLE, 600.0), options=WriteOptions()))
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


def test_files_name_no_folder_of_their_maker(tmp_path: Path) -> None:
    """What goes into files through the command line: of a path in the provenance its last part stays."""
    provenance = {
        "options": {"asr": {"model": "/home/anna/our/model"}},
        "warnings": ["/home/anna/x.wav: cut"],
    }
    source = tmp_path / "in.json"
    source.write_text(json.dumps(replace(WHOLE, provenance=provenance).to_dict()), encoding="utf-8")
    recording = tmp_path / "talk.wav"
    recording.write_bytes(b"RIFF")
    for name in ("out.json", "out.html", "out.eaf"):
        media = [] if name.endswith("json") else ["--media", str(recording)]
        assert run(["convert", str(source), "-o", str(tmp_path / name), "-q", *media]) == 0
        made = (tmp_path / name).read_text(encoding="utf-8")
        assert "/home/anna" not in made
        assert str(tmp_path) not in made
    kept = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["provenance"]
    assert kept == {"options": {"asr": {"model": "model"}}, "warnings": ["x.wav: cut"]}
    assert 'RELATIVE_MEDIA_URL="./talk.wav"' in (tmp_path / "out.eaf").read_text(encoding="utf-8")
