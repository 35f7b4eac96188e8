"""Damage report: stretches without sound that a file should have had, and what is said about them."""

from __future__ import annotations

from collections.abc import Sequence

from whisperdiar.text.messages import _, join, ngettext

_SHORTEST = 0.1  # seconds; less cannot hold a word
_SHORTEST_GAP = 1.0
_MERGED = 0.25  # damage leaves frames in between that happen to be readable
_MOST_NAMED = 3

Range = tuple[float, float]


class Silences:
    """Takes note of silence that was put in: where sound was damaged, and where the file has none.

    Attributes:
        damaged: (start, end) in seconds where sound could not be decoded.
        gaps: (start, end) in seconds that the timestamps leave out.
        jumps: (time, seconds) where the clock of the file jumps and no silence was put in.
    """

    def __init__(self) -> None:
        self.damaged: list[Range] = []
        self.gaps: list[Range] = []
        self.jumps: list[Range] = []

    def warnings(self, first: float, last: float) -> list[str]:
        """One sentence for each kind of loss between two times, in seconds."""
        found = []
        damaged = merge_ranges(self.damaged, first, last)
        if _total_duration(damaged) >= _SHORTEST:
            found.append(
                _("{ranges} could not be decoded (damaged); they are silent").format(ranges=_format_ranges(damaged))
            )
        jumps = [(at, seconds) for at, seconds in self.jumps if first <= at <= last]
        if jumps:
            places = [_("{seconds:.1f} s at {at:.1f} s").format(seconds=seconds, at=at) for at, seconds in jumps]
            found.append(
                _("the clock of the file jumps by {places}; no silence was put in there").format(
                    places=_join_list(places)
                )
            )
        return found

    def notes(self, first: float, last: float) -> list[str]:
        """One sentence about gaps in the timestamps between two times, in seconds."""
        gaps = [item for item in merge_ranges(self.gaps, first, last) if item[1] - item[0] >= _SHORTEST_GAP]
        if not gaps:
            return []
        return [
            _("the file has no sound for {ranges}, by its timestamps; they are silent").format(
                ranges=_format_ranges(gaps)
            )
        ]


def merge_ranges(ranges: Sequence[Range], first: float, last: float) -> list[Range]:
    """The parts of these ranges between two times, those that nearly touch as one."""
    result: list[Range] = []
    for start, end in sorted((max(start, first), min(end, last)) for start, end in ranges):
        if end <= start:
            continue
        if result and start - result[-1][1] < _MERGED:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def _total_duration(ranges: Sequence[Range]) -> float:
    return sum(end - start for start, end in ranges)


def _format_ranges(ranges: Sequence[Range]) -> str:
    """``4.6 s at 6.9-11.5 s``, the longest ones by name."""
    longest = sorted(sorted(ranges, key=lambda item: item[0] - item[1])[:_MOST_NAMED])
    places = [f"{start:.1f}-{end:.1f}" for start, end in longest]
    others = len(ranges) - len(longest)
    text = _("{duration:.1f} s at {places} s").format(duration=_total_duration(ranges), places=", ".join(places))
    if not others:
        return text
    return ngettext("{text} and {others} more place", "{text} and {others} more places", others).format(
        text=text, others=others
    )


def _join_list(places: Sequence[str]) -> str:
    others = len(places) - _MOST_NAMED
    named = join(", ", places[:_MOST_NAMED])
    if others <= 0:
        return named
    return ngettext("{named} and {others} more time", "{named} and {others} more times", others).format(
        named=named, others=others
    )
