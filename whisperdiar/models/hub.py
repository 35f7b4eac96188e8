"""Snapshots of repositories in the Hugging Face cache: found without the network, fetched with clear errors."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whisperdiar.contracts import Progress, current_listener, no_progress
from whisperdiar.errors import ModelUnavailable, OutputError, describe_error
from whisperdiar.models.lookups import CHANGED, note
from whisperdiar.models.verification import list_changed
from whisperdiar.options import Runtime
from whisperdiar.system.files import stage
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text.messages import _

REACH_TIMEOUT_S = 5.0
"""How long to wait for the hub's first answer before giving up."""
_REMEMBER_S = 10.0
_unreachable: dict[str, tuple[float, str]] = {}
"""When the hub could not be reached, and why."""


def _client(module: str = "huggingface_hub") -> Any:
    """A module of huggingface_hub, its telemetry off."""
    disable_telemetry()
    return importlib.import_module(module)


def find_missing(folder: Path, files: Sequence[str]) -> list[str]:
    """Which of `files` (names or patterns) the folder lacks; a link to nothing counts as lacking."""
    return [name for name in files if not any(item.is_file() for item in folder.glob(name))]


def find_cached(repository: str, files: Sequence[str], *, revision: str | None = None) -> Path | None:
    """The cached snapshot that holds all `files`, or None; never uses the network.

    Without a revision the one that the main branch last pointed to comes first, then the newest complete one.
    """
    found = _find_cached(repository, files, revision)
    note("cached", [repository, list(files), revision], None if found is None else str(found))
    return found


def _find_cached(repository: str, files: Sequence[str], revision: str | None) -> Path | None:
    constants = _client("huggingface_hub.constants")

    # The layout of the cache is documented: models--OWNER--NAME/{refs/BRANCH, snapshots/COMMIT/FILES, blobs/}.
    root = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    snapshots = root / "snapshots"
    if not snapshots.is_dir():
        return None
    reference = root / "refs" / (revision or "main")
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    candidates = [snapshots / commit] if commit else []
    if revision is None:
        others = sorted(snapshots.iterdir(), key=lambda item: (-item.stat().st_mtime, item.name))
        candidates += [folder for folder in others if folder not in candidates]
    return next((item for item in candidates if item.is_dir() and not find_missing(item, files)), None)


def list_cached_repositories() -> list[str]:
    """All repositories of models in the cache, whatever is in them; never uses the network."""
    constants = _client("huggingface_hub.constants")

    folders = sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*/snapshots"))
    return [folder.parent.name.removeprefix("models--").replace("--", "/", 1) for folder in folders]


def copy_files(source: Path, target: Path, files: Sequence[str]) -> None:
    """Copies `files` (names or patterns, where they are there) from folder to folder.

    Raises:
        OutputError: the target cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        for item in sorted(item for name in files for item in source.glob(name)):
            with stage(target / item.name, sync=True) as temporary:
                shutil.copyfile(item, temporary)
    except OSError as error:
        raise OutputError(
            _("cannot copy a model to {target} ({error}): choose another folder").format(
                target=target, error=describe_error(error)
            )
        ) from error


def fetch(
    repository: str,
    files: Sequence[str],
    *,
    runtime: Runtime,
    remedy: str,
    command: str | None = None,
    optional: Sequence[str] = (),
    revision: str | None = None,
    directory: Path | None = None,
    size_mb: int | None = None,
    force: bool = False,
    progress: Progress = no_progress,
) -> Path:
    """Downloads `files` and returns their folder; what is there already is not fetched again, unless `force` is given.

    What came is held against the hashes that the hub tells; a file that differs is fetched once more.

    In the cache the new file takes the place of the old one when it is there.

    Raises:
        ModelUnavailable: the network may not be used, the hub cannot be reached, it refuses, or sends other bytes.
    """
    _check_reachable(repository, runtime, remedy, command)
    note(CHANGED, [repository])
    progress("download", 0.0)
    patterns = [*files, *optional]
    reporter = _make_reporter(progress, size_mb, repository)

    def download(names: Sequence[str], *, force: bool) -> Path:
        try:
            return Path(
                _client().snapshot_download(
                    repository,
                    revision=revision,
                    local_dir=directory,
                    force_download=force,
                    allow_patterns=list(names),
                    token=_token() or False,
                    tqdm_class=reporter,
                )
            )
        except Exception as error:  # the client raises its own, OS, and its HTTP library's errors, by version
            raise ModelUnavailable(_explain_refusal(repository, error, remedy), remedy=command) from error

    folder = download(patterns, force=force)
    # The client compares lengths alone, also of what it puts together from two downloads.
    wrong = list_changed(folder, patterns)
    if wrong:
        wrong = list_changed(download(wrong, force=True), wrong)
    if wrong:
        if not force:
            for name in wrong:
                _drop(folder / name)
        raise ModelUnavailable(
            _("{repository}: {name} did not come as it was published, twice; try again later, or {remedy}").format(
                repository=repository, name=wrong[0], remedy=remedy
            ),
            remedy=command,
        )
    progress("download", 1.0)
    return folder


def _drop(path: Path) -> None:
    """A file that is not what it should be, and in the cache what its link leads to: it would be taken for whole."""
    for item in (path.resolve(), path):
        with contextlib.suppress(OSError):
            item.unlink()


def list_files(
    repository: str, *, runtime: Runtime, remedy: str, command: str | None = None, revision: str | None = None
) -> dict[str, int]:
    """The files of a repository, as the hub lists them, and their bytes (0 where it does not say).

    Raises:
        ModelUnavailable: as `fetch` does.
    """
    _check_reachable(repository, runtime, remedy, command)
    try:
        told = _client().HfApi(token=_token() or False).model_info(repository, revision=revision, files_metadata=True)
    except Exception as error:  # as above
        raise ModelUnavailable(_explain_refusal(repository, error, remedy), remedy=command) from error
    return {item.rfilename: item.size or 0 for item in told.siblings or ()}


def _check_reachable(repository: str, runtime: Runtime, remedy: str, command: str | None) -> None:
    constants = _client("huggingface_hub.constants")

    what = _("{repository} is not on this machine").format(repository=repository)
    if runtime.offline or _is_offline():
        raise ModelUnavailable(
            _("{what} and the network may not be used: {remedy}").format(what=what, remedy=remedy), remedy=command
        )
    cause = _recall_failure(constants.ENDPOINT) or _explain_unreachable(constants.ENDPOINT, REACH_TIMEOUT_S)
    if cause is not None:
        _unreachable[constants.ENDPOINT] = (time.monotonic(), cause)
        raise ModelUnavailable(
            _("{what} and {endpoint} {cause}: {remedy}").format(
                what=what, endpoint=constants.ENDPOINT, cause=cause, remedy=remedy
            ),
            remedy=command,
        )


def _recall_failure(endpoint: str) -> str | None:
    """Why the hub could not be reached a moment ago: several backends are tried one after another, and each would wait
    for its answer again."""
    since, cause = _unreachable.get(endpoint, (0.0, None))
    return cause if cause is not None and time.monotonic() - since < _REMEMBER_S else None


def _is_offline() -> bool:
    constants = _client("huggingface_hub.constants")

    # The client reads the variable once, at its import; a later change is meant as well.
    return bool(constants.HF_HUB_OFFLINE) or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _token() -> str | None:
    return os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or None


def _explain_unreachable(endpoint: str, timeout_s: float) -> str | None:
    """Why no answer comes from `endpoint`, or None where one comes (whatever it says)."""
    outcome: list[str | None] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=timeout_s):
                outcome.append(None)
        except urllib.error.HTTPError:
            outcome.append(None)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            # A certificate that Python does not know may well be known to the client: let it try.
            known = type(reason).__name__ == "SSLCertVerificationError"
            outcome.append(None if known else _("cannot be reached ({reason})").format(reason=reason))

    # The system's look-up of names knows no timeout of ours, hence a thread that may be left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s + 1.0)
    return outcome[0] if outcome else _("does not answer within {timeout_s:.0f} s").format(timeout_s=timeout_s)


def _explain_refusal(repository: str, error: Exception, remedy: str) -> str:
    """One line for a download that failed."""
    errors = _client("huggingface_hub.errors")

    page = f"https://huggingface.co/{repository}"
    if isinstance(error, errors.GatedRepoError):
        return _(
            "{repository} needs consent: accept its conditions at {page}, then set HF_TOKEN to your access token"
        ).format(repository=repository, page=page)
    if isinstance(error, errors.RevisionNotFoundError):
        return _("{repository} has no such revision: see {page}").format(repository=repository, page=page)
    if isinstance(error, errors.RepositoryNotFoundError):
        return _("no repository {repository}: check the name, or set HF_TOKEN if it is private").format(
            repository=repository
        )
    if isinstance(error, OSError) and error.errno == 28:
        return _(
            "{repository} cannot be stored, the disk is full: make room, or set HF_HOME to a folder elsewhere"
        ).format(repository=repository)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _("{repository} could not be fetched ({line}): try again, the download goes on; or {remedy}").format(
        repository=repository, line=lines[0].strip(), remedy=remedy
    )


def _make_reporter(progress: Progress, size_mb: int | None, name: str) -> type[Any]:
    """A silent progress bar that hands the downloaded fraction to `progress`, and the bytes to who listens."""
    from tqdm.auto import tqdm

    expected = (size_mb or 0) * 1_000_000
    reached = [0.0]
    listener = current_listener()

    class Reporter(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            self._counts = kwargs.get("unit") == "B" and not str(kwargs.get("desc")).startswith("Downloading")
            self._done = float(kwargs.get("initial") or 0)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self._done += n or 0
            total = max(float(self.total or 0), expected)
            if self._counts and total > 0:
                # Totals grow as files begin; a fraction never goes back.
                reached[0] = max(reached[0], min(1.0, self._done / total))
                if listener is not None:
                    listener.fetched(name, int(self._done), int(total))
                progress("download", reached[0])

    return Reporter
