"""Requests: fields of forms and queries, checked and turned into tasks; every name and value is a client's."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path

from whisperdiar.errors import InvalidOption
from whisperdiar.people.profiles import check_name
from whisperdiar.serving.engine import Engine
from whisperdiar.serving.refusals import Refusal, refuse_value
from whisperdiar.serving.tasks import KnownSpeaker
from whisperdiar.serving.uploads import Form, Upload
from whisperdiar.text.languages import WHISPER_LANGUAGES, find_code
from whisperdiar.text.messages import _
from whisperdiar.types import SpeakerCount

ALIASES = ("whisper-1", "gpt-4o-transcribe-diarize", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe")
"""What clients of OpenAI call a model; here all of them are the server's own."""
DIARIZING = "gpt-4o-transcribe-diarize"
MOST_KNOWN = 4
_LONGEST_PROMPT = 400
"""Characters: Whisper sees 223 tokens of a prompt, its end, and OpenAI's cuts longer ones silently."""
_MOST_SPEAKERS = 100
_DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w.+=\"-]*)*;base64,", re.ASCII)
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def require_file(form: Form, name: str = "file") -> Upload:
    """The recording.

    Raises:
        Refusal: it is missing or empty.
    """
    found = form.files.get(name)
    if found is None:
        raise Refusal(
            400,
            _("no recording: send it as a file in the field {name!r}").format(name=name),
            code="missing_file",
            param=name,
        )
    if not found.n_bytes:
        raise Refusal(400, _("the recording is empty: send one with sound"), code="invalid_file", param=name)
    return found


def choose_model(engine: Engine, name: str | None) -> str | None:
    """The model that a request means: None for the server's own, which has several names.

    Raises:
        Refusal: this server has no such model.
    """
    if name is None or name in ALIASES or name == engine.model:
        return None
    if name in engine.options.models:
        return name
    known = ", ".join((engine.model, *engine.options.models, *ALIASES[:2]))
    raise Refusal(
        404,
        _("no model {model!r} here: choose one of {known}").format(model=name[:80], known=known),
        code="model_not_found",
        param="model",
    )


def read_language(text: str | None, param: str = "language") -> str | None:
    """The code of a language by its name or code.

    Raises:
        Refusal: there is none.
    """
    if text is None or not text.strip():
        return None
    code = find_code(re.split("[-_]", text.strip())[0].casefold())
    if code not in WHISPER_LANGUAGES:
        raise refuse_value(param, _("language {text!r}: give a code such as en or ru").format(text=text[:40]))
    return code


def read_languages(texts: Sequence[str], param: str = "languages") -> tuple[str, ...]:
    """Codes of the languages that may be spoken; raises Refusal as `read_language`."""
    found = (read_language(text, param) for text in texts)
    return tuple(dict.fromkeys(item for item in found if item is not None))


def read_flag(text: str | None, param: str, *, default: bool = False) -> bool:
    """Raises Refusal where it is neither true nor false."""
    if text is None:
        return default
    folded = text.strip().casefold()
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise refuse_value(param, _("{param}: write true or false").format(param=param))


def read_number(
    text: str | None, param: str, *, least: float, most: float, default: float | None = None
) -> float | None:
    """Raises Refusal where it is no number from `least` to `most`."""
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise refuse_value(
            param, _("{param}: give a number from {least:g} to {most:g}").format(param=param, least=least, most=most)
        )
    return value


def read_choice(text: str | None, param: str, choices: Sequence[str], *, default: str) -> str:
    """Raises Refusal where it is none of the choices."""
    if text is None:
        return default
    if text not in choices:
        known = ", ".join(choices)
        raise refuse_value(param, _("{param}: choose one of {known}").format(param=param, known=known))
    return text


def read_speakers(exact: str | None, least: str | None, most: str | None, *, prefix: str = "") -> str | None:
    """How many speakers there are, as `SpeakerCount.parse` reads it; 0 stands for any number, as LocalAI has it.

    Raises:
        Refusal: these are no numbers, or none that can be.
    """
    numbers = []
    for text, param in ((exact, "num_speakers"), (least, "min_speakers"), (most, "max_speakers")):
        found = read_number(text, prefix + param, least=0, most=_MOST_SPEAKERS)
        if found is not None and not found.is_integer():
            raise refuse_value(prefix + param, _("{param}: give a whole number").format(param=prefix + param))
        numbers.append(int(found) or None if found is not None else None)
    if numbers[0] is not None:
        return str(numbers[0])
    try:
        SpeakerCount(numbers[1], numbers[2])
    except InvalidOption as error:
        raise refuse_value(prefix + "max_speakers", error) from error
    if numbers[1:] == [None, None]:
        return None
    return f"{numbers[1] or ''}-{numbers[2] or ''}"


def read_prompt(text: str | None) -> str | None:
    """The end of a prompt, from a whole word on, as much as a model sees."""
    if text is None or len(text) <= _LONGEST_PROMPT:
        return text
    end = text[-_LONGEST_PROMPT:]
    return end.partition(" ")[2] or end


def read_known_speakers(form: Form) -> tuple[KnownSpeaker, ...]:
    """People with their voices, which are written into the folder of the form.

    Raises:
        Refusal: names and voices do not belong together, there are too many, or a voice is no data URL.
    """
    names, voices = form.many("known_speaker_names"), form.many("known_speaker_references")
    if len(names) != len(voices):
        raise refuse_value(
            "known_speaker_references", _("known speakers: send one voice for each name, in the same order")
        )
    if len(names) > MOST_KNOWN:
        raise refuse_value("known_speaker_names", _("known speakers: at most {most}").format(most=MOST_KNOWN))
    try:
        clean = [check_name(item) for item in names]
    except InvalidOption as error:
        raise refuse_value("known_speaker_names", error) from error
    if len(set(clean)) != len(clean):
        raise refuse_value("known_speaker_names", _("known speakers: two have one name"))
    found = []
    for number, (name, voice) in enumerate(zip(clean, voices, strict=True)):
        path = form.folder / f"voice-{number}.media"
        path.write_bytes(_decode_data_url(voice))
        found.append(KnownSpeaker(name=name, path=str(path)))
    return tuple(found)


def _decode_data_url(text: str) -> bytes:
    """The bytes of a data URL (RFC 2397); no other URL is opened."""
    start = _DATA_URL.match(text)
    try:
        data = base64.b64decode(text[start.end() :], validate=True) if start else b""
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise refuse_value(
            "known_speaker_references", _("known speakers: send each voice as data:audio/wav;base64,… of 2 to 10 s")
        )
    return data


def stem(upload: Upload) -> str:
    """What a recording is called: the client's name without its suffix."""
    return Path(upload.name).stem or "recording"
