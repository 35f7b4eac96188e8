"""Integrity check of model files: there, whole, readable, and with the content of their origin.

Content is compared where its hash is known: in the Hugging Face cache a file's name says it (the SHA-256 of a large
file, git's SHA-1 of a small one), in a folder of downloads the hub's client keeps it beside, and for converted models
we do. All else is checked by its structure.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from whisperdiar.errors import describe_error
from whisperdiar.models import conversion
from whisperdiar.text.messages import _

_BLOCK_BYTES = 1 << 20
_CTRANSLATE2_VERSION = 6  # of the layout of model.bin, since CTranslate2 2.0; other versions are not looked into


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a folder.

    Attributes:
        n_files: in it.
        size_bytes: of all of them together.
        n_hashed: how many were compared with the hash of their origin.
        problems: file → what is wrong with it.
    """

    n_files: int
    size_bytes: int
    n_hashed: int
    problems: tuple[tuple[str, str], ...]


def verify(folder: Path, required: Sequence[str] = ()) -> Verdict:
    """Reads every file of a model; `required` are names or patterns that must be there."""
    known = _read_digests(folder)
    present = {str(item.relative_to(folder)) for item in _list_files(folder)}
    absent = [name for name in required if not fnmatch.filter(present, name)]
    problems = [(name, _("is missing")) for name in dict.fromkeys([*absent, *sorted(set(known) - present)])]
    size, hashed = 0, 0
    for name in sorted(present):
        item = folder / name
        digest = known.get(name)
        if item.is_file():
            size += item.stat().st_size
            hashed += digest is not None
        wrong = _wrong(item, digest)
        if wrong:
            problems.append((name, wrong))
    return Verdict(len(present), size, hashed, tuple(problems))


def damaged(folder: Path, patterns: Sequence[str] | None = None) -> list[str]:
    """Names of the files in which something is wrong.

    Args:
        patterns: names or patterns of the files that are looked at, in the folder itself; None for all in it.
    """
    known = _read_digests(folder)
    names = {str(item.relative_to(folder)) for item in _list_files(folder)} | set(known)
    if patterns is not None:
        names = {name for pattern in patterns for name in fnmatch.filter(names, pattern) if "/" not in name}
    return [name for name in sorted(names) if _wrong(folder / name, known.get(name))]


def list_changed(folder: Path, patterns: Sequence[str]) -> list[str]:
    """Names of the files that do not hold what was published, as far as its hash is known.

    Args:
        patterns: names or patterns of the files that are looked at; ``*`` stands for folders as well, as for the hub.
    """
    known = _read_digests(folder)
    names = {name for pattern in patterns for name in fnmatch.filter(known, pattern)}
    return [name for name in sorted(names) if (folder / name).is_file() and _check_content(folder / name, known[name])]


def _wrong(item: Path, digest: str | None) -> str | None:
    """What is wrong with a file."""
    try:
        item.stat()
        # What was published is as good as it gets: fetching it again would not change its structure.
        return _check_content(item, digest) if digest else _check_structure(item)
    except FileNotFoundError:
        return _("is a link to a file that is gone") if item.is_symlink() else _("is missing")
    except OSError as error:
        return _("cannot be read ({cause})").format(cause=error.strerror or error)


def size_on_disk(folder: Path) -> int:
    """Bytes of all files of a model."""
    return sum(item.stat().st_size for item in _list_files(folder) if item.is_file())


def _list_files(folder: Path) -> list[Path]:
    """All files and links, also broken ones, without the notes that the hub's client keeps in a folder of downloads."""
    inside = [item for item in folder.rglob("*") if not item.is_dir()]
    return [item for item in inside if not any(part.startswith(".") for part in item.relative_to(folder).parts)]


def _read_digests(folder: Path) -> dict[str, str]:
    """File → hexadecimal hash of what it should hold, where that is known."""
    noted = conversion.read_record(folder).get("sha256")
    found = {str(name): str(digest) for name, digest in noted.items()} if isinstance(noted, dict) else {}
    for item in _list_files(folder):
        name = str(item.relative_to(folder))
        if item.is_symlink() and item.readlink().parent.name == "blobs":
            found[name] = item.readlink().name
        note = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
        if note.is_file():  # three lines: commit, etag, time
            found[name] = [*note.read_text(encoding="utf-8").splitlines(), "", ""][1].strip().strip('"')
    return {name: digest for name, digest in found.items() if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest)}


def _check_content(path: Path, digest: str) -> str | None:
    size = path.stat().st_size
    # The hub names small files as git does, by the SHA-1 of a header and the content; mirrors by that of the content.
    is_git = len(digest) == 40
    git = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    computed = [git, hashlib.sha1(usedforsecurity=False)] if is_git else [hashlib.sha256()]
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            for item in computed:
                item.update(block)
    if digest in [item.hexdigest() for item in computed]:
        return None
    return _("does not hold what was published ({kind} {digest}…)").format(
        kind="git SHA-1" if is_git else "SHA-256", digest=computed[0].hexdigest()[:12]
    )


def _check_structure(path: Path) -> str | None:
    if path.suffix == ".json":
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            return _("is no JSON ({cause})").format(cause=describe_error(error, first_line=True))
    try:
        with path.open("rb") as stream:
            if path.name == "model.bin":
                return _check_ctranslate2(stream, path.stat().st_size)
            if path.suffix == ".safetensors":
                return _check_safetensors(stream, path.stat().st_size)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        return _("ends early, or is not of its format")
    return None


def _check_ctranslate2(stream: BinaryIO, size: int) -> str | None:
    """Walks over the headers of all weights (layout: `ModelSpec._serialize` of CTranslate2)."""

    def number(code: str) -> int:
        return int(struct.unpack(f"<{code}", stream.read(struct.calcsize(code)))[0])

    def skip_text() -> None:
        stream.seek(number("H"), 1)

    version = number("I")
    if not 0 < version < 100:
        return _("is no model of CTranslate2")
    if version != _CTRANSLATE2_VERSION:
        return None
    skip_text()
    number("I")
    for _each in range(number("I")):
        skip_text()
        stream.seek(4 * number("B"), 1)  # the shape
        number("B")  # the type
        stream.seek(number("I"), 1)
    for _each in range(number("I")):
        skip_text()
        skip_text()
    return (
        None
        if stream.tell() == size
        else _("has {size} bytes, by its headers it should have {expected}").format(size=size, expected=stream.tell())
    )


def _check_safetensors(stream: BinaryIO, size: int) -> str | None:
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > size:
        return _("is no safetensors file")
    header = json.loads(stream.read(length))
    ends = [value["data_offsets"][1] for key, value in header.items() if key != "__metadata__"]
    expected = 8 + length + max(ends, default=0)
    return (
        None
        if expected == size
        else _("has {size} bytes, by its header it should have {expected}").format(size=size, expected=expected)
    )
