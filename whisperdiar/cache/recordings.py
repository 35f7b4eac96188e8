"""Recordings by their bytes: what is known of their sound, which is decoded where somebody listens to it only."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from whisperdiar.cache.files import CacheFolder
from whisperdiar.cache.identity import HashedFile, hash_content, identify_sound, make_key
from whisperdiar.cache.values import FACTS, SoundFacts, Unreadable, to_json
from whisperdiar.errors import MediaError
from whisperdiar.system.files import format_path
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples


class DeferredSamples:
    """Samples of a known shape that are decoded when somebody looks at them; NumPy takes them for an array.

    Attributes:
        shape: (n_channels, n_samples).
        dtype: float32.
        ndim: 2.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, shape: tuple[int, int], decode: Callable[[], Samples]) -> None:
        self.shape = shape
        self._decode = decode
        self._decoded: Samples | None = None
        self._decoding = threading.Lock()

    def _require(self) -> Samples:
        with self._decoding:
            if self._decoded is None:
                self._decoded = self._decode()
            return self._decoded

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while a copy is made, nothing is there yet
            raise AttributeError(name)
        return getattr(self._require(), name)

    def __getitem__(self, item: Any) -> Any:
        return self._require()[item]

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._require(), dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray, (np.asarray(self._require()),)


def read_recording(
    path: str | os.PathLike[str],
    hashed: HashedFile,
    folder: CacheFolder,
    read: Callable[[], tuple[Audio, bool]],
    *,
    recording_id: str,
    language: str | None,
    **reading: Any,
) -> Audio:
    """The sound of a file, with its identity; decoded at once where nothing is known of it.

    Args:
        hashed: the file's bytes.
        folder: of the cache.
        read: decodes it; the second value tells whether it is complete, so that its facts may be kept.
        recording_id: name of the recording.
        language: that is expected, which may give a warning.
        reading: which track, channel and time are read, and how; JSON values. One of them is ``start``.

    Raises:
        MediaError: as `read` does; later, where the sound is decoded late, also for a file that has changed.
    """
    identity = identify_sound(hashed.content, **reading)
    key = make_key("decode", [FACTS.version, identity, language])
    data = folder.read(key)
    if data is not None:
        try:
            facts, _nothing = FACTS.from_bytes(data)
        except Unreadable:
            folder.remove(key)
            folder.tell_damage()
        else:
            return _make_audio(facts, _decode_later(path, hashed, read), recording_id, reading["start"], identity)
    audio, is_complete = read()
    audio = audio.finite()
    if not hashed.is_unchanged():  # it is still being written
        return audio
    audio = replace(audio, identity=identity)
    if is_complete:
        shape = (audio.n_channels, audio.samples.shape[1])
        rate = audio.frame_rate
        found = SoundFacts(shape, audio.sample_rate, audio.warnings, audio.notes, audio.weights, rate)
        folder.write(key, FACTS.to_bytes(found))
    return audio


def _decode_later(
    path: str | os.PathLike[str], hashed: HashedFile, read: Callable[[], tuple[Audio, bool]]
) -> Callable[[], Samples]:
    """Decodes a file that is still the one whose facts are known."""

    def decode() -> Samples:
        audio = read()[0].finite()
        if not hashed.is_unchanged():
            raise MediaError(
                _("{path}: it was changed while it was worked on; run the command again").format(path=format_path(path))
            )
        return audio.samples

    return decode


def _make_audio(
    facts: SoundFacts, decode: Callable[[], Samples], recording_id: str, start: float, identity: str
) -> Audio:
    return Audio(
        cast(Samples, DeferredSamples(facts.shape, decode)),
        facts.sample_rate,
        recording_id,
        start,
        warnings=facts.warnings,
        notes=facts.notes,
        weights=facts.weights,
        frame_rate=facts.frame_rate,
        identity=identity,
    )


def remember_place(
    path: str | os.PathLike[str], content: str, folder: CacheFolder, *, named: Iterable[str] = ()
) -> None:
    """Note where a recording with these bytes lies, and the files and folders of models that were named for it.

    Our files name both without their folders.
    """
    found = sorted([item, os.path.realpath(os.path.expanduser(item))] for item in named)
    text = to_json([os.path.realpath(path), found]).encode("utf-8", "surrogatepass")
    if folder.read(f"place-{content}") != text:
        folder.write(f"place-{content}", text)


def find_place(content: str, folder: CacheFolder) -> Path | None:
    """A file with these bytes that was worked on before and is still there; None where none is known."""
    path = Path(_read_place(content, folder)[0])
    try:
        return path if path.is_file() and hash_content(path, folder) == content else None
    except OSError:
        return None


def find_paths(content: str, folder: CacheFolder) -> dict[str, str]:
    """A name as it was given, and its last part → the file or folder of a model, for a recording with these bytes."""
    found = [(given, real) for given, real in _read_place(content, folder)[1] if os.path.exists(real)]
    return {name: real for given, real in found for name in (Path(given).name, given)}


def _read_place(content: str, folder: CacheFolder) -> tuple[str, list[tuple[str, str]]]:
    data = folder.read(f"place-{content}")
    if data is None:
        return "", []
    path, named = json.loads(data.decode("utf-8", "surrogatepass"))
    return path, [(given, real) for given, real in named]
