"""Burnt-in subtitles: pictures drawn anew with the subtitles in them, by the ffmpeg program; sound is copied.

PyAV's FFmpeg is built without libass, so that this takes the program: the one on the path, or that of the package
imageio-ffmpeg (extra ``burn``).
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.errors import BackendMissing, InvalidOption, MediaError, OutputError
from whisperdiar.media.files import probe
from whisperdiar.system.files import format_path, stage
from whisperdiar.text.messages import _

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
_INSTALL = 'pip install "whisperdiar[burn]"'
_TOLD_LINES = 3
_SPECIAL = re.compile(r"([\\':\[\],;])")
_NAMED = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


def burn_arguments(ffmpeg: str, media: str, script: str, output: str) -> list[str]:
    """The command that draws the subtitles of an ASS script into a video.

    The pictures become H.264 at a quality (CRF 18) that the eye does not tell from the source; sound stays as it is.
    """
    kind = _NAMED.get(Path(output).suffix.lower(), "mp4")
    faster = ["-movflags", "+faststart"] if kind in ("mp4", "mov") else []
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-y", "-i", media, "-map", "0:V:0", "-map", "0:a?"),
        *("-vf", f"subtitles=filename={_escape(script)}"),
        *("-c:v", "libx264", "-crf", "18", "-preset", "medium", "-pix_fmt", "yuv420p", "-c:a", "copy"),
        *(*faster, "-f", kind, output),
    ]


def _escape(path: str) -> str:
    """A path as the value of a filter's option: quoted for the option, and once more for the graph of filters."""
    option = re.sub(r"([\\':])", r"\\\1", path)
    return _SPECIAL.sub(r"\\\1", option)


def find_ffmpeg() -> str | None:
    """An ffmpeg program that can draw subtitles; None where there is none."""
    found = shutil.which("ffmpeg")
    if found is not None and _draws_subtitles(found):
        return found
    if find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    with contextlib.suppress(RuntimeError):  # no program was shipped for this machine
        shipped: str = imageio_ffmpeg.get_ffmpeg_exe()
        return shipped if _draws_subtitles(shipped) else None
    return None


@lru_cache(maxsize=4)
def _draws_subtitles(program: str) -> bool:
    try:
        told = subprocess.run([program, "-hide_banner", "-filters"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return re.search(r"\s(?:ass|subtitles)\s+V->V", told.stdout) is not None


def check_burn(media: str | os.PathLike[str] | None, output: str | os.PathLike[str]) -> None:
    """Raises InvalidOption where the output cannot be meant: another container, or the video itself."""
    name = format_path(output)
    if Path(output).suffix.lower() not in SUFFIXES:
        raise InvalidOption(
            _("{name}: subtitles are burnt into {suffixes}; give it such a name").format(
                name=name, suffixes=", ".join(SUFFIXES)
            )
        )
    if media is not None and os.path.realpath(media) == os.path.realpath(output):
        raise InvalidOption(_("{name}: this is the video itself; give the copy another name").format(name=name))


def burn(
    script: str,
    media: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    replace: bool = True,
    progress: Progress = no_progress,
) -> None:
    """Write a copy of a video with subtitles drawn into its pictures.

    Args:
        script: subtitles as ASS.
        output: .mp4, .m4v, .mov or .mkv.
        replace: whether a file that is there is replaced.
        progress: called with ``burn`` and the fraction that is done.

    Raises:
        InvalidOption: the output cannot be meant.
        BackendMissing: there is no ffmpeg program with libass. The script is then written beside the output, and the
            error's remedy is the command that does the rest.
        MediaError: the video cannot be read, or ffmpeg fails.
        OutputError: the copy cannot be written.
    """
    check_burn(media, output)
    info = probe(media)
    if not info.has_video:
        raise MediaError(_("{path}: has no pictures to burn subtitles into").format(path=format_path(media)))
    source, program = os.path.abspath(media), find_ffmpeg()
    if program is None:
        beside = Path(output).with_suffix(".ass")
        with stage(beside, replace=replace) as temporary:
            Path(temporary).write_text(script, "utf-8")
        line = shlex.join(burn_arguments("ffmpeg", source, os.path.abspath(beside), os.path.abspath(output)))
        raise BackendMissing(
            _("burning needs the ffmpeg program with libass: {install}, or run it elsewhere: {line}").format(
                install=_INSTALL, line=line
            ),
            remedy=line,
        )
    with tempfile.TemporaryDirectory() as folder, stage(output, sync=True, replace=replace) as temporary:
        written = Path(folder, "subtitles.ass")
        written.write_text(script, "utf-8")
        arguments = burn_arguments(program, source, str(written), os.path.abspath(output))
        _run([*arguments[:-1], "-progress", "pipe:1", "-loglevel", "error", temporary], media, info.duration, progress)
    progress("burn", 1.0)


def _run(arguments: Sequence[str], media: str | os.PathLike[str], duration: float | None, progress: Progress) -> None:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
        try:
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=told, text=True, errors="replace")
        except OSError as error:
            raise OutputError(
                _("{argument}: cannot be run ({cause})").format(argument=arguments[0], cause=error.strerror)
            ) from error
        with process:
            try:
                for line in process.stdout or ():
                    key, _equals, value = line.strip().partition("=")
                    if key == "out_time_us" and value.isdigit() and duration:
                        progress("burn", min(1.0, int(value) / 1e6 / duration))
                code = process.wait()
            except BaseException:  # also Ctrl-C
                process.kill()
                raise
        if code:
            told.seek(0)
            lines = [line.strip() for line in told if line.strip()][-_TOLD_LINES:]
            raise MediaError(
                _("{path}: ffmpeg failed ({lines})").format(
                    path=format_path(media), lines="; ".join(lines) or _("exit code {code}").format(code=code)
                )
            )
