"""Conversion process: a Whisper checkpoint of Transformers → a model of CTranslate2.

    python -m whisperdiar.models.converter CHECKPOINT MODEL REPORT

It runs beside whisperdiar, not inside: the memory of PyTorch goes back when it ends, what the libraries print stays
with it, and where memory does not suffice it is this process that the system stops. `REPORT` gets a JSON object:
``{}`` where all is well, else ``kind`` (one of `FAILURES`) and ``cause`` (one line).
"""

from __future__ import annotations

import errno
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from whisperdiar.errors import describe_error
from whisperdiar.text.counts import count_weights
from whisperdiar.text.messages import _, use

FAILURES = ("checkpoint", "tokenizer", "disk", "memory")
_NEEDED_TOKENS = ("<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>")
_DISK_ERRORS = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_TIED_WEIGHTS = {"proj_out.weight"}
"""Is the embedding of tokens once more: checkpoints leave it out."""


class ConversionFailure(Exception):
    """Why a checkpoint cannot be converted."""

    def __init__(self, kind: str, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind


def convert(checkpoint: Path, model: Path) -> None:
    """Writes the folder `model` with model.bin, config.json, vocabulary.json, tokenizer.json, preprocessor_config.json.

    Weights are stored in 16 bits; which precision is computed in, CTranslate2 decides when it loads them.

    Raises:
        ConversionFailure: the checkpoint is broken or incomplete.
        OSError: the folder cannot be written.
    """
    for package in ("torch", "transformers"):  # CTranslate2 would pass over what cannot be imported
        importlib.import_module(package)
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):  # type: ignore[misc, unused-ignore]
        """Looks at what Transformers does not mind: weights that are missing get random values there."""

        tokenizer: Any = None

        def load_model(self, model_class: Any, path: str, **options: Any) -> Any:
            try:
                loaded, found = model_class.from_pretrained(path, output_loading_info=True, **options)
            except (OSError, MemoryError):
                raise
            except Exception as error:  # damaged files raise what their readers please
                raise ConversionFailure("checkpoint", describe_error(error, first_line=True)) from error
            lacking = sorted(set(found["missing_keys"]) - _TIED_WEIGHTS)
            if lacking:
                raise ConversionFailure(
                    "checkpoint",
                    _("it lacks {weights}, such as {lacking}").format(
                        weights=count_weights(len(lacking)), lacking=lacking[0]
                    ),
                )
            self.config = loaded.config
            self.knows_languages = bool(getattr(loaded.generation_config, "lang_to_id", None))
            return loaded

        def load_tokenizer(self, tokenizer_class: Any, path: str, **options: Any) -> Any:
            try:
                self.tokenizer = tokenizer_class.from_pretrained(path, **options)
            except Exception as error:  # as above
                raise ConversionFailure("tokenizer", describe_error(error, first_line=True)) from error
            known = self.tokenizer.get_vocab()
            lacking = [token for token in _NEEDED_TOKENS if token not in known]
            if lacking:
                raise ConversionFailure("tokenizer", _("it does not know {lacking}").format(lacking=lacking[0]))
            return self.tokenizer

    converter = Converter(str(checkpoint), load_as_float16=True)
    try:
        converter.convert(str(model), quantization="float16")
    except (ValueError, KeyError, AttributeError) as error:  # sizes that contradict each other
        raise ConversionFailure("checkpoint", describe_error(error, first_line=True)) from error
    ids = converter.tokenizer.get_vocab()
    for index, token in enumerate(json.loads((model / "vocabulary.json").read_text(encoding="utf-8"))):
        if ids.get(token, index) != index:
            raise ConversionFailure("tokenizer", _("its numbers have a gap before {token!r}").format(token=token))
    converter.tokenizer.backend_tokenizer.save(str(model / "tokenizer.json"))
    _mend_config(model / "config.json", ids, keep_languages=converter.knows_languages)
    _write_processor(checkpoint, model, converter.config.num_mel_bins)


def _mend_config(path: Path, ids: dict[str, int], *, keep_languages: bool) -> None:
    """What the checkpoint's generation_config.json would have told, where there is none.

    CTranslate2's converter then takes every additional token for a language, or none (Transformers 5 has no list of
    them any more), and no token is kept from the beginning of a text.
    """
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    config = json.loads(path.read_text(encoding="utf-8"))
    if not (keep_languages and config.get("lang_ids")):
        config["lang_ids"] = sorted(ids[f"<|{code}|>"] for code in _LANGUAGE_CODES if f"<|{code}|>" in ids)
    config["suppress_ids"] = config.get("suppress_ids") or []
    if not config.get("suppress_ids_begin"):
        config["suppress_ids_begin"] = [ids[token] for token in ("Ġ", "<|endoftext|>") if token in ids]
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_processor(checkpoint: Path, model: Path, n_mels: int) -> None:
    """What faster-whisper computes features by; the weights know the number of mel bands best."""
    processor: dict[str, Any] = {"sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (checkpoint / name).is_file():
            found = json.loads((checkpoint / name).read_text(encoding="utf-8"))
            found = found.get("feature_extractor", found)  # Transformers 5 puts all processors into one file
            processor.update({key: found[key] for key in processor if key in found})
    processor["feature_size"] = n_mels
    (model / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")


def summarise_failure(error: BaseException) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def main(checkpoint: str, model: str, report: str, language: str = "en") -> int:
    """The process; 0 where all is well. What fails is told in the language of the process that started it."""
    use(language)
    told: dict[str, str] = {}
    try:
        convert(Path(checkpoint), Path(model))
    except ConversionFailure as error:
        told = {"kind": error.kind, "cause": str(error)}
    except MemoryError as error:
        told = {"kind": "memory", "cause": describe_error(error, first_line=True)}
    except (OSError, RuntimeError) as error:
        # PyTorch says of a failed allocation "DefaultCPUAllocator: can't allocate memory".
        full = isinstance(error, OSError) and error.errno in _DISK_ERRORS
        kind = "disk" if full else "memory" if "allocate memory" in str(error) else "checkpoint"
        told = {"kind": kind, "cause": describe_error(error, first_line=True)}
    Path(report).write_text(json.dumps(told), encoding="utf-8")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
