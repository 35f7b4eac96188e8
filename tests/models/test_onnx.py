"""The pipeline 3.1 in ONNX Runtime, against pyannote.audio's own on the same networks."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_pyannote as tiny
from tests.examples import by_night, few_by_day
from tests.kept_parts import check_another_number, check_kills
from tests.sounds import SAMPLES, SHARED, conversation, noise, silence
from whisperdiar import Audio, Diarization, Span, SpeakerCount, Turn, Word, load
from whisperdiar.diarization._shared import onnx_embedding
from whisperdiar.diarization.onnx import Backend, local_embeddings, shared_frames
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.pyannote import silence_pyannote
from whisperdiar.options import OnnxSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS, merge_spans

pytest.importorskip("pyannote.audio", reason="pyannote.audio is not installed: networks are made of its classes")
pytestmark = pytest.mark.model

from tests import onnx_models  # noqa: E402

OFFLINE = Runtime(device="cpu", offline=True, threads=2)
REAL_SEGMENTATION = SHARED / "models" / "pyannote-segmentation" / "pytorch_model.bin"
CORPUS = SHARED / "corpus" / "audio"


STEP = 0.2
"""Of a window, from one to the next: twice the default, which takes half as long and has as many kinds of windows."""


class Networks:
    """A segmentation and an embedding, for pyannote.audio and as files."""

    def __init__(self, folder: Path, segmentation: Any, embedding: Any, *, min_cluster_size: int) -> None:
        self.pytorch = segmentation, embedding
        self.segmentation = onnx_models.export_segmentation(segmentation, folder / "segmentation.onnx")
        self.embedding = onnx_models.export_embedding(embedding, folder / "embedding.onnx")
        self.window = float(segmentation.specifications.duration)
        self.min_cluster_size = min_cluster_size
        self._usual: dict[tuple[int, SpeakerCount], tuple[Diarization, Diarization]] = {}

    def backend(self, runtime: Runtime = OFFLINE, **settings: Any) -> Backend:
        defaults = {
            "segmentation_model": str(self.segmentation),
            "embedding_model": str(self.embedding),
            "segmentation_window": self.window,
            "min_cluster_size": self.min_cluster_size,
            "segmentation_step": STEP,
            "exact": True,
        }
        return Backend(OnnxSettings(**{**defaults, **settings}), runtime=runtime)

    def usual(self, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS) -> tuple[Diarization, Diarization]:
        """What pyannote.audio finds and what we find, with the defaults; computed once for all tests."""
        key = id(audio.samples), speakers
        if key not in self._usual:
            self._usual[key] = self.pyannote(audio, speakers), diarize(self.backend(), audio, speakers)
        return self._usual[key]

    def pyannote(self, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS, **parameters: Any) -> Diarization:
        """What pyannote.audio finds, cut at the end of the recording."""
        import torch

        parameters = {"min_cluster_size": self.min_cluster_size, "segmentation_step": STEP, **parameters}
        exclusive = parameters.pop("exclusive", False)
        sound = {"waveform": torch.from_numpy(np.array(audio.mono))[None], "sample_rate": 16_000, "uri": "x"}
        with silence_pyannote():
            pipeline = onnx_models.pyannote_pipeline(*self.pytorch, **parameters)
            answer = pipeline(sound, min_speakers=speakers.minimum, max_speakers=speakers.maximum)
        found = answer.exclusive_speaker_diarization if exclusive else answer.speaker_diarization
        turns = []
        for segment, _, label in found.itertracks(yield_label=True):
            span = Span(segment.start, segment.end).clip(0.0, audio.duration)
            if span is not None:
                turns.append(Turn(span, str(label)))
        return Diarization(audio.recording_id, tuple(turns)).relabel()


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABCA", each=1.8, gap=0.3)[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, audio: Audio) -> Networks:
    """A powerset segmentation with random weights and an embedding on eight bands, fitted to the audio."""
    with silence_pyannote():
        voices = onnx_models.embedding([audio, load(SAMPLES / "standup.mp4", end=12.0)], n_mels=8)
        segmentation = tiny.segmentation_model(duration=2.0)
        return Networks(tmp_path_factory.mktemp("small"), segmentation, voices, min_cluster_size=2)


@pytest.fixture(scope="module")
def multi_label(tmp_path_factory: pytest.TempPathFactory, audio: Audio) -> Networks:
    with silence_pyannote():
        voices = onnx_models.embedding([audio, load(SAMPLES / "standup.mp4", end=12.0)], n_mels=8)
        segmentation = tiny.segmentation_model(duration=2.0, powerset=False, seed=3)
        return Networks(tmp_path_factory.mktemp("multi"), segmentation, voices, min_cluster_size=2)


def diarize(backend: Backend, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS) -> Diarization:
    return backend.diarize(audio, speech=(Span(0.0, audio.duration),), speakers=speakers)


def differ(first: Diarization, second: Diarization) -> float:
    """The share of the first one's speaking time that the second has otherwise, both labelled in order of appearance:
    what both have and either does not, in steps of 10 ms."""
    end = max([turn.end for turn in (*first.turns, *second.turns)], default=0.0)
    names = sorted({*first.speakers, *second.speakers})
    marked = np.zeros((2, len(names), int(end * 100) + 1), dtype=bool)
    for number, item in enumerate((first, second)):
        for turn in item.turns:
            marked[number, names.index(turn.speaker), round(turn.start * 100) : round(turn.end * 100)] = True
    return float((marked[0] ^ marked[1]).sum() / max(1, marked[0].sum()))


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, {}),
        ({"clustering_threshold": 0.3}, {"clustering_threshold": 0.3}),
        by_night({"min_duration_off": 0.4}, {"min_duration_off": 0.4}),
        ({"segmentation_step": 0.25}, {"segmentation_step": 0.25}),
        ({"embedding_exclude_overlap": False}, {"embedding_exclude_overlap": False}),
        ({"exclusive": True}, {"exclusive": True}),
    ],
    ids=["defaults", "threshold", "pauses", "step", "overlap", "exclusive"],
)
def test_powerset_pipeline_is_that_of_pyannote(
    small: Networks, audio: Audio, settings: dict[str, Any], parameters: dict[str, Any]
) -> None:
    if settings:
        expected, found = small.pyannote(audio, **parameters), diarize(small.backend(**settings), audio)
    else:
        expected, found = small.usual(audio)
    assert len(expected.turns) > 5
    assert found.speakers == expected.speakers
    assert differ(expected, found) < 0.005


def test_settings_change_the_result(small: Networks, audio: Audio) -> None:
    _, usual = small.usual(audio)
    for changed in (
        {"clustering_threshold": 0.3},
        {"min_duration_off": 0.4},
        {"segmentation_step": 0.25},
        {"exclusive": True},
        {"clustering_method": "single", "clustering_threshold": 0.01},
    ):
        assert diarize(small.backend(**changed), audio) != usual, changed


@pytest.mark.parametrize("threshold", [0.4, 0.6])
def test_multi_label_pipeline_is_that_of_pyannote(multi_label: Networks, audio: Audio, threshold: float) -> None:
    expected = multi_label.pyannote(audio, segmentation_threshold=threshold)
    found = diarize(multi_label.backend(segmentation_threshold=threshold), audio)
    assert len(expected.turns) > 3
    assert found.speakers == expected.speakers
    assert differ(expected, found) < 0.005


@pytest.mark.parametrize("count", [SpeakerCount(1, 1), SpeakerCount(3, 3), SpeakerCount(None, 2)])
def test_the_number_of_speakers_is_that_of_pyannote(small: Networks, audio: Audio, count: SpeakerCount) -> None:
    expected = small.pyannote(audio, count)
    found = diarize(small.backend(), audio, count)
    assert len(found.speakers) == len(expected.speakers)
    assert differ(expected, found) < 0.005
    assert count.allows(len(found.speakers)) or found.warnings


@pytest.fixture(scope="module")
def plda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_plda(tmp_path_factory.mktemp("plda"))


@pytest.mark.parametrize(
    ("threshold", "fa", "fb", "count"),
    [
        (0.6, 0.07, 0.8, ANY_SPEAKERS),
        by_night(0.6, 0.07, 0.8, SpeakerCount(3, None)),
        by_night(0.8, 0.4, 3.0, ANY_SPEAKERS),
        (0.8, 0.4, 3.0, SpeakerCount(2, 2)),
    ],
    ids=str,
)
def test_vbx_is_that_of_pyannote(
    small: Networks, audio: Audio, plda: Path, count: SpeakerCount, threshold: float, fa: float, fb: float
) -> None:
    expected = small.pyannote(audio, count, plda=plda, threshold=threshold, Fa=fa, Fb=fb)
    chosen = {"clustering_threshold": threshold, "vbx_fa": fa, "vbx_fb": fb}
    chosen = {} if (threshold, fa, fb) == (0.6, 0.07, 0.8) else chosen  # the published ones are the defaults
    backend = small.backend(clustering_method="vbx", plda=str(plda), min_cluster_size=None, **chosen)
    found = diarize(backend, audio, count)
    assert len(expected.turns) > 5
    assert found.speakers == expected.speakers
    assert differ(expected, found) < 0.005
    assert backend.record().details["plda"] == str(plda)


def test_a_plda_that_is_not_here_is_named(small: Networks) -> None:
    with pytest.raises(ModelUnavailable, match=r"pyannote/speaker-diarization-community-1 is not on this machine"):
        small.backend(clustering_method="vbx", min_cluster_size=None).prepare()


@pytest.mark.parametrize("kind", ["multi-label", "powerset"])
@pytest.mark.parametrize("clip", [by_night("ami_EN2004a.flac"), "stereo_fw.wav"])
def test_real_segmentation_on_real_recordings(kind: str, clip: str, tmp_path: Path) -> None:
    if not REAL_SEGMENTATION.is_file():
        pytest.skip("needs the real checkpoint and recordings of ../shared")
    from pyannote.audio import Model

    sound = load(CORPUS / clip, end=16.0)
    with silence_pyannote():
        segmentation = Model.from_pretrained(REAL_SEGMENTATION).eval()
        if kind == "powerset":
            segmentation = onnx_models.powerset_of(segmentation)
        networks = Networks(tmp_path, segmentation, onnx_models.embedding([sound], n_mels=8), min_cluster_size=12)
        expected = networks.pyannote(sound)
    found = diarize(networks.backend(), sound)
    assert len(expected.speakers) >= 2
    assert found.speakers == expected.speakers
    assert differ(expected, found) < 0.005


def test_a_window_goes_through_the_network_once_for_all_its_speakers(
    small: Networks, audio: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = small.backend()
    backend.prepare()
    assert backend.record().details["shared_frames"] is True
    seen, pooled = [], []
    frames, embed = onnx_embedding.FrameEncoder.frames, onnx_embedding.FrameEncoder.embed
    monkeypatch.setattr(
        onnx_embedding.FrameEncoder, "frames", lambda self, fbank: seen.append(len(fbank)) or frames(self, fbank)
    )
    monkeypatch.setattr(
        onnx_embedding.FrameEncoder,
        "embed",
        lambda self, given, weights: pooled.append(len(weights)) or embed(self, given, weights),
    )
    diarize(backend, audio)
    n_windows = 1 + -(-(audio.samples.shape[1] - 32_000) // round(32_000 * STEP))
    assert sum(seen) <= n_windows
    assert sum(pooled) > 1.2 * sum(seen), "several speakers of a window share its frames"


def test_fast_sends_every_frame_through_the_network_about_once(
    small: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = conversation("ABC" * 5, each=4.0)[0]
    lengths = []
    frames = onnx_embedding.FrameEncoder.frames
    monkeypatch.setattr(
        onnx_embedding.FrameEncoder,
        "frames",
        lambda self, fbank: lengths.append(fbank.shape[1]) or frames(self, fbank),
    )
    assert diarize(small.backend(fast=True), sound).turns
    assert sum(lengths) < 1.25 * 100 * sound.duration


def test_fast_embeddings_are_close_to_the_exact_ones(tmp_path: Path) -> None:
    sound = load(SAMPLES / "call.flac", end=30.0)
    with silence_pyannote():
        networks = Networks(
            tmp_path,
            tiny.segmentation_model(duration=5.0),
            onnx_models.embedding([sound], n_mels=8),
            min_cluster_size=2,
        )
    backend = networks.backend()
    backend.prepare()
    segmentation, encoder = backend._loaded
    grid = segmentation.grid(sound)
    _, active = segmentation.scores(sound, grid, report=lambda _: None)
    given = {"exclude_overlap": True, "report": lambda _: None}
    exact = local_embeddings.embed(sound, active, encoder, grid, batch=4, **given)
    fast = shared_frames.embed(sound, active, encoder, grid, **given)
    spoken = active.sum(axis=1) > 0.2 * active.shape[1]
    a, b = exact[spoken], fast[spoken]
    alike = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    others = np.roll(b, len(b) // 2, axis=0)
    unlike = (a * others).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(others, axis=1)
    assert np.median(alike) > 0.6
    assert np.median(alike) > np.median(unlike) + 0.2


@pytest.mark.parametrize(("form", "shares"), [("pyannote", True), ("wespeaker", True), ("last", False)])
def test_graphs_of_several_forms(small: Networks, audio: Audio, tmp_path: Path, form: str, shares: bool) -> None:
    path = onnx_models.export_embedding(small.pytorch[1], tmp_path / "embedding.onnx", form=form)
    encoder = onnx_embedding.FrameEncoder(path, OFFLINE, name=form)
    assert encoder.shares is shares
    backend = small.backend(embedding_model=str(path))
    if shares:
        assert differ(small.usual(audio)[0], diarize(backend, audio)) < 0.005
    else:
        assert diarize(backend, audio).turns
        with pytest.raises(InvalidOption, match="cannot be shared"):
            small.backend(embedding_model=str(path), fast=True).prepare()


def test_a_graph_that_cannot_be_cut_embeds_the_frames_of_one_speaker(small: Networks, tmp_path: Path) -> None:
    path = onnx_models.export_embedding(small.pytorch[1], tmp_path / "embedding.onnx", form="last")
    encoder = onnx_embedding.FrameEncoder(path, OFFLINE, name="last")
    bands = np.random.default_rng(0).normal(size=(1, 60, 8)).astype(np.float32)
    mask = np.zeros((2, 60), np.float32)
    mask[0, :30], mask[1, 25:] = 1.0, 1.0
    found = encoder.embed(encoder.frames(bands)[0], mask)
    for row, chosen in zip(found, (bands[:, :30], bands[:, 25:]), strict=True):
        np.testing.assert_allclose(row, encoder.embed(chosen[0].T, np.ones((1, chosen.shape[1]), np.float32))[0])


@pytest.mark.parametrize("with_words", [False, True])
@pytest.mark.parametrize("speakers", [ANY_SPEAKERS, SpeakerCount(3, 3)])
def test_exclusive_turns_are_the_same_speech_one_speaker_at_a_time(
    multi_label: Networks, audio: Audio, with_words: bool, speakers: SpeakerCount
) -> None:
    words = [Word(Span(t, t + 0.5), " so") for t in np.arange(0.0, audio.duration - 0.5, 0.5)] if with_words else []
    backend = multi_label.backend(exact=False, min_cluster_size=None)
    whole = (Span(0.0, audio.duration),)
    found = backend.diarize(audio, speech=whole, speakers=speakers, words=words)
    assert found.overlaps(), "otherwise this shows nothing"
    exclusive = replace(found, turns=found.exclusive_turns)
    assert not exclusive.overlaps()
    assert merge_spans(turn.span for turn in exclusive.turns) == merge_spans(turn.span for turn in found.turns)
    assert set(exclusive.speakers) <= set(found.speakers)
    assert diarize(multi_label.backend(), audio).exclusive_turns == ()


def test_threads_and_batches_do_not_change_the_result(small: Networks, audio: Audio) -> None:
    _, usual = small.usual(audio)
    one = Runtime(device="cpu", offline=True, threads=1)
    assert diarize(small.backend(one, segmentation_batch_size=1, embedding_batch_size=1), audio) == usual


@pytest.mark.parametrize("seconds", few_by_day([0.05, 0.5, 2.0, 2.05], every=2))
@pytest.mark.parametrize("fast", [False, True])
def test_short_recordings(small: Networks, audio: Audio, seconds: float, fast: bool) -> None:
    short = Audio(audio.samples[:, 8_000 : 8_000 + round(16_000 * seconds)], 16_000, "short")
    found = diarize(small.backend(fast=fast), short)
    assert all(0.0 <= turn.start < turn.end <= short.duration for turn in found.turns)


def test_two_channels_are_mixed(small: Networks, audio: Audio) -> None:
    twice = Audio(np.concatenate([audio.samples, audio.samples]), 16_000, audio.recording_id)
    assert diarize(small.backend(), twice) == small.usual(audio)[1]


def test_nothing_is_loaded_where_nobody_speaks(small: Networks) -> None:
    backend = small.backend(segmentation_model="/nowhere/model.onnx")
    assert backend.diarize(noise(3.0), speech=(), speakers=ANY_SPEAKERS).turns == ()
    assert backend.diarize(silence(0.0), speech=(Span(0.0, 0.0),), speakers=ANY_SPEAKERS).turns == ()


def test_release_frees_the_models(small: Networks, audio: Audio) -> None:
    backend = small.backend()
    before = diarize(backend, audio)
    models = [weakref.ref(model) for model in backend._loaded]
    backend.release()
    gc.collect()
    assert [model() for model in models] == [None, None]
    assert diarize(backend, audio) == before


def test_another_sample_rate_is_refused(small: Networks) -> None:
    with pytest.raises(UnsupportedRequest, match="8000 Hz"):
        diarize(small.backend(), Audio(np.zeros((1, 8000), np.float32), 8000))


class TestModels:
    def test_missing_offline(self) -> None:
        with pytest.raises(ModelUnavailable, match=r"onnx-community/pyannote-segmentation-3\.0 is not on this machine"):
            Backend(runtime=OFFLINE).prepare()

    def test_damaged(self, small: Networks, tmp_path: Path) -> None:
        path = tmp_path / "damaged.onnx"
        path.write_bytes(small.embedding.read_bytes()[:5000])
        with pytest.raises(BackendBroken, match="cannot be loaded"):
            small.backend(embedding_model=str(path)).prepare()

    def test_of_another_kind(self, small: Networks) -> None:
        with pytest.raises(InvalidOption, match="give one that takes a mel filterbank"):
            small.backend(embedding_model=str(small.segmentation), segmentation_window=None).prepare()
        with pytest.raises(InvalidOption, match="give one that takes sound"):
            small.backend(segmentation_model=str(small.embedding)).prepare()

    def test_of_another_suffix(self, small: Networks, tmp_path: Path) -> None:
        path = tmp_path / "model.bin"
        path.write_bytes(b"x")
        with pytest.raises(InvalidOption, match=r"ends in \.onnx"):
            small.backend(embedding_model=str(path)).prepare()

    def test_a_folder_with_one(self, small: Networks, audio: Audio, tmp_path: Path) -> None:
        (tmp_path / "mine.onnx").write_bytes(small.embedding.read_bytes())
        assert diarize(small.backend(embedding_model=str(tmp_path)), audio) == small.usual(audio)[1]
        (tmp_path / "other.onnx").write_bytes(b"")
        with pytest.raises(InvalidOption, match=r"2 \.onnx files"):
            small.backend(embedding_model=str(tmp_path)).prepare()

    def test_a_fixed_window(self, small: Networks, audio: Audio, tmp_path: Path) -> None:
        path = onnx_models.export_segmentation(small.pytorch[0], tmp_path / "fixed.onnx", fixed_window=True)
        fixed = small.backend(segmentation_model=str(path), segmentation_window=None)
        assert diarize(fixed, audio) == small.usual(audio)[1]
        assert fixed.record().details["window"] == 2.0
        with pytest.raises(InvalidOption, match="takes 2 seconds only"):
            small.backend(segmentation_model=str(path), segmentation_window=5.0).prepare()

    def test_a_device_that_is_not_there(self, small: Networks) -> None:
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has CUDA")
        with pytest.raises(InvalidOption, match="has no CUDA"):
            small.backend(Runtime(device="cuda", offline=True)).prepare()

    @pytest.mark.parametrize("axes", [(), ("batch",), ("batch", 1, 3)])
    def test_of_other_inputs(self, small: Networks, tmp_path: Path, axes: tuple[Any, ...]) -> None:
        from onnx import TensorProto, helper, save

        shape, path = [*axes], tmp_path / "other.onnx"
        sound = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        same = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [sound], [same])
        opset = [helper.make_opsetid("", 17)]
        save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
        with pytest.raises(InvalidOption, match="give one that takes sound"):
            small.backend(segmentation_model=str(path)).prepare()
        with pytest.raises(InvalidOption, match="give one that takes a mel filterbank"):
            small.backend(embedding_model=str(path)).prepare()

    def test_a_threshold_is_for_multi_label_models(self, small: Networks) -> None:
        with pytest.raises(InvalidOption, match="powerset"):
            small.backend(segmentation_threshold=0.4).prepare()


@pytest.mark.parametrize("fast", [False, True])
def test_samples_that_are_no_numbers_are_silence(small: Networks, audio: Audio, fast: bool) -> None:
    holes = np.array(audio.samples)
    holes[0, 20_000:40_000] = np.nan
    quiet_there = np.nan_to_num(holes)
    found = diarize(small.backend(fast=fast), Audio(holes, 16_000, audio.recording_id))
    assert found == diarize(small.backend(fast=fast), Audio(quiet_there, 16_000, audio.recording_id))


def test_a_speaker_with_hardly_a_frame_has_no_embedding_where_frames_are_not_shared(
    small: Networks, tmp_path: Path
) -> None:
    path = onnx_models.export_embedding(small.pytorch[1], tmp_path / "embedding.onnx", form="unpadded")
    encoder = onnx_embedding.FrameEncoder(path, OFFLINE, name="unpadded")
    assert not encoder.shares, "its frames do not begin where the filterbank's do"
    bands = np.random.default_rng(0).normal(size=(1, 60, 8)).astype(np.float32)
    mask = np.zeros((2, 60), np.float32)
    mask[0, :2], mask[1] = 1.0, 1.0
    found = encoder.embed(encoder.frames(bands)[0], mask)
    assert not found[0].any()
    assert found[1].any()


SETTINGS = {"exact": {}, "fast": {"fast": True}, "stretches": {"exact": False, "min_cluster_size": None}}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_another_number_of_speakers_needs_no_network_again(
    small: Networks, audio: Audio, settings: dict[str, Any], tmp_path: Path
) -> None:
    check_another_number(small.backend(**settings), audio, (Span(0.0, audio.duration),), tmp_path / "log")


def test_fast_goes_on_after_a_kill(small: Networks, tmp_path: Path) -> None:
    sound = conversation("ABC", each=20.0, gap=2.0)[0]
    backend = small.backend(Runtime(device="cpu", offline=True, threads=1), fast=True)
    segmentation, encoder = backend._require()
    _, active = segmentation.scores(sound, grid := segmentation.grid(sound), report=lambda _: None)
    heard: list[float] = []

    def work() -> bytes:
        heard.clear()
        return shared_frames.embed(sound, active, encoder, grid, exclude_overlap=True, report=heard.append).tobytes()

    work()
    assert heard == pytest.approx([1 / 3, 2 / 3, 1.0]), "three blocks"
    assert check_kills(work, tmp_path) == 3
