"""What other programs write and people ask for: words inside segments, speakers of words, times that cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.formats_strategies import example
from whisperdiar.errors import FormatError
from whisperdiar.formats import SeveralRecordings, WriteOptions, by_name
from whisperdiar.transcript import Transcript
from whisperdiar.types import Word


def read(name: str, text: str) -> Transcript:
    reader = by_name(name).read
    assert reader is not None
    return reader(text)


def read_json(name: str, value: Any) -> Transcript:
    return read(name, json.dumps(value))


def told(words: tuple[Word, ...]) -> list[tuple[float, float, str, str | None]]:
    return [(word.start, word.end, word.text, word.speaker) for word in words]


def by_speaker(transcript: Transcript) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in transcript.segments]


def timed(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, **more}


@pytest.mark.parametrize("name", ["verbose-json", "whisperx-json", "diarized-json"])
def test_words_inside_segments_keep_their_times(name: str) -> None:
    words = [timed(" Hello", 0.5, 0.9, probability=0.9), timed(" there.", 4.5, 5.0, probability=0.8)]
    data = {"segments": [{"start": 0.5, "end": 5.0, "text": " Hello there.", "words": words}]}
    found = read_json(name, data).words
    assert told(found) == [(0.5, 0.9, " Hello", None), (4.5, 5.0, " there.", None)]
    assert [word.probability for word in found] == [0.9, 0.8]


def test_words_of_whisper_timestamped_are_called_text() -> None:
    words = [{"text": "Hello", "start": 0.5, "end": 0.9, "confidence": 0.7}]
    found = read_json("whisperx-json", {"segments": [{"start": 0, "end": 5, "text": " Hello", "words": words}]}).words
    assert told(found) == [(0.5, 0.9, " Hello", None)]
    assert found[0].probability == 0.7


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("verbose-json", {"words": [{"text": "Hi", "start": 100}]}, r"^words\[0\]\.word: .* has text, start"),
        ("verbose-json", {"segments": [{"start": 0, "end": 1, "txt": "Hi"}]}, r"^segments\[0\]\.text: .* end, txt"),
        ("verbose-json", {"text": "Hello.", "segments": []}, "has a text, and neither segments nor words"),
        ("diarized-json", {"text": "Hello.", "segments": []}, "has a text and no segments"),
        ("diarized-json", {"segments": [{"start": 0, "end": 1, "speaker": "A"}]}, r"^segments\[0\]\.text"),
        ("whisperx-json", {"segments": [{"start": 0, "end": 1, "words": [{"w": "a"}]}]}, r"^segments\[0\]\.words\[0\]"),
        ("whisperx-json", {"segments": [{"start": 0, "end": "NaN", "text": "a"}]}, r"^segments\[0\]\.end: .*'NaN'"),
        ("seglst", [{"session_id": "a", "start_time": 0, "end_time": 1, "text": "Hi"}], r"^\[0\]\.words: "),
    ],
)  # fmt: skip
def test_text_that_nobody_would_read_is_an_error(name: str, data: Any, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read_json(name, data)


def test_turns_of_seglst_need_no_words() -> None:
    found = read_json("seglst", [{"session_id": "a", "speaker": "A", "start_time": 0, "end_time": 1}])
    assert (len(found.turns), found.segments) == (1, ())


def test_a_segment_of_two_speakers_is_cut_where_the_words_change_speaker() -> None:
    words = [
        timed("Do", 0, 0.2, speaker="A"),
        timed("you?", 0.2, 1.0, speaker="A"),
        timed("Yes,", 1.1, 1.4, speaker="B"),
        timed("do.", 1.5, 1.8, speaker="B"),
    ]
    for own in ({"speaker": "A"}, {}):
        data = {"segments": [{"start": 0, "end": 1.8, "text": "Do you? Yes, do.", "words": words, **own}]}
        found = read_json("whisperx-json", data)
        assert by_speaker(found) == [("A", "Do you?"), ("B", "Yes, do.")]
        assert [speaker.id for speaker in found.speakers] == ["A", "B"]
        assert [(turn.speaker, turn.start, turn.end) for turn in found.turns] == [("A", 0, 1.0), ("B", 1.1, 1.8)]


def test_a_word_without_a_speaker_is_that_of_the_word_before() -> None:
    words = [
        {"word": "Well,"},
        timed("he", 0.1, 0.3, speaker="A"),
        {"word": "$43,000."},
        timed("In", 1.5, 1.7, speaker="B"),
        {"word": "2016."},
    ]
    said = "Well, he $43,000. In 2016."
    data = {"segments": [{"start": 0, "end": 3.0, "text": said, "speaker": "A", "words": words}]}
    assert by_speaker(read_json("whisperx-json", data)) == [("A", "Well, he $43,000."), ("B", "In 2016.")]


def test_speakers_of_words_stay_where_the_text_was_corrected() -> None:
    words = [timed("Do", 0, 0.5, speaker="A"), timed("yes.", 1.1, 1.8, speaker="B")]
    data = {"segments": [{"start": 0, "end": 1.8, "text": "Do you? Oh, yes.", "speaker": "A", "words": words}]}
    assert by_speaker(read_json("whisperx-json", data)) == [("A", "Do you?"), ("B", "Oh, yes.")]

    data["segments"][0]["text"] = "Do you oh, yes."
    assert by_speaker(read_json("whisperx-json", data)) == [("A", "Do you oh,"), ("B", "yes.")]


def test_words_of_whisperx_without_segments_are_read() -> None:
    words = [timed("Hello", 0, 1, speaker="A"), {"word": "there"}, timed("Bye.", 5, 6, speaker="B")]
    found = read_json("whisperx-json", {"segments": [], "word_segments": words})
    assert by_speaker(found) == [("A", "Hello there"), ("B", "Bye.")]


WARNED = "this time cannot be, so it was mended from the neighbours"


@pytest.mark.parametrize("end", [0.35, 500.0])
def test_one_bad_word_moves_nothing_else(end: float) -> None:
    words = [timed("Do", 0, 0.2), timed("know", 0.4, end), timed("that?", 0.6, 1.0)]
    found = read_json("whisperx-json", {"segments": [{"start": 0, "end": 1, "text": "Do know that?", "words": words}]})
    assert told(found.words) == [(0, 0.2, " Do", None), (0.2, 0.6, " know", None), (0.6, 1.0, " that?", None)]
    assert found.provenance["warnings"] == [f"segments[0].words[1] (0.4 to {end:g}): {WARNED}"]


def test_one_bad_segment_moves_nothing_else() -> None:
    texts = [(0, 1, "One."), (1.5, 0.5, "Two."), (2, 3, "Three.")]
    data = {"segments": [{"start": start, "end": end, "text": text} for start, end, text in texts]}
    found = read_json("verbose-json", data)
    assert told(found.words) == [(0, 1, " One.", None), (1.5, 2, " Two.", None), (2, 3, " Three.", None)]
    assert found.provenance["warnings"] == [f"segments[1] (1.5 to 0.5): {WARNED}"]


def test_words_are_not_spread_over_an_end_far_behind_the_next_start() -> None:
    data = {
        "segments": [
            {"start": 0, "end": 109, "text": "A few words."},
            {"start": 3, "end": 4, "text": "Then more."},
        ]
    }
    words = read_json("verbose-json", data).words
    assert [word.text for word in words] == [" A", " few", " words.", " Then", " more."]
    assert words[2].end == 3


@pytest.mark.parametrize("name", ["stm", "seglst"])
def test_one_bad_line_moves_nothing_else(name: str) -> None:
    texts = [("0", "1", "One."), ("1.5", "0.5", "Two."), ("2", "3", "Three.")]
    if name == "stm":
        text = "".join(f"a 1 A {start} {end} <o> {said}\n" for start, end, said in texts)
    else:
        keys = ("start_time", "end_time", "words")
        text = json.dumps([{"session_id": "a", "speaker": "A", **dict(zip(keys, item, strict=True))} for item in texts])
    found = read(name, text)
    assert told(found.words) == [(0, 1, " One.", "A"), (1.5, 2, " Two.", "A"), (2, 3, " Three.", "A")]
    assert found.provenance["warnings"] == [f"{'line 2' if name == 'stm' else '[1]'} (1.5 to 0.5): {WARNED}"]


SEVERAL = {
    "csv": "recording,start,end,speaker,text\none,0,1,A,hello\ntwo,0,1,B,hi\n",
    "tsv": "recording\tstart\tend\tspeaker\ttext\none\t0\t1\tA\thello\ntwo\t0\t1\tB\thi\n",
    "rttm": "SPEAKER one 1 0 1 <NA> <NA> A <NA> <NA>\nSPEAKER two 1 0 1 <NA> <NA> B <NA> <NA>\n",
    "stm": "one 1 A 0 1 <o> hello\ntwo 1 B 0 1 <o> hi\n",
    "ctm": "one 1 0 1 hello\ntwo 1 0 1 hi\n",
    "seglst": json.dumps(
        [
            {"session_id": name, "speaker": who, "start_time": 0, "end_time": 1, "words": said}
            for name, who, said in (("one", "A", "hello"), ("two", "B", "hi"))
        ]
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_one_of_several_recordings_can_be_asked_for(name: str) -> None:
    form = by_name(name)
    assert form.read_recording is not None
    with pytest.raises(SeveralRecordings, match=r"2 recordings in one file \(one, two\)") as caught:
        read(name, SEVERAL[name])
    assert caught.value.recordings == ("one", "two")
    found = form.read_recording(SEVERAL[name], recording_id="two")
    assert found.recording_id == "two"
    assert name in ("ctm",) or [turn.speaker for turn in found.turns] == ["B"]
    assert name == "rttm" or [segment.text for segment in found.segments] == ["hi"]
    with pytest.raises(FormatError, match=r"no recording 'three' in this file; it holds: one, two"):
        form.read_recording(SEVERAL[name], recording_id="three")


@pytest.mark.parametrize(
    "text",
    [
        "Start;End;Speaker;Text\n1,5;2,5;Anna;so; what\n".replace("so; what", '"so; what"'),
        "\ufeffstart\tend\tspeaker\tmood\ttext\n00:01.5\t0:00:02,500\tAnna\tcalm\tso; what\n",
        'begin,stop,name,word\r\n1.5,2.5,Anna,"so; what"\r\n\r\n',
    ],
)
def test_tables_of_others_are_read_by_their_header(text: str) -> None:
    found = read("csv", text)
    assert by_speaker(found) == [("Anna", "so; what")]
    assert (found.words[0].start, found.words[-1].end) == (1.5, 2.5)


def test_words_in_a_table_without_segments_are_joined_at_pauses() -> None:
    rows = ["0.0\t0.4\tA\tSo", "0.2\t0.5\tB\tyes", "0.4\t0.9\tA\twhat", "5.0\t5.5\tA\tnext"]
    found = read("tsv", "start\tend\tspeaker\tword\n" + "".join(f"{row}\n" for row in rows))
    assert by_speaker(found) == [("A", "So what"), ("B", "yes"), ("A", "next")]


def test_the_table_of_whispers_command_line_is_in_milliseconds() -> None:
    assert told(read("tsv", "start\tend\ttext\n0\t1500\tHello\n").words) == [(0, 1.5, " Hello", None)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", r"^line 1: expected a header .* there is no start"),
        ("start,end,text,words\n", r"^line 1: two columns of this header are a text"),
        ("start,end,text\n0,1\n", r"^line 2: 2 cells, where the header has 3"),
        ("start,end,text\n0,1,so,what\n", r"^line 2: 4 cells"),
        ("start,end,text\n0,soon,so\n", r"^line 2: expected a start and an end"),
        ('start,end,text\n0,1,"so\n', r"^line 2: this is no table"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(text: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        read("csv", text)


def test_cells_with_semicolons_are_quoted() -> None:
    written = by_name("csv").dumps(example(text=" so; what"), options=WriteOptions())
    assert isinstance(written, str)
    assert written.splitlines()[1] == 'talk,1,1.000,2.000,SPEAKER_00,"so; what"'


def test_columns_of_the_rich_transcription_evaluations() -> None:
    text = (
        ";; a comment\n"
        "talk 1 0.10 0.20 so 0.9 lex Anna\n"
        "talk 1 0.30 0.20 uh 0.8 fp Anna\n"
        "talk 1 0.50 0.20 {laugh} 0.8 non-lex Anna\n"
        "talk 1 0.60 0.20 <eps> 1.0\n"
        "talk 1 0.70 0.20 yes NA lex null\n"
        "talk 2 0.35 0.20 well 0.7 lex Ben\n"
        "talk 2 * * <ALT_BEGIN>\n"
        "talk 2 0.60 0.20 going 0.7 lex Ben\n"
        "talk 2 * * <ALT>\n"
        "talk 2 0.60 0.20 gonna 0.7 lex Ben\n"
        "talk 2 * * <ALT_END>\n"
        "talk 2 0.90 0.20 on 0.7 lex Ben\n"
    )
    found = read("ctm", text)
    assert by_speaker(found) == [("Anna", "so uh"), ("Ben", "well going on"), (None, "yes")]
    assert [word.probability for word in found.words][:2] == [0.9, 0.8]


def test_tiers_of_one_name_are_all_read() -> None:
    def tier(name: str, *marks: tuple[float, float, str]) -> str:
        rows = "\n".join(f'{start}\n{end}\n"{text}"' for start, end, text in marks)
        return f'"IntervalTier"\n"{name}"\n0\n9\n{len(marks)}\n{rows}\n'

    tiers = [
        tier("S1", (0, 2, "hello there")),
        tier("S1", (2, 5, "same name")),
        tier("words", (5, 6, "sil"), (6, 7, "one"), (7, 7.5, "sp")),
        tier("words", (7.5, 8, "two")),
        tier("words@S1", (0, 1, "hello"), (1, 2, "there")),
        tier("words@S1", (2, 3, "same"), (3, 4, "name")),
    ]
    text = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n{len(tiers)}\n' + "".join(tiers)
    found = read("textgrid", text)
    assert by_speaker(found) == [("S1", "hello there"), ("S1", "same name"), (None, "one"), (None, "two")]
    assert [(word.start, word.end) for word in found.words[:4]] == [(0, 1), (1, 2), (2, 3), (3, 4)]


@pytest.mark.parametrize("mark", ["sp", "sil", "<eps>", "SIL"])
def test_silence_of_forced_aligners_is_no_word(mark: str) -> None:
    rows = f'0\n1\n"{mark}"\n1\n2\n"so"\n'
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2\n<exists>\n1\n'
    tier = '"IntervalTier"\n"A - words"\n0\n2\n2\n'
    assert by_speaker(read("textgrid", head + tier + rows)) == [("A", "so")]


def test_words_that_look_like_silence_are_read_from_our_own_tiers() -> None:
    for name in ("textgrid", "eaf"):
        talk = example(text=" sil")
        written = by_name(name).dumps(talk, options=WriteOptions())
        assert isinstance(written, str)
        assert [word.text for word in read(name, written).words] == [" sil"]


def eaf(tiers: str, media: str = "") -> str:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="t{i}" TIME_VALUE="{i * 1000}"/>' for i in range(5))
    return f"<ANNOTATION_DOCUMENT><HEADER>{media}</HEADER><TIME_ORDER>{slots}</TIME_ORDER>{tiers}</ANNOTATION_DOCUMENT>"


def aligned(own: str, first: int, text: str) -> str:
    slots = f'TIME_SLOT_REF1="t{first}" TIME_SLOT_REF2="t{first + 1}"'
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{own}" {slots}>'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def referring(own: str, parent: str, text: str) -> str:
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{own}" ANNOTATION_REF="{parent}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def test_text_below_an_empty_tier_is_read_and_what_is_left_out_is_told() -> None:
    tiers = (
        f'<TIER TIER_ID="ref@A" PARTICIPANT="Anna">{aligned("a1", 0, "")}{aligned("a2", 1, "")}</TIER>'
        f'<TIER TIER_ID="tx@A" PARENT_REF="ref@A">{referring("a3", "a1", "moin")}{referring("a4", "a2", "ja")}</TIER>'
        f'<TIER TIER_ID="ft@A" PARENT_REF="tx@A">{referring("a5", "a3", "good day")}</TIER>'
        f'<TIER TIER_ID="B">{aligned("a6", 2, "nein")}</TIER><TIER TIER_ID="B">{aligned("a7", 3, "doch")}</TIER>'
    )
    found = read("eaf", eaf(tiers))
    assert by_speaker(found) == [("Anna", "moin"), ("Anna", "ja"), ("B", "nein"), ("B", "doch")]
    assert found.provenance["notes"] == ["dependent tiers that are not read: ft@A"]


def test_words_two_tiers_below_are_those_of_the_top_tier() -> None:
    tiers = (
        f'<TIER TIER_ID="ref@A" PARTICIPANT="Anna">{aligned("a1", 0, "")}</TIER>'
        f'<TIER TIER_ID="tx@A" PARENT_REF="ref@A">{referring("a2", "a1", "guten Tag")}</TIER>'
        f'<TIER TIER_ID="words" PARENT_REF="tx@A">{referring("a3", "a2", "guten")}{referring("a4", "a2", "Tag")}</TIER>'
    )
    found = read("eaf", eaf(tiers))
    assert by_speaker(found) == [("Anna", "guten Tag")]
    assert len(found.words) == 2


def test_times_of_elan_count_from_the_start_of_the_recording() -> None:
    tiers = f'<TIER TIER_ID="A">{aligned("a1", 1, "hello")}</TIER>'
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="x.wav" MIME_TYPE="audio/x-wav" TIME_ORIGIN="2500"/>'
    assert told(read("eaf", eaf(tiers, media)).words) == [(3.5, 4.5, " hello", "A")]
    with pytest.raises(FormatError, match="TIME_ORIGIN 'soon'"):
        read("eaf", eaf(tiers, media.replace("2500", "soon")))


@pytest.mark.parametrize(("units", "end"), [("PAL-frames", 80.0), ("NTSC-frames", 2002 / 30)])
def test_times_of_elan_in_frames(units: str, end: float) -> None:
    text = eaf(f'<TIER TIER_ID="A">{aligned("a1", 1, "hello")}</TIER>').replace(
        "<HEADER>", f'<HEADER TIME_UNITS="{units}">'
    )
    assert read("eaf", text).words[0].end == pytest.approx(end)
    with pytest.raises(FormatError, match="times in 'hours'"):
        read("eaf", text.replace(units, "hours"))
