"""Turns of a stream: what is settled stays, and grows at its end."""

from __future__ import annotations

from collections.abc import Iterable

from whisperdiar.types import Span, Turn, speaker_label

_TOUCH_S = 1e-6
"""Pieces of one turn that were settled one after another."""


class SettledTurns:
    """The turns of speakers 0, 1, … that never change again.

    Args:
        fill: pauses of one speaker, in seconds, that do not end a turn.
    """

    def __init__(self, *, fill: float) -> None:
        self._fill = fill
        self._rows: list[list[Span]] = []

    def __len__(self) -> int:
        """How many speakers there are."""
        return len(self._rows)

    def add_speaker(self) -> int:
        """The number of one more speaker."""
        self._rows.append([])
        return len(self._rows) - 1

    def add(self, speaker: int, span: Span, *, settled: float) -> None:
        """Takes up what a speaker says; of each speaker in order of time.

        Args:
            settled: seconds up to which everything was told already: a pause that reaches there stays one.
        """
        _append(self._rows[speaker], span, self._fill, settled)

    def turns(self, start: float, *, settled: float, provisional: Iterable[tuple[int, Span]] = ()) -> tuple[Turn, ...]:
        """Turns that end behind `start` (seconds), in order of time.

        Args:
            settled: seconds up to which all turns are those that were added.
            provisional: what may change, behind them; a speaker may be one of the next numbers.
        """
        rows = {number: _tail(row, start - self._fill) for number, row in enumerate(self._rows)}
        for number, span in provisional:
            _append(rows.setdefault(number, []), span, self._fill, settled)
        found = [Turn(span, speaker_label(number)) for number, row in rows.items() for span in row if span.end > start]
        return tuple(sorted(found, key=lambda turn: (turn.start, turn.end, turn.speaker)))


def _append(row: list[Span], span: Span, fill: float, settled: float) -> None:
    if row and (span.start <= row[-1].end + _TOUCH_S or settled - _TOUCH_S <= row[-1].end >= span.start - fill):
        row[-1] = Span(row[-1].start, max(span.end, row[-1].end))
    else:
        row.append(span)


def _tail(row: list[Span], start: float) -> list[Span]:
    """The last spans, from the last one on that ends before `start`: hours of turns are not copied at each step."""
    first = len(row)
    while first > 0 and row[first - 1].end > start:
        first -= 1
    return row[max(0, first - 1) :]
