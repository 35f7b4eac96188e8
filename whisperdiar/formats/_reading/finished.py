"""Finished subtitles: cues of a file as viewers see them, kept so that only the format changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.types import Cue


def keep_finished(cues: Sequence[Cue], shown: Sequence[Cue]) -> tuple[Cue, ...]:
    """Cues with the lines that viewers see and the speakers that were found in them.

    Args:
        cues: with the names and dashes taken out of their lines.
        shown: the same cues with their lines as they stand in the file. Where these say who speaks, by a name or a dash
            in any cue of the file, they do so for all of it.
    """
    if len(cues) != len(shown):  # a reader that makes other cues of them: nothing is known of their lines
        return ()
    labelled = any(cue.lines != seen.lines for cue, seen in zip(cues, shown, strict=True))
    return tuple(
        replace(seen, **_speakers(cue, len(seen.lines)), labelled=labelled)
        for cue, seen in zip(cues, shown, strict=True)
    )


def _speakers(cue: Cue, n_lines: int) -> dict[str, Any]:
    if not cue.line_speakers:
        return {"speaker": cue.speaker, "line_speakers": ()}
    return {"speaker": None, "line_speakers": cue.line_speakers if len(cue.line_speakers) == n_lines else ()}


def strip_labels(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """The same without names and dashes in labelled lines, for writers that show speakers in a way of their own."""
    if not any(cue.labelled for cue in cues):
        return tuple(cues)
    bare = [replace(cue, speaker=None, line_speakers=(), italics=(), labelled=False) for cue in cues]
    return split_labels(bare)
