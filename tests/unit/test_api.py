"""The library: recordings in, transcripts out, with models that stay loaded."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whisperdiar
from tests.sounds import SAMPLES
from whisperdiar import (
    Cancelled,
    Diarization,
    InvalidOption,
    OpenPipeline,
    Origin,
    Part,
    Pipeline,
    Span,
    SpeakerCount,
    Transcription,
    TruncatedMedia,
    Turn,
    Word,
    join,
    load,
    open_pipeline,
)
from whisperdiar.media.arrays import audio_from_array
from whisperdiar.pipeline_settings import PipelineSettings

SETTINGS: dict[str, Any] = {
    "model": str(SAMPLES / "whisper-nano"),
    "language": "en",
    "vad": "energy",
    "diarizer": "bic",
    "offline": True,
    "threads": 1,
}
PART = Part(end=15.0)
VIDEO = SAMPLES / "standup.mp4"


@pytest.fixture(scope="module")
def pipeline() -> Iterator[OpenPipeline]:
    with open_pipeline(**SETTINGS) as opened:
        yield opened


@pytest.fixture(scope="module")
def expected(pipeline: OpenPipeline) -> whisperdiar.Transcript:
    found = pipeline(VIDEO, part=PART)
    assert len(found.words) > 20
    return found


@pytest.mark.model
def test_models_are_loaded_once(pipeline: OpenPipeline, expected: whisperdiar.Transcript) -> None:
    stages = pipeline.load()
    assert pipeline(str(VIDEO), part=PART) == expected
    assert pipeline.load() is stages
    assert expected.provenance["options"]["end"] == 15.0


@pytest.mark.model
def test_one_call_does_the_same(expected: whisperdiar.Transcript) -> None:
    assert whisperdiar.transcribe(VIDEO, end=15.0, **SETTINGS) == expected


@pytest.mark.model
def test_settings_of_transcribe_are_those_of_open_pipeline() -> None:
    """Python has no type "the keywords of that function", so they are written twice; here they are held together."""
    hints = typing.get_type_hints(open_pipeline)
    own = {"load_now", "progress", "return"}
    assert typing.get_type_hints(PipelineSettings) == {name: hint for name, hint in hints.items() if name not in own}


def test_a_file_object_is_read_as_its_file(pipeline: OpenPipeline, expected: whisperdiar.Transcript) -> None:
    with VIDEO.open("rb") as file:
        assert pipeline(file, part=PART) == expected
    memory = pipeline(io.BytesIO(VIDEO.read_bytes()), part=PART, recording_id="a name")
    assert memory.segments == expected.segments
    assert memory.recording_id == "a_name"


@pytest.mark.model
def test_samples_are_read_as_their_file(pipeline: OpenPipeline, expected: whisperdiar.Transcript) -> None:
    audio = load(VIDEO, end=15.0)
    found = pipeline(audio.mono, sample_rate=16_000)
    assert found.segments == expected.segments
    assert pipeline(audio).segments == expected.segments
    with pytest.raises(InvalidOption, match="sample_rate"):
        pipeline(audio.mono)
    with pytest.raises(InvalidOption, match="for files"):
        pipeline(audio, part=PART)


@pytest.mark.model
@pytest.mark.parametrize("again", [lambda item: pickle.loads(pickle.dumps(item)), copy.copy, copy.deepcopy])
def test_a_copy_loads_its_own_models(again: Any, pipeline: OpenPipeline, expected: whisperdiar.Transcript) -> None:
    with again(pipeline) as other:
        assert other(VIDEO, part=PART) == expected
        assert other.load() is not pipeline.load()


@pytest.mark.model
def test_threads_take_turns(pipeline: OpenPipeline, expected: whisperdiar.Transcript) -> None:
    found: list[whisperdiar.Transcript] = []
    threads = [threading.Thread(target=lambda: found.append(pipeline(VIDEO, part=PART))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


@pytest.mark.model
@pytest.mark.parametrize("stage", ["decode", "asr", "diarization"])
def test_a_call_is_cancelled_in_any_stage(stage: str, pipeline: OpenPipeline, expected: whisperdiar.Transcript) -> None:
    def progress(name: str, fraction: float) -> None:
        if name == stage:
            pipeline.cancel()

    with pytest.raises(Cancelled):
        pipeline(VIDEO, part=PART, progress=progress)
    assert pipeline(VIDEO, part=PART) == expected, "the next call is not cancelled"


@pytest.mark.model
def test_a_recording_that_ends_early_gives_what_there_is(pipeline: OpenPipeline, tmp_path: Path) -> None:
    cut = tmp_path / "cut.flac"
    whole = (SAMPLES / "call.flac").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    found = pipeline(cut)
    assert found.words
    with pytest.raises(TruncatedMedia) as told:
        pipeline(cut, strict=True)
    assert str(told.value) in found.provenance["warnings"]


@pytest.mark.model
def test_a_closed_pipeline_says_so() -> None:
    pipeline = open_pipeline(**SETTINGS)
    pipeline.close()
    pipeline.close()
    with pytest.raises(InvalidOption, match="closed"):
        pipeline(VIDEO)


def test_models_may_wait_for_the_first_call(tmp_path: Path) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes(b"{}")  # no model, which only loading shows
    settings = {**SETTINGS, "model": str(tmp_path)}
    with pytest.raises(whisperdiar.BackendError):
        open_pipeline(**settings)
    with open_pipeline(**settings, load_now=False) as pipeline, pytest.raises(whisperdiar.BackendError):
        pipeline(VIDEO)
    with pytest.raises(InvalidOption):
        open_pipeline(**{**SETTINGS, "vad": "nobody"}, load_now=False)


def test_settings_of_backends_are_checked_as_on_the_command_line() -> None:
    with pytest.raises(InvalidOption, match="no setting 'beam'"):
        open_pipeline(**{**SETTINGS, "asr_options": {"beam": 5}})
    with pytest.raises(InvalidOption, match="not a value of type"):
        open_pipeline(**{**SETTINGS, "diarizer_options": {"window": "wide"}})
    with pytest.raises(TypeError):
        whisperdiar.transcribe(VIDEO, colour="red")  # type: ignore[call-arg]


def test_fallbacks_are_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    from whisperdiar.system.log import inform, warn

    with caplog.at_level(logging.INFO, logger="whisperdiar"):
        warn("a stand-in runs")
        inform("another one")
    assert [(item.levelname, item.message) for item in caplog.records] == [
        ("WARNING", "a stand-in runs"),
        ("INFO", "another one"),
    ]


def test_words_and_turns_are_joined_into_a_transcript() -> None:
    words = [Word(Span(0.0, 0.4), " Hello."), Word(Span(2.1, 2.4), " Hi.")]
    turns = [Turn(Span(0.0, 1.0), "Anna"), Turn(Span(2.0, 3.0), "Boris")]
    found = join(words, turns, origin=Origin(recording_id="talk", language="en"))
    assert [(item.speaker, item.text) for item in found.segments] == [("Anna", "Hello."), ("Boris", "Hi.")]
    assert [item.id for item in found.speakers] == ["Anna", "Boris"]
    assert (found.duration, found.language, found.recording_id) == (3.0, "en", "talk")
    assert join(words, Diarization("talk", tuple(turns)), origin=Origin(recording_id="talk", language="en")) == found
    assert join([], []).duration == 0.0


@pytest.mark.parametrize("front", ["Anna", "Boris"])
def test_words_go_by_the_exclusive_turns_of_a_diarizer_and_the_transcript_keeps_all(front: str) -> None:
    words = [Word(Span(t, t + 0.4), " so") for t in (1.0, 2.2, 2.8, 4.5)]
    turns = (Turn(Span(0.0, 3.5), "S1"), Turn(Span(2.0, 5.0), "S2"))
    border = 3.5 if front == "Anna" else 2.0
    exclusive = (Turn(Span(0.0, border), "S1"), Turn(Span(border, 5.0), "S2"))
    diarization = Diarization("talk", turns, exclusive_turns=exclusive).rename({"S1": "Anna", "S2": "Boris"})
    found = join(words, diarization)
    assert [word.speaker for segment in found.segments for word in segment.words] == ["Anna", front, front, "Boris"]
    assert found.turns == diarization.turns
    assert diarization.exclusive().turns == diarization.exclusive_turns


def test_objects_with_their_stage_s_method_alone_will_do() -> None:
    class Detect:
        def detect(self, audio: Any, *, progress: Any = None) -> tuple[Span, ...]:
            return (Span(0.0, audio.duration),)

    class Transcribe:
        def transcribe(self, audio: Any, *, speech: Any, language: Any = None, progress: Any = None) -> Transcription:
            return Transcription("en", None, (Word(Span(0.1, 0.4), " Yes."),))

    class Diarize:
        def diarize(self, audio: Any, *, speech: Any, speakers: Any, progress: Any = None) -> Diarization:
            return Diarization(audio.recording_id, (Turn(Span(0.0, 0.5), "SPEAKER_00"),))

    made = Pipeline(detector=Detect(), transcriber=Transcribe(), diarizer=Diarize(), speakers=SpeakerCount(2, 2))
    found = made.run(audio_from_array(np.zeros(16_000), 16_000))
    assert [(item.speaker, item.text) for item in found.segments] == [("SPEAKER_00", "Yes.")]
    assert found.provenance["diarizer"]["backend"] == "Diarize"
    assert any("Diarize found 1" in warning for warning in found.provenance["warnings"])


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((16_000, 2)), 16_000, "channels come first"),
        (np.zeros((2, 2, 2)), 16_000, "shape"),
        (np.zeros(0), 16_000, "shape"),
        (np.zeros(100), 0, "sample rate"),
        (np.array(["a"] * 9), 16_000, "type"),
        (np.full(100, np.nan), 16_000, "finite"),
        (np.full(100, 20_000.0), 16_000, "full scale"),
    ],
)
def test_samples_that_cannot_be_meant_are_refused(samples: Any, rate: int, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        audio_from_array(samples, rate)


def test_samples_of_any_type_and_rate_are_the_same_sound() -> None:
    t = np.arange(48_000) / 48_000
    wave = 0.5 * np.sin(2 * np.pi * 440 * t)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    for samples in (wave, wave.astype(np.float32), (wave * 32767).astype(np.int16), np.stack([wave, wave])):
        found = audio_from_array(samples, 48_000)
        assert found.sample_rate == 16_000
        assert np.abs(found.mono - expected)[100:-100].max() < 2e-3
    unsigned = audio_from_array((wave * 127 + 128).astype(np.uint8), 48_000)
    assert np.abs(unsigned.mono - expected)[100:-100].max() < 2e-2
    loud = audio_from_array(np.full(1000, 1.5), 16_000)
    assert loud.samples.max() == 1.0
    assert "1.50 times full scale" in loud.warnings[0]


def example() -> whisperdiar.Transcript:
    words = [Word(Span(0.0, 0.4), " Hello."), Word(Span(2.1, 2.4), " Hi.")]
    turns = [Turn(Span(0.0, 1.0), "Anna"), Turn(Span(2.0, 3.0), "Boris")]
    return join(words, turns, origin=Origin(recording_id="talk", language="en"))


def test_a_transcript_is_saved_and_loaded_whole(tmp_path: Path) -> None:
    example().save(tmp_path / "talk.json")
    found = whisperdiar.Transcript.load(tmp_path / "talk.json")
    assert found.to_dict() == example().to_dict()
    assert whisperdiar.read(tmp_path / "talk.json") == found
    (tmp_path / "broken.json").write_text('{"schema_version": 1}')
    with pytest.raises(whisperdiar.FormatError, match=r"broken\.json: recording_id: expected str"):
        whisperdiar.Transcript.load(tmp_path / "broken.json")
    with pytest.raises(whisperdiar.FormatError, match=r"none\.json: there is no such file"):
        whisperdiar.Transcript.load(tmp_path / "none.json")


def test_files_are_written_read_and_converted(tmp_path: Path) -> None:
    srt, vtt = tmp_path / "talk.srt", tmp_path / "talk.vtt"
    whisperdiar.write(example(), srt)
    assert srt.read_text(encoding="utf-8").startswith("1\n00:00:00,000 --> ")
    heard: list[str] = []
    found = whisperdiar.convert(srt, vtt, inform=heard.append)
    assert [(item.speaker, item.text) for item in found.segments] == [("Anna", "Hello."), ("Boris", "Hi.")]
    assert vtt.read_text(encoding="utf-8").startswith("WEBVTT")
    assert whisperdiar.read(vtt, language="ru").language == "ru"
    whisperdiar.write(example(), tmp_path / "talk.txt", format_name="rttm")
    assert whisperdiar.read(tmp_path / "talk.txt", format_name="rttm").turns == example().turns
    with pytest.raises(InvalidOption, match="this is a folder"):
        whisperdiar.read(tmp_path)
    with pytest.raises(InvalidOption, match="no suffix tells the format"):
        whisperdiar.write(example(), tmp_path / "talk")
    with pytest.raises(InvalidOption, match="holds words and no turns, so it cannot become rttm"):
        whisperdiar.write(join(example().words, []), tmp_path / "words.json")
        whisperdiar.convert(tmp_path / "words.json", tmp_path / "out.rttm")


def test_a_page_that_is_to_hold_a_recording_needs_one(tmp_path: Path) -> None:
    page = tmp_path / "talk.html"
    with pytest.raises(whisperdiar.InvalidOption, match="which recording"):
        whisperdiar.write(example(), page, inline_media=True)
    with pytest.raises(whisperdiar.MediaError, match=r"none\.wav: it cannot be read"):
        whisperdiar.write(example(), page, media=tmp_path / "none.wav", inline_media=True)
    assert not page.exists()
