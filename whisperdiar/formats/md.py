"""A transcript to be read, as Markdown (CommonMark): a heading, then paragraphs with the speaker and the time."""

from __future__ import annotations

import re

from whisperdiar.formats._text import one_line, to_milliseconds
from whisperdiar.formats._writing.paragraphs import divide_paragraphs
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_clock
from whisperdiar.transcript import Transcript, speaker_names

name = "md"
suffix = ".md"
styles_speakers = True
needs = "words"

# Anything that CommonMark, or a wider Markdown with tables, formulas and strikethrough, may take for a mark.
_MARKS = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$^=-]")
_NUMBERED = re.compile(r"^(\d+)([.)])")
_ADDRESS = re.compile(r"(https?|ftp|mailto|www)([:.])", re.IGNORECASE)


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Paragraphs such as ``**Anna** [00:01:02] text``."""
    blocks = [f"# {_escape(one_line(transcript.recording_id)) or 'Transcript'}"]
    names = speaker_names(transcript)
    for group in divide_paragraphs(transcript.segments, options):
        text = one_line("".join(word.text for segment in group for word in segment.words))
        if text:
            # Cut off, not rounded: who jumps there must not miss the first word.
            time = format_clock(max(0, to_milliseconds(group[0].span.start)), ".").partition(".")[0]
            label = group[0].speaker if options.speaker_style != "none" else None
            who = "" if label is None else one_line(names.get(label, label))
            blocks.append((f"**{_escape(who)}** " if who else "") + rf"\[{time}\] {_escape(text)}")
    return "\n\n".join(blocks) + "\n"


def _escape(text: str) -> str:
    """The text as it is, whatever it holds: marks are escaped, and addresses make no links of themselves."""
    escaped = _NUMBERED.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", text))
    return _ADDRESS.sub(lambda found: found[1] + ("&#58;" if found[2] == ":" else "&#46;"), escaped)
