"""Small models of pyannote's own classes with random weights, saved the way that pyannote.audio loads them.

Random weights say nothing about speech, but everything about the code: windows, clustering, labels, settings.
The classifier is sharpened, so that the answers change with the sound in place of being one class for ever.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_RATE_HZ = 16_000


def segmentation_model(*, duration: float = 2.0, powerset: bool = True, seed: int = 5) -> Any:
    """A PyanNet for at most three speakers (two at once) in windows of `duration` seconds."""
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(seed)
    model = PyanNet(lstm={"hidden_size": 16, "num_layers": 1}, linear={"hidden_size": 16, "num_layers": 1})
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION if powerset else Problem.MULTI_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=duration,
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2 if powerset else None,
        permutation_invariant=True,
    )
    model.build()
    with torch.no_grad():
        model.classifier.weight.mul_(60.0)
        model.classifier.bias.mul_(0.0)
    return model.eval()


def embedding_model(*, seed: int = 0) -> Any:
    """A WeSpeaker ResNet34 on eight mel bands: the real architecture at a tenth of the work."""
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding.wespeaker import WeSpeakerResNet34

    torch.manual_seed(seed)
    model = WeSpeakerResNet34(num_mel_bins=8)
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=2.0, classes=["a", "b"]
    )
    return model.eval()


def save_checkpoint(model: Any, path: Path) -> Path:
    """What pyannote.audio's own training writes, as far as loading reads it."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": "2.4.0",
        "epoch": 0,
        "global_step": 0,
    }
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return path


def save_diarizers(model: Any, folder: Path) -> Path:
    """The two files that the `diarizers` library saves for a fine-tuned PyanNet."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{key}": value.contiguous() for key, value in model.state_dict().items()}
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    found = model.specifications
    config = {
        "model_type": "pyannet",
        "chunk_duration": found.duration,
        "max_speakers_per_chunk": len(found.classes),
        "max_speakers_per_frame": found.powerset_max_classes,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def save_plda(folder: Path, *, embedding_dimension: int = 256, dimension: int = 128, seed: int = 0) -> Path:
    """The two archives of a PLDA: a projection of the embeddings and a well-conditioned model behind it."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "xvec_transform.npz",
        mean1=np.zeros(embedding_dimension),
        mean2=np.zeros(dimension),
        lda=np.linalg.qr(random.normal(size=(embedding_dimension, dimension)))[0],
    )
    np.savez(
        folder / "plda.npz",
        mu=np.zeros(dimension),
        tr=np.eye(dimension) + 0.01 * random.normal(size=(dimension, dimension)),
        psi=np.linspace(5.0, 0.1, dimension),
    )
    return folder


def save_pipeline(folder: Path, *, clustering: str = "AgglomerativeClustering", layout: str = "$model") -> Path:
    """A pipeline folder: config.yaml and its parts, named as community-1 does (``$model/…``), by a path relative to
    the folder (``relative``) or by an absolute one (``absolute``)."""
    parts = {
        "segmentation": save_checkpoint(segmentation_model(), folder / "segmentation" / "pytorch_model.bin"),
        "embedding": save_checkpoint(embedding_model(), folder / "embedding" / "pytorch_model.bin"),
    }
    if clustering == "VBxClustering":
        parts["plda"] = save_plda(folder / "plda") / "plda.npz"
        parameters = "threshold: 0.6\n    Fa: 0.07\n    Fb: 0.8"
    else:
        parameters = "method: centroid\n    min_cluster_size: 2\n    threshold: 0.7"
    named = {
        "$model": lambda part, path: f"$model/{part}",
        "relative": lambda part, path: f"{part}/{path.name}",
        "absolute": lambda part, path: str(path),
    }[layout]
    lines = "".join(f"    {part}: {named(part, path)}\n" for part, path in parts.items())
    (folder / "config.yaml").write_text(
        f"""version: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: {clustering}
{lines}    segmentation_batch_size: 8
    embedding_batch_size: 8
    segmentation_step: 0.5
    embedding_exclude_overlap: true
params:
  segmentation:
    min_duration_off: 0.0
  clustering:
    {parameters}
""",
        encoding="utf-8",
    )
    return folder
