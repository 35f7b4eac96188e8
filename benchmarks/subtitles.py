"""How many cues break the rules of a publisher, over meetings whose word times are true.

python benchmarks/subtitles.py ../shared/ami [--profile netflix] [--overlap|--no-overlap] [--half 1] [--avoidable]

The words of each speaker become segments (`whisperdiar.segments`), sorted by time; the cues of all meetings are
counted together. A cue is in violation where at least one rule is broken (`whisperdiar.subtitles.checking`); it is
avoidable where another cut of the words would have kept the rule (`check --transcript`). Limits were chosen on half 0
of the meetings, every other one in the order of their names; half 1 shows what they are worth.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from whisperdiar import Cue, Span, Transcript, Word, cues, segments
from whisperdiar.options import profile_names, subtitle_rules
from whisperdiar.subtitles.checking import check
from whisperdiar.subtitles.unavoidable_violations import separate_unavoidable
from whisperdiar.text.graphemes import characters
from whisperdiar.transcript import Speaker

LATE = 0.13
"""Seconds after its speech from which a cue counts as late: three frames of a film."""


def meeting(path: Path) -> Transcript:
    """A meeting's true words as a transcript."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    words: dict[str, list[Word]] = {}
    for row in rows:
        span = Span(float(row["start"]), max(float(row["start"]), float(row["end"])))
        words.setdefault(row["speaker"], []).append(Word(span, " " + row["word"], 1.0, row["speaker"]))
    found = [segment for own in words.values() for segment in segments(sorted(own, key=lambda word: word.start))]
    found.sort(key=lambda segment: segment.span.start)
    duration = max(segment.span.end for segment in found)
    speakers = tuple(Speaker(label, label) for label in words)
    return Transcript(path.name.removesuffix(".words.tsv"), duration, "en", speakers, tuple(found))


def text_lost(transcript: Transcript, made: Iterable[Cue]) -> int:
    """Words of a speaker that are missing, added or out of order in his lines."""
    said: dict[str | None, list[str]] = {}
    for segment in transcript.segments:
        said.setdefault(segment.speaker, []).extend(word.text.strip() for word in segment.words)
    shown: dict[str | None, list[str]] = {}
    for cue in made:
        for number, line in enumerate(cue.lines):
            speaker = cue.line_speakers[number] if cue.line_speakers else cue.speaker
            shown.setdefault(speaker, []).extend(line.split())
    lost = 0
    for speaker in {*said, *shown}:
        ours, theirs = "".join(said.get(speaker, [])).replace(" ", ""), "".join(shown.get(speaker, []))
        lost += ours != theirs and 1 + abs(len(ours) - len(theirs))
    return lost


def late(made: Iterable[Cue]) -> list[float]:
    """Seconds between the beginning of each cue's first words and the cue."""
    return [cue.span.start - cue.timed[0][0].span.start for cue in made]


def measure(paths: Sequence[Path], profile: str, *, overlap: bool | None, style: str, avoidable: bool) -> None:
    """Print what was found for a profile."""
    rules = subtitle_rules(profile, language="en", overlap=overlap)
    style = style if style != "auto" else rules.speaker_style if rules.speaker_style != "auto" else "none"
    counts: Counter[str] = Counter()
    n = bad = blamed = lost = words = dialogues = 0
    delays: list[float] = []
    spent = 0.0
    read = shown = 0.0
    for path in paths:
        transcript = meeting(path)
        begun = time.perf_counter()
        made = cues(transcript, rules=rules, style=style)
        spent += time.perf_counter() - begun
        report = check(made, rules)
        n += len(made)
        bad += len({item.cue for item in report.violations})
        if avoidable:
            blamed += len({item.cue for item in separate_unavoidable(report, made, transcript, rules).violations})
        counts.update({item.cue: item.rule for item in report.violations}.values())
        lost += text_lost(transcript, made)
        words += len(transcript.words)
        dialogues += sum(1 for cue in made if cue.line_speakers)
        delays += late(made)
        read += sum(sum(map(characters, cue.lines)) for cue in made)
        shown += sum(cue.span.duration for cue in made)
    delays.sort()
    behind = sum(1 for delay in delays if delay > LATE)
    print(
        f"{profile:8} {'overlap' if rules.overlap else 'no overlap':10} {n} cues, {100 * bad / n:.2f} % in violation, "
        f"{f'{100 * blamed / n:.2f} % avoidable' if avoidable else 'avoidable or not'} "
        f"({', '.join(f'{name} {100 * count / n:.2f}' for name, count in counts.most_common()) or 'none'}); "
        f"{read / shown:.1f} characters a second; {dialogues} of two people; {lost} of {words} words lost; "
        f"{100 * behind / n:.1f} % begin over {LATE} s late, "
        f"1 % over {delays[int(0.99 * len(delays))]:.2f} s; {spent:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--profile", default="netflix", choices=[*profile_names(), "all"])
    parser.add_argument("--overlap", action=argparse.BooleanOptionalAction, default=None)
    parser.add_argument("--style", default="auto", help="auto: the profile's, otherwise none")
    parser.add_argument("--half", type=int, choices=[0, 1])
    parser.add_argument("--avoidable", action="store_true", help="tell what no cut can avoid apart; takes longer")
    parser.add_argument("--meetings", type=int, default=1000)
    options = parser.parse_args()
    paths = sorted(options.folder.glob("*.words.tsv"))[: options.meetings]
    paths = paths if options.half is None else paths[options.half :: 2]
    if not paths:
        sys.exit(f"{options.folder}: no *.words.tsv in it")
    for profile in profile_names() if options.profile == "all" else [options.profile]:
        measure(paths, profile, overlap=options.overlap, style=options.style, avoidable=options.avoidable)


if __name__ == "__main__":
    main()
