"""Trains a small SepFormer by SpeechBrain's own classes: ``python -m training.separation.train POOL FOLDER``.

FOLDER becomes a model folder as SpeechBrain's SepFormer models are, for ``--separate-overlap FOLDER``.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from speechbrain.lobes.models.dual_path import Decoder, Dual_Path_Model, Encoder, SBTransformerBlock
from speechbrain.nnet.losses import get_si_snr_with_pitwrapper

from training.separation.mixtures import RATE_HZ, Sound, draw, read_voices

_CLIP_DB = 30.0
"""What is separated so well teaches nothing more."""
_WARM_UP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a SepFormer: filters and their samples, and the transformers within and across chunks of frames.

    Attributes:
        filters: four for each frequency: the halves of its cosine and its sine, in which a sum is a magnitude.
        kernel: samples of a filter, half of which is the step: long ones tell the harmonics of two voices apart, and
            leave few frames to learn on.
        width: of the transformers.
    """

    filters: int = 512
    kernel: int = 256
    width: int = 128
    chunk: int = 24
    blocks: int = 2
    layers: int = 2
    heads: int = 4
    ffn: int = 256


def build(size: Size) -> dict[str, Any]:
    """Encoder and decoder that begin as a windowed Fourier transform and its inverse, and a masknet at random."""

    def transformer() -> Any:
        return SBTransformerBlock(
            num_layers=size.layers,
            d_model=size.width,
            nhead=size.heads,
            d_ffn=size.ffn,
            dropout=0,
            use_positional_encoding=True,
            norm_before=True,
        )

    modules = {
        "encoder": Encoder(kernel_size=size.kernel, out_channels=size.filters),
        "masknet": Dual_Path_Model(
            num_spks=2,
            in_channels=size.filters,
            out_channels=size.width,
            num_layers=size.blocks,
            K=size.chunk,
            intra_model=transformer(),
            inter_model=transformer(),
            norm="ln",
            linear_layer_after_inter_intra=False,
            skip_around_intra=True,
        ),
        "decoder": Decoder(
            in_channels=size.filters, out_channels=1, kernel_size=size.kernel, stride=size.kernel // 2, bias=False
        ),
    }
    waves = torch.from_numpy(fourier(size))[:, None]
    with torch.no_grad():
        modules["encoder"].conv1d.weight.copy_(waves)
        modules["decoder"].weight.copy_(waves)
    return modules


def fourier(size: Size) -> NDArray[np.float32]:
    """Filters float32 (filters, kernel): cosine and sine of each frequency up to half the rate, each with both signs.

    What the encoder's rectifier leaves of them adds up to the signal again in the decoder.
    """
    n = size.filters // 4
    times = np.arange(size.kernel) + 0.5
    phases = np.pi * (np.arange(n)[:, None] + 0.5) / n * times
    window = np.sin(np.pi * times / size.kernel) / math.sqrt(n)
    waves = np.concatenate([np.cos(phases), np.sin(phases)]) * window
    return np.concatenate([waves, -waves]).astype(np.float32)


def separate(modules: dict[str, Any], mixtures: Any) -> Any:
    """Sources (n_batch, n_samples, 2) of mixtures (n_batch, n_samples), as SepformerSeparation computes them."""
    encoded = modules["encoder"](mixtures)
    masked = torch.stack([encoded] * 2) * modules["masknet"](encoded)
    found = torch.stack([modules["decoder"](part) for part in masked], dim=-1)
    n_lacking = mixtures.shape[1] - found.shape[1]
    return torch.nn.functional.pad(found, (0, 0, 0, n_lacking)) if n_lacking > 0 else found[:, : mixtures.shape[1]]


def train(
    voices: Sequence[Sequence[Sound]],
    *,
    size: Size,
    steps: int,
    batch: int = 4,
    seconds: float = 3.0,
    rate: float = 1e-3,
    seed: int = 0,
    begin: Path | None = None,
    say: Callable[[int, float, dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Modules that separate two of the voices: Adam on the scale-invariant ratio, in whichever order fits.

    Args:
        begin: folder of a model of this size that training goes on from; None to begin anew.
        say: told of each step, the mean ratio in dB since the last time, and the modules.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    modules = build(size)
    for name, module in modules.items() if begin is not None else ():
        module.load_state_dict(torch.load(begin / f"{name}.ckpt", weights_only=True))
    weights = [weight for module in modules.values() for weight in module.parameters()]
    optimizer = torch.optim.Adam(weights, lr=rate)
    n_samples = round(seconds * RATE_HZ)
    for step in range(steps):
        done = step / steps
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (done + 1 / steps) / _WARM_UP, 0.5 + 0.5 * math.cos(math.pi * done) + 0.02)
        drawn = [draw(voices, n_samples, rng) for _ in range(batch)]
        mixtures, sources = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
        loss = get_si_snr_with_pitwrapper(sources, separate(modules, mixtures)).clamp(min=-_CLIP_DB).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        if say is not None:
            say(step, -float(loss.detach()), modules)
    return modules


def measure(modules: dict[str, Any], voices: Sequence[Sequence[Sound]], *, n: int = 40, seed: int = 1) -> float:
    """The mean gain of the scale-invariant ratio over the mixture's own (SI-SDRi), dB, on `n` mixtures of 4 s."""
    rng = np.random.default_rng(seed)
    gains = []
    with torch.inference_mode():
        for _ in range(n):
            mixture, sources = (torch.from_numpy(part)[None] for part in draw(voices, 4 * RATE_HZ, rng))
            before = get_si_snr_with_pitwrapper(sources, torch.stack([mixture, mixture], dim=-1))
            gains.append(float(before - get_si_snr_with_pitwrapper(sources, separate(modules, mixture))))
    return float(np.mean(gains))


def save(modules: dict[str, Any], folder: Path, size: Size) -> None:
    """Writes a folder that `SepformerSeparation.from_hparams` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in modules.items():
        torch.save(module.state_dict(), folder / f"{name}.ckpt")
    (folder / "hyperparams.yaml").write_text(
        _HYPERPARAMS.format(rate=RATE_HZ, half=size.kernel // 2, **{key: getattr(size, key) for key in _FIELDS}),
        encoding="utf-8",
    )


_FIELDS = ("filters", "kernel", "width", "chunk", "blocks", "layers", "heads", "ffn")
_TRANSFORMER = """!new:speechbrain.lobes.models.dual_path.SBTransformerBlock
    num_layers: {layers}
    d_model: {width}
    nhead: {heads}
    d_ffn: {ffn}
    dropout: 0
    use_positional_encoding: true
    norm_before: true
"""
_HYPERPARAMS = (
    """sample_rate: {rate}
num_spks: 2

Encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    kernel_size: {kernel}
    out_channels: {filters}

Intra: """
    + _TRANSFORMER
    + """
Inter: """
    + _TRANSFORMER
    + """
MaskNet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
    num_spks: !ref <num_spks>
    in_channels: {filters}
    out_channels: {width}
    num_layers: {blocks}
    K: {chunk}
    intra_model: !ref <Intra>
    inter_model: !ref <Inter>
    norm: ln
    linear_layer_after_inter_intra: false
    skip_around_intra: true

Decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    in_channels: {filters}
    out_channels: 1
    kernel_size: {kernel}
    stride: {half}
    bias: false

modules:
    encoder: !ref <Encoder>
    masknet: !ref <MaskNet>
    decoder: !ref <Decoder>

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        encoder: !ref <Encoder>
        masknet: !ref <MaskNet>
        decoder: !ref <Decoder>
"""
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path, help="pool of benchmarks/conversation_voices.py")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=25.0, help="of training, about")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning, at its highest")
    parser.add_argument("--begin", type=Path, metavar="FOLDER", help="a model of this size to go on from")
    for name in _FIELDS:
        parser.add_argument(f"--{name}", type=int, default=getattr(Size(), name))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = Size(**{name: getattr(given, name) for name in _FIELDS})
    voices, others = (read_voices(given.pool, held_back=flag) for flag in (False, True))
    began = time.monotonic()
    trial = 10
    train(voices, size=size, steps=trial, batch=given.batch)
    steps = max(trial, round(given.minutes * 60 / ((time.monotonic() - began) / trial)))
    print(f"{len(voices)} voices, {len(others)} held back, {steps} steps", flush=True)
    lately: list[float] = []

    def say(step: int, ratio: float, modules: dict[str, Any]) -> None:
        lately.append(ratio)
        if step % 100 == 99 or step == steps - 1:
            minutes = (time.monotonic() - began) / 60
            print(f"step {step + 1}, {minutes:.1f} min: {np.mean(lately):.2f} dB", flush=True)
            lately.clear()
        if step % 500 == 499:
            save(modules, given.folder, size)

    modules = train(
        voices,
        size=size,
        steps=steps,
        batch=given.batch,
        rate=given.rate,
        seed=given.seed,
        begin=given.begin,
        say=say,
    )
    save(modules, given.folder, size)
    print(f"SI-SDRi on voices held back: {measure(copy.deepcopy(modules), others):.2f} dB")


if __name__ == "__main__":
    main()
