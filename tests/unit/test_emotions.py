"""Which emotion is heard when: in transcripts, in files, and scored."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import example
from whisperdiar import Span, Transcript, Turn
from whisperdiar.emotions import check_model
from whisperdiar.errors import InvalidOption
from whisperdiar.exchange import refuse_empty
from whisperdiar.formats import by_name
from whisperdiar.joining import shift_times
from whisperdiar.options import EmotionSettings, ScoreOptions, WriteOptions
from whisperdiar.scoring import emotion_errors, format_text, score

EMOTIONS = ("angry", "happy", "neutral", "sad")


@st.composite
def tracks(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Emotions of whole milliseconds, in order and without overlap; no two that meet are the same."""
    at, turns = 0, []
    for pause, length, name in draw(
        st.lists(st.tuples(st.integers(1, 900), st.integers(1, 5000), st.sampled_from(EMOTIONS)), max_size=8)
    ):
        turns.append(Turn(Span((at + pause) / 1000, (at + pause + length) / 1000), name))
        at += pause + length
    return tuple(turns)


@settings(max_examples=examples(60))
@given(tracks())
@pytest.mark.parametrize("name", ["json", "emotions-rttm", "textgrid", "eaf"])
def test_a_file_gives_back_the_emotions_that_it_was_given(name: str, emotions: tuple[Turn, ...]) -> None:
    form = by_name(name)
    found = form.read(form.dumps(example(emotions=emotions), options=WriteOptions()))  # type: ignore[arg-type, misc]
    assert found.emotions == emotions
    if name != "emotions-rttm":
        assert [word.text for word in found.words] == [" Hello."]
        assert {segment.speaker for segment in found.segments} <= {"SPEAKER_00"}


@settings(max_examples=examples(100))
@given(tracks(), st.integers(0, 30_000), st.integers(1, 9000))
def test_a_segment_has_the_emotion_that_is_heard_for_longest(
    emotions: tuple[Turn, ...], start: int, length: int
) -> None:
    span = Span(start / 1000, (start + length) / 1000)
    parts = [(turn.speaker, part.duration) for turn in emotions if (part := turn.span.clip(span.start, span.end))]
    seconds = {name: sum(length for own, length in parts if own == name) for name, _length in parts}
    found = Transcript("talk", 60.0, emotions=emotions).emotion(span)
    assert (found is None) == (not seconds)
    assert found is None or seconds[found] == pytest.approx(max(seconds.values()))


def test_the_json_tells_emotions_only_where_they_were_looked_for() -> None:
    told, silent = example().to_dict(), example(emotions=()).to_dict()
    assert told["segments"][0]["emotion"] == "happy"
    assert told["emotions"] == [{"start": 0.5, "end": 2.5, "emotion": "happy"}]
    assert "emotions" not in silent
    assert "emotion" not in silent["segments"][0]
    assert shift_times(example(), 10.0).emotions == (Turn(Span(10.5, 12.5), "happy"),)


def test_a_transcript_without_emotions_becomes_no_track_of_them() -> None:
    with pytest.raises(InvalidOption, match=r"a\.json: it tells no emotions, .* transcribe it with --emotions"):
        refuse_empty(example(emotions=()), by_name("emotions-rttm"), about="a.json")


def test_score_gives_the_emotion_diarization_error_rate(tmp_path: Path) -> None:
    line = "SPEAKER a 1 {:.1f} {:.1f} <NA> <NA> {} <NA> <NA>\n".format
    for side, track in (
        ("ref", (line(0, 2, "happy"), line(2, 2, "neutral"))),
        ("hyp", (line(0, 1, "happy"), line(1, 3, "sad"))),
    ):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.emotions.rttm").write_text("".join(track), encoding="utf-8")
    by_file = score(tmp_path / "ref" / "a.emotions.rttm", tmp_path / "hyp" / "a.emotions.rttm")
    assert by_file.pooled["EDER"].value == pytest.approx(0.75)
    (tmp_path / "hyp" / "a.json").write_text(by_name("json").dumps(example(), options=WriteOptions()), encoding="utf-8")  # type: ignore[arg-type]
    assert score(tmp_path / "ref", tmp_path / "hyp").pooled["EDER"].value == pytest.approx(0.75)
    table = format_text([by_file], [], ScoreOptions())
    assert "emotions; %\nrecording   EDER\na          75.00\n" in table
    # Neutral is no emotion: what takes it for one has a false alarm, what takes an emotion for neutral misses it.
    felt, flat = [Turn(Span(0, 2), "happy")], [Turn(Span(0, 2), "neutral")]
    assert emotion_errors(felt, flat, 4.0) == {
        "total": 4.0,
        "missed": 2.0,
        "false alarm": 0.0,
        "confusion": 0.0,
        "overlap": 0.0,
    }
    assert emotion_errors(flat, felt, 4.0)["false alarm"] == 2.0
    assert emotion_errors(flat, flat, 4.0)["confusion"] == 0.0


def test_settings_and_models_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    check_model(str(tmp_path))
    check_model("me/mine")
    with pytest.raises(InvalidOption, match="--emotions glad: no such model; give speechbrain/emotion-diarization-"):
        check_model("glad")
    with pytest.raises(InvalidOption, match="window"):
        EmotionSettings(window=0.0)
