"""Names of known people for the speakers of a stream, by their voices."""

from __future__ import annotations

import numpy as np

from whisperdiar.live.events import SpeakerNamed
from whisperdiar.live.sound import Tail
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.people import Identifier, decide
from whisperdiar.people.embedding import Voice, find_clean_speech
from whisperdiar.people.matching import LEAST_SECONDS, find_matched_distances
from whisperdiar.types import Samples, Turn

_AGAIN_S = 3.0
"""New clean speech of a speaker, after which the voice is compared again."""
_MOST_S = 30.0
"""Of a speaker's clean speech that is kept."""


class VoiceNames:
    """Collects the clean speech of each speaker, and compares it with the voices of known people.

    Attributes:
        names: label → name; a name that was given stays.
    """

    def __init__(self, identifier: Identifier) -> None:
        self._identifier = identifier
        self._sound: dict[str, list[Samples]] = {}
        self._seconds: dict[str, float] = {}
        self._compared: dict[str, float] = {}
        self._voices: dict[str, Voice] = {}
        self._until = 0.0
        self.names: dict[str, str] = {}

    def hear(self, tail: Tail, turns: tuple[Turn, ...], settled: float) -> tuple[SpeakerNamed, ...]:
        """Speakers who are known from now on.

        Args:
            tail: the sound.
            turns: of late.
            settled: seconds up to which they are final.
        """
        new = [Turn(span, turn.speaker) for turn in turns if (span := turn.span.clip(self._until, settled)) is not None]
        self._until = max(self._until, settled)
        for label, own in find_clean_speech(new).items():
            for turn in own:
                self._keep(label, tail.cut(turn.start, turn.end).samples[0])
        due = [
            label
            for label, seconds in self._seconds.items()
            if label not in self.names
            and seconds >= LEAST_SECONDS
            and seconds - self._compared.get(label, 0.0) >= _AGAIN_S
        ]
        return self._compare(due) if due else ()

    def _keep(self, label: str, sound: Samples) -> None:
        parts = self._sound.setdefault(label, [])
        parts.append(np.array(sound))
        self._seconds[label] = self._seconds.get(label, 0.0) + len(sound) / SAMPLE_RATE_HZ
        while len(parts) > 1 and sum(map(len, parts)) > _MOST_S * SAMPLE_RATE_HZ:
            parts.pop(0)

    def _compare(self, due: list[str]) -> tuple[SpeakerNamed, ...]:
        encoder, people = self._identifier.encoder, self._identifier.people
        for label in due:
            sound = np.concatenate(self._sound[label])
            voice = encoder.embed_sound(sound, both=self._identifier.needs_both)
            self._compared[label] = self._seconds[label]
            if voice is not None:
                self._voices[label] = voice
        labels = [label for label in self._voices if label not in self.names]
        free = [person for person in people if person.name not in self.names.values()]
        voices = [self._voices[label] for label in labels]
        distances = find_matched_distances(voices, free, scale=self._identifier.calibration.narrowband_scale)
        decisions = decide(
            labels,
            [person.name for person in free],
            distances,
            [voice.seconds for voice in voices],
            self._identifier.calibration,
        )
        found = []
        for item in decisions:
            if item.kind == "name" and item.name is not None:
                self.names[item.speaker] = item.name
                found.append(SpeakerNamed(item.speaker, item.name, item.probability))
        return tuple(found)
