"""Readings of a stretch: the words of the mixture against those of the separated voices. Pure.

Each speaker's words are taken from the reading that is worth more: a word is worth what its probability exceeds a bound
by. What a recogniser makes up where a separator left scraps of a voice is many words that it doubts, in less time than
anybody speaks them: such a stream is not believed. A word that both streams give is one voice that leaks into the
other's stream, and is kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

from whisperdiar.asr._shared.word_times import min_word_duration
from whisperdiar.types import Span, Word

_SAME_TIME_S = 0.4
"""Times of one word in two readings differ by less: half a word, and what recognisers are off by."""
_LEAKED_S = 0.2
"""The same for two streams of one stretch, which hold the very same sound where a voice leaks."""
_LEAKED_WORDS = 3
_LEAST_MEAN_PROBABILITY = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of a stretch that are kept.

    Attributes:
        words: of both speakers, in order of time.
        separated: the speakers whose words are those of their own stream.
        replaced: the words of the mixture that gave way, and that no stream has.
    """

    words: tuple[Word, ...]
    separated: frozenset[str]
    replaced: tuple[Word, ...]


def choose_words(
    mixture: Sequence[Word],
    streams: Mapping[str, Sequence[Word]],
    *,
    around: Sequence[Word] = (),
    find_louder: Callable[[Span], str | None] = lambda _span: None,
    confidence: float = 1.0,
    min_probability: float = 0.0,
) -> Reading:
    """For each speaker the words of the mixture or of the own stream, whichever reading is worth more.

    Args:
        mixture: words of the stretch with their speakers, in order.
        streams: speaker label → words of that speaker's stream.
        around: words before and after the overlap: what is at its edge is not said twice, and a stream's word that
            begins before it, or ends behind it, is kept where its speaker says nothing else just then.
        find_louder: whose stream is the louder one in a span; None where nobody knows. What the mixture says is said by
            the louder voice: another stream that has it holds a leak.
        confidence: that the streams belong to these speakers, 0 to 1.
        min_probability: bound above which a word is worth something.
    """
    labels = sorted(streams)
    own = drop_repeated({label: _without(streams[label], label, around) for label in labels})
    own = {label: _without_leaks(words, label, mixture, find_louder) for label, words in own.items()}
    heard = [_give(word, own) for word in mixture]
    kept: list[Word] = []
    separated: set[str] = set()
    for label in labels:
        rival = next((other for other in labels if other != label), None)
        mixed = [word for word in heard if word.speaker == label]
        better = _value(own[label], min_probability) > _value(mixed, min_probability)
        if better and _is_believable(own[label]):
            separated.add(label)
            kept += [
                replace(
                    word, speaker=label, speaker_confidence=confidence, second_speaker=rival, overlap=rival is not None
                )
                for word in own[label]
            ]
        else:
            kept += mixed
    kept += [word for word in heard if word.speaker not in labels]
    words = tuple(sorted(kept, key=lambda word: word.span))
    lost = [word for word in heard if word.speaker in separated and not _has_same(word, words)]
    return Reading(words, frozenset(separated), tuple(lost))


def drop_repeated(streams: Mapping[str, Sequence[Word]]) -> dict[str, list[Word]]:
    """The streams without words that another one gives at the same time and is surer of.

    Two people can say a word or two at once: what leaks is three words in a row, or all that a stream holds.
    """
    kept = {label: list(words) for label, words in streams.items()}
    for one, other in combinations(sorted(kept), 2):
        first, second = (_find_runs(kept[a], partial(_has_leaked, kept[b])) for a, b in ((one, other), (other, one)))
        gone = {
            id(word)
            for run, rivals in ((first, kept[other]), (second, kept[one]))
            for word in run
            for rival in rivals
            if is_same_word(word, rival, within=_LEAKED_S) and _is_weaker(word, rival, is_first=rivals is kept[other])
        }
        for label in (one, other):
            kept[label] = [word for word in kept[label] if id(word) not in gone]
    return kept


def _has_leaked(others: Sequence[Word], word: Word) -> bool:
    return any(is_same_word(word, other, within=_LEAKED_S) for other in others)


def _find_runs(words: Sequence[Word], is_leak: Callable[[Word], bool]) -> list[Word]:
    """Words that may have leaked, of runs that are long enough for that, or that are all there is."""
    found: list[Word] = []
    run: list[Word] = []
    for word in (*words, None):
        if word is not None and is_leak(word):
            run.append(word)
            continue
        if len(run) >= min(_LEAKED_WORDS, len(words)):
            found += run
        run = []
    return found


def _is_weaker(word: Word, rival: Word, *, is_first: bool) -> bool:
    """Of two that are equally sure, the word of the first stream stays."""
    return word.probability < rival.probability or (word.probability == rival.probability and not is_first)


def is_same_word(one: Word, other: Word, *, within: float = _SAME_TIME_S) -> bool:
    """Whether two readings have the same letters at the same time, up to so many seconds."""
    near = abs(_middle(one.span) - _middle(other.span)) <= within
    return near and _letters(one.text) == _letters(other.text) != ""


def _without_leaks(
    words: Sequence[Word], speaker: str, mixture: Sequence[Word], find_louder: Callable[[Span], str | None]
) -> list[Word]:
    """A stream without runs of words that the mixture has of the other speaker, who is the louder one just then."""
    others = [word for word in mixture if word.speaker not in (None, speaker)]

    def is_leak(word: Word) -> bool:
        return _has_same(word, others) and find_louder(word.span) not in (None, speaker)

    gone = {id(word) for word in _find_runs(words, is_leak)}
    return [word for word in words if id(word) not in gone]


def _give(word: Word, streams: Mapping[str, Sequence[Word]]) -> Word:
    """A word of the mixture with the speaker in whose stream alone it is found again."""
    owners = [label for label, words in streams.items() if _has_same(word, words)]
    if len(owners) != 1 or owners[0] == word.speaker:
        return word
    return replace(word, speaker=owners[0], second_speaker=word.speaker, overlap=word.speaker is not None)


def _without(words: Sequence[Word], speaker: str, around: Sequence[Word]) -> list[Word]:
    """Words of a speaker's stream that neither repeat one at the edge nor stand in one of that speaker's."""
    taken = [word.span for word in around if word.speaker == speaker]
    return [
        word
        for word in words
        if not _has_same(word, around) and not any(span.start <= _middle(word.span) < span.end for span in taken)
    ]


def _has_same(word: Word, words: Sequence[Word]) -> bool:
    return any(is_same_word(word, other) for other in words)


def _value(words: Sequence[Word], min_probability: float) -> float:
    return sum(word.probability - min_probability for word in words)


def _is_believable(words: Sequence[Word]) -> bool:
    """Whether the recogniser is rather sure of words, and somebody can have said all of them in their time."""
    if not words or _value(words, _LEAST_MEAN_PROBABILITY) < 0:
        return False
    if len(words) < _LEAKED_WORDS:  # times of single words are not exact
        return True
    least = sum(min_word_duration(word.text) for word in words)
    return least <= max(word.end for word in words) - words[0].start


def _middle(span: Span) -> float:
    return (span.start + span.end) / 2


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
