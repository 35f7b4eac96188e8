"""Live streams over WebSocket: as clients of Deepgram and of OpenAI speak."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving.conftest import REQUEST
from tests.sounds import SAMPLES
from whisperdiar import load
from whisperdiar.options import ServerOptions
from whisperdiar.selection import Choice

pytest.importorskip("fastapi", reason="the extra serve is not installed")
testclient = pytest.importorskip("starlette.testclient", reason="starlette's client is not installed")

pytestmark = pytest.mark.model
TOKEN = "a-token-of-the-server"
OWN = {"host": "127.0.0.1:8000"}
KNOWN = {**OWN, "authorization": f"Token {TOKEN}"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that transcribes one stream at a time, with whisper-nano and without a diarizer that hears streams."""
    from dataclasses import replace

    from whisperdiar.serving import Engine, Log, WorkerSettings
    from whisperdiar.serving.application import make_application

    folder = tmp_path_factory.mktemp("server")
    options = ServerOptions(folder=str(folder), tokens=(TOKEN,), idle_s=60.0)
    request = replace(REQUEST, vad=Choice(name="silero"), diarizer=Choice(name="none"))
    engine = Engine([WorkerSettings(request=request)], options=options, model="whisper-nano", log=Log(None))
    # The workers for recordings are not wanted here: a stream has a process of its own.
    engine.workers.start = lambda: None  # type: ignore[method-assign]
    engine.workers.stop = lambda *_arguments, **_values: ()  # type: ignore[method-assign]
    with testclient.TestClient(make_application(engine)) as made:
        made.engine, made.folder = engine, folder
        yield made
        # Who left in the middle of a stream has a process that takes its time to end.
        _wait_free(made)
    assert not [path for path in Path(folder, "live").glob("*") if path.exists()]


@pytest.fixture(scope="module")
def speech() -> bytes:
    """The first 6 seconds of the stand-up sample, and a second of silence, as samples of 16 bits."""
    samples = load(SAMPLES / "standup.mp4", channels="mono", end=6.0).mono
    sound = np.concatenate([samples, np.zeros(16_000, np.float32)])
    return (sound * 32767).astype("<i2").tobytes()


def _wait_free(client: Any) -> None:
    """Until who was there before is gone: a process that is left alone has a while to end."""
    until = time.monotonic() + 60
    while client.engine.live.n_open:
        assert time.monotonic() < until
        time.sleep(0.05)


def _listen(client: Any, speech: bytes, query: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    """All that a server tells of a stream in pieces of a second."""
    with client.websocket_connect(f"/v1/listen?{query}", headers=KNOWN) as socket:
        found: list[dict[str, Any]] = []
        for at in range(0, len(speech), 32_000):
            socket.send_bytes(speech[at : at + 32_000])
            # As with a voice, the recogniser is through with what there is before all of it is said.
            while "interim_results=true" in query and at == 32_000 and (not found or found[-1]["type"] != "Results"):
                found.append(json.loads(socket.receive_text()))
        for message in (*more, {"type": "CloseStream"}):
            socket.send_text(json.dumps(message))
        while not found or found[-1]["type"] not in ("Metadata", "Error"):
            found.append(json.loads(socket.receive_text()))
    return found


def test_a_client_of_deepgram_gets_each_word_once(client: Any, speech: bytes) -> None:
    told = _listen(client, speech, "encoding=linear16&sample_rate=16000&interim_results=true&vad_events=true")
    results = [item for item in told if item["type"] == "Results"]
    final = [item for item in results if item["is_final"]]
    words = [word for item in final for word in item["channel"]["alternatives"][0]["words"]]
    assert len(words) > 5
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert "speaker" not in words[0]
    assert [item["speech_final"] for item in final][-1]
    assert not all(item["is_final"] for item in results)
    assert told[0]["type"] == "SpeechStarted"
    assert told[-1]["type"] == "Metadata"
    assert told[-1]["duration"] == pytest.approx(7.0, abs=0.1)
    assert len(told[-1]["sha256"]) == 64


def test_words_do_not_wait_for_the_end_of_an_utterance_that_is_finalised(client: Any, speech: bytes) -> None:
    told = _listen(client, speech[: 2 * 32_000], "sample_rate=16000", {"type": "Finalize"}, {"type": "KeepAlive"})
    results = [item for item in told if item["type"] == "Results"]
    assert any(item.get("from_finalize") for item in results)
    assert all(item["is_final"] for item in results)


def test_a_transcript_of_all_of_it_comes_where_it_is_asked_for(client: Any, speech: bytes) -> None:
    told = _listen(client, speech, "final_transcript=true")
    (made,) = [item for item in told if item["type"] == "Transcript"]
    assert set(made["formats"]) == {"srt", "vtt", "txt", "json"}
    assert made["transcript"]["segments"]
    assert str(client.folder) not in json.dumps(made)


def test_a_client_of_openai_gets_items(client: Any, speech: bytes) -> None:
    sound = load(SAMPLES / "standup.mp4", channels="mono", end=4.0).mono
    slow = np.interp(np.arange(len(sound) * 3 // 2) / 1.5, np.arange(len(sound)), sound)
    data = (np.concatenate([slow, np.zeros(24_000)]) * 32767).astype("<i2").tobytes()
    told: list[dict[str, Any]] = []
    with client.websocket_connect("/v1/realtime?intent=transcription", headers=KNOWN) as socket:
        assert json.loads(socket.receive_text())["type"] == "session.created"
        form = {"type": "audio/pcm", "rate": 24_000}
        socket.send_text(json.dumps({"type": "session.update", "session": {"audio": {"input": {"format": form}}}}))
        assert json.loads(socket.receive_text())["session"]["audio"]["input"]["format"] == form
        for at in range(0, len(data), 48_000):
            text = base64.b64encode(data[at : at + 48_000]).decode()
            socket.send_text(json.dumps({"type": "input_audio_buffer.append", "audio": text}))
        while not told or not told[-1]["type"].endswith("transcription.completed"):
            told.append(json.loads(socket.receive_text()))
    deltas = [item for item in told if item["type"].endswith("transcription.delta")]
    item_id = told[-1]["item_id"]
    written = "".join(item["delta"] for item in deltas if item["item_id"] == item_id).strip()
    assert written == told[-1]["transcript"] != ""
    segments = [item["text"] for item in told if item["type"].endswith(".segment") and item["item_id"] == item_id]
    assert " ".join(segments) == written
    assert told[-1]["usage"]["type"] == "duration"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 401),
        ({**OWN, "authorization": "Token wrong"}, 401),
        ({**KNOWN, "origin": "https://elsewhere.example"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/v1/listen", "/v1/realtime"])
def test_strangers_get_no_stream(client: Any, headers: dict[str, str], status: int, path: str) -> None:
    _wait_free(client)
    with (
        pytest.raises(testclient.WebSocketDenialResponse) as refused,
        client.websocket_connect(path, headers={**headers}),
    ):
        pass
    assert refused.value.status_code == status
    assert client.engine.live.n_open == 0


def test_a_wrong_token_as_a_protocol_is_none(client: Any) -> None:
    with (
        pytest.raises(testclient.WebSocketDenialResponse) as refused,
        client.websocket_connect("/v1/listen", headers={**OWN}, subprotocols=["token", "wrong"]),
    ):
        pass
    assert refused.value.status_code == 401


@pytest.mark.parametrize(
    "protocols", [["token", TOKEN], ["realtime", f"openai-insecure-api-key.{TOKEN}", "openai-beta.realtime-v1"]]
)
def test_a_browser_shows_its_token_as_a_protocol(client: Any, protocols: list[str]) -> None:
    with client.websocket_connect("/v1/listen", headers={**OWN}, subprotocols=protocols) as socket:
        assert socket.accepted_subprotocol == protocols[0]
        socket.send_text('{"type": "CloseStream"}')
        assert json.loads(socket.receive_text())["type"] == "Metadata"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("encoding=opus", "encoding"),
        ("sample_rate=fast", "sample_rate"),
        ("sample_rate=1", "sample_rate"),
        ("channels=2", "channels"),
        ("interim_results=perhaps", "interim_results"),
        ("language=x", "language"),
    ],
)
def test_what_cannot_be_meant_is_refused(client: Any, query: str, param: str) -> None:
    _wait_free(client)
    with (
        pytest.raises(testclient.WebSocketDenialResponse) as refused,
        client.websocket_connect(f"/v1/listen?{query}", headers=KNOWN),
    ):
        pass
    assert refused.value.status_code == 400
    assert refused.value.json()["error"]["param"] == param
    assert client.engine.live.n_open == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"type": "Nonsense"}', '"\\ud800"'])
def test_a_message_that_is_none_ends_the_stream_with_an_error(client: Any, text: str) -> None:
    with client.websocket_connect("/v1/listen", headers=KNOWN) as socket:
        socket.send_text(text)
        assert json.loads(socket.receive_text())["variant"] == "invalid_message"


def test_who_comes_when_all_streams_are_taken_is_told_to_come_again(
    client: Any, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisperdiar.serving.live_sessions._FREED_S", 0.1)
    with client.websocket_connect("/v1/listen", headers=KNOWN) as first:
        with (
            pytest.raises(testclient.WebSocketDenialResponse) as refused,
            client.websocket_connect("/v1/listen", headers=KNOWN),
        ):
            pass
        assert refused.value.status_code == 429
        assert int(refused.value.headers["retry-after"]) > 0
        first.send_text('{"type": "CloseStream"}')
        assert json.loads(first.receive_text())["type"] == "Metadata"


def test_a_process_serves_the_next_client_after_one_who_has_gone(client: Any, speech: bytes) -> None:
    with client.websocket_connect("/v1/listen", headers=KNOWN) as socket:
        socket.send_bytes(speech[:32_000])
    _wait_free(client)
    (kept,) = client.engine.live._idle
    assert [item["type"] for item in _listen(client, speech[:32_000], "")][-1] == "Metadata"
    assert client.engine.live._idle == [kept]
    assert not list(Path(client.folder, "live").glob("*/*"))


def test_a_process_that_dies_ends_its_stream_alone(client: Any, speech: bytes) -> None:
    import psutil

    _wait_free(client)
    with client.websocket_connect("/v1/listen", headers=KNOWN) as socket:
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        assert json.loads(socket.receive_text())["variant"] == "live_ended"
    assert [item["type"] for item in _listen(client, speech[:32_000], "")][-1] == "Metadata"


def test_a_process_that_died_while_it_waited_is_not_noticed(
    client: Any, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wait_free(client)
    _listen(client, speech[:32_000], "")
    _wait_free(client)
    (waiting,) = client.engine.live._idle
    # For a moment the system calls a process alive whose connection has ended.
    monkeypatch.setattr(type(waiting), "is_alive", True)
    waiting._process.kill()
    assert [item["type"] for item in _listen(client, speech[:32_000], "")][-1] == "Metadata"
    _wait_free(client)
    (kept,) = client.engine.live._idle
    assert kept is not waiting
