"""Runs the main command over a folder of recordings and reads every output back with independent readers.

    python benchmarks/corpus.py RECORDING... --out FOLDER [-- OPTIONS OF whisperdiar]

SRT is read by the srt package and by FFmpeg, WebVTT by webvtt-py and by FFmpeg, RTTM by pyannote.database (where
it is installed), JSON by jsonschema against the shipped schema. Prints a line for each recording and exits 1 if
anything failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import av
import jsonschema
import srt
import webvtt

from whisperdiar.cli import run
from whisperdiar.formats import json as transcript_json

FORMATS = ("srt", "vtt", "rttm", "json", "txt", "pyannote-json")


def ffmpeg_cues(path: Path) -> int:
    """How many cues FFmpeg's own parser finds."""
    if not path.stat().st_size:
        return 0
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(subtitles=0) if packet.size)


def rttm_turns(path: Path) -> int:
    """How many turns pyannote.database finds (its absence is no failure)."""
    try:
        from pyannote.database.util import load_rttm
    except ImportError:
        return sum(1 for line in path.read_text("utf-8").splitlines() if line)
    return sum(len(list(annotation.itertracks())) for annotation in load_rttm(str(path)).values())


def check(folder: Path, name: str) -> str:
    """Reads what was written for one recording; returns a line of figures or raises."""
    data = json.loads((folder / f"{name}.json").read_text("utf-8"))
    jsonschema.validate(data, transcript_json.schema())
    cues = list(srt.parse((folder / f"{name}.srt").read_text("utf-8")))
    captions = list(webvtt.read(str(folder / f"{name}.vtt")).captions)
    # A name takes room in SRT and none in WebVTT, so the two may be cut differently.
    assert len(cues) == ffmpeg_cues(folder / f"{name}.srt"), "FFmpeg reads another number of SRT cues"
    assert len(captions) == ffmpeg_cues(folder / f"{name}.vtt"), "FFmpeg reads another number of WebVTT cues"
    captioned = " ".join(caption.text for caption in captions).split()
    turns = rttm_turns(folder / f"{name}.rttm")
    assert turns == len(data["turns"]), f"{turns} turns in the RTTM, {len(data['turns'])} in the JSON"
    service = json.loads((folder / f"{name}.pyannote.json").read_text("utf-8"))
    assert len(service["diarization"]) == len(data["turns"])
    words = [word["text"].strip() for segment in data["segments"] for word in segment["words"]]
    text = (folder / f"{name}.txt").read_text("utf-8")
    assert all(word in text for word in words)
    shown = " ".join(cue.content.replace("\n", " ").split(": ", 1)[-1] for cue in cues).split()
    assert sorted(shown) == sorted(" ".join(words).split()), "the SRT holds other words than the transcript"
    assert sorted(captioned) == sorted(shown), "the WebVTT holds other words than the SRT"
    return f"{data['duration']:7.1f} s {len(data['speakers'])} speakers {len(words):4d} words {len(cues):3d} cues"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    own, options = sys.argv[1:], []
    if "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = parser.parse_args(own)
    begun = time.perf_counter()
    recordings = [str(path) for path in arguments.recordings]
    code = run([*recordings, "-o", f"{arguments.out}/", "-f", ",".join(FORMATS), "--overwrite", "--no-cache", *options])
    failed = code != 0
    for path in arguments.recordings:
        try:
            print(f"{path.name:<32} {check(arguments.out, path.stem)}")
        except Exception as error:  # a benchmark goes through all of them
            failed = True
            print(f"{path.name:<32} FAILED: {type(error).__name__}: {error}")
    print(f"{len(recordings)} recordings, exit code {code}, {time.perf_counter() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
