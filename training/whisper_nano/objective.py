"""What is minimised: the next token, the piece of text in every frame, and the place where two heads look."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.whisper_nano.batches import IGNORED, Batch
from training.whisper_nano.model import Whisper

GUIDED_HEADS = 2
"""The first heads of the last decoder layer look at the sound that they transcribe: words are timed by them."""
FRAME_WEIGHT = 0.7
LOOK_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars in nats; `accuracy` is the share of right tokens."""

    token: Tensor
    frame: Tensor
    look: Tensor
    accuracy: Tensor

    @property
    def total(self) -> Tensor:
        """The weighted sum."""
        return self.token + FRAME_WEIGHT * self.frame + LOOK_WEIGHT * self.look


def losses(model: Whisper, batch: Batch, *, train_encoder: bool = True) -> Losses:
    """Mean losses over a batch; without `train_encoder` nothing reaches the encoder, which saves half of the time."""
    with torch.set_grad_enabled(train_encoder and torch.is_grad_enabled()):
        encoded = model.encode(batch.mel, batch.first_position)
    logits, weights = model.decode(batch.tokens, encoded, guided=GUIDED_HEADS)
    assert weights is not None
    token = F.cross_entropy(logits.flatten(0, 1).float(), batch.targets.flatten(), ignore_index=IGNORED)
    frame = torch.zeros_like(token)
    if train_encoder:
        frame = F.cross_entropy(model.frame_classifier(encoded).flatten(0, 1).float(), batch.labels.flatten())
    counted = batch.targets != IGNORED
    right = (logits.argmax(-1) == batch.targets)[counted].float().mean()
    return Losses(token, frame, _look(weights, batch.look), right)


def _look(weights: Tensor, look: Tensor) -> Tensor:
    """Cross-entropy of the attention to an even spread over the places where the target is spoken."""
    places = torch.arange(weights.shape[-1], device=weights.device)
    inside = ((places >= look[..., :1]) & (places < look[..., 1:])).to(weights.dtype)
    length = inside.sum(-1)
    guided = length > 0
    mean = torch.einsum("bhnm,bnm->bhn", weights, inside) / length.clamp(min=1.0)[:, None]
    return -mean.sum(1)[guided].mean() / weights.shape[1]
