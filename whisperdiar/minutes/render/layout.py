"""Document layout: minutes and a template → blocks, which every text format writes in its own way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from whisperdiar.formats._text import one_line
from whisperdiar.minutes.content import Evidence, Item, Minutes, Topic
from whisperdiar.minutes.language import tokens_of
from whisperdiar.minutes.template import Template

_REPEATED = 0.75
"""Share of the words of the evidence that are in the text; from there on it is folded."""


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
    """An item: its lead (who), its text, remarks such as a date, and its evidence.

    `box`: whether there is something to tick off. `repeats`: whether the evidence says hardly more than the text.
    """

    lead: str
    text: str
    remarks: tuple[str, ...]
    quotes: tuple[Quote, ...]
    show_quotes: bool = True
    box: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing as SVG, for formats that can hold one, and what it shows."""

    svg: str
    label: str


Block = Heading | Paragraph | Table | Picture | Entry


@dataclass(frozen=True, slots=True)
class Document:
    """Title, language of the words around, and the blocks in order."""

    title: str
    language: str
    blocks: tuple[Block, ...]


def document(minutes: Minutes, template: Template) -> Document:
    """Everything that is shown, section by section in the template's order."""
    title = template.text("title", name=one_line(minutes.recording_id.replace("_", " ")))
    blocks: list[Block] = [Heading(title, 1), Paragraph(_facts(minutes, template), quiet=True)]
    makers = {
        "participants": _participants,
        "summary": _summary,
        "decisions": _decisions,
        "actions": _actions,
        "questions": _questions,
        "notes": _notes,
    }
    for section in template.sections:
        blocks += makers[section](minutes, template)
    return Document(title, template.language, tuple(blocks))


def _facts(minutes: Minutes, template: Template) -> str:
    facts = [] if minutes.day is None else [template.day(minutes.day)]
    facts.append(template.text("duration", value=template.length(minutes.duration)))
    facts.append(template.text("words", value=template.number(minutes.n_words)))
    if minutes.writer == "extractive":
        facts.append(template.text("written_extractive"))
    else:
        facts.append(template.text("written_by_model", name=one_line(minutes.writer)))
    return " · ".join(facts)


def _participants(minutes: Minutes, template: Template) -> list[Block]:
    if not minutes.participants:
        return []
    columns = ("speaker", "talk_time", "share", "turns", "interruptions", "monologue")
    rows = tuple(
        (
            one_line(item.name) or one_line(item.speaker),
            template.length(item.talk_time),
            template.share(item.share),
            template.number(item.turns),
            template.number(item.interruptions),
            template.length(item.longest_monologue),
        )
        for item in minutes.participants
    )
    header = tuple(template.text(f"column_{name}") for name in columns)
    made: list[Block] = [Heading(template.text("participants"), 2)]
    made.append(Table(header, rows, frozenset(range(1, len(columns)))))
    return made if minutes.picture is None else [*made, Picture(minutes.picture, template.text("picture"))]


def _section(name: str, items: Sequence[Item], minutes: Minutes, template: Template) -> list[Block]:
    heading = Heading(template.text(name), 2)
    if not items:
        return [heading, Paragraph(template.text(f"no_{name}"), quiet=True)]
    return [heading, *(_entry(item, minutes, template) for item in items)]


def _decisions(minutes: Minutes, template: Template) -> list[Block]:
    return _section("decisions", minutes.decisions, minutes, template)


def _questions(minutes: Minutes, template: Template) -> list[Block]:
    return _section("questions", minutes.questions, minutes, template)


def _actions(minutes: Minutes, template: Template) -> list[Block]:
    heading = Heading(template.text("actions"), 2)
    if not minutes.actions:
        return [heading, Paragraph(template.text("no_actions"), quiet=True)]
    made: list[Block] = [heading]
    for item in minutes.actions:
        lead = one_line(item.owner) if item.owner else template.text("nobody")
        remarks = []
        if item.due is not None:
            day = "" if item.due.day is None else f" ({template.day(item.due.day)})"
            remarks.append(template.text("due", value=one_line(item.due.phrase) + day))
        made.append(replace(_entry(item, minutes, template, lead=lead, remarks=tuple(remarks)), box=True))
    return made


def _summary(minutes: Minutes, template: Template) -> list[Block]:
    """By topic; a topic without any item has no heading."""
    made: list[Block] = [Heading(template.text("summary"), 2)]
    if not minutes.summary:
        return [*made, Paragraph(template.text("no_summary"), quiet=True)]
    last = len(minutes.topics) - 1
    for k, topic in enumerate(minutes.topics):
        inside = [
            item
            for item in minutes.summary
            if (k == 0 or item.evidence[0].span.start >= topic.span.start)
            and (k == last or item.evidence[0].span.start < minutes.topics[k + 1].span.start)
        ]
        if inside:
            made.append(_topic(topic, minutes, template))
        for item in inside:
            speakers = list(dict.fromkeys(minutes.name(quote.speaker) or "" for quote in item.evidence))
            lead = one_line(speakers[0]) if len(speakers) == 1 and minutes.writer == "extractive" else ""
            made.append(_entry(item, minutes, template, lead=lead, show_quotes=minutes.writer != "extractive"))
    if not minutes.topics:
        made += [_entry(item, minutes, template) for item in minutes.summary]
    return made


def _topic(topic: Topic, minutes: Minutes, template: Template) -> Heading:
    title = one_line(topic.title) or template.text("untitled")
    times = f"{template.clock(topic.span.start)}–{template.clock(topic.span.end)}"
    return Heading(title, 3, times, minutes.link(topic.span))


def _notes(minutes: Minutes, template: Template) -> list[Block]:
    if not minutes.notes:
        return []
    return [Heading(template.text("notes"), 2), *(Paragraph(one_line(note), quiet=True) for note in minutes.notes)]


def _entry(
    item: Item,
    minutes: Minutes,
    template: Template,
    *,
    lead: str = "",
    remarks: tuple[str, ...] = (),
    show_quotes: bool = True,
) -> Entry:
    quotes = tuple(_quote(quote, minutes, template) for quote in item.evidence)
    return Entry(lead, one_line(item.text), remarks, quotes, show_quotes, repeats=_repeats(item))


def _repeats(item: Item) -> bool:
    """Whether nearly every word of the evidence is in the text already."""
    told = set(tokens_of(item.text))
    quoted = [token for quote in item.evidence for token in tokens_of(quote.text)]
    return sum(token in told for token in quoted) >= _REPEATED * len(quoted)


def _quote(quote: Evidence, minutes: Minutes, template: Template) -> Quote:
    return Quote(
        template.clock(quote.span.start),
        minutes.link(quote.span),
        one_line(minutes.name(quote.speaker) or ""),
        template.text("quoted", value=one_line(quote.text)),
    )
