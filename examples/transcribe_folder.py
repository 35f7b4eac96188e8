#!/usr/bin/env python3
"""Many recordings with models that are loaded once.

    python examples/transcribe_folder.py transcripts/ a.wav b.mp3 c.mkv --model base --formats json,srt

Each recording becomes a JSON file, from which `whisperdiar convert` makes any other. One that fails is named and passed
over; one whose files are there already is left as it is, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys

import whisperdiar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--formats", default="json")
    parser.add_argument("--model", help="Whisper model; the machine decides without it")
    parser.add_argument("--diarizer", default="auto")
    given = parser.parse_args()

    failed = 0
    with whisperdiar.open_pipeline(model=given.model, diarizer=given.diarizer, load_now=False) as pipeline:
        for result in pipeline.transcribe_files(given.recordings, given.folder, formats=given.formats.split(",")):
            print(result.summary(), file=sys.stdout if result.ok else sys.stderr)
            failed += not result.ok
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
