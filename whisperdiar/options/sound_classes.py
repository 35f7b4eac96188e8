"""Settings of `whisperdiar segment` and of what leaves music out of the recognition."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.options._ranges import check_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundClassOptions:
    """Sound classes: how long each lasts at least, and what counts as silence (seconds, decibels).

    Attributes:
        silence_db: silence lies at least this much below the loud parts of the recording.
        min_silence: the shortest silence; a shorter pause belongs to what is around it.
        min_noise, min_speech, min_music: the shortest stretch of each; speech over music is as long as speech.
        change_penalty: what a change of class costs, in nats; more gives fewer and longer stretches.
        skipped_music: music alone is kept from the recognition from this length on.
        marked_sound: music and noises are marked for the deaf and hard of hearing from this length on.
        noise_db: a noise that is marked lies at most this much below the loud parts of the recording.

    Raises:
        InvalidOption: a number that is infinite, none, or below 0.
    """

    silence_db: float = 40.0
    min_silence: float = 0.5
    min_noise: float = 0.5
    min_speech: float = 0.4
    min_music: float = 2.5
    change_penalty: float = 4.0
    skipped_music: float = 5.0
    marked_sound: float = 2.0
    noise_db: float = 25.0

    def __post_init__(self) -> None:
        check_numbers(self)
