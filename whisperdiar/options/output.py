"""How words and turns are joined, cut and written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from whisperdiar.errors import InvalidOption
from whisperdiar.options.profiles import subtitle_rules
from whisperdiar.options.subtitles import SubtitleOptions, SubtitleRules


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentOptions:
    """How words and turns are joined (times in seconds; weights are in natural-log odds).

    Attributes:
        uncertain_below: words whose speaker confidence is lower are listed as uncertain.
        reach: turns further from a word are no candidates, unless none is nearer.
        padding: added to both ends of a word, for the boundary error of turns.
        overlap_weight: for a word that a turn covers wholly against one that it does not touch.
        distance_weight: lost per second between a word and a turn that does not touch it.
        match_weight: added for a turn that covers exactly the word and nothing else.
        evidence_range: the most that one word's own evidence can say.
        switch_base: of a change of speaker between two words without a pause.
        switch_pause: added per second of pause.
        longest_pause: pauses count up to this length.
        switch_sentence: added after the end of a sentence.
        longest_word_base: a word lasts at most this long …
        longest_word_per_character: … and this much for each character.
    """

    uncertain_below: float = 0.6
    reach: float = 0.5
    padding: float = 0.05
    overlap_weight: float = 5.5
    distance_weight: float = 2.0
    match_weight: float = 4.0
    evidence_range: float = 8.0
    switch_base: float = -4.0
    switch_pause: float = 2.5
    longest_pause: float = 1.0
    switch_sentence: float = 4.0
    longest_word_base: float = 0.6
    longest_word_per_character: float = 0.09


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationOptions:
    """How words become segments.

    Attributes:
        max_pause: a longer pause (seconds) ends a segment.
        max_segment: a longer segment (seconds) is split at its best place.
    """

    max_pause: float = 1.0
    max_segment: float = 30.0


EMBEDDED_FORMATS = ("srt", "vtt", "ass")
"""Of a subtitle track in Matroska, the default first."""

SPEAKER_STYLES = ("auto", "none", "label", "dash", "colour", "voice")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a transcript is written.

    Attributes:
        speaker_style: how subtitles and text show who speaks: ``label`` a name at each change, ``dash`` two people
            in one cue with a dash each, ``colour`` a colour for each, ``voice`` in the file and not on the screen,
            ``none`` not at all; ``auto`` as is usual in the format. A format that cannot show it takes ``label``.
            RTTM and the JSON formats are lists of speakers and always name them.
        max_paragraph: a paragraph of the text format spans at most this many seconds, where segments allow it.
        subtitles: how subtitle cues are cut: rules as they are, or a profile that `rules` resolves for a language.

    Raises:
        InvalidOption: there is no such speaker style, or the paragraph length is not positive.
    """

    speaker_style: str = "auto"
    max_paragraph: float = 60.0
    subtitles: SubtitleOptions | SubtitleRules = field(default_factory=SubtitleOptions)

    def __post_init__(self) -> None:
        if self.speaker_style not in SPEAKER_STYLES:
            raise InvalidOption(f"speaker style {self.speaker_style!r}: choose one of {', '.join(SPEAKER_STYLES)}")
        if not self.max_paragraph > 0:
            raise InvalidOption(f"paragraphs of {self.max_paragraph} seconds: give a positive number")
        self.rules(None)  # what makes no sense is said before any work is done

    def rules(self, language: str | None) -> SubtitleRules:
        """The rules that hold for subtitles in this language (ISO 639-1 code; None where unknown)."""
        if isinstance(self.subtitles, SubtitleRules):
            return self.subtitles
        return subtitle_rules(language=language, **asdict(self.subtitles))


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
