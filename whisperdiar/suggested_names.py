"""Suggested speaker names: what people call each other while they talk. Pure; offered to a person, never taken.

    SPEAKER_00   Dan, what did you find?                 a vocative in a question: who answers may be Dan
    SPEAKER_01   Two errors.
    SPEAKER_00   Thanks, Dan.                            in thanks: who spoke before may be Dan
    SPEAKER_02   My name is Carla.                       an introduction: who says it is Carla

A vocative is a capitalised word that commas set off at the beginning, the end or in the middle of a sentence that
speaks to somebody: by a second person, an imperative, a greeting or thanks. What begins a sentence is capitalised
anyway; words that often stand there ("Well, I think"), months and days are no names, nor is what the transcript also
writes small. Two names in a row are an enumeration ("May, June and July"). English, Russian and German.

A name is offered where more sentences point to one speaker than to all others together, that speaker calls nobody so,
and has no other name that is as likely.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from whisperdiar.text.language_data import read_language_data
from whisperdiar.transcript import Segment, Transcript, speaker_names
from whisperdiar.types import Word

_ANSWER_S = 5.0
"""Who begins within so many seconds after the speech with the vocative may answer it."""
_BEFORE_S = 10.0
"""Who is thanked has spoken within so many seconds before."""
_MORE_TOKENS = 40
"""Who says more than this after the vocative has gone on to something else."""
_INTRODUCED = 2
"""Votes of somebody who says the own name; a vocative is one."""
_SHOWN = 100
"""Characters of a sentence that is shown as evidence."""


@dataclass(frozen=True, slots=True)
class NameSuggestion:
    """A name that a speaker may have.

    Attributes:
        speaker: label.
        name: as it was said.
        said: the first sentence that tells it, shortened.
        start: when that sentence begins, in seconds.
        count: sentences that tell it.
    """

    speaker: str
    name: str
    said: str
    start: float
    count: int


@dataclass(frozen=True, slots=True)
class _Language:
    """What the rules know of a language; words in lower case. Read from ``data/names/CODE.json``.

    Attributes:
        second: finds a second person, or what else speaks to somebody.
        thanks: words that thank or agree: they are said to who spoke before.
        greetings: words before a name without a comma.
        lead: words that may stand before a vocative at the beginning.
        titles: words that belong to the name behind them.
        introductions: finds what comes before the own name, at the end of a text.
        never: words that are no names.
        capital_words: words with a capital inside of sentences that are no names.
        adverb: matches what begins sentences and is no name; but Emily and Kelly are.
        patronymic: matches the second part of a name.
    """

    second: re.Pattern[str]
    thanks: frozenset[str]
    greetings: frozenset[str]
    lead: frozenset[str]
    titles: frozenset[str]
    introductions: re.Pattern[str]
    never: frozenset[str]
    capital_words: frozenset[str]
    adverb: re.Pattern[str]
    patronymic: re.Pattern[str]


@lru_cache(maxsize=16)
def _load_language(code: str | None) -> _Language | None:
    """The rules of a language; None where there is no file for it."""
    data = read_language_data("data/names", code)
    if data is None:
        return None

    def words(name: str) -> frozenset[str]:
        return frozenset(data.get(name, "").split())

    def pattern(name: str) -> re.Pattern[str]:
        return re.compile(data.get(name, _NOTHING))

    introductions = "|".join(map(re.escape, data["introductions"]))
    return _Language(
        second=pattern("second"),
        thanks=words("thanks"),
        greetings=words("greetings"),
        lead=words("lead"),
        titles=words("titles"),
        introductions=re.compile(rf"\b(?:{introductions})$"),
        never=words("never"),
        capital_words=words("capital_words"),
        adverb=pattern("adverb"),
        patronymic=pattern("patronymic"),
    )


_NOTHING = "(?!)"
"""The pattern that matches nothing: a language without adverbs of one form, or without patronymics."""
_ENDS = (".", "!", "?", "…")
_EDGES = "\"'“”„«»()[]—–-…,;:.!?"


@dataclass(frozen=True, slots=True)
class _Token:
    """A word between white space: without the signs around it, whether a comma follows, when it begins."""

    text: str
    raw: str
    start: float

    @property
    def low(self) -> str:
        return self.text.casefold().replace("’", "'")

    @property
    def comma(self) -> bool:
        return self.raw.endswith(",")

    @property
    def ends(self) -> bool:
        return self.raw.rstrip("\"'”“»)").endswith(_ENDS)

    @property
    def titled(self) -> bool:
        """Whether it is written like a name: Anna, Anna-Lena, O'Neill; no abbreviation, no number."""
        if self.raw.startswith(("'", "’", "-")):  # the end of a word, such as 'Kay
            return False
        parts = re.split("[-'’]", self.text)
        return (
            len(self.text) > 1
            and all(part.isalpha() and part[:1].isupper() for part in parts)
            and self.text != self.text.upper()
        )


@dataclass(frozen=True, slots=True)
class _Sentence:
    """Of one speaker: its tokens, and the number of the speech (a run of one speaker's segments) that it is in."""

    speech: int
    speaker: str
    tokens: tuple[_Token, ...]
    rest: int
    """Tokens of the same speech after it."""

    @property
    def question(self) -> bool:
        return "?" in self.tokens[-1].raw

    @property
    def text(self) -> str:
        shown = " ".join(token.raw for token in self.tokens)
        return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class _Vote:
    name: str
    speaker: str
    sentence: _Sentence
    weight: int


def suggest_names(transcript: Transcript) -> tuple[NameSuggestion, ...]:
    """Names for speakers who have none yet, in the order of the list of speakers; empty for other languages."""
    rules = _load_language(transcript.language)
    if rules is None:
        return ()
    speeches = _group_speeches(transcript)
    sentences = list(_divide_sentences(speeches, rules))
    small = {token.low for sentence in sentences for token in sentence.tokens if token.text == token.text.lower()}
    votes: list[_Vote] = []
    callers: dict[str, set[str]] = defaultdict(set)
    for sentence in sentences:
        votes += [
            _Vote(own, sentence.speaker, sentence, _INTRODUCED) for own in _find_introductions(sentence, rules, small)
        ]
        name = _find_vocative(sentence, rules, small)
        if name is None:
            continue
        callers[name.casefold()].add(sentence.speaker)
        addressee = _find_addressee(sentence, speeches, rules)
        if addressee is not None:
            votes.append(_Vote(name, addressee, sentence, 1))
    return _decide(transcript, votes, callers)


def _group_speeches(transcript: Transcript) -> list[list[Segment]]:
    """Neighbouring segments of one speaker, in order of time; what nobody known says is left out."""
    ordered = sorted((item for item in transcript.segments if item.speaker is not None), key=lambda s: s.span.start)
    return [list(group) for _, group in groupby(ordered, key=lambda segment: segment.speaker)]


def _divide_sentences(speeches: Sequence[Sequence[Segment]], rules: _Language) -> Iterator[_Sentence]:
    for number, speech in enumerate(speeches):
        tokens = _split_tokens([word for segment in speech for word in segment.words])
        first = 0
        for place, token in enumerate(tokens):
            title = token.raw.endswith(".") and token.low in rules.titles
            if (token.ends and not title) or place == len(tokens) - 1:
                yield _Sentence(
                    number, speech[0].speaker or "", tuple(tokens[first : place + 1]), len(tokens) - place - 1
                )
                first = place + 1


def _split_tokens(words: Sequence[Word]) -> list[_Token]:
    made: list[tuple[str, float]] = []
    apart = True
    for word in words:
        pieces = word.text.split()
        if pieces and made and not apart and not word.text[0].isspace():
            made[-1] = (made[-1][0] + pieces[0], made[-1][1])
            pieces = pieces[1:]
        made += [(piece, word.start) for piece in pieces]
        apart = word.text[-1:].isspace()
    return [_Token(raw.strip(_EDGES), raw, start) for raw, start in made]


def _is_name(token: _Token, rules: _Language, small: set[str]) -> bool:
    return (
        token.titled
        and token.low not in rules.never
        and token.low not in small
        and token.low not in rules.titles
        and not rules.adverb.fullmatch(token.low)
    )


def _find_introductions(sentence: _Sentence, rules: _Language, small: set[str]) -> Iterator[str]:
    """The name in "My name is Anna"."""
    tokens = sentence.tokens
    for place in range(2, len(tokens)):
        before = " ".join(token.low for token in tokens[max(0, place - 3) : place])
        if rules.introductions.search(before) and _is_name(tokens[place], rules, small):
            yield tokens[place].text


def _find_vocative(sentence: _Sentence, rules: _Language, small: set[str]) -> str | None:
    """The one name that the sentence speaks to; None without any, or with two. `small`: words also written so."""
    tokens = sentence.tokens
    places = [
        place
        for place, token in enumerate(tokens)
        if (token.comma or place == len(tokens) - 1) and _is_name(token, rules, small)
    ]
    if not places:
        return None
    spoken_to = _speaks_to_somebody(sentence, rules)
    if not (sentence.question or spoken_to):
        return None
    lead = 0
    while lead < min(3, len(tokens)) and tokens[lead].low in rules.lead:
        lead += 1
    found: dict[int, str] = {}
    for place in places:
        first, name = _read_name(tokens, place, rules)
        last = place == len(tokens) - 1
        if first == lead:
            # Nothing before it but "So," or "Hi": a capital tells little here, and nothing at the very beginning.
            if (first == 0 and not spoken_to) or (last and not _has_greeting(tokens[:first], rules)):
                continue
        elif not tokens[first - 1].comma and not (last and _has_greeting(tokens[max(0, first - 2) : first], rules)):
            continue
        found[place] = name
    if len(found) != 1:
        return None
    ((place, name),) = found.items()
    first = place - len(name.split()) + 1
    return None if _is_enumerated(tokens, first - 1, rules) or _is_enumerated(tokens, place + 1, rules) else name


def _is_enumerated(tokens: Sequence[_Token], place: int, rules: _Language) -> bool:
    """Whether another word like a name stands there, as in "Anna, Ben and Carla"; what opens the sentence is none."""
    if not 0 < place < len(tokens):
        return False
    token = tokens[place]
    return token.titled and token.low not in rules.capital_words


def _read_name(tokens: Sequence[_Token], place: int, rules: _Language) -> tuple[int, str]:
    """Where the name begins, and the name: with its title (Herr Müller), or a patronymic (Анна Ивановна)."""
    if place and not tokens[place - 1].comma:
        before = tokens[place - 1]
        if before.low in rules.titles and before.text[:1].isupper():
            return place - 1, f"{before.raw} {tokens[place].text}"
        if before.titled and rules.patronymic.fullmatch(tokens[place].low):
            return place - 1, f"{before.text} {tokens[place].text}"
    return place, tokens[place].text


def _speaks_to_somebody(sentence: _Sentence, rules: _Language) -> bool:
    low = " ".join(token.low for token in sentence.tokens)
    return bool(rules.second.search(low)) or any(
        token.low in rules.thanks or token.low in rules.greetings for token in sentence.tokens[:3]
    )


def _has_greeting(before: Sequence[_Token], rules: _Language) -> bool:
    """Whether a greeting or thanks is among these: "Hi Dan", "Thank you very much, Dan"."""
    return any(token.low in rules.greetings or token.low in rules.thanks for token in before)


def _find_addressee(sentence: _Sentence, speeches: Sequence[Sequence[Segment]], rules: _Language) -> str | None:
    """Who is spoken to: of thanks who spoke before, of a question who answers, otherwise who does both."""
    before, after = _find_speaker_before(sentence, speeches), _find_speaker_after(sentence, speeches)
    if any(token.low in rules.thanks for token in sentence.tokens[:3]) and not sentence.question:
        return before
    if sentence.question:
        return after
    if any(token.low in rules.greetings for token in sentence.tokens[:3]):
        return after if after is not None else before
    second = rules.second.search(" ".join(token.low for token in sentence.tokens))
    return after if second and (before == after or before is None) else None


def _find_speaker_after(sentence: _Sentence, speeches: Sequence[Sequence[Segment]]) -> str | None:
    number = sentence.speech
    if number + 1 >= len(speeches) or sentence.rest > _MORE_TOKENS:
        return None
    end = max(segment.span.end for segment in speeches[number])
    following = speeches[number + 1]
    return following[0].speaker if following[0].span.start - end <= _ANSWER_S else None


def _find_speaker_before(sentence: _Sentence, speeches: Sequence[Sequence[Segment]]) -> str | None:
    number = sentence.speech
    if not number:
        return None
    end = max(segment.span.end for segment in speeches[number - 1])
    return speeches[number - 1][0].speaker if sentence.tokens[0].start - end <= _BEFORE_S else None


def _decide(transcript: Transcript, votes: Sequence[_Vote], callers: dict[str, set[str]]) -> tuple[NameSuggestion, ...]:
    names = speaker_names(transcript)
    taken = {name.casefold() for label, name in names.items() if name != label}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for vote in votes:
        counts[vote.name.casefold()][vote.speaker] += vote.weight
    offered: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, counted in counts.items():
        (speaker, most), others = counted.most_common(1)[0], counted.total()
        if 2 * most > others and speaker not in callers[name] and name not in taken:
            offered[speaker].append((most, name))
    labels = dict.fromkeys([*(item.id for item in transcript.speakers), *offered])
    made = []
    for label in labels:
        likely = sorted(offered.get(label, ()), reverse=True)
        if not likely or names.get(label, label) != label or (len(likely) > 1 and likely[0][0] == likely[1][0]):
            continue
        telling = [vote for vote in votes if vote.speaker == label and vote.name.casefold() == likely[0][1]]
        first = telling[0]
        made.append(
            NameSuggestion(label, first.name, first.sentence.text, first.sentence.tokens[0].start, len(telling))
        )
    return tuple(made)
