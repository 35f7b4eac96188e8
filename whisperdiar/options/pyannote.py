"""Settings of the diarizer `pyannote`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from whisperdiar.options._ranges import TunableRange, check_at_least_one, check_choice, check_numbers, check_ranges
from whisperdiar.options._windowed_segmentation import COUNTS, LINKAGES, RANGES

CLUSTERINGS = ("AgglomerativeClustering", "KMeansClustering", "VBxClustering")


@dataclass(frozen=True, slots=True, kw_only=True)
class PyannoteSettings:
    """A speaker diarization pipeline of pyannote.audio; None keeps what the pipeline's own configuration says.

    Attributes:
        pipeline: repository of the hub, or a folder with the pipeline's config.yaml.
        segmentation_model: repository, folder or file that replaces the pipeline's segmentation.
        embedding_model: the same for its speaker embedding.
        segmentation_batch_size: windows segmented at once; less needs less memory.
        embedding_batch_size: voices embedded at once; less needs less memory.
        segmentation_step: step between windows, as a share of their length; more is faster and coarser.
        segmentation_threshold: probability above which somebody talks, for multi-label segmentations only.
        min_duration_off: pauses of one speaker up to this length (seconds) are filled.
        embedding_exclude_overlap: leave overlapped speech out of embeddings.
        clustering: AgglomerativeClustering (as in 3.1), VBxClustering (as in community-1) or KMeansClustering (for a
            given number of speakers); where it is not the pipeline's own, it starts from the published values.
        clustering_method: linkage, for agglomerative clustering only.
        clustering_threshold: distance up to which voices are one speaker; more gives fewer speakers.
        min_cluster_size: smaller clusters join a larger one, for agglomerative clustering only.
        vbx_fa: weight of the acoustics, for VBx clustering only.
        vbx_fb: weight of having few speakers, for VBx clustering only.
        exclusive: one speaker at a time, as pyannote resolves overlaps for transcripts.

    Raises:
        InvalidOption: a number outside its range, or no such clustering or linkage.
    """

    tunable: ClassVar[Mapping[str, TunableRange]] = {
        "clustering_threshold": TunableRange(0.4, 0.9, 0.02),
        "min_duration_off": TunableRange(0.0, 1.0, 0.1),
    }

    pipeline: str = "pyannote/speaker-diarization-community-1"
    segmentation_model: str | None = None
    embedding_model: str | None = None
    segmentation_batch_size: int | None = None
    embedding_batch_size: int | None = None
    segmentation_step: float | None = None
    segmentation_threshold: float | None = None
    min_duration_off: float | None = None
    embedding_exclude_overlap: bool | None = None
    clustering: str | None = None
    clustering_method: str | None = None
    clustering_threshold: float | None = None
    min_cluster_size: int | None = None
    vbx_fa: float | None = None
    vbx_fb: float | None = None
    exclusive: bool = False

    def __post_init__(self) -> None:
        check_at_least_one(self, *COUNTS)
        check_ranges(self, *RANGES)
        check_choice("clustering", self.clustering, CLUSTERINGS)
        check_choice("clustering_method", self.clustering_method, LINKAGES)
        check_numbers(self)
