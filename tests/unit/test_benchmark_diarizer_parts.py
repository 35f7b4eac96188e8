"""What the parts of a diarizer cost, read off its progress."""

from __future__ import annotations

import pytest

from benchmarks import diarizer_parts
from benchmarks.diarizer_parts import PartClock


def parts(monkeypatch: pytest.MonkeyPatch, *told: tuple[float, float]) -> dict[str, float]:
    """Of a diarizer that tells these fractions at these seconds of the processor."""
    clock = PartClock((0.4, 0.97))
    for fraction, seconds in told:
        monkeypatch.setattr(diarizer_parts.time, "process_time", lambda seconds=seconds: seconds)
        clock("vad", 1.0)
        clock("diarization", fraction)
    return clock.parts()


def test_parts_lie_between_the_fractions_that_a_diarizer_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parts(monkeypatch, (0.0, 10.0), (0.2, 11.0), (0.4, 13.0), (0.7, 14.0), (0.97, 18.0), (1.0, 18.5))
    assert found == {"windows": 3.0, "voices": 5.0, "decisions": 0.5}
    cells = " ".join(diarizer_parts.line("talk", 60.0, found).split())
    assert cells == "talk 60 s 8.50 s 3.00 s 35 % 5.00 s 59 % 0.50 s 6 %"


def test_a_diarizer_that_hears_nobody_has_only_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parts(monkeypatch, (0.0, 10.0), (0.4, 12.0), (1.0, 12.0))
    assert found == {"windows": 2.0, "voices": 0.0, "decisions": 0.0}
