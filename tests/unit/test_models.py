"""The model store on a cache laid out like the hub's: names, defaults, verification."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.model_hub import BINARY, FILES, empty_cache, put
from whisperdiar import models
from whisperdiar.asr.whisper.loading import explain_out_of_memory
from whisperdiar.errors import InvalidOption, ModelUnavailable, WhisperdiarError
from whisperdiar.frameworks.ctranslate2 import Placement
from whisperdiar.models.catalogue import KNOWN, choose_default, find_smaller
from whisperdiar.models.installed import find_in_folder, list_installed
from whisperdiar.models.verification import Verdict
from whisperdiar.options import Runtime
from whisperdiar.system.machine import has_room

OFFLINE = Runtime(offline=True)
GB = 1_000_000_000


def one_line(error: pytest.ExceptionInfo[WhisperdiarError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    return empty_cache(tmp_path, monkeypatch)


def test_cached_model_is_used_without_the_network(cache):
    snapshot = put(cache, "Systran/faster-whisper-tiny", FILES)
    for runtime in (OFFLINE, Runtime()):
        found = models.resolve("tiny", runtime=runtime)
        assert (found.path, found.repository, found.revision) == (snapshot, "Systran/faster-whisper-tiny", "c0ffee")
    assert models.path("tiny") == snapshot
    assert models.resolve("Systran/faster-whisper-tiny", runtime=OFFLINE).path == snapshot


def test_incomplete_snapshot_is_not_taken(cache):
    put(cache, "Systran/faster-whisper-tiny", {name: text for name, text in FILES.items() if name != "tokenizer.json"})
    with pytest.raises(ModelUnavailable):
        models.path("tiny")
    put(cache, "Systran/faster-whisper-tiny", {"tokenizer.json": "{}"})
    blob = models.path("tiny").joinpath("model.bin").resolve()
    blob.unlink()
    with pytest.raises(ModelUnavailable):
        models.path("tiny")


def test_snapshot_of_an_older_commit_serves_where_the_newest_is_incomplete(cache):
    whole = put(cache, "Systran/faster-whisper-base", FILES, commit="aaa", ref=None)
    put(cache, "Systran/faster-whisper-base", {"config.json": "{}"}, commit="bbb")
    assert models.resolve("base", runtime=OFFLINE).path == whole
    assert models.fetch_snapshot("Systran/faster-whisper-base", files=list(FILES), runtime=OFFLINE) == whole
    with pytest.raises(ModelUnavailable):
        models.fetch_snapshot("Systran/faster-whisper-base", files=list(FILES), revision="bbb", runtime=OFFLINE)
    named = models.fetch_snapshot("Systran/faster-whisper-base", files=list(FILES), revision="aaa", runtime=OFFLINE)
    assert named == whole


def test_offline_says_what_to_do(monkeypatch):
    with pytest.raises(ModelUnavailable, match="whisperdiar models download small") as error:
        models.resolve("small", runtime=OFFLINE)
    assert "give a folder with model" in one_line(error)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailable, match="the network may not be used"):
        models.resolve("small")


def test_folder_is_used_as_it_is(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert models.resolve(str(folder), runtime=OFFLINE) == models.ResolvedModel(folder, str(folder))
    (folder / "model.bin").unlink()
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(InvalidOption, match=r"lacks model.bin, vocabulary.\*") as error:
        models.resolve(str(folder))
    one_line(error)
    (folder / "model.safetensors").touch()
    with pytest.raises(InvalidOption, match="no model of Transformers"):
        models.resolve(str(folder))
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").touch()
    with pytest.raises(InvalidOption, match="is an adapter"):
        models.resolve(str(folder))
    with pytest.raises(InvalidOption, match="no such folder"):
        models.resolve(str(tmp_path / "nowhere"))
    with pytest.raises(InvalidOption, match="give the folder"):
        models.resolve(str(folder / "config.json"))


def test_wrong_name_gets_a_hint():
    with pytest.raises(InvalidOption, match="did you mean small"):
        models.resolve("smal")
    with pytest.raises(InvalidOption, match=r"choose one of tiny, .*large-v3-turbo"):
        models.resolve("xyzzy")


def test_catalogue_agrees_with_faster_whisper(cache):
    from faster_whisper.utils import _MODELS

    put(cache, "Systran/faster-whisper-tiny", FILES)
    entries = {entry.name: entry for entry in models.catalogue()}
    assert {name: entry.repository for name, entry in entries.items()} == {
        name: repository for name, repository in _MODELS.items() if name not in ("large", "turbo")
    }
    assert [name for name, entry in entries.items() if entry.cached] == ["tiny"]
    assert all(entry.languages == "English" for name, entry in entries.items() if name.endswith(".en"))
    assert entries["large-v3"].languages == "multilingual"
    for alias in ("large", "turbo"):
        put(cache, _MODELS[alias], FILES)
        assert models.resolve(alias, runtime=OFFLINE).repository == _MODELS[alias]


def test_auto_takes_the_default_of_the_device_or_the_best_there_is(cache, monkeypatch):
    monkeypatch.setattr(models, "available_memory", lambda kind, index: 8 * GB)
    monkeypatch.setattr(models, "usable_cores", lambda: 4)
    with pytest.raises(ModelUnavailable, match="models download small"):
        models.resolve("auto", runtime=OFFLINE)
    assert models.find_best_cached() is None
    put(cache, "Systran/faster-whisper-small.en", FILES)
    assert models.find_best_cached() is None
    put(cache, "Systran/faster-whisper-tiny", FILES)
    put(cache, "Systran/faster-whisper-medium", FILES)
    found = models.resolve("auto", runtime=OFFLINE)
    assert found.name == "medium" == models.find_best_cached()
    assert found.note is not None
    assert "medium" in found.note
    put(cache, "Systran/faster-whisper-small", FILES)
    small = models.resolve("auto", runtime=OFFLINE)
    assert (small.name, small.note) == ("small", None)
    assert small.remarks == ("model small (4 CPU cores, 8 GB of memory free)",)
    put(cache, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", FILES)
    turbo = models.resolve("auto", runtime=OFFLINE, kind="cuda")
    assert turbo.name == "large-v3-turbo"
    assert turbo.remarks == ("model large-v3-turbo (GPU, 8 GB of memory free)",)
    put(cache, "Systran/faster-whisper-large-v3", FILES)
    assert models.resolve("auto", runtime=OFFLINE, kind="cuda", translate=True).name == "large-v3"
    assert models.resolve("large-v3", runtime=OFFLINE).remarks == ()
    # With little memory the best one on this machine is not the largest.
    monkeypatch.setattr(models, "available_memory", lambda kind, index: GB)
    assert models.find_best_cached() == "tiny"


@pytest.mark.parametrize(
    ("kind", "free_gb", "cores", "expected"),
    [
        ("cpu", 64, 8, "large-v3-turbo"),
        ("cpu", 64, 7, "small"),
        ("cpu", 2.9, 8, "small"),
        ("cpu", 3.0, 8, "large-v3-turbo"),
        ("cpu", 2.0, 2, "small"),
        ("cpu", 1.9, 2, "base"),
        ("cpu", 1.0, 64, "tiny"),
        ("cpu", 0.0, 1, "tiny"),
        ("cpu", None, 64, "large-v3-turbo"),
        ("cpu", None, 1, "small"),
        ("cuda", 140, 1, "large-v3-turbo"),
        ("cuda", 4.5, 1, "large-v3-turbo"),
        ("cuda", 4.4, 1, "small"),
        ("cuda", 2.5, 1, "base"),
        ("cuda", 1.0, 1, "tiny"),
        ("cuda", None, 1, "large-v3-turbo"),
    ],
)
def test_default_fits_the_machine(kind, free_gb, cores, expected):
    free = None if free_gb is None else round(free_gb * GB)
    name, reason = choose_default(kind, free_bytes=free, cores=cores)
    assert name == expected
    assert ("memory free" in reason) == (free is not None)
    for translate in (False, True):
        chosen, _ = choose_default(kind, free_bytes=free, cores=cores, translate=translate)
        assert KNOWN[chosen].multilingual
        assert free is None or chosen == "tiny" or has_room(kind, free, KNOWN[chosen].size_mb * 1_000_000)
        assert not (translate and "turbo" in chosen)  # it was not trained to translate


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_more_memory_never_means_a_lesser_model(kind):
    for translate in (False, True):
        names = [
            choose_default(kind, free_bytes=free * GB // 10, cores=8, translate=translate)[0] for free in range(400)
        ]
        sizes = [KNOWN[name].size_mb for name in names]
        assert sizes == sorted(sizes)
        assert len(set(names)) >= 4


def test_verification_finds_what_is_wrong(cache, tmp_path):
    snapshot = put(cache, "Systran/faster-whisper-tiny", FILES)
    (tiny,) = list_installed()
    assert (tiny.name, tiny.kind, tiny.size_bytes) == ("tiny", "whisper", sum(map(len, FILES.values())))
    assert tiny.verify() == Verdict(4, tiny.size_bytes, 4, ())
    for name, text, expected in (
        ("config.json", "[]", "git SHA-1"),
        ("model.bin", BINARY + "x", "SHA-256"),
    ):
        blob = (snapshot / name).resolve()
        blob.write_text(text, encoding="utf-8")
        ((broken, cause),) = tiny.verify().problems
        assert broken == name
        assert "does not hold what was published" in cause
        assert expected in cause
        blob.write_text(FILES[name], encoding="utf-8")
    (snapshot / "tokenizer.json").resolve().unlink()
    assert tiny.verify().problems == (("tokenizer.json", "is a link to a file that is gone"),)
    (snapshot / "tokenizer.json").unlink()
    assert tiny.verify().problems == (("tokenizer.json", "is missing"),)
    assert [item.verify().problems for item in list_installed()] == [
        tiny.verify().problems
    ]  # incomplete, and still found


def test_a_mirror_that_names_files_by_the_sha1_of_their_content_is_believed(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        note = tmp_path / ".cache" / "huggingface" / "download" / f"{name}.metadata"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{'c' * 40}\n{hashlib.sha1(text.encode()).hexdigest()}\n1.0\n", encoding="utf-8")
    found = find_in_folder(tmp_path)
    assert (found.verify().n_hashed, found.verify().problems) == (4, ())
    (tmp_path / "vocabulary.txt").write_text("other", encoding="utf-8")
    assert [name for name, _cause in found.verify().problems] == ["vocabulary.txt"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("config.json", "{", "is no JSON"),
        ("model.bin", "no model", "is no model of CTranslate2"),
        ("model.bin", BINARY[:-6], "ends early"),
        ("model.bin", BINARY + "rest", "has 24 bytes, by its headers it should have 20"),
        ("model.safetensors", "x", "ends early"),
        ("model.safetensors", "\x02" + 7 * "\0" + "{}tail", "has 14 bytes, by its header it should have 10"),
    ],
)
def test_folder_without_hashes_is_checked_by_its_structure(tmp_path, name, text, expected):
    for item, content in {**FILES, name: text}.items():
        (tmp_path / item).write_text(content, encoding="latin-1")
    verdict = find_in_folder(tmp_path).verify()
    assert verdict.n_hashed == 0
    ((broken, cause),) = verdict.problems
    assert broken == name
    assert expected in cause


def test_cached_model_is_copied_to_a_folder_without_the_network(cache, tmp_path):
    put(cache, "Systran/faster-whisper-tiny", FILES)
    target = models.download("tiny", tmp_path / "stick" / "tiny", runtime=OFFLINE)
    assert {item.name: item.read_text(encoding="utf-8") for item in target.iterdir()} == FILES
    assert models.resolve(str(target)).path == target
    with pytest.raises(InvalidOption, match="is a folder"):
        models.download(str(target))


def test_checkpoint_that_is_not_whole_is_no_model(cache):
    snapshot = put(cache, "someone/fine", {"config.json": '{"model_type": "whisper"}'})
    assert dict(next(list_installed()).verify().problems) == {"model.safetensors": "is missing"}
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (snapshot / "model-00001-of-00002.safetensors").write_bytes(b"\x02" + 7 * b"\0" + b"{}")
    assert dict(next(list_installed()).verify().problems) == {"model-00002-of-00002.safetensors": "is missing"}
    with pytest.raises(ModelUnavailable):
        models.resolve("someone/fine", runtime=OFFLINE)


def test_the_next_smaller_model_knows_the_same_languages() -> None:
    for name, known in KNOWN.items():
        found = find_smaller(name)
        assert find_smaller(known.repository) == found
        if found is not None:
            assert KNOWN[found].size_mb < known.size_mb
            assert KNOWN[found].multilingual == known.multilingual
    told = {name: find_smaller(name) for name in ("large", "turbo", "medium", "small", "tiny", "medium.en")}
    assert told == {
        "large": "large-v3-turbo",
        "turbo": "small",
        "medium": "small",
        "small": "base",
        "tiny": None,
        "medium.en": "distil-medium.en",
    }
    assert find_smaller("/a/folder") is None
    placement = Placement("cpu", 0, "float32")
    assert "take --model base, compute type int8, or more memory" in explain_out_of_memory("small", placement)
    placement = Placement("cpu", 0, "int8_float32")
    assert "take --model base or more memory" in explain_out_of_memory("small", placement)
