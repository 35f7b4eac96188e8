"""SepFormer: one stream for each of two voices that talk at once, by SpeechBrain's own code.

Source: Subakan et al., "Attention is all you need in speech separation", ICASSP 2021; SpeechBrain, Apache 2.0, as are
its published models.
"""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar

import numpy as np
from scipy.signal import resample_poly

from whisperdiar.contracts import Progress
from whisperdiar.errors import BackendBroken, InvalidOption, describe_error
from whisperdiar.frameworks.speechbrain import import_interface, open_folder
from whisperdiar.frameworks.torch import (
    TorchBackend,
    choose_device,
    limit_cpu_threads,
    require,
    translate_memory_errors,
)
from whisperdiar.models.sources import Source
from whisperdiar.options import SEPARATION_MODELS, SeparationSettings
from whisperdiar.text.messages import _
from whisperdiar.types import BackendInfo, BackendRecord, Samples

EXTRA = "speechbrain"
FILES = ("hyperparams.yaml", "encoder.ckpt", "masknet.ckpt", "decoder.ckpt")
_OWNER = "speechbrain"
_PEAK = 0.5
"""Of what the network hears, whatever the level of the recording."""
_FLAT = 1e-9
"""Power below which a stream holds nothing."""


def find_repository(model: str) -> str:
    """The repository of a model by name; a repository, also with its ``@revision``, or a folder stays as it is.

    Raises:
        InvalidOption: none of these.
    """
    if model in SEPARATION_MODELS:
        return f"{_OWNER}/{model}"
    if os.path.isdir(os.path.expanduser(model)) or re.fullmatch(r"\w[\w.-]*/[\w.-]+(@[\w.-]+)?", model):
        return model
    raise InvalidOption(
        _("--separate-overlap {model}: no such model; give one of {known}, OWNER/NAME or a folder").format(
            model=model, known=", ".join(SEPARATION_MODELS)
        )
    )


class SepFormer(TorchBackend[SeparationSettings, Any]):
    """Parts a mixture of voices by SpeechBrain's `SepformerSeparation`."""

    name: ClassVar[str] = "sepformer"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="SpeechBrain's SepFormer: parts two voices that talk at once",
        licence="Apache-2.0",
        extra=EXTRA,
        network=True,
        download_mb=113,
        homepage="https://huggingface.co/speechbrain",
        repositories=tuple(f"{_OWNER}/{name}" for name in SEPARATION_MODELS),
        requires=("speechbrain",),
    )
    settings_type: ClassVar[type] = SeparationSettings

    def _load(self, progress: Progress) -> Any:
        """Import SpeechBrain, find the model and load it. Nothing is written beside the hub's own cache.

        Raises:
            InvalidOption: no such model.
            BackendMissing, BackendBroken: SpeechBrain cannot be used, or the folder holds another kind of model.
            ModelUnavailable: the model is not here and cannot be fetched.
        """
        named = find_repository(self.settings.model)
        require("speechbrain", package="SpeechBrain", extra=EXTRA)
        folder = Source.of(named, self.runtime, progress=progress).folder(FILES)
        interface = import_interface("separation", "SepformerSeparation")
        device = choose_device(self.runtime, extra=EXTRA)
        try:
            model = open_folder(interface, folder, device=device)
            rate, voices = int(model.hparams.sample_rate), int(model.hparams.num_spks)
        except Exception as error:  # a model folder is a program: it can fail in any way
            raise BackendBroken(
                _("{folder} cannot be loaded as a SepFormer of SpeechBrain: {cause}; choose another").format(
                    folder=folder, cause=describe_error(error)
                )
            ) from error
        if voices < 2 or rate <= 0:
            raise BackendBroken(
                _("{model} is made for one voice and parts none; choose one of {known}").format(
                    model=self.settings.model, known=", ".join(SEPARATION_MODELS)
                )
            )
        return model

    def record(self) -> BackendRecord:
        """Which model separates, and at which rate, once it is loaded."""
        details = {} if self._loaded is None else {"sample_rate": self.sample_rate, "device": str(self._loaded.device)}
        return BackendRecord(self.name, model=self.settings.model, details=details)

    @property
    def sample_rate(self) -> int:
        """Hz at which the model hears; loads it where it is not."""
        return int(self._require().hparams.sample_rate)

    def limit_band(self, samples: Samples, rate: int) -> Samples:
        """The same sound, float32 (n_samples,), with no more than what the model's rate can carry."""
        own = self.sample_rate
        return samples if own >= rate else resample(resample(samples, rate, own), own, rate, len(samples))

    def separate(self, samples: Samples, rate: int) -> Samples:
        """The streams of a mixture, float32 (n_voices, n_samples), in no order, at the levels that they have in it.

        Args:
            samples: float32 (n_samples,), at most some 20 s.
            rate: of the samples, in Hz; the model hears them at its own, and its streams come back at this one.

        Raises:
            BackendError: the memory is not enough.
        """
        import torch

        model, own = self._require(), self.sample_rate
        heard = resample(samples, rate, own)
        peak = float(np.abs(heard).max(initial=0.0))
        if peak <= 0.0:
            return np.zeros((int(model.hparams.num_spks), len(samples)), np.float32)
        scaled = heard * np.float32(_PEAK / peak)
        with (
            limit_cpu_threads(self.runtime.threads),
            translate_memory_errors(_("separation"), remedy=_("use --device cpu")),
            torch.inference_mode(),
        ):
            found = model.separate_batch(torch.from_numpy(scaled[None]))[0].cpu().numpy().T
        streams = np.nan_to_num(np.asarray(found, dtype=np.float32), posinf=0.0, neginf=0.0)
        gains = fit_levels(streams, heard)
        return np.stack(
            [resample(stream * gain, own, rate, len(samples)) for stream, gain in zip(streams, gains, strict=True)]
        )


def fit_levels(streams: Samples, mixture: Samples) -> Samples:
    """Gains float32 (n_voices,) with which the streams add up to the mixture best: networks that are trained on a
    scale-invariant measure give streams of any level and sign."""
    power = (streams.astype(np.float64) ** 2).mean(axis=1)
    gains = np.zeros(len(streams), np.float32)
    there = power > _FLAT
    if there.any():
        gains[there] = np.linalg.lstsq(streams[there].T.astype(np.float64), mixture.astype(np.float64), rcond=None)[0]
    return gains


def resample(samples: Samples, rate: int, wanted: int, length: int | None = None) -> Samples:
    """float32 (n_samples,) at another rate, in Hz; cut, or filled with silence, to `length` where that is given."""
    divisor = int(np.gcd(rate, wanted))
    made = samples if rate == wanted else resample_poly(samples, wanted // divisor, rate // divisor)
    made = np.asarray(made, dtype=np.float32)
    return made if length is None else np.pad(made[:length], (0, max(0, length - len(made))))
