"""Option and command classes: help in groups, values from configuration and environment, other programs' options.

    @command("vad")
    @option("--fps", group="Subtitles", rare=True, help="…")
    def vad(context, **values): ...

`--help` shows the options that most people need, each under the title of its group; `--help-all` shows the others, too.
A module that declares commands imports neither the library nor what it stands on: help and completion come at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from whisperdiar.cli.option import Option, fill_bare, translate_words
from whisperdiar.text.messages import _, current, ngettext

GROUPS = (
    "Server", "Live", "Output", "Batch", "Subtitles", "Speakers", "Words", "Speech", "Recording", "Language model",
    "Machine", "Options",
)  # fmt: skip
"""Titles in the help, in this order."""
_SHORT = 18
"""Options that a help shows without leaving any out."""
DEFAULT_COMMAND = "transcribe"
"""Of words that begin with none."""

_OPTION_NAME = re.compile(r"--[a-z][a-z-]*")

_before_work: list[Callable[[], None]] = []


def run_before_work(prepare: Callable[[], None]) -> None:
    """Have this done before a command does its work, and not where only its help is shown."""
    _before_work.append(prepare)


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


class Command(click.Command):
    """A command whose help is short and in groups, and that understands the options of similar programs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's own, with configuration and environment, and with a hint for an option of another program."""
        if ctx.resilient_parsing or {"-h", "--help", "--help-all"} & set(args):
            return super().parse_args(ctx, args)
        from whisperdiar.cli import configuration, foreign_options

        args = fill_bare(foreign_options.translate(args, self), self.params)
        _refuse_swallowed(args, self.params, ctx)
        configuration.apply(ctx)
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            hint = foreign_options.hint(_find_typed(error.option_name, args), ctx)
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


def _refuse_swallowed(arguments: Sequence[str], options: Sequence[click.Parameter], context: click.Context) -> None:
    """Refuses the name of an option where the value of the one before it has to stand.

    click takes ``--shots -o a.srt`` for a list of shots that is called ``-o``, and ``a.srt`` for a recording.

    Raises:
        UsageError: an option lacks its value.
    """
    own = {name: item for item in options if isinstance(item, click.Option) for name in item.opts}
    waiting = list(arguments)
    while waiting and waiting[0] != "--":
        name = waiting.pop(0)
        item = own.get(name)
        if item is None or item.is_flag or item.count or not waiting:
            continue
        value = waiting.pop(0)
        if value in own or _OPTION_NAME.fullmatch(value):
            raise click.UsageError(_("{name} needs a value before {value}").format(name=name, value=value), context)


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
