"""Corrections in the page, in a real Chromium: made by clicks and keys, undone, kept, downloaded, applied."""

from __future__ import annotations

import io
import json
import random
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.browser.conftest import Open, Page, visit
from tests.browser.test_viewer import ANNA, BEN, MARKUP, TALK, call, talk
from tests.examples import by_night, examples, few_by_day
from tests.formats_strategies import transcripts
from whisperdiar import Speaker, Transcript, editing
from whisperdiar.cli import run
from whisperdiar.formats import WriteOptions, by_name
from whisperdiar.formats import html as page_format
from whisperdiar.formats import json as transcript_json
from whisperdiar.formats._writing.notes import remove_folders

Keys = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra test)").Keys


@pytest.fixture
def page(show: Open) -> Page:
    return show(TALK)


def saved(transcript: Transcript) -> Transcript:
    """As JSON keeps it."""
    return transcript_json.loads(transcript_json.dumps(transcript, options=WriteOptions()))


def double_click(page: Page, word: int) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page.browser, duration=0).double_click(page.word(word)).perform()


def choose(page: Page, row: int, item: str, *, button: str = ".more") -> None:
    """An item of the menu of a passage (`.more`), or of all passages under a name (`.name`)."""
    page.find(f'.row[data-row="{row}"] {button}').click()
    page.wait("document.querySelector('#passage:popover-open')")
    find = "[...document.querySelectorAll('#passage button')].find((node) => node.textContent.endsWith(arguments[0]))"
    page.js(f"return {find}", item).click()


def rows_of(page: Page) -> list[str]:
    return page.js("return [...document.querySelectorAll('.row .body')].map((node) => node.innerText)")


def undo(page: Page, *, again: bool = False) -> None:
    from selenium.webdriver import ActionChains

    chain = ActionChains(page.browser, duration=0).key_down(Keys.CONTROL)
    chain = chain.key_down(Keys.SHIFT).send_keys("z").key_up(Keys.SHIFT) if again else chain.send_keys("z")
    chain.key_up(Keys.CONTROL).perform()


def test_a_word_is_corrected_where_it_stands(page):
    double_click(page, 10)
    page.press("No,", Keys.ENTER)
    got = transcript_json.loads(page.download("json"))
    before = saved(TALK).words[10]
    assert got.words[10] == replace(before, text=" No,", probability=1.0, edited=True)
    assert [word for i, word in enumerate(got.words) if i != 10] == [
        word for i, word in enumerate(saved(TALK).words) if i != 10
    ]
    assert rows_of(page)[1].startswith("No, I finished")


def test_escape_and_the_same_text_change_nothing(page):
    double_click(page, 10)
    page.press("something else", Keys.ESCAPE)
    double_click(page, 10)
    page.press(Keys.ENTER)
    assert not page.find("#state").is_displayed()
    assert transcript_json.loads(page.download("json")) == saved(TALK)


def test_a_word_becomes_two_which_share_its_time_and_an_empty_one_goes(page):
    double_click(page, 10)
    page.press("Oh yes", Keys.ENTER)
    first, second = transcript_json.loads(page.download("json")).words[10:12]
    old = TALK.words[10]
    assert (first.text, second.text) == (" Oh", " yes")
    assert (first.start, second.end) == (old.start, old.end)
    assert first.end == second.start == pytest.approx(old.start + (old.end - old.start) * 2 / 5, abs=0.001)
    double_click(page, 11)
    page.press(Keys.BACKSPACE, Keys.ENTER)
    double_click(page, 10)
    page.press(Keys.BACKSPACE, Keys.ENTER)
    got = transcript_json.loads(page.download("json"))
    assert got.words[10] == saved(TALK).words[11]
    # What stood for a word is gone, so the word is.
    assert [(item.text, item.reason) for item in got.dropped[1:]] == [("Yes", "deleted by a person")]


def test_the_word_that_is_heard_is_corrected_by_a_key(page):
    page.press("u")
    page.press("e")
    page.press("everybody", Keys.ENTER)
    assert transcript_json.loads(page.download("json")).words[2].text == " everybody"
    assert not page.find("#doubt").is_displayed(), "nobody doubts a word that a person has written"


def test_a_passage_goes_to_another_speaker_and_so_does_its_turn(page):
    choose(page, 1, "Speaker 1")
    got = transcript_json.loads(page.download("json"))
    assert got.segments[1].speaker == ANNA
    assert {word.speaker for word in got.segments[1].words} == {ANNA}
    assert {word.speaker_confidence for word in got.segments[1].words} == {1.0}
    assert got.turns[1] == replace(saved(TALK).turns[1], speaker=ANNA)
    assert page.js("return document.querySelectorAll('.row.first').length") == len(TALK.segments) - 2


def test_all_passages_under_a_name_go_to_somebody_new(page):
    choose(page, 1, "Speaker 1")
    page.find('.row[data-row="0"] .name').click()
    page.find("#passage input").send_keys("Carla <b>", Keys.ENTER)
    got = transcript_json.loads(page.download("json"))
    new = got.segments[0].speaker
    assert new == "SPEAKER_02"
    assert [segment.speaker for segment in got.segments[:4]] == [new, new, new, BEN]
    assert got.name(new) == "Carla <b>"
    assert "Carla <b>" in page.find(".row .name").text
    assert "Carla <b>" in page.find("#lanes").text
    undo(page)
    assert new not in {speaker.id for speaker in transcript_json.loads(page.download("json")).speakers}


def test_a_speaker_to_whom_nothing_is_left_is_no_longer_listed(show):
    page = show(talk("One two three four", "Five six"))
    choose(page, 1, "Speaker 1")
    got = transcript_json.loads(page.download("json"))
    assert [speaker.id for speaker in got.speakers] == [ANNA]
    assert page.js("return document.querySelectorAll('#speakers li').length") == 1


def test_a_passage_is_divided_and_joined_again(page):
    double_click(page, 15)
    page.find(".tools-of-word button").click()
    got = transcript_json.loads(page.download("json"))
    assert len(got.segments) == len(TALK.segments) + 1
    assert got.words == saved(TALK).words
    assert got.segments[2].words[0] == got.words[15]
    choose(page, 1, "Join with the next passage")
    got = transcript_json.loads(page.download("json"))
    assert [segment.text for segment in got.segments] == [segment.text for segment in TALK.segments]
    choose(page, 1, "Join with the passage before")
    got = transcript_json.loads(page.download("json"))
    assert got.segments[0].speaker == ANNA
    assert len(got.segments[0].words) == 20
    assert len(got.segments) == len(TALK.segments) - 1


def test_the_text_of_a_passage_is_written_anew(page):
    choose(page, 1, "Correct the text")
    field = page.find(".writing textarea")
    assert field.get_attribute("value") == TALK.segments[1].text
    field.clear()
    field.send_keys("Yes, I really finished the page\nand found two errors", Keys.CONTROL, Keys.ENTER)
    assert rows_of(page)[1:3] == ["Yes, I really finished the page", "and found two errors"]
    got, old = transcript_json.loads(page.download("json")), saved(TALK)
    words = {word.text: word for word in got.segments[1].words}
    kept = {word.text: word for word in old.segments[1].words}
    assert [words[text] for text in (" I", " finished", " the", " page")] == [
        kept[text] for text in (" I", " finished", " the", " page")
    ]
    assert words[" Yes,"].span == kept[" Yes"].span
    assert words[" I"].end <= words[" really"].start <= words[" really"].end <= words[" finished"].start
    assert got.segments[2].words == old.segments[1].words[6:]
    assert [item.text for item in got.dropped[1:]] == ["search"]


def test_text_without_spaces_keeps_the_words_around_a_correction(show):
    made = talk("a b c d", "e f")
    texts = ["今", "日", "は", "雨", "で", "す"]
    words = iter(texts)
    chinese = replace(
        made,
        language="ja",
        segments=tuple(
            replace(item, words=tuple(replace(word, text=next(words)) for word in item.words)) for item in made.segments
        ),
    )
    page = show(chinese)
    choose(page, 0, "Correct the text")
    field = page.find(".writing textarea")
    assert field.get_attribute("value") == "今日は雨"
    field.clear()
    field.send_keys("今日も雨", Keys.CONTROL, Keys.ENTER)
    got = transcript_json.loads(page.download("json"))
    assert [word.text for word in got.segments[0].words] == ["今", "日", "も", "雨"]
    assert [word.span for word in got.words] == [word.span for word in saved(chinese).words]


def test_undo_and_redo_go_back_and_on(page):
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    call(page, 0, "Anna")
    page.find("#transcript").click()
    choose(page, 2, "Ben")
    after = page.download("json")
    for _ in range(3):
        undo(page)
    assert transcript_json.loads(page.download("json")) == saved(TALK)
    assert page.find("#undo").get_attribute("disabled")
    for _ in range(3):
        undo(page, again=True)
    assert page.download("json") == after
    page.find("#save summary").click()
    page.find("#undo-all").click()
    assert transcript_json.loads(page.download("json")) == saved(TALK)
    assert page.complaints() == []


def test_corrections_outlive_a_reload_until_they_are_undone(page):
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    call(page, 0, "Anna")
    choose(page, 2, "Ben")
    assert page.find("#state").text == "Edited, not yet downloaded"
    page.browser.refresh()
    page.wait("document.documentElement.dataset.ready")
    assert page.find("#state").text == "Edited, not yet downloaded"
    assert rows_of(page)[1].startswith("No I finished")
    got = transcript_json.loads(page.download("json"))
    assert got.segments[2].speaker == BEN
    assert got.name(ANNA) == "Anna"
    assert not page.find("#state").is_displayed()
    page.browser.refresh()
    page.wait("document.documentElement.dataset.ready")
    assert not page.find("#state").is_displayed(), "what was downloaded is not lost with the browser"
    for _ in range(3):
        undo(page)
    assert page.find("#state").is_displayed(), "the page differs from what was downloaded"
    assert transcript_json.loads(page.download("json")) == saved(TALK)


def test_corrections_of_another_transcript_stay_with_it(show, tmp_path):
    page = show(TALK)
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    other = tmp_path / "other.html"
    shorter = replace(TALK, segments=TALK.segments[:-1], uncertain=())
    other.write_text(page_format.dumps(shorter, options=WriteOptions()), encoding="utf-8")
    page.browser.get(other.as_uri())
    page.wait("document.documentElement.dataset.ready")
    assert not page.find("#state").is_displayed()
    assert rows_of(page)[1].startswith("Yes I finished")


@pytest.mark.parametrize(
    "kept",
    [
        "no JSON",
        "null",
        '{"version": 1, "saved": 0, "actions": [[{"kind": "splice", "at": 900, "remove": 1, "add": []}]]}',
        '{"version": 1, "saved": 0, "actions": [[{"kind": "splice", "at": 0, "remove": 1, "add": [{"speaker": 77, '
        '"flags": 0, "words": [["x", 0, 1, 1, 1, 0, null, 0, -1, false, null]]}]}]]}',
        '{"version": 1, "saved": 0, "actions": [[{"kind": "name", "who": 2, "name": "Nobody", "renamed": true}]]}',
        '{"version": 1, "saved": 0, "actions": [[{"kind": "name", "who": 0, "name": "First", "renamed": true}], '
        '[{"kind": "constructor"}]]}',
    ],
)
def test_what_is_no_history_of_this_page_is_passed_over(page, kept):
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    page.js("for (const key of Object.keys(localStorage)) localStorage.setItem(key, arguments[0])", kept)
    page.browser.refresh()
    page.wait("document.documentElement.dataset.ready")
    assert transcript_json.loads(page.download("json")) == saved(TALK)
    assert page.complaints() == []


def test_a_browser_that_keeps_nothing_says_so(page):
    page.js("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }")
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    assert page.find("#state").text == "This browser cannot keep the corrections: download them"
    assert rows_of(page)[1].startswith("No I finished")


def test_leaving_with_corrections_asks_and_without_does_not(page):
    asks = "const event = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(event)"
    assert page.js(asks) is False
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    assert page.js(asks) is True
    page.download("srt")
    assert page.js(asks) is True, "subtitles do not hold everything"
    page.download("json")
    assert page.js(asks) is False


def correct_everything(page: Page) -> None:
    double_click(page, 1)
    page.press("evening to", Keys.ENTER)
    choose(page, 1, "Speaker 1")
    choose(page, 2, "Join with the next passage")
    double_click(page, 6)
    page.find(".tools-of-word button").click()
    double_click(page, 13)
    page.press(Keys.BACKSPACE, Keys.ENTER)
    page.find('.row[data-row="5"] .name').click()
    page.find("#passage input").send_keys("Carla", Keys.ENTER)
    call(page, 0, "Anna")


def test_what_is_downloaded_is_what_apply_makes(page, tmp_path):
    correct_everything(page)
    source, edited, out = tmp_path / "talk.json", tmp_path / "stand-up.json", tmp_path / "new.json"
    edited.write_text(page.download("json"), encoding="utf-8")
    assert run(["apply", str(edited), "--transcript", str(source), "-o", str(out)]) == 0
    made, downloaded = transcript_json.loads(out.read_text("utf-8")), transcript_json.loads(edited.read_text("utf-8"))
    (edit,) = made.provenance["edits"]
    assert replace(made, provenance=downloaded.provenance) == downloaded
    assert (edit["corrected"], edit["deleted"], edit["added"], edit["renamed"]) == (2, 1, ["Carla"], 1)
    assert replace(made, provenance={}).turns != TALK.turns


@pytest.mark.parametrize("seed", few_by_day(range(3), every=3))
def test_any_corrections_are_those_that_apply_makes_and_can_be_undone(page, seed):
    """Corrections by chance, through the commands that the clicks run, in a transcript of which every word is known."""
    rng = random.Random(seed)
    base = saved(TALK)
    for _ in range(12):
        count = page.js("return document.querySelectorAll('.row').length")
        row = rng.randrange(min(count, 7))
        deed = rng.choice(["word", "speaker", "join", "split", "text"])
        if deed in ("word", "split"):
            words = page.js("return [...document.querySelectorAll('.row [data-word]')].map((n) => n.dataset.word)")
            page.js(
                "document.querySelector(`[data-word='${arguments[0]}']`)"
                ".dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))",
                rng.choice(words[:60]),
            )
            if deed == "word":
                page.press(rng.choice(["so", "well then", "one two three"]), Keys.ENTER)
            else:
                page.js("document.querySelector('.tools-of-word button').click()")
                page.press(Keys.ESCAPE)
        else:
            page.js("document.querySelector(`.row[data-row='${arguments[0]}'] .more`).click()", row)
            page.wait("document.querySelector('#passage:popover-open')")
            item = {"speaker": "Ben", "join": "Join with the next passage", "text": "Correct the text"}[deed]
            page.js(
                "[...document.querySelectorAll('#passage button')]"
                ".find((node) => node.textContent.endsWith(arguments[0])).click()",
                item,
            )
            if deed == "text":
                field = page.find(".writing textarea")
                tokens = field.get_attribute("value").split()
                rng.shuffle(tokens)
                field.clear()
                field.send_keys(" ".join(tokens[1:]) or "nothing", Keys.CONTROL, Keys.ENTER)
    text = page.download("json")
    done = editing.apply_json(text, base).transcript
    downloaded = transcript_json.loads(text)
    assert (done.segments, done.turns, done.speakers) == (downloaded.segments, downloaded.turns, downloaded.speakers)
    assert done.uncertain == downloaded.uncertain
    page.find("#save summary").click()
    page.find("#undo-all").click()
    assert transcript_json.loads(page.download("json")) == base
    assert page.complaints() == []


def test_the_downloaded_page_holds_the_corrections(page, tmp_path):
    correct_everything(page)
    downloaded = transcript_json.loads(page.download("json"))
    again = tmp_path / "again.html"
    again.write_text(page.download("html"), encoding="utf-8")
    copy = visit(page.browser, again)
    assert transcript_json.loads(copy.download("json")) == downloaded
    assert not copy.find("#state").is_displayed()
    choose(copy, 0, "Ben")
    assert transcript_json.loads(copy.download("json")).segments[0].speaker == BEN
    assert copy.complaints() == []


def test_the_figures_of_a_corrected_page_are_those_of_the_command(page, tmp_path):
    choose(page, 1, "Speaker 1")
    choose(page, 6, "Ben")
    shown = page.js(
        "return document.getElementById('speakers').innerText + document.getElementById('answers').textContent"
    )
    path = tmp_path / "figures.html"
    path.write_text(
        page_format.dumps(transcript_json.loads(page.download("json")), options=WriteOptions()), encoding="utf-8"
    )
    copy = visit(page.browser, path)
    script = "return document.getElementById('speakers').innerText + document.getElementById('answers').textContent"
    assert copy.js(script) == shown


def test_text_and_document_hold_what_a_reader_wants(page):
    call(page, 0, "Anna")
    named = saved(TALK).rename({ANNA: "Anna"})
    assert page.download("txt") == by_name("txt").dumps(named, options=WriteOptions())
    document = docx.Document(io.BytesIO(page.download_bytes("docx")))
    lines = [paragraph.text for paragraph in document.paragraphs]
    assert lines[0] == "stand-up"
    assert document.paragraphs[0].style.name == "Title"
    assert lines[1] == f"Anna  00:00:00  {TALK.segments[0].text}"
    assert len(lines) == 1 + len(TALK.segments)


def test_a_document_survives_any_text(show):
    page = show(replace(talk(MARKUP + " \x0b ü 😀 end"), speakers=(Speaker(ANNA, MARKUP),)))
    document = docx.Document(io.BytesIO(page.download_bytes("docx")))
    assert MARKUP in document.paragraphs[1].text
    assert document.paragraphs[1].text.startswith(MARKUP)
    assert "ü 😀 end" in document.paragraphs[1].text


def test_a_corrected_transcript_has_subtitles_of_its_words(page):
    correct_everything(page)
    import srt

    spoken = " ".join(item.content for item in srt.parse(page.download("srt"))).replace("\n", " ")
    downloaded = transcript_json.loads(page.download("json"))
    for segment in downloaded.segments:
        for word in segment.words:
            assert word.text.strip() in spoken
    lines = [line for item in srt.parse(page.download("srt")) for line in item.content.splitlines()]
    assert max(map(len, lines)) <= 42
    assert "Anna: " in spoken
    assert "evening to" in spoken


def test_the_text_is_copied(page):
    page.browser.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    page.find("#save summary").click()
    page.find("#copy").click()
    page.wait("document.getElementById('said').textContent === 'The text is copied'")


def test_markup_that_is_typed_is_text(page):
    double_click(page, 10)
    page.press("<img/src=x/onerror=alert(1)>", Keys.ENTER)
    call(page, 0, "<script>alert(1)</script>")
    page.find('.row[data-row="1"] .name').click()
    assert page.js("return document.querySelectorAll('main img, #passage script, #speakers script').length") == 0
    assert "<img/src=x/onerror=alert(1)>" in rows_of(page)[1]
    assert page.complaints() == []


def test_on_a_phone_the_text_comes_first_and_the_panels_behind_a_button(show):
    page = show(TALK, size=(390, 844))
    assert not page.find("#side").is_displayed()
    top = page.js("return document.querySelector('.row .body').getBoundingClientRect().top")
    assert top < 250
    button = page.find("#panels")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert page.find("#speakers input").is_displayed()
    assert button.get_attribute("aria-expanded") == "true"
    page.press(Keys.ESCAPE)
    assert not page.find("#side").is_displayed()
    choose(page, 0, "Ben")
    box = page.js("return document.querySelector('.row .name').innerText")
    assert "Ben" in box


@pytest.mark.parametrize("width", [320, by_night(390)])
def test_what_corrects_fits_into_a_narrow_window(show, width):
    page = show(TALK, size=(width, 700))
    wide = "return document.documentElement.scrollWidth"
    outside = """
        return [...document.querySelectorAll(".writing *, #passage *")].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width && (box.right > innerWidth + 1 || box.left < -1);
        }).map((node) => node.outerHTML);
    """
    for word in range(10):
        double_click(page, word)
        assert page.js(outside) == []
        assert page.js(wide) <= width
        page.press(Keys.ESCAPE)
    page.find(".row .more").click()
    page.wait("document.querySelector('#passage:popover-open')")
    assert page.js(outside) == []


def test_the_menu_and_the_fields_have_names_and_give_the_focus_back(page):
    page.find('.row[data-row="1"] .more').send_keys(Keys.ENTER)
    page.wait("document.querySelector('#passage:popover-open')")
    assert "Ben" in page.js("return document.activeElement.textContent")
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    nodes = [node for node in tree if not node.get("ignored")]
    named = {"button", "textbox", "dialog"}
    assert [node for node in nodes if node["role"]["value"] in named and not node.get("name", {}).get("value")] == []
    page.press(Keys.ESCAPE)
    assert page.js("return document.activeElement.className") == "more"
    choose(page, 1, "Speaker 1")
    assert page.js("return document.activeElement.closest('.row').dataset.row") == "1"
    page.press("e")
    assert page.js("return document.activeElement.getAttribute('aria-label')").startswith("Correct the word “")


def test_the_menu_opens_while_text_is_selected(page):
    page.js("getSelection().selectAllChildren(document.querySelector('.row .body'))")
    page.js("document.querySelector('.row .more').click()")
    page.wait("document.querySelector('#passage:popover-open')")


def test_a_scroll_away_keeps_what_was_typed(show):
    page = show(replace(talk(*(f"line {i} has a few words" for i in range(80)))))
    double_click(page, 1)
    page.press("seventeen")
    page.js("scrollTo(0, 1e9)")
    page.wait("!document.querySelector('.row[data-row=\"0\"]')")
    page.wait("document.getElementById('state').textContent !== ''")
    assert transcript_json.loads(page.download("json")).words[1].text == " seventeen"


def test_data_of_the_page_names_no_folder(tmp_path):
    folders = ["/home/anna/secret/talk.wav", "C:\\Users\\anna\\secret\\talk.wav", "see /home/anna/secret/notes.txt now"]
    text = page_format.dumps(
        replace(TALK, provenance={"warnings": folders, "asr": {"backend": "whisper", "model": folders[0]}}),
        options=WriteOptions(),
    )
    assert "secret" not in text
    assert "talk.wav" in text
    assert json.dumps(str(tmp_path)) not in text
    assert str(Path.home()) not in text


def test_a_name_that_others_say_is_offered_with_its_evidence_and_never_taken(show):
    page = show(
        replace(
            talk("Dan, what did you find?", "Two <b>errors</b>."), speakers=(Speaker(ANNA, ANNA), Speaker(BEN, BEN))
        )
    )
    offer = page.find("#speakers .offer")
    assert "Dan, what did you find?" in offer.text
    assert "Use the name Dan" in offer.text.replace("\n", " ")
    assert "Speaker 2" in page.find("#lanes").text, "nobody has taken it"
    assert transcript_json.loads(page.download("json")).name(BEN) == BEN
    offer.find_element("css selector", ".button").click()
    assert transcript_json.loads(page.download("json")).name(BEN) == "Dan"
    assert "Dan" in page.find("#lanes").text
    assert not page.find("#speakers .offer").is_displayed()
    page.find("#transcript").click()
    undo(page)
    assert page.find("#speakers .offer").is_displayed()
    assert transcript_json.loads(page.download("json")).name(BEN) == BEN


def test_the_top_is_as_high_as_it_must_be_after_the_window_grows(show):
    page = show(TALK, size=(390, 844))
    double_click(page, 10)
    page.press("No", Keys.ENTER)
    height = "return document.querySelector('.top').offsetHeight"
    narrow = page.js(height)
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1200, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    page.wait("document.querySelector('.top').offsetHeight < arguments[0]", narrow)
    assert page.js(height) < 80


@settings(
    max_examples=examples(12),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a failure is small enough, and every look takes its time
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(transcript=transcripts)
def test_any_transcript_can_be_corrected_saved_as_a_page_and_put_back(chromium, tmp_path, transcript):
    assume(transcript.segments)
    transcript = replace(transcript, language="en")
    path, again = tmp_path / "any.html", tmp_path / "again.html"
    path.write_text(page_format.dumps(transcript, options=WriteOptions()), encoding="utf-8")
    page = visit(chromium, path)
    before = page.download("json")
    page.find('.row[data-row="0"] .more').click()
    page.find("#passage input").send_keys("Guest <1>", Keys.ENTER)
    choose(page, 0, "Correct the text")
    page.find(".writing textarea").send_keys(" and more", Keys.CONTROL, Keys.ENTER)
    downloaded = transcript_json.loads(page.download("json"))
    assert downloaded.name(downloaded.segments[0].speaker) == "Guest <1>"
    assert downloaded.segments[0].text.endswith("and more")
    shown = replace(transcript, provenance=remove_folders(transcript.provenance))
    done = editing.apply_json(
        page.download("json"), transcript_json.loads(transcript_json.dumps(shown, options=WriteOptions()))
    )
    assert done.transcript.segments == downloaded.segments
    again.write_text(page.download("html"), encoding="utf-8")
    page.find("#save summary").click()
    page.find("#undo-all").click()
    assert page.download("json") == before
    assert page.complaints() == []
    copy = visit(chromium, again)
    assert transcript_json.loads(copy.download("json")) == downloaded
    assert copy.complaints() == []
