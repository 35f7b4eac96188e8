"""Checkpoints of Transformers, converted and run: the same model before and after."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from huggingface_hub import constants

from tests import tiny_transformers
from tests.sounds import ROOT
from tests.tiny_transformers import HEADS, write_json
from training.whisper_nano.vocabulary import LANGUAGE_CODES
from whisperdiar import models
from whisperdiar.errors import BackendBroken, BackendMissing, InvalidOption, OutputError
from whisperdiar.models import conversion, converter
from whisperdiar.models.installed import find_in_folder, list_installed
from whisperdiar.options import Runtime

OFFLINE = Runtime(offline=True)
LACKING = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WHISPERDIAR_CACHE", str(tmp_path / "ours"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "ours" / "converted"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A Whisper with random weights, as Transformers saves it."""
    if LACKING:
        pytest.skip(f"not installed: {', '.join(LACKING)}")
    return tiny_transformers.whisper(tmp_path_factory.mktemp("checkpoint") / "tiny-whisper")


@pytest.fixture(scope="module")
def converted(checkpoint, tmp_path_factory) -> tuple[Path, list[tuple[str, float]], tuple[str, ...]]:
    """The checkpoint as it is converted, once for all tests: folder, progress, remarks."""
    told: list[tuple[str, float]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHISPERDIAR_CACHE", str(tmp_path_factory.mktemp("converted")))
        found = models.resolve(str(checkpoint), runtime=OFFLINE, progress=lambda *item: told.append(item))
    return found.path, told, tuple(found.remarks)


@pytest.fixture
def without_process(monkeypatch) -> None:
    """Conversions run here, where PyTorch is loaded already. That they run in a process of their own is shown by the
    other tests; what is converted, and what is said of damage, is the same."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:3] == [sys.executable, "-m", converter.__name__]
        return subprocess.CompletedProcess(command, converter.main(*command[3:]), "", "")

    monkeypatch.setattr(conversion, "subprocess", SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL))


@pytest.fixture
def own(checkpoint, tmp_path) -> Path:
    """A copy of the checkpoint that a test may spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "mine"))


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.1, int(seconds * 16000)).astype(np.float32)


@pytest.mark.model
def test_converted_model_writes_what_transformers_writes(checkpoint, converted):
    import torch
    from faster_whisper import WhisperModel
    from transformers import WhisperForConditionalGeneration

    path, told, remarks = converted
    assert told == [("convert", 0.0), ("convert", 1.0)]
    assert path != checkpoint
    assert any("converted" in remark and str(path) in remark for remark in remarks)
    ours = WhisperModel(str(path), device="cpu", compute_type="float32", cpu_threads=1)
    assert ours.feature_extractor.mel_filters.shape[0] == 128
    assert ours.model.is_multilingual
    theirs = WhisperForConditionalGeneration.from_pretrained(checkpoint).eval()
    texts = set()
    end = ours.hf_tokenizer.token_to_id("<|endoftext|>")
    no_text = list(range(end + 1, theirs.config.vocab_size))
    theirs.generation_config.suppress_tokens = no_text
    for seed in range(3):
        sound = noise(30, seed)
        features = torch.from_numpy(ours.feature_extractor(sound)[:, :3000])[None]
        with torch.no_grad():
            tokens = theirs.generate(features, language="en", task="transcribe", max_new_tokens=25, num_beams=1)
        expected = [token for token in tokens[0].tolist() if token < end]
        segments, _ = ours.transcribe(
            sound,
            language="en",
            task="transcribe",
            beam_size=1,
            temperature=0.0,
            max_new_tokens=2 * 25 - 4,  # CTranslate2 gives half of prompt and text to the text
            without_timestamps=True,
            word_timestamps=True,
            suppress_tokens=no_text,
            condition_on_previous_text=False,
            no_speech_threshold=None,
            log_prob_threshold=None,
            compression_ratio_threshold=None,
        )
        segments = list(segments)
        assert [token for segment in segments for token in segment.tokens] == expected
        assert [word for segment in segments for word in segment.words]  # by the alignment heads
        assert len(expected) > 5
        texts.add(tuple(expected))
    assert len(texts) > 1  # the sound matters
    config, vocabulary = read_json(path / "config.json"), read_json(path / "vocabulary.json")
    assert config["alignment_heads"] == HEADS
    assert [vocabulary[index] for index in sorted(config["lang_ids"])] == [f"<|{code}|>" for code in LANGUAGE_CODES]
    assert ours.detect_language(noise(5))[0] in LANGUAGE_CODES


@pytest.mark.model
@pytest.mark.usefixtures("without_process")
def test_what_a_checkpoint_lacks_is_made_up_for(own, converted):
    (own / "generation_config.json").unlink()
    (own / "preprocessor_config.json").unlink()
    spare = models.resolve(str(own), runtime=OFFLINE).path
    full, _, _ = converted
    assert spare != full
    one, other = read_json(spare / "config.json"), read_json(full / "config.json")
    assert one["lang_ids"] == other["lang_ids"]
    assert one["suppress_ids_begin"] == other["suppress_ids_begin"]
    assert sorted(one["alignment_heads"]) == HEADS  # the upper half of the layers
    assert read_json(spare / "preprocessor_config.json")["feature_size"] == 128
    assert (spare / "tokenizer.json").read_text("utf-8") == (full / "tokenizer.json").read_text("utf-8")


@pytest.mark.model
@pytest.mark.usefixtures("without_process")
def test_conversion_is_kept_until_the_checkpoint_changes(own, cache):
    left = cache / ".converting-stopped"  # by somebody who switched the machine off
    left.mkdir(parents=True)
    os.utime(left, (1, 1))
    first = models.resolve(str(own), runtime=OFFLINE)
    assert first.path.parent == cache
    assert find_in_folder(first.path).verify().problems == ()
    assert find_in_folder(first.path).verify().n_hashed == 5
    assert sorted(item.name for item in cache.iterdir()) == [first.path.name]  # nothing half done beside it
    stamp = (first.path / "model.bin").stat().st_mtime_ns
    again = models.resolve(str(own), runtime=OFFLINE)
    assert (again.path, again.remarks) == (first.path, ())
    assert (again.path / "model.bin").stat().st_mtime_ns == stamp
    weights = bytearray((first.path / "model.bin").read_bytes())
    weights[-100] ^= 1
    (first.path / "model.bin").write_bytes(weights)
    assert [name for name, _ in find_in_folder(first.path).verify().problems] == ["model.bin"]
    os.utime(own / "model.safetensors", ns=(1, 1))
    assert models.path(str(own)) == own  # where it lies, not converted yet
    other = models.resolve(str(own), runtime=OFFLINE)
    assert other.path != first.path
    assert models.path(str(own)) == other.path


@pytest.mark.model
@pytest.mark.usefixtures("without_process")
def test_weights_in_parts_and_pickled_weights(own, converted):
    import torch
    from transformers import WhisperForConditionalGeneration

    whole = WhisperForConditionalGeneration.from_pretrained(own)
    reference = (converted[0] / "model.bin").read_bytes()
    (own / "model.safetensors").unlink()
    whole.save_pretrained(own, max_shard_size="200KB")
    assert (own / "model.safetensors.index.json").exists()
    assert (models.resolve(str(own), runtime=OFFLINE).path / "model.bin").read_bytes() == reference
    part = next(own.glob("model-00002-*"))
    part.unlink()
    with pytest.raises(InvalidOption, match=part.name):
        models.resolve(str(own), runtime=OFFLINE)
    for item in own.glob("model*"):
        item.unlink()
    torch.save(whole.state_dict(), own / "pytorch_model.bin")
    assert (models.resolve(str(own), runtime=OFFLINE).path / "model.bin").read_bytes() == reference


@pytest.mark.model
@pytest.mark.usefixtures("without_process")
def test_damaged_checkpoints_are_one_line_and_leave_nothing(own, cache):
    from safetensors.torch import load_file, save_file

    good = (own / "model.safetensors").read_bytes()

    def refused(match: str) -> None:
        with pytest.raises(BackendBroken, match=match) as error:
            models.resolve(str(own), runtime=OFFLINE)
        assert "\n" not in str(error.value)
        assert list(cache.iterdir()) == []

    (own / "model.safetensors").write_bytes(good[: len(good) // 2])
    refused("cannot be converted .*get it again")
    (own / "model.safetensors").write_bytes(good)
    weights = load_file(own / "model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if "decoder" not in key},
        own / "model.safetensors",
        metadata={"format": "pt"},
    )
    refused(r"it lacks \d+ weights?, such as model\.decoder")
    (own / "model.safetensors").write_bytes(good)
    for name in ("vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"):
        (own / name).unlink()
    refused("no usable tokenizer")


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.nightly
def test_full_disk_is_one_line(own, cache, tmp_path):
    code = (
        "import resource, signal\nfrom whisperdiar import models\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"try:\n    models.resolve({str(own)!r})\nexcept Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    (line,) = done.stdout.splitlines()
    assert line.startswith("OutputError")
    assert "WHISPERDIAR_CACHE" in line
    assert list(cache.iterdir()) == []


@pytest.mark.model
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_interruption_leaves_nothing_half_done(own, cache):
    code = f"from whisperdiar import models\nmodels.resolve({str(own)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(cache.glob(".converting-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(cache.glob(".converting-*"))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told
    assert list(cache.iterdir()) == []


@pytest.mark.model
@pytest.mark.nightly
def test_snapshot_of_the_hub_is_converted_once_and_found_again(checkpoint, tmp_path):
    snapshot = tmp_path / "hub" / "models--someone--fine-tuned" / "snapshots" / "c0ffee"
    shutil.copytree(checkpoint, snapshot)
    found = models.resolve("someone/fine-tuned", runtime=OFFLINE)
    assert (found.repository, found.revision) == ("someone/fine-tuned", "c0ffee")
    assert found.path.name.startswith("someone--fine-tuned-")
    assert sorted((item.name, item.kind) for item in list_installed()) == [
        ("someone/fine-tuned", "checkpoint"),
        ("someone/fine-tuned", "converted"),
    ]
    shutil.rmtree(tmp_path / "hub")  # the converted model is enough
    again = models.resolve("someone/fine-tuned", runtime=OFFLINE)
    assert (again.path, again.revision) == (found.path, "c0ffee")
    assert models.path("someone/fine-tuned") == found.path


def fake(folder: Path, **config: object) -> Path:
    folder.mkdir()
    write_json(folder / "config.json", config)
    (folder / "model.safetensors").write_bytes(b"x")
    return folder


def test_other_models_are_refused_before_any_work(tmp_path):
    with pytest.raises(InvalidOption, match="a model of type wav2vec2"):
        models.resolve(str(fake(tmp_path / "a", model_type="wav2vec2")))
    with pytest.raises(InvalidOption, match="no model of Transformers"):
        models.resolve(str(fake(tmp_path / "b")))
    with pytest.raises(InvalidOption, match="packed weights"):
        models.resolve(str(fake(tmp_path / "c", model_type="whisper", quantization_config={"bits": 4})))
    (tmp_path / "a" / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(BackendBroken, match="cannot be read"):
        models.resolve(str(tmp_path / "a"))


def test_what_is_not_installed_is_named(tmp_path):
    folder = fake(tmp_path / "a", model_type="whisper")
    code = (
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('torch', 'transformers') else find(name, *a)\n"
        "from whisperdiar import models\nfrom whisperdiar.errors import BackendMissing\n"
        f"try:\n    models.resolve({str(folder)!r})\nexcept BackendMissing as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "what converts it is not installed (torch, transformers)" in done.stdout
    assert "pip install 'whisperdiar[convert]'" in done.stdout
    if LACKING:
        with pytest.raises(BackendMissing):
            models.resolve(str(folder))


def test_cache_that_cannot_be_written(own, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("WHISPERDIAR_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="set WHISPERDIAR_CACHE to a folder elsewhere"):
        models.resolve(str(own), runtime=OFFLINE)


def test_cache_is_where_it_is_said_to_be(monkeypatch, tmp_path):
    monkeypatch.setenv("WHISPERDIAR_CACHE", str(tmp_path))
    assert conversion.cache_folder() == tmp_path / "converted"
    monkeypatch.delenv("WHISPERDIAR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert conversion.cache_folder() == tmp_path / "xdg" / "whisperdiar" / "converted"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert conversion.cache_folder() == Path.home() / ".cache" / "whisperdiar" / "converted"
