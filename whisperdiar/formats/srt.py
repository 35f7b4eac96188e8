"""SubRip subtitles, composed by the `srt` package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta

import srt

from whisperdiar.formats._cues import ready
from whisperdiar.formats._text import one_line, speaker_names, without_arrow
from whisperdiar.graphemes import columns
from whisperdiar.options import WriteOptions
from whisperdiar.subtitles import cues as make_cues
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

name = "srt"
suffix = ".srt"
needs = "words"

# Two lines that look like the next cue's number and time would split a cue in two.
_INDEX = re.compile(r"-?[0-9]+\.?[0-9]*\s*")
_TIME = re.compile(r"[0-9]+[,.:，．。：][0-9]+[,.:，．。：][0-9]+")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """Subtitles of a transcript; every cue of a known speaker begins with the name and a colon."""
    names = speaker_names(transcript)
    reserved = {item.id: columns(_prefix(item.id, names, options)) for item in transcript.speakers}
    rules = options.rules(transcript.language)
    found = make_cues(transcript, rules=rules, style=options.speaker_style, reserved=reserved)
    return dumps_cues(found, names, options=options)


def dumps_cues(cues: Iterable[Cue], names: Mapping[str, str], *, options: WriteOptions) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    subtitles = []
    for index, cue in enumerate(ready(cues), start=1):
        lines = [without_arrow(line) for line in cue.lines]
        lines[0] = _prefix(cue.speaker, names, options) + lines[0]
        start, end = timedelta(milliseconds=cue.start_ms), timedelta(milliseconds=cue.end_ms)
        subtitles.append(srt.Subtitle(index, start, end, "\n".join(_unmistakable(lines))))
    return str(srt.compose(subtitles, reindex=False))


def _prefix(speaker: str | None, names: Mapping[str, str], options: WriteOptions) -> str:
    if options.speaker_style == "none" or speaker is None:
        return ""
    shown = without_arrow(one_line(names.get(speaker, speaker)))
    return f"{shown}: " if shown else ""


def _unmistakable(lines: list[str]) -> list[str]:
    kept = lines[:1]
    for line in lines[1:]:
        if _INDEX.fullmatch(kept[-1]) and _TIME.match(line):
            kept[-1] += " " + line
        else:
            kept.append(line)
    return kept
