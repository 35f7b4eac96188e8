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


def onsets(stream: Atoms, tick: float) -> list[int]:
    """Where the turns of one speaker begin, in ticks."""
    pause = round(TURN_PAUSE / tick)
    return [stream.starts[i] for i in range(len(stream)) if i == 0 or stream.starts[i] - stream.ends[i - 1] >= pause]


def alone(
    speaker: str | None, table: Mapping[str | None, Atoms], limits: Limits, reserved: Mapping[str | None, int]
) -> Surroundings:
    """Of a speaker's own sequence, where cues may overlap in time: the turns of others end the lingering."""
    stream = table[speaker]
    turns = sorted(start for other, found in table.items() if other != speaker for start in onsets(found, limits.tick))
    turns.append(NEVER)
    barriers, end = [], 0
    for own_end in stream.ends:
        end = own_end
        barriers.append(turns[bisect_left(turns, end)] - limits.gap)
    return Surroundings(
        cuts=cut_prices(stream, limits.tick),
        barriers=barriers,
        slack=[limits.late] * len(stream),
        quiet=[-1] * len(stream),  # cues of others share the screen with many, and then writers name both
        reserved=reserved,
        dash=None,
    )
