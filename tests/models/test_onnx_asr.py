"""The recogniser `onnx`: small random models in onnx-asr's layouts, held against what onnx-asr itself answers."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import tiny_onnx_asr
from tests.kept_parts import check_kills
from tests.model_hub import empty_cache, put
from tests.sounds import SAMPLES
from whisperdiar import Audio, InvalidOption, Span, load
from whisperdiar.asr._shared.refinement import NO_WORDS, recognise
from whisperdiar.asr.onnx import Backend
from whisperdiar.asr.onnx.loading import explain_out_of_memory
from whisperdiar.asr.onnx.tokens import group_tokens
from whisperdiar.errors import BackendBroken, BackendError, ModelUnavailable, UnsupportedRequest
from whisperdiar.models import recognisers
from whisperdiar.options import OnnxAsrSettings, Runtime, Vocabulary, parse_vocabulary

pytestmark = pytest.mark.model
onnx_asr = pytest.importorskip("onnx_asr", reason="onnx-asr is not installed")

OFFLINE = Runtime(device="cpu", offline=True, threads=1)
LAYOUTS = {
    "parakeet": "nemo-conformer-tdt",
    "gigaam": "gigaam-v2-ctc",
    "t_one": "t-one-ctc",
    "zipformer": "kaldi-rnnt",
    "canary": "nemo-conformer-aed",
}
TIMED = [name for name in LAYOUTS if name != "canary"]
TOKENS = {"parakeet": 8, "gigaam": 4, "t_one": 3, "zipformer": 4}
"""Hundredths of a second between two tokens that a model can tell apart."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("onnx-asr")
    return {name: getattr(tiny_onnx_asr, name)(root / name) for name in LAYOUTS}


@pytest.fixture(scope="module")
def audio() -> Audio:
    return load(SAMPLES / "standup.mp4", end=15.0)


def backend(folder: Path, **settings: Any) -> Backend:
    return Backend(OnnxAsrSettings(model=str(folder), **settings), runtime=OFFLINE)


def own_answers(name: str, folder: Path, sounds: list[Any], **options: Any) -> list[Any]:
    """What onnx-asr says of these sounds in one batch."""
    model = onnx_asr.load_model(LAYOUTS[name], folder, providers=["CPUExecutionProvider"])
    found: list[Any] = model.with_timestamps().recognize(sounds, **options)
    return found


@pytest.mark.parametrize("name", TIMED)
def test_words_times_and_probabilities_are_those_of_onnx_asr(name: str, folders: dict[str, Path], audio: Audio) -> None:
    pieces = (Span(0.0, 6.0), Span(8.0, 14.0))
    made = backend(folders[name], max_chunk=6.0, batch_size=2)
    heard: list[float] = []
    found = made.transcribe(audio, speech=pieces, progress=lambda _, fraction: heard.append(fraction))
    assert heard == [1.0], "both pieces are one batch"
    answers = own_answers(name, folders[name], [audio.crop(piece).mono.copy() for piece in pieces])
    for piece, answer in zip(pieces, answers, strict=True):
        words = [word for word in found.words if piece.start <= word.start < piece.end]
        assert " ".join(word.text.strip() for word in words) == answer.text.strip()
        begins = [
            piece.start + time
            for index, (token, time) in enumerate(zip(answer.tokens, answer.timestamps, strict=True))
            if token.strip() and (index == 0 or token.startswith(" ") or answer.tokens[index - 1] == " ")
        ]
        assert len(begins) == len(words)
        # Words that are given out in the same moment get some time of their neighbours'.
        assert np.median(np.abs(np.subtract([word.start for word in words], begins))) <= TOKENS[name] / 100 + 1e-6
        first = [
            value
            for index, value in enumerate(answer.logprobs)
            if len("".join(answer.tokens[: index + 1]).split()) == 1 and answer.tokens[index].strip()
        ]
        assert words[0].probability == pytest.approx(math.exp(min(0.0, sum(first) / len(first))), abs=1e-5)
    assert made.record().details["layout"] == LAYOUTS[name]
    assert made.record().details["device"] == "cpu"


def test_batches_give_what_single_pieces_give(folders: dict[str, Path], audio: Audio) -> None:
    speech = (Span(0.0, 15.0),)
    single, batched = (
        backend(folders["gigaam"], max_chunk=4.0, batch_size=n).transcribe(audio, speech=speech) for n in (1, 4)
    )
    assert [word.text for word in single.words] == [word.text for word in batched.words]
    assert [word.span for word in single.words] == [word.span for word in batched.words]
    for one, other in zip(single.words, batched.words, strict=True):
        assert one.probability == pytest.approx(other.probability, rel=1e-3)


def test_a_killed_run_goes_on_with_its_batches(folders: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    found = backend(folders["gigaam"], max_chunk=4.0, batch_size=1)
    assert check_kills(lambda: found.transcribe(audio, speech=(Span(0.0, 15.0),)), tmp_path) >= 4


def test_memory_that_runs_out_halves_the_batch(folders: dict[str, Path], audio: Audio) -> None:
    speech = (Span(0.0, 15.0),)
    expected = backend(folders["gigaam"], max_chunk=2.0, batch_size=2).transcribe(audio, speech=speech)
    found = backend(folders["gigaam"], max_chunk=2.0, batch_size=5)
    found.prepare()
    loaded: Any = found._loaded
    recognize, asked = loaded.recogniser.recognize, []

    def with_room_for(most: int, sounds: list[Any], **options: Any) -> Any:
        asked.append(len(sounds))
        if len(sounds) > most:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 104857600")
        return recognize(sounds, **options)

    loaded.recogniser.recognize = partial(with_room_for, 2)
    assert found.transcribe(audio, speech=speech) == expected
    assert asked[:3] == [5, 2, 2]
    loaded.recogniser.recognize = partial(with_room_for, 0)
    with pytest.raises(BackendError, match=r"memory is too small for model .*: take .*int8.*, or a smaller model"):
        found.transcribe(audio, speech=speech)


def test_a_smaller_model_is_offered_by_name() -> None:
    told = {
        (name, language): recognisers.find_smaller(name, language)
        for name in recognisers.KNOWN
        for language in (None, *recognisers.KNOWN[name].languages)
    }
    for (name, language), other in told.items():
        if other is not None:
            known, smaller = recognisers.KNOWN[name], recognisers.KNOWN[other]
            assert (smaller.size_mb or 0) < (known.size_mb or 0)
            assert set(known.languages if language is None else (language,)) <= set(smaller.languages)
    assert told["gigaam-v3-rnnt", "ru"] == "fastconformer-ru"
    assert told["parakeet-v3", "ru"] == "gigaam-v3"
    assert told["t-one", "ru"] is None
    found = recognisers.FoundRecogniser(Path(), "gigaam-v3", "gigaam-v3-e2e-rnnt", "", ("ru",))
    assert explain_out_of_memory(found).endswith("take --compute-type int8, or --model fastconformer-ru")
    assert explain_out_of_memory(replace(found, precision="int8")).endswith("take --model fastconformer-ru")
    assert explain_out_of_memory(replace(found, name="t-one")).endswith("take a smaller model")


def test_a_language_is_told_by_the_text_or_by_the_user(folders: dict[str, Path], audio: Audio) -> None:
    made = backend(folders["gigaam"])
    assert made.transcribe(audio, speech=(Span(0.0, 5.0),)).language == "ru", "by its letters"
    assert made.transcribe(audio, speech=(Span(0.0, 5.0),), language="Ukrainian").language == "uk"
    assert made.transcribe(audio, speech=(), language="de-AT").language == "de"


def test_sounds_too_short_for_a_network_are_heard_all_the_same(folders: dict[str, Path]) -> None:
    short = Audio(tiny_onnx_asr.noise(0.05)[None], 16_000, "short")
    for name in TIMED:
        found = backend(folders[name]).transcribe(short, speech=(Span(0.0, 0.05),))
        assert all(0.0 <= word.start <= word.end <= 0.05 for word in found.words), name


def test_words_go_through_the_stage_behind_every_recogniser(folders: dict[str, Path], audio: Audio) -> None:
    """Vocabulary, filters against loops, and speech without words, which is told and decoded again."""
    speech = (Span(0.0, 15.0),)
    plain = backend(folders["zipformer"], fill_gaps=False, cut_loops=False)
    words = recognise(plain, audio, speech=speech, language="en").words
    term = words[3].text.strip(" .,")
    vocabulary: Vocabulary = parse_vocabulary(f"{term} => Kubernetes")
    found = recognise(plain, audio, speech=speech, language="en", vocabulary=vocabulary)
    assert any("Kubernetes" in word.text for word in found.words)
    assert found.replacements
    assert "takes no words to expect" in found.notes[0]
    quiet = Audio(np.zeros((1, 16_000 * 6), np.float32), 16_000, "quiet")
    asked: list[float] = []
    told = recognise(
        backend(folders["t_one"]), quiet, speech=(Span(0.0, 6.0),), progress=lambda _, fraction: asked.append(fraction)
    )
    assert told.dropped[-1].reason == NO_WORDS
    assert len(asked) > 2, "it was decoded again"
    assert "have no words" in told.warnings[0]


def test_a_model_without_times_needs_its_language_and_a_model_that_aligns(
    folders: dict[str, Path], audio: Audio
) -> None:
    made = backend(folders["canary"])
    speech = (Span(0.0, 6.0),)
    with pytest.raises(UnsupportedRequest, match="has to be told the language: give language"):
        made.transcribe(audio, speech=speech)
    with pytest.raises(UnsupportedRequest, match=r"language 'it': model .* has no token '<\|it\|>'"):
        made.transcribe(audio, speech=speech, language="it")
    assert made.lacks_word_times
    english, german = (made.transcribe(audio, speech=speech, language=code) for code in ("en", "de"))
    sound = [audio.crop(speech[0]).mono.copy()]
    for code, found in (("en", english), ("de", german)):
        (answer,) = own_answers("canary", folders["canary"], sound, language=code)
        assert "".join(word.text for word in found.words).split() == answer.text.split()
        assert found.words[0].probability == pytest.approx(math.exp(np.mean(answer.logprobs)), abs=1e-5)
    assert made.transcribe(audio, speech=()).words == ()
    # Behind the recogniser the words have to be aligned, and the aligner's model is not here.
    with pytest.raises(UnsupportedRequest, match="tells no times of words, and they cannot be aligned: "):
        recognise(made, audio, speech=speech, language="en")


def test_words_without_times_are_aligned(folders: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="Transformers is not installed")
    pytest.importorskip("torch", reason="PyTorch is not installed")
    import torch
    import transformers

    from tests.models.test_wav2vec2 import save, tiny_config

    torch.manual_seed(0)
    letters = {token: index for index, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"abdefghiklmou"])}
    config = tiny_config()
    config.vocab_size = len(letters)
    aligner = save(transformers.Wav2Vec2ForCTC(config), tmp_path / "aligner", letters)
    made = backend(folders["canary"], word_times="wav2vec2", word_times_model=str(aligner), fill_gaps=False)
    speech = (Span(0.0, 6.0),)
    spread = made.transcribe(audio, speech=speech, language="en").words
    found = recognise(made, audio, speech=speech, language="en")
    assert not found.warnings or "their own" not in found.warnings[0]
    assert [word.text for word in found.words] == [word.text for word in spread]
    assert [word.span for word in found.words] != [word.span for word in spread]


@pytest.mark.parametrize(
    ("name", "break_it", "message"),
    [
        ("parakeet", lambda folder: (folder / "vocab.txt").unlink(), r"lacks vocab\.txt: give a folder in a layout"),
        ("gigaam", lambda folder: (folder / "config.json").unlink(), r"lacks config\.json"),
        ("zipformer", lambda folder: (folder / "am-onnx" / "joiner.onnx").unlink(), r"lacks \*/joiner\.onnx"),
        ("parakeet", lambda folder: shutil.rmtree(folder), "no such folder"),
        (
            "parakeet",
            lambda folder: (folder / "config.json").unlink(),
            "may be nemo-conformer-rnnt or nemo-conformer-tdt",
        ),
    ],
)
def test_a_folder_that_holds_no_model_is_one_line(
    name: str, break_it: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    folder = getattr(tiny_onnx_asr, name)(tmp_path / name)
    break_it(folder)
    with pytest.raises(InvalidOption, match=message) as told:
        Backend.check_model(OnnxAsrSettings(model=str(folder)))
    assert "\n" not in str(told.value)


def test_a_wrong_file_is_one_line(folders: dict[str, Path], audio: Audio, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folders["gigaam"], broken)
    (broken / "v3_ctc.onnx").write_bytes(b"no model")
    with pytest.raises(BackendBroken, match="cannot be loaded by onnx-asr") as told:
        backend(broken).prepare()
    assert "\n" not in str(told.value)
    other = tmp_path / "other"
    shutil.copytree(folders["gigaam"], other)
    shutil.copy(folders["t_one"] / "model.onnx", other / "v3_ctc.onnx")
    with pytest.raises(BackendError, match="failed in onnx-asr") as told:
        backend(other).transcribe(audio, speech=(Span(0.0, 2.0),))
    assert "\n" not in str(told.value)


def test_eight_bits_are_taken_where_they_are_asked_for_or_alone(tmp_path: Path, audio: Audio) -> None:
    light = tiny_onnx_asr.parakeet(tmp_path / "light", precision="int8")
    made = backend(light)
    made.prepare()
    assert made.record().details["compute_type"] == "int8"
    with pytest.raises(InvalidOption, match=r"lacks encoder-model\.onnx, decoder_joint-model\.onnx"):
        backend(light, compute_type="float32").prepare()
    both = tiny_onnx_asr.parakeet(light, seed=9)
    for compute_type, expected in (("auto", "float32"), ("int8", "int8")):
        made = backend(both, compute_type=compute_type)
        found = made.transcribe(audio, speech=(Span(0.0, 4.0),))
        assert made.record().details["compute_type"] == expected
        model = onnx_asr.load_model(
            LAYOUTS["parakeet"], both, quantization={"int8": "int8"}.get(expected), providers=["CPUExecutionProvider"]
        )
        text = model.recognize(audio.crop(Span(0.0, 4.0)).mono.copy())
        assert " ".join(word.text.strip() for word in found.words) == text.strip()


def test_named_models_are_those_of_onnx_asr() -> None:
    from onnx_asr.loader import create_asr_resolver

    for name, known in recognisers.KNOWN.items():
        resolver = create_asr_resolver(known.onnx_asr)
        assert (resolver.repo_id or "").casefold() == known.repository.casefold(), name
        assert create_asr_resolver(known.layout, ".").model_type is resolver.model_type, name
    for name, layout in recognisers.LAYOUTS.items():
        files = create_asr_resolver(name, ".").model_type._get_model_files
        for precision in ("", "int8"):
            theirs, ours = set(files(precision or None).values()), set(layout.patterns(precision))
            assert theirs | {"config.json"} == ours | {"config.json"}, name


def test_a_download_that_was_broken_off_is_not_taken_for_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = empty_cache(tmp_path, monkeypatch)
    files = dict.fromkeys(("config.json", "vocab.txt", "encoder-model.onnx", "decoder_joint-model.onnx"), "x")
    folder = put(cache, "istupakov/parakeet-tdt-0.6b-v3-onnx", files)
    assert recognisers.find_cached("parakeet-v3") is None
    with pytest.raises(ModelUnavailable, match="whisperdiar models download parakeet-v3"):
        recognisers.resolve("parakeet-v3", runtime=OFFLINE)
    (folder / "encoder-model.onnx.data").write_text("weights", encoding="utf-8")
    assert recognisers.resolve("nemo-parakeet-tdt-0.6b-v3", runtime=OFFLINE).path == folder
    assert recognisers.list_patterns("parakeet-v3", folder)[-1] == "encoder-model.onnx?data"
    with pytest.raises(InvalidOption, match="model t-one has no files in int8: leave compute_type out"):
        recognisers.resolve("t-one", compute_type="int8", runtime=OFFLINE)


def test_languages_are_held_against_the_model_before_anything_is_loaded() -> None:
    with pytest.raises(UnsupportedRequest, match=r"language 'ja': model parakeet-v3 knows bg, cs, .*; choose another"):
        Backend.check_language(OnnxAsrSettings(), "ja")
    with pytest.raises(UnsupportedRequest, match="language 'en': model gigaam-v3 knows ru; "):
        Backend.check_language(OnnxAsrSettings(model="gigaam-v3"), "en")
    with pytest.raises(UnsupportedRequest, match="model canary-v2 has to be told the language"):
        Backend.check_language(OnnxAsrSettings(model="canary-v2"), None)
    Backend.check_language(OnnxAsrSettings(model="nemo-canary-1b-v2"), "German")
    with pytest.raises(InvalidOption, match=r"did you mean gigaam-v3\?"):
        Backend.check_model(OnnxAsrSettings(model="gigam-v3"))


@given(
    st.lists(st.tuples(st.text("ab.,-é ", max_size=4), st.floats(0.0, 9.0), st.floats(-20.0, 0.0)), max_size=12),
    st.booleans(),
)
def test_tokens_become_all_words_of_the_text_in_order(tokens: list[tuple[str, float, float]], spaced: bool) -> None:
    pieces = [token for token, _time, _value in tokens]
    times = sorted(time for _token, time, _value in tokens)
    text = "".join(pieces)
    words = group_tokens(text, pieces, times, [value for *_, value in tokens], end=10.0, spaced=spaced)
    assert "".join(word.text for word in words).split() == text.split() if spaced else True
    assert "".join(word.text for word in words).replace(" ", "") == "".join(text.split())
    previous = 0.0
    for word in words:
        assert word.start is not None
        assert word.end is not None
        assert previous <= word.start <= word.end <= 10.0
        assert word.start in times
        assert 0.0 <= (word.probability or 0.0) <= 1.0
        previous = word.start


def test_tokens_that_are_not_the_text_have_no_times() -> None:
    assert group_tokens("two words", [" two"], [0.0], None, end=1.0) == ()
    assert group_tokens("two", [" two"], [], None, end=1.0) == ()
    (word,) = group_tokens("two", [" two"], [0.5], None, end=1.0)
    assert (word.start, word.end, word.probability) == (0.5, 1.0, None)


def test_the_provenance_can_be_written(folders: dict[str, Path]) -> None:
    made = backend(folders["parakeet"])
    made.prepare()
    assert json.loads(json.dumps(made.record().to_dict()))["details"]["version"]
