"""Watching: folders into which recordings are still being written."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whisperdiar.batch.finding import Found
from whisperdiar.errors import BackendMissing
from whisperdiar.text.messages import _

_INSTALL = 'pip install "whisperdiar[watch]"'
_TURN_MS = 500


class FolderWatch:
    """Tells whether anything has changed in some folders, by what the system says of them (watchfiles)."""

    def __init__(self, folders: Sequence[Path], *, recursive: bool) -> None:
        """Begins to listen.

        Raises:
            BackendMissing: watchfiles is not installed.
        """
        try:
            import watchfiles
        except ImportError as error:
            raise BackendMissing(
                _("--watch needs watchfiles; run: {install}").format(install=_INSTALL), remedy=_INSTALL
            ) from error
        self._changed, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(watchfiles, folders, recursive), daemon=True)
        if folders:
            self._thread.start()

    def _run(self, watchfiles: Any, folders: Sequence[Path], recursive: bool) -> None:
        changes = watchfiles.watch(
            *folders,
            watch_filter=None,
            stop_event=self._stop,
            rust_timeout=_TURN_MS,
            yield_on_timeout=False,
            raise_interrupt=False,
            recursive=recursive,
            ignore_permission_denied=True,
        )
        for _each in changes:
            self._changed.set()

    def take_change(self) -> bool:
        """Whether anything has changed since the last call."""
        changed = self._changed.is_set()
        self._changed.clear()
        return changed

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * _TURN_MS / 1000)


class QuietFiles:
    """Which files nobody writes to any more: size and time stayed the same for a while, by a clock that nobody sets.

    Args:
        quiet_s: how long they must.
    """

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._seen: dict[str, tuple[int | None, str, float]] = {}

    def take_ready(self, recordings: Sequence[Found]) -> list[Found]:
        """Those of them that are quiet for long enough; each is given once, and again after a change."""
        now = time.monotonic()
        ready = []
        for item in recordings:
            size, state, since = self._seen.get(item.source, (None, "", now))
            if (size, state) != (item.size, item.state):
                since = now
            elif since < 0:  # it was given already
                continue
            if item.size != 0 and now - since >= self._quiet_s:
                ready.append(item)
                since = -1.0
            self._seen[item.source] = (item.size, item.state, since)
        return ready

    @property
    def is_waiting(self) -> bool:
        """Whether a file may soon be ready."""
        return any(since >= 0 and size != 0 for size, _state, since in self._seen.values())
