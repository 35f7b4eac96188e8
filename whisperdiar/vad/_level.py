"""Speech level normalisation, so that detectors find faint speech as well as loud speech."""

from __future__ import annotations

import numpy as np

from whisperdiar.types import Audio

_BLOCK_S = 0.1
_BLOCKS_AT_ONCE = 6000  # 10 minutes
_SILENT_DB = -100.0  # below the rounding of 16-bit samples
_FLOOR_SHARE = 0.1
_ABOVE_FLOOR_DB = 10.0
_LOUD_SHARE = 0.9  # of what stands out: one in ten may be a door or a laugh
_FEWEST = 5
_FAINTEST_DB = -88.0  # where nothing is louder, there is only the rounding


def speech_gain(audio: Audio, *, target_db: float) -> float:
    """Factor that brings the speech of a recording to a level, whatever its own; 1 for silence.

    The level of speech is the 90th percentile of the power of all tenths of a second that stand out, by 10 dB, from
    the quietest tenth of the recording; of all of them where none does. So neither pauses nor rare noises count.

    Args:
        audio: any; its mono mix is measured, block by block.
        target_db: where speech is to be, in decibels of full scale.
    """
    hop = round(_BLOCK_S * audio.sample_rate)
    n_blocks = -(-audio.samples.shape[1] // hop)
    power = np.zeros(n_blocks)
    for first in range(0, n_blocks, _BLOCKS_AT_ONCE):
        last = min(n_blocks, first + _BLOCKS_AT_ONCE)
        sound = audio.mono_part(first * hop, last * hop)
        padded = np.zeros((last - first) * hop, dtype=np.float32)
        padded[: len(sound)] = sound
        power[first:last] = np.var(padded.reshape(-1, hop), axis=1)
    level = 10 * np.log10(np.maximum(power, 1e-20))
    level = level[level > _SILENT_DB]
    if not len(level):
        return 1.0
    standing_out = level[level > np.quantile(level, _FLOOR_SHARE) + _ABOVE_FLOOR_DB]
    loud = float(np.quantile(standing_out if len(standing_out) >= _FEWEST else level, _LOUD_SHARE))
    return 1.0 if loud < _FAINTEST_DB else float(10 ** ((target_db - loud) / 20))
