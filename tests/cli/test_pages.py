"""Pages and plots from the command line: what is linked, what is embedded, what is refused."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats_strategies import example
from tests.sounds import SAMPLES
from whisperdiar import Segment, Span, Transcript, Word, exchange
from whisperdiar.formats import WriteOptions
from whisperdiar.formats import json as transcript_json
from whisperdiar.linked_media import relative_url

RECORDING = SAMPLES / "standup.mp4"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "talk.json"
    path.write_text(transcript_json.dumps(example(), options=WriteOptions()), encoding="utf-8")
    return path


def data_of(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_recording_is_linked_from_where_the_page_lies(cli, source, tmp_path):
    (tmp_path / "pages").mkdir()
    assert cli("convert", source, tmp_path / "pages" / "out.html", "--media", RECORDING).code == 0
    media = data_of(tmp_path / "pages" / "out.html")["media"]
    assert (tmp_path / "pages" / unquote(media["src"])).resolve() == RECORDING.resolve()
    assert (media["type"], media["embedded"]) == ("video/mp4", False)


def test_a_recording_is_embedded_whole(cli, source, tmp_path):
    page = tmp_path / "out.html"
    assert cli("convert", source, page, "--media", RECORDING, "--embed-media").code == 0
    found = re.search(r'id="embedded">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    assert base64.b64decode(found[1]) == RECORDING.read_bytes()


def test_without_a_recording_nothing_is_linked(cli, source, tmp_path):
    assert cli("convert", source, tmp_path / "out.html").code == 0
    assert data_of(tmp_path / "out.html")["media"] is None


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["out.srt", "--media", RECORDING], "for a page"),
        (["out.html", "--embed-media"], "say which recording"),
        (["out.html", "--media", "missing.mp4"], "no such file"),
        (["out.html", "--media", "out.html"], "this is the input itself"),
    ],
)
def test_what_cannot_be_meant_is_refused(cli, source, arguments, cause):
    done = cli("convert", source, *arguments)
    assert done.code in (1, 2)
    assert cause in done.err
    assert not Path("out.html").exists()
    assert not Path("out.srt").exists()


def test_embedding_without_a_page_is_refused_before_the_work(cli):
    done = cli(RECORDING, "-o", "out.srt", "--embed-media")
    assert done.code in (1, 2)
    assert "it is for pages" in done.err


def test_a_recording_that_no_page_can_hold_is_refused(cli, source, tmp_path):
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as stream:
        stream.truncate(201_000_000)  # a hole: no byte of it is on the disk
    done = cli("convert", source, "out.html", "--media", huge, "--embed-media")
    assert done.code in (1, 2)
    assert "leave --embed-media out" in done.err
    assert cli("convert", source, "out.html", "--media", huge).code == 0


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(names, min_size=1, max_size=3), st.lists(names, max_size=2))
def test_a_link_leads_to_the_recording(way, folder):
    recording, page = Path("/root folder", *way), Path("/root folder", *folder, "out.html")
    url = relative_url(recording, page)
    assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", url), "no character that a browser reads as more than a name"
    assert not url.startswith("/")
    assert os.path.normpath(page.parent / unquote(url)) == os.path.normpath(recording)


def test_a_link_keeps_the_names_of_what_lies_below(tmp_path):
    (tmp_path / "disk" / "talks").mkdir(parents=True)
    (tmp_path / "show").mkdir()
    recording = tmp_path / "disk" / "talks" / "a.wav"
    recording.touch()
    (tmp_path / "show" / "sound").symlink_to(tmp_path / "disk" / "talks")
    (tmp_path / "show" / "own.wav").symlink_to(recording)
    (tmp_path / "again").symlink_to(tmp_path / "show")
    assert relative_url(tmp_path / "show" / "sound" / "a.wav", tmp_path / "show" / "out.html") == "sound/a.wav"
    assert relative_url(tmp_path / "show" / "own.wav", tmp_path / "again" / "out.html") == "./own.wav"
    assert relative_url(recording, tmp_path / "show" / "out.html") == "../disk/talks/a.wav"
    assert relative_url(recording, tmp_path / "show" / "sound" / "out.html") == "./a.wav"
    up = tmp_path / "show" / "sound" / ".." / "talks" / "a.wav"
    assert relative_url(up, tmp_path / "show" / "out.html") == "../disk/talks/a.wav"


def test_no_page_shows_where_a_home_folder_is(cli, tmp_path, monkeypatch):
    home = tmp_path / "home" / "anneliese"
    (home / "talks").mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    recording = home / "talks" / "a talk.wav"
    shutil.copy(RECORDING, recording)
    transcript = Transcript("a talk", 3.0, "en", segments=(Segment((Word(Span(0, 1), " Hello.", 0.9, None),), None),))
    exchange.write(transcript, tmp_path / "in.json")
    done = cli("convert", "in.json", "sent.html", "-o", "sent.eaf", "--media", recording)
    assert done.code == 0, done.err
    assert "anneliese" not in Path("sent.html").read_text("utf-8")
    assert data_of(Path("sent.html"))["media"]["src"] == "./a%20talk.wav"
    (told,) = [line for line in done.err.splitlines() if "put a talk.wav beside the page" in line]
    assert "sent.html" in told
    monkeypatch.chdir(home)
    done = cli("convert", tmp_path / "in.json", "own.html", "--media", recording)
    assert data_of(Path("own.html"))["media"]["src"] == "talks/a%20talk.wav"
    assert done.err == ""


def test_a_recording_becomes_a_page_that_plays_it(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))  # a developer's own may hold the samples
    done = cli(
        RECORDING, "-o", "out.html", "-o", "out.json", "--model", SAMPLES / "whisper-nano", "--diarizer", "bic",
        "--vad", "energy", "--end", "12",
    )  # fmt: skip
    assert done.code == 0, done.err
    data = data_of(Path("out.html"))
    written = transcript_json.loads(Path("out.json").read_text("utf-8"))
    assert Path(unquote(data["media"]["src"])).resolve() == RECORDING.resolve()
    assert data["words"]["text"] == [word.text for word in written.words]


@pytest.mark.parametrize("kind", ["timeline", "talk", "answers", "all"])
def test_plots_are_written_by_their_suffix(cli, source, kind):
    assert cli("plot", source, "-o", "out.svg", "--kind", kind).code == 0
    assert Path("out.svg").read_text("utf-8").startswith("<svg")
    assert cli("plot", source, "--kind", kind).out == Path("out.svg").read_text("utf-8")


def test_a_plot_of_turns_alone(cli, source):
    assert cli("convert", source, "out.rttm").code == 0
    assert "SPEAKER_00" in cli("plot", "out.rttm").out


def test_another_suffix_is_refused(cli, source):
    done = cli("plot", source, "-o", "out.jpg")
    assert done.code == 2
    assert ".svg or .png" in done.err
