"""Utterances whose speaker and text are known: a pool of synthetic voices that say what people said in meetings.

The voices are those of Kokoro-82M: to speaker networks and to Whisper they are like people. A pool is a folder with one
folder for each voice, and in it 000.flac (mono, 16 kHz, without silence at its ends), 000.txt (what is said) and so on.
Synthesis takes about 0.4 s of one core for a second of sound, so a pool is filled once, continued where it ended, and
drawn from by every conversation. Voices and meetings fall into two halves that share nothing: one to tune on, and one
that is held back for reports.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from training.alignment import held_back
from whisperdiar import load
from whisperdiar.system.files import stage, write_text

RATE_HZ = 16_000
SPLITS = ("tune", "report")
ACCENTS = {"a": "American", "b": "British"}
"""What the first letter of a voice says; every other letter is a foreigner who reads English."""
MOST_WORDS = 25
_WHISPERING = ("af_nicole",)
"""Voices that no meeting has."""
_ALIKE = (frozenset({"hf_alpha", "hf_beta"}), frozenset({"jf_nezumi", "jf_tebukuro"}))
"""Voices that to CAM++ resemble each other (cosine 0.77 and 0.85) about as much as one voice itself (0.77 to 0.93)."""
_PAUSE_S = 0.6  # of one person, at which an utterance ends
_NOD_SPEED = 1.35  # a single word takes the voices half as long again as people who nod with it
_SILENCE_DB = -45.0  # below the loudest frame
_FRAME = RATE_HZ // 100
_FADE = RATE_HZ // 200
_SPOKEN = {"mm-hmm": "uh-huh", "mm": "hmm", "mm-mm": "uh-uh"}
"""What the phonemizer would spell out, and what is said instead."""


class Remark(NamedTuple):
    """What one person says without a long pause: who, from when to when (s), and the words."""

    speaker: str
    start: float
    end: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clip:
    """An utterance of the pool: float32 (n_samples,) at 16 kHz, without silence at its ends."""

    text: str
    samples: NDArray[np.float32]

    @property
    def duration(self) -> float:
        return self.samples.size / RATE_HZ


def distribute_voices(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The voices of each split: of every accent and sex one half, dealt in turn, so that any first dozen has all.

    A name that comes in several languages (santa) is one timbre; the first of them stands for all.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    seen: set[str] = set()
    for name in sorted(names):
        accent, sex, own = name[0], name[1], name.partition("_")[2]
        if own not in seen and name not in _WHISPERING:
            seen.add(own)
            groups.setdefault((ACCENTS.get(accent, "foreign"), sex), []).append(name)
    rng = np.random.default_rng(0)
    halves: dict[str, list[list[str]]] = {split: [] for split in SPLITS}
    for place, key in enumerate(sorted(groups)):
        order = [groups[key][i] for i in rng.permutation(len(groups[key]))]
        for parity, split in enumerate(SPLITS):
            halves[split].append(order[(parity + place) % 2 :: 2])
    return {
        split: tuple(name for name in chain.from_iterable(zip_longest(*columns)) if name)
        for split, columns in halves.items()
    }


def choose_people(names: Sequence[str], n_people: int) -> tuple[str, ...]:
    """The first so many voices of which no two are alike.

    Raises:
        ValueError: there are not so many.
    """
    chosen: list[str] = []
    for name in names:
        if len(chosen) < n_people and not any({name, other} in _ALIKE for other in chosen):
            chosen.append(name)
    if len(chosen) < n_people:
        raise ValueError(f"{n_people} people need as many different voices. To fix this, raise --voices.")
    return tuple(chosen)


def distribute_meetings(speakers: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """The meetings of each split, given who speaks in each.

    Reports are made of those that the alignment's training held back, tuning of the others in which none of their
    people speaks.
    """
    report = tuple(name for name in sorted(speakers) if held_back(name))
    reserved = {speaker for name in report for speaker in speakers[name]}
    tune = tuple(name for name in sorted(speakers) if not held_back(name) and not reserved.intersection(speakers[name]))
    return {"tune": tune, "report": report}


def read_remarks(path: Path) -> tuple[Remark, ...]:
    """The utterances of a meeting (TSV: start, end, speaker, word), in the order of their starts."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        words = sorted((float(row["start"]), float(row["end"]), row["speaker"], row["word"]) for row in rows)
    return gather(words)


def gather(words: Iterable[tuple[float, float, str, str]]) -> tuple[Remark, ...]:
    """Words (start, end, speaker, text) in the order of their starts, as utterances of at most `MOST_WORDS` words."""
    gathered: list[Remark] = []
    latest: dict[str, int] = {}
    for start, end, speaker, text in words:
        place = latest.get(speaker)
        if place is not None:
            own = gathered[place]
            if start - own.end < _PAUSE_S and len(own.words) < MOST_WORDS:
                gathered[place] = own._replace(end=max(own.end, end), words=(*own.words, text))
                continue
        latest[speaker] = len(gathered)
        gathered.append(Remark(speaker, start, end, (text,)))
    return tuple(gathered)


def speakable(words: Sequence[str]) -> str | None:
    """The text of an utterance as it is read out and written down; None where a word is broken off or no word."""
    spoken = []
    for word in words:
        plain = word.replace("_", "")
        bare = plain.rstrip(".,?!")
        if not bare.replace("'", "").replace("-", "").isalpha() or not bare.isascii() or bare[-1] == "-":
            return None
        other = _SPOKEN.get(bare.lower())
        if other is not None:
            plain = (other.capitalize() if bare[0].isupper() else other) + plain[len(bare) :]
        spoken.append(plain)
    return " ".join(spoken)


def choose_texts(texts: Sequence[str], voice: str, n_texts: int) -> list[str]:
    """What a voice says: the lengths of any first few spread over those of all texts, and nothing twice.

    Raises:
        ValueError: there are fewer different texts than asked for.
    """
    ordered = sorted(texts, key=lambda text: (text.count(" "), text))
    if len(set(ordered)) < n_texts:
        raise ValueError(f"the meetings have {len(set(ordered))} different utterances, {n_texts} are asked for")
    rng = np.random.default_rng([1, zlib.crc32(voice.encode())])
    chosen: dict[str, None] = {}
    place = rng.random()
    while len(chosen) < n_texts:
        # Steps of the golden section fall evenly for any number of them.
        place = (place + 0.618034) % 1.0
        n_before, reach = len(chosen), 0.01
        while len(chosen) == n_before:
            # Most one-word utterances are the same few words: the search widens until it finds another.
            near = min(max(place + rng.normal(0.0, reach), 0.0), 1.0)
            chosen.setdefault(ordered[min(int(near * len(ordered)), len(ordered) - 1)])
            reach *= 1.05
    return list(chosen)


def fill(
    pool: Path,
    voices: Path,
    names: Sequence[str],
    texts: Sequence[str],
    n_texts: int,
    say: Callable[[str], None],
) -> None:
    """Synthesizes what the pool lacks of the first `n_texts` utterances of each voice.

    Args:
        voices: a folder with Kokoro's network `kokoro-int8.onnx` and `voices.npz`.

    Raises:
        ModuleNotFoundError: something is lacking, and kokoro-onnx is not installed.
    """
    wanted = {name: choose_texts(texts, name, n_texts) for name in names}
    lacking = [(i, name) for i in range(n_texts) for name in names if not (pool / name / f"{i:03d}.txt").exists()]
    if not lacking:
        return
    kokoro = open_kokoro(voices)
    for done, (i, name) in enumerate(lacking):
        rng = np.random.default_rng([2, zlib.crc32(name.encode()), i])
        pace = 1.0 + 0.15 * np.random.default_rng([3, zlib.crc32(name.encode())]).random()
        language = "en-gb" if name[0] == "b" else "en-us"
        speed = float(pace * rng.uniform(0.95, 1.05) * (1.0 if " " in wanted[name][i] else _NOD_SPEED))
        sound, rate_hz = kokoro.create(wanted[name][i], voice=name, speed=speed, lang=language)
        clip = trim(resample_poly(sound, RATE_HZ, rate_hz).astype(np.float32))
        (pool / name).mkdir(parents=True, exist_ok=True)
        write_flac(pool / name / f"{i:03d}.flac", clip)
        # Last, because it says that the utterance is there.
        write_text(pool / name / f"{i:03d}.txt", wanted[name][i] + "\n")
        if done % 20 == 19:
            say(f"{done + 1} of {len(lacking)} utterances synthesized")


def open_kokoro(voices: Path) -> Any:
    """Kokoro on one core."""
    try:
        from kokoro_onnx import Kokoro
    except ImportError as error:
        raise ModuleNotFoundError(
            "The pool lacks utterances, and kokoro-onnx, which synthesizes them, is not installed. "
            "To fix this, run: pip install kokoro-onnx"
        ) from error
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(voices / "kokoro-int8.onnx"), options, ["CPUExecutionProvider"])
    return Kokoro.from_session(session, str(voices / "voices.npz"))


def frame_levels_db(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Levels of frames of 10 ms, in dB below the loudest: float64 (n_samples / 160, rounded up,)."""
    return decibels(frame_powers(samples))


def frame_powers(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squares of frames of 10 ms: float64 (n_samples / 160, rounded up,)."""
    n_whole = samples.size // _FRAME * _FRAME
    # Sums in double precision without a copy of hours of sound.
    powers = np.einsum("ts,ts->t", *2 * [samples[:n_whole].reshape(-1, _FRAME)], dtype=np.float64)
    rest = float((samples[n_whole:].astype(np.float64) ** 2).sum())
    return np.append(powers, [rest] if n_whole < samples.size else []) / _FRAME


def decibels(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels below the loudest, in dB."""
    # Far below what 16 bit can hold, so that digital silence is silent beside any peak, and beside itself.
    return np.asarray(10 * np.log10(np.maximum(powers, 1e-20) / max(float(powers.max(initial=0.0)), 1e-12)))


def trim(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound without the silence at its ends, faded in and out over 5 ms."""
    loud = np.flatnonzero(frame_levels_db(samples) > _SILENCE_DB)
    if not loud.size:
        return samples[:0]
    kept = samples[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME].copy()
    n_fade = min(_FADE, kept.size // 2)
    ramp = np.linspace(0.0, 1.0, n_fade, endpoint=False, dtype=np.float32)
    kept[:n_fade] *= ramp
    kept[kept.size - n_fade :] *= ramp[::-1]
    return np.asarray(kept)


def read_pool(pool: Path, name: str, n_texts: int) -> list[Clip]:
    """The first `n_texts` utterances of a voice, or as many as the pool holds.

    Raises:
        FileNotFoundError: it holds none.
    """
    clips = []
    for i in range(n_texts):
        if i and not (pool / name / f"{i:03d}.txt").exists():
            break
        text = (pool / name / f"{i:03d}.txt").read_text("utf-8").strip()
        clip = Clip(text, load(pool / name / f"{i:03d}.flac").mono)
        # What cannot be read out (one sigh) gives next to no sound.
        if clip.duration > 0.1:
            clips.append(clip)
    return clips


def write_flac(path: Path, samples: NDArray[np.float32]) -> None:
    """A mono FLAC of 16 bit at 16 kHz, under a temporary name until it is complete."""
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)
    with stage(path) as part, av.open(part, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE_HZ)
        stream.layout = "mono"
        for first in range(0, pcm.size, RATE_HZ):
            frame = av.AudioFrame.from_ndarray(pcm[None, first : first + RATE_HZ], format="s16", layout="mono")
            frame.sample_rate = RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
