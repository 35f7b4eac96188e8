"""No text is lost in any subtitle format, whatever it holds: read back by ourselves and by others."""

from __future__ import annotations

import importlib
import io
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import SUBTITLES, labels, nasty_text, timed_cues, transcripts, visible
from whisperdiar.formats import by_name, read_cues, transcript_of
from whisperdiar.formats._writing.cues import ReadyCue, prepare_cues
from whisperdiar.formats._writing.speakers import choose_style, clean_names, line_prefixes
from whisperdiar.options import SPEAKER_STYLES, SubtitleRules, WriteOptions
from whisperdiar.types import Cue, Span

WORD_TIMES = ("vtt", "ass", "lrc")
OWN = {"vtt": "voice", "ass": "colour", "ttml": "colour"}
"""The style of a format by itself where that is not ``label``."""
SUPPORTED = {"srt": ("colour",), "vtt": ("colour", "voice"), "ass": ("colour",), "ttml": ("colour", "voice")}
"""What a format shows besides ``label`` and ``dash``."""

# pysubs2 reads hours of two digits only.
FEW = settings(max_examples=examples(30))
subtitles = st.lists(timed_cues().filter(lambda cue: cue.span.end < 359_000), max_size=4)
known_names = st.dictionaries(labels, nasty_text)
styles = st.sampled_from(SPEAKER_STYLES)


def seen(text: str) -> str:
    """What is seen of a text, but for what formats show in another form: braces, arrows, commas of names, joiners."""
    text = text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    return visible(text).translate(str.maketrans("｛｝‚", "{},", "\u2060->→"))


def write(name: str, items: list[Cue], known: dict[str, str], style: str, word_times: bool) -> tuple[str, list[str]]:
    """The file, and what a viewer has to see of every cue."""
    extra: dict[str, Any] = {"word_times": word_times} if name in WORD_TIMES else {}
    module = importlib.import_module(f"whisperdiar.formats.{name}")
    text = module.dumps_cues(items, known, options=WriteOptions(speaker_style=style), **extra)
    made = prepare_cues(items)
    shown = choose_style(style, own=OWN.get(name, "label"), supported=SUPPORTED.get(name, ()))
    rows = line_prefixes(made, clean_names(made, known), shown)
    return text, [
        seen("".join(map("".join, zip(row, cue.lines, strict=True)))) for row, cue in zip(rows, made, strict=True)
    ]


@pytest.mark.parametrize("name", SUBTITLES)
@FEW
@given(items=subtitles, known=known_names, style=styles, word_times=st.booleans())
def test_what_is_written_is_read(name, items, known, style, word_times):
    text, wanted = write(name, items, known, style, word_times)
    text.encode("utf-8")
    found = read_cues(name, text, labels=False)
    if name == "lrc":  # lines of a dialogue are lines of their own there, in the order of time
        read = Counter("".join(seen(line) for cue in found for line in cue.lines))
        assert Counter("".join(seen(line) for cue in prepare_cues(items) for line in cue.lines)) <= read
        return
    assert [seen("".join(cue.lines)) for cue in found] == wanted
    tolerance = 0.0151 if name == "ass" else 1e-6  # hundredths of a second, and no cue shorter than one
    for cue, made in zip(found, prepare_cues(items), strict=True):
        assert cue.span.start == pytest.approx(made.start_ms / 1000, abs=tolerance)
        assert cue.span.end == pytest.approx(made.end_ms / 1000, abs=tolerance)


@pytest.mark.parametrize("name", ["vtt", "ass", "ttml"])
@FEW
@given(
    items=subtitles, known=known_names, style=styles.filter(lambda style: style not in ("none", "label", "dash", "sdh"))
)
def test_speakers_are_read_where_the_file_tells_them(name, items, known, style):
    if name == "ass":
        style = "auto"
    text, _ = write(name, items, known, style, False)
    names = clean_names(prepare_cues(items), known)
    for cue, made in zip(read_cues(name, text, labels=False), prepare_cues(items), strict=True):
        wanted = [seen(names[who]) if who is not None else "" for who in made.speakers]
        found = [seen(who or "") for who in (cue.line_speakers or (cue.speaker,) * len(cue.lines))]
        if name != "ass" or len(set(made.speakers)) == 1:  # an event has one name
            assert found == wanted


@pytest.mark.parametrize("name", SUBTITLES)
@FEW
@given(transcript=transcripts, style=st.sampled_from(["none", "dash"]), word_times=st.booleans())
def test_the_words_of_a_transcript_are_the_words_of_its_file(name, transcript, style, word_times):
    options = WriteOptions(speaker_style=style, subtitles=SubtitleRules(word_times=word_times))
    text = by_name(name).dumps(transcript, options=options)
    assert isinstance(text, str)
    found = transcript_of(read_cues(name, text, labels=False))
    wanted = sorted(seen("".join(word.text for word in transcript.words)))
    assert sorted(seen("".join(word.text for word in found.words))) == wanted


@FEW
@given(items=subtitles, known=known_names, style=styles, word_times=st.booleans())
def test_pysubs2_reads_ass(items, known, style, word_times):
    pysubs2 = pytest.importorskip("pysubs2")
    text, wanted = write("ass", items, known, style, word_times)
    document = pysubs2.SSAFile.from_string(text, format_="ass")
    assert [seen(event.plaintext) for event in document] == wanted
    assert all(event.style in document.styles for event in document)


@FEW
@given(items=subtitles, known=known_names, style=styles)
def test_ttconv_reads_ttml(items, known, style):
    reader = pytest.importorskip("ttconv.imsc.reader")
    text, wanted = write("ttml", items, known, style, False)
    body = reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(text))).get_body()
    paragraphs = [item for item in body.dfs_iterator() if type(item).__name__ == "P"]
    texts = [
        "".join(leaf.get_text() for leaf in item.dfs_iterator() if type(leaf).__name__ == "Text") for item in paragraphs
    ]
    assert [seen(item) for item in texts] == wanted
    assert [((p.get_begin() or 0) * 1000, p.get_end() * 1000) for p in paragraphs] == [
        (cue.start_ms, cue.end_ms) for cue in prepare_cues(items)
    ]


@FEW
@given(items=subtitles, known=known_names, style=styles)
def test_ttml_refers_to_what_is_there_and_regions_do_not_cover_each_other(items, known, style):
    text, _ = write("ttml", items, known, style, False)
    root = ElementTree.fromstring(text)
    ids = [value for item in root.iter() for key, value in item.attrib.items() if key.endswith("}id")]
    assert len(set(ids)) == len(ids)
    used = {ref for item in root.iter() for key in ("region", "style") for ref in item.get(key, "").split()}
    agents = {value for item in root.iter() for key, value in item.attrib.items() if key.endswith("#metadata}agent")}
    assert used | agents <= set(ids)
    regions = [float(item.get("{http://www.w3.org/ns/ttml#styling}origin", "").split()[1][:-1]) for item in _all(root)]
    assert len(regions) <= 4
    assert all(abs(a - b) >= 20 for i, a in enumerate(regions) for b in regions[:i])


def _all(root: ElementTree.Element) -> list[ElementTree.Element]:
    return list(root.iter("{http://www.w3.org/ns/ttml}region"))


def ffmpeg_texts(text: str, demuxer: str) -> list[str]:
    """What FFmpeg's parser and decoder make of every cue, without style codes."""
    found = []
    with av.open(io.BytesIO(text.encode("utf-8")), format=demuxer) as container:
        for packet in container.demux(subtitles=0):
            for subtitle in packet.decode() if packet.size else ():
                line = subtitle.ass.decode("utf-8", "replace").split(",", 8)[8]
                line = re.sub(r"(?<!\\)\{[^}]*\}", "", line)
                found.append(re.sub(r"\\([{}])", r"\1", line.replace("\\N", "").replace("\\h", "")))
    return found


@pytest.mark.parametrize(("name", "demuxer"), [("srt", "srt"), ("vtt", "webvtt"), ("ass", "ass"), ("sbv", "subviewer")])
@FEW
@given(items=subtitles.filter(lambda items: bool(prepare_cues(items))), known=known_names, style=styles)
def test_ffmpeg_decodes_every_letter(name, demuxer, items, known, style):
    text, wanted = write(name, items, known, style, False)
    text = text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")  # FFmpeg refuses what is no character
    assert {seen(item) for item in ffmpeg_texts(text, demuxer)} == set(wanted)  # of two cues that are one it drops one


@FEW
@given(subtitles)
def test_cues_that_share_the_screen_lie_above_one_another(items):
    made = prepare_cues(items)
    for i, cue in enumerate(made):
        together = [other for other in made[:i] if other.end_ms > cue.start_ms]
        assert cue.level not in [other.level for other in together]
        assert cue.level <= len(together)
        assert cue.rows_below == sum(len(other.lines) for other in together if other.level < cue.level)


@FEW
@given(timed_cues())
def test_pieces_add_up_to_their_line_and_stay_in_their_cue(cue):
    for made in prepare_cues([cue]):
        assert isinstance(made, ReadyCue)
        for line, pieces in zip(made.lines, made.pieces, strict=bool(made.pieces)):
            assert "".join(piece.text for piece in pieces) == line
        times = [time for row in made.pieces for piece in row for time in (piece.start_ms, piece.end_ms)]
        assert all(made.start_ms <= time <= made.end_ms for time in times)
        starts = [piece.start_ms for row in made.pieces for piece in row]
        assert starts == sorted(starts)


TAG_BEGINNINGS = [
    "<1\n00:00:01,000 --> 00:00:02,000\n",
    "<1>",
    "<1 b>",
    "<_x>",
    "< b>",
    "<  b>c",
    "< 7 x>",
    "<i",
    "</1",
]


@pytest.mark.parametrize("beginning", TAG_BEGINNINGS)
@pytest.mark.parametrize(("name", "demuxer"), [("srt", "srt"), ("vtt", "webvtt")])
def test_ffmpeg_takes_no_name_and_no_text_for_a_tag(name, demuxer, beginning):
    items = [Cue(Span(0, 1), ("a>b",), beginning), Cue(Span(2, 3), (f"said {beginning} and", "c > d"), None)]
    text, wanted = write(name, items, {}, "label", False)
    assert [seen(item) for item in ffmpeg_texts(text, demuxer)] == wanted
    assert [seen("".join(cue.lines)) for cue in read_cues(name, text, labels=False)] == wanted
