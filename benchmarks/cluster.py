"""A batch on a Ray cluster of several nodes, one of which is lost in the middle: the bytes of processes, nothing twice.

    python benchmarks/cluster.py [--number 60] [--broken 5] [--seconds 5] [--nodes 3] [--hide]

Each node is what `ray start` begins on a machine: a raylet, an object store and workers of its own, here all on this
one, with a core each. `--hide` mounts an empty folder over the recordings and the outputs for all nodes but the first
(Linux, as root), so that they are as far from them as another machine; without it all nodes see the same folders. When
a third of the recordings is done, the raylet of a node that works is killed (SIGKILL). Exit code 1 where anything is
not as it must be.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from batch import MANIFEST, count_states, hash_outputs, make_recordings, start

_STORE_BYTES = 100_000_000
_RAY = str(Path(sys.executable).with_name("ray"))
_PATIENCE_S = 120.0


class Nodes:
    """The nodes of a cluster, each begun by `ray start`."""

    def __init__(self) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._running: list[subprocess.Popen[bytes]] = []

    def begin(self, number: int, hidden: Path | None) -> None:
        """Wait until so many have come up; a folder is hidden from all but the first."""
        self._start("--head", f"--port={self._port}", "--include-dashboard=false")
        self._await(1)
        for known in range(1, number):
            self._start(f"--address={self.address}", hidden=hidden)
            self._await(known + 1)

    def _start(self, *options: str, hidden: Path | None = None) -> None:
        more = ("--num-cpus=1", f"--object-store-memory={_STORE_BYTES}", "--disable-usage-stats", "--block")
        command = [_RAY, "start", *options, *more]
        if hidden is not None:
            mount = f"mount -t tmpfs none {shlex.quote(str(hidden))} && exec {shlex.join(command)}"
            command = ["unshare", "--mount", "sh", "-c", mount]
        self._running.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

    def _await(self, number: int) -> None:
        until = time.monotonic() + _PATIENCE_S
        while len(self.raylets()) < number:
            if time.monotonic() > until:
                raise SystemExit("the nodes do not come up")
            time.sleep(0.5)

    def raylets(self) -> list[psutil.Process]:
        """Of the nodes that live, in order; the first is the head's."""
        found = []
        for node in self._running:
            try:
                below = psutil.Process(node.pid).children(recursive=True)
                found += [item for item in below if item.name() == "raylet"]
            except psutil.Error:
                continue
        return found

    @staticmethod
    def count_workers(raylet: psutil.Process) -> int:
        """The actors of a node that are at work."""
        try:
            lines = [" ".join(item.cmdline()) for item in raylet.children(recursive=True)]
        except psutil.Error:
            return 0
        return sum("ray::RayTranscriber." in line for line in lines)

    def close(self) -> None:
        for node in self._running:
            try:
                below = psutil.Process(node.pid).children(recursive=True)
            except psutil.Error:
                below = []
            node.terminate()
            _gone, alive = psutil.wait_procs(below, timeout=5)
            for item in alive:
                item.kill()
            node.wait()


def main() -> int:
    """Run, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=60)
    parser.add_argument("--broken", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--hide", action="store_true")
    options = parser.parse_args()
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32), WHISPERDIAR_CONFIG="")
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        return run(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, options: argparse.Namespace) -> int:
    """The same recordings by processes and on the cluster; returns the exit code."""
    own = folder / "own"
    source = own / "in"
    wrong = make_recordings(source, options.number, options.broken, options.seconds)
    start(source, own / "out", folder / "cache", 1).wait()
    expected = hash_outputs(own / "out")
    nodes = Nodes()
    try:
        nodes.begin(options.nodes, own if options.hide else None)
        out = own / "on the cluster"
        process = start(source, out, folder / "cache of the cluster", options.nodes, "--ray", nodes.address)
        at_work: list[int] = []
        while process.poll() is None:
            time.sleep(0.1)
            if not at_work and count_states(out)["done"] > options.number / 3:
                counted = [nodes.count_workers(raylet) for raylet in nodes.raylets()]
                busy = [raylet for raylet, number in zip(nodes.raylets()[1:], counted[1:], strict=False) if number]
                if busy:
                    busy[0].kill()
                    at_work = counted
    finally:
        nodes.close()
    states = count_states(out)
    with sqlite3.connect(out / MANIFEST) as database:
        failed = {path for (path,) in database.execute("SELECT path FROM recordings WHERE state = 'failed'")}
        tries = Counter(n for (n,) in database.execute("SELECT attempts FROM recordings WHERE state = 'done'"))
    same = hash_outputs(out) == expected
    right = same and bool(at_work) and failed == wrong and states["done"] == options.number - options.broken
    print(
        f"{options.nodes} nodes, workers at work on each when a raylet was killed: {at_work}; exit code "
        f"{process.returncode}; {states['done']} done, {states['failed']} failed (the broken ones: {failed == wrong}), "
        f"{sum(n for tried, n in tries.items() if tried > 1)} begun twice; bytes "
        f"{'those of processes' if same else 'DIFFER'}: {'as it must be' if right else 'WRONG'}"
    )
    if not right:
        print((own / f"{out.name}.log").read_text("utf-8", "replace")[-4000:], file=sys.stderr)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
