"""`whisperdiar score`: tables, JSON and CSV, several hypotheses, manifests, refusals in one line."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.sounds import SAMPLES, SHARED

REFERENCE = SAMPLES / "reference"
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are POSIX")
STM = "talk 1 anna 0.0 2.0 hello there my friend\ntalk 1 ben 2.0 4.0 good morning to you\n"
HEARD = "talk 1 s1 0.0 2.0 hello there my fiend\ntalk 1 s2 2.0 4.0 good morning to you\n"
RTTM = "SPEAKER {name} 1 {start} {duration} <NA> <NA> {who} <NA> <NA>\n"


def write_turns(path: Path, *turns: tuple[str, float, float, str]) -> Path:
    """A RTTM of turns (recording, start, duration, speaker)."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "".join(RTTM.format(name=name, start=start, duration=long, who=who) for name, start, long, who in turns),
        "utf-8",
    )
    return path


def rows_of(out: str, head: str) -> dict[str, dict[str, str]]:
    """The table whose second column is `head`: recording → column → what stands there."""
    lines = iter(out.splitlines())
    columns = next(line.split() for line in lines if line.split()[:2] == ["recording", head])
    found = {}
    for line in lines:
        if not line.strip():
            break
        cells = line.split()
        found[cells[0]] = dict(zip(columns[1:], cells[1:], strict=False))
    return found


def test_words_and_turns_are_counted(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("meeteval", reason="MeetEval is not installed")
    (tmp_path / "ref.stm").write_text(STM, "utf-8")
    (tmp_path / "hyp.stm").write_text(HEARD, "utf-8")
    done = cli("score", "ref.stm", "hyp.stm", "-o", "out.json", "-o", "out.csv", "--normaliser", "none")
    assert (done.code, done.err) == (0, "")
    assert "texts: none" in done.out
    words = rows_of(done.out, "WER")["talk"]
    assert (words["WER"], words["cpWER"], words["WDER"]) == ("12.50", "12.50", "0.00")
    assert rows_of(done.out, "DER")["talk"]["DER"] == "0.00"
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    (score,) = found["scores"]
    assert score["pooled"]["WER"]["components"] == {"length": 8, "substitutions": 1, "deletions": 0, "insertions": 0}
    assert score["recordings"][0]["rates"]["cpWER"] == 0.125
    assert found["options"]["collar"] == 0.0
    assert json.loads(cli("score", "ref.stm", "hyp.stm", "--normaliser", "none", "--json").out) == found
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8"))))
    assert [(line["recording"], line["WER"]) for line in lines] == [("talk", "0.125000"), ("", "0.125000")]
    done = cli("score", "ref.stm", "hyp.stm", "-o", "out.json")
    assert done.code == 2
    assert "--overwrite" in done.err


def test_a_recording_that_is_missing_counts_as_missed_and_is_told(cli: Cli, tmp_path: Path) -> None:
    write_turns(tmp_path / "ref/a.rttm", ("a", 0.0, 6.0, "anna"))
    write_turns(tmp_path / "ref/b.rttm", ("b", 0.0, 2.0, "anna"))
    write_turns(tmp_path / "hyp/a.rttm", ("a", 0.0, 6.0, "s1"))
    write_turns(tmp_path / "hyp/c.rttm", ("c", 0.0, 6.0, "s1"))
    done = cli("score", "ref", "hyp")
    assert done.code == 0
    assert [line.rpartition(": ")[2] for line in done.err.splitlines()] == [
        "it lacks b of the reference; they count as missed",
        "the reference lacks c; they are not scored",
    ]
    found = rows_of(done.out, "DER")
    assert {name: found[name]["DER"] for name in ("a", "b", "all")} == {"a": "0.00", "b": "100.00", "all": "25.00"}
    assert found["all"]["missed"] == "25.00"
    assert "left out: WER, CER, cpWER" in done.out
    assert "holds no words" in done.out


def test_collar_overlap_protocol_and_uem_change_what_is_scored(cli: Cli, tmp_path: Path) -> None:
    write_turns(tmp_path / "ref.rttm", ("a", 0.0, 4.0, "anna"), ("a", 3.0, 4.0, "ben"))
    write_turns(tmp_path / "hyp.rttm", ("a", 0.1, 3.4, "s1"), ("a", 3.5, 3.5, "s2"))
    (tmp_path / "all.uem").write_text("a 1 0.5 2.5\n", "utf-8")

    def scored(*options: str) -> tuple[float, float]:
        parts = json.loads(cli("score", "ref.rttm", "hyp.rttm", "--json", *options).out)["scores"][0]["pooled"]["DER"]
        return parts["components"]["missed detection"], parts["components"]["total"]

    assert scored() == pytest.approx((1.1, 8.0))
    assert scored("--skip-overlap") == pytest.approx((0.1, 6.0))
    assert scored("--collar", "0.25") == pytest.approx((0.5, 6.0))
    assert scored("--protocol", "voxconverse") == scored("--collar", "0.25")
    assert scored("--protocol", "dihard") == scored()
    assert scored("--protocol", "callhome", "--collar", "0") == scored()
    assert scored("--uem", "all.uem") == pytest.approx((0.0, 2.0))


def test_hypotheses_are_compared_with_each_other(cli: Cli, tmp_path: Path) -> None:
    for number in range(6):
        name = f"r{number}"
        write_turns(tmp_path / f"ref/{name}.rttm", (name, 0.0, 4.0, "anna"), (name, 4.0, 4.0, "ben"))
        write_turns(tmp_path / f"good/{name}.rttm", (name, 0.0, 4.0, "1"), (name, 4.0, 4.0, "2"))
        write_turns(tmp_path / f"bad/{name}.rttm", (name, 0.0, 7.0, "1"))
    done = cli("score", "ref", "good", "bad")
    assert done.code == 0
    (line,) = [line.split() for line in done.out.splitlines() if line.split()[:1] == ["DER"]]
    # In 2 of 64 ways to swap them the difference is as large: all, and none.
    assert line[1:] == ["0.00", "50.00", "50.00", "50.00", "50.00", f"{2 / 64:.4f}", "6"]
    done = cli("score", "ref/r0.rttm", "good/r0.rttm", "bad/r0.rttm")
    assert "good/r0.rttm → bad/r0.rttm" in done.out
    (line,) = [line.split() for line in done.out.splitlines() if line.split()[:1] == ["DER"]]
    assert line[4:] == ["–", "–", "–", "1"]


def test_a_manifest_is_a_reference_and_knows_where_the_sound_ends(cli: Cli, tmp_path: Path) -> None:
    write_turns(tmp_path / "ref.rttm", ("a", 0.0, 4.0, "anna"), ("b", 1.0, 3.0, "anna"))
    write_turns(tmp_path / "hyp.rttm", ("a", 0.0, 4.0, "s1"), ("b", 1.0, 30.0, "s1"))
    items = [{"id": name, "audio": f"{name}.wav", "turns": "ref.rttm", "duration": 4.0} for name in "ab"]
    items.append({"id": "unknown", "audio": "c.wav"})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    done = cli("score", "m.jsonl", "hyp.rttm")
    assert done.code == 0
    assert done.err.splitlines() == ["whisperdiar: warning: hyp.rttm: b ends at 31.0 s; only 4.0 s are scored"]
    assert {name: row["DER"] for name, row in rows_of(done.out, "DER").items() if name in "ab"} == {
        "a": "0.00",
        "b": "0.00",
    }


def test_a_report_links_the_sound_that_is_named_or_that_the_manifest_names(cli: Cli, tmp_path: Path) -> None:
    write_turns(tmp_path / "ref.rttm", ("a", 0.0, 4.0, "anna"), ("b", 1.0, 3.0, "anna"))
    write_turns(tmp_path / "hyp.rttm", ("a", 0.0, 4.0, "s1"), ("b", 1.0, 1.0, "s1"))
    for name in ("sounds/a.wav", "sounds/notes.txt", "other/a #1.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF")
    items = [{"id": name, "audio": f"sounds/{name}.wav", "turns": "ref.rttm", "duration": 4.0} for name in "ab"]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    (tmp_path / "pages").mkdir()

    def link(*arguments: str) -> dict[str, str | None]:
        done = cli("score", *arguments, "hyp.rttm", "-o", "pages/report.html", "--overwrite")
        assert done.code == 0
        page = (tmp_path / "pages/report.html").read_text("utf-8")
        data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
        return {item["name"]: item["media"] for item in data["recordings"]}

    assert link("m.jsonl") == {"a": "../sounds/a.wav", "b": None}
    assert link("ref.rttm") == {"a": None, "b": None}
    assert link("--media", "sounds", "ref.rttm") == {"a": "../sounds/a.wav", "b": None}
    write_turns(tmp_path / "ref.rttm", ("a", 0.0, 4.0, "anna"))
    assert link("--media", "other/a #1.flac", "ref.rttm") == {"a": "../other/a%20%231.flac"}


def test_a_report_shows_no_folder_of_its_maker(cli: Cli, tmp_path: Path) -> None:
    write_turns(tmp_path / "secret place/ref.rttm", ("a", 0.0, 4.0, "anna"))
    (tmp_path / "secret place/hyp.stm").write_text("a 1 x 0 4 hello\n", "utf-8")
    done = cli("score", tmp_path / "secret place/ref.rttm", tmp_path / "secret place/hyp.stm", "-o", "report.html")
    assert done.code == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "ref.rttm holds no words" in page
    assert "secret" not in page


def test_progress_is_told_as_json(cli: Cli, tmp_path: Path) -> None:
    for number in range(3):
        for side in ("ref", "one", "two"):
            write_turns(tmp_path / f"{side}/r{number}.rttm", (f"r{number}", 0.0, 4.0, "anna"))
    done = cli("score", "ref", "one", "two", "--progress", "json")
    events = [json.loads(line) for line in done.err.splitlines()]
    assert {(event["event"], event["stage"]) for event in events} == {("progress", "score")}
    fractions = [event["fraction"] for event in events]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert len(set(fractions)) > 8
    assert cli("score", "ref", "one", "two").err == ""


@pytest.mark.parametrize(
    ("files", "arguments", "code", "told"),
    [
        (
            {"ref.rttm": "", "hyp.rttm": RTTM.format(name="a", start=0, duration=1, who="x")},
            (),
            1,
            "reference is empty",
        ),
        ({"ref.stm": STM, "hyp.stm": HEARD.replace("talk", "walk")}, (), 1, "of another recording"),
        (
            {
                "ref.rttm": RTTM.format(name="hyp", start=0, duration=1, who="x"),
                "hyp.srt": "1\n00:00:00,000 --> 00:00:01,000\nHello.\n",
            },
            (),
            1,
            "names no speakers",
        ),
        ({"ref.stm": STM}, (), 2, "there is no such file"),
        ({"ref.stm": STM, "hyp.docx": "PK"}, (), 2, "cannot be scored"),
        ({"ref.stm": STM, "hyp.json": "{"}, (), 1, "no JSON"),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("--collar", "-1"), 2, "cannot be negative"),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("--uem", "no.uem"), 2, "there is no such file"),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("-o", "out.txt"), 2, ".json, .csv, .html"),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("--media", "a.wav"), 2, "-o report.html"),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("-o", "r.html", "--media", "no.wav"), 1, "there is no such file"),
        (
            {
                "ref.stm": STM + STM.replace("talk", "walk"),
                "hyp.stm": HEARD + HEARD.replace("talk", "walk"),
                "x.wav": "",
            },
            ("-o", "r.html", "--media", "x.wav"),
            2,
            "no file has the name of a recording, such as talk",
        ),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("hyp.stm",), 2, "given twice"),
        ({"ref.stm": STM, "hyp.stm": HEARD}, ("--language", "Klingon"), 2, "Klingon"),
        ({"ref.jsonl": '{"id": "a", "audio": "a.wav"}', "hyp.stm": HEARD}, (), 1, "no recording has a reference"),
    ],
)
def test_bad_input_gets_one_line(
    cli: Cli, tmp_path: Path, files: dict[str, str], arguments: tuple[str, ...], code: int, told: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    reference = next(name for name in files if name.startswith("ref"))
    done = cli("score", reference, next((name for name in files if name.startswith("hyp")), "hyp.stm"), *arguments)
    assert done.code == code
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_rates_are_those_of_the_command_line_of_meeteval(cli: Cli, tmp_path: Path) -> None:
    """Times, speakers and words come through the reading of STM unharmed, and rates are sums over recordings."""
    wer = pytest.importorskip("meeteval.wer", reason="MeetEval is not installed")
    io_ = pytest.importorskip("meeteval.io", reason="MeetEval is not installed")
    lines = [
        line for name in ("call", "meeting") for line in (REFERENCE / f"{name}.stm").read_text("utf-8").splitlines()
    ]
    # MeetEval takes the label <o> for a word.
    lines = [line.replace(" <o> ", " ") for line in lines if line.strip() and not line.startswith(";;")]
    (tmp_path / "ref.stm").write_text("\n".join(lines) + "\n", "utf-8")
    spoilt = []
    for number, line in enumerate(lines):  # each third has the first speaker of all, each fourth lacks its last word
        fields = line.split()
        fields[2] = "one" if number % 3 == 0 else fields[2]
        spoilt.append(" ".join(fields[:-1] if number % 4 == 0 and len(fields) > 7 else fields))
    (tmp_path / "hyp.stm").write_text("\n".join(spoilt) + "\n", "utf-8")
    found = json.loads(cli("score", "ref.stm", "hyp.stm", "--normaliser", "none", "--json").out)["scores"][0]["pooled"]
    sides = [io_.load(tmp_path / f"{side}.stm") for side in ("ref", "hyp")]
    theirs = {"cpWER": wer.cpwer(*sides), "tcpWER": wer.tcpwer(*sides, collar=5)}
    for name, each in theirs.items():
        total = wer.combine_error_rates(each)
        assert 0 < total.errors == round(found[name]["value"] * total.length)
        assert found[name]["value"] == pytest.approx(total.error_rate, abs=1e-12)


@pytest.mark.skipif(not (SHARED / "corpus").is_dir(), reason="the recordings of ../shared/corpus are not here")
def test_a_collection_of_references_is_read(cli: Cli) -> None:
    done = cli("score", SHARED / "corpus/manifest.json", SHARED / "corpus/refs/ami_EN2001a.rttm", "--json")
    assert done.code == 0
    (score,) = json.loads(done.out)["scores"]
    assert score["recordings"][0]["rates"]["DER"] == 0
    assert len(score["recordings"]) == len(score["missing"]) + 1 > 10


NOISE = bytes(random.Random(5).randrange(256) for _ in range(2000)) + b"\xff\xfe\xff"
TURN = RTTM.format(name="a", start=0, duration=4, who="x").encode()
UTTERANCE = b"a 1 x 0 2 hello\n"


@pytest.mark.parametrize("place", ["reference", "hypothesis"])
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        *((f"bad.{form}", NOISE, "right file?") for form in ("rttm", "stm", "ctm", "json", "eaf", "TextGrid", "txt")),
        ("bad.rttm", TURN.replace(b" 0 ", b" nan "), "line 1: onset 'nan'"),
        ("bad.rttm", TURN.replace(b" 4 ", b" -4 "), "line 1: duration '-4'"),
        ("bad.rttm", b"SPEAKER a 1\n", "line 1: 3 fields"),
        ("bad.stm", UTTERANCE.replace(b" 0 ", b" nan "), "line 1: expected a start and an end"),
        ("bad.ctm", b"a 1 inf 2 hello\n", "line 1: expected a start and a duration"),
        ("bad.seglst.json", b'[{"session_id": "a", "start_time": NaN, "end_time": 2}]', "NaN is not finite"),
        ("bad.seglst.json", b'[{"session_id": "a"}]', "start_time: this time is missing"),
        ("bad.json", b"", "this is no JSON"),
        ("bad.json", b"null", "not null"),
        ("bad.json", b'{"a": 1}', "no schema_version"),
        ("bad.xyz", TURN, "cannot be scored"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_get_one_line(
    cli: Cli, tmp_path: Path, place: str, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    other = tmp_path / ("good.rttm" if name.endswith("rttm") else "good.stm")
    other.write_bytes(TURN if name.endswith("rttm") else UTTERANCE)
    done = cli("score", *((name, other) if place == "reference" else (other, name)))
    assert done.code == (2 if name == "bad.xyz" else 1)
    assert done.out == ""
    assert told in done.err
    assert done.err.count(name) == 1 or "json" in name
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["empty.rttm", "empty.stm", "empty.srt", "empty.txt"])
def test_a_hypothesis_of_nothing_counts_as_missed_and_is_told(cli: Cli, tmp_path: Path, name: str) -> None:
    write_turns(tmp_path / "ref.rttm", ("a", 0.0, 6.0, "anna"))
    (tmp_path / name).write_bytes(b"")
    done = cli("score", "ref.rttm", name)
    assert done.code == 0
    assert done.err == f"whisperdiar: warning: {name}: it holds nothing of a; all that is said there counts as missed\n"
    assert rows_of(done.out, "DER")["a"]["missed"] == "100.00"


def test_folders_that_do_not_match_get_one_line(cli: Cli, tmp_path: Path) -> None:
    write_turns(tmp_path / "ref/a.rttm", ("a", 0.0, 6.0, "anna"))
    write_turns(tmp_path / "ref/b.rttm", ("b", 0.0, 6.0, "anna"))
    write_turns(tmp_path / "hyp/c.rttm", ("c", 0.0, 6.0, "s1"))
    write_turns(tmp_path / "twice/a.rttm", ("a", 0.0, 6.0, "s1"))
    write_turns(tmp_path / "twice/again.rttm", ("a", 0.0, 6.0, "s1"))
    (tmp_path / "none").mkdir()
    for hypothesis, code, told in (
        ("hyp", 1, "hyp is of another recording than ref: it holds c, the reference a, b; give both the same name"),
        ("twice", 1, "a.rttm and again.rttm both hold turns of a; leave one out"),
        ("none", 2, "none: it holds no file that can be scored"),
    ):
        done = cli("score", "ref", hypothesis)
        assert (done.code, done.out, len(done.err.splitlines())) == (code, "", 1)
        assert told in done.err


@needs_posix
def test_a_full_disk_leaves_no_half_report(tmp_path: Path) -> None:
    write_turns(tmp_path / "a.rttm", ("a", 0.0, 6.0, "anna"))
    write_turns(tmp_path / "b.rttm", ("a", 0.0, 6.0, "anna"))
    code = (
        "import resource, sys; from whisperdiar.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))\n"
        "sys.argv = ['whisperdiar', 'score', 'a.rttm', 'b.rttm', '-o', 'report.html']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "report.html: the file would be larger than a limit allows" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.rttm", "b.rttm"]


@needs_posix
def test_an_interruption_gets_one_line_and_leaves_no_output(tmp_path: Path) -> None:
    write_turns(tmp_path / "a.rttm", ("a", 0.0, 6.0, "anna"))
    write_turns(tmp_path / "b.rttm", ("a", 0.0, 6.0, "anna"))
    code = (
        "import os, signal, sys; import whisperdiar.scoring as scoring; from whisperdiar.__main__ import main\n"
        "real = scoring.score_document\n"
        "def interrupt(*arguments, **options):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return real(*arguments, **options)\n"
        "scoring.score_document = interrupt\n"
        "sys.argv = ['whisperdiar', 'score', 'a.rttm', 'b.rttm', '-o', 'report.html']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() == "whisperdiar: error: interrupted; nothing was left half-written"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.rttm", "b.rttm"]
