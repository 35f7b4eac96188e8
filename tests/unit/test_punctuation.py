"""The marks that end sentences, in all scripts."""

from __future__ import annotations

import sys
import unicodedata

import pytest
import regex

from whisperdiar.asr._shared.hallucinations import remove_closing_phrases
from whisperdiar.asr._shared.words import RawWord, place_words
from whisperdiar.text.punctuation import CLAUSE_END, CLOSING, SENTENCE_END, last_mark
from whisperdiar.types import Span, Word


def test_marks_are_those_of_unicode() -> None:
    """What later versions of Unicode add may be missing, and what is no mark of any language in its own plane."""
    known = {
        character
        for character in map(chr, range(min(sys.maxunicode, 0xFFFF) + 1))
        if regex.fullmatch(r"\p{Sentence_Terminal}", character) and unicodedata.name(character, "")
    }
    named_later = {chr(code) for code in (0x1B4E, 0x1B4F, 0x1B7F, 0x2E60, 0x2E61)}
    assert known - named_later <= SENTENCE_END
    assert not SENTENCE_END & CLAUSE_END
    assert not (SENTENCE_END | CLAUSE_END) & set(CLOSING)
    # "C": what the Unicode of an older Python does not know yet.
    assert all(unicodedata.category(mark)[0] in "PC" for mark in SENTENCE_END | CLAUSE_END)


@pytest.mark.parametrize("mark", ["؟", "۔", "।", "॥", "։", "።", "፧", "။", "។", "།", "｡", "？"])
def test_sentences_of_every_script_are_judged_one_by_one(mark: str) -> None:
    """A closing phrase in silence goes, and the sentence before it, in speech, stays."""
    words = [
        Word(Span(0.0, 0.4), " شكرا"),
        Word(Span(0.5, 0.9), f" شكرا{mark}»"),
        Word(Span(1.0, 1.4), f" شكرا{mark}"),
    ]
    assert last_mark(words[1].text) == mark
    found = remove_closing_phrases(words, [Span(0, 0.95)])
    assert found.words == tuple(words[:2])
    assert [item.text for item in found.dropped] == [f"شكرا{mark}"]


def test_a_dash_after_a_sentence_opens_a_reply_in_every_script() -> None:
    raw = [RawWord(text, i, i + 0.5) for i, text in enumerate((" ነው", "።", " —", " አዎ", "።"))]
    words = place_words(raw, " ነው። — አዎ።", piece=Span(0, 9), speech=[Span(0, 9)])
    assert [word.text for word in words] == [" ነው።", " — አዎ።"]
