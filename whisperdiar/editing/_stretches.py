"""What a person corrected in a transcript, as stretches of words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whisperdiar.editing._sequences import key
from whisperdiar.editing.applying import DELETED
from whisperdiar.options import KeepOptions
from whisperdiar.transcript import Transcript
from whisperdiar.types import Span, Word


@dataclass(frozen=True, slots=True)
class Stretch:
    """Corrected words in a row; or, with none, where words were deleted (`gone` are their keys).

    `before` and `after` are the words next to it that nobody touched; `kin` are those of them that the same person
    says; `opens` and `closes` say that there is no word before or after it.
    """

    span: Span
    words: tuple[Word, ...]
    speaker: str | None
    gone: frozenset[str] = frozenset()
    before: Word | None = None
    after: Word | None = None
    kin: tuple[Word, ...] = ()
    opens: bool = False
    closes: bool = False


def stretches(edited: Transcript, options: KeepOptions) -> Iterator[Stretch]:
    """Corrected words of one speaker in a row."""
    flat = [(word, segment.speaker) for segment in edited.segments for word in segment.words]
    runs: list[list[int]] = []
    for i, (word, speaker) in enumerate(flat):
        if not word.edited:
            continue
        last = runs[-1][-1] if runs else -2
        near = last == i - 1 and flat[last][1] == speaker and abs(word.start - flat[last][0].end) <= options.join_gap
        if near:
            runs[-1].append(i)
        else:
            runs.append([i])
    for run in runs:
        words = tuple(flat[i][0] for i in run)
        span = Span(min(word.start for word in words), max(word.end for word in words))
        speaker = flat[run[0]][1]
        beside = [flat[i] if 0 <= i < len(flat) else None for i in (run[0] - 1, run[-1] + 1)]
        before, after = (None if item is None or item[0].edited else item[0] for item in beside)
        yield Stretch(
            span,
            words,
            speaker,
            before=before,
            after=after,
            kin=tuple(item[0] for item in beside if item is not None and not item[0].edited and item[1] == speaker),
            opens=beside[0] is None,
            closes=beside[1] is None,
        )


def deletions(edited: Transcript) -> Iterator[Stretch]:
    for item in edited.dropped:
        if item.reason == DELETED:
            yield Stretch(item.span, (), None, gone=frozenset(key(token) for token in item.text.split()))
