"""Sound classes: frames that `whisperdiar segment` gets right, by kind, on scenes that its training never saw.

    python benchmarks/sound_classes.py --voices POOL [--music FILE...] [--noise FILE...]
                                       [--corpus CORPUS] [--speed HOURS...]

POOL is that of `benchmarks/conversation_voices.py`, of which the voices are used that the training leaves out; music is
played by another soundfont, in other styles and ways of synthesis, or comes from recordings that are given, and noise
likewise. A frame of
10 ms whose class is told apart by definition alone (the pause of a word) counts with the speech around it.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.sound_classes import music, noises, scenes
from training.sound_classes.singing import sing
from whisperdiar.media import load
from whisperdiar.sound_classes import LABELS, PRESENTER, SoundSegment, classify, enrol
from whisperdiar.types import Audio

RATE_HZ = 16_000
KINDS = ("silence", "noise", "speech", "music", "speech over music")
RATIOS_DB = (0.0, 5.0, 10.0, 15.0)
_STRETCHES = 10  # of each kind


def to_frames(segments: tuple[SoundSegment, ...], n: int) -> NDArray[np.int8]:
    """The class of each frame of 20 ms, by its middle, as a number of `LABELS`."""
    found = np.full(n, -1, dtype=np.int8)
    for item in segments:
        found[round(item.span.start * 50) : round(item.span.end * 50)] = LABELS.index(item.label)
    return found


def measure(pool: scenes.Pool, n_scenes: int, seed: int, *, threads: int, **how: object) -> NDArray[np.int64]:
    """Frames by true class (rows) and class found (columns), summed over scenes."""
    rng = np.random.default_rng(seed)
    table = np.zeros((len(KINDS), len(KINDS)), dtype=np.int64)
    for _scene in range(n_scenes):
        sound, truth = scenes.make_scene(pool, rng, **how)  # type: ignore[arg-type]
        found = to_frames(classify(Audio(sound[None], RATE_HZ), threads=threads), len(truth))
        inside = (truth >= 0) & (found >= 0)
        np.add.at(table, (truth[inside], found[inside]), 1)
    return table


def print_table(title: str, table: NDArray[np.int64]) -> None:
    print(f"\n{title}\n\n| | seconds | right | taken for silence | noise | speech | music | speech over music |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, row in enumerate(table):
        if row.sum():
            shares = " | ".join(f"{100 * value / row.sum():.1f}" for value in row)
            print(
                f"| {KINDS[kind]} | {row.sum() / 50:.0f} | **{100 * row[kind] / row.sum():.1f}** | {shares} |",
                flush=True,
            )


def measure_kinds(pool: scenes.Pool, seed: int, *, threads: int) -> None:
    """Of each kind of noise, style of music and way of singing by rule: seconds that are right, between speech."""
    rng = np.random.default_rng(seed)
    flat = [clip for voice in pool.voices for clip in voice]

    def heard(piece: NDArray[np.float32]) -> NDArray[np.int8]:
        before, after = (_level(np.concatenate([flat[at] for at in rng.integers(0, len(flat), 4)])) for _side in "ab")
        sound = np.concatenate([before, _level(piece) * np.float32(10 ** (rng.uniform(-20, 0) / 20)), after])
        found = to_frames(classify(Audio(sound[None], RATE_HZ), threads=threads), len(sound) // 320)
        return found[len(before) // 320 : (len(before) + len(piece)) // 320]

    print("\n| kind | seconds | right | taken for silence | noise | speech | music | speech over music |")
    print("|---|---|---|---|---|---|---|---|")
    kinds = [("noise", kind) for kind in dict.fromkeys(noises.KINDS["report"])]
    kinds += [("music", style) for style in music.list_styles("report")]
    for what, kind in [*kinds, *(("speech over music", f"singing, {how}") for how in ("alone", "with music"))]:
        row = np.zeros(len(KINDS), dtype=np.int64)
        for _stretch in range(_STRETCHES):
            seconds = float(rng.uniform(5, 15))
            if what == "noise":
                piece = noises.make_noise("report", seconds, rng, flat, kind=kind)
            elif what == "music":
                piece = music.make_track("report", seconds, rng, style=kind)
            else:
                piece = sing(pool.voices[rng.integers(len(pool.voices))], seconds, rng)
                if kind.endswith("music"):
                    piece = _level(piece) + _level(music.make_track("report", seconds, rng)) * np.float32(0.5)
            row += np.bincount(heard(piece), minlength=len(KINDS))
        shares = " | ".join(f"{100 * value / row.sum():.1f}" for value in row)
        right = 100 * row[KINDS.index(what)] / row.sum()
        print(f"| {what}: {kind} | {row.sum() / 50:.0f} | **{right:.1f}** | {shares} |", flush=True)


def _level(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same sound whose loud parts lie at -20 dB, in whole frames of 20 ms."""
    whole = sound[: len(sound) // 320 * 320]
    power = np.mean(np.square(whole.reshape(-1, 320)), axis=1)
    return np.asarray(whole * np.float32(0.1 / max(1e-6, float(np.sqrt(np.percentile(power, 80))))))


def measure_corpus(corpus: Path, *, threads: int) -> None:
    """Of real recordings of speech without music: seconds that are taken for music alone."""
    print("\n| recording | seconds | music | speech over music | noise | silence |\n|---|---|---|---|---|---|")
    sums: dict[str, NDArray[np.float64]] = {}
    for path in sorted([*corpus.glob("audio/*"), *corpus.glob("simulated/*.flac")]):
        audio = load(path)
        found = classify(audio, threads=threads)
        seconds = {label: sum(s.span.duration for s in found if s.label == label) for label in LABELS}
        row = np.array([audio.duration, *(seconds[label] for label in ("m", "ms", "n", "silence"))])
        group = {"ami": "all meetings in far field", "tel": "all telephones"}.get(path.stem[:3], "all others")
        sums[group] = sums.get(group, 0.0) + row
        print(f"| {path.stem} | {' | '.join(f'{value:.1f}' for value in row)} |", flush=True)
    for group, row in sums.items():
        print(f"| {group} | {' | '.join(f'{value:.1f}' for value in row)} |", flush=True)


def measure_presenter(pool: scenes.Pool, seed: int) -> None:
    """Seconds of a presenter's speech that are found, and of other people's that are taken for it, over all voices.

    Each is known from 20 s, and talks in turn with seven others, in utterances of two to ten seconds.
    """
    rng = np.random.default_rng(seed)
    found = {True: 0.0, False: 0.0}
    there = {True: 0.0, False: 0.0}
    for number, clips in enumerate(pool.voices):
        sample = np.concatenate(clips[: len(clips) // 2])[: 20 * RATE_HZ]
        voice = enrol(Audio(sample[None], RATE_HZ))
        others = [item for at, item in enumerate(pool.voices) if at != number]
        said = [(True, clip) for clip in clips[len(clips) // 2 :]]
        said += [(False, other[rng.integers(len(other))]) for other in others[:7] for _clip in range(2)]
        said = [(own, clip) for own, clip in said if len(clip) >= 2 * RATE_HZ]
        order = rng.permutation(len(said)).tolist()
        sound = np.concatenate([said[item][1] for item in order])
        segments = classify(Audio(sound[None], RATE_HZ), presenter=voice)
        heard = [item.span for item in segments if item.label == PRESENTER]
        at = 0.0
        for own, clip in (said[item] for item in order):
            end = at + len(clip) / RATE_HZ
            parts = [span.clip(at, end) for span in heard]
            found[own] += sum(part.duration for part in parts if part is not None)
            there[own] += end - at
            at = end
    print(
        f"\npresenter: {100 * found[True] / there[True]:.1f} % of {there[True]:.0f} s found, "
        f"{100 * found[False] / there[False]:.1f} % of {there[False]:.0f} s of other people taken for him",
        flush=True,
    )


def measure_speed(pool: scenes.Pool, hours: float, *, threads: int) -> None:
    """Real-time factor and peak memory of a recording of so many hours."""
    sound, _truth = scenes.make_scene(pool, np.random.default_rng(3), seconds=600.0)
    audio = Audio(np.tile(sound, round(hours * 6))[None], RATE_HZ)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start, used = time.perf_counter(), time.process_time()
    classify(audio, threads=threads)
    wall, used = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{hours:g} h: {wall:.1f} s ({audio.duration / wall:.0f} times real time), {used:.1f} s of the processor, "
        f"{threads} threads; peak {peak:.0f} MB, {peak - before:.0f} MB above the recording in memory",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, nargs="*", default=[], help="folders of short recordings of one voice")
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="recordings of music")
    parser.add_argument(
        "--noise", type=Path, nargs="*", default=[], help="recordings of noise, in scenes with the music"
    )
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--speed", type=float, nargs="*", default=[], help="hours")
    parser.add_argument("--scenes", type=int, default=60, help="of a minute each, for each table")
    parser.add_argument("--tracks", type=int, default=160)
    parser.add_argument("--clips", type=int, default=20, help="of each voice")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    known = scenes.read_voices(given.voices, "report", clips=given.clips)
    voices = known + scenes.read_prompts(given.prompts)
    by_rule = scenes.make_pool("report", voices=voices, recordings=[], n_tracks=given.tracks, rng=rng)
    pools = {"music and noise by rule": by_rule}
    if given.music:
        recorded = [load(path, end=60.0).mono for path in given.noise]
        pools["recordings of music" + " and noise" * bool(recorded)] = scenes.make_pool(
            "report",
            voices=voices,
            recordings=given.music,
            n_tracks=0,
            noises=recorded,
            n_noises=0 if recorded else None,
            rng=rng,
        )
    for name, pool in pools.items():
        clean = measure(pool, given.scenes, given.seed, threads=given.threads, clean=True, ratio_db=(0.0, 15.0))
        print_table(f"Clean, {name}", clean)
        hard = measure(pool, given.scenes, given.seed + 1, threads=given.threads, ratio_db=(0.0, 15.0))
        print_table(f"With rooms, telephone and background noise, {name}", hard)
        for ratio in RATIOS_DB:
            row = measure(
                pool, given.scenes // 3, given.seed + 2, threads=given.threads, clean=True, ratio_db=(ratio, ratio)
            )[4]
            print(f"speech over music at {ratio:g} dB: {100 * row[4] / row.sum():.1f} % of {row.sum() / 50:.0f} s")
    measure_kinds(by_rule, given.seed, threads=given.threads)
    measure_presenter(dataclasses.replace(by_rule, voices=known), given.seed)
    if given.corpus:
        measure_corpus(given.corpus, threads=given.threads)
    for hours in given.speed:
        measure_speed(by_rule, hours, threads=given.threads)


if __name__ == "__main__":
    main()
