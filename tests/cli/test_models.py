"""The commands `models list`, `path`, `verify` and `download`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tests.cli.conftest import Cli
from tests.model_hub import FILES, empty_cache, put
from whisperdiar.cli import main
from whisperdiar.errors import WhisperdiarError

CRDNN = "speechbrain/vad-crdnn-libriparty"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    return empty_cache(tmp_path, monkeypatch)


def command(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(main, ["models", *words], prog_name="whisperdiar", catch_exceptions=True)
    if isinstance(done.exception, WhisperdiarError):  # what the program's entry point makes a line of
        return 1, [str(done.exception)]
    return done.exit_code, done.stdout.splitlines()


def test_models_are_listed_with_what_they_take_on_disk(cache):
    put(cache, "Systran/faster-whisper-tiny", {**FILES, "model.bin": "0" * 12_000_000})
    put(cache, "someone/own-whisper", FILES)
    put(cache, "someone/something", {"config.json": "{}"})
    lines = command("list")[1]
    assert lines[0].endswith("on this machine, 12 MB")
    assert [line for line in lines if "on this machine" in line][1].startswith("someone/own-whisper")
    assert not any("something" in line for line in lines)
    (crdnn,) = [line for line in lines if line.startswith("crdnn")]
    assert "1 MB" in crdnn
    assert "on this machine" not in crdnn
    put(cache, CRDNN, {"hyperparams.yaml": "a: b"})
    rows = {row["name"]: row for row in json.loads("".join(command("list", "--json")[1]))}
    assert rows["crdnn"]["cached"]
    assert rows["crdnn"]["bytes_on_disk"] == 4
    assert (rows["tiny"]["bytes_on_disk"], rows["base"]["bytes_on_disk"]) == (12_000_008, None)


def test_path_of_a_backends_model(cache):
    code, lines = command("path", "crdnn")
    assert code == 1
    assert "whisperdiar models download crdnn" in lines[0]
    snapshot = put(cache, CRDNN, {"hyperparams.yaml": "a: b"})
    assert command("path", "crdnn") == (0, [str(snapshot)])


@pytest.mark.parametrize(
    ("name", "repositories"),
    [
        ("sepformer-wham", {"speechbrain/sepformer-wham": "hyperparams.yaml encoder.ckpt masknet.ckpt decoder.ckpt"}),
        (
            "wavlm-emotions",
            {
                "speechbrain/emotion-diarization-wavlm-large": (
                    "hyperparams.yaml input_norm.ckpt wav2vec2.ckpt model.ckpt label_encoder.txt"
                ),
                "microsoft/wavlm-large": "config.json preprocessor_config.json pytorch_model.bin",
            },
        ),
    ],
)
def test_models_of_separation_and_emotions_are_listed_found_and_verified(cache, name, repositories):
    assert command("path", name)[0] == 1
    snapshots = [put(cache, one, dict.fromkeys(files.split(), "{}")) for one, files in repositories.items()]
    assert command("path", name) == (0, [str(snapshot) for snapshot in snapshots])
    rows = {row["name"]: row for row in json.loads("".join(command("list", "--json")[1]))}
    assert (rows[name]["cached"], rows[name]["repositories"]) == (True, list(repositories))
    assert not rows["sepformer-whamr"]["cached"]
    code, lines = command("verify", name)
    assert (code, [line.split()[:2] for line in lines]) == (0, [[name, "OK"]] * len(snapshots))
    lost = list(repositories.values())[-1].split()[-1]
    (snapshots[-1] / lost).unlink()
    code, lines = command("verify", name)
    assert code == 1
    assert f"{lost} is missing: whisperdiar models download {name} --repair" in lines[-1]


def test_verify_prints_what_is_wrong_and_what_mends_it(cache, tmp_path):
    code, lines = command("verify")
    assert (code, lines) == (0, ["no model is on this machine: whisperdiar models download small"])
    code, lines = command("verify", "tiny")
    assert code == 1
    assert "whisperdiar models download tiny" in lines[0]
    snapshot = put(cache, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", FILES)
    put(cache, CRDNN, {"hyperparams.yaml": "a: b", "model.ckpt": "x", "mean_var_norm.ckpt": "y"})
    for words in (("verify",), ("verify", "crdnn", "turbo", str(snapshot))):
        code, lines = command(*words)
        assert code == 0
        assert all(" OK " in line for line in lines)
        assert len(lines) == len(words) - 1 or len(lines) == 2
    (snapshot / "model.bin").resolve().write_bytes(b"damaged")
    code, lines = command("verify", "crdnn", "turbo")
    assert code == 1
    assert " OK " in lines[0]
    assert lines[1].startswith("large-v3-turbo")
    assert "BROKEN" in lines[1]
    assert lines[1].endswith("whisperdiar models download large-v3-turbo --repair")
    (cache / f"models--{CRDNN.replace('/', '--')}/snapshots/c0ffee/model.ckpt").unlink()
    code, lines = command("verify", "crdnn")
    assert code == 1
    assert "model.ckpt is missing: whisperdiar models download crdnn --repair" in lines[0]


def test_a_name_that_is_no_models_is_told_before_the_others_are_fetched(cli: Cli) -> None:
    for names in (("tiny.en", "smal"), ("onnx", "smal")):
        done = cli("models", "download", *names)
        assert done.code == 2
        assert done.out == ""
        assert "did you mean small?" in done.complaints[0]
    done = cli("models", "download", "tiny.en", "onnx", "--directory", "here")
    assert done.code == 2
    assert "only Whisper models" in done.complaints[0]


ZIPFORMER = {f"am-onnx/{name}.onnx": "x" for name in ("encoder", "decoder", "joiner")} | {"lang/tokens.txt": "a 0"}


def put_folders(cache, repository, files):
    """As `put`, for files in folders."""
    snapshot = put(cache, repository, {})
    for name, text in files.items():
        (snapshot / name).parent.mkdir(exist_ok=True)
        (snapshot / name).write_text(text, encoding="utf-8")
    return snapshot


def test_models_of_other_recognisers_are_listed_found_and_verified(cache):
    for words in (("path", "zipformer-ru"), ("verify", "zipformer-ru")):
        code, lines = command(*words)
        assert (code, lines) == (
            1,
            ["model zipformer-ru is not on this machine: whisperdiar models download zipformer-ru"],
        )
    snapshot = put_folders(cache, "alphacep/vosk-model-ru", ZIPFORMER)
    assert command("path", "zipformer-ru") == (0, [str(snapshot)])
    assert command("path", "alphacep/vosk-model-ru") == (0, [str(snapshot)]), "onnx-asr's name of it"
    rows = {row["name"]: row for row in json.loads("".join(command("list", "--json")[1]))}
    assert rows["zipformer-ru"]["cached"]
    assert (rows["parakeet-v3"]["cached"], rows["parakeet-v3"]["kind"]) == (False, "onnx")
    assert "uk" in rows["parakeet-v3"]["codes"]
    code, lines = command("verify")
    assert code == 0
    assert [line.split()[:2] for line in lines] == [["zipformer-ru", "OK"]]
    (snapshot / "am-onnx" / "joiner.onnx").unlink()
    assert command("path", "zipformer-ru")[0] == 1
    code, lines = command("download", "zipformer-ru")
    assert code == 1
    assert "alphacep/vosk-model-ru is not on this machine" in lines[0]


def test_models_are_recommended_by_what_others_measured():
    code, lines = command("recommend", "--language", "Russian")
    assert code == 0
    assert lines[:2] == [
        "ru: word error rates on Russian LibriSpeech, test, by the author of onnx-asr",
        "  https://istupakov.github.io/onnx-asr/comparison/",
    ]
    rates = [float(line.split()[0]) for line in lines[2:] if "%" in line]
    assert rates == sorted(rates)
    assert lines[2].endswith("--asr onnx --model gigaam-v3-rnnt")
    assert any(line.endswith(" --model large-v3-turbo") and "--asr" not in line for line in lines)
    assert lines[-1].startswith("nothing of this was measured by this project")
    assert command("recommend", "--language", "fi")[1] == [
        "models that know fi, without figures here: parakeet-v3, canary-v2",
        "Whisper knows fi, and is what --asr auto takes",
    ]
    found = json.loads("".join(command("recommend", "--language", "kk", "--json")[1]))
    assert found["measured_here"] is False
    assert found["comparisons"][0]["source"].startswith("https://github.com/salute-developers/GigaAM")
