"""Errors that the report shows are those that the rates count."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.options import ScoreOptions
from whisperdiar.scoring import (
    Document,
    ScoredPair,
    Utterance,
    find_worst_moments,
    format_html,
    inspect_recording,
    locate_errors,
    pool_scores,
    score_document,
    score_turns,
)
from whisperdiar.types import Span, Turn

_TURNS = st.lists(
    st.tuples(st.integers(0, 80), st.integers(1, 40), st.sampled_from("ABCD")).map(
        lambda own: Turn(Span(own[0] / 8, (own[0] + own[1]) / 8), own[2])
    ),
    max_size=8,
)
_WORDS = st.lists(st.sampled_from(["one", "two", "three", "four"]), max_size=4)
_UTTERANCES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("AB"), _WORDS).map(
        lambda own: Utterance(own[1], float(own[0]), own[0] + 1.0, " ".join(own[2]))
    ),
    min_size=1,
    max_size=5,
).map(lambda own: tuple(sorted(own, key=lambda said: said.start)))
_PARTS = ("missed detection", "false alarm", "confusion")


@given(_TURNS, _TURNS, st.sampled_from([0.0, 0.25]), st.booleans(), st.booleans())
@settings(max_examples=examples(100), deadline=None)
def test_pieces_with_errors_add_up_to_the_components_of_der(reference, hypothesis, collar, skip_overlap, has_uem):
    how: dict[str, Any] = {"uem": [Span(1.0, 9.0)] if has_uem else None, "collar": collar, "skip_overlap": skip_overlap}
    components = score_turns(reference, hypothesis, **how)["DER"]
    mapping, errors = locate_errors(reference, hypothesis, **how)
    for place, part in enumerate(_PARTS):
        there = sum((own.end - own.start) * own[2 + place] for own in errors)
        assert there == pytest.approx(components[part], abs=1e-6)
    assert all(own.end <= later.start for own, later in itertools.pairwise(errors))
    assert all(any(own[2:]) for own in errors)
    assert set(mapping) <= {turn.speaker for turn in hypothesis}
    assert len(set(mapping.values())) == len(mapping)


@given(_UTTERANCES, _UTTERANCES)
@example(  # one of the labels has no partner, and its name is that of a speaker
    (Utterance("B", 0.0, 1.0, "one one"),),
    (Utterance("A", 0.0, 1.0, "one"), Utterance("B", 0.0, 1.0, "one")),
)
@settings(max_examples=examples(60), deadline=None)
def test_words_with_errors_are_those_that_wer_and_wder_count(said, heard):
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    sides = Document("a", (), said), Document("a", (), heard)
    options = ScoreOptions(normaliser="none")
    components = score_document(*sides, options=options).components
    words = inspect_recording(ScoredPair(*sides, None), options=options).words
    kinds = [own.kind for own in words]
    wer = components["WER"]
    assert kinds.count("deleted") == wer["deletions"]
    assert kinds.count("inserted") == wer["insertions"]
    assert kinds.count("substituted") == wer["substitutions"]
    assert len(kinds) - kinds.count("inserted") == wer["length"]
    assert sum(own.misattributed for own in words) == components["WDER"]["wrong"]


@given(_TURNS, _TURNS, _UTTERANCES, _UTTERANCES)
@settings(max_examples=examples(40), deadline=None)
def test_moments_hold_every_error_once(reference, hypothesis, said, heard):
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    sides = Document("a", tuple(reference), said), Document("a", tuple(hypothesis), heard)
    found = inspect_recording(ScoredPair(*sides, None), options=ScoreOptions(normaliser="none"))
    moments = find_worst_moments([found])
    for place, part in enumerate(("missed", "false_alarm", "confused")):
        there = sum((own.end - own.start) * own[2 + place] for own in found.errors)
        assert sum(getattr(own, part) for own in moments) == pytest.approx(there)
    assert sum(own.words for own in moments) == sum(own.kind != "right" for own in found.words)
    assert sum(own.speakers for own in moments) == sum(own.misattributed for own in found.words)
    assert [own.weight for own in moments] == sorted((own.weight for own in moments), reverse=True)


def read_data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def test_a_report_of_many_long_recordings_keeps_those_with_most_errors(monkeypatch):
    monkeypatch.setattr("whisperdiar.scoring.report._MOST_ITEMS", 12)
    pairs, found = [], []
    for number in range(5):
        reference = Document(f"r{number}", (Turn(Span(0.0, 10.0), "a"), Turn(Span(20.0, 30.0), "b")))
        hypothesis = Document(f"r{number}", (Turn(Span(0.0, 10.0 - number), "s"),))
        pairs.append(ScoredPair(reference, hypothesis, None))
        found.append(score_document(reference, hypothesis))
    data = read_data(format_html([pool_scores("one", found)], [], ScoreOptions(), [pairs]))
    assert [own["name"] for own in data["recordings"]] == ["r4", "r3"]
    assert len(data["hypotheses"][0]["rows"]) == 5
    assert data["recordings"][0]["sides"][0]["errors"] == [[6000, 10000, 1, 0, 0], [20000, 30000, 1, 0, 0]]


def test_a_report_without_the_sides_has_tables_alone():
    found = score_document(Document("a", (Turn(Span(0.0, 1.0), "x"),)), Document("a", (Turn(Span(0.0, 1.0), "y"),)))
    data = read_data(format_html([pool_scores("one", [found])], [], ScoreOptions()))
    assert data["recordings"] == data["moments"] == []
    assert data["hypotheses"][0]["rates"]["DER"][0] == 0
