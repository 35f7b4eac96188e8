"""Transcripts in files: read, written and converted, in every format."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.formats import (
    Format,
    SeveralRecordings,
    by_name,
    by_suffix,
    decode,
    detect,
    readable,
    writable_by_name,
)
from whisperdiar.formats.rttm import NO_ID
from whisperdiar.linked_media import LinkedMedia
from whisperdiar.media import recording_id
from whisperdiar.options import WriteOptions
from whisperdiar.system.files import read_bytes, read_text, write_bytes, write_text
from whisperdiar.system.log import inform, warn
from whisperdiar.text.language_identification import identify_language
from whisperdiar.text.languages import language_code, language_name
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

Notify = Callable[[str], None]


def read(
    path: str | os.PathLike[str],
    *,
    format_name: str | None = None,
    encoding: str | None = None,
    language: str | None = None,
    recording: str | None = None,
    notify: Notify = warn,
    inform: Notify = inform,
) -> Transcript:
    """A transcript from a file in any format that reads back; where it names no recording, the file's name does.

    Args:
        format_name: of the file; None takes the one of the suffix, and of another program's JSON the one of its keys.
        encoding: of the file, as Python names it; None guesses that of subtitles.
        language: of the text, in place of what the file says; where neither says it, the text itself shows it.
        recording: which one of a file that may hold several; None takes the one of the file's name.
        notify: is told where the encoding of a subtitle file had to be guessed, and what had to be mended.
        inform: is told of a language that the text showed, and of what was left out.

    Raises:
        InvalidOption: the format does not read back, or there is none of that name.
        FormatError: the file breaks the format's rules.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InvalidOption(_("{path}: this is a folder; give the name of a file in it").format(path=path))
    chosen = by_suffix(path) if format_name is None else by_name(format_name)
    if chosen.read is None:
        raise InvalidOption(
            _("{path}: {chosen} does not hold a whole transcript; give one of: {formats}").format(
                path=path, chosen=chosen.name, formats=_readable()
            )
        )
    text = _text(path, chosen, encoding, notify)
    if format_name is None:
        chosen = _detect(path, chosen, text, inform)
    try:
        found = _parse(chosen, text, recording, path)
    except FormatError as error:
        other = format_name is None and chosen.name == "json" and '"schema_version"' not in text
        hint = (
            _("; if another program made it, say which form it has with --from ({formats})").format(formats=_readable())
            if other
            else ""
        )
        raise FormatError(f"{path}: {error}{hint}") from error
    if chosen.name != "json":  # whose provenance tells of another run
        for warning in found.provenance.get("warnings", ()):
            notify(f"{path}: {warning}")
        for note in found.provenance.get("notes", ()):
            inform(f"{path}: {note}")
    found = set_language(found, language, about=str(path), inform=inform)
    return replace(found, recording_id=recording_id(path)) if found.recording_id == NO_ID else found


def _detect(path: Path, form: Format, text: str, inform: Notify) -> Format:
    """The format by a file's keys, where its suffix is that of our JSON or of any text."""
    found = detect(text) if form.name in ("json", "txt") else None
    if found is None or (form.name == "txt" and found[0] != "moss"):
        return form
    name, certain = found
    if not certain:
        inform(_("{path}: the keys look like {name}; if they are not, say --from NAME").format(path=path, name=name))
    return by_name(name)


def find_format(path: str | os.PathLike[str]) -> Format:
    """The format of a file that is there: by its suffix, and of another program's JSON by its keys.

    Raises:
        InvalidOption: no format has its suffix.
    """
    path = Path(path)
    form = by_suffix(path)
    return _detect(path, form, read_text(path), lambda _event: None) if form.name in ("json", "txt") else form


def _parse(form: Format, text: str, recording: str | None, path: Path) -> Transcript:
    if form.read is None or (recording is not None and form.read_recording is None):
        raise InvalidOption(
            _("--recording {recording}: a file of {form} holds one recording; leave it out").format(
                recording=recording, form=form.name
            )
        )
    if form.read_recording is None:
        return form.read(text)
    try:
        return form.read_recording(text, recording_id=recording)
    except SeveralRecordings as error:
        own = recording_id(path)
        if own not in error.recordings:
            raise FormatError(_("{error}, with --recording NAME").format(error=error)) from error
        return form.read_recording(text, recording_id=own)


def set_language(transcript: Transcript, language: str | None, *, about: str, inform: Notify = inform) -> Transcript:
    """The transcript in the language that a person or the file says, or else the text shows, which `inform` is told.

    Raises:
        InvalidOption: `language` is none.
    """
    code = language_code(language)
    if code is None and transcript.language is None and transcript.segments:
        code = identify_language(segment.text for segment in transcript.segments)
        if code is not None:
            inform(
                _("{about}: the text looks {language}; if it is not, say --language CODE").format(
                    about=about, language=language_name(code)
                )
            )
    return transcript if code is None else replace(transcript, language=code)


def _text(path: Path, form: Format, encoding: str | None, notify: Notify) -> str:
    """Subtitles come in many encodings, everything else in UTF-8 where nobody says another one."""
    if form.read_cues is None and encoding is None:
        return read_text(path)
    text, note = decode(read_bytes(path), encoding)
    if note:
        notify(f"{path}: {note}")
    return text


def _readable() -> str:
    return ", ".join(readable())


def write(
    transcript: Transcript,
    path: str | os.PathLike[str],
    *,
    format_name: str | None = None,
    options: WriteOptions | None = None,
    media: str | os.PathLike[str] | None = None,
    inline_media: bool = False,
    notify: Notify = warn,
) -> None:
    """Writes a transcript, whole or not at all; a file that is there is replaced.

    Args:
        path: whose suffix tells the format, unless `format_name` does.
        options: how subtitles are cut and speakers shown; None for the defaults.
        media: the recording, which a page (HTML) plays and ELAN opens, by where it lies from `path`.
        inline_media: whether a page holds the recording itself, so that it is one file.
        notify: is told what the format cannot show of it, such as characters without a font.

    Raises:
        InvalidOption: there is no such format, or the recording is too large for a page, or not named.
        BackendMissing: the format needs a package that is not installed.
        MediaError: the recording that a page is to hold cannot be read.
        FormatError: the format cannot hold this transcript.
        OutputError: the file cannot be written.
    """
    chosen = by_suffix(Path(path)) if format_name is None else writable_by_name(format_name)
    options = options or WriteOptions()
    if inline_media and media is None:
        raise InvalidOption(_("inline_media: say which recording with media="))
    linked = None if media is None else LinkedMedia(Path(media), inline_media)
    if linked is not None:
        options = linked.options_for(chosen.name, Path(path), options)
    made = chosen.dumps(transcript, options=options)
    if isinstance(made, bytes):
        write_bytes(path, made)
    else:
        write_text(path, made)
    remarks = () if chosen.remarks is None else chosen.remarks(transcript, options=options)
    for remark in remarks if linked is None else (*remarks, *linked.remarks(chosen.name, Path(path))):
        notify(f"{path}: {remark}")


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    options: WriteOptions | None = None,
    language: str | None = None,
    notify: Notify = warn,
    inform: Notify = inform,
) -> Transcript:
    """Writes the transcript in one file as another one; suffixes tell the formats. `read` and `write` do more.

    Returns:
        What was read.

    Raises:
        InvalidOption: a format is unknown, or that of `source` does not read back, or it has not what `target` shows.
        FormatError: `source` breaks the rules of its format.
        OutputError: `target` cannot be written.
    """
    transcript = read(source, language=language, notify=notify, inform=inform)
    refuse_empty(transcript, by_suffix(Path(target)), about=os.fspath(source))
    write(transcript, target, options=options, notify=notify)
    return transcript


def refuse_empty(transcript: Transcript, form: Format, *, about: str) -> None:
    """Raises InvalidOption where a format would show nothing: the words of mere turns, or the turns of mere words."""
    if form.needs == "turns" and not transcript.turns and transcript.segments:
        raise InvalidOption(
            _("{about}: it holds words and no turns, so it cannot become {form}").format(about=about, form=form.name)
        )
    if form.needs == "emotions" and not transcript.emotions:
        raise InvalidOption(
            _("{about}: it tells no emotions, so it cannot become {form}; transcribe it with --emotions").format(
                about=about, form=form.name
            )
        )
    if form.needs == "words" and not transcript.segments and transcript.turns:
        raise InvalidOption(
            _("{about}: it holds turns and no words, so it cannot become {form}").format(about=about, form=form.name)
        )
