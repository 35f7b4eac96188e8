#!/usr/bin/env python3
"""whisperdiar as a pipeline of OpenBench (https://github.com/argmaxinc/OpenBench), measured beside others.

    pip install "git+https://github.com/argmaxinc/OpenBench"      # the package openbench on PyPI is another one

Import this module before a benchmark is run: the class registers itself as ``WhisperdiarPipeline``. Without OpenBench:

    python examples/openbench_pipeline.py RECORDING

prints the words as OpenBench gets them.
"""

from __future__ import annotations

import sys
from typing import Any

import whisperdiar
from whisperdiar import Transcript


def list_words(transcript: Transcript) -> dict[str, list[Any]]:
    """Words in the order of time as `Transcript.from_words_info` of OpenBench takes them: texts, seconds, speakers."""
    words = sorted((word for segment in transcript.segments for word in segment.words), key=lambda word: word.span)
    return {
        "words": [word.text.strip() for word in words],
        "start": [word.start for word in words],
        "end": [word.end for word in words],
        "speaker": [word.speaker or "unknown" for word in words],
    }


def make_pipeline() -> Any:
    """The class, for those who have OpenBench.

    Raises:
        ImportError: OpenBench is not installed.
    """
    from openbench.pipeline import Pipeline, register_pipeline
    from openbench.pipeline.orchestration.common import OrchestrationConfig, OrchestrationOutput
    from openbench.pipeline_prediction import Transcript as Prediction
    from openbench.types import PipelineType
    from pydantic import Field

    class WhisperdiarConfig(OrchestrationConfig):  # type: ignore[misc, unused-ignore]
        model: str = Field(default="small", description="Whisper model")
        diarizer: str = Field(default="auto", description="diarizer, see `whisperdiar backends`")
        threads: int = Field(default=0, description="CPU threads; 0 for all")

    class WhisperdiarPipeline(Pipeline):  # type: ignore[misc, unused-ignore]
        """Who said what, when: recognition, diarization and their join in one."""

        _config_class = WhisperdiarConfig
        pipeline_type = PipelineType.ORCHESTRATION

        def build_pipeline(self) -> Any:
            own = self.config
            opened: dict[str | None, whisperdiar.OpenPipeline] = {}

            def transcribe(given: tuple[Any, int, str | None]) -> Transcript:
                samples, sample_rate, language = given
                if language not in opened:  # models stay loaded for the next recording
                    opened[language] = whisperdiar.open_pipeline(
                        model=own.model, diarizer=own.diarizer, threads=own.threads, language=language
                    )
                return opened[language](samples, sample_rate=sample_rate)

            return transcribe

        def parse_input(self, input_sample: Any) -> tuple[Any, int, str | None]:
            told = getattr(input_sample, "language", None) or input_sample.extra_info.get("language")
            return input_sample.waveform, input_sample.sample_rate, told if self.config.force_language else None

        def parse_output(self, output: Transcript) -> Any:
            return OrchestrationOutput(prediction=Prediction.from_words_info(**list_words(output)))

    return register_pipeline(WhisperdiarPipeline)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    for row in zip(*list_words(whisperdiar.transcribe(sys.argv[1])).values(), strict=True):
        print("\t".join(map(str, row)))
else:
    try:
        WhisperdiarPipeline = make_pipeline()
    except ImportError:  # list_words is of use without it, too
        WhisperdiarPipeline = None
