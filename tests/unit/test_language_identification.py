"""The language of a text that nobody has named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import nasty_text
from whisperdiar.text import language_identification
from whisperdiar.text.language_identification import has_classifier, identify_language

BY_LETTERS = {
    "ru": "Мы живём на улице Ленина и каждое утро ходим на работу.",
    "uk": "Ми живемо на цій вулиці, її видно з вікна.",
    "be": "Мы жывём на гэтай вуліцы ў горадзе.",
    "bg": "Аз съм тук от вчера и ще остана до събота.",
    "sr": "Љубав и живот у Београду, ђак и учитељ.",
    "mk": "Ќе дојдам утре, ѓаволот е во деталите.",
    "kk": "Қазақстан қалаларының бірі, ұлы дала.",
    "ja": "それで森だと見に行くのか、バカバカしい。",
    "zh": "今天天气很好，我们去公园吧。",
    "ko": "안녕하세요, 만나서 반갑습니다.",
    "ar": "كيف حالك؟ أنا بخير، شكراً!",
    "fa": "سلام، چطوری؟ پدرم در خانه است.",
    "ur": "یہ میرا گھر ہے، آپ کہاں رہتے ہیں؟",
    "he": "שלום, מה שלומך היום?",
    "el": "Καλημέρα σας, τι κάνετε;",
    "th": "สวัสดีครับ วันนี้อากาศดี",
    "hi": "आज मौसम बहुत अच्छा है और हम बाहर जा रहे हैं।",
    "ka": "გამარჯობა, როგორ ხარ?",
}
BY_WORDS = {
    "en": "Good morning. I think that we have to do this with them, and you know what it was for.",
    "de": "Guten Morgen. Ich glaube, dass wir das nicht mit ihnen machen, und du weißt, wie es ist.",
    "fr": "Bonjour. Je pense que nous ne pouvons pas faire ça avec elle, et vous savez pour qui c'est.",
    "es": "Buenos días. Yo creo que no es lo que está en la casa, pero muy bien, y los otros también.",
    "it": "Buongiorno. Io non so che cosa è, ma sono con lo zio, e questo mi piace di più della scuola.",
    "pt": "Bom dia. Eu acho que não é isso, mas você está em casa com uma amiga, e foi muito bom.",
    "nl": "Goedemorgen. Ik denk dat we het niet met hem doen, maar je weet wat er is en ook voor wie.",
}
BY_CLASSIFIER = {
    "pl": "Dzień dobry, jak się masz dzisiaj? Wszystko w porządku, dziękuję bardzo.",
    "fi": "Hyvää huomenta, mitä kuuluu? Minulle kuuluu hyvää, kiitos paljon.",
    "tr": "Günaydın, nasılsın? Ben iyiyim, çok teşekkür ederim.",
}


@pytest.mark.parametrize("code", BY_LETTERS)
def test_letters_tell_the_language(code: str) -> None:
    assert identify_language([BY_LETTERS[code]]) == code


@pytest.mark.parametrize("code", BY_WORDS)
def test_the_commonest_words_tell_the_language_without_a_package(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_identification, "has_classifier", lambda: False)
    assert identify_language([BY_WORDS[code]]) == code


@pytest.mark.skipif(not has_classifier(), reason="py3langid is not installed (extra language)")
@pytest.mark.parametrize("code", [*BY_WORDS, *BY_CLASSIFIER])
def test_a_classifier_tells_languages_of_latin_script(code: str) -> None:
    assert identify_language([{**BY_WORDS, **BY_CLASSIFIER}[code]]) == code


@pytest.mark.parametrize("text", ["", " ", "123 45", "?!", "Hm.", "森"])
def test_a_text_that_says_too_little_has_none(text: str) -> None:
    assert identify_language([text]) is None


def test_names_in_another_script_count_for_little() -> None:
    assert identify_language(["Anna Maria: " + BY_LETTERS["ru"]]) == "ru"
    assert identify_language([BY_LETTERS["ru"] * 20 + " Їжак"]) == "ru"


@given(st.lists(nasty_text, max_size=5))
def test_any_text_has_one_of_whispers_languages_or_none(texts: list[str]) -> None:
    found = identify_language(texts)
    assert found is None or any(found in codes for _, codes in language_identification._SCRIPTS.values())
