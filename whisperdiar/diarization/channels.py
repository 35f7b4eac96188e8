"""One speaker per channel, as telephone and studio recordings have it.

Nothing is learnt about voices: a channel's speaker talks where the channel is well above its own noise and not much
fainter than every other channel. The second rule keeps out crosstalk, a voice that a neighbour's microphone hears.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from whisperdiar.contracts import BaseBackend, Progress, no_progress
from whisperdiar.diarization._shared.activity import compact, labels_of_columns
from whisperdiar.diarization._shared.features import FrameGrid, log_energy
from whisperdiar.errors import UnsupportedRequest
from whisperdiar.options import ChannelsSettings
from whisperdiar.text.counts import count_channels, count_different_sounds
from whisperdiar.text.messages import _
from whisperdiar.types import (
    ANY_SPEAKERS,
    Audio,
    BackendInfo,
    Diarization,
    Span,
    SpeakerActivity,
    SpeakerCount,
    Turn,
    clip_spans,
    merge_spans,
    speaker_label,
)

_GRID = FrameGrid(hop=0.02, window=0.08)  # a window that a voiced sound fills, so that the level is steady
_BLOCK_SAMPLES = 1 << 20
_DECIBELS = 10.0 / np.log(10.0)  # per natural logarithm of a power
_LOUD = 0.5  # seconds for which the loudest level must be reached, so that a click is none
_QUIET_SHARE = 0.1  # of the frames, the quietest, show the noise
# The noise lies at least so far below a speaker's loudest level, where somebody talks without a pause, and at most
# so far, where the recording is muted between the turns.
_NOISE_BELOW_LOUD = (24.0, 50.0)
_BEGINNING = 0.1  # seconds of a turn that are loud enough to begin it: one odd frame starts none
# Decibels of full scale that a channel's loudest level must reach: in a recording that is very quiet as a whole, as
# recorders of 24 bits may make it, so far below the loudest channel, down to the rounding of 16 bits.
_FAINTEST, _FAINTEST_BELOW_LOUDEST, _ROUNDING = -70.0, 25.0, -95.0
# Where both of two channels are heard, their levels differ by much one way while one speaker is alone, and by as
# much the other way for the other. Only where two such groups show, so far apart (decibels), so much farther than
# each is wide, and so often (seconds), do they tell how the microphones' gains differ: a single group may be one
# voice in both channels.
_APART = 8.0
_WIDTHS_APART = 4.0
_OFTEN = 0.5
# Squared correlation from which two channels are the same sound at some gain: codecs and stereo panorama leave more
# than that (0.96 to 1), two microphones that hear each other's speaker 6 dB fainter less (0.64).
_COPY = 0.9

Levels = NDArray[np.float64]


class Backend(BaseBackend[ChannelsSettings]):
    """Names whoever talks by the channel."""

    name: ClassVar[str] = "channels"
    info: ClassVar[BackendInfo] = BackendInfo(
        summary="one speaker per channel, crosstalk left out",
        licence="MIT",
        overlap=True,
        activity="level",
        per_channel=True,
    )
    settings_type: ClassVar[type] = ChannelsSettings

    def diarize(
        self,
        audio: Audio,
        *,
        speech: Sequence[Span],
        speakers: SpeakerCount = ANY_SPEAKERS,
        progress: Progress = no_progress,
    ) -> Diarization:
        """Turns inside `speech`, SPEAKER_00 on channel 1 and so on; two may talk at once.

        The activity is the level of each channel every 0.02 s, relative to the loudest that it is, because microphones
        differ in gain; copies of a channel are left out.

        Raises:
            UnsupportedRequest: the audio has one channel, or `speakers` and the channels cannot agree.
        """
        if audio.n_channels < 2:
            raise UnsupportedRequest(
                _("the recording has 1 channel: channels needs a channel per speaker; use --diarizer bic")
            )
        progress("diarization", 0.0)
        own = _find_distinct_channels(audio)
        if speakers.minimum is not None and speakers.minimum > len(own):
            raise UnsupportedRequest(
                _(
                    "{request}, and the recording has {channels} with a sound of its own: "
                    "use --diarizer bic, or another number"
                ).format(request=speakers.describe(), channels=count_channels(len(own)))
            )
        levels = np.stack([_decibels(audio, channel) for channel in own])
        loud = _peak_level(levels)
        progress("diarization", 0.7)
        regions = merge_spans(span for span in (s.clip(0.0, audio.duration) for s in speech) if span is not None)
        turns = [
            Turn(span, speaker_label(channel), channel + 1)
            for channel, (begins, active) in zip(own, self._detect_activity(levels, loud), strict=True)
            for span in self._spans(begins, active, regions)
        ]
        notes = []
        if len(own) < audio.n_channels:
            notes.append(
                _("{channels} carry {sounds}; --diarizer bic tells voices apart").format(
                    channels=count_channels(audio.n_channels),
                    sounds=count_different_sounds(len(own)),
                )
            )
        found = len({turn.speaker for turn in turns})
        if speakers.maximum is not None and found > speakers.maximum:
            raise UnsupportedRequest(
                _("{request}, and somebody speaks on {found} channels: use --diarizer bic, or another number").format(
                    request=speakers.describe(), found=found
                )
            )
        if not speakers.allows(found):
            notes.append(
                _("{request}, but somebody speaks on {channels} only").format(
                    request=speakers.describe(), channels=count_channels(found)
                )
            )
        labels = labels_of_columns(map(speaker_label, own), turns)
        activity = SpeakerActivity(compact((levels - loud[:, None]).T), labels, _GRID.hop, kind="level")
        progress("diarization", 1.0)
        return Diarization(audio.recording_id, tuple(turns), tuple(notes), activity=activity)

    def _detect_activity(self, levels: Levels, loud: Levels) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Where each channel's own speaker is loud enough to begin, and where that speaker talks.

        Args:
            levels: decibels, float64 (n_channels, n_frames).
            loud: the loudest of each channel, float64 (n_channels,).
        """
        n_channels, n_frames = levels.shape
        if n_frames == 0:
            return [(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))] * n_channels
        quiet = np.quantile(levels, _QUIET_SHARE, axis=1)
        nearest, farthest = _NOISE_BELOW_LOUD
        onset = np.clip(quiet, loud - farthest, loud - nearest) + self.settings.above_noise
        faintest = min(_FAINTEST, max(_ROUNDING, float(loud.max()) - _FAINTEST_BELOW_LOUDEST))
        spoken = (loud >= faintest) & (loud - quiet >= self.settings.above_noise)
        margins = levels - onset[:, None]
        begins, goes_on = margins >= 0.0, margins >= -self.settings.hysteresis
        # The power of all other channels, each as faint as crosstalk from it may be.
        rivals, weak_rivals = np.zeros(levels.shape), np.zeros(levels.shape)
        relative = levels - loud[:, None]
        for one, other in combinations(range(n_channels), 2):
            # A third person's voice tells nothing of how loud these two are.
            theirs = np.maximum(relative[one], relative[other]) >= relative.max(axis=0)
            gain, apart = _gain(levels[one], levels[other], begins[one] & theirs, begins[other] & theirs)
            limit = min(self.settings.crosstalk, apart / 4)
            lower = limit + min(self.settings.hysteresis, apart / 8)
            for channel, rival, louder in ((one, other, gain), (other, one, -gain)):
                rivals[channel] += _power(levels[rival] + louder - limit)
                weak_rivals[channel] += _power(levels[rival] + louder - lower)
        begins &= (_power(levels) >= rivals) & spoken[:, None]
        goes_on &= _power(levels) >= weak_rivals
        return [(begins[c], _apply_hysteresis(begins[c], goes_on[c])) for c in range(n_channels)]

    def _spans(self, begins: NDArray[np.bool_], active: NDArray[np.bool_], regions: Sequence[Span]) -> list[Span]:
        """The turns of one channel, cut to the `regions` of speech."""
        hop, padding = _GRID.hop, self.settings.padding
        enough = []
        for turn in merge_spans((Span(a * hop, b * hop) for a, b in _runs(active)), gap=self.settings.min_pause):
            beginning = hop * begins[round(turn.start / hop) : round(turn.end / hop)].sum()
            if turn.duration >= self.settings.min_turn and beginning >= _BEGINNING:
                enough.append(turn)
        padded = merge_spans(Span(max(0.0, turn.start - padding), turn.end + padding) for turn in enough)
        return [piece for region in regions for piece in clip_spans(padded, region.start, region.end)]


def _decibels(audio: Audio, channel: int) -> Levels:
    """Level of one channel, float64 (n_frames,), in decibels of full scale."""
    alone = Audio(audio.samples[channel : channel + 1], audio.sample_rate, audio.recording_id)
    levels: Levels = _DECIBELS * log_energy(alone, grid=_GRID).astype(np.float64)
    return levels


def _find_distinct_channels(audio: Audio) -> list[int]:
    """Numbers from 0 of the channels that are no copy, at any gain, of one before."""
    products = np.zeros((audio.n_channels, audio.n_channels))
    for first in range(0, audio.samples.shape[1], _BLOCK_SAMPLES):
        part = audio.samples[:, first : first + _BLOCK_SAMPLES]
        sounding = [channel for channel in range(audio.n_channels) if part[channel].any()]
        block = part[sounding].astype(np.float64)
        products[np.ix_(sounding, sounding)] += block @ block.T
    power = np.diagonal(products)
    distinct: list[int] = []
    for channel in range(audio.n_channels):
        if not any(0.0 < _COPY * power[channel] * power[other] <= products[channel, other] ** 2 for other in distinct):
            distinct.append(channel)
    return distinct


def _peak_level(levels: Levels) -> Levels:
    """The level that each channel reaches for half a second in all: (n_channels, n_frames) → (n_channels,)."""
    n_frames = levels.shape[1]
    if n_frames == 0:
        return np.zeros(len(levels))
    frames = min(n_frames, round(_LOUD / _GRID.hop))
    loud: Levels = np.partition(levels, n_frames - frames, axis=1)[:, n_frames - frames]
    return loud


def _power(level: Levels) -> Levels:
    return np.asarray(np.exp(level / _DECIBELS))


def _gain(one: Levels, other: Levels, hears: NDArray[np.bool_], other_hears: NDArray[np.bool_]) -> tuple[float, float]:
    """How much louder one microphone is than another, and how far their speakers are apart, in decibels.

    Args:
        one: level of one channel, (n_frames,).
        other: of the other.
        hears: where one is above its noise.
        other_hears: where the other is.

    Returns:
        Where both hear everybody: the middle between the two groups that their differences form, and the distance
        of these. Where each hears somebody whom the other does not hear at all: the difference of the levels at
        which they do, and infinity. 0 and infinity where neither can be told.
    """
    differences = (one - other)[hears & other_hears]
    middle, apart = _two_groups(differences)
    if apart < np.inf:
        return middle, apart
    alone, other_alone = one[hears & ~other_hears], other[other_hears & ~hears]
    if min(len(alone), len(other_alone)) * _GRID.hop < _OFTEN:
        return 0.0, np.inf
    return float(np.median(alone) - np.median(other_alone)), np.inf


def _two_groups(differences: Levels) -> tuple[float, float]:
    """Middle and distance of two groups, by the means that explain the values best; 0 and infinity for one group."""
    if len(differences) == 0:
        return 0.0, np.inf
    low, high = (float(end) for end in np.quantile(differences, (0.02, 0.98)))
    for _each in range(20):
        upper = differences > (low + high) / 2
        if min(upper.sum(), (~upper).sum()) * _GRID.hop < _OFTEN:
            return 0.0, np.inf
        low, high = float(differences[~upper].mean()), float(differences[upper].mean())
    width = float(np.where(upper, differences - high, differences - low).std())
    if high - low < max(_APART, _WIDTHS_APART * width):
        return 0.0, np.inf
    return (low + high) / 2, high - low


def _runs(member: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last place (exclusive) of each run of True."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], member, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in changes.reshape(-1, 2)]


def _apply_hysteresis(begins: NDArray[np.bool_], goes_on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The runs of `goes_on` in which at least one frame `begins`."""
    kept = np.zeros(len(begins), dtype=bool)
    for first, last in _runs(goes_on):
        kept[first:last] = begins[first:last].any()
    return kept
