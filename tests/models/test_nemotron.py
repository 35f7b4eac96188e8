"""NVIDIA's Nemotron 3 Diarization against Transformers' own class, on small models of it with random weights."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.examples import by_night, few_by_day
from tests.kept_parts import check_another_number
from tests.sounds import RATE_HZ, ROOT, SAMPLES, SHARED, conversation, noise, silence
from tests.streams import STREAM, by_speaker, hear_stream
from whisperdiar import Audio, Diarization, Span, SpeakerCount, load
from whisperdiar.diarization.nemotron import CHECKPOINT, ONE_GRAPH, REVISIONS, TWO_GRAPHS, Backend, inference
from whisperdiar.diarization.nemotron.cache import CachePolicy, CacheSizes, SpeakerCache
from whisperdiar.diarization.nemotron.features import frame_count, log_mel, slaney_filters
from whisperdiar.errors import (
    BackendBroken,
    BackendMissing,
    InvalidOption,
    ModelUnavailable,
    OutputError,
    UnsupportedRequest,
)
from whisperdiar.options import Runtime
from whisperdiar.options.nemotron import NEMOTRON_MODES, NemotronSettings
from whisperdiar.options.speaker_activity import Streaming
from whisperdiar.selection import Choice, select
from whisperdiar.types import ANY_SPEAKERS

pytest.importorskip(
    "transformers.models.nemotron3_diarization", reason="no Transformers that has Nemotron 3 Diarization"
)
from tests import tiny_nemotron as tiny

pytestmark = pytest.mark.model

OFFLINE = Runtime(offline=True, threads=1)
CLOSE = 1e-4
KINDS = ("one graph", "two graphs", "sortformer's", "checkpoint")
SMALL = Streaming(
    chunk_len=20,
    chunk_right_context=5,
    fifo_len=15,
    spkcache_update_period=18,
    spkcache_len=40,
    chunk_left_context=0,
)
"""Sizes with which a conversation of a minute overflows everything many times."""


@pytest.fixture(scope="module")
def audio() -> Audio:
    """A minute, whose frames fill no whole number of the encoder's: 6001 hops and a bit."""
    sound, _ = conversation("ABACBCAB" * 2, each=3.5, gap=0.3)
    return Audio(sound.samples[:, : 6001 * 160 + 37], RATE_HZ, "conversation")


@pytest.fixture(scope="module")
def model(audio: Audio) -> Any:
    return tiny.model(audio)


@pytest.fixture(scope="module")
def paths(model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights in every form."""
    folder = tmp_path_factory.mktemp("nemotron")
    return {
        "one graph": tiny.export_one_graph(model, folder / "one" / "onnx" / "model.onnx").parents[1],
        "two graphs": tiny.export_two_graphs(model, folder / "two"),
        "sortformer's": tiny.export_sortformer_graph(model, folder / "six" / "model.onnx"),
        "checkpoint": tiny.save(model, folder / "checkpoint"),
    }


def backend(path: Path | str, **settings: Any) -> Backend:
    return Backend(NemotronSettings(model=str(path), **settings), runtime=OFFLINE)


def diarize(found: Backend, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS) -> Diarization:
    return found.diarize(audio, speech=(Span(0.0, audio.duration),), speakers=speakers)


def activity(found: Backend, audio: Audio) -> Any:
    result = diarize(found, audio)
    assert result.activity is not None
    assert result.activity.step == 0.01
    assert result.activity.kind == "posterior"
    return result.activity.values


def sizes_of(sizes: Streaming) -> dict[str, int]:
    names = ("chunk_len", "chunk_right_context", "fifo_len", "spkcache_update_period", "spkcache_len")
    return {name: getattr(sizes, name) for name in names}


# Features.


def test_mel_filters_are_slaneys() -> None:
    from transformers.audio_utils import mel_filter_bank

    expected = mel_filter_bank(257, 128, 0.0, 8000.0, RATE_HZ, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(slaney_filters(), expected, atol=1e-7)


@pytest.mark.parametrize("n_samples", few_by_day([160, 161, 319, 320, 1279, 1280, 1281, 16_000, 40_123], every=4))
def test_features_are_transformers_own(audio: Audio, n_samples: int) -> None:
    sound = Audio(audio.samples[:, 3000 : 3000 + n_samples], RATE_HZ)
    expected = tiny.features(sound)[0].numpy()
    assert expected.shape == (frame_count(n_samples), 128)
    np.testing.assert_allclose(log_mel(sound, 0, frame_count(n_samples)), expected, atol=CLOSE)


@pytest.mark.parametrize("sound", [silence(1.0), noise(1.0), load(SAMPLES / "standup.mp4", end=5.0)], ids=str)
def test_features_of_silence_noise_and_speech(sound: Audio) -> None:
    expected = tiny.features(sound)[0].numpy()
    np.testing.assert_allclose(log_mel(sound, 0, len(expected)), expected, atol=CLOSE)


@pytest.mark.skipif(not (SHARED / "corpus").is_dir(), reason="the corpus is not at hand")
def test_features_of_real_speech() -> None:
    """The reference adds in 32 bits: in a few faint bands of loud frames that alone makes up to 0.0004."""
    for name in ("ami_EN2001a.flac", "one_pv_de.wav"):
        sound = load(SHARED / "corpus" / "audio" / name)
        expected = tiny.features(sound)[0].numpy()
        difference = np.abs(log_mel(sound, 0, len(expected)) - expected)
        assert difference.max() < 1e-3
        assert (difference > CLOSE).mean() < 0.002


def test_features_are_the_same_piece_by_piece(audio: Audio) -> None:
    total = frame_count(audio.samples.shape[1])
    whole = log_mel(audio, 0, total)
    rng = np.random.default_rng(0)
    for first in [0, 1, total - 1, total - 3, *rng.integers(0, total, 20).tolist()]:
        last = min(first + int(rng.integers(1, 700)), total)
        np.testing.assert_allclose(log_mel(audio, first, last), whole[first:last], atol=1e-5)


# The loop against Transformers: whole recordings, then chunk by chunk.


@pytest.mark.parametrize("kind", KINDS)
def test_offline_is_transformers_own(kind: str, paths: dict[str, Path], model: Any, audio: Audio) -> None:
    expected = tiny.forward(model, tiny.features(audio))
    found = activity(backend(paths[kind], mode="offline"), audio)
    assert found.shape == expected.shape == (6001, 8)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=CLOSE)
    assert ((found > 0.5).mean(axis=0) > 0.1).all(), "the comparison needs something to compare"


STREAMING_MODES = [name for name in NEMOTRON_MODES if name != "offline"]


@pytest.fixture(scope="module")
def expected_by_mode(model: Any, audio: Audio) -> dict[str, Any]:
    """What Transformers makes of 40 s, of which the FIFO overflows twice and the cache once, in each mode."""
    values = tiny.features(Audio(audio.samples[:, : 40 * RATE_HZ], RATE_HZ))
    return {mode: tiny.forward_streaming(model, values, NEMOTRON_MODES[mode])[0] for mode in STREAMING_MODES}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", few_by_day(STREAMING_MODES, every=3))
def test_streaming_modes_are_transformers_own(
    kind: str, mode: str, paths: dict[str, Path], expected_by_mode: dict[str, Any], audio: Audio
) -> None:
    found = activity(backend(paths[kind], mode=mode), Audio(audio.samples[:, : 40 * RATE_HZ], RATE_HZ))
    np.testing.assert_allclose(found, expected_by_mode[mode], atol=CLOSE)


@pytest.mark.parametrize("kind", KINDS)
def test_one_window_is_one_forward(kind: str, paths: dict[str, Path], model: Any, audio: Audio) -> None:
    values = tiny.features(audio)
    config = model.config
    before, config.chunk_length = config.chunk_length, 3000
    try:
        expected = tiny.forward(model, values)
    finally:
        config.chunk_length = before
    for mode in ("auto", "one_window"):
        found = backend(paths[kind], mode=mode)
        np.testing.assert_allclose(activity(found, audio), expected, atol=CLOSE)
        assert found.record().details["mode"] == "one_window"


def test_the_cache_is_transformers_own_after_every_chunk(paths: dict[str, Path], model: Any, audio: Audio) -> None:
    found = backend(paths["two graphs"])
    found.prepare()
    network = found._loaded
    assert network is not None
    expected, states = tiny.forward_streaming(model, tiny.features(audio), SMALL)
    assert len(states) > 30
    kept: list[tuple[Any, Any]] = []

    class Watched(SpeakerCache):
        def update(self, *arguments: Any) -> None:
            super().update(*arguments)
            kept.append((self.embeddings.copy(), self.fifo.copy()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "SpeakerCache", Watched)
        answer = inference.probabilities(network, audio, SMALL, heard=lambda _: None)
    np.testing.assert_allclose(answer, expected, atol=CLOSE)
    assert len(kept) == len(states)
    for (ours, our_fifo), (theirs, their_fifo) in zip(kept, states, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=CLOSE)
        np.testing.assert_allclose(our_fifo, their_fifo, atol=CLOSE)
    assert len(kept[-1][0]) == SMALL.spkcache_len, "it was compressed"


LENGTHS = (1, 7, 8, 9, 159, 160, 161, 199, 200, 201, 1599, 1600, 1601, 1607)
BY_DAY = (1, 9, 160, 201, 1601)


@pytest.mark.parametrize("n_frames", [n if n in BY_DAY else by_night(n) for n in LENGTHS])
@pytest.mark.parametrize("kind", ["one graph", "checkpoint"])
def test_lengths_that_do_not_divide(kind: str, n_frames: int, paths: dict[str, Path], model: Any, audio: Audio) -> None:
    sound = Audio(audio.samples[:, : n_frames * 160 + n_frames % 160], RATE_HZ)
    expected, _ = tiny.forward_streaming(model, tiny.features(sound), SMALL)
    found = activity(_ready(str(paths[kind]), **sizes_of(SMALL)), sound)
    assert found.shape == expected.shape == (n_frames, 8)
    np.testing.assert_allclose(found, expected, atol=CLOSE)


@functools.cache
def _ready(path: str, **settings: Any) -> Backend:
    return backend(path, **settings)


def test_random_sizes_are_transformers_own(paths: dict[str, Path], model: Any, audio: Audio) -> None:
    rng = np.random.default_rng(1)
    for _ in range(12):
        sizes = Streaming(
            chunk_len=int(rng.integers(1, 60)),
            chunk_right_context=int(rng.integers(0, 20)),
            fifo_len=int(rng.integers(1, 60)),
            spkcache_update_period=int(rng.integers(1, 80)),
            spkcache_len=int(rng.integers(16, 90)),
            chunk_left_context=0,
        )
        first = int(rng.integers(0, 20 * RATE_HZ))
        length = int(rng.integers(RATE_HZ, 15 * RATE_HZ))
        sound = Audio(np.ascontiguousarray(audio.samples[:, first : first + length]), RATE_HZ)
        expected, _ = tiny.forward_streaming(model, tiny.features(sound), sizes)
        found = activity(backend(paths["two graphs"], **sizes_of(sizes)), sound)
        np.testing.assert_allclose(found, expected, atol=CLOSE, err_msg=str(sizes))


# One draw in several hundred hangs on the last bit of a logarithm, so the draws are always the same ones.
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_speakers=st.integers(1, 8),
    places=st.integers(5, 12),
    surplus=st.integers(1, 60),
    sharpness=st.sampled_from([0.3, 2.0, 10.0, 60.0]),
)
def test_compression_is_transformers_own(
    seed: int, n_speakers: int, places: int, surplus: int, sharpness: float
) -> None:
    """Also of frames that are there twice, of certain voices, and where hardly anybody talks."""
    import torch
    from transformers import Nemotron3DiarizationConfig
    from transformers.models.nemotron3_diarization.modeling_nemotron3_diarization import (
        Nemotron3DiarizationSpeakerCache,
    )

    rng = np.random.default_rng(seed)
    length = places * n_speakers + int(rng.integers(0, n_speakers))
    n_frames = length + surplus
    own = rng.integers(0, n_frames, n_frames) if seed % 2 else np.arange(n_frames)
    logits = sharpness * (rng.standard_normal((n_frames, n_speakers)) - rng.uniform(-0.5, 2.5))
    nudges = (1.0, *(1.0 + 1e-5 * rng.standard_normal(logits.shape) for _ in range(3)))
    probabilities, *nudged = ((1.0 / (1.0 + np.exp(-logits * nudge))).astype(np.float32)[own] for nudge in nudges)
    embeddings = rng.standard_normal((n_frames, 4)).astype(np.float32)  # each tells where it comes from
    quiet = rng.standard_normal(4).astype(np.float32)
    config = Nemotron3DiarizationConfig(
        head_config={"num_speakers": n_speakers},
        streaming_config={"num_speakers": n_speakers, "speaker_cache_length": length},
    )
    reference = Nemotron3DiarizationSpeakerCache(config.streaming_config)
    # Never more frames than there are, as for one speaker alone.
    reference.num_weak_boosted_frames = min(reference.num_weak_boosted_frames, n_frames)
    with tiny.first_of_equals():
        sound = torch.from_numpy(embeddings)[None]
        expected, *moved = (
            reference._compress(sound, torch.from_numpy(given)[None], torch.from_numpy(quiet))
            for given in (probabilities, *nudged)
        )
    # Where the last digits of a probability decide, so does the library that takes its logarithm.
    assume(all(torch.equal(expected[0], other[0]) for other in moved))
    sizes = CacheSizes(fifo=1, cache=length, update_period=1)
    cache = SpeakerCache(sizes, CachePolicy(), n_speakers=n_speakers, width=4)
    found = cache._compress(embeddings, probabilities, quiet)
    np.testing.assert_array_equal(found[0], expected[0][0].numpy())
    np.testing.assert_array_equal(found[1], expected[1][0].numpy())


def test_the_last_frames_are_heard(paths: dict[str, Path], model: Any, audio: Audio) -> None:
    """Transformers' processor adds a masked frame of zeros; where no new frame of the encoder begins, it is nothing."""
    import torch
    from transformers import NemotronAsrStreamingFeatureExtractor

    made = NemotronAsrStreamingFeatureExtractor(feature_size=128)(
        np.array(audio.mono), sampling_rate=RATE_HZ, return_tensors="pt"
    )
    with torch.inference_mode():
        expected = model(made["input_features"], attention_mask=made["attention_mask"]).logits.sigmoid()[0].numpy()
    found = activity(backend(paths["one graph"], mode="offline"), audio)
    np.testing.assert_allclose(found, expected[: len(found)], atol=CLOSE)


def test_silence_is_heard_as_transformers_hears_it(paths: dict[str, Path], model: Any) -> None:
    quiet = silence(30.0)
    expected, _ = tiny.forward_streaming(model, tiny.features(quiet), SMALL)
    np.testing.assert_allclose(activity(backend(paths["one graph"], **sizes_of(SMALL)), quiet), expected, atol=CLOSE)


@pytest.mark.parametrize("n_samples", [1, 159])
def test_sound_shorter_than_a_frame(paths: dict[str, Path], audio: Audio, n_samples: int) -> None:
    short = Audio(np.ascontiguousarray(audio.samples[:, :n_samples]), RATE_HZ)
    assert diarize(_ready(str(paths["one graph"])), short).turns == ()


def test_channels_are_mixed(paths: dict[str, Path], audio: Audio) -> None:
    both = Audio(np.concatenate([audio.samples * 1.5, audio.samples * 0.5]), RATE_HZ)
    found = _ready(str(paths["one graph"]))
    np.testing.assert_allclose(activity(found, both), activity(found, audio), atol=1e-3)


def test_hours_are_kept_in_sixteen_bits(paths: dict[str, Path], audio: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    full = activity(_ready(str(paths["one graph"]), mode="offline"), audio)
    monkeypatch.setattr(inference, "_FULL_PRECISION_FRAMES", 6000)
    half = activity(_ready(str(paths["one graph"]), mode="offline"), audio)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half.astype(np.float32), full, atol=3e-4)


def test_precisions(paths: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for name in ("embed.onnx", "silence_embeds.bin", "step.onnx"):
        (tmp_path / name).write_bytes((paths["two graphs"] / name).read_bytes())
    with pytest.raises(ModelUnavailable, match=r"holds none of onnx/model_quantized\.onnx, .*step_int8\.onnx"):
        backend(tmp_path, precision="int8").prepare()
    quantize_dynamic(tmp_path / "step.onnx", tmp_path / "step_int8.onnx", weight_type=QuantType.QInt8)
    exact = activity(backend(tmp_path), audio)
    coarse = backend(tmp_path, precision="int8")
    difference = np.abs(activity(coarse, audio) - exact)
    assert 1e-4 < difference.mean() < 0.1
    assert coarse.record().details["precision"] == "int8"


def test_sixteen_bits(paths: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    import onnx

    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    made = float16.convert_float_to_float16(onnx.load(paths["one graph"] / "onnx" / "model.onnx"))
    (tmp_path / "onnx").mkdir()
    onnx.save(made, tmp_path / "onnx" / "model_fp16.onnx")
    half = activity(backend(tmp_path, precision="fp16"), audio)
    exact = activity(backend(paths["one graph"]), audio)
    assert half.dtype == np.float32
    assert np.abs(half - exact).mean() < 0.01


# Streams.


@pytest.mark.parametrize("kind", ["one graph", by_night("two graphs"), by_night("checkpoint")])
@pytest.mark.parametrize("mode", ["auto", by_night("ultra_low_latency")])
def test_a_stream_has_the_turns_of_the_recording(kind: str, mode: str, paths: dict[str, Path], audio: Audio) -> None:
    sound = Audio(audio.samples[:, : 20 * RATE_HZ + 77], RATE_HZ)
    expected = diarize(backend(paths[kind], mode="low_latency" if mode == "auto" else mode), sound).turns
    assert len(expected) > 3
    assert by_speaker(hear_stream(_ready(str(paths[kind]), mode=mode), sound.samples[0])) == by_speaker(expected)


@pytest.mark.parametrize("n_samples", [100, 161, 1500, 20_000])
def test_a_stream_may_be_short(paths: dict[str, Path], audio: Audio, n_samples: int) -> None:
    sound = Audio(audio.samples[:, RATE_HZ : RATE_HZ + n_samples], RATE_HZ)
    found = hear_stream(_ready(str(paths["one graph"])), sound.samples[0])
    assert by_speaker(found) == by_speaker(diarize(backend(paths["one graph"], mode="low_latency"), sound).turns)


def test_a_stream_of_small_chunks_overflows_everything(paths: dict[str, Path], audio: Audio) -> None:
    found = _ready(str(paths["one graph"]), **sizes_of(SMALL))
    assert by_speaker(hear_stream(found, audio.samples[0])) == by_speaker(diarize(found, audio).turns)


def test_what_is_to_be_heard_at_once_is_no_stream(paths: dict[str, Path]) -> None:
    assert backend(paths["one graph"], mode="one_window").stream(speakers=ANY_SPEAKERS, **STREAM) is None


# Turns.


def test_turns_without_post_processing_are_transformers_own(paths: dict[str, Path], model: Any, audio: Audio) -> None:
    import torch
    from transformers import Nemotron3DiarizationProcessor, NemotronAsrStreamingFeatureExtractor

    processor = Nemotron3DiarizationProcessor(NemotronAsrStreamingFeatureExtractor(feature_size=128))
    found = diarize(backend(paths["one graph"], min_duration_on=0.0, min_duration_off=0.0), audio)
    assert found.activity is not None
    logits = torch.logit(torch.from_numpy(found.activity.values).double())[None]
    (expected,) = processor.extract_speaker_dict(logits)
    names = {label: column for column, label in enumerate(found.activity.speakers)}
    ours = sorted((round(t.start, 2), round(min(t.end, 60.01), 2), names[t.speaker]) for t in found.turns)
    assert ours == sorted((item["Start"], item["End"], item["Speaker"]) for item in expected)


def test_post_processing_bridges_and_drops(paths: dict[str, Path], audio: Audio) -> None:
    raw = diarize(backend(paths["one graph"], min_duration_on=0.0, min_duration_off=0.0), audio)
    assert any(turn.span.duration < 0.3 for turn in raw.turns)
    found = diarize(backend(paths["one graph"]), audio)
    assert all(turn.span.duration >= 0.3 - 1e-6 for turn in found.turns)
    for speaker in found.speakers:
        own = [turn for turn in found.turns if turn.speaker == speaker]
        assert all(b.start - a.end >= 0.5 - 1e-6 for a, b in itertools.pairwise(own))
    strict = diarize(backend(paths["one graph"], onset=0.9, offset=0.9), audio)
    assert sum(t.span.duration for t in strict.turns) < sum(t.span.duration for t in found.turns)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_the_number_of_speakers_is_honoured(paths: dict[str, Path], audio: Audio, count: int) -> None:
    found = diarize(_ready(str(paths["one graph"])), audio, SpeakerCount(count, count))
    assert len(found.speakers) == count
    assert (found.warnings == ()) == (count == 8)
    assert found.activity is not None
    assert sorted(filter(None, found.activity.speakers)) == sorted(found.speakers)


def test_all_columns_taken_is_told(paths: dict[str, Path], audio: Audio) -> None:
    (warning,) = diarize(_ready(str(paths["one graph"])), audio).warnings
    assert warning.startswith("nemotron heard 8 speakers and can tell no more apart")


def test_more_than_eight_are_refused_before_the_model_is_looked_for(audio: Audio) -> None:
    for text in ("9", "9-12"):
        with pytest.raises(UnsupportedRequest, match=rf"^{text} speakers: nemotron tells at most 8 apart; use"):
            diarize(Backend(runtime=OFFLINE), audio, SpeakerCount.parse(text))


def test_turns_carry_their_activity(paths: dict[str, Path], audio: Audio) -> None:
    found = diarize(_ready(str(paths["one graph"])), audio)
    assert found.activity is not None
    for turn in found.turns[:50]:
        column = found.activity.speakers.index(turn.speaker)
        assert turn.confidence == pytest.approx(float(found.activity.within(turn.span)[:, column].mean()), abs=1e-3)


# Files and refusals.


def test_activity_is_saved(paths: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    path = tmp_path / "meeting.npz"
    later = replace(audio, recording_id="meeting", start=5.0)
    found = diarize(backend(paths["one graph"], save_activity=str(path)), later)
    assert found.activity is not None
    with np.load(path, allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["probabilities"], found.activity.values)
        assert saved["labels"].tolist() == list(found.activity.speakers)
        assert (saved["frame_duration"], saved["start"]) == (0.01, 5.0)
        assert (saved["kind"], saved["recording_id"]) == ("posterior", "meeting")
    with pytest.raises(OutputError, match=r"its folder does not exist; make it first"):
        diarize(backend(paths["one graph"], save_activity=str(tmp_path / "none" / "p.npz")), audio)


def test_one_window_has_an_end(paths: dict[str, Path]) -> None:
    long = Audio(np.zeros((1, 401 * RATE_HZ), np.float32), RATE_HZ)
    with pytest.raises(
        UnsupportedRequest, match=r"401 s are longer than the 400 s that the network knows; use mode=off"
    ):
        diarize(backend(paths["one graph"], mode="one_window"), long)


def test_auto_takes_chunks_after_four_minutes(paths: dict[str, Path], audio: Audio) -> None:
    found = _ready(str(paths["one graph"]))
    for seconds, mode in ((240, "one_window"), (241, "offline")):
        long = Audio(np.resize(audio.samples, (1, seconds * RATE_HZ)), RATE_HZ)
        assert activity(found, long).shape == (seconds * 100, 8)
        assert found.record().details["mode"] == mode


def test_no_speech_needs_no_model(audio: Audio) -> None:
    found = Backend(runtime=OFFLINE)
    assert found.diarize(audio, speech=(), speakers=ANY_SPEAKERS).turns == ()
    assert diarize(found, silence(0.0)).turns == ()


def test_another_sample_rate_is_refused(paths: dict[str, Path]) -> None:
    with pytest.raises(UnsupportedRequest, match="8000 Hz: nemotron needs 16000 Hz audio"):
        diarize(_ready(str(paths["one graph"])), Audio(np.zeros((1, 8000), np.float32), 8000))


def lay_down(name: str, folder: Path, hub: Path) -> None:
    """A repository in a cache of the hub, as its client lays it down: links to files elsewhere."""
    repository = hub / f"models--{name.replace('/', '--')}"
    files = [item for item in sorted(folder.rglob("*")) if item.is_file() and hub not in item.parents]
    for number, file in enumerate(files):
        link = repository / "snapshots" / REVISIONS[name] / file.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = repository / "blobs" / str(number)
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(file.read_bytes())
        link.symlink_to(blob)


@pytest.fixture
def hub(paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub with the one graph alone, its weights beside it."""
    import onnx

    found = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(found))
    graph = onnx.load(paths["one graph"] / "onnx" / "model.onnx")
    apart = tmp_path / "onnx"
    apart.mkdir()
    onnx.save_model(graph, apart / "model.onnx", save_as_external_data=True, location="model.onnx_data")
    lay_down(ONE_GRAPH, tmp_path, found)
    return found


def test_auto_takes_it_where_its_model_is_here_and_fetches_it_never(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the models of those before it cannot be had; for at most eight speakers."""
    asked: set[tuple[str, bool]] = set()

    def fetch(repository: str, *_: Any, runtime: Runtime, **__: Any) -> Path:
        asked.add((repository, runtime.offline))
        raise ModelUnavailable(f"{repository}: no network in this test")

    monkeypatch.setattr("whisperdiar.models.hub.fetch", fetch)
    told: list[str] = []
    online = Runtime(threads=1)
    found = select("diarization", Choice(), runtime=online, inform=told.append, notify=told.append)
    assert found.backend.name == "nemotron"
    assert found.fallback is not None
    assert found.fallback.preferred == "onnx"
    assert "diarization by nemotron" in told[0]
    assert ("onnx-community/pyannote-segmentation-3.0", False) in asked
    many = select("diarization", Choice(), runtime=online, speakers=SpeakerCount(9, 9))
    assert many.backend.name in ("embedding", "bic")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    without = select("diarization", Choice(), runtime=online)
    assert without.backend.name in ("embedding", "bic")
    assert without.fallback is not None
    assert without.fallback.preferred == "onnx"
    assert (ONE_GRAPH, True) in asked, "it was looked for"
    assert (ONE_GRAPH, False) not in asked, "no download was allowed"


def test_repositories_in_the_cache_of_the_hub(paths: dict[str, Path], audio: Audio, hub: Path) -> None:
    expected = activity(_ready(str(paths["one graph"])), audio)
    lay_down(TWO_GRAPHS, paths["two graphs"], hub)
    lay_down(CHECKPOINT, paths["checkpoint"], hub)
    for name in (ONE_GRAPH, TWO_GRAPHS, CHECKPOINT):
        found = backend(name)
        np.testing.assert_allclose(activity(found, audio), expected, atol=CLOSE)
        assert found.record().details["source"] == f"{name}@{REVISIONS[name]}"
        assert found.record().details["runtime"] == ("transformers" if name == CHECKPOINT else "onnx")


@pytest.mark.parametrize("name", [ONE_GRAPH, TWO_GRAPHS, CHECKPOINT])
def test_a_model_that_is_not_here(name: str, audio: Audio) -> None:
    with pytest.raises(ModelUnavailable, match=name):
        diarize(backend(name), audio)


def test_other_graphs_are_refused_in_one_line(paths: dict[str, Path], tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    for inputs, why in (
        ([("sound", (1, "n"))], r"is no graph of Nemotron 3 Diarization \(inputs sound\): give one of"),
        ([("a", (1, "n", 32)), ("b", (1,))], r"\(inputs a, b\)"),
        ([("embeddings", (1, "n", 32))], r"put embed\.onnx beside it"),
    ):
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs]
        output = helper.make_tensor_value_info("out", TensorProto.FLOAT, inputs[0][1])
        node = helper.make_node("Identity", [inputs[0][0]], ["out"])
        graph = helper.make_model(
            helper.make_graph([node], "g", values, [output]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        )
        onnx.save(graph, tmp_path / "other.onnx")
        with pytest.raises(BackendBroken, match=why) as caught:
            backend(tmp_path / "other.onnx").prepare()
        assert "\n" not in str(caught.value)
    (tmp_path / "half.onnx").write_bytes((paths["two graphs"] / "step.onnx").read_bytes()[:5000])
    with pytest.raises(BackendBroken, match=r"cannot be loaded by ONNX Runtime: .*; fetch it anew"):
        backend(tmp_path / "half.onnx").prepare()
    step = tmp_path / "alone"
    step.mkdir()
    for name in ("step.onnx", "embed.onnx"):
        (step / name).write_bytes((paths["two graphs"] / name).read_bytes())
    with pytest.raises(BackendBroken, match=r"needs silence_embeds\.bin: put it beside the model"):
        backend(step).prepare()


def test_a_damaged_checkpoint(paths: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((paths["checkpoint"] / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(BackendBroken, match=r"cannot be loaded by Transformers: .*; fetch it anew"):
        backend(tmp_path).prepare()


def test_files_that_are_not_here(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no such file or folder"):
        backend(tmp_path / "mine.onnx").prepare()
    with pytest.raises(ModelUnavailable, match=r"holds none of onnx/model\.onnx, model\.onnx, step\.onnx"):
        backend(tmp_path).prepare()


def test_a_precision_that_the_model_does_not_have() -> None:
    with pytest.raises(InvalidOption, match=r"precision fp16: .* comes in fp32 or int8"):
        backend(TWO_GRAPHS, precision="fp16").prepare()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "fast"},
        {"precision": "q4"},
        {"onset": 1.5},
        {"min_duration_on": -0.1},
        {"chunk_len": 0},
        {"spkcache_len": 15},
        {"mode": "one_window", "chunk_len": 10},
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=list(wrong)[-1]):
        NemotronSettings(**wrong)


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_a_missing_package_is_named_with_its_extra(
    paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    find: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == missing else find(name, *rest))
    with pytest.raises(BackendMissing, match=rf'{missing} is not installed; install it: pip install "whisperdiar\[nem'):
        backend(paths["checkpoint"]).prepare()
    backend(paths["one graph"]).prepare()


QUIET = """
import os, random, sys, warnings
import numpy as np
from whisperdiar import Span
from whisperdiar.diarization.nemotron import Backend
from whisperdiar.options import NemotronSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS
from tests.sounds import conversation

def state():
    return (dict(os.environ), random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters),
            sys.stdout, sys.stderr, sys.excepthook)

before = state()
backend = Backend(NemotronSettings(model=sys.argv[1]), runtime=Runtime(offline=True, threads=2))
audio = conversation("AB", each=1.0)[0]
assert backend.diarize(audio, speech=(Span(0.0, 1.0),), speakers=ANY_SPEAKERS).activity is not None
for old, new in zip(before, state()):
    assert old == new, (old, new)
assert ("torch" in sys.modules) == ("checkpoint" in sys.argv[1]), "ONNX Runtime needs no PyTorch"
"""


@pytest.mark.parametrize("kind", ["one graph", by_night("checkpoint")])
def test_nothing_is_printed_and_nothing_global_changes(paths: dict[str, Path], kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", QUIET, str(paths[kind])], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_number_of_speakers_needs_no_network_again(
    paths: dict[str, Path], audio: Audio, tmp_path: Path
) -> None:
    check_another_number(backend(paths["two graphs"]), audio, (Span(0.0, audio.duration),), tmp_path / "log")
