"""Sentences that Whisper writes where nobody speaks: it was trained on subtitles, and learned their last lines.

Collected from public reports about Whisper's inventions in silence and music, in the languages they came up in. All
are written as `plain` leaves them: lower case, without punctuation.
"""

from __future__ import annotations

import unicodedata

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


def plain(text: str) -> str:
    """Lower case, one space between words, hyphens as spaces, no other punctuation."""
    kept = []
    for character in unicodedata.normalize("NFC", text).casefold():
        if character in "-–—":
            kept.append(" ")
        elif unicodedata.category(character)[0] not in "PS":
            kept.append(character)
    return " ".join("".join(kept).split())
