"""Work and memory grow with the size of a transcript, not with its square: counted, not timed.

Four times as many words, speakers and cues may take five times as many steps of the interpreter (and comparisons of
labels, which lists make out of its sight). The square of their number would be sixteen times.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import few_by_day
from tests.formats_strategies import can_write
from whisperdiar import (
    Audio,
    Cue,
    Diarization,
    FormatError,
    Segment,
    Span,
    Speaker,
    Transcript,
    Transcription,
    Turn,
    Word,
    cues,
    subtitle_rules,
    talk_statistics,
)
from whisperdiar.asr._shared.refinement import recognise
from whisperdiar.asr.whisper.parts import KeptTexts
from whisperdiar.contracts import REFINEMENT_STEPS
from whisperdiar.diarization.channels import Backend as Channels
from whisperdiar.editing.text_form import write as write_form
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.given_text.judging import Judge
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.options import PlotOptions, SeparationSettings, WriteOptions
from whisperdiar.per_channel import lay_out, remove_crosstalk
from whisperdiar.reports.plots import picture_svg
from whisperdiar.separation.overlap import _ByTime, _lies_in
from whisperdiar.separation.stretches import find_stretches
from whisperdiar.subtitles.checking import _check_neighbours, _check_pair, _people, check
from whisperdiar.subtitles.unavoidable_violations import separate_unavoidable
from whisperdiar.types import ANY_SPEAKERS, clip_spans, merge_spans, remove_spans

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

    before = sys.gettrace()
    if sys.version_info >= (3, 12):  # a function's first call tells its steps only in part
        sys.settrace(begun)
        try:
            work()
        finally:
            sys.settrace(before)
    Label.compared = count = 0
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


def test_no_passage_of_a_document_is_placed_by_a_look_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """python-docx looks through the document for the end of each paragraph, out of sight of the interpreter."""
    pytest.importorskip("docx", reason="python-docx is not installed")
    from docx.oxml.document import CT_Body

    found: list[int] = []
    look = CT_Body.first_child_found_in
    monkeypatch.setattr(
        CT_Body, "first_child_found_in", lambda body, *names: found.append(len(body)) or look(body, *names)
    )
    counts = []
    for size in (WORDS, WORDS * GROWTH):
        found.clear()
        written("docx", conversation(size))
        counts.append(sum(found))
    assert counts[0] == counts[1]


def test_a_square_is_seen() -> None:
    def square(n: int) -> int:
        return sum(a is b for a in range(n) for b in range(n))

    assert steps(lambda: square(80)) > ALLOWED * steps(lambda: square(20))


@dataclass
class Speech:
    """Many short stretches of speech, and what is said in them: a loop now and then, a pause, nothing at all."""

    n: int
    does_itself: frozenset[str] = REFINEMENT_STEPS - {"gaps"}

    def __post_init__(self) -> None:
        self.spans = [Span(3.0 * k, 3.0 * k + 2.6) for k in range(self.n)]
        self.words = tuple(
            Word(Span(span.start + 0.3 * i, span.start + 0.3 * i + 0.25), f" word{(k + i) % 97}", 0.9)
            for k, span in enumerate(self.spans)
            if k % 5
            for i in range(5)
        )
        samples = np.zeros((2, round(3.0 * self.n * 1000)), np.float32)
        for k, span in enumerate(self.spans):
            samples[k % 2, round(1000 * span.start) : round(1000 * span.end)] = 0.1 * (-1) ** np.arange(2600)
        self.audio = Audio(samples, 1000)
        self.turns = tuple(
            Turn(Span(span.start + 0.1 * (k % 7), span.end + 1.0), f"SPEAKER_0{k % 3}", 1 + k % 2)
            for k, span in enumerate(self.spans)
        )

    def transcribe(self, audio: Audio, **given: Any) -> Transcription:
        return Transcription("en", None, self.words, no_speech=tuple((span, 0.1) for span in self.spans))


def judge_all(speech: Speech) -> list[Any]:
    judge = Judge(speech.audio, speech.spans, None, language="en")
    return [judge.speech_in(span) for span in speech.spans]


def take_batches(speech: Speech) -> int:
    kept = KeptTexts(None)
    return sum(kept.find_batch(([span.start] for span in speech.spans[k:]), {}) is None for k in range(speech.n))


def separate(speech: Speech) -> tuple[Word, ...]:
    """Each stretch of overlap gets the words that it has already."""
    said = _ByTime(speech.words)
    for stretch in find_stretches(
        Diarization("r", speech.turns), duration=speech.audio.duration, settings=SeparationSettings()
    )[0]:
        own = [word for word in said.find_near(stretch.span) if _lies_in(word, stretch.region)]
        said.exchange(stretch.span, lambda word, own=own: word in own, own)  # type: ignore[misc]
    return tuple(said.items)


STAGES: dict[str, Callable[[Speech], Any]] = {
    "speech without words": lambda item: recognise(item, item.audio, speech=item.spans),  # type: ignore[arg-type]
    "speech without music": lambda item: remove_spans(item.spans, [turn.span for turn in item.turns[::9]]),
    "a text judged": judge_all,
    "batches that were kept": take_batches,
    "voices separated": separate,
    "channels laid out": lambda item: lay_out(item.audio, [item.spans[::8], item.spans[4::8]]),
    "the same words on two channels": lambda item: remove_crosstalk(
        [item.words, [word for k, word in enumerate(item.words) if k % 4]], item.audio
    ),
    "turns of channels": lambda item: Channels().diarize(item.audio, speech=item.spans, speakers=ANY_SPEAKERS),
}


@pytest.mark.parametrize("name", STAGES)
def test_steps_of_stages_grow_with_the_length(name: str) -> None:
    few, many = Speech(100), Speech(100 * GROWTH)
    for size in (few, many):
        STAGES[name](size)
    small, large = steps(lambda: STAGES[name](few)), steps(lambda: STAGES[name](many))
    assert large <= ALLOWED * small, f"{small} steps became {large}"


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=12).map(
    lambda pairs: [Span(start / 4, (start + length) / 4) for start, length in pairs]
)


@given(spans=SPANS, others=SPANS)
def test_what_is_found_by_halving_is_what_a_look_at_all_finds(spans: list[Span], others: list[Span]) -> None:
    apart, holes = merge_spans(spans), merge_spans(others)
    for whole in others:
        inside = [part for span in apart if (part := span.clip(whole.start, whole.end))]
        assert clip_spans(apart, whole.start, whole.end) == inside
    grid = [k / 8 + 1 / 16 for k in range(200)]

    def holds(found: Sequence[Span], time: float) -> bool:
        return any(span.start <= time < span.end for span in found)

    left = remove_spans(spans, holes)
    assert [holds(left, time) for time in grid] == [holds(spans, time) and not holds(holes, time) for time in grid]
    assert all(span.duration > 0 for span in left)


@given(spans=SPANS, stretches=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8), st.integers(0, 4)), max_size=5))
def test_words_exchanged_near_a_stretch_are_those_exchanged_among_all(
    spans: list[Span], stretches: list[tuple[int, int, int]]
) -> None:
    words = sorted((Word(span, f" {k}", 0.9) for k, span in enumerate(spans)), key=lambda word: word.span)
    near = _ByTime(words)
    for start, length, n_new in stretches:
        region = Span(start / 4, (start + length) / 4)
        new = [Word(region, f" new {k}", 0.5) for k in range(n_new)]
        near.exchange(region, partial(_lies_in, spans=[region]), new)
        words = sorted([*(word for word in words if not _lies_in(word, [region])), *new], key=lambda word: word.span)
        assert near.items == words
        assert {word.text for word in words if word.span.clip(region.start, region.end)} <= {
            word.text for word in near.find_near(region)
        }


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
