"""How other programs give words to speakers, written from the description of what they do, to be measured against.

Each rule takes words (start, end, text) in order and turns (start, end, speaker) sorted by start, and gives a
speaker or None for every word.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

Words = Sequence[tuple[float, float, str]]
Turns = Sequence[tuple[float, float, str]]
Rule = Callable[[Words, Turns], list[str | None]]

SENTENCE_ENDS = ".?!"
LONGEST_SENTENCE = 50
FAR_S = 60.0


def most_overlap(words: Words, turns: Turns, *, nearest: bool = False) -> list[str | None]:
    """whisperX: the speaker with most seconds in common with the word; without any, none (or the nearest turn's)."""
    longest = max((end - start for start, end, _ in turns), default=0.0)
    starts = [start for start, _, _ in turns]
    found: list[str | None] = []
    for begin, end, _ in words:
        shared: Counter[str] = Counter()
        for i in range(bisect_left(starts, begin - longest), bisect_left(starts, end)):
            common = min(end, turns[i][1]) - max(begin, turns[i][0])
            if common > 0:
                shared[turns[i][2]] += common
        if shared:
            found.append(max(shared, key=lambda speaker: shared[speaker]))
        elif nearest and turns:
            middle = (begin + end) / 2
            found.append(min(turns, key=lambda turn: abs((turn[0] + turn[1]) / 2 - middle))[2])
        else:
            found.append(None)
    return found


def nearest_filled(words: Words, turns: Turns) -> list[str | None]:
    """whisperX with `fill_nearest`."""
    return most_overlap(words, turns, nearest=True)


def longest_overlap(words: Words, turns: Turns) -> list[str | None]:
    """WhisperLiveKit, Scriberr, word by word: the single turn with most in common; none, the nearest edge."""
    found: list[str | None] = []
    longest = max((end - start for start, end, _ in turns), default=0.0)
    starts = [start for start, _, _ in turns]
    for begin, end, _ in words:
        # Turns further off than this window are never better than one inside it.
        low = max(0, bisect_left(starts, begin - longest - FAR_S))
        near = turns[low : bisect_left(starts, end + FAR_S)] or turns
        found.append(max(near, key=lambda turn: min(end, turn[1]) - max(begin, turn[0]))[2] if near else None)
    return found


def anchor(words: Words, turns: Turns, *, one_step: bool = False) -> list[str | None]:
    """whisper-diarization: the word's start; the turn moves on while the start lies after its end."""
    at, found = 0, []
    for begin, _, _ in words:
        while at < len(turns) - 1 and begin > turns[at][1]:
            at += 1
            if one_step:
                break
        found.append(turns[at][2] if turns else None)
    return found


def anchor_one_step(words: Words, turns: Turns) -> list[str | None]:
    """NeMo: the same, but at most one turn further a word."""
    return anchor(words, turns, one_step=True)


def sentence_majority(words: Words, turns: Turns) -> list[str | None]:
    """whisper-diarization's whole rule: the anchor, then a sentence with a change in it goes to its majority."""
    found = anchor(words, turns)
    first = 0
    for i, (_, _, text) in enumerate(words):
        if text.strip()[-1:] in SENTENCE_ENDS or i == len(words) - 1:
            sentence = found[first : i + 1]
            speaker, count = Counter(sentence).most_common(1)[0]
            if len(sentence) <= LONGEST_SENTENCE and count >= len(sentence) / 2:
                found[first : i + 1] = [speaker] * len(sentence)
            first = i + 1
    return found


RULES: dict[str, Rule] = {
    "most overlap (whisperX)": most_overlap,
    "most overlap, nearest filled": nearest_filled,
    "longest overlap (WhisperLiveKit)": longest_overlap,
    "anchor": anchor,
    "anchor, one turn a word (NeMo)": anchor_one_step,
    "anchor, sentence majority (whisper-diarization)": sentence_majority,
}
