"""Separation of overlap: the stage between the words of the mixture and the transcript.

words with speakers, turns → stretches of two speakers → streams, each given to its speaker → words of each stream →
words of both speakers, where that makes them better
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import Progress, current_parts, no_progress
from whisperdiar.errors import BackendError
from whisperdiar.options import Runtime, SeparationSettings
from whisperdiar.people.embedding import VoiceEncoder, find_clean_speech, merge_chunks, open_voice_encoder
from whisperdiar.separation.readings import choose_words
from whisperdiar.separation.results import SeparatedOverlap, SeparatedStretch, remember_stretch
from whisperdiar.separation.sepformer import SepFormer
from whisperdiar.separation.stretches import Stretch, find_solo, find_stretches
from whisperdiar.separation.voices import Assignment, assign_streams, measure_levels
from whisperdiar.text.messages import _, ngettext
from whisperdiar.types import (
    Audio,
    Diarization,
    Replacement,
    Samples,
    Span,
    Transcription,
    Turn,
    Word,
    merge_spans,
)

STAGE = "separation"
_MARGIN_S = 0.15
"""Turns are cut by loudness, which the first and last sounds of words lack."""
_VOICE_S = 60.0
"""Seconds of a speaker alone that the voice is taken from."""

Timed = TypeVar("Timed", bound=Word | Turn)

Recognise = Callable[[Audio, Sequence[Span]], Transcription]
"""Sound of one voice, and where it speaks → its words."""


@dataclass
class OverlapSeparator:
    """Separates overlapping voices and recognises each by itself.

    Attributes:
        settings: which stretches, by which model.
        runtime: where the networks run, and whether the network may be used.
    """

    settings: SeparationSettings = field(default_factory=SeparationSettings)
    runtime: Runtime = field(default_factory=Runtime)

    def __post_init__(self) -> None:
        self.network = SepFormer(self.settings, runtime=self.runtime)
        self._encoder: VoiceEncoder | None = None
        self._has_looked = False

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "runtime": self.runtime}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.settings, self.runtime = state["settings"], state["runtime"]
        self.__post_init__()

    def prepare(self, *, progress: Progress = no_progress) -> None:
        """Loads the separator, and the network that tells voices where one is on this machine.

        Raises:
            InvalidOption: no such model, or no such network.
            BackendError: the separator cannot run, or the network that was named cannot.
        """
        self.network.prepare(progress=progress)
        self._find_encoder(progress)

    def release(self) -> None:
        """Drops the models and the memory that they hold."""
        self.network.release()
        if self._encoder is not None:
            self._encoder.close()
        self._encoder, self._has_looked = None, False

    def _find_encoder(self, progress: Progress) -> VoiceEncoder | None:
        """The network that tells voices; nobody who separates asked for the download of another one."""
        if not self._has_looked:
            named = self.settings.voice_model
            runtime = self.runtime if named is not None else replace(self.runtime, offline=True)
            try:
                self._encoder = open_voice_encoder(named, runtime=runtime, progress=progress)
            except BackendError:
                if named is not None:
                    raise
            self._has_looked = True
        return self._encoder

    def describe_voices(self) -> list[Any] | None:
        """What tells voices, in JSON values on which results depend; None without a network that does."""
        if self._encoder is None:
            return None
        model = self._encoder.model
        return [model.encoder, model.probe.tolist()]

    def record(self) -> dict[str, Any]:
        """What separates and what tells voices, for the provenance; JSON values only."""
        encoder = None if self._encoder is None else str(self._encoder.model)
        return {**self.network.record().to_dict(), "voices": encoder}

    def separate(
        self,
        audio: Audio,
        words: Sequence[Word],
        diarization: Diarization,
        *,
        recognise: Recognise,
        progress: Progress = no_progress,
    ) -> SeparatedOverlap:
        """The words, with those of both speakers where two talk at once and that makes them better.

        Args:
            audio: of one channel, or mixed; at any rate.
            words: of the mixture, with their speakers, in order of time.
            diarization: whose overlap is separated.
            recognise: the recogniser that the words of the mixture come from.
            progress: hears of stage ``separation``.

        Raises:
            BackendError: a network cannot run.
        """
        stretches, n_crowded = find_stretches(diarization, duration=audio.duration, settings=self.settings)
        if not stretches:
            return SeparatedOverlap(tuple(words), notes=_describe((), n_crowded))
        speakers = {label for stretch in stretches for label in stretch.speakers}
        learn = cache(partial(self._learn_voices, audio, diarization.turns, frozenset(speakers), progress))
        left, turns, made, replacements = _ByTime(words), _ByTime(diarization.turns), [], []
        parts, replaced = current_parts(), False
        for number, stretch in enumerate(stretches):
            said, spoken = left.find_near(stretch.span), turns.find_near(stretch.span)
            work = partial(self._separate, audio, said, spoken, stretch, learn, recognise)
            reading, record, found = remember_stretch(parts, number, work)
            if reading is not None:
                left.exchange(stretch.span, partial(_lies_in, spans=stretch.region), reading.words)
                replacements += found
                replaced = True
            made.append(record)
            progress(STAGE, (number + 1) / len(stretches))
        return SeparatedOverlap(
            tuple(left.items if replaced else words),
            tuple(made),
            tuple(replacements),
            _describe(made, n_crowded),
            any(record["kept"] != "mixture" for record in made),
        )

    def _learn_voices(
        self, audio: Audio, turns: Sequence[Turn], speakers: Iterable[str], progress: Progress
    ) -> dict[str, NDArray[np.float32]]:
        """Speaker label → embedding of what that speaker alone says, in the band of the separator; empty without a
        network that tells voices."""
        encoder = self._find_encoder(progress)
        if encoder is None:
            return {}
        clean, found = find_clean_speech(turns), {}
        for label in sorted(speakers):
            pieces, seconds = [], 0.0
            for turn in sorted(clean.get(label, ()), key=lambda turn: -turn.span.duration):
                if seconds < _VOICE_S:
                    pieces.append(_cut(audio, turn.span))
                    seconds += turn.span.duration
            sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
            vector = self._embed(encoder, self.network.limit_band(sound, audio.sample_rate))
            if vector is not None:
                found[label] = vector
        return found

    @staticmethod
    def _embed(encoder: VoiceEncoder, sound: Samples) -> NDArray[np.float32] | None:
        voice = merge_chunks(encoder.embed_chunks(sound), 0.0) if sound.any() else None
        return None if voice is None else voice.vector

    def _separate(
        self,
        audio: Audio,
        words: Sequence[Word],
        turns: Sequence[Turn],
        stretch: Stretch,
        learn: Callable[[], Mapping[str, NDArray[np.float32]]],
        recognise: Recognise,
    ) -> SeparatedStretch:
        """What is kept of a stretch (None for the mixture as it is), and what the provenance says of it.

        Args:
            learn: gives the voices of the speakers, whose networks are asked once for all stretches.
        """
        voices = learn()
        streams = self.network.separate(_cut(audio, stretch.span), audio.sample_rate)
        origin = stretch.span.start
        own = {
            label: _inside((turn.span for turn in turns if turn.speaker == label), stretch.span)
            for label in stretch.speakers
        }
        assignment = self._assign(streams, audio.sample_rate, turns, stretch, own, voices)
        record: dict[str, Any] = {
            "start": round(audio.start + stretch.overlap[0].start, 3),
            "end": round(audio.start + stretch.overlap[-1].end, 3),
            "speakers": list(stretch.speakers),
            "confidence": round(assignment.confidence, 3),
        }
        if not assignment.is_clear:
            return None, {**record, "kept": "mixture", "reason": "voices"}, []
        heard: dict[str, list[Word]] = {}
        replaced: dict[str, list[Replacement]] = {}
        for label, number in assignment.streams.items():
            sound = Audio(streams[number : number + 1], audio.sample_rate, audio.recording_id)
            found = recognise(sound, [span.shift(-origin) for span in own[label]])
            moved = [replace(word, span=word.span.shift(origin)) for word in found.words]
            heard[label] = [word for word in moved if _lies_in(word, stretch.region)]
            replaced[label] = [
                item
                for item in (replace(item, span=item.span.shift(origin)) for item in found.replacements)
                if any(item.span.start < word.end and word.start < item.span.end for word in heard[label])
            ]
        reading = choose_words(
            [word for word in words if _lies_in(word, stretch.region)],
            heard,
            around=[word for word in words if not _lies_in(word, stretch.region) and _lies_in(word, [stretch.span])],
            find_louder=partial(_find_louder, streams, audio.sample_rate, origin, assignment),
            confidence=assignment.confidence,
            min_probability=self.settings.min_probability,
        )
        if not reading.separated:
            return None, {**record, "kept": "mixture", "reason": "probability"}, []
        kept = "separated" if len(reading.separated) == len(stretch.speakers) else "one voice"
        record.update(kept=kept, separated=sorted(reading.separated), mixture=_text(reading.replaced))
        return reading, record, [item for label in sorted(reading.separated) for item in replaced[label]]

    def _assign(
        self,
        streams: Samples,
        rate: int,
        turns: Sequence[Turn],
        stretch: Stretch,
        own: Mapping[str, Sequence[Span]],
        voices: Mapping[str, NDArray[np.float32]],
    ) -> Assignment:
        """Whose stream is whose, by voices and by who is heard where one of the two talks alone."""
        origin, speakers = stretch.span.start, stretch.speakers
        solo = [[span.shift(-origin) for span in find_solo(turns, label, stretch.span)] for label in speakers]
        similarities: NDArray[np.float64] | None = None
        if self._encoder is not None and all(label in voices for label in speakers):
            active = merge_spans(span.shift(-origin) for spans in own.values() for span in spans)
            heard = [
                self._embed(
                    self._encoder,
                    np.concatenate([stream[round(s.start * rate) : round(s.end * rate)] for s in active]),
                )
                for stream in streams
            ]
            similarities = np.array(
                [[np.nan if v is None else float(v @ voices[label]) for label in speakers] for v in heard]
            )
        return assign_streams(speakers, similarities, measure_levels(streams, rate, solo))


class _ByTime(Generic[Timed]):
    """Words or turns in order of time, of which those near a stretch are found without a look at all of them."""

    def __init__(self, items: Iterable[Timed]) -> None:
        self.items = sorted(items, key=lambda item: item.span)
        self._longest: float = max((item.span.duration for item in self.items), default=0.0)

    def find_near(self, span: Span) -> list[Timed]:
        """All that share time with a span or its margin, and perhaps some beside them."""
        return self.items[self._find_range(span)]

    def exchange(self, span: Span, is_gone: Callable[[Timed], bool], new: Sequence[Timed]) -> None:
        """Put others in place of some, all of which share time with `span`."""
        self._longest = max([self._longest, *(item.span.duration for item in new)])
        near = self._find_range(span)
        kept = [item for item in self.items[near] if not is_gone(item)]
        self.items[near] = sorted([*kept, *new], key=lambda item: item.span)

    def _find_range(self, span: Span) -> slice:
        begin, end = span.start - self._longest - 2 * _MARGIN_S, span.end + 2 * _MARGIN_S
        first = bisect_left(self.items, begin, key=lambda item: item.span.start)
        return slice(first, bisect_right(self.items, end, lo=first, key=lambda item: item.span.start))


def _inside(spans: Iterable[Span], whole: Span) -> tuple[Span, ...]:
    """The parts of turns inside a stretch, a little wider than the diarizer cut them."""
    wider = (Span(max(0.0, span.start - _MARGIN_S), span.end + _MARGIN_S) for span in spans)
    return merge_spans(part for span in wider if (part := span.clip(whole.start, whole.end)))


def _lies_in(word: Word, spans: Sequence[Span]) -> bool:
    middle = (word.start + word.end) / 2
    return any(span.start <= middle < span.end for span in spans)


def _find_louder(streams: Samples, rate: int, origin: float, assignment: Assignment, span: Span) -> str | None:
    """The speaker whose stream has more power in a span; None where no stream has any."""
    first, last = (max(0, round((time - origin) * rate)) for time in (span.start, span.end))
    power = {label: float((streams[row, first:last] ** 2).sum()) for label, row in assignment.streams.items()}
    return max(power, key=lambda label: power[label]) if any(power.values()) else None


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()


def _cut(audio: Audio, span: Span) -> Samples:
    rate = audio.sample_rate
    return np.array(audio.mono_part(round(span.start * rate), round(span.end * rate)))


def _describe(records: Sequence[Mapping[str, Any]], n_crowded: int) -> tuple[str, ...]:
    """The notes: how many stretches were separated, and of how many the words are those of the voices by themselves."""
    notes = []
    kept = sum(record["kept"] != "mixture" for record in records)
    if records:
        notes.append(
            ngettext(
                "{number} stretch of overlap was separated; its words were better in {kept}",
                "{number} stretches of overlap were separated; their words were better in {kept}",
                len(records),
            ).format(number=len(records), kept=kept)
        )
    elif not n_crowded:
        notes.append(_("no overlap of two speakers was found to separate"))
    if n_crowded:
        notes.append(
            ngettext(
                "in {number} place more than two people talk at once; it was not separated",
                "in {number} places more than two people talk at once; they were not separated",
                n_crowded,
            ).format(number=n_crowded)
        )
    return tuple(notes)
