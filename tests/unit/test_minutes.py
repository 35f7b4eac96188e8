"""Minutes as a whole: never an error, always evidence, the same in every format."""

from __future__ import annotations

import datetime
import html as html_module
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.formats_strategies import nasty_text, transcripts
from tests.meetings import ENGLISH, RUSSIAN_NAMES, meeting, russian
from whisperdiar.errors import BackendMissing, FormatError, InvalidOption, OutputError
from whisperdiar.minutes.content import Evidence, Item, Minutes, Topic
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.minutes.extract.model import TARGETS, Trees, load, mask_tokens, score, split_tiles
from whisperdiar.minutes.language import NEUTRAL, language
from whisperdiar.minutes.links import media_link
from whisperdiar.minutes.render import renderer
from whisperdiar.minutes.render.html import render as html
from whisperdiar.minutes.render.json import schema
from whisperdiar.minutes.render.markdown import escape_markdown
from whisperdiar.minutes.template import list_shipped, template
from whisperdiar.minutes.units import join_words, utterances
from whisperdiar.options import MinutesOptions
from whisperdiar.reports.plots import picture_png
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Word

DAY, FRIDAY = datetime.date(2026, 11, 25), datetime.date(2026, 12, 4)


def items_of(made: Minutes) -> list[Item]:
    return [*made.summary, *made.decisions, *made.actions, *made.questions]


@given(transcripts, st.integers(1, 50))
@settings(deadline=None, max_examples=examples(60))
def test_any_transcript_gives_minutes_whose_evidence_was_said(transcript: Transcript, length: int) -> None:
    made = minutes(transcript, options=MinutesOptions(length=length, day=DAY))
    said = {item.text for item in utterances(transcript)}
    for item in items_of(made):
        assert item.text
        assert item.evidence
        for quote in item.evidence:
            assert any(quote.text.startswith(text) for text in said)
    for name in ("md", "html", "json"):
        assert renderer(name)(made, template(None, made.language))


@pytest.mark.parametrize("lines", [[], [(0, "Okay.")], [(0, "hello " * 200)]])
@pytest.mark.parametrize("spoken", ["en", "ru", "ja", None])
def test_hardly_anything_said_gives_minutes(lines: list[tuple[int, str]], spoken: str | None) -> None:
    made = minutes(meeting(lines, language=spoken))
    assert len(made.topics) == (1 if lines else 0)
    assert not made.actions


def test_what_is_written_without_spaces_has_items_and_titles() -> None:
    from whisperdiar.segmentation import segments

    lines = ["我们决定使用充电电池。", "价格是二十五欧元。", "下周五之前我把问卷发给供应商。"] * 4
    words = [
        Word(Span(2.0 * k + 0.1 * j, 2.0 * k + 0.1 * j + 0.1), character, speaker=f"SPEAKER_{k % 2:02d}")
        for k, line in enumerate(lines)
        for j, character in enumerate(line)
    ]
    made = minutes(Transcript("x", 30.0, "zh", segments=segments(words)), options=MinutesOptions(length=40))
    assert made.summary
    assert {f"{part}。" for item in made.summary for part in item.text.split("。") if part} <= set(lines)
    assert all(2 <= len(term) <= 3 for term in made.topics[0].terms)


def test_nobody_known_gives_minutes_without_owners() -> None:
    known = meeting()
    words = [replace(word, speaker=None) for word in known.words]
    from whisperdiar.segmentation import segments

    made = minutes(replace(known, speakers=(), segments=segments(words)))
    assert made.participants == ()
    assert made.summary
    assert all(item.owner is None or item.owner == "Clara" for item in made.actions)


def test_the_meeting_has_its_decisions_and_actions() -> None:
    made = minutes(meeting(), options=MinutesOptions(day=DAY))
    assert [item.text for item in made.decisions] == [
        "We've decided that we will go with the rechargeable battery.",
        "We will settle on a price of twenty five euros for the lamp.",
    ]
    known = {(item.owner, item.due and item.due.day) for item in made.actions}
    assert {("Clara Schmidt", FRIDAY), ("Boris", FRIDAY), ("Anna", datetime.date(2026, 11, 26))} <= known
    assert [item.text for item in made.questions] == ["How much would the cheaper housing save us in production?"]
    assert all("um" not in item.text.lower().split() for item in items_of(made))


def test_promises_are_found_in_meetings_unlike_those_that_were_learnt_from() -> None:
    chat = [
        "The weather on the island was lovely, and the boat was late again.",
        "My sister has a garden with apple trees, and they were full this year.",
        "He told me the story about the dog that swam across the river.",
    ]
    lines = [(k % 3, chat[k % 3]) for k in range(240)]
    lines.insert(200, (1, "And I will send the report to the museum by Monday."))
    made = minutes(meeting(lines), options=MinutesOptions(day=DAY))
    assert [(item.text, item.owner) for item in made.actions] == [
        ("I will send the report to the museum by Monday.", "Boris")
    ]
    (place,) = [k for k, item in enumerate(utterances(meeting(lines))) if "museum" in item.text]
    found = score(utterances(meeting(lines)), language("en"))
    assert found.probability["actions"][place] < 0.4 * found.threshold["actions"]


def test_russian_has_its_decisions_and_actions() -> None:
    made = minutes(russian(), options=MinutesOptions(day=DAY))
    assert [item.text for item in made.decisions] == [
        "Мы решили, что берём аккумуляторную батарею.",
        "Тогда остановимся на цене двадцать пять евро за фонарь.",
    ]
    known = {(item.owner, item.due and item.due.day) for item in made.actions}
    assert {("Клара", FRIDAY), ("Борис", FRIDAY)} <= known
    assert made.questions[0].text.startswith("Сколько мы сэкономим")


def test_what_is_promised_or_decided_outright_is_found_in_any_meeting() -> None:
    lines = [
        (0, "По сайту. Макет готов, но но тексты ещё не пришли."),
        (1, "А кто пишет тексты?"),
        (2, "Я пишу. Пришлю в среду."),
        (0, "Хорошо, тогда решили: запускаем сайт первого марта."),
        (1, "Я настрою сервер к двадцать пятому февраля."),
        (0, "Реклама стоит сто двадцать, а стенд ещё девяносто."),
        (0, "Клара, узнайте, пожалуйста, сколько стоит стенд поменьше."),
        (2, "Хорошо, узнаю до пятницы."),
        (0, "И, э, надеюсь, в следующий раз вы сможете зайти в личный кабинет."),
        (1, "Мы ещё не решили, кто поедет на выставку."),
        (0, "Сейчас пойдём на обед, а потом продолжим."),
        (0, "Я прослежу, чтобы вы получили протокол завтра."),
    ]
    made = minutes(meeting(lines, language="ru", names=RUSSIAN_NAMES), options=MinutesOptions(day=DAY))
    assert [(item.owner, item.due and item.due.day) for item in made.actions] == [
        ("Клара", datetime.date(2026, 12, 2)),
        ("Борис", datetime.date(2027, 2, 25)),
        ("Клара", datetime.date(2026, 11, 27)),
        ("Анна", datetime.date(2026, 11, 26)),
    ]
    assert made.actions[0].text == "Я пишу. Пришлю в среду."
    assert [quote.speaker for quote in made.actions[2].evidence] == ["SPEAKER_00", "SPEAKER_02"]
    decided = [item.text for item in made.decisions]
    assert "Тогда решили: запускаем сайт первого марта." in decided
    assert not any("обед" in text or "кабинет" in text or "не решили" in text for text in decided)


def test_lunch_the_clock_and_hopes_are_neither_decided_nor_to_do() -> None:
    lines = [
        (0, "Um and I'll make sure to put up the minutes and the project documentation."),
        (0, "Um and then we'll have our lunch break."),
        (0, "And hopefully, I hope, next time you'll be able to access more of the web site."),
        (0, "Okay, we have to we have about four minutes left to define our functions."),
        (1, "Are we going to decide on the battery at the next meeting?"),
        (0, "So we'll conclude now."),
    ]
    made = minutes(meeting([*ENGLISH[:13], *lines]), options=MinutesOptions(day=DAY))
    texts = " ".join(item.text for item in (*made.decisions, *made.actions))
    assert [word for word in ("lunch", " able", "left", "conclude", "next meeting") if word in texts] == []
    assert ("Anna", "I'll make sure to put up the minutes and the project documentation.") in [
        (item.owner, item.text) for item in made.actions
    ]


@pytest.mark.parametrize("length", [5, 20, 60])
def test_the_summary_rests_on_as_many_words_as_asked_for(length: int) -> None:
    made = minutes(meeting(), options=MinutesOptions(length=length))
    words = sum(len(quote.text.split()) for item in made.summary for quote in item.evidence)
    assert abs(words - length) <= 12


def test_the_default_length_is_a_share_of_the_words() -> None:
    made = minutes(meeting())
    words = sum(len(quote.text.split()) for item in made.summary for quote in item.evidence)
    assert words == pytest.approx(0.25 * made.n_words, abs=12)


def test_the_models_prefer_what_decides_and_what_is_to_do() -> None:
    items = utterances(meeting())
    found = score(items, language("en"))
    by_text = {item.text: k for k, item in enumerate(items)}
    decided = by_text["Okay, so we've decided that we will go with the rechargeable battery."]
    to_do = by_text["I'll prepare the prototype of the housing by the end of next week."]
    greeting = by_text["Yes, agreed."]
    assert found.probability["outcomes"][decided] > 3 * found.probability["outcomes"][greeting]
    assert found.probability["actions"][to_do] > 3 * found.probability["actions"][greeting]
    assert found.probability["summary"][decided] > found.probability["summary"][greeting]


@pytest.mark.parametrize("kind", ["phrases", "cues", "neutral"])
def test_the_shipped_models_fit_the_features(kind: str) -> None:
    from whisperdiar.minutes.extract.features import extract

    spoken = NEUTRAL if kind == "neutral" else language("en")
    assert load(kind).names == extract(utterances(meeting()), spoken).names
    assert set(load(kind).trees) == set(TARGETS)


def test_many_hours_are_scored_in_parts_that_overlap() -> None:
    short, long = utterances(meeting([(k % 2, "We go on.") for k in range(40)])), []
    for k in range(600):
        long.append(replace(short[k % 40], words=(replace(short[0].words[0], span=Span(20.0 * k, 20.0 * k + 5)),)))
    assert split_tiles(short) == [[0, 40]]
    first, second = split_tiles(long)
    assert (first[0], first[-1], second[0], second[-1]) == (0, 600, 0, 600)
    assert not set(first[1:-1]) & set(second[1:-1])
    lengths = [20.0 * (after - before) for before, after in pairwise(first)]
    assert all(1800 < length < 3600 for length in lengths)
    made = score(long, language("en"))
    assert len(made.probability["summary"]) == 600


def test_trees_answer_as_their_conditions_say() -> None:
    trees = Trees(
        feature=np.array([0, -1, 1, -1, -1], dtype=np.int16),
        threshold=np.array([0.5, 10.0, 2.0, 20.0, 30.0], dtype=np.float32),
        left=np.array([1, 1, 3, 3, 4], dtype=np.int32),
        right=np.array([2, 1, 4, 3, 4], dtype=np.int32),
        roots=np.array([0, 0], dtype=np.int32),
    )
    assert list(trees(np.array([[0.5, 9.0], [0.6, 2.0], [0.6, 2.5]]))) == [20.0, 40.0, 60.0]
    assert list(trees(np.zeros((0, 2)))) == []


def test_words_of_a_subject_are_masked() -> None:
    (item,) = utterances(meeting([(0, "we decided on forty bicycles")]))
    assert mask_tokens(item, language("en")) == ["<begin>", "we", "decided", "on", "<number>", "<word>", "<end>"]


def test_json_follows_its_schema() -> None:
    import jsonschema

    made = replace(minutes(meeting(), options=MinutesOptions(day=DAY)), media="a.mp4")
    data = json.loads(renderer("json")(made, template("en", None)))
    jsonschema.validate(data, schema())
    assert data["actions"][0]["evidence"][0]["link"].startswith("a.mp4#t=")
    assert data["date"] == "2026-11-25"


def _nasty_minutes(text: str, name: str) -> Minutes:
    quote = Evidence(Span(61.5, 63.25), "S", text or "x")
    item = Item(text or "x", (quote,), owner=name or None)
    return Minutes(
        recording_id=text,
        duration=4000.0,
        language="en",
        names={"S": name},
        topics=(Topic(Span(0.0, 4000.0), text),),
        summary=(item,),
        decisions=(item,),
        actions=(item,),
        questions=(item,),
        media="my%20talk.mp4",
        notes=(text,),
    )


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for key, value in attrs:
            assert not key.startswith("on")
            if key in ("href", "src"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@given(nasty_text, nasty_text)
@settings(deadline=None)
def test_html_is_safe_against_any_text_and_asks_nobody(text: str, name: str) -> None:
    plain, nasty = Page(), Page()
    plain.feed(html(_nasty_minutes("word", "name"), template("en", None)))
    nasty.feed(html(_nasty_minutes(text, name), template("en", None)))
    assert set(nasty.tags) <= set(plain.tags)
    assert nasty.tags.count("script") == 1  # the player's own
    assert set(nasty.links) <= {"my%20talk.mp4#t=61.5,63.25", "my%20talk.mp4#t=0,4000", "my%20talk.mp4"}


def test_html_holds_a_picture_of_who_speaks_when_and_no_markup_of_theirs() -> None:
    made = minutes(meeting(names={"SPEAKER_00": "<script>alert(1)</script>"}))
    page = Page()
    page.feed(html(made, template("en", None)))
    assert page.tags.count("svg") == 1
    assert "script" not in page.tags


def test_html_shows_texts_as_they_are() -> None:
    page = html(_nasty_minutes("<b>&amp;</b>", "<i>"), template("en", None))
    assert html_module.escape("<b>&amp;</b>") in page
    assert "<b>" not in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|href)=.(https?:)?//", page)


def test_what_is_to_do_can_be_ticked_off_and_evidence_that_repeats_it_is_folded() -> None:
    made = minutes(meeting(), options=MinutesOptions(day=DAY))
    page = Page()
    page.feed(shown := html(made, template("en", None)))
    assert page.tags.count("input") == len(made.actions)
    assert str(renderer("md")(made, template("en", None))).count("\n| ☐ ") == len(made.actions)
    quote = Evidence(Span(1.0, 9.0), "S", "Well that is what the supplier had written to us about")
    told = Item("They wait for the supplier.", (quote,))
    longer = html(replace(made, summary=(), actions=(), questions=(), decisions=(told,)), template("en", None))
    assert "<details open>" in longer
    assert shown.count("<details>") >= len(made.decisions)


def test_a_topic_without_items_has_no_heading() -> None:
    item = Item("We begin.", (Evidence(Span(1.0, 2.0), None, "We begin."),))
    topics = (Topic(Span(0.0, 100.0), "Garden fence"), Topic(Span(100.0, 200.0), "Water tank"))
    page = renderer("md")(Minutes("x", 200.0, topics=topics, summary=(item,)), template("en", None))
    assert "### Garden fence" in page
    assert "Water tank" not in page


@given(nasty_text)
def test_markdown_escapes_markup(text: str) -> None:
    shown = escape_markdown(text)
    assert re.search(r"(?<!\\)(?:\\\\)*[*`\[\]<>]", shown) is None
    assert not re.match(r"\s*(#|[-+=]|\d+[.)])", shown)
    assert re.search(r"(?<![\\\w])_", shown) is None


def test_docx_holds_the_same_and_links() -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed (extra minutes)")
    made = replace(minutes(meeting(), options=MinutesOptions(day=DAY)), media="a b.mp4".replace(" ", "%20"))
    document = docx.Document(io.BytesIO(renderer("docx")(made, template("en", None))))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert made.decisions[0].text in text
    assert "Anna" in document.tables[0].rows[1].cells[0].text
    targets = [rel.target_ref for rel in document.part.rels.values() if rel.is_external]
    try:
        picture_png(made.picture or "")
    except (BackendMissing, OutputError):  # no extra plot, or a machine without fonts
        assert len(document.inline_shapes) == 0
    else:
        assert len(document.inline_shapes) == 1
    assert all(target.startswith("a%20b.mp4#t=") for target in targets)
    assert targets


@given(nasty_text, nasty_text)
@settings(deadline=None, max_examples=examples(25))
def test_docx_takes_any_text(text: str, name: str) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed (extra minutes)")
    docx.Document(io.BytesIO(renderer("docx")(_nasty_minutes(text, name), template("en", None))))


def test_without_python_docx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from whisperdiar.minutes.render import docx

    monkeypatch.setitem(__import__("sys").modules, "docx", None)
    with pytest.raises(BackendMissing, match=r"whisperdiar\[minutes\]"):
        docx.render(minutes(meeting()), template("en", None))


def test_templates_speak_the_language_and_write_its_dates_and_numbers() -> None:
    spoken = template(None, "ru")
    assert spoken.day(DAY) == "25 ноября 2026 г."
    assert spoken.number(12345) == "12\u00a0345"
    assert template(None, "nl").day(DAY) == "25 November 2026"
    assert template(None, "de").day(DAY) == "25. November 2026"
    assert template(None, "es").day(DAY) == "25 de noviembre de 2026"
    assert template(None, "uk").day(DAY) == "25 листопада 2026 р."
    assert template(None, "fr").strings["quoted"] == "«\u00a0{value}\u00a0»"
    assert template(None, "en").length(3725) == "1 h 2 min"
    assert template(None, "en").clock(3725.9) == "1:02:05"
    page = renderer("md")(minutes(russian(), options=MinutesOptions(day=DAY)), spoken)
    assert isinstance(page, str)
    assert "## Решения" in page
    assert "25 ноября 2026" in page
    assert "«Хорошо, значит, мы решили" in page


@pytest.mark.parametrize("code", list_shipped())
def test_every_template_has_all_texts_and_their_places(code: str) -> None:
    own, base = template(code, None), template("en", None)
    assert own.language == code
    for key, text in base.strings.items():
        assert set(re.findall(r"\{\w+\}", own.strings[key])) == set(re.findall(r"\{\w+\}", text)), key
    same = [key for key, text in base.strings.items() if len(text) > 12 and own.strings[key] == text]
    assert code == "en" or not [key for key in same if key not in ("participants", "column_interruptions", "date")]


def test_a_template_is_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "de.json"
    path.write_text(
        json.dumps({"language": "de", "decisions": "Beschlüsse $x {0}", "sections": ["decisions"]}), "utf-8"
    )
    page = renderer("md")(minutes(meeting()), template(str(path), None))
    assert "## Beschlüsse \\$x {0}\n" in page
    assert "Participants" not in page


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "JSON object"),
        ("{", "no JSON"),
        ('{"titel": "x"}', "unknown key 'titel'"),
        ('{"title": 3}', "expected a text"),
        ('{"sections": ["x"]}', "sections"),
        ('{"months": ["x"]}', "twelve"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path, content: str, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "t.json"
    path.write_text(content, "utf-8")
    with pytest.raises(FormatError, match=message):
        template(str(path), None)


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(InvalidOption, match="de, en, es, fr, ru, uk"):
        template("klingon", None)


def test_links_are_addresses_or_paths_relative_to_the_output(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert media_link("https://x.org/a b.mp4?x=1", None) == "https://x.org/a%20b.mp4?x=1"
    recording = tmp_path / "in" / 'a "b" <c>.mp4'
    recording.parent.mkdir()
    assert media_link(str(recording), tmp_path / "out" / "m.md") == "../in/a%20%22b%22%20%3Cc%3E.mp4"
    for bad in ("javascript:alert(1)", "data:text/html,x", "https://x.org/a#t=3"):
        with pytest.raises(InvalidOption):
            media_link(bad, None)


def test_a_quote_is_the_words_that_were_said() -> None:
    transcript = meeting()
    for item in items_of(minutes(transcript)):
        for quote in item.evidence:
            inside = [
                word
                for word in transcript.words
                if quote.span.start <= word.start < quote.span.end and word.speaker == quote.speaker
            ]
            assert join_words(inside) == quote.text
