"""From a transcript to the cues that a subtitle format shows, cut by the rules that hold for its language."""

from __future__ import annotations

from whisperdiar.formats._cues import ready
from whisperdiar.formats._speakers import chosen_style, clean_names, full_label, leads
from whisperdiar.formats._text import speaker_names
from whisperdiar.graphemes import columns
from whisperdiar.options import WriteOptions
from whisperdiar.subtitles import cues as make_cues
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue


def subtitle_cues(transcript: Transcript, *, style: str, options: WriteOptions) -> tuple[Cue, ...]:
    """The cues of a transcript; lines leave room for what `style` puts before them."""
    shown = {item.id: columns(full_label(item.name)) for item in transcript.speakers} if style == "label" else {}
    return make_cues(transcript, rules=options.rules(transcript.language), style=style, reserved=shown)


def timed_lines(transcript: Transcript, *, options: WriteOptions) -> list[tuple[int, int, tuple[str, ...]]]:
    """Start and end in milliseconds and the lines of every cue, for containers of plain text: names or dashes."""
    style = chosen_style(options.speaker_style, own="label", supported=())
    made = ready(subtitle_cues(transcript, style=style, options=options))
    before = leads(made, clean_names(made, speaker_names(transcript)), style)
    return [
        (cue.start_ms, cue.end_ms, tuple(lead + line for lead, line in zip(row, cue.lines, strict=True)))
        for cue, row in zip(made, before, strict=True)
    ]
