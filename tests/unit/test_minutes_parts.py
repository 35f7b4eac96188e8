"""The parts of the minutes that need no model: utterances, wording, dates, owners, participants, topics."""

from __future__ import annotations

import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import nasty_text, transcripts
from tests.meetings import RUSSIAN_NAMES, meeting, russian
from whisperdiar.minutes.content import Due
from whisperdiar.minutes.extract.compose import participants
from whisperdiar.minutes.extract.dates import find_due, has_parser
from whisperdiar.minutes.extract.evidence import complete_sentences, group_runs, select_strongest
from whisperdiar.minutes.extract.features import extract, rank_values, shift_values, window_mean
from whisperdiar.minutes.extract.lexical import Terms
from whisperdiar.minutes.extract.owners import find_owner
from whisperdiar.minutes.extract.topics import find_topics
from whisperdiar.minutes.language import NEUTRAL, language
from whisperdiar.minutes.units import utterances
from whisperdiar.minutes.wording import make_readable
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Span, Turn, Word

EN, RU = language("en"), language("ru")
WEDNESDAY = datetime.date(2026, 11, 25)


@given(transcripts)
def test_utterances_hold_every_word_with_text_once_and_have_one_speaker(transcript: Transcript) -> None:
    found = utterances(transcript)
    held = sorted(index for item in found for index in item.indices)
    assert held == [k for k, word in enumerate(transcript.words) if word.text.strip()]
    assert [item.number for item in found] == list(range(1, len(found) + 1))
    for item in found:
        assert {word.speaker for word in item.words} == {item.speaker}
        assert item.words == tuple(transcript.words[k] for k in item.indices)


def test_utterances_end_with_sentences_clauses_and_pauses_and_not_where_others_nod() -> None:
    made = meeting([(0, "We take the blue one, and it is done. Then we"), (1, "Yeah."), (0, "go home")])
    texts = [item.text for item in utterances(made)]
    assert texts == ["We take the blue one,", "and it is done.", "Then we", "Yeah.", "go home"]
    nodded = Transcript("x", 9.0, segments=meeting([(0, "Then we go home")]).segments)
    words = list(nodded.words)
    words.insert(2, Word(Span(1.55, 1.7), " Yeah.", speaker="SPEAKER_01"))
    from whisperdiar.segmentation import segments

    joined = utterances(Transcript("x", 9.0, segments=segments(words)))
    assert [item.text for item in joined] == ["Then we go home", "Yeah."]


def test_a_sentence_goes_on_after_a_pause_for_thought() -> None:
    words = [
        Word(Span(start, start + 0.3), f" {text}", speaker="SPEAKER_00")
        for start, text in (
            (0, "We"),
            (0.4, "want"),
            (2.0, "a"),
            (2.4, "menu."),
            (4.0, "yes"),
            (8.0, "and"),
            (9.5, "So"),
        )
    ]
    from whisperdiar.segmentation import segments

    found = utterances(Transcript("x", 10.0, segments=segments(words)))
    assert [item.text for item in found] == ["We want", "a menu.", "yes", "and", "So"]
    assert [item.whole for item in found] == [0, 0, 2, 3, 4]
    assert len({item.sentence for item in found}) == 5
    assert complete_sentences([0], found) == [0, 1]


def test_who_begins_anew_begins_an_utterance() -> None:
    made = meeting(
        [(0, "You can really Do you think the IT of Mister Will may work in May in the US or I guess it may?")]
    )
    assert [item.text for item in utterances(made, (), EN.starters)] == [
        "You can really",
        "Do you think the IT of Mister Will may work in May in the US or I guess it may?",
    ]
    polite = meeting([(0, "Я думаю, что Вы нам поможете. Да.")], language="ru")
    assert [item.text for item in utterances(polite, (), RU.starters)] == ["Я думаю, что Вы нам поможете.", "Да."]
    assert len(utterances(meeting([(0, "Ich sehe dass Das geht.")]))) == 1


def test_without_punctuation_long_speech_is_cut_at_pauses() -> None:
    line = " ".join(["word"] * 200)
    found = utterances(meeting([(0, line)]))
    assert len(found) > 3
    assert max(len(item.words) for item in found) <= 60


@pytest.mark.parametrize(
    ("spoken", "shown"),
    [
        ("Um so, we're gonna keep keep it simple,", "We're going to keep it simple."),
        ("and and then uh we take the l local pound", "We take the local pound."),
        (
            "which is the The first one is that um uh teletext is outdated.",
            "Which is the first one is that teletext is outdated.",
        ),
        ("Is it finished? It is.", "Is it finished? It is."),
        ("No. No. We do", "No. No. We do."),
        (
            "From a from the technology it it's good you know, and what do you know?",
            "From the technology it's good and what do you know?",
        ),
        ("Just stick to the regular ones Okay.", "Just stick to the regular ones."),
        ("But we don't need a special we don't need a special menu.", "We don't need a special menu."),
        ("Okay, we have to we have about four ideas", "We have about four ideas."),
        ("We could make an a a separate menu", "We could make a separate menu."),
        ("We use our slogan i in the new design.", "We use our slogan in the new design."),
        ("It runs up one side, that kind of thing.", "It runs up one side, that kind of thing."),
        ("It was so kind of you.", "It was so kind of you."),
        ("um, uh", ""),
        ("The end, um.", "The end."),
    ],
)
def test_english_is_cleaned_lightly(spoken: str, shown: str) -> None:
    assert make_readable(spoken, EN) == shown


def test_russian_is_cleaned_lightly() -> None:
    assert make_readable("Ну, э, мы мы берём батарею, вот", RU) == "Мы берём батарею."


@given(nasty_text, st.sampled_from([EN, RU, NEUTRAL]))
def test_cleaning_never_fails_and_ends_a_sentence(text: str, spoken: object) -> None:
    shown = make_readable(text, spoken)  # type: ignore[arg-type]
    assert not shown or shown[-1] in ".?!…。？！؟।\"'»”’)]}」』）"
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "phrase", "day"),
    [
        ("by next Friday please", "by next Friday", "2026-12-04"),
        ("we need it by Friday", "by Friday", "2026-11-27"),
        ("on Wednesday", "on Wednesday", "2026-12-02"),
        ("I'll do it tomorrow", "tomorrow", "2026-11-26"),
        ("by the end of next week", "by the end of next week", "2026-12-04"),
        ("before the end of the month", "before the end of the month", "2026-11-30"),
        ("ready for the next meeting", "for the next meeting", None),
    ],
)
def test_english_phrases_say_until_when(text: str, phrase: str, day: str | None) -> None:
    found = find_due(text, EN, WEDNESDAY)
    assert found is not None
    assert (found.phrase, found.day and found.day.isoformat()) == (phrase, day)
    without = find_due(text, EN, None)
    assert without is not None
    assert without.day is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("до следующей пятницы", "2026-12-04"),
        ("сделаю завтра", "2026-11-26"),
        ("к среде", "2026-12-02"),
        ("до конца следующей недели", "2026-12-04"),
        ("к следующей встрече", None),
    ],
)
def test_russian_phrases_say_until_when(text: str, day: str | None) -> None:
    found = find_due(text, RU, WEDNESDAY)
    assert found is not None
    assert (found.day and found.day.isoformat()) == day


@pytest.mark.skipif(not has_parser(), reason="dateparser is not installed (extra minutes)")
@pytest.mark.parametrize(
    ("text", "spoken", "day"),
    [
        ("by March 5th", EN, "2027-03-05"),
        ("by the fifth of December", EN, "2026-12-05"),
        ("in two weeks", EN, "2026-12-09"),
        ("до двадцать пятого декабря", RU, "2026-12-25"),
        ("через две недели", RU, "2026-12-09"),
    ],
)
def test_dates_and_numbers_of_days_are_read(text: str, spoken: object, day: str) -> None:
    found = find_due(text, spoken, WEDNESDAY)  # type: ignore[arg-type]
    assert found is not None
    assert found.day == datetime.date.fromisoformat(day)


def test_what_says_no_time_is_not_due() -> None:
    assert find_due("we may march on", EN, WEDNESDAY) is None
    assert find_due("до свидания", RU, WEDNESDAY) is None
    assert find_due("the next meeting is about the price", EN, WEDNESDAY) is None
    assert find_due("tomorrow", NEUTRAL, WEDNESDAY) is None


def _owner(line: int, *, lines: list[tuple[int, str]], russian_names: bool = False) -> str | None:
    made = meeting(lines, names=RUSSIAN_NAMES if russian_names else None)
    items = utterances(made)
    names = {item.id: item.name for item in made.speakers}
    return find_owner(line, items, names, RU if russian_names else EN, text=lines[line][1])


@pytest.mark.parametrize(
    ("lines", "who"),
    [
        ([(0, "I'll send the report"), (1, "Okay")], "Anna"),
        ([(0, "Boris will send the report"), (1, "Okay"), (2, "Yes")], "Boris"),
        ([(0, "Clara, could you send the report?"), (1, "Well"), (2, "Yes")], "Clara Schmidt"),
        ([(0, "Could you send the report?"), (1, "Yes, sure"), (2, "Good")], "Boris"),
        ([(0, "Could you send the report?"), (1, "What report?"), (2, "Good")], None),
        ([(0, "You should send the report"), (1, "What report?")], "Boris"),
        ([(0, "You guys should send the report"), (1, "Yes")], None),
        ([(0, "We should send the report"), (1, "Yes")], None),
        ([(0, "and the Industrial Designer will work on it"), (1, "Yes")], "Industrial Designer"),
        ([(0, "There will be a report"), (1, "Yes")], None),
        ([(0, "Um, I'll make sure to put up the minutes."), (1, "Yes"), (2, "Good")], "Anna"),
        ([(0, "I'll send it so that Boris can check it."), (1, "Yes"), (2, "Good")], "Anna"),
        ([(0, "I'll need you to send the report."), (1, "Yes"), (2, "Good")], "Boris"),
        ([(0, "If you could send me the figures, I'll update it."), (1, "Yes"), (2, "Good")], "Anna"),
        ([(0, "Let me know when it is done."), (1, "Yes"), (2, "Good")], "Boris"),
        ([(0, "Could you send Clara the report?"), (1, "Yes, sure"), (2, "Good")], "Boris"),
        ([(0, "Can you send the report, Clara?"), (1, "Yes, sure"), (2, "Good")], "Clara Schmidt"),
        ([(0, "So Boris could you send the report"), (2, "Yes, sure"), (1, "Good")], "Boris"),
        ([(0, "You'll get instructions from your coach."), (1, "Yes"), (2, "Good")], None),
        ([(0, "I can't send the report."), (1, "Yes"), (2, "Good")], None),
        ([(0, "You will all have to work on it."), (1, "Yes"), (2, "Good")], None),
        ([(0, "Bob and Ann Lee you will work on it."), (1, "Yes"), (2, "Good")], "Bob and Ann Lee"),
    ],
)
def test_owners_are_the_speaker_the_addressed_or_the_named(lines: list[tuple[int, str]], who: str | None) -> None:
    assert _owner(0, lines=lines) == who


@pytest.mark.parametrize(
    ("lines", "who"),
    [
        ([(0, "Я подготовлю отчёт"), (1, "Да")], "Анна"),
        ([(0, "Подготовлю отчёт"), (1, "Да"), (2, "Хорошо")], "Анна"),
        ([(0, "Борис подготовит отчёт"), (1, "Да"), (2, "Хорошо")], "Борис"),
        ([(0, "Клара, отправь отчёт"), (1, "Да"), (2, "Хорошо")], "Клара"),
        ([(0, "Борису нужно отправить отчёт"), (1, "Да"), (2, "Хорошо")], "Борис"),
        ([(0, "Мы подумаем"), (1, "Да"), (2, "Хорошо")], None),
        ([(0, "Э, я прослежу, чтобы вы получили протокол"), (1, "Да"), (2, "Хорошо")], "Анна"),
        ([(0, "Я попрошу её прислать цифры до обеда"), (1, "Да"), (2, "Хорошо")], "Анна"),
        ([(0, "Я отправлю отчёт, и вы сможете его посмотреть"), (1, "Да"), (2, "Хорошо")], "Анна"),
        ([(0, "Если вы пришлёте цифры, я обновлю отчёт"), (1, "Да"), (2, "Хорошо")], "Анна"),
        ([(0, "Пришлите отчёт Кларе, пожалуйста"), (1, "Да, конечно"), (2, "Хорошо")], "Борис"),
        ([(0, "Я считаю, это хорошо"), (1, "Да"), (2, "Хорошо")], None),
    ],
)
def test_owners_in_russian(lines: list[tuple[int, str]], who: str | None) -> None:
    assert _owner(0, lines=lines, russian_names=True) == who


@given(st.lists(st.tuples(st.integers(0, 2), nasty_text), min_size=1, max_size=4), st.lists(nasty_text, max_size=3))
def test_owners_and_dates_take_any_text_and_any_names(lines: list[tuple[int, str]], names: list[str]) -> None:
    items = utterances(meeting(lines))
    people = {f"SPEAKER_{k:02d}": name for k, name in enumerate(names)}
    for place, item in enumerate(items):
        for spoken in (EN, RU, NEUTRAL):
            find_owner(place, items, people, spoken)
            find_due(item.text, spoken, WEDNESDAY)


def test_participants_have_the_figures_of_the_statistics() -> None:
    turns = (Turn(Span(0.0, 10.0), "A"), Turn(Span(9.0, 14.0), "B"), Turn(Span(11.0, 11.4), "A"))
    first, second = participants(Transcript("x", 31.0, speakers=(Speaker("B", "Ben"),), turns=turns))
    assert (first.name, first.turns, first.interruptions, first.longest_monologue) == ("Ben", 1, 1, 5.0)
    assert (second.name, second.turns, second.interruptions, second.longest_monologue) == ("A", 1, 0, 11.4)
    assert first.share + second.share == pytest.approx(1.0)


def test_topics_part_where_the_words_change() -> None:
    lamp = "the battery of the lamp needs a charger and a stronger battery cable"
    trip = "our holiday hotel near the beach has a restaurant with a hotel garden"
    made = meeting([(k % 2, lamp if k < 30 else trip) for k in range(60)])
    found = find_topics(utterances(made), EN)
    assert len(found) == 2
    change = found[1].span.start
    first_trip = next(word.start for word in made.words if "holiday" in word.text)
    assert abs(change - first_trip) < 20.0
    assert "battery" in found[0].title.lower()
    assert "hotel" in found[1].title.lower()


def test_titles_are_noun_phrases_and_those_of_the_agenda_first() -> None:
    lines = [
        (0, "Today we talk about the garden fence and the water tank."),
        (1, "I eat in July, and you eat in July, please."),
        (0, "Please eat, they eat the soup, we eat and go."),
        (1, "The garden fence is old, and a garden fence is not easy to paint."),
        (0, "It is easy to paint, easy to clean, easy to see."),
        (1, "Our garden fence needs paint."),
    ]
    (topic,) = find_topics(utterances(meeting(lines)), EN)
    assert topic.title.startswith("Garden fence")
    assert not {"eat", "please", "easy"} & set(topic.title.lower().replace(",", "").split())


@given(transcripts)
def test_topics_follow_each_other_without_holes(transcript: Transcript) -> None:
    items = utterances(transcript)
    found = find_topics(items, EN)
    assert bool(found) == bool(items)
    for before, after in pairwise(found):
        assert before.span.end == after.span.start
    if found:
        assert found[0].span.start == items[0].span.start
        assert found[-1].span.end >= max(item.span.end for item in items) - 1e-9


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 30)), max_size=30), st.floats(0, 400))
def test_the_strongest_come_nearest_to_the_budget(pairs: list[tuple[float, int]], budget: float) -> None:
    scores = np.array([score for score, _ in pairs])
    words = np.array([float(count) for _, count in pairs])
    taken = select_strongest(scores, words, budget)
    assert list(taken) == sorted(set(taken))
    if len(taken):
        others = np.setdiff1d(np.arange(len(pairs)), taken)
        assert not len(others) or scores[taken].min() >= scores[others].max()
        assert words[taken].sum() - budget <= words.max()


def test_a_budget_beyond_all_numbers_takes_everything() -> None:
    assert list(select_strongest(np.array([0.1, 0.3, 0.2]), np.array([4.0, 5.0, 6.0]), 10.0**23)) == [0, 1, 2]


def test_no_day_is_after_the_last_one() -> None:
    assert find_due("by next Friday", EN, datetime.date(9999, 12, 31)) == Due("by next Friday", None)
    assert find_due("by the end of the month", EN, datetime.date(9999, 12, 31)) is not None


def test_runs_join_neighbours_of_one_speaker() -> None:
    items = utterances(meeting([(0, "One two three. Four five six."), (1, "Seven eight nine."), (0, "Ten eleven.")]))
    assert group_runs([0, 1, 2, 3], items, gap=1, longest=100) == [[0, 1, 3], [2]]
    assert group_runs([0, 1, 2, 3], items, gap=0, longest=4) == [[0], [1], [2], [3]]


@given(transcripts)
def test_features_are_finite_and_have_one_row_each(transcript: Transcript) -> None:
    items = utterances(transcript)
    for spoken in (EN, RU, NEUTRAL):
        found = extract(items, spoken)
        assert found.matrix.shape == (len(items), len(found.names))
        assert np.isfinite(found.matrix).all()
        assert len(set(found.names)) == len(found.names)


def test_english_and_russian_have_the_same_features() -> None:
    assert extract(utterances(meeting()), EN).names == extract(utterances(russian()), RU).names


@pytest.mark.parametrize(("code", "known"), [("EN", "en"), ("ru-RU", "ru"), ("en_GB", "en"), ("xx", ""), ("../en", "")])
def test_languages_are_found_by_their_codes(code: str, known: str) -> None:
    assert language(code).code == known


def test_lists_of_words_hold_words() -> None:
    for spoken in (EN, RU):
        for name, entries in spoken.data.items():
            if isinstance(entries, list) and name != "capitals":
                assert all(entry.strip() == entry and entry for entry in entries), name
        assert sum(len(word) == 1 for word in spoken.data["weak"]) == 0


def test_neighbours_ranks_and_windows() -> None:
    values = np.array([1.0, 2.0, 2.0, 5.0])
    assert list(shift_values(values, 1)) == [2.0, 2.0, 5.0, 0.0]
    assert list(shift_values(values, -2)) == [0.0, 0.0, 1.0, 2.0]
    assert list(window_mean(values, 1)) == [1.5, 5 / 3, 3.0, 3.5]
    assert list(rank_values(values)) == [0.125, 0.5, 0.5, 0.875]


def test_lexrank_prefers_what_others_are_like_and_equals_the_walk_over_all_pairs() -> None:
    terms = Terms([["a", "b"], ["a", "c"], ["a", "b", "c"], ["z", "y"], ["b", "c"]])
    rank = terms.lexrank()
    pairs = (terms.weights @ terms.weights.T).toarray()
    walk = pairs / pairs.sum(axis=1, keepdims=True)
    expected = np.ones(5)
    for _ in range(200):
        expected = 0.15 + 0.85 * walk.T @ expected
    assert rank == pytest.approx(expected, abs=0.02)
    assert rank.argmax() == 2
