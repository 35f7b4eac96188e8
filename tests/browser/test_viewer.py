"""The page in a real Chromium: what a click, a key, a name and a search do, and what nothing may do."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import srt
import webvtt
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.browser.conftest import Open, Page, visit
from tests.examples import by_night, examples
from tests.formats_strategies import transcripts
from tests.sounds import SAMPLES
from whisperdiar import Segment, Speaker, Transcript, Turn, Uncertain, Word
from whisperdiar.cli import run
from whisperdiar.formats import WriteOptions, by_name, vtt
from whisperdiar.formats import html as page_format
from whisperdiar.formats import json as transcript_json
from whisperdiar.formats._text import speaker_names
from whisperdiar.formats._writing.notes import remove_folders
from whisperdiar.formats._writing.render import subtitle_cues
from whisperdiar.text.pages import escape_json
from whisperdiar.types import Dropped, Span

Keys = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra test)").Keys

ANNA, BEN = "SPEAKER_00", "SPEAKER_01"
MARKUP = "<script>document.title='run'</script> </script><img src=x onerror=alert(1)> <!-- &amp; ]]> {{data}}"
RECORDING = SAMPLES / "standup.mp4"


def talk(*lines: str, step: float = 0.4, repeat: int = 1) -> Transcript:
    """Two people in turn, a word every `step` seconds; the third word is doubtful, the fourth said over another's."""
    segments, start = [], 0.5
    for i, line in enumerate(lines * repeat):
        words = []
        for text in line.split():
            words.append(Word(Span(start, start + 0.8 * step), f" {text}", 0.9, (ANNA, BEN)[i % 2], 0.95))
            start = round(start + step, 3)
        segments.append(Segment(tuple(words), words[0].speaker))
        start += 0.5
    first = list(segments[0].words)
    first[2] = replace(first[2], speaker_confidence=0.51, second_speaker=BEN)
    first[3] = replace(first[3], overlap=True, second_speaker=BEN)
    segments[0] = Segment(tuple(first), ANNA, simultaneous=True)
    return Transcript(
        "stand-up",
        start + 1,
        "en",
        (Speaker(ANNA, ANNA), Speaker(BEN, "Ben")),
        tuple(segments),
        tuple(Turn(segment.span, segment.speaker or "") for segment in segments),
        (Dropped(Span(0, 0.4), " Thanks for watching!", "no speech"),),
        (Uncertain(2, first[2].span, ANNA, BEN, 0.51),),
        {"warnings": ["A warning <b>in bold</b>."], "asr": {"backend": "whisper", "model": "small"}},
    )


TALK = talk(
    "Good morning everyone shall we begin with the search page",
    "Yes I finished the search page and found two errors",
    "Café au lait is what the page needs",
    repeat=4,
)


@pytest.fixture
def page(show: Open) -> Page:
    opened = show(TALK, "--media", RECORDING)
    opened.wait("document.getElementById('media').readyState >= 1")
    return opened


def seconds(page: Page) -> float:
    return float(page.js("return document.getElementById('media').currentTime"))


def test_a_click_on_a_word_plays_it(page):
    word = TALK.words[13]
    page.word(13).click()
    page.wait("!document.getElementById('media').paused")
    assert word.start <= seconds(page) < word.start + 2
    page.press(" ")
    page.wait("document.getElementById('media').paused")


def test_a_click_on_the_timeline_seeks(page):
    from selenium.webdriver import ActionChains

    scrub = page.find("#scrub")
    ActionChains(page.browser, duration=0).move_to_element_with_offset(
        scrub, scrub.size["width"] // 4, 0
    ).click().perform()
    length = page.js("return document.getElementById('media').duration")
    page.wait("!document.getElementById('media').seeking")
    assert seconds(page) == pytest.approx(0.75 * length, abs=length / 100)


def test_the_transcript_follows(page):
    for index in (0, 7, 12, 30, len(TALK.words) - 1):
        middle = (TALK.words[index].start + TALK.words[index].end) / 2
        page.js("document.getElementById('media').currentTime = arguments[0]", middle)
        page.wait("document.querySelector('.row .w.now')?.dataset.word === String(arguments[0])", index)
        assert page.find('.row[aria-current="true"] .w.now').text == TALK.words[index].text.strip()


def comes_into_sight(page: Page, word: Callable[[], int]) -> bool:
    """Whether the word does so within three seconds: the page scrolls smoothly."""
    for _ in range(60):
        if visible(page, word()):
            return True
        time.sleep(0.05)
    return False


def test_who_scrolls_away_is_left_there_until_following_again(page):
    last = len(TALK.words) - 1
    page.press(" ")
    page.wait("!document.getElementById('media').paused")
    jump = "document.getElementById('media').currentTime = arguments[0]"
    page.js(jump, TALK.words[last].start)
    page.wait("document.querySelector(`[data-word='${arguments[0]}']`) && scrollY > 0", last)
    assert comes_into_sight(page, lambda: last)
    page.js("document.getElementById('rows').dispatchEvent(new WheelEvent('wheel', { bubbles: true, deltaY: 1 }))")
    assert page.find("#follow").get_attribute("aria-pressed") == "false"
    page.js(jump, TALK.words[0].start)
    page.wait("document.getElementById('now').textContent === '0:00'")
    time.sleep(0.2)
    assert not visible(page, 0)
    page.press("f")
    assert comes_into_sight(page, lambda: page.now)


def test_zoom_shows_a_part_around_the_playhead(page):
    from selenium.webdriver import ActionChains

    length = page.js("return document.getElementById('media').duration")
    page.js("location.hash = '#t=50'")
    page.wait("document.getElementById('now').textContent === '0:50'")
    page.press("+", "+")
    scrub = page.find("#scrub")
    ActionChains(page.browser, duration=0).move_to_element_with_offset(
        scrub, 2 - scrub.size["width"] // 2, 0
    ).click().perform()
    page.wait("!document.getElementById('media').seeking")
    assert seconds(page) == pytest.approx(50 * 3 / 4, abs=0.5)
    page.press("0")
    ActionChains(page.browser, duration=0).move_to_element_with_offset(scrub, 0, 0).click().perform()
    page.wait("!document.getElementById('media').seeking")
    assert seconds(page) == pytest.approx(length / 2, abs=0.5)


def test_a_dark_system_has_a_dark_page_until_somebody_chooses(page):
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.js(ground)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        assert page.js(ground) == "rgb(19, 20, 23)"
        page.find("#theme").click()
        assert page.js(ground) == light
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_page_opens_at_the_time_of_its_address(show):
    word = TALK.words[40]
    page = show(TALK, "--media", RECORDING, fragment=f"#t={word.start}")
    page.wait("document.getElementById('media').currentTime > 0")
    assert seconds(page) == pytest.approx(word.start, abs=0.01)
    assert page.now == 40
    assert visible(page, 40)


def call(page: Page, who: int, name: str) -> None:
    """Type a new name over the old one."""
    field = page.find(f'#speakers input[data-who="{who}"]')
    field.send_keys(Keys.CONTROL, "a", Keys.NULL, name, Keys.ENTER)


def visible(page: Page, word: int) -> bool:
    return bool(
        page.js(
            """
            const word = document.querySelector(`[data-word="${arguments[0]}"]`)?.getBoundingClientRect();
            const top = document.querySelector(".top").offsetHeight, dock = document.querySelector(".dock");
            return word && top <= word.top && word.bottom <= innerHeight - dock.offsetHeight;
            """,
            word,
        )
    )


def test_a_new_name_changes_every_label(page):
    call(page, 0, "  Анна   <i>Maria</i> ")
    name = "Анна <i>Maria</i>"
    shown = page.js("return document.body.innerText")
    assert name in shown
    assert "Speaker 1" not in shown
    assert "Speaker 1" not in page.js("return document.getElementById('answers').textContent")
    titles = page.js("return [...document.querySelectorAll('.row [aria-label]')].map((node) => node.ariaLabel)")
    assert any(name in title for title in titles)
    assert not any("Speaker 1" in title for title in titles)
    doubtful = page.word(2).get_attribute("title")
    assert "51" in doubtful
    assert f"{name} or Ben" in doubtful
    page.js("scrollTo(0, 1e9)")
    page.wait("document.querySelector('.row[aria-posinset=\"12\"]')")
    assert "Speaker 1" not in page.js("return document.getElementById('rows').innerText")


def test_downloads_hold_the_new_names(page, tmp_path):
    call(page, 0, "Anna-Maria von der Großen Brücke")
    renamed = transcript_json.loads(transcript_json.dumps(TALK, options=WriteOptions())).rename(
        {ANNA: "Anna-Maria von der Großen Brücke"}
    )
    assert transcript_json.loads(page.download("json")) == renamed
    subtitles = list(srt.parse(page.download("srt")))
    spoken = " ".join(item.content for item in subtitles).replace("\n", " ")
    for segment in renamed.segments:
        assert f"{renamed.name(segment.speaker)}: {segment.text[:12]}" in spoken
    assert max(len(line) for item in subtitles for line in item.content.splitlines()) <= 42
    path = tmp_path / "page.vtt"
    path.write_text(page.download("vtt"), encoding="utf-8")
    assert {caption.voice for caption in webvtt.read(str(path))} == {"Anna-Maria von der Großen Brücke", "Ben"}
    again = tmp_path / "again.html"
    again.write_text(page.download("html"), encoding="utf-8")
    copy = visit(page.browser, again)
    assert "Anna-Maria von der Großen Brücke" in copy.find(".row .name").text
    assert copy.complaints() == []
    assert transcript_json.loads(copy.download("json")) == renamed


def test_a_download_is_a_file_that_converts(page, tmp_path):
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.find("#save summary").click()
    page.find('[data-save="json"]').click()
    saved = tmp_path / "stand-up.json"
    for _ in range(100):
        if saved.exists():
            break
        time.sleep(0.05)
    assert run(["convert", str(saved), str(tmp_path / "out.rttm")]) == 0
    assert "SPEAKER stand-up" in (tmp_path / "out.rttm").read_text("utf-8")


def subtitles_of(transcript: Transcript) -> tuple[str, str]:
    """What the page's downloads hold before a name is changed: cues as SRT is cut, in both formats."""
    options = WriteOptions()
    cues = subtitle_cues(transcript, style="label", options=options)
    as_vtt = vtt.dumps_cues(cues, speaker_names(transcript), options=options)
    return by_name("srt").dumps(transcript, options=options), as_vtt


def test_subtitles_without_new_names_are_those_of_the_command(page):
    assert (page.download("srt"), page.download("vtt")) == subtitles_of(TALK)


@settings(
    max_examples=examples(15),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a failure is small enough, and every look takes its time
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(transcript=transcripts)
def test_nothing_of_any_transcript_is_lost_or_run(chromium, tmp_path, transcript):
    path = tmp_path / "any.html"
    path.write_text(page_format.dumps(transcript, options=WriteOptions()), encoding="utf-8")
    page = visit(chromium, path)
    shown = replace(transcript, provenance=remove_folders(transcript.provenance))
    expected = transcript_json.loads(transcript_json.dumps(shown, options=WriteOptions()))
    assert transcript_json.loads(page.download("json")) == expected
    assert (page.download("srt"), page.download("vtt")) == subtitles_of(transcript)
    words = page.js("return JSON.stringify([...document.querySelectorAll('#rows .w')].map((node) => node.textContent))")
    assert printable("".join(json.loads(words))) == printable("".join(word.text for word in transcript.words))
    assert page.js("return document.querySelectorAll('#rows :is(script, img, i, v, b)').length") == 0
    assert page.complaints() == []


def test_emotions_are_shown_beside_what_is_said_and_kept(show):
    emotions = (Turn(Span(0, 4), "happy"), Turn(Span(4, 9), "neutral"), Turn(Span(9, 14), "sad"))
    felt = replace(TALK, emotions=emotions)
    page = show(felt)
    row = "[...document.querySelectorAll('#rows .row')].map((row) => row.querySelector('.felt')?.textContent ?? '')"
    shown = page.js(f"return {row}")[:3]
    expected = [felt.emotion(segment.span) for segment in felt.segments[:3]]
    assert shown == ["" if name == "neutral" else name for name in expected]
    assert set(shown) > {""}
    assert transcript_json.loads(page.download("json")).emotions == emotions
    assert page.complaints() == []


def printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and not c.isspace())


def test_markup_is_text(show):
    transcript = replace(
        talk(MARKUP + " end"), recording_id=MARKUP.replace(" ", "_"), speakers=(Speaker(ANNA, MARKUP),)
    )
    page = show(transcript)
    assert MARKUP in page.find(".row .body").text
    assert page.find("#title").text == transcript.recording_id
    assert page.find('#speakers input[data-who="0"]').get_attribute("value") == MARKUP
    assert page.js("return document.title") == transcript.recording_id
    assert page.js("return document.querySelectorAll('main img, main script, #notes b').length") == 0
    assert page.complaints() == []


def test_nothing_is_asked_of_any_network(page):
    page.word(5).click()
    page.press("/", "search", Keys.ENTER)
    page.download("json")
    page.find("#theme").click()
    asked = page.requests()
    assert any(address.endswith("standup.mp4") for address in asked)
    assert {address.split(":")[0] for address in asked} <= {"file", "blob", "data"}
    blocked = page.browser.execute_async_script(
        "fetch('http://127.0.0.1:9/').then(() => arguments[0](''), (error) => arguments[0](error.name))"
    )
    assert blocked == "TypeError"
    assert any("Content Security Policy" in line for line in page.complaints())


def test_search_goes_through_all_matches(page):
    page.press("/", "CAFE au")
    page.wait("document.getElementById('hits').textContent === '1 of 4'")
    assert page.js("return [...document.querySelectorAll('.hit.at')].map((node) => node.textContent)") == ["Café", "au"]
    places = [i for i, word in enumerate(TALK.words) if word.text == " Café"]
    for turn, place in enumerate([*places[1:], places[0]], start=2):
        page.press(Keys.ENTER)
        page.wait(f"document.getElementById('hits').textContent === '{(turn - 1) % 4 + 1} of 4'")
        page.wait("document.querySelector(`[data-word='${arguments[0]}'].at`)", place)
    page.press("shift+" + Keys.ENTER)
    page.wait("document.getElementById('hits').textContent === '4 of 4'")
    page.press(Keys.ESCAPE)
    assert page.js("return document.querySelectorAll('.hit').length") == 0
    page.press("/", "no such words")
    page.wait("document.getElementById('hits').textContent === 'no match'")


def test_keys(page):
    page.press(Keys.ARROW_RIGHT)
    page.wait("!document.getElementById('media').seeking")
    assert seconds(page) == pytest.approx(5.0, abs=0.01)
    before = page.now
    page.press("shift+" + Keys.ARROW_RIGHT)
    assert page.now == before + 1
    page.press(Keys.ARROW_DOWN)
    row = TALK.segments[2].words[0]
    page.wait("!document.getElementById('media').seeking")
    assert seconds(page) == pytest.approx(row.start, abs=0.01)
    page.press(Keys.ARROW_UP)
    page.press("u")
    assert page.now == 2
    page.press("?")
    assert page.find("#help").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.find("#help").is_displayed()
    page.press(" ")
    page.wait("!document.getElementById('media').paused")
    page.press(" ")
    theme = page.js("return document.documentElement.dataset.theme ?? 'light'")
    page.press("d")
    assert page.js("return document.documentElement.dataset.theme") != theme
    page.press("/", " d")
    assert page.find("#query").get_attribute("value") == " d", "keys are text while something is typed"


def test_a_recording_inside_the_page_plays_without_its_file(show, tmp_path):
    moved = tmp_path / "meeting.mp4"
    shutil.copy(RECORDING, moved)
    page = show(TALK, "--media", moved, "--embed-media")
    moved.unlink()
    page = visit(page.browser, page.path)
    page.wait("document.getElementById('media').readyState >= 1")
    page.word(20).click()
    page.wait("!document.getElementById('media').paused")
    assert seconds(page) >= TALK.words[20].start
    assert page.complaints() == []


def test_a_recording_that_is_gone_can_be_chosen_again(show, tmp_path):
    gone = tmp_path / "gone.mp4"
    shutil.copy(RECORDING, gone)
    page = show(TALK, "--media", gone)
    gone.unlink()
    page = visit(page.browser, page.path)
    page.wait("!document.getElementById('lost').hidden")
    page.word(9).click()
    page.find("#file").send_keys(str(RECORDING))
    page.wait("document.getElementById('media').readyState >= 1 && document.getElementById('media').currentTime > 0")
    assert seconds(page) == pytest.approx(TALK.words[9].start, abs=0.01)
    assert page.find("#media").is_displayed()


def test_a_link_survives_odd_names(show, tmp_path):
    odd = tmp_path / "50% of: #1 ü ?.mp4"
    shutil.copy(RECORDING, odd)
    page = show(TALK, "--media", odd)
    page.wait("document.getElementById('media').readyState >= 1")


@pytest.fixture(scope="module", params=[20_000, by_night(100_000)])
def long_meeting(request: pytest.FixtureRequest) -> Transcript:
    """Two hours or ten, 20,000 or 100,000 words, twelve people; rows of 1 to 30 words."""
    words, segments, turns, start = 0, [], [], 0.0
    for i in range(10**6):
        count = min(1 + (i * 7) % 30, request.param - words)
        if not count:
            break
        who = f"SPEAKER_{i % 12:02d}"
        span = [Span(round(start + 0.36 * k, 3), round(start + 0.36 * k + 0.3, 3)) for k in range(count)]
        made = tuple(Word(item, f" word{words + k}", 0.9, who, 0.9) for k, item in enumerate(span))
        segments.append(Segment(made, who))
        turns.append(Turn(segments[-1].span, who))
        words, start = words + count, start + 0.36 * count
    people = tuple(Speaker(f"SPEAKER_{i:02d}", f"Person {i}") for i in range(12))
    return Transcript("long", start, "en", people, tuple(segments), tuple(turns))


@pytest.fixture(scope="module")
def long_page(long_meeting: Transcript, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.html"
    path.write_text(page_format.dumps(long_meeting, options=WriteOptions()), encoding="utf-8")
    return path


def test_of_hours_of_talk_only_what_is_in_sight_is_laid_out(chromium, long_meeting, long_page):
    last = len(long_meeting.words) - 1
    assert long_page.stat().st_size < 300_000 + 60 * len(long_meeting.words)
    page = visit(chromium, long_page)
    assert page.js("return document.querySelectorAll('*').length") < 5000
    page.js("scrollTo(0, 20000)")
    page.press("/", f"word{last - 123}")
    page.wait("document.getElementById('hits').textContent === '1 of 1'")
    page.wait(f"document.querySelector('[data-word=\"{last - 123}\"].hit.at')")
    assert visible(page, last - 123)
    middle = round(long_meeting.duration / 2)
    page.js(f"location.hash = '#t={middle}.1'")
    page.wait("document.querySelector('.w.now')")
    assert long_meeting.words[page.now].start <= middle + 0.1 < long_meeting.words[page.now + 1].start
    assert visible(page, page.now)
    page.js("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait(f"document.querySelector('[data-word=\"{last}\"]')")
    assert page.js("return document.querySelectorAll('*').length") < 5000


def test_one_endless_segment_is_shown_in_parts_and_kept_whole(show):
    words = tuple(Word(Span(i, i + 0.5), f" w{i}", 0.9, ANNA, 0.9) for i in range(20_000))
    transcript = Transcript("talk", 20_001.0, "en", (Speaker(ANNA, "Anna"),), (Segment(words, ANNA),))
    page = show(transcript, fragment="#t=15000.1")
    assert page.now == 15_000
    assert visible(page, 15_000)
    assert page.js("return document.querySelectorAll('.w').length") < 5000
    assert transcript_json.loads(page.download("json")) == transcript


def test_rows_keep_their_place_while_heights_become_known(chromium, long_page):
    page = visit(chromium, long_page)
    page.js("location.hash = '#t=3600.1'")
    page.wait("document.querySelector('.w.now')")
    gaps = page.browser.execute_async_script("""
        const done = arguments[0], wrong = [];
        let steps = 0;
        const place = (node) => node.getBoundingClientRect().top;
        requestAnimationFrame(function step() {
          const node = [...document.querySelectorAll('.row')].find((row) => place(row) > 200);
          const before = place(node), y = scrollY;
          scrollBy(0, -300);
          requestAnimationFrame(() => requestAnimationFrame(() => {
            if (node.isConnected) wrong.push(place(node) - before - 300);
            if (++steps < 20) step(); else done(wrong);
          }));
        });
    """)
    assert len(gaps) == 20
    assert max(map(abs, gaps)) < 2, "rows in sight move as far as they are scrolled and no further"


def test_everything_has_a_name_for_screen_readers(page):
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        "button",
        "textbox",
        "searchbox",
        "combobox",
        "slider",
        "link",
        "dialog",
        "DisclosureTriangle",
        "img",
        "image",
    }
    nodes = [node for node in tree if not node.get("ignored")]
    roles = [node["role"]["value"] for node in nodes]
    nameless = [node for node in nodes if node["role"]["value"] in named and not node.get("name", {}).get("value")]
    assert nameless == []
    assert {"banner", "main", "complementary", "search", "slider"} <= set(roles)
    slider = page.find("#scrub")
    assert float(slider.get_attribute("aria-valuemax")) == pytest.approx(98, abs=1)
    assert slider.get_attribute("aria-valuetext").startswith("0:00")
    assert "Speaker in doubt" in page.word(2).get_attribute("title")
    assert "Ben" in page.word(3).get_attribute("title")
    assert page.find(".row .both").text == "at the same time"


def test_focus_can_be_seen_and_the_transcript_reached(page):
    page.press(Keys.TAB)
    assert page.js("return document.activeElement.className") == "skip"
    assert page.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(Keys.ENTER)
    page.press(Keys.TAB)
    assert page.js("return document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("width", [320, by_night(390), by_night(768), 1600])
def test_no_window_is_too_narrow(show, width):
    long_name = replace(TALK, speakers=(Speaker(ANNA, "A" * 80), Speaker(BEN, "Ben")), recording_id="r" * 90)
    page = show(long_name, size=(width, 700))
    assert page.js("return document.documentElement.scrollWidth") <= width
    hidden = page.js("""
        return [...document.querySelectorAll("button, select, input:not(#file), summary")].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width && node.checkVisibility() && (box.right > innerWidth + 1 || box.left < -1);
        }).map((node) => node.outerHTML);
    """)
    assert hidden == []


def test_printing_shows_every_word(page):
    page.js("dispatchEvent(new Event('beforeprint'))")
    rows = page.js("return [...document.querySelectorAll('#rows .body')].map((node) => node.textContent)")
    assert len(rows) == len(TALK.segments)
    assert all(segment.text in row for segment, row in zip(TALK.segments, rows, strict=True))
    page.js("dispatchEvent(new Event('afterprint'))")
    page.wait("document.querySelector('[data-word]')")


def test_a_russian_transcript_has_a_russian_page(show):
    page = show(replace(TALK, language="ru"))
    assert page.js("return document.documentElement.lang") == "ru"
    assert page.find("#query").get_attribute("placeholder") == "Поиск по расшифровке"
    page.js("const box = document.getElementById('language'); box.value = 'en'; box.dispatchEvent(new Event('change'))")
    assert page.find("#query").get_attribute("placeholder") == "Search the transcript"
    assert page.js("return document.body.innerText.includes('undefined')") is False


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(page, theme):
    page.js("document.documentElement.dataset.theme = arguments[0]", theme)
    poor = page.js("""
        const probe = document.getElementById("said");  // relative luminance and contrast as WCAG 2.2 defines them
        const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const light = (name) => {
          probe.style.color = `var(${name})`;
          const [r, g, b] = getComputedStyle(probe).color.match(/[0-9.]+/g).map((v) => linear(v / 255));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
        const speakers = Array.from({ length: 8 }, (_, i) => `--speaker-${i}`);
        const texts = ["--ink", "--soft", "--accent", "--speaker-none", ...speakers];
        const pairs = texts.flatMap((text) => ["--ground", "--surface", "--wash"].map((ground) => [text, ground]));
        pairs.push(["--ink", "--now"], ["--ink", "--hit"], ["--ink", "--hit-now"], ["--on-accent", "--accent"]);
        return pairs.map(([a, b]) => [a, b, ratio(a, b)]).filter(([, , found]) => !(found >= 4.5));
    """)
    assert poor == []


def test_turns_alone_make_a_page_with_a_timeline(show):
    page = show(replace(TALK, segments=(), uncertain=()))
    assert page.find("#empty").is_displayed()
    assert page.js("return [...document.querySelectorAll('#lanes div')].length") == 2
    assert page.complaints() == []


def test_ben_talks_over_anna_in_the_lane_of_overlap(show):
    turns = (Turn(Span(0, 10), ANNA), Turn(Span(8, 12), BEN))
    page = show(replace(TALK, turns=turns))
    lanes = page.js("return [...document.querySelectorAll('#lanes span:first-child')].map((node) => node.innerText)")
    assert lanes == ["Speaker 1", "Ben", "Overlap", "Doubtful"]


def test_every_language_has_every_word():
    text = (Path(page_format.__file__).parents[1] / "data" / "viewer" / "strings.js").read_text("utf-8")
    blocks = re.findall(r"^  (\w\w): \{\n(.*?)^  \},", text, re.MULTILINE | re.DOTALL)
    keys = {name: set(re.findall(r'(\w+): (?:"|\{)', body)) for name, body in blocks}
    assert set(keys) == {"en", "ru"}
    assert keys["en"] - {"few"} == keys["ru"] - {"few"}


@given(st.text())
def test_data_never_closes_its_element(text):
    made = escape_json(text)
    assert "<" not in made
    assert ">" not in made
