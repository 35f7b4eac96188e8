"""Bytes of a subtitle file → text: subtitles have been written in many encodings, and few files say in which.

The guess is made by rules that hold for subtitles of a few lines too: encodings of East Asia by what is strictly valid
and common in them, other scripts by how often their letters are, languages in Latin letters by which of them has all
of the letters.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import NamedTuple

from whisperdiar.errors import InvalidOption
from whisperdiar.text.messages import _

# The longer marks first: that of UTF-16 LE begins that of UTF-32 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 2**16
_RUNS = re.compile(rb"[\x80-\xff]{2,}")
_HIGH = re.compile(rb"[\x80-\xff]")

_COMMON = 0.9
"""Share of characters that must be common ones in an encoding of East Asia."""
_KANA = 0.2
"""Share of kana in Japanese."""

# The letters that make up some four fifths of a text.
_FREQUENT: Mapping[str, tuple[str, str]] = {
    "cp1251": ("Cyrillic", "оеаинтсрвлкмдпу"),
    "koi8_r": ("Cyrillic", "оеаинтсрвлкмдпу"),
    "cp1253": ("Greek", "αοιετσνηυρπκμλς"),
    "cp1255": ("Hebrew", "יוהלאמתרשבנעדחםק"),
    "cp1256": ("Arabic", "اليمنوترهبدعكحس"),
}
# The western ones first: what a text has in common with several is theirs.
_LETTERS: tuple[tuple[str, str], ...] = (
    ("cp1252", "àâçéèêëîïôùûüÿœæ"),
    ("cp1252", "äöüß"),
    ("cp1252", "áéíóúüñ"),
    ("cp1252", "ãõçáéíóúâêôàü"),
    ("cp1252", "àèéìíîòóùú"),
    ("cp1252", "åäöæøé"),
    ("cp1252", "áðéíóúýþæö"),
    ("cp1250", "áčďéěíňóřšťúůýž"),
    ("cp1250", "áäčďéíĺľňóôŕšťúýž"),
    ("cp1250", "ąćęłńóśźż"),
    ("cp1250", "áéíóöőúüű"),
    ("cp1250", "ăâîşţ"),
    ("cp1250", "čćđšž"),
    ("cp1254", "çğıiöşüâîû"),
)
_SCRIPTS = {"cp1250": "central European", "cp1252": "western European", "cp1254": "Turkish"}


class DecodedText(NamedTuple):
    """A text, and a sentence for the user where its encoding had to be guessed (else empty)."""

    text: str
    note: str


def decode(data: bytes, encoding: str | None = None) -> DecodedText:
    """The text of a file: in the encoding that is said, or by its byte order mark, as UTF-8, as UTF-16 without a mark,
    or by a guess, with a note.

    Bytes that mean nothing in the encoding become U+FFFD; where somebody has said it, a note counts them.

    Args:
        encoding: as Python names it (``cp1250``, ``gbk``); a byte order mark of the file goes before it.

    Raises:
        InvalidOption: there is no such encoding.
    """
    for mark, known in _MARKS:
        if data.startswith(mark):
            return DecodedText(data[len(mark) :].decode(known, "replace"), "")
    if encoding is not None:
        return _decode_as(data, encoding)
    sample = data[:_SAMPLE_BYTES]
    if b"\x00" in sample:
        little = sample[1::2].count(0) >= sample[0::2].count(0)
        guess = "utf-16-le" if little else "utf-16-be"
        return DecodedText(
            data.decode(guess, "replace"), _("read as {guess} without a byte order mark").format(guess=guess.upper())
        )
    try:
        return DecodedText(data.decode("utf-8"), "")
    except UnicodeDecodeError:
        guess, script = _guess(sample)
        shown = guess.replace("cp125", "Windows-125").replace("koi8_r", "KOI8-R")
        note = _("no UTF-8, so read as {shown} ({script}); if letters are wrong, use --encoding NAME").format(
            shown=shown, script=script
        )
        return DecodedText(data.decode(guess, "replace"), note)


def check_encoding(encoding: str) -> str:
    """The name of an encoding of texts.

    Raises:
        InvalidOption: Python knows none of this name.
    """
    try:
        "".encode(encoding)
        b"".decode(encoding)
    except (LookupError, UnicodeError, ValueError) as error:
        raise InvalidOption(
            _("no encoding {encoding!r}: use a name such as cp1250, gbk, shift_jis or koi8-r").format(encoding=encoding)
        ) from error
    return encoding


def _decode_as(data: bytes, encoding: str) -> DecodedText:
    text = data.decode(check_encoding(encoding), "replace")
    odd = text.count("\ufffd")
    return DecodedText(
        text,
        _("{odd} characters mean nothing in {encoding} and are read as �").format(odd=odd, encoding=encoding)
        if odd
        else "",
    )


def _guess(sample: bytes) -> tuple[str, str]:
    """An encoding, and the script that it is for."""
    asian = _guess_asian(sample)
    if asian is not None:
        return asian
    in_runs = sum(len(run) for run in _RUNS.findall(sample))
    # In other scripts most letters beyond ASCII stand beside one another, in languages with Latin letters they do not.
    if in_runs > len(_HIGH.findall(sample)) / 2:
        shares = {name: _share(sample, name, letters) for name, (_, letters) in _FREQUENT.items()}
        best = max(shares, key=lambda name: shares[name])
        latin = max(_LETTERS, key=lambda item: _share(sample, item[0], item[1]))
        if shares[best] >= _share(sample, *latin) or shares[best] > 0.5:
            return best, _FREQUENT[best][0]
    name = max(_LETTERS, key=lambda item: _share(sample, item[0], item[1]))[0]
    return name, _SCRIPTS[name]


def _share(sample: bytes, encoding: str, letters: str) -> float:
    """How many of the characters beyond ASCII that are no punctuation are these letters; small ones count more."""
    text = sample.decode(encoding, "replace")
    said = [letter for letter in text if letter > "\x7f" and not _is_punctuation(letter)]
    small = sum(letter in letters for letter in said)
    large = sum(letter not in letters and letter.lower() in letters for letter in said)
    return (small + 0.9 * large) / len(said) if said else 0.0


def _is_punctuation(letter: str) -> bool:
    return letter in "«»„“”‘’‚…–—¿¡،؟؛\u00a0°№"


def _guess_asian(sample: bytes) -> tuple[str, str] | None:
    """Strictly valid, and common in the encoding: kana, Hangul, or what the first standards hold."""
    for name, script in (("cp932", "Japanese"), ("euc_jp", "Japanese"), ("cp949", "Korean"), ("gb18030", "Chinese"),
                         ("big5", "Chinese")):  # fmt: skip
        text = _strict(sample, name)
        said = [letter for letter in text if letter > "\x7f"]
        if said and _is_common(name, said):
            return name, script
    return None


def _is_common(name: str, said: list[str]) -> bool:
    if name in ("cp932", "euc_jp"):
        kana = sum("\u3041" <= letter <= "\u30ff" for letter in said)
        odd = sum("\uff61" <= letter <= "\uff9f" or "\ue000" <= letter <= "\uf8ff" for letter in said)
        return kana >= _KANA * len(said) and odd <= (1 - _COMMON) * len(said)
    if name == "cp949":
        hangul = sum("\uac00" <= letter <= "\ud7a3" and _first_standard(letter, "euc_kr") for letter in said)
        return hangul >= _COMMON * len(said)
    lead = (0xB0, 0xD7) if name == "gb18030" else (0xA4, 0xC6)
    codes = [letter.encode(name) for letter in said]
    words = [code for code in codes if len(code) == 2 and code[0] not in (0xA1, 0xA2, 0xA3)]
    common = sum(lead[0] <= code[0] <= lead[1] and (name == "big5" or code[1] >= 0xA1) for code in words)
    return bool(words) and common >= _COMMON * len(words) and all(len(code) == 2 for code in codes)


def _first_standard(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _strict(sample: bytes, encoding: str) -> str:
    """The text, without a character that the end of the sample cuts; empty where it is not valid."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return ""
