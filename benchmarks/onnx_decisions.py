"""What the diarizer `onnx` does behind its networks, by length: stretches, clustering, activity, turns.

    python benchmarks/onnx_decisions.py --segmentation-model FILE --embedding-model FILE [--hours 1 3 10 24] [--words]

The networks take nearly all of the time, and their memory does not grow; this is the rest, for which a day would take
them hours. The segmentation hears one recording, whose windows are then repeated; the voice of a stretch is drawn round
that of the person who talks then (cosine distance 0.25 or so from it), so that no two are the same. `--words` gives the
diarizer words as well, three a second. Printed are processor seconds and by how many MiB the peak of memory lies above
what the process held before, of which the windows' answers are the second number.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from long_transcripts import measure
from numpy.typing import NDArray

from whisperdiar import Audio, Span, Turn, Word, load, read
from whisperdiar.diarization.onnx import Backend, stretch_diarization
from whisperdiar.options import OnnxSettings, Runtime
from whisperdiar.types import ANY_SPEAKERS

SAMPLES = Path(__file__).parents[1] / "samples"
_RATE_HZ = 16_000
_DIMENSION = 192
_WORDS_A_SECOND = 3
_SPREAD = 0.6


class _Repeated:
    """A segmentation whose windows are those of one recording, over and over."""

    def __init__(self, own: Any, active: NDArray[np.bool_]) -> None:
        self.grid, self._active = own.grid, active

    def scores(self, audio: Audio, grid: Any, *, report: Callable[[float], None]) -> tuple[Any, Any]:
        del audio, report
        found = np.zeros((grid.n_windows, *self._active.shape[1:]), dtype=bool)
        for first in range(0, len(found), len(self._active)):
            part = found[first : first + len(self._active)]
            part[:] = self._active[: len(part)]
        return found, found


def _draw_voices(turns: Sequence[Turn], period: float, *given: Any, **_more: Any) -> NDArray[np.float32]:
    """In place of `stretch_diarization.embed`: float32 (n, dimension), of length 1."""
    spans: Sequence[Span] = given[1]
    drawn = np.random.default_rng(0)
    people = {who: drawn.normal(size=_DIMENSION) for who in sorted({turn.speaker for turn in turns})}
    found = np.zeros((len(spans), _DIMENSION))
    for row, span in zip(found, spans, strict=True):
        middle = (span.start + span.end) / 2 % period
        nearest = min(turns, key=lambda turn: max(turn.start - middle, middle - turn.end, 0.0))
        row[:] = people[nearest.speaker] + _SPREAD * drawn.normal(size=_DIMENSION)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def _lay_words(turns: Sequence[Turn], period: float, hours: float) -> tuple[Word, ...]:
    words = []
    for begin in np.arange(0.0, 3600 * hours - period, period).tolist():
        for turn in turns:
            n = max(1, round(_WORDS_A_SECOND * turn.span.duration))
            edges = np.linspace(begin + turn.start, begin + turn.end, n + 1).tolist()
            words += [Word(Span(edges[k], edges[k + 1]), f" word{'.' * (k == n - 1)}", 0.9) for k in range(n)]
    return tuple(sorted(words, key=lambda word: word.span))


def main() -> None:
    """A row for each length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentation-model", required=True)
    parser.add_argument("--embedding-model", required=True)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 3.0, 10.0, 24.0])
    parser.add_argument("--words", action="store_true")
    chosen = parser.parse_args()
    settings = OnnxSettings(segmentation_model=chosen.segmentation_model, embedding_model=chosen.embedding_model)
    backend = Backend(settings, runtime=Runtime(offline=True, threads=1))
    backend.prepare()
    segmentation, encoder = backend._require()
    piece = load(SAMPLES / "natural" / "walk.ogg")
    turns = read(SAMPLES / "natural" / "walk.rttm").turns
    grid = segmentation.grid(piece)
    whole = (piece.samples.shape[1] - grid.length) // grid.step + 1
    period = whole * grid.step / _RATE_HZ
    _, active = segmentation.scores(piece, grid, report=lambda _done: None)
    backend._loaded = (_Repeated(segmentation, active[:whole]), encoder)  # type: ignore[assignment]
    stretch_diarization.embed = functools.partial(_draw_voices, turns, period)  # type: ignore[assignment]
    print(
        "| hours | processor, s | an hour, s | memory, MiB | the windows' answers, MiB |\n|---|---|---|---|---|",
        flush=True,
    )
    for hours in chosen.hours:
        audio = Audio(np.zeros((1, round(3600 * hours) * _RATE_HZ), np.float32), _RATE_HZ)
        words = _lay_words(turns, period, hours) if chosen.words else ()
        speech = (Span(0.0, audio.duration),)
        work = functools.partial(backend.diarize, audio, speech=speech, speakers=ANY_SPEAKERS, words=words)
        spent, memory = measure(work)
        answers = segmentation.grid(audio).n_windows * active[0].size / 2**20
        print(f"| {hours:g} | {spent:.1f} | {spent / hours:.2f} | {memory:.0f} | {answers:.0f} |", flush=True)


if __name__ == "__main__":
    main()
