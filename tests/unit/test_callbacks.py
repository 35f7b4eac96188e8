"""The caller's own functions: what they raise is the caller's, in every stage, and what they print is seen."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import whisperdiar
from tests.examples import by_night
from whisperdiar import Audio, BackendError, Pipeline
from whisperdiar.asr.whisper import Backend as Whisper
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.diarization.channels import Backend as OnePerChannel
from whisperdiar.errors import BackendBroken
from whisperdiar.frameworks.pyannote import silence_pyannote
from whisperdiar.media import load
from whisperdiar.options import EnergySettings, Runtime, WhisperSettings
from whisperdiar.system.callbacks import guard_callbacks
from whisperdiar.system.machine import is_out_of_memory, raise_out_of_memory
from whisperdiar.vad.energy import Backend as Energy

SAMPLES = Path(__file__).parents[2] / "samples"
NANO = str(SAMPLES / "whisper-nano")
ONE_THREAD = Runtime(threads=1, offline=True)


class Stop(Exception):
    """What a caller's progress bar raises when somebody presses its button."""


def stopping_at(stage: str, error: BaseException) -> Callable[[str, float], None]:
    def progress(name: str, fraction: float) -> None:
        if name == stage and fraction > 0:
            raise error

    return progress


@pytest.fixture(scope="module")
def audio() -> Audio:
    return load(SAMPLES / "call.flac", channels="all", end=8.0)


@pytest.mark.parametrize(
    "error", [Stop("enough"), KeyboardInterrupt(), by_night(SystemExit(5)), by_night(BackendBroken("mine"))]
)
@pytest.mark.parametrize("stage", ["decode", "vad", "asr", "diarization"])
def test_an_error_of_the_callers_is_the_callers_in_every_stage(stage: str, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        whisperdiar.transcribe(
            SAMPLES / "dialogue_fr.wav",
            model=NANO,
            vad="energy",
            diarizer="bic",
            end=6.0,
            threads=1,
            progress=stopping_at(stage, error),
        )
    if isinstance(error, KeyboardInterrupt) and stage == "diarization":  # the words are there, and are not lost
        assert isinstance(caught.value, whisperdiar.Interrupted)
        assert caught.value.transcript.words
        assert caught.value.__cause__ is error
    else:
        assert caught.value is error


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("diarizer", [Bic(runtime=ONE_THREAD), OnePerChannel()], ids=["bic", "channels"])
def test_also_side_by_side_and_by_channel(audio: Audio, diarizer: object, *, parallel: bool) -> None:
    pipeline = Pipeline(
        detector=Energy(EnergySettings()),
        transcriber=Whisper(WhisperSettings(model=NANO), runtime=ONE_THREAD),
        diarizer=diarizer,
        parallel=parallel,
    )
    error = Stop("enough")
    for stage in ("vad", "asr", "diarization"):
        with pytest.raises(Stop) as caught:
            pipeline.run(audio, progress=stopping_at(stage, error))
        assert caught.value is error
    assert pipeline.run(audio).words, "it can be used again"


def test_a_backend_that_swallows_every_error_does_not_swallow_the_callers() -> None:
    error = Stop("enough")

    def stage(heard: Callable[[str, float], None]) -> None:
        with guard_callbacks(lambda name, fraction: heard(name, fraction)) as inner:
            try:
                inner("x", 0.5)
            except Exception:  # what a stage makes of a failure of its own
                pytest.fail("a stage took it for its own failure")

    with pytest.raises(Stop) as caught, guard_callbacks(stopping_at("x", error)) as outer:
        stage(outer)
    assert caught.value is error


def test_what_a_callback_prints_is_seen_while_a_library_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with guard_callbacks(lambda stage, fraction: print("callback", stage, fraction)) as heard, silence_pyannote():
        print("library")
        sys.stdout.write("library\n")
        sys.stdout.writelines(["library\n"])
        heard("diarization", 0.5)
        print("library again")
        other = threading.Thread(target=print, args=("another thread",))
        other.start()
        other.join()
    print("afterwards")
    assert sys.stdout is before
    assert capsys.readouterr().out == "callback diarization 0.5\nanother thread\nafterwards\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("mkl_malloc: failed to allocate memory"),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
        ImportError("libgomp.so.1: failed to map segment from shared object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_want_of_memory_is_no_damage(error: Exception) -> None:
    broken = BackendBroken("model x cannot be loaded: delete it and get it again")
    broken.__cause__ = error
    with (
        pytest.raises(BackendError, match="stage ran out of memory: nothing is damaged") as caught,
        raise_out_of_memory("stage"),
    ):
        raise broken
    assert not isinstance(caught.value, BackendBroken)


def test_numpy_that_runs_out_of_memory() -> None:
    with pytest.raises(BackendError, match="ran out of memory"), raise_out_of_memory("stage"):
        np.empty(1 << 61, dtype=np.uint8)


def test_damage_is_still_damage() -> None:
    broken = BackendBroken("model x cannot be loaded: delete it and get it again")
    broken.__cause__ = RuntimeError("unexpected end of file")
    assert not is_out_of_memory(broken)
    with pytest.raises(BackendBroken, match="delete it"), raise_out_of_memory("stage"):
        raise broken
