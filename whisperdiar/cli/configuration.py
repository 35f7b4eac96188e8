"""Configuration: `whisperdiar.toml` of the user and of the project, and presets, as defaults of options.

    language = "en"                  # of every command that has --language
    [transcribe]                     # of this command alone
    model = "large-v3-turbo"
    format = ["srt", "json"]

The first that has a value wins: the command line, the environment, a preset that is named there, the project's file
(in the current folder or the nearest above it), the user's file, and in each a preset that it names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from whisperdiar.cli.configuration_files import VARIABLE, File, find_files, user_path
from whisperdiar.cli.option import PREFIX, Option, all_commands, describe_source, format_value, is_typed, select_fitting
from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _

_OTHER_VARIABLES = (
    VARIABLE,
    "WHISPERDIAR_UI_LANGUAGE",
    "WHISPERDIAR_CACHE",
    "WHISPERDIAR_DEBUG",
    "WHISPERDIAR_LLM_KEY",
)
_OF_ALL_MESSAGES = ("ui_language", "ui-language")
"""Keys that `whisperdiar.cli.language` has read before."""
_OF_THE_USER_ALONE = ("llm",)
"""What a project's file must not set, as folders come from anywhere: to whom a transcript is sent."""


def apply(context: click.Context) -> None:
    """Makes the values of the files the defaults of this command's options; tells of keys that no command has.

    Raises:
        InvalidOption: a file cannot be read, or a value has the wrong type.
    """
    options = {item.key: item for item in context.command.params if isinstance(item, Option) and item.configurable}
    if not options:
        return
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for file in find_files():
        common, own = _tables_of(file, context)
        table = {**common, **own}
        _warn_of_unknown(file, table, options, context)
        preset = table.get("preset")
        layers = [(f"preset {preset} of {file.path}", _preset(preset, file.path))] if "preset" in options else []
        for origin, layer in (*layers, (file.path, table)):
            for key, value in layer.items():
                if key not in options:
                    continue
                if layer is not table or key not in own:
                    value = select_fitting(value, options[key], context, origin)
                    if value is None:
                        continue
                name = options[key].name or ""
                values[name] = _as_typed(value, options[key], origin)
                origins[name] = origin
    context.default_map = {**(context.default_map or {}), **values}
    context.meta["whisperdiar.origins"] = origins


def tell_left_out(context: click.Context) -> None:
    """One note for each value of a file, a variable or a preset that is for other commands than this one."""
    useless: str | None = context.meta.get("whisperdiar.useless_preset")
    told: Mapping[str, tuple[str, str, str]] = context.meta.get("whisperdiar.left_out", {})
    told = {name: item for name, item in told.items() if not is_typed(context, name)}
    if not told and useless is None:
        return
    from whisperdiar.cli.console import Console

    values = context.params
    console = Console(quiet=bool(values.get("quiet")), progress=str(values.get("progress", "auto")))
    command = context.command.name
    if useless is not None:
        console.note(_("preset {name}: it sets nothing of {command}").format(name=useless, command=command))
    for origin, key, refused in told.values():
        console.note(
            _("{origin}: {key} {refused} is not for {command}, and is left out").format(
                origin=origin, key=key, refused=refused, command=command
            )
        )


def _preset(name: Any, path: str) -> Mapping[str, Any]:
    from whisperdiar.cli.presets import PRESETS, find

    if name is None:
        return {}
    if not isinstance(name, str):
        raise InvalidOption(
            _("{path}: preset {name!r}: choose one of {presets}").format(
                path=path, name=name, presets=", ".join(PRESETS)
            )
        )
    try:
        return find(name).values
    except InvalidOption as error:
        raise InvalidOption(f"{path}: {error}") from error


def apply_preset(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Callback of ``--preset``, which is read before all others: its values become defaults of theirs."""
    if value is None or context.resilient_parsing:
        return value
    if context.get_parameter_source(parameter.name or "") not in (
        ParameterSource.COMMANDLINE,
        ParameterSource.ENVIRONMENT,
    ):
        return value  # `apply` has done it, below the options of the same file
    from whisperdiar.cli.presets import find

    values = find(value).values
    origins = context.meta.setdefault("whisperdiar.origins", {})
    context.default_map = dict(context.default_map or {})
    if not any(isinstance(item, Option) and item.key in values for item in context.command.params):
        context.meta["whisperdiar.useless_preset"] = value
    for item in context.command.params:
        if isinstance(item, Option) and item.key in values:
            fitting = select_fitting(values[item.key], item, context, f"preset {value}")
            if fitting is None:
                continue
            name = item.name or ""
            context.default_map[name] = _as_typed(fitting, item, f"preset {value}")
            origins[name] = f"preset {value}"
    return value


def _tables_of(file: File, context: click.Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file says to a command: keys of all commands, and those of its own table, which win."""
    words = context.command_path.split()[1:] or [context.command.name or ""]
    others = (*_command_names(context), *_OF_ALL_MESSAGES)
    common = {key: value for key, value in file.values.items() if key not in others}
    table: Any = file.values
    for word in words:
        table = table.get(word) if isinstance(table, dict) else None
    found = tuple(
        {key.replace("_", "-"): value for key, value in (item if isinstance(item, dict) else {}).items()}
        for item in (common, table)
    )
    for key in _OF_THE_USER_ALONE if file.of_project else ():
        if [item.pop(key, None) for item in found] != [None, None]:
            _warn(
                _("{path}: {key} counts in your own {user_path} only").format(
                    path=file.path, key=key, user_path=user_path()
                ),
                context,
            )
    return found[0], found[1]


def _warn_of_unknown(
    file: File, table: Mapping[str, Any], options: Mapping[str, Option], context: click.Context
) -> None:
    """One line for each key that neither this command nor, at the top of the file, any other one has."""
    unknown = [key for key in table if key not in options]
    every = all_keys(context) if unknown else frozenset()
    common = {key.replace("_", "-") for key in file.values if key not in _command_names(context)}
    for key in unknown:
        if key not in common:
            _warn(
                _("{path}: no option {key!r}{nearest}").format(path=file.path, key=key, nearest=_nearest(key, options)),
                context,
            )
        elif key not in every and isinstance(table[key], dict):
            _warn(
                _("{path}: no command [{key}]{nearest}").format(
                    path=file.path, key=key, nearest=_nearest(key, _command_names(context))
                ),
                context,
            )
        elif key not in every:
            _warn(
                _("{path}: no option {key!r}{nearest}").format(path=file.path, key=key, nearest=_nearest(key, every)),
                context,
            )


def _nearest(word: str, known: Any) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1)
    return _("; did you mean {close!r}?").format(close=close[0]) if close else ""


def _command_names(context: click.Context) -> tuple[str, ...]:
    root = context.find_root()
    return tuple(root.command.list_commands(root)) if isinstance(root.command, click.Group) else ()


def all_keys(context: click.Context) -> frozenset[str]:
    """The keys that any command understands."""
    return frozenset(
        item.key
        for command in all_commands(context)
        for item in command.params
        if isinstance(item, Option) and item.configurable
    )


def _as_typed(value: Any, option: Option, origin: str) -> Any:
    """A value of TOML as if it had been typed, so that it is read and refused alike."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise InvalidOption(
                _("{origin}: {key} = {value!r}: write true or false").format(origin=origin, key=option.key, value=value)
            )
        return value
    if option.multiple:
        if isinstance(value, dict):
            return [f"{key}={format_value(item)}" for key, item in value.items()]
        return [format_value(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, (bool, list, dict)):
        raise InvalidOption(
            _("{origin}: {key} = {value!r}: write one text or number").format(
                origin=origin, key=option.key, value=value
            )
        )
    return format_value(value)


def _warn(message: str, context: click.Context) -> None:  # noqa: ARG001
    from whisperdiar.cli.console import Console

    Console(quiet=True).warn(message)


def warn_of_variables(context: click.Context) -> None:
    """One line for each environment variable that looks like one of an option and is none."""
    known = {PREFIX + key.replace("-", "_").upper() for key in all_keys(context)}
    own = {
        PREFIX + f"{command.name}_{item.key}".replace("-", "_").upper()
        for command in all_commands(context)
        for item in command.params
        if isinstance(item, Option)
    }
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known | own and name not in _OTHER_VARIABLES:
            _warn(
                _("environment variable {name}: no option of this name{nearest}").format(
                    name=name, nearest=_nearest(name, known | own)
                ),
                context,
            )


def show(context: click.Context, command: click.Command, preset: str | None) -> None:
    """Prints every option of a command, its value and where that comes from, in the form of a configuration file."""
    inner = click.Context(command, info_name=command.name, parent=context.find_root())
    apply(inner)
    warn_of_variables(inner)
    options = [item for item in command.params if isinstance(item, Option) and item.configurable]
    rows = []
    for item in sorted(options, key=lambda item: not item.is_eager):
        typed: dict[str, Any] = {"preset": preset} if preset is not None and item.key == "preset" else {}
        given, source = item.consume_value(inner, typed)
        inner.set_parameter_source(item.name or "", source)
        item.process_value(inner, given)  # refuses what cannot be meant; of --preset, sets the defaults of the others
        where = "--preset" if typed else describe_source(inner, item)
        rows.append((item, given if where else _default(item, inner), where))
    tell_left_out(inner)
    order = {item.name: number for number, item in enumerate(options)}
    rows.sort(key=lambda row: order[row[0].name])
    lines = [f"# whisperdiar {command.name}: the user's file is {user_path()}"]
    lines += [f"[{command.name}]"]
    for item, value, where in rows:
        if where:
            lines.append(f"{item.key} = {_toml(value)}  # {where}")
        else:
            lines.append(f"# {item.key} = {_toml(value)}")
    click.echo("\n".join(lines))


def _default(item: Option, context: click.Context) -> Any:
    return item.get_default(context, call=True)


def _toml(value: Any) -> str:
    import json

    if value is None or not isinstance(value, (bool, int, float, str, list, tuple)):
        return ""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
