"""Scenes whose sound classes are known: speech, music, both, noise and silence by turns, as a microphone hears them.

Singing, alone or over music, counts as speech over music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening
from scipy.signal import fftconvolve

from training.sound_classes import channels
from training.sound_classes.music import MODULES, make_track, play_module, play_score
from training.sound_classes.noises import join_recordings, make_noise
from training.sound_classes.singing import sing
from whisperdiar.media import load
from whisperdiar.options import SoundClassOptions
from whisperdiar.sound_classes.grammar import list_runs

Samples = NDArray[np.float32]

RATE_HZ = 16_000
STEP = 320  # samples of a label: 20 ms
UNKNOWN, SILENCE, NOISE, SPEECH, MUSIC, BOTH = -1, 0, 1, 2, 3, 4
_VOICES_OF_REPORT = 2  # every second voice of the pool
_USUAL = {"speech": 3.0, "music": 3.0, "both": 3.0, "noise": 1.5, "silence": 1.0, "singing": 0.7}
_LONELY = {"speech": 1.0, "music": 0.0, "both": 0.0, "noise": 2.0, "silence": 1.0, "singing": 0.0}
_SMALLEST = 2000  # bytes of a file that holds a word
_LONGEST_PAUSE = 24  # labels: pauses below half a second belong to the speech around them


@dataclass(frozen=True, slots=True)
class Pool:
    """What scenes are made of, of one half: lists of float32 (n_samples,) at 16 kHz."""

    half: str
    voices: Sequence[Sequence[Samples]]
    music: Sequence[Samples]
    noise: Sequence[Samples]
    singing: Sequence[Samples] = ()


def read_voices(folder: Path, half: str, *, clips: int = 30) -> list[list[Samples]]:
    """Clips of every second voice in a pool of `benchmarks/conversation_voices.py`."""
    names = sorted(path for path in folder.iterdir() if path.is_dir())
    mine = names[1 if half == "report" else 0 :: _VOICES_OF_REPORT]
    return [[load(path).mono for path in sorted(voice.glob("*.flac"))[:clips]] for voice in mine]


def read_prompts(folders: Sequence[Path], *, clips: int = 60) -> list[list[Samples]]:
    """Clips of one person for each folder, of whatever is in it that holds half a second of sound."""
    voices = []
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".ogg", ".flac", ".opus"))
        chosen = paths[:: max(1, len(paths) // (2 * clips))]
        heard = [load(path).mono for path in chosen if path.stat().st_size > _SMALLEST]
        voices.append([clip for clip in heard if find_activity(clip).sum() >= _LONGEST_PAUSE][:clips])
    return voices


def make_pool(
    half: str,
    *,
    voices: Sequence[Sequence[Samples]],
    recordings: Sequence[Path],
    n_tracks: int,
    rng: np.random.Generator,
    noises: Sequence[Samples] = (),
    n_noises: int | None = None,
    scores: Sequence[Path] = (),
    n_sung: int = 0,
) -> Pool:
    """Music and noise of one half beside its voices.

    Args:
        recordings: files of music, or tracker's modules, of whose first 100 s four stretches of 20 s are taken; to
            train on, at other speeds and of another colour as well.
        n_tracks: pieces of 20 s that are synthesised.
        noises: recordings of noise; with some of them a third of the noise is theirs, or all where none is by rule.
        n_noises: stretches of 20 s of noise by rule.
        scores: MIDI files that are played as recordings are.
        n_sung: stretches of 12 s of singing, made of the voices.
    """
    music = [make_track(half, 20.0, rng) for _track in range(n_tracks)]
    for path in recordings:
        stretches = _take_stretches(play_module(path) if path.suffix.lower() in MODULES else load(path, end=100.0).mono)
        music += stretches if half == "report" else [_play_otherwise(piece, rng) for piece in stretches]
    for path in scores:
        music += _take_stretches(play_score(path))
    flat = [clip for voice in voices for clip in voice]
    wanted = max(24, n_tracks // 3) if n_noises is None else n_noises
    noise = [make_noise(half, 20.0, rng, flat) for _noise in range(wanted)]
    if noises:
        noise += [join_recordings(noises, 20.0, rng) for _noise in range(wanted // 2 or 24)]
    long = [voice for voice in voices if sum(map(len, voice)) > 20 * RATE_HZ]
    singing = [sing(long[rng.integers(len(long))], 12.0, rng) for _stretch in range(n_sung if long else 0)]
    return Pool(half, voices, music, noise, singing)


def _play_otherwise(piece: Samples, rng: np.random.Generator) -> Samples:
    """The same music at most a sixth slower or faster, and higher or lower with it; of another colour at times."""
    speed = float(rng.uniform(0.85, 1.18))
    sound = np.interp(np.arange(int(len(piece) / speed)) * speed, np.arange(len(piece)), piece)
    return channels.colour(sound, rng) if rng.random() < 0.3 else np.asarray(sound, dtype=np.float32)


def _take_stretches(sound: Samples) -> list[Samples]:
    """Four stretches of 20 s whose peaks are 1, without those that are nearly silent."""
    found = []
    for part in range(4):
        first = int((0.05 + 0.2 * part) * len(sound))
        piece = sound[first : first + 20 * RATE_HZ]
        if len(piece) > 3 * RATE_HZ and float(np.sqrt(np.mean(piece**2))) > 1e-3:
            found.append(piece / max(1e-6, float(np.abs(piece).max())))
    return found


def _measure_powers(sound: Samples) -> Samples:
    """Mean square of each whole label."""
    n = len(sound) // STEP
    return np.asarray(np.mean(np.square(sound[: n * STEP].reshape(n, STEP)), axis=1))


def find_activity(clip: Samples) -> NDArray[np.bool_]:
    """Where a clean clip is not silent, by labels; pauses below half a second are filled."""
    level = 10 * np.log10(_measure_powers(clip) + 1e-10)
    active = np.pad(level > level.max(initial=-np.inf) - 40, _LONGEST_PAUSE)
    return np.asarray(binary_closing(active, np.ones(_LONGEST_PAUSE))[_LONGEST_PAUSE:-_LONGEST_PAUSE])


def make_scene(
    pool: Pool,
    rng: np.random.Generator,
    *,
    seconds: float = 60.0,
    ratio_db: tuple[float, float] = (-3.0, 18.0),
    clean: bool = False,
    varied: bool = False,
) -> tuple[Samples, NDArray[np.int8]]:
    """The sound, float32 (n_samples,), and one label per 20 ms.

    Args:
        ratio_db: least and most level of speech over music.
        clean: whether rooms, telephones and background are left out.
        varied: whether it is heard as in `training.sound_classes.channels` besides, and at times a room in which hardly
            anybody speaks; to train on.
    """
    n = int(seconds * RATE_HZ) // STEP
    voice, music = np.zeros(n * STEP, np.float32), np.zeros(n * STEP, np.float32)
    noise = np.zeros(n * STEP, np.float32)
    spoken, played, noisy = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, bool)
    speech_db = float(rng.uniform(-30, -18))
    lonely = varied and rng.random() < 0.15
    at, last = 0, ""
    while at < n:
        often = _LONELY if lonely else _USUAL
        kinds = [kind for kind in often if kind != last and (kind != "singing" or pool.singing)]
        weights = np.array([often[kind] for kind in kinds])
        last = str(rng.choice(kinds, p=weights / weights.sum()))
        length = min(n - at, int(rng.uniform(1.0, 4.0) * 50) if last == "silence" else int(rng.uniform(3, 14) * 50))
        where = slice(at, at + length)
        heard = slice(at * STEP, (at + length) * STEP)
        if last in ("speech", "both"):
            sound, active = _speak(pool, length, rng)
            voice[heard], spoken[where] = _set_level(sound, speech_db + float(rng.uniform(-3, 3))), active
        if last == "singing":
            sung = _cut(pool.singing, length * STEP, rng)
            voice[heard] = _set_level(sung, speech_db + float(rng.uniform(-3, 3)))
            spoken[where] = played[where] = find_activity(sung)
            if rng.random() < 0.7:
                music[heard] = _set_level(_cut(pool.music, length * STEP, rng), speech_db - float(rng.uniform(-6, 12)))
                played[where] = True
        if last in ("music", "both"):
            under = speech_db - float(rng.uniform(*ratio_db)) if last == "both" else float(rng.uniform(-36, -14))
            music[heard] = _set_level(_cut(pool.music, length * STEP, rng), under)
            played[where] = True
        if last == "noise":
            noise[heard] = _set_level(_cut(pool.noise, length * STEP, rng), speech_db - float(rng.uniform(-5, 22)))
            noisy[where] = True
        at += length
    if not clean and rng.random() < 0.35:
        voice = _place_in_room(voice, rng)
    sound = voice + music + noise
    background = rng.random()
    if not clean and (background < 0.35 or lonely):  # noise in the pauses, too
        under = float(rng.uniform(0, 25) if lonely else rng.uniform(12, 30))
        sound = sound + _set_level(_cut(pool.noise, n * STEP, rng), speech_db - under)
        noisy[:] = True
    else:
        sound = sound + rng.normal(size=n * STEP).astype(np.float32) * np.float32(10 ** (rng.uniform(-100, -80) / 20))
    if varied:
        sound = channels.vary(sound, rng)
    elif not clean and rng.random() < 0.2:
        sound = channels.pass_telephone(sound, rng)
    labels = np.where(spoken & played, BOTH, np.where(spoken, SPEECH, np.where(played, MUSIC, UNKNOWN)))
    labels = np.where(labels == UNKNOWN, np.where(noisy, NOISE, SILENCE), labels)
    labels = np.where(~spoken & _find_quiet(sound), SILENCE, labels)
    labels = _join_over_music(labels)
    return np.asarray(sound * rng.uniform(0.3, 1.0), dtype=np.float32), labels.astype(np.int8)


def _find_quiet(sound: Samples) -> NDArray[np.bool_]:
    """Labels that are silent by definition, whatever plays: 40 dB below the loud parts for half a second or more."""
    level = 10 * np.log10(_measure_powers(sound) + 1e-12)
    return np.asarray(binary_opening(level < np.percentile(level, 95) - 40, np.ones(_LONGEST_PAUSE + 1)))


def _join_over_music(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Music that is heard alone in a pause of speech over it, for less than `min_music`, belongs to that speech."""
    shortest = round(SoundClassOptions().min_music * RATE_HZ / STEP)
    joined = labels.copy()
    runs = list_runs(labels)
    for (_from, _to, before), (first, last, kind), (_next, _end, after) in zip(runs, runs[1:], runs[2:], strict=False):
        if kind == MUSIC and last - first < shortest and before == after == BOTH:
            joined[first:last] = BOTH
    return joined


def _speak(pool: Pool, length: int, rng: np.random.Generator) -> tuple[Samples, NDArray[np.bool_]]:
    sound, active = np.zeros(length * STEP, np.float32), np.zeros(length, bool)
    voice = pool.voices[rng.integers(len(pool.voices))]
    at = 0
    while at < length:
        clip = voice[rng.integers(len(voice))]
        if len(clip) > 20 * RATE_HZ:  # a long recording
            first = int(rng.integers(0, len(clip) - 10 * RATE_HZ))
            clip = clip[first : first + int(rng.uniform(4, 10) * RATE_HZ)]
        n = min(length - at, len(clip) // STEP)
        if n:
            active[at : at + n] = find_activity(clip)[:n]
            heard = np.repeat(active[at : at + n], STEP)  # a pause has no noise of its recording's
            sound[at * STEP : (at + n) * STEP] = clip[: n * STEP] * heard
        at += n + int(rng.choice([3, 8, 15, 40], p=[0.3, 0.3, 0.3, 0.1]))
    filled = np.pad(active, _LONGEST_PAUSE)
    return sound, np.asarray(binary_closing(filled, np.ones(_LONGEST_PAUSE))[_LONGEST_PAUSE:-_LONGEST_PAUSE])


def _cut(tracks: Sequence[Samples], n: int, rng: np.random.Generator) -> Samples:
    track = tracks[rng.integers(len(tracks))]
    if len(track) < n:
        track = np.tile(track, n // len(track) + 1)
    first = int(rng.integers(0, len(track) - n + 1))
    piece = track[first : first + n].copy()
    ramp = min(n // 4, int(rng.choice([0.005, 0.05, 0.5]) * RATE_HZ))
    piece[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)
    piece[n - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
    return piece


def _set_level(sound: Samples, level_db: float) -> Samples:
    """The same sound whose loud parts have this level."""
    power = _measure_powers(sound)
    loud = float(np.sqrt(np.percentile(power, 80))) if len(power) else 0.0
    return np.asarray(sound * (10 ** (level_db / 20) / loud) if loud > 1e-6 else sound, dtype=np.float32)


def _place_in_room(sound: Samples, rng: np.random.Generator) -> Samples:
    seconds = float(rng.uniform(0.15, 0.6))
    n = int(seconds * RATE_HZ)
    tail = rng.normal(size=n) * np.exp(-6.9 * np.arange(n) / n)
    tail *= float(rng.uniform(0.1, 0.7)) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], dtype=np.float32)
