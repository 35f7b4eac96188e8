"""Parts of a stage's work: what a run that is killed had kept, and what is found from it without the sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from whisperdiar.cache.files import PartsLog
from whisperdiar.cache.recordings import DeferredSamples
from whisperdiar.contracts import keep_parts
from whisperdiar.types import Audio, Samples, Span, SpeakerCount

Result = TypeVar("Result")


class _Killed(BaseException):
    """Nobody catches it, as nobody catches SIGKILL."""


@dataclass
class _KilledAfter:
    """Parts of a process that is killed when it has kept `left` more."""

    log: PartsLog
    left: int

    def find(self, key: str) -> bytes | None:
        return self.log.find(key)

    def keep(self, key: str, data: bytes) -> None:
        self.log.keep(key, data)
        self.left -= 1
        if not self.left:
            raise _Killed


def check_kills(work: Callable[[], Result], folder: Path, *, most: int = 100) -> int:
    """A run that is killed after its first, second, … part goes on with what it had, to the result of one that is not.

    Args:
        work: a stage's; called again and again.
        folder: for the logs.
        most: kills at most.

    Returns:
        How often it was killed: as often as it keeps parts, or `most` times.
    """
    expected = work()
    for number in range(1, most + 1):
        log = PartsLog(folder / str(number))
        is_over = False
        try:
            with keep_parts(_KilledAfter(log, number)):
                is_over = work() == expected
        except _Killed:
            pass
        log.close()
        if is_over:
            return number - 1
        again = PartsLog(folder / str(number))
        with keep_parts(again):
            assert work() == expected
        assert again.n_found == number, "what was kept is done again"
        again.close()
    return most


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
