"""The bank: tens of thousands of spoken sentences as log-mel power, with the times of their words.

    python -m training.whisper_nano.bank FOLDER [--processes 2] [--scale 1.0] [--seed 1] [--without-scripts]

`FOLDER/power.npy` is float16 (n_frames, 80): log10 of the mel power of all utterances, one after another, frames of
10 ms as faster-whisper computes them but before its normalisation, so that windows can be mixed from them.
`FOLDER/index.json` lists the utterances.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from samples.synthesis import SynthesisError, Utterance, Voice, synthesize
from training.whisper_nano.sentences import LANGUAGES, generate, scripts, shuffled_words

N_MELS = 80
FRAME_S = 0.01
FLOOR = -10.0
"""log10 of the least power that faster-whisper knows."""
_HOP = 160
_N_FFT = 400
_COUNTS = {"en": 4200, "ru": 650, "de": 450, "fr": 450}
_MORE_COUNTS = {"en": 2500, "ru": 2400, "de": 1500, "fr": 1500}  # of a bank without scripts
_SHUFFLED = {"en": 700, "ru": 120, "de": 80, "fr": 80}
_MORE_SHUFFLED = {"en": 400, "ru": 400, "de": 250, "fr": 250}
_OWN_VARIANTS = 8  # of a script's sentence in the voice it has in the recording
_OTHER_VARIANTS = 3  # … and in the other voices of its language


@dataclass(frozen=True, slots=True)
class Task:
    """One sentence in one voice; `person` is the cast's name for it, `take` numbers the variants of a sentence."""

    text: str
    language: str
    person: str
    voice: Voice
    take: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An utterance of the bank: frames [first, first + count), and each word's start and end in seconds from there."""

    text: str
    language: str
    person: str
    first: int
    count: int
    starts: tuple[float, ...]
    ends: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Bank:
    """`power`: float16 (n_frames, 80), memory-mapped where it is one file."""

    power: NDArray[np.float16]
    entries: tuple[Entry, ...]


def load(*folders: Path) -> Bank:
    """Open a bank that `main` wrote; several are put together in memory."""
    parts: list[NDArray[np.float16]] = []
    entries: list[Entry] = []
    first = 0
    for folder in folders:
        for item in json.loads((folder / "index.json").read_text(encoding="utf-8")):
            times = {"starts": tuple(item["starts"]), "ends": tuple(item["ends"])}
            entries.append(Entry(**{**item, **times, "first": item["first"] + first}))
        parts.append(np.load(folder / "power.npy", mmap_mode="r"))
        first += len(parts[-1])
    return Bank(parts[0] if len(parts) == 1 else np.concatenate(parts), tuple(entries))


def log_power(utterance: Utterance) -> NDArray[np.float32]:
    """Log10 mel power, float32 (n_frames, 80); frame i is centred at i * 10 ms and silence lies around the speech."""
    n_frames = len(utterance.samples) // _HOP + 2
    padded = np.zeros((n_frames + 3) * _HOP, dtype=np.float32)
    padded[_N_FFT // 2 : _N_FFT // 2 + len(utterance.samples)] = utterance.samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP][:n_frames]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_N_FFT + 1)[:-1], axis=1)))
    mel: NDArray[np.float32] = np.log10(np.maximum(power @ filters().T, 10.0**FLOOR)).astype(np.float32)
    return mel


def cast() -> dict[str, dict[str, Voice]]:
    """Language → person → voice, of everybody who speaks in a sample recording."""
    found: dict[str, dict[str, Voice]] = {language: {} for language in LANGUAGES}
    for script in scripts():
        found[script.language].update({speaker.name: speaker.voice for speaker in script.speakers})
    return found


def plan(*, seed: int, scale: float, with_scripts: bool = True) -> tuple[Task, ...]:
    """What to speak: script sentences in many variants, and template sentences once each.

    Without scripts there are more of the others, for a second bank with another seed.
    """
    random_ = random.Random(seed)
    voices = cast()
    tasks: dict[Task, None] = {}
    for script in scripts() if with_scripts else ():
        for sentence in script.sentences:
            people = voices[script.language]
            for person, voice in people.items():
                variants = _OWN_VARIANTS if person == sentence.speaker else _OTHER_VARIANTS
                for take in range(max(1, round(variants * scale))):
                    spoken = voice if take == 0 else varied(voice, random_)
                    tasks[Task(sentence.text, script.language, person, spoken, take)] = None
    counts, shuffles = (_COUNTS, _SHUFFLED) if with_scripts else (_MORE_COUNTS, _MORE_SHUFFLED)
    for language in LANGUAGES:
        lines = generate(language, round(counts[language] * scale), seed=seed)
        lines += shuffled_words(language, round(shuffles[language] * scale), seed=seed)
        for line in lines:
            person = random_.choice(sorted(voices[language]))
            tasks[Task(line.text, language, person, varied(voices[language][person], random_))] = None
    shuffled = list(tasks)
    random_.shuffle(shuffled)  # so that parts of the work take equally long
    return tuple(shuffled)


def varied(voice: Voice, random_: random.Random) -> Voice:
    """The same person on another day: other rate, pitch and, slightly, other formants."""
    fixed = voice.name == "rms"  # this voice cannot change its pitch by itself
    pitch = 1.0 if fixed else random_.gauss(1.0, 0.035)
    tract = voice.tract * random_.choice((1.0, 1.0, 0.98, 1.02))
    return replace(
        voice,
        rate=voice.rate * min(1.2, max(0.85, random_.gauss(1.0, 0.07))),
        pitch=tract if fixed else voice.pitch * min(1.1, max(0.9, pitch)),
        tract=tract,
    )


def build(folder: Path, tasks: Sequence[Task], *, processes: int) -> int:
    """Speak all tasks and write the bank; returns how many a synthesizer refused."""
    parts: list[NDArray[np.float16]] = []
    entries: list[Entry] = []
    first = refused = 0
    with ProcessPoolExecutor(processes) as pool:
        for number, (task, spoken) in enumerate(zip(tasks, pool.map(_speak, tasks, chunksize=40), strict=True), 1):
            if spoken is None:
                refused += 1
                continue
            power, starts, ends = spoken
            entries.append(Entry(task.text, task.language, task.person, first, len(power), starts, ends))
            parts.append(power)
            first += len(power)
            if number % 1000 == 0:
                print(f"{number} of {len(tasks)} utterances, {first * FRAME_S / 3600:.2f} h", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "power.npy", np.concatenate(parts))
    listed = [asdict(entry) for entry in entries]
    (folder / "index.json").write_text(json.dumps(listed, ensure_ascii=False), encoding="utf-8")
    return refused


def _speak(task: Task) -> tuple[NDArray[np.float16], tuple[float, ...], tuple[float, ...]] | None:
    try:
        utterance = synthesize(task.text, task.voice)
    except SynthesisError:
        return None
    starts = tuple(round(word.start, 3) for word in utterance.words)
    ends = tuple(round(word.end, 3) for word in utterance.words)
    return log_power(utterance).astype(np.float16), starts, ends


@cache
def filters() -> NDArray[np.float32]:
    """The mel filters of faster-whisper, float32 (80, 201)."""
    bands: NDArray[np.float32] = FeatureExtractor(feature_size=N_MELS).mel_filters
    return bands


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Speak the sentences that whisper-nano learns from.")
    parser.add_argument("folder", type=Path, help="where to; about 0.6 GB at scale 1")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the sentences and variants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-scripts", action="store_true", help="only more of the other sentences")
    options = parser.parse_args()
    tasks = plan(seed=options.seed, scale=options.scale, with_scripts=not options.without_scripts)
    refused = build(options.folder, tasks, processes=options.processes)
    print(f"{len(tasks) - refused} utterances; {refused} refused")


if __name__ == "__main__":
    main()
