"""espeak-ng (1.51 or later): speech and the times of its words, from the engine's own word and phoneme events.

Every utterance is spoken by a process of its own (`espeak_worker.py`): the library carries its state from one call to
the next, down to the length of the result, and cannot be initialized twice in one process.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from samples.synthesis import RawSpeech, SynthesisError

_WORKER = Path(__file__).with_name("espeak_worker.py")
_NORMAL_WORDS_PER_MINUTE = 175
_PITCH_STEPS_PER_OCTAVE = 70.0  # measured around the middle of espeak-ng's scale of 0 to 99
_INSTALL = "install espeak-ng (Debian and Ubuntu: apt install espeak-ng)"


def version() -> str:
    """The version that speaks here, such as "1.51": another one may pronounce otherwise. Raises SynthesisError."""
    header, _ = _run(_request(["a"], "en-us", rate=1.0, pitch=1.0))
    return str(header["version"])


def available() -> bool:
    """Whether the library can be loaded here."""
    try:
        version()
    except SynthesisError:
        return False
    return True


def speak(words: list[str], voice: str, *, rate: float, pitch: float) -> RawSpeech:
    """Say `words` with `voice` (a language, with a variant after "+"); `rate` and `pitch` are factors on its own.

    The pitch factor is met within a few percent between 0.7 and 1.6.
    """
    header, pcm = _run(_request(words, voice, rate=rate, pitch=pitch))
    rate_hz = int(header["sample_rate_hz"])
    return RawSpeech(np.frombuffer(pcm, dtype=np.int16), rate_hz, _word_times(words, header, rate_hz))


def _request(words: list[str], voice: str, *, rate: float, pitch: float) -> dict[str, Any]:
    return {
        "words": words,
        "voice": voice,
        "words_per_minute": round(_NORMAL_WORDS_PER_MINUTE * rate),
        "pitch": min(99, max(0, round(50 + _PITCH_STEPS_PER_OCTAVE * math.log2(pitch)))),
    }


def _run(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    command = [sys.executable, "-I", str(_WORKER)]
    done = subprocess.run(command, input=json.dumps(request).encode(), capture_output=True, check=False)
    if done.returncode == 2:
        raise SynthesisError(f"espeak-ng is not installed ({done.stderr.decode().strip()}): {_INSTALL}")
    if done.returncode:
        cause = (done.stderr.decode().strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise SynthesisError(f"espeak-ng could not say {' '.join(request['words'])!r} ({cause}): reword it")
    header, _, pcm = done.stdout.partition(b"\n")
    return json.loads(header), pcm


def _word_times(words: list[str], header: dict[str, Any], rate_hz: int) -> tuple[tuple[float, float], ...]:
    """Every word's start and end in seconds.

    espeak-ng marks the start of a word, and of each phoneme and pause; it speaks some pairs ("of the") as one word with
    one mark: those are parted at the phoneme where the second begins.
    """
    starts = _first_marks(words, header["marks"])
    phonemes = [(sample, name) for sample, name in header["phonemes"]]
    groups = [index for index, start in enumerate(starts) if start is not None]
    if not groups or groups[0] != 0:
        raise SynthesisError(f"espeak-ng marked no start of {words[0]!r}: spell it out as it is spoken")
    times: list[tuple[float, float]] = []
    for group, following in pairwise([*groups, len(words)]):
        start = starts[group]
        limit = starts[following] if following < len(words) else math.inf
        inside = [sample for sample, name in phonemes if start <= sample < limit and not name.startswith("_")]
        later = [sample for sample, _ in phonemes if inside and sample > inside[-1]]
        if not later:
            raise SynthesisError(f"espeak-ng does not pronounce {words[group]!r}: spell it out as it is spoken")
        end = min(limit, later[0])
        times += _parted(start, inside, end, header["phoneme_counts"][group:following])
    return tuple((start / rate_hz, end / rate_hz) for start, end in times)


def _first_marks(words: list[str], marks: list[tuple[int, int]]) -> list[Any]:
    """The sample of each word's first mark, None where it has none; a mark is (character from 1, sample)."""
    starts: list[int | None] = []
    first = 1
    for word in words:
        inside = [sample for character, sample in marks if first <= character < first + len(word)]
        starts.append(min(inside, default=None))
        first += len(word) + 1
    return starts


def _parted(start: float, phonemes: list[int], end: float, counts: list[int]) -> list[tuple[float, float]]:
    edges = [start]
    for after in range(1, len(counts)):
        share = sum(counts[:after]) / max(1, sum(counts))
        edges.append(phonemes[min(len(phonemes) - 1, round(share * len(phonemes)))])
    return list(pairwise([*edges, end]))
