"""Trains the network that finds voices and music: ``python -m training.sound_classes.train --voices POOL``.

See README.md. The same arguments give the same scenes; PyTorch rounds a little differently from machine to machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.sound_classes import scenes
from whisperdiar.media import load
from whisperdiar.sound_classes import features
from whisperdiar.types import Audio

RESULT = Path(__file__).parents[2] / "whisperdiar" / "data" / "sound_classes.npz"
DILATIONS = (1, 2, 4, 8, 16, 32, 64)
CHANNELS = 64
PIECE = 750  # frames: 15 s
BATCH = 24
CLIPS = 22  # of each voice


Data = tuple[NDArray[np.float32], NDArray[np.int8]]


class Network(nn.Module):
    """Convolutions over time with residuals; in two outputs, whether there is a voice and whether there is music."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(features.N_FEATURES, CHANNELS, 5, padding=2)
        self.middle = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, 3, padding=dilation, dilation=dilation) for dilation in DILATIONS
        )
        self.last = nn.Conv1d(CHANNELS, 2, 1)
        self.drop = nn.Dropout1d(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, N_FEATURES, n_frames) → logits (n, 2, n_frames)."""
        hidden = torch.relu(self.first(x))
        for layer in self.middle:
            hidden = hidden + self.drop(torch.relu(layer(hidden)))
        found: torch.Tensor = self.last(hidden)
        return found


def make_data(pool: scenes.Pool, n_scenes: int, rng: np.random.Generator) -> Data:
    """Features (n_scenes, n_frames, N_FEATURES) and labels (n_scenes, n_frames)."""
    found, labels = [], []
    for _scene in range(n_scenes):
        sound, label = scenes.make_scene(pool, rng)
        audio = Audio(sound[None], scenes.RATE_HZ)
        level = features.measure_level(features.energies(audio))
        found.append(features.extract(audio, 0, len(label), level=level))
        labels.append(label)
    return np.stack(found), np.stack(labels)


def train(
    data: Data,
    held: Data,
    *,
    epochs: int,
    threads: int,
) -> tuple[Network, NDArray[np.float32], NDArray[np.float32]]:
    """The network, and mean and deviation of its inputs."""
    torch.set_num_threads(threads)
    torch.manual_seed(7)
    flat = data[0].reshape(-1, features.N_FEATURES)[::7]
    mean, deviation = flat.mean(axis=0), flat.std(axis=0)
    network = Network()
    steps = epochs * (data[0].shape[0] * data[0].shape[1] // PIECE // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    rng = np.random.default_rng(11)
    for step in range(steps):
        network.train()
        which = rng.integers(0, data[0].shape[0], BATCH)
        starts = rng.integers(0, data[0].shape[1] - PIECE + 1, BATCH)
        pairs = list(zip(which, starts, strict=True))
        x = np.stack([_colour(data[0][i, at : at + PIECE], rng) for i, at in pairs])
        label = torch.from_numpy(np.stack([data[1][i, at : at + PIECE] for i, at in pairs]).astype(np.int64))
        logits = network(torch.from_numpy((x - mean) / deviation).transpose(1, 2))
        loss = _loss(logits, label)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 200 == 199 or step == steps - 1:
            print(
                f"step {step + 1}/{steps}: loss {loss.item():.3f}; {_describe(network, held, mean, deviation)}",
                flush=True,
            )
    return network, mean, deviation


def _colour(frames: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The same frames as another microphone hears them: louder or softer, with another balance of high and low."""
    bands = np.linspace(-1.0, 1.0, features.N_MEL)
    curve = rng.normal(0.0, 0.7) + rng.normal(0.0, 0.7) * bands + rng.normal(0.0, 0.4) * np.cos(2 * np.pi * bands)
    heard = frames.copy()
    heard[:, : features.N_MEL] += curve.astype(np.float32)
    return heard


def _loss(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of both outputs, wherever it is not silent."""
    voice = ((label == scenes.SPEECH) | (label == scenes.BOTH)).float()
    music = ((label == scenes.MUSIC) | (label == scenes.BOTH)).float()
    each = nn.functional.binary_cross_entropy_with_logits(logits, torch.stack([voice, music], 1), reduction="none")
    heard = (label > scenes.SILENCE).float()
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
    logits = network(torch.from_numpy((held[0] - mean) / deviation).transpose(1, 2)).numpy()
    voice, music = logits[:, 0] > 0, logits[:, 1] > 0
    found = np.where(voice & music, scenes.BOTH, np.where(voice, scenes.SPEECH, np.where(music, scenes.MUSIC, 1)))
    kinds = {"noise": scenes.NOISE, "speech": scenes.SPEECH, "music": scenes.MUSIC, "both": scenes.BOTH}
    return ", ".join(f"{name} {np.mean(found[held[1] == kind] == kind):.3f}" for name, kind in kinds.items())


def save(network: Network, mean: NDArray[np.float32], deviation: NDArray[np.float32], path: Path) -> None:
    """Writes the weights as float16 matrices (kernel · inputs, outputs), as `whisperdiar.sound_classes` reads them."""
    arrays: dict[str, NDArray[np.generic]] = {"mean": mean, "deviation": deviation, "dilations": np.array(DILATIONS)}
    layers = [network.first, *network.middle, network.last]
    for number, layer in enumerate(layers):
        weight = layer.weight.detach().numpy()  # (outputs, inputs, kernel)
        arrays[f"weight{number}"] = weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]).astype(np.float16)
        arrays[f"bias{number}"] = layer.bias.detach().numpy().astype(np.float32)
    np.savez_compressed(path, **arrays)
    print(f"{path}: {path.stat().st_size} bytes")


def make_trained(given: argparse.Namespace) -> Data:
    """The scenes that are trained on."""
    rng = np.random.default_rng(5)
    voices = scenes.read_voices(given.voices, "train", clips=CLIPS)
    voices += 2 * [[load(path).mono] for path in given.speech]
    noises = [load(path, end=60.0).mono for path in given.noise]
    pool = scenes.make_pool(
        "train", voices=voices, recordings=given.music, n_tracks=given.tracks, rng=rng, noises=noises
    )
    print(f"{len(pool.voices)} voices, {len(pool.music)} stretches of music, {len(pool.noise)} of noise", flush=True)
    return make_data(pool, given.scenes, rng)


def make_watched(given: argparse.Namespace) -> Data:
    """Scenes of music and noise of the other half; of its voices none is even watched: other clips of the same."""
    rng = np.random.default_rng(6)
    voices = [clips[-4:] for clips in scenes.read_voices(given.voices, "train", clips=CLIPS + 4)]
    pool = scenes.make_pool("report", voices=voices, recordings=given.held_music, n_tracks=16, rng=rng)
    return make_data(pool, 16, rng)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, required=True, help="pool of benchmarks/conversation_voices.py")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="recordings of one voice each")
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="recordings of music to train on")
    parser.add_argument("--held-music", type=Path, nargs="*", default=[], help="recordings of music to watch it on")
    parser.add_argument("--noise", type=Path, nargs="*", default=[], help="recordings of noise to train on")
    parser.add_argument("--data", type=Path, help="where the scenes are kept, and taken from when they are there")
    parser.add_argument("--tracks", type=int, default=150)
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    given = parser.parse_args()
    if given.data and given.data.exists():
        with np.load(given.data) as kept:
            data, held = (kept["x"], kept["y"]), (kept["held_x"], kept["held_y"])
    else:
        data, held = make_trained(given), make_watched(given)
        if given.data:
            np.savez(given.data, x=data[0], y=data[1], held_x=held[0], held_y=held[1])
    print(f"{data[1].size / 50 / 3600:.1f} h", flush=True)
    save(*train(data, held, epochs=given.epochs, threads=given.threads), given.output)


if __name__ == "__main__":
    main()
