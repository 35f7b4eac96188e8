"""Output planning: what the user typed → (format, path) pairs, checked before any work begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import click
from click.core import ParameterSource

from whisperdiar.cli.console import is_terminal
from whisperdiar.cli.option import is_typed
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.formats import Format, by_name, by_suffix, known_suffixes, writable_by_name
from whisperdiar.media import check_recording
from whisperdiar.options import SubtitleOptions
from whisperdiar.outputs import STDOUT, Target, check_outputs, clips_left, name_outputs, select_unfinished
from whisperdiar.text.messages import _

__all__ = [
    "STDOUT",
    "Target",
    "check_name",
    "check_outputs",
    "check_used",
    "clips_left",
    "plan",
    "select_unfinished",
]


def plan(
    inputs: Sequence[Path],
    outputs: Sequence[str],
    formats: Sequence[str],
    *,
    default: str = "srt",
    overwrite: bool = False,
    beside: bool = False,
    also_read: Sequence[str | Path | None] = (),
    also_written: Sequence[str | Path | None] = (),
) -> list[list[Target]]:
    """For every input what is to be written.

    Args:
        default: the format where nothing names one.
        overwrite: whether files that are there are replaced.
        beside: whether outputs that nobody named lie beside their inputs where standard output is a terminal.
        also_read: further files that the command reads, which no output may replace.
        also_written: further files that it writes.

    Raises:
        InvalidOption: the outputs cannot be meant so, or a file that is named is there already.
        OutputError: a folder is missing or cannot be written to.
        BackendMissing: a format needs a package that is not installed.
    """
    chosen = [writable_by_name(name.strip()) for item in formats for name in item.split(",")]
    typed = _are_typed()
    if not all(outputs):
        raise InvalidOption(_("-o: the name of an output is empty; give one, or leave it out"))
    if not outputs and beside and is_terminal():
        targets = _beside(inputs, [item.name for item in chosen] or [default], overwrite=overwrite)
    elif not outputs:
        targets = _to_stdout(inputs, (chosen if typed else chosen[:1]) or [by_name(default)])
    else:
        targets = _to_files(inputs, outputs, chosen, default, overwrite=overwrite, typed=typed)
    check_outputs(
        [item for found in targets for item in found],
        also_written=also_written,
        read=[*inputs, *also_read],
        overwrite=overwrite,
    )
    for target in (item for found in targets for item in found):
        if chosen and target.path != STDOUT and not target.in_folder:
            check_name(target.path, target.format.name, suffixes=(target.format.suffix, *target.format.aliases))
    return targets


def _to_files(
    inputs: Sequence[Path],
    outputs: Sequence[str],
    chosen: Sequence[Format],
    default: str,
    *,
    overwrite: bool,
    typed: bool,
) -> list[list[Target]]:
    folders = [item for item in outputs if _is_folder(item)]
    named = [item for item in outputs if not _is_folder(item)]
    if named and len(inputs) > 1:
        missing = [path for path in inputs if not path.exists()]
        if len(missing) < len(inputs):  # the others are misspelt, or are values of options that were taken for inputs
            for path in missing:
                check_recording(path)
        raise InvalidOption(
            _("-o {named}: {n_inputs} inputs need a folder, such as -o transcripts/").format(
                named=named[0], n_inputs=len(inputs)
            )
        )
    if named and len(chosen) > 1 and typed:
        raise InvalidOption(_("-o {named}: several formats need a folder, or one -o for each").format(named=named[0]))
    for_named = {item: chosen if typed else _by_default(item, chosen) for item in named}
    targets = [[_file_target(item, for_named[item], default, overwrite) for item in named] for _each in inputs]
    for folder in folders:
        names = [item.name for item in chosen] or [default]
        for own, found in zip(name_outputs(inputs, folder, names, overwrite=overwrite), targets, strict=True):
            found += own
    return targets


_CUTTING = tuple(item.name for item in fields(SubtitleOptions))


def check_used(context: click.Context, targets: Sequence[Target], *, muxed: bool = False) -> None:
    """What was asked about subtitles, and about documents, is for at least one output.

    Args:
        targets: all that is asked for.
        muxed: whether subtitles go into a video.

    Raises:
        InvalidOption: an option that was given would do nothing.
    """
    formats = [target.format for target in targets]
    cut = muxed or any(item.cuts_cues for item in formats)
    named = muxed or any(item.styles_speakers for item in formats)
    kept = cut or any(item.name == "json" for item in formats)  # for another cut, later
    marked = (("shots", kept), ("mark_sounds", kept))
    for name, used in (*((name, cut) for name in _CUTTING), ("speaker_style", named), *marked):
        if not used and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            turned_off = context.params.get(name) is False
            option = f"--{'no-' if turned_off else ''}{name.replace('_', '-')}"
            raise InvalidOption(
                _("{option}: it is for subtitles; add an output such as -o out.srt, or leave it out").format(
                    option=option
                )
            )
    given = context.get_parameter_source("template") is ParameterSource.COMMANDLINE
    if given and not any(item.has_templates for item in formats):
        raise InvalidOption(_("--template: it is for documents; add an output such as -o out.docx, or leave it out"))


def _beside(inputs: Sequence[Path], formats: Sequence[str], *, overwrite: bool) -> list[list[Target]]:
    """For every input its files in its own folder; what is there already counts as done."""
    found: dict[Path, list[Target]] = {}
    for folder in dict.fromkeys(path.parent for path in inputs):
        inside = [path for path in inputs if path.parent == folder]
        if not folder.is_dir():
            raise MediaError(_("{inside}: there is no such file; check the name").format(inside=inside[0]))
        found.update(zip(inside, name_outputs(inside, folder, formats, overwrite=overwrite), strict=True))
    return [found[path] for path in inputs]


def _to_stdout(inputs: Sequence[Path], chosen: Sequence[Format]) -> list[list[Target]]:
    if len(inputs) > 1 or len(chosen) > 1:
        raise InvalidOption(_("several inputs or formats need a folder to go to: add -o FOLDER/"))
    return [[Target(chosen[0], STDOUT)]]


def _file_target(item: str, chosen: Sequence[Format], default: str, overwrite: bool) -> Target:
    path = Path(item)
    if not chosen:
        return Target(by_name(default) if path == STDOUT else by_suffix(item), path, replace=overwrite)
    return Target(chosen[0], path, replace=overwrite)


def _are_typed() -> bool:
    """Whether -f stands on the command line; formats of a configuration file give way to the suffix of an output."""
    context = click.get_current_context(silent=True)
    return context is None or is_typed(context, "formats")


def _by_default(item: str, chosen: Sequence[Format]) -> Sequence[Format]:
    """The formats of a configuration file for one output that is named: at most one."""
    path = Path(item)
    if path == STDOUT:
        return chosen[:1]
    return () if len(chosen) > 1 or path.suffix.lower() in known_suffixes() else chosen


_NEUTRAL = (".txt",)
"""Suffixes that say no more than that this is a text …"""
_ELSEWHERE = (".png", ".svg", ".npz", ".mp4", ".mkv", ".mov", ".m4v", ".wav", ".mp3")
"""… and those of files that are no transcript and no text at all."""


def check_name(path: Path, name: str, *, suffixes: Sequence[str]) -> None:
    """A file that holds one format does not bear the suffix of another.

    Args:
        name: the format that was asked for with -f; it may go into any suffix that promises nothing else.
        suffixes: of that format.

    Raises:
        InvalidOption: the suffix is that of another format.
    """
    suffix = path.suffix.lower()
    if any(item.lower().endswith(suffix) for item in suffixes) or suffix in _NEUTRAL:
        return
    if suffix in known_suffixes() or suffix in _ELSEWHERE:
        good = f"{path.stem}{suffixes[0]}"
        raise InvalidOption(
            _("-o {path}: -f {name} does not make a {suffix} file; call it {good}, or leave -f out").format(
                path=path, name=name, suffix=suffix, good=good
            )
        )


def _is_folder(item: str) -> bool:
    return item.endswith(("/", os.sep)) or os.path.isdir(item)
