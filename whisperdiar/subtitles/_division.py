"""Optimal division of a sequence of atoms into cues and lines, by dynamic programming.

Over all divisions the sum of these costs is smallest (a window of words bounds the work, which grows with the
number of words):

    cue          1, and up to 1/4 more where it is nearly empty
    break        0 at the end of a sentence to 5 inside a phrase (`_breaks`), less by 2.5 for every second of pause
    lines        0.15 for the second one, 0.35 of the price of the break, and up to 0.9 for uneven lines
    sentences    0.5 for the end of one sentence with the beginning of another that goes on
    time         10, and up to 30 more, where the cue cannot stay as long as its text needs; 60 more for a mere flash
    over         0.5, and 1 for each second, where it stays while somebody else begins (if cues may overlap)
    delay        3 for each second after the speech begins: an eighth of a second at most, a whole one where
                 somebody else talks as well and cues may not overlap
    dialogue     2.2 for two people in one cue, 0.5 for each second that a line is shown before it is said
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from whisperdiar.subtitles._atoms import Atoms
from whisperdiar.subtitles._breaks import FORBIDDEN
from whisperdiar.subtitles._limits import Limits

CUE, EMPTY, LINE, LINE_BREAK, UNEVEN, MIXED = 1.0, 1.0, 0.15, 0.35, 0.6, 0.5
LATE, LATE_MORE, DELAY, DIALOGUE, EARLY = 10.0, 30.0, 3.0, 2.2, 0.5
PAUSE, LONGEST_PAUSE, HARD_PAUSE = 2.5, 0.8, 1.5
OVER, OVER_MORE = 0.5, 1.0
PARTIAL, FLASH = 0.6, 60.0


class Part(NamedTuple):
    """Atoms `first` up to `last`, shown from `start` (ticks); `dialogue` of two people, one line each."""

    first: int
    last: int
    start: int
    dialogue: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else limits the cues of a sequence of n atoms.

    Attributes:
        cuts: for each atom, what a break between two cues costs before it; n entries.
        barriers: for each place after an atom, the tick by which a cue that ends there must be gone; n entries.
        slack: ticks that a cue which begins with the atom may be late; n entries.
        quiet: for each atom, the tick up to which a cue that begins with it is read without its speaker's name, since
            nobody else has spoken; n entries. Room for the name is kept in any case.
        broken: for each atom, whether no cue may go on with it after the words before of its speaker: another person's
            sentence lies between; n entries.
        reserved: columns before the first line of a speaker's cue.
        dash: columns before each line of a dialogue cue, beside those; None where there are none.
    """

    cuts: list[float]
    barriers: list[int]
    slack: list[int]
    quiet: list[int]
    broken: list[bool]
    reserved: Mapping[str | None, int]
    dash: int | None

    def room(self, speaker: str | None, limits: Limits) -> int:
        """Columns before a speaker's line, never more than half of it."""
        return min(self.reserved.get(speaker, 0), limits.width // 2)


WAYS = 3


class _Path(NamedTuple):
    """A division up to an atom: its price, by how much the next cue is late, the last cue and what was before it."""

    price: float
    delay: int
    first: int
    dialogue: bool
    before: _Path | None


def divide(search: Search) -> list[Part]:
    """The cheapest division; every atom is in exactly one part.

    Up to each atom the cheapest way is kept, and up to two dearer ones after which the next cue is less late.
    """
    atoms, n = search.atoms, len(search.atoms)
    cuts = [*search.around.cuts, 0.0]
    ways: list[list[_Path]] = [[] for _ in range(n + 1)]
    ways[0] = [_Path(0.0, 0, 0, False, None)]
    for first in range(n):
        for way in ways[first]:
            for last, price, delay, dialogue in search.cues(first, way):
                total = way.price + price + cuts[last]
                kept = ways[last]
                if kept and kept[0].price <= total and kept[0].delay <= delay:
                    continue
                _keep(kept, _Path(total, delay, first, dialogue, way))
        ways[first] = []  # what leads on is held by those that follow
    parts = []
    found: _Path | None = ways[n][0]
    last = n
    while found is not None and found.before is not None:
        parts.append(Part(found.first, last, atoms.starts[found.first] + found.before.delay, found.dialogue))
        last, found = found.first, found.before
    return parts[::-1]


def _keep(kept: list[_Path], way: _Path) -> None:
    """Add a way that none is better than in both price and delay, cheapest first; take out what it is better than."""
    if any(other.price <= way.price and other.delay <= way.delay for other in kept):
        return
    left = [item for item in kept if item.price < way.price or item.delay < way.delay]
    kept[:] = sorted([way, *left], key=lambda item: item.price)[:WAYS]


def cut_prices(atoms: Atoms, tick: float) -> list[float]:
    """For each atom of one speaker, what a break between two cues costs before it, the pause taken off."""
    longest = LONGEST_PAUSE / tick
    found = [0.0]
    for i in range(1, len(atoms)):
        price = atoms.prices[i]
        pause = min(longest, max(0, atoms.starts[i] - atoms.ends[i - 1])) * tick
        found.append(price if price >= FORBIDDEN else price - PAUSE * pause)
    return found


class Search:
    """Cues that may begin at an atom, with their prices."""

    def __init__(self, atoms: Atoms, limits: Limits, around: Surroundings) -> None:
        self.atoms, self.limits, self.around = atoms, limits, around
        self.sums = [0]
        for width in atoms.widths:
            self.sums.append(self.sums[-1] + width)
        hard = round(HARD_PAUSE / limits.tick)
        # Between two speakers in one sequence a long pause says nothing: the other one talks in it.
        self.hard = [
            i > 0
            and atoms.speakers[i] == atoms.speakers[i - 1]
            and (around.broken[i] or atoms.starts[i] - atoms.ends[i - 1] > hard)
            for i in range(len(atoms))
        ]

    def cues(self, first: int, way: _Path) -> list[tuple[int, float, int, bool]]:
        """(last, price, delay of what follows, dialogue) for every cue that may begin here, after what came before."""
        atoms, limits = self.atoms, self.limits
        ends, widths, lengths = atoms.ends, atoms.widths, atoms.lengths
        speaker, start = atoms.speakers[first], atoms.starts[first] + way.delay
        reserved = self.around.room(speaker, limits)
        quiet = -1 if way.dialogue else self.around.quiet[first]
        cols = reserved - atoms.leads[first]
        length = float(-atoms.leads[first])
        mixed, words, end = False, 0, 0
        table: dict[int, tuple[float, list[int]]] | None = None
        found = []
        n = len(atoms)
        most = limits.width * limits.lines
        for last in range(first + 1, n + 1):
            row = last - 1
            if row > first:
                if atoms.speakers[row] != speaker:
                    if self.around.dash is not None and limits.lines > 1 and cols + self.around.dash <= limits.width:
                        found += self._dialogues(first, row, start, cols, length + reserved, words, end)
                    break
                if self.hard[row]:
                    break
                mixed = mixed or atoms.closes[row - 1]
            cols += widths[row]
            length += lengths[row]
            end = ends[row] if ends[row] > end else end
            words += 1 if atoms.opens[row] or row == first else 0
            if row > first and (cols > most or end - start > limits.longest or words > limits.words):
                break
            price = CUE
            if cols > limits.width:
                if limits.lines == 2:
                    broken = self._two_lines(first, last, reserved)
                else:
                    table = self.lines(first, reserved) if table is None else table
                    broken = table[last][0] if last in table else None
                if broken is None and row > first:
                    break
                price += FORBIDDEN if broken is None else broken
            elif cols * 4 < most:
                price += EMPTY * (0.25 - cols / most)
            if mixed and not (atoms.closes[row] and (first == 0 or atoms.closes[first - 1])):
                price += MIXED
            read = length + reserved if end > quiet else length
            late, delay = self._time_price(start, limits.need(read, words), last)
            found.append((last, price + late, delay, False))
        return found

    def _time_price(self, start: int, need: int, last: int) -> tuple[float, int]:
        """What it costs that the cue has to go, and by how much the next one is late for its sake."""
        limits, around = self.limits, self.around
        price, delay, until = 0.0, 0, start + limits.longest
        barrier = around.barriers[last - 1]
        if start + need > barrier:
            over = start + need - barrier
            price += OVER + OVER_MORE * min(over, limits.over) * limits.tick
            until = min(until, barrier + limits.over)
        if last < len(self.atoms):
            following = self.atoms.starts[last] - limits.gap
            wanted = min(start + need, until) - following
            if wanted > 0:
                slack = min(wanted, around.slack[last])
                if wanted <= slack or wanted > need * PARTIAL:
                    delay = slack
                    price += DELAY * delay * limits.tick
                until = min(until, following + delay)
        lack = start + need - until
        return (price, delay) if lack <= 0 else (price + self._lack(need, lack), delay)

    @staticmethod
    def _lack(need: int, lack: int) -> float:
        """Price of a cue that goes `lack` ticks before it can be read."""
        share = min(1.0, lack / need)
        return LATE + LATE_MORE * share**2 + (FLASH if share > PARTIAL else 0.0)

    def _two_lines(self, first: int, last: int, reserved: int) -> float | None:
        sums, leads, prices, width = self.sums, self.atoms.leads, self.atoms.prices, self.limits.width
        offset = sums[first] + leads[first] - reserved
        best = math.inf
        for cut in range(last - 1, first, -1):
            below = sums[last] - sums[cut] - leads[cut]
            if below > width:
                break
            above = sums[cut] - offset
            if above <= width:
                price = _price_uneven(above, below, width) + LINE_BREAK * prices[cut]
                best = price if price < best else best
        return LINE + best if best < math.inf else None

    def lines(self, first: int, reserved: int) -> dict[int, tuple[float, list[int]]]:
        """For each place where a cue that begins here may end: the price and the first atoms of the best of as few
        lines as can be."""
        sums, leads, prices, speakers = self.sums, self.atoms.leads, self.atoms.prices, self.atoms.speakers
        width, n = self.limits.width, len(self.atoms)
        found: dict[int, tuple[float, list[int]]] = {}
        layer: dict[int, tuple[float, list[int], int]] = {first: (0.0, [], 0)}
        for number in range(self.limits.lines):
            reached: dict[int, tuple[float, list[int], int]] = {}
            for begin, (price, cuts, above) in layer.items():
                for end in range(begin + 1, n + 1):
                    used = sums[end] - sums[begin] - leads[begin] + (reserved if not number else 0)
                    if used > width or speakers[end - 1] != speakers[first]:
                        break
                    total = price
                    if number:
                        total += LINE + LINE_BREAK * prices[begin] + _price_uneven(above, used, width)
                    if end not in reached or total < reached[end][0]:
                        reached[end] = (total, [*cuts, begin], used)
            for end, (price, cuts, _) in reached.items():
                found.setdefault(end, (price, cuts))
            layer = reached
        return found

    def _dialogues(
        self, first: int, middle: int, start: int, cols: int, length: float, words: int, end: int
    ) -> list[tuple[int, float, int, bool]]:
        """Cues of two people, one line each, the first of whom has said his atoms up to `middle`.

        The turns may alternate: what one of them says in several pieces stands on his line, unless the other one's
        sentence lies between.
        """
        atoms, limits, around = self.atoms, self.limits, self.around
        dash = around.dash or 0
        one, two = atoms.speakers[first], atoms.speakers[middle]
        used = {one: cols + dash, two: around.room(two, limits) + dash - atoms.leads[middle]}
        length += used[two] + dash
        early = EARLY * max(0, atoms.starts[middle] - start) * limits.tick
        found = []
        for last in range(middle + 1, len(atoms) + 1):
            row = last - 1
            speaker = atoms.speakers[row]
            if speaker not in used or (around.broken[row] and row > middle):
                break
            used[speaker] += atoms.widths[row]
            length += atoms.lengths[row]
            end = max(end, atoms.ends[row])
            words += 1 if atoms.opens[row] or row == middle else 0
            if used[speaker] > limits.width or end - start > limits.longest or words > limits.words:
                break
            late, delay = self._time_price(start, limits.need(length, words), last)
            found.append((last, CUE + DIALOGUE + early + late, delay, True))
        return found


def _price_uneven(above: int, below: int, width: int) -> float:
    """Lines should be even, rather with the longer one below; one of less than half the other is bad."""
    price = UNEVEN * (above - below if above > below else (below - above) * 0.7) / width
    return price + (0.3 if min(above, below) * 2 < max(above, below) else 0.0)
