"""Speakers of one transcript carried over to another one of the same recording. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Turn, speaker_label


def match_speakers(turns: Sequence[Turn], others: Sequence[Turn]) -> dict[str, str]:
    """Label of `turns` → label of `others`: pairs each of which is the other's best by the time that they share."""
    first, second = (list(dict.fromkeys(turn.speaker for turn in some)) for some in (turns, others))
    shared = np.zeros((len(first), len(second)))
    for turn in turns:
        for other in others:
            part = turn.span.clip(other.start, other.end)
            if part is not None:
                shared[first.index(turn.speaker), second.index(other.speaker)] += part.duration
    if not shared.size:
        return {}
    best, best_back = shared.argmax(axis=1), shared.argmax(axis=0)
    return {
        label: second[best[row]]
        for row, label in enumerate(first)
        if shared[row, best[row]] > 0 and best_back[best[row]] == row
    }


def carry_speakers(
    transcript: Transcript, live: Sequence[Turn], *, taken: Iterable[str] = (), names: Mapping[str, str] | None = None
) -> Transcript:
    """The transcript with the labels and names that its speakers had while it was made live.

    Who was nobody then gets the next free label.

    Args:
        live: turns as they were told then.
        taken: labels that were told then, and stand for nobody else now.
        names: label → name, as they were told then.
    """
    carried = match_speakers(transcript.turns, live)
    used = {*taken, *(turn.speaker for turn in live)}
    number = 0
    labels: dict[str, str] = {}
    for speaker in transcript.speakers:
        if speaker.id in carried:
            labels[speaker.id] = carried[speaker.id]
            continue
        while speaker_label(number) in used:
            number += 1
        labels[speaker.id] = speaker_label(number)
        used.add(labels[speaker.id])
    relabelled = _relabel(transcript, labels)
    ids = {speaker.id for speaker in relabelled.speakers}
    known = {label: name for label, name in (names or {}).items() if label in ids}
    return relabelled.rename(known) if known else relabelled


def _relabel(transcript: Transcript, labels: Mapping[str, str]) -> Transcript:
    """The transcript with every label replaced; names that were labels go with them."""

    def new(label: str | None) -> str | None:
        return None if label is None else labels.get(label, label)

    def name(speaker: Speaker) -> str:
        return labels.get(speaker.id, speaker.id) if speaker.name == speaker.id else speaker.name

    return replace(
        transcript,
        speakers=tuple(replace(item, id=labels.get(item.id, item.id), name=name(item)) for item in transcript.speakers),
        segments=tuple(
            replace(
                item,
                speaker=new(item.speaker),
                words=tuple(
                    replace(word, speaker=new(word.speaker), second_speaker=new(word.second_speaker))
                    for word in item.words
                ),
            )
            for item in transcript.segments
        ),
        turns=tuple(replace(turn, speaker=labels.get(turn.speaker, turn.speaker)) for turn in transcript.turns),
        uncertain=tuple(
            replace(item, speaker=new(item.speaker), second_speaker=new(item.second_speaker))
            for item in transcript.uncertain
        ),
    )
