"""Attention times of Whisper models: by how much each model's attention is early or late.

Times come from the cross-attention of a few heads that were chosen for each published model. Some look at the sound
before a word begins, others at its vowel. A model is known by its heads, whatever its folder is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

Heads = tuple[tuple[int, int], ...]
"""Layer and head of each one, in the order of the configuration."""

LEADS_S: Mapping[Heads, float] = MappingProxyType(
    {
        ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)): 0.045,  # base
        ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)): -0.08,  # tiny.en
    }
)
"""Seconds that the words of a model are too early in the median (below zero: too late), against AMI's forced alignment,
on one half of `benchmarks/word_times.py`'s recordings. A model that was not measured is taken as it is."""


def find_lead(folder: Path) -> float:
    """Seconds to be added to the times of the model in `folder`, in CTranslate2's format; 0 for one not measured."""
    try:
        listed = json.loads((folder / "config.json").read_text("utf-8"))["alignment_heads"]
        heads: Heads = tuple((int(layer), int(head)) for layer, head in listed)
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
    return LEADS_S.get(heads, 0.0)
