"""The recordings of people: those of one person alone, and those that transcripts were made of."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from whisperdiar.contracts import Progress, SpeechDetector, no_progress
from whisperdiar.errors import InvalidOption
from whisperdiar.media import check_recording, load, probe, recording_id
from whisperdiar.people.embedding import Voice, VoiceEncoder
from whisperdiar.people.matching import LEAST_SECONDS
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, Turn

_NO_SOUND = frozenset(
    {".json", ".srt", ".vtt", ".txt", ".rttm", ".ass", ".html", ".md", ".csv", ".tsv", ".stm", ".uem"}
)
"""Files that lie beside a recording under its name; they are not opened to find out."""


def embed_recording(
    path: str | os.PathLike[str], detector: SpeechDetector, encoder: VoiceEncoder, *, progress: Progress = no_progress
) -> tuple[str, Voice]:
    """The name of a recording of one person alone, and the voice in it.

    Raises:
        MediaError: it cannot be read.
        InvalidOption: there is too little speech.
    """
    audio = load(path, progress=progress)
    spans = [span.shift(audio.start) for span in detector.detect(audio, progress=progress)]
    voice = encoder.embed(audio, [Turn(span, audio.recording_id) for span in spans])
    seconds = 0.0 if voice is None else voice.seconds
    if voice is None or seconds < LEAST_SECONDS:
        raise InvalidOption(
            _("{path}: {seconds:.1f} s of speech, and a voice takes {least:g}; give a longer recording").format(
                path=os.fspath(path), seconds=seconds, least=LEAST_SECONDS
            )
        )
    return audio.recording_id, voice


def find_recording(path: Path, transcript: Transcript, media: Sequence[Path] = ()) -> Path:
    """The recording that a transcript was made of.

    Args:
        path: of the transcript, beside which a file of the recording's name is looked for.
        media: recordings, or folders of them, in which it is looked for instead; a single file is it.

    Raises:
        InvalidOption: there is none.
    """
    if len(media) == 1 and media[0].is_file():
        return media[0]
    places = list(media) or [path.parent]
    for place in places:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        for file in files:
            same = file.suffix.lower() not in _NO_SOUND and recording_id(file) == transcript.recording_id
            if same and file.is_file():
                return file
    raise InvalidOption(
        _("{path}: its recording {recording} is not found; name it with --media FILE").format(
            path=path, recording=transcript.recording_id
        )
    )


def load_recording(path: Path, transcript: Transcript, *, progress: Progress = no_progress) -> Audio:
    """The sound of a transcript: the same track and channel; channels apart where its speakers are.

    Raises:
        MediaError: the file cannot be read.
    """
    check_recording(path)
    options = transcript.provenance.get("options")
    known: Mapping[str, object] = options if isinstance(options, Mapping) else {}
    tracks = probe(path).tracks
    track = _number(known, "track", len(tracks))
    read = next((item for item in tracks if (item.default if track is None else item.number == track)), None)
    channel = None if read is None else _number(known, "channel", read.channels)
    several = channel is None and any(turn.channel > 1 for turn in transcript.turns)
    return load(path, channels="all" if several else "mono", track=track, channel=channel, progress=progress)


def _number(options: Mapping[str, object], key: str, most: int) -> int | None:
    value = options.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None
