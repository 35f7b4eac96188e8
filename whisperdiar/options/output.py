"""How words and turns are joined, cut and written."""

from __future__ import annotations

from dataclasses import dataclass

from whisperdiar.errors import InvalidOption


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentOptions:
    """How doubtful a speaker must be to be listed.

    Attributes:
        uncertain_below: words whose speaker confidence is lower are listed as uncertain.

    Raises:
        InvalidOption: that is no probability.
    """

    uncertain_below: float = 0.6

    def __post_init__(self) -> None:
        if not 0.0 <= self.uncertain_below <= 1.0:
            raise InvalidOption(f"uncertain-below {self.uncertain_below}: give a probability, 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationOptions:
    """How words become segments and segments become cues.

    Attributes:
        max_pause: a longer pause (seconds) ends a segment.
        max_segment: a longer segment (seconds) is split at its best place.
        max_chars: characters on a subtitle line, joining spaces counted.
        max_lines: lines of a cue.
        max_duration: seconds a cue stays.
        min_duration: seconds a cue stays at least, where the next one leaves room.
    """

    max_pause: float = 1.0
    max_segment: float = 30.0
    max_chars: int = 42
    max_lines: int = 2
    max_duration: float = 7.0
    min_duration: float = 0.833


SPEAKER_STYLES = ("label", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a transcript is written.

    Attributes:
        speaker_style: ``label`` writes who speaks into subtitles and text, ``none`` leaves it out. RTTM and the
            JSON formats are lists of speakers and always name them.
        max_paragraph: a paragraph of the text format spans at most this many seconds, where segments allow it.
        segmentation: how subtitle cues are cut.
        media: path of the recording, for formats that link to it (ELAN).

    Raises:
        InvalidOption: there is no such speaker style, or the paragraph length is not positive.
    """

    speaker_style: str = "label"
    max_paragraph: float = 60.0
    segmentation: SegmentationOptions = SegmentationOptions()
    media: str | None = None

    def __post_init__(self) -> None:
        if self.speaker_style not in SPEAKER_STYLES:
            raise InvalidOption(f"speaker style {self.speaker_style!r}: choose one of {', '.join(SPEAKER_STYLES)}")
        if not self.max_paragraph > 0:
            raise InvalidOption(f"paragraphs of {self.max_paragraph} seconds: give a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class RttmTolerance:
    """What the RTTM reader forgives; nothing by default.

    Attributes:
        comments: lines that begin with ``;;`` are skipped.
        tabs: tabs separate fields as spaces do.
        other_types: records of the standard that are no SPEAKER (SPKR-INFO, LEXEME, …) are skipped.
        short_lines: fields after the speaker's name may be missing.
        odd_fields: a channel that does not count from 1 is read as 1; a confidence outside 0 to 1 is left out.
        other_id: where a recording is asked for and the file holds one other recording only, that one is taken.
    """

    comments: bool = False
    tabs: bool = False
    other_types: bool = False
    short_lines: bool = False
    odd_fields: bool = False
    other_id: bool = False
