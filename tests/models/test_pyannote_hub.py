"""pyannote.audio's pipelines that are not here: what is missing is named, and the hub's run from its cache."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pyannote_pipelines import (
    OFFLINE,
    backend,
    copied,
    diarize,
    into_cache,
    ready,
)
from tests.sounds import conversation
from whisperdiar import Audio
from whisperdiar.diarization.pyannote import Backend
from whisperdiar.errors import BackendMissing, ModelUnavailable
from whisperdiar.frameworks.pyannote import REVISIONS
from whisperdiar.options import PyannoteSettings, Runtime
from whisperdiar.options.pyannote_vad import PyannoteVadSettings
from whisperdiar.vad.pyannote import Backend as SpeechDetector

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABA", each=2.0, gap=0.4)[0]


def test_what_is_missing_is_named(vbx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelUnavailable, match="speaker-diarization-community-1 is not on this machine"):
        Backend(runtime=OFFLINE).prepare()
    with pytest.raises(ModelUnavailable, match="no such file or folder"):
        backend(tmp_path / "nowhere").prepare()
    copy = copied(vbx, tmp_path)
    (copy / "plda" / "plda.npz").unlink()
    with pytest.raises(ModelUnavailable, match=r"holds no plda/plda\.npz"):
        backend(copy).prepare()
    (copy / "embedding" / "pytorch_model.bin").unlink()
    (copy / "plda" / "plda.npz").touch()
    with pytest.raises(ModelUnavailable, match=r"holds no embedding/pytorch_model\.bin"):
        backend(copy).prepare()
    (copy / "config.yaml").unlink()
    with pytest.raises(ModelUnavailable, match=r"holds no config\.yaml"):
        backend(copy).prepare()


def test_without_the_package_its_extra_is_named(vbx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyannote.audio", None)
    with pytest.raises(BackendMissing, match=r'pip install "whisperdiar\[pyannote\]"'):
        backend(vbx).prepare()


def test_what_is_missing_is_found_out_before_the_slow_import(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from whisperdiar.diarization.pyannote import Backend\n"
        "from whisperdiar.errors import ModelUnavailable\n"
        "from whisperdiar.options import Runtime\n"
        "try:\n    Backend(runtime=Runtime(offline=True)).prepare()\n"
        "except ModelUnavailable as error:\n    print('torch' in sys.modules, error)"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("False pyannote/speaker-diarization-community-1 is not on this machine")


def test_the_hubs_pipelines_run_from_its_cache(
    agglomerative: Path, vbx: Path, audio: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.1 names its parts by repository, community-1 by folder; both without a connection, at the pinned revisions."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    text = (agglomerative / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("$model/segmentation", "pyannote/segmentation-3.0")
    text = text.replace("$model/embedding", "pyannote/wespeaker-voxceleb-resnet34-LM")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    for repository, files in {
        "pyannote/speaker-diarization-3.1": {"config.yaml": tmp_path / "config.yaml"},
        "pyannote/segmentation-3.0": {"pytorch_model.bin": agglomerative / "segmentation" / "pytorch_model.bin"},
        "pyannote/wespeaker-voxceleb-resnet34-LM": {
            "pytorch_model.bin": agglomerative / "embedding" / "pytorch_model.bin"
        },
        "pyannote/speaker-diarization-community-1": {
            str(path.relative_to(vbx)): path for path in vbx.rglob("*") if path.is_file()
        },
    }.items():
        into_cache(cache, repository, REVISIONS[repository], files)
    named = backend("pyannote/speaker-diarization-3.1")
    assert diarize(named, audio) == diarize(ready(agglomerative), audio)
    revision = REVISIONS["pyannote/speaker-diarization-3.1"]
    assert named.record().details["source"] == f"pyannote/speaker-diarization-3.1@{revision}"
    assert diarize(Backend(runtime=OFFLINE), audio) == diarize(ready(vbx), audio)


class Gate(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does for a repository whose conditions were not accepted."""

    tokens: list[str | None]
    answer = (403, "GatedRepo")

    def do_GET(self) -> None:
        self.tokens.append(self.headers.get("Authorization"))
        self.send_response(self.answer[0])
        self.send_header("X-Error-Code", self.answer[1])
        self.send_header("X-Error-Message", "Access to this model is restricted")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is not the server's."""


@pytest.fixture
def gated_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    handler = type("Handler", (Gate,), {"tokens": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    yield handler.tokens  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_gated_pipeline_names_its_page_and_the_variable(gated_hub: list[str | None]) -> None:
    with pytest.raises(ModelUnavailable, match="pyannote/speaker-diarization-community-1") as caught:
        Backend(runtime=Runtime(threads=1)).prepare()
    message = str(caught.value)
    assert "https://huggingface.co/pyannote/speaker-diarization-community-1" in message
    assert "HF_TOKEN" in message
    assert "hf_secret" not in message
    assert "\n" not in message
    assert "Bearer hf_secret" in gated_hub, "the token is sent to the hub, and only there"


@pytest.mark.parametrize("named", ["pyannote/segmentation-3.0", "nairaxo/diarization-model-ary"])
@pytest.mark.parametrize("stage", ["diarization", "vad"])
def test_a_gated_segmentation_names_its_own_page(
    stage: str, named: str, agglomerative: Path, gated_hub: list[str | None]
) -> None:
    online = Runtime(threads=1)
    found = (
        Backend(PyannoteSettings(pipeline=str(agglomerative), segmentation_model=named), runtime=online)
        if stage == "diarization"
        else SpeechDetector(PyannoteVadSettings(model=named), runtime=online)
    )
    with pytest.raises(ModelUnavailable, match=f"{named} needs consent") as caught:
        found.prepare()
    message = str(caught.value)
    assert f"https://huggingface.co/{named}," in message
    assert "HF_TOKEN" in message
    assert "hf_secret" not in message


def test_a_private_segmentation_asks_for_the_token(
    agglomerative: Path, gated_hub: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "answer", (401, "RepoNotFound"))
    settings = PyannoteSettings(pipeline=str(agglomerative), segmentation_model="owner/private")
    with pytest.raises(ModelUnavailable, match=r"no repository owner/private: .* set HF_TOKEN if it is private"):
        Backend(settings, runtime=Runtime(threads=1)).prepare()
