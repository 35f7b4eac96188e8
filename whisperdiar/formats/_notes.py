"""What a reader of a result must know about how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._text import one_line

_STAGES = {"vad": "speech detection", "asr": "speech recognition", "diarizer": "diarization"}


def fallback_notes(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for every stage that fell back, with what mends it, then the warnings of the provenance.

    Parts that are not of the expected kind are passed over: a provenance may have been read from a file.
    """
    notes = [_fallback(name, provenance.get(stage)) for stage, name in _STAGES.items()]
    warnings = provenance.get("warnings")
    if isinstance(warnings, (list, tuple)):
        notes += [one_line(item) for item in warnings if isinstance(item, str)]
    return tuple(dict.fromkeys(note for note in notes if note))


def _fallback(stage: str, record: Any) -> str:
    if not isinstance(record, Mapping) or not record.get("fallback_from"):
        return ""
    note = f"{stage} by {record.get('backend')} in place of {record['fallback_from']}"
    if record.get("reason"):
        note += f" ({str(record['reason']).rstrip('.')})"
    if record.get("remedy") and str(record["remedy"]) not in note:
        note += f"; to mend: {record['remedy']}"
    return one_line(note)
