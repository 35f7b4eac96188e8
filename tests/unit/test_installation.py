"""What is said of an installation."""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from whisperdiar.frameworks.installation import import_failures, is_installed, readiness
from whisperdiar.models.recognisers import find_name
from whisperdiar.registry import STAGES, available, load

BROKEN = {
    "raises": ("raise OSError('libtorch.so: undefined symbol')", "OSError: libtorch.so: undefined symbol"),
    "exits": ("raise SystemExit(3)", "exit code 3"),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
    "lacks": ("import no_such_dependency", "no_such_dependency"),
}


@pytest.mark.parametrize(("name", "text", "said"), [(name, *rest) for name, rest in BROKEN.items()], ids=BROKEN)
def test_why_a_library_cannot_be_imported_is_found_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    (tmp_path / f"library_that_{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = dict(import_failures(["json", f"library_that_{name}", "csv"]))
    failure = found.pop(f"library_that_{name}")
    assert failure is not None
    assert said in failure
    assert "\n" not in failure
    assert found == {"json": None, "csv": None}, "those before and after it are told for themselves"


def test_libraries_that_work_have_no_failure_and_share_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "processes.txt"
    for name in ("first", "second"):
        text = f"import os\nprint('whisperdiar is told this')\nopen({str(log)!r}, 'a').write(f'{{os.getpid()}}\\n')"
        (tmp_path / f"library_{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert dict(import_failures(["library_first", "library_second"])) == {"library_first": None, "library_second": None}
    first, second = log.read_text("utf-8").splitlines()
    assert first == second


def test_a_library_that_fails_after_another_alone_is_judged_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import sys\nassert 'csv' not in sys.modules"
    (tmp_path / "library_of_its_own.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert dict(import_failures(["csv", "library_of_its_own"])) == {"csv": None, "library_of_its_own": None}


def test_a_namespace_alone_is_no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other packages lie in ``pyannote`` as well."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shared_namespace" / "core").mkdir(parents=True)
    (tmp_path / "shared_namespace" / "core" / "__init__.py").touch()
    assert is_installed("shared_namespace.core")
    assert not is_installed("shared_namespace.audio")
    assert not is_installed("no_such_namespace.audio")


def test_every_backend_is_ready_or_says_what_makes_it_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    for stage in STAGES:
        for name in available(stage):
            found = readiness(stage, load(stage, name))
            if found.state == "ready" or getattr(load(stage, name), "runs_programs", False):
                assert found.remedy is None  # no command brings programs of the user's own: the text says what to do
            else:
                assert found.remedy is not None
                words = found.remedy.split()
                if words[0] == "whisperdiar":
                    assert words[:3] == ["whisperdiar", "models", "download"]
                    named = words[3] == "small" or find_name(words[3]) is not None
                    assert named or load(stage, words[3]).info.repositories, "there is something to fetch"
                else:
                    assert words[:2] == ["pip", "install"]
    assert readiness("asr", load("asr", "whisper")).state == "model missing"
    assert readiness("vad", load("vad", "silero")).state == "ready"


ROOT = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def applies(requirement: Requirement, python: str, extra: str | None) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": extra or ""}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pinned(name: str) -> dict[str, list[Requirement]]:
    """What a lock file holds: a package may stand there once for each Python."""
    found: dict[str, list[Requirement]] = defaultdict(list)
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)].append(requirement)
    return found


@pytest.mark.parametrize(
    ("name", "extras"), [("requirements.lock", None), ("requirements.minimum", {"plot", "minutes"})]
)
def test_the_locks_hold_what_the_ranges_allow(name: str, extras: set[str] | None) -> None:
    """After a change of pyproject.toml: python scripts/lock.py renew."""
    locked = pinned(name)
    for line in requires("whisperdiar") or ():
        wanted = Requirement(line)
        if canonicalize_name(wanted.name) == "whisperdiar":
            continue
        extra = next((part.partition('"')[0] for part in line.replace("'", '"').split('extra == "')[1:]), None)
        if extras is not None and extra is not None and extra not in extras:
            continue
        items = locked[canonicalize_name(wanted.name)]
        assert items, f"{wanted.name} is not in {name}"
        for item in items:
            (version,) = [part.version for part in item.specifier]
            if any(applies(item, python, extra) and applies(wanted, python, extra) for python in PYTHONS):
                assert wanted.specifier.contains(Version(version), prereleases=True), f"{item}, not {wanted}"


def test_the_minimum_is_the_lower_end_of_every_range() -> None:
    locked = pinned("requirements.minimum")
    for line in requires("whisperdiar") or ():
        wanted = Requirement(line)
        low = [Version(part.version) for part in wanted.specifier if part.operator == ">="]
        if wanted.marker is None and low:
            pins = locked[canonicalize_name(wanted.name)]
            found = min(Version(part.version) for item in pins for part in item.specifier)
            assert found.release[: len(low[0].release)] == low[0].release, f"{wanted}: {found} was tested"
