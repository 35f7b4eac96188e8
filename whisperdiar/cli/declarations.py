"""Option and command classes: help in groups, values from configuration and environment, other programs' options.

    @command("vad")
    @option("--fps", group="Subtitles", rare=True, help="…")
    def vad(context, **values): ...

`--help` shows the options that most people need, each under the title of its group; `--help-all` shows the others, too.
A module that declares commands imports neither the library nor what it stands on: help and completion come at once.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from whisperdiar.text.messages import _, current, ngettext

GROUPS = ("Output", "Subtitles", "Speakers", "Words", "Speech", "Recording", "Language model", "Machine", "Options")
"""Titles in the help, in this order."""
_SHORT = 18
"""Options that a help shows without leaving any out."""
DEFAULT_COMMAND = "transcribe"
"""Of words that begin with none."""
PREFIX = "WHISPERDIAR_"
"""Of environment variables: ``WHISPERDIAR_MODEL`` is ``--model`` of every command that has it."""


_before_work: list[Callable[[], None]] = []


def run_before_work(prepare: Callable[[], None]) -> None:
    """Have this done before a command does its work, and not where only its help is shown."""
    _before_work.append(prepare)


class Option(click.Option):
    """An option with a place in the help, which a configuration file and the environment may set.

    Args:
        group: one of `GROUPS`.
        rare: only `--help-all` shows it, where a command has many.
        configurable: False for what only makes sense where a command is typed, such as ``--json``.
        accepts: whether a value that is set for every command can be meant for this one; by the type if left out.
    """

    def __init__(
        self,
        *arguments: Any,
        group: str = "Options",
        rare: bool = False,
        configurable: bool = True,
        accepts: Callable[[str], bool] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*arguments, **attributes)
        self.group, self.rare, self.configurable, self.accepts = group, rare, configurable, accepts

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
        original = self.help
        self.help = None if original is None else _(original)
        try:
            record = super().get_help_record(ctx)
        finally:
            self.help = original
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
            from whisperdiar.cli.configuration import select_fitting

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


def format_help_text(
    command: click.Command,
    context: click.Context,
    formatter: click.HelpFormatter,
    write: Callable[[click.Context, click.HelpFormatter], None],
) -> None:
    """Has click write the help of a command in the language of the user, paragraph by paragraph."""
    original = command.help
    command.help = translate_help(original)
    try:
        write(context, formatter)
    finally:
        command.help = original


def translate_help(text: str | None) -> str | None:
    """A help text in the language of the user; paragraphs that `split_help` leaves as they are stay so."""
    return None if text is None else "\n\n".join(_(paragraph) for paragraph in split_help(text))


def split_help(text: str) -> list[str]:
    """The paragraphs of a help text, each on one line but for examples, which begin with a backspace."""
    paragraphs = re.split(r"\n{2,}", inspect.cleandoc(text))
    return [item if item.startswith("\b") else " ".join(item.split()) for item in paragraphs]


def option(*declarations: str, **attributes: Any) -> Callable[[Any], Any]:
    """`click.option` for an `Option`."""
    return click.option(*declarations, cls=Option, **attributes)


class Command(click.Command):
    """A command whose help is short and in groups, and that understands the options of similar programs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's own, with configuration and environment, and with a hint for an option of another program."""
        if ctx.resilient_parsing or {"-h", "--help", "--help-all"} & set(args):
            return super().parse_args(ctx, args)
        from whisperdiar.cli import configuration, foreign_options

        args = foreign_options.translate(args, self)
        configuration.apply(ctx)
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            hint = foreign_options.hint(_find_typed(error.option_name, args), self)
            if hint is None:
                raise
            raise click.UsageError(hint, ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """As click's own, after what `run_before_work` was given."""
        for prepare in _before_work:
            prepare()
        from whisperdiar.cli import configuration

        configuration.tell_left_out(ctx)
        return super().invoke(ctx)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Beside those declared, `--help-all` where the help leaves options out."""
        params = [*super().get_params(ctx), UI_LANGUAGE]
        return [*params, _HELP_ALL] if any(map(_is_rare, self.params)) and self._is_long() else params

    def _is_long(self) -> bool:
        return sum(isinstance(item, click.Option) for item in self.params) > _SHORT

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """As click's own, in the language of the user."""
        return [translate_words(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click's own, in the language of the user."""
        format_help_text(self, ctx, formatter, super().format_help_text)

    def get_short_help_str(self, limit: int = 45) -> str:
        """As click's own, in the language of the user; whole, as a sentence that is cut off says little."""
        if self.short_help is not None or self.help is None or current() == "en":
            return super().get_short_help_str(limit)
        first = _(split_help(self.help)[0])
        return first.partition(". ")[0].rstrip(".")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each group under its title, in the order of `GROUPS`."""
        shown_all = ctx.meta.get("whisperdiar.help_all", False) or not self._is_long()
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in GROUPS}
        hidden = 0
        for item in self.get_params(ctx):
            record = None if isinstance(item, click.Argument) else item.get_help_record(ctx)
            if record is None or (shown_all and item.opts == ["--help-all"]):
                continue
            if _is_rare(item) and not shown_all:
                hidden += 1
                continue
            sections[getattr(item, "group", "Options")].append(record)
        for title, rows in sections.items():
            if rows:
                with formatter.section(_(title)):
                    formatter.write_dl(rows)
        if hidden:
            formatter.write_paragraph()
            text = ngettext(
                "{hidden} more option: {path} --help-all", "{hidden} more options: {path} --help-all", hidden
            )
            formatter.write_text(text.format(hidden=hidden, path=ctx.command_path))


def _find_typed(name: str, arguments: Sequence[str]) -> str:
    """The word that holds an option: click takes ``-map`` for ``-m`` and further letters, each an option."""
    if name.startswith("--"):
        return name
    words = [item for item in arguments if item.startswith("-") and not item.startswith("--")]
    return next((item for item in words if item.startswith(name)), next((i for i in words if name[1:] in i), name))


def _is_rare(item: click.Parameter) -> bool:
    return getattr(item, "rare", False)


def _show_all(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001
    if value and not context.resilient_parsing:
        context.meta["whisperdiar.help_all"] = True
        click.echo(context.get_help(), color=context.color)
        context.exit()


_HELP_ALL = Option(
    ["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    configurable=False,
    callback=_show_all,
    help="Show all options.",
)


UI_LANGUAGE = Option(
    ["--ui-language"],
    metavar="ru|en",
    expose_value=False,
    configurable=False,
    help="Language of messages and help; otherwise that of the system.",
)
"""Of every command, for its help: `whisperdiar.cli.language` takes it before a command is looked for."""


def command(name: str, **attributes: Any) -> Callable[[Any], click.Command]:
    """`click.command` for a `Command`; the function gets the context and the values."""

    def declare(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=Command, **attributes)(click.pass_context(function))

    return declare


def is_typed(context: click.Context, name: str) -> bool:
    """Whether the user gave this option where the command was typed, by its own name or another program's."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE
