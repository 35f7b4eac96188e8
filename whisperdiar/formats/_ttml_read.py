"""Reads TTML (https://www.w3.org/TR/ttml2/), also IMSC 1 and EBU-TT-D: paragraphs, their times and their agents.

All text below the root arrives in cues, but for the head, metadata and what the standard defines beside text.
"""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from whisperdiar.errors import FormatError
from whisperdiar.formats._text import one_line, without_mark
from whisperdiar.types import Cue, Span

_METADATA = "http://www.w3.org/ns/ttml#metadata"
_PARAMETER = "http://www.w3.org/ns/ttml#parameter"
_XML = "http://www.w3.org/XML/1998/namespace"
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
    root = _root(without_mark(text))
    rates = _rates(root)
    names = _agents(root)
    try:
        yield from _walk(root, 0.0, _LONGEST, None, rates, names)
    except RecursionError as error:
        raise FormatError("the elements of this TTML are nested too deeply") from error


def document_language(text: str) -> str | None:
    """The language of the whole document as an ISO 639-1 code, where it has one."""
    code = _root(without_mark(text)).get(f"{{{_XML}}}lang", "").partition("-")[0].lower()
    return code if len(code) == 2 and code.isalpha() else None


def _root(text: str) -> ElementTree.Element:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a pair is no character
    if declared := _DECLARED.search(text):
        line = len(_LINE_END.findall(text[: declared.start()])) + 1
        raise FormatError(f"line {line}: this XML has a document type, which subtitles do not need; remove the DOCTYPE")
    # Without its declaration, whose encoding no longer holds for a text that is decoded already; its lines still count.
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", lambda found: "\n" * len(_LINE_END.findall(found[0])), text)
    try:
        root = _parse(text)
    except expat.ExpatError as error:
        shown = ([*text.splitlines(), ""])[min(error.lineno, len(text.splitlines()) or 1) - 1][:120]
        raise FormatError(
            f"line {error.lineno}: no XML ({expat.ErrorString(error.code)} at column {error.offset}): {shown!r}"
        ) from error
    if _local(root) != "tt":
        _refuse(root, f"no TTML: its first element is <{_local(root)}>, not <tt>")
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
    raise FormatError(f"line {element.get(_LINE)}: {cause}")


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _rates(root: ElementTree.Element) -> _Rates:
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


def _agents(root: ElementTree.Element) -> dict[str, str]:
    """Id of each agent → the name that it gives."""
    names: dict[str, str] = {}
    for agent in root.iter(f"{{{_METADATA}}}agent"):
        key = agent.get(f"{{{_XML}}}id")
        name = one_line("".join(agent.itertext()))
        if key and name:
            names[key] = name
    return names


def _walk(
    element: ElementTree.Element, start: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    begin, until = _interval(element, start, end, rates)
    agent = _agent(element, names) or agent
    if _local(element) == "p":
        yield from _paragraph(element, begin, until, agent, rates, names)
        return
    for stray in (element.text, *(child.tail for child in element)):
        if stray and stray.strip():
            _refuse(element, f"<{_local(element)}>: this text stands outside of a paragraph: {stray.strip()[:60]!r}")
    start = begin
    for child in element:
        if _holds_no_text(child):
            continue
        inner = _walk if _local(child) != "span" else _timed_paragraph
        found = list(inner(child, start, until, agent, rates, names))
        yield from found
        if element.get(_TIME_CONTAINER) == "seq":  # one after the other, each from the end of the one before
            told = child.get("end") is not None or child.get("dur") is not None
            ends = [cue.span.end for cue in found]
            start = _interval(child, start, until, rates)[1] if told else max([start, *ends])


def _holds_no_text(element: ElementTree.Element) -> bool:
    return "metadata" in str(element.tag).partition("}")[0] or _local(element) in _NO_TEXT


def _timed_paragraph(
    element: ElementTree.Element, start: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    """A span with times of its own as a paragraph."""
    begin, until = _interval(element, start, end, rates)
    return _paragraph(element, begin, until, _agent(element, names) or agent, rates, names)


def _agent(element: ElementTree.Element, names: dict[str, str]) -> str | None:
    keys = element.get(f"{{{_METADATA}}}agent", "").split()
    return names.get(keys[0], keys[0]) if keys else None


def _interval(element: ElementTree.Element, start: float, end: float, rates: _Rates) -> tuple[float, float]:
    """Times are relative to those of the parent, which also bounds them."""
    begin = start + (_seconds(element, "begin", rates) or 0.0)
    stop, duration = _seconds(element, "end", rates), _seconds(element, "dur", rates)
    ends = [end, *([start + stop] if stop is not None else []), *([begin + duration] if duration is not None else [])]
    return begin, max(begin, min(ends))


def _seconds(element: ElementTree.Element, name: str, rates: _Rates) -> float | None:
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
        _refuse(element, f"<{_local(element)} {name}={value!r}>: no time such as 00:00:01.000 or 1.5s (text: {said!r})")
    if not found <= _LONGEST:
        _refuse(element, f"<{_local(element)} {name}={value!r}>: this time is too large")
    return round(found, 6)


def _paragraph(
    element: ElementTree.Element, begin: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    """One cue; several where its spans have times of their own and no text stands between them."""
    children = list(element)
    between = [element.text, *(child.tail for child in children)]
    spans = [child for child in children if _local(child) != "br" and not _holds_no_text(child)]
    timed = [child for child in spans if child.get("begin") is not None or child.get("dur") is not None]
    if timed and len(timed) == len(spans) and not any(text and text.strip() for text in between):
        start = begin
        for child in spans:
            yield from _timed_paragraph(child, start, end, agent, rates, names)
            if element.get(_TIME_CONTAINER) == "seq":
                start = _interval(child, start, end, rates)[1]
        return
    if timed and end >= _LONGEST:
        end = max(_interval(child, begin, end, rates)[1] for child in timed)
    lines: list[list[tuple[str, str | None]]] = [[]]
    _collect(element, agent, names, lines)
    rows = [(one_line(_SPACE.sub(" ", "".join(text for text, _ in line))), line) for line in lines]
    rows = [(text, line) for text, line in rows if text]
    if not rows:
        return
    if end >= _LONGEST:
        _refuse(element, f"<{_local(element)}>: it has no end (text: {rows[0][0][:60]!r})")
    speakers = [next(who for text, who in line if text.strip()) for _, line in rows]
    together = len(set(speakers)) == 1
    texts = tuple(text for text, _ in rows)
    yield Cue(Span(begin, end), texts, speakers[0] if together else None, () if together else tuple(speakers))


def _collect(
    element: ElementTree.Element, agent: str | None, names: dict[str, str], lines: list[list[tuple[str, str | None]]]
) -> None:
    lines[-1].append((element.text or "", agent))
    for child in element:
        if _local(child) == "br":
            lines.append([])
        if not _holds_no_text(child):
            _collect(child, _agent(child, names) or agent, names, lines)
        lines[-1].append((child.tail or "", agent))
