"""Small pipelines of pyannote.audio, for all tests of them, and what the workers of a run share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import real_models


@pytest.fixture(scope="session", autouse=True)
def _shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With pytest -n each worker has a folder in that of the run."""
    base = tmp_path_factory.getbasetemp()
    real_models.SHARED_BY_WORKERS = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="module")
def agglomerative(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline built as speaker-diarization-3.1 is."""
    from tests import tiny_pyannote as tiny  # its classes are pyannote.audio's

    return tiny.save_pipeline(tmp_path_factory.mktemp("agglomerative"))


@pytest.fixture(scope="module")
def vbx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline built as speaker-diarization-community-1 is."""
    from tests import tiny_pyannote as tiny  # its classes are pyannote.audio's

    return tiny.save_pipeline(tmp_path_factory.mktemp("vbx"), clustering="VBxClustering")
