"""Paragraphs of a text to be read: what one speaker says without a break."""

from __future__ import annotations

from collections.abc import Sequence

from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Segment


def divide_paragraphs(segments: Sequence[Segment], options: WriteOptions) -> list[list[Segment]]:
    """Neighbouring segments of one speaker, as many as fit into a paragraph."""
    groups: list[list[Segment]] = []
    for segment in segments:
        last = groups[-1] if groups else []
        if (
            last
            and last[0].speaker == segment.speaker
            and segment.span.end - last[0].span.start <= options.max_paragraph
        ):
            last.append(segment)
        else:
            groups.append([segment])
    return groups
