"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# Read once, when the hub's client is imported: no test may wait for a network.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["PYANNOTE_METRICS_ENABLED"] = "0"

# Machines that run tests are busy: how long an example takes says nothing about the code.
settings.register_profile("whisperdiar", deadline=None)
settings.load_profile("whisperdiar")
