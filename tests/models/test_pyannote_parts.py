"""pyannote.audio's pipelines with other networks, clusterings and configurations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests import tiny_pyannote as tiny
from tests.examples import by_night
from tests.pyannote_pipelines import (
    REAL_SEGMENTATION,
    backend,
    copied,
    diarize,
    edited,
    into_cache,
    ready,
)
from tests.sounds import SHARED, conversation
from whisperdiar import Audio, SpeakerCount
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.pyannote import REVISIONS

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABA", each=2.0, gap=0.4)[0]


def test_a_segmentation_is_replaced(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    usual = diarize(ready(agglomerative), audio)
    path = tiny.save_checkpoint(tiny.segmentation_model(seed=2), tmp_path / "other.ckpt")
    found = backend(agglomerative, segmentation_model=str(path))
    assert diarize(found, audio).turns != usual.turns
    assert found.record().details["segmentation"] == str(path)


def test_a_multi_label_segmentation_gets_its_threshold(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    path = tiny.save_checkpoint(tiny.segmentation_model(powerset=False), tmp_path / "pytorch_model.bin")
    usual = diarize(backend(agglomerative, segmentation_model=str(tmp_path)), audio)
    assert usual.turns
    strict = diarize(backend(agglomerative, segmentation_model=str(path), segmentation_threshold=0.99), audio)
    assert sum(t.span.duration for t in strict.turns) < sum(t.span.duration for t in usual.turns)
    half = backend(agglomerative, segmentation_model=str(path), segmentation_threshold=0.5)
    assert diarize(half, audio) == usual


def test_an_embedding_is_replaced(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    path = tiny.save_checkpoint(tiny.embedding_model(seed=7), tmp_path / "embedding.bin")
    found = backend(agglomerative, embedding_model=str(path))
    diarize(found, audio)
    weight = found._loaded._embedding.model_.state_dict()["resnet.conv1.weight"].cpu()
    assert (weight == tiny.embedding_model(seed=7).state_dict()["resnet.conv1.weight"]).all()


def test_a_segmentation_of_diarizers_is_the_same_network(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    """People fine-tune segmentations with `diarizers`, which saves another format."""
    folder = tiny.save_diarizers(tiny.segmentation_model(), tmp_path / "fine-tuned")
    usual = diarize(ready(agglomerative), audio)
    assert diarize(backend(agglomerative, segmentation_model=str(folder)), audio) == usual
    multi = tiny.save_diarizers(tiny.segmentation_model(powerset=False), tmp_path / "multi-label")
    found = backend(agglomerative, segmentation_model=str(multi), segmentation_threshold=0.9)
    assert diarize(found, audio).turns
    assert diarize(found, audio).turns != usual.turns
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(BackendBroken, match="cannot be loaded as a model of diarizers"):
        backend(agglomerative, segmentation_model=str(folder)).prepare()


def test_fine_tuned_segmentations_of_the_hub(
    agglomerative: Path, audio: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what `diarizers` saved lies a pytorch_model.bin of another format, or only that; older versions saved the
    weights alone under its name."""
    import torch

    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    folder = tiny.save_diarizers(tiny.segmentation_model(), tmp_path / "fine-tuned")
    usual = diarize(ready(agglomerative), audio)
    (tmp_path / "other.bin").write_bytes(b"no segmentation")
    both = {name: folder / name for name in ("config.json", "model.safetensors")}
    name = "JSWOOK/pyannote_3_fine_tuning"
    into_cache(cache, name, REVISIONS[name], {**both, "pytorch_model.bin": tmp_path / "other.bin"})
    assert diarize(backend(agglomerative, segmentation_model=name), audio) == usual

    weights = {f"model.{key}": value for key, value in tiny.segmentation_model().state_dict().items()}
    torch.save(weights, tmp_path / "bare.bin")
    older = {"config.json": folder / "config.json", "pytorch_model.bin": tmp_path / "bare.bin"}
    into_cache(cache, "nairaxo/diarization-model-ary", "c" * 40, older)
    assert diarize(backend(agglomerative, segmentation_model="nairaxo/diarization-model-ary"), audio) == usual

    # A model of Transformers with the same names is no segmentation; a checkpoint of pyannote.audio beside it is.
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}', encoding="utf-8")
    mixed = {"config.json": tmp_path / "config.json", "model.safetensors": folder / "model.safetensors"}
    into_cache(cache, "owner/other", "d" * 40, mixed)
    with pytest.raises(ModelUnavailable, match="owner/other"):
        backend(agglomerative, segmentation_model="owner/other").prepare()
    own = {**mixed, "pytorch_model.bin": agglomerative / "segmentation" / "pytorch_model.bin"}
    into_cache(cache, "owner/mixed", "e" * 40, own)
    assert diarize(backend(agglomerative, segmentation_model="owner/mixed"), audio) == usual


def test_the_real_segmentation_in_a_pipeline(agglomerative: Path) -> None:
    if not REAL_SEGMENTATION.is_file():
        pytest.skip("the real checkpoint is not beside this checkout")
    from whisperdiar import load

    recording = load(SHARED / "corpus" / "audio" / "ami_EN2001a.flac", end=12.0)
    found = backend(agglomerative, segmentation_model=str(REAL_SEGMENTATION))
    lines = (SHARED / "corpus" / "refs" / "ami_EN2001a.rttm").read_text(encoding="utf-8").splitlines()
    spoken = [(float(f[3]), float(f[3]) + float(f[4])) for f in map(str.split, lines)]
    grid = np.arange(0.0, 12.0, 0.01)
    reference = np.any([(a <= grid) & (grid < b) for a, b in spoken], axis=0)
    answer = np.any([(t.start <= grid) & (grid < t.end) for t in diarize(found, recording).turns], axis=0)
    assert np.mean(reference == answer) > 0.85, "0.9 was measured"


def test_a_model_of_another_kind_is_refused(agglomerative: Path, tmp_path: Path) -> None:
    segmentation, embedding = agglomerative / "segmentation", agglomerative / "embedding"
    with pytest.raises(InvalidOption, match="does not segment speakers"):
        backend(agglomerative, segmentation_model=str(embedding)).prepare()
    with pytest.raises(InvalidOption, match="does not embed voices"):
        backend(agglomerative, embedding_model=str(segmentation)).prepare()
    (tmp_path / "broken.bin").write_bytes(b"no checkpoint")
    with pytest.raises(BackendBroken, match="cannot be loaded as a model of pyannote") as caught:
        backend(agglomerative, segmentation_model=str(tmp_path / "broken.bin")).prepare()
    assert "\n" not in str(caught.value)


def test_configurations_that_cannot_be_used_say_why(agglomerative: Path, tmp_path: Path) -> None:
    vad = edited(agglomerative, tmp_path / "vad", "SpeakerDiarization", "VoiceActivityDetection")
    with pytest.raises(InvalidOption, match="VoiceActivityDetection: give one of type SpeakerDiarization"):
        backend(vad).prepare()
    lacking = edited(agglomerative, tmp_path / "lacking", "    min_cluster_size: 2\n", "")
    with pytest.raises(BackendBroken, match=r"lacks clustering\.min_cluster_size"):
        backend(lacking).prepare()
    backend(lacking, min_cluster_size=3).prepare()
    unknown = edited(agglomerative, tmp_path / "unknown", "segmentation_step", "segmentation_stride")
    with pytest.raises(BackendBroken, match="segmentation_stride"):
        backend(unknown).prepare()
    for text in ("a: [", "just words", "pipeline: 3"):
        (unknown / "config.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(BackendBroken, match=r"config\.yaml"):
            backend(unknown).prepare()


def test_what_a_configuration_freezes_can_still_be_chosen(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    frozen = edited(agglomerative, tmp_path, "    min_cluster_size: 2\n", "")
    with (frozen / "config.yaml").open("a", encoding="utf-8") as file:
        file.write("freeze:\n  clustering:\n    min_cluster_size: 2\n")
    assert diarize(backend(frozen), audio) == diarize(ready(agglomerative), audio)
    chosen = backend(frozen, min_cluster_size=4)
    chosen.prepare()
    assert chosen.record().details["parameters"]["clustering"]["min_cluster_size"] == 4


def test_clustering_that_must_be_told_the_number_says_so(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    folder = edited(agglomerative, tmp_path, "AgglomerativeClustering", "KMeansClustering")
    found = backend(folder)
    with pytest.raises(UnsupportedRequest, match="KMeansClustering"):
        diarize(found, audio, SpeakerCount(2, 3))
    assert len(diarize(found, audio, SpeakerCount(2, 2)).speakers) == 2


def published(pipeline: Path, folder: Path, clustering: str, parameters: str) -> Path:
    """A copy of the pipeline that is configured for another clustering."""
    copy = copied(pipeline, folder)
    config = yaml.safe_load((copy / "config.yaml").read_text(encoding="utf-8"))
    config["pipeline"]["params"]["clustering"] = clustering
    config["params"]["clustering"] = yaml.safe_load(parameters)
    (copy / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("kind", "clustering", "parameters"),
    [
        ("vbx", "AgglomerativeClustering", "{method: centroid, min_cluster_size: 12, threshold: 0.7045654963945799}"),
        by_night("vbx", "KMeansClustering", "{}"),
        ("with plda", "VBxClustering", "{threshold: 0.6, Fa: 0.07, Fb: 0.8}"),
    ],
)
def test_another_clustering_starts_from_the_published_values(
    kind: str, clustering: str, parameters: str, vbx: Path, agglomerative: Path, audio: Audio, tmp_path: Path
) -> None:
    """… and not from those that the configuration has for its own."""
    folder = vbx
    if kind == "with plda":
        folder = edited(agglomerative, tmp_path / "plda", "    clustering:", "    plda: $model/plda\n    clustering:")
        tiny.save_plda(folder / "plda")
    expected = published(folder, tmp_path, clustering, parameters)
    count = SpeakerCount(3, 3)
    found = backend(folder, clustering=clustering)
    assert diarize(found, audio, count) == diarize(backend(expected), audio, count)
    details = found.record().details
    assert details["clustering"] == clustering
    assert details["parameters"].get("clustering", {}) == yaml.safe_load(parameters)


def test_another_clustering_takes_settings_of_its_own(vbx: Path, audio: Audio) -> None:
    found = backend(vbx, clustering="AgglomerativeClustering", clustering_threshold=0.05, min_cluster_size=1)
    assert len(diarize(found, audio).speakers) > len(diarize(ready(vbx), audio).speakers)
    assert found.record().details["parameters"]["clustering"] == {
        "method": "centroid",
        "min_cluster_size": 1,
        "threshold": 0.05,
    }
    same = backend(vbx, clustering="VBxClustering")
    assert diarize(same, audio) == diarize(ready(vbx), audio)


def test_vbx_in_place_of_another_clustering_needs_the_plda_of_community_1(
    agglomerative: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="speaker-diarization-community-1 is not on this machine"):
        backend(agglomerative, clustering="VBxClustering").prepare()
