"""What is known about a recording, as text: RTTM, STM and a table of words. Times have three decimals."""

from __future__ import annotations

from samples.performance import Performance


def rttm(performance: Performance) -> str:
    """NIST RTTM: one SPEAKER line per reference turn (onset and duration)."""
    recording = performance.script.name
    lines = []
    for turn in performance.turns():
        start, end = round(turn.start, 3), round(turn.end, 3)  # first, so that onset plus duration is the end
        lines.append(
            f"SPEAKER {recording} {turn.channel} {start:.3f} {end - start:.3f} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        )
    return "".join(lines)


def stm(performance: Performance) -> str:
    """NIST STM: one line per turn of the script, with its text as written."""
    recording = performance.script.name
    return "".join(
        f"{recording} {turn.channel} {turn.speaker} {turn.start:.3f} {turn.end:.3f} <o> {turn.text}\n"
        for turn in performance.utterances
    )


def words_tsv(performance: Performance) -> str:
    """A table with a header: start, end, speaker, word."""
    rows = [f"{word.start:.3f}\t{word.end:.3f}\t{word.speaker}\t{word.text}\n" for word in performance.words]
    return "".join(["start\tend\tspeaker\tword\n", *rows])
