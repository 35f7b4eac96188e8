"""Transcriptions of corpora, read as they are distributed: NXT, MRT, LDC transcripts, CHAT and NOTSOFAR's JSON.

Each reader gives segments of one speaker with words. Words whose own times nobody tells share the time of their segment
by their letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from whisperdiar.errors import FormatError
from whisperdiar.system.files import read_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment
from whisperdiar.types import Span, Word

_ID = "{http://nite.sourceforge.net/}id"
_CHILD = "{http://nite.sourceforge.net/}child"
_RANGE = re.compile(r"#id\(([^)]*)\)(?:\.\.id\(([^)]*)\))?")
_LDC_LINE = re.compile(r"(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)\s+([A-Za-z]\w*):\s*(.*)")
_CHAT_TIME = re.compile(r"\x15(\d+)_(\d+)\x15")
_CHAT_CODES = re.compile(r"\[[^\]]*\]|[<>()]|&\S+|\+\S*|\bxxx\b|[‡„]")
_LDC_CODES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\(\(\s*\)\)|\(\(|\)\)|%|&(?=\w)|<\w+\s|>|\*+|//|--")


def read_nxt_words(path: Path, *, vocal_sounds: bool = False) -> dict[str, Word]:
    """Words by their id of ``MEETING.AGENT.words.xml`` of the NITE XML Toolkit; punctuation joins the word before.

    Args:
        vocal_sounds: whether laughter and coughs are given, too, as words without text.

    Raises:
        FormatError: no XML.
    """
    found: dict[str, Word] = {}
    last: str | None = None
    for item in _parse_xml(path):
        start, end = _time(item, "starttime"), _time(item, "endtime")
        text = " ".join((item.text or "").split())
        if item.tag == "w" and item.get("punc") == "true":
            if last is not None and text:
                found[last] = Word(found[last].span, found[last].text + text)
            continue
        wanted = (item.tag == "w" and text) or (vocal_sounds and item.tag == "vocalsound")
        if wanted and start is not None and end is not None and end >= start:
            last = item.get(_ID, str(len(found)))
            found[last] = Word(Span(start, end), f" {text}" if text else "")
    return found


def read_nxt_segments(path: Path, words: Mapping[str, Word], speaker: str) -> list[Segment]:
    """Segments of a file ``MEETING.AGENT.segments.xml``, with the words that their children name as a range of ids.

    Raises:
        FormatError: no XML.
    """
    order = list(words)
    places = {name: number for number, name in enumerate(order)}
    numbers = {_number(name): place for name, place in places.items()}
    found = []
    for item in _parse_xml(path):
        child = item.find(_CHILD)
        match = _RANGE.search("" if child is None else child.get("href", ""))
        if match is None:
            continue
        first, last = _number(match[1]), _number(match[2] or match[1])
        own = tuple(words[order[place]] for number, place in numbers.items() if first <= number <= last)
        own = tuple(word for word in own if word.text)
        if own:
            found.append(Segment(own, item.get("participant", speaker)))
    return found


def read_meetings(path: Path) -> dict[tuple[str, str], str]:
    """Speakers of ``corpusResources/meetings.xml``: meeting and agent → the name that is the same in all meetings."""
    found = {}
    for meeting in _parse_xml(path):
        for item in meeting:
            if item.tag == "speaker" and item.get("nxt_agent") and item.get("global_name"):
                found[meeting.get("observation", ""), item.get("nxt_agent", "")] = item.get("global_name", "")
    return found


def read_mrt(path: Path) -> list[Segment]:
    """Segments of an ICSI transcript (``.mrt``): those of one participant that hold words.

    Raises:
        FormatError: no XML, or a segment without a time.
    """
    found = []
    for item in _parse_xml(path).iter("Segment"):
        speaker, start, end = item.get("Participant"), _time(item, "StartTime"), _time(item, "EndTime")
        # Marks of what is no word are elements of their own; the text around them is what was said.
        parts = [item.text or "", *(f"{_said(child)} {child.tail or ''}" for child in item)]
        text = " ".join(" ".join(parts).split())
        if speaker and text:
            found.append(_segment(path, start, end, speaker, text))
    return found


def read_notsofar(path: Path) -> list[Segment]:
    """Segments of NOTSOFAR's ``gt_transcription.json``, with the times of its words.

    Raises:
        FormatError: no JSON, or an entry without speaker or times.
    """
    try:
        listed = json.read(read_text(path))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    found = []
    try:
        for entry in listed:
            timed = [
                Word(Span(float(start), max(float(start), float(end))), f" {text}")
                for text, start, end in entry.get("word_timing") or ()
                if not ("<" in text or ">" in text)
            ]
            if timed:
                found.append(Segment(tuple(timed), str(entry["speaker_id"])))
            elif text := " ".join(re.sub(r"<[^>]*>", " ", entry["text"]).split()):
                span = float(entry["start_time"]), float(entry["end_time"])
                found.append(_segment(path, *span, str(entry["speaker_id"]), text))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            _("{path}: an entry of the list lacks its speaker_id, text or times ({error})").format(
                path=path, error=error
            )
        ) from error
    return found


def read_ldc(path: Path) -> list[Segment]:
    """Segments of an LDC transcript (``.txt``): ``19.33 21.18 B: text``, continued on lines that follow."""
    rows: list[tuple[float, float, str, str]] = []
    for line in read_text(path).splitlines():
        match = _LDC_LINE.match(line.strip())
        if match is not None:
            rows.append((float(match[1]), float(match[2]), match[3], match[4]))
        elif line.strip() and not line.startswith("#") and rows:
            rows[-1] = (*rows[-1][:3], f"{rows[-1][3]} {line.strip()}")
    cleaned = ((*row[:3], " ".join(_LDC_CODES.sub(" ", row[3]).split())) for row in rows)
    return [_segment(path, start, end, who, text) for start, end, who, text in cleaned if text]


def read_chat(path: Path) -> list[Segment]:
    """Segments of a CHAT transcript (``.cha``): main tiers ``*A:`` whose times stand between bullets, in ms."""
    found, main = [], ""
    for line in [*read_text(path).splitlines(), "@End"]:
        if line.startswith("\t"):
            main += f" {line.strip()}"
            continue
        match, speaker = _CHAT_TIME.search(main), main.partition(":")[0].lstrip("*")
        if main.startswith("*") and match is not None:
            text = _CHAT_TIME.sub(" ", main.partition(":")[2])
            text = " ".join(re.sub(r"\s+([.,!?])", r"\1", _CHAT_CODES.sub(" ", text)).split())
            if any(letter.isalnum() for letter in text):
                found.append(_segment(path, int(match[1]) / 1000, int(match[2]) / 1000, speaker, text))
        main = line
    return found


def _segment(path: Path, start: float | None, end: float | None, speaker: str, text: str) -> Segment:
    """A segment whose words share its time by their letters."""
    if start is None or end is None or end < start or start < 0:
        raise FormatError(
            _("{path}: {speaker} says {text!r} from {start} to {end} s; correct the times").format(
                path=path, speaker=speaker, text=text[:40], start=start, end=end
            )
        )
    words = text.split()
    total, passed, found = sum(map(len, words)), 0, []
    for word in words:
        first = start + (end - start) * passed / total
        passed += len(word)
        found.append(Word(Span(first, max(first, start + (end - start) * passed / total)), f" {word}"))
    return Segment(tuple(found), speaker)


def _said(item: ElementTree.Element) -> str:
    """Text within a mark such as ``<Emphasis>``; of comments and sounds there is none."""
    return "" if item.tag in ("Comment", "VocalSound", "NonVocalSound") else " ".join(item.itertext())


def _parse_xml(path: Path) -> ElementTree.Element:
    text = read_text(path) if not _is_latin(path) else path.read_text("latin-1")
    if "<!ENTITY" in text:  # entities that name each other fill the memory
        raise FormatError(
            _("{path}: this XML defines entities, which no annotation needs; is it the right file?").format(path=path)
        )
    try:
        return ElementTree.fromstring(text.encode("utf-8"), ElementTree.XMLParser(encoding="utf-8"))
    except ElementTree.ParseError as error:
        raise FormatError(
            _("{path}: this is no XML ({error}); copy the file anew").format(path=path, error=error)
        ) from error


def _is_latin(path: Path) -> bool:
    """Whether the file declares ISO-8859-1, as all of AMI's do."""
    try:
        return b"8859-1" in path.read_bytes()[:120]
    except OSError:
        return False


def _time(item: Any, key: str) -> float | None:
    try:
        return float(item.get(key, ""))
    except ValueError:
        return None


def _number(name: str) -> int:
    """``ES2002a.A.words12`` → 12; a range of ids counts those between, whether they are words or not."""
    digits = re.search(r"(\d+)$", name)
    return int(digits[1]) if digits else -1


def merge_words(segments: Iterator[Word] | list[Word], *, gap: float) -> list[Span]:
    """Stretches of words with no pause longer than `gap` seconds between them."""
    found: list[Span] = []
    for word in sorted(segments, key=lambda own: own.span):
        if found and word.start <= found[-1].end + gap:
            found[-1] = Span(found[-1].start, max(found[-1].end, word.end))
        else:
            found.append(word.span)
    return [span for span in found if span.end > span.start]
