"""Every format that is scored, on either side: what it holds is measured, and nothing is lost in its reading."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from whisperdiar import Segment, Speaker, Transcript, Turn, Word
from whisperdiar.errors import FormatError
from whisperdiar.formats import WriteOptions, by_name
from whisperdiar.options import ScoreOptions
from whisperdiar.scoring import score
from whisperdiar.types import Span

TURNS = ("rttm", "seg", "lbl", "audioseg")
PLAIN_WORDS = ("ctm",)  # words with times, and without speakers
WORDS_OF_SPEAKERS = (
    "stm", "seglst", "json", "whisperx-json", "verbose-json", "diarized-json", "srt", "vtt", "textgrid", "eaf",
)  # fmt: skip
FORMS = (*TURNS, *PLAIN_WORDS, *WORDS_OF_SPEAKERS)
SUBTITLES = ("ass", "ttml", "sbv", "lrc")
PAIRS = (
    *itertools.product(FORMS, FORMS),
    *(("stm", form) for form in SUBTITLES),
    *((form, "stm") for form in SUBTITLES),
)
OPTIONS = ScoreOptions(resamples=1)


def say(speaker: str, start: float, text: str) -> Segment:
    """Words of half a second each."""
    words = text.split()
    return Segment(
        tuple(
            Word(Span(start + 0.5 * i, start + 0.5 * (i + 1)), f" {word}", 0.9, speaker, 0.95)
            for i, word in enumerate(words)
        ),
        speaker,
    )


def make_talk(last: str) -> Transcript:
    segments = (
        say("anna", 0.0, "Hello there, my friend."),
        say("ben", 3.0, "Good morning to you all!"),
        say("anna", 7.0, last),
    )
    return Transcript(
        "talk",
        12.0,
        "en",
        (Speaker("anna", "anna"), Speaker("ben", "ben")),
        segments,
        tuple(Turn(own.span, own.speaker or "") for own in segments),
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """(format, side) → a file; the last words of the hypothesis are wrong."""
    found = {}
    for side, last in (("reference", "Thank you, good bye."), ("hypothesis", "Thank you, good night.")):
        for form in (*FORMS, *SUBTITLES):
            path = tmp_path_factory.mktemp(f"{side}-{form}") / f"talk{by_name(form).suffix}"
            path.write_text(by_name(form).dumps(make_talk(last), options=WriteOptions()), "utf-8")
            found[form, side] = path
    return found


@pytest.mark.parametrize(("reference", "hypothesis"), PAIRS)
def test_formats_are_held_against_each_other(files, reference, hypothesis):
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    paths = files[reference, "reference"], files[hypothesis, "hypothesis"]
    told: list[str] = []
    if (reference in TURNS and hypothesis in PLAIN_WORDS) or (reference in PLAIN_WORDS and hypothesis in TURNS):
        with pytest.raises(FormatError, match="cannot be held against"):
            score(*paths, options=OPTIONS, notify=told.append)
        return
    found = score(*paths, options=OPTIONS, language="en", notify=told.append)
    rates = {name: rate.value for name, rate in found.pooled.items()}
    both = (reference, hypothesis)
    assert ("DER" in rates) is not any(form in PLAIN_WORDS for form in both)
    assert ("WER" in rates) is not any(form in TURNS for form in both)
    assert ("cpWER" in rates) is not any(form in (*TURNS, *PLAIN_WORDS) for form in both)
    assert rates.get("DER", 0.0) == pytest.approx(0.0, abs=1e-3)
    assert rates.get("speaker count", 0.0) == 0
    for measure in ("WER", "cpWER", "tcpWER"):
        assert rates.get(measure, 1 / 13) == pytest.approx(1 / 13)  # "night" for "bye"
    assert ("subtitle rules" in rates) is (hypothesis in ("srt", "vtt", *SUBTITLES))
    assert set(found.left_out) & set(rates) == set()
    assert told == []


def test_a_recording_in_which_nothing_is_heard_counts_as_missed_words(tmp_path):
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    line = "{} 1 anna 0.0 2.0 {}\n"
    (tmp_path / "ref.stm").write_text(line.format("a", "one two") + line.format("b", "three four"), "utf-8")
    (tmp_path / "hyp.stm").write_text(line.format("a", "one two") + line.format("b", ""), "utf-8")
    found = score(tmp_path / "ref.stm", tmp_path / "hyp.stm", options=OPTIONS)
    assert found.pooled["WER"].components == {"length": 4, "substitutions": 0, "deletions": 2, "insertions": 0}


def test_lium_names_each_recording_and_rttm_of_a_folder_comes_first(tmp_path):
    both = "one 1 0 200 U U U anna\ntwo 1 100 300 M S U ben\n"
    (tmp_path / "all.seg").write_text(both, "utf-8")
    found = score(tmp_path / "all.seg", tmp_path / "all.seg", options=OPTIONS)
    assert [own.recording for own in found.recordings] == ["one", "two"]
    assert found.pooled["DER"].components["total"] == 5.0
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.seg").write_text("one 1 0 100 U U U anna\n", "utf-8")
    (folder / "one.rttm").write_text("SPEAKER one 1 0 2 <NA> <NA> anna <NA> <NA>\n", "utf-8")
    assert score(tmp_path / "all.seg", folder, options=OPTIONS).recordings[0].rate("DER") == 0.0


def test_a_broken_line_of_an_older_toolkit_is_told_with_its_file(tmp_path):
    (tmp_path / "bad.seg").write_text("one 1 0 200 X U U anna\n", "utf-8")
    with pytest.raises(FormatError, match=r"bad\.seg: line 1: expected a gender"):
        score(tmp_path / "bad.seg", tmp_path / "bad.seg", options=OPTIONS)
