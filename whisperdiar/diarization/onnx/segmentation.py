"""Local speaker segmentation by ONNX Runtime: who of a few speakers talks when, window by window.

Two kinds of network are known: powerset ones say which set of speakers talks (Plaquet and Bredin, "Powerset
multi-class cross entropy loss for neural speaker diarization", Interspeech 2023), multi-label ones give a probability
for each speaker (Bredin and Laurent, "End-to-end speaker segmentation for overlap-aware resegmentation", 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, current_parts, remember_array
from whisperdiar.diarization._shared.windows import WindowGrid, read_mono
from whisperdiar.errors import InvalidOption
from whisperdiar.frameworks.onnxruntime import Session, find_file, map_on_threads
from whisperdiar.options import SAMPLE_RATE_HZ, OnnxSettings, Runtime
from whisperdiar.text.messages import _
from whisperdiar.types import Audio

REPOSITORY = "onnx-community/pyannote-segmentation-3.0"
FILE = "onnx/model.onnx"
REVISION = "59a8224f6135c72bb92c5a1c3ccb0d0147cc81e6"

Array = NDArray[np.float32]
Active = NDArray[np.bool_]

_POWERSET_WINDOW = 10.0
_MULTI_LABEL_WINDOW = 5.0
"""Seconds: what pyannote's published networks of either kind were trained on."""
_PYANNET_STEP = 270
_PYANNET_FIELD = 991
"""Samples from frame to frame, and that a frame is computed from, in a PyanNet."""
_MOST_SPEAKERS = 20
_THRESHOLD = 0.5
_BATCH = {"cpu": 8, "cuda": 32}
"""Windows at once, for each thread."""


def find(named: str, runtime: Runtime, progress: Progress) -> Path:
    """The file of a segmentation model; raises as `find_file` does."""
    return find_file(named, REPOSITORY, FILE, REVISION, runtime, progress)


class Segmentation:
    """A segmentation network.

    Attributes:
        name: of the model, for messages and the record.
        powerset: whether it says which set of speakers talks; otherwise it gives probabilities.
        n_speakers: that it tells apart in a window.
        device: ``cpu`` or ``cuda:N``.
    """

    def __init__(self, path: Path, settings: OnnxSettings, runtime: Runtime, *, name: str) -> None:
        """Loads the network and finds out its kind by what it makes of noise.

        Raises:
            BackendMissing, BackendBroken: ONNX Runtime or the file cannot be used.
            InvalidOption: the model is of another kind, or there is no such device.
        """
        self.name = name
        self._session = Session(path, runtime, name=name)
        self.device = self._session.device
        shape = self._session.input_shape
        if self._session.n_inputs != 1 or not _is_sound_input(shape):
            raise InvalidOption(
                _(
                    "segmentation model {name} takes input of shape {shape}: give one that takes sound, (batch, "
                    "1, samples)"
                ).format(name=name, shape=shape)
            )
        fixed = shape[2] if isinstance(shape[2], int) else None
        given = settings.segmentation_window
        if fixed is not None and given is not None and round(given * SAMPLE_RATE_HZ) != fixed:
            raise InvalidOption(
                _("segmentation_window {given}: {name} takes {fixed:g} seconds only").format(
                    given=given, name=name, fixed=fixed / SAMPLE_RATE_HZ
                )
            )
        seconds = fixed / SAMPLE_RATE_HZ if fixed is not None else given
        noise = _noise(seconds or _MULTI_LABEL_WINDOW)
        scores = self._session(noise)
        if scores.ndim != 3 or scores.shape[0] != 1 or not 2 <= scores.shape[1] <= noise.shape[2] // 10:
            raise InvalidOption(
                _(
                    "segmentation model {name} gives {shape}: give one that segments speakers, (batch, frames, classes)"
                ).format(name=name, shape=scores.shape)
            )
        self.powerset = not _is_multi_label(scores)
        if self.powerset and settings.segmentation_threshold is not None:
            raise InvalidOption(
                _(
                    "segmentation_threshold {segmentation_threshold}: {name} is a powerset model, which has "
                    "none; leave it out"
                ).format(segmentation_threshold=settings.segmentation_threshold, name=name)
            )
        self._sets = _powerset(scores.shape[2], name) if self.powerset else None
        self.n_speakers = scores.shape[2] if self._sets is None else self._sets.shape[1]
        if seconds is None and self.powerset:
            seconds = _POWERSET_WINDOW
        self.window = seconds or _MULTI_LABEL_WINDOW
        heard = round(self.window * SAMPLE_RATE_HZ) == noise.shape[2]
        self._n_frames = scores.shape[1] if heard else self._session(_noise(self.window)).shape[1]
        batch = settings.segmentation_batch_size or _BATCH[self._session.kind]
        self._batch = 1 if isinstance(shape[0], int) else batch
        self._step = settings.step
        given_threshold = settings.segmentation_threshold
        self._threshold = _THRESHOLD if given_threshold is None else given_threshold

    def remember(self) -> None:
        """Keep every answer from now on, and give it again for the same sound."""
        self._session.remember()

    def grid(self, audio: Audio) -> WindowGrid:
        """Where its windows and frames lie in a recording at 16 kHz."""
        length = round(self.window * SAMPLE_RATE_HZ)
        # The frames of other networks are taken to lie side by side.
        step, field = (_PYANNET_STEP, _PYANNET_FIELD)
        if self._n_frames != _pyannet_frames(length):
            step = field = length / self._n_frames
        return WindowGrid(
            n_samples=audio.samples.shape[1],
            length=length,
            step=max(1, round(self._step * self.window * SAMPLE_RATE_HZ)),
            sample_rate=SAMPLE_RATE_HZ,
            n_frames=self._n_frames,
            frame_step=step / SAMPLE_RATE_HZ,
            frame_duration=field / SAMPLE_RATE_HZ,
        )

    def scores(
        self, audio: Audio, grid: WindowGrid, *, report: Callable[[float], None]
    ) -> tuple[Array | Active, Active]:
        """How much speaks for each local speaker, and who of them talks: two of (n_windows, n_frames, n_speakers).

        The first is float32, probabilities, for a multi-label network, and the same as the second, bool, for a powerset
        network.

        Args:
            report: hears the fraction that is done.
        """
        shape = (grid.n_windows, grid.n_frames, self.n_speakers)
        active = np.zeros(shape, dtype=bool)
        found = active if self._sets is not None else np.zeros(shape, dtype=np.float32)

        parts = current_parts()
        matters = (grid.length, grid.step, grid.n_samples, self.name, self._sets is not None)

        def run(windows: range) -> tuple[range, Array | Active]:
            key = f"segmentation {windows.start} {windows.stop} {matters}"
            return windows, remember_array(parts, key, lambda: listen(windows))

        def listen(windows: range) -> Array | Active:
            sound = read_mono(audio, windows[0] * grid.step, windows[-1] * grid.step + grid.length)
            views = np.lib.stride_tricks.sliding_window_view(sound, grid.length)[:: grid.step]
            scores = self._session(np.ascontiguousarray(views)[:, None])
            # A set of speakers is one class; the most likely one is what pyannote.audio takes, too.
            return scores if self._sets is None else self._sets[scores.argmax(axis=2)]

        for windows, made in map_on_threads(run, grid.batches(self._batch), threads=self._session.parallel):
            here = slice(windows.start, windows.stop)
            found[here] = made
            active[here] = made if self._sets is not None else made > self._threshold
            report(windows.stop / grid.n_windows)
        return found, active


def _is_sound_input(shape: tuple[Any, ...]) -> bool:
    """Whether an input is (batch, 1, samples), each of which may be open; a batch of more than 1 may not be fixed."""
    if len(shape) != 3:
        return False
    batch, channels, samples = (item if isinstance(item, int) else None for item in shape)
    return batch in (1, None) and channels in (1, None) and (samples is None or samples >= SAMPLE_RATE_HZ // 2)


def _noise(seconds: float) -> NDArray[np.float32]:
    n_samples = round(seconds * SAMPLE_RATE_HZ)
    return (0.1 * np.random.default_rng(0).normal(size=(1, 1, n_samples))).astype(np.float32)


def _is_multi_label(scores: NDArray[np.float32]) -> bool:
    """Whether these are probabilities of speakers; those of sets add up to 1, and logarithms lie below 0."""
    inside = bool((scores >= 0.0).all() and (scores <= 1.0).all())
    return inside and not np.allclose(scores.sum(axis=2), 1.0, atol=1e-3)


def _powerset(n_classes: int, name: str) -> NDArray[np.bool_]:
    """Who belongs to each set, bool (n_classes, n_speakers): nobody first, then one by one, then pairs, …

    The fewest speakers with which the number of classes comes out, at least two of them at once if it can be so.
    """
    for pairs in (True, False):
        for n_speakers in range(2 if pairs else 1, _MOST_SPEAKERS):
            for at_once in range(2 if pairs else 1, n_speakers + 1):
                if sum(comb(n_speakers, size) for size in range(at_once + 1)) == n_classes:
                    sets = [c for size in range(at_once + 1) for c in combinations(range(n_speakers), size)]
                    return np.array([[i in members for i in range(n_speakers)] for members in sets])
    raise InvalidOption(
        _(
            "segmentation model {name} has {n_classes} classes, which no number of speakers explains: "
            "give one that segments speakers"
        ).format(name=name, n_classes=n_classes)
    )


def _pyannet_frames(n_samples: int) -> int:
    """How many frames a PyanNet makes: three convolutions, of 251 with stride 10, 5 and 5, each with a pool of 3."""
    frames = ((n_samples - 251) // 10 + 1) // 3
    for _each in range(2):
        frames = (frames - 4) // 3
    return frames
