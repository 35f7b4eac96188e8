"""Settings of every stage. The only place where a default is written; the command line reads it from here."""

from __future__ import annotations

from whisperdiar.options._ranges import check_numbers
from whisperdiar.options.asr import WHISPER_TASKS, WORD_TIMES, PocketSphinxSettings, WhisperSettings
from whisperdiar.options.classic_diarization import BicSettings, ChannelsSettings
from whisperdiar.options.editing import EditOptions, KeepOptions
from whisperdiar.options.embedding import EMBEDDING_CLUSTERINGS, EMBEDDINGS, EcapaSettings, EmbeddingSettings
from whisperdiar.options.minutes import LlmOptions, MinutesOptions
from whisperdiar.options.nemotron import NEMOTRON_MODES, NEMOTRON_PRECISIONS, NemotronSettings
from whisperdiar.options.neural_diarization import CLUSTERINGS, LINKAGES, PyannoteSettings
from whisperdiar.options.onnx_diarization import OnnxSettings
from whisperdiar.options.output import (
    MUXED_FORMATS,
    AlignmentOptions,
    RttmTolerance,
    SegmentationOptions,
    WriteOptions,
)
from whisperdiar.options.plots import PLOT_KINDS, PLOT_LANGUAGES, PlotOptions
from whisperdiar.options.profiles import profile_names, profile_summary, subtitle_rules
from whisperdiar.options.pyannote_vad import PyannoteVadSettings
from whisperdiar.options.runtime import (
    AUTO_ORDER,
    ONLY_AT_HAND,
    SAMPLE_RATE_HZ,
    FileSettings,
    NoSettings,
    Runtime,
    check_device,
)
from whisperdiar.options.sortformer import LATENCIES, POSTPROCESSING, PostProcessing, SortformerSettings, Streaming
from whisperdiar.options.statistics import StatisticsOptions
from whisperdiar.options.subtitles import AUDIENCES, SPEAKER_STYLES, SubtitleOptions, SubtitleRules
from whisperdiar.options.vad import EnergySettings, VadSettings

__all__ = [
    "AUDIENCES",
    "AUTO_ORDER",
    "CLUSTERINGS",
    "EMBEDDINGS",
    "EMBEDDING_CLUSTERINGS",
    "LATENCIES",
    "LINKAGES",
    "MUXED_FORMATS",
    "NEMOTRON_MODES",
    "NEMOTRON_PRECISIONS",
    "ONLY_AT_HAND",
    "PLOT_KINDS",
    "PLOT_LANGUAGES",
    "POSTPROCESSING",
    "SAMPLE_RATE_HZ",
    "SPEAKER_STYLES",
    "WHISPER_TASKS",
    "WORD_TIMES",
    "AlignmentOptions",
    "BicSettings",
    "ChannelsSettings",
    "EcapaSettings",
    "EditOptions",
    "EmbeddingSettings",
    "EnergySettings",
    "FileSettings",
    "KeepOptions",
    "LlmOptions",
    "MinutesOptions",
    "NemotronSettings",
    "NoSettings",
    "OnnxSettings",
    "PlotOptions",
    "PocketSphinxSettings",
    "PostProcessing",
    "PyannoteSettings",
    "PyannoteVadSettings",
    "RttmTolerance",
    "Runtime",
    "SegmentationOptions",
    "SortformerSettings",
    "StatisticsOptions",
    "Streaming",
    "SubtitleOptions",
    "SubtitleRules",
    "VadSettings",
    "WhisperSettings",
    "WriteOptions",
    "check_device",
    "check_numbers",
    "profile_names",
    "profile_summary",
    "subtitle_rules",
]
