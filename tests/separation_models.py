"""Folders of SepFormers for tests, laid out as SpeechBrain's own: one that knows what it is to separate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.lobes.models.dual_path import Decoder, Encoder

from training.separation.train import Size, fourier
from whisperdiar.separation.sepformer import resample
from whisperdiar.types import Samples

RATE_HZ = 8_000
SIZE = Size(filters=256, kernel=128, width=16, chunk=16, blocks=1, layers=1, heads=2, ffn=32)

_HYPERPARAMS = """
sample_rate: {rate}
num_spks: {voices}
Encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    kernel_size: {kernel}
    out_channels: {filters}
MaskNet: !new:tests.separation_models.KnownMasks
    shape: [{voices}, {filters}, {frames}]
Decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    in_channels: {filters}
    out_channels: 1
    kernel_size: {kernel}
    stride: {stride}
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


class KnownMasks(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Masks (n_voices, n_filters, n_frames) of one mixture, for any sound of the same length."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.masks = torch.nn.Parameter(torch.zeros(*shape))

    def forward(self, encoded: Any) -> Any:
        return self.masks[:, None]


def save_ideal(folder: Path, sources: Samples, rate: int) -> Path:
    """A model whose masks are the ideal ones of these voices, float32 (n_voices, n_samples), for their mixture."""
    encoder = Encoder(kernel_size=SIZE.kernel, out_channels=SIZE.filters)
    decoder = Decoder(
        in_channels=SIZE.filters, out_channels=1, kernel_size=SIZE.kernel, stride=SIZE.kernel // 2, bias=False
    )
    waves = torch.from_numpy(fourier(SIZE))[:, None]
    with torch.no_grad():
        encoder.conv1d.weight.copy_(waves)
        decoder.weight.copy_(waves)
        heard = np.stack([resample(source, rate, RATE_HZ) for source in sources])
        encoded = encoder(torch.from_numpy(heard)) ** 2
        masknet = KnownMasks(list(encoded.shape))
        masknet.masks.copy_(encoded / (encoded.sum(dim=0) + 1e-12))
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in (("encoder", encoder), ("masknet", masknet), ("decoder", decoder)):
        torch.save(module.state_dict(), folder / f"{name}.ckpt")
    voices, filters, frames = encoded.shape
    text = _HYPERPARAMS.format(
        rate=RATE_HZ, voices=voices, filters=filters, frames=frames, kernel=SIZE.kernel, stride=SIZE.kernel // 2
    )
    (folder / "hyperparams.yaml").write_text(text, encoding="utf-8")
    return folder
