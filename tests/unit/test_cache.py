"""The cache: what is kept comes back as it was, and nothing else is believed."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper.vad import SileroVADModel
from hypothesis import given, settings
from hypothesis import strategies as st

import whisperdiar
from tests.examples import examples
from tests.faults import Faults
from tests.sounds import SAMPLES
from whisperdiar.asr.whisper.decoding import Decoder
from whisperdiar.cache.files import CacheFolder
from whisperdiar.cache.identity import hash_content, hash_file
from whisperdiar.cache.recordings import DeferredSamples, read_recording
from whisperdiar.cache.values import DIARIZATION, FACTS, SEGMENTS, SPANS, TRANSCRIPTION, Form, SoundFacts, Unreadable
from whisperdiar.diarization._shared.cepstral_diarizer import CepstralDiarizer
from whisperdiar.errors import BackendBroken, MediaError, WhisperdiarError
from whisperdiar.formats import json as json_format
from whisperdiar.options import CacheOptions, WriteOptions
from whisperdiar.recordings import Part
from whisperdiar.transcript import Segment
from whisperdiar.types import (
    Audio,
    Diarization,
    Dropped,
    Replacement,
    Span,
    SpeakerActivity,
    Transcription,
    Turn,
    Word,
)

NANO = str(SAMPLES / "whisper-nano")
TALK = SAMPLES / "standup.mp4"

times = st.floats(0, 1e6, allow_nan=False)
texts = st.text(max_size=8)
shares = st.floats(0, 1, allow_nan=False)
spans = st.tuples(times, times).map(lambda pair: Span(*sorted(pair)))
words = st.builds(
    Word, spans, texts, shares, st.none() | texts, st.none() | shares, st.none() | texts, st.booleans(), st.booleans()
)
turns = st.builds(Turn, spans, texts, st.integers(1, 9), st.none() | shares)


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


activities = st.builds(
    lambda values, step: SpeakerActivity(np.array(values, np.float32).reshape(-1, 1), ("A",), step, 0.0, "level"),
    st.lists(st.floats(-90, 0, width=32), max_size=4),
    st.floats(0.01, 1),
)
VALUES: dict[str, tuple[Form[Any], st.SearchStrategy[Any]]] = {
    "spans": (SPANS, tuples(spans)),
    "transcription": (
        TRANSCRIPTION,
        st.builds(
            Transcription,
            st.none() | texts,
            st.none() | shares,
            tuples(words),
            tuples(st.builds(Dropped, spans, texts, texts)),
            tuples(texts),
            tuples(texts),
            tuples(st.tuples(spans, shares)),
            tuples(st.builds(Replacement, spans, texts, texts)),
        ),
    ),
    "diarization": (
        DIARIZATION,
        st.builds(Diarization, texts, tuples(turns), tuples(texts), tuples(texts), activities, tuples(turns)),
    ),
    "segments": (
        SEGMENTS,
        tuples(st.builds(Segment, st.lists(words, min_size=1).map(tuple), texts, st.booleans(), st.booleans())),
    ),
    "facts": (
        FACTS,
        st.builds(
            SoundFacts,
            st.tuples(st.integers(1, 9), st.integers(0, 10**9)),
            st.integers(1, 10**6),
            tuples(texts),
            tuples(texts),
            tuples(st.sampled_from((1.0, -1.0, 0.0))),
            st.none() | st.fractions(0, 100).map(Fraction),
        ),
    ),
}


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=examples(40))
@given(data=st.data())
def test_every_value_comes_back_as_it_was(kind: str, data: st.DataObject) -> None:
    form, strategy = VALUES[kind]
    value = data.draw(strategy)
    found, extra = form.from_bytes(form.to_bytes(value, {"a": [1.5, None]}))
    assert found == value
    assert extra == {"a": [1.5, None]}
    if isinstance(value, Diarization) and value.activity is not None:
        assert found.exclusive_turns == value.exclusive_turns
        assert found.activity.values.tobytes() == value.activity.values.tobytes()
        assert (found.activity.speakers, found.activity.step) == (value.activity.speakers, value.activity.step)
    with pytest.raises(Unreadable):
        form.from_bytes(b"nonsense")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Word, "span text probability speaker speaker_confidence second_speaker overlap edited"),
        (Turn, "span speaker channel confidence"),
        (Dropped, "span text reason"),
        (Replacement, "span before after"),
        (Segment, "words speaker simultaneous edited"),
        (SpeakerActivity, "values speakers step start kind"),
        (Transcription, "language language_probability words dropped warnings notes no_speech replacements"),
        (Diarization, "recording_id turns warnings notes activity exclusive_turns"),
    ],
)
def test_no_field_is_forgotten(kind: type, names: str) -> None:
    """A new field with a default would be lost: keep it in `whisperdiar.cache.values`, draw it above, name it here."""
    assert [item.name for item in fields(kind)] == names.split()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path, told: list[str]) -> CacheFolder:
    return CacheFolder(tmp_path / "cache", limit_bytes=10**6, notify=told.append)


@settings(max_examples=examples(40))
@given(data=st.binary(max_size=200), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_damaged_entry_is_missing_and_told(data: bytes, at: int, bit: int) -> None:
    told: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        folder = CacheFolder(Path(place), limit_bytes=10**6, notify=told.append)
        folder.write("x", data)
        assert folder.read("x") == data
        (path,) = (Path(place) / "results").iterdir()
        raw = bytearray(path.read_bytes())
        raw[at % len(raw)] ^= 1 << bit
        path.write_bytes(raw)
        assert folder.read("x") is None
        assert len(told) == 1
        folder.write("x", data)
        assert folder.read("x") == data


@settings(max_examples=examples(40))
@given(
    parts=st.lists(st.binary(max_size=50), min_size=1, max_size=6), cut=st.integers(0, 10**6), add=st.binary(max_size=9)
)
def test_a_log_that_was_cut_anywhere_has_the_parts_before(parts: list[bytes], cut: int, add: bytes) -> None:
    told: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        folder = CacheFolder(Path(place), limit_bytes=10**6, notify=told.append)
        ends = []
        with folder.open_parts("x") as log:
            path = Path(place) / "parts" / "x"
            for number, part in enumerate(parts):
                log.keep(str(number), part)
                ends.append(path.stat().st_size)
        cut %= ends[-1] + 1
        path.write_bytes(path.read_bytes()[:cut] + add)
        whole = sum(end <= cut for end in ends)
        with folder.open_parts("x") as log:
            assert [log.find(str(number)) for number in range(whole)] == parts[:whole]
            log.keep("new", b"more")
        with folder.open_parts("x") as log:
            assert log.find("new") == b"more"
            assert [log.find(str(number)) for number in range(whole)] == parts[:whole]
        assert not told  # what a killed process was writing is no damage


def test_damage_in_the_middle_of_a_log_costs_one_part(folder: CacheFolder, told: list[str]) -> None:
    with folder.open_parts("x") as log:
        for number in range(3):
            log.keep(str(number), bytes([number]) * 40)
    path = folder.folder / "parts" / "x"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with folder.open_parts("x") as log:
        assert [log.find(str(number)) for number in range(3)] == [bytes(40), None, b"\x02" * 40]
    assert len(told) == 1


def test_a_log_that_somebody_writes_is_read_by_others(folder: CacheFolder, told: list[str]) -> None:
    with folder.open_parts("x") as first:
        first.keep("a", b"1")
        with folder.open_parts("x") as second:
            assert second.find("a") == b"1"
            second.keep("b", b"2")
            assert second.find("b") is None
        folder.trim()
        first.keep("b", b"3")
    with folder.open_parts("x") as third:
        assert third.find("b") == b"3"
    assert not told


def test_what_was_used_least_lately_goes(tmp_path: Path) -> None:
    folder = CacheFolder(tmp_path, limit_bytes=3500, notify=print)
    for number in range(3):
        folder.write(str(number), os.urandom(1000))
        os.utime(tmp_path / "results" / str(number), (number, number))
    assert folder.read("0") is not None  # and so it is the last to go
    folder.write("3", os.urandom(1000))
    folder.trim()
    assert {item.name for item in (tmp_path / "results").iterdir()} == {"0", "2", "3"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_nobody_else_reads_what_is_kept(folder: CacheFolder) -> None:
    folder.write("x", b"words")
    with folder.open_parts("y") as log:
        log.keep("a", b"words")
    for path in [folder.folder, *folder.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert folder.usage().n_files == 2
    assert folder.clear().n_files == 2
    assert not folder.folder.exists()


def test_a_file_that_changes_has_another_hash(folder: CacheFolder, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    os.utime(path, (1, 1))
    before = hash_content(path, folder)
    assert hash_content(path, folder) == before == hash_content(path)
    path.write_bytes(b"two")
    assert hash_content(path, folder) == hash_content(path) != before


Settings = dict[str, Any]
runs = st.fixed_dictionaries(
    {
        "vad": st.sampled_from(("energy", "silero")),
        "diarizer": st.sampled_from(("bic", "none")),
        "speakers": st.sampled_from((None, 2, "2-3")),
        "language": st.sampled_from((None, "en")),
        "asr_options": st.sampled_from(({}, {"fill_gaps": False}, {"beam_size": 2})),
        "end": st.sampled_from((8.0, 12.0)),
    }
)


def _run(wanted: Settings, cache: CacheOptions | None) -> str:
    chosen = {key: value for key, value in wanted.items() if key != "end"}
    transcript = whisperdiar.transcribe(TALK, model=NANO, threads=1, cache=cache, end=wanted["end"], **chosen)
    return json_format.dumps(transcript, options=WriteOptions())


@cache
def _plain(key: str) -> str:
    return _run(_known[key], None)


_known: dict[str, Settings] = {}


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.mark.model
@settings(max_examples=examples(16))
@given(wanted=runs)
def test_a_run_with_the_cache_equals_one_without(shared_folder: str, wanted: Settings) -> None:
    """Of all earlier examples the cache has something that this one may wrongly take."""
    _known[repr(wanted)] = wanted
    options = CacheOptions(folder=shared_folder)
    assert _run(wanted, options) == _run(wanted, options) == _plain(repr(wanted))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of a run whose results are in a cache, with a model of its own."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copytree(NANO, folder / "nano")
    moment = time.time_ns() - 10**11  # a file that has just been written is not remembered
    for path in (folder / "nano").iterdir():
        os.utime(path, ns=(moment, moment))
    wanted = {"model": str(folder / "nano"), "vad": "energy", "diarizer": "none", "threads": 1, "language": "en"}
    wanted["cache"] = CacheOptions(folder=str(folder / "cache"))
    whisperdiar.transcribe(TALK, end=6.0, **wanted)
    return wanted


@pytest.mark.model
def test_a_run_from_the_cache_loads_no_model(kept: dict[str, Any]) -> None:
    with whisperdiar.open_pipeline(**kept) as pipeline:
        recogniser: Any = pipeline.load().transcriber
        again = pipeline(TALK, part=Part(end=6.0))
        assert not recogniser.is_loaded
        assert again.provenance["asr"]["details"]["compute_type"] == "int8_float32"
        assert {"faster-whisper", "ctranslate2"} <= set(again.provenance["versions"])
        pipeline(TALK, part=Part(end=7.0))
        assert recogniser.is_loaded
        assert recogniser.recalled is None


@pytest.mark.model
def test_what_a_preparation_told_is_believed_only_of_the_same_model(kept: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(kept["model"], tmp_path / "other")
    path = tmp_path / "other" / "config.json"
    path.write_text(path.read_text() + " ")
    with whisperdiar.open_pipeline(**{**kept, "model": str(tmp_path / "other")}) as pipeline:
        assert pipeline.load().transcriber.is_loaded  # type: ignore[union-attr]


@pytest.mark.model
def test_a_model_that_does_not_load_any_more_is_told_and_its_preparation_forgotten(kept: dict[str, Any]) -> None:
    path = Path(kept["model"]) / "model.bin"
    content, moment = path.read_bytes(), path.stat().st_mtime_ns
    try:
        path.write_bytes(bytes(len(content)))
        os.utime(path, ns=(moment, moment))
        with whisperdiar.open_pipeline(**kept) as pipeline:
            pipeline(TALK, part=Part(end=6.0))
            with pytest.raises(BackendBroken, match="cannot be loaded"):
                pipeline(TALK, part=Part(end=8.0))
        with pytest.raises(BackendBroken, match="cannot be loaded"):
            whisperdiar.open_pipeline(**kept)
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(moment, moment))


def test_a_file_that_grows_while_it_is_read_is_not_known(folder: CacheFolder, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(b"half")
    reading = {"start": 0.0, "end": None}

    def read(add: bytes = b"") -> tuple[Audio, bool]:
        with path.open("ab") as file:
            file.write(add)
        return Audio(np.full((1, 4), len(path.read_bytes()), np.float32), 16_000), True

    def take(read: Callable[[], tuple[Audio, bool]]) -> Audio:
        hashed = hash_file(path, folder)
        return read_recording(path, hashed, folder, read, recording_id="talk", language=None, **reading)

    assert take(lambda: read(b"more")).identity == ""
    known = take(read)
    assert known.identity
    later = take(read)
    assert (later.identity, later.duration) == (known.identity, known.duration)
    assert isinstance(later.samples, DeferredSamples)
    assert later.crop(Span(0.0, 1.0)).mono.tolist() == [8.0] * 4
    assert np.abs(later.samples).max() == 8.0
    unread = take(read)
    path.write_bytes(b"another")
    with pytest.raises(MediaError, match="it was changed while it was worked on"):
        _ = unread.mono


@pytest.mark.model
def test_whatever_model_call_fails_nothing_computed_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of a network or of the diarizer fails in turn; the next run does what is left, to the same bytes."""
    faults = Faults()
    done: list[str] = []

    def failing(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def call(self: Any, *given: Any, **options: Any) -> Any:
            faults.step(name, lambda: RuntimeError("the network failed"))
            found = real(self, *given, **options)
            done.append(name)
            return found

        monkeypatch.setattr(kind, name, call)

    failing(SileroVADModel, "__call__")
    failing(Decoder, "_decode_batch")
    failing(CepstralDiarizer, "diarize")
    wanted = {"vad": "silero", "diarizer": "bic", "speakers": 2, "language": "en", "end": 12.0}
    wanted["asr_options"] = {"batch_size": 1, "max_chunk": 4.0}
    expected, calls = _run(wanted, None), sorted(done)
    assert len(calls) >= 4
    for number in faults.in_turn():
        options = CacheOptions(folder=str(tmp_path / str(number)))
        done.clear()
        if number <= len(calls):
            with pytest.raises((WhisperdiarError, RuntimeError), match="the network failed"):
                _run(wanted, options)
        else:
            assert _run(wanted, options) == expected
        faults.pause()
        assert _run(wanted, options) == expected
        assert sorted(done) == calls


@pytest.mark.model
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"vad": "energy", "diarizer": "bic", "speakers": 2, "language": "en", "end": 8.0}
    expected = _run(wanted, None)
    moments = itertools.cycle((4e9, 0.0, -1e9, 1.7e9))
    monkeypatch.setattr(time, "time", lambda: next(moments))
    monkeypatch.setattr(time, "time_ns", lambda: round(next(moments) * 1e9))
    options = CacheOptions(folder=str(tmp_path / "cache"))
    assert _run(wanted, options) == _run(wanted, options) == expected
    for path in (tmp_path / "cache").rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert _run(wanted, options) == expected
