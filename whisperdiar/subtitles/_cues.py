"""Cue building: the parts of a division → cues.

Lines of a finished cue, broken anew for the room that it turned out to have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from whisperdiar.options import SubtitleRules
from whisperdiar.subtitles._atoms import Atoms, make_atoms
from whisperdiar.subtitles._breaks import language_rules
from whisperdiar.subtitles._division import Part, Search, Surroundings, divide
from whisperdiar.subtitles._limits import Limits
from whisperdiar.subtitles._streams import TURN_PAUSE, Sentences, Turns, surround_alone, surround_together
from whisperdiar.subtitles._timing import TimedCue, spread_starts
from whisperdiar.text.graphemes import columns
from whisperdiar.types import Cue, Span, TimedText, Word


def reflow_lines(cue: Cue, *, rules: SubtitleRules, language: str | None) -> Cue:
    """The same cue with its words on as few lines, as well broken, as they can be where nothing stands before them.

    Cues of two people, and those whose words are not known one by one, stay as they are.
    """
    if len(cue.lines) < 2 or cue.line_speakers or not cue.timed:
        return cue
    words = [Word(piece.span, piece.text) for line in cue.timed for piece in line]
    stream = make_atoms(
        words,
        cue.speaker,
        width=rules.max_columns,
        tick=rules.frame or 0.001,
        language=language_rules(language),
        full_width=rules.full_width,
    )
    n = len(stream)
    nothing = Surroundings(
        cuts=[0.0] * n,
        barriers=[0] * n,
        slack=[0] * n,
        quiet=[0] * n,
        broken=[False] * n,
        reserved={},
        dash=None,
    )
    found = Search(stream, Limits.of(rules), nothing).lines(0, 0)
    if n not in found:
        return cue
    cuts = found[n][1]
    timed = tuple(tuple(stream.pieces[begin:end]) for begin, end in zip(cuts, [*cuts[1:], n], strict=True))
    lines = tuple("".join(piece.text for piece in line).strip() for line in timed)
    return replace(cue, lines=lines, timed=timed)


_NEVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Draft:
    """A cue before its end is known: its lines' pieces, who says each line, its time, its characters and words."""

    lines: tuple[tuple[TimedText, ...], ...]
    speakers: tuple[str | None, ...]
    shown: TimedCue
    length: float
    words: int


def draft_cues(
    table: Mapping[str | None, Atoms],
    limits: Limits,
    reserved: Mapping[str | None, int],
    *,
    overlap: bool,
    dash: int | None,
) -> list[Draft]:
    """All cues of all speakers, without their ends.

    Args:
        dash: columns before each line of a cue of two people, beside the names; None where cues that may overlap
            in time are not joined to such.
    """
    if not table:
        return []
    if not overlap:
        merged, around = surround_together(table, limits, reserved, dash=dash or 0)
        return _draft_part(merged, limits, around, lane="all")
    made: list[Draft] = []
    turns, sentences = Turns(table, limits.tick), Sentences(table)
    for speaker, stream in table.items():
        around = surround_alone(speaker, stream, turns, sentences, limits, reserved)
        made += _draft_part(stream, limits, around, lane=(speaker,))
    return made if dash is None else join_drafts(made, limits, reserved, dash)


def _draft_part(atoms: Atoms, limits: Limits, around: Surroundings, *, lane: object) -> list[Draft]:
    search = Search(atoms, limits, around)
    pause = round(TURN_PAUSE / limits.tick)
    made: list[Draft] = []
    dialogue = False
    for part in divide(search):
        lines = _dialogue_rows(atoms, part) if part.dialogue else _line_rows(search, part, around)
        own = tuple(atoms.speakers[line[0]] for line in lines)
        length = sum(atoms.lengths[row] for line in lines for row in line) - sum(atoms.leads[line[0]] for line in lines)
        said = max(atoms.ends[row] for row in range(part.first, part.last))
        if part.dialogue:
            length += sum(around.room(speaker, limits) + (around.dash or 0) for speaker in own)
        elif dialogue or said > around.quiet[part.first]:
            length += around.room(own[0], limits)
        dialogue = part.dialogue
        words = sum(1 for line in lines for place, row in enumerate(line) if atoms.leads[row] or not place)
        first = part.first
        shown = TimedCue(
            start=part.start,
            said=said,
            need=limits.need(length, words),
            turn=first == 0 or atoms.starts[first] - atoms.ends[first - 1] >= pause,
            lanes=frozenset([lane]),
        )
        texts = tuple(tuple(atoms.pieces[row] for row in line) for line in lines)
        made.append(Draft(texts, own, shown, length, words))
    spread_starts([draft.shown for draft in made], limits)
    return made


def join_drafts(made: list[Draft], limits: Limits, reserved: Mapping[str | None, int], dash: int) -> list[Draft]:
    """Two people's cues of one line that follow each other so fast that the first could not be read become one."""
    ordered = sorted(made, key=lambda draft: draft.shown.start)
    upcoming: dict[object, int] = {}
    after: list[int] = []  # for each cue, when the next one of its speaker comes
    for draft in reversed(ordered):
        (lane,) = draft.shown.lanes
        after.append(upcoming.get(lane, _NEVER))
        upcoming[lane] = draft.shown.start
    after.reverse()
    found: list[Draft] = []
    free: dict[object, int] = {}  # for each speaker, when his last cue can have been read
    number = 0
    while number < len(ordered):
        pair = ordered[number : number + 2]
        both = _join_pair(pair, limits, reserved, dash) if len(pair) == 2 else None
        taken = ordered[number]
        if both is not None:
            fits = both.shown.start + both.shown.need <= min(after[number : number + 2]) - limits.gap
            if fits and all(free.get(lane, -_NEVER) <= both.shown.start - limits.gap for lane in both.shown.lanes):
                taken = both
                number += 1
        found.append(taken)
        number += 1
        free.update(dict.fromkeys(taken.shown.lanes, taken.shown.start + taken.shown.need))
    return found


def _join_pair(pair: list[Draft], limits: Limits, reserved: Mapping[str | None, int], dash: int) -> Draft | None:
    first, second = pair
    if first.shown.lanes == second.shown.lanes or len(first.lines) > 1 or len(second.lines) > 1 or limits.lines < 2:
        return None
    hurried = second.shown.start - limits.gap < first.shown.start + first.shown.need
    said = max(first.shown.said, second.shown.said)
    if not hurried or said - first.shown.start > limits.longest:
        return None
    for draft in pair:
        name = min(reserved.get(draft.speakers[0], 0), limits.width // 2)
        if columns(_text(draft.lines[0])) + name + dash > limits.width:
            return None
    length, words = first.length + second.length + 2 * dash, first.words + second.words
    need = limits.need(length, words)
    if need > limits.longest or words > limits.words:
        return None
    lanes = first.shown.lanes | second.shown.lanes
    shown = TimedCue(first.shown.start, said, need, first.shown.turn or second.shown.turn, lanes)
    return Draft(first.lines + second.lines, first.speakers + second.speakers, shown, length, words)


def _text(line: tuple[TimedText, ...]) -> str:
    return "".join(piece.text for piece in line).strip()


def _line_rows(search: Search, part: Part, around: Surroundings) -> list[list[int]]:
    speaker = search.atoms.speakers[part.first]
    found = search.lines(part.first, around.room(speaker, search.limits))
    cuts = found[part.last][1] if part.last in found else [part.first]
    return [list(range(begin, end)) for begin, end in zip(cuts, [*cuts[1:], part.last], strict=True)]


def _dialogue_rows(atoms: Atoms, part: Part) -> list[list[int]]:
    found: dict[str | None, list[int]] = {}
    for row in range(part.first, part.last):
        found.setdefault(atoms.speakers[row], []).append(row)
    return list(found.values())


def build_cue(draft: Draft, limits: Limits) -> Cue:
    """The cue itself, in seconds."""
    span = Span(draft.shown.start / limits.rate, draft.shown.end / limits.rate)
    lines = tuple(_text(line) for line in draft.lines)
    alone = len(set(draft.speakers)) == 1
    return Cue(
        span,
        lines,
        draft.speakers[0] if alone else None,
        () if alone else draft.speakers,
        draft.lines,
    )
