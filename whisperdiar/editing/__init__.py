"""The editor's round trip: a transcript as a text, corrected by a person, and back. Pure; no model.

`write` makes the text, `parse` reads it, `apply` gives the corrected transcript, `carry_over` keeps the corrections
when the recording is transcribed again.
"""

from __future__ import annotations

from whisperdiar.editing.apply_changes import Applied, Changes, apply
from whisperdiar.editing.corrections import Carried, carry_over
from whisperdiar.editing.text_form import EditedText, NewTurn, parse, write

__all__ = ["Applied", "Carried", "Changes", "EditedText", "NewTurn", "apply", "carry_over", "parse", "write"]
