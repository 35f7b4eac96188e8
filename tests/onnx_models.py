"""Networks of pyannote.audio's own classes as ONNX files, and the same networks for pyannote.audio itself.

The segmentation is a real checkpoint where one is at hand. Embeddings have random convolutions; their last layer is
fitted to real sound, so that voices lie apart as they do with trained weights: random vectors would be one cluster.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.types import Audio

SAMPLE_RATE_HZ = 16_000
_SPREAD = 24  # principal components that the embeddings keep


def powerset_of(model: Any) -> Any:
    """A powerset PyanNet (three speakers, two at once) out of a multi-label one, with the same trained weights.

    The probability of a set is that of its members being active and nobody else: its logit is the sum of theirs.
    """
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet

    hidden = dict(model.hparams)
    made = PyanNet(sincnet=hidden["sincnet"], lstm=hidden["lstm"], linear=hidden["linear"])
    made.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=model.specifications.duration,
        classes=list(model.specifications.classes),
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    made.build()
    weights = {key: value for key, value in model.state_dict().items() if not key.startswith("classifier")}
    made.load_state_dict(weights, strict=False)
    members = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]]).float()
    with torch.no_grad():
        made.classifier.weight.copy_(members @ model.classifier.weight)
        made.classifier.bias.copy_(members @ model.classifier.bias)
    return made.eval()


def embedding(sounds: Sequence[Audio], *, n_mels: int = 80, seed: int = 0) -> Any:
    """A WeSpeakerResNet34 with random convolutions, whose last layer spreads the windows of these sounds."""
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding.wespeaker import WeSpeakerResNet34

    torch.manual_seed(seed)
    model = WeSpeakerResNet34(num_mel_bins=n_mels)
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0, classes=["a", "b"]
    )
    model.eval()
    length = 3 * SAMPLE_RATE_HZ
    windows = [
        sound.mono[i : i + length] for sound in sounds for i in range(0, sound.samples.shape[1] - length, length)
    ]
    with torch.inference_mode():
        frames = [model.forward_frames(torch.from_numpy(np.array(window))[None, None]) for window in windows]
        statistics = torch.cat([model.resnet.pool(item) for item in frames]).numpy().astype(np.float64)
    mean = statistics.mean(axis=0)
    _, scales, axes = np.linalg.svd(statistics - mean, full_matrices=False)
    n_kept = min(_SPREAD, len(windows) // 2)  # the last ones hold nothing but rounding errors
    kept = axes[:n_kept] * (np.sqrt(len(windows)) / scales[:n_kept])[:, None]
    weight = np.zeros((model.resnet.embed_dim, len(mean)))
    weight[: len(kept)] = kept
    with torch.no_grad():
        model.resnet.seg_1.weight.copy_(torch.from_numpy(weight))
        model.resnet.seg_1.bias.copy_(torch.from_numpy(-weight @ mean))
    return model


def export_segmentation(model: Any, path: Path, *, fixed_window: bool = False) -> Path:
    """As the published exports: sound (batch, 1, samples) → scores (batch, frames, classes)."""
    import torch

    sound = torch.zeros(1, 1, round(model.specifications.duration * SAMPLE_RATE_HZ))
    axes = {"input_values": {0: "batch_size", 2: "num_samples"}, "logits": {0: "batch_size", 1: "num_frames"}}
    if fixed_window:
        axes = {"input_values": {0: "batch_size"}, "logits": {0: "batch_size"}}
    _export(model, sound, path, axes)
    return path


def export_embedding(model: Any, path: Path, *, form: str = "pyannote") -> Path:
    """Filterbank (batch, frames, bands) → embedding (batch, dimension).

    Args:
        form: ``pyannote`` exports its pooling, ``wespeaker`` that of WeSpeaker's own export, which adds to the variance
            and takes a mean vector off, ``last`` a pooling that cannot be shared: the last frame, ``unpadded`` a
            pooling over convolutions that put out fewer frames than they take.
    """
    import torch

    resnet = model.resnet

    class Exported(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.resnet = resnet
            self.register_buffer("mean_vector", torch.zeros(resnet.embed_dim))

        def forward(self, feats: Any) -> Any:
            if form == "pyannote":
                return self.resnet(feats)[1]
            if form == "unpadded":
                bands = torch.nn.functional.avg_pool1d(feats.transpose(1, 2), 9, stride=1)
                bands = bands.repeat(1, self.resnet.seg_1.in_features // 2 // bands.shape[1], 1)
                return self.resnet.seg_1(torch.cat((bands.mean(dim=-1), bands.std(dim=-1)), 1))
            frames = self.resnet.forward_frames(feats)
            if form == "last":
                flat = frames.flatten(1, 2)[:, :, -1]
                return self.resnet.seg_1(torch.cat([flat, flat], dim=1)) - self.mean_vector
            mean = frames.mean(dim=-1).flatten(start_dim=1)
            deviation = torch.sqrt(torch.var(frames, dim=-1) + 1e-7).flatten(start_dim=1)
            return self.resnet.seg_1(torch.cat((mean, deviation), 1)) - self.mean_vector

    bands = torch.zeros(1, 200, model.hparams.num_mel_bins)
    axes = {"feats": {0: "B", 1: "T"}, "embs": {0: "B"}}
    _export(Exported().eval(), bands, path, axes)
    return path


def _export(model: Any, example: Any, path: Path, axes: dict[str, dict[int, str]]) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    taken, given = list(axes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            str(path),
            dynamo=False,  # the new exporter cannot take these networks
            input_names=[taken],
            output_names=[given],
            dynamic_axes=axes,
            opset_version=17,
        )


def pyannote_pipeline(segmentation: Any, voices: Any, **parameters: Any) -> Any:
    """pyannote.audio's own SpeakerDiarization with these networks and the parameters of 3.1, or with a folder `plda`
    the clustering of community-1."""
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    plda = parameters.get("plda")
    pipeline = SpeakerDiarization(
        segmentation=segmentation,
        embedding=voices,
        embedding_exclude_overlap=parameters.get("embedding_exclude_overlap", True),
        clustering="AgglomerativeClustering" if plda is None else "VBxClustering",
        segmentation_step=parameters.get("segmentation_step", 0.1),
        segmentation_batch_size=32,
        embedding_batch_size=32,
        # It would be fetched, and is never asked.
        plda=PLDA.__new__(PLDA) if plda is None else PLDA.from_pretrained(plda),
    )
    values: dict[str, dict[str, Any]] = {
        "segmentation": {"min_duration_off": parameters.get("min_duration_off", 0.0)},
        "clustering": {
            "method": "centroid",
            "min_cluster_size": parameters.get("min_cluster_size", 12),
            "threshold": parameters.get("clustering_threshold", 0.7045654963945799),
        },
    }
    if plda is not None:
        values["clustering"] = {name: parameters[name] for name in ("threshold", "Fa", "Fb")}
    if not segmentation.specifications.powerset:
        values["segmentation"]["threshold"] = parameters.get("segmentation_threshold", 0.5)
    pipeline.instantiate(values)
    return pipeline
