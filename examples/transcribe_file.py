#!/usr/bin/env python3
"""Who said what, when, in one recording.

    python examples/transcribe_file.py meeting.mp4 meeting.srt --model base --speakers 2-5

The suffix of the second file chooses the format: .srt, .vtt, .json, .rttm, .txt and more.
"""

from __future__ import annotations

import argparse
import sys

import whisperdiar


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording")
    parser.add_argument("output")
    parser.add_argument("--model", help="Whisper model; the machine decides without it")
    parser.add_argument("--language", help="ISO 639-1 code; detected without it")
    parser.add_argument("--speakers", help="a number, or a range such as 2-5")
    parser.add_argument("--diarizer", default="auto")
    given = parser.parse_args()

    transcript = whisperdiar.transcribe(
        given.recording,
        model=given.model,
        language=given.language,
        speakers=given.speakers,
        diarizer=given.diarizer,
        notify=lambda sentence: print(f"note: {sentence}", file=sys.stderr),
    )
    for segment in transcript.segments:
        print(f"{segment.span.start:7.2f}  {transcript.name(segment.speaker)}: {segment.text}")

    whisperdiar.write(transcript, given.output)


if __name__ == "__main__":
    main()
