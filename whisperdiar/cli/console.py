"""The terminal: messages and progress on stderr, results on stdout, and the time that each stage took."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from whisperdiar.cli import signals
from whisperdiar.errors import OutputError

_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys and does not show: control characters but for tab and line feed, and marks of direction."""

STAGE_TITLES = {
    "decode": "reading sound",
    "vad": "finding speech",
    "asr": "recognising words",
    "diarization": "telling speakers apart",
    "download": "downloading",
    "convert": "converting the model",
    "clips": "writing clips",
    "minutes": "asking the language model",
    "embed": "copying the video",
}


def printable(text: str) -> str:
    """Text for a terminal: names of files and words of a recording may hold commands to it, which are shown instead.

    A title bar, a cleared screen, a line that reads as another one: ``\\x1b]0;…``, ``\\x1b[2J``, ``\\u202e``.
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


@dataclass(slots=True)
class _Running:
    """A stage that has begun: when, how far it is, and on which thread."""

    begun: float
    thread: int
    fraction: float = 0.0


class Console:
    """Talks to the user; `quiet` leaves warnings and errors only. Stages may report from several threads at once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bars = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = None
        self._shown: str | None = None
        self._lock = threading.RLock()
        self._running: dict[str, _Running] = {}
        self._forget()

    def progress(self, stage: str, fraction: float) -> None:
        """A `Progress` that draws one line on a terminal and keeps the time of each stage.

        A stage ends at fraction 1, or when its thread begins another one.

        Raises:
            Signalled: a signal came that ends the run, and was swallowed by a library.
        """
        signals.check()
        with self._lock:
            if stage not in self._running:
                self._begin(stage)
            running = self._running[stage]
            running.fraction = min(1.0, max(running.fraction, fraction))
            if fraction >= 1.0:
                self._end(stage)
            self._draw()

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took by the clock, in the order of the work; stages side by side count twice in the sum."""
        order = list(STAGE_TITLES)
        return dict(sorted(self._seconds.items(), key=lambda item: order.index(item[0]) if item[0] in order else 99))

    def elapsed(self) -> float:
        """Seconds by the clock in which any stage ran; stages side by side count once."""
        with self._lock:
            return self._busy + (time.perf_counter() - self._busy_since if self._running else 0.0)

    def _begin(self, stage: str) -> None:
        here = threading.get_ident()
        for earlier in [name for name, running in self._running.items() if running.thread == here]:
            self._end(earlier)
        now = time.perf_counter()
        if not self._running:
            self._busy_since = now
        self._running[stage] = _Running(now, here)

    def _end(self, stage: str) -> None:
        now = time.perf_counter()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._running.pop(stage).begun
        if not self._running:
            self._busy += now - self._busy_since

    def _draw(self) -> None:
        """The bar of the stage that began first, and behind it how far the other one is."""
        shown = next(iter(self._running), None)
        if shown != self._shown and self._bar is not None:
            self._bar.close()
            self._bar = None
        self._shown = shown
        if shown is None or not self._bars:
            return
        if self._bar is None:
            self._open(shown)
        others = [
            f"{STAGE_TITLES.get(name, name)} {running.fraction:.0%}"
            for name, running in self._running.items()
            if name != shown
        ]
        self._bar.n = self._running[shown].fraction
        self._bar.set_postfix_str(", ".join(others), refresh=False)
        self._bar.refresh()

    def _open(self, stage: str) -> None:
        from tqdm import tqdm  # imported here: --help needs no progress bar

        self._bar = tqdm(
            total=1.0,
            desc=f"{STAGE_TITLES.get(stage, stage):<24}",
            leave=False,
            file=sys.stderr,
            bar_format="{desc}{percentage:3.0f}% |{bar:30}| {elapsed} < {remaining}{postfix}",
        )
        self._bar.start_t -= time.perf_counter() - self._running[stage].begun

    def _finish(self) -> None:
        with self._lock:
            for stage in list(self._running):
                self._end(stage)
            self._draw()

    def _forget(self) -> None:
        self._seconds: dict[str, float] = {}
        self._busy = self._busy_since = 0.0

    def close(self) -> None:
        """Remove an open progress bar."""
        self._finish()

    def start_file(self) -> None:
        """Forget the times of the file before."""
        with self._lock:
            self._finish()
            self._forget()

    def info(self, message: str) -> None:
        if not self.quiet:
            self._write(message)

    def note(self, message: str) -> None:
        """Something that was done and is as it should be; `quiet` leaves it out."""
        if not self.quiet:
            self._write(f"whisperdiar: note: {message}")

    def warn(self, message: str) -> None:
        """Something that may make the result wrong."""
        self._write(f"whisperdiar: warning: {message}")

    def error(self, message: str) -> None:
        self._write(f"whisperdiar: error: {message}")

    def _write(self, message: str) -> None:
        self._finish()
        if sys.stderr is None:  # closed by whoever called: nobody listens
            return
        encoding = sys.stderr.encoding or "utf-8"
        message = printable(message)
        with suppress(OSError):  # a full disk, a closed terminal: no reason to lose the work
            print(message.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Keep the time of work that reports no progress of its own."""
        self.progress(stage, 0.0)
        try:
            yield
        finally:
            self.progress(stage, 1.0)


def write_stdout(text: str | bytes) -> None:
    """Text on stdout as UTF-8, whatever the terminal's locale says: the formats are defined that way.

    On a terminal it is made `printable`; a file or a program gets every byte.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed; name a file with -o")
    try:
        if isinstance(text, str) and sys.stdout.isatty():
            text = printable(text)
        sys.stdout.buffer.write(text.encode("utf-8") if isinstance(text, str) else text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}; name a file with -o") from error
