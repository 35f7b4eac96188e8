"""Diarization by speaker embeddings, through the real libraries: SpeechBrain, Resemblyzer, pyannote.audio."""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import tiny_ecapa, tiny_pyannote
from tests.kept_parts import check_another_number
from tests.sounds import RATE_HZ, conversation, noise, silence
from whisperdiar import Audio, Diarization, Span, SpeakerCount, Turn
from whisperdiar.diarization import ecapa, embedding
from whisperdiar.diarization.embedding import encoders
from whisperdiar.diarization.embedding.encoders import ECAPA, ECAPA_FILES, REVISIONS, open_encoder
from whisperdiar.diarization.embedding.resegmentation import VoiceSimilarity, assign_frames, frames_of
from whisperdiar.diarization.embedding.windows import WindowEmbeddings, embed_windows, place_windows
from whisperdiar.errors import (
    BackendBroken,
    BackendError,
    BackendMissing,
    InvalidOption,
    ModelUnavailable,
    UnsupportedRequest,
)
from whisperdiar.options import Runtime
from whisperdiar.options.ecapa import EcapaSettings
from whisperdiar.options.embedding import EmbeddingSettings
from whisperdiar.types import ANY_SPEAKERS

pytestmark = pytest.mark.model
pytest.importorskip("torch", reason="PyTorch is not installed")

OFFLINE = Runtime(offline=True, threads=1, device="cpu")


def lacking(module: str) -> bool:
    return importlib.util.find_spec(module) is None


needs_resemblyzer = pytest.mark.skipif(lacking("resemblyzer"), reason="Resemblyzer is not installed")
needs_speechbrain = pytest.mark.skipif(lacking("speechbrain"), reason="SpeechBrain is not installed")
needs_pyannote = pytest.mark.skipif(lacking("pyannote"), reason="pyannote.audio is not installed")


@pytest.fixture(scope="module")
def heard() -> tuple[Audio, tuple[Turn, ...]]:
    return conversation("ABAB", each=4.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as speechbrain/spkrec-ecapa-voxceleb, with a small random network."""
    return tiny_ecapa.save(tmp_path_factory.mktemp("ecapa") / "model")


@pytest.fixture(scope="module")
def resemblyzer() -> embedding.Backend:
    return embedding.Backend(EmbeddingSettings(embedding="resemblyzer"), runtime=OFFLINE)


def diarize(
    backend: Any, audio: Audio, turns: tuple[Turn, ...] | tuple[Span, ...], speakers: SpeakerCount = ANY_SPEAKERS
) -> Diarization:
    speech = tuple(turn.span if isinstance(turn, Turn) else turn for turn in turns)
    found: Diarization = backend.diarize(audio, speech=speech, speakers=speakers)
    return found


def wrong(found: Diarization, turns: tuple[Turn, ...]) -> float:
    """Seconds given to another speaker than the one who talks most in the label's time; voices A, B → labels."""
    pairs: dict[tuple[str, str], float] = {}
    for turn in turns:
        for other in found.turns:
            shared = other.span.clip(turn.start, turn.end)
            if shared is not None:
                pairs[turn.speaker, other.speaker] = pairs.get((turn.speaker, other.speaker), 0.0) + shared.duration
    right = sum(max(value for (_, label), value in pairs.items() if label == own) for own in found.speakers)
    return sum(pairs.values()) - right


@needs_resemblyzer
def test_two_voices_are_told_apart(resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    audio, turns = heard
    found = diarize(resemblyzer, audio, turns)
    assert found.speakers == ("SPEAKER_00", "SPEAKER_01")
    assert [turn.speaker for turn in found.turns] == ["SPEAKER_00", "SPEAKER_01"] * 2
    assert wrong(found, turns) == 0.0
    assert found == diarize(resemblyzer, audio, turns), "the same sound, the same turns"


@needs_resemblyzer
def test_a_change_inside_a_span_is_found_to_half_a_second(resemblyzer: embedding.Backend) -> None:
    audio, _ = conversation("AB", each=6.0, gap=0.0)
    found = diarize(resemblyzer, audio, (Span(0.0, 12.0),))
    assert len(found.turns) == 2
    assert found.turns[0].end == found.turns[1].start == pytest.approx(6.0, abs=0.5)


@needs_resemblyzer
@pytest.mark.parametrize("clustering", ["agglomerative", "kmeans"])
def test_the_number_of_speakers_is_honoured(heard: tuple[Audio, tuple[Turn, ...]], clustering: str) -> None:
    audio, turns = heard
    backend = embedding.Backend(EmbeddingSettings(embedding="resemblyzer", clustering=clustering), runtime=OFFLINE)
    for count in (SpeakerCount(1, 1), SpeakerCount(2, 2), SpeakerCount(3, 3), SpeakerCount(4, 6), SpeakerCount(1, 2)):
        found = diarize(backend, audio, turns, count)
        assert count.allows(len(found.speakers))
        assert not found.warnings


@needs_resemblyzer
def test_a_number_that_cannot_be_reached_is_noted(
    resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]]
) -> None:
    found = diarize(resemblyzer, heard[0], (Span(1.0, 2.0),), SpeakerCount(3, 3))
    assert len(found.speakers) == 1
    assert "3 speakers were asked for" in found.warnings[0]
    assert "1" in found.warnings[0]


@needs_resemblyzer
def test_turns_fill_speech_exactly(resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    audio, _ = heard
    speech = (
        Span(0.333, 3.9876),
        Span(3.9876, 4.0),
        Span(5.0, 5.012),
        Span(5.05, 9.1),
        Span(9.4, 12.0),
        Span(11.0, 99.0),
    )
    found = diarize(resemblyzer, audio, speech)
    expected = [(0.333, 4.0), (5.0, 5.012), (5.05, 9.1), (9.4, audio.duration)]
    covered: list[list[float]] = []
    for turn in found.turns:
        if covered and covered[-1][1] == turn.start:
            covered[-1][1] = turn.end
        else:
            covered.append([turn.start, turn.end])
    assert [tuple(pair) for pair in covered] == expected


@needs_resemblyzer
def test_no_speech_no_turns_and_silence_is_nobody_new(resemblyzer: embedding.Backend) -> None:
    for audio in (silence(3.0), silence(0.0), noise(2.0)):
        assert diarize(resemblyzer, audio, ()).turns == ()
    # A detector may call silence speech: it belongs to whoever talks next to it, or to nobody.
    assert diarize(resemblyzer, silence(3.0), (Span(0.5, 2.5),)).turns == ()
    spoken, _ = conversation("A", each=4.0)
    samples = np.concatenate([spoken.samples, np.zeros((1, 5 * RATE_HZ), np.float32)], axis=1)
    assert len(diarize(resemblyzer, Audio(samples, RATE_HZ), (Span(0.25, 9.0),)).speakers) == 1


@needs_resemblyzer
def test_loudness_is_no_voice(resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    audio, turns = heard
    samples = audio.samples.copy()
    half = samples.shape[1] // 2
    samples[:, half:] *= 0.05
    assert diarize(resemblyzer, Audio(samples, RATE_HZ, audio.recording_id), turns) == diarize(
        resemblyzer, audio, turns
    )


@needs_resemblyzer
def test_channels_are_averaged_and_a_memory_map_will_do(
    resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]], tmp_path: Path
) -> None:
    audio, turns = heard
    stereo = np.concatenate([2.0 * audio.samples, 0.0 * audio.samples])
    np.save(tmp_path / "stereo.npy", stereo)
    mapped = np.load(tmp_path / "stereo.npy", mmap_mode="r")
    assert diarize(resemblyzer, Audio(mapped, RATE_HZ, audio.recording_id), turns) == diarize(resemblyzer, audio, turns)


@needs_resemblyzer
@pytest.mark.parametrize("seconds", [1.6, 3.0])
def test_resemblyzers_embeddings_are_its_own(resemblyzer: embedding.Backend, seconds: float) -> None:
    from resemblyzer import VoiceEncoder, normalize_volume

    encoder, _ = open_encoder("resemblyzer", None, OFFLINE)
    audio, _ = conversation("ABC", each=seconds, gap=0.0)
    windows = audio.mono.reshape(3, -1)
    found = encoder.embed(windows)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    theirs = VoiceEncoder("cpu", verbose=False)
    expected = [theirs.embed_utterance(normalize_volume(window, -30)) for window in windows]
    assert np.allclose(found, expected, atol=1e-5)
    assert encoder.dimension == 256


@needs_resemblyzer
def test_other_weights_of_resemblyzer(tmp_path: Path, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    import torch
    from resemblyzer import VoiceEncoder

    torch.manual_seed(0)
    model = VoiceEncoder("cpu", verbose=False)
    torch.nn.init.normal_(model.linear.weight)
    torch.save({"model_state": model.state_dict()}, tmp_path / "own.pt")
    windows = heard[0].mono[: 2 * 25600].reshape(2, -1)
    own = open_encoder("resemblyzer", str(tmp_path / "own.pt"), OFFLINE)[0]
    assert not np.allclose(own.embed(windows), open_encoder("resemblyzer", None, OFFLINE)[0].embed(windows))
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    for path in ("broken.pt", "missing.pt"):
        with pytest.raises(BackendBroken, match=path):
            open_encoder("resemblyzer", str(tmp_path / path), OFFLINE)


@needs_speechbrain
def test_ecapas_embeddings_are_speechbrains(tiny: Path, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    import torch
    from speechbrain.inference.classifiers import EncoderClassifier

    encoder, refused = open_encoder("ecapa", str(tiny), OFFLINE)
    theirs = EncoderClassifier.from_hparams(
        source=str(tiny), savedir=None, overrides={"pretrained_path": str(tiny)}, run_opts={"device": "cpu"}
    )
    windows = heard[0].mono[: 3 * 25600].reshape(3, -1)
    expected = theirs.encode_batch(torch.from_numpy(windows))[:, 0].detach().numpy()
    assert np.allclose(encoder.embed(windows), expected, atol=1e-6)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3, "the comparison needs something to compare"
    assert encoder.dimension == 32
    assert encoder.source == str(tiny)
    assert not refused


@needs_speechbrain
def test_the_weights_are_those_of_the_folder(tiny: Path, tmp_path: Path, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    """The hyperparameters name the hub; nothing is asked there, written or linked."""
    other = tiny_ecapa.save(tmp_path / "other", seed=1)
    before = sorted(path.name for path in other.iterdir())
    windows = heard[0].mono[:25600][None]
    here, there = (open_encoder("ecapa", str(folder), OFFLINE)[0].embed(windows) for folder in (tiny, other))
    assert not np.allclose(here, there)
    assert sorted(path.name for path in other.iterdir()) == before == sorted(ECAPA_FILES)


@needs_speechbrain
def test_ecapa_is_embedding_with_ecapa(tiny: Path, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    audio, turns = heard
    short = ecapa.Backend(EcapaSettings(embedding_model=str(tiny)), runtime=OFFLINE)
    long = embedding.Backend(EmbeddingSettings(embedding="ecapa", embedding_model=str(tiny)), runtime=OFFLINE)
    two = SpeakerCount(2, 2)
    found = diarize(short, audio, turns, two)
    assert found == diarize(long, audio, turns, two)
    assert len(found.speakers) == 2
    assert short.record().details["embedding"] == "ecapa"
    assert (short.record().backend, long.record().backend) == ("ecapa", "embedding")
    with pytest.raises(InvalidOption, match="embedding"):
        EcapaSettings(embedding="resemblyzer")


@needs_speechbrain
def test_ecapa_files_that_cannot_be_used(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=ECAPA):
        ecapa.Backend(runtime=OFFLINE).prepare()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnavailable, match=r"hyperparams\.yaml"):
        ecapa.Backend(EcapaSettings(embedding_model=str(tmp_path / "empty")), runtime=OFFLINE).prepare()
    broken = tiny_ecapa.save(tmp_path / "broken")
    (broken / "embedding_model.ckpt").unlink()
    with pytest.raises(BackendBroken, match=r"broken.*cannot be loaded as a SpeechBrain speaker embedding"):
        ecapa.Backend(EcapaSettings(embedding_model=str(broken)), runtime=OFFLINE).prepare()
    slow = tiny_ecapa.save(tmp_path / "slow")
    text = (slow / "hyperparams.yaml").read_text(encoding="utf-8")
    (slow / "hyperparams.yaml").write_text(text.replace("sample_rate: 16000", "sample_rate: 8000"), encoding="utf-8")
    with pytest.raises(BackendBroken, match="8000 Hz"):
        ecapa.Backend(EcapaSettings(embedding_model=str(slow)), runtime=OFFLINE).prepare()


@needs_speechbrain
def test_the_published_model_is_pinned_and_its_revision_recorded(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    snapshot = tiny.parent / REVISIONS[ECAPA]
    if not snapshot.exists():
        tiny_ecapa.save(snapshot)

    def fetch(name: str, *, files: Any, revision: str | None = None, **_: Any) -> Path:
        asked.append((name, tuple(files), revision))
        return snapshot

    monkeypatch.setattr("whisperdiar.models.sources.fetch_snapshot", fetch)
    backend = ecapa.Backend(runtime=OFFLINE)
    backend.prepare()
    assert asked == [(ECAPA, ECAPA_FILES, REVISIONS[ECAPA])]
    assert backend.record().model == f"{ECAPA}@{REVISIONS[ECAPA]}"


@needs_pyannote
def test_pyannotes_embeddings_are_the_librarys(tmp_path: Path, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    import torch
    from pyannote.audio.pipelines.speaker_verification import PretrainedSpeakerEmbedding

    audio, turns = heard
    path = tiny_pyannote.save_checkpoint(tiny_pyannote.embedding_model(), tmp_path / "own" / "pytorch_model.bin")
    encoder, _ = open_encoder("pyannote", str(path.parent), OFFLINE)
    windows = audio.mono[: 3 * 25600].reshape(3, -1)
    expected = PretrainedSpeakerEmbedding(str(path))(torch.from_numpy(windows)[:, None])
    assert np.allclose(encoder.embed(windows), expected, atol=1e-5)
    assert encoder.dimension == expected.shape[1]
    backend = embedding.Backend(EmbeddingSettings(embedding="pyannote", embedding_model=str(path)), runtime=OFFLINE)
    assert len(diarize(backend, audio, turns[:2], SpeakerCount(2, 2)).speakers) == 2
    assert backend.record().model == str(path)


@needs_pyannote
def test_pyannotes_own_models_are_named_and_other_kinds_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="pyannote/embedding"):
        embedding.Backend(EmbeddingSettings(embedding="pyannote"), runtime=OFFLINE).prepare()
    path = tiny_pyannote.save_checkpoint(tiny_pyannote.segmentation_model(), tmp_path / "seg" / "pytorch_model.bin")
    with pytest.raises(InvalidOption, match="does not embed voices"):
        embedding.Backend(EmbeddingSettings(embedding="pyannote", embedding_model=str(path)), runtime=OFFLINE).prepare()


@needs_resemblyzer
@needs_speechbrain
def test_auto_takes_the_first_that_can_run(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    backend = embedding.Backend(runtime=OFFLINE)
    backend.prepare()
    details = backend.record().details
    assert details["embedding"] == "resemblyzer"
    assert ECAPA in details["refused"]["ecapa"]
    assert backend.record().model == "Resemblyzer"
    monkeypatch.setattr(encoders, "ECAPA", str(tiny))
    chosen, refused = open_encoder("auto", None, OFFLINE)
    assert (chosen.name, refused) == ("ecapa", {})


@needs_speechbrain
def test_auto_tells_all_reasons_where_none_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(BackendMissing, match=r"spkrec-ecapa-voxceleb.*pip install Resemblyzer"):
        embedding.Backend(runtime=OFFLINE).prepare()


@pytest.mark.parametrize(
    ("chosen", "module", "named"),
    [
        ("ecapa", "speechbrain", "whisperdiar[speechbrain]"),
        ("resemblyzer", "resemblyzer", "pip install Resemblyzer"),
        ("pyannote", "pyannote", "whisperdiar[pyannote]"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(chosen: str, module: str, named: str) -> None:
    code = f"""
import sys
from whisperdiar.diarization.embedding import Backend
from whisperdiar.errors import BackendMissing
from whisperdiar.options import Runtime
from whisperdiar.options.embedding import EmbeddingSettings
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {module!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
try:
    Backend(EmbeddingSettings(embedding={chosen!r}), runtime=Runtime(offline=True)).prepare()
except BackendMissing as error:
    print(error)
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert named in done.stdout


@needs_resemblyzer
def test_a_broken_package_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "webrtcvad.py").write_text("raise OSError('no such library')", encoding="utf-8")
    code = """
from whisperdiar.diarization.embedding import Backend
from whisperdiar.errors import BackendBroken
from whisperdiar.options import Runtime
from whisperdiar.options.embedding import EmbeddingSettings
try:
    Backend(EmbeddingSettings(embedding="resemblyzer"), runtime=Runtime(offline=True)).prepare()
except BackendBroken as error:
    print(error)
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "Resemblyzer is installed and cannot be imported: OSError: no such library" in done.stdout


@needs_resemblyzer
def test_release_drops_the_model_and_the_next_call_loads_it_again(heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    audio, turns = heard
    backend = embedding.Backend(EmbeddingSettings(embedding="resemblyzer"), runtime=OFFLINE)
    first = diarize(backend, audio, turns)
    model = weakref.ref(backend._loaded._model)  # type: ignore[union-attr]
    backend.release()
    gc.collect()
    assert model() is None
    backend.release()
    assert diarize(backend, audio, turns) == first


@needs_resemblyzer
def test_threads_are_honoured_and_put_back(
    resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    encoder, _ = open_encoder("resemblyzer", None, Runtime(offline=True, threads=2, device="cpu"))
    seen: list[int] = []
    encoder._model.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))  # type: ignore[attr-defined]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        encoder.embed(heard[0].mono[:25600][None])
        assert seen == [2]
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@needs_resemblyzer
def test_running_out_of_memory_says_what_to_do(resemblyzer: embedding.Backend) -> None:
    def hungry(*_: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    encoder, _ = open_encoder("resemblyzer", None, OFFLINE)
    encoder._model.register_forward_pre_hook(hungry)  # type: ignore[attr-defined]
    with pytest.raises(BackendError, match="resemblyzer ran out of memory; lower batch_size"):
        encoder.embed(np.ones((1, 25600), np.float32))


@needs_resemblyzer
def test_another_sample_rate_is_refused(resemblyzer: embedding.Backend) -> None:
    audio = Audio(np.zeros((1, 8000), np.float32), 8000)
    with pytest.raises(UnsupportedRequest, match=r"8000 Hz.*16000 Hz"):
        diarize(resemblyzer, audio, (Span(0.0, 1.0),))


class Counter:
    """An encoder whose vectors say what it was given: which windows, how many at once."""

    name, source, sample_rate, step, spread, usual_spread, device = "counter", "", RATE_HZ, 0.4, None, 0.4, "cpu"
    dimension = 2

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def embed(self, windows: np.ndarray) -> np.ndarray:
        self.batches.append(windows.copy())
        return np.stack([windows.mean(axis=1), np.ones(len(windows))], axis=1).astype(np.float32)


def test_windows_fill_spans_and_short_ones_are_repeated() -> None:
    spans, owners = place_windows([Span(1.0, 3.0), Span(4.0, 4.5)], window=0.8, step=0.5)
    assert [(round(s.start, 6), round(s.end, 6)) for s in spans] == [
        (1.0, 1.8),
        (1.4, 2.2),
        (1.8, 2.6),
        (2.2, 3.0),
        (4.0, 4.5),
    ]
    assert owners.tolist() == [0, 0, 0, 0, 1]
    ramp = Audio(np.linspace(0.1, 0.9, 5 * RATE_HZ, dtype=np.float32)[None], RATE_HZ)
    encoder = Counter()
    voices = embed_windows(ramp, [Span(1.0, 3.0), Span(4.0, 4.5)], encoder=encoder, window=0.8, step=0.5, batch_size=2)  # type: ignore[arg-type]
    assert [batch.shape for batch in encoder.batches] == [(2, 12800), (2, 12800), (1, 12800)]
    assert np.array_equal(encoder.batches[0][1], ramp.mono[22400:35200])
    piece = ramp.mono[64000:72000]
    assert np.array_equal(encoder.batches[2][0], np.concatenate([piece, piece[:4800]]))
    assert np.allclose(np.linalg.norm(voices.embeddings, axis=1), 1.0)
    assert voices.centres.tolist() == pytest.approx([1.4, 1.8, 2.2, 2.6, 4.25])


def test_the_spread_of_a_voice_is_that_of_neighbours() -> None:
    rng = np.random.default_rng(0)
    voices = np.eye(32)[[0] * 40 + [1] * 40]
    points = voices + np.sqrt(0.25 / 0.75 / 32) * rng.normal(size=voices.shape)
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    found = WindowEmbeddings(np.arange(80) * 0.4, np.zeros(80, np.int64), points).spread(1.6)
    assert found == pytest.approx(0.25, abs=0.03)
    assert WindowEmbeddings(np.arange(5) * 0.4, np.zeros(5, np.int64), points[:5]).spread(1.6) is None
    assert WindowEmbeddings(np.arange(80) * 0.4, np.arange(80), points).spread(1.6) is None


def test_a_change_costs_and_a_voice_that_must_stay_does() -> None:
    audio = Audio(np.zeros((1, 10 * RATE_HZ), np.float32), RATE_HZ)
    frames = frames_of([Span(0.0, 10.0)], audio)
    likeness = np.array([0.0] * 10 + [0.6] + [0.0] * 14)
    points = np.stack([np.sqrt(1 - likeness**2), likeness], axis=1).astype(np.float32)
    voices = WindowEmbeddings(np.arange(25) * 0.4 + 0.2, np.zeros(25, np.int64), points)
    labels = (likeness > 0).astype(np.int64)

    def found(penalty: float, at_least: int) -> int:
        likeness = VoiceSimilarity.of(frames, voices, labels)
        shared = assign_frames(likeness, spread=0.25, penalty=penalty, at_least=at_least)
        assert len(shared) == 100
        return len(np.unique(shared))

    assert found(0.0, 1) == 2
    assert found(10.0, 1) == 1
    assert found(10.0, 2) == 2


# Of each setting a value that shows, and a base beside which it does.
ACTING = [
    ("window", 3.0, {}),
    ("step", 0.7, {"change_penalty": 0.0}),
    ("clustering", "kmeans", {"cut": 0.5, "threshold": 0.0, "min_speech": 0.0}),
    ("cut", 0.5, {"threshold": 0.0, "min_speech": 0.0}),
    ("threshold", 50.0, {}),
    ("min_speech", 30.0, {}),
    ("min_share", 0.9, {}),
    ("max_speakers", 1, {}),
    ("change_penalty", 300.0, {"cut": 0.5, "threshold": 0.0, "min_speech": 0.0}),
]


@pytest.fixture(scope="module")
def plain() -> dict[Any, Diarization]:
    """What the bases alone find, each computed once."""
    return {}


@needs_resemblyzer
@pytest.mark.parametrize(("name", "value", "base"), ACTING)
def test_every_setting_acts(name: str, value: Any, base: dict[str, Any], plain: dict[Any, Diarization]) -> None:
    audio, _ = conversation("ABAC", each=4.0)
    speech = (Span(0.0, audio.duration),)
    changed = embedding.Backend(EmbeddingSettings(embedding="resemblyzer", **{**base, name: value}), runtime=OFFLINE)
    key = tuple(sorted(base.items()))
    if key not in plain:
        usual = embedding.Backend(EmbeddingSettings(embedding="resemblyzer", **base), runtime=OFFLINE)
        plain[key] = diarize(usual, audio, speech)
    assert plain[key].turns != diarize(changed, audio, speech).turns


@needs_resemblyzer
def test_the_batch_size_changes_nothing(resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]]) -> None:
    audio, turns = heard
    one = embedding.Backend(EmbeddingSettings(embedding="resemblyzer", batch_size=3), runtime=OFFLINE)
    assert diarize(one, audio, turns) == diarize(resemblyzer, audio, turns)


@pytest.mark.parametrize(
    "settings",
    [
        {"embedding": "wavlm"},
        {"clustering": "dbscan"},
        {"embedding_model": "somewhere"},
        {"batch_size": 0},
        {"max_speakers": 0},
        {"window": 0.1},
        {"step": 0.0},
        {"step": 2.0},
        {"threshold": -1.0},
        {"min_share": 2.0},
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(settings))):
        EmbeddingSettings(**settings)


def test_another_number_of_speakers_needs_no_network_again(
    resemblyzer: embedding.Backend, heard: tuple[Audio, tuple[Turn, ...]], tmp_path: Path
) -> None:
    audio, turns = heard
    check_another_number(resemblyzer, audio, [turn.span for turn in turns], tmp_path / "log")
