"""Subtitled video: a copy with a track that players switch on and off; nothing is encoded again."""

from __future__ import annotations

import os
from collections.abc import Sequence

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.formats import by_name, timed_lines
from whisperdiar.media.burn import burn, check_burn
from whisperdiar.media.mux import SubtitleTrack, add_track, container_of
from whisperdiar.options import MUXED_FORMATS, WriteOptions
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript


def mux_subtitles(
    transcript: Transcript,
    media: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    format_name: str | None = None,
    options: WriteOptions | None = None,
    replace: bool = True,
    progress: Progress = no_progress,
) -> tuple[str, ...]:
    """Write a copy of the video `media` with the transcript as a subtitle track.

    Args:
        output: its suffix chooses the container: ``.mp4``, ``.m4v`` and ``.mov`` (timed text, which shows names but no
            colours), or ``.mkv``.
        format_name: of the track in Matroska: ``srt`` (the default), ``vtt`` or ``ass``.
        replace: whether a file that is there is replaced.
        progress: called with ``embed`` and the fraction that is copied.

    Returns:
        Sentences for the user about what could not be kept.

    Raises:
        InvalidOption: the container does not exist or does not take this form.
        MediaError: the video cannot be read.
        OutputError: the copy cannot be written, or there is no text.
    """
    options = options or WriteOptions()
    chosen = choose_track_format(output, format_name)
    if not any(segment.text for segment in transcript.segments):
        raise OutputError(
            _("{path}: the transcript has no words, so there are no subtitles to embed").format(path=os.fspath(output))
        )
    if chosen == "mov_text":
        samples = timed_lines(transcript, options=options)
        track = SubtitleTrack(format_name=chosen, samples=_merge_overlapping(samples), language=transcript.language)
    else:
        text = by_name(chosen).dumps(transcript, options=options)
        track = SubtitleTrack(format_name=chosen, text=str(text), language=transcript.language)
    return add_track(media, output, track, replace=replace, progress=progress)


def burn_subtitles(
    transcript: Transcript,
    media: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    options: WriteOptions | None = None,
    replace: bool = True,
    progress: Progress = no_progress,
) -> None:
    """Write a copy of the video `media` with the subtitles drawn into its pictures; sound is copied.

    Raises:
        InvalidOption: the container does not exist.
        BackendMissing: there is no ffmpeg program with libass; the remedy is the command for another machine.
        MediaError: the video cannot be read, or ffmpeg fails.
        OutputError: the copy cannot be written, or there is no text.
    """
    check_burn(media, output)
    if not any(segment.text for segment in transcript.segments):
        raise OutputError(
            _("{path}: the transcript has no words, so there are no subtitles to burn in").format(
                path=os.fspath(output)
            )
        )
    script = str(by_name("ass").dumps(transcript, options=options or WriteOptions()))
    burn(script, media, output, replace=replace, progress=progress)


def choose_track_format(output: str | os.PathLike[str], format_name: str | None) -> str:
    """The form that a track takes in this file.

    Raises:
        InvalidOption: the container does not exist or does not take this form.
    """
    container = container_of(output)
    if container == "matroska":
        chosen = format_name or MUXED_FORMATS[0]
        if chosen not in MUXED_FORMATS:
            raise InvalidOption(
                _("subtitles as {chosen!r}: Matroska takes {formats}").format(
                    chosen=chosen, formats=", ".join(MUXED_FORMATS)
                )
            )
        return chosen
    if format_name is not None:
        raise InvalidOption(
            _("{path}: {container} takes timed text only; leave {format_name} out, or use .mkv").format(
                path=os.fspath(output), container=container, format_name=format_name
            )
        )
    return "mov_text"


def _merge_overlapping(samples: Sequence[tuple[int, int, Sequence[str]]]) -> tuple[tuple[int, int, str], ...]:
    """A text track of MP4 shows one sample at a time: what overlaps is shown together, the later one above."""
    edges = sorted({edge for start, end, _ in samples for edge in (start, end)})
    places = {edge: index for index, edge in enumerate(edges)}
    shown: list[list[Sequence[str]]] = [[] for _each in edges]
    for start, end, lines in samples:
        for index in range(places[start], places[end]):
            shown[index].insert(0, lines)
    made: list[tuple[int, int, str]] = []
    for index, groups in enumerate(shown[:-1]):
        text = "\n".join(line for lines in groups for line in lines)
        if not text:
            continue
        if made and made[-1][2] == text and made[-1][1] == edges[index]:
            made[-1] = (made[-1][0], edges[index + 1], text)
        else:
            made.append((edges[index], edges[index + 1], text))
    return tuple(made)
