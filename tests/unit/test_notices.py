"""Notes and warnings, as they stand in the sources: one line of at most 100 characters each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import whisperdiar

PACKAGE = Path(whisperdiar.__file__).parent
LONGEST = 100
"""Characters of a note or a warning, without the file that it is about."""
TYPICAL = "x" * 7
"""A value in a message: a name, a number with its unit."""

_SAYING = frozenset({"note", "warn", "_warn", "notify", "inform", "tell", "tell_once"})
"""Functions whose first argument is told to the user."""
_LISTS = frozenset({"notes", "warnings", "remarks", "told"})
"""Names of what is told later …"""
_ONE = frozenset({"note", "warning", "remark"})
"""… and of one of them."""
_DESCRIBING = re.compile(r"_?(?:warn\w*|remarks|notes\w*|describe_no_\w+)")
"""Functions that return it."""
_ABOUT = re.compile(r"^\{(?:self\.)?\w*(?:path|source|text|audio|recording|media|output|folder|name|kept|place)\w*\}: ")


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts in an expression, with their values as `TYPICAL`; parts of a text are no texts of their own."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.Compare | ast.Subscript | ast.Raise | ast.Lambda):
        return
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _told(tree: ast.Module) -> Iterator[tuple[int, ast.AST]]:
    """Expressions whose texts the user is told, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in _SAYING:
                yield from ((node.lineno, argument) for argument in node.args[:1])
            elif called in ("append", "extend") and _name(getattr(function, "value", None)) in _LISTS:
                yield from ((node.lineno, argument) for argument in node.args)
            yield from ((node.lineno, item.value) for item in node.keywords if item.arg in _LISTS)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and {_name(item) for item in targets} & {*_LISTS, *_ONE}:
                yield node.lineno, node.value
        elif isinstance(node, ast.FunctionDef) and _DESCRIBING.fullmatch(node.name):
            returned = (item for item in ast.walk(node) if isinstance(item, ast.Return))
            yield from ((item.lineno, item.value) for item in returned if item.value is not None)


def _name(node: ast.AST | None) -> str:
    return str(getattr(node, "id", getattr(node, "attr", ""))).lstrip("_")


def _length(text: str) -> int:
    return len(re.sub(r"\{[^{}]*\}", TYPICAL, _ABOUT.sub("", text)))


@pytest.fixture(scope="module")
def notices() -> list[tuple[str, str]]:
    """Every text that may be told, with the place where it stands."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, expression in _told(ast.parse(path.read_text("utf-8"))):
            found += [(f"{path.relative_to(PACKAGE)}:{line}", text) for text in _texts(expression)]
    return found


def test_a_note_or_a_warning_is_one_short_line(notices: list[tuple[str, str]]) -> None:
    assert not [item for item in notices if _length(item[1]) > LONGEST or "\n" in item[1]]


def test_the_sources_hold_many_notices(notices: list[tuple[str, str]]) -> None:
    """What is looked at is found: without this, a change of names would switch the other test off."""
    texts = {text for _, text in notices if " " in text}
    assert len(texts) > 100
    assert any("no speech was found" in text for text in texts)
    assert any("two unlike channels" in text for text in texts)
