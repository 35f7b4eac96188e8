"""Whether a diarizer that was asked once finds another number of speakers without the sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from whisperdiar.cache.files import PartsLog
from whisperdiar.cache.recordings import DeferredSamples
from whisperdiar.contracts import keep_parts
from whisperdiar.types import Audio, Samples, Span, SpeakerCount


def check_another_number(backend: Any, audio: Audio, speech: Sequence[Span], log: Path) -> None:
    """From what was kept for two speakers, three are found as from the sound."""

    def listen() -> Samples:
        raise AssertionError("it listens again")

    unheard = replace(audio, samples=cast(Samples, DeferredSamples(audio.samples.shape, listen)))
    for number, heard in ((2, audio), (3, unheard)):
        speakers = SpeakerCount(number, number)
        kept = PartsLog(log)
        with keep_parts(kept):
            found = backend.diarize(heard, speech=speech, speakers=speakers)
        kept.close()
        expected = backend.diarize(audio, speech=speech, speakers=speakers)
        assert found == expected
        assert found.turns
        assert found.activity.values.tobytes() == expected.activity.values.tobytes()
