"""A short part of what `python -m fuzzing.run` does for a night: each reader on its seeds and on damaged ones."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from fuzzing.mutation import LONGEST, mutate
from fuzzing.targets import SEEDS, Target, dictionary, list_seeds, list_targets
from tests.examples import few_by_day

TARGETS = list_targets()
INPUTS = 25


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_readers_take_their_seeds_and_refuse_damage_with_a_line(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    path = tmp_path / f"talk{target.suffix}"
    for seed in target.seeds():
        path.write_bytes(seed)
        assert target.try_input(path) is None
    chance = random.Random(name)
    seeds, pieces = list_seeds(target), dictionary(target)
    for data in [*seeds, *(mutate(seeds, pieces, chance) for _ in range(INPUTS))]:
        path.write_bytes(data)
        target.try_input(path)


@pytest.mark.parametrize("name", few_by_day(sorted(set(TARGETS) - {"sound"}), every=3))
def test_numbers_of_any_length_are_read_or_refused(name: str, tmp_path: Path) -> None:
    """Python turns no text of more than 4,300 digits into a number, and floats end at 309."""
    target = TARGETS[name]
    path = tmp_path / f"talk{target.suffix}"
    for seed in target.seeds():
        for found in [*re.finditer(rb"\d+", seed)][:12]:
            for digits in (b"9" * 400, b"0" * 5000):
                path.write_bytes(seed[: found.start()] + digits + seed[found.end() :])
                target.try_input(path)


def test_kept_seeds_belong_to_a_target() -> None:
    assert {folder.name for folder in SEEDS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("message", ["", "two\nlines"])
def test_a_refusal_is_one_line(message: str, tmp_path: Path) -> None:
    from whisperdiar import FormatError

    def refuse(path: Path) -> None:
        raise FormatError(message)

    (tmp_path / "x").touch()
    with pytest.raises(AssertionError, match="says no line"):
        Target("x", "", refuse, list).try_input(tmp_path / "x")


def test_mutants_differ_and_come_again_with_the_same_seed() -> None:
    def make(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        return [mutate([b"1\n00:00:01,000 --> 00:00:02,000\nHi\n"], [b"-->"], chance) for _ in range(50)]

    assert make(1) == make(1) != make(2)
    assert len(set(make(1))) > 40
    assert max(map(len, make(1))) <= LONGEST
