"""What each format writes, letter for letter. After a change that is meant: UPDATE_GOLDEN=1 pytest tests/golden."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.formats_strategies import DOCUMENTS, SUBTITLES
from tests.golden.golden_transcript import TRANSCRIPT
from whisperdiar.formats import FORMATS, WriteOptions, by_name, speech
from whisperdiar.types import Span

FOLDER = Path(__file__).parent
SPEECH = [Span(turn.start, turn.end) for turn in TRANSCRIPT.turns]
IN_A_BROWSER = {"html"}  # most of the page is its script: tests/browser sees what it does
LETTER_FOR_LETTER = [name for name in FORMATS if name not in IN_A_BROWSER and name not in DOCUMENTS]
CASES = {f"meeting{by_name(name).suffix}": (name, WriteOptions()) for name in LETTER_FOR_LETTER} | {
    f"meeting.anonymous{by_name(name).suffix}": (name, WriteOptions(speaker_style="none"))
    for name in (*SUBTITLES, "txt")
}


def check(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(text.encode("utf-8"))
    assert text == path.read_bytes().decode("utf-8"), f"{name} has changed; if that is meant, set UPDATE_GOLDEN=1"


@pytest.mark.parametrize("name", CASES)
def test_a_transcript_is_written_as_before(name):
    form, options = CASES[name]
    check(name, by_name(form).dumps(TRANSCRIPT, options=options))


@pytest.mark.parametrize("form", speech.FORMATS)
def test_speech_regions_are_written_as_before(form):
    check(f"speech.{form}", speech.dumps(SPEECH, name=form, duration=TRANSCRIPT.duration, recording_id="board meeting"))


def test_no_golden_file_is_left_over():
    kept = {path.name for path in FOLDER.iterdir() if path.suffix != ".py" and path.is_file()}
    assert kept == {*CASES, *(f"speech.{form}" for form in speech.FORMATS)}
