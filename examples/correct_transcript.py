#!/usr/bin/env python3
"""A transcript as a text that a person corrects, and the corrected text back into transcript and subtitles.

    python examples/correct_transcript.py talk.json talk.md        # writes the text; correct it in any editor
    python examples/correct_transcript.py talk.json talk.md new.json new.srt      # applies it

Words that stay keep their times. Names of formats come from the suffixes.
"""

from __future__ import annotations

import argparse

import whisperdiar
from whisperdiar import editing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transcript")
    parser.add_argument("text")
    parser.add_argument("outputs", nargs="*")
    given = parser.parse_args()

    transcript = whisperdiar.read(given.transcript)
    if not given.outputs:
        editing.write_file(transcript, given.text)
        print(f"correct {given.text}, then name the files to be written")
        return
    corrected = editing.apply_file(given.text, transcript)
    for path in given.outputs:
        whisperdiar.write(corrected.transcript, path)
    print(corrected.changes)
    for note in corrected.notes:
        print(note)


if __name__ == "__main__":
    main()
