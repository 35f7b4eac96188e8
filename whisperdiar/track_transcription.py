"""Tracks in one call: a recording of which each person has a track becomes a transcript."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from whisperdiar.api import open_pipeline, refuse_single
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.pipeline_settings import PipelineSettings
from whisperdiar.recordings import Part
from whisperdiar.tracks import Tracks, check_tracks
from whisperdiar.transcript import Transcript

if TYPE_CHECKING:
    from typing_extensions import Unpack


def transcribe_tracks(
    tracks: Tracks | str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    names: Sequence[str] | None = None,
    start: float = 0.0,
    end: float | None = None,
    strict: bool = False,
    progress: Progress = no_progress,
    **settings: Unpack[PipelineSettings],
) -> Transcript:
    """Who said what, when, in one recording of which each person has a track.

        whisperdiar.transcribe_tracks(["anna.wav", "boris.wav"], model="small")
        whisperdiar.transcribe_tracks("craig-recording/", names=["Anna", "Boris"])

    Where the recorders started apart or their clocks differ, the voices that each microphone hears of the others tell
    by how much; where a track carries others alone, nothing is recognised. Time 0 is where the earliest track begins.

    Args:
        tracks: files, a folder of them, one file with several audio tracks, or `Tracks`.
        names: of the people, in the order of the tracks; None for those in the file names, or the tracks' titles.
        start, end: which part is read, in seconds.
        strict: whether a track that ends before its header says raises TruncatedMedia.
        progress: called with a stage and its done fraction.
        settings: as of `open_pipeline`; the diarizer is ``channels``.

    Raises:
        InvalidOption: there are not two tracks, or a setting cannot be meant.
        MediaError: a file cannot be read, or no track has sound.
        BackendError: a backend cannot run.
    """
    found = tracks if isinstance(tracks, Tracks) else _find_tracks(tracks, names)
    if settings.get("diarizer", "auto") == "auto":
        settings["diarizer"] = "channels"
    with open_pipeline(load_now=False, **settings) as pipeline:
        check_tracks(found)  # before a model is fetched
        return pipeline(found, part=Part(start=start, end=end), strict=strict, progress=progress)


def _find_tracks(
    tracks: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], names: Sequence[str] | None
) -> Tracks:
    if names is not None:
        refuse_single("names", names)
    if isinstance(tracks, (str, os.PathLike)) and not os.path.isdir(tracks):
        return Tracks.of_file(tracks, names=names)
    return Tracks.find(tracks, names=names)
