"""Shot changes: read from lists, found in pictures, kept by cues, told by the checker."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from numbers import Rational
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.videos import CUTS, FILM, write_video
from whisperdiar import Segment, Span, Transcript, Word, cues
from whisperdiar.errors import FormatError, MediaError
from whisperdiar.media import find_shots, load, probe, read_shots
from whisperdiar.options import subtitle_rules
from whisperdiar.subtitles.checking import check
from whisperdiar.video import Video, read_frame_rate, video_of, with_video


@pytest.mark.parametrize("rate", [FILM, Fraction(25), Fraction(30000, 1001)])
def test_the_frame_rate_is_that_of_the_video(tmp_path: Path, rate: Fraction) -> None:
    path = write_video(tmp_path / "v.mp4", rate=rate, frames=40, cuts=())
    assert probe(path).frame_rate == load(path).frame_rate == rate


def test_any_rational_number_is_a_frame_rate() -> None:
    """PyAV has a type of its own for them from version 19 on."""

    class Rate:
        numerator, denominator = 24000, 1001

    Rational.register(Rate)
    assert read_frame_rate(Rate()) == Fraction(24000, 1001)
    assert read_frame_rate("25") == read_frame_rate(25) == Fraction(25)
    assert read_frame_rate(24.976) is None


def test_sound_has_no_frame_rate(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.ones((1, 1600), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(stream.encode(frame))
    assert probe(tmp_path / "a.wav").frame_rate is None
    pytest.importorskip("scenedetect")
    with pytest.raises(MediaError, match="no moving pictures"):
        find_shots(tmp_path / "a.wav")


def test_shots_are_found(tmp_path: Path) -> None:
    pytest.importorskip("scenedetect", reason="the extra `video` is not installed")
    told: list[tuple[str, float]] = []
    found = find_shots(write_video(tmp_path / "v.mp4"), progress=lambda *item: told.append(item))
    assert [round(time * FILM) for time in found] == list(CUTS)
    assert told[-1] == ("shots", 1.0)
    assert len(told) > 100


def test_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "shots.txt"
    path.write_text("\ufeff# cuts\n2.5\n\n00:00:01,250\n00:01:00:12\n0\n", "utf-8")
    assert read_shots(path, frame_rate=Fraction(25)) == (1.25, 2.5, 60.48)
    assert read_shots(path, frame_rate=FILM) == (1.25, 2.5, pytest.approx((60 * 24 + 12) * 1001 / 24000))
    with pytest.raises(FormatError, match="line 5"):
        read_shots(path)
    path.write_text("1.5\nsoon\n", "utf-8")
    with pytest.raises(FormatError, match="line 2: 'soon' is no time"):
        read_shots(path)


def test_the_list_of_scenedetect_is_read(tmp_path: Path) -> None:
    scenes = pytest.importorskip("scenedetect.output", reason="the extra `video` is not installed")
    from scenedetect import FrameTimecode

    bounds = [FrameTimecode(number, 25.0) for number in (0, 50, 110, 200)]
    with (tmp_path / "scenes.csv").open("w", encoding="utf-8", newline="") as handle:
        scenes.write_scene_list(handle, list(pairwise(bounds)))
    assert read_shots(tmp_path / "scenes.csv") == (2.0, 4.4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Start Time (seconds)y\n1\n", "line 1: there is no column 'Start Time (seconds)'"),
        ("# a list\nScene,Start Time (seconds) \n", "line 2: there is no column"),
        ("Start Time (seconds)\nsoon\n", "holds what is no number"),
        ("Scene,Start Time (seconds)\n1\n", "holds what is no number"),
        ("Start Time (seconds)\ninf\n", "holds what is no number"),
        ('Start Time (seconds)\n"' + "1" * 200_000, "holds what is no number"),
        (f"{'9' * 400}\n", "is no time"),
        (f"{'9' * 5000}:00:00\n", "is no time"),
        (f"{'9' * 5000}:00:00:00\n", "is no time"),
    ],
)
def test_a_list_that_is_none_is_refused_with_a_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "shots.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=re.escape(expected)):
        read_shots(path, frame_rate=Fraction(25))


def talk(starts: list[int]) -> Transcript:
    """A sentence of three words at each time (hundredths of a second), by two people in turn."""
    found, free = [], 0.0
    for number, start in enumerate(starts):
        speaker = "AB"[number % 2]
        begin = max(free, start / 100)
        words = [
            Word(Span(begin + 0.3 * i, begin + 0.3 * i + 0.28), text, 1.0, speaker)
            for i, text in enumerate((" So", " we", " go."))
        ]
        free = begin + 0.9
        found.append(Segment(tuple(words), speaker))
    return Transcript("r", 60.0, "en", segments=tuple(found))


STARTS = st.lists(st.integers(0, 2500), min_size=1, max_size=8).map(sorted)
SHOTS = st.lists(st.integers(1, 3000).map(lambda number: number / 100), max_size=8)


@given(STARTS, SHOTS, st.sampled_from([None, 24, 25, 23.976, 29.97]), st.booleans())
@example([590, 590], [6.3], 25, True)  # twelve frames of 25 a second, and a shot change between two frames
@settings(max_examples=examples(150), deadline=None)
def test_shots_break_no_other_rule(starts: list[int], shots: list[float], fps: float | None, overlap: bool) -> None:
    """Cues move to shot changes; text, order and every other rule stay as they are without any."""
    rules = subtitle_rules("netflix", language="en", fps=fps, overlap=overlap)
    plain, moved = cues(talk(starts), rules=rules), cues(talk(starts), rules=rules, shots=shots)
    assert [cue.lines for cue in plain] == [cue.lines for cue in moved]
    assert check(moved, rules).by_rule == check(plain, rules).by_rule
    before, after = (len(check(made, rules, shots=shots).violations) for made in (plain, moved))
    assert after <= before
    for one, other in zip(plain, moved, strict=True):
        assert abs(one.span.start - other.span.start) <= 0.53


@pytest.mark.parametrize(
    ("shot", "start", "end"),
    [
        (72, 72, None),  # 8 frames before the speech
        (84, 84, None),  # 4 frames after its beginning
        (90, 78, None),  # 10 frames after it
        (106, None, 104),  # soon after the end
        (98, None, 96),  # at the end: two frames before
    ],
)
def test_cues_snap_by_netflixs_rules(shot: int, start: int | None, end: int | None) -> None:
    """A cue of 24 frames a second, from frame 80 to 99 or later, near one shot change."""
    words = [
        Word(Span((80 + 6 * i) / 24, (86 + 6 * i) / 24), text, 1.0, "A")
        for i, text in enumerate((" So", " we", " go."))
    ]
    transcript = Transcript("r", 60.0, "en", segments=(Segment(tuple(words), "A"),))
    rules = subtitle_rules("netflix", language="en", fps=24, min_duration=0.5)
    (plain,) = cues(transcript, rules=rules)
    (cue,) = cues(transcript, rules=rules, shots=[shot / 24])
    assert check([plain], rules, shots=[shot / 24]).by_rule.keys() == {"shot-change"}
    assert check([cue], rules, shots=[shot / 24]).by_rule == {}
    assert round(cue.span.start * 24) == (80 if start is None else start)
    assert end is None or round(cue.span.end * 24) == end


def test_a_transcript_keeps_the_facts_of_its_video() -> None:
    plain = Transcript("r", 1.0)
    made = with_video(with_video(plain, Video(FILM)), Video(None, (1.5, 2.25)))
    assert made.provenance["video"] == {"frame_rate": "24000/1001", "shot_changes": [1.5, 2.25]}
    assert video_of(made) == Video(FILM, (1.5, 2.25))
    assert with_video(plain, Video()) is plain
    odd = Transcript(
        "r", 1.0, provenance={"video": {"frame_rate": "1/0", "shot_changes": ["x", 3, None, float("inf")]}}
    )
    assert video_of(odd) == Video(None, (3.0,))
