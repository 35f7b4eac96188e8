"""Hallucination filters: made-up words are left out of the result, and listed with the reason (pure).

What Whisper invents survives its own thresholds: a phrase said over and over, sentences that lie where nobody speaks,
the last lines and credits of the subtitles it was trained on, and marks without a word. People say most of it as well,
so the sound decides: where it holds the syllables for a text, the text stays.

Sentences that Whisper writes where nobody speaks: it was trained on subtitles, and learned their last lines.

Collected from public reports about Whisper's inventions in silence and music, in the languages they came up in. All
are written as `normalise_text` leaves them: lower case, without punctuation.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from whisperdiar.asr._shared.syllables import Syllables
from whisperdiar.asr._shared.words import BROKEN, is_spoken
from whisperdiar.text.messages import _
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.types import Dropped, Span, Word, total_duration

CLOSING_PHRASES = frozenset(
    {
        *("thanks for watching", "thank you for watching", "thank you so much for watching", "thank you"),
        *("thank you very much", "thanks for listening", "thank you for listening", "see you next time", "you"),
        *("see you in the next video", "ill see you in the next video", "ill see you next time", "bye", "bye bye"),
        *("please subscribe", "please subscribe to my channel", "please like and subscribe", "like and subscribe"),
        *("dont forget to subscribe", "dont forget to like and subscribe", "the end", "subscribe to my channel"),
        *("спасибо за просмотр", "спасибо за внимание", "продолжение следует", "подписывайтесь на мой канал"),
        *("подписывайтесь на канал", "подпишись на канал", "ставьте лайки", "до новых встреч", "до свидания"),
        *("спасибо за субтитры", "всем пока", "всем спасибо за просмотр", "спасибо что посмотрели", "спасибо"),
        *("дякую за перегляд", "дякую за увагу", "дякую"),
        *("vielen dank fürs zuschauen", "danke fürs zuschauen", "vielen dank", "vielen dank für ihre aufmerksamkeit"),
        *("bis zum nächsten mal", "bis zum nächsten video", "tschüss", "das wars für heute"),
        *("merci davoir regardé cette vidéo", "merci davoir regardé", "merci", "merci beaucoup", "à bientôt"),
        *("abonnez vous", "abonnez vous à la chaîne", "merci à tous", "au revoir"),
        *("gracias por ver el video", "gracias por ver el vídeo", "gracias por ver", "gracias", "hasta la próxima"),
        *("suscríbete al canal", "suscríbete", "nos vemos en el próximo video"),
        *("grazie per la visione", "grazie per aver guardato il video", "grazie", "iscrivetevi al canale"),
        *("obrigado por assistir", "obrigado", "obrigada", "inscreva se no canal", "até a próxima"),
        *("bedankt voor het kijken", "dank u wel", "tot de volgende keer"),
        *("dziękuję za oglądanie", "dziękuję za uwagę", "dziękuję", "dzięki za oglądanie"),
        *("izlediğiniz için teşekkürler", "izlediğiniz için teşekkür ederim", "abone olmayı unutmayın"),
        *("ご視聴ありがとうございました", "ありがとうございました", "チャンネル登録お願いします"),
        *("谢谢观看", "謝謝觀看", "感谢观看", "感謝觀看", "谢谢大家", "谢谢"),
        *("시청해주셔서 감사합니다", "감사합니다", "구독과 좋아요 부탁드립니다"),
        *("اشتركوا في القناة", "شكرا للمشاهدة", "شكرا"),
        *("cảm ơn các bạn đã theo dõi", "hãy đăng ký kênh"),
    }
)
"""What people say as well: left out only where nobody speaks."""

CREDITS = (
    *("субтитры сделал dimatorzok", "субтитры делал dimatorzok", "субтитры создавал dimatorzok"),
    *("субтитры добавил dimatorzok", "субтитры подогнал симон", "субтитры предоставил dimatorzok"),
    *("редактор субтитров асемкин", "редактор субтитров а семкин", "редактор субтитров асинецкая"),
    *("редактор субтитров а синецкая", "корректор аегорова", "корректор а егорова", "корректор а кулакова"),
    *("untertitel im auftrag des zdf", "untertitelung des zdf", "untertitel der amaraorg"),
    *("swr 2020", "swr 2021", "sous titres réalisés par la communauté damara"),
    *("sous titres réalisés para la communauté damara", "sous titrage st 501", "sous titrage société radio canada"),
    *("sous titres réalisés par soustitreurcom", "sottotitoli e revisione a cura di qtss", "by qtss"),
    *("subtítulos realizados por la comunidad de amara", "subtítulos por la comunidad de amara"),
    *("sottotitoli creati dalla comunità amara", "legendas pela comunidade amara"),
    *("ondertitels ingediend door de amara", "ondertiteld door de amara"),
    *("napisy stworzone przez społeczność amara", "subtitles by the amara", "transcription by castingwords"),
    *("字幕由amara", "字幕由 amara", "中文字幕志愿者", "請不吝點贊", "请不吝点赞"),
)
"""How credits begin that name somebody who is known for them: a short sentence that begins so is left out."""

CREDIT_OPENINGS = (
    *("субтитры сделал", "субтитры делал", "субтитры создавал", "субтитры подготовил", "субтитры подогнал"),
    *("субтитры добавил", "субтитры предоставил", "редактор субтитров", "amaraorg", "dimatorzok", "castingwords"),
    *("sous titres réalisés par", "sous titrage st", "subtítulos realizados por", "subtítulos por la comunidad"),
    *("sottotitoli e revisione a cura di", "sottotitoli creati da", "legendas pela comunidade", "untertitel von"),
    *("ondertitels ingediend door", "napisy stworzone przez", "subtitled by", "subtitles by", "字幕由", "字幕志愿者"),
)
"""Parts of such credits that people say as well: left out only where the sound speaks against them."""


def normalise_text(text: str) -> str:
    """Lower case, one space between words, hyphens as spaces, no other punctuation."""
    kept = []
    for character in unicodedata.normalize("NFC", text).casefold():
        if character in "-–—":
            kept.append(" ")
        elif unicodedata.category(character)[0] not in "PS":
            kept.append(character)
    return " ".join("".join(kept).split())


_LONGEST_PHRASE = 12
_LONGEST_CHANTED = 40
_MOST_REPEATS = {1: 6, 2: 4}
_MOST_REPEATS_OF_LONGER = 3
"""As often as this a word, a pair or a longer phrase may follow itself: people do say "no, no, no, no"."""
_SYLLABLES_PER_WORD = 0.4
"""As few syllable nuclei as this are found for a word that is spoken fast; where there are fewer, it is not spoken."""
_SYLLABLES_WITHOUT_PAUSE = 0.7
_ALIKE = 0.25
"""Real repeats correlate by 0.6 to 0.9, a text that loops over other speech by 0.0, give or take 0.15."""
_APART = 0.5
"""With a pause before so many of the repeats, they are taken for a chant."""
_BROKEN_PROBABILITY = 0.1
_SENTENCE_PAUSE_S = 1.0
_NEAR_S = 0.1
"""Words nearer to speech than this are taken for spoken: neither times of words nor bounds of speech are exact."""
_SPOKEN_SHARE = 0.5
_NO_SPEECH = 0.6
"""Of a closing phrase: the model's own doubt whether anybody speaks (OpenAI's threshold)."""
_LONGEST_CREDIT = 12


Sound = Callable[[], Syllables]
"""The syllables of a sound, found when they are asked for: most pieces hold nothing that they must decide."""


@dataclass(frozen=True, slots=True)
class FilteredWords:
    """The words that stay, and what was left out."""

    words: tuple[Word, ...]
    dropped: tuple[Dropped, ...] = ()


def remove_loops(
    words: Sequence[Word], *, speech: Sequence[Span] = (), syllables: Sound | None = None
) -> FilteredWords:
    """A phrase of up to 12 words that is repeated often in a row stays as many times as the sound holds it.

    That is: the repeats that have syllables of their own, where they sound alike; and where bursts of sound follow one
    another at one pace, as many as there are bursts. Else it stays once.

    Args:
        words: sorted.
        speech: sorted spans in which somebody speaks.
        syllables: of the sound that the words come from; without them a phrase stays once.
    """
    texts = [normalise_text(word.text) for word in words]
    kept: list[Word] = []
    dropped: list[Dropped] = []
    first = 0
    while first < len(words):
        length, n_repeats = _find_loop(texts, first)
        if not n_repeats:
            kept.append(words[first])
            first += 1
            continue
        run = words[first : first + length * n_repeats]
        repeats = [run[start : start + length] for start in range(0, len(run), length)]
        spoken = _find_spoken_repeats(repeats, speech, syllables()) if syllables is not None else []
        spoken = spoken or [0]
        kept += [word for place in spoken for word in repeats[place]]
        left_out = [word for place, repeat in enumerate(repeats) if place not in spoken for word in repeat]
        if left_out:
            times = (
                _("once")
                if len(spoken) == 1
                else _("{n_spoken} times, as the sound has it").format(n_spoken=len(spoken))
            )
            dropped.append(
                _join_dropped(
                    left_out,
                    _("repeated {n_repeats} times in a row; it stays {times}").format(n_repeats=n_repeats, times=times),
                )
            )
        first += len(run)
    return FilteredWords(tuple(kept), tuple(dropped))


def is_chant(words: Sequence[Word], speech: Sequence[Span], syllables: Sound) -> bool:
    """Whether the words repeat themselves, and all their repeats lie apart, in speech and syllables of their own."""
    texts = [normalise_text(word.text) for word in words]
    found = False
    first = 0
    while first < len(words):
        length, n_repeats = _find_loop(texts, first, longest=_LONGEST_CHANTED, at_least=3)
        if n_repeats:
            run = words[first : first + length * n_repeats]
            repeats = [run[start : start + length] for start in range(0, len(run), length)]
            if not _are_apart(repeats, speech):
                if n_repeats > _max_repeats(length):
                    return False
            elif len(_find_spoken_repeats(repeats, speech, syllables())) < n_repeats:
                return False
            else:
                found = True
        first += length * n_repeats or 1
    return found


def remove_marks(words: Sequence[Word]) -> FilteredWords:
    """What holds no letter, digit or spoken sign is no word; a mark that is written over and over stays once.

    A word with a character that the model left broken (U+FFFD) stays, and has hardly any probability.
    """
    kept: list[Word] = []
    dropped: list[Dropped] = []
    for word in words:
        is_broken = BROKEN in word.text
        if is_spoken(word.text):
            probability = min(word.probability, _BROKEN_PROBABILITY) if is_broken else word.probability
            kept.append(replace(word, text=collapse_marks(word.text), probability=probability))
        else:
            reason = _("the model wrote no whole character") if is_broken else _("marks without a word")
            dropped.append(_join_dropped([word], reason))
    return FilteredWords(tuple(kept), tuple(dropped))


def remove_unspoken(words: Sequence[Word], speech: Sequence[Span]) -> FilteredWords:
    """Sentences of which no word lies at (or near) speech are left out.

    Args:
        words: sorted.
        speech: sorted spans in which somebody speaks.
    """
    return _filter_sentences(
        words,
        lambda sentence: (
            _("nobody speaks there") if not any(_is_near(word.span, speech) for word in sentence) else None
        ),
    )


def remove_closing_phrases(
    words: Sequence[Word],
    speech: Sequence[Span],
    *,
    no_speech_probability: float = 0.0,
    syllables: Sound | None = None,
) -> FilteredWords:
    """Closing phrases ("Thanks for watching") and credits of subtitles go where the sound speaks against them.

    It does where less than half of their time is speech, where the model itself hears none, and where there are too
    few syllables for the words. Credits with the name of somebody who is known for them go everywhere.

    Args:
        words: sorted.
        speech: sorted spans in which somebody speaks.
        no_speech_probability: the model's own for the sound that the words come from, 0 to 1.
        syllables: of that sound.
    """

    def is_unheard(sentence: Sequence[Word]) -> bool:
        span = Span(sentence[0].start, max(word.end for word in sentence))
        spoken = total_duration([part for item in speech if (part := item.clip(span.start, span.end))])
        return (
            spoken < _SPOKEN_SHARE * span.duration
            or no_speech_probability > _NO_SPEECH
            or (syllables is not None and syllables().count(span) < _SYLLABLES_PER_WORD * len(sentence))
        )

    def reason(sentence: Sequence[Word]) -> str | None:
        text = normalise_text("".join(word.text for word in sentence))
        if len(sentence) <= _LONGEST_CREDIT:
            if text.startswith(CREDITS):
                return _("the credits of a subtitle, which nobody says")
            if any(opening in text for opening in CREDIT_OPENINGS) and is_unheard(sentence):
                return _("the credits of a subtitle where nobody speaks")
        if text in CLOSING_PHRASES and is_unheard(sentence):
            return _("a closing phrase where nobody speaks")
        return None

    return _filter_sentences(words, reason)


def collapse_marks(text: str) -> str:
    """The text without repeats of a mark beyond three in a row: "what!!!!!!" is "what!", and "..." stays."""
    kept = ""
    index = 0
    while index < len(text):
        end = index + 1
        while end < len(text) and text[end] == text[index]:
            end += 1
        n_repeats = end - index
        is_mark = not text[index].isspace() and not is_spoken(text[index])
        kept += text[index] * (n_repeats if not is_mark or n_repeats <= 3 else 3 if text[index] == "." else 1)
        index = end
    return kept


def _find_spoken_repeats(repeats: Sequence[Sequence[Word]], speech: Sequence[Span], syllables: Syllables) -> list[int]:
    """Places of the repeats of a phrase that are in the sound; none where it speaks against all but one."""
    starts = [repeat[0].start for repeat in repeats]
    whole = Span(starts[0], max(repeats[-1][-1].end, starts[-1]))
    spans = [Span(start, end) for start, end in pairwise([*starts, whole.end])]
    own = syllables.own(spans, least=max(1, math.ceil(_SYLLABLES_PER_WORD * len(repeats[0]))))
    is_apart = _are_apart(repeats, speech)
    beats = [] if is_apart else syllables.beats(whole)
    if beats and len(beats) < len(repeats):
        return sorted({min(range(len(spans)), key=lambda place: _distance(spans[place], beat)) for beat in beats})
    n_words = len(repeats) * len(repeats[0])
    if not is_apart and syllables.count(whole) < _SYLLABLES_WITHOUT_PAUSE * n_words:
        return []
    # Pauses are left out: they alone would make the repeats alike.
    voiced = [Span(repeat[0].start, max(repeat[0].start, repeat[-1].end)) for repeat in repeats]
    return own if syllables.likeness(voiced) >= _ALIKE else []


def _are_apart(repeats: Sequence[Sequence[Word]], speech: Sequence[Span]) -> bool:
    """Whether there is a pause in the speech before most of the repeats but the first."""
    middles = [(repeat[0].start + repeat[-1].end) / 2 for repeat in repeats]
    pauses = [(before.end + after.start) / 2 for before, after in pairwise(speech)]
    apart = sum(any(before < pause < after for pause in pauses) for before, after in pairwise(middles))
    return apart >= _APART * (len(repeats) - 1)


def _distance(span: Span, time: float) -> float:
    return abs((span.start + span.end) / 2 - time)


def _find_loop(
    texts: Sequence[str], first: int, *, longest: int = _LONGEST_PHRASE, at_least: int | None = None
) -> tuple[int, int]:
    """Length and number of the repeats of the shortest phrase that loops from `first` on; (0, 0) for none.

    Without `at_least`, as often as people say "no, no, no, no" is no loop.
    """
    for length in range(1, min(longest, (len(texts) - first) // 2) + 1):
        phrase = texts[first : first + length]
        if not any(phrase):
            continue
        n_repeats = 1
        while texts[first + length * n_repeats : first + length * (n_repeats + 1)] == phrase:
            n_repeats += 1
        if n_repeats >= (at_least or _max_repeats(length) + 1):
            return length, n_repeats
    return 0, 0


def _max_repeats(length: int) -> int:
    return _MOST_REPEATS.get(length, _MOST_REPEATS_OF_LONGER)


def _filter_sentences(words: Sequence[Word], reason: Callable[[Sequence[Word]], str | None]) -> FilteredWords:
    kept: list[Word] = []
    dropped: list[Dropped] = []
    for sentence in _split_sentences(words):
        found = reason(sentence)
        if found is None:
            kept += sentence
        else:
            dropped.append(_join_dropped(sentence, found))
    return FilteredWords(tuple(kept), tuple(dropped))


def _split_sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    sentence: list[Word] = []
    for word in words:
        if sentence and (_ends_sentence(sentence[-1].text) or word.start - sentence[-1].end > _SENTENCE_PAUSE_S):
            yield sentence
            sentence = []
        sentence.append(word)
    if sentence:
        yield sentence


def _ends_sentence(text: str) -> bool:
    """Whether a sentence ends with this word; an initial ("A.") goes on."""
    is_initial = len(text.strip()) == 2 and text.strip()[0].isupper() and text.endswith(".")
    return last_mark(text) in SENTENCE_END and not is_initial


def _is_near(span: Span, speech: Sequence[Span]) -> bool:
    return any(item.start - _NEAR_S < span.end and span.start < item.end + _NEAR_S for item in speech)


def _join_dropped(words: Sequence[Word], reason: str) -> Dropped:
    span = Span(words[0].start, max(word.end for word in words))
    return Dropped(span, "".join(word.text for word in words).strip(), reason)
