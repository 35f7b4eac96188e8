"""Vocabulary: terms of a user's own, and what a recogniser writes in place of them.

One term a line, after ``#`` a comment; where a recogniser is known to write it otherwise, the wrong forms stand before
it:

    # people and products
    Kubernetes
    cube control | kube cuttle => kubectl
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass, field

from whisperdiar.errors import FormatError, InvalidOption
from whisperdiar.system.files import format_path, read_text
from whisperdiar.text.messages import _

MAX_TERMS = 10_000
"""More are a dictionary, not the words of a recording: nearly all of them would be replaced by chance alone."""
MAX_LENGTH = 100
"""Characters of a term or a variant; a longer one is a sentence."""
_COMMENT = re.compile(r"(?:^|\s)#(?:\s.*)?$|^#.*$")
_ARROW = re.compile(r"\s*=>\s*")


@dataclass(frozen=True, slots=True)
class Term:
    """A term as it is to be written.

    Attributes:
        text: with single spaces between its words.
        variants: what a recogniser writes in place of it, in any case.
    """

    text: str
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Terms in the order in which they matter.

    Attributes:
        terms: each once.
        name: of the file that they come from, for the provenance; None for none.
        forms: what is looked for (as `fold_form` has it) → the term that is written for it.

    Raises:
        InvalidOption: there are no terms or too many, one is empty or too long, or a form would stand for two terms.
    """

    terms: tuple[Term, ...]
    name: str | None = None
    forms: dict[str, str] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        if not self.terms:
            raise InvalidOption(_("the vocabulary holds no terms: write one a line"))
        if len(self.terms) > MAX_TERMS:
            raise InvalidOption(
                _("the vocabulary has {n_terms} terms: keep the {most} that matter").format(
                    n_terms=len(self.terms), most=MAX_TERMS
                )
            )
        forms = {fold_form(term.text): term.text for term in self.terms}
        owners = {form: form for form in forms}
        for term in self.terms:
            own = fold_form(term.text)
            for text in (term.text, *term.variants):
                _check_text(text)
                form = fold_form(text)
                if owners.setdefault(form, own) != own:
                    raise InvalidOption(
                        _("vocabulary: {text!r} would become {one!r} and {other!r}; leave one of them out").format(
                            text=text, one=forms[form], other=term.text
                        )
                    )
                forms.setdefault(form, term.text)
        object.__setattr__(self, "forms", forms)

    @property
    def texts(self) -> tuple[str, ...]:
        """The terms as they are written."""
        return tuple(term.text for term in self.terms)


def fold_form(text: str) -> str:
    """A form as it is compared: without regard to case, to the kind of apostrophe, and to how letters are composed."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return " ".join(folded.replace("’", "'").split())


def parse_vocabulary(text: str, *, name: str | None = None) -> Vocabulary:
    """The vocabulary in the lines of a text.

    Raises:
        FormatError: a line is none; the message names it. Or there are no terms, too many, or they contradict each
            other.
    """
    lines = text.splitlines()
    if len(lines) > MAX_TERMS:
        raise FormatError(
            _("it has {n_lines} lines: a vocabulary has at most {most}; keep the terms that matter").format(
                n_lines=len(lines), most=MAX_TERMS
            )
        )
    found: dict[str, Term] = {}
    for number, line in enumerate(lines, start=1):
        written = _COMMENT.sub("", line.strip()).strip()
        if not written:
            continue
        try:
            term = _parse_line(written)
            before = found.get(fold_form(term.text))
            if before is not None:
                term = Term(before.text, tuple(dict.fromkeys((*before.variants, *term.variants))))
        except InvalidOption as error:
            raise FormatError(_("line {number}: {error}").format(number=number, error=error)) from error
        found[fold_form(term.text)] = term
    try:
        return Vocabulary(tuple(found.values()), name)
    except InvalidOption as error:
        raise FormatError(str(error)) from error


def read_vocabulary(path: str | os.PathLike[str]) -> Vocabulary:
    """The vocabulary in a file of UTF-8 text.

    Raises:
        FormatError: the file cannot be read, or is no vocabulary; with its name.
    """
    text = read_text(path)  # its errors name the file
    try:
        return parse_vocabulary(text, name=os.path.basename(os.fspath(path)))
    except FormatError as error:
        raise FormatError(f"{format_path(path)}: {error}") from error


def _parse_line(line: str) -> Term:
    """A term and its variants; raises InvalidOption where a side is missing."""
    sides = [" ".join(side.split()) for side in _ARROW.split(line)]
    if len(sides) > 2:
        raise InvalidOption(_("it has several =>; write one: wrong | wrong => right"))
    if not sides[-1]:
        raise InvalidOption(_("nothing stands behind =>; write wrong => right"))
    wrong = [" ".join(part.split()) for part in sides[0].split("|")] if len(sides) == 2 else []
    if len(sides) == 2 and not all(wrong):
        raise InvalidOption(_("a wrong form before => is empty; write wrong => right"))
    term = Term(sides[-1], tuple(dict.fromkeys(wrong)))
    for text in (term.text, *term.variants):
        _check_text(text)
    return term


def _check_text(text: str) -> None:
    if not text.strip():
        raise InvalidOption(_("a term of the vocabulary is empty: leave it out"))
    if len(text) > MAX_LENGTH:
        raise InvalidOption(
            _("a term has {length} characters: at most {most} are looked for; shorten it").format(
                length=len(text), most=MAX_LENGTH
            )
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co") for character in text):
        raise InvalidOption(_("this is no text; choose a file with one term a line"))
    if not any(character.isalnum() for character in text):
        raise InvalidOption(_("{text!r} has no letter or digit; write a word").format(text=text))
