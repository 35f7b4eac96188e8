"""Who talks when, in atoms: each speaker's own sequence, turns, and all speakers in one sequence."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter

from whisperdiar.options import SubtitleRules
from whisperdiar.subtitles._atoms import Atoms, atoms
from whisperdiar.subtitles._breaks import language_rules
from whisperdiar.subtitles._division import Surroundings, cut_prices
from whisperdiar.subtitles._limits import Limits
from whisperdiar.transcript import Segment
from whisperdiar.types import Word

NEVER = 1 << 60
NAME_AGAIN = 5.0
"""Seconds of silence after which a writer names the speaker again."""
TURN_PAUSE = 0.5
"""A turn begins where its speaker was silent for so many seconds."""


def streams(
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
        made = atoms(
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
        begun = sorted((start, place) for place, found in enumerate(table.values()) for start in onsets(found, tick))
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


def onsets(stream: Atoms, tick: float) -> list[int]:
    """Where the turns of one speaker begin, in ticks."""
    pause = round(TURN_PAUSE / tick)
    return [stream.starts[i] for i in range(len(stream)) if i == 0 or stream.starts[i] - stream.ends[i - 1] >= pause]


def alone(
    speaker: str | None, stream: Atoms, turns: Turns, limits: Limits, reserved: Mapping[str | None, int]
) -> Surroundings:
    """Of a speaker's own sequence, where cues may overlap in time: the turns of others end the lingering."""
    return Surroundings(
        cuts=cut_prices(stream, limits.tick),
        barriers=[turns.following(speaker, end) - limits.gap for end in stream.ends],
        slack=[limits.late] * len(stream),
        quiet=[-1] * len(stream),  # cues of others share the screen with many, and then writers name both
        reserved=reserved,
        dash=None,
    )
