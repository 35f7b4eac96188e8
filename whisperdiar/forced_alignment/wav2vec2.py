"""Forced alignment by wav2vec 2.0 and its kin, in Transformers' format.

Sources: Baevski et al., "wav2vec 2.0: A framework for self-supervised learning of speech representations", NeurIPS
2020; Bain et al., "WhisperX: Time-accurate speech transcription of long-form audio", Interspeech 2023.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar import models
from whisperdiar.contracts import Progress, current_parts, no_progress
from whisperdiar.errors import (
    BackendBroken,
    BackendError,
    InvalidOption,
    ModelUnavailable,
    WhisperdiarError,
    describe_error,
)
from whisperdiar.forced_alignment.ctc import Alphabet, align_words
from whisperdiar.forced_alignment.models import DEFAULT_MODELS
from whisperdiar.frameworks.torch import (
    choose_device,
    free_memory,
    import_module,
    limit_cpu_threads,
    require,
    silence_transformers,
    translate_memory_errors,
)
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.text.messages import _

EXTRA = "align"
_CONFIGS = ("config.json", "vocab.json", "*.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The first that a repository has: both hold the same."""


@dataclass(frozen=True, slots=True)
class _LoadedModel:
    name: str
    found: models.ResolvedModel
    model: Any
    extractor: Any
    alphabet: Alphabet
    device: str


class WordAligner:
    """Places words that are known on the sound in which they are spoken.

    Args:
        model: a repository ``owner/name`` or a folder in Transformers' format; None for the language's default.
        runtime: device, threads, and whether the network may be used.
    """

    def __init__(self, model: str | None, *, runtime: Runtime) -> None:
        self.model = model
        self.runtime = runtime
        self.failure: str | None = None
        """Why the last sound that failed could not be aligned."""
        self._loaded: _LoadedModel | None = None
        self._refused: dict[str, str] = {}

    def prepare(self, language: str, *, progress: Progress = no_progress) -> str | None:
        """Finds (or fetches) and loads the model for a language.

        What it says of a model stands as long as the aligner lives, so that no recording waits for the network again.

        Returns:
            None when it is ready; otherwise one sentence why it cannot be had.

        Raises:
            InvalidOption: `model` names a folder that is not there, or is neither a folder nor a repository.
        """
        self.failure = None  # that of the recording before
        name = self.model or _default(language)
        if name is None:
            self._loaded = None
            return _("no model that times words is known for language {language!r}: give one of your own").format(
                language=language
            )
        folder = _folder(name)
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None
            if name not in self._refused:
                try:
                    self._loaded = self._load(name, folder, progress)
                except WhisperdiarError as error:
                    self._refused[name] = str(error)
        return None if self._loaded else self._refused[name]

    def align(self, sound: NDArray[np.float32], words: Sequence[str]) -> list[tuple[float, float] | None]:
        """Start and end of each word in seconds from the sound's start; None for a word that cannot be timed.

        Times are in order, and inside the sound. Where the model fails on the sound altogether, no word has times,
        and `failure` says why.

        Args:
            sound: float32 (n_samples,), 16 kHz, in [-1, 1]; memory grows with the square of its length: at most 30 s.
            words: as Whisper wrote them, with or without spaces and punctuation, in the order of speaking.

        Raises:
            BackendError: `prepare` has not been called, or gave a reason.
        """
        if self._loaded is None:
            raise BackendError(
                _("no alignment model is loaded: call prepare first, and align only where it returns None")
            )
        alphabet = self._loaded.alphabet
        nothing: list[tuple[float, float] | None] = [None] * len(words)
        if not sound.size or not any(alphabet.spell(word) for word in words):
            return nothing
        parts = current_parts()
        key = json.dumps(["times", self.record(), hashlib.blake2b(sound.tobytes(), digest_size=16).hexdigest(), *words])
        kept = None if parts is None else parts.find(key)
        if kept is not None:
            return [None if time is None else (time[0], time[1]) for time in json.loads(kept)]
        remedy = _("cut the sound into shorter pieces, or use --device cpu")
        try:
            with (
                limit_cpu_threads(self.runtime.threads),
                translate_memory_errors(_("the alignment model"), remedy=remedy),
            ):
                log_probs = _log_probs(self._loaded, sound)
        except BackendError as error:
            self.failure = str(error)
            return nothing
        except Exception as error:  # whatever PyTorch makes of odd sound
            self.failure = _("alignment model {name} failed on a piece: {cause}").format(
                name=self._loaded.name, cause=describe_error(error)
            )
            return nothing
        offset, step = _frame_timing(self._loaded.model.config, sound.size, len(log_probs))
        duration = sound.size / SAMPLE_RATE_HZ
        times = [
            found and (min(offset + found[0] * step, duration), min(offset + found[1] * step, duration))
            for found in align_words(log_probs, words, alphabet)
        ]
        if parts is not None:
            parts.keep(key, json.dumps(times).encode())
        return times

    def record(self) -> dict[str, str | None]:
        """Which model aligns, for the transcript's provenance; empty while none is loaded."""
        if self._loaded is None:
            return {}
        found = self._loaded.found
        return {
            "model": found.name,
            "repository": found.repository,
            "revision": found.revision,
            "device": self._loaded.device,
        }

    def release(self) -> None:
        """Drop the model and the memory that it holds; `prepare` loads it again."""
        if self._loaded is not None:
            self._loaded = None
            free_memory()

    def _load(self, name: str, folder: Path | None, progress: Progress) -> _LoadedModel:
        # In this order: imports take seconds, and are in vain where the model is not at hand.
        require("torch", package="PyTorch", extra=EXTRA)
        require("transformers", package="Transformers", extra=EXTRA)
        if folder is not None:
            found = models.ResolvedModel(folder, name)
        else:
            path = _fetch(name, self.runtime, progress)
            found = models.ResolvedModel(path, name, name, path.name)
        _check(found.path)
        device = choose_device(self.runtime, extra=EXTRA)
        transformers = import_module("transformers", package="Transformers", extra=EXTRA)
        with silence_transformers(transformers), limit_cpu_threads(self.runtime.threads):
            try:
                model, report = transformers.AutoModelForCTC.from_pretrained(
                    str(found.path), local_files_only=True, output_loading_info=True
                )
                tokenizer = transformers.AutoTokenizer.from_pretrained(str(found.path), local_files_only=True)
                extractor = transformers.AutoFeatureExtractor.from_pretrained(str(found.path), local_files_only=True)
                model = model.float().eval().to(device)
            except Exception as error:  # a folder of files that anybody may have written
                raise BackendBroken(
                    _("alignment model {name} cannot be loaded ({cause}): take another one").format(
                        name=name, cause=describe_error(error)
                    )
                ) from error
        untrained = sorted(key for key in report["missing_keys"] if key.startswith("lm_head"))
        if untrained:
            raise BackendBroken(
                _("alignment model {name} was not trained to write letters: take one that was").format(name=name)
            )
        if extractor.sampling_rate != SAMPLE_RATE_HZ:
            raise BackendBroken(
                _("alignment model {name} wants sound at {sampling_rate} Hz: take one for {needed} Hz").format(
                    name=name, sampling_rate=extractor.sampling_rate, needed=SAMPLE_RATE_HZ
                )
            )
        return _LoadedModel(name, found, model, extractor, _alphabet(name, tokenizer, model.config), device)


def _default(language: str) -> str | None:
    known = DEFAULT_MODELS.get(language.lower().replace("_", "-").partition("-")[0])
    return known.repository if known else None


def _folder(name: str) -> Path | None:
    """The folder that is meant, or None for a repository.

    Raises:
        InvalidOption: there is no such folder, or the name can be neither.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) and not folder.exists():
        return None
    cause = _("this is a file: give the folder that holds it") if folder.exists() else _("no such folder")
    raise InvalidOption(
        _("alignment model {name!r}: {cause} (a repository owner/name will also do)").format(name=name, cause=cause)
    )


def _fetch(repository: str, runtime: Runtime, progress: Progress) -> Path:
    """The folder of a repository; the first kind of weights that is on this machine, or that the hub has."""
    offline = Runtime(offline=True)
    for weights in _WEIGHTS:
        with contextlib.suppress(ModelUnavailable):
            return models.fetch_snapshot(repository, files=(*_CONFIGS, weights), runtime=offline)
    for weights in _WEIGHTS:
        folder = models.fetch_snapshot(repository, files=(*_CONFIGS, weights), runtime=runtime, progress=progress)
        if (folder / weights).is_file():
            break
    return folder


def _check(folder: Path) -> None:
    """Raises BackendBroken where Transformers would fail with less helpful words."""
    for name in ("config.json", "vocab.json"):
        if not (folder / name).is_file():
            raise BackendBroken(
                _("alignment model {folder} has no {name}: give a folder in Transformers' format").format(
                    folder=folder, name=name
                )
            )
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("pytorch_model*.bin")):
        raise BackendBroken(
            _("alignment model {folder} has no weights (model.safetensors): get it again").format(folder=folder)
        )
    try:
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackendBroken(
            _("alignment model {folder} has a broken vocab.json ({error}): get it again").format(
                folder=folder, error=describe_error(error)
            )
        ) from error
    if not isinstance(vocabulary, dict) or not all(isinstance(column, int) for column in vocabulary.values()):
        raise BackendBroken(
            _("alignment model {folder} has an alphabet for each of many languages: take one for one").format(
                folder=folder
            )
        )


def _alphabet(name: str, tokenizer: Any, config: Any) -> Alphabet:
    vocabulary = tokenizer.get_vocab()
    # The loss that trained the model takes the configuration's padding for the blank.
    blank = config.pad_token_id if config.pad_token_id is not None else tokenizer.pad_token_id
    # Tokens beyond the output layer were added to the tokenizer afterwards.
    columns = {token: column for token, column in vocabulary.items() if 0 <= column < config.vocab_size}
    delimiter = getattr(tokenizer, "word_delimiter_token", None)
    separator = next((columns[token] for token in (delimiter, "|", " ") if token in columns), None)
    special = set(tokenizer.all_special_tokens)
    symbols = {
        token: column
        for token, column in columns.items()
        if len(token) == 1 and token not in special and column not in (blank, separator)
    }
    if blank is None or not 0 <= blank < config.vocab_size or not any(token.isalpha() for token in symbols):
        raise BackendBroken(
            _("alignment model {name} has no alphabet of letters with a blank: take another one").format(name=name)
        )
    return Alphabet(symbols, blank, separator)


def _log_probs(loaded: _LoadedModel, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural logarithms of the probabilities, float32 (n_frames, n_columns)."""
    import torch

    features = loaded.extractor(np.ascontiguousarray(sound), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    with torch.inference_mode():
        logits = loaded.model(**features.to(loaded.device)).logits[0]
        log_probs: NDArray[np.float32] = torch.log_softmax(logits.float(), dim=-1).cpu().numpy()
    return log_probs


def _frame_timing(config: Any, n_samples: int, n_frames: int) -> tuple[float, float]:
    """Start of the first frame and length of a frame, in seconds.

    A frame sees more samples than it is long: it stands for those in the middle.
    """
    reach = hop = 1
    expected = n_samples
    layers = zip(getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ()), strict=True)
    for kernel, stride in layers:
        reach += (kernel - 1) * hop
        hop *= stride
        expected = (expected - kernel) // stride + 1
    if getattr(config, "add_adapter", False):
        for _each in range(config.num_adapter_layers):
            hop *= config.adapter_stride
            expected = (expected - 1) // config.adapter_stride + 1
    if expected != n_frames:  # a model without these layers
        return 0.0, n_samples / n_frames / SAMPLE_RATE_HZ
    return max(0.0, (reach - hop) / 2) / SAMPLE_RATE_HZ, hop / SAMPLE_RATE_HZ
