"""Work counted in calls, which are the same on every machine, in place of time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

_PATIENCE_S = 120.0


def calls(work: Callable[[], Any]) -> int:
    """Functions that `work` calls, of Python and of C, on this thread."""
    count = 0

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def ends(work: Callable[[], Any]) -> Any:
    """The result of `work`, which must not hang: a generous limit, since only a hang is meant."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_PATIENCE_S)
    assert not thread.is_alive(), "it hangs"
    if errors:
        raise errors[0]
    return results[0]
