"""The table of docs/accuracy.md: what `whisperdiar bench` measures on a corpus, by kind of recording.

    python benchmarks/accuracy_page.py CORPUS [--json FILE] [--write docs/accuracy.md] [OPTION OF BENCH]...

CORPUS is a manifest, or a folder with a manifest.json. Runs `whisperdiar data` and `whisperdiar bench`, and makes the
table from the JSON that bench writes. Texts are compared as in the paper of Whisper (`--normaliser whisper`). Results
are kept in `--results` (build/accuracy), so that it goes on where it was stopped; recordings without a reference are
left out. The comparisons with other programs below the table are written by benchmarks/end_to_end.py; where their words
and turns give other rates than the table, that is told.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from whisperdiar.cli import run
from whisperdiar.scoring import MEASURES
from whisperdiar.system.files import write_text

BEGIN, END = "<!-- accuracy_page.py: begin -->", "<!-- accuracy_page.py: end -->"
RATES = ("WER", "cpWER", "tcpWER", "WDER", "DER")
PARTS = {"missed": "missed detection", "false": "false alarm", "confused": "confusion"}
COLUMNS = ("recordings", "s", "words", *RATES, *PARTS, "found", "× real")
ALL = "**all, pooled**"
_RESULTS = Path("build/accuracy")


def measure(corpus: Path, results: Path, options: Sequence[str]) -> dict[str, Any]:
    """What bench writes as JSON about a corpus.

    Raises:
        SystemExit: a command failed, which said why.
    """
    manifest, table = results / "manifest.jsonl", results / "bench.json"
    results.mkdir(parents=True, exist_ok=True)
    given = corpus / "manifest.json" if corpus.is_dir() else corpus
    commands = (
        ["data", "manifest", str(given), "-o", str(manifest), "--overwrite"],
        ["bench", str(manifest), "--normaliser", "whisper", "-o", str(table), "--overwrite", *options],
    )
    for command in commands:
        if code := run(command):
            raise SystemExit(code)
    found: dict[str, Any] = json.loads(table.read_text("utf-8"))
    return found


def make_table(cell: Mapping[str, Any]) -> str:
    """Lines of Markdown: how it was run, a row for each kind of recording and one for all, and the versions."""
    recordings = cell["recordings"]
    groups = {kind: [own for own in recordings if own["kind"] == kind] for kind in (own["kind"] for own in recordings)}
    rows = [(kind or "recording", own) for kind, own in groups.items()] if len(groups) > 1 else []
    lines = [
        describe_setup(cell),
        "",
        f"| | {' | '.join(COLUMNS)} |",
        "|---" * (len(COLUMNS) + 1) + "|",
        *(f"| {name} | {' | '.join(make_cells(own))} |" for name, own in [*rows, (ALL, recordings)]),
        "",
        ", ".join(f"{name} {version}" for name, version in cell["versions"].items()) + ".",
    ]
    return "\n".join(lines)


def make_cells(recordings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The values of `COLUMNS`: components are added up before anything is divided."""
    seconds, spent = (sum(own[name] for own in recordings) for name in ("duration", "seconds"))
    sums = {name: add_up(own["components"].get(name) for own in recordings) for name in (*RATES, "speaker count")}
    turns, counts = sums["DER"], sums["speaker count"]
    right = sum(own["components"].get("speaker count", {}).get("error") == 0 for own in recordings)
    return [
        *(f"{len(recordings)}", f"{seconds:.0f}", f"{sums['WER']['length']:.0f}" if sums["WER"] else "–"),
        *(f"{100 * MEASURES[name].rate(sums[name]):.1f}" if sums[name] else "–" for name in RATES),
        *(f"{100 * turns[part] / turns['total']:.1f}" if turns.get("total") else "–" for part in PARTS.values()),
        f"{right} of {counts['files']:.0f}" if counts else "–",
        f"{seconds / spent:.1f}",
    ]


def add_up(parts: Iterable[Mapping[str, float] | None]) -> dict[str, float]:
    total: dict[str, float] = {}
    for own in parts:
        for name, value in (own or {}).items():
            total[name] = total.get(name, 0.0) + value
    return total


def describe_setup(cell: Mapping[str, Any]) -> str:
    """The model and the options, files by their names: where they lie on this machine is nobody's business."""
    settings = cell["settings"]
    options = [f"--vad {settings['vad']}", f"--diarizer {cell['diarizer']}"]
    options += [
        f"--diarizer-option {key}={Path(value).name if '/' in str(value) else value}"
        for key, value in (settings["diarizer_options"] or {}).items()
    ]
    where = f"{settings['device']}, {settings['threads'] or 'all'} threads"
    return f"Model `{Path(cell['model']).name}`, {', '.join(f'`{option}`' for option in options)}; {where}."


def write_between(page: str, text: str, begin: str, end: str) -> str:
    """The page with what stands between two marks replaced.

    Raises:
        ValueError: it does not have both marks, in this order.
    """
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the page has no lines {begin} and {end} to write between")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def find_row(page: str, head: str, name: str) -> dict[str, str]:
    """Column → cell of the first row of that name, in the first table with such a head; or nothing."""
    lines = iter(page.splitlines())
    columns = next((_split(line) for line in lines if line.startswith(f"| {head}".rstrip() + " |")), [])
    rows = (_split(line) for line in lines)
    return dict(zip(columns, next((row for row in rows if row[:1] == [name]), []), strict=False))


def list_differences(page: str) -> list[str]:
    """Rates of the table that those of our own turns among the comparisons do not repeat, one a line."""
    table, compared = find_row(page, "", ALL), find_row(page, "turns, with our words and join", "whisperdiar")
    names = [name for name in (*RATES, *PARTS, "found") if name in table and name in compared]
    return [
        f"{name}: {table[name]} in the table, {compared[name]} in the comparisons"
        for name in names
        if table[name] != compared[name]
    ]


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where results are kept (build/accuracy)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="read what bench wrote there, and run nothing")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table between the marks of a page")
    chosen, options = parser.parse_known_args()
    if chosen.json is not None:
        found = json.loads(chosen.json.read_text("utf-8"))
    else:
        found = measure(chosen.corpus, chosen.results, [*options, "--results", str(chosen.results)])
    table = make_table(found["cells"][0])
    print(table)
    if chosen.write is not None:
        page = write_between(chosen.write.read_text("utf-8"), table, BEGIN, END)
        write_text(chosen.write, page)
        for line in list_differences(page):
            print(f"{line}; run benchmarks/end_to_end.py with --write anew", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
