"""Processor time and memory of joining very many words and turns.

    python -m benchmarks.alignment_scale [--words 1000000] [--turns 100000] [--speakers 10]

Turns of 1.5 to 4.5 seconds that sometimes overlap, words laid over them at random, 5000 spellings. Prints processor
seconds of the process during `align` (it keeps BLAS to one thread), and the peak memory of the whole process with and
without it.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from whisperdiar import Span, Turn, Word, align


def conversation(n_words: int, n_turns: int, n_speakers: int) -> tuple[list[Word], list[Turn]]:
    rng = np.random.default_rng(0)
    begins = np.cumsum(rng.uniform(1.5, 4.5, n_turns))
    lengths, speakers = rng.uniform(2.4, 3.6, n_turns), rng.integers(n_speakers, size=n_turns)
    turns = [
        Turn(Span(begin, begin + length), f"SPEAKER_{speaker:02d}")
        for begin, length, speaker in zip(begins.tolist(), lengths.tolist(), speakers.tolist(), strict=True)
    ]
    spellings = [f" word{i}{'.' if i % 9 == 0 else ''}" for i in range(5000)]
    starts = np.sort(rng.uniform(0, begins[-1], n_words)).tolist()
    words = [Word(Span(start, start + 0.25), spellings[i % 5000]) for i, start in enumerate(starts)]
    return words, turns


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--speakers", type=int, default=10)
    chosen = parser.parse_args()
    words, turns = conversation(chosen.words, chosen.turns, chosen.speakers)
    align(words[:1000], turns[:100])  # weights are read once
    before, begun = peak_mib(), time.process_time()
    joined = align(words, turns)
    spent = time.process_time() - begun
    print(f"{len(joined)} words, {len(turns)} turns, {chosen.speakers} speakers: {spent:.2f} s of processor time")
    print(f"peak memory {peak_mib():.0f} MiB, of which the words and turns themselves {before:.0f} MiB")


if __name__ == "__main__":
    main()
