"""What OpenAI's endpoint for transcriptions answers as ``diarized_json`` (API reference, "The transcription object
(Diarized JSON)"): segments with speakers, without words.
"""

from __future__ import annotations

from collections.abc import Mapping

from whisperdiar.errors import FormatError
from whisperdiar.formats._reading import fields
from whisperdiar.formats._reading.segments import segments
from whisperdiar.formats._reading.utterances import transcript_of
from whisperdiar.formats._text import to_milliseconds
from whisperdiar.formats._writing.runs import distinct_names, prepare_segments
from whisperdiar.options import WriteOptions
from whisperdiar.text import json
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

name = "diarized-json"
suffix = ".diarized.json"  # `.json` alone means the transcript; this form is chosen by its name
needs = "words"


def dumps(transcript: Transcript, *, options: WriteOptions) -> str:  # noqa: ARG001 - the keys are fixed
    """Speakers by name; nobody known is called ``unknown``, as each segment must have a speaker."""
    names = distinct_names(transcript)
    items = prepare_segments(transcript)
    duration_ms = max(0, to_milliseconds(transcript.duration))
    return json.write(
        {
            "task": "transcribe",
            "duration": duration_ms / 1000,
            "text": " ".join(item.text for item in items),
            "segments": [
                {
                    "type": "transcript.text.segment",
                    "id": f"seg_{number:03d}",
                    "start": item.start_ms / 1000,
                    "end": item.end_ms / 1000,
                    "text": item.text,
                    "speaker": names[item.speaker],
                }
                for number, item in enumerate(items, start=1)
            ],
            "usage": {"type": "duration", "seconds": max(0, to_milliseconds(transcript.length)) / 1000},
        }
    )


def read(text: str) -> Transcript:
    """Words share their segment's time by their length.

    Raises:
        FormatError: no diarized JSON; the message says where.
    """
    data = json.read(text)
    if not isinstance(data, Mapping) or "segments" not in data:
        raise FormatError(_("expected a JSON object with segments, as diarized_json has them"))
    heard = segments(data["segments"])
    if not heard and fields.text(data, "text", _("the object")):
        raise FormatError(_("the object has a text and no segments that say when it is spoken"))
    return transcript_of(heard, duration=fields.number(data, "duration", _("the object")))
