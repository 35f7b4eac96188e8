"""Who took part and how much: talk time, turns, interruptions, monologues. Pure.

Counted over the diarizer's turns, which know of overlap; over the words of a transcript without turns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from whisperdiar.minutes.content import Participant
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, merge_spans, total_duration

_WORD_GAP = 0.5
"""Seconds; words of one speaker that are nearer belong to one turn."""
_TURN_GAP = 1.5
"""Turns of one speaker with a shorter pause are one hold of the floor."""
_BACKCHANNEL = 1.0
"""Seconds; what is shorter does not take the floor: a nod, a yes."""
_LEAD = 0.5
"""Seconds that somebody talks before others can interrupt them, and may go on after it."""

Hold = tuple[Span, str]


def participants(transcript: Transcript) -> tuple[Participant, ...]:
    """One for every speaker who says anything, in the transcript's order."""
    talk = _talk(transcript)
    seconds = {who: total_duration(spans) for who, spans in talk.items()}
    total = sum(seconds.values())
    words = Counter(word.speaker for word in transcript.words if word.text.strip())
    holds = _holds(talk)
    turns = Counter(who for _, who in holds)
    cut_in = _interruptions(holds)
    monologues = _monologues(holds)
    known = [item.id for item in transcript.speakers]
    order = [*dict.fromkeys([*known, *talk])]
    return tuple(
        Participant(
            speaker=who,
            name=transcript.name(who) or who,
            talk_time=seconds[who],
            share=seconds[who] / total if total > 0 else 0.0,
            words=words[who],
            turns=turns[who],
            interruptions=cut_in[who],
            longest_monologue=monologues[who].duration if who in monologues else 0.0,
            monologue=monologues.get(who),
        )
        for who in order
        if who in talk
    )


def _talk(transcript: Transcript) -> dict[str, tuple[Span, ...]]:
    spans: dict[str, list[Span]] = defaultdict(list)
    for turn in transcript.turns:
        spans[turn.speaker].append(turn.span)
    if not spans:
        for word in transcript.words:
            if word.speaker is not None and word.text.strip():
                spans[word.speaker].append(word.span)
    return {who: merge_spans(found, gap=_WORD_GAP) for who, found in spans.items()}


def _holds(talk: dict[str, tuple[Span, ...]]) -> list[Hold]:
    """Who has the floor when, by start: turns of one speaker joined over short pauses, nods left out."""
    found = [
        (span, who)
        for who, spans in talk.items()
        for span in merge_spans(spans, gap=_TURN_GAP)
        if span.duration >= _BACKCHANNEL
    ]
    return sorted(found, key=lambda item: (item[0], item[1]))


def _interruptions(holds: Sequence[Hold]) -> Counter[str]:
    """By interrupter: they begin while another one talks, who stops soon while they go on.

    ```
    other    ─────────────┤
    speaker            ├──────────
    ```
    """
    found: Counter[str] = Counter()
    active: list[Hold] = []
    for span, who in holds:
        active = [item for item in active if item[0].end > span.start]
        found[who] += any(
            other != who and held.start + _LEAD <= span.start and held.end < span.end and held.end - span.start <= 3.0
            for held, other in active
        )
        active.append((span, who))
    return found


def _monologues(holds: Sequence[Hold]) -> dict[str, Span]:
    """The longest stretch of each speaker in which nobody else takes the floor."""
    best: dict[str, Span] = {}
    running: Hold | None = None
    for span, who in holds:
        if running is not None and running[1] == who:
            running = (Span(running[0].start, max(running[0].end, span.end)), who)
        else:
            cut = None if running is None else running[0].clipped(running[0].start, max(running[0].start, span.start))
            if running is not None and cut is not None:
                _keep(best, running[1], cut)
            running = (span, who)
    if running is not None:
        _keep(best, running[1], running[0])
    return best


def _keep(best: dict[str, Span], who: str, span: Span) -> None:
    if who not in best or span.duration > best[who].duration:
        best[who] = span
