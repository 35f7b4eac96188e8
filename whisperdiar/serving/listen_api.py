"""Live captions as Deepgram's clients speak: the WebSocket ``/v1/listen``.

Samples go in as binary messages, ``KeepAlive``, ``Finalize`` and ``CloseStream`` as JSON; ``Results``,
``SpeechStarted``, ``UtteranceEnd`` and last ``Metadata`` come out. A word is in one final result only, with the speaker
that it keeps; while its speaker may change it comes in interim results.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from whisperdiar.errors import InvalidOption
from whisperdiar.formats import by_name, remove_folders
from whisperdiar.live import (
    LanguageHeard,
    LiveOptions,
    LiveWord,
    SpeakerNamed,
    SpeakersHeard,
    SpeechEnded,
    SpeechStarted,
    WordsHeard,
)
from whisperdiar.options import SAMPLE_RATE_HZ, WriteOptions
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.live_process import StreamSettings, check_rate
from whisperdiar.serving.live_sessions import LiveSession
from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.serving.security import refuse_socket
from whisperdiar.text.languages import language_code
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Word
from whisperdiar.version import __version__

_TRUE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_CHANNEL = [0, 1]
_FORMATS = ("srt", "vtt", "txt", "json")
"""Of the transcript at the end, where a client asks for it."""
_NO_SOUND = 4008
_FAILED = 1011


def make_router(engine: Engine) -> APIRouter:
    """The interface of one server."""
    router = APIRouter()

    @router.websocket("/v1/listen")
    async def listen(socket: WebSocket) -> None:
        await serve_socket(engine, socket, _Listening)

    return router


class Conversation:
    """What a client and a session say to each other, in one of the forms that clients speak."""

    path = ""

    def __init__(self, engine: Engine, socket: WebSocket) -> None:
        """Reads the request; raises Refusal where it cannot be meant."""
        self.engine, self.socket = engine, socket
        self.id = uuid.uuid4().hex

    @property
    def settings(self) -> StreamSettings:
        """What is asked of the stream."""
        raise NotImplementedError

    async def greet(self) -> None:
        """The socket is open."""

    async def take(self, message: Mapping[str, Any], session: LiveSession) -> bool:
        """One message of the client; whether more may come."""
        raise NotImplementedError

    async def tell(self, message: tuple[Any, ...]) -> None:
        """One message of the session, as of `LiveSession.events`."""
        raise NotImplementedError

    async def fail(self, refusal: Refusal) -> None:
        """The stream ends with an error."""
        raise NotImplementedError

    async def send(self, value: Mapping[str, Any]) -> None:
        await self.socket.send_text(json.dumps(value, ensure_ascii=False))


async def serve_socket(engine: Engine, socket: WebSocket, kind: type[Conversation]) -> None:
    """One stream from its first to its last message, whatever becomes of the client."""
    begun = time.monotonic()
    try:
        conversation = kind(engine, socket)
        session = await engine.live.open(conversation.settings)
    except Refusal as refusal:
        await refuse_socket(socket, refusal)
        engine.metrics.add("requests", endpoint=kind.path, status=str(refusal.status))
        return
    status = "ended"
    try:
        # The first is the name of the protocol; tokens stand behind it.
        await socket.accept(subprotocol=next(iter(socket.scope.get("subprotocols", ())), None))
        await conversation.greet()
        telling = asyncio.ensure_future(_tell_all(conversation, session))
        try:
            await _take_all(conversation, session, telling)
            await session.end()
            await telling
        finally:
            telling.cancel()
        await socket.close()
    except (WebSocketDisconnect, RuntimeError):  # the second where something is sent to a client that has gone
        status = "left"
    except Refusal as refusal:
        status = refusal.code or "refused"
        await _end_badly(conversation, refusal)
    finally:
        session.close()
        engine.metrics.add("live_seconds", session.seconds)
        engine.log.write(
            "live_ended",
            endpoint=kind.path,
            state=status,
            seconds=round(session.seconds, 1),
            took_s=round(time.monotonic() - begun, 1),
        )


async def _end_badly(conversation: Conversation, refusal: Refusal) -> None:
    try:
        await conversation.fail(refusal)
        await conversation.socket.close(_NO_SOUND if refusal.code == "no_sound" else _FAILED, refusal.message[:100])
    except (RuntimeError, WebSocketDisconnect):  # the client has gone
        pass


async def _tell_all(conversation: Conversation, session: LiveSession) -> None:
    async for message in session.events():
        await conversation.tell(message)


async def _take_all(conversation: Conversation, session: LiveSession, telling: asyncio.Future[None]) -> None:
    """Takes the client's messages until it has no more; raises Refusal for silence, length, or what is no message."""
    options = conversation.engine.options
    while True:
        receiving: asyncio.Future[Any] = asyncio.ensure_future(conversation.socket.receive())
        done, _pending = await asyncio.wait(
            {receiving, telling}, timeout=options.idle_s, return_when=asyncio.FIRST_COMPLETED
        )
        if receiving not in done:
            receiving.cancel()
            if telling in done:
                telling.result()  # raises what went wrong
                return
            raise Refusal(
                408,
                _("nothing came for {seconds:g} s: send sound, or KeepAlive").format(seconds=options.idle_s),
                code="no_sound",
            )
        message = receiving.result()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        if session.seconds > options.max_hours * 3600.0:
            raise Refusal(
                413,
                _("the stream is longer than {hours:g} hours: begin another one").format(hours=options.max_hours),
                code="too_long",
            )
        if not await conversation.take(message, session):
            return


def read_json(text: str) -> dict[str, Any]:
    """A message of a client; raises Refusal where it is no JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, _("this is no message: send a JSON object"), code="invalid_message")
    return value


def speaker_number(label: str) -> int:
    """``SPEAKER_01`` → 1."""
    return int(label.rpartition("_")[2])


class _Listening(Conversation):
    """The messages of Deepgram."""

    path = "/v1/listen"

    def __init__(self, engine: Engine, socket: WebSocket) -> None:
        super().__init__(engine, socket)
        given = socket.query_params
        encoding = given.get("encoding", "linear16")
        if encoding not in ("linear16", "linear16le"):
            raise refuse_value("encoding", _("encoding {encoding!r}: send linear16").format(encoding=encoding))
        if given.get("channels", "1") != "1":
            raise refuse_value("channels", _("channels: send one, or a stream for each"))
        self._interim = _read_flag(given, "interim_results", default=False)
        self._vad_events = _read_flag(given, "vad_events", default=False)
        self._wants_transcript = _read_flag(given, "final_transcript", default=False)
        diarize = _read_flag(given, "diarize", default="diarize_model" in given)
        self._gap_ms = _read_number(given, "utterance_end_ms")
        self._diarize = diarize
        self._settings = _read_settings(given, diarize=diarize, final_pass=self._wants_transcript)
        self._created = datetime.now(timezone.utc)
        self._digest = hashlib.sha256()
        self._seconds = 0.0
        self._words: dict[int, LiveWord] = {}
        self._n_told = 0
        self._provisional: tuple[Word, ...] = ()
        self._ended: list[tuple[int, float]] = []
        self._utterance = 0
        self._told_until = 0.0
        self._names: dict[str, str] = {}

    @property
    def settings(self) -> StreamSettings:
        return self._settings

    async def take(self, message: Mapping[str, Any], session: LiveSession) -> bool:
        data = message.get("bytes")
        if data is not None:
            self._digest.update(data)
            await session.send(data)
            return True
        value = read_json(message.get("text") or "")
        kind = value.get("type")
        if kind == "Finalize":
            await session.flush()
        elif kind == "CloseStream":
            return False
        elif kind == "Configure":
            # Terms and features are those of the beginning; the stream goes on.
            await self.send(
                {
                    "type": "ConfigureFailure",
                    "request_id": self.id,
                    "code": "CONFIGURE_KEYTERMS_NOT_SUPPORTED",
                    "description": _("Configure: a stream keeps the settings that it was opened with"),
                }
            )
        elif kind != "KeepAlive":
            raise Refusal(
                400,
                _("message {kind!r}: send KeepAlive, Finalize or CloseStream").format(kind=kind),
                code="invalid_message",
            )
        self._seconds = session.seconds
        return True

    async def tell(self, message: tuple[Any, ...]) -> None:
        changed = False
        for event in message[1]:
            if isinstance(event, SpeechStarted) and self._vad_events:
                await self.send({"type": "SpeechStarted", "channel": _CHANNEL, "timestamp": round(event.time, 3)})
            elif isinstance(event, WordsHeard):
                self._words.update((item.number, item) for item in event.final)
                self._provisional, self._utterance, changed = event.provisional, event.utterance, True
            elif isinstance(event, SpeakersHeard):
                self._words.update((item.number, item) for item in event.words)
                changed = True
            elif isinstance(event, SpeechEnded):
                self._ended.append((self._utterance, event.time))
                self._provisional, changed = (), True
            elif isinstance(event, SpeakerNamed):
                self._names[event.speaker] = event.name
                await self.send({"type": "SpeakerNamed", "speaker": speaker_number(event.speaker), "name": event.name})
            elif isinstance(event, LanguageHeard):
                await self.send({"type": "LanguageDetected", "language": event.language})
        if changed or message[0] != "events":
            await self._tell_results(flushed=message[0] == "flushed")
        if message[0] == "done":
            await self._tell_end(message[2])

    async def _tell_results(self, *, flushed: bool) -> None:
        """Final results of words that are settled, up to the end of each utterance; then what is open."""
        settled: list[LiveWord] = []
        while (item := self._words.get(self._n_told)) is not None and item.is_settled:
            self._n_told += 1
            if settled and item.utterance != settled[0].utterance:
                await self._tell_final(settled)
                settled = []
            settled.append(item)
        if settled:
            await self._tell_final(settled, flushed=flushed)
        await self._tell_utterance_ends()
        rest = [self._words[number].word for number in sorted(self._words) if number >= self._n_told]
        if self._interim and (rest or self._provisional):
            await self.send(self._make_results([*rest, *self._provisional], is_final=False))

    async def _tell_final(self, words: Sequence[LiveWord], *, flushed: bool = False) -> None:
        following = self._words.get(self._n_told)
        is_last = following is None or following.utterance != words[-1].utterance
        has_ended = any(utterance == words[-1].utterance for utterance, _end in self._ended)
        results = self._make_results([item.word for item in words], is_final=True)
        self._told_until = words[-1].word.end
        for item in words:
            del self._words[item.number]
        await self.send(
            {
                **results,
                "speech_final": (is_last and has_ended) or flushed,
                **({"from_finalize": True} if flushed else {}),
            }
        )

    async def _tell_utterance_ends(self) -> None:
        open_utterances = {item.utterance for item in self._words.values()}
        for utterance, end in list(self._ended):
            if utterance in open_utterances:
                break
            self._ended.remove((utterance, end))
            if self._gap_ms is not None:
                await self.send({"type": "UtteranceEnd", "channel": _CHANNEL, "last_word_end": round(end, 3)})

    def _make_results(self, words: Sequence[Word], *, is_final: bool) -> dict[str, Any]:
        start = words[0].start
        probabilities = [word.probability for word in words]
        alternative = {
            "transcript": "".join(word.text for word in words).strip(),
            "confidence": round(sum(probabilities) / len(probabilities), 4),
            "words": [self._make_word(word) for word in words],
        }
        return {
            "type": "Results",
            "channel_index": _CHANNEL,
            "duration": round(max(0.0, words[-1].end - start), 3),
            "start": round(start, 3),
            "is_final": is_final,
            "speech_final": False,
            "channel": {"alternatives": [alternative]},
            "metadata": self._metadata,
        }

    @property
    def _metadata(self) -> dict[str, Any]:
        """What made a result; the official clients read every field of it."""
        name = self.engine.model
        made: dict[str, Any] = {
            "request_id": self.id,
            "model_info": {"name": name, "version": __version__, "arch": "whisper"},
            "model_uuid": _identify(name),
        }
        if self._diarize:
            made["diarize_info"] = {"model_uuid": _identify("diarizer"), "arch": "whisperdiar"}
        return made

    def _make_word(self, word: Word) -> dict[str, Any]:
        text = word.text.strip()
        made: dict[str, Any] = {
            "word": "".join(c for c in text.casefold() if c.isalnum() or c in "'’-") or text,
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "confidence": round(word.probability, 4),
            "punctuated_word": text,
        }
        if self._diarize and word.speaker is not None:
            made["speaker"] = speaker_number(word.speaker)
            if word.speaker_confidence is not None:
                made["speaker_confidence"] = round(word.speaker_confidence, 4)
        return made

    async def _tell_end(self, transcript: Transcript) -> None:
        if self._wants_transcript:
            clean = transcript if not transcript.provenance else _without_folders(transcript)
            written = {name: by_name(name).dumps(clean, options=WriteOptions()) for name in _FORMATS}
            await self.send({"type": "Transcript", "transcript": clean.to_dict(), "formats": written})
        await self.send(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": self.id,
                "sha256": self._digest.hexdigest(),
                "created": self._created.isoformat().replace("+00:00", "Z"),
                "duration": round(transcript.duration, 3),
                "channels": 1,
            }
        )

    async def fail(self, refusal: Refusal) -> None:
        await self.send(
            {"type": "Error", "variant": refusal.code, "description": refusal.message, "message": refusal.message}
        )


def _identify(name: str) -> str:
    """The same UUID for the same name, on every server."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"whisperdiar:{name}"))


def _without_folders(transcript: Transcript) -> Transcript:
    from dataclasses import replace

    return replace(transcript, provenance=remove_folders(transcript.provenance))


def _read_settings(given: Mapping[str, str], *, diarize: bool, final_pass: bool) -> StreamSettings:
    language = given.get("language")
    rate = _read_number(given, "sample_rate")
    try:
        check_rate(SAMPLE_RATE_HZ if rate is None else rate)
    except InvalidOption as error:
        raise refuse_value("sample_rate", error) from error
    silence_ms = None if given.get("endpointing") in ("false", "true") else _read_number(given, "endpointing")
    try:
        return StreamSettings(
            sample_rate=SAMPLE_RATE_HZ if rate is None else rate,
            diarize=diarize,
            language=None if language in (None, "", "multi") else language_code(language),
            options=LiveOptions(
                final_pass=final_pass,
                end_silence=LiveOptions().end_silence if silence_ms is None else min(10.0, max(0.1, silence_ms / 1e3)),
            ),
        )
    except InvalidOption as error:
        raise refuse_value("language", error) from error


def _read_flag(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = given.get(name)
    if text is None:
        return default
    if text.lower() not in _TRUE:
        raise refuse_value(name, _("{name} {text!r}: give true or false").format(name=name, text=text))
    return _TRUE[text.lower()]


def _read_number(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise refuse_value(name, _("{name} {text!r}: give a whole number").format(name=name, text=text))
    return int(text)
