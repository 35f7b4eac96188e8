"""Results of stages as bytes, and back: JSON, and arrays as NumPy writes them. Every number comes back as it was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.text.messages import Message, current
from whisperdiar.transcript import Segment
from whisperdiar.types import (
    Diarization,
    Dropped,
    Replacement,
    Span,
    SpeakerActivity,
    Transcription,
    Turn,
    Word,
)

Value = TypeVar("Value")
Json = Any


def to_json(value: Json, *, sort_keys: bool = False) -> str:
    """The shortest text of a JSON value; raises TypeError for what is none."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys, default=_to_plain)


def _to_plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


class Unreadable(Exception):
    """Bytes that hold no such value, such as those of another version."""


@dataclass(frozen=True, slots=True)
class Form(Generic[Value]):
    """How a kind of result is kept.

    Attributes:
        version: of the form and of what stages put into it; another one makes all be computed anew.
        dump: a value → JSON and arrays.
        load: the same, back.
    """

    version: int
    dump: Callable[[Value], tuple[Json, Mapping[str, NDArray[Any]]]]
    load: Callable[[Json, Mapping[str, NDArray[Any]]], Value]

    def to_bytes(self, value: Value, extra: Json = None) -> bytes:
        """The value, and JSON beside it."""
        made, arrays = self.dump(value)
        file = io.BytesIO()
        text = to_json([made, extra]).encode("utf-8", "surrogatepass")
        named: dict[str, Any] = {f"_{name}": array for name, array in arrays.items()}
        np.savez(file, json=np.frombuffer(text, np.uint8), **named)
        return file.getvalue()

    def from_bytes(self, data: bytes) -> tuple[Value, Json]:
        """The value, and the JSON that was beside it.

        Raises:
            Unreadable: they hold something else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                made, extra = json.loads(found["json"].tobytes().decode("utf-8", "surrogatepass"))
                arrays = {name[1:]: found[name] for name in found.files if name.startswith("_")}
            return self.load(made, arrays), extra
        except Exception as error:  # damage that a checksum does not find, or another version's: anything may be raised
            raise Unreadable(str(error)) from error


def _dump_text(text: str) -> Json:
    """A sentence with its English, where it is in another language."""
    return [text.english, str.__str__(text), current()] if isinstance(text, Message) else text


def _load_text(found: Json) -> str:
    if isinstance(found, str):
        return found
    english, text, language = found
    # In another language than now it is of no use, and there is no way from one to the other.
    return Message(text, english) if language == current() else str(english)


def dump_texts(texts: Sequence[str]) -> Json:
    """Sentences for the user, each with its English."""
    return [_dump_text(text) for text in texts]


def load_texts(found: Json) -> tuple[str, ...]:
    return tuple(map(_load_text, found))


def _dump_span(span: Span) -> Json:
    return [span.start, span.end]


def _load_span(found: Json) -> Span:
    return Span(*found)


def dump_word(word: Word) -> Json:
    """A word, and whose it is."""
    plain = [word.span.start, word.span.end, word.text, word.probability]
    more = [word.speaker, word.speaker_confidence, word.second_speaker, word.overlap, word.edited]
    return plain if more == [None, None, None, False, False] else plain + more


def load_word(found: Json) -> Word:
    start, end, *rest = found
    return Word(Span(start, end), *rest)


def _dump_turn(turn: Turn) -> Json:
    return [turn.span.start, turn.span.end, turn.speaker, turn.channel, turn.confidence]


def _load_turn(found: Json) -> Turn:
    start, end, *rest = found
    return Turn(Span(start, end), *rest)


def dump_replacement(item: Replacement) -> Json:
    return [*_dump_span(item.span), item.before, item.after]


def load_replacement(found: Json) -> Replacement:
    start, end, before, after = found
    return Replacement(Span(start, end), before, after)


def _dump_transcription(value: Transcription) -> tuple[Json, Mapping[str, NDArray[Any]]]:
    return {
        "language": value.language,
        "language_probability": value.language_probability,
        "words": [dump_word(word) for word in value.words],
        "dropped": [[*_dump_span(item.span), item.text, _dump_text(item.reason)] for item in value.dropped],
        "warnings": dump_texts(value.warnings),
        "notes": dump_texts(value.notes),
        "no_speech": [[*_dump_span(span), share] for span, share in value.no_speech],
        "replacements": [dump_replacement(item) for item in value.replacements],
    }, {}


def _load_transcription(found: Json, _arrays: Mapping[str, NDArray[Any]]) -> Transcription:
    return Transcription(
        found["language"],
        found["language_probability"],
        tuple(map(load_word, found["words"])),
        tuple(Dropped(Span(a, b), text, _load_text(reason)) for a, b, text, reason in found["dropped"]),
        load_texts(found["warnings"]),
        load_texts(found["notes"]),
        tuple((Span(a, b), share) for a, b, share in found["no_speech"]),
        tuple(map(load_replacement, found["replacements"])),
    )


def _dump_diarization(value: Diarization) -> tuple[Json, Mapping[str, NDArray[Any]]]:
    activity = value.activity
    told = None if activity is None else [list(activity.speakers), activity.step, activity.start, activity.kind]
    return {
        "recording_id": value.recording_id,
        "turns": [_dump_turn(turn) for turn in value.turns],
        "exclusive": [_dump_turn(turn) for turn in value.exclusive_turns],
        "warnings": dump_texts(value.warnings),
        "notes": dump_texts(value.notes),
        "activity": told,
    }, ({} if activity is None else {"activity": np.asarray(activity.values)})


def _load_diarization(found: Json, arrays: Mapping[str, NDArray[Any]]) -> Diarization:
    activity = None
    if found["activity"] is not None:
        speakers, step, start, kind = found["activity"]
        activity = SpeakerActivity(arrays["activity"], tuple(speakers), step, start, kind)
    return Diarization(
        found["recording_id"],
        tuple(map(_load_turn, found["turns"])),
        load_texts(found["warnings"]),
        load_texts(found["notes"]),
        activity,
        tuple(map(_load_turn, found["exclusive"])),
    )


def _dump_segments(value: tuple[Segment, ...]) -> tuple[Json, Mapping[str, NDArray[Any]]]:
    return [[[dump_word(word) for word in s.words], s.speaker, s.simultaneous, s.edited] for s in value], {}


def _load_segments(found: Json, _arrays: Mapping[str, NDArray[Any]]) -> tuple[Segment, ...]:
    return tuple(Segment(tuple(map(load_word, words)), *rest) for words, *rest in found)


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What is known of the sound of a file without decoding it again; as in `whisperdiar.types.Audio`."""

    shape: tuple[int, int]
    sample_rate: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    weights: tuple[float, ...]
    frame_rate: Fraction | None


def _dump_facts(value: SoundFacts) -> tuple[Json, Mapping[str, NDArray[Any]]]:
    rate = None if value.frame_rate is None else [value.frame_rate.numerator, value.frame_rate.denominator]
    texts = [dump_texts(value.warnings), dump_texts(value.notes)]
    return [list(value.shape), value.sample_rate, *texts, list(value.weights), rate], {}


def _load_facts(found: Json, _arrays: Mapping[str, NDArray[Any]]) -> SoundFacts:
    (n_channels, n_samples), sample_rate, warnings, notes, weights, rate = found
    frame_rate = None if rate is None else Fraction(*rate)
    return SoundFacts(
        (n_channels, n_samples), sample_rate, load_texts(warnings), load_texts(notes), tuple(weights), frame_rate
    )


SPANS: Form[tuple[Span, ...]] = Form(
    1, lambda value: ([_dump_span(span) for span in value], {}), lambda found, _arrays: tuple(map(_load_span, found))
)
TURNS: Form[tuple[Turn, ...]] = Form(
    1, lambda value: ([_dump_turn(turn) for turn in value], {}), lambda found, _arrays: tuple(map(_load_turn, found))
)
TRANSCRIPTION: Form[Transcription] = Form(1, _dump_transcription, _load_transcription)
DIARIZATION: Form[Diarization] = Form(1, _dump_diarization, _load_diarization)
SEGMENTS: Form[tuple[Segment, ...]] = Form(1, _dump_segments, _load_segments)
FACTS: Form[SoundFacts] = Form(1, _dump_facts, _load_facts)
