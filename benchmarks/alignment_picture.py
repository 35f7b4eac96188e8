"""Draws a stretch of a simulated meeting: turns, words, what each rule decides, and where it errs.

    python -m benchmarks.alignment_picture SHARED docs/images/alignment.png [--meeting ES2008a --from 300 --seconds 14]

Words are coloured by the speaker whom a rule names, and framed in red where that is not the true one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.alignment import OURS
from benchmarks.alignment_rules import RULES
from training.alignment.simulation import SpokenTurn, SpokenWord, as_turns, as_words, load_simulator, simulate
from whisperdiar import align

COLOURS = ("#4c78a8", "#f2a33a", "#54a24b", "#b279a2", "#9d755d")
SHOWN = ("most overlap, nearest filled", "anchor", "anchor, sentence majority (whisper-diarization)")


def rows(words: list[SpokenWord], turns: list[SpokenTurn]) -> dict[str, list[str | None]]:
    """Speakers by method, the truth first."""
    plain = [(start, end, text) for start, end, _, text in words]
    found: dict[str, list[str | None]] = {"truth": [word[2] for word in words]}
    found |= {name: RULES[name](plain, sorted(turns)) for name in SHOWN}
    found[OURS] = [word.speaker for word in align(as_words(words), as_turns(turns))]
    return found


def draw(axes: Axes, words: list[SpokenWord], turns: list[SpokenTurn], first: float, last: float) -> None:
    speakers = sorted({word[2] for word in words})
    colour = dict(zip(speakers, COLOURS, strict=False))
    decided = rows(words, turns)
    names = [*[f"turns of {speaker}" for speaker in speakers], "words", *decided]
    place = {name: len(names) - i for i, name in enumerate(names)}
    for start, end, speaker in turns:
        axes.add_patch(Rectangle((start, place[f"turns of {speaker}"] - 0.3), end - start, 0.6, color=colour[speaker]))
    for i, (start, end, true, text) in enumerate(words):
        if not first <= start < last:
            continue
        width = max(end - start, 0.05)
        low = place["words"]
        axes.add_patch(Rectangle((start, low - 0.35), width, 0.7, facecolor="white", edgecolor="0.5", linewidth=0.6))
        axes.text(start + width / 2, low, text, ha="center", va="center", fontsize=6, rotation=90, clip_on=True)
        for name, answer in decided.items():
            wrong = answer[i] != true
            box = Rectangle((start, place[name] - 0.32), width, 0.64, facecolor=colour.get(answer[i] or "", "white"))
            box.set(edgecolor="#d00000" if wrong else "white", linewidth=1.8 if wrong else 0.4, zorder=2 + wrong)
            axes.add_patch(box)
    axes.set(xlim=(first, last), ylim=(0.4, len(names) + 0.6), xlabel="seconds")
    axes.set_yticks([place[name] for name in names], [name.replace(" (", "\n(") for name in names], fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--meeting", default="ES2008a")
    parser.add_argument("--from", dest="first", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=14.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    simulator = load_simulator(chosen.shared / "bench" / "simulate_hypotheses.py")
    path = chosen.shared / "ami" / f"{chosen.meeting}.words.tsv"
    words, turns, _ = simulate(simulator, path, seed=chosen.seed)
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    draw(figure.subplots(), words, turns, chosen.first, chosen.first + chosen.seconds)
    figure.savefig(chosen.picture, dpi=110)


if __name__ == "__main__":
    main()
