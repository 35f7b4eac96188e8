"""CAM++, WeSpeaker's embedding, and any other that takes a mel filterbank, by ONNX Runtime; needs no PyTorch."""

from __future__ import annotations

import numpy as np

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization._onnx_embedding import FrameEncoder, centred, filterbank, find
from whisperdiar.diarization._voices import Vectors
from whisperdiar.frameworks.onnxruntime import in_parallel
from whisperdiar.frameworks.torch import require
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.options.onnx_diarization import CAMPPLUS, WESPEAKER
from whisperdiar.types import Samples


class Wespeaker:
    """A `VoiceEncoder` on ONNX Runtime.

    Source: Wang et al., "WeSpeaker: a research and production oriented speaker embedding learning toolkit", ICASSP
    2023.
    """

    name = "wespeaker"
    repository = WESPEAKER
    sample_rate = SAMPLE_RATE_HZ
    step = 0.4
    spread: float | None = None
    usual_spread = 0.45

    def __init__(self, model: str | None, runtime: Runtime) -> None:
        self.runtime = runtime
        self.source = model or self.repository
        self.device = "cpu"
        self._model: FrameEncoder | None = None

    @property
    def dimension(self) -> int:
        return 0 if self._model is None else self._model.dimension

    def prepare(self, *, progress: Progress = no_progress) -> None:
        self._loaded(progress)

    def _loaded(self, progress: Progress = no_progress) -> FrameEncoder:
        if self._model is None:
            for module in ("onnxruntime", "onnx", "kaldi_native_fbank"):
                require(module, package=module.replace("_", "-"), extra="")
            path = find(self.source, self.runtime, progress)
            self._model = FrameEncoder(path, self.runtime, name=self.source)
            self.device = self._model.device
        return self._model

    def embed(self, windows: Samples) -> Vectors:
        """float32 (n, n_samples) → float32 (n, dimension); windows too short for a frame give no number."""
        model = self._loaded()

        def run(sound: Samples) -> Vectors:
            fbank = centred(filterbank(sound, model.n_mels))
            if not len(fbank):
                return np.full((1, model.dimension), np.nan, np.float32)
            frames = model.frames(fbank[None])[0]
            return model.embed(frames, np.ones((1, frames.shape[1]), np.float32))

        return np.concatenate(list(in_parallel(run, windows, threads=model.parallel)))

    def close(self) -> None:
        self._model = None


class Campplus(Wespeaker):
    """CAM++ of 3D-Speaker, by the same ways.

    Source: Wang et al., "CAM++: a fast and efficient network for speaker verification using context-aware masking",
    Interspeech 2023.
    """

    name = "campplus"
    repository = CAMPPLUS
