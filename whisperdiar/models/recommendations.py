"""Recommendations: word error rates of named recognisers that others published, language by language.

Nothing here was measured by this project: each comparison names who did, and on what. Figures of different comparisons
do not go together, as texts were normalised differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whisperdiar.models import recognisers
from whisperdiar.models.catalogue import KNOWN as WHISPER
from whisperdiar.text.messages import mark

_ONNX_ASR = "https://istupakov.github.io/onnx-asr/comparison/"
_GIGAAM = "https://github.com/salute-developers/GigaAM/blob/main/evaluation.md"
_CLEARLY = 2.0
"""A model that makes fewer errors than Whisper by this factor is worth a word to who did not ask."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A model, by its name on the command line, and its word error rate in percent."""

    model: str
    error_rate: float

    @property
    def options(self) -> str:
        """What takes it on the command line."""
        return f"--asr onnx --model {self.model}" if self.model in recognisers.KNOWN else f"--model {self.model}"

    @property
    def is_whisper(self) -> bool:
        return self.model in WHISPER


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models that somebody ran on the same recordings.

    Attributes:
        language: ISO 639-1 code.
        data: the recordings.
        who: who ran them.
        source: page that states the figures.
        figures: the fewest errors first.
    """

    language: str
    data: str
    who: str
    source: str
    figures: tuple[Figure, ...]


def _compare(language: str, data: str, who: str, source: str, **rates: float) -> Comparison:
    figures = (Figure(name.replace("_", "-"), rate) for name, rate in rates.items())
    return Comparison(language, data, who, source, tuple(sorted(figures, key=lambda item: item.error_rate)))


_BY_ONNX_ASR = mark("by the author of onnx-asr")
_BY_GIGAAM = mark("by the makers of GigaAM")
COMPARISONS = (
    _compare(
        "ru",
        "Russian LibriSpeech, test",
        _BY_ONNX_ASR,
        _ONNX_ASR,
        gigaam_v3_rnnt=4.39,
        gigaam_v3_ctc=4.72,
        t_one=6.57,
        gigaam_v3=7.60,
        gigaam_v3_e2e_ctc=7.80,
        zipformer_ru=9.89,
        large_v3_turbo=10.27,
        parakeet_v3=10.95,
        fastconformer_ru=11.57,
        zipformer_small_ru=14.53,
        canary_v2=20.03,
        base=38.34,
    ),
    _compare(
        "en",
        "VoxPopuli, test",
        _BY_ONNX_ASR,
        _ONNX_ASR,
        parakeet_rnnt=6.34,
        parakeet_v2=6.51,
        parakeet_v3=6.75,
        parakeet_ctc=7.22,
        canary_v2=7.49,
        large_v3_turbo=11.54,
        base=12.26,
    ),
    *(
        _compare(
            language,
            "FLEURS",
            _BY_GIGAAM,
            _GIGAAM,
            gigaam_multilingual_large=large,
            gigaam_multilingual=small,
            large_v3=whisper,
        )
        for language, large, small, whisper in (
            ("kk", 4.4, 5.2, 32.4),
            ("ky", 5.5, 7.0, 86.3),
            ("uz", 7.3, 10.0, 105.4),
        )
    ),
)


def find_comparisons(language: str) -> tuple[Comparison, ...]:
    """Those of a language, by its ISO 639-1 code."""
    return tuple(item for item in COMPARISONS if item.language == language)


def find_clearly_better(language: str) -> Figure | None:
    """The best model of a language's comparison, where the best Whisper in it makes twice its errors or more."""
    for item in find_comparisons(language):
        whisper = [figure for figure in item.figures if figure.is_whisper]
        best = item.figures[0]
        if whisper and whisper[0].error_rate >= _CLEARLY * best.error_rate:
            return best
    return None


def list_knowing(language: str) -> Iterator[str]:
    """Names of the recognisers beside Whisper that know a language."""
    return (name for name, known in recognisers.KNOWN.items() if language in known.languages)
