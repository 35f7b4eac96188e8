"""Correction of a transcript: a corrected text and its transcript → the corrected transcript. Pure; no model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from itertools import groupby
from typing import Any

from whisperdiar.editing.matching import Matching, match
from whisperdiar.editing.passages import PlacedWord, TranscriptLayout, lay_out
from whisperdiar.editing.placement import place
from whisperdiar.editing.rebuilding import RebuiltTranscript, correct_turns, rebuild
from whisperdiar.editing.speakers import SpeakerNames, fold_text
from whisperdiar.editing.text_form import CorrectedTokens, EditedText, collect_tokens
from whisperdiar.errors import FormatError
from whisperdiar.options import EditOptions
from whisperdiar.text.messages import _, join, ngettext
from whisperdiar.transcript import Segment, Speaker, Transcript, speaker_names
from whisperdiar.types import Dropped, Span, Word

DELETED = "deleted by a person"
"""The reason in `Transcript.dropped` of words that were taken out of the text."""
_LABEL = re.compile(r"SPEAKER_\d+")
_ALIKE = 0.75
"""Names more alike than this may be one name, misspelled."""
_STRANGE = 0.2
"""With a smaller share of the words in common, the text may be of another recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a person corrected, in words and names.

    Attributes:
        corrected: words that replace others.
        inserted: words that replace none.
        deleted: words that are gone.
        reassigned: words that stay and have another speaker.
        renamed: speakers with another name.
        added: names of new speakers.
        joined: speakers that became one with another.
        resegmented: whether paragraphs were split or moved.
    """

    corrected: int = 0
    inserted: int = 0
    deleted: int = 0
    reassigned: int = 0
    renamed: int = 0
    added: tuple[str, ...] = ()
    joined: int = 0
    resegmented: bool = False

    def __bool__(self) -> bool:
        return self != Changes()

    def to_dict(self) -> dict[str, Any]:
        """JSON values, those that say something only."""
        values = {**asdict(self), "added": list(self.added)}
        return {key: value for key, value in values.items() if value}

    def __str__(self) -> str:
        words: list[str] = []
        if number := self.corrected:
            words.append(ngettext("{number} word corrected", "{number} words corrected", number).format(number=number))
        if number := self.inserted:
            words.append(ngettext("{number} word inserted", "{number} words inserted", number).format(number=number))
        if number := self.deleted:
            words.append(ngettext("{number} word deleted", "{number} words deleted", number).format(number=number))
        if number := self.reassigned:
            text = ngettext("{number} word given to another speaker", "{number} words given to another speaker", number)
            words.append(text.format(number=number))
        names = [_("{renamed} renamed").format(renamed=self.renamed)] if self.renamed else []
        names += [_("{joined} joined with another").format(joined=self.joined)] if self.joined else []
        names += (
            [_("{number} new ({names})").format(number=len(self.added), names=", ".join(self.added))]
            if self.added
            else []
        )
        if names:
            words.append(_("speakers: {names}").format(names=join(", ", names)))
        if self.resegmented and not words:
            words.append(_("turns divided or moved"))
        return join("; ", words) or _("nothing was changed")


@dataclass(frozen=True, slots=True)
class CorrectedTranscript:
    """A corrected transcript, what was changed, and sentences for the user."""

    transcript: Transcript
    changes: Changes
    notes: tuple[str, ...] = ()


def apply(edited: EditedText, transcript: Transcript, *, options: EditOptions | None = None) -> CorrectedTranscript:
    """The transcript with a person's corrections.

    The words of the result are those of the text, in its order. Words that stay keep their times exactly; what replaces
    words takes their time. A text without corrections gives `transcript` itself.

    Raises:
        FormatError: no words are left, or a new turn's time lies after the end of the recording.
    """
    if not edited.turns:
        raise FormatError(_("no words are left in this text: leave at least one turn, or delete the transcript"))
    options = options or EditOptions()
    old = lay_out(transcript, options)
    new = collect_tokens(edited.turns)
    matching = match(old, new)
    cast = deepcopy(edited.cast)
    speakers = _speakers_of_turns(old, new, matching, cast)
    placed = place(old, new, matching, options)
    rebuilt = rebuild(old, placed, speakers)
    gone = _find_deleted(old, placed, matching)
    changes = _changes(old, placed, rebuilt, cast, gone)
    if not changes:
        return CorrectedTranscript(transcript, changes, edited.notes)
    made = relabel(_assemble(old, rebuilt, cast, changes, gone), cast.merged)
    share = sum(item.word is not None for words in placed for item in words) / max(1, len(old.words))
    notes = (*edited.notes, *_find_misspelled(cast, changes), *find_strange(share), *find_unmarked(transcript))
    return CorrectedTranscript(made, changes, notes)


def find_strange(share: float) -> tuple[str, ...]:
    """A sentence for the user where so small a share of the words (0 to 1) is left that it may be another recording."""
    if share >= _STRANGE:
        return ()
    return (
        _("only {share:.0%} of the transcript's words are in this text: is it the text of this transcript?").format(
            share=share
        ),
    )


def find_unmarked(transcript: Transcript) -> tuple[str, ...]:
    """A sentence for the user where subtitles are cut anew and forced narratives (`Cue.forced`) lose their mark."""
    if not any(cue.forced for cue in transcript.cues):
        return ()
    return (_("subtitles are cut anew: forced narratives lose their mark; mark them again"),)


def _find_misspelled(cast: SpeakerNames, changes: Changes) -> list[str]:
    """New names that are nearly those of other people."""
    others = [name for label, name in cast.names.items() if label not in cast.added]
    found = []
    for name in changes.added:
        close = get_close_matches(name, others, n=1, cutoff=_ALIKE)
        if close and not _LABEL.fullmatch(name):
            found.append(
                _("{name} is taken for a new speaker: if {close} is meant, write that name").format(
                    name=name, close=close[0]
                )
            )
    return found


def _speakers_of_turns(
    old: TranscriptLayout, new: CorrectedTokens, matching: Matching, cast: SpeakerNames
) -> list[str | None]:
    """The label of every turn.

    A name that nobody has is a new person; or the new name of a speaker, where it stands above all turns of that one.
    """
    before = _speakers_before(old, new, matching)
    found: list[str | None] = []
    unknown: dict[str, list[int]] = {}
    for number, (turn, label) in enumerate(zip(new.turns, before, strict=True)):
        own = label is not None and fold_text(turn.name) in (fold_text(cast.shown[label]), fold_text(cast.names[label]))
        found.append(label if own else cast.find(turn.name) if turn.name else None)
        if turn.name and found[-1] is None:
            unknown.setdefault(fold_text(turn.name), []).append(number)
    known, names = set(found), speaker_names(old.transcript)
    for numbers in unknown.values():
        name = new.turns[numbers[0]].name
        labels = {before[number] for number in numbers}
        (label,) = labels if len(labels) == 1 else (None,)
        if label is not None and label not in known and cast.names[label] == names.get(label, label):
            cast.names[label] = name
        else:
            label = cast.add(name)
        known.add(label)
        for number in numbers:
            found[number] = label
    return found


def _speakers_before(old: TranscriptLayout, new: CorrectedTokens, matching: Matching) -> list[str | None]:
    """For every new turn the speaker of the paragraph whose time it bears, or of most of its words."""
    counts: dict[int, Counter[str | None]] = {}
    for j, i in matching.old_of.items():
        counts.setdefault(new.turn_of[j], Counter())[old.paragraphs[old.paragraph_of[i]].speaker] += 1
    found: list[str | None] = []
    for turn, paragraph in enumerate(matching.origin):
        if paragraph is not None:
            found.append(old.paragraphs[paragraph].speaker)
        else:
            found.append(counts[turn].most_common(1)[0][0] if turn in counts else None)
    return found


def _changes(
    old: TranscriptLayout,
    placed: Sequence[Sequence[PlacedWord]],
    rebuilt: RebuiltTranscript,
    cast: SpeakerNames,
    gone: Sequence[int],
) -> Changes:
    fresh = [item for words in placed for item in words if item.word is None]
    used = {said.after for said in rebuilt.said}
    names = speaker_names(old.transcript)
    changes = Changes(
        corrected=sum(bool(item.replaced) for item in fresh),
        inserted=sum(not item.replaced for item in fresh),
        deleted=len(gone),
        reassigned=rebuilt.reassigned,
        renamed=sum(
            name != names.get(label, label)
            for label, name in cast.names.items()
            if label not in cast.added and label not in cast.merged
        ),
        added=tuple(cast.names[label] for label in cast.added if label in used and label not in cast.merged),
        joined=len(cast.merged),
    )
    return replace(changes, resegmented=not changes and rebuilt.segments != old.transcript.segments)


def _find_deleted(old: TranscriptLayout, placed: Sequence[Sequence[PlacedWord]], matching: Matching) -> list[int]:
    """Indices of the words that are nowhere in the new text, nor anything in their place."""
    present = {i for words in placed for item in words for i in (*item.replaced, item.word)}
    present |= {i for token in matching.retimed for i in old.units[old.unit_of[token]].words}
    return [i for unit in old.units for i in old.visible(unit) if i not in present]


def _assemble(
    old: TranscriptLayout, rebuilt: RebuiltTranscript, cast: SpeakerNames, changes: Changes, gone: Sequence[int]
) -> Transcript:
    transcript = old.transcript
    turns = correct_turns(transcript.turns, rebuilt.said)
    used = {*(said.after for said in rebuilt.said), *(turn.speaker for turn in turns)}
    lost = {said.before for said in rebuilt.said} | {old.speaker(i) for i in gone}
    names = {item.id: item.name for item in reversed(transcript.speakers)} | cast.names
    speakers = [replace(item, name=names[item.id]) for item in transcript.speakers]
    listed = {item.id for item in speakers}
    speakers += [
        Speaker(label, name)
        for label, name in cast.names.items()
        if label not in listed and (label in cast.added or name != label) and label in used
    ]
    return replace(
        transcript,
        speakers=tuple(item for item in speakers if item.id in used or item.id not in lost),
        segments=rebuilt.segments,
        cues=(),
        turns=turns,
        dropped=(*transcript.dropped, *_collect_deleted(old, gone)),
        uncertain=rebuilt.uncertain,
        provenance={**transcript.provenance, "edits": list_edits(transcript, changes)},
    )


def list_edits(transcript: Transcript, changes: Changes) -> list[Any]:
    """What was corrected each time, this time last, for the provenance."""
    before = transcript.provenance.get("edits")
    return [*(before if isinstance(before, list) else []), changes.to_dict()]


def _collect_deleted(old: TranscriptLayout, gone: Sequence[int]) -> list[Dropped]:
    """Deleted words as passages, one for each run of words."""
    runs = [[i for _, i in run] for _, run in groupby(enumerate(gone), key=lambda pair: pair[1] - pair[0])]
    return [
        Dropped(
            Span(min(old.words[i].span.start for i in run), max(old.words[i].span.end for i in run)),
            "".join(old.texts[i] for i in run).strip(),
            DELETED,
        )
        for run in runs
    ]


def relabel(transcript: Transcript, labels: Mapping[str, str]) -> Transcript:
    """The transcript with some labels replaced, such as those of speakers who became one."""
    if not labels:
        return transcript

    def new(label: str | None) -> str | None:
        return None if label is None else labels.get(label, label)

    def word(item: Word) -> Word:
        second = None if new(item.second_speaker) == new(item.speaker) else new(item.second_speaker)
        overlap = item.overlap and second is not None
        return replace(item, speaker=new(item.speaker), second_speaker=second, overlap=overlap)

    def segment(item: Segment) -> Segment:
        return replace(item, words=tuple(map(word, item.words)), speaker=new(item.speaker))

    return replace(
        transcript,
        speakers=tuple(item for item in transcript.speakers if item.id not in labels),
        segments=tuple(map(segment, transcript.segments)),
        cues=(),
        turns=tuple(replace(turn, speaker=labels.get(turn.speaker, turn.speaker)) for turn in transcript.turns),
        uncertain=tuple(
            replace(item, speaker=new(item.speaker), second_speaker=new(item.second_speaker))
            for item in transcript.uncertain
            if new(item.speaker) != new(item.second_speaker)
        ),
    )
