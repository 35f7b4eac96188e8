"""From a finished transcript to other formats and other names; no model runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from whisperdiar.assembly import silent
from whisperdiar.cli import parameters as shared
from whisperdiar.cli.console import Console
from whisperdiar.cli.muxing import embed_options, embedding, write_embedded
from whisperdiar.cli.outputs import Target, check_outputs, check_used, clips_left, plan, unfinished
from whisperdiar.cli.page import recording_of
from whisperdiar.cli.transcribe import write_targets
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import Format, SeveralRecordings, available, by_name, by_suffix, decode, english_name
from whisperdiar.formats.rttm import NO_ID
from whisperdiar.media import check_recording, load, probe, recording_id
from whisperdiar.reports.speaker_clips import has_clips, make_folder, write_clips
from whisperdiar.system.files import read_bytes, read_text
from whisperdiar.text.language_identification import identify_language
from whisperdiar.transcript import Transcript


@click.command("convert", short_help="Make other formats from a transcript; no model runs.")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("destinations", nargs=-1, metavar="[OUT]...")
@click.option("--from", "source_format", metavar="NAME", help="Format of IN; overrides its suffix.")
@shared.language_option
@shared.recording_option
@shared.encoding_option
@shared.writing_options
@shared.recut_option
@click.option(
    "--media",
    type=shared.PATH,
    metavar="FILE",
    help="The recording: pages play it, ELAN links to it, --clips cuts it, --embed copies it.",
)
@shared.page_option
@embed_options
@click.option("--clips", type=shared.PATH, metavar="DIR", help="Write each speaker's speech as sound; needs --media.")
@shared.quiet_option
@click.pass_context
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
    quiet: bool,
    **options: Any,
) -> None:
    """Write the transcript IN as OUT; without OUT as subtitles on standard output.

    IN is JSON of whisperdiar, RTTM, or any other format that reads back, subtitles included (see docs/formats.md).
    --from names a format that the suffix does not tell: --from whisperx-json.
    """
    console = Console(quiet=quiet)
    context.call_on_close(console.close)
    write = shared.write_options(options)
    wanted = embedding(embed, embed_format, overwrite=overwrite)
    for name, asked in (("--clips", clips), ("--embed", embed)):
        if asked is not None and media is None:
            raise InvalidOption(f"{name} {asked}: name the recording with --media FILE")
    planned = plan(
        [source],
        [*destinations, *outputs],
        formats,
        overwrite=overwrite,
        also_read=[media],
        also_written=[embed],
    )
    check_used(context, planned[0], embedded=wanted is not None)
    used = wanted is not None or clips is not None
    page_recording = recording_of(media, planned[0], inside=embed_media, copied=used)
    if used and media is not None:
        check_recording(media)
    (targets,) = unfinished(planned, overwrite=overwrite, notify=console.warn)
    if used:
        # Standard output is where subtitles go unasked; whoever asks for something else gets that alone.
        targets = targets if destinations or outputs or formats else []
    elif not targets:
        return
    transcript = read_transcript(
        source,
        form=source_format,
        encoding=encoding,
        language=language,
        recording=recording,
        notify=console.warn,
        inform=console.note,
    )
    _refuse_empty(source, transcript, targets)
    if clips is not None:
        make_folder(clips)
    code = write_targets(transcript, targets, write, console, keep="nothing", recording=page_recording).code
    if clips is not None and media is not None:
        if not overwrite and has_clips(clips, transcript.recording_id):
            console.warn(clips_left(clips, [transcript.recording_id]))
        else:
            _cut(media, transcript, clips, console)
    if wanted is not None and media is not None:
        code = write_embedded(transcript, media, wanted, write, console) or code
    context.exit(code)


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
        console.warn(f"{folder}: no speaker says anything in {media}, so that there are no clips")


def _number(transcript: Transcript, key: str, *, most: int) -> int | None:
    """The track or channel that a transcript says it was made from, where that is from 1 to `most`."""
    options = transcript.provenance.get("options")
    value = options.get(key) if isinstance(options, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None


@click.command("rename", short_help="Give speakers names; no model runs.")
@click.argument("source", type=shared.PATH, metavar="IN")
@click.argument("names", nargs=-1, required=True, metavar="LABEL=NAME...")
@shared.language_option
@shared.recording_option
@shared.encoding_option
@shared.writing_options
@shared.recut_option
@shared.quiet_option
@click.pass_context
def rename(
    context: click.Context,
    /,
    source: Path,
    names: tuple[str, ...],
    *,
    language: str | None,
    recording: str | None,
    encoding: str | None,
    outputs: tuple[str, ...],
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Give the speakers of IN (JSON of whisperdiar, RTTM …) names, such as SPEAKER_00=Anna.

    Without -o, IN itself is rewritten, if it is JSON or RTTM. Labels in the file stay as they are, only names change,
    so a name can be changed again.
    """
    console = Console(quiet=quiet)
    write = shared.write_options(options)
    given = read_transcript(
        source, encoding=encoding, language=language, recording=recording, notify=console.warn, inform=console.note
    )
    transcript = given.rename(_pairs(names))
    if outputs or formats:
        planned = plan([source], outputs, formats, overwrite=overwrite)
        check_used(context, planned[0])
        (targets,) = unfinished(planned, overwrite=overwrite, notify=console.warn)
        if not targets:
            return
    else:
        own = by_suffix(source)
        if not own.rewritable:
            raise InvalidOption(f"{source}: rewriting it would lose what {own.name} holds beside the words; add -o OUT")
        targets = [Target(own, source, replace=True)]  # that is what was asked for
        check_used(context, targets)
        check_outputs(targets, read=[], overwrite=True)
    _refuse_empty(source, transcript, targets)
    context.exit(write_targets(transcript, targets, write, console, keep="nothing").code)


def _pairs(names: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in names:
        label, equals, name = item.partition("=")
        if not equals or not label.strip() or not name.strip():
            raise InvalidOption(f"{item!r}: write it as LABEL=NAME, for example SPEAKER_00=Anna")
        if label.strip() in pairs:
            raise InvalidOption(f"{item!r}: {label.strip()} is given a name twice")
        pairs[label.strip()] = name.strip()
    return pairs


def read_transcript(
    path: Path,
    *,
    form: str | None = None,
    encoding: str | None = None,
    language: str | None = None,
    recording: str | None = None,
    notify: Callable[[str], None],
    inform: Callable[[str], None] = silent,
) -> Transcript:
    """A transcript from a file in any format that reads back; where it names no recording, the file's name does.

    Args:
        form: name of the format; None takes the one of the suffix.
        encoding: of the file, as Python names it; None guesses that of subtitles.
        language: of the text, in place of what the file says; where neither says it, the text itself shows it.
        recording: which one of a file that may hold several; None takes the one of the file's name.
        notify: is told where the encoding of a subtitle file had to be guessed, and what had to be mended.
        inform: is told of a language that the text showed, and of what was left out.

    Raises:
        InvalidOption: the format does not read back, or there is none of that name.
        FormatError: the file breaks the format's rules.
    """
    chosen = by_suffix(path) if form is None else by_name(form)
    if chosen.read is None:
        raise InvalidOption(f"{path}: {chosen.name} does not hold a whole transcript; give one of: {_readable()}")
    text = _text(path, chosen, encoding, notify)
    try:
        found = _read(chosen, text, recording, path)
    except FormatError as error:
        other = form is None and chosen.name == "json" and '"schema_version"' not in text
        hint = f"; if another program made it, say which form it has with --from ({_readable()})" if other else ""
        raise FormatError(f"{path}: {error}{hint}") from error
    if chosen.name != "json":  # whose provenance tells of another run
        for warning in found.provenance.get("warnings", ()):
            notify(f"{path}: {warning}")
        for note in found.provenance.get("notes", ()):
            inform(f"{path}: {note}")
    found = in_language(found, language, about=str(path), inform=inform)
    return replace(found, recording_id=recording_id(path)) if found.recording_id == NO_ID else found


def _read(form: Format, text: str, recording: str | None, path: Path) -> Transcript:
    if form.read is None or (recording is not None and form.read_recording is None):
        raise InvalidOption(f"--recording {recording}: a file of {form.name} holds one recording; leave it out")
    if form.read_recording is None:
        return form.read(text)
    try:
        return form.read_recording(text, recording_id=recording)
    except SeveralRecordings as error:
        own = recording_id(path)
        if own not in error.recordings:
            raise FormatError(f"{error}, with --recording NAME") from error
        return form.read_recording(text, recording_id=own)


def in_language(
    transcript: Transcript, language: str | None, *, about: str, inform: Callable[[str], None] = silent
) -> Transcript:
    """The transcript in the language that a person or the file says, or else the text shows, which `inform` is told.

    Raises:
        InvalidOption: `language` is none.
    """
    code = shared.language_code(language)
    if code is None and transcript.language is None and transcript.segments:
        code = identify_language(segment.text for segment in transcript.segments)
        if code is not None:
            inform(f"{about}: the text looks {english_name(code).capitalize()}; if it is not, say --language CODE")
    return transcript if code is None else replace(transcript, language=code)


def _text(path: Path, form: Format, encoding: str | None, notify: Callable[[str], None]) -> str:
    """Subtitles come in many encodings, everything else in UTF-8 where nobody says another one."""
    if form.read_cues is None and encoding is None:
        return read_text(path)
    text, note = decode(read_bytes(path), encoding)
    if note:
        notify(f"{path}: {note}")
    return text


def _readable() -> str:
    return ", ".join(name for name in available() if by_name(name).read is not None)


def _refuse_empty(source: Path, transcript: Transcript, targets: Sequence[Target]) -> None:
    """An RTTM holds no words: subtitles made from it would be an empty file; nor can turns be made of words alone."""
    for target in targets:
        if target.format.needs == "turns" and not transcript.turns and transcript.segments:
            raise InvalidOption(f"{source}: it holds words and no turns, so it cannot become {target.format.name}")
        if target.format.needs == "words" and not transcript.segments and transcript.turns:
            raise InvalidOption(f"{source}: it holds turns and no words, so it cannot become {target.format.name}")
