"""Description of the interface as OpenAPI has it (``/openapi.json``): the fields of forms and queries, and errors.

Forms are read while they arrive and by hand, so the framework cannot tell what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from whisperdiar.minutes.render import FORMATS as MINUTES
from whisperdiar.options.command_line import MINUTES_STYLES, SPEAKER_STYLES, profile_names
from whisperdiar.serving import answers, asr_webservice, diarization_api

Fields = Mapping[str, dict[str, Any]]

_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 100}
_FILE: dict[str, Any] = {"type": "string", "format": "binary"}
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_OBJECT: dict[str, Any] = {"type": "object"}


def _choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _number(least: float, most: float) -> dict[str, Any]:
    return {"type": "number", "minimum": least, "maximum": most}


_COUNTS: Fields = {"num_speakers": _COUNT, "min_speakers": _COUNT, "max_speakers": _COUNT}
_WORDS: Fields = {
    "file": _FILE,
    "model": _TEXT,
    "language": _TEXT,
    "languages[]": _TEXTS,
    "prompt": _TEXT,
    "keywords[]": _TEXTS,
    "temperature": _number(0, 1),
    "known_speaker_names[]": {**_TEXTS, "maxItems": 4},
    "known_speaker_references[]": {**_TEXTS, "maxItems": 4},
    **_COUNTS,
}
_ANSWERS: Fields = {
    "response_format": _choice(*answers.FORMATS),
    "timestamp_granularities[]": {"type": "array", "items": _choice("word", "segment")},
    "include[]": {"type": "array", "items": _choice("logprobs")},
    "chunking_strategy": _TEXT,
    "stream": _FLAG,
}
_FORMS: Mapping[str, Fields] = {
    "/v1/audio/transcriptions": {**_WORDS, **_ANSWERS},
    "/v1/audio/translations": {
        **_WORDS,
        "response_format": _choice(*(name for name in answers.FORMATS if name != "diarized_json")),
    },
    "/v1/audio/diarization": {
        "file": _FILE,
        "model": _TEXT,
        "language": _TEXT,
        "response_format": _choice(*diarization_api.FORMATS),
        "include_text": _FLAG,
        "min_duration_on": _number(0, 60),
        "min_duration_off": _number(0, 60),
        **_COUNTS,
        "known_speaker_names[]": _TEXTS,
        "known_speaker_references[]": _TEXTS,
    },
    "/asr": {"audio_file": _FILE},
    "/detect-language": {"audio_file": _FILE},
    "/jobs": {
        **_WORDS,
        "diarize": _FLAG,
        "task": _choice("transcribe", "translate"),
        "webhook": _TEXT,
        "keep_recording": _FLAG,
    },
}
_QUERIES: Mapping[tuple[str, str], Fields] = {
    ("post", "/asr"): {
        "task": _choice("transcribe", "translate"),
        "language": _TEXT,
        "initial_prompt": _TEXT,
        "encode": _FLAG,
        "output": _choice(*asr_webservice.OUTPUTS),
        "diarize": _FLAG,
        "min_speakers": _COUNT,
        "max_speakers": _COUNT,
        "vad_filter": _FLAG,
        "word_timestamps": _FLAG,
    },
    ("post", "/detect-language"): {
        "encode": _FLAG,
        "detect_lang_offset": _number(0, 1e6),
        "detect_lang_length": _number(1, 600),
    },
    ("get", "/jobs/{job_id}/result"): {
        "format": _TEXT,
        "profile": _choice(*profile_names()),
        "speaker_style": _choice(*SPEAKER_STYLES),
    },
    ("put", "/jobs/{job_id}/result"): {"base": {"type": "integer"}, "after": {"type": "integer"}},
    ("get", "/jobs/{job_id}/minutes"): {
        "format": _choice(*MINUTES),
        "style": _choice(*MINUTES_STYLES),
        "length": _number(1, 100_000),
        "language": _TEXT,
        "day": {"type": "string", "format": "date"},
    },
}
_BODIES = {("put", "/jobs/{job_id}/result"): "application/json"}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of an application, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        made.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                _complete(operation, method, path)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    """Adds what the framework cannot know to one operation."""
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation["responses"]["default"] = {"description": "Refused: what is at fault, in one line", "content": refused}
    operation["responses"].pop("422", None)
    query = _QUERIES.get((method, path), {})
    parameters = [{"name": name, "in": "query", "schema": schema} for name, schema in query.items()]
    if parameters:
        operation["parameters"] = [*operation.get("parameters", ()), *parameters]
    if method == "post" and path in _FORMS:
        fields = _FORMS[path]
        needed = [name for name, schema in fields.items() if schema is _FILE]
        body = {"type": "object", "properties": dict(fields), "required": needed}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": body}}}
    kind = _BODIES.get((method, path))
    if kind is not None:
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": _OBJECT}}}
