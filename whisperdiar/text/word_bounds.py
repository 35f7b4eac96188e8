"""Word boundaries (Unicode UAX #29) in scripts that write no spaces between words. Pure.

Where one word ends and the next begins in Thai, Lao, Khmer, Burmese, Chinese and Japanese only a dictionary tells:
those of ICU, through icu4py (extra ``words``). Without it nothing is known of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uabff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
    "\U0001b000-\U0001b16f"
)
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_ASTRAL_HAN = re.compile("[\U00020000-\U0003ffff]")
_ASTRAL = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")


def is_unspaced(character: str) -> bool:
    """Whether the character's script writes no spaces between words: Han, kana, Thai, Lao, Khmer, Burmese."""
    return _HAS_UNSPACED.match(character) is not None


@lru_cache(maxsize=1)
def has_dictionaries() -> bool:
    """Whether icu4py is installed."""
    return find_spec("icu4py") is not None


def find_word_starts(text: str) -> frozenset[int] | None:
    """Offsets at which words begin, the first one's left out; None where no script asks for it or nothing tells."""
    if text.isascii() or _HAS_UNSPACED.search(text) is None or not has_dictionaries():
        return None
    from icu4py.breakers import WordBreaker

    # It counts in UTF-16 and reads UTF-8: what takes two units there, or is half of a character, is replaced.
    plain = _ASTRAL.sub("\u263a", _ASTRAL_HAN.sub("\u4e00", text))
    return frozenset(start for start, _ in WordBreaker(plain, "en").segments() if 0 < start < len(text))
