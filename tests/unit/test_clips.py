"""Each speaker's speech as sound files, whatever the names in the transcript."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unicodedata
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.examples import examples
from tests.media_files import signal
from whisperdiar.errors import OutputError
from whisperdiar.reports.speaker_clips import write_clips
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Audio, Span, Turn, Word

RATE = 16_000
PAUSE = round(0.3 * RATE)


def recording(seconds: float = 10.0, *, channels: int = 1, start: float = 0.0) -> tuple[Audio, NDArray[np.int16]]:
    """Sound of 16 bits, and the same as integers (n_channels, n_samples)."""
    whole = np.round(signal(seconds, channels=channels) * 32767).astype(np.int16)
    return Audio((whole / 32768).astype(np.float32), RATE, "standup", start), whole


def transcript(*turns: Turn, names: dict[str, str] | None = None, recording_id: str = "standup", **more) -> Transcript:
    labels = dict.fromkeys(turn.speaker for turn in turns)
    speakers = tuple(Speaker(label, (names or {}).get(label, label)) for label in labels)
    fields = {"duration": 10.0, "language": "en", "speakers": speakers, "segments": (), **more}
    return Transcript(recording_id=recording_id, turns=turns, **fields)


def read(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def turn(start: float, end: float, speaker: str = "SPEAKER_00", channel: int = 1) -> Turn:
    return Turn(Span(start, end), speaker, channel)


def joined(pieces: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    parts: list[NDArray[np.int16]] = []
    for piece in pieces:
        parts += [np.zeros(PAUSE, dtype=np.int16), piece] if parts else [piece]
    return np.concatenate(parts)


def test_one_file_per_turn_and_one_per_speaker(tmp_path: Path) -> None:
    audio, whole = recording()
    turns = (turn(0.0, 2.57), turn(2.6, 8.93, "SPEAKER_01"), turn(8.5, 9.75))
    folder = tmp_path / "new" / "clips"
    paths = write_clips(audio, transcript(*turns, names={"SPEAKER_00": "Anna", "SPEAKER_01": "Ben B."}), folder)
    assert [path.relative_to(folder).as_posix() for path in paths] == [
        "Anna/standup_0001_0.00-2.57.wav",
        "Anna/standup_0003_8.50-9.75.wav",
        "Anna/standup_all.wav",
        "Ben B/standup_0002_2.60-8.93.wav",
        "Ben B/standup_all.wav",
    ]
    assert below(folder) == sorted(path.relative_to(folder).as_posix() for path in paths)
    first, third, second = whole[0, :41_120], whole[0, 136_000:156_000], whole[0, 41_600:142_880]
    np.testing.assert_array_equal(read(paths[0]), first)
    np.testing.assert_array_equal(read(paths[1]), third)
    np.testing.assert_array_equal(read(paths[2]), joined([first, third]))
    np.testing.assert_array_equal(read(paths[3]), second)
    np.testing.assert_array_equal(read(paths[4]), second)


def test_times_count_from_the_start_of_the_recording(tmp_path: Path) -> None:
    audio, whole = recording(start=60.0)
    paths = write_clips(
        audio, transcript(turn(61.0, 62.0), turn(50.0, 60.5), turn(69.5, 90.0), turn(0.0, 2.0)), tmp_path
    )
    assert below(tmp_path) == [
        "SPEAKER_00/standup_0002_50.00-60.50.wav",
        "SPEAKER_00/standup_0003_61.00-62.00.wav",
        "SPEAKER_00/standup_0004_69.50-90.00.wav",
        "SPEAKER_00/standup_all.wav",
    ]
    pieces = [whole[0, :8000], whole[0, 16_000:32_000], whole[0, 152_000:]]
    for path, piece in zip(paths, pieces, strict=False):
        np.testing.assert_array_equal(read(path), piece)
    np.testing.assert_array_equal(read(paths[-1]), joined(pieces))


def test_speakers_outside_the_audio_have_no_folder(tmp_path: Path) -> None:
    audio, _ = recording()
    assert write_clips(audio, transcript(turn(20.0, 30.0), turn(3.0, 3.0, "B")), tmp_path / "clips") == ()
    assert not (tmp_path / "clips").exists()


def test_what_overlaps_itself_is_heard_once_in_the_joined_file(tmp_path: Path) -> None:
    audio, whole = recording()
    paths = write_clips(audio, transcript(turn(1.0, 3.0), turn(2.0, 4.0), turn(6.0, 7.0)), tmp_path)
    np.testing.assert_array_equal(read(paths[-1]), joined([whole[0, 16_000:64_000], whole[0, 96_000:112_000]]))


def test_a_mix_of_the_channels(tmp_path: Path) -> None:
    audio, whole = recording(channels=2)
    paths = write_clips(audio, transcript(turn(1.0, 2.0)), tmp_path)
    expected = whole[:, 16_000:32_000].mean(axis=0)
    np.testing.assert_allclose(read(paths[0]), expected, atol=1)


def test_each_speaker_on_a_channel_of_their_own(tmp_path: Path) -> None:
    audio, whole = recording(channels=2)
    turns = (turn(1.0, 2.0, "left", 1), turn(1.5, 2.5, "right", 2), turn(3.0, 4.0, "right", 5))
    paths = write_clips(audio, transcript(*turns), tmp_path)
    np.testing.assert_array_equal(read(tmp_path / "left" / "standup_0001_1.00-2.00.wav"), whole[0, 16_000:32_000])
    np.testing.assert_array_equal(read(tmp_path / "left" / "standup_all.wav"), whole[0, 16_000:32_000])
    right = tmp_path / "right"
    np.testing.assert_array_equal(read(right / "standup_0002_1.50-2.50.wav"), whole[1, 24_000:40_000])
    there_is_no_fifth = whole[:, 48_000:64_000].mean(axis=0)
    np.testing.assert_allclose(read(right / "standup_0003_3.00-4.00.wav"), there_is_no_fifth, atol=1)
    np.testing.assert_array_equal(read(paths[-1])[:16_000], whole[1, 24_000:40_000])


def test_segments_stand_in_for_turns(tmp_path: Path) -> None:
    audio, whole = recording()
    segments = (
        Segment((Word(Span(1.0, 1.5), " Yes"), Word(Span(1.6, 2.0), " sir")), "SPEAKER_00"),
        Segment((Word(Span(3.0, 4.0), " Who?"),), None),
    )
    made = transcript(segments=segments, speakers=(Speaker("SPEAKER_00", "Anna"),))
    paths = write_clips(audio, made, tmp_path)
    assert below(tmp_path) == ["Anna/standup_0001_1.00-2.00.wav", "Anna/standup_all.wav"]
    np.testing.assert_array_equal(read(paths[0]), whole[0, 16_000:32_000])


def test_without_speakers_there_is_nothing_to_write(tmp_path: Path) -> None:
    audio, _ = recording(1.0)
    segments = (Segment((Word(Span(0.1, 0.5), " Yes"),), None),)
    assert write_clips(audio, transcript(segments=segments), tmp_path) == ()
    assert below(tmp_path) == []


def test_loud_samples_do_not_wrap_around(tmp_path: Path) -> None:
    samples = np.array([[1.0, -1.0, 1.5, -1.5, 0.5]], dtype=np.float32).repeat(1000, axis=1)
    paths = write_clips(Audio(samples, RATE), transcript(turn(0.0, 1.0)), tmp_path)
    assert read(paths[0])[::1000].tolist() == [32767, -32768, 32767, -32768, 16384]


NAMES = {
    "../../etc/passwd": "_.._etc_passwd",
    "/etc/passwd": "_etc_passwd",
    "C:\\Windows\\x": "C__Windows_x",
    "..": "SPEAKER_00",
    "": "SPEAKER_00",
    " \t\n": "SPEAKER_00",
    "CON": "_CON",
    "nul.txt": "_nul.txt",
    "com¹": "_com¹",
    "Console": "Console",
    "~root": "_root",
    "-rf *": "rf _",
    "a\0b\nc": "a_b c",
    "Jürgen Müller": "Jürgen Müller",
    "Ju\u0308rgen": "Jürgen",
    "Анна": "Анна",
    "山田 太郎": "山田 太郎",
    "dots...": "dots",
    ".hidden": "hidden",
    "right\u202eleft": "right_left",
    "half \ud800": "half _",
    "x" * 300: "x" * 80,
    "я" * 300: "я" * 40,
}


@pytest.mark.parametrize("name", NAMES)
def test_names_become_harmless_folders(tmp_path: Path, name: str) -> None:
    audio, _ = recording(1.0)
    folder = tmp_path / "clips"
    paths = write_clips(audio, transcript(turn(0.0, 0.5), names={"SPEAKER_00": name}), folder)
    assert {path.parent for path in paths} == {folder / NAMES[name]}
    assert below(tmp_path) == sorted(path.relative_to(tmp_path).as_posix() for path in paths)


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "CON", "x" * 400])
def test_the_name_of_the_recording_is_not_trusted_either(tmp_path: Path, name: str) -> None:
    audio, _ = recording(1.0)
    paths = write_clips(audio, transcript(turn(0.0, 0.5), recording_id=name), tmp_path / "clips")
    assert {path.parent for path in paths} == {tmp_path / "clips" / "SPEAKER_00"}
    assert len(below(tmp_path)) == 2


def test_names_that_come_out_the_same_stay_apart(tmp_path: Path) -> None:
    audio, whole = recording()
    names = {"a": "Anna/B", "b": "Anna:B", "c": "anna_b", "d": "Anna_B_2", "e": "Ａnna_B"}
    turns = [turn(float(i), i + 0.5, label) for i, label in enumerate(names)]
    write_clips(audio, transcript(*turns, names=names), tmp_path)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == sorted(["Anna_B", "Anna_B_2", "anna_b_3", "Anna_B_2_2", "Ａnna_B_4"])
    np.testing.assert_array_equal(read(tmp_path / "anna_b_3" / "standup_all.wav"), whole[0, 32_000:40_000])


@settings(max_examples=examples(60), deadline=None)
@given(names=st.lists(st.text(max_size=12) | st.sampled_from(sorted(NAMES)), min_size=1, max_size=6))
def test_any_names(names: list[str]) -> None:
    audio, _ = recording(1.0)
    labels = {f"S{i}": name for i, name in enumerate(names)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clips"
        paths = write_clips(audio, transcript(*(turn(0.1, 0.2, label) for label in labels), names=labels), folder)
        assert len(set(paths)) == 2 * len(names)
        assert below(Path(name)) == sorted(path.relative_to(name).as_posix() for path in paths)
        folders = [unicodedata.normalize("NFKC", path.name).casefold() for path in folder.iterdir()]
        assert len(set(folders)) == len(names)
        for item in folders:
            assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', item)
            assert item == item.strip(". ")


def test_files_are_replaced_and_others_left_alone(tmp_path: Path) -> None:
    audio, whole = recording()
    other = tmp_path / "SPEAKER_00" / "standup_0001_0.00-1.00.txt"
    other.parent.mkdir()
    other.write_text("mine")
    old = tmp_path / "SPEAKER_00" / "standup_all.wav"
    old.write_bytes(b"old")
    write_clips(audio, transcript(turn(0.0, 1.0)), tmp_path)
    assert other.read_text() == "mine"
    np.testing.assert_array_equal(read(old), whole[0, :16_000])
    assert len(below(tmp_path)) == 3


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    audio, _ = recording(1.0)
    (tmp_path / "SPEAKER_00").write_text("")
    with pytest.raises(OutputError, match="SPEAKER_00: is a file where a folder should be; choose another") as caught:
        write_clips(audio, transcript(turn(0.0, 0.5)), tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match="cannot be made"):
        write_clips(audio, transcript(turn(0.0, 0.5)), tmp_path / "SPEAKER_00" / "deeper")


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    audio, _ = recording(1.0)
    (tmp_path / "SPEAKER_00" / "standup_all.wav").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"standup_all\.wav: this is a folder; give the name of a file in it"):
        write_clips(audio, transcript(turn(0.0, 0.5)), tmp_path)
    assert below(tmp_path) == ["SPEAKER_00/standup_0001_0.00-0.50.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are POSIX")
def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    import resource

    audio, _ = recording()
    made = transcript(*(turn(float(i), i + 0.9) for i in range(10)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # room for a turn, not for all of them
    try:
        with pytest.raises(OutputError, match=r"standup_all\.wav: the file would be larger than a limit allows; "):
            write_clips(audio, made, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(below(tmp_path)) == 10
    assert all(re.search(r"_\d{4}_", name) for name in below(tmp_path))


def test_the_terminal_stays_silent_without_an_ffmpeg_program(tmp_path: Path) -> None:
    code = (
        "import numpy as np, sys\n"
        "from whisperdiar.reports.speaker_clips import write_clips\n"
        "assert 'pydub' not in sys.modules\n"
        "from whisperdiar.types import Audio, Span, Turn\n"
        "from whisperdiar.transcript import Transcript\n"
        "turns = (Turn(Span(0, 0.5), 'A'),)\n"
        "made = Transcript(recording_id='r', duration=1, language=None, speakers=(), segments=(), turns=turns)\n"
        "print(len(write_clips(Audio(np.zeros((1, 16000), dtype=np.float32), 16000), made, sys.argv[1])))\n"
    )
    # An empty cache makes Python compile pydub anew, which is when it warns of its escapes.
    environment = {**os.environ, "PATH": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
    command = [sys.executable, "-W", "default", "-c", code, str(tmp_path / "clips")]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (result.stdout, result.stderr) == ("2\n", "")
