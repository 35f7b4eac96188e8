"""Messages in Russian: complete, with the same placeholders, in the language that the user asks for."""

from __future__ import annotations

import gettext
import importlib.util
import json
import os
import re
import string
import subprocess
import sys
import wave
from functools import cache
from pathlib import Path

import pytest

from tests.examples import by_night
from whisperdiar.text import messages

ROOT = Path(__file__).resolve().parents[2]
_CYRILLIC = re.compile("[А-яЁё]")


def _load_script():
    spec = importlib.util.spec_from_file_location("messages_script", ROOT / "scripts" / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _load_script()
CATALOGUE = SCRIPT.read_catalogue(SCRIPT.catalogue_path("ru"))


@cache
def found_messages():
    return SCRIPT.find_messages()


def _fields(text: str) -> set[str]:
    named = set() if "%(" in text else {name for _, name, _, _ in string.Formatter().parse(text) if name}
    return named | set(re.findall(r"%\((\w+)\)s", text))


def _may_parse(text: str) -> bool:
    try:
        _fields(text)
    except ValueError:
        return False
    return True


def test_every_message_is_translated():
    missing = [one for one, many in found_messages() if not CATALOGUE.get((one, many)) or not all(CATALOGUE[one, many])]
    assert not missing, f"translate these (python scripts/messages.py adds them to the catalogue): {missing}"


def test_no_message_is_left_from_before():
    assert set(CATALOGUE) - set(found_messages()) <= {("", None)}


def test_placeholders_agree():
    for (one, many), forms in CATALOGUE.items():
        if not one or not _may_parse(one) or '{"' in one:
            continue
        allowed = _fields(one) | (_fields(many) if many else set())
        for form in forms:
            if "click" in found_messages()[one, many]:
                assert _fields(form) <= allowed, one
            elif many is None:
                assert _fields(form) == allowed, one
            else:
                assert _fields(form) <= allowed, one


def test_both_files_of_the_catalogue_agree():
    compiled = gettext.translation(messages.DOMAIN, messages.FOLDER, languages=["ru"])
    for (one, many), forms in CATALOGUE.items():
        if many is None and one:
            assert compiled.gettext(one) == forms[0]
        elif many is not None:
            assert [compiled.ngettext(one, many, number) for number in (1, 2, 5)] == forms


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "параметр:"), (2, "параметра:"), (5, "параметров:"), (11, "параметров:"), (21, "параметр:")],
)
def test_plural_forms(number, word):
    messages.use("ru")
    try:
        text = messages.ngettext(
            "{hidden} more option: {path} --help-all", "{hidden} more options: {path} --help-all", number
        )
    finally:
        messages.use("en")
    assert word in text.split()


def _run(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    removed = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "WHISPERDIAR_UI_LANGUAGE", "PYTHONIOENCODING")
    environment = {key: value for key, value in os.environ.items() if key not in removed}
    return subprocess.run(
        [sys.executable, "-m", "whisperdiar", *arguments],
        env={**environment, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), "WHISPERDIAR_CONFIG": "", **variables},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("--help",), {"LC_ALL": "ru_RU.UTF-8"}),
        by_night(("check", "--help"), {"LANGUAGE": "ru:en"}),
        by_night(("help", "transcribe"), {"WHISPERDIAR_UI_LANGUAGE": "ru"}),
        by_night(("--ui-language", "ru", "models", "--help"), {"LC_ALL": "C"}),
        (("convert", "--ui-language=ru", "--help"), {"LC_ALL": "C"}),
    ],
)
def test_help_in_russian(arguments, variables):
    done = _run(*arguments, **variables)
    assert done.returncode == 0
    assert "Использование:" in done.stdout.decode()
    assert "Show" not in done.stdout.decode()


def test_a_default_that_is_a_phrase_is_translated_and_one_that_is_typed_is_not():
    shown = " ".join(_run("--ui-language", "ru", "help", "transcribe").stdout.decode().split())
    assert "[по умолчанию: любое число]" in shown
    assert "[по умолчанию: auto]" in shown


@pytest.mark.parametrize(
    "variables",
    [{"LC_ALL": "C"}, {"LANG": "de_DE.UTF-8"}, {}, {"LC_ALL": "ru_RU.UTF-8", "WHISPERDIAR_UI_LANGUAGE": "en"}],
)
def test_help_in_english(variables):
    assert not _CYRILLIC.search(_run("--help", **variables).stdout.decode())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("convrt",), "возможно, имелась в виду"),
        by_night(("check",), "Не указан аргумент"),
        (("check", "--max-lines", "x", "a.srt"), "Недопустимое значение"),
        by_night(("check", "--nonsense", "a.srt"), "Нет параметра"),
        (("plot", "--kind", "x", "a.json"), "не входит в число допустимых"),
    ],
)
def test_errors_in_russian(arguments, text):
    done = _run(*arguments, LC_ALL="ru_RU.UTF-8")
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert len(lines) == 1
    assert lines[0].startswith("whisperdiar: ошибка: ")
    assert text in lines[0]


def test_an_unknown_language_is_refused_in_one_line():
    done = _run("--help", "--ui-language", "xx")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == ["whisperdiar: error: --ui-language xx: choose one of en, ru"]


def test_a_terminal_without_cyrillic_gets_english():
    done = _run("check", "--ui-language", "ru", LC_ALL="ru_RU.UTF-8", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2
    assert b"Missing argument" in done.stderr


def test_the_configuration_names_the_language(tmp_path):
    (tmp_path / "whisperdiar.toml").write_text('ui_language = "ru"\n', encoding="utf-8")
    done = _run("check", "--help", WHISPERDIAR_CONFIG=str(tmp_path / "whisperdiar.toml"))
    assert "Использование:" in done.stdout.decode()
    done = _run("check", "missing.srt", WHISPERDIAR_CONFIG=str(tmp_path / "whisperdiar.toml"))
    assert b"ui" not in done.stderr


def test_a_run_speaks_russian_and_its_file_english(tmp_path):
    with wave.open(str(tmp_path / "whole.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16000 * 4))
    content = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    options = ("--model", str(ROOT / "samples" / "whisper-nano"), "--diarizer", "bic", "-o", str(tmp_path / "out.json"))
    done = _run(str(tmp_path / "cut.wav"), *options, LC_ALL="ru_RU.UTF-8")
    told = done.stderr.decode()
    assert "файл обрезан: прочитано только 2.0 из 4.0 с" in told
    assert "предупреждение: " in told
    assert "0 говорящих, 0 слов" in told
    warnings = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["provenance"]["warnings"]
    assert [bool(_CYRILLIC.search(text)) for text in warnings] == [False, False]
    assert "is cut off: only 2.0 of 4.0 seconds could be read" in warnings[0]
