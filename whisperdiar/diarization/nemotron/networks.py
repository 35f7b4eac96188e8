"""The networks of Nemotron 3 Diarization: what is remembered and a chunk of features → who talks in each frame.

Whatever the file, a network is one call without a state of its own; `inference` holds the state. Graphs of
ONNX Runtime are recognised by their inputs:

    one graph      input_features, cached_embeds[, attention_mask] → logits, chunk_embeds, silence_embeds
    two graphs     embed: features → embeddings;  step: embeddings → logits;  silence_embeds.bin beside them
    Sortformer's   chunk, spkcache, fifo, each with its lengths → probabilities, embeddings; silence_embeds.bin beside

and a checkpoint in the format of Transformers by its ``config.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from whisperdiar.diarization.nemotron.cache import CachePolicy
from whisperdiar.diarization.nemotron.features import N_BANDS
from whisperdiar.errors import BackendBroken, BackendError, WhisperdiarError, describe_error
from whisperdiar.frameworks.onnxruntime import Session
from whisperdiar.frameworks.torch import (
    choose_device,
    import_module,
    limit_cpu_threads,
    silence_transformers,
    translate_memory_errors,
)
from whisperdiar.options import Runtime
from whisperdiar.text.counts import count_weights
from whisperdiar.text.messages import _, join, mark

Matrix = NDArray[np.float32]

STACKED = 8
"""Frames of features in one frame of the encoder."""
SILENCE_FILE = "silence_embeds.bin"
EMBED_FILE = "embed.onnx"
EXTRA = "nemotron"
REMEDY = mark("use mode=offline, or --device cpu")

_ONE_GRAPH = {"input_features", "cached_embeds"}
_SORTFORMER = {"chunk", "chunk_lengths", "spkcache", "spkcache_lengths", "fifo", "fifo_lengths"}
_CONTRACTS = mark(
    "one of inputs input_features and cached_embeds, a pair embed.onnx and step.onnx, "
    "or one of inputs chunk, spkcache and fifo"
)


class Network(Protocol):
    """One step of the model.

    Attributes:
        n_speakers: columns of the answer, in the order of first arrival.
        width: of an embedding.
        device: ``cpu`` or ``cuda:N``.
        kind: ``onnx`` or ``transformers``.
        policy: how the speaker cache is to be compressed.
        silence: float32 (width,), the learned embedding of silence; known after the first call.
    """

    n_speakers: int
    width: int
    device: str
    kind: str
    policy: CachePolicy
    silence: Matrix

    def __call__(self, cached: Matrix, fifo: Matrix, features: Matrix) -> tuple[Matrix, Matrix]:
        """What is remembered, and a chunk with its right context → the answer for all of it.

        Args:
            cached, fifo: float32 (any number, width), densely packed.
            features: float32 (n_frames, 128).

        Returns:
            Probabilities, float32 (8 · (len(cached) + len(fifo) + n), n_speakers), and the embeddings of the features,
            float32 (n, width), where n = ceil(n_frames / 8).
        """


def load_onnx(path: Path, runtime: Runtime, *, name: str) -> Network:
    """The network in an ``.onnx`` file, and in those that belong to it beside it.

    Raises:
        BackendBroken: a damaged file, a graph of another kind, or a part of it is missing.
    """
    session = _session(path, runtime, name)
    inputs = set(session.inputs)
    if inputs >= _ONE_GRAPH and inputs <= {*_ONE_GRAPH, "attention_mask"}:
        return _OneGraph(session, name)
    if inputs == _SORTFORMER:
        return _SortformerGraph(session, _read_silence(path, name), name)
    if len(inputs) == 1 and len(session.input_shape) == 3 and session.input_shape[2] != N_BANDS:
        embed = path.parent / EMBED_FILE
        if not embed.is_file():
            raise BackendBroken(
                _("{name} is the second of two graphs: put {file} beside it").format(name=name, file=EMBED_FILE)
            )
        first = _session(embed, runtime, str(embed))
        if len(first.inputs) != 1 or first.input_shape[-1] != N_BANDS:
            raise BackendBroken(
                _("{embed} takes no {n_bands} mel bands: give the {file} that belongs to {name}").format(
                    embed=embed, n_bands=N_BANDS, file=EMBED_FILE, name=name
                )
            )
        return _TwoGraphs(first, session, _read_silence(path, name))
    listed = ", ".join(session.inputs)
    raise BackendBroken(
        _("{name} is no graph of Nemotron 3 Diarization (inputs {listed}): give {contracts}").format(
            name=name, listed=listed, contracts=_(_CONTRACTS)
        )
    )


def _session(path: Path, runtime: Runtime, name: str) -> Session:
    return Session(path, runtime, name=name, one_call=True, remedy=_(REMEDY))


def _read_silence(path: Path, name: str) -> Matrix:
    file = path.parent / SILENCE_FILE
    try:
        return np.fromfile(file, dtype="<f4").astype(np.float32)
    except OSError as error:
        raise BackendBroken(
            _("{name} needs {silence_file}: put it beside the model ({cause})").format(
                name=name, silence_file=SILENCE_FILE, cause=describe_error(error)
            )
        ) from error


class _Onnx:
    """What the graphs share: everything is float32 here, whatever the graph computes with."""

    kind = "onnx"
    policy = CachePolicy()
    n_speakers: int
    width: int
    silence: Matrix

    def __init__(self, session: Session) -> None:
        self.device = session.device
        self._session = session


class _OneGraph(_Onnx):
    def __init__(self, session: Session, name: str) -> None:
        super().__init__(session)
        missing = {"logits", "chunk_embeds", "silence_embeds"} - set(session.outputs)
        if missing:
            raise BackendBroken(
                _("{name} gives no {missing}: give {contracts}").format(
                    name=name, missing=join(_(" and no "), sorted(missing)), contracts=_(_CONTRACTS)
                )
            )
        self.width = _require_size(session.inputs["cached_embeds"][1][2], "cached_embeds", name)
        self.silence = np.zeros(self.width, np.float32)
        # Some exports leave the number of speakers open: one step of silence tells it.
        probabilities, _embeddings = self(*_empty_frames(self.width), np.zeros((STACKED, N_BANDS), np.float32))
        self.n_speakers = probabilities.shape[1]

    def __call__(self, cached: Matrix, fifo: Matrix, features: Matrix) -> tuple[Matrix, Matrix]:
        remembered = np.concatenate([cached, fifo])
        stacked = _pad_stacks(features)
        feeds: dict[str, NDArray[Any]] = {"input_features": stacked[None], "cached_embeds": remembered[None]}
        if "attention_mask" in self._session.inputs:
            feeds["attention_mask"] = np.ones((1, len(remembered) + len(stacked) // STACKED), np.int64)
        logits, embeddings, silence = self._session.run(feeds, ("logits", "chunk_embeds", "silence_embeds"))
        self.silence = silence.reshape(-1)
        return expit(logits[0]), embeddings[0]


class _TwoGraphs(_Onnx):
    def __init__(self, embed: Session, step: Session, silence: Matrix) -> None:
        super().__init__(step)
        self._embed, self.silence, self.width = embed, silence, len(silence)
        self.n_speakers = self._step(np.zeros((1, self.width), np.float32)).shape[1]

    def __call__(self, cached: Matrix, fifo: Matrix, features: Matrix) -> tuple[Matrix, Matrix]:
        (embeddings,) = self._embed.run({next(iter(self._embed.inputs)): features[None]})
        return self._step(np.concatenate([cached, fifo, embeddings[0]])), embeddings[0]

    def _step(self, embeddings: Matrix) -> Matrix:
        (logits,) = self._session.run({next(iter(self._session.inputs)): embeddings[None]})
        found: Matrix = expit(logits[0])
        return found


class _SortformerGraph(_Onnx):
    """NeMo's own export: it takes lengths, and gives probabilities, each 0.01 s or each 0.08 s."""

    def __init__(self, session: Session, silence: Matrix, name: str) -> None:
        super().__init__(session)
        if len(session.outputs) != 3:
            raise BackendBroken(
                _("{name} has {n_outputs} outputs and not 3: give {contracts}").format(
                    name=name, n_outputs=len(session.outputs), contracts=_(_CONTRACTS)
                )
            )
        self.silence, self.width = silence, len(silence)
        probabilities, _embeddings = self(*_empty_frames(self.width), np.zeros((STACKED, N_BANDS), np.float32))
        self.n_speakers = probabilities.shape[1]

    def __call__(self, cached: Matrix, fifo: Matrix, features: Matrix) -> tuple[Matrix, Matrix]:
        stacked = _pad_stacks(features)
        feeds: dict[str, NDArray[Any]] = {}
        for key, values in (("chunk", stacked), ("spkcache", cached), ("fifo", fifo)):
            feeds |= {key: values[None], f"{key}_lengths": np.array([len(values)], np.int64)}
        probabilities, embeddings, _ = self._session.run(feeds)
        n_rows = len(cached) + len(fifo) + embeddings.shape[1]
        repeats = STACKED * n_rows // max(1, probabilities.shape[1])
        return np.repeat(probabilities[0], repeats, axis=0), embeddings[0]


def _require_size(size: Any, key: str, name: str) -> int:
    if not isinstance(size, int):
        raise BackendBroken(_("{name} does not say how wide {key} is: give another export").format(name=name, key=key))
    return size


def _empty_frames(width: int) -> tuple[Matrix, Matrix]:
    return np.zeros((0, width), np.float32), np.zeros((0, width), np.float32)


def _pad_stacks(features: Matrix) -> Matrix:
    """Zeros behind the last frames, as the network itself puts them there where it stacks them."""
    return np.pad(features, ((0, -len(features) % STACKED), (0, 0)))


class TransformersNetwork:
    """A checkpoint of Hugging Face Transformers, in PyTorch."""

    kind = "transformers"

    def __init__(self, folder: Path, runtime: Runtime, *, name: str) -> None:
        """Raises BackendMissing, BackendBroken: Transformers lacks the model, or the checkpoint cannot be loaded."""
        package = "transformers.models.nemotron3_diarization.modeling_nemotron3_diarization"
        transformers: Any = import_module("transformers", package="transformers", extra=EXTRA)
        library: Any = import_module(package, package="transformers", extra=EXTRA)
        self.device = choose_device(runtime, extra=EXTRA)
        self._threads = runtime.threads
        try:
            with silence_transformers(transformers), translate_memory_errors("nemotron", remedy=_(REMEDY)):
                model, report = library.Nemotron3DiarizationForAudioFrameClassification.from_pretrained(
                    str(folder), local_files_only=True, use_safetensors=True, output_loading_info=True
                )
        except WhisperdiarError:
            raise
        except Exception as error:  # a checkpoint of another kind fails in any way
            raise BackendBroken(
                _("{name} cannot be loaded by Transformers: {cause}; fetch it anew").format(
                    name=name, cause=describe_error(error)
                )
            ) from error
        lacking = sorted(report["missing_keys"])
        if lacking:  # they would stay random
            raise BackendBroken(
                _("{name} lacks {weights}, such as {lacking}; fetch it anew").format(
                    name=name, weights=count_weights(len(lacking)), lacking=lacking[0]
                )
            )
        self._model: Any = model.float().to(self.device).eval()
        config = self._model.config
        if config.audio_config.subsampling_factor != STACKED or config.audio_config.num_mel_bins != N_BANDS:
            raise BackendBroken(
                _("{name} stacks other features than Nemotron 3 Diarization: give another checkpoint").format(name=name)
            )
        own = config.streaming_config
        self.policy = CachePolicy(
            silence_frames=own.speaker_cache_silence_frames_per_speaker,
            least_probability=own.prediction_score_threshold,
            latest_boost=own.latest_frames_score_boost,
            strong_rate=own.strong_boost_rate,
            weak_rate=own.weak_boost_rate,
            positive_rate=own.min_positive_scores_rate,
        )
        self.n_speakers = int(config.head_config.num_speakers)
        self.width = int(config.audio_config.hidden_size)
        self.silence: Matrix = self._model.silence_embeds.detach().cpu().numpy()

    def __call__(self, cached: Matrix, fifo: Matrix, features: Matrix) -> tuple[Matrix, Matrix]:
        import torch

        try:
            with (
                limit_cpu_threads(self._threads),
                translate_memory_errors("nemotron", remedy=_(REMEDY)),
                torch.inference_mode(),
            ):
                own = self._model.model.audio_tower.embedder(torch.from_numpy(features)[None].to(self.device))
                remembered = torch.from_numpy(np.concatenate([cached, fifo]))[None].to(self.device)
                hidden = self._model.model(inputs_embeds=torch.cat([remembered, own], dim=1)).last_hidden_state
                probabilities = self._model.classifier(hidden).sigmoid()
                return probabilities[0].cpu().numpy(), own[0].cpu().numpy()
        except WhisperdiarError:
            raise
        except Exception as error:  # whatever PyTorch makes of odd sound
            raise BackendError(
                _("nemotron failed: {cause}; {remedy}").format(cause=describe_error(error), remedy=_(REMEDY))
            ) from error
