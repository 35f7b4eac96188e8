"""The library in one call: a file in, a transcript out."""

from __future__ import annotations

import os
from pathlib import Path

from whisperdiar.assembly import Choice, Notify, Request, build, check_request, silent
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.media import check_recording, load
from whisperdiar.options import Runtime
from whisperdiar.pipeline import wants_channels
from whisperdiar.transcript import Transcript
from whisperdiar.types import ANY_SPEAKERS, SpeakerCount


def transcribe(
    path: str | os.PathLike[str],
    *,
    model: str | None = None,
    language: str | None = None,
    speakers: SpeakerCount | int | str | None = None,
    asr: str = "auto",
    vad: str = "auto",
    diarizer: str = "auto",
    device: str | None = None,
    threads: int | None = None,
    offline: bool = False,
    track: int | None = None,
    channel: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    save_activity: str | os.PathLike[str] | None = None,
    progress: Progress = no_progress,
    notify: Notify = silent,
    inform: Notify = silent,
) -> Transcript:
    """Who said what, when, in an audio or video file.

    Args:
        path: any file that FFmpeg reads.
        model: Whisper model: a name, a repository or a folder; None for the default of this machine.
        language: ISO 639-1 code; None to detect it.
        speakers: a number, a range such as ``"2-5"`` or a SpeakerCount; None for any number.
        asr, vad, diarizer: backend names, or ``auto`` for the best that this machine can run.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: CPU threads; 0 leaves the choice to the libraries.
        offline: never touch the network.
        track: which audio track of a file that has several, counted from 1.
        channel: one channel of the track, counted from 1, in place of the mean of all.
        start, end: the part to read, in seconds of the recording.
        save_activity: ``.npz`` file for how active each speaker is, frame by frame; see `SpeakerActivity`.
        progress: called with a stage and its done fraction.
        notify: called with a sentence when a fallback runs from which the result suffers.
        inform: called with a sentence when one runs from which it does not.

    Raises:
        InvalidOption: a setting that cannot be meant.
        MediaError: the file cannot be read; TruncatedMedia carries what could be.
        BackendError: a backend cannot run.
        DiarizationFailed: the speakers are lost; the error carries the transcript without them.
    """
    runtime = Runtime(
        device=Runtime().device if device is None else device,
        threads=Runtime().threads if threads is None else threads,
        offline=offline,
    )
    request = Request(
        vad=Choice(name=vad),
        asr=Choice(name=asr, settings={} if model is None else {"model": model}),
        diarizer=Choice(name=diarizer),
        speakers=_speaker_count(speakers),
        language=language,
        runtime=runtime,
        save_activity=None if save_activity is None else os.fspath(save_activity),
        media={"track": track, "channel": channel, "start": start, "end": end},
    )
    check_request(request)
    check_recording(path, track=track)  # before a model is fetched
    pipeline = build(request, notify=notify, inform=inform, progress=progress)
    audio = load(
        Path(path),
        channels="all" if wants_channels(pipeline.diarizer) else "mono",
        track=track,
        channel=channel,
        language=language,
        start=start,
        end=end,
        progress=progress,
    )
    return pipeline.run(audio, progress=progress)


def _speaker_count(value: SpeakerCount | int | str | None) -> SpeakerCount:
    if value is None:
        return ANY_SPEAKERS
    return value if isinstance(value, SpeakerCount) else SpeakerCount.parse(str(value))
