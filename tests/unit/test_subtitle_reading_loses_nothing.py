"""All text that is seen in a file arrives in cues, or the file is refused: over files damaged by chance."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.reading import damage, lost_words, transcript
from tests.examples import examples
from tests.formats_strategies import SUBTITLES
from whisperdiar.errors import FormatError
from whisperdiar.formats import by_name, decode, read_cues
from whisperdiar.options import SubtitleRules, WriteOptions

CASES = Path(__file__).parents[3] / "shared" / "cases"


@pytest.mark.parametrize("name", SUBTITLES)
@settings(max_examples=examples(200), deadline=None)
@given(seed=st.integers(0, 2**32), style=st.sampled_from(["auto", "label", "none"]), word_times=st.booleans())
def test_damaged_files_are_read_whole_or_refused(name: str, seed: int, style: str, word_times: bool) -> None:
    chance = random.Random(seed)
    options = WriteOptions(speaker_style=style, subtitles=SubtitleRules(word_times=word_times))
    text = damage(str(by_name(name).dumps(transcript(chance), options=options)), chance)
    assert not lost_words(name, text), text


@pytest.mark.parametrize("name", SUBTITLES)
def test_an_error_names_the_line_and_the_reason(name: str) -> None:
    refused = 0
    for seed in range(examples(300)):
        chance = random.Random(seed)
        text = damage(str(by_name(name).dumps(transcript(chance), options=WriteOptions())), chance)
        if lost_words(name, text) is None:
            refused += 1
            with pytest.raises(FormatError, match=rf"\A{name}: line \d+: \S"):
                read_cues(name, text)
    assert refused


CUES = {
    "vtt_padding_line_loses_text/pad.vtt": ["Hello", "world"],
    "vtt_padding_line_loses_text/pad1.vtt": ["Hello"],
    "crcrlf_line_ends/crcrlf.srt": ["Hello there.", "Second one.", "Third."],
    "crcrlf_line_ends/crcrlf.vtt": ["Hello there.", "Second one."],
    "broken_time_line_swallowed/arrow1.srt": ["lost first", "second"],
    "broken_time_line_swallowed/dash1.srt": ["x", "kept"],
    "broken_time_line_swallowed/neg.vtt": ["lost text", "kept"],
    "broken_time_line_swallowed/arrows.srt": [
        "space in ms", "spaces in times", "short arrow", "en dash arrow", "ok",
    ],
    "srt_text_that_looks_like_times/body.srt": [
        "Open from 09:00:00,000 until 17:00:00,000 on weekdays", "00:01:00,000 --> 00:01:05,000 is the range",
        "5 --> 6",
    ],
    "ttml_smpte_time_base/seq.ttml": ["one", "two"],
}  # fmt: skip
SPEAKERS = {
    "whisperx_srt_brackets/s_wx.srt": ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"],
    "whisperx_srt_brackets/s_nf.srt": ["Anna", "Ben", None],
    "labels_not_taken_for_names/z1.vtt": ["Anna Smith (she/her)", "Ben O’Neil", "Anna Smith (she/her)"],
    "labels_not_taken_for_names/z3.vtt": [
        "Dr. Anna von der Leyen-Schmidt", "Jean-Luc d’Arc", "Dr. Anna von der Leyen-Schmidt",
    ],
    "labels_not_taken_for_names/z6.vtt": ["Conference Room 3B", "iPhone", "Conference Room 3B"],
}  # fmt: skip


def cues_of(name: str):  # type: ignore[no-untyped-def]
    path = CASES / name
    if not path.exists():
        pytest.skip(f"{path} is not there: it belongs to the reference material")
    return read_cues(path, decode(path.read_bytes()).text)


@pytest.mark.parametrize("name", CUES)
def test_texts_of_the_cases(name: str) -> None:
    assert [" ".join(cue.lines) for cue in cues_of(name)] == CUES[name]


@pytest.mark.parametrize("name", SPEAKERS)
def test_speakers_of_the_cases(name: str) -> None:
    assert [cue.speaker for cue in cues_of(name)] == SPEAKERS[name]


def test_times_of_the_cases() -> None:
    assert cues_of("ttml_smpte_time_base/ndf.ttml")[0].span.start == pytest.approx(3603.6)
    assert [(cue.span.start, cue.span.end) for cue in cues_of("ttml_smpte_time_base/seq.ttml")] == [(0, 2), (2, 5)]
    assert cues_of("broken_time_line_swallowed/neg.vtt")[0].span.start == 0.0


def test_youtube_captions_of_the_cases_are_said_once() -> None:
    path = CASES / "youtube_rolling_captions/yt.vtt"
    if not path.exists():
        pytest.skip(f"{path} is not there: it belongs to the reference material")
    read = by_name("vtt").read
    assert read is not None
    words = read(path.read_text("utf-8")).words
    assert "".join(word.text for word in words).strip() == "Mary, do you go out or in today then"
    assert [word.start for word in words][:4] == [0.16, 0.96, 1.52, 2.159]
