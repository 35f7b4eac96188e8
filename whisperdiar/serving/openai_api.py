"""OpenAI's interface: transcriptions, translations, models (API reference, "Audio" and "Models").

POST /v1/audio/transcriptions     POST /v1/audio/translations
GET /v1/models                    GET /v1/models/{model}
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from whisperdiar.serving.answers import FORMATS, Answer, diarized, join_text, letter_speakers, write_answer
from whisperdiar.serving.engine import Engine, take_outcome
from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.serving.requests import (
    ALIASES,
    DIARIZING,
    choose_model,
    read_choice,
    read_flag,
    read_known_speakers,
    read_language,
    read_languages,
    read_number,
    read_prompt,
    read_speakers,
    require_file,
    stem,
)
from whisperdiar.serving.tasks import Outcome, Task
from whisperdiar.serving.uploads import Form
from whisperdiar.serving.works import Event, Work
from whisperdiar.text.messages import _

_TRANSLATED = tuple(item for item in FORMATS if item != "diarized_json")
_GRANULARITIES = ("word", "segment")
_INCLUDED = ("logprobs",)
_CHUNKING = ("auto", "server_vad")


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRequest:
    """A request for words: the task, and the form of its answer."""

    task: Task
    form: str
    stream: bool
    granularities: tuple[str, ...]
    logprobs: bool

    def write(self, outcome: Outcome) -> Answer:
        transcript = outcome.transcript
        return write_answer(
            letter_speakers(transcript) if self.task.diarize else transcript,
            form=self.form,
            seconds=outcome.seconds,
            translated=self.task.translate,
            granularities=self.granularities,
            logprobs=self.logprobs,
        )


def make_router(engine: Engine) -> APIRouter:
    """The endpoints of one server."""
    router = APIRouter()

    @router.post("/v1/audio/transcriptions")
    async def transcribe(request: Request) -> Response:
        return await _listen(request, translate=False)

    @router.post("/v1/audio/translations")
    async def translate(request: Request) -> Response:
        return await _listen(request, translate=True)

    async def _listen(request: Request, *, translate: bool) -> Response:
        form = await engine.receive(request)
        try:
            asked = await asyncio.to_thread(read_audio_request, engine, form, translate=translate)
            if asked.stream:
                work = Work(asked.task)
                work.on_end.append(lambda _work: form.close())
                events = work.events()
                engine.submit(work)
                return StreamingResponse(_stream(engine, work, events, asked), media_type="text/event-stream")
            outcome = await engine.run(asked.task, request)
        except BaseException:
            form.close()
            raise
        form.close()
        answer = await asyncio.to_thread(asked.write, outcome)
        return Response(answer.body, media_type=answer.media_type)

    @router.get("/v1/models")
    async def models() -> JSONResponse:
        return JSONResponse({"object": "list", "data": [_describe_model(name) for name in list_models(engine)]})

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> JSONResponse:
        choose_model(engine, name)
        return JSONResponse(_describe_model(name))

    return router


def list_models(engine: Engine) -> list[str]:
    """The server's own model first, others that may be asked for, and what clients of OpenAI call them."""
    return list(dict.fromkeys((engine.model, *engine.options.models, *ALIASES)))


def _describe_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "whisperdiar"}


def read_audio_request(engine: Engine, form: Form, *, translate: bool) -> AudioRequest:
    """What a form asks for.

    Raises:
        Refusal: a field that cannot be meant.
    """
    upload = require_file(form)
    named = form.one("model")
    answer = read_choice(
        form.one("response_format"), "response_format", _TRANSLATED if translate else FORMATS, default="json"
    )
    for name, allowed in (("timestamp_granularities", _GRANULARITIES), ("include", _INCLUDED)):
        for value in form.many(name):
            read_choice(value, name, allowed, default="")
    granularities = form.many("timestamp_granularities")
    if granularities and answer != "verbose_json":
        raise refuse_value(
            "timestamp_granularities", _("timestamp_granularities: they need response_format verbose_json")
        )
    read_number(form.one("temperature"), "temperature", least=0, most=1)  # decoding chooses its own
    _check_chunking(form)
    # Subtitles of the model that diarizes say who speaks; its json and text do not, as OpenAI's.
    diarize = not translate and (answer == "diarized_json" or (named == DIARIZING and answer in ("srt", "vtt")))
    language = None if translate else read_language(form.one("language"))
    known = read_known_speakers(form)
    languages = read_languages(form.many("languages"))
    task = Task(
        path=str(upload.path),
        name=stem(upload),
        model=choose_model(engine, named),
        diarize=diarize,
        translate=translate,
        language=language or (languages[0] if len(languages) == 1 else None),
        languages=() if language or len(languages) == 1 else languages,
        prompt=read_prompt(form.one("prompt")),
        terms=form.many("keywords"),
        speakers=read_speakers(form.one("num_speakers"), form.one("min_speakers"), form.one("max_speakers")),
        known=known if diarize else (),
    )
    return AudioRequest(
        task=task,
        form=answer,
        stream=not translate and read_flag(form.one("stream"), "stream"),
        granularities=granularities,
        logprobs="logprobs" in form.many("include"),
    )


def _check_chunking(form: Form) -> None:
    """``auto``, or ``server_vad`` as JSON or as fields of their own; the server always cuts by its own detector."""
    text = form.one("chunking_strategy")
    kind = form.one("chunking_strategy[type]") or text
    if text is not None and text.startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        kind = data.get("type") if isinstance(data, dict) else ""
    if kind is not None and kind not in _CHUNKING:
        raise refuse_value("chunking_strategy", _("chunking_strategy: choose auto or server_vad"))


async def _stream(
    engine: Engine, work: Work, events: AsyncIterator[Event | None], asked: AudioRequest
) -> AsyncIterator[str]:
    """Events of a transcription: text as it is recognised, then segments with speakers, then all of it.

    The text of the last event counts: speech that is decoded a second time changes what came before.
    """
    try:
        said = ""
        async for event in events:
            if event is None:
                yield ": still at work\n\n"
            elif event.kind == "heard" and asked.form != "diarized_json":
                delta = event.text if not said else f" {event.text}"
                said += delta
                yield _event({"type": "transcript.text.delta", "delta": delta})
        try:
            outcome = take_outcome(work)
        except Refusal as refusal:
            yield _event(refusal.to_dict())
            return
        for data in _last_events(outcome, asked, said):
            yield _event(data)
        yield "data: [DONE]\n\n"
    finally:
        if not work.is_final:  # the client has gone
            engine.workers.withdraw(work)


def _last_events(outcome: Outcome, asked: AudioRequest, said: str) -> list[dict[str, Any]]:
    if asked.form == "diarized_json":
        data = diarized(letter_speakers(outcome.transcript))
        found: list[dict[str, Any]] = []
        for segment in data["segments"]:
            delta = f"{segment['text']} "
            found += [{"type": "transcript.text.delta", "delta": delta, "segment_id": segment["id"]}, segment]
        text = data["text"]
    else:
        text = join_text(outcome.transcript)
        rest = text[len(said) :] if text.startswith(said) else ""
        found = [{"type": "transcript.text.delta", "delta": rest}] if rest else []
    seconds = round(outcome.seconds, 3)
    return [
        *found,
        {"type": "transcript.text.done", "text": text, "usage": {"type": "duration", "seconds": seconds}},
    ]


def _event(data: dict[str, Any]) -> str:
    """One event of a stream (HTML standard, "Server-sent events"); JSON has no line breaks of its own."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
