"""Words → segments of one speaker → subtitle cues. Pure.

A segment ends where the speaker changes, at a long pause, and where it would become too long. Cues are cut inside
a segment by dynamic programming over all break points: each break has a price (cheap at a sentence end or a pause,
dear inside a clause), each cue another one, and the cheapest division wins. No cue crosses a segment, so none
crosses a speaker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from whisperdiar.graphemes import columns as columns_of
from whisperdiar.options import SegmentationOptions, SubtitleRules, subtitle_rules
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import Cue, Span, Word

_SENTENCE_END = frozenset(".?!…。？！؟।")
_CLAUSE_END = frozenset(",;:—–、，；：،؛")
_CLOSING = "\"'»”’)]}」』）"


def segments(words: Sequence[Word], *, options: SegmentationOptions | None = None) -> tuple[Segment, ...]:
    """Split words (in order) into segments; joined again, their words are exactly `words`."""
    options = options or SegmentationOptions()
    runs: list[list[Word]] = []
    for word in words:
        last = runs[-1][-1] if runs else None
        if last is not None and last.speaker == word.speaker and word.span.start - last.span.end <= options.max_pause:
            runs[-1].append(word)
        else:
            runs.append([word])
    return tuple(Segment(tuple(part), part[0].speaker) for run in runs for part in _bounded(run, options))


def _bounded(words: list[Word], options: SegmentationOptions) -> list[list[Word]]:
    """Cut a run that is too long where that hurts least, until every part fits (one word always does)."""
    parts, first = [], 0
    while first < len(words) - 1 and words[-1].span.end - words[first].span.start > options.max_segment:
        last = first + 1
        while last < len(words) - 1 and words[last].span.end - words[first].span.start <= options.max_segment:
            last += 1
        # The later half of what fits: a segment should not end after two words because a comma stood there.
        choice = range(first + 1 + (last - first) // 2, last + 1)
        cut = min(choice, key=lambda i: (_break_price(words[i - 1], words[i]), -i))
        parts.append(words[first:cut])
        first = cut
    return [*parts, words[first:]]


def cues(
    transcript: Transcript,
    *,
    rules: SubtitleRules | None = None,
    style: str = "none",  # noqa: ARG001
    reserved: Mapping[str, int] | None = None,
) -> tuple[Cue, ...]:
    """Subtitle cues, sorted by start.

    Args:
        rules: limits; the default profile's for the transcript's language where left out.
        style: how the writer shows speakers (`SPEAKER_STYLES`).
        reserved: per speaker label, the columns that a writer will put before the first line (a name).
    """
    options = rules or subtitle_rules(language=transcript.language)
    reserved = reserved or {}
    made: list[Cue] = []
    for segment in transcript.segments:
        columns = reserved.get(segment.speaker or "", 0)
        made.extend(_segment_cues(segment, options, columns))
    return tuple(_timed(sorted(made, key=lambda cue: (cue.span.start, cue.span.end)), options))


def _segment_cues(segment: Segment, options: SubtitleRules, reserved: int) -> list[Cue]:
    words = segment.words
    widths = [columns_of(word.text) for word in words]
    spaces = [columns_of(word.text[: len(word.text) - len(word.text.lstrip())]) for word in words]
    breaks = [0.0, *(_break_price(left, right) for left, right in pairwise(words))]
    best = [0.0] + [math.inf] * len(words)
    come_from = [0] * (len(words) + 1)
    for end in range(1, len(words) + 1):
        for begin in range(end - 1, -1, -1):
            duration = words[end - 1].span.end - words[begin].span.start
            columns = sum(widths[begin:end]) - spaces[begin]
            if begin < end - 1 and (
                duration > options.max_duration
                or columns + reserved > options.max_lines * (options.max_columns + 1)
                or _line_count(widths[begin:end], spaces[begin:end], options.max_columns, reserved) > options.max_lines
            ):
                break  # adding words before only makes it longer
            price = best[begin] + breaks[begin] + _cue_price(columns, duration, options)
            if price < best[end]:
                best[end], come_from[end] = price, begin
    cuts = [len(words)]
    while cuts[-1]:
        cuts.append(come_from[cuts[-1]])
    return [_cue(words[begin:end], options, reserved, segment.speaker) for end, begin in pairwise(cuts)][::-1]


def _line_count(widths: Sequence[int], spaces: Sequence[int], max_chars: int, reserved: int) -> int:
    """Lines that words of these widths take; a word wider than a line takes several."""
    lines, used = 1, reserved - spaces[0]
    for i, (width, space) in enumerate(zip(widths, spaces, strict=True)):
        if used + width > max_chars and i:
            lines, used = lines + 1, -space
        used += width
        if used > max_chars:
            lines += (used - 1) // max_chars
            used = (used - 1) % max_chars + 1
    return lines


def _cue_price(columns: int, duration: float, options: SubtitleRules) -> float:
    """What a cue costs: one, and more where it is too short in time or nearly empty."""
    hurry = max(0.0, options.min_duration - duration) / options.min_duration
    fullness = columns / (options.max_lines * options.max_columns)
    return 1.0 + 0.5 * hurry + max(0.0, 0.25 - fullness)


def _break_price(left: Word, right: Word) -> float:
    """What it costs to break between two words: less at the end of a sentence, after a clause, and at a pause."""
    text = left.text.strip().rstrip(_CLOSING)
    pause = max(0.0, right.span.start - left.span.end)
    price = 0.0 if text[-1:] in _SENTENCE_END else 0.8 if text[-1:] in _CLAUSE_END else 2.0
    return max(-0.5, price - 2.5 * min(pause, 0.8))


def _cue(words: Sequence[Word], options: SubtitleRules, reserved: int, speaker: str | None) -> Cue:
    span = Span(words[0].span.start, max(word.span.end for word in words))
    return Cue(span, tuple(_lines([word.text for word in words], options, reserved)), speaker)


def _lines(texts: Sequence[str], options: SubtitleRules, reserved: int) -> list[str]:
    """Break into as few lines as fit, as even as can be; joining spaces count, a word longer than a line is cut."""
    pieces = [piece for text in texts for piece in _pieces(text, options.max_columns)]
    text = "".join(pieces).strip()
    if columns_of(text) + reserved <= options.max_columns:
        return [text]
    fewest = _greedy(pieces, options.max_columns, reserved)
    low, high = columns_of(text) // max(1, len(fewest)), options.max_columns
    while low < high:  # the narrowest width that needs no line more gives the most even lines
        middle = (low + high) // 2
        trial = _greedy(pieces, middle, min(reserved, middle - 1))
        if len(trial) <= len(fewest) and all(columns_of(line) <= options.max_columns for line in trial):
            high = middle
        else:
            low = middle + 1
    even = _greedy(pieces, low, min(reserved, low - 1))
    return even if len(even) <= len(fewest) else fewest


def _greedy(pieces: Sequence[str], width: int, reserved: int) -> list[str]:
    lines: list[str] = []
    current = ""
    for piece in pieces:
        room = width - (reserved if not lines else 0)
        if current.strip() and columns_of((current + piece).strip()) > room:
            lines.append(current.strip())
            current = piece
        else:
            current += piece
    return [*lines, current.strip()] if current.strip() else lines


def _pieces(text: str, width: int) -> list[str]:
    """A token as it is, cut at its inner spaces, and inside where it is wider than a whole line."""
    parts = text.split(" ")
    tokens = [part if i == 0 else " " + part for i, part in enumerate(parts)]
    return [piece for token in tokens if token for piece in _cut(token, width)]


def _cut(token: str, width: int) -> list[str]:
    if columns_of(token.strip()) <= width:
        return [token]
    columns = list(accumulate(columns_of(character) for character in token))
    found, first = [], 0
    for i in range(1, len(token)):
        if columns[i] - (columns[first - 1] if first else 0) > width:
            found.append(token[first:i])
            first = i
    return [*found, token[first:]]


def _timed(ordered: Sequence[Cue], options: SubtitleRules) -> list[Cue]:
    """Let short cues stay until they can be read, never into the next cue."""
    starts = [cue.span.start for cue in ordered[1:]] + [math.inf]
    return [
        _lingering(cue, min(following, cue.span.start + options.min_duration))
        for cue, following in zip(ordered, starts, strict=False)  # no cue, no start after it
    ]


def _lingering(cue: Cue, until: float) -> Cue:
    return Cue(Span(cue.span.start, max(cue.span.end, until)), cue.lines, cue.speaker)
