"""Live transcription: how late words and their speakers are, how often they change, and what is lost to the whole.

    python benchmarks/live.py --model tiny.en --diarizer-option segmentation_model=… RECORDING[=REFERENCE.stm] …

Recordings are played against a simulated clock. The transcriber gets the sound that has come by now; the clock then
goes on by the CPU time that it took, all threads added up, and the next call gets what came meanwhile. With one thread
that is real time on a machine with one core that does nothing else; a run on a busy machine gives the same numbers,
and a recording does not take as long as it lasts.

Latency is counted from the end of a word, as the transcript has it, to the moment at which it is told: *first* in any
hypothesis, *final* where it never changes again, *speaker* where its speaker does not either. *Changed* are words that
were shown and then replaced or taken back, *revised* labels that were shown for a final word and then became another,
each per 100 final words. cpWER is that of the live words against the words of the offline pass, and of both against
the reference where there is one.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

import whisperdiar
from whisperdiar.live import LiveOptions, LiveTranscriber, SpeakersHeard, WordsHeard
from whisperdiar.live.agreement import fold
from whisperdiar.scoring.normalisation import choose_normaliser, make_normaliser
from whisperdiar.scoring.words import NOBODY, Errors, Utterance, speaker_errors
from whisperdiar.transcript import Transcript
from whisperdiar.types import Word

BLOCK_S = 0.1
"""Sound comes in such blocks, as from a microphone."""
SAME_S = 1.0
"""So far the same word may lie in two hypotheses."""


@dataclass
class Figures:
    """What was measured of one recording, or of several together."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    n_words: int = 0
    changed: int = 0
    revised: int = 0
    labelled: int = 0
    first: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    speaker: list[float] = field(default_factory=list)
    against_offline: Errors = field(default_factory=Errors)
    live_errors: Errors = field(default_factory=Errors)
    offline_errors: Errors = field(default_factory=Errors)

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def play(pipeline: Any, path: str, options: LiveOptions) -> tuple[Figures, Transcript, Transcript]:
    """Plays a recording; the figures of it, the live transcript and that of the offline pass."""
    audio = whisperdiar.load(path, channels="mono")
    sound, rate = audio.mono, audio.sample_rate
    shown: list[tuple[float, Word]] = []  # what was told at all, with the first time
    labels: dict[int, str | None] = {}
    figures = Figures(seconds=audio.duration)
    final_at: dict[int, float] = {}
    settled_at: dict[int, float] = {}
    before: tuple[Word, ...] = ()
    now, fed = 0.0, 0
    with LiveTranscriber(pipeline, options=options) as live:

        def take(work: Any) -> None:
            nonlocal now, before
            begun = time.process_time()
            events = work()
            spent = time.process_time() - begun
            figures.cpu_s += spent
            now += spent
            for event in events:
                if isinstance(event, WordsHeard):
                    words = tuple(item.word for item in event.final)
                    figures.changed += count_changed(before, (*words, *event.provisional))
                    before = event.provisional
                    shown.extend((now, word) for word in (*words, *event.provisional))
                    for item in event.final:
                        final_at[item.number], labels[item.number] = now, item.word.speaker
                        if item.is_settled:
                            settled_at[item.number] = now
                elif isinstance(event, SpeakersHeard):
                    for item in event.words:
                        old = labels[item.number]
                        figures.revised += old is not None and old != item.word.speaker
                        labels[item.number] = item.word.speaker
                        if item.is_settled:
                            settled_at[item.number] = now

        while fed < len(sound):
            come = min(len(sound), int(now / BLOCK_S + 1e-6) * round(BLOCK_S * rate))
            if come <= fed:
                now = (int(now / BLOCK_S + 1e-6) + 1) * BLOCK_S
                continue
            first, fed = fed, come
            take(lambda first=first, come=come: live.feed(sound[first:come]))
        take(live.stop)
        words = live.words
        live_transcript = live.transcribe_live()
        offline = live.finish()
    figures.n_words = len(words)
    for item in words:
        told = (at for at, word in shown if is_same(word, item.word))
        figures.first.append(next(told, final_at[item.number]) - item.word.end)
        figures.final.append(final_at[item.number] - item.word.end)
        if live.tells_speakers:
            figures.speaker.append(settled_at[item.number] - item.word.end)
            figures.labelled += item.word.speaker is not None
    return figures, live_transcript, offline


def is_same(word: Word, other: Word) -> bool:
    return abs(word.start - other.start) <= SAME_S and fold(word.text) == fold(other.text)


def count_changed(before: tuple[Word, ...], after: tuple[Word, ...]) -> int:
    """Words that were shown and are replaced or taken back; what comes behind them changes nothing."""
    old, new = [fold(word.text) for word in before], [fold(word.text) for word in after]
    return min(int(Levenshtein.distance(old, new[:length])) for length in range(len(new) + 1)) if old else 0


def utterances(transcript: Transcript, normal: Any) -> list[Utterance]:
    return [
        Utterance(item.speaker or NOBODY, item.span.start, item.span.end, normal(item.text))
        for item in transcript.segments
    ]


def read_stm(path: str, normal: Any) -> list[Utterance]:
    found = []
    for line in Path(path).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith(";;"):
            _name, _channel, speaker, start, end, *text = line.split()
            spoken = " ".join(text[1:] if text and text[0].startswith("<") else text)
            found.append(Utterance(speaker, float(start), float(end), normal(spoken)))
    return found


def describe(name: str, figures: Figures) -> str:
    def spread(values: list[float]) -> str:
        return f"{np.mean(values):.2f}, {np.quantile(values, 0.9):.2f}" if values else "–"

    per = 100.0 / max(1, figures.n_words)

    def rate(errors: Errors) -> str:
        return f"{100 * errors.rate:.1f} %" if errors.length else "–"

    cells = [
        name,
        f"{figures.seconds:.0f} s",
        str(figures.n_words),
        spread(figures.first),
        spread(figures.final),
        spread(figures.speaker),
        f"{figures.changed * per:.1f}",
        f"{figures.revised * per:.1f}",
        rate(figures.against_offline),
        rate(figures.live_errors),
        rate(figures.offline_errors),
        f"{figures.cpu_s / figures.seconds:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| recording | length | words | first: mean, P90 s | final: mean, P90 s | speaker: mean, P90 s | changed per 100 "
    "| revised per 100 | cpWER to offline | cpWER live | cpWER offline | CPU s per s |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", metavar="RECORDING[=REFERENCE.stm]")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--language", default="en")
    parser.add_argument("--diarizer", default="onnx")
    parser.add_argument("--diarizer-option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="of LiveOptions")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", help="file that gets all numbers")
    given = parser.parse_args()
    options = LiveOptions(**{key: json.loads(value) for key, value in (item.split("=", 1) for item in given.option)})
    opened = whisperdiar.open_pipeline(
        model=given.model,
        language=given.language,
        diarizer=given.diarizer,
        diarizer_options=dict(item.split("=", 1) for item in given.diarizer_option),
        threads=given.threads,
        offline=True,
    )
    pipeline = opened.load()
    normal = make_normaliser(choose_normaliser("auto", given.language), given.language)
    whole = Figures()
    kept = {}
    print(f"model {given.model}, {given.threads} thread(s), {asdict(options)}\n\n{HEADER}", flush=True)
    for item in given.recordings:
        path, _equals, reference = item.partition("=")
        figures, live, offline = play(pipeline, path, options)
        heard, again = utterances(live, normal), utterances(offline, normal)
        figures.against_offline = speaker_errors(again, heard)
        if reference:
            said = read_stm(reference, normal)
            figures.live_errors, figures.offline_errors = speaker_errors(said, heard), speaker_errors(said, again)
        print(describe(Path(path).stem, figures), flush=True)
        kept[Path(path).stem] = asdict(figures)
        whole.add(figures)
    print(describe("**all**", whole))
    if given.json:
        Path(given.json).write_text(json.dumps(kept, indent=1), "utf-8")


if __name__ == "__main__":
    main()
