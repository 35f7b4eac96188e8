"""The single stages, conversions and lists of the command line."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.media_files import Track, write_media, write_wav
from tests.sounds import NANO, ROOT, SAMPLES
from whisperdiar import Segment, Span, Speaker, Transcript, Turn, Word, load
from whisperdiar.formats import json as json_format
from whisperdiar.formats import rttm, speech
from whisperdiar.options import WriteOptions


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    words = (
        Word(Span(0.5, 1.0), " Hello", 0.9, "SPEAKER_00", 0.95),
        Word(Span(2.0, 2.5), " Hi.", 0.8, "SPEAKER_01", 0.9),
    )
    made = Transcript(
        "talk",
        3.0,
        "en",
        (Speaker("SPEAKER_00", "SPEAKER_00"), Speaker("SPEAKER_01", "SPEAKER_01")),
        tuple(Segment((word,), word.speaker) for word in words),
        (Turn(Span(0.4, 1.1), "SPEAKER_00"), Turn(Span(1.9, 2.6), "SPEAKER_01")),
    )
    path = tmp_path / "out.json"
    path.write_text(json_format.dumps(made, options=WriteOptions()), "utf-8")
    return path


@pytest.mark.parametrize("form", ["rttm", "txt", "json"])
def test_vad_writes_what_reads_back(cli: Cli, short: Path, tmp_path: Path, form: str) -> None:
    assert cli("vad", short, "--vad", "energy", "-o", f"speech.{form}").code == 0
    text = (tmp_path / f"speech.{form}").read_text("utf-8")
    found = speech.loads(text, suffix=f".{form}")
    assert 4.0 < sum(span.duration for span in found) < 12.0
    if form == "rttm":
        assert {turn.speaker for turn in rttm.loads(text).turns} == {"speech"}
    if form == "json":
        assert set(json.loads(text)) == {"duration", "speech"}
    if form == "txt":
        assert text.startswith("segment_001 ")


def test_vad_takes_speech_from_a_file_and_changes_its_form(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "in.uem").write_text("short_talk 1 1.0 4.0\nshort_talk 1 6.0 7.5\n", "utf-8")
    done = cli("vad", short, "--speech", "in.uem", "-f", "json", "--quiet")
    assert json.loads(done.out)["speech"] == [{"start": 1.0, "end": 4.0}, {"start": 6.0, "end": 7.5}]


def test_diarize_alone(cli: Cli, short: Path) -> None:
    done = cli("diarize", short, "--diarizer", "bic", "--vad", "energy", "--speakers", "2", "--quiet")
    assert done.code == 0, done.err
    assert set(rttm.loads(done.out).speakers) == {"SPEAKER_00", "SPEAKER_01"}


def test_diarize_writes_pyannotes_json(cli: Cli, short: Path) -> None:
    done = cli("diarize", short, "--diarizer", "bic", "--vad", "energy", "-f", "pyannote-json", "--quiet")
    (first, *_) = json.loads(done.out)["diarization"]
    assert set(first) == {"speaker", "start", "end"}
    assert isinstance(first["start"], str)


def test_diarize_refuses_subtitles(cli: Cli, short: Path) -> None:
    done = cli("diarize", short, "-o", "x.srt")
    assert done.code == 2
    assert "no words" in done.err


def test_diarize_one_speaker_per_channel(cli: Cli) -> None:
    done = cli("diarize", SAMPLES / "call.flac", "--diarizer", "channels", "--vad", "energy", "--quiet")
    assert done.code == 0, done.err
    assert {turn.channel for turn in rttm.loads(done.out).turns} == {1, 2}


def test_align_words_and_turns_from_files(cli: Cli, tmp_path: Path) -> None:
    words = [{"start": i, "end": i + 0.5, "text": f" w{i}", "probability": 0.5} for i in range(6)]
    (tmp_path / "talk.words.json").write_text(json.dumps(words), "utf-8")
    lines = [f"SPEAKER talk 1 {start} 3 <NA> <NA> {name} <NA> <NA>\n" for start, name in ((0, "A"), (3, "B"))]
    (tmp_path / "talk.rttm").write_text("".join(lines), "utf-8")
    assert cli("align", "talk.words.json", "talk.rttm", "-o", "out.json").code == 0
    made = json_format.loads((tmp_path / "out.json").read_text("utf-8"))
    assert made.recording_id == "talk"
    assert [(w.text, w.speaker) for w in made.words] == [(f" w{i}", "A" if i < 3 else "B") for i in range(6)]


def test_align_keeps_what_a_transcript_knows(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    (tmp_path / "other.rttm").write_text("SPEAKER talk 1 0 3 <NA> <NA> Z <NA> <NA>\n", "utf-8")
    assert cli("align", transcript, "other.rttm", "-o", "new.json").code == 0
    made = json_format.loads((tmp_path / "new.json").read_text("utf-8"))
    assert (made.recording_id, made.language, made.duration) == ("talk", "en", 3.0)
    assert {w.speaker for w in made.words} == {"Z"}


def test_convert_needs_no_model(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    assert cli("convert", transcript, "out.vtt", "-o", "out.srt").code == 0
    assert (tmp_path / "out.vtt").read_text("utf-8").startswith("WEBVTT")
    assert "SPEAKER_00: Hello" in (tmp_path / "out.srt").read_text("utf-8")
    assert "SPEAKER" not in cli("convert", transcript, "--speaker-style", "none").out
    assert cli("convert", transcript, "out.rttm").code == 0
    assert cli("convert", "out.rttm", "-f", "json").code == 0
    refused = cli("convert", "out.rttm", "x.srt")
    assert refused.code == 2
    assert "no words" in refused.err


def test_convert_leaves_what_lies_in_a_folder_unless_asked(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    made = tmp_path / "made" / "out.srt"
    made.parent.mkdir()
    made.write_text("mine", "utf-8")
    done = cli("convert", transcript, "made/")
    assert done.code == 0
    assert "exists already" in done.err
    assert made.read_text("utf-8") == "mine"
    assert cli("convert", transcript, "made/", "--overwrite").code == 0
    assert made.read_text("utf-8") != "mine"


def test_rename_changes_names_never_labels(cli: Cli, transcript: Path) -> None:
    assert cli("rename", transcript, "SPEAKER_00=Anna Maria").code == 0
    made = json_format.loads(transcript.read_text("utf-8"))
    assert made.speakers[0] == Speaker("SPEAKER_00", "Anna Maria")
    assert made.words[0].speaker == "SPEAKER_00"
    assert "Anna Maria: Hello" in cli("rename", transcript, "SPEAKER_01=Boris", "-f", "srt").out
    assert json_format.loads(transcript.read_text("utf-8")).speakers[1].name == "SPEAKER_01", "with -f IN stays"
    assert "Anna_Maria" in cli("convert", transcript, "-f", "rttm").out


@pytest.mark.parametrize("pair", ["SPEAKER_07=Anna", "SPEAKER_00", "=Anna", "SPEAKER_00= "])
def test_rename_refuses_what_it_cannot_do(cli: Cli, transcript: Path, pair: str) -> None:
    before = transcript.read_bytes()
    done = cli("rename", transcript, pair)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert transcript.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}', '{"schema_version": 1}', "\xff"])
def test_convert_refuses_broken_files_in_one_line(cli: Cli, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_bytes(text.encode("latin-1"))
    done = cli("convert", "bad.json", "out.srt")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "bad.json" in done.err
    assert not (tmp_path / "out.srt").exists()


def test_backends_lists_all_and_their_settings(cli: Cli) -> None:
    done = cli("backends", "--settings")
    for name in ("silero", "crdnn", "whisper", "pocketsphinx", "bic", "channels", "pyannote"):
        assert f"  {name} " in done.out
    assert "min_silence=" in done.out
    rows = json.loads(cli("backends", "--json").out)
    bic = next(row for row in rows if row["name"] == "bic")
    assert {"overlap", "max_speakers", "streaming", "licence", "token", "download_mb", "installed"} <= set(bic)
    assert bic["installed"]


def test_models_list_and_path(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    assert "large-v3-turbo" in cli("models", "list").out
    done = cli("models", "path", "small")
    assert done.code == 1
    assert "models download small" in done.complaints[0]


def test_the_command_reference_is_up_to_date() -> None:
    import subprocess
    import sys

    subprocess.run([sys.executable, str(ROOT / "docs" / "make_commands.py"), "--check"], check=True, cwd=ROOT)


def test_align_forgives_comments_and_another_recording_id(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    (tmp_path / "t.rttm").write_text(";; by hand\nSPEAKER\tother 1 0 3 <NA> <NA> Z <NA> <NA>\n", "utf-8")
    assert cli("align", transcript, "t.rttm", "-o", "new.json").code == 0
    (tmp_path / "bad.rttm").write_text("SPEAKER talk 1 zero 3 <NA> <NA> Z <NA> <NA>\n", "utf-8")
    done = cli("align", transcript, "bad.rttm")
    assert done.code == 1
    assert "bad.rttm: line 1" in done.err


def test_speech_of_another_recording_is_refused(cli: Cli, short: Path, tmp_path: Path) -> None:
    (tmp_path / "far.uem").write_text("short_talk 1 900 950\n", "utf-8")
    done = cli("vad", short, "--speech", "far.uem")
    assert done.code == 1
    assert "far.uem" in done.complaints[0]


def test_no_output_may_replace_a_file_that_is_read(cli: Cli, short: Path, transcript: Path, tmp_path: Path) -> None:
    recording = tmp_path / "talk.wav"
    recording.write_bytes(short.read_bytes())
    (tmp_path / "words.json").write_text('[{"start": 0.5, "end": 0.9, "text": " Hi."}]', "utf-8")
    turns = "SPEAKER talk 1 0.4 0.7 <NA> <NA> Anna <NA> <NA>\n"
    (tmp_path / "turns.rttm").write_text(turns, "utf-8")
    before = recording.read_bytes()
    for arguments in (
        ("vad", recording, "--vad", "energy", "-f", "txt", "-o", recording),
        ("vad", recording, "--speech", "turns.rttm", "-o", "turns.rttm"),
        ("diarize", recording, "--vad", "energy", "--turns", "turns.rttm", "-o", "turns.rttm"),
        ("align", "words.json", "turns.rttm", "-o", "turns.rttm"),
        (recording, *NANO, "--vad", "energy", "--turns", "turns.rttm", "-o", "turns.rttm"),
    ):
        done = cli(*arguments)
        assert done.code == 2, arguments
        assert "this is the input itself" in done.complaints[0]
    assert recording.read_bytes() == before
    assert (tmp_path / "turns.rttm").read_text("utf-8") == turns


def test_vad_finds_an_unusable_output_before_the_work_and_knows_the_dash(cli: Cli, short: Path) -> None:
    done = cli("vad", short, "--vad", "energy", "-o", "nowhere/speech.txt")
    assert done.code == 1
    assert "nowhere does not exist" in done.err
    assert cli("vad", short, "--vad", "energy", "-q", "-o", "-").out.startswith("segment_001")


def test_a_missing_file_is_named_once(cli: Cli) -> None:
    for arguments in (("convert", "gone.json"), ("align", "gone.json", "gone.rttm"), ("rename", "gone.json", "A=B")):
        assert cli(*arguments).err.count("gone.json") == 1


def test_what_was_only_converted_is_not_kept_elsewhere(
    cli: Cli, transcript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert cli("convert", transcript, "-f", "srt", "-o", "/dev/full").code == 1
    assert cli("rename", transcript, "SPEAKER_00=<NA>", "-o", "out.rttm").code == 1
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_time_that_no_clock_can_show_is_refused(cli: Cli, transcript: Path) -> None:
    transcript.write_text(transcript.read_text("utf-8").replace('"end": 2.5', '"end": 1e300'), "utf-8")
    done = cli("convert", transcript, "out.srt")
    assert done.code == 1
    assert "segments[1].words[0].end: the number is too large" in done.complaints[0]


@pytest.mark.parametrize("arguments", [(), ("models",)])
def test_without_arguments_the_help_is_no_error_message(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.code in (0, 2)  # as the click that is installed has it
    assert "Usage: whisperdiar" in done.out + done.err
    assert "error" not in done.err


def test_formats_may_be_typed_with_spaces_and_never_empty(cli: Cli, transcript: Path, tmp_path: Path) -> None:
    assert cli("convert", transcript, "-f", "srt, vtt", "-o", "made/").code == 0
    assert sorted(path.suffix for path in (tmp_path / "made").iterdir()) == [".srt", ".vtt"]
    assert cli("convert", transcript, "-f", ",").code == 2


def test_a_broken_backend_of_another_package_does_not_hide_the_rest(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = importlib.metadata.EntryPoint("outside", "no.such.module:Backend", "whisperdiar.vad")
    monkeypatch.setattr(
        "whisperdiar.registry._entry_points", lambda stage: {"outside": entry} if stage == "vad" else {}
    )
    done = cli("backends")
    assert done.code == 0
    assert "outside      BROKEN" in done.out
    assert "pocketsphinx" in done.out


def buffered() -> dict[str, str]:
    """The environment of a user, in which what is written to a stream may fail as late as at the end."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
@pytest.mark.parametrize("redirection", [">&-", "2>&- >&-", ">/dev/full", ">/dev/full 2>/dev/full", "2>&- | head -c 1"])
def test_standard_streams_that_are_closed_or_full(transcript: Path, redirection: str) -> None:
    command = f'"{sys.executable}" -m whisperdiar convert "{transcript}" {redirection}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=buffered())
    piped = "|" in redirection
    assert done.returncode == (0 if piped else 1)
    assert done.stdout == ("1" if piped else "")
    complaint = "" if "2>" in redirection else "standard output"
    assert complaint in done.stderr
    assert "unexpected" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_work_goes_on_where_nobody_hears_of_it(short: Path, tmp_path: Path) -> None:
    for redirection in ("2>&-", "2>/dev/full"):
        command = (
            f'"{sys.executable}" -m whisperdiar diarize "{short}" --vad energy --diarizer bic -o out.rttm {redirection}'
        )
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False, env=buffered())
        assert done.returncode == 0
        assert (tmp_path / "out.rttm").read_text("utf-8").startswith("SPEAKER short_talk")
        (tmp_path / "out.rttm").unlink()


def test_align_says_what_it_joined(cli: Cli, short: Path, tmp_path: Path) -> None:
    """Turns that come after a failed diarization mend it: nothing of the failure is left to be shown."""
    (tmp_path / "good.rttm").write_text("SPEAKER talk 1 0 9 <NA> <NA> Z <NA> <NA>\n", "utf-8")
    lost = cli(short, *NANO, "--vad", "energy", "--diarizer", "channels", "-o", "lost.json")
    assert lost.code == 1
    assert cli("align", "lost.json", "good.rttm", "-o", "new.json", "-o", "new.vtt").code == 0
    found = json.loads((tmp_path / "new.json").read_text("utf-8"))["provenance"]
    assert (found["asr"]["backend"], found["vad"]["backend"]) == ("whisper", "energy")
    assert (found["diarizer"]["backend"], found["diarizer"]["model"]) == ("rttm", "good.rttm")
    assert found["warnings"] == []
    assert "failed" not in (tmp_path / "new.vtt").read_text("utf-8")


def test_align_of_a_list_of_words_follows_the_schema(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "talk.words.json").write_text('[{"start": 0, "end": 1, "text": " Hi."}]', "utf-8")
    (tmp_path / "talk.rttm").write_text("SPEAKER talk 1 0 1 <NA> <NA> Z <NA> <NA>\n", "utf-8")
    made = json.loads(cli("align", "talk.words.json", "talk.rttm", "-q").out)
    jsonschema.validate(made, json_format.schema())
    assert made["provenance"]["diarizer"]["model"] == "talk.rttm"
    assert "whisperdiar" in made["provenance"]["versions"]


@pytest.mark.skipif(os.name == "nt", reason="a folder in use cannot be deleted there")
def test_a_deleted_folder_is_named_as_the_cause(short: Path, tmp_path: Path) -> None:
    command = f'mkdir gone && cd gone && rmdir ../gone && "{sys.executable}" -m whisperdiar vad "{short}" -o x.txt'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "folder has been deleted" in done.stderr


def test_the_bound_of_doubt_is_the_users(cli: Cli, tmp_path: Path) -> None:
    words = [{"start": i * 0.5, "end": i * 0.5 + 0.4, "text": f" word{i}"} for i in range(20)]
    (tmp_path / "talk.words.json").write_text(json.dumps(words), "utf-8")
    lines = [f"SPEAKER talk 1 {start} 3 <NA> <NA> {who} <NA> <NA>\n" for start, who in ((0, "A"), (2, "B"), (5, "A"))]
    (tmp_path / "talk.rttm").write_text("".join(lines), "utf-8")
    for bound in (0.0, 0.95, 1.0):
        made = json.loads(cli("align", "talk.words.json", "talk.rttm", "-q", "--uncertain-below", bound).out)
        confidences = [word["speaker_confidence"] for part in made["segments"] for word in part["words"]]
        listed = [item["word_index"] for item in made["uncertain"]]
        assert len(listed) == pytest.approx(
            sum(value < bound for value in confidences), abs=sum(v == bound for v in confidences)
        )
    assert listed, "under a bound of 1 every word that is not certain is listed"
    assert cli("align", "talk.words.json", "talk.rttm", "--uncertain-below", 1.5).code == 2


def test_damage_is_told_on_stderr_and_in_the_transcript(cli: Cli, tmp_path: Path) -> None:
    data = bytearray((SAMPLES / "meeting.ogg").read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)
    path = tmp_path / "hole.ogg"
    path.write_bytes(data)
    sentence = "81.0 s at 80.0-161.0 s could not be decoded (damaged); they are silent"
    done = cli("vad", path, "--vad", "energy", "--start", "75", "--end", "170", "-o", "speech.txt")
    assert done.code == 0
    assert f"whisperdiar: warning: {path}: {sentence}" in done.err
    assert sentence not in cli("vad", path, "--vad", "energy", "--end", "70", "-o", "other.txt").err


@pytest.fixture
def voice_and_tone(tmp_path: Path) -> Path:
    """A voice on channel 2, a tone on channel 1; both at once are too loud a tone for any detector by loudness."""
    spoken = load(SAMPLES / "dialogue_fr.wav", end=8.0).samples[0].astype(np.float64)
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(len(spoken)) / 16_000)
    return write_wav(tmp_path / "tone.wav", np.stack([tone, spoken]))


def test_one_channel_is_read_by_every_command(cli: Cli, voice_and_tone: Path) -> None:
    arguments = (voice_and_tone, "--vad", "energy", "--quiet")
    hinted = cli("vad", *arguments)
    chosen = cli("vad", *arguments, "--channel", "2")
    assert "channel 1 is unlike channel 2" in hinted.err
    assert hinted.out == chosen.out
    assert chosen.err == ""
    assert cli("vad", *arguments, "--channel", "1").out != chosen.out
    turns = cli("diarize", *arguments, "--diarizer", "bic", "--channel", "2")
    assert turns.out == cli("diarize", *arguments, "--diarizer", "bic").out != ""
    words = cli(*arguments, *NANO, "--diarizer", "none", "--channel", "2", "-f", "json")
    options = json.loads(words.out)["provenance"]["options"]
    assert (options["track"], options["channel"]) == (None, 2)
    lost = cli("vad", *arguments, "--channel", "3")
    assert lost.code == 1
    assert "has no channel 3; its track has 2 channels" in lost.complaints[0]
    refused = cli("diarize", *arguments, "--diarizer", "channels", "--channel", "1")
    assert refused.code == 2
    assert "channel 1: --diarizer channels needs every channel" in refused.complaints[0]


def test_other_tracks_are_a_note_and_a_warning_where_nobody_speaks(cli: Cli, tmp_path: Path) -> None:
    hum = 0.01 * np.sin(2 * np.pi * 50 * np.arange(80_000) / 16_000)[None]
    spoken = load(SAMPLES / "dialogue_fr.wav", end=5.0).samples.astype(np.float64)
    main, other = (Track(samples=samples, main=samples is hum) for samples in (hum, spoken))
    path = write_media(tmp_path / "two.mkv", main, other)
    said = "track 1 of 2 is read; also: 2: pcm_s16le 1 channel (--track 2)"
    done = cli("diarize", path, "--vad", "energy", "--diarizer", "bic")
    assert f"whisperdiar: warning: {path}: {said}" in done.err
    done = cli("diarize", path, "--vad", "none", "--diarizer", "bic")
    assert f"whisperdiar: note: {path}: {said}" in done.err
