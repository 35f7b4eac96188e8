"""Punctuation by which words tell where sentences and clauses end, in the scripts that have any."""

from __future__ import annotations

SENTENCE_END = frozenset(".?!…。？！؟।")
CLAUSE_END = frozenset(",;:—–、，；：،؛")
CLOSING = "\"'»”’)]}」』）"
"""Quotes and brackets that may stand behind such a mark."""


def last_mark(text: str) -> str:
    """The last character of a word, closing quotes and brackets left out; empty for an empty word."""
    return text.strip().rstrip(CLOSING)[-1:]
