"""Who speaks when, without words: the interface of LocalAI (its schema "DiarizationResult") and of Speaches.

    POST /v1/audio/diarization    file, model, num_speakers, min_speakers, max_speakers, include_text,
                                  known_speaker_names[], known_speaker_references[], response_format

Any name is taken for ``model``: the diarizer is the server's own.
"""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from whisperdiar.formats import by_name
from whisperdiar.options import WriteOptions
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.requests import (
    choose_model,
    read_choice,
    read_flag,
    read_known_speakers,
    read_language,
    read_number,
    read_speakers,
    require_file,
    stem,
)
from whisperdiar.serving.tasks import Outcome, Task
from whisperdiar.serving.uploads import Form
from whisperdiar.transcript import Transcript
from whisperdiar.types import Turn

FORMATS = ("json", "verbose_json", "rttm")


def make_router(engine: Engine) -> APIRouter:
    """The endpoint of one server."""
    router = APIRouter()

    @router.post("/v1/audio/diarization")
    async def diarize(request: Request) -> Response:
        form = await engine.receive(request)
        try:
            answer = read_choice(form.one("response_format"), "response_format", FORMATS, default="json")
            shortest = read_number(form.one("min_duration_on"), "min_duration_on", least=0, most=60) or 0.0
            task = await asyncio.to_thread(_read_task, engine, form, answer)
            outcome = await engine.run(task, request)
        finally:
            form.close()
        if answer == "rttm":
            text = str(by_name("rttm").dumps(outcome.transcript, options=WriteOptions()))
            return PlainTextResponse(text)
        return JSONResponse(_to_dict(outcome, verbose=answer == "verbose_json", shortest=shortest))

    return router


def _read_task(engine: Engine, form: Form, answer: str) -> Task:
    """What is asked for; ``clustering_threshold`` and ``min_duration_off`` are the diarizer's own here.

    Raises:
        Refusal: a field that cannot be meant.
    """
    upload = require_file(form)
    model = choose_model(engine, form.one("model") if form.one("model") in engine.options.models else None)
    return Task(
        path=str(upload.path),
        name=stem(upload),
        model=model,
        words=answer == "verbose_json" and read_flag(form.one("include_text"), "include_text"),
        diarize=True,
        language=read_language(form.one("language")),
        speakers=read_speakers(form.one("num_speakers"), form.one("min_speakers"), form.one("max_speakers")),
        known=read_known_speakers(form),
    )


def _to_dict(outcome: Outcome, *, verbose: bool, shortest: float) -> dict[str, Any]:
    transcript = outcome.transcript
    turns = [turn for turn in transcript.turns if turn.span.duration >= shortest]
    names = {item.id: item.name for item in transcript.speakers}
    rows = [_describe_turn(number, turn, names, transcript if verbose else None) for number, turn in enumerate(turns)]
    labels = list(dict.fromkeys(turn.speaker for turn in turns))
    data: dict[str, Any] = {
        "task": "diarize",
        "duration": round(outcome.seconds, 3),
        "num_speakers": len(labels),
        "segments": rows,
    }
    if verbose:
        if outcome.language:
            data["language"] = outcome.language
        data["speakers"] = [_describe_speaker(label, names, turns) for label in labels]
    return data


def _describe_turn(number: int, turn: Turn, names: dict[str, str], spoken: Transcript | None) -> dict[str, Any]:
    words = () if spoken is None else chain.from_iterable(item.words for item in spoken.segments)
    said = "".join(
        word.text
        for word in words
        if word.speaker == turn.speaker and turn.span.start <= (word.start + word.end) / 2 < turn.span.end
    )
    return {
        "id": number,
        "speaker": names.get(turn.speaker, turn.speaker),
        "label": turn.speaker,
        "start": round(turn.span.start, 3),
        "end": round(turn.span.end, 3),
        **({"text": said.strip()} if said.strip() else {}),
    }


def _describe_speaker(label: str, names: dict[str, str], turns: list[Turn]) -> dict[str, Any]:
    own = [turn.span.duration for turn in turns if turn.speaker == label]
    return {
        "id": names.get(label, label),
        "label": label,
        "total_speech_duration": round(sum(own), 3),
        "segment_count": len(own),
    }
