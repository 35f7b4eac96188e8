"""Other conversations made of a meeting's words: fewer speakers, more of them, or one after the other.

Meetings of four who know each other are one kind of talk. Interviews, panels and lectures have longer turns, fewer
interruptions, and any number of speakers.
"""

from __future__ import annotations

import numpy as np

SpokenWord = tuple[float, float, str, str]
"""start, end, speaker, text"""
SpokenTurn = tuple[float, float, str]
"""start, end, speaker"""

_PAUSE_S = 0.5
_NEW_PEOPLE_S = 180.0


def unchanged(words: list[SpokenWord], rng: np.random.Generator) -> list[SpokenWord]:  # noqa: ARG001
    """The meeting as it is."""
    return words


def merged(words: list[SpokenWord], rng: np.random.Generator) -> list[SpokenWord]:
    """Two or three speakers: some people of the meeting become one."""
    speakers = sorted({word[2] for word in words})
    n_kept = int(rng.integers(2, 4))
    new = {speaker: f"M{int(rng.integers(n_kept)) if i >= n_kept else i}" for i, speaker in enumerate(speakers)}
    return [(start, end, new[who], text) for start, end, who, text in words]


def split(words: list[SpokenWord], rng: np.random.Generator) -> list[SpokenWord]:  # noqa: ARG001
    """Many speakers: every few minutes other people talk."""
    return [(start, end, f"{who}_{int(start // _NEW_PEOPLE_S)}", text) for start, end, who, text in words]


def arranged(words: list[SpokenWord], rng: np.random.Generator) -> list[SpokenWord]:
    """The meeting's utterances one after the other, by two to eight speakers, with a few short ones in between."""
    speakers = [f"P{i}" for i in range(int(rng.integers(2, 9)))]
    stay, aside = rng.uniform(0.3, 0.97), rng.uniform(0.0, 0.15)
    made: list[SpokenWord] = []
    now, who = 0.0, speakers[0]
    for utterance in _utterances(words):
        begin, stop = utterance[0][0], max(word[1] for word in utterance)
        others = [speaker for speaker in speakers if speaker != who]
        if made and len(utterance) <= 2 and rng.random() < aside:
            place = max(0.0, now - rng.uniform(0.0, 2.0)) - begin
            made += _moved(utterance, place, str(rng.choice(others)))
            continue
        if rng.random() < stay:
            now += rng.uniform(0.1, 0.8) if rng.random() < 0.85 else rng.uniform(0.8, 4.0)
        else:
            who = str(rng.choice(others))
            now += float(np.clip(rng.normal(0.25, 0.3), -0.3, 2.0))
        now = max(now, 0.0)
        made += _moved(utterance, now - begin, who)
        now += stop - begin
    return sorted(made)


def _moved(utterance: list[SpokenWord], by: float, who: str) -> list[SpokenWord]:
    return [(start + by, end + by, who, text) for start, end, _, text in utterance]


def _utterances(words: list[SpokenWord]) -> list[list[SpokenWord]]:
    """Each speaker's words up to his next pause, in order of their starts."""
    found: list[list[SpokenWord]] = []
    last: dict[str, list[SpokenWord]] = {}
    for word in sorted(words):
        current = last.get(word[2])
        if current is None or word[0] - current[-1][1] >= _PAUSE_S:
            last[word[2]] = current = []
            found.append(current)
        current.append(word)
    return found
