"""Separation of overlap through SpeechBrain's own code: a SepFormer that knows its mixture, one trained for seconds."""

from __future__ import annotations

import importlib.util
import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.kept_parts import check_kills
from tests.media_files import write_wav
from tests.model_hub import empty_cache
from tests.sounds import NANO, RATE_HZ, SAMPLES, VOICES, silence, voice
from whisperdiar import Diarization, Pipeline, Span, Turn, load, open_pipeline, read
from whisperdiar.asr.whisper import Backend as Whisper
from whisperdiar.cli import main
from whisperdiar.contracts import Progress, no_progress
from whisperdiar.diarization.bic import Backend as Bic
from whisperdiar.errors import BackendBroken, BackendMissing, Interrupted, ModelUnavailable
from whisperdiar.formats import rttm
from whisperdiar.options import CacheOptions, Runtime, SeparationSettings, WhisperSettings
from whisperdiar.separation import OverlapSeparator, SepFormer
from whisperdiar.types import Samples
from whisperdiar.vad.energy import Backend as Energy

pytest.importorskip("speechbrain", reason="SpeechBrain is not installed")
pytestmark = pytest.mark.model

OFFLINE = Runtime(offline=True, threads=1)
SAID = {
    "BORIS": "I am sorry to hear that. What happens when you turn it on?",
    "EMMA": "The red light com on, but it does not print. I have tried it three times.",
}
"""What the small Whisper hears of each voice alone; Emma says "comes"."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    from whisperdiar.frameworks.torch import limit_cpu_threads

    with limit_cpu_threads(1):
        yield


@pytest.fixture(scope="module")
def voices() -> Samples:
    """Two people of the call, who both talk from 1.3 to 4 s: float32 (2, n_samples)."""
    call = load(SAMPLES / "call.flac", channels="all").samples
    sources = np.zeros((2, round(6.0 * RATE_HZ)), np.float32)
    for row, first, last, at, level in ((0, 11.27, 15.15, 0.25, 1.0), (1, 15.34, 20.13, 1.2, 0.7)):
        sound = call[row, round(first * RATE_HZ) : round(last * RATE_HZ)]
        sources[row, round(at * RATE_HZ) :][: len(sound)] = sound * level
    return sources


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory, voices: Samples) -> dict[str, Path]:
    """The recording of both, who speaks when, and a model that parts just this mixture."""
    from tests.separation_models import save_ideal

    folder = tmp_path_factory.mktemp("separation")
    hiss = 3e-4 * np.random.default_rng(0).standard_normal(voices.shape[1])
    sound = write_wav(folder / "talk.wav", (voices.sum(axis=0) + hiss)[None].astype(np.float32))
    turns = (Turn(Span(0.35, 4.035), "BORIS"), Turn(Span(1.3, 5.97), "EMMA"))
    (folder / "talk.rttm").write_text(rttm.dumps_diarization(Diarization("talk", turns)), encoding="utf-8")
    return {"sound": sound, "turns": folder / "talk.rttm", "model": save_ideal(folder / "model", voices, RATE_HZ)}


def run(talk: dict[str, Path], progress: Progress = no_progress, **changes: Any) -> Any:
    with open_pipeline(
        model=NANO[1],
        language="en",
        vad="none",
        turns_file=talk["turns"],
        threads=1,
        offline=True,
        **changes,
    ) as pipeline:
        return pipeline(talk["sound"], progress=progress)


def test_a_model_by_name_is_taken_from_the_cache(talk: dict[str, Path], tmp_path: Path, monkeypatch: Any) -> None:
    snapshot = empty_cache(tmp_path, monkeypatch) / "models--speechbrain--sepformer-wham" / "snapshots" / "c0ffee"
    shutil.copytree(talk["model"], snapshot)
    for name, code in (("sepformer-wham", 0), ("sepformer-whamr", 1)):
        done = CliRunner().invoke(main, ["models", "download", name])
        assert (done.exit_code, name in done.stdout) == (code, code == 0)
    separator = SepFormer(SeparationSettings(model="sepformer-wham"), runtime=OFFLINE)
    assert separator.sample_rate == 8000


def said(transcript: Any) -> dict[str, str]:
    return {label: " ".join(s.text for s in transcript.segments if s.speaker == label) for label in SAID}


def test_both_who_talk_at_once_are_heard_and_each_word_has_its_speaker(talk: dict[str, Path]) -> None:
    without, found = run(talk), run(talk, separate_overlap=str(talk["model"]))
    assert said(found) == SAID
    assert said(without) != SAID
    assert "red light" not in said(without)["EMMA"]
    assert [segment.simultaneous for segment in found.segments] == [True] * len(found.segments)
    (stretch,) = found.provenance["separation"]["stretches"]
    assert (stretch["start"], stretch["end"], stretch["kept"]) == (1.3, 4.035, "separated")
    assert found.provenance["separation"]["details"]["sample_rate"] == 8000
    assert found.provenance["notes"] == ["1 stretch of overlap was separated; its words were better in 1"]
    assert json.loads(json.dumps(found.to_dict()))["provenance"]["separation"]["model"] == str(talk["model"])
    assert "separation" not in without.provenance


def test_a_model_that_parts_nothing_leaves_the_words_of_the_mixture(
    talk: dict[str, Path], voices: Samples, tmp_path: Path
) -> None:
    from tests.separation_models import save_ideal

    same = save_ideal(tmp_path / "same", np.stack([voices.sum(axis=0)] * 2), RATE_HZ)
    found = run(talk, separate_overlap=str(same))
    assert [stretch["kept"] for stretch in found.provenance["separation"]["stretches"]] == ["mixture"]
    without = [word.text for word in run(talk).words]
    assert [word.text for word in found.words] == without
    # The masks are those of the whole recording: for less of it they fail, and the words are there all the same.
    failed = run(talk, separate_overlap=SeparationSettings(model=str(same), context=0.5))
    assert [word.text for word in failed.words] == without
    (warning,) = failed.provenance["warnings"]
    assert warning.startswith("overlap was not separated, and its words are those of the mixture: ")


@pytest.mark.nightly
def test_a_killed_run_goes_on_behind_what_was_separated(talk: dict[str, Path], tmp_path: Path) -> None:
    n_kills = check_kills(lambda: run(talk, separate_overlap=str(talk["model"])).segments, tmp_path)
    assert n_kills == 2, "of the mixture, and of its stretch of overlap"


def test_what_was_separated_is_kept_for_the_same_words_and_turns(talk: dict[str, Path], tmp_path: Path) -> None:
    told: list[str] = []
    kept: dict[str, Any] = {"cache": CacheOptions(folder=str(tmp_path / "cache")), "inform": told.append}
    plain = run(talk, separate_overlap=str(talk["model"]))
    first, again = (run(talk, separate_overlap=str(talk["model"]), **kept) for _each in range(2))
    assert first.to_dict() == again.to_dict() == plain.to_dict()
    assert "separation of voices" in told[-1]
    run(talk, separate_overlap=SeparationSettings(model=str(talk["model"]), context=1.9), **kept)
    assert "separation of voices" not in told[-1]
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*")) < 30_000, "no sound is kept"


def test_who_interrupts_separation_has_the_words_and_their_speakers(talk: dict[str, Path]) -> None:
    def interrupt(stage: str, fraction: float) -> None:
        if stage == "separation":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="interrupted before overlap was separated") as caught:
        run(talk, interrupt, separate_overlap=str(talk["model"]))
    assert {word.speaker for word in caught.value.transcript.words} == set(SAID)


def test_without_overlap_a_note_says_why_nothing_was_separated(talk: dict[str, Path], tmp_path: Path) -> None:
    alone = tmp_path / "alone.rttm"
    alone.write_text("SPEAKER talk 1 0.35 3.60 <NA> <NA> BORIS <NA> <NA>\n", encoding="utf-8")
    found = run({**talk, "turns": alone}, separate_overlap=str(talk["model"]))
    assert found.provenance["notes"] == ["no overlap of two speakers was found to separate"]
    deaf = Pipeline(
        detector=Energy(),
        transcriber=Whisper(WhisperSettings(model=NANO[1]), runtime=OFFLINE),
        diarizer=Bic(),
        language="en",
        separator=OverlapSeparator(SeparationSettings(model=str(talk["model"])), OFFLINE),
    ).run(load(talk["sound"]))
    assert "bic hears no overlap, so none was separated; use --diarizer onnx" in deaf.provenance["notes"]


def test_from_the_command_line_by_the_folder_and_by_the_environment(
    cli: Cli,  # noqa: F811
    talk: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    options = (*NANO, "--language", "en", "--vad", "none", "--turns", talk["turns"], "--threads", 1, "--offline")
    done = cli("--separate-overlap", talk["model"], talk["sound"], *options, "-o", "-", "-f", "txt")
    assert done.code == 0
    assert "1 stretch of overlap was separated" in done.err
    monkeypatch.setenv("WHISPERDIAR_SEPARATE_OVERLAP", str(talk["model"]))
    (tmp_path / "terms.txt").write_text("print => PRINT\n", encoding="utf-8")
    done = cli(talk["sound"], *options, "--vocabulary", "terms.txt", "-o", "x.json")
    assert "1 stretch of overlap was separated" in done.err
    made = read(tmp_path / "x.json")
    assert "but it does not PRINT." in said(made)["EMMA"]
    (replaced,) = made.provenance["vocabulary"]["replacements"]
    assert replaced["after"] == "PRINT."
    assert replaced["start"] == pytest.approx(next(w.start for w in made.words if "PRINT" in w.text), abs=0.002)


def test_streams_are_those_of_the_library_at_the_rate_of_the_recording(talk: dict[str, Path], voices: Samples) -> None:
    import torch

    from whisperdiar.separation.sepformer import resample

    model = SepFormer(SeparationSettings(model=str(talk["model"])), runtime=OFFLINE)
    mixture = voices.sum(axis=0)
    streams = model.separate(mixture, RATE_HZ)
    assert streams.shape == voices.shape
    own = resample(mixture, RATE_HZ, 8000)
    theirs = model._loaded.separate_batch(torch.from_numpy(own[None] / np.abs(own).max()))[0].detach().numpy().T
    for stream, other, source in zip(streams, theirs, voices, strict=True):
        back = resample(other, 8000, RATE_HZ, len(stream))
        assert np.corrcoef(back, stream)[0, 1] > 0.9999
        assert np.corrcoef(source, stream)[0, 1] > 0.9
        assert np.std(stream) == pytest.approx(np.std(source), rel=0.2)
    assert not model.separate(silence(1.0).mono, RATE_HZ).any()
    assert pickle.loads(pickle.dumps(model)).separate(mixture, RATE_HZ) == pytest.approx(streams)


def test_a_model_that_is_trained_for_seconds_parts_voices_that_it_never_heard(tmp_path: Path) -> None:
    import torch
    from speechbrain.nnet.losses import get_si_snr_with_pitwrapper

    from tests.separation_models import SIZE
    from training.separation.mixtures import draw
    from training.separation.train import save, train
    from whisperdiar.separation.sepformer import resample

    def speak(seeds: range) -> list[list[Samples]]:
        return [
            [resample(voice(3.0, pitch_hz=VOICES[name][0], formants_hz=VOICES[name][1], seed=seed), RATE_HZ, 8000)
             for seed in seeds]
            for name in "AB"
        ]  # fmt: skip

    modules = train(speak(range(20)), size=SIZE, steps=60, batch=4, seconds=1.5, rate=3e-3)
    save(modules, tmp_path / "model", SIZE)
    model = SepFormer(SeparationSettings(model=str(tmp_path / "model")), runtime=OFFLINE)
    rng, others, gains = np.random.default_rng(1), speak(range(50, 55)), []
    for _ in range(5):
        mixture, sources = draw(others, 3 * 8000, rng)
        streams = model.separate(mixture, 8000)
        truth, found, mixed = (torch.from_numpy(np.array(part))[None] for part in (sources, streams.T, mixture))
        before = get_si_snr_with_pitwrapper(truth, torch.stack([mixed, mixed], dim=-1))
        gains.append(float(before - get_si_snr_with_pitwrapper(truth, found)))
    assert np.mean(gains) > 3.0


def test_what_cannot_run_says_so_in_one_line(
    talk: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_model(model: object) -> None:
        SepFormer(SeparationSettings(model=str(model)), runtime=OFFLINE).prepare()

    with pytest.raises(ModelUnavailable, match="sepformer-whamr16k"):
        load_model("sepformer-whamr16k")
    with pytest.raises(ModelUnavailable, match=r"holds no hyperparams\.yaml"):
        load_model(tmp_path)
    for name in ("encoder", "masknet", "decoder"):
        (tmp_path / f"{name}.ckpt").write_bytes(b"")
    (tmp_path / "hyperparams.yaml").write_text("sample_rate: 8000\n", encoding="utf-8")
    with pytest.raises(BackendBroken, match="cannot be loaded as a SepFormer of SpeechBrain"):
        load_model(tmp_path)
    one = (talk["model"] / "hyperparams.yaml").read_text("utf-8").replace("num_spks: 2", "num_spks: 1")
    for name in ("encoder", "masknet", "decoder"):
        (tmp_path / f"{name}.ckpt").write_bytes((talk["model"] / f"{name}.ckpt").read_bytes())
    (tmp_path / "hyperparams.yaml").write_text(one, encoding="utf-8")
    with pytest.raises(BackendBroken, match="is made for one voice and parts none; choose one of sepformer-"):
        load_model(tmp_path)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "speechbrain" else found(name, *rest)
    )
    with pytest.raises(
        BackendMissing, match=r'SpeechBrain is not installed; install it: pip install "whisperdiar\[spee'
    ):
        load_model(talk["model"])
