"""Text form of a transcript for editing: written, and read back as turns of tokens.

    # meeting

    > What may be changed …

    ## Speakers

    - SPEAKER_00 = Anna

    ## Text

    **Anna** [00:01:02]
    So we agree.

A line with a name and a time begins a turn, and so does a name in asterisks on a line of its own. Everything below is
that turn's text, whatever line ends, line breaks and spaces an editor leaves; an empty line begins a new paragraph of
the same turn. A backslash before a sign keeps it as it is. ``(?)`` marks a doubtful word and is passed over.

The corrected text as one sequence of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple
from unicodedata import east_asian_width
from unicodedata import name as character_name

from whisperdiar.editing.passages import TranscriptLayout, clean_text, lay_out
from whisperdiar.editing.speakers import SpeakerEntry, SpeakerNames, display_names, list_keys, read_speaker_names
from whisperdiar.errors import FormatError
from whisperdiar.formats._text import refuse_line
from whisperdiar.options import EditOptions
from whisperdiar.outcome import title_of
from whisperdiar.text.clock import format_hours
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _, mark
from whisperdiar.transcript import Transcript, speaker_names

MARK = "(?)"
_NOTES = (
    mark("Correct the text below. Then every format is made from it, without a model:"),
    mark("whisperdiar apply THIS-FILE --transcript THE.json -o new.json -o new.srt"),
    "",
    mark("Words: change, add and delete them. Every word that stays keeps its time."),
    mark("Names: change them behind the = in the list, or wherever they stand."),
    mark("Who speaks: write another name above a turn. New names are new speakers."),
    mark("Turns: split one by a line such as **Anna** where the other voice begins;"),
    mark("join two by deleting the line between them; move them with their line."),
    mark("The times show where a turn belongs: leave them as they are."),
)
"""For the person who corrects it, and so in the language of messages, as the headings are."""
_LINE_ENDS = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_SPECIAL = re.compile(
    r"\\(?=[!-/:-@\[-`{-~]|$)"  # a backslash that would be taken for an escape
    r"|\[(?=[\d\s?]*[:\]])"  # what looks like a time
    r"|(?<!\S)[*_]"  # what looks like a name in asterisks
    r"|\((?=\?\))"  # what looks like a mark
)
_IN_NAME = re.compile(r"[\\*_\[\]=:](?=\s|$)|(?<!\S)[*_•–—-]|[\\\[\]*=]")
_BRACKET = re.compile(r"(?P<name>(?:\\.|[^\\\[])*)\[(?P<time>[^\[\]]*)\](?P<rest>.*)", re.DOTALL)
_NAME_ALONE = re.compile(r"(?P<mark>\*\*\*?|__)(?P<name>(?:\\.|[^\\*\[])+?)(?P=mark)\s*:?")
_DECORATED = re.compile(r"[*_\s]*(?P<name>(?:\\.|[^\\])*?)[*_:\s]*", re.DOTALL)
_CLOCK = re.compile(r"(?:(\d{1,6})[:.])?(\d{1,2}):(\d{1,2})(?:[.,]\d*)?")
_ENTRY = re.compile(r"[-*•–—]?\s*(?P<key>(?:\\.|[^\\=])+)(?P<equals>=?)(?P<name>.*)")
_LIST = re.compile(r"#*\s*(?:Speakers|Говорящие)\s*:?", re.IGNORECASE)
"""The heading of the list in every language that it may be written in."""


@dataclass(frozen=True, slots=True)
class CorrectedTurn:
    """A turn of the corrected text.

    Attributes:
        line: of the file, from 1.
        name: as written; empty where nobody is named.
        stamp: whole seconds; None where no time stands beside the name.
        parts: its paragraphs, none of them empty.
    """

    line: int
    name: str
    stamp: int | None
    parts: tuple[tuple[str, ...], ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(token for part in self.parts for token in part)


@dataclass(frozen=True, slots=True)
class EditedText:
    """A corrected text as it was read.

    Attributes:
        cast: its names.
        turns: in order; those without text are left out.
        notes: sentences for the user about what may have been meant otherwise.
    """

    cast: SpeakerNames
    turns: tuple[CorrectedTurn, ...]
    notes: tuple[str, ...] = ()


def write(transcript: Transcript, *, options: EditOptions | None = None) -> str:
    """The transcript as a text to be corrected.

    Raises:
        FormatError: it has no words.
    """
    options = options or EditOptions()
    old = lay_out(transcript, options)
    if not old.units:
        raise FormatError(_("there is no word to correct in this transcript; transcribe the recording first"))
    shown = display_names(transcript)
    lines = [f"# {clean_text(title_of(transcript)).strip()}", "", *(f"> {_(note)}".rstrip() for note in _NOTES)]
    if options.mark_uncertain:
        lines += ["> " + _("Words followed by (?) are doubtful; the marks may stay.")]
    if shown:
        keys, names = list_keys(shown), speaker_names(transcript)
        lines += ["", "## " + _("Speakers"), ""]
        lines += [f"- {_escape_name(keys[label])} = {_format_entry(names.get(label, label))}" for label in shown]
    lines += ["", "## " + _("Text")]
    doubtful = _find_doubtful(old, options) if options.mark_uncertain else frozenset[int]()
    for paragraph in old.paragraphs:
        name = f"**{_escape_name(shown[paragraph.speaker])}** " if paragraph.speaker is not None else ""
        units = range(paragraph.first, paragraph.last)
        text = " ".join(_unit_text(old, unit, doubtful) for unit in units)
        lines += ["", f"{name}[{format_hours(paragraph.stamp, digits=2)}]", text]
    return "\n".join(lines) + "\n"


def _format_entry(name: str) -> str:
    return _escape_name(" ".join(clean_text(name).split()))


def _find_doubtful(old: TranscriptLayout, options: EditOptions) -> frozenset[int]:
    """Indices of the words that recogniser or alignment are not sure of, and nobody has looked at."""
    found = {i for i, word in enumerate(old.words) if word.probability < options.doubtful_below}
    found |= {item.word_index for item in old.transcript.uncertain}
    return frozenset(i for i in found if 0 <= i < len(old.words) and not old.words[i].edited)


def _unit_text(old: TranscriptLayout, unit: int, doubtful: frozenset[int]) -> str:
    sign = MARK if doubtful.intersection(old.units[unit].words) else ""
    return " ".join(escape_token(token) for token in old.units[unit].tokens) + sign


def escape_token(text: str) -> str:
    """A token so that nothing in it is taken for anything else."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)


def _escape_name(name: str) -> str:
    return _IN_NAME.sub(lambda match: "\\" + match[0], name)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def parse(text: str, transcript: Transcript) -> EditedText:
    """A corrected text as turns; `transcript` tells the names that it was written with.

    Raises:
        FormatError: a line cannot be meant; the message has its number and says what to write.
    """
    lines = _LINE_ENDS.split(remove_byte_order_mark(text))
    begin = next((i for i, line in enumerate(lines) if _LIST.fullmatch(line.strip())), None)
    entries, first = _read_speaker_list(lines, begin, transcript)
    cast = read_speaker_names(transcript, entries)
    return EditedText(cast, tuple(_parse_turns(lines, first, cast)), tuple(_find_suspicious(lines, first, cast)))


def _read_speaker_list(
    lines: Sequence[str], begin: int | None, transcript: Transcript
) -> tuple[list[SpeakerEntry], int]:
    """The entries, and the index of the line with the first turn."""
    cast = read_speaker_names(transcript, ())
    entries: list[SpeakerEntry] = []
    for index in range(0 if begin is None else begin + 1, len(lines)):
        line = lines[index].strip()
        if not line or line.startswith(("#", ">")):
            continue
        if _parse_header(line, index + 1, cast) is not None:
            return entries, index
        match = _ENTRY.fullmatch(line)
        if begin is None or match is None or not (match["equals"] or line[0] in "-*•–—"):
            refuse_line(index + 1, line, _("this stands above the first turn; write **Name** [00:00:00] above it"))
        entries.append(SpeakerEntry(index + 1, _name(match["key"]), _name(match["name"])))
    raise FormatError(
        _(
            "line {number}: no turn up to here; turns begin with a line such as **Anna** [00:01:02], so "
            "make the text again with `whisperdiar edit`"
        ).format(number=len(lines))
    )


def _name(text: str) -> str:
    return " ".join(_unescape(clean_text(text).strip()).split())


class _Header(NamedTuple):
    name: str
    stamp: int | None
    rest: str


def _parse_turns(lines: Sequence[str], first: int, cast: SpeakerNames) -> Iterator[CorrectedTurn]:
    header, at = _Header("", None, ""), first
    parts: list[list[str]] = []
    for index in [*range(first, len(lines)), None]:
        found = None if index is None else _parse_header(lines[index].strip(), index + 1, cast)
        if index is not None and found is None:
            _add(parts, lines[index])
            continue
        made = tuple(tuple(tokens) for tokens in map(_split_tokens, parts) if tokens)
        if found is not None and header.name and header.stamp is None and not found.name and not made:
            header = found._replace(name=header.name)  # an editor has wrapped the line after the name
            _add(parts, found.rest)
            continue
        if made:
            yield CorrectedTurn(at + 1, header.name, header.stamp, made)
        if found is not None and index is not None:
            header, at, parts = found, index, [[]]
            _add(parts, found.rest)


def _find_suspicious(lines: Sequence[str], first: int, cast: SpeakerNames) -> Iterator[str]:
    """What may have been meant as the beginning of a turn."""
    for number, line in enumerate(lines[first:], start=first + 1):
        before, colon, _after = line.strip().partition(":")
        name = _strip_marks(before)
        if colon and cast.find(name) is not None and _parse_header(line.strip(), number, cast) is None:
            yield _(
                "line {number}: {name}: is read as words; to begin a turn, write **{name}** on a line of its own"
            ).format(number=number, name=name)


def _add(parts: list[list[str]], line: str) -> None:
    """A line of text; an empty one begins the next paragraph."""
    line = clean_text(line).strip()
    if line:
        parts[-1].append(line)
    elif parts[-1]:
        parts.append([])


def _split_tokens(lines: Sequence[str]) -> list[str]:
    """The words of lines that an editor has wrapped; where no spaces are written between words, none is put in."""
    text = ""
    for line in lines:
        text += ("" if not text or (is_unspaced(text[-1]) and is_unspaced(line[0])) else " ") + line
    pieces = re.split(r"(\\.)", text)  # an escaped mark stays
    text = "".join(piece if piece.startswith("\\") else piece.replace(MARK, "") for piece in pieces)
    return [token for token in (_unescape(token) for token in text.split()) if token]


def is_unspaced(character: str) -> bool:
    """Whether the script of a character is written without spaces: wide ones, except for Korean."""
    return east_asian_width(character) in "WF" and not character_name(character, "").startswith("HANGUL")


def _parse_header(line: str, number: int, cast: SpeakerNames) -> _Header | None:
    """The line as the beginning of a turn; None where it is text.

    Raises:
        FormatError: it begins with a name in asterisks and something that is no time.
    """
    match = _NAME_ALONE.fullmatch(line)
    if match is not None:
        return _Header(_strip_marks(match["name"]), None, "")
    match = _BRACKET.fullmatch(line)
    if match is None:
        return None
    written = match["name"].strip()
    bold = written.startswith(("**", "__"))
    name = _strip_marks(written)
    stamp = _parse_clock(match["time"])
    known = cast.find(name) is not None
    if stamp is None and match["time"].strip(" ?"):
        if bold and (known or written.rstrip(":").endswith(("**", "__"))):
            refuse_line(number, line, _("the time cannot be read; write it as [00:01:02], or leave it out"))
        return None
    if not (bold or known or (not name and stamp is not None)):
        return None
    rest = match["rest"].strip()
    if bold and not re.search(r"(?<!\\)[*_]{2,}:?$", written):
        rest = rest.lstrip("*_: ")
    if not name and rest:
        before, colon, after = rest.partition(":")
        if colon and cast.find(_name(before)) is not None:
            return _Header(_name(before), stamp, after.strip())
    return _Header(name, stamp, rest)


def _strip_marks(written: str) -> str:
    """A name without the asterisks around it and the colon behind it."""
    match = _DECORATED.fullmatch(written)
    return _name(match["name"] if match is not None else written)


def _parse_clock(text: str) -> int | None:
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return None if seconds > 59 or (match[1] and minutes > 59) else hours * 3600 + minutes * 60 + seconds


@dataclass(frozen=True, slots=True)
class CorrectedTokens:
    """The tokens of the corrected turns, the turn of each, and those with which a paragraph begins and ends."""

    turns: tuple[CorrectedTurn, ...]
    tokens: tuple[str, ...]
    turn_of: tuple[int, ...]
    begins: frozenset[int]
    ends: frozenset[int]


def collect_tokens(turns: Sequence[CorrectedTurn]) -> CorrectedTokens:
    """The tokens of corrected turns as one sequence."""
    tokens = [turn.tokens for turn in turns]
    ends = list(accumulate(len(part) for turn in turns for part in turn.parts))
    return CorrectedTokens(
        tuple(turns),
        tuple(token for items in tokens for token in items),
        tuple(number for number, items in enumerate(tokens) for _each in items),
        frozenset([0, *ends]),
        frozenset(end - 1 for end in ends),
    )
