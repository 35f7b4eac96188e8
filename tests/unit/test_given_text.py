"""A given text on its recording: matching, judging, placement and reading, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.kept_parts import check_kills
from whisperdiar import FormatError, InvalidOption, Segment, Span, Speaker, Transcript, Word, editing, write
from whisperdiar.asr.whisper import Backend as Whisper
from whisperdiar.cache.identity import describe_backend
from whisperdiar.errors import BackendMissing
from whisperdiar.given_text.judging import Judge
from whisperdiar.given_text.matching import match_text
from whisperdiar.given_text.placement import list_dropped, place
from whisperdiar.given_text.reading import GivenText, GivenWord, read_text
from whisperdiar.given_text.sequences import match_units, split_units
from whisperdiar.given_text.transcriber import TextTranscriber
from whisperdiar.types import Audio, Samples, ScoredTime, Transcription

RATE_HZ = 16_000
VOCABULARY = [
    "the",
    "a",
    "meeting",
    "begins",
    "at",
    "nine",
    "today",
    "anymore",
    "any",
    "more",
    "twenty-five",
    "Yes,",
    "会",
    "議",
]


def spoken(words: list[str], *, gap: float = 0.1) -> tuple[Word, ...]:
    """Words of 0.3 s, one after another."""
    return tuple(Word(Span(i * (0.3 + gap), i * (0.3 + gap) + 0.3), f" {word}", 0.9) for i, word in enumerate(words))


def text_of(words: list[str], **more: float) -> GivenText:
    return GivenText(tuple(GivenWord(f" {word}") for word in words), **more)


def silence(seconds: float) -> Audio:
    return Audio(np.zeros((1, round(seconds * RATE_HZ)), np.float32), RATE_HZ, "talk")


words_lists = st.lists(st.sampled_from(VOCABULARY), max_size=14)


@settings(max_examples=examples(150), deadline=None)
@given(said=words_lists, heard=words_lists, answers=st.lists(st.floats(0.0, 1.0), max_size=30), ctc=st.booleans())
def test_every_word_of_both_sides_is_somewhere_once_in_order_and_in_time(
    said: list[str], heard: list[str], answers: list[float], ctc: bool
) -> None:
    text, recognised = text_of(said), spoken(heard)
    duration = max([1.0, *(word.end + 0.5 for word in recognised)])
    rest = iter(answers)

    def force(sound: Samples, words: list[str], *, language: str | None) -> list[ScoredTime | None]:
        shares = np.linspace(0.0, sound.size / RATE_HZ, len(words) + 1)
        found = [next(rest, None) for _word in words]
        return [
            None if answer is None else ScoredTime(float(start), float(end), answer)
            for answer, (start, end) in zip(found, pairwise(shares), strict=True)
        ]

    def align(sound: Samples, words: list[str]) -> list[tuple[float, float] | None]:
        return [None if len(word) % 3 == 0 else (0.1 * i, 0.1 * i + 0.1) for i, word in enumerate(words)]

    speech = [word.span for word in recognised]
    judge = Judge(silence(duration), speech, force if answers else None, language="en")
    placed = place(match_text(text, recognised), judge, align=align if ctc else None)

    assert Counter([w.text for w in placed.words] + [word for word, _time in placed.unspoken]) == Counter(
        word.text for word in text.words
    )
    rest_of_text = iter(word.text for word in text.words)
    assert all(word.text in rest_of_text for word in placed.words)  # consumes: in the order of the text
    assert all(0.0 <= word.start <= word.end <= duration for word in placed.words)
    assert all(before.end <= after.start + 1e-9 for before, after in pairwise(placed.words))
    dropped = list_dropped(placed, silence(duration))
    lost = Counter(" ".join(item.text for item in dropped).split())
    added = Counter(" ".join(item.text for item in placed.added).split())
    assert lost == added + Counter("".join(word for word, _time in placed.unspoken).split())
    assert added.total() == placed.n_added <= len(heard)
    assert not added - Counter(heard)
    assert said or placed.n_added == len(heard)
    if said == heard:
        assert [(word.span, word.text) for word in placed.words] == [(w.span, w.text) for w in recognised] or ctc
        assert not dropped


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(0, 900))
def test_long_sequences_are_matched_in_pieces_as_they_are_in_one(seed: int, size: int) -> None:
    draw = np.random.default_rng(seed)
    said = [f"w{number}" for number in draw.integers(0, 60 + size // 2, size)]
    heard = [unit for unit in said if draw.random() > 0.05]
    for place_ in draw.integers(0, max(1, len(heard)), size // 20):
        heard.insert(int(place_), "um")
    pairs = match_units(said, heard)
    assert all(a.said < b.said and a.heard < b.heard for a, b in pairwise(pairs))
    right = sum(pair.likeness == 1.0 for pair in pairs)
    assert right >= 0.95 * (len(heard) - heard.count("um"))


def test_a_text_that_is_laid_on_hours_goes_on_after_a_kill(tmp_path: Path) -> None:
    class Forcer(Whisper):
        def force_words(
            self, sound: Samples, words: Sequence[str], *, language: str | None
        ) -> Sequence[ScoredTime | None]:
            return [ScoredTime(0.1 * k, 0.1 * k + 0.1, 0.9) if k % 3 else None for k in range(len(words))]

    heard = spoken([f"word{k}" for k in range(200)])
    text = text_of(["" if k % 50 == 25 else f"word{k}" for k in range(200)])
    text = GivenText(tuple(GivenWord(" never" if not word.text.strip() else word.text) for word in text.words))
    audio = silence(heard[-1].end + 1.0)
    writer = TextTranscriber(Forcer(), text)

    def work() -> Transcription:
        speech = [Span(0.0, audio.duration)]
        return writer.write_text(Transcription("en", None, heard), audio, speech=speech)

    assert sum("never" in word.text for word in work().words) == 4
    assert check_kills(work, tmp_path) == 4, "a part for each piece with a word that was not heard"


def test_units_are_what_both_sides_can_agree_on() -> None:
    assert split_units(" Twenty-five,") == ["twenty", "five"]
    assert split_units(" Don’t") == split_units("don't") == ["dont"]
    assert split_units("会議は") == ["会", "議", "は"]
    assert split_units("%") == ["%"]


def test_words_that_are_divided_otherwise_are_one() -> None:
    recognised = spoken(["not", "anymore", "e", "mail"])
    matched = match_text(text_of(["not", "any", "more", "e-mail"]), recognised)
    assert [item.likeness for item in matched.items] == [1.0, 1.0, 1.0, 1.0]
    assert all(item.given is not None for item in matched.items)


def test_what_is_not_spoken_and_what_is_not_written_is_told_apart() -> None:
    recognised = spoken(["well", "the", "meeting", "begins", "at", "nine"])
    text = text_of(["the", "meeting", "never", "ever", "surely", "begins", "at", "ten"])
    judge = Judge(silence(3.0), [word.span for word in recognised], None, language="en")
    placed = place(match_text(text, recognised), judge)
    assert [word for word, _time in placed.unspoken] == [" never", " ever", " surely"]
    assert [item.text for item in placed.added] == ["well"]
    assert placed.words[-1].text == " ten"  # in the place of "nine": the text is right
    assert placed.words[-1].span == recognised[-1].span


def test_times_of_the_text_keep_a_refrain_in_its_place() -> None:
    recognised = spoken(["la", "la", "la", "land"], gap=2.0)
    text = GivenText((GivenWord(" la", span=Span(4.5, 5.0)), GivenWord(" land", span=Span(6.8, 7.4))), tolerance=0.5)
    items = match_text(text, recognised).items
    assert [item.span.start for item in items if item.given is not None and item.span] == [4.6, pytest.approx(6.9)]


class Recogniser:
    """Hears the same words in every recording."""

    def __init__(self, *words: str) -> None:
        self._words = spoken(list(words))

    def transcribe(self, audio: Audio, **_more: object) -> Transcription:
        return Transcription("en", None, self._words)


def test_the_text_of_another_recording_is_refused_with_its_share() -> None:
    heard = Recogniser("the", "cat", "sat", "on", "the", "mat", "and", "slept", "all", "day")
    text = text_of(["we", "have", "the", "figures", "of", "last", "year", "and", "they", "are", "on", "page", "nine"])
    with pytest.raises(FormatError, match=r"text: \d+% of its words are heard here"):
        TextTranscriber(heard, text).transcribe(silence(10.0), speech=[Span(0.0, 10.0)])


def test_a_text_that_nobody_could_speak_in_the_time_is_refused() -> None:
    with pytest.raises(FormatError, match="200 words cannot be spoken in 10 s"):
        TextTranscriber(Recogniser(), text_of(["many"] * 200)).transcribe(silence(10.0), speech=[Span(0.0, 10.0)])


def test_where_nothing_is_heard_nothing_is_spoken() -> None:
    found = TextTranscriber(Recogniser(), text_of(["hello", "there"])).transcribe(silence(3.0), speech=[Span(0.0, 3.0)])
    assert not found.words
    assert "hello there" in [item.text for item in found.dropped]


TALK = Transcript(
    "talk",
    4.0,
    "en",
    (Speaker("SPEAKER_00", "Anna"), Speaker("SPEAKER_01", "Ben")),
    (
        Segment((Word(Span(0.5, 1.0), " Hello,"), Word(Span(1.0, 1.5), " Ben.")), "SPEAKER_00"),
        Segment((Word(Span(2.0, 2.5), " Hi!"),), "SPEAKER_01"),
    ),
)


@pytest.mark.parametrize("suffix", ["json", "srt", "vtt", "txt", "md", "docx"])
def test_a_text_is_read_with_its_speakers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"talk.{suffix}"
    try:
        write(TALK, path)
    except BackendMissing as error:
        pytest.skip(str(error))
    found = read_text(path)
    assert [(word.text.strip(), word.speaker) for word in found.words] == [
        ("Hello,", "Anna"),
        ("Ben.", "Anna"),
        ("Hi!", "Ben"),
    ]
    assert all((word.span is None) == (suffix in ("md", "docx")) for word in found.words)


def test_a_plain_text_names_its_speakers_or_none(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("Anna: Good morning – to all.\nAnd thanks.\n\nBEN: Thanks: see you.\n", "utf-8")
    found = read_text(script)
    assert "".join(word.text for word in found.words) == " Good morning – to all. And thanks. Thanks: see you."
    assert [word.speaker for word in found.words] == ["Anna"] * 6 + ["BEN"] * 3
    script.write_text("We begin at nine: the doors are open.\nCome in.\nHe said: no.\n", "utf-8")
    assert not read_text(script).names_speakers


def test_texts_that_cannot_be_read_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, text, told in (
        ("empty.txt", " \n\n – \n", "holds no words"),
        ("a.docx", "no archive", "no DOCX document"),
        ("a.pdf", "%PDF", "give it as .txt, .docx, .srt or .json"),
        ("work.txt", editing.write(TALK), "to bring it back, run whisperdiar apply"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises((FormatError, InvalidOption), match=told):
            read_text(tmp_path / name)
    with pytest.raises(FormatError, match=r"^\S*nix\.docx: there is no such file"):
        read_text(tmp_path / "nix.docx")
    (tmp_path / "plain.txt").write_text("Hello there.", "utf-8")
    with pytest.raises(FormatError, match="holds no times"):
        read_text(tmp_path / "plain.txt", tolerance=2.0)


def test_words_of_a_text_are_not_kept_as_those_of_the_recogniser() -> None:
    texts = [
        text_of(["one", "two"]),
        text_of(["one", "too"]),
        GivenText((GivenWord(" one", "Anna"), GivenWord(" two"))),
        GivenText((GivenWord(" one", span=Span(0.0, 1.0)), GivenWord(" two")), tolerance=1.0),
    ]
    assert describe_backend("asr", TextTranscriber(Whisper(), texts[0])) is None
    assert len({text.digest() for text in texts}) == len(texts)


def test_marks_of_markdown_are_no_words(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    path.write_text(
        "# My *title*\n\n**Anna K.**: It costs 3\\. Really **very** little\\!\n\n"
        "**Ben** \\[00:00:04\\] At www&#46;a.b.\n",
        "utf-8",
    )
    found = read_text(path)
    assert [word.text for word in found.words if word.speaker == "Anna K."] == [
        " It", " costs", " 3.", " Really", " very", " little!",
    ]  # fmt: skip
    assert [word.text for word in found.words if word.speaker == "Ben"] == [" At", " www.a.b."]
