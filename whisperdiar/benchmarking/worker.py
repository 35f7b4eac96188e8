"""One cell of a grid in a process of its own: transcripts of recordings, with the time and the memory that they took.

Reads a job as JSON from standard input; writes a result file for each recording, and a line of JSON about it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from whisperdiar.errors import describe_error
from whisperdiar.system.files import write_text
from whisperdiar.system.telemetry import disable_telemetry

PREFIX = "whisperdiar-bench "
"""Begins the lines that are ours: libraries print as well."""


def measure_peak_memory() -> int:
    """Bytes: the most that this process has held in memory since it began."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)  # kilobytes on Linux


def work(job: dict[str, Any]) -> None:
    """Transcribe the recordings of a job; one that fails is told, and stops none of the others."""
    from whisperdiar.api import open_pipeline
    from whisperdiar.assembly import ignore_message
    from whisperdiar.recordings import Part

    begun = time.perf_counter()
    pipeline = open_pipeline(**job["settings"], load_now=True, notify=ignore_message, inform=ignore_message)
    loading = time.perf_counter() - begun
    for item in job["recordings"]:
        try:
            begun, processor = time.perf_counter(), time.process_time()
            transcript = pipeline(item["audio"], part=Part(channel=item["channel"]), recording_id=item["id"])
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
            write_text(Path(item["result"]), json.dumps(result, ensure_ascii=False) + "\n")
            _tell({"id": item["id"]})
        except Exception as error:  # one recording that fails must not stop the rest
            _tell({"id": item["id"], "error": describe_error(error)})


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(f"{PREFIX}{json.dumps(what)}\n")
    sys.stdout.flush()


def main() -> int:
    """Do the job that stands on standard input."""
    disable_telemetry()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        work(json.load(sys.stdin))
    except Exception as error:  # of the whole cell: a backend that cannot run
        _tell({"error": describe_error(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
