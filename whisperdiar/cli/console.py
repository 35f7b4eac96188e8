"""The terminal: messages and progress on stderr, results on stdout, and the time that each stage took."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whisperdiar.cli import signals
from whisperdiar.errors import OutputError
from whisperdiar.text.messages import _

if TYPE_CHECKING:
    import click

_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys and does not show: control characters but for tab and line feed, and marks of direction."""

STAGE_TITLES = {
    "decode": "reading sound",
    "vad": "finding speech",
    "asr": "recognising words",
    "diarization": "telling speakers apart",
    "segment": "telling sounds apart",
    "separation": "separating voices",
    "emotions": "telling emotions",
    "download": "downloading",
    "convert": "converting the model",
    "clips": "writing clips",
    "minutes": "asking the language model",
    "embed": "copying the video",
    "finetune": "fine-tuning",
    "tune": "trying settings",
    "score": "scoring",
}


def printable(text: str) -> str:
    """Text for a terminal: names of files and words of a recording may hold commands to it, which are shown instead.

    A title bar, a cleared screen, a line that reads as another one: ``\\x1b]0;…``, ``\\x1b[2J``, ``\\u202e``.
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


_COLUMNS = 100
_TICK_S = 0.5
"""How often the clock of a bar moves on."""
_FIRST_LINE_S = 10.0
"""A stage that takes less has no lines of progress: they are for whoever waits."""


@dataclass(slots=True)
class _Running:
    """A stage that has begun: when, how far it is, on which thread, and which line or event told of it last."""

    begun: float
    thread: int
    fraction: float = 0.0
    told: float = -1.0


@dataclass(frozen=True, slots=True)
class _Place:
    """Which of several recordings this is, counted from 1, and of how many."""

    number: int
    total: int
    name: str


class Console:
    """Talks to the user. Stages may report from several threads at once.

    Args:
        quiet: warnings and errors only.
        progress: ``bar`` on one line with a clock, ``lines`` at each 10 %, ``json`` with one object for each event,
            ``none``; ``auto`` is a bar on a terminal and lines elsewhere.
    """

    def __init__(self, *, quiet: bool = False, progress: str = "auto") -> None:
        self.quiet = quiet
        terminal = sys.stderr is not None and sys.stderr.isatty()
        kind = ("bar" if terminal else "lines") if progress == "auto" else progress
        self.progress_kind = "none" if quiet and progress in ("auto", "bar", "lines") else kind
        self._bar: Any = None
        self._shown: str | None = None
        self._lock = threading.RLock()
        self._running: dict[str, _Running] = {}
        self._place: _Place | None = None
        self._detail: dict[str, str] = {}
        self._closed = threading.Event()
        self._ticker: threading.Thread | None = None
        self.shows_text = False
        self._forget()

    def progress(self, stage: str, fraction: float) -> None:
        """A `Progress` that shows how far each stage is, and keeps its time.

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
            self._tell(stage, running)
            if fraction >= 1.0:
                self._end(stage)
            self._draw()

    def heard(self, start: float, text: str) -> None:
        """Words as they come: shown above the bar where that is asked for."""
        if self.progress_kind == "json":
            self._emit({"event": "text", "start": round(start, 3), "text": text})
        elif self.shows_text and not self.quiet:
            self._write(f"  {_format_clock(start)}  {text}")

    def fetched(self, name: str, n_bytes: int, total_bytes: int) -> None:
        """What is downloaded, how much of it, and how fast."""
        with self._lock:
            running = self._running.get("download")
            passed = 0.0 if running is None else time.perf_counter() - running.begun
            speed = f", {n_bytes / 1e6 / passed:.1f} MB/s" if passed > 0 else ""
            self._detail["download"] = f"{name} {n_bytes / 1e6:.0f}/{total_bytes / 1e6:.0f} MB{speed}"

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
        self._detail.pop(stage, None)
        if not self._running:
            self._busy += now - self._busy_since

    def _tell(self, stage: str, running: _Running) -> None:
        """A line at each 10 %, or an object at each 1 %."""
        passed = time.perf_counter() - running.begun
        if self.progress_kind == "json":
            step = math.floor(running.fraction * 100) / 100
            if step > running.told:
                running.told = step
                self._emit({"event": "progress", "stage": stage, "fraction": step, "seconds": round(passed, 1)})
        elif self.progress_kind == "lines" and passed >= _FIRST_LINE_S:
            step = math.floor(running.fraction * 10) / 10
            if step > max(running.told, 0.0):
                running.told = step
                detail = self._detail.get(stage)
                left = passed / step - passed
                self._print(
                    f"{self._prefix()}{_title(stage)} {step:.0%}"
                    + (f", {detail}" if detail else "")
                    + (
                        _(", about {time} left").format(time=_format_clock(left))
                        if step < 1
                        else _(" in {time}").format(time=_format_clock(passed))
                    )
                )

    def _prefix(self) -> str:
        return "" if self._place is None else f"[{self._place.number}/{self._place.total}] "

    def _emit(self, event: dict[str, Any]) -> None:
        if self._place is not None:
            event |= {"recording": self._place.name, "number": self._place.number, "of": self._place.total}
        self._print(json.dumps(event, ensure_ascii=True))

    def _draw(self) -> None:
        """The bar of the stage that began first, and behind it how far the other one is."""
        shown = next(iter(self._running), None)
        if shown != self._shown and self._bar is not None:
            self._bar.close()
            self._bar = None
        self._shown = shown
        if shown is None or self.progress_kind != "bar":
            return
        if self._bar is None:
            self._open(shown)
        others = [f"{_title(name)} {running.fraction:.0%}" for name, running in self._running.items() if name != shown]
        self._bar.n = self._running[shown].fraction
        self._bar.set_postfix_str(", ".join([*filter(None, [self._detail.get(shown)]), *others]), refresh=False)
        self._bar.refresh()

    def _open(self, stage: str) -> None:
        from tqdm import tqdm  # imported here: --help needs no progress bar

        self._bar = tqdm(
            total=1.0,
            desc=f"{self._prefix()}{_title(stage):<24}",
            leave=False,
            file=sys.stderr,
            ncols=_find_columns(),
            bar_format="{desc}{percentage:3.0f}% |{bar:30}| {elapsed} < {remaining}{postfix}",
        )
        self._bar.start_t -= time.perf_counter() - self._running[stage].begun
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="whisperdiar-clock", daemon=True)
            self._ticker.start()

    def _tick(self) -> None:
        """Moves the clock of the bar on while a stage says nothing."""
        while not self._closed.wait(_TICK_S):
            with self._lock, suppress(OSError, ValueError):  # a terminal that was closed
                if self._bar is not None:
                    self._bar.refresh()

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
        self._closed.set()

    def start_file(self, number: int = 1, total: int = 1, name: str = "", *, left: float | None = None) -> None:
        """Forget the times of the file before; of several, say which one begins.

        Args:
            left: seconds that all that is left will take, about; None where nobody knows.
        """
        with self._lock:
            self._finish()
            self._forget()
            self._place = _Place(number, total, name) if total > 1 else None
        if total > 1 and self.progress_kind == "json":
            self._emit({"event": "begin", "seconds_left": None if left is None else round(left)})
        elif total > 1:
            about = "" if left is None else _(" (about {time} left for all)").format(time=_format_clock(left))
            self.info(f"{self._prefix()}{name}{about}")

    def info(self, message: str) -> None:
        if not self.quiet:
            self._say("info", message, message)

    def note(self, message: str) -> None:
        """Something that was done and is as it should be; `quiet` leaves it out."""
        if not self.quiet:
            self._say("note", _("whisperdiar: note: {message}").format(message=message), message)

    def warn(self, message: str) -> None:
        """Something that may make the result wrong."""
        self._say("warning", _("whisperdiar: warning: {message}").format(message=message), message)

    def error(self, message: str) -> None:
        self._say("error", _("whisperdiar: error: {message}").format(message=message), message)

    def event(self, event: str, **values: Any) -> None:
        """An object for a program that reads the progress as JSON; nothing for anybody else."""
        if self.progress_kind == "json":
            self._emit({"event": event, **values})

    def _say(self, event: str, line: str, message: str) -> None:
        if self.progress_kind == "json":
            self._emit({"event": event, "message": message})
        else:
            self._write(line)

    def _write(self, message: str) -> None:
        """A line above the bar, which comes again with the next report."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
            self._print(message)

    def _print(self, message: str) -> None:
        if sys.stderr is None:  # closed by whoever called: nobody listens
            return
        encoding = sys.stderr.encoding or "utf-8"
        message = printable(message)
        with self._lock, suppress(OSError):  # a full disk, a closed terminal: no reason to lose the work
            print(message.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Keep the time of work that reports no progress of its own."""
        self.progress(stage, 0.0)
        try:
            yield
        finally:
            self.progress(stage, 1.0)


def open_console(context: click.Context, *, quiet: bool, progress: str = "auto") -> Console:
    """The console of a command, closed when the command ends, however it ends."""
    console = Console(quiet=quiet, progress=progress)
    context.call_on_close(console.close)
    return console


def _title(stage: str) -> str:
    return _(STAGE_TITLES.get(stage, stage))


def _format_clock(seconds: float) -> str:
    """Seconds as M:SS, or H:MM:SS."""
    whole = round(seconds)
    hours = f"{whole // 3600}:{whole // 60 % 60:02d}" if whole >= 3600 else f"{whole // 60}"
    return f"{hours}:{whole % 60:02d}"


def _find_columns() -> int | None:
    """Width for the bar where a terminal says that it has none, as under `script` or in some containers."""
    try:
        return None if os.get_terminal_size(sys.stderr.fileno()).columns else _COLUMNS
    except (OSError, ValueError):
        return None


def is_terminal() -> bool:
    """Whether a person sees what goes to standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def write_stdout(text: str | bytes) -> None:
    """Text on stdout as UTF-8, whatever the terminal's locale says: the formats are defined that way.

    On a terminal it is made `printable`; a file or a program gets every byte.
    """
    if sys.stdout is None:
        raise OutputError(_("standard output is closed; name a file with -o"))
    try:
        if sys.stdout.isatty():
            if isinstance(text, bytes):
                raise OutputError(_("this is no text, and a terminal cannot show it; name a file with -o"))
            text = printable(text)
        sys.stdout.buffer.write(text.encode("utf-8") if isinstance(text, str) else text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            _("standard output cannot be written: {strerror}; name a file with -o").format(strerror=error.strerror)
        ) from error
