"""Stages whose results are kept: a stage is asked for by what it depends on, and works only where nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from whisperdiar.cache.files import CacheFolder, Notify
from whisperdiar.cache.identity import describe_backend, describe_sound, make_key
from whisperdiar.cache.values import Form, Json, Unreadable
from whisperdiar.contracts import Parts, current_parts, keep_parts
from whisperdiar.options import CacheOptions
from whisperdiar.system.folders import find_cache_folder
from whisperdiar.text.messages import _, join
from whisperdiar.types import Audio

Result = TypeVar("Result")
Result_co = TypeVar("Result_co")

_MB = 10**6


class Stage(Protocol[Result]):
    """Work whose result can be kept.

    Attributes:
        name: ``vad``, ``asr``, ``diarization``, ``join`` …
        form: how the result becomes bytes, and the version of that.
    """

    @property
    def name(self) -> str: ...

    @property
    def form(self) -> Form[Result]: ...

    def key(self) -> Json | None:
        """All that the result depends on, in JSON values; None where that cannot be told, and it is not kept."""

    def parts_key(self) -> Json | None:
        """The same for the parts of the work, each of which has a key of its own; None where none are kept."""

    def run(self) -> Result:
        """The work."""

    def about(self) -> Json:
        """What is to be known of how the result came about, once it is there; it is kept beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStage(Generic[Result]):
    """A backend's work on some sound.

    Attributes:
        backend: prepared.
        audio: what it hears.
        depends: JSON values on which the result depends beside sound, model and settings.
        work: does it.
        tell: what `about` says.
        memory: remembers the hashes of model files.
        parts_depend: whether parts depend on `depends` and the settings as well.
        keeps_result: whether the result is kept beside the parts, which are most of its work.
    """

    name: str
    form: Form[Result]
    backend: object
    audio: Audio
    depends: Mapping[str, Any]
    work: Callable[[], Result]
    tell: Callable[[], Json] = lambda: None
    memory: CacheFolder | None = None
    parts_depend: bool = False
    keeps_result: bool = True

    def parts_key(self) -> Json | None:
        if self.parts_depend:
            return self._key()
        found = describe_backend(self.name, self.backend, self.memory)
        return None if found is None else [found[0], describe_sound(self.audio)]

    def key(self) -> Json | None:
        return self._key() if self.keeps_result else None

    def _key(self) -> Json | None:
        found = describe_backend(self.name, self.backend, self.memory)
        return None if found is None else [*found, describe_sound(self.audio), dict(self.depends)]

    def run(self) -> Result:
        return self.work()

    def about(self) -> Json:
        return self.tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class PureStage(Generic[Result]):
    """Arithmetic on results that are there."""

    name: str
    form: Form[Result]
    depends: Json
    work: Callable[[], Result]

    def key(self) -> Json | None:
        return self.depends

    def parts_key(self) -> Json | None:
        return None

    def run(self) -> Result:
        return self.work()

    def about(self) -> Json:
        return None


@dataclass(frozen=True, slots=True)
class Taken(Generic[Result_co]):
    """A result, and whether it was kept (``whole``), computed with parts that were (``part``), or neither (``""``)."""

    result: Result_co
    about: Json = None
    share: str = ""


class StageCache:
    """Results of stages on the disk.

    A copy or pickle has the same folder.

    Args:
        options: where, and how much.
        notify: told of a damaged entry, and of a folder that cannot be written, once each.
        inform: told what was taken from the cache.
    """

    def __init__(self, options: CacheOptions, *, notify: Notify, inform: Notify) -> None:
        self._options, self._notify, self._inform = options, notify, inform
        self.folder = CacheFolder(locate(options), limit_bytes=options.limit_mb * _MB, notify=notify)

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_cache, (self._options, self._notify, self._inform)

    def take(self, stage: Stage[Result]) -> Taken[Result]:
        """The result of a stage, kept or computed now; what it raises comes out as it is."""
        depends = stage.key()
        if depends is None:
            result, share = self._run(stage, has_parts_alone=True)
            return Taken(result, stage.about(), share)
        key = make_key(stage.name, [stage.form.version, depends])
        kept = self._find(stage, key)
        if kept is not None:
            return kept
        result, share = self._run(stage)
        about = stage.about()
        try:
            made = stage.form.to_bytes(result, about)
        except (TypeError, ValueError, AttributeError):  # another package's backend gives what is no plain value
            return Taken(result, about, share)
        self.folder.write(key, made)
        return Taken(result, about, share)

    def _run(self, stage: Stage[Result], *, has_parts_alone: bool = False) -> tuple[Result, str]:
        """The result, computed now with what was kept of its parts, and `Taken.share`."""
        parts = stage.parts_key()
        if parts is None:
            return stage.run(), ""
        name, around = make_key(stage.name, [stage.form.version, parts]), current_parts()
        with self.folder.open_parts(name) as log, keep_parts(log if around is None else _Both(log, around)):
            result = stage.run()
            is_whole = has_parts_alone and not log.n_kept
            return result, ("whole" if is_whole else "part") if log.n_found else ""

    def find(self, stage: Stage[Result]) -> Taken[Result] | None:
        """The result of a stage where it is kept whole; None where it is not."""
        depends = stage.key()
        return None if depends is None else self._find(stage, make_key(stage.name, [stage.form.version, depends]))

    def _find(self, stage: Stage[Result], key: str) -> Taken[Result] | None:
        data = self.folder.read(key)
        if data is not None:
            try:
                return Taken(*stage.form.from_bytes(data), "whole")
            except Unreadable:
                self.folder.remove(key)
                self.folder.tell_damage()
        return None

    def tell(self, recording: str, taken: Sequence[tuple[str, str]]) -> None:
        """Say in one line what was kept already.

        Args:
            taken: names of stages as people read them, and the `Taken.share` of each.
        """
        told = [name if share == "whole" else _("{stage} in part").format(stage=name) for name, share in taken if share]
        if told:
            listed = join(", ", dict.fromkeys(told))
            message = _("from the cache: {stages} (--no-cache computes anew)").format(stages=listed)
            self._inform(f"{recording}: {message}")


@dataclass(frozen=True, slots=True)
class _Both:
    """Parts in a log, where they are kept, and those that the caller has from elsewhere."""

    log: Parts
    around: Parts

    def find(self, key: str) -> bytes | None:
        found = self.log.find(key)
        return self.around.find(key) if found is None else found

    def keep(self, key: str, data: bytes) -> None:
        self.log.keep(key, data)


@dataclass(slots=True)
class Session:
    """What one run takes from a cache, or computes where there is none.

    Attributes:
        cache: None for none.
        taken: stage and `Taken.share`, in order.
        about: stage → what is known of how its result came about.
    """

    cache: StageCache | None
    taken: list[tuple[str, str]] = field(default_factory=list)
    about: dict[str, Json] = field(default_factory=dict)

    def take(self, stage: Stage[Result]) -> Result:
        if self.cache is None:
            return stage.run()
        found = self.cache.take(stage)
        self.taken.append((stage.name, found.share))
        if found.share == "whole" and found.about is not None:
            self.about[stage.name] = found.about
        return found.result


class Lookup(Session):
    """A session that takes what is kept whole, computes the rest, and keeps none of it."""

    def take(self, stage: Stage[Result]) -> Result:
        found = None if self.cache is None else self.cache.find(stage)
        return stage.run() if found is None else found.result


def locate(options: CacheOptions | None = None) -> Path:
    """Where a cache lies; whether there is one is another question."""
    named = None if options is None else options.folder
    return find_cache_folder() / "stages" if named is None else Path(named).expanduser()


def _make_cache(options: CacheOptions, notify: Notify, inform: Notify) -> StageCache:
    return StageCache(options, notify=notify, inform=inform)
