"""Transcript: segments of words with speakers, and its versioned dictionary form.

The dictionary is what the JSON format writes; `whisperdiar/formats/transcript.schema.json` describes it.
"""

from __future__ import annotations

import itertools
import os
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, NoReturn

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.system.files import read_text, write_text
from whisperdiar.text.json import read as read_json
from whisperdiar.text.json import write as write_json
from whisperdiar.text.messages import _, make_english, to_english
from whisperdiar.types import Cue, Dropped, Span, Turn, Word

SCHEMA_VERSION = 1

_LARGEST = 1e9
"""Thirty years in seconds; what is larger is no time, and fits into no format's clock."""
_ROUNDED = 0.001
"""Seconds that rounding takes a time away."""
_LISTED = 20
"""Speakers that an error names."""
_SHOWN = 200
"""Segments that a notebook shows."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker label of the diarizer and the name that people read."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive words of one speaker (or of nobody known).

    Attributes:
        words: at least one.
        speaker: label.
        simultaneous: somebody else talks at the same time, for a part of it at least.
        edited: a person has corrected it.

    Raises:
        ValueError: there are no words.
    """

    words: tuple[Word, ...]
    speaker: str | None = None
    simultaneous: bool = False
    edited: bool = False

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError(_("a segment needs at least one word"))

    @property
    def span(self) -> Span:
        """From the first start to the last end."""
        return Span(min(w.span.start for w in self.words), max(w.span.end for w in self.words))

    @property
    def text(self) -> str:
        """The joined words, stripped."""
        return "".join(word.text for word in self.words).strip()


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A word whose speaker is doubtful; `word_index` counts over all words of the transcript."""

    word_index: int
    span: Span
    speaker: str | None
    second_speaker: str | None
    confidence: float


@dataclass(frozen=True, slots=True, repr=False)
class Transcript:
    """Who said what, when.

    Attributes:
        recording_id: name of the recording, without white space.
        duration: where what was read ends, in seconds from the start of the recording: its length, unless a part was
            read.
        language: ISO 639-1 code, or None where unknown.
        speakers: in the order of first appearance.
        segments: in order of time, unless a person moved some; their words in order are exactly the recogniser's
            words in order (where each channel was recognised by itself, those of each speaker), but for a person's
            corrections.
        turns: of the diarizer, as it gave them, but where a person set the speaker.
        dropped: what was recognised and left out, and why.
        uncertain: words whose speaker is doubtful.
        provenance: versions, models, options, and what was fallen back from; JSON values only.
        cues: finished subtitles, where the transcript was read from some: writers of subtitles keep them unless they
            are to be cut anew. Whoever changes words, times or speakers leaves them out. No part of the dictionary.
        start: where what was read begins, in seconds from the start of the recording.
        emotions: which emotion is heard when, as turns whose speakers are emotions, in order and without overlap; empty
            where none was looked for.
    """

    recording_id: str
    duration: float
    language: str | None = None
    speakers: tuple[Speaker, ...] = ()
    segments: tuple[Segment, ...] = ()
    turns: tuple[Turn, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    uncertain: tuple[Uncertain, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    start: float = 0.0
    cues: tuple[Cue, ...] = ()
    emotions: tuple[Turn, ...] = ()

    def __repr__(self) -> str:
        """In one line: hours of words are no use on a prompt."""
        facts = [f"{self.duration:.1f} s", *([self.language] if self.language else [])]
        for number, noun in (
            (len(self.speakers), "speaker"),
            (len(self.segments), "segment"),
            (len(self.words), "word"),
        ):
            facts.append(f"{number:,} {noun}{'s' * (number != 1)}")
        return f"<Transcript {self.recording_id!r}: {', '.join(facts)}>"

    def _repr_html_(self) -> str:
        """A table of the segments, for notebooks; names and words are text, never markup."""
        names = speaker_names(self)
        rows = [
            f"<tr><td>{item.span.start:.1f}</td><td>{escape(names.get(item.speaker or '', item.speaker or ''))}</td>"
            f'<td style="text-align:left">{escape(item.text)}</td></tr>'
            for item in self.segments[:_SHOWN]
        ]
        more = len(self.segments) - len(rows)
        rest = f"<p>… and {more:,} more</p>" if more > 0 else ""
        head = "<tr><th>start (s)</th><th>speaker</th><th>text</th></tr>"
        return f"<p>{escape(repr(self))}</p><table>{head}{''.join(rows)}</table>{rest}"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Transcript:
        """The transcript in a JSON file of ours; `whisperdiar.read` reads every format.

        Raises:
            FormatError: the file cannot be read, or is no transcript, or one of a later version; with its name.
        """
        text = read_text(path)
        try:
            return cls.from_dict(read_json(text))
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the transcript as JSON, whole; `whisperdiar.write` writes every format.

        Raises:
            FormatError: the provenance holds what is no JSON value, or a number is not finite.
            OutputError: the file cannot be written; one that was there is then as it was.
        """
        write_text(path, write_json(self.to_dict()))

    @property
    def length(self) -> float:
        """Seconds of the recording that were read."""
        return max(0.0, self.duration - self.start)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for segment in self.segments for word in segment.words)

    def name(self, speaker: str | None) -> str | None:
        """The name that people read for a speaker label; the label itself where nobody gave one."""
        return next((item.name for item in self.speakers if item.id == speaker), speaker)

    def emotion(self, span: Span) -> str | None:
        """The emotion that is heard in most of a span; None where none was looked for."""
        seconds: dict[str, float] = {}
        first = bisect_right(self.emotions, span.start, key=lambda turn: turn.end)
        for turn in itertools.takewhile(lambda turn: turn.start < span.end, self.emotions[first:]):
            part = turn.span.clip(span.start, span.end)
            if part is not None:
                seconds[turn.speaker] = seconds.get(turn.speaker, 0.0) + part.duration
        return max(seconds, key=lambda name: seconds[name]) if seconds else None

    def rename(self, names: Mapping[str, str]) -> Transcript:
        """The same transcript with new names for speaker labels; labels stay as they are.

        Raises:
            InvalidOption: there is no speaker with that label (or, uniquely, that name), or the name is empty.
        """
        labels = Counter(item.id for item in self.speakers)
        named: dict[str, list[str]] = {}
        for item in self.speakers:
            named.setdefault(item.name, []).append(item.id)
        by_id: dict[str, str] = {}
        for key, name in names.items():
            if not name.strip():
                raise InvalidOption(_("speaker {key}: the new name is empty").format(key=key))
            found = [key] * labels[key] or named.get(key, [])
            if len(found) != 1:
                self._refuse_unknown(key, several=bool(found))
            by_id[found[0]] = " ".join(name.split())
        speakers = tuple(replace(item, name=by_id.get(item.id, item.name)) for item in self.speakers)
        before = speaker_names(self)
        shown = {before.get(label) or label: name for label, name in by_id.items()}
        return replace(self, speakers=speakers, cues=_relabel_cues(self.cues, shown))

    def _refuse_unknown(self, key: str, *, several: bool) -> NoReturn:
        known = ", ".join(item.id for item in self.speakers[:_LISTED]) or _("none")
        more = (
            _(" and {number} more").format(number=len(self.speakers) - _LISTED) if len(self.speakers) > _LISTED else ""
        )
        cause = _("several speakers have this name, use the label") if several else _("no such speaker")
        raise InvalidOption(
            _("speaker {key!r}: {cause}; the recording has: {known}{more}").format(
                key=key, cause=cause, known=known, more=more
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; times in seconds, rounded once to 3 decimals."""
        return {
            "schema_version": SCHEMA_VERSION,
            "recording_id": self.recording_id,
            "duration": _seconds(self.duration),
            **({"start": _seconds(self.start)} if self.start else {}),
            "language": self.language,
            "speakers": [{"id": item.id, "name": item.name} for item in self.speakers],
            "segments": [_segment_dict(segment, self.emotion(segment.span)) for segment in self.segments],
            "turns": [_turn_dict(turn) for turn in self.turns],
            "dropped": [
                {**_span_dict(item.span), "text": item.text, "reason": to_english(item.reason)} for item in self.dropped
            ],
            "uncertain": [_uncertain_dict(item) for item in self.uncertain],
            **({"emotions": [_emotion_dict(turn) for turn in self.emotions]} if self.emotions else {}),
            "provenance": make_english(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Transcript:
        """The transcript that `to_dict` wrote; keys that this version does not know are ignored.

        Raises:
            FormatError: a part is missing or malformed (the message names it), or the version is a later one.
        """
        _check_version(data)
        if "segments" not in data:
            _refuse_other_lists(data)
        return cls(
            recording_id=_get(data, "recording_id", str, ""),
            duration=_time(data, "duration", ""),
            start=_time(data, "start", "") if data.get("start") is not None else 0.0,
            language=_get(data, "language", str, "", optional=True),
            speakers=tuple(
                Speaker(_get(item, "id", str, where), _get(item, "name", str, where))
                for where, item in _items(data, "speakers")
            ),
            segments=tuple(_read_segment(item, where) for where, item in _items(data, "segments")),
            turns=tuple(_read_turn(item, where) for where, item in _items(data, "turns")),
            dropped=tuple(
                Dropped(_span(item, where), _get(item, "text", str, where), _get(item, "reason", str, where))
                for where, item in _items(data, "dropped")
            ),
            uncertain=tuple(_read_uncertain(item, where) for where, item in _items(data, "uncertain")),
            emotions=tuple(
                Turn(_span(item, where), _get(item, "emotion", str, where)) for where, item in _items(data, "emotions")
            ),
            provenance=_get(data, "provenance", dict, "", optional=True) or {},
        )


def _relabel_cues(cues: tuple[Cue, ...], names: Mapping[str, str]) -> tuple[Cue, ...]:
    """Finished cues with other names where one stands before a line, after a dash or ``>>`` at most."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    label = re.compile(rf"(\s*(?:[-‐‑–—−]\s*|>>+\s*)?)({known})(?=\s?[:：])")
    return tuple(_relabel(cue, label, names) if cue.labelled and names else cue for cue in cues)


def _relabel(cue: Cue, label: re.Pattern[str], names: Mapping[str, str]) -> Cue:
    lines, italics = [], []
    for number, line in enumerate(cue.lines):
        found = label.match(line)
        ranges = cue.italics[number] if cue.italics else ()
        if found:
            changed = found[1] + names[found[2]] + line[found.end() :]
            # What begins behind the name moves with it; what begins before it still begins there.
            more = len(changed) - len(line)
            ranges = tuple((first + more * (first > found.start(2)), last + more) for first, last in ranges)
            line = changed
        lines.append(line)
        italics.append(ranges)
    return replace(cue, lines=tuple(lines), italics=tuple(italics) if any(italics) else ())


def speaker_names(transcript: Transcript) -> dict[str, str]:
    """Label → the name that people read; of entries with one label the first, as `Transcript.name` has it."""
    names: dict[str, str] = {}
    for item in transcript.speakers:
        names.setdefault(item.id, item.name)
    return names


def _seconds(value: float) -> float:
    return round(value, 3)


def _span_dict(span: Span) -> dict[str, float]:
    return {"start": _seconds(span.start), "end": _seconds(span.end)}


def _probability(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _flags(**values: bool) -> dict[str, bool]:
    """Those that are true: a flag that is not set is left out."""
    return {key: True for key, value in values.items() if value}


def _word_dict(word: Word) -> dict[str, Any]:
    return {
        "text": word.text,
        **_span_dict(word.span),
        "probability": _probability(word.probability),
        "speaker": word.speaker,
        "speaker_confidence": _probability(word.speaker_confidence),
        **({"second_speaker": word.second_speaker} if word.second_speaker is not None else {}),
        **_flags(overlap=word.overlap, edited=word.edited),
    }


def _segment_dict(segment: Segment, emotion: str | None) -> dict[str, Any]:
    return {
        "speaker": segment.speaker,
        **_span_dict(segment.span),
        "text": segment.text,
        **_flags(simultaneous=segment.simultaneous, edited=segment.edited),
        **({} if emotion is None else {"emotion": emotion}),
        "words": [_word_dict(word) for word in segment.words],
    }


def _turn_dict(turn: Turn) -> dict[str, Any]:
    extra: dict[str, Any] = {} if turn.channel == 1 else {"channel": turn.channel}
    if turn.confidence is not None:
        extra["confidence"] = _probability(turn.confidence)
    return {**_span_dict(turn.span), "speaker": turn.speaker, **extra}


def _emotion_dict(turn: Turn) -> dict[str, Any]:
    return {**_span_dict(turn.span), "emotion": turn.speaker}


def _uncertain_dict(item: Uncertain) -> dict[str, Any]:
    return {
        "word_index": item.word_index,
        **_span_dict(item.span),
        "speaker": item.speaker,
        "second_speaker": item.second_speaker,
        "confidence": _probability(item.confidence),
    }


def _check_version(data: Any) -> None:
    if not isinstance(data, Mapping):
        raise FormatError(_("a transcript must be a JSON object, not {kind}").format(kind=_kind(data)))
    version = data.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise FormatError(_("no schema_version: this JSON is not a whisperdiar transcript"))
    if not 1 <= version <= SCHEMA_VERSION:
        raise FormatError(
            _(
                "schema_version {version}: this whisperdiar reads up to version {schema_version}; update whisperdiar"
            ).format(version=version, schema_version=SCHEMA_VERSION)
        )


def _refuse_other_lists(data: Mapping[str, Any]) -> None:
    """Without segments a transcript may have turns alone; a list under an unknown key may hold what was said."""
    known = {"speakers", "turns", "dropped", "uncertain"}
    other = next((key for key, value in data.items() if key not in known and value and isinstance(value, list)), None)
    if other is not None:
        raise FormatError(_("segments: this list is missing, and {other!r} is not known").format(other=other))


def _kind(value: Any) -> str:
    return {dict: _("an object"), list: _("a list"), str: _("a string"), type(None): "null"}.get(
        type(value), repr(value)
    )


def _get(data: Any, key: str, kind: type, where: str, *, optional: bool = False) -> Any:
    value = data.get(key) if isinstance(data, Mapping) else None
    if value is None and optional:
        return None
    if not isinstance(value, kind):
        raise FormatError(
            _("{where}{key}: expected {expected}, found {found}").format(
                where=where, key=key, expected=kind.__name__, found=_kind(value)
            )
        )
    return value


def _number(data: Any, key: str, where: str, *, optional: bool = False) -> Any:
    value = data.get(key) if isinstance(data, Mapping) else None
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(
            _("{where}{key}: expected a number, found {kind}").format(where=where, key=key, kind=_kind(value))
        )
    if not abs(value) <= _LARGEST:
        raise FormatError(_("{where}{key}: the number is too large").format(where=where, key=key))
    return float(value)


def _time(data: Any, key: str, where: str) -> float:
    """Seconds from the start of the recording; what rounding may have put before it counts as the start."""
    seconds: float = _number(data, key, where)
    if seconds < -_ROUNDED:
        raise FormatError(
            _("{where}{key}: {seconds:g} lies before the start of the recording; times count from there").format(
                where=where, key=key, seconds=seconds
            )
        )
    return max(0.0, seconds)


def _flag(data: Any, key: str, where: str) -> bool:
    return bool(_get(data, key, bool, where, optional=True))


def _items(data: Any, key: str, where: str = "") -> Iterable[tuple[str, Any]]:
    values = _get(data, key, list, where, optional=True) or []
    for index, item in enumerate(values):
        if not isinstance(item, Mapping):
            raise FormatError(
                _("{where}{key}[{index}]: expected an object, found {kind}").format(
                    where=where, key=key, index=index, kind=_kind(item)
                )
            )
        yield f"{where}{key}[{index}].", item


def _span(data: Any, where: str) -> Span:
    try:
        return Span(_time(data, "start", where), _time(data, "end", where))
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{where}start: {error}") from error


def _read_word(data: Any, where: str) -> Word:
    probability = _number(data, "probability", where, optional=True)
    return Word(
        span=_span(data, where),
        text=_get(data, "text", str, where),
        probability=1.0 if probability is None else probability,
        speaker=_get(data, "speaker", str, where, optional=True),
        speaker_confidence=_number(data, "speaker_confidence", where, optional=True),
        second_speaker=_get(data, "second_speaker", str, where, optional=True),
        overlap=_flag(data, "overlap", where),
        edited=_flag(data, "edited", where),
    )


def _read_segment(data: Any, where: str) -> Segment:
    words = tuple(_read_word(item, inner) for inner, item in _items(data, "words", where))
    if not words:
        raise FormatError(_("{where}words: a segment needs at least one word").format(where=where))
    return Segment(
        words,
        _get(data, "speaker", str, where, optional=True),
        simultaneous=_flag(data, "simultaneous", where),
        edited=_flag(data, "edited", where),
    )


def _read_turn(data: Any, where: str) -> Turn:
    channel = _get(data, "channel", int, where, optional=True)
    return Turn(
        _span(data, where),
        _get(data, "speaker", str, where),
        1 if channel is None else channel,
        _number(data, "confidence", where, optional=True),
    )


def _read_uncertain(data: Any, where: str) -> Uncertain:
    return Uncertain(
        word_index=_get(data, "word_index", int, where),
        span=_span(data, where),
        speaker=_get(data, "speaker", str, where, optional=True),
        second_speaker=_get(data, "second_speaker", str, where, optional=True),
        confidence=_number(data, "confidence", where),
    )
