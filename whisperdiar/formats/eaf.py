"""Annotations of ELAN: EAF 3.0 (H. Brugman, A. Russel, "The EAF format", schema http://www.mpi.nl/tools/elan/EAFv3.0.xsd).

Utterances are annotations of their own, words lie in them (stereotype Included_In, which allows pauses between
words); `_tiers` says which tiers there are. Times are whole milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from whisperdiar.errors import FormatError
from whisperdiar.formats._heard import HeardWord, filled, transcript_of
from whisperdiar.formats._text import milliseconds, one_line, seconds_field, without_mark
from whisperdiar.formats._tiers import Lane, Mark, Tier, lanes, read_tiers
from whisperdiar.formats.rttm import NO_ID
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span

name = "eaf"
suffix = ".eaf"

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
# The schema wants a date. A writer has no clock, so that one transcript always gives one file.
_DATE = "1970-01-01T00:00:00Z"
_LONGEST_DIGITS = 12  # of milliseconds: thirty years
_NO_XML = re.compile("[\ufffe\uffff]")
_STEREOTYPES = {
    "Time_Subdivision": "Parts of the parent annotation's time, without gaps",
    "Symbolic_Subdivision": "Parts of the parent annotation in their order, without times",
    "Symbolic_Association": "One annotation for each parent annotation",
    "Included_In": "Annotations within the parent annotation's time, with gaps",
}
_KINDS = {
    ".wav": "audio/x-wav",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpg": "video/mpeg",
    ".mov": "video/quicktime",
}


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:
    """A tier of utterances and one of words for each speaker; turns alone become utterances without a text.

    `options.media` becomes the link to the recording, which ELAN otherwise asks for.
    """
    found = lanes(transcript, blanks=True)
    marks = [mark for lane in found for mark in (*lane.utterances, *lane.words)]
    # Two slots for each annotation: who moves a slot in ELAN moves all that share it.
    times = [time for mark in marks for time in mark[:2]]
    order = sorted(range(len(times)), key=times.__getitem__)
    slots = {place: number for number, place in enumerate(order, start=1)}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(
        f'<ANNOTATION_DOCUMENT AUTHOR="" DATE="{_DATE}" FORMAT="3.0" VERSION="3.0"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{_SCHEMA}">'
    )
    lines += _header(transcript, options.media, len(marks))
    lines.append("    <TIME_ORDER>")
    lines += [
        f'        <TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{times[place]}"/>'
        for number, place in enumerate(order, start=1)
    ]
    lines.append("    </TIME_ORDER>")
    number = 0
    for lane in found:
        lines += _tiers(lane, slots, number)
        number += len(lane.utterances) + len(lane.words)
    lines.append(
        '    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="utterance" TIME_ALIGNABLE="true"/>'
    )
    lines.append(
        '    <LINGUISTIC_TYPE CONSTRAINTS="Included_In" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="word"'
        ' TIME_ALIGNABLE="true"/>'
    )
    lines += [
        f"    <CONSTRAINT DESCRIPTION={_attr(text)} STEREOTYPE={_attr(key)}/>" for key, text in _STEREOTYPES.items()
    ]
    return "".join(f"{line}\n" for line in [*lines, "</ANNOTATION_DOCUMENT>"])


def _header(transcript: Transcript, media: str | None, last: int) -> list[str]:
    lines = ['    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">']
    if media:
        path = PurePosixPath(media.replace("\\", "/"))
        root = "file:///" if path.is_absolute() or re.match("[A-Za-z]:", media) else ""
        url = root + quote(str(path).lstrip("/"), safe="/:", errors="surrogateescape")
        beside = "./" + quote(path.name, errors="surrogateescape")  # a name need not be Unicode
        kind = _KINDS.get(path.suffix.lower(), "unknown")
        lines.append(
            f"        <MEDIA_DESCRIPTOR MEDIA_URL={_attr(url)} MIME_TYPE={_attr(kind)}"
            f" RELATIVE_MEDIA_URL={_attr(beside)}/>"
        )
    properties = {
        "recording_id": one_line(transcript.recording_id),
        "duration_ms": str(max(0, milliseconds(transcript.duration))),
        "language": transcript.language or "",
        "lastUsedAnnotationId": str(last),
    }
    lines += [
        f"        <PROPERTY NAME={_attr(key)}>{_xml(value)}</PROPERTY>" for key, value in properties.items() if value
    ]
    return [*lines, "    </HEADER>"]


def _tiers(lane: Lane, slots: Mapping[int, int], number: int) -> list[str]:
    who = "" if lane.speaker is None else f" PARTICIPANT={_attr(lane.name)}"
    lines = [f'    <TIER LINGUISTIC_TYPE_REF="utterance"{who} TIER_ID={_attr(lane.tier)}>']
    lines += _annotations(lane.utterances, slots, number)
    lines.append("    </TIER>")
    if lane.words:
        parent = f"PARENT_REF={_attr(lane.tier)}{who} TIER_ID={_attr(lane.word_tier)}"
        lines.append(f'    <TIER LINGUISTIC_TYPE_REF="word" {parent}>')
        lines += _annotations(lane.words, slots, number + len(lane.utterances))
        lines.append("    </TIER>")
    return lines


def _annotations(marks: Sequence[Mark], slots: Mapping[int, int], number: int) -> list[str]:
    return [
        f'        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{index + 1}" TIME_SLOT_REF1="ts{slots[2 * index]}"'
        f' TIME_SLOT_REF2="ts{slots[2 * index + 1]}"><ANNOTATION_VALUE>{_xml(mark.text)}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        for index, mark in enumerate(marks, start=number)
    ]


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))


def _attr(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))


def read(text: str) -> Transcript:
    """Top tiers as speakers (by participant, or by name), and a tier of words below each where there is one.

    A tier of words is one whose name or linguistic type says so (``words@Anna``, a type ``word`` or ``words``); its
    annotations may have times of their own or be a symbolic subdivision. Other dependent tiers are passed over.

    Raises:
        FormatError: no EAF.
    """
    root = _root(text)
    slots = _slots(root)
    elements = {element.get("TIER_ID", ""): element for element in root.iter("TIER")}
    marks: dict[str, dict[str, tuple[float, float, str]]] = {}
    for label in sorted(elements, key=lambda label: _depth(label, elements)):
        element = elements[label]
        marks[label] = _marks(element, slots, marks.get(element.get("PARENT_REF", ""), {}))
    parents = [label for label, element in elements.items() if not element.get("PARENT_REF")]
    tiers = []
    speakers: dict[str, str] = {}
    for number, label in enumerate(parents):
        key = f"tier {number}"  # a name of its own for reading: what the tier is called says nothing here
        speakers[key] = one_line(elements[label].get("PARTICIPANT") or label)
        tiers.append(Tier(key, sorted(marks[label].values(), key=itemgetter(0))))
        words = [
            child for child, element in elements.items() if element.get("PARENT_REF") == label and _of_words(element)
        ]
        tiers += [Tier(f"words@{key}", sorted(marks[child].values(), key=itemgetter(0))) for child in words[:1]]
    heard = [item._replace(speaker=speakers[item.speaker or ""]) for item in read_tiers(tiers)]
    properties = {element.get("NAME"): (element.text or "").strip() for element in root.iter("PROPERTY")}
    length_ms = seconds_field(properties.get("duration_ms", "")) or 0.0
    return transcript_of(
        heard,
        recording_id=properties.get("recording_id") or NO_ID,
        duration=length_ms / 1000,
        language=properties.get("language") or None,
    )


def _depth(label: str, elements: Mapping[str, ElementTree.Element]) -> int:
    """How many tiers lie above one: a file may name a tier before its parent."""
    above: set[str] = set()
    while label in elements and label not in above:
        above.add(label)
        label = elements[label].get("PARENT_REF", "")
    return len(above)


def _root(text: str) -> ElementTree.Element:
    if "<!ENTITY" in text:
        raise FormatError("this XML defines entities, which no EAF does; it is not read")
    try:
        root = ElementTree.fromstring(without_mark(text).lstrip())
    except ElementTree.ParseError as error:
        raise FormatError(f"this is no XML: {error}") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise FormatError(f"this XML is no EAF: it begins with {root.tag[:60]!r}, not with ANNOTATION_DOCUMENT")
    return root


def _of_words(tier: ElementTree.Element) -> bool:
    says = f"{tier.get('LINGUISTIC_TYPE_REF', '')} {tier.get('TIER_ID', '')}".casefold()
    return re.search(r"\b(words?|wd)\b", says.replace("_", " ")) is not None


def _slots(root: ElementTree.Element) -> dict[str, float]:
    """Seconds of every time slot; those without a time lie evenly between their neighbours."""
    found: dict[str, float] = {}
    waiting: list[str] = []
    last = 0.0
    for element in root.iter("TIME_SLOT"):
        label, value = element.get("TIME_SLOT_ID", ""), element.get("TIME_VALUE")
        waiting.append(label)
        if value is None:
            continue
        whole = value.isascii() and value.isdigit() and len(value) <= _LONGEST_DIGITS
        time_ms = float(value) if whole else seconds_field(value)
        if time_ms is None:
            raise FormatError(f"time slot {label!r}: {value!r} is no number of milliseconds")
        time = time_ms / 1000
        for index, item in enumerate(waiting, start=1):
            found[item] = time if item == label else last + (time - last) * index / len(waiting)
        last, waiting = time, []
    return found | dict.fromkeys(waiting, last)


class _Reference(NamedTuple):
    """An annotation without times: its parent, its own id and text."""

    parent: str
    own: str
    text: str


def _marks(
    tier: ElementTree.Element, slots: Mapping[str, float], parents: Mapping[str, tuple[float, float, str]]
) -> dict[str, tuple[float, float, str]]:
    """Annotation id → start, end (seconds) and text; those without times share their parent's in their order."""
    found: dict[str, tuple[float, float, str]] = {}
    waiting: dict[str, list[_Reference]] = {}
    for element in tier.iter():
        own, text = element.get("ANNOTATION_ID", ""), one_line(element.findtext("ANNOTATION_VALUE") or "")
        if element.tag == "ALIGNABLE_ANNOTATION":
            first, last = element.get("TIME_SLOT_REF1", ""), element.get("TIME_SLOT_REF2", "")
            if first not in slots or last not in slots:
                raise FormatError(
                    f"annotation {own!r}: there is no time slot {first if first not in slots else last!r}"
                )
            found[own] = (slots[first], slots[last], text)
        elif element.tag == "REF_ANNOTATION":
            reference = _Reference(element.get("ANNOTATION_REF", ""), own, text)
            waiting.setdefault(reference.parent, []).append(reference)
    for parent, items in waiting.items():
        if parent in parents:
            start, end, _ = parents[parent]
            times = filled([HeardWord(item.text) for item in items], Span(start, max(start, end)))
            found |= {item.own: (time.start, time.end, item.text) for item, time in zip(items, times, strict=True)}
    return found
