"""Utterances: words → the clauses that are scored and quoted. Pure.

An utterance holds consecutive words of one speaker. It ends with a sentence, at a comma between two parts that can
stand alone, at a pause, and where it would become too long; a text without any punctuation is cut at pauses, before
words that begin clauses, and by length. Words of others in between do not end it: in a lively meeting everybody says
"yeah" into everything. A sentence of somebody who stops to think, and goes on in small letters, is several of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from whisperdiar.text.punctuation import CLAUSE_END, SENTENCE_END, last_mark
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Word

_PAUSE = 0.8
"""Seconds; a longer silence of the speaker ends an utterance."""
_PAUSE_IN_SENTENCE = 3.0
"""Seconds; a shorter one does not end a sentence that has no mark at its end and goes on with a small letter."""
_SHORT_PAUSE = 0.1
"""Ends an utterance of `_LONG` words where there is no punctuation to do so; `_LONGEST_PLAIN` words end it anyhow."""
_FEWEST_WORDS = 3
"""A clause of fewer words is no utterance of its own."""
_FEWEST_BEFORE_CONNECTIVE = 5
_LONG = 8
_LONGEST_PLAIN = 18
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clause of one speaker.

    Attributes:
        number: counts from 1 in the order of the starts; what a language model cites.
        indices: of its words in `Transcript.words`, ascending; at least one.
        words: these words.
        speaker: label.
        sentence: utterances of one sentence share this number, as far as no pause parts them; what the models see.
        whole: the same across pauses; what a reader sees.
    """

    number: int
    indices: tuple[int, ...]
    words: tuple[Word, ...]
    speaker: str | None
    sentence: int
    whole: int

    @property
    def span(self) -> Span:
        return Span(min(word.start for word in self.words), max(word.end for word in self.words))

    @property
    def text(self) -> str:
        """The joined words on one line, stripped."""
        return join_words(self.words)

    @property
    def asks(self) -> bool:
        """Whether it ends with a question mark."""
        return last_mark(self.words[-1].text) in ("?", "？", "؟")


def join_words(words: Sequence[Word]) -> str:
    """The words as one line of text, white space made single."""
    return " ".join("".join(word.text for word in words).split())


def utterances(
    transcript: Transcript, connectives: Collection[str] = (), starters: Collection[str] = ()
) -> tuple[Utterance, ...]:
    """All words of a transcript as utterances, in the order of their starts; words without any text are left out.

    Args:
        connectives: words that begin clauses, lower case; looked at where there is no punctuation.
        starters: small words, lower case, that have a capital at the beginning of a sentence only. Where one has a
            capital after no mark (``You can Do you think``), somebody began anew.
    """
    words = transcript.words
    clauses = frozenset[str]() if (punctuated := _is_punctuated(words)) else frozenset(connectives)
    pieces: list[_UtteranceDraft] = []
    open_: dict[str | None, _UtteranceDraft] = {}
    sizes = Counter[int]()
    for index, word in enumerate(words):
        if not word.text.strip():
            continue
        piece = before = open_.get(word.speaker)
        sentence = whole = len(pieces)
        if before is not None:
            anew = punctuated and len(before.indices) >= _FEWEST_WORDS and _is_beginning(word, starters)
            if anew or _ends_sentence(words, before.indices, word, punctuated=punctuated):
                piece = None
                if punctuated and _is_continued(words[before.indices[-1]], word) and sizes[before.whole] < _LONGEST:
                    whole = before.whole
            elif _ends_clause(words, before.indices, word, clauses):
                sentence, whole, piece = before.sentence, before.whole, None
        if piece is None:
            piece = open_[word.speaker] = _UtteranceDraft([], sentence, whole)
            pieces.append(piece)
        piece.indices.append(index)
        sizes[piece.whole] += 1
    pieces.sort(key=lambda item: (words[item.indices[0]].start, item.indices[0]))
    return tuple(
        Utterance(
            number,
            tuple(item.indices),
            tuple(words[i] for i in item.indices),
            words[item.indices[0]].speaker,
            item.sentence,
            item.whole,
        )
        for number, item in enumerate(pieces, start=1)
    )


class _UtteranceDraft(NamedTuple):
    """An utterance while it is made."""

    indices: list[int]
    sentence: int
    whole: int


def _is_punctuated(words: Sequence[Word]) -> bool:
    """Whether the recogniser writes punctuation at all: a mark for every 40 words at least."""
    return sum(last_mark(word.text) in SENTENCE_END for word in words) * 40 >= len(words)


def _ends_sentence(words: Sequence[Word], indices: Sequence[int], word: Word, *, punctuated: bool) -> bool:
    before = words[indices[-1]]
    pause = word.start - before.end
    if last_mark(before.text) in SENTENCE_END or pause > _PAUSE or len(indices) >= _LONGEST:
        return True
    if punctuated:
        return False
    return len(indices) >= _LONGEST_PLAIN or (len(indices) >= _LONG and pause > _SHORT_PAUSE)


def _is_beginning(word: Word, starters: Collection[str]) -> bool:
    text = word.text.strip()
    if len(text) > 1 and text.isupper():  # IT, US
        return False
    return text[:1].isupper() and text.lower().strip(".,?!").replace("’", "'") in starters


def _is_continued(before: Word, word: Word) -> bool:
    """Whether a sentence goes on after a pause."""
    open_end = last_mark(before.text) not in SENTENCE_END
    return open_end and word.start - before.end <= _PAUSE_IN_SENTENCE and word.text.strip()[:1].islower()


def _ends_clause(words: Sequence[Word], indices: Sequence[int], word: Word, connectives: Collection[str]) -> bool:
    if len(indices) >= _FEWEST_WORDS and last_mark(words[indices[-1]].text) in CLAUSE_END:
        return True
    return len(indices) >= _FEWEST_BEFORE_CONNECTIVE and word.text.strip().lower() in connectives
