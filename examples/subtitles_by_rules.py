#!/usr/bin/env python3
"""Subtitles by the rules of a publisher, and every rule that they still break.

    python examples/subtitles_by_rules.py meeting.json meeting.srt --profile netflix --max-lines 1

The file is checked as viewers see it, names and dashes with the text.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from whisperdiar import Transcript, WriteOptions
from whisperdiar.formats import by_suffix, read_cues
from whisperdiar.options import SubtitleOptions, profile_names
from whisperdiar.subtitles.checking import check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("transcript", type=Path, help="JSON of whisperdiar")
    parser.add_argument("output", type=Path)
    parser.add_argument("--profile", choices=profile_names(), default="netflix")
    parser.add_argument("--max-lines", type=int)
    given = parser.parse_args()

    transcript = Transcript.from_dict(json.loads(given.transcript.read_text(encoding="utf-8")))
    options = WriteOptions(subtitles=SubtitleOptions(profile=given.profile, max_lines=given.max_lines))
    data = by_suffix(given.output).dumps(transcript, options=options)
    given.output.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))

    text = given.output.read_text(encoding="utf-8")
    shown = [cue.lines for cue in read_cues(given.output, text, labels=False)]
    report = check(read_cues(given.output, text), options.rules(transcript.language), shown=shown)
    print(f"{report.cues} cues, at most {report.max_cps:.1f} characters per second")
    for item in report.violations:
        print(f"cue {item.cue} at {item.span.start:.2f} s: {item.rule} {item.value:.2f}, limit {item.limit:g}")


if __name__ == "__main__":
    main()
