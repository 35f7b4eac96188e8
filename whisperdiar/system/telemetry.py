"""Telemetry of the libraries that do the work: switched off before their first import.

onnxruntime (from 1.29 on) decides at its first import, huggingface_hub too; pyannote.audio asks at every call.
Importing this module changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

VARIABLES: Mapping[str, str] = {
    # onnxruntime: device id, database of events and session file; reports to its maker.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub and transformers: what they tell the hub of the program that asks.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # pyannote.audio: OpenTelemetry spans of every pipeline; unset counts as on.
    "PYANNOTE_METRICS_ENABLED": "0",
    # NeMo installs Weights & Biases, which must not report its own errors.
    "WANDB_ERROR_REPORTING": "false",
    # Ray: what a cluster has and is used for.
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What switches telemetry off, by environment variable."""


def disable_telemetry() -> None:
    """Switch telemetry off for this process and those that it starts, but for variables that the user has set.

    To be called before a library of `VARIABLES` is imported for the first time.
    """
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
