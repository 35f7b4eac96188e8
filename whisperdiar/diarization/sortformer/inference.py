"""Sortformer inference over a recording of any length, piece by piece, by NeMo's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization.sortformer.windows import WindowJoiner, plan
from whisperdiar.errors import BackendBroken
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples

Probabilities = NDArray[np.float32]
Heard = Callable[[float], None]
"""Called with the fraction that is done, 0 to 1."""
_PIECE_FRAMES = 6000
"""Of features at once, where their mean is taken: a minute."""


def needs_whole(model: Any) -> bool:
    """Whether its features are made for the mean and spread of a whole recording."""
    return bool(model.preprocessor.featurizer.normalize in ("per_feature", "all_features"))


def frame_samples(model: Any) -> int:
    """Samples of one frame of the model's output."""
    return int(model.preprocessor.featurizer.hop_length * model.sortformer_modules.subsampling_factor)


def frame_count(model: Any, n_samples: int) -> int:
    """Frames of the model's output for so many samples."""
    return -(-(n_samples // int(model.preprocessor.featurizer.hop_length)) // units_per_frame(model))


def units_per_frame(model: Any) -> int:
    """Frames of features in one frame of output."""
    return int(model.sortformer_modules.subsampling_factor)


def infer_whole(model: Any, samples: Samples) -> Probabilities:
    """(n_frames, n_speakers): the model's answer to all samples at once."""
    import torch

    signal = torch.from_numpy(samples)[None].to(model.device)
    answer = model.forward(audio_signal=signal, audio_signal_length=torch.tensor([len(samples)], device=model.device))
    return _array(answer)


def infer_windows(
    model: Any, audio: Audio, *, window: float, overlap: float, heard: Heard
) -> tuple[Probabilities, int, int]:
    """Windows of some seconds, joined.

    Returns:
        (n_frames, n_speakers), the number of windows, and how many speakers of windows got a number by guess.
    """
    unit, rate = frame_samples(model), audio.sample_rate
    n_samples = audio.samples.shape[1]
    windows = plan(n_samples, window=round(window * rate), overlap=round(overlap * rate), unit=unit)
    joined = WindowJoiner(frame_count(model, n_samples), model.sortformer_modules.n_spk)
    for i, (first, last) in enumerate(windows):
        joined.add(first // unit, infer_whole(model, np.array(audio.mono_part(first, last))))
        heard((i + 1) / len(windows))
    return joined.probabilities, len(windows), joined.guessed


def infer_stream(model: Any, audio: Audio, *, heard: Heard) -> Probabilities:
    """(n_frames, n_speakers): chunk after chunk, with what the model remembers of those before.

    The same as NeMo's `forward_streaming`, which would hold the features and probabilities of the whole recording.
    """
    features = _Features(model, audio)
    chunks, total = Chunks(model), features.total
    found = []
    while chunks.done < total:
        found.append(chunks.hear(features, total))
        heard(chunks.done / total)
    return np.concatenate(found) if found else np.zeros((0, model.sortformer_modules.n_spk), np.float32)


class Chunks:
    """The loop over chunks, with what the model remembers of those before.

    Attributes:
        done: frames of features that are decided.
    """

    def __init__(self, model: Any) -> None:
        """Takes the numbers with which the model works at the moment."""
        self._model, modules = model, model.sortformer_modules
        unit = units_per_frame(model)
        self._length = int(modules.chunk_len) * unit
        self._left = int(modules.chunk_left_context) * unit
        self._right = int(modules.chunk_right_context) * unit
        self._state = modules.init_streaming_state(
            batch_size=1, async_streaming=model.async_streaming, device=model.device
        )
        self.done = 0

    @property
    def first(self) -> int:
        """The first frame that the next chunk looks at."""
        return max(0, self.done - self._left)

    @property
    def needed(self) -> int:
        """Frames that must be there for a whole chunk with its right context."""
        return self.done + self._length + self._right

    def hear(self, features: _Features, total: int) -> Probabilities:
        """The probabilities of the next chunk, (n_frames, n_speakers); `total` is how many frames of features there
        are."""
        import torch

        start, end = self.done, min(self.done + self._length, total)
        left, right = min(self._left, start), min(self._right, total - end)
        chunk = features.compute(start - left, end + right).transpose(1, 2)
        device = self._model.device
        self._state, answer = self._model.forward_streaming_step(
            processed_signal=chunk,
            processed_signal_length=torch.tensor([chunk.shape[1]], device=device),
            streaming_state=self._state,
            total_preds=torch.zeros((1, 0, self._model.sortformer_modules.n_spk), device=device),
            left_offset=left,
            right_offset=right,
        )
        self.done = end
        return _array(answer)


class StreamListener:
    """A `whisperdiar.diarization._shared.activity_stream.ChunkListener`: a stream, the same chunks as of a recording.

    Attributes:
        n_speakers: columns of the probabilities.
    """

    def __init__(self, model: Any, run: Callable[[], AbstractContextManager[None]], *, shortest: int) -> None:
        """Args:
        model: a streaming one.
        run: inside it the model may run, with the numbers of the stream.
        shortest: samples; of a stream that is shorter, silence follows.
        """
        self.n_speakers = int(model.sortformer_modules.n_spk)
        self._model, self._run, self._shortest = model, run, shortest
        self._hop = int(model.preprocessor.featurizer.hop_length)
        with run():
            self._chunks = Chunks(model)
        self._sound = np.zeros(0, np.float32)
        self._first = 0  # frame of features with which the sound that is held begins
        self._n_samples = 0

    def feed(self, samples: Samples) -> Probabilities:
        self._sound = np.concatenate([self._sound, samples])
        self._n_samples += len(samples)
        features = self._features()
        found = []
        while self._chunks.needed <= self._first + features.complete:
            found.append(self._hear(features, self._chunks.needed))
        dropped = max(0, self._chunks.first - features.margin - self._first)
        self._sound, self._first = self._sound[dropped * self._hop :], self._first + dropped
        return self._join(found)

    def finish(self) -> Probabilities:
        missing = self._shortest - self._n_samples
        if missing > 0:
            self._sound = np.pad(self._sound, (0, missing))
        features = self._features()
        total, found = self._first + features.total, []
        while self._chunks.done < total:
            found.append(self._hear(features, total))
        made = self._join(found)
        unit = units_per_frame(self._model)
        before = -(-total // unit) - len(made)
        return made[: max(0, frame_count(self._model, self._n_samples) - before)]

    def _features(self) -> _Features:
        return _Features(self._model, Audio(self._sound[None], SAMPLE_RATE_HZ, "live"), first=self._first)

    def _hear(self, features: _Features, total: int) -> Probabilities:
        with self._run():
            return self._chunks.hear(features, total)

    def _join(self, found: list[Probabilities]) -> Probabilities:
        return np.concatenate(found) if found else np.zeros((0, self.n_speakers), np.float32)


def _array(answer: Any) -> Probabilities:
    array: Probabilities = answer[0].float().cpu().numpy()
    return array


class _Features:
    """The model's features of a recording, computed where they are asked for.

    A frame depends on the samples around it alone, but for models that are made for the mean and spread of the whole
    recording: then these are taken in a first round.
    """

    def __init__(self, model: Any, audio: Audio, *, first: int = 0) -> None:
        """Args:
        model: tells how they are made.
        audio: the sound from frame `first` on.
        first: frame with which it begins; where it is above 0, the first `margin` frames lack what lies before.
        """
        self._model, self._audio, self._begin = model, audio, first
        self._maker = model.preprocessor.featurizer
        if self._maker.exact_pad or self._maker.frame_splicing != 1:
            raise BackendBroken(_("this model's features are padded or spliced in a way that cannot be streamed here"))
        self._hop = int(self._maker.hop_length)
        # Half a Fourier window, and one sample for the pre-emphasis.
        self.margin = -(-(int(self._maker.n_fft) // 2 + 1) // self._hop)
        self.total = audio.samples.shape[1] // self._hop
        self._scale: tuple[Any, Any] | None = None
        if needs_whole(model):
            self._scale = self._statistics(together=self._maker.normalize == "all_features")

    @property
    def complete(self) -> int:
        """How many of them no sound behind what is there can change."""
        return max(0, int(self.total) - self.margin - 1)

    def compute(self, first: int, last: int) -> Any:
        """float32 (1, n_features, last - first)."""
        found = self._plain(first - self._begin, last - self._begin)
        if self._scale is not None:
            mean, spread = self._scale
            found = (found - mean) / spread
        return found

    def _plain(self, first: int, last: int) -> Any:
        import torch

        begin = max(0, first - self.margin)
        samples = np.array(self._audio.mono_part(begin * self._hop, (last + self.margin + 1) * self._hop))
        signal = torch.from_numpy(samples)[None].to(self._model.device)
        before = self._maker.normalize
        self._maker.normalize = None if before in ("per_feature", "all_features") else before
        try:
            found, _ = self._model.preprocessor(
                input_signal=signal, length=torch.tensor([len(samples)], device=self._model.device)
            )
        finally:
            self._maker.normalize = before
        return found[:, :, first - begin : last - begin]

    def _statistics(self, *, together: bool) -> tuple[Any, Any]:
        """Mean and spread as NeMo takes them, of each feature or of all `together`; each (n_features or 1, 1)."""
        import torch

        count, sums, squares = 0, 0.0, 0.0
        for piece in self._pieces():
            values = piece[0].double()
            values = values.reshape(1, -1) if together else values
            count += values.shape[1]
            sums, squares = sums + values.sum(dim=1), squares + values.square().sum(dim=1)
        mean = torch.as_tensor(sums / max(count, 1))
        variance = torch.as_tensor(squares / max(count - 1, 1)) - mean.square() * (count / max(count - 1, 1))
        return mean.float()[..., None], (variance.clamp(min=0.0).sqrt() + 1e-5).float()[..., None]

    def _pieces(self) -> Iterator[Any]:
        for first in range(0, self.total, _PIECE_FRAMES):
            yield self._plain(first, min(first + _PIECE_FRAMES, self.total))
