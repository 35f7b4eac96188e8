"""The main job through the command line, with whisper-nano and the embedded diarizer: both always run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import click
import jsonschema
import pytest
import srt
import webvtt

from tests.cli.conftest import Cli
from tests.examples import by_night
from tests.sounds import NANO, ROOT, SAMPLES
from whisperdiar import Transcript
from whisperdiar.cli import COMMANDS, main
from whisperdiar.formats import json as json_format
from whisperdiar.formats import read_cues, rttm

pytestmark = pytest.mark.model

FAST = (*NANO, "--diarizer", "bic", "--vad", "silero")
SLOW = ("--asr", "pocketsphinx", "--diarizer", "bic", "--vad", "silero")
"""Still at work when a signal comes; whisper-nano would be through."""


def test_the_main_job_with_every_format(cli: Cli, short: Path, tmp_path: Path) -> None:
    outputs = [f"out.{suffix}" for suffix in ("srt", "vtt", "rttm", "json", "txt")]
    done = cli(short, *FAST, *(word for name in outputs for word in ("-o", name)))
    assert done.code == 0, done.err
    assert done.out == ""
    transcript = json_format.loads((tmp_path / "out.json").read_text("utf-8"))
    jsonschema.validate(transcript.to_dict(), json_format.schema())
    assert transcript.recording_id == "short_talk"
    assert transcript.duration == pytest.approx(12.0, abs=0.01)
    words = " ".join(word.text.strip() for word in transcript.words)
    contents = [cue.content for cue in srt.parse((tmp_path / "out.srt").read_text("utf-8"))]
    cues = read_cues("srt", (tmp_path / "out.srt").read_text("utf-8"))
    assert contents[0].startswith("SPEAKER_0")
    assert len(contents) == len(cues)
    assert all(cue.speaker in ("SPEAKER_00", "SPEAKER_01") for cue in cues)
    assert sorted(" ".join(line for cue in cues for line in cue.lines).split()) == sorted(words.split())
    captions = webvtt.read(str(tmp_path / "out.vtt")).captions
    assert sorted(" ".join(item.text for item in captions).split()) == sorted(words.split())
    turns = rttm.loads((tmp_path / "out.rttm").read_text("utf-8"))
    assert turns.recording_id == "short_talk"
    assert [t.speaker for t in turns.turns] == [t.speaker for t in transcript.turns]
    assert words.split()[0] in (tmp_path / "out.txt").read_text("utf-8")
    assert "real-time factor" in done.err


def test_the_first_command_of_the_readme(cli: Cli, tmp_path: Path) -> None:
    """The words of the stand-up in their order, each cue with the one speaker whose words it holds."""
    command = next(
        line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if "whisperdiar samples" in line
    )
    arguments = command.partition("whisperdiar ")[2].split()
    done = cli(*(str(ROOT / word) if word.startswith("samples/") else word for word in arguments))
    assert done.code == 0, done.err
    assert "3 speakers" in done.err
    rows = [line.split("\t") for line in (SAMPLES / "reference/standup.words.tsv").read_text("utf-8").splitlines()]
    columns = {name: place for place, name in enumerate(rows[0])}
    said = [[row[columns[name]] for name in ("word", "start", "end", "speaker")] for row in rows[1:]]
    people: dict[str, Counter[str]] = defaultdict(Counter)
    right = heard = 0
    for cue in read_cues("srt", (tmp_path / "standup.srt").read_text("utf-8")):
        label, text = str(cue.speaker), " ".join(cue.lines)
        low, high = cue.span.start, cue.span.end
        inside = [row for row in said if low - 0.1 <= (float(row[1]) + float(row[2])) / 2 <= high + 0.1]
        people[label].update(row[3] for row in inside)
        spoken = {row[0].strip(".,?!").lower() for row in inside}
        words = [word.strip(".,?!").lower() for word in text.split()]
        heard += len(words)
        right += sum(word in spoken for word in words)
    names = [counts.most_common(1)[0] for counts in people.values()]
    assert len({name for name, _ in names}) == len(people) == 3
    assert sum(count for _, count in names) > 0.95 * sum(counts.total() for counts in people.values())
    assert right > 0.95 * heard
    assert heard > 0.95 * len(said)


def test_russian_is_written_like_english(cli: Cli, tmp_path: Path) -> None:
    done = cli(SAMPLES / "dialogue_ru.mp3", *NANO, "-o", "out.srt", "-o", "out.json")
    assert done.code == 0, done.err
    assert "2 speakers" in done.err
    assert "language ru" in done.err
    transcript = json_format.loads((tmp_path / "out.json").read_text("utf-8"))
    letters = [letter for word in transcript.words for letter in word.text if letter.isalpha()]
    assert sum("а" <= letter.lower() <= "я" or letter.lower() == "ё" for letter in letters) > 0.95 * len(letters)
    assert {word.speaker for word in transcript.words} == {"SPEAKER_00", "SPEAKER_01"}
    shown = (tmp_path / "out.srt").read_text("utf-8")
    assert all(len(line) <= 42 for cue in srt.parse(shown) for line in cue.content.splitlines())


def test_without_an_output_subtitles_go_to_standard_output(cli: Cli, short: Path) -> None:
    done = cli(short, *FAST, "--quiet")
    assert done.code == 0
    assert done.err == ""
    assert list(srt.parse(done.out))


def test_without_a_whisper_model_nothing_is_made_up(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PocketSphinx would turn any language into English words; it runs where it is asked for."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    done = cli(short, "-o", "out.json", "--offline", "--quiet")
    assert done.code == 1
    (line,) = done.complaints
    assert "whisperdiar models download small" in line
    assert "--asr pocketsphinx" in line
    assert not (tmp_path / "out.json").exists()


def test_what_stood_in_is_on_stderr_and_in_the_json_and_nowhere_else(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    names = ["out.json", "out.vtt", "out.txt", "out.md", "out.ttml", "out.srt", "out.html"]
    done = cli(short, *NANO, "--vad", "silero", "--offline", "-q", *(item for name in names for item in ("-o", name)))
    assert done.code == 0, done.err
    (line,) = [line for line in done.err.splitlines() if "because onnx cannot run" in line]
    assert line.startswith("whisperdiar: warning:")
    diarizer = json.loads((tmp_path / "out.json").read_text("utf-8"))["provenance"]["diarizer"]
    assert diarizer["fallback_from"] == "onnx"
    assert diarizer["remedy"] == "whisperdiar models download onnx"
    for name in names[1:-1]:
        assert "onnx" not in (tmp_path / name).read_text("utf-8"), name


def test_a_plain_installation_says_nothing_of_extras_that_it_lacks(
    cli: Cli, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisperdiar.selection.missing_packages", lambda backend: list(backend.info.requires))
    done = cli("vad", short, "-o", "out.rttm", "-q")
    assert (done.code, done.err) == (0, "")


def test_a_library_that_breaks_leaves_the_next_diarizer(short: Path, tmp_path: Path) -> None:
    """As an upstream release may: found at its import, in a way that nobody foresaw."""
    for module in ("speechbrain", "resemblyzer", "onnx"):
        (tmp_path / module).mkdir()
        (tmp_path / module / "__init__.py").write_text("raise AttributeError('no attribute of that name')\n", "utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "whisperdiar", str(short), *NANO, "--vad", "silero", "-o", "out.srt"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "because onnx cannot run" in done.stderr
    assert "-->" in (tmp_path / "out.srt").read_text("utf-8")


def test_a_named_recogniser_never_falls_back(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    done = cli(short, "--asr", "whisper", "--offline", "-o", "out.srt")
    assert done.code == 1
    assert len(done.complaints) == 1
    assert "models download" in done.complaints[0]
    assert not (tmp_path / "out.srt").exists()


def test_another_language_is_never_left_to_an_english_recogniser(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    done = cli(short, "--language", "ru", "--offline", "-o", "out.srt")
    assert done.code == 1
    assert "models download" in done.complaints[0]


def test_a_failed_diarization_leaves_the_transcript(cli: Cli, short: Path, tmp_path: Path) -> None:
    arguments = (*NANO, "--vad", "energy", "--diarizer", "channels")
    done = cli(short, *arguments, "-o", "out.srt", "-o", "out.rttm", "-o", "out.json")
    assert done.code == 1
    assert len(done.complaints) == 1
    assert "channel" in done.complaints[0]
    cues = list(srt.parse((tmp_path / "out.srt").read_text("utf-8")))
    assert cues
    assert not any("SPEAKER" in cue.content for cue in cues)
    assert not (tmp_path / "out.rttm").exists()
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["provenance"]["warnings"]


def test_a_broken_file_of_turns_is_found_before_the_work(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "turns.rttm").write_text("SPEAKER broken line\n", "utf-8")
    done = cli(short, *NANO, "--vad", "energy", "--turns", "turns.rttm", "-o", "out.srt")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "turns.rttm: line 1" in done.complaints[0]
    assert not (tmp_path / "out.srt").exists()


def test_one_bad_file_does_not_stop_the_rest(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("this is a shopping list\n" * 50, "utf-8")
    shutil.copy(short, tmp_path / "good.wav")
    done = cli("bad.wav", "gone.mp3", "good.wav", *FAST, "-o", "made/", "-f", "srt,json")
    assert done.code == 1
    assert len(done.complaints) == 2
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["good.json", "good.srt"]


def test_existing_outputs_in_a_folder_are_left_alone_unless_asked(cli: Cli, short: Path, tmp_path: Path) -> None:
    made = tmp_path / "made" / "short talk.srt"
    made.parent.mkdir()
    made.write_text("mine", "utf-8")
    done = cli(short, *FAST, "-o", "made/")
    assert done.code == 0
    assert "exists already" in done.err
    assert made.read_text("utf-8") == "mine"
    assert cli(short, *FAST, "-o", "made/", "--overwrite").code == 0
    assert made.read_text("utf-8") != "mine"


def test_colliding_stems_keep_their_suffix(cli: Cli, short: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "a.wave"):
        shutil.copy(short, tmp_path / name)
    assert cli("a.wav", "a.wave", *FAST, "-o", "made/").code == 0
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["a.wav.srt", "a.wave.srt"]


def test_a_part_keeps_the_recordings_own_times(cli: Cli, short: Path, tmp_path: Path) -> None:
    assert cli(short, *FAST, "--start", "0:06", "--end", "12", "-o", "out.json").code == 0
    transcript = Transcript.from_dict(json.loads((tmp_path / "out.json").read_text("utf-8")))
    assert transcript.words
    assert min(w.start for w in transcript.words) >= 6.0
    assert min(t.start for t in transcript.turns) >= 6.0
    assert transcript.provenance["options"]["start"] == 6.0
    assert transcript.provenance["options"]["end"] == 12.0


def test_turns_from_a_file_keep_their_names(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "t.rttm").write_text("SPEAKER short_talk 1 0.000 12.000 <NA> <NA> Anna <NA> <NA>\n", "utf-8")
    assert cli(short, *NANO, "--vad", "silero", "--turns", "t.rttm", "-o", "out.json").code == 0
    transcript = json_format.loads((tmp_path / "out.json").read_text("utf-8"))
    assert {w.speaker for w in transcript.words} == {"Anna"}
    assert transcript.provenance["diarizer"]["backend"] == "rttm"


def test_speech_regions_from_a_file_gate_the_recogniser(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "speech.json").write_text('{"duration": 12.0, "speech": [{"start": 5.0, "end": 9.0}]}', "utf-8")
    arguments = (*NANO, "--diarizer", "none", "--speech", "speech.json")
    assert cli(short, *arguments, "-o", "out.json").code == 0
    transcript = json_format.loads((tmp_path / "out.json").read_text("utf-8"))
    assert transcript.words
    assert min(w.start for w in transcript.words) >= 4.5
    assert max(w.end for w in transcript.words) <= 9.5


def test_speaker_style_none_leaves_names_out(cli: Cli, short: Path) -> None:
    done = cli(short, *FAST, "--speaker-style", "none", "--quiet")
    assert "SPEAKER" not in done.out


def test_clips(cli: Cli, short: Path, tmp_path: Path) -> None:
    assert cli(short, *FAST, "-o", "out.srt", "--clips", "clips").code == 0
    assert list((tmp_path / "clips").rglob("*.wav"))


def test_silence_gives_an_empty_transcript(cli: Cli, tmp_path: Path) -> None:
    import numpy as np
    from scipy.io import wavfile

    wavfile.write(tmp_path / "silence.wav", 16_000, np.zeros(80_000, np.int16))
    done = cli("silence.wav", *FAST, "-o", "out.srt", "-o", "out.json", "-o", "out.rttm", "-o", "out.vtt")
    assert done.code == 3, done.err
    assert (tmp_path / "out.srt").read_text("utf-8") == ""
    assert "no speech was found in this recording: it is digital silence" in done.err
    assert "the result is empty" in done.complaints[0]
    assert json_format.loads((tmp_path / "out.json").read_text("utf-8")).segments == ()


def test_noise_is_told_with_its_level_and_a_batch_goes_on(cli: Cli, short: Path, tmp_path: Path) -> None:
    import numpy as np
    from scipy.io import wavfile

    noise = np.random.default_rng(0).normal(0, 30, 80_000).astype(np.int16)
    wavfile.write(tmp_path / "hiss.wav", 16_000, noise)
    done = cli("hiss.wav", short, *FAST, "-o", "out/", "--report", "left.json")
    assert done.code == 3
    assert re.search(r"no speech was found in this recording, whose peak is -\d+ dBFS", done.err)
    assert len(done.complaints) == 1
    assert (tmp_path / "out" / "short talk.srt").stat().st_size > 0
    rows = json.loads((tmp_path / "left.json").read_text("utf-8"))
    assert {"hiss", "short_talk"} >= {row["recording"] for row in rows}
    assert any(row["kind"] == "warning" and "no speech" in row["reason"] for row in rows)
    failed = cli("hiss.wav", "gone.wav", *FAST, "-o", "again/")
    assert failed.code == 1, "an error outweighs an empty result"


@pytest.mark.parametrize("command", [("vad",), ("diarize", "--diarizer", "bic")])
def test_single_stages_that_find_nobody_say_so(cli: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    import numpy as np
    from scipy.io import wavfile

    wavfile.write(tmp_path / "silence.wav", 16_000, np.zeros(80_000, np.int16))
    done = cli(command[0], "silence.wav", "--vad", "silero", *command[1:], "-o", "out.rttm", "-q")
    assert done.code == 3
    assert len(done.complaints) == 1


def test_a_report_is_for_two_formats_and_replaces_nothing_that_is_written(cli: Cli, short: Path) -> None:
    assert cli(short, *FAST, "-o", "out.srt", "--report", "left.txt").code == 2
    assert cli(short, *FAST, "-o", "out.srt", "--report", "nowhere/left.tsv").code == 1
    assert cli(short, *FAST, "-o", "out.tsv", "--report", "out.tsv").code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("a.wav", "--speakers", "0"), "at least 1"),
        (("a.wav", "--speakers", "many"), "such as 3"),
        (("a.wav", "--diarizer", "magic"), "no diarization backend 'magic'"),
        (("a.wav", "--asr", "pocketsphinx", "--model", "small"), "no setting 'model'"),
        (("a.wav", "-o", "out.xyz"), ".xyz"),
        (("a.wav", "-f", "pptx"), "pptx"),
        (("a.wav", "b.wav", "-o", "out.srt"), "folder"),
        (("a.wav", "b.wav"), "folder"),
        (("a.wav", "-f", "srt,vtt"), "folder"),
        (("a.wav", "-o", "a.srt", "-o", "a.srt"), "twice"),
        (("a.srt", "-o", "a.srt"), "input itself"),
        (("a.wav", "--start", "1:xx"), "time"),
        (("a.wav", "--diarizer-option", "threshold"), "KEY=VALUE"),
        (("a.wav", "--diarizer", "bic", "--diarizer-option", "nonsense=1"), "nonsense"),
        (("a.wav", "--turns", "t.rttm", "--diarizer", "bic"), "one of them"),
        (("a.wav", "--turns", "t.rttm", "--diarizer-option", "window=2"), "--turns takes no settings (window)"),
        (("a.wav", "--speech", "s.txt", "--vad-model", "folder"), "--speech takes no settings (model)"),
        (("a.wav", *NANO, "--device", "tpu"), "device 'tpu'"),
        (("a.wav", "--language", "xx"), "language 'xx': --asr auto does not know it; give a code"),
        (
            ("a.wav", "--asr", "whisper", "--language", "xx"),
            "language 'xx': --asr whisper does not know it; give a code",
        ),
        (("a.wav", "--asr-option", "task=sing"), "task 'sing': choose one of transcribe, translate"),
        (("a.wav", *NANO, "--start", "9", "--end", "3"), "after the start"),
        (("vad", "a.wav", "--start", "9", "--end", "9"), "after the start"),
        (("a.wav", "--no-such-option"), "no-such-option"),
        (("convrt",), "convert"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2_and_one_line(cli: Cli, arguments: tuple[str, ...], says: str) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert says in done.err


def test_a_missing_output_folder_is_found_before_the_work(cli: Cli, short: Path) -> None:
    done = cli(short, *FAST, "-o", "nowhere/out.srt")
    assert done.code == 1
    assert "nowhere" in done.complaints[0]
    assert "finding" not in done.err


def test_a_transcript_that_cannot_be_written_is_kept_elsewhere(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "out.srt").mkdir()
    done = cli(short, *FAST, "-f", "srt", "-o", "/dev/full")
    assert done.code == 1
    (rescued,) = tmp_path.glob("short_talk-*.json")
    assert str(rescued) in done.err
    assert json_format.loads(rescued.read_text("utf-8")).words


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def wait_until_at_work(process: subprocess.Popen[str]) -> None:
    """Until the recogniser's own processes run; where the system does not tell, for as long as that takes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        time.sleep(4.0)
        return
    deadline = time.monotonic() + 60
    while process.poll() is None and not children.read_text().strip():
        assert time.monotonic() < deadline, "no recogniser was started"
        time.sleep(0.1)


def test_ctrl_c_leaves_no_half_written_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "whisperdiar", str(SAMPLES / "standup.mp4"), *SLOW, "-o", "out.srt"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until_at_work(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_words_outlive_a_failed_diarization_where_only_turns_were_wanted(
    cli: Cli, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = cli(short, *NANO, "--vad", "energy", "--diarizer", "channels", "-o", "out.rttm")
    assert done.code == 1
    assert not (tmp_path / "out.rttm").exists()
    (kept,) = tmp_path.glob("short_talk-*.json")
    assert str(kept) in done.err
    assert json_format.loads(kept.read_text("utf-8")).words


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_does_not_stop_the_rest(cli: Cli, short: Path, tmp_path: Path) -> None:
    shutil.copy(short, tmp_path / "good.wav")
    (tmp_path / "secret.wav").touch(mode=0)
    done = cli("secret.wav", "good.wav", *FAST, "-o", "made/")
    assert done.code == 1
    assert (tmp_path / "made" / "good.srt").exists()


def test_every_file_is_opened_only_when_its_turn_comes() -> None:
    """As root every file is readable, so this looks at the declaration."""
    context = click.Context(main)
    for name in COMMANDS:
        for parameter in getattr(main.get_command(context, name), "params", ()):
            if isinstance(parameter, click.Argument) and isinstance(parameter.type, click.Path):
                assert not parameter.type.readable, f"{name} {parameter.name}"


def test_a_reader_that_has_gone_is_no_error(short: Path) -> None:
    program = f'"{sys.executable}" -m whisperdiar "{short}" --model "{NANO[1]}" --vad energy --diarizer none --quiet'
    command = f"{program} | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_clips_are_made_also_where_the_outputs_exist(cli: Cli, short: Path, tmp_path: Path) -> None:
    assert cli(short, *FAST, "-o", "made/").code == 0
    assert cli(short, *FAST, "-o", "made/", "--clips", "clips").code == 0
    (made, *_) = tmp_path.glob("clips/*/short_talk_all.wav")
    made.write_bytes(b"mine")
    assert cli(short, *FAST, "-o", "made/", "--clips", "clips").code == 0
    assert made.read_bytes() == b"mine"


def test_a_folder_for_clips_that_cannot_be_made_is_found_before_the_work(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("a file", "utf-8")
    done = cli(short, *FAST, "-o", "out.srt", "--clips", "clips")
    assert done.code == 1
    assert not (tmp_path / "out.srt").exists()


def test_a_file_without_turns_is_said_to_be_one(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "turns.rttm").touch()
    done = cli(short, *NANO, "--vad", "energy", "--turns", "turns.rttm", "-o", "out.srt", "-q")
    assert done.code == 0
    assert "turns.rttm holds no turns" in done.err


@pytest.mark.parametrize("language", ["EN", by_night("en-GB"), by_night("en_us")])
def test_english_is_english_however_it_is_typed(cli: Cli, short: Path, tmp_path: Path, language: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
        sphinx = ("--asr", "pocketsphinx", "--vad", "energy", "--diarizer", "none")
        done = cli(short, *sphinx, "--language", language, "--offline", "--end", "3", "-o", "out.json")
    assert done.code == 0, done.err
    assert "language en" in done.err


def test_a_language_that_a_recogniser_does_not_know_is_refused_before_the_work(cli: Cli) -> None:
    done = cli("gone.wav", "--asr", "pocketsphinx", "--vad", "energy", "--diarizer", "none", "--language", "ru")
    assert done.code == 2
    assert "--asr pocketsphinx does not know it; it knows en only" in done.complaints[0]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX signals")
def test_a_closed_terminal_ends_it_like_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "whisperdiar", str(SAMPLES / "standup.mp4"), *SLOW, "-o", "out.srt"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until_at_work(process)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGHUP
    assert list(tmp_path.iterdir()) == []
