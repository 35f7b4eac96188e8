"""Mixing: how the channels of a track become one, and at which gain its samples are read.

One channel is the mean of all, and a sample is as large as the file says, unless that cannot be right: channels in
opposite phase cancel, a steady sound (time code, a tone, noise) covers the voice on another channel, samples in
floating point lie far above full scale, very quiet sound drowns in what recognisers take for silence. What a file
needs is measured while it is decoded (`SoundMeter`), in bounded memory; where that is something else than what was
done (`Mix`), the file is decoded once more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whisperdiar.errors import MediaError
from whisperdiar.text.counts import count_channels
from whisperdiar.text.messages import _, ngettext
from whisperdiar.types import Audio, Samples, mix_channels

_BLOCK_S = 0.1
_BLOCK_SAMPLES = 1 << 18
_LEAST_BLOCKS = 20  # 2 s: less sound tells nothing
_SILENT = 1e-12  # power: -120 dB of full scale

# The power of the mean is compared with what unrelated channels would leave: the sum of their powers, divided by the
# square of their number. Equal channels lie 3 dB above, opposite ones at 95 % of the level 29 dB below.
_CANCELS = 10 ** (-12 / 10)
_CANCELLING_SHARE = 0.1  # of the loud blocks: a film has its out-of-phase effects, which nobody misses
_LOUD_DB = 30.0  # below the 95th percentile
_OPPOSITE = -0.5  # correlation
_SAME_PHASE_LOST = 10 ** (-5 / 10)

# A voice swells and falls by far more than these 6 dB within tenths of a second; time code, hum and noise do not.
_STEADY_DB = 6.0
_LIVELY_DB = 12.0
_STEADY_WITHIN_DB = 20.0  # of a channel's loudest: a time code may stop for a while
_DISTURBS_DB = -20.0  # a steady sound that is so far below the voice does no harm in the mean
_UNRELATED = 0.1  # correlation
_FAINTEST_DB = -60.0

_DIFFERENT = 0.03  # correlation
_DIFFERENT_BLOCKS = 100

# Lossy codecs overshoot full scale by a little, which is cut off; more than one sample in 100,000 at twice full scale
# is no overshoot.
_RARE = 1e-5
_RARE_SAMPLES = 16
_MOST_DOUBLINGS = 128  # the exponents of float32

_QUIET_DB = -50.0
_RAISED_DB = -30.0
_ROUNDING_DB = -90.0  # nothing but the rounding of 16 bits lies there

Levels = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mix:
    """What is done to samples.

    Attributes:
        gain: factor for every sample.
        weights: of each channel in the mono mix: 1, -1 (its phase is turned round) or 0 (it is left out); the sum is
            divided by how many are not 0. Empty for the mean of all.
    """

    gain: float = 1.0
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the sound of a file needs.

    Attributes:
        mix: with which it is to be decoded.
        warnings: sentences for the user about what was mended.
        notes: sentences for the user about what is as it should be.
    """

    mix: Mix
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Mixer:
    """Takes decoded blocks, measures them, and gives back what is kept.

    Args:
        sample_rate: in Hz.
        name: of the file, for errors.
        mix: gain and weights.
        mono: whether one channel is kept.
        channel: which, counted from 1; None for the mix.
    """

    def __init__(self, sample_rate: int, *, name: str, mix: Mix, mono: bool, channel: int | None = None) -> None:
        self.sample_rate = sample_rate
        self._name = name
        self._mix = mix
        self._mono = mono
        self._channel = channel
        self.meter = SoundMeter(sample_rate)

    def n_kept(self, n_channels: int) -> int:
        """How many channels are kept of a recording that begins with `n_channels`.

        Raises:
            MediaError: it has not as many as the one that was asked for.
        """
        if self._channel is not None and self._channel > n_channels:
            held = count_channels(n_channels)
            raise MediaError(
                _("{name}: has no channel {channel}; its track has {held}").format(
                    name=self._name, channel=self._channel, held=held
                )
            )
        return 1 if self._mono else n_channels

    def take(self, block: Samples) -> Samples:
        """Any float32 (n, n_samples) → float32 (1 or n, n_samples) in [-1, 1]."""
        if self._mix.gain != 1.0:
            block = block * np.float32(self._mix.gain)
        self.meter.count(block)
        block = np.clip(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
        if self._channel is not None:
            block = block[self._channel - 1 : self._channel] if block.shape[0] > 1 else block
            if not block.shape[0]:  # streams may change half-way
                block = np.zeros((1, block.shape[1]), dtype=np.float32)
        self.meter.add(block)
        if not self._mono or block.shape[0] == 1:
            return block
        weights = self._mix.weights if len(self._mix.weights) == block.shape[0] else ()
        return mix_channels(block, weights)[None]

    def findings(self) -> Findings:
        """What is to be done, in place of what was done where that differs; `Findings.mix` is stable then."""
        return self.meter.findings(self._mix, mono=self._mono)


def weight_channels(audio: Audio) -> Audio:
    """The same sound with the weights that its mono mix needs, and a warning where that is not the mean of all."""
    if audio.n_channels == 1 or audio.weights:
        return audio
    meter = SoundMeter(audio.sample_rate)
    for first in range(0, audio.samples.shape[1], _BLOCK_SAMPLES):
        meter.add(audio.samples[:, first : first + _BLOCK_SAMPLES])
    found = meter.findings(Mix(), mono=True)
    return replace(audio, weights=found.mix.weights, warnings=(*audio.warnings, *found.warnings))


class SoundMeter:
    """Levels, correlations and overshoots of sound that comes block by block; memory grows by some 10 kB a minute."""

    def __init__(self, sample_rate: int) -> None:
        self._hop = max(1, round(_BLOCK_S * sample_rate))
        self._waiting: Samples | None = None
        self._powers: list[Samples] = []  # (n_blocks, n_channels) each
        self._cancelling: list[NDArray[np.bool_]] = []
        self._opposed = self._others = np.zeros((0, 0))
        self._n_samples = self._n_invalid = 0
        self._above = np.zeros(_MOST_DOUBLINGS + 1, dtype=np.int64)
        self._peak = 0.0

    def count(self, block: Samples) -> None:
        """Take note of samples that are no numbers or lie above full scale."""
        self._n_samples += block.size
        size = np.abs(block)
        largest = float(size.max(initial=0.0))
        if largest < 1.0:  # False also where one is NaN
            self._peak = max(self._peak, largest)
            return
        self._n_invalid += int(block.size - np.isfinite(size).sum())
        large = size[(size >= 1.0) & np.isfinite(size)]
        self._peak = max(self._peak, float(large.max(initial=0.0)))
        self._above += np.bincount(np.frexp(large)[1], minlength=len(self._above))

    def add(self, block: Samples) -> None:
        """Measure float32 (n_channels, n_samples) in [-1, 1]; the number of channels is that of the first block."""
        if self._waiting is None:
            self._opposed = self._others = np.zeros((block.shape[0], block.shape[0]))
            self._waiting = block[:, :0]
        if block.shape[0] != self._waiting.shape[0]:
            return
        block = np.concatenate([self._waiting, block], axis=1)
        n_blocks = block.shape[1] // self._hop
        self._waiting = block[:, n_blocks * self._hop :]
        if not n_blocks:
            return
        n_channels = block.shape[0]
        parts = block[:, : n_blocks * self._hop].reshape(n_channels, n_blocks, self._hop).transpose(1, 0, 2)
        products = parts @ parts.transpose(0, 2, 1) / np.float32(self._hop)
        powers = np.einsum("bcc->bc", products)
        self._powers.append(powers.copy())
        left = products.sum(axis=(1, 2)) / n_channels**2
        cancelling = left < _CANCELS * powers.sum(axis=1) / n_channels**2
        self._cancelling.append(cancelling)
        self._opposed = self._opposed + products[cancelling].sum(axis=0, dtype=np.float64)
        self._others = self._others + products[~cancelling].sum(axis=0, dtype=np.float64)

    def findings(self, mix: Mix, *, mono: bool) -> Findings:
        """What the sound that was read with `mix` needs; nothing is said of mixing where no mix was made (`mono`)."""
        needed = replace(mix, gain=mix.gain * self._gain())
        warnings, notes = [], []
        if self._n_invalid:
            warnings.append(
                ngettext(
                    "{n_invalid} sample is not a number (NaN or infinite) and was taken for silence",
                    "{n_invalid} samples are not numbers (NaN or infinite) and were taken for silence",
                    self._n_invalid,
                ).format(n_invalid=self._n_invalid)
            )
        if needed.gain < 1.0:
            peak = self._peak / mix.gain
            reach = f"{peak:.1f}" if peak < 100 else f"{peak:.0f}" if peak < 1e9 else f"{peak:.3g}"
            notes.append(
                _("the samples reach {reach} where 1 is full scale: all of them are divided by {divisor:.0f}").format(
                    reach=reach, divisor=1 / needed.gain
                )
            )
        if needed.gain != mix.gain or not self._powers:
            return Findings(needed, tuple(warnings), tuple(notes))  # what was measured is cut off at full scale
        powers = np.concatenate(self._powers).astype(np.float64)
        weights, said = self._weights(powers)
        if said and mono:
            (warnings if weights else notes).append(said)
        needed = replace(needed, weights=weights)
        loud = float(np.quantile(10 * np.log10(powers.max(axis=1) + _SILENT), 0.95))
        doublings = self._doublings(loud)
        needed = replace(needed, gain=needed.gain * 2.0**doublings)
        as_read = loud - 20 * math.log10(mix.gain)
        if _ROUNDING_DB < as_read < _QUIET_DB:
            if needed.gain > 1.0:
                told = _(
                    "the sound is very quiet ({level:.0f} dB of full scale where it is loud): it is raised by "
                    "{gain:.0f} dB"
                ).format(level=as_read, gain=20 * math.log10(needed.gain))
            else:
                told = _("the sound is very quiet ({level:.0f} dB of full scale where it is loud)").format(
                    level=as_read
                )
            notes.append(told)
        return Findings(needed, tuple(warnings), tuple(notes))

    def _doublings(self, loud: float) -> int:
        """How often very quiet sound can be doubled: recognisers take what is too faint for silence."""
        if not _ROUNDING_DB < loud < _QUIET_DB or not self._peak:
            return 0
        wanted = (_RAISED_DB - loud) / (20 * math.log10(2))
        return max(0, math.floor(min(wanted, -math.log2(self._peak))))

    def _gain(self) -> float:
        """1, or the power of two that brings all but single samples below full scale."""
        # `frexp` gives e for 2 ** (e - 1) <= x < 2 ** e.
        beyond = np.cumsum(self._above[::-1])[::-1]
        allowed = max(_RARE_SAMPLES, _RARE * self._n_samples)
        fitting = next(e for e in range(_MOST_DOUBLINGS) if beyond[e + 1] <= allowed)
        return 1.0 if fitting < 2 else 2.0**-fitting

    def _weights(self, powers: Levels) -> tuple[tuple[float, ...], str]:
        """What is not to be the mean, and the sentence that says so; a sentence alone is a hint."""
        n_channels = powers.shape[1]
        if n_channels < 2 or len(powers) < _LEAST_BLOCKS:
            return (), ""
        total = powers.sum(axis=1)
        loud = total >= max(_SILENT, np.quantile(total, 0.95) * 10 ** (-_LOUD_DB / 10))
        share = float(np.concatenate(self._cancelling)[loud].mean()) if loud.any() else 0.0
        if share >= _CANCELLING_SHARE:
            return _cancelling_weights(self._opposed, self._others)
        covariance = self._opposed + self._others
        steady = _steady_weights(powers, covariance)
        return steady if steady[0] else ((), _warn_of_different(powers, covariance))


def _cancelling_weights(opposed: Levels, others: Levels) -> tuple[tuple[float, ...], str]:
    """Weights with which channels that cancel do not.

    Args:
        opposed: covariance of the channels where they cancel, (n_channels, n_channels).
        others: … everywhere else.
    """
    correlation = _correlation(opposed)
    reference = int(np.argmax(np.diagonal(opposed)))
    inverted = correlation[reference] < _OPPOSITE
    signs = np.where(inverted, -1.0, 1.0)
    cancels = _("the channels are opposite in phase and cancel each other in their mean")
    if not inverted.any() or signs @ opposed @ signs < _CANCELS * np.trace(opposed):
        alone = np.arange(len(opposed)) == reference
        return tuple(alone.astype(float).tolist()), _("{cancels}: channel {reference} alone is read").format(
            cancels=cancels, reference=reference + 1
        )
    numbers = _format_channels(np.flatnonzero(inverted))
    rest = np.trace(others)
    # Where the same channels also have sound in equal phase, which a turned one would cancel in its place.
    if rest > 0.01 * np.trace(opposed) and signs @ others @ signs < _SAME_PHASE_LOST * rest:
        return tuple(np.where(inverted, 0.0, 1.0).tolist()), _("{cancels} in part: {numbers} is left out").format(
            cancels=cancels, numbers=numbers
        )
    return tuple(signs.tolist()), _("{cancels}: the phase of {numbers} is turned round").format(
        cancels=cancels, numbers=numbers
    )


def _steady_weights(powers: Levels, covariance: Levels) -> tuple[tuple[float, ...], str]:
    """Weights without channels of a loud steady sound that has nothing in common with a lively one."""
    level = 10 * np.log10(powers + _SILENT)
    steady, lively, top = [], [], []
    for channel in level.T:
        loudest = float(np.quantile(channel, 0.999))
        near = channel[channel > loudest - _STEADY_WITHIN_DB]
        swell = float(np.quantile(near, 0.999) - np.quantile(near, 0.05))
        steady.append(swell < _STEADY_DB and len(near) >= _LEAST_BLOCKS)
        lively.append(swell > _LIVELY_DB and loudest > _FAINTEST_DB)
        top.append(loudest if steady[-1] else float(np.quantile(channel, 0.95)))
    voices = [c for c in range(len(top)) if lively[c]]
    if not voices:
        return (), ""
    related = np.abs(_correlation(covariance)) > _UNRELATED
    loudest_voice = max(top[c] for c in voices)
    left_out = [
        c
        for c in range(len(top))
        if steady[c] and top[c] > loudest_voice + _DISTURBS_DB and not related[c, voices].any()
    ]
    if not left_out:
        return (), ""
    weights = tuple(0.0 if c in left_out else 1.0 for c in range(len(top)))
    kept = _format_channels(np.flatnonzero(weights))
    said = _(
        "{channels} is unlike {kept} and holds a steady sound, so it is left out; --channel {left_out} reads it"
    ).format(channels=_format_channels(np.array(left_out)), kept=kept, left_out=left_out[0] + 1)
    return weights, said


def _warn_of_different(powers: Levels, covariance: Levels) -> str:
    """A hint where two channels hold two recordings, such as two people's microphones."""
    if powers.shape[1] != 2 or len(powers) < _DIFFERENT_BLOCKS:
        return ""
    top = 10 * np.log10(np.quantile(powers, 0.95, axis=0) + _SILENT)
    if top.min() < _FAINTEST_DB or abs(_correlation(covariance)[0, 1]) > _DIFFERENT:
        return ""
    return _("two unlike channels are mixed; --diarizer channels gives each its speaker, --channel 1 reads one")


def _correlation(covariance: Levels) -> Levels:
    scale = np.sqrt(np.maximum(np.diagonal(covariance), math.ulp(0.0)))
    return np.asarray(covariance / np.maximum(np.outer(scale, scale), 1e-300))


def _format_channels(channels: NDArray[np.int64]) -> str:
    """``channel 2``, ``channels 1 and 3``; counted from 1."""
    numbers = [str(channel + 1) for channel in channels.tolist()]
    if len(numbers) == 1:
        return _("channel {number}").format(number=numbers[0])
    return _("channels {numbers} and {last}").format(numbers=", ".join(numbers[:-1]), last=numbers[-1])
