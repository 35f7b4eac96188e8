"""Settings of the diarizer `ecapa`."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption
from whisperdiar.options.embedding import EmbeddingSettings
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class EcapaSettings(EmbeddingSettings):
    """Diarization by ECAPA-TDNN embeddings; all but `embedding` is as in `EmbeddingSettings`."""

    embedding: str = "ecapa"

    def __post_init__(self) -> None:
        EmbeddingSettings.__post_init__(self)
        if self.embedding != "ecapa":
            raise InvalidOption(
                _("embedding {embedding!r}: this is the diarizer with ecapa; choose --diarizer embedding").format(
                    embedding=self.embedding
                )
            )
