"""Pictures as SVG: who speaks when, how much, who answers whom, and what sounds when. Pure.

No drawing library is needed: SVG is text, and browsers, word processors and printers draw it sharp at any size. Only
for PNG something has to draw it (`picture_png`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from whisperdiar.errors import BackendMissing, OutputError
from whisperdiar.options import PlotOptions
from whisperdiar.options.colours import colour_of
from whisperdiar.reports import svg as _svg
from whisperdiar.statistics import SpeakerStatistics, Statistics, find_overlaps, speech_of, talk_statistics
from whisperdiar.text.clock import format_minutes
from whisperdiar.text.graphemes import columns as columns_of
from whisperdiar.text.graphemes import graphemes
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript, speaker_names
from whisperdiar.types import Span

_GROUND, _INK, _SOFT, _WASH, _LINE = "#ffffff", "#1c1c1f", "#5d5953", "#f1eee8", "#d9d4ca"
_LEFT, _MARGIN, _LANE = 190.0, 24.0, 26.0
_NAME_COLUMNS = 18
_NARROW = 60.0
_SMALLEST_CELL, _MOST_ANSWERS = 24.0, 100
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
"""Seconds between the times on the axis: what people count in."""

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "timeline": "Who speaks when",
        "sounds": "What sounds when",
        "talk": "Who speaks how much",
        "answers": "Who answers whom",
        "overlap": "Overlap",
        "doubtful": "Doubtful words",
        "turns": "turns: {}",
        "interruptions": "interruptions: {}",
        "longest": "longest: {}",
        "rule": "Rows answer columns.",
        "fewest": "Left out: {} who had the floor least often.",
        "none": "Nobody is known to speak.",
    },
    "ru": {
        "timeline": "Кто когда говорит",
        "sounds": "Что когда звучит",
        "talk": "Кто сколько говорит",
        "answers": "Кто кому отвечает",
        "overlap": "Одновременно",
        "doubtful": "Под сомнением",
        "turns": "реплик: {}",
        "interruptions": "перебиваний: {}",
        "longest": "самая длинная: {}",
        "rule": "Строка отвечает столбцу.",
        "fewest": "Не показаны {}, кто брал слово реже всех.",
        "none": "Неизвестно, кто говорит.",
    },
}

_SOUNDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "p": "presenter",
        "s": "speech",
        "ms": "speech over music",
        "m": "music",
        "n": "noise",
        "silence": "silence",
    },
    "ru": {
        "p": "ведущий",
        "s": "речь",
        "ms": "речь под музыку",
        "m": "музыка",
        "n": "шум",
        "silence": "тишина",
    },
}
"""Labels of sound classes in the order of their lanes, and their names."""

Section = Callable[["_Picture"], tuple[list[str], float]]


def timeline_svg(transcript: Transcript, *, options: PlotOptions | None = None) -> str:
    """Who speaks when: a lane for every speaker, one for overlap, one for words whose speaker is doubtful."""
    return picture_svg(transcript, options=replace(options or PlotOptions(), kind="timeline"))


def picture_svg(transcript: Transcript, *, options: PlotOptions | None = None) -> str:
    """The picture that `PlotOptions.kind` names, as a document of SVG."""
    options = options or PlotOptions()
    picture = _Picture(transcript, options)
    kinds = [kind for kind in _SECTIONS if kind != "sounds"] if options.kind == "all" else [options.kind]
    parts, top = [], _MARGIN
    for kind in kinds:
        drawn, height = _SECTIONS[kind](picture)
        heading = _svg.text(picture.words[kind], _MARGIN, 14, font_size=16, font_weight=700, fill=_INK)
        parts.append(_svg.tag("g", heading + "".join(drawn), transform=f"translate(0 {top:g})"))
        top += height + 1.5 * _MARGIN
    title = f"{picture.words[kinds[0]]}: {transcript.recording_id}"
    return _svg.document(parts, width=options.width, height=math.ceil(top - 0.5 * _MARGIN), ground=_GROUND, title=title)


def picture_png(svg: str, *, options: PlotOptions | None = None) -> bytes:
    """The picture as PNG, drawn by resvg (extra ``plot``) with the fonts of this machine.

    Raises:
        BackendMissing: resvg is not installed.
        OutputError: this machine has no font, so that all words would be missing.
    """
    scale = (options or PlotOptions()).scale
    try:
        import resvg_py
    except ImportError as error:
        install = 'pip install "whisperdiar[plot]"'
        raise BackendMissing(
            _("PNG needs resvg: {install}, or write .svg, which needs nothing").format(install=install), remedy=install
        ) from error
    draw = resvg_py.svg_to_bytes
    probe = _svg.document([_svg.text("x", 1, 15)], width=20, height=20, ground=_GROUND, title="")
    if bytes(draw(svg_string=probe)) == bytes(draw(svg_string=probe, skip_system_fonts=True)):
        raise OutputError(
            _("no font is installed here, so a PNG would have no words: install one (DejaVu) or write .svg")
        )
    return bytes(draw(svg_string=svg, zoom=scale)) if scale == int(scale) else _render_scaled(draw, svg, scale)


def _render_scaled(draw: Any, svg: str, scale: float) -> bytes:
    """resvg's own zoom takes whole numbers only."""
    width = int(svg.split(' width="', 1)[1].split('"', 1)[0])
    return bytes(draw(svg_string=svg, width=round(width * scale)))


class _Picture:
    """What the parts of one picture share."""

    def __init__(self, transcript: Transcript, options: PlotOptions) -> None:
        self.transcript = transcript
        self.figures: Statistics = talk_statistics(transcript)
        self.speech = speech_of(transcript)
        self.width = float(options.width)
        self.right = self.width - _MARGIN
        self.language = options.language or (transcript.language if transcript.language in _WORDS else "en") or "en"
        self.words = _WORDS[self.language]
        known = speaker_names(transcript)
        self.names = {label: known.get(label) or label for label in self.speech}
        self.places = {label: place for place, label in enumerate(self.names)}

    def name(self, label: str, middle: float, *, number: int | None = None) -> str:
        """A speaker's name at the left of a lane, in the speaker's colour; with the number that stands for it."""
        colour = colour_of(self.places[label])[0]
        full = self.names[label]
        shown = shorten_name(full) if number is None else f"{shorten_name(full, _NAME_COLUMNS - 4)} · {number}"
        drawn = _svg.text(shown, _LEFT - 12, middle + 4.5, text_anchor="end", fill=colour, font_weight=600)
        return _svg.add_title(drawn, full)

    def draw_empty(self) -> tuple[list[str], float]:
        return [_svg.text(self.words["none"], _MARGIN, 44, fill=_SOFT)], 48.0


def _draw_timeline(picture: _Picture) -> tuple[list[str], float]:
    transcript, words = picture.transcript, picture.words
    lanes: list[tuple[str, Sequence[Span], str]] = [
        ("", spans, colour_of(i)[0]) for i, spans in enumerate(picture.speech.values())
    ]
    overlaps = find_overlaps(picture.speech)
    doubtful = sorted(item.span for item in transcript.uncertain)
    lanes += [(words["overlap"], overlaps, "url(#hatch)")] if overlaps else []
    lanes += [(words["doubtful"], doubtful, _SOFT)] if doubtful else []
    if not lanes:
        return picture.draw_empty()
    every = [span for _, spans, _ in lanes for span in spans]
    first = min([transcript.start, *(max(0.0, span.start) for span in every)])
    last = max([transcript.duration, first + 1e-3, *(span.end for span in every)])
    scale = (picture.right - _LEFT) / (last - first)
    parts = [_HATCH] if overlaps else []
    labels = list(picture.speech)
    bottom = 30 + _LANE * len(lanes)
    parts += _draw_axis(first, last, scale, bottom)
    for i, (name, spans, fill) in enumerate(lanes):
        middle = 30 + _LANE * (i + 0.5)
        thin = bool(name)
        tall = 6.0 if thin else 16.0
        parts.append(_svg.box(_LEFT, middle - tall / 2, picture.right - _LEFT, tall, _WASH))
        parts.append(
            _svg.text(name, _LEFT - 12, middle + 4.5, text_anchor="end", fill=_SOFT)
            if thin
            else picture.name(labels[i], middle)
        )
        boxes = scale_spans(spans, scale, first=first)
        parts += [_svg.box(x, middle - tall / 2, width, tall, fill) for x, width in boxes]
    return parts, bottom + 22


def _draw_sounds(picture: _Picture) -> tuple[list[str], float]:
    """A lane for every sound class that there is."""
    names = _SOUNDS[picture.language]
    order = [label for label in names if label in picture.speech]
    order += [label for label in picture.speech if label not in names]
    picture.speech = {label: picture.speech[label] for label in order}
    picture.names = {label: names.get(label) or picture.names[label] for label in order}
    picture.places = {label: place for place, label in enumerate(order)}
    return _draw_timeline(picture)


_HATCH = _svg.tag(
    "defs",
    _svg.tag(
        "pattern",
        _svg.tag("path", d="M-1 5 5 -1M1 7 7 1M-3 3 3 -3", stroke=_INK, stroke_width=1.1),
        id="hatch",
        width=4,
        height=4,
        patternUnits="userSpaceOnUse",
    ),
)


def scale_spans(spans: Sequence[Span], scale: float, *, first: float = 0.0) -> list[tuple[float, float]]:
    """(x, width) of sorted spans, from the left edge of the lanes, which is the time `first`.

    What would lie within half a pixel is one.
    Thus the picture of a day is not larger than that of a minute.
    """
    made: list[tuple[float, float]] = []
    for span in spans:
        start, end = max(0.0, span.start - first) * scale, max(0.0, span.end - first) * scale
        if made and start - sum(made[-1]) < 0.5:
            made[-1] = (made[-1][0], max(sum(made[-1]), end) - made[-1][0])
        else:
            made.append((start, max(1.0, end - start)))
    return [(_LEFT + x, width) for x, width in made]


def _draw_axis(first: float, last: float, scale: float, bottom: float) -> list[str]:
    """Times that people count in, at least 80 pixels apart."""
    step = next((step for step in _STEPS if step * scale >= 80), 86_400 * math.ceil(80 / scale / 86_400))
    parts = []
    for i in range(math.ceil(first / step), math.floor(last / step) + 1):
        x = _LEFT + (i * step - first) * scale
        parts.append(_svg.tag("path", d=f"M{x:.2f} 28V{bottom:g}", stroke=_LINE, stroke_width=1))
        parts.append(
            _svg.text(format_rounded_clock(i * step), x, bottom + 17, text_anchor="middle", fill=_SOFT, font_size=12)
        )
    return parts


def _draw_talk(picture: _Picture) -> tuple[list[str], float]:
    people, words = picture.figures.speakers, picture.words
    if not people:
        return picture.draw_empty()
    room = picture.right - _LEFT
    most = max(max(item.talk_time for item in people), 1e-9)
    parts = []
    for i, item in enumerate(people):
        middle = 30 + 46 * i + 14
        parts.append(picture.name(item.speaker, middle))
        parts.append(_svg.box(_LEFT, middle - 8, room, 16, _WASH))
        parts.append(_svg.box(_LEFT, middle - 8, max(1.0, room * item.talk_time / most), 16, colour_of(i)[0]))
        parts.append(_svg.text(_format_facts(item, words), _LEFT, middle + 23, fill=_SOFT, font_size=12))
    return parts, 30 + 46 * len(people)


def _format_facts(item: SpeakerStatistics, words: Mapping[str, str]) -> str:
    facts = [format_rounded_clock(item.talk_time), f"{item.share:.0%}", words["turns"].format(item.turns)]
    if item.interruptions:
        facts.append(words["interruptions"].format(item.interruptions))
    if item.longest_turn is not None:
        facts.append(words["longest"].format(format_rounded_clock(item.longest_turn.duration)))
    return "  ·  ".join(facts)


def _draw_answers(picture: _Picture) -> tuple[list[str], float]:
    everybody = picture.figures.speakers
    if len(everybody) < 2:
        return picture.draw_empty()
    shown = _select_most_talkative(everybody, int((picture.right - _LEFT) / _SMALLEST_CELL))
    people = [everybody[place].speaker for place in shown]
    found = {(i, j): count for i, j, count in picture.figures.answer_counts}
    counts = [[found.get((i, j), 0) for j in shown] for i in shown]
    most = max(1, *(count for row in counts for count in row))
    cell = min(96.0, (picture.right - _LEFT) / len(people))
    numbered = cell < _NARROW  # names do not fit above the columns: numbers stand for them there
    parts = []
    for i, label in enumerate(people):
        name = picture.names[label]
        above = str(i + 1) if numbered else shorten_name(name, int(cell / 8.7))
        middle = 52 + 34 * (i + 0.5)
        drawn = _svg.text(
            above,
            _LEFT + cell * (i + 0.5),
            44,
            text_anchor="middle",
            font_size=12,
            font_weight=600,
            fill=colour_of(shown[i])[0],
        )
        parts.append(_svg.add_title(drawn, name))
        parts.append(picture.name(label, middle, number=i + 1 if numbered else None))
        for j, count in enumerate(counts[i]):
            left, top = _LEFT + cell * j + 1.5, 52 + 34 * i + 1.5
            parts.append(_svg.box(left, top, cell - 3, 31, _WASH))
            if count:
                shade = 0.08 + 0.42 * count / most  # dark text is read on all of them
                parts.append(_svg.box(left, top, cell - 3, 31, colour_of(shown[i])[0], fill_opacity=shade))
            figure = "–" if i == j else str(count) if count else "·"
            fill = _INK if count else _SOFT
            parts.append(_svg.text(figure, left + cell / 2 - 1.5, middle + 4.5, text_anchor="middle", fill=fill))
    bottom = 52 + 34 * len(people)
    left_out = len(everybody) - len(people)
    rule = picture.words["rule"] + (f" {picture.words['fewest'].format(left_out)}" if left_out else "")
    parts.append(_svg.text(rule, _LEFT, bottom + 20, fill=_SOFT, font_size=12))
    return parts, bottom + 24


def _select_most_talkative(people: Sequence[SpeakerStatistics], room: int) -> list[int]:
    """Places of those who had the floor most often, as many as there is room for, in the transcript's order."""
    by_turns = sorted(range(len(people)), key=lambda place: (-people[place].turns, place))
    return sorted(by_turns[: max(2, min(room, _MOST_ANSWERS))])


_SECTIONS: Mapping[str, Section] = {
    "timeline": _draw_timeline,
    "talk": _draw_talk,
    "answers": _draw_answers,
    "sounds": _draw_sounds,
}


def shorten_name(name: str, columns: int = _NAME_COLUMNS) -> str:
    """A name that fits into so many columns, cut with an ellipsis; wide characters take two."""
    name = _svg.clean_text(name)
    if columns_of(name) <= columns:
        return name
    clusters = graphemes(name)
    while clusters and columns_of("".join(clusters)) > columns - 1:
        clusters.pop()
    return "".join(clusters).rstrip() + "…"


def format_rounded_clock(seconds: float) -> str:
    """Whole seconds as M:SS or H:MM:SS."""
    return format_minutes(math.floor(seconds + 0.5))
