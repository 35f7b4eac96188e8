"""Sound classes: the properties of the grammar, features that no block changes, and what is found in known sound."""

from __future__ import annotations

import importlib.resources
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.sounds import ROOT, SHARED
from training.sound_classes import scenes
from whisperdiar.errors import InvalidOption
from whisperdiar.media import load
from whisperdiar.options import SoundClassOptions
from whisperdiar.sound_classes import LABELS, classify, features, find_music, format_segments, grammar, network
from whisperdiar.types import Audio, Span, remove_spans

RATE_HZ = 16_000


def make_tune(seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Chords of six partials, two a second."""
    sound = np.zeros(round(seconds * RATE_HZ), dtype=np.float32)
    for first in range(0, len(sound), RATE_HZ // 2):
        part = sound[first : first + RATE_HZ // 2]
        time = np.arange(len(part)) / RATE_HZ
        for step in rng.choice([0, 3, 5, 7, 10, 12], 3, replace=False):
            hz = 220 * 2 ** (step / 12)
            for partial in range(1, 7):
                part += np.float32(0.03 / partial) * np.sin(2 * np.pi * hz * partial * time).astype(np.float32)
    return sound


@pytest.fixture(scope="module")
def show() -> Audio:
    """12 s of a tune, 12 s of natural voices, 4 s of digital silence, 12 s of noise."""
    rng = np.random.default_rng(1)
    speech = load(ROOT / "samples" / "natural" / "walk.ogg", end=12.0).mono
    noise = rng.normal(0, 0.02, 12 * RATE_HZ).astype(np.float32)
    parts = [make_tune(12, rng), speech, np.zeros(4 * RATE_HZ, np.float32), noise]
    return Audio(np.concatenate(parts)[None], RATE_HZ, "show")


def share(found: tuple[object, ...], label: str, start: float, end: float) -> float:
    """Share of a stretch of time that has this label."""
    parts = [item.span.clip(start, end) for item in found if item.label == label]  # type: ignore[attr-defined]
    return sum(part.duration for part in parts if part is not None) / (end - start)


def test_each_kind_of_sound_is_told(show: Audio) -> None:
    found = classify(show)
    assert share(found, "m", 0.5, 11.5) > 0.95
    assert share(found, "s", 12.5, 23.5) > 0.5
    assert share(found, "m", 12.5, 23.5) + share(found, "n", 12.5, 23.5) < 0.05
    assert share(found, "silence", 24.2, 27.8) == 1.0
    assert share(found, "n", 28.5, 39.5) > 0.95


def test_segments_have_no_hole_and_no_overlap(show: Audio) -> None:
    found = classify(show)
    assert found[0].span.start == 0.0
    assert found[-1].span.end == show.duration
    for before, after in itertools.pairwise(found):
        assert before.span.end == after.span.start
        assert before.label != after.label


def test_threads_and_blocks_change_nothing(show: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    once = classify(show)
    assert classify(show, threads=2) == once
    for frames in (38, 125, 624):
        monkeypatch.setattr(network, "_PIECE_FRAMES", frames * features.CELL_FRAMES)
        assert classify(show) == once


@pytest.mark.parametrize("block", [64, 256, 2048])
def test_features_do_not_depend_on_blocks(show: Audio, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    usual = features.extract(show, -30, 700, level=-5.0)
    monkeypatch.setattr(features, "_BLOCK_FRAMES", block)
    assert np.allclose(features.extract(show, -30, 700, level=-5.0), usual, atol=1e-3)


@pytest.mark.parametrize("hz", [100, 120, 173])
def test_a_room_that_hums_makes_no_music(hz: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Harmonics that do not change are no music, even to a network that hears music everywhere."""
    rng = np.random.default_rng(3)
    speech = load(ROOT / "samples" / "natural" / "walk.ogg", end=8.0).mono
    time = np.arange(12 * RATE_HZ) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * hz * k * time + k) / k for k in range(1, 20)) + 0.1 * rng.normal(size=len(time))
    audio = Audio(np.concatenate([speech, 0.01 * hum]).astype(np.float32)[None], RATE_HZ)
    assert share(classify(audio), "m", 8.5, 19.5) == 0.0

    def hear_music(_network: network.SoundNetwork, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.float32([-9.0, 9.0]), (len(frames), 1))

    monkeypatch.setattr(network.SoundNetwork, "log_odds", hear_music)
    found = classify(audio)
    assert share(found, "m", 8.5, 19.5) == 0.0
    assert share(found, "n", 8.5, 19.5) > 0.95
    assert share(found, "m", 1.0, 7.0) > 0.5


def test_music_comes_before_noise_where_the_evidence_is_even(monkeypatch: pytest.MonkeyPatch) -> None:
    def hear_either(_network: network.SoundNetwork, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.float32([-9.0, 0.0]), (len(frames), 1))

    monkeypatch.setattr(network.SoundNetwork, "log_odds", hear_either)
    audio = Audio(make_tune(8, np.random.default_rng(1))[None], RATE_HZ)
    assert [item.label for item in classify(audio)] == ["m"]


def test_the_weights_are_small_and_keep_their_scale() -> None:
    """Below 500 kB; integers alone would be up to 127 times as large and more."""
    path = importlib.resources.files("whisperdiar.data") / network.WEIGHTS
    assert len(path.read_bytes()) < 500_000
    for matrix, bias in network.load_network().layers:
        assert matrix.shape[1] == len(bias)
        assert np.all(np.abs(matrix).max(axis=0) > 0)
        assert np.abs(matrix).max() < 20


@example([(scenes.BOTH, 50), (scenes.MUSIC, 124), (scenes.BOTH, 50), (scenes.MUSIC, 125), (scenes.BOTH, 50)])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 200)), min_size=1, max_size=12))
def test_scenes_count_a_short_pause_over_music_with_the_speech(runs: list[tuple[int, int]]) -> None:
    """As the grammar does, which finds no music alone that is shorter than `min_music`."""
    labels = np.concatenate([np.full(length, kind) for kind, length in runs])
    joined = scenes._join_over_music(labels)
    merged = grammar.list_runs(labels)
    for place, (first, last, kind) in enumerate(merged):
        inside = 0 < place < len(merged) - 1
        between = inside and merged[place - 1][2] == merged[place + 1][2] == scenes.BOTH
        pause = kind == scenes.MUSIC and between and last - first < 125
        assert np.all(joined[first:last] == (scenes.BOTH if pause else kind))


def test_scenes_call_what_is_forty_decibels_down_silence() -> None:
    loud = np.full(4 * RATE_HZ, 0.1, np.float32)
    quiet = scenes._find_quiet(np.concatenate([loud, loud * 0.005, loud, loud[: RATE_HZ // 4] * 0.005, loud]))
    assert quiet.nonzero()[0].tolist() == list(range(200, 400))


@given(st.integers(0, 40), st.integers(0, 50), st.integers(0, 10_000))
def test_what_does_not_change_for_five_seconds_is_steady(before: int, still: int, seed: int) -> None:
    """Cells that differ, then equal ones, then such that differ again."""
    rng = np.random.default_rng(seed)
    rows = [rng.normal(0, 10, size=(before, features.N_MEL)), np.zeros((still, features.N_MEL))]
    rows.append(rng.normal(0, 10, size=(before, features.N_MEL)))
    found = features.find_steady(np.concatenate(rows).astype(np.float32))
    expected = np.zeros(2 * before + still, dtype=bool)
    expected[before : before + still] = still >= 17
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("pause", "is_silence"), [(0.3, False), (0.43, False), (0.6, True), (2.0, True)])
def test_a_silence_lasts_as_long_as_the_settings_say(pause: float, is_silence: bool) -> None:
    """A pause that is shorter belongs to the speech around it, whole."""
    speech = load(ROOT / "samples" / "natural" / "walk.ogg", end=8.0).mono
    loud = np.abs(speech) > 0.1 * np.abs(speech).max()
    middle = int(np.flatnonzero(loud[4 * RATE_HZ :])[0]) + 4 * RATE_HZ  # a pause of its own would be added
    sound = np.concatenate([speech[:middle], np.zeros(round(pause * RATE_HZ), np.float32), speech[middle:]])
    start = middle / RATE_HZ
    silent = share(classify(Audio(sound[None], RATE_HZ)), "silence", start, start + pause)
    assert silent > 0.8 if is_silence else silent == 0.0


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100])
def test_other_sample_rates_are_heard(rate: int) -> None:
    time = np.arange(3 * rate) / rate
    found = classify(Audio((0.1 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[None], rate))
    assert found[-1].span.end == 3.0


@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 161, 4000])
def test_short_recordings_are_covered(n_samples: int) -> None:
    found = classify(Audio(np.full((1, n_samples), 0.1, np.float32), RATE_HZ))
    assert sum(item.span.duration for item in found) == pytest.approx(n_samples / RATE_HZ)


def test_digital_silence_is_silence() -> None:
    found = classify(Audio(np.zeros((1, 5 * RATE_HZ), np.float32), RATE_HZ))
    assert [(item.label, item.span) for item in found] == [("silence", Span(0.0, 5.0))]


def test_long_music_alone_is_found(show: Audio) -> None:
    (music,) = find_music(show)
    assert music.start == 0.0
    assert music.end == pytest.approx(12.0, abs=0.6)
    assert find_music(show, options=SoundClassOptions(skipped_music=20.0)) == ()


def test_text_has_a_line_for_each_segment(show: Audio) -> None:
    lines = format_segments(classify(show)).splitlines()
    assert lines[0].split() == ["0.00", lines[0].split()[1], "music"]
    assert len(lines) == len(classify(show))


scores = st.integers(1, 60).flatmap(
    lambda n: st.lists(st.lists(st.integers(-40, 0), min_size=3, max_size=3), min_size=n, max_size=n)
)
lengths = st.lists(st.integers(1, 6), min_size=3, max_size=3)


@settings(max_examples=examples(100))
@given(scores, lengths, st.integers(0, 12))
def test_stretches_inside_last_long_enough(rows: list[list[int]], shortest: list[int], penalty: int) -> None:
    found = grammar.decide(np.array(rows, np.float32) / 8, shortest=shortest, penalty=penalty / 8)
    runs = grammar.list_runs(found)
    assert all(high - low >= shortest[kind] for low, high, kind in runs[1:-1])


@settings(max_examples=examples(60))
@given(
    scores.filter(lambda rows: len(rows) <= 7), st.lists(st.integers(1, 3), min_size=3, max_size=3), st.integers(0, 9)
)
def test_no_other_sequence_is_better(rows: list[list[int]], shortest: list[int], penalty: int) -> None:
    table = np.array(rows, np.float32) / 8

    def worth(classes: tuple[int, ...]) -> float:
        runs = grammar.list_runs(np.array(classes))
        if any(high - low < shortest[kind] for low, high, kind in runs[1:-1]):
            return -np.inf
        return float(sum(table[i, kind] for i, kind in enumerate(classes)) - (len(runs) - 1) * penalty / 8)

    best = max(map(worth, itertools.product(range(3), repeat=len(rows))))
    found = grammar.decide(table, shortest=shortest, penalty=penalty / 8)
    assert worth(tuple(found.tolist())) == pytest.approx(best)


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_moved_changes_keep_the_order(parts: list[tuple[int, int]], seed: int) -> None:
    classes = np.concatenate([np.full(n, kind) for n, kind in parts])
    runs = grammar.list_runs(classes)
    frames = np.random.default_rng(seed).normal(size=(len(classes) * grammar.STEP_FRAMES - 3, 5)).astype(np.float32)
    moved = grammar.snap(runs, frames)
    assert [kind for _low, _high, kind in moved] == [kind for _low, _high, kind in runs]
    bounds = [moved[0][0], *(high for _low, high, _kind in moved)]
    assert bounds == sorted(bounds)
    assert (bounds[0], bounds[-1]) == (0, len(frames))


spans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=6).map(
    lambda items: [Span(start, start + length) for start, length in items]
)


@settings(max_examples=examples(80))
@given(spans, st.lists(st.integers(0, 60), max_size=6, unique=True))
def test_what_is_removed_is_gone_and_nothing_else(kept: list[Span], bounds: list[int]) -> None:
    edges = sorted(bounds)[: len(bounds) // 2 * 2]
    holes = [Span(low, high) for low, high in zip(edges[::2], edges[1::2], strict=True)]
    left = remove_spans(kept, holes)

    def covers(items: list[Span] | tuple[Span, ...], at: float) -> int:
        return sum(item.start <= at < item.end for item in items)

    for tick in range(80):
        at = tick + 0.5
        assert covers(left, at) == (0 if covers(holes, at) else covers(kept, at))


def test_numbers_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(InvalidOption, match="min_music"):
        SoundClassOptions(min_music=-1.0)


@pytest.mark.model
def test_real_speech_is_not_taken_for_music() -> None:
    corpus = SHARED / "corpus" / "audio"
    if not corpus.is_dir():
        pytest.skip("the corpus of recordings is not here")
    for name in ("one_jfk.flac", "tel_pyannote_sample.wav"):
        found = classify(load(Path(corpus, name)))
        assert share(found, "m", 0.0, found[-1].span.end) < 0.05, name


def test_labels_are_those_of_the_scores() -> None:
    assert LABELS == ("silence", "n", "s", "m", "ms")
