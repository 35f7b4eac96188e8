"""The editor's round trip: texts that people correct, and what becomes of the words and their times."""

from __future__ import annotations

from hypothesis import given, settings

from tests import formats_strategies as strategies
from whisperdiar import editing
from whisperdiar.editing._old import lay_out
from whisperdiar.options import EditOptions
from whisperdiar.transcript import Transcript

LAID_OUT = EditOptions()


@settings(max_examples=100)
@given(strategies.transcripts)
def test_a_text_without_corrections_gives_the_same_transcript(transcript: Transcript) -> None:
    if not lay_out(transcript, LAID_OUT).units:
        return
    text = editing.write(transcript)
    found = editing.apply(editing.parse(text, transcript), transcript)
    assert found.transcript is transcript, found.changes
