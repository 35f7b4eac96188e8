"""Large arrays in temporary files: there, gone with the array, and in memory where no disk has room."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sounds import conversation
from whisperdiar import Span
from whisperdiar.diarization.bic import Backend
from whisperdiar.system import arrays
from whisperdiar.system.arrays import allocate


def is_mapped(array: Any) -> bool:
    found = array
    while found is not None and not isinstance(found, np.memmap):
        found = getattr(found, "base", None)
    return found is not None


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "IN_MEMORY_BYTES", 1000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("by_writing", [False, True])
def test_a_large_array_lies_in_a_file_that_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_writing: bool
) -> None:
    if by_writing:  # systems without posix_fallocate
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    with monkeypatch.context() as changed:
        changed.setattr(tempfile, "tempdir", str(tmp_path))
        large, little = allocate((100, 4), np.float32), allocate((10, 4), np.float32)
    assert (is_mapped(large), is_mapped(little)) == (True, False)
    assert (large.shape, large.dtype) == ((100, 4), np.float32)
    large[:] = 1.5
    assert large.sum() == 600.0
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small")
def test_a_disk_without_room_costs_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(arrays, "_reserve", refuse)
    found = allocate((100, 4), np.float32)
    assert not is_mapped(found)
    assert found.shape == (100, 4)


def test_a_diarization_is_the_same_wherever_its_cepstra_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    audio, _turns = conversation("ABAB", each=3.0, gap=0.5)
    speech = [Span(0.0, audio.duration)]
    expected = Backend().diarize(audio, speech=speech)
    monkeypatch.setattr(arrays, "IN_MEMORY_BYTES", 1000)
    found = Backend().diarize(audio, speech=speech)
    assert found == expected
    assert found.activity is not None
    assert expected.activity is not None
    assert found.activity.values.tobytes() == expected.activity.values.tobytes()
