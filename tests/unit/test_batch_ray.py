"""Batches on a Ray cluster of this machine: the bytes of processes, also where a worker is killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'whisperdiar[ray]'")

from tests.sounds import SAMPLES
from tests.unit.test_batch_runs import SETTINGS
from whisperdiar.batch import ray_pool, run_batch
from whisperdiar.batch.ray_pool import RayPool


@pytest.mark.nightly
@pytest.mark.model
@pytest.mark.skipif(os.name != "posix", reason="Ray's workers are killed by a signal")
def test_a_cluster_gives_the_bytes_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long recording is recognised by both workers, one of which is killed in the middle of the run."""
    import ray

    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(SAMPLES / "call.flac", source)
    (source / "broken.wav").write_bytes(b"RIFF no sound at all")
    monkeypatch.setattr(ray_pool, "LONG_S", 10.0)
    monkeypatch.setattr(ray_pool, "STRETCH_S", 15.0)
    settings: dict[str, Any] = {**SETTINGS, "asr_options": {"batch_size": 2}}
    # By processes, which have loaded nothing that other tests need: a transcript tells the versions of what is loaded.
    assert run_batch([source], tmp_path / "processes", settings=settings, jobs=2).n_done == 1
    expected = (tmp_path / "processes" / "call.json").read_bytes()
    taken: list[int] = []
    run = RayPool._go_on

    def follow(pool: RayPool, call: Any, found: Any) -> None:
        run(pool, call, found)
        if call.kind == "stretch":
            taken.append(len(found) if isinstance(found, dict) else -1)
            if len(taken) == 1:
                kill_a_worker()

    monkeypatch.setattr(RayPool, "_go_on", follow)
    try:
        result = run_batch([source], tmp_path / "out", settings=settings, jobs=2, ray="local")
    finally:
        ray.shutdown()
    assert (result.n_done, result.n_failed) == (1, 1)
    assert len(taken) > 1
    assert max(taken) > 0
    assert (tmp_path / "out" / "call.json").read_bytes() == expected
    again = run_batch([source / "call.flac"], tmp_path / "out", settings=settings, ray="local")
    assert again.n_there == 1


def kill_a_worker() -> None:
    for item in psutil.Process().children(recursive=True):
        try:
            if item.cmdline()[:1] and item.cmdline()[0].startswith("ray::RayTranscriber."):
                item.kill()
                return
        except psutil.Error:
            continue
