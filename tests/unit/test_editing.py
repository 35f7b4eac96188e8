"""The editor's round trip: texts that people correct, and what becomes of the words and their times."""

from __future__ import annotations

import random
import re
import textwrap
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import formats_strategies as strategies
from tests.counting import calls
from tests.examples import examples
from whisperdiar import editing
from whisperdiar.editing.passages import lay_out
from whisperdiar.errors import FormatError, OutputError
from whisperdiar.formats import json
from whisperdiar.options import EditOptions
from whisperdiar.transcript import Segment, Speaker, Transcript, Uncertain
from whisperdiar.types import Span, Turn, Word

LABELS = ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02")


def talk(turns: list[tuple[str | None, str]], *, each: float = 0.4, pause: float = 0.6, **more: object) -> Transcript:
    """Words of `each` seconds, 0.1 apart, with `pause` more between turns; words keep the spaces before them."""
    segments, spans, clock = [], [], 1.0
    for speaker, text in turns:
        words = []
        for piece in re.findall(r"\s*\S+", text):
            for part in piece.split("|"):
                words.append(
                    Word(Span(round(clock, 3), round(clock + each, 3)), part, 0.9, speaker, speaker and 0.8)  # type: ignore[arg-type]
                )
                clock += each + 0.1
        segments.append(Segment(tuple(words), speaker))
        if speaker is not None:
            spans.append(Turn(segments[-1].span, speaker))
        clock += pause
    known = dict.fromkeys(speaker for speaker, _ in turns if speaker is not None)
    values: dict[str, object] = {"speakers": tuple(Speaker(label, label) for label in known), "turns": tuple(spans)}
    return Transcript("talk", clock, "en", segments=tuple(segments), **{**values, **more})  # type: ignore[arg-type]


def corrected(transcript: Transcript, *changes: tuple[str, str]) -> editing.CorrectedTranscript:
    """Apply the text with some of it replaced; what is to be replaced must be there."""
    text = editing.write(transcript)
    for old, new in changes:
        assert old in text, text
        text = text.replace(old, new)
    return editing.apply(editing.parse(text, transcript), transcript)


def times(transcript: Transcript) -> dict[str, Span]:
    return {word.text.strip(): word.span for word in transcript.words}


def said(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(transcript.name(segment.speaker), segment.text) for segment in transcript.segments]


TALK = talk(
    [
        ("SPEAKER_00", " Good morning everyone."),
        ("SPEAKER_01", " Sure, yesterday I finished the new search page."),
        ("SPEAKER_00", " That is too long."),
        ("SPEAKER_02", " Not yet."),
    ]
)


@settings(max_examples=examples(40))
@given(strategies.transcripts)
def test_a_text_without_corrections_gives_the_same_transcript(transcript: Transcript) -> None:
    if not lay_out(transcript, EditOptions()).units:
        return
    text = editing.write(transcript, options=EditOptions(mark_uncertain=True))
    assert editing.apply(editing.parse(text, transcript), transcript).transcript is transcript


@dataclass
class Draft:
    """A turn of the model text; a word is its text and, where it stays, its old time."""

    name: str
    stamp: str
    words: list[tuple[str, Span | None]] = field(default_factory=list)


fresh_words = (f"new{number}" for number in range(10**9))


@st.composite
def conversations(draw: st.DrawFn) -> Transcript:
    """Speakers take turns; no word is said twice."""
    names = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=6))
    number = iter(range(10**6))
    texts = [
        "".join(f" w{next(number)}" for _ in range(draw(st.integers(1, 8)))) + draw(st.sampled_from(["", ".", "?"]))
        for _ in names
    ]
    return talk(list(zip(names, texts, strict=True)), pause=draw(st.sampled_from([0.0, 0.6, 3.0])))


def drafts(transcript: Transcript) -> list[Draft]:
    lines = editing.write(transcript).split("## Text\n\n")[1].split("\n\n")
    spans = iter(word.span for word in transcript.words)
    made = []
    for block in lines:
        head, text = block.strip().split("\n")
        name, stamp = re.fullmatch(r"\*\*(.*)\*\* (\[.*\])", head).groups()  # type: ignore[union-attr]
        made.append(Draft(name, stamp, [(token, next(spans)) for token in text.split()]))
    return made


def written(transcript: Transcript, turns: list[Draft]) -> str:
    head = editing.write(transcript).split("## Text")[0]
    blocks = [f"**{turn.name}** {turn.stamp}\n" + " ".join(word for word, _ in turn.words) for turn in turns]
    return head + "## Text\n\n" + "\n\n".join(blocks) + "\n"


def edit_words(draw: st.DrawFn, turns: list[Draft]) -> None:
    turn = draw(st.sampled_from(turns))
    at = draw(st.integers(0, len(turn.words)))
    what = draw(st.sampled_from(["insert", "delete", "replace", "punctuate"]))
    if what == "insert":
        turn.words[at:at] = [(next(fresh_words), None) for _ in range(draw(st.integers(1, 3)))]
    elif what == "delete":
        del turn.words[at : at + draw(st.integers(1, 3))]
    elif at < len(turn.words) and what == "replace":
        turn.words[at] = (next(fresh_words), None)
    elif at < len(turn.words):
        turn.words[at] = (turn.words[at][0] + "!", turn.words[at][1])


def edit_turns(draw: st.DrawFn, turns: list[Draft]) -> None:
    at = draw(st.integers(0, len(turns) - 1))
    what = draw(st.sampled_from(["split", "merge", "rename", "guest", "remove"]))
    if what == "split":
        cut = draw(st.integers(0, len(turns[at].words)))
        turns.insert(at + 1, Draft(draw(st.sampled_from(LABELS)), "", turns[at].words[cut:]))
        del turns[at].words[cut:]
    elif what == "merge" and at + 1 < len(turns):
        turns[at].words += turns.pop(at + 1).words
    elif what == "rename":
        turns[at].name = draw(st.sampled_from(LABELS))
    elif what == "guest":
        turns[at].name = "Guest"
    elif len(turns) > 1:
        del turns[at]


@settings(max_examples=examples(250))
@given(st.data())
def test_words_that_stay_keep_their_times_whatever_is_edited_around_them(data: st.DataObject) -> None:
    transcript = data.draw(conversations())
    turns = drafts(transcript)
    for _ in range(data.draw(st.integers(1, 6))):
        data.draw(st.sampled_from([edit_words, edit_turns]))(data.draw, turns)
    check_result(transcript, turns, moved=False)


@settings(max_examples=examples(120))
@given(st.data())
def test_turns_may_be_moved_and_take_their_times_with_them(data: st.DataObject) -> None:
    transcript = data.draw(conversations())
    turns = data.draw(st.permutations(drafts(transcript)))
    for turn in turns:
        turn.name = data.draw(st.sampled_from([turn.name, *LABELS]))
    check_result(transcript, turns, moved=False)


@settings(max_examples=examples(150))
@given(st.data())
def test_moved_and_edited_nothing_is_lost_and_time_runs_forwards(data: st.DataObject) -> None:
    transcript = data.draw(conversations())
    turns = data.draw(st.permutations(drafts(transcript)))
    for _ in range(data.draw(st.integers(1, 6))):
        data.draw(st.sampled_from([edit_words, edit_turns]))(data.draw, turns)
    check_result(transcript, turns, moved=True)


def check_result(transcript: Transcript, turns: list[Draft], *, moved: bool) -> None:
    expected = [(word, span, turn.name) for turn in turns for word, span in turn.words]
    if not expected:
        with pytest.raises(FormatError):
            editing.apply(editing.parse(written(transcript, turns), transcript), transcript)
        return
    found = editing.apply(editing.parse(written(transcript, turns), transcript), transcript).transcript
    words = [(word, segment) for segment in found.segments for word in segment.words]
    assert [word.text.strip() for word, _ in words] == [text for text, _, _ in expected]
    for (word, segment), (_, span, name) in zip(words, expected, strict=True):
        assert found.name(segment.speaker) == name
        assert word.speaker == segment.speaker
        assert 0 <= word.span.start <= word.span.end
        assert moved or span is None or word.span == span
    old = {word.text.strip(): word for word in transcript.words}
    for word, segment in words:
        same = old.get(word.text.strip())
        assert word.edited == (same is None or same.speaker != segment.speaker or same.span != word.span)
    at = 0
    for turn in turns:  # inside a turn nothing overlaps, and nothing runs backwards
        spans = [word.span for word, _ in words[at : at + len(turn.words)]]
        assert all(left.end <= right.start + 1e-9 for left, right in pairwise(spans))
        at += len(turn.words)
    assert json.loads(json.dumps(found, options=None)).words is not None  # type: ignore[arg-type]


@settings(max_examples=examples(60))
@given(st.data())
def test_what_editors_do_to_lines_is_no_correction(data: st.DataObject) -> None:
    transcript = data.draw(conversations())
    head, body = editing.write(transcript).split("## Text")
    width = data.draw(st.integers(20, 200))
    lines = [part for line in body.split("\n") for part in (textwrap.wrap(line, width) or [""])]
    ends = data.draw(st.lists(st.sampled_from(["", " ", "\t", "\u00a0"]), min_size=len(lines), max_size=len(lines)))
    text = head + "## Text" + "".join(line + end + "\n" for line, end in zip(lines, ends, strict=True))
    text = data.draw(st.sampled_from(["", "\ufeff"])) + text.replace(
        "\n", data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    )
    found = editing.apply(editing.parse(text, transcript), transcript)
    assert found.transcript is transcript, found.changes


def test_the_text_can_be_read_and_says_what_may_be_changed() -> None:
    text = editing.write(TALK.rename({"SPEAKER_00": "Anna"}))
    assert "whisperdiar apply" in text
    assert "\n- SPEAKER_00 = Anna\n" in text
    assert text.endswith("\n**Anna** [00:00:07]\nThat is too long.\n\n**SPEAKER_02** [00:00:10]\nNot yet.\n")


def test_a_corrected_word_takes_the_time_of_the_one_it_replaces() -> None:
    found = corrected(TALK, ("new search", "old, slow search"), ("morning", "evening")).transcript
    (new,) = (word for word in TALK.words if word.text == " new")
    old, slow = (word for word in found.words if word.text in (" old,", " slow"))
    assert (old.span.start, slow.span.end) == (new.span.start, new.span.end)
    assert old.span.end == slow.span.start == pytest.approx(new.span.start + 0.2)
    assert times(found)["evening"] == times(TALK)["morning"]
    assert [word.text for word in found.words if word.edited] == [" evening", " old,", " slow"]
    assert [segment.edited for segment in found.segments] == [True, True, False, False]


def test_as_many_words_as_before_take_the_times_one_by_one() -> None:
    found = corrected(TALK, ("new search", "extraordinarily bad")).transcript
    assert times(found)["extraordinarily"] == times(TALK)["new"]
    assert times(found)["bad"] == times(TALK)["search"]


def test_inserted_words_go_where_there_is_room() -> None:
    found = corrected(TALK, ("Not yet.", "Not really yet. Soon."), ("That is", "Well, that is")).transcript
    assert times(found)["really"] == Span(times(TALK)["Not"].end, times(TALK)["yet."].start)
    assert times(found)["Soon."] == Span(times(TALK)["yet."].end, times(TALK)["yet."].end + 5 * 0.065)
    assert times(found)["that"] == times(TALK)["That"]
    assert times(found)["Well,"].end == times(TALK)["That"].start


def test_a_name_is_changed_in_the_list_by_search_and_replace_or_above_all_turns() -> None:
    for changes in (
        [("- SPEAKER_00 = SPEAKER_00", "- SPEAKER_00 = Anna")],
        [("SPEAKER_00", "Anna")],
        [("**SPEAKER_00**", "**Anna**")],
    ):
        found = corrected(TALK, *changes)
        assert found.transcript.speakers[0] == Speaker("SPEAKER_00", "Anna")
        assert found.transcript.words == TALK.words
        assert found.transcript.turns == TALK.turns
        assert (found.changes.renamed, found.changes.reassigned) == (1, 0)


def test_names_may_be_swapped() -> None:
    named = TALK.rename({"SPEAKER_00": "Anna", "SPEAKER_01": "Boris"})
    found = corrected(named, ("SPEAKER_00 = Anna", "SPEAKER_00 = Boris"), ("SPEAKER_01 = Boris", "SPEAKER_01 = Anna"))
    assert [item.name for item in found.transcript.speakers] == ["Boris", "Anna", "SPEAKER_02"]
    assert found.transcript.segments == named.segments


def test_one_name_for_two_speakers_makes_them_one() -> None:
    found = corrected(TALK, ("- SPEAKER_02 = SPEAKER_02", "- SPEAKER_02 = SPEAKER_00"))
    assert [item.id for item in found.transcript.speakers] == ["SPEAKER_00", "SPEAKER_01"]
    assert [turn.speaker for turn in found.transcript.turns][-2:] == ["SPEAKER_00"] * 2
    assert not any(word.edited for word in found.transcript.words)


def test_turns_follow_the_person_who_speaks() -> None:
    found = corrected(TALK, ("**SPEAKER_02** [00:00:10]", "**SPEAKER_00** [00:00:10]")).transcript
    assert [(turn.span, turn.speaker) for turn in found.turns] == [
        *((turn.span, turn.speaker) for turn in TALK.turns[:3]),
        (TALK.turns[3].span, "SPEAKER_00"),
    ]
    assert [item.id for item in found.speakers] == ["SPEAKER_00", "SPEAKER_01"]
    assert {word.speaker_confidence for word in found.words if word.edited} == {1.0}


def test_a_turn_is_cut_in_the_pause_where_another_speaker_begins() -> None:
    found = corrected(TALK, ("finished the", "\n**Guest**\nfinished the")).transcript
    assert said(found)[1:3] == [("SPEAKER_01", "Sure, yesterday I"), ("Guest", "finished the new search page.")]
    whole, at = TALK.turns[1].span, times(TALK)["finished"].start - 0.05
    first, second = found.turns[1:3]
    assert (first.speaker, second.speaker) == ("SPEAKER_01", "SPEAKER_03")
    assert (first.start, second.end) == (whole.start, whole.end)
    assert first.end == second.start == pytest.approx(at)


def test_deleted_words_are_kept_apart_and_doubts_about_corrected_words_end() -> None:
    doubtful = tuple(
        Uncertain(i, word.span, word.speaker, "SPEAKER_02", 0.4) for i, word in enumerate(TALK.words) if i in (0, 4, 12)
    )
    found = corrected(replace(TALK, uncertain=doubtful), ("Good", "Bad"), (" too", ""), ("yesterday I ", "")).transcript
    assert [(item.text, item.reason) for item in found.dropped] == [
        ("yesterday I", "deleted by a person"),
        ("too", "deleted by a person"),
    ]
    assert [found.words[item.word_index].span for item in found.uncertain] == [item.span for item in found.uncertain]
    assert [found.words[item.word_index].text for item in found.uncertain] == [" is"]


def test_words_are_found_where_they_were_put() -> None:
    found = corrected(TALK, (" yesterday I finished the new", ""), ("Not yet.", "Not yet. Yesterday.")).transcript
    assert times(found)["Yesterday."].start >= times(TALK)["yet."].end
    run = "yesterday I finished the new"
    moved = corrected(TALK, (f" {run}", ""), ("Not yet.", f"{run} Not yet.")).transcript
    assert said(moved)[-2:] == [("SPEAKER_02", run), ("SPEAKER_02", "Not yet.")]
    assert times(moved) == times(TALK)
    back = corrected(TALK, (" too long.", " too"), ("Good morning", "long. Good morning")).transcript
    assert times(back)["long."].end <= times(back)["Good"].start


def test_an_interjection_may_be_moved_behind_the_next_turn() -> None:
    text = talk(
        [
            ("SPEAKER_00", " We agree then."),
            ("SPEAKER_01", " Yeah."),
            ("SPEAKER_00", " So it is."),
            *([("SPEAKER_01", " Yeah.")] * 2),
        ]
    )
    found = corrected(
        text, ("\n**SPEAKER_01** [00:00:03]\nYeah.\n", ""), ("So it is.", "So it is.\n\n**SPEAKER_01**\nYeah.")
    )
    assert found.changes == editing.Changes(resegmented=True)
    assert found.transcript.words == tuple(text.words[i] for i in (0, 1, 2, 4, 5, 6, 3, 7, 8))


def test_turns_that_were_written_anew_stay_where_they_are() -> None:
    text = talk([(LABELS[i % 3], "".join(f" a{i}{j}" for j in range(3 + i))) for i in range(6)])
    draft = drafts(text)
    for number, turn in enumerate(draft):
        turn.words = [(f"b{number}{j}", None) for j in range(12 - 2 * number)]
    draft[0].words[5] = ("a57", None)
    found = editing.apply(editing.parse(written(text, draft), text), text).transcript
    assert [segment.span for segment in found.segments] == [segment.span for segment in text.segments]


def test_scripts_without_spaces_are_corrected_word_by_word() -> None:
    text = talk([("SPEAKER_00", "今日は|会議|を|始めます。"), ("SPEAKER_01", "はい、|分かり|ました。")])
    found = corrected(text, ("会議を", "短い会議を"), ("分かりました", "承知しました")).transcript
    old, new = times(text), times(found)
    assert [word.text for word in found.words][:6] == ["今日は", "短", "い", "会議", "を", "始めます。"]
    assert all(new[word] == old[word] for word in ("今日は", "会議", "を", "始めます。", "はい、", "ました。"))
    assert old["今日は"].end <= new["短"].start
    assert new["い"].end <= old["会議"].start
    assert said(found)[1] == ("SPEAKER_01", "はい、承知しました。")
    wrapped = editing.write(text).replace("会議を", "会議\nを")
    assert editing.apply(editing.parse(wrapped, text), text).transcript is text


def test_a_part_of_a_joined_word_stays() -> None:
    text = talk([("SPEAKER_00", " a well|-known| story")])
    found = corrected(text, ("well-known", "well-liked")).transcript
    assert [(word.text, word.edited) for word in found.words] == [
        (" a", False),
        (" well", False),
        ("-liked", True),
        (" story", False),
    ]


def test_curly_quotes_keep_times() -> None:
    text = talk([("SPEAKER_00", ' I don\'t "know" it.')])
    found = corrected(text, ("don't", "don’t"), ('"know"', "“know”")).transcript
    assert [word.span for word in found.words] == [word.span for word in text.words]
    assert [word.text for word in found.words] == [" I", " don’t", " “know”", " it."]


def test_doubtful_words_are_marked_and_the_marks_may_stay() -> None:
    words = [replace(word, probability=0.2) if word.text == " new" else word for word in TALK.segments[1].words]
    text = replace(TALK, segments=(TALK.segments[0], replace(TALK.segments[1], words=tuple(words))))
    marked = editing.write(text, options=EditOptions(mark_uncertain=True))
    assert "the new(?) search" in marked
    assert editing.apply(editing.parse(marked, text), text).transcript is text


def test_what_looks_like_the_form_is_text_where_it_was_said() -> None:
    text = talk([("SPEAKER_00", " **Anna** [00:00:07] (?) # > - a\\*b \\ _x_ Anna:")])
    assert editing.apply(editing.parse(editing.write(text), text), text).transcript is text
    named = text.rename({"SPEAKER_00": "*A* [1] = \\"})
    assert editing.apply(editing.parse(editing.write(named), named), named).transcript is named


def test_an_own_time_places_a_new_turn() -> None:
    quiet = talk([("SPEAKER_00", " One."), ("SPEAKER_00", " Two.")], pause=20.0)
    found = corrected(
        quiet, ("\n**SPEAKER_00** [00:00:21]", "\n**Guest** [00:00:09]\nOh dear.\n\n**SPEAKER_00** [00:00:21]")
    )
    assert said(found.transcript) == [("SPEAKER_00", "One."), ("Guest", "Oh dear."), ("SPEAKER_00", "Two.")]
    assert found.transcript.segments[1].span.start == 9.0
    assert next(turn for turn in found.transcript.turns if turn.start == 9.0).speaker == "SPEAKER_01"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[00:00:10]", "[soon]", r"line 30: the time cannot be read; write it as \[00:01:02\]"),
        ("[00:00:10]", "[00:00:75]", r"line 30: the time cannot be read"),
        ("## Text", "Dear Anna,", r"line 19: this stands above the first turn"),
        ("- SPEAKER_01 =", "- SPEAKER_00 =", r"line 16: SPEAKER_00 is in the list of speakers twice"),
        (
            "**SPEAKER_02** [00:00:10]",
            "**Guest** [01:00:09]\nHi.\n\n**SPEAKER_02** [00:00:10]",
            r"line 30: the recording",
        ),
    ],
)
def test_errors_name_the_line_and_what_to_do(old: str, new: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        corrected(TALK, (old, new))


def test_a_text_without_turns_or_words_is_refused() -> None:
    with pytest.raises(FormatError, match="no turn up to here"):
        editing.parse("> Good morning\n", TALK)
    head = editing.write(TALK).split("## Text")[0]
    with pytest.raises(FormatError, match="no words are left"):
        editing.apply(editing.parse(head + "\n**Anna** [00:00:01]\n", TALK), TALK)
    with pytest.raises(FormatError, match="no word to correct"):
        editing.write(Transcript("talk", 1.0))


def test_a_text_of_another_recording_is_noticed() -> None:
    other = talk([("SPEAKER_00", " Nothing at all is the same here.")])
    assert (
        "is it the text of this transcript" in editing.apply(editing.parse(editing.write(other), TALK), TALK).notes[0]
    )


def test_what_may_have_been_meant_otherwise_is_asked() -> None:
    named = TALK.rename({"SPEAKER_00": "Anna", "SPEAKER_01": "Boris"})
    found = corrected(named, ("That is", "Boris: That is"), ("Good morning", "Reason: good morning"))
    assert found.notes == ("line 28: Boris: is read as words; to begin a turn, write **Boris** on a line of its own",)
    found = corrected(named, ("**Anna** [00:00:07]", "**Ana** [00:00:07]"), ("**SPEAKER_02**", "**SPEAKER_03**"))
    assert found.notes == ("Ana is taken for a new speaker: if Anna is meant, write that name",)


def test_corrections_can_be_corrected_again() -> None:
    first = corrected(TALK, ("Not yet.", "Not now, no."), ("**SPEAKER_02**", "**Guest**")).transcript
    text = editing.write(first)
    assert editing.apply(editing.parse(text, first), first).transcript is first
    second = editing.apply(editing.parse(text.replace("Not now,", "Not here,"), first), first).transcript
    assert said(second)[-1] == ("Guest", "Not here, no.")
    assert len(second.provenance["edits"]) == 2


def test_words_of_a_long_recording_keep_their_times() -> None:
    chance = random.Random(1)
    vocabulary = [f"word{i}" for i in range(800)]
    turns = [(chance.choice(LABELS), "".join(" " + chance.choice(vocabulary) for _ in range(25))) for _ in range(800)]
    transcript = talk(turns)
    head, body = editing.write(transcript).split("## Text")
    edited = re.sub(r"\bword(\d)\b", lambda match: f"changed{match[1]}", body)
    found = editing.apply(editing.parse(f"{head}## Text{edited}", transcript), transcript)
    assert found.changes.corrected == len(re.findall(r"changed\d", edited)) > 100
    assert all(new.span == old.span for new, old in zip(found.transcript.words, transcript.words, strict=True))


@pytest.mark.nightly
def test_very_many_people_are_written_and_read_with_work_that_grows_with_their_number():
    def work(n: int) -> int:
        people = tuple(Speaker(f"S{i}", f"Person {i // 2}") for i in range(n))
        parts = tuple(Segment((Word(Span(i, i + 0.5), f" word{i}", 1.0, f"S{i}"),), f"S{i}") for i in range(n))
        crowd = Transcript("hall", 3000.0, "en", people, parts)

        def round_trip() -> None:
            assert editing.apply(editing.parse(editing.write(crowd), crowd), crowd).transcript == crowd

        return calls(round_trip)

    work(50)  # what is cached
    assert work(1600) < 6 * work(400)  # 4 times in theory; where every name is compared with every other one, 16 times


def test_times_beyond_ten_thousand_hours_are_read():
    late = Transcript("late", 4e7, "en", (), (Segment((Word(Span(3.96e7, 3.96e7 + 1), " Hi.", 1.0),)),))
    assert editing.apply(editing.parse(editing.write(late), late), late).transcript == late


def test_a_text_is_corrected_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    editing.write_file(TALK, path)
    text = path.read_text("utf-8")
    assert text == editing.write(TALK)
    with pytest.raises(OutputError):
        editing.write_file(TALK, path)
    path.write_bytes(b"\xff\xfe" + text.replace("too long", "much too long").encode("utf-16-le"))
    told: list[str] = []
    found = editing.apply_file(path, TALK, notify=told.append)
    assert "much too long" in " ".join(segment.text for segment in found.transcript.segments)
    path.write_text("# nothing\n")
    with pytest.raises(FormatError, match=r"talk\.md: "):
        editing.apply_file(path, TALK)
    editing.write_file(TALK, path, overwrite=True)
    assert editing.apply_file(path, TALK).transcript == TALK


def test_corrections_that_cannot_be_kept_are_warnings_of_the_transcript(tmp_path: Path) -> None:
    edited = editing.apply(
        editing.parse(editing.write(TALK).replace("too long", "much too long"), TALK), TALK
    ).transcript
    kept = editing.keep_corrections(edited, TALK)
    assert kept.corrections == 1
    assert kept.notes == ()
    other = editing.keep_corrections(edited, replace(TALK, segments=(), start=TALK.duration))
    assert other.corrections == 0
    assert other.notes
    assert [*other.transcript.provenance["warnings"]][-len(other.notes) :] == [*other.notes]
