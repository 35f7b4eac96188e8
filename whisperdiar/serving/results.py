"""Results: a transcript that is kept becomes a file of any format, or minutes, and takes what people corrected."""

from __future__ import annotations

import datetime
from urllib.parse import quote

from fastapi.responses import Response

from whisperdiar import formats
from whisperdiar.editing import apply_json
from whisperdiar.errors import FormatError, InvalidOption, WhisperdiarError
from whisperdiar.minutes import compose_minutes
from whisperdiar.minutes.render import FORMATS as MINUTES
from whisperdiar.minutes.render import renderer
from whisperdiar.minutes.template import template
from whisperdiar.options import MinutesOptions, SubtitleOptions, WriteOptions
from whisperdiar.options.command_line import MINUTES_STYLE, MINUTES_STYLES, SPEAKER_STYLES, profile_names
from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.serving.requests import read_choice, read_language, read_number
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript

_TYPES = {"html": "text/html", "json": "application/json", "csv": "text/csv", "md": "text/markdown"}
_COMMON = ("srt", "vtt", "txt", "docx", "pdf", "json", "html", "md")
"""Formats that people ask for most, which a list begins with."""
_LONGEST_MINUTES = 100_000


def list_formats() -> dict[str, list[str]]:
    """Names of the formats that a result can be had in, of a transcript and of minutes, the commonest first."""
    transcripts = [name for name in formats.available() if not formats.by_name(name).read_only]
    return {
        "transcript": sorted(transcripts, key=lambda name: (_rank(name), name)),
        "minutes": sorted(MINUTES, key=lambda name: (_rank(name), name)),
    }


def _rank(name: str) -> int:
    return _COMMON.index(name) if name in _COMMON else len(_COMMON)


def write_result(transcript: Transcript, name: str, query: dict[str, str]) -> Response:
    """A transcript as a file in one of the formats that are written.

    Raises:
        Refusal: there is no such format, or it cannot be written here.
    """
    chosen = query.get("format", "json")
    try:
        form = formats.writable_by_name(chosen)
    except InvalidOption as error:
        raise refuse_value("format", error) from error
    style = read_choice(query.get("speaker_style"), "speaker_style", SPEAKER_STYLES, default=SPEAKER_STYLES[0])
    profile = read_choice(query.get("profile"), "profile", profile_names(), default=profile_names()[0])
    options = WriteOptions(speaker_style=style, subtitles=SubtitleOptions(profile=profile))
    try:
        body = form.dumps(transcript, options=options)
    except (InvalidOption, FormatError) as error:
        raise refuse_value("format", str(error)) from error
    except WhisperdiarError as error:  # an extra that is not installed
        raise Refusal(501, str(error), code="format_not_available", param="format") from error
    return _attach(body, form.name, f"{name}{form.suffix}")


def write_minutes(transcript: Transcript, name: str, query: dict[str, str]) -> Response:
    """The minutes of a transcript as a file.

    Raises:
        Refusal: there is no such format, it cannot be written here, or the transcript has no words.
    """
    chosen = read_choice(query.get("format"), "format", tuple(MINUTES), default="md")
    return _attach(make_minutes(transcript, query, form=chosen), chosen, f"{name}.minutes.{chosen}")


def make_minutes(transcript: Transcript, query: dict[str, str], *, form: str, media: str | None = None) -> str | bytes:
    """The minutes of a transcript in a format.

    Args:
        query: ``style``, ``language``, ``length`` (words), ``day`` (of the meeting, as 2026-03-05).
        media: address of the recording, which the evidence links to.

    Raises:
        Refusal: a value that cannot be meant, a format that cannot be written here, or a transcript without words.
    """
    if not transcript.segments:
        raise Refusal(409, _("there are no words, so there are no minutes"), code="no_words")
    style = read_choice(query.get("style"), "style", MINUTES_STYLES, default=MINUTES_STYLE)
    length = read_number(query.get("length"), "length", least=1, most=_LONGEST_MINUTES)
    options = MinutesOptions(
        length=None if length is None else round(length),
        language=read_language(query.get("language")),
        day=_read_day(query.get("day")),
        media=media,
    )
    made = compose_minutes(transcript, options=options)
    try:
        return renderer(form)(made, template(None, made.language), style)
    except WhisperdiarError as error:  # an extra that is not installed
        raise Refusal(501, str(error), code="format_not_available", param="format") from error


def correct(transcript: Transcript, text: str) -> Transcript:
    """A transcript with the corrections of a JSON that was made of it.

    Raises:
        Refusal: it is no transcript, or one of another recording.
    """
    try:
        return apply_json(text, transcript).transcript
    except FormatError as error:
        raise Refusal(400, str(error), code="invalid_transcript") from error


def _read_day(text: str | None) -> datetime.date | None:
    if text is None or not text.strip():
        return None
    try:
        return datetime.date.fromisoformat(text.strip())
    except ValueError:
        raise refuse_value("day", _("day {text!r}: write it as 2026-03-05").format(text=text[:40])) from None


def _attach(body: str | bytes, form: str, file_name: str) -> Response:
    kind = "application/octet-stream" if isinstance(body, bytes) else _TYPES.get(form, "text/plain")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"}
    return Response(body, media_type=kind, headers=headers)
