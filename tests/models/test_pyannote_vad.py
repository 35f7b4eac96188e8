"""Speech by pyannote.audio's segmentations, through the library's own code: small ones made here, and a real one."""

from __future__ import annotations

import functools
import gc
import json
import sys
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_pyannote as tiny
from tests.examples import few_by_day
from tests.kept_parts import check_kills
from tests.sounds import RATE_HZ, SHARED, conversation, noise, silence
from whisperdiar import Audio, Span
from whisperdiar.errors import BackendBroken, BackendMissing, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.pyannote import REVISIONS, silence_pyannote
from whisperdiar.frameworks.torch import limit_cpu_threads
from whisperdiar.options import Runtime
from whisperdiar.options.pyannote_vad import PyannoteVadSettings
from whisperdiar.types import merge_spans
from whisperdiar.vad.pyannote import REPOSITORY, Backend

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
pytestmark = pytest.mark.model

OFFLINE = Runtime(offline=True, threads=1)
REAL = SHARED / "models" / "pyannote-segmentation"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with limit_cpu_threads(1):
        yield


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABA", each=2.0, gap=0.4)[0]


@pytest.fixture(scope="module")
def powerset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmentation built as segmentation-3.0 is, with windows of 2 s."""
    return tiny.save_checkpoint(tiny.segmentation_model(), tmp_path_factory.mktemp("powerset") / "pytorch_model.bin")


@pytest.fixture(scope="module")
def multi_label(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose speakers are independent of each other, as those of pyannote/segmentation."""
    import torch

    model = tiny.segmentation_model(powerset=False)
    with torch.no_grad():
        model.classifier.bias.sub_(2.0)  # else one of the three is nearly always above 0.5
    return tiny.save_checkpoint(model, tmp_path_factory.mktemp("multi-label") / "pytorch_model.bin")


def detector(model: Path | str, **settings: Any) -> Backend:
    return Backend(PyannoteVadSettings(model=str(model), **settings), runtime=OFFLINE)


@functools.cache
def _loaded(model: Path, settings: tuple[tuple[str, Any], ...]) -> Backend:
    return detector(model, **dict(settings))


def ready(model: Path, **settings: Any) -> Backend:
    """The same backend for the same settings: what one test has loaded, the next need not load again."""
    return _loaded(model, tuple(settings.items()))


RAW = {"min_speech": 0.0, "min_silence": 0.0, "padding": 0.0}


def by_the_library(model: Path, audio: Audio, *, batch_size: int = 32, **parameters: float) -> list[Span]:
    """What pyannote.audio's own pipeline finds in the whole waveform."""
    import torch
    from pyannote.audio import Model
    from pyannote.audio.pipelines import VoiceActivityDetection

    with silence_pyannote(), limit_cpu_threads(1):
        pipeline = VoiceActivityDetection(segmentation=Model.from_pretrained(model), batch_size=batch_size)
        pipeline.instantiate({"min_duration_on": 0.0, "min_duration_off": 0.0, **parameters})
        found = pipeline({"waveform": torch.from_numpy(audio.samples), "sample_rate": audio.sample_rate})
    segments = [segment for segment in found.itersegments() if segment.start < audio.duration]
    return [Span(segment.start, min(segment.end, audio.duration)) for segment in segments]


# Windows of 2 s every 0.2 s: shorter than one, exactly one, one more, an exact number, and a rest.
@pytest.mark.parametrize("seconds", few_by_day([0.7, 2.0, 2.0001, 2.2, 6.8, 7.13], every=2))
@pytest.mark.parametrize("kind", ["powerset", "multi_label"])
def test_the_answer_is_the_librarys_own(
    kind: str, seconds: float, audio: Audio, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    short = audio.crop(Span(0.0, seconds))
    thresholds = {"onset": 0.5, "offset": 0.5} if kind == "multi_label" else {}
    assert list(ready(model, **RAW).detect(short)) == by_the_library(model, short, **thresholds)
    assert seconds < 5 or len(ready(model, **RAW).detect(short)) > 2, "the comparison needs something to compare"


def test_a_killed_run_goes_on_with_its_batches(powerset: Path, audio: Audio, tmp_path: Path) -> None:
    backend = Backend(PyannoteVadSettings(model=str(powerset), batch_size=4), runtime=OFFLINE)
    assert check_kills(lambda: backend.detect(audio), tmp_path) >= 4


def test_pieces_give_what_the_whole_gives(powerset: Path) -> None:
    """The library sees the whole waveform at once; here its first batch of windows is long gone when the last comes."""
    spoken, _ = conversation("ABCABCA", each=4.0, gap=0.6)
    found = detector(powerset, batch_size=4, **RAW)
    assert list(found.detect(spoken)) == by_the_library(powerset, spoken, batch_size=4)
    assert len(found._pieces(spoken.samples.shape[1])) > 30
    assert list(detector(powerset, batch_size=1000, **RAW).detect(spoken)) == by_the_library(
        powerset, spoken, batch_size=1000
    )


def test_the_thresholds_are_the_librarys_onset_and_offset(multi_label: Path, audio: Audio) -> None:
    found = detector(multi_label, threshold=0.8, offset=0.3, **{**RAW, "min_silence": 0.2, "min_speech": 0.15})
    parameters = {"onset": 0.8, "offset": 0.3, "min_duration_off": 0.2, "min_duration_on": 0.15}
    assert list(found.detect(audio)) == by_the_library(multi_label, audio, **parameters)


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 0.9},
        {"offset": 0.2},
        {"min_speech": 0.5},
        {"min_silence": 0.5},
        {"padding": 0.0},
        {"step": 0.5},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_every_setting_acts(multi_label: Path, audio: Audio, settings: dict[str, float]) -> None:
    base = {"min_silence": 0.02, "min_speech": 0.02, "padding": 0.01}
    usual = ready(multi_label, **base).detect(audio)
    other = detector(multi_label, **{**base, **settings}).detect(audio)
    assert usual
    assert other != usual
    longer = sum(span.duration for span in other) - sum(span.duration for span in usual)
    if "threshold" in settings or "min_speech" in settings or "padding" in settings:
        assert longer < 0
    if "offset" in settings or "min_silence" in settings:
        assert longer > 0


def test_a_batch_is_as_large_as_asked_for(powerset: Path, audio: Audio) -> None:
    def run(size: int) -> tuple[int, tuple[Span, ...]]:
        heard: list[float] = []
        found = detector(powerset, batch_size=size).detect(audio, progress=lambda _, done: heard.append(done))
        return len(heard), found

    (many, single), (few, batched) = run(1), run(64)
    assert many > few + 10
    assert single == batched


@pytest.mark.parametrize("settings", [{"threshold": 0.4}, {"offset": 0.4}], ids=lambda settings: next(iter(settings)))
def test_a_powerset_segmentation_has_no_thresholds(powerset: Path, settings: dict[str, float]) -> None:
    with pytest.raises(InvalidOption, match=f"{next(iter(settings))} 0.4"):
        detector(powerset, **settings).prepare()


@pytest.mark.parametrize(
    "settings",
    [
        {"threshold": 1.0},
        {"min_speech": -0.1},
        {"offset": 0.0},
        {"offset": 0.6},
        {"offset": 0.4, "threshold": 0.3},
        {"step": 0.0},
        {"step": 1.1},
        {"batch_size": 0},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(settings))):
        PyannoteVadSettings(**settings)


def test_channels_are_averaged(powerset: Path, audio: Audio) -> None:
    both = np.concatenate([2.0 * audio.samples, 0.0 * audio.samples])
    assert ready(powerset).detect(Audio(both, RATE_HZ)) == ready(powerset).detect(audio) != ()


@pytest.mark.parametrize("seconds", few_by_day([0.0, 1 / RATE_HZ, 0.005, 0.01, 0.02, 0.5, 1.9999, 2.0, 2.2], every=2))
def test_any_length_gives_spans_inside_the_audio(powerset: Path, seconds: float) -> None:
    for sound in (noise(seconds, level=0.1), silence(seconds)):
        spans = ready(powerset, min_speech=0.0).detect(sound)
        assert merge_spans(spans) == spans
        assert all(0.0 <= span.start < span.end <= sound.duration for span in spans)


def test_progress_rises_to_one(powerset: Path, audio: Audio) -> None:
    heard: list[tuple[str, float]] = []
    detector(powerset, batch_size=8).detect(audio, progress=lambda *step: heard.append(step))
    assert {stage for stage, _ in heard} == {"vad"}
    fractions = [fraction for _, fraction in heard]
    assert fractions == sorted(fractions)
    assert len(fractions) > 3
    assert fractions[-1] == 1.0


def test_memory_does_not_grow_with_the_recording(powerset: Path, tmp_path: Path) -> None:
    n_samples = 4 * 60 * RATE_HZ
    path = tmp_path / "long.f32"
    np.memmap(path, np.float32, "w+", shape=(1, n_samples)).flush()
    mapped = np.memmap(path, np.float32, "r", shape=(1, n_samples))
    found = detector(powerset, batch_size=8, step=1.0)
    found.prepare()
    tracemalloc.start()
    try:
        found.detect(Audio(mapped, RATE_HZ))
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak_mb < 8, "the recording itself takes 15 MB; only pieces of it may be held"


def test_another_rate_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="8000 Hz"):
        Backend(runtime=OFFLINE).detect(Audio(np.zeros((1, 8000), np.float32), 8000))


def test_release_frees_the_network_and_detect_loads_it_again(powerset: Path, audio: Audio) -> None:
    found = detector(powerset)
    first = found.detect(audio)
    model = weakref.ref(found._loaded._segmentation.model)
    found.release()
    gc.collect()
    assert model() is None
    found.release()
    assert found.detect(audio) == first


def test_the_number_of_threads_is_put_back(powerset: Path) -> None:
    import torch

    before = torch.get_num_threads()
    during: list[int] = []
    Backend(PyannoteVadSettings(model=str(powerset)), runtime=Runtime(threads=before + 1)).detect(
        noise(1.0), progress=lambda *_: during.append(torch.get_num_threads())
    )
    assert during == [before + 1]
    assert torch.get_num_threads() == before


def test_telemetry_is_off_even_where_it_was_on(powerset: Path, audio: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyannote.audio.telemetry import metrics

    asked: list[bool] = []
    enabled = metrics.is_metrics_enabled

    def spy() -> bool:
        asked.append(enabled())
        return False  # whatever comes of this test, it sends nothing

    monkeypatch.setattr(metrics, "is_metrics_enabled", spy)
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "true")
    detector(powerset).detect(audio)
    assert asked
    assert not any(asked)
    assert enabled(), "what the user set is put back"


def test_segmentations_of_diarizers_serve_as_well(powerset: Path, audio: Audio, tmp_path: Path) -> None:
    folder = tiny.save_diarizers(tiny.segmentation_model(), tmp_path / "fine-tuned")
    assert detector(folder).detect(audio) == ready(powerset).detect(audio)


def test_the_hubs_segmentation_runs_from_its_cache(
    powerset: Path, audio: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / REVISIONS[REPOSITORY]
    snapshot.mkdir(parents=True)
    (snapshot / "pytorch_model.bin").symlink_to(powerset)
    found = Backend(runtime=OFFLINE)
    assert found.record().model == REPOSITORY
    assert found.detect(audio) == ready(powerset).detect(audio)
    record = json.loads(json.dumps(found.record().to_dict()))
    assert record["details"]["source"] == f"{REPOSITORY}@{REVISIONS[REPOSITORY]}"
    assert record["details"]["parameters"] == {"min_duration_on": 0.1, "min_duration_off": 0.3}


def test_a_model_that_is_not_at_hand_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=f"{REPOSITORY} is not on this machine"):
        Backend(runtime=OFFLINE).prepare()
    with pytest.raises(ModelUnavailable, match=r"holds no pytorch_model\.bin"):
        detector(tmp_path).prepare()
    with pytest.raises(ModelUnavailable, match="no such file or folder"):
        detector(tmp_path / "nowhere").prepare()


def test_what_is_no_segmentation_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedding = tiny.save_checkpoint(tiny.embedding_model(), tmp_path / "embedding.bin")
    with pytest.raises(InvalidOption, match="does not segment speakers"):
        detector(embedding).prepare()
    (tmp_path / "broken.bin").write_bytes(b"no checkpoint")
    with pytest.raises(BackendBroken, match="cannot be loaded as a model of pyannote") as caught:
        detector(tmp_path / "broken.bin").prepare()
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "pyannote.audio", None)
    with pytest.raises(BackendMissing, match=r'pip install "whisperdiar\[pyannote\]"'):
        detector(embedding).prepare()


@pytest.fixture(scope="module")
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real checkpoint is not beside this checkout")
    return REAL


def recording(name: str) -> Audio:
    from whisperdiar import load

    return load(SHARED / "corpus" / "audio" / name)


def test_the_real_network_answers_as_the_library_does(real: Path) -> None:
    audio = recording("stereo_fw.wav")
    expected = by_the_library(real / "pytorch_model.bin", audio, onset=0.5, offset=0.5)
    assert list(ready(real, **RAW).detect(audio)) == expected != []


def test_the_real_network_finds_the_speech(real: Path) -> None:
    total = missed = false = 0.0
    for name in ("ami_EN2001a.flac", "one_harvard.wav"):
        lines = (SHARED / "corpus" / "refs" / name).with_suffix(".rttm").read_text(encoding="utf-8").splitlines()
        fields = [line.split() for line in lines]
        spoken = merge_spans(Span(float(f[3]), float(f[3]) + float(f[4])) for f in fields)
        found = ready(real).detect(recording(name))
        both = [part for span in spoken for other in found if (part := span.clip(other.start, other.end))]
        right = sum(span.duration for span in both)
        total += sum(span.duration for span in spoken)
        missed += sum(span.duration for span in spoken) - right
        false += sum(span.duration for span in found) - right
    assert missed / total < 0.07, "5.3 % were measured"
    assert false / total < 0.16, "13 % were measured"


def test_the_real_network_hears_no_speech_in_noise_and_silence(real: Path) -> None:
    for seconds in (0.01, 0.5, 2.0, 12.0):
        for level, seed in ((0.001, 0), (0.01, 1), (0.1, 2)):
            assert ready(real).detect(noise(seconds, level=level, seed=seed)) == ()
        assert ready(real).detect(silence(seconds)) == ()
