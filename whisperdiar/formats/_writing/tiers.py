"""Tiers of annotation tools (Praat, ELAN): for each speaker one of utterances, and one of words below it.

On one tier of these tools nothing overlaps and nothing has zero length. So that nothing is lost all the same,

* an utterance that overlaps another one of its speaker goes to a further pair of tiers, ``Anna@2`` (of a speaker whose
  name ends like that, ``Anna@2``, the first pair is ``Anna@2@1``);
* an utterance is made long enough to give each of its words a millisecond;
* words of an utterance keep their order and, where they can, their starts; each ends where the next one begins at
  the latest, and none reaches out of its utterance.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from whisperdiar.formats._reading.silence import SILENCE, SILENT_WORDS
from whisperdiar.formats._reading.utterances import ParsedUtterance, ParsedWord
from whisperdiar.formats._text import make_distinct
from whisperdiar.formats._writing.runs import SpokenSegment, distinct_names, prepare_segments
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

_WORDS = "words@"  # type@participant, as ELAN's users name tiers
EMOTION_TIER = "emotions"
_EMOTIONS = frozenset({"angry", "happy", "neutral", "sad", ""})
"""What a tier of emotions holds; in a TextGrid also what is empty between them."""
_LANE = re.compile(r"@[0-9]+$")
_ALIGNED = re.compile(r"^(?P<name>.*) - (?P<kind>words|phones)$", re.IGNORECASE | re.DOTALL)  # forced aligners


class Mark(NamedTuple):
    """One annotation: 0 ≤ start_ms < end_ms, text not empty (but of an utterance that is to be transcribed)."""

    start_ms: int
    end_ms: int
    text: str


class Lane(NamedTuple):
    """A pair of tiers of one speaker, sorted and free of overlap; the words lie inside their utterances."""

    tier: str
    word_tier: str
    speaker: str | None
    name: str
    utterances: list[Mark]
    words: list[Mark]


def make_lanes(transcript: Transcript, *, blanks: bool = False) -> list[Lane]:
    """The tiers of all speakers who say something, in the order of the transcript's speakers, nobody known last.

    Args:
        blanks: turns of a transcript without words become utterances without a text, to be transcribed by hand.
    """
    names = distinct_names(transcript)
    bases = _tier_names(names)
    items = prepare_segments(transcript)
    if blanks and not items:
        turns = sorted(transcript.turns, key=lambda turn: turn.start)
        items = [
            SpokenSegment(max(0, round(t.start * 1000)), max(0, round(t.end * 1000)), t.speaker, "", ()) for t in turns
        ]
    found: dict[str | None, list[Lane]] = {label: [] for label in [*(key for key in names if key is not None), None]}
    for item in items:
        end_ms = max(item.end_ms, item.start_ms + max(1, len(item.words)))
        own = found[item.speaker]
        lane = next((one for one in own if one.utterances[-1].end_ms <= item.start_ms), None)
        if lane is None:
            base = bases[item.speaker]
            tier = f"{base}@{len(own) + 1}" if own or _LANE.search(base) else base
            lane = Lane(tier, _WORDS + tier, item.speaker, names[item.speaker], [], [])
            own.append(lane)
        lane.utterances.append(Mark(item.start_ms, end_ms, item.text))
        if item.words:
            lane.words.extend(_place_words(item, end_ms))
    return [lane for own in found.values() for lane in own]


def mark_emotions(transcript: Transcript) -> list[Mark]:
    """The tier of emotions, sorted and free of overlap; empty where none are told."""
    marks: list[Mark] = []
    for turn in sorted(transcript.emotions, key=lambda turn: turn.span):
        start_ms = max(0, round(turn.start * 1000), marks[-1].end_ms if marks else 0)
        if round(turn.end * 1000) > start_ms:
            marks.append(Mark(start_ms, round(turn.end * 1000), turn.speaker))
    return marks


def is_of_emotions(name: str, labels: Iterable[str]) -> bool:
    """Whether a tier that is read is one of `mark_emotions`, and none of a speaker."""
    return name == EMOTION_TIER and all(label in _EMOTIONS for label in labels)


def _tier_names(names: Mapping[str | None, str]) -> dict[str | None, str]:
    """The names as they are; only one that another speaker's tier of words would have is changed."""
    taken = set(names.values())

    def is_taken(name: str) -> bool:
        return name.startswith(_WORDS) and _LANE.sub("", name.removeprefix(_WORDS)) in taken

    return make_distinct({label: name.replace("@", "_") if is_taken(name) else name for label, name in names.items()})


def _place_words(item: SpokenSegment, end_ms: int) -> list[Mark]:
    """The words of an utterance, a millisecond or more each, one after the other."""
    starts: list[int] = []
    left = len(item.words)
    for word in item.words:
        earliest = starts[-1] + 1 if starts else item.start_ms
        starts.append(min(max(word.start_ms, earliest), end_ms - left))
        left -= 1
    limits = [*starts[1:], end_ms]
    return [
        Mark(start, min(max(word.end_ms, start + 1), limit), word.text)
        for word, start, limit in zip(item.words, starts, limits, strict=True)
    ]


class Tier(NamedTuple):
    """A tier of a file: annotations in order of time, seconds; the words' texts are those of its parent or none."""

    name: str
    marks: Sequence[tuple[float, float, str]]


def read_tiers(tiers: Iterable[Tier]) -> list[ParsedUtterance]:
    """Utterances of tiers by their names: ``Anna``, ``Anna@2``, and their words on ``words@Anna``, ``words@Anna@2``.

    Forced aligners' names are understood as well (``Anna - words``, or ``words`` alone; their phones and what they
    write for silence are passed over). Of tiers of one name the first has the first one's words, the second the
    second one's. Words without a tier of utterances are utterances of one word, which `group_words` joins.
    """
    tiers = list(tiers)
    # What has a tier of words beside it is an utterance tier of ours, also of a speaker who is called "words".
    ours = {tier.name.removeprefix(_WORDS) for tier in tiers if tier.name.startswith(_WORDS)}
    pairs = ours & {tier.name for tier in tiers}
    speech: list[Tier] = []
    words: dict[str, list[Tier]] = {}
    for tier in tiers:
        aligned = _ALIGNED.match(tier.name)
        if tier.name in ours:
            speech.append(tier)
        elif tier.name.startswith(_WORDS) and tier.name.removeprefix(_WORDS) in pairs:
            name = tier.name.removeprefix(_WORDS)  # also of a speaker who is called "Anna - words"
            words.setdefault(name, []).append(Tier(name, tier.marks))
        elif aligned or tier.name.casefold() in ("words", "phones"):
            kind = aligned["kind"] if aligned else tier.name
            if kind.casefold() == "words":
                spoken_marks = [mark for mark in tier.marks if mark[2] not in SILENT_WORDS]
                name = aligned["name"] if aligned else ""
                words.setdefault(name, []).append(Tier(name, spoken_marks))
        elif tier.name.startswith(_WORDS):
            name = tier.name.removeprefix(_WORDS)
            words.setdefault(name, []).append(Tier(name, tier.marks))
        else:
            speech.append(tier)
    found = []
    names = {tier.name for tier in speech}
    for tier in speech:
        own = words[tier.name].pop(0).marks if words.get(tier.name) else ()
        # A tier of ours has its words beside it, and no mark of silence: what looks like one has been said.
        marks = tier.marks if own else [mark for mark in tier.marks if mark[2] not in SILENCE]
        found += _name_tier(tier.name, attach_words(marks, own, _speaker(tier.name, names)))
    for tier in (tier for left in words.values() for tier in left):
        found += _name_tier(_WORDS + tier.name, group_words(tier.marks, _LANE.sub("", tier.name) or None))
    return found


def _speaker(tier: str, names: Collection[str]) -> str:
    """Whose tier it is: that of the speaker for further tiers of one, ``Anna@2`` beside ``Anna``."""
    base = _LANE.sub("", tier)
    return base if base in names or (_LANE.search(base) and f"{base}@1" in names) else tier


def _name_tier(name: str, heard: Iterable[ParsedUtterance]) -> list[ParsedUtterance]:
    return [item._replace(where=_("tier {name!r}, {start:g} s").format(name=name, start=item.start)) for item in heard]


def attach_words(
    utterances: Sequence[tuple[float, float, str]], words: Sequence[tuple[float, float, str]], speaker: str | None
) -> list[ParsedUtterance]:
    """Utterances with the words whose middle lies in them; words outside of all are utterances of their own."""
    starts = [start for start, _, _ in utterances]
    inside: list[list[ParsedWord]] = [[] for _each in utterances]
    outside = []
    for start, end, text in words:
        middle = (start + end) / 2
        index = bisect_right(starts, middle) - 1
        if index >= 0 and middle <= utterances[index][1]:
            inside[index].append(ParsedWord(text, start, end))
        else:
            outside.append((start, end, text))
    heard = [ParsedUtterance(*mark[:2], speaker, mark[2], own) for mark, own in zip(utterances, inside, strict=True)]
    return heard + group_words(outside, speaker)


def group_words(
    words: Sequence[tuple[float, float, str]], speaker: str | None, *, pause: float = 1.0
) -> list[ParsedUtterance]:
    """Utterances of words that have none: a new one after a pause of more than so many seconds."""
    groups: list[list[ParsedWord]] = []
    for start, end, text in words:
        last = groups[-1][-1].end if groups else None
        if last is None or start - last > pause:
            groups.append([])
        groups[-1].append(ParsedWord(text, start, end))
    return [
        ParsedUtterance(own[0].start or 0.0, max(word.end or 0.0 for word in own), speaker, "", own)
        for own in groups
        if own
    ]
