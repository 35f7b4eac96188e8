"""The command that listens while somebody talks: `live`."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from whisperdiar.cli.commands import shared
from whisperdiar.cli.declarations import command
from whisperdiar.cli.option import option

_live = partial(option, group="Live")

_live_options = shared.combine(
    _live(
        "--microphone",
        metavar="NAME",
        configurable=False,
        help="Microphone, by number or name; by default the system's.",
    ),
    _live(
        "--speed", type=click.FloatRange(min=0.1, max=1000.0), configurable=False, help="Play FILE so much faster (1)."
    ),
    _live(
        "--captions",
        type=shared.PATH,
        metavar="FILE.vtt",
        configurable=False,
        help="Write captions as they come (WebVTT).",
    ),
    _live("--follow", metavar="NAME", help="Show the words of one known person alone (`whisperdiar speakers`)."),
    _live("--keep-sound", type=shared.PATH, metavar="FILE.wav", configurable=False, help="Keep the sound."),
    _live(
        "--final-pass/--no-final-pass",
        default=True,
        help="At the end transcribe all of it again for -o; otherwise it gets what was shown.",
    ),
    _live(
        "--step",
        type=click.FloatRange(0.2, 10.0),
        metavar="SECONDS",
        rare=True,
        help="New speech before words are recognised again (0.7).",
    ),
    _live(
        "--end-silence",
        type=click.FloatRange(0.1, 10.0),
        metavar="SECONDS",
        rare=True,
        help="Silence that ends an utterance (0.5).",
    ),
    _live(
        "--window",
        type=click.FloatRange(4.0, 29.0),
        metavar="SECONDS",
        rare=True,
        help="Longest sound recognised at once (12).",
    ),
)


@command("live")
@click.argument("recording", required=False, metavar="[FILE]", type=shared.PATH)
@_live_options
@shared.writing_options
@shared.asr_options
@shared.vad_options
@shared.diarizer_options
@shared.identify_options
@shared.runtime_options
@shared.quiet_option
@shared.progress_option
def live(context: click.Context, /, **values: Any) -> None:
    """Show who says what while they say it: from a microphone, or from FILE, which is played in real time.

    A line is printed once neither its words nor its speaker change any more; on a terminal what may still change stands
    below it. With -o the whole of it is transcribed again at the end, with the same speakers. Ctrl-C ends the
    listening, and what was said is written; the sound lies in a file meanwhile, so that nothing is lost.
    """
    from whisperdiar.cli.live import live as work

    work(context, **values)
