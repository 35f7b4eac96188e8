"""Identity of what results depend on: the bytes of a recording, the sound that is read of it, backends with models."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from whisperdiar.cache.files import CacheFolder
from whisperdiar.cache.values import to_json
from whisperdiar.contracts import BaseBackend, info_of, record_of
from whisperdiar.models.hub import find_cached
from whisperdiar.options import FileSettings
from whisperdiar.text.json import read as read_json
from whisperdiar.text.messages import make_english
from whisperdiar.types import Audio
from whisperdiar.version import __version__

SOUND_VERSION = 1
"""Of the way in which a file becomes sound; another one makes all be computed anew."""

_LONGEST_PATH = 1000
_BLOCK_BYTES = 2**20
_BLOCK_SAMPLES = 2**20
_UNSURE_NS = 2 * 10**9
"""A file that was written to a moment ago may be written to again without another time or size."""
_PASSING = ("batch_size", "word_times", "refused", "windows", "mode")
"""Details of a backend's record that are known once it has worked, or leave its results as they are."""
_DISTRIBUTIONS = {"nemo": "nemo_toolkit"}
"""Packages whose distribution has another name than their module."""
_STAGE_PACKAGES = {
    "vad": ("onnxruntime",),
    "asr": ("faster-whisper", "ctranslate2"),
    "text": ("faster-whisper", "ctranslate2", "torch", "transformers"),
    "diarization": ("onnxruntime", "torch"),
    "segment": ("onnxruntime",),
    "separation": ("torch",),
    "emotions": ("torch",),
}
_NOT_COMPUTING = ("cli/", "data/", "formats/", "subtitles/", "minutes/", "editing/", "reports/", "scoring/", "people/",
                  "datasets/", "benchmarking/", "training/", "batch/", "serving/")  # fmt: skip
"""Folders of modules on which no result of a stage depends."""
_ALIGNMENT_PACKAGES = ("torch", "transformers")


@dataclass(frozen=True, slots=True)
class FileState:
    """A file at a moment: where it is, and what changes when somebody writes to it."""

    path: str
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileState:
        """Raises OSError where it cannot be found."""
        real = os.path.realpath(path)
        status = os.stat(real)
        return cls(real, status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class HashedFile:
    """The bytes of a file at a moment.

    Attributes:
        content: BLAKE2b (128 bits, hexadecimal) of its bytes.
        state: of the file before they were read; None for one that is not at hand.
    """

    content: str
    state: FileState | None = None

    def is_unchanged(self) -> bool:
        """Whether nobody has written to the file since."""
        try:
            return self.state is not None and FileState.of(self.state.path) == self.state
        except OSError:
            return False


def hash_content(path: str | os.PathLike[str], memory: CacheFolder | None = None) -> str:
    """The content of a file, as `hash_file` tells it."""
    return hash_file(path, memory).content


def hash_file(path: str | os.PathLike[str], memory: CacheFolder | None = None) -> HashedFile:
    """BLAKE2b of a file's bytes; in memory by its path, size, time and inode.

    Raises:
        OSError: the file cannot be read.
    """
    state = FileState.of(path)
    name = "file-" + hashlib.blake2b(os.fsencode(state.path), digest_size=16).hexdigest()
    known = None if memory is None else memory.read(name)
    if known is not None:
        size, mtime_ns, inode, content = read_json(known.decode())
        if (size, mtime_ns, inode) == (state.size, state.mtime_ns, state.inode):
            return HashedFile(str(content), state)
    with open(state.path, "rb") as file:
        hashed = HashedFile(hash_stream(file), state)
    settled = hashed.is_unchanged() and abs(time.time_ns() - state.mtime_ns) > _UNSURE_NS
    if memory is not None and settled:
        memory.write(name, to_json([state.size, state.mtime_ns, state.inode, hashed.content]).encode())
    return hashed


def hash_stream(file: BinaryIO | io.BufferedIOBase) -> str:
    """The content of what is left of an open file, which is then where it was."""
    at = file.tell()
    found = hashlib.blake2b(digest_size=16)
    while block := file.read(_BLOCK_BYTES):
        found.update(block)
    file.seek(at)
    return found.hexdigest()


def identify_sound(content: str, **reading: Any) -> str:
    """The identity of the sound that is read of a file.

    Args:
        content: of the file, by `hash_content`.
        reading: which track, channel and time are read, and how; JSON values.
    """
    return make_key("sound", [SOUND_VERSION, find_version("av"), content, reading])


def identify_samples(audio: Audio) -> str:
    """The identity of sound of which nothing but its samples is known."""
    found = hashlib.blake2b(digest_size=16)
    for first in range(0, audio.samples.shape[1], _BLOCK_SAMPLES):
        found.update(audio.samples[:, first : first + _BLOCK_SAMPLES].tobytes())
    return found.hexdigest()


def describe_sound(audio: Audio) -> list[Any]:
    """What a stage hears: by its identity, or by its samples where it has none."""
    heard = audio.identity or identify_samples(audio)
    return [heard, list(audio.samples.shape), audio.sample_rate, list(audio.weights)]


def describe_backend(
    stage: str, backend: object, memory: CacheFolder | None = None
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Which model of which backend works, and its other settings, in JSON values; None where that cannot be told.

    That is an object which says nothing of its settings, and a backend that reads its results from a file.

    Args:
        stage: ``vad``, ``asr``, ``text``, ``diarization``, ``segment``, ``separation`` or ``emotions``.
        backend: prepared.
        memory: remembers the hashes of model files.
    """
    settings = getattr(backend, "settings", None)
    if not _has_settings(backend) or isinstance(settings, FileSettings):
        return None
    record = record_of(backend)
    try:
        named = find_named_files(backend, memory)
    except OSError:
        return None
    kind = type(backend)
    own = {name: value for name, value in describe_settings(backend).items() if name not in named}
    return {
        "backend": f"{kind.__module__}.{kind.__qualname__}",
        # A folder may be called otherwise, and hold the same model.
        "model": None if any(describe_settings(backend)[name] == record.model for name in named) else record.model,
        "details": {key: make_english(item) for key, item in record.details.items() if key not in _PASSING},
        "files": named,
        "versions": describe_requirements(stage, backend),
    }, own


def describe_requirements(stage: str, backend: object) -> dict[str, str | None]:
    """Version of each package that a backend computes with, the program itself among them."""
    info, kind = info_of(backend), type(backend)
    packages = {"whisperdiar", kind.__module__.split(".")[0], *_STAGE_PACKAGES.get(stage, ())}
    packages |= set(info.requires if info else ())
    if getattr(getattr(backend, "settings", None), "word_times", None) == "wav2vec2":
        packages |= set(_ALIGNMENT_PACKAGES)
    return {name: find_version(name) for name in sorted(packages)}


def find_named_files(backend: object, memory: CacheFolder | None = None) -> dict[str, Any]:
    """Setting → content of the file, folder or repository that it names, of those settings that name one.

    Raises:
        OSError: a file cannot be read.
    """
    texts = {name: value for name, value in describe_settings(backend).items() if isinstance(value, str)}
    found = {name: _describe_model(value, memory) for name, value in texts.items()}
    return {name: content for name, content in found.items() if content is not None}


def find_named_paths(backends: Iterable[object]) -> list[str]:
    """Files and folders that settings of backends name, such as those of models."""
    values = [value for item in backends if _has_settings(item) for value in describe_settings(item).values()]
    return [value for value in values if isinstance(value, str) and _is_path(value)]


def _has_settings(backend: object) -> bool:
    settings = getattr(backend, "settings", None)
    return isinstance(backend, BaseBackend) and is_dataclass(settings)


def _is_path(text: str) -> bool:
    """Whether a setting names a file, or a folder by more than a word."""
    if not text or len(text) > _LONGEST_PATH or "\0" in text:
        return False
    path = Path(text).expanduser()
    return path.is_file() or (("/" in text or "\\" in text) and path.is_dir())


def describe_settings(backend: object) -> dict[str, Any]:
    """All settings of a backend that has some."""
    found: dict[str, Any] = asdict(getattr(backend, "settings"))  # noqa: B009 - no type has it
    return found


@lru_cache(maxsize=64)
def find_version(package: str) -> str | None:
    """Version of an installed package; of this one, its own."""
    if package == "whisperdiar":
        return f"{__version__} {hash_code()}"
    try:
        return importlib.metadata.version(_DISTRIBUTIONS.get(package, package))
    except importlib.metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def hash_code() -> str:
    """Of the program's own modules that compute something: a version is not counted up at each change of them."""
    folder = Path(__file__).parents[1]
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(_NOT_COMPUTING):
            found.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def make_key(stage: str, depends: Any) -> str:
    """Name of an entry: the stage, and a digest of the JSON value that its result depends on."""
    text = to_json(make_english(depends), sort_keys=True).encode("utf-8", "surrogatepass")
    return f"{stage}-{hashlib.blake2b(text, digest_size=20).hexdigest()}"


def _describe_model(named: str, memory: CacheFolder | None) -> Any:
    """The content of a file or folder that a setting names, or the commit of a repository; None for any other text."""
    path = Path(named).expanduser() if _is_path(named) else None
    if path is not None and path.is_file():
        return hash_content(path, memory)
    if path is not None:
        files = sorted(item for item in path.rglob("*") if item.is_file())
        return {item.relative_to(path).as_posix(): hash_content(item, memory) for item in files}
    if named.count("/") == 1 and (snapshot := find_cached(named, ())) is not None:
        return snapshot.name
    return None
