"""Messages for translators: finds them in the sources, brings the catalogue up to date, compiles it.

    python scripts/messages.py             # whisperdiar/data/locale/ru/LC_MESSAGES/whisperdiar.po and .mo
    python scripts/messages.py --missing   # what has no translation, one message a line as JSON

What is found: the texts of `_`, `mark` and `ngettext`, the help of options, the docstrings of commands paragraph by
paragraph, the list of commands, titles of groups, words of metavars, and what click says by itself.
"""

from __future__ import annotations

import ast
import json
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from whisperdiar.cli import main as main_command
from whisperdiar.cli.declarations import split_help
from whisperdiar.text.languages import list_names
from whisperdiar.text.messages import FOLDER, LANGUAGES

PACKAGE = Path(__file__).resolve().parent.parent / "whisperdiar"
_HEADER = (
    "Project-Id-Version: whisperdiar\nLanguage: ru\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\nPlural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && "
    "n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\n"
)
_CLICK_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "types")
"""Of click: what help and refusals come from; prompts and pagers are not used here."""

_NEVER_SHOWN = (
    "DeprecationWarning",
    "No options defined",
    "Could not determine",
    "Arguments take exactly",
    "Choice(",
    "Boolean option",
    "Invalid start",
    "Value must be an iterable",
    "Do you want",
    "Confirm the",
    "Name '",
)
"""How those texts of click begin that are for developers, or that nothing here asks."""
_METAVAR_WORDS = (
    "OPTIONS",
    "ARGS",
    "INTEGER",
    "INTEGER RANGE",
    "FLOAT",
    "FLOAT RANGE",
    "KEY",
    "VALUE",
    "TIME",
    "FRAMES",
    "MIN",
    "MAX",
    "COMMAND",
)
"""Of types of values, which click writes in capitals."""

_SHOWN_KEYWORDS = ("help", "summary", "caution", "hint")
"""What options, backends and options of other programs are declared with, and users read."""

Message = tuple[str, str | None]
"""A text, and its plural where it counts something."""


def find_messages() -> dict[Message, list[str]]:
    """Every message of the package and of click, and in which files it stands."""
    found: dict[Message, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE.parent).as_posix()
        for message in find_in_source(path.read_text(encoding="utf-8")):
            places = found.setdefault(message, [])
            if name not in places:
                places.append(name)
    folder = Path(click.__file__).parent
    for module in _CLICK_MODULES:
        for message in _find_marked(ast.parse((folder / f"{module}.py").read_text(encoding="utf-8"))):
            if not message[0].startswith(_NEVER_SHOWN):
                places = found.setdefault(message, [])
                if "click" not in places:
                    places.append("click")
    for text in _find_composed():
        found.setdefault((text, None), ["whisperdiar/cli/commands/shared.py"])
    for name in list_names().values():
        found.setdefault((name, None), []).append("whisperdiar/text/languages.py")
    for word in _METAVAR_WORDS:
        found.setdefault((word, None), []).append("whisperdiar/cli/declarations.py")
    return found


def _find_composed() -> Iterator[str]:
    """The help of options as it is: some names defaults or profiles, and stands in no source as a whole."""
    context = click.Context(main_command)
    for name in main_command.list_commands(context):
        command = main_command.get_command(context, name)
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        yield from (text for one in inner if one for item in one.params if (text := getattr(item, "help", None)))


def find_in_source(source: str) -> Iterator[Message]:
    """The messages of one module of the package."""
    tree = ast.parse(source)
    yield from _find_marked(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _find_declared(node)
        elif isinstance(node, ast.FunctionDef) and any(map(_declares_command, node.decorator_list)):
            for paragraph in split_help(ast.get_docstring(node) or ""):
                if not paragraph.startswith("\b"):
                    yield paragraph, None
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id in ("GROUPS", "STAGE_TITLES"):
                texts = node.value.values if isinstance(node.value, ast.Dict) else getattr(node.value, "elts", [])
                yield from ((text, None) for item in texts if (text := _constant(item)))
            elif isinstance(node.value, ast.Tuple) and ast.unparse(target).lstrip("(").startswith("_MAKE,"):
                yield from ((text, None) for item in node.value.elts if (text := _constant(item)))


def _find_marked(tree: ast.AST) -> Iterator[Message]:
    for node in ast.walk(tree):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if name in ("_", "mark") and node.args and (text := _constant(node.args[0])):
            yield text, None
        elif name == "ngettext" and (text := _constant(node.args[0])):
            yield text, _constant(node.args[1])


def _find_declared(node: ast.Call) -> Iterator[Message]:
    """Help and metavars of options and arguments, lines of the list of commands."""
    for keyword in node.keywords:
        text = _constant(keyword.value)
        if keyword.arg in _SHOWN_KEYWORDS and text:
            yield text, None
        elif keyword.arg == "metavar" and text:
            yield from ((word, None) for word in re.findall(r"\b[A-Z]{2,}\b", text))
    if isinstance(node.func, ast.Name) and node.func.id == "Entry" and len(node.args) > 1:
        text = _constant(node.args[1])
        if text:
            yield text, None


def _declares_command(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("command", "group")


def _constant(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def catalogue_path(language: str) -> Path:
    """The text form of a catalogue; the compiled one lies beside it, with ``.mo``."""
    return Path(FOLDER) / language / "LC_MESSAGES" / "whisperdiar.po"


def read_catalogue(path: Path) -> dict[Message, list[str]]:
    """The translations in a PO file, each with its forms; the header has an empty text."""
    found: dict[Message, list[str]] = {}
    fields: dict[str, str] = {}
    field = ""

    def keep() -> None:
        if "msgid" in fields:
            forms = [text for name, text in sorted(fields.items()) if name.startswith("msgstr")]
            found[fields["msgid"], fields.get("msgid_plural")] = forms

    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in [*lines, ""]:
        match = re.match(r'(msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")$', line)
        if match:
            field = match[1]
            fields[field] = json.loads(match[2])
        elif line.startswith('"'):
            fields[field] += json.loads(line)
        elif not line:
            keep()
            fields = {}
    return found


def write_catalogue(path: Path, translations: dict[Message, list[str]], places: dict[Message, list[str]]) -> None:
    """The PO file of these translations, and the MO file beside it that gettext reads."""
    blocks = [f'msgid ""\nmsgstr {_quote(_HEADER)}\n']
    compiled = {"": _HEADER}
    for message in sorted(places, key=lambda item: (places[item][0], item[0])):
        one, many = message
        forms = translations.get(message, [])
        block = "".join(f"#: {place}\n" for place in places[message]) + f"msgid {_quote(one)}\n"
        if many is None:
            block += f"msgstr {_quote(forms[0] if forms else '')}\n"
        else:
            padded = [*forms, "", "", ""][:3]
            block += f"msgid_plural {_quote(many)}\n"
            block += "".join(f"msgstr[{number}] {_quote(form)}\n" for number, form in enumerate(padded))
        blocks.append(block)
        if forms and all(forms):
            compiled[one if many is None else f"{one}\0{many}"] = "\0".join(forms)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(blocks), encoding="utf-8")
    path.with_suffix(".mo").write_bytes(compile_catalogue(compiled))


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def compile_catalogue(translations: dict[str, str]) -> bytes:
    """The MO file of GNU gettext: a table of texts in order, one of translations, and the strings."""
    rows = sorted((text.encode(), made.encode()) for text, made in translations.items())
    n_head, n_rows = 28, len(rows)
    place = n_head + 16 * n_rows
    tables: list[bytes] = []
    strings = b""
    for column in (0, 1):
        for row in rows:
            tables.append(struct.pack("<II", len(row[column]), place + len(strings)))
            strings += row[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, n_rows, n_head, n_head + 8 * n_rows, 0, place)
    return head + b"".join(tables) + strings


def main() -> None:
    places = find_messages()
    for language in LANGUAGES:
        if language == "en":
            continue
        path = catalogue_path(language)
        translations = read_catalogue(path)
        missing = [item for item in places if not translations.get(item) or not all(translations[item])]
        if "--missing" in sys.argv[1:]:
            print("\n".join(json.dumps(item, ensure_ascii=False) for item in missing))
            continue
        write_catalogue(path, translations, places)
        print(f"{path}: {len(places)} messages, {len(missing)} without a translation")


if __name__ == "__main__":
    main()
