"""Ranges that `pyannote` and `onnx` share: those of a windowed segmentation, and of the clustering of its voices."""

from __future__ import annotations

LINKAGES = ("average", "centroid", "complete", "median", "single", "ward", "weighted")
"""Of the agglomerative clustering, by the names of SciPy."""
STEP_RANGE = ("step", 0.01, 1.0)
"""Between windows, as a share of their length."""
RANGES = (
    ("segmentation_step", *STEP_RANGE[1:]),
    ("segmentation_threshold", 0.0, 1.0),
    ("min_duration_off", 0.0, 60.0),
    ("clustering_threshold", 0.0, 2.0),
    ("vbx_fa", 0.001, 100.0),
    ("vbx_fb", 0.001, 100.0),
)
COUNTS = ("segmentation_batch_size", "embedding_batch_size", "min_cluster_size")
"""Settings that are at least 1."""
