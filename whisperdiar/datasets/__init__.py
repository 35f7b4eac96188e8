"""Data sets: local copies of corpora become manifests, which are checked, counted and handed on.

manifest.py        `Recording`, one line of a manifest; reading and writing
transcriptions.py  what corpora distribute: NXT, MRT, LDC, CHAT, NOTSOFAR's JSON
corpora.py         the local copy of a corpus becomes recordings with references
checking.py        missing files, references that cannot be right, statistics; sound as 16 kHz WAV
lhotse.py          manifests of lhotse
"""

from __future__ import annotations

from whisperdiar.datasets.checking import Checked, Finding, SetStatistics, check_recordings, convert_audio
from whisperdiar.datasets.corpora import CORPORA, Corpus, read_corpus
from whisperdiar.datasets.lhotse import read_lhotse, write_lhotse
from whisperdiar.datasets.manifest import Recording, parse_uem, read_manifest, read_turns, read_uem, write_manifest

__all__ = [
    "CORPORA",
    "Checked",
    "Corpus",
    "Finding",
    "Recording",
    "SetStatistics",
    "check_recordings",
    "convert_audio",
    "parse_uem",
    "read_corpus",
    "read_lhotse",
    "read_manifest",
    "read_turns",
    "read_uem",
    "write_lhotse",
    "write_manifest",
]
