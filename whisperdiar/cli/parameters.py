"""Values of options, read for the library: choices of backends, settings, how to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import click

from whisperdiar.cli.option import is_typed
from whisperdiar.errors import InvalidOption
from whisperdiar.options import CacheOptions, SubtitleOptions, WriteOptions
from whisperdiar.selection import Choice
from whisperdiar.text.messages import _


def write_options(options: Mapping[str, Any]) -> WriteOptions:
    """How to write, from the values of `style_option`, `template_option`, `subtitle_options` and `recut_option`.

    Others are passed over.

    Raises:
        InvalidOption: there is no such profile, or a limit that makes no sense.
    """
    chosen = SubtitleOptions(**{item.name: options[item.name] for item in fields(SubtitleOptions)})
    # The default profile by its name is a wish as well.
    context = click.get_current_context(silent=True)
    named = context is not None and is_typed(context, "profile")
    recut = bool(options.get("recut")) or named
    template = options.get("template", WriteOptions().template)
    return WriteOptions(speaker_style=options["speaker_style"], subtitles=chosen, recut=recut, template=template)


def check_times(start: float, end: float | None) -> None:
    """Raises InvalidOption where the end does not lie after the start; said before anything is loaded."""
    if end is not None and end <= start:
        raise InvalidOption(
            _("--end {end:g}: it must lie after the start ({start:g} seconds)").format(end=end, start=start)
        )


def select_given(**values: Any) -> dict[str, str]:
    """Settings that the user gave, as text; what was left out stays at the backend's own default."""
    return {key: str(value) for key, value in values.items() if value is not None}


def settings(pairs: tuple[tuple[str, str], ...], **values: Any) -> Mapping[str, str]:
    """Settings from KEY=VALUE options and from options of their own, which win."""
    return {**dict(pairs), **select_given(**values)}


def cache_options(options: Mapping[str, Any]) -> CacheOptions | None:
    """Where results of stages are kept, from the values of `cache_options`; None for nowhere."""
    if options.get("no_cache", True):
        return None
    return CacheOptions(folder=options.get("cache_dir"), limit_mb=options.get("cache_size", CacheOptions().limit_mb))


def diarizer_choice(options: Mapping[str, Any]) -> Choice:
    """The diarizer of `diarizer_options`; an option that was made for one implies it.

    Raises:
        InvalidOption: --embedding, and a diarizer that has none; or one of them beside a file of turns.
    """
    name, turns = options["diarizer"], options.get("turns")
    for key, owner in _IMPLIED.items():
        if options.get(key) is None:
            continue
        if turns is not None:
            raise InvalidOption(
                _("--turns takes the speakers from a file: leave --{option} out").format(option=key.replace("_", "-"))
            )
        name = owner if name == "auto" else name
    if options.get("embedding") is not None and name not in _CLUSTERING:
        raise InvalidOption(_("--embedding is for --diarizer embedding: leave --diarizer {name} out").format(name=name))
    own = {key: options.get(key) for key in ("embedding", "segmentation_model", "embedding_model")}
    own |= {"jar": options.get("lium_jar"), "bin": options.get("alize_bin"), "fast": options.get("fast") or None}
    return Choice(name=name, settings=settings(options["diarizer_settings"], **own))


_IMPLIED: Mapping[str, str] = {
    "embedding": "embedding",
    "save_probabilities": "sortformer",
    "lium_jar": "lium",
    "alize_bin": "alize",
}
"""Options that mean this diarizer where none is named."""
_CLUSTERING = ("embedding", "ecapa")


def activity_file(options: Mapping[str, Any]) -> str | None:
    """Where the activity of the speakers goes, by either name of the option.

    Raises:
        InvalidOption: both are given, and name different files.
    """
    new, old = options.get("save_activity"), options.get("save_probabilities")
    if new is not None and old is not None and new != old:
        raise InvalidOption(
            _("--save-activity {new} and --save-probabilities {old} are the same option: leave one out").format(
                new=new, old=old
            )
        )
    found: str | None = new if new is not None else old
    return found


def other_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """Files that are read and written beside recordings and outputs, as arguments of `plan`.

    Raises:
        InvalidOption: the activity of the speakers is not to go into an .npz file.
    """
    saved = activity_file(options)
    if saved is not None and not str(saved).endswith(".npz"):
        raise InvalidOption(_("--save-activity {saved}: give the name of an .npz file").format(saved=saved))
    read = [options["speech"], options["turns"], options.get("vocabulary")]
    return {"also_read": read, "also_written": [saved]}
