"""Speaker clips: each speaker's speech as sound files."""

from __future__ import annotations

import io
import os
import unicodedata
import warnings
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whisperdiar.errors import OutputError
from whisperdiar.system.files import check_folder, stage, write_bytes
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import Audio, Samples, Span, merge_spans

_SAMPLE_WIDTH = 2  # bytes: 16-bit PCM
_PAUSE = 0.3  # seconds between the turns of a joined file, so that the ear can tell them apart
_LONGEST_NAME_BYTES = 80
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in (*range(1, 10), *"¹²³")))
)


@dataclass(frozen=True, slots=True)
class _Passage:
    """Something that one speaker says: seconds of the recording, and the channel (from 1) where it is heard."""

    span: Span
    speaker: str
    channel: int = 1


def write_clips(audio: Audio, transcript: Transcript, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write each speaker's speech as 16-bit WAV files, one per turn and one with all turns.

        folder/Anna/standup_0001_0.00-2.57.wav     a turn: number in the recording, start and end in seconds
        folder/Anna/standup_0003_9.10-11.02.wav
        folder/Anna/standup_all.wav                all turns, 0.3 s apart; what overlaps itself is heard once
        folder/Ben/standup_0002_2.60-8.93.wav
        folder/Ben/standup_all.wav

    The turns are the diarizer's, also where they overlap another speaker's; a transcript without turns gives its
    segments. Folders are named after the speakers' names; characters that a file system may refuse become ``_``,
    and of two names that come out the same the second one gets ``_2``. Files of the same name are replaced,
    others are left alone. Where the turns name several channels and the audio has them, a clip holds its turn's
    channel, otherwise the mean of all.

    Args:
        audio: the recording, or the part of it that was read.
        transcript: its transcript; times count from the start of the recording, as everywhere in it.
        folder: made where it is missing.

    Returns:
        What was written: for each speaker, in the order of the transcript, the turns and then the joined file.
        Speakers who say nothing inside the audio have no folder.

    Raises:
        OutputError: a folder or a file cannot be written.
    """
    root = Path(folder)
    recording = _file_name(transcript.recording_id)
    passages = _list_passages(transcript)
    by_channel = audio.n_channels > 1 and any(item.channel > 1 for item in passages)
    written: list[Path] = []
    for speaker, name in _name_folders(transcript, passages).items():
        own = [(i, item) for i, item in enumerate(passages, start=1) if item.speaker == speaker]
        heard = [(i, item) for i, item in own if _cut(audio, item.span, 1).size]
        if not heard:
            continue
        place = root / name
        make_folder(place)
        for number, item in heard:
            path = place / f"{recording}_{number:04d}_{item.span.start:.2f}-{item.span.end:.2f}.wav"
            channel = item.channel if by_channel else None
            write_bytes(path, _wav(_cut(audio, item.span, channel), audio.sample_rate))
            written.append(path)
        joined = place / f"{recording}_all.wav"
        _write_joined(joined, _join_passages(audio, [item for _, item in heard], by_channel), audio.sample_rate)
        written.append(joined)
    return tuple(written)


def has_clips(folder: str | os.PathLike[str], recording_id: str) -> bool:
    """Whether clips of this recording lie in the folder already."""
    return any(Path(folder).glob(f"*/{_file_name(recording_id)}_all.wav"))


def _file_name(recording_id: str) -> str:
    return _safe_name(recording_id) or "recording"


def _list_passages(transcript: Transcript) -> tuple[_Passage, ...]:
    """Turns, or segments where there are none, in the order of time."""
    if transcript.turns:
        found = [_Passage(turn.span, turn.speaker, turn.channel) for turn in transcript.turns]
    else:
        found = [_Passage(item.span, item.speaker) for item in transcript.segments if item.speaker is not None]
    return tuple(sorted(found, key=lambda item: (item.span, item.channel, item.speaker)))


def _name_folders(transcript: Transcript, passages: Iterable[_Passage]) -> dict[str, str]:
    """Speaker label → name of its folder; no two are the same, also where case does not count."""
    labels = dict.fromkeys([item.id for item in transcript.speakers] + [item.speaker for item in passages])
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        base = _safe_name(transcript.name(label) or "") or _safe_name(label) or "speaker"
        name, count = base, 1
        while unicodedata.normalize("NFKC", name).casefold() in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(unicodedata.normalize("NFKC", name).casefold())
        names[label] = name
    return names


def _safe_name(text: str) -> str:
    """A name that every file system takes and that stays in its folder, whatever the text; empty if nothing is left."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    # Letters, digits and marks of any script, and the few others that mean nothing to a shell or a file system.
    kept = "".join(c if unicodedata.category(c)[0] in "LNM" or c in "_-. " else "_" for c in text)
    # Windows drops dots and spaces at the end; in front a dot hides the file and a dash looks like an option.
    name = kept.strip(". ").lstrip("-. ")
    name = name.encode("utf-8")[:_LONGEST_NAME_BYTES].decode("utf-8", "ignore").rstrip(". ")
    return f"_{name}" if name.split(".")[0].strip().casefold() in _DEVICES else name


def _cut(audio: Audio, span: Span, channel: int | None) -> Samples:
    """float32 (n_samples,): the part of a span of the recording that lies in the audio.

    Of one channel, counted from 1, or the mean of all.
    """
    part = audio.crop(span.shift(-audio.start))
    if channel is not None and 1 <= channel <= audio.n_channels:
        own: Samples = part.samples[channel - 1]
        return own
    return part.mono


def _pcm(samples: Samples) -> bytes:
    """16-bit samples; those that came from 16 bits come out unchanged."""
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()


def _wav(samples: Samples, sample_rate: int) -> bytes:
    segment = _pydub().AudioSegment(data=_pcm(samples), sample_width=_SAMPLE_WIDTH, frame_rate=sample_rate, channels=1)
    file = io.BytesIO()
    segment.export(file, format="wav")
    return file.getvalue()


def _pydub() -> Any:
    """pydub; it warns at import that there is no ffmpeg program, which WAV files do not need."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydub
    return pydub


def _join_passages(audio: Audio, passages: Sequence[_Passage], by_channel: bool) -> Iterator[Samples]:
    """The passages in the order of time, each stretch once, with pauses between them."""
    channels = sorted({item.channel for item in passages}) if by_channel else [None]
    stretches = [
        (span, channel)
        for channel in channels
        for span in merge_spans(item.span for item in passages if channel is None or item.channel == channel)
    ]
    pause = np.zeros(round(_PAUSE * audio.sample_rate), dtype=np.float32)
    for index, (span, channel) in enumerate(sorted(stretches, key=lambda item: item[0])):
        if index:
            yield pause
        yield _cut(audio, span, channel)


def _write_joined(path: Path, pieces: Iterable[Samples], sample_rate: int) -> None:
    """Like `write_bytes`, piece by piece: all that somebody says in ten hours is more than a gigabyte."""
    with stage(path) as temporary, wave.open(temporary, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(_SAMPLE_WIDTH)
        output.setframerate(sample_rate)
        for piece in pieces:
            output.writeframes(_pcm(piece))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where it is missing.

    Raises:
        OutputError: it cannot be made, or no file in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(
            _("{path}: is a file where a folder should be; choose another folder for the clips").format(path=path)
        ) from error
    except OSError as error:
        raise OutputError(
            _("{path}: cannot be made ({cause}); choose another folder for the clips").format(
                path=path, cause=error.strerror
            )
        ) from error
    check_folder(path)
