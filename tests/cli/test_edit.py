"""The editor's round trip and the checker on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.sounds import NANO
from tests.unit.test_editing import TALK
from whisperdiar.formats import json as json_format
from whisperdiar.options import WriteOptions

GOOD = "1\n00:00:01,000 --> 00:00:03,000\nGood morning.\n"
FAST = GOOD + "\n2\n00:00:04,000 --> 00:00:04,500\nThis is far too much text for half a second.\n"


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "out.json"
    path.write_text(json_format.dumps(TALK, options=WriteOptions()), "utf-8")
    return path


def test_a_text_is_corrected_and_every_format_made_from_it(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    done = cli("edit", transcript, "-o", "work.md")
    assert done.code == 0
    assert "whisperdiar apply work.md" in done.err
    text = (tmp_path / "work.md").read_text("utf-8")
    text = text.replace("= SPEAKER_00", "= Anna").replace("too long", "much too long")
    (tmp_path / "work.md").write_bytes(b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"))
    made = cli("apply", "work.md", "--transcript", transcript, "-o", "new.json", "-o", "new.srt", "-o", "new.rttm")
    assert made.code == 0, made.err
    assert "1 word inserted; speakers: 1 renamed" in made.err
    assert "Anna: That is much too long." in (tmp_path / "new.srt").read_text("utf-8")
    assert " Anna " in (tmp_path / "new.rttm").read_text("utf-8")
    data = json.loads((tmp_path / "new.json").read_text("utf-8"))
    assert [word["text"] for segment in data["segments"] for word in segment["words"] if word.get("edited")] == [
        " much"
    ]
    assert data["provenance"]["edits"] == [{"inserted": 1, "renamed": 1}]


def test_nothing_corrected_gives_the_same_file(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    assert cli("edit", transcript, "-o", "work.txt", "--mark-uncertain").code == 0
    done = cli("apply", "work.txt", "--transcript", transcript, "-o", "new.json")
    assert "nothing was changed" in done.err
    assert (tmp_path / "new.json").read_bytes() == transcript.read_bytes()


def test_the_json_of_a_page_is_applied_like_a_text(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    data = json.loads(transcript.read_text("utf-8"))
    data["speakers"][0]["name"] = "Anna"
    data["segments"][2]["words"][-1] |= {"text": " short.", "edited": True}
    (tmp_path / "page.json").write_text("\ufeff" + json.dumps(data), "utf-8")
    made = cli("apply", "page.json", "--transcript", transcript, "-o", "new.json", "-o", "new.srt")
    assert made.code == 0, made.err
    assert "page.json: 1 word corrected; speakers: 1 renamed" in made.err
    assert "Anna: That is too short." in (tmp_path / "new.srt").read_text("utf-8")
    new = json.loads((tmp_path / "new.json").read_text("utf-8"))
    assert new["provenance"]["edits"] == [{"corrected": 1, "renamed": 1}]
    (tmp_path / "copy.json").write_bytes(transcript.read_bytes())
    assert "nothing was changed" in cli("apply", "copy.json", "--transcript", transcript, "-o", "same.json").err
    assert (tmp_path / "same.json").read_bytes() == transcript.read_bytes()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('{"segments": []}', "no schema_version"),
        ('{"schema_version": 1', "page.json: "),
        ('{"schema_version": 1, "recording_id": "other", "duration": 1, "segments": []}', "the recording 'other'"),
    ],
)
def test_json_that_is_no_correction_is_one_line(
    cli: Cli, transcript: Path, tmp_path: Path, text: str, cause: str
) -> None:
    (tmp_path / "page.json").write_text(text, "utf-8")
    done = cli("apply", "page.json", "--transcript", transcript, "-o", "new.json")
    assert done.code == 1
    (line,) = done.complaints
    assert cause in line
    assert not (tmp_path / "new.json").exists()


def test_corrections_are_not_overwritten_unasked(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    (tmp_path / "work.txt").write_text("hours of work", "utf-8")
    done = cli("edit", transcript, "-o", "work.txt")
    assert (done.code, done.complaints) == (
        2,
        ["whisperdiar: error: work.txt: it exists already; choose another name, or replace it with --overwrite"],
    )
    assert (tmp_path / "work.txt").read_text("utf-8") == "hours of work"
    assert cli("edit", transcript, "-o", "work.txt", "--overwrite").code == 0
    assert cli("apply", "work.txt", "--transcript", transcript, "-o", transcript).code == 2
    assert cli("edit", transcript).out.startswith("# talk\n")


def test_a_text_without_its_transcript_hears_what_to_add(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("**Anna** [00:00:01]\nhello\n", "utf-8")
    done = cli("apply", "talk.txt")
    assert (done.code, len(done.complaints)) == (2, 1)
    assert done.err.endswith("such as --transcript talk.json\n")


def test_what_cannot_be_read_is_one_line(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    (tmp_path / "work.txt").write_text("## Speakers\n\nhello\n", "utf-8")
    done = cli("apply", "work.txt", "--transcript", transcript)
    assert done.code == 1
    assert done.complaints == [
        "whisperdiar: error: work.txt: line 3: this stands above the first turn; write **Name** [00:00:00] above it: "
        "'hello'"
    ]


def test_check_says_what_is_wrong(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "good.srt").write_text(GOOD, "utf-8")
    (tmp_path / "fast.srt").write_text(FAST, "utf-8")
    clean = cli("check", "good.srt", "--profile", "netflix")
    assert (clean.code, clean.out.splitlines()[-1]) == (0, "no violations of netflix")
    found = cli("check", "fast.srt", "--profile", "netflix")
    assert found.code == 1
    assert found.out.splitlines() == [
        "cue 2, 00:00:04.000: line-length: 44, at most 42 (columns of a line)",
        "cue 2, 00:00:04.000: reading-speed: 88, at most 20 (characters per second)",
        "cue 2, 00:00:04.000: too-short: 0.5, at least 0.833 (seconds that a cue stays)",
        "fast.srt: 2 cues, 47.2 characters a second on average, 88.0 at most",
        "3 violations of netflix in 1 cue (50.0 of 100): line-length 1, reading-speed 1, too-short 1",
    ]
    russian = cli("check", "fast.srt", "--profile", "netflix", "--language", "ru", "--json")
    data = json.loads(russian.out)
    assert [item["limit"] for item in data["violations"] if item["rule"] == "line-length"] == [39]
    assert data["cues_in_violation_per_100"] == 50.0
    assert cli("check", "fast.srt", "--max-chars", "50", "--max-cps", "99", "--min-duration", "0.5").code == 0


def test_check_of_what_cannot_be_read(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.srt").write_text("no cue at all\n", "utf-8")
    for arguments in (["nope.srt"], ["odd.srt"], [transcript], ["odd.srt", "--profile", "nope"]):
        done = cli("check", *arguments)
        assert done.code == 2, arguments
        assert len(done.complaints) == 1


def test_check_knows_what_no_cut_can_avoid(cli: Cli, tmp_path: Path) -> None:
    words = [{"start": 1 + i / 5, "end": 1.2 + i / 5, "text": " " + "abcd"[i] * 38} for i in range(4)]
    (tmp_path / "words.json").write_text(json.dumps(words), "utf-8")
    (tmp_path / "turns.rttm").write_text("SPEAKER fast 1 0.9 5 <NA> <NA> A <NA> <NA>\n", "utf-8")
    assert (
        cli("align", "words.json", "turns.rttm", "-o", "fast.json", "-o", "fast.srt", "--profile", "netflix").code == 0
    )
    assert cli("check", "fast.srt", "--profile", "netflix").code == 1
    done = cli("check", "fast.srt", "--profile", "netflix", "--transcript", "fast.json")
    assert done.code == 0
    assert "no cut can avoid:" in done.out
    assert "no violations of netflix but those that no cut can avoid" in done.out


@pytest.mark.model
def test_corrections_are_kept_over_another_run(cli: Cli, short: Path, tmp_path: Path) -> None:
    run = [short, *NANO, "--diarizer", "bic", "--vad", "energy", "--quiet"]
    assert cli(*run, "-o", "out.json").code == 0
    assert cli("edit", "out.json", "-o", "work.txt").code == 0
    text = (tmp_path / "work.txt").read_text("utf-8")
    assert "Good morning" in text
    text = text.replace("Good morning", "Fine evening").replace("= SPEAKER_00", "= Anna")
    (tmp_path / "work.txt").write_text(text, "utf-8")
    assert cli("apply", "work.txt", "--transcript", "out.json", "-o", "new.json").code == 0
    assert cli(*run, "-o", "again.srt", "-o", "again.json", "--keep-edits", "new.json").code == 0
    assert "Anna: Fine evening" in (tmp_path / "again.srt").read_text("utf-8")
    part = cli(*run[:-1], "-o", "part.json", "--start", "5", "--keep-edits", "new.json")
    assert "is not kept: it lies outside of what was transcribed" in part.err
    assert any(
        "is not kept" in item for item in json.loads((tmp_path / "part.json").read_text())["provenance"]["warnings"]
    )
    assert cli(*run, "-o", "new.json", "--keep-edits", "new.json").code == 2
    assert cli(*run, "-o", "x.json", "--keep-edits", "nope.json").code == 1


def test_the_encoding_and_the_language_are_said_once_and_told_again(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "old.srt").write_bytes("1\n00:00:01,000 --> 00:00:03,000\nПривет, мир.\n".encode("koi8-r"))
    done = cli("edit", "old.srt", "-o", "work.txt", "--encoding", "koi8-r", "--language", "bg")
    assert done.code == 0, done.err
    assert "Привет, мир." in (tmp_path / "work.txt").read_text("utf-8")
    said = "--transcript old.srt --language bg --encoding koi8-r"
    assert f"whisperdiar apply work.txt {said} -o" in done.err
    (tmp_path / "work.txt").write_text((tmp_path / "work.txt").read_text("utf-8").replace("мир", "друг"), "utf-8")
    made = cli("apply", "work.txt", *said.split(), "-o", "new.json")
    assert made.code == 0, made.err
    data = json.loads((tmp_path / "new.json").read_text("utf-8"))
    assert data["language"] == "bg"
    assert " ".join(data["segments"][0]["text"].split()) == "Привет, друг."


@pytest.mark.parametrize("command", ["convert", "edit", "apply", "minutes", "check"])
@pytest.mark.parametrize(
    ("code", "cause"), [("klingon", "give a name or a code"), ("xx", "no language has the code xx")]
)
def test_an_unknown_language_is_refused_by_every_command(
    cli: Cli, tmp_path: Path, command: str, code: str, cause: str
) -> None:
    (tmp_path / "good.srt").write_text(GOOD, "utf-8")
    assert cli("edit", "good.srt", "-o", "work.txt").code == 0
    words = {"apply": ["work.txt", "--transcript", "good.srt"]}.get(command, ["good.srt"])
    done = cli(command, *words, "--language", code)
    assert done.code == 2
    assert len(done.complaints) == 1
    assert done.complaints[0].startswith(f"whisperdiar: error: --language {code}: {cause}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--media", "none.mp4"), "--media none.mp4: there is no such file"),
        (("--shots", "auto", "--media", "in.srt"), "in.srt"),
        (("--shots", "none.txt"), "none.txt"),
        (("--transcript", "none.json"), "none.json"),
        (("--profile", "bbc", "--audience", "children"), "audience adult"),
    ],
)
def test_a_check_that_cannot_be_made_is_no_violation(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    pytest.importorskip("scenedetect")
    (tmp_path / "in.srt").write_text(GOOD, "utf-8")
    done = cli("check", "in.srt", *arguments, "--language", "en")
    assert (done.code, done.out) == (2, "")
    (line,) = done.complaints
    assert told in line


@pytest.mark.parametrize("suffix", [".docx", ".odt", ".pdf", ".html"])
def test_apply_says_which_file_it_takes(cli: Cli, transcript: Path, suffix: str) -> None:
    done = cli("convert", transcript, f"work{suffix}")
    if done.code:
        pytest.skip(done.err)
    done = cli("apply", f"work{suffix}", "--transcript", transcript, "-o", "new.srt")
    (line,) = done.err.splitlines()
    assert (done.code, f"work{suffix}: this is a " in line) == (1, True)


def test_a_text_that_was_corrected_makes_no_file_anew_unasked(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    assert cli("edit", transcript, "-o", "work.txt").code == 0
    (tmp_path / "out.srt").write_text("mine", "utf-8")
    arguments = ("apply", "work.txt", "--transcript", transcript, "-o", "out.srt")
    assert cli(*arguments).code == 2
    assert (tmp_path / "out.srt").read_text("utf-8") == "mine"
    assert cli(*arguments, "--overwrite").code == 0
    assert (tmp_path / "out.srt").read_text("utf-8") != "mine"


@pytest.mark.parametrize(
    "suffix", [".docx", ".pdf", ".png", ".svg", ".wav", ".mp4", ".npz", ".srt", ".json", ".html", ".v2"]
)
def test_a_text_to_be_corrected_bears_no_other_name(cli: Cli, transcript: Path, tmp_path: Path, suffix: str) -> None:
    done = cli("edit", transcript, "-o", f"work{suffix}")
    assert done.code == 2
    assert "call it .txt or .md" in done.complaints[0]
    assert not (tmp_path / f"work{suffix}").exists()
