"""Speaker encoders: the embeddings that can be chosen, each through its own library.

CAM++, WeSpeaker's embedding, and any other that takes a mel filterbank, by ONNX Runtime; needs no PyTorch.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import re
import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization._shared.onnx_embedding import FrameEncoder, filterbank, find, subtract_mean
from whisperdiar.diarization.embedding.windows import SpeakerEncoder, Vectors
from whisperdiar.diarization.pyannote import pipeline
from whisperdiar.errors import BackendBroken, BackendError, describe_error
from whisperdiar.frameworks import pyannote
from whisperdiar.frameworks.onnxruntime import map_on_threads
from whisperdiar.frameworks.speechbrain import import_interface, open_folder
from whisperdiar.frameworks.torch import (
    choose_device,
    free_memory,
    import_module,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.models.sources import Source
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.options.onnx import CAMPPLUS, WESPEAKER
from whisperdiar.text.messages import _, join
from whisperdiar.types import Samples


class Wespeaker:
    """A `SpeakerEncoder` on ONNX Runtime.

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
        self._require_network(progress)

    def _require_network(self, progress: Progress = no_progress) -> FrameEncoder:
        if self._model is None:
            for module in ("onnxruntime", "onnx", "kaldi_native_fbank"):
                require(module, package=module.replace("_", "-"), extra="")
            path = find(self.source, self.runtime, progress)
            self._model = FrameEncoder(path, self.runtime, name=self.source)
            self.device = self._model.device
        return self._model

    def embed(self, windows: Samples) -> Vectors:
        """float32 (n, n_samples) → float32 (n, dimension); windows too short for a frame give no number."""
        model = self._require_network()

        def run(sound: Samples) -> Vectors:
            fbank = subtract_mean(filterbank(sound, model.n_mels))
            if not len(fbank):
                return np.full((1, model.dimension), np.nan, np.float32)
            frames = model.frames(fbank[None])[0]
            return model.embed(frames, np.ones((1, frames.shape[1]), np.float32))

        return np.concatenate(list(map_on_threads(run, windows, threads=model.parallel)))

    def close(self) -> None:
        self._model = None


class Campplus(Wespeaker):
    """CAM++ of 3D-Speaker, by the same ways.

    Source: Wang et al., "CAM++: a fast and efficient network for speaker verification using context-aware masking",
    Interspeech 2023.
    """

    name = "campplus"
    repository = CAMPPLUS


ECAPA = "speechbrain/spkrec-ecapa-voxceleb"
ECAPA_FILES = (
    "hyperparams.yaml",
    "embedding_model.ckpt",
    "mean_var_norm_emb.ckpt",
    "classifier.ckpt",
    "label_encoder.txt",
)
PYANNOTE = "pyannote/embedding"
REVISIONS: Mapping[str, str] = {
    ECAPA: "0f99f2d0ebe89ac095bcc5903c4dd8f72b367286",
    PYANNOTE: "4db4899737a38b2d618bbd74350915aa10293cb2",
    **pyannote.REVISIONS,
}
"""What these names mean here: checkpoints are programs, so they stay the ones that were looked at."""

_PARTIALS_PER_SECOND = 1.3  # Resemblyzer's own: so it embeds what is longer than 1.6 s
_LEAST_COVERED = 0.75


class _Encoder(ABC):
    """What the encoders on PyTorch share: a model that is loaded once, threads, memory."""

    name = ""
    sample_rate = SAMPLE_RATE_HZ
    step = 0.4
    spread: float | None = None
    # Of verification networks, windows of 1.6 s: only their own recordings tell better.
    usual_spread = 0.45

    def __init__(self, model: str | None, runtime: Runtime) -> None:
        self.runtime = runtime
        self.source = model or ""
        self.device = "cpu"
        self._named = model
        self._model: Any = None
        self._dimension = 0

    @property
    def dimension(self) -> int:
        return self._dimension

    def prepare(self, *, progress: Progress = no_progress) -> None:
        if self._model is None:
            self._model = self._load(progress)
            # Half a second of anything: what comes out says how long the vectors are, and that it works at all.
            self._dimension = self.embed(np.full((1, self.sample_rate // 2), 0.01, np.float32)).shape[1]

    def close(self) -> None:
        if self._model is not None:
            self._model = None
            free_memory()

    def embed(self, windows: Samples) -> Vectors:
        import torch

        remedy = _("lower batch_size (such as 8), or use --device cpu")
        with (
            translate_memory_errors(self.name, remedy=remedy),
            limit_cpu_threads(self.runtime.threads),
            torch.inference_mode(),
        ):
            found = self._embed(windows).cpu().numpy()
        return np.asarray(found, dtype=np.float32)

    @abstractmethod
    def _load(self, _progress: Progress, /) -> Any:
        """The library's model."""

    @abstractmethod
    def _embed(self, windows: Samples) -> Any:
        """float32 (n, n_samples) → tensor (n, dimension)."""


class Ecapa(_Encoder):
    """ECAPA-TDNN by SpeechBrain's EncoderClassifier, or any other embedding in SpeechBrain's format.

    Source: Desplanques, Thienpondt and Demuynck, "ECAPA-TDNN", Interspeech 2020, arXiv:2005.07143.
    """

    name = "ecapa"

    def _load(self, progress: Progress, /) -> Any:
        # In this order: an import takes seconds, and is in vain where there is no checkpoint.
        require("speechbrain", package="SpeechBrain", extra="speechbrain")
        source = Source.of(self._named or ECAPA, self.runtime, revisions=REVISIONS, progress=progress)
        # A folder may be laid out in its own way; SpeechBrain then says what it misses.
        folder = source.folder(ECAPA_FILES if source.path is None else ECAPA_FILES[:1])
        interface = import_interface("classifiers", "EncoderClassifier")
        self.device = choose_device(self.runtime, extra="speechbrain")
        try:
            # The published hyperparameters name the hub as the place of the weights: they lie in the folder.
            places = {"pretrained_path": str(folder)}
            model = open_folder(interface, folder, device=self.device, overrides=places, overrides_must_match=False)
        except Exception as error:  # a model folder is a program: it can fail in any way
            raise BackendBroken(
                _(
                    "{folder} cannot be loaded as a SpeechBrain speaker embedding: {cause}; use a copy of {repository}"
                ).format(folder=folder, cause=describe_error(error), repository=ECAPA)
            ) from error
        rate = getattr(model.hparams, "sample_rate", SAMPLE_RATE_HZ)
        if rate != SAMPLE_RATE_HZ:
            raise BackendBroken(
                _("{folder} is made for {rate} Hz; give one for {needed} Hz, such as {repository}").format(
                    folder=folder, rate=rate, needed=SAMPLE_RATE_HZ, repository=ECAPA
                )
            )
        self.source = _pin_revision(source, folder)
        return model

    def _embed(self, windows: Samples) -> Any:
        import torch

        return self._model.encode_batch(torch.from_numpy(windows)).flatten(1)


class Resemblyzer(_Encoder):
    """The voice encoder of the package Resemblyzer, whose weights lie in the package.

    Its filterbank is not logarithmic, so that loudness would tell more than the voice: every window is brought to the
    level to which Resemblyzer brings utterances.
    Source: Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018, arXiv:1710.10467.
    """

    name = "resemblyzer"
    step = 0.2
    spread: float | None = 0.25  # measured: 0.24 to 0.25 on clean, noisy, far-field and telephone speech alike

    def _load(self, _progress: Progress, /) -> Any:
        with _pkg_resources():
            package = import_module("resemblyzer", package="Resemblyzer", extra="")
        self.device = choose_device(self.runtime, extra="speechbrain")
        try:
            model = package.VoiceEncoder(
                self.device, verbose=False, weights_fpath=self._named and Path(self._named).expanduser()
            )
        except Exception as error:  # the file is a program, and the package raises what it likes
            raise BackendBroken(
                _(
                    "{named} cannot be loaded by Resemblyzer: {cause}; give a file of its format, or reinstall "
                    "the package"
                ).format(named=self._named or _("the weights in the package"), cause=describe_error(error))
            ) from error
        self.source = self._named or "Resemblyzer"
        return model.eval()

    def _embed(self, windows: Samples) -> Any:
        import torch

        hparams = import_module("resemblyzer.hparams", package="Resemblyzer", extra="")
        sound = import_module("resemblyzer.audio", package="Resemblyzer", extra="")
        n_samples = windows.shape[1]
        levels = np.sqrt(np.square(windows).mean(axis=1, keepdims=True))
        windows = windows * (10.0 ** (hparams.audio_norm_target_dBFS / 20.0) / np.maximum(levels, 1e-9))
        # As `embed_utterance` does, for many windows at once; only what is shorter than a partial is not filled up.
        frame_samples = hparams.sampling_rate * hparams.mel_window_step // 1000
        parts = [slice(0, n_samples // frame_samples)]
        if n_samples > hparams.partials_n_frames * frame_samples:
            parts = self._model.compute_partial_slices(n_samples, _PARTIALS_PER_SECOND, _LEAST_COVERED)[1]
        missing = parts[-1].stop * frame_samples - n_samples
        filled = np.pad(windows, ((0, 0), (0, max(0, missing)))).astype(np.float32)
        # For many the function turns all axes round: (n_frames, n_bands, n).
        mels = torch.from_numpy(np.ascontiguousarray(sound.wav_to_mel_spectrogram(filled).transpose(2, 0, 1)))
        return sum(self._model(mels[:, part].to(self._model.device)) for part in parts)


@contextlib.contextmanager
def _pkg_resources() -> Iterator[None]:
    """A module pkg_resources inside the block, where setuptools (from 82 on) brings none.

    webrtcvad, which Resemblyzer imports and is not used here, reads its own version from it.
    """
    if importlib.util.find_spec("pkg_resources") is not None:
        yield
        return
    module: Any = types.ModuleType("pkg_resources")
    module.get_distribution = importlib.metadata.distribution
    sys.modules["pkg_resources"] = module
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]


class Pyannote(_Encoder):
    """A speaker embedding in a checkpoint of pyannote.audio."""

    name = "pyannote"

    def _load(self, progress: Progress, /) -> Any:
        import_name = "pyannote.audio"
        require(import_name, package=import_name, extra=pyannote.EXTRA)
        source = Source.of(self._named or PYANNOTE, self.runtime, revisions=REVISIONS, progress=progress)
        path = pyannote.find_weights(source)
        self.device = choose_device(self.runtime, extra=pyannote.EXTRA)
        with pyannote.silence_pyannote():
            model = pipeline.embedding_model(path).to(self.device)
        if model.audio.sample_rate != SAMPLE_RATE_HZ:
            raise BackendBroken(
                _("{path} is made for {rate} Hz; give one for {needed} Hz").format(
                    path=path, rate=model.audio.sample_rate, needed=SAMPLE_RATE_HZ
                )
            )
        self.source = _pin_revision(source, path.parent)
        return model

    def _embed(self, windows: Samples) -> Any:
        import torch

        with pyannote.silence_pyannote():
            return self._model(torch.from_numpy(windows)[:, None].to(self.device))


ENCODERS: Mapping[str, Callable[[str | None, Runtime], SpeakerEncoder]] = {
    "ecapa": Ecapa,
    "resemblyzer": Resemblyzer,
    "campplus": Campplus,
    "wespeaker": Wespeaker,
    "pyannote": Pyannote,
}
AUTO = ("ecapa", "campplus", "wespeaker", "resemblyzer")
"""What ``auto`` tries, best first; models that need a token are only taken by name."""


def open_encoder(
    embedding: str, model: str | None, runtime: Runtime, *, progress: Progress = no_progress
) -> tuple[SpeakerEncoder, dict[str, str]]:
    """The embedding of that name, ready; for ``auto`` the first that can run, and why those before it cannot.

    Raises:
        BackendMissing, BackendBroken, ModelUnavailable: it, or for ``auto`` the last of them, cannot run.
    """
    refused: dict[str, str] = {}
    *others, last = AUTO if embedding == "auto" else (embedding,)
    for name in others:
        encoder = ENCODERS[name](model, runtime)
        try:
            encoder.prepare(progress=progress)
        except BackendError as error:
            refused[name] = str(error)
        else:
            return encoder, refused
    encoder = ENCODERS[last](model, runtime)
    try:
        encoder.prepare(progress=progress)
    except BackendError as error:
        if not refused:
            raise
        reasons = join("; ", [*refused.values(), str(error)])
        raise type(error)(
            _("no speaker embedding can run here: {reasons}").format(reasons=reasons), remedy=error.remedy
        ) from error
    return encoder, refused


def _pin_revision(source: Source, folder: Path) -> str:
    """What was asked for, with the revision that was found where that is another one."""
    snapshot = folder.name if re.fullmatch(r"[0-9a-f]{40}", folder.name) else None
    return f"{source.named}@{snapshot}" if source.path is None and snapshot else str(source)
