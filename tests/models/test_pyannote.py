"""pyannote.audio's pipelines, through the library's own code, on small models of its own classes: the turns."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_pyannote as tiny
from tests.examples import by_night
from tests.kept_parts import check_kills
from tests.pyannote_pipelines import (
    backend,
    by_the_library,
    copied,
    diarize,
    ready,
    times,
)
from tests.sounds import RATE_HZ, conversation, noise, silence
from whisperdiar import Audio, Span, SpeakerCount
from whisperdiar.cache.files import PartsLog
from whisperdiar.contracts import keep_parts
from whisperdiar.diarization.pyannote import Backend, _waveform
from whisperdiar.errors import InvalidOption
from whisperdiar.frameworks.pyannote import silence_pyannote
from whisperdiar.options import PyannoteSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS, Diarization

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABA", each=2.0, gap=0.4)[0]


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


@pytest.mark.parametrize("layout", ["relative", by_night("absolute")])
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


def test_a_killed_run_goes_on_with_its_batches(vbx: Path, audio: Audio, tmp_path: Path) -> None:
    found = backend(vbx, segmentation_batch_size=4, embedding_batch_size=8)
    assert check_kills(lambda: diarize(found, audio), tmp_path) >= 4


def test_another_number_of_speakers_needs_no_network(agglomerative: Path, audio: Audio, tmp_path: Path) -> None:
    found = backend(agglomerative)
    two, three = (diarize(found, audio, SpeakerCount(n, n)) for n in (2, 3))
    assert two != three
    log = PartsLog(tmp_path / "log")
    with keep_parts(log):
        assert diarize(found, audio, SpeakerCount(2, 2)) == two
    log.close()
    model = found._loaded._segmentation.model
    hook = model.register_forward_pre_hook(lambda *_: pytest.fail("the network is asked again"))
    log = PartsLog(tmp_path / "log")
    with keep_parts(log):
        assert diarize(found, audio, SpeakerCount(3, 3)) == three
    hook.remove()
    assert log.n_found


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


@pytest.fixture(scope="module")
def plain() -> dict[Any, Diarization]:
    """What the bases alone find, each computed once."""
    return {}


@pytest.mark.parametrize(("kind", "name", "value", "base"), ACTING)
def test_every_setting_changes_the_turns(
    kind: str,
    name: str,
    value: Any,
    base: dict[str, Any],
    audio: Audio,
    plain: dict[Any, Diarization],
    request: pytest.FixtureRequest,
) -> None:
    folder = request.getfixturevalue(kind)
    key = (kind, *sorted(base.items()))
    if key not in plain:
        plain[key] = diarize(ready(folder, **base), audio)
    usual = plain[key]
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


@pytest.mark.gpu
def test_a_gpu_gives_nearly_the_same_turns(agglomerative: Path, audio: Audio) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    settings = PyannoteSettings(pipeline=str(agglomerative))
    found = Backend(settings, runtime=Runtime(device="cuda", offline=True))
    there, here = times(diarize(found, audio)), times(diarize(ready(agglomerative), audio))
    assert abs(len(there) - len(here)) <= 0.2 * len(here)
