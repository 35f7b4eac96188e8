"""Metrics: counters in the text format of Prometheus (exposition format 0.0.4), and a log of one JSON object a line.

Neither holds names of recordings, texts or tokens.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TextIO

_BUCKETS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)

_HELP = {
    "whisperdiar_requests_total": ("counter", "Requests by endpoint and status."),
    "whisperdiar_jobs_total": ("counter", "Recordings that were worked on, by how that ended."),
    "whisperdiar_refused_total": ("counter", "Requests that were told to come again, by the reason."),
    "whisperdiar_recording_seconds_total": ("counter", "Seconds of sound that were listened to."),
    "whisperdiar_received_bytes_total": ("counter", "Bytes of uploads."),
    "whisperdiar_worker_restarts_total": ("counter", "Workers that ended and were started again."),
    "whisperdiar_queue_length": ("gauge", "Recordings that wait."),
    "whisperdiar_running": ("gauge", "Recordings that are worked on."),
    "whisperdiar_uploads": ("gauge", "Uploads that are being received."),
    "whisperdiar_live_sessions": ("gauge", "Streams that are transcribed live."),
    "whisperdiar_live_seconds_total": ("counter", "Seconds of sound that were transcribed live."),
    "whisperdiar_ready": ("gauge", "1 where a worker has its models loaded."),
    "whisperdiar_work_seconds": ("histogram", "Seconds of work on one recording."),
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters; may be changed from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._buckets = [0] * (len(_BUCKETS_S) + 1)
        self._sum = 0.0

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Adds to the counter ``whisperdiar_NAME_total``."""
        with self._lock:
            self._counters[f"whisperdiar_{name}_total"][tuple(sorted(labels.items()))] += value

    def observe_work(self, seconds: float) -> None:
        """One more work, which took so long."""
        with self._lock:
            place = next((at for at, limit in enumerate(_BUCKETS_S) if seconds <= limit), len(_BUCKETS_S))
            self._buckets[place] += 1
            self._sum += seconds

    def format(self, gauges: Mapping[str, float]) -> str:
        """All of them as text.

        Args:
            gauges: name without its prefix → value.
        """
        with self._lock:
            counters = {name: dict(rows) for name, rows in self._counters.items()}
            buckets, total = list(self._buckets), self._sum
        lines = []
        for name, (kind, text) in _HELP.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            if kind == "histogram":
                lines += _format_histogram(name, buckets, total)
            elif kind == "gauge":
                lines.append(f"{name} {gauges.get(name.removeprefix('whisperdiar_'), 0):g}")
            else:
                rows = counters.get(name, {})
                lines += [f"{name}{_format_labels(labels)} {value:g}" for labels, value in sorted(rows.items())]
        return "\n".join(lines) + "\n"


def _format_histogram(name: str, buckets: list[int], total: float) -> list[str]:
    lines, sum_so_far = [], 0
    for limit, count in zip((*map(str, _BUCKETS_S), "+Inf"), buckets, strict=True):
        sum_so_far += count
        lines.append(f'{name}_bucket{{le="{limit}"}} {sum_so_far}')
    return [*lines, f"{name}_sum {total:g}", f"{name}_count {sum_so_far}"]


def _format_labels(labels: Labels) -> str:
    if not labels:
        return ""
    rows = ((key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for key, value in labels)
    return "{" + ",".join(f'{key}="{value}"' for key, value in rows) + "}"


class Log:
    """Lines of JSON: time, event, and what belongs to it; into a stream, or nowhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, event: str, **values: Any) -> None:
        if self._stream is None:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"time": now, "event": event, **values}, ensure_ascii=False, default=str)
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()
