"""The terminal: messages and progress on stderr, results on stdout, and the time that each stage took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from whisperdiar.errors import OutputError

STAGE_TITLES = {
    "decode": "reading sound",
    "vad": "finding speech",
    "asr": "recognising words",
    "diarization": "telling speakers apart",
    "download": "downloading",
    "clips": "writing clips",
}


class Console:
    """Talks to the user; `quiet` leaves warnings and errors only."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.seconds: dict[str, float] = {}
        self._bars = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = None
        self._stage: str | None = None
        self._begun = 0.0

    def progress(self, stage: str, fraction: float) -> None:
        """A `Progress` that draws a bar on a terminal and keeps the time of each stage."""
        if stage != self._stage:
            self._finish()
            self._stage, self._begun = stage, time.perf_counter()
            if self._bars:
                self._open(STAGE_TITLES.get(stage, stage))
        if self._bar is not None:
            self._bar.n = min(1.0, max(self._bar.n, fraction))
            self._bar.refresh()
        if fraction >= 1.0:
            self._finish()

    def _open(self, title: str) -> None:
        from tqdm import tqdm  # imported here: --help needs no progress bar

        self._bar = tqdm(
            total=1.0,
            desc=f"{title:<24}",
            leave=False,
            file=sys.stderr,
            bar_format="{desc}{percentage:3.0f}% |{bar:30}| {elapsed} < {remaining}",
        )

    def _finish(self) -> None:
        if self._stage is not None:
            spent = time.perf_counter() - self._begun
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
            self._stage = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def close(self) -> None:
        """Remove an open progress bar."""
        self._finish()

    def start_file(self) -> None:
        """Forget the times of the file before."""
        self._finish()
        self.seconds = {}

    def info(self, message: str) -> None:
        if not self.quiet:
            self._write(message)

    def warn(self, message: str) -> None:
        self._write(f"whisperdiar: warning: {message}")

    def error(self, message: str) -> None:
        self._write(f"whisperdiar: error: {message}")

    def _write(self, message: str) -> None:
        self._finish()
        if sys.stderr is None:  # closed by whoever called: nobody listens
            return
        encoding = sys.stderr.encoding or "utf-8"
        with suppress(OSError):  # a full disk, a closed terminal: no reason to lose the work
            print(message.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Keep the time of work that reports no progress of its own."""
        self.progress(stage, 0.0)
        try:
            yield
        finally:
            self._finish()


def write_stdout(text: str) -> None:
    """Text on stdout as UTF-8, whatever the terminal's locale says: the formats are defined that way."""
    if sys.stdout is None:
        raise OutputError("standard output is closed; name a file with -o")
    try:
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}; name a file with -o") from error
