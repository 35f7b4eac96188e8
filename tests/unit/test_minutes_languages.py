"""Minutes in six languages: the same small talk about a lamp, as people of each language would hold it."""

from __future__ import annotations

import datetime
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.meetings import meeting
from whisperdiar.minutes.content import Minutes
from whisperdiar.minutes.extract.acts import (
    find_decisions,
    find_undecided,
    is_broken_off,
    is_conditional,
    states_decision,
)
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.minutes.extract.features import extract
from whisperdiar.minutes.extract.material import prepare
from whisperdiar.minutes.language import language
from whisperdiar.minutes.render import renderer
from whisperdiar.minutes.template import template
from whisperdiar.minutes.units import utterances
from whisperdiar.minutes.wording import make_readable
from whisperdiar.options import MinutesOptions

CODES = ("en", "ru", "de", "fr", "es", "uk")
WEDNESDAY = datetime.date(2026, 11, 25)
FRIDAY, MONDAY = datetime.date(2026, 11, 27), datetime.date(2026, 11, 30)

NAMES = {
    "en": ("Anna", "Boris", "Clara"),
    "ru": ("Анна", "Борис", "Клара"),
    "de": ("Anna", "Bernd", "Clara"),
    "fr": ("Anne", "Bruno", "Claire"),
    "es": ("Ana", "Bruno", "Clara"),
    "uk": ("Анна", "Борис", "Клара"),
}
LINES = {
    "en": (
        (0, "Good morning everybody, on the agenda today we have the lamp and the catalogue."),
        (0, "Um, the battery only lasts three hours, and that is not enough."),
        (1, "With the rechargeable one we get eight hours, but it costs two euros more."),
        (2, "The customers complained about the battery."),
        (0, "Okay, then we take the rechargeable battery."),
        (1, "Agreed."),
        (0, "And the price, do we stay at twenty euros?"),
        (2, "The price is an open question, we lack the figures from sales."),
        (1, "I'll send you the figures by Friday."),
        (0, "Clara, could you please prepare the draft of the catalogue?"),
        (2, "Sure, by Monday."),
        (0, "If we go with the rechargeable battery, the lamp gets heavier."),
        (1, "I'll move on to my last slide."),
        (0, "The question is whether the"),
        (2, "Let's go with the blue colour."),
        (1, "We still haven't decided who goes to the fair."),
        (0, "The door is open, it is cold."),
        (0, "Thanks, bye."),
    ),
    "ru": (
        (0, "Добрый день всем, сегодня обсудим фонарь и каталог."),
        (0, "Эм, батарейка держит только три часа, этого мало."),
        (1, "С аккумулятором будет восемь часов, но он стоит на два евро дороже."),
        (2, "Клиенты жаловались на батарейку."),
        (0, "Тогда берём аккумулятор."),
        (1, "Договорились."),
        (0, "А цена, оставляем двадцать евро?"),
        (2, "Вопрос цены пока открыт, нам не хватает цифр от продаж."),
        (1, "Я пришлю цифры до пятницы."),
        (0, "Клара, подготовь, пожалуйста, макет каталога."),
        (2, "Хорошо, сделаю до понедельника."),
        (0, "Если берём аккумулятор, фонарь станет тяжелее."),
        (1, "Перехожу к последнему слайду."),
        (0, "Вопрос в том, что"),
        (2, "Мы решили оставить синий цвет."),
        (1, "Мы ещё не решили, кто поедет на выставку."),
        (0, "Дверь открыта, дует."),
        (0, "Спасибо, до встречи."),
    ),
    "de": (
        (0, "Guten Morgen zusammen, heute geht es um die Lampe und den Katalog."),
        (0, "Ähm, die Batterie hält nur drei Stunden, das ist zu wenig."),
        (1, "Mit dem Akku sind es acht Stunden, aber er kostet zwei Euro mehr."),
        (2, "Die Kunden haben sich über die Batterie beschwert."),
        (0, "Gut, dann nehmen wir den Akku."),
        (1, "Einverstanden."),
        (0, "Was ist mit dem Preis, bleiben wir bei zwanzig Euro?"),
        (2, "Der Preis ist noch offen, da fehlen uns die Zahlen aus dem Vertrieb."),
        (1, "Ich schicke dir die Zahlen bis Freitag."),
        (0, "Clara, kannst du bitte den Entwurf für den Katalog vorbereiten?"),
        (2, "Ja, mache ich bis Montag."),
        (0, "Wenn wir den Akku nehmen, wird die Lampe schwerer."),
        (1, "Ich gehe jetzt weiter zur letzten Folie."),
        (0, "Die Frage ist, ob der"),
        (2, "Wir haben uns auf die blaue Farbe geeinigt."),
        (1, "Wir haben noch nicht entschieden, wer zur Messe fährt."),
        (0, "Die Tür ist offen, es zieht."),
        (0, "Danke, bis dann."),
    ),
    "fr": (
        (0, "Bonjour à tous, à l'ordre du jour nous avons la lampe et le catalogue."),
        (0, "Euh, la pile ne tient que trois heures, ce n'est pas assez."),
        (1, "Avec la batterie on arrive à huit heures, mais elle coûte deux euros de plus."),
        (2, "Les clients se sont plaints de la pile."),
        (0, "Alors on prend la batterie."),
        (1, "Ça marche."),
        (0, "Et le prix, on reste à vingt euros ?"),
        (2, "Le prix reste une question ouverte, il nous manque les chiffres du service commercial."),
        (1, "Je t'envoie les chiffres pour vendredi."),
        (0, "Claire, peux-tu préparer la maquette du catalogue, s'il te plaît ?"),
        (2, "Oui, je m'en occupe avant lundi."),
        (0, "Si on garde la batterie, la lampe sera plus lourde."),
        (1, "Je passe à ma dernière diapo."),
        (0, "La question est de savoir si la"),
        (2, "On a décidé de garder la couleur bleue."),
        (1, "On n'a pas encore décidé qui ira au salon."),
        (0, "La porte est ouverte, il fait froid."),
        (0, "Merci, à bientôt."),
    ),
    "es": (
        (0, "Buenos días a todos, en el orden del día tenemos la lámpara y el catálogo."),
        (0, "Eh, la pila dura solo tres horas, y eso es poco."),
        (1, "Con la batería llegamos a ocho horas, pero cuesta dos euros más."),
        (2, "Los clientes se han quejado de la pila."),
        (0, "Entonces nos quedamos con la batería."),
        (1, "De acuerdo."),
        (0, "¿Y el precio, seguimos en veinte euros?"),
        (2, "El precio sigue abierto, nos faltan las cifras del departamento comercial."),
        (1, "Te envío las cifras antes del viernes."),
        (0, "Clara, ¿puedes preparar el borrador del catálogo, por favor?"),
        (2, "Sí, me encargo antes del lunes."),
        (0, "Si cogemos la batería, la lámpara pesará más."),
        (1, "Voy a pasar a la última diapositiva."),
        (0, "La cuestión es si la"),
        (2, "Hemos decidido mantener el color azul."),
        (1, "Todavía no hemos decidido quién va a la feria."),
        (0, "La puerta está abierta, hace frío."),
        (0, "Gracias, hasta luego."),
    ),
    "uk": (
        (0, "Добрий день усім, сьогодні обговоримо ліхтар і каталог."),
        (0, "Ем, батарейка тримає лише три години, цього замало."),
        (1, "З акумулятором буде вісім годин, але він коштує на два євро більше."),
        (2, "Клієнти скаржилися на батарейку."),
        (0, "Тоді беремо акумулятор."),
        (1, "Домовилися."),
        (0, "А ціна, залишаємо двадцять євро?"),
        (2, "Питання ціни поки відкрите, нам бракує цифр від продажів."),
        (1, "Я надішлю цифри до п'ятниці."),
        (0, "Кларо, підготуй, будь ласка, макет каталогу."),
        (2, "Добре, зроблю до понеділка."),
        (0, "Якщо беремо акумулятор, ліхтар стане важчим."),
        (1, "Переходжу до останнього слайда."),
        (0, "Питання в тому, чи"),
        (2, "Ми вирішили залишити синій колір."),
        (1, "Ми ще не вирішили, хто поїде на виставку."),
        (0, "Двері відкриті, дме."),
        (0, "Дякую, до зустрічі."),
    ),
}
TAKEN, COLOUR, OPEN, TRAVEL, PROMISE, REQUEST = 4, 14, 7, 15, 8, 9
"""Lines that decide, leave something open, promise, and ask for something."""
HYPOTHESIS, SLIDE, BROKEN, DOOR = 11, 12, 13, 16
"""Lines that look like these, and are none."""


def minutes_of(code: str) -> Minutes:
    names = {f"SPEAKER_0{k}": name for k, name in enumerate(NAMES[code])}
    return minutes(meeting(LINES[code], language=code, names=names), options=MinutesOptions(day=WEDNESDAY))


def said(text: str, code: str, line: int) -> bool:
    """Whether an item's text is of that line, which may have lost small words at its beginning."""
    return " ".join(re.findall(r"\w+", text.lower())) in " ".join(re.findall(r"\w+", LINES[code][line][1].lower()))


@pytest.mark.parametrize("code", CODES)
def test_what_is_decided_in_so_many_words_is_a_decision_and_a_hypothesis_is_none(code: str) -> None:
    decided = [item.text for item in minutes_of(code).decisions]
    for line in (TAKEN, COLOUR):
        assert any(said(text, code, line) for text in decided), (line, decided)
    for line in (HYPOTHESIS, OPEN, TRAVEL, SLIDE, BROKEN, DOOR):
        assert not any(said(text, code, line) for text in decided), (line, decided)


@pytest.mark.parametrize("code", CODES)
def test_what_people_call_open_is_an_open_question_and_half_a_question_is_none(code: str) -> None:
    asked = [item.text for item in minutes_of(code).questions]
    for line in (OPEN, TRAVEL):
        assert any(said(text, code, line) for text in asked), (line, asked)
    for line in (BROKEN, DOOR, HYPOTHESIS, REQUEST, TAKEN):
        assert not any(said(text, code, line) for text in asked), (line, asked)


@pytest.mark.parametrize("code", CODES)
def test_promises_and_requests_have_owners_and_days_and_the_next_slide_is_no_action(code: str) -> None:
    made = minutes_of(code)
    _, second, third = NAMES[code]
    promise = [item for item in made.actions if said(item.text, code, PROMISE)]
    request = [item for item in made.actions if said(item.text, code, REQUEST)]
    assert [(item.owner, item.due and item.due.day) for item in promise] == [(second, FRIDAY)]
    assert [(item.owner, item.due and item.due.day) for item in request] == [(third, MONDAY)]
    for line in (SLIDE, HYPOTHESIS, DOOR, TAKEN):
        assert not any(said(item.text, code, line) for item in made.actions), line


@pytest.mark.parametrize("code", CODES)
def test_every_language_has_the_same_features_and_entries(code: str) -> None:
    assert extract(utterances(meeting()), language(code)).names == extract(utterances(meeting()), language("en")).names
    assert set(language("en").data) - set(language(code).data) <= {"capitals"}
    for name, entries in language(code).data.items():
        if isinstance(entries, list) and name != "capitals":
            assert all(entry.strip() == entry and entry for entry in entries), name


AGREED = {
    "en": ("We should use the blue cover for all lamps from May.", "Okay, agreed."),
    "ru": ("Давайте с мая все фонари в синем корпусе.", "Хорошо, договорились."),
    "de": ("Wir nehmen ab Mai für alle Lampen das blaue Gehäuse.", "Gut, abgemacht."),
    "fr": ("On prend le boîtier bleu pour toutes les lampes à partir de mai.", "Très bien, entendu."),
    "es": ("Cogemos la carcasa azul para todas las lámparas desde mayo.", "Vale, de acuerdo."),
    "uk": ("Давайте з травня всі ліхтарі в синьому корпусі.", "Добре, домовилися."),
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("agrees", [True, False])
def test_a_proposal_that_somebody_else_agrees_to_is_decided(code: str, agrees: bool) -> None:
    proposal, answer = AGREED[code]
    lines = [(2, LINES[code][3][1]), (0, proposal), (1, answer if agrees else LINES[code][2][1])]
    material = prepare(meeting(lines, language=code), MinutesOptions())
    decided = " ".join(material.utterances[place].text for place in find_decisions(material))
    assert decided == (proposal if agrees else "")


NOT_DECIDED = [
    ("en", "If we go with the big one, it gets heavy."),
    ("en", "We should not go with the big one."),
    ("en", "We could go with the big one."),
    ("en", "We haven't decided on the colour."),
    ("de", "Wenn wir uns auf den Preis geeinigt haben, rufe ich an."),
    ("de", "Wir haben uns noch nicht geeinigt."),
    ("fr", "On n'a pas décidé de la couleur."),
    ("fr", "Si on a décidé, on lance la production."),
    ("es", "Todavía no hemos decidido el color."),
    ("es", "Si hemos decidido el color, empezamos."),
    ("ru", "Мы ещё не решили, какой цвет."),
    ("uk", "Ми ще не вирішили, який колір."),
    ("uk", "Якщо тоді беремо синій, буде дорожче."),
]


@pytest.mark.parametrize(("code", "text"), NOT_DECIDED)
def test_conditions_denials_and_wishes_decide_nothing(code: str, text: str) -> None:
    assert not states_decision(text, language(code))


TO_BE_TALKED_ABOUT = [
    ("en", "Today we have to decide on the battery and the price."),
    ("ru", "Сегодня нам нужно решить вопрос с батареей и ценой."),
    ("de", "Heute müssen wir über die Batterie und den Preis entscheiden."),
    ("fr", "Aujourd'hui nous devons décider de la batterie et du prix."),
    ("es", "Hoy tenemos que decidir la batería y el precio."),
    ("uk", "Сьогодні нам треба вирішити питання з батареєю і ціною."),
]


@pytest.mark.parametrize(("code", "text"), TO_BE_TALKED_ABOUT)
def test_the_agenda_is_no_open_question(code: str, text: str) -> None:
    lines = [(0, text), (1, LINES[code][OPEN][1])]
    material = prepare(meeting(lines, language=code), MinutesOptions())
    found = {material.utterances[place].speaker for place in find_undecided(material)}
    assert found == {"SPEAKER_01"}


@given(st.sampled_from(CODES), st.text(max_size=80))
def test_any_text_is_judged(code: str, text: str) -> None:
    spoken = language(code)
    first = spoken.data["hypotheses"][0]
    assert is_conditional(f"{first} {text}", spoken)
    assert not states_decision(f"{first} " + re.sub(r"[,.;:?!]", " ", text), spoken)
    assert is_broken_off(f"{text} {spoken.data['unfinished'][0]}", spoken)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("chosen", [(), (TAKEN,), (OPEN,), (PROMISE,), (OPEN, TAKEN), tuple(range(18))])
def test_one_speaker_and_hardly_a_line_make_minutes(code: str, chosen: tuple[int, ...]) -> None:
    made = minutes(
        meeting([(0, LINES[code][line][1]) for line in chosen], language=code, names={"SPEAKER_00": NAMES[code][0]}),
        options=MinutesOptions(day=WEDNESDAY),
    )
    assert len(made.participants) == min(len(chosen), 1)
    # Nobody else is there to be asked: only who is named in the text may be another owner.
    assert {item.owner for item in made.actions} <= {NAMES[code][0], None}
    assert any(said(item.text, code, OPEN) for item in made.questions) == (OPEN in chosen)
    assert any(said(item.text, code, TAKEN) for item in made.decisions) == (TAKEN in chosen)
    for name in ("md", "html"):
        text = renderer(name)(made, template(None, code))
        assert isinstance(text, str)
        assert not re.search(r"None\b(?! was found)", text)


REQUESTS = {
    "en": "Clara, could you please prepare the draft of the catalogue?",
    "ru": "Клара, подготовь, пожалуйста, макет каталога.",
    "de": "Clara, kannst du bitte den Entwurf für den Katalog vorbereiten?",
    "fr": "Claire, peux-tu préparer la maquette du catalogue, s'il te plaît ?",
    "es": "Clara, ¿puedes preparar el borrador del catálogo, por favor?",
    "uk": "Кларо, підготуй, будь ласка, макет каталогу.",
}
TAKEN_ON = [
    ("en", "Sure, I'll take care of it by Monday."),
    ("en", "I'm on it, by Monday."),
    ("en", "I'll handle it before Monday."),
    ("en", "Okay, leave it to me until Monday."),
    ("de", "Ja, mache ich bis Montag."),
    ("de", "Ich kümmere mich bis Montag darum."),
    ("de", "Das übernehme ich bis Montag."),
    ("de", "Klar, ich erledige das bis Montag."),
    ("de", "Ja, das mache ich gern bis Montag."),
    ("fr", "Oui, je m'en occupe avant lundi."),
    ("fr", "D'accord, je m'en charge pour lundi."),
    ("fr", "Oui, je le fais d'ici lundi."),
    ("es", "Sí, me encargo antes del lunes."),
    ("es", "Yo me ocupo de eso antes del lunes."),
    ("es", "Claro, lo tendré para el lunes."),
    ("ru", "Да, я этим займусь до понедельника."),
    ("ru", "Я возьму это на себя до понедельника."),
    ("uk", "Так, я цим займуся до понеділка."),
    ("uk", "Добре, зроблю це до понеділка."),
]


@pytest.mark.parametrize(("code", "answer"), TAKEN_ON)
def test_who_takes_on_what_was_asked_has_one_task_with_that_date(code: str, answer: str) -> None:
    lines = list(LINES[code])
    place = next(k for k, (_, text) in enumerate(lines) if text == LINES[code][REQUEST][1])
    lines[place : place + 2] = [(0, REQUESTS[code]), (2, answer)]
    names = {f"SPEAKER_0{k}": name for k, name in enumerate(NAMES[code])}
    made = minutes(meeting(lines, language=code, names=names), options=MinutesOptions(day=WEDNESDAY))
    theirs = [item for item in made.actions if item.owner == NAMES[code][2]]
    assert [item.due and item.due.day for item in theirs] == [MONDAY]
    assert said(theirs[0].text, code, REQUEST) or theirs[0].text.startswith(REQUESTS[code][:5])


DUE_PHRASES = [
    ("en", "I'll send it by Friday.", "by Friday", FRIDAY),
    ("en", "I'll send it before the end of the week.", "before the end of the week", FRIDAY),
    ("ru", "Я пришлю это до пятницы.", "до пятницы", FRIDAY),
    ("ru", "Пришлю цифры к понедельнику.", "к понедельнику", MONDAY),
    ("de", "Ich schicke es bis Freitag.", "bis Freitag", FRIDAY),
    ("de", "Ich schicke es spätestens Montag.", "spätestens Montag", MONDAY),
    ("fr", "Je l'envoie d'ici vendredi.", "d'ici vendredi", FRIDAY),
    ("fr", "Je l'envoie pour lundi.", "pour lundi", MONDAY),
    ("es", "Lo envío para el viernes.", "para el viernes", FRIDAY),
    ("es", "Lo envío antes del lunes.", "antes del lunes", MONDAY),
    ("uk", "Я надішлю до п'ятниці.", "до п'ятниці", FRIDAY),
    ("uk", "Надішлю цифри до понеділка.", "до понеділка", MONDAY),
]


@pytest.mark.parametrize(("code", "text", "phrase", "day"), DUE_PHRASES)
def test_the_column_of_dates_holds_what_was_said_and_the_day(
    code: str, text: str, phrase: str, day: datetime.date
) -> None:
    names = {f"SPEAKER_0{k}": name for k, name in enumerate(NAMES[code])}
    lines = [(0, LINES[code][3][1]), (1, text), (2, LINES[code][3][1])]
    for meeting_day in (WEDNESDAY, None):
        made = minutes(meeting(lines, language=code, names=names), options=MinutesOptions(day=meeting_day))
        quoted = template(None, code).text("quoted", value=phrase)
        cell = quoted if meeting_day is None else f"{day.isoformat()} ({quoted})"
        page = str(renderer("md")(made, template(None, code)))
        assert re.search(rf"\| ☐ 1 \| .* \| {NAMES[code][1]} \| {re.escape(cell)} \|", page), page


FACTS = [
    ("de", "Die Batterie hält nur drei Stunden, das ist zu wenig."),
    ("fr", "La pile ne tient que trois heures, ce n'est pas assez."),
    ("es", "La pila dura solo tres horas, y eso es poco."),
    ("ru", "Батарейка держит только три часа, этого мало."),
    ("uk", "Батарейка тримає лише три години, цього замало."),
]


@pytest.mark.parametrize(("code", "fact"), FACTS)
@given(data=st.data())
@settings(max_examples=examples(12), deadline=None)
def test_a_mere_fact_is_no_decision_wherever_it_is_said(code: str, fact: str, data: st.DataObject) -> None:
    others = [LINES[code][k] for k in data.draw(st.lists(st.sampled_from((3, OPEN, TAKEN, TRAVEL, DOOR)), max_size=4))]
    place = data.draw(st.integers(0, len(others)))
    lines = [*others[:place], (data.draw(st.integers(0, 2)), fact), *others[place:]]
    made = minutes(meeting(lines, language=code), options=MinutesOptions(day=WEDNESDAY))
    assert not any(fact[:12] in quote.text for item in made.decisions for quote in item.evidence)


def test_a_decision_keeps_the_word_that_makes_it_one() -> None:
    assert make_readable("Gut, dann nehmen wir den Akku.", language("de")) == "Dann nehmen wir den Akku."
    assert make_readable("Und der Akku hält länger.", language("de")) == "Der Akku hält länger."


LABELS = ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02")
WALKS = {
    "en": (
        (0, "Good morning, everyone."),
        (1, "The train leaves at half past eight and the ride takes forty minutes."),
        (0, "All right, we take the early one."),
        (1, "I will bring tea and a map."),
        (2, "Shall I ask Laura whether she wants to join us?"),
        (0, "Yes, please."),
        (0, "She has been working too much lately, and she loves the forest."),
    ),
    "ru": (
        (0, "Доброе утро всем."),
        (1, "Поезд уходит в половине девятого, ехать сорок минут."),
        (0, "Хорошо, едем на раннем поезде."),
        (1, "Принесу чай и карту."),
        (2, "Мне спросить Лауру, хочет ли она с нами?"),
        (0, "Да, пожалуйста."),
        (0, "Она последнее время слишком много работает и любит лес."),
    ),
    "de": (
        (0, "Guten Morgen zusammen."),
        (1, "Der Zug fährt um halb neun ab, die Fahrt dauert vierzig Minuten."),
        (0, "Gut, nehmen wir den frühen Zug."),
        (1, "Ich bringe Tee und eine Karte mit."),
        (2, "Soll ich Laura fragen, ob sie mitkommen will?"),
        (0, "Ja, bitte."),
        (0, "Sie arbeitet in letzter Zeit zu viel, und sie liebt den Wald."),
    ),
    "fr": (
        (0, "Bonjour tout le monde."),
        (1, "Le train part à huit heures et demie et le trajet dure quarante minutes."),
        (0, "Cette fois, on prend le premier train."),
        (1, "J'apporterai du thé et une carte."),
        (2, "Tu veux que je demande à Laure si elle veut venir ?"),
        (0, "Oui, s'il te plaît."),
        (0, "Elle travaille trop ces derniers temps, et elle adore la forêt."),
    ),
    "es": (
        (0, "Buenos días a todos."),
        (1, "El tren sale a las ocho y media y el viaje dura cuarenta minutos."),
        (0, "Entonces cogemos el primer tren."),
        (1, "Traeré té y un mapa."),
        (2, "¿Quieres que pregunte a Laura si quiere venir?"),
        (0, "Sí, por favor."),
        (0, "Últimamente trabaja demasiado, y le encanta el bosque."),
    ),
    "uk": (
        (0, "Доброго ранку всім."),
        (1, "Потяг відходить о пів на дев'яту, їхати сорок хвилин."),
        (0, "Добре, їдемо раннім потягом."),
        (1, "Принесу чай і мапу."),
        (2, "Мені запитати Лауру, чи хоче вона з нами?"),
        (0, "Так, будь ласка."),
        (0, "Вона останнім часом забагато працює і любить ліс."),
    ),
}


@pytest.mark.parametrize("code", CODES)
def test_promises_and_accepted_offers_have_owners_and_what_is_only_told_is_no_decision(code: str) -> None:
    lines = WALKS[code]
    found = minutes(meeting(lines, names=dict(zip(LABELS, NAMES[code], strict=True)), language=code))
    assert [item.evidence[0].text for item in found.decisions] == [lines[2][1]]
    assert [(item.evidence[0].text, item.owner) for item in found.actions] == [
        (lines[3][1], NAMES[code][1]),
        (lines[4][1], NAMES[code][2]),
    ]
    assert [quote.text for quote in found.actions[1].evidence] == [lines[4][1], lines[5][1]]
    assert not found.questions, "an offer that somebody accepts is no open question"


@pytest.mark.parametrize("code", CODES)
def test_an_offer_that_nobody_accepts_gives_nobody_anything_to_do(code: str) -> None:
    refused = {"en": "No, leave it.", "ru": "Нет, не надо.", "de": "Nein, lass mal.", "fr": "Non, laisse.",
               "es": "No, déjalo.", "uk": "Ні, не треба."}  # fmt: skip
    lines = [*WALKS[code][:5], (0, refused[code]), WALKS[code][6]]
    found = minutes(meeting(lines, names=dict(zip(LABELS, NAMES[code], strict=True)), language=code))
    assert [item.evidence[0].text for item in found.actions] == [lines[3][1]]
