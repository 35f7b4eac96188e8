"""Settings of writing: how a transcript becomes a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import check_choice, check_numbers
from whisperdiar.options.command_line import SPEAKER_STYLE, SPEAKER_STYLES, TEMPLATES
from whisperdiar.options.profiles import subtitle_rules
from whisperdiar.options.subtitles import SubtitleOptions, SubtitleRules
from whisperdiar.text.messages import _


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a transcript is written.

    Attributes:
        speaker_style: how subtitles and text show who speaks: ``label`` a name at each change, ``dash`` two people
            in one cue with a dash each, ``colour`` a colour for each, ``voice`` in the file and not on the screen,
            ``none`` not at all; ``auto`` as the profile says, or as is usual in the format. A format that cannot show
            it takes ``label``.
            RTTM and the JSON formats are lists of speakers and always name them.
        max_paragraph: a paragraph of the text format spans at most this many seconds, where segments allow it.
        subtitles: how subtitle cues are cut: rules as they are, or a profile that `rules` resolves for a language.
        recut: cut finished subtitles (`Transcript.cues`) anew although no rule of another profile is asked for.
        template: how a document (DOCX, ODT, PDF) is set: ``plain`` to be read, ``legal`` with 25 wide, numbered lines
            on each page, so that page and line name a place.
        media: the recording, for formats that link to it: a URL relative to a page, a path for ELAN; None for none.
        media_data: the recording's bytes, to be put into the page itself; `media` then tells their type.

    Raises:
        InvalidOption: there is no such speaker style or template, or the paragraph length is not positive.
    """

    speaker_style: str = SPEAKER_STYLE
    max_paragraph: float = 60.0
    subtitles: SubtitleOptions | SubtitleRules = field(default_factory=SubtitleOptions)
    recut: bool = False
    template: str = TEMPLATES[0]
    media: str | None = None
    media_data: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_choice("speaker style", self.speaker_style, SPEAKER_STYLES)
        check_choice("template", self.template, TEMPLATES)
        if not self.max_paragraph > 0:
            raise InvalidOption(
                _("paragraphs of {max_paragraph} seconds: give a positive number").format(
                    max_paragraph=self.max_paragraph
                )
            )
        check_numbers(self)
        self.rules(None)  # what makes no sense is said before any work is done

    @property
    def keeps_cues(self) -> bool:
        """Whether finished subtitles stay as they are: nobody asked for a profile, a limit or a new cut."""
        return not self.recut and self.subtitles == SubtitleOptions()

    def rules(self, language: str | None, *, frame_rate: Fraction | None = None) -> SubtitleRules:
        """The rules that hold for subtitles in this language (ISO 639-1 code; None where unknown).

        Args:
            frame_rate: of the video; a profile that counts in frames takes it where nobody gives another one.
        """
        if isinstance(self.subtitles, SubtitleRules):
            return self.subtitles
        found = subtitle_rules(language=language, **asdict(self.subtitles))
        if frame_rate is None or found.fps is not None or found.min_gap_frames is None:
            return found
        return replace(found, fps=float(frame_rate))
