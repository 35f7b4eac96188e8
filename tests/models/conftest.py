"""Small pipelines of pyannote.audio, for all tests of them."""

from __future__ import annotations

from pathlib import Path

import pytest


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
