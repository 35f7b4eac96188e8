"""Who speaks, as text that viewers see: ``Anna: `` at a change of speaker, a dash for each of two people.

The rule of `label_starts` writes labels, `split_labels` reads them; each is the other's reverse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from whisperdiar.types import Cue, TimedText

LABEL_AGAIN = 5.0
"""Seconds without a cue after which a speaker is named again, although nobody else has spoken."""

UNKNOWN = ">>"
"""Says that somebody else goes on, where nobody knows who (a custom of captions)."""

_LABEL = re.compile(r"(?P<name>[^\s:：][^:：\n]{0,39}?)\s?[:：](?:\s+(?P<rest>\S.*)|\s*)")
_DASH = re.compile(r"[-‐‑–—−]\s*(?=\S)")
_CHANGE = re.compile(r">>+\s*")
_SPEAKER = re.compile(r"SPEAKER[_ ]\d+")
_NO_NAME = frozenset('?!,;…"“”«»[]()♪=\\')
_LONGEST_PARTICLE = 3
_LONGEST_ABBREVIATION = 4
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a cue, taken apart: `name` None without a label; `change` where a dash or ``>>`` stood before it."""

    text: str
    name: str | None
    labelled: str
    dash: bool
    change: bool


def split_labels(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """Cues (in the order of a file) whose speakers stand in their text → the same with `speaker` and clean lines.

    A beginning such as ``Anna:`` is a label where it looks like a name and the file names its speakers: its first cue
    does, or that name begins a second line, or it is in capitals. A cue without a label that follows within
    `LABEL_AGAIN` is the same speaker's. Cues that know their speaker already are left alone.
    """
    parted = [[_part(line) for line in cue.lines] for cue in cues]
    known = _known_names(parted)
    found: list[Cue] = []
    current: str | None = None
    last_end = float("-inf")
    for cue, lines in zip(cues, parted, strict=True):
        made = _named(cue, lines, known)
        changed = any(line.change for line in lines)
        follows = 0.0 <= cue.span.start - last_end <= LABEL_AGAIN
        if made.speaker is None and not made.line_speakers and not changed and current is not None and follows:
            made = replace(made, speaker=current)
        found.append(made)
        overlaps = cue.span.start < last_end
        current = None if overlaps or cue.speaker is not None else made.speaker
        last_end = max(last_end, cue.span.end)
    return tuple(found)


def _part(line: str) -> _Line:
    text = line.strip()
    dash = _DASH.match(text)
    text = text[dash.end() :] if dash else text
    change = _CHANGE.match(text)
    text = text[change.end() :] if change and change.end() < len(text) else text
    label = _LABEL.fullmatch(text)
    name = label["name"].strip() if label and _like_a_name(label["name"]) else None
    return _Line(text, name, (label["rest"] or "") if label else text, dash is not None, change is not None)


def _like_a_name(text: str) -> bool:
    words = text.split()
    if not 1 <= len(words) <= _MOST_WORDS or _NO_NAME & set(text) or not any(letter.isalpha() for letter in text):
        return False
    if any("." in word[:-1] or (word.endswith(".") and len(word) > _LONGEST_ABBREVIATION) for word in words):
        return False
    small = [word for word in words if word[0].islower()]
    return not words[0][0].islower() and all(len(word) <= _LONGEST_PARTICLE for word in small)


def _known_names(parted: Sequence[Sequence[_Line]]) -> set[str]:
    counts = Counter(line.name for lines in parted for line in lines if line.name is not None)
    first = next((lines[0] for lines in parted if lines), None)
    everywhere = first is not None and first.name is not None
    return {
        name for name, count in counts.items() if everywhere or count > 1 or name.isupper() or _SPEAKER.fullmatch(name)
    }


def _named(cue: Cue, lines: Sequence[_Line], known: set[str]) -> Cue:
    if cue.speaker is not None or cue.line_speakers:
        return _told_twice(cue, lines)
    if not lines:
        return cue
    dashes = sum(line.dash for line in lines)
    dialogue = lines[0].dash and dashes > 1
    names = [line.name if line.name in known else None for line in lines]
    if dialogue or any(name is not None for name in names[1:]):
        return _dialogue(cue, lines, names, dialogue=dialogue)
    if names[0] is None:
        text = lines[0].text if lines[0].change else cue.lines[0].strip()
        return cue if text == cue.lines[0] else _with_first(cue, text, None)
    return _with_first(cue, lines[0].labelled, names[0])


def _told_twice(cue: Cue, lines: Sequence[_Line]) -> Cue:
    """Without the names and dashes in the text of a cue whose speakers the file tells by itself."""
    speakers = cue.line_speakers or (cue.speaker,) * len(cue.lines)
    dialogue = len(set(cue.line_speakers)) > 1 and all(line.dash for line in lines)
    texts = []
    for shown, line, speaker in zip(cue.lines, lines, speakers, strict=True):
        if speaker is not None and line.name is not None and line.labelled and _same(line.name, speaker):
            texts.append(line.labelled)
        else:
            texts.append(line.text if dialogue or (speaker is None and line.change) else shown)
    timed = tuple(_cut(row, text) for row, text in zip(cue.timed, texts, strict=True)) if cue.timed else ()
    return replace(cue, lines=tuple(texts), timed=timed)


def _same(name: str, speaker: str) -> bool:
    """Formats write some characters of a name as others (a brace as a wide one, a comma as a low quote)."""
    return [x for x in name if x.isalnum()] == [x for x in speaker if x.isalnum()]


def _cut(row: Sequence[TimedText], text: str) -> tuple[TimedText, ...]:
    """The end of a line's pieces that holds this text."""
    left = len("".join(piece.text for piece in row).rstrip()) - len(text)
    kept: list[TimedText] = []
    for piece in row:
        if left < len(piece.text):
            kept.append(replace(piece, text=piece.text[max(0, left) :]))
        left -= len(piece.text)
    return tuple(kept)


def _with_first(cue: Cue, text: str, speaker: str | None) -> Cue:
    """The cue with another first line, or without it where nothing but a label stood there."""
    if not text and len(cue.lines) > 1:
        return replace(cue, lines=cue.lines[1:], speaker=speaker, timed=cue.timed[1:])
    timed = (_cut(cue.timed[0], text), *cue.timed[1:]) if cue.timed else ()
    return replace(cue, lines=(text, *cue.lines[1:]), speaker=speaker, timed=timed)


def _dialogue(cue: Cue, lines: Sequence[_Line], names: Sequence[str | None], *, dialogue: bool) -> Cue:
    """Several people in one cue; a line that neither a dash nor a label begins goes on with the one before."""
    texts: list[str] = []
    speakers: list[str | None] = []
    timed: list[tuple[TimedText, ...]] = []
    current: str | None = None
    for index, (cleaned, line, name) in enumerate(zip(lines, cue.lines, names, strict=True)):
        if name is not None:
            current, text = name, cleaned.labelled
        elif dialogue:
            current, text = None if cleaned.dash else current, cleaned.text
        else:
            text = cleaned.text if cleaned.change else line.strip()
        if text:
            texts.append(text)
            speakers.append(current)
            timed += [_cut(cue.timed[index], text)] if cue.timed else []
    return replace(cue, lines=tuple(texts), line_speakers=tuple(speakers), timed=tuple(timed))
