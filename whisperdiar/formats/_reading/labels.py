"""Who speaks, as text that viewers see: ``Anna: `` at a change of speaker, a dash for each of two people.

`_writing.speakers` writes labels, `split_labels` reads them; `mark_prefixes` makes each the other's reverse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from whisperdiar.formats._text import JOINER
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Cue, TimedText

LABEL_AGAIN = 5.0
"""Seconds without a cue after which a speaker is named again, although nobody else has spoken."""

UNKNOWN = ">>"
"""Says that somebody else goes on, where nobody knows who (a custom of captions)."""

NEARLY_ALL = 0.8
"""Share of the cues of a file that begin with ``xxx: ``, from which on all of these are names."""

MARK = JOINER
"""Not seen: before the colon of a label that would not be taken for one, and before a text that would be."""

_MARKED = re.compile(rf"(?P<name>[^{MARK}]+){MARK}[:：](?:\s+(?P<rest>\S.*)|\s*)")
_LABEL = re.compile(r"(?P<name>[^\s:：][^:：\n]{0,59}?)\s?[:：](?:\s+(?P<rest>\S.*)|\s*)")
_BRACKET = re.compile(r"[\[(]\s*(?P<name>[^\[\]():：\n]{1,60}?)\s*[\])](?P<colon>\s?[:：])?(?:\s+(?P<rest>\S.*)|\s*)")
_DASH = re.compile(r"[-‐‑–—−]\s*(?=\S)")
_CHANGE = re.compile(r">>+\s*")
_SPEAKER = re.compile(r"SPEAKER[_ ]?\d+", re.IGNORECASE)
_NO_NAME = frozenset('?!,;…"“”«»[]()♪=\\')
_LONGEST_PARTICLE = 3
_LONGEST_ABBREVIATION = 4
_MOST_WORDS = 4
_MOST_WORDS_UNKNOWN = 5
_SHORT_NAME = 3

_Kind = Literal["none", "sure", "name", "other", "bracket", "effect"]


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a cue, taken apart: `name` None without a label; `change` where a dash or ``>>`` stood before it.

    `kind` of the label: ``sure`` by its form; ``name`` where it looks like one, ``other`` where it does not;
    ``bracket`` without a colon; ``effect``: a bracket and nothing else. `marked`: `MARK` stands behind the dash.
    """

    text: str
    name: str | None
    labelled: str
    dash: bool
    change: bool
    kind: _Kind = "none"
    marked: bool = False

    @property
    def unknown(self) -> bool:
        """Whether this may be the label of somebody whom the file does not make known."""
        if self.name is None or self.kind not in ("name", "other"):
            return False
        words = self.name.split()
        small = len(words) > 1 and all(word[0].islower() for word in words)  # a sentence goes on: "and he said: "
        return len(words) <= _MOST_WORDS_UNKNOWN and not small and any(letter.isalpha() for letter in self.name)


@dataclass(frozen=True, slots=True)
class _Known:
    """The names that a file makes known: before a colon, and in brackets without one."""

    names: frozenset[str]
    brackets: frozenset[str]

    def name(self, line: _Line) -> str | None:
        if line.kind == "sure":
            return line.name
        known = self.brackets if line.kind == "bracket" else self.names
        return line.name if line.name in known else None


def split_labels(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """Cues (in the order of a file) whose speakers stand in their text → the same with `speaker` and clean lines.

    Labels by their form are ``[Anna]: ``, ``[SPEAKER_00] `` and what `MARK` marks. A beginning such as ``Anna: `` is a
    label where it looks like a name and the file names its speakers: its first cue does, or that name begins a second
    line, or it is in capitals; and whatever it looks like where nearly all cues begin so. ``[Anna] text`` is one where
    nearly all cues begin so, or where sounds are told from names by small letters (``[door slams]``).

    A cue without a label that follows within `LABEL_AGAIN` is the same speaker's, unless it begins with what may be an
    unknown label: then it is nobody's. Cues that know their speaker already are left alone.
    """
    parted = [[_parse_line(line) for line in cue.lines] for cue in cues]
    known = _collect_names(parted)
    found: list[Cue] = []
    current: str | None = None
    last_end = float("-inf")
    for cue, lines in zip(cues, parted, strict=True):
        unknown = bool(lines) and lines[0].unknown and known.name(lines[0]) is None
        # In milliseconds, so that what is written and what is read agree about the limit.
        follows = 0.0 <= round(cue.span.start - last_end, 3) <= LABEL_AGAIN
        goes_on = follows and not unknown and not (lines and lines[0].change)
        made = _assign_names(cue, lines, known, current if goes_on else None)
        found.append(made)
        overlaps = round(cue.span.start - last_end, 3) < 0.0
        single = overlaps or cue.speaker is not None or any(line.kind == "bracket" for line in lines)
        current = None if single else made.speaker
        last_end = max(last_end, cue.span.end)
    return tuple(found)


def _parse_line(line: str) -> _Line:
    text = line.strip()
    if text.startswith(MARK):
        return _Line(text[1:], None, text[1:], False, False)
    if marked := _MARKED.fullmatch(text):
        return _Line(text, marked["name"].strip(), marked["rest"] or "", False, False, "sure")
    dash = _DASH.match(text)
    text = text[dash.end() :] if dash else text
    change = _CHANGE.match(text)
    text = text[change.end() :] if change and change.end() < len(text) else text
    name, rest, kind = _label_of(text)
    behind = dash is not None and text.startswith(MARK)
    plain = text[1:] if text.startswith(MARK) else text
    return _Line(plain, name, plain if name is None else rest, dash is not None, change is not None, kind, behind)


def _is_dialogue(lines: Sequence[_Line]) -> bool:
    """Whether dashes tell two people apart: before the first line and another one, or before the second person alone.

    The second way is that of some languages. A dash there is one of dialogue where a sentence ends before it.
    """
    if lines[0].dash:
        return sum(line.dash for line in lines) > 1
    return any(
        line.dash and (line.marked or last_mark(before.text) in SENTENCE_END) for before, line in pairwise(lines)
    )


def _label_of(text: str) -> tuple[str | None, str, _Kind]:
    """The name before a text, what follows it, and how it stands there."""
    if text.startswith(MARK):
        return None, text, "none"
    if (bracket := _BRACKET.fullmatch(text)) and any(letter.isalnum() for letter in bracket["name"]):
        name, rest = bracket["name"], bracket["rest"] or ""
        if bracket["colon"] or _SPEAKER.fullmatch(name) or rest.startswith(MARK):
            return name, rest.removeprefix(MARK), "sure"
        return (name, rest, "bracket") if rest else (None, text, "effect")
    label = _LABEL.fullmatch(text)
    if label is None:
        return None, text, "none"
    name = label["name"].strip()
    return name, label["rest"] or "", "name" if _is_like_name(name) else "other"


def split_label(text: str) -> tuple[str | None, str]:
    """Name and text of a paragraph by itself: a label is what is marked, or up to three words before a colon.

    Texts of transcripts name a speaker in nearly every paragraph, and names there need not look like one.
    """
    if text.startswith(MARK):
        return None, text[1:]
    if marked := _MARKED.fullmatch(text):
        return marked["name"], marked["rest"] or ""
    name, rest, kind = _label_of(text)
    known = kind in ("sure", "name") or (name is not None and kind == "other" and len(name.split()) <= _SHORT_NAME)
    return (name, rest) if known and rest else (None, text)


def join_label(name: str, text: str) -> str:
    """The reverse of `split_label`; an empty name is nobody's. Marked where it would be read otherwise."""
    if not name:
        return text if split_label(text) == (None, text) else MARK + text
    shown = name.replace(MARK, "")
    plain = f"{shown}: {text}"
    return plain if split_label(plain) == (shown, text) else f"{shown}{MARK}: {text}"


def _is_like_name(text: str) -> bool:
    words = text.split()
    if not 1 <= len(words) <= _MOST_WORDS or _NO_NAME & set(text) or not any(letter.isalpha() for letter in text):
        return False
    if any("." in word[:-1] or (word.endswith(".") and len(word) > _LONGEST_ABBREVIATION) for word in words):
        return False
    small = [word for word in words if word[0].islower()]
    return not words[0][0].islower() and all(len(word) <= _LONGEST_PARTICLE for word in small)


def _collect_names(parted: Sequence[Sequence[_Line]]) -> _Known:
    lines = [line for cue in parted for line in cue]
    firsts = [cue[0] for cue in parted if cue]
    alike = Counter(line.name for line in lines if line.name is not None and line.kind == "name")
    everywhere = bool(firsts) and firsts[0].kind == "name"
    names = {
        name for name, count in alike.items() if everywhere or count > 1 or name.isupper() or _SPEAKER.fullmatch(name)
    }
    if _nearly_all([line.kind in ("sure", "name", "other") and line.labelled != "" for line in firsts]):
        names |= {line.name for line in firsts if line.name is not None and line.kind in ("name", "other")}
    return _Known(frozenset(names), _known_brackets(lines, firsts))


def _nearly_all(labelled: Sequence[bool]) -> bool:
    return len(labelled) > 1 and sum(labelled) >= NEARLY_ALL * len(labelled)


def _known_brackets(lines: Sequence[_Line], firsts: Sequence[_Line]) -> frozenset[str]:
    """Names in brackets that begin a line: ``[Anna] Hi`` has one, ``[sighs] Hi`` and ``[Music]`` alone have none."""
    counts = Counter(line.name for line in lines if line.kind == "bracket" and line.name is not None)
    if _nearly_all([line.kind == "bracket" for line in firsts if line.kind != "effect"]):
        return frozenset(name for name in counts if not name[0].islower())
    sounds = [line.text.strip("[]() ") for line in lines if line.kind == "effect"]
    if any(not sound[:1].islower() for sound in sounds):
        return frozenset()
    alike = {name: count for name, count in counts.items() if _is_like_name(name)}
    return frozenset(name for name, count in alike.items() if sounds or count > 1)


def _assign_names(cue: Cue, lines: Sequence[_Line], known: _Known, before: str | None) -> Cue:
    """The cue with its speakers; `before` is whose it is where its first line names nobody."""
    if cue.speaker is not None or cue.line_speakers:
        return _remove_repeated_names(cue, lines)
    if not lines:
        return cue
    dialogue = _is_dialogue(lines)
    names = [known.name(line) for line in lines]
    if dialogue or any(name is not None or line.change for name, line in zip(names[1:], lines[1:], strict=True)):
        return _split_dialogue(cue, lines, names, before=None if dialogue else before)
    if names[0] is None:
        texts = [_remove_label_marks(shown, line) for shown, line in zip(cue.lines, lines, strict=True)]
        return replace(_with_lines(cue, texts), speaker=before)
    made = _replace_first(cue, lines[0].labelled, names[0])
    rest = made.lines[len(made.lines) - len(lines) + 1 :]
    texts = [_remove_label_marks(shown, line) for shown, line in zip(rest, lines[1:], strict=True)]
    return _with_lines(made, [*made.lines[: len(made.lines) - len(rest)], *texts])


def _remove_label_marks(shown: str, line: _Line) -> str:
    """A line that no label begins: without the sign of a change and without a mark; a dash stays."""
    if line.change:
        return line.text
    return shown.strip().removeprefix(MARK)


def _with_lines(cue: Cue, texts: Sequence[str]) -> Cue:
    if tuple(texts) == cue.lines:
        return cue
    timed = tuple(_cut_row(row, text) for row, text in zip(cue.timed, texts, strict=True)) if cue.timed else ()
    return replace(cue, lines=tuple(texts), timed=timed)


def _remove_repeated_names(cue: Cue, lines: Sequence[_Line]) -> Cue:
    """Without the names and dashes in the text of a cue whose speakers the file tells by itself."""
    speakers = cue.line_speakers or (cue.speaker,) * len(cue.lines)
    dialogue = len(set(cue.line_speakers)) > 1 and (all(line.dash for line in lines) or _is_dialogue(lines))
    texts = []
    for shown, line, speaker in zip(cue.lines, lines, speakers, strict=True):
        if speaker is not None and line.name is not None and line.labelled and _is_same_name(line.name, speaker):
            texts.append(line.labelled)
        else:
            texts.append(line.text if dialogue or (speaker is None and line.change) else shown.removeprefix(MARK))
    timed = tuple(_cut_row(row, text) for row, text in zip(cue.timed, texts, strict=True)) if cue.timed else ()
    return replace(cue, lines=tuple(texts), timed=timed)


def _is_same_name(name: str, speaker: str) -> bool:
    """Formats write some characters of a name as others (a brace as a wide one, a comma as a low quote)."""
    return [x for x in name if x.isalnum()] == [x for x in speaker if x.isalnum()]


def _cut_row(row: Sequence[TimedText], text: str) -> tuple[TimedText, ...]:
    """The end of a line's pieces that holds this text."""
    left = len("".join(piece.text for piece in row).rstrip()) - len(text)
    kept: list[TimedText] = []
    for piece in row:
        if left < len(piece.text):
            kept.append(replace(piece, text=piece.text[max(0, left) :]))
        left -= len(piece.text)
    return tuple(kept)


def _replace_first(cue: Cue, text: str, speaker: str | None) -> Cue:
    """The cue with another first line, or without it where nothing but a label stood there."""
    if not text and len(cue.lines) > 1:
        return replace(cue, lines=cue.lines[1:], speaker=speaker, timed=cue.timed[1:])
    timed = (_cut_row(cue.timed[0], text), *cue.timed[1:]) if cue.timed else ()
    return replace(cue, lines=(text, *cue.lines[1:]), speaker=speaker, timed=timed)


def _split_dialogue(cue: Cue, lines: Sequence[_Line], names: Sequence[str | None], *, before: str | None) -> Cue:
    """Several people in one cue; a line that neither a dash nor a label begins goes on with the one before."""
    texts: list[str] = []
    speakers: list[str | None] = []
    timed: list[tuple[TimedText, ...]] = []
    dialogue = _is_dialogue(lines)
    current = before
    for index, (cleaned, line, name) in enumerate(zip(lines, cue.lines, names, strict=True)):
        if name is not None:
            current, text = name, cleaned.labelled
        elif dialogue:
            current, text = None if cleaned.dash else current, cleaned.text
        else:
            text = _remove_label_marks(line, cleaned)
            # A new line of somebody unknown is nobody's; one that only goes on begins without a capital.
            nobody = cleaned.change or (cleaned.unknown and not cleaned.text[:1].islower())
            current = None if nobody else current
        if text:
            texts.append(text)
            speakers.append(current)
            timed += [_cut_row(cue.timed[index], text)] if cue.timed else []
    return replace(cue, lines=tuple(texts), line_speakers=tuple(speakers), timed=tuple(timed))


def fits_brackets(name: str) -> bool:
    """Whether a name in brackets is read as one."""
    found = _BRACKET.fullmatch(f"[{name}] {MARK}x")
    return found is not None and found["name"] == name and any(letter.isalnum() for letter in name)


def mark_prefixes(
    leads: Sequence[tuple[str, ...]],
    cues: Sequence[Cue],
    wanted: Sequence[Sequence[str | None]],
    *,
    label: Callable[[str], str],
) -> list[tuple[str, ...]]:
    """What stands before each line of cues, with `MARK` wherever `split_labels` would find other speakers or texts.

    Args:
        leads: ``Anna: ``, ``>> ``, a dash or nothing for every line.
        cues: their lines without that, and the speakers that the file tells beside the text.
        wanted: who has to be found for every line.
        label: what stands before the text of a speaker of this name.
    """
    marked = list(leads)
    for attempt in range(3):  # marks where they are wanted, then names that could be left out, then all
        wrong = _read_otherwise(marked, cues, wanted)
        for index in wrong and (range(len(cues)) if attempt == 2 else wrong):
            told = cues[index].line_speakers or (cues[index].speaker,) * len(cues[index].lines)
            row = []
            for lead, line, who, known in zip(leads[index], cues[index].lines, wanted[index], told, strict=True):
                named = lead
                if attempt and known is None and (who is not None or (index in wrong and not lead)):
                    named = f"{UNKNOWN} " if who is None else label(who)
                row.append(_mark(named) if attempt == 2 or _is_doubtful(named, line) else named)
            marked[index] = tuple(row)
    return marked


def _read_otherwise(
    leads: Sequence[tuple[str, ...]], cues: Sequence[Cue], wanted: Sequence[Sequence[str | None]]
) -> set[int]:
    """Places of the cues that `split_labels` reads otherwise."""
    shown = [
        replace(cue, lines=tuple(lead + line for lead, line in zip(row, cue.lines, strict=True)))
        for cue, row in zip(cues, leads, strict=True)
    ]
    found = zip(split_labels(shown), cues, wanted, strict=True)
    return {
        index
        for index, (read, cue, who) in enumerate(found)
        if read.lines != cue.lines or (read.line_speakers or (read.speaker,) * len(read.lines)) != tuple(who)
    }


def _is_doubtful(lead: str, line: str) -> bool:
    part = _parse_line(lead + line)
    return part.name is not None or part.dash or part.change or line.startswith(MARK) or _is_label(lead)


def _is_label(lead: str) -> bool:
    return lead.endswith(": ")


def _mark(lead: str) -> str:
    if _is_label(lead):
        return f"{lead[:-2]}{MARK}: "
    return lead if lead.endswith(MARK) else lead + MARK
