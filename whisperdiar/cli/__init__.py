"""The command line: parses, calls the library, prints. Nothing else in the package touches the terminal."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from whisperdiar.cli import signals
from whisperdiar.cli.commands import COMMANDS
from whisperdiar.cli.declarations import DEFAULT_COMMAND, UI_LANGUAGE, format_help_text, run_before_work
from whisperdiar.cli.language import choose
from whisperdiar.cli.option import translate_words
from whisperdiar.parameter_names import speak_options
from whisperdiar.system.telemetry import disable_telemetry
from whisperdiar.text import messages
from whisperdiar.text.messages import _
from whisperdiar.version import __version__


class LazyGroup(click.Group):
    """Commands are imported when they are called; what is no command is a recording to transcribe."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"whisperdiar.cli.commands.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*COMMANDS, "--help", "-h", "--version") and not ctx.resilient_parsing:
            _refuse_mistyped(args[0])
        if args and args[0] not in (*COMMANDS, "--help", "-h", "--version"):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click's own, in the language of the user."""
        format_help_text(self, ctx, formatter, super().format_help_text)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click's own, and below them the commands under their titles."""
        rows = [row for item in self.get_params(ctx) if (row := item.get_help_record(ctx)) is not None]
        with formatter.section(_("Options")):
            formatter.write_dl([(names, _(text)) for names, text in rows])
        self.format_commands(ctx, formatter)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), UI_LANGUAGE]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [translate_words(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Each under its title, from the list alone: no command is imported."""
        for title in dict.fromkeys(entry.title for entry in COMMANDS.values()):
            rows = [(name, _(entry.summary)) for name, entry in COMMANDS.items() if entry.title == title]
            with formatter.section(_(title)):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Commands, and files: the first word may be a recording."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=_(entry.summary))
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return found if found and not os.path.exists(incomplete) else [CompletionItem(incomplete, type="file")]


def _refuse_mistyped(word: str) -> None:
    """`whisperdiar convrt x.json` means a command, not a recording called convrt."""
    if word.startswith("-") or os.path.splitext(word)[1] or os.sep in word or os.path.exists(word):
        return
    import difflib

    close = difflib.get_close_matches(word, COMMANDS, n=1)
    if close:
        raise click.UsageError(
            _("no recording and no command {word!r}; did you mean {nearest!r}?").format(word=word, nearest=close[0])
        )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, prog_name="whisperdiar")
def main() -> None:
    """Who said what, when.

    \b
    whisperdiar meeting.mp4 -o meeting.srt
    whisperdiar a.wav b.mp3 -o transcripts/ -f srt,vtt,json

    The first word may be a command; anything else is a recording to transcribe. `whisperdiar help transcribe` shows
    its options.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command line; every error becomes one line on stderr. Returns the exit code."""
    before = os.environ.get("LANGUAGE")
    speak_options(True)
    try:
        return _run(arguments)
    finally:
        messages.use("en")
        speak_options(False)
        if before is None:
            os.environ.pop("LANGUAGE", None)
        else:
            os.environ["LANGUAGE"] = before


def _run(arguments: Sequence[str]) -> int:
    try:
        result: Any = main.main(args=choose(arguments), prog_name="whisperdiar", standalone_mode=False)
        signals.check()
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except BrokenPipeError:
        # The reader has gone (`| head`): nobody is left to tell. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        from whisperdiar.cli.console import Console
        from whisperdiar.cli.errors import report

        return report(error, Console(quiet=True))
    return result if isinstance(result, int) else 0


def silence_libraries() -> None:
    """Their warnings and log lines are for developers; what a user must know, whisperdiar says itself."""
    _fill_standard_descriptors()
    disable_telemetry()
    signals.install()
    if os.environ.get("WHISPERDIAR_DEBUG"):
        return
    warnings.simplefilter("ignore")
    run_before_work(_silence_logs)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _silence_logs() -> None:
    import logging  # takes as long as all the options of a command, and a help writes no log

    logging.disable(logging.ERROR)


def _fill_standard_descriptors() -> None:
    """Where the caller closed one (`2>&-`), the next file opened would take its number, and libraries write there."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
