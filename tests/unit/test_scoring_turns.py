"""Measures of turns are those of pyannote.metrics."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar.scoring import score_turns
from whisperdiar.types import Span, Turn

pytest.importorskip("pyannote.metrics", reason="pyannote.metrics is not installed")

# Eighths of a second are exact, so that ties are ties on both sides.
_TURNS = st.lists(
    st.tuples(st.integers(0, 80), st.integers(1, 40), st.sampled_from("ABCD")).map(
        lambda own: Turn(Span(own[0] / 8, (own[0] + own[1]) / 8), own[2])
    ),
    min_size=1,
    max_size=8,
)


@given(_TURNS, _TURNS, st.sampled_from([0.0, 0.25]), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_components_are_those_of_pyannote_metrics(reference, hypothesis, collar, skip_overlap):
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics import detection, diarization, segmentation

    def annotate(turns):
        made = Annotation()
        for track, turn in enumerate(turns):
            made[Segment(turn.start, turn.end), track] = turn.speaker
        return made

    sides = [annotate(side) for side in (reference, hypothesis)]
    uem = Timeline([Segment(0.0, 20.0)])
    how = {"collar": 2 * collar, "skip_overlap": skip_overlap}
    theirs = {
        "DER": diarization.DiarizationErrorRate(**how),
        "JER": diarization.JaccardErrorRate(**how),
        "detection": detection.DetectionErrorRate(**how),
        "purity": diarization.DiarizationPurity(),
        "coverage": diarization.DiarizationCoverage(),
        "boundary precision": segmentation.SegmentationPrecision(tolerance=0.25),
        "boundary recall": segmentation.SegmentationRecall(tolerance=0.25),
        "speaker count": diarization.DiarizationSpeakerCountError(),
    }
    ours = score_turns(reference, hypothesis, uem=[Span(0.0, 20.0)], collar=collar, skip_overlap=skip_overlap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, metric in theirs.items():
            expected = metric(*sides, uem=uem, detailed=True)
            for part, value in ours[name].items():
                there = {"boundaries": "number of boundaries", "matches": "number of matches"}.get(part, part)
                there = "miss" if name == "detection" and part == "missed detection" else there
                assert value == pytest.approx(float(expected[there]), abs=1e-6), (name, part)
