"""Channel-wise recognition: for recordings with a person on each channel, every channel is recognised by itself.

    channel 1    ▇▇▇▇      ▇▇▇▇▇
    channel 2         ▇▇▇▇▇▇   ▇▇▇
    laid out     ▇▇▇▇      ▇▇▇▇▇ ············ ▇▇▇▇▇▇   ▇▇▇

What each person says is laid out, one channel after another, as a recording of one channel. So a recogniser hears one
voice at a time, detects one language, and fills its batches; then its words go back to their times, and each to the
speaker of its channel. Where a channel's person is silent, nothing is recognised there: what that microphone hears of
the others would be written twice.

A file per person becomes such a recording before (`whisperdiar.tracks`), and goes the same way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from whisperdiar.media.levels import find_audible, measure_levels
from whisperdiar.media.store import SampleStore
from whisperdiar.text.messages import _
from whisperdiar.transcript import Transcript
from whisperdiar.types import (
    Audio,
    Dropped,
    Span,
    Transcription,
    Turn,
    Word,
    clip_spans,
    merge_spans,
    speaker_label,
    total_duration,
)

_APART_S = 12.0
"""Between stretches: recognisers take up to 10 s of silence for a pause within one talk."""
_MARGIN_S = 0.15
"""Turns are cut by loudness, which the first and last sounds of words lack."""
_LEAST_UNCLAIMED_S = 0.3
_BLOCK_SAMPLES = 1 << 20
_OVERLAP = 0.5
"""As in `whisperdiar.alignment`: another's turn that covers this part of a word makes it overlapping speech."""
_SAME_WORDS = 3
"""Two people can say a word or two at once; so many in a row, at the same times, are one voice in two microphones."""
_SAME_TIME_S = 0.3
_AUDIBLE_ABOVE_NOISE_DB = 6.0
"""Half of what a turn needs to begin on a channel: what is fainter belongs to nobody."""
_AUDIBLE_MARGIN_S = 2.0
"""Of sound before and behind what is audible, by which detectors tell speech from noise."""
_MOSTLY_AUDIBLE = 0.7


def find_own_speech(audio: Audio, detected: Sequence[Sequence[Span]], turns: Sequence[Turn]) -> list[tuple[Span, ...]]:
    """For every channel the speech of its own person: what is detected on it, inside its turns.

    Speech inside nobody's turns goes to the channel on which it is loudest, of those with turns.

    Args:
        audio: with all channels.
        detected: speech on each channel, as a detector finds it.
        turns: of all channels, each with its number.
    """
    own = [merge_spans(turn.span for turn in turns if turn.channel == c + 1) for c in range(audio.n_channels)]
    # What is detected in a pause of one's own is crosstalk where another one talks just then, whatever its edges.
    wider = [tuple(Span(max(0.0, span.start - _MARGIN_S), span.end + _MARGIN_S) for span in spans) for spans in own]
    found = [_intersection(spans, merge_spans(mine)) for spans, mine in zip(detected, wider, strict=True)]
    anywhere = merge_spans(span for spans in detected for span in spans)
    claimed = merge_spans(span for spans in own for span in spans)
    for rest in _difference(anywhere, claimed):
        if rest.duration >= _LEAST_UNCLAIMED_S:
            found[_find_loudest(audio, rest, [c for c, spans in enumerate(own) if spans])].append(rest)
    return [merge_spans(spans) for spans in found]


@dataclass(frozen=True, slots=True)
class ChannelStretch:
    """A part of one channel (counted from 1), and where it lies in the laid-out recording (seconds)."""

    channel: int
    span: Span
    at: float


@dataclass(frozen=True, slots=True)
class ChannelLayout:
    """The speech of all channels, one after another.

    Attributes:
        audio: of one channel.
        speech: in the times of `audio`.
        stretches: in order.
    """

    audio: Audio
    speech: tuple[Span, ...]
    stretches: tuple[ChannelStretch, ...]

    def place(self, span: Span) -> tuple[int, Span]:
        """The channel (from 1) that a span of the laid-out recording comes from, and when it is there."""
        # Between stretches the nearer one is meant: their ends are rounded to samples.
        index = max(0, bisect_right(self.stretches, span.start + _APART_S / 2, key=lambda item: item.at) - 1)
        item = self.stretches[index]
        moved = span.shift(item.span.start - item.at)
        start = min(max(moved.start, item.span.start), item.span.end)
        return item.channel, Span(start, min(max(moved.end, start), item.span.end))


def detect_audible(audio: Audio, channel: int, detect: Callable[[Audio], Sequence[Span]]) -> tuple[Span, ...]:
    """Speech on a channel, counted from 1; where it is no louder than its noise, for long, nobody listens.

    So a person who says nothing for hours costs hardly any time.

    Args:
        detect: finds speech in a recording of one channel.

    Raises:
        OutputError: the temporary file for a long recording cannot be written.
    """
    layout = _lay_out_audible(audio, channel)
    if layout is None:
        return tuple(detect(audio.channel(channel)))
    found = detect(layout.audio) if layout.stretches else ()
    spoken = merge_spans(found)
    pieces = (
        span.shift(item.span.start - item.at).clip(item.span.start, item.span.end)
        for item in layout.stretches
        for span in _find_overlapping(spoken, Span(item.at, item.at + item.span.duration))
    )
    return merge_spans(piece for piece in pieces if piece is not None)


def _lay_out_audible(audio: Audio, channel: int) -> ChannelLayout | None:
    """What of a channel (counted from 1) is louder than its noise, laid out; None where that is most of it."""
    levels = measure_levels(audio, channel)
    found = [] if levels.is_silent else find_audible(levels, above_noise_db=_AUDIBLE_ABOVE_NOISE_DB)
    audible = [
        part
        for span in merge_spans(Span(max(0.0, s.start - _AUDIBLE_MARGIN_S), s.end + _AUDIBLE_MARGIN_S) for s in found)
        if (part := span.clip(0.0, audio.duration)) is not None
    ]
    if total_duration(merge_spans(audible, gap=_APART_S)) > _MOSTLY_AUDIBLE * audio.duration:
        return None
    return lay_out(audio.channel(channel), [audible])


def lay_out(audio: Audio, speech: Sequence[Sequence[Span]]) -> ChannelLayout:
    """Lay out what is said on each channel; pauses longer than 12 s are shortened to that.

    Raises:
        OutputError: the temporary file for a long recording cannot be written.
    """
    stretches: list[ChannelStretch] = []
    laid: list[Span] = []
    rate, at = audio.sample_rate, 0.0
    with closing(SampleStore(1)) as store:
        for channel, spans in enumerate(speech, start=1):
            spoken = merge_spans(spans)
            for span in merge_spans(spoken, gap=_APART_S):
                first, last = round(span.start * rate), round(span.end * rate)
                stretches.append(ChannelStretch(channel, Span(first / rate, max(first, last) / rate), at))
                laid += [part.shift(at - first / rate) for part in clip_spans(spoken, span.start, span.end)]
                for low in range(first, last, _BLOCK_SAMPLES):
                    store.append(audio.samples[channel - 1 : channel, low : min(last, low + _BLOCK_SAMPLES)])
                store.append(np.zeros((1, round(_APART_S * rate)), np.float32))
                at += (max(first, last) - first + round(_APART_S * rate)) / rate
        samples = store.finish()
    return ChannelLayout(Audio(samples, rate, audio.recording_id), merge_spans(laid), tuple(stretches))


def put_back(
    transcription: Transcription, layout: ChannelLayout, turns: Sequence[Turn], *, n_channels: int
) -> tuple[list[list[Word]], tuple[Dropped, ...]]:
    """The words of each channel at their times, with their speakers, and what was dropped.

    A word's speaker is that of its channel; the confidence is 1 inside the speaker's own turns, and falls to 0.5
    where the word lies outside of them.
    """
    words: list[list[Word]] = [[] for _each in range(n_channels)]
    for word in transcription.words:
        channel, span = layout.place(word.span)
        words[channel - 1].append(replace(word, span=span))
    own = [merge_spans(turn.span for turn in turns if turn.channel == c + 1) for c in range(n_channels)]
    labels = [next((turn.speaker for turn in turns if turn.channel == c + 1), None) for c in range(n_channels)]
    named = [[_assign_speaker(word, c, own, labels) for word in spoken] for c, spoken in enumerate(words)]
    dropped = (replace(item, span=layout.place(item.span)[1]) for item in transcription.dropped)
    return named, tuple(sorted(dropped, key=lambda item: item.span))


def remove_crosstalk(words: Sequence[Sequence[Word]], audio: Audio) -> tuple[list[list[Word]], tuple[Dropped, ...]]:
    """Words without those that another channel has at the same time, three or more in a row, and louder."""
    kept = [list(spoken) for spoken in words]
    dropped: list[Dropped] = []
    for one in range(len(kept)):
        for other in range(one + 1, len(kept)):
            gone: dict[int, set[int]] = {one: set(), other: set()}
            for run, partners in _find_same_words(kept[one], kept[other]):
                span = Span(run[0].start, max(word.end for word in run))
                fainter, lost = (one, run) if _find_loudest(audio, span, [one, other]) == other else (other, partners)
                louder = other if fainter == one else one
                gone[fainter].update(map(id, lost))
                text = "".join(word.text for word in lost).strip()
                reason = _("channel {louder} has the same words at the same time, louder").format(louder=louder + 1)
                dropped.append(Dropped(Span(lost[0].start, max(word.end for word in lost)), text, reason))
            for channel, lost_words in gone.items():
                kept[channel] = [word for word in kept[channel] if id(word) not in lost_words]
    return kept, tuple(sorted(dropped, key=lambda item: item.span))


def name_channels(transcript: Transcript, names: Sequence[str]) -> Transcript:
    """The same transcript with the names of the people on the channels, in the order of these."""
    known = {speaker_label(number): name for number, name in enumerate(names)}
    return transcript.rename({item.id: known[item.id] for item in transcript.speakers if item.id in known})


def _find_same_words(one: Sequence[Word], other: Sequence[Word]) -> list[tuple[list[Word], list[Word]]]:
    """Runs of words that two channels have in common, of each channel its own."""
    starts = [word.start for word in other]
    runs: list[tuple[list[Word], list[Word]]] = []
    run: list[tuple[int, int]] = []
    for i in range(len(one) + 1):
        after = run[-1][1] + 1 if run else 0
        partner = None if i == len(one) else _find_partner(one[i], other, starts, after)
        if partner is not None and (not run or partner == after):
            run.append((i, partner))
            continue
        if len(run) >= _SAME_WORDS:
            runs.append(([one[a] for a, _ in run], [other[b] for _, b in run]))
        run = [] if partner is None else [(i, partner)]
    return runs


def _find_partner(word: Word, other: Sequence[Word], starts: Sequence[float], after: int) -> int | None:
    """The first word from number `after` on with the same letters at the same time."""
    first = max(after, bisect_left(starts, word.start - _SAME_TIME_S))
    for j in range(first, bisect_right(starts, word.start + _SAME_TIME_S)):
        if _letters(other[j].text) == _letters(word.text) != "":
            return j
    return None


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _assign_speaker(word: Word, channel: int, own: Sequence[Sequence[Span]], labels: Sequence[str | None]) -> Word:
    label = labels[channel]
    if label is None:
        return word
    rivals = [
        c for c in range(len(own)) if labels[c] not in (None, label) and _measure_cover(word.span, own[c]) >= _OVERLAP
    ]
    return replace(
        word,
        speaker=label,
        speaker_confidence=0.5 + 0.5 * _measure_cover(word.span, own[channel]),
        second_speaker=labels[rivals[0]] if rivals else None,
        overlap=bool(rivals),
    )


def _measure_cover(span: Span, others: Sequence[Span]) -> float:
    """The part of a span, 0 to 1, that sorted spans cover; of a point whether it lies in one."""
    index = bisect_right(others, span.start, key=lambda item: item.end)
    if not span.duration:
        return float(index < len(others) and others[index].start <= span.start)
    covered = 0.0
    while index < len(others) and others[index].start < span.end:
        part = others[index].clip(span.start, span.end)
        covered += part.duration if part else 0.0
        index += 1
    return min(1.0, covered / span.duration)


def _find_loudest(audio: Audio, span: Span, channels: Sequence[int]) -> int:
    """Which of the channels (from 0) has the most power in a span."""
    part = audio.crop(span).samples
    return max(channels, key=lambda c: float(np.square(part[c], dtype=np.float64).sum()))


def _intersection(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in both of two sorted sequences, each without overlaps."""
    return [part for span in spans for part in clip_spans(others, span.start, span.end)]


def _find_overlapping(spans: Sequence[Span], whole: Span) -> Sequence[Span]:
    """Those of sorted spans, apart, that share time with another one, as they are."""
    first = bisect_right(spans, whole.start, key=lambda item: item.end)
    return spans[first : bisect_left(spans, whole.end, lo=first, key=lambda item: item.start)]


def _difference(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in the first of two sorted sequences and not in the second."""
    found = []
    for span in spans:
        low = span.start
        for other in _intersection([span], others):
            found += [Span(low, other.start)] if other.start > low else []
            low = other.end
        found += [Span(low, span.end)] if span.end > low else []
    return found
