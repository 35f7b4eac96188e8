"""Corrected transcript as JSON, as the page downloads it, compared with the transcript that it was made from. Pure.

The JSON holds the words and passages as a person left them. What follows from them is not taken from it: turns, deleted
words, doubts and the record of the corrections are made here, from the transcript and the two lists of words.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from whisperdiar.editing.apply_changes import (
    DELETED,
    Changes,
    CorrectedTranscript,
    find_strange,
    find_unmarked,
    list_edits,
)
from whisperdiar.editing.rebuilding import WordSpeaker, correct_turns
from whisperdiar.errors import FormatError
from whisperdiar.formats import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain, speaker_names
from whisperdiar.types import Dropped, Span, Word

_LATE = 0.001
"""Seconds that rounding to milliseconds may put a time behind the end of the recording."""


def apply_json(text: str, transcript: Transcript) -> CorrectedTranscript:
    """The transcript with the corrections of a JSON that a person made of it.

    Words with the same text at the same time stay, with all that was known of them. Without corrections, the result
    holds `transcript` itself.

    Raises:
        FormatError: the text is no transcript of whisperdiar, no words are left, it is of another recording, or a time
            lies after the end of the recording.
    """
    edited = json.read(text)
    if edited.recording_id != transcript.recording_id:
        raise FormatError(
            _(
                "this is the recording {own!r}, and the transcript is of {other!r}; give "
                "--transcript the file that the page was made from"
            ).format(own=edited.recording_id, other=transcript.recording_id)
        )
    if not edited.segments:
        raise FormatError(_("no words are left in this file: leave at least one passage, or delete the transcript"))
    given, transcript = transcript, _round(transcript)
    _check_times(edited, transcript)
    old, new = transcript.words, edited.words
    source = _match_words(old, new)
    replaced = _match_replaced(old, new, source)
    before, after = _segment_speakers(transcript), _segment_speakers(edited)
    changes = _changes(transcript, edited, source, replaced)
    if not changes:
        return CorrectedTranscript(given, changes)
    said = []
    for place, word in enumerate(new):
        home = source[place] if source[place] is not None else next(iter(replaced[place]), None)
        said.append(WordSpeaker(word.span, None if home is None else before[home], after[place]))
    corrected = bool(changes.corrected or changes.inserted or changes.deleted or changes.reassigned)
    turns = correct_turns(transcript.turns, said) if corrected else transcript.turns
    gone = _find_deleted(old, source, replaced)
    made = replace(
        transcript,
        speakers=_speakers(
            transcript, edited, {item.after for item in said} | {turn.speaker for turn in turns}, before
        ),
        segments=_segments(transcript, edited, source, before),
        cues=(),
        turns=turns,
        dropped=(*transcript.dropped, *_collect(old, gone)),
        uncertain=_uncertain(transcript.uncertain, source, before, after),
        provenance={**transcript.provenance, "edits": list_edits(transcript, changes)},
    )
    share = sum(place is not None for place in source) / max(1, len(old))
    return CorrectedTranscript(made, changes, (*find_strange(share), *find_unmarked(given)))


def _round(transcript: Transcript) -> Transcript:
    """With times as JSON holds them: a transcript that was read from subtitles may have finer ones."""
    if all(round(time, 3) == time for word in transcript.words for time in (word.start, word.end)):
        return transcript
    rounded = Transcript.from_dict({**transcript.to_dict(), "provenance": {}})
    return replace(rounded, provenance=transcript.provenance)


def _check_times(edited: Transcript, transcript: Transcript) -> None:
    """Times are those of the recording; words and turns of the transcript itself may lie a little behind its end."""
    ends = [*(word.end for word in transcript.words), *(turn.end for turn in transcript.turns)]
    latest = max([transcript.duration, *ends]) + _LATE
    for word in edited.words:
        if word.end > latest:
            raise FormatError(
                _(
                    "the word {word!r} ends at {end:g} s, after the end of the recording ({duration:g} s); "
                    "correct its time"
                ).format(word=word.text.strip(), end=word.end, duration=transcript.duration)
            )


def _segment_speakers(transcript: Transcript) -> list[str | None]:
    """Of every word the speaker of its segment."""
    return [segment.speaker for segment in transcript.segments for _each in segment.words]


def _match_words(old: Sequence[Word], new: Sequence[Word]) -> list[int | None]:
    """For every new word the old one that it is: the same visible text at the same time, each used once."""
    places: dict[tuple[str, float, float], list[int]] = {}
    for index in reversed(range(len(old))):
        places.setdefault(_identity(old[index]), []).append(index)
    found: list[int | None] = []
    for word in new:
        left = places.get(_identity(word))
        found.append(left.pop() if left else None)
    return found


def _identity(word: Word) -> tuple[str, float, float]:
    return word.text.strip(), word.start, word.end


def _match_replaced(old: Sequence[Word], new: Sequence[Word], source: Sequence[int | None]) -> list[tuple[int, ...]]:
    """For every new word that is no old one the old words, of those that are gone, whose time it shares."""
    kept = {place for place in source if place is not None}
    gone = sorted((i for i in range(len(old)) if i not in kept and old[i].text.strip()), key=lambda i: old[i].start)
    starts = [old[i].start for i in gone]
    longest = max((old[i].end - old[i].start for i in gone), default=0.0)
    found = []
    for word, place in zip(new, source, strict=True):
        shared: tuple[int, ...] = ()
        if place is None:
            first, last = (
                bisect_left(starts, word.start - longest),
                bisect_left(starts, max(word.end, word.start + 1e-4)),
            )
            shared = tuple(i for i in gone[first:last] if _share_time(old[i], word))
        found.append(shared)
    return found


def _share_time(left: Word, right: Word) -> bool:
    """Whether they overlap in time, or are at the same moment where one of them takes none."""
    if left.span == right.span:
        return True
    return min(left.end, right.end) > max(left.start, right.start)


def _find_deleted(old: Sequence[Word], source: Sequence[int | None], replaced: Sequence[tuple[int, ...]]) -> list[int]:
    present = {place for place in source if place is not None} | {i for places in replaced for i in places}
    return [i for i, word in enumerate(old) if i not in present and word.text.strip()]


def _collect(old: Sequence[Word], gone: Sequence[int]) -> list[Dropped]:
    """Deleted words as passages, one for each run of words."""
    runs = [[i for _, i in run] for _, run in groupby(enumerate(gone), key=lambda pair: pair[1] - pair[0])]
    return [
        Dropped(
            Span(min(old[i].start for i in run), max(old[i].end for i in run)),
            "".join(old[i].text for i in run).strip(),
            DELETED,
        )
        for run in runs
    ]


def _changes(
    transcript: Transcript,
    edited: Transcript,
    source: Sequence[int | None],
    replaced: Sequence[tuple[int, ...]],
) -> Changes:
    before, after = _segment_speakers(transcript), _segment_speakers(edited)
    old_names, names = speaker_names(transcript), speaker_names(edited)
    known = {*old_names, *(label for label in before if label is not None)}
    used = [label for label in dict.fromkeys(after) if label is not None]
    changes = Changes(
        corrected=sum(place is None and bool(shared) for place, shared in zip(source, replaced, strict=True)),
        inserted=sum(place is None and not shared for place, shared in zip(source, replaced, strict=True)),
        deleted=len(_find_deleted(transcript.words, source, replaced)),
        reassigned=sum(
            place is not None and before[place] != label for place, label in zip(source, after, strict=True)
        ),
        renamed=sum(name != old_names.get(label, label) for label, name in names.items() if label in known),
        added=tuple(names.get(label, label) for label in used if label not in known),
    )
    return replace(changes, resegmented=not changes and _shape(edited) != _shape(transcript))


def _shape(transcript: Transcript) -> list[tuple[int, str]]:
    """Of every passage its number of words and its text."""
    return [(len(segment.words), segment.text) for segment in transcript.segments]


def _segments(
    transcript: Transcript, edited: Transcript, source: Sequence[int | None], before: Sequence[str | None]
) -> tuple[Segment, ...]:
    """The passages of the JSON: old ones where nothing in them changed, the others marked as corrected."""
    first, home = 0, [number for number, item in enumerate(transcript.segments) for _each in item.words]
    begins = [0]
    for item in transcript.segments:
        begins.append(begins[-1] + len(item.words))
    made = []
    for segment in edited.segments:
        places = source[first : first + len(segment.words)]
        words = tuple(
            _word(word, segment.speaker, None if place is None else (transcript.words[place], before[place]))
            for word, place in zip(segment.words, places, strict=True)
        )
        first += len(words)
        same = (
            None if places[0] is None or places[0] != begins[home[places[0]]] else transcript.segments[home[places[0]]]
        )
        if same is not None and same.speaker == segment.speaker and same.words == words:
            made.append(same)
        else:
            made.append(Segment(words, segment.speaker, segment.simultaneous, edited=True))
    return tuple(made)


def _word(word: Word, speaker: str | None, old: tuple[Word, str | None] | None) -> Word:
    """A word of the JSON: as the transcript has it where it stays, as the person set it otherwise."""
    if old is not None and old[1] == speaker:
        kept, _ = old
        return kept if kept.text == word.text else replace(kept, text=word.text)
    confidence = None if speaker is None else 1.0 if word.speaker_confidence is None else word.speaker_confidence
    return replace(
        word,
        probability=_clip(word.probability),
        speaker=speaker,
        speaker_confidence=None if confidence is None else _clip(confidence),
        edited=True,
    )


def _clip(probability: float) -> float:
    return min(1.0, max(0.0, probability))


def _speakers(
    transcript: Transcript, edited: Transcript, used: set[str | None], before: Sequence[str | None]
) -> tuple[Speaker, ...]:
    """The list with new names and new people; without those whom the corrections left nothing to say."""
    lost = set(before)
    names = {label: " ".join(name.split()) or label for label, name in speaker_names(edited).items()}
    kept = [
        replace(item, name=names.get(item.id, item.name))
        for item in transcript.speakers
        if item.id in used or item.id not in lost
    ]
    listed = {item.id for item in transcript.speakers}
    new = [Speaker(label, name) for label, name in names.items() if label not in listed and label in used]
    return (*kept, *new)


def _uncertain(
    doubts: Sequence[Uncertain],
    source: Sequence[int | None],
    before: Sequence[str | None],
    after: Sequence[str | None],
) -> tuple[Uncertain, ...]:
    """Doubts about words that stay and that the person gave to nobody else."""
    places = {place: index for index, place in enumerate(source) if place is not None and before[place] == after[index]}
    kept = [replace(item, word_index=places[item.word_index]) for item in doubts if item.word_index in places]
    return tuple(sorted(kept, key=lambda item: item.word_index))
