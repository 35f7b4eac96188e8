"""A small meeting as a transcript, in English and in Russian, for the tests of the minutes."""

from __future__ import annotations

from collections.abc import Sequence

from whisperdiar.segmentation import segments
from whisperdiar.transcript import Speaker, Transcript
from whisperdiar.types import Span, Word

NAMES = {"SPEAKER_00": "Anna", "SPEAKER_01": "Boris", "SPEAKER_02": "Clara Schmidt"}
RUSSIAN_NAMES = {"SPEAKER_00": "Анна", "SPEAKER_01": "Борис", "SPEAKER_02": "Клара"}

ENGLISH = (
    (0, "Good morning everybody, um, this is the second meeting about the new bicycle lamp."),
    (0, "Today we have to decide on the battery, the price and the launch date."),
    (1, "I looked at the the batteries, and the rechargeable battery lasts about forty hours."),
    (1, "The replaceable battery is cheaper, but customers complain about changing it all the time."),
    (2, "Yeah, in our survey eighty percent of the customers wanted a rechargeable battery."),
    (0, "Okay, so we've decided that we will go with the rechargeable battery."),
    (2, "Yes, agreed."),
    (1, "Fine."),
    (0, "Now the price, because the price is what the shops keep asking about."),
    (2, "The competitors sell their lamps for thirty euros, and I think we should stay below that price."),
    (1, "How much would the cheaper housing save us in production?"),
    (2, "I don't know, that depends on the supplier."),
    (0, "Then we will settle on a price of twenty five euros for the lamp."),
    (1, "Good."),
    (0, "Clara, could you send the questionnaire to the supplier by next Friday?"),
    (2, "Sure, I will send the questionnaire to the supplier."),
    (1, "I'll prepare the prototype of the housing by the end of next week."),
    (0, "And I will write the minutes and put them into the project folder tomorrow."),
    (0, "Thank you all, see you at the next meeting."),
)

RUSSIAN = (
    (0, "Доброе утро, э, это вторая встреча по новому велосипедному фонарю."),
    (0, "Сегодня нам нужно решить вопрос с батареей, ценой и датой запуска."),
    (1, "Я посмотрел батареи, и аккумуляторная батарея работает около сорока часов."),
    (1, "Сменная батарея дешевле, но покупатели жалуются, что её приходится менять."),
    (2, "Да, в нашем опросе восемьдесят процентов покупателей хотели аккумуляторную батарею."),
    (0, "Хорошо, значит, мы решили, что берём аккумуляторную батарею."),
    (2, "Да, согласна."),
    (0, "Теперь цена, потому что магазины постоянно спрашивают про цену."),
    (2, "Конкуренты продают свои фонари за тридцать евро, и я думаю, нам нужно быть дешевле."),
    (1, "Сколько мы сэкономим на более дешёвом корпусе?"),
    (2, "Не знаю, это зависит от поставщика."),
    (0, "Тогда остановимся на цене двадцать пять евро за фонарь."),
    (0, "Клара, отправь, пожалуйста, анкету поставщику до следующей пятницы."),
    (2, "Хорошо, отправлю."),
    (1, "Я подготовлю прототип корпуса до конца следующей недели."),
    (0, "Борис проверит расчёты через две недели."),
    (0, "Всем спасибо, до следующей встречи."),
)


def meeting(
    lines: Sequence[tuple[int, str]] = ENGLISH, *, language: str | None = "en", names: dict[str, str] | None = None
) -> Transcript:
    """A transcript in which people say these lines one after the other, a word every 0.3 seconds."""
    names = NAMES if names is None else names
    words, time = [], 1.0
    for who, line in lines:
        for text in line.split():
            words.append(Word(Span(round(time, 3), round(time + 0.28, 3)), f" {text}", speaker=f"SPEAKER_{who:02d}"))
            time += 0.3
        time += 0.6
    labels = dict.fromkeys(word.speaker or "" for word in words)
    return Transcript(
        recording_id="lamp_meeting",
        duration=time + 1.0,
        language=language,
        speakers=tuple(Speaker(label, names.get(label, label)) for label in labels),
        segments=segments(words),
    )


def russian() -> Transcript:
    """The same meeting in Russian."""
    return meeting(RUSSIAN, language="ru", names=RUSSIAN_NAMES)
