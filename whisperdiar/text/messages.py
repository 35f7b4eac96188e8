"""Messages in the language of the user, by gettext: the catalogues lie in ``data/locale``.

The library speaks English until `use` is told otherwise, which only the command line does. Texts that are data, such as
keys of JSON, are never translated, and a file has its sentences in English whoever ran the program: a `Message` shows
itself in the user's language and keeps its English, which `to_english` gives to whatever writes files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gettext import NullTranslations

LANGUAGES = ("en", "ru")
"""What a user may choose; English is the language of the sources."""
DOMAIN = "whisperdiar"
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "locale")
"""Where ``LANGUAGE/LC_MESSAGES/whisperdiar.mo`` lies."""

_catalogue: NullTranslations | None = None


def use(language: str) -> None:
    """Says what comes in one of `LANGUAGES` from now on; a catalogue is read for other languages than English only."""
    global _catalogue
    if language == "en":
        _catalogue = None
        return
    import gettext

    _catalogue = gettext.translation(DOMAIN, FOLDER, languages=[language], fallback=True)


def current() -> str:
    """Which of `LANGUAGES` messages are in."""
    return "en" if _catalogue is None else _catalogue.info().get("language", "en")


class Message(str):
    """A text in the user's language that keeps its English, also where placeholders are filled in.

    ``str(error)`` of an error that was raised with one is one again; concatenation and f-strings give plain text, so a
    sentence is a single text with placeholders.
    """

    __slots__ = ("english",)
    english: str

    def __new__(cls, text: str, english: str) -> Message:
        made = super().__new__(cls, text)
        made.english = english
        return made

    def __str__(self) -> str:
        return self

    def __reduce__(self) -> tuple[type[Message], tuple[str, str]]:
        return Message, (str.__str__(self), self.english)

    def format(self, *args: object, **values: object) -> Message:
        """The text with its placeholders filled in, in both languages; values are never read as formats themselves."""
        english = self.english.format(*map(_find_english, args), **{key: _find_english(values[key]) for key in values})
        return Message(str.format(self, *args, **values), english)


def _(message: str) -> str:
    """The message in the language of the user; itself where it is not translated, or empty."""
    if _catalogue is None or not message or isinstance(message, Message):
        return message
    return Message(_catalogue.gettext(message), message)


def mark(message: str) -> str:
    """The message as it is, for constants: found by translators, and translated by `_` where it is shown."""
    return message


def ngettext(one: str, many: str, number: int) -> str:
    """The form of a message that a number asks for: Russian has three, English two."""
    english = one if number == 1 else many
    return english if _catalogue is None else Message(_catalogue.ngettext(one, many, number), english)


def join(separator: str, parts: Iterable[object]) -> str:
    """The parts, with the separator between them; a `Message` where one of them is."""
    texts = [str(part) for part in parts]
    text = separator.join(texts)
    if not any(isinstance(part, Message) for part in (separator, *texts)):
        return text
    return Message(text, to_english(separator).join(map(to_english, texts)))


def to_english(text: str) -> str:
    """The English of a message; any other text as it is."""
    return text.english if isinstance(text, Message) else text


def make_english(value: Any, _around: tuple[int, ...] = ()) -> Any:
    """A JSON value whose messages, at any depth, are in English: what files hold.

    What holds itself stays so, for the writer of JSON to refuse; `_around` are the ids of the values around this one.
    """
    if isinstance(value, str):
        return to_english(value)
    if not isinstance(value, (Mapping, list, tuple)) or id(value) in _around:
        return value
    around = (*_around, id(value))
    if isinstance(value, Mapping):
        return {key: make_english(item, around) for key, item in value.items()}
    return [make_english(item, around) for item in value]


def _find_english(value: object) -> object:
    """What stands for a value in the English of a message: that of a message, and of the message of an error."""
    text = str(value) if isinstance(value, BaseException) else value
    return text.english if isinstance(text, Message) else value
