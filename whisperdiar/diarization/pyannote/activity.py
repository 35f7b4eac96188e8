"""Speaker activity of a pyannote.audio pipeline, which returns turns alone.

The pipeline's hooks show the segmentation, not which cluster each local speaker joins; so two of its steps are watched
while it runs: `reconstruct`, which is given both, and `to_annotation`, whose labels tell which cluster becomes whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whisperdiar.diarization._shared.activity import labels_of_columns, pad_columns
from whisperdiar.diarization._shared.windows import Counts, WindowGrid, activations, mean_activations
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import SpeakerActivity, Turn


@dataclass(slots=True)
class ObservedRun:
    """What a run of a pipeline shows.

    Attributes:
        segmentations: a SlidingWindowFeature (n_windows, n_frames, n_speakers), of local speakers.
        clusters: int64 (n_windows, n_speakers); `NOBODY` for a local speaker who says nothing.
        frames: the SlidingWindow of the frames of the recording.
        names: cluster → the label that its turns have.
    """

    segmentations: Any = None
    clusters: Counts = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    frames: Any = None
    names: dict[int, str] = field(default_factory=dict)

    def activity(self, turns: Sequence[Turn], duration: float) -> SpeakerActivity | None:
        """The mean of the segmentation's scores over the windows, as posteriors; None where nobody was heard.

        Args:
            turns: with the pipeline's labels.
            duration: seconds of the recording.
        """
        if self.segmentations is None:
            return None
        windows, scores = self.segmentations.sliding_window, self.segmentations.data
        grid = WindowGrid(
            n_samples=round(duration * SAMPLE_RATE_HZ),
            length=round(windows.duration * SAMPLE_RATE_HZ),
            step=round(windows.step * SAMPLE_RATE_HZ),
            sample_rate=SAMPLE_RATE_HZ,
            n_frames=scores.shape[1],
            frame_step=self.frames.step,
            frame_duration=self.frames.duration,
        )
        values = pad_columns(
            mean_activations(activations(scores, self.clusters, grid), grid), 1 + max(self.names, default=0)
        )
        labels = labels_of_columns((self.names.get(column, "") for column in range(values.shape[1])), turns)
        return SpeakerActivity(values, labels, grid.frame_step, grid.frame_duration / 2)


@contextmanager
def observe(pipeline: Any) -> Iterator[ObservedRun]:
    """Inside the block the pipeline's runs are watched; its results stay as they are."""
    watch = ObservedRun()
    reconstruct, to_annotation = pipeline.reconstruct, pipeline.to_annotation

    def watched_reconstruct(segmentations: Any, hard_clusters: Any, count: Any) -> Any:
        watch.segmentations, watch.clusters = segmentations, np.asarray(hard_clusters, dtype=np.int64)
        watch.frames = count.sliding_window
        return reconstruct(segmentations, hard_clusters, count)

    def watched_annotation(discrete: Any, **durations: Any) -> Any:
        found = to_annotation(discrete, **durations)
        # The second call, for turns without overlap, keeps the labels of the first.
        watch.names = watch.names or dict(zip(found.labels(), pipeline.classes(), strict=False))
        return found

    pipeline.reconstruct, pipeline.to_annotation = watched_reconstruct, watched_annotation
    try:
        yield watch
    finally:
        del pipeline.reconstruct, pipeline.to_annotation
