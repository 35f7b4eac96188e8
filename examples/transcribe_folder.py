#!/usr/bin/env python3
"""Many recordings with models that are loaded once.

    python examples/transcribe_folder.py transcripts/ a.wav b.mp3 c.mkv --model base

Each recording becomes a JSON file, from which `whisperdiar convert` makes any other. One that fails is named and passed
over.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import whisperdiar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--model", help="Whisper model; the machine decides without it")
    parser.add_argument("--diarizer", default="auto")
    given = parser.parse_args()

    given.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    with whisperdiar.open_pipeline(model=given.model, diarizer=given.diarizer) as pipeline:
        for recording in given.recordings:
            try:
                transcript = pipeline(recording)
            except whisperdiar.WhisperdiarError as error:
                print(error, file=sys.stderr)
                failed += 1
                continue
            transcript.save(given.folder / f"{Path(recording).stem}.json")
            print(f"{recording}: {len(transcript.words)} words, {len(transcript.speakers)} speakers")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
