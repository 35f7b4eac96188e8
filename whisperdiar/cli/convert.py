"""Commands `convert` and `rename`: a finished transcript in other formats and with other names; no model runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console, open_console
from whisperdiar.cli.errors import EMPTY
from whisperdiar.cli.identification import name_by_recording
from whisperdiar.cli.muxing import mux_request, write_muxed
from whisperdiar.cli.option import is_typed
from whisperdiar.cli.outputs import Target, check_outputs, check_used, clips_left, plan, select_unfinished
from whisperdiar.cli.page import recording_of
from whisperdiar.cli.transcribe import write_targets
from whisperdiar.cli.video import add_video, check_pictures, check_shots
from whisperdiar.errors import InvalidOption
from whisperdiar.exchange import find_format, refuse_empty
from whisperdiar.exchange import read as read_transcript
from whisperdiar.media import check_recording, load, probe
from whisperdiar.options import SubtitleOptions, WriteOptions
from whisperdiar.reports.speaker_clips import has_clips, make_folder, write_clips
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


def convert(
    context: click.Context,
    /,
    source: Path,
    destinations: tuple[str, ...],
    *,
    source_format: str | None,
    language: str | None,
    recording: str | None,
    encoding: str | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    media: Path | None,
    clips: Path | None,
    embed_media: bool,
    embed: str | None,
    embed_format: str | None,
    burn: str | None,
    shots: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Write the transcript IN as OUT; without OUT as subtitles on standard output."""
    console = open_console(context, quiet=quiet)
    write = shared.write_options(options)
    wanted = mux_request(embed, embed_format, burn, overwrite=overwrite)
    for name, asked in (("--clips", clips), ("--embed", embed), ("--burn", burn)):
        if asked is not None and media is None:
            raise InvalidOption(
                _("{name} {asked}: name the recording with --media FILE").format(name=name, asked=asked)
            )
    check_shots(shots, media)
    planned = plan(
        [source],
        [*destinations, *outputs],
        formats,
        overwrite=overwrite,
        also_read=[media],
        also_written=[embed, burn],
    )
    check_used(context, planned[0], muxed=wanted is not None)
    used = wanted is not None or clips is not None
    framed = shots is not None or write.rules(None).min_gap_frames is not None
    page_recording = recording_of(media, planned[0], inside=embed_media, copied=used or framed)
    if used and media is not None:
        check_recording(media)
    if media is not None:
        check_pictures(media, burn=burn, shots=shots)
    (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.note)
    if used:
        # Standard output is where subtitles go unasked; whoever asks for something else gets that alone.
        targets = targets if destinations or outputs or is_typed(context, "formats") else []
    elif not targets:
        return
    transcript = read_transcript(
        source,
        format_name=source_format,
        encoding=encoding,
        language=language,
        recording=recording,
        notify=console.warn,
        inform=console.note,
    )
    transcript = add_video(transcript, media, shots, write, console)
    _tell_recut(context, transcript, targets, write, console)
    for target in targets:
        refuse_empty(transcript, target.format, about=str(source))
    if clips is not None:
        make_folder(clips)
    code = write_targets(transcript, targets, write, console, keep="nothing", media=page_recording).code
    if clips is not None and media is not None:
        if not overwrite and has_clips(clips, transcript.recording_id):
            console.note(clips_left(clips, [transcript.recording_id]))
        else:
            _cut(media, transcript, clips, console)
    if wanted is not None and media is not None:
        muxed = write_muxed(transcript, media, wanted, write, console)
        code = code or muxed
    if not (transcript.words or transcript.turns):
        console.error(_("{source}: there are no words in it; is it the right file?").format(source=source))
        code = code or EMPTY
    context.exit(code)


def _tell_recut(
    context: click.Context, transcript: Transcript, targets: Sequence[Target], write: WriteOptions, console: Console
) -> None:
    """A note where finished subtitles are cut anew, and nothing that was typed says so."""
    typed = any(
        is_typed(context, name) for name in ("recut", "preset", *(item.name for item in fields(SubtitleOptions)))
    )
    cut = any(target.format.cuts_cues for target in targets)
    if transcript.cues and cut and not write.keeps_cues and not typed:
        console.note(
            _("finished subtitles are cut anew by profile {profile}, as your configuration says").format(
                profile=write.rules(transcript.language).profile
            )
        )


def _cut(media: Path, transcript: Transcript, folder: Path, console: Console) -> None:
    several = any(turn.channel > 1 for turn in transcript.turns)
    # What was transcribed is what is cut, unless the recording given here has no such track or channel.
    tracks = probe(media).tracks
    track = _number(transcript, "track", most=len(tracks))
    read = next((item for item in tracks if (item.default if track is None else item.number == track)), None)
    channel = None if several or read is None else _number(transcript, "channel", most=read.channels)
    audio = load(media, channels="all" if several else "mono", track=track, channel=channel, progress=console.progress)
    for warning in audio.warnings:
        console.warn(f"{media}: {warning}")
    written = write_clips(audio, transcript, folder)
    if not written:
        console.warn(
            _("{folder}: no speaker says anything in {media}, so that there are no clips").format(
                folder=folder, media=media
            )
        )


def _number(transcript: Transcript, key: str, *, most: int) -> int | None:
    """The track or channel that a transcript says it was made from, where that is from 1 to `most`."""
    options = transcript.provenance.get("options")
    value = options.get(key) if isinstance(options, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None


def rename(
    context: click.Context,
    /,
    source: Path,
    names: tuple[str, ...],
    *,
    identify: bool,
    people: Path | None,
    voice_model: str | None,
    media: Path | None,
    language: str | None,
    recording: str | None,
    encoding: str | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Give the speakers of IN (JSON of whisperdiar, RTTM …) names, such as SPEAKER_00=Anna."""
    console = Console(quiet=quiet)
    write = shared.write_options(options)
    given = read_transcript(
        source, encoding=encoding, language=language, recording=recording, notify=console.warn, inform=console.note
    )
    if not names and not identify:
        raise InvalidOption(_("rename: give LABEL=NAME, for example SPEAKER_00=Anna, or --identify"))
    transcript = given.rename(_pairs(names))
    if identify:
        transcript = name_by_recording(source, transcript, console, media=media, people=people, voice_model=voice_model)
    if outputs or is_typed(context, "formats"):
        planned = plan([source], outputs, formats, overwrite=overwrite)
        check_used(context, planned[0])
        (targets,) = select_unfinished(planned, overwrite=overwrite, notify=console.note)
        if not targets:
            return
    else:
        own = find_format(source)
        if not own.rewritable:
            raise InvalidOption(
                _("{source}: rewriting it would lose what {own} holds beside the words; add -o OUT").format(
                    source=source, own=own.name
                )
            )
        targets = [Target(own, source, replace=True)]  # that is what was asked for
        check_used(context, targets)
        check_outputs(targets, read=[], overwrite=True)
    _tell_recut(context, transcript, targets, write, console)
    for target in targets:
        refuse_empty(transcript, target.format, about=str(source))
    context.exit(write_targets(transcript, targets, write, console, keep="nothing").code)


def _pairs(names: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in names:
        label, equals, name = item.partition("=")
        if not equals or not label.strip() or not name.strip():
            raise InvalidOption(_("{item!r}: write it as LABEL=NAME, for example SPEAKER_00=Anna").format(item=item))
        if label.strip() in pairs:
            raise InvalidOption(_("{item!r}: {label} is given a name twice").format(item=item, label=label.strip()))
        pairs[label.strip()] = name.strip()
    return pairs
