"""Punctuation marks that end sentences and clauses, in the scripts that have any."""

from __future__ import annotations

SENTENCE_END = frozenset(
    ".?!…"
    # Unicode's property Sentence_Terminal, from the Armenian full stop to the half-width ideographic one, as escapes:
    # editors show many of these signs as boxes or turn lines of right-to-left scripts around.
    "\u0589\u061d\u061e\u061f\u06d4\u0700\u0701\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u104a"
    "\u104b\u1362\u1367\u1368\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8\u1aa9\u1aaa"
    "\u1aab\u1b5a\u1b5b\u1b5e\u1b5f\u1b7d\u1b7e\u1c3b\u1c3c\u1c7e\u1c7f\u2024\u203c\u203d\u2047\u2048"
    "\u2049\u2cf9\u2cfa\u2cfb\u2e2e\u2e3c\u2e53\u2e54\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877"
    "\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d\uaa5e\uaa5f\uaaf0\uaaf1\uabeb\ufe12\ufe15\ufe16\ufe52\ufe56"
    "\ufe57\uff01\uff0e\uff1f\uff61"
    # Tibetan shad, which ends clauses as well; nothing else ends sentences there.
    "\u0f0d\u0f0e"
)
CLAUSE_END = frozenset(
    ",;:—–、，；：،؛"
    # Armenian comma, NKo comma, Ethiopic comma, semicolon and colons, Mongolian comma, half-width ideographic comma.
    "\u055d\u07f8\u1363\u1364\u1365\u1366\u1802\u1808\uff64"
)
CLOSING = "\"'»”’)]}」』）"
"""Quotes and brackets that may stand behind such a mark."""


def last_mark(text: str) -> str:
    """The last character of a word, closing quotes and brackets left out; empty for an empty word."""
    return text.strip().rstrip(CLOSING)[-1:]
