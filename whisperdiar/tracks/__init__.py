"""A track per person: several files, or audio tracks of one, become one recording with a channel per person.

sources.py    which files they are, and what the people are called
clocks.py     how far apart they start and how their clocks drift
crosstalk.py  where a track carries others' voices alone
reading.py    `read_tracks`: all of it; what comes out is recognised as channels are (`whisperdiar.per_channel`)
mixing.py     all tracks as one sound, for players
"""

from __future__ import annotations

from whisperdiar.tracks.mixing import write_mix
from whisperdiar.tracks.reading import check_tracks, read_tracks
from whisperdiar.tracks.sources import Tracks, TrackSource

__all__ = ["TrackSource", "Tracks", "check_tracks", "read_tracks", "write_mix"]
