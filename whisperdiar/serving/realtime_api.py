"""Live captions as OpenAI's clients speak: a transcription session over the WebSocket ``/v1/realtime``.

``session.update`` sets it up, ``input_audio_buffer.append`` brings sound in base64; each utterance becomes an item,
whose text comes in deltas that are never taken back, then as segments with their speakers, and whole.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import APIRouter, WebSocket

from whisperdiar.errors import InvalidOption
from whisperdiar.live import LiveOptions, LiveWord, SpeakersHeard, SpeechEnded, SpeechStarted, WordsHeard
from whisperdiar.live.captions import Passage, Passages
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.listen_api import Conversation, read_json, serve_socket
from whisperdiar.serving.live_process import Converter, StreamSettings, check_rate
from whisperdiar.serving.live_sessions import LiveSession
from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.text.languages import language_code
from whisperdiar.text.messages import _

_RATE_HZ = 24_000
"""Of clients that name none, as OpenAI's own."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def make_router(engine: Engine) -> APIRouter:
    """The interface of one server."""
    router = APIRouter()

    @router.websocket("/v1/realtime")
    async def realtime(socket: WebSocket) -> None:
        await serve_socket(engine, socket, _Realtime)

    return router


class _Realtime(Conversation):
    """The events of OpenAI's transcription sessions.

    The stream begins with the socket, so that what `session.update` may still change is the rate of the sound: it is
    converted here.
    """

    path = "/v1/realtime"

    def __init__(self, engine: Engine, socket: WebSocket) -> None:
        super().__init__(engine, socket)
        intent = socket.query_params.get("intent", "transcription")
        if intent != "transcription":
            raise refuse_value(
                "intent", _("intent {intent!r}: this server transcribes; leave it out").format(intent=intent)
            )
        language = socket.query_params.get("language")
        try:
            self._language = language_code(language) if language else None
        except InvalidOption as error:
            raise refuse_value("language", error) from error
        self._rate = _RATE_HZ
        self._convert: Converter | None = None
        self._items: dict[int, str] = {}
        self._previous: str | None = None
        self._passages = Passages()
        self._ended: dict[int, float] = {}
        self._begun: dict[int, float] = {}
        self._utterance = 0
        self._n_segments = 0
        self._all: list[LiveWord] = []

    @property
    def settings(self) -> StreamSettings:
        return StreamSettings(language=self._language, options=LiveOptions(final_pass=False))

    async def greet(self) -> None:
        await self._event("session.created", session=self._describe())

    async def take(self, message: Mapping[str, Any], session: LiveSession) -> bool:
        value = read_json(message.get("text") or "")
        kind = value.get("type")
        if kind in ("session.update", "transcription_session.update"):
            self._update(value.get("session"))
            await self._event("session.updated", session=self._describe())
        elif kind == "input_audio_buffer.append":
            await session.send(self._decode(value.get("audio")))
        elif kind == "input_audio_buffer.commit":
            await session.flush()
        elif kind != "input_audio_buffer.clear":
            raise Refusal(
                400, _("message {kind!r}: this server transcribes alone").format(kind=kind), code="invalid_message"
            )
        return True

    async def tell(self, message: tuple[Any, ...]) -> None:
        for event in message[1]:
            if isinstance(event, SpeechStarted):
                self._begun[self._utterance] = event.time
                item = self._item(self._utterance)
                await self._event(
                    "input_audio_buffer.speech_started", audio_start_ms=round(event.time * 1000), item_id=item
                )
            elif isinstance(event, WordsHeard):
                self._all += event.final
                if event.final:
                    await self._event(
                        "conversation.item.input_audio_transcription.delta",
                        item_id=self._item(event.utterance),
                        content_index=0,
                        delta="".join(item.word.text for item in event.final),
                    )
            elif isinstance(event, SpeakersHeard):
                for word in event.words:
                    self._all[word.number] = word
            elif isinstance(event, SpeechEnded):
                await self._end_utterance(event.time)
        await self._tell_segments(is_over=message[0] == "done")

    async def _end_utterance(self, end: float) -> None:
        item = self._item(self._utterance)
        self._ended[self._utterance] = end
        await self._event("input_audio_buffer.speech_stopped", audio_end_ms=round(end * 1000), item_id=item)
        await self._event("input_audio_buffer.committed", previous_item_id=self._previous, item_id=item)
        self._previous = item
        self._utterance += 1

    async def _tell_segments(self, *, is_over: bool) -> None:
        """Segments of one speaker that are final, and utterances all of whose segments were told."""
        found = [*self._passages.take(tuple(self._all), utterance=self._utterance)]
        found += self._passages.finish() if is_over else ()
        for passage in found:
            await self._tell_segment(passage)
        open_utterances = {item.utterance for item in self._all if not item.is_settled}
        open_utterances |= {item.utterance for item in self._passages.open}
        for utterance, end in list(self._ended.items()):
            if utterance not in open_utterances:
                del self._ended[utterance]
                await self._complete(utterance, end)

    async def _tell_segment(self, passage: Passage) -> None:
        utterance = next(item.utterance for item in self._all if item.word is passage.words[0])
        self._n_segments += 1
        await self._event(
            "conversation.item.input_audio_transcription.segment",
            id=f"seg_{self._n_segments:03d}",
            item_id=self._item(utterance),
            content_index=0,
            start=round(passage.start, 3),
            end=round(passage.end, 3),
            speaker=_letter(passage.speaker),
            text=passage.text,
        )

    async def _complete(self, utterance: int, end: float) -> None:
        words = [item.word for item in self._all if item.utterance == utterance]
        await self._event(
            "conversation.item.input_audio_transcription.completed",
            item_id=self._item(utterance),
            content_index=0,
            transcript="".join(word.text for word in words).strip(),
            usage={"type": "duration", "seconds": round(end - self._begun.get(utterance, end), 3)},
        )

    def _item(self, utterance: int) -> str:
        return self._items.setdefault(utterance, f"item_{uuid.uuid4().hex[:20]}")

    def _update(self, given: Any) -> None:
        """Raises Refusal for what this stream cannot do."""
        audio = given.get("audio") if isinstance(given, dict) else None
        incoming = audio.get("input") if isinstance(audio, dict) else None
        form = incoming.get("format") if isinstance(incoming, dict) else None
        if isinstance(given, dict) and isinstance(given.get("input_audio_format"), str):
            form = {"type": f"audio/{given['input_audio_format']}".replace("pcm16", "pcm")}
        if not isinstance(form, dict):
            return
        if form.get("type", "audio/pcm") != "audio/pcm":
            raise refuse_value("format", _("format {form!r}: send audio/pcm").format(form=form.get("type")))
        rate = form.get("rate", self._rate)
        if not isinstance(rate, int) or isinstance(rate, bool):
            raise refuse_value("rate", _("rate {rate!r}: give a whole number of Hz").format(rate=rate))
        if self._convert is not None and rate != self._rate:
            raise refuse_value("rate", _("the rate cannot change once sound has come"))
        try:
            self._rate = check_rate(rate)
        except InvalidOption as error:
            raise refuse_value("rate", error) from error

    def _decode(self, text: Any) -> bytes:
        """Samples in base64 at the client's rate → bytes of samples at the stream's."""
        try:
            data = base64.b64decode(text if isinstance(text, str) else "?", validate=True)
        except binascii.Error as error:
            raise Refusal(400, _("audio: send samples in base64"), code="invalid_audio") from error
        self._convert = self._convert or Converter(self._rate)
        samples = self._convert(data)
        scaled = np.clip(np.rint(samples * np.float32(32768.0)), -32768, 32767)
        return bytes(scaled.astype("<i2").tobytes())

    def _describe(self) -> dict[str, Any]:
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": f"sess_{self.id[:20]}",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": self._rate},
                    "transcription": {"model": self.engine.model, "language": self._language},
                    "turn_detection": {"type": "server_vad"},
                }
            },
        }

    async def _event(self, kind: str, **values: Any) -> None:
        await self.send({"type": kind, "event_id": f"event_{uuid.uuid4().hex[:20]}", **values})

    async def fail(self, refusal: Refusal) -> None:
        error = {**refusal.to_dict()["error"], "event_id": None}
        await self._event("error", error=error)


def _letter(label: str | None) -> str:
    """``SPEAKER_01`` → ``B``, as in ``diarized_json``; nobody is an empty text."""
    if label is None:
        return ""
    number = int(label.rpartition("_")[2])
    return _LETTERS[number] if number < len(_LETTERS) else f"{_LETTERS[number % 26]}{number // 26}"
