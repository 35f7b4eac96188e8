"""The cache of stages behind a server: entries are those of the command line, and strangers' words are not kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import REQUEST, Running, cut_sample, running
from tests.sounds import NANO
from whisperdiar import Transcript
from whisperdiar.assembly import Request
from whisperdiar.cli import run
from whisperdiar.cli import serve as command
from whisperdiar.options import CacheOptions

OPTIONS = ("--vad", "energy", "--diarizer", "bic", "--device", "cpu", "--threads", "1", "--offline", *NANO)


@pytest.fixture(autouse=True)
def caching(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests have no cache."""
    monkeypatch.delenv("WHISPERDIAR_NO_CACHE", raising=False)


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    folder = tmp_path_factory.mktemp("cached")
    request = replace(REQUEST, cache=CacheOptions(folder=str(folder / "stages")))
    with running(folder / "server", request=request) as made:
        yield made, folder


def entries(folder: Path) -> set[str]:
    """Results of stages, without what is known of files."""
    found = {path.name for path in (folder / "stages" / "results").iterdir()}
    return {name for name in found if not name.startswith(("file-", "place-"))}


def test_what_the_command_line_computed_is_taken_and_another_number_of_speakers_is_quick(
    cached: tuple[Running, Path], tmp_path: Path
) -> None:
    server, folder = cached
    talk = cut_sample("standup.mp4", tmp_path / "talk.wav", 10.0)
    kept = ("--cache-dir", str(folder / "stages"), "-q", "-o", str(tmp_path / "talk.json"))
    assert run([str(talk), *OPTIONS, *kept]) == 0
    computed = entries(folder)
    assert {name.partition("-")[0] for name in computed} >= {"vad", "asr", "diarization", "join"}
    asked = server.send("/v1/audio/transcriptions", talk, name="other.wav", response_format="diarized_json")
    assert asked.status_code == 200, asked.text
    assert entries(folder) == computed
    by_command = Transcript.load(tmp_path / "talk.json")
    assert [row["text"] for row in asked.json()["segments"]] == [item.text for item in by_command.segments]
    streamed = server.send("/v1/audio/transcriptions", talk, stream="true")
    assert '"transcript.text.delta"' in streamed.text, "nobody is heard where all words are kept"
    one = server.send("/v1/audio/transcriptions", talk, response_format="diarized_json", num_speakers="1")
    assert {row["speaker"] for row in one.json()["segments"]} == {"A"}
    assert {name.partition("-")[0] for name in entries(folder) - computed} <= {"diarization", "join"}


def test_a_recording_that_is_too_long_is_refused_though_its_words_are_known(
    cached: tuple[Running, Path], tmp_path: Path
) -> None:
    server, folder = cached
    talk = cut_sample("standup.mp4", tmp_path / "talk.wav", 6.0)
    assert server.send("/v1/audio/transcriptions", talk).status_code == 200
    computed = entries(folder)
    request = replace(REQUEST, cache=CacheOptions(folder=str(folder / "stages")))
    with running(tmp_path / "server", request=request, max_hours=0.001) as strict:
        refused = strict.send("/v1/audio/transcriptions", talk)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_file")
    assert entries(folder) == computed


def test_a_cache_that_cannot_be_written_is_told_in_the_log_and_costs_nothing(tmp_path: Path, talk: Path) -> None:
    (tmp_path / "stages").write_text("a file, and no folder")
    request = replace(REQUEST, cache=CacheOptions(folder=str(tmp_path / "stages")))
    with running(tmp_path / "server", request=request) as server:
        assert server.send("/v1/audio/transcriptions", talk).status_code == 200
        told = [line for line in server.log.lines if '"event": "warning"' in line]
        assert len(told) == 1
        assert "the cache is not written" in told[0]


@pytest.mark.parametrize(
    ("tokens", "options", "is_kept"),
    [
        ("", (), True),
        ("", ("--no-cache",), False),
        ("word", (), False),
        ("word", ("--cache-dir", "kept"), True),
        ("word", ("--host", "0.0.0.0"), False),
    ],
)
def test_what_others_say_is_kept_only_where_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    tokens: str,
    options: tuple[str, ...],
    is_kept: bool,
) -> None:
    found: list[Request] = []

    def serve(engine: Any, **_more: Any) -> None:
        found.extend(slot._settings.request for slot in engine.workers._slots)
        engine.close()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("whisperdiar.serving.serve", serve)
    monkeypatch.setenv(command.TOKEN, tokens)
    assert run(["serve", "--folder", str(tmp_path / "server"), *OPTIONS, *options]) == 0
    assert [item.cache is not None for item in found] == [is_kept]
    told = [line for line in capfd.readouterr().err.splitlines() if "cache: " in line]
    assert len(told) == (0 if "--no-cache" in options else 1)
    assert all(bool(re.search("stay in", line)) is is_kept for line in told)
