"""Train whisper-nano.

    python -m training.whisper_nano.train BANK... RUN [--steps short=1300,…] [--processes 2]
    python -m training.whisper_nano.train BANK... RUN --device cuda --batch-factor 8

RUN/checkpoint.pt is written every few minutes, and a run that finds one goes on from it. Every step draws its windows
from (seed, step, process): the data of a run do not depend on where it was interrupted.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, multiprocessing, nn

from training.whisper_nano import vocabulary as vocabularies
from training.whisper_nano.bank import load
from training.whisper_nano.batches import STAGES, draw
from training.whisper_nano.model import Sizes, Whisper
from training.whisper_nano.objective import losses
from training.whisper_nano.windows import Composer

_STEPS = "short=1300,medium=200,full=2700,decay=2600"
_TEXT_TOKENS = 1200
_WARM_UP_STEPS = 80
_CHECKPOINT = "checkpoint.pt"
_VOCABULARY = "vocabulary.learned.json"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `steps`: (stage, count) in order; "decay" is the stage full with a falling rate."""

    banks: tuple[Path, ...]
    run: Path
    steps: tuple[tuple[str, int], ...]
    processes: int
    device: str
    batch_factor: int
    rate: float
    seed: int
    save_every: float
    stop_at: float


def build_model(n_vocabulary: int, n_text: int) -> Whisper:
    """whisper-nano's own sizes."""
    return Whisper(Sizes(n_vocabulary, n_text))


def load_run(run: Path) -> tuple[Whisper, vocabularies.Vocabulary, int]:
    """The model of a run as its last checkpoint has it, its vocabulary, and the steps done."""
    vocabulary = vocabularies.load(run / _VOCABULARY)
    state = torch.load(run / _CHECKPOINT, map_location="cpu", weights_only=True)
    model = Whisper(Sizes(**state["sizes"]))
    model.load_state_dict(state["model"])
    return model.eval(), vocabulary, int(state["step"])


class Trainer:
    """One process of a run; all processes hold the same weights and average their gradients."""

    def __init__(self, options: Options, rank: int) -> None:
        self.options, self.rank = options, rank
        self.device = torch.device(options.device)
        bank = load(*options.banks)
        self.composer = Composer(bank)
        self.vocabulary = _vocabulary(options.run, (entry.text for entry in bank.entries), write=rank == 0)
        torch.manual_seed(options.seed)
        model = build_model(len(self.vocabulary), self.vocabulary.n_text)
        self.model = model.to(self.device)
        self.optimizers = _optimizers(self.model, options.rate)
        self.step = 0
        self._resume()

    def train(self) -> None:
        """Run until the last step, or until the time is up."""
        total = sum(count for _, count in self.options.steps)
        began = saved = time.monotonic()
        self.model.train()
        while self.step < total and not self._agreed(time.time() > self.options.stop_at):
            report = self._advance()
            if self.rank == 0 and self.step % 25 == 0:
                print(f"{self.step} {report} {(time.monotonic() - began):.0f} s", flush=True)
            if self.rank == 0 and time.monotonic() - saved > self.options.save_every:
                self.save()
                saved = time.monotonic()
        if self.rank == 0:
            self.save()

    def save(self) -> None:
        """Write the checkpoint in one go, so that an interruption leaves the last one."""
        path = self.options.run / _CHECKPOINT
        state = {
            "sizes": asdict(self.model.sizes),
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    def _advance(self) -> str:
        rng = np.random.default_rng([self.options.seed, self.step, self.rank])
        torch.manual_seed(self.options.seed * 1_000_003 + self.step * 64 + self.rank)
        name, progress = _stage(self.options.steps, self.step)
        # In long windows the decoder learns not to lose its place; the ear learns what it needs from shorter ones,
        # which go on in turn: long ones cost it four times as much.
        late, turn = name in ("full", "decay"), self.step % 6
        stage = STAGES["medium" if late and turn % 2 else name.replace("decay", "full")]
        stage = replace(stage, windows=stage.windows * self.options.batch_factor)
        train_encoder = not late or turn in (1, 3, 4, 5)
        rate = min(1.0, (self.step + 1) / _WARM_UP_STEPS) * (1.0 - progress if name == "decay" else 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.options.rate * rate
        batch = draw(self.composer, self.vocabulary, stage, rng).to(self.device)
        on_gpu = self.device.type == "cuda"  # on a CPU, bfloat16 is slower
        with torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext():
            found = losses(self.model, batch, train_encoder=train_encoder)
        found.total.backward()
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()  # leaves a resting encoder out of the next step
        self.step += 1
        return (
            f"{name} token {found.token:.3f} frame {found.frame:.3f} look {found.look:.3f}"
            f" accuracy {found.accuracy:.3f}"
        )

    def _average_gradients(self) -> None:
        if not distributed.is_initialized():
            return
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.options.processes
        first = 0
        for gradient in gradients:
            gradient.copy_(flat[first : first + gradient.numel()].view_as(gradient))
            first += gradient.numel()

    def _agreed(self, stop: bool) -> bool:
        if not distributed.is_initialized():
            return stop
        votes = torch.tensor([float(stop)])
        distributed.all_reduce(votes)
        return bool(votes.item() > 0)

    def _resume(self) -> None:
        path = self.options.run / _CHECKPOINT
        if path.exists():
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.step = state["step"]


def _optimizers(model: Whisper, rate: float) -> list[Any]:
    """Muon for the matrices inside the layers, AdamW for all else."""
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith(("encoder.", "decoder."))]
    chosen = {id(parameter) for parameter in inner}
    outer = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    muon = torch.optim.Muon(inner, lr=rate, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    return [muon, adamw]


def _stage(steps: tuple[tuple[str, int], ...], step: int) -> tuple[str, float]:
    """The stage of a step, and how much of that stage is done."""
    for name, count in steps:
        if step < count:
            return name, step / count
        step -= count
    raise ValueError(f"step lies {step} steps behind the last stage: give more steps")


def _vocabulary(run: Path, texts: Iterable[str], *, write: bool) -> vocabularies.Vocabulary:
    path = run / _VOCABULARY
    if path.exists():
        return vocabularies.load(path)
    learned = vocabularies.train([f" {text}" for text in sorted(set(texts))], size=_TEXT_TOKENS)
    if write:
        vocabularies.save(learned, path)
    return learned


def _work(rank: int, options: Options, port: int) -> None:
    torch.set_num_threads(1)
    if options.processes > 1:
        address = f"tcp://127.0.0.1:{port}"
        distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=options.processes)
    Trainer(options, rank).train()
    if options.processes > 1:
        distributed.destroy_process_group()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Train whisper-nano.")
    parser.add_argument("banks", type=Path, nargs="+", help="folders that training.whisper_nano.bank wrote")
    parser.add_argument("run", type=Path, help="folder for the checkpoint; one that is there is continued")
    parser.add_argument("--steps", default=_STEPS, help="stages and their steps (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="single-threaded CPU processes; 1 with --device cuda")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-factor", type=int, default=1, help="multiplies the windows per step")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after these, with a checkpoint")
    given = parser.parse_args()
    steps = tuple((name, int(count)) for name, count in (part.split("=") for part in given.steps.split(",")))
    on_gpu = given.device != "cpu"
    options = Options(
        banks=tuple(given.banks), run=given.run, steps=steps, processes=1 if on_gpu else given.processes,
        device=given.device,        batch_factor=given.batch_factor, rate=given.rate, seed=given.seed, save_every=120.0,
        stop_at=time.time() + 60 * given.minutes,
    )  # fmt: skip
    options.run.mkdir(parents=True, exist_ok=True)
    port = 20_000 + os.getpid() % 20_000
    if options.processes == 1:
        _work(0, options, port)
    else:
        multiprocessing.spawn(_work, args=(options, port), nprocs=options.processes)


if __name__ == "__main__":
    main()
