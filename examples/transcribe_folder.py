#!/usr/bin/env python3
"""Many recordings with models that are loaded once.

    python examples/transcribe_folder.py transcripts/ a.wav b.mp3 c.mkv --model base

Each recording becomes a JSON file, from which `whisperdiar convert` makes any other. One that fails is named and passed
over.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import whisperdiar
from whisperdiar import registry
from whisperdiar.options import WhisperSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--model", default=WhisperSettings().model)
    parser.add_argument("--diarizer", default="onnx")
    given = parser.parse_args()

    pipeline = whisperdiar.Pipeline(
        detector=registry.load("vad", "silero")(),
        transcriber=registry.load("asr", "whisper")(WhisperSettings(model=given.model)),
        diarizer=registry.load("diarization", given.diarizer)(),
    )
    given.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for recording in given.recordings:
        try:
            transcript = pipeline.run(whisperdiar.load(recording))
        except whisperdiar.WhisperdiarError as error:
            print(error, file=sys.stderr)
            failed += 1
            continue
        output = given.folder / f"{Path(recording).stem}.json"
        output.write_text(json.dumps(transcript.to_dict(), ensure_ascii=False), encoding="utf-8")
        print(f"{recording}: {len(transcript.words)} words, {len(transcript.speakers)} speakers")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
