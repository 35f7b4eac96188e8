"""Diarization by ECAPA-TDNN speaker embeddings: the diarizer ``embedding`` with SpeechBrain's model for VoxCeleb."""

from __future__ import annotations

from typing import ClassVar

from whisperdiar.diarization.embedding.diarizer import EmbeddingDiarizer
from whisperdiar.diarization.embedding.encoders import ECAPA
from whisperdiar.options.ecapa import EcapaSettings
from whisperdiar.types import BackendInfo


class Backend(EmbeddingDiarizer):
    """Clusters speech by the embeddings of SpeechBrain's ECAPA-TDNN."""

    name: ClassVar[str] = "ecapa"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="SpeechBrain's ECAPA-TDNN speaker embeddings, clustered",
        licence="Apache-2.0",
        extra="speechbrain",
        network=True,
        download_mb=89,
        homepage=f"https://huggingface.co/{ECAPA}",
        repositories=(ECAPA,),
        requires=("speechbrain",),
        activity="similarity",
        caution="one speaker at a time; nobody who speaks for less than 1.6 s in all is told apart",
    )
    settings_type: ClassVar[type] = EcapaSettings
