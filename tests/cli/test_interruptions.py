"""Signals after the words were recognised: the run ends, the words stay."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import BIC, needs_posix
from tests.examples import by_night
from tests.sounds import NANO
from whisperdiar.formats import json as json_format

SLOW_DIARIZER = """
import sys, time
from whisperdiar.diarization.bic import Backend
from whisperdiar.__main__ import main
def diarize(self, *arguments, **options):
    print("READY", file=sys.stderr, flush=True)
    time.sleep(60)
Backend.diarize = diarize
sys.argv = ["whisperdiar", *sys.argv[1:]]
main()
"""


SLOW_WRITER = """
import sys, time
from whisperdiar.formats import srt
from whisperdiar.__main__ import main
def dumps(*arguments, **options):
    print("READY", file=sys.stderr, flush=True)
    time.sleep(60)
srt.dumps = dumps
sys.argv = ["whisperdiar", *sys.argv[1:]]
main()
"""


SWALLOWING_WRITER = """
import sys, time
from whisperdiar.formats import srt
from whisperdiar.__main__ import main
real = srt.dumps
def dumps(*arguments, **options):
    try:
        print("READY", file=sys.stderr, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        return real(*arguments, **options)
srt.dumps = dumps
sys.argv = ["whisperdiar", *sys.argv[1:]]
main()
"""


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, by_night(signal.SIGTERM)])
@pytest.mark.parametrize("others", [(), ("out.vtt",)])
def test_a_signal_that_a_library_swallows_ends_the_run_at_the_next_step(
    source: Path, tmp_path: Path, number: int, others: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", SWALLOWING_WRITER, "convert", str(source), "out.srt", *others]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "READY\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "interrupted" in err
    assert "-->" in (tmp_path / "out.srt").read_text("utf-8")
    assert not (tmp_path / "out.vtt").exists()


@pytest.mark.model
@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, by_night(signal.SIGTERM)])
@pytest.mark.parametrize("code", [SLOW_DIARIZER, SLOW_WRITER])
def test_a_signal_after_recognition_keeps_the_words(short: Path, tmp_path: Path, number: int, code: str) -> None:
    """While the speakers are told apart, and while the outputs are written."""
    (tmp_path / "out.srt").write_text("old", "utf-8")
    command = [sys.executable, "-c", code, str(short), *NANO, *BIC, "-o", "out.srt", "--overwrite", "--threads", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seen = ""
    while "READY" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    kept = tmp_path / "short_talk.interrupted.json"
    assert str(kept) in err
    found = json_format.loads(kept.read_text("utf-8"))
    assert len(found.words) > 5
    assert (tmp_path / "out.srt").read_text("utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.srt", kept.name]
