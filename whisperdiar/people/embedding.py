"""Voices: the clean speech of a speaker, and one speaker embedding of it.

The encoders are those of the diarizer `embedding`. A network is known by the vector that it gives for a fixed sound, so
that the same weights are the same model under every name, and other weights under the same name are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization.embedding.encoders import ENCODERS, open_encoder
from whisperdiar.diarization.embedding.windows import SpeakerEncoder
from whisperdiar.errors import BackendError, InvalidOption
from whisperdiar.options import SAMPLE_RATE_HZ, Runtime
from whisperdiar.people.bandwidth import is_narrowband, to_narrowband
from whisperdiar.text.messages import _
from whisperdiar.types import Audio, Samples, Span, Turn

Vector = NDArray[np.float32]
"""float32 (dimension,), of length 1."""

CHUNK_S = 5.0
"""Seconds of speech that are embedded at once."""
MOST_S = 120.0
"""Seconds of speech that are embedded of a speaker: more tell nothing new."""
_SHORTEST_CHUNK_S = 1.5
_SHORTEST_PIECE_S = 0.3
"""Shorter stretches are hardly more than their neighbours' breath."""
_KEPT_SHARE = 0.8
"""Of the chunks, those nearest to their mean: the rest may be somebody else whom the diarizer took for the speaker."""
_SAME_MODEL = 0.99
"""Cosine similarity of two answers of one network to the probe; those of two networks have nothing in common."""
_AUTO = ("campplus", "wespeaker", "ecapa", "resemblyzer")
"""What is tried where nothing is named: those that need no PyTorch first."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceModel:
    """A speaker embedding network.

    Attributes:
        encoder: one of the names that ``--embedding`` takes.
        source: repository or file of the weights, with their revision where it is known.
        probe: what the network answers to a fixed sound, of length 1: its fingerprint.
    """

    encoder: str
    source: str
    probe: Vector

    @property
    def dimension(self) -> int:
        return len(self.probe)

    def is_same(self, other: VoiceModel) -> bool:
        """Whether both are the same weights, wherever they lie."""
        return self.dimension == other.dimension and float(self.probe @ other.probe) >= _SAME_MODEL

    def __str__(self) -> str:
        return f"{self.encoder} ({Path(self.source).name or self.source})"


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """The voice of one speaker in one recording.

    Attributes:
        vector: speaker embedding of the clean speech.
        seconds: of clean speech that it was made from.
        narrowband: embedding of the same speech by telephone; `vector` where it came so; None where it was not made.
        is_narrowband: whether the speech came by telephone, or by what else carries nothing above 4 kHz.
    """

    vector: Vector
    seconds: float
    narrowband: Vector | None = None
    is_narrowband: bool = False


def find_clean_speech(turns: Iterable[Turn]) -> dict[str, tuple[Turn, ...]]:
    """Speaker label → what that speaker alone says, in order of time; turns of one label that meet are joined.

    A speaker of whom nothing is clean has an empty tuple.
    """
    every = list(turns)
    times = sorted({time for turn in every for time in (turn.span.start, turn.span.end)})
    found: dict[str, list[Turn]] = {turn.speaker: [] for turn in every}
    starts: dict[float, list[Turn]] = {}
    for turn in every:
        starts.setdefault(turn.span.start, []).append(turn)
    active: list[Turn] = []
    for start, end in itertools.pairwise(times):
        active = [turn for turn in active if turn.span.end > start] + starts.get(start, [])
        active = [turn for turn in active if turn.span.end > start]
        if not active or len({turn.speaker for turn in active}) > 1:
            continue
        channel, own = active[0].channel, found[active[0].speaker]
        if own and own[-1].span.end == start and own[-1].channel == channel:
            own[-1] = Turn(Span(own[-1].span.start, end), own[-1].speaker, channel)
        else:
            own.append(Turn(Span(start, end), active[0].speaker, channel))
    return {label: tuple(t for t in own if t.span.duration >= _SHORTEST_PIECE_S) for label, own in found.items()}


class VoiceEncoder:
    """A network that is loaded, and turns clean speech into voices.

    Attributes:
        model: what it is.
    """

    def __init__(self, encoder: SpeakerEncoder) -> None:
        self._encoder = encoder
        self.model = VoiceModel(encoder.name, encoder.source, _normalise(encoder.embed(_probe()[None])[0]))

    def embed_chunks(self, samples: Samples) -> NDArray[np.float32]:
        """Speech of one speaker, float32 (n_samples,) at 16 kHz → float32 (n_chunks, dimension), each of length 1."""
        size = round(CHUNK_S * SAMPLE_RATE_HZ)
        pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
        pieces = [piece for piece in pieces if len(piece) >= _SHORTEST_CHUNK_S * SAMPLE_RATE_HZ]
        whole = [piece for piece in pieces if len(piece) == size]
        found = [*self._encoder.embed(np.stack(whole))] if whole else []
        found += [self._encoder.embed(piece[None])[0] for piece in pieces if len(piece) < size]
        good = [_normalise(vector) for vector in found if np.isfinite(vector).all() and vector.any()]
        return np.stack(good) if good else np.zeros((0, self.model.dimension), np.float32)

    def embed_sound(self, samples: Samples, *, both: bool = True) -> Voice | None:
        """The voice in speech of one speaker, float32 (n_samples,) at 16 kHz; None where there is too little of it.

        Args:
            both: whether speech that did not come by telephone is embedded as by telephone, too, which takes as long
                again; without it the voice can be compared with such that did not come by telephone alone.
        """
        seconds = len(samples) / SAMPLE_RATE_HZ
        voice = merge_chunks(self.embed_chunks(samples), seconds)
        if voice is None:
            return None
        if is_narrowband(samples):
            return replace(voice, narrowband=voice.vector, is_narrowband=True)
        heard = merge_chunks(self.embed_chunks(to_narrowband(samples)), seconds) if both else None
        return replace(voice, narrowband=None if heard is None else heard.vector)

    def embed(self, audio: Audio, turns: Sequence[Turn], *, both: bool = True) -> Voice | None:
        """The voice in stretches of one speaker's clean speech; None where there is too little of it.

        Args:
            audio: at 16 kHz; a turn's channel is taken where it has several.
            turns: seconds of the recording.
            both: as of `embed_sound`.
        """
        chosen = sorted(turns, key=lambda turn: -turn.span.duration)
        kept, seconds = [], 0.0
        for turn in chosen:
            if seconds >= MOST_S:
                break
            kept.append(turn)
            seconds += turn.span.duration
        pieces = [cut_turn(audio, turn) for turn in sorted(kept, key=lambda turn: turn.span.start)]
        sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        sound = sound[: round(MOST_S * SAMPLE_RATE_HZ)]
        return self.embed_sound(sound, both=both)

    def embed_speakers(self, audio: Audio, turns: Iterable[Turn], *, both: bool = True) -> dict[str, Voice]:
        """Speaker label → voice; who says too little alone is not in it. `both` is as of `embed_sound`."""
        found = {label: self.embed(audio, own, both=both) for label, own in find_clean_speech(turns).items()}
        return {label: voice for label, voice in found.items() if voice is not None}

    def close(self) -> None:
        """Drops the network and the memory that it holds."""
        self._encoder.close()


def merge_chunks(chunks: NDArray[np.float32], seconds: float) -> Voice | None:
    """One voice of the embeddings (n_chunks, dimension) of its chunks: the mean of those nearest to their mean."""
    if not len(chunks):
        return None
    similarities = chunks @ chunks.mean(axis=0)
    n_kept = max(1, round(_KEPT_SHARE * len(chunks)))
    nearest = np.argsort(-similarities, kind="stable")[:n_kept]
    return Voice(_normalise(chunks[nearest].mean(axis=0)), seconds)


def open_voice_encoder(
    named: str | None = None,
    *,
    model: VoiceModel | None = None,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> VoiceEncoder:
    """The network that turns speech into voices, ready.

    Args:
        named: an encoder, such as ``campplus``, or the file of a network that takes a mel filterbank (``.onnx``); None
            for that of `model`, or else the first that can run.
        model: that profiles were made with.

    Raises:
        InvalidOption: there is no such encoder, or `model` is another network.
        BackendError: no network can run here.
    """
    runtime = runtime or Runtime()
    found = _open(named, model, runtime, progress)
    if model is not None and not model.is_same(found.model):
        made, given = str(model), str(found.model)
        found.close()
        raise InvalidOption(
            _(
                "the profiles were made with {made}, and {given} cannot tell their voices: "
                "leave --voice-model out, or forget the profiles and add them again"
            ).format(made=made, given=given)
        )
    return found


def _open(named: str | None, model: VoiceModel | None, runtime: Runtime, progress: Progress) -> VoiceEncoder:
    if named is None and model is not None:
        source = model.source if Path(model.source).is_file() else None
        return VoiceEncoder(open_encoder(model.encoder, source, runtime, progress=progress)[0])
    if named is None:
        return _open_first(runtime, progress)
    if named in ENCODERS:
        return VoiceEncoder(open_encoder(named, None, runtime, progress=progress)[0])
    path = Path(named).expanduser()
    if not path.is_file():
        raise InvalidOption(
            _("--voice-model {named}: give one of {known}, or the .onnx file of a network").format(
                named=named, known=", ".join(ENCODERS)
            )
        )
    return VoiceEncoder(open_encoder("campplus", str(path.resolve()), runtime, progress=progress)[0])


def _open_first(runtime: Runtime, progress: Progress) -> VoiceEncoder:
    for name in _AUTO[:-1]:
        try:
            return VoiceEncoder(open_encoder(name, None, runtime, progress=progress)[0])
        except BackendError:
            continue
    return VoiceEncoder(open_encoder(_AUTO[-1], None, runtime, progress=progress)[0])


def select_turns(turns: Iterable[Turn], names: Mapping[str, str]) -> tuple[Turn, ...]:
    """The turns with their labels replaced; those that `names` lacks stay as they are."""
    return tuple(Turn(turn.span, names.get(turn.speaker, turn.speaker), turn.channel) for turn in turns)


def cut_turn(audio: Audio, turn: Turn) -> Samples:
    """float32 (n_samples,): the sound of a turn."""
    rate = audio.sample_rate
    first, last = (max(0, round((time - audio.start) * rate)) for time in (turn.span.start, turn.span.end))
    if 1 < audio.n_channels >= turn.channel:
        part: Samples = audio.samples[turn.channel - 1, first:last]
    else:
        part = audio.mono_part(first, last)
    return np.nan_to_num(part, posinf=0.0, neginf=0.0)


def _probe() -> Samples:
    """float32 (n_samples,): two seconds of vowels of a voice that rises, the same on every machine."""
    time = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (110.0 * time + 15.0 * time**2)
    tones = sum(np.sin(number * phase) / number for number in range(1, 25))
    loudness = 0.6 + 0.4 * np.sin(2 * np.pi * 3.0 * time)
    return np.asarray(0.05 * tones * loudness, dtype=np.float32)


def _normalise(vector: NDArray[np.float32]) -> Vector:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, dtype=np.float32)
