"""What microphones, lines and codecs do to a scene, whatever sounds in it: so they tell nothing about its class."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, fftconvolve, sosfilt

from whisperdiar.people.bandwidth import quantise_mu_law

Samples = NDArray[np.float32]

RATE_HZ = 16_000
_CODECS = (
    ("libmp3lame", "mp3", 16_000),
    ("libmp3lame", "mp3", 32_000),
    ("libopus", "ogg", 12_000),
    ("libopus", "ogg", 24_000),
)


def vary(sound: Samples, rng: np.random.Generator) -> Samples:
    """The scene as it may be heard: across a room, by another microphone, evened out, by telephone, from a codec."""
    if rng.random() < 0.25:
        sound = hear_from_afar(sound, rng)
    if rng.random() < 0.4:
        sound = colour(sound, rng)
    if rng.random() < 0.15:
        sound = even_out(sound, rng)
    if rng.random() < 0.18:
        sound = pass_telephone(sound, rng)
    if rng.random() < 0.15:
        codec, container, bit_rate = _CODECS[rng.integers(len(_CODECS))]
        sound = encode(sound, codec, container, bit_rate)
    return sound


def hear_from_afar(sound: Samples, rng: np.random.Generator) -> Samples:
    """Across a room: echoes that die away in 0.2 to 1.1 s, low ones later, most stronger than what comes straight."""
    n = int(rng.uniform(0.2, 1.1) * RATE_HZ)
    time = np.arange(n) / n
    tail = rng.normal(size=n) * np.exp(-6.9 * time)
    slow = butter(1, rng.uniform(300, 2500), fs=RATE_HZ, output="sos")
    tail = tail * (1 - time) + sosfilt(slow, tail) * time * 3
    tail[: int(0.004 * RATE_HZ)] = 0.0
    straight = 10 ** (rng.uniform(-10, 6) / 20)
    tail *= 1 / max(1e-9, float(np.sqrt(np.sum(tail**2))))
    tail[0] = straight
    return np.asarray(fftconvolve(sound, tail)[: len(sound)] / np.hypot(1, straight), dtype=np.float32)


def colour(sound: Samples, rng: np.random.Generator) -> Samples:
    """Another balance of low and high, as of a microphone that is cheap or covered; the lows cut off at times."""
    n = 1 << 9
    points = np.cumsum(rng.normal(0, 3.0, 9)) + rng.uniform(-2, 2) * np.arange(9)
    gains_db = np.interp(np.log2(np.maximum(np.linspace(0, 8000, n // 2 + 1), 30) / 30), np.linspace(0, 8.1, 9), points)
    filtered = np.fft.irfft(10 ** ((gains_db - gains_db.mean()) / 20))
    response = np.roll(filtered, n // 2) * np.hanning(n)
    heard = fftconvolve(sound, response, mode="same")
    if rng.random() < 0.4:
        heard = sosfilt(butter(2, rng.uniform(60, 250), "highpass", fs=RATE_HZ, output="sos"), heard)
    return np.asarray(heard, dtype=np.float32)


def even_out(sound: Samples, rng: np.random.Generator) -> Samples:
    """Automatic gain: what is soft comes closer to what is loud."""
    power = uniform_filter1d(np.square(sound.astype(np.float64)), int(rng.uniform(0.05, 1.0) * RATE_HZ))
    loud = max(1e-12, float(np.percentile(power, 95)))
    gain = (np.maximum(power, loud * 1e-4) / loud) ** (-rng.uniform(0.1, 0.35))
    return np.asarray(sound * gain, dtype=np.float32)


def pass_telephone(sound: Samples, rng: np.random.Generator) -> Samples:
    """300 to 3400 Hz; half of the time in 8 bits by the mu-law (ITU-T G.711, continuous form)."""
    band = butter(4, [300, 3400], "bandpass", fs=RATE_HZ, output="sos")
    heard = sosfilt(band, sound)
    if rng.random() < 0.5:
        loudest = max(1e-6, float(np.abs(heard).max()))
        heard = sosfilt(band, quantise_mu_law(heard / loudest) * loudest)
    return np.asarray(heard, dtype=np.float32)


def encode(sound: Samples, codec: str, container: str, bit_rate: int) -> Samples:
    """What a codec leaves of it, as long as before."""
    loudest = max(1e-6, float(np.abs(sound).max(initial=0.0)))
    coded = io.BytesIO()
    with av.open(coded, "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE_HZ, layout="mono")
        stream.bit_rate = bit_rate
        whole = (sound * (0.9 / loudest * 32767)).astype(np.int16)
        size = 1 << 14
        for first in range(0, len(whole), size):
            frame = av.AudioFrame.from_ndarray(whole[None, first : first + size], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, first
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    coded.seek(0)
    with av.open(coded) as source:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        parts = [part.to_ndarray()[0] for frame in source.decode(audio=0) for part in resampler.resample(frame)]
    heard = np.concatenate(parts)[: len(sound)] * np.float32(loudest / 0.9)
    return np.pad(heard, (0, len(sound) - len(heard)))
