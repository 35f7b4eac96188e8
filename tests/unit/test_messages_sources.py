"""What users read goes through gettext, with placeholders that are filled in: held over the syntax of all sources."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import whisperdiar
from whisperdiar import errors

PACKAGE = Path(whisperdiar.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
_MARKED = ("_", "ngettext")
_ERRORS = frozenset(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, (errors.WhisperdiarError, errors.Interrupted))
)
_CALLS = frozenset(("warn", "note", "notify", "fail"))
"""Of the console, and callables that are handed in: what they are given is shown."""
_REFUSALS = re.compile(r"^_?(refuse|reject|complain)(_|$)")
"""Functions that raise an error with the text that they are given."""
_UNCALLED = re.compile(r"(?<![\w.])_(?![\w(])")
_LISTS = re.compile(r"(^|\.|_)(notes|warnings)$")
_SENTENCE = re.compile(r"[^\W\d_]{2,}.* [^\W\d_]{2,}")
"""Two words: names of files, formats and options, and what stands between them, have fewer."""
_NOT_SHOWN = {
    "whisperdiar/testing.py": "ContractBroken is for those who write backends, in the language of the contracts",
}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _texts(node: ast.AST) -> Iterator[str]:
    """Sentences in an expression that no `_` is around; what is computed from keys and by methods is left out."""
    if isinstance(node, ast.Call) and _name(node.func) in _MARKED:
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and _SENTENCE.search(node.value):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        if _SENTENCE.search(text.replace("{}", "")):
            yield text
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _texts(part.value)
    elif isinstance(node, ast.Subscript):
        yield from _texts(node.value)
    elif isinstance(node, ast.Compare):
        return
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _assigned(function: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(_name(target) == name for target in node.targets):
            yield node.value


def _shown(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Expressions that users read, each with the function or module in which it stands."""
    scopes = [tree, *(node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))]
    for scope in scopes:
        for node in ast.walk(scope):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node.func)
            if ((name in _ERRORS or name in _CALLS) and node.args) or (
                name == "append" and isinstance(node.func, ast.Attribute) and _LISTS.search(_name(node.func.value))
            ):
                yield scope, node.args[0]
            if _REFUSALS.search(name) and node.args:  # the last of what is handed on says what is wrong
                yield scope, node.args[-1]
            for keyword in node.keywords:
                if keyword.arg in ("warnings", "notes", "note"):
                    yield scope, keyword.value


def find_unmarked(source: str) -> set[str]:
    """Texts of errors, warnings and notes in a source that no `_` or `ngettext` is around."""
    found: set[str] = set()
    for scope, node in _shown(ast.parse(source)):
        found.update(_texts(node))
        if isinstance(node, ast.Name):
            for value in _assigned(scope, node.id):
                found.update(_texts(value))
    return found


def find_misfilled(source: str) -> list[str]:
    """Messages whose placeholders are not those that ``format`` gets, or that hold an f-string."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKED:
            wrong += [ast.unparse(node) for part in node.args[:2] if isinstance(part, (ast.JoinedStr, ast.BinOp))]
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"):
            continue
        inner = node.func.value
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in _MARKED:
            texts = [part.value for part in inner.args[:2] if isinstance(part, ast.Constant) and part.value]
            asked = {name for text in texts if isinstance(text, str) for name in _find_fields(text)}
            given = {keyword.arg for keyword in node.keywords}
            if texts and asked != given:
                wrong.append(f"{texts[0]}: {sorted(asked)} != {sorted(map(str, given))}")
    return wrong


def _find_fields(text: str) -> Iterator[str]:
    for _text, name, form, _conversion in string.Formatter().parse(text):
        if name is not None:
            yield re.split(r"[.\[]", name)[0]
        if form:
            yield from _find_fields(form)


def find_shadowed(source: str) -> list[int]:
    """Lines of functions in which `_` is called and is a variable of their own, too."""
    lines: list[int] = []
    if not _UNCALLED.search(source):
        return lines
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = list(ast.walk(node))
            called = any(isinstance(item, ast.Call) and _name(item.func) == "_" for item in inner)
            stored = any(
                isinstance(item, ast.Name) and item.id == "_" and isinstance(item.ctx, ast.Store) for item in inner
            )
            stored |= any(isinstance(item, ast.arg) and item.arg == "_" for item in inner)
            if called and stored:
                lines.append(node.lineno)
    return lines


def _search(find: Callable[[str], object]) -> dict[str, object]:
    found = {path.relative_to(PACKAGE.parent).as_posix(): find(path.read_text(encoding="utf-8")) for path in SOURCES}
    return {name: wrong for name, wrong in found.items() if wrong}


def test_what_users_read_is_marked():
    found = {name: texts for name, texts in _search(find_unmarked).items() if name not in _NOT_SHOWN}
    assert not found, "wrap these in _() of whisperdiar.text.messages, and translate them (scripts/messages.py)"


_COUNT = re.compile(
    r"\{(?:number|count|total|hidden|(?:n|len)_\w+|words|turns|cues|recordings|files)\} (?:more )?[a-z]+s\b"
)
_MANY = frozenset(
    (
        # Two at least, or hundreds.
        "-o {named}: {n_inputs} inputs need a folder, such as -o transcripts/",
        "the file holds {n_recordings} recordings one after another; all of them are read",
        "{n_recordings} recordings in one file ({listed}): say which one is meant",
        "{n_recordings} recordings, such as {recording},",
        "{turns}: none of its {total} recordings is {id!r}; check the id in the manifest",
        "{uem}: none of its {total} recordings is {id!r}; check the id in the manifest",
        "{number} of {total} outputs exist already, such as {path} (--overwrite replaces them)",
        "repeated {n_repeats} times in a row; it stays {times}",
        "{n_spoken} times, as the sound has it",
        "{n_stamps} times before one text, which no song repeats so often",
        "prompt and hotwords take {n_tokens} tokens: Whisper has room for {max_prompt_tokens}; shorten them",
        "{n_supported} languages, not this one",
        "Of fewer than {number} recordings nobody can tell whether a difference is by chance.",
        "{name} heard {n_columns} speakers and can tell no more apart; if there are more, try another diarizer",
        "part {number} of {n_parts} has no answer ({error})",
        "the vocabulary has {n_terms} terms: keep the {most} that matter",
        "it has {n_lines} lines: a vocabulary has at most {most}; keep the terms that matter",
        # Of a whole, or of a network that somebody made.
        "{number} of {n_terms} terms do not fit into the prompt; {n_biased} pieces got nearer ones",
        "this event has {n_values} of {n_fields} fields ({fields})",
        "{name} has {n_outputs} outputs and not 3: give {contracts}",
        "segmentation model {name} has {n_classes} classes, which no number of speakers explains: "
        "give one that segments speakers",
        "weights {weights}: expected {n_samples} numbers, not all 0",
    )
)


def find_counts(source: str) -> set[str]:
    """Messages of one form, though what they count may be one: "1 turns"."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _name(node.func) in ("_", "mark") and node.args:
            text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if isinstance(text, str) and _COUNT.search(text) and text not in _MANY:
                found.add(text)
    return found


def test_what_is_counted_has_the_form_of_one():
    assert find_counts('_("{n_turns} turns end")') == {"{n_turns} turns end"}
    assert not _search(find_counts), "count with ngettext or whisperdiar.text.counts: 1 is a number, too"


def test_placeholders_get_their_values():
    assert not _search(find_misfilled)


def test_no_variable_hides_the_function():
    assert not _search(find_shadowed), "give the variable a name: _ is the function that translates"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("raise FormatError('this is wrong')", "this is wrong"),
        ("raise FormatError(f'{path}: there is no {what}')", "{}: there is no {}"),
        ("def f():\n    said = 'it is lost'\n    console.warn(said)", "it is lost"),
        ("notes.append(_('it is so') if x else 'it is not so')", "it is not so"),
        ("replace(result, warnings=(f'{n} were lost here',))", "{} were lost here"),
    ],
)
def test_an_unmarked_text_is_found(source, text):
    assert find_unmarked(source) == {text}


@pytest.mark.parametrize(
    "source",
    ["raise FormatError(_('this is wrong'))", "raise FormatError(f'{path}: {error}')", "raise FormatError(str(error))"],
)
def test_marked_texts_pass(source):
    assert not find_unmarked(source)


def test_placeholders_without_values_are_found():
    assert find_misfilled("_('{rate} Hz').format(sample_rate=1)")
    assert find_misfilled("_(f'{rate} Hz')")
    assert not find_misfilled("_('{rate:.{digits}f} Hz').format(rate=1, digits=2)")
    assert find_shadowed("def f():\n    for _ in x:\n        raise E(_('a'))") == [1]
