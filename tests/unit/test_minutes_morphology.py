"""Russian and Ukrainian titles: nouns and what describes them, never what people do."""

from __future__ import annotations

import pytest

from whisperdiar.minutes.extract import morphology, phrases
from whisperdiar.minutes.extract.morphology import find_morphology
from whisperdiar.minutes.extract.phrases import Grammar, find_phrases
from whisperdiar.minutes.language import language
from whisperdiar.minutes.units import utterances
from whisperdiar.transcript import Segment, Transcript
from whisperdiar.types import Span, Word

NOUNS = """
автобус бассейн билеты бюджет вторник деньги дизайн дизайнер договор дождь задача замена кафе клиент комитет концерт лес
машина мельница оплата отчёты песни погода поезд поиск проблем ремонт сервер скидка страница телефон термос уроки
учитель час шары юрист продажи релиз поставка прибыль система
"""
NOT_NOUNS = """
едим едем поедем летишь закрыли куплю люблю покажем устанем обсудим подписываем смотрели берём кладём купим дадим хочу
прошу поеду быстро долго обратно сухо вечером завтра пешком согласен покупает меняем ждём запускают считают открыла
"""


@pytest.fixture(params=["dictionary", "endings"])
def grammar(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Grammar:
    """With the extra, and without."""
    if request.param == "dictionary":
        pytest.importorskip("pymorphy3", reason="pymorphy3 is not installed (extra minutes)")
    else:
        monkeypatch.setattr(phrases, "find_morphology", lambda _language: None)
    return Grammar(language("ru"))


def test_what_people_do_is_no_noun(grammar: Grammar) -> None:
    def names(words: list[str]) -> list[str]:
        return [word for word in words if grammar.may_be_noun(word) and not grammar.is_modifier(word)]

    assert names(NOT_NOUNS.split()) == []
    assert len(names(NOUNS.split())) >= 0.95 * len(NOUNS.split())


def say(*lines: str) -> Transcript:
    segments = []
    for number, line in enumerate(lines):
        words = [
            Word(Span(5.0 * number + 0.4 * k, 5.0 * number + 0.4 * k + 0.3), f" {text}", 0.9, "S", 0.9)
            for k, text in enumerate(line.split())
        ]
        segments.append(Segment(tuple(words), "S"))
    return Transcript("talk", 5.0 * len(lines), "ru", segments=tuple(segments))


def test_a_title_stands_in_the_nominative() -> None:
    pytest.importorskip("pymorphy3", reason="pymorphy3 is not installed (extra minutes)")
    found = find_phrases(utterances(say("без нового бюджета", "о странице оплаты", "для GitHub")), language("ru"))
    shown = {found.show(key) for keys in found.of for key in keys}
    assert {"новый бюджет", "страница оплаты", "GitHub"} <= shown


def test_a_phrase_without_a_noun_stays() -> None:
    pytest.importorskip("pymorphy3", reason="pymorphy3 is not installed (extra minutes)")
    known = find_morphology("ru")
    assert known is not None
    assert known.make_nominative(["быстро"]) == ["быстро"]
    assert known.make_nominative(["старой", "мельницы"]) == ["старая", "мельница"]
    assert known.make_nominative(["Сроках", "поставки"]) == ["Сроки", "поставки"]


def test_other_languages_have_none() -> None:
    assert find_morphology("de") is None
    assert set(morphology.LANGUAGES) == {"ru", "uk"}
