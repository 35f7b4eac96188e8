"""Emotion diarization through SpeechBrain's own code: a small random WavLM whose answers change with the sound."""

from __future__ import annotations

import importlib.util
import itertools
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whisperdiar
from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.kept_parts import check_kills
from tests.sounds import NANO, SAMPLES, conversation
from whisperdiar import Span, Turn, load, read
from whisperdiar.emotions import EmotionDiarizer
from whisperdiar.errors import BackendBroken, BackendMissing, ModelUnavailable, UnsupportedRequest
from whisperdiar.formats import by_name
from whisperdiar.options import CacheOptions, EmotionSettings, Runtime
from whisperdiar.recordings import Part
from whisperdiar.types import Audio, merge_spans

pytest.importorskip("speechbrain", reason="SpeechBrain is not installed")
pytest.importorskip("transformers", reason="Transformers is not installed")
pytestmark = pytest.mark.model

OFFLINE = Runtime(offline=True, threads=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    from whisperdiar.frameworks.torch import limit_cpu_threads

    with limit_cpu_threads(1):
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.emotion_models import save_small

    return save_small(tmp_path_factory.mktemp("emotions") / "model")


def track(turns: tuple[Turn, ...], seconds: float) -> list[str]:
    """The emotion at every hundredth of a second; empty where none is told."""
    at = np.arange(0.005, seconds, 0.01)
    return [next((turn.speaker for turn in turns if turn.start <= t < turn.end), "") for t in at]


def test_the_answer_is_the_librarys_own(small: Path) -> None:
    import torch

    diarizer = EmotionDiarizer(EmotionSettings(model=str(small)), runtime=OFFLINE)
    audio = conversation("AB", each=2.0)[0]
    found = diarizer.diarize(audio, speech=[Span(0.0, audio.duration)])
    names = {"a": "angry", "n": "neutral", "h": "happy", "s": "sad"}
    theirs = diarizer._loaded.diarize_batch(torch.from_numpy(audio.mono[None]), torch.ones(1), ["x"])["x"]
    assert [(round(turn.start, 2), turn.speaker) for turn in found] == [
        (i["start"], names[i["emotion"]]) for i in theirs
    ]
    assert len({turn.speaker for turn in found}) > 1
    assert found[-1].end == audio.duration
    assert pickle.loads(pickle.dumps(diarizer)).diarize(audio, speech=[Span(0.0, audio.duration)]) == found


def test_long_speech_is_heard_in_windows_and_emotion_is_told_nowhere_else(small: Path) -> None:
    audio, turns = conversation("ABC", each=6.0, gap=1.5)
    speech = [turn.span for turn in turns]
    whole, parts = (
        EmotionDiarizer(EmotionSettings(model=str(small), window=window), runtime=OFFLINE).diarize(audio, speech=speech)
        for window in (60.0, 2.0)
    )
    for found in (whole, parts):
        assert merge_spans(turn.span for turn in found) == tuple(speech)
        assert all(
            a.end <= b.start and (a.speaker, a.end) != (b.speaker, b.start) for a, b in itertools.pairwise(found)
        )
    same = np.mean([a == b for a, b in zip(track(whole, audio.duration), track(parts, audio.duration), strict=True)])
    assert same > 0.8
    assert EmotionDiarizer(EmotionSettings(model=str(small)), runtime=OFFLINE).diarize(audio, speech=[]) == ()


def test_a_killed_run_goes_on_with_its_windows(small: Path, tmp_path: Path) -> None:
    diarizer = EmotionDiarizer(EmotionSettings(model=str(small), window=2.0), runtime=OFFLINE)
    audio, turns = conversation("AB", each=4.0, gap=1.5)
    assert check_kills(lambda: diarizer.diarize(audio, speech=[turn.span for turn in turns]), tmp_path) == 4


def test_emotions_that_are_kept_need_no_model(small: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": NANO[1], "diarizer": "none", "vad": "energy", "language": "en", "threads": 1}
    settings |= {"emotions": str(small), "offline": True}
    cache = CacheOptions(folder=str(tmp_path / "cache"))
    made = []
    for kept in (None, cache, cache):
        with whisperdiar.open_pipeline(**settings, cache=kept) as pipeline:
            made.append(pipeline(SAMPLES / "standup.mp4", part=Part(start=2.0, end=8.0)))
            emotions = pipeline.load().emotions
            assert emotions is not None
            is_loaded = emotions.is_loaded
    assert not is_loaded
    assert made[0].emotions
    assert made[0].to_dict() == made[1].to_dict() == made[2].to_dict()


def test_from_the_command_line_into_the_json_and_a_track(cli: Cli, small: Path, tmp_path: Path) -> None:  # noqa: F811
    sound = SAMPLES / "standup.mp4"
    part = ("--start", 2, "--end", 8)
    options = (*NANO, "--language", "en", "--diarizer", "none", *part, "--threads", 1, "--offline")
    done = cli("--emotions", small, sound, *options, "-o", "out/", "-f", "json,emotions-rttm,textgrid")
    assert done.code == 0
    assert "frozen" not in done.err
    made = read(tmp_path / "out" / "standup.json")
    assert made.provenance["emotions"]["model"] == small.name
    assert made.emotions
    assert all(2.0 <= turn.start < turn.end <= 8.0 for turn in made.emotions)
    assert all(made.emotion(segment.span) is not None for segment in made.segments)
    rttm = (tmp_path / "out" / "standup.emotions.rttm").read_text("utf-8")
    assert by_name("emotions-rttm").read(rttm).emotions == made.emotions  # type: ignore[misc]
    assert (
        by_name("textgrid").read((tmp_path / "out" / "standup.TextGrid").read_text("utf-8")).emotions == made.emotions
    )  # type: ignore[misc]
    refused = cli(sound, *NANO, "-o", "x.rttm", "-f", "emotions-rttm")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "format emotions-rttm: add --emotions" in refused.err


def test_what_cannot_run_says_so_in_one_line(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_model(model: object) -> None:
        EmotionDiarizer(EmotionSettings(model=str(model)), runtime=OFFLINE).prepare()

    with pytest.raises(ModelUnavailable, match="emotion-diarization-wavlm-large"):
        load_model(EmotionSettings().model)
    for name in ("input_norm.ckpt", "wav2vec2.ckpt", "model.ckpt", "label_encoder.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "wavlm").mkdir()
    (tmp_path / "hyperparams.yaml").write_text("wav2vec2_hub: wavlm\n", encoding="utf-8")
    with pytest.raises(BackendBroken, match="cannot be loaded as an emotion diarization of SpeechBrain"):
        load_model(tmp_path)
    loud = load(SAMPLES / "call.flac", end=1.0)
    with pytest.raises(UnsupportedRequest, match="8000 Hz"):
        EmotionDiarizer(EmotionSettings(model=str(small)), runtime=OFFLINE).diarize(
            Audio(loud.samples, 8000), speech=[]
        )
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "speechbrain" else found(name, *rest)
    )
    with pytest.raises(
        BackendMissing, match=r'SpeechBrain is not installed; install it: pip install "whisperdiar\[spee'
    ):
        load_model(small)
