"""Faults in turn: the first, second, … n-th step of a kind fails, until a run gets through without one."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from whisperdiar.system import files


class Faults:
    """Counts steps, and fails at one of them.

    Attributes:
        at: which step fails, counted from 1; 0 for none.
        n_steps: how many there were.
        told: what failed.
    """

    def __init__(self) -> None:
        self.at = self.n_steps = 0
        self.told = ""

    def step(self, what: str, make: Callable[[], BaseException]) -> None:
        """One step, which raises what `make` makes where it is its turn."""
        self.n_steps += 1
        if self.n_steps == self.at:
            self.told = what
            raise make()

    def in_turn(self) -> Iterator[int]:
        """1, 2, … up to the first number at which nothing failed any more."""
        number = 0
        while True:
            number += 1
            self.at, self.n_steps, self.told = number, 0, ""
            yield number
            happened = bool(self.told)
            self.at = 0
            if not happened:
                return

    def pause(self) -> None:
        """Nothing fails from now on."""
        self.at = 0


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Faults of writing, of giving a file its name, and of databases."""
    made = Faults()
    write, move, connect = files._write_all, files._move, sqlite3.connect

    def failing_write(descriptor: int, data: bytes, *, sync: bool) -> None:
        try:
            made.step("write", full_disk)
        except OSError:
            os.write(descriptor, data[: len(data) // 2])  # a disk is full in the middle of a file
            os.close(descriptor)
            raise
        write(descriptor, data, sync=sync)

    def failing_move(temporary: str, target: str, replace: bool) -> None:
        made.step("rename", lambda: OSError(errno.EIO, os.strerror(errno.EIO)))
        move(temporary, target, replace)

    class Connection(sqlite3.Connection):
        def executemany(self, *given: Any) -> Any:
            made.step("database", lambda: sqlite3.OperationalError("database or disk is full"))
            return super().executemany(*given)

    monkeypatch.setattr(files, "_write_all", failing_write)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # hundreds of runs need not reach the disk
    monkeypatch.setattr(files, "_move", failing_move)
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, factory=Connection, **more))
    return made
