"""Reads TTML (https://www.w3.org/TR/ttml2/), also IMSC 1 and EBU-TT-D: paragraphs, their times and their agents."""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass

from whisperdiar.errors import FormatError
from whisperdiar.formats._text import one_line, without_mark
from whisperdiar.types import Cue, Span

_METADATA = "http://www.w3.org/ns/ttml#metadata"
_PARAMETER = "http://www.w3.org/ns/ttml#parameter"
_XML = "http://www.w3.org/XML/1998/namespace"
_CLOCK = re.compile(r"(\d{1,9}):(\d{2}):(\d{2})(?:(\.\d+)|:(\d{1,9})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|f|t)")
_SPACE = re.compile(r"[ \t\r\n]+")
_LONGEST = 1e9


@dataclass(frozen=True, slots=True)
class _Rates:
    frames: float
    ticks: float


def document_cues(text: str) -> Iterator[Cue]:
    """The paragraphs in the order of the document; the agent (``ttm:agent``) is the speaker.

    Raises:
        FormatError: no XML, no TTML, a document type (which could name other files), or a time that cannot be read.
    """
    root = _root(without_mark(text))
    rates = _rates(root)
    names = _agents(root)
    body = next((item for item in root if _local(item) == "body"), None)
    if body is not None:
        try:
            yield from _walk(body, 0.0, _LONGEST, None, rates, names)
        except RecursionError as error:
            raise FormatError("the elements of this TTML are nested too deeply") from error


def document_language(text: str) -> str | None:
    """The language of the whole document as an ISO 639-1 code, where it has one."""
    code = _root(without_mark(text)).get(f"{{{_XML}}}lang", "").partition("-")[0].lower()
    return code if len(code) == 2 and code.isalpha() else None


def _root(text: str) -> ElementTree.Element:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a pair is no character
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FormatError("this XML has a document type, which subtitles do not need; remove the DOCTYPE")
    try:
        # Without its declaration, whose encoding no longer holds for a text that is decoded already.
        root = ElementTree.fromstring(re.sub(r"\A\s*<\?xml[^>]*\?>", "", text))
    except ElementTree.ParseError as error:
        line, column = error.position
        shown = (text.splitlines() or [""])[min(line, len(text.splitlines()) or 1) - 1][:120]
        raise FormatError(
            f"line {line}: no XML ({error.args[0].split(':')[0]} at column {column}): {shown!r}"
        ) from error
    if _local(root) != "tt":
        raise FormatError(f"no TTML: its first element is <{_local(root)}>, not <tt>")
    return root


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _rates(root: ElementTree.Element) -> _Rates:
    def number(name: str, default: float) -> float:
        try:
            return float(root.get(f"{{{_PARAMETER}}}{name}", default)) or default
        except ValueError:
            return default

    frames = number("frameRate", 30.0)
    scale = root.get(f"{{{_PARAMETER}}}frameRateMultiplier", "1 1").split()
    with contextlib.suppress(ValueError, IndexError, ZeroDivisionError):
        frames *= float(scale[0]) / float(scale[1])
    return _Rates(frames, number("tickRate", 1.0))


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
    for child in element:
        if isinstance(child.tag, str) and _local(child) in ("div", "p"):
            yield from _walk(child, begin, until, agent, rates, names)


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
        found = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(fraction or 0)
        found += int(frames or 0) / rates.frames
    elif offset:
        unit = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / rates.frames, "t": 1 / rates.ticks}
        found = float(offset[1]) * unit[offset[2]]
    else:
        said = one_line("".join(element.itertext()))[:60]
        raise FormatError(
            f"<{_local(element)} {name}={value!r}>: no time such as 00:00:01.000 or 1.5s (text: {said!r})"
        )
    if not found <= _LONGEST:
        raise FormatError(f"<{_local(element)} {name}={value!r}>: this time is too large")
    return round(found, 6)


def _paragraph(
    element: ElementTree.Element, begin: float, end: float, agent: str | None, rates: _Rates, names: dict[str, str]
) -> Iterator[Cue]:
    """One cue; several where its spans have times of their own."""
    spans = [child for child in element if isinstance(child.tag, str) and _local(child) == "span"]
    if any(child.get("begin") is not None for child in spans) and not (element.text or "").strip():
        for child in spans:
            yield from _paragraph(
                child, *_interval(child, begin, end, rates), _agent(child, names) or agent, rates, names
            )
        return
    lines: list[list[tuple[str, str | None]]] = [[]]
    _collect(element, agent, names, lines)
    rows = [(one_line(_SPACE.sub(" ", "".join(text for text, _ in line))), line) for line in lines]
    rows = [(text, line) for text, line in rows if text]
    if not rows:
        return
    if end >= _LONGEST:
        raise FormatError(f"<p>: it has no end (text: {rows[0][0][:60]!r})")
    speakers = [next(who for text, who in line if text.strip()) for _, line in rows]
    together = len(set(speakers)) == 1
    texts = tuple(text for text, _ in rows)
    yield Cue(Span(begin, end), texts, speakers[0] if together else None, () if together else tuple(speakers))


def _collect(
    element: ElementTree.Element, agent: str | None, names: dict[str, str], lines: list[list[tuple[str, str | None]]]
) -> None:
    lines[-1].append((element.text or "", agent))
    for child in element:
        if isinstance(child.tag, str):
            if _local(child) == "br":
                lines.append([])
            elif _local(child) == "span":
                _collect(child, _agent(child, names) or agent, names, lines)
        lines[-1].append((child.tail or "", agent))
