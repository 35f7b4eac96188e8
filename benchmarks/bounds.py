"""Time and memory of what is made of a transcript, at two sizes: does four times as much take four times as long?

    python -m benchmarks.bounds [--words 20000] [--speakers 2500] [--limit 60] [--only srt,minutes] [--memory]

One word after the other, each speaker's eight at a time, a name of his own for each. Prints processor seconds for the
given size and for a quarter of it, and the peak memory of the larger one; what takes longer than the limit is cut off.
"""

from __future__ import annotations

import argparse
import signal
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from whisperdiar import Segment, Span, Speaker, Transcript, Turn, Word, cues, subtitle_rules, talk_statistics
from whisperdiar.editing.text_form import write as write_form
from whisperdiar.formats import FORMATS, by_name
from whisperdiar.minutes.extract.compose import minutes
from whisperdiar.options import PlotOptions, WriteOptions
from whisperdiar.reports.plots import picture_svg
from whisperdiar.subtitles.checking import check
from whisperdiar.subtitles.unavoidable_violations import separate_unavoidable

AT_ONCE = 8
"""Words of a turn."""


def conversation(n_words: int, n_speakers: int) -> Transcript:
    labels = [f"SPEAKER_{k:02d}" for k in range(n_speakers)]
    segments = []
    for first in range(0, n_words, AT_ONCE):
        label = labels[first // AT_ONCE % n_speakers]
        words = tuple(
            Word(Span(i * 0.4, i * 0.4 + 0.3), f" word{i % 977}{'.' * (i % 10 == 9)}", 0.9, label, 0.9)
            for i in range(first, min(n_words, first + AT_ONCE))
        )
        segments.append(Segment(words, label))
    turns = tuple(Turn(segment.span, str(segment.speaker)) for segment in segments)
    speakers = tuple(Speaker(label, f"Person {k}") for k, label in enumerate(labels))
    return Transcript("meeting", n_words * 0.4, "en", speakers, tuple(segments), turns)


def checked(transcript: Transcript) -> Any:
    made, rules = cues(transcript), subtitle_rules("netflix", language="en", overlap=True)
    shown = [[f"{cue.speaker}: {line}" for line in cue.lines] for cue in made]
    return separate_unavoidable(check(made, rules, shown=shown), made, transcript, rules, shown=shown)


WORK: dict[str, Callable[[Transcript], Any]] = {
    "statistics": talk_statistics,
    "plots": lambda item: picture_svg(item, options=PlotOptions(kind="all")),
    "minutes": minutes,
    "check": checked,
    "edit": write_form,
    **{name: (lambda item, name=name: by_name(name).dumps(item, options=WriteOptions())) for name in FORMATS},
}


class TooLong(BaseException):
    """The limit is over."""


def stop(signum: int, frame: Any) -> NoReturn:  # noqa: ARG001 - the signal module's signature
    raise TooLong


def seconds(work: Callable[[], Any], limit: int) -> float | None:
    """Processor seconds; None where the limit is over before the work is done."""
    signal.alarm(limit)
    begun = time.process_time()
    try:
        work()
        return time.process_time() - begun
    except TooLong:
        return None
    finally:
        signal.alarm(0)


def peak_mb(work: Callable[[], Any], limit: int) -> float | None:
    tracemalloc.start()
    try:
        return None if seconds(work, limit) is None else tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def shown(value: float | None, limit: int) -> str:
    return f"> {limit}" if value is None else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--speakers", type=int, default=2500)
    parser.add_argument("--limit", type=int, default=60, help="seconds")
    parser.add_argument("--only", help="comma-separated names of what is made")
    parser.add_argument("--memory", action="store_true", help="also the peak memory, which takes several times as long")
    chosen = parser.parse_args()
    signal.signal(signal.SIGALRM, stop)
    few = conversation(chosen.words // 4, max(1, chosen.speakers // 4))
    many = conversation(chosen.words, chosen.speakers)
    print(f"{chosen.words} words of {chosen.speakers} speakers, and a quarter of both; processor seconds")
    print(f"{'':<16}{'a quarter':>12}{'all':>12}{'ratio':>8}" + (f"{'peak MB':>10}" if chosen.memory else ""))
    for name in chosen.only.split(",") if chosen.only else WORK:
        work = WORK[name]
        small, large = (seconds(partial(work, item), chosen.limit) for item in (few, many))
        ratio = f"{large / max(small, 1e-3):.1f}" if small is not None and large is not None else ""
        row = f"{name:<16}{shown(small, chosen.limit):>12}{shown(large, chosen.limit):>12}{ratio:>8}"
        if chosen.memory:
            row += f"{shown(peak_mb(partial(work, many), 5 * chosen.limit), chosen.limit):>10}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
