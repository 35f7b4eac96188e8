"""Dialogue acts: sentences that promise, ask for something, decide, or none of these. Pure.

What a language's file lists is looked for; languages without a file have none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from whisperdiar.minutes.extract.dates import find_due
from whisperdiar.minutes.extract.material import Material, words_of
from whisperdiar.minutes.extract.owners import find_owner
from whisperdiar.minutes.language import Language, token_line, tokens_of
from whisperdiar.minutes.units import Utterance
from whisperdiar.options import MinutesOptions

_PROMISE_FROM, _TASK_FROM = 0.4, 0.7
"""Shares of the threshold from which a sentence with an owner, and a date or a task, counts as an action."""
_LIKELIEST = (0.9, 0.99)
_ANSWER_SECONDS = 4.0
_FEWEST_WORDS = 4
"""A proposal of fewer words says too little to be noted once it is agreed to."""


def group_sentences(utterances: Sequence[Utterance]) -> dict[int, list[int]]:
    """Number of each sentence → places of its utterances, in the order of time."""
    found: dict[int, list[int]] = {}
    for place, item in enumerate(utterances):
        found.setdefault(item.whole, []).append(place)
    return found


def find_small_talk(material: Material) -> set[int]:
    """Sentences that greet, thank, go to lunch, look at the clock: they look like agreements, and are none."""
    phrases = [token_line(tokens_of(phrase)) for phrase in material.spoken.data.get("greetings", ())]
    patterns = material.spoken.data.get("idle", ())
    found = set()
    for sentence, run in group_sentences(material.utterances).items() if phrases or patterns else ():
        said = words_of(run, material)
        line = token_line(tokens_of(said))
        if any(phrase in line for phrase in phrases) or _says(patterns, said):
            found.add(sentence)
    return found


def find_questions(utterances: Iterable[Utterance]) -> set[int]:
    """Sentences that end with a question mark: what is asked is not decided."""
    return {item.whole for item in utterances if item.asks}


def find_decisions(material: Material) -> list[int]:
    """Places of utterances that say that something is decided, and of proposals that somebody else agrees to."""
    data, items = material.spoken.data, material.utterances
    sentences = group_sentences(items)
    unwanted = find_questions(items) | find_small_talk(material)
    found: set[int] = set()
    for place, item in enumerate(items):
        if item.whole not in unwanted and states_decision(item.text, material.spoken):
            found.add(place)
        if not _says(data.get("settled", ()), item.text):
            continue
        for other in reversed(items[max(0, place - 3) : place]):
            if item.span.start - other.span.end > _ANSWER_SECONDS or other.speaker == item.speaker:
                break
            said = words_of(sentences[other.whole], material)
            line = token_line(tokens_of(said))
            if (
                other.whole not in unwanted
                and len(other.words) >= _FEWEST_WORDS
                and any(material.spoken.count(cue, line) for cue in ("decision", "we_will"))
                and not _says(data.get("undecided", ()), said)
            ):
                found.update(sentences[other.whole])
                break
    return sorted(found)


def states_decision(text: str, spoken: Language) -> bool:
    """Whether a text decides outright: ``then we take the battery``."""
    return _states("performative", "unsaid", text, spoken)


def find_undecided(material: Material) -> list[int]:
    """Places of utterances that say that something is open: ``the price is an open question``; none that asks."""
    unwanted = find_questions(material.utterances) | find_small_talk(material)
    return [
        place
        for place, item in enumerate(material.utterances)
        if item.whole not in unwanted and _states("undecided", "closed", item.text, material.spoken)
    ]


def remove_undecided(text: str, spoken: Language) -> str:
    """What is open, without the words that say so."""
    for pattern in spoken.data.get("undecided", ()):
        text = re.sub(pattern, " ", text.lower().replace("’", "'"))
    return text


def is_conditional(text: str, spoken: Language) -> bool:
    """Whether a sentence begins with a condition: ``If we take the battery, …`` decides nothing."""
    tokens = tokens_of(text)
    openers = {phrase for phrase in spoken.data.get("openers", ()) if " " not in phrase} | spoken.fillers
    hypotheses = spoken.data.get("hypotheses", ())
    while tokens and tokens[0] in openers and tokens[0] not in hypotheses:
        tokens = tokens[1:]
    return bool(tokens) and tokens[0] in hypotheses


def is_broken_off(text: str, spoken: Language) -> bool:
    """Whether somebody stopped in the middle of a sentence: ``The question is whether the``."""
    text = text.rstrip(" ?？")
    return text.endswith(("…", "...", "-", "–", "—", ",")) or any(
        token_line(tokens_of(text)).endswith(f" {phrase} ") for phrase in spoken.data.get("unfinished", ())
    )


def _states(category: str, denied: str, text: str, spoken: Language) -> bool:
    """Whether a pattern of the category is said of what is: not denied, and not behind ``if`` in the same clause."""
    lower = text.lower().replace("’", "'")
    if _says(spoken.data.get(denied, ()), lower):
        return False
    conditions = spoken.data.get("conditions", ())
    for pattern in spoken.data.get(category, ()):
        for match in re.finditer(pattern, lower):
            clause = token_line(tokens_of(re.split("[,.;:?!]", lower[: match.start()])[-1]))
            if not any(f" {word} " in clause for word in conditions):
                return True
    return False


def find_promises(material: Material, options: MinutesOptions) -> list[int]:
    """Places of sentences that say who does something until when, or what, and that the model finds likely enough.

    What speakers promise until a day, or in so many words (``I'll buy the tickets``), needs no likelihood; nor do
    offers that somebody accepts.
    """
    items, found = material.utterances, material.scores
    scores, threshold = found.probability["actions"], found.threshold["actions"]
    if not items or not material.spoken.data:
        return []
    # In meetings unlike those of the corpus everything is unlikely: then the likeliest of this one are looked at.
    some, more = (float(np.quantile(scores, part)) for part in _LIKELIEST)
    unwanted = find_small_talk(material)
    offers = find_accepted_offers(material)
    places: list[int] = []
    for sentence, run in group_sentences(items).items():
        if sentence in offers:
            places += run
            continue
        likely = float(scores[run].max())
        said = words_of(run, material)
        until = find_due(said, material.spoken, options.day)
        outright = not _says(material.spoken.data.get("offers", ()), said) and _states(
            "promised", "unsaid", said, material.spoken
        )
        tasks = outright or material.spoken.count("task", token_line(tokens_of(said))) > 0
        if sentence in unwanted or (until is None and not tasks):
            continue
        who = find_owner(run[-1], items, material.names, material.spoken, text=said)
        if until is None and not outright and likely < min(_TASK_FROM * threshold, more):
            # "Sure, by Friday" makes a promise of what was asked.
            reply = find_answer(run[-1], who, material)
            until = find_due(words_of(reply, material), material.spoken, options.day) if reply else None
            if until is None:
                continue
        # "I'm going to talk about it today" is no promise.
        firm = until is not None and not _says((material.spoken.data["due"]["today"],), until.phrase)
        speaks = firm and who == material.names.get(items[run[0]].speaker or "")
        if who is not None and (speaks or tasks or likely >= min(_PROMISE_FROM * threshold, some)):
            places += run
    return places


def find_accepted_offers(material: Material) -> dict[int, list[int]]:
    """Sentence that offers to do something → places of the answer that accepts it: ``Shall I ask her?``, ``Please.``"""
    data, items = material.spoken.data, material.utterances
    found: dict[int, list[int]] = {}
    for sentence, run in group_sentences(items).items():
        said = words_of(run, material)
        if len(tokens_of(said)) < _FEWEST_WORDS or not _says(data.get("offers", ()), said):
            continue
        for k in range(run[-1] + 1, min(run[-1] + 4, len(items))):
            if items[k].span.start - items[run[-1]].span.end > _ANSWER_SECONDS:
                break
            if items[k].speaker != items[run[0]].speaker:
                if _says(data.get("accepted", ()), items[k].text.strip()):
                    found[sentence] = [k]
                break
    return found


def is_request(run: Sequence[int], material: Material) -> bool:
    """Whether a sentence names a task, and who is to do it."""
    said = words_of(run, material)
    tasks = material.spoken.count("task", token_line(tokens_of(said))) > 0
    decides = _says(material.spoken.data.get("performative", ()), said)
    return (
        tasks
        and not decides
        and find_owner(run[-1], material.utterances, material.names, material.spoken, text=said) is not None
    )


def is_continued(place: int, utterances: Sequence[Utterance]) -> bool:
    """Whether the utterance before is of the same speaker."""
    return utterances[place - 1].speaker == utterances[place].speaker


def find_answer(place: int, who: str | None, material: Material) -> list[int]:
    """Places of what somebody else, who is to do it, says right after, to the end of the sentence: ``Sure, by Friday.``

    Empty where they say nothing.
    """
    items = material.utterances
    item = items[place]
    if who is None or who == material.names.get(item.speaker or ""):
        return []
    for k in range(place + 1, min(place + 4, len(items))):
        other = items[k]
        if other.span.start - item.span.end > _ANSWER_SECONDS:
            return []
        if material.names.get(other.speaker or "") == who:
            return [n for n in range(k, min(k + 4, len(items))) if items[n].whole == other.whole]
    return []


def _says(patterns: Iterable[str], text: str) -> bool:
    lower = text.lower().replace("’", "'")
    return any(re.search(pattern, lower) for pattern in patterns)
