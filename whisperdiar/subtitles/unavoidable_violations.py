"""Unavoidable violations: those that no cut of the words avoids, such as speech faster than the limit. Pure.

For each stretch of speech the least number of cues in violation, and of words in them, is computed by dynamic
programming over all divisions of its words into cues, each shown from its first word until, at the latest, the next
word is said (less the gap). So many cues of a file, or so many words of them, that break a rule there for want of time
cannot be blamed on the cut.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from whisperdiar.options import SubtitleRules
from whisperdiar.statistics import find_overlaps
from whisperdiar.subtitles.checking import Report, Violation
from whisperdiar.text.graphemes import characters, columns, count_words
from whisperdiar.transcript import Transcript, speaker_names
from whisperdiar.types import Cue, Span, Word, merge_spans

_NOISE = 1e-6
"""Seconds that binary fractions add up to."""
_FOR_WANT_OF_TIME = frozenset({"reading-speed", "words-per-minute", "too-short", "no-duration", "gap"})


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Words between long pauses, of one speaker, or of all where cues may not overlap; and what no cut can avoid."""

    speaker: str | None
    start: float
    end: float
    least: int
    least_words: int


def separate_unavoidable(
    report: Report,
    cues: Sequence[Cue],
    transcript: Transcript,
    rules: SubtitleRules,
    *,
    shown: Sequence[Sequence[str]] | None = None,
) -> Report:
    """The report with what no cut can avoid put apart.

    Args:
        cues: those that were checked.
        transcript: what is spoken when. Speakers of cues are matched by name or label.
        shown: the lines as viewers see them; where names stand in them, these take time to be read wherever another
            person begins to speak.
    """
    named = shown is not None and any(_is_name_visible(cue, lines) for cue, lines in zip(cues, shown, strict=True))
    stretches = list(_divide_at_pauses(transcript, rules, named=named))
    spoken = _Spoken(transcript)
    apart: set[Violation] = {item for item in report.violations if item.rule == "overlap" and spoken.at_once(item.span)}
    broken: dict[int, list[Violation]] = {}
    for item in report.violations:
        if item.rule in _FOR_WANT_OF_TIME:
            broken.setdefault(item.cue, []).append(item)
    known = speaker_names(transcript)
    labels = {segment.speaker for segment in transcript.segments}
    names = {None if label is None else known.get(label, label): label for label in labels}
    at: dict[int, list[int]] = {}
    places = _Places(stretches, rules)
    for number in broken:
        place = places.of(cues[number - 1], names)
        if place is not None:
            at.setdefault(place, []).append(number)
    for place, numbers in at.items():
        words = 0
        worst = sorted(numbers, key=lambda number: -max(_excess(item) for item in broken[number]))
        for rank, number in enumerate(worst, start=1):
            words += sum(count_words(line) for line in cues[number - 1].lines)
            if rank <= stretches[place].least or words <= stretches[place].least_words:
                apart.update(broken[number])
    return replace(
        report,
        violations=tuple(item for item in report.violations if item not in apart),
        unavoidable=tuple(item for item in report.violations if item in apart),
    )


class _Spoken:
    """When at least two people speak at once, by their words; made once for all violations."""

    def __init__(self, transcript: Transcript) -> None:
        speech: dict[str, list[Span]] = {}
        for segment in transcript.segments:
            # Nobody known is somebody as well; no label of a speaker begins so.
            label = f"\0{segment.speaker}" if segment.speaker is None else segment.speaker
            speech.setdefault(label, []).extend(word.span for word in segment.words)
        self._doubled = find_overlaps({label: merge_spans(spans) for label, spans in speech.items()})

    def at_once(self, span: Span) -> bool:
        """Whether two people speak at once somewhere in this stretch of time."""
        first = bisect_right(self._doubled, span.start, key=lambda item: item.end)
        return first < len(self._doubled) and self._doubled[first].start < span.end


def _is_name_visible(cue: Cue, lines: Sequence[str]) -> bool:
    """Whether viewers see the name of the person who speaks."""
    return cue.speaker is not None and bool(lines) and lines[0].startswith(f"{cue.speaker}: ")


def _excess(item: Violation) -> float:
    """How far a violation lies beyond its limit, as a factor."""
    high, low = max(item.value, item.limit), min(item.value, item.limit)
    return high / low if low > 0 else float("inf")


class _Places:
    """Which stretch a cue shows, found by its time among those of its speaker."""

    def __init__(self, stretches: Sequence[_Stretch], rules: SubtitleRules) -> None:
        self._stretches, self._rules = stretches, rules
        self._everybody = sorted(range(len(stretches)), key=lambda place: stretches[place].start)
        self._own: dict[str | None, list[int]] = {}
        for place in self._everybody:
            self._own.setdefault(stretches[place].speaker, []).append(place)
        self._longest = max((item.end - item.start for item in stretches), default=0.0)

    def of(self, cue: Cue, names: Mapping[str | None, str | None]) -> int | None:
        """The stretch that a cue shows: of its speaker, where there are stretches of speakers, and under its middle."""
        middle, reach = (cue.span.start + cue.span.end) / 2, self._rules.max_duration
        everybody = not self._rules.overlap or cue.speaker is None
        fitting = self._everybody if everybody else self._own.get(names.get(cue.speaker, cue.speaker), [])

        def distance(place: int) -> float:
            item = self._stretches[place]
            return max(item.start - middle, middle - item.end, 0.0)

        low = bisect_left(fitting, middle - reach - self._longest, key=lambda place: self._stretches[place].start)
        high = bisect_right(fitting, middle + reach, key=lambda place: self._stretches[place].start)
        best = min(fitting[low:high], key=lambda place: (distance(place), place), default=None)
        return best if best is not None and distance(best) <= reach else None


@dataclass(frozen=True, slots=True)
class _WordWidth:
    """A word, and the columns of the name that stands before it if a cue begins with it."""

    word: Word
    name: int


def _measure_words(transcript: Transcript, *, named: bool) -> dict[str | None, list[_WordWidth]]:
    """The words of every speaker in order of time; a name where the word before was another speaker's."""
    words = sorted(
        ((word, segment.speaker) for segment in transcript.segments for word in segment.words if word.text.strip()),
        key=lambda item: (item[0].span.start, item[0].span.end),
    )
    names = speaker_names(transcript)
    found: dict[str | None, list[_WordWidth]] = {}
    before: str | None = None
    for word, speaker in words:
        lead = "" if speaker is None or speaker == before else f"{names.get(speaker, speaker)}: "
        name = columns(lead) if named else 0
        found.setdefault(speaker, []).append(_WordWidth(word, name))
        before = speaker
    return found


def _divide_at_pauses(transcript: Transcript, rules: SubtitleRules, *, named: bool) -> Iterator[_Stretch]:
    """The words of every speaker (of all, where cues may not overlap), divided at pauses that no cue spans."""
    streams = _measure_words(transcript, named=named)
    if not rules.overlap:
        together = [item for said in streams.values() for item in said]
        streams = {None: sorted(together, key=lambda item: (item.word.span.start, item.word.span.end))}
    for speaker, said in streams.items():
        first = 0
        for last in range(1, len(said) + 1):
            ends = last == len(said)
            if ends or said[last].word.span.start - said[last - 1].word.span.end > rules.max_duration:
                limit = float("inf") if ends else said[last].word.span.start
                part = said[first:last]
                end = max(item.word.span.end for item in part)
                yield _Stretch(speaker, part[0].word.span.start, end, *_count_least(part, limit, rules))
                first = last


def _count_least(said: Sequence[_WordWidth], limit: float, rules: SubtitleRules) -> tuple[int, int]:
    """The fewest cues in violation, and the fewest words in such, of all divisions; at `limit` the next word begins."""
    texts = [item.word.text for item in said]
    lengths = list(accumulate((characters(text, full_width=rules.full_width) for text in texts), initial=0.0))
    widths = [columns(text) for text in texts]
    leads = [len(text) - len(text.lstrip()) for text in texts]
    counts = list(accumulate((count_words(text) for text in texts), initial=0))
    starts = [item.word.span.start for item in said] + [limit]
    fewest = [0] + [len(said)] * len(said)
    fewest_words = [0] + [counts[-1]] * len(said)
    for end in range(1, len(said) + 1):
        latest = 0.0
        for begin in range(end - 1, -1, -1):
            latest = max(latest, said[begin].word.span.end)
            name, words = said[begin].name, counts[end] - counts[begin]
            too_many = rules.max_words is not None and words > rules.max_words
            lines = _count_lines(widths[begin:end], leads[begin:end], name, rules.max_columns)
            if begin < end - 1 and (too_many or latest - starts[begin] > rules.max_duration):
                break
            if begin < end - 1 and lines > rules.max_lines:
                if _count_lines(widths[begin:end], leads[begin:end], 0, rules.max_columns) > rules.max_lines:
                    break
                continue  # without a name, a cue that begins earlier may fit
            time = min(starts[end] - rules.gap - starts[begin], rules.max_duration) + _NOISE
            length = lengths[end] - lengths[begin] - leads[begin] + name
            fits = time >= rules.min_duration
            fits = fits and (rules.max_cps is None or length <= rules.max_cps * time)
            fits = fits and (rules.max_wpm is None or words * 60 <= rules.max_wpm * time)
            fewest[end] = min(fewest[end], fewest[begin] + (not fits))
            fewest_words[end] = min(fewest_words[end], fewest_words[begin] + (0 if fits else words))
    return fewest[-1], fewest_words[-1]


def _count_lines(widths: Sequence[int], leads: Sequence[int], name: int, width: int) -> int:
    """Lines that words take, filled one after the other, which needs the fewest."""
    lines, used = 1, name - leads[0]
    for place, (columns_of_word, lead) in enumerate(zip(widths, leads, strict=True)):
        if used + columns_of_word > width and place:
            lines, used = lines + 1, -lead
        used += columns_of_word
    return lines
