"""A Whisper with random weights in CTranslate2's format, small enough to be built in a test (no PyTorch).

What it writes has no meaning, but it is a real model with real files: faster-whisper loads it, detects a language,
decodes and aligns words as it does with any other. The layout of weights and vocabulary follows what CTranslate2's
own converter writes for OpenAI's models.
"""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import numpy as np

from training.whisper_nano.vocabulary import LANGUAGE_CODES, Vocabulary, save_tokenizer, train

N_MELS, N_FRAMES, N_POSITIONS = 80, 1500, 448
WIDTH, HEADS, HIDDEN = 64, 2, 64
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
    spec = _spec(np.random.default_rng(seed), list(learned.tokens), deaf=deaf)
    _save(spec, learned, folder)
    return folder


def build_parrot(folder: Path, says: str, *, or_says: str | None = None, deaf: bool = False) -> Path:
    """A model that writes `says` whatever it hears, as models do that were trained on too many closing titles.

    Args:
        folder: where to; it is created.
        says: its text, at most 50 tokens.
        or_says: what it writes now and then instead, token by token, where it is sampled at a temperature.
        deaf: whether it is sure that there is no speech, and writes all the same.
    """
    folder.mkdir(parents=True)
    learned = train([f" {says}", f" {or_says or ''}"] * 20, size=N_TEXT_TOKENS, kept="")
    vocabulary, ids = list(learned.tokens), learned.ids
    spec = _spec(np.random.default_rng(0), vocabulary, deaf=False)
    decoder = spec.decoder
    # Nothing but the position decides: it is one dimension each, which speaks for the token that comes next.
    for part in (decoder.layer[0].self_attention.linear[-1], decoder.layer[0].attention.linear[-1]):
        part.weight, part.bias = np.zeros_like(part.weight), np.zeros_like(part.bias)
    decoder.layer[0].ffn.linear_1.weight[:] = 0.0
    decoder.embeddings.weight = np.zeros((len(vocabulary), WIDTH), np.float32)
    projection = np.zeros((len(vocabulary), WIDTH), np.float32)
    first = 3  # <|startoftranscript|>, language and task come before the place where text begins to be written
    for text, sureness in ((says, 3.0), (or_says, 2.97)):
        for place, token in enumerate(learned.tokenizer.encode(f" {text}").ids if text else [], start=first):
            projection[token, place] = sureness
            projection[ids["<|endoftext|>"], place + 1 :] = 3.0
    for text in filter(None, (says, or_says)):
        written = learned.tokenizer.encode(f" {text}").ids
        projection[ids["<|endoftext|>"], first : first + len(written)] = 0.0
    projection[ids["<|nospeech|>"], 0] = 3.0 if deaf else 0.0
    decoder.projection.weight = projection
    decoder.projection.bias = np.where(np.arange(len(vocabulary)) == ids[""], -1e4, 0.0).astype(np.float32)
    decoder.position_encodings.encodings = np.eye(N_POSITIONS, WIDTH, dtype=np.float32)
    decoder.layer_norm.beta[:] = 1.0 / np.sqrt(WIDTH - 1.0)  # so that the other dimensions stay at 0
    _save(spec, learned, folder)
    return folder


def _save(spec: ctranslate2.specs.WhisperSpec, learned: Vocabulary, folder: Path) -> None:
    ids = learned.ids
    spec.register_vocabulary(list(learned.tokens))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids["Ġ"], ids["<|endoftext|>"]]
    spec.config.lang_ids = [ids[f"<|{code}|>"] for code in LANGUAGE_CODES]
    spec.config.alignment_heads = [[0, head] for head in range(HEADS)]
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    save_tokenizer(learned, folder, n_mels=N_MELS)


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
