"""Captions: final words become passages of one speaker, and a WebVTT file that grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from whisperdiar.errors import OutputError
from whisperdiar.formats import by_name
from whisperdiar.live.events import LiveWord
from whisperdiar.options import WriteOptions
from whisperdiar.system.files import explain_write_error
from whisperdiar.text.messages import _
from whisperdiar.text.punctuation import SENTENCE_END, last_mark
from whisperdiar.transcript import Segment, Speaker, Transcript
from whisperdiar.types import Word

_SENTENCE_S = 6.0
_LONGEST_S = 20.0
"""A passage ends at the end of a sentence behind the first, in any case behind the second."""
_HEADER = "WEBVTT\n\n"


@dataclass(frozen=True, slots=True)
class Passage:
    """What one speaker says without a pause; neither its words nor its speaker change any more.

    Attributes:
        words: in order, at least one.
        speaker: label; None where nobody is known.
    """

    words: tuple[Word, ...]
    speaker: str | None

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words).strip()

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


class Passages:
    """Passages of a stream, from its final words."""

    def __init__(self) -> None:
        self._n_taken = 0
        self._open: list[LiveWord] = []

    @property
    def open(self) -> tuple[LiveWord, ...]:
        """Settled words whose passage goes on."""
        return tuple(self._open)

    def take(self, words: tuple[LiveWord, ...], *, utterance: int) -> Iterator[Passage]:
        """Passages that are complete.

        Args:
            words: all final words of the stream (`LiveTranscriber.words`).
            utterance: the one that goes on; those before have ended.
        """
        while self._n_taken < len(words) and words[self._n_taken].is_settled:
            item = words[self._n_taken]
            self._n_taken += 1
            if self._open and self._ends_before(item):
                yield self._close()
            self._open.append(item)
        if self._open and self._n_taken == len(words) and self._open[-1].utterance < utterance:
            yield self._close()

    def finish(self) -> Iterator[Passage]:
        """The stream has ended."""
        if self._open:
            yield self._close()

    def _ends_before(self, item: LiveWord) -> bool:
        last = self._open[-1]
        if item.word.speaker != last.word.speaker or item.utterance != last.utterance:
            return True
        length = item.word.end - self._open[0].word.start
        return length > _LONGEST_S or (length > _SENTENCE_S and last_mark(last.word.text) in SENTENCE_END)

    def _close(self) -> Passage:
        words, self._open = self._open, []
        return Passage(tuple(item.word for item in words), words[0].word.speaker)


class FollowedPerson:
    """Passages of one known person alone: who is not named yet may still be that person, and waits."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: list[Passage] = []

    def select(self, passages: Iterable[Passage], names: Mapping[str, str]) -> list[Passage]:
        """Those of the person that are known by now, in order of time.

        Args:
            passages: new ones.
            names: label → name, as known now.
        """
        self._waiting += passages
        found = [item for item in self._waiting if item.speaker is not None and names.get(item.speaker) == self._name]
        self._waiting = [item for item in self._waiting if item.speaker is not None and item.speaker not in names]
        return found


class CaptionFile:
    """A WebVTT file that grows by a passage at a time, and is whole after each."""

    def __init__(self, path: Path, *, replace_existing: bool = False) -> None:
        """Raises OutputError where it cannot be made, or is there already and may not be replaced."""
        self.path = path
        self._file: TextIO
        try:
            self._file = path.open("w" if replace_existing else "x", encoding="utf-8", newline="\n")
            self._write(_HEADER)
        except FileExistsError as error:
            raise OutputError(
                _("{which} already; choose another name, or replace it with --overwrite").format(
                    which=_("{path}: it exists").format(path=path)
                )
            ) from error
        except OSError as error:
            raise self._explain(error) from error

    def add(self, passage: Passage, names: Mapping[str, str]) -> None:
        """Raises OutputError where it cannot be written."""
        label = passage.speaker
        speakers = () if label is None else (Speaker(label, names.get(label, label)),)
        transcript = Transcript("live", passage.end, speakers=speakers, segments=(Segment(passage.words, label),))
        text = str(by_name("vtt").dumps(transcript, options=replace(WriteOptions(), speaker_style="voice")))
        try:
            self._write(text.removeprefix("WEBVTT").strip() + "\n\n")
        except OSError as error:
            raise self._explain(error) from error

    def close(self) -> None:
        """May be called again."""
        self._file.close()

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def _explain(self, error: OSError) -> OutputError:
        return OutputError(f"{os.fspath(self.path)}: {explain_write_error(error)}")
