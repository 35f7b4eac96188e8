"""Toolkits of the user's own: programs that read sound and write turns, each in a folder that is gone afterwards.

Nothing of theirs is shipped. They see a file called ``recording`` in a temporary folder: neither names nor texts of a
recording ever become arguments.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import wave
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whisperdiar.errors import BackendBroken, BackendError, BackendMissing
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Diarization, Span, SpeakerCount, Turn, merge_spans

NAME = "recording"
"""What the toolkits know a recording as."""

_BLOCK_S = 60
_LEAST_LIMIT_S = 60.0
_TIMES = 10.0
_SHOWN = 160
"""Characters of a program's last words that an error repeats."""


def find_program(name: str, folder: str, *, remedy: str) -> str:
    """Path of a program: in the folder where one is given, else on PATH.

    Args:
        name: of the file; on Windows with or without its ending.
        folder: "" for PATH.
        remedy: what to do where it is missing, as a clause behind a semicolon.

    Raises:
        BackendMissing: it is not there, or cannot be run.
    """
    found = shutil.which(name, path=folder or None)
    if found is None:
        place = folder or "PATH"
        raise BackendMissing(_("no program {name} in {place}; {remedy}").format(name=name, place=place, remedy=remedy))
    return found


def run_program(arguments: Sequence[str], *, folder: Path, limit_s: float) -> bytes:
    """What a program says, run in a folder until it ends, or until it has had its time; Ctrl-C ends it, too.

    Raises:
        BackendBroken: it cannot be started.
        BackendError: it failed, with its last words; or it took longer than `limit_s`.
    """
    name = Path(arguments[0]).name
    try:
        done = subprocess.run(
            list(arguments),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BackendError(
            _("{name} was stopped after {limit:.0f} s; give more with --diarizer-option time_limit=SECONDS").format(
                name=name, limit=limit_s
            )
        ) from error
    except OSError as error:
        raise BackendBroken(_("{name} cannot be started: {error}").format(name=name, error=error.strerror)) from error
    if done.returncode != 0:
        raise BackendError(
            _("{name} failed (exit status {status}): {said}").format(
                name=name, status=done.returncode, said=last_line(done.stdout)
            )
        )
    return done.stdout


def last_line(output: bytes) -> str:
    """The last words of a program, on one line."""
    lines = [" ".join(line.split()) for line in output.decode("utf-8", "replace").splitlines()]
    said = next((line for line in reversed(lines) if line), _("it said nothing"))
    return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"


def time_limit(setting: float, audio: Audio) -> float:
    """Seconds that a program may take: as set, else ten times the recording's length and a minute."""
    return setting or _LEAST_LIMIT_S + _TIMES * audio.duration


def write_wave(audio: Audio, path: Path) -> None:
    """The mean of all channels as 16-bit PCM in a WAV file."""
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate)
        for block in _blocks(audio):
            file.writeframes(block.tobytes())


def write_raw(audio: Audio, path: Path) -> None:
    """The same without a header, little-endian."""
    with path.open("wb") as file:
        for block in _blocks(audio):
            file.write(block.tobytes())


def _blocks(audio: Audio) -> Iterator[NDArray[np.int16]]:
    step = _BLOCK_S * audio.sample_rate
    for first in range(0, audio.samples.shape[1], step):
        yield np.clip(np.rint(audio.mono_part(first, first + step) * 32767.0), -32768, 32767).astype("<i2")


def to_diarization(
    turns: Sequence[Turn], audio: Audio, speech: Sequence[Span], speakers: SpeakerCount, *, name: str
) -> Diarization:
    """What a toolkit found, cut to speech: toolkits take more for speech than a detector of today does.

    A warning tells where the number of speakers is not the one that was asked for.
    """
    regions = merge_spans(speech)
    kept = [
        Turn(span, turn.speaker)
        for turn in turns
        for region in regions
        if (span := turn.span.clip(region.start, region.end)) is not None and span.duration > 0
    ]
    found = Diarization(audio.recording_id, tuple(kept)).relabel()
    if not found.turns:
        return replace(found, warnings=(_("{name} found nobody in the detected speech").format(name=name),))
    if speakers.allows(len(found.speakers)):
        return found
    told = _("{request}, {name} finds {found}: it cannot be told their number").format(
        request=speakers.describe(), name=name, found=len(found.speakers)
    )
    return replace(found, warnings=(told,))
