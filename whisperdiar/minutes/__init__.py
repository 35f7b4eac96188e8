"""Minutes of a meeting from its transcript: who took part, what was talked about, decided and left to do.

    transcript → utterances → features → scores → evidence → items → minutes → a document

Everything rests on evidence: words of the transcript with their speaker and time. `compose_minutes` makes minutes
without a language model, `write_minutes` a document of them; nothing but `llm` touches the network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whisperdiar.minutes.content import Item, Minutes
    from whisperdiar.minutes.extract.compose import minutes as compose_minutes
    from whisperdiar.minutes.render import write_minutes

_HOMES = {
    "Item": ("content", "Item"),
    "Minutes": ("content", "Minutes"),
    "compose_minutes": ("extract.compose", "minutes"),
    "write_minutes": ("render", "write_minutes"),
}

__all__ = ["Item", "Minutes", "compose_minutes", "write_minutes"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, own = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{home}"), own)
