"""Blocks of a document: what every format of the minutes can write, in its own way. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """Level 1 is the title. `aside` (a time) stands beside it, `link` plays what it is about."""

    text: str
    level: int
    aside: str = ""
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text; `quiet` where it is a remark."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a header; `numeric` columns are aligned to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Quote:
    """Evidence as it is shown: the time, the link that plays it, who, and the words in their quotation marks."""

    time: str
    link: str | None
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An item: its lead (who), its text and its evidence.

    `show_quotes`: whether the evidence stands below, or its times alone behind the text. `repeats`: whether the
    evidence says hardly more than the text.
    """

    lead: str
    text: str
    quotes: tuple[Quote, ...]
    show_quotes: bool = True
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing as SVG, for formats that can hold one, and what it shows."""

    svg: str
    label: str


@dataclass(frozen=True, slots=True)
class Task:
    """An action item: its number, what is to be done, by whom, until when, and its evidence.

    `repeats`: whether the evidence says hardly more than the text.
    """

    number: str
    text: str
    owner: str
    due: str
    quotes: tuple[Quote, ...]
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Tasks:
    """Action items as a table; each row begins with a box to tick off.

    `header`: of the columns after the box: what, who, until when. `show_quotes`: whether the evidence stands with them,
    or its times alone.
    """

    header: tuple[str, str, str]
    rows: tuple[Task, ...]
    show_quotes: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """Short lines one below the other: a list of who was there, or an agenda, which is `numbered` from 1."""

    lines: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Signatures:
    """Lines to sign on, and what stands before each."""

    labels: tuple[str, ...]


Block = Heading | Paragraph | Table | Picture | Entry | Tasks | Listing | Signatures


@dataclass(frozen=True, slots=True)
class Document:
    """Title, language of the words around, and the blocks in order."""

    title: str
    language: str
    blocks: tuple[Block, ...]
