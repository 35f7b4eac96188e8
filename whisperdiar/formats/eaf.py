"""Annotations of ELAN: EAF 3.0 (H. Brugman, A. Russel, "The EAF format", schema http://www.mpi.nl/tools/elan/EAFv3.0.xsd).

Utterances are annotations of their own, words lie in them (stereotype Included_In, which allows pauses between
words); `_tiers` says which tiers there are. Times are whole milliseconds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading.recordings import NO_ID
from whisperdiar.formats._reading.utterances import ParsedWord, fill_times, transcript_of
from whisperdiar.formats._text import one_line, parse_seconds, to_milliseconds
from whisperdiar.formats._writing.tiers import (
    EMOTION_TIER,
    Lane,
    Mark,
    Tier,
    is_of_emotions,
    make_lanes,
    mark_emotions,
    read_tiers,
)
from whisperdiar.options import WriteOptions
from whisperdiar.text.graphemes import remove_byte_order_mark
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Turn

name = "eaf"
suffix = ".eaf"

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
# The schema wants a date. A writer has no clock, so that one transcript always gives one file.
_DATE = "1970-01-01T00:00:00Z"
_LONGEST_DIGITS = 12  # of milliseconds: thirty years
_UNITS = {"milliseconds": 1.0, "PAL-frames": 40.0, "PAL-50-frames": 20.0, "NTSC-frames": 1001 / 30}
"""Of time values, in milliseconds."""
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
    """A tier of utterances and one of words for each speaker, and one of emotions; turns alone become utterances
    without a text.

    `options.media` becomes the link to the recording, which ELAN otherwise asks for.
    """
    found = make_lanes(transcript, blanks=True)
    emotions = mark_emotions(transcript)
    marks = [*(mark for lane in found for mark in (*lane.utterances, *lane.words)), *emotions]
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
    if emotions:
        lines.append(f'    <TIER LINGUISTIC_TYPE_REF="utterance" TIER_ID="{EMOTION_TIER}">')
        lines += [*_annotations(emotions, slots, number), "    </TIER>"]
    lines.append(
        '    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="utterance" TIME_ALIGNABLE="true"/>'
    )
    lines.append(
        '    <LINGUISTIC_TYPE CONSTRAINTS="Included_In" GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="word"'
        ' TIME_ALIGNABLE="true"/>'
    )
    lines += [
        f"    <CONSTRAINT DESCRIPTION={_escape_attribute(text)} STEREOTYPE={_escape_attribute(key)}/>"
        for key, text in _STEREOTYPES.items()
    ]
    return "".join(f"{line}\n" for line in [*lines, "</ANNOTATION_DOCUMENT>"])


def _header(transcript: Transcript, media: str | None, last: int) -> list[str]:
    lines = ['    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">']
    if media:
        path = PurePosixPath(media.replace("\\", "/"))
        root = "file:///" if path.is_absolute() or re.match("[A-Za-z]:", media) else ""
        url = root + quote(str(path).lstrip("/"), safe="/:", errors="surrogateescape")
        # A name need not be Unicode.
        beside = "./" + quote(path.name if root else str(path), safe="/", errors="surrogateescape")
        kind = _KINDS.get(path.suffix.lower(), "unknown")
        lines.append(
            f"        <MEDIA_DESCRIPTOR MEDIA_URL={_escape_attribute(url)} MIME_TYPE={_escape_attribute(kind)}"
            f" RELATIVE_MEDIA_URL={_escape_attribute(beside)}/>"
        )
    properties = {
        "recording_id": one_line(transcript.recording_id),
        "duration_ms": str(max(0, to_milliseconds(transcript.duration))),
        "language": transcript.language or "",
        "lastUsedAnnotationId": str(last),
    }
    lines += [
        f"        <PROPERTY NAME={_escape_attribute(key)}>{_escape_text(value)}</PROPERTY>"
        for key, value in properties.items()
        if value
    ]
    return [*lines, "    </HEADER>"]


def _tiers(lane: Lane, slots: Mapping[int, int], number: int) -> list[str]:
    who = "" if lane.speaker is None else f" PARTICIPANT={_escape_attribute(lane.name)}"
    lines = [f'    <TIER LINGUISTIC_TYPE_REF="utterance"{who} TIER_ID={_escape_attribute(lane.tier)}>']
    lines += _annotations(lane.utterances, slots, number)
    lines.append("    </TIER>")
    if lane.words:
        parent = f"PARENT_REF={_escape_attribute(lane.tier)}{who} TIER_ID={_escape_attribute(lane.word_tier)}"
        lines.append(f'    <TIER LINGUISTIC_TYPE_REF="word" {parent}>')
        lines += _annotations(lane.words, slots, number + len(lane.utterances))
        lines.append("    </TIER>")
    return lines


def _annotations(marks: Sequence[Mark], slots: Mapping[int, int], number: int) -> list[str]:
    return [
        f'        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{index + 1}" TIME_SLOT_REF1="ts{slots[2 * index]}"'
        f' TIME_SLOT_REF2="ts{slots[2 * index + 1]}"><ANNOTATION_VALUE>{_escape_text(mark.text)}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        for index, mark in enumerate(marks, start=number)
    ]


def _escape_text(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))


def _escape_attribute(text: str) -> str:
    return quoteattr(_NO_XML.sub("\ufffd", text))


def read(text: str) -> Transcript:
    """Top tiers as speakers (by participant, or by name), and a tier of words below each where there is one.

    A tier of words is one whose name or linguistic type says so (``words@Anna``, a type ``word`` or ``words``); its
    annotations may have times of their own or be a symbolic subdivision. An annotation of a top tier without a text
    and without words has that of the first tier below it that says something there, as where the top tier only cuts
    the recording. Other dependent tiers (translations, glosses, comments) are passed over; the provenance's notes name
    those that hold a text. Times are those of the recording, of which `TIME_ORIGIN` may leave out the beginning.

    Raises:
        FormatError: no EAF.
    """
    root = _root(text)
    slots = _slots(root)
    elements = list(root.iter("TIER"))
    labels = [element.get("TIER_ID", "") for element in elements]
    below: dict[str, list[int]] = {label: [] for label in labels}
    for index, element in enumerate(elements):
        if element.get("PARENT_REF") in below:
            below[element.get("PARENT_REF", "")].append(index)
    marks: dict[int, dict[str, _Timed]] = {}
    by_label: dict[str, dict[str, _Timed]] = {}
    parents = dict(zip(labels, elements, strict=True))
    for index in sorted(range(len(elements)), key=lambda index: _depth(labels[index], parents)):
        marks[index] = _marks(elements[index], slots, by_label.get(elements[index].get("PARENT_REF", ""), {}))
        by_label.setdefault(labels[index], {}).update(marks[index])
    tiers, speakers, used = [], {}, set()
    emotions: list[Turn] = []
    for index, element in enumerate(elements):
        if element.get("PARENT_REF"):
            continue
        if is_of_emotions(labels[index], (mark[2] for mark in marks[index].values())):
            emotions += [Turn(Span(*mark[:2]), mark[2]) for mark in sorted(marks[index].values())]
            used.add(index)
            continue
        dependent = _dependents(labels[index], below, labels)
        words = next((child for child in dependent if _is_word_tier(elements[child])), None)
        own = sorted(marks[index].values(), key=itemgetter(0))
        others = [child for child in dependent if child != words]
        own, taken = _fill_texts(
            own, [marks[child].values() for child in others], () if words is None else marks[words].values()
        )
        key = _("tier {index}").format(
            index=index
        )  # a name of its own for reading: what the tier is called says nothing here
        speakers[key] = one_line(element.get("PARTICIPANT") or labels[index])
        tiers.append(Tier(key, own))
        used |= {index, *(others[number] for number in taken)}
        if words is not None:
            tiers.append(Tier(f"words@{key}", sorted(marks[words].values(), key=itemgetter(0))))
            used.add(words)
    heard = [
        item._replace(speaker=speakers[item.speaker or ""], where=f"{speakers[item.speaker or '']!r}, {item.start:g} s")
        for item in read_tiers(tiers)
    ]
    left = [labels[i] for i in range(len(elements)) if i not in used and any(mark[2] for mark in marks[i].values())]
    properties = {element.get("NAME"): (element.text or "").strip() for element in root.iter("PROPERTY")}
    length_ms = parse_seconds(properties.get("duration_ms", "")) or 0.0
    made = transcript_of(
        heard,
        recording_id=properties.get("recording_id") or NO_ID,
        duration=length_ms / 1000,
        language=properties.get("language") or None,
        notes=[
            _("dependent tiers that are not read: {tiers}").format(tiers=", ".join(left[:5]) + ", …" * (len(left) > 5))
        ]
        if left
        else (),
    )
    return replace(made, emotions=tuple(emotions))


_Timed = tuple[float, float, str]


def _dependents(label: str, below: Mapping[str, Sequence[int]], labels: Sequence[str]) -> list[int]:
    """All tiers below one, the nearest first."""
    found: list[int] = []
    waiting = list(below[label])
    while waiting:
        index = waiting.pop(0)
        if index not in found:
            found.append(index)
            waiting += below[labels[index]]
    return found


def _fill_texts(
    own: Sequence[_Timed], others: Sequence[Iterable[_Timed]], words: Iterable[_Timed]
) -> tuple[list[_Timed], set[int]]:
    """Annotations with the text of the first dependent tier that has one there, and which tiers gave some."""
    if all(text for _, _, text in own):
        return list(own), set()
    worded = _texts_within(own, words)
    below = [_texts_within(own, marks) for marks in others]
    found, taken = [], set()
    for place, (start, end, text) in enumerate(own):
        number = next((number for number, texts in enumerate(below) if texts[place]), None)
        if not text and not worded[place] and number is not None:
            taken.add(number)
            text = " ".join(below[number][place])
        found.append((start, end, text))
    return found, taken


def _texts_within(own: Sequence[_Timed], marks: Iterable[_Timed]) -> list[list[str]]:
    """For each annotation the texts of those whose middle lies in it, in the order of time."""
    found: list[list[str]] = [[] for _each in own]
    starts = [start for start, _, _ in own]
    for start, end, text in sorted(marks, key=itemgetter(0)):
        place = bisect_right(starts, (start + end) / 2) - 1
        if text and place >= 0 and (start + end) / 2 <= own[place][1]:
            found[place].append(text)
    return found


def _depth(label: str, elements: Mapping[str, ElementTree.Element]) -> int:
    """How many tiers lie above one: a file may name a tier before its parent."""
    above: set[str] = set()
    while label in elements and label not in above:
        above.add(label)
        label = elements[label].get("PARENT_REF", "")
    return len(above)


def _root(text: str) -> ElementTree.Element:
    if "<!ENTITY" in text:
        raise FormatError(_("this XML defines entities, which no EAF does; it is not read"))
    try:
        root = ElementTree.fromstring(remove_byte_order_mark(text).lstrip())
    except ElementTree.ParseError as error:
        raise FormatError(_("this is no XML: {error}").format(error=error)) from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise FormatError(
            _("this XML is no EAF: it begins with {tag!r}, not with ANNOTATION_DOCUMENT").format(tag=root.tag[:60])
        )
    return root


def _is_word_tier(tier: ElementTree.Element) -> bool:
    says = f"{tier.get('LINGUISTIC_TYPE_REF', '')} {tier.get('TIER_ID', '')}".casefold()
    named = re.search(r"\b(words?|wd)\b", says.replace("_", " ")) is not None
    return named and not re.search("gloss|transl", says)


def _slots(root: ElementTree.Element) -> dict[str, float]:
    """Seconds of every time slot; those without a time lie evenly between their neighbours."""
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units not in _UNITS:
        raise FormatError(_("times in {units!r}: EAF has {known}").format(units=units, known=", ".join(_UNITS)))
    # ELAN leaves out so much of the (first) recording's beginning; in this package times count from its start.
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    origin = "0" if media is None else media.get("TIME_ORIGIN", "0")
    if not re.fullmatch("[0-9]{1,12}", origin):
        raise FormatError(_("TIME_ORIGIN {origin!r}: this is no number of milliseconds").format(origin=origin))
    found: dict[str, float] = {}
    waiting: list[str] = []
    last = int(origin) / 1000
    for element in root.iter("TIME_SLOT"):
        label, value = element.get("TIME_SLOT_ID", ""), element.get("TIME_VALUE")
        waiting.append(label)
        if value is None:
            continue
        whole = value.isascii() and value.isdigit() and len(value) <= _LONGEST_DIGITS
        time_ms = float(value) if whole else parse_seconds(value)
        if time_ms is None:
            raise FormatError(
                _("time slot {label!r}: {value!r} is no number of milliseconds").format(label=label, value=value)
            )
        time = int(origin) / 1000 + time_ms * _UNITS[units] / 1000
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
                    _("annotation {own!r}: there is no time slot {first!r}").format(
                        own=own, first=first if first not in slots else last
                    )
                )
            found[own] = (slots[first], slots[last], text)
        elif element.tag == "REF_ANNOTATION":
            reference = _Reference(element.get("ANNOTATION_REF", ""), own, text)
            waiting.setdefault(reference.parent, []).append(reference)
    for parent, items in waiting.items():
        if parent in parents:
            start, end, _text = parents[parent]
            times = fill_times([ParsedWord(item.text) for item in items], Span(start, max(start, end)))
            found |= {item.own: (time.start, time.end, item.text) for item, time in zip(items, times, strict=True)}
    return found
