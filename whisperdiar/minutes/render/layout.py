"""Document layout: minutes and a template → the blocks of one of three documents. Pure.

brief     half a page: the weightiest sentences, decisions and actions, with the times of their evidence
full      what there is, section by section in the template's order, with the evidence in its words
protocol  who was present, the agenda, and per topic its course, decisions, actions and open questions; numbered,
          with lines to sign on
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whisperdiar.errors import InvalidOption
from whisperdiar.formats._text import one_line
from whisperdiar.minutes.content import Due, Evidence, Item, Minutes, Topic
from whisperdiar.minutes.language import n_words, tokens_of
from whisperdiar.minutes.render.blocks import (
    Block,
    Document,
    Entry,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Quote,
    Signatures,
    Table,
    Task,
    Tasks,
)
from whisperdiar.minutes.template import Template
from whisperdiar.options.command_line import MINUTES_STYLE, MINUTES_STYLES
from whisperdiar.text.messages import _
from whisperdiar.types import Span

_REPEATED = 0.75
"""Share of the words of the evidence that are in the text; from there on it is folded."""
_BRIEF_WORDS = {"summary": 90, "decisions": 75, "actions": 75}
"""Words of each section that fit on half a page (A4, 11 points); one item is shown in any case."""
_COURSE_WORDS = 70
"""Words that tell the course of one topic."""


def document(minutes: Minutes, template: Template, style: str = MINUTES_STYLE) -> Document:
    """What is shown in a style: ``brief``, ``full`` or ``protocol``.

    Raises:
        InvalidOption: there is no such style.
    """
    check_style(style)
    made = {"brief": _brief, "full": _full, "protocol": _protocol}[style](minutes, template)
    name = one_line(minutes.recording_id.replace("_", " "))
    title = template.text("title_protocol" if style == "protocol" else "title", name=name)
    return Document(title, template.language, (Heading(title, 1), *made))


def check_style(style: str) -> None:
    """Raises InvalidOption where there is no such style."""
    if style not in MINUTES_STYLES:
        raise InvalidOption(
            _("style {style!r}: choose one of {choices}").format(style=style, choices=", ".join(MINUTES_STYLES))
        )


def _full(minutes: Minutes, template: Template) -> list[Block]:
    makers = {
        "participants": _participants,
        "summary": _summary,
        "decisions": _decisions,
        "actions": _actions,
        "questions": _questions,
        "notes": _notes,
    }
    facts: list[Block] = [Paragraph(_facts(minutes, template), quiet=True)]
    return facts + [block for section in template.sections for block in makers[section](minutes, template)]


def _facts(minutes: Minutes, template: Template) -> str:
    facts = [] if minutes.day is None else [template.day(minutes.day)]
    facts.append(template.text("duration", value=template.length(minutes.duration)))
    facts.append(template.text("words", value=template.number(minutes.n_words)))
    return " · ".join([*facts, _writer(minutes, template)])


def _writer(minutes: Minutes, template: Template) -> str:
    if minutes.writer == "extractive":
        return template.text("written_extractive")
    return template.text("written_by_model", name=one_line(minutes.writer))


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
    return [heading, _tasks(minutes.actions, minutes, template)]


def _tasks(actions: Sequence[Item], minutes: Minutes, template: Template, *, first: str = "") -> Tasks:
    """Actions as a table; `first` stands before their numbers."""
    header = (template.text("column_task"), template.text("column_owner"), template.text("column_due"))
    rows = tuple(
        Task(
            number=f"{first}{number}",
            text=one_line(item.text),
            owner=one_line(item.owner) if item.owner else template.text("nobody"),
            due="" if item.due is None else _due(item.due, template),
            quotes=_quotes(item, minutes, template),
            repeats=_repeats(item),
        )
        for number, item in enumerate(actions, start=1)
    )
    return Tasks(header, rows)


def _due(due: Due, template: Template) -> str:
    """The day, where it is known, and in any case the words that were said."""
    said = template.text("quoted", value=one_line(due.phrase))
    return said if due.day is None else f"{due.day.isoformat()} ({said})"


def _summary(minutes: Minutes, template: Template) -> list[Block]:
    """By topic; a topic without any item has no heading."""
    made: list[Block] = [Heading(template.text("summary"), 2)]
    if not minutes.summary:
        return [*made, Paragraph(template.text("no_summary"), quiet=True)]
    if not minutes.topics:
        return [*made, *(_entry(item, minutes, template) for item in minutes.summary)]
    for topic, inside in zip(minutes.topics, _by_topic(minutes.summary, minutes.topics), strict=True):
        if inside:
            made.append(_topic(topic, minutes, template))
        for item in inside:
            lead = _speaker(item, minutes) if minutes.writer == "extractive" else ""
            entry = _entry(item, minutes, template, lead=lead)
            made.append(replace(entry, show_quotes=minutes.writer != "extractive"))
    return made


def _by_topic(items: Sequence[Item], topics: Sequence[Topic]) -> list[list[Item]]:
    """The items of each topic; what lies before the first or after the last one is theirs."""
    found: list[list[Item]] = [[] for _ in topics]
    for item in items:
        start = item.evidence[0].span.start
        found[max(0, sum(topic.span.start <= start for topic in topics) - 1)].append(item)
    return found


def _speaker(item: Item, minutes: Minutes) -> str:
    """Who said all of it; empty where several did."""
    names = list(dict.fromkeys(minutes.name(quote.speaker) or "" for quote in item.evidence))
    return one_line(names[0]) if len(names) == 1 else ""


def _topic(topic: Topic, minutes: Minutes, template: Template) -> Heading:
    return Heading(_title(topic, template), 3, _times(topic, template), minutes.link(topic.span))


def _title(topic: Topic, template: Template) -> str:
    return one_line(topic.title) or template.text("untitled")


def _times(topic: Topic, template: Template) -> str:
    return f"{template.clock(topic.span.start)}–{template.clock(topic.span.end)}"


def _notes(minutes: Minutes, template: Template) -> list[Block]:
    if not minutes.notes:
        return []
    return [Heading(template.text("notes"), 2), *(Paragraph(one_line(note), quiet=True) for note in minutes.notes)]


def _brief(minutes: Minutes, template: Template) -> list[Block]:
    """Half a page; what does not fit is counted."""
    facts = [] if minutes.day is None else [template.day(minutes.day)]
    facts += [template.text("duration", value=template.length(minutes.duration)), ", ".join(_names(minutes))]
    blocks: list[Block] = [Paragraph(" · ".join(filter(None, facts)), quiet=True)]
    for section in ("summary", "decisions", "actions"):
        items: tuple[Item, ...] = getattr(minutes, section)
        items = _untold(items, minutes) if section == "summary" else items
        shown = choose_weightiest(items, _BRIEF_WORDS[section])
        blocks.append(Heading(template.text("in_brief" if section == "summary" else section), 2))
        if not shown:
            blocks.append(Paragraph(template.text(f"no_{section}"), quiet=True))
        elif section == "actions":
            blocks.append(replace(_tasks(shown, minutes, template), show_quotes=False))
        else:
            blocks += [replace(_entry(item, minutes, template), show_quotes=False) for item in shown]
        if section != "summary" and len(shown) < len(items):
            blocks.append(Paragraph(template.text("more", value=template.number(len(items) - len(shown))), quiet=True))
    return blocks


def choose_weightiest(items: Sequence[Item], words: int) -> list[Item]:
    """The items with the highest scores that have so many words together, in the order of time; at least one.

    Items of a language model have no scores: the first ones are taken.
    """
    order = sorted(range(len(items)), key=lambda place: -(items[place].score or 0.0))
    taken: list[int] = []
    rest = words
    for place in order:
        length = n_words(items[place].text)
        if length <= rest:
            taken.append(place)
            rest -= length
    if items and not taken:
        taken = [min(order, key=lambda place: n_words(items[place].text))]
    return [items[place] for place in sorted(taken)]


def _untold(summary: Sequence[Item], minutes: Minutes) -> tuple[Item, ...]:
    """Without what is told as a decision, action or question anyway; all of it where nothing else is left."""
    told = [quote for item in (*minutes.decisions, *minutes.actions, *minutes.questions) for quote in item.evidence]
    found = [item for item in summary if not any(_overlaps(quote, known) for quote in item.evidence for known in told)]
    return tuple(found or summary)


def _overlaps(quote: Evidence, other: Evidence) -> bool:
    return quote.speaker == other.speaker and quote.span.start < other.span.end and other.span.start < quote.span.end


def _course(summary: Sequence[Item], minutes: Minutes) -> str:
    """What was said on a topic in short; a name stands where somebody else begins to speak."""
    parts, before = [], ""
    for item in choose_weightiest(summary, _COURSE_WORDS):
        who = _speaker(item, minutes) if minutes.writer == "extractive" else ""
        parts.append(f"{who}: {one_line(item.text)}" if who and who != before else one_line(item.text))
        before = who
    return " ".join(parts)


def _names(minutes: Minutes) -> list[str]:
    return [one_line(item.name) or one_line(item.speaker) for item in minutes.participants]


def _protocol(minutes: Minutes, template: Template) -> list[Block]:
    """Who was present, the agenda, and what came of each of its points that anything came of."""
    blocks: list[Block] = [Paragraph(_record(minutes, template))]
    if minutes.participants:
        blocks += [Heading(template.text("present"), 2), Listing(tuple(_names(minutes)))]
    topics = minutes.topics or (Topic(_whole(minutes), ""),)
    kinds = (_untold(minutes.summary, minutes), minutes.decisions, minutes.actions, minutes.questions)
    points = [
        (topic, parts)
        for topic, *parts in zip(topics, *(_by_topic(kind, topics) for kind in kinds), strict=True)
        if any(parts)
    ]
    blocks.append(Heading(template.text("agenda"), 2))
    if points:
        blocks.append(Listing(tuple(_title(topic, template) for topic, _ in points), numbered=True))
    else:
        blocks.append(Paragraph(template.text("no_summary"), quiet=True))
    for number, (topic, (summary, decisions, actions, questions)) in enumerate(points, start=1):
        title = f"{number}. {_title(topic, template)}"
        blocks.append(Heading(title, 2, _times(topic, template), minutes.link(topic.span)))
        if summary:
            blocks.append(Paragraph(_course(summary, minutes)))
        for kind, items in (("decision", decisions), ("question", questions)):
            for k, item in enumerate(items, start=1):
                lead = f"{template.text(kind)} {number}.{k}"
                blocks.append(replace(_entry(item, minutes, template, lead=lead), show_quotes=False))
        if actions:
            tasks = _tasks(actions, minutes, template, first=f"{number}.")
            blocks.append(replace(tasks, show_quotes=False))
    signed = (template.text("sign_chair"), template.text("sign_minutes"), template.text("sign_place"))
    return [*blocks, *_notes(minutes, template), Heading(template.text("signatures"), 2), Signatures(signed)]


def _record(minutes: Minutes, template: Template) -> str:
    """The meeting in one line: its day and length, and how the minutes were made."""
    facts = [] if minutes.day is None else [template.day(minutes.day)]
    facts.append(template.text("duration", value=template.length(minutes.duration)))
    return " · ".join([*facts, _writer(minutes, template)])


def _whole(minutes: Minutes) -> Span:
    return Span(0.0, max(0.0, minutes.duration))


def _entry(item: Item, minutes: Minutes, template: Template, *, lead: str = "") -> Entry:
    return Entry(lead, one_line(item.text), _quotes(item, minutes, template), repeats=_repeats(item))


def _repeats(item: Item) -> bool:
    """Whether nearly every word of the evidence is in the text already."""
    told = set(tokens_of(item.text))
    quoted = [token for quote in item.evidence for token in tokens_of(quote.text)]
    return sum(token in told for token in quoted) >= _REPEATED * len(quoted)


def _quotes(item: Item, minutes: Minutes, template: Template) -> tuple[Quote, ...]:
    return tuple(_quote(quote, minutes, template) for quote in item.evidence)


def _quote(quote: Evidence, minutes: Minutes, template: Template) -> Quote:
    return Quote(
        template.clock(quote.span.start),
        minutes.link(quote.span),
        one_line(minutes.name(quote.speaker) or ""),
        template.text("quoted", value=one_line(quote.text)),
    )
