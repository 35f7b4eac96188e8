"""Word times by a CTC model, on a small one that was trained in the test session: each letter is a tone."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.model_hub import etag
from tests.sounds import ROOT, SAMPLES
from whisperdiar import Audio, Pipeline, Span, Transcription, Word, load
from whisperdiar.errors import BackendError, InvalidOption
from whisperdiar.forced_alignment.models import DEFAULT_MODELS
from whisperdiar.forced_alignment.wav2vec2 import WordAligner, _frame_timing
from whisperdiar.given_text.reading import GivenText, GivenWord
from whisperdiar.given_text.transcriber import TextTranscriber
from whisperdiar.options import PocketSphinxSettings, RefinementSettings, Runtime
from whisperdiar.vad.none import Backend as Everything

pytestmark = pytest.mark.model

RATE_HZ = 16_000
OFFLINE = Runtime(device="cpu", offline=True, threads=1)
LETTERS = "ABCDEFGH"
TONES_HZ = dict(zip(LETTERS, np.geomspace(500, 6000, len(LETTERS)), strict=True))
VOCABULARY = {token: column for column, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS])}
STRIDES, KERNELS = (10, 6, 4), (40, 8, 6)
HOP, REACH = 240, 410
"""A frame every 15 ms: nobody may take it for 20 ms."""

Truth = list[tuple[float, float]]


def speak(
    words: Sequence[str], rng: np.random.Generator, *, pauses: tuple[float, float] = (0.0, 0.5), letter: float = 0.09
) -> tuple[NDArray[np.float32], Truth, list[tuple[float, float, str]]]:
    """Sound, where the words are, and where the letters are (``|`` is the beginning of a pause)."""
    parts, truth, letters = [np.zeros(round(rng.uniform(0.1, 0.4) * RATE_HZ))], [], []
    now = parts[0].size / RATE_HZ
    for word in words:
        start = now
        for index, name in enumerate(word):
            if index and word[index - 1] == name:  # a repeated letter is said twice
                parts.append(np.zeros(round(0.04 * RATE_HZ)))
                now += 0.04
            times = np.arange(round(letter * RATE_HZ)) / RATE_HZ
            parts.append(0.3 * np.sin(2 * np.pi * TONES_HZ[name] * times) * np.hanning(times.size) ** 0.2)
            letters.append((now, now + letter, name))
            now += letter
        truth.append((start, now))
        pause = 0.06 + rng.uniform(*pauses)
        letters.append((now, now + 0.045, "|"))
        parts.append(np.zeros(round(pause * RATE_HZ)))
        now += parts[-1].size / RATE_HZ
    sound = np.concatenate(parts)
    return (sound + 0.003 * rng.standard_normal(sound.size)).astype(np.float32), truth, letters


def random_words(rng: np.random.Generator, n_words: int) -> list[str]:
    return ["".join(rng.choice(list(LETTERS), rng.integers(1, 6))) for _ in range(n_words)]


def tiny_config(kind: str = "Wav2Vec2") -> Any:
    import transformers

    return getattr(transformers, f"{kind}Config")(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(24, 24, 24),
        conv_kernel=KERNELS,
        conv_stride=STRIDES,
        num_feat_extract_layers=3,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4,
        pad_token_id=VOCABULARY["<pad>"],
        apply_spec_augment=False,
        layerdrop=0.0,
        **{f"{name}_dropout": 0.0 for name in ("hidden", "attention", "activation", "feat_proj", "final")},
    )


def save(model: Any, folder: Path, vocabulary: dict[str, int] = VOCABULARY, **tokenizer: Any) -> Path:
    import transformers

    folder.mkdir(exist_ok=True)
    model.save_pretrained(folder)
    (folder / "letters.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    transformers.Wav2Vec2CTCTokenizer(str(folder / "letters.json"), **tokenizer).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    (folder / "letters.json").unlink()
    return folder


def train(steps: int = 80, batch_size: int = 4, seconds: float = 1.5) -> Any:
    """A model that tells frame by frame which letter sounds."""
    import torch
    import transformers

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = transformers.Wav2Vec2ForCTC(tiny_config())
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    n_samples = round(seconds * RATE_HZ)
    n_frames = (n_samples - REACH) // HOP + 1
    centres = (np.arange(n_frames) * HOP + REACH / 2) / RATE_HZ
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(steps):
        sounds, targets = [], np.zeros((batch_size, n_frames), dtype=np.int64)
        for row in range(batch_size):
            sound, _, letters = speak(random_words(rng, 6), rng, letter=rng.uniform(0.06, 0.12))
            sound = np.pad(sound, (0, n_samples))[:n_samples]
            sounds.append((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7))
            for first, end, name in letters:
                targets[row, (centres >= first) & (centres < end)] = VOCABULARY[name]
        logits = model(torch.tensor(np.array(sounds, dtype=np.float32))).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(before)
    return model.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("transformers", reason="Transformers is not installed")
    return save(train(), tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def aligner(folder: Path) -> WordAligner:
    found = WordAligner(str(folder), runtime=OFFLINE)
    assert found.prepare("en") is None
    return found


def errors_ms(found: list[tuple[float, float] | None], truth: Truth) -> tuple[list[float], list[float]]:
    assert all(found)
    both = [(item, true) for item, true in zip(found, truth, strict=True) if item]
    return [1000 * abs(item[0] - true[0]) for item, true in both], [
        1000 * abs(item[1] - true[1]) for item, true in both
    ]


def test_words_are_placed_where_they_sound(aligner: WordAligner) -> None:
    rng = np.random.default_rng(7)
    words = random_words(rng, 14)
    sound, truth, _ = speak(words, rng, pauses=(0.0, 1.2))
    starts, ends = errors_ms(aligner.align(sound, [f" {word.capitalize()}," for word in words]), truth)
    assert max(starts) <= 40
    assert max(ends) <= 40
    assert float(np.mean(starts)) <= 10


class Spread:
    """A recogniser of another package that knows the words, and of their times nothing but the order."""

    def __init__(self, words: Sequence[str], settings: RefinementSettings) -> None:
        self.words, self.settings, self.runtime = words, settings, OFFLINE

    def transcribe(self, audio: Audio, *, speech: Sequence[Span], **given: Any) -> Transcription:
        step = audio.duration / len(self.words)
        spans = [Span(step * n, step * (n + 1)) for n in range(len(self.words))]
        return Transcription("en", None, tuple(map(Word, spans, (f" {word.lower()}" for word in self.words))))


def test_the_words_of_any_recogniser_are_placed_where_they_sound(folder: Path) -> None:
    rng = np.random.default_rng(7)
    words = random_words(rng, 14)
    sound, truth, _ = speak(words, rng, pauses=(0.0, 1.2))
    audio = Audio(sound[None], RATE_HZ, "tones")
    settings = RefinementSettings(word_times="wav2vec2", word_times_model=str(folder), fill_gaps=False)
    made = Pipeline(detector=Everything(), transcriber=Spread(words, settings))
    found = made.run(audio)
    starts, _ = errors_ms([(word.start, word.end) for word in found.words], truth)
    assert float(np.mean(starts)) <= 10
    assert found.provenance["asr"]["details"]["word_times"]["model"] == str(folder)
    own = Pipeline(detector=Everything(), transcriber=Spread(words, RefinementSettings(fill_gaps=False))).run(audio)
    assert float(np.mean(errors_ms([(word.start, word.end) for word in own.words], truth)[0])) > 100


def test_a_given_text_is_placed_where_it_sounds_without_what_is_not_spoken(folder: Path) -> None:
    rng = np.random.default_rng(17)
    words = ["FACE", "BAD", "CAGE", "HEAD", "DEAF", "BEAD", "FADED", "CAB", "EDGE", "BEACH"]
    sound, truth, _ = speak(words, rng, pauses=(0.0, 0.6))
    audio = Audio(sound[None], RATE_HZ, "tones")
    text = GivenText(tuple(GivenWord(f" {word}") for word in [*words[:4], "GAGGED", "HAGGARD", "ABACA", *words[4:]]))
    heard = Spread([*words[:2], "CAG", *words[3:]], RefinementSettings())  # one is recognised wrongly
    transcriber = TextTranscriber(heard, text, word_times="wav2vec2", word_times_model=str(folder))
    found = transcriber.transcribe(audio, speech=[Span(0.0, audio.duration)])
    assert [word.text.strip() for word in found.words] == words
    assert [item.text for item in found.dropped if item.text] == ["GAGGED HAGGARD ABACA"]
    starts, ends = errors_ms([(word.start, word.end) for word in found.words], truth)
    assert max(starts) <= 60
    assert max(ends) <= 60
    assert transcriber.record().details["word_times"]["model"] == str(folder)


def test_words_of_pocketsphinx_are_aligned_by_a_model(folder: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="PocketSphinx is not installed")
    from whisperdiar.asr.pocketsphinx import Backend as PocketSphinx

    audio = load(SAMPLES / "standup.mp4", end=4.0)
    settings = PocketSphinxSettings(word_times="wav2vec2", word_times_model=str(folder))
    plain, aligned = (
        Pipeline(detector=Everything(), transcriber=PocketSphinx(item, runtime=OFFLINE)).run(audio)
        for item in (PocketSphinxSettings(), settings)
    )
    assert [word.text for word in aligned.words] == [word.text for word in plain.words]
    assert [word.span for word in aligned.words] != [word.span for word in plain.words]
    assert aligned.provenance["asr"]["details"]["word_times"]["model"] == str(folder)
    nowhere = replace(settings, word_times_model="owner/none")
    told = Pipeline(detector=Everything(), transcriber=PocketSphinx(nowhere, runtime=OFFLINE)).run(audio)
    assert [word.span for word in told.words] == [word.span for word in plain.words]
    assert any(text.startswith("word times are the recogniser's own: ") for text in told.provenance["warnings"])


def test_frames_are_as_long_as_the_model_makes_them() -> None:
    usual = {"conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}
    second = _frame_timing(SimpleNamespace(**usual), RATE_HZ, 49)
    assert second == (0.0025, 0.02)  # frames see 25 ms, and stand for the 20 in their middle
    adapter = {"add_adapter": True, "num_adapter_layers": 1, "adapter_stride": 2}
    assert _frame_timing(SimpleNamespace(**usual, **adapter), RATE_HZ, 25)[1] == 0.04
    # Where the layers do not tell, frames share the sound.
    assert _frame_timing(SimpleNamespace(), RATE_HZ, 50) == (0.0, 0.02)
    assert _frame_timing(SimpleNamespace(**usual), RATE_HZ, 40) == (0.0, 0.025)


def test_a_number_is_placed_by_what_surrounds_it(aligner: WordAligner) -> None:
    rng = np.random.default_rng(8)
    spoken = ["BAD", "CAFE", "HEAD", "FADED", "GAB"]
    sound, truth, _ = speak(spoken, rng, pauses=(0.1, 0.6))
    starts, ends = errors_ms(aligner.align(sound, [" bad", " $7.40", " head", " faded", " 100%."]), truth)
    assert max(starts) <= 40
    assert max(ends) <= 40


def test_a_quiet_sound_is_heard_as_well(aligner: WordAligner) -> None:
    rng = np.random.default_rng(9)
    words = random_words(rng, 5)
    sound, truth, _ = speak(words, rng)
    starts, _ = errors_ms(aligner.align(0.01 * sound, words), truth)
    assert max(starts) <= 40


def test_the_same_sound_gives_the_same_times_inside_it(aligner: WordAligner) -> None:
    rng = np.random.default_rng(10)
    words = random_words(rng, 6)
    sound, _, _ = speak(words, rng)
    first = aligner.align(sound, words)
    assert aligner.align(sound, words) == first
    # Words that are not in the sound at all are still in order, and inside.
    other = [item for item in aligner.align(sound, random_words(rng, 6)) if item]
    for found in (other, [item for item in first if item]):
        flat = [time for item in found for time in item]
        assert flat == sorted(flat)
        assert flat[0] >= 0.0
        assert flat[-1] <= sound.size / RATE_HZ


def test_what_cannot_be_timed_has_no_time(aligner: WordAligner) -> None:
    sound, _, _ = speak(["BAD", "CAFE"], np.random.default_rng(11))
    assert [item is None for item in aligner.align(sound, ["bad", " –", " café!", " …"])] == [False, True, False, True]
    assert aligner.align(sound, ["...", "–"]) == [None, None]
    assert aligner.align(sound, []) == []
    assert aligner.align(sound[:0], ["bad"]) == [None]
    assert aligner.align(sound[:2000], ["bad"] * 20) == [None] * 20  # more letters than frames
    assert aligner.failure is None


def test_sound_that_the_model_cannot_take_is_told(folder: Path) -> None:
    aligner = WordAligner(str(folder), runtime=OFFLINE)
    assert aligner.prepare("en") is None
    assert aligner.align(np.zeros(10, np.float32), ["bad"]) == [None]
    assert aligner.failure is not None
    assert "failed on a piece" in aligner.failure
    assert aligner.align(np.full(RATE_HZ, np.nan, np.float32), ["bad"]) == [None]


def test_loading_prints_nothing_and_is_recorded(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    aligner = WordAligner(str(folder), runtime=OFFLINE)
    assert aligner.record() == {}
    assert aligner.prepare("en") is None
    assert aligner.prepare("anything: the model is the user's choice") is None
    assert aligner.record() == {"model": str(folder), "repository": None, "revision": None, "device": "cpu"}
    assert capfd.readouterr() == ("", "")
    aligner.release()
    assert aligner.record() == {}
    with pytest.raises(BackendError, match="call prepare first"):
        aligner.align(np.zeros(RATE_HZ, np.float32), ["bad"])


def into_cache(cache: Path, repository: str, source: Path) -> None:
    root = cache / f"models--{repository.replace('/', '--')}"
    shutil.copytree(source, root / "snapshots" / "abc123")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc123", encoding="utf-8")


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_the_default_of_a_language_comes_from_the_cache(
    weights: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from huggingface_hub import constants
    from safetensors.torch import load_file

    source = Path(shutil.copytree(folder, tmp_path / "source"))
    if weights == "pytorch_model.bin":
        torch.save(load_file(str(source / "model.safetensors")), source / weights)
        (source / "model.safetensors").unlink()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    into_cache(tmp_path / "cache", DEFAULT_MODELS["en"].repository, source)
    aligner = WordAligner(None, runtime=OFFLINE)
    assert aligner.prepare("en-GB") is None
    assert aligner.record() == {
        "model": DEFAULT_MODELS["en"].repository,
        "repository": DEFAULT_MODELS["en"].repository,
        "revision": "abc123",
        "device": "cpu",
    }
    sound, truth, _ = speak(["BAD", "CAFE"], np.random.default_rng(12))
    starts, _ = errors_ms(aligner.align(sound, ["bad", "cafe"]), truth)
    assert max(starts) <= 40
    # A language for which there is no model: the one of the last language must not do its work.
    assert "no model that times words is known for language 'eo'" in (aligner.prepare("eo") or "")
    with pytest.raises(BackendError, match="call prepare first"):
        aligner.align(sound, ["bad", "cafe"])


def test_a_model_that_is_not_here_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for aligner in (WordAligner(None, runtime=OFFLINE), WordAligner(None, runtime=Runtime(device="cpu"))):
        reason = aligner.prepare("de")
        assert reason is not None
        assert reason.startswith("jonatasgrosman/wav2vec2-large-xlsr-53-german is not on this machine")
    aligner = WordAligner("somebody/model", runtime=OFFLINE)
    reason = aligner.prepare("de")
    assert reason is not None
    assert reason.startswith("somebody/model is not on this machine")
    # Nobody waits for the network twice.
    into_cache(tmp_path, "somebody/model", folder)
    assert aligner.prepare("en") == reason
    assert WordAligner("somebody/model", runtime=OFFLINE).prepare("en") is None


def test_a_model_in_half_precision_runs_on_a_cpu(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = {key: value.half() for key, value in load_file(str(copy / "model.safetensors")).items()}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps({**config, "dtype": "float16"}), encoding="utf-8")
    aligner = WordAligner(str(copy), runtime=OFFLINE)
    assert aligner.prepare("en") is None
    sound, truth, _ = speak(["BAD", "CAFE"], np.random.default_rng(14))
    starts, _ = errors_ms(aligner.align(sound, ["bad", "cafe"]), truth)
    assert max(starts) <= 40


def test_a_language_without_a_model_is_told() -> None:
    reason = WordAligner(None, runtime=OFFLINE).prepare("eo")
    assert reason == "no model that times words is known for language 'eo': give one of your own"


@pytest.mark.parametrize("module", ["torch", "transformers"])
def test_without_the_packages_their_extra_is_named(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    reason = WordAligner(str(tmp_path), runtime=OFFLINE).prepare("en")
    assert reason is not None
    assert 'pip install "whisperdiar[align]"' in reason


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, cause in [
        ("nowhere", "no such folder"),
        (str(tmp_path / "nowhere"), "no such folder"),
        (str(tmp_path / "file"), "this is a file"),
    ]:
        with pytest.raises(InvalidOption, match=f"alignment model .*: {cause}"):
            WordAligner(name, runtime=OFFLINE).prepare("en")


def refusal(folder: Path) -> str:
    aligner = WordAligner(str(folder), runtime=OFFLINE)
    reason = aligner.prepare("en")
    assert reason is not None
    assert "\n" not in reason
    return reason


def test_folders_that_do_not_hold_what_is_needed(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = load_file(str(copy / "model.safetensors"))
    save_file({key: value for key, value in weights.items() if "lm_head" not in key}, copy / "model.safetensors")
    assert "was not trained to write letters" in refusal(copy)
    (copy / "model.safetensors").write_bytes(b"no weights")
    assert "cannot be loaded (" in refusal(copy)
    (copy / "model.safetensors").unlink()
    assert "has no weights (model.safetensors)" in refusal(copy)
    (copy / "config.json").unlink()
    assert "has no config.json" in refusal(copy)


def test_models_of_another_kind_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "vocab.json").write_text(json.dumps({"eng": VOCABULARY}), encoding="utf-8")
    assert "many languages" in refusal(copy)
    (copy / "vocab.json").write_text(json.dumps({"<pad>": 0, "<unk>": 1, "|": 2, "7": 3}), encoding="utf-8")
    assert "no alphabet of letters" in refusal(copy)
    (copy / "vocab.json").write_text("{", encoding="utf-8")
    assert "has a broken vocab.json" in refusal(copy)
    (copy / "vocab.json").unlink()
    assert "has no vocab.json" in refusal(copy)
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    shutil.copy(folder / "vocab.json", copy)
    (copy / "preprocessor_config.json").write_text(json.dumps({**settings, "sampling_rate": 8000}), encoding="utf-8")
    assert "wants sound at 8000 Hz" in refusal(copy)


def test_an_unknown_device_is_told(folder: Path) -> None:
    reason = WordAligner(str(folder), runtime=Runtime(device="cuda:99", offline=True)).prepare("en")
    assert reason is not None
    assert "cuda:99" in reason


@pytest.mark.parametrize("kind", ["Hubert", "WavLM", "Wav2Vec2Bert"])
def test_other_models_and_alphabets_load_as_well(kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    transformers = pytest.importorskip("transformers", reason="Transformers is not installed")
    torch.manual_seed(0)
    # These are told their special tokens by names of their own, and write small letters.
    lower = {token.lower() if len(token) == 1 else f"[{token}]": column for token, column in VOCABULARY.items()}
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), lower, strict=False))
    if kind == "Wav2Vec2Bert":
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
        config = transformers.Wav2Vec2BertConfig(vocab_size=len(lower), pad_token_id=0, **sizes)
    else:
        config = tiny_config(kind)
    saved = save(getattr(transformers, f"{kind}ForCTC")(config), tmp_path / "model", lower, **names)
    if kind == "Wav2Vec2Bert":
        transformers.SeamlessM4TFeatureExtractor().save_pretrained(saved)
    aligner = WordAligner(str(saved), runtime=OFFLINE)
    assert aligner.prepare("en") is None
    sound, _, _ = speak(["BAD", "CAFE"], np.random.default_rng(13))
    times = aligner.align(sound, ["Bad", "CAFE"])
    assert aligner.failure is None
    flat = [time for item in times if item for time in item]
    assert len(flat) == 4
    assert flat == sorted(flat)
    assert flat[-1] <= sound.size / RATE_HZ


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as its client asks for, with one repository."""

    files: ClassVar[dict[str, bytes]] = {}
    commit = "a" * 40

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"] and parts[4:5] == ["tree"]:
            tree = [{"type": "file", "path": n, "size": len(d), "oid": n} for n, d in self.files.items()]
            return self.answer(json.dumps(tree).encode())
        if parts[:2] == ["api", "models"]:
            siblings = [{"rfilename": name} for name in self.files]
            return self.answer(json.dumps({"id": "some/model", "sha": self.commit, "siblings": siblings}).encode())
        return self.answer(self.files.get("/".join(parts[4:]), b""))

    do_HEAD = do_GET

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{etag(body)}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize("weights", [["model.safetensors", "pytorch_model.bin"], ["pytorch_model.bin"]])
def test_only_what_is_needed_is_fetched(weights: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configs = ["config.json", "preprocessor_config.json", "vocab.json"]
    others = ["README.md", "flax_model.msgpack", "language_model/lm.binary", "optimizer.pt", "tf_model.h5"]
    monkeypatch.setattr(Hub, "files", {name: name.encode() for name in [*configs, *weights, *others]})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = (
        "from whisperdiar.forced_alignment import wav2vec2\nfrom whisperdiar.options import Runtime\n"
        "print(wav2vec2._fetch('some/model', Runtime(), lambda *_: None))"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    address = f"http://127.0.0.1:{server.server_address[1]}"
    environment = {**clean, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path), "no_proxy": "127.0.0.1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    server.shutdown()
    server.server_close()
    found = Path(done.stdout.strip())
    assert found.name == Hub.commit
    fetched = sorted(str(item.relative_to(found)) for item in found.rglob("*") if item.is_file())
    assert fetched == sorted([*configs, weights[0]])


def test_offline_the_network_is_not_touched(folder: Path) -> None:
    """In a process of its own: here the hub's client was told at its import that there is no network."""
    script = f"""
import socket, sys, threading
touched = []
def refuse(*arguments, **_):
    touched.append(arguments)
    raise OSError("no network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
import numpy as np
from whisperdiar.forced_alignment.wav2vec2 import WordAligner, _frame_timing
from whisperdiar.options import PocketSphinxSettings, RefinementSettings, Runtime
from whisperdiar.vad.none import Backend as Everything
offline = Runtime(device="cpu", offline=True, threads=1)
aligner = WordAligner({str(folder)!r}, runtime=offline)
print(aligner.prepare("en"), aligner.align(np.zeros(16000, np.float32), ["bad"]) != [None])
print(WordAligner(None, runtime=offline).prepare("de"))
for thread in threading.enumerate():
    if thread is not threading.current_thread() and not thread.daemon:
        thread.join()
print(touched)
"""
    hidden = {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"HF_HOME": str(folder / "no cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    first, second, touched = done.stdout.splitlines()
    assert first == "None True"
    assert "is not on this machine and the network may not be used" in second
    assert touched == "[]"


def test_the_page_lists_every_default() -> None:
    page = (ROOT / "docs" / "word-times.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| \[(\S+)\]\(https://huggingface\.co/(\S+)\) \| (.+?) \|$", page, re.MULTILINE)
    listed = {code: (name, licence) for code, name, link, licence in rows if name == link}
    assert listed == {
        code: (known.repository, known.licence or "see its page") for code, known in DEFAULT_MODELS.items()
    }
