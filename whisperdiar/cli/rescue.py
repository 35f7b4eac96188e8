"""What hours of work made is kept where there is room, when it cannot go where it was meant to go."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from whisperdiar.cli.console import Console
from whisperdiar.errors import FormatError, WhisperdiarError
from whisperdiar.formats import json
from whisperdiar.minutes.llm import answers
from whisperdiar.options import WriteOptions
from whisperdiar.system.files import read_text, write_bytes
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_LONGEST_NAME_BYTES = 80


def keep_transcript(transcript: Transcript, console: Console) -> None:
    """Keep a transcript, none of whose outputs could be written; a line says where."""
    name = _name(transcript.recording_id)
    try:
        data = json.dumps(transcript, options=WriteOptions()).encode("utf-8")
    except Exception as error:  # nothing is left to be tried
        console.error(_("the transcript could not be kept either ({error})").format(error=error))
        return
    place = _put(data, (f"{folder}{name}-{secrets.token_hex(4)}.json" for folder in _folders()))
    if place is None:
        console.error(_("the transcript could not be kept in any other folder either"))
    else:
        console.warn(
            _("the transcript was kept in {place}; `whisperdiar convert` makes every format from it").format(
                place=place
            )
        )


def keep_output(made: str | bytes, name: str, suffix: str, console: Console) -> None:
    """Keep what one output was to hold; a line says where."""
    data = made if isinstance(made, bytes) else made.encode("utf-8", "replace")
    place = _put(data, (f"{folder}{_name(name)}-{secrets.token_hex(4)}{suffix}" for folder in _folders()))
    if place is None:
        console.error(_("it could not be kept in any other folder either"))
    else:
        console.warn(_("its content was kept in {place}").format(place=place))


def keep_interrupted(transcript: Transcript, beside: Path | None, console: Console) -> None:
    """Keep the words of a run that is told to end; a line says where.

    Args:
        beside: one of its outputs, in whose folder they are kept, if they can be; None for the current folder.
    """
    with undisturbed():
        name = _name(transcript.recording_id)
        first = Path(os.path.realpath(beside)).parent if beside is not None else Path()
        folders = (f"{first}{os.sep}" if beside is not None else "", *_folders())
        endings = ("", f".{secrets.token_hex(4)}")
        data = json.dumps(transcript, options=WriteOptions()).encode("utf-8")
        place = _put(data, (f"{folder}{name}.interrupted{more}.json" for folder in folders for more in endings))
        if place is None:
            console.error(_("the words could not be kept in any folder"))
        else:
            console.warn(
                _("the words were kept in {place}; `whisperdiar convert` makes every format from it").format(
                    place=place
                )
            )


def answers_place(recording: str, beside: Path | None) -> Path:
    """Where the answers of a language model are kept when a run is told to end, and where the next one looks for them.

    Args:
        beside: an output, in whose folder they are; None for the current folder.
    """
    folder = Path(os.path.realpath(beside)).parent if beside is not None else Path()
    return folder / f"{_name(recording)}.interrupted.answers.json"


def read_answers(place: Path) -> dict[str, str]:
    """What an interrupted run kept there; nothing where there is no such file, or another one of that name."""
    try:
        return answers.loads(read_text(place))
    except FormatError:
        return {}


def keep_answers(found: Mapping[str, str], place: Path, console: Console, *, replace: bool) -> None:
    """Keep the answers that a language model gave before the run was told to end; a line says where.

    Args:
        replace: whether the file that is there holds answers which are among these.
    """
    with undisturbed():
        data = answers.dumps(found).encode("utf-8", "replace")
        try:
            write_bytes(place, data, sync=True, replace=replace)
        except WhisperdiarError:
            elsewhere = f"{secrets.token_hex(4)}.answers.json"
            kept = _put(data, (f"{folder}{place.name.partition('.')[0]}-{elsewhere}" for folder in _folders()))
            if kept is None:
                console.error(_("the answers of the language model could not be kept in any folder"))
            else:
                console.warn(
                    _(
                        "the answers of the language model were kept in {kept}; as {place} the next run takes them"
                    ).format(kept=kept, place=place)
                )
        else:
            console.warn(
                _("the answers of the language model were kept in {place}; the same command goes on from there").format(
                    place=place
                )
            )


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Whoever presses Ctrl-C twice does not lose what is kept after the first time."""
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        with contextlib.suppress(ValueError):  # not in the main thread, where no signal disturbs
            if number is not None:
                before[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _put(data: bytes, places: Iterable[str]) -> str | None:
    """Write where it goes first; never in place of another file."""
    for place in places:
        try:
            write_bytes(place, data, sync=True, replace=False)
        except WhisperdiarError:
            continue
        return place
    return None


def _folders() -> Iterator[str]:
    """Where there may be room: the folder of temporary files, the current one, that of the user."""
    with contextlib.suppress(OSError):  # there is none that can be written to
        yield f"{tempfile.gettempdir()}{os.sep}"
    yield ""
    yield f"{Path('~').expanduser()}{os.sep}"


def _name(text: str) -> str:
    """A file name made of a recording's, short enough for everything that is put behind it."""
    kept = text.replace("/", "_").replace(os.sep, "_").replace("\0", "_") or "recording"
    return kept.encode("utf-8", "replace")[:_LONGEST_NAME_BYTES].decode("utf-8", "ignore")
