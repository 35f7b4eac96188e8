"""`whisperdiar segment`, and `--skip-music`."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.io import wavfile

from tests.cli.conftest import Cli
from tests.sounds import RATE_HZ, ROOT, SAMPLES
from tests.unit.test_sound_classes import make_tune
from whisperdiar import load
from whisperdiar.formats import by_name


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s of a tune, then 10 s of natural voices, as a wave file."""
    speech = load(SAMPLES / "natural" / "walk.ogg", end=10.0).mono
    sound = np.concatenate([make_tune(8, np.random.default_rng(3)), speech])
    path = tmp_path_factory.mktemp("show") / "show.wav"
    wavfile.write(path, RATE_HZ, (sound * 32767).clip(-32768, 32767).astype(np.int16))
    return path


def test_text_goes_to_standard_output(cli: Cli, show: Path) -> None:
    done = cli("segment", show, "--threads", 1)
    assert done.code == 0
    first = done.out.splitlines()[0].split()
    assert (first[0], first[2]) == ("0.00", "music")
    assert abs(float(first[1]) - 8.0) < 0.6
    assert "show: " in done.err
    assert "music" in done.err


def test_every_format_holds_the_same_segments(cli: Cli, show: Path, tmp_path: Path) -> None:
    names = ("rttm", "audioseg", "json")
    assert cli("segment", show, "-f", ",".join(names), "-f", "audacity,txt,textgrid", "-o", "out/", "-q").code == 0
    read = {}
    for name in names:
        form = by_name(name)
        text = (tmp_path / "out" / f"show{form.suffix}").read_text("utf-8")
        turns = form.read(text).turns  # type: ignore[misc]
        read[name] = [(round(turn.start, 2), round(turn.end, 2), turn.speaker) for turn in turns]
    assert read["audioseg"][0][2] == "m"
    assert {label for _start, _end, label in read["rttm"]} >= {"m", "s"}
    assert read["rttm"] == read["audioseg"] == read["json"]
    intervals = by_name("textgrid").read((tmp_path / "out" / "show.TextGrid").read_text("utf-8")).segments  # type: ignore[misc]
    assert [(round(item.span.start, 2), round(item.span.end, 2), item.text.strip()) for item in intervals] == read[
        "rttm"
    ]
    labels = (tmp_path / "out" / "show.labels.txt").read_text("utf-8").splitlines()
    assert [line.split("\t")[2] for line in labels] == [label for _start, _end, label in read["rttm"]]
    assert (tmp_path / "out" / "show.txt").read_text("utf-8").split()[2] == "music"


def test_classes_are_drawn_where_they_are(cli: Cli, show: Path, tmp_path: Path) -> None:
    assert cli("segment", show, "-f", "json", "-o", "show.json", "--plot", "show.svg", "-q").code == 0
    drawn = (tmp_path / "show.svg").read_text("utf-8")
    root = ElementTree.fromstring(drawn)
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "What sounds when"
    assert {"speech", "music"} <= set(texts)
    later = cli("plot", "show.json", "--kind", "sounds", "--language", "ru", "-o", "-")
    assert "речь" in later.out
    assert len(list(ElementTree.fromstring(later.out).iter())) == len(list(root.iter()))


def test_a_sample_of_the_repository_has_the_classes_that_were_looked_at(cli: Cli) -> None:
    """Labels as they are in the file; times to 0.05 s, as machines round differently."""
    golden = ROOT / "tests" / "data" / "call.classes.audioseg.txt"
    done = cli("segment", SAMPLES / "call.flac", "-f", "audioseg", "-q")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(done.out, "utf-8")
    found, wanted = (
        [(label, float(start), float(end)) for start, end, label in map(str.split, text.splitlines())]
        for text in (done.out, golden.read_text("utf-8"))
    )
    assert [item[0] for item in found] == [item[0] for item in wanted]
    assert np.allclose([item[1:] for item in found], [item[1:] for item in wanted], atol=0.05)


def test_times_count_from_the_start_of_the_recording(cli: Cli, show: Path) -> None:
    done = cli("segment", show, "--start", "2", "--end", "6", "-f", "audioseg", "-q")
    assert done.out.startswith("2.0000000 ")
    assert done.out.splitlines()[-1].split()[1] == "6.0000000"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.wav",), "missing.wav: no such file"),
        (("SHOW", "-o", "out.srt"), "segment writes no words"),
        (("SHOW", "--plot", "out.jpg"), "--plot out.jpg: a plot is .svg or .png"),
        (("SHOW", "SHORT", "-o", "out/", "--plot", "out.svg"), "it draws one recording"),
        (("SHOW", "--presenter", "missing.wav"), "missing.wav"),
        (("SHOW", "--presenter", "SHORT"), "give at least 3 s"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(
    cli: Cli, show: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    wavfile.write(tmp_path / "short.wav", RATE_HZ, np.zeros(RATE_HZ, np.int16))
    named = {"SHOW": str(show), "SHORT": "short.wav"}
    done = cli("segment", *(named.get(item, item) for item in arguments))
    assert done.code in (1, 2)
    (line,) = done.complaints
    assert said in line


def test_the_presenter_is_found(cli: Cli, tmp_path: Path) -> None:
    """Anna of the conversation by a sample of hers, and not the other."""
    from whisperdiar.formats import rttm

    walk = load(SAMPLES / "natural" / "walk.ogg")
    turns = rttm.loads((SAMPLES / "natural" / "walk.rttm").read_text("utf-8"), recording_id="walk").turns
    who = turns[0].speaker
    own = [turn for turn in turns if turn.speaker == who]
    half = len(own) // 2
    sample = np.concatenate([walk.crop(turn.span).mono for turn in own[:half]])
    wavfile.write(tmp_path / "sample.wav", RATE_HZ, sample)
    done = cli("segment", SAMPLES / "natural" / "walk.ogg", "--presenter", "sample.wav", "-f", "audioseg", "-q")
    found = [line.split() for line in done.out.splitlines()]
    heard = {True: 0.0, False: 0.0}
    for start, end, label in found:
        if label == "p":
            for turn in turns:
                part = turn.span.clip(float(start), float(end))
                heard[turn.speaker == who] += 0.0 if part is None else part.duration
    assert heard[True] > 0.6 * sum(turn.span.duration for turn in own)
    assert heard[True] > 4 * heard[False]


def test_music_alone_is_no_speech(cli: Cli, show: Path) -> None:
    kept = cli("vad", show, "--vad", "none", "-f", "uem", "-q")
    skipped = cli("vad", show, "--vad", "none", "--skip-music", "-f", "uem", "-q")
    assert float(kept.out.split()[2]) == 0.0
    assert abs(float(skipped.out.split()[2]) - 8.0) < 0.6
    turns = cli("diarize", show, "--vad", "none", "--diarizer", "none", "--skip-music", "-f", "rttm")
    assert "s of music alone were left out; to hear them, use --keep-music" in turns.err
