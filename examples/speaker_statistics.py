#!/usr/bin/env python3
"""How much each speaker talks, as a table for a spreadsheet.

    python examples/speaker_statistics.py a.json b.rttm … > talk.csv

Transcripts of whisperdiar, RTTM and any other format that reads back; one row for each speaker of each file. Times are
seconds.
"""

from __future__ import annotations

import csv
import dataclasses
import sys
from pathlib import Path

from whisperdiar import SpeakerStatistics, talk_statistics
from whisperdiar.formats import by_suffix


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    columns = [field.name for field in dataclasses.fields(SpeakerStatistics)]
    table = csv.DictWriter(sys.stdout, ["recording", *columns], lineterminator="\n")
    table.writeheader()
    for path in map(Path, sys.argv[1:]):
        form = by_suffix(path)
        if form.read is None:
            sys.exit(f"{path}: {form.name} cannot be read back")
        transcript = form.read(path.read_text(encoding="utf-8"))
        for person in talk_statistics(transcript).speakers:
            longest = person.longest_turn.duration if person.longest_turn else 0.0
            row = {**dataclasses.asdict(person), "longest_turn": longest}
            rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
            table.writerow({"recording": transcript.recording_id, **rounded})


if __name__ == "__main__":
    main()
