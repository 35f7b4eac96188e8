"""How long the editor's round trip takes on hours of talk, and what is kept.

python benchmarks/editing.py ../shared/ami [--words 100000]

Meetings are put one after the other until there are enough words. In the text one word of every paragraph is corrected,
deleted, made two, or gets another punctuation, and 5 % of the turns get another name.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.subtitles import meeting
from whisperdiar import Transcript, Turn, editing
from whisperdiar.joining import shift_times


def recording(folder: Path, words: int) -> Transcript:
    """Meetings one after the other, with the segments as turns."""
    segments = []
    end = 0.0
    for path in sorted(folder.glob("*.words.tsv")):
        found = shift_times(meeting(path), end)
        segments += found.segments
        end = found.duration + 5.0
        if sum(len(segment.words) for segment in segments) >= words:
            break
    turns = tuple(Turn(item.span, item.speaker) for item in segments if item.speaker is not None)
    return replace(found, recording_id="meetings", segments=tuple(segments), turns=turns, duration=end)


def edited(text: str, chance: random.Random) -> str:
    """One correction in every paragraph, and another name above a few turns."""
    head, body = text.split("## Text")
    lines = body.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("**"):
            lines[number] = line.replace("**", "**X", 1) if chance.random() < 0.05 else line
        elif line:
            words = line.split(" ")
            at = chance.randrange(len(words))
            words[at] = chance.choice(["corrected", "", "two words", words[at] + "!"])
            lines[number] = " ".join(words)
    return head + "## Text" + "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--words", type=int, default=100_000)
    arguments = parser.parse_args()
    transcript = recording(arguments.folder, arguments.words)
    print(f"{len(transcript.words)} words, {transcript.duration / 3600:.1f} hours")
    begun = time.perf_counter()
    text = editing.write(transcript)
    print(f"write: {time.perf_counter() - begun:.1f} s")
    begun = time.perf_counter()
    same = editing.apply(editing.parse(text, transcript), transcript).transcript is transcript
    print(f"apply without corrections: {time.perf_counter() - begun:.1f} s, {'the same' if same else 'NOT the same'}")
    corrected = edited(text, random.Random(0))
    begun = time.perf_counter()
    found = editing.apply(editing.parse(corrected, transcript), transcript)
    print(f"apply with corrections: {time.perf_counter() - begun:.1f} s, {found.changes}")
    begun = time.perf_counter()
    carried = editing.carry_over(found.transcript, transcript)
    before, after = (sum(word.edited for word in made.words) for made in (found.transcript, carried.transcript))
    print(f"carry over: {time.perf_counter() - begun:.1f} s, {after} of {before} words, {len(carried.notes)} notes")


if __name__ == "__main__":
    main()
