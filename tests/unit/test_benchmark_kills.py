"""Kills at random moments and full disks leave whole files: a few of what the benchmark does for every format."""

from __future__ import annotations

import importlib
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.examples import by_night
from tests.sounds import SAMPLES
from whisperdiar.formats import FORMATS
from whisperdiar.formats import json as json_format
from whisperdiar.options import WriteOptions

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes of POSIX")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("kills")


@pytest.fixture
def sources(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = [tmp_path / "one.json", tmp_path / "other.json"]
    for path, fewer in zip(made, (0, 3), strict=True):
        path.write_text(json_format.dumps(bench.talk(path.stem, fewer), options=WriteOptions()), "utf-8")
    return made


@pytest.mark.parametrize("name", ["srt", *map(by_night, ("json", "minutes docx", "embed mkv"))])
def test_no_kill_and_no_full_disk_leaves_half_a_file(bench: Any, sources: list[Path], name: str) -> None:
    (kind,) = [item for item in bench.kinds(SAMPLES / "standup.mp4") if item.name == name]
    counts: Counter[str] = Counter()
    bench.kill_all(kind, sources, 6, random.Random(0), counts)
    assert counts["kills"] == 6
    for limit in (False, True):
        bench.fill(kind, sources[0], counts, limit=limit)
    assert counts["limits"] == 1
    assert counts["exit 1"] == counts["limits"] + counts["full disks"]
    assert {bad: counts[bad] for bad in bench.BAD if counts[bad]} == {}


def test_every_format_is_among_them_and_half_a_file_is_seen(bench: Any, tmp_path: Path) -> None:
    assert set(FORMATS) <= {kind.name for kind in bench.kinds(tmp_path)}
    half = tmp_path / "x.srt"
    half.write_bytes(b"1\n00:00")
    assert not bench.is_whole(half, {b"1\n00:00:00,000"})
    assert bench.is_whole(half, {b"1\n00:00", b""})
    (tmp_path / "x.docx").write_bytes(b"PK\3\4 half")
    assert not bench.is_whole(tmp_path / "x.docx", set())
