"""Transcript → minutes without a language model. Pure.

What the models find likely enough is taken as evidence; neighbouring evidence makes an item, whose text is the
evidence itself with the slips of the tongue left out.

Who took part and how much: the figures of `statistics`, as minutes show them. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from whisperdiar.minutes.content import Item, Minutes, Participant
from whisperdiar.minutes.extract.acts import (
    find_accepted_offers,
    find_answer,
    find_decisions,
    find_promises,
    find_questions,
    find_small_talk,
    find_undecided,
    group_sentences,
    is_broken_off,
    is_conditional,
    is_continued,
    is_request,
    remove_undecided,
    states_decision,
)
from whisperdiar.minutes.extract.dates import find_due
from whisperdiar.minutes.extract.evidence import complete_sentences, group_runs, select_strongest
from whisperdiar.minutes.extract.material import Material, evidence_of, prepare, text_of, words_of
from whisperdiar.minutes.extract.model import kind_of
from whisperdiar.minutes.extract.owners import find_owner
from whisperdiar.minutes.extract.topics import find_topics
from whisperdiar.minutes.language import Language, n_words, token_line, tokens_of
from whisperdiar.minutes.units import Utterance
from whisperdiar.options import MinutesOptions, PlotOptions
from whisperdiar.reports.plots import picture_svg
from whisperdiar.sound_marks import find_unnamed, name_unnamed
from whisperdiar.statistics import talk_statistics
from whisperdiar.transcript import Transcript, speaker_names


def participants(transcript: Transcript) -> tuple[Participant, ...]:
    """One for everybody who says anything, in the transcript's order."""
    names = speaker_names(transcript)
    return tuple(
        Participant(
            speaker=item.speaker,
            name=names.get(item.speaker) or item.speaker,
            talk_time=item.talk_time,
            share=item.share,
            words=item.words,
            turns=item.turns,
            interruptions=item.interruptions,
            longest_monologue=0.0 if item.longest_turn is None else item.longest_turn.duration,
            monologue=item.longest_turn,
        )
        for item in talk_statistics(transcript).speakers
        if item.talk_time or item.words
    )


_PICTURE_WIDTH = 900
_NEAR = 8.0
"""Seconds; decisions nearer than this are one, if they share a word or are hardly one by themselves."""
_LONGEST_ITEM = 70
_FEWEST_WORDS = 4
_FEWEST_OUTRIGHT = 2
"""A decision in so many words may be shorter: ``Берём аккумулятор.``"""
_ALIKE = 0.6
_DOING = ("we_will", "i_will", "you_will")
_DECIDING = (
    "decision", "we_will", "i_will", "you_will", "modal", "future", "want", "we", "opinion", "summary",
)  # fmt: skip
"""Categories of cue phrases, of which a decision has one at least."""
_NEXT_BEST_FROM = 0.4
_SHORT_TALK = 800
"""Words, some five minutes."""
_FEW_WORDS = 120.0
"""Decisions and actions may rest on so many words in a short meeting, and on `_FEW_SHARE` of it in the shortest."""
_FEW_SHARE = 0.25


def minutes(transcript: Transcript, *, options: MinutesOptions | None = None) -> Minutes:
    """The minutes of a transcript, whatever its language; sections that nothing was found for are empty."""
    options = options or MinutesOptions()
    return compose(prepare(transcript, options), options)


def compose(material: Material, options: MinutesOptions) -> Minutes:
    """The minutes from what `prepare` made."""
    transcript = material.transcript
    shown = name_unnamed(transcript, capital=True)  # for readers; what people call each other is looked for without
    unnamed = set(find_unnamed(transcript))
    called = {item.id: item.name for item in shown.speakers if item.id in unnamed}
    decided, to_do = _outcomes(material, options)
    return Minutes(
        recording_id=transcript.recording_id,
        duration=transcript.length,
        language=options.language or transcript.language,
        day=options.day,
        n_words=sum(len(item.words) for item in material.utterances),
        participants=participants(shown),
        names={**material.names, **called},
        topics=find_topics(material.utterances, material.spoken, small_talk=find_small_talk(material)),
        summary=_summary(material, options),
        decisions=decided,
        actions=tuple(replace(item, owner=called.get(item.owner or "", item.owner)) for item in to_do),
        questions=_find_questions(material, decided, to_do),
        media=options.media,
        picture=picture_svg(shown, options=PlotOptions(width=_PICTURE_WIDTH)) if transcript.segments else None,
    )


def _summary(material: Material, options: MinutesOptions) -> tuple[Item, ...]:
    lengths = np.array([len(item.words) for item in material.utterances], dtype=np.float64)
    budget = options.length if options.length is not None else options.length_share * float(lengths.sum())
    scores = material.scores.probability["summary"]
    places = select_strongest(scores, lengths, budget)
    made = []
    for run in group_runs(places, material.utterances, gap=1, longest=_LONGEST_ITEM):
        text = text_of(run, material)
        if n_words(text) >= _FEWEST_WORDS:
            made.append(Item(text, evidence_of(run, material.utterances), float(np.mean(scores[run]))))
    return tuple(item for item in made if item.text)


def _outcomes(material: Material, options: MinutesOptions) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Decisions and actions: as likely as those that people chose in the corpus, and those that are said outright."""
    items = material.utterances
    few = options.fewest_outcomes_share / 2
    to_do = complete_sentences(
        {*_select_likely("actions", material, options, share=few), *find_promises(material, options)}, items
    )
    likely = _select_likely("outcomes", material, options, share=options.fewest_outcomes_share)
    likely = _drop_bare(likely, material)
    likely = complete_sentences({*likely, *find_decisions(material)}, items)
    runs_of = {items[run[0]].whole: run for run in _sentences(to_do, items)}
    for run in _sentences(likely, items):
        if is_request(run, material):
            runs_of.setdefault(items[run[0]].whole, run)
    actions: list[Item] = []
    offers = find_accepted_offers(material)
    taken = find_questions(items) | {items[place].whole for place in find_undecided(material)}
    for sentence, run in sorted(runs_of.items(), key=lambda found: found[1]):
        item = _make_action(run, material, options, accepted=offers.get(sentence, ()))
        if item is not None:
            actions.append(item)
        # What only looks like something to do is no decision either, unless it says so.
        if item is not None or not material.spoken.count("decision", token_line(tokens_of(words_of(run, material)))):
            taken.add(sentence)
    decided = [
        place
        for run in _sentences(likely, items)
        if items[run[0]].whole not in taken and _may_decide(words_of(run, material), material.spoken)
        for place in run
    ]
    actions = _drop_answers(actions, material)
    return _merge_items(_group_decisions(decided, material), material), _merge_items(actions, material)


def _may_decide(text: str, spoken: Language) -> bool:
    """Whether a sentence can be a decision: no condition, and in languages but English no mere fact.

    The models learnt English. In it they know decisions that no cue phrase tells; elsewhere they take figures for some.
    """
    if is_conditional(text, spoken):
        return False
    if states_decision(text, spoken):
        return True
    line = token_line(tokens_of(text))
    return kind_of(spoken) != "cues" or any(spoken.count(cue, line) for cue in _DECIDING)


def _drop_bare(places: Sequence[int], material: Material) -> list[int]:
    """Likely places of a short talk without those whose sentences have no words of a decision.

    The models learnt meetings of a quarter of an hour and more. In a talk of a minute something always looks likely,
    and mostly is a mere fact.
    """
    items = material.utterances
    if not material.spoken.cues or sum(len(item.words) for item in items) >= _SHORT_TALK:
        return list(places)
    sentences = group_sentences(items)
    said = {place: token_line(tokens_of(words_of(sentences[items[place].whole], material))) for place in places}
    return [place for place in places if any(material.spoken.count(cue, said[place]) for cue in _DECIDING)]


def _select_likely(target: str, material: Material, options: MinutesOptions, *, share: float = 0.0) -> list[int]:
    """Places above the threshold of a target; of more words than `options` allow the likeliest ones.

    Where less than `share` of the words is above it, what comes next is taken, if it is not unlikely: people seldom
    meet to decide nothing.
    """
    lengths = np.array([len(item.words) for item in material.utterances], dtype=np.float64)
    scores, threshold = material.scores.probability[target], material.scores.threshold[target]
    next_best = float(lengths[scores >= _NEXT_BEST_FROM * threshold].sum())
    wanted = max(float(lengths[scores >= threshold].sum()), min(next_best, share * float(lengths.sum())))
    few = min(_FEW_WORDS, _FEW_SHARE * float(lengths.sum()))
    most = max(few, options.outcomes_share * float(lengths.sum()))
    chosen = map(int, select_strongest(scores, lengths, min(wanted, most)))
    unwanted = find_small_talk(material)
    return [place for place in chosen if material.utterances[place].whole not in unwanted]


def _sentences(places: Sequence[int], items: Sequence[Utterance]) -> list[list[int]]:
    """Chosen places by sentence: what two sentences say is for two people to do."""
    found: dict[int, list[int]] = {}
    for place in places:
        found.setdefault(items[place].whole, []).append(place)
    return sorted(found.values())


def _make_action(
    run: Sequence[int], material: Material, options: MinutesOptions, *, accepted: Sequence[int] = ()
) -> Item | None:
    """What a sentence gives somebody to do, with the answer that accepts it where it offered something."""
    said = words_of(run, material)
    until = find_due(said, material.spoken, options.day)
    text = text_of(run, material)
    first = run[0]
    if until is not None and n_words(text) < _FEWEST_WORDS and first and is_continued(first, material.utterances):
        run = [first - 1, *run]  # "I do. I'll send it on Monday."
        text = text_of(run, material)
    if n_words(text) < _FEWEST_WORDS:
        return None
    who = find_owner(run[-1], material.utterances, material.names, material.spoken, text=said)
    if accepted:
        offering = material.utterances[first].speaker or ""
        who = material.names.get(offering, offering) or None
        run = [*run, *accepted]
    line = token_line(tokens_of(said))
    if who is None and material.spoken.cues and not any(material.spoken.count(cue, line) for cue in _DOING):
        return None  # thanks, and see you next time
    if until is None and (reply := find_answer(run[-1], who, material)):
        until = find_due(words_of(reply, material), material.spoken, options.day)
        run = [*run, *reply] if until is not None else run
    return Item(
        text=text,
        evidence=evidence_of(run, material.utterances),
        score=float(np.max(material.scores.probability["actions"][list(run)])),
        owner=who,
        due=until,
    )


def _drop_answers(actions: Sequence[Item], material: Material) -> list[Item]:
    """Actions without those that only take on one that has them as evidence: ``Sure, I'll see to it by Friday.``"""
    taking = frozenset(material.spoken.data.get("taking", ()))
    kept: list[Item] = []
    for item in actions:
        said = _content(item.text if item.due is None else item.text.replace(item.due.phrase, " "), material.spoken)
        answers = (len(said) <= 1 or said <= taking) and any(
            other.owner == item.owner
            and all(any(quote.span == known.span for known in other.evidence) for quote in item.evidence)
            for other in kept
        )
        if not answers:
            kept.append(item)
    return kept


def _group_decisions(places: Sequence[int], material: Material) -> list[Item]:
    """Decisions by sentence; what is said about the same right after is evidence of the strongest."""
    items, scores = material.utterances, material.scores.probability["outcomes"]
    groups: list[list[list[int]]] = []
    about: set[str] = set()
    for run in _sentences(places, items):
        text = text_of(run, material)
        words = _content(text, material.spoken)
        near = bool(groups) and items[run[0]].span.start - items[groups[-1][-1][-1]].span.end <= _NEAR
        short = n_words(text) < _FEWEST_WORDS and not _is_outright(run, material)
        if near and len(groups[-1]) < 3 and (words & about or short):
            groups[-1].append(run)
            about |= words
        else:
            groups.append([run])
            about = words
    made = []
    for group in groups:
        told = max(
            group,
            key=lambda run: (
                _is_outright(run, material),
                n_words(text_of(run, material)) >= _FEWEST_WORDS,
                np.mean(scores[run]),
            ),
        )
        text = text_of(told, material)
        if n_words(text) >= (_FEWEST_OUTRIGHT if _is_outright(told, material) else _FEWEST_WORDS):
            places_of = sorted(place for run in group for place in run)
            made.append(Item(text, evidence_of(places_of, items), float(np.max(scores[places_of]))))
    return made


def _is_outright(run: Sequence[int], material: Material) -> bool:
    said = words_of(run, material)
    return bool(_content(said, material.spoken)) and states_decision(said, material.spoken)


def _content(text: str, spoken: Language) -> set[str]:
    return {token for token in tokens_of(text) if token not in spoken.stopwords and token not in spoken.fillers}


def _merge_items(found: Sequence[Item], material: Material) -> tuple[Item, ...]:
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


def _find_questions(material: Material, decided: Sequence[Item], to_do: Sequence[Item]) -> tuple[Item, ...]:
    """Questions of substance that no decision answers and that ask nobody to do something: the weightiest ones.

    What people call open needs no weight.
    """
    items, found = material.utterances, material.scores
    if not items:
        return ()
    scores = found.probability["questions"]
    answers = [(item.evidence[0].span.start, _content(item.text, material.spoken)) for item in decided]
    asked = [quote.span for item in to_do for quote in item.evidence]
    undecided = set(find_undecided(material))
    sentences = group_sentences(items)
    open_ = []
    for place, item in enumerate(items):
        named = place in undecided
        said = words_of(sentences[item.whole], material)
        words = _content(item.text, material.spoken)
        if named:  # "The price is an open question" is answered by what is decided of the price
            words = _content(remove_undecided(said, material.spoken), material.spoken) or _content(
                said, material.spoken
            )
        if not named and not _is_question(item, material.spoken):
            continue
        if n_words(item.text) < (_FEWEST_WORDS if named else 6) or len(words) < (1 if named else 2):
            continue
        answered = any(
            item.span.start <= start and len(words & others) >= 0.5 * len(words) for start, others in answers
        )
        requested = any(span.start <= item.span.start < span.end for span in asked)
        broken = is_broken_off(said, material.spoken)
        weighty = not requested and scores[place] >= 0.5 * found.threshold["questions"]
        if not answered and not broken and (named or weighty):
            open_.append(place)
    most = 2 + round((items[-1].span.end - items[0].span.start) / 600)
    likeliest = sorted((place for place in open_ if place not in undecided), key=lambda place: -scores[place])
    made = []
    for place in sorted([*likeliest[:most], *undecided.intersection(open_)]):
        last = place + 3 if place in undecided else place  # "it is open, because …"
        whole = [k for k in sentences[items[place].whole] if place - 3 <= k <= last]
        text = text_of(whole, material)
        if n_words(text) >= _FEWEST_WORDS:
            closed = place in undecided or text.endswith(("?", "？", "؟"))
            text = text if closed else text.rstrip(".") + "?"
            made.append(Item(text, evidence_of(whole, items), float(scores[place])))
    return _merge_items(made, material)


def _is_question(item: Utterance, spoken: Language) -> bool:
    """By its mark; where nothing is punctuated, by its first words."""
    if item.asks:
        return True
    opening = token_line(tokens_of(item.text)[:4])
    marked = any(character in item.text for character in ".,?!;:")
    return not marked and any(opening.startswith(f" {phrase} ") for phrase in spoken.data.get("asks", ()))
