"""Settings of the diarizer `embedding`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from whisperdiar.errors import InvalidOption
from whisperdiar.options._ranges import TunableRange, check_at_least_one, check_choice, check_numbers, check_ranges
from whisperdiar.options.command_line import EMBEDDINGS
from whisperdiar.text.messages import _

EMBEDDING_CLUSTERINGS = ("auto", "agglomerative", "kmeans")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """Diarization by speaker embeddings of short windows.

    Distances are told in units of the spread of a voice: how far two windows of one voice usually are from each other.
    It is known for embeddings that were measured, and otherwise taken from the recording.

    Attributes:
        embedding: ``ecapa`` (SpeechBrain), ``resemblyzer``, ``campplus`` or ``wespeaker`` (ONNX Runtime),
            ``pyannote``, or ``auto``: the best that can run.
        embedding_model: repository of the hub, folder or file of that embedding; None for its own.
        window: seconds of speech that are embedded at a time.
        step: seconds from window to window; None for 0.2 with fast embeddings and 0.4 with others.
        batch_size: windows embedded at once; less needs less memory.
        clustering: ``agglomerative``; ``kmeans``, which then moves windows between the clusters to the nearest voice;
            ``auto`` is ``agglomerative``.
        cut: distance up to which windows join into first clusters, in spreads; less gives smaller, purer ones.
        threshold: distance up to which clusters are one speaker, in spreads; more gives fewer speakers.
        min_speech: seconds of speech that a speaker has at least, where their number is open; what is less joins the
            nearest voice.
        min_share: the same as a share of all speech, for long recordings: 11 s of an hour.
        max_speakers: the most speakers that are found where their number is open; None for no limit.
        change_penalty: seconds for which another voice must be nearer, by one spread, before the speaker changes.

    Raises:
        InvalidOption: a number outside its range, or an unknown name.
    """

    tunable: ClassVar[Mapping[str, TunableRange]] = {
        "threshold": TunableRange(0.1, 1.0, 0.05),
        "cut": TunableRange(1.0, 2.0, 0.05),
        "min_speech": TunableRange(0.4, 4.0, 0.4),
        "change_penalty": TunableRange(0.05, 1.0, 0.05),
    }

    embedding: str = "auto"
    embedding_model: str | None = None
    window: float = 1.6
    step: float | None = None
    batch_size: int = 32
    clustering: str = "auto"
    cut: float = 1.35
    threshold: float = 0.35
    min_speech: float = 1.6
    min_share: float = 0.003
    max_speakers: int | None = None
    change_penalty: float = 0.2

    def __post_init__(self) -> None:
        check_choice("embedding", self.embedding, EMBEDDINGS)
        check_choice("clustering", self.clustering, EMBEDDING_CLUSTERINGS)
        if self.embedding_model is not None and self.embedding == "auto":
            raise InvalidOption(
                _("embedding_model {embedding_model}: say whose it is with embedding={embeddings}").format(
                    embedding_model=self.embedding_model, embeddings="|".join(EMBEDDINGS[1:])
                )
            )
        check_at_least_one(self, "batch_size", "max_speakers")
        check_ranges(
            self,
            ("window", 0.4, 30.0),
            ("step", 0.05, 30.0),
            ("cut", 0.5, 100.0),
            ("threshold", 0.0, 100.0),
            ("min_speech", 0.0, 600.0),
            ("min_share", 0.0, 1.0),
            ("change_penalty", 0.0, 600.0),
        )
        if self.step is not None and self.step > self.window:
            raise InvalidOption(
                _("step {step}: it must not be longer than the window ({window:g} s)").format(
                    step=self.step, window=self.window
                )
            )
        check_numbers(self)
