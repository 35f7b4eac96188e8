"""Work and memory grow with the size of a transcript, not with its square: counted, not timed.

Four times as many words, speakers and cues may take five times as many steps of the interpreter (and comparisons of
labels, which lists make out of its sight). The square of their number would be sixteen times.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import few_by_day
from tests.formats_strategies import can_write
from whisperdiar import (
    Cue,
    FormatError,
    Segment,
    Span,
    Speaker,
    Transcript,
    Turn,
    Word,
    cues,
    subtitle_rules,
    talk_statistics,
)
from whisperdiar.editing.text_form import write as write_form
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.options import PlotOptions, WriteOptions
from whisperdiar.reports.plots import picture_svg
from whisperdiar.subtitles.checking import _check_neighbours, _check_pair, _people, check
from whisperdiar.subtitles.unavoidable_violations import separate_unavoidable

WORDS, PER_SPEAKER = 200, 4
GROWTH, ALLOWED = 4, 5.0


class Label(str):
    """A speaker label that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Label.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@lru_cache
def conversation(n_words: int) -> Transcript:
    """One word after the other; every fourth is another, new speaker's, and some talk at once."""
    labels = [Label(f"SPEAKER_{k:02d}") for k in range(n_words // PER_SPEAKER)]
    segments, turns = [], []
    for k, label in enumerate(labels):
        start = k * PER_SPEAKER * 0.4 - 0.3 * (k % 3 == 1)
        words = tuple(
            Word(
                Span(max(0.0, start + 0.4 * i), start + 0.4 * i + 0.35),
                f" word{(k + i) % 97}{'.' * (i == 3)}",
                0.9,
                label,
                0.9,
            )
            for i in range(PER_SPEAKER)
        )
        segments.append(Segment(words, label))
        turns.append(Turn(segments[-1].span, label))
    speakers = tuple(Speaker(label, f"Person {k}") for k, label in enumerate(labels))
    return Transcript("meeting", n_words * 0.4, "en", speakers, tuple(segments), tuple(turns))


def steps(work: Callable[[], Any]) -> int:
    """Steps of the interpreter, and comparisons of labels, that some work takes."""
    count = 0

    def local(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        return local

    def begun(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename != __file__ and "whisperdiar" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return local

    Label.compared, before = 0, sys.gettrace()
    sys.settrace(begun)
    try:
        work()
    finally:
        sys.settrace(before)
    return count + Label.compared


def peak(work: Callable[[], Any]) -> int:
    """Bytes that some work holds at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def checked(transcript: Transcript) -> None:
    made = cues(transcript)
    shown = [[f"{cue.speaker}: {line}" for line in cue.lines] for cue in made]
    rules = subtitle_rules("netflix", language="en", overlap=True)
    separate_unavoidable(check(made, rules, shown=shown), made, transcript, rules, shown=shown)


WORK: dict[str, Callable[[Transcript], Any]] = {
    "statistics": talk_statistics,
    "pictures": lambda item: picture_svg(item, options=PlotOptions(kind="all")),
    "minutes": minutes,
    "checking": checked,
    "editing": write_form,
    "cues that may not overlap": lambda item: cues(item, rules=subtitle_rules("netflix", language="en")),
    "cues of two people": lambda item: cues(item, style="dash"),
    "renaming": lambda item: item.rename({who.id: f"{who.name}!" for who in item.speakers}),
    "the dictionary": lambda item: Transcript.from_dict(item.to_dict()),
    **{f"writing {name}": (lambda item, name=name: written(name, item)) for name in FORMATS if can_write(name)},
    **{f"reading {name}": (lambda item, name=name: read_back(name, item)) for name in FORMATS if by_name(name).read},
}


def written(name: str, transcript: Transcript) -> Any:
    return by_name(name).dumps(transcript, options=WriteOptions())


@lru_cache
def text_of(name: str, n_segments: int) -> Any:
    return written(name, conversation(PER_SPEAKER * n_segments))


def read_back(name: str, transcript: Transcript) -> Transcript:
    return by_name(name).read(text_of(name, len(transcript.segments)))


@pytest.mark.parametrize("name", few_by_day(WORK, every=4))
def test_steps_grow_with_the_size(name: str) -> None:
    few, many = conversation(WORDS), conversation(WORDS * GROWTH)
    for size in (few, many):
        WORK[name](size)  # imports, tables that are read once, the text to read
    small, large = steps(lambda: WORK[name](few)), steps(lambda: WORK[name](many))
    assert large <= ALLOWED * small, f"{small} steps became {large}"


@pytest.mark.parametrize("name", few_by_day(["statistics", "minutes", "pictures", "writing html"], every=4))
def test_memory_grows_with_the_size(name: str) -> None:
    few, many = conversation(4 * WORDS), conversation(4 * WORDS * GROWTH)
    WORK[name](few)
    small, large = peak(lambda: WORK[name](few)), peak(lambda: WORK[name](many))
    assert large <= ALLOWED * small, f"{small} bytes became {large}"


def test_a_square_is_seen() -> None:
    def square(n: int) -> int:
        return sum(a is b for a in range(n) for b in range(n))

    assert steps(lambda: square(80)) > ALLOWED * steps(lambda: square(20))


CUES = st.lists(
    st.builds(
        lambda start, length, who: Cue(Span(start / 10, (start + length) / 10), ("x",), who),
        st.integers(0, 40),
        st.integers(0, 20),
        st.sampled_from(["A", "B", None]),
    ),
    max_size=9,
)


@given(made=CUES, gap=st.sampled_from([0.0, 0.08, 0.5]), overlap=st.booleans())
def test_cues_in_the_way_are_those_of_all_pairs(made: list[Cue], gap: float, overlap: bool) -> None:
    rules = subtitle_rules(language=None, min_gap=gap, overlap=overlap)
    people = [_people(cue) for cue in made]
    order = sorted(range(len(made)), key=lambda i: (made[i].span.start, made[i].span.end))
    every = [
        item
        for place, second in enumerate(order)
        for first in order[:place]
        if made[second].span.start < made[first].span.end + gap - 0.001 - 1e-6
        and (item := _check_pair(first, second, made, people, rules, 0.001)) is not None
    ]
    key = lambda item: (item.cue, item.other)  # noqa: E731
    assert sorted(_check_neighbours(made, rules, 0.001), key=key) == sorted(every, key=key)


@given(
    times=st.integers(1, 400), text=st.text(st.sampled_from("a b."), min_size=1, max_size=400), lines=st.integers(1, 5)
)
def test_a_small_file_does_not_become_a_large_transcript(times: int, text: str, lines: int) -> None:
    """LRC writes a line once for all its times: what comes of it stays in proportion to the file, or is refused."""
    line = "".join(f"[{i // 60:02d}:{i % 60:02d}.00]" for i in range(times)) + text + "\n"
    if times > 1 and times * len(text) > 20 * (len(line) - 1):
        with pytest.raises(FormatError, match=f"{times} times before one text"):
            by_name("lrc").read_cues(line * lines)
    else:
        read = by_name("lrc").read_cues(line * lines)
        assert sum(len(part) for cue in read for part in cue.lines) <= 20 * len(line) * lines


def test_a_chorus_is_sung_often() -> None:
    chorus = "".join(f"[00:{i:02d}.00]" for i in range(40)) + "We all live in a yellow submarine, and our friends\n"
    assert len(by_name("lrc").read_cues(chorus)) == 40
