"""Option `--identify`: names of people whose voices are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisperdiar.cli.console import Console
from whisperdiar.errors import InvalidOption
from whisperdiar.options import Runtime
from whisperdiar.options.command_line import DEVICE, THREADS
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

if TYPE_CHECKING:  # the networks' modules take half a second, and most runs name nobody
    from whisperdiar.people import Identifier, Profiles


def profiles_in(folder: Path | None) -> Profiles:
    """Those in a folder that the user named, or the user's own."""
    from whisperdiar.people import Profiles

    return Profiles() if folder is None else Profiles(folder.expanduser())


def runtime_from(options: Mapping[str, Any]) -> Runtime:
    """Where the network runs, from the values of `runtime_options`."""
    return Runtime(device=options["device"], threads=options["threads"], offline=options["offline"])


def open_identifier(options: Mapping[str, Any], console: Console) -> Identifier | None:
    """What names speakers, loaded before the work begins; None where it is not asked for.

    Raises:
        InvalidOption: nobody is known, or the network is not that of the profiles.
        BackendError: the network cannot run.
    """
    if not options.get("identify"):
        return None
    from whisperdiar.people import Identifier

    return Identifier(
        profiles_in(options.get("people")),
        voice_model=options.get("voice_model"),
        runtime=runtime_from(options),
        notify=console.warn,
        progress=console.progress,
    )


def name_by_recording(
    source: Path,
    transcript: Transcript,
    console: Console,
    *,
    media: Path | None,
    people: Path | None,
    voice_model: str | None,
) -> Transcript:
    """A finished transcript with the names of those whose voices are known; the notes of it are told.

    Raises:
        InvalidOption: the recording is not found, or it tells nothing of who speaks when.
    """
    from whisperdiar.people import find_recording, load_recording

    if not transcript.turns:
        raise InvalidOption(
            _("{source}: it does not tell who speaks when; --identify takes JSON or RTTM").format(source=source)
        )
    recording = find_recording(source, transcript, [] if media is None else [media])
    options = {"identify": True, "people": people, "voice_model": voice_model}
    identifier = open_identifier({**options, "device": DEVICE, "threads": THREADS, "offline": False}, console)
    if identifier is None:
        return transcript
    told = len(transcript.provenance.get("notes", ()))
    found = identifier.identify(transcript, load_recording(recording, transcript, progress=console.progress))
    for note in found.provenance["notes"][told:]:
        console.note(f"{source}: {note}")
    return found
