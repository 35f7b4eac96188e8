"""The three documents that minutes are written as, in every format: what is in them, and in what order."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import nasty_text
from tests.meetings import ENGLISH, meeting, russian
from whisperdiar.errors import InvalidOption
from whisperdiar.formats._writing import paper
from whisperdiar.minutes import write_minutes
from whisperdiar.minutes.content import Due, Evidence, Item, Minutes, Participant, Topic
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.minutes.language import n_words
from whisperdiar.minutes.render import FORMATS, renderer
from whisperdiar.minutes.render.blocks import Entry, Heading, Listing, Paragraph, Signatures, Tasks
from whisperdiar.minutes.render.layout import choose_weightiest, document
from whisperdiar.minutes.template import list_shipped, template
from whisperdiar.options import MinutesOptions
from whisperdiar.options.command_line import MINUTES_FORMATS, MINUTES_STYLES
from whisperdiar.types import Span

DAY = datetime.date(2026, 11, 25)


@pytest.fixture(scope="module")
def made() -> Minutes:
    return replace(minutes(meeting(), options=MinutesOptions(day=DAY)), media="talk.mp4")


def markdown(made: Minutes, style: str, code: str = "en") -> str:
    text = renderer("md")(made, template(code, None), style)
    assert isinstance(text, str)
    return text


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*?)(?: \(\[.*)?$", text, re.MULTILINE)


def long_minutes() -> Minutes:
    """As a long meeting has them: more than half a page could hold."""

    def item(k: int, words: int) -> Item:
        text = f"Number {k} " + "is told at length " * (words // 4) + "now."
        return Item(text, (Evidence(Span(10.0 * k, 10.0 * k + 5), "S", text),), score=0.5 + 0.01 * (k % 7))

    few = tuple(item(k, 12 + k % 40) for k in range(40))
    actions = tuple(replace(item, owner="Anna", due=Due("by Friday", datetime.date(2026, 11, 27))) for item in few)
    return Minutes(
        "x", 400.0, "en", topics=(Topic(Span(0.0, 400.0), "All"),), summary=few, decisions=few, actions=actions
    )


def test_brief_minutes_are_summary_decisions_and_actions(made: Minutes) -> None:
    text = markdown(made, "brief")
    assert headings(text) == ["In brief", "Decisions", "Action items"]
    assert "“Okay, so we've decided" not in text  # the evidence is a link
    assert "[0:24](<talk.mp4#t=24.7,28.28>)" in text
    assert "Anna, Boris, Clara Schmidt" in text


def test_brief_minutes_fit_half_a_page_and_say_what_does_not() -> None:
    page = document(long_minutes(), template("en", None), "brief")
    entries = [block.text for block in page.blocks if isinstance(block, Entry)]
    (tasks,) = [block for block in page.blocks if isinstance(block, Tasks)]
    assert sum(map(n_words, [*entries, *(task.text for task in tasks.rows)])) <= 240
    remarks = [block.text for block in page.blocks if isinstance(block, Paragraph)][1:]
    assert remarks[-1] == f"{40 - len(tasks.rows)} more in the full minutes."
    assert len(remarks) == 2


def test_the_protocol_has_those_present_the_agenda_each_point_and_signatures(made: Minutes) -> None:
    text = markdown(made, "protocol")
    found = headings(text)
    assert found[:2] == ["Present", "Agenda"]
    assert found[-1] == "Signatures"
    assert text.startswith("# Minutes of the meeting: lamp meeting")
    assert "**Decision 1.1:** We've decided that we will go with the rechargeable battery." in text
    assert "**Open question 1.1:** How much" in text
    assert re.search(r"\| ☐ 1\.2 \| I'll prepare .* \| Boris \| 2026-12-04 \(“by the end of next week”\) \|", text)
    assert text.count("\\_\\_\\_") >= 3
    # What is decided or to do is told once.
    assert text.count("We will settle on a price") == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["summary", "decisions", "actions", "questions"]), st.integers(0, 99)), max_size=12
    )
)
def test_every_item_stands_in_the_protocol_under_a_point_of_the_agenda(chosen: list[tuple[str, int]]) -> None:
    """Numbers of points are those of the agenda; a topic that nothing came of is no point."""
    parts: dict[str, list[Item]] = {}
    for k, (kind, place) in enumerate(chosen):
        quote = Evidence(Span(place + k / 100, place + k / 100 + 0.005), "S", f"Said {k}.")
        parts.setdefault(kind, []).append(Item(f"Said {k}.", (quote,), score=0.5))
    topics = tuple(Topic(Span(25.0 * k, 25.0 * k + 25), f"Topic {k}") for k in range(4))
    known = {kind: tuple(sorted(items, key=lambda item: item.evidence[0].span.start)) for kind, items in parts.items()}
    some = Minutes("x", 100.0, "en", topics=topics)
    for kind, items in known.items():
        some = replace(some, **{kind: items})  # type: ignore[arg-type]
    page = document(some, template("en", None), "protocol")
    agenda = [line for block in page.blocks if isinstance(block, Listing) and block.numbered for line in block.lines]
    points = [block.text for block in page.blocks if isinstance(block, Heading)]
    assert [f"{k}. {title}" for k, title in enumerate(agenda, start=1)] == [t for t in points if t[0].isdigit()]
    assert set(agenda) == {f"Topic {place // 25}" for _, place in chosen}
    told = [block.text for block in page.blocks if isinstance(block, Entry | Paragraph)]
    told += [task.text for block in page.blocks if isinstance(block, Tasks) for task in block.rows]
    for k in range(len(chosen)):
        assert sum(f"Said {k}." in text for text in told) == 1


@pytest.mark.parametrize("code", list_shipped())
@pytest.mark.parametrize("style", MINUTES_STYLES)
def test_every_style_speaks_each_language(made: Minutes, code: str, style: str) -> None:
    own, english = template(code, None), template("en", None)
    page = document(made, own, style)
    words = {
        block.text
        for block in page.blocks
        if isinstance(block, Heading) and block.level < 3 and not block.text[0].isdigit()
    }
    other = {block.text for block in document(made, english, style).blocks if isinstance(block, Heading)}
    assert code == "en" or not words & other - {english.strings["signatures"], english.strings["participants"]}
    for key in ("title_protocol", "sign_chair", "column_owner", "column_due", "agenda", "more"):
        assert code == "en" or own.strings[key] != english.strings[key]


def test_the_language_of_the_meeting_chooses_the_words(tmp_path: Path) -> None:
    write_minutes(minutes(russian(), options=MinutesOptions(day=DAY)), tmp_path / "m.md", style="protocol")
    text = (tmp_path / "m.md").read_text("utf-8")
    assert headings(text)[:2] == ["Присутствовали", "Повестка дня"]
    assert "| Борис | 2026-12-04 («до конца следующей недели») |" in text
    assert "Председатель: " in text


@pytest.mark.parametrize("style", MINUTES_STYLES)
@pytest.mark.parametrize("name", ["docx", "odt", "pdf", "html", "md"])
def test_every_format_holds_the_same_style(
    made: Minutes, style: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "docx":
        pytest.importorskip("docx", reason="python-docx is not installed (extra minutes)")
    if name == "pdf":
        pytest.importorskip("fpdf", reason="fpdf2 is not installed (extra documents)")
    path = tmp_path / f"m.{name}"
    drawn = record_paragraphs(monkeypatch)
    write_minutes(made, path, style=style)
    text = "".join("".join(drawn).split()) if name == "pdf" else read_text(path)
    page = document(made, template("en", None), style)
    expected = [block.text for block in page.blocks if isinstance(block, Heading | Entry)]
    for block in page.blocks:
        if isinstance(block, Tasks):
            expected += [part for task in block.rows for part in (task.owner, task.text, task.due)]
        if isinstance(block, Listing):
            expected += block.lines
        if isinstance(block, Signatures):
            expected += block.labels
    for part in expected:
        assert "".join(part.split()) in text, part


def record_paragraphs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts of all paragraphs that are set in a PDF from now on; the file itself holds numbers of glyphs."""
    drawn: list[str] = []
    block = paper.Typesetter.block

    def record(self: paper.Typesetter, text: str, **values: Any) -> None:
        drawn.append(text)
        block(self, text, **values)

    monkeypatch.setattr(paper.Typesetter, "block", record)
    return drawn


def read_text(path: Path) -> str:
    """All text of a document without any space."""
    if path.suffix in (".docx", ".odt"):
        part = "word/document.xml" if path.suffix == ".docx" else "content.xml"
        with zipfile.ZipFile(path) as package:
            found = "".join(ElementTree.fromstring(package.read(part)).itertext())
    else:
        found = path.read_text("utf-8").replace("&#x27;", "'").replace("\\", "")
        found = re.sub("<[^>]*>", "", found) if path.suffix == ".html" else found
    return "".join(found.split())


@pytest.mark.parametrize(("name", "style"), [("odt", "full"), ("odt", "protocol"), ("pdf", "full")])
@given(nasty_text, nasty_text)
@settings(deadline=None, max_examples=examples(6))
def test_documents_take_any_text(name: str, style: str, text: str, person: str) -> None:
    if name == "pdf":
        pytest.importorskip("fpdf", reason="fpdf2 is not installed (extra documents)")
    quote = Evidence(Span(61.5, 63.25), "S", text or "x")
    item = Item(text or "x", (quote,), owner=person or None, due=Due(person or "soon"))
    who = Participant("S", person, 1.0, 1.0, 1, 1, 0, 1.0)
    some = replace(
        Minutes(text, 4000.0, "en", participants=(who,), names={"S": person}, media="a.mp4"),
        topics=(Topic(Span(0.0, 4000.0), text),),
        summary=(item,),
        decisions=(item,),
        actions=(item,),
        questions=(item,),
        notes=(text,),
    )
    written = renderer(name)(some, template("en", None), style)
    assert isinstance(written, bytes)
    if name == "odt":
        with zipfile.ZipFile(io.BytesIO(written)) as package:
            for part in ("content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"):
                ElementTree.fromstring(package.read(part))


def test_a_cell_that_is_longer_than_a_page_goes_on_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fpdf", reason="fpdf2 is not installed (extra documents)")
    long = "We will write the report about the lamp. " * 60
    item = Item(long, (Evidence(Span(1.0, 2.0), "S", long),), owner="Anna " * 40, due=Due("by Friday"))
    drawn = record_paragraphs(monkeypatch)
    written = renderer("pdf")(Minutes("x", 100.0, "en", actions=(item, item)), template("en", None), "full")
    assert isinstance(written, bytes)
    assert [text for text in drawn if text.startswith("☐")] == ["☐ 1", "☐ 2"]
    assert 3 <= len(re.findall(rb"/Type /Page\b", written)) <= 8


def test_the_same_minutes_are_the_same_bytes(made: Minutes) -> None:
    for name in ("odt", "pdf"):
        if name == "pdf":
            pytest.importorskip("fpdf", reason="fpdf2 is not installed (extra documents)")
        first, second = (renderer(name)(made, template("en", None), "protocol") for _ in range(2))
        assert first == second


def test_json_keeps_all_in_any_style(made: Minutes) -> None:
    pages = {renderer("json")(made, template("en", None), style) for style in MINUTES_STYLES}
    assert len(pages) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_there_is_no_other_style(name: str, made: Minutes, tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match="choose one of brief, full, protocol"):
        write_minutes(made, tmp_path / f"m.{name}", style="short")


def test_the_command_line_names_the_formats_that_there_are() -> None:
    assert tuple(FORMATS) == MINUTES_FORMATS


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 60)), max_size=20), st.integers(1, 200))
def test_the_weightiest_items_fit(pairs: list[tuple[float, int]], words: int) -> None:
    items = [
        Item("word " * count, (Evidence(Span(float(k), k + 0.5), None, "word"),), score=score)
        for k, (score, count) in enumerate(pairs)
    ]
    taken = choose_weightiest(items, words)
    assert [item for item in items if item in taken] == taken
    assert bool(taken) == bool(items)
    total = sum(n_words(item.text) for item in taken)
    assert total <= words or len(taken) == 1
    for item in items:
        if all(item is not other for other in taken):
            weaker = sum(n_words(other.text) for other in taken if (other.score or 0) >= (item.score or 0))
            assert weaker + n_words(item.text) > words or total > words


def test_nobody_and_nothing_make_documents() -> None:
    for lines in (ENGLISH[:0], ENGLISH[:1]):
        some = minutes(meeting(lines))
        for style in MINUTES_STYLES:
            text = markdown(some, style)
            assert "None was found." in text or style == "protocol"
            assert ("Nothing was said." in text) == (not lines)
