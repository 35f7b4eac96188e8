"""Where results go: from what the user typed to (format, path) pairs, checked before any work begins."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import click
from click.core import ParameterSource

from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.formats import Format, by_name, by_suffix
from whisperdiar.options import SubtitleOptions

STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class Target:
    """One file to write; the path `STDOUT` means standard output. Files in a folder are not replaced unasked."""

    format: Format
    path: Path
    in_folder: bool = False


def plan(
    inputs: Sequence[Path],
    outputs: Sequence[str],
    formats: Sequence[str],
    *,
    default: str = "srt",
    also_read: Sequence[str | Path | None] = (),
    also_written: Sequence[str | None] = (),
) -> list[list[Target]]:
    """For every input what is to be written.

    Args:
        default: the format where nothing names one.
        also_read: further files that the command reads, which no output may replace.
        also_written: further files that it writes.

    Raises:
        InvalidOption: the outputs cannot be meant so.
        OutputError: a folder is missing or cannot be written to.
    """
    chosen = [by_name(name.strip()) for item in formats for name in item.split(",")]
    others = [Path(item) for item in also_written if item is not None]
    if not all(outputs):
        raise InvalidOption("-o: the name of an output is empty; give one, or leave it out")
    if not outputs:
        check_writable(others, read=[*inputs, *also_read])
        return _to_stdout(inputs, chosen or [by_name(default)])
    folders = [item for item in outputs if _is_folder(item)]
    files = [item for item in outputs if not _is_folder(item)]
    if files and len(inputs) > 1:
        raise InvalidOption(f"-o {files[0]}: {len(inputs)} inputs need a folder, such as -o transcripts/")
    if files and len(chosen) > 1:
        raise InvalidOption(f"-o {files[0]}: several formats need a folder, or one -o for each")
    targets = [[_file_target(item, chosen, default) for item in files] for _ in inputs]
    for folder in folders:
        for name, found in zip(_names(inputs), targets, strict=True):
            found += [
                Target(item, Path(folder) / f"{name}{item.suffix}", True) for item in (chosen or [by_name(default)])
            ]
    _make_folders(folders)
    every = [*(target.path for found in targets for target in found), *others]
    counts = Counter(Path(os.path.abspath(path)) if path != STDOUT else path for path in every)
    doubled = [path for path in every if path != STDOUT and counts[Path(os.path.abspath(path))] > 1]
    if doubled:
        raise InvalidOption(f"-o {doubled[0]}: this output is given twice")
    check_writable(every, read=[*inputs, *also_read])
    return targets


def unfinished(targets: Sequence[Target], *, overwrite: bool, notify: Callable[[str], None]) -> list[Target]:
    """What is still to be written: outputs that lie in a folder already are left alone, with a word about it."""
    left = [item for item in targets if overwrite or not (item.in_folder and item.path.exists())]
    for item in targets:
        if item not in left:
            notify(f"{item.path}: exists already, left as it is (--overwrite replaces it)")
    return left


_CUTTING = (
    "profile",
    *(item.name for item in fields(SubtitleOptions) if item.name not in ("profile", "overlap")),
    "no_overlap",
)


def check_used(context: click.Context, targets: Sequence[Target], *, embedded: bool = False) -> None:
    """What was asked about subtitles is for at least one output.

    Args:
        targets: all that is asked for.
        embedded: whether subtitles go into a video.

    Raises:
        InvalidOption: an option that was given would do nothing.
    """
    formats = [target.format for target in targets]
    cut = embedded or any(item.cuts_cues for item in formats)
    named = embedded or any(item.styles_speakers for item in formats)
    for name, used in (*((name, cut) for name in _CUTTING), ("speaker_style", named)):
        if not used and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise InvalidOption(f"{option}: it is for subtitles; add an output such as -o out.srt, or leave it out")


def _to_stdout(inputs: Sequence[Path], chosen: Sequence[Format]) -> list[list[Target]]:
    if len(inputs) > 1 or len(chosen) > 1:
        raise InvalidOption("several inputs or formats need a folder to go to: add -o FOLDER/")
    return [[Target(chosen[0], STDOUT)]]


def _file_target(item: str, chosen: Sequence[Format], default: str) -> Target:
    if chosen:
        return Target(chosen[0], Path(item))
    return Target(by_name(default) if Path(item) == STDOUT else by_suffix(item), Path(item))


def _is_folder(item: str) -> bool:
    return item.endswith(("/", os.sep)) or Path(item).is_dir()


def _names(inputs: Sequence[Path]) -> list[str]:
    """Stems; inputs whose stems collide (also on file systems without case) keep their suffix."""
    stems = Counter(path.stem.casefold() for path in inputs)
    names = [path.name if stems[path.stem.casefold()] > 1 else path.stem for path in inputs]
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise InvalidOption(f"two inputs are called {twice[0]!r}: run them separately, into different folders")
    return names


def _make_folders(folders: Sequence[str]) -> None:
    for folder in folders:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot make this folder ({error.strerror}); choose another with -o"
            ) from error


def check_writable(paths: Sequence[Path], *, read: Sequence[str | Path | None]) -> None:
    """Find before the work what would be found after it: an output that cannot be written, or that is an input.

    Raises:
        InvalidOption: an output is one of the files that are `read` (None counts as none).
        OutputError: a folder is missing or cannot be written to.
    """
    try:
        sources = {os.path.realpath(path) for path in read if path is not None}
        places = {path: os.path.realpath(path) for path in paths if path != STDOUT}
    except FileNotFoundError as error:  # relative names need a place to start from
        raise OutputError("the current folder has been deleted; change to another one") from error
    for path, place in places.items():
        if place in sources:
            raise InvalidOption(f"-o {path}: this is the input itself; choose another name")
        if path.is_dir():
            raise OutputError(f"{path}: this is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {path.parent} does not exist; make it first or choose another")
        if not os.access(path.parent, os.W_OK) and not path.exists():
            raise OutputError(f"{path}: no permission to write in {path.parent}; choose another folder with -o")
