"""How viewers see who speaks: a name at each change, a dash for each of two people, or a colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from whisperdiar.formats._reading.labels import LABEL_AGAIN, MARK, UNKNOWN, fits_brackets, mark_prefixes
from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.cues import ReadyCue
from whisperdiar.options import SubtitleRules, WriteOptions
from whisperdiar.types import Cue, Span

PALETTE = ("FFFFFF", "FFFF00", "00FFFF", "00FF00", "FFB347", "FF9CFF", "9CC8FF", "FFA8A8")
"""RGB of the first speaker, the second …: white, yellow, cyan and green, as the BBC and the EBU order them, then light
tones of orange, magenta, blue and red. All of them stand out from the dark box or outline that players draw (a contrast
of more than 10 to 1 against black), which keeps them readable over bright pictures. From the ninth speaker on they
begin again."""

DASHES = SubtitleRules().dashes


def choose_style(style: str, *, own: str, supported: Sequence[str]) -> str:
    """The style of a format: its own for ``auto``, ``label`` in place of what it cannot show."""
    if style == "auto":
        return own
    return style if style in (*supported, "none", "label", "dash", "sdh") else "label"


def choose_label_style(options: WriteOptions) -> str:
    """What formats that show names do by themselves: a name at each change, none where a cue holds a few words only."""
    return "label" if options.rules(None).max_words is None else "none"


def format_style(options: WriteOptions, *, own: str | None = None, supported: Sequence[str] = ()) -> str:
    """The style that a file gets: the one asked for, the profile's, or the format's own (`choose_label_style`)."""
    wanted = options.rules(None).speaker_style
    default = wanted if wanted != "auto" else own or choose_label_style(options)
    return choose_style(
        options.speaker_style, own=choose_style(default, own=default, supported=supported), supported=supported
    )


def clean_names(cues: Iterable[Cue | ReadyCue], names: Mapping[str, str]) -> dict[str, str]:
    """Label → name on one line, in the order of `names`, then of the cues; a name that is empty stays so."""
    labels = dict.fromkeys(names)
    for cue in cues:
        labels |= dict.fromkeys(who for who in (cue.speaker, *cue.line_speakers) if who is not None)
    return {label: one_line(names.get(label, label)) for label in labels}


def colour_numbers(names: Mapping[str, str]) -> dict[str | None, int]:
    """Label → place in the palette."""
    return {label: index % len(PALETTE) for index, label in enumerate(names)}


def full_label(name: str, style: str = "label") -> str:
    """What stands before the text of a speaker of this name, in the style ``label`` or ``sdh``."""
    shown = one_line(name)
    if not shown:
        return ""
    return f"[{shown}] " if style == "sdh" and fits_brackets(shown) else f"{shown}: "


def line_prefixes(
    cues: Sequence[ReadyCue], names: Mapping[str, str], style: str, *, dashes: tuple[str, str] = DASHES
) -> list[tuple[str, ...]]:
    """For every cue, what stands before each of its lines.

    ``label``: the name where another person begins to speak, after `LABEL_AGAIN` seconds without a cue, and on every
    cue that shares the screen with another one. Where nobody knows who goes on after somebody, ``>>`` says that it
    is not the same person. ``sdh``: the same in brackets, and a dash before both names of a dialogue, as for the deaf
    and hard of hearing. ``dash``, and ``voice``, whose voices nobody sees: a dash on the lines of a dialogue.
    Nothing stands before lines that are labelled already.
    """
    nothing = [("",) * len(cue.lines) for cue in cues]
    found = nothing
    if style == "label":
        found = _labels(cues, names)
    elif style == "sdh":
        found = _bracketed_names(cues, names, dashes)
    elif style in ("dash", "voice"):
        found = [_dash_lines(cue, dashes) for cue in cues]
    return [none if cue.labelled else row for cue, row, none in zip(cues, found, nothing, strict=True)]


def readable_prefixes(
    cues: Sequence[ReadyCue],
    names: Mapping[str, str],
    style: str,
    *,
    told: Literal["", "cues", "lines"] = "",
    dashes: tuple[str, str] = DASHES,
) -> list[tuple[str, ...]]:
    """`line_prefixes` of a file that is read back.

    Where a name or a text would be taken for something else, a mark that is not seen tells which it is.

    Args:
        told: what the format itself says of the speakers: those of whole cues, of every line, or nothing.
        dashes: what stands before the first of two people in a dialogue, and before the second.
    """
    rows = line_prefixes(cues, names, style, dashes=dashes)
    if style == "sdh":  # so that names are told from sounds
        rows = [tuple(lead + MARK if lead.endswith("] ") else lead for lead in row) for row in rows]
    finished = [cue.labelled for cue in cues]
    if any(finished) and (style != "sdh" or all(finished)):  # they stay as they are; sounds stand among the others
        return rows
    shown, wanted = [], []
    for cue in cues:
        who = tuple(names.get(label) or None if label is not None else None for label in cue.speakers)
        known = who if told == "lines" or (told == "cues" and len(set(who)) == 1) else (None,) * len(who)
        alone = len(set(known)) == 1
        span = Span(cue.start_ms / 1000, cue.end_ms / 1000)
        shown.append(Cue(span, cue.lines, known[0] if alone else None, () if alone else known))
        labels = tuple(name.replace(MARK, "") or None if name is not None else None for name in who)
        wanted.append(
            known if style not in ("label", "sdh") else tuple(a or b for a, b in zip(known, labels, strict=True))
        )
    marked = mark_prefixes(rows, shown, wanted, label=partial(full_label, style=style))
    # A sound is nobody's, and every viewer sees that.
    return [row if cue.labelled else found for cue, row, found in zip(cues, rows, marked, strict=True)]


def _dash_lines(cue: ReadyCue, dashes: tuple[str, str]) -> tuple[str, ...]:
    speakers = cue.line_speakers
    if len(speakers) < 2:
        return ("",) * len(cue.lines)
    again = [False, *(now is not None and now == before for before, now in pairwise(speakers))]
    return tuple("" if same else dashes[line > 0] for line, same in enumerate(again))


def _bracketed_names(
    cues: Sequence[ReadyCue], names: Mapping[str, str], dashes: tuple[str, str]
) -> list[tuple[str, ...]]:
    found = []
    for cue, row in zip(cues, _labels(cues, names, style="sdh"), strict=True):
        before = _dash_lines(cue, dashes)
        known = [names.get(who, who) if who is not None else "" for who in cue.speakers]
        if any(before) and all(full_label(name, "sdh").endswith("] ") for name in known):  # both are named
            row = tuple(
                dash + _label(who, names, instead=False, style="sdh") if dash or label else ""
                for dash, label, who in zip(before, row, cue.speakers, strict=True)
            )
        found.append(row)
    return found


def _labels(cues: Sequence[ReadyCue], names: Mapping[str, str], style: str = "label") -> list[tuple[str, ...]]:
    found = []
    before: str | None = None  # who could be taken for the speaker of a line without a name
    last_end_ms = -1
    for index, cue in enumerate(cues):
        if cue.labelled:  # a sound: who speaks next is told again
            found.append(("",) * len(cue.lines))
            before, last_end_ms = None, max(last_end_ms, cue.end_ms)
            continue
        shared = cue.start_ms < last_end_ms or (index + 1 < len(cues) and cues[index + 1].start_ms < cue.end_ms)
        if shared or cue.start_ms - last_end_ms > LABEL_AGAIN * 1000:
            before = None
        row = []
        for line, speaker in enumerate(cue.speakers):
            changed = speaker != before if line == 0 else speaker != cue.speakers[line - 1]
            instead = before is not None or line > 0
            row.append(_label(speaker, names, instead=instead, style=style) if changed else "")
            before = speaker
        found.append(tuple(row))
        before = None if shared or cue.line_speakers else before
        last_end_ms = max(last_end_ms, cue.end_ms)
    return found


def _label(speaker: str | None, names: Mapping[str, str], *, instead: bool, style: str) -> str:
    name = "" if speaker is None else names.get(speaker, speaker).replace(MARK, "")
    return full_label(name, style) if name else f"{UNKNOWN} " if instead else ""
