"""SpeechBrain's CRDNN speech detector, through SpeechBrain's own code: a small network made here, and the real one."""

from __future__ import annotations

import os
import tracemalloc
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.examples import few_by_day
from tests.kept_parts import check_kills
from tests.sounds import RATE_HZ, SHARED, conversation, noise, silence
from whisperdiar import Audio, Span
from whisperdiar.errors import BackendBroken, InvalidOption, ModelUnavailable, UnsupportedRequest
from whisperdiar.frameworks.torch import limit_cpu_threads
from whisperdiar.options import Runtime, VadSettings
from whisperdiar.types import merge_spans
from whisperdiar.vad.crdnn import FILES, REPOSITORY, Backend

pytest.importorskip("speechbrain", reason="SpeechBrain is not installed")
pytestmark = pytest.mark.model

REAL = SHARED / "models" / "vad-crdnn-libriparty"
OFFLINE = Runtime(offline=True, threads=1)

# A CRDNN as SpeechBrain builds it, with a fraction of the neurons.
HYPERPARAMETERS = """
sample_rate: 16000
time_resolution: 0.01
device: cpu
compute_features: !new:speechbrain.lobes.features.Fbank
    sample_rate: !ref <sample_rate>
    n_fft: 400
    n_mels: 16
    hop_length: 10.0
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
cnn: !new:speechbrain.nnet.containers.Sequential
    input_shape: [null, null, 16]
    norm: !name:speechbrain.nnet.normalization.LayerNorm
    block: !name:speechbrain.lobes.models.CRDNN.CNN_Block
        channels: 4
        kernel_size: (3, 3)
rnn: !new:speechbrain.nnet.RNN.GRU
    input_shape: [null, null, 32]
    hidden_size: 8
    bidirectional: True
dnn: !new:speechbrain.nnet.containers.Sequential
    input_shape: [null, null, 16]
    lin: !name:speechbrain.nnet.linear.Linear
        n_neurons: 1
        bias: False
model: !new:torch.nn.ModuleList
    - [!ref <cnn>, !ref <rnn>, !ref <dnn>]
modules:
    compute_features: !ref <compute_features>
    model: !ref <model>
    cnn: !ref <cnn>
    rnn: !ref <rnn>
    dnn: !ref <dnn>
    mean_var_norm: !ref <mean_var_norm>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        model: !ref <model>
        mean_var_norm: !ref <mean_var_norm>
"""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with limit_cpu_threads(1):
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small random network whose answers change with the sound."""
    import torch
    from hyperpyyaml import load_hyperpyyaml

    folder = tmp_path_factory.mktemp("crdnn")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMETERS, encoding="utf-8")
    torch.manual_seed(0)
    loaded = load_hyperpyyaml(HYPERPARAMETERS)
    with torch.no_grad():
        loaded["dnn"]["lin"].w.weight.mul_(20.0)
    torch.save(loaded["model"].state_dict(), folder / "model.ckpt")
    loaded["mean_var_norm"]._save(str(folder / "mean_var_norm.ckpt"))
    return folder


def detector(folder: Path, **settings: Any) -> Backend:
    return Backend(VadSettings(model=str(folder), **settings), runtime=OFFLINE)


def write_wave(path: Path, audio: Audio) -> Audio:
    """The audio in 16 bits, as a file and as what is read back from it."""
    integers = np.clip(np.round(audio.mono * 32768), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, audio.sample_rate, len(integers), "NONE", ""))
        file.writeframes(integers.tobytes())
    return Audio((integers / np.float32(32768)).astype(np.float32)[None], audio.sample_rate)


def by_the_library(backend: Backend, path: Path, **settings: float) -> list[list[float]]:
    """What SpeechBrain finds in the file with its own reader and its own loop over pieces."""
    backend.prepare()
    found = backend._loaded.get_speech_segments(str(path), double_check=False, **settings)
    return [[round(value, 4) for value in pair] for pair in found.tolist()]


def pairs(spans: tuple[Span, ...]) -> list[list[float]]:
    return [[round(span.start, 4), round(span.end, 4)] for span in spans]


def whole_windows(found: list[list[float]], audio: Audio) -> list[list[float]]:
    """The part in whole windows of 10 s: in the one that is left the library goes wrong (see below)."""
    end = audio.duration // 10.0 * 10.0
    return [[start, min(stop, end)] for start, stop in found if start < end]


@pytest.mark.parametrize("seconds", [10.0, 30.0, 41.3])
def test_the_answer_is_the_librarys_own(small: Path, tmp_path: Path, seconds: float) -> None:
    spoken, _ = conversation("ABCAB", each=7.0, gap=2.0)
    audio = write_wave(tmp_path / "a.wav", spoken.crop(Span(0.0, seconds)))
    backend = detector(small, min_speech=0.05, min_silence=0.02, padding=0.0)
    expected = whole_windows(by_the_library(backend, tmp_path / "a.wav", close_th=0.02, len_th=0.05), audio)
    assert whole_windows(pairs(backend.detect(audio)), audio) == expected
    assert len(expected) > 3, "the comparison needs something to compare"


def test_a_killed_run_goes_on_with_its_windows(small: Path, tmp_path: Path) -> None:
    spoken, _ = conversation("ABCAB", each=7.0, gap=2.0)
    backend = detector(small)
    assert check_kills(lambda: backend.detect(spoken.crop(Span(0.0, 41.3))), tmp_path) == 3


@pytest.mark.parametrize("seconds", [10.01, 12.34, 19.99, 23.0])
def test_the_last_window_begins_earlier_and_its_frames_stay_in_place(small: Path, seconds: float) -> None:
    spoken, _ = conversation("ABCAB", each=7.0, gap=2.0)
    backend = detector(small, min_speech=0.0, min_silence=0.0, padding=0.0)
    last = pairs(backend.detect(spoken.crop(Span(20.0, 30.0))))
    # Whatever comes before, the last window is the one from 20 to 30 s; what is left of it is looked at.
    whole = seconds // 10.0 * 10.0
    found = pairs(backend.detect(spoken.crop(Span(30.0 - seconds, 30.0))))
    tail = [[round(value - seconds + 10.0, 2) for value in pair] for pair in found if pair[0] > whole]
    expected = [[round(value, 2) for value in pair] for pair in last]
    assert tail == [pair for pair in expected if pair[0] > whole - seconds + 10.0 + 0.001]
    assert seconds < 12 or tail


def test_the_number_of_channels_and_the_mean_of_them(small: Path) -> None:
    spoken, _ = conversation("AB")
    backend = detector(small)
    alone = backend.detect(spoken)
    both = np.concatenate([2.0 * spoken.samples, 0.0 * spoken.samples])
    assert alone
    assert backend.detect(Audio(both, RATE_HZ)) == alone


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 0.9}, {"min_speech": 1.0}, {"min_silence": 1.5}, {"padding": 0.0}],
    ids=lambda settings: next(iter(settings)),
)
def test_every_setting_acts(small: Path, settings: dict[str, float]) -> None:
    spoken, _ = conversation("ABC")
    usual = detector(small, min_silence=0.05).detect(spoken)
    other = detector(small, **{"min_silence": 0.05, **settings}).detect(spoken)
    assert usual
    assert other != usual
    if "min_speech" in settings:
        assert all(span.duration > 1.0 for span in other)
    if "padding" in settings:
        assert sum(s.duration for s in other) < sum(s.duration for s in usual)


def test_the_threshold_is_the_librarys_when_it_is_not_set(small: Path) -> None:
    spoken, _ = conversation("ABC")
    assert detector(small).detect(spoken) == detector(small, threshold=0.5).detect(spoken)


@pytest.mark.parametrize(
    "settings",
    [{"threshold": 0.0}, {"threshold": 1.5}, {"min_speech": -0.1}, {"padding": float("nan")}],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(settings))):
        VadSettings(**settings)


@pytest.mark.parametrize(
    "seconds", few_by_day([0.0, 1 / RATE_HZ, 0.005, 0.01, 0.02, 0.1, 9.999, 10.0, 10.001], every=2)
)
def test_any_length_gives_spans_inside_the_audio(small: Path, seconds: float) -> None:
    backend = detector(small, min_speech=0.0, min_silence=0.0)
    audio = noise(seconds, level=0.1)
    spans = backend.detect(audio)
    assert merge_spans(spans) == spans
    assert all(0.0 <= span.start < span.end <= audio.duration for span in spans)


def test_digital_silence_is_no_speech(small: Path) -> None:
    backend = detector(small, padding=0.0)
    assert backend.detect(silence(25.0)) == ()
    offset = Audio(np.full((1, 12 * RATE_HZ), 0.25, np.float32), RATE_HZ)
    assert backend.detect(offset) == ()
    spoken, _ = conversation("ABC")
    muted = spoken.samples.copy()
    muted[:, 5 * RATE_HZ : 9 * RATE_HZ] = 0.0
    spans = backend.detect(Audio(muted, RATE_HZ))
    assert spans
    assert all(span.end <= 5.0 or span.start >= 9.0 for span in spans)


def test_progress_rises_to_one(small: Path) -> None:
    heard: list[tuple[str, float]] = []
    detector(small).detect(noise(65.0), progress=lambda *step: heard.append(step))
    assert [stage for stage, _ in heard] == ["vad"] * 3
    fractions = [fraction for _, fraction in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_memory_does_not_grow_with_the_recording(small: Path, tmp_path: Path) -> None:
    n_samples = 8 * 60 * RATE_HZ
    path = tmp_path / "long.f32"
    np.memmap(path, np.float32, "w+", shape=(1, n_samples)).flush()
    mapped = np.memmap(path, np.float32, "r", shape=(1, n_samples))
    backend = detector(small)
    backend.prepare()
    tracemalloc.start()
    try:
        assert backend.detect(Audio(mapped, RATE_HZ)) == ()
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak_mb < 12, "the recording itself takes 31 MB; only pieces of it may be held"


def test_another_rate_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="8000 Hz"):
        Backend(runtime=OFFLINE).detect(Audio(np.zeros((1, 8000), np.float32), 8000))


def test_nothing_is_written_anywhere(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(small))
    detector(small).detect(noise(1.0))
    assert os.listdir(tmp_path) == []
    assert sorted(os.listdir(small)) == before == sorted(FILES)


def test_release_drops_the_network_and_detect_loads_it_again(small: Path) -> None:
    backend = detector(small)
    spoken, _ = conversation("A")
    first = backend.detect(spoken)
    backend.release()
    assert backend._loaded is None
    backend.release()
    assert backend.detect(spoken) == first


def test_the_number_of_threads_is_put_back(small: Path) -> None:
    import torch

    before = torch.get_num_threads()
    during: list[int] = []
    Backend(VadSettings(model=str(small)), runtime=Runtime(threads=before + 1)).detect(
        noise(1.0), progress=lambda *_: during.append(torch.get_num_threads())
    )
    assert during == [before + 1]
    assert torch.get_num_threads() == before


def test_a_model_that_is_not_at_hand_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=f"{REPOSITORY} is not on this machine"):
        Backend(runtime=OFFLINE).prepare()
    with pytest.raises(ModelUnavailable, match=r"holds no hyperparams\.yaml"):
        detector(tmp_path).prepare()
    with pytest.raises(ModelUnavailable, match="no such file or folder"):
        detector(tmp_path / "nowhere").prepare()


def test_a_model_in_the_hubs_cache_is_used_without_the_network(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshots = tmp_path / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots"
    snapshots.mkdir(parents=True)
    (snapshots / ("c" * 40)).symlink_to(small, target_is_directory=True)
    spoken, _ = conversation("A")
    backend = Backend(runtime=OFFLINE)
    assert backend.detect(spoken) == detector(small).detect(spoken)
    assert backend.record().model == REPOSITORY


def test_a_folder_with_something_else_is_broken(small: Path, tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes((small / name).read_bytes())
    (tmp_path / "model.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(BackendBroken, match="cannot be loaded as a SpeechBrain speech detector") as caught:
        detector(tmp_path).prepare()
    assert "\n" not in str(caught.value)
    (tmp_path / "model.ckpt").write_bytes((small / "model.ckpt").read_bytes())
    (tmp_path / "hyperparams.yaml").write_text(HYPERPARAMETERS.replace("16000", "8000"), encoding="utf-8")
    with pytest.raises(BackendBroken, match="made for 8000 Hz"):
        detector(tmp_path).prepare()


@pytest.fixture(scope="module")
def real() -> Path:
    if not REAL.is_dir():
        pytest.skip("the real checkpoint is not beside this checkout")
    return REAL


CLIPS = ("ami_EN2001a.flac", "ami_ES2003a.flac", "one_harvard.wav", "stereo_fw.wav")


def recording(name: str) -> Audio:
    from whisperdiar import load

    return load(SHARED / "corpus" / "audio" / name)


@pytest.mark.parametrize("name", few_by_day(CLIPS, every=2))
def test_the_real_network_answers_as_the_library_does(real: Path, tmp_path: Path, name: str) -> None:
    audio = write_wave(tmp_path / "a.wav", recording(name))
    backend = detector(real, min_speech=0.25, min_silence=0.25, padding=0.0)
    expected = whole_windows(by_the_library(backend, tmp_path / "a.wav"), audio)
    assert whole_windows(pairs(backend.detect(audio)), audio) == expected


def test_the_real_network_misses_little_speech(real: Path) -> None:
    missed = total = 0.0
    for name in CLIPS[:3]:
        lines = (SHARED / "corpus" / "refs" / name).with_suffix(".rttm").read_text(encoding="utf-8").splitlines()
        fields = [line.split() for line in lines]
        spoken = merge_spans(Span(float(f[3]), float(f[3]) + float(f[4])) for f in fields)
        found = detector(real).detect(recording(name))
        heard = sum(part.duration for span in spoken for other in found if (part := span.clip(other.start, other.end)))
        total += sum(span.duration for span in spoken)
        missed += sum(span.duration for span in spoken) - heard
    assert missed / total < 0.01, "0.2 % were measured"


def test_the_real_network_hears_no_speech_in_noise_and_silence(real: Path) -> None:
    backend = detector(real)
    for seconds in (0.5, 2.0, 12.0, 15.0):
        # The library finds speech in the last window of this noise, which it fills with zeros.
        assert backend.detect(noise(seconds)) == ()
    assert backend.detect(silence(12.0)) == ()
