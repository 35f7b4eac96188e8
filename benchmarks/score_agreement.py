"""Whether `whisperdiar score` gives what the command lines of other scorers give, to the last digit that they show.

    whisperdiar ../shared/corpus/audio/*.flac … --model base -o out/ -f rttm,stm
    python benchmarks/score_agreement.py ../shared/corpus/manifest.json out/ [--md-eval md-eval-22.pl]

MANIFEST names references (RTTM, STM or plain text, UEM); FOLDER holds the pipeline's RTTM of each recording, and its
STM, without which no words are compared. Every program gets the same files. For turns, with and without a collar and
overlap:

    pyannote-metrics diarization, detection, segmentation     (its --collar is twice as wide)
    md-eval.pl, version 22, and MeetEval's meeteval-der md_eval_22 and dscore around it

and for words, as they are, without any normalisation:

    meeteval-wer wer, cpwer, tcpwer, orcwer or greedy_orcwer, greedy_dicpwer

A number agrees where it rounds to what the other program prints; those that do not are listed. Exits with 1 if a number
differs. md-eval is looked for on PATH as md-eval-22.pl and md-eval.pl; without it what it gives is left out.

    pip install 'pyannote.metrics[cli]' 'meeteval[cli]'      # what their command lines need
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from whisperdiar.datasets import Recording, read_manifest, read_uem

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?$|nan$")
_LABEL = re.compile(r"^(\S+ \S+ \S+ \S+ \S+) <[^>]*>")
_ALL = "all"

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Recording (or `_ALL`) → measure → its components and, as ``rate``, its rate."""
Values = dict[str, dict[str, str]]
"""Recording → what the program calls a number → the number as it is printed."""


@dataclass(frozen=True)
class Sides:
    """The files that every program gets.

    Attributes:
        folder: where the others lie.
        turns, words, texts: reference and hypothesis each; words have speakers and times, texts are one line each.
    """

    folder: Path
    turns: tuple[Path, Path]
    words: tuple[Path, Path]
    texts: tuple[Path, Path]
    uem: Path


@dataclass(frozen=True)
class Difference:
    """A number that does not agree."""

    recording: str
    name: str
    theirs: str
    ours: float


@dataclass(frozen=True)
class Comparison:
    """What one program printed in one setting: how many numbers, and those that are not ours."""

    program: str
    setting: str
    count: int
    differences: tuple[Difference, ...]


def write_sides(recordings: Sequence[Recording], hypotheses: Path, folder: Path) -> Sides:
    """References and hypotheses of all recordings, gathered into a file for each kind."""
    parts: dict[str, list[str]] = {name: [] for name in ("turns0", "turns1", "words0", "words1", "texts0", "texts1")}
    uem = []
    for item in recordings:
        transcript = hypotheses / f"{item.id}.stm"
        heard = _read_lines(transcript) if transcript.exists() else []
        if item.turns is not None:
            parts["turns0"] += _read_lines(item.turns, item.id)
            parts["turns1"] += _read_lines(hypotheses / f"{item.id}.rttm")
            spans = read_uem(item)
            uem += [f"{item.id} 1 {span.start:.3f} {span.end:.3f}" for span in spans or ()]
        if item.words is None or not transcript.exists():
            continue
        if item.words.suffix == ".stm":
            # MeetEval takes the label <o> for a word.
            said = [_LABEL.sub(r"\1", line) for line in _read_lines(item.words, item.id)]
            parts["words0"] += said
            # MeetEval wants an empty utterance of recordings in which nothing is heard.
            parts["words1"] += heard or [f"{item.id} 1 nobody 0.000 0.001"]
            text = " ".join(" ".join(line.split()[5:]) for line in said)
        else:
            text = " ".join(item.words.read_text("utf-8").split())
        for name, line in (("texts0", text), ("texts1", " ".join(" ".join(line.split()[5:]) for line in heard))):
            parts[name].append(f"{item.id} 1 anybody 0.0 {item.duration or 1.0:.3f} {line}".rstrip())
    for name, lines in {**parts, "uem": uem}.items():
        suffix = "uem" if name == "uem" else "rttm" if name.startswith("turns") else "stm"
        (folder / f"{name}.{suffix}").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    turns, words, texts = (
        (folder / f"{name}0.{suffix}", folder / f"{name}1.{suffix}")
        for name, suffix in (("turns", "rttm"), ("words", "stm"), ("texts", "stm"))
    )
    return Sides(folder, turns, words, texts, folder / "uem.uem")


def keep_turns(sides: Sides, recordings: Collection[str], name: str) -> Sides:
    """The same with the turns of some recordings only."""
    made = tuple(sides.folder / f"{name}{number}.rttm" for number in range(2))
    for source, target in zip(sides.turns, made, strict=True):
        lines = [line for line in _read_lines(source) if line.split()[1] in recordings]
        target.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    uem = sides.folder / f"{name}.uem"
    lines = [line for line in _read_lines(sides.uem) if line.split()[0] in recordings]
    uem.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return replace(sides, turns=(made[0], made[1]), uem=uem)


def _read_lines(path: Path, recording: str | None = None) -> list[str]:
    """Lines of a RTTM or STM, of one recording where it is named."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    place = 1 if path.suffix == ".rttm" else 0
    return [
        line for line in lines if not line.startswith(";;") and (recording is None or line.split()[place] == recording)
    ]


def run(command: Sequence[str | Path], **environment: str) -> str:
    """Standard output of a program; its complaints are shown if it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def find_program(name: str) -> str:
    """A script that was installed into this environment, or is on PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed. To fix this, run: pip install 'whisperdiar[score,pyannote]'")
    return found


def score_ours(sides: tuple[Path, Path], *arguments: str | Path) -> dict[str, dict[str, Mapping[str, float]]]:
    """What `whisperdiar score` finds; a recording whose ORC-WER is the greedy one has ``greedy``, too."""
    command = [sys.executable, "-m", "whisperdiar", "score", *sides, "--json", "--quiet", *arguments]
    (score,) = json.loads(run(command))["scores"]
    found = {
        own["recording"]: {name: {**parts, "rate": own["rates"][name]} for name, parts in own["components"].items()}
        for own in score["recordings"]
    }
    found[_ALL] = {name: {**own["components"], "rate": own["value"]} for name, own in score["pooled"].items()}
    notes = {own["recording"]: own["notes"] for own in score["recordings"]}
    for recording, told in notes.items():
        if told:
            found[recording]["greedy"] = {}
    return found


# ——— Turns


def ask_pyannote(sides: Sides, mode: str, names: Sequence[str], *options: str) -> Values:
    """Rows of the table that pyannote-metrics prints; `names` are its columns, empty for what is not compared."""
    config = sides.folder / "database.yml"
    recordings = dict.fromkeys(line.split()[0] for line in sides.uem.read_text("utf-8").splitlines())
    (sides.folder / "recordings.txt").write_text("".join(f"{name}\n" for name in recordings), "utf-8")
    config.write_text(
        "Protocols:\n  Corpus:\n    SpeakerDiarization:\n      Agreement:\n        test:\n"
        f"          uri: recordings.txt\n          annotation: {sides.turns[0].name}\n"
        f"          annotated: {sides.uem.name}\n",
        "utf-8",
    )
    command = [find_program("pyannote-metrics"), mode, *options, "Corpus.SpeakerDiarization.Agreement", sides.turns[1]]
    out = run(command, PYANNOTE_DATABASE_CONFIG=str(config), COLUMNS="400")
    found: Values = {}
    for line in out.splitlines():
        name, *cells = line.split() or [""]
        if name in recordings or name == "TOTAL":
            values = [cell for cell in cells if _NUMBER.match(cell)]
            found[_ALL if name == "TOTAL" else name] = {
                column: value for column, value in zip(names, values, strict=True) if column
            }
    return found


def ask_md_eval(sides: Sides, program: Path, collar: float, *, skip_overlap: bool) -> Values:
    """Seconds and the rate of every recording, as md-eval prints them."""
    arguments = ["-r", sides.turns[0], "-s", sides.turns[1], "-u", sides.uem, "-c", collar, "-af"]
    out = run(["perl", program, *map(str, arguments), *(["-1"] if skip_overlap else [])])
    found: Values = {}
    place: dict[str, str] = {}
    names = {
        "SCORED SPEAKER TIME": "total",
        "MISSED SPEAKER TIME": "missed detection",
        "FALARM SPEAKER TIME": "false alarm",
        "SPEAKER ERROR TIME": "confusion",
        "OVERALL SPEAKER DIARIZATION ERROR": "rate",
    }
    for line in out.splitlines():
        if head := re.search(r"Performance analysis for Speaker Diarization for (\S+)", line):
            place = found.setdefault(_ALL if head[1] == "ALL" else head[1].removeprefix("f="), {})
        title, equals, rest = line.strip().partition(" =")
        if equals and title in names:
            place[names[title]] = rest.split()[0]
    return found


def ask_meeteval_der(sides: Sides, kind: str, program: Path, collar: float, *, skip_overlap: bool) -> Values:
    """The same by meeteval-der, which looks for md-eval-22.pl on PATH."""
    tools = sides.folder / "tools"
    tools.mkdir(exist_ok=True)
    # MeetEval reads what dscore's copy of md-eval prints: the same numbers with all their digits.
    text = program.read_text("utf-8", "surrogateescape")
    (tools / "md-eval-22.pl").write_text(re.sub(r"(TIME =)%10\.2f", r"\1%f", text), "utf-8", "surrogateescape")
    (tools / "md-eval-22.pl").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [find_program("meeteval-der"), kind, "-r", sides.turns[0], "-h", sides.turns[1], "--uem", sides.uem]
    found = _run_meeteval(
        [*command, "--collar", str(collar), *(["--regions", "nooverlap"] if skip_overlap else [])], path
    )
    names = {
        "scored_speaker_time": "total",
        "missed_speaker_time": "missed detection",
        "falarm_speaker_time": "false alarm",
        "speaker_error_time": "confusion",
        "error_rate": "rate",
    }
    return {
        recording: {names[key]: str(own[key]) for key in names if own.get(key) is not None}
        for recording, own in found.items()
    }


def _run_meeteval(command: Sequence[str | Path], path: str | None = None) -> dict[str, Mapping[str, Any]]:
    """What a program of MeetEval writes for each recording and for all."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("all.json", "each.json")]
        run([*command, "--average-out", files[0], "--per-reco-out", files[1]], **({"PATH": path} if path else {}))
        whole, each = (json.loads(file.read_text("utf-8"), parse_float=Decimal) for file in files)
    return {**each, _ALL: whole}


# ——— Words


def ask_meeteval_wer(kind: str, files: tuple[Path, Path], *options: str) -> Values:
    """Counts and rates of each recording."""
    found = _run_meeteval([find_program("meeteval-wer"), kind, "-r", files[0], "-h", files[1], *options])
    return {
        recording: {"errors": str(own["errors"]), "length": str(own["length"]), "rate": str(own["error_rate"])}
        for recording, own in found.items()
    }


# ——— Comparing


def compare(
    program: str,
    setting: str,
    theirs: Values,
    ours: Scores,
    measure: str = "",
    *,
    percent: bool = False,
    only: Sequence[str] | None = None,
) -> Comparison:
    """Every number that a program prints beside ours.

    Args:
        measure: of ours; a name such as ``purity:rate`` has its own.
        percent: whether rates are printed as such.
        only: recordings that count; None for all.
    """
    count, found = 0, []
    for recording, values in theirs.items():
        if only is not None and recording not in only:
            continue
        for name, text in values.items():
            own_measure, _, part = name.rpartition(":")
            value = _look_up(ours[recording][own_measure or measure], part)
            if value is None or text.lower() in ("nan", "none"):
                continue
            value *= 100.0 if percent and part == "rate" else 1.0
            count += 1
            if not rounds_to(value, text):
                found.append(Difference(recording, name, text, value))
    return Comparison(program, setting, count, tuple(found))


def _look_up(parts: Mapping[str, float], name: str) -> float | None:
    if name == "errors":
        return sum(parts[own] for own in ("substitutions", "deletions", "insertions"))
    return parts.get(name)


def rounds_to(value: float, text: str) -> bool:
    """Whether a value is what is printed, to its last digit; a value in the middle may be rounded either way."""
    shown = Decimal(text)
    exponent = shown.as_tuple().exponent
    step = Decimal(1).scaleb(int(exponent)) if int(exponent) > -12 else Decimal("1e-12")
    return abs(Decimal(repr(value)) - shown) <= step / 2 + Decimal("1e-9")


def compare_turns(sides: Sides, md_eval: Path | None) -> Iterator[Comparison]:
    """Each program with each way of scoring."""
    for collar, skip_overlap in ((0.0, False), (0.25, False), (0.0, True), (0.25, True)):
        setting = f"collar {collar:g}{', no overlap' if skip_overlap else ''}"
        flags = ["--skip-overlap"] if skip_overlap else []
        ours = score_ours(sides.turns, "--uem", sides.uem, "--collar", str(collar), *flags)
        wide = [f"--collar={2 * collar}", *flags]
        # Purity and coverage know no collar here, and the table of boundaries none there.
        plain = collar == 0 and not skip_overlap
        shares = ["purity:rate", "coverage:rate"] if plain else ["", ""]
        names = ["rate", *shares, "total", "", "", "false alarm", "", "missed detection", "", "confusion", ""]
        found = ask_pyannote(sides, "diarization", names, *wide)
        yield compare("pyannote-metrics diarization", setting, found, ours, "DER", percent=True)
        names = ["rate", "", "", "", "total", "false alarm", "", "missed detection", ""]
        found = ask_pyannote(sides, "detection", names, *wide)
        yield compare("pyannote-metrics detection", setting, found, ours, "detection", percent=True)
        if plain:
            names = ["", "", "boundary precision:rate", "boundary recall:rate"]
            found = ask_pyannote(sides, "segmentation", names, "--tolerance=0.25")
            yield compare("pyannote-metrics segmentation", "tolerance 0.25", found, ours, percent=True)
        if md_eval is None:
            continue
        # md-eval divides by zero where a collar leaves nothing of a recording; MeetEval wants turns on both sides.
        left = {name for name, own in ours.items() if own["DER"]["total"] > 0}
        kept = keep_turns(sides, left, "left")
        ours = score_ours(kept.turns, "--uem", kept.uem, "--collar", str(collar), *flags)
        found = ask_md_eval(kept, md_eval, collar, skip_overlap=skip_overlap)
        yield compare("md-eval 22", setting, found, ours, "DER", percent=True)
        kept = keep_turns(sides, left & {line.split()[1] for line in _read_lines(sides.turns[1])}, "both")
        ours = score_ours(kept.turns, "--uem", kept.uem, "--collar", str(collar), *flags)
        for kind in ("md_eval_22", "dscore"):
            found = ask_meeteval_der(kept, kind, md_eval, collar, skip_overlap=skip_overlap)
            yield compare(f"meeteval-der {kind}", setting, found, ours, "DER")


def compare_words(sides: Sides) -> Iterator[Comparison]:
    """Each measure of words that MeetEval has."""
    if not sides.texts[0].stat().st_size:
        return
    ours = score_ours(sides.texts, "--normaliser", "none")
    yield compare("meeteval-wer wer", "", ask_meeteval_wer("wer", sides.texts), ours, "WER")
    ours = score_ours(sides.words, "--normaliser", "none")
    for kind, measure, options in (
        ("cpwer", "cpWER", ()),
        ("tcpwer", "tcpWER", ("--collar", "5")),
        ("greedy_dicpwer", "DI-cpWER", ()),
    ):
        found = ask_meeteval_wer(kind, sides.words, *options)
        yield compare(f"meeteval-wer {kind}", " ".join(options), found, ours, measure)
    # The exact one takes hours where the recording is long; there ours, too, is the greedy one, and says so.
    greedy = [name for name, own in ours.items() if "greedy" in own]
    for kind, names in (("orcwer", [name for name in ours if name not in (*greedy, _ALL)]), ("greedy_orcwer", greedy)):
        if names:
            first, second = (
                _choose_lines(path, names, sides.folder / f"{kind}{number}.stm")
                for number, path in enumerate(sides.words)
            )
            found = ask_meeteval_wer(kind, (first, second))
            yield compare(f"meeteval-wer {kind}", "", found, ours, "ORC-WER", only=names)


def _choose_lines(path: Path, recordings: Sequence[str], target: Path) -> Path:
    lines = [line for line in path.read_text("utf-8").splitlines() if line.split()[0] in recordings]
    target.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return target


def main() -> None:
    """Write the files, ask every program, and print what agrees and what does not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--md-eval", type=Path, help="md-eval-22.pl, where it is not on PATH")
    asked = parser.parse_args()
    program = asked.md_eval or next(filter(None, map(shutil.which, ("md-eval-22.pl", "md-eval.pl"))), None)
    recordings = [item for item in read_manifest(asked.manifest) if (asked.folder / f"{item.id}.rttm").exists()]
    if not recordings:
        raise SystemExit(f"{asked.folder}: it holds no RTTM of a recording of {asked.manifest}; run whisperdiar first")
    made: list[Comparison] = []
    with tempfile.TemporaryDirectory() as folder:
        sides = write_sides(recordings, asked.folder, Path(folder))
        print(f"{len(recordings)} recordings\n\n{'program':<32}{'setting':<26}{'numbers':>8}{'equal':>8}")
        for found in (compare_turns(sides, None if program is None else Path(program)), compare_words(sides)):
            for own in found:
                equal = own.count - len(own.differences)
                print(f"{own.program:<32}{own.setting:<26}{own.count:>8}{equal:>8}", flush=True)
                made.append(own)
    if program is None:
        print("\nmd-eval is not on PATH, so it and meeteval-der are left out; name it with --md-eval")
    total, different = sum(own.count for own in made), sum(len(own.differences) for own in made)
    print(f"\n{total - different} of {total} numbers are equal to the last digit shown")
    for own in made:
        for item in own.differences:
            where = f"{own.program}, {own.setting}: {item.recording}, {item.name}"
            print(f"  {where}: {item.theirs}, here {item.ours:.6f}")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
