"""Whether two checkouts give the same bytes: every command line below runs in both, and what it writes is compared.

    python benchmarks/same_bytes.py BEFORE AFTER

BEFORE and AFTER are folders of whisperdiar's source. Compared are the exit code, standard output, standard error and
all files of each command, but for times and folders. Nothing is fetched. It ends with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
NANO = f"--model {SAMPLES / 'whisper-nano'} --language en --offline"
FAST = f"{NANO} --vad energy --diarizer bic"
MEETING, CALL, VIDEO = SAMPLES / "meeting.ogg", SAMPLES / "call.flac", SAMPLES / "standup.mp4"
FORMATS = (
    *("ass", "audacity", "csv", "csv-words", "ctm", "diarized-json", "docx", "eaf", "html", "json", "lrc", "md", "odt"),
    *("pdf", "pyannote-json", "rttm", "sbv", "seglst", "srt", "stm", "textgrid", "tsv", "tsv-words", "ttml", "txt"),
    *("verbose-json", "vtt", "whisperx-json"),
)
COMMANDS = (
    f"{MEETING} {FAST} -o meeting.json -o meeting.srt",
    f"{VIDEO} {FAST} --end 20 -o standup.json -o standup.html",
    f"{CALL} {NANO} --vad silero --diarizer channels -o call.json -o call.vtt",
    f"{MEETING} {NANO} --vad none --diarizer none --end 10 -o alone.json",
    f"{MEETING} {NANO} --vad energy --diarizer embedding --embedding resemblyzer --speakers 2 --end 30 -o voices.json",
    f"{MEETING} {VIDEO} {FAST} --end 10 -o both/ -f srt,json,rttm",
    *(f"convert meeting.json -f {name} -o made.{name}" for name in FORMATS),
    *(f"convert meeting.json -o - -f srt --profile {name}" for name in ("netflix", "bbc")),
    "convert meeting.json -o - -f vtt --speaker-style label --max-chars 32",
    "convert meeting.srt again.vtt",
    "rename meeting.json SPEAKER_00=Anna -o named.json",
    "edit meeting.json -o edited.txt",
    "apply edited.txt --transcript meeting.json -o applied.json -o applied.srt",
    "check meeting.srt",
    "minutes meeting.json -o minutes.md -o minutes.json",
    "minutes meeting.json -o minutes.html",
    *(
        f"vad {MEETING} --vad {name} -f {form}"
        for name, form in (("energy", "txt"), ("silero", "rttm"), ("none", "json"))
    ),
    *(f"diarize {MEETING} --vad energy --diarizer {name} --end 30" for name in ("bic", "none")),
    f"diarize {CALL} --vad energy --diarizer channels -f json",
    "align meeting.json made.rttm",
    f"score {SAMPLES / 'reference' / 'meeting.rttm'} meeting.json",
    f"score {SAMPLES / 'reference' / 'meeting.stm'} meeting.json --normaliser whisper-basic -o score.json",
    *(f"plot meeting.json -o {kind}.svg --kind {kind}" for kind in ("timeline", "talk")),
    *(
        f"{name} --help"
        for name in ("convert", "rename", "edit", "minutes", "diarize", "vad", "align", "check", "plot", "score")
    ),
    "backends --settings",
    "formats",
    "config",
    "completion bash",
    "--help",
    "missing.wav -o out.srt",
    "convert meeting.json -o out.unknown",
    "convert missing.json -o out.srt",
    f"{MEETING} --diarizer nobody",
    f"{MEETING} {FAST} --start 9999 -o late.srt",
    "align meeting.json missing.rttm",
)
_SHOWN = 300
_TIMES = re.compile(r"\d+\.\d+ s\b|factor \d+\.\d+|\d+:\d\d(:\d\d)?|\d+ MB|\d+\.\d+ GB")


def results(source: Path, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each command line, and what it gave: a name and a hash for its exit code, streams and files."""
    environment = {**os.environ, "PYTHONPATH": str(source), "HF_HUB_OFFLINE": "1", "COLUMNS": "100"}
    environment["WHISPERDIAR_NO_CACHE"] = "1"  # what is compared is computed
    before: dict[str, str] = {}
    for line in COMMANDS:
        command = [sys.executable, "-m", "whisperdiar", *shlex.split(line)]
        done = subprocess.run(command, cwd=folder, capture_output=True, env=environment, check=False)
        streams = {"stdout": done.stdout, "stderr": done.stderr}
        texts = {name: _neutral(data.decode("utf-8", "replace"), source, folder) for name, data in streams.items()}
        after = {str(path.relative_to(folder)): _hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}
        written = {name: value for name, value in after.items() if before.get(name) != value}
        before = after
        yield line, {"exit": str(done.returncode), **texts, **written}


def _neutral(text: str, source: Path, folder: Path) -> str:
    for path, name in ((SAMPLES, "SAMPLES"), (source, "SOURCE"), (folder, "FOLDER")):  # the samples may be of a source
        text = text.replace(str(path), name)
    return _TIMES.sub("N", text)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    differ = 0
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        pairs = zip(
            results(options.before.resolve(), Path(one)), results(options.after.resolve(), Path(other)), strict=True
        )
        for (line, first), (_, second) in pairs:
            changed = [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]
            differ += bool(changed)
            short = line.replace(f"{SAMPLES}/", "")
            print(f"{'DIFFERS' if changed else 'same':<8} {len(first) - 3} files  {short}", flush=True)
            for name in changed:
                print(f"         {name}: {first.get(name, 'nothing')[:_SHOWN]!r}")
                print(f"         {'→':>{len(name)}}  {second.get(name, 'nothing')[:_SHOWN]!r}")
    print(f"{len(COMMANDS) - differ} of {len(COMMANDS)} command lines give the same bytes")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
