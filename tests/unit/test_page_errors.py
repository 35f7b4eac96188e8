"""Errors of the server on its pages: each code has a sentence in Russian; programs get English."""

from __future__ import annotations

import ast
import re

import pytest

from tests.sounds import ROOT

SERVING = ROOT / "whisperdiar" / "serving"
TABLE = (ROOT / "whisperdiar" / "data" / "server" / "errors.js").read_text("utf-8")


def codes_of_the_server() -> set[str]:
    """Every word that a refusal or a failure has as its code, whether it is written there or is a default."""
    found: set[str] = set()
    for path in SERVING.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "code":
                found |= {item.value for item in ast.walk(node.value) if isinstance(item, ast.Constant) and item.value}
            if isinstance(node, ast.FunctionDef):
                names = [item.arg for item in node.args.kwonlyargs]
                defaults = dict(zip(names, node.args.kw_defaults, strict=True))
                code = defaults.get("code")
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    found.add(code.value)
    return {code for code in found if isinstance(code, str)}


def test_each_code_has_a_sentence_in_russian() -> None:
    told = dict(re.findall(r'^    (\w+): "(.*)",$', TABLE, flags=re.MULTILINE))
    codes = codes_of_the_server()
    assert len(codes) > 30
    assert codes - set(told) == set()
    assert set(told) - codes == set(), "a sentence for nothing"
    assert all(re.search("[а-яё]", text) and text.endswith(".") for text in told.values())


@pytest.mark.parametrize("page", ["page", "live"])
def test_pages_translate_what_the_server_says(page: str) -> None:
    folder = ROOT / "whisperdiar" / "data" / "server"
    html = (folder / f"{page}.html").read_text("utf-8")
    assert html.index("/page/errors.js") < html.index(f"/page/{page}.js")
    assert "explain(" in (folder / f"{page}.js").read_text("utf-8")
