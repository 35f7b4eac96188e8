"""Messages in the language of the user, by gettext: the catalogues lie in ``data/locale``.

The library speaks English until `use` is told otherwise, which only the command line does. Texts that are data, such as
keys of JSON or the provenance of a transcript, are never translated.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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


def _(message: str) -> str:
    """The message in the language of the user; itself where it is not translated, or empty."""
    return message if _catalogue is None or not message else _catalogue.gettext(message)


def ngettext(one: str, many: str, number: int) -> str:
    """The form of a message that a number asks for: Russian has three, English two."""
    if _catalogue is None:
        return one if number == 1 else many
    return _catalogue.ngettext(one, many, number)
