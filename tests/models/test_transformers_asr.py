"""The recogniser `transformers`: small random models, held against what Transformers' own pipeline answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_transformers
from tests.kept_parts import check_kills
from tests.sounds import SAMPLES
from whisperdiar import Audio, InvalidOption, Span, load
from whisperdiar.asr._shared.refinement import recognise
from whisperdiar.asr.transformers import Backend
from whisperdiar.errors import BackendBroken, UnsupportedRequest
from whisperdiar.options import Runtime, TransformersSettings

pytestmark = pytest.mark.model
pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="Transformers is not installed")

OFFLINE = Runtime(device="cpu", offline=True, threads=1)
PIECES = (Span(0.0, 3.0), Span(4.0, 6.0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("transformers")
    return {
        "wav2vec2": tiny_transformers.wav2vec2(root / "wav2vec2"),
        "whisper": tiny_transformers.whisper(root / "whisper", n_mels=80, n_tokens=12),
        "moonshine": tiny_transformers.moonshine(root / "moonshine"),
    }


@pytest.fixture(scope="module")
def audio() -> Audio:
    return load(SAMPLES / "standup.mp4", end=6.0)


def backend(folder: Path, **settings: Any) -> Backend:
    return Backend(TransformersSettings(model=str(folder), **settings), runtime=OFFLINE)


def own_answer(folder: Path, sound: Any, **options: Any) -> dict[str, Any]:
    """What the library's pipeline says of one sound."""
    made = transformers.pipeline("automatic-speech-recognition", model=str(folder))
    found: dict[str, Any] = made(sound.copy(), **options)
    return found


@pytest.mark.parametrize("name", ["wav2vec2", "whisper"])
def test_words_and_times_are_those_of_the_pipeline(name: str, folders: dict[str, Path], audio: Audio) -> None:
    made = backend(folders[name], max_chunk=3.0)
    heard: list[float] = []
    found = made.transcribe(
        audio, speech=PIECES, language="en", progress=lambda _, fraction: heard.append(round(fraction, 2))
    )
    assert heard == [0.5, 1.0]
    options = {"generate_kwargs": {"language": "en"}} if name == "whisper" else {}
    for piece in PIECES:
        answer = own_answer(folders[name], audio.crop(piece).mono, return_timestamps="word", **options)
        words = [word for word in found.words if piece.start <= word.start < piece.end]
        assert " ".join(word.text.strip() for word in words).split() == answer["text"].split()
        if name == "wav2vec2":
            for word, chunk in zip(words, answer["chunks"], strict=True):
                assert word.start == pytest.approx(piece.start + chunk["timestamp"][0], abs=0.05)
    assert all(type(word.start) is float and word.probability == 1.0 for word in found.words)
    assert not made.lacks_word_times
    details = json.loads(json.dumps(made.record().to_dict()))["details"]
    assert details["architecture"] == {"wav2vec2": "Wav2Vec2ForCTC", "whisper": "WhisperForConditionalGeneration"}[name]


def test_a_killed_run_goes_on_with_its_pieces(folders: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    found = backend(folders["wav2vec2"], max_chunk=2.0)
    assert check_kills(lambda: found.transcribe(audio, speech=PIECES, language="en"), tmp_path) == 3


def test_memory_that_runs_out_halves_the_batch(folders: dict[str, Path], audio: Audio) -> None:
    expected = backend(folders["wav2vec2"], max_chunk=3.0).transcribe(audio, speech=PIECES, language="en")
    found = backend(folders["wav2vec2"], max_chunk=3.0, batch_size=8)
    found.prepare()
    loaded: Any = found._loaded
    pipeline, asked = loaded.pipeline, []

    def with_room_for_one(sounds: list[Any], **options: Any) -> Any:
        asked.append(len(sounds))
        if len(sounds) > 1:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")
        return pipeline(sounds, **options)

    found._loaded = replace(loaded, pipeline=with_room_for_one)
    assert found.transcribe(audio, speech=PIECES, language="en") == expected
    assert asked == [2, 1, 1]


def test_a_model_without_times_is_aligned_or_refused(folders: dict[str, Path], audio: Audio) -> None:
    made = backend(folders["moonshine"], fill_gaps=False)
    spread = made.transcribe(audio, speech=PIECES[:1], language="en").words
    answer = own_answer(folders["moonshine"], audio.crop(PIECES[0]).mono)
    assert "".join(word.text for word in spread).split() == answer["text"].split()
    assert made.lacks_word_times
    with pytest.raises(UnsupportedRequest, match="tells no times of words, and they cannot be aligned: the language"):
        recognise(made, audio, speech=PIECES[:1])
    aligned = backend(
        folders["moonshine"], word_times="wav2vec2", word_times_model=str(folders["wav2vec2"]), fill_gaps=False
    )
    found = recognise(aligned, audio, speech=PIECES[:1], language="en")
    assert [word.text for word in found.words] == [word.text for word in spread]


def test_a_whisper_without_alignment_heads_tells_no_times(tmp_path: Path) -> None:
    made = backend(tiny_transformers.whisper(tmp_path / "plain", aligns=False, n_mels=80, n_tokens=8))
    assert made.lacks_word_times


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), InvalidOption, r"lacks config\.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), InvalidOption, r"lacks \*\.safetensors"),
        (shutil.rmtree, InvalidOption, "no such folder"),
        (lambda folder: (folder / "config.json").write_text("{"), BackendBroken, r"config\.json that cannot be read"),
        (lambda folder: change(folder, architectures=[]), BackendBroken, "names no class"),
        (lambda folder: change(folder, architectures=["BertModel"]), BackendBroken, "does not run as speech to text"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), BackendBroken, "cannot be loaded by"),
        (
            lambda folder: change(folder, architectures=["HubertForCTC"]),
            BackendBroken,
            "not trained to|loaded by",
        ),
    ],
)
def test_what_is_no_such_model_is_one_line(
    break_it: Callable[[Path], object], error: type[Exception], message: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folders["wav2vec2"], broken)
    break_it(broken)
    with pytest.raises(error, match=message) as told:
        backend(broken).prepare()
    assert "\n" not in str(told.value)


def change(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **values}), encoding="utf-8")


def test_a_model_has_to_be_named() -> None:
    with pytest.raises(InvalidOption, match="transformers needs a model: give model"):
        Backend.check_model(TransformersSettings())
