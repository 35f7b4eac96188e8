"""Pipelines and backends are copied and pickled without their models, which are loaded again where they are used."""

from __future__ import annotations

import copy
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.examples import few_by_day
from whisperdiar import Audio, Pipeline, Transcript
from whisperdiar.assembly import Request, build
from whisperdiar.media import load
from whisperdiar.options import Runtime
from whisperdiar.registry import available
from whisperdiar.registry import load as load_backend
from whisperdiar.selection import Choice

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    **{
        f"pickle {version}": (lambda item, version=version: pickle.loads(pickle.dumps(item, version)))
        for version in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.fixture(scope="module")
def audio() -> Audio:
    return load(SAMPLES / "standup.mp4", end=6.0)


def made(threads: int = 1, diarizer: str = "bic") -> Pipeline:
    return build(
        Request(
            asr=Choice(name="whisper", settings={"model": str(SAMPLES / "whisper-nano")}),
            diarizer=Choice(name=diarizer),
            runtime=Runtime(threads=threads, offline=True),
            language="en",
        )
    )


def said(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in transcript.segments]


@pytest.mark.parametrize("way", few_by_day(COPIES, every=5))
def test_a_copy_works_as_the_original(way: str, audio: Audio) -> None:
    pipeline = made()
    expected = said(pipeline.run(audio))
    other = COPIES[way](pipeline)
    assert other is not pipeline
    assert expected
    assert said(other.run(audio)) == expected == said(pipeline.run(audio))


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("stage", ["vad", "asr", "diarization"])
def test_every_backend_can_be_copied(stage: str, way: str) -> None:
    for name in available(stage):
        kind = load_backend(stage, name)
        backend = kind(kind.settings_type(), runtime=Runtime(device="cpu", threads=1, offline=True))
        other = COPIES[way](backend)
        assert type(other) is kind
        assert other.settings == backend.settings
        assert getattr(other, "runtime", None) == getattr(backend, "runtime", None)


def test_samples_that_are_no_numbers_are_silence_and_told(audio: Audio) -> None:
    samples = audio.samples.copy()
    samples[0, 100:200] = math.nan
    samples[0, 300], samples[0, 301] = math.inf, -math.inf
    transcript = made().run(Audio(samples, audio.sample_rate))
    told = [text for text in transcript.provenance["warnings"] if "NaN or infinite" in text]
    assert told == ["102 samples are NaN or infinite and were taken for silence; check what made them"]
    mended = Audio(samples, audio.sample_rate).finite().samples
    assert np.isfinite(mended).all()
    assert not mended[0, 100:200].any()
    assert np.isnan(samples[0, 150]), "the caller's own samples are as they were"
    assert audio.finite() is audio


def answer_of_a_fork(threads: int) -> None:
    """Prints what a child says after its parent has computed, and whether the parent says the same."""
    sound = Audio(load(SAMPLES / "standup.mp4", end=6.0).samples, 16_000)
    pipeline = made(threads, "none")
    expected = said(pipeline.run(sound))
    receiving, sending = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if not child:
        try:
            sending.send(said(pipeline.run(sound)))
        except BaseException as error:
            sending.send(f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)
    answer = receiving.recv() if receiving.poll(60) else "the child hangs"
    os.kill(child, 9)
    os.waitpid(child, 0)
    print("the same" if answer == expected else answer)


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="this system does not fork")
@pytest.mark.parametrize(("threads", "expected"), [(1, "the same"), (2, "BackendError: Whisper had computed when")])
def test_a_fork_works_or_says_why_not(threads: int, expected: str) -> None:
    """With one thread nothing is left behind; with several the child would wait for ever."""
    script = f"from tests.unit.test_copies import answer_of_a_fork; answer_of_a_fork({threads})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(expected), done.stdout + done.stderr
    assert threads == 1 or "spawn" in done.stdout
