"""Labels of Audacity (manual, "Importing and Exporting Labels"): start, end and text, parted by tabs.

Audacity's own suffix is ``.txt``, which means a transcript to be read here: this form is chosen by its name.
"""

from __future__ import annotations

from whisperdiar.formats._text import format_seconds, to_milliseconds
from whisperdiar.formats._writing.runs import distinct_names, prepare_segments
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "audacity"
suffix = ".labels.txt"
styles_speakers = True


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A label per segment, ``Anna: text``; of a transcript without words one per turn, with the name alone."""
    names = distinct_names(transcript)
    named = options.speaker_style != "none"
    labels = []
    for item in prepare_segments(transcript):
        who = f"{names[item.speaker]}: " if named and item.speaker is not None else ""
        labels.append((item.start_ms, item.end_ms, who + item.text))
    if not labels:
        for turn in transcript.turns:
            start_ms = max(0, to_milliseconds(turn.start))
            labels.append((start_ms, max(start_ms, to_milliseconds(turn.end)), names[turn.speaker] if named else ""))
    return "".join(f"{format_seconds(start)}\t{format_seconds(end)}\t{text}\n" for start, end, text in sorted(labels))
