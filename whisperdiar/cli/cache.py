"""Command `cache`: what is kept so that a second run repeats only what changed."""

from __future__ import annotations

from whisperdiar.cache import locate
from whisperdiar.cache.files import CacheFolder, Usage
from whisperdiar.cli.console import Console, write_stdout
from whisperdiar.options import CacheOptions
from whisperdiar.text.counts import count_files
from whisperdiar.text.messages import _


def _open(folder: str | None) -> CacheFolder:
    options = CacheOptions(folder=folder)
    return CacheFolder(locate(options), limit_bytes=options.limit_mb * 10**6, notify=Console().warn)


def _describe(usage: Usage) -> str:
    return _("{files}, {megabytes:.1f} MB").format(files=count_files(usage.n_files), megabytes=usage.n_bytes / 1e6)


def show_cache(folder: str | None) -> None:
    """Where the cache lies, and how much it holds."""
    found = _open(folder)
    write_stdout(f"{found.folder}: {_describe(found.usage())}\n")


def clear_cache(folder: str | None) -> None:
    """Remove everything that is kept."""
    found = _open(folder)
    removed = _("removed {usage}").format(usage=_describe(found.clear()))
    write_stdout(f"{found.folder}: {removed}\n")


def cache_path(folder: str | None) -> None:
    """Print the folder of the cache."""
    write_stdout(f"{locate(CacheOptions(folder=folder))}\n")
