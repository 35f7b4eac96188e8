"""Long recordings: memory over hours, and whether a talk without a pause loses words.

    python benchmarks/long.py memory RECORDING --model FOLDER [--hours 10] [--diarizer bic]
    python benchmarks/long.py talk RECORDING --model FOLDER --reference NAME.words.tsv [--minutes 40]

`memory` says the recording over and over into a FLAC file of that many hours, runs the whole program on it in a process
of its own, and prints the peak of memory that belongs to it alone (RssAnon: what is mapped from a file can be dropped)
and of all that was resident, beside those of a run on the recording itself, which hold the model too.

`talk` joins the stretches of speech in which one person talks to a talk without any pause, over and over until it is
long enough, and compares what whisperdiar loses of it with what plain sequential faster-whisper does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from asr_recordings import Stretched, reference_words
from asr_ways import Word

from whisperdiar import load
from whisperdiar.asr.whisper import Backend
from whisperdiar.options import Runtime, WhisperSettings
from whisperdiar.types import Audio, Span
from whisperdiar.vad.silero import Backend as Silero

sys.path.insert(0, str(Path(__file__).parents[1]))
from training.whisper_nano.scoring import Score, score

_RATE_HZ = 16_000
_CHUNK_WORDS = 400  # scoring is quadratic


def memory(chosen: argparse.Namespace) -> None:
    """Peaks of a short and a long run."""
    audio = load(chosen.recording)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.flac"
        repeats = max(1, round(chosen.hours * 3600 / audio.duration))
        write_repeated(audio, repeats, path)
        for name, source in (("once", chosen.recording), (f"{repeats} times", path)):
            own, all_, seconds = watched(source, chosen, Path(folder) / "out.json")
            print(
                f"{name}: peak {own:.0f} MiB of its own, {all_:.0f} MiB with mapped files, {seconds:.0f} s", flush=True
            )


def write_repeated(audio: Audio, repeats: int, path: Path) -> None:
    """The mono sound `repeats` times, as FLAC."""
    pcm = np.clip(audio.mono * 32767, -32768, 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=_RATE_HZ)
        stream.layout = "mono"
        for _ in range(repeats):
            for first in range(0, pcm.size, _RATE_HZ):
                frame = av.AudioFrame.from_ndarray(pcm[None, first : first + _RATE_HZ], format="s16", layout="mono")
                frame.sample_rate = _RATE_HZ
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def watched(source: Path, chosen: argparse.Namespace, output: Path) -> tuple[float, float, float]:
    """Peaks (MiB) of a run of the program: memory of its own, and all that is resident; and its seconds."""
    command = [sys.executable, "-m", "whisperdiar", str(source), "--model", str(chosen.model), "-q"]
    command += ["--diarizer", chosen.diarizer, "--offline", "--no-cache", "--overwrite", "-o", str(output)]
    began = time.perf_counter()
    process = subprocess.Popen(command)
    own = all_ = 0.0
    while process.poll() is None:
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace").splitlines()
            own = max(own, _kib(status, "RssAnon") / 1024)
            all_ = max(all_, _kib(status, "VmHWM") / 1024)
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"the program ended with code {process.returncode}")
    return own, all_, time.perf_counter() - began


def _kib(status: Sequence[str], field: str) -> float:
    return float(next(line for line in status if line.startswith(f"{field}:")).split()[1])


def talk(chosen: argparse.Namespace) -> None:
    """Words lost by whisperdiar and by sequential faster-whisper."""
    audio, said = without_pauses(load(chosen.recording), chosen.reference, 60 * chosen.minutes)
    print(f"a talk of {audio.duration / 60:.1f} min without a pause, {len(said)} words")
    whisper = Backend(WhisperSettings(model=str(chosen.model)), runtime=Runtime(offline=True))
    whisper.prepare()
    began = time.perf_counter()
    ours = whisper.transcribe(audio, speech=[Span(0.0, audio.duration)], language=chosen.language)
    report("whisperdiar", [Word(w.text, w.start, w.end) for w in ours.words], said, began)
    from faster_whisper import WhisperModel

    plain = WhisperModel(str(chosen.model), device="cpu", compute_type="int8")
    for name, how in (
        ("sequential", {}),
        ("sequential, as batches decode", {"without_timestamps": True, "condition_on_previous_text": False}),
    ):
        began = time.perf_counter()
        segments, _ = plain.transcribe(audio.mono, language=chosen.language, word_timestamps=True, **how)
        report(name, [Word(w.word, w.start, w.end) for s in segments for w in s.words or ()], said, began)


def report(name: str, heard: Sequence[Word], said: Sequence[Word], began: float) -> None:
    """Words found and the error rate, compared stretch by stretch."""
    total = Score(0, 0, ())
    for first in range(0, len(said), _CHUNK_WORDS):
        part = said[first : first + _CHUNK_WORDS]
        low = part[0].start if first else -1.0
        high = said[first + _CHUNK_WORDS].start if first + _CHUNK_WORDS < len(said) else float("inf")
        total += score(part, [word for word in heard if low <= (word.start + word.end) / 2 < high])
    print(
        f"{name}: {len(heard)} words, word error rate {total.word_error_rate:.1%}, {time.perf_counter() - began:.0f} s",
        flush=True,
    )


def without_pauses(audio: Audio, reference: Path, seconds: float) -> tuple[Audio, list[Word]]:
    """Speech of one person at a time, its stretches one right after another until they last for `seconds`."""
    speech = Silero().detect(audio)
    words, crowded = reference_words(reference, Stretched(audio, (), ()))
    parts: list[np.ndarray] = []
    said: list[Word] = []
    at = 0.0
    while at < seconds:
        for span in speech:
            if any(low < span.end and span.start < high for low, high in crowded):
                continue
            parts.append(audio.crop(span).mono)
            said += [
                Word(word.text, word.start - span.start + at, word.end - span.start + at)
                for word in words
                if span.start <= (word.start + word.end) / 2 < span.end
            ]
            at += parts[-1].size / audio.sample_rate
    return Audio(np.concatenate(parts)[None], audio.sample_rate), said


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "talk"])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--diarizer", default="bic")
    parser.add_argument("--language", default="en")
    parser.add_argument("--reference", type=Path, help="words.tsv of the recording, for talk")
    chosen = parser.parse_args()
    if chosen.what == "talk" and chosen.reference is None:
        parser.error("talk needs --reference")
    {"memory": memory, "talk": talk}[chosen.what](chosen)


if __name__ == "__main__":
    main()
