"""onnx-asr: Parakeet, Canary, GigaAM, T-one, Zipformer and others in ONNX Runtime, without PyTorch.

speech spans → pieces of at most `max_chunk` seconds → batches → tokens with times and probabilities → words

Times and probabilities are the model's own: it tells when it gave each piece of a word out. Canary, and Whisper in
these formats, tell no times; their words are placed by forced alignment, behind every recogniser.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from whisperdiar.asr._shared.batches import BatchRecogniser, HeardText, transcribe_in_batches
from whisperdiar.asr._shared.words import UNSPACED_LANGUAGES
from whisperdiar.asr.onnx.loading import EXTRA, LoadedRecogniser, explain_out_of_memory, load
from whisperdiar.asr.onnx.tokens import group_tokens, mean_probability
from whisperdiar.contracts import LoadingBackend, Progress, check_sample_rate, no_progress
from whisperdiar.errors import BackendError, InvalidOption, UnsupportedRequest, describe_error
from whisperdiar.models import recognisers
from whisperdiar.options import SAMPLE_RATE_HZ, OnnxAsrSettings
from whisperdiar.system.forks import computes
from whisperdiar.system.machine import is_out_of_memory, usable_cores
from whisperdiar.text.languages import find_code
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, BackendInfo, BackendRecord, Samples, Span, Transcription

_DEFAULT = recognisers.KNOWN[OnnxAsrSettings().model]


class Backend(LoadingBackend[OnnxAsrSettings, LoadedRecogniser]):
    """Words by a model that onnx-asr runs."""

    name: ClassVar[str] = "onnx"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="onnx-asr: Parakeet, Canary, GigaAM, T-one, Zipformer, without PyTorch",
        licence="MIT",
        extra=EXTRA,
        network=True,
        download_mb=_DEFAULT.size_mb or 0,
        homepage="https://github.com/istupakov/onnx-asr",
        requires=("onnx_asr",),
    )
    settings_type: ClassVar[type[OnnxAsrSettings]] = OnnxAsrSettings
    model_names: ClassVar[tuple[str, ...]] = (
        *recognisers.KNOWN,
        *(known.onnx_asr for known in recognisers.KNOWN.values()),
    )
    downloaded_as: ClassVar[str] = OnnxAsrSettings().model

    @staticmethod
    def check_model(settings: OnnxAsrSettings) -> None:
        """Raises InvalidOption where no model can have this name, or it is a folder without one; nothing is loaded."""
        recognisers.check(settings.model, settings.layout)

    @staticmethod
    def check_language(settings: OnnxAsrSettings, language: str | None) -> None:
        """Nothing is loaded.

        Raises:
            UnsupportedRequest: the model does not know the language, or has to be told one.
        """
        name = recognisers.find_name(settings.model)
        if name is not None:
            known = recognisers.KNOWN[name]
            _choose_language(language, settings.model, known.languages, recognisers.LAYOUTS[known.layout])

    @staticmethod
    def has_model() -> bool:
        """Whether the model of the default settings is on this machine."""
        return recognisers.find_cached(OnnxAsrSettings().model) is not None

    @property
    def lacks_word_times(self) -> bool:
        """Whether the model tells no times; it is loaded where it is not yet."""
        return not self._require().layout.tells_times

    def _load(self, progress: Progress) -> LoadedRecogniser:
        return load(self.settings, runtime=self.runtime, progress=progress)

    def record(self) -> BackendRecord:
        """Name, files and revision of the model, device and precision (once it is loaded)."""
        if self._loaded is None:
            return BackendRecord(self.name, self.settings.model)
        found = self._loaded.found
        details: dict[str, Any] = {
            "repository": found.repository,
            "revision": found.revision,
            "layout": found.layout,
            "device": self._loaded.device,
            "compute_type": found.precision or "float32",
            "batch_size": self._loaded.batch_size,
            "version": self._loaded.version,
        }
        return BackendRecord(self.name, found.name, details=details)

    def transcribe(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        language: str | None = None,
        progress: Progress = no_progress,
    ) -> Transcription:
        """Words in order of time, only from `speech`.

        The language is the one that is given, or the model's only one, or else told from the text.

        Raises:
            UnsupportedRequest: the audio is not at 16 kHz, or the model does not know the language, or has to be told.
            BackendError: decoding failed.
        """
        check_sample_rate(audio, self.name)

        def prepare() -> BatchRecogniser:
            loaded = self._require(progress)
            known = loaded.found.languages
            spoken = _choose_language(language, loaded.found.name, known, loaded.layout)
            computes("ONNX Runtime", self.runtime.threads or usable_cores())
            return BatchRecogniser(partial(self._decode, loaded, spoken), loaded.batch_size, spoken, known)

        return transcribe_in_batches(
            audio, speech, prepare, language=_code(language), limit=self.settings.max_chunk, progress=progress
        )

    def _decode(self, loaded: LoadedRecogniser, language: str | None, sounds: list[Samples]) -> list[HeardText]:
        options = {"language": language} if loaded.layout.needs_language else {}
        try:
            results = loaded.recogniser.recognize(sounds, sample_rate=SAMPLE_RATE_HZ, **options)
        except Exception as error:  # files of another network fail where they are run, with types of ONNX Runtime's own
            if isinstance(error, KeyError) and error.args == (f"<|{language}|>",):
                raise UnsupportedRequest(
                    _("language {language!r}: model {model} has no token {error}; choose another model").format(
                        language=language, model=loaded.found.name, error=error
                    )
                ) from error
            if is_out_of_memory(error):
                raise BackendError(explain_out_of_memory(loaded.found, language)) from error
            raise BackendError(
                _("model {model} failed in onnx-asr ({cause}): take another one").format(
                    model=loaded.found.name, cause=describe_error(error, first_line=True)
                )
            ) from error
        return [_hear(item, sound, language) for item, sound in zip(results, sounds, strict=True)]


def _hear(result: Any, sound: Samples, language: str | None) -> HeardText:
    """Words of onnx-asr's `TimestampedResult`."""
    log_probabilities = result.logprobs
    if result.tokens is None or result.timestamps is None:
        # The words have no tokens of their own to be told by; the text as a whole is as probable as its tokens.
        return HeardText(result.text, probability=mean_probability(log_probabilities))
    words = group_tokens(
        result.text,
        result.tokens,
        result.timestamps,
        log_probabilities,
        end=sound.size / SAMPLE_RATE_HZ,
        spaced=language not in UNSPACED_LANGUAGES,
    )
    return HeardText(result.text, words, mean_probability(log_probabilities))


def _code(language: str | None) -> str | None:
    """ISO 639-1 of what a user typed."""
    if language is None:
        return None
    return (find_code(language.strip()) or "").lower().replace("_", "-").partition("-")[0] or None


def _choose_language(
    language: str | None, model: str, known: tuple[str, ...], layout: recognisers.Layout
) -> str | None:
    """The language that is heard; None where the model takes any of its own without being told.

    Raises:
        UnsupportedRequest: the model does not know it, or has to be told.
        InvalidOption: it is no language.
    """
    code = _code(language)
    if language is not None and code is None:
        raise InvalidOption(_("language {language!r}: give a code such as 'en' or 'ru'").format(language=language))
    if code is None and len(known) == 1:
        return known[0]
    if code is None and layout.needs_language:
        raise UnsupportedRequest(
            _("model {model} has to be told the language: give --language, such as --language en").format(model=model)
        )
    if code is not None and known and code not in known:
        raise UnsupportedRequest(
            _("language {language!r}: model {model} knows {known}; choose another model, or --asr whisper").format(
                language=language, model=model, known=", ".join(known)
            )
        )
    return code
