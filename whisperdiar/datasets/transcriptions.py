"""Transcriptions of corpora, read as they are distributed: NXT, MRT, LDC transcripts, CHAT and NOTSOFAR's JSON.

Each reader gives segments of one speaker with words. Words whose own times nobody tells share the time of their segment
by their letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from whisperdiar.errors import FormatError
from whisperdiar.formats import decode
from whisperdiar.system.files import read_bytes, read_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment
from whisperdiar.types import Span, Word

_ID = "{http://nite.sourceforge.net/}id"
_CHILD = "{http://nite.sourceforge.net/}child"
_RANGE = re.compile(r"#id\(([^)]*)\)(?:\.\.id\(([^)]*)\))?")
_LDC_LINE = re.compile(r"(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)\s+([A-Za-z]\w*):\s*(.*)")
_CHAT_TIME = re.compile(r'\x15(?:%\w+:"[^"]*"_)?(\d+)_(\d+)\x15')
"""``500_1500``; in older files with the name of the sound before it: ``%snd:"4092"_500_1500``."""
_CHAT_BRACKETS = re.compile(r"\[[^\]]*\]")
_CHAT_PAUSES = re.compile(r"\(\s*(?:\.{1,3}|[\d:]*\.?\d+)\s*\)")
_CHAT_NO_WORD = re.compile(r"&[^-].*|\+.*|[<>]*(?:xxx?|yyy?|www)[<>]*|0[^\W\d].*")
"""Events and fragments, linkers and ends, what nobody understood, and words that were left out."""
_CHAT_SUFFIX = re.compile(r"(?<=\w)@[\w:&*+$-]*")
_CHAT_MARKS = re.compile(r"[⌈⌉⌊⌋]\d?|[<>()‡„↑↓↗↘⇗⇘→∞≈≋≡∙∆∇▁▔☺♋⁎°◉§∾↻⁇«»“”ˈˌ]")
_ICSI_GLUED = (".", "CM", "APOSS", "HYPH")
_ICSI_DROPPED = ("LQUOTE", "RQUOTE", "QUOTE")
_LDC_CODES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\(\(\s*\)\)|\(\(|\)\)|%|&(?=\w)|<\w+\s|>|\*+|//|--")


class NxtElement(NamedTuple):
    """An element of a file ``MEETING.AGENT.words.xml``, in the order of the file.

    Attributes:
        name: its id.
        text: of a word or a mark of punctuation; empty for laughter, pauses, comments.
        start, end: seconds; None where the annotation does not say, as for one word in twenty of ICSI.
        glued: whether it follows the one before without a space.
        glues: whether the next one does.
        vocal: laughter, a cough and the like.
    """

    name: str
    text: str
    start: float | None
    end: float | None
    glued: bool = False
    glues: bool = False
    vocal: bool = False


def read_nxt(path: Path) -> list[NxtElement]:
    """Elements of a file of words of the NITE XML Toolkit, as AMI (``punc``) and ICSI (``c``) have them.

    ICSI's class ``c`` tells punctuation: full stops, commas (CM), apostrophes (APOSS), hyphens (HYPH), quotes and
    symbols (SYM, of which ``@@`` is what nobody understood). It cuts "you're" and "mm-hmm" into pieces.

    Raises:
        FormatError: no XML.
    """
    found = []
    for number, item in enumerate(_parse_xml(path)):
        text = _join_letters(" ".join((item.text or "").split())) if item.tag == "w" else ""
        kind = item.get("c", "")
        if kind in _ICSI_DROPPED or (kind == "SYM" and text != "-"):
            text = ""
        found.append(
            NxtElement(
                item.get(_ID, str(number)),
                text,
                _time(item, "starttime"),
                _time(item, "endtime"),
                glued=item.get("punc") == "true" or kind in _ICSI_GLUED or (bool(kind) and text.startswith("'")),
                glues=kind == "HYPH",
                vocal=item.tag == "vocalsound",
            )
        )
    return found


def list_words(elements: Iterable[NxtElement], *, vocal_sounds: bool = False) -> list[Word]:
    """Words whose times the annotation says; punctuation joins the word before.

    Args:
        vocal_sounds: whether laughter and coughs are given, too, as words without text.
    """
    sounds = [item for item in elements if vocal_sounds and item.vocal]
    return [
        Word(Span(item.start, item.end), f" {item.text}" if item.text else "")
        for item in sorted([*_join_pieces(elements), *sounds], key=lambda item: item.start or 0.0)
        if item.start is not None and item.end is not None and item.end >= item.start
    ]


def read_nxt_segments(path: Path, elements: Sequence[NxtElement], speaker: str) -> list[Segment]:
    """Segments of ``MEETING.AGENT.segments.xml`` (AMI) or ``.segs.xml`` (ICSI), with the words that they point to.

    A segment points to a range of ids, which are taken in the order of the words' file: in ICSI they are numbered over
    all speakers and written with commas (``Bmr001.w.1,204``). Words without times share what is left between their
    neighbours, or the times of the segment, by their letters. Segments within segments are found.

    Raises:
        FormatError: no XML.
    """
    places = {item.name: place for place, item in enumerate(elements)}
    found = []
    for item in _parse_xml(path).iter("segment"):
        matches = [_RANGE.search(child.get("href", "")) for child in item.findall(_CHILD)]
        chosen = [
            element
            for match in matches
            if match is not None
            for element in _slice(elements, places, match[1], match[2] or match[1])
        ]
        start, end = (
            next((time for key in keys if (time := _time(item, key)) is not None), None)
            for keys in (("starttime", "transcriber_start"), ("endtime", "transcriber_end"))
        )
        words = fill_times(_join_pieces(chosen), start, end)
        if words:
            found.append(Segment(tuple(words), item.get("participant", speaker)))
    return found


def _slice(elements: Sequence[NxtElement], places: Mapping[str, int], first: str, last: str) -> Sequence[NxtElement]:
    """Elements from one id to another, both included; an id that the file lacks counts by its number."""
    begin = places.get(first)
    if begin is None:
        begin = next((i for i, own in enumerate(elements) if _number(own.name) >= _number(first)), len(elements))
    end = places.get(last)
    if end is None:
        end = max((i for i, own in enumerate(elements) if _number(own.name) <= _number(last)), default=-1)
    return elements[begin : end + 1]


def _join_pieces(elements: Iterable[NxtElement]) -> list[NxtElement]:
    """Words with the punctuation behind them and the pieces that they were cut into."""
    found: list[NxtElement] = []
    for item in elements:
        if not item.text:
            continue
        if found and (item.glued or found[-1].glues):
            last = found[-1]
            end = item.end if item.end is not None and not _is_mark(item) else last.end
            found[-1] = last._replace(text=last.text + item.text, end=end, glues=item.glues)
        elif not _is_mark(item):
            found.append(item)
    return found


def _is_mark(item: NxtElement) -> bool:
    return not any(letter.isalnum() for letter in item.text)


def fill_times(words: Sequence[NxtElement], start: float | None, end: float | None) -> list[Word]:
    """Words with times; those whose times nobody tells share a gap. What lies nowhere is left out."""
    found: list[Word] = []
    waiting: list[NxtElement] = []
    left = start

    def share(right: float | None) -> None:
        nonlocal left
        first = waiting[0].start if waiting and waiting[0].start is not None else left
        if waiting and first is not None and right is not None:
            found.extend(_share_span(first, max(first, right), [item.text for item in waiting]))
        waiting.clear()
        left = right if right is not None else left

    for item in words:
        if item.start is not None and waiting:
            share(item.start)
        if item.start is not None and item.end is not None and item.end >= item.start:
            found.append(Word(Span(item.start, item.end), f" {item.text}"))
            left = item.end
            continue
        waiting.append(item)
        if item.end is not None:
            share(item.end)
    share(end)
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
        text = _join_letters(
            " ".join(word for word in " ".join(parts).split() if word.strip(".,?!-") not in ("@", "@@"))
        )
        if speaker and any(letter.isalnum() for letter in text):
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
    text, _ = decode(read_bytes(path), None)  # Latin-1, as a rule, in German and Spanish
    for line in text.splitlines():
        match = _LDC_LINE.match(line.strip())
        if match is not None:
            rows.append((float(match[1]), float(match[2]), match[3], match[4]))
        elif line.strip() and not line.startswith("#") and rows:
            rows[-1] = (*rows[-1][:3], f"{rows[-1][3]} {line.strip()}")
    cleaned = ((*row[:3], " ".join(_LDC_CODES.sub(" ", row[3]).split())) for row in rows)
    return [_segment(path, start, end, who, text) for start, end, who, text in cleaned if text]


def read_chat(path: Path) -> list[Segment]:
    """Segments of a CHAT transcript (``.cha``): main tiers ``*A:`` whose times stand between bullets, in ms.

    The manual: https://talkbank.org/0info/manuals/CHAT.html. Kept is what was said: fillers (``&-um``), the word itself
    where another one is meant (``gonna [: going to]``), letters that were left out (``(be)cause``).
    """
    found, main = [], ""
    for line in [*read_text(path).splitlines(), "@End"]:
        if line.startswith("\t"):
            main += f" {line.strip()}"
            continue
        times, speaker = _CHAT_TIME.findall(main), main.partition(":")[0].lstrip("*")
        if main.startswith("*") and times:
            text = clean_chat(_CHAT_TIME.sub(" ", main.partition(":")[2]))
            if any(letter.isalnum() for letter in text):
                found.append(_segment(path, int(times[0][0]) / 1000, int(times[-1][1]) / 1000, speaker, text))
        main = line
    return found


def clean_chat(text: str) -> str:
    """The words of a main tier, with its full stops, question marks and commas."""
    text = _CHAT_PAUSES.sub(" ", _CHAT_BRACKETS.sub(" ", text))
    words = []
    for token in text.split():
        if _CHAT_NO_WORD.fullmatch(token):
            continue
        word = _CHAT_SUFFIX.sub("", token.removeprefix("&-"))
        word = _CHAT_MARKS.sub("", word).replace("_", " ").replace("+", "-")
        words.append(re.sub(r"(?<=[^\W\d]):+", "", word))
    return re.sub(r"\s+([.,!?])", r"\1", " ".join(" ".join(words).split()))


def read_chat_language(path: Path) -> str | None:
    """The first language of the header ``@Languages``, as ISO 639-3; None where there is none."""
    match = re.search(r"^@Languages:\s*(\w{3})", read_text(path), re.MULTILINE)
    return match[1] if match else None


def _segment(path: Path, start: float | None, end: float | None, speaker: str, text: str) -> Segment:
    """A segment whose words share its time by their letters."""
    if start is None or end is None or end < start or start < 0:
        raise FormatError(
            _("{path}: {speaker} says {text!r} from {start} to {end} s; correct the times").format(
                path=path, speaker=speaker, text=text[:40], start=start, end=end
            )
        )
    return Segment(tuple(_share_span(start, end, text.split())), speaker)


def _share_span(start: float, end: float, texts: Sequence[str]) -> list[Word]:
    """Words that share a time by their letters."""
    total, passed, found = sum(map(len, texts)), 0, []
    for text in texts:
        first = start + (end - start) * passed / total
        passed += len(text)
        found.append(Word(Span(first, max(first, start + (end - start) * passed / total)), f" {text}"))
    return found


def _join_letters(text: str) -> str:
    """Letters that are spelt, ``O_K`` and ``P_D_A``, as they are written elsewhere."""
    return re.sub(r"(?<=[A-Z])_+", "", text)


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
    """``ES2002a.A.words12`` → 12, ``Bmr001.w.1,204`` → 1204."""
    digits = re.search(r"([\d,]*\d)$", name)
    return int(digits[1].replace(",", "")) if digits else -1


def merge_words(segments: Iterator[Word] | list[Word], *, gap: float) -> list[Span]:
    """Stretches of words with no pause longer than `gap` seconds between them."""
    found: list[Span] = []
    for word in sorted(segments, key=lambda own: own.span):
        if found and word.start <= found[-1].end + gap:
            found[-1] = Span(found[-1].start, max(found[-1].end, word.end))
        else:
            found.append(word.span)
    return [span for span in found if span.end > span.start]
