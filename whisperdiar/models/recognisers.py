"""Recognisers beside Whisper: ONNX models that onnx-asr runs, by name, by repository or as a folder.

A model is a few files in one of onnx-asr's layouts: which files these are, a name or the folder itself tells, so that
models are fetched, found and verified where onnx-asr is not installed. Full precision and 8 bits (``int8``) lie side by
side in most repositories.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, ModelUnavailable
from whisperdiar.models import hub
from whisperdiar.options import ONNX_COMPUTE_TYPES, Runtime
from whisperdiar.text.messages import _, join

EUROPEAN = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it"),
    *("lt", "lv", "mt", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "uk"),
)
"""What NVIDIA's multilingual models know (model cards of parakeet-tdt-0.6b-v3 and canary-1b-v2)."""
_CONFIG = "config.json"
_SMALLER = 0.7
"""Of the size of a model, what another one must not exceed to be worth a try where memory ran out."""
_LARGEST_GRAPH_MB = 2000
"""A file of ONNX holds less than 2 GB."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Files of a model, as a class of onnx-asr reads them.

    Attributes:
        files: names and patterns; a ``{}`` stands where files of lower precision have its name.
        needs_config: whether ``config.json`` has to be there, too: without it GigaAM v3 would hear features of v2.
        tells_times: whether its tokens have times.
        needs_language: whether it has to be told which language it hears.
    """

    files: tuple[str, ...]
    needs_config: bool = False
    tells_times: bool = True
    needs_language: bool = False

    def patterns(self, precision: str = "") -> tuple[str, ...]:
        """What has to be there for a precision (empty: the full one)."""
        suffix = f"?{precision}" if precision else ""
        found = tuple(name.format(suffix) for name in self.files)
        return (*found, _CONFIG) if self.needs_config and _CONFIG not in found else found


_TRANSDUCER = ("encoder-model{}.onnx", "decoder_joint-model{}.onnx", "vocab.txt")
LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "nemo-conformer-ctc": Layout(("model{}.onnx", "vocab.txt")),
        "nemo-conformer-rnnt": Layout(_TRANSDUCER),
        "nemo-conformer-tdt": Layout(_TRANSDUCER),
        "nemo-conformer-aed": Layout(
            ("encoder-model{}.onnx", "decoder-model{}.onnx", "vocab.txt"), tells_times=False, needs_language=True
        ),
        "gigaam-v2-ctc": Layout(("v?_ctc{}.onnx", "v?_vocab.txt"), needs_config=True),
        "gigaam-v2-rnnt": Layout(
            ("v?_rnnt_encoder{}.onnx", "v?_rnnt_decoder{}.onnx", "v?_rnnt_joint{}.onnx", "v?_vocab.txt"),
            needs_config=True,
        ),
        "gigaam-v3-e2e-ctc": Layout(("v3_e2e_ctc{}.onnx", "v3_e2e_ctc_vocab.txt"), needs_config=True),
        "gigaam-v3-e2e-rnnt": Layout(
            (
                "v3_e2e_rnnt_encoder{}.onnx",
                "v3_e2e_rnnt_decoder{}.onnx",
                "v3_e2e_rnnt_joint{}.onnx",
                "v3_e2e_rnnt_vocab.txt",
            ),
            needs_config=True,
        ),
        "gigaam-multilingual-ctc": Layout(("multilingual*_ctc{}.onnx", "multilingual_vocab.txt"), needs_config=True),
        "kaldi-rnnt": Layout(("*/encoder{}.onnx", "*/decoder{}.onnx", "*/joiner{}.onnx", "*/tokens.txt")),
        "t-one-ctc": Layout(("model{}.onnx",), needs_config=True),
        "whisper-ort": Layout(
            ("whisper-*_beamsearch{}.onnx", "vocab.json", "added_tokens.json"),
            tells_times=False,
            needs_language=True,
        ),
        "whisper": Layout(
            ("**/encoder_model{}.onnx", "**/decoder_model_merged{}.onnx", "vocab.json", "added_tokens.json"),
            tells_times=False,
            needs_language=True,
        ),
    }
)
"""Names are onnx-asr's own (`onnx_asr.load_model` of version 0.12)."""
_ALSO_CALLED = {"vosk": "kaldi-rnnt", "gigaam-v3-ctc": "gigaam-v2-ctc", "gigaam-v3-rnnt": "gigaam-v2-rnnt"}


@dataclass(frozen=True, slots=True)
class KnownRecogniser:
    """A model by name.

    Attributes:
        onnx_asr: what onnx-asr calls it.
        repository: on the hub, as onnx-asr's own resolver has it.
        layout: one of `LAYOUTS`.
        languages: ISO 639-1 codes.
        licence: of the weights.
        size_mb: to be downloaded at full precision, as far as that is known; from the number of weights, rounded.
        has_int8: whether the repository holds it in 8 bits as well, a quarter of the size.
        punctuation: whether it writes punctuation and capitals.
    """

    onnx_asr: str
    repository: str
    layout: str
    languages: tuple[str, ...]
    licence: str
    size_mb: int | None = None
    has_int8: bool = True
    punctuation: bool = True

    def patterns(self, precision: str = "") -> tuple[str, ...]:
        """What has to be there for a precision: weights that are too large for one file lie beside their graph, and
        come last, so that a download that was broken off lacks them."""
        found = LAYOUTS[self.layout].patterns(precision)
        is_divided = not precision and (self.size_mb or 0) >= _LARGEST_GRAPH_MB
        return (*found, f"{found[0]}?data") if is_divided else found


_GIGAAM = "istupakov/gigaam-v3-onnx"
_MULTILINGUAL = ("ru", "kk", "ky", "uz", "en")
KNOWN: Mapping[str, KnownRecogniser] = MappingProxyType(
    {
        "parakeet-v3": KnownRecogniser(
            "nemo-parakeet-tdt-0.6b-v3",
            "istupakov/parakeet-tdt-0.6b-v3-onnx",
            "nemo-conformer-tdt",
            EUROPEAN,
            "CC-BY-4.0",
            2500,
        ),
        "parakeet-v2": KnownRecogniser(
            "nemo-parakeet-tdt-0.6b-v2",
            "istupakov/parakeet-tdt-0.6b-v2-onnx",
            "nemo-conformer-tdt",
            ("en",),
            "CC-BY-4.0",
            2500,
        ),
        "parakeet-ctc": KnownRecogniser(
            "nemo-parakeet-ctc-0.6b",
            "istupakov/parakeet-ctc-0.6b-onnx",
            "nemo-conformer-ctc",
            ("en",),
            "CC-BY-4.0",
            2400,
            punctuation=False,
        ),
        "parakeet-rnnt": KnownRecogniser(
            "nemo-parakeet-rnnt-0.6b",
            "istupakov/parakeet-rnnt-0.6b-onnx",
            "nemo-conformer-rnnt",
            ("en",),
            "CC-BY-4.0",
            2400,
            punctuation=False,
        ),
        "canary-v2": KnownRecogniser(
            "nemo-canary-1b-v2", "istupakov/canary-1b-v2-onnx", "nemo-conformer-aed", EUROPEAN, "CC-BY-4.0", 3900
        ),
        "gigaam-v3": KnownRecogniser("gigaam-v3-e2e-rnnt", _GIGAAM, "gigaam-v3-e2e-rnnt", ("ru",), "MIT", 900),
        "gigaam-v3-e2e-ctc": KnownRecogniser("gigaam-v3-e2e-ctc", _GIGAAM, "gigaam-v3-e2e-ctc", ("ru",), "MIT", 900),
        "gigaam-v3-rnnt": KnownRecogniser(
            "gigaam-v3-rnnt", _GIGAAM, "gigaam-v2-rnnt", ("ru",), "MIT", 900, punctuation=False
        ),
        "gigaam-v3-ctc": KnownRecogniser(
            "gigaam-v3-ctc", _GIGAAM, "gigaam-v2-ctc", ("ru",), "MIT", 900, punctuation=False
        ),
        "gigaam-multilingual": KnownRecogniser(
            "gigaam-multilingual-ctc",
            "istupakov/gigaam-multilingual-ctc-onnx",
            "gigaam-multilingual-ctc",
            _MULTILINGUAL,
            "MIT",
            900,
            punctuation=False,
        ),
        "gigaam-multilingual-large": KnownRecogniser(
            "gigaam-multilingual-large-ctc",
            "istupakov/gigaam-multilingual-large-ctc-onnx",
            "gigaam-multilingual-ctc",
            _MULTILINGUAL,
            "MIT",
            2400,
            punctuation=False,
        ),
        "fastconformer-ru": KnownRecogniser(
            "nemo-fastconformer-ru-rnnt",
            "istupakov/stt_ru_fastconformer_hybrid_large_pc_onnx",
            "nemo-conformer-rnnt",
            ("ru",),
            "CC-BY-4.0",
            460,
        ),
        "t-one": KnownRecogniser(
            "t-tech/t-one", "t-tech/T-one", "t-one-ctc", ("ru",), "Apache-2.0", 144, has_int8=False, punctuation=False
        ),
        "zipformer-ru": KnownRecogniser(
            "alphacep/vosk-model-ru",
            "alphacep/vosk-model-ru",
            "kaldi-rnnt",
            ("ru",),
            "Apache-2.0",
            punctuation=False,
        ),
        "zipformer-small-ru": KnownRecogniser(
            "alphacep/vosk-model-small-ru",
            "alphacep/vosk-model-small-ru",
            "kaldi-rnnt",
            ("ru",),
            "Apache-2.0",
            punctuation=False,
        ),
    }
)
"""Names on the command line. Sizes are four bytes a weight, as model cards state their number, but for that of T-one,
which is its file's."""
_BY_OTHER_NAMES = {known.onnx_asr: name for name, known in KNOWN.items()} | {
    known.repository: name
    for name, known in KNOWN.items()
    if sum(other.repository == known.repository for other in KNOWN.values()) == 1
}


@dataclass(frozen=True, slots=True)
class FoundRecogniser:
    """A model on this machine.

    Attributes:
        path: its folder.
        name: as asked for.
        layout: one of `LAYOUTS`.
        precision: ``int8`` or another; empty for the full one.
        languages: ISO 639-1 codes; empty where they are not known.
        repository, revision: on the hub; None for a folder of the user's.
    """

    path: Path
    name: str
    layout: str
    precision: str
    languages: tuple[str, ...] = ()
    repository: str | None = None
    revision: str | None = None


def find_name(model: str) -> str | None:
    """The name in `KNOWN` that is meant: by itself, by onnx-asr's, or by a repository of one model; None for none."""
    return model if model in KNOWN else _BY_OTHER_NAMES.get(model)


def find_smaller(model: str, language: str | None = None) -> str | None:
    """The next smaller model by name, for a machine whose memory this one is too much for; None where there is none.

    Args:
        model: any name of a known model.
        language: ISO 639-1 code of what it has to know; None for all that the model knows.
    """
    name = find_name(model)
    size = KNOWN[name].size_mb if name is not None else None
    if name is None or size is None:
        return None
    wanted = set(KNOWN[name].languages) if language is None else {language}
    smaller = [
        (known.size_mb, -number, other)
        for number, (other, known) in enumerate(KNOWN.items())
        if known.size_mb is not None and known.size_mb <= _SMALLER * size and wanted <= set(known.languages)
    ]
    return max(smaller)[2] if smaller else None


def check(model: str, layout: str | None = None) -> None:
    """Whether `resolve` could mean something by this name; nothing is fetched.

    Raises:
        InvalidOption: no model has this name, there is no such layout, or the folder holds no model.
    """
    if layout is not None and layout not in LAYOUTS:
        raise InvalidOption(
            _("layout {layout!r}: choose one of {known}").format(layout=layout, known=", ".join(LAYOUTS))
        )
    if find_name(model) is not None:
        return
    if _is_folder(model):
        _find_in_folder(Path(model).expanduser(), model, layout, tuple(dict.fromkeys(ONNX_COMPUTE_TYPES.values())))
    elif not re.fullmatch(r"\w[\w.-]*/[\w.-]+", model):
        close = difflib.get_close_matches(model, KNOWN, n=1)
        hint = (
            _("did you mean {close}?").format(close=close[0])
            if close
            else _("choose one of {known}").format(known=", ".join(KNOWN))
        )
        raise InvalidOption(
            _("no model {model!r}: {hint} (a repository owner/name or a folder will also do)").format(
                model=model, hint=hint
            )
        )


def resolve(
    model: str,
    *,
    layout: str | None = None,
    compute_type: str = "auto",
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> FoundRecogniser:
    """The folder of a model, fetched where that is needed and allowed.

    Args:
        model: a name of `KNOWN` or of onnx-asr, a repository ``owner/name``, or a folder.
        layout: one of `LAYOUTS`, for a folder or repository of which several or none can be told.
        compute_type: of `ONNX_COMPUTE_TYPES`; ``auto`` takes full precision, or 8 bits where these alone are here.
        runtime: says whether the network may be used.
        progress: hears of a download as stage ``download``.

    Raises:
        InvalidOption: no such name or layout, or the folder is not such a model.
        ModelUnavailable: it is not on this machine and cannot be fetched, or has no files of this precision.
    """
    check(model, layout)
    precision = ONNX_COMPUTE_TYPES[compute_type]
    precisions = ("", "int8") if compute_type == "auto" else (precision,)
    name = find_name(model)
    if name is None and _is_folder(model):
        folder = Path(model).expanduser()
        return FoundRecogniser(folder, model, *_find_in_folder(folder, model, layout, precisions))
    if name is not None and compute_type == "int8" and not KNOWN[name].has_int8:
        raise InvalidOption(_("model {model} has no files in int8: leave --compute-type out").format(model=model))
    repository = model if name is None else KNOWN[name].repository
    languages = () if name is None else KNOWN[name].languages
    kind = layout if name is None else KNOWN[name].layout
    cached = _find_cached(repository, model, kind, precisions)
    folder, kind, precision = cached or _fetch(repository, model, kind, precisions, runtime or Runtime(), progress)
    return FoundRecogniser(folder, model, kind, precision, languages, repository, folder.name)


def find_cached(name: str) -> Path | None:
    """The folder of a named model, at any precision, where the cache holds it whole."""
    known = KNOWN[name]
    found = (hub.find_cached(known.repository, known.patterns(option)) for option in ("", "int8"))
    return next(filter(None, found), None)


def list_patterns(name: str, folder: Path) -> tuple[str, ...]:
    """The files that a named model needs in `folder`, at the precision that is there."""
    light, full = (KNOWN[name].patterns(precision) for precision in ("int8", ""))
    return light if hub.find_missing(folder, full) and not hub.find_missing(folder, light) else full


def _list_patterns(model: str, kind: str, precision: str) -> tuple[str, ...]:
    name = find_name(model)
    return LAYOUTS[kind].patterns(precision) if name is None else KNOWN[name].patterns(precision)


def _find_cached(
    repository: str, model: str, kind: str | None, precisions: Sequence[str]
) -> tuple[Path, str, str] | None:
    """Folder, layout and precision of a repository, where the cache holds it whole."""
    if kind is None:
        folder = hub.find_cached(repository, ())
        try:
            return None if folder is None else (folder, *_find_in_folder(folder, model, None, precisions))
        except InvalidOption:
            return None
    for precision in precisions:
        folder = hub.find_cached(repository, _list_patterns(model, kind, precision))
        if folder is not None:
            return folder, kind, precision
    return None


def _fetch(
    repository: str, model: str, kind: str | None, precisions: Sequence[str], runtime: Runtime, progress: Progress
) -> tuple[Path, str, str]:
    """Folder, layout and precision of a repository that is fetched; its layout is told before the weights are.

    Raises:
        InvalidOption: it is no model, or may be several.
        ModelUnavailable: it cannot be fetched, or has no files of this precision.
    """
    name, command = find_name(model), None
    if name is None:
        remedy = _("run it once on a machine with a connection, and copy its Hugging Face cache here")
    else:
        command = f"whisperdiar models download {name}"
        remedy = _(
            "run `whisperdiar models download {name}` on a machine with a connection, or give a folder with --model"
        ).format(name=name)
    precision = precisions[0]
    if kind is None:
        listed = hub.list_files(repository, runtime=runtime, remedy=remedy, command=command)
        config: Mapping[str, Any] = {}
        if _CONFIG in listed:
            config = _read_config(
                hub.fetch(repository, (_CONFIG,), runtime=runtime, remedy=remedy, command=command) / _CONFIG
            )
        kind, precision = _tell_layout(listed, config, model, None, precisions)
    files = _list_patterns(model, kind, precision)
    variants = [variant for file in files for variant in _variants(file)]
    folder = hub.fetch(
        repository,
        variants,
        # Weights of more than 2 GB lie beside their graph.
        optional=(_CONFIG, *(f"{variant}?data" for variant in variants if variant.endswith(".onnx"))),
        runtime=runtime,
        remedy=remedy,
        command=command,
        size_mb=None if name is None else _download_size(KNOWN[name], precision),
        progress=progress,
    )
    missing = hub.find_missing(folder, files)
    if missing:
        raise ModelUnavailable(
            _("repository {repository} has no {missing}; leave --compute-type out, or take another model").format(
                repository=repository, missing=join(_(" and no "), missing)
            )
        )
    return folder, kind, precision


def _download_size(known: KnownRecogniser, precision: str) -> int | None:
    return None if known.size_mb is None else known.size_mb // 4 if precision == "int8" else known.size_mb


def _variants(pattern: str) -> tuple[str, ...]:
    """A pattern for any depth, and the same for the top folder, which the hub's client does not take for one."""
    return (pattern, pattern.removeprefix("**/")) if pattern.startswith("**/") else (pattern,)


def _is_folder(model: str) -> bool:
    """Whether a path is meant, also one that is not there."""
    return model.startswith((".", "/", "~", "\\")) or model.count("/") > 1 or os.path.exists(Path(model).expanduser())


def _find_in_folder(folder: Path, model: str, layout: str | None, precisions: Sequence[str]) -> tuple[str, str]:
    """Layout and precision of a folder.

    Raises:
        InvalidOption: it is no folder, or holds no model, or several.
    """
    if not os.path.isdir(folder):
        cause = _("this is a file: give the folder that holds it") if os.path.exists(folder) else _("no such folder")
        raise InvalidOption(_("model {folder!r}: {cause}").format(folder=str(folder), cause=cause))
    names = [item.relative_to(folder).as_posix() for depth in ("*", "*/*") for item in folder.glob(depth)]
    return _tell_layout(names, _read_config(folder / _CONFIG), model, layout, precisions)


def _tell_layout(
    names: Iterable[str], config: Mapping[str, Any], model: str, wanted: str | None, precisions: Sequence[str]
) -> tuple[str, str]:
    """Layout and precision of files, by what ``config.json`` says, or by their names.

    Raises:
        InvalidOption: nothing fits, or several do.
    """
    present = tuple(names)
    stated = config.get("model_type")
    kind = wanted or _ALSO_CALLED.get(str(stated), str(stated))
    among = (kind,) if kind in LAYOUTS else tuple(LAYOUTS)
    if "decoder_params" not in config and kind != "t-one-ctc":  # any NeMo model by CTC has a model.onnx, too
        among = tuple(name for name in among if name != "t-one-ctc")
    lacking = {
        (name, precision): _list_lacking(present, LAYOUTS[name].patterns(precision))
        for precision in precisions
        for name in among
    }
    fitting = [key for key, missing in lacking.items() if not missing]
    if fitting:
        kinds = list(dict.fromkeys(name for name, _precision in fitting))
        if len(kinds) == 1:
            return fitting[0]
        raise InvalidOption(
            _("model {model!r} may be {kinds}: say which with --asr-option layout=NAME").format(
                model=model, kinds=" or ".join(kinds)
            )
        )
    nearest = min(lacking, key=lambda key: len(lacking[key]) / len(LAYOUTS[key[0]].files))
    raise InvalidOption(
        _("model {model!r} lacks {missing}: give a folder in a layout of onnx-asr, such as {layout}").format(
            model=model, missing=", ".join(lacking[nearest]), layout=nearest[0]
        )
    )


def _list_lacking(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    return [
        pattern
        for pattern in patterns
        if not any(fnmatchcase(name, variant) for name in names for variant in _variants(pattern))
    ]


def _read_config(path: Path) -> Mapping[str, Any]:
    """``config.json``; nothing where there is none, or none that can be read: onnx-asr then says what is wrong."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
