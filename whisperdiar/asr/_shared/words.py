"""Word assembly: a recogniser's words for one piece → words with usable times that keep all of the text (pure).

What comes out is the word stream that later stages keep unchanged: words as white space separates them ("l'heure",
"twenty-five", "50%"), punctuation joined to its word, each with a time of its own.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from whisperdiar.asr._shared.word_times import repair_spans
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Span, Word, divide_time

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Whisper's codes of languages that are written without spaces between words."""

BROKEN = "\ufffd"
"""Stands for bytes that are no whole character: the model stopped, or a word ends, in the middle of one."""
_SPOKEN_SIGNS = frozenset("%&@#/*+=§№‰°")
"""Signs that are read aloud, whatever Unicode calls them."""
_DASHES = frozenset("-–—―")


@dataclass(frozen=True, slots=True)
class RawWord:
    """A word as a recogniser gave it: seconds, or None (or NaN) where it could not tell."""

    text: str
    start: float | None
    end: float | None
    probability: float | None = None


def place_words(
    raw: Sequence[RawWord],
    text: str,
    *,
    piece: Span,
    speech: Sequence[Span],
    spaced: bool = True,
    probability: float = 1.0,
) -> tuple[Word, ...]:
    """Words in order inside `piece`; joined they are `text`, white space aside.

    Words without times share the gap between their neighbours by length. A word that is stretched over a pause
    keeps the part in which more of it is spoken.

    Args:
        raw: what the recogniser gave, times on the same axis as `piece`.
        text: the text that the words must add up to.
        piece: where the words may lie.
        speech: sorted spans of speech, for words that are stretched over a pause.
        spaced: whether the language puts spaces between words (the first word then gets one).
        probability: for words that come without one.
    """
    if "".join(word.text for word in raw).split() != text.split():
        raw = _words_from_text(text, raw, spaced)
    tidy = _join_word_parts(_merge_blanks(raw, spaced), spaced)
    times = _fill_times(tidy, piece)
    spans = repair_spans(times, [word.text for word in tidy], piece=piece, speech=speech)
    return tuple(
        Word(span, word.text, _probability(word.probability, probability))
        for word, span in zip(tidy, spans, strict=True)
    )


def delay_words(words: Sequence[RawWord], seconds: float) -> tuple[RawWord, ...]:
    """The same words so much later; those without times stay so."""
    return tuple(
        replace(
            word,
            start=None if word.start is None else word.start + seconds,
            end=None if word.end is None else word.end + seconds,
        )
        for word in words
    )


def restore_characters(raw: Sequence[RawWord], text: str) -> tuple[RawWord, ...]:
    """The same words, with characters that were torn between two of them made whole again from `text`.

    A character belongs to the word in which it begins; a word of which nothing is left goes into the one before it.
    """
    torn = "".join(word.text for word in raw)
    if BROKEN not in torn or torn == text:
        return tuple(raw)
    runs = re.split(f"({BROKEN}+)", torn)
    pattern = "".join(f"(.{{1,{len(run)}}}?)" if run.startswith(BROKEN) else re.escape(run) for run in runs)
    found = re.fullmatch(pattern, text, re.DOTALL)
    if found is None:
        return tuple(raw)
    whole = iter(found.groups())
    words: list[RawWord] = []
    torn_at_end = False
    for word in raw:
        parts = re.split(f"({BROKEN}+)", word.text)
        goes_on = torn_at_end and len(parts) > 1 and not parts[0]
        torn_at_end = len(parts) > 1 and not parts[-1]
        fixed = "".join(
            part if not part.startswith(BROKEN) else "" if goes_on and place == 1 else next(whole)
            for place, part in enumerate(parts)
        )
        if fixed or not words:
            words.append(replace(word, text=fixed))
        else:
            words[-1] = replace(words[-1], end=word.end)
    return tuple(words)


def spread_words(text: str, speech: Sequence[Span], *, spaced: bool = True) -> tuple[RawWord, ...]:
    """The words of `text` spread over the speech, each as long as its letters; words lie in one span of it."""
    parts = _parts(text, spaced)
    lengths = [span.duration for span in speech]
    times = divide_time(0.0, sum(lengths), [len(part) for part in parts])
    edges = [0.0, *accumulate(lengths)]
    words = []
    for part, (start, end) in zip(parts, times, strict=True):
        index = min(len(speech) - 1, bisect_right(edges, (start + end) / 2) - 1)
        low, high = max(start, edges[index]), min(end, edges[index + 1])
        offset = speech[index].start - edges[index]
        words.append(RawWord(part, low + offset, high + offset))
    return tuple(words)


def retime_words(
    words: Sequence[Word], times: Sequence[tuple[float, float] | None], *, piece: Span, speech: Sequence[Span]
) -> tuple[Word, ...]:
    """The same words at other times (seconds, on the axis of `piece`).

    A word for which there is none keeps its own, as far as it lies between those of its neighbours.
    """
    wanted: list[tuple[float, float]] = []
    latest = piece.start
    for index, (word, time) in enumerate(zip(words, times, strict=True)):
        if time is None:
            limit = next((later[0] for later in times[index:] if later is not None), piece.end)
            start = min(max(word.start, latest), max(latest, limit))
            time = (start, min(max(word.end, start), max(start, limit)))
        wanted.append(time)
        latest = max(latest, time[1])
    spans = repair_spans(wanted, [word.text for word in words], piece=piece, speech=speech)
    return tuple(replace(word, span=span) for word, span in zip(words, spans, strict=True))


def is_spoken(text: str) -> bool:
    """Whether a word holds anything that is said: a letter, a digit, a sign of currency or mathematics, "%"."""
    return any(
        unicodedata.category(character)[0] in "LNM"
        or unicodedata.category(character) in ("Sc", "Sm")
        or character in _SPOKEN_SIGNS
        for character in text
    )


def _finite_or_none(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _probability(value: float | None, default: float) -> float:
    return min(1.0, max(0.0, float(value if value is not None and math.isfinite(value) else default)))


def _words_from_text(text: str, raw: Sequence[RawWord], spaced: bool) -> list[RawWord]:
    """The words of `text` itself, spread over the stretch in which the recogniser placed its own."""
    parts = _parts(text, spaced)
    starts = [word.start for word in raw if word.start is not None and math.isfinite(word.start)]
    ends = [word.end for word in raw if word.end is not None and math.isfinite(word.end)]
    if not starts or not ends or max(ends) <= min(starts):
        return [RawWord(part, None, None) for part in parts]
    times = divide_time(min(starts), max(ends), [len(part) for part in parts])
    return [RawWord(part, start, end) for part, (start, end) in zip(parts, times, strict=True)]


def _parts(text: str, spaced: bool) -> list[str]:
    parts = [f" {part}" for part in text.split()]
    if spaced:
        return parts
    return [f"{' ' * (i == 0)}{letter}" for part in parts for i, letter in enumerate(part[1:])]


def _merge_blanks(raw: Sequence[RawWord], spaced: bool) -> list[RawWord]:
    """Runs of white space become one space; a blank word leaves its space to the next one."""
    tidy: list[RawWord] = []
    space = spaced
    for word in raw:
        body = " ".join(word.text.split())
        space = space or word.text[:1].isspace()
        if body:
            tidy.append(replace(word, text=f" {body}" if space else body))
            space = word.text[-1:].isspace()
    return tidy


def _join_word_parts(raw: Sequence[RawWord], spaced: bool) -> list[RawWord]:
    """Words as they are written: parts without a space before them, and punctuation, join their word."""
    whole: list[RawWord] = []
    opening: RawWord | None = None
    for word in raw:
        if opening is not None:
            word, opening = _join(opening, word), None
        if not _is_punctuation(word.text):
            glued = spaced and whole and not word.text[:1].isspace()
            whole[len(whole) - bool(glued) :] = [_join(whole[-1], word)] if glued else [word]
        elif _is_opening(word.text, whole[-1].text if whole else None):
            opening = word
        elif whole:
            whole[-1] = _join(whole[-1], word)
        else:
            opening = word
    if opening is not None:  # nothing follows it
        whole[-1:] = [_join(whole[-1], opening)] if whole else [opening]
    return whole


def is_silent_sign(character: str) -> bool:
    """Whether a character is punctuation that nobody reads aloud."""
    return unicodedata.category(character)[0] == "P" and character not in _SPOKEN_SIGNS


def _is_punctuation(text: str) -> bool:
    return all(character.isspace() or is_silent_sign(character) for character in text)


def _is_opening(text: str, before: str | None) -> bool:
    """Whether punctuation belongs to the word after it: brackets, opening quotes, the dash that begins a reply."""
    signs = text.strip()
    if signs and all(sign in _DASHES for sign in signs):
        return text[:1].isspace() and (before is None or last_mark(before) in SENTENCE_END)
    return all(unicodedata.category(sign) in ("Ps", "Pi") or sign in "¿¡" for sign in signs)


def _join(first: RawWord, second: RawWord) -> RawWord:
    """Two parts of a word; punctuation has no say in its time and probability."""
    text = first.text + second.text
    silent = [_is_punctuation(part.text) for part in (first, second)]
    if silent[0] != silent[1]:
        return replace(second if silent[0] else first, text=text)
    if first.probability is None or second.probability is None:
        probability = first.probability if second.probability is None else second.probability
    else:
        weights = [len(part.text.strip()) for part in (first, second)]
        probability = (first.probability * weights[0] + second.probability * weights[1]) / max(1, sum(weights))
    return RawWord(text, first.start, second.end, probability)


def _fill_times(words: Sequence[RawWord], piece: Span) -> list[tuple[float, float]]:
    times: list[tuple[float, float]] = []
    index = 0
    while index < len(words):
        word = words[index]
        if (
            word.start is not None
            and word.end is not None
            and _finite_or_none(word.start)
            and _finite_or_none(word.end)
        ):
            times.append((word.start, word.end))
            index += 1
            continue
        last = index
        while last < len(words) and not (_finite_or_none(words[last].start) and _finite_or_none(words[last].end)):
            last += 1
        low = times[-1][1] if times else piece.start
        following = words[last].start if last < len(words) else None
        high = max(low, piece.end if following is None else following)
        times.extend(divide_time(low, high, [len(item.text) for item in words[index:last]]))
        index = last
    return times
