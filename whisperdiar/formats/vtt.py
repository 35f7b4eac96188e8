"""WebVTT subtitles (W3C, https://www.w3.org/TR/webvtt1/) with voice spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from whisperdiar.formats._cues import ready
from whisperdiar.formats._notes import fallback_notes
from whisperdiar.formats._text import clock, one_line, speaker_names, without_arrow
from whisperdiar.options import WriteOptions
from whisperdiar.subtitles import cues as make_cues
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "vtt"
suffix = ".vtt"
needs = "words"

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Subtitles of a transcript: the speaker as a voice span, fallbacks as comments at the top."""
    names = speaker_names(transcript)
    found = make_cues(transcript, rules=options.rules(transcript.language), style=options.speaker_style)
    return dumps_cues(found, names, notes=fallback_notes(transcript.provenance), options=options)


def dumps_cues(
    cues: Iterable[Cue], names: Mapping[str, str], *, notes: Sequence[str] = (), options: WriteOptions
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    blocks = ["WEBVTT"]
    # Comments know no escapes, so that a command in them stays as it is typed.
    blocks += ["NOTE " + without_arrow(one_line(note)) for note in notes]
    for cue in ready(cues):
        times = f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}"
        text = "\n".join(line.translate(_ESCAPES) for line in cue.lines)
        blocks.append(f"{times}\n{_voice(cue.speaker, names, options)}{text}")
    return "\n\n".join(blocks) + "\n"


def _voice(speaker: str | None, names: Mapping[str, str], options: WriteOptions) -> str:
    if options.speaker_style == "none" or speaker is None:
        return ""
    shown = one_line(names.get(speaker, speaker)).translate(_ESCAPES)
    # The end tag may be left out where the span covers the whole cue (section 4.2.2).
    return f"<v {shown}>" if shown else ""
