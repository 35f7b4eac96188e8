"""Cache: results of stages on the disk, so that a second run repeats only what changed, and a killed one goes on."""

from __future__ import annotations

from whisperdiar.cache.files import CacheFolder
from whisperdiar.cache.stages import StageCache, locate

__all__ = ["CacheFolder", "StageCache", "locate"]
