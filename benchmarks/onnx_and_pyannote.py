"""Runs the `onnx` diarizer and pyannote.audio with the same weights, and compares results and times.

    python benchmarks/onnx_and_pyannote.py CORPUS --checkpoint pytorch_model.bin [--only 'sim*'] [--powerset]

CORPUS is a folder as in benchmarks/diarization.py. The segmentation is a checkpoint of pyannote.audio (with --powerset,
the powerset network that follows from it), the embedding a WeSpeakerResNet34 with random convolutions whose last layer
is fitted to the corpus. Both go to pyannote.audio as they are, and to whisperdiar as ONNX files. Prints for every
recording the speakers that pyannote.audio, `onnx` and `onnx` with fast=true find, the diarization error rate of the
latter two against pyannote.audio's own result (no collar, overlap scored), and how many times faster than it they are
(wall clock, --threads of the CPU for each). Last the sums.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from benchmarks.diarization import references
from benchmarks.scoring import score
from tests import onnx_models
from whisperdiar import load
from whisperdiar.diarization.onnx import Backend
from whisperdiar.options import OnnxSettings, Runtime
from whisperdiar.options.onnx import EXACT_THRESHOLD
from whisperdiar.types import ANY_SPEAKERS, Audio, Diarization, Span, SpeakerCount, Turn


def pyannote_turns(pipeline: Any, audio: Audio, speakers: SpeakerCount) -> Diarization:
    sound = torch.from_numpy(np.array(audio.mono))[None]
    found = pipeline(
        {"waveform": sound, "sample_rate": audio.sample_rate, "uri": "x"},
        min_speakers=speakers.minimum,
        max_speakers=speakers.maximum,
    ).speaker_diarization
    clipped = (
        (Span(float(s.start), float(s.end)).clip(0.0, audio.duration), str(label))
        for s, _, label in found.itertracks(yield_label=True)
    )
    return Diarization("x", tuple(Turn(span, label) for span, label in clipped if span is not None)).relabel()


def timed(work: Callable[[], Diarization]) -> tuple[Diarization, float]:
    begun = time.perf_counter()
    found = work()
    return found, time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--powerset", action="store_true")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--threshold", type=float, default=EXACT_THRESHOLD)
    parser.add_argument("--speakers", type=SpeakerCount.parse, default=ANY_SPEAKERS)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(chosen.threads)
    from pyannote.audio import Model

    segmentation = Model.from_pretrained(chosen.checkpoint).eval()
    if chosen.powerset:
        segmentation = onnx_models.powerset_of(segmentation)
    every = references(chosen.corpus, ["*"])
    voices = onnx_models.embedding([load(sound) for _, sound, _ in every])
    pipeline = onnx_models.pyannote_pipeline(segmentation, voices, clustering_threshold=chosen.threshold)
    folder = Path(tempfile.mkdtemp())
    common = {
        "segmentation_model": str(onnx_models.export_segmentation(segmentation, folder / "segmentation.onnx")),
        "embedding_model": str(onnx_models.export_embedding(voices, folder / "embedding.onnx")),
        "segmentation_window": float(segmentation.specifications.duration),
        "clustering_threshold": chosen.threshold,
        "exact": True,
    }
    runtime = Runtime(device="cpu", threads=chosen.threads)
    ours = [Backend(OnnxSettings(fast=fast, **common), runtime=runtime) for fast in (False, True)]
    for backend in ours:
        backend.prepare()
    print(f"{'recording':<26}{'speakers':>12}{'DER %':>8}{'fast':>8}{'s':>9}{'times':>7}{'fast':>7}")
    errors, spent = np.zeros((2, 2)), np.zeros(3)
    for name, path, _ in references(chosen.corpus, chosen.only):
        audio = load(path)
        speech = (Span(0.0, audio.duration),)
        theirs, seconds = timed(lambda audio=audio: pyannote_turns(pipeline, audio, chosen.speakers))
        row, found = [seconds], [theirs]
        for number, backend in enumerate(ours):
            result, taken = timed(lambda b=backend, a=audio, s=speech: b.diarize(a, speech=s, speakers=chosen.speakers))
            parts = score(theirs.turns, result.turns, speech[0]) if theirs.turns else {}
            wrong = sum(value for part, value in parts.items() if part != "total")
            errors[number] += wrong, parts.get("total", 0.0)
            row += [100 * wrong / max(parts.get("total", 0.0), 1e-9)] if theirs.turns else [100.0 * bool(result.turns)]
            row += [taken]
            found.append(result)
        spent += row[0], row[2], row[4]
        counts = "/".join(str(len(item.speakers)) for item in found)
        print(
            f"{name:<26}{counts:>12}{row[1]:>8.3f}{row[3]:>8.2f}{seconds:>9.1f}"
            f"{seconds / row[2]:>7.1f}{seconds / row[4]:>7.1f}",
            flush=True,
        )
    rates = 100 * errors[:, 0] / errors[:, 1]
    print(
        f"{'pooled':<26}{'':>12}{rates[0]:>8.3f}{rates[1]:>8.2f}{spent[0]:>9.1f}"
        f"{spent[0] / spent[1]:>7.1f}{spent[0] / spent[2]:>7.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
