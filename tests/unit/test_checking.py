"""Subtitles held against rules: each rule is broken and kept, by exactly what the limit says."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.unit.test_editing import talk
from whisperdiar import cues as make_cues
from whisperdiar.formats import by_name, read_cues
from whisperdiar.options import SubtitleOptions, SubtitleRules, WriteOptions, profile_names
from whisperdiar.subtitles.checking import RULES, Report, check
from whisperdiar.subtitles.unavoidable_violations import separate_unavoidable
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Span

LIMITS = SubtitleRules(
    max_chars=20,
    max_lines=2,
    max_cps=15,
    max_wpm=300,
    max_words=8,
    min_duration=1.0,
    max_duration=6.0,
    min_gap=0.1,
    fps=25,
    overlap=False,
)
GOOD = Cue(Span(1.0, 3.0), ("Good morning,", "everyone."), "Anna")


def broken(*cues: Cue, rules: SubtitleRules = LIMITS, shown: list[tuple[str, ...]] | None = None) -> list[str]:
    return [item.rule for item in check(cues, rules, shown=shown).violations]


def test_what_keeps_all_rules_is_clean() -> None:
    assert broken(GOOD, replace(GOOD, span=Span(3.12, 5.0))) == []
    report = check([GOOD, replace(GOOD, span=Span(3.12, 5.0))], LIMITS)
    assert (report.cues, report.per_100, report.by_rule) == (2, 0.0, {})
    assert report.max_cps == pytest.approx(22 / 1.88)
    assert report.mean_cps == pytest.approx((22 / 2 + 22 / 1.88) / 2)


@pytest.mark.parametrize(
    ("rule", "cue", "value", "limit"),
    [
        ("line-length", replace(GOOD, lines=("x" * 20, "y" * 21), span=Span(1, 5)), 21, 20),
        ("line-length", replace(GOOD, lines=("会" * 11,), span=Span(1, 5)), 22, 20),
        ("lines", replace(GOOD, lines=("one", "two", "three")), 3, 2),
        ("reading-speed", replace(GOOD, lines=("x" * 16, "y" * 15)), 15.5, 15),
        ("words-per-minute", replace(GOOD, lines=("a b c d", "e f g"), span=Span(1, 2.2)), 350, 300),
        ("words", replace(GOOD, lines=("a b c d e", "f g h i")), 9, 8),
        ("too-short", replace(GOOD, lines=("Hm.",), span=Span(1, 1.92)), 0.92, 1),
        ("too-long", replace(GOOD, span=Span(1, 7.04)), 6.04, 6),
        ("no-duration", replace(GOOD, span=Span(1, 1)), 0, 1),
        ("off-frame", replace(GOOD, span=Span(1.0, 3.01)), 0.01, 0.0005),
        ("empty", replace(GOOD, lines=(" ",)), 0, 1),
        ("empty", replace(GOOD, lines=()), 0, 1),
    ],
)
def test_a_cue_that_breaks_one_rule(rule: str, cue: Cue, value: float, limit: float) -> None:
    (found,) = check([cue], LIMITS).violations
    assert (found.cue, found.span, found.rule) == (1, cue.span, rule)
    assert (found.value, found.limit) == (pytest.approx(value), pytest.approx(limit))


def test_cues_that_are_too_near() -> None:
    def after(start: float, speaker: str | None = "Boris") -> Cue:
        return Cue(Span(start, start + 2), ("And then?",), speaker)

    frames = replace(LIMITS, fps=None)
    assert broken(GOOD, after(3.08), rules=frames) == ["gap"]
    assert broken(GOOD, after(3.0), rules=frames) == ["gap"]
    assert broken(GOOD, after(3.1), rules=frames) == []
    assert broken(GOOD, after(2.0), rules=frames) == ["overlap"]
    together = replace(frames, overlap=True)
    assert broken(GOOD, after(2.0), rules=together) == []
    assert broken(GOOD, after(2.0, None), rules=together) == []
    assert broken(GOOD, after(2.0, "Anna"), rules=together) == ["overlap-with-self"]
    (found,) = check([after(3.08), GOOD], frames, in_order=False).violations
    assert (found.cue, found.other, found.value) == (1, 2, pytest.approx(0.08))
    assert broken(after(3.2), GOOD, rules=frames) == ["unsorted"]


def test_cues_of_two_people_need_dashes_or_names() -> None:
    both = Cue(Span(1, 3), ("Ready?", "Yes."), None, ("Anna", "Boris"))
    assert broken(both, shown=[("- Ready?", "- Yes.")]) == []
    assert broken(both, shown=[("Ready?", "Yes.")]) == ["two-speakers"]
    assert broken(both, shown=[("- Ready?", "Yes.")]) == ["two-speakers"]
    assert broken(both, shown=[("Anna: Ready?", "Boris: Yes.")]) == []
    assert broken(both, shown=[("Ready?", "Boris: Yes.")]) == []  # Anna goes on
    assert broken(both, shown=[("Anna: Ready?", "Yes.")]) == ["two-speakers"]
    second = replace(LIMITS, dash_first=False)
    assert broken(both, shown=[("Ready?", "-Yes.")], rules=second) == []
    assert broken(both, shown=[("Ready?", "Yes.")], rules=second) == ["two-speakers"]
    assert broken(both) == []  # nobody knows what will stand before the lines
    one = Cue(Span(1, 3), ("Ready? Boris: Yes.",), "Anna")
    assert broken(one, replace(GOOD, span=Span(4, 6), speaker="Boris")) == ["two-speakers"]
    assert broken(replace(one, lines=("Ready at 8: yes.",))) == []


def test_names_take_room_and_time_to_be_read() -> None:
    cue = Cue(Span(1, 2), ("Is it ready?",), "Anna Smith")
    assert broken(cue) == []
    assert broken(cue, shown=[("Anna Smith: Is it ready?",)]) == ["line-length", "reading-speed"]


def test_times_may_be_rounded_by_half_a_unit() -> None:
    cue = Cue(Span(1.0, 1.999), ("Hm.",))
    assert broken(cue, rules=replace(LIMITS, fps=None)) == []
    assert broken(replace(cue, span=Span(1.0, 1.998)), rules=replace(LIMITS, fps=None)) == ["too-short"]
    film = SubtitleRules(fps=23.976)
    frame = 1001 / 24000
    on = Cue(Span(round(500 * frame, 3), round(540 * frame, 3)), ("Hm.",))
    assert broken(on, rules=film) == []
    assert broken(replace(on, span=Span(on.span.start + 0.001, on.span.end)), rules=film) == ["off-frame"]
    rough = Cue(Span(round(500 * frame, 2), round(540 * frame, 2)), ("Hm.",))
    assert check([rough], film, unit=0.01).violations == ()


def test_a_report_counts() -> None:
    bad = replace(GOOD, lines=("x" * 40,), span=Span(1, 2))
    report = check([bad, replace(bad, span=Span(4, 5)), replace(GOOD, span=Span(8, 10))], LIMITS)
    assert report.by_rule == {"line-length": 2, "reading-speed": 2}
    assert report.per_100 == pytest.approx(200 / 3)
    data = report.to_dict()
    assert data["violations"][1] == {
        "cue": 1, "start": 1, "end": 2, "rule": "reading-speed", "value": 40.0, "limit": 15,
    }  # fmt: skip
    assert set(report.by_rule) <= set(RULES)


def read_back(transcript: Transcript, name: str, options: WriteOptions) -> tuple[Report, list[Cue]]:
    text = by_name(name).dumps(transcript, options=options)
    assert isinstance(text, str)
    cues = list(read_cues(name, text))
    shown = [cue.lines for cue in read_cues(name, text, labels=False)]
    rules = options.rules(transcript.language)
    unit = 0.01 if name == "ass" else 0.001
    report = check(cues, rules, shown=shown, unit=unit, in_order=name != "ass")
    return separate_unavoidable(report, cues, transcript, rules, shown=shown), cues


SENTENCES = (
    " Good morning, everyone.",
    " I finished the new search page, and I found two errors in the payment service.",
    " Yes.",
    " That is too long, so we have decided to move all of the tests to the new machine by Friday.",
    " Do we know the reason?",
)


@settings(max_examples=examples(40))
@given(
    st.lists(
        st.tuples(st.sampled_from(["SPEAKER_00", "SPEAKER_01"]), st.sampled_from(SENTENCES)), min_size=1, max_size=8
    ),
    st.sampled_from(["default", "netflix", "ted", "youtube"]),
    st.sampled_from(["srt", "vtt", "ass", "ttml"]),
    st.sampled_from(["none", "auto"]),
)
def test_what_is_written_under_a_profile_passes_its_check(
    turns: list[tuple[str, str]], profile: str, name: str, style: str
) -> None:
    transcript = talk(list(turns), each=0.5, pause=1.0).rename({turns[0][0]: "Al"})
    options = WriteOptions(speaker_style=style, subtitles=SubtitleOptions(profile=profile))
    report, _ = read_back(transcript, name, options)
    assert report.violations == ()


def test_speech_faster_than_the_limit_cannot_be_blamed_on_the_cut() -> None:
    fast = talk([("SPEAKER_00", " extraordinarily complicated" * 20)], each=0.2)
    slow = talk([("SPEAKER_00", SENTENCES[1])], each=0.6)
    options = WriteOptions(subtitles=SubtitleOptions(profile="netflix"))
    report, _ = read_back(fast, "srt", options)
    assert report.violations == ()
    assert {item.rule for item in report.unavoidable} == {"reading-speed"}
    # The same cues over slow speech are the fault of whoever cut them.
    cues = [replace(cue, span=Span(cue.span.start, cue.span.start + 1)) for cue in make_cues(slow)]
    rules = options.rules("en")
    found = separate_unavoidable(check(cues, rules), cues, slow, rules)
    assert "reading-speed" in {item.rule for item in found.violations}
    assert found.unavoidable == ()


def test_people_who_talk_at_once_are_no_fault_of_the_cut() -> None:
    alone = talk([("SPEAKER_00", SENTENCES[0]), ("SPEAKER_01", SENTENCES[2])])
    first, second = alone.segments
    shift = first.span.start - second.span.start + 0.5
    moved = replace(second, words=tuple(replace(word, span=word.span.shift(shift)) for word in second.words))
    both = replace(alone, segments=(first, moved))
    cues = [
        Cue(Span(1.0, 3.0), ("Good morning, everyone.",), "SPEAKER_00"),
        Cue(Span(1.5, 3.5), ("Yes.",), "SPEAKER_01"),
    ]
    rules = SubtitleRules(overlap=False)
    report = check(cues, rules)
    assert [item.rule for item in report.violations] == ["overlap"]
    assert [item.rule for item in separate_unavoidable(report, cues, both, rules).unavoidable] == ["overlap"]
    assert [item.rule for item in separate_unavoidable(report, cues, alone, rules).violations] == ["overlap"]


@settings(max_examples=examples(60))
@given(st.data())
def test_any_cues_can_be_checked_and_more_generous_rules_find_less(data: st.DataObject) -> None:
    times = st.integers(0, 20_000).map(lambda ms: ms / 1000)
    span = st.tuples(times, times).map(lambda pair: Span(min(pair), max(pair)))
    lines = st.lists(st.text("ab 会\u0301-:", max_size=50), max_size=3).map(tuple)
    cues = data.draw(st.lists(st.builds(Cue, span, lines, st.sampled_from([None, "Anna", "Boris"])), max_size=6))
    generous = replace(
        LIMITS, max_chars=40, max_lines=3, max_cps=30, max_wpm=None, max_words=None, max_duration=60, overlap=True
    )
    strict, loose = check(cues, LIMITS), check(cues, generous)
    assert {(item.cue, item.rule) for item in loose.violations} <= {(item.cue, item.rule) for item in strict.violations}
    assert all(1 <= item.cue <= len(cues) and item.rule in RULES for item in strict.violations)
    assert set(profile_names()) >= {"netflix", "bbc"}


_BETWEEN = ("gap", "overlap", "overlap-with-self")
_SPOTS = st.builds(
    lambda start, length, who: Cue(Span(start / 10, (start + length) / 10), ("x",), who),
    st.integers(0, 60), st.integers(0, 30), st.sampled_from(["Anna", "Ben", None]),
)  # fmt: skip


@given(st.lists(_SPOTS, max_size=9), st.booleans(), st.sampled_from([0.0, 0.3]))
def test_every_two_cues_are_held_against_each_other(cues: list[Cue], overlap: bool, gap: float) -> None:
    rules = SubtitleRules(overlap=overlap, min_gap=gap, close_gap=0.0)
    alone = [
        (*(pair[number - 1] for number in (item.other or 0, item.cue)), item.rule, item.value)
        for pair in combinations(range(1, len(cues) + 1), 2)
        for item in check([cues[number - 1] for number in pair], rules).violations
        if item.rule in _BETWEEN
    ]
    found = [(item.other, item.cue, item.rule, item.value) for item in check(cues, rules).violations]
    assert sorted(item for item in found if item[2] in _BETWEEN) == sorted(alone)


def test_thousands_of_cues_at_once_are_checked_in_time() -> None:
    crowd = [replace(GOOD, lines=(f"word {i}",)) for i in range(20_000)]
    found = check(crowd, replace(LIMITS, fps=None)).violations  # all pairs would be two hundred million
    assert sum(item.rule == "overlap-with-self" for item in found) == 10 * 20_000 - 55
    assert {item.cue for item in found} == set(range(2, 20_001))
