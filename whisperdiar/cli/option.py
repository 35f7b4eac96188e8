"""Options that a configuration file and the environment may set, and what of such a value a command can mean."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from whisperdiar.text.messages import _

PREFIX = "WHISPERDIAR_"
"""Of environment variables: ``WHISPERDIAR_MODEL`` is ``--model`` of every command that has it."""


class Option(click.Option):
    """An option with a place in the help, which a configuration file and the environment may set.

    Args:
        group: one of `GROUPS`.
        rare: only `--help-all` shows it, where a command has many.
        configurable: False for what only makes sense where a command is typed, such as ``--json``.
        accepts: whether a value that is set for every command can be meant for this one; by the type if left out.
        bare: the value of the option where none follows; what follows is one where `is_value` says so, and otherwise
            the next argument.
        is_value: whether a word that follows the option can be its value, for one with `bare`.
    """

    def __init__(
        self,
        *arguments: Any,
        group: str = "Options",
        rare: bool = False,
        configurable: bool = True,
        accepts: Callable[[str], bool] | None = None,
        bare: str | None = None,
        is_value: Callable[[str], bool] = bool,
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        self.group, self.rare, self.configurable, self.accepts = group, rare, configurable, accepts
        self.bare, self.is_value = bare, is_value

    @property
    def key(self) -> str:
        """The name in a configuration file: the long option without its dashes."""
        return max(self.opts, key=len).lstrip("-")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.key.replace("-", "_").upper()

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """As click's own, in the language of the user."""
        original, default = self.help, self.default
        self.help = None if original is None else _(original)
        if isinstance(default, str) and " " in default:  # a phrase; a word is what is typed
            self.default = _(default)
        try:
            record = super().get_help_record(ctx)
        finally:
            self.help, self.default = original, default
        return None if record is None else (translate_words(record[0]), record[1])

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The variable of this option and command, or that of this option; an empty one counts as none."""
        found = super().resolve_envvar_value(ctx)
        if found is not None or not self.configurable:
            return found
        return os.environ.get(self.own_variable(ctx)) or os.environ.get(self.variable) or None

    def own_variable(self, ctx: click.Context) -> str:
        """The environment variable that sets it for this command alone."""
        return PREFIX + f"{ctx.command.name}_{self.key}".replace("-", "_").upper()

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Several values stand one on a line, or behind each other where none of them holds a space."""
        text = self.resolve_envvar_value(ctx)
        if text is None:
            return None
        several = _split_lines(text)
        if self.configurable and not os.environ.get(self.own_variable(ctx)):
            listed = self.multiple or (isinstance(self.type, click.Choice) and len(several) > 1)
            fitting = select_fitting(several if listed else text, self, ctx, self.variable)
            if not self.multiple:
                return fitting
            several = fitting or []
        return (several or None) if self.multiple else super().value_from_envvar(ctx)

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """As click's own; an error names the file or the variable that the value came from."""
        try:
            return super().process_value(ctx, value)
        except click.BadParameter as error:
            where = "" if is_typed(ctx, self.name or "") else describe_source(ctx, self)
            if not where:
                raise
            message = _("{message} (from {where})").format(message=error.message, where=where)
            raise click.BadParameter(message, error.ctx, error.param) from error


def _split_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()] if "\n" in text else _split(text)


def _split(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text, posix=os.name == "posix")
    except ValueError:  # a quotation mark without its other half
        return [text]


def describe_source(context: click.Context, option: Option) -> str:
    """The file, the environment variable or the preset that sets an option; empty where none does."""
    if option.value_from_envvar(context) is not None:
        own = option.own_variable(context)
        return own if os.environ.get(own) else option.variable
    origins: Mapping[str, str] = context.meta.get("whisperdiar.origins", {})
    return origins.get(option.name or "", "")


def translate_words(text: str) -> str:
    """A metavar or a piece of the usage with its words in capitals in the language of the user: ``FILE|DIR/``."""
    return re.sub(r"\b[A-Z]{2,}(?: RANGE)?\b", lambda found: _(found[0]), text)


def option(*declarations: str, **attributes: Any) -> Callable[[Any], Any]:
    """`click.option` for an `Option`."""
    return click.option(*declarations, cls=Option, **attributes)


def fill_bare(arguments: Sequence[str], options: Iterable[click.Parameter]) -> list[str]:
    """The command line with a value for each option that may stand without one, and does.

    ``--separate-overlap talk.wav`` is ``--separate-overlap=sepformer-whamr16k talk.wav``.
    """
    bare = {name: item for item in options if isinstance(item, Option) and item.bare for name in item.opts}
    if not bare:
        return list(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    filled = []
    for i, word in enumerate(arguments):
        item = bare.get(word) if i < end else None
        follows = arguments[i + 1] if i + 1 < end else "-"
        is_alone = item is not None and (follows.startswith("-") or not item.is_value(follows))
        filled.append(f"{word}={item.bare}" if item is not None and is_alone else word)
    return filled


def is_typed(context: click.Context, name: str) -> bool:
    """Whether the user gave this option where the command was typed, by its own name or another program's."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def select_fitting(value: Any, option: Option, context: click.Context, origin: str) -> Any:
    """What can be meant for this command of a value that is set for every command; None where nothing can.

    ``format = ["srt", "rttm"]`` is ``rttm`` for `diarize`, which writes no words. What is left out is told once, by
    `tell_left_out`. What no command can mean stays, to be refused as if it had been typed.

    Args:
        origin: the file, the environment variable or the preset that holds it.
    """
    if option.is_flag or isinstance(value, (bool, dict)):
        return value
    several = isinstance(value, list)
    texts = [format_value(item) for item in (value if several else [value])]
    fitting = [text for text in texts if _fits(text, option)]
    if len(fitting) == len(texts) and (option.multiple or not several):
        return value
    others = [item for item in _options_called(option.key, context) if item is not option]
    if several and not option.multiple and not any(item.multiple for item in others):
        return value
    refused = [text for text in texts if text not in fitting]
    if any(not any(_fits(text, item) for item in others) for text in refused):
        return value
    if refused:
        left_out = context.meta.setdefault("whisperdiar.left_out", {})
        left_out[option.name] = (origin, option.key, ", ".join(refused))
    if not fitting:
        return None
    return fitting if option.multiple else fitting[0]


def _fits(text: str, option: Option) -> bool:
    if option.accepts is not None:
        return option.accepts(text)
    try:
        option.type.convert(text, None, None)
    except click.BadParameter:
        return False
    return True


def _options_called(key: str, context: click.Context) -> list[Option]:
    every = (item for command in all_commands(context) for item in command.params)
    return [item for item in every if isinstance(item, Option) and item.configurable and item.key == key]


def all_commands(context: click.Context) -> Iterator[click.Command]:
    """Every command of the program whose command line this is, those of groups included."""
    root = context.find_root()
    if not isinstance(root.command, click.Group):
        yield root.command
        return
    for name in root.command.list_commands(root):
        found = root.command.get_command(root, name)
        if isinstance(found, click.Group):
            yield from found.commands.values()
        elif found is not None:
            yield found


def format_value(value: Any) -> str:
    """A value of TOML as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)
