"""ONNX export of a segmentation network, compared with the network it was made of."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.errors import BackendError
from whisperdiar.frameworks.onnxruntime import Session
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.system.files import stage
from whisperdiar.text.messages import _

ONNX_FILE = "model.onnx"
_MOST_DIFFERENCE = 5e-3
"""Probabilities may differ by so much: sums are taken in another order, which shows most in digital silence, 6e-4."""


def export_segmentation(model: Any, window: float, path: Path) -> float:
    """Write a network of pyannote.audio as ``.onnx`` for windows of so many seconds, which the file says by its input.

    Returns:
        The largest difference between the probabilities that the two give, for noise and silence.

    Raises:
        BackendError: the outputs differ.
        OutputError: the file cannot be written.
    """
    import torch

    n_samples = round(window * SAMPLE_RATE_HZ)
    noise = torch.from_numpy(0.1 * np.random.default_rng(0).normal(size=(3, 1, n_samples))).float()
    noise[2] = 0.0
    model = model.eval()
    with stage(path) as temporary, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        written = io.BytesIO()  # PyTorch's own writer does not say why a file cannot be written
        torch.onnx.export(
            model,
            (noise[:1],),
            written,
            input_names=["input_values"],
            output_names=["logits"],
            dynamic_axes={"input_values": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,  # the new exporter cannot take these networks
        )
        Path(temporary).write_bytes(written.getvalue())
        made = Session(Path(temporary), Runtime(device="cpu"), name=str(path))(noise.numpy())
        difference = float(np.abs(np.exp(made) - np.exp(model(noise).numpy())).max())
    if difference > _MOST_DIFFERENCE:
        path.unlink(missing_ok=True)
        raise BackendError(
            _(
                "{path}: its outputs differ from PyTorch's by {difference:.3g}; use the folder with "
                "--diarizer pyannote, and update torch and onnxruntime"
            ).format(path=path, difference=difference)
        )
    return difference
