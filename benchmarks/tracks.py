"""Measures recordings of a track per person: how well clocks are matched, and what the words are worth.

    python benchmarks/tracks.py POOL AMI OUT [--first 0] [--count 20] [--seconds 60] [--seed 1] [--model base]
                                [--ways clocks,tracks,channels,mixed]

POOL is a folder of utterances as `conversations.py` makes it, AMI one with the words of meetings, by which the turns of
conversations are placed. OUT gets one folder for each conversation, and in it

    1-af_bella.flac …   a track per person, as recorders make them that were started by hand: begins up to 3 s late,
                        its clock is up to 50 ppm fast or slow, so that two differ by up to 100; its microphone hears
                        the others 20 to 35 dB fainter than they hear themselves, through a room and up to 10 ms later,
                        over noise 35 to 55 dB below the voice
    together.flac       the same sound as channels of one file, on one clock
    mixed.flac          their sum
    said.stm, truth.json   what is said, and how the clocks differ
    tracks.json …       what was recognised each way

and prints for each way the word error rate by speakers (cpWER, MeetEval; pooled over conversations):

    clocks    nothing is recognised: the errors of start and drift alone
    tracks    the tracks, by `transcribe_tracks`
    channels  together.flac, by --diarizer channels
    mixed     mixed.flac, by the default diarizer
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve, resample_poly

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from conversation_sound import impulse_response, noise, speech_power
from conversation_voices import RATE_HZ, Clip, distribute_voices, read_pool, read_remarks, write_flac
from conversations import Plan, converse

from benchmarks.references import utterances
from benchmarks.scoring import Errors, Utterance, normaliser, speaker_errors
from whisperdiar import Transcript, open_pipeline
from whisperdiar.recordings import read_source
from whisperdiar.system.files import stage, write_text
from whisperdiar.tracks import Tracks

WAYS = ("clocks", "tracks", "channels", "mixed")
_PEOPLE = (2, 3, 2, 4)
_LATEST_S, _DRIFT = 3.0, 50e-6
_BLEED_DB, _NOISE_DB = (-35.0, -20.0), (-55.0, -35.0)
_FINER = 4  # times the sampling rate, at which a clock's samples are taken from the sound


def hear(
    voices: Sequence[NDArray[np.float32]], rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[list[float]]]:
    """What each person's microphone hears of all: float32 (n_people, n_samples), and how loud the others are in dB."""
    n_people, n_samples = len(voices), len(voices[0])
    heard = np.stack(voices)
    bleed = [[0.0] * n_people for _each in range(n_people)]
    for listener in range(n_people):
        for speaker in range(n_people):
            if speaker == listener:
                continue
            bleed[listener][speaker] = float(rng.uniform(*_BLEED_DB))
            room = impulse_response(rng.uniform(0.2, 0.5), rng.uniform(-3.0, 6.0), rng)
            late = round(rng.uniform(0.002, 0.01) * RATE_HZ)
            spoken = oaconvolve(voices[speaker], room)[: n_samples - late]
            level = np.sqrt(speech_power(voices[speaker]) / max(speech_power(spoken.astype(np.float32)), 1e-12))
            heard[listener, late:] += np.float32(level * 10 ** (bleed[listener][speaker] / 20)) * spoken
        power = np.sqrt(speech_power(voices[listener]))
        hiss = noise("stationary", n_samples, [], rng)
        heard[listener] += np.float32(power * 10 ** (rng.uniform(*_NOISE_DB) / 20)) * hiss
    return heard, bleed


def record(sound: NDArray[np.float32], start: float, drift: float) -> NDArray[np.float32]:
    """The sound as a recorder takes it that starts late and whose clock drifts: t lies at start + (1 + drift) t."""
    fine = resample_poly(sound, _FINER, 1)
    n_samples = int((len(sound) / RATE_HZ - start) / (1 + drift) * RATE_HZ)
    places = (start * RATE_HZ + (1 + drift) * np.arange(n_samples)) * _FINER
    return np.interp(places, np.arange(len(fine)), fine).astype(np.float32)


def build(folder: Path, place: int, pool: dict[str, Sequence[Clip]], ami: Path, seconds: float, seed: int) -> None:
    """One conversation; what tells of it is written last."""
    rng = np.random.default_rng([seed, 7, place])
    n_people = _PEOPLE[place % len(_PEOPLE)]
    names = [list(pool)[i] for i in rng.permutation(len(pool))[:n_people]]
    meetings = sorted(ami.glob("*.words.tsv"))
    remarks = read_remarks(meetings[int(rng.integers(len(meetings)))])
    wanted = Plan(place, n_people, False, seconds, "few")
    placed = converse(wanted, remarks, [pool[name] for name in names], rng)
    duration = max(own.end for own in placed) + 4.0
    voices = [np.zeros(round(duration * RATE_HZ), np.float32) for _name in names]
    for own in placed:
        first = round((own.start + 3.2) * RATE_HZ)  # behind the latest start, so that nobody loses words
        clip = own.clip.samples[: len(voices[own.person]) - first]
        voices[own.person][first : first + len(clip)] += clip
    for voice in voices:
        voice *= np.float32(10 ** ((-26.0 + rng.uniform(-5.0, 5.0)) / 20) / np.sqrt(speech_power(voice)))
    heard, bleed = hear(voices, rng)
    heard *= np.float32(min(1.0, 0.9 / np.abs(heard).max()))
    starts = rng.uniform(0.0, _LATEST_S, n_people)
    drifts = rng.uniform(-_DRIFT, _DRIFT, n_people)
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        write_flac(folder / f"{number + 1}-{name}.flac", record(heard[number], starts[number], drifts[number]))
    _write_channels(folder / "together.flac", heard)
    mixed = heard.sum(axis=0)
    write_flac(folder / "mixed.flac", mixed * np.float32(min(1.0, 0.9 / np.abs(mixed).max())))
    lines = [
        f"talk 1 {names[own.person]} {own.start + 3.2:.3f} {own.end + 3.2:.3f} {own.clip.text}\n"
        for own in sorted(placed, key=lambda own: own.start)
    ]
    write_text(folder / "said.stm", "".join(lines))
    truth = {"names": names, "starts": starts.tolist(), "drifts": drifts.tolist(), "bleed_db": bleed}
    write_text(folder / "truth.json", json.dumps(truth, indent=1))


def _write_channels(path: Path, samples: NDArray[np.float32]) -> None:
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)
    layout = {2: "stereo", 3: "3.0", 4: "quad"}[len(pcm)]
    with stage(path) as part, av.open(part, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE_HZ)
        stream.layout = layout
        for first in range(0, pcm.shape[1], RATE_HZ):
            block = np.ascontiguousarray(pcm[:, first : first + RATE_HZ].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate = RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def clock_errors(folder: Path) -> list[tuple[float, float] | None]:
    """Of each track but the first the errors of start (ms) and drift (ppm); None where it was not matched."""
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    recording = read_source(Tracks.find(_track_files(folder)))
    told: list[tuple[float, float] | None] = []
    first, base = truth["starts"][0], 1 + truth["drifts"][0]
    middle = recording.duration / 2
    for number, track in enumerate(recording.provenance["tracks"]):
        if not number:
            zero = track["start"]
            continue
        if not track["matched"]:
            told.append(None)
            continue
        drift = (1 + truth["drifts"][number]) / base - 1
        start = (truth["starts"][number] - first) / base
        found = track["drift_ppm"]
        # Where the two lines differ in the middle of the recording, and how they are inclined.
        there = (track["start"] - zero - start) + (found * 1e-6 - drift) * middle
        told.append((1e3 * there, found - 1e6 * drift))
    return told


def _track_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]-*.flac"))


def errors_of(transcript: Transcript, said: Sequence[Utterance]) -> Errors:
    """Errors in the words of each speaker."""
    clean = normaliser("en")
    found = [
        Utterance(segment.speaker or "nobody", segment.span.start, segment.span.end, clean(segment.text))
        for segment in transcript.segments
    ]
    reference = [Utterance(item.speaker, item.start, item.end, clean(item.text)) for item in said]
    return speaker_errors(reference, found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path, metavar="POOL")
    parser.add_argument("ami", type=Path, metavar="AMI")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first conversation, from 0")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="base")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ways", default=",".join(WAYS))
    chosen = parser.parse_args()
    places = range(chosen.first, chosen.first + chosen.count)
    folders = [chosen.out / f"{place:02d}" for place in places]
    lacking = [item for item in zip(folders, places, strict=True) if not (item[0] / "truth.json").exists()]
    if lacking:
        voices = distribute_voices(path.name for path in chosen.pool.iterdir() if path.is_dir())
        pool = {name: read_pool(chosen.pool, name, 40) for name in voices["report"]}
        for folder, place in lacking:
            build(folder, place, pool, chosen.ami, chosen.seconds, chosen.seed)
    ways = chosen.ways.split(",")
    if "clocks" in ways:
        _print_clocks(folders)
    for way in ways:
        if way != "clocks":
            _print_words(folders, way, chosen.model, chosen.threads)
    return 0


def _print_clocks(folders: Sequence[Path]) -> None:
    begun = time.process_time()
    each = [errors for folder in folders for errors in clock_errors(folder)]
    found = np.abs([errors for errors in each if errors is not None])
    print(f"clocks: {len(found)} of {len(each)} tracks matched, {time.process_time() - begun:.0f} s of processor")
    for name, values in zip(("middle, ms", "drift, ppm"), found.T, strict=True):
        print(f"  {name}: median {np.median(values):.2f}, 90 % {np.quantile(values, 0.9):.2f}, most {values.max():.2f}")


def _print_words(folders: Sequence[Path], way: str, model: str, threads: int) -> None:
    diarizer = "auto" if way == "mixed" else "channels"
    total = Errors()
    spent = 0.0
    with open_pipeline(model=model, diarizer=diarizer, threads=threads, offline=True) as pipeline:
        for folder in folders:
            said = utterances((folder / "said.stm").read_text("utf-8"))
            begun = time.process_time()
            source = {"channels": "together.flac", "mixed": "mixed.flac"}.get(way)
            transcript = pipeline(Tracks.find(_track_files(folder)) if source is None else folder / source)
            spent += time.process_time() - begun
            transcript.save(folder / f"{way}.json")
            errors = errors_of(transcript, said)
            total += errors
            print(f"  {way} {folder.name}: {_format_errors(errors)}", flush=True)
    print(f"{way}: cpWER {_format_errors(total)}, {spent:.0f} s of processor")


def _format_errors(errors: Errors) -> str:
    return (
        f"{100 * errors.rate:.2f} % of {errors.length} words ({errors.substitutions} wrong, "
        f"{errors.deletions} left out, {errors.insertions} put in)"
    )


if __name__ == "__main__":
    sys.exit(main())
