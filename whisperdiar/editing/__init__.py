"""Transcript editing: a transcript as a text, corrected by a person, and back. No model.

`write` makes the text, `parse` reads it, `apply` gives the corrected transcript, `apply_json` does so from the JSON
that a page downloads; `write_file` and `apply_file` do so with a file. `keep_corrections` keeps the corrections when
the recording is transcribed again, and says in the new transcript what could not be kept; `carry_over` leaves that to
its caller; `has_corrections` tells whether there are any.
"""

from __future__ import annotations

from whisperdiar.editing.apply_changes import Changes, CorrectedTranscript, apply
from whisperdiar.editing.corrections import CarriedCorrections, carry_over, has_corrections, keep_corrections
from whisperdiar.editing.files import apply_file, write_file
from whisperdiar.editing.json_form import apply_json
from whisperdiar.editing.text_form import CorrectedTurn, EditedText, parse, write

__all__ = [
    "CarriedCorrections",
    "Changes",
    "CorrectedTranscript",
    "CorrectedTurn",
    "EditedText",
    "apply",
    "apply_file",
    "apply_json",
    "carry_over",
    "has_corrections",
    "keep_corrections",
    "parse",
    "write",
    "write_file",
]
