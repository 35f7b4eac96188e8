"""Manifests of lhotse (https://lhotse.readthedocs.io): ``recordings.jsonl`` and ``supervisions.jsonl``, also gzipped.

A recording there has sources (files with channels counted from 0) and a number of samples; a supervision is what one
speaker says from ``start`` for ``duration`` seconds.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whisperdiar.datasets.corpora import write_references
from whisperdiar.datasets.manifest import Recording, read_turns
from whisperdiar.errors import FormatError
from whisperdiar.exchange import read as read_transcript
from whisperdiar.media import probe
from whisperdiar.system.files import read_bytes, read_text, write_text
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Segment
from whisperdiar.types import Span, Turn, Word

RECORDINGS, SUPERVISIONS = "recordings.jsonl", "supervisions.jsonl"


def write_lhotse(recordings: Iterable[Recording], folder: Path) -> tuple[Path, Path]:
    """Write recordings and supervisions for lhotse; where the words have times and speakers they are supervisions.

    Raises:
        MediaError: a sound cannot be read; its rate and length stand in lhotse's manifest.
        FormatError: a reference cannot be read.
        OutputError: a file cannot be written.
    """
    heard, said = [], []
    for item in recordings:
        info = probe(item.audio)
        track = next(track for track in info.tracks if track.default)
        duration = item.duration or info.duration or 0.0
        channels = [item.channel - 1] if item.channel else list(range(track.channels))
        heard.append(
            {
                "id": item.id,
                "sources": [{"type": "file", "channels": channels, "source": str(item.audio.resolve())}],
                "sampling_rate": track.sample_rate,
                "num_samples": round(duration * track.sample_rate),
                "duration": round(duration * track.sample_rate) / track.sample_rate,
                "channel_ids": channels,
            }
        )
        for number, (span, speaker, text) in enumerate(_spoken(item)):
            own = {"id": f"{item.id}-{number:05d}", "recording_id": item.id, "start": round(span.start, 6)}
            own |= {"duration": round(span.end - span.start, 6), "channel": channels[0], "speaker": speaker}
            own |= {"text": text} if text else {}
            said.append(own | ({"language": item.language} if item.language else {}))
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / RECORDINGS, folder / SUPERVISIONS
    for path, rows in zip(paths, (heard, said), strict=True):
        write_text(path, "".join(map(json.write_line, rows)))
    return paths


def read_lhotse(recordings: Path, supervisions: Path | None, *, references: Path) -> tuple[Recording, ...]:
    """Recordings of lhotse's manifests; what is said is written below `references` as RTTM, STM and JSON.

    Raises:
        FormatError: a file is missing or none of lhotse's, or a recording has its sound in no file or in several.
    """
    said: dict[str, list[tuple[Span, str, str]]] = {}
    for where, row in _rows(supervisions) if supervisions is not None else ():
        try:
            span = Span(float(row["start"]), float(row["start"]) + float(row["duration"]))
            said.setdefault(row["recording_id"], []).append(
                (span, row.get("speaker") or "unknown", row.get("text") or "")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                _("{where}: this is no supervision of lhotse ({error})").format(where=where, error=error)
            ) from error
    found = []
    for where, row in _rows(recordings):
        sources = row.get("sources")
        if not isinstance(sources, list) or not row.get("id"):
            raise FormatError(
                _("{where}: this is no recording of lhotse; give its recordings.jsonl").format(where=where)
            )
        if len(sources) != 1 or sources[0].get("type") != "file":
            raise FormatError(
                _("{where}: the sound of {id} is not in one file; write it to one first").format(
                    where=where, id=row["id"]
                )
            )
        path = Path(sources[0]["source"])
        own = "_".join(str(row["id"]).split())
        channels = sources[0].get("channels") or [0]
        made = Recording(id=own, audio=path if path.is_absolute() else recordings.parent / path)
        if row["id"] in said:
            made = _with_references(made, said[row["id"]], references)
        found.append(_replace(made, duration=row.get("duration"), channel=channels[0] + 1 if channels[0] else None))
    return tuple(found)


def _with_references(item: Recording, said: list[tuple[Span, str, str]], references: Path) -> Recording:
    turns = [Turn(span, "_".join(who.split())) for span, who, _ in said]
    segments = [Segment((Word(span, f" {text}"),), "_".join(who.split())) for span, who, text in said if text.strip()]
    made = write_references(item.id, segments, references, turns=turns)
    return _replace(item, turns=made.turns, words=made.words if segments else None)


def _replace(item: Recording, **changes: Any) -> Recording:
    from dataclasses import replace

    return replace(item, **{key: value for key, value in changes.items() if value is not None})


def _spoken(item: Recording) -> Iterator[tuple[Span, str, str]]:
    """Utterances with their texts, or turns without."""
    if item.words is not None and item.words.suffix.lower() != ".txt":
        transcript = read_transcript(item.words, recording=None)
        for segment in transcript.segments:
            yield segment.span, segment.speaker or "unknown", segment.text.strip()
        return
    diarization = read_turns(item)
    for turn in () if diarization is None else diarization.turns:
        yield turn.span, turn.speaker, ""


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    packed = path.suffix == ".gz"
    try:
        text = gzip.decompress(read_bytes(path)).decode("utf-8") if packed else read_text(path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise FormatError(_("{path}: this is no text packed by gzip; copy the file anew").format(path=path)) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            row = json.read(line)
            if not isinstance(row, Mapping):
                raise FormatError(
                    _("{path}: line {number}: this is no JSON object; give a manifest of lhotse as JSON lines").format(
                        path=path, number=number
                    )
                )
            yield _("{path}: line {number}").format(path=path, number=number), row
