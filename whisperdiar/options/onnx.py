"""Settings of the diarizer `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import TunableRange, check_at_least_one, check_choice, check_numbers, check_ranges
from whisperdiar.options._windowed_segmentation import COUNTS, LINKAGES, RANGES
from whisperdiar.text.messages import _

STRETCH_THRESHOLD = 0.4
"""Cosine distance up to which stretches of speech are one speaker, by average linkage; fitted to each recording."""
CAMPPLUS = "csukuangfj/speaker-embedding-models"
WESPEAKER = "hbredin/wespeaker-voxceleb-resnet34-LM"
"""Repositories of the speaker embeddings: CAM++ of 3D-Speaker, and the ResNet34 of pyannote's pipeline 3.1."""
USUAL_STEP, FAST_STEP = 0.1, 0.25
EXACT_LINKAGE, EXACT_THRESHOLD, EXACT_CLUSTER = "centroid", 0.7045654963945799, 12
"""The published parameters of pyannote's pipeline 3.1."""
VBX = "vbx"
VBX_THRESHOLD, VBX_FA, VBX_FB = 0.6, 0.07, 0.8
"""The published parameters of pyannote's community-1: ``SpeakerDiarization.default_parameters`` of pyannote.audio 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxSettings:
    """Diarization in ONNX Runtime on the networks of pyannote's pipeline "speaker-diarization-3.1".

    Attributes:
        segmentation_model: repository of the hub, or a ``.onnx`` file: sound → who of a few local speakers talks.
        embedding_model: the same for the speaker embedding: mel filterbank → vector. None for CAM++ of 3D-Speaker, or
            with `exact` for WeSpeaker's ResNet34.
        segmentation_window: seconds that the segmentation looks at; None for those of the file, where it says so, else
            10 for a powerset model and 5 for a multi-label one.
        segmentation_step: step between windows, as a share of their length; more is faster and coarser. None for 0.1,
            and for 0.25 with `fast` but not `exact`.
        segmentation_threshold: probability above which somebody talks, for multi-label segmentations only; None for
            0.5.
        segmentation_batch_size: windows segmented at once by each thread; None for 8 on a CPU and 32 on a GPU.
        min_duration_off: pauses of one speaker up to this length (seconds) are filled.
        embedding_batch_size: windows embedded at once by each thread; None for 4 on a CPU and 32 on a GPU. For
            `exact` only, and not for `fast`, which embeds blocks of 20 seconds.
        embedding_exclude_overlap: leave overlapped speech out of embeddings. For `exact` only.
        clustering_method: linkage of the agglomerative clustering, or ``vbx`` for the clustering of community-1; None
            for ``centroid``. For `exact` only.
        clustering_threshold: distance up to which voices are one speaker; more gives fewer speakers. None for 0.4,
            which was measured with CAM++, or with `exact` for 0.7045654963945799, with ``vbx`` for 0.6 (there only of
            the first guess).
        min_cluster_size: smaller clusters join a larger one; None for 12. For `exact` only, and not for ``vbx``.
        plda: for ``vbx``: a folder with xvec_transform.npz and plda.npz, or a repository of the hub that has them in
            ``plda``; None for pyannote/speaker-diarization-community-1, which asks for HF_TOKEN.
        vbx_fa: for ``vbx``: weight of the acoustics; None for 0.07.
        vbx_fb: for ``vbx``: weight of having few speakers; None for 0.8.
        exclusive: one speaker at a time: who talks most clearly there.
        exact: pyannote's own way, step by step, with its published parameters and embedding; words are not looked at.
            Without it stretches of text are clustered.
        fast: with `exact`, frames are embedded once for all windows in which they lie: many times faster, hardly less
            accurate. Without it every second of speech is embedded once in any case; fewer windows are segmented.

    Raises:
        InvalidOption: a number outside its range, or no such linkage.
    """

    tunable: ClassVar[Mapping[str, TunableRange]] = {
        "clustering_threshold": TunableRange(0.2, 0.9, 0.02),
        "min_duration_off": TunableRange(0.0, 1.0, 0.1),
    }

    segmentation_model: str = "onnx-community/pyannote-segmentation-3.0"
    embedding_model: str | None = None
    segmentation_window: float | None = None
    segmentation_step: float | None = None
    segmentation_threshold: float | None = None
    segmentation_batch_size: int | None = None
    min_duration_off: float = 0.0
    embedding_batch_size: int | None = None
    embedding_exclude_overlap: bool = True
    clustering_method: str | None = None
    clustering_threshold: float | None = None
    min_cluster_size: int | None = None
    plda: str | None = None
    vbx_fa: float | None = None
    vbx_fb: float | None = None
    exclusive: bool = False
    exact: bool = False
    fast: bool = False

    def __post_init__(self) -> None:
        check_at_least_one(self, *COUNTS)
        check_ranges(self, ("segmentation_window", 0.5, 60.0), *RANGES)
        check_numbers(self)
        if self.fast and self.embedding_batch_size is not None:
            raise InvalidOption(_("embedding_batch_size: fast embeds blocks one by one; leave one of the two out"))
        if not self.exact:
            for name in ("clustering_method", "min_cluster_size", "embedding_batch_size"):
                if getattr(self, name) is not None:
                    raise InvalidOption(
                        _("{name}: only the exact mode has it; add exact=true, or leave it out").format(name=name)
                    )
        check_choice("clustering_method", self.clustering_method, (*LINKAGES, VBX))
        if self.clustering_method == VBX and self.min_cluster_size is not None:
            raise InvalidOption(_("min_cluster_size: clustering_method=vbx keeps speakers of any size; leave one out"))
        for name in ("plda", "vbx_fa", "vbx_fb"):
            if self.clustering_method != VBX and getattr(self, name) is not None:
                raise InvalidOption(
                    _("{name}: only clustering_method=vbx has it; add that or leave {name} out").format(name=name)
                )

    @property
    def embedding(self) -> str:
        """The embedding model that is used."""
        return self.embedding_model or (WESPEAKER if self.exact else CAMPPLUS)

    @property
    def step(self) -> float:
        """The step between windows that is used, as a share of their length."""
        if self.segmentation_step is not None:
            return self.segmentation_step
        return FAST_STEP if self.fast and not self.exact else USUAL_STEP

    @property
    def threshold(self) -> float:
        """The distance that is used up to which voices are one speaker."""
        if self.clustering_threshold is not None:
            return self.clustering_threshold
        if self.clustering_method == VBX:
            return VBX_THRESHOLD
        return EXACT_THRESHOLD if self.exact else STRETCH_THRESHOLD
