"""What a server refuses, and how it lives on: hostile uploads, strangers, crashes, a full queue, a stop."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from tests.examples import examples
from tests.serving.conftest import REQUEST, Running, running
from tests.sounds import NANO, RATE_HZ, noise, silence
from whisperdiar import InvalidOption
from whisperdiar.options import ServerOptions
from whisperdiar.selection import Choice
from whisperdiar.serving import workers
from whisperdiar.serving.uploads import clean_name

ASK = "/v1/audio/transcriptions"


def error_of(answer: Any) -> dict[str, Any]:
    """The error of an answer, in the shape of OpenAI's: one line, no trace, no folder of the server."""
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "\n" not in error["message"]
    assert "Traceback" not in answer.text
    assert "/tmp" not in answer.text
    return error


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/cron.d/evil",
        "..\\..\\evil.wav",
        "/etc/passwd",
        "a\r\nX: y",
        "<img src=x onerror=alert(1)>.wav",
        "." * 300,
    ],
    ids=ascii,
)
def test_the_name_of_a_file_is_text_and_no_path(server: Running, talk: Path, name: str) -> None:
    def list_files() -> set[Path]:
        """In the server's folder, and beside it; programs of other tests may write into theirs."""
        folder = server.engine.folder
        found = (*folder.rglob("*"), *folder.parent.iterdir(), *folder.parent.rglob("*evil*"))
        return {path for path in found if "upload-" not in str(path)}

    before = list_files()
    answer = server.post(ASK, data={"model": "whisper-1"}, files={"file": (name, talk.read_bytes()[:100_000])})
    assert answer.status_code == 200, answer.text
    assert list_files() == before


@given(st.text(max_size=300))
def test_a_clean_name_is_short_printable_and_without_folders(name: str) -> None:
    found = clean_name(name)
    assert 0 < len(found) <= 120
    assert found.isprintable()
    assert not set("/\\") & set(found)
    assert found not in (".", "..")


def test_what_is_no_recording_is_told(server: Running, tmp_path: Path, talk: Path) -> None:
    for name, data in (
        ("empty.wav", b""),
        ("text.mp3", b"hello " * 1000),
        ("list.m3u8", b"#EXTM3U\nfile:///etc/passwd\n"),
    ):
        (tmp_path / name).write_bytes(data)
        answer = server.send(ASK, tmp_path / name)
        assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (
            400,
            "invalid_file",
            "file",
        )
        assert ".media" not in answer.text
    assert error_of(server.post(ASK, data={"model": "whisper-1"}))["code"] in ("missing_file", "invalid_form")
    assert server.post(ASK, json={"file": "/etc/passwd"}).status_code == 415
    assert error_of(server.post(ASK, data={"file": "/etc/passwd"}))["code"] == "missing_file"
    assert error_of(server.send(ASK, talk, model="../whisper-nano"))["code"] == "model_not_found"
    assert error_of(server.get("/v1/nothing"))["code"] == "not_found"


def test_silence_and_noise_have_no_words(server: Running, tmp_path: Path) -> None:
    for audio in (silence(2.0), noise(3.0)):
        path = tmp_path / f"{audio.recording_id}.wav"
        wavfile.write(path, RATE_HZ, audio.mono)
        answer = server.send(ASK, path, response_format="diarized_json")
        assert (answer.status_code, answer.json()["segments"], answer.json()["text"]) == (200, [], "")


def test_what_is_too_large_or_too_long_is_refused(server: Running, tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    large.write_bytes(b"RIFF" + bytes(3_100_000))
    answer = server.send(ASK, large)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "file_too_large")

    def pieces() -> Any:  # nobody announces its length
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _n in range(40):
            yield bytes(100_000)

    answer = server.post(ASK, content=pieces(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, error_of(answer)["code"]) == (413, "file_too_large")
    long = tmp_path / "long.wav"
    wavfile.write(long, 8_000, silence(80.0).mono[: 80 * 8_000])
    answer = server.send(ASK, long)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_file")
    assert "longer than 0.02 hours" in error_of(answer)["message"]


def open_upload(server: Running) -> socket.socket:
    """An upload that has begun."""
    made = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    made.sendall(
        f"POST {ASK} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'.encode()
    )
    return made


def test_an_upload_that_stops_is_ended_and_leaves_nothing(server: Running) -> None:
    with open_upload(server) as slow:
        slow.settimeout(20)
        assert b" 408 " in slow.recv(4096).split(b"\r\n")[0]
    with open_upload(server):
        pass  # the client goes away
    until = time.monotonic() + 60
    while server.engine.uploads.n_open or list(server.engine.folder.glob("upload-*")):
        assert time.monotonic() < until
        time.sleep(0.05)


@settings(max_examples=examples(40))
@given(data=st.binary(max_size=400), boundary=st.sampled_from([b"x", b"", b"--"]))
def test_no_form_ends_the_server(server: Running, data: bytes, boundary: bytes) -> None:
    kind = b"multipart/form-data; boundary=" + boundary
    answer = server.post(ASK, content=b"--x\r\n" + data, headers={"content-type": kind.decode()})
    assert 400 <= answer.status_code < 500
    error_of(answer)


def test_every_answer_has_the_headers_of_safety(server: Running) -> None:
    for path in ("/health", "/v1/models", "/nothing"):
        headers = server.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_pages_of_others_and_turned_names_are_refused(server: Running) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        answer = server.get("/v1/models", headers=headers)
        assert (answer.status_code, error_of(answer)["type"]) == (403, "permission_error")
    assert server.get("/v1/models", headers={"origin": server.url}).status_code == 200


def test_tokens_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="WHISPERDIAR_SERVER_TOKEN"):
        ServerOptions(host="0.0.0.0")
    with running(tmp_path, tokens=("first-token", "zwölf"), ready=False) as server:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "Basic !"},
        ):
            answer = server.get("/v1/models", headers=headers)
            assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key")
        assert server.get("/metrics").status_code == 401
        assert server.get("/health").json()["status"] == "loading"
        assert server.get("/v1/models", headers={"authorization": "Bearer first-token"}).status_code == 200
        assert server.get("/v1/models", auth=("any", "first-token")).status_code == 200
        assert "first-token" not in server.log.text


def test_a_worker_that_dies_fails_its_recording_and_is_started_again(server: Running, talk: Path) -> None:
    (process,) = server.engine.workers.process_ids
    os.kill(process, signal.SIGSTOP)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(server.send(ASK, talk)))
    asking.start()
    until = time.monotonic() + 60
    while not server.engine.workers.running:
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    asking.join()
    assert (answers[0].status_code, error_of(answers[0])["code"]) == (500, "worker_crashed")
    assert answers[0].headers["x-should-retry"] == "false"
    assert server.send(ASK, talk).status_code == 200
    assert server.engine.workers.process_ids != (process,)
    assert "whisperdiar_worker_restarts_total 0" not in server.get("/metrics").text


def test_work_that_takes_too_much_is_ended(server: Running, talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of memory that any worker passes, and a worker that does not hear that its work was cancelled."""
    monkeypatch.setattr(server.engine.workers, "_limit_bytes", 1.0)
    answer = server.send(ASK, talk)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "out_of_memory")
    monkeypatch.undo()
    server.wait_ready()
    monkeypatch.setattr(workers, "_CANCEL_S", 0.2)
    (process,) = server.engine.workers.process_ids
    os.kill(process, signal.SIGSTOP)
    with pytest.raises(httpx.ReadTimeout), talk.open("rb") as file:
        httpx.post(f"{server.url}{ASK}", files={"file": file}, timeout=0.5)
    assert server.send(ASK, talk).status_code == 200
    assert server.engine.workers.process_ids != (process,)


def test_the_log_and_the_metrics_hold_no_names_and_no_words(server: Running, talk: Path) -> None:
    answer = server.send(ASK, talk, name="secret plan.wav", prompt="hush")
    said = answer.json()["text"].split()
    told = server.log.text + server.get("/metrics").text
    assert not [word for word in (*said, "secret", "plan", "hush") if len(word) > 3 and f"{word}" in told]
    assert all(json.loads(line)["event"] for line in server.log.text.splitlines())


def test_a_full_queue_says_when_to_come_again_and_a_client_that_leaves_is_forgotten(tmp_path: Path, talk: Path) -> None:
    with running(tmp_path, queue=1) as server:
        (process,) = server.engine.workers.process_ids
        os.kill(process, signal.SIGSTOP)

        async def ask() -> tuple[list[int], list[str | None]]:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:

                async def send() -> Any:
                    return await client.post(ASK, files={"file": ("a.wav", talk.read_bytes())})

                sent = [asyncio.ensure_future(send()) for _n in range(6)]
                await asyncio.sleep(2.0)
                sent.append(asyncio.ensure_future(send()))
                await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
                waits = [item for item in sent if not item.done()]
                gone = waits[0]
                gone.cancel()
                os.kill(process, signal.SIGCONT)
                found = await asyncio.gather(*(item for item in sent if item is not gone))
                refused = [item for item in found if item.status_code == 429]
                return [item.status_code for item in found], [item.headers.get("retry-after") for item in refused]

        codes, waits = asyncio.run(ask())
        assert set(codes) == {200, 429}
        assert codes.count(200) <= 2
        assert all(int(item or 0) >= 1 for item in waits)


def test_a_stop_lets_the_work_that_is_under_way_end(tmp_path: Path, talk: Path) -> None:
    """As a person starts it: a command, SIGTERM, exit code 0."""
    command = [sys.executable, "-m", "whisperdiar", "serve", "--port", "0", "--folder", str(tmp_path), *NANO]
    command += ["--diarizer", "bic", "--vad", "energy", "--threads", "1", "--device", "cpu"]
    environment = {**os.environ, "WHISPERDIAR_CONFIG": "", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        try:
            first = next(line for line in process.stderr if "listening" in line)
            url = re.search(r"http://[\d.:]+", first)[0]  # type: ignore[index]
            while httpx.get(f"{url}/health").status_code != 200:
                time.sleep(0.05)
            answers: list[Any] = []
            with talk.open("rb") as file:
                ask = functools.partial(httpx.post, f"{url}{ASK}", files={"file": file}, timeout=60)
                asking = threading.Thread(target=lambda: answers.append(ask()))
                asking.start()
                while "whisperdiar_running 1" not in httpx.get(f"{url}/metrics").text:
                    time.sleep(0.02)
                process.send_signal(signal.SIGTERM)
                asking.join()
            assert answers[0].status_code == 200
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert not list(tmp_path.glob("upload-*"))


def test_an_address_that_is_taken_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from whisperdiar.cli import run

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        asked = ["serve", "--port", str(port), "--folder", str(tmp_path), *NANO, "--diarizer", "bic", "--vad", "energy"]
        assert run(asked) == 1
    assert "choose another with --port" in capfd.readouterr().err
    assert run(["serve", "--host", "0.0.0.0", *NANO]) == 2
    assert "WHISPERDIAR_SERVER_TOKEN" in capfd.readouterr().err


FIELDS = (
    "model", "language", "languages[]", "prompt", "keywords[]", "response_format", "temperature", "stream", "include[]",
    "timestamp_granularities[]", "chunking_strategy", "chunking_strategy[type]", "known_speaker_names[]", "task",
    "known_speaker_references[]", "num_speakers", "min_speakers", "max_speakers", "diarize", "webhook",
)  # fmt: skip


@settings(max_examples=examples(60))
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), st.text(st.characters(codec="utf-8"), max_size=30), max_size=4),
    path=st.sampled_from([ASK, "/v1/audio/translations", "/v1/audio/diarization", "/jobs"]),
)
def test_no_field_ends_the_server(server: Running, fields: dict[str, str], path: str) -> None:
    """Whatever a client writes, it gets an answer: here an error, as there is no sound in the recording."""
    answer = server.post(path, data=fields, files={"file": ("a.wav", b"RIFF no sound")})
    if answer.status_code == 202:
        return
    if answer.headers["content-type"].startswith("text/event-stream"):
        assert '"error"' in answer.text
        return
    assert 400 <= answer.status_code < 500, answer.text
    error_of(answer)


def test_no_path_leads_out_of_the_jobs(server: Running) -> None:
    for job_id in ("%2e%2e%2fjobs.sqlite3", "..%2f..%2fetc%2fpasswd", "%00", "x" * 3000, "'; DROP TABLE jobs; --"):
        for path in (
            f"/jobs/{job_id}",
            f"/jobs/{job_id}/result",
            f"/page/read/{job_id}",
            f"/page/media/{job_id}?until=9",
        ):
            assert server.get(path).status_code in (403, 404)
    assert server.get("/jobs").status_code == 200


def test_who_asks_a_server_whose_model_does_not_load_is_told_why_at_once(tmp_path: Path, talk: Path) -> None:
    absent = replace(REQUEST, asr=Choice(name="whisper", settings={"model": "someone/absent"}))
    with running(tmp_path, request=absent, ready=False) as server:
        for _time in range(2):  # while it is loaded, and after it has failed
            answer = server.send(ASK, talk, model="whisper-1")
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            assert "someone/absent" in error_of(answer)["message"]
