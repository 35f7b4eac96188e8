"""The adapter for OpenBench in examples/: words as it wants them, and the whole class where OpenBench is installed."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

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


@pytest.mark.skipif(bool(importlib.util.find_spec("openbench")), reason="OpenBench is installed")
def test_without_openbench_its_commands_say_what_to_install(adapter: ModuleType) -> None:
    assert adapter.WhisperdiarPipeline is None
    with pytest.raises(SystemExit, match="OpenBench cannot be imported") as caught:
        adapter.main(["evaluate", "--pipeline", "whisperdiar"])
    assert "\n" not in str(caught.value)


@pytest.mark.model
def test_a_recording_alone_is_printed_as_openbench_gets_it(
    adapter: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(ROOT / "samples" / "whisper-nano")
    monkeypatch.setattr(adapter.whisperdiar, "transcribe", partial(transcribe, model=model, diarizer="none"))
    adapter.main([str(ROOT / "samples" / "dialogue_fr.wav")])
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0][0] == "Bonjour"
    assert all(len(row) == 4 for row in rows)


@pytest.mark.model
def test_openbench_gets_the_words_of_transcribe(adapter: ModuleType) -> None:
    """Two recordings through OpenBench's own classes: its registry, its samples, its timed call."""
    pytest.importorskip("openbench.pipeline.orchestration", reason="OpenBench is not installed")
    from openbench.dataset.dataset_orchestration import OrchestrationSample
    from openbench.pipeline import PipelineRegistry
    from openbench.pipeline_prediction import Transcript as Reference

    model = str(ROOT / "samples" / "whisper-nano")
    pipeline = PipelineRegistry.create_pipeline("whisperdiar", config={"model": model, "diarizer": "bic"})
    for name in ("dialogue_fr.wav", "dialogue_de.m4a"):
        path = ROOT / "samples" / name
        audio = load(path)
        sample = OrchestrationSample(
            audio_name=path.stem,
            waveform=audio.mono.astype("float64"),
            sample_rate=audio.sample_rate,
            reference=Reference.from_words_info(["word"], speaker=["somebody"]),
            extra_info={},
        )
        found = pipeline(sample)
        expected = adapter.list_words(transcribe(path, model=model, diarizer="bic"))
        assert found.prediction.get_words() == expected["words"]
        assert found.prediction_time > 0
