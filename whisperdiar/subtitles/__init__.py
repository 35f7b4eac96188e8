"""Subtitle cutting: words of a transcript → cues under the rules of a publisher. Pure.

The words of each speaker, over all segments, are divided into cues and lines by dynamic programming (`_division`
lists the costs). Where cues may not overlap in time, the words of all speakers are first put into one sequence, in
which two people may share a cue, one line each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whisperdiar.options import SubtitleRules, subtitle_rules
from whisperdiar.subtitles._cues import build_cue, draft_cues, reflow_lines
from whisperdiar.subtitles._limits import Limits
from whisperdiar.subtitles._shots import Shots, snap_ends, snap_starts
from whisperdiar.subtitles._streams import split_streams
from whisperdiar.subtitles._timing import settle
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue

__all__ = ["cues", "reflow_lines"]


def cues(
    transcript: Transcript,
    *,
    rules: SubtitleRules | None = None,
    style: str = "none",
    reserved: Mapping[str, int] | None = None,
    shots: Sequence[float] = (),
) -> tuple[Cue, ...]:
    """Subtitle cues, sorted by start.

    Args:
        rules: limits; the default profile's for the transcript's language where left out.
        style: how the writer shows speakers (`SPEAKER_STYLES`). With ``dash`` two people who follow each other fast
            share a cue also where cues may overlap. Room for the dash is kept free before each line of a cue of
            two people, also with ``voice``.
        reserved: per speaker label, the columns that a writer puts before the first line of a cue, and before each
            line of a cue of two people: a name. More than half a line is not kept free.
        shots: shot changes of the video in seconds; cues begin and end on them or well away from them.
    """
    rules = rules or subtitle_rules(language=transcript.language)
    limits = Limits.of(rules)
    room: dict[str | None, int] = {speaker: max(0, width) for speaker, width in (reserved or {}).items()}
    table = split_streams(transcript.segments, language=transcript.language, rules=rules, reserved=room)
    dash = len(rules.dash) if style in ("dash", "sdh") or (style == "voice" and not rules.overlap) else None
    found = draft_cues(table, limits, room, overlap=rules.overlap, dash=dash)
    timed = [draft.shown for draft in found]
    around = Shots.of(shots, limits, framed=rules.fps is not None)
    snap_starts(timed, around, limits)
    settle(timed, limits)
    snap_ends(timed, around, limits)
    return tuple(sorted((build_cue(draft, limits) for draft in found), key=lambda cue: (cue.span.start, cue.span.end)))
