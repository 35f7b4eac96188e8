"""Error reporting: any exception → one line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import traceback
from typing import Any

import click

from whisperdiar.cli import signals
from whisperdiar.cli.console import Console
from whisperdiar.errors import InvalidOption, WhisperdiarError, describe_error
from whisperdiar.system.files import format_path
from whisperdiar.text.messages import _

_NO_ROOM = ("failed to map segment", "Cannot allocate memory")
"""What glibc's loader says of a library for which no memory is left."""

_OF_THE_PATH = (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOTDIR)
"""What is wrong with a path that somebody gave, and not with the program."""

OK, FAILED, USAGE, EMPTY = 0, 1, 2, 3
"""EMPTY: the work was done, and there is nothing, or next to nothing, in the result."""

_NO_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""Carries the whole help text; click before 8.2 prints it by itself."""


def report(error: BaseException, console: Console, *, about: str = "") -> int:
    """Say what went wrong in one line (`about` names the file) and return the exit code.

    With WHISPERDIAR_DEBUG in the environment the traceback comes first, for a bug report.
    """
    if os.environ.get("WHISPERDIAR_DEBUG"):
        traceback.print_exception(error)
    about = format_path(about) if about else about
    prefix = f"{about}: " if about not in ("", "-") and not str(error).startswith(about) else ""
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(error.format_message(), err=True)
        return USAGE
    if isinstance(error, click.ClickException):
        console.error(error.format_message())
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        console.error(_("interrupted; nothing was left half-written"))
        return signals.exit_code(error)
    console.error(prefix + explain(error))
    return USAGE if isinstance(error, InvalidOption) else FAILED


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was what was missing: a library that cannot be mapped looks like one whose install is broken."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, ImportError) and any(cause in str(error) for cause in _NO_ROOM):
            return True
        error = error.__cause__ or error.__context__
    return False


def explain(error: BaseException) -> str:
    """One line for a person: our own errors as they are, others with their type and what to do."""
    text = describe_error(error)
    if isinstance(error, WhisperdiarError) and ("memory" in text or not _is_out_of_memory(error)):
        return text
    if _is_out_of_memory(error):
        return _(
            "out of memory; use a smaller model, a smaller --batch-size, or cut the recording with --start and --end"
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _("no space left on the disk ({filename}); free some, or set TMPDIR").format(
            filename=error.filename or _("temporary files")
        )
    if isinstance(error, OSError) and error.errno in _OF_THE_PATH and error.filename is not None:
        return _("{path}: it cannot be read ({cause}); check the name and the permissions").format(
            path=error.filename, cause=error.strerror
        )
    return _(
        "unexpected {text} (please report this, with what WHISPERDIAR_DEBUG=1 in front of the command prints)"
    ).format(text=text)
