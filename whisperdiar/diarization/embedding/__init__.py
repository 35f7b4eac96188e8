"""Diarization by speaker embeddings: who speaks in each window of speech, by its voice.

Windows that slide through the detected speech are embedded, the embeddings clustered, and the boundaries between
speakers found anew by Viterbi decoding. The embedding is chosen by name; `auto` takes the best that can run.
Source: the chain is that of Wang et al., "Speaker diarization with LSTM", ICASSP 2018, arXiv:1710.10468; see
`clustering` for where it departs from it.
"""

from __future__ import annotations

from typing import ClassVar

from whisperdiar.diarization.embedding.diarizer import EmbeddingDiarizer
from whisperdiar.diarization.embedding.encoders import ECAPA
from whisperdiar.options.embedding import EmbeddingSettings
from whisperdiar.options.onnx import CAMPPLUS, WESPEAKER
from whisperdiar.text.messages import mark
from whisperdiar.types import BackendInfo


class Backend(EmbeddingDiarizer):
    """Clusters speech by speaker embeddings: ECAPA-TDNN, CAM++, WeSpeaker, Resemblyzer or one of pyannote.audio."""

    name: ClassVar[str] = "embedding"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="speaker embeddings of speech, clustered; Resemblyzer's need no download",
        licence=mark("models: ECAPA, CAM++ and Resemblyzer Apache-2.0, WeSpeaker CC-BY-4.0, pyannote/embedding MIT"),
        extra="",
        network=True,
        download_mb=89,
        homepage="https://github.com/resemble-ai/Resemblyzer",
        requires=("onnxruntime",),
        activity="similarity",
        caution="one speaker at a time; nobody who speaks for less than 1.6 s in all is told apart",
    )
    # Any of these will do: packages, and repositories of models that must be in the cache.
    alternatives: ClassVar[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
        (("speechbrain",), (ECAPA,)),
        (("onnxruntime", "onnx", "kaldi_native_fbank"), (CAMPPLUS,)),
        (("onnxruntime", "onnx", "kaldi_native_fbank"), (WESPEAKER,)),
        (("resemblyzer",), ()),
    )
    # `models download onnx` fetches CAM++, which needs no PyTorch.
    downloaded_as: ClassVar[str] = "onnx"
    settings_type: ClassVar[type] = EmbeddingSettings
