"""Documents from the command line: chosen by suffix and template, and told of before the work what they lack."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import whisperdiar
from tests.cli.conftest import Cli
from tests.formats_strategies import DOCUMENTS, example, need_packages
from tests.meetings import meeting
from whisperdiar.formats import WriteOptions, by_name
from whisperdiar.options import TEMPLATES


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_command_line_writes_documents_by_their_suffix(cli: Cli, tmp_path: Path, name: str) -> None:
    need_packages(name)
    replace(meeting(), recording_id="talk").save(tmp_path / "talk.json")
    for template in TEMPLATES:
        done = cli("convert", "talk.json", f"{template}.{name}", "--template", template)
        assert done.code == 0, done.err
        talk = whisperdiar.read(tmp_path / "talk.json")
        wanted = by_name(name).dumps(talk, options=WriteOptions(template=template))
        assert (tmp_path / f"{template}.{name}").read_bytes() == wanted
    assert (tmp_path / f"plain.{name}").read_bytes() != (tmp_path / f"legal.{name}").read_bytes()
    assert cli("convert", "talk.json", "-f", name, "-o", "all/").code == 0
    assert (tmp_path / "all" / f"talk.{name}").read_bytes() == (tmp_path / f"plain.{name}").read_bytes()


def test_a_template_that_nothing_uses_is_refused(cli: Cli, tmp_path: Path) -> None:
    example().save(tmp_path / "talk.json")
    done = cli("convert", "talk.json", "out.srt", "--template", "legal")
    assert done.code == 2
    assert done.complaints == [
        "whisperdiar: error: --template: it is for documents; add an output such as -o out.docx, or leave it out"
    ]


@pytest.mark.parametrize("command", [("convert", "talk.json", "out.pdf"), ("minutes", "talk.json", "-o", "out.pdf")])
def test_characters_without_a_font_are_told_once_where_a_pdf_is_written(
    cli: Cli, tmp_path: Path, command: tuple[str, ...]
) -> None:
    need_packages("pdf")
    example(" \U0001fbfe", speaker="Ann \U0001fbfe").save(tmp_path / "talk.json")
    done = cli(*command)
    assert done.code == 0
    (told,) = [line for line in done.err.splitlines() if "no installed font has" in line]
    assert told.startswith("whisperdiar: warning: out.pdf: ")


@pytest.mark.parametrize(("name", "module"), [("docx", "docx"), ("pdf", "fpdf")])
def test_a_package_that_lacks_is_told_before_the_recording_is_looked_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    need_packages(name)
    monkeypatch.setitem(sys.modules, module, None)
    done = cli("absent.wav", "--model", "someone/absent", "--offline", "-o", f"out.{name}")
    assert 'run: pip install "whisperdiar[documents]"' in done.complaints[0]
    assert done.code == 1
