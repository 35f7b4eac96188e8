"""Reads TTML (https://www.w3.org/TR/ttml2/), also IMSC 1 and EBU-TT-D: paragraphs, their times and their agents.

All text below the root arrives in cues, but for the head, metadata and what the standard defines beside text.

TTML in the text profile of IMSC 1.1 (W3C, https://www.w3.org/TR/ttml-imsc1.1/); TTML of others is read too.
"""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.cues import transcript_of
from whisperdiar.formats._reading.italics import (
    mark_spans,
    read_italics,
    remove_marks,
    without_italics,
    write_italics,
)
from whisperdiar.formats._reading.labels import split_labels
from whisperdiar.formats._text import one_line
from whisperdiar.formats._writing.cues import ReadyCue, prepare_cues
from whisperdiar.formats._writing.render import settle_options, shown_names, subtitle_cues
from whisperdiar.formats._writing.speakers import PALETTE, clean_names, colour_numbers, format_style, readable_prefixes
from whisperdiar.options import WriteOptions
from whisperdiar.text.clock import format_clock
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Cue, Span

_METADATA = "http://www.w3.org/ns/ttml#metadata"
_PARAMETER = "http://www.w3.org/ns/ttml#parameter"
_XML = "http://www.w3.org/XML/1998/namespace"
_STYLING = "http://www.w3.org/ns/ttml/profile/imsc1#styling"
"""Of IMSC's own attributes, such as ``itts:forcedDisplay`` (https://www.w3.org/TR/ttml-imsc1.1/#itts-forcedDisplay)."""
_CLOCK = re.compile(r"(\d{1,9}):(\d{2}):(\d{2})(?:(\.\d+)|:(\d{1,9})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|f|t)")
_SPACE = re.compile(r"[ \t\r\n]+")
_DECLARED = re.compile("<!DOCTYPE|<!ENTITY")
_LINE_END = re.compile("\r\n|\r|\n")
_LONGEST = 1e9
_LINE = "{whisperdiar}line"
"""Attribute that holds the line (from 1) on which an element begins."""
_NO_TEXT = frozenset(
    {"head", "metadata", "styling", "layout", "set", "animate", "audio", "image", "font", "data", "chunk", "source"}
    | {"resources", "initial", "style", "region", "agent", "desc", "title", "copyright"}
)
"""Elements whose content nobody sees."""
_TIME_CONTAINER = "timeContainer"


@dataclass(frozen=True, slots=True)
class _Rates:
    """Frames and ticks per second; in the smpte time base `counted` is the number of frames that one second of a
    time code counts (else None), and `drop` tells which of them are left out."""

    frames: float
    ticks: float
    counted: float | None = None
    drop: str = "nonDrop"

    def seconds(self, hours: int, minutes: int, seconds: float, frames: int) -> float:
        """Of a clock time. In the smpte time base the seconds are counted frames (TTML 2, appendix I)."""
        whole = hours * 3600 + minutes * 60 + seconds
        if self.counted is None:
            return whole + frames / self.frames
        if self.drop == "dropNTSC":
            frames -= 2 * (hours * 54 + minutes - minutes // 10)
        elif self.drop == "dropPAL":
            frames -= 4 * (hours * 27 + minutes // 2 - minutes // 20)
        return (whole * self.counted + frames) / self.frames


def document_cues(text: str) -> Iterator[Cue]:
    """The paragraphs in the order of the document; the agent (``ttm:agent``) is the speaker.

    Raises:
        FormatError: no XML, no TTML, a document type (which could name other files), or a time that cannot be read.
    """
    root = _root(remove_byte_order_mark(text))
    rates = _parse_rates(root)
    names = _parse_agents(root)
    try:
        _inherit_forced(root, _forced_styles(root), forced=False)
        yield from _walk(root, 0.0, _LONGEST, None, rates, names)
    except RecursionError as error:
        raise FormatError(_("the elements of this TTML are nested too deeply")) from error


def document_language(text: str) -> str | None:
    """The language of the whole document as an ISO 639-1 code, where it has one."""
    code = _root(remove_byte_order_mark(text)).get(f"{{{_XML}}}lang", "").partition("-")[0].lower()
    return code if len(code) == 2 and code.isalpha() else None


def _root(text: str) -> ElementTree.Element:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a pair is no character
    if declared := _DECLARED.search(text):
        line = len(_LINE_END.findall(text[: declared.start()])) + 1
        raise FormatError(
            _("line {line}: this XML has a document type, which subtitles do not need; remove the DOCTYPE").format(
                line=line
            )
        )
    # Without its declaration, whose encoding no longer holds for a text that is decoded already; its lines still count.
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", lambda found: "\n" * len(_LINE_END.findall(found[0])), text)
    try:
        root = _parse(text)
    except expat.ExpatError as error:
        shown = ([*text.splitlines(), ""])[min(error.lineno, len(text.splitlines()) or 1) - 1][:120]
        raise FormatError(
            _("line {number}: no XML ({cause} at column {offset}): {shown!r}").format(
                number=error.lineno, cause=expat.ErrorString(error.code), offset=error.offset, shown=shown
            )
        ) from error
    if _local_name(root) != "tt":
        _refuse(root, _("no TTML: its first element is <{name}>, not <tt>").format(name=_local_name(root)))
    return root


def _parse(text: str) -> ElementTree.Element:
    """The document with the line of every element, which the parser of `ElementTree` does not tell."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def begin(name: str, attributes: dict[str, str]) -> None:
        known = {_full(key): value for key, value in attributes.items()}
        builder.start(_full(name), {**known, _LINE: str(parser.CurrentLineNumber)})

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda name: builder.end(_full(name))
    parser.CharacterDataHandler = builder.data
    parser.Parse(text, True)
    return builder.close()


def _full(name: str) -> str:
    return "{" + name if "}" in name else name


def _refuse(element: ElementTree.Element, cause: str) -> NoReturn:
    raise FormatError(_("line {number}: {cause}").format(number=element.get(_LINE), cause=cause))


def _local_name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _parse_rates(root: ElementTree.Element) -> _Rates:
    def number(name: str, default: float) -> float:
        try:
            return float(root.get(f"{{{_PARAMETER}}}{name}", default)) or default
        except ValueError:
            return default

    frames = counted = number("frameRate", 30.0)
    scale = root.get(f"{{{_PARAMETER}}}frameRateMultiplier", "1 1").split()
    with contextlib.suppress(ValueError, IndexError, ZeroDivisionError):
        frames *= float(scale[0]) / float(scale[1])
    smpte = root.get(f"{{{_PARAMETER}}}timeBase") == "smpte"
    drop = root.get(f"{{{_PARAMETER}}}dropMode", "nonDrop")
    return _Rates(frames, number("tickRate", 1.0), counted if smpte else None, drop)


def _parse_agents(root: ElementTree.Element) -> dict[str, str]:
    """Id of each agent → the name that it gives."""
    names: dict[str, str] = {}
    for agent in root.iter(f"{{{_METADATA}}}agent"):
        key = agent.get(f"{{{_XML}}}id")
        name = one_line("".join(agent.itertext()))
        if key and name:
            names[key] = name
    return names


def _forced_styles(root: ElementTree.Element) -> dict[str, bool]:
    """Id of each style and region that says of ``itts:forcedDisplay`` what it is."""
    return {
        element.get(f"{{{_XML}}}id", ""): _parse_forced(element) == "true"
        for element in root.iter()
        if _local_name(element) in ("style", "region") and _parse_forced(element) is not None
    }


def _parse_forced(element: ElementTree.Element) -> str | None:
    value = element.get(f"{{{_STYLING}}}forcedDisplay")
    return None if value is None else value.strip().lower()


def _inherit_forced(element: ElementTree.Element, styles: Mapping[str, bool], *, forced: bool) -> None:
    """Sets ``itts:forcedDisplay`` on every element that inherits it, by its parents, its region or its styles."""
    for key in (*element.get("region", "").split(), *element.get("style", "").split()):
        forced = styles.get(key, forced)
    own = _parse_forced(element)
    forced = forced if own is None else own == "true"
    element.set(f"{{{_STYLING}}}forcedDisplay", "true" if forced else "false")
    for child in element:
        if not _holds_no_text(child):
            _inherit_forced(child, styles, forced=forced)


def _holds_forced(element: ElementTree.Element) -> bool:
    """Whether any text in an element is a forced narrative: losing one is worse than showing more."""
    children = [child for child in element if not _holds_no_text(child)]
    own = (element.text, *(child.tail for child in element))
    here = _parse_forced(element) == "true" and any(text and text.strip() for text in own)
    return here or any(_holds_forced(child) for child in children)


def _walk(
    element: ElementTree.Element, start: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    begin, until = _parse_interval(element, start, end, rates)
    agent = _parse_agent(element, names) or agent
    if _local_name(element) == "p":
        yield from _parse_paragraph(element, begin, until, agent, rates, names)
        return
    for stray in (element.text, *(child.tail for child in element)):
        if stray and stray.strip():
            _refuse(
                element,
                _("<{name}>: this text stands outside of a paragraph: {text!r}").format(
                    name=_local_name(element), text=stray.strip()[:60]
                ),
            )
    start = begin
    for child in element:
        if _holds_no_text(child):
            continue
        inner = _walk if _local_name(child) != "span" else _timed_paragraph
        found = list(inner(child, start, until, agent, rates, names))
        yield from found
        if element.get(_TIME_CONTAINER) == "seq":  # one after the other, each from the end of the one before
            told = child.get("end") is not None or child.get("dur") is not None
            ends = [cue.span.end for cue in found]
            start = _parse_interval(child, start, until, rates)[1] if told else max([start, *ends])


def _holds_no_text(element: ElementTree.Element) -> bool:
    return "metadata" in str(element.tag).partition("}")[0] or _local_name(element) in _NO_TEXT


def _timed_paragraph(
    element: ElementTree.Element, start: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    """A span with times of its own as a paragraph."""
    begin, until = _parse_interval(element, start, end, rates)
    return _parse_paragraph(element, begin, until, _parse_agent(element, names) or agent, rates, names)


def _parse_agent(element: ElementTree.Element, names: dict[str, str]) -> str | None:
    keys = element.get(f"{{{_METADATA}}}agent", "").split()
    return names.get(keys[0], keys[0]) if keys else None


def _parse_interval(element: ElementTree.Element, start: float, end: float, rates: _Rates) -> tuple[float, float]:
    """Times are relative to those of the parent, which also bounds them."""
    begin = start + (_parse_ttml_time(element, "begin", rates) or 0.0)
    stop, duration = _parse_ttml_time(element, "end", rates), _parse_ttml_time(element, "dur", rates)
    ends = [end, *([start + stop] if stop is not None else []), *([begin + duration] if duration is not None else [])]
    return begin, max(begin, min(ends))


def _parse_ttml_time(element: ElementTree.Element, name: str, rates: _Rates) -> float | None:
    value = element.get(name)
    if value is None:
        return None
    clock, offset = _CLOCK.fullmatch(value.strip()), _OFFSET.fullmatch(value.strip())
    if clock:
        hours, minutes, seconds, fraction, frames = clock.groups()
        found = rates.seconds(int(hours), int(minutes), int(seconds) + float(fraction or 0), int(frames or 0))
    elif offset:
        unit = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / rates.frames, "t": 1 / rates.ticks}
        found = float(offset[1]) * unit[offset[2]]
    else:
        said = one_line("".join(element.itertext()))[:60]
        _refuse(
            element,
            _("<{element} {name}={value!r}>: no time such as 00:00:01.000 or 1.5s (text: {text!r})").format(
                element=_local_name(element), name=name, value=value, text=said
            ),
        )
    if not found <= _LONGEST:
        _refuse(
            element,
            _("<{element} {name}={value!r}>: this time is too large").format(
                element=_local_name(element), name=name, value=value
            ),
        )
    return round(found, 6)


def _parse_paragraph(
    element: ElementTree.Element, begin: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    """One cue; several where its spans have times of their own and no text stands between them."""
    children = list(element)
    between = [element.text, *(child.tail for child in children)]
    spans = [child for child in children if _local_name(child) != "br" and not _holds_no_text(child)]
    timed = [child for child in spans if child.get("begin") is not None or child.get("dur") is not None]
    if timed and len(timed) == len(spans) and not any(text and text.strip() for text in between):
        start = begin
        for child in spans:
            yield from _timed_paragraph(child, start, end, agent, rates, names)
            if element.get(_TIME_CONTAINER) == "seq":
                start = _parse_interval(child, start, end, rates)[1]
        return
    if timed and end >= _LONGEST:
        end = max(_parse_interval(child, begin, end, rates)[1] for child in timed)
    lines: list[list[tuple[str, str | None]]] = [[]]
    _collect(element, agent, names, lines)
    rows = [(one_line(_SPACE.sub(" ", "".join(text for text, _who in line))), line) for line in lines]
    rows = [(text, line) for text, line in rows if remove_marks(text).strip()]
    if not rows:
        return
    if end >= _LONGEST:
        _refuse(
            element,
            _("<{name}>: it has no end (text: {text!r})").format(
                name=_local_name(element), text=remove_marks(rows[0][0])[:60]
            ),
        )
    speakers = [next(who for text, who in line if remove_marks(text).strip()) for _text, line in rows]
    together = len(set(speakers)) == 1
    texts = tuple(text for text, _line in rows)
    speaker, line_speakers = (speakers[0], ()) if together else (None, tuple(speakers))
    yield Cue(Span(begin, end), texts, speaker, line_speakers, forced=_holds_forced(element))


def _collect(
    element: ElementTree.Element, agent: str | None, names: dict[str, str], lines: list[list[tuple[str, str | None]]]
) -> None:
    begin, end = mark_spans([]) if _is_italic(element) else ("", "")
    lines[-1].append((begin + remove_marks(element.text or ""), agent))
    for child in element:
        if _local_name(child) == "br":
            lines.append([])
        if not _holds_no_text(child):
            _collect(child, _parse_agent(child, names) or agent, names, lines)
        lines[-1].append((remove_marks(child.tail or ""), agent))
    lines[-1].append((end, agent))


def _is_italic(element: ElementTree.Element) -> bool:
    """Whether an element itself says so, in any of TTML's namespaces of styling."""
    return any(name.endswith("}fontStyle") and value == "italic" for name, value in element.attrib.items())


name = "ttml"
suffix = ".ttml"
aliases = (".dfxp", ".xml", ".itt")
needs = "words"

_PROFILE = "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
_NAMESPACES = (
    'xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
    'xmlns:tts="http://www.w3.org/ns/ttml#styling" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
)
_REGION_TOPS = (75, 55, 35, 15)
"""Per cent of the height, from the lowest region up; the profile allows four at a time (section 8.2), which never
cover each other."""
_REGION_HEIGHT = 20
_RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_NO_XML = re.compile("[\ufffe\uffff]")


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A document of a transcript's subtitles, the speakers as agents and by colour."""
    names = shown_names(transcript, _style(options))
    found = subtitle_cues(transcript, style=_style(options), options=options)
    settled = settle_options(transcript, options)
    return dumps_cues(found, names, language=transcript.language, options=settled)


def dumps_cues(
    cues: Iterable[Cue],
    names: Mapping[str, str],
    *,
    language: str | None = None,
    options: WriteOptions,
) -> str:
    """The same for cues that are there already; `names` gives the name of a speaker label, itself by default."""
    style = _style(options)
    made = prepare_cues(cues)
    known = clean_names(made, names)
    colours = colour_numbers(known if style == "colour" else {})
    told = {} if options.speaker_style == "none" else {label: shown for label, shown in known.items() if shown}
    agents: dict[str | None, str] = {label: f"speaker{index}" for index, label in enumerate(told, start=1)}
    before = readable_prefixes(made, known, style, told="lines" if told else "", dashes=options.rules(None).dashes)
    forced = f' xmlns:itts="{_STYLING}"' if any(cue.forced for cue in made) else ""
    used = sorted({colours[who] for cue in made for who in cue.speakers if who in colours})
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<tt {_NAMESPACES}{forced} ttp:contentProfiles="{_PROFILE}" ttp:timeBase="media" '
        f"xml:lang={_quote(language or '')}>",
        "  <head>",
        *_format_metadata(told, agents),
        *_format_styling(used, language),
        *_format_layout(made),
        "  </head>",
        "  <body>",
        "    <div>",
        *(_format_paragraph(cue, row, agents, colours) for cue, row in zip(made, before, strict=True)),
        "    </div>",
        "  </body>",
        "</tt>",
    ]
    return "".join(line + "\n" for line in lines)


def read_cues(text: str, *, labels: bool = True) -> tuple[Cue, ...]:
    """The paragraphs in the order of the document; spans with times of their own are cues of their own.

    Italics (``tts:fontStyle``) are kept where an element itself has them.

    Args:
        labels: where no agent says who speaks, take ``Anna: `` and dashes out of the text for it.

    Raises:
        FormatError: no TTML, or a time that cannot be read; with the line's number or the text.
    """
    seen = tuple(map(read_italics, document_cues(text)))
    return split_labels(without_italics(seen)) if labels else seen


def read(text: str) -> Transcript:
    """The transcript that a document shows, with its language; see `whisperdiar.formats.transcript_of`.

    Raises:
        FormatError: as `read_cues`.
    """
    return transcript_of(read_cues(text), shown=read_cues(text, labels=False), language=document_language(text))


def remarks(transcript: Transcript, *, options: WriteOptions) -> tuple[str, ...]:
    """Says where forced narratives are lost, as subtitles are cut anew."""
    lost = not options.keeps_cues and any(cue.forced for cue in transcript.cues)
    return (_("forced narratives are no longer marked, as subtitles are cut anew"),) if lost else ()


def _style(options: WriteOptions) -> str:
    return format_style(options, own="colour", supported=("colour", "voice"))


def _format_metadata(names: Mapping[str, str], agents: Mapping[str | None, str]) -> list[str]:
    if not names:
        return []
    return [
        "    <metadata>",
        *(
            f'      <ttm:agent xml:id="{agents[label]}" type="person">'
            f'<ttm:name type="full">{_escape(shown)}</ttm:name></ttm:agent>'
            for label, shown in names.items()
        ),
        "    </metadata>",
    ]


def _format_styling(used: Sequence[int], language: str | None) -> list[str]:
    direction = ' tts:direction="rtl"' if (language or "").partition("-")[0] in _RIGHT_TO_LEFT else ""
    return [
        "    <styling>",
        '      <style xml:id="paragraph" tts:fontFamily="proportionalSansSerif" tts:fontSize="80%" '
        f'tts:lineHeight="125%" tts:textAlign="center"{direction}/>',
        f'      <style xml:id="text" tts:color="#{PALETTE[0]}" tts:backgroundColor="#000000C0"/>',
        *(f'      <style xml:id="colour{number + 1}" tts:color="#{PALETTE[number]}"/>' for number in used),
        "    </styling>",
    ]


def _format_layout(cues: Sequence[ReadyCue]) -> list[str]:
    used = sorted({_format_region(cue) for cue in cues} | {0})
    return [
        "    <layout>",
        *(
            f'      <region xml:id="region{number + 1}" tts:origin="10% {_REGION_TOPS[number]}%" '
            f'tts:extent="80% {_REGION_HEIGHT}%" tts:displayAlign="after" tts:overflow="visible"/>'
            for number in used
        ),
        "    </layout>",
    ]


def _format_region(cue: ReadyCue) -> int:
    return min(cue.level, len(_REGION_TOPS) - 1)


def _format_paragraph(
    cue: ReadyCue, before: Sequence[str], agents: Mapping[str | None, str], colours: Mapping[str | None, int]
) -> str:
    alone = len(set(cue.speakers)) == 1
    spans = []
    for number, (lead, line, speaker) in enumerate(zip(before, cue.lines, cue.speakers, strict=True)):
        style = f"text colour{colours[speaker] + 1}" if speaker in colours else "text"
        agent = "" if alone else _agent(speaker, agents)
        text = _escape(lead) + write_italics(line, cue.italic(number), _escape, _ITALIC)
        spans.append(f'<span style="{style}"{agent}>{text}</span>')
    times = f'begin="{format_clock(cue.start_ms, ".")}" end="{format_clock(cue.end_ms, ".")}"'
    agent = _agent(cue.speakers[0], agents) if alone else ""
    place = f'region="region{_format_region(cue) + 1}" style="paragraph"'
    forced = ' itts:forcedDisplay="true"' if cue.forced else ""
    return f'      <p {times} {place}{agent}{forced} xml:space="preserve">{"<br/>".join(spans)}</p>'


_ITALIC = ('<span tts:fontStyle="italic">', "</span>")


def _agent(speaker: str | None, agents: Mapping[str | None, str]) -> str:
    return f' ttm:agent="{agents[speaker]}"' if speaker in agents else ""


def _escape(text: str) -> str:
    """For XML; the two characters that it cannot hold, of those that are left in a line, are replaced."""
    return escape(_NO_XML.sub("\ufffd", text))


def _quote(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", one_line(text)))
