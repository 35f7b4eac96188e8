"""Train the network of the alignment on simulated mistakes over real meetings.

    python -m training.alignment.train SHARED [--out whisperdiar/data/alignment.npz] [--versions 18] [--epochs 7]

SHARED holds ami/*.words.tsv and bench/simulate_hypotheses.py. Meetings that `training.alignment.HELD_BACK` names are
never trained on; after every epoch their words that went to the wrong speaker are printed. Measure the result with
`python -m benchmarks.alignment SHARED --only held-back --seed 1`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.alignment import held_back
from training.alignment.examples import UNKNOWN, Example, Version, examples, versions
from training.alignment.model import FAR, NEAR, Model, export, same_speaker
from training.alignment.simulation import Form
from whisperdiar.alignment._turns import NOBODY

FIRST_SEED = 1000
"""Seeds from here on are for training; benchmarks use small ones."""
SEED_OF_CALIBRATION = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """One recording, ready for the model."""

    inputs: tuple[Tensor, ...]
    target: Tensor

    @classmethod
    def of(cls, item: Example) -> Batch:
        chosen = item.chosen.astype(np.int64)
        return cls(
            (
                torch.from_numpy(item.words.astype(np.float32)),
                torch.from_numpy(item.pairs.astype(np.float32)),
                torch.from_numpy(chosen != NOBODY),
                torch.from_numpy(same_speaker(chosen, NEAR)),
                torch.from_numpy(same_speaker(chosen, FAR)),
            ),
            torch.from_numpy(item.target),
        )


def train(model: Model, items: Sequence[Example], held: Sequence[Example], *, epochs: int, rate: float) -> None:
    """Cross entropy over each word's candidates, one recording a step, one cycle of the learning rate."""
    batches = [Batch.of(item) for item in items]
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * len(batches), pct_start=0.1)
    for epoch in range(epochs):
        random.shuffle(batches)
        losses = []
        for batch in batches:
            loss = functional.cross_entropy(model(*batch.inputs), batch.target, ignore_index=UNKNOWN)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        wrong = 100 * error_rate(model, held)
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, held back {wrong:.2f} % wrong", flush=True)


def error_rate(model: Model, items: Sequence[Example]) -> float:
    """Share of words whose most probable candidate is not the true speaker, pooled."""
    wrong = total = 0
    with torch.no_grad():
        for batch in map(Batch.of, items):
            wrong += int((model(*batch.inputs).argmax(1) != batch.target).sum())
            total += len(batch.target)
    return wrong / max(total, 1)


def calibration(model: Model, items: Sequence[Example]) -> float:
    """The temperature under which the probabilities are likeliest (Guo et al. 2017, section 4.2)."""
    with torch.no_grad():
        odds = torch.cat([model(*batch.inputs) for batch in map(Batch.of, items)])
        target = torch.cat([Batch.of(item).target for item in items])
        choices = [0.7 + 0.02 * i for i in range(41)]
        losses = [float(functional.cross_entropy(odds / t, target, ignore_index=UNKNOWN)) for t in choices]
    return choices[int(np.argmin(losses))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=Path("whisperdiar/data/alignment.npz"))
    parser.add_argument("--versions", type=int, default=18, help="simulated versions of every meeting")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    random.seed(chosen.seed)
    torch.manual_seed(chosen.seed)
    simulator = chosen.shared / "bench" / "simulate_hypotheses.py"
    meetings = sorted((chosen.shared / "ami").glob("*.words.tsv"))
    known = [path for path in meetings if not held_back(path.name)]
    wanted = list(versions(known, each=chosen.versions, first_seed=FIRST_SEED, seed=chosen.seed))
    held = [Version(path, 0, 1.0, Form()) for path in meetings if held_back(path.name)]
    model = Model(chosen.width)
    train(
        model,
        examples(simulator, wanted, processes=chosen.processes),
        examples(simulator, held, processes=chosen.processes),
        epochs=chosen.epochs,
        rate=chosen.rate,
    )
    plain = [Version(path, SEED_OF_CALIBRATION, 1.0, Form()) for path in known]
    temperature = calibration(model, examples(simulator, plain, processes=chosen.processes))
    export(model, chosen.out, temperature=temperature)
    print(f"wrote {chosen.out}, temperature {temperature:.2f}")


if __name__ == "__main__":
    main()
