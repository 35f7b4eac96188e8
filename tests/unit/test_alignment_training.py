"""The training of the alignment: what it learns is what the alignment runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.sounds import ROOT
from training.alignment.conversations import SpokenWord, arranged, merged, split

WORDS: list[SpokenWord] = [
    (i * 0.5, i * 0.5 + 0.4, f"S{(i // 7) % 4}", f"word{i}{'.' if i % 5 == 4 else ''}") for i in range(400)
]


@pytest.mark.parametrize("talk", [merged, split, arranged])
def test_other_conversations_have_the_same_words(talk) -> None:
    made = talk(WORDS, np.random.default_rng(1))
    assert sorted(word[3] for word in made) == sorted(word[3] for word in WORDS)
    assert all(start <= end for start, end, _, _ in made)
    assert [word[0] for word in made] == sorted(word[0] for word in made)
    assert {word[2] for word in made} != {word[2] for word in WORDS}


def random_case(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Word features, pair features and candidates: one to four of six speakers for every word."""
    from whisperdiar.alignment._turns import N_PAIR_FEATURES, N_SLOTS, NOBODY
    from whisperdiar.alignment._words import N_WORD_FEATURES

    rng = np.random.default_rng(n)
    chosen = np.stack([rng.permutation(6)[:N_SLOTS] for _ in range(n)])
    chosen[np.arange(N_SLOTS) >= rng.integers(1, N_SLOTS + 1, n)[:, None]] = NOBODY
    pairs = rng.normal(size=(n, N_SLOTS, N_PAIR_FEATURES)).astype(np.float32)
    return rng.normal(size=(n, N_WORD_FEATURES)).astype(np.float32), pairs, chosen


def test_the_shipped_code_computes_what_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from training.alignment.examples import Example
    from training.alignment.model import Model, export
    from training.alignment.train import Batch
    from whisperdiar.alignment import _network

    torch.manual_seed(0)
    model = Model(width=8)
    words, pairs, chosen = random_case(90)
    item = Example(words.astype(np.float16), pairs.astype(np.float16), chosen.astype(np.int16), np.zeros(90, int))
    with torch.no_grad():
        expected = torch.softmax(model(*Batch.of(item).inputs) / 1.5, dim=1).numpy()
    export(model, tmp_path / "alignment.npz", temperature=1.5)
    monkeypatch.setattr(_network.importlib.resources, "files", lambda package: tmp_path)
    network = _network.load_shipped.__wrapped__()
    found = network.probabilities(item.words.astype(np.float32), item.pairs.astype(np.float32), chosen)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert network.reach == 2 + 4 + 8


def test_the_gradient_of_a_look_up_is_the_reversed_look_up() -> None:
    torch = pytest.importorskip("torch")
    from training.alignment.model import NEAR, Gather, same_speaker

    _, _, chosen = random_case(12)
    places = torch.from_numpy(same_speaker(chosen, NEAR))
    state = torch.randn(chosen.size, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: Gather.apply(value, places), (state,))


def test_a_few_steps_of_training_learn() -> None:
    pytest.importorskip("torch")
    shared = ROOT.parent / "shared"
    if not (shared / "ami").is_dir():
        pytest.skip("the meetings are not beside this checkout")
    import torch

    from training.alignment.examples import example, versions
    from training.alignment.model import Model
    from training.alignment.train import error_rate, train

    meeting = shared / "ami" / "ES2002a.words.tsv"
    simulator = shared / "bench" / "simulate_hypotheses.py"
    items = [example(simulator, version) for version in versions([meeting], each=3, first_seed=1, seed=1)]
    torch.manual_seed(0)
    model = Model(width=8)
    before = error_rate(model, items[:1])
    train(model, items[1:], items[:1], epochs=6, rate=1e-2)
    assert error_rate(model, items[:1]) < min(0.2, 0.7 * before)
