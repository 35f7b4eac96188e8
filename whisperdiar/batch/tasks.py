"""Tasks and outcomes: what a worker is asked for, and what it gives back; both cross processes and machines."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from whisperdiar.assembly import Request
from whisperdiar.contracts import Progress
from whisperdiar.options import SegmentationOptions, WriteOptions
from whisperdiar.recordings import WHOLE, Part
from whisperdiar.text.messages import make_english


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How known voices are named.

    Attributes:
        people: folder of the profiles; None for the user's own.
        voice_model: as of `whisperdiar.people.open_voice_encoder`.
    """

    people: str | None = None
    voice_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """How every recording is worked on.

    Attributes:
        request: what the pipeline is made of.
        segmentation: where segments are cut; None for the defaults.
        part: which track, channel and time of each recording.
        write: how subtitles are cut and speakers shown.
        naming: how known voices are named; None where they are not.
    """

    request: Request = field(default_factory=Request)
    segmentation: SegmentationOptions | None = None
    part: Part = WHOLE
    write: WriteOptions = field(default_factory=WriteOptions)
    naming: Naming | None = None

    def describe(self) -> dict[str, Any]:
        """All on which the outputs depend, as JSON values: not where the work is done, and what is kept of it."""
        request = asdict(self.request)
        for name in ("runtime", "cache", "save_activity", "media"):
            del request[name]
        found = {
            "request": request,
            "segmentation": None if self.segmentation is None else asdict(self.segmentation),
            "part": asdict(self.part),
            "write": asdict(self.write),
            "naming": None if self.naming is None else asdict(self.naming),
        }
        plain: dict[str, Any] = json.loads(json.dumps(make_english(found), default=repr, sort_keys=True))
        return plain

    def hash(self) -> str:
        """BLAKE2b (64 bits, hexadecimal) of `describe`."""
        text = json.dumps(self.describe(), sort_keys=True).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The work on one recording.

    Attributes:
        number: by which its outcome is known.
        source: a path, or a URL that fsspec reads.
        outputs: format → the path that its file will have; one that is behind a URL counts as lying nowhere.
        must_be_whole: whether a recording that cannot be read, or ends early, is left for later.
        size: of the file, bytes; None where nobody says.
        played: the recording that pages link to, where that is not `source`.
        parts: what others have computed of it already, by its key (`whisperdiar.contracts.Parts`).
    """

    number: int
    source: str
    outputs: tuple[tuple[str, str], ...]
    must_be_whole: bool = False
    size: int | None = None
    played: str | None = None
    parts: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one recording.

    Attributes:
        made: format → the content of its file.
        errors: what went wrong, one line each; with outputs beside them, where a part of the work was lost.
        may_pass: whether a second try may end otherwise.
        is_incomplete: whether it was left for later, as `Task.must_be_whole` says.
        is_empty: whether there are no words in it, or hardly any.
        warnings, notes: what is to be told.
        content: BLAKE2b (128 bits, hexadecimal) of the recording's bytes; None where it could not be read.
        seconds: of sound.
        language: code; None where none was detected.
        stages: name of each stage → seconds that it took.
        versions: of what did the work.
        elapsed: seconds that the work took.
    """

    made: tuple[tuple[str, bytes], ...] = ()
    errors: tuple[str, ...] = ()
    may_pass: bool = False
    is_incomplete: bool = False
    is_empty: bool = False
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    content: str | None = None
    seconds: float | None = None
    n_words: int | None = None
    n_speakers: int | None = None
    language: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    elapsed: float = 0.0


class MemoryParts:
    """A `whisperdiar.contracts.Parts` in memory.

    Attributes:
        found: what is kept, by its key.
        n_found: how often something that was given at the start was found.
    """

    def __init__(self, given: Mapping[str, bytes] | None = None) -> None:
        self._given = dict(given or {})
        self.found: dict[str, bytes] = {}
        self.n_found = 0

    def find(self, key: str) -> bytes | None:
        if key in self._given:
            self.n_found += 1
            return self._given[key]
        return self.found.get(key)

    def keep(self, key: str, data: bytes) -> None:
        self.found[key] = data


class StageClock:
    """A `Progress` that knows how long each stage took; stages side by side count twice in the sum."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        self._begun.setdefault(stage, now)
        self._ended[stage] = now
        self._progress(stage, fraction)

    @property
    def seconds(self) -> dict[str, float]:
        """In the order in which they began."""
        return {stage: round(self._ended[stage] - begun, 3) for stage, begun in self._begun.items()}
