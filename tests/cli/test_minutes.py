"""`whisperdiar minutes` from end to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import Cli, needs_posix
from tests.llm_server import serving
from tests.meetings import meeting, russian
from tests.sounds import NANO
from whisperdiar.formats import by_name
from whisperdiar.formats import json as json_format
from whisperdiar.minutes.units import utterances
from whisperdiar.options import WriteOptions
from whisperdiar.transcript import Speaker, Transcript


def kept(path: Path, transcript: Transcript) -> Path:
    path.write_text(str(by_name("json").dumps(transcript, options=WriteOptions())), encoding="utf-8")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return kept(tmp_path / "lamp.json", meeting())


def test_markdown_goes_to_standard_output(cli: Cli, source: Path) -> None:
    done = cli("minutes", source)
    assert done.code == 0
    assert done.out.startswith("# Minutes: lamp meeting\n")
    for heading in ("Participants", "Decisions", "Action items", "Open questions", "What was talked about"):
        assert f"\n## {heading}\n" in done.out
    assert done.err == ""


def test_a_record_whose_people_have_no_names_says_how_to_name_them(cli: Cli, tmp_path: Path) -> None:
    talk = meeting()
    nameless = replace(talk, speakers=tuple(Speaker(item.id, item.id) for item in talk.speakers))
    source = kept(tmp_path / "lamp.json", nameless)
    done = cli("minutes", source, "--style", "protocol")
    note = f"3 speakers have no names; name them: whisperdiar rename IN {talk.speakers[0].id}=NAME …"
    assert done.err == f"whisperdiar: note: {note}\n"
    assert done.out.startswith("#")
    assert cli("minutes", source).err == ""


def test_every_format_of_one_run(cli: Cli, source: Path, tmp_path: Path) -> None:
    pytest.importorskip("docx", reason="python-docx is not installed (extra minutes)")
    outputs = [tmp_path / f"m.{suffix}" for suffix in ("md", "html", "docx", "json")]
    done = cli("minutes", source, *(word for path in outputs for word in ("-o", path)), "--media", tmp_path / "a b.mp4")
    assert (done.code, done.err) == (0, "")
    assert "(<a%20b.mp4#t=" in outputs[0].read_text("utf-8")
    assert 'href="a%20b.mp4#t=' in outputs[1].read_text("utf-8")
    assert outputs[2].read_bytes()[:2] == b"PK"
    data = json.loads(outputs[3].read_text("utf-8"))
    assert data["decisions"][0]["evidence"][0]["name"] == "Anna"
    assert [item["name"] for item in data["participants"]] == ["Anna", "Boris", "Clara Schmidt"]


def test_length_date_language_and_template_are_used(cli: Cli, source: Path, tmp_path: Path) -> None:
    def words(*options: object) -> int:
        data = json.loads(cli("minutes", source, "-f", "json", *options).out)
        return sum(len(quote["text"].split()) for item in data["summary"] for quote in item["evidence"])

    assert words("--length", 15) < words() < words("--length", 90)
    dated = json.loads(cli("minutes", source, "-f", "json", "--date", "2026-11-25").out)
    assert "2026-12-04" in [item["due_date"] for item in dated["actions"]]
    assert "## Решения" in cli("minutes", source, "--template", "ru").out
    assert "## Решения" in cli("minutes", kept(tmp_path / "ru.json", russian())).out
    assert "neutral" not in cli("minutes", source, "--language", "ja").out
    assert "no cue phrases are known for Japanese" in cli("minutes", source, "--language", "ja").err


def test_a_recording_is_transcribed_first(cli: Cli, short: Path, tmp_path: Path) -> None:
    out, words = tmp_path / "m.md", tmp_path / "t.json"
    done = cli("minutes", short, *NANO, "--diarizer", "bic", "-o", out, "--transcript", words, "-q")
    assert done.code == 0
    assert "#t=" in out.read_text("utf-8")
    assert json.loads(words.read_text("utf-8"))["schema_version"] == 1
    again = cli("minutes", words)
    assert again.code == 0
    assert "Speaker " in again.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "m.txt"), ".docx"),
        (("-o", "lamp.json"), "the input itself"),
        (("-o", "a.md", "-o", "./a.md"), "given twice"),
        (("--date", "tomorrow"), "YYYY-MM-DD"),
        (("--media", "javascript:alert(1)"), "https://"),
        (("--template", "klingon"), "de, en, es, fr, ru, uk"),
        (("--llm", "localhost:11434"), "http://localhost:11434/v1"),
        (("--llm", "http://me:pw@x.org"), "WHISPERDIAR_LLM_KEY"),
        (("--llm-model", "x"), "--llm"),
        (("--llm", "https://x.org", "--offline"), "leave --offline out"),
        (("--transcript", "x.json"), "a transcript already"),
        (("--speakers", "2"), "--speakers: it is for recordings"),
        (("--preset", "call"), "--preset: it is for recordings"),
        (("--llm-window", "90"), "--llm"),
        (("--llm", "http://localhost", "--llm-timeout", "0"), "above zero"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(
    cli: Cli, source: Path, options: tuple[str, ...], message: str
) -> None:
    done = cli("minutes", source, *options)
    assert done.code == 2
    assert message in done.complaints[0]
    assert len(done.err.splitlines()) == 1
    assert "pw@" not in done.err


def test_transcripts_of_other_programs_are_read(cli: Cli, source: Path, tmp_path: Path) -> None:
    subtitles, other = tmp_path / "old.srt", tmp_path / "whisperx.json"
    assert cli("convert", source, subtitles).code == 0
    assert cli("convert", source, "-f", "whisperx-json", "-o", other).code == 0
    for done in (cli("minutes", subtitles), cli("minutes", other, "--from", "whisperx-json")):
        assert done.code == 0
        assert "rechargeable battery" in done.out
        assert "Anna" in done.out


def test_a_folder_is_no_meeting(cli: Cli, tmp_path: Path) -> None:
    done = cli("minutes", tmp_path)
    assert done.code == 2
    assert "is a folder" in done.complaints[0]
    assert len(done.err.splitlines()) == 1


def test_turns_without_words_make_no_minutes(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.rttm"
    path.write_text("SPEAKER x 1 0.0 1.0 <NA> <NA> A <NA> <NA>\n", encoding="utf-8")
    assert "no words" in cli("minutes", path).complaints[0]


def _numbers() -> dict[str, int]:
    return {item.text: item.number for item in utterances(meeting())}


def test_a_language_model_writes_where_one_is_named(cli: Cli, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = _numbers()["Okay, so we've decided that we will go with the rechargeable battery."]
    answer = {
        "summary": [{"text": "They compared batteries of the lamp.", "cite": [5, 6]}],
        "decisions": [
            {"text": "They go with the rechargeable battery.", "cite": [number]},
            {"text": "They go with the rechargeable battery.", "cite": [4000]},
        ],
    }
    monkeypatch.setenv("WHISPERDIAR_LLM_KEY", "hush-hush")
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-you")
    with serving(lambda _: json.dumps(answer)) as server:
        done = cli("minutes", source, "--llm", server.url)
    assert done.code == 0
    assert "They go with the rechargeable battery." in done.out
    assert "by the language model tiny" in done.out.replace("\\", "")
    host = server.url.removeprefix("http://")
    assert f"sending the transcript (204 words) to {host}, model tiny" in done.err
    assert "[4000], which does not exist" in done.err
    assert "hush" not in done.err + done.out
    assert {header.get("Authorization") for header in server.headers} == {"Bearer hush-hush"}


def test_the_key_of_openai_goes_to_nobody_else(cli: Cli, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHISPERDIAR_LLM_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-you")
    with serving(lambda _: "{}") as server:
        cli("minutes", source, "--llm", server.url)
    assert server.headers
    assert all("Authorization" not in header for header in server.headers)


def test_minutes_are_written_also_where_the_model_fails(
    cli: Cli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m.md"
    pauses: list[float] = []
    clock = SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr("whisperdiar.minutes.llm.client.time", clock)
    with serving(lambda _: (500, {}, b"broken")) as server:
        done = cli("minutes", source, "--llm", server.url, "-o", out)
    assert done.code == 1
    assert len(done.complaints) == 1
    assert "HTTP 500" in done.complaints[0]
    assert pauses == [1.0, 2.0, 4.0]
    assert "rechargeable battery" in out.read_text("utf-8")
    assert "without a language model" in out.read_text("utf-8")


def test_nothing_is_sent_unless_asked_for(cli: Cli, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("WHISPERDIAR_LLM_KEY", "x")
    assert cli("minutes", source, "--date", "2026-11-25").code == 0


def test_minutes_of_which_one_part_has_no_answer_are_written(cli: Cli, source: Path, tmp_path: Path) -> None:
    from tests.meetings import meeting

    (tmp_path / "meeting.json").write_text(json_format.dumps(meeting(), options=WriteOptions()), "utf-8")
    count = iter(range(100))

    def reply(body: dict[str, Any]) -> Any:
        if next(count) == 0:
            return (400, {}, b'{"error": "the context is too long"}')
        return json.dumps({"summary": [{"text": "They talked about the battery.", "cite": [6, 7]}]})

    with serving(reply) as server:
        done = cli("minutes", "meeting.json", "--llm", server.url, "--llm-window", "80", "-o", "out.md")
    assert done.code == 1
    assert "part 1 of 3 has no answer" in done.err
    assert "it is written without a language model" in done.err
    assert "Without the language model: part 1 of 3" in (tmp_path / "out.md").read_text("utf-8")


@needs_posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_answers_of_a_language_model_and_the_next_run_uses_them(
    cli: Cli, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.meetings import meeting

    monkeypatch.setenv("WHISPERDIAR_LLM_KEY", "hush-hush")
    (tmp_path / "meeting.json").write_text(json_format.dumps(meeting(), options=WriteOptions()), "utf-8")
    arguments = ["minutes", "meeting.json", "--llm-window", "80", "-o", "out.md", "--llm"]
    hold, asked = threading.Event(), threading.Event()

    def reply(_: dict[str, Any]) -> Any:
        if len(server.bodies) == 3 and not asked.is_set():  # the third part is not answered before the signal
            asked.set()
            hold.wait(60)
        return json.dumps({"summary": [{"text": "They talked about the battery, hush-hush.", "cite": [6, 7]}]})

    with serving(reply) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "whisperdiar", *arguments, server.url],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert asked.wait(60)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            hold.set()
        assert process.returncode == 128 + number
        kept = tmp_path / "lamp_meeting.interrupted.answers.json"
        assert f"the answers of the language model were kept in {kept}; the same command goes on from there" in err
        assert "Traceback" not in err
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, "meeting.json"])
        assert "hush" not in kept.read_text("utf-8")
        done = cli(*arguments, server.url)
        assert done.code == 0, done.err
        assert f"2 answers of the interrupted run in {kept} were used" in done.err
        assert len(server.bodies) == 3 + 2, "the third part and the joining are asked for, the first two are not"
    assert "They talked about the battery" in (tmp_path / "out.md").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["meeting.json", "out.md"]
