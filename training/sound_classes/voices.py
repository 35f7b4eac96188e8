"""Trains the voices that a presenter is told from: ``python -m training.sound_classes.voices --voices POOL``.

A mixture of 64 Gaussians over all voices of the half that is trained on, and each of these voices adapted from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.mixture import GaussianMixture

from training.sound_classes import scenes
from whisperdiar.media import load
from whisperdiar.sound_classes import presenter
from whisperdiar.types import Audio

RESULT = Path(__file__).parents[2] / "whisperdiar" / "data" / presenter.MODELS
GAUSSIANS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voices", type=Path, required=True, help="pool of benchmarks/conversation_voices.py")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="recordings of one voice each")
    parser.add_argument("--clips", type=int, default=12, help="of each voice")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    given = parser.parse_args()
    voices = scenes.read_voices(given.voices, "train", clips=given.clips)
    voices += [[load(path, end=60.0).mono] for path in given.speech]
    frames = []
    for clips in voices:
        own = []
        for clip in clips:
            active = scenes.find_activity(clip).repeat(2)
            found = presenter.cepstra(Audio(clip[None], scenes.RATE_HZ))
            own.append(found[: len(active)][active[: len(found)]])
        frames.append(np.concatenate(own))
    together = np.concatenate([own[:: max(1, len(own) // 2500)] for own in frames])
    mixture = GaussianMixture(GAUSSIANS, covariance_type="diag", random_state=7, reg_covar=0.01, max_iter=60)
    mixture.fit(together.astype(np.float64))
    empty = np.zeros((0, GAUSSIANS, together.shape[1]), np.float32)
    parts = (mixture.weights_, mixture.means_, mixture.covariances_)
    background = presenter.Background(*(np.asarray(part, dtype=np.float32) for part in parts), empty)
    cohort = np.stack([background.adapt(own).means for own in frames])
    np.savez_compressed(
        given.output,
        weights=background.weights,
        means=background.means,
        variances=background.variances,
        cohort=cohort.astype(np.float16),
    )
    print(f"{given.output}: {len(cohort)} voices, {given.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
