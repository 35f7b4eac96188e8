#!/usr/bin/env python3
"""Words of one program and turns of another, joined: who said each word.

    python examples/join_words_and_turns.py words.tsv turns.rttm joined.vtt

words.tsv has a header and the columns start, end (seconds) and word; further columns are passed over. Words whose
speaker is doubtful are listed at the end.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from whisperdiar import Span, Transcript, Word, WriteOptions, align, segments, uncertain_words
from whisperdiar.formats import by_suffix, rttm
from whisperdiar.options import RttmTolerance
from whisperdiar.transcript import Speaker


def read_words(path: str) -> list[Word]:
    """The words of a table; a text begins with a space, since the words of a segment are joined without one."""
    with Path(path).open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t")
        return [Word(Span(float(row["start"]), float(row["end"])), f" {row['word']}") for row in rows]


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    words_path, turns_path, output = sys.argv[1:]
    turns = rttm.loads(Path(turns_path).read_text(encoding="utf-8"), tolerance=RttmTolerance(comments=True)).turns
    words = align(read_words(words_path), turns)
    labels = dict.fromkeys(turn.speaker for turn in turns)
    transcript = Transcript(
        recording_id=Path(words_path).name.partition(".")[0],
        duration=max([word.end for word in words] + [turn.end for turn in turns], default=0.0),
        speakers=tuple(Speaker(label, label) for label in labels),
        segments=segments(words),
        turns=tuple(turns),
        uncertain=uncertain_words(words),
    )
    data = by_suffix(output).dumps(transcript, options=WriteOptions())
    Path(output).write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    for item in transcript.uncertain:
        print(
            f"{item.span.start:7.2f}  {words[item.word_index].text.strip()}: {item.speaker} or {item.second_speaker}?"
        )


if __name__ == "__main__":
    main()
