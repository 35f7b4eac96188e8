"""From a transcript to the cues that a subtitle format shows, cut by the rules that hold for its language."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from whisperdiar.formats._reading.finished import strip_labels
from whisperdiar.formats._text import speaker_names, to_milliseconds
from whisperdiar.formats._writing.cues import prepare_cues
from whisperdiar.formats._writing.speakers import (
    clean_names,
    format_style,
    full_label,
    line_prefixes,
)
from whisperdiar.options import SubtitleRules, WriteOptions
from whisperdiar.sound_marks import SoundMark, describe_mark, name_unnamed, split_marks
from whisperdiar.subtitles import cues as make_cues
from whisperdiar.subtitles import reflow_lines
from whisperdiar.text.graphemes import columns
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Span, merge_spans, remove_spans
from whisperdiar.video import video_of

_SHORTEST_MARK_S, _LONGEST_MARK_S = 1.0, 4.0
"""How long a sound is told: music goes on, and its mark would hide the pictures."""


def subtitle_cues(transcript: Transcript, *, style: str, options: WriteOptions) -> tuple[Cue, ...]:
    """The cues of a transcript; lines leave room for what `style` puts before them.

    Those of finished subtitles stay as they are, unless the options ask for a cut of their own.
    """
    if transcript.cues and options.keeps_cues:
        return transcript.cues if options.speaker_style == "auto" else strip_labels(transcript.cues)
    if style == "sdh":
        transcript, marks = split_marks(name_unnamed(transcript))
        made = _cut_cues(transcript, style=style, options=options)
        return _add_marks(made, marks, rules=rules_for(transcript, options), language=transcript.language)
    return _cut_cues(transcript, style=style, options=options)


def shown_names(transcript: Transcript, style: str) -> dict[str, str]:
    """Label → the name that subtitles show: in the style ``sdh`` those without one are numbered."""
    return speaker_names(name_unnamed(transcript) if style == "sdh" else transcript)


def _add_marks(
    made: tuple[Cue, ...], marks: Iterable[SoundMark], *, rules: SubtitleRules, language: str | None
) -> tuple[Cue, ...]:
    """The cues, and one for each sound that there is room for between them: it never hides what is said."""
    tick = rules.frame or 0.001
    gap = max(rules.gap, tick)
    added: list[Cue] = []
    for mark in marks:
        text = describe_mark(mark, language)
        taken = [Span(cue.span.start - gap, cue.span.end + gap) for cue in (*made, *added)]
        free = remove_spans([mark.span], merge_spans(taken))
        for part in free if text is not None else ():
            start = math.ceil(part.start / tick - 1e-6) * tick
            longest = math.floor(min(rules.max_duration, _LONGEST_MARK_S) / tick + 1e-6) * tick
            end = min(math.floor(part.end / tick + 1e-6) * tick, start + longest)
            if end - start >= max(rules.min_duration, _SHORTEST_MARK_S) - 1e-6:
                added.append(Cue(Span(start, end), (str(text),), labelled=True))
                break
    return tuple(sorted((*made, *added), key=lambda cue: (cue.span.start, cue.span.end)))


def _cut_cues(transcript: Transcript, *, style: str, options: WriteOptions) -> tuple[Cue, ...]:
    named = style in ("label", "sdh")
    shown = {item.id: columns(full_label(item.name, style)) for item in transcript.speakers} if named else {}
    rules = rules_for(transcript, options)
    made = make_cues(transcript, rules=rules, style=style, reserved=shown, shots=video_of(transcript).shot_changes)
    if not named:
        return made
    # Where a name stands is known when all cues are: the lines of the others need not keep room for it.
    visible = sorted((cue for cue in made if prepare_cues([cue])), key=lambda cue: to_milliseconds(cue.span.start))
    before = line_prefixes(prepare_cues(visible), clean_names(visible, speaker_names(transcript)), style)
    return tuple(
        cue if row[0] else reflow_lines(cue, rules=rules, language=transcript.language)
        for cue, row in zip(visible, before, strict=True)
    )


def rules_for(transcript: Transcript, options: WriteOptions) -> SubtitleRules:
    """The rules for a transcript: its language, and the frames of its video."""
    return options.rules(transcript.language, frame_rate=video_of(transcript).frame_rate)


def settle_options(transcript: Transcript, options: WriteOptions) -> WriteOptions:
    """The options with the rules that hold for this transcript, for those who write cues without knowing it."""
    return replace(options, subtitles=rules_for(transcript, options))


def remark_forced(transcript: Transcript, *, options: WriteOptions) -> tuple[str, ...]:  # noqa: ARG001
    """What a format says that cannot mark the forced narratives of finished subtitles: `remarks` of its module."""
    if not any(cue.forced for cue in transcript.cues):
        return ()
    return (_("forced narratives are not marked here; write .ttml to keep them marked"),)


class DumpsCues(Protocol):
    """Writes cues in a format that may show when each word is said."""

    def __call__(
        self,
        cues: Iterable[Cue],
        names: Mapping[str, str],
        *,
        word_times: bool,
        options: WriteOptions,
    ) -> str: ...


def render_cues(transcript: Transcript, dumps_cues: DumpsCues, *, style: str, options: WriteOptions) -> str:
    """A transcript's cues in such a format."""
    return dumps_cues(
        subtitle_cues(transcript, style=style, options=options),
        shown_names(transcript, style),
        word_times=options.rules(transcript.language).word_times,
        options=settle_options(transcript, options),
    )


def timed_lines(transcript: Transcript, *, options: WriteOptions) -> list[tuple[int, int, tuple[str, ...]]]:
    """Start and end in milliseconds and the lines of every cue, for containers of plain text: names or dashes."""
    style = format_style(options)
    made = prepare_cues(subtitle_cues(transcript, style=style, options=options))
    dashes = rules_for(transcript, options).dashes
    before = line_prefixes(made, clean_names(made, shown_names(transcript, style)), style, dashes=dashes)
    return [
        (cue.start_ms, cue.end_ms, tuple(lead + line for lead, line in zip(row, cue.lines, strict=True)))
        for cue, row in zip(made, before, strict=True)
    ]
