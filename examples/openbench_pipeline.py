#!/usr/bin/env python3
"""whisperdiar as a pipeline of OpenBench (https://github.com/argmaxinc/OpenBench), measured beside others.

    pip install "git+https://github.com/argmaxinc/OpenBench"      # the package openbench on PyPI is another one
    python examples/openbench_pipeline.py evaluate --pipeline whisperdiar --dataset NAME --metrics cpwer --metrics wder
    python examples/openbench_pipeline.py evaluate … --pipeline-config model=turbo --pipeline-config diarizer=onnx

runs OpenBench's own command line with the class registered, as ``WhisperdiarPipeline`` and under the alias
``whisperdiar``; importing this module registers it for programs. Without OpenBench

    python examples/openbench_pipeline.py RECORDING

prints the words as OpenBench gets them.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import whisperdiar
from whisperdiar import Transcript

ALIAS = "whisperdiar"


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

            def open_for(language: str | None) -> whisperdiar.OpenPipeline:
                if language not in opened:  # models stay loaded for the next recording
                    opened[language] = whisperdiar.open_pipeline(
                        model=own.model, diarizer=own.diarizer, threads=own.threads, language=language
                    )
                return opened[language]

            if not own.force_language:
                open_for(None)  # here, because OpenBench times the calls

            def transcribe(given: tuple[Any, int, str | None]) -> tuple[Transcript, float]:
                samples, sample_rate, language = given
                pipeline = open_for(language)
                begun = time.perf_counter()
                return pipeline(samples, sample_rate=sample_rate), time.perf_counter() - begun

            return transcribe

        def parse_input(self, input_sample: Any) -> tuple[Any, int, str | None]:
            told = getattr(input_sample, "language", None) or input_sample.extra_info.get("language")
            return input_sample.waveform, input_sample.sample_rate, told if self.config.force_language else None

        def parse_output(self, output: tuple[Transcript, float]) -> Any:
            transcript, seconds = output
            words = Prediction.from_words_info(**list_words(transcript))
            return OrchestrationOutput(prediction=words, prediction_time=seconds)

    register_pipeline(WhisperdiarPipeline)
    try:
        from openbench.pipeline import PipelineRegistry
    except ImportError:  # versions before aliases
        return WhisperdiarPipeline
    if ALIAS not in PipelineRegistry.list_pipelines():
        config = {"out_dir": "./whisperdiar-results"}
        PipelineRegistry.register_alias(ALIAS, WhisperdiarPipeline, config, description="whisperdiar: who said what")
    return WhisperdiarPipeline


def main(arguments: list[str]) -> None:
    """Print the words of a recording, or hand over to OpenBench's command line."""
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        for row in zip(*list_words(whisperdiar.transcribe(arguments[0])).values(), strict=True):
            print("\t".join(map(str, row)))
        return
    if not arguments:
        raise SystemExit(__doc__)
    try:
        make_pipeline()
        from openbench.cli.main import main as openbench
    except ImportError as error:
        raise SystemExit(f"OpenBench cannot be imported ({error}); install it as {__file__} says") from error
    openbench()


if __name__ == "__main__":
    main(sys.argv[1:])
else:
    try:
        WhisperdiarPipeline = make_pipeline()
    except ImportError:  # list_words is of use without it, too
        WhisperdiarPipeline = None
