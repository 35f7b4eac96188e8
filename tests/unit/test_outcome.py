"""What a transcript leaves out, and when there is no result."""

from __future__ import annotations

from typing import Any

import pytest

from whisperdiar.outcome import explain_empty, is_empty, list_left_out, report_rows, summarise_left_out
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import Dropped, Span, Turn, Word


def transcript(
    n_words: int, speech: float | None = None, *, dropped: tuple[Dropped, ...] = (), **more: Any
) -> Transcript:
    words = tuple(Word(Span(i, i + 0.5), f" w{i}") for i in range(n_words))
    provenance = {"asr": {"backend": "whisper"}, "speech": speech, **more}
    return Transcript("talk", 100.0, "ru", (), (Segment(words),) if words else (), (), dropped, (), provenance)


@pytest.mark.parametrize(
    ("n_words", "speech", "empty"),
    [(0, 0.0, True), (0, 50.0, True), (1, 2.9, False), (1, 4.9, False), (0, 0.5, True), (1, 5.1, True),
     (9, 50.0, True), (11, 50.0, False), (100, 50.0, False), (3, None, False), (0, None, True)],
)  # fmt: skip
def test_words_on_hardly_any_of_the_speech_are_no_result(n_words: int, speech: float | None, *, empty: bool) -> None:
    assert is_empty(transcript(n_words, speech)) == empty


def test_without_a_recogniser_the_turns_count() -> None:
    turns = (Turn(Span(0, 1), "A"),)
    assert is_empty(Transcript("talk", 10.0, provenance={"asr": None}))
    assert not is_empty(Transcript("talk", 10.0, turns=turns, provenance={"asr": None}))


def test_in_which_way_a_result_is_empty() -> None:
    assert explain_empty(transcript(0, 54.0)) == "the result is empty: no words in 54 s of speech"
    assert explain_empty(transcript(1, 54.0)) == "the result is empty: 1 word only in 54 s of speech"
    assert "there is no speech" in explain_empty(transcript(0, 0.0))


def test_what_was_left_out_is_one_line_with_places() -> None:
    assert summarise_left_out(transcript(3, 10.0)) is None
    dropped = tuple(Dropped(Span(i * 100.0, i * 100.0 + 2), " bye", "nobody speaks there") for i in range(7))
    found = transcript(3, 10.0, dropped=(*dropped, Dropped(Span(3725, 3730), "", "no words were recognised")))
    assert summarise_left_out(found) == (
        "left out: 7 passages dropped (14.0 s at 0:00, 1:40, 3:20, 5:00, 6:40 and 2 more), "
        "5.0 s of speech without words (at 1:02:05)"
    )
    assert [item.kind for item in list_left_out(found)] == ["dropped"] * 7 + ["without words"]


def test_the_report_has_a_row_for_every_passage_and_every_sentence() -> None:
    found = transcript(1, 5.0, dropped=(Dropped(Span(1, 2), " x", "y"),), warnings=["w"], notes=["n"])
    kinds = [(row["kind"], row["start"], row["text"]) for row in report_rows(found)]
    assert kinds == [("warning", None, ""), ("note", None, ""), ("dropped", 1, "x")]
