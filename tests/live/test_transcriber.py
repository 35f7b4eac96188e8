"""Live transcription as a whole, with whisper-nano, and once with a published model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whisperdiar
from tests.real_models import whisper_folder
from tests.sounds import NANO, SAMPLES
from whisperdiar import load
from whisperdiar.contracts import BaseBackend, no_progress
from whisperdiar.errors import BackendError, InvalidOption, UnsupportedRequest
from whisperdiar.live import (
    LiveEvent,
    LiveOptions,
    LiveTranscriber,
    LiveWord,
    SpeakersHeard,
    SpeechEnded,
    SpeechStarted,
    WordsHeard,
)
from whisperdiar.live.recognition import UtteranceRecogniser
from whisperdiar.options import NoSettings
from whisperdiar.pipeline import Pipeline
from whisperdiar.types import BackendInfo, Samples, Span, SpeakerCount, Turn

pytestmark = pytest.mark.model


class AlternatingStream:
    """Somebody else talks every 2 s; the last second is provisional, and is taken for the wrong one until then."""

    def __init__(self) -> None:
        self._end = self.settled = 0.0

    def feed(self, samples: Samples, *, speech_until: float) -> bool:
        self._end += len(samples) / 16_000
        self.settled = max(self.settled, self._end - 1.0)
        return True

    def settle(self) -> None:
        self.settled = self._end

    def turns(self, start: float) -> tuple[Turn, ...]:
        found = []
        for number in range(int(self._end // 2) + 1):
            span = Span(2.0 * number, min(2.0 * number + 2.0, max(self._end, 2.0 * number)))
            if span.end > start and span.duration > 0:
                sure = span.clip(0.0, self.settled)
                late = span.clip(self.settled, self._end)
                found += [Turn(sure, f"SPEAKER_{number % 2:02d}")] if sure else []
                found += [Turn(late, f"SPEAKER_{(number + 1) % 2:02d}")] if late else []
        return tuple(found)


class Alternating(BaseBackend[NoSettings]):
    name = "alternating"
    info = BackendInfo(summary="somebody else every 2 s", licence="MIT")
    settings_type = NoSettings

    def diarize(self, audio: Any, *, speech: Any, speakers: SpeakerCount, progress: Any = no_progress) -> Any:
        stream = AlternatingStream()
        stream.feed(audio.mono, speech_until=audio.duration)
        stream.settle()
        return whisperdiar.Diarization(audio.recording_id, stream.turns(0.0)).rename(
            {"SPEAKER_00": "SPEAKER_01", "SPEAKER_01": "SPEAKER_00"}
        )

    def stream(self, *, speakers: SpeakerCount, delay: float, patience: float, new_speaker: float) -> AlternatingStream:
        return AlternatingStream()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    """whisper-nano, silero, and a diarizer that is known."""
    from dataclasses import replace

    with whisperdiar.open_pipeline(
        model=NANO[1], language="en", vad="silero", diarizer="none", threads=1, offline=True
    ) as opened:
        yield replace(opened.load(), diarizer=Alternating())


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Two utterances of the stand-up sample with a second of silence behind each."""
    sound = load(SAMPLES / "standup.mp4", channels="mono", end=12.0).mono
    pause = np.zeros(16_000, np.float32)
    return np.concatenate([sound[: 5 * 16_000], pause, sound[5 * 16_000 :], pause])


def listen(pipeline: Pipeline, sound: Samples, sizes: list[int], folder: Path, **options: Any) -> Listened:
    """Feeds a sound in pieces of these sizes, again and again; everything that is told is checked."""
    told = Listened()
    settings = LiveOptions(final_pass=False, **options)
    with LiveTranscriber(pipeline, options=settings, spool=folder / f"{len(list(folder.iterdir()))}.wav") as live:
        at = turn = 0
        while at < len(sound):
            size = sizes[turn % len(sizes)]
            turn += 1
            told.take(live.feed(sound[at : at + size]), live)
            at += size
        told.take(live.stop(), live)
        told.transcript = live.finish()
        told.words = live.words
    return told


class Listened:
    """What a stream told, in order."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []
        self.final: list[LiveWord] = []
        self.words: tuple[LiveWord, ...] = ()
        self.transcript: Any = None
        self._settled: dict[int, str | None] = {}

    def take(self, events: tuple[LiveEvent, ...], live: LiveTranscriber) -> None:
        for event in events:
            self.events.append(event)
            if isinstance(event, WordsHeard):
                for item in event.final:
                    assert item.number == len(self.final)
                    self.final.append(item)
                    self._settle(item)
            elif isinstance(event, SpeakersHeard):
                for item in event.words:
                    # Neither text nor time of a final word changes, and no settled speaker.
                    assert item.number not in self._settled
                    assert (item.word.text, item.word.span) == (
                        self.final[item.number].word.text,
                        self.final[item.number].word.span,
                    )
                    self.final[item.number] = item
                    self._settle(item)
        shown = [(item.number, item.word.text, item.word.speaker, item.is_settled) for item in live.words]
        assert shown == [(item.number, item.word.text, item.word.speaker, item.is_settled) for item in self.final]

    def _settle(self, item: LiveWord) -> None:
        if item.is_settled:
            self._settled[item.number] = item.word.speaker


@pytest.mark.parametrize("seed", range(2))
def test_what_is_final_never_changes_however_the_sound_comes(
    pipeline: Pipeline, speech: Samples, tmp_path: Path, seed: int
) -> None:
    sizes = np.random.default_rng(seed).integers(1, [20_000, 90_000][seed], size=7).tolist()
    told = listen(pipeline, speech, sizes, tmp_path)
    assert len(told.words) > 10
    assert all(item.is_settled and item.word.speaker for item in told.words)
    assert {item.word.speaker for item in told.words} == {"SPEAKER_00", "SPEAKER_01"}
    starts = [item.word.start for item in told.words]
    assert starts == sorted(starts)
    kinds = [type(event) for event in told.events if isinstance(event, (SpeechStarted, SpeechEnded))]
    assert kinds == [SpeechStarted, SpeechEnded] * (len(kinds) // 2) != []
    assert [word for item in told.transcript.segments for word in item.words] == [item.word for item in told.words]


def test_silence_is_never_decoded(pipeline: Pipeline, tmp_path: Path) -> None:
    from dataclasses import replace

    class Refusing:
        settings = None

        def transcribe(self, *_arguments: Any, **_values: Any) -> Any:
            raise AssertionError("silence was decoded")

    quiet = replace(pipeline, transcriber=Refusing())
    noise = (0.0005 * np.random.default_rng(0).standard_normal(16_000 * 6)).astype(np.float32)
    told = listen(quiet, noise, [3_000], tmp_path)
    assert told.words == ()
    assert told.transcript.duration == pytest.approx(6.0)


def test_the_offline_pass_keeps_the_speakers_that_were_told(
    pipeline: Pipeline, speech: Samples, tmp_path: Path
) -> None:
    with LiveTranscriber(pipeline, spool=tmp_path / "kept.wav", recording_id="my talk") as live:
        live.feed(speech)
        made = live.finish()
        told = {item.word.speaker: item.word.start for item in reversed(live.words)}
    assert made.recording_id == "my_talk"
    assert made.provenance["live"]["final_pass"] is True
    # The diarizer calls them the other way round when it hears all of it.
    first = {word.speaker: word.start for item in reversed(made.segments) for word in item.words}
    assert sorted(first, key=first.__getitem__) == sorted(told, key=told.__getitem__)
    assert (tmp_path / "kept.wav").stat().st_size == 44 + 2 * len(speech)


def test_a_spool_that_nobody_named_is_removed(
    pipeline: Pipeline, speech: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with LiveTranscriber(pipeline, options=LiveOptions(final_pass=False)) as live:
        live.feed(speech[:16_000])
        assert live.spool.path.is_file()
        live.finish()
    assert not live.spool.path.exists()


def test_an_utterance_can_be_ended_by_hand(pipeline: Pipeline, speech: Samples, tmp_path: Path) -> None:
    with LiveTranscriber(pipeline, spool=tmp_path / "x.wav") as live:
        live.feed(speech[: 3 * 16_000])
        before = len(live.words)
        (heard, *_rest) = live.flush()
        assert isinstance(heard, WordsHeard)
        assert heard.provisional == () == live.provisional
        assert len(live.words) == before + len(heard.final) > 0
        live.feed(speech[3 * 16_000 :])
        live.stop()
        assert live.flush() == ()
        texts = [item.word.text for item in live.words]
        assert len(texts) == len(live.words)


def test_long_speech_is_cut_and_nothing_is_heard_twice(pipeline: Pipeline, speech: Samples, tmp_path: Path) -> None:
    short = listen(pipeline, speech, [16_000], tmp_path, window=4.0)
    usual = listen(pipeline, speech, [16_000], tmp_path)
    assert len(short.words) == pytest.approx(len(usual.words), abs=6)


def test_sound_that_comes_all_at_once_is_heard_in_steps(
    pipeline: Pipeline, speech: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recogniser that gets half a minute at once leaves sentences out."""
    steps: list[float] = []
    recognise = UtteranceRecogniser._recognise

    def watch(self: UtteranceRecogniser, used: Pipeline, tail: Any, spoken: Span, end: float) -> Any:
        steps.append(end - max(self.until, self.start))
        assert end - self.start <= LiveOptions().window + 4.2
        return recognise(self, used, tail, spoken, end)

    monkeypatch.setattr(UtteranceRecogniser, "_recognise", watch)
    rng = np.random.default_rng(0)
    # Somebody who makes no pause: utterances do not end.
    sound = np.tile(speech[: 5 * 16_000], 5) + 0.001 * rng.normal(size=25 * 16_000).astype(np.float32)
    listen(pipeline, sound, [len(sound)], tmp_path)
    assert len(steps) >= 6
    assert max(steps) <= 4.2


def test_a_recogniser_that_fails_loses_no_sound(pipeline: Pipeline, speech: Samples, tmp_path: Path) -> None:
    from dataclasses import replace

    class Failing:
        settings = None

        def transcribe(self, *_arguments: Any, **_values: Any) -> Any:
            raise BackendError("out of order")

    failing = replace(pipeline, transcriber=Failing())
    with (
        LiveTranscriber(failing, spool=tmp_path / "x.wav") as live,
        pytest.raises(BackendError, match="out of order"),
    ):
        live.feed(speech)
    assert load(tmp_path / "x.wav").duration == pytest.approx(len(speech) / 16_000)


def test_what_cannot_be_meant_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    from dataclasses import replace

    from whisperdiar.vad.energy import Backend as Energy

    with pytest.raises(InvalidOption, match="recogniser"):
        LiveTranscriber(replace(pipeline, transcriber=None))
    with pytest.raises(UnsupportedRequest, match="silero"):
        LiveTranscriber(replace(pipeline, detector=Energy()))
    with LiveTranscriber(pipeline, spool=tmp_path / "x.wav") as live:
        with pytest.raises(InvalidOption, match="one channel"):
            live.feed(np.zeros((2, 100), np.float32))
        live.feed(np.full(1_000, np.nan, np.float32))
        live.stop()
        with pytest.raises(InvalidOption, match="finished"):
            live.feed(np.zeros(100, np.float32))


def test_the_detector_answers_the_same_however_the_stream_is_cut(speech: Samples) -> None:
    from whisperdiar.vad.silero import Backend

    detector = Backend()
    whole = detector.stream().feed(speech)
    pieces = detector.stream()
    cuts = np.random.default_rng(0).integers(1, 9_000, size=200).cumsum()
    found = np.concatenate([pieces.feed(part) for part in np.split(speech, cuts[cuts < len(speech)])])
    assert np.array_equal(whole, found)
    assert (whole > 0.5).mean() > 0.3


def test_a_published_model_hears_a_conversation(tmp_path: Path) -> None:
    sound = load(SAMPLES / "natural" / "walk.ogg", channels="mono", end=12.0).mono
    with whisperdiar.open_pipeline(
        model=str(whisper_folder("tiny.en")), diarizer="none", threads=1, offline=True
    ) as opened:
        told = listen(opened.load(), sound, [8_000], tmp_path)
    text = " ".join(segment.text for segment in told.transcript.segments).lower()
    for phrase in ("where we should go on saturday", "dry until the evening", "the forest path"):
        assert phrase in text
    shown = [event for event in told.events if isinstance(event, WordsHeard)]
    assert sum(bool(event.provisional) for event in shown) > 5
