"""The bic diarizer as a whole: voices made for the test, samples, and a corpus of real speech where it is at hand."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, resample_poly, sosfilt

from tests.examples import examples
from tests.sounds import RATE_HZ, SAMPLES, SHARED, conversation, noise, silence
from whisperdiar import Audio, Diarization, Span, SpeakerCount, Turn, load
from whisperdiar.diarization.bic import Backend
from whisperdiar.errors import InvalidOption
from whisperdiar.formats import rttm
from whisperdiar.options import BicSettings, Runtime
from whisperdiar.registry import load as load_backend
from whisperdiar.registry import settings_from_text
from whisperdiar.types import ANY_SPEAKERS, merge_spans

CORPUS = SHARED / "corpus"


def diarize(
    audio: Audio, speech: Any, count: SpeakerCount = ANY_SPEAKERS, *, threads: int = 0, **changes: Any
) -> Diarization:
    return Backend(BicSettings(**changes), runtime=Runtime(threads=threads)).diarize(
        audio, speech=speech, speakers=count
    )


def confused(turns: tuple[Turn, ...], found: Diarization, *, step: float = 0.01) -> float:
    """Share of the time of turns that do not overlap which went to the wrong speaker, under the best naming."""
    table: dict[tuple[str, str], int] = {}
    for turn in turns:
        for t in np.arange(turn.start + step / 2, turn.end, step):
            for other in found.turns:
                if other.start <= t < other.end:
                    pair = (turn.speaker, other.speaker)
                    table[pair] = table.get(pair, 0) + 1
    right = 0
    left = dict(table)
    while left:
        pair = max(left, key=lambda key: left[key])
        right += left[pair]
        left = {key: n for key, n in left.items() if key[0] != pair[0] and key[1] != pair[1]}
    return 1 - right / sum(table.values())


@lru_cache
def three() -> tuple[Audio, tuple[Turn, ...]]:
    return conversation("ABCABCAB", each=3.0)


def spans(turns: tuple[Turn, ...]) -> tuple[Span, ...]:
    return tuple(turn.span for turn in turns)


# --- who and how many ---


@pytest.mark.parametrize("order", ["A", "AB", "AABB", "ABAB", "ABCABC", "AABBCCAA"])
def test_voices_are_told_apart(order: str) -> None:
    audio, turns = conversation(order)
    found = diarize(audio, spans(turns))
    assert [turn.speaker for turn in found.turns] == [f"SPEAKER_{'ABC'.index(voice):02d}" for voice in order]
    assert found.warnings == ()


def test_changes_within_running_speech_are_found() -> None:
    audio, turns = conversation("ABCABC", each=5.0, gap=0.0)
    found = diarize(audio, [Span(0.0, audio.duration)])
    assert [turn.speaker[-1] for turn in found.turns] == list("012012")
    for right, turn in zip(turns, found.turns, strict=True):
        assert abs(right.start - turn.start) <= 0.3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 8])
def test_a_number_of_speakers_is_honoured(count: int) -> None:
    audio, turns = three()
    found = diarize(audio, spans(turns), SpeakerCount(count, count))
    assert len(found.speakers) == count
    assert found.warnings == ()


def test_a_range_clamps_what_is_found() -> None:
    audio, turns = three()
    for low, high, expected in ((None, 2, 2), (4, None, 4), (2, 5, 3), (5, 7, 5), (None, 9, 3)):
        assert len(diarize(audio, spans(turns), SpeakerCount(low, high)).speakers) == expected


def test_one_long_stretch_is_cut_where_more_speakers_are_asked_for() -> None:
    audio, _ = conversation("A", each=3.0)
    assert len(diarize(audio, [Span(0.0, 3.0)], SpeakerCount(4, 4)).speakers) == 4


def test_joining_neighbours_leaves_enough_to_reach_the_number() -> None:
    audio, turns = three()
    found = diarize(audio, spans(turns), SpeakerCount(3, 3), neighbour_lambda=100.0)
    assert len(found.speakers) == 3


def test_too_little_speech_is_said() -> None:
    audio, _ = conversation("A", each=3.0)
    found = diarize(audio, [Span(1.0, 1.6)], SpeakerCount(5, 5))
    assert 1 <= len(found.speakers) < 5
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("5 speakers were asked for")
    assert diarize(audio, (), SpeakerCount(2, 3)).warnings


def test_decoding_may_not_lose_a_speaker_that_was_asked_for() -> None:
    """With so dear a change the best path has one speaker; the number stands."""
    audio, turns = three()
    dear = {"change_penalty": 1e7, "pause_penalty": 1e7}
    assert len(diarize(audio, spans(turns), **dear).speakers) == 1
    found = diarize(audio, spans(turns), SpeakerCount(3, 3), **dear)
    assert len(found.speakers) == 3


# --- what it may be given ---


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_other_sample_rates(rate: int) -> None:
    audio, turns = three()
    n = round(audio.duration * rate)
    samples = np.interp(np.arange(n) / rate, np.arange(audio.samples.shape[1]) / RATE_HZ, audio.samples[0])
    found = diarize(Audio(samples[None].astype(np.float32), rate), spans(turns))
    assert len(found.speakers) == 3
    assert confused(turns, found) < 0.02


def test_several_channels_count_as_their_mean() -> None:
    audio, turns = three()
    quiet = np.zeros_like(audio.samples)
    both = Audio(np.concatenate([2 * audio.samples, quiet]), RATE_HZ, audio.recording_id)
    assert diarize(both, spans(turns)).turns == diarize(audio, spans(turns)).turns


def test_where_the_audio_begins_in_its_recording_makes_no_difference() -> None:
    audio, turns = three()
    assert diarize(replace(audio, start=100.0), spans(turns)) == diarize(audio, spans(turns))


def test_a_louder_turn_is_no_other_speaker() -> None:
    audio, turns = conversation("ABABAB")
    samples = audio.samples.copy()
    for turn, gain in zip(turns, (1.0, 0.3, 0.2, 1.0, 0.5, 0.1), strict=True):
        samples[:, round(turn.start * RATE_HZ) : round(turn.end * RATE_HZ)] *= gain
    found = diarize(Audio(samples, RATE_HZ), spans(turns))
    assert [turn.speaker[-1] for turn in found.turns] == list("010101")


def test_regions_of_silence_are_no_speaker() -> None:
    """A detector that takes pauses for speech: nothing in them can be clustered."""
    audio, turns = conversation("ABAB", each=4.0, gap=1.0)
    samples = audio.samples.copy()
    for turn in turns:
        samples[:, round(turn.end * RATE_HZ) : round((turn.end + 1.0) * RATE_HZ)] = 0.0
    pauses = [Span(turn.end + 0.1, turn.end + 0.9) for turn in turns[:-1]]
    found = diarize(Audio(samples, RATE_HZ), [*spans(turns), *pauses])
    assert len(found.speakers) == 2
    assert confused(turns, found) < 0.02


@pytest.mark.parametrize("count", [ANY_SPEAKERS, SpeakerCount(1, 1), SpeakerCount(3, 3)])
@pytest.mark.parametrize(
    ("audio", "speech"),
    [
        (silence(0.0), [Span(0.0, 1.0)]),
        (silence(2.0), []),
        (silence(2.0), [Span(0.5, 0.55)]),
        (silence(20.0), [Span(0.0, 20.0)]),
        (Audio(np.full((1, 160_000), 0.25, np.float32), RATE_HZ), [Span(0.0, 10.0)]),
        (Audio(np.full((1, 1), 0.25, np.float32), RATE_HZ), [Span(0.0, 1.0)]),
        (noise(6.0), [Span(2.0, 1e6), Span(-5.0, 1.0), Span(0.5, 0.5), Span(4.0, 5.0)]),
        (noise(3.0), [Span(i / 100, i / 100 + 0.004) for i in range(250)]),
    ],
    ids=["empty", "no speech", "50 ms", "digital silence", "constant", "one sample", "odd spans", "tiny spans"],
)
def test_nothing_breaks_it(audio: Audio, speech: list[Span], count: SpeakerCount) -> None:
    found = diarize(audio, speech, count)
    inside = [span for span in (s.clip(0.0, audio.duration) for s in speech) if span is not None]
    assert merge_spans(turn.span for turn in found.turns) == merge_spans(inside)
    assert count.allows(len(found.speakers)) or found.warnings


@settings(max_examples=examples(25))
@given(
    st.lists(st.tuples(st.floats(0, 24), st.floats(0, 6)).map(lambda p: Span(p[0], p[0] + p[1])), max_size=8),
    st.integers(1, 4),
    st.integers(0, 2),
)
def test_what_holds_for_any_speech(speech: list[Span], low: int, extra: int) -> None:
    audio, _ = three()
    found = diarize(audio, speech, SpeakerCount(low, low + extra))
    regions = merge_spans(span for span in (s.clip(0.0, audio.duration) for s in speech) if span is not None)
    assert merge_spans(turn.span for turn in found.turns) == regions
    assert all(turn.end > turn.start for turn in found.turns)
    assert all(a.end <= b.start for a, b in pairwise(found.turns))
    assert found.speakers == tuple(f"SPEAKER_{i:02d}" for i in range(len(found.speakers)))
    plenty = sum(region.duration for region in regions) >= low * 1.0 and bool(regions)
    assert low + extra >= len(found.speakers) >= (low if plenty else 0)
    assert bool(found.warnings) == (len(found.speakers) < low)


def test_threads_change_nothing() -> None:
    audio, turns = three()
    assert diarize(audio, spans(turns), threads=3) == diarize(audio, spans(turns), threads=1)


def test_progress_rises_to_the_end() -> None:
    audio, turns = three()
    heard: list[float] = []
    Backend().diarize(audio, speech=spans(turns), progress=lambda stage, fraction: heard.append(fraction))
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0.0, 1.0)


# --- settings ---


def test_each_lambda_and_the_tolerance_decide_how_many_speakers_there_are() -> None:
    audio, turns = three()
    assert len(diarize(audio, spans(turns), cluster_lambda=100.0).speakers) == 1
    assert len(diarize(audio, spans(turns), tolerance=100.0).speakers) == 1
    assert len(diarize(audio, spans(turns), neighbour_lambda=100.0).speakers) == 1


def test_clusters_are_compared_once_more_when_decoding_has_purified_them() -> None:
    audio, turns = three()
    loose = {"cluster_lambda": 0.0, "tolerance": 0.0, "neighbour_lambda": 0.0, "min_share": 0.0}
    plain = {"joining_lambda": 0.0, "joining_tolerance": 0.0}
    split = len(diarize(audio, spans(turns), **loose, **plain).speakers)
    assert split > 3
    assert len(diarize(audio, spans(turns), **loose, **{**plain, "joining_lambda": 100.0}).speakers) == 1
    assert len(diarize(audio, spans(turns), **loose, **{**plain, "joining_tolerance": 100.0}).speakers) == 1


def test_who_says_next_to_nothing_is_another() -> None:
    """Nine seconds of A, nine of B, six of C."""
    audio, turns = three()
    assert len(diarize(audio, spans(turns), min_share=0.45, min_speech=1e4).speakers) == 1
    assert len(diarize(audio, spans(turns), min_share=0.45, min_speech=0.5).speakers) == 3


def test_who_is_heard_little_and_only_in_passing_is_nobody() -> None:
    """A and B talk for a quarter of a minute each time, C says a word in between, ten times."""
    audio, turns = conversation(("A" * 10 + "C" + "B" * 10 + "C") * 5, each=1.5, gap=0.1)
    assert len(diarize(audio, spans(turns)).speakers) == 2
    assert len(diarize(audio, spans(turns), min_turn=0.0).speakers) == 3
    assert len(diarize(audio, spans(turns), SpeakerCount(3, 3)).speakers) == 3


@pytest.mark.parametrize(("clustering", "threshold"), [("clr", "clr_threshold"), ("ilp", "ilp_distance")])
def test_what_the_criterion_leaves_apart_is_joined_by_the_models_of_clusters(clustering: str, threshold: str) -> None:
    audio, turns = three()
    loose = dict.fromkeys(("neighbour_lambda", "cluster_lambda", "tolerance", "min_share"), 0.0)
    loose |= {"joining_lambda": 0.0, "joining_tolerance": 0.0}
    for rounds in (0, 2):
        split = diarize(audio, spans(turns), **loose, rounds=rounds)
        assert len(split.speakers) > 3
        how = {**loose, "rounds": rounds, "clustering": clustering}
        assert len(diarize(audio, spans(turns), **how, **{threshold: 1e6}).speakers) == 1
        assert len(diarize(audio, spans(turns), SpeakerCount(2, 2), **how).speakers) == 2
    fewer, more = ({**how, "rounds": 0, "background_gaussians": count, "relevance": 5.0} for count in (1, 64))
    assert diarize(audio, spans(turns), **fewer).turns != diarize(audio, spans(turns), **more).turns
    found = diarize(audio, spans(turns), **how, **{threshold: 1e6})
    assert found.activity is not None
    assert found.activity.speakers == found.speakers


@pytest.mark.parametrize("clustering", ["clr", "ilp"])
def test_clusters_that_the_criterion_got_right_stay(clustering: str) -> None:
    audio, turns = three()
    found = diarize(audio, spans(turns), clustering=clustering)
    assert len(found.speakers) == 3
    assert confused(turns, found) < 0.02


@pytest.mark.parametrize("clustering", ["clr", "ilp"])
@pytest.mark.parametrize("count", [ANY_SPEAKERS, SpeakerCount(3, 3)])
def test_models_of_clusters_without_anything_to_model(clustering: str, count: SpeakerCount) -> None:
    for audio in (silence(20.0), Audio(np.full((1, 160_000), 0.25, np.float32), RATE_HZ), noise(3.0)):
        found = diarize(audio, [Span(0.0, 20.0)], count, clustering=clustering, rounds=0)
        assert merge_spans(turn.span for turn in found.turns) == (Span(0.0, audio.duration),)


def test_long_stretches_are_cut_before_they_are_clustered() -> None:
    audio = load(SAMPLES / "standup.mp4", end=60.0)
    loose = {"rounds": 0, "cluster_lambda": 0.3, "tolerance": 0.0, "neighbour_lambda": 0.0}
    whole = diarize(audio, [Span(0.0, 60.0)], **loose)
    assert len(diarize(audio, [Span(0.0, 60.0)], **loose, longest_stretch=4.0).turns) > len(whole.turns)
    assert diarize(audio, [Span(0.0, 60.0)], **loose, longest_stretch=60.0).turns == whole.turns


def test_a_preset_stands_for_several_settings_and_gives_way_to_one_that_is_named() -> None:
    lium = settings_from_text(Backend, {"preset": "broadcast", "cluster_lambda": "2.5"})
    assert lium == BicSettings(**{**BicSettings.presets["broadcast"], "cluster_lambda": 2.5})
    assert lium.criterion == "bic"
    assert settings_from_text(Backend, {"preset": "conversation"}) == BicSettings()
    with pytest.raises(InvalidOption, match=r"news.*conversation, broadcast"):
        settings_from_text(Backend, {"preset": "news"})
    with pytest.raises(InvalidOption, match="it has: preset, criterion"):
        settings_from_text(Backend, {"presett": "news"})


@pytest.mark.parametrize("name", BicSettings.presets)
def test_every_preset_tells_voices_apart(name: str) -> None:
    audio, turns = conversation("ABAB", each=8.0)
    found = diarize(audio, spans(turns), **BicSettings.presets[name])
    assert [turn.speaker[-1] for turn in found.turns] == list("0101")


def test_a_voice_is_no_other_over_the_telephone() -> None:
    """What the narrow band and the coding do to both voices, they do to what each of them differs from itself by."""
    audio, turns = three()
    narrow = resample_poly(audio.samples[0], 1, 2)
    narrow = sosfilt(butter(4, [300, 3400], "bandpass", fs=8_000, output="sos"), narrow)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard = (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)
    found = diarize(Audio(heard[None], 8_000, "call"), spans(turns))
    assert len(found.speakers) == 3
    assert confused(turns, found) < 0.02


def test_dear_changes_in_running_speech_and_in_pauses() -> None:
    audio, turns = conversation("ABABAB", each=3.0)
    running, paused = [Span(0.0, audio.duration)], spans(turns)
    assert len(diarize(audio, running, change_penalty=1e7).speakers) == 1
    assert len(diarize(audio, paused, change_penalty=1e7).speakers) == 2
    assert len(diarize(audio, paused, change_penalty=1e7, pause_penalty=1e7).speakers) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"coefficients": 4},
        {"window": 0.5, "rounds": 0},
        {"quiet_share": 0.97, "rounds": 0},
        {"rounds": 0},
        {"gaussians": 1},
        {"iterations": 1},
        {"boundary_reach": 0.0},
    ],
    ids=str,
)
def test_every_other_setting_has_an_effect(changes: dict[str, Any]) -> None:
    audio = load(SAMPLES / "standup.mp4", end=60.0)
    speech = [Span(0.0, 60.0)]
    base = {"rounds": 0} if "rounds" in changes and len(changes) > 1 else {}
    assert diarize(audio, speech, **changes).turns != diarize(audio, speech, **base).turns


def test_clusters_depend_on_what_voices_are_told_apart_by() -> None:
    audio = load(SAMPLES / "standup.mp4", end=60.0)
    speech = [Span(0.0, 60.0)]
    loose = {"rounds": 0, "cluster_lambda": 0.7, "tolerance": 0.0}
    usual = diarize(audio, speech, **loose).turns
    for changes in ({"voice_coefficients": 5}, {"voice_energy": True}, {"criterion": "bic"}):
        assert diarize(audio, speech, **loose, **changes).turns != usual


@pytest.mark.parametrize(
    "changes",
    [
        {"criterion": "aic"},
        {"clustering": "kmeans"},
        {"background_gaussians": 0},
        {"clr_threshold": -0.1},
        {"ilp_distance": float("nan")},
        {"relevance": -1.0},
        {"longest_stretch": -1.0},
        {"coefficients": 1},
        {"voice_coefficients": 1},
        {"gaussians": 0},
        {"iterations": 0},
        {"rounds": -1},
        {"window": 0.0},
        {"quiet_share": 1.0},
        {"tolerance": -0.1},
        {"min_share": 1.0},
        {"min_turn": -1.0},
        {"joining_tolerance": -0.1},
        {"change_penalty": -1.0},
        {"boundary_reach": -0.1},
    ],
    ids=str,
)
def test_settings_that_cannot_be_meant(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(changes))):
        BicSettings(**changes)


# --- samples and corpus ---


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "count"),
    [("standup.mp4", 3), ("dialogue_de.m4a", 2), ("dialogue_fr.wav", 2), ("dialogue_ru.mp3", 2), ("meeting.ogg", 4)],
)
def test_samples_with_silero(name: str, count: int) -> None:
    audio = load(SAMPLES / name)  # real files of this project: AAC and Opus, with what codecs leave of voices
    speech = load_backend("vad", "silero")(None, runtime=Runtime(offline=True)).detect(audio)
    assert len(diarize(audio, speech).speakers) == count


def pooled(pattern: str) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
    """Pooled parts of the error rate in percent, and speakers of reference and result."""
    core = pytest.importorskip("pyannote.core")
    metrics = pytest.importorskip("pyannote.metrics.diarization")
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not at hand")
    metric, counts = metrics.DiarizationErrorRate(), {}
    for path in sorted(file for part in pattern.split("|") for file in (CORPUS / "refs").glob(f"{part}.rttm")):
        if "." in path.stem:
            continue
        (sound,) = [file for folder in ("audio", "simulated") for file in (CORPUS / folder).glob(f"{path.stem}.*")]
        audio, reference = load(sound), rttm.loads(path.read_text("utf-8"))
        found = diarize(audio, merge_spans(spans(reference.turns)))
        counts[path.stem] = (len(reference.speakers), len(found.speakers))
        start, end = map(float, path.with_suffix(".uem").read_text("utf-8").split()[2:4])
        annotations = []
        for turns in (reference.turns, found.turns):
            annotation = core.Annotation(uri=path.stem)
            for track, turn in enumerate(turns):  # a track each: two speakers may have the same times
                annotation[core.Segment(turn.start, turn.end), track] = turn.speaker
            annotations.append(annotation)
        metric(*annotations, uem=core.Timeline([core.Segment(start, end)]))
    parts = {name: 100 * metric[name] / metric["total"] for name in ("missed detection", "false alarm", "confusion")}
    return {**parts, "der": sum(parts.values())}, counts


def test_conversations_of_the_corpus() -> None:
    parts, counts = pooled("sim*")
    assert counts == {"sim1": (2, 2), "sim2": (3, 3), "sim3": (5, 5)}
    assert parts["der"] <= 2.5
    assert parts["confusion"] <= 1.0, "the rest is overlap, which one speaker at a time must miss"


def test_other_recordings_of_the_corpus() -> None:
    assert pooled("paa_*|stereo_fw")[0]["der"] <= 8.0
    assert pooled("ami_*|tel_*")[0]["der"] <= 18.0
    parts, counts = pooled("one_*")
    assert set(counts.values()) == {(1, 1)}
    assert parts["der"] <= 1.0
