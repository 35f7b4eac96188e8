"""Trains the network that finds voices and music: ``python -m training.sound_classes.train --voices POOL``.

See README.md. The same arguments give the same scenes; PyTorch rounds a little differently from machine to machine.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.sound_classes import scenes
from whisperdiar.media import load
from whisperdiar.sound_classes import features
from whisperdiar.system.files import stage
from whisperdiar.types import Audio

RESULT = Path(__file__).parents[2] / "whisperdiar" / "data" / "sound_classes.npz"
DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)
CHANNELS = 128
FIRST_TAPS = 5
PIECE = 600  # frames: 24 s
BATCH = 20
CLIPS = 22  # of each voice of the pool
SHARDS = 16  # into which scenes, and the music and noise that they are made of, are divided
BORDER = 2  # frames to each side of a change that are not learnt: 0.08 s
AVERAGED = 0.998  # share of the average weights that stays at each step
CYCLES = ((4.4, 4e-3), (3.3, 2.5e-3))  # epochs and highest rate of learning, each from the average weights of the last

Data = tuple[NDArray[np.float16], NDArray[np.int8]]


class Network(nn.Module):
    """Convolutions over time with residuals; in two outputs, whether there is a voice and whether there is music."""

    def __init__(self) -> None:
        super().__init__()
        half = FIRST_TAPS // 2
        first = nn.Conv1d(features.N_FEATURES, CHANNELS, FIRST_TAPS, padding=half, bias=False)
        middle = [
            nn.Conv1d(CHANNELS, CHANNELS, 3, padding=dilation, dilation=dilation, bias=False) for dilation in DILATIONS
        ]
        self.convolutions = nn.ModuleList([first, *middle])
        self.norms = nn.ModuleList(nn.BatchNorm1d(CHANNELS) for _layer in self.convolutions)
        self.last = nn.Conv1d(CHANNELS, 2, 1)
        self.drop = nn.Dropout1d(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, N_FEATURES, n_frames) → logits (n, 2, n_frames)."""
        hidden = torch.relu(self.norms[0](self.convolutions[0](x)))
        for layer, norm in zip(self.convolutions[1:], self.norms[1:], strict=True):
            hidden = hidden + self.drop(torch.relu(norm(layer(hidden))))
        found: torch.Tensor = self.last(hidden)
        return found


@dataclass(frozen=True, slots=True)
class Sources:
    """What one half is made of: folders and files."""

    half: str
    voices: Sequence[Sequence[NDArray[np.float32]]]
    music: Sequence[Path]
    scores: Sequence[Path]
    noises: Sequence[Path]
    n_tracks: int
    n_noises: int
    n_sung: int
    n_scenes: int
    seed: int


def make_shard(sources: Sources, number: int) -> Data:
    """Features (n_scenes, n_frames, N_FEATURES) and labels (n_scenes, n_frames) of one of `SHARDS` parts."""
    rng = np.random.default_rng((sources.seed, number))
    pool = scenes.make_pool(
        sources.half,
        voices=sources.voices,
        recordings=sources.music[number::SHARDS],
        scores=sources.scores[number::SHARDS],
        noises=[load(path, end=60.0).mono for path in sources.noises],
        n_tracks=sources.n_tracks // SHARDS,
        n_noises=sources.n_noises // SHARDS,
        n_sung=sources.n_sung // SHARDS,
        rng=rng,
    )
    found, labels = [], []
    for _scene in range(sources.n_scenes // SHARDS):
        sound, label = scenes.make_scene(pool, rng, varied=sources.half == "train")
        audio = Audio(sound[None], scenes.RATE_HZ)
        level = features.measure_level(features.energies(audio))
        label = label[round(features.STEP_S / 0.02) // 2 :: round(features.STEP_S / 0.02)]
        found.append(features.extract(audio, 0, len(label), level=level).astype(np.float16))
        labels.append(label)
    print(f"{sources.half}, part {number + 1} of {SHARDS}: {len(pool.music)} stretches of music", flush=True)
    return np.stack(found), np.stack(labels)


def make_data(sources: Sources, folder: Path | None, workers: int, parts: Sequence[int] = range(SHARDS)) -> Data:
    """All parts, those that lie in the folder taken from there; the number of workers changes nothing."""
    with ProcessPoolExecutor(workers) as executor:
        made = list(executor.map(_keep_shard, [sources] * len(parts), parts, [folder] * len(parts)))
    return np.concatenate([part[0] for part in made]), np.concatenate([part[1] for part in made])


def _keep_shard(sources: Sources, number: int, folder: Path | None) -> Data:
    kept = folder / f"{sources.half}-{number}.npz" if folder else None
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            return arrays["x"], arrays["y"]
    data = make_shard(sources, number)
    if kept is not None:
        with stage(kept) as path, Path(path).open("wb") as file:
            np.savez(file, x=data[0], y=data[1])
    return data


def train(
    data: Data, held: Data, *, threads: int, cycles: Sequence[tuple[float, float]] = CYCLES
) -> tuple[Network, NDArray[np.float32], NDArray[np.float32]]:
    """The network of averaged weights, and mean and deviation of its inputs."""
    torch.set_num_threads(threads)
    torch.manual_seed(7)
    flat = data[0][::3, ::5].reshape(-1, features.N_FEATURES).astype(np.float32)
    mean, deviation = flat.mean(axis=0), flat.std(axis=0)
    network = Network()
    for number, (epochs, rate) in enumerate(cycles):
        network = _run_cycle(network, data, held, mean, deviation, epochs=epochs, rate=rate, seed=11 + number)
    return network, mean, deviation


def _run_cycle(
    network: Network,
    data: Data,
    held: Data,
    mean: NDArray[np.float32],
    deviation: NDArray[np.float32],
    *,
    epochs: float,
    rate: float,
    seed: int,
) -> Network:
    """The average of the weights that a network has on its way through so many epochs."""
    averaged = copy.deepcopy(network)
    steps = round(epochs * data[0].shape[0] * data[0].shape[1] / PIECE / BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.15)
    weights = _weigh(data[1])
    rng = np.random.default_rng(seed)
    for step in range(steps):
        network.train()
        which = rng.integers(0, data[0].shape[0], BATCH)
        starts = rng.integers(0, data[0].shape[1] - PIECE + 1, BATCH)
        pairs = list(zip(which, starts, strict=True))
        x = np.stack([_colour(data[0][i, at : at + PIECE].astype(np.float32), rng) for i, at in pairs])
        label = torch.from_numpy(np.stack([data[1][i, at : at + PIECE] for i, at in pairs]).astype(np.int64))
        logits = network(torch.from_numpy((x - mean) / deviation).transpose(1, 2))
        loss = _loss(logits, label, weights)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(averaged, network, min(AVERAGED, step / (step + 10)))
        if step % 200 == 199 or step == steps - 1:
            print(
                f"step {step + 1}/{steps}: loss {loss.item():.3f}; {_describe(averaged, held, mean, deviation)}",
                flush=True,
            )
    return averaged


def _average(averaged: Network, network: Network, kept: float) -> None:
    """Moves the averaged weights towards those of this step."""
    for own, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if own.dtype.is_floating_point:
            own.mul_(kept).add_(new, alpha=1 - kept)


def _weigh(labels: NDArray[np.int8]) -> torch.Tensor:
    """Weight of a frame by its label: rare ones weigh more, by the root of how rare; silence weighs nothing."""
    counts = np.bincount(labels[labels >= 0].ravel(), minlength=5).astype(np.float64)
    counts[scenes.SILENCE] = np.inf
    weights = 1 / np.sqrt(np.maximum(counts, 1.0))
    return torch.from_numpy((weights / weights[1:].mean()).astype(np.float32))


def _colour(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The same frames as another microphone hears them: louder or softer, with another balance of high and low."""
    bands = np.linspace(-1.0, 1.0, features.N_MEL)
    curve = rng.normal(0.0, 0.7) + rng.normal(0.0, 0.7) * bands + rng.normal(0.0, 0.4) * np.cos(2 * np.pi * bands)
    heard = frames.copy()
    heard[:, : features.N_MEL] += curve.astype(np.float32)
    return heard


def _loss(logits: torch.Tensor, label: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of both outputs, wherever it is not silent and no change is near."""
    voice = ((label == scenes.SPEECH) | (label == scenes.BOTH)).float()
    music = ((label == scenes.MUSIC) | (label == scenes.BOTH)).float()
    each = nn.functional.binary_cross_entropy_with_logits(logits, torch.stack([voice, music], 1), reduction="none")
    heard = weights[label.clamp(min=0)] * (label > scenes.SILENCE)
    changes = (label[:, 1:] != label[:, :-1]).float()[:, None]
    near = nn.functional.max_pool1d(nn.functional.pad(changes, (BORDER, BORDER)), 2 * BORDER, stride=1)[:, 0]
    heard = heard * (1 - near)
    return (each.sum(1) * heard).sum() / heard.sum()


@torch.no_grad()
def _describe(
    network: Network,
    held: Data,
    mean: NDArray[np.float32],
    deviation: NDArray[np.float32],
) -> str:
    """Share of frames that are right, by kind, without any smoothing."""
    network.eval()
    logits = network(torch.from_numpy((held[0].astype(np.float32) - mean) / deviation).transpose(1, 2)).numpy()
    voice, music = logits[:, 0] > 0, logits[:, 1] > 0
    found = np.where(voice & music, scenes.BOTH, np.where(voice, scenes.SPEECH, np.where(music, scenes.MUSIC, 1)))
    kinds = {"noise": scenes.NOISE, "speech": scenes.SPEECH, "music": scenes.MUSIC, "both": scenes.BOTH}
    return ", ".join(f"{name} {np.mean(found[held[1] == kind] == kind):.3f}" for name, kind in kinds.items())


def save(network: Network, mean: NDArray[np.float32], deviation: NDArray[np.float32], path: Path) -> None:
    """Writes the weights as matrices (kernel · inputs, outputs) of int8, as `whisperdiar.sound_classes` reads them.

    Each output has a scale of its own. What the batch normalisation does to a frame becomes part of the weights
    before it.
    """
    arrays: dict[str, NDArray[np.generic]] = {"mean": mean, "deviation": deviation, "dilations": np.array(DILATIONS)}
    layers = []
    for layer, norm in zip(network.convolutions, network.norms, strict=True):
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        layers.append((layer.weight * scale[:, None, None], norm.bias - norm.running_mean * scale))
    layers.append((network.last.weight, network.last.bias))
    for number, (weight, bias) in enumerate(layers):
        matrix = weight.detach().numpy()  # (outputs, inputs, kernel)
        scale = np.maximum(np.abs(matrix).max(axis=(1, 2)), 1e-9) / 127
        arrays[f"weight{number}"] = np.rint(matrix.transpose(2, 1, 0).reshape(-1, len(scale)) / scale).astype(np.int8)
        arrays[f"scale{number}"] = scale.astype(np.float32)
        arrays[f"bias{number}"] = bias.detach().numpy().astype(np.float32)
    np.savez_compressed(path, **arrays)
    print(f"{path}: {path.stat().st_size} bytes")


def list_sources(given: argparse.Namespace, half: str) -> Sources:
    """What is trained on; or what it is watched on: every fifth voice of the pool, other music, other noise."""
    voices = scenes.read_voices(given.voices, "train", clips=CLIPS)
    if half == "watch":
        return Sources(
            half=half,
            voices=voices[4::5] + scenes.read_prompts(given.watched_prompts),
            music=given.watched_music,
            scores=[],
            noises=given.noise[7::8],
            n_tracks=40,
            n_noises=64,
            n_sung=40,
            n_scenes=96,
            seed=6,
        )
    spoken = [voice for number, voice in enumerate(voices) if number % 5 != 4]
    spoken += 2 * [[load(path).mono] for path in given.speech]
    spoken += scenes.read_prompts(given.prompts)
    return Sources(
        half=half,
        voices=spoken,
        music=given.music,
        scores=given.scores,
        noises=[path for number, path in enumerate(given.noise) if number % 8 != 7],
        n_tracks=given.tracks,
        n_noises=given.noises,
        n_sung=given.sung,
        n_scenes=given.scenes,
        seed=5,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, required=True, help="pool of benchmarks/conversation_voices.py")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="recordings of one voice each")
    parser.add_argument("--prompts", type=Path, nargs="*", default=[], help="folders of short recordings of one voice")
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="recordings of music to train on")
    parser.add_argument("--scores", type=Path, nargs="*", default=[], help="MIDI files to train on")
    parser.add_argument("--noise", type=Path, nargs="*", default=[], help="recordings of noise; each eighth is watched")
    parser.add_argument("--watched-music", type=Path, nargs="*", default=[], help="recordings of music to watch it on")
    parser.add_argument("--watched-prompts", type=Path, nargs="*", default=[], help="folders of voices to watch it on")
    parser.add_argument(
        "--data", type=Path, help="folder where the scenes are kept, and taken from when they are there"
    )
    parser.add_argument("--tracks", type=int, default=1600)
    parser.add_argument("--noises", type=int, default=1280)
    parser.add_argument("--sung", type=int, default=480)
    parser.add_argument("--scenes", type=int, default=7680)
    parser.add_argument(
        "--parts", type=int, nargs="*", default=[*range(SHARDS)], help=f"which of {SHARDS} parts are trained on"
    )
    parser.add_argument("--only-data", action="store_true", help="build the scenes, train nothing")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that build scenes")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    given = parser.parse_args()
    if given.data:
        given.data.mkdir(parents=True, exist_ok=True)
    held = make_data(list_sources(given, "watch"), given.data, given.workers)
    data = make_data(list_sources(given, "train"), given.data, given.workers, given.parts)
    print(f"{data[1].size * features.STEP_S / 3600:.1f} h", flush=True)
    if not given.only_data:
        save(*train(data, held, threads=given.threads), given.output)


if __name__ == "__main__":
    main()
