"""Downloads of models against a small hub on this machine: resumed, mended, refused in one line."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.counting import ends
from tests.examples import by_night
from tests.model_hub import FILES, Hub, empty_cache, fetch, serve_hub
from whisperdiar import models
from whisperdiar.errors import ModelUnavailable, WhisperdiarError
from whisperdiar.models import hub as _hub
from whisperdiar.models.installed import find_in_folder
from whisperdiar.options import Runtime


def one_line(error: pytest.ExceptionInfo[WhisperdiarError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    return empty_cache(tmp_path, monkeypatch)


@pytest.fixture
def hub():
    with serve_hub() as address:
        yield address


def contents(folder: Path) -> dict[str, bytes]:
    return {str(item.relative_to(folder)): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


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


def test_other_recognisers_are_fetched_by_name_or_repository(hub, tmp_path):
    """Only what the layout needs, which a repository tells before its weights are fetched."""
    resolve = "__import__('whisperdiar.models.recognisers', fromlist=['_']).resolve"
    printed = fetch(hub, tmp_path, f"{resolve}('t-one', progress=progress).path").splitlines()
    assert sorted(item.name for item in Path(printed[0]).iterdir()) == ["config.json", "model.onnx"]
    assert printed[1].endswith("[('download', 1.0)]")
    call = f"{resolve}('someone/onnx', compute_type='int8', progress=progress)"
    printed = fetch(hub, tmp_path, f"(lambda found: (found.layout, found.precision, found.path))({call})")
    assert printed.startswith("('nemo-conformer-ctc', 'int8', ")
    assert not any(path.endswith("model.onnx") for _, path, *_ in Hub.requests if "someone/onnx" in path)
    told = fetch(hub, tmp_path, f"{resolve}('someone/text', layout='nemo-conformer-ctc')").splitlines()[0]
    assert told.startswith("ModelUnavailable repository someone/text has no model.onnx and no vocab.txt; ")


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


@pytest.mark.parametrize("place", ["", by_night("own")])
def test_what_comes_with_other_bytes_is_fetched_once_more_or_not_taken(hub, tmp_path, place):
    call = f"models.download('tiny', {str(tmp_path / place)!r})" if place else "models.download('tiny')"
    Hub.n_damaged = 2
    told = fetch(hub, tmp_path, call).splitlines()[0]
    assert told.startswith("ModelUnavailable Systran/faster-whisper-tiny: model.bin did not come as it was published")
    assert not list(tmp_path.rglob("model.bin"))
    Hub.n_damaged = 1
    folder = Path(fetch(hub, tmp_path, call).splitlines()[0])
    assert (folder / "model.bin").read_bytes() == b"0123456789" * 50_000
    assert Hub.n_damaged == 0


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


@pytest.mark.parametrize("cached", [False, by_night(True)])
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


@pytest.mark.nightly
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
