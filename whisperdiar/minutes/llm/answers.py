"""Answers of a language model, by what was asked: those of a run that was interrupted serve the next one.

{"whisperdiar_answers": 1, "answers": {"<SHA-256 of model and messages>": "text"}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from whisperdiar.errors import FormatError
from whisperdiar.text.json import read, write
from whisperdiar.text.messages import _

if TYPE_CHECKING:  # every command that transcribes takes up what was kept, and few of them write minutes
    from whisperdiar.minutes.llm.writing import Answers

_KIND, _VERSION = "whisperdiar_answers", 1


class RememberedAnswers:
    """A model that is asked nothing twice.

    Attributes:
        answers: key of a question → answer, those of earlier runs included.
        n_known: how many questions were answered from earlier runs.
    """

    def __init__(self, model: Answers, name: str, *, known: Mapping[str, str], secret: str | None = None) -> None:
        """
        Args:
            known: `answers` of an earlier run.
            secret: the server's key, which some servers repeat; it is in no answer that is kept.
        """
        self._model = model
        self._name = name
        self._secret = secret
        self.answers = dict(known)
        self.n_known = 0

    def answer(self, messages: Sequence[dict[str, str]]) -> str:
        """What the model says, or has said; errors as of the model."""
        question = json.dumps([self._name, list(messages)], sort_keys=True).encode("ascii")
        key = hashlib.sha256(question).hexdigest()
        if key in self.answers:
            self.n_known += 1
            return self.answers[key]
        said = self._model.answer(messages)
        self.answers[key] = said.replace(self._secret, "***") if self._secret else said
        return said


def dumps(answers: Mapping[str, str]) -> str:
    """The answers as a file."""
    return write({_KIND: _VERSION, "answers": dict(answers)})


def loads(text: str) -> dict[str, str]:
    """The answers of a file.

    Raises:
        FormatError: it holds none, or is broken.
    """
    data = read(text)
    found = data.get("answers") if isinstance(data, dict) and data.get(_KIND) == _VERSION else None
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        raise FormatError(_("this file holds no answers of a language model"))
    return {str(key): value for key, value in found.items()}
