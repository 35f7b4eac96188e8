"""ISO 639-1 codes, which Whisper gives, as the ISO 639-2 codes that video files want.

Whisper's languages by code and by English name, as OpenAI's endpoint names them (openai/whisper, tokenizer.py).
"""

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


_ISO_639_2 = (
    "af:afr am:amh ar:ara as:asm az:aze ba:bak be:bel bg:bul bn:ben bo:bod br:bre bs:bos ca:cat cs:ces cy:cym da:dan "
    "de:deu el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas fi:fin fo:fao fr:fra fy:fry ga:gle gl:glg gu:guj ha:hau "
    "he:heb hi:hin hr:hrv ht:hat hu:hun hy:hye id:ind is:isl it:ita ja:jpn jv:jav jw:jav ka:kat kk:kaz km:khm kn:kan "
    "ko:kor ku:kur ky:kir la:lat lb:ltz ln:lin lo:lao lt:lit lv:lav mg:mlg mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa "
    "mt:mlt my:mya nb:nob ne:nep nl:nld nn:nno no:nor oc:oci pa:pan pl:pol ps:pus pt:por ro:ron ru:rus sa:san sd:snd "
    "si:sin sk:slk sl:slv sn:sna so:som sq:sqi sr:srp su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha tk:tuk tl:tgl "
    "tr:tur tt:tat ug:uig uk:ukr ur:urd uz:uzb vi:vie yi:yid yo:yor zh:zho"
)
_LONG: dict[str, str] = dict(pair.split(":") for pair in _ISO_639_2.split())


# Codes of ISO 639-2 that libraries use (639-2/B), which Matroska files have, and those of 639-2/T.
_BIBLIOGRAPHIC_CODES = (
    "alb:sqi arm:hye baq:eus bur:mya chi:zho cze:ces dut:nld fre:fra geo:kat ger:deu gre:ell ice:isl mac:mkd mao:mri "
    "may:msa per:fas rum:ron slo:slk tib:bod wel:cym"
)
_BIBLIOGRAPHIC: dict[str, str] = dict(pair.split(":") for pair in _BIBLIOGRAPHIC_CODES.split())


def three_letters(language: str | None) -> str:
    """``en`` or ``en-GB`` → ``eng``; ``und`` (undetermined) where it is unknown. Three letters stay as they are."""
    code = (language or "").partition("-")[0].lower()
    return code if len(code) == 3 and code.isalpha() and code.isascii() else _LONG.get(code, "und")


def same_language(one: str | None, other: str | None) -> bool:
    """Whether two codes, of two or three letters, name one language; False where either is unknown."""
    codes = [three_letters(code) for code in (one, other)]
    first, second = (_BIBLIOGRAPHIC.get(code, code) for code in codes)
    return first == second != "und"
