"""Many samples: in memory, or in a temporary file that vanishes."""

from __future__ import annotations

import gc
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.media_files import (
    one_line,
    signal,
    write_sparse_wav,
)
from whisperdiar.errors import OutputError, WhisperdiarError
from whisperdiar.media import load
from whisperdiar.media.store import SampleStore
from whisperdiar.media.timeline import Timeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


def test_long_recordings_go_to_a_temporary_file_that_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = 20 * 60.0
    path = write_sparse_wav(tmp_path / "long.wav", signal(1.0), lead=lead)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    audio = load(path)
    assert isinstance(audio.samples, np.memmap)
    assert audio.duration == lead + 1.0
    assert not audio.samples[0, :16_000].any()
    np.testing.assert_allclose(audio.samples[0, -16_000:], signal(1.0)[0], atol=1e-4)
    assert list(temporary.iterdir()) == []  # it has no name
    mapped = _mapped(temporary)
    assert mapped or sys.platform != "linux"
    del audio
    gc.collect()
    assert not _mapped(temporary)


def _mapped(folder: Path) -> list[str]:
    """Files below a folder that this process maps, on systems that tell."""
    maps = Path("/proc/self/maps")
    return [line for line in maps.read_text().splitlines() if str(folder) in line] if maps.exists() else []


@settings(max_examples=examples(25), deadline=None)
@given(sizes=st.lists(st.integers(0, 400), max_size=12), n_channels=st.integers(1, 3))
def test_the_store_gives_back_what_it_took(sizes: list[int], n_channels: int) -> None:
    rng = np.random.default_rng(len(sizes))
    blocks = [rng.normal(size=(n_channels, size)).astype(np.float32) for size in sizes]
    whole = np.concatenate([np.zeros((n_channels, 0), dtype=np.float32), *blocks], axis=1)
    for limit in (0, 1000, 10**6):
        store = SampleStore(n_channels, limit_bytes=limit)
        for block in blocks:
            store.append(block)
        found = store.finish()
        store.close()
        np.testing.assert_array_equal(found, whole)
        assert found.dtype == np.float32
        assert isinstance(found, np.memmap) == (whole.nbytes > limit)
        if found.size:
            found[0, 0] = 0.5  # PyTorch warns about arrays that it may not write


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are POSIX")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = SampleStore(1, limit_bytes=1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, hard))
    try:
        with pytest.raises(OutputError, match="TMPDIR") as caught:
            _fill(store)
        store.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path) in one_line(caught.value, tmp_path)
    assert isinstance(caught.value, WhisperdiarError)


def _fill(store: SampleStore) -> None:
    for _ in range(10):
        store.append(np.zeros((1, 2**18), dtype=np.float32))
    store.finish()


def test_a_temporary_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="TMPDIR") as caught:
        SampleStore(1, limit_bytes=0).append(np.zeros((1, 10), dtype=np.float32))
    one_line(caught.value, tmp_path / "gone")


@given(
    moves=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 80)), max_size=8),
    first=st.integers(0, 100),
    length=st.one_of(st.none(), st.integers(1, 300)),
)
def test_the_time_line_keeps_the_window(moves: list[tuple[int, int]], first: int, length: int | None) -> None:
    last = None if length is None else first + length
    timeline = Timeline(1, first=first, last=last)
    expected = np.zeros(0, dtype=np.float32)
    for index, (at, size) in enumerate(moves, start=1):
        block = np.full(size, index, dtype=np.float32)
        timeline.move_to(at)
        timeline.add(block[np.newaxis])
        skipped = max(0, len(expected) - at)
        expected = np.concatenate([expected, np.zeros(max(0, at - len(expected)), dtype=np.float32), block[skipped:]])
    np.testing.assert_array_equal(timeline.store.finish()[0], expected[first:last])
    assert timeline.complete == (last is not None and len(expected) >= last)
