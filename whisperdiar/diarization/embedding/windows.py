"""Window embeddings: windows inside the spans of speech, and the speaker embedding of each."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, current_parts, no_progress, remember_array
from whisperdiar.diarization._shared.clusters import normalise_length
from whisperdiar.types import Audio, Samples, Span

Vectors = NDArray[np.float32]
Times = NDArray[np.float64]

_STILL = 2.0**-16  # half a step of 16-bit audio: no voice can be told from it
_SAME_START = 1e-6  # seconds
_FEWEST_NEIGHBOURS = 10  # pairs of windows that tell how far a voice is from itself


class SpeakerEncoder(Protocol):
    """A network that turns a stretch of speech into a vector: near for one voice, far for two.

    Attributes:
        name: as the user chooses it.
        source: of the model, with its revision; known after `prepare`.
        sample_rate: in Hz, of the sound that it takes.
        step: seconds from window to window that suit its speed.
        spread: mean cosine distance of two windows of 1.6 s of one voice, where it was measured.
        usual_spread: what is taken for it where it was not, and the recording is too short to tell.
        device: ``cpu`` or ``cuda:N``; known after `prepare`.
    """

    name: str
    source: str
    sample_rate: int
    step: float
    spread: float | None
    usual_spread: float
    device: str

    @property
    def dimension(self) -> int:
        """Of the vectors; known after `prepare`."""

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Imports, fetches and loads what is needed; raises as `whisperdiar.contracts.BaseBackend.prepare` does."""

    def embed(self, windows: Samples) -> Vectors:
        """float32 (n, n_samples) → float32 (n, dimension), of any length; not finite where it cannot tell."""

    def close(self) -> None:
        """Drops the model and the memory that it holds; `prepare` loads it again."""


class RememberingEncoder:
    """A `SpeakerEncoder` that embeds the same windows once."""

    def __init__(self, encoder: SpeakerEncoder) -> None:
        self._encoder = encoder
        self._known: dict[bytes, Vectors] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed(self, windows: Samples) -> Vectors:
        """As that of the encoder."""
        key = hashlib.blake2b(windows.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._encoder.embed(windows)
        found: Vectors = self._known[key].copy()
        return found


@dataclass(frozen=True, slots=True, eq=False)
class WindowEmbeddings:
    """The windows of a recording.

    Attributes:
        centres: float64 (n,), the middle of each window in seconds, rising.
        regions: int64 (n,), the number of the span in which it lies.
        embeddings: float32 (n, d), of length 1; zeros where there is no sound.
    """

    centres: Times
    regions: NDArray[np.int64]
    embeddings: Vectors

    @property
    def heard(self) -> NDArray[np.bool_]:
        """bool (n,): where there is sound."""
        return np.asarray(self.embeddings.any(axis=1))

    def spread(self, window: float) -> float | None:
        """Mean distance of neighbours that do not overlap, mostly two windows of one voice; None where there are few.

        The median of all such pairs: pairs at a change of speaker are too few to move it.
        """
        later = np.searchsorted(self.centres, self.centres + window - _SAME_START)
        first = np.flatnonzero(later < len(self.centres))
        second = later[first]
        heard = self.heard
        near = (self.regions[first] == self.regions[second]) & heard[first] & heard[second]
        if near.sum() < _FEWEST_NEIGHBOURS:
            return None
        pairs = np.einsum("nd,nd->n", self.embeddings[first[near]], self.embeddings[second[near]])
        return float(np.median(1.0 - pairs))


def place_windows(regions: Sequence[Span], *, window: float, step: float) -> tuple[list[Span], NDArray[np.int64]]:
    """Windows inside `regions`, and the region of each, int64 (n,).

    They are spread evenly, from the very start to the very end, at most `step` seconds apart. A region that is
    shorter than a window makes one, as short as it is.
    """
    spans, owners = [], []
    for number, region in enumerate(regions):
        room = region.duration - window
        count = 1 if room <= 0 else math.ceil(room / step - 1e-9) + 1
        for i in range(count):
            start = region.start + (room * i / (count - 1) if count > 1 else 0.0)
            spans.append(Span(start, max(start, min(start + window, region.end))))
            owners.append(number)
    return spans, np.asarray(owners, dtype=np.int64)


def embed_windows(
    audio: Audio,
    regions: Sequence[Span],
    *,
    encoder: SpeakerEncoder,
    window: float,
    step: float,
    batch_size: int,
    progress: Progress = no_progress,
) -> WindowEmbeddings:
    """The voices of all windows in `regions`, which are sorted, disjoint and inside the audio.

    Of a recording only a batch of windows is in memory at a time.
    """
    spans, owners = place_windows(regions, window=window, step=step)
    n_samples = round(window * audio.sample_rate)
    kept = current_parts()
    parts = [np.zeros((0, encoder.dimension), np.float32)]
    for first in range(0, len(spans), batch_size):
        chosen = spans[first : first + batch_size]
        key = f"windows {[(span.start, span.end) for span in chosen]} {n_samples} {encoder.name}"

        def embed(chosen: Sequence[Span] = chosen) -> Vectors:
            batch = np.stack([_read_window(audio, span, n_samples) for span in chosen])
            still = np.abs(batch).max(axis=1) < _STILL
            found = np.zeros((len(batch), encoder.dimension), np.float32)
            if not still.all():
                found[~still] = normalise_length(encoder.embed(batch[~still]))
            return found

        parts.append(remember_array(kept, key, embed))
        progress("diarization", min(1.0, (first + len(chosen)) / len(spans)))
    centres = np.asarray([(span.start + span.end) / 2 for span in spans], dtype=np.float64)
    return WindowEmbeddings(centres, owners, np.concatenate(parts))


def _read_window(audio: Audio, span: Span, n_samples: int) -> Samples:
    """float32 (n_samples,): the sound of one window, over and over where it is shorter.

    Its surroundings would belong to somebody else, and silence to nobody.
    """
    total = audio.samples.shape[1]
    first = min(round(span.start * audio.sample_rate), total - 1)
    last = max(first + 1, min(round(span.end * audio.sample_rate), first + n_samples, total))
    mono = np.resize(audio.mono_part(first, last), n_samples).astype(np.float32)
    return np.nan_to_num(mono, copy=False, posinf=0.0, neginf=0.0)
