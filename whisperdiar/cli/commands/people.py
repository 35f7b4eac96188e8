"""Commands on people whose voices are known: `speakers` with all that it does, `link`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import Group, command
from whisperdiar.cli.option import option

_media = option(
    "--media",
    type=shared.PATH,
    multiple=True,
    configurable=False,
    metavar="FILE|DIR",
    help="The recording, or a folder with it; otherwise it is looked for beside the transcript.",
)
_speaker = click.argument("speaker", metavar="LABEL")
_transcript = click.argument("transcript", type=shared.PATH, metavar="IN.json")


@click.group("speakers", cls=Group)
def speakers() -> None:
    """Keep the voices of people who agree, so that --identify names them. They stay on this machine."""


def _add_to_speakers(declared: click.Command) -> click.Command:
    speakers.add_command(declared)
    return declared


@_add_to_speakers
@command("add")
@click.argument("name")
@click.argument("recordings", nargs=-1, required=True, type=shared.PATH, metavar="FILE...")
@shared.people_option
@shared.voice_option
@shared.detector("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`.")
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def add(context: click.Context, /, **values: Any) -> None:
    """Keep the voice of NAME from recordings in which nobody else speaks, at least 5 seconds each.

    Up to ten recordings are kept of a person, as vectors, not as sound. Several days and microphones are better than
    one long recording.
    """
    from whisperdiar.cli.people import add as work

    work(context, **values)


@_add_to_speakers
@command("list")
@shared.people_option
@option("--json", "as_json", is_flag=True, configurable=False, help="As JSON, without the voices.")
def list_people(context: click.Context, /, **values: Any) -> None:
    """Who is known, from which recordings, and with which network. Exit code 1 where a profile is damaged."""
    from whisperdiar.cli.people import list_people as work

    context.exit(work(**values))


@_add_to_speakers
@command("remove")
@click.argument("name")
@option("--sample", type=click.IntRange(min=1), configurable=False, help="One recording alone, by its number in list.")
@shared.people_option
@shared.quiet_option
def remove(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Remove NAME, or one of the recordings of that person."""
    from whisperdiar.cli.people import remove as work

    work(**values)


@_add_to_speakers
@command("rename")
@click.argument("name")
@click.argument("new", metavar="NEW")
@shared.people_option
@shared.quiet_option
def rename_person(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Give the person NAME the name NEW."""
    from whisperdiar.cli.people import rename as work

    work(**values)


@_add_to_speakers
@command("export")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@shared.output(
    "-o",
    "--output",
    type=shared.PATH,
    required=True,
    configurable=False,
    metavar="FILE.json",
    help="Where to write; you alone may read it.",
)
@shared.overwrite_option
@shared.people_option
@shared.quiet_option
def export(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Write the profiles of NAMEs, or of all, into one file for another machine."""
    from whisperdiar.cli.people import export as work

    work(**values)


@_add_to_speakers
@command("import")
@click.argument("source", type=shared.PATH, metavar="FILE.json")
@option("--overwrite", is_flag=True, configurable=False, help="Replace people who are known already.")
@shared.people_option
@shared.quiet_option
def import_people(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Add the profiles of a file that `whisperdiar speakers export` wrote: all of them, or none."""
    from whisperdiar.cli.people import take_in as work

    work(**values)


@_add_to_speakers
@command("forget")
@shared.people_option
@shared.quiet_option
def forget(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Remove every profile and every threshold. Transcripts keep the names that they have."""
    from whisperdiar.cli.people import forget as work

    work(**values)


@_add_to_speakers
@command("confirm")
@_transcript
@_speaker
@click.argument("name")
@_media
@shared.people_option
@shared.voice_option
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def confirm(context: click.Context, /, **values: Any) -> None:
    """Say that the speaker LABEL of a transcript is NAME: the profile learns the voice, and the transcript the name."""
    from whisperdiar.cli.people import confirm as work

    work(context, **values)


@_add_to_speakers
@command("unconfirm")
@_transcript
@_speaker
@shared.people_option
@shared.quiet_option
def unconfirm(context: click.Context, /, **values: Any) -> None:  # noqa: ARG001
    """Take back what `confirm` did: the name leaves the transcript, and the voice leaves the profile."""
    from whisperdiar.cli.people import unconfirm as work

    work(**values)


@_add_to_speakers
@command("calibrate")
@click.argument("folder", type=shared.PATH, metavar="FOLDER")
@shared.people_option
@shared.voice_option
@shared.detector("--vad", default="auto", show_default=True, help="Speech detector; see `whisperdiar backends`.")
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def calibrate(context: click.Context, /, **values: Any) -> None:
    """Set the thresholds of names and questions from recordings of your own: FOLDER/NAME/*.wav, two or more a person.

    It says how far people are from themselves and from each other, and where the two overlap.
    """
    from whisperdiar.cli.people import calibrate as work

    work(context, **values)


@command("link")
@click.argument("transcripts", nargs=-1, required=True, type=shared.PATH, metavar="IN.json...")
@shared.output(
    "-o",
    "--output",
    type=shared.PATH,
    default="-",
    metavar="FILE.json",
    accepts=shared.accept_files(".json"),
    help="Where to write who appears where.",
)
@shared.overwrite_option
@shared.output("--rename", is_flag=True, configurable=False, help="Give the transcripts the common names, too.")
@_media
@shared.people_option
@shared.voice_option
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def link(context: click.Context, /, **values: Any) -> None:
    """Find who is the same person in several transcripts, and give everybody one name; nobody needs to be known.

    What may be the same person and is not certain stays apart and stands under "ask". Names that you gave count.
    """
    from whisperdiar.cli.people import link as work

    work(context, **values)
