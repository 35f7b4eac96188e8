"""The model store on a cache laid out like the hub's, and against a small hub on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import importlib.metadata
import importlib.util
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner
from huggingface_hub import constants

from tests.counting import ends
from whisperdiar import models
from whisperdiar.cli import main
from whisperdiar.errors import InvalidOption, ModelUnavailable, WhisperdiarError
from whisperdiar.models import hub as _hub
from whisperdiar.models.catalogue import KNOWN, choose_default
from whisperdiar.models.installed import find_in_folder, list_installed
from whisperdiar.models.verification import Verdict
from whisperdiar.options import Runtime
from whisperdiar.system.machine import has_room

BINARY = struct.pack("<IH2sIII", 6, 2, b"W\0", 3, 0, 0).decode("latin-1")
"""A model of CTranslate2 without weights."""
FILES = {"config.json": "{}", "model.bin": BINARY, "tokenizer.json": "{ }", "vocabulary.txt": "a\nb"}
OFFLINE = Runtime(offline=True)
CRDNN = "speechbrain/vad-crdnn-libriparty"
GB = 1_000_000_000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and a hub that refuses connections."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("WHISPERDIAR_CACHE", str(tmp_path / "ours"))
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
        blob = root / "blobs" / (hashlib.sha256 if name == "model.bin" else git_sha1)(text.encode()).hexdigest()
        blob.write_bytes(text.encode())
        (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))
    if ref:
        (root / "refs" / ref).write_text(commit, encoding="utf-8")
    return snapshot


def git_sha1(data: bytes) -> hashlib._Hash:
    """How the hub names small files; large ones go by their SHA-256."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data)


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
    with pytest.raises(ModelUnavailable, match=r"cannot be reached .*whisperdiar models download small") as error:
        ends(lambda: models.resolve("small"))
    one_line(error)


def test_hub_that_never_answers_does_not_hang(monkeypatch):
    monkeypatch.setattr(_hub, "REACH_TIMEOUT_S", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(ModelUnavailable):
            ends(lambda: models.resolve("small"))


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
    with pytest.raises(InvalidOption, match="no model of Transformers"):
        models.resolve(str(folder))
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").touch()
    with pytest.raises(InvalidOption, match="is an adapter"):
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


def test_auto_takes_the_default_of_the_device_or_the_best_there_is(cache, monkeypatch):
    monkeypatch.setattr(models, "available_memory", lambda kind, index: 8 * GB)
    monkeypatch.setattr(models, "usable_cores", lambda: 4)
    with pytest.raises(ModelUnavailable, match="models download small"):
        models.resolve("auto", runtime=OFFLINE)
    assert models.find_best_cached() is None
    put(cache, "Systran/faster-whisper-small.en", FILES)
    assert models.find_best_cached() is None
    put(cache, "Systran/faster-whisper-tiny", FILES)
    put(cache, "Systran/faster-whisper-medium", FILES)
    found = models.resolve("auto", runtime=OFFLINE)
    assert found.name == "medium" == models.find_best_cached()
    assert found.note is not None
    assert "medium" in found.note
    put(cache, "Systran/faster-whisper-small", FILES)
    small = models.resolve("auto", runtime=OFFLINE)
    assert (small.name, small.note) == ("small", None)
    assert small.remarks == ("model small (4 CPU cores, 8 GB of memory free)",)
    put(cache, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", FILES)
    turbo = models.resolve("auto", runtime=OFFLINE, kind="cuda")
    assert turbo.name == "large-v3-turbo"
    assert turbo.remarks == ("model large-v3-turbo (GPU, 8 GB of memory free)",)
    put(cache, "Systran/faster-whisper-large-v3", FILES)
    assert models.resolve("auto", runtime=OFFLINE, kind="cuda", translate=True).name == "large-v3"
    assert models.resolve("large-v3", runtime=OFFLINE).remarks == ()
    # With little memory the best one on this machine is not the largest.
    monkeypatch.setattr(models, "available_memory", lambda kind, index: GB)
    assert models.find_best_cached() == "tiny"


@pytest.mark.parametrize(
    ("kind", "free_gb", "cores", "expected"),
    [
        ("cpu", 64, 8, "large-v3-turbo"),
        ("cpu", 64, 7, "small"),
        ("cpu", 2.9, 8, "small"),
        ("cpu", 3.0, 8, "large-v3-turbo"),
        ("cpu", 2.0, 2, "small"),
        ("cpu", 1.9, 2, "base"),
        ("cpu", 1.0, 64, "tiny"),
        ("cpu", 0.0, 1, "tiny"),
        ("cpu", None, 64, "large-v3-turbo"),
        ("cpu", None, 1, "small"),
        ("cuda", 140, 1, "large-v3-turbo"),
        ("cuda", 4.5, 1, "large-v3-turbo"),
        ("cuda", 4.4, 1, "small"),
        ("cuda", 2.5, 1, "base"),
        ("cuda", 1.0, 1, "tiny"),
        ("cuda", None, 1, "large-v3-turbo"),
    ],
)
def test_default_fits_the_machine(kind, free_gb, cores, expected):
    free = None if free_gb is None else round(free_gb * GB)
    name, reason = choose_default(kind, free_bytes=free, cores=cores)
    assert name == expected
    assert ("memory free" in reason) == (free is not None)
    for translate in (False, True):
        chosen, _ = choose_default(kind, free_bytes=free, cores=cores, translate=translate)
        assert KNOWN[chosen].multilingual
        assert free is None or chosen == "tiny" or has_room(kind, free, KNOWN[chosen].size_mb * 1_000_000)
        assert not (translate and "turbo" in chosen)  # it was not trained to translate


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_more_memory_never_means_a_lesser_model(kind):
    for translate in (False, True):
        names = [
            choose_default(kind, free_bytes=free * GB // 10, cores=8, translate=translate)[0] for free in range(400)
        ]
        sizes = [KNOWN[name].size_mb for name in names]
        assert sizes == sorted(sizes)
        assert len(set(names)) >= 4


def test_verification_finds_what_is_wrong(cache, tmp_path):
    snapshot = put(cache, "Systran/faster-whisper-tiny", FILES)
    (tiny,) = list_installed()
    assert (tiny.name, tiny.kind, tiny.size_bytes) == ("tiny", "whisper", sum(map(len, FILES.values())))
    assert tiny.verify() == Verdict(4, tiny.size_bytes, 4, ())
    for name, text, expected in (
        ("config.json", "[]", "git SHA-1"),
        ("model.bin", BINARY + "x", "SHA-256"),
    ):
        blob = (snapshot / name).resolve()
        blob.write_text(text, encoding="utf-8")
        ((broken, cause),) = tiny.verify().problems
        assert broken == name
        assert "does not hold what was published" in cause
        assert expected in cause
        blob.write_text(FILES[name], encoding="utf-8")
    (snapshot / "tokenizer.json").resolve().unlink()
    assert tiny.verify().problems == (("tokenizer.json", "is a link to a file that is gone"),)
    (snapshot / "tokenizer.json").unlink()
    assert tiny.verify().problems == (("tokenizer.json", "is missing"),)
    assert [item.verify().problems for item in list_installed()] == [
        tiny.verify().problems
    ]  # incomplete, and still found


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("config.json", "{", "is no JSON"),
        ("model.bin", "no model", "is no model of CTranslate2"),
        ("model.bin", BINARY[:-6], "ends early"),
        ("model.bin", BINARY + "rest", "has 24 bytes, by its headers it should have 20"),
        ("model.safetensors", "x", "ends early"),
        ("model.safetensors", "\x02" + 7 * "\0" + "{}tail", "has 14 bytes, by its header it should have 10"),
    ],
)
def test_folder_without_hashes_is_checked_by_its_structure(tmp_path, name, text, expected):
    for item, content in {**FILES, name: text}.items():
        (tmp_path / item).write_text(content, encoding="latin-1")
    verdict = find_in_folder(tmp_path).verify()
    assert verdict.n_hashed == 0
    ((broken, cause),) = verdict.problems
    assert broken == name
    assert expected in cause


def test_cached_model_is_copied_to_a_folder_without_the_network(cache, tmp_path):
    put(cache, "Systran/faster-whisper-tiny", FILES)
    target = models.download("tiny", tmp_path / "stick" / "tiny", runtime=OFFLINE)
    assert {item.name: item.read_text(encoding="utf-8") for item in target.iterdir()} == FILES
    assert models.resolve(str(target)).path == target
    with pytest.raises(InvalidOption, match="is a folder"):
        models.download(str(target))


def command(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(main, ["models", *words], prog_name="whisperdiar", catch_exceptions=True)
    if isinstance(done.exception, WhisperdiarError):  # what the program's entry point makes a line of
        return 1, [str(done.exception)]
    return done.exit_code, done.stdout.splitlines()


def test_models_are_listed_with_what_they_take_on_disk(cache):
    put(cache, "Systran/faster-whisper-tiny", {**FILES, "model.bin": "0" * 12_000_000})
    put(cache, "someone/own-whisper", FILES)
    put(cache, "someone/something", {"config.json": "{}"})
    lines = command("list")[1]
    assert lines[0].endswith("on this machine, 12 MB")
    assert [line for line in lines if "on this machine" in line][1].startswith("someone/own-whisper")
    assert not any("something" in line for line in lines)
    (crdnn,) = [line for line in lines if line.startswith("crdnn")]
    assert "1 MB" in crdnn
    assert "on this machine" not in crdnn
    put(cache, CRDNN, {"hyperparams.yaml": "a: b"})
    rows = {row["name"]: row for row in json.loads("".join(command("list", "--json")[1]))}
    assert rows["crdnn"]["cached"]
    assert rows["crdnn"]["bytes_on_disk"] == 4
    assert (rows["tiny"]["bytes_on_disk"], rows["base"]["bytes_on_disk"]) == (12_000_008, None)


def test_path_of_a_backends_model(cache):
    code, lines = command("path", "crdnn")
    assert code == 1
    assert "whisperdiar models download crdnn" in lines[0]
    snapshot = put(cache, CRDNN, {"hyperparams.yaml": "a: b"})
    assert command("path", "crdnn") == (0, [str(snapshot)])


def test_verify_prints_what_is_wrong_and_what_mends_it(cache, tmp_path):
    code, lines = command("verify")
    assert (code, lines) == (0, ["no model is on this machine: whisperdiar models download small"])
    code, lines = command("verify", "tiny")
    assert code == 1
    assert "whisperdiar models download tiny" in lines[0]
    snapshot = put(cache, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", FILES)
    put(cache, CRDNN, {"hyperparams.yaml": "a: b", "model.ckpt": "x", "mean_var_norm.ckpt": "y"})
    for words in (("verify",), ("verify", "crdnn", "turbo", str(snapshot))):
        code, lines = command(*words)
        assert code == 0
        assert all(" OK " in line for line in lines)
        assert len(lines) == len(words) - 1 or len(lines) == 2
    (snapshot / "model.bin").resolve().write_bytes(b"damaged")
    code, lines = command("verify", "crdnn", "turbo")
    assert code == 1
    assert " OK " in lines[0]
    assert lines[1].startswith("large-v3-turbo")
    assert "BROKEN" in lines[1]
    assert lines[1].endswith("whisperdiar models download large-v3-turbo --repair")
    (cache / f"models--{CRDNN.replace('/', '--')}/snapshots/c0ffee/model.ckpt").unlink()
    code, lines = command("verify", "crdnn")
    assert code == 1
    assert "model.ckpt is missing: whisperdiar models download crdnn --repair" in lines[0]


def test_checkpoint_that_is_not_whole_is_no_model(cache):
    snapshot = put(cache, "someone/fine", {"config.json": '{"model_type": "whisper"}'})
    assert dict(next(list_installed()).verify().problems) == {"model.safetensors": "is missing"}
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (snapshot / "model-00001-of-00002.safetensors").write_bytes(b"\x02" + 7 * b"\0" + b"{}")
    assert dict(next(list_installed()).verify().problems) == {"model-00002-of-00002.safetensors": "is missing"}
    with pytest.raises(ModelUnavailable):
        models.resolve("someone/fine", runtime=OFFLINE)


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
        "someone/text": {"config.json": "{}", "tokenizer.json": "{}"},
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


@pytest.mark.skipif(
    importlib.metadata.version("huggingface_hub").startswith("0."), reason="huggingface_hub before 1.0 counts no bytes"
)
def test_a_listener_hears_of_the_model_that_is_downloaded(hub, tmp_path):
    code = (
        "from whisperdiar import models\nfrom whisperdiar.contracts import listen\n"
        "class Listener:\n    def fetched(self, *told):\n        print('%s %s %s\\n' % told, end='')\n"
        "with listen(Listener()):\n    models.resolve('tiny')\n"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = {**clean, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "no_proxy": "127.0.0.1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    told = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, *_ in told} == {"Systran/faster-whisper-tiny"}
    counts = [int(n_bytes) for _, n_bytes, _ in told]
    assert max(counts) >= 500_000
    assert all(int(total) >= n_bytes for n_bytes, (*_, total) in zip(counts, told, strict=True))


def test_token_comes_from_the_environment_only(hub, tmp_path):
    (tmp_path / "token").write_text("hf_stored", encoding="utf-8")
    fetch(hub, tmp_path, "models.download('tiny')")
    assert {token for *_, token in Hub.requests} == {None}


def test_interrupted_download_goes_on(hub, tmp_path):
    Hub.break_off = True
    call = f"models.download('someone/large', {str(tmp_path / 'folder')!r})"
    printed = fetch(hub, tmp_path / "home", call)
    assert not Hub.break_off
    if printed.startswith("ModelUnavailable"):  # huggingface_hub before 1.0 gives up at once
        assert "try again, the download goes on" in printed
        fetch(hub, tmp_path / "home", call)
    ranges = [r for command, path, r, _ in Hub.requests if command == "GET" and path.endswith("model.bin")]
    if int(importlib.metadata.version("huggingface_hub").partition(".")[0]) >= 2:  # before, it began anew within a call
        assert any(r and r != "bytes=0-" for r in ranges)
    text = (tmp_path / "folder" / "model.bin").read_text(encoding="utf-8")
    assert text == Hub.repositories["someone/large"]["model.bin"]
    assert models.resolve(str(tmp_path / "folder")).path == tmp_path / "folder"


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("someone/nothing", "ModelUnavailable no repository someone/nothing"),
        ("someone/gated", "accept its conditions at https://huggingface.co/someone/gated"),
        ("someone/text", "ModelUnavailable repository someone/text has no model.bin"),
        ("someone/transformers-model", "InvalidOption model someone/transformers-model is no model of Transformers"),
    ],
)
def test_refusals_are_one_line(hub, tmp_path, repository, expected):
    printed = fetch(hub, tmp_path, f"models.resolve({repository!r})", HF_TOKEN="hf_secret").splitlines()
    assert expected in printed[0]
    assert not any("model.safetensors" in path for _, path, _, _ in Hub.requests)  # nothing large in vain
    assert "hf_secret" not in printed[0]
    assert printed[1].startswith("PROGRESS")


def test_damaged_download_is_mended(hub, tmp_path):
    call = "models.download('tiny', repair=True)"
    folder = Path(fetch(hub, tmp_path, call).splitlines()[0])
    for name in ("model.bin", "config.json"):
        blob = (folder / name).resolve()
        whole = blob.read_bytes()
        blob.write_bytes(b"0" * len(whole))
        Hub.requests.clear()
        assert fetch(hub, tmp_path, call).splitlines()[0] == str(folder)
        assert (folder / name).read_bytes() == whole
        got = [path for command, path, _, _ in Hub.requests if command == "GET" and "resolve" in path]
        assert {path.split("/")[-1] for path in got} == {name}
    # What the client notes beside files in a folder is used as well.
    into = f"models.download('tiny', {str(tmp_path / 'own')!r}, repair=True)"
    shutil.rmtree(tmp_path / "hub")
    fetch(hub, tmp_path, into)
    assert find_in_folder(tmp_path / "own").verify().n_hashed == 4
    (tmp_path / "own" / "model.bin").write_bytes(b"0" * 500_000)
    assert "SHA-256" in dict(find_in_folder(tmp_path / "own").verify().problems)["model.bin"]
    fetch(hub, tmp_path, into)
    assert find_in_folder(tmp_path / "own").verify().problems == ()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(item.relative_to(folder)): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


def test_a_repair_deletes_nothing_before_the_new_files_are_there(hub, tmp_path):
    """Neither in the cache nor in a folder, where the hub cannot be reached or breaks off."""
    cached = Path(fetch(hub, tmp_path, "models.download('tiny')").splitlines()[0])
    own = tmp_path / "own"
    into = f"models.download('someone/large', {str(own)!r}, repair=True)"
    fetch(hub, tmp_path / "other", into)
    blob = (cached / "model.bin").resolve()
    blob.write_bytes(b"0" * 500_000)
    (own / "model.bin").write_bytes(b"0" * 24_000_000)
    (own / "config.json").write_bytes(b"{")
    before = contents(tmp_path / "hub"), contents(own)
    for environment in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        printed = fetch(hub, tmp_path, "models.download('tiny', repair=True)", **environment)
        assert printed.startswith("ModelUnavailable")
        printed = fetch(hub, tmp_path / "other", into, **environment)
        assert printed.startswith("ModelUnavailable")
        assert (contents(tmp_path / "hub"), contents(own)) == before
    fetch(hub, tmp_path, "models.download('tiny', repair=True)")
    assert blob.read_bytes() == b"0123456789" * 50_000
    fetch(hub, tmp_path / "other", into)
    assert find_in_folder(own).verify().problems == ()
    assert not list(own.glob(".repairing-*"))


def test_a_repair_touches_no_file_that_is_not_the_models(hub, tmp_path):
    """A folder in which other things lie: some of them look damaged, as models go."""
    own = tmp_path / "home"
    foreign = {
        "settings.json": b"{ // with comments\n",
        "package.json": b"",
        "work/config.json": b"{'python': 1}",
        "work/model.bin": b"mine",
        "weights.safetensors": b"x",
        "notes/vocabulary.txt": b"words",
    }
    for name, data in foreign.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_bytes(data)
    into = f"models.download('tiny', {str(own)!r}, repair=True)"
    for _ in range(2):
        fetch(hub, tmp_path, into)
        assert {name: (own / name).read_bytes() for name in foreign} == foreign
        (own / "model.bin").write_bytes(b"0" * 500_000)
    fetch(hub, tmp_path, into)
    assert (own / "model.bin").read_bytes() == b"0123456789" * 50_000


@pytest.mark.parametrize("cached", [False, True])
def test_a_file_of_the_same_name_that_is_no_models_is_not_replaced_unasked(hub, tmp_path, cached):
    if cached:
        fetch(hub, tmp_path, "models.download('tiny')")
    own = tmp_path / "project"
    own.mkdir()
    (own / "config.json").write_text("{ // of a web page", encoding="utf-8")
    for repair in (False, True):
        printed = fetch(hub, tmp_path, f"models.download('tiny', {str(own)!r}, repair={repair})")
        assert printed.startswith("InvalidOption")
        assert "it exists already and is not of this model" in printed
        assert contents(own) == {"config.json": b"{ // of a web page"}
    fetch(hub, tmp_path, f"models.download('tiny', {str(own)!r}, overwrite=True)")
    assert (own / "config.json").read_text(encoding="utf-8") == FILES["config.json"]
    again = fetch(hub, tmp_path, f"models.download('tiny', {str(own)!r})")  # what is ours is no obstacle
    assert again.startswith(str(own))


def test_checkpoint_is_fetched_where_it_can_be_converted(hub, tmp_path):
    printed = fetch(hub, tmp_path, "models.resolve('someone/checkpoint')").splitlines()[0]
    got = {path.split("/")[-1] for command, path, _, _ in Hub.requests if command == "GET" and "resolve" in path}
    if all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        assert printed.startswith("BackendBroken model someone/checkpoint cannot be converted")
        assert got == {"config.json", "model.safetensors", "vocab.json"}
    else:
        assert printed.startswith("BackendMissing")
        assert "pip install 'whisperdiar[convert]'" in printed
        assert got == {"config.json"}


def test_any_repository_can_be_fetched(hub, tmp_path):
    call = "models.fetch_snapshot('someone/transformers-model', files=['config.json', '*.safetensors'])"
    folder = Path(fetch(hub, tmp_path, call).splitlines()[0])
    assert sorted(item.name for item in folder.iterdir()) == ["config.json", "model.safetensors"]
    with contextlib.suppress(FileNotFoundError):
        folder.joinpath("model.safetensors").resolve().unlink()
    again = Path(fetch(hub, tmp_path, call).splitlines()[0])
    assert again.joinpath("model.safetensors").read_text(encoding="utf-8") == "x"


def test_a_hub_that_does_not_answer_is_asked_once_for_several_models(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(_hub, "_is_offline", lambda: False)
    monkeypatch.setattr(_hub, "_unreachable", {})
    monkeypatch.setattr(_hub, "_explain_unreachable", lambda *_: asked.append(1) or "cannot be reached (a test)")
    for name in ("one/model", "another/model"):
        with pytest.raises(ModelUnavailable, match="a test"):
            _hub.fetch(name, ("x",), runtime=Runtime(), remedy="nothing")
    assert len(asked) == 1
    monkeypatch.setattr(_hub, "_REMEMBER_S", 0.0)
    with pytest.raises(ModelUnavailable, match="a test"):
        _hub.fetch("third/model", ("x",), runtime=Runtime(), remedy="nothing")
    assert len(asked) == 2
