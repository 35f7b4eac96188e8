"""Lines of a finished cue, broken anew for the room that it turned out to have."""

from __future__ import annotations

from dataclasses import replace

from whisperdiar.options import SubtitleRules
from whisperdiar.subtitles._atoms import atoms
from whisperdiar.subtitles._breaks import language_rules
from whisperdiar.subtitles._division import Search, Surroundings
from whisperdiar.subtitles._limits import Limits
from whisperdiar.types import Cue, Word


def relined(cue: Cue, *, rules: SubtitleRules, language: str | None) -> Cue:
    """The same cue with its words on as few lines, as well broken, as they can be where nothing stands before them.

    Cues of two people, and those whose words are not known one by one, stay as they are.
    """
    if len(cue.lines) < 2 or cue.line_speakers or not cue.timed:
        return cue
    words = [Word(piece.span, piece.text) for line in cue.timed for piece in line]
    stream = atoms(
        words,
        cue.speaker,
        width=rules.max_columns,
        tick=rules.frame or 0.001,
        language=language_rules(language),
        full_width=rules.full_width,
    )
    n = len(stream)
    nothing = Surroundings(cuts=[0.0] * n, barriers=[0] * n, slack=[0] * n, quiet=[0] * n, reserved={}, dash=None)
    found = Search(stream, Limits.of(rules), nothing).lines(0, 0)
    if n not in found:
        return cue
    cuts = found[n][1]
    timed = tuple(tuple(stream.pieces[begin:end]) for begin, end in zip(cuts, [*cuts[1:], n], strict=True))
    lines = tuple("".join(piece.text for piece in line).strip() for line in timed)
    return replace(cue, lines=lines, timed=timed)
