"""The benchmark of the whole way: counts that are added up, and tables that are written into a page."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar import Audio, Segment, Span, Transcript, Turn, Word
from whisperdiar.transcript import Speaker

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in ("jiwer", "meeteval", "whisper_normalizer"):
        pytest.importorskip(module, reason=f"{module} is not installed: it scores the benchmark")
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("end_to_end")


def transcript(*lines: tuple[str, float, str], language: str = "en") -> Transcript:
    """One segment for each speaker, start and text; a word lasts half a second."""
    segments = []
    for speaker, start, text in lines:
        words = tuple(
            Word(Span(start + i / 2, start + i / 2 + 0.4), f" {word}", speaker=speaker)
            for i, word in enumerate(text.split())
        )
        segments.append(Segment(words, speaker))
    turns = tuple(Turn(segment.span, segment.speaker or "") for segment in segments)
    labels = dict.fromkeys(speaker for speaker, _, _ in lines)
    return Transcript(
        recording_id="talk",
        duration=20.0,
        language=language,
        speakers=tuple(Speaker(label, label) for label in labels),
        segments=tuple(segments),
        turns=turns,
    )


@pytest.fixture
def talk(bench: Any, tmp_path: Path) -> Any:
    """A recording of two people as a corpus lists it, 20 s of silence."""
    from scipy.io import wavfile

    wavfile.write(tmp_path / "talk.wav", 16_000, np.zeros(20 * 16_000, np.int16))
    (tmp_path / "talk.stm").write_text(
        ";; a comment\ntalk 1 B 6.0 8.0 <o> Twenty, it's colour!\ntalk 1 A 1.0 3.0 <o> Hello there, um, Mister Brown.\n"
    )
    (tmp_path / "talk.rttm").write_text(
        "SPEAKER talk 1 1.0 2.0 <NA> <NA> A <NA> <NA>\nSPEAKER talk 1 6.0 2.0 <NA> <NA> B <NA> <NA>\n"
    )
    (tmp_path / "talk.uem").write_text("talk 1 0.0 10.0\n")
    refs = {"stm": "talk.stm", "rttm": "talk.rttm", "uem": "talk.uem"}
    entries = [
        {"id": "talk", "file": "talk.wav", "kind": "talk: built", "language": "en (native)", "refs": refs},
        {"id": "other", "file": "no.wav", "kind": "x", "language": "unknown", "refs": {}, "duration_s": 3},
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"recordings": entries}))
    (own,) = bench.recordings(tmp_path, ["talk"])
    return own


def taken(bench: Any, **seconds: float) -> Any:
    """A clock that saw stages take so long, half of it of the processor."""
    clock = bench.Clock()
    clock.spent.update(seconds)
    clock.processor.update({stage: value / 2 for stage, value in seconds.items()})
    return clock


AUDIO = Audio(np.zeros((1, 20 * 16_000), np.float32), 16_000, "talk")


def test_a_manifest_tells_kind_language_and_references(bench: Any, talk: Any) -> None:
    assert (talk.kind, talk.language, talk.timed) == ("talk", "en", True)
    assert [(own.speaker, own.start, own.text) for own in talk.said] == [
        ("A", 1.0, "Hello there, um, Mister Brown."),
        ("B", 6.0, "Twenty, it's colour!"),
    ]
    assert talk.scored == Span(0.0, 10.0)


def test_what_is_written_in_another_way_is_no_error(bench: Any, talk: Any) -> None:
    heard = transcript(("SPEAKER_00", 1.0, "hello there Mr. Brown"), ("SPEAKER_01", 6.0, "20 it is color"))
    figures = bench.measured(talk, AUDIO, heard, taken(bench, vad=1.0, asr=2.0, diarization=1.0))
    assert figures.words.count == figures.speaker_words.count == figures.timed_speaker_words.count == 0
    assert figures.words.length == 8
    assert (figures.right_counts, figures.counted) == (1, 1)
    assert (figures.spent, figures.ways_spent[bench.OURS]) == (4.0, 3.0)


def test_each_figure_sees_its_own_kind_of_error(bench: Any, talk: Any) -> None:
    first = ("SPEAKER_00", 1.0, "hello there mister brown")

    def figures(*second: Any) -> Any:
        return bench.measured(talk, AUDIO, transcript(first, *second), taken(bench))

    wrong_word = figures(("SPEAKER_01", 6.0, "twenty it is blue"))
    assert [errors.count for errors in (wrong_word.words, wrong_word.speaker_words)] == [1, 1]
    wrong_speaker = figures(("SPEAKER_00", 6.0, "twenty it is colour"))
    assert (wrong_speaker.words.count, wrong_speaker.right_counts) == (0, 0)
    assert wrong_speaker.speaker_words.count == 8, "four words are missing with one and too much with the other"
    assert wrong_speaker.diarization["confusion"] == pytest.approx(1.9)
    late = figures(("SPEAKER_01", 18.0, "twenty it is colour"))
    assert (late.words.count, late.speaker_words.count, late.timed_speaker_words.count) == (0, 0, 8)
    assert late.diarization["missed detection"] == pytest.approx(2.1)
    assert late.diarization["false alarm"] == 0.0, "it lies outside the part that is scored"
    silent = bench.measured(talk, AUDIO, transcript(), taken(bench))
    assert (silent.words.deletions, silent.speaker_words.deletions, silent.words.length) == (8, 8, 8)


def test_languages_without_spaces_are_compared_by_the_character(bench: Any) -> None:
    said = bench.Recording("x", Path(), "x", "ja", (bench.Utterance("A", 0, 1, "認識が成立する。"),))
    errors = bench.words_of(said, "認識が成立した")
    assert (errors.length, errors.count) == (7, 2)


COUNTS = st.integers(0, 40)


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), min_size=1, max_size=5))
def test_counts_are_added_up_and_rates_are_not_averaged(counts: list[tuple[int, int, int, int]]) -> None:
    scoring = importlib.import_module("benchmarks.scoring")
    total = scoring.Errors()
    for own in counts:
        total += scoring.Errors(*own)
    length = sum(own[3] for own in counts)
    assert total.rate * length == pytest.approx(sum(sum(own[:3]) for own in counts) if length else 0.0)


def test_recordings_are_pooled_and_every_way_keeps_its_own_time(bench: Any, talk: Any) -> None:
    right = transcript(("A", 1.0, "hello there mister brown"), ("B", 6.0, "twenty it is colour"))
    one = bench.measured(talk, AUDIO, right, taken(bench, asr=2.0))
    other = bench.measured(talk, AUDIO, transcript(("A", 1.0, "hello there mister brown")), taken(bench, asr=2.0))
    other += bench.Figures(
        ways={bench.SEQUENTIAL: one.words},
        ways_spent={bench.SEQUENTIAL: 12.0},
        ways_processor={bench.SEQUENTIAL: 20.0},
    )
    total = bench.Figures() + one + other
    tables = bench.markdown("Setup.", {"talk": one + other}, total)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables.splitlines() if "|" in line]
    pooled = dict(zip(rows[0], next(row for row in rows if "pooled" in row[0]), strict=True))
    assert (pooled["recordings"], pooled["words"], pooled["WER"], pooled["found"]) == ("2", "16", "25.0", "1 of 2")
    assert pooled["× real"] == "10.0"
    ours, plain = (
        next(row for row in rows if row[0] == bench.WAY_NAMES[way]) for way in (bench.OURS, bench.SEQUENTIAL)
    )
    assert ours[-3:] == ["4", "10.0", "2"]
    assert plain[-3:] == ["12", "3.3", "20"]


def test_counts_of_speakers_stand_one_recording_a_row_where_somebody_is_missed(bench: Any, talk: Any) -> None:
    right = transcript(("A", 1.0, "hello there mister brown"), ("B", 6.0, "twenty it is colour"))
    one = bench.measured(talk, AUDIO, right, taken(bench, asr=2.0))
    both = one + bench.by_systems({"alone": Alone()}, talk, AUDIO, [Span(0.0, 9.0)], right, print)
    head, _, row = map(split, bench.counts_table([(talk, both)])[1:])
    assert dict(zip(head, row, strict=True)) == {
        "speakers": "talk",
        "in the reference": "2",
        "s of who says least": "2.0",
        "whisperdiar": "2",
        "alone": "1",
    }
    assert split(bench.counts_table([(talk, one), (talk, one)])[-1]) == [f"{talk.kind}, 2 in all", "", "", "all 2"]


def test_a_page_shows_other_systems_and_rules_by_kind_and_pooled(bench: Any, talk: Any) -> None:
    right = transcript(("A", 1.0, "hello there mister brown"), ("B", 6.0, "twenty it is colour"))
    one = bench.measured(talk, AUDIO, right, taken(bench, asr=2.0, diarization=4.0))
    one += bench.by_rules(talk, AUDIO, right)
    others = {"alone": Alone(), "broken": Broken()}
    heard: list[str] = []
    one += bench.by_systems(others, talk, AUDIO, [Span(0.0, 9.0)], right, heard.append)
    assert heard == ["broken fails on talk: no turns today"]
    other = bench.measured(talk, AUDIO, transcript(("A", 1.0, "hello there mister brown")), taken(bench, asr=2.0))
    tables = bench.markdown("Setup.", {"talk": one, "quiet": other}, one + other)
    blocks = [block.splitlines() for block in tables.split("\n\n")[1:]]
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1, "every row has the cells of its head"
    rows = {block[0].split("|")[1].strip(): {row[0]: row[1:] for row in map(split, block[2:])} for block in blocks}
    speakers = rows["turns, with our words and join"]
    assert list(speakers) == ["whisperdiar", "alone", "broken"]
    columns = dict(zip(bench.SYSTEM_COLUMNS, speakers["alone"], strict=True))
    assert (columns["cpWER"], columns["WDER"], columns["found"]) == ("100.0", "50.0", "0 of 1")
    columns = dict(zip(bench.SYSTEM_COLUMNS, speakers["broken"], strict=True))
    assert (columns["DER"], columns["missed"], columns["WDER"]) == ("100.0", "100.0", "100.0")
    columns = dict(zip(bench.SYSTEM_COLUMNS, speakers["whisperdiar"], strict=True))
    assert (columns["s"], columns["processor s"]) == ("4", "2")
    assert rows["cpWER with the turns of"]["alone"] == ["100.0", "–", "100.0"]
    assert rows["DER with the turns of"]["whisperdiar"][0] == "5.0"
    joins = rows["cpWER with our words and turns, joined by"]
    assert list(joins) == [bench.OUR_JOIN, *bench.OTHER_RULES]
    assert len(joins) == 5
    by_majority = joins.pop("anchor, sentence majority (whisper-diarization)")
    assert by_majority[0] == "100.0", "there is no full stop, so it is all one sentence"
    assert all(values[0] == "0.0" for values in joins.values()), "with such turns every other rule is right"


def test_every_rule_gets_our_words_and_turns(bench: Any, talk: Any) -> None:
    """A word between two turns: some rules leave it without a speaker, others take the next turn."""
    spoken = transcript(("A", 1.0, "hello there mister"), ("B", 6.0, "brown twenty it is colour"))
    turns = (Turn(Span(1.0, 3.0), "A"), Turn(Span(6.9, 9.0), "B"))
    figures = bench.by_rules(talk, AUDIO, replace(spoken, turns=turns))
    found = {name.partition(" (")[0]: own.speaker_words.count for name, own in figures.rules.items()}
    assert found["most overlap"] == 4, "'brown' has nobody, 'twenty' B; 'it' (7.0), 'is' and 'colour' are B's"
    assert found["anchor, one turn a word"] == 2


def split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


class Alone:
    """A diarizer that hears one person all the time."""

    def diarize(self, audio: Audio, **_: Any) -> tuple[Turn, ...]:
        return (Turn(Span(0.0, audio.duration), "SPEAKER_00"),)


class Broken:
    def diarize(self, audio: Audio, **_: Any) -> tuple[Turn, ...]:
        raise RuntimeError("no turns\ntoday")


def utterances(bench: Any, *lines: str) -> list[Any]:
    """One utterance of each line: speaker, then words."""
    return [
        bench.Utterance(line.split()[0], float(i), i + 1.0, " ".join(line.split()[1:])) for i, line in enumerate(lines)
    ]


@pytest.mark.parametrize(
    ("heard", "wrong", "aligned"),
    [
        (["1 a b c", "2 d e f"], 0, 6),
        (["2 a b c", "1 d e f"], 0, 6),  # labels are only names
        (["1 a b c d", "2 e f"], 1, 6),
        (["1 a b c d e f"], 3, 6),  # one label, one speaker
        (["1 a x c", "2 d e y"], 0, 6),  # a word taken for another still has its speaker
        (["1 a b", "2 x d e f"], 1, 6),  # … or a wrong one
        (["1 a b c", "2 f"], 0, 4),  # what is left out is no speaker's fault
        (["1 a b c", "3 q q", "2 d e f"], 0, 6),  # nor what is put in
        (["1 a b c", "2 d", "3 e f"], 1, 6),  # a label has one speaker: the third is left without
        (["1 a b c", "nobody d e f"], 3, 6),  # no speaker is a wrong one
        (["nobody a b c d e f"], 6, 6),
        (["1 q"], 0, 1),
        ([], 0, 0),
    ],
)
def test_words_with_a_wrong_speaker_are_counted(bench: Any, heard: list[str], wrong: int, aligned: int) -> None:
    said = utterances(bench, "A a b c", "B d e f")
    found = bench.wrong_speakers(said, utterances(bench, *heard))
    assert (found.count, found.length) == (wrong, aligned)


def test_without_a_reference_no_speaker_is_wrong(bench: Any) -> None:
    assert bench.wrong_speakers([], utterances(bench, "1 a b")) == bench.WrongSpeakers()
    assert bench.wrong_speakers(utterances(bench, "A"), utterances(bench, "1 a b")).rate == 0.0


WHO = st.integers(0, 2)


@given(st.lists(st.tuples(WHO, WHO), min_size=1, max_size=12), st.permutations(range(3)))
def test_wrong_speakers_are_the_least_over_all_mappings(pairs: list[tuple[int, int]], names: list[int]) -> None:
    """Words that are all recognised rightly: every mapping of three labels tried one by one gives no fewer."""
    scoring = importlib.import_module("benchmarks.scoring")
    pytest.importorskip("jiwer", reason="jiwer is not installed")

    def spoken(speakers: list[int]) -> list[Any]:
        return [scoring.Utterance(str(who), float(i), i + 1.0, f"w{i}") for i, who in enumerate(speakers)]

    said, labels = [who for who, _ in pairs], [label for _, label in pairs]
    found = scoring.wrong_speakers(spoken(said), spoken(labels))
    least = min(sum(who != order[label] for who, label in pairs) for order in permutations(range(3)))
    assert (found.count, found.length) == (least, len(pairs))
    assert scoring.wrong_speakers(spoken(said), spoken([names[label] for label in labels])) == found


def test_a_clock_adds_up_what_stages_take(bench: Any) -> None:
    clock = bench.Clock()
    for _ in range(2):
        clock("asr", 0.0)
        clock("asr", 0.5)
        sum(range(200_000))
        clock("asr", 1.0)
    clock("vad", 1.0)
    assert set(clock.spent) == set(clock.processor) == {"asr"}
    assert clock.processor["asr"] > 0
    assert clock.spent["asr"] > 0


def test_a_page_keeps_all_but_what_stands_between_the_marks(bench: Any) -> None:
    page = f"# Title\n\n{bench.BEGIN}\nold\n{bench.END}\n\nThe rest.\n"
    once = bench.write_between(page, "| new |", bench.BEGIN, bench.END)
    assert once == f"# Title\n\n{bench.BEGIN}\n\n| new |\n\n{bench.END}\n\nThe rest.\n"
    assert bench.write_between(once, "| new |", bench.BEGIN, bench.END) == once
    for broken in ("# Title\n", f"{bench.END}\n{bench.BEGIN}\n"):
        with pytest.raises(ValueError, match="has no lines"):
            bench.write_between(broken, "| new |", bench.BEGIN, bench.END)


def test_the_page_of_accuracy_can_be_written_into(bench: Any) -> None:
    page = (BENCHMARKS.parent / "docs" / "accuracy.md").read_text("utf-8")
    assert "| new |" in bench.write_between(page, "| new |", bench.BEGIN, bench.END)


def test_settings_show_no_place_on_this_machine(bench: Any) -> None:
    assert bench.shortened("embedding_model=/home/me/campplus.onnx") == "embedding_model=campplus.onnx"
