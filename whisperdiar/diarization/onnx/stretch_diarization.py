"""Stretch diarization: stretches of speech → clusters, turns, and the segmentation's overlap.

The text tells where one speaker's speech begins and ends better than sliding windows do, and how many there are is
found with it. Every second of speech goes through the embedding network once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import current_parts, remember_array
from whisperdiar.diarization._shared.onnx_embedding import (
    HOP_SAMPLES,
    WINDOW_SAMPLES,
    FrameEncoder,
    filterbank,
    subtract_mean,
)
from whisperdiar.diarization._shared.windows import (
    Counts,
    Scores,
    WindowGrid,
    activations,
    count_speakers,
    find_active_spans,
    mean_activations,
    read_mono,
)
from whisperdiar.diarization.onnx import agreement, stretch_clustering, stretch_cutting
from whisperdiar.diarization.onnx.stretch_clustering import Stretches
from whisperdiar.frameworks.onnxruntime import map_on_threads
from whisperdiar.options import SAMPLE_RATE_HZ
from whisperdiar.types import ActivityValues, Audio, Span, SpeakerCount, Word

Array = NDArray[np.float32]
Active = NDArray[np.bool_]
Labels = NDArray[np.int64]

_LEAST_SOUND_S = 0.5
"""That is embedded, from the start of a stretch: with less a network hardly knows a voice."""
_LEAST_CLEAR_S = 1.5
"""With so much of a stretch in which nobody else talks, the rest is left out of its voice; of less, pieces put together
are farther from their own voice than the whole."""
_LONG_S, _SHORT_S, _SHARE = 0.8, 0.4, 0.05
"""Stretches of so much make the clusters; of little speech also shorter ones, those of a twentieth of it."""
_PER_SPEAKER, _FINE_S, _FINEST_S = 4, 2.0, 0.25
"""Stretches for each speaker that is asked for, where they can be of two seconds; one in any case where it can be."""
_LEAST_BESIDE_TEXT_S = 0.25
"""Of speech without words: with less nothing is known of its voice, and the windows tell whose it is."""
_OWN = 100.0
"""What a stretch adds to the activity of its speaker: he comes before everybody whom the windows hear beside him."""
_LEAST_BESIDE_S = 0.25
"""That somebody talks who is only heard beside others: with less he is nobody, a slip of a few windows."""
_LINGER_S = 5.0
_TEMPERATURE = 0.1
"""Of the softmax over speakers of the cosine distances between a stretch's voice and theirs."""
_VOICE = 0.5
"""What the voice counts in a posterior; the rest is what the windows hear.

Both were chosen on the eight recordings of a corpus in which CAM++ finds several speakers: per frame, the cross entropy
against the reference is 0.43 by the windows alone, 0.38 with these, and at most 0.42 for temperatures from 0.05 to 0.15
and shares from 0.3 to 0.7, which need no fit to a recording.
"""
_WHOLE_S = 3.0
"""A stretch of so many seconds counts fully in its speaker's voice, more no more: nobody is known by one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Who says the stretches.

    Attributes:
        labels: int64 (n,), the speaker of each stretch, from 0.
        nearness: float32 (n, n_speakers), how near its voice is to each speaker's, of all of them: rows add up to 1.
    """

    labels: Labels
    nearness: Array


def cut_text(
    words: Sequence[Word], active: Active, grid: WindowGrid, duration: float, *, at_least: int = 1
) -> list[Span]:
    """Stretches of words inside a recording of that duration (seconds), sorted by start; none where nobody is heard.

    `at_least` is how many speakers there are to be: where pauses and sentences make too few stretches for them, these
    are cut finer.
    """
    ordered = sorted(words, key=lambda word: word.span)
    spans = [Span(min(word.start, duration), min(word.end, duration)) for word in ordered]
    count = count_speakers(active, grid)
    return _cut(
        spans, stretch_cutting.find_sentence_ends(ordered), active, count, grid, stretch_cutting.WORDS, at_least
    )


def cut_speech_regions(count: Counts, active: Active, grid: WindowGrid, *, at_least: int = 1) -> list[Span]:
    """Stretches of speech without a text, sorted by start; `count` is how many speak in each frame, int64."""
    spans = stretch_cutting.cut_speech(find_active_spans(count > 0, grid))
    return _cut(spans, [False] * len(spans), active, count, grid, stretch_cutting.PIECES, at_least)


def cut_beside_text(spans: Sequence[Span], count: Counts, active: Active, grid: WindowGrid) -> list[Span]:
    """Stretches of the speech that no stretch of text covers, sorted by start.

    A recogniser leaves out what it does not understand, and words end before their sound does.

    Args:
        spans: the stretches of text, sorted by start.
        count: int64 (total_frames,), how many speak in each frame.
    """
    rest = count.copy()
    for own in select_frames(spans, grid):
        rest[own] = 0
    pieces = stretch_cutting.cut_speech(find_active_spans(rest > 0, grid))
    # No stretch reaches over a word.
    before = np.searchsorted([span.start for span in spans], [piece.start for piece in pieces], side="right")
    ends = [*(np.diff(before) > 0).tolist(), True][: len(pieces)]
    found = _cut(pieces, ends, active, rest, grid, stretch_cutting.PIECES, 1)
    long = _speech_seconds(found, rest, grid) >= _LEAST_BESIDE_TEXT_S
    return [span for span, kept in zip(found, long.tolist(), strict=True) if kept]


def _cut(
    spans: Sequence[Span],
    ends: Sequence[bool],
    active: Active,
    count: Counts,
    grid: WindowGrid,
    rule: stretch_cutting.CutRule,
    at_least: int,
) -> list[Span]:
    changes = agreement.change_scores(active, grid, spans)
    heard = _speech_seconds(spans, count, grid)
    # A speaker of stretches in which no frame counts anybody would have no turn, and take an asked one's place.
    parts = [part for part in stretch_cutting.cut(spans, ends, changes, rule) if heard[part.start : part.stop].any()]
    if at_least > 1:
        for wanted, shortest in ((_PER_SPEAKER * at_least, _FINE_S), (at_least, _FINEST_S)):
            parts = stretch_cutting.cut_finer(spans, parts, changes, heard, at_least=wanted, shortest=shortest)
    return stretch_cutting.spans_of(spans, parts)


def _speech_seconds(spans: Sequence[Span], count: Counts, grid: WindowGrid) -> NDArray[np.float64]:
    """Seconds of each span in which somebody is counted: float64 (n,)."""
    middle = grid.middle(np.arange(len(count)))
    so_far = np.concatenate([[0], np.cumsum(count > 0)])
    edges = np.array([(span.start, span.end) for span in spans]).reshape(-1, 2)
    first, last = np.searchsorted(middle, edges).T
    return np.asarray((so_far[last] - so_far[first]) * grid.frame_step)


def speakers_of(
    audio: Audio,
    spans: Sequence[Span],
    active: Active,
    count: Counts,
    grid: WindowGrid,
    encoder: FrameEncoder,
    *,
    founding: NDArray[np.bool_],
    threshold: float,
    speakers: SpeakerCount,
    report: Callable[[float], None],
) -> Attribution:
    """The speaker of each stretch, from 0, and how near he is by voice.

    Args:
        spans: at least one, sorted by start.
        founding: bool (n,), the stretches of which speakers are made; the others go to the nearest of these speakers.
        active: bool (n_windows, n_frames, n_speakers), who of the local speakers talks when.
        count: int64 (total_frames,), how many speak in each frame.
        threshold: cosine distance up to which voices are one speaker, before it is fitted to the recording.
        report: hears the fraction that is done.
    """
    frames = select_frames(spans, grid)
    alone = agreement.undisturbed(active, grid, spans, frames)
    voices = embed(audio, spans, alone, grid, encoder, report)
    # Of a stretch over noise, in which hardly anybody is heard, no voice is known, however long its words are.
    durations = _speech_seconds(spans, count, grid)
    same, shared = agreement.measure_agreement(active, grid, spans)
    clear = [(own & (count[part] > 0)).sum() * grid.frame_step for own, part in zip(alone, frames, strict=True)]
    known = Stretches(voices, durations, np.array(clear, dtype=np.float64), same, shared)
    heard = voices.any(axis=1)
    long = min(_LONG_S, max(_SHORT_S, _SHARE * float(durations[founding].sum())))
    chosen = np.flatnonzero((durations >= long) & heard & founding)
    wanted = speakers.minimum or 1
    if len(chosen) < max(1, wanted):
        # As many of the longest as there are to be speakers.
        longest = np.argsort(-(durations + 1e3 * heard + 1e6 * founding), kind="stable")[:wanted]
        chosen = np.union1d(chosen, longest)
    train = known.of(chosen)
    fitted = stretch_clustering.calibrate(train, threshold)
    labels = stretch_clustering.cluster(train, threshold=fitted, speakers=speakers)
    found = stretch_clustering.assign_nearest(known, chosen, labels)
    return Attribution(found, nearness(voices, found, durations))


def nearness(voices: Array, labels: Labels, durations: NDArray[np.float64]) -> Array:
    """Softmax over speakers of the cosine distances to their voices: float32 (n, n_speakers).

    A speaker's voice is the mean of those of his stretches, by their seconds. All speakers are equally near to a
    stretch without a voice.

    Args:
        voices: float32 (n, dimension), of length 1, zeros where there is no voice.
        labels: int64 (n,), the speaker of each stretch.
        durations: float64 (n,), seconds.
    """
    centroids = np.zeros((int(labels.max()) + 1, voices.shape[1]))
    np.add.at(centroids, labels, voices * np.minimum(durations, _WHOLE_S)[:, None])
    centroids /= np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-9)
    likeness = np.exp((voices @ centroids.T - 1.0) / _TEMPERATURE)
    return np.asarray(likeness / likeness.sum(axis=1, keepdims=True), np.float32)


def count_hearing_windows(spans: Sequence[Span], labels: Labels, active: Active, grid: WindowGrid) -> Scores:
    """In how many windows each speaker is heard: float32 (total_frames, n_speakers).

    Somebody whom the windows hear is who has a stretch of his own in the same windows.
    """
    clusters = agreement.cluster_local_speakers(active, grid, spans, labels)
    found = activations(active, clusters, grid)
    return np.pad(found, ((0, 0), (0, max(0, int(labels.max()) + 1 - found.shape[1]))))


def select_frames(spans: Sequence[Span], grid: WindowGrid) -> list[slice]:
    """The frames whose middle lies in each span."""
    middle = grid.middle(np.arange(grid.total_frames))
    return [slice(*np.searchsorted(middle, (span.start, span.end)).tolist()) for span in spans]


def rank_speakers(heard: Scores, frames: Sequence[slice], labels: Labels, grid: WindowGrid) -> Scores:
    """How much speaks for each speaker: float32 (total_frames, n_speakers), the most for the one whose stretch it is.

    Then come those whom the windows hear beside him; where they cannot tell, whoever talked last or talks next.

    Args:
        heard: as `count_hearing_windows` gives it; it is changed, because hours of it are large.
        frames: of each stretch.
    """
    for own, label in zip(frames, labels.tolist(), strict=True):
        heard[own, label] += _OWN
    for column in heard.T:
        column += 1e-3 * np.exp(-_distance_in_frames(column > 0) * np.float32(grid.frame_step / _LINGER_S))
    return heard


def remove_slips(who: Active, n_own: int, grid: WindowGrid) -> Active:
    """Who talks, without those who have no stretch of their own and are hardly heard beside others.

    Args:
        who: bool (total_frames, n), the first `n_own` of whom have stretches; it is changed.
    """
    who[:, n_own:] &= who[:, n_own:].sum(axis=0) * grid.frame_step >= _LEAST_BESIDE_S
    return who


def posteriors(heard: Scores, frames: Sequence[slice], nearness: Array, grid: WindowGrid) -> ActivityValues:
    """How probably each speaker talks: (n_frames, n_speakers) in [0, 1], out to the end of the recording.

    In a stretch the mean of two witnesses: the part of the windows that hears a speaker, and the nearness of the voice,
    times how much speech there is. Elsewhere the windows alone.

    Args:
        heard: as `count_hearing_windows` gives it.
        frames: of each stretch; sorted by start.
        nearness: float32 (n, n_speakers), of the stretches' voices to the speakers'.
    """
    values = mean_activations(heard, grid)
    for own, inside in _intervals(frames, len(values)):
        block = values[own].astype(np.float32)
        speech = np.minimum(block.sum(axis=1, keepdims=True), 1.0)
        values[own] = (1.0 - _VOICE) * block + _VOICE * speech * nearness[inside].mean(axis=0)
    return values


def _intervals(frames: Sequence[slice], n_frames: int) -> Iterator[tuple[slice, list[int]]]:
    """Frames that lie in the same stretches, and the numbers of these."""
    edges = sorted({min(edge, n_frames) for part in frames for edge in (part.start, part.stop)})
    inside: list[int] = []
    begun = 0
    for low, high in pairwise(edges):
        while begun < len(frames) and frames[begun].start <= low:
            inside.append(begun)
            begun += 1
        inside = [number for number in inside if frames[number].stop > low]
        if inside:
            yield slice(low, high), inside


def _distance_in_frames(present: NDArray[np.bool_]) -> Array:
    """How many frames off the nearest present one lies: float32 (n,); infinite where there is none."""
    places = np.arange(len(present), dtype=np.float32)
    before = np.maximum.accumulate(np.where(present, places, -np.inf))
    after = np.minimum.accumulate(np.where(present, places, np.inf)[::-1])[::-1]
    return np.minimum(places - before, after - places).astype(np.float32)


def embed(
    audio: Audio,
    spans: Sequence[Span],
    alone: Sequence[Active],
    grid: WindowGrid,
    encoder: FrameEncoder,
    report: Callable[[float], None],
) -> Array:
    """float32 (n, dimension), of length 1; zeros where there is no voice to be heard.

    What others say in a stretch is left out of its voice, unless too little would be left.

    Args:
        alone: of each span, the frames in which nobody else talks.
    """
    firsts = [own.start for own in select_frames(spans, grid)]
    parts = current_parts()

    def run(number: int) -> Array:
        own = hashlib.blake2b(np.packbits(alone[number]).tobytes(), digest_size=16).hexdigest()
        key = f"voice {spans[number].start!r} {spans[number].end!r} {own} {encoder.name}"
        return remember_array(parts, key, lambda: listen(number))

    def listen(number: int) -> Array:
        span = spans[number]
        first = round(span.start * SAMPLE_RATE_HZ)
        last = max(round(span.end * SAMPLE_RATE_HZ), first + round(_LEAST_SOUND_S * SAMPLE_RATE_HZ))
        fbank = filterbank(read_mono(audio, first, last), encoder.n_mels)
        times = (first + WINDOW_SAMPLES / 2 + HOP_SAMPLES * np.arange(len(fbank))) / SAMPLE_RATE_HZ
        kept = _at_times(alone[number], firsts[number], times, grid)
        # Frames are taken out before the network, which looks around over the whole of what it is given.
        if kept.sum() * HOP_SAMPLES >= _LEAST_CLEAR_S * SAMPLE_RATE_HZ:
            fbank = fbank[kept]
        frames = encoder.frames(subtract_mean(fbank)[None])[0]
        found: Array = encoder.embed(frames, np.ones((1, frames.shape[1]), np.float32))[0]
        return found

    found = np.zeros((len(spans), encoder.dimension), np.float32)
    for number, voice in enumerate(map_on_threads(run, range(len(spans)), threads=encoder.parallel)):
        length = float(np.linalg.norm(voice))
        if np.isfinite(length) and length > 0.0:
            found[number] = voice / np.float32(length)
        report((number + 1) / len(spans))
    return found


def _at_times(mask: Active, first: int, times: NDArray[np.float64], grid: WindowGrid) -> Active:
    """What a mask, which begins with frame `first`, says of each time (s): bool (n,), False outside."""
    places = np.rint((times - grid.frame_duration / 2) / grid.frame_step).astype(np.int64) - first
    inside = (places >= 0) & (places < len(mask))
    found = np.zeros(len(times), dtype=bool)
    found[inside] = mask[places[inside]]
    return found
