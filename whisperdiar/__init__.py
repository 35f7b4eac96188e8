"""whisperdiar: who said what, when.

    >>> import whisperdiar
    >>> transcript = whisperdiar.transcribe("meeting.mp4")          # doctest: +SKIP
    >>> [(segment.speaker, segment.text) for segment in transcript.segments]  # doctest: +SKIP

Importing this package loads no model library; names are fetched from their modules at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whisperdiar.alignment import align, uncertain_words
    from whisperdiar.api import OpenPipeline, open_pipeline, transcribe
    from whisperdiar.contracts import Diarizer, Progress, SpeechDetector, Transcriber
    from whisperdiar.errors import (
        BackendBroken,
        BackendError,
        BackendMissing,
        Cancelled,
        DiarizationFailed,
        FormatError,
        Interrupted,
        InvalidOption,
        MediaError,
        ModelUnavailable,
        OutputError,
        TruncatedMedia,
        UnsupportedRequest,
        WhisperdiarError,
    )
    from whisperdiar.exchange import convert, read, write
    from whisperdiar.joining import Origin, join
    from whisperdiar.media import load, probe
    from whisperdiar.options import (
        AlignmentOptions,
        Runtime,
        ScoreOptions,
        SegmentationOptions,
        SubtitleOptions,
        SubtitleRules,
        WriteOptions,
        subtitle_rules,
    )
    from whisperdiar.pipeline import Pipeline
    from whisperdiar.recordings import Part, RecordingResult
    from whisperdiar.reports.plots import picture_svg, timeline_svg
    from whisperdiar.reports.speaker_clips import write_clips
    from whisperdiar.scoring import Difference, Score, compare_scores, score
    from whisperdiar.segmentation import segments
    from whisperdiar.statistics import SpeakerStatistics, Statistics, talk_statistics
    from whisperdiar.subtitles import cues
    from whisperdiar.track_transcription import transcribe_tracks
    from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain
    from whisperdiar.types import (
        Audio,
        Cue,
        Diarization,
        Span,
        SpeakerActivity,
        SpeakerCount,
        Transcription,
        Turn,
        Word,
    )
    from whisperdiar.version import __version__

_HOMES = {
    "alignment": ("align", "uncertain_words"),
    "api": ("OpenPipeline", "open_pipeline", "transcribe"),
    "reports.speaker_clips": ("write_clips",),
    "contracts": ("Diarizer", "Progress", "SpeechDetector", "Transcriber"),
    "errors": (
        "BackendBroken",
        "BackendError",
        "BackendMissing",
        "Cancelled",
        "DiarizationFailed",
        "FormatError",
        "Interrupted",
        "InvalidOption",
        "MediaError",
        "ModelUnavailable",
        "OutputError",
        "TruncatedMedia",
        "UnsupportedRequest",
        "WhisperdiarError",
    ),
    "exchange": ("convert", "read", "write"),
    "joining": ("Origin", "join"),
    "media": ("load", "probe"),
    "options": (
        "AlignmentOptions",
        "Runtime",
        "ScoreOptions",
        "SegmentationOptions",
        "SubtitleOptions",
        "SubtitleRules",
        "WriteOptions",
        "subtitle_rules",
    ),
    "pipeline": ("Pipeline",),
    "recordings": ("Part", "RecordingResult"),
    "reports.plots": ("picture_svg", "timeline_svg"),
    "scoring": ("Difference", "Score", "compare_scores", "score"),
    "segmentation": ("segments",),
    "statistics": ("SpeakerStatistics", "Statistics", "talk_statistics"),
    "subtitles": ("cues",),
    "track_transcription": ("transcribe_tracks",),
    "transcript": ("Segment", "Speaker", "Transcript", "Uncertain"),
    "types": (
        "Audio",
        "Cue",
        "Diarization",
        "Span",
        "SpeakerActivity",
        "SpeakerCount",
        "Transcription",
        "Turn",
        "Word",
    ),
    "version": ("__version__",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AlignmentOptions",
    "Audio",
    "BackendBroken",
    "BackendError",
    "BackendMissing",
    "Cancelled",
    "Cue",
    "Diarization",
    "DiarizationFailed",
    "Diarizer",
    "Difference",
    "FormatError",
    "Interrupted",
    "InvalidOption",
    "MediaError",
    "ModelUnavailable",
    "OpenPipeline",
    "Origin",
    "OutputError",
    "Part",
    "Pipeline",
    "Progress",
    "RecordingResult",
    "Runtime",
    "Score",
    "ScoreOptions",
    "Segment",
    "SegmentationOptions",
    "Span",
    "Speaker",
    "SpeakerActivity",
    "SpeakerCount",
    "SpeakerStatistics",
    "SpeechDetector",
    "Statistics",
    "SubtitleOptions",
    "SubtitleRules",
    "Transcriber",
    "Transcript",
    "Transcription",
    "TruncatedMedia",
    "Turn",
    "Uncertain",
    "UnsupportedRequest",
    "WhisperdiarError",
    "Word",
    "WriteOptions",
    "__version__",
    "align",
    "compare_scores",
    "convert",
    "cues",
    "join",
    "load",
    "open_pipeline",
    "picture_svg",
    "probe",
    "read",
    "score",
    "segments",
    "subtitle_rules",
    "talk_statistics",
    "timeline_svg",
    "transcribe",
    "transcribe_tracks",
    "uncertain_words",
    "write",
    "write_clips",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
