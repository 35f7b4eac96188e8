"""The official clients of OpenAI and of Deepgram, on live streams of a real server."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.serving.conftest import REQUEST, Running, running
from tests.sounds import SAMPLES
from whisperdiar import load
from whisperdiar.selection import Choice

pytest.importorskip("websockets", reason="what both clients speak through is not installed")

pytestmark = pytest.mark.model
PHRASE = "good morning everyone"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    request = replace(REQUEST, vad=Choice(name="silero"), diarizer=Choice(name="none"))
    with running(tmp_path_factory.mktemp("live"), request=request, ready=False) as made:
        yield made


def sound(rate: int) -> bytes:
    """The first utterance of the stand-up sample, and silence behind it: samples of 16 bits."""
    samples = load(SAMPLES / "standup.mp4", channels="mono", end=3.0).mono
    samples = np.concatenate([samples, np.zeros(16_000, np.float32)])
    times = np.arange(len(samples) * rate // 16_000) * 16_000 / rate
    return (np.interp(times, np.arange(len(samples)), samples) * 32767).astype("<i2").tobytes()


def plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalpha() or c == " ")


SESSION: Any = {
    "type": "transcription",
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}, "transcription": {"model": "whisper-1"}}},
}


def pieces() -> list[str]:
    data = sound(24_000)
    return [base64.b64encode(data[at : at + 24_000]).decode() for at in range(0, len(data), 24_000)]


def test_the_client_of_openai(live: Running) -> None:
    openai = pytest.importorskip("openai", reason="the client of OpenAI is not installed")
    client = openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", timeout=120.0)
    events = []
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        connection.session.update(session=SESSION)
        for piece in pieces():
            connection.input_audio_buffer.append(audio=piece)
        connection.input_audio_buffer.commit()
        for event in connection:
            events.append(event)
            if event.type == "conversation.item.input_audio_transcription.completed":
                break
    _check_events(events)


@pytest.mark.nightly
def test_the_asynchronous_client_of_openai(live: Running) -> None:
    openai = pytest.importorskip("openai", reason="the client of OpenAI is not installed")

    async def ask() -> list[Any]:
        found = []
        async with (
            openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key="none") as client,
            client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
        ):
            await connection.session.update(session=SESSION)
            for piece in pieces():
                await connection.input_audio_buffer.append(audio=piece)
            await connection.input_audio_buffer.commit()
            async for event in connection:
                found.append(event)
                if event.type == "conversation.item.input_audio_transcription.completed":
                    break
        return found

    _check_events(asyncio.run(ask()))


def _check_events(events: list[Any]) -> None:
    """Each event is of a kind that the client knows, and the text is there."""
    kinds = [type(event).__name__ for event in events]
    assert kinds[:2] == ["SessionCreatedEvent", "SessionUpdatedEvent"]
    # What the client does not know it gives the first class of its union.
    assert all(event.type == type(event).model_fields["type"].annotation.__args__[0] for event in events)
    assert plain(events[-1].transcript).startswith(PHRASE)
    assert events[-1].usage.type == "duration"
    assert "ConversationItemInputAudioTranscriptionSegment" in kinds


def _deepgram(live: Running, kind: str) -> Any:
    deepgram = pytest.importorskip("deepgram", reason="the client of Deepgram is not installed")
    from deepgram.environment import DeepgramClientEnvironment

    ws = live.url.replace("http://", "ws://")
    environment = DeepgramClientEnvironment(base=live.url, production=ws, agent=ws, agent_rest=live.url)
    return getattr(deepgram, kind)(api_key="none", environment=environment)


ASKED: Any = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": 16_000,
    "interim_results": True,
    "smart_format": True,
    "utterance_end_ms": 1000,
    "vad_events": True,
}


def test_the_client_of_deepgram(live: Running) -> None:
    from deepgram.core.events import EventType
    from deepgram.listen.v1.types import ListenV1Configure

    messages: list[Any] = []
    failures: list[Any] = []
    with _deepgram(live, "DeepgramClient").listen.v1.connect(**ASKED) as socket:
        socket.on(EventType.MESSAGE, messages.append)
        socket.on(EventType.ERROR, failures.append)
        listening = threading.Thread(target=socket.start_listening)
        listening.start()
        socket.send_configure(ListenV1Configure(keyterms=["standup"]))
        data = sound(16_000)
        for at in range(0, len(data), 16_000):
            socket.send_media(data[at : at + 16_000])
        socket.send_keep_alive()
        socket.send_finalize()
        socket.send_close_stream()
        listening.join()
    assert not failures
    _check_messages(messages)
    assert "ListenV1ConfigureFailure" in [type(message).__name__ for message in messages]


@pytest.mark.nightly
def test_the_asynchronous_client_of_deepgram(live: Running) -> None:
    async def ask() -> list[Any]:
        async with _deepgram(live, "AsyncDeepgramClient").listen.v1.connect(**ASKED) as socket:
            data = sound(16_000)
            for at in range(0, len(data), 16_000):
                await socket.send_media(data[at : at + 16_000])
            await socket.send_close_stream()
            return [message async for message in socket]

    _check_messages(asyncio.run(ask()))


def _check_messages(messages: list[Any]) -> None:
    final = [item for item in messages if type(item).__name__ == "ListenV1Results" and item.is_final]
    text = " ".join(item.channel.alternatives[0].transcript for item in final)
    assert plain(text).startswith(PHRASE)
    metadata = final[0].metadata
    # Fields that the client declares are there.
    assert metadata.model_info.name == "whisper-nano"
    assert metadata.model_uuid
    assert metadata.model_info.version
    assert metadata.model_info.arch
    assert type(messages[-1]).__name__ == "ListenV1Metadata"
    assert messages[-1].duration == pytest.approx(4.0, abs=0.1)
    assert {"ListenV1SpeechStarted", "ListenV1UtteranceEnd"} <= {type(item).__name__ for item in messages}
