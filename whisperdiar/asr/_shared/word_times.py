"""Repair of word times: in order, apart, never over a pause, never of no length, on the edges of the sound (pure).

A recogniser that finds times by attention gives the word next to a pause a part of that pause, or all of it, and
gives words that it hardly heard no time at all. Later stages join words to speakers by these times.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.types import Span, divide_time, total_duration

MIN_WORD_S = 0.02
"""What a word gets at least, as long as its piece has room for all of them; Whisper tells times in such steps."""

_LEAST_PART_S = 0.08
"""What is left of a word behind a pause, at least; a shorter part is the detector's margin."""
_QUIET_DB = 22.0
"""A word is quiet where it is so far below its loudest syllable: sibilants are not, in the band of vowels, for long."""
_QUIET_BEFORE_S, _QUIET_AFTER_S = 0.1, 0.15
"""So long a quiet beginning or end of a word is none of it. Such letters as s and f are shorter."""
_KEPT_BEFORE_S, _KEPT_AFTER_S = 0.02, 0.04
"""Of the quiet sound beside a word, as levels are those of 0.1 s."""
_LEAST_WORD_S = 0.06
_USUAL_BASE_S, _USUAL_PER_QUICK = 0.12, 1.14
"""A word of n letters takes 0.12 + 0.04 n seconds in the median of AMI's meetings, …"""
_QUICK_BASE_S, _QUICK_PER_LETTER_S, _QUICK_PER_SIGN_S = 0.05, 0.035, 0.15
"""… and one of twenty less than this."""
_TOO_LONG = 1.4
"""Times the usual length, at the pace of the piece: such a word may lie over something that was left out."""
_FEWEST_FOR_PACE = 5
"""Words by which a pace is told."""
_DIP_DB, _NO_HISS_DB = 15.0, 10.0
"""By which vowels and sibilants fall, and rise again, between what was left out and the word …"""
_DIP_FRAMES = 4
"""… for so many frames at least: stops are shorter."""
_LEAST_BEFORE_DIP_S = 0.03
_MORE_BEFORE_S, _MORE_AFTER_S = 0.2, 0.3
"""By which an edge moves outwards at most."""
_GOES_ON_BEFORE_DB, _GOES_ON_AFTER_DB = 15.0, 22.0
"""Sound beside a word is the word's where it is at most so far below its loudest syllable: words fade."""
_OUTSIDE_S = 0.1
"""So much of a word may lie outside the speech: a detector of speech is not exact to the word."""
_SPOKEN_S = 0.1
"""With less speech than this under a word, the detector and the recogniser disagree, and the word stays."""
_TOUCHING_S = 0.05
_SPOKEN_BASE_S, _SPOKEN_PER_CHARACTER_S = 0.05, 0.04
"""A word of n characters that is spoken fast takes about 0.05 + 0.04 n seconds."""
_LONGEST_BASE_S = 0.6
_LONGEST_PER_LETTER_S = 0.1
_LONGEST_PER_SIGN_S = 0.35
"""A digit, a symbol or a character of Chinese or Japanese can be a word or a syllable each when it is spoken."""


def repair_spans(
    times: Sequence[tuple[float, float]], texts: Sequence[str], *, piece: Span, speech: Sequence[Span]
) -> list[Span]:
    """One span inside `piece` per word: sorted, without overlap, each explained by its word and by the speech.

    Args:
        times: start and end of each word as the recogniser gave them, finite, seconds.
        texts: the words.
        piece: where the words may lie.
        speech: sorted spans of speech; without any, only the words themselves tell how long they can be.
    """
    spans = _sort_times(times, piece)
    gaps_before = [after.start - before.end for before, after in pairwise(spans)]
    cut = []
    for index, (span, text) in enumerate(zip(spans, texts, strict=True)):
        follows_on = index > 0 and gaps_before[index - 1] <= _TOUCHING_S
        leads_on = index < len(gaps_before) and gaps_before[index] <= _TOUCHING_S
        spoken = _trim_pause(span, text, speech)
        if follows_on != leads_on and span.duration > max_word_duration(text):
            spoken = _move_to_neighbour(span, text, speech, at_end=leads_on) or spoken
        cut.append(_shorten(spoken, max_word_duration(text), speech, at_end=leads_on and not follows_on))
    return _fill_empty_spans(cut, texts, piece)


def snap_spans(
    spans: Sequence[Span], times: NDArray[np.float64], levels: NDArray[np.float64], *, frame_s: float
) -> list[Span]:
    """The same spans without quiet beginnings and ends; none becomes longer, so that they stay in order and apart.

    Attention gives the silence between two words to one of them, most often to the second.

    Args:
        spans: of words.
        times: middle of every frame, seconds, float64 (n_frames,), sorted.
        levels: intensity of every frame in the band of vowels, dB, float64 (n_frames,).
        frame_s: length of a frame, seconds.
    """
    return [_cut_quiet_edges(span, times, levels, frame_s) for span in spans]


def fit_spans(
    spans: Sequence[Span],
    texts: Sequence[str],
    times: NDArray[np.float64],
    levels: NDArray[np.float64],
    *,
    hiss: NDArray[np.float64],
    frame_s: float,
) -> list[Span]:
    """The same spans with the sound that is the word's own and no other, in order and apart.

    Attention gives a filler or a broken word that the recogniser left out to the word behind it: one that lasts too
    long for its letters, at the pace of its neighbours, begins behind the last dip inside of it. faster-whisper cuts
    the last word of a sentence short: an edge moves outwards through sound that goes on beside it. What was left out
    and can be recognised must be found before, as this hides where it lies.

    Args:
        spans: of words, sorted and apart.
        texts: the words.
        times, levels, frame_s: as of `snap_spans`.
        hiss: as `levels`, in the band of sibilants: within a word these are no dip.
    """
    quick = [min_word_duration(text) for text in texts]
    usual = [_USUAL_BASE_S + (least - _QUICK_BASE_S) * _USUAL_PER_QUICK for least in quick]
    pace = [span.duration / length for span, length in zip(spans, usual, strict=True)]
    slow = max(1.0, float(np.median(pace))) if len(pace) >= _FEWEST_FOR_PACE else 1.0
    found = [
        _cut_before_dip(span, times, levels, hiss, least)
        # How a number is read out, and so how long it takes, nobody knows.
        if span.duration > _TOO_LONG * slow * length and not _count_characters(text)[1]
        else span
        for span, text, least, length in zip(spans, texts, quick, usual, strict=True)
    ]
    for index, span in enumerate(found):
        low = found[index - 1].end if index else 0.0
        high = found[index + 1].start if index + 1 < len(found) else float("inf")
        found[index] = _extend(span, texts[index], times, levels, frame_s, low=low, high=high)
    return found


def _cut_quiet_edges(span: Span, times: NDArray[np.float64], levels: NDArray[np.float64], frame_s: float) -> Span:
    """A span without a quiet beginning and end; itself where hardly anything is left."""
    first, last = np.searchsorted(times, [span.start, span.end])
    part = levels[first:last]
    if not part.size:
        return span
    loud = np.flatnonzero(part >= part.max() - _QUIET_DB)
    onset, fall = float(times[first + loud[0]]) - frame_s / 2, float(times[first + loud[-1]]) + frame_s / 2
    start = onset - _KEPT_BEFORE_S if onset - span.start >= _QUIET_BEFORE_S else span.start
    end = fall + _KEPT_AFTER_S if span.end - fall >= _QUIET_AFTER_S else span.end
    return Span(start, end) if end - start >= _LEAST_WORD_S else span


def _cut_before_dip(
    span: Span,
    times: NDArray[np.float64],
    levels: NDArray[np.float64],
    hiss: NDArray[np.float64],
    least: float,
) -> Span:
    """What lies behind the last dip of a span, of those that leave `least` seconds; the span where there is none."""
    first, last = np.searchsorted(times, [span.start, span.end])
    part, sibilants = levels[first:last], hiss[first:last]
    if not part.size:
        return span
    before = np.maximum.accumulate(part)
    behind = np.maximum.accumulate(part[::-1])[::-1]
    dip = (part <= np.minimum(before, behind) - _DIP_DB) & (sibilants <= sibilants.max() - _NO_HISS_DB)
    at = times[first:last]
    dip &= (at <= span.end - least) & (at >= span.start + _LEAST_BEFORE_DIP_S)
    ends = np.flatnonzero(dip)
    ends = ends[[place >= _DIP_FRAMES - 1 and dip[place - _DIP_FRAMES + 1 : place + 1].all() for place in ends]]
    return Span(float(at[ends[-1]]), span.end) if ends.size else span


def _extend(
    span: Span,
    text: str,
    times: NDArray[np.float64],
    levels: NDArray[np.float64],
    frame_s: float,
    *,
    low: float,
    high: float,
) -> Span:
    """A span with the sound that goes on beside it, between `low` and `high`."""
    first, last = (int(place) for place in np.searchsorted(times, [span.start, span.end]))
    if first == last:
        return span
    loudest = float(levels[first:last].max())
    room = max(0.0, max_word_duration(text) - span.duration)
    limit = min(high, span.end + min(_MORE_AFTER_S, room))
    end = span.end
    for place in range(last, len(times)):
        edge = float(times[place]) + frame_s / 2
        if edge > limit or levels[place] < loudest - _GOES_ON_AFTER_DB or edge - end > 2 * frame_s:
            break
        end = edge
    limit = max(low, span.start - min(_MORE_BEFORE_S, room - (end - span.end)))
    start = span.start
    for place in range(first - 1, -1, -1):
        edge = float(times[place]) - frame_s / 2
        if edge < limit or levels[place] < loudest - _GOES_ON_BEFORE_DB or start - edge > 2 * frame_s:
            break
        start = edge
    return Span(start, end)


def min_word_duration(text: str) -> float:
    """How long a word takes that is spoken as fast as anybody speaks, seconds."""
    letters, signs = _count_characters(text)
    return _QUICK_BASE_S + letters * _QUICK_PER_LETTER_S + signs * _QUICK_PER_SIGN_S


def max_word_duration(text: str) -> float:
    """The longest that a word can plausibly last, seconds."""
    letters, signs = _count_characters(text)
    return _LONGEST_BASE_S + letters * _LONGEST_PER_LETTER_S + signs * _LONGEST_PER_SIGN_S


def _count_characters(text: str) -> tuple[int, int]:
    """Letters of a word, and signs that can be a word or a syllable each when they are spoken."""
    letters = signs = 0
    for character in text:
        if character.isdigit() or unicodedata.category(character)[0] == "S" or unicodedata.category(character) == "Lo":
            signs += 1
        elif character.isalpha() or character in "%&@#":
            letters += 1
    return letters, signs


def _sort_times(times: Sequence[tuple[float, float]], piece: Span) -> list[Span]:
    starts: list[float] = []
    for start, _ in times:
        inside = min(max(start, piece.start), piece.end)
        starts.append(max(inside, starts[-1]) if starts else inside)
    limits = [*starts[1:], piece.end][: len(starts)]
    return [
        Span(start, min(max(end, start), limit)) for start, (_, end), limit in zip(starts, times, limits, strict=True)
    ]


def _trim_pause(span: Span, text: str, speech: Sequence[Span]) -> Span:
    """Of a word that lies over a pause, the part behind it: where the next word begins is told better than the pause.

    The part in which more is spoken, where hardly any lies behind the pause, or where more is spoken than the word can
    last: then it lies over what was left out, too.
    """
    spoken = [part for item in speech if (part := item.clip(span.start, span.end))]
    fits = total_duration(spoken) <= max_word_duration(text)
    if len(spoken) > 1 and spoken[-1].duration >= _LEAST_PART_S and fits:
        return spoken[-1]
    longest = max(spoken, key=lambda part: part.duration, default=span)
    if len(spoken) > 1:
        return longest
    stretched = span.duration - longest.duration > _OUTSIDE_S and longest.duration >= _SPOKEN_S
    return longest if stretched else span


def _move_to_neighbour(span: Span, text: str, speech: Sequence[Span], *, at_end: bool) -> Span | None:
    """Of a word stretched over a pause, and over what else is said behind it, the part next to its neighbour.

    None where there is no pause, or where that part is too short for the word.
    """
    spoken = [part for item in speech if (part := item.clip(span.start, span.end))]
    if len(spoken) < 2:
        return None
    part = spoken[-1] if at_end else spoken[0]
    n_characters = len(text.strip())
    return part if part.duration >= _SPOKEN_BASE_S + n_characters * _SPOKEN_PER_CHARACTER_S else None


def _shorten(span: Span, longest: float, speech: Sequence[Span], *, at_end: bool) -> Span:
    """A word that is too long keeps the side on which somebody speaks, or else the side of its neighbour."""
    if span.duration <= longest:
        return span
    spoken = [part for item in speech if (part := item.clip(span.start, span.end))]
    if spoken and total_duration(spoken) < span.duration / 2:
        at_end = span.end - spoken[-1].end < spoken[0].start - span.start
    return Span(span.end - longest, span.end) if at_end else Span(span.start, span.start + longest)


def _fill_empty_spans(spans: Sequence[Span], texts: Sequence[str], piece: Span) -> list[Span]:
    """Words without any time get some from the pause around them, or else from a neighbour."""
    found = list(spans)
    first = 0
    while first < len(found):
        if found[first].duration >= MIN_WORD_S:
            first += 1
            continue
        last = first
        while last < len(found) and found[last].duration < MIN_WORD_S:
            last += 1
        low = found[first - 1].end if first else piece.start
        high = found[last].start if last < len(found) else piece.end
        if high - low >= MIN_WORD_S * (last - first):
            for index in range(first, last):
                latest = high - MIN_WORD_S * (last - index)
                low = max(low, min(found[index].start, latest))
                end = max(low + MIN_WORD_S, min(found[index].end, latest))
                found[index] = Span(low, max(low, min(end, high)))
                low = found[index].end
        else:
            first, last = _extend_by_neighbour(found, first, last)
            begin = found[first].start if found[first].duration else low
            end = found[last - 1].end if found[last - 1].duration else high
            weights = [max(1, len(text.strip())) for text in texts[first:last]]
            times = divide_time(begin, max(begin, end), weights)
            found[first:last] = [Span(start, max(start, stop)) for start, stop in times]
        first = last
    return found


def _extend_by_neighbour(spans: Sequence[Span], first: int, last: int) -> tuple[int, int]:
    """The run [first, last) with the longer of the words around it."""
    before = spans[first - 1].duration if first else 0.0
    after = spans[last].duration if last < len(spans) else 0.0
    if before > 0 and before >= after:
        return first - 1, last
    return first, last + (after > 0)
