"""Languages: their codes (ISO 639-1, 639-2) and names, in English, in themselves and in the language of the user."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache

from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _, current

_WHISPER = """
af:afr:afrikaans am:amh:amharic ar:ara:arabic as:asm:assamese az:aze:azerbaijani ba:bak:bashkir be:bel:belarusian
bg:bul:bulgarian bn:ben:bengali bo:bod:tibetan br:bre:breton bs:bos:bosnian ca:cat:catalan cs:ces:czech cy:cym:welsh
da:dan:danish de:deu:german el:ell:greek en:eng:english es:spa:spanish et:est:estonian eu:eus:basque fa:fas:persian
fi:fin:finnish fo:fao:faroese fr:fra:french gl:glg:galician gu:guj:gujarati ha:hau:hausa haw:-:hawaiian
he:heb:hebrew hi:hin:hindi hr:hrv:croatian ht:hat:haitian_creole hu:hun:hungarian hy:hye:armenian id:ind:indonesian
is:isl:icelandic it:ita:italian ja:jpn:japanese jw:jav:javanese ka:kat:georgian kk:kaz:kazakh km:khm:khmer
kn:kan:kannada ko:kor:korean la:lat:latin lb:ltz:luxembourgish ln:lin:lingala lo:lao:lao lt:lit:lithuanian
lv:lav:latvian mg:mlg:malagasy mi:mri:maori mk:mkd:macedonian ml:mal:malayalam mn:mon:mongolian mr:mar:marathi
ms:msa:malay mt:mlt:maltese my:mya:myanmar ne:nep:nepali nl:nld:dutch nn:nno:nynorsk no:nor:norwegian oc:oci:occitan
pa:pan:punjabi pl:pol:polish ps:pus:pashto pt:por:portuguese ro:ron:romanian ru:rus:russian sa:san:sanskrit
sd:snd:sindhi si:sin:sinhala sk:slk:slovak sl:slv:slovenian sn:sna:shona so:som:somali sq:sqi:albanian
sr:srp:serbian su:sun:sundanese sv:swe:swedish sw:swa:swahili ta:tam:tamil te:tel:telugu tg:tgk:tajik th:tha:thai
tk:tuk:turkmen tl:tgl:tagalog tr:tur:turkish tt:tat:tatar uk:ukr:ukrainian ur:urd:urdu uz:uzb:uzbek
vi:vie:vietnamese yi:yid:yiddish yo:yor:yoruba zh:zho:chinese yue:-:cantonese
"""
"""Whisper's code, that of ISO 639-2/T and the English name of each language that Whisper knows, in the order of its
tokens (openai/whisper, tokenizer.py)."""
_OTHERS = "eo:epo fy:fry ga:gle jv:jav ku:kur ky:kir nb:nob ug:uig"
"""ISO 639-1 and 639-2/T of languages that subtitles come in and Whisper does not know under that code."""
_ISO_639_1 = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki
kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no
nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta
te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
"""All codes of two letters (Library of Congress, ISO 639-2 Registration Authority); `sh` is withdrawn and met."""
_BIBLIOGRAPHIC_CODES = """
alb:sqi arm:hye baq:eus bur:mya chi:zho cze:ces dut:nld fre:fra geo:kat ger:deu gre:ell ice:isl mac:mkd mao:mri may:msa
per:fas rum:ron slo:slk tib:bod wel:cym
"""
"""Codes of ISO 639-2 that libraries use (639-2/B), which Matroska files have, and those of 639-2/T."""


_OTHER_NAMES = """
af:afrikaans ar:العربية az:azərbaycanca be:беларуская bg:български bn:বাংলা bs:bosanski ca:català,valencian
cs:čeština cy:cymraeg da:dansk de:deutsch el:ελληνικά es:español,castilian et:eesti eu:euskara fa:فارسی,farsi
fi:suomi fo:føroyskt fr:français gl:galego gu:ગુજરાતી he:עברית hi:हिन्दी hr:hrvatski ht:haitian,kreyòl
hu:magyar hy:հայերեն id:bahasa_indonesia is:íslenska it:italiano ja:日本語 ka:ქართული kk:қазақша km:ខ្មែរ
kn:ಕನ್ನಡ ko:한국어 la:latina lb:lëtzebuergesch,letzeburgesch lo:ລາວ lt:lietuvių lv:latviešu mk:македонски
ml:മലയാളം mn:монгол mr:मराठी ms:bahasa_melayu mt:malti my:burmese,မြန်မာ ne:नेपाली nl:nederlands,flemish
no:norsk,norwegian_bokmål nn:norwegian_nynorsk pa:panjabi,ਪੰਜਾਬੀ pl:polski ps:pashto,pushto,پښتو pt:português
ro:română,moldavian,moldovan ru:русский si:sinhalese,සිංහල sk:slovenčina sl:slovenščina sq:shqip sr:српски,srpski
sv:svenska sw:kiswahili ta:தமிழ் te:తెలుగు th:ไทย tl:filipino tr:türkçe tt:татарча uk:українська ur:اردو
vi:tiếng_việt yi:ייִדיש zh:中文,mandarin yue:粵語,广东话
"""
"""What a language calls itself, and other English names of it."""


def _pairs(listed: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in listed.split())


_ROWS = [row.split(":") for row in _WHISPER.split()]
_NAMES = {code: name.replace("_", " ") for code, _, name in _ROWS}
_CODES = {name: code for code, name in _NAMES.items()} | {
    name.replace("_", " "): code
    for code, names in (row.split(":") for row in _OTHER_NAMES.split())
    for name in names.split(",")
}
_TWO_LETTERS = frozenset({*_ISO_639_1.split(), *_NAMES})
_THREE_LETTERS = {code: three for code, three, _ in _ROWS if three != "-"} | _pairs(_OTHERS)
_BIBLIOGRAPHIC = _pairs(_BIBLIOGRAPHIC_CODES)

WHISPER_LANGUAGES = tuple(_NAMES)
"""Whisper's codes, in the order of its tokens."""


def english_name(code: str) -> str:
    """The English name in lower case; the code itself where Whisper has no such language."""
    return _NAMES.get(code, code)


def language_name(code: str) -> str:
    """The name as a message has it, in the language of the user: ``German``; the code where there is no name."""
    return _(list_names()[code]) if code in _NAMES else code


def list_names() -> dict[str, str]:
    """Whisper's code → English name, as translators find it."""
    return {code: name.title() for code, name in _NAMES.items()}


@lru_cache(maxsize=2)
def _list_translated(language: str) -> dict[str, str]:
    """Name in the language of the user, which is `language`, in small letters → code."""
    return {} if language == "en" else {language_name(code).casefold(): code for code in _NAMES}


def find_code(name: str) -> str | None:
    """The code of a language's name, in English, in itself or in the language of the user; a code stays one.

    None where there is no name.
    """
    typed = name.casefold()
    return _CODES.get(typed) or _list_translated(current()).get(typed) or name or None


def language_code(language: str | None) -> str | None:
    """The code of a language that a person named by its code (with a region or not) or by its name.

    Raises:
        InvalidOption: it is neither, or no language has a code of these two letters.
    """
    if language is None:
        return None
    code = find_code(language.strip().casefold())
    if code is None or not re.fullmatch("[a-z]{2,3}([-_][a-z0-9]{2,8})*", code):
        raise InvalidOption(
            _("--language {language}: give a name or a code, such as German or de{suggestion}").format(
                language=language, suggestion=suggest(language)
            )
        )
    base = re.split("[-_]", code)[0]
    if len(base) == 2 and base not in _TWO_LETTERS:
        raise InvalidOption(
            _("--language {language}: no language has the code {base}; give one such as en or ru").format(
                language=language, base=base
            )
        )
    return code


def suggest(name: str) -> str:
    """`; did you mean …?` with the nearest name of a language; empty where none is near."""
    close = difflib.get_close_matches(name.strip().casefold(), [*_list_translated(current()), *_CODES], n=1)
    return _("; did you mean {close}?").format(close=close[0]) if close else ""


def to_iso_639_2(language: str | None) -> str:
    """``en`` or ``en-GB`` → ``eng``; ``und`` (undetermined) where it is unknown. Three letters stay as they are."""
    code = (language or "").partition("-")[0].lower()
    return code if len(code) == 3 and code.isalpha() and code.isascii() else _THREE_LETTERS.get(code, "und")


def is_same_language(one: str | None, other: str | None) -> bool:
    """Whether two codes, of two or three letters, name one language; False where either is unknown."""
    codes = [to_iso_639_2(code) for code in (one, other)]
    first, second = (_BIBLIOGRAPHIC.get(code, code) for code in codes)
    return first == second != "und"
