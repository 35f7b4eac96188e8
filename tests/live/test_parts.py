"""Parts of live transcription that need no model."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from whisperdiar import load
from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.formats import by_name
from whisperdiar.live.agreement import Agreement, fold
from whisperdiar.live.captions import CaptionFile, FollowedPerson, Passage, Passages
from whisperdiar.live.carrying import carry_speakers, match_speakers
from whisperdiar.live.endpoints import Endpoints
from whisperdiar.live.events import LiveWord
from whisperdiar.live.sound import Spool, Tail
from whisperdiar.live.sources import PlayedFile
from whisperdiar.options import LiveOptions
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Samples, Span, Turn, Word


def said(text: str, *, start: float = 0.0, length: float = 0.4, speaker: str | None = None) -> tuple[Word, ...]:
    """Words of a text, one behind the other."""
    return tuple(
        Word(Span(start + i * length, start + (i + 1) * length), f" {word}", speaker=speaker)
        for i, word in enumerate(text.split())
    )


def text_of(words: tuple[Word, ...]) -> str:
    return "".join(word.text for word in words).strip()


def test_words_are_final_where_two_hypotheses_agree() -> None:
    agreement = Agreement()
    assert agreement.insert(said("so we should"), start=0.0) == ()
    assert text_of(agreement.insert(said("So we shall meet"), start=0.0)) == "So we"
    assert text_of(agreement.provisional) == "shall meet"
    assert text_of(agreement.insert(said("so we shall meet again"), start=0.0)) == "shall meet"
    assert text_of(agreement.close(said("so we shall meet again soon"), start=0.0)) == "again soon"
    assert agreement.provisional == ()


def test_final_words_that_are_heard_again_are_no_new_ones() -> None:
    agreement = Agreement()
    agreement.close(said("we shall meet"), start=0.0)
    # The same words once more, a little later, as times differ from hypothesis to hypothesis.
    assert text_of(agreement.close(said("shall meet on Monday", start=0.9), start=0.8)) == "on Monday"


def test_what_is_said_twice_is_written_twice() -> None:
    agreement = Agreement()
    agreement.close(said("no"), start=0.0)
    assert text_of(agreement.close(said("no", start=3.0), start=2.9)) == "no"


@given(
    hypotheses=st.lists(
        st.lists(st.sampled_from(["we", "shall", "meet", "Meet,", "no", "да", "again."]), max_size=8), max_size=8
    ),
    lengths=st.floats(0.0, 0.6),
)
@settings(max_examples=examples(200))
def test_final_words_stay_in_order_whatever_is_heard(hypotheses: list[list[str]], lengths: float) -> None:
    agreement = Agreement()
    final: list[Word] = []
    for number, hypothesis in enumerate(hypotheses):
        words = said(" ".join(hypothesis), length=lengths)
        new = agreement.close(words, start=0.0) if number % 3 == 2 else agreement.insert(words, start=0.0)
        final += new
    assert all(before.end <= after.start for before, after in pairwise(final))
    assert all(word.start <= word.end for word in final)


def test_a_word_of_marks_alone_is_compared_as_it_is() -> None:
    assert fold(" …") == "…" != fold("?")
    assert fold(" Müller’s,") == "müllers"


class Steps:
    """Probabilities as they are given, one for each 0.1 s."""

    step, onset, offset = 0.1, 0.5, 0.35

    def __init__(self, probabilities: list[float]) -> None:
        self._left = list(probabilities)
        self._rest = 0

    def feed(self, samples: Samples) -> np.ndarray:
        self._rest += len(samples)
        n, self._rest = divmod(self._rest, 1600)
        found, self._left = self._left[:n], self._left[n:]
        return np.array(found, dtype=np.float32)


@given(
    probabilities=st.lists(st.sampled_from([0.0, 0.4, 0.6, 1.0]), max_size=60),
    cuts=st.lists(st.integers(1, 9000), min_size=1, max_size=10),
)
@settings(max_examples=examples(150))
def test_utterances_do_not_depend_on_how_the_stream_is_cut(probabilities: list[float], cuts: list[int]) -> None:
    n_samples = 1600 * len(probabilities)
    whole = Endpoints(Steps(probabilities), end_silence=0.5)
    expected = [*whole.feed(np.zeros(n_samples, np.float32)), *whole.finish()]
    pieces, found, at = Endpoints(Steps(probabilities), end_silence=0.5), [], 0
    while at < n_samples:
        size = min(cuts[at % len(cuts)], n_samples - at)
        found += pieces.feed(np.zeros(size, np.float32))
        at += size
    assert [*found, *pieces.finish()] == expected
    times = [item.time for item in expected]
    assert times == sorted(times)
    assert [item.is_end for item in expected] == [False, True] * (len(expected) // 2)


def test_a_click_begins_no_utterance() -> None:
    click = Endpoints(Steps([0.0] * 5 + [1.0] + [0.0] * 10), end_silence=0.5)
    assert len(click.feed(np.zeros(16 * 1600, np.float32))) == 2  # 0.1 s is speech …
    shorter = Steps([0.0, 1.0, 0.0])
    shorter.step = 0.05
    assert Endpoints(shorter, end_silence=0.5).feed(np.zeros(3 * 1600, np.float32)) == []


@given(cuts=st.lists(st.integers(0, 40_000), min_size=1, max_size=20))
@settings(max_examples=examples(50))
def test_the_tail_is_the_last_sound(cuts: list[int]) -> None:
    tail = Tail(seconds=2.0)
    every = np.arange(sum(cuts), dtype=np.float32)
    at = 0
    for size in cuts:
        tail.append(every[at : at + size])
        at += size
    end = at / 16_000
    audio = tail.cut(end - 1.0, end)
    assert np.array_equal(audio.samples[0], every[max(0, at - 16_000) :])
    assert audio.start == pytest.approx(max(0.0, end - 1.0))


def test_a_spool_is_a_sound_file_at_any_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "sound.wav")
    samples = np.linspace(-1.0, 1.0, 16_000, dtype=np.float32)
    spool.append(samples)
    assert load(spool.path).duration == pytest.approx(1.0)  # as after a kill: nothing was closed
    spool.append(samples)
    spool.close()
    spool.close()
    with wave.open(str(spool.path)) as file:
        assert file.getnframes() == 32_000
    assert np.allclose(load(spool.path).mono[:16_000], samples, atol=1e-4)
    with pytest.raises(OutputError, match="exists already"):
        Spool(spool.path)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    spool = Spool(tmp_path / "sound.wav")
    spool._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed by the spool
    with pytest.raises(OutputError, match="full"):
        spool.append(np.zeros(16_000, np.float32))
    spool.close()


def live_words(*parts: tuple[str, str | None, int]) -> tuple[LiveWord, ...]:
    """Words of passages: text, speaker, utterance."""
    found: list[LiveWord] = []
    for text, speaker, utterance in parts:
        start = found[-1].word.end if found else 0.0
        for word in said(text, start=start, speaker=speaker):
            found.append(LiveWord(len(found), word, True, utterance))
    return tuple(found)


def test_passages_end_with_their_speaker_and_their_utterance() -> None:
    words = live_words(("good morning", "A", 0), ("hello", "B", 0), ("how are you", "B", 1))
    passages = Passages()
    assert [item.text for item in passages.take(words, utterance=1)] == ["good morning", "hello"]
    assert [item.word.text for item in passages.open] == [" how", " are", " you"]
    assert [item.text for item in passages.take(words, utterance=2)] == ["how are you"]
    assert list(passages.finish()) == []


def test_a_passage_waits_for_words_whose_speaker_may_change() -> None:
    settled = live_words(("good morning", "A", 0))
    open_word = LiveWord(2, said("all", start=0.8)[0], False, 0)
    passages = Passages()
    assert list(passages.take((*settled, open_word), utterance=1)) == []
    closed = LiveWord(2, open_word.word, True, 0)
    assert [item.speaker for item in passages.take((*settled, closed), utterance=1)] == ["A", None]


def test_of_a_followed_person_nothing_is_lost_and_nothing_else_is_shown() -> None:
    first, second, third = (Passage(said(text), who) for text, who in (("a", "S0"), ("b", "S1"), ("c", "S0")))
    nobody = Passage(said("d"), None)
    followed = FollowedPerson("Anna")
    assert followed.select([first, second, nobody], {}) == []
    assert followed.select([], {"S1": "Boris"}) == []
    assert followed.select([third], {"S1": "Boris", "S0": "Anna"}) == [first, third]
    assert followed.select([second, first], {"S1": "Boris", "S0": "Anna"}) == [first]


def test_captions_are_a_whole_file_after_each_passage(tmp_path: Path) -> None:
    path = tmp_path / "captions.vtt"
    captions = CaptionFile(path)
    read = by_name("vtt").read
    assert read(path.read_text("utf-8")).segments == ()
    captions.add(Passage(said("good <b>morning</b>"), "SPEAKER_00"), {"SPEAKER_00": "Anna & Co"})
    captions.add(Passage(said("hello", start=2.0), "SPEAKER_01"), {})
    made = read(path.read_text("utf-8"))
    assert [item.text.strip() for item in made.segments] == ["good <b>morning</b>", "hello"]
    assert [made.name(item.speaker) for item in made.segments] == ["Anna & Co", "SPEAKER_01"]
    captions.close()
    with pytest.raises(OutputError, match="overwrite"):
        CaptionFile(path)


def transcript(*turns: tuple[float, float, str]) -> Transcript:
    made = tuple(Turn(Span(start, end), who) for start, end, who in turns)
    labels = dict.fromkeys(turn.speaker for turn in made)
    segments = tuple(Segment((Word(turn.span, " word", speaker=turn.speaker),), turn.speaker) for turn in made)
    return Transcript(
        "r", 10.0, speakers=tuple(Speaker(label, label) for label in labels), segments=segments, turns=made
    )


def test_speakers_keep_the_labels_that_they_had_live() -> None:
    again = transcript((0.0, 4.0, "SPEAKER_00"), (4.0, 8.0, "SPEAKER_01"), (8.0, 9.0, "SPEAKER_02"))
    live = (Turn(Span(0.0, 3.0), "SPEAKER_01"), Turn(Span(4.5, 8.0), "SPEAKER_00"))
    assert match_speakers(again.turns, live) == {"SPEAKER_00": "SPEAKER_01", "SPEAKER_01": "SPEAKER_00"}
    carried = carry_speakers(again, live, names={"SPEAKER_00": "Anna", "SPEAKER_07": "gone"})
    assert [turn.speaker for turn in carried.turns] == ["SPEAKER_01", "SPEAKER_00", "SPEAKER_02"]
    assert [item.speaker for item in carried.segments] == ["SPEAKER_01", "SPEAKER_00", "SPEAKER_02"]
    assert {item.id: item.name for item in carried.speakers} == {
        "SPEAKER_01": "SPEAKER_01",
        "SPEAKER_00": "Anna",
        "SPEAKER_02": "SPEAKER_02",
    }


@given(
    turns=st.lists(st.tuples(st.floats(0, 9), st.floats(0.1, 3), st.integers(0, 4)), max_size=8),
    live=st.lists(st.tuples(st.floats(0, 9), st.floats(0.1, 3), st.integers(0, 4)), max_size=8),
)
@settings(max_examples=examples(100))
def test_two_speakers_never_become_one(
    turns: list[tuple[float, float, int]], live: list[tuple[float, float, int]]
) -> None:
    again = transcript(*((start, start + length, f"SPEAKER_{who:02d}") for start, length, who in turns))
    told = [Turn(Span(start, start + length), f"SPEAKER_{who:02d}") for start, length, who in live]
    carried = carry_speakers(again, told)
    assert len({item.id for item in carried.speakers}) == len(again.speakers)
    assert [(a.span, b.span) for a, b in zip(again.turns, carried.turns, strict=True)] == [
        (turn.span, turn.span) for turn in again.turns
    ]


@pytest.mark.parametrize("name", ["step", "end_silence", "window", "speaker_patience", "new_speaker"])
@pytest.mark.parametrize("value", [0.0 - 1.0, 1000.0, float("nan")])
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidOption, match=name):
        LiveOptions(**{name: value})  # type: ignore[arg-type]


def test_a_played_file_gives_all_of_its_sound(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    spool = Spool(path)
    samples = np.linspace(-0.5, 0.5, 24_321, dtype=np.float32)
    spool.append(samples)
    spool.close()
    played = PlayedFile(path, speed=100.0)
    assert np.allclose(np.concatenate(list(played)), samples, atol=1e-4)
    assert played.came == pytest.approx(played.duration)
    with pytest.raises(InvalidOption, match="speed"):
        PlayedFile(path, speed=0.0)
