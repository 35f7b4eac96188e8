"""The stages run on objects that fulfil the contracts, one after another or side by side."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whisperdiar import (
    Audio,
    Diarization,
    DiarizationFailed,
    Interrupted,
    Pipeline,
    Span,
    SpeakerCount,
    Transcription,
    Turn,
    Word,
    load,
    transcribe,
)
from whisperdiar.asr._shared.refinement import NO_WORDS
from whisperdiar.contracts import Progress, TextAwareDiarizer, no_progress
from whisperdiar.errors import InvalidOption, UnsupportedRequest
from whisperdiar.options import Runtime
from whisperdiar.provenance import Fallback
from whisperdiar.system.background import Cancelled
from whisperdiar.system.machine import usable_cores
from whisperdiar.types import BackendInfo, BackendRecord, Dropped
from whisperdiar.vad.energy import Backend as Energy
from whisperdiar.vad.none import Backend as Everything

SAMPLES = Path(__file__).parents[2] / "samples"
PATIENCE_S = 20
"""Far longer than anything here takes: a test that waits so long has failed."""
AUDIO = Audio(np.zeros((1, 160_000), np.float32), 16_000, "talk")


def no_during(progress: Progress) -> None: ...


@dataclass
class Scripted:
    """A transcriber that gives the words it was made with, to reach cases that no sound reaches."""

    words: tuple[Word, ...] = (Word(Span(1, 2), " Hello"), Word(Span(6, 7), " there."))
    speech: list[tuple[Span, ...]] = field(default_factory=list)
    during: Callable[[Progress], None] = no_during

    def prepare(self, *, progress: Progress = no_progress) -> None: ...

    def record(self) -> BackendRecord:
        return BackendRecord("scripted", model="m")

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        self.speech.append(tuple(speech))
        self.during(progress)
        dropped = (Dropped(Span(8, 9), "Thanks for watching", "no speech there"),)
        return Transcription(language or "en", 0.9, self.words, dropped, ("a note",))


@dataclass
class Fixed:
    """A diarizer that gives the turns it was made with, or the error."""

    turns: tuple[Turn, ...] = (Turn(Span(0, 5), "A"), Turn(Span(5, 10), "B"))
    error: BaseException | None = None
    during: Callable[[Progress], None] = no_during

    def prepare(self, *, progress: Progress = no_progress) -> None: ...

    def record(self) -> BackendRecord:
        return BackendRecord("fixed")

    def diarize(self, audio: Audio, *, progress: Progress = no_progress, **_: Any) -> Diarization:
        self.during(progress)
        if self.error is not None:
            raise self.error
        return Diarization(audio.recording_id, self.turns)


@dataclass
class Listening(Fixed):
    """A diarizer that is helped by words, where it says so."""

    wants_words: bool = True
    heard: list[tuple[str, ...]] = field(default_factory=list)

    def diarize(self, audio: Audio, *, words: Sequence[Word] = (), **given: Any) -> Diarization:
        self.heard.append(tuple(word.text for word in words))
        return super().diarize(audio, **given)


def pipeline(**changes: Any) -> Pipeline:
    return Pipeline(**{"detector": Everything(), "transcriber": Scripted(), "diarizer": Fixed(), **changes})


def test_words_get_the_speakers_of_the_turns() -> None:
    transcript = pipeline().run(AUDIO)
    assert [(s.speaker, s.text) for s in transcript.segments] == [("A", "Hello"), ("B", "there.")]
    assert [s.id for s in transcript.speakers] == ["A", "B"]
    assert transcript.turns == Fixed().turns
    assert (transcript.recording_id, transcript.duration, transcript.language) == ("talk", 10.0, "en")
    assert [item.text for item in transcript.dropped] == ["", "Thanks for watching"]
    assert transcript.dropped[0].reason == NO_WORDS


def test_only_speech_reaches_the_recogniser() -> None:
    scripted = Scripted(words=())
    pipeline(detector=Energy(), transcriber=scripted).run(AUDIO)
    assert scripted.speech == [()]


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no speakers\nhere"), "no speakers here"),
        (MemoryError(), "ran out of memory"),
        (SystemExit(3), "asked to exit with 3"),
    ],
)
def test_a_failed_diarization_leaves_the_words(error: BaseException, said: str, *, parallel: bool) -> None:
    with pytest.raises(DiarizationFailed, match=said) as caught:
        pipeline(diarizer=Fixed(error=error), parallel=parallel).run(AUDIO)
    assert error in (caught.value.__cause__, caught.value.__cause__.__cause__)
    transcript = caught.value.transcript
    assert [w.text for w in transcript.words] == [" Hello", " there."]
    assert transcript.speakers == transcript.turns == ()
    assert transcript.words[0].speaker is None
    assert transcript.provenance["warnings"][-1] == str(caught.value)


def test_without_a_recogniser_the_diarizers_own_error_comes_through() -> None:
    with pytest.raises(UnsupportedRequest, match="too many"):
        pipeline(transcriber=None, diarizer=Fixed(error=UnsupportedRequest("too many"))).run(AUDIO)


def test_without_a_diarizer_there_are_words_alone() -> None:
    transcript = pipeline(diarizer=None).run(AUDIO)
    assert [s.speaker for s in transcript.segments] == [None, None]
    assert transcript.provenance["diarizer"] is None


def test_times_are_those_of_the_recording_not_of_the_part_that_was_read() -> None:
    part = Audio(AUDIO.samples, AUDIO.sample_rate, "talk", start=100.0)
    transcript = pipeline().run(part)
    assert transcript.words[0].span == Span(101, 102)
    assert transcript.turns[0].span == Span(100, 105)
    assert transcript.dropped[-1].span == Span(108, 109)
    assert transcript.duration == 110.0


def test_a_wrong_number_of_speakers_is_said() -> None:
    warnings = pipeline(speakers=SpeakerCount(3, 3)).run(AUDIO).provenance["warnings"]
    assert "3 speakers were asked for, fixed found 2" in warnings
    assert "a note" in warnings
    as_asked = pipeline(speakers=SpeakerCount(2, 2)).run(AUDIO).provenance["warnings"]
    assert not any("were asked for" in warning for warning in as_asked)


def test_the_provenance_says_what_did_the_work_and_what_it_stands_in_for() -> None:
    provenance = pipeline(fallbacks={"asr": Fallback("whisper", "no model", "get one")}).run(AUDIO).provenance
    assert provenance["asr"]["backend"] == "scripted"
    assert provenance["asr"]["fallback_from"] == "whisper"
    assert provenance["asr"]["remedy"] == "get one"
    assert provenance["vad"] == {
        "backend": "none",
        "model": None,
        "fallback_from": None,
        "reason": None,
        "remedy": None,
    }
    assert provenance["versions"]["whisperdiar"]


@pytest.mark.parametrize("parallel", [False, True])
def test_every_stage_reports_its_begin_and_end(*, parallel: bool) -> None:
    heard: list[tuple[str, float]] = []
    pipeline(parallel=parallel).run(AUDIO, progress=lambda stage, fraction: heard.append((stage, fraction)))
    for stage in ("vad", "asr", "diarization"):
        own = [fraction for name, fraction in heard if name == stage]
        assert own[0] == 0.0
        assert own[-1] == 1.0


@pytest.mark.parametrize("count", [2.5, "many", True])
def test_a_number_of_speakers_that_is_none_is_refused_before_the_work(count: Any) -> None:
    with pytest.raises(InvalidOption, match="speakers"):
        transcribe("gone.wav", asr="pocketsphinx", vad="none", diarizer="none", speakers=count)


def test_side_by_side_both_stages_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_S)

    def meet(_: Progress) -> None:
        both.wait()

    found = pipeline(transcriber=Scripted(during=meet), diarizer=Fixed(during=meet), parallel=True).run(AUDIO)
    assert [s.speaker for s in found.segments] == ["A", "B"]


def test_side_by_side_and_in_turn_give_the_same() -> None:
    def found(*, parallel: bool) -> dict[str, Any]:
        return pipeline(speakers=SpeakerCount(3, 3), parallel=parallel).run(AUDIO).to_dict()

    assert found(parallel=True) == found(parallel=False)


def test_progress_never_hears_two_threads_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_S)
    inside: list[str] = []
    most = []

    def report(stage: str) -> Callable[[Progress], None]:
        def during(progress: Progress) -> None:
            both.wait()
            for step in range(100):
                progress(stage, step / 100)

        return during

    def listen(stage: str, fraction: float) -> None:
        inside.append(stage)
        threading.Event().wait(1e-5)  # lets the other thread run
        most.append(len(inside))
        inside.pop()

    stages = {"transcriber": Scripted(during=report("asr")), "diarizer": Fixed(during=report("diarization"))}
    pipeline(**stages, parallel=True).run(AUDIO, progress=listen)
    assert set(most) == {1}


@pytest.mark.parametrize("error", [ValueError("no words"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failed_recogniser_waits_for_nobody_and_the_next_run_does_not_meet_the_last_one(error: BaseException) -> None:
    begun, go_on = threading.Event(), threading.Event()
    at_once = threading.Lock()
    ends: list[BaseException | str] = []

    def fail(_: Progress) -> None:
        assert begun.wait(PATIENCE_S)
        raise error

    def slow(progress: Progress) -> None:
        assert at_once.acquire(blocking=False), "the diarizer runs twice at once"
        try:
            begun.set()
            assert go_on.wait(PATIENCE_S)
            progress("diarization", 0.5)
            ends.append("done")
        except BaseException as ending:
            ends.append(ending)
            raise
        finally:
            at_once.release()

    scripted = Scripted(during=fail)
    stages = pipeline(transcriber=scripted, diarizer=Fixed(during=slow), parallel=True)
    with pytest.raises(type(error)):
        stages.run(AUDIO)
    assert not ends  # the diarizer is still at work

    def let_go(_: Progress) -> None:
        threading.Timer(0.05, go_on.set).start()

    scripted.during = let_go
    assert stages.run(AUDIO).speakers
    assert isinstance(ends[0], Cancelled)
    assert ends[1:] == ["done"]


@pytest.mark.skipif(sys.platform == "win32", reason="a process there gets no SIGINT alone")
def test_ctrl_c_ends_the_process_at_once_whatever_the_diarizer_does() -> None:
    script = f"""
import sys, threading
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_pipeline as here
def forever(progress):
    threading.Event().wait()
def told(progress):
    print("ready", flush=True)
    forever(progress)
words, turns = here.Scripted(during=told), here.Fixed(during=forever)
here.pipeline(transcriber=words, diarizer=turns, parallel=True).run(here.AUDIO)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in told


@pytest.mark.skipif(sys.platform == "win32", reason="a process there gets no SIGINT alone")
@pytest.mark.parametrize("parallel", [False, True])
def test_ctrl_c_after_recognition_hands_over_the_words(parallel: bool) -> None:
    script = f"""
import sys, threading
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_pipeline as here
from whisperdiar import Interrupted
recognised = threading.Event()
def told(progress):
    recognised.wait()
    print("ready", flush=True)
    threading.Event().wait()
class Words(here.Scripted):
    def transcribe(self, *arguments, **options):
        try:
            return super().transcribe(*arguments, **options)
        finally:
            recognised.set()
try:
    here.pipeline(transcriber=Words(), diarizer=here.Fixed(during=told), parallel={parallel}).run(here.AUDIO)
except Interrupted as error:
    assert isinstance(error, KeyboardInterrupt)
    print([word.text for word in error.transcript.words], error.transcript.provenance["warnings"][-1])
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert told.startswith("[' Hello', ' there.'] diarization failed")
    assert "it was interrupted" in told


@pytest.mark.parametrize("parallel", [False, True])
def test_an_interruption_before_there_are_words_is_one(parallel: bool) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        pipeline(transcriber=Scripted(during=stop), parallel=parallel).run(AUDIO)
    assert not isinstance(caught.value, Interrupted)


class Placed(Scripted, Fixed):
    """A backend for either stage that says where it computes, and on how many threads."""

    def __init__(self, device: str | None, threads: int = 0, *, requires: tuple[str, ...] = ("torch",)) -> None:
        super().__init__()
        self.device = device
        self.runtime = Runtime(threads=threads)
        self.info = BackendInfo(summary="placed", licence="MIT", requires=requires)

    def record(self) -> BackendRecord:
        return BackendRecord("placed", details={} if self.device is None else {"device": self.device})


OWN = Placed(None, 1, requires=())  # as bic says: nothing, because it needs NumPy alone


@pytest.mark.parametrize(
    ("transcriber", "diarizer", "expected"),
    [
        pytest.param(Placed("cuda:0"), OWN, True, id="GPU and CPU"),
        pytest.param(Placed("cuda:0"), Placed("cuda:1"), True, id="two GPUs"),
        pytest.param(Placed("cuda:0"), Placed("cuda:0"), False, id="one GPU"),
        pytest.param(Placed("cuda:0"), Placed(None), False, id="one GPU perhaps"),
        pytest.param(Placed("cpu", 7), OWN, True, id="threads for both"),
        pytest.param(Placed("cpu", 4), Placed("cpu", 4), True, id="half of the threads each"),
        pytest.param(Placed("cpu", 4), Placed(None, 4), True, id="no GPU, so both on the CPU"),
        pytest.param(Placed("cpu", 8), OWN, False, id="one thread too many"),
        pytest.param(Placed("cpu", 0), OWN, False, id="all threads"),
        pytest.param(Placed("cpu", 4), Fixed(), False, id="a diarizer of unknown needs"),
        pytest.param(None, OWN, False, id="no recogniser"),
        pytest.param(Placed("cpu", 1), None, False, id="no diarizer"),
    ],
)
def test_stages_run_side_by_side_where_neither_takes_what_the_other_needs(
    transcriber: Any, diarizer: Any, *, expected: bool
) -> None:
    stages = pipeline(transcriber=transcriber, diarizer=diarizer, threads=8)
    assert stages.side_by_side() is expected


def test_without_a_budget_all_cores_are_shared() -> None:
    assert pipeline(transcriber=Placed("cpu", usable_cores()), diarizer=OWN).side_by_side() is False
    if usable_cores() > 1:
        assert pipeline(transcriber=Placed("cpu", usable_cores() - 1), diarizer=OWN).side_by_side() is True


def test_whoever_asks_decides() -> None:
    one_gpu = {"transcriber": Placed("cuda:0"), "diarizer": Placed("cuda:0")}
    assert pipeline(**one_gpu, parallel=True).side_by_side() is True
    assert pipeline(transcriber=Placed("cuda:0"), diarizer=OWN, parallel=False).side_by_side() is False
    assert pipeline(transcriber=None, parallel=True).side_by_side() is False


def test_real_stages_find_the_same_side_by_side() -> None:
    pytest.importorskip("pocketsphinx")
    from whisperdiar.asr.pocketsphinx import Backend as PocketSphinx
    from whisperdiar.diarization.bic import Backend as Bic
    from whisperdiar.vad.silero import Backend as Silero

    audio = load(SAMPLES / "call.flac", end=6.0)
    found = [
        Pipeline(detector=Silero(), transcriber=PocketSphinx(), diarizer=Bic(), parallel=parallel).run(audio)
        for parallel in (False, True)
    ]
    assert found[0].words
    assert found[0].turns
    assert found[0].to_dict() == found[1].to_dict()


def test_a_diarizer_that_wants_the_words_gets_them() -> None:
    order: list[str] = []
    scripted = Scripted(during=lambda _: order.append("words"))
    listening = Listening(during=lambda _: order.append("turns"))
    stages = pipeline(transcriber=scripted, diarizer=listening)
    assert not stages.side_by_side()
    stages.run(AUDIO)
    assert (listening.heard, order) == ([(" Hello", " there.")], ["words", "turns"])
    assert isinstance(listening, TextAwareDiarizer)
    assert not isinstance(Fixed(), TextAwareDiarizer)


def test_without_a_text_or_a_wish_for_it_a_diarizer_works_as_ever() -> None:
    alone, unwilling, beside = Listening(), Listening(wants_words=False), Listening()
    pipeline(transcriber=None, diarizer=alone).run(AUDIO)
    pipeline(diarizer=unwilling).run(AUDIO)
    pipeline(diarizer=beside, parallel=True).run(AUDIO)
    assert alone.heard == unwilling.heard == beside.heard == [()]
