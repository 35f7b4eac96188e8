"""Sounds between the speech, for the deaf and hard of hearing: found, told in the language, never over what is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import formats_strategies as strategies
from tests.examples import examples
from tests.unit.test_sound_classes import RATE_HZ, make_tune
from whisperdiar.formats import by_name, read_cues
from whisperdiar.formats._writing.render import subtitle_cues
from whisperdiar.options import SubtitleOptions, WriteOptions, subtitle_rules
from whisperdiar.sound_classes.marking import mark_sounds
from whisperdiar.sound_marks import (
    MUSIC,
    NOISE,
    SoundMark,
    describe_mark,
    name_unnamed,
    sound_marks_of,
    split_marks,
    with_sound_marks,
)
from whisperdiar.subtitles.checking import check
from whisperdiar.text.language_data import list_languages
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Audio, Cue, Span, Word

SDH = WriteOptions(speaker_style="sdh", subtitles=SubtitleOptions(profile="netflix", overlap=False))
marks = st.builds(
    lambda start, length, sound: SoundMark(Span(start, start + length), sound),
    st.floats(0, 60),
    st.floats(0.1, 30),
    st.sampled_from([MUSIC, NOISE]),
)


def talk(*texts: str, language: str = "en") -> Transcript:
    """A segment of a second for each text, one after another, of two speakers in turn."""
    said = [
        Segment((Word(Span(2.0 * i, 2.0 * i + 1), text, 0.9, f"SPEAKER_0{i % 2}", 0.9),), f"SPEAKER_0{i % 2}")
        for i, text in enumerate(texts)
    ]
    speakers = tuple(Speaker(label, label) for label in ("SPEAKER_00", "SPEAKER_01"))
    return Transcript("talk", 60.0, language, speakers, tuple(said))


@settings(max_examples=examples(40))
@example(
    Transcript("", 0.0, None, (), (Segment((Word(Span(1.083, 1.083), "0"),), None),)),
    [SoundMark(Span(0.0, 1.0), MUSIC)] * 2,
)
@given(strategies.transcripts, st.lists(marks, max_size=4))
def test_a_sound_never_changes_or_covers_what_is_said(transcript: Transcript, listed: list[SoundMark]) -> None:
    plain = replace(transcript, cues=(), provenance={}, language="en")
    before = subtitle_cues(plain, style="sdh", options=SDH)
    made = subtitle_cues(with_sound_marks(plain, listed), style="sdh", options=SDH)
    assert [cue for cue in made if not cue.labelled] == [cue for cue in before if not cue.labelled]
    sounds = [cue for cue in made if cue.lines in (("[music]",), ("[noise]",))]
    for cue in sounds:
        assert any(mark.span.start - 1e-3 <= cue.span.start < cue.span.end <= mark.span.end + 1e-3 for mark in listed)
        assert 0.999 <= cue.span.duration <= 4.001
    for left, right in pairwise(made):
        if left in sounds or right in sounds:
            assert left.span.end <= right.span.start + 1e-6
    assert len(sounds) <= len(listed)


def test_music_and_loud_noises_without_words_are_found() -> None:
    rng = np.random.default_rng(1)
    loud, hum = (rng.normal(0, level, 4 * RATE_HZ).astype(np.float32) for level in (0.05, 0.0004))
    audio = Audio(np.concatenate([make_tune(6, rng), loud, hum])[None], RATE_HZ, "show")
    found = sound_marks_of(mark_sounds(Transcript("show", 14.0, "en"), audio))
    assert [mark.sound for mark in found] == [MUSIC, NOISE]
    assert found[0].span.end == pytest.approx(6, abs=0.5)
    assert found[1].span.end == pytest.approx(10, abs=0.5)
    said = talk("la", "la", "la", "la")  # over the music, and none of its pauses is long enough
    assert [mark.sound for mark in sound_marks_of(mark_sounds(said, audio))] == [NOISE]


def test_files_show_sounds_and_numbers_in_the_language_of_the_transcript() -> None:
    said = with_sound_marks(talk("Да.", "Нет.", language="ru"), [SoundMark(Span(5.0, 20.0), MUSIC)])
    text = by_name("srt").dumps(said, options=SDH).replace("\u2060", "")
    assert "[говорящий 1] Да." in text
    assert "[говорящий 2] Нет." in text
    assert text.endswith("00:00:05,000 --> 00:00:09,000\n[музыка]\n\n")
    for name in ("vtt", "ass", "ttml", "sbv"):
        assert "[музыка]" in by_name(name).dumps(said, options=SDH)
    assert "музыка" not in by_name("srt").dumps(said, options=replace(SDH, speaker_style="dash"))
    assert "SPEAKER_00" in by_name("srt").dumps(said, options=replace(SDH, speaker_style="label"))


def test_marks_that_a_recogniser_wrote_are_nobodys() -> None:
    said, found = split_marks(talk("Hello.", "(Applause)", "[MUSIC]", "Thanks (all)."))
    assert [segment.text for segment in said.segments] == ["Hello.", "Thanks (all)."]
    assert [describe_mark(mark, "en") for mark in found] == ["[applause]", "[MUSIC]"]
    assert by_name("srt").dumps(talk("Hello.", "(Applause)"), options=SDH).endswith("\n[applause]\n\n")


@pytest.mark.parametrize("language", list_languages("data/sounds"))
def test_every_language_has_its_words(language: str) -> None:
    shown = [describe_mark(SoundMark(Span(0.0, 1.0), sound), language) for sound in (MUSIC, NOISE)]
    assert all(item and item.startswith("[") and len(item) > 4 for item in shown)
    assert name_unnamed(talk("a", language=language)).speakers[1].name.endswith(" 2")


def test_a_language_without_words_has_notes() -> None:
    assert [describe_mark(SoundMark(Span(0.0, 1.0), sound), "ja") for sound in (MUSIC, NOISE)] == ["[♪]", None]


def test_names_stay_and_numbers_do_not_move() -> None:
    named = name_unnamed(talk("a", "b").rename({"SPEAKER_00": "Anna"}))
    assert [item.name for item in named.speakers] == ["Anna", "speaker 2"]


@pytest.mark.parametrize("value", [None, 3, [3], [{"start": "0", "end": 2, "sound": MUSIC}], [{"start": 3, "end": 2}]])
def test_what_a_file_says_wrongly_is_passed_over(value: object) -> None:
    assert sound_marks_of(replace(talk("a"), provenance={"sounds": value})) == ()


@pytest.mark.parametrize(
    ("line", "n_wrong"),
    [
        ("[music]", 0),
        ("[door slams] Who's there?", 0),
        ("♪ Happy birthday ♪", 0),
        ("[Anna] ♪ Happy birthday ♪", 0),
        ("[♪]", 0),
        ("(music)", 1),
        ("* sighs *", 1),
        ("[MUSIC]", 1),
        ("♪ Happy birthday", 1),
    ],
)
def test_the_rules_of_sounds(line: str, n_wrong: int) -> None:
    cues = [Cue(Span(0.0, 3.0), (line,))]
    assert check(cues, subtitle_rules("netflix", language="en"), sdh=True).by_rule == (
        {"sound-mark": 1} if n_wrong else {}
    )
    assert check(cues, subtitle_rules("netflix", language="en")).by_rule == {}


def test_a_file_that_is_read_back_keeps_its_sounds() -> None:
    said = with_sound_marks(talk("Hello.", "Yes."), [SoundMark(Span(10.0, 14.0), MUSIC)])
    text = by_name("srt").dumps(said, options=SDH)
    assert [(cue.speaker, cue.lines) for cue in read_cues("a.srt", text)][:2] == [
        ("speaker 1", ("Hello.",)),
        ("speaker 2", ("Yes.",)),
    ]
    assert read_cues("a.srt", text)[2].lines == ("[music]",)
