"""A Whisper with random weights in CTranslate2's format, small enough to be built in a test (no PyTorch).

What it writes has no meaning, but it is a real model with real files: faster-whisper loads it, detects a language,
decodes and aligns words as it does with any other. The layout of weights and vocabulary follows what CTranslate2's
own converter writes for OpenAI's models.
"""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import numpy as np

from training.whisper_nano.vocabulary import LANGUAGE_CODES, save_tokenizer, train

N_MELS, N_FRAMES, N_POSITIONS = 80, 1500, 448
WIDTH, HEADS, HIDDEN = 32, 2, 64
N_TEXT_TOKENS = 420
_TEXT = (
    "the quick brown fox jumps over the lazy dog while she sells sea shells by the sea shore and "
    "how much wood would a woodchuck chuck - ' if a woodchuck could chuck wood in the morning"
)


def build(folder: Path, *, multilingual: bool = True, deaf: bool = False, seed: int = 0) -> Path:
    """Writes the model into `folder` (which is created) and returns it.

    Args:
        folder: where to.
        multilingual: without it the model is one that knows English only.
        deaf: whether the model says of every sound that it holds no speech.
        seed: of the random weights.
    """
    folder.mkdir(parents=True)
    learned = train([_TEXT] * 3, size=N_TEXT_TOKENS, multilingual=multilingual, kept="")
    vocabulary, ids = list(learned.tokens), learned.ids
    spec = _spec(np.random.default_rng(seed), vocabulary, deaf=deaf)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids["Ġ"], ids["<|endoftext|>"]]
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in LANGUAGE_CODES]
    spec.config.alignment_heads = [[0, head] for head in range(HEADS)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    save_tokenizer(learned, folder, n_mels=N_MELS)
    return folder


def _spec(random: np.random.Generator, vocabulary: list[str], *, deaf: bool) -> ctranslate2.specs.WhisperSpec:
    spec = ctranslate2.specs.WhisperSpec(1, HEADS, 1, HEADS)

    def weights(*shape: int, scale: float = 0.3) -> np.ndarray:
        return random.normal(0.0, scale, shape).astype(np.float32)

    def norm(target: object) -> None:
        target.gamma = np.ones(WIDTH, np.float32)
        target.beta = np.zeros(WIDTH, np.float32)

    def linear(target: object, n_out: int, n_in: int) -> None:
        target.weight = weights(n_out, n_in)
        target.bias = np.zeros(n_out, np.float32)

    def attention(target: object, sizes: tuple[int, ...]) -> None:
        norm(target.layer_norm)
        for part, size in zip(target.linear, sizes, strict=True):
            linear(part, size, WIDTH)

    def feed_forward(target: object) -> None:
        norm(target.layer_norm)
        linear(target.linear_0, HIDDEN, WIDTH)
        linear(target.linear_1, WIDTH, HIDDEN)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(WIDTH, N_MELS, 3), np.zeros(WIDTH, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = weights(WIDTH, WIDTH, 3), np.zeros(WIDTH, np.float32)
    encoder.position_encodings.encodings = weights(N_FRAMES, WIDTH)
    norm(encoder.layer_norm)
    attention(encoder.layer[0].self_attention, (3 * WIDTH, WIDTH))
    feed_forward(encoder.layer[0].ffn)

    embedding = weights(len(vocabulary), WIDTH)
    positions = weights(N_POSITIONS, WIDTH)
    # The first dimension grows with the position and speaks for the end of the text alone, so that texts end.
    embedding[:, 0] = 0.0
    embedding[vocabulary.index("<|endoftext|>"), 0] = 2.0
    positions[:, 0] = np.linspace(-4.0, 40.0, N_POSITIONS)
    decoder.embeddings.weight = embedding
    decoder.position_encodings.encodings = positions
    decoder.projection.weight = embedding
    # Only plain words are written, since bytes in random order are no text.
    plain = [token.startswith(("Ġ", "<|")) and len(token) > 2 and token[1:].isascii() for token in vocabulary]
    decoder.projection.bias = np.where(plain, 0.0, -1e4).astype(np.float32)
    norm(decoder.layer_norm)
    if deaf:
        decoder.projection.bias[vocabulary.index("<|nospeech|>")] = 20.0
        decoder.layer_norm.gamma *= 0.1  # … and sure of no word, as a model is in silence
        embedding[vocabulary.index("<|endoftext|>"), 0] *= 10
    attention(decoder.layer[0].self_attention, (3 * WIDTH, WIDTH))
    attention(decoder.layer[0].attention, (WIDTH, 2 * WIDTH, WIDTH))
    feed_forward(decoder.layer[0].ffn)
    return spec
