"""Speaker embeddings by ONNX Runtime, with the frames of a window computed once for all its speakers.

A network of this kind is a stack of convolutions over a mel filterbank, a pooling of mean and standard deviation over
time, and a linear layer. Only the pooling depends on whose voice is asked for. So its graph is cut before and behind
the pooling, which is done here, weighted by who speaks when. A graph that cannot be cut, or whose parts do not give
the same numbers as the whole, is run as a whole on the frames of each speaker.

Source: Wang et al., "WeSpeaker: a research and production oriented speaker embedding learning toolkit", ICASSP 2023;
Wang et al., "CAM++: a fast and efficient network for speaker verification using context-aware masking", Interspeech
2023; the weighted pooling is that of pyannote.audio.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress
from whisperdiar.errors import BackendError, InvalidOption
from whisperdiar.frameworks.onnxruntime import Session, find_file
from whisperdiar.frameworks.torch import import_module
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.options.onnx import CAMPPLUS, WESPEAKER
from whisperdiar.text.messages import _
from whisperdiar.types import Samples

Array = NDArray[np.float32]

FILES = {
    CAMPPLUS: (
        "3dspeaker_speech_campplus_sv_zh_en_16k-common_advanced.onnx",
        "0743f301363dec56491a490f6d6cbc9d67f9a3bf",
    ),
    WESPEAKER: ("speaker-embedding.onnx", "0ae88dcaf48cacdf741275d6d1a8101f45eee220"),
}
"""The file of each known repository, and its revision."""

WINDOW_SAMPLES = SAMPLE_RATE_HZ * 25 // 1000
HOP_SAMPLES = SAMPLE_RATE_HZ // 100
"""Of the filterbank, as Kaldi computes it."""
_TEST_FRAMES = 96
_AGREEMENT = 1e-3  # of the whole graph and its parts, relative to the length of the vector
_RESHAPING = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity")
_TINY = 1e-8  # keeps the weights of nobody from dividing by zero, as in pyannote.audio


def find(named: str, runtime: Runtime, progress: Progress) -> Path:
    """The file of an embedding model; raises as `find_file` does.

    A repository that is not known has it under the name of WeSpeaker's.
    """
    repository = named if named in FILES else WESPEAKER
    file, revision = FILES[repository]
    return find_file(named, repository, file, revision, runtime, progress)


def n_fbank_frames(n_samples: int) -> int:
    """How many frames of the filterbank lie wholly inside so many samples."""
    return max(0, 1 + (n_samples - WINDOW_SAMPLES) // HOP_SAMPLES)


def filterbank(samples: Samples, n_mels: int) -> Array:
    """Logarithmic mel filterbank as Kaldi computes it, without dither: float32 (n_frames, n_mels), not centred."""
    knf: Any = import_module("kaldi_native_fbank", package="kaldi-native-fbank", extra="")
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE_HZ
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hamming"
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = n_mels
    options.use_energy = False
    computer = knf.OnlineFbank(options)
    # Kaldi's scale is that of 16-bit samples.
    computer.accept_waveform(SAMPLE_RATE_HZ, samples * np.float32(32768.0))
    computer.input_finished()
    frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
    return np.stack(frames).astype(np.float32) if frames else np.zeros((0, n_mels), np.float32)


def subtract_mean(fbank: Array) -> Array:
    """Without the mean over time: float32 (..., n_frames, n_mels)."""
    found: Array = fbank - fbank.mean(axis=-2, keepdims=True)
    return found


class FrameEncoder:
    """An embedding network whose frames are shared.

    Attributes:
        name: of the model, for messages and the record.
        n_mels: bands of the filterbank that it takes.
        dimension: of the embeddings.
        shares: whether its graph could be cut; otherwise every speaker costs a run of its own.
        n_features: of a frame that is pooled.
        stride: frames of the filterbank for one frame that is pooled.
        parallel: how many calls are worth making at once.
        device: ``cpu`` or ``cuda:N``.
        kind: ``cpu`` or ``cuda``.
    """

    def __init__(self, path: Path, runtime: Runtime, *, name: str) -> None:
        """Loads the network and looks where it can be cut.

        Raises:
            BackendMissing, BackendBroken: ONNX Runtime or the file cannot be used.
            InvalidOption: the model is of another kind, or there is no such device.
        """
        self.name = name
        whole = Session(path, runtime, name=name)
        shape = whole.input_shape
        if whole.n_inputs != 1 or len(shape) != 3 or not isinstance(shape[2], int) or isinstance(shape[1], int):
            raise InvalidOption(
                _(
                    "embedding model {name} takes input of shape {shape}: give one that takes a mel filterbank, "
                    "(batch, frames, bands), of any length"
                ).format(name=name, shape=shape)
            )
        if isinstance(shape[0], int):
            raise InvalidOption(
                _(
                    "embedding model {name} takes {shape} at once, no more and no less: export it with an open batch"
                ).format(name=name, shape=shape[0])
            )
        self.n_mels, self.device, self.kind, self.parallel = shape[2], whole.device, whole.kind, whole.parallel
        sound = _noise(_TEST_FRAMES, self.n_mels)
        expected = whole(sound)
        if expected.ndim != 2 or len(expected) != 1:
            raise InvalidOption(
                _("embedding model {name} gives {shape}: give one that embeds voices, (batch, d)").format(
                    name=name, shape=expected.shape
                )
            )
        self.dimension = int(expected.shape[1])
        self._whole, self._parts = whole, _parts(path, runtime, name, sound, expected)
        self.n_features, self.stride, self._fewest = self.n_mels, 1, 1
        if self._parts is not None:
            frames = self.frames(sound)
            self.n_features, self.stride = frames.shape[1], round(_TEST_FRAMES / frames.shape[2])
        else:
            self._fewest = self._fewest_frames()

    @property
    def shares(self) -> bool:
        return self._parts is not None

    def remember(self) -> None:
        """Keep every answer from now on, and give it again for the same input."""
        for session in (self._whole, *(self._parts or ())):
            session.remember()

    def frames(self, fbank: Array) -> Array:
        """float32 (n, n_frames, n_mels), centred → float32 (n, n_features, n_frames_out): what is pooled.

        For a network that cannot be cut these are the bands themselves.
        """
        if self._parts is None:
            return np.ascontiguousarray(fbank.transpose(0, 2, 1))
        return _flatten_features(self._parts[0](np.ascontiguousarray(fbank)))

    def embed(self, frames: Array, weights: Array) -> Array:
        """One embedding for each row of weights: float32 (n_speakers, dimension).

        Args:
            frames: float32 (n_features, n_frames_out), of one window.
            weights: float32 (n_speakers, n_frames_out), 1 where the speaker talks.
        """
        if self._parts is None:
            return self._one_by_one(frames, weights)
        return self._parts[1](pool(frames, weights))

    def _one_by_one(self, frames: Array, weights: Array) -> Array:
        """As pyannote.audio runs such a model: the frames in which the speaker talks, as if there were no others."""
        found = np.zeros((len(weights), self.dimension), np.float32)
        for number, own in enumerate(weights):
            chosen = frames[:, own > 0.5]
            if chosen.shape[1] >= self._fewest:
                found[number] = self._whole(np.ascontiguousarray(chosen.T)[None])[0]
        return found

    def _fewest_frames(self) -> int:
        """Of the filterbank, with which the whole network gives numbers: with fewer than its convolutions span it
        fails."""
        low, high = 0, _TEST_FRAMES
        while high - low > 1:
            middle = (low + high) // 2
            try:
                works = bool(np.isfinite(self._whole(_noise(middle, self.n_mels))).all())
            except BackendError:
                works = False
            low, high = (low, middle) if works else (middle, high)
        return high


def _parts(path: Path, runtime: Runtime, name: str, sound: Array, expected: Array) -> tuple[Session, Session] | None:
    """The network before and behind its pooling; None where it cannot be cut, or its parts give other numbers.

    Args:
        sound: float32 (1, n_frames, n_mels).
        expected: what the whole network makes of it.
    """
    try:
        cut = cut_at_pooling(path)
        if cut is None:
            return None
        front, back = (Session(part, runtime, name=name) for part in cut)
        frames = _flatten_features(front(sound))[0]
        found = back(pool(frames, np.ones((1, frames.shape[1]), np.float32)))
    except Exception:  # onnx and ONNX Runtime raise what an unusual graph makes them raise: it still runs as a whole
        return None
    stride = round(sound.shape[1] / frames.shape[1])
    # Frames of a network without padding would begin later than what they are computed from.
    evenly = stride > 0 and frames.shape[1] == -(-sound.shape[1] // stride)
    agree = np.linalg.norm(found - expected) <= _AGREEMENT * np.linalg.norm(expected)
    return (front, back) if evenly and agree else None


def _flatten_features(frames: Array) -> Array:
    """float32 (n, …, n_frames) → (n, n_features, n_frames)."""
    return frames.reshape(len(frames), -1, frames.shape[-1])


def _noise(n_frames: int, n_mels: int) -> Array:
    return np.random.default_rng(0).normal(size=(1, n_frames, n_mels)).astype(np.float32)


def pool(frames: Array, weights: Array) -> Array:
    """Weighted mean and unbiased standard deviation over time: float32 (n_speakers, 2 · n_features).

    Args:
        frames: float32 (n_features, n_frames).
        weights: float32 (n_speakers, n_frames).
    """
    totals = weights.sum(axis=1, keepdims=True) + np.float32(_TINY)
    squares = np.square(weights).sum(axis=1, keepdims=True)
    means = (weights @ frames.T) / totals
    variances = np.stack([np.square(frames - mean[:, None]) @ own for mean, own in zip(means, weights, strict=True)])
    variances /= totals - squares / totals + np.float32(_TINY)
    found: Array = np.concatenate([means, np.sqrt(np.maximum(variances, 0.0))], axis=1).astype(np.float32)
    return found


def cut_at_pooling(path: Path) -> tuple[bytes, bytes] | None:
    """The graphs from the input to the frames that are pooled, and from the statistics to the output; None where a
    graph does not end in a pooling of mean and standard deviation."""
    import onnx
    from onnx.utils import Extractor

    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)))
    places = find_pooling(model.graph)
    if places is None:
        return None
    entrance, before, behind, exit_ = places
    extractor = Extractor(model)
    front, back = extractor.extract_model([entrance], [before]), extractor.extract_model([behind], [exit_])
    return front.SerializeToString(), back.SerializeToString()


def find_pooling(graph: Any) -> tuple[str, str, str, str] | None:
    """Where a graph (an ``onnx.GraphProto``) pools mean and standard deviation: the names of its input, of the frames,
    of the statistics and of its output; None where it does not end in such a pooling.

    The statistics are a concatenation, one half of which is a mean over the last axis of the frames.
    """
    entrance, exit_ = graph.input[0].name, graph.output[0].name
    made_by: dict[str, Any] = {}
    heard = {entrance}  # what depends on the sound; the rest are weights, however they are stored
    for node in graph.node:
        if heard.intersection(node.input):
            heard.update(node.output)
            made_by.update(dict.fromkeys(node.output, node))
    behind = _find_concatenation(exit_, made_by)
    if behind is None:
        return None
    for half in made_by[behind].input:
        node = made_by.get(half)
        while node is not None and node.op_type in _RESHAPING:
            node = made_by.get(node.input[0])
        if node is not None and node.op_type == "ReduceMean":
            frames = node.input[0]
            before = made_by.get(frames)
            # The frames of all bands in one row: the cut comes before that, where its shape is known.
            if before is not None and before.op_type in _RESHAPING:
                frames = before.input[0]
            return entrance, frames, behind, exit_
    return None


def _find_concatenation(name: str, made_by: Mapping[str, Any]) -> str | None:
    """The nearest concatenation of two that `name` is computed from, by layers with one input of their own."""
    while name in made_by:
        node = made_by[name]
        sources = [item for item in node.input if item in made_by]
        if node.op_type == "Concat" and len(sources) == 2:
            return name
        if len(sources) != 1:
            return None
        name = sources[0]
    return None
