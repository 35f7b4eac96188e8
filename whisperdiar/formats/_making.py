"""From a transcript to the cues that a subtitle format shows, cut by the rules that hold for its language."""

from __future__ import annotations

from whisperdiar.formats._speakers import full_label
from whisperdiar.graphemes import columns
from whisperdiar.options import WriteOptions
from whisperdiar.segmentation import cues as make_cues
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue


def subtitle_cues(transcript: Transcript, *, style: str, options: WriteOptions) -> tuple[Cue, ...]:
    """The cues of a transcript; lines leave room for what `style` puts before them."""
    shown = {item.id: columns(full_label(item.name)) for item in transcript.speakers} if style == "label" else {}
    return make_cues(transcript, rules=options.rules(transcript.language), style=style, reserved=shown)
