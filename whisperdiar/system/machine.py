"""Machine resources: how much memory is free, and how much of it Whisper needs.

The needs are fitted to the figures that faster-whisper's README publishes for decoding with beam 5 (maximum of the
process, MB; 1 and 8 pieces at once): ``small`` in int8 on a CPU 1477 and 3608, ``large-v2`` in float16 on a GPU 4525
and 6090, in int8 2926 and 4500. `estimate_memory` gives 1530, 3536, 4540, 6291, 2922 and 4160.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from whisperdiar.errors import BackendBroken, BackendError
from whisperdiar.text.messages import _

Kind = Literal["cpu", "cuda"]

MB = 1_000_000
_BASE_MB = {"cpu": 1000, "cuda": 1200}
"""Of libraries, sound, features and buffers, whatever the model."""
_WEIGHTS_SHARE = {"cpu": 0.5, "cuda": 1.0}
"""Of a file in 16 bits: what is left of it in the precision of choice, 8 bits on a CPU."""
_PIECE_MB = {"cpu": 13.0, "cuda": 4.5}
"""Of one piece of 30 s, per square root of the file's megabytes: keys and values grow with width times depth, the
weights with width times width times depth. A CPU computes in 32 bits, a GPU in 16."""
_SMALLEST_PIECE_MB = 40.0
_USABLE = 0.8
"""The rest is for other programs, for what runs beside Whisper, and for the errors of an estimate."""
_MOST_PIECES = {"cpu": 8, "cuda": 24}
_UNKNOWN_PIECES = {"cpu": 4, "cuda": 8}


def estimate_memory(kind: str, model_bytes: int, pieces: int = 1) -> int:
    """Bytes that decoding takes with `pieces` of 30 s at once, by a model whose file in 16 bits has `model_bytes`."""
    megabytes = _BASE_MB[kind] + _WEIGHTS_SHARE[kind] * model_bytes / MB + pieces * _piece_mb(kind, model_bytes)
    return round(megabytes * MB)


def has_room(kind: str, free_bytes: int, model_bytes: int, pieces: int = 1) -> bool:
    """Whether that leaves a fifth of the free memory to others."""
    return estimate_memory(kind, model_bytes, pieces) <= _USABLE * free_bytes


def batch_size(kind: str, free_bytes: int | None, model_bytes: int, cores: int) -> int:
    """How many pieces of 30 s to decode at once: 1 to 8 on a CPU, 1 to 24 on a GPU.

    Args:
        kind: ``cpu`` or ``cuda``.
        free_bytes: what was free before the model was loaded; None where that is not known.
        model_bytes: size of the model's file.
        cores: of the CPU. Four pieces for each are enough: on two cores 9 at once took 0.77 times as long as 4.
    """
    most = _MOST_PIECES[kind]
    if kind == "cpu":
        most = min(most, 4 * max(1, cores))
    if free_bytes is None:
        return min(most, _UNKNOWN_PIECES[kind])
    left_mb = (_USABLE * free_bytes - estimate_memory(kind, model_bytes, 0)) / MB
    return max(1, min(most, math.floor(left_mb / _piece_mb(kind, model_bytes))))


def _piece_mb(kind: str, model_bytes: int) -> float:
    return max(_SMALLEST_PIECE_MB, _PIECE_MB[kind] * math.sqrt(model_bytes / MB))


def available_memory(kind: str, index: int = 0) -> int | None:
    """Bytes that a program can still take on the CPU's side or on GPU number `index`; None where nobody says."""
    if kind == "cuda":
        library = _cuda_driver()
        return None if library is None else read_free_on_gpu(library, index)
    import psutil  # here, because most commands do without it

    try:
        free = int(psutil.virtual_memory().available)
    except (OSError, psutil.Error):
        return None
    left = read_memory_left_on_linux(Path("/")) if sys.platform == "linux" else None
    return free if left is None else min(free, left)


_NO_MEMORY = (
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    "cannot allocate memory",
    "can't allocate memory",
    "failed to allocate",
    "unable to allocate",
    "not enough memory",
    "failed to map segment",
)
"""What CTranslate2, MKL, ONNX Runtime, NumPy, PyTorch and the loader of libraries say; few have a type for it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that it was made of, says that memory ran out."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        number = found.errno if isinstance(found, OSError) else None
        text = str(found).lower()
        if isinstance(found, MemoryError) or number == errno.ENOMEM or any(words in text for words in _NO_MEMORY):
            return True
        found = found.__cause__
    return False


@contextlib.contextmanager
def raise_out_of_memory(what: str) -> Iterator[None]:
    """Inside the block want of memory is said as such, and not taken for a broken installation or a damaged model.

    Raises:
        BackendError: memory ran out; `what` did the work.
    """
    try:
        yield
    except (BackendBroken, MemoryError, OSError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise BackendError(
            _(
                "{what} ran out of memory: nothing is damaged; close other programs, take a smaller model or a smaller "
                "batch size, or cut the recording with --start and --end"
            ).format(what=what)
        ) from error


def return_free_memory() -> None:
    """Give freed memory back to the system, where glibc would keep it.

    Models that are loaded for each call leave holes in its heap, which grew by megabytes a call.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def usable_cores() -> int:
    """CPU cores (as the system counts them) that this process may use; a container's share counts."""
    import psutil

    process = psutil.Process()  # macOS lets no process be bound to some of the cores
    allowed = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else os.cpu_count() or 1
    share = read_cpu_share_on_linux(Path("/")) if sys.platform == "linux" else None
    return max(1, min(allowed, math.ceil(share))) if share else max(1, allowed)


def read_memory_left_on_linux(root: Path) -> int | None:
    """Bytes that the control groups leave, None where they set no limit; `root` is where ``proc`` and ``sys`` lie."""
    found = []
    for folder in _cgroups(root, "memory"):
        limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current", folder / "memory.usage_in_bytes")
        if limit is not None and used is not None:
            # The pages of files that nobody touched lately count as used, and are given back when memory is wanted.
            cached = re.search(r"^(?:total_)?inactive_file (\d+)", _read(folder / "memory.stat") or "", re.MULTILINE)
            found.append(max(0, limit - used + (int(cached[1]) if cached else 0)))
    return min(found, default=None)


def read_cpu_share_on_linux(root: Path) -> float | None:
    """How many CPUs' time the control groups grant; None where they set no limit."""
    shares = []
    for folder in _cgroups(root, "cpu"):
        quota, _, period = (_read(folder / "cpu.max") or "").strip().partition(" ")
        if not quota:  # version 1 has a file for each, and -1 for no limit
            quota, period = (_read(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period"))
        with contextlib.suppress(ValueError, ZeroDivisionError):
            shares.append(int(quota) / int(period))
    return min((share for share in shares if share > 0), default=None)


def _cgroups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of those above it, version 2 and 1."""
    mount = root / "sys/fs/cgroup"
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and controller not in controllers.split(","):
            continue
        top = mount / controller if controllers else mount
        # In a container the path may be the one outside, which does not exist inside: its top is ours then.
        folder = top / path.strip("/")
        yield from (item for item in (folder, *folder.parents) if item == top or top in item.parents)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _number(*paths: Path) -> int | None:
    """The number in the first of these files that is there; None also for ``max``."""
    texts = [text.strip() for path in paths if (text := _read(path)) is not None]
    return int(texts[0]) if texts and texts[0].isdigit() else None


def _cuda_driver() -> Any:
    """NVIDIA's driver library; None where there is none."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def read_free_on_gpu(driver: Any, index: int) -> int | None:
    """Free bytes on a GPU, by NVIDIA's driver API; None on any failure.

    The device's primary context is what CTranslate2 works in as well, so that it is made but once where a model is
    loaded, and given back where none is. (Written after the API's documentation, not run on a GPU yet.)
    """
    free, total, device, context = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_int(), ctypes.c_void_p()
    try:
        if driver.cuInit(ctypes.c_uint(0)) or driver.cuDeviceGet(ctypes.byref(device), ctypes.c_int(index)):
            return None
        if driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
            return None
        try:
            if driver.cuCtxPushCurrent_v2(context):
                return None
            try:
                failed = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
            finally:
                driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        finally:
            driver.cuDevicePrimaryCtxRelease_v2(device)
    except (AttributeError, OSError):  # a driver without these functions, or one that breaks
        return None
    return None if failed else int(free.value)
