"""Where the files of a model come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisperdiar.errors import ModelUnavailable
from whisperdiar.models.sources import Source
from whisperdiar.options import Runtime

OFFLINE = Runtime(offline=True)
PINNED = {"owner/name": "a" * 40}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--owner--name" / "snapshots"


def test_a_name_means_its_pinned_revision_unless_another_is_given() -> None:
    assert Source.of("owner/name", OFFLINE, revisions=PINNED).revision == "a" * 40
    assert Source.of("owner/name@v2", OFFLINE, revisions=PINNED) == Source("owner/name", "v2", OFFLINE)
    assert Source.of("owner/other", OFFLINE, revisions=PINNED).revision is None
    assert str(Source.of("owner/name@v2", OFFLINE)) == "owner/name@v2"


def test_a_folder_that_exists_comes_before_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source.of("owner/name", OFFLINE).path is None
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "weights").touch()
    assert Source.of("owner/name", OFFLINE).file("weights") == tmp_path / "owner" / "name" / "weights"


@pytest.mark.parametrize("named", ["./model", "/no/such/model", "~/no-such-model", "model", "a/b/c"])
def test_what_cannot_be_a_repository_is_a_path(named: str) -> None:
    source = Source.of(named, OFFLINE)
    assert source.path is not None
    with pytest.raises(ModelUnavailable, match="no such file or folder"):
        source.file("weights")


def test_a_folder_without_the_file_says_which(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(ModelUnavailable, match="holds no weights and no norm;"):
        Source.of(str(tmp_path), OFFLINE).folder(["weights", "there", "norm"])


def test_the_cache_serves_the_pinned_revision_first(cache: Path) -> None:
    for revision in ("a" * 40, "b" * 40):
        (cache / revision).mkdir(parents=True)
        (cache / revision / "weights").write_text(revision)
    found = Source.of("owner/name", OFFLINE, revisions=PINNED).file("weights")
    assert found.read_text() == "a" * 40


def test_without_a_connection_another_revision_in_the_cache_will_do(cache: Path) -> None:
    (cache / ("b" * 40)).mkdir(parents=True)
    (cache / ("b" * 40) / "weights").touch()
    assert Source.of("owner/name", OFFLINE, revisions=PINNED).file("weights").parent.name == "b" * 40


@pytest.mark.usefixtures("cache")
def test_what_is_nowhere_names_the_repository() -> None:
    with pytest.raises(ModelUnavailable, match="owner/name is not on this machine"):
        Source.of("owner/name", OFFLINE, revisions=PINNED).file("weights")
