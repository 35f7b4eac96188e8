"""Settings of every stage. The only place where a default is written; the command line reads it from here.

Names are fetched from their modules at first use: a command that shows its help needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whisperdiar.options._ranges import check_numbers
    from whisperdiar.options._windowed_segmentation import LINKAGES
    from whisperdiar.options.alignment import AlignmentOptions
    from whisperdiar.options.bic import BicSettings
    from whisperdiar.options.cache import CacheOptions
    from whisperdiar.options.channels import ChannelsSettings
    from whisperdiar.options.command_line import (
        AUDIENCES,
        EMBEDDINGS,
        MINUTES_FORMATS,
        MUXED_FORMATS,
        PLOT_KINDS,
        PLOT_LANGUAGES,
        SEPARATION_MODELS,
        SPEAKER_STYLES,
        TEMPLATES,
        WHISPER_TASKS,
        WORD_TIMES,
        profile_names,
    )
    from whisperdiar.options.ecapa import EcapaSettings
    from whisperdiar.options.editing import EditOptions, KeepOptions
    from whisperdiar.options.ehmm import EhmmSettings
    from whisperdiar.options.embedding import EMBEDDING_CLUSTERINGS, EmbeddingSettings
    from whisperdiar.options.emotions import EmotionSettings
    from whisperdiar.options.energy import EnergySettings
    from whisperdiar.options.finetuning import FinetuningSettings
    from whisperdiar.options.live import LiveOptions
    from whisperdiar.options.minutes import LlmOptions, MinutesOptions
    from whisperdiar.options.nemotron import NEMOTRON_MODES, NEMOTRON_PRECISIONS, NemotronSettings
    from whisperdiar.options.onnx import OnnxSettings
    from whisperdiar.options.onnx_asr import ONNX_COMPUTE_TYPES, OnnxAsrSettings
    from whisperdiar.options.plots import PlotOptions
    from whisperdiar.options.pocketsphinx import PocketSphinxSettings
    from whisperdiar.options.profiles import profile_summary, subtitle_rules
    from whisperdiar.options.pyannote import CLUSTERINGS, PyannoteSettings
    from whisperdiar.options.pyannote_vad import PyannoteVadSettings
    from whisperdiar.options.refinement import RefinementSettings
    from whisperdiar.options.rttm import RttmTolerance
    from whisperdiar.options.runtime import (
        AUTO_ORDER,
        ONLY_AT_HAND,
        SAMPLE_RATE_HZ,
        FileSettings,
        NoSettings,
        Runtime,
        check_device,
    )
    from whisperdiar.options.scoring import PROTOCOLS, Protocol, ScoreOptions
    from whisperdiar.options.segmentation import SegmentationOptions
    from whisperdiar.options.separation import SeparationSettings
    from whisperdiar.options.serving import ServerOptions
    from whisperdiar.options.sortformer import LATENCIES, POSTPROCESSING, SortformerSettings
    from whisperdiar.options.sound_classes import SoundClassOptions
    from whisperdiar.options.speaker_activity import PostProcessing, Streaming
    from whisperdiar.options.statistics import StatisticsOptions
    from whisperdiar.options.subtitles import SubtitleOptions, SubtitleRules
    from whisperdiar.options.toolkits import AlizeSettings, LiumSettings
    from whisperdiar.options.transformers import TransformersSettings
    from whisperdiar.options.tuning import TuningSettings
    from whisperdiar.options.vad import VadSettings
    from whisperdiar.options.vocabulary import Term, Vocabulary, parse_vocabulary, read_vocabulary
    from whisperdiar.options.whisper import WhisperSettings
    from whisperdiar.options.writing import WriteOptions

_HOMES = {
    "_ranges": ("check_numbers",),
    "_windowed_segmentation": ("LINKAGES",),
    "alignment": ("AlignmentOptions",),
    "bic": ("BicSettings",),
    "ehmm": ("EhmmSettings",),
    "cache": ("CacheOptions",),
    "channels": ("ChannelsSettings",),
    "command_line": (
        "AUDIENCES",
        "EMBEDDINGS",
        "MINUTES_FORMATS",
        "MUXED_FORMATS",
        "PLOT_KINDS",
        "PLOT_LANGUAGES",
        "SEPARATION_MODELS",
        "SPEAKER_STYLES",
        "TEMPLATES",
        "WHISPER_TASKS",
        "WORD_TIMES",
        "profile_names",
    ),
    "ecapa": ("EcapaSettings",),
    "editing": (
        "EditOptions",
        "KeepOptions",
    ),
    "embedding": (
        "EMBEDDING_CLUSTERINGS",
        "EmbeddingSettings",
    ),
    "emotions": ("EmotionSettings",),
    "energy": ("EnergySettings",),
    "finetuning": ("FinetuningSettings",),
    "live": ("LiveOptions",),
    "minutes": (
        "LlmOptions",
        "MinutesOptions",
    ),
    "nemotron": (
        "NEMOTRON_MODES",
        "NEMOTRON_PRECISIONS",
        "NemotronSettings",
    ),
    "onnx": ("OnnxSettings",),
    "onnx_asr": ("ONNX_COMPUTE_TYPES", "OnnxAsrSettings"),
    "plots": ("PlotOptions",),
    "pocketsphinx": ("PocketSphinxSettings",),
    "profiles": (
        "profile_summary",
        "subtitle_rules",
    ),
    "pyannote": (
        "CLUSTERINGS",
        "PyannoteSettings",
    ),
    "pyannote_vad": ("PyannoteVadSettings",),
    "refinement": ("RefinementSettings",),
    "runtime": (
        "AUTO_ORDER",
        "ONLY_AT_HAND",
        "SAMPLE_RATE_HZ",
        "FileSettings",
        "NoSettings",
        "Runtime",
        "check_device",
    ),
    "rttm": ("RttmTolerance",),
    "segmentation": ("SegmentationOptions",),
    "separation": ("SeparationSettings",),
    "sortformer": (
        "LATENCIES",
        "POSTPROCESSING",
        "SortformerSettings",
    ),
    "sound_classes": ("SoundClassOptions",),
    "speaker_activity": (
        "PostProcessing",
        "Streaming",
    ),
    "scoring": ("PROTOCOLS", "Protocol", "ScoreOptions"),
    "serving": ("ServerOptions",),
    "statistics": ("StatisticsOptions",),
    "subtitles": (
        "SubtitleOptions",
        "SubtitleRules",
    ),
    "toolkits": ("AlizeSettings", "LiumSettings"),
    "transformers": ("TransformersSettings",),
    "tuning": ("TuningSettings",),
    "vad": ("VadSettings",),
    "vocabulary": ("Term", "Vocabulary", "parse_vocabulary", "read_vocabulary"),
    "whisper": ("WhisperSettings",),
    "writing": ("WriteOptions",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AUDIENCES",
    "AUTO_ORDER",
    "CLUSTERINGS",
    "EMBEDDINGS",
    "EMBEDDING_CLUSTERINGS",
    "LATENCIES",
    "LINKAGES",
    "MINUTES_FORMATS",
    "MUXED_FORMATS",
    "NEMOTRON_MODES",
    "NEMOTRON_PRECISIONS",
    "ONLY_AT_HAND",
    "ONNX_COMPUTE_TYPES",
    "PLOT_KINDS",
    "PLOT_LANGUAGES",
    "POSTPROCESSING",
    "PROTOCOLS",
    "SAMPLE_RATE_HZ",
    "SEPARATION_MODELS",
    "SPEAKER_STYLES",
    "TEMPLATES",
    "WHISPER_TASKS",
    "WORD_TIMES",
    "AlignmentOptions",
    "AlizeSettings",
    "BicSettings",
    "CacheOptions",
    "ChannelsSettings",
    "EcapaSettings",
    "EditOptions",
    "EhmmSettings",
    "EmbeddingSettings",
    "EmotionSettings",
    "EnergySettings",
    "FileSettings",
    "FinetuningSettings",
    "KeepOptions",
    "LiumSettings",
    "LiveOptions",
    "LlmOptions",
    "MinutesOptions",
    "NemotronSettings",
    "NoSettings",
    "OnnxAsrSettings",
    "OnnxSettings",
    "PlotOptions",
    "PocketSphinxSettings",
    "PostProcessing",
    "Protocol",
    "PyannoteSettings",
    "PyannoteVadSettings",
    "RefinementSettings",
    "RttmTolerance",
    "Runtime",
    "ScoreOptions",
    "SegmentationOptions",
    "SeparationSettings",
    "ServerOptions",
    "SortformerSettings",
    "SoundClassOptions",
    "StatisticsOptions",
    "Streaming",
    "SubtitleOptions",
    "SubtitleRules",
    "Term",
    "TransformersSettings",
    "TuningSettings",
    "VadSettings",
    "Vocabulary",
    "WhisperSettings",
    "WriteOptions",
    "check_device",
    "check_numbers",
    "parse_vocabulary",
    "profile_names",
    "profile_summary",
    "read_vocabulary",
    "subtitle_rules",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
