"""A cache laid out like the hub's, and a small hub on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants

BINARY = struct.pack("<IH2sIII", 6, 2, b"W\0", 3, 0, 0).decode("latin-1")
"""A model of CTranslate2 without weights."""
FILES = {"config.json": "{}", "model.bin": BINARY, "tokenizer.json": "{ }", "vocabulary.txt": "a\nb"}


def empty_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for models in `folder`, with nothing in it, and a hub that refuses connections."""
    cache = folder / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("WHISPERDIAR_CACHE", str(folder / "ours"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return cache


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def put(
    cache: Path, repository: str, files: dict[str, str], *, commit: str = "c0ffee", ref: str | None = "main"
) -> Path:
    """Stores a snapshot as the hub's client does: blobs, links to them, and a reference."""
    root = cache / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    for folder in (snapshot, root / "blobs", root / "refs"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        blob = root / "blobs" / (hashlib.sha256 if name == "model.bin" else git_sha1)(text.encode()).hexdigest()
        blob.write_bytes(text.encode())
        (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))
    if ref:
        (root / "refs" / ref).write_text(commit, encoding="utf-8")
    return snapshot


def git_sha1(data: bytes) -> hashlib._Hash:
    """How the hub names small files; large ones go by their SHA-256."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data)


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's interface as its client asks for: a commit, its files, and their bytes."""

    protocol_version = "HTTP/1.1"
    repositories: ClassVar[dict[str, dict[str, str]]] = {
        "Systran/faster-whisper-tiny": {**FILES, "model.bin": "0123456789" * 50_000, "README.md": "not needed"},
        # The client keeps what it has in steps of 10 MB.
        "someone/large": {**FILES, "model.bin": "0123456789" * 2_400_000},
        "someone/transformers-model": {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "x"},
        "someone/checkpoint": {
            "config.json": '{"model_type": "whisper"}',
            "model.safetensors": "x",
            "vocab.json": "{}",
            "README.md": "not needed",
            "flax_model.msgpack": "nor this",
        },
        "t-tech/T-one": {"config.json": "{}", "model.onnx": "0123456789" * 50_000, "kenlm.bin": "not needed"},
        "someone/onnx": {
            "config.json": '{"model_type": "nemo-conformer-ctc"}',
            "vocab.txt": "a 0",
            "model.int8.onnx": "x",
            "model.onnx": "y",
        },
        "someone/text": {"config.json": "{}", "tokenizer.json": "{}"},
    }
    commit = "d" * 40
    requests: ClassVar[list[tuple[str, str, str | None, str | None]]] = []
    break_off = False
    n_damaged = 0
    """How many of the next large files are sent with other bytes."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/")
        self.requests.append((self.command, path, self.headers.get("Range"), self.headers.get("Authorization")))
        parts = path.split("/")
        if not path:
            return self.answer(b"hello")
        if parts[:2] == ["api", "models"]:
            return self.tell("/".join(parts[2:4]), *parts[4:5])
        files = self.repositories.get("/".join(parts[:2]), {})
        name = parts[-1]
        if parts[2:4] != ["resolve", self.commit] or name not in files:
            return self.answer(b"", 404, {"X-Error-Code": "EntryNotFound"})
        return self.send_file(files[name].encode())

    def tell(self, repository: str, what: str = "info") -> None:
        if repository == "someone/gated":
            return self.answer(b"{}", 403, {"X-Error-Code": "GatedRepo"})
        if repository not in self.repositories:
            return self.answer(b"{}", 401, {"X-Error-Code": "RepoNotFound"})
        files = self.repositories[repository]
        if what == "tree":
            tree = [{"type": "file", "path": n, "size": len(t), "oid": etag(t.encode())} for n, t in files.items()]
            return self.answer(json.dumps(tree).encode())
        siblings = [{"rfilename": name, "size": len(text)} for name, text in files.items()]
        info = {"id": repository, "sha": self.commit, "siblings": siblings}
        return self.answer(json.dumps(info).encode())

    def send_file(self, data: bytes) -> None:
        first = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        headers = {"X-Repo-Commit": self.commit, "ETag": f'"{etag(data)}"', "Accept-Ranges": "bytes"}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        body = data[first:]
        if self.command == "GET" and len(data) > 1000 and Hub.n_damaged:
            Hub.n_damaged -= 1
            body = body[:-1] + b"!"
        if self.command == "GET" and len(data) > 1000 and Hub.break_off:
            Hub.break_off = False
            self.answer(body, 200, headers, sent=len(body) // 2)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.answer(body, 206 if first else 200, headers)

    def answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, sent: int = -1) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if sent < 0 else body[:sent])

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def etag(data: bytes) -> str:
    return (hashlib.sha256 if len(data) > 1000 else git_sha1)(data).hexdigest()


@contextlib.contextmanager
def serve_hub() -> Iterator[str]:
    """The address of a hub that serves `Hub.repositories` and notes what is asked."""
    Hub.requests, Hub.break_off, Hub.n_damaged = [], False, 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def fetch(hub: str, home: Path, call: str, **environment: str) -> str:
    """What `call` prints in a new process, since the hub's client reads its settings at its import."""
    code = (
        "from whisperdiar import models\n"
        "from whisperdiar.errors import WhisperdiarError\n"
        "seen = []\n"
        "progress = lambda stage, fraction: seen.append((stage, fraction))\n"
        f"try:\n    print({call})\n"
        "except WhisperdiarError as error:\n    print(type(error).__name__, error)\n"
        "assert seen == sorted(seen)\n"
        "print('PROGRESS', len(seen), seen[-1:])\n"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = {"HF_ENDPOINT": hub, "HF_HOME": str(home), "no_proxy": "127.0.0.1", **environment}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**clean, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "%|" not in done.stderr  # no progress bar of the client's
    return done.stdout
