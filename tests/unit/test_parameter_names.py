"""Messages of the library name parameters where a Python program runs it, and options on the command line."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import whisperdiar
from whisperdiar.errors import InvalidOption, OutputError
from whisperdiar.parameter_names import name_parameters, speak_options

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("use --batch-size 1 or --device cpu", "use asr_options={\"batch_size\": 1} or device='cpu'"),
        ("give --language, such as --language en", "give language, such as language='en'"),
        ("say which with --asr-option layout=NAME", 'say which with asr_options={"layout": NAME}'),
        ("--vad-option min_silence=0.5", 'vad_options={"min_silence": 0.5}'),
        ("to hear them, use --keep-music", "to hear them, use skip_music=False"),
        ("it exists; replace it with --overwrite", "it exists; replace it with overwrite=True"),
        ("give another folder with -o, or delete it", "give another folder, or delete it"),
        ("-o out.csv: a table is .md", "out.csv: a table is .md"),
        ("run `whisperdiar models download x --repair` first", "run `whisperdiar models download x --repair` first"),
        ("reinstall: pip install --force-reinstall av", "reinstall: pip install --force-reinstall av"),
        ("a--b - c -- d", "a--b - c -- d"),
        ("behind its name: --diarizer onnx:exact=true,bic", "behind its name: diarizer='onnx:exact=true,bic'"),
        ("--emotions glad: no such model", "emotions glad: no such model"),
    ],
)
def test_options_become_parameters(told: str, wanted: str) -> None:
    assert name_parameters(told) == wanted
    speak_options(True)
    try:
        assert name_parameters(told) == told
    finally:
        speak_options(False)


def test_no_message_of_the_library_speaks_of_options() -> None:
    """But for the commands that are to be typed."""
    spec = importlib.util.spec_from_file_location("messages_script", ROOT / "scripts" / "messages.py")
    script = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(script)  # type: ignore[union-attr]
    left = []
    for (one, _many), places in script.find_messages().items():
        if all(place.startswith("whisperdiar/cli/") or place == "click" for place in places):
            continue
        told = re.sub(r"`[^`]*`|pip install .*|whisperdiar [a-z]+ .*", "", name_parameters(one))
        if re.search(r"(?<![\w-])--?[a-z][\w-]*(?![\w-])", told):
            left.append((one, name_parameters(one)))
    assert not left


def test_errors_and_the_log_speak_the_language_of_their_caller(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "a.srt").write_bytes("1\n00:00:01,000 --> 00:00:02,000\nПривет, как дела сегодня?\n".encode("cp1251"))
    error = OutputError("out.srt: it exists; replace it with --overwrite")
    assert str(error) == "out.srt: it exists; replace it with overwrite=True"
    with pytest.raises(InvalidOption, match=r"^language xx: no language has the code xx"):
        whisperdiar.read(tmp_path / "a.srt", language="xx")
    assert "use encoding=NAME" in caplog.text
    speak_options(True)
    try:
        assert str(error).endswith("--overwrite")
    finally:
        speak_options(False)
