"""Fuzz every reader and the media layer, for a night.

    python -m fuzzing.run                                  # 100,000 inputs over all targets
    python -m fuzzing.run srt vtt --count 20000
    python -m fuzzing.run --list

Each target runs in a process of its own, of at most `MEMORY` of memory and `SECONDS` for an input. Where the package
``atheris`` is installed, libFuzzer chooses inputs by the lines that they reach; elsewhere they are seeds that are
damaged at random. An input that a target fails on is written to ``--failures`` (build/fuzzing): mend the fault, and
keep the input in ``fuzzing/seeds/TARGET``, which the tests run through. Exit code 1 where there is one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzzing.mutation import LONGEST, mutate

if TYPE_CHECKING:
    from fuzzing.targets import Target

SECONDS = 10
MEMORY = 1024
"""MiB."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="names; all where none is given")
    parser.add_argument("--count", type=int, default=100_000, help="inputs, over all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", type=Path, default=Path("build/fuzzing"))
    parser.add_argument("--list", action="store_true", help="the names of the targets")
    parser.add_argument("--plain", action="store_true", help="without atheris, also where it is installed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    atheris = None if given.plain or not given.child else _find_atheris()
    with nullcontext() if atheris is None else atheris.instrument_imports(include=["whisperdiar"]):
        from fuzzing.targets import list_targets

        targets = list_targets()
    if given.list:
        print(*targets, sep="\n")
        return 0
    if given.child:
        return _fuzz(targets[given.child], given, atheris)
    names = given.targets or list(targets)
    if unknown := sorted({*names} - {*targets}):
        print(f"no target {', '.join(unknown)}; choose of: {', '.join(targets)}", file=sys.stderr)
        return 2
    each = max(1, given.count // len(names))
    given.failures.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in names:
        own = ["--child", name, "--count", str(each), "--seed", str(given.seed), "--failures", str(given.failures)]
        command = [sys.executable, "-m", "fuzzing.run", *own, *(["--plain"] if given.plain else [])]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        told = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        last = next((line for line in reversed(told) if line.startswith("fuzzed ")), "")
        print(f"{name:<16} {last or 'FAILED'}", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print("\n".join(f"    {line}" for line in told[-25:]), flush=True)
    print(f"{len(names)} targets, {each} inputs each; " + (f"failed: {', '.join(failed)}" if failed else "none failed"))
    return 1 if failed else 0


def _fuzz(target: Target, given: argparse.Namespace, atheris: Any) -> int:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        if atheris is not None:
            return _with_coverage(atheris, target, given, Path(folder))
        return _at_random(target, given, Path(folder))


def _find_atheris() -> Any:
    try:
        import atheris
    except ImportError:
        return None
    return atheris


def _at_random(target: Target, given: argparse.Namespace, folder: Path) -> int:
    from fuzzing.targets import dictionary, list_seeds

    chance = random.Random(f"{target.name} {given.seed}")
    seeds, pieces, path = list_seeds(target), dictionary(target), folder / f"talk{target.suffix}"
    refused = 0
    _limit_memory()
    for number in range(given.count):
        data = seeds[number] if number < len(seeds) else mutate(seeds, pieces, chance)
        path.write_bytes(data)
        if hasattr(signal, "alarm"):
            signal.alarm(SECONDS)
        try:
            refused += target.try_input(path) is not None
        except (Exception, AssertionError):
            kept = given.failures / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}{target.suffix}"
            kept.write_bytes(data)
            traceback.print_exc()
            print(f"kept as {kept}")
            return 1
        finally:
            if hasattr(signal, "alarm"):
                signal.alarm(0)
    print(f"fuzzed {given.count} inputs, {given.count - refused} read, {refused} refused with a line")
    return 0


def _limit_memory() -> None:
    """Address space beyond what is mapped already; a hang ends with SIGALRM, which kills the process."""
    try:
        import resource
    except ImportError:
        return
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = mapped + MEMORY * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _with_coverage(atheris: Any, target: Target, given: argparse.Namespace, folder: Path) -> int:
    from fuzzing.targets import dictionary, list_seeds

    path, corpus = folder / f"talk{target.suffix}", folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(list_seeds(target)):
        (corpus / f"{number:03}").write_bytes(seed)
    words = folder / "dictionary"
    words.write_text("".join(f'"{_escape(piece)}"\n' for piece in dictionary(target)))
    counts = [0, 0]

    def once(data: bytes) -> None:
        path.write_bytes(data)
        counts[0] += 1
        counts[1] += target.try_input(path) is not None
        if counts[0] == given.count:
            print(
                f"fuzzed {counts[0]} inputs, {counts[0] - counts[1]} read, {counts[1]} refused with a line", flush=True
            )

    atheris.Setup(
        ["fuzzing", f"-runs={given.count}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}",
         f"-artifact_prefix={given.failures / target.name}-", f"-dict={words}", f"-seed={given.seed + 1}",
         "-verbosity=0", str(corpus)],
        once,
    )  # fmt: skip
    atheris.Fuzz()
    return 0


def _escape(piece: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in piece)


if __name__ == "__main__":
    sys.exit(main())
