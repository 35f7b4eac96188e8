"""What every backend promises. New backends are found by themselves; one that cannot run here says why."""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_whisper, toolkits
from tests.examples import by_night
from tests.sounds import SAMPLES, SHARED, conversation, noise, silence
from whisperdiar import (
    Audio,
    BackendError,
    BackendMissing,
    Diarization,
    Span,
    SpeakerActivity,
    SpeakerCount,
    Word,
    load,
)
from whisperdiar.contracts import TextAwareDiarizer
from whisperdiar.options import (
    AlizeSettings,
    EcapaSettings,
    LiumSettings,
    NemotronSettings,
    OnnxAsrSettings,
    OnnxSettings,
    PyannoteSettings,
    PyannoteVadSettings,
    Runtime,
    SortformerSettings,
    TransformersSettings,
    VadSettings,
    WhisperSettings,
)
from whisperdiar.registry import STAGES, available
from whisperdiar.registry import load as load_backend
from whisperdiar.testing import check_description, check_preparation, check_work
from whisperdiar.types import ANY_SPEAKERS, BackendInfo, BackendRecord, merge_spans

FROM_FILES = {("vad", "file"), ("diarization", "rttm")}


def backends(stage: str) -> list[Any]:
    names = [name for name in available(stage) if (stage, name) not in FROM_FILES]  # type: ignore[arg-type]
    return [pytest.param(name, marks=pytest.mark.model) for name in names]


def local_settings(stage: str, name: str, folder: Path) -> Any:
    """Settings with a model that is on this machine, for backends whose own one has to be fetched."""
    if (stage, name) == ("asr", "whisper"):
        return WhisperSettings(model=str(tiny_whisper.build(folder)))
    if (stage, name) == ("asr", "onnx"):
        pytest.importorskip("onnx_asr", reason="onnx-asr is not installed")
        from tests import tiny_onnx_asr

        return OnnxAsrSettings(model=str(tiny_onnx_asr.gigaam(folder)))
    if (stage, name) == ("asr", "transformers"):
        pytest.importorskip("torch", reason="PyTorch is not installed")
        pytest.importorskip("transformers", reason="Transformers is not installed")
        from tests import tiny_transformers

        return TransformersSettings(model=str(tiny_transformers.wav2vec2(folder)))
    if (stage, name) == ("vad", "crdnn"):
        model = SHARED / "models" / "vad-crdnn-libriparty"
        return VadSettings(model=str(model)) if model.is_dir() else None
    if (stage, name) == ("diarization", "pyannote"):
        pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed")
        from tests import tiny_pyannote

        return PyannoteSettings(pipeline=str(tiny_pyannote.save_pipeline(folder)))
    if (stage, name) == ("vad", "pyannote"):
        # Random weights know no noise from speech.
        model = SHARED / "models" / "pyannote-segmentation"
        return PyannoteVadSettings(model=str(model)) if model.is_dir() else None
    if (stage, name) == ("diarization", "onnx"):
        pytest.importorskip("pyannote.audio", reason="pyannote.audio, of whose classes networks are made, is missing")
        from tests import onnx_models, tiny_pyannote

        segmentation, voices = tiny_pyannote.segmentation_model(), onnx_models.embedding([conversation()[0]], n_mels=8)
        return OnnxSettings(
            segmentation_model=str(onnx_models.export_segmentation(segmentation, folder / "segmentation.onnx")),
            embedding_model=str(onnx_models.export_embedding(voices, folder / "embedding.onnx")),
            segmentation_window=2.0,
            segmentation_step=0.5,
            exact=False,  # takes words as well; tests/models/test_onnx.py holds the exact mode against pyannote.audio
        )
    if (stage, name) == ("diarization", "ecapa"):
        pytest.importorskip("speechbrain", reason="SpeechBrain is not installed")
        from tests import tiny_ecapa

        return EcapaSettings(embedding_model=str(tiny_ecapa.save(folder)))
    if (stage, name) == ("diarization", "sortformer"):
        pytest.importorskip("nemo", reason="NVIDIA NeMo is not installed")
        from tests import tiny_sortformer

        return SortformerSettings(model=str(tiny_sortformer.build(folder / "model.nemo")))
    if (stage, name) == ("diarization", "lium") and sys.platform != "win32":
        return LiumSettings(**toolkits.lium(folder))
    if (stage, name) == ("diarization", "alize") and sys.platform != "win32":
        return AlizeSettings(**toolkits.alize(folder))
    if (stage, name) == ("diarization", "nemotron"):
        reason = "no Transformers that has Nemotron 3 Diarization"
        pytest.importorskip("transformers.models.nemotron3_diarization", reason=reason)
        from tests import tiny_nemotron

        made = tiny_nemotron.model(conversation()[0])
        return NemotronSettings(model=str(tiny_nemotron.export_one_graph(made, folder / "model.onnx")))
    return None


_ready: dict[tuple[str, str], Any] = {}


def ready(stage: Any, name: str, folders: pytest.TempPathFactory) -> Any:
    """A prepared backend; models are loaded once for all tests."""
    if (stage, name) not in _ready:
        settings = local_settings(stage, name, folders.mktemp(name) / "model")
        backend = load_backend(stage, name)(settings, runtime=Runtime(offline=True, threads=1))
        try:
            backend.prepare()
        except BackendError as error:
            pytest.skip(f"{stage} {name} cannot run here: {error}")
        _ready[stage, name] = backend
    return _ready[stage, name]


@pytest.mark.parametrize(("stage", "name"), [(stage, name) for stage in STAGES for name in available(stage)])
def test_a_backend_says_what_it_is(stage: Any, name: str) -> None:
    backend_class = load_backend(stage, name)
    assert backend_class.name == name
    assert isinstance(backend_class.info, BackendInfo)
    assert backend_class.info.summary
    assert backend_class.info.licence
    assert dataclasses.is_dataclass(backend_class.settings_type)
    assert backend_class.settings_type.__dataclass_params__.frozen  # type: ignore[attr-defined]
    record = backend_class(None, runtime=Runtime(offline=True)).record()
    assert isinstance(record, BackendRecord)
    assert record.backend == name


def check_spans(spans: tuple[Span, ...], audio: Audio) -> None:
    assert list(spans) == sorted(spans)
    assert merge_spans(spans) == spans, "spans must not touch"
    assert all(0.0 <= span.start < span.end <= audio.duration + 1e-6 for span in spans)


@pytest.mark.parametrize(("stage", "name"), [(stage, name) for stage in STAGES for name in available(stage)])
def test_the_kit_for_other_packages_holds_for_our_own(
    stage: Any, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_description(load_backend(stage, name))
    if (stage, name) not in FROM_FILES:
        check_preparation(ready(stage, name, tmp_path_factory))
        check_work(ready(stage, name, tmp_path_factory))


@pytest.mark.parametrize("name", backends("vad"))
def test_detectors(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    detector = ready("vad", name, tmp_path_factory)
    heard: list[float] = []
    speech = load(SAMPLES / "standup.mp4", end=15.0)
    found = detector.detect(speech, progress=lambda _, fraction: heard.append(fraction))
    check_spans(found, speech)
    assert sum(span.duration for span in found) > 5.0
    assert detector.detect(speech) == found, "the same sound gives the same spans"
    assert heard
    assert heard == sorted(heard)
    assert 0.0 <= heard[0] <= heard[-1] <= 1.0
    for audio in (silence(0.0), silence(0.01), silence(3.0), noise(3.0)):
        quiet = detector.detect(audio)
        check_spans(quiet, audio)
        if name != "none":
            assert not quiet, f"{audio.recording_id} is no speech"


@pytest.mark.parametrize("name", backends("asr"))
def test_transcribers(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    transcriber = ready("asr", name, tmp_path_factory)
    audio = load(SAMPLES / "standup.mp4", end=15.0)
    speech = (Span(0.0, 4.0), Span(9.0, 13.0))
    found = transcriber.transcribe(audio, speech=speech, language="en")
    assert found.words
    assert list(found.words) == sorted(found.words, key=lambda w: w.start)
    for word in found.words:
        assert word.text.strip()
        assert 0.0 <= word.probability <= 1.0
        assert any(span.start - 0.5 <= word.start <= word.end <= span.end + 0.5 for span in speech)
    assert transcriber.transcribe(audio, speech=(), language="en").words == ()
    assert transcriber.transcribe(silence(0.0), speech=(), language="en").words == ()


def check_with_words(diarizer: TextAwareDiarizer, audio: Audio, speech: tuple[Span, ...]) -> None:
    """Any words will do: none, all at once, out of order, without length, beyond the end."""
    middle = audio.duration / 2
    in_order = [Word(span, " word") for span in speech]
    for words in ((), in_order, in_order[::-1], [Word(Span(middle, middle), " x")], [Word(Span(0, 1e4), " x")] * 3):
        given = {"speech": speech, "speakers": ANY_SPEAKERS, "words": words}
        found = diarizer.diarize(audio, **given)
        assert found == diarizer.diarize(audio, **given)
        assert all(0.0 <= t.start < t.end <= audio.duration + 1e-6 for t in found.turns)
        assert diarizer.diarize(audio, **{**given, "speech": ()}).turns == ()


@pytest.mark.parametrize("name", backends("diarization"))
def test_diarizers(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    diarizer = ready("diarization", name, tmp_path_factory)
    audio, turns = conversation()
    if load_backend("diarization", name).info.per_channel:
        audio = load(SAMPLES / "call.flac", channels="all")
        turns = ()
    speech = tuple(t.span for t in turns) or (Span(0.0, audio.duration),)
    heard: list[float] = []
    found = diarizer.diarize(
        audio, speech=speech, speakers=ANY_SPEAKERS, progress=lambda _, fraction: heard.append(fraction)
    )
    assert found.recording_id == audio.recording_id
    assert list(found.turns) == sorted(found.turns, key=lambda t: (t.start, t.end))
    assert all(0.0 <= t.start < t.end <= audio.duration + 1e-6 for t in found.turns)
    assert found == diarizer.diarize(audio, speech=speech, speakers=ANY_SPEAKERS), "the same sound, the same turns"
    if isinstance(diarizer, TextAwareDiarizer) and diarizer.wants_words:
        check_with_words(diarizer, audio, speech)
    assert heard
    assert heard == sorted(heard)
    assert diarizer.diarize(audio, speech=(), speakers=ANY_SPEAKERS).turns == ()
    quiet = silence(2.0, n_channels=audio.n_channels)
    assert diarizer.diarize(quiet, speech=(), speakers=ANY_SPEAKERS).turns == ()


def check_activity(found: Diarization, kind: str, audio: Audio) -> SpeakerActivity:
    """Labels, numbers and frames of an activity go together with its turns and its recording."""
    activity = found.activity
    assert found.turns
    assert activity is not None
    assert activity.kind == kind
    assert activity.values.dtype in (np.float32, np.float16)
    assert activity.values.shape == (len(activity.values), len(activity.speakers))
    assert sorted(filter(None, activity.speakers)) == sorted(found.speakers)
    low, high = {"posterior": (0, 1), "similarity": (-1, 1), "likelihood": (-6e4, 0), "level": (-200, 200)}[kind]
    assert np.isfinite(activity.values).all()
    assert low - 1e-3 <= activity.values.min() <= activity.values.max() <= high + 1e-3
    end = activity.start + activity.step * len(activity.values)
    assert 0.0 <= activity.start <= 0.1
    assert abs(end - audio.duration) <= 0.2
    assert all(len(activity.within(turn.span)) for turn in found.turns)
    return activity


def most_active(found: Diarization, activity: SpeakerActivity) -> float:
    """The share of the frames in turns in which nobody is more active than the turn's speaker."""
    hits = []
    for turn in found.turns:
        values = activity.within(turn.span)
        hits.append(values[:, activity.speakers.index(turn.speaker)] >= values.max(axis=1))
    return float(np.concatenate(hits).mean())


@pytest.mark.parametrize("name", backends("diarization"))
def test_diarizers_give_the_activity_that_turns_are_cut_from(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    diarizer = ready("diarization", name, tmp_path_factory)
    info = load_backend("diarization", name).info
    audio, turns = conversation()
    if info.per_channel:
        audio = load(SAMPLES / "call.flac", channels="all")
    speech = (Span(0.0, audio.duration),) if info.per_channel else tuple(turn.span for turn in turns)
    # Both ways of onnx, whichever is the default.
    ways = [{"exact": True}, {"exact": False}] if name == "onnx" else [{}]
    for way in ways:
        own = type(diarizer)(dataclasses.replace(diarizer.settings, **way), runtime=diarizer.runtime)
        found = own.diarize(audio, speech=speech, speakers=ANY_SPEAKERS)
        if info.activity is None:
            assert found.activity is None
            continue
        activity = check_activity(found, info.activity, audio)
        if name in ("onnx", "pyannote", "embedding", "ecapa", "channels"):
            assert most_active(found, activity) > 0.5
        nobody = own.diarize(audio, speech=(), speakers=ANY_SPEAKERS)
        assert not nobody.turns


@pytest.mark.parametrize("name", backends("diarization"))
@pytest.mark.parametrize("count", [by_night(SpeakerCount(1, 1)), by_night(SpeakerCount(2, 2)), SpeakerCount(3, 4)])
def test_the_number_of_speakers_is_honoured_or_refused(
    name: str, count: SpeakerCount, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if name == "none":
        pytest.skip("it knows no speakers at all")
    diarizer = ready("diarization", name, tmp_path_factory)
    audio, turns = conversation()
    if load_backend("diarization", name).info.per_channel:
        audio = load(SAMPLES / "call.flac", channels="all")
    try:
        found = diarizer.diarize(audio, speech=tuple(t.span for t in turns), speakers=count)
    except BackendError:
        return
    assert count.allows(len(found.speakers)) or found.warnings


EVERY = [
    pytest.param(stage, name, marks=pytest.mark.model)
    for stage in STAGES
    for name in available(stage)
    if (stage, name) not in FROM_FILES
]

SOME = [
    item if number % 3 == 0 else pytest.param(*item.values, marks=(*item.marks, pytest.mark.nightly))
    for number, item in enumerate(EVERY)
]


def models_of(backend: Any) -> list[weakref.ref[Any]]:
    """What a backend holds beside its settings, as far as that can be watched."""
    values = [value for key, value in vars(backend).items() if key not in ("settings", "runtime")]
    found = []
    for value in values:
        parts = value if isinstance(value, tuple) else (value,)
        if dataclasses.is_dataclass(value):
            parts = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
        for item in parts:
            if type(item).__module__ != "builtins" and not isinstance(item, Path):
                with suppress(TypeError):
                    found.append(weakref.ref(item))
    return found


@pytest.mark.parametrize(("stage", "name"), SOME)
def test_what_a_backend_has_loaded_is_freed(stage: Any, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    shared = ready(stage, name, tmp_path_factory)
    if not hasattr(shared, "release"):
        assert not shared.info.network, "a backend that loads a model has to release it"
        pytest.skip("it holds no model")
    backend = type(shared)(shared.settings, runtime=shared.runtime)
    backend.prepare()
    models = models_of(backend)
    assert models
    backend.release()
    gc.collect()
    assert not any(model() is not None for model in models)
    backend.release()
    backend.prepare()
    assert models_of(backend), "it can be used again"


@pytest.mark.parametrize(("stage", "name"), EVERY)
def test_a_missing_package_is_named_with_its_extra(stage: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_class = load_backend(stage, name)
    if not backend_class.info.requires or not backend_class.info.extra:
        pytest.skip("the core suffices")
    missing = {"torch", "resemblyzer", *(module.partition(".")[0] for module in backend_class.info.requires)}
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda item, *rest: None if item.partition(".")[0] in missing else find(item, *rest),
    )
    with pytest.raises(BackendMissing, match=rf"pip install .?whisperdiar\[{backend_class.info.extra}\]"):
        backend_class(None, runtime=Runtime(offline=True)).prepare()
