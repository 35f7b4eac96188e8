"""ISO 639-1 codes, which Whisper gives, as the ISO 639-2 codes that video files want."""

from __future__ import annotations

_CODES = (
    "af:afr am:amh ar:ara as:asm az:aze ba:bak be:bel bg:bul bn:ben bo:bod br:bre bs:bos ca:cat cs:ces cy:cym da:dan "
    "de:deu el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas fi:fin fo:fao fr:fra fy:fry ga:gle gl:glg gu:guj ha:hau "
    "he:heb hi:hin hr:hrv ht:hat hu:hun hy:hye id:ind is:isl it:ita ja:jpn jv:jav jw:jav ka:kat kk:kaz km:khm kn:kan "
    "ko:kor ku:kur ky:kir la:lat lb:ltz ln:lin lo:lao lt:lit lv:lav mg:mlg mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa "
    "mt:mlt my:mya nb:nob ne:nep nl:nld nn:nno no:nor oc:oci pa:pan pl:pol ps:pus pt:por ro:ron ru:rus sa:san sd:snd "
    "si:sin sk:slk sl:slv sn:sna so:som sq:sqi sr:srp su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha tk:tuk tl:tgl "
    "tr:tur tt:tat ug:uig uk:ukr ur:urd uz:uzb vi:vie yi:yid yo:yor zh:zho"
)
_LONG: dict[str, str] = dict(pair.split(":") for pair in _CODES.split())


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
