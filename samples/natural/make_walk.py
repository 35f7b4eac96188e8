"""Make the conversation in natural voices again: walk.ogg, and beside it who says what when (RTTM, STM).

    pip install kokoro-onnx
    python samples/natural/make_walk.py VOICES

VOICES is a folder with Kokoro's network `kokoro-int8.onnx` and its voices, `voices.npz` (Kokoro-82M, Apache-2.0), as
for benchmarks/conversations.py. Each turn of script.json is synthesized by itself; pauses follow from a fixed seed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.conversation_voices import open_kokoro  # noqa: E402

NAME = "walk"
KOKORO_HZ, OPUS_HZ = 24_000, 48_000
SPEECH_DB, NOISE_DB, SILENT_DB = -24.0, -62.0, -45.0
"""RMS of each turn and of the noise behind all of them, in dB of full scale; what is quieter at its ends is cut off."""
PAUSE_S = (0.2, 0.55)
EDGE_S = 0.6
BITS_PER_S = 32_000
SEED = 1


def main() -> int:
    """The command; returns the exit status."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    script = json.loads((HERE / "script.json").read_text(encoding="utf-8"))
    kokoro = open_kokoro(Path(sys.argv[1]))
    chance = np.random.default_rng(SEED)
    pieces, turns, at = [], [], EDGE_S
    for speaker, text in script["turns"]:
        voice = script["voices"][speaker]
        sound, rate_hz = kokoro.create(text, voice=voice, speed=1.0, lang="en-gb" if voice[0] == "b" else "en-us")
        if rate_hz != KOKORO_HZ:
            raise SystemExit(f"Kokoro gives {rate_hz} Hz, not {KOKORO_HZ}. To fix this, set KOKORO_HZ.")
        sound = level(trim(np.asarray(sound, np.float64)))
        turns.append((speaker, at, at + sound.size / KOKORO_HZ, text))
        pieces.append((round(at * KOKORO_HZ), sound))
        at = turns[-1][2] + chance.uniform(*PAUSE_S)
    whole = chance.normal(0.0, 10 ** (NOISE_DB / 20), round((turns[-1][2] + EDGE_S) * KOKORO_HZ))
    for first, sound in pieces:
        whole[first : first + sound.size] += sound
    encode(whole, script["title"], HERE / f"{NAME}.ogg")
    lines = [f"{start:.3f} {end - start:.3f} <NA> <NA> {who} <NA> <NA>\n" for who, start, end, _ in turns]
    write(".rttm", "".join(f"SPEAKER {NAME} 1 {line}" for line in lines))
    write(".stm", "".join(f"{NAME} 1 {who} {start:.3f} {end:.3f} <o> {text}\n" for who, start, end, text in turns))
    print(f"{NAME}.ogg: {whole.size / KOKORO_HZ:.1f} s, {(HERE / f'{NAME}.ogg').stat().st_size / 1000:.0f} kB")
    return 0


def trim(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples from the first to the last frame of 10 ms that is not silent."""
    size = KOKORO_HZ // 100
    frames = np.pad(sound, (0, -sound.size % size)).reshape(-1, size)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > 10 ** (SILENT_DB / 20))
    return sound[loud[0] * size : (loud[-1] + 1) * size]


def level(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples at `SPEECH_DB`."""
    return sound * 10 ** (SPEECH_DB / 20) / np.sqrt(np.mean(sound**2))


def encode(samples: NDArray[np.float64], title: str, path: Path) -> None:
    """Opus in Ogg, without version and date: the same samples give the same bytes."""
    wide = np.clip(resample_poly(samples, OPUS_HZ, KOKORO_HZ), -0.99, 0.99).astype(np.float32)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        container.metadata["title"] = title
        stream = container.add_stream("libopus", rate=OPUS_HZ, layout="mono")
        stream.codec_context.format = "flt"
        stream.bit_rate = BITS_PER_S
        for first in range(0, wide.size, 4096):
            frame = av.AudioFrame.from_ndarray(wide[None, first : first + 4096], format="flt", layout="mono")
            frame.sample_rate, frame.pts = OPUS_HZ, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write(suffix: str, text: str) -> None:
    (HERE / f"{NAME}{suffix}").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
