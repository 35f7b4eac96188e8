"""pyannote.audio's pipelines, through the library's own code, on small models of its own classes."""

from __future__ import annotations

import functools
import gc
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests import tiny_pyannote as tiny
from tests.sounds import RATE_HZ, SHARED, conversation, noise, silence
from whisperdiar import Audio, Diarization, Span, SpeakerCount
from whisperdiar.diarization.pyannote import Backend, _waveform
from whisperdiar.errors import BackendBroken, BackendMissing, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.pyannote import REVISIONS, silence_pyannote
from whisperdiar.frameworks.torch import limit_cpu_threads
from whisperdiar.options import PyannoteSettings, Runtime
from whisperdiar.options.pyannote_vad import PyannoteVadSettings
from whisperdiar.types import ANY_SPEAKERS
from whisperdiar.vad.pyannote import Backend as SpeechDetector

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
pytestmark = pytest.mark.model

OFFLINE = Runtime(offline=True, threads=1)
REAL_SEGMENTATION = SHARED / "models" / "pyannote-segmentation" / "pytorch_model.bin"


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABA", each=2.0, gap=0.4)[0]


@pytest.fixture(scope="module")
def agglomerative(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline built as speaker-diarization-3.1 is."""
    return tiny.save_pipeline(tmp_path_factory.mktemp("agglomerative"))


@pytest.fixture(scope="module")
def vbx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline built as speaker-diarization-community-1 is."""
    return tiny.save_pipeline(tmp_path_factory.mktemp("vbx"), clustering="VBxClustering")


def backend(pipeline: Path | str, **settings: Any) -> Backend:
    return Backend(PyannoteSettings(pipeline=str(pipeline), **settings), runtime=OFFLINE)


@functools.cache
def _loaded(pipeline: Path, settings: tuple[tuple[str, Any], ...]) -> Backend:
    return backend(pipeline, **dict(settings))


def ready(pipeline: Path, **settings: Any) -> Backend:
    """The same backend for the same settings: what one test has loaded, the next need not load again."""
    return _loaded(pipeline, tuple(settings.items()))


def diarize(found: Backend, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS) -> Diarization:
    return found.diarize(audio, speech=(Span(0.0, audio.duration),), speakers=speakers)


def copied(pipeline: Path, folder: Path) -> Path:
    return Path(shutil.copytree(pipeline, folder / "copy"))


def edited(pipeline: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of the pipeline with a change in its configuration."""
    copy = copied(pipeline, folder)
    text = (copy / "config.yaml").read_text(encoding="utf-8")
    assert old in text
    (copy / "config.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return copy


def by_the_library(pipeline: Any, audio: Audio, **bounds: int) -> list[tuple[float, float]]:
    """Start and end of the turns that the library itself gives for a loaded pipeline."""
    import torch

    with silence_pyannote(), limit_cpu_threads(1):
        found = pipeline({"waveform": torch.from_numpy(audio.samples), "sample_rate": audio.sample_rate}, **bounds)
    segments = [segment for segment, _ in found.speaker_diarization.itertracks()]
    return sorted((s.start, min(s.end, audio.duration)) for s in segments if s.start < audio.duration)


def times(diarization: Diarization) -> list[tuple[float, float]]:
    return sorted((turn.start, turn.end) for turn in diarization.turns)


def test_vbx_turns_are_the_librarys_own(vbx: Path, audio: Audio) -> None:
    from pyannote.audio import Pipeline

    with silence_pyannote():
        pipeline = Pipeline.from_pretrained(vbx)
    found = ready(vbx)
    assert times(diarize(found, audio)) == by_the_library(pipeline, audio)
    assert times(diarize(found, audio, SpeakerCount(3, 3))) == by_the_library(pipeline, audio, num_speakers=3)
    assert len(diarize(found, audio).turns) > 5, "the comparison needs something to compare"


def test_agglomerative_turns_are_the_librarys_own(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    plda = tiny.save_plda(tmp_path / "plda")
    with silence_pyannote():
        pipeline = SpeakerDiarization(
            segmentation=str(agglomerative / "segmentation" / "pytorch_model.bin"),
            embedding={"checkpoint": str(agglomerative / "embedding" / "pytorch_model.bin")},
            plda=PLDA(plda / "xvec_transform.npz", plda / "plda.npz"),
            clustering="AgglomerativeClustering",
            segmentation_step=0.5,
            segmentation_batch_size=8,
            embedding_batch_size=8,
            embedding_exclude_overlap=True,
        )
        clustering = {"method": "centroid", "min_cluster_size": 2, "threshold": 0.7}
        pipeline.instantiate({"segmentation": {"min_duration_off": 0.0}, "clustering": clustering})
    found = ready(agglomerative)
    assert times(diarize(found, audio)) == by_the_library(pipeline, audio)
    assert times(diarize(found, audio, SpeakerCount(2, 4))) == by_the_library(
        pipeline, audio, min_speakers=2, max_speakers=4
    )


def test_agglomerative_needs_no_plda_where_the_library_would_fetch_one(agglomerative: Path) -> None:
    from pyannote.audio import Pipeline

    assert not (agglomerative / "plda").exists()
    with silence_pyannote(), pytest.raises(OSError, match=r"(?i)cannot find|offline|reach"):
        Pipeline.from_pretrained(agglomerative)
    backend(agglomerative).prepare()


@pytest.mark.parametrize("layout", ["relative", "absolute"])
def test_parts_are_found_however_they_are_named(agglomerative: Path, audio: Audio, tmp_path: Path, layout: str) -> None:
    folder = tiny.save_pipeline(tmp_path, layout=layout)
    expected = diarize(ready(agglomerative), audio).turns
    assert diarize(backend(folder), audio).turns == expected
    assert diarize(backend(folder / "config.yaml"), audio).turns == expected


def test_a_tree_of_copies_named_as_on_the_hub(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    pipeline = copied(agglomerative, tmp_path / "pyannote")
    (pipeline / "segmentation").rename(tmp_path / "pyannote" / "segmentation-3.0")
    text = (pipeline / "config.yaml").read_text(encoding="utf-8")
    (pipeline / "config.yaml").write_text(text.replace("$model/segmentation", "pyannote/segmentation-3.0"))
    assert diarize(backend(pipeline), audio).turns == diarize(ready(agglomerative), audio).turns


def test_turns_are_in_order_inside_the_audio_and_named_by_appearance(vbx: Path, audio: Audio) -> None:
    short = audio.crop(Span(0.0, 3.3))
    found = diarize(backend(vbx), short, SpeakerCount(3, 3))
    assert found.recording_id == audio.recording_id
    assert found.turns
    assert list(found.turns) == sorted(found.turns, key=lambda turn: (turn.start, turn.end))
    assert all(0.0 <= turn.start < turn.end <= short.duration for turn in found.turns)
    assert found.speakers == tuple(f"SPEAKER_{i:02d}" for i in range(len(found.speakers)))


@pytest.mark.parametrize("kind", ["agglomerative", "vbx"])
@pytest.mark.parametrize("many", [False, True])
def test_the_activity_is_what_turns_are_cut_from(request: pytest.FixtureRequest, kind: str, many: bool) -> None:
    """Also where there are so many speakers that the library's labels do not sort as its columns do."""
    settings: dict[str, Any] = {"clustering_threshold": 0.001} if many else {}
    if many and kind == "agglomerative":
        settings |= {"min_cluster_size": 1, "segmentation_step": 0.05}
    audio = request.getfixturevalue("audio")
    own = backend(request.getfixturevalue(kind), **settings)
    found = diarize(own, audio, SpeakerCount(30, 40) if many and kind == "agglomerative" else ANY_SPEAKERS)
    activity = found.activity
    assert activity is not None
    assert activity.kind == "posterior"
    assert 0.0 <= activity.values.min() <= activity.values.max() <= 1.0
    assert activity.start + activity.step * len(activity.values) == pytest.approx(audio.duration, abs=0.05)
    assert sorted(filter(None, activity.speakers)) == sorted(found.speakers)
    if many and kind == "agglomerative":
        assert len(found.speakers) > 10
    talking = np.zeros(activity.values.shape, dtype=bool)
    for turn in found.turns:
        talking[activity.rows(turn.span), activity.speakers.index(turn.speaker)] = True
    alone = talking.sum(axis=1) == 1
    assert alone.any()
    loudest = activity.values[alone] >= activity.values[alone].max(axis=1, keepdims=True)
    assert loudest[talking[alone]].all()
    assert not {"reconstruct", "to_annotation"} & set(vars(own._loaded)), "the pipeline is as it was"


def test_the_same_sound_gives_the_same_turns(vbx: Path, audio: Audio) -> None:
    assert diarize(ready(vbx), audio) == diarize(ready(vbx), audio) == diarize(backend(vbx), audio)


def test_channels_are_averaged(agglomerative: Path, audio: Audio) -> None:
    stereo = Audio(np.concatenate([2.0 * audio.samples, 0.0 * audio.samples]), RATE_HZ, audio.recording_id)
    found = ready(agglomerative)
    assert diarize(found, stereo) == diarize(found, audio)


def test_a_memory_map_is_not_copied(tmp_path: Path) -> None:
    np.zeros((1, 20 * RATE_HZ), np.float32).tofile(tmp_path / "mono.f32")
    mapped = np.memmap(tmp_path / "mono.f32", np.float32, "r", shape=(1, 20 * RATE_HZ))
    with silence_pyannote():
        handed_over = _waveform(Audio(mapped, RATE_HZ, "mapped"))["waveform"]
    assert handed_over.shape == mapped.shape
    assert handed_over.data_ptr() == mapped.ctypes.data


# Of each kind of pipeline: a setting, a value, and a base beside which it shows on a few seconds of random voices.
ACTING = [
    ("agglomerative", "segmentation_step", 0.25, {}),
    ("agglomerative", "min_duration_off", 0.5, {}),
    ("agglomerative", "embedding_exclude_overlap", False, {"clustering_threshold": 0.05}),
    ("agglomerative", "clustering_method", "single", {"clustering_threshold": 0.05}),
    ("agglomerative", "clustering_threshold", 0.05, {}),
    ("agglomerative", "min_cluster_size", 1, {"clustering_threshold": 0.05, "segmentation_step": 0.1}),
    ("agglomerative", "exclusive", True, {}),
    ("vbx", "clustering_threshold", 0.05, {"vbx_fa": 20.0}),
    ("vbx", "vbx_fa", 20.0, {"clustering_threshold": 0.05}),
    ("vbx", "vbx_fb", 100.0, {"clustering_threshold": 0.05, "vbx_fa": 5.0}),
]


@pytest.mark.parametrize(("kind", "name", "value", "base"), ACTING)
def test_every_setting_changes_the_turns(
    kind: str, name: str, value: Any, base: dict[str, Any], audio: Audio, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    usual = diarize(ready(folder, **base), audio)
    other = diarize(backend(folder, **base, **{name: value}), audio)
    assert usual.turns
    assert other.turns != usual.turns
    if name == "exclusive":
        assert usual.overlaps()
        assert not other.overlaps()
    if name == "min_duration_off":
        assert len(other.turns) < len(usual.turns)
    if name in ("clustering_threshold", "min_cluster_size", "vbx_fa"):
        assert len(other.speakers) > len(usual.speakers)
    if name == "vbx_fb":
        assert len(other.speakers) < len(usual.speakers)


@pytest.mark.parametrize("name", ["segmentation_batch_size", "embedding_batch_size"])
def test_batch_sizes_change_the_steps_and_not_the_turns(agglomerative: Path, audio: Audio, name: str) -> None:
    def run(size: int) -> tuple[int, list[tuple[float, float]]]:
        calls: list[float] = []
        found = backend(agglomerative, **{name: size}).diarize(
            audio, speech=(Span(0.0, 1.0),), speakers=ANY_SPEAKERS, progress=lambda _, done: calls.append(done)
        )
        return len(calls), times(found)

    (many, single), (few, batched) = run(1), run(64)
    assert many > few + 3
    assert single == batched


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("vbx", {"min_cluster_size": 5}),
        ("vbx", {"clustering_method": "centroid"}),
        ("agglomerative", {"vbx_fa": 0.1}),
        ("agglomerative", {"vbx_fb": 0.1}),
        ("agglomerative", {"segmentation_threshold": 0.4}),
        ("vbx", {"vbx_fa": 0.1, "clustering": "AgglomerativeClustering"}),
        ("vbx", {"clustering_threshold": 0.5, "clustering": "KMeansClustering"}),
    ],
)
def test_a_setting_that_a_pipeline_has_no_use_for_is_refused(
    kind: str, settings: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    with pytest.raises(InvalidOption, match=next(iter(settings))):
        backend(request.getfixturevalue(kind), **settings).prepare()


@pytest.mark.parametrize(
    "settings",
    [
        {"segmentation_batch_size": 0},
        {"embedding_batch_size": -1},
        {"min_cluster_size": 0},
        {"segmentation_step": 0.0},
        {"segmentation_threshold": 1.5},
        {"clustering_threshold": float("nan")},
        {"clustering_method": "nearest"},
        {"clustering": "OracleClustering"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(settings))):
        PyannoteSettings(**settings)


@pytest.mark.parametrize("kind", ["agglomerative", "vbx"])
def test_the_number_of_speakers_is_kept_or_a_note_says_so(
    kind: str, audio: Audio, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ready(request.getfixturevalue(kind))
    for count in (SpeakerCount(1, 1), SpeakerCount(2, 2), SpeakerCount(3, None), SpeakerCount(None, 1)):
        result = diarize(found, audio, count)
        assert count.allows(len(result.speakers))
        assert not result.warnings
    # More than there are voices: the library's k-means would raise, its agglomerative clustering prints.
    result = diarize(found, audio, SpeakerCount(40, 40))
    assert 1 < len(result.speakers) < 40
    assert result.warnings == (f"40 speakers were asked for, pyannote found {len(result.speakers)}",)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["agglomerative", "vbx"])
def test_odd_sounds_do_no_harm(kind: str, request: pytest.FixtureRequest) -> None:
    found = ready(request.getfixturevalue(kind))
    for seconds in (1 / RATE_HZ, 0.01, 0.5, 2.0, 2.01):
        for sound in (silence(seconds), noise(seconds, level=0.1)):
            turns = diarize(found, sound).turns
            assert all(0.0 <= turn.start < turn.end <= sound.duration for turn in turns)


def test_without_speech_nothing_is_loaded() -> None:
    found = backend("/no/such/pipeline")
    assert found.diarize(noise(1.0), speech=(), speakers=ANY_SPEAKERS).turns == ()
    assert diarize(found, silence(0.0)).turns == ()


def test_progress_rises_to_the_end(agglomerative: Path, audio: Audio) -> None:
    heard: list[tuple[str, float]] = []
    backend(agglomerative, embedding_batch_size=1).diarize(
        audio, speech=(Span(0.0, 1.0),), speakers=ANY_SPEAKERS, progress=lambda *step: heard.append(step)
    )
    assert {stage for stage, _ in heard} == {"diarization"}
    fractions = [fraction for _, fraction in heard]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 10
    assert 0.0 <= fractions[0] < 0.3
    assert 0.9 < fractions[-1] <= 1.0


def test_telemetry_is_off_even_where_it_was_on(
    agglomerative: Path, audio: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyannote.audio.telemetry import metrics

    asked: list[bool] = []
    enabled = metrics.is_metrics_enabled

    def spy() -> bool:
        asked.append(enabled())
        return False  # whatever comes of this test, it sends nothing

    monkeypatch.setattr(metrics, "is_metrics_enabled", spy)
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "true")
    diarize(backend(agglomerative), audio)
    assert len(asked) >= 3, "models, the pipeline and its use each ask"
    assert not any(asked)
    assert enabled(), "what the user set is put back"


def test_release_frees_the_models(agglomerative: Path, audio: Audio) -> None:
    found = backend(agglomerative)
    first = diarize(found, audio)
    model = weakref.ref(found._loaded._embedding.model_)
    found.release()
    gc.collect()
    assert model() is None
    found.release()
    assert diarize(found, audio) == first


def test_the_record_tells_the_source_and_the_parameters(agglomerative: Path, audio: Audio) -> None:
    found = backend(agglomerative, clustering_threshold=0.5)
    assert found.record().model == str(agglomerative)
    diarize(found, audio)
    record = json.loads(json.dumps(found.record().to_dict()))
    assert record["details"]["clustering"] == "AgglomerativeClustering"
    assert record["details"]["parameters"]["clustering"]["threshold"] == 0.5


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
        ("vbx", "KMeansClustering", "{}"),
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


def into_cache(cache: Path, repository: str, revision: str, files: dict[str, Path]) -> None:
    snapshot = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    for name, path in files.items():
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(path)


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


@pytest.mark.gpu
def test_a_gpu_gives_nearly_the_same_turns(agglomerative: Path, audio: Audio) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    settings = PyannoteSettings(pipeline=str(agglomerative))
    found = Backend(settings, runtime=Runtime(device="cuda", offline=True))
    there, here = times(diarize(found, audio)), times(diarize(ready(agglomerative), audio))
    assert abs(len(there) - len(here)) <= 0.2 * len(here)
