"""Files of others on the command line: which recording, which language, what was mended, and what stays as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.sounds import SAMPLES, SHARED

STM = "rec 1 Anna 0.0 2.5 <o> hello\nrec2 1 Ben 2.5 4.0 <o> hi\n"
RUSSIAN = (
    "1\n00:00:01,000 --> 00:00:04,000\nБорис, подготовь, пожалуйста, отчёт к пятнице.\n\n"
    "2\n00:00:04,500 --> 00:00:08,000\nХорошо, я сделаю отчёт к пятнице. Решили: запуск в мае.\n"
)
CASES = SHARED / "cases"


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_one_of_several_recordings_is_named_or_is_that_of_the_file(cli: Cli, tmp_path: Path) -> None:
    refused = cli("convert", write(tmp_path, "b.stm", STM), "-f", "csv")
    assert refused.code == 1
    assert "2 recordings in one file (rec, rec2): say which one is meant, with --recording NAME" in refused.err
    assert "Anna,hello" in cli("convert", "b.stm", "--recording", "rec", "-f", "csv").out
    assert "Ben,hi" in cli("convert", write(tmp_path, "rec2.stm", STM), "-f", "csv").out
    assert "Benno,hi" in cli("rename", "rec2.stm", "Ben=Benno", "-f", "csv").out
    assert "no recording 'other'" in cli("convert", "b.stm", "--recording", "other", "-f", "csv").err
    one = cli("convert", write(tmp_path, "x.srt", RUSSIAN), "--recording", "x", "-f", "csv")
    assert "a file of srt holds one recording; leave it out" in one.err


def test_align_says_how_to_choose_a_recording(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, "talk.json", '[{"start": 0, "end": 1, "word": "Hello"}]')
    turns = "SPEAKER a 1 0 1 <NA> <NA> Anna <NA> <NA>\nSPEAKER b 1 0 1 <NA> <NA> Ben <NA> <NA>\n"
    write(tmp_path, "turns.rttm", turns)
    refused = cli("align", "talk.json", "turns.rttm", "-f", "txt")
    assert (
        "no recording 'talk' in this file; it holds: a, b; say which one is meant with --recording NAME" in refused.err
    )
    assert cli("align", "talk.json", "turns.rttm", "--recording", "b", "-f", "txt").out == "[00:00:00] Ben: Hello\n"


def test_turns_and_speech_of_several_recordings_are_chosen(cli: Cli, tmp_path: Path) -> None:
    turns = "SPEAKER a 1 0 1 <NA> <NA> Anna <NA> <NA>\nSPEAKER b 1 0 1 <NA> <NA> Ben <NA> <NA>\n"
    write(tmp_path, "turns.rttm", turns)
    write(tmp_path, "speech.uem", "a 1 0 1\nb 1 1 2\n")
    for command, option in (("diarize", "--turns turns.rttm"), ("vad", "--speech speech.uem")):
        refused = cli(command, SAMPLES / "call.flac", *option.split(), "-q")
        named = f"--{'diarizer' if command == 'diarize' else 'vad'}-option recording=NAME"
        assert "it holds: a, b; say which one with " + named in refused.err
        done = cli(command, SAMPLES / "call.flac", *option.split(), "-q", *named.replace("NAME", "b").split())
        assert ("Ben" if command == "diarize" else "1.00  2.00 SPEECH") in done.out
        assert "Anna" not in done.out


def test_the_language_is_said_or_seen(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, "talk.srt", RUSSIAN)
    seen = cli("convert", path, "-f", "json")
    assert "note: " in seen.err
    assert seen.err.count("the text looks Russian; if it is not, say --language CODE") == 1
    assert json.loads(seen.out)["language"] == "ru"
    said = cli("convert", path, "--language", "Ukrainian", "-f", "json")
    assert json.loads(said.out)["language"] == "uk"
    assert "looks" not in said.err
    assert cli("convert", path, "--language", "?", "-f", "json").code == 2
    header = write(tmp_path, "talk.vtt", "WEBVTT\nKind: captions\nLanguage: pt-BR\n\n00:01.000 --> 00:02.000\nOi!\n")
    assert json.loads(cli("convert", header, "-f", "json").out)["language"] == "pt-BR"


def test_minutes_of_russian_subtitles_are_russian(cli: Cli, tmp_path: Path) -> None:
    done = cli("minutes", write(tmp_path, "talk.srt", RUSSIAN))
    assert done.out.startswith("# Протокол: talk")
    assert "отчёт к пятнице" in done.out


def test_a_cut_by_a_profile_passes_the_check_of_that_profile(cli: Cli, tmp_path: Path) -> None:
    said = "それで森だと見に行くのか、バカバカしい。「何してんの？」と聞いたら、彼は買ったと言っていました。"
    write(tmp_path, "jp.srt", f"1\n00:00:01,000 --> 00:00:09,000\n{said}\n")
    assert cli("convert", "jp.srt", "new.srt", "--profile", "netflix").code == 0
    assert cli("check", "new.srt", "--profile", "netflix", "--language", "ja").code == 0
    assert cli("check", "new.srt", "--profile", "netflix").code == 0


def test_finished_subtitles_are_cut_anew_only_on_demand(cli: Cli, tmp_path: Path) -> None:
    cues = "1\n00:00:01,000 --> 00:00:02,000\nI bet\n\n2\n00:00:02,100 --> 00:00:03,000\nyou were\n"
    path = write(tmp_path, "old.srt", cues)
    assert cli("convert", path, "-f", "srt").out.split() == cues.split()
    for arguments in (["--recut"], ["--profile", "default"], ["--max-chars", "40"]):
        assert "I bet you were" in cli("convert", path, "-f", "srt", *arguments).out


def test_what_was_mended_is_told_once(cli: Cli, tmp_path: Path) -> None:
    words = [{"word": "So", "start": 0, "end": 0.4}, {"word": "it", "start": 0.4, "end": 0.35}]
    data = {"segments": [{"start": 0, "end": 1, "text": "So it", "words": words}], "language": "en"}
    write(tmp_path, "x.json", json.dumps(data))
    done = cli("convert", "--from", "whisperx-json", "x.json", "a.srt", "b.txt")
    assert done.code == 0
    assert done.err.count("segments[0].words[1] (0.4 to 0.35): this time cannot be") == 1


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases of ../shared/cases are not here")
@pytest.mark.parametrize(
    ("case", "command", "shows"),
    [
        ("verbose_json_nested_words", "convert --from verbose-json wcs.json -f csv-words", "wcs,1,4.500,5.000,,there."),
        ("verbose_json_nested_words", "convert --from verbose-json aai.json -f json", "words[0].word: this text"),
        ("whisperx_json_word_speakers", "convert --from whisperx-json wx2.json -f txt", "[00:00:01] B: Yes, I do."),
        ("whisperx_json_word_speakers", "convert --from whisperx-json wx2.json -f rttm", "<NA> <NA> B <NA> <NA>"),
        ("align_takes_segments_for_words", "align fwseg.json t.rttm -f txt", "[00:00:01] Boris,Jr: Yes, sir."),
        ("align_glues_words_without_space", "align nospace.json t.rttm -f txt", "Анна: Hello there."),
        ("json_word_ends_before_start", "convert --from whisperx-json wxneg.json -f txt", "A: Do you know that?"),
        ("json_word_ends_before_start", "align negdur.json t.rttm -f txt", "words[1] (0.6 to 0.5): this time"),
        ("one_bad_end_scatters_words", "convert wc466.srt -f srt", "5\n00:47:04,713 --> 00:47:06,080\nthe sound."),
        ("textgrid_same_tier_names", "convert dup.TextGrid -f csv", "S1,hello there"),
        ("rttm_names_with_spaces", "align space.json idspace.rttm -f txt", "A: Hello there. Yes sir."),
        ("rttm_names_with_spaces", "convert spaces.rttm -f rttm", "Anna_Maria"),
        ("stm_two_recordings_dead_end", "convert b.stm --recording rec2 -f csv", "Ben,hi"),
        ("no_language_for_convert_and_align", "convert ar.srt -f ttml", 'xml:lang="ar"'),
        ("convert_recuts_finished_subtitles", "convert keep.srt -f vtt", "Where were you\nlast night?"),
    ],
)  # fmt: skip
def test_reported_cases_are_right(cli: Cli, tmp_path: Path, case: str, command: str, shows: str) -> None:
    for path in (CASES / case).iterdir():
        shutil.copy(path, tmp_path)
    done = cli(*command.split())
    assert shows in done.out + done.err


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_a_file_without_anything_in_it_is_no_success(cli: Cli, tmp_path: Path, text: str) -> None:
    write(tmp_path, "empty.srt", text)
    done = cli("convert", "empty.srt", "out.vtt")
    assert (done.code, done.complaints) == (
        3,
        ["whisperdiar: error: empty.srt: there are no words in it; is it the right file?"],
    )
    assert (tmp_path / "out.vtt").exists()
    checked = cli("check", "empty.srt")
    assert (checked.code, checked.complaints) == (
        2,
        ["whisperdiar: error: empty.srt: there is no subtitle in it; is it the right file?"],
    )
