"""Recordings of a corpus with their references: what is said, by whom, when, and which part is scored."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.scoring import Utterance
from whisperdiar.formats import rttm
from whisperdiar.types import Span, Turn


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording with what is known of it.

    Attributes:
        said: utterances of the reference in the order of their starts; none where no text is known.
        timed: whether their times are known.
        turns: who speaks when, or None.
        scored: the part of the recording in which `turns` are scored; None for all of it.
    """

    name: str
    path: Path
    kind: str
    language: str
    said: tuple[Utterance, ...] = ()
    timed: bool = False
    turns: tuple[Turn, ...] | None = None
    scored: Span | None = None


def recordings(corpus: Path, patterns: Sequence[str]) -> list[Recording]:
    """What the manifest lists, with references read."""
    listed = json.loads((corpus / "manifest.json").read_text("utf-8"))["recordings"]
    found = []
    for entry in listed:
        if not any(fnmatch(entry["id"], pattern) for pattern in patterns):
            continue
        files = {kind: corpus / name for kind, name in entry["refs"].items()}
        language = re.match(r"[a-z]{2,3}\b", str(entry["language"]).lower())
        own = Recording(
            name=entry["id"],
            path=corpus / entry["file"],
            kind=entry["kind"].partition(":")[0],
            language=language[0] if language else "en",
        )
        if "stm" in files:
            own = replace(own, said=utterances(files["stm"].read_text("utf-8")), timed=True)
        elif "txt" in files:
            text = " ".join(files["txt"].read_text("utf-8").split())
            own = replace(own, said=(Utterance("reference", 0.0, float(entry["duration_s"]), text),))
        if "rttm" in files:
            turns = rttm.loads(files["rttm"].read_text("utf-8"), tolerance=rttm.TOLERANT).turns
            own = replace(own, turns=turns)
        if "uem" in files:
            _, _, start, end = files["uem"].read_text("utf-8").split()[:4]
            own = replace(own, scored=Span(float(start), float(end)))
        found.append(own)
    return found


def utterances(stm: str) -> tuple[Utterance, ...]:
    """The lines of an STM, by start: recording, channel, speaker, start, end, an optional <label>, text."""
    found = []
    for line in stm.splitlines():
        if line.strip() and not line.startswith(";;"):
            _, _, speaker, start, end, text = [*line.split(maxsplit=5), ""][:6]
            found.append(Utterance(speaker, float(start), float(end), re.sub(r"^<[^>]*>\s*", "", text)))
    return tuple(sorted(found, key=lambda own: own.start))
