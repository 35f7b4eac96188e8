"""Contexts that change the whole process, entered by several threads."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator

import pytest

from whisperdiar.system.process_context import share_context


def test_the_last_one_out_puts_everything_back() -> None:
    log: list[str] = []

    @share_context
    @contextlib.contextmanager
    def silent() -> Iterator[None]:
        log.append("in")
        with contextlib.redirect_stdout(io.StringIO()):
            yield
        log.append("out")

    before = sys.stdout
    first_is_in, second_is_in = threading.Event(), threading.Event()

    def first() -> None:
        with silent():
            first_is_in.set()
            assert second_is_in.wait(5.0)

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_in.wait(5.0)
    with silent():
        second_is_in.set()
        thread.join()
        assert sys.stdout is not before, "somebody is still inside"
    assert sys.stdout is before
    assert log == ["in", "out"]
    with silent():
        assert sys.stdout is not before
    assert log == ["in", "out"] * 2


def test_errors_pass_through() -> None:
    @share_context
    @contextlib.contextmanager
    def plain() -> Iterator[None]:
        yield

    with pytest.raises(ValueError, match="x"), plain():
        raise ValueError("x")
    with plain():
        pass
