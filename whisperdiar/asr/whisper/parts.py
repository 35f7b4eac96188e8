"""Parts of decoding that are kept while it goes on: texts of each batch, and of each piece that is decoded again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from whisperdiar.asr._shared.words import RawWord
from whisperdiar.contracts import Parts


@dataclass(frozen=True, slots=True)
class RawText:
    """What Whisper wrote for one piece; the attributes are those of `DecodedPiece`."""

    text: str
    words: tuple[RawWord, ...]
    log_probability: float
    no_speech_probability: float
    compression_ratio: float
    temperature: float

    def to_json(self) -> list[Any]:
        words = [[word.text, word.start, word.end, word.probability] for word in self.words]
        numbers = [self.log_probability, self.no_speech_probability, self.compression_ratio, self.temperature]
        return [self.text, words, *numbers]

    @classmethod
    def from_json(cls, found: Sequence[Any]) -> RawText:
        text, words, *numbers = found
        return cls(text, tuple(RawWord(*word) for word in words), *numbers)


class KeptTexts:
    """Texts by what they depend on beside sound and model.

    Args:
        parts: where they are kept; None for nowhere.
    """

    def __init__(self, parts: Parts | None) -> None:
        self._parts = parts

    def find_batch(self, tasks: Iterable[list[Any]], options: Mapping[str, Any]) -> list[RawText] | None:
        """The texts of the batch that begins with the first of `tasks`, as many as it had; None where none was kept.

        Args:
            tasks: of the pieces still to be decoded, in order, as JSON values; as many are taken as the batch has.
            options: how they are decoded.
        """
        coming = iter(tasks)
        first = next(coming)
        found = self._find(["batch", first, options])
        if found is None or [task for task, _text in found] != [first, *islice(coming, max(0, len(found) - 1))]:
            return None
        return [RawText.from_json(text) for _task, text in found]

    def keep_batch(self, tasks: Sequence[list[Any]], options: Mapping[str, Any], texts: Sequence[RawText]) -> None:
        self._keep(
            ["batch", tasks[0], options], [[task, text.to_json()] for task, text in zip(tasks, texts, strict=True)]
        )

    def remember(
        self, kind: str, task: list[Any], options: Mapping[str, Any], work: Callable[[], RawText | None]
    ) -> RawText | None:
        """The text of one piece, kept or decoded now; None where there is none."""
        key = [kind, task, options]
        found = self._find(key)
        if found is None:
            made = work()
            self._keep(key, [None if made is None else made.to_json()])
            return made
        return None if found[0] is None else RawText.from_json(found[0])

    def _find(self, key: list[Any]) -> list[Any] | None:
        data = None if self._parts is None else self._parts.find(json.dumps(key, sort_keys=True))
        return None if data is None else list(json.loads(data))

    def _keep(self, key: list[Any], value: list[Any]) -> None:
        if self._parts is not None:
            self._parts.keep(
                json.dumps(key, sort_keys=True), json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
            )
