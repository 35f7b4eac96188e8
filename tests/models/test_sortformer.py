"""NVIDIA's Sortformer through NeMo's own classes, on small models of them."""

from __future__ import annotations

import functools
import gc
import importlib.util
import subprocess
import sys
import tarfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import tiny_sortformer as tiny
from tests.examples import by_night, few_by_day
from tests.sounds import RATE_HZ, ROOT, conversation, silence
from tests.streams import STREAM, by_speaker, hear_stream
from whisperdiar import Audio, Diarization, Span, SpeakerCount
from whisperdiar.diarization.sortformer import Backend, inference
from whisperdiar.diarization.sortformer.model import REVISIONS, silence_loading
from whisperdiar.errors import (
    BackendBroken,
    BackendMissing,
    InvalidOption,
    ModelUnavailable,
    OutputError,
    UnsupportedRequest,
)
from whisperdiar.options import Runtime
from whisperdiar.options.sortformer import LATENCIES, SortformerSettings
from whisperdiar.types import ANY_SPEAKERS

pytest.importorskip("nemo", reason="NVIDIA NeMo is not installed")
pytestmark = pytest.mark.model

OFFLINE = Runtime(offline=True, threads=1)
Matrix = NDArray[np.float32]


@pytest.fixture(scope="module")
def audio() -> Audio:
    return conversation("ABAC", each=3.0)[0]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A saved model, made once for each choice of options."""
    folder = tmp_path_factory.mktemp("sortformer")

    @functools.cache
    def built(name: str, **options: Any) -> Path:
        return tiny.build(folder / f"{name}.nemo", **options)

    return built


@pytest.fixture(scope="module")
def streaming(build: Callable[..., Path]) -> Path:
    return build("streaming", streaming=True)


@pytest.fixture(scope="module")
def offline(build: Callable[..., Path]) -> Path:
    return build("offline", streaming=False)


def backend(model: Path | str, **settings: Any) -> Backend:
    return Backend(SortformerSettings(model=str(model), **settings), runtime=OFFLINE)


def diarize(found: Backend, audio: Audio, speakers: SpeakerCount = ANY_SPEAKERS) -> Diarization:
    return found.diarize(audio, speech=(Span(0.0, audio.duration),), speakers=speakers)


def by_nemo(path: Path, samples: Matrix, **streaming: int) -> Matrix:
    """What NeMo's own `forward` gives for all samples (1, n) at once."""
    import torch
    from nemo.collections.asr.models import SortformerEncLabelModel

    with silence_loading():
        model = SortformerEncLabelModel.restore_from(str(path), map_location="cpu").eval()
    for name, value in streaming.items():
        assert hasattr(model.sortformer_modules, name)
        setattr(model.sortformer_modules, name, value)
    with silence_loading(), torch.inference_mode():
        answer = model.forward(
            audio_signal=torch.from_numpy(samples), audio_signal_length=torch.tensor([samples.shape[1]])
        )
    return answer[0].numpy()


@pytest.mark.parametrize("normalize", ["NA", "per_feature", by_night("all_features")])
def test_streaming_is_nemos_own(build: Callable[..., Path], audio: Audio, normalize: str) -> None:
    path = build(f"streaming-{normalize}", streaming=True, normalize=normalize)
    expected = by_nemo(path, audio.samples)
    found = backend(path, latency="model").probabilities(audio)
    assert found.dtype == np.float32
    assert found.shape == expected.shape == (175, 4)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert (found > 0.5).any(axis=0).all(), "the comparison needs something to compare"


@pytest.mark.parametrize("latency", ["very-high", by_night("high"), by_night("low"), "ultra-low"])
def test_latencies_are_what_the_model_then_works_with(streaming: Path, audio: Audio, latency: str) -> None:
    values = LATENCIES[latency]
    assert values is not None
    numbers = {name: getattr(values, name) for name in values.__slots__}
    # Short chunks are many in six seconds; a FIFO of 15 s is full in neither, but with the numbers of the next test.
    sound = Audio(audio.samples[:, : (6 if values.chunk_len < 10 else 14) * RATE_HZ], RATE_HZ)
    found = backend(streaming, latency=latency)
    np.testing.assert_allclose(found.probabilities(sound), by_nemo(streaming, sound.samples, **numbers), atol=1e-5)
    assert found.record().details["streaming"] == numbers


def test_streaming_numbers_one_by_one(streaming: Path, audio: Audio) -> None:
    chosen = {"chunk_len": 20, "chunk_left_context": 2, "chunk_right_context": 5, "fifo_len": 10}
    chosen |= {"spkcache_update_period": 25, "spkcache_len": 40}
    found = backend(streaming, latency="model", **chosen)
    np.testing.assert_allclose(found.probabilities(audio), by_nemo(streaming, audio.samples, **chosen), atol=1e-5)
    with pytest.raises(InvalidOption, match=r"'spkcache_len' must be at least 8"):
        backend(streaming, spkcache_len=4).prepare()


@pytest.mark.parametrize("normalize", ["NA", "per_feature"])
def test_one_window_is_nemos_own(build: Callable[..., Path], audio: Audio, normalize: str) -> None:
    path = build(f"offline-{normalize}", streaming=False, normalize=normalize)
    np.testing.assert_array_equal(backend(path).probabilities(audio), by_nemo(path, audio.samples))


def test_windows_are_nemos_own_joined(offline: Path, audio: Audio) -> None:
    found = backend(offline, window=10.0, window_overlap=2.0)
    joined = found.probabilities(audio)
    first, second = by_nemo(offline, audio.samples[:, : 10 * RATE_HZ]), by_nemo(offline, audio.samples[:, 64_000:])
    assert found.record().details["windows"] == 2
    assert joined.shape == (175, 4)
    np.testing.assert_array_equal(joined[:50], first[:50])
    order = [int(np.argmin([np.abs(joined[125:, n] - second[75:, k]).max() for k in range(4)])) for n in range(4)]
    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_array_equal(joined[125:], second[75:, order])


def test_labels_that_were_guessed_are_told(offline: Path, audio: Audio) -> None:
    long = Audio(np.tile(audio.samples, (1, 2))[:, : 19 * RATE_HZ], RATE_HZ)
    found = diarize(backend(offline, window=10.0, window_overlap=1.0), long)
    assert any("may have changed labels between windows" in note for note in found.warnings)
    found = diarize(backend(offline, window=20.0), long)
    assert not any("windows" in note for note in found.warnings)


def test_windows_change_nothing_for_a_model_without_memory(build: Callable[..., Path]) -> None:
    path = build("local", streaming=False, normalize="NA", local=True)
    sound = conversation("ABACBC", each=5.0, gap=0.3)[0].samples.copy()
    sound[:, ::1600] = 1.0  # NeMo scales a window by its loudest sample
    audio = Audio(sound, RATE_HZ)
    expected = backend(path, window=720.0).probabilities(audio)
    found = backend(path, window=10.0, window_overlap=3.0)
    differing = np.abs(found.probabilities(audio) - expected).max(axis=1) > 1e-5
    # The filters before the network see silence beyond the edges of a window.
    assert found.record().details["windows"] == 5
    assert differing.mean() < 0.1
    assert np.abs(found.probabilities(audio) - expected).max() < 0.2


def test_a_window_fits_the_memory(offline: Path, audio: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Audio(np.tile(audio.samples, (1, 4)), RATE_HZ)
    found = backend(offline)
    found.probabilities(long)
    assert found.record().details["windows"] == 1
    monkeypatch.setattr("whisperdiar.diarization.sortformer.available_memory", lambda kind, index: 10**9)
    found = backend(offline)
    found.probabilities(long)
    assert found.record().details["windows"] == 3, "30 s each"


@pytest.mark.parametrize("normalize", ["NA", "per_feature"])
def test_a_stream_is_read_piece_by_piece(build: Callable[..., Path], normalize: str) -> None:
    class Spied(np.ndarray):
        longest = 0

        def __getitem__(self, key: Any) -> Any:
            part = super().__getitem__(key)
            Spied.longest = max(Spied.longest, np.size(part))
            return part

    sound = np.tile(conversation("ABAC", each=3.0)[0].samples, (1, 10)).view(Spied)
    found = backend(build(f"streaming-{normalize}", streaming=True, normalize=normalize), latency="model")
    assert len(found.probabilities(Audio(sound, RATE_HZ))) == 1750
    assert 0 < Spied.longest <= 61 * RATE_HZ
    assert normalize != "NA" or Spied.longest <= 2 * RATE_HZ


@pytest.mark.parametrize("latency", [by_night("low"), "ultra-low"])
def test_a_stream_has_the_turns_of_the_recording(streaming: Path, audio: Audio, latency: str) -> None:
    """However it is cut, with NeMo's own speaker cache; and the model is then as it was."""
    sound = Audio(audio.samples[:, : 8 * RATE_HZ + 77], RATE_HZ)
    whole = backend(streaming, latency=latency)
    live = backend(streaming, **({} if latency == "low" else {"latency": latency}))
    live.prepare()
    numbers = live.record().details["streaming"]
    found = hear_stream(live, sound.samples[0])
    assert live.record().details["streaming"] == numbers
    expected = diarize(whole, sound).turns
    assert len(expected) > 3
    assert by_speaker(found) == by_speaker(expected)


@pytest.mark.parametrize("n_samples", [100, 3000, 20_000])
def test_a_stream_may_be_short(streaming: Path, audio: Audio, n_samples: int) -> None:
    sound = Audio(audio.samples[:, RATE_HZ : RATE_HZ + n_samples], RATE_HZ)
    found = hear_stream(backend(streaming, latency="ultra-low"), sound.samples[0])
    assert by_speaker(found) == by_speaker(diarize(backend(streaming, latency="ultra-low"), sound).turns)


def test_models_that_need_a_whole_recording_hear_no_stream(build: Callable[..., Path], offline: Path) -> None:
    for path in (offline, build("streaming-per_feature", streaming=True, normalize="per_feature")):
        assert backend(path).stream(speakers=ANY_SPEAKERS, **STREAM) is None


def test_turns_and_probabilities_belong_together(streaming: Path, audio: Audio) -> None:
    found = backend(streaming, latency="model")
    heard: list[float] = []
    result = found.diarize(
        audio, speech=(Span(0.0, 1.0),), speakers=ANY_SPEAKERS, progress=lambda _, fraction: heard.append(fraction)
    )
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) > 10
    assert result.speakers == ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02", "SPEAKER_03")
    assert result.overlaps()
    active = found.probabilities(audio) > 0.5
    assert sum(turn.span.duration for turn in result.turns) == pytest.approx(0.08 * active.sum(), abs=0.05)
    assert all(turn.confidence is not None and 0.5 < turn.confidence <= 1.0 for turn in result.turns)
    assert result == diarize(backend(streaming, latency="model"), audio), "the same sound, the same turns"


def test_what_was_heard_is_not_heard_again(
    streaming: Path, audio: Audio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs: list[Audio] = []
    run = inference.infer_stream
    monkeypatch.setattr(
        inference, "infer_stream", lambda model, audio, heard: (runs.append(audio), run(model, audio, heard=heard))[1]
    )
    found = backend(streaming, save_probabilities=str(tmp_path / "p.npz"))
    diarize(found, audio)
    diarize(found, audio, SpeakerCount(2, 2))
    first = found.probabilities(audio)
    first[:] = 0.0
    assert found.probabilities(audio).any(), "callers get a copy"
    assert len(runs) == 1
    found.probabilities(Audio(audio.samples.copy(), RATE_HZ))
    assert len(runs) == 2


def test_thresholds_and_durations_change_the_turns(streaming: Path, audio: Audio) -> None:
    plain = diarize(backend(streaming), audio)
    tuned = diarize(backend(streaming, postprocessing="callhome-v2"), audio)
    strict = diarize(backend(streaming, postprocessing="callhome-v2", onset=0.9, min_duration_on=0.6), audio)
    assert len({plain.turns, tuned.turns, strict.turns}) == 3
    assert min(turn.span.duration for turn in strict.turns) >= 0.6 - 1e-6
    found = backend(streaming, postprocessing="callhome-v2", onset=0.9)
    diarize(found, audio)
    assert found.record().details["postprocessing"]["onset"] == 0.9
    assert found.record().details["postprocessing"]["offset"] == 0.561


def test_probabilities_are_saved(streaming: Path, audio: Audio, tmp_path: Path) -> None:
    path = tmp_path / "meeting.probs"
    later = Audio(audio.samples, RATE_HZ, "meeting", start=5.0)
    found = backend(streaming, save_probabilities=str(path))
    result = diarize(found, later)
    with np.load(path, allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["probabilities"], found.probabilities(later))
        assert saved["probabilities"].dtype == np.float32
        assert saved["frame_duration"] == 0.08
        assert saved["start"] == 5.0
        assert saved["recording_id"] == "meeting"
        labels = saved["labels"].tolist()
    assert sorted(filter(None, labels)) == sorted(result.speakers)
    first = next(t for t in result.turns if t.speaker == labels[0])
    assert found.probabilities(later)[round(first.start / 0.08), 0] > 0.5
    assert list(tmp_path.iterdir()) == [path]


def test_an_array_that_was_filled_anew_is_heard_anew(streaming: Path, audio: Audio) -> None:
    found = backend(streaming, latency="model")
    held = Audio(audio.samples.copy(), RATE_HZ)
    first = found.probabilities(held)
    held.samples[:] = audio.samples[:, ::-1]
    assert not np.array_equal(found.probabilities(held), first)


def test_probabilities_that_cannot_be_saved(streaming: Path, audio: Audio, tmp_path: Path) -> None:
    found = backend(streaming, save_probabilities=str(tmp_path / "none" / "p.npz"))
    with pytest.raises(OutputError, match=r"its folder does not exist; make it first"):
        diarize(found, audio)
    assert found._loaded is None, "found out before the work"
    with pytest.raises(OutputError, match=r"this is a folder"):
        diarize(backend(streaming, save_probabilities=str(tmp_path)), audio)


def test_more_speakers_than_the_model_knows(streaming: Path, audio: Audio, build: Callable[..., Path]) -> None:
    for text in ("5", "5-7"):
        for found in (Backend(runtime=OFFLINE), backend(streaming)):
            with pytest.raises(UnsupportedRequest, match=rf"^{text} speakers: sortformer tells at most 4 apart; use"):
                diarize(found, audio, SpeakerCount.parse(text))
    assert diarize(backend(streaming), audio, SpeakerCount.parse("3-7")).turns
    six = diarize(backend(build("six", streaming=True, n_speakers=6)), audio, SpeakerCount(5, 6))
    assert len(six.speakers) > 4, "a model of one's own may know more"


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_number_of_speakers_is_honoured(streaming: Path, audio: Audio, count: int) -> None:
    everybody = diarize(backend(streaming), audio)
    assert len(everybody.speakers) == 4
    found = diarize(backend(streaming), audio, SpeakerCount(count, count))
    assert len(found.speakers) == count
    assert (found.warnings == ()) == (count == 4)

    def covered(result: Diarization) -> float:
        speaking = np.zeros(round(audio.duration * 100), bool)
        for turn in result.turns:
            speaking[round(turn.start * 100) : round(turn.end * 100)] = True
        return float(speaking.mean())

    assert covered(found) == pytest.approx(covered(everybody)), "what the others say is not lost"


@pytest.mark.parametrize("n_samples", few_by_day([1, 159, 160, 1279, 1281, 7999, 8001], every=3))
@pytest.mark.parametrize("kind", ["streaming", "offline"])
def test_short_sounds(kind: str, n_samples: int, audio: Audio, request: pytest.FixtureRequest) -> None:
    found = _ready(request.getfixturevalue(kind))
    short = Audio(np.ascontiguousarray(audio.samples[:, :n_samples]), RATE_HZ)
    assert found.probabilities(short).shape == (-(-(n_samples // 160) // 8), 4)
    assert all(turn.end <= short.duration for turn in diarize(found, short).turns)


@functools.cache
def _ready(path: Path) -> Backend:
    return backend(path)


def test_channels_are_mixed(streaming: Path, audio: Audio) -> None:
    both = Audio(np.concatenate([audio.samples * 1.5, audio.samples * 0.5]), RATE_HZ)
    found = _ready(streaming)
    np.testing.assert_allclose(found.probabilities(both), found.probabilities(audio), atol=1e-3)


def test_no_speech_needs_no_model(audio: Audio) -> None:
    found = Backend(runtime=OFFLINE)
    assert found.diarize(audio, speech=(), speakers=ANY_SPEAKERS).turns == ()
    assert diarize(found, silence(0.0)).turns == ()


def test_another_sample_rate_is_refused(streaming: Path) -> None:
    with pytest.raises(UnsupportedRequest, match="8000 Hz: sortformer needs 16000 Hz audio"):
        diarize(_ready(streaming), Audio(np.zeros((1, 8000), np.float32), 8000))


@pytest.mark.parametrize("name", sorted(REVISIONS))
def test_a_model_that_is_not_here(name: str, audio: Audio) -> None:
    with pytest.raises(ModelUnavailable, match=name):
        diarize(backend(name), audio)


def test_files_that_are_not_here(tmp_path: Path, streaming: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no such file"):
        backend("models/mine.nemo").prepare()
    with pytest.raises(ModelUnavailable, match=r"no such file or folder"):
        backend(str(tmp_path / "mine.nemo")).prepare()
    with pytest.raises(ModelUnavailable, match=r"holds 0 \.nemo files"):
        backend(tmp_path).prepare()
    (tmp_path / "mine.nemo").write_bytes(streaming.read_bytes())
    backend(tmp_path).prepare()


def test_damaged_files(tmp_path: Path, streaming: Path) -> None:
    half, text = tmp_path / "half.nemo", tmp_path / "text.nemo"
    half.write_bytes(streaming.read_bytes()[:30_000])
    text.write_text("no model")
    for path in (half, text):
        with pytest.raises(BackendBroken, match=rf"{path} cannot be loaded as a Sortformer: .*; fetch the file anew"):
            backend(path).prepare()


def test_a_file_without_some_weights(tmp_path: Path, streaming: Path) -> None:
    import torch

    with tarfile.open(streaming) as archive:
        archive.extractall(tmp_path / "parts", filter="data")
    weights = next((tmp_path / "parts").rglob("*.ckpt"))
    state = torch.load(weights)
    torch.save({key: value for key, value in state.items() if "single_hidden" not in key}, weights)
    with tarfile.open(tmp_path / "less.nemo", "w") as archive:
        for part in sorted((tmp_path / "parts").iterdir()):
            archive.add(part, arcname=part.name)
    with pytest.raises(BackendBroken, match=r"lacks 2 weights, such as sortformer_modules\.single_hidden_to_spks"):
        backend(tmp_path / "less.nemo").prepare()


def test_settings_of_the_other_kind_of_model(streaming: Path, offline: Path) -> None:
    with pytest.raises(InvalidOption, match=r"^window 60\.0: .* is a streaming model"):
        backend(streaming, window=60.0).prepare()
    for wrong in ({"latency": "low"}, {"chunk_len": 10}):
        with pytest.raises(InvalidOption, match=r"is not a streaming model"):
            backend(offline, **wrong).prepare()


@pytest.mark.parametrize(
    "wrong",
    [
        {"postprocessing": "callhome"},
        {"latency": "none"},
        {"onset": 1.5},
        {"pad_onset": -0.1},
        {"chunk_len": 0},
        {"window": 5.0},
        {"window": 20.0, "window_overlap": 11.0},
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=list(wrong)[-1]):
        SortformerSettings(**wrong)


def test_a_python_on_which_nemo_opens_no_model_is_told_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("tarfile.data_filter", raising=False)
    with pytest.raises(
        BackendBroken, match=r"cannot open models on Python 3\.\d+\.\d+: use 3\.10\.12, 3\.11\.4 or later"
    ):
        Backend(SortformerSettings(model="nobody/nothing"), runtime=OFFLINE).prepare()


def test_a_missing_package_is_named_with_its_extra(streaming: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "nemo" else find(name, *rest))
    with pytest.raises(
        BackendMissing, match=r'NVIDIA NeMo is not installed; install it: pip install "whisperdiar\[nemo'
    ):
        backend(streaming).prepare()


def test_release_gives_the_model_back(streaming: Path, audio: Audio) -> None:
    found = backend(streaming)
    before = found.probabilities(audio)
    model = weakref.ref(found._loaded)
    found.release()
    gc.collect()
    assert model() is None
    np.testing.assert_array_equal(found.probabilities(audio), before)


QUIET = """
import logging, os, random, sys, warnings
import numpy as np
import torch
from pathlib import Path
from whisperdiar import Span
from whisperdiar.diarization.sortformer import Backend
from whisperdiar.options import Runtime
from whisperdiar.options.sortformer import SortformerSettings
from whisperdiar.types import ANY_SPEAKERS
from tests.sounds import conversation

def state():
    return (dict(os.environ), os.getcwd(), random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters),
            warnings.showwarning, logging.root.manager.disable, logging.root.level, list(logging.root.handlers),
            torch.get_rng_state().tolist(), torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(),
            sys.stdout, sys.stderr, sys.excepthook)

before = state()
backend = Backend(SortformerSettings(model=sys.argv[1]), runtime=Runtime(offline=True, threads=2))
audio = conversation("AB", each=1.0)[0]
assert backend.diarize(audio, speech=(Span(0.0, 1.0),), speakers=ANY_SPEAKERS).turns
for old, new in zip(before, state()):
    assert old == new, (old, new)
"""


@pytest.mark.nightly
def test_nothing_is_printed_and_nothing_global_changes(streaming: Path) -> None:
    done = subprocess.run([sys.executable, "-c", QUIET, str(streaming)], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
