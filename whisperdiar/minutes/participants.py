"""Who took part and how much: the figures of `statistics`, as minutes show them. Pure."""

from __future__ import annotations

from whisperdiar.minutes.content import Participant
from whisperdiar.statistics import talk_statistics
from whisperdiar.transcript import Transcript, speaker_names


def participants(transcript: Transcript) -> tuple[Participant, ...]:
    """One for everybody who says anything, in the transcript's order."""
    names = speaker_names(transcript)
    return tuple(
        Participant(
            speaker=item.speaker,
            name=names.get(item.speaker) or item.speaker,
            talk_time=item.talk_time,
            share=item.share,
            words=item.words,
            turns=item.turns,
            interruptions=item.interruptions,
            longest_monologue=0.0 if item.longest_turn is None else item.longest_turn.duration,
            monologue=item.longest_turn,
        )
        for item in talk_statistics(transcript).speakers
        if item.talk_time or item.words
    )
