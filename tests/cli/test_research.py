"""Converting from and to the formats for researchers, and clips from a transcript that is there already."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli
from tests.golden.golden_transcript import TRANSCRIPT
from tests.media_files import write_wav
from whisperdiar.formats import WriteOptions, by_name
from whisperdiar.media import load
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Span, Turn, Word


def put(folder: Path, name: str, form: str, transcript: Transcript = TRANSCRIPT) -> Path:
    text = by_name(form).dumps(transcript, options=WriteOptions())
    assert isinstance(text, str)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["TextGrid", "eaf", "stm", "ctm"])
def test_the_suffix_tells_what_is_read(cli: Cli, tmp_path: Path, suffix: str) -> None:
    put(tmp_path, f"talk.{suffix}", suffix.lower())
    assert cli("convert", f"talk.{suffix}", "out.srt").code == 0
    text = (tmp_path / "out.srt").read_text("utf-8")
    assert "00:00:00,500 --> " in text
    assert ("Anna" in text) is (suffix != "ctm")


@pytest.mark.parametrize("name", ["whisperx-json", "verbose-json", "diarized-json", "seglst"])
def test_from_names_what_the_suffix_does_not_tell(cli: Cli, tmp_path: Path, name: str) -> None:
    put(tmp_path, "in.json", name)
    guessed = cli("convert", "in.json", "guessed.srt")
    assert guessed.code == 0, guessed.err
    assert (f"look like {name}" in guessed.err) == (name != "seglst")  # no other program writes the keys of SegLST
    done = cli("convert", "--from", name, "in.json", "out.srt", "turns.rttm")
    assert done.code == 0, done.err
    assert "Anna  Maria: Good morning," in (tmp_path / "out.srt").read_text("utf-8")
    assert (tmp_path / "guessed.srt").read_text("utf-8") == (tmp_path / "out.srt").read_text("utf-8")
    assert "SPEAKER " in (tmp_path / "turns.rttm").read_text("utf-8")


def test_from_a_format_that_does_not_read_back_names_those_that_do(cli: Cli, tmp_path: Path) -> None:
    put(tmp_path, "in.labels.txt", "audacity")
    done = cli("convert", "--from", "audacity", "in.labels.txt", "out.srt")
    assert done.code == 2
    assert "whisperx-json" in done.err
    assert cli("convert", "--from", "docx", "in.labels.txt", "out.srt").code == 2


def test_a_textgrid_of_praat_in_utf_16_is_read_and_named_after_its_file(cli: Cli, tmp_path: Path) -> None:
    text = put(tmp_path, "x.TextGrid", "textgrid").read_text("utf-8")
    (tmp_path / "my talk.TextGrid").write_bytes(text.encode("utf-16"))
    assert cli("convert", "my talk.TextGrid", "out.json").code == 0
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["recording_id"] == "my_talk"
    assert found["segments"][4]["text"] == "始めましょう。"


def test_an_eaf_links_to_the_recording(cli: Cli, tmp_path: Path) -> None:
    put(tmp_path, "in.json", "json")
    (tmp_path / "my talk.mp4").write_bytes(b"")
    assert cli("convert", "in.json", "out.eaf", "--media", "my talk.mp4").code == 0
    text = (tmp_path / "out.eaf").read_text("utf-8")
    assert ' MEDIA_URL="my%20talk.mp4"' in text
    assert str(tmp_path) not in text
    assert 'RELATIVE_MEDIA_URL="./my%20talk.mp4"' in text
    assert cli("convert", "in.json", "out.eaf", "--overwrite").code == 0
    assert "MEDIA_URL" not in (tmp_path / "out.eaf").read_text("utf-8")


def test_rename_does_not_rewrite_what_it_reads_in_part(cli: Cli, tmp_path: Path) -> None:
    path = put(tmp_path, "talk.TextGrid", "textgrid")
    before = path.read_bytes()
    refused = cli("rename", "talk.TextGrid", "R&D <Ben>=Ben")
    assert refused.code == 2
    assert "add -o OUT" in refused.err
    assert path.read_bytes() == before
    assert cli("rename", "talk.TextGrid", "R&D <Ben>=Ben", "-o", "new.TextGrid").code == 0
    assert '"words@Ben"' in (tmp_path / "new.TextGrid").read_text("utf-8")


def test_clips_are_cut_from_a_transcript_without_a_model(cli: Cli, short: Path, tmp_path: Path) -> None:
    talk = Transcript(
        "talk", 12.0, "en", (Speaker("SPEAKER_00", "Anna"),),
        (Segment((Word(Span(1.0, 2.0), " Hello.", 1.0, "SPEAKER_00"),), "SPEAKER_00"),),
        (Turn(Span(0.5, 2.5), "SPEAKER_00"), Turn(Span(3.0, 4.0), "SPEAKER_00")),
    )  # fmt: skip
    put(tmp_path, "in.json", "json", talk)
    assert "--media FILE" in cli("convert", "in.json", "--clips", "clips").err
    done = cli("convert", "in.json", "--clips", "clips", "--media", short)
    assert (done.code, done.out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "clips" / "Anna").iterdir()) == [
        "talk_0001_0.50-2.50.wav", "talk_0002_3.00-4.00.wav", "talk_all.wav",
    ]  # fmt: skip
    with wave.open(str(tmp_path / "clips" / "Anna" / "talk_0001_0.50-2.50.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(2.0, abs=0.001)
    done = cli("convert", "in.json", "out.srt", "--clips", "clips", "--media", short)
    assert done.code == 0
    assert "Hello." in (tmp_path / "out.srt").read_text("utf-8")


def test_clips_of_nobody_say_so(cli: Cli, short: Path, tmp_path: Path) -> None:
    put(tmp_path, "in.json", "json", Transcript("talk", 12.0))
    done = cli("convert", "in.json", "--clips", "clips", "--media", short)
    assert done.code == 3
    assert "no clips" in done.err


def test_the_recording_is_not_an_output(cli: Cli, short: Path, tmp_path: Path) -> None:
    put(tmp_path, "in.json", "json")
    done = cli("convert", "in.json", "-f", "eaf", "-o", short, "--media", short)
    assert done.code == 2
    assert "the input itself" in done.err


def test_clips_are_cut_from_the_channel_that_was_transcribed(cli: Cli, short: Path, tmp_path: Path) -> None:
    spoken = load(short).samples[0].astype(np.float64)
    path = write_wav(tmp_path / "two.wav", np.stack([spoken, spoken[::-1]]))
    every = load(path, channels="all").crop(Span(0.5, 2.5))
    for channel, expected in ((None, every.mono), (2, every.samples[1]), (5, every.mono)):  # it has no channel 5
        talk = Transcript(
            "talk", 12.0, "en", (Speaker("SPEAKER_00", "Anna"),),
            (Segment((Word(Span(1.0, 2.0), " Hello.", 1.0, "SPEAKER_00"),), "SPEAKER_00"),),
            (Turn(Span(0.5, 2.5), "SPEAKER_00"),),
            provenance={"options": {"channel": channel, "track": 3}},
        )  # fmt: skip
        put(tmp_path, "in.json", "json", talk)
        assert cli("convert", "in.json", "--clips", f"clips{channel}", "--media", path).code == 0
        found = load(tmp_path / f"clips{channel}" / "Anna" / "talk_0001_0.50-2.50.wav")
        np.testing.assert_allclose(found.samples[0], expected, atol=1e-4)
