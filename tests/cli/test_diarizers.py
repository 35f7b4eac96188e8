"""The neural diarizers from the command line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.sounds import NANO
from whisperdiar.formats import rttm

lacks_resemblyzer = importlib.util.find_spec("resemblyzer") is None


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name small networks as ONNX files."""
    pytest.importorskip("pyannote.audio", reason="pyannote.audio, of whose classes networks are made, is not installed")
    from tests import onnx_models, tiny_pyannote
    from tests.sounds import conversation
    from whisperdiar.frameworks.pyannote import silence_pyannote

    folder = tmp_path_factory.mktemp("networks")
    with silence_pyannote():
        segmentation = onnx_models.export_segmentation(tiny_pyannote.segmentation_model(), folder / "segmentation.onnx")
        voices = onnx_models.embedding([conversation()[0]], n_mels=8)
        embedding = onnx_models.export_embedding(voices, folder / "embedding.onnx")
    window = ("--diarizer-option", "segmentation_window=2")
    return ["--segmentation-model", str(segmentation), "--embedding-model", str(embedding), *window]


@pytest.mark.model
def test_onnx_in_full_and_fast(cli: Cli, short: Path, networks: list[str]) -> None:
    for mode in ((), ("--fast",)):
        done = cli(
            "diarize", short, *networks, *mode, "--vad", "silero", "-f", "rttm,json", "-o", "out/", "--overwrite", "-q"
        )
        assert (done.code, done.err) == (0, "")
        made = json.loads(Path("out", f"{short.stem}.json").read_text("utf-8"))
        diarizer = made["provenance"]["diarizer"]
        assert diarizer["backend"] == "onnx", "auto takes it first"
        assert made["provenance"]["options"]["diarization"]["fast"] is bool(mode)
        assert rttm.loads(Path("out", f"{short.stem}.rttm").read_text("utf-8")).turns


@pytest.mark.model
@pytest.mark.skipif(lacks_resemblyzer, reason="Resemblyzer is not installed")
def test_an_embedding_implies_its_diarizer(cli: Cli, short: Path) -> None:
    done = cli("diarize", short, "--embedding", "resemblyzer", "--vad", "silero", "-o", "out.json", "-q")
    assert (done.code, done.err) == (0, "")
    diarizer = json.loads(Path("out.json").read_text("utf-8"))["provenance"]["diarizer"]
    assert (diarizer["backend"], diarizer["details"]["embedding"]) == ("embedding", "resemblyzer")


@pytest.mark.model
def test_wespeaker_clusters_the_detected_speech(cli: Cli, short: Path, networks: list[str]) -> None:
    model = networks[networks.index("--embedding-model") + 1]
    wanted = ("--embedding", "wespeaker", "--embedding-model", model, "--vad", "silero", "--speakers", "2")
    done = cli("diarize", short, *wanted, "-q")
    assert (done.code, done.err) == (0, "")
    assert len(rttm.loads(done.out).speakers) == 2


@pytest.mark.model
def test_what_stands_in_for_models_that_are_not_here(cli: Cli, short: Path, tmp_path: Path) -> None:
    done = cli(short, *NANO, "-o", "out.json", "--vad", "silero")
    assert done.code == 0
    (line,) = [line for line in done.err.splitlines() if "because onnx cannot run" in line]
    assert "onnx cannot run: its model is not on this machine. To fix this, run: whisperdiar models" in line
    assert "whisperdiar models download onnx" in line
    diarizer = json.loads(Path("out.json").read_text("utf-8"))["provenance"]["diarizer"]
    assert diarizer["fallback_from"] == "onnx"
    assert "onnx-community/pyannote-segmentation-3.0 is not on this machine" in diarizer["reason"]
    assert diarizer["backend"] == ("bic" if lacks_resemblyzer else "embedding")


@pytest.mark.model
def test_probabilities_are_saved(cli: Cli, short: Path, tmp_path: Path) -> None:
    pytest.importorskip("nemo", reason="NVIDIA NeMo is not installed")
    from tests import tiny_sortformer

    model = tiny_sortformer.build(tmp_path / "model.nemo")
    saved = ("--save-probabilities", "kept.npz", "--diarizer-option", f"model={model}")
    done = cli("diarize", short, *saved, "--vad", "silero", "-q")
    assert (done.code, done.err) == (0, "")
    with np.load("kept.npz") as kept:
        assert kept["probabilities"].shape[1] == 4
        assert len(kept["probabilities"]) == pytest.approx(12.0 / float(kept["frame_duration"]), abs=2)


@pytest.mark.model
@pytest.mark.parametrize("option", ["--save-activity", "--save-probabilities"])
@pytest.mark.parametrize("command", [("diarize",), ("transcribe", *NANO)])
def test_the_activity_of_any_diarizer_is_saved(cli: Cli, short: Path, command: tuple[str, ...], option: str) -> None:
    done = cli(*command, short, "--diarizer", "bic", option, "kept.npz", "--vad", "silero", "-o", "out.json", "-q")
    assert (done.code, done.err) == (0, "")
    speakers = [item["id"] for item in json.loads(Path("out.json").read_text("utf-8"))["speakers"]]
    with np.load("kept.npz", allow_pickle=False) as kept:
        assert kept["kind"] == "likelihood"
        assert len(kept["probabilities"]) == pytest.approx(12.0 / float(kept["frame_duration"]), abs=10)
        assert sorted(kept["labels"].tolist()) == sorted(speakers)


@pytest.mark.model
def test_activity_goes_with_the_diarizer_that_auto_takes(cli: Cli, short: Path, networks: list[str]) -> None:
    done = cli("diarize", short, *networks, "--save-activity", "kept.npz", "--vad", "silero", "-o", "out.json", "-q")
    assert (done.code, done.err) == (0, "")
    made = json.loads(Path("out.json").read_text("utf-8"))
    assert made["provenance"]["diarizer"]["backend"] == "onnx"
    with np.load("kept.npz") as kept:
        assert kept["kind"] == "posterior"
        assert set(filter(None, kept["labels"].tolist())) == {item["id"] for item in made["speakers"]}


@pytest.mark.model
@pytest.mark.parametrize("option", ["--save-activity", "--save-probabilities"])
def test_nemotron_in_onnx_runtime(cli: Cli, short: Path, tmp_path: Path, option: str) -> None:
    reason = "no Transformers that has Nemotron 3 Diarization"
    pytest.importorskip("transformers.models.nemotron3_diarization", reason=reason)
    from tests import tiny_nemotron
    from tests.sounds import conversation

    model = tiny_nemotron.export_one_graph(tiny_nemotron.model(conversation()[0]), tmp_path / "model.onnx")
    chosen = ("--diarizer", "nemotron", "--diarizer-option", f"model={model}", "--speakers", "2")
    done = cli("diarize", short, *chosen, option, "kept.npz", "--vad", "silero", "-o", "out.json", "-q")
    assert done.code == 0
    made = json.loads(Path("out.json").read_text("utf-8"))
    diarizer = made["provenance"]["diarizer"]
    assert (diarizer["backend"], diarizer["details"]["mode"]) == ("nemotron", "one_window")
    with np.load("kept.npz") as kept:
        assert len(kept["probabilities"]) == pytest.approx(1200, abs=10)
        assert set(kept["labels"].tolist()) == {"", "SPEAKER_00", "SPEAKER_01"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ("--save-activity", "x.npz", "--diarizer", "none"),
            "--diarizer none tells no activity",
        ),
        (("--save-activity", "x.npz", "--turns", "t.rttm"), "x.npz: --turns t.rttm tells no activity"),
        (("--save-probabilities", "x.npz", "--turns", "t.rttm"), "leave --save-probabilities out"),
        (("--embedding", "ecapa", "--turns", "t.rttm"), "leave --embedding out"),
        (("--save-activity", "nodir/x.npz", "--diarizer", "bic"), "nodir"),
        (("--save-activity", "x.npz", "--save-probabilities", "y.npz"), "are the same option: leave one out"),
        (("--speakers", "9", "--diarizer", "nemotron"), "9 speakers: nemotron tells at most 8 apart"),
        (("--embedding", "ecapa", "--diarizer", "bic"), "--embedding is for --diarizer embedding"),
        (("--fast", "--diarizer", "bic"), "bic has no setting 'fast'"),
        (("--embedding-model", "x.onnx", "--diarizer", "sortformer"), "sortformer has no setting 'embedding_model'"),
        (("--speakers", "5-6", "--diarizer", "sortformer"), "5-6 speakers: sortformer tells at most 4 apart"),
        (("--segmentation-model", "/nowhere/x.onnx"), "/nowhere/x.onnx"),
    ],
)
def test_what_does_not_go_together_is_refused(cli: Cli, short: Path, options: tuple[str, ...], complaint: str) -> None:
    done = cli("diarize", short, *options, "--vad", "silero", "-o", "out.rttm")
    assert done.code in (1, 2)
    (line,) = done.complaints
    assert complaint in line
    assert not Path("out.rttm").exists()


def test_probabilities_of_several_recordings_do_not_go_into_one_file(cli: Cli, short: Path) -> None:
    done = cli(short, "other.wav", "--save-probabilities", "x.npz", "-o", "out/")
    assert done.code == 2
    assert "one by one" in done.err


@pytest.mark.parametrize("name", ["short.wav", "out.npz", ".", "nodir/p.npz", "p.txt"])
def test_probabilities_replace_nothing_and_can_be_written(cli: Cli, short: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "short.wav").write_bytes(short.read_bytes())
    before = (tmp_path / "short.wav").read_bytes()
    done = cli("diarize", "short.wav", "--save-probabilities", name, "-o", "out.npz", "-f", "rttm")
    assert done.code in (1, 2)
    assert len(done.complaints) == 1
    assert (tmp_path / "short.wav").read_bytes() == before
    assert not Path("out.npz").exists()


@pytest.mark.model
def test_what_a_stand_in_cannot_do_is_said(cli: Cli, short: Path) -> None:
    done = cli("diarize", short, "--fast", "--vad", "silero", "-q")
    assert done.code == 0
    assert "has no fast: left out" in done.err
