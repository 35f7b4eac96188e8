"""Minutes as frozen values, and their dictionary form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from whisperdiar.types import Span

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Participant:
    """How much one speaker took part.

    Attributes:
        speaker: label.
        name: that people read.
        talk_time: seconds.
        share: of all talk time, 0 to 1.
        words: number.
        turns: how often they had the floor.
        interruptions: how often they took it while somebody else talked.
        longest_monologue: seconds of the longest time on the floor.
        monologue: when that was; None for somebody who said nothing.
    """

    speaker: str
    name: str
    talk_time: float
    share: float
    words: int
    turns: int
    interruptions: int
    longest_monologue: float
    monologue: Span | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """A stretch in which one thing is talked about; the title is made of its key terms."""

    span: Span
    title: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What somebody said, word by word."""

    span: Span
    speaker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Due:
    """Until when: the phrase as it was said, and the day that it means where that is known."""

    phrase: str
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: a sentence for readers and what it rests on.

    Attributes:
        text: to be read.
        evidence: at least one, in the order of time.
        score: of the model, 0 to 1; None where a language model wrote the text.
        owner: who is to do it, as people read it (actions).
        due: until when (actions).
    """

    text: str
    evidence: tuple[Evidence, ...]
    score: float | None = None
    owner: str | None = None
    due: Due | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minutes of one recording.

    Attributes:
        recording_id: name of the recording.
        duration: seconds.
        language: ISO 639-1 code of what is spoken, or None.
        day: of the meeting, where it is known.
        n_words: words of the transcript.
        participants: in the order of first appearance.
        names: speaker label → name that people read.
        topics: in the order of time; they cover the talk without holes.
        summary, decisions, actions, questions: in the order of time.
        media: link to the recording, for links that play the evidence; None for no links.
        writer: who wrote the texts: ``extractive``, or the name of a language model.
        notes: sentences for the reader, such as what stood in for what.
        picture: who speaks when, as SVG; not in the dictionary.
    """

    recording_id: str
    duration: float
    language: str | None = None
    day: date | None = None
    n_words: int = 0
    participants: tuple[Participant, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[Topic, ...] = ()
    summary: tuple[Item, ...] = ()
    decisions: tuple[Item, ...] = ()
    actions: tuple[Item, ...] = ()
    questions: tuple[Item, ...] = ()
    media: str | None = None
    writer: str = "extractive"
    notes: tuple[str, ...] = ()
    picture: str | None = None

    def link(self, span: Span) -> str | None:
        """A link that plays a stretch of the recording (Media Fragments URI 1.0); None without a recording."""
        return None if self.media is None else f"{self.media}#t={_round_seconds(span.start)},{_round_seconds(span.end)}"

    def name(self, speaker: str | None) -> str | None:
        """The name that people read for a speaker label."""
        return None if speaker is None else self.names.get(speaker, speaker)

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; times in seconds with at most three decimals."""
        return {
            "schema_version": SCHEMA_VERSION,
            "recording_id": self.recording_id,
            "duration": round(self.duration, 3),
            "language": self.language,
            "date": None if self.day is None else self.day.isoformat(),
            "media": self.media,
            "writer": self.writer,
            "participants": [_participant_dict(item) for item in self.participants],
            "topics": [{**_span_dict(item.span), "title": item.title, "terms": [*item.terms]} for item in self.topics],
            "summary": self._items(self.summary),
            "decisions": self._items(self.decisions),
            "actions": self._items(self.actions, actions=True),
            "questions": self._items(self.questions),
            "notes": [*self.notes],
        }

    def _items(self, items: Sequence[Item], *, actions: bool = False) -> list[dict[str, Any]]:
        return [self._item_dict(item, actions=actions) for item in items]

    def _item_dict(self, item: Item, *, actions: bool) -> dict[str, Any]:
        due = None if item.due is None else item.due.phrase
        day = None if item.due is None or item.due.day is None else item.due.day.isoformat()
        return {
            "text": item.text,
            **({"owner": item.owner, "due": due, "due_date": day} if actions else {}),
            **({} if item.score is None else {"score": round(item.score, 3)}),
            "evidence": [self._evidence_dict(quote) for quote in item.evidence],
        }

    def _evidence_dict(self, quote: Evidence) -> dict[str, Any]:
        link = self.link(quote.span)
        return {
            **_span_dict(quote.span),
            "speaker": quote.speaker,
            "name": self.name(quote.speaker),
            "text": quote.text,
            **({} if link is None else {"link": link}),
        }


def _participant_dict(item: Participant) -> dict[str, Any]:
    return {
        "speaker": item.speaker,
        "name": item.name,
        "talk_time": round(item.talk_time, 3),
        "share": round(item.share, 3),
        "words": item.words,
        "turns": item.turns,
        "interruptions": item.interruptions,
        "longest_monologue": round(item.longest_monologue, 3),
        "monologue": None if item.monologue is None else _span_dict(item.monologue),
    }


def _span_dict(span: Span) -> dict[str, float]:
    return {"start": round(span.start, 3), "end": round(span.end, 3)}


def _round_seconds(seconds: float) -> str:
    return f"{max(0.0, seconds):.3f}".rstrip("0").rstrip(".")
