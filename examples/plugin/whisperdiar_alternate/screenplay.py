"""A transcript as a screenplay: the speaker in capitals, the words below. Pure: text in, text out."""

from __future__ import annotations

from whisperdiar import Transcript, WriteOptions

name = "screenplay"
suffix = ".play"
needs = "words"

_NOBODY = "SOMEBODY"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - it has no options of its own
    """One block for each segment."""
    blocks = []
    for segment in transcript.segments:
        speaker = transcript.name(segment.speaker) or _NOBODY
        blocks.append(f"{speaker.upper()}\n    {segment.text}\n")
    return "\n".join(blocks)
