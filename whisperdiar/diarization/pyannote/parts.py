"""Parts of a pyannote.audio pipeline that are kept while it works: what its networks give for each batch.

The pipeline cuts its windows and makes its batches by itself, so a batch is known by its number and the bytes that go
into the network. What comes out depends on nothing else: not on the number of speakers, nor on the clustering.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np

from whisperdiar.contracts import Parts, remember_array


@contextmanager
def keep_batches(pipeline: Any, parts: Parts | None) -> Iterator[None]:
    """Inside the block segmentations and embeddings come from what was kept, and are kept; None keeps nothing."""
    if parts is None:
        yield
        return
    segmentation, embedding = pipeline._segmentation, pipeline._embedding
    infer, kind = segmentation.infer, type(embedding)
    segmented, embedded = count(), count()

    def kept_infer(chunks: Any) -> Any:
        return remember_array(parts, f"segmentation {next(segmented)} {_digest(chunks)}", lambda: infer(chunks))

    class KeptEmbedding(kind):  # type: ignore[misc, valid-type]
        """The same embedding: Python looks a call up in the class, and pipelines take no stand-in for one."""

        def __call__(self, waveforms: Any, masks: Any = None) -> Any:
            key = f"embeddings {next(embedded)} {_digest(waveforms, masks)}"
            return remember_array(parts, key, lambda: kind.__call__(self, waveforms, masks=masks))

    segmentation.infer, embedding.__class__ = kept_infer, KeptEmbedding
    try:
        yield
    finally:
        del segmentation.infer
        embedding.__class__ = kind


def _digest(*tensors: Any) -> str:
    """Of shapes and values of tensors on the CPU; None stands for one that is left out."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        if tensor is not None:
            array = np.ascontiguousarray(tensor.numpy())
            found.update(f"{array.shape} {array.dtype} ".encode())
            found.update(array.data)
    return found.hexdigest()
