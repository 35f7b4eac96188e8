"""Results of separation, and how they are kept: of one stretch of overlap, and of a whole recording.

Words and what the provenance says are kept; no sound is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from whisperdiar.cache.values import (
    Form,
    Json,
    dump_replacement,
    dump_texts,
    dump_word,
    load_replacement,
    load_texts,
    load_word,
    to_json,
)
from whisperdiar.contracts import Parts, keep_parts, remember_json
from whisperdiar.separation.readings import Reading
from whisperdiar.types import Replacement, Word

SeparatedStretch = tuple[Reading | None, dict[str, Any], list[Replacement]]
"""What is kept of a stretch (None for the mixture as it is), what the provenance says of it (JSON values only), and
replacements of the vocabulary."""


@dataclass(frozen=True, slots=True)
class SeparatedOverlap:
    """What separation made of the words.

    Attributes:
        words: of the whole recording with their speakers, in order of time.
        stretches: of the provenance, one for each stretch of overlap; JSON values only.
        replacements: of the vocabulary in words that separation brought.
        notes: sentences for the user.
        changed: whether any words come from a separated stream.
    """

    words: tuple[Word, ...]
    stretches: tuple[dict[str, Any], ...] = ()
    replacements: tuple[Replacement, ...] = ()
    notes: tuple[str, ...] = ()
    changed: bool = False


def remember_stretch(parts: Parts | None, number: int, work: Callable[[], SeparatedStretch]) -> SeparatedStretch:
    """The result of a stretch: kept by an earlier run, or found now, and kept.

    Parts of the recogniser are of the mixture, not of the streams that it hears here: it keeps none.

    Args:
        parts: of this recording, with these words and turns; None for nowhere.
        number: of the stretch.
    """

    def separate() -> Json:
        with keep_parts(None):
            return json.loads(to_json(_dump_stretch(work())))  # numbers of NumPy are plain from here on

    return _load_stretch(remember_json(parts, f"stretch {number}", separate))


def _dump_stretch(stretch: SeparatedStretch) -> Json:
    reading, record, replacements = stretch
    kept = None
    if reading is not None:
        words, replaced = ([dump_word(word) for word in some] for some in (reading.words, reading.replaced))
        kept = [words, sorted(reading.separated), replaced]
    return [kept, record, [dump_replacement(item) for item in replacements]]


def _load_stretch(found: Json) -> SeparatedStretch:
    kept, record, replacements = found
    reading = None
    if kept is not None:
        words, separated, replaced = kept
        reading = Reading(tuple(map(load_word, words)), frozenset(separated), tuple(map(load_word, replaced)))
    return reading, record, [load_replacement(item) for item in replacements]


def _dump_overlap(value: SeparatedOverlap) -> tuple[Json, Mapping[str, Any]]:
    return {
        "words": [dump_word(word) for word in value.words],
        "stretches": list(value.stretches),
        "replacements": [dump_replacement(item) for item in value.replacements],
        "notes": dump_texts(value.notes),
        "changed": value.changed,
    }, {}


def _load_overlap(found: Json, _arrays: Mapping[str, Any]) -> SeparatedOverlap:
    return SeparatedOverlap(
        tuple(map(load_word, found["words"])),
        tuple(found["stretches"]),
        tuple(map(load_replacement, found["replacements"])),
        load_texts(found["notes"]),
        found["changed"],
    )


OVERLAP: Form[SeparatedOverlap] = Form(1, _dump_overlap, _load_overlap)
