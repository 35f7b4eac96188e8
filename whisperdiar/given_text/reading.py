"""Reading of a given text: a script, subtitles, a document or a transcript → words, and who says them as it says."""

from __future__ import annotations

import hashlib
import html
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.exchange import find_format, read
from whisperdiar.formats import decode, docx, txt
from whisperdiar.formats._reading.office import read_lines
from whisperdiar.system.files import read_bytes
from whisperdiar.system.log import inform, warn
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span

_PLAIN = ("txt", "md")
"""Formats whose files are a text and nothing else, where they do not hold times."""
_HEADING = re.compile(r" {0,3}#{1,6}(?: |$)")
_NAMED = re.compile(r"^\*\*([^*\n]+)\*\*:?(?: \\?\[[\d:.]+\\?\])?[ \t]*", re.MULTILINE)
_MARK = re.compile(r"\\([!-/:-@\[-`{-~])")
"""Of CommonMark: a heading, bold letters before what somebody says, and a sign of ASCII that is no mark."""
_TO_BE_CORRECTED = re.compile(r"^> whisperdiar apply ", re.MULTILINE)
"""Of the instructions above a text that `whisperdiar.editing` writes."""


@dataclass(frozen=True, slots=True)
class GivenWord:
    """A word of a given text.

    Attributes:
        text: with its leading space where the language writes one, and the punctuation beside it.
        speaker: who says it, as the text says; None where it does not.
        span: when it is spoken, as the text says; None where it does not.
    """

    text: str
    speaker: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class GivenText:
    """A text that is spoken in a recording.

    Attributes:
        words: in the order of speaking.
        name: of its file.
        tolerance: its times are right to so many seconds; None where they say nothing of the recording.
        n_words: how many there are.
        names_speakers: whether it says of any word who speaks it.

    Raises:
        InvalidOption: `tolerance` is not above zero.
    """

    words: tuple[GivenWord, ...]
    name: str = "text"
    tolerance: float | None = None
    n_words: int = field(init=False)
    names_speakers: bool = field(init=False)

    def __post_init__(self) -> None:
        if self.tolerance is not None and not 0.0 < self.tolerance < float("inf"):
            raise InvalidOption(
                _("tolerance {tolerance:g}: give seconds above 0, or None for times that say nothing").format(
                    tolerance=self.tolerance
                )
            )
        object.__setattr__(self, "n_words", len(self.words))
        object.__setattr__(self, "names_speakers", any(word.speaker is not None for word in self.words))

    def digest(self) -> str:
        """SHA-256 of words, speakers and times, in hexadecimal digits."""
        listed = [
            (word.text, word.speaker, None if word.span is None else (word.span.start, word.span.end))
            for word in self.words
        ]
        return hashlib.sha256(repr(listed).encode("utf-8", "surrogatepass")).hexdigest()


def read_text(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    tolerance: float | None = None,
    notify: Callable[[str], None] = warn,
    inform: Callable[[str], None] = inform,
) -> GivenText:
    """The words of a text file, a DOCX document, or anything that `whisperdiar.read` reads.

    Lines such as ``Anna: text`` say who speaks, where the file names its speakers; a line without a name goes on with
    the speaker above it.

    Args:
        path: ``.txt`` is plain text where it holds no times, ``.md`` without its headings, marks and times.
        encoding: of a text, as Python names it; None guesses it.
        tolerance: the times of the text are right to so many seconds; None takes no notice of them.
        notify: is told where the encoding had to be guessed, and what had to be mended.
        inform: is told what was left out.

    Raises:
        InvalidOption: this kind of file is not read, is a text to be corrected, or `tolerance` is not above zero.
        FormatError: the file breaks the rules of its format, holds no words, or no times for `tolerance`.
    """
    path = Path(path)
    if path.suffix.lower() == docx.suffix:
        words = _from_paragraphs(txt.read_paragraphs("\n".join(_read_document(path))))
    else:
        form = None if path.suffix.lower() in ("", ".text") else find_format(path)
        if form is not None and form.read is None and form.name not in _PLAIN:
            raise InvalidOption(
                _("{path}: a text is not read from {form}; give it as .txt, .docx, .srt or .json").format(
                    path=path, form=form.name
                )
            )
        plain = None
        if form is None or form.name in _PLAIN:
            plain, note = decode(read_bytes(path), encoding)
            if note:
                notify(f"{path}: {note}")
            if _TO_BE_CORRECTED.search(plain):
                raise InvalidOption(
                    _("{path}: `whisperdiar edit` wrote this text; to bring it back, run whisperdiar apply").format(
                        path=path
                    )
                )
            if form is not None and form.name == "md":
                plain = _strip_markdown(plain)
        if plain is not None and not txt.has_times(plain):
            words = _from_paragraphs(txt.read_paragraphs(plain))
        else:
            words = _from_transcript(read(path, encoding=encoding, notify=notify, inform=inform))
    words = _join_signs(words)
    if not words:
        raise FormatError(_("{path}: it holds no words; give the text that is spoken").format(path=path))
    if tolerance is not None and all(word.span is None for word in words):
        raise FormatError(_("{path}: it holds no times, so none can be right to some seconds").format(path=path))
    return GivenText(tuple(words), path.name, tolerance)


def _strip_markdown(text: str) -> str:
    """Markdown as plain text: no headings, and ``**Anna** [00:00:01] text`` of our own as ``Anna: text``."""
    kept = "\n".join(line for line in text.splitlines() if not _HEADING.match(line))
    named = _NAMED.sub(lambda found: f"{found[1].rstrip(':')}: ", kept)
    return html.unescape(_MARK.sub(r"\1", named.replace("**", "")))


def _read_document(path: Path) -> tuple[str, ...]:
    data = read_bytes(path)
    try:
        return read_lines(data)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def _from_paragraphs(paragraphs: Iterable[txt.Paragraph]) -> list[GivenWord]:
    return [GivenWord(word, item.speaker) for item in paragraphs for word in item.words]


def _from_transcript(transcript: Transcript) -> list[GivenWord]:
    return [
        GivenWord(word.text, transcript.name(segment.speaker), word.span)
        for segment in transcript.segments
        for word in segment.words
    ]


def _join_signs(words: Iterable[GivenWord]) -> list[GivenWord]:
    """Words, with those that are nothing but signs, such as a dash, at the end of the word before them."""
    found: list[GivenWord] = []
    ahead = ""
    for word in words:
        if any(character.isalnum() for character in word.text):
            found.append(GivenWord(ahead + word.text, word.speaker, word.span))
            ahead = ""
        elif found and found[-1].speaker == word.speaker:
            last = found[-1]
            found[-1] = GivenWord(last.text + word.text, last.speaker, last.span)
        else:
            ahead += word.text
    if ahead and found:
        found[-1] = GivenWord(found[-1].text + ahead, found[-1].speaker, found[-1].span)
    return found
