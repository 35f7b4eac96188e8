"""Commands that listen to recordings: `transcribe`, `vad`, `diarize`, `segment`."""

from __future__ import annotations

from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option


@command("transcribe")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=shared.PATH)
@shared.preset_option
@shared.writing_options
@shared.page_option
@shared.output("--clips", type=shared.PATH, metavar="DIR", rare=True, help="Write each speaker's speech as sound.")
@shared.mux_options
@shared.shots_option
@shared.keep_option
@shared.report_option
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.identify_options
@shared.separation_option
@shared.emotions_option
@shared.uncertain_option
@shared.track_options
@shared.runtime_options
@shared.cache_options
@shared.word(
    "--show-text/--no-show-text",
    default=None,
    rare=True,
    help="Show the text as it comes; otherwise on a terminal where there is one INPUT.",
)
@shared.quiet_option
@shared.progress_option
def transcribe(context: click.Context, /, **values: Any) -> None:
    """Write who said what, when, in each INPUT (any audio or video file, or a folder of them).

    Without -o, on a terminal subtitles (SRT) are written beside each INPUT; elsewhere they go to standard output, as
    with -o -. With -o FILE the suffix tells the format; with -o FOLDER/
    each input gets its own files there. What exists is replaced with --overwrite only: a FILE is refused otherwise,
    files in a FOLDER are left alone, so that a run goes on where it was stopped. One failed input does not stop the
    others; the exit code is then 1. It is 3 where a result has no words, or hardly any for the speech that there is.
    """
    if any(path.is_dir() for path in values["inputs"]) and not values["tracks"]:
        from whisperdiar.cli.batch import transcribe_folders

        transcribe_folders(context, **values)
        return
    from whisperdiar.cli.transcribe import transcribe as work

    work(context, **values)


@command("redo")
@click.argument("source", type=shared.PATH, metavar="IN.json")
@shared.preset_option
@shared.writing_options
@option(
    "--media",
    type=shared.PATH,
    metavar="FILE",
    configurable=False,
    help="The recording, where it lies elsewhere than before and not beside IN.json.",
)
@shared.keep_option
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.identify_options
@shared.separation_option
@shared.emotions_option
@shared.uncertain_option
@shared.runtime_options
@shared.cache_options
@shared.quiet_option
@shared.progress_option
def redo(context: click.Context, /, **values: Any) -> None:
    """Make the transcript of IN.json again, with the options that are given now in place of those of then.

    Only what changes is computed; the rest comes from the cache (`whisperdiar cache`), and so the recording is needed
    only where the cache has not all of it. It is looked for where it lay, beside IN.json and in the current folder. A
    vocabulary, files of speech or turns, and models that lie elsewhere now have to be named again.
    """
    from whisperdiar.cli.redo import redo as work

    work(context, **values)


@command("vad")
@click.argument("recordings", nargs=-1, required=True, type=shared.PATH, metavar="FILE...")
@shared.declare_output(accepts=shared.accept_outputs(shared.is_of_speech))
@shared.declare_format(accepts=shared.accept_formats(shared.is_of_speech))
@shared.overwrite_option
@shared.vad_options
@shared.media_options
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def vad(context: click.Context, /, **values: Any) -> None:
    """Write where somebody speaks in each FILE as .rttm, .uem, .txt or .json; without -o as text to standard output."""
    from whisperdiar.cli.stages import vad as work

    work(context, **values)


@command("diarize")
@click.argument("recordings", nargs=-1, required=True, type=shared.PATH, metavar="FILE...")
@shared.preset_option
@shared.declare_output(accepts=shared.accept_outputs(shared.is_of_turns))
@shared.declare_format(accepts=shared.accept_formats(shared.is_of_turns))
@shared.overwrite_option
@shared.diarizer_options
@shared.identify_options
@shared.vad_options
@shared.media_options
@shared.runtime_options
@shared.cache_options
@shared.quiet_option
@shared.progress_option
def diarize(context: click.Context, /, **values: Any) -> None:
    """Write who speaks when in each FILE.

    Without -o, on a terminal FILE.rttm is written beside each recording; elsewhere RTTM goes to standard output.
    """
    from whisperdiar.cli.stages import diarize as work

    work(context, **values)


@command("segment")
@click.argument("recordings", nargs=-1, required=True, type=shared.PATH, metavar="FILE...")
@shared.declare_output(accepts=shared.accept_outputs(shared.is_of_sounds))
@shared.declare_format(accepts=shared.accept_formats(shared.is_of_sounds))
@shared.overwrite_option
@shared.presenter_option
@shared.plot_option
@shared.media_options
@shared.threads_option
@shared.quiet_option
@shared.progress_option
def segment(context: click.Context, /, **values: Any) -> None:
    """Write where there is speech, music, speech over music, noise and silence in each FILE.

    As text on standard output, or with -o as .rttm, .audioseg.txt, .labels.txt (Audacity), .TextGrid, .json and every
    other format of turns. The labels there are s, m, ms, n and silence, and
    p where the voice of --presenter speaks. --plot draws them.
    """
    from whisperdiar.cli.segment import segment as work

    work(context, **values)
