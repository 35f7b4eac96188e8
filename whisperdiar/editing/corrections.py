"""Carrying over: corrections of an earlier transcript are kept when the recording is transcribed again. Pure.

Which speaker of one transcript is which speaker of another transcript of the same recording.

What a person corrected in a transcript, as stretches of words.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from whisperdiar.editing.apply_changes import DELETED
from whisperdiar.editing.matching import match_key
from whisperdiar.editing.rebuilding import WordSpeaker, correct_turns
from whisperdiar.options import KeepOptions
from whisperdiar.segmentation import segments as cut_words
from whisperdiar.text.clock import format_minutes
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Word, speaker_label


def match_speakers(old: Transcript, new: Transcript) -> dict[str, str]:
    """Label of `old` → label of `new`: one to one, so that they speak together as long as can be (Kuhn 1955).

    People who never speak at the same time as anybody of the other transcript are left out.
    """
    from scipy.optimize import linear_sum_assignment  # at its first use

    before, after = _speech(old), _speech(new)
    if not before or not after:
        return {}
    rows, columns = list(before), list(after)
    shared = np.array([[_overlap(before[row], after[column]) for column in columns] for row in rows])
    pairs = zip(*linear_sum_assignment(-shared), strict=True)
    return {rows[i]: columns[j] for i, j in pairs if shared[i, j] > 0}


def _speech(transcript: Transcript) -> dict[str, list[Span]]:
    """When each speaker talks, by the turns; by the words of those who have none."""
    found: dict[str, list[Span]] = {}
    for turn in transcript.turns:
        found.setdefault(turn.speaker, []).append(turn.span)
    words: dict[str, list[Span]] = {}
    for segment in transcript.segments:
        if segment.speaker is not None and segment.speaker not in found:
            words.setdefault(segment.speaker, []).extend(word.span for word in segment.words)
    return {label: sorted(spans) for label, spans in (found | words).items()}


def _overlap(first: Sequence[Span], second: Sequence[Span]) -> float:
    """Seconds in which both talk; each list is sorted by start."""
    total, begin = 0.0, 0
    longest = max((span.duration for span in second), default=0.0)
    for span in first:
        while begin < len(second) and second[begin].start < span.start - longest:
            begin += 1
        for other in second[begin:]:
            if other.start >= span.end:
                break
            total += max(0.0, min(span.end, other.end) - max(span.start, other.start))
    return total


@dataclass(frozen=True, slots=True)
class Correction:
    """Corrected words in a row; or, with none, where words were deleted (`gone` are their keys).

    `before` and `after` are the words next to it that nobody touched; `kin` are those of them that the same person
    says; `opens` and `closes` say that there is no word before or after it.
    """

    span: Span
    words: tuple[Word, ...]
    speaker: str | None
    gone: frozenset[str] = frozenset()
    before: Word | None = None
    after: Word | None = None
    kin: tuple[Word, ...] = ()
    opens: bool = False
    closes: bool = False


def find_corrections(edited: Transcript, options: KeepOptions) -> Iterator[Correction]:
    """Corrected words of one speaker in a row."""
    flat = [(word, segment.speaker) for segment in edited.segments for word in segment.words]
    runs: list[list[int]] = []
    for i, (word, speaker) in enumerate(flat):
        if not word.edited:
            continue
        last = runs[-1][-1] if runs else -2
        near = last == i - 1 and flat[last][1] == speaker and abs(word.start - flat[last][0].end) <= options.join_gap
        if near:
            runs[-1].append(i)
        else:
            runs.append([i])
    for run in runs:
        words = tuple(flat[i][0] for i in run)
        span = Span(min(word.start for word in words), max(word.end for word in words))
        speaker = flat[run[0]][1]
        beside = [flat[i] if 0 <= i < len(flat) else None for i in (run[0] - 1, run[-1] + 1)]
        before, after = (None if item is None or item[0].edited else item[0] for item in beside)
        yield Correction(
            span,
            words,
            speaker,
            before=before,
            after=after,
            kin=tuple(item[0] for item in beside if item is not None and not item[0].edited and item[1] == speaker),
            opens=beside[0] is None,
            closes=beside[1] is None,
        )


def find_deletions(edited: Transcript) -> Iterator[Correction]:
    for item in edited.dropped:
        if item.reason == DELETED:
            yield Correction(item.span, (), None, gone=frozenset(match_key(token) for token in item.text.split()))


def has_corrections(transcript: Transcript) -> bool:
    """Whether a person has changed words of a transcript, deleted some, or given a speaker a name."""
    return (
        any(speaker.name != speaker.id for speaker in transcript.speakers)
        or any(word.edited for word in transcript.words)
        or any(item.reason == DELETED for item in transcript.dropped)
    )


@dataclass(frozen=True, slots=True)
class CarriedCorrections:
    """A new transcript with the corrections of an earlier one.

    Attributes:
        transcript: with them.
        corrections: number of stretches of words that were carried over.
        notes: sentences for the user: what could not be carried over, and why.
    """

    transcript: Transcript
    corrections: int
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Item:
    """A word of the new transcript, or a carried one; `home` is the segment that it is in or comes to."""

    word: Word
    speaker: str | None
    home: int
    index: int | None
    said_by: str | None


def carry_over(
    edited: Transcript, fresh: Transcript, *, part: Span | None = None, options: KeepOptions | None = None
) -> CarriedCorrections:
    """The transcript `fresh` with what a person corrected in `edited`.

    Corrected words replace the words that are spoken at the same time, if the words around agree; words that were
    deleted are deleted again; names go to the speakers who talk at the same time.

    Args:
        part: the part of the recording that was transcribed, where it is not all.
    """
    options = options or KeepOptions()
    part = part or Span(0.0, max(fresh.duration, max((word.end for word in fresh.words), default=0.0)))
    table, old = _Table(fresh), _Table(edited)
    notes: list[str] = []
    accepted: list[Correction] = []
    for stretch in sorted([*find_corrections(edited, options), *find_deletions(edited)], key=lambda item: item.span):
        cause = _explain_refusal(stretch, table, old, part, options)
        if cause is None:
            accepted.append(stretch)
        else:
            notes.append(
                _("the correction at {minutes} ({quote}) is not kept: {cause}").format(
                    minutes=format_minutes(int(stretch.span.start)), quote=_quote(stretch), cause=cause
                )
            )
    heard = [_find_speaker(stretch, table, options) for stretch in accepted]
    alone = [stretch for stretch, speaker in zip(accepted, heard, strict=True) if speaker is None]
    names, labels, lost = _carry_names(edited, fresh, match_speakers(edited, fresh), alone)
    accepted = [
        replace(stretch, speaker=speaker or labels.get(stretch.speaker or ""))
        for stretch, speaker in zip(accepted, heard, strict=True)
    ]
    notes += [
        _("the name {name} is not kept: nobody was found to speak where {name} spoke").format(name=name)
        for name in lost
    ]
    items, touched, done = _merge(fresh, table, accepted, labels, options)
    if not done and names == {item.id: item.name for item in fresh.speakers}:
        return CarriedCorrections(fresh, 0, tuple(notes))
    return CarriedCorrections(_assemble(fresh, items, touched, names, done), done, tuple(notes))


def keep_corrections(
    edited: Transcript, fresh: Transcript, *, start: float | None = None, options: KeepOptions | None = None
) -> CarriedCorrections:
    """What `carry_over` gives, with the corrections that could not be kept among the warnings of the transcript.

    Args:
        start: where the part that was transcribed begins, in seconds of the recording; None for where `fresh` does.
    """
    start = fresh.start if start is None else start
    done = carry_over(edited, fresh, part=Span(start, max(start, fresh.duration)), options=options)
    warnings = [*done.transcript.provenance.get("warnings", ()), *done.notes]
    told = replace(done.transcript, provenance={**done.transcript.provenance, "warnings": warnings})
    return replace(done, transcript=told)


class _Table:
    """Words of a transcript, found by what they say and when."""

    def __init__(self, transcript: Transcript) -> None:
        self.words = transcript.words
        self.speakers = [segment.speaker for segment in transcript.segments for _each in segment.words]
        self.order = sorted(range(len(self.words)), key=lambda i: _middle(self.words[i].span))
        self.middles = [_middle(self.words[i].span) for i in self.order]
        self.keys = [match_key(word.text.strip()) for word in self.words]

    def within(self, span: Span) -> list[int]:
        """Indices of the words whose middle lies in a span."""
        return self.order[bisect_left(self.middles, span.start) : bisect_left(self.middles, span.end)]

    def find(self, word: Word | None, tolerance: float) -> int | None:
        """The word that is this one: it says the same at the same time, at most `tolerance` seconds apart."""
        if word is None:
            return None
        middle, sought = _middle(word.span), match_key(word.text.strip())
        near = self.order[
            bisect_left(self.middles, middle - tolerance) : bisect_right(self.middles, middle + tolerance)
        ]
        same = [i for i in near if self.keys[i] == sought]
        return min(same, key=lambda i: abs(_middle(self.words[i].span) - middle), default=None)


def _middle(span: Span) -> float:
    return (span.start + span.end) / 2


def _quote(stretch: Correction) -> str:
    text = " ".join("".join(word.text for word in stretch.words).split()) or "a deletion"
    return text if len(text) <= 40 else text[:39] + "…"


def _explain_refusal(stretch: Correction, table: _Table, old: _Table, part: Span, options: KeepOptions) -> str | None:
    """Why a correction cannot be kept, if so."""
    if stretch.span.start < part.start or stretch.span.end > part.end + options.tolerance:
        return _("it lies outside of what was transcribed")
    around = Span(max(0.0, stretch.span.start - options.context), stretch.span.end + options.context)
    untouched = [old.words[i] for i in old.within(around) if not old.words[i].edited]
    same = sum(table.find(word, options.tolerance) is not None for word in untouched)
    if len(untouched) >= options.min_context and same < options.min_agreement * len(untouched):
        return _("the words around it are not found at the same times")
    return None


def _find_speaker(stretch: Correction, table: _Table, options: KeepOptions) -> str | None:
    """Who says the word beside a correction in the new transcript, where one and the same person says both."""
    found = (table.find(word, options.tolerance) for word in stretch.kin)
    return next((table.speakers[i] for i in found if i is not None), None)


def _carry_names(
    edited: Transcript, fresh: Transcript, labels: dict[str, str], accepted: Sequence[Correction]
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Names by new label, new labels by old ones, and the names for which nobody was found."""
    names = {item.id: item.name for item in reversed(fresh.speakers)}
    names = {item.id: names[item.id] for item in fresh.speakers}
    labels = dict(labels)
    for stretch in accepted:
        if stretch.speaker is not None and stretch.words and stretch.speaker not in labels:
            number = 0
            while speaker_label(number) in names:
                number += 1
            labels[stretch.speaker] = speaker_label(number)
            names[speaker_label(number)] = speaker_label(number)
    lost = []
    for speaker in edited.speakers:
        if speaker.name != speaker.id and speaker.id in labels:
            names[labels[speaker.id]] = speaker.name
        elif speaker.name != speaker.id:
            lost.append(speaker.name)
    return names, labels, lost


def _merge(
    fresh: Transcript, table: _Table, accepted: Sequence[Correction], labels: Mapping[str, str], options: KeepOptions
) -> tuple[list[_Item], set[int], int]:
    """All words in order; the segments of `fresh` that are no longer what they were; the corrections that are in."""
    homes = [number for number, segment in enumerate(fresh.segments) for _each in segment.words]
    removed: set[int] = set()
    inserted: dict[int, list[tuple[Correction, list[int]]]] = {}
    touched: set[int] = set()
    done = 0
    for stretch in accepted:
        guards = [table.find(word, options.tolerance) for word in (stretch.before, stretch.after)]
        there = [i for i in _find_replaced(table, stretch, guards, options) if i not in removed]
        removed |= set(there)
        touched |= {homes[i] for i in there}
        done += bool(there or stretch.words)
        if stretch.words:
            inserted.setdefault(_place(table, stretch, there, guards), []).append((stretch, there))
    items: list[_Item] = []
    for i in range(len(homes) + 1):
        for stretch, there in inserted.get(i, []):
            home = homes[there[0]] if there else _find_home(homes, i, table.find(stretch.before, options.tolerance))
            touched.add(home)
            said_by = fresh.segments[home].speaker if there else None
            items += [_carry_words(word, stretch.speaker, labels, home, said_by) for word in stretch.words]
        if i < len(homes) and i not in removed:
            speaker = fresh.segments[homes[i]].speaker
            items.append(_Item(table.words[i], speaker, homes[i], i, speaker))
    return _separate(items), touched, done


def _find_replaced(table: _Table, stretch: Correction, guards: Sequence[int | None], options: KeepOptions) -> list[int]:
    """The new words in whose place a stretch comes: those between the words beside it, or those of the same time."""
    if stretch.gone:
        wide = Span(max(0.0, stretch.span.start - options.tolerance), stretch.span.end + options.tolerance)
        return sorted(i for i in table.within(wide) if table.keys[i] in stretch.gone)
    before = -1 if stretch.opens else guards[0]
    after = len(table.words) if stretch.closes else guards[1]
    if before is not None and after is not None and 0 < after - before <= 2 * len(stretch.words) + options.slack:
        return list(range(before + 1, after))
    return sorted(i for i in table.within(stretch.span) if i not in guards)


def _find_home(homes: Sequence[int], at: int, before: int | None) -> int:
    """The segment that words come to which replace none; -1 where there is no segment at all."""
    if not homes:
        return -1
    return homes[before] if before is not None else homes[min(at, len(homes) - 1)]


def _place(table: _Table, stretch: Correction, there: Sequence[int], guards: Sequence[int | None]) -> int:
    """The index of the new word before which a stretch comes."""
    before, after = guards
    if there:
        return there[0]
    if before is not None:
        return before + 1
    if after is not None:
        return after
    at = bisect_left(table.middles, stretch.span.start)
    return table.order[at] if at < len(table.order) else len(table.order)


def _carry_words(word: Word, speaker: str | None, labels: Mapping[str, str], home: int, said_by: str | None) -> _Item:
    second = labels.get(word.second_speaker or "")
    moved = replace(word, speaker=speaker, second_speaker=second, overlap=word.overlap and second is not None)
    return _Item(moved, speaker, home, None, said_by)


def _separate(items: list[_Item]) -> list[_Item]:
    """Carried words cut where a word of the same speaker beside them is spoken."""
    for left, right in pairwise(items):
        if left.speaker != right.speaker:
            continue
        start, end = right.word.span.start, left.word.span.end
        if right.index is None and left.index is not None and start < end:
            right.word = replace(right.word, span=Span(min(end, right.word.span.end), right.word.span.end))
        elif left.index is None and right.index is not None and start < end:
            left.word = replace(left.word, span=Span(left.word.span.start, max(start, left.word.span.start)))
    return items


def _assemble(
    fresh: Transcript, items: Sequence[_Item], touched: set[int], names: Mapping[str, str], done: int
) -> Transcript:
    made: list[Segment] = []
    for home, group in groupby(items, key=lambda item: -1 if item.home in touched else item.home):
        run = list(group)
        made += [fresh.segments[home]] if home >= 0 else _cut_segments(fresh, run)
    indices = {item.index: at for at, item in enumerate(items) if item.index is not None}
    turns = correct_turns(fresh.turns, [WordSpeaker(item.word.span, item.said_by, item.speaker) for item in items])
    used = {turn.speaker for turn in turns} | {item.speaker for item in items}
    edits = fresh.provenance.get("edits")
    return replace(
        fresh,
        speakers=tuple(Speaker(label, name) for label, name in names.items() if label in used),
        segments=tuple(made),
        cues=(),
        turns=turns,
        uncertain=tuple(
            replace(item, word_index=indices[item.word_index]) for item in fresh.uncertain if item.word_index in indices
        ),
        provenance={
            **fresh.provenance,
            "edits": [*(edits if isinstance(edits, list) else []), {"carried_over": done}],
        },
    )


def _cut_segments(fresh: Transcript, run: Sequence[_Item]) -> Iterator[Segment]:
    """Segments of words some of which are carried over."""
    for speaker, group in groupby(run, key=lambda item: item.speaker):
        said = list(group)
        simultaneous = any(fresh.segments[item.home].simultaneous for item in said if item.home >= 0)
        for part in cut_words([item.word for item in said]):
            edited = any(word.edited for word in part.words)
            yield Segment(part.words, speaker, simultaneous, edited)
