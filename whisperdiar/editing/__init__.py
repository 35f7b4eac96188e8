"""Transcript editing: a transcript as a text, corrected by a person, and back. Pure; no model.

`write` makes the text, `parse` reads it, `apply` gives the corrected transcript, `apply_json` does so from the JSON
that a page downloads, `carry_over` keeps the corrections when the recording is transcribed again.
"""

from __future__ import annotations

from whisperdiar.editing.apply_changes import Changes, CorrectedTranscript, apply
from whisperdiar.editing.corrections import CarriedCorrections, carry_over
from whisperdiar.editing.json_form import apply_json
from whisperdiar.editing.text_form import CorrectedTurn, EditedText, parse, write

__all__ = [
    "CarriedCorrections",
    "Changes",
    "CorrectedTranscript",
    "CorrectedTurn",
    "EditedText",
    "apply",
    "apply_json",
    "carry_over",
    "parse",
    "write",
]
