"""Violations that no cut of the words into cues can avoid: speech faster than the limit, people who talk at once. Pure.

For each stretch of speech the least number of cues in violation, and of words in them, is computed by dynamic
programming over all divisions of its words into cues, each shown from its first word until, at the latest, the next
word is said (less the gap). So many cues of a file, or so many words of them, that break a rule there for want of time
cannot be blamed on the cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from whisperdiar.checking import Report, Violation
from whisperdiar.graphemes import characters, columns
from whisperdiar.options import SubtitleRules
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Word

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


def without_unavoidable(
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
    named = shown is not None and any(_named(cue, lines) for cue, lines in zip(cues, shown, strict=True))
    stretches = list(_stretches(transcript, rules, named=named))
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
        words = 0
        worst = sorted(numbers, key=lambda number: -max(_excess(item) for item in broken[number]))
        for rank, number in enumerate(worst, start=1):
            words += sum(len(line.split()) for line in cues[number - 1].lines)
            if rank <= stretches[place].least or words <= stretches[place].least_words:
                apart.update(broken[number])
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


def _named(cue: Cue, lines: Sequence[str]) -> bool:
    """Whether viewers see the name of the person who speaks."""
    return cue.speaker is not None and bool(lines) and lines[0].startswith(f"{cue.speaker}: ")


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


@dataclass(frozen=True, slots=True)
class _Said:
    """A word, and the columns of the name that stands before it if a cue begins with it."""

    word: Word
    name: int


def _said(transcript: Transcript, *, named: bool) -> dict[str | None, list[_Said]]:
    """The words of every speaker in order of time; a name where the word before was another speaker's."""
    words = sorted(
        ((word, segment.speaker) for segment in transcript.segments for word in segment.words if word.text.strip()),
        key=lambda item: (item[0].span.start, item[0].span.end),
    )
    found: dict[str | None, list[_Said]] = {}
    before: str | None = None
    for word, speaker in words:
        name = columns(f"{transcript.name(speaker)}: ") if named and speaker is not None and speaker != before else 0
        found.setdefault(speaker, []).append(_Said(word, name))
        before = speaker
    return found


def _stretches(transcript: Transcript, rules: SubtitleRules, *, named: bool) -> Iterator[_Stretch]:
    """The words of every speaker (of all, where cues may not overlap), divided at pauses that no cue spans."""
    streams = _said(transcript, named=named)
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
                yield _Stretch(speaker, part[0].word.span.start, end, *_least(part, limit, rules))
                first = last


def _least(said: Sequence[_Said], limit: float, rules: SubtitleRules) -> tuple[int, int]:
    """The fewest cues in violation, and the fewest words in such, of all divisions; at `limit` the next word begins."""
    texts = [item.word.text for item in said]
    lengths = list(accumulate((characters(text, full_width=rules.full_width) for text in texts), initial=0.0))
    widths = [columns(text) for text in texts]
    leads = [len(text) - len(text.lstrip()) for text in texts]
    counts = list(accumulate((len(text.split()) for text in texts), initial=0))
    starts = [item.word.span.start for item in said] + [limit]
    fewest = [0] + [len(said)] * len(said)
    fewest_words = [0] + [counts[-1]] * len(said)
    for end in range(1, len(said) + 1):
        latest = 0.0
        for begin in range(end - 1, -1, -1):
            latest = max(latest, said[begin].word.span.end)
            name, words = said[begin].name, counts[end] - counts[begin]
            too_many = rules.max_words is not None and words > rules.max_words
            lines = _lines(widths[begin:end], leads[begin:end], name, rules.max_columns)
            if begin < end - 1 and (too_many or latest - starts[begin] > rules.max_duration):
                break
            if begin < end - 1 and lines > rules.max_lines:
                if _lines(widths[begin:end], leads[begin:end], 0, rules.max_columns) > rules.max_lines:
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


def _lines(widths: Sequence[int], leads: Sequence[int], name: int, width: int) -> int:
    """Lines that words take, filled one after the other, which needs the fewest."""
    lines, used = 1, name - leads[0]
    for place, (columns_of_word, lead) in enumerate(zip(widths, leads, strict=True)):
        if used + columns_of_word > width and place:
            lines, used = lines + 1, -lead
        used += columns_of_word
    return lines
