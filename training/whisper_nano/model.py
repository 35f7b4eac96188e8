"""Whisper's architecture in PyTorch at any size, with what training needs beside it.

Beyond OpenAI's: a classifier that names the piece of text spoken in every encoder frame (training only), and an
encoder whose attention starts out local, which saves a third of the training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

N_MELS = 80
N_POSITIONS = 1500
MAX_TOKENS = 448
FRAMES_PER_POSITION = 2


@dataclass(frozen=True, slots=True)
class Sizes:
    """`vocabulary` counts all tokens, `text` those of text; heads are of `width / heads` dimensions."""

    vocabulary: int
    text: int
    width: int = 128
    heads: int = 4
    hidden: int = 512
    encoder_layers: int = 3
    decoder_layers: int = 2


class Attention(nn.Module):
    """Multi-head attention with Whisper's biases: none on the keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Tensor, source: Tensor, *, causal: bool = False, guided: int = 0
    ) -> tuple[Tensor, Tensor | None]:
        """x (batch, n, width) over source (batch, m, width); with `guided`, also that many heads' log weights."""
        query, key, value = self._split(self.query(x)), self._split(self.key(source)), self._split(self.value(source))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        weights = None
        if guided:
            scores = query[:, :guided] @ key[:, :guided].transpose(-1, -2) / math.sqrt(query.shape[-1])
            weights = scores.float().log_softmax(-1)
        return self.out(mixed.transpose(1, 2).flatten(2)), weights

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """One pre-norm layer; `cross` adds attention to the encoder."""

    def __init__(self, sizes: Sizes, *, cross: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.attention = Attention(sizes.width, sizes.heads)
        self.cross_norm = nn.LayerNorm(sizes.width) if cross else None
        self.cross = Attention(sizes.width, sizes.heads) if cross else None
        self.mlp_norm = nn.LayerNorm(sizes.width)
        self.mlp = nn.Sequential(nn.Linear(sizes.width, sizes.hidden), nn.GELU(), nn.Linear(sizes.hidden, sizes.width))

    def forward(self, x: Tensor, source: Tensor | None = None, *, guided: int = 0) -> tuple[Tensor, Tensor | None]:
        """With `source` (a decoder's layer) the self-attention is causal."""
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed, causal=source is not None)[0]
        weights = None
        if source is not None and self.cross is not None and self.cross_norm is not None:
            mixed, weights = self.cross(self.cross_norm(x), source, guided=guided)
            x = x + mixed
        return x + self.mlp(self.mlp_norm(x)), weights


class Whisper(nn.Module):
    """Encoder, decoder and the classifier of frames."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.conv1 = nn.Conv1d(N_MELS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("positions", sinusoids(N_POSITIONS, width), persistent=False)
        self.encoder = nn.ModuleList(Layer(sizes, cross=False) for _ in range(sizes.encoder_layers))
        self.encoder_norm = nn.LayerNorm(width)
        self.embedding = nn.Embedding(sizes.vocabulary, width)
        self.token_positions = nn.Parameter(torch.empty(MAX_TOKENS, width))
        self.decoder = nn.ModuleList(Layer(sizes, cross=True) for _ in range(sizes.decoder_layers))
        self.decoder_norm = nn.LayerNorm(width)
        self.frame_classifier = nn.Linear(width, sizes.text + 1)
        self._initialise()

    def encode(self, mel: Tensor, first: int = 0) -> Tensor:
        """Mel (batch, n_frames, 80) → (batch, n_frames / 2, width); `first` is the position of the first frame pair."""
        x = F.gelu(self.conv1(mel.transpose(1, 2)))
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.positions[first : first + x.shape[1]]
        for layer in self.encoder:
            x, _ = layer(x)
        encoded: Tensor = self.encoder_norm(x)
        return encoded

    def decode(self, tokens: Tensor, encoded: Tensor, *, guided: int = 0) -> tuple[Tensor, Tensor | None]:
        """Logits (batch, n, vocabulary) and the log attention weights of the last layer's first `guided` heads."""
        x = self.embedding(tokens) + self.token_positions[: tokens.shape[1]]
        weights = None
        for layer in self.decoder:
            x, weights = layer(x, encoded, guided=guided if layer is self.decoder[-1] else 0)
        return F.linear(self.decoder_norm(x), self.embedding.weight), weights

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.6 / math.sqrt(module.in_features))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.embedding.weight, std=0.06)
        nn.init.normal_(self.token_positions, std=0.02)
        for depth, layer in enumerate(self.encoder):
            _look_nearby(layer.attention, depth)


def sinusoids(length: int, width: int) -> Tensor:
    """Whisper's position table: all sines, then all cosines."""
    rates = torch.exp(-math.log(10000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@torch.no_grad()
def _look_nearby(attention: Attention, depth: int, strength: float = 1.1) -> None:
    """Let queries match the keys a few positions away: sums of cosines of a distance peak where it is zero.

    Each head looks elsewhere, and deeper layers look farther and less sharply.
    """
    width = attention.query.weight.shape[1]
    half, size = width // 2, width // attention.heads
    rates = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half))
    reach = 3 * 2**depth
    n_rates = size // 2
    chosen = torch.arange(n_rates) + min(4 * (depth + 1), half - n_rates)
    for head, away in enumerate(torch.linspace(-reach, reach, attention.heads).round().tolist()):
        turn = rates[chosen] * away
        rows = torch.arange(n_rates) + head * size
        sine, cosine = chosen, chosen + half
        attention.key.weight[rows, sine] += strength
        attention.key.weight[rows + n_rates, cosine] += strength
        # sin(a + t) = sin a cos t + cos a sin t; cos(a + t) = cos a cos t - sin a sin t
        attention.query.weight[rows, sine] += strength * turn.cos()
        attention.query.weight[rows, cosine] += strength * turn.sin()
        attention.query.weight[rows + n_rates, cosine] += strength * turn.cos()
        attention.query.weight[rows + n_rates, sine] -= strength * turn.sin()
