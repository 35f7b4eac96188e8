"""Scored utterances, quotes, and readable texts of a transcript: what items are made of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whisperdiar.minutes.content import Evidence
from whisperdiar.minutes.extract.model import Scores, score
from whisperdiar.minutes.language import Language, language
from whisperdiar.minutes.units import Utterance, join_words, utterances
from whisperdiar.minutes.wording import make_readable
from whisperdiar.options import MinutesOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span


@dataclass(frozen=True, slots=True)
class Material:
    """What items are made of: a transcript cut into utterances, with their scores.

    Attributes:
        transcript, utterances, scores, spoken: the transcript, its utterances, their scores, its language.
        names: speaker label → name that people read.
    """

    transcript: Transcript
    utterances: tuple[Utterance, ...]
    scores: Scores
    spoken: Language
    names: dict[str, str]


def prepare(transcript: Transcript, options: MinutesOptions) -> Material:
    """Cut and score a transcript."""
    spoken = language(options.language or transcript.language)
    items = utterances(transcript, spoken.data.get("connectives", ()), spoken.starters)
    names = {item.id: item.name for item in reversed(transcript.speakers)}
    for item in items:
        if item.speaker is not None:
            names.setdefault(item.speaker, item.speaker)
    return Material(transcript, items, score(items, spoken), spoken, names)


def evidence_of(places: Sequence[int], items: Sequence[Utterance]) -> tuple[Evidence, ...]:
    """Quotes of chosen utterances; those of one speaker that follow each other directly are one quote."""
    groups: list[list[int]] = []
    for place in places:
        last = groups[-1] if groups else None
        between = range(last[-1] + 1, place) if last else range(0)
        if (
            last
            and items[last[-1]].speaker == items[place].speaker
            and all(items[i].speaker != items[place].speaker and len(items[i].words) <= 3 for i in between)
        ):
            last.append(place)
        else:
            groups.append([place])
    return tuple(_quote([items[i] for i in group]) for group in groups)


def _quote(group: Sequence[Utterance]) -> Evidence:
    words = [word for item in group for word in item.words]
    span = Span(min(word.start for word in words), max(word.end for word in words))
    return Evidence(span, group[0].speaker, join_words(words))


def text_of(places: Sequence[int], material: Material) -> str:
    """The chosen utterances as a sentence to be read."""
    return make_readable(words_of(places, material), material.spoken)


def words_of(places: Sequence[int], material: Material) -> str:
    """The chosen utterances as they were said."""
    return join_words([word for place in places for word in material.utterances[place].words])
