"""Meetings with the words that people's minutes rest on.

For each meeting ``NAME.words.tsv`` (start, end, speaker, word) and ``NAME.minutes.json``: ``extractive`` is a list of
evidence, ``sections`` has items with ``evidence`` each; evidence is ``{start, end, speaker, text}``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.minutes.language import language
from whisperdiar.minutes.units import Utterance, utterances
from whisperdiar.segmentation import segments
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Span, Word

Marks = NDArray[np.bool_]

_SECTIONS = {
    "outcomes": ("decisions", "actions"),
    "decisions": ("decisions",),
    "actions": ("actions",),
    "questions": ("problems",),
}
_SPELLED = re.compile(r"\b(?:[A-Za-z]_)+(?:[A-Za-z]\b)?")
_MARKS = re.compile(r"[.,?!;:]+$")
_HALF_MILLISECOND = 0.0005


@dataclass(frozen=True)
class Meeting:
    """One meeting.

    Attributes:
        name: such as ES2002a.
        transcript: its words with their speakers.
        chosen: target → whether each word of the transcript is evidence.
        notes: the people's minutes as they are.
    """

    name: str
    transcript: Transcript
    chosen: Mapping[str, Marks]
    notes: Mapping[str, Any]

    @property
    def series(self) -> str:
        """Meetings of one group of people about one project: ES2002a to ES2002d."""
        return self.name[:6]

    def unpunctuated(self) -> Meeting:
        """The same as a recogniser without punctuation and capitals would write it."""
        words = [
            replace(word, text=" " + (_MARKS.sub("", word.text.strip()).lower() or "-"))
            for word in self.transcript.words
        ]
        return replace(self, transcript=replace(self.transcript, segments=segments(words)))


def meetings(folder: Path) -> list[Meeting]:
    """All meetings with minutes, by name."""
    return [_meeting(path) for path in sorted(folder.glob("*.minutes.json"))]


def words_per_utterance(items: Iterable[Utterance], marks: Marks) -> NDArray[np.float64]:
    """(n_utterances,): how many words of each are marked."""
    return np.array([marks[list(item.indices)].sum() for item in items], dtype=np.float64)


def units(meeting: Meeting) -> tuple[Utterance, ...]:
    """Its utterances."""
    english = language("en")
    return utterances(meeting.transcript, english.data["connectives"], english.starters)


def transcript_of(path: Path) -> Transcript:
    """A transcript from a ``words.tsv``; letters that are spelled out (``T_V_``) are joined."""
    name = path.name.partition(".")[0]
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    words = [
        Word(
            Span(float(row["start"]), float(row["end"])),
            " " + _SPELLED.sub(lambda found: found.group(0).replace("_", ""), row["word"]),
            speaker=row["speaker"],
        )
        for row in rows
    ]
    labels = dict.fromkeys(word.speaker or "" for word in words)
    return Transcript(
        recording_id=name,
        duration=max((word.end for word in words), default=0.0),
        language="en",
        speakers=tuple(Speaker(label, label) for label in labels),
        segments=segments(words),
    )


def _meeting(path: Path) -> Meeting:
    name = path.name.partition(".")[0]
    notes = json.loads(path.read_text(encoding="utf-8"))
    transcript = transcript_of(path.with_name(f"{name}.words.tsv"))
    marks = {"summary": _marks(transcript, notes["extractive"])}
    for target, sections in _SECTIONS.items():
        items = [item for section in sections for item in notes["sections"].get(section, ())]
        marks[target] = _marks(transcript, [quote for item in items for quote in item["evidence"]])
    return Meeting(name, transcript, marks, notes)


def _marks(transcript: Transcript, evidence: Iterable[Mapping[str, Any]]) -> Marks:
    """Words of the quoted speaker that begin inside a quote."""
    words = transcript.words
    starts = np.array([word.start for word in words]) + _HALF_MILLISECOND
    speakers = np.array([word.speaker or "" for word in words])
    marks = np.zeros(len(words), dtype=bool)
    for quote in evidence:
        marks |= (starts >= quote["start"]) & (starts < quote["end"]) & (speakers == quote["speaker"])
    return marks
