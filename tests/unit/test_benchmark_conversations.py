"""Built conversations: turn-taking of meetings in other voices, and references that are where the sound is."""

from __future__ import annotations

import importlib
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sounds import VOICES, voice
from whisperdiar import load
from whisperdiar.formats import rttm

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
built: Any = importlib.import_module("conversations")
voices: Any = importlib.import_module("conversation_voices")
sounds: Any = importlib.import_module("conversation_sound")
sys.path.remove(str(BENCHMARKS))

RATE_HZ = voices.RATE_HZ
KOKORO = (
    *("af_alloy", "af_bella", "af_heart", "af_nicole", "am_adam", "am_echo", "am_santa", "bf_alice", "bf_emma"),
    *("bm_daniel", "bm_fable", "ef_dora", "em_alex", "em_santa", "ff_siwis", "hf_alpha", "hm_psi", "jf_alpha"),
    *("jm_kumo", "pf_dora", "pm_alex", "pm_santa", "zf_xiaoni", "zm_yunxi"),
)


def clip(duration: float, text: str = "so") -> Any:
    """An utterance of noise."""
    rng = np.random.default_rng(round(1000 * duration))
    return voices.Clip(text, (0.1 * rng.standard_normal(round(duration * RATE_HZ))).astype(np.float32))


@st.composite
def meetings(draw: st.DrawFn) -> list[Any]:
    """Utterances of up to five people in the order of their starts; nobody overlaps himself."""
    n_people = draw(st.integers(1, 5))
    free = dict.fromkeys(range(n_people), 0.0)
    remarks, now = [], 0.0
    for _ in range(draw(st.integers(n_people, 30))):
        person = draw(st.integers(0, n_people - 1))
        now = max(now + draw(st.floats(0.0, 4.0)), free[person])
        duration = draw(st.floats(0.2, 9.0))
        free[person] = now + duration + 0.7
        n_words = draw(st.integers(1, 25))
        remarks.append(voices.Remark(str(person), now, now + duration, ("so",) * n_words))
    return remarks


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 2), st.sampled_from("ABC")), min_size=1))
def test_utterances_keep_every_word_of_everybody_in_order(spoken: list[tuple[float, float, str]]) -> None:
    words = [(start, start + length, who, f"w{i}") for i, (start, length, who) in enumerate(sorted(spoken))]
    remarks = voices.gather(words)
    assert [remark.start for remark in remarks] == sorted(remark.start for remark in remarks)
    assert all(len(remark.words) <= voices.MOST_WORDS for remark in remarks)
    for speaker in "ABC":
        said = [word for remark in remarks if remark.speaker == speaker for word in remark.words]
        assert said == [text for _, _, who, text in words if who == speaker]


@given(st.sets(st.sampled_from(KOKORO)))
def test_splits_share_no_voice(names: set[str]) -> None:
    halves = voices.distribute_voices(names)
    timbres = [name.partition("_")[2] for half in halves.values() for name in half]
    assert len(timbres) == len(set(timbres))
    assert set().union(*halves.values()) <= names - {"af_nicole"}
    assert halves == voices.distribute_voices(sorted(names, reverse=True))


@given(st.permutations(["hf_alpha", "hf_beta", "jf_nezumi", "jf_tebukuro", "af_heart", "bm_fable"]))
def test_nobody_talks_to_his_double(names: list[str]) -> None:
    chosen = voices.choose_people(names, 4)
    assert len({name.replace("beta", "alpha").replace("tebukuro", "nezumi") for name in chosen}) == 4
    with pytest.raises(ValueError, match="raise --voices"):
        voices.choose_people(names, 5)


def test_both_halves_have_women_men_and_every_accent_among_the_first() -> None:
    for half in voices.distribute_voices(KOKORO).values():
        kinds = {(voices.ACCENTS.get(name[0], "foreign"), name[1]) for name in half[:6]}
        assert len(kinds) == 6


@given(
    st.dictionaries(
        st.sampled_from(["ES2002a", "ES2008a", "ES2008b", "IB4001", "IB4002", "TS3008c", "EN2001a"]),
        st.sets(st.integers(0, 9)),
    )
)
def test_splits_share_no_meeting_and_nobody_in_one(speakers: dict[str, set[int]]) -> None:
    halves = voices.distribute_meetings(speakers)
    people = {split: {who for name in half for who in speakers[name]} for split, half in halves.items()}
    assert not set(halves["tune"]) & set(halves["report"])
    assert not people["tune"] & people["report"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["The", "L_C_D_,", "right?"], "The LCD, right?"),
        (["Mm-hmm.", "it's", "on-screen."], "Uh-huh. it's on-screen."),
        (["we", "wh-"], None),
        (["in", "1998"], None),
    ],
)
def test_words_become_what_can_be_read_out(words: list[str], text: str | None) -> None:
    assert voices.speakable(words) == text


@given(st.integers(1, 60), st.sampled_from(KOKORO))
def test_more_texts_begin_with_the_same_ones(n_texts: int, name: str) -> None:
    texts = [" ".join([f"w{i}"] * (1 + i % 25)) for i in range(200)]
    chosen = voices.choose_texts(texts, name, n_texts)
    assert len(set(chosen)) == n_texts
    assert voices.choose_texts(texts, name, n_texts + 5)[:n_texts] == chosen


def test_lengths_of_the_first_texts_are_those_of_all() -> None:
    texts = [" ".join([f"w{i}"] * (1 + i % 25)) for i in range(2000)]
    lengths = [text.count(" ") + 1 for text in voices.choose_texts(texts, "af_heart", 25)]
    assert np.mean(lengths) == pytest.approx(13.0, abs=1.0)
    assert min(lengths) < 4
    assert max(lengths) > 22


@given(meetings(), st.integers(1, 8), st.integers(0, 9))
def test_a_meeting_is_recast_for_any_number_of_people(remarks: list[Any], n_people: int, seed: int) -> None:
    shown = built.cast(remarks, n_people, np.random.default_rng(seed))
    n_before = len({remark.speaker for remark in remarks})
    assert {remark.speaker for remark in shown} <= {str(person) for person in range(n_people)}
    assert len({remark.speaker for remark in shown}) >= min(n_people, n_before)
    if n_people >= n_before:
        assert [remark[1:] for remark in shown] == [remark[1:] for remark in remarks]
        parts = {(own.speaker, one.speaker) for one, own in zip(remarks, shown, strict=True)}
        assert len(parts) == len({person for person, _ in parts})


@given(meetings())
def test_turn_taking_gives_the_meeting_back_in_its_own_lengths(remarks: list[Any]) -> None:
    ends = np.maximum.accumulate([remark.end for remark in remarks])
    assume(all(own.start - end <= 2.5 for own, end in zip(remarks[1:], ends, strict=False)))
    lengths = iter(remarks)

    def draw(_person: int, duration: float) -> Any:
        remark = next(lengths)
        assert duration == remark.end - remark.start
        return clip(duration)

    placed = built.place(built.turn_taking(remarks), draw, 1e4)
    shift = placed[0].start - remarks[0].start
    # A sample of rounding for each of those that stand on each other's shoulders.
    assert [own.start for own in placed] == pytest.approx([remark.start + shift for remark in remarks], abs=0.01)


@given(meetings(), st.integers(1, 8), st.lists(st.floats(0.1, 8.0), min_size=1), st.floats(1.0, 60.0))
def test_nobody_overlaps_himself_and_all_is_inside(
    remarks: list[Any], n_people: int, lengths: list[float], duration: float
) -> None:
    shown = built.cast(remarks, n_people, np.random.default_rng(0))
    drawn = iter(lengths * 40)
    placed = built.place(built.turn_taking(shown), lambda _person, _duration: clip(next(drawn)), duration)
    for person in range(n_people):
        own = [one for one in placed if one.person == person]
        assert all(later.start >= one.end + 0.09 for one, later in pairwise(own))
    assert all(0.4 < one.start < one.end <= duration - 0.4 for one in placed)


@given(meetings())
def test_a_guest_says_little_and_the_others_what_they_said(remarks: list[Any]) -> None:
    shown = built.quieten(remarks, "0", 30.0, np.random.default_rng(0))
    assert sum(len(remark.words) for remark in shown if remark.speaker == "0") <= 14
    assert [one for one in shown if one.speaker != "0"] == [one for one in remarks if one.speaker != "0"]


@given(meetings(), st.data(), st.floats(1.0, 500.0))
def test_a_meeting_goes_on_behind_its_end_for_as_long_as_is_asked(
    remarks: list[Any], data: st.DataObject, duration: float
) -> None:
    first = data.draw(st.integers(0, len(remarks) - 1))
    shown = built.stretch_of(remarks, first, duration)
    assert shown[0] == remarks[first]
    assert [one.words for one in shown[: len(remarks)]] == [one.words for one in remarks[first:] + remarks[:first]]
    assert all(one.start <= later.start for one, later in pairwise(shown))
    longest_pause = max(later.start - one.start for one, later in pairwise([*shown, shown[-1]]))
    assert max(one.end for one in shown) - shown[0].start >= duration - longest_pause - 10.0


def test_an_utterance_is_said_once_until_all_are_and_then_at_another_rate() -> None:
    clips = [clip(1.0 + i / 10, f"so {i} so") for i in range(6)]
    shelf = built.Shelf([clips], np.random.default_rng(0))
    first = [shelf.draw(0, 1.2) for _ in range(6)]
    assert sorted(one.text for one in first) == sorted(one.text for one in clips)
    again = shelf.draw(0, 1.2)
    before = next(one for one in clips if one.text == again.text)
    assert again.duration != before.duration
    assert again.duration == pytest.approx(before.duration, rel=0.06)


def test_a_silence_of_more_than_three_tenths_ends_a_turn() -> None:
    loud, short, long = clip(1.0).samples, np.zeros(RATE_HZ // 5, np.float32), np.zeros(RATE_HZ // 2, np.float32)
    spans = built.spoken_spans(voices.Clip("a b c", np.concatenate([loud, short, loud, long, loud])))
    assert [(round(span.start, 2), round(span.end, 2)) for span in spans] == [(0.0, 2.2), (2.7, 3.7)]


def test_a_clip_loses_the_silence_at_its_ends_and_only_that() -> None:
    loud, silence = clip(1.0).samples, np.zeros(RATE_HZ, np.float32)
    assert voices.trim(np.concatenate([silence, loud, silence, loud, silence])).size == 3 * RATE_HZ
    assert voices.trim(silence).size == 0


@given(st.floats(0.2, 0.6), st.floats(-5.0, 12.0), st.integers(0, 9))
@settings(deadline=None, max_examples=examples(20))
def test_a_room_keeps_time_decays_and_has_its_direct_sound(reverberation_s: float, ratio: float, seed: int) -> None:
    room = sounds.impulse_response(reverberation_s, ratio, np.random.default_rng(seed)).astype(float)
    assert room[0] == 1.0
    assert 10 * np.log10(1.0 / (room[1:] ** 2).sum()) == pytest.approx(ratio, abs=0.01)
    third = room.size // 3
    fall = 10 * np.log10((room[third : 2 * third] ** 2).sum() / (room[2 * third : 3 * third] ** 2).sum())
    assert fall == pytest.approx(20.0, abs=3.0)


@pytest.mark.parametrize("kind", sounds.NOISES)
def test_noise_has_the_level_that_it_is_told(kind: str) -> None:
    noise = sounds.noise(kind, 5 * RATE_HZ, [[clip(1.0), clip(2.0)], [clip(3.0)]], np.random.default_rng(0))
    assert noise.dtype == np.float32
    assert noise.size == 5 * RATE_HZ
    assert (noise**2).mean() == pytest.approx(1.0, abs=0.01)


def scenery(n_people: int, **changes: Any) -> Any:
    values = {"reverberation_s": None, "direct_db": (), "noise": None, "noise_db": -60.0, **changes}
    return built.Scenery(gains_db=tuple(-26.0 + 2 * i for i in range(n_people)), **values)


@given(meetings(), st.integers(1, 4))
@settings(deadline=None, max_examples=examples(20))
def test_the_sound_is_where_the_references_say(remarks: list[Any], n_people: int) -> None:
    shown = built.cast(remarks, n_people, np.random.default_rng(0))
    spoken = [(name, *VOICES[name]) for name in VOICES]

    def draw(person: int, duration: float) -> Any:
        _, pitch_hz, formants_hz = spoken[person % len(spoken)]
        samples = voice(duration, pitch_hz=pitch_hz, formants_hz=formants_hz, seed=round(10 * duration))
        return voices.Clip("so", voices.trim(samples))

    placed = built.place(built.turn_taking(shown), draw, 20.0)
    assume(placed)
    turns = built.turns_of(placed, [f"P{person}" for person in range(n_people)])
    sound = built.render(placed, scenery(n_people), [], 20.0, np.random.default_rng(0))
    said = np.zeros(sound.size, bool)
    for turn in turns:
        first, last = round(turn.span.start * RATE_HZ), round(turn.span.end * RATE_HZ)
        said[first:last] = True
        assert np.abs(sound[first : first + RATE_HZ // 50]).max() > 1e-4
        assert np.abs(sound[last - RATE_HZ // 50 : last]).max() > 1e-4
    assert np.abs(sound[~said]).max(initial=0.0) < 0.02
    for name in {turn.speaker for turn in turns}:
        own = [turn.span for turn in turns if turn.speaker == name]
        assert all(later.start - one.end > 0.3 for one, later in pairwise(own))


def test_a_room_adds_a_tail_and_noise_its_level() -> None:
    placed = [built.Placed(0, 1.0, clip(1.0))]
    dry = built.render(placed, scenery(1), [], 4.0, np.random.default_rng(0))
    wet = built.render(placed, scenery(1, reverberation_s=0.4, direct_db=(0.0,)), [], 4.0, np.random.default_rng(0))
    noisy = built.render(placed, scenery(1, noise="stationary", noise_db=-50.0), [], 4.0, np.random.default_rng(0))
    assert 20 * np.log10(np.sqrt((dry[RATE_HZ : 2 * RATE_HZ] ** 2).mean())) == pytest.approx(-26.0, abs=0.5)
    tail = slice(2 * RATE_HZ, round(2.2 * RATE_HZ))
    assert not dry[tail].any()
    assert wet[tail].any()
    assert not wet[: RATE_HZ - 1].any()
    assert 20 * np.log10(np.sqrt((noisy[3 * RATE_HZ :] ** 2).mean())) == pytest.approx(-50.0, abs=1.0)


def test_half_of_a_set_has_rooms_and_half_has_noise() -> None:
    plans = built.plan(16, 1, (2.0, 4.0), (6.0, 10.0), 30.0)
    drawn = [built.draw_scenery(wanted, 1, np.random.default_rng(0)) for wanted in plans]
    for first in range(0, 16, 4):
        four = {(own.reverberation_s is not None, own.noise is not None) for own in drawn[first : first + 4]}
        assert len(four) == 4
    kinds = [own.noise for own in drawn if own.noise]
    assert {kinds.count(kind) for kind in sounds.NOISES} == {2, 3}


@given(st.integers(2, 60), st.integers(0, 9), st.floats(0.5, 5.0), st.floats(5.0, 200.0))
def test_a_spread_set_has_the_longest_and_nobody_without_time(
    count: int, seed: int, shortest: float, longest: float
) -> None:
    plans = built.plan_spread(count, seed, shortest, longest)
    assert [wanted.place for wanted in plans] == list(range(count))
    assert max(wanted.duration for wanted in plans) == pytest.approx(60 * longest)
    for wanted in plans:
        assert wanted.duration >= max(60 * shortest - 1e-6, 15 * wanted.n_people)
        assert not wanted.guest


@given(st.integers(1, 8), st.integers(0, 9), st.floats(2.0, 5.0), st.floats(6.0, 200.0))
def test_an_even_set_has_every_number_of_people_and_every_order_of_length(
    rounds: int, seed: int, shortest: float, longest: float
) -> None:
    plans = built.plan_spread(8 * rounds, seed, shortest, longest, even=True)
    people = [wanted.n_people for wanted in plans]
    assert all(people.count(number) == rounds for number in range(1, 9))
    steps = np.diff(np.log(sorted(wanted.duration for wanted in plans)))
    assert steps == pytest.approx(np.log(longest / shortest) / (8 * rounds - 1))
    assert not any(wanted.guest for wanted in plans)


def test_who_says_little_in_a_meeting_talks_for_as_long_as_is_asked() -> None:
    said = [voices.Remark(name, at, at + 1.0, ("so",)) for name, at in (("A", 0.0), ("B", 20.0), ("A", 40.0))]
    placed = built.converse(
        built.Plan(0, 1, False, 600.0, "one"), said, [[clip(1.0), clip(1.2)]], np.random.default_rng(0)
    )
    assert 600.0 - 12.0 < max(one.end for one in placed) <= 600.0


def test_noise_is_the_same_in_one_piece_and_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [[clip(1.0), clip(0.7)], [clip(1.3)]]
    for kind in sounds.NOISES:
        whole = sounds.noise(kind, 5 * RATE_HZ, said, np.random.default_rng(0))
        with monkeypatch.context() as patched:
            patched.setattr(sounds, "_BLOCK", 12_345)
            pieces = sounds.noise(kind, 5 * RATE_HZ, said, np.random.default_rng(0))
        assert pieces == pytest.approx(whole, abs=1e-4)


@settings(deadline=None, max_examples=examples(10))
@given(st.integers(0, 9), st.floats(0.01, 1.0))
def test_a_telephone_keeps_its_band_length_and_time(seed: int, level: float) -> None:
    times = np.arange(RATE_HZ) / RATE_HZ

    def heard(hz: float) -> float:
        sound = sounds.telephone((level * np.sin(2 * np.pi * hz * times)).astype(np.float32))
        assert sound.dtype == np.float32
        assert sound.shape == times.shape
        return float(np.sqrt(2 * np.mean(np.square(sound[RATE_HZ // 4 : -RATE_HZ // 4])))) / level

    assert heard(1000) == pytest.approx(1.0, rel=0.1)
    assert heard(80) < 0.05
    assert heard(6000) < 0.05
    click = np.zeros(RATE_HZ, np.float32)
    place = 2000 + 800 * seed
    click[place : place + 4] = level
    assert abs(int(np.abs(sounds.telephone(click)).argmax()) - place) < 40


def test_a_part_is_handed_on_in_its_pauses_only() -> None:
    spoken = [(0.0, 2.0, "A"), (1.0, 1.5, "B"), (2.5, 4.0, "A"), (9.0, 10.0, "A"), (20.0, 21.0, "A"), (30.0, 31.0, "A")]
    remarks = [voices.Remark(who, start, end, ("so",)) for start, end, who in spoken]
    for seed in range(20):
        shown = built.cast(remarks, 8, np.random.default_rng(seed))
        assert shown[0].speaker == shown[2].speaker
    heard = {tuple(own.speaker for own in built.cast(remarks, 8, np.random.default_rng(seed))) for seed in range(20)}
    assert len(heard) > 10


@pytest.mark.parametrize("count", [16, 40])
def test_a_set_has_every_number_of_people_and_one_long_recording(count: int) -> None:
    plans = built.plan(count, 1, (2.0, 4.0), (6.0, 10.0), 30.0)
    assert {wanted.n_people for wanted in plans} == set(range(1, 9))
    assert {wanted.kind for wanted in plans} == {"one", "two", "few", "many", "long"}
    assert [wanted.duration for wanted in plans if wanted.kind == "long"] == [1800.0]
    assert all(120.0 <= wanted.duration <= 600.0 for wanted in plans[1:])
    assert sum(wanted.guest for wanted in plans) >= 2


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Voices with a complete pool, and meetings of four, as files."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "voices.npz", **{name: np.zeros(1) for name in KOKORO})
    (tmp_path / "ami").mkdir()
    for meeting in ("ES2002a", "ES2008a"):
        now, lines = 0.0, ["start\tend\tspeaker\tword"]
        for _ in range(300):
            speaker = f"{meeting}{rng.integers(4)}"
            now += rng.uniform(-0.3, 1.2)
            for word in range(rng.integers(1, 12)):
                lines.append(f"{max(now, 0):.3f}\t{max(now, 0) + 0.3:.3f}\t{speaker}\tword{'abcdefghijkl'[word]}")
                now += 0.3
        (tmp_path / "ami" / f"{meeting}.words.tsv").write_text("\n".join(lines) + "\n")
    for i, name in enumerate(KOKORO):
        (tmp_path / "pool" / name).mkdir(parents=True)
        for j in range(4):
            samples = voice(1.0 + j, pitch_hz=90.0 + 8 * i, formants_hz=(500.0 + 20 * i, 1500.0, 2500.0), seed=j)
            voices.write_flac(tmp_path / "pool" / name / f"{j:03d}.flac", voices.trim(samples))
            (tmp_path / "pool" / name / f"{j:03d}.txt").write_text(" ".join(["word"] * (3 * j + 1)) + "\n")
    return tmp_path


def run(sources: Path, out: str, split: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[dict[str, Any]]:
    arguments = [str(sources), str(sources / "ami"), str(sources / out), "--split", split, "--pool"]
    arguments += [str(sources / "pool"), "--utterances", "4", "--minutes", "0.7", "0.8", "--longest", "0", *more]
    monkeypatch.setattr(sys, "argv", ["conversations.py", *arguments])
    assert built.main() == 0
    found: list[dict[str, Any]] = json.loads((sources / out / "manifest.json").read_text("utf-8"))["recordings"]
    return found


def test_the_same_command_builds_the_same_set(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(sources, "one", "tune", monkeypatch, "--count", "4")
    again = run(sources, "two", "tune", monkeypatch, "--count", "4")
    other = run(sources, "three", "tune", monkeypatch, "--count", "4", "--seed", "2")
    assert first == again
    assert first != other
    for entry in first:
        for name in (entry["file"], *entry["refs"].values()):
            assert (sources / "one" / name).read_bytes() == (sources / "two" / name).read_bytes()


def test_the_sets_of_both_splits_share_neither_voice_nor_meeting(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = run(sources, "tune", "tune", monkeypatch, "--count", "4")
    report = run(sources, "report", "report", monkeypatch, "--count", "4")
    assert not {entry["meeting"] for entry in tune} & {entry["meeting"] for entry in report}
    assert not {name for entry in tune for name in entry["voices"]} & {
        name for entry in report for name in entry["voices"]
    }


def test_what_is_built_is_what_the_benchmark_reads(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("jiwer", "meeteval", "whisper_normalizer"):
        pytest.importorskip(module, reason=f"{module} is not installed: it scores the benchmark")
    entries = run(sources, "set", "tune", monkeypatch, "--count", "4")
    monkeypatch.syspath_prepend(BENCHMARKS)
    read = importlib.import_module("end_to_end").recordings(sources / "set", ["*"])
    assert [own.name for own in read] == [entry["id"] for entry in entries]
    for own, entry in zip(read, entries, strict=True):
        audio = load(own.path)
        assert audio.duration == pytest.approx(entry["duration_s"], abs=0.001)
        assert own.scored == built.Span(0.0, entry["duration_s"])
        assert {turn.speaker for turn in own.turns} == set(entry["voices"])
        assert {line.speaker for line in own.said} == set(entry["voices"])
        assert max(turn.span.end for turn in own.turns) <= audio.duration
        # Every turn lies in utterances of its speaker.
        for turn in rttm.loads((sources / "set" / entry["refs"]["rttm"]).read_text("utf-8")).turns:
            lines = [line for line in own.said if line.speaker == turn.speaker]
            assert any(abs(line.start - turn.span.start) < 0.002 or line.start < turn.span.start for line in lines)


def test_a_pool_that_lacks_something_says_what_to_install(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (sources / "pool").glob("*/003.txt"):
        path.unlink()
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    with pytest.raises(SystemExit, match="pip install kokoro-onnx"):
        run(sources, "set", "tune", monkeypatch, "--count", "1")


def test_more_people_than_voices_is_said(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="raise --voices"):
        run(sources, "set", "tune", monkeypatch, "--count", "1", "--voices", "3")
