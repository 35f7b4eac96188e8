"""Sound marks of a transcript: where music or a loud noise is heard and nobody speaks, kept in the provenance. Pure.

Subtitles for the deaf and hard of hearing show them in brackets, in the language of the transcript: ``[music]``. Words
of a recogniser that are a mark by themselves, such as ``(applause)``, are shown in the same way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from whisperdiar.text.language_data import read_language_data
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Span

MUSIC, NOISE = "music", "noise"
_FOLDER = "data/sounds"
_SPEAKER = "speaker {number}"
"""Of a language without a file, as are the words below: notes are understood everywhere, a noise needs a word."""
_WORDS: Mapping[str, str] = {MUSIC: "♪"}
_LABEL = re.compile(r"SPEAKER_[0-9]+")
_IN_BRACKETS = re.compile(r"[\[(*]+\s*([^\W\d_][^\[\]()*]*?)\s*[\])*]+")


@dataclass(frozen=True, slots=True)
class SoundMark:
    """A sound that viewers are told of.

    Attributes:
        span: in the recording's own times.
        sound: ``music`` or ``noise``, or the words that a recogniser wrote.
    """

    span: Span
    sound: str


def sound_marks_of(transcript: Transcript) -> tuple[SoundMark, ...]:
    """The marks that a transcript carries; what is not of the expected kind is passed over: it may come from a file."""
    found = transcript.provenance.get("sounds")
    listed = found if isinstance(found, (list, tuple)) else ()
    marks = []
    for item in listed:
        if not isinstance(item, Mapping) or item.get("sound") not in (MUSIC, NOISE):
            continue
        start, end = item.get("start"), item.get("end")
        if isinstance(start, (int, float)) and isinstance(end, (int, float)) and 0 <= start < end < math.inf:
            marks.append(SoundMark(Span(float(start), float(end)), str(item["sound"])))
    return tuple(sorted(marks, key=lambda mark: mark.span))


def with_sound_marks(transcript: Transcript, marks: Iterable[SoundMark]) -> Transcript:
    """The transcript with these marks in place of those that it carries."""
    listed = [
        {"start": round(mark.span.start, 3), "end": round(mark.span.end, 3), "sound": mark.sound} for mark in marks
    ]
    return replace(transcript, provenance={**transcript.provenance, "sounds": listed})


def split_marks(transcript: Transcript) -> tuple[Transcript, tuple[SoundMark, ...]]:
    """The transcript without segments that are a mark by themselves, and those with the marks that it carries."""
    written, kept = [], []
    for segment in transcript.segments:
        mark = _IN_BRACKETS.fullmatch(segment.text)
        if mark is None:
            kept.append(segment)
        elif segment.span.duration > 0:
            written.append(SoundMark(segment.span, mark[1]))
    marks = tuple(sorted((*written, *sound_marks_of(transcript)), key=lambda mark: mark.span))
    return (replace(transcript, segments=tuple(kept)) if written else transcript), marks


def describe_mark(mark: SoundMark, language: str | None) -> str | None:
    """What viewers read, in brackets and in the language of the transcript; None where it has no word for it."""
    if mark.sound not in (MUSIC, NOISE):
        first, rest = mark.sound[:1], mark.sound[1:]
        return f"[{first.lower() if rest == rest.lower() and language != 'de' else first}{rest}]"
    word = _read_words(language).get(mark.sound)
    return None if word is None else f"[{word}]"


def find_unnamed(transcript: Transcript) -> tuple[str, ...]:
    """The labels of a diarizer to which nobody gave a name: ``SPEAKER_00`` that is called so."""
    return tuple(item.id for item in transcript.speakers if item.name in ("", item.id) and _LABEL.fullmatch(item.id))


def name_unnamed(transcript: Transcript, *, capital: bool = False) -> Transcript:
    """The transcript with ``speaker 1``, in its own language, in place of ``SPEAKER_00``.

    The number is that of the label, as on the page, so that it stays when others get names.

    Args:
        capital: begin with one, as where a name stands by itself.
    """
    form = _read_words(transcript.language).get("speaker", _SPEAKER)
    form = form[:1].upper() + form[1:] if capital else form
    unnamed, taken = set(find_unnamed(transcript)), {item.name for item in transcript.speakers}
    named = []
    for item in transcript.speakers:
        called = form.format(number=int(item.id.rpartition("_")[2]) + 1) if item.id in unnamed else item.name
        named.append(item if called in taken else Speaker(item.id, called))
    return replace(transcript, speakers=tuple(named))


@lru_cache(maxsize=32)
def _read_words(language: str | None) -> Mapping[str, str]:
    return read_language_data(_FOLDER, language) or _WORDS
