"""Jobs: progress, results, cancelling, a server that starts again; webhooks that are signed and go nowhere private."""

from __future__ import annotations

import functools
import http.server
import ipaddress
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.conftest import Running, running
from whisperdiar import OutputError, Transcript
from whisperdiar.formats import available
from whisperdiar.serving.refusals import Refusal
from whisperdiar.serving.webhooks import check_url, is_public

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="


def wait_for(server: Running, job_id: str, *states: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while True:
        found: dict[str, Any] = server.get(f"/jobs/{job_id}").json()
        if found["state"] in (states or ("done", "failed", "cancelled")):
            return found
        assert time.monotonic() < until, found
        time.sleep(0.05)


def read_events(server: Running, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    found, kind = [], ""
    with httpx.stream("GET", f"{server.url}/jobs/{job_id}/events", timeout=60) as stream:
        for line in stream.iter_lines():
            name, _colon, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                found.append((kind, json.loads(value)))
    return found


def test_a_job_tells_how_far_it_is_and_gives_every_format(server: Running, talk: Path) -> None:
    name = "<script>alert(1)</script> Привет.wav"
    made = server.send("/jobs", talk, name=name)
    assert made.status_code == 202, made.text
    job = made.json()
    assert made.headers["location"] == f"/jobs/{job['id']}"
    events = read_events(server, job["id"])
    assert events[0][0] == events[-1][0] == "state"
    assert (events[-1][1]["state"], events[-1][1]["fraction"]) == ("done", 1.0)
    assert {"asr", "diarization"} <= {data["stage"] for kind, data in events if kind == "progress"}
    assert "good morning" in " ".join(data["text"] for kind, data in events if kind == "heard").lower()
    result = functools.partial(server.get, f"/jobs/{job['id']}/result")
    transcript = Transcript.from_dict(result().json())
    assert transcript.speakers
    assert "Привет" in transcript.recording_id
    for form in sorted(set(available()) - {"docx", "pdf"}):
        answer = result(params={"format": form})
        assert answer.status_code in (200, 400), (form, answer.text)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        if answer.status_code == 200:
            assert answer.headers["content-disposition"].startswith("attachment")
    page = result(params={"format": "html"}).text
    assert "<script>alert(1)" not in page
    assert result(params={"format": "../json"}).json()["error"]["param"] == "format"
    assert not list((server.engine.folder / "jobs").glob("*/*.media")), "the recording stays on the disk"
    assert job["id"] in [item["id"] for item in server.get("/jobs").json()["data"]]
    assert httpx.delete(f"{server.url}/jobs/{job['id']}").status_code == 204
    assert result().json()["error"]["code"] == "job_not_found"
    assert not (server.engine.folder / "jobs" / job["id"]).exists()


def test_a_job_is_cancelled_while_it_waits_and_while_it_is_worked_on(server: Running, talk: Path) -> None:
    (process,) = server.engine.workers.process_ids
    os.kill(process, signal.SIGSTOP)
    try:
        first, second = (server.send("/jobs", talk).json()["id"] for _n in range(2))
        wait_for(server, first, "running")
        assert server.get(f"/jobs/{second}/result").json()["error"]["code"] == "job_not_done"
        for job_id in (second, first):
            assert server.post(f"/jobs/{job_id}/cancel").status_code == 202
        assert wait_for(server, second)["state"] == "cancelled"
    finally:
        os.kill(process, signal.SIGCONT)
    assert wait_for(server, first)["state"] == "cancelled"
    assert server.send("/v1/audio/transcriptions", talk).status_code == 200


def test_a_recording_that_cannot_be_read_is_a_failed_job(server: Running, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"nothing to hear")
    job = wait_for(server, server.send("/jobs", tmp_path / "x.wav").json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "invalid_file")
    assert "/" not in job["error"]["message"]


@dataclass
class Receiver:
    """A server with TLS that webhooks are sent to."""

    url: str
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes a certificate, is not here")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-addext", "subjectAltName=DNS:localhost"], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.got.append((dict(self.headers), body))
            self.send_response(found.answers.pop(0) if found.answers else 204)
            self.send_header("location", "https://localhost/elsewhere")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nothing is printed."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        found = Receiver(f"https://localhost:{server.server_address[1]}/hook?a=b")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield found
        server.shutdown()


def test_a_stopped_server_takes_its_jobs_up_again_and_tells_of_their_end(
    tmp_path: Path, talk: Path, receiver: Receiver
) -> None:
    openai = pytest.importorskip("openai", reason="the client of OpenAI, which checks signatures, is not installed")
    options = {"webhook_secret": SECRET, "private_webhooks": True}
    receiver.answers = [500, 302]  # told again
    with running(tmp_path / "server", grace_s=0.2, **options) as first:
        with pytest.raises(OutputError, match="another server keeps its jobs there"), running(tmp_path / "server"):
            pass
        os.kill(first.engine.workers.process_ids[0], signal.SIGSTOP)
        ids = [first.send("/jobs", talk, webhook=receiver.url).json()["id"] for _n in range(2)]
        wait_for(first, ids[0], "running")
    with running(tmp_path / "server", **options) as second:
        assert [wait_for(second, job_id)["state"] for job_id in ids] == ["done", "done"]
        until = time.monotonic() + 60
        while len({headers["webhook-id"] for headers, _body in receiver.got}) < 2 or receiver.answers:
            assert time.monotonic() < until, second.log.text
            time.sleep(0.05)
    client = openai.OpenAI(api_key="none")
    for headers, body in receiver.got:
        client.webhooks.verify_signature(body.decode(), headers, secret=SECRET)
        assert json.loads(body)["type"] == "job.done"
        assert b"morning" not in body.lower()
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client.webhooks.verify_signature(body.decode() + " ", headers, secret=SECRET)


def test_results_are_kept_for_their_time_alone(tmp_path: Path, talk: Path) -> None:
    with running(tmp_path, keep_hours=0.0) as server:
        job_id = server.send("/jobs", talk).json()["id"]
        assert read_events(server, job_id)[-1][1]["state"] == "done"
        assert list((tmp_path / "jobs").iterdir())
        assert server.get(f"/jobs/{job_id}").json()["error"]["code"] == "job_not_found"
        assert not list((tmp_path / "jobs").iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://user:word@example.org/",
        "https://example.org/\r\nX: y",
        "file:///etc/passwd",
        "https://",
        "https://[",
    ],
)
def test_a_webhook_goes_nowhere_private(server: Running, talk: Path, url: str) -> None:
    with pytest.raises(Refusal):
        check_url(url, private=False)


def test_a_server_without_a_secret_takes_no_webhook(server: Running, talk: Path) -> None:
    answer = server.send("/jobs", talk, webhook="https://example.org/")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "webhook")
    assert not list(server.engine.folder.glob("upload-*"))


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="192.168.0.0/16"))
def test_a_private_address_is_private_inside_any_other(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    forms = [
        address,
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    forms.append(ipaddress.IPv6Address((0x64FF9B << 96) | number))
    assert not any(map(is_public, forms))
