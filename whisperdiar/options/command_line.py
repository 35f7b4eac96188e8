"""Defaults and names that the help of the command line shows, for classes of settings in the modules beside this one.

They stand by themselves because a help is to come at once: dataclasses take a millisecond each to be made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

AUDIENCE = "adult"
AUDIENCES = ("adult", "children")
"""For whom a programme is made."""

DEVICE = "auto"
THREADS = 0

EMBEDDINGS = ("auto", "ecapa", "resemblyzer", "campplus", "wespeaker", "pyannote")

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

PLOT_KINDS = ("timeline", "talk", "answers", "sounds", "all")
PLOT_LANGUAGES = ("en", "ru")
PLOT_WIDTH = 1200
PLOT_SCALE = 2.0

PROFILE = "default"

SCORE_PROTOCOLS = ("callhome", "ami", "voxconverse", "dihard", "chime8")
"""Benchmarks whose way of scoring turns has a name."""

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
