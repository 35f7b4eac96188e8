"""Music by rule: scores in several styles, played by FluidSynth or by plain synthesis; scores and modules of people.

Styles, General MIDI programs, soundfonts and ways of synthesis fall into halves that share nothing: ``train`` is
trained on, ``report`` is what figures are made of. ``watch``, by which a network is chosen, has styles of its own and
borrows the sounds of ``train``.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import lfilter

Samples = NDArray[np.float32]
Note = tuple[float, float, int, int, int]
"""Onset (beats), length (beats), pitch (MIDI), velocity, channel."""

RATE_HZ = 16_000
_SMALL = "/usr/share/sounds/sf2/TimGM6mb.sf2"  # Debian: timgm6mb-soundfont
_CHIPS = "/usr/share/sounds/sf2/OPL-3_FM_128M.sf2"  # opl3-soundfont
SOUNDFONTS = {
    "train": (_SMALL, _SMALL, _SMALL, _CHIPS),
    "watch": (_SMALL,),
    "report": ("/usr/share/sounds/sf2/FluidR3_GM.sf2",),  # fluid-soundfont-gm
}
MODULES = (".ahx", ".it", ".mod", ".s3m", ".stm", ".xm")
"""What trackers write: samples and a score in one file."""
SYNTHESIS = "synthesis"
"""Music without a soundfont."""
_DRUMS = 9
_TICKS = 480
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 3, 5, 7, 10))
_LAST_PITCHED = 112  # what follows is percussion and sound effects


def make_track(half: str, seconds: float, rng: np.random.Generator, *, style: str | None = None) -> Samples:
    """A piece of music, float32 (n_samples,) at 16 kHz, whose peak is 0.9.

    Args:
        style: one of `list_styles`; without it a random one of the half.
    """
    if style == SYNTHESIS or (style is None and rng.random() < 0.25):
        sound = _synthesise(half, seconds, rng)
    else:
        styles = [play for play in _STYLES[half] if style is None or _name(play) == style]
        play = styles[rng.integers(len(styles))]
        tempo = float(rng.uniform(60, 170))
        beats = int(seconds * tempo / 60) + 4
        programs = rng.choice(np.arange(1 if half == "report" else 0, _LAST_PITCHED, 2), 4)
        font = SOUNDFONTS[half][rng.integers(len(SOUNDFONTS[half]))]
        sound = _play(_write_midi(play(beats, rng), programs.tolist(), tempo), font, seconds + 8)
    return _finish(sound, half, seconds, rng)


def list_styles(half: str) -> list[str]:
    """The styles of a half, and `SYNTHESIS`."""
    return [*dict.fromkeys(map(_name, _STYLES[half])), SYNTHESIS]


def _name(play: Callable[[int, np.random.Generator], list[Note]]) -> str:
    return play.__name__.removeprefix("_play_").replace("_", " ")


def play_score(path: Path) -> Samples:
    """The first 100 s of a score that is a MIDI file, float32 (n_samples,) at 16 kHz."""
    return _play(path.read_bytes(), _SMALL, 100.0)


def play_module(path: Path) -> Samples:
    """The first 100 s of a tracker's module, played by openmpt123, float32 (n_samples,) at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "sound.wav")
        command = ["openmpt123", "--quiet", "--batch", "--no-float", "--channels", "2", "--samplerate", "16000"]
        return _render([*command, "--end-time", "100", "--output", str(sound), str(path)], sound, 100.0)


def _finish(sound: Samples, half: str, seconds: float, rng: np.random.Generator) -> Samples:
    """So many seconds of it; to train on at another speed, and overdriven at times."""
    n = int(seconds * RATE_HZ)
    if half != "report":
        speed = float(rng.uniform(0.85, 1.18))
        sound = np.interp(np.arange(min(n, int(len(sound) / speed) - 1)) * speed, np.arange(len(sound)), sound)
        if rng.random() < 0.15:
            loud = max(1e-6, float(np.percentile(np.abs(sound), 90)))
            sound = np.tanh(sound / loud * rng.uniform(0.5, 6.0))
    sound = sound[:n]
    return np.asarray(0.9 * sound / max(1e-6, float(np.abs(sound).max(initial=0.0))), dtype=np.float32)


def _scale(rng: np.random.Generator) -> Callable[[int], int]:
    """Degrees of a random key to MIDI pitches; degree 0 is about middle C."""
    key, steps = int(rng.integers(54, 66)), _SCALES[rng.integers(len(_SCALES))]
    return lambda degree: int(np.clip(key + 12 * (degree // len(steps)) + steps[degree % len(steps)], 24, 100))


def _chords(rng: np.random.Generator) -> list[int]:
    return [0, *rng.choice([1, 2, 3, 4, 5], 3).tolist()]


def _melody(beats: int, rng: np.random.Generator, pitch: Callable[[int], int], channel: int) -> list[Note]:
    notes: list[Note] = []
    at, degree = 0.0, 7
    lengths = rng.choice([0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0], 6)
    while at < beats:
        length = float(lengths[rng.integers(len(lengths))])
        degree = int(np.clip(degree + rng.integers(-2, 3), 2, 14))
        if rng.random() < 0.9:
            notes.append((at, length * 0.95, pitch(degree), int(rng.integers(70, 115)), channel))
        at += length
    return notes


def _beat(beats: int, rng: np.random.Generator) -> list[Note]:
    notes: list[Note] = []
    kick, snare, hat = rng.random(8) < 0.35, rng.random(8) < 0.3, rng.random(8) < 0.8
    kick[0] = snare[2] = True
    for step in range(beats * 2):
        for pattern, key in ((kick, 36), (snare, 38), (hat, 42)):
            if pattern[step % 8]:
                notes.append((step / 2, 0.4, key, int(rng.integers(70, 115)), _DRUMS))
    return notes


def _play_band(beats: int, rng: np.random.Generator) -> list[Note]:
    pitch, chords = _scale(rng), _chords(rng)
    notes = _melody(beats, rng, pitch, 0) + _beat(beats, rng)
    for bar in range(0, beats, 4):
        root = chords[(bar // 4) % 4]
        notes += [(bar, 3.9, pitch(root + step), 70, 1) for step in (0, 2, 4)]
        notes += [(bar + at, 0.9, pitch(root) - 24, 90, 2) for at in range(4)]
    return notes


def _play_arpeggios(beats: int, rng: np.random.Generator) -> list[Note]:
    pitch, chords = _scale(rng), _chords(rng)
    order = rng.permutation([0, 2, 4, 7])
    return [
        (step / 4, 0.5, pitch(chords[(step // 16) % 4] + int(order[step % 4])), int(rng.integers(60, 100)), 0)
        for step in range(beats * 4)
    ]


def _play_pads(beats: int, rng: np.random.Generator) -> list[Note]:
    pitch, chords = _scale(rng), _chords(rng)
    return [
        (bar, 7.9, pitch(chords[(bar // 8) % 4] + step) - octave, int(rng.integers(60, 100)), channel)
        for bar in range(0, beats, 8)
        for step, octave, channel in ((0, 12, 1), (2, 0, 0), (4, 0, 0), (8, 0, 2))
    ]


def _play_solo(beats: int, rng: np.random.Generator) -> list[Note]:
    return _melody(beats, rng, _scale(rng), 0)


def _play_drums(beats: int, rng: np.random.Generator) -> list[Note]:
    return _beat(beats, rng)


def _play_waltz(beats: int, rng: np.random.Generator) -> list[Note]:
    pitch, chords = _scale(rng), _chords(rng)
    notes = _melody(beats, rng, pitch, 3)
    for bar in range(0, beats, 3):
        root = chords[(bar // 3) % 4]
        notes.append((bar, 0.9, pitch(root) - 12, 95, 0))
        notes += [(bar + at, 0.6, pitch(root + step), 75, 1) for at in (1, 2) for step in (2, 4)]
    return notes


def _play_canon(beats: int, rng: np.random.Generator) -> list[Note]:
    theme = _melody(beats, rng, _scale(rng), 0)
    return [(at + 4 * voice, n, p - 12 * (voice == 2), v, voice) for voice in range(3) for at, n, p, v, _c in theme]


def _play_walking_bass(beats: int, rng: np.random.Generator) -> list[Note]:
    pitch, chords = _scale(rng), _chords(rng)
    notes: list[Note] = []
    for at in range(beats):
        notes.append((at, 0.9, pitch(chords[(at // 4) % 4] + at % 4) - 24, 95, 0))
        notes += [(at + swing, 0.2, 51, 80, _DRUMS) for swing in ((0.0, 0.66) if at % 2 else (0.0,))]
        if rng.random() < 0.4:
            notes += [(at + 0.66, 0.3, pitch(chords[(at // 4) % 4] + step), 75, 1) for step in (0, 2, 4, 6)]
    return notes


def _play_march(beats: int, rng: np.random.Generator) -> list[Note]:
    notes: list[Note] = []
    rolls = rng.random(16) < 0.6
    for step in range(beats * 4):
        if rolls[step % 16]:
            notes.append((step / 4, 0.2, 40, int(rng.integers(60, 115)), _DRUMS))
        if step % 8 == 0:
            notes.append((step / 4, 0.4, 35, 110, _DRUMS))
    return notes + (_melody(beats, rng, _scale(rng), 2) if rng.random() < 0.6 else [])


def _play_riff(beats: int, rng: np.random.Generator) -> list[Note]:
    """Rock: a riff of fifths, doubled below, with drums."""
    pitch = _scale(rng)
    rhythm = np.cumsum(rng.choice([0.5, 0.5, 1.0, 1.5], 8))
    riff = [(float(at), int(rng.integers(0, 5))) for at in rhythm if at < 8]
    notes = _beat(beats, rng) if rng.random() < 0.7 else []
    for bar in range(0, beats, 8):
        for at, degree in riff:
            low = pitch(degree) - 12
            notes += [(bar + at, 0.45, key, int(rng.integers(85, 120)), 0) for key in (low, low + 7, low + 12)]
            notes.append((bar + at, 0.45, low - 12, 95, 2))
    return notes + (_melody(beats, rng, pitch, 1) if rng.random() < 0.5 else [])


def _play_alberti(beats: int, rng: np.random.Generator) -> list[Note]:
    """A melody over broken chords, as in a sonatina."""
    pitch, chords = _scale(rng), _chords(rng)
    notes = _melody(beats, rng, pitch, 0)
    for step in range(beats * 2):
        degree = chords[(step // 8) % 4] + (0, 4, 2, 4)[step % 4]
        notes.append((step / 2, 0.5, pitch(degree) - 12, int(rng.integers(50, 80)), 0))
    return notes


def _play_strums(beats: int, rng: np.random.Generator) -> list[Note]:
    """Strummed chords, each string a little later than the one before."""
    pitch, chords = _scale(rng), _chords(rng)
    pattern = rng.random(8) < 0.6
    pattern[0] = True
    notes: list[Note] = []
    for step in range(beats * 2):
        if pattern[step % 8]:
            root = chords[(step // 8) % 4]
            keys = [pitch(root + up) - low for up, low in ((0, 12), (4, 12), (0, 0), (2, 0), (4, 0))]
            notes += [(step / 2 + 0.03 * at, 0.7, key, int(rng.integers(60, 100)), 0) for at, key in enumerate(keys)]
    return notes + (_melody(beats, rng, pitch, 1) if rng.random() < 0.5 else [])


def _play_slowly(beats: int, rng: np.random.Generator) -> list[Note]:
    """Ambient: long soft notes that overlap, and now and then a bell."""
    pitch = _scale(rng)
    notes: list[Note] = []
    at = 0.0
    while at < beats:
        notes.append((at, float(rng.uniform(4, 14)), pitch(int(rng.integers(-7, 10))), int(rng.integers(45, 90)), 0))
        if rng.random() < 0.3:
            notes.append((at, 3.0, pitch(int(rng.integers(7, 18))), int(rng.integers(40, 90)), 1))
        at += float(rng.uniform(0.5, 4))
    return notes


def _play_hymn(beats: int, rng: np.random.Generator) -> list[Note]:
    """Four voices in one rhythm."""
    pitch, chords = _scale(rng), _chords(rng)
    notes: list[Note] = []
    for at in range(beats):
        root = chords[(at // 2) % 4] + int(rng.integers(0, 2))
        length = 0.97 if rng.random() < 0.8 else 0.5
        keys = (pitch(root) - 24, pitch(root + 4) - 12, pitch(root + 2), pitch(root + 7))
        notes += [(at, length, key, 85, 0) for key in keys]
    return notes


def _play_ostinato(beats: int, rng: np.random.Generator) -> list[Note]:
    """Short figures that go on and on, each of another length."""
    pitch = _scale(rng)
    notes: list[Note] = []
    for channel in range(3):
        figure = rng.integers(0, 12, int(rng.integers(3, 8))).tolist()
        step = float(rng.choice([0.25, 0.5, 0.75]))
        notes += [
            (at * step, step * 0.9, pitch(figure[at % len(figure)]) - 12 * (channel == 2), 80, channel)
            for at in range(int(beats / step))
        ]
    return notes


_STYLES: dict[str, tuple[Callable[[int, np.random.Generator], list[Note]], ...]] = {
    "train": (
        *(_play_band, _play_band, _play_arpeggios, _play_pads, _play_solo, _play_drums),
        *(_play_riff, _play_alberti, _play_strums, _play_slowly),
    ),
    "watch": (_play_hymn, _play_ostinato),
    "report": (_play_waltz, _play_canon, _play_walking_bass, _play_march),
}


def _play(score: bytes, soundfont: str, seconds: float) -> Samples:
    """The first seconds of what FluidSynth makes of a MIDI file: float32 (n_samples,) at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        written, sound = Path(folder, "score.mid"), Path(folder, "sound.wav")
        written.write_bytes(score)
        command = ["fluidsynth", "-niq", "-g", "0.5", "-r", "16000", "-F", str(sound), soundfont, str(written)]
        return _render(command, sound, seconds)


def _render(command: list[str], sound: Path, seconds: float) -> Samples:
    """The first seconds of the stereo file that a player writes, in mono: float32 (n_samples,)."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _rate, samples = wavfile.read(sound, mmap=True)
    part = samples[: int(seconds * RATE_HZ)].astype(np.float32)
    return np.asarray(part.mean(axis=1) / 32768, dtype=np.float32)


def _write_midi(notes: list[Note], programs: list[int], tempo: float) -> bytes:
    """A Standard MIDI File of format 0."""
    events: list[tuple[int, bytes]] = [(0, b"\xff\x51\x03" + int(60e6 / tempo).to_bytes(3, "big"))]
    events += [(0, bytes((0xC0 | channel, program))) for channel, program in enumerate(programs)]
    for onset, length, pitch, velocity, channel in notes:
        events.append((round(onset * _TICKS), bytes((0x90 | channel, pitch, velocity))))
        events.append((round((onset + length) * _TICKS), bytes((0x80 | channel, pitch, 0))))
    events.sort(key=lambda event: (event[0], event[1][0] >= 0x90))
    track, now = bytearray(), 0
    for at, data in events:
        track += _encode_length(at - now) + data
        now = at
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + (0).to_bytes(2, "big") + (1).to_bytes(2, "big")
    return head + _TICKS.to_bytes(2, "big") + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def _encode_length(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | (value & 0x7F))
    return bytes(reversed(parts))


def _synthesise(half: str, seconds: float, rng: np.random.Generator) -> Samples:
    """Notes without a soundfont: sums of partials and frequency modulation; plucked strings and filtered pulses."""
    tempo = float(rng.uniform(60, 160))
    notes = (_play_arpeggios, _play_pads, _play_solo)[rng.integers(3)](int(seconds * tempo / 60) + 2, rng)
    ways = (_pluck, _filter_pulses) if half == "report" else (_add_partials, _modulate_frequency)
    way = ways[rng.integers(len(ways))]
    sound = np.zeros(int((seconds + 12) * RATE_HZ), dtype=np.float32)
    for onset, length, key, velocity, _channel in notes:
        first = int(onset * 60 / tempo * RATE_HZ)
        hz = 440.0 * 2 ** ((key - 69) / 12)
        tone = way(hz, max(0.08, length * 60 / tempo), rng)[: max(0, len(sound) - first)]
        sound[first : first + len(tone)] += np.float32(velocity / 127) * tone
    return sound


def _fade(tone: NDArray[np.float64]) -> Samples:
    ramp = min(len(tone) // 2, RATE_HZ // 100)
    tone[:ramp] *= np.linspace(0, 1, ramp)
    tone[len(tone) - ramp :] *= np.linspace(1, 0, ramp)
    return np.asarray(tone, dtype=np.float32)


def _add_partials(hz: float, seconds: float, rng: np.random.Generator) -> Samples:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    vibrato = 1 + 0.004 * np.sin(2 * np.pi * rng.uniform(4, 7) * time)
    phase = 2 * np.pi * hz * np.cumsum(vibrato) / RATE_HZ
    numbers = range(1, min(12, int(7600 / hz)) + 1)
    return _fade(np.sum([np.sin(n * phase) / n ** rng.uniform(0.7, 1.6) for n in numbers], axis=0))


def _modulate_frequency(hz: float, seconds: float, rng: np.random.Generator) -> Samples:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    decay = np.exp(-time * rng.uniform(0.5, 5))
    ratio, index = rng.choice([1.0, 1.41, 2.0, 3.0]), rng.uniform(0.5, 4)
    return _fade(decay * np.sin(2 * np.pi * hz * time + index * decay * np.sin(2 * np.pi * hz * ratio * time)))


def _pluck(hz: float, seconds: float, rng: np.random.Generator) -> Samples:
    """A string of Karplus and Strong (1983): noise in a delay line that averages two neighbours."""
    delay = max(2, round(RATE_HZ / hz))
    burst = np.zeros(int(seconds * RATE_HZ))
    burst[: min(delay, len(burst))] = rng.uniform(-1, 1, min(delay, len(burst)))
    feedback = np.zeros(delay + 2)
    feedback[0], feedback[delay], feedback[delay + 1] = 1.0, -0.498, -0.498
    return _fade(lfilter([1.0], feedback, burst))


def _filter_pulses(hz: float, seconds: float, rng: np.random.Generator) -> Samples:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    pulses = np.where((hz * time) % 1 < rng.uniform(0.2, 0.5), 1.0, -1.0)
    pole = rng.uniform(0.6, 0.95)
    return _fade(lfilter([1 - pole], [1, -pole], pulses))
