"""Transcript → minutes without a language model. Pure.

What the models find likely enough is taken as evidence; neighbouring evidence makes an item, whose text is the
evidence itself with the slips of the tongue left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from whisperdiar.minutes.content import Evidence, Item, Minutes, Topic
from whisperdiar.minutes.dates import due
from whisperdiar.minutes.evidence import runs, strongest
from whisperdiar.minutes.language import Language, language, token_line, tokens_of
from whisperdiar.minutes.model import Scores, score
from whisperdiar.minutes.owners import owner
from whisperdiar.minutes.participants import participants
from whisperdiar.minutes.topics import topics
from whisperdiar.minutes.units import Utterance, joined, utterances
from whisperdiar.minutes.wording import readable
from whisperdiar.options import MinutesOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span

_NEAR = 15.0
"""Seconds; decisions nearer than this are one, if they are about the same."""
_LONGEST_ITEM = 70
_FEWEST_WORDS = 4
_ALIKE = 0.6
_ACTION_ODDS = 0.8


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
    items = utterances(transcript, spoken.data.get("connectives", ()))
    names = {item.id: item.name for item in reversed(transcript.speakers)}
    for item in items:
        if item.speaker is not None:
            names.setdefault(item.speaker, item.speaker)
    return Material(transcript, items, score(items, spoken), spoken, names)


def minutes(transcript: Transcript, *, options: MinutesOptions | None = None) -> Minutes:
    """The minutes of a transcript, whatever its language; sections that nothing was found for are empty."""
    options = options or MinutesOptions()
    return compose(prepare(transcript, options), options)


def compose(material: Material, options: MinutesOptions) -> Minutes:
    """The minutes from what `prepare` made."""
    transcript = material.transcript
    decided, to_do = _outcomes(material, options)
    return Minutes(
        recording_id=transcript.recording_id,
        duration=transcript.duration,
        language=options.language or transcript.language,
        day=options.day,
        n_words=sum(len(item.words) for item in material.utterances),
        participants=participants(transcript),
        names=material.names,
        topics=topics(material.utterances, material.spoken),
        summary=_summary(material, options),
        decisions=decided,
        actions=to_do,
        questions=_questions(material, decided),
        media=options.media,
    )


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
    return Evidence(span, group[0].speaker, joined(words), group[0].indices[0])


def topic_at(found: Sequence[Topic], time: float) -> int:
    """Which topic a time belongs to."""
    return max(0, sum(item.span.start <= time for item in found) - 1)


def _text(places: Sequence[int], material: Material) -> str:
    words = [word for place in places for word in material.utterances[place].words]
    return readable(joined(words), material.spoken)


def _summary(material: Material, options: MinutesOptions) -> tuple[Item, ...]:
    n_words = np.array([len(item.words) for item in material.utterances], dtype=np.float64)
    budget = options.length if options.length is not None else options.length_share * float(n_words.sum())
    scores = material.scores.probability["summary"]
    places = strongest(scores, n_words, budget)
    made = []
    for run in runs(places, material.utterances, gap=1, longest=_LONGEST_ITEM):
        text = _text(run, material)
        if _n_words(text) >= _FEWEST_WORDS or not material.spoken.code:
            made.append(Item(text, evidence_of(run, material.utterances), float(np.mean(scores[run]))))
    return tuple(item for item in made if item.text)


def _n_words(text: str) -> int:
    return len(text.split())


def _outcomes(material: Material, options: MinutesOptions) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Decisions and actions."""
    items, found = material.utterances, material.scores
    n_words = np.array([len(item.words) for item in items], dtype=np.float64)
    scores = found.probability["outcomes"]
    wanted = float(n_words[scores >= found.threshold["outcomes"]].sum())
    places = strongest(scores, n_words, min(wanted, options.outcomes_share * float(n_words.sum())))
    to_do = [place for place in map(int, places) if _is_action(place, material)]
    taken = set(to_do)
    decided = [place for place in map(int, places) if place not in taken]
    actions = [_action(run, material, options) for run in _sentences(to_do, items)]
    return _merged(_clusters(decided, material), material), _merged([item for item in actions if item], material)


def _sentences(places: Sequence[int], items: Sequence[Utterance]) -> list[list[int]]:
    """Chosen places by sentence: what two sentences say is for two people to do."""
    found: dict[int, list[int]] = {}
    for place in places:
        found.setdefault(items[place].sentence, []).append(place)
    return sorted(found.values())


def _is_action(place: int, material: Material) -> bool:
    """Whether an outcome is something to do: more so than something decided, by the corpus's own measure of each."""
    found = material.scores

    def odds(target: str) -> float:
        probability = float(found.probability[target][place])
        threshold = found.threshold[target]
        return probability / (1 - probability + 1e-9) * (1 - threshold) / max(threshold, 1e-9)

    return odds("actions") > _ACTION_ODDS * odds("decisions")


def _action(run: Sequence[int], material: Material, options: MinutesOptions) -> Item | None:
    text = _text(run, material)
    if _n_words(text) < _FEWEST_WORDS:
        return None
    said = joined([word for place in run for word in material.utterances[place].words])
    return Item(
        text=text,
        evidence=evidence_of(run, material.utterances),
        score=float(np.max(material.scores.probability["actions"][list(run)])),
        owner=owner(run[-1], material.utterances, material.names, material.spoken, text=said),
        due=due(said, material.spoken, options.day),
    )


def _clusters(places: Sequence[int], material: Material) -> list[Item]:
    """Decisions: runs that are near each other in time are one, told in the words of the strongest."""
    items, scores = material.utterances, material.scores.probability["outcomes"]
    groups: list[list[list[int]]] = []
    for run in runs(places, items, gap=1, longest=_LONGEST_ITEM // 2):
        start = items[run[0]].span.start
        if groups and start - items[groups[-1][-1][-1]].span.end <= _NEAR and len(groups[-1]) < 3:
            groups[-1].append(run)
        else:
            groups.append([run])
    made = []
    for group in groups:
        told = max(group, key=lambda run: (_n_words(_text(run, material)) >= _FEWEST_WORDS, np.mean(scores[run])))
        text = _text(told, material)
        if _n_words(text) >= _FEWEST_WORDS:
            places_of = sorted(place for run in group for place in run)
            made.append(Item(text, evidence_of(places_of, items), float(np.max(scores[places_of]))))
    return made


def _content(text: str, spoken: Language) -> set[str]:
    return {token for token in tokens_of(text) if token not in spoken.stopwords and token not in spoken.fillers}


def _merged(found: Sequence[Item], material: Material) -> tuple[Item, ...]:
    """Items that say the same become one, told the way that is most certain, with the evidence of all."""
    kept: list[Item] = []
    for item in found:
        words = _content(item.text, material.spoken)
        for k, other in enumerate(kept):
            others = _content(other.text, material.spoken)
            if words and len(words & others) >= _ALIKE * len(words | others):
                first = other if (other.score or 0.0) >= (item.score or 0.0) else item
                kept[k] = replace(
                    first,
                    evidence=(*other.evidence, *item.evidence),
                    owner=first.owner or other.owner or item.owner,
                    due=first.due or other.due or item.due,
                )
                break
        else:
            kept.append(item)
    return tuple(kept)


def _questions(material: Material, decided: Sequence[Item]) -> tuple[Item, ...]:
    """Questions of substance that no decision answers: a few for every ten minutes, the weightiest ones."""
    items, found = material.utterances, material.scores
    if not items:
        return ()
    scores = found.probability["questions"]
    answers = [(item.evidence[0].span.start, _content(item.text, material.spoken)) for item in decided]
    open_ = []
    for place, item in enumerate(items):
        words = _content(item.text, material.spoken)
        if not _is_question(item, material.spoken) or len(item.words) < 6 or len(words) < 2:
            continue
        answered = any(
            item.span.start <= start and len(words & others) >= 0.5 * len(words) for start, others in answers
        )
        if not answered and scores[place] >= 0.5 * found.threshold["questions"]:
            open_.append(place)
    most = 2 + round((items[-1].span.end - items[0].span.start) / 600)
    chosen = sorted(sorted(open_, key=lambda place: -scores[place])[:most])
    made = []
    for place in chosen:
        whole = [k for k in range(max(0, place - 3), place + 1) if items[k].sentence == items[place].sentence]
        text = _text(whole, material)
        if _n_words(text) >= _FEWEST_WORDS:
            text = text if text.endswith(("?", "？", "؟")) else text.rstrip(".") + "?"
            made.append(Item(text, evidence_of(whole, items), float(scores[place])))
    return _merged(made, material)


def _is_question(item: Utterance, spoken: Language) -> bool:
    """By its mark; where nothing is punctuated, by its first words."""
    if item.asks:
        return True
    opening = token_line(tokens_of(item.text)[:4])
    marked = any(character in item.text for character in ".,?!;:")
    return not marked and any(opening.startswith(f" {phrase} ") for phrase in spoken.data.get("asks", ()))
