"""Speaker streams: all speakers in one sequence, for cues that may not overlap in time.

Each speaker's words are split into phrases, which are sorted by their beginnings. Where people talk at once a phrase
is split near the place where somebody else begins, rather at the end of a clause than exactly there:

    A: so we took the first one    and then the other two                A: so we took the first one
    B:                       yeah sure                            →      B: yeah sure
                                                                         A: and then the other two

Who talks when, in atoms: each speaker's own sequence, turns, and all speakers in one sequence.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from whisperdiar.options import SubtitleRules
from whisperdiar.subtitles._atoms import Atoms, make_atoms, select_rows
from whisperdiar.subtitles._breaks import language_rules
from whisperdiar.subtitles._division import Surroundings, cut_prices
from whisperdiar.subtitles._limits import Limits
from whisperdiar.transcript import Segment
from whisperdiar.types import Word

NEVER = 1 << 60
NAME_AGAIN = 5.0
"""Seconds of silence after which a writer names the speaker again."""
SENTENCE = 3
"""Words of another person in a row that no cue bridges; fewer are an interjection."""
TURN_PAUSE = 0.5
"""A turn begins where its speaker was silent for so many seconds."""


def split_streams(
    segments: Sequence[Segment], *, language: str | None, rules: SubtitleRules, reserved: dict[str | None, int]
) -> dict[str | None, Atoms]:
    """Each speaker's words over all segments, in their order: who is interrupted goes on in his own sequence."""
    words: dict[str | None, list[Word]] = {}
    for segment in sorted(segments, key=attrgetter("span.start")):
        words.setdefault(segment.speaker, []).extend(segment.words)
    tick = rules.frame or 0.001
    found = {}
    for speaker, own in words.items():
        width = rules.max_columns - min(reserved.get(speaker, 0), rules.max_columns // 2)
        made = make_atoms(
            own,
            speaker,
            width=width,
            tick=tick,
            language=language_rules(language),
            full_width=rules.full_width,
        )
        if len(made):
            found[speaker] = made
    return found


class Turns:
    """Where the turns of all speakers begin, in ticks, for whoever asks when the next one of somebody else begins.

    Made once for all: what each speaker would have to look through by himself grows with the square of their number.
    """

    def __init__(self, table: Mapping[str | None, Atoms], tick: float) -> None:
        begun = sorted(
            (start, place) for place, found in enumerate(table.values()) for start in find_onsets(found, tick)
        )
        self._place = {speaker: place for place, speaker in enumerate(table)}
        self._starts = [start for start, _ in begun]
        self._owners = [owner for _, owner in begun]
        self._others = [len(begun)] * len(begun)  # for each the next turn that is somebody else's
        for i in range(len(begun) - 2, -1, -1):
            self._others[i] = i + 1 if self._owners[i + 1] != self._owners[i] else self._others[i + 1]

    def following(self, speaker: str | None, tick: int) -> int:
        """When the first turn of anybody but this speaker begins, at `tick` or later; `NEVER` where none does."""
        place = bisect_left(self._starts, tick)
        if place < len(self._starts) and self._owners[place] == self._place[speaker]:
            place = self._others[place]
        return self._starts[place] if place < len(self._starts) else NEVER


class Sentences:
    """Where people say `SENTENCE` words in a row: what no cue of another person may bridge.

    ASCII drawing of what `between` tells of the places before each of A's words::

        A: so we   took        the first one      →  False, True before "the"
        B:              no that is wrong
        C:    yeah
    """

    def __init__(self, table: Mapping[str | None, Atoms]) -> None:
        found: list[tuple[float, float]] = []
        for stream in table.values():
            starts = [piece.span.start for piece, opens in zip(stream.pieces, stream.opens, strict=True) if opens]
            found += zip(starts, starts[SENTENCE - 1 :], strict=False)
        found.sort()
        self._firsts = [first for first, _ in found]
        self._lasts = [last for _, last in found]  # from each on, when the earliest of the last words is begun
        for i in range(len(found) - 2, -1, -1):
            self._lasts[i] = min(self._lasts[i], self._lasts[i + 1])

    def between(self, stream: Atoms) -> list[bool]:
        """For each atom of one speaker, whether another person says a sentence between it and the one before."""
        spans = [piece.span for piece in stream.pieces]
        return [False, *(self._lies_between(before.end, after.start) for before, after in pairwise(spans))]

    def _lies_between(self, start: float, end: float) -> bool:
        place = bisect_left(self._firsts, start)
        return place < len(self._lasts) and self._lasts[place] < end


def find_onsets(stream: Atoms, tick: float) -> list[int]:
    """Where the turns of one speaker begin, in ticks."""
    pause = round(TURN_PAUSE / tick)
    return [stream.starts[i] for i in range(len(stream)) if i == 0 or stream.starts[i] - stream.ends[i - 1] >= pause]


def surround_alone(
    speaker: str | None,
    stream: Atoms,
    turns: Turns,
    sentences: Sentences,
    limits: Limits,
    reserved: Mapping[str | None, int],
) -> Surroundings:
    """Of a speaker's own sequence, where cues may overlap in time: the turns of others end the lingering."""
    return Surroundings(
        cuts=cut_prices(stream, limits.tick),
        barriers=[turns.following(speaker, end) - limits.gap for end in stream.ends],
        slack=[limits.late] * len(stream),
        quiet=[-1] * len(stream),  # cues of others share the screen with many, and then writers name both
        broken=sentences.between(stream),
        reserved=reserved,
        dash=None,
    )


PHRASE_PAUSE, LONGEST_PHRASE = 0.4, 2.5
"""A longer pause (seconds) ends a phrase; where people talk at once no phrase is longer than the second."""
AWAY, FARTHEST = 0.8, 1.5
"""What it costs to split a phrase a second away from where somebody begins; how far away that may be."""
LATEST_AT_ONCE = 1.0
"""Seconds that a cue may be late where somebody else talks while its words are said."""


@dataclass(slots=True)
class Phrase:
    """Rows of one speaker's atoms from `first` up to `last`."""

    speaker: str | None
    first: int
    last: int
    start: int
    end: int


def surround_together(
    table: Mapping[str | None, Atoms], limits: Limits, reserved: Mapping[str | None, int], *, dash: int
) -> tuple[Atoms, Surroundings]:
    """All speakers' atoms in one sequence, and what limits its cues."""
    prices = {speaker: cut_prices(stream, limits.tick) for speaker, stream in table.items()}
    sentences = Sentences(table)
    broken = {speaker: sentences.between(stream) for speaker, stream in table.items()}
    phrases = _interleave(table, prices, broken, limits)
    merged = select_rows((table[phrase.speaker], row) for phrase in phrases for row in range(phrase.first, phrase.last))
    latest = 0
    for row, start in enumerate(merged.starts):
        latest = merged.starts[row] = max(latest, start)
        merged.ends[row] = max(latest, merged.ends[row])
    return merged, Surroundings(
        cuts=_cut_prices(phrases, prices),
        barriers=[NEVER] * len(merged),
        slack=_slack(phrases, limits),
        quiet=_pauses_between(merged, limits),
        broken=[broken[phrase.speaker][row] for phrase in phrases for row in range(phrase.first, phrase.last)],
        reserved=reserved,
        dash=dash,
    )


def _pauses_between(merged: Atoms, limits: Limits) -> list[int]:
    again = round(NAME_AGAIN / limits.tick)
    return [
        NEVER
        if row
        and merged.speakers[row] == merged.speakers[row - 1]
        and merged.starts[row] - merged.ends[row - 1] <= again
        else -1
        for row in range(len(merged))
    ]


def _interleave(
    table: Mapping[str | None, Atoms],
    prices: Mapping[str | None, list[float]],
    broken: Mapping[str | None, list[bool]],
    limits: Limits,
) -> list[Phrase]:
    found = sorted(_split_at_pauses(table, broken, limits), key=lambda phrase: phrase.start)
    longest = round(LONGEST_PHRASE / limits.tick)
    parts: list[Phrase] = []
    for phrase, busy in zip(found, _find_busy(found), strict=True):
        parts += _shorten(phrase, table[phrase.speaker], prices[phrase.speaker], longest) if busy else [phrase]
    parts.sort(key=lambda phrase: phrase.start)
    begins = [(phrase.start, phrase.speaker) for phrase in parts]
    made: list[Phrase] = []
    for phrase in parts:
        made += _split_where_others_begin(phrase, table[phrase.speaker], prices[phrase.speaker], begins, limits)
    made.sort(key=lambda phrase: phrase.start)
    return made


def _make_phrase(stream: Atoms, speaker: str | None, first: int, last: int) -> Phrase:
    return Phrase(speaker, first, last, stream.starts[first], max(stream.ends[first:last]))


def _split_at_pauses(
    table: Mapping[str | None, Atoms], broken: Mapping[str | None, list[bool]], limits: Limits
) -> list[Phrase]:
    pause = PHRASE_PAUSE / limits.tick
    found = []
    for speaker, stream in table.items():
        first = 0
        for row in range(1, len(stream) + 1):
            ends = row == len(stream) or stream.starts[row] - stream.ends[row - 1] > pause or stream.closes[row - 1]
            if ends or broken[speaker][row]:
                found.append(_make_phrase(stream, speaker, first, row))
                first = row
    return found


def _find_busy(phrases: list[Phrase]) -> list[bool]:
    """Whether somebody else talks during each of the phrases, which are sorted by their beginnings."""
    busy = [False] * len(phrases)
    talking: list[int] = []
    for number, phrase in enumerate(phrases):
        talking = [other for other in talking if phrases[other].end > phrase.start]
        for other in talking:
            if phrases[other].speaker != phrase.speaker:
                busy[other] = busy[number] = True
        talking.append(number)
    return busy


def _shorten(phrase: Phrase, stream: Atoms, prices: list[float], longest: int) -> list[Phrase]:
    """The phrase in pieces that are not too long, cut where it costs least in the later half of each."""
    found, first = [], phrase.first
    while first < phrase.last - 1 and phrase.end - stream.starts[first] > longest:
        last = first + 1
        while last < phrase.last - 1 and stream.ends[last] - stream.starts[first] <= longest:
            last += 1
        cut = min(range(first + 1 + (last - first) // 2, last + 1), key=lambda row: (prices[row], -row))
        found.append(_make_phrase(stream, phrase.speaker, first, cut))
        first = cut
    return [*found, _make_phrase(stream, phrase.speaker, first, phrase.last)]


def _split_where_others_begin(
    phrase: Phrase, stream: Atoms, prices: list[float], begins: list[tuple[int, str | None]], limits: Limits
) -> list[Phrase]:
    away, farthest = AWAY * limits.tick, round(FARTHEST / limits.tick)
    cuts: set[int] = set()
    low = bisect_right(begins, phrase.start, key=lambda item: item[0])
    high = bisect_left(begins, phrase.end, key=lambda item: item[0])
    for begin, speaker in begins[low:high]:
        if speaker == phrase.speaker:
            continue
        rows = [row for row in range(phrase.first + 1, phrase.last) if abs(stream.starts[row] - begin) <= farthest]
        best = min(rows, key=lambda row: prices[row] + away * abs(stream.starts[row] - begin), default=None)
        # At the end of the phrase nothing has to be split: the other one follows.
        wait = away * (phrase.end - begin)
        if best is not None and prices[best] + away * abs(stream.starts[best] - begin) < wait + 1.0:
            cuts.add(best)
    bounds = [phrase.first, *sorted(cuts), phrase.last]
    return [_make_phrase(stream, phrase.speaker, bounds[i], bounds[i + 1]) for i in range(len(bounds) - 1)]


def _cut_prices(phrases: list[Phrase], prices: Mapping[str | None, list[float]]) -> list[float]:
    """What a break between two cues costs before each atom.

    Between two speakers half of what it costs the one who may go on later, and half of what it costs the one who
    may have begun before: a sentence that is interrupted is broken once, be it before the other one or after him.
    """
    found: list[float] = []
    before: Phrase | None = None
    for phrase in phrases:
        own = prices[phrase.speaker]
        first = own[phrase.first]
        if before is not None and before.speaker != phrase.speaker:
            rest = prices[before.speaker]
            first = 0.5 * (first + (rest[before.last] if before.last < len(rest) else 0.0))
        found += [first, *own[phrase.first + 1 : phrase.last]]
        before = phrase
    return found


def _slack(phrases: list[Phrase], limits: Limits) -> list[int]:
    at_once = round(LATEST_AT_ONCE / limits.tick)
    found: list[int] = []
    for phrase, busy in zip(phrases, _find_busy(phrases), strict=True):
        found += [at_once if busy else limits.late] * (phrase.last - phrase.first)
    return found
