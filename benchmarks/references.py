"""Recordings of a corpus with their references: what is said, by whom, when, and which part is scored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.scoring import Utterance
from whisperdiar.datasets import read_manifest, read_turns, read_uem
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
    """What a manifest lists (a file, or the ``manifest.json`` of a folder), with references read."""
    found = []
    for entry in read_manifest(corpus / "manifest.json" if corpus.is_dir() else corpus):
        if not any(fnmatch(entry.id, pattern) for pattern in patterns):
            continue
        if entry.turns is None and entry.words is None:
            continue
        own = Recording(entry.id, entry.audio, entry.kind or "recording", entry.language or "en")
        if entry.words is not None and entry.words.suffix == ".txt":
            text = " ".join(entry.words.read_text("utf-8").split())
            own = replace(own, said=(Utterance("reference", 0.0, entry.duration or 0.0, text),))
        elif entry.words is not None:
            own = replace(own, said=utterances(entry.words.read_text("utf-8")), timed=True)
        turns, uem = read_turns(entry), read_uem(entry)
        if turns is not None:
            own = replace(own, turns=turns.turns)
        if uem:
            own = replace(own, scored=Span(uem[0].start, uem[-1].end))
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
