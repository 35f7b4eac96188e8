"""Frozen values that the stages hand on.

All times are float seconds. Inside a stage they count from the first sample of its `Audio`; in a
`Transcript` they count from the start of the recording (the two differ by `Audio.start`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _, ngettext

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open stretch of time [start, end) in seconds; zero length is allowed.

    Raises:
        ValueError: a bound is not finite, or the end lies before the start.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError(
                _("span {start} to {end}: times must be finite numbers of seconds").format(
                    start=self.start, end=self.end
                )
            )
        if self.end < self.start:
            raise ValueError(
                _("span {start} to {end}: the end lies before the start").format(start=self.start, end=self.end)
            )

    @property
    def duration(self) -> float:
        return self.end - self.start

    def shift(self, offset: float) -> Span:
        return Span(self.start + offset, self.end + offset)

    def clip(self, start: float, end: float) -> Span | None:
        """The part inside [start, end), or None where nothing (or only a point) is left."""
        low, high = max(self.start, start), min(self.end, end)
        return Span(low, high) if high > low else None


def merge_spans(spans: Iterable[Span], *, gap: float = 0.0) -> tuple[Span, ...]:
    """Sorted union of spans; neighbours up to `gap` seconds apart become one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end + gap:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def clip_spans(spans: Sequence[Span], start: float, end: float) -> list[Span]:
    """The parts in [start, end) of spans that are sorted and do not overlap; nothing of it has zero length."""
    found = []
    for number in range(bisect_right(spans, start, key=lambda span: span.end), len(spans)):
        if spans[number].start >= end:
            break
        part = spans[number].clip(start, end)
        if part is not None:
            found.append(part)
    return found


def remove_spans(spans: Iterable[Span], removed: Sequence[Span]) -> tuple[Span, ...]:
    """What is left of spans outside of others, which are sorted and do not overlap; nothing of it has zero length."""
    left: list[Span] = []
    for span in spans:
        at = span.start
        for hole in clip_spans(removed, span.start, span.end):
            if hole.start > at:
                left.append(Span(at, hole.start))
            at = hole.end
        if at < span.end:
            left.append(Span(at, span.end))
    return tuple(left)


def divide_time(start: float, end: float, weights: Sequence[int]) -> list[tuple[float, float]]:
    """A stretch of time, in seconds, divided by `weights`: start and end of each part, all at the start without any."""
    total = sum(weights) or 1
    sums = accumulate(weights, initial=0)
    edges = [end if part == total else min(end, start + (end - start) * part / total) for part in sums]
    return list(pairwise(edges))


_BLOCK_S = 60
"""Seconds of sound that are looked at together: a recording may be hours long and lie on the disk."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Decoded sound.

    Attributes:
        samples: float32 (n_channels, n_samples) in [-1, 1]; may be backed by a memory map.
        sample_rate: samples per second, in Hz.
        recording_id: name of the recording, without white space (it goes into RTTM).
        start: where the first sample lies in the recording, in seconds.
        warnings: sentences for the user about what is missing, mended or chosen and may make the result wrong.
        notes: sentences for the user about what was done and is as it should be.
        weights: of each channel in `mono`: 1, -1 (its phase is turned round) or 0 (it is left out); empty for the
            mean of all.
        frame_rate: frames a second of the pictures that go with the sound; None where there are none.
        identity: the same for the same sound, by which a cache knows it; empty where nobody has identified it. The
            samples are finite then. What is cut out of it has none of its own.
        speakers: the name of the person on each channel, where channels are tracks of people; empty otherwise.
        provenance: how the sound was made of several recordings, JSON values only; empty where it is one.
    """

    samples: Samples
    sample_rate: int
    recording_id: str = "recording"
    start: float = 0.0
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    frame_rate: Fraction | None = None
    identity: str = ""
    speakers: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[0] < 1:
            raise ValueError(
                _("samples of shape {shape}: expected (n_channels, n_samples)").format(shape=self.samples.shape)
            )
        if self.samples.dtype != np.float32:
            raise ValueError(_("samples of type {dtype}: expected float32").format(dtype=self.samples.dtype))
        if self.sample_rate <= 0:
            raise ValueError(
                _("sample rate {sample_rate}: expected a positive number of Hz").format(sample_rate=self.sample_rate)
            )
        if self.weights and (len(self.weights) != len(self.samples) or not any(self.weights)):
            raise ValueError(
                _("weights {weights}: expected {n_samples} numbers, not all 0").format(
                    weights=self.weights, n_samples=len(self.samples)
                )
            )

    @property
    def n_channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate)

    @property
    def mono(self) -> Samples:
        """float32 (n_samples,): the only channel as it is, or the mean of the channels by their `weights`."""
        return self.mono_part(0, self.samples.shape[1])

    def mono_part(self, first: int, last: int) -> Samples:
        """float32 (at most last - first,): the same of some samples only; a view where there is one channel."""
        part = self.samples[:, max(0, first) : max(0, last)]
        mixed: Samples = part[0] if self.n_channels == 1 else mix_channels(part, self.weights)
        return mixed

    def finite(self) -> Audio:
        """The same audio; samples that are no finite numbers become silence, which a warning tells.

        They come from a caller's own arithmetic, spread over everything that is computed of them, and are no sound.
        """
        if self.identity:
            return self
        block = _BLOCK_S * self.sample_rate
        n_samples, starts = self.samples.shape[1], range(0, self.samples.shape[1], _BLOCK_S * self.sample_rate)
        broken = sum(int(np.count_nonzero(~np.isfinite(self.samples[:, at : at + block]))) for at in starts)
        if not broken:
            return self
        mended = np.empty((self.n_channels, n_samples), dtype=np.float32)
        for at in starts:
            part = self.samples[:, at : at + block]
            mended[:, at : at + block] = np.where(np.isfinite(part), part, np.float32(0.0))
        told = _("{broken} samples are NaN or infinite and were taken for silence; check what made them").format(
            broken=broken
        )
        return replace(self, samples=mended, warnings=(*self.warnings, told))

    def channel(self, number: int) -> Audio:
        """One channel, counted from 1, as a recording of its own; without a copy."""
        return Audio(self.samples[number - 1 : number], self.sample_rate, self.recording_id, self.start)

    def crop(self, span: Span) -> Audio:
        """The part inside `span` (seconds of this audio), without a copy."""
        first = max(0, round(span.start * self.sample_rate))
        last = max(first, round(span.end * self.sample_rate))
        start = self.start + first / self.sample_rate
        return Audio(self.samples[:, first:last], self.sample_rate, self.recording_id, start, weights=self.weights)


def mix_channels(samples: Samples, weights: Sequence[float] = ()) -> Samples:
    """float32 (n_channels, n_samples) → (n_samples,): the mean, or the weighted sum over how many weights are not 0."""
    if not weights:
        return np.asarray(samples.mean(axis=0, dtype=np.float32))
    row = np.array(weights, dtype=np.float32)
    return np.asarray(row / np.abs(row).sum() @ samples, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word.

    Attributes:
        span: when it is spoken.
        text: as recognised, with its leading space where the language writes one.
        probability: the recogniser's own, 0 to 1.
        speaker: speaker label, or None where nobody is known.
        speaker_confidence: probability that `speaker` is right, 0 to 1; None without a speaker.
        second_speaker: the next best label, where there is one.
        overlap: somebody else talks while this word is said; `second_speaker` is then who.
        edited: a person has corrected the word, its time or its speaker.
    """

    span: Span
    text: str
    probability: float = 1.0
    speaker: str | None = None
    speaker_confidence: float | None = None
    second_speaker: str | None = None
    overlap: bool = False
    edited: bool = False

    @property
    def start(self) -> float:
        return self.span.start

    @property
    def end(self) -> float:
        return self.span.end


@dataclass(frozen=True, slots=True)
class Turn:
    """One stretch in which one speaker talks.

    Attributes:
        span: when.
        speaker: speaker label.
        channel: 1-based channel of the recording, as RTTM counts.
        confidence: 0 to 1, where the diarizer gives one.
    """

    span: Span
    speaker: str
    channel: int = 1
    confidence: float | None = None

    @property
    def start(self) -> float:
        return self.span.start

    @property
    def end(self) -> float:
        return self.span.end


def _turn_order(turn: Turn) -> tuple[float, float, str, int]:
    return (turn.span.start, turn.span.end, turn.speaker, turn.channel)


ActivityKind = Literal["posterior", "similarity", "likelihood", "level"]
ActivityValues = NDArray[np.float32] | NDArray[np.float16]


@dataclass(frozen=True, slots=True, eq=False)
class SpeakerActivity:
    """How active each speaker is in each frame, as a diarizer sees it before it cuts turns.

    Frame i stands for the time [start + i · step, start + (i + 1) · step). Hours fit: the values may have 16 bits, may
    be a memory map, and are read by stretches. Whatever the kind, the highest value of a frame is that of the most
    active speaker.

    The diarizers of this package keep 32 bits up to 4 million values, `nemotron` up to an hour, and 16 beyond. So ten
    hours of 10 speakers are 14 MB by `embedding` (0.1 s), 43 MB by `onnx` and `pyannote` (0.017 s) and 72 MB by `bic`
    (0.01 s), of 2 `channels` 7 MB (0.02 s), of all columns of `sortformer` 7 MB (0.08 s) and `nemotron` 58 MB (0.01 s).

    Attributes:
        values: float32 or float16 (n_frames, n_columns).
        speakers: the speaker label of each column; empty for one without turns.
        step: seconds of one frame.
        start: seconds of the first frame, from the first sample of the audio.
        kind: what the numbers are: ``posterior`` probabilities in [0, 1], each speaker's own; ``similarity`` of the
            sound to a speaker's voice, a cosine in [-1, 1], 0 where no speech is; log ``likelihood`` of a frame,
            less that of its best speaker, so at most 0, and 0 for all where no speech is; or ``level`` of a speaker's
            channel in decibels, relative to the loudest that it is.

    Raises:
        ValueError: shapes or types that do not go together.
    """

    values: ActivityValues
    speakers: tuple[str, ...]
    step: float
    start: float = 0.0
    kind: ActivityKind = "posterior"

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.speakers):
            raise ValueError(
                _("activity of shape {shape}: expected (n_frames, {n_speakers})").format(
                    shape=self.values.shape, n_speakers=len(self.speakers)
                )
            )
        if self.values.dtype not in (np.float32, np.float16):
            raise ValueError(_("activity of type {dtype}: expected float32 or float16").format(dtype=self.values.dtype))
        if not (math.isfinite(self.step) and self.step > 0 and math.isfinite(self.start)):
            raise ValueError(
                _("activity every {step} s from {start} s: expected a positive step").format(
                    step=self.step, start=self.start
                )
            )

    def rows(self, span: Span) -> slice:
        """The frames that a span touches, at least one; bounds on a frame's count as there in spite of rounding."""
        first = math.floor((span.start - self.start) / self.step + 1e-6)
        last = max(first + 1, math.ceil((span.end - self.start) / self.step - 1e-6))
        return slice(max(0, first), max(0, last))

    def within(self, span: Span) -> NDArray[np.float32]:
        """float32 (n, n_columns): the values of these frames; empty for a span outside of them."""
        return np.asarray(self.values[self.rows(span)], dtype=np.float32)

    def rename(self, names: Mapping[str, str]) -> SpeakerActivity:
        """The same values with labels replaced."""
        return replace(self, speakers=tuple(names.get(label, label) for label in self.speakers))


@dataclass(frozen=True, slots=True)
class Diarization:
    """Who spoke when in one recording: turns sorted by start, end, speaker and channel.

    `warnings` are sentences for the user about what may be wrong, such as a number of speakers that could not be
    reached; `notes` about what was done and is as it should be. `activity` is what the turns were cut from, where the
    diarizer tells it. `exclusive_turns` are the same speech one speaker at a time, where the diarizer knows who is in
    front in an overlap; words go by them, because of two people who talk at once a recogniser writes the one in front.
    Neither takes part in comparisons.
    """

    recording_id: str
    turns: tuple[Turn, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    activity: SpeakerActivity | None = field(default=None, compare=False, repr=False)
    exclusive_turns: tuple[Turn, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("turns", "exclusive_turns"):
            object.__setattr__(self, name, tuple(sorted(getattr(self, name), key=_turn_order)))

    @property
    def speakers(self) -> tuple[str, ...]:
        """Labels in the order of first appearance."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))

    def overlaps(self) -> tuple[Span, ...]:
        """Where at least two different speakers talk at once."""
        found: list[Span] = []
        active: dict[str, int] = {}
        opened: float | None = None
        for time, change, speaker in _events(self.turns):
            active[speaker] = active.get(speaker, 0) + change
            if not active[speaker]:
                del active[speaker]
            if len(active) >= 2 and opened is None:
                opened = time
            elif len(active) < 2 and opened is not None:
                if time > opened:
                    found.append(Span(opened, time))
                opened = None
        return merge_spans(found)

    def exclusive(self) -> Diarization:
        """One speaker at a time: `exclusive_turns`, where the diarizer tells them; otherwise the one who spoke first
        keeps the floor in an overlap until the end."""
        if self.exclusive_turns:
            return replace(self, turns=self.exclusive_turns)
        kept: list[Turn] = []
        floor = -math.inf
        for turn in self.turns:
            if turn.span.end > floor:
                kept.append(replace(turn, span=Span(max(turn.span.start, floor), turn.span.end)))
                floor = turn.span.end
        return replace(self, turns=tuple(kept))

    def rename(self, names: Mapping[str, str]) -> Diarization:
        """The same turns with labels replaced; two labels with one new name become one speaker."""
        turns, exclusive = (
            tuple(replace(turn, speaker=names.get(turn.speaker, turn.speaker)) for turn in some)
            for some in (self.turns, self.exclusive_turns)
        )
        activity = None if self.activity is None else self.activity.rename(names)
        return replace(self, turns=turns, activity=activity, exclusive_turns=exclusive)

    def relabel(self) -> Diarization:
        """Labels SPEAKER_00, SPEAKER_01, … in the order of first appearance."""
        return self.rename({label: speaker_label(i) for i, label in enumerate(self.speakers)})


def _events(turns: Iterable[Turn]) -> list[tuple[float, int, str]]:
    events = [(t.span.start, 1, t.speaker) for t in turns] + [(t.span.end, -1, t.speaker) for t in turns]
    return sorted(events, key=lambda event: (event[0], event[1]))


def speaker_label(index: int) -> str:
    """The label of the speaker with this index: 0 → ``SPEAKER_00``."""
    return f"SPEAKER_{index:02d}"


class ScoredTime(NamedTuple):
    """When a given word is spoken, in seconds from the start of the sound, and how probable it is, 0 to 1."""

    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Recognised text that was kept out of the transcript, and why; an empty text is speech without any words."""

    span: Span
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """Words that a recogniser wrote, and what stands in place of them because the vocabulary says so."""

    span: Span
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """Words of one recording in order, before anybody is named.

    Attributes:
        language: ISO 639-1 code, or None where unknown.
        language_probability: 0 to 1, where the language was detected.
        words: in order of time.
        dropped: what was recognised and left out, and speech for which there are no words.
        warnings: sentences for the user about what may be wrong.
        notes: sentences for the user about what was done and is as it should be.
        no_speech: spans of the audio, each with the recogniser's own probability (0 to 1) that nobody speaks there;
            phrases that recognisers like to invent are not believed where it is high.
        replacements: what was written by the vocabulary in place of what was recognised; in order of time.
    """

    language: str | None
    language_probability: float | None
    words: tuple[Word, ...]
    dropped: tuple[Dropped, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    no_speech: tuple[tuple[Span, float], ...] = ()
    replacements: tuple[Replacement, ...] = ()


@dataclass(frozen=True, slots=True)
class TimedText:
    """A piece of a cue's line and when it is spoken: a word, or a part of one that is wider than a line."""

    span: Span
    text: str


Ranges = tuple[tuple[int, int], ...]
"""Half-open ranges of characters, in order."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: lines on the screen from start to end.

    Attributes:
        span: when it is shown.
        lines: what is shown, without speaker names or dashes (unless `labelled`).
        speaker: who says all of it; None where nobody is known, or where `line_speakers` says it line by line.
        line_speakers: the speaker of every line of a dialogue cue (two people, a dash each); empty otherwise.
        timed: for every line its pieces in order, whose texts joined and stripped are the line; empty where
            only whole lines are known, as in a file that was read.
        italics: for every line the ranges of its characters that are set in italics; empty where there are none.
        labelled: the lines themselves show who speaks, so that nothing has to be put before them (finished subtitles).
        forced: a forced narrative, such as a sign in the picture: shown where subtitles are switched off, too.
    """

    span: Span
    lines: tuple[str, ...]
    speaker: str | None = None
    line_speakers: tuple[str | None, ...] = ()
    timed: tuple[tuple[TimedText, ...], ...] = ()
    italics: tuple[Ranges, ...] = ()
    labelled: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class SpeakerCount:
    """How many speakers there are: exactly `minimum` where both bounds agree; None leaves a side open.

    Raises:
        InvalidOption: a bound is no whole number of 1 or more, or the maximum is below the minimum.
    """

    minimum: int | None = None
    maximum: int | None = None

    def __post_init__(self) -> None:
        for bound in (self.minimum, self.maximum):
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, Integral)):
                raise InvalidOption(
                    _("number of speakers {bound!r}: give a whole number such as 3").format(bound=bound)
                )
            if bound is not None and bound < 1:
                raise InvalidOption(_("number of speakers {bound}: it must be at least 1").format(bound=bound))
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            raise InvalidOption(
                _("speakers {minimum}-{maximum}: the maximum is below the minimum").format(
                    minimum=self.minimum, maximum=self.maximum
                )
            )

    @property
    def exact(self) -> int | None:
        return self.minimum if self.minimum is not None and self.minimum == self.maximum else None

    @classmethod
    def parse(cls, text: str) -> SpeakerCount:
        """``"3"`` → exactly 3, ``"2-5"``, ``"2-"`` and ``"-5"`` → a range.

        Raises:
            InvalidOption: anything else.
        """
        low, dash, high = text.strip().partition("-")
        try:
            minimum = int(low) if low else None
            maximum = (int(high) if high else None) if dash else minimum
        except ValueError:
            minimum = maximum = None
        if minimum is None and maximum is None:
            raise InvalidOption(
                _("speakers {text!r}: give a number such as 3, or a range such as 2-5").format(text=text)
            )
        return cls(minimum, maximum)

    def allows(self, count: int) -> bool:
        return (self.minimum or 0) <= count and (self.maximum is None or count <= self.maximum)

    def describe(self) -> str:
        """The request in words, as a message says it: "1 speaker was asked for", "2 to 5 speakers were asked for"."""
        if self.minimum is None and self.maximum is None:
            return _("any number of speakers was asked for")
        if self.maximum is None:
            return ngettext(
                "at least {number} speaker was asked for",
                "at least {number} speakers were asked for",
                self.minimum or 1,
            ).format(number=self.minimum)
        if self.minimum is None:
            return ngettext(
                "at most {number} speaker was asked for", "at most {number} speakers were asked for", self.maximum
            ).format(number=self.maximum)
        if self.exact is None:
            return _("{minimum} to {maximum} speakers were asked for").format(
                minimum=self.minimum, maximum=self.maximum
            )
        return ngettext("{number} speaker was asked for", "{number} speakers were asked for", self.minimum).format(
            number=self.minimum
        )

    def __str__(self) -> str:
        if self.exact is not None:
            return str(self.exact)
        low = "" if self.minimum is None else str(self.minimum)
        high = "" if self.maximum is None else str(self.maximum)
        return f"{low}-{high}"


ANY_SPEAKERS = SpeakerCount()


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What a user wants to know of a backend before choosing it.

    Attributes:
        summary: one line.
        licence: of the code or the model that does the work.
        extra: the extra of this package that installs it; empty where the core suffices.
        network: whether a model is fetched at first use.
        token: whether that needs an access token.
        download_mb: size of that model in megabytes, 0 for none.
        overlap: whether it reports two speakers at once (diarizers).
        max_speakers: the most speakers it can tell apart; None for no limit of its own (diarizers).
        streaming: whether it can work while the recording goes on.
        homepage: where the system is described.
        repositories: of the Hugging Face hub, from which its own models are fetched.
        requires: importable modules that it needs beside the core.
        languages: ISO 639-1 codes that it is limited to; empty for no limit of its own (recognisers).
        activity: what the numbers of the `SpeakerActivity` are that it gives beside turns; None where it gives none
            (diarizers).
        per_channel: whether it needs the recording's channels apart, one person on each (diarizers); the pipeline then
            finds and recognises the speech of every channel by itself, and takes `Turn.channel` for its person.
        caution: what somebody must know who gets it in place of another one; a clause without a full stop.
        auto_before: of another package's backend: the name of the backend before which ``auto`` tries it, or ``last``;
            None where it runs only when it is named.
    """

    summary: str
    licence: str
    extra: str = ""
    network: bool = False
    token: bool = False
    download_mb: int = 0
    overlap: bool = False
    max_speakers: int | None = None
    streaming: bool = False
    homepage: str = ""
    repositories: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    activity: ActivityKind | None = None
    per_channel: bool = False
    caution: str = ""
    auto_before: str | None = None


@dataclass(frozen=True, slots=True)
class BackendRecord:
    """What did a stage's work, for the provenance of a result.

    Attributes:
        backend: its name.
        model: name or path of the model, where there is one.
        fallback_from: the backend that was preferred and could not run.
        reason: why it could not.
        remedy: the one command that mends it.
        details: further settings and revisions, JSON values only.
    """

    backend: str
    model: str | None = None
    fallback_from: str | None = None
    reason: str | None = None
    remedy: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "model": self.model,
            "fallback_from": self.fallback_from,
            "reason": self.reason,
            "remedy": self.remedy,
            **({"details": dict(self.details)} if self.details else {}),
        }


def total_duration(spans: Sequence[Span]) -> float:
    """Seconds covered by spans that do not overlap."""
    return float(sum(span.duration for span in spans))
