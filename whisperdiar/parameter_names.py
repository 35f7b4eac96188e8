"""Parameters in messages: written as options of the command line, told to Python programs by their names in Python.

    --device cpu                 device='cpu'
    --asr-option beam_size=5     asr_options={"beam_size": 5}
    --keep-music                 skip_music=False

A message is written once, with options, and an error shows itself to whoever runs the program. Commands that are to be
typed, in backticks or after ``pip install``, are the same for everybody.
"""

from __future__ import annotations

import os
import re
from typing import Any

VARIABLE = "_WHISPERDIAR_SPEAKS"
"""Environment variable that the command line sets to `OPTIONS` while it works, so that its processes know."""
OPTIONS = "options"

_SPECIAL = {
    "--keep-music": "skip_music=False",
    "--no-cache": "cache=None",
    "--multilingual": 'asr_options={"multilingual": True}',
    "--overwrite": "overwrite=True",
    "--tracks": "transcribe_tracks",
    "--track all": "transcribe_tracks",
    "--from NAME": "format_name=NAME",
    "--from": "format_name",
    "--task translate": 'asr_options={"task": "translate"}',
    "--lium-jar PATH": 'diarizer_options={"jar": PATH}',
    "--lium-jar": 'diarizer_options={"jar": …}',
    "--alize-bin DIR": 'diarizer_options={"bin": DIR}',
    "--alize-bin": 'diarizer_options={"bin": …}',
    "--turns": "turns_file",
    "--speech": "speech_file",
    "--embed-media": "inline_media",
    "--identify": "identify",
}
"""Options whose parameter has another name, or that are values of one."""
_VALUES = (
    "all auto bic campplus channels cpu crdnn embedding en float16 int8 multilingual none onnx pocketsphinx pyannote "
    "small translate whisper"
)
"""Words that are values where they stand behind an option; others go on with the sentence."""
_COMMAND = re.compile(r"`[^`]*`|pip install \S.*?(?=[;,)]|$)|\bwhisperdiar [a-z]+ .*")
_SETTING = re.compile(r"--(asr|vad|diarizer)-option ([a-z_]+)=([\w.{}!]+)")
_OWN = re.compile(r"--(batch-size|compute-type) (\d+|[a-z]+\d+)")
"""Settings of recognisers with an option of their own."""
_OPTION = re.compile(
    r"(?<![\w-])--([a-z][a-z-]*)(?:[ =]([A-Z][A-Z/]*|\d[\w.]*|(?:"
    + "|".join(_VALUES.split())
    + r")\b(?::[\w=,.{}]+)?))?"
)
_OUTPUT = re.compile(r"(?<![\w-])-o (?=\S+:)| with -o\b|(?<![\w-])-o\b")


def speak_options(on: bool) -> None:
    """Have messages name options of the command line from now on, or parameters of Python."""
    if on:
        os.environ[VARIABLE] = OPTIONS
    else:
        os.environ.pop(VARIABLE, None)


def name_parameters(message: str) -> str:
    """A message of the library as it is told: as it is on the command line, otherwise with parameters of Python."""
    if os.environ.get(VARIABLE) == OPTIONS or "-" not in message:
        return message
    named = _name_in(message)
    english: str | None = getattr(message, "english", None)
    if english is None:
        return named
    bilingual: Any = type(message)  # whisperdiar.text.messages.Message: its English goes into files
    return str(bilingual(named, _name_in(english)))


def _name_in(message: str) -> str:
    parts, at = [], 0
    for command in _COMMAND.finditer(message):
        parts += [_replace(message[at : command.start()]), command[0]]
        at = command.end()
    return "".join([*parts, _replace(message[at:])]) if parts else _replace(message)


def _replace(text: str) -> str:
    text = _OWN.sub(lambda found: f"--asr-option {found[1].replace('-', '_')}={found[2]}", text)
    text = _SETTING.sub(lambda found: f'{found[1]}_options={{"{found[2]}": {_quote(found[3])}}}', text)
    for option, parameter in _SPECIAL.items():
        text = re.sub(rf"(?<![\w-]){option}(?![\w-])", parameter, text)
    return _OUTPUT.sub("", _OPTION.sub(_name, text))


def _name(found: re.Match[str]) -> str:
    parameter = found[1].replace("-", "_")
    return parameter if found[2] is None else f"{parameter}={_quote(found[2])}"


def _quote(value: str) -> str:
    is_word = value.isalnum() and not value[0].isdigit() and not value.isupper() and value not in ("true", "false")
    return f"'{value}'" if is_word or ":" in value else value.replace("true", "True").replace("false", "False")
