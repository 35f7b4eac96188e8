"""A small vocabulary in Whisper's order, and its tokenizer file.

    text (byte-level BPE) · "" · <|endoftext|> <|startoftranscript|> languages tasks <|notimestamps|> · 1501 times

The order is what CTranslate2 and faster-whisper rely on: text lies below <|endoftext|>, times lie above
<|notimestamps|>. CTranslate2 takes a model for a multilingual one where the vocabulary holds an empty entry.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

N_TIMESTAMPS = 1501
TIMESTAMP_S = 0.02
LANGUAGE_CODES: tuple[str, ...] = tuple(_LANGUAGE_CODES)
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in LANGUAGE_CODES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
# faster-whisper suppresses the first token of " -", " '" and " ♪"; unless these begin with a token of their own, that
# would be the bare space, and with it every word that is spelled letter by letter.
KEPT = " - ' ♩ ♪ ♫ ♬ ♭ ♮ ♯ " + " ".join(string.ascii_letters + string.digits)
_KEPT_TIMES = 1000  # more often than any pair in the texts


@dataclass(frozen=True)
class Vocabulary:
    """`text`: the BPE tokens, then "" in a multilingual vocabulary. A token's id is its place in `tokens`."""

    text: tuple[str, ...]
    merges: tuple[tuple[str, str], ...]

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """All tokens in the order of their ids."""
        times = (f"<|{index * TIMESTAMP_S:.2f}|>" for index in range(N_TIMESTAMPS))
        return (*self.text, *SPECIAL_TOKENS, *times)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Token → id."""
        return {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def n_text(self) -> int:
        """How many ids are text; the next one is <|endoftext|>."""
        return len(self.text)

    def timestamp(self, seconds: float) -> int:
        """The id of the time nearest to `seconds`."""
        return self.ids["<|0.00|>"] + min(N_TIMESTAMPS - 1, max(0, round(seconds / TIMESTAMP_S)))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """As faster-whisper loads it."""
        known = {token: index for token, index in self.ids.items() if token}
        tokenizer = Tokenizer(models.BPE(vocab=known, merges=list(self.merges)))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(list(self.tokens[self.n_text :]))
        return tokenizer

    def word_ids(self, words: Iterable[str]) -> list[list[int]]:
        """The ids of each word with the space before it, as a transcript has them."""
        return [self.tokenizer.encode(f" {word}", add_special_tokens=False).ids for word in words]


def train(texts: Iterable[str], *, size: int, multilingual: bool = True, kept: str = KEPT) -> Vocabulary:
    """Learn at most `size` byte-level BPE tokens (at least the 256 bytes) from `texts`, and those of `kept` surely.

    A transcript begins with a space, and so should a text.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*texts, *[kept] * _KEPT_TIMES], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ordered = sorted(model["vocab"], key=model["vocab"].get)
    return Vocabulary((*ordered, *([""] if multilingual else [])), tuple((a, b) for a, b in model["merges"]))


def save(vocabulary: Vocabulary, path: Path) -> None:
    """Write the learned part as JSON, for `load`."""
    path.write_text(json.dumps([vocabulary.text, vocabulary.merges], ensure_ascii=False), encoding="utf-8")


def load(path: Path) -> Vocabulary:
    """Read what `save` wrote."""
    text, merges = json.loads(path.read_text(encoding="utf-8"))
    return Vocabulary(tuple(text), tuple((a, b) for a, b in merges))


def save_tokenizer(vocabulary: Vocabulary, folder: Path, *, n_mels: int) -> None:
    """Write tokenizer.json and preprocessor_config.json, which faster-whisper reads."""
    vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    processor = {"feature_size": n_mels, "sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
