"""Live transcription: words with speakers while somebody talks, and a better transcript at the end.

from whisperdiar.live import LiveTranscriber

with whisperdiar.open_pipeline(model="tiny") as pipeline, LiveTranscriber(pipeline.load()) as live:
    for samples in source:
        for event in live.feed(samples):
            ...
    transcript = live.finish()
"""

from __future__ import annotations

from whisperdiar.live.events import (
    LanguageHeard,
    LiveEvent,
    LiveWord,
    SpeakerNamed,
    SpeakersHeard,
    SpeechEnded,
    SpeechStarted,
    WordsHeard,
)
from whisperdiar.live.transcriber import LiveTranscriber
from whisperdiar.options import LiveOptions

__all__ = [
    "LanguageHeard",
    "LiveEvent",
    "LiveOptions",
    "LiveTranscriber",
    "LiveWord",
    "SpeakerNamed",
    "SpeakersHeard",
    "SpeechEnded",
    "SpeechStarted",
    "WordsHeard",
]
