"""Data sets: local copies of corpora become manifests, which are checked, counted and handed on.

manifest.py    `Recording`, one line of a manifest; reading and writing
"""

from __future__ import annotations

from whisperdiar.datasets.manifest import Recording, parse_uem, read_manifest, read_turns, read_uem, write_manifest

__all__ = ["Recording", "parse_uem", "read_manifest", "read_turns", "read_uem", "write_manifest"]
