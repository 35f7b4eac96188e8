"""The adapter for OpenBench in examples/: words as it wants them, and the whole class where OpenBench is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from whisperdiar import Transcript, load, transcribe
from whisperdiar.exchange import read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def adapter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("openbench_pipeline", ROOT / "examples" / "openbench_pipeline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_words_are_in_order_with_times_and_speakers(adapter: ModuleType) -> None:
    transcript: Transcript = read(ROOT / "samples" / "reference" / "call.stm")
    found: dict[str, list[Any]] = adapter.list_words(transcript)
    assert len({len(column) for column in found.values()}) == 1
    assert sorted(found["start"]) == found["start"]
    assert set(found["speaker"]) == {"Boris", "Emma"}
    said = sorted(word.text.strip() for segment in transcript.segments for word in segment.words)
    assert sorted(found["words"]) == said


@pytest.mark.model
def test_openbench_gets_the_words_of_transcribe(adapter: ModuleType) -> None:
    pytest.importorskip("openbench.pipeline.orchestration", reason="OpenBench is not installed")
    path, model = ROOT / "samples" / "dialogue_fr.wav", str(ROOT / "samples" / "whisper-nano")
    pipeline = adapter.WhisperdiarPipeline(adapter.WhisperdiarPipeline._config_class(model=model, diarizer="bic"))
    audio = load(path)

    class Sample:
        waveform, sample_rate, audio_name = audio.samples[0], audio.sample_rate, "dialogue_fr"
        extra_info: ClassVar[dict[str, Any]] = {}

    found = pipeline.parse_output(pipeline.build_pipeline()(pipeline.parse_input(Sample())))
    expected = adapter.list_words(transcribe(path, model=model, diarizer="bic"))
    assert found.prediction.get_words() == expected["words"]
