"""Joining: words and speaker turns → a transcript. Pure; the one place where a transcript is made of its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from whisperdiar.alignment import align, uncertain_words
from whisperdiar.options import AlignmentOptions, SegmentationOptions
from whisperdiar.segmentation import segments
from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain
from whisperdiar.types import Diarization, Dropped, Turn, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the words and turns of a transcript come from.

    Attributes:
        recording_id: name of the recording, without white space.
        duration: of the recording, seconds; None for the end of the last word or turn.
        language: ISO 639-1 code, or None where unknown.
        dropped: what was recognised and left out, and why.
        provenance: versions, models, options; JSON values only.
    """

    recording_id: str = "recording"
    duration: float | None = None
    language: str | None = None
    dropped: tuple[Dropped, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)


def join(
    words: Sequence[Word],
    turns: Diarization | Sequence[Turn],
    *,
    origin: Origin | None = None,
    alignment: AlignmentOptions | None = None,
    segmentation: SegmentationOptions | None = None,
    spoken: Sequence[Segment] | None = None,
) -> Transcript:
    """A transcript of words and speaker turns: every word gets its speaker, and each person's words become segments.

    Args:
        words: in order of time, from any recogniser; text, times and order are kept.
        turns: from any diarizer; words go by the `exclusive_turns` of one that tells them.
        origin: names the recording; None for one without a name.
        alignment: which words are listed as uncertain; None for the default.
        segmentation: where segments are cut; None for the default.
        spoken: the segments, where it is known who said what, so that nothing is aligned.

    Raises:
        ValueError: a time is no finite number.
    """
    origin, segmentation = origin or Origin(), segmentation or SegmentationOptions()
    diarization = turns if isinstance(turns, Diarization) else Diarization(origin.recording_id, tuple(turns))
    if spoken is None:
        spoken = segments(align(words, diarization.turns, exclusive=diarization.exclusive_turns), options=segmentation)
    said = [word for segment in spoken for word in segment.words]
    ends = [*(word.end for word in said), *(turn.end for turn in diarization.turns)]
    return Transcript(
        recording_id=origin.recording_id,
        duration=max(ends, default=0.0) if origin.duration is None else origin.duration,
        language=origin.language,
        speakers=tuple(Speaker(label, label) for label in diarization.speakers),
        segments=tuple(spoken),
        turns=diarization.turns,
        dropped=origin.dropped,
        uncertain=uncertain_words(said, options=alignment or AlignmentOptions()),
        provenance=origin.provenance,
    )


def shift_times(transcript: Transcript, offset: float) -> Transcript:
    """The same transcript with every time moved by `offset` seconds, from an audio's clock to the recording's."""
    if not offset:
        return transcript

    def word(item: Word) -> Word:
        return replace(item, span=item.span.shift(offset))

    def segment(item: Segment) -> Segment:
        return replace(item, words=tuple(map(word, item.words)))

    def moved(items: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(replace(item, span=item.span.shift(offset)) for item in items)

    turns: tuple[Turn, ...] = moved(transcript.turns)
    dropped: tuple[Dropped, ...] = moved(transcript.dropped)
    uncertain: tuple[Uncertain, ...] = moved(transcript.uncertain)
    return replace(
        transcript,
        duration=transcript.duration + offset,
        start=transcript.start + offset,
        segments=tuple(map(segment, transcript.segments)),
        turns=turns,
        dropped=dropped,
        uncertain=uncertain,
        emotions=moved(transcript.emotions),
    )
