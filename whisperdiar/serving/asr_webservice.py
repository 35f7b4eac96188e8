"""The interface of whisper-asr-webservice, which Bazarr and others ask (its README, "Usage").

    POST /asr?task=transcribe&language=en&output=srt&encode=true          the recording in the field audio_file
    POST /detect-language?encode=true

Parameters stand in the query. ``encode=false`` says that the upload is nothing but samples (16-bit, one channel,
16 kHz); a WAV file is read as such all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from whisperdiar.formats import by_name
from whisperdiar.options import WriteOptions
from whisperdiar.serving.answers import join_text
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.refusals import Refusal
from whisperdiar.serving.requests import (
    read_choice,
    read_flag,
    read_language,
    read_number,
    read_prompt,
    read_speakers,
    require_file,
    stem,
)
from whisperdiar.serving.tasks import Outcome, Task
from whisperdiar.serving.uploads import Form
from whisperdiar.text.languages import english_name
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

OUTPUTS = ("txt", "vtt", "srt", "tsv", "json")
_TASKS = ("transcribe", "translate")
_DETECTED_S = 30.0
"""Whisper tells a language by its window."""


def make_router(engine: Engine) -> APIRouter:
    """The endpoints of one server."""
    router = APIRouter()

    @router.post("/asr")
    async def asr(request: Request) -> Response:
        form = await engine.receive(request)
        try:
            output = read_choice(request.query_params.get("output"), "output", OUTPUTS, default="txt")
            task = _read_task(form, request.query_params)
            name = require_file(form, "audio_file").name
            outcome = await engine.run(task, request)
        finally:
            form.close()
        body = await asyncio.to_thread(_write, outcome, output)
        headers = {
            "Asr-Engine": "whisperdiar",
            "Content-Disposition": f'attachment; filename="{quote(name, safe="")}.{output}"',
        }
        return Response(body, media_type="text/plain", headers=headers)

    @router.post("/detect-language")
    async def detect_language(request: Request) -> JSONResponse:
        form = await engine.receive(request)
        try:
            query = request.query_params
            task = Task(
                path=str(require_file(form, "audio_file").path),
                raw=not read_flag(query.get("encode"), "encode", default=True),
                detect_only=True,
                start=read_number(query.get("detect_lang_offset"), "detect_lang_offset", least=0, most=1e6) or 0.0,
                seconds=read_number(query.get("detect_lang_length"), "detect_lang_length", least=1, most=600)
                or _DETECTED_S,
            )
            outcome = await engine.run(task, request)
        finally:
            form.close()
        if outcome.language is None:
            raise Refusal(422, _("nobody speaks in this part: send another one"), code="no_speech", param="audio_file")
        return JSONResponse(
            {
                "detected_language": english_name(outcome.language),
                "language_code": outcome.language,
                "confidence": round(1.0 if outcome.language_probability is None else outcome.language_probability, 4),
            }
        )

    return router


def _read_task(form: Form, query: Mapping[str, str]) -> Task:
    """What /asr is asked for; fields of the form count as those of the query.

    Raises:
        Refusal: a parameter that cannot be meant.
    """

    def get(name: str) -> str | None:
        return query.get(name) or form.one(name)

    upload = require_file(form, "audio_file")
    for name in ("vad_filter", "word_timestamps"):  # here both are always so
        read_flag(get(name), name)
    speakers = read_speakers(None, get("min_speakers"), get("max_speakers"))
    return Task(
        path=str(upload.path),
        name=stem(upload),
        raw=not read_flag(get("encode"), "encode", default=True),
        diarize=read_flag(get("diarize"), "diarize") or speakers is not None,
        translate=read_choice(get("task"), "task", _TASKS, default="transcribe") == "translate",
        language=read_language(get("language")),
        prompt=read_prompt(get("initial_prompt")),
        speakers=speakers,
    )


def _write(outcome: Outcome, output: str) -> str:
    transcript = outcome.transcript
    style = "label" if transcript.speakers else "none"
    if output == "json":
        return json.dumps(_to_dict(transcript), ensure_ascii=False)
    if output == "txt" and not transcript.speakers:
        return "".join(f"{' '.join(segment.text.split())}\n" for segment in transcript.segments)
    return str(by_name(output).dumps(transcript, options=WriteOptions(speaker_style=style)))


def _to_dict(transcript: Transcript) -> dict[str, Any]:
    """As whisper writes it: text, segments with words, language; speakers where they were asked for."""
    data = json.loads(str(by_name("verbose-json").dumps(transcript, options=WriteOptions())))
    spoken = [segment for segment in transcript.segments if segment.text.strip()]
    for row, segment in zip(data["segments"], sorted(spoken, key=lambda item: item.span.start), strict=False):
        row["words"] = [
            {"word": word.text, "start": word.start, "end": word.end, "probability": round(word.probability, 4)}
            for word in segment.words
        ]
    return {"text": join_text(transcript), "segments": data["segments"], "language": transcript.language}
