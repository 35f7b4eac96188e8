"""One cell of a grid in a process of its own: transcripts of recordings, with the time and the memory that they took.

Reads a job as one line of JSON from standard input; writes a result file for each recording, and lines of JSON about
how far it is. It ends when standard input does: whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from whisperdiar.errors import OutputError, describe_error
from whisperdiar.system.files import write_text
from whisperdiar.system.telemetry import disable_telemetry

PREFIX = "whisperdiar-bench "
"""Begins the lines that are ours: libraries print as well."""


_PROGRESS_S = 0.5
"""How often a recording says how far it is."""
_lock = threading.Lock()


def measure_peak_memory() -> int:
    """Bytes: the most that this process has held in memory since it began."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    with contextlib.suppress(OSError, ValueError, IndexError):
        # getrusage counts what the parent held when it started this process; the kernel's high-water mark does not.
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)  # kilobytes on Linux


def work(job: dict[str, Any]) -> None:
    """Transcribe the recordings of a job; one that fails is told, and stops none of the others.

    Raises:
        WhisperdiarError: the pipeline cannot be opened.
        OutputError: a result cannot be written, which ends the work.
    """
    from whisperdiar.api import open_pipeline
    from whisperdiar.recordings import Part
    from whisperdiar.selection import ignore_message

    begun = time.perf_counter()
    pipeline = open_pipeline(
        **job["settings"], load_now=True, notify=ignore_message, inform=ignore_message, progress=_Reporter()
    )
    loading = time.perf_counter() - begun
    for item in job["recordings"]:
        _tell({"id": item["id"], "begun": True})
        try:
            begun, processor = time.perf_counter(), time.process_time()
            part = Part(channel=item["channel"])
            transcript = pipeline(item["audio"], part=part, recording_id=item["id"], progress=_Reporter())
            result = {
                "recording": item["id"],
                "seconds": time.perf_counter() - begun,
                "processor_seconds": time.process_time() - processor,
                "loading_seconds": loading,
                "duration": transcript.duration,
                "peak_bytes": measure_peak_memory(),
                "settings": job["settings"],
                "versions": job["versions"],
                "transcript": transcript.to_dict(),
            }
        except Exception as error:  # one recording that fails must not stop the rest
            _tell({"id": item["id"], "error": describe_error(error)})
            continue
        write_text(Path(item["result"]), json.dumps(result, ensure_ascii=False) + "\n")
        _tell({"id": item["id"]})


class _Reporter:
    """A `Progress` that tells the parent now and then; stages may run side by side."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        if fraction in (0.0, 1.0) or now - self._told.get(stage, 0.0) >= _PROGRESS_S:
            self._told[stage] = now
            _tell({"stage": stage, "fraction": fraction})


def _tell(what: dict[str, Any]) -> None:
    with _lock:
        sys.stdout.write(f"{PREFIX}{json.dumps(what)}\n")
        sys.stdout.flush()


def _end_with_parent() -> None:
    """Waits until standard input is closed: by a parent that has what it wants, or that was killed."""
    # Not through sys.stdin, whose lock this thread would hold when the interpreter ends.
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)


def main() -> int:
    """Do the job that stands on standard input."""
    disable_telemetry()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(job)
    except OutputError as error:
        _tell({"unwritable": describe_error(error)})
        return 1
    except Exception as error:  # of the whole cell: a backend that cannot run
        _tell({"error": describe_error(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
