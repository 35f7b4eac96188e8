"""Manifests of data sets: corpora in their own formats, checks, statistics, lhotse."""

from __future__ import annotations

import gzip
import html
import json
import re
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperdiar.datasets import (
    Recording,
    check_recordings,
    convert_audio,
    parse_uem,
    read_corpus,
    read_lhotse,
    read_manifest,
    read_turns,
    read_uem,
    write_lhotse,
    write_manifest,
)
from whisperdiar.datasets.transcriptions import NxtElement, clean_chat, fill_times
from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.exchange import read
from whisperdiar.media import load
from whisperdiar.types import Span

NITE = 'xmlns:nite="http://nite.sourceforge.net/"'


def sound(path: Path, seconds: float = 4.0, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (np.random.default_rng(1).normal(0, 900, (round(seconds * 16000), channels))).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(samples.tobytes())
    return path


def text(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding)
    return path


def turns_of(item: Recording) -> list[tuple[float, float, str]]:
    found = read_turns(item)
    assert found is not None
    return [(turn.start, turn.end, turn.speaker) for turn in found.turns]


def said_in(item: Recording) -> list[tuple[str | None, str]]:
    assert item.words is not None
    return [(segment.speaker, segment.text.strip()) for segment in read(item.words).segments]


NAMES = st.text("abcXYZ012-_.é", min_size=1, max_size=12).filter(lambda name: name.strip(".") == name)


@given(
    st.lists(
        st.builds(
            Recording,
            id=NAMES,
            audio=st.builds(lambda name: Path("/data") / name, NAMES),
            channel=st.none() | st.integers(1, 8),
            duration=st.none() | st.integers(0, 10**7).map(lambda ms: ms / 1000),
            language=st.none() | st.sampled_from(["en", "ru"]),
            kind=st.none() | st.text(max_size=5),
            extra=st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=3),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda item: item.id,
    )
)
def test_a_manifest_reads_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, items: list[Recording]
) -> None:
    path = tmp_path_factory.mktemp("m") / "manifest.jsonl"
    write_manifest(items, path)
    assert list(read_manifest(path)) == items
    assert len(path.read_text("utf-8").splitlines()) >= len(items)


def test_paths_below_the_manifest_move_with_it(tmp_path: Path) -> None:
    one = tmp_path / "one"
    write_manifest([Recording(id="a", audio=sound(one / "a.wav"))], one / "m.jsonl")
    one.rename(tmp_path / "two")
    assert read_manifest(tmp_path / "two" / "m.jsonl")[0].audio == tmp_path / "two" / "a.wav"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "line 1: this is no JSON object"),
        ('["a"]', "line 1: this is no JSON object"),
        ('{"id": "a"}', "no 'audio'"),
        ('{"id": "a", "audio": "a.wav", "word": "x"}', "did you mean 'words'"),
        ('{"id": "a b", "audio": "a.wav"}', "without white space"),
        ('{"id": "a", "audio": "a.wav", "channel": 0}', "from 1 on"),
        ('{"id": "a", "audio": "a.wav", "duration": -1}', "number of seconds"),
        ('{"id": "a", "audio": 3}', "give a text"),
        ('{"id": "a", "audio": "a.wav"}\n{"id": "a", "audio": "b.wav"}', "two recordings have the id 'a'"),
        ('{"id": "a", "sources": []}', "whisperdiar data lhotse"),
        ("", "lists no recording"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_in_a_line(tmp_path: Path, line: str, told: str) -> None:
    path = text(tmp_path / "m.jsonl", line)
    with pytest.raises(FormatError, match=told) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_rttm_serves_many_recordings_and_one_that_lacks_ours_is_refused(tmp_path: Path) -> None:
    path = text(
        tmp_path / "all.rttm",
        "SPEAKER a 1 0 1 <NA> <NA> X <NA> <NA>\nSPEAKER b 1 2 1 <NA> <NA> Y <NA> <NA>\n",
    )
    assert turns_of(Recording(id="b", audio=path, turns=path)) == [(2.0, 3.0, "Y")]
    with pytest.raises(FormatError, match="none of its 2 recordings is 'c'"):
        read_turns(Recording(id="c", audio=path, turns=path))


def test_uem(tmp_path: Path) -> None:
    path = text(tmp_path / "a.uem", ";; comment\na 1 5.0 9\na 1 0.0 2.5\n")
    assert read_uem(Recording(id="a", audio=path, uem=path)) == (Span(0.0, 2.5), Span(5.0, 9.0))
    for broken in ("a 1 0", "a 1 3 2", "a 1 0 nan", "a 1 0 1 2"):
        with pytest.raises(FormatError, match="line 1"):
            parse_uem(broken)


WORDS = f"""<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>
<nite:root nite:id="ES1.A.words" {NITE}>
 <w nite:id="ES1.A.words0" starttime="0.5" endtime="0.9">Caf\xe9</w>
 <w nite:id="ES1.A.words1" starttime="0.9" endtime="0.9" punc="true">,</w>
 <w nite:id="ES1.A.words2" starttime="0.9" endtime="1.5">yes</w>
 <vocalsound nite:id="ES1.A.words3" starttime="2.0" endtime="2.4" type="laugh"/>
 <w nite:id="ES1.A.words4" starttime="3.0" endtime="3.5">good</w>
 <w nite:id="ES1.A.words5">untimed</w>
</nite:root>"""
SEGMENTS = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<nite:root nite:id="ES1.A.segs" {NITE}>
 <segment nite:id="s0" transcriber_start="0.2" transcriber_end="3.6">
  <nite:child href="ES1.A.words.xml#id(ES1.A.words0)..id(ES1.A.words3)"/></segment>
 <segment nite:id="s1"><nite:child href="ES1.A.words.xml#id(ES1.A.words4)"/></segment>
</nite:root>"""


def ami(folder: Path) -> Path:
    text(folder / "words/ES1.A.words.xml", WORDS, "latin-1")
    text(folder / "segments/ES1.A.segments.xml", SEGMENTS, "latin-1")
    other = f'<r {NITE}><w nite:id="ES1.B.words0" starttime="1.2" endtime="2.2">no</w></r>'
    text(folder / "words/ES1.B.words.xml", other)
    text(
        folder / "corpusResources/meetings.xml",
        '<m><meeting observation="ES1"><speaker nxt_agent="A" global_name="MEE001"/></meeting></m>',
    )
    sound(folder / "audio/ES1.Mix-Headset.wav")
    sound(folder / "audio/ES1.Array1-01.wav")
    return folder


def test_ami(tmp_path: Path) -> None:
    folder, references = ami(tmp_path / "ami"), tmp_path / "out" / "references"
    (item,) = read_corpus("ami", folder, references=references)
    assert (item.id, item.audio.name, item.language, item.kind) == ("ES1", "ES1.Mix-Headset.wav", "en", "meeting")
    assert turns_of(item) == [(0.5, 1.5, "MEE001"), (1.2, 2.2, "ES1_B"), (3.0, 3.5, "MEE001")]
    assert said_in(item) == [("MEE001", "Café, yes"), ("ES1_B", "no"), ("MEE001", "good")]
    times = read(references.parent / item.extra["word_times"]).segments[0].words
    assert [(word.start, word.end, word.text) for word in times] == [(0.5, 0.9, " Café,"), (0.9, 1.5, " yes")]


def test_ami_references_are_named_apart(tmp_path: Path) -> None:
    folder, references = ami(tmp_path / "ami"), tmp_path / "references"
    (sounds,) = read_corpus("ami", folder, references=references, reference="words_and_vocal_sounds")
    assert (2.0, 2.4, "MEE001") in turns_of(sounds)
    (cut,) = read_corpus("ami", folder, references=references, reference="segments", microphone="distant")
    assert turns_of(cut)[0] == (0.5, 1.5, "MEE001")
    assert cut.audio.name == "ES1.Array1-01.wav"
    with pytest.raises(FormatError, match="no RTTM of a forced alignment of ES1"):
        read_corpus("ami", folder, references=references, reference="forced_aligned")
    text(folder / "forced_aligned/ES1.rttm", "SPEAKER ES1 1 0.6 0.7 <NA> <NA> MEE001 <NA> <NA>\n")
    (forced,) = read_corpus("ami", folder, references=references, reference="forced_aligned")
    assert turns_of(forced) == [(0.6, 1.3, "MEE001")]
    assert len({item.turns for item in (sounds, cut, forced)}) == 3


def test_an_xml_bomb_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>'
    text(tmp_path / "words/X.A.words.xml", bomb)
    with pytest.raises(FormatError, match="defines entities"):
        read_corpus("ami", tmp_path, references=tmp_path / "r")


def test_voxconverse_and_dihard(tmp_path: Path) -> None:
    line = "SPEAKER {0} 1 0.5 1.0 <NA> <NA> spk00 <NA> <NA>\n"
    vox = tmp_path / "vox"
    text(vox / "dev/abjxc.rttm", line.format("abjxc"))
    text(vox / "test/aepyx.rttm", line.format("aepyx"))
    sound(vox / "audio/abjxc.wav")
    sound(vox / "audio/aepyx.wav")
    found = read_corpus("voxconverse", vox, references=tmp_path)
    assert [(item.id, item.split, item.language) for item in found] == [("abjxc", "dev", "en"), ("aepyx", "test", "en")]
    assert turns_of(found[0]) == [(0.5, 1.5, "spk00")]
    hard = tmp_path / "LDC_dev"
    sound(hard / "data/flac/DH_DEV_0001.wav")
    text(hard / "data/rttm/DH_DEV_0001.rttm", line.format("DH_DEV_0001"))
    text(hard / "data/uem/DH_DEV_0001.uem", "DH_DEV_0001 1 0.000 4.000\n")
    text(hard / "docs/recordings.tbl", "uri in_core lang domain\nDH_DEV_0001 True eng clinical LDC x x x x\n")
    (item,) = read_corpus("dihard", hard, references=tmp_path)
    assert (item.kind, item.language, item.extra) == ("clinical", "en", {"in_core": True})
    assert read_uem(item) == (Span(0.0, 4.0),)


def test_callhome_of_the_ldc_and_of_talkbank(tmp_path: Path) -> None:
    sound(tmp_path / "a/en_4065.wav")
    text(
        tmp_path / "a/en_4065.txt",
        "# en_4065\n\n0.50 1.50 A: {laugh} hello %um there\n  my friend\n1.60 2.00 B: &Bob?\n",
    )
    (item,) = read_corpus("callhome", tmp_path / "a", references=tmp_path / "r")
    assert turns_of(item) == [(0.5, 1.5, "A"), (1.6, 2.0, "B")]
    assert said_in(item) == [("A", "hello um there my friend"), ("B", "Bob?")]
    sound(tmp_path / "b/4092.wav")
    chat = (
        "@Begin\n*A:\thello &=laughs\n\t(th)ere . \x15500_1500\x15\n%com:\tco|hello\n"
        "*B:\tyeah [/] yeah . \x151600_2000\x15\n@End\n"
    )
    text(tmp_path / "b/4092.cha", chat)
    (item,) = read_corpus("callhome", tmp_path / "b", references=tmp_path / "r")
    assert turns_of(item) == [(0.5, 1.5, "A"), (1.6, 2.0, "B")]
    assert [who for who, _ in said_in(item)] == ["A", "B"]
    assert said_in(item)[1][1] == "yeah yeah."


def test_icsi_in_both_its_forms(tmp_path: Path) -> None:
    mrt = """<Meeting Session="Bdb001"><Preamble/><Transcript>
      <Segment StartTime="0.5" EndTime="1.5" Participant="me011">Yeah, <Emphasis>we</Emphasis> know.</Segment>
      <Segment StartTime="1.6" EndTime="1.9" Participant="fe016"><VocalSound Description="laugh"/></Segment>
      <Segment StartTime="2.0" EndTime="2.5"><NonVocalSound Description="door"/></Segment>
    </Transcript></Meeting>"""
    text(tmp_path / "a/Bdb001.mrt", mrt)
    sound(tmp_path / "a/Bdb001/chan6.wav")
    (item,) = read_corpus("icsi", tmp_path / "a", references=tmp_path / "r")
    assert turns_of(item) == [(0.5, 1.5, "me011")]
    assert said_in(item) == [("me011", "Yeah, we know.")]
    assert item.audio.name == "chan6.wav"
    text(tmp_path / "b/Words/Bdb001.A.words.xml", WORDS.replace("ES1", "Bdb001"), "latin-1")
    segs = SEGMENTS.replace("ES1", "Bdb001").replace('nite:id="s0"', 'nite:id="s0" participant="me011"')
    text(tmp_path / "b/Segments/Bdb001.A.segs.xml", segs)
    (item,) = read_corpus("icsi", tmp_path / "b", references=tmp_path / "r2")
    assert said_in(item)[0] == ("me011", "Café, yes")


ICSI_WORDS = f"""<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>
<nite:root nite:id="Bmr1.A.words" {NITE}>
 <w nite:id="Bmr1.w.998" c="W" starttime="1.0" endtime="1.2">O_K</w>
 <w nite:id="Bmr1.w.999" c="CM">,</w>
 <w nite:id="Bmr1.w.1,000" c="W" starttime="1.2">you</w>
 <w nite:id="Bmr1.w.1,003" c="W" endtime="1.6">'re</w>
 <pause nite:id="Bmr1.pause.7"/>
 <w nite:id="Bmr1.w.1,004" c="W" starttime="1.6" endtime="1.8">mm</w>
 <w nite:id="Bmr1.w.1,005" c="HYPH">-</w>
 <w nite:id="Bmr1.w.1,006" c="W" starttime="1.8" endtime="2.0">hmm</w>
 <w nite:id="Bmr1.w.1,007" c=".">.</w>
 <vocalsound nite:id="Bmr1.vocalsound.3" starttime="2.1" endtime="2.3" description="laugh"/>
 <w nite:id="Bmr1.w.1,010" c="CD" starttime="" endtime="">two</w>
 <w nite:id="Bmr1.w.1,011" c="SYM">@@</w>
 <w nite:id="Bmr1.w.1,012" c="CD">four</w>
</nite:root>"""
ICSI_SEGMENTS = f"""<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>
<nite:root nite:id="Bmr1.A.segs" {NITE}>
 <segment nite:id="s.1" starttime="1.0" endtime="2.4" participant="me011">
  <nite:child href="Bmr1.A.words.xml#id(Bmr1.w.998)..id(Bmr1.vocalsound.3)"/></segment>
 <segment nite:id="s.2" type="supersegment" participant="me011">
  <segment nite:id="s.3" starttime="5.0" endtime="6.4" participant="me011">
   <nite:child href="Bmr1.A.words.xml#id(Bmr1.w.1,010)..id(Bmr1.w.1,012)"/></segment></segment>
 <segment nite:id="s.4" starttime="7.0" endtime="7.5" participant="me011"/>
</nite:root>"""


def test_icsi_pieces_become_words_and_words_without_times_share_their_segment(tmp_path: Path) -> None:
    """Ids with commas that run over all speakers, classes in place of `punc`, segments within segments."""
    text(tmp_path / "Words/Bmr1.A.words.xml", ICSI_WORDS, "latin-1")
    text(tmp_path / "Segments/Bmr1.A.segs.xml", ICSI_SEGMENTS, "latin-1")
    sound(tmp_path / "Bmr1.interaction.wav", 8.0)
    (item,) = read_corpus("icsi", tmp_path, references=tmp_path / "r")
    assert item.audio.name == "Bmr1.interaction.wav"
    assert said_in(item) == [("me011", "OK, you're mm-hmm."), ("me011", "two four")]
    assert turns_of(item) == [(1.0, 2.0, "me011"), (5.0, 6.4, "me011")]
    words = [word for segment in read(tmp_path / item.extra["word_times"]).segments for word in segment.words]
    assert [(word.start, word.end, word.text.strip()) for word in words] == [
        (1.0, 1.2, "OK,"),
        (1.2, 1.6, "you're"),
        (1.6, 2.0, "mm-hmm."),
        (5.0, 5.6, "two"),
        (5.6, 6.4, "four"),
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_no_word_of_a_segment_is_lost_whatever_times_are_missing(drawn: list[tuple[int, bool, bool]]) -> None:
    elements, clock = [], 0.0
    for number, (length, has_start, has_end) in enumerate(drawn):
        start, end = clock if has_start else None, clock + length if has_end else None
        elements.append(NxtElement(f"w{number}", "word", start, end))
        clock += length
    words = fill_times(elements, 0.0, clock)
    assert len(words) == len(drawn)
    assert all(one.end <= two.start + 1e-9 for one, two in pairwise(words))
    assert (words[0].start, words[-1].end) == (0.0, pytest.approx(clock))
    for word, item in zip(words, elements, strict=True):
        assert item.start is None or word.start == pytest.approx(item.start)
        assert item.end is None or word.end == pytest.approx(item.end)


def test_words_of_real_meetings_come_back_from_their_annotation(tmp_path: Path) -> None:
    """Words and times that people gave to AMI meetings, in the layout in which AMI distributes them."""
    folder = Path(__file__).parents[3] / "shared" / "ami"
    if not folder.is_dir():
        pytest.skip("the words of AMI meetings are not here")
    rows = [line.split("\t") for line in (folder / "ES2002a.words.tsv").read_text("utf-8").splitlines()[1:]]
    for agent, speaker in enumerate(sorted({row[2] for row in rows})):
        lines = []
        for start, end, _, word in (row for row in rows if row[2] == speaker):
            said, marks = re.fullmatch(r"(.*?)([.,?!]*)", word).groups()  # type: ignore[union-attr]
            name = f"ES2002a.{'ABCD'[agent]}.words"
            lines.append(f'<w nite:id="{name}{len(lines)}" starttime="{start}" endtime="{end}">{html.escape(said)}</w>')
            if marks:
                lines.append(
                    f'<w nite:id="{name}{len(lines)}" starttime="{end}" endtime="{end}" punc="true">{marks}</w>'
                )
        document = f'<?xml version="1.0" encoding="ISO-8859-1"?><r {NITE}>{"".join(lines)}</r>'
        text(tmp_path / f"words/ES2002a.{'ABCD'[agent]}.words.xml", document, "latin-1")
        names = f'<speaker nxt_agent="{"ABCD"[agent]}" global_name="{speaker}"/>'
        text(tmp_path / f"{agent}/meetings.xml", f'<m><meeting observation="ES2002a">{names}</meeting></m>')
    (item,) = read_corpus("ami", tmp_path, references=tmp_path / "references")
    found = read(tmp_path / item.extra["word_times"]).segments
    heard = {
        (round(word.start, 2), round(word.end, 2), segment.speaker, word.text.strip())
        for segment in found
        for word in segment.words
    }
    # AMI spells letters as T_V_.
    spoken = [(*row[:3], row[3].replace("_", "")) for row in rows if any(map(str.isalnum, row[3]))]
    wanted = {(float(start), float(end), who, word) for start, end, who, word in spoken}
    assert heard ^ wanted == set()
    assert sum(end - start for start, end, _ in turns_of(item)) == pytest.approx(
        sum(end - start for start, end, *_ in wanted), rel=0.02
    )


@pytest.mark.parametrize(
    ("tier", "words"),
    [
        ("&-um (be)cause &+wo work (.) takes (0.5) long .", "um because work takes long."),
        ("<I mean> [//] she's gonna [: going to] go +...", "I mean she's gonna go"),
        ("xxx yyy www 0is New_York ice+cream mama@f &=laughs ?", "New York ice-cream mama?"),
        ("+< ye:ah ⌈2 so ⌉2 ↑no‡ you know , right ?", "yeah so no you know, right?"),
        ("&*B:yeah und so [x 3] weiter@s:deu !", "und so weiter!"),
    ],
)
def test_a_tier_of_chat_becomes_what_was_said(tier: str, words: str) -> None:
    assert clean_chat(tier) == words


def test_chat_tells_the_language_and_old_bullets_the_sound(tmp_path: Path) -> None:
    sound(tmp_path / "4092.wav")
    chat = (
        "@UTF8\n@Begin\n@Languages:\tdeu\n@Participants:\tA Subject, B Subject\n"
        '*A:\tja . \x15%snd:"4092"_500_1500\x15\n*B:\tgut . \x151600_2000\x15\n@End\n'
    )
    text(tmp_path / "4092.cha", chat)
    (item,) = read_corpus("callhome", tmp_path, references=tmp_path / "r")
    assert (item.language, turns_of(item)) == ("de", [(0.5, 1.5, "A"), (1.6, 2.0, "B")])


def test_transcripts_of_the_ldc_may_be_in_latin_1(tmp_path: Path) -> None:
    sound(tmp_path / "sp_0001.wav")
    text(tmp_path / "sp_0001.txt", "0.50 1.50 A: sí señor\n", "latin-1")
    (item,) = read_corpus("callhome", tmp_path, references=tmp_path / "r")
    assert said_in(item) == [("A", "sí señor")]


def test_notsofar_has_a_recording_for_each_single_channel_device(tmp_path: Path) -> None:
    meeting = tmp_path / "dev_set/240825.1_dev1/MTG/MTG_30860"
    for device in ("sc_plaza_0", "sc_rockfall_2", "mc_plaza_0", "close_talk"):
        sound(meeting / device / "ch0.wav", 1.0)
    entry = {
        "speaker_id": "Jim",
        "ct_wav_file_name": "x.wav",
        "start_time": 0.2,
        "end_time": 0.9,
        "text": "<ST/> Hi all",
    }
    timed = {"word_timing": [["Hi", 0.2, 0.4], ["<ST/>", 0.4, 0.5], ["all", 0.5, 0.9]]}
    text(meeting / "gt_transcription.json", json.dumps([entry | timed]))
    found = read_corpus("notsofar", tmp_path, references=tmp_path / "r")
    assert [(item.id, item.split) for item in found] == [
        ("MTG_30860_sc_plaza_0", "dev"),
        ("MTG_30860_sc_rockfall_2", "dev"),
    ]
    assert turns_of(found[0]) == [(0.2, 0.9, "Jim")]
    assert said_in(found[1]) == [("Jim", "Hi all")]
    text(meeting / "gt_transcription.json", '[{"text": "x"}]')
    with pytest.raises(FormatError, match="lacks its speaker_id"):
        read_corpus("notsofar", tmp_path, references=tmp_path / "r")


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    for name in ("ami", "folder", "icsi", "notsofar"):
        with pytest.raises(FormatError, match="expected"):
            read_corpus(name, tmp_path, references=tmp_path)
    with pytest.raises(InvalidOption, match="choose one of"):
        read_corpus("ihm", tmp_path, references=tmp_path)


def test_what_cannot_be_right_is_found_and_the_sums_are_those_of_the_references(tmp_path: Path) -> None:
    rows = [("0.0", "2.0", "A"), ("1.0", "2.0", "B"), ("1.5", "1.0", "A"), ("3.5", "2.0", "B")]
    lines = [f"SPEAKER a 1 {start} {length} <NA> <NA> {who} <NA> <NA>\n" for start, length, who in rows]
    rttm = text(tmp_path / "a.rttm", "".join(lines))
    good = Recording(id="a", audio=sound(tmp_path / "a.wav"), turns=rttm)
    uem = text(tmp_path / "a.uem", "a 1 0 9\n")
    checked = check_recordings([good, Recording(id="b", audio=tmp_path / "b.wav", turns=tmp_path / "b.rttm")])
    told = [f"{item.recording}: {item.message}" for item in checked.findings]
    assert any("a: 1 turn ends after the sound, at 5.50 s of 4.00 s" in line for line in told)
    assert any("a: 1 turn overlaps one of its speaker, at 1.50 s (A)" in line for line in told)
    assert any("b.wav: the sound is missing" in line for line in told)
    assert any("b.rttm: there is no such file" in line for line in told)
    sums = checked.statistics
    assert (sums.n_recordings, sums.n_speakers, sums.duration) == (2, 2, 4.0)
    # A speaks from 0 to 2.5, B from 1 to 3 and from 3.5 to 5.5.
    assert (sums.speech, sums.overlap) == (pytest.approx(5.0), pytest.approx(1.5))
    broken = text(tmp_path / "c.wav", "no sound at all")
    words = tmp_path / "c.stm"
    checked = check_recordings(
        [Recording(id="c", audio=broken, uem=uem, words=words), Recording(id="a", audio=good.audio, uem=uem)]
    )
    told = [item.message for item in checked.findings]
    assert sum("c.wav" in line for line in told) == 1
    assert any("c.stm: this reference of the words is missing" in line for line in told)
    assert any("the UEM ends at 9.00 s" in line for line in told)
    stereo = Recording(id="d", audio=sound(tmp_path / "d.wav", channels=2), channel=3)
    assert "there is no channel 3; it has 2" in check_recordings([stereo]).findings[0].message


def test_lhotse_reads_what_we_write_and_we_read_it_back(tmp_path: Path) -> None:
    rttm = text(tmp_path / "a.rttm", "SPEAKER a 1 0.5 1.0 <NA> <NA> Anna <NA> <NA>\n")
    stm = text(tmp_path / "b.stm", "b 1 Bob 1.00 2.50 hello there\n")
    items = [
        Recording(id="a", audio=sound(tmp_path / "a.wav"), turns=rttm, language="en"),
        Recording(id="b", audio=sound(tmp_path / "b.wav", channels=2), channel=2, words=stm),
    ]
    recordings, supervisions = write_lhotse(items, tmp_path / "lhotse")
    try:
        from lhotse import RecordingSet, SupervisionSet
    except ImportError:
        pass
    else:
        heard, said = RecordingSet.from_file(recordings), SupervisionSet.from_file(supervisions)
        assert [(item.id, item.num_samples, item.channel_ids) for item in heard] == [
            ("a", 64000, [0]),
            ("b", 64000, [1]),
        ]
        assert [(item.speaker, item.start, item.duration, item.text) for item in said] == [
            ("Anna", 0.5, 1.0, None),
            ("Bob", 1.0, 1.5, "hello there"),
        ]
    packed = tmp_path / "lhotse/recordings.jsonl.gz"
    packed.write_bytes(gzip.compress(recordings.read_bytes()))
    found = read_lhotse(packed, supervisions, references=tmp_path / "references")
    assert [(item.id, item.audio, item.channel, item.duration) for item in found] == [
        ("a", items[0].audio, None, 4.0),
        ("b", items[1].audio, 2, 4.0),
    ]
    assert turns_of(found[0]) == [(0.5, 1.5, "Anna")]
    assert said_in(found[1]) == [("Bob", "hello there")]
    row = json.loads(recordings.read_text().splitlines()[0])
    for changed, told in (
        (row | {"sources": row["sources"] * 2}, "not in one file"),
        ({"id": "x"}, "no recording of lhotse"),
    ):
        with pytest.raises(FormatError, match=told):
            read_lhotse(text(tmp_path / "r.jsonl", json.dumps(changed)), None, references=tmp_path)


TURNS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from("ABC")), min_size=1, max_size=12)


@given(TURNS)
def test_speech_and_overlap_are_what_counting_moments_gives(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    lines = [f"SPEAKER a 1 {start} {length} <NA> <NA> {who} <NA> <NA>\n" for start, length, who in drawn]
    path = text(folder / "drawn.rttm", "".join(lines))
    sums = check_recordings([Recording(id="a", audio=folder / "none.wav", turns=path)]).statistics
    speaking = [{who for start, length, who in drawn if start <= second < start + length} for second in range(61)]
    assert sums.speech == pytest.approx(sum(1 for who in speaking if who))
    assert sums.overlap == pytest.approx(sum(1 for who in speaking if len(who) > 1))
    assert sums.n_speakers == len({who for _, _, who in drawn})


def test_the_sound_of_a_video_becomes_wav(tmp_path: Path) -> None:
    video = Path(__file__).parents[2] / "samples" / "standup.mp4"
    item = convert_audio(Recording(id="standup", audio=video), tmp_path / "wav")
    with wave.open(str(item.audio)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 16000)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    before = load(video, channels="mono")
    assert len(heard) == before.samples.shape[1]
    assert np.abs(heard - before.samples[0]).max() < 1e-3
