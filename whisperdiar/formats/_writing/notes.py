"""Notes on how a result was made, as the page shows them; subtitles, texts and documents hold none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from whisperdiar.formats._text import one_line
from whisperdiar.text.messages import make_english, to_english

_LOCAL = re.compile(
    r"""(?<![\w:/\\.~<-])(?:file:/{1,2})?(?:~|\.{1,2}|[A-Za-z]:)?[/\\]"""
    r"""(?:[^\s'",;()/\\]+[/\\])*([^\s'",;()/\\]*)"""
)
"""A path from a root, a home or the current folder; a repository OWNER/NAME and an address are none."""
_LOCAL_FILE = re.compile(
    r"""(?<![\w:/\\.~<-])(?:file:/{1,2})?(?:~|\.{1,2}|/?[A-Za-z]:)?[/\\][^'",;():\n]{0,300}?"""
    r"""([^/\\'",;():\n]{1,200}\.(?:aac|aiff?|avi|eaf|flac|html?|json|m4[av]|mk[av]|mov|mp[234]|mpe?g|og[agv]|opus|"""
    r"""rttm|srt|txt|vtt|wav|webm|wma|wmv|yaml))(?!\w)"""
)
"""The same to a file of a kind that is known: its folders may have spaces in their names."""

_STAGES = {"vad": "speech detection", "asr": "speech recognition", "diarizer": "diarization"}


def fallback_notes(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """One line for every stage that fell back, with what mends it, then the warnings and notes of the provenance.

    Parts that are not of the expected kind are passed over: a provenance may have been read from a file.
    """
    notes = [_fallback(name, provenance.get(stage)) for stage, name in _STAGES.items()]
    for kind in ("warnings", "notes"):
        sentences = provenance.get(kind)
        if isinstance(sentences, (list, tuple)):
            notes += [one_line(to_english(item)) for item in sentences if isinstance(item, str)]
    return tuple(dict.fromkeys(note for note in notes if note))


def remove_folders(value: Any) -> Any:
    """The same JSON value with the folders of this machine taken out of every text: of a path its last part stays.

    Files are sent to others, to whom the folders of its maker say nothing.
    """
    if isinstance(value, str):
        value = to_english(value)
        alone = ": " not in value and "://" not in value
        if alone and (re.match(r"(~|\.{1,2}|[A-Za-z]:)?[/\\]", value) or (value.count("/") > 1 and " " not in value)):
            return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
        value = _LOCAL_FILE.sub(lambda found: found[1].strip(), value)
        return _LOCAL.sub(lambda found: found[1] or found[0], value)
    if isinstance(value, Mapping):
        return {key: remove_folders(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [remove_folders(item) for item in value]
    return value


def _fallback(stage: str, record: Any) -> str:
    record = make_english(record)
    if not isinstance(record, Mapping) or not record.get("fallback_from"):
        return ""
    note = f"{stage} by {record.get('backend')} in place of {record['fallback_from']}"
    if record.get("reason"):
        note += f" ({str(record['reason']).rstrip('.')})"
    if record.get("remedy") and str(record["remedy"]) not in note:
        note += f"; to fix this, run: {record['remedy']}"
    return one_line(note)
