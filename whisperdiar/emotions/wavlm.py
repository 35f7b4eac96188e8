"""Emotion diarization by WavLM: angry, happy, neutral or sad in every 20 ms, by SpeechBrain's own code.

Source: Wang, Ravanelli, Yacoubi, "Speech Emotion Diarization: Which Emotion Appears When?", 2023, arXiv:2306.12991;
SpeechBrain and its model, Apache 2.0.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from whisperdiar.contracts import Parts, Progress, check_sample_rate, current_parts, no_progress, remember_json
from whisperdiar.errors import BackendBroken, InvalidOption, describe_error
from whisperdiar.frameworks.speechbrain import import_interface, open_folder
from whisperdiar.frameworks.torch import (
    TorchBackend,
    choose_device,
    import_module,
    limit_cpu_threads,
    require,
    silence_transformers,
    translate_memory_errors,
)
from whisperdiar.models.sources import Source
from whisperdiar.options import EmotionSettings
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Samples, Span, Turn, merge_spans

STAGE = "emotions"
EXTRA = "speechbrain"
REPOSITORY = EmotionSettings().model
WAVLM = "microsoft/wavlm-large"
FILES = {
    REPOSITORY: ("hyperparams.yaml", "input_norm.ckpt", "wav2vec2.ckpt", "model.ckpt", "label_encoder.txt"),
    WAVLM: ("config.json", "preprocessor_config.json", "pytorch_model.bin"),
}
"""Of each repository; other models and networks have the same."""
EMOTIONS = {"a": "angry", "h": "happy", "n": "neutral", "s": "sad"}
"""What the model's labels stand for."""
_JOINED_PAUSE_S = 0.5
_SHORTEST_S = 0.1
"""Less than this is no frame of the network's, or hardly one."""


def check_model(model: str) -> None:
    """Raises InvalidOption where this is neither a repository nor a folder that is there."""
    if not os.path.isdir(os.path.expanduser(model)) and not re.fullmatch(r"\w[\w.-]*/[\w.-]+(@[\w.-]+)?", model):
        raise InvalidOption(
            _("--emotions {model}: no such model; give {known}, OWNER/NAME or a folder").format(
                model=model, known=REPOSITORY
            )
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside the block nobody logs below an error: SpeechBrain sets the level of each of its loggers by itself, and
    tells that a network which is used is not trained."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class EmotionDiarizer(TorchBackend[EmotionSettings, Any]):
    """Tells which emotion is heard when, by SpeechBrain's `Speech_Emotion_Diarization`."""

    name: ClassVar[str] = "wavlm-emotions"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="SpeechBrain's emotion diarization by WavLM: angry, happy, neutral, sad",
        licence="Apache-2.0",
        extra=EXTRA,
        network=True,
        download_mb=2520,
        homepage=f"https://huggingface.co/{REPOSITORY}",
        repositories=(REPOSITORY, WAVLM),
        requires=("speechbrain", "transformers"),
    )
    settings_type: ClassVar[type] = EmotionSettings

    _wavlm: Path | None = None

    def _load(self, progress: Progress) -> Any:
        """Import SpeechBrain, find the model and the WavLM that it is built on, and load it.

        Raises:
            InvalidOption: no such model.
            BackendMissing, BackendBroken: SpeechBrain cannot be used, or the folder holds another kind of model.
            ModelUnavailable: the model is not here and cannot be fetched.
        """
        check_model(self.settings.model)
        require("speechbrain", package="SpeechBrain", extra=EXTRA)
        require("transformers", package="Transformers", extra="align")
        folder = Source.of(self.settings.model, self.runtime, progress=progress).folder(FILES[REPOSITORY])
        self._wavlm = wavlm = self._find_wavlm(folder, progress)
        interface = import_interface("diarization", "Speech_Emotion_Diarization")
        transformers = import_module("transformers", package="Transformers", extra="align")
        device = choose_device(self.runtime, extra=EXTRA)
        try:
            with silence_transformers(transformers), _quiet():
                # The published parameters name their own repository and WavLM's: both are read from where they lie.
                places = {"pretrained_path": str(folder), "wav2vec2_hub": str(wavlm)}
                return open_folder(interface, folder, device=device, overrides=places)
        except Exception as error:  # a model folder is a program: it can fail in any way
            raise BackendBroken(
                _("{folder} cannot be loaded as an emotion diarization of SpeechBrain: {cause}; choose another").format(
                    folder=folder, cause=describe_error(error)
                )
            ) from error

    def _find_wavlm(self, folder: Path, progress: Progress) -> Path:
        """The folder of the network that the parameters name: a repository, or a folder in that of the model."""
        found = re.search(r"^wav2vec2_hub: *[\"']?([^\"'\s]+)", (folder / "hyperparams.yaml").read_text("utf-8"), re.M)
        named = found[1] if found else WAVLM
        if (folder / named).is_dir():
            return folder / named
        return Source.of(named, self.runtime, progress=progress).folder(FILES[WAVLM])

    def record(self) -> BackendRecord:
        """Which model tells emotions, and once it is loaded, the WavLM that it is built on, and the device."""
        if self._loaded is None or self._wavlm is None:
            return BackendRecord(self.name, model=self.settings.model)
        details = {"wavlm": self._wavlm.name, "device": str(self._loaded.device)}
        return BackendRecord(self.name, model=self.settings.model, details=details)

    def diarize(self, audio: Audio, *, speech: Sequence[Span], progress: Progress = no_progress) -> tuple[Turn, ...]:
        """Turns whose speakers are emotions, in order, inside `speech`; pauses of up to 0.5 s belong to it.

        Args:
            audio: at 16 kHz.
            speech: where somebody speaks; emotion is told nowhere else.

        Raises:
            UnsupportedRequest: another sample rate.
            BackendError: the memory is not enough.
        """
        check_sample_rate(audio, self.name)
        inside = (part for span in speech if (part := span.clip(0.0, audio.duration)))
        spans = [span for span in merge_spans(inside, gap=_JOINED_PAUSE_S) if span.duration >= _SHORTEST_S]
        found: list[Turn] = []
        parts = current_parts()
        for number, span in enumerate(spans):
            for part in self._divide(span):
                for turn in self._hear(audio, part, span, parts):
                    last = found[-1] if found else None
                    if last is not None and last.speaker == turn.speaker and last.end >= turn.start:
                        found[-1] = replace(last, span=Span(last.start, turn.end))
                    else:
                        found.append(turn)
            progress(STAGE, (number + 1) / len(spans))
        return tuple(found)

    def _divide(self, span: Span) -> Iterator[Span]:
        """A stretch of speech in equal windows of at most `window` seconds."""
        n = math.ceil(span.duration / self.settings.window)
        edges = [span.start + span.duration * i / n for i in range(n)] + [span.end]
        return (Span(first, last) for first, last in pairwise(edges))

    def _hear(self, audio: Audio, part: Span, whole: Span, parts: Parts | None) -> Iterator[Turn]:
        """The emotions of a window, which is heard with a margin of the speech around it; kept in `parts`."""
        rate, margin = audio.sample_rate, self.settings.margin
        first = round(max(whole.start, part.start - margin) * rate)
        last = round(min(whole.end, part.end + margin) * rate)
        heard = remember_json(
            parts, f"window {first} {last}", lambda: self._run(np.array(audio.mono_part(first, last)), rate)
        )
        for start, end, emotion in heard:
            span = Span(first / rate + start, first / rate + end).clip(part.start, part.end)
            if span is not None:
                yield Turn(span, emotion)

    def _run(self, samples: Samples, rate: int) -> list[tuple[float, float, str]]:
        """Start, end and emotion, in seconds of the samples and without holes, as SpeechBrain finds them."""
        import torch

        model = self._require()
        with (
            limit_cpu_threads(self.runtime.threads),
            translate_memory_errors(_("emotion diarization"), remedy=_("use --device cpu")),
            torch.inference_mode(),
        ):
            found = model.diarize_batch(torch.from_numpy(samples[None]), torch.ones(1), ["x"])["x"]
        starts = [0.0, *(float(item["start"]) for item in found[1:]), len(samples) / rate]
        names = [EMOTIONS.get(item["emotion"], str(item["emotion"])) for item in found]
        return list(zip(starts, starts[1:], names, strict=False))
