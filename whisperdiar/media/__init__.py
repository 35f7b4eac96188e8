"""Any audio or video file → `Audio`, through PyAV (no ffmpeg program is needed).

files.py     is it a file that may be read? opening it, and one clear line if it cannot be
decode.py    `load`: frames → samples at their times
source.py    the bytes that FFmpeg reads: a file, or a part of one
parts.py     recordings that were joined, and what follows damage: one part after another
frames.py    packets → frames with timestamps, over damaged packets
losses.py    how long a damaged packet lasted, where no timestamp tells
damage.py    where silence stands for lost sound, and what is said about it
timeline.py  gaps, overlaps, clocks that jump, and the part that was asked for
store.py     samples in memory, or in a temporary file where they are many
structure.py pages, packets, elements: whether bytes are whole, and where to go on
chunks.py    where the samples of WAV, AIFF, Wave64 and CAF lie, and what follows them
promise.py   how long the file says it is, so that a broken download is noticed
"""

from __future__ import annotations

from whisperdiar.media.decode import check_recording, load
from whisperdiar.media.files import AudioTrack, MediaInfo, probe, recording_id
from whisperdiar.media.shots import find_shots, read_shots

__all__ = [
    "AudioTrack",
    "MediaInfo",
    "check_recording",
    "find_shots",
    "load",
    "probe",
    "read_shots",
    "recording_id",
]
