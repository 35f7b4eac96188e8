"""Conversation time marks of NIST (SCTK, "CTM file format"): one word per line, without its speaker.

The fields of a line are recording, channel, start, duration, word and confidence.
"""

from __future__ import annotations

from operator import itemgetter

from whisperdiar.formats._heard import shared, transcript_of
from whisperdiar.formats._spoken import spoken
from whisperdiar.formats._text import decimal, milliseconds, numbered_lines, refuse_line, seconds_field
from whisperdiar.formats._tiers import whole
from whisperdiar.formats.rttm import choose
from whisperdiar.formats.stm import recording_field
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript

name = "ctm"
suffix = ".ctm"
needs = "words"

_LEAST, _MOST = 5, 6


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - CTM leaves no choice
    """Words in the order of time with the recogniser's probability; one with inner spaces becomes several."""
    recording = recording_field(transcript)
    rows = []
    for item in spoken(transcript):
        for start_ms, end_ms, text, word in item.words:
            parts = text.split()
            for part, span in zip(parts, shared(parts, start_ms / 1000, end_ms / 1000), strict=True):
                first_ms, last_ms = milliseconds(span.start), milliseconds(span.end)
                rows.append(
                    (first_ms, f"{decimal(first_ms)} {decimal(last_ms - first_ms)} {part} {word.probability:.3f}")
                )
    return "".join(f"{recording} 1 {row}\n" for _, row in sorted(rows, key=itemgetter(0)))


def read(text: str) -> Transcript:
    """The one recording of a file, its words joined to segments at pauses; nobody is known to speak.

    Raises:
        FormatError: a line that cannot be read (with its number and text), or several recordings.
    """
    recordings: dict[str, list[tuple[float, float, str]]] = {}
    for number, line in numbered_lines(text):
        if line.startswith(";;"):
            continue
        fields = line.split()
        if not _LEAST <= len(fields) <= _MOST:
            refuse_line(number, line, f"{len(fields)} fields, where CTM has {_LEAST} or {_MOST}")
        start, duration = seconds_field(fields[2]), seconds_field(fields[3])
        if start is None or duration is None:
            refuse_line(number, line, "expected a start and a duration in seconds")
        # Rounded like the text: 0.1 + 0.2 is 0.3 there.
        recordings.setdefault(fields[0], []).append((start, round(start + duration, 6), fields[4]))
    found = choose(recordings, None)
    return transcript_of(whole(sorted(recordings.get(found, ()), key=itemgetter(0)), None), recording_id=found)
