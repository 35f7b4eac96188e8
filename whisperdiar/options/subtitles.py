"""What a publisher demands of subtitles: limits of length, speed and time, as data."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleRules:
    """The limits that cues are cut by, and that a checker holds a file against. None: no such limit.

    Attributes:
        profile: name of the profile that they come from.
        max_chars: columns of a line: grapheme clusters, wide and full-width ones two; joining spaces count.
        max_lines: lines of a cue.
        max_cps: reading speed in characters per second, spaces and punctuation counted.
        max_wpm: reading speed in words per minute.
        min_duration: seconds that a cue stays at least.
        max_duration: seconds that a cue stays at most.
        min_gap_frames: frames between two cues that do not overlap in time; needs `fps`.
        min_gap: the same in seconds, where the rule is not in frames.
        close_gap: gaps shorter than this many seconds are closed to the minimum gap.
        fps: frame rate; times are put on frames.
        max_words: words of a cue.
        overlap: whether two people who talk at once get cues that overlap in time.
        word_times: whether the cue shows which word is spoken (karaoke), where the format can.
    """

    profile: str = "default"
    max_chars: int = 42
    max_lines: int = 2
    max_cps: float | None = 20.0
    max_wpm: float | None = None
    min_duration: float = 0.833
    max_duration: float = 7.0
    min_gap_frames: int | None = None
    min_gap: float = 0.0
    close_gap: float = 0.5
    fps: float | None = None
    max_words: int | None = None
    overlap: bool = True
    word_times: bool = False

    def __post_init__(self) -> None:
        for name in ("max_chars", "max_lines", "max_cps", "max_wpm", "max_duration", "fps", "max_words"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidOption(f"{name.replace('_', '-')} {value}: give a number above zero")
        for name in ("min_duration", "min_gap", "close_gap", "min_gap_frames"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InvalidOption(f"{name.replace('_', '-')} {value}: give zero or more")
        if self.min_duration > self.max_duration:
            raise InvalidOption(
                f"min-duration {self.min_duration} is longer than max-duration {self.max_duration}: turn them round"
            )
