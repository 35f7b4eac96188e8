"""Option `--shots`, and what subtitles have to know of the pictures: frame rate and shot changes."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path

from whisperdiar.cli.console import Console
from whisperdiar.errors import InvalidOption, MediaError
from whisperdiar.media import find_shots, probe, read_shots
from whisperdiar.media.shots import check_detector
from whisperdiar.options import WriteOptions
from whisperdiar.text.counts import count_shot_changes
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.video import Video, video_of, with_video

AUTO = "auto"


def check_shots(shots: str | None, media: Path | None) -> None:
    """Find out whether the shot changes can be had, before any work is done.

    Raises:
        InvalidOption: they are to be found in a video that nobody names.
        BackendMissing: what finds them is not installed.
        FormatError: the list of them cannot be read.
    """
    if shots == AUTO:
        if media is None:
            raise InvalidOption(_("--shots auto: it looks at the video; name it with --media FILE"))
        check_detector()
    elif shots is not None:
        read_shots(shots, frame_rate=Fraction(25))  # the right rate is known later


def check_pictures(media: Path, *, burn: str | None, shots: str | None) -> None:
    """Raises InvalidOption where a recording has no moving pictures for what is asked of them."""
    asked = f"--burn {burn}" if burn is not None else "--shots auto" if shots == AUTO else None
    if asked is None:
        return
    with contextlib.suppress(MediaError):  # what cannot be read is told when its turn comes
        if probe(media).has_video:
            return
        raise InvalidOption(
            _("{asked}: {media} has no moving pictures; leave it out, or name the video").format(
                asked=asked, media=media
            )
        )


def add_video(
    transcript: Transcript, media: Path | None, shots: str | None, options: WriteOptions, console: Console
) -> Transcript:
    """The transcript with what the video tells, as far as subtitles ask for it.

    Raises:
        FormatError: the list of shot changes cannot be read.
        MediaError: the video cannot be read.
        BackendMissing: shot changes are to be found, and what finds them is not installed.
    """
    known = video_of(transcript)
    rate = known.frame_rate or _find_rate(media, shots, options, console)
    if shots is None:
        return with_video(transcript, Video(rate))
    if shots != AUTO:
        return with_video(transcript, Video(rate, read_shots(shots, frame_rate=rate)))
    if media is None:
        return transcript
    found = find_shots(media, progress=console.progress)
    console.note(_("{media}: {count} found").format(media=media, count=count_shot_changes(len(found))))
    return with_video(transcript, Video(rate, found))


def _find_rate(media: Path | None, shots: str | None, options: WriteOptions, console: Console) -> Fraction | None:
    """The frame rate of the video, where anything depends on it."""
    if media is None or (shots is None and options.rules(None).min_gap_frames is None):
        return None
    try:
        return probe(media).frame_rate
    except MediaError as error:
        console.warn(_("{error}; subtitles are not put on its frames").format(error=error))
        return None
