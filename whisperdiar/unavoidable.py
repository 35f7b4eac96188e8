"""Violations that no cut of the words into cues can avoid: speech faster than the limit, people who talk at once. Pure.

For each stretch of speech the least number of cues in violation is computed by dynamic programming over all divisions
of its words into cues, each shown from its first word until, at the latest, the next word is said (less the gap). So
many of the cues of a file that break a rule there for want of time cannot be blamed on the cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from whisperdiar.checking import Report, Violation
from whisperdiar.graphemes import characters
from whisperdiar.options import SubtitleRules
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Word

_NOISE = 1e-6
"""Seconds that binary fractions add up to."""
_FOR_WANT_OF_TIME = frozenset({"reading-speed", "words-per-minute", "too-short", "no-duration", "gap"})


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Words between long pauses: of one speaker, or of all where cues may not overlap."""

    speaker: str | None
    start: float
    end: float
    least: int


def without_unavoidable(report: Report, cues: Sequence[Cue], transcript: Transcript, rules: SubtitleRules) -> Report:
    """The report with what no cut can avoid put apart.

    Args:
        cues: those that were checked.
        transcript: what is spoken when. Speakers of cues are matched by name or label.
    """
    stretches = list(_stretches(transcript, rules))
    apart: set[Violation] = {item for item in report.violations if item.rule == "overlap" and _talk(item, transcript)}
    broken: dict[int, list[Violation]] = {}
    for item in report.violations:
        if item.rule in _FOR_WANT_OF_TIME:
            broken.setdefault(item.cue, []).append(item)
    names = {transcript.name(label): label for label in {segment.speaker for segment in transcript.segments}}
    at: dict[int, list[int]] = {}
    for number in broken:
        place = _place(cues[number - 1], stretches, names, rules)
        if place is not None:
            at.setdefault(place, []).append(number)
    for place, numbers in at.items():
        worst = sorted(numbers, key=lambda number: -max(_excess(item) for item in broken[number]))
        apart.update(item for number in worst[: stretches[place].least] for item in broken[number])
    return replace(
        report,
        violations=tuple(item for item in report.violations if item not in apart),
        unavoidable=tuple(item for item in report.violations if item in apart),
    )


def _talk(item: Violation, transcript: Transcript) -> bool:
    """Whether two people speak at once while two cues are shown together."""
    spans = [
        (word.span, segment.speaker)
        for segment in transcript.segments
        if segment.span.start < item.span.end and segment.span.end > item.span.start
        for word in segment.words
        if word.span.start < item.span.end and word.span.end > item.span.start
    ]
    return any(
        one.start < other.end and other.start < one.end
        for place, (one, speaker) in enumerate(spans)
        for other, someone in spans[place + 1 :]
        if speaker != someone
    )


def _excess(item: Violation) -> float:
    """How far a violation lies beyond its limit, as a factor."""
    high, low = max(item.value, item.limit), min(item.value, item.limit)
    return high / low if low > 0 else float("inf")


def _place(
    cue: Cue, stretches: Sequence[_Stretch], names: Mapping[str | None, str | None], rules: SubtitleRules
) -> int | None:
    """The stretch that a cue shows: of its speaker, where there are stretches of speakers, and under its middle."""
    middle = (cue.span.start + cue.span.end) / 2
    speaker = names.get(cue.speaker, cue.speaker)
    fitting = [
        place
        for place, item in enumerate(stretches)
        if not rules.overlap or cue.speaker is None or item.speaker == speaker
    ]

    def distance(place: int) -> float:
        item = stretches[place]
        return max(item.start - middle, middle - item.end, 0.0)

    best = min(fitting, key=distance, default=None)
    return best if best is not None and distance(best) <= rules.max_duration else None


def _stretches(transcript: Transcript, rules: SubtitleRules) -> Iterator[_Stretch]:
    """The words of every speaker (of all, where cues may not overlap), divided at pauses that no cue spans."""
    streams: dict[str | None, list[Word]] = {}
    for segment in transcript.segments:
        stream = segment.speaker if rules.overlap else None
        streams.setdefault(stream, []).extend(word for word in segment.words if word.text.strip())
    for speaker, words in streams.items():
        words = sorted(words, key=lambda word: (word.span.start, word.span.end))
        first = 0
        for last in range(1, len(words) + 1):
            ends = last == len(words)
            if ends or words[last].span.start - words[last - 1].span.end > rules.max_duration:
                limit = float("inf") if ends else words[last].span.start
                part = words[first:last]
                yield _Stretch(speaker, part[0].span.start, part[-1].span.end, _least(part, limit, rules))
                first = last


def _least(words: Sequence[Word], limit: float, rules: SubtitleRules) -> int:
    """The smallest number of cues in violation, over all divisions of these words; `limit`: when the next word begins."""
    texts = [word.text for word in words]
    lengths = list(accumulate((characters(text, full_width=rules.full_width) for text in texts), initial=0.0))
    counts = list(accumulate((len(text.split()) for text in texts), initial=0))
    widest = rules.max_lines * (rules.max_columns + 1)
    starts = [word.span.start for word in words] + [limit]
    best = [0] + [len(words)] * len(words)
    for end in range(1, len(words) + 1):
        latest = 0.0
        for begin in range(end - 1, -1, -1):
            latest = max(latest, words[begin].span.end)
            length = lengths[end] - lengths[begin] - (len(texts[begin]) - len(texts[begin].lstrip()))
            said = counts[end] - counts[begin]
            too_much = rules.max_words is not None and said > rules.max_words
            if begin < end - 1 and (too_much or length > widest or latest - starts[begin] > rules.max_duration):
                break
            time = min(starts[end] - rules.gap - starts[begin], rules.max_duration) + _NOISE
            fits = time >= rules.min_duration
            fits = fits and (rules.max_cps is None or length <= rules.max_cps * time)
            fits = fits and (rules.max_wpm is None or said * 60 <= rules.max_wpm * time)
            best[end] = min(best[end], best[begin] + (not fits))
    return best[-1]
