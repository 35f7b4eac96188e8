"""What a recogniser makes up → left out of the words, and listed with the reason (pure).

Three things that Whisper invents survive its own thresholds: a phrase said over and over, sentences that lie where
nobody speaks, and the last lines and credits of the subtitles it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from whisperdiar.asr._phrases import CLOSING_PHRASES, CREDITS, plain
from whisperdiar.types import Dropped, Span, Word, total_duration

_LONGEST_PHRASE = 12
_MOST_REPEATS = {1: 6, 2: 4}
_MOST_REPEATS_OF_LONGER = 3
"""As often as this a word, a pair or a longer phrase may follow itself: people do say "no, no, no, no"."""
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_SENTENCE_PAUSE_S = 1.0
_NEAR_S = 0.1
"""Words nearer to speech than this are taken for spoken: neither times of words nor bounds of speech are exact."""
_SPOKEN_SHARE = 0.5
_NO_SPEECH = 0.6
"""Of a closing phrase: the model's own doubt whether anybody speaks (OpenAI's threshold)."""
_LONGEST_CREDIT = 12


@dataclass(frozen=True, slots=True)
class Guarded:
    """The words that stay, and what was left out."""

    words: tuple[Word, ...]
    dropped: tuple[Dropped, ...] = ()


def without_loops(words: Sequence[Word]) -> Guarded:
    """A phrase of up to 12 words that is repeated too often in a row stays once."""
    texts = [plain(word.text) for word in words]
    kept: list[Word] = []
    dropped: list[Dropped] = []
    first = 0
    while first < len(words):
        length, repeats = _loop_at(texts, first)
        if repeats:
            kept += words[first : first + length]
            again = words[first + length : first + length * repeats]
            dropped.append(_dropped(again, f"repeated {repeats} times in a row; it stays once"))
            first += length * repeats
        else:
            kept.append(words[first])
            first += 1
    return Guarded(tuple(kept), tuple(dropped))


def without_unspoken(words: Sequence[Word], speech: Sequence[Span]) -> Guarded:
    """Sentences of which no word lies at (or near) speech are left out.

    Args:
        words: sorted.
        speech: sorted spans in which somebody speaks.
    """
    return _sorted_out(
        words,
        lambda sentence: "nobody speaks there" if not any(_near(word.span, speech) for word in sentence) else None,
    )


def without_closing_phrases(
    words: Sequence[Word], speech: Sequence[Span], *, no_speech_probability: float = 0.0
) -> Guarded:
    """Closing phrases over non-speech are left out ("Thanks for watching"), and credits of subtitles anywhere.

    Args:
        words: sorted.
        speech: sorted spans in which somebody speaks.
        no_speech_probability: the model's own for the sound that the words come from, 0 to 1.
    """

    def reason(sentence: Sequence[Word]) -> str | None:
        text = plain("".join(word.text for word in sentence))
        if len(sentence) <= _LONGEST_CREDIT and any(credit in text for credit in CREDITS):
            return "the credits of a subtitle, which nobody says"
        if text not in CLOSING_PHRASES:
            return None
        span = Span(sentence[0].start, max(word.end for word in sentence))
        spoken = total_duration([part for item in speech if (part := item.clipped(span.start, span.end))])
        if spoken < _SPOKEN_SHARE * span.duration or no_speech_probability > _NO_SPEECH:
            return "a closing phrase where nobody speaks"
        return None

    return _sorted_out(words, reason)


def _loop_at(texts: Sequence[str], first: int) -> tuple[int, int]:
    """Length and number of the repeats of the shortest phrase that loops from `first` on; (0, 0) for none."""
    for length in range(1, min(_LONGEST_PHRASE, (len(texts) - first) // 2) + 1):
        phrase = texts[first : first + length]
        if not any(phrase):
            continue
        repeats = 1
        while texts[first + length * repeats : first + length * (repeats + 1)] == phrase:
            repeats += 1
        if repeats > _MOST_REPEATS.get(length, _MOST_REPEATS_OF_LONGER):
            return length, repeats
    return 0, 0


def _sorted_out(words: Sequence[Word], reason: Callable[[Sequence[Word]], str | None]) -> Guarded:
    kept: list[Word] = []
    dropped: list[Dropped] = []
    for sentence in _sentences(words):
        found = reason(sentence)
        if found is None:
            kept += sentence
        else:
            dropped.append(_dropped(sentence, found))
    return Guarded(tuple(kept), tuple(dropped))


def _sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words:
        if sentence and (
            sentence[-1].text.rstrip("\"'»”)").endswith(_SENTENCE_ENDS)
            or word.start - sentence[-1].end > _SENTENCE_PAUSE_S
        ):
            yield sentence
            sentence = []
        sentence.append(word)
    if sentence:
        yield sentence


def _near(span: Span, speech: Sequence[Span]) -> bool:
    return any(item.start - _NEAR_S < span.end and span.start < item.end + _NEAR_S for item in speech)


def _dropped(words: Sequence[Word], reason: str) -> Dropped:
    span = Span(words[0].start, max(word.end for word in words))
    return Dropped(span, "".join(word.text for word in words).strip(), reason)
