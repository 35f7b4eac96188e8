"""Documents (DOCX, ODT, PDF) hold every word, name and time, and other programs' readers open them."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings

import whisperdiar
from tests.examples import examples
from tests.formats_strategies import DOCUMENTS, example, nasty_text, need_packages, transcripts, visible
from tests.meetings import meeting
from whisperdiar import Segment, Span, Speaker, Transcript, Word
from whisperdiar.errors import BackendMissing, InvalidOption
from whisperdiar.formats import WriteOptions, by_name
from whisperdiar.formats._writing.document import LAYOUTS, is_right_to_left, pack, repack
from whisperdiar.formats._writing.paragraphs import divide_paragraphs
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.minutes.render import renderer
from whisperdiar.minutes.template import template as minutes_template
from whisperdiar.options import TEMPLATES
from whisperdiar.text import fonts
from whisperdiar.transcript import speaker_names

TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
EXACT = WriteOptions(max_paragraph=1e-3)
"""Every segment that lasts a millisecond is a paragraph of its own."""


def written(name: str, transcript: Transcript, options: WriteOptions | None = None) -> bytes:
    need_packages(name)
    made = by_name(name).dumps(transcript, options=options or WriteOptions())
    assert isinstance(made, bytes)
    return made


def docx_paragraphs(data: bytes) -> list[str]:
    docx = pytest.importorskip("docx", reason="python-docx is not installed (extra documents)")
    return [paragraph.text for paragraph in docx.Document(io.BytesIO(data)).paragraphs]


def read_part(data: bytes, part: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return package.read(part)


def odt_part(data: bytes, part: str) -> ElementTree.Element:
    return ElementTree.fromstring(read_part(data, part))


def odt_paragraphs(data: bytes) -> list[str]:
    def text_of(element: ElementTree.Element) -> str:
        space = " " if element.tag == f"{TEXT}s" else ""
        return space + (element.text or "") + "".join(text_of(child) + (child.tail or "") for child in element)

    return [text_of(paragraph) for paragraph in odt_part(data, "content.xml").iter(f"{TEXT}p")]


READERS = {"docx": docx_paragraphs, "odt": odt_paragraphs}


def test_both_templates_have_a_layout() -> None:
    assert set(LAYOUTS) == set(TEMPLATES)
    with pytest.raises(InvalidOption, match="choose one of plain, legal"):
        WriteOptions(template="court")
    top, _, bottom, _ = LAYOUTS["legal"].margins
    assert top + bottom + 25 * LAYOUTS["legal"].pitch == pytest.approx(841.89)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_document_holds_names_times_and_words_in_their_order(name: str, template: str) -> None:
    talk = meeting()
    paragraphs = READERS[name](written(name, talk, WriteOptions(template=template)))
    title, facts, *rest = paragraphs
    assert title == talk.recording_id
    names = speaker_names(talk)
    assert all(shown in facts for shown in {names[item.speaker] for item in talk.segments if item.speaker})
    said = "".join(rest[1::2]).replace(" ", "")
    assert said == "".join(word.text for word in talk.words).replace(" ", "")
    assert all(re.fullmatch(r"(.+  )?\d\d:\d\d:\d\d", line) for line in rest[::2])
    assert rest[0].startswith(f"{names[talk.segments[0].speaker]}  ")
    unnamed = READERS[name](written(name, talk, WriteOptions(template=template, speaker_style="none")))
    assert not any(shown in line for shown in names.values() for line in (unnamed[1], *unnamed[2::2]))


@pytest.mark.parametrize("name", READERS)
@given(transcript=transcripts)
@settings(deadline=None, max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_name_arrives_as_it_is_seen(name: str, transcript: Transcript) -> None:
    found = READERS[name](written(name, transcript, EXACT))
    # Segments of one speaker at the very same time share a paragraph even so.
    groups = divide_paragraphs(transcript.segments, EXACT)
    wanted = [visible("".join(word.text for segment in group for word in segment.words)) for group in groups]
    passages = found[1:] if found[1:] and len(found) % 2 else found[2:]
    wanted = [text for text in wanted if text]
    shown = [visible(text) for text in found[-2 * len(wanted) + 1 :: 2]] if wanted else []
    noncharacters = str.maketrans({"\ufffe": "\ufffd", "\uffff": "\ufffd"})
    assert len(passages) == 2 * len(wanted)
    assert shown == [text.translate(noncharacters) for text in wanted]


@pytest.mark.parametrize("template", TEMPLATES)
@given(transcript=transcripts)
@settings(deadline=None, max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_transcript_becomes_a_pdf(template: str, transcript: Transcript) -> None:
    made = written("pdf", transcript, WriteOptions(template=template))
    assert made.startswith(b"%PDF-")
    assert made.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_same_transcript_gives_the_same_bytes_at_any_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    first = written(name, meeting())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e8)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(now + 1e8))
    assert written(name, meeting()) == first
    assert b"whisperdiar" in first or name != "pdf"


def test_a_package_has_no_time_and_its_type_first() -> None:
    made = written("odt", example())
    with zipfile.ZipFile(io.BytesIO(made)) as package:
        first, *others = package.infolist()
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert {entry.date_time for entry in (first, *others)} == {(1980, 1, 1, 0, 0, 0)}
        listed = {
            entry.get("{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}full-path")
            for entry in odt_part(made, "META-INF/manifest.xml")
        }
        assert listed == {"/", *(entry.filename for entry in others)} - {"META-INF/manifest.xml"}
    # A viewer tells the kind of file by its first bytes.
    assert made[30:].startswith(b"mimetypeapplication/vnd.oasis.opendocument.text")
    assert repack(made) == made
    assert pack([("a", b"1")]) == pack([("a", b"1")])


def test_word_numbers_the_lines_of_a_legal_transcript_and_no_others() -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed (extra documents)")
    found = {}
    for template in TEMPLATES:
        document = docx.Document(io.BytesIO(written("docx", meeting(), WriteOptions(template=template))))
        found[template] = document.sections[0]._sectPr.find(f"{W}lnNumType")
        assert [element.get(f"{W}instr") for element in document.sections[0].footer._element.iter(f"{W}fldSimple")] == [
            "PAGE",
            "NUMPAGES",
        ]
    assert found["plain"] is None
    assert found["legal"].get(f"{W}restart") == "newPage"
    # The schema wants the children of w:sectPr in an order; Word calls a file damaged that breaks it.
    order = [child.tag.removeprefix(W) for child in found["legal"].getparent()]
    assert order.index("pgMar") < order.index("lnNumType") < order.index("cols")


def test_an_odt_numbers_the_lines_of_a_legal_transcript_and_no_others() -> None:
    numbered = {}
    for template in TEMPLATES:
        styles = odt_part(written("odt", meeting(), WriteOptions(template=template)), "styles.xml")
        (configuration,) = styles.iter(f"{TEXT}linenumbering-configuration")
        assert configuration.get(f"{TEXT}restart-on-page") == "true"
        numbered[template] = configuration.get(f"{TEXT}number-lines")
        known = {style.get(f"{STYLE}name") for style in styles.iter(f"{STYLE}style")}
        content = odt_part(written("odt", meeting(), WriteOptions(template=template)), "content.xml")
        assert {element.get(f"{TEXT}style-name") for element in content.iter() if element.tag.startswith(TEXT)} <= {
            *known,
            None,
        }
    assert numbered == {"plain": "false", "legal": "true"}


def pdf_texts(transcript: Transcript, options: WriteOptions, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Page and text of all that is drawn by itself: the numbers of lines and pages."""
    fpdf = pytest.importorskip("fpdf", reason="fpdf2 is not installed (extra documents)")
    drawn: list[tuple[int, str]] = []
    draw = fpdf.FPDF.text

    def record(self: Any, x: float, y: float, text: str = "") -> None:
        drawn.append((self.page_no(), text))
        draw(self, x, y, text)

    monkeypatch.setattr(fpdf.FPDF, "text", record)
    written("pdf", transcript, options)
    return drawn


def test_a_pdf_numbers_the_lines_that_it_has_on_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [Word(Span(2.0 * i, 2.0 * i + 1), " Yes.", 1.0, f"S{i % 2}", 1.0) for i in range(30)]
    talk = Transcript("talk", 60.0, "en", segments=tuple(Segment((word,), word.speaker) for word in words))
    pages: dict[int, list[str]] = {}
    for page, text in pdf_texts(talk, WriteOptions(template="legal"), monkeypatch):
        pages.setdefault(page, []).append(text)
    assert [int(texts[-1]) for texts in pages.values()] == list(pages)
    counts = [len(texts) - 1 for texts in pages.values()]
    assert all(texts[:-1] == [str(k + 1) for k in range(len(texts) - 1)] for texts in pages.values())
    assert sum(counts) == 2 * len(words)  # a line with the name and one with the text
    # A name is not parted from its text, so that a page of 25 has 24 here; the first one has a title.
    assert counts[0] in (20, 22)
    assert set(counts[1:-1]) == {24}
    plain = pdf_texts(talk, WriteOptions(), monkeypatch)
    assert [text for _, text in plain] == [str(page) for page, _ in plain]


def test_a_pdf_shows_russian_and_says_once_what_it_cannot_show() -> None:
    need_packages("pdf")
    form = by_name("pdf")
    assert form.remarks is not None
    assert form.remarks(example(" Привет, мир!"), options=WriteOptions()) == ()
    rare = "\U000e0fff\U0001fbfe"  # nobody has given these code points a meaning yet
    (said,) = form.remarks(example(f" {rare} {rare}"), options=WriteOptions())
    assert said.count("U+1FBFE") == 1
    assert "install a font" in said


@given(nasty_text)
def test_fonts_have_the_characters_that_they_are_chosen_for(text: str) -> None:
    need_packages("pdf")
    chosen, missing = fonts.choose_fonts([text])
    known = set().union(*(fonts.characters(font) for font in chosen))
    assert {character for character in text if fonts.is_drawn(character) and ord(character) not in known} == set(
        missing
    )
    assert {ord(letter) for letter in "AZaz09"} <= fonts.characters(chosen[0])


def test_a_file_that_is_no_font_is_passed_over(tmp_path: Path) -> None:
    pytest.importorskip("fontTools", reason="fontTools is not installed (extra documents)")
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    assert fonts.characters(fonts.Font(tmp_path / "bad.ttf")) == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Hello", False), ("שלום", True), ("3 مرحبا", True), ("…", False), ("", False), ("«Привет» שלום", False)],
)
def test_the_first_letter_tells_the_direction(text: str, expected: bool) -> None:
    assert is_right_to_left(text) is expected


def test_right_to_left_passages_are_set_so() -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed (extra documents)")
    talk = example(" שלום", speakers=(Speaker("SPEAKER_00", "שרה"),))
    document = docx.Document(io.BytesIO(written("docx", talk)))
    passage = document.paragraphs[-1]
    assert passage.style.element.find(f"{W}pPr/{W}bidi") is not None
    assert passage.style.font.rtl
    odt = written("odt", talk)
    used = [element.get(f"{TEXT}style-name") for element in odt_part(odt, "content.xml").iter(f"{TEXT}p")]
    assert used[-2:] == ["Speaker_rl", "Passage_rl"]


@pytest.mark.parametrize(("name", "module"), [("docx", "docx"), ("pdf", "fpdf"), ("pdf", "uharfbuzz")])
def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, name: str, module: str) -> None:
    need_packages(name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendMissing, match=r'pip install "whisperdiar\[documents\]"') as caught:
        by_name(name).dumps(example(), options=WriteOptions())
    assert caught.value.remedy == 'pip install "whisperdiar[documents]"'


def test_a_pdf_without_any_font_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    need_packages("pdf")
    monkeypatch.setattr(fonts, "fonts", lambda: ())
    with pytest.raises(BackendMissing, match="PDF needs a font"):
        by_name("pdf").dumps(example(), options=WriteOptions())


def test_a_package_that_lacks_is_told_before_many_recordings_are_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_packages("docx")
    monkeypatch.setitem(sys.modules, "docx", None)
    with (
        whisperdiar.open_pipeline(load_now=False, model="someone/absent", offline=True) as pipeline,
        pytest.raises(BackendMissing, match=r"whisperdiar\[documents\]"),
    ):
        list(pipeline.transcribe_files([tmp_path / "absent.wav"], tmp_path / "out", formats=["docx"]))


def test_minutes_as_docx_hold_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    need_packages("docx")
    made = minutes(meeting())
    first = renderer("docx")(made, minutes_template("en", None))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e8)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(now + 1e8))
    assert renderer("docx")(made, minutes_template("en", None)) == first
    assert b"2013" not in read_part(first, "docProps/core.xml")
