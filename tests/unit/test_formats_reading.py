"""What other programs write and people ask for: words inside segments, speakers of words, times that cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from whisperdiar.errors import FormatError
from whisperdiar.formats import by_name
from whisperdiar.transcript import Transcript
from whisperdiar.types import Word


def read(name: str, text: str) -> Transcript:
    reader = by_name(name).read
    assert reader is not None
    return reader(text)


def read_json(name: str, value: Any) -> Transcript:
    return read(name, json.dumps(value))


def told(words: tuple[Word, ...]) -> list[tuple[float, float, str, str | None]]:
    return [(word.start, word.end, word.text, word.speaker) for word in words]


def by_speaker(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in transcript.segments]


def timed(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, **more}


@pytest.mark.parametrize("name", ["verbose-json", "whisperx-json", "diarized-json"])
def test_words_inside_segments_keep_their_times(name: str) -> None:
    words = [timed(" Hello", 0.5, 0.9, probability=0.9), timed(" there.", 4.5, 5.0, probability=0.8)]
    data = {"segments": [{"start": 0.5, "end": 5.0, "text": " Hello there.", "words": words}]}
    found = read_json(name, data).words
    assert told(found) == [(0.5, 0.9, " Hello", None), (4.5, 5.0, " there.", None)]
    assert [word.probability for word in found] == [0.9, 0.8]


def test_words_of_whisper_timestamped_are_called_text() -> None:
    words = [{"text": "Hello", "start": 0.5, "end": 0.9, "confidence": 0.7}]
    found = read_json("whisperx-json", {"segments": [{"start": 0, "end": 5, "text": " Hello", "words": words}]}).words
    assert told(found) == [(0.5, 0.9, " Hello", None)]
    assert found[0].probability == 0.7


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("verbose-json", {"words": [{"text": "Hi", "start": 100, "end": 500}]}, r"^words\[0\]\.word: .* has text, start"),
        ("verbose-json", {"segments": [{"start": 0, "end": 1, "txt": "Hi"}]}, r"^segments\[0\]\.text: .* start, end, txt"),
        ("verbose-json", {"text": "Hello.", "segments": []}, "has a text, and neither segments nor words"),
        ("diarized-json", {"text": "Hello.", "segments": []}, "has a text and no segments"),
        ("diarized-json", {"segments": [{"start": 0, "end": 1, "speaker": "A"}]}, r"^segments\[0\]\.text"),
        ("whisperx-json", {"segments": [{"start": 0, "end": 1, "words": [{"w": "a"}]}]}, r"^segments\[0\]\.words\[0\]\.word"),
        ("whisperx-json", {"segments": [{"start": 0, "end": "NaN", "text": "a"}]}, r"^segments\[0\]\.end: .*'NaN'"),
        ("seglst", [{"session_id": "a", "start_time": 0, "end_time": 1, "text": "Hi"}], r"^\[0\]\.words: .* missing"),
    ],
)  # fmt: skip
def test_text_that_nobody_would_read_is_an_error(name: str, data: Any, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read_json(name, data)


def test_turns_of_seglst_need_no_words() -> None:
    found = read_json("seglst", [{"session_id": "a", "speaker": "A", "start_time": 0, "end_time": 1}])
    assert (len(found.turns), found.segments) == (1, ())


def test_a_segment_of_two_speakers_is_cut_where_the_words_change_speaker() -> None:
    words = [
        timed("Do", 0, 0.2, speaker="A"),
        timed("you?", 0.2, 1.0, speaker="A"),
        timed("Yes,", 1.1, 1.4, speaker="B"),
        timed("do.", 1.5, 1.8, speaker="B"),
    ]
    for own in ({"speaker": "A"}, {}):
        data = {"segments": [{"start": 0, "end": 1.8, "text": "Do you? Yes, do.", "words": words, **own}]}
        found = read_json("whisperx-json", data)
        assert by_speaker(found) == [("A", "Do you?"), ("B", "Yes, do.")]
        assert [speaker.id for speaker in found.speakers] == ["A", "B"]
        assert [(turn.speaker, turn.start, turn.end) for turn in found.turns] == [("A", 0, 1.0), ("B", 1.1, 1.8)]


def test_a_word_without_a_speaker_is_that_of_the_word_before() -> None:
    words = [
        {"word": "Well,"},
        timed("he", 0.1, 0.3, speaker="A"),
        {"word": "$43,000."},
        timed("In", 1.5, 1.7, speaker="B"),
        {"word": "2016."},
    ]
    said = "Well, he $43,000. In 2016."
    data = {"segments": [{"start": 0, "end": 3.0, "text": said, "speaker": "A", "words": words}]}
    assert by_speaker(read_json("whisperx-json", data)) == [("A", "Well, he $43,000."), ("B", "In 2016.")]


def test_speakers_of_words_stay_where_the_text_was_corrected() -> None:
    words = [timed("Do", 0, 0.5, speaker="A"), timed("yes.", 1.1, 1.8, speaker="B")]
    data = {"segments": [{"start": 0, "end": 1.8, "text": "Do you? Oh, yes.", "speaker": "A", "words": words}]}
    assert by_speaker(read_json("whisperx-json", data)) == [("A", "Do you?"), ("B", "Oh, yes.")]


def test_words_of_whisperx_without_segments_are_read() -> None:
    words = [timed("Hello", 0, 1, speaker="A"), {"word": "there"}, timed("Bye.", 5, 6, speaker="B")]
    found = read_json("whisperx-json", {"segments": [], "word_segments": words})
    assert by_speaker(found) == [("A", "Hello there"), ("B", "Bye.")]


WARNED = "this time cannot be, so it was mended from the neighbours"


@pytest.mark.parametrize("end", [0.35, 500.0])
def test_one_bad_word_moves_nothing_else(end: float) -> None:
    words = [timed("Do", 0, 0.2), timed("know", 0.4, end), timed("that?", 0.6, 1.0)]
    found = read_json("whisperx-json", {"segments": [{"start": 0, "end": 1, "text": "Do know that?", "words": words}]})
    assert told(found.words) == [(0, 0.2, " Do", None), (0.2, 0.6, " know", None), (0.6, 1.0, " that?", None)]
    assert found.provenance["warnings"] == [f"segments[0].words[1] (0.4 to {end:g}): {WARNED}"]


def test_one_bad_segment_moves_nothing_else() -> None:
    texts = [(0, 1, "One."), (1.5, 0.5, "Two."), (2, 3, "Three.")]
    data = {"segments": [{"start": start, "end": end, "text": text} for start, end, text in texts]}
    found = read_json("verbose-json", data)
    assert told(found.words) == [(0, 1, " One.", None), (1.5, 2, " Two.", None), (2, 3, " Three.", None)]
    assert found.provenance["warnings"] == [f"segments[1] (1.5 to 0.5): {WARNED}"]


def test_words_are_not_spread_over_an_end_far_behind_the_next_start() -> None:
    data = {
        "segments": [
            {"start": 0, "end": 109, "text": "A few words."},
            {"start": 3, "end": 4, "text": "Then more."},
        ]
    }
    words = read_json("verbose-json", data).words
    assert [word.text for word in words] == [" A", " few", " words.", " Then", " more."]
    assert words[2].end == 3
