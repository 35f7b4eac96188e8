"""Defaults and names that the help of the command line shows, for classes of settings in the modules beside this one.

They stand by themselves because a help is to come at once: dataclasses take a millisecond each to be made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

ALL_TRACKS = "all"
"""Every audio track of a file, each a person's."""

AUDIENCE = "adult"
AUDIENCES = ("adult", "children")
"""For whom a programme is made."""

CACHE_MB = 5000
"""Of results of stages: some 10 MB an hour of sound by the usual backends."""

DEVICE = "auto"
THREADS = 0

EMBEDDINGS = ("auto", "ecapa", "resemblyzer", "campplus", "wespeaker", "pyannote")

EMOTION_MODEL = "speechbrain/emotion-diarization-wavlm-large"

LLM_TIMEOUT_S = 120.0
"""For one answer of a language model."""
LLM_WINDOW_WORDS = 2000
"""Of a transcript, in one request to a language model."""

MINUTES_FORMATS = ("md", "html", "docx", "odt", "pdf", "json")
"""What minutes are written as, the default first."""
MINUTES_SHARE = 0.25
"""Of a meeting's words that the summary may rest on; people's own rest on 0.27 of them in the AMI corpus."""

MINUTES_STYLE = "full"
MINUTES_STYLES = ("brief", "full", "protocol")
"""How much minutes tell, and in what order."""

MUXED_FORMATS = ("srt", "vtt", "ass")
"""Of a subtitle track in Matroska, the default first."""

NORMALISERS = ("auto", "whisper", "whisper-english", "whisper-basic", "multilingual", "russian", "none")
"""Of texts that are compared with a reference, the default first."""

ONNX_PRECISIONS = ("auto", "float32", "int8", "float16")
"""Number formats of recognisers beside Whisper, the default first."""

PLOT_KINDS = ("timeline", "talk", "answers", "sounds", "all")
PLOT_LANGUAGES = ("en", "ru")
PLOT_WIDTH = 1200
PLOT_SCALE = 2.0

PROFILE = "default"

SCORE_PROTOCOLS = ("callhome", "ami", "voxconverse", "dihard", "chime8")
"""Benchmarks whose way of scoring turns has a name."""

SEPARATION_MODEL = "sepformer-whamr16k"
"""For rooms with noise and echo, at the 16 kHz of recognisers."""
SEPARATION_MODELS = (SEPARATION_MODEL, "sepformer-wham", "sepformer-whamr", "sepformer-wsj02mix", "sepformer-libri2mix")
"""SpeechBrain's SepFormers that part two voices; the others are made for 8 kHz."""

SERVER_HOST = "127.0.0.1"
SERVER_PORT = 8000

SPEAKER_STYLE = "auto"
SPEAKER_STYLES = ("auto", "none", "label", "dash", "sdh", "colour", "voice")

UNCERTAIN_BELOW = 0.6
"""Probability of a word's speaker."""

TEMPLATES = ("plain", "legal")
"""How a document (DOCX, ODT, PDF) is set, the default first."""

WHISPER_TASKS = ("transcribe", "translate")

WORD_TIMES = ("dtw", "wav2vec2", "none")


@lru_cache(maxsize=1)
def read_shipped_profiles() -> dict[str, dict[str, Any]]:
    """The data file of subtitle profiles: name → rules, and where they are published."""
    import json
    import pkgutil  # importlib.resources takes longer than all the rest of a help

    found: dict[str, dict[str, Any]] = json.loads(pkgutil.get_data("whisperdiar", "data/profiles.json") or b"{}")
    return found


def profile_names() -> tuple[str, ...]:
    """Profiles of subtitles that are shipped."""
    return tuple(read_shipped_profiles())
