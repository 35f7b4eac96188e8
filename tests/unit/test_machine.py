"""What is free, and what is made of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whisperdiar.system import machine
from whisperdiar.system.machine import MB, available_memory, batch_size, estimate_memory, has_room, usable_cores

GB = 1000 * MB
SMALL, TURBO, LARGE = 486 * MB, 1622 * MB, 3090 * MB


@pytest.mark.parametrize(
    ("kind", "model", "pieces", "published_mb"),
    [
        ("cpu", SMALL, 1, 1477),
        ("cpu", SMALL, 8, 3608),
        ("cuda", LARGE, 1, 4525),
        ("cuda", LARGE, 8, 6090),
        ("cuda", LARGE // 2, 1, 2926),
        ("cuda", LARGE // 2, 8, 4500),
    ],
)
def test_needs_are_those_that_faster_whisper_publishes(kind, model, pieces, published_mb):
    assert estimate_memory(kind, model, pieces) / MB == pytest.approx(published_mb, rel=0.08)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_batch_grows_with_memory_and_fits_into_it(kind):
    for model in (2 * MB, SMALL, TURBO, LARGE):
        sizes = [batch_size(kind, free, model, 16) for free in range(0, 64 * GB, GB // 4)]
        assert sizes == sorted(sizes)
        assert sizes[0] == 1
        assert sizes[-1] == {"cpu": 8, "cuda": 24}[kind]
        for free in range(GB, 64 * GB, GB // 4):
            size = batch_size(kind, free, model, 16)
            assert size == 1 or has_room(kind, free, model, size)
            if size < sizes[-1] and has_room(kind, free, model):
                assert not has_room(kind, free, model, size + 1)


def test_large_models_leave_room_for_fewer_pieces():
    assert batch_size("cuda", 8 * GB, LARGE, 8) < batch_size("cuda", 8 * GB, TURBO, 8)
    assert batch_size("cpu", 4 * GB, LARGE, 8) < batch_size("cpu", 4 * GB, SMALL, 8)
    # About 250 MB per piece of a large model on a GPU: 2 GB more memory, of which 1.6 are used, are six pieces.
    assert batch_size("cuda", 9 * GB, LARGE, 8) - batch_size("cuda", 7 * GB, LARGE, 8) == pytest.approx(6, abs=1)


def test_few_cores_get_few_pieces():
    assert [batch_size("cpu", 64 * GB, SMALL, cores) for cores in (0, 1, 2, 3, 4, 64)] == [4, 4, 8, 8, 8, 8]
    assert batch_size("cuda", 64 * GB, SMALL, 1) == 24


def test_unknown_memory_is_not_taken_for_much():
    assert batch_size("cpu", None, LARGE, 64) == 4
    assert batch_size("cpu", None, LARGE, 1) == 4
    assert batch_size("cuda", None, LARGE, 1) == 8


def linux(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_linux_without_control_groups(tmp_path):
    assert machine.read_memory_left_on_linux(tmp_path / "nothing") is None
    assert machine.read_cpu_share_on_linux(tmp_path) is None


def test_a_control_group_leaves_less(tmp_path):
    files = {
        "proc/self/cgroup": "0::/box/inner\n",
        "sys/fs/cgroup/box/memory.max": "3000000000\n",
        "sys/fs/cgroup/box/memory.current": "2500000000\n",
        "sys/fs/cgroup/box/memory.stat": "anon 5\nactive_file 7\ninactive_file 1000000000\n",
        "sys/fs/cgroup/box/inner/memory.max": "max\n",
        "sys/fs/cgroup/box/inner/memory.current": "2000000000\n",
        "sys/fs/cgroup/box/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/box/inner/cpu.max": "max 100000\n",
    }
    assert machine.read_memory_left_on_linux(linux(tmp_path, files)) == 1_500_000_000
    assert machine.read_cpu_share_on_linux(tmp_path) == 1.5
    linux(tmp_path, {"sys/fs/cgroup/box/memory.current": "9000000000\n"})
    assert machine.read_memory_left_on_linux(tmp_path) == 0


def test_the_older_control_groups_and_a_path_that_is_not_seen_inside(tmp_path):
    files = {
        "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n1:name=systemd:/docker/abc\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "4000000000\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000000000\n",
        "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 500000000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    # The first of both figures is this group's own.
    assert machine.read_memory_left_on_linux(linux(tmp_path, files)) == 3_000_000_001
    assert machine.read_cpu_share_on_linux(tmp_path) == 2.5
    linux(tmp_path, {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"})
    assert machine.read_cpu_share_on_linux(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="compares with Linux's own figures")
def test_this_machine():
    free = available_memory("cpu")
    assert free is not None
    assert 0 < free <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


class Driver:
    """Stands for NVIDIA's driver on a machine that has none: what is asked of it, and what becomes of a failure."""

    def __init__(self, failing: str | None = None) -> None:
        self.failing, self.called = failing, []

    def __getattr__(self, name):
        def call(*arguments):
            self.called.append(name)
            if name == self.failing:
                return 999
            if name == "cuDeviceGet" and arguments[1].value > 1:
                return 101
            if name == "cuMemGetInfo_v2":
                arguments[0]._obj.value, arguments[1]._obj.value = 7 * GB, 8 * GB
            return 0

        return call


def test_gpu_memory_is_asked_for_and_the_context_given_back():
    driver = Driver()
    assert machine.read_free_on_gpu(driver, 1) == 7 * GB
    assert driver.called[-2:] == ["cuCtxPopCurrent_v2", "cuDevicePrimaryCtxRelease_v2"]
    assert machine.read_free_on_gpu(Driver(), 2) is None


@pytest.mark.parametrize("function", ["cuInit", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2", "cuMemGetInfo_v2"])
def test_gpu_that_fails_is_no_error(function):
    driver = Driver(function)
    assert machine.read_free_on_gpu(driver, 0) is None
    retained = function in ("cuCtxPushCurrent_v2", "cuMemGetInfo_v2")
    assert ("cuDevicePrimaryCtxRelease_v2" in driver.called) == retained
    assert ("cuCtxPopCurrent_v2" in driver.called) == (function == "cuMemGetInfo_v2")


def test_a_library_that_is_no_driver_is_no_error():
    assert machine.read_free_on_gpu(ctypes.CDLL(None) if os.name == "posix" else object(), 0) is None


@pytest.mark.gpu
def test_gpu_memory_as_nvidia_smi_tells():
    free = available_memory("cuda", 0)
    if free is None:
        pytest.skip("no NVIDIA GPU here")
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", "--id=0"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < free <= int(told.stdout) * 2**20
