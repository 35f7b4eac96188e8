"""The model store on a cache laid out like the hub's, and against a small hub on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants

from whisperdiar import _hub, models
from whisperdiar.errors import InvalidOption, ModelUnavailable, WhisperdiarError
from whisperdiar.options import Runtime

FILES = {"config.json": "{}", "model.bin": "weights", "tokenizer.json": "{}", "vocabulary.txt": "a\nb"}
OFFLINE = Runtime(offline=True)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and a hub that refuses connections."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return folder


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
        blob = root / "blobs" / hashlib.sha1(f"{name}{text}".encode()).hexdigest()
        blob.write_text(text, encoding="utf-8")
        (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))
    if ref:
        (root / "refs" / ref).write_text(commit, encoding="utf-8")
    return snapshot


def one_line(error: pytest.ExceptionInfo[WhisperdiarError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_cached_model_is_used_without_the_network(cache):
    snapshot = put(cache, "Systran/faster-whisper-tiny", FILES)
    for runtime in (OFFLINE, Runtime()):
        found = models.resolve("tiny", runtime=runtime)
        assert (found.path, found.repository, found.revision) == (snapshot, "Systran/faster-whisper-tiny", "c0ffee")
    assert models.path("tiny") == snapshot
    assert models.resolve("Systran/faster-whisper-tiny", runtime=OFFLINE).path == snapshot


def test_incomplete_snapshot_is_not_taken(cache):
    put(cache, "Systran/faster-whisper-tiny", {name: text for name, text in FILES.items() if name != "tokenizer.json"})
    with pytest.raises(ModelUnavailable):
        models.path("tiny")
    put(cache, "Systran/faster-whisper-tiny", {"tokenizer.json": "{}"})
    blob = models.path("tiny").joinpath("model.bin").resolve()
    blob.unlink()
    with pytest.raises(ModelUnavailable):
        models.path("tiny")


def test_snapshot_of_an_older_commit_serves_where_the_newest_is_incomplete(cache):
    whole = put(cache, "Systran/faster-whisper-base", FILES, commit="aaa", ref=None)
    put(cache, "Systran/faster-whisper-base", {"config.json": "{}"}, commit="bbb")
    assert models.resolve("base", runtime=OFFLINE).path == whole
    assert models.fetch_snapshot("Systran/faster-whisper-base", files=list(FILES), runtime=OFFLINE) == whole
    with pytest.raises(ModelUnavailable):
        models.fetch_snapshot("Systran/faster-whisper-base", files=list(FILES), revision="bbb", runtime=OFFLINE)
    named = models.fetch_snapshot("Systran/faster-whisper-base", files=list(FILES), revision="aaa", runtime=OFFLINE)
    assert named == whole


def test_offline_says_what_to_do(monkeypatch):
    with pytest.raises(ModelUnavailable, match="whisperdiar models download small") as error:
        models.resolve("small", runtime=OFFLINE)
    assert "--model" in one_line(error)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailable, match="the network may not be used"):
        models.resolve("small")


def test_unreachable_hub_is_reported_at_once():
    begin = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"cannot be reached .*whisperdiar models download small") as error:
        models.resolve("small")
    one_line(error)
    assert time.monotonic() - begin < 5


def test_hub_that_never_answers_does_not_hang(monkeypatch):
    monkeypatch.setattr(_hub, "REACH_TIMEOUT_S", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        begin = time.monotonic()
        with pytest.raises(ModelUnavailable):
            models.resolve("small")
    assert time.monotonic() - begin < 5


def test_folder_is_used_as_it_is(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert models.resolve(str(folder), runtime=OFFLINE) == models.ResolvedModel(folder, str(folder))
    (folder / "model.bin").unlink()
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(InvalidOption, match=r"lacks model.bin, vocabulary.\*") as error:
        models.resolve(str(folder))
    one_line(error)
    (folder / "model.safetensors").touch()
    with pytest.raises(InvalidOption, match="ct2-transformers-converter"):
        models.resolve(str(folder))
    with pytest.raises(InvalidOption, match="no such folder"):
        models.resolve(str(tmp_path / "nowhere"))
    with pytest.raises(InvalidOption, match="give the folder"):
        models.resolve(str(folder / "config.json"))


def test_wrong_name_gets_a_hint():
    with pytest.raises(InvalidOption, match="did you mean small"):
        models.resolve("smal")
    with pytest.raises(InvalidOption, match=r"choose one of tiny, .*large-v3-turbo"):
        models.resolve("xyzzy")


def test_catalogue_agrees_with_faster_whisper(cache):
    from faster_whisper.utils import _MODELS

    put(cache, "Systran/faster-whisper-tiny", FILES)
    entries = {entry.name: entry for entry in models.catalogue()}
    assert {name: entry.repository for name, entry in entries.items()} == {
        name: repository for name, repository in _MODELS.items() if name not in ("large", "turbo")
    }
    assert [name for name, entry in entries.items() if entry.cached] == ["tiny"]
    assert all(entry.languages == "English" for name, entry in entries.items() if name.endswith(".en"))
    assert entries["large-v3"].languages == "multilingual"
    for alias in ("large", "turbo"):
        put(cache, _MODELS[alias], FILES)
        assert models.resolve(alias, runtime=OFFLINE).repository == _MODELS[alias]


def test_auto_takes_the_default_of_the_device_or_the_best_there_is(cache):
    with pytest.raises(ModelUnavailable, match="models download small"):
        models.resolve("auto", runtime=OFFLINE)
    assert models.best_cached() is None
    put(cache, "Systran/faster-whisper-small.en", FILES)
    assert models.best_cached() is None
    put(cache, "Systran/faster-whisper-tiny", FILES)
    put(cache, "Systran/faster-whisper-medium", FILES)
    found = models.resolve("auto", runtime=OFFLINE)
    assert found.name == "medium" == models.best_cached()
    assert found.note is not None
    assert "medium" in found.note
    put(cache, "Systran/faster-whisper-small", FILES)
    assert models.resolve("auto", runtime=OFFLINE).name == "small"
    assert models.resolve("auto", runtime=OFFLINE).note is None
    put(cache, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", FILES)
    assert models.resolve("auto", runtime=OFFLINE, kind="cuda").name == "large-v3-turbo"


def test_cached_model_is_copied_to_a_folder_without_the_network(cache, tmp_path):
    put(cache, "Systran/faster-whisper-tiny", FILES)
    target = models.download("tiny", tmp_path / "stick" / "tiny", runtime=OFFLINE)
    assert {item.name: item.read_text(encoding="utf-8") for item in target.iterdir()} == FILES
    assert models.resolve(str(target)).path == target
    with pytest.raises(InvalidOption, match="is a folder"):
        models.download(str(target))


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's interface as its client asks for: a commit, its files, and their bytes."""

    protocol_version = "HTTP/1.1"
    repositories: ClassVar[dict[str, dict[str, str]]] = {
        "Systran/faster-whisper-tiny": {**FILES, "model.bin": "0123456789" * 50_000, "README.md": "not needed"},
        # The client keeps what it has in steps of 10 MB.
        "someone/large": {**FILES, "model.bin": "0123456789" * 2_400_000},
        "someone/transformers-model": {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "x"},
    }
    commit = "d" * 40
    requests: ClassVar[list[tuple[str, str, str | None, str | None]]] = []
    break_off = False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0].strip("/")
        self.requests.append((self.command, path, self.headers.get("Range"), self.headers.get("Authorization")))
        parts = path.split("/")
        if not path:
            return self.answer(b"hello")
        if parts[:2] == ["api", "models"]:
            return self.tell("/".join(parts[2:4]), parts[4])
        files = self.repositories.get("/".join(parts[:2]), {})
        name = parts[-1]
        if parts[2:4] != ["resolve", self.commit] or name not in files:
            return self.answer(b"", 404, {"X-Error-Code": "EntryNotFound"})
        return self.send_file(files[name].encode())

    def tell(self, repository: str, what: str) -> None:
        if repository == "someone/gated":
            return self.answer(b"{}", 403, {"X-Error-Code": "GatedRepo"})
        if repository not in self.repositories:
            return self.answer(b"{}", 401, {"X-Error-Code": "RepoNotFound"})
        files = self.repositories[repository]
        if what == "tree":
            tree = [{"type": "file", "path": n, "size": len(t), "oid": etag(t.encode())} for n, t in files.items()]
            return self.answer(json.dumps(tree).encode())
        info = {"id": repository, "sha": self.commit, "siblings": [{"rfilename": name} for name in files]}
        return self.answer(json.dumps(info).encode())

    def send_file(self, data: bytes) -> None:
        first = int((self.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        headers = {"X-Repo-Commit": self.commit, "ETag": f'"{etag(data)}"', "Accept-Ranges": "bytes"}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        body = data[first:]
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
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub():
    Hub.requests, Hub.break_off = [], False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
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


def test_model_is_downloaded_once_and_then_taken_from_the_cache(hub, tmp_path):
    call = "models.resolve('tiny', progress=progress).path"
    first = fetch(hub, tmp_path, call, HF_TOKEN="hf_secret")
    folder = Path(first.splitlines()[0])
    assert folder.name == Hub.commit
    assert sorted(item.name for item in folder.iterdir()) == sorted(FILES)
    assert folder.joinpath("model.bin").stat().st_size == 500_000
    assert "('download', 1.0)" in first
    asked = [(path, token) for _, path, _, token in Hub.requests if "faster-whisper-tiny" in path]
    assert {token for _, token in asked} == {"Bearer hf_secret"}
    Hub.requests.clear()
    assert fetch(hub, tmp_path, call).splitlines()[0] == str(folder)
    assert Hub.requests == []


def test_token_comes_from_the_environment_only(hub, tmp_path):
    (tmp_path / "token").write_text("hf_stored", encoding="utf-8")
    fetch(hub, tmp_path, "models.download('tiny')")
    assert {token for *_, token in Hub.requests} == {None}


def test_interrupted_download_goes_on(hub, tmp_path):
    Hub.break_off = True
    fetch(hub, tmp_path / "home", f"models.download('someone/large', {str(tmp_path / 'folder')!r})")
    assert not Hub.break_off
    ranges = [r for command, path, r, _ in Hub.requests if command == "GET" and path.endswith("model.bin")]
    assert any(r and r != "bytes=0-" for r in ranges)
    text = (tmp_path / "folder" / "model.bin").read_text(encoding="utf-8")
    assert text == Hub.repositories["someone/large"]["model.bin"]
    assert models.resolve(str(tmp_path / "folder")).path == tmp_path / "folder"


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("someone/nothing", "no repository someone/nothing"),
        ("someone/gated", "accept its conditions at https://huggingface.co/someone/gated"),
        ("someone/transformers-model", "has no model.bin"),
    ],
)
def test_refusals_are_one_line(hub, tmp_path, repository, expected):
    printed = fetch(hub, tmp_path, f"models.resolve({repository!r})", HF_TOKEN="hf_secret").splitlines()
    assert printed[0].startswith("ModelUnavailable")
    assert expected in printed[0]
    assert "hf_secret" not in printed[0]
    assert printed[1].startswith("PROGRESS")


def test_any_repository_can_be_fetched(hub, tmp_path):
    call = "models.fetch_snapshot('someone/transformers-model', files=['config.json', '*.safetensors'])"
    folder = Path(fetch(hub, tmp_path, call).splitlines()[0])
    assert sorted(item.name for item in folder.iterdir()) == ["config.json", "model.safetensors"]
    with contextlib.suppress(FileNotFoundError):
        folder.joinpath("model.safetensors").resolve().unlink()
    again = Path(fetch(hub, tmp_path, call).splitlines()[0])
    assert again.joinpath("model.safetensors").read_text(encoding="utf-8") == "x"
