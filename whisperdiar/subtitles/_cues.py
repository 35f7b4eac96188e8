"""Parts of a division → cues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whisperdiar.subtitles._atoms import Atoms
from whisperdiar.subtitles._division import Limits, Part, Surroundings, _Search, divide
from whisperdiar.subtitles._merging import together
from whisperdiar.subtitles._streams import TURN_PAUSE, alone
from whisperdiar.subtitles._timing import Shown
from whisperdiar.types import Cue, Span, TimedText


@dataclass(frozen=True, slots=True)
class Draft:
    """A cue before its end is known: its lines' pieces, who says each line, and its time."""

    lines: tuple[tuple[TimedText, ...], ...]
    speakers: tuple[str | None, ...]
    shown: Shown


def drafts(
    table: Mapping[str | None, Atoms],
    limits: Limits,
    reserved: Mapping[str | None, int],
    *,
    overlap: bool,
    dashes: bool,
) -> list[Draft]:
    """All cues of all speakers, without their ends."""
    if not overlap:
        merged, around = together(table, limits, reserved, dash=2 if dashes else 0)
        return _drafts(merged, limits, around, key="all")
    made: list[Draft] = []
    for speaker, stream in table.items():
        made += _drafts(stream, limits, alone(speaker, table, limits, reserved), key=(speaker,))
    return made


def _drafts(atoms: Atoms, limits: Limits, around: Surroundings, *, key: object) -> list[Draft]:
    search = _Search(atoms, limits, around)
    pause = round(TURN_PAUSE / limits.tick)
    made = []
    for part in divide(atoms, limits, around):
        rows = range(part.first, part.last)
        lines = _dialogue_rows(atoms, part) if part.dialogue else _line_rows(search, part, around)
        own = [atoms.speakers[line[0]] for line in lines]
        dash = (around.dash or 0) if part.dialogue else 0
        length = sum(atoms.lengths[row] for line in lines for row in line) - sum(atoms.leads[line[0]] for line in lines)
        extra = [min(around.reserved.get(speaker, 0), limits.width // 2) + dash for speaker in own]
        length += sum(extra) if part.dialogue else extra[0]
        words = sum(1 for line in lines for place, row in enumerate(line) if atoms.leads[row] or not place)
        first = part.first
        shown = Shown(
            start=part.start,
            said=max(atoms.ends[row] for row in rows),
            need=limits.need(length, words),
            turn=first == 0 or atoms.starts[first] - atoms.ends[first - 1] >= pause,
            key=key,
        )
        texts = tuple(tuple(atoms.pieces[row] for row in line) for line in lines)
        made.append(Draft(texts, tuple(own), shown))
    return made


def _line_rows(search: _Search, part: Part, around: Surroundings) -> list[list[int]]:
    speaker = search.atoms.speakers[part.first]
    reserved = min(around.reserved.get(speaker, 0), search.limits.width // 2)
    found = search.lines(part.first, part.last, reserved)
    cuts = [part.first] if found is None else found[1]
    return [list(range(begin, end)) for begin, end in zip(cuts, [*cuts[1:], part.last], strict=True)]


def _dialogue_rows(atoms: Atoms, part: Part) -> list[list[int]]:
    found: dict[str | None, list[int]] = {}
    for row in range(part.first, part.last):
        found.setdefault(atoms.speakers[row], []).append(row)
    return list(found.values())


def build(draft: Draft, limits: Limits) -> Cue:
    """The cue itself, in seconds."""
    span = Span(draft.shown.start * limits.tick, draft.shown.end * limits.tick)
    lines = tuple("".join(piece.text for piece in line).strip() for line in draft.lines)
    alone = len(set(draft.speakers)) == 1
    return Cue(
        span,
        lines,
        draft.speakers[0] if alone else None,
        () if alone else draft.speakers,
        draft.lines,
    )
