"""What is said in training and in the test: sentences from templates, and the scripts of the sample recordings."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from samples.script import Script, load_script, script_names
from training.whisper_nano.templates import SLOTS, TEMPLATES

LANGUAGES = tuple(TEMPLATES)
_HELD_OUT_SHARE = 20
_SLOT = re.compile(r"\{(\w+)\}")
_MAX_WORDS = 22


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence and its language (ISO 639-1)."""

    text: str
    language: str


def scripts() -> tuple[Script, ...]:
    """Every sample recording's script."""
    return tuple(load_script(name) for name in script_names())


def generate(language: str, count: int, *, seed: int, held_out: bool = False) -> tuple[Line, ...]:
    """`count` different sentences, every template equally often.

    A sentence that a sample recording holds is never among them. Training and test never share a sentence: which of the
    two one belongs to follows from its text alone.
    """
    said = {sentence.text for script in scripts() for sentence in script.sentences}
    found: dict[str, None] = {}
    for text in _endless(language, seed):
        if _is_held_out(text) == held_out and text not in said and len(text.split()) <= _MAX_WORDS:
            found[text] = None
        if len(found) == count:
            break
    return tuple(Line(text, language) for text in found)


def shuffled_words(language: str, count: int, *, seed: int) -> tuple[Line, ...]:
    """Lines of words in random order: what they teach is to listen instead of to guess."""
    random_ = random.Random(f"words {language} {seed}")
    texts = [text for slot in SLOTS[language].values() for text in slot] + [
        sentence.text for script in scripts() if script.language == language for sentence in script.sentences
    ]
    words = sorted({word.strip(".,?!") for text in texts for word in text.split()})
    lines = []
    for _ in range(count):
        chosen = " ".join(random_.sample(words, random_.randint(3, 8)))
        lines.append(Line(chosen[0].upper() + chosen[1:] + random_.choice("..?"), language))
    return tuple(lines)


def _endless(language: str, seed: int) -> Iterator[str]:
    random_ = random.Random(f"templates {language} {seed}")
    while True:
        for template in TEMPLATES[language]:
            text = _SLOT.sub(lambda match: random_.choice(SLOTS[language][match[1]]), template)
            yield _sentence_case(text)


def _sentence_case(text: str) -> str:
    """Capital at the start; a pronoun or name keeps its own inside."""
    inner = re.sub(r"(?<=[a-z,] )(We|They|You|The|My|Most|Nobody|Two|One|Everyone)\b", lambda m: m[0].lower(), text)
    return inner[0].upper() + inner[1:]


def _is_held_out(text: str) -> bool:
    return crc32(text.lower().encode()) % _HELD_OUT_SHARE == 0
