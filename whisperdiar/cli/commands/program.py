"""Commands about this program: `formats`, `backends`, `models`, `doctor`, `config`, `completion`, `help`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import DEFAULT_COMMAND, command
from whisperdiar.cli.option import option
from whisperdiar.options import command_line as defaults
from whisperdiar.text.messages import _

_json = option("--json", "as_json", is_flag=True, configurable=False, help="Everything about them, as JSON.")


@command("formats")
@_json
def formats(context: click.Context, /, *, as_json: bool) -> None:  # noqa: ARG001
    """List the formats: the name for -f, the suffixes that choose it, what it holds, and whether it is read as well."""
    from whisperdiar.cli.inventory import formats as work

    work(as_json=as_json)


@command("backends")
@_json
@option(
    "--settings", is_flag=True, configurable=False, help="Show the settings of each, for --vad-option and the like."
)
def backends(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """List the backends of every stage, what each needs, and its licence."""
    from whisperdiar.cli.inventory import backends as work

    work(**values)


@click.group("models")
def models() -> None:
    """List, fetch and find models. What is in the cache is used without the network."""


def _add_to_models(declared: click.Command) -> click.Command:
    models.add_command(declared)
    return declared


@_add_to_models
@command("list")
@option("--json", "as_json", is_flag=True, configurable=False, help="As JSON.")
def list_models(context: click.Context, /, *, as_json: bool) -> None:  # noqa: ARG001
    """All models that have a name, their sizes, and whether they are on this machine.

    First the Whisper models, then others in the cache and those that were converted, then those for --asr onnx, then
    what backends fetch. A size
    without "on this machine" is that of the download; beside it, that on disk.
    """
    from whisperdiar.cli.inventory import list_models as work

    work(as_json=as_json)


@_add_to_models
@command("download")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@option("--directory", type=shared.PATH, metavar="DIR", configurable=False, help="A folder in place of the cache.")
@option("--repair", is_flag=True, configurable=False, help="Fetch files anew that `models verify` finds damaged.")
@option("--overwrite", is_flag=True, configurable=False, help="Replace other files of these names in --directory.")
@option(
    "--compute-type",
    type=shared.choice(defaults.ONNX_PRECISIONS),
    default="auto",
    configurable=False,
    help="Number format of a model for --asr onnx: int8 is a quarter of the size.",
)
@option("-q", "--quiet", is_flag=True, help="No progress.")
@shared.progress_option
def download(context: click.Context, /, **values: Any) -> None:
    """Fetch models; an interrupted download goes on where it stopped. Prints where they lie.

    NAME is a Whisper model or one for --asr onnx (see `whisperdiar models list`), a repository OWNER/NAME of a Whisper
    model, a SepFormer for --separate-overlap, or a backend that has models of its own (onnx, pyannote, wavlm-emotions,
    …). A repository in the format of Transformers is converted for CTranslate2.
    """
    from whisperdiar.cli.inventory import download as work

    work(context, **values)


@_add_to_models
@command("recommend")
@option("--language", required=True, metavar="NAME|CODE", configurable=False, help="Language, such as Russian or ru.")
@option("--json", "as_json", is_flag=True, configurable=False, help="As JSON.")
def recommend(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """What others measured of recognisers for a language, with the source, and which models know it.

    The fewest errors come first, with the options that take the model. This project measured none of it.
    """
    from whisperdiar.cli.inventory import recommend as work

    work(**values)


@_add_to_models
@command("path")
@click.argument("name")
def path(context: click.Context, /, *, name: str) -> None:  # noqa: ARG001
    """Where a model lies on this machine; exit code 1 if it does not.

    NAME is a Whisper model or one for --asr onnx, a repository OWNER/NAME, or a backend that has models of its own
    (onnx, pyannote, …).
    """
    from whisperdiar.cli.inventory import path as work

    work(name)


@_add_to_models
@command("verify")
@click.argument("names", nargs=-1, metavar="[NAME...]")
def verify(context: click.Context, /, *, names: tuple[str, ...]) -> None:
    """Read every file of the models on this machine, and compare it with what was published.

    NAME is one of `whisperdiar models list`, a repository OWNER/NAME, or a folder; without any, all models are read.
    Prints OK, or what is wrong and the command that mends it. Exit code 1 if anything is wrong.
    """
    from whisperdiar.cli.inventory import verify as work

    work(context, names)


@click.group("cache")
def cache() -> None:
    """Show, find or clear what is kept so that a second run repeats only what changed.

    Transcripts lie in it, readable by their owner alone.
    """


def _add_to_cache(declared: click.Command) -> click.Command:
    cache.add_command(declared)
    return declared


_folder = option("--cache-dir", "folder", metavar="DIR", help="Another folder than that of the user.")


@_add_to_cache
@command("show")
@_folder
def show_cache(context: click.Context, /, *, folder: str | None) -> None:  # noqa: ARG001
    """Where the cache lies, and how many files and megabytes it holds."""
    from whisperdiar.cli.cache import show_cache as work

    work(folder)


@_add_to_cache
@command("clear")
@_folder
def clear_cache(context: click.Context, /, *, folder: str | None) -> None:  # noqa: ARG001
    """Remove everything that is kept in the cache."""
    from whisperdiar.cli.cache import clear_cache as work

    work(folder)


@_add_to_cache
@command("path")
@_folder
def cache_path(context: click.Context, /, *, folder: str | None) -> None:  # noqa: ARG001
    """Print the folder of the cache."""
    from whisperdiar.cli.cache import cache_path as work

    work(folder)


@command("doctor")
@option(
    "--installation",
    is_flag=True,
    configurable=False,
    help="Check the libraries only: no model is looked for, no sample run.",
)
def doctor(context: click.Context, /, **values: Any) -> None:
    """Import every library, run a short sample through every backend that is ready, and say what is missing.

    Nothing is downloaded. Exit code 0: recordings can be transcribed. Exit code 1: something that is installed is
    broken, or there is no Whisper model on this machine; the last line says what to run.
    """
    from whisperdiar.cli.doctor import doctor as work

    work(context, **values)


@command("config")
@click.argument("words", nargs=-1, metavar="[COMMAND]")
@option("--preset", type=shared.PresetName(), configurable=False, help="Show what this preset sets.")
def config(context: click.Context, /, *, words: tuple[str, ...], preset: str | None) -> None:
    """Show every option of COMMAND (transcribe) with its value and where that comes from, as a whisperdiar.toml.

    Values come from, the first that has one: the command line, an environment variable (WHISPERDIAR_MODEL for
    --model), --preset, whisperdiar.toml in this folder or the nearest above it, and whisperdiar.toml of the user.
    """
    from whisperdiar.cli.configuration import show

    show(context, _find(context, words or (DEFAULT_COMMAND,)), preset)


@command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(context: click.Context, /, *, shell: str) -> None:
    """Print what makes the Tab key complete commands, options and files of whisperdiar.

    \b
    bash: whisperdiar completion bash >> ~/.bashrc
    zsh:  whisperdiar completion zsh >> ~/.zshrc
    fish: whisperdiar completion fish > ~/.config/fish/completions/whisperdiar.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:  # pragma: no cover - click has all three
        raise click.UsageError(_("click knows no completion for {shell}").format(shell=shell))
    root = context.find_root()
    click.echo(made(root.command, {}, "whisperdiar", "_WHISPERDIAR_COMPLETE").source())


@command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@option("--all", "shows_all", is_flag=True, configurable=False, help="Show all options of COMMAND.")
def help(context: click.Context, /, *, words: tuple[str, ...], shows_all: bool) -> None:
    """Show the help of a command; without one, the list of all."""
    root = context.find_root()
    if not words:
        click.echo(root.get_help())
        return
    found = _find(context, words)
    inner = click.Context(found, info_name=words[-1], parent=_parent(root, words[:-1]))
    inner.meta["whisperdiar.help_all"] = shows_all
    click.echo(found.get_help(inner))


def _find(context: click.Context, words: tuple[str, ...] | list[str]) -> click.Command:
    """The command of these words.

    Raises:
        UsageError: there is none; the nearest name is told.
    """
    at: click.Command = context.find_root().command
    for word in words:
        group = at if isinstance(at, click.Group) else None
        inner = click.Context(at)
        found = group.get_command(inner, word) if group is not None else None
        if found is None:
            import difflib

            known = group.list_commands(inner) if group is not None else []
            close = difflib.get_close_matches(word, known, n=1)
            hint = (
                _("; did you mean {close!r}?").format(close=close[0])
                if close
                else _("; choose one of {known}").format(known=", ".join(known))
                if known
                else ""
            )
            raise click.UsageError(_("no command {word!r}{hint}").format(word=word, hint=hint), context)
        at = found
    return at


def _parent(root: click.Context, words: tuple[str, ...]) -> click.Context:
    at = root
    for word in words:
        group = at.command
        found = group.get_command(at, word) if isinstance(group, click.Group) else None
        if found is not None:
            at = click.Context(found, info_name=word, parent=at)
    return at
