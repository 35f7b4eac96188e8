"""What a newcomer meets first: links between pages, the site, the map of the package, the snippets and examples."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounds import ROOT
from whisperdiar import Segment, Span, Transcript, Word
from whisperdiar.formats import by_name, read_cues

PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.md"),
        *(found for name in ("docs", "samples", "training") for found in (ROOT / name).rglob("*.md")),
    )
)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings as GitHub makes them; those of the site are checked when it is built."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {f"{anchor}-{n}" if n else anchor for anchor, last in found.items() for n in range(last + 1)}


def identify(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target, anchor in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        path = page.parent / target if target else page
        assert path.exists(), f"{identify(page)} links to {target}, which does not exist"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{identify(page)} links to {target}#{anchor}; there is no such heading"


def test_anchors_are_made_as_on_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What it *does*, now\n## A `b_c`: d\n## Twice\n## Twice\n```\n# no heading\n```\n## [In](x.md) a link\n"
    )
    assert anchors(page) == {"what-it-does-now", "a-b_c-d", "twice", "twice-1", "in-a-link"}


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    listed = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    pages = {identify(page).replace("\\", "/") for page in PAGES if page.parent == ROOT or "docs" in page.parts}
    assert sorted(listed) == sorted(pages)


def build(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "build_site.py")]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    """A repository with one page of documentation, one module and our way to build a site."""
    for name in ("scripts/build_site.py", "mkdocs.yml", "docs/site.css"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    configuration = (tmp_path / "mkdocs.yml").read_text("utf-8")
    (tmp_path / "mkdocs.yml").write_text(configuration.partition("nav:")[0] + "nav:\n  - Start:\n      - README.md\n")
    (tmp_path / "whisperdiar").mkdir()
    (tmp_path / "whisperdiar" / "__init__.py").write_text(
        '"""A package."""\n\n__all__ = ["go"]\n\n\ndef go() -> None:\n    """Go."""\n'
    )
    (tmp_path / "README.md").write_text("# Start\n\n## Go\n\n::: whisperdiar\n")
    return tmp_path


def test_the_site_has_the_docstrings(small_site: Path) -> None:
    pytest.importorskip("zensical", reason="Zensical, which builds the site, is not installed")
    done = build(small_site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'id="whisperdiar.go"' in (small_site / "build" / "site" / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[a](other.md)", "README.md links to other.md"),
        ("[a](data.json)", "README.md links to data.json"),
        ("![a](picture.png)", "README.md links to picture.png"),
        ("[a](#nowhere)", "anchor does not exist"),
        ("[a][whisperdiar.nothing]", "whisperdiar.nothing"),
    ],
)
def test_a_broken_link_is_an_error_of_the_site(line: str, complaint: str, small_site: Path) -> None:
    pytest.importorskip("zensical", reason="Zensical, which builds the site, is not installed")
    with (small_site / "README.md").open("a") as page:
        page.write(f"\n{line}\n")
    done = build(small_site)
    assert done.returncode != 0
    assert complaint in re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)


def test_a_public_name_without_a_place_in_the_reference_is_an_error_of_the_site(small_site: Path) -> None:
    pytest.importorskip("zensical", reason="Zensical, which builds the site, is not installed")
    module = small_site / "whisperdiar" / "__init__.py"
    module.write_text(module.read_text().replace('["go"]', '["go", "stop"]'))
    done = build(small_site)
    assert done.returncode != 0
    assert "stop" in done.stderr


PACKAGE = ROOT / "whisperdiar"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAP = CONTRIBUTING.partition("## The map of the house")[2].partition("## ")[0]


def test_the_map_of_the_house_names_what_there_is() -> None:
    if not (PACKAGE / "frameworks").is_dir():
        pytest.skip("the map is that of a later layout of the package")
    first_column = [row.split("|")[1] for row in MAP.splitlines() if row.startswith("| `")]
    named = {name for cell in first_column for name in re.findall(r"`([^`]+)`", cell)}
    assert not [name for name in named if not (PACKAGE / name).exists()]
    folders = {f"{item.name}/" for item in PACKAGE.iterdir() if item.is_dir() and item.name != "__pycache__"}
    assert folders == {name for name in named if name.endswith("/")}


def test_the_folders_beside_the_package_are_those_of_the_map() -> None:
    beside = re.findall(r"`(\w+/)`", MAP.partition("Beside the package:")[2].partition("\n\n")[0])
    assert len(beside) >= 6
    assert not [name for name in beside if not (ROOT / name).is_dir()]


def test_what_is_left_to_the_night_runs_there() -> None:
    workflow = (ROOT / ".github" / "workflows" / "nightly.yml").read_text("utf-8")
    commands = re.findall(r"-m pytest .*", workflow)
    assert any("tests/" not in command for command in commands), "the whole suite, with every extra"
    assert all("--nightly" in command for command in commands)


def snippets() -> dict[str, str]:
    """Path below the repository → code, of every Python block of CONTRIBUTING; the path stands in the line before."""
    found = re.findall(r"`(whisperdiar/[\w/]+\.py)`:\n\n```python\n(.*?)^```", CONTRIBUTING, re.MULTILINE | re.DOTALL)
    assert len(found) == CONTRIBUTING.count("```python")
    return dict(found)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package to which a newcomer has added the files of CONTRIBUTING."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(PACKAGE, folder / "whisperdiar", ignore=shutil.ignore_patterns("__pycache__"))
    for path, code in snippets().items():
        assert not (ROOT / path).exists()
        (folder / path).write_text(code, "utf-8")
    return folder


def run_extended(folder: Path, *arguments: object) -> str:
    """What a program of the extended package prints; it has to end well."""
    command = [sys.executable, *map(str, arguments)]
    paths = {**os.environ, "PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=paths, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_format_of_contributing_is_one_file(extended: Path, tmp_path: Path) -> None:
    script = tmp_path / "meeting.dialogue"
    run_extended(extended, "-m", "whisperdiar", "convert", ROOT / "tests/golden/meeting.json", script)
    assert re.search(r"^[^a-z]+: \S.*[a-z]", script.read_text("utf-8"), re.MULTILINE)


def test_the_diarizer_of_contributing_is_one_file(extended: Path, tmp_path: Path) -> None:
    turns = tmp_path / "call.rttm"
    recording = ROOT / "samples" / "call.flac"
    run_extended(
        extended, "-m", "whisperdiar", "diarize", recording, "--end", "20", "--vad", "energy", "--diarizer", "loudness",
        "--diarizer-option", "border=3", "-o", turns,
    )  # fmt: skip
    assert {line.split()[7] for line in turns.read_text("utf-8").splitlines()} == {"SPEAKER_00", "SPEAKER_01"}


@pytest.mark.parametrize(
    ("tests", "name"), [("tests/unit/test_formats.py", "dialogue"), ("tests/contracts/test_backends.py", "loudness")]
)
def test_what_contributing_adds_passes_the_tests_that_find_it(tests: str, name: str, extended: Path) -> None:
    # The copy is imported first: pytest puts the repository before it.
    code = "import sys, whisperdiar.formats, whisperdiar.registry, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    printed = run_extended(
        extended, "-c", code, ROOT / tests, "-k", name, "-q", "-p", "no:cacheprovider", "-p", "no:xdist"
    )
    passed = re.search(r"(\d+) passed", printed)
    assert passed
    assert int(passed[1]) >= 3


def run_example(name: str, *arguments: object, code: int = 0) -> str:
    """What an example prints."""
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    paths = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=paths, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


REFERENCE = ROOT / "samples" / "reference"
OFFLINE = ("--model", ROOT / "samples" / "whisper-nano", "--diarizer", "bic")


def test_every_example_is_run_by_a_test_and_says_how_it_is_used() -> None:
    source = Path(__file__).read_text("utf-8")
    examples = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
    assert len(examples) >= 5
    for name in examples:
        # The adapter needs a package of its own: tests/models/test_openbench.py imports it.
        assert name == "openbench_pipeline.py" or f'run_example("{name}"' in source
        assert f"python examples/{name}" in (
            ast.get_docstring(ast.parse((ROOT / "examples" / name).read_text("utf-8"))) or ""
        )


@pytest.mark.model
def test_the_example_of_one_file(tmp_path: Path) -> None:
    subtitles = tmp_path / "call.srt"
    printed = run_example("transcribe_file.py", ROOT / "samples" / "call.flac", subtitles, *OFFLINE, "--speakers", 2)
    assert "SPEAKER_00: " in printed
    assert "SPEAKER_01: " in printed
    cues = read_cues(subtitles, subtitles.read_text("utf-8"))
    assert {cue.speaker for cue in cues} == {"SPEAKER_00", "SPEAKER_01"}


@pytest.mark.model
def test_the_example_of_many_files_goes_on_after_one_that_fails(tmp_path: Path) -> None:
    good = ROOT / "samples" / "standup.mp4"
    printed = run_example("transcribe_folder.py", tmp_path / "out", tmp_path / "no.wav", good, *OFFLINE, code=1)
    assert printed.count("words") == 1
    (written,) = (tmp_path / "out").iterdir()
    transcript = by_name("json").read(written.read_text("utf-8"))
    assert len(transcript.words) > 200
    assert len(transcript.speakers) == 3


def test_the_example_of_joining_gives_the_words_the_speakers_of_the_reference(tmp_path: Path) -> None:
    words = REFERENCE / "standup.words.tsv"
    joined = tmp_path / "joined.json"
    run_example("join_words_and_turns.py", words, REFERENCE / "standup.rttm", joined)
    spoken = [line.split("\t") for line in words.read_text("utf-8").splitlines()[1:]]
    found = by_name("json").read(joined.read_text("utf-8")).words
    assert [word.text.strip() for word in found] == [fields[3] for fields in spoken]
    right = sum(word.speaker == fields[2] for word, fields in zip(found, spoken, strict=True))
    assert right >= 0.98 * len(spoken)


def test_the_example_of_correcting_keeps_the_times_of_words_that_stay(tmp_path: Path) -> None:
    transcript, text, new = tmp_path / "talk.json", tmp_path / "talk.md", tmp_path / "new.json"
    words = tuple(
        Word(Span(0.5 * n, 0.5 * n + 0.4), f" {word}") for n, word in enumerate(["we", "met", "on", "Mondey"])
    )
    spoken = Transcript("talk", 30.0, language="en", segments=(Segment(words, None),))
    transcript.write_text(json.dumps(spoken.to_dict()), "utf-8")
    assert "correct" in run_example("correct_transcript.py", transcript, text)
    text.write_text(text.read_text("utf-8").replace("Mondey", "Monday"), "utf-8")
    told = run_example("correct_transcript.py", transcript, text, new, tmp_path / "new.srt")
    assert told.strip() == "1 word corrected"
    found = by_name("json").read(new.read_text("utf-8")).words
    assert [word.text for word in found] == [" we", " met", " on", " Monday"]
    assert [word.span for word in found] == [word.span for word in words]
    assert "Monday" in (tmp_path / "new.srt").read_text("utf-8")


def test_the_example_of_rules_finds_what_they_break(tmp_path: Path) -> None:
    transcript, subtitles = tmp_path / "fast.json", tmp_path / "fast.srt"
    words = tuple(Word(Span(0.1 * n, 0.1 * (n + 1)), " unpronounceable") for n in range(9))
    slow = tuple(Word(Span(20.0 + n, 20.5 + n), " slowly") for n in range(3))
    spoken = Transcript("fast", 30.0, language="en", segments=(Segment(words, None), Segment(slow, None)))
    transcript.write_text(json.dumps(spoken.to_dict()), "utf-8")
    told = run_example("subtitles_by_rules.py", transcript, subtitles, "--max-lines", 1)
    cues = read_cues(subtitles, subtitles.read_text("utf-8"), labels=False)
    assert told.startswith(f"{len(cues)} cues, ")
    assert all(len(cue.lines) == 1 for cue in cues)
    broken = re.findall(r"^cue \d+ at ([\d.]+) s: ([\w-]+) ", told, re.MULTILINE)
    assert "reading-speed" in {rule for _, rule in broken}
    assert all(float(start) < 20 for start, _ in broken)


def test_the_example_of_figures_adds_up() -> None:
    told = run_example("speaker_statistics.py", REFERENCE / "call.rttm", REFERENCE / "standup.rttm")
    rows = list(csv.DictReader(told.splitlines()))
    for recording, people in (("call", 2), ("standup", 3)):
        shares = [float(row["share"]) for row in rows if row["recording"] == recording]
        assert len(shares) == people
        assert sum(shares) == pytest.approx(1.0, abs=0.002)
