"""Sortformer inference over a recording of any length, piece by piece, by NeMo's own functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.diarization.sortformer.windows import WindowJoiner, plan
from whisperdiar.errors import BackendBroken
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples

Probabilities = NDArray[np.float32]
Heard = Callable[[float], None]
"""Called with the fraction that is done, 0 to 1."""
_PIECE_FRAMES = 6000
"""Of features at once, where their mean is taken: a minute."""


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
    import torch

    modules, features = model.sortformer_modules, _Features(model, audio)
    subsampling, total = units_per_frame(model), features.total
    state = modules.init_streaming_state(batch_size=1, async_streaming=model.async_streaming, device=model.device)
    nothing = torch.zeros((1, 0, modules.n_spk), device=model.device)
    found = []
    for start in range(0, total, modules.chunk_len * subsampling):
        end = min(start + modules.chunk_len * subsampling, total)
        left = min(modules.chunk_left_context * subsampling, start)
        right = min(modules.chunk_right_context * subsampling, total - end)
        chunk = features.compute(start - left, end + right).transpose(1, 2)
        state, answer = model.forward_streaming_step(
            processed_signal=chunk,
            processed_signal_length=torch.tensor([chunk.shape[1]], device=model.device),
            streaming_state=state,
            total_preds=nothing,
            left_offset=left,
            right_offset=right,
        )
        found.append(_array(answer))
        heard(end / total)
    return np.concatenate(found) if found else np.zeros((0, modules.n_spk), np.float32)


def _array(answer: Any) -> Probabilities:
    array: Probabilities = answer[0].float().cpu().numpy()
    return array


class _Features:
    """The model's features of a recording, computed where they are asked for.

    A frame depends on the samples around it alone, but for models that are made for the mean and spread of the whole
    recording: then these are taken in a first round.
    """

    def __init__(self, model: Any, audio: Audio) -> None:
        self._model, self._audio = model, audio
        self._maker = model.preprocessor.featurizer
        if self._maker.exact_pad or self._maker.frame_splicing != 1:
            raise BackendBroken(_("this model's features are padded or spliced in a way that cannot be streamed here"))
        self._hop = int(self._maker.hop_length)
        # Half a Fourier window, and one sample for the pre-emphasis.
        self._margin = -(-(self._maker.n_fft // 2 + 1) // self._hop)
        self.total = audio.samples.shape[1] // self._hop
        self._scale: tuple[Any, Any] | None = None
        if self._maker.normalize in ("per_feature", "all_features"):
            self._scale = self._statistics(together=self._maker.normalize == "all_features")

    def compute(self, first: int, last: int) -> Any:
        """float32 (1, n_features, last - first)."""
        found = self._plain(first, last)
        if self._scale is not None:
            mean, spread = self._scale
            found = (found - mean) / spread
        return found

    def _plain(self, first: int, last: int) -> Any:
        import torch

        begin = max(0, first - self._margin)
        samples = np.array(self._audio.mono_part(begin * self._hop, (last + self._margin + 1) * self._hop))
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
