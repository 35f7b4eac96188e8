"""Transformers: any speech-to-text model that its pipeline runs, as a folder or repository of the user's choice.

Models by CTC (wav2vec 2.0, HuBERT, WavLM …) and Whisper tell times of words; others (Moonshine, Speech2Text …) tell a
text, whose words forced alignment places, behind every recogniser. The pipeline tells no probabilities: every word
has 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from whisperdiar.asr._shared.batches import BatchRecogniser, HeardText, transcribe_in_batches
from whisperdiar.asr._shared.words import UNSPACED_LANGUAGES, RawWord
from whisperdiar.asr.transformers.loading import EXTRA, LoadedPipeline, check, load
from whisperdiar.contracts import Progress, check_sample_rate, no_progress
from whisperdiar.errors import BackendError, describe_error
from whisperdiar.frameworks.torch import (
    TorchBackend,
    import_module,
    limit_cpu_threads,
    silence_transformers,
    translate_memory_errors,
)
from whisperdiar.options import TransformersSettings
from whisperdiar.text.languages import language_code
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Samples, Span, Transcription


class Backend(TorchBackend[TransformersSettings, LoadedPipeline]):
    """Words by a model of Transformers."""

    name: ClassVar[str] = "transformers"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="any speech-to-text model of Transformers that you name (--model)",
        licence="Apache-2.0",
        extra=EXTRA,
        network=True,
        homepage="https://huggingface.co/docs/transformers",
        requires=("torch", "transformers"),
    )
    settings_type: ClassVar[type[TransformersSettings]] = TransformersSettings

    @staticmethod
    def check_model(settings: TransformersSettings) -> None:
        """Raises InvalidOption where no model is named, or a folder without one; nothing is loaded."""
        check(settings.model)

    @staticmethod
    def has_model() -> bool:
        """Its user brings it."""
        return True

    @property
    def lacks_word_times(self) -> bool:
        """Whether the model tells no times; it is loaded where it is not yet."""
        return not self._require().tells_times

    def _load(self, progress: Progress) -> LoadedPipeline:
        return load(self.settings, runtime=self.runtime, progress=progress)

    def record(self) -> BackendRecord:
        """Name and revision of the model, its class, device and precision (once it is loaded)."""
        if self._loaded is None:
            return BackendRecord(self.name, self.settings.model or None)
        loaded = self._loaded
        details: dict[str, Any] = {
            "revision": loaded.revision,
            "architecture": loaded.architecture,
            "device": loaded.device,
            "compute_type": self.settings.compute_type.replace("auto", "float32"),
            "batch_size": loaded.batch_size,
            "version": loaded.version,
        }
        return BackendRecord(self.name, loaded.name, details=details)

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`; without a `language` the text tells it.

        Raises:
            UnsupportedRequest: the audio is not at 16 kHz.
            InvalidOption: no such language.
            BackendError: decoding failed.
        """
        check_sample_rate(audio, self.name)
        code = (language_code(language) or "").partition("-")[0].partition("_")[0] or None

        def prepare() -> BatchRecogniser:
            loaded = self._require(progress)
            return BatchRecogniser(partial(self._decode, loaded, code), loaded.batch_size, code)

        return transcribe_in_batches(
            audio, speech, prepare, language=code, limit=self.settings.max_chunk, progress=progress
        )

    def _decode(self, loaded: LoadedPipeline, language: str | None, sounds: list[Samples]) -> list[HeardText]:
        options: dict[str, Any] = {"return_timestamps": "word"} if loaded.tells_times else {}
        if language is not None and loaded.takes_language:
            options["generate_kwargs"] = {"language": language}
        transformers: Any = import_module("transformers", package="Transformers", extra=EXTRA)
        remedy = _("use a smaller model, or --device cpu")
        with (
            silence_transformers(transformers),
            limit_cpu_threads(self.runtime.threads),
            translate_memory_errors(_("model {model}").format(model=loaded.name), remedy=remedy),
        ):
            try:
                found = loaded.pipeline(list(sounds), batch_size=loaded.batch_size, **options)
            except (MemoryError, BackendError):
                raise
            except Exception as error:  # models whose interface is another one fail here, in ways of their own
                if "memory" in str(error).lower():
                    raise
                raise BackendError(
                    _("model {model} failed in Transformers ({cause}): take another one").format(
                        model=loaded.name, cause=describe_error(error, first_line=True)
                    )
                ) from error
        return [_hear(item, spaced=language not in UNSPACED_LANGUAGES) for item in found]


def _hear(item: dict[str, Any], *, spaced: bool) -> HeardText:
    """Words of the pipeline's answer; those by CTC come without their spaces."""
    chunks = item.get("chunks", ())
    is_joined = "".join(chunk["text"] for chunk in chunks).split() == item["text"].split()
    words = []
    for chunk in chunks:
        if chunk["text"].strip():
            start, end = (None if time is None else float(time) for time in chunk["timestamp"])
            text = chunk["text"] if is_joined or not spaced else f" {chunk['text'].strip()}"
            words.append(RawWord(text, start, end))
    return HeardText(item["text"], tuple(words))
