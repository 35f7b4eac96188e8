"""Counted things in messages: "1 word", "2 words"."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """A number and the noun in the number it asks for; the plural is that of regular English nouns."""
    return f"{number} {noun}{'s' * (number != 1)}"
