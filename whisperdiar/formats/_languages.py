"""Whisper's languages by code and by English name, as OpenAI's endpoint names them (openai/whisper, tokenizer.py)."""

from __future__ import annotations

_LISTED = """
af afrikaans, am amharic, ar arabic, as assamese, az azerbaijani, ba bashkir, be belarusian, bg bulgarian, bn
bengali, bo tibetan, br breton, bs bosnian, ca catalan, cs czech, cy welsh, da danish, de german, el greek, en
english, es spanish, et estonian, eu basque, fa persian, fi finnish, fo faroese, fr french, gl galician, gu
gujarati, ha hausa, haw hawaiian, he hebrew, hi hindi, hr croatian, ht haitian creole, hu hungarian, hy
armenian, id indonesian, is icelandic, it italian, ja japanese, jw javanese, ka georgian, kk kazakh, km khmer,
kn kannada, ko korean, la latin, lb luxembourgish, ln lingala, lo lao, lt lithuanian, lv latvian, mg malagasy,
mi maori, mk macedonian, ml malayalam, mn mongolian, mr marathi, ms malay, mt maltese, my myanmar, ne nepali, nl
dutch, nn nynorsk, no norwegian, oc occitan, pa punjabi, pl polish, ps pashto, pt portuguese, ro romanian, ru
russian, sa sanskrit, sd sindhi, si sinhala, sk slovak, sl slovenian, sn shona, so somali, sq albanian, sr
serbian, su sundanese, sv swedish, sw swahili, ta tamil, te telugu, tg tajik, th thai, tk turkmen, tl tagalog,
tr turkish, tt tatar, uk ukrainian, ur urdu, uz uzbek, vi vietnamese, yi yiddish, yo yoruba, yue cantonese, zh
chinese
"""
_NAMES = dict(entry.split(maxsplit=1) for entry in " ".join(_LISTED.split()).split(", "))
_CODES = {name: code for code, name in _NAMES.items()}


def english_name(code: str) -> str:
    """The English name in lower case; the code itself where Whisper has no such language."""
    return _NAMES.get(code, code)


def code_of(name: str) -> str | None:
    """The code of an English name; a code stays one; None where there is no name."""
    return _CODES.get(name.casefold(), name) or None
