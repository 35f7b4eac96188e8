"""A transcript to be read: one paragraph per line, with its time and its speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whisperdiar.formats._text import one_line, to_milliseconds
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_clock
from whisperdiar.transcript import Segment, Transcript, speaker_names

name = "txt"
suffix = ".txt"
styles_speakers = True
needs = "words"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Lines such as ``[00:01:02] Anna: text``."""
    names = speaker_names(transcript)
    lines = [_line(group, names, options) for group in paragraphs(transcript.segments, options)]
    return "".join(line + "\n" for line in filter(None, lines))


def paragraphs(segments: Sequence[Segment], options: WriteOptions) -> list[list[Segment]]:
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


def _line(group: Sequence[Segment], names: Mapping[str, str], options: WriteOptions) -> str:
    text = one_line("".join(word.text for segment in group for word in segment.words))
    if not text:
        return ""
    # The clock shows whole seconds cut off, not rounded: who jumps there must not miss the first word.
    time = format_clock(max(0, to_milliseconds(group[0].span.start)), ".").partition(".")[0]
    label = group[0].speaker if options.speaker_style != "none" else None
    speaker = "" if label is None else one_line(names.get(label, label))
    return f"[{time}] {speaker}: {text}" if speaker else f"[{time}] {text}"
